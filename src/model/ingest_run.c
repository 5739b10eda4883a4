/*
 * Reads the sources of a model.
 *
 * Large tables are read by several processes (ingest_parallel.c). What lies on
 * other servers is grouped there, and only the groups are fetched
 * (ingest_groups.c). Everything else, such as views that join, is read by this
 * process, row by row under whatever plan the server makes.
 */
#include "compat.h"

#include "utils/memutils.h"

#include "influence.h"
#include "model/accounts.h"
#include "model/ingest_groups.h"
#include "model/ingest_parallel.h"
#include "model/ingest_run.h"
#include "model/progress.h"
#include "model/reader.h"
#include "model/source.h"

/*
 * Read one source in this process
 */
static void
read_source(Ingest *ingest, const Source *source)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "influence source",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	SourceReader *reader = reader_create(ingest, source);

	progress_report(ingest->model->ref.name, "reading source \"%s\"", source->name);
	source_stream(ingest->model, source, reader_start, reader_row, reader);
	reader_finish(reader);

	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}

/*
 * Read all sources of a model as of a moment
 *
 * Runs in the owner's security context. The result is in the current memory
 * context. While it grows, this process keeps half of influence.max_memory and
 * the others a quarter. Errors: those of source_query(), bad rows when the policy says so,
 * and whatever the source queries raise.
 *
 * closed: days that are taken from where they are kept, or NULL. Rows of days that
 * will be kept wait in Ingest.days for closed_days_keep().
 */
Ingest *
ingest_run(const Model *model, TimestampTz as_of, ClosedDays *closed)
{
	Size		limit = (Size) influence_max_memory * 1024;
	Ingest	   *ingest = ingest_create(model, as_of, spill_create(CurrentMemoryContext), limit / 2);
	ListCell   *lc;
	ListCell   *part;

	if (closed != NULL)
		closed_days_load(closed, ingest);
	foreach(lc, model->sources)
		if (((Source *) lfirst(lc))->by_account && ingest->accounts == NULL)
			accounts_load(ingest);
	foreach(lc, ingest_in_parallel(ingest, limit / 4))
		foreach(part, ingest_groups(ingest, lfirst(lc)))
			read_source(ingest, lfirst(part));
	return ingest;
}
