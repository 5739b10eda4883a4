/*
 * The rows of the score views, as set-returning functions.
 *
 * The views are materialized views over these functions. A refresh computes
 * once and writes the rows of all of them itself (publish.c); REFRESH
 * MATERIALIZED VIEW on its own, as after pg_restore, computes anew as of the
 * moment that was published last, so that a view never disagrees with its
 * siblings.
 */
#include "compat.h"

#include <math.h>

#include "access/xact.h"
#include "catalog/pg_type_d.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/execnodes.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "influence.h"
#include "math/prefetch.h"
#include "math/tier.h"
#include "memory.h"
#include "model/owner.h"
#include "model/progress.h"
#include "model/record_sort.h"
#include "model/run.h"
#include "model/views.h"

#define USER_ID	InvalidOid		/* stands for the model's id type */

static const Oid score_types[] = {
	USER_ID, FLOAT8OID, TEXTOID, INT8OID, FLOAT8OID,
	FLOAT8OID, FLOAT8OID, FLOAT8OID, FLOAT8OID, FLOAT8OID,
	FLOAT8OID, FLOAT8OID, FLOAT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID,
	FLOAT8OID, FLOAT8OID, FLOAT8OID
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

/* A score view: its columns and how to make its rows */
typedef struct ViewKind
{
	const char *name;
	const Oid  *types;
	int			column_count;
	void		(*fill) (const Run *run, RowSink *sink);
} ViewKind;

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
 * Person number i of the ranks, with those that follow on their way
 */
static const PersonScore *
next_by_rank(const Run *run, uint32 i)
{
	const Scores *scores = run->scores;

	if (i + 2 * PREFETCH_AHEAD < scores->count)
		prefetch(&scores->people[scores->by_rank[i + 2 * PREFETCH_AHEAD]].change);
	if (i + PREFETCH_AHEAD < scores->count)
		ingest_prefetch_person(run->ingest, scores->people[scores->by_rank[i + PREFETCH_AHEAD]].person);
	return run_next_person(run, scores->by_rank, i);
}

/* The tier of the row before, as text */
typedef struct TierDatum
{
	const char *name;			/* NULL in front of the first row */
	Datum		text;
} TierDatum;

/*
 * The tier of a score: in the order of ranks mostly that of the row before
 */
static Datum
tier_datum(TierDatum *last, const Model *model, double score)
{
	const char *name = tier_in_ranges(model->tiers, model->tier_count, score);

	if (name != last->name)
	{
		last->name = name;
		last->text = CStringGetTextDatum(name);
	}
	return last->text;
}

/*
 * How divided people are about a person: 1 when what is hostile weighs as much as
 * what is friendly, 0 when all of it is one or there is neither
 *
 * The idea, that opinions which oppose each other make a controversy and a one-sided
 * crowd does not, is that of Popescu and Pennacchiotti: "Detecting controversial
 * events from Twitter", CIKM 2010.
 */
static double
controversy(const Ingest *ingest, uint32 person)
{
	Sentiment	sentiment = ingest_sentiment(ingest, person);

	return sentiment.hostile > 0 && sentiment.friendly > 0 ? 1 - fabs(sentiment.friendly - sentiment.hostile) / (sentiment.friendly + sentiment.hostile) : 0;
}

/*
 * Rows of the view "scores", best first
 */
static void
fill_scores(const Run *run, RowSink *sink)
{
	const Clocks *clocks = run->measures->clocks;
	const TimestampTz *frozen_since = clocks == NULL ? NULL : clocks->frozen_since;
	Datum		values[lengthof(score_types)];
	bool		nulls[lengthof(score_types)];
	TierDatum	tier = {0};

	for (uint32 i = 0; i < run->scores->count; i++)
	{
		const PersonScore *person = next_by_rank(run, i);
		TimestampTz last_active_at = run->ingest->last_active_at[person->person];

		CHECK_FOR_INTERRUPTS();
		memset(nulls, 0, sizeof(nulls));
		values[0] = intern_datum(run->ingest->people, person->person);
		values[1] = Float8GetDatum(person->score);
		values[2] = tier_datum(&tier, run->model, person->score);
		values[3] = Int64GetDatum(person->rank);
		values[4] = Float8GetDatum(person->percentile);
		values[5] = Float8GetDatum(person->true_reach);
		values[6] = Float8GetDatum(person->amplification);
		values[7] = Float8GetDatum(person->network_influence);
		values[8] = Float8GetDatum(person->audience);
		values[9] = Float8GetDatum(ingest_sentiment(run->ingest, person->person).hostile);
		for (int j = 0; j < 3; j++)
			values[10 + j] = float_or_null(person->change[j], &nulls[10 + j]);
		values[13] = TimestampTzGetDatum(last_active_at);
		nulls[13] = TIMESTAMP_IS_NOBEGIN(last_active_at);
		nulls[14] = frozen_since == NULL || TIMESTAMP_IS_NOBEGIN(frozen_since[person->person]);
		values[14] = nulls[14] ? (Datum) 0 : TimestampTzGetDatum(frozen_since[person->person]);
		values[15] = TimestampTzGetDatum(run->as_of);
		values[16] = Float8GetDatum(controversy(run->ingest, person->person));
		values[17] = float_or_null(person->change[2] - person->scale_change, &nulls[17]);
		values[18] = float_or_null(person->scale_change, &nulls[18]);
		sink->put(sink, values, nulls);
	}
}

/* A record's place when sorted by its person's id */
typedef struct OrderKey
{
	uint32		place;
	uint32		unused;
	uint64		index;
} OrderKey;

/*
 * Place of each person in the order of ids, by person
 */
static uint32 *
places_by_id(const Run *run)
{
	uint32	   *place = huge_array(CurrentMemoryContext, intern_count(run->ingest->people),
								   sizeof(uint32));

	for (uint32 i = 0; i < run->scores->count; i++)
		place[run->scores->people[run->scores->by_id[i]].person] = i;
	return place;
}

/*
 * Rows of person_networks in the order of ids and, for one person, of networks
 */
static OrderKey *
order_person_networks(const Run *run)
{
	const Measures *measures = run->measures;
	RecordKey	key = {.offset = offsetof(OrderKey, place),.mask = PG_UINT32_MAX};
	uint32	   *place = places_by_id(run);
	uint64	   *row_start = huge_array(CurrentMemoryContext, (uint64) run->scores->count + 2,
									   sizeof(uint64));
	OrderKey   *keys = huge_array(CurrentMemoryContext, measures->person_network_count,
								  sizeof(OrderKey));

	for (uint64 i = 0; i < measures->person_network_count; i++)
	{
		keys[i].place = place[measures->person_networks[i].person];
		keys[i].index = i;
	}
	keys = records_sort(keys, measures->person_network_count, sizeof(OrderKey),
						key, run->scores->count, row_start, CurrentMemoryContext);
	pfree(row_start);
	pfree(place);
	return keys;
}

/*
 * Number i of the person_networks in the given order, with those that follow on
 * their way
 */
static const PersonNetwork *
next_person_network(const Run *run, const OrderKey *order, uint64 i)
{
	const PersonNetwork *items = run->measures->person_networks;
	uint64		count = run->measures->person_network_count;

	if (i + 2 * PREFETCH_AHEAD < count)
		prefetch(&items[order[i + 2 * PREFETCH_AHEAD].index]);
	if (i + PREFETCH_AHEAD < count)
	{
		const PersonNetwork *next = &items[order[i + PREFETCH_AHEAD].index];

		prefetch(&next->value[MEASURE_AUTHORITY]);
		prefetch(&run->scores->position[next->person]);
		prefetch(&run->scores->people[run->scores->by_id[order[i + PREFETCH_AHEAD].place]].score);
		intern_prefetch_datum(run->ingest->people, next->person);
	}
	return &items[order[i].index];
}

/*
 * Rows of the view "network_scores", in the order of its key
 */
static void
fill_network_scores(const Run *run, RowSink *sink)
{
	Datum		values[lengthof(network_score_types)];
	bool		nulls[lengthof(network_score_types)] = {false};
	Datum	   *networks = palloc(sizeof(Datum) * (run->model->network_count + 1));
	OrderKey   *order = order_person_networks(run);

	for (int i = 0; i < run->model->network_count; i++)
		networks[i] = CStringGetTextDatum(run->model->networks[i].name);
	for (uint64 i = 0; i < run->measures->person_network_count; i++)
	{
		const PersonNetwork *pn = next_person_network(run, order, i);
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
		sink->put(sink, values, nulls);
	}
	pfree(order);
}

/*
 * Move a log to the file when a second copy of it would be beyond influence.max_memory
 */
static void
make_room_for_copy(const Run *run, RecordLog *log)
{
	Size		copy = record_log_count(log) * log->record_size;

	if (memory_has_room(run->context, copy))
		return;
	record_log_spill(log, run->ingest->spill);
	memory_give_back();
}

/*
 * Counts by signal in the order of ids
 *
 * The log is used up. Within a person the order stays: networks, then kinds.
 */
static SignalCount *
order_signal_counts(const Run *run, RecordLog *log)
{
	uint32	   *place = places_by_id(run);
	RecordKey	key = {.offset = offsetof(SignalCount, person),.mask = PG_UINT32_MAX,.map = place};
	uint64	   *row_start = huge_array(CurrentMemoryContext, (uint64) run->scores->count + 2,
									   sizeof(uint64));
	SignalCount *sorted;

	make_room_for_copy(run, log);
	sorted = record_log_sort(log, key, run->scores->count, row_start, CurrentMemoryContext);
	pfree(row_start);
	pfree(place);
	return sorted;
}

/*
 * Rows of the view "signals", in the order of its key
 */
static void
fill_signals(const Run *run, RowSink *sink)
{
	Datum		values[lengthof(signal_types)];
	bool		nulls[lengthof(signal_types)] = {false};
	Datum	   *kinds = palloc(sizeof(Datum) * (run->model->signal_count + 1));
	Datum	   *networks = palloc(sizeof(Datum) * (run->model->signal_count + 1));
	uint64		count = record_log_count(&run->measures->signal_counts);
	SignalCount *records = order_signal_counts(run, &run->measures->signal_counts);

	for (int i = 0; i < run->model->signal_count; i++)
	{
		kinds[i] = CStringGetTextDatum(run->model->signals[i].kind);
		networks[i] = CStringGetTextDatum(run->model->networks[run->model->signals[i].network].name);
	}
	for (uint64 i = 0; i < count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (i + PREFETCH_AHEAD < count)
			intern_prefetch_datum(run->ingest->people, records[i + PREFETCH_AHEAD].person);
		values[0] = intern_datum(run->ingest->people, records[i].person);
		values[1] = networks[records[i].signal];
		values[2] = kinds[records[i].signal];
		values[3] = Float8GetDatum(records[i].count);
		values[4] = Float8GetDatum(records[i].decayed_value);
		sink->put(sink, values, nulls);
	}
	pfree(records);
}

static const ViewKind view_kinds[] = {
	[VIEW_SCORES] = {"scores", score_types, lengthof(score_types), fill_scores},
	[VIEW_NETWORK_SCORES] = {"network_scores", network_score_types,
	lengthof(network_score_types), fill_network_scores},
	[VIEW_SIGNALS] = {"signals", signal_types, lengthof(signal_types), fill_signals}
};

/*
 * Name of a view in the model's schema
 */
const char *
view_name(ScoreView view)
{
	return view_kinds[view].name;
}

/*
 * Make the rows of a view from a run
 *
 * desc: the columns that the receiver has; 42804 when they are not ours. A run's
 * signals can be made once only.
 */
void
view_fill(ScoreView view, Run *run, TupleDesc desc, RowSink *sink)
{
	const ViewKind *kind = &view_kinds[view];

	check_columns(desc, run->model, kind->types, kind->column_count);
	kind->fill(run, sink);
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

	return run_compute(ref, as_of, (RunOptions) {.closed_days = CLOSED_DAYS_IGNORE});
}

/* Rows that go into the result of a function */
typedef struct StoreSink
{
	RowSink		sink;
	Tuplestorestate *store;
	TupleDesc	desc;
} StoreSink;

static void
put_in_store(RowSink *sink, Datum *values, bool *nulls)
{
	StoreSink  *store = (StoreSink *) sink;

	tuplestore_putvalues(store->store, store->desc, values, nulls);
}

/*
 * Compute a model and return the rows of one of its views
 */
static Datum
return_view(FunctionCallInfo fcinfo, ScoreView view)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	ModelRef   *ref = model_find(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	StoreSink	sink = {.sink.put = put_in_store};
	OwnerContext saved;
	Run		   *run;

	model_check_owner(ref);
	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	sink.store = result->setResult;
	sink.desc = result->setDesc;

	owner_enter(&saved, model_owner(ref));
	/* a REFRESH that waited for another refresh must see what that published */
	PushActiveSnapshot(IsolationUsesXactSnapshot() ? GetActiveSnapshot() : GetLatestSnapshot());
	run = compute_for_view(ref);
	view_fill(view, run, sink.desc, &sink.sink);
	PopActiveSnapshot();
	owner_leave(&saved);
	run_free(run);
	progress_end();
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
	return return_view(fcinfo, VIEW_SCORES);
}

/*
 * influence_model_network_scores(model): rows of <schema>.network_scores
 */
Datum
influence_model_network_scores(PG_FUNCTION_ARGS)
{
	return return_view(fcinfo, VIEW_NETWORK_SCORES);
}

/*
 * influence_model_signals(model): rows of <schema>.signals
 */
Datum
influence_model_signals(PG_FUNCTION_ARGS)
{
	return return_view(fcinfo, VIEW_SIGNALS);
}
