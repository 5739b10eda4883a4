/*
 * Publishing a run: its rows replace those of the score views and of the day.
 *
 * All replacements are written and indexed first, while readers go on with the
 * old rows; then all of them are swapped in together (replacement.c). Nothing
 * but the end of the transaction should follow.
 */
#include "compat.h"

#include "catalog/namespace.h"
#include "catalog/pg_type_d.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "model/calibration_store.h"
#include "model/history.h"
#include "model/progress.h"
#include "model/publish.h"
#include "model/replacement.h"
#include "model/views.h"

/* What a row of the views takes, roughly */
#define TYPICAL_ROW_BYTES	80

/*
 * A view whose indexes keep others busy while the largest one is written, whose index
 * takes longest, and then the rest
 */
static const ScoreView fill_order[VIEW_COUNT] = {VIEW_SCORES, VIEW_SIGNALS, VIEW_NETWORK_SCORES};

/* Rows that go into a replacement */
typedef struct ReplacementSink
{
	RowSink		sink;
	Replacement *replacement;
} ReplacementSink;

static void
put_in_replacement(RowSink *sink, Datum *values, bool *nulls)
{
	replacement_put(((ReplacementSink *) sink)->replacement, values, nulls);
}

/*
 * Start the replacement of one view
 */
static Replacement *
begin_view(const Run *run, ScoreView view)
{
	const char *schema = run->model->ref.schema;
	Oid			relation = get_relname_relid(view_name(view), get_namespace_oid(schema, false));

	if (!OidIsValid(relation))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("view \"%s.%s\" of model \"%s\" does not exist",
						schema, view_name(view), run->model->ref.name),
				 errhint("Drop the model with influence_drop_model() and create it again.")));
	return replacement_begin(relation);
}

/*
 * Write the rows of one view
 */
static void
fill_view(Run *run, ScoreView view, Replacement *replacement, IndexBuilder *builder)
{
	ReplacementSink sink = {.sink.put = put_in_replacement,.replacement = replacement};

	progress_report(run->model->ref.name, "publishing view \"%s\"", view_name(view));
	view_fill(view, run, replacement_desc(replacement), &sink.sink);
	replacement_end_rows(replacement, builder);
}

/*
 * About how many pages all replacements will have
 */
static uint64
estimate_pages(const Run *run)
{
	uint64		rows = run->scores->count + run->scores->count +
		run->measures->person_network_count + record_log_count(&run->measures->signal_counts);

	return rows / (BLCKSZ / TYPICAL_ROW_BYTES);
}

/*
 * Write all replacements; returns a list of them
 */
static List *
write_replacements(Run *run)
{
	Replacement *views[VIEW_COUNT];
	Replacement *history;
	List	   *replacements = NIL;
	IndexBuilder *builder;

	/* from here on there are files that a crash leaves behind */
	progress_report(run->model->ref.name, "publishing");
	for (ScoreView view = 0; view < VIEW_COUNT; view++)
		replacements = lappend(replacements, views[view] = begin_view(run, view));
	history = history_begin(run);
	if (history != NULL)
		replacements = lappend(replacements, history);

	builder = replacement_start_indexes(replacements, estimate_pages(run));
	for (int i = 0; i < VIEW_COUNT; i++)
		fill_view(run, fill_order[i], views[fill_order[i]], builder);
	if (history != NULL)
	{
		progress_report(run->model->ref.name, "publishing the history");
		history_fill(run, history);
		replacement_end_rows(history, builder);
	}
	progress_report(run->model->ref.name, "publishing the indexes");
	/* sorting takes memory, too */
	run_free_people(run);
	replacement_finish_all(replacements, builder);
	return replacements;
}

/*
 * Note in influence.networks the priors of what is published now
 */
static void
store_priors(const Run *run)
{
	const Model *model = run->model;
	Oid			types[4] = {TEXTOID, TEXTARRAYOID, FLOAT8ARRAYOID, FLOAT8ARRAYOID};
	Datum		values[4];
	Datum	   *names = palloc(sizeof(Datum) * (model->network_count + 1));
	Datum	   *shares = palloc(sizeof(Datum) * (model->network_count + 1));
	Datum	   *posts = palloc(sizeof(Datum) * (model->network_count + 1));

	for (int i = 0; i < model->network_count; i++)
	{
		names[i] = CStringGetTextDatum(model->networks[i].name);
		shares[i] = Float8GetDatum(run->measures->priors[i].shares);
		posts[i] = Float8GetDatum(run->measures->priors[i].posts);
	}
	values[0] = CStringGetTextDatum(model->ref.name);
	values[1] = PointerGetDatum(construct_array(names, model->network_count, TEXTOID, -1, false, TYPALIGN_INT));
	values[2] = PointerGetDatum(construct_array(shares, model->network_count, FLOAT8OID, sizeof(float8),
												FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	values[3] = PointerGetDatum(construct_array(posts, model->network_count, FLOAT8OID, sizeof(float8),
												FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	SPI_execute_with_args("UPDATE influence.networks AS n SET prior_shares = p.shares, prior_posts = p.posts "
						  "FROM (SELECT u.network, nullif(u.shares, 0) AS shares, nullif(u.posts, 0) AS posts "
						  "FROM unnest($2, $3, $4) AS u (network, shares, posts)) AS p "
						  "WHERE n.model OPERATOR(pg_catalog.=) $1 AND n.network OPERATOR(pg_catalog.=) p.network "
						  "AND (n.prior_shares IS DISTINCT FROM p.shares OR n.prior_posts IS DISTINCT FROM p.posts)",
						  4, types, values, NULL, false, 0);
}

/*
 * Note in the configuration what is published now
 */
static void
store_published(void *arg)
{
	const Run  *run = arg;
	Oid			types[2] = {TEXTOID, TIMESTAMPTZOID};
	Datum		values[2];

	values[0] = CStringGetTextDatum(run->model->ref.name);
	values[1] = TimestampTzGetDatum(run->as_of);
	SPI_connect();
	SPI_execute_with_args("UPDATE influence.models SET published_as_of = $2 "
						  "WHERE model OPERATOR(pg_catalog.=) $1", 2, types, values, NULL, false, 0);
	if (SPI_processed != 1)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("model \"%s\" was removed during the refresh", run->model->ref.name)));
	store_priors(run);
	SPI_finish();
	history_note_calibration(run);
}

/*
 * Write everything that a run has computed; the caller has become the owner
 */
void
publish_run(Run *run)
{
	TimestampTz start = GetCurrentTimestamp();
	Calibration *calibration = run->scores->calibration;
	List	   *replacements;

	if (calibration != NULL && calibration->version == 0)
		calibration_save(run->model, run->as_of, calibration);
	replacements = write_replacements(run);

	progress_report(run->model->ref.name, "waiting for readers");
	/* rows may be locked by somebody who waits for us elsewhere */
	replacement_swap_all(replacements, store_published, run);
	history_forget(run);
	run->milliseconds[PHASE_PUBLISH] = (double) (GetCurrentTimestamp() - start) / 1000;
}
