/*
 * The rows of the score views, as set-returning functions.
 *
 * The views are materialized views over these functions. A refresh computes
 * once and has all of them filled from that run; REFRESH MATERIALIZED VIEW on
 * its own, as after pg_restore, computes anew as of the moment that was
 * published last, so that a view never disagrees with its siblings.
 */
#include "compat.h"

#include <math.h>

#include "catalog/pg_type_d.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/execnodes.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "math/tier.h"
#include "model/owner.h"
#include "model/progress.h"
#include "model/run.h"
#include "model/views.h"

/* The run that the views are being filled from, NULL outside views_publish() */
static Run *publishing = NULL;

#define USER_ID	InvalidOid		/* stands for the model's id type */

static const Oid score_types[] = {
	USER_ID, FLOAT8OID, TEXTOID, INT8OID, FLOAT8OID,
	FLOAT8OID, FLOAT8OID, FLOAT8OID, FLOAT8OID, FLOAT8OID,
	FLOAT8OID, FLOAT8OID, FLOAT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID
};

static const Oid network_score_types[] = {
	USER_ID, TEXTOID, FLOAT8OID, FLOAT8OID,
	FLOAT8OID, FLOAT8OID, FLOAT8OID, FLOAT8OID, FLOAT8OID, FLOAT8OID,
	FLOAT8OID, FLOAT8OID, FLOAT8OID, FLOAT8OID, FLOAT8OID, FLOAT8OID
};

static const Oid signal_types[] = {
	USER_ID, TEXTOID, TEXTOID, FLOAT8OID, FLOAT8OID
};

/* Order of the measures in the view network_scores */
static const Measure shown_measures[MEASURE_COUNT] = {
	MEASURE_ENGAGEMENT, MEASURE_TRUE_REACH, MEASURE_AUDIENCE,
	MEASURE_AMPLIFICATION, MEASURE_NETWORK_INFLUENCE, MEASURE_AUTHORITY
};

/* Where rows go */
typedef struct RowSink
{
	const Run  *run;
	Tuplestorestate *store;
	TupleDesc	desc;
} RowSink;

typedef void (*FillFunction) (RowSink *sink);

/*
 * Refuse a column list that is not the one we fill
 */
static void
check_columns(TupleDesc desc, const Model *model, const Oid *types, int count)
{
	bool		same = desc->natts == count;

	for (int i = 0; same && i < count; i++)
		same = TupleDescAttr(desc, i)->atttypid ==
			(types[i] == USER_ID ? model->ref.id_type : types[i]);
	if (!same)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column list does not fit the score views of model \"%s\"", model->ref.name),
				 errhint("Use the views that influence_create_model() created.")));
}

static Datum
float_or_null(double value, bool *isnull)
{
	*isnull = isnan(value);
	return Float8GetDatum(value);
}

/*
 * Rows of the view "scores", best first
 */
static void
fill_scores(RowSink *sink)
{
	const Run  *run = sink->run;
	Datum		values[lengthof(score_types)];
	bool		nulls[lengthof(score_types)];

	for (uint32 i = 0; i < run->scores->count; i++)
	{
		const PersonScore *person = &run->scores->people[run->scores->by_rank[i]];
		TimestampTz last_active_at = run->ingest->last_active_at[person->person];

		CHECK_FOR_INTERRUPTS();
		memset(nulls, 0, sizeof(nulls));
		values[0] = intern_datum(run->ingest->people, person->person);
		values[1] = Float8GetDatum(person->score);
		values[2] = CStringGetTextDatum(tier_name(person->score));
		values[3] = Int64GetDatum(person->rank);
		values[4] = Float8GetDatum(person->percentile);
		values[5] = Float8GetDatum(person->true_reach);
		values[6] = Float8GetDatum(person->amplification);
		values[7] = Float8GetDatum(person->network_influence);
		values[8] = Float8GetDatum(person->audience);
		values[9] = Float8GetDatum(run->ingest->notoriety[person->person]);
		for (int j = 0; j < 3; j++)
			values[10 + j] = float_or_null(person->change[j], &nulls[10 + j]);
		values[13] = TimestampTzGetDatum(last_active_at);
		nulls[13] = TIMESTAMP_IS_NOBEGIN(last_active_at);
		nulls[14] = true;
		values[14] = (Datum) 0;
		values[15] = TimestampTzGetDatum(run->as_of);
		tuplestore_putvalues(sink->store, sink->desc, values, nulls);
		pfree(DatumGetPointer(values[2]));
	}
}

/*
 * Rows of the view "network_scores"
 */
static void
fill_network_scores(RowSink *sink)
{
	const Run  *run = sink->run;
	Datum		values[lengthof(network_score_types)];
	bool		nulls[lengthof(network_score_types)] = {false};
	Datum	   *networks = palloc(sizeof(Datum) * (run->model->network_count + 1));

	for (int i = 0; i < run->model->network_count; i++)
		networks[i] = CStringGetTextDatum(run->model->networks[i].name);
	for (uint64 i = 0; i < run->measures->person_network_count; i++)
	{
		const PersonNetwork *pn = &run->measures->person_networks[i];
		NetworkPoints points = scores_network_points(run->ingest, run->scores, pn);

		CHECK_FOR_INTERRUPTS();
		values[0] = intern_datum(run->ingest->people, pn->person);
		values[1] = networks[pn->network];
		values[2] = Float8GetDatum(points.score);
		values[3] = Float8GetDatum(points.total);
		for (int j = 0; j < MEASURE_COUNT; j++)
		{
			Measure		measure = shown_measures[j];

			values[4 + j] = Float8GetDatum(measure_shown(measure, pn->value[measure]));
			values[4 + MEASURE_COUNT + j] = Float8GetDatum(points.measure[measure]);
		}
		tuplestore_putvalues(sink->store, sink->desc, values, nulls);
	}
}

/*
 * Rows of the view "signals"
 */
static void
fill_signals(RowSink *sink)
{
	const Run  *run = sink->run;
	const RecordLog *log = &run->measures->signal_counts;
	Datum		values[lengthof(signal_types)];
	bool		nulls[lengthof(signal_types)] = {false};
	Datum	   *kinds = palloc(sizeof(Datum) * (run->model->signal_count + 1));
	Datum	   *networks = palloc(sizeof(Datum) * (run->model->signal_count + 1));

	for (int i = 0; i < run->model->signal_count; i++)
	{
		kinds[i] = CStringGetTextDatum(run->model->signals[i].kind);
		networks[i] = CStringGetTextDatum(run->model->networks[run->model->signals[i].network].name);
	}
	for (uint32 chunk = 0; chunk < log->chunk_count; chunk++)
	{
		const SignalCount *records = (const SignalCount *) log->chunks[chunk];
		uint32		length = record_log_chunk_length(log, chunk);

		CHECK_FOR_INTERRUPTS();
		for (uint32 i = 0; i < length; i++)
		{
			values[0] = intern_datum(run->ingest->people, records[i].person);
			values[1] = networks[records[i].signal];
			values[2] = kinds[records[i].signal];
			values[3] = Float8GetDatum(records[i].count);
			values[4] = Float8GetDatum(records[i].decayed_value);
			tuplestore_putvalues(sink->store, sink->desc, values, nulls);
		}
	}
}

/*
 * Compute a run for a single view: as of what was published last, else now
 */
static Run *
compute_for_view(const ModelRef *ref)
{
	Model	   *model = config_load(ref);
	TimestampTz as_of = TIMESTAMP_IS_NOBEGIN(model->published_as_of) ?
		GetCurrentTransactionStartTimestamp() : model->published_as_of;

	return run_compute(ref, as_of, false);
}

/*
 * Fill one view: from the run being published, else from one of its own
 */
static Datum
fill_view(FunctionCallInfo fcinfo, const Oid *types, int column_count, FillFunction fill)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	ModelRef   *ref = model_find(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	RowSink		sink;

	model_check_owner(ref);
	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	sink.store = result->setResult;
	sink.desc = result->setDesc;

	if (publishing != NULL && strcmp(publishing->model->ref.name, ref->name) == 0)
	{
		sink.run = publishing;
		check_columns(sink.desc, sink.run->model, types, column_count);
		fill(&sink);
	}
	else
	{
		OwnerContext saved;
		Run		   *run;

		owner_enter(&saved, model_owner(ref));
		run = compute_for_view(ref);
		sink.run = run;
		check_columns(sink.desc, run->model, types, column_count);
		fill(&sink);
		owner_leave(&saved);
		run_free(run);
		progress_end();
	}
	return (Datum) 0;
}

PG_FUNCTION_INFO_V1(influence_model_scores);
PG_FUNCTION_INFO_V1(influence_model_network_scores);
PG_FUNCTION_INFO_V1(influence_model_signals);

/*
 * influence_model_scores(model): rows of <schema>.scores
 */
Datum
influence_model_scores(PG_FUNCTION_ARGS)
{
	return fill_view(fcinfo, score_types, lengthof(score_types), fill_scores);
}

/*
 * influence_model_network_scores(model): rows of <schema>.network_scores
 */
Datum
influence_model_network_scores(PG_FUNCTION_ARGS)
{
	return fill_view(fcinfo, network_score_types, lengthof(network_score_types),
					 fill_network_scores);
}

/*
 * influence_model_signals(model): rows of <schema>.signals
 */
Datum
influence_model_signals(PG_FUNCTION_ARGS)
{
	return fill_view(fcinfo, signal_types, lengthof(signal_types), fill_signals);
}

/*
 * Refresh one materialized view of the model
 */
static void
refresh_view(const Model *model, const char *view)
{
	char	   *sql = psprintf("REFRESH MATERIALIZED VIEW %s",
							   quote_qualified_identifier(model->ref.schema, view));
	int			result;

	progress_report(model->ref.name, "publishing view \"%s\"", view);
	result = SPI_execute(sql, false, 0);
	if (result != SPI_OK_UTILITY)
		elog(ERROR, "\"%s\" failed: %s", sql, SPI_result_code_string(result));
}

/*
 * Fill all score views from a run; the caller has become the model's owner
 */
void
views_publish(Run *run)
{
	SPI_connect();
	publishing = run;
	PG_TRY();
	{
		refresh_view(run->model, "scores");
		refresh_view(run->model, "network_scores");
		refresh_view(run->model, "signals");
	}
	PG_FINALLY();
	{
		publishing = NULL;
	}
	PG_END_TRY();
	SPI_finish();
}
