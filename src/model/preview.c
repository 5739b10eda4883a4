/*
 * Scores under a changed configuration, beside the published ones.
 *
 * The changes are made to the configuration tables, so that everything that
 * guards these does its work, the configuration is loaded, and the changes are
 * rolled back, before anything is computed: nobody waits for a preview, and
 * nobody sees one. The scores are computed as a refresh computes them, as the
 * owner of the model, in memory; no other process reads for it, since the
 * changed configuration is in this one only. Nothing is written.
 */
#include "compat.h"

#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_type_d.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "memory.h"
#include "model/attempt.h"
#include "model/owner.h"
#include "model/progress.h"
#include "model/run.h"
#include "query.h"

#define RESULT_COLUMNS 5

/* The model with its changes, which are there only while it is loaded */
typedef struct ChangedModel
{
	const ModelRef *ref;
	Datum		changes;		/* jsonb */
	const char *configure;		/* qualified name of the function that makes them */
	Model	   *model;
} ChangedModel;

/* What was published about a person */
typedef struct Published
{
	double		score;
	int64		rank;			/* 0: nothing */
} Published;

typedef struct Comparison
{
	const Run  *run;
	Published  *published;		/* by position in run->scores->people */
	FmgrInfo	id_out;
	ReturnSetInfo *result;
} Comparison;

/*
 * Make the changes and load the model; to be undone
 */
static void
load_changed(void *arg)
{
	ChangedModel *changed = arg;
	Oid			types[2] = {TEXTOID, JSONBOID};
	Datum		values[2];

	values[0] = CStringGetTextDatum(changed->ref->name);
	values[1] = changed->changes;
	SPI_connect();
	SPI_execute_with_args(psprintf("SELECT %s($1, $2)", changed->configure),
						  2, types, values, NULL, false, 0);
	SPI_finish();

	/* the changed rows, and no row that somebody else has changed meanwhile */
	CommandCounterIncrement();
	if (IsolationUsesXactSnapshot())
	{
		PushCopiedSnapshot(GetActiveSnapshot());
		UpdateActiveSnapshotCommandId();
	}
	else
		PushActiveSnapshot(GetLatestSnapshot());
	changed->model = config_load(changed->ref);
	PopActiveSnapshot();
}

/*
 * Put a row into the result; NULL for what is missing
 */
static void
put_row(const Comparison *comparison, Datum id, const Published *before, const PersonScore *after)
{
	Datum		values[RESULT_COLUMNS];
	bool		nulls[RESULT_COLUMNS] = {false};

	values[0] = CStringGetTextDatum(OutputFunctionCall(unconstify(FmgrInfo *, &comparison->id_out), id));
	values[1] = Float8GetDatum(before->score);
	values[3] = Int64GetDatum(before->rank);
	nulls[1] = nulls[3] = before->rank == 0;
	values[2] = Float8GetDatum(after == NULL ? 0 : after->score);
	values[4] = Int64GetDatum(after == NULL ? 0 : after->rank);
	nulls[2] = nulls[4] = after == NULL;
	tuplestore_putvalues(comparison->result->setResult, comparison->result->setDesc, values, nulls);
	pfree(DatumGetPointer(values[0]));
}

/*
 * StartCallback; the columns are those of our own view
 */
static void
start_published(TupleDesc desc pg_attribute_unused(), void *arg pg_attribute_unused())
{
}

/*
 * RowCallback: a published score; who has none any more goes into the result
 */
static void
read_published(TupleTableSlot *slot, void *arg)
{
	Comparison *comparison = arg;
	const Run  *run = comparison->run;
	Published	published = {.score = DatumGetFloat8(slot->tts_values[1]),.rank = DatumGetInt64(slot->tts_values[2])};
	uint32		person;

	if (intern_find(run->ingest->people, slot->tts_values[0], &person) &&
		run->scores->position[person] != NOBODY)
		comparison->published[run->scores->position[person]] = published;
	else
		put_row(comparison, slot->tts_values[0], &published, NULL);
}

/*
 * Compare a run with what is published
 */
static void
compare(const Run *run, const ModelRef *ref, ReturnSetInfo *result)
{
	Comparison	comparison = {.run = run,.result = result};
	Oid			output;
	bool		is_varlena;

	getTypeOutputInfo(ref->id_type, &output, &is_varlena);
	fmgr_info(output, &comparison.id_out);
	comparison.published = huge_array(CurrentMemoryContext, run->scores->count, sizeof(Published));
	memset(comparison.published, 0, run->scores->count * sizeof(Published));
	query_stream(psprintf("SELECT user_id, score, rank FROM %s",
						  quote_qualified_identifier(ref->schema, "scores")),
				 start_published, read_published, &comparison);
	for (uint32 i = 0; i < run->scores->count; i++)
	{
		uint32		position = run->scores->by_rank[i];
		const PersonScore *person = &run->scores->people[position];

		CHECK_FOR_INTERRUPTS();
		put_row(&comparison, intern_datum(run->ingest->people, person->person),
				&comparison.published[position], person);
	}
	pfree(comparison.published);
}

/*
 * Compute the preview as the owner of the model
 */
static void
preview_as_owner(ChangedModel *changed, TimestampTz as_of, bool recalibrate, ReturnSetInfo *result)
{
	OwnerContext saved;
	ErrorData  *error;
	Run		   *run;

	owner_enter(&saved, model_owner(changed->ref));
	error = attempt_and_undo(load_changed, changed);
	if (error != NULL)
		ReThrowError(error);

	/* as for the views: what another refresh has just published is to be seen */
	PushActiveSnapshot(IsolationUsesXactSnapshot() ? GetActiveSnapshot() : GetLatestSnapshot());
	run = run_compute_preview(changed->model, as_of, recalibrate);
	compare(run, changed->ref, result);
	PopActiveSnapshot();
	owner_leave(&saved);
	run_free(run);
	progress_end();
}

PG_FUNCTION_INFO_V1(influence_preview_rows);

/*
 * influence_preview_rows(model text, changes jsonb, as_of timestamptz, recalibrate
 * boolean): a row for each person who has a score, published or under the changes
 */
Datum
influence_preview_rows(PG_FUNCTION_ARGS)
{
	TimestampTz as_of = PG_GETARG_TIMESTAMPTZ(2);
	ChangedModel changed = {.changes = JsonbPGetDatum(PG_GETARG_JSONB_P(1))};
	Relation	scores;

	PreventCommandIfReadOnly("influence_preview()");
	changed.ref = model_find(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	model_check_owner(changed.ref);
	if (TIMESTAMP_NOT_FINITE(as_of))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("as_of of a preview must be finite"),
				 errhint("Leave it out for the moment that was published.")));
	scores = table_open(changed.ref->scores, AccessShareLock);
	model_check_refreshed(changed.ref, scores);
	table_close(scores, NoLock);

	changed.configure = quote_qualified_identifier(get_namespace_name(get_func_namespace(fcinfo->flinfo->fn_oid)),
												   "influence_configure");
	InitMaterializedSRF(fcinfo, 0);
	preview_as_owner(&changed, as_of, PG_GETARG_BOOL(3), (ReturnSetInfo *) fcinfo->resultinfo);
	return (Datum) 0;
}
