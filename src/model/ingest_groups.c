/*
 * Reading sources on other servers in groups instead of rows.
 *
 * Which parts of a source can be, the planner says, and whether the other
 * server agrees shows when the query runs. So the groups of a source are kept
 * apart until the last has come; when something is not as it should be there,
 * nothing has been recorded yet, and the rows are read instead. That costs time
 * and changes no score.
 *
 *   source -> parts -> planned: grouped there?  yes -> groups -> all here? record
 *                                                         |  no: one part alone
 *                                  no -> read by rows  <--+
 */
#include "compat.h"

#include "catalog/pg_class.h"
#include "executor/executor.h"
#include "foreign/foreign.h"
#include "miscadmin.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"

#include "model/group_elsewhere.h"
#include "model/group_reader.h"
#include "model/grouped_query.h"
#include "model/ingest_groups.h"
#include "model/progress.h"
#include "model/source.h"
#include "model/source_parts.h"
#include "query.h"

/* Groups on their way from the query to the reader */
typedef struct Gathering
{
	Ingest	   *ingest;
	const Source *source;
	List	   *parts;			/* of SourcePart *, all with a query */
	MemoryContext context;
	Tuplestorestate *groups;
	TupleDesc	desc;			/* of them */
	bool		rows_wanted;	/* a bad row must fail the run, and be named */
} Gathering;

/* A part whose grouped query is to be made and planned */
typedef struct PartPlanning
{
	const Ingest *ingest;
	SourcePart *part;
} PartPlanning;

/*
 * Set the query of a part, unless it would be grouped here
 */
static void
plan_part(void *arg)
{
	PartPlanning *planning = arg;
	SourcePart *part = planning->part;
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "influence group planning",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	char	   *query;

	query = grouped_query(planning->ingest->model, &part->source, planning->ingest->as_of);
	if (query != NULL && source_is_grouped_elsewhere(&part->source, query))
		part->query = MemoryContextStrdup(caller, query);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
}

/*
 * Is this an error that reading by rows might not have? What the other server
 * lacks, or what cannot be computed or is not supported in groups.
 */
static bool
is_worth_another_try(const ErrorData *error)
{
	int			category = ERRCODE_TO_CATEGORY(error->sqlerrcode);

	return category == ERRCODE_SYNTAX_ERROR_OR_ACCESS_RULE_VIOLATION ||
		category == ERRCODE_DATA_EXCEPTION || category == ERRCODE_FEATURE_NOT_SUPPORTED;
}

/*
 * Notice that a part is read by rows, though it should not need to be
 *
 * error: of the attempt to read it in groups; NULL when it was not even made
 */
static void
report_rows(const Ingest *ingest, const SourcePart *part, const ErrorData *error)
{
	char	   *server = "its server";

	if (error == NULL && !part->grouping_expected)
		return;
	if (get_rel_relkind(part->source.relation) == RELKIND_FOREIGN_TABLE)
		server = psprintf("server \"%s\"",
						  GetForeignServer(GetForeignTable(part->source.relation)->serverid)->servername);
	ereport(NOTICE,
			(errmsg("model \"%s\": source \"%s\" fetches every row of \"%s\"",
					ingest->model->ref.name, part->source.name, get_rel_name(part->source.relation)),
			 error != NULL ? errdetail("Rows cannot be grouped by %s: %s.", server, error->message) :
			 errdetail("Rows are not grouped by %s.", server),
			 errhint("Extension influence must be there, in the same schema, and named in the option \"extensions\" of the server; "
					 "the mappings and the filter must use nothing else that is not built in.")));
}

/*
 * Make the grouped queries of the parts; returns how many parts have one
 */
static int
plan_parts(const Ingest *ingest, List *parts)
{
	int			grouped = 0;
	ListCell   *lc;

	foreach(lc, parts)
	{
		PartPlanning planning = {.ingest = ingest,.part = lfirst(lc)};
		ErrorData  *error;

		if (!planning.part->elsewhere)
			continue;
		error = attempt_elsewhere(plan_part, &planning);
		if (error != NULL && !is_worth_another_try(error))
			ReThrowError(error);
		if (planning.part->query != NULL)
			grouped++;
		else
			report_rows(ingest, planning.part, error);
	}
	return grouped;
}

static void
gather_start(TupleDesc desc, void *arg)
{
	Gathering  *gathering = arg;
	MemoryContext old = MemoryContextSwitchTo(gathering->context);

	gathering->desc = CreateTupleDescCopy(desc);
	MemoryContextSwitchTo(old);
}

static void
gather_group(TupleTableSlot *slot, void *arg)
{
	Gathering  *gathering = arg;

	if (gathering->ingest->model->bad_rows_fail && !slot->tts_isnull[GROUP_REASON])
	{
		IgnoreReason reason = DatumGetInt32(slot->tts_values[GROUP_REASON]);

		if (reason >= IGNORE_BAD_TIME && reason <= IGNORE_BAD_SENTIMENT)
			gathering->rows_wanted = true;
	}
	tuplestore_puttupleslot(gathering->groups, slot);
}

/*
 * Fetch the groups of all parts by one query, so that servers work side by side
 */
static void
gather(void *arg)
{
	Gathering  *gathering = arg;
	const Model *model = gathering->ingest->model;
	MemoryContext context = CurrentMemoryContext;
	StringInfoData sql;
	ListCell   *lc;

	initStringInfo(&sql);
	foreach(lc, gathering->parts)
		appendStringInfo(&sql, "%s(%s)", sql.len > 0 ? " UNION ALL " : "",
						 ((SourcePart *) lfirst(lc))->query);
	PG_TRY();
	{
		query_stream(sql.data, gather_start, gather_group, gathering);
	}
	PG_CATCH();
	{
		source_rethrow(model, gathering->source, context);
	}
	PG_END_TRY();
}

/*
 * Record the groups that were gathered
 */
static void
record_groups(Gathering *gathering)
{
	TupleTableSlot *slot = MakeSingleTupleTableSlot(gathering->desc, &TTSOpsMinimalTuple);
	GroupReader *reader = group_reader_create(gathering->ingest, gathering->source, gathering->desc);
	MemoryContext group_context = AllocSetContextCreate(CurrentMemoryContext, "influence group",
														ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = CurrentMemoryContext;

	while (tuplestore_gettupleslot(gathering->groups, true, false, slot))
	{
		CHECK_FOR_INTERRUPTS();
		slot_getallattrs(slot);
		MemoryContextSwitchTo(group_context);
		group_reader_group(reader, slot);
		MemoryContextSwitchTo(old);
		MemoryContextReset(group_context);
	}
	ExecDropSingleTupleTableSlot(slot);
}

/*
 * Read parts in groups; false when that cannot be done and nothing was read
 *
 * The error is set to that of another server, NULL when it was not one.
 */
static bool
read_groups(Ingest *ingest, const Source *source, List *parts, ErrorData **error)
{
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext context = AllocSetContextCreate(caller, "influence groups", ALLOCSET_DEFAULT_SIZES);
	Gathering	gathering = {.ingest = ingest,.source = source,.parts = parts,.context = context};
	bool		done;

	MemoryContextSwitchTo(context);
	/* not within the attempt, at whose end its files would be closed */
	gathering.groups = tuplestore_begin_heap(false, false, work_mem);
	MemoryContextSwitchTo(caller);
	*error = attempt_elsewhere(gather, &gathering);
	if (*error != NULL && !is_worth_another_try(*error))
		ReThrowError(*error);

	MemoryContextSwitchTo(context);
	done = *error == NULL && !gathering.rows_wanted;
	if (done)
		record_groups(&gathering);
	tuplestore_end(gathering.groups);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
	return done;
}

/*
 * Read the parts that have a grouped query; returns the others, and those where
 * it failed, as sources
 */
static List *
read_parts(Ingest *ingest, const Source *source, List *parts)
{
	List	   *grouped = NIL;
	List	   *others = NIL;
	ErrorData  *error;
	ListCell   *lc;

	foreach(lc, parts)
	{
		SourcePart *part = lfirst(lc);

		if (part->query != NULL)
			grouped = lappend(grouped, part);
		else
			others = lappend(others, &part->source);
	}
	if (read_groups(ingest, source, grouped, &error))
		return others;
	foreach(lc, grouped)
	{
		SourcePart *part = lfirst(lc);

		if (list_length(grouped) > 1 && read_groups(ingest, source, list_make1(part), &error))
			continue;
		if (error != NULL)
			report_rows(ingest, part, error);
		others = lappend(others, &part->source);
	}
	return others;
}

/*
 * Read of a source in groups what can be; returns what is still to be read by
 * rows: the source, parts of it, or nothing
 */
List *
ingest_groups(Ingest *ingest, const Source *source)
{
	const Model *model = ingest->model;
	List	   *parts;

	/* what is kept of closed days is made of rows; links of accounts are here */
	if (source->incremental || source->by_account)
		return list_make1(unconstify(Source *, source));
	/* a row of somebody hidden is somebody unknown, and two rows are two */
	if (model->hidden_actors_count && privacy_hides_anybody(model->privacy))
		return list_make1(unconstify(Source *, source));
	/* rows of one group may be on both sides of a pause of their target's clock */
	if (model->inactivity_policy != INACTIVITY_DECAY)
		return list_make1(unconstify(Source *, source));
	parts = source_parts(source);
	/* what is wrong with the source itself is no reason to try it in rows */
	if (parts != NIL)
		pfree(source_query(model, source));
	if (plan_parts(ingest, parts) == 0)
		return list_make1(unconstify(Source *, source));
	progress_report(model->ref.name, "reading groups of source \"%s\"", source->name);
	return read_parts(ingest, source, parts);
}
