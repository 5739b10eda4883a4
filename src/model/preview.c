/*
 * Scores under a changed configuration, beside the published ones.
 *
 * The published scores are loaded. The changes are made to the configuration
 * tables, so that everything that guards these does its work, and the
 * configuration is loaded. Then all of that is rolled back, the locks with it,
 * before anything is computed: nobody waits for a preview, and nobody sees one.
 * The scores are computed as a refresh computes them, as the owner of the model,
 * in memory; no other process reads for it, since the changed configuration is in
 * this one only. Nothing is written.
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

#include "math/tier.h"
#include "memory.h"
#include "model/attempt.h"
#include "model/owner.h"
#include "model/progress.h"
#include "model/run.h"
#include "query.h"

#define RESULT_COLUMNS 7

/* A published score */
typedef struct PublishedScore
{
	double		score;
	int64		rank;
	uint32		tier;			/* number in Preview.tiers */
	bool		compared;
} PublishedScore;

/* What a preview starts from: the published scores and the model with its changes */
typedef struct Preview
{
	const ModelRef *ref;
	Datum		changes;		/* jsonb */
	const char *configure;		/* qualified name of the function that makes them */
	Model	   *model;

	InternTable *ids;			/* of the people who have a published score */
	PublishedScore *published;	/* by number of the id */
	uint32		capacity;		/* of published */
	InternTable *tiers;			/* names of the published tiers */

	FmgrInfo	id_out;
	ReturnSetInfo *result;
} Preview;

/*
 * A snapshot that sees what this transaction has written and others have committed
 */
static void
push_snapshot(void)
{
	if (IsolationUsesXactSnapshot())
	{
		PushCopiedSnapshot(GetActiveSnapshot());
		UpdateActiveSnapshotCommandId();
	}
	else
		PushActiveSnapshot(GetLatestSnapshot());
}

/*
 * StartCallback; the columns are known, and cast in case the view is not ours
 */
static void
start_published(TupleDesc desc pg_attribute_unused(), void *arg pg_attribute_unused())
{
}

/*
 * RowCallback: a published score
 */
static void
read_published(TupleTableSlot *slot, void *arg)
{
	Preview    *preview = arg;
	uint32		number = intern_id(preview->ids, slot->tts_values[0]);

	if (number >= preview->capacity)
	{
		preview->capacity = (uint32) huge_array_next(preview->capacity, INTERN_LIMIT);
		preview->published = huge_array_resize(preview->published, preview->capacity, sizeof(PublishedScore));
	}
	preview->published[number].score = DatumGetFloat8(slot->tts_values[1]);
	preview->published[number].rank = DatumGetInt64(slot->tts_values[2]);
	preview->published[number].tier = intern_id(preview->tiers, slot->tts_values[3]);
	preview->published[number].compared = false;
}

/*
 * Read the published scores; 55000 when there are none yet
 */
static void
load_published(Preview *preview)
{
	Relation	scores = table_open(preview->ref->scores, AccessShareLock);

	model_check_refreshed(preview->ref, scores);
	table_close(scores, NoLock);
	preview->ids = intern_create(preview->ref->id_type, CurrentMemoryContext);
	preview->tiers = intern_create(TEXTOID, CurrentMemoryContext);
	preview->published = huge_array(CurrentMemoryContext, 0, sizeof(PublishedScore));
	push_snapshot();
	query_stream(psprintf("SELECT user_id::%s, score::float8, rank::int8, tier::text FROM %s "
						  "WHERE user_id IS NOT NULL AND tier IS NOT NULL",
						  format_type_be(preview->ref->id_type),
						  quote_qualified_identifier(preview->ref->schema, "scores")),
				 start_published, read_published, preview);
	PopActiveSnapshot();
}

/*
 * Make the changes and load the model
 */
static void
load_changed(Preview *preview)
{
	Oid			types[2] = {TEXTOID, JSONBOID};
	Datum		values[2];

	values[0] = CStringGetTextDatum(preview->ref->name);
	values[1] = preview->changes;
	SPI_connect();
	SPI_execute_with_args(psprintf("SELECT %s($1, $2)", preview->configure),
						  2, types, values, NULL, false, 0);
	SPI_finish();

	CommandCounterIncrement();
	push_snapshot();
	preview->model = config_load(preview->ref);
	PopActiveSnapshot();
}

/*
 * Load what the preview starts from; to be undone, with the locks that it took
 */
static void
load_action(void *arg)
{
	load_published(arg);
	load_changed(arg);
}

/*
 * Put a row into the result; NULL for what is missing
 */
static void
put_row(Preview *preview, Datum id, const PublishedScore *before, const PersonScore *after)
{
	Datum		values[RESULT_COLUMNS];
	bool		nulls[RESULT_COLUMNS] = {false};

	values[0] = CStringGetTextDatum(OutputFunctionCall(&preview->id_out, id));
	values[1] = Float8GetDatum(before == NULL ? 0 : before->score);
	values[3] = Int64GetDatum(before == NULL ? 0 : before->rank);
	nulls[1] = nulls[3] = before == NULL;
	values[2] = Float8GetDatum(after == NULL ? 0 : after->score);
	values[4] = Int64GetDatum(after == NULL ? 0 : after->rank);
	nulls[2] = nulls[4] = after == NULL;
	values[5] = before == NULL ? (Datum) 0 : intern_datum(preview->tiers, before->tier);
	nulls[5] = before == NULL;
	values[6] = after == NULL ? (Datum) 0 :
		CStringGetTextDatum(tier_in_ranges(preview->model->tiers, preview->model->tier_count, after->score));
	nulls[6] = after == NULL;
	tuplestore_putvalues(preview->result->setResult, preview->result->setDesc, values, nulls);
	pfree(DatumGetPointer(values[0]));
	if (after != NULL)
		pfree(DatumGetPointer(values[6]));
}

/*
 * Compare a run with what was published
 */
static void
compare(Preview *preview, const Run *run)
{
	Oid			output;
	bool		is_varlena;
	uint32		number;

	getTypeOutputInfo(preview->ref->id_type, &output, &is_varlena);
	fmgr_info(output, &preview->id_out);
	for (uint32 i = 0; i < run->scores->count; i++)
	{
		const PersonScore *person = &run->scores->people[run->scores->by_rank[i]];
		Datum		id = intern_datum(run->ingest->people, person->person);
		bool		found = intern_find(preview->ids, id, &number);

		CHECK_FOR_INTERRUPTS();
		if (found)
			preview->published[number].compared = true;
		put_row(preview, id, found ? &preview->published[number] : NULL, person);
	}
	for (number = 0; number < intern_count(preview->ids); number++)
	{
		CHECK_FOR_INTERRUPTS();
		if (!preview->published[number].compared)
			put_row(preview, intern_datum(preview->ids, number), &preview->published[number], NULL);
	}
}

/*
 * Compute the preview as the owner of the model
 */
static void
preview_as_owner(Preview *preview, TimestampTz as_of, bool recalibrate)
{
	OwnerContext saved;
	ErrorData  *error;
	Run		   *run;

	owner_enter(&saved, model_owner(preview->ref));
	error = attempt_and_undo(load_action, preview);
	if (error != NULL)
		ReThrowError(error);

	push_snapshot();
	run = run_compute_preview(preview->model, as_of, recalibrate);
	PopActiveSnapshot();
	compare(preview, run);
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
	Preview		preview = {.changes = JsonbPGetDatum(PG_GETARG_JSONB_P(1))};

	PreventCommandIfReadOnly("influence_preview()");
	preview.ref = model_find(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	model_check_owner(preview.ref);
	if (TIMESTAMP_NOT_FINITE(as_of))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("as_of of a preview must be finite"),
				 errhint("Leave it out for the moment that was published.")));
	preview.configure = quote_qualified_identifier(get_namespace_name(get_func_namespace(fcinfo->flinfo->fn_oid)),
												   "influence_configure");
	InitMaterializedSRF(fcinfo, 0);
	preview.result = (ReturnSetInfo *) fcinfo->resultinfo;
	preview_as_owner(&preview, as_of, PG_GETARG_BOOL(3));
	return (Datum) 0;
}
