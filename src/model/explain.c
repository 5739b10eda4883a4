/*
 * influence_explain: the points of a score by measure and network, and where the
 * measures stand among those of other people.
 *
 * The person's rows of the view "network_scores" are read through its index, then
 * the whole view once, counting for each of their measures who has less and who has
 * the same. The first query's lock lasts, so that both see the same refresh.
 */
#include "compat.h"

#include "access/table.h"
#include "catalog/pg_type_d.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/rel.h"

#include "model/reading.h"
#include "query.h"
#include "same_text.h"

#define EXPLAIN_COLUMNS 5

/* In the order of equal points; columns of the view, points in NAME_points */
static const char *const measure_columns[MEASURE_COUNT] = {
	"audience", "engagement", "true_reach", "amplification", "network_influence", "authority"
};

static const ReadRelation read_relations[] = {
	{"network_scores", "user_id network audience engagement true_reach amplification network_influence authority "
		"audience_points engagement_points true_reach_points amplification_points network_influence_points "
	"authority_points"}
};

/* The person on one network */
typedef struct NetworkStanding
{
	text	   *network;
	double		value[MEASURE_COUNT];
	double		points[MEASURE_COUNT];
	uint64		people;			/* on the network */
	uint64		below[MEASURE_COUNT];	/* of them, with less */
	uint64		equal[MEASURE_COUNT];
} NetworkStanding;

typedef struct Standings
{
	int			count;
	NetworkStanding *networks;
} Standings;

/* A row of the result */
typedef struct MeasureRow
{
	const NetworkStanding *network;
	int			measure;
} MeasureRow;

/*
 * "network, a, b, ..." or "network, a, b, ..., a_points, b_points, ..."
 *
 * The casts do nothing, but for a view that somebody has put in the place of ours.
 */
static char *
column_list(bool with_points)
{
	StringInfoData list;

	initStringInfo(&list);
	appendStringInfoString(&list, "network::pg_catalog.text");
	for (int i = 0; i < MEASURE_COUNT; i++)
		appendStringInfo(&list, ", %s::pg_catalog.float8", measure_columns[i]);
	for (int i = 0; with_points && i < MEASURE_COUNT; i++)
		appendStringInfo(&list, ", %s_points::pg_catalog.float8", measure_columns[i]);
	return list.data;
}

/*
 * One row of SPI_tuptable as a standing in context
 */
static void
read_standing(HeapTuple tuple, NetworkStanding *standing, MemoryContext context)
{
	TupleDesc	desc = SPI_tuptable->tupdesc;
	bool		isnull;
	MemoryContext old = MemoryContextSwitchTo(context);

	standing->network = DatumGetTextPCopy(SPI_getbinval(tuple, desc, 1, &isnull));
	MemoryContextSwitchTo(old);
	for (int i = 0; i < MEASURE_COUNT; i++)
	{
		standing->value[i] = DatumGetFloat8(SPI_getbinval(tuple, desc, 2 + i, &isnull));
		standing->points[i] = DatumGetFloat8(SPI_getbinval(tuple, desc, 2 + MEASURE_COUNT + i, &isnull));
	}
}

/*
 * The person's rows, by the id as text; errors 42501 and that of the id type's input
 */
static Standings
load_standings(const ModelRef *ref, Datum user_id)
{
	MemoryContext context = CurrentMemoryContext;
	Standings	standings = {0, NULL};
	Oid			types[1] = {TEXTOID};
	int			result;

	SPI_connect();
	result = SPI_execute_with_args(psprintf("SELECT %s FROM %s.network_scores "
											"WHERE user_id OPERATOR(pg_catalog.=) $1::%s AND network IS NOT NULL",
											column_list(true), quote_identifier(ref->schema),
											format_type_be_qualified(ref->id_type)),
								   1, types, &user_id, NULL, true, 0);
	if (result != SPI_OK_SELECT)
		elog(ERROR, "reading the score views failed: %s", SPI_result_code_string(result));
	standings.count = (int) SPI_processed;
	standings.networks = MemoryContextAllocZero(context, sizeof(NetworkStanding) * (SPI_processed + 1));
	for (int i = 0; i < standings.count; i++)
		read_standing(SPI_tuptable->vals[i], &standings.networks[i], context);
	SPI_finish();
	return standings;
}

/*
 * The columns are those of column_list(false)
 */
static void
check_columns(TupleDesc desc, void *arg pg_attribute_unused())
{
	if (desc->natts != 1 + MEASURE_COUNT)
		elog(ERROR, "unexpected columns");
}

/*
 * Count another person's row, as column_list(false) has it
 */
static void
count_row(TupleTableSlot *slot, void *arg)
{
	const Standings *standings = arg;
	const text *network;

	if (slot->tts_isnull[0])
		return;
	network = DatumGetTextPP(slot->tts_values[0]);
	for (int i = 0; i < standings->count; i++)
	{
		NetworkStanding *standing = &standings->networks[i];

		if (!same_text(network, standing->network))
			continue;
		standing->people++;
		for (int j = 0; j < MEASURE_COUNT; j++)
		{
			double		value = DatumGetFloat8(slot->tts_values[1 + j]);

			standing->below[j] += value < standing->value[j];
			standing->equal[j] += value == standing->value[j];
		}
	}
}

/*
 * Most points first, then by network
 */
static int
compare_rows(const void *a, const void *b)
{
	const MeasureRow *x = a;
	const MeasureRow *y = b;
	double		x_points = x->network->points[x->measure];
	double		y_points = y->network->points[y->measure];

	if (x_points != y_points)
		return x_points > y_points ? -1 : 1;
	if (x->network != y->network)
		return strcmp(text_to_cstring(x->network->network), text_to_cstring(y->network->network));
	return x->measure - y->measure;
}

static void
put_row(ReturnSetInfo *result, const MeasureRow *row)
{
	const NetworkStanding *standing = row->network;
	int			i = row->measure;
	Datum		values[EXPLAIN_COLUMNS];
	bool		nulls[EXPLAIN_COLUMNS] = {false};

	values[0] = CStringGetTextDatum(measure_columns[i]);
	values[1] = PointerGetDatum(standing->network);
	values[2] = Float8GetDatum(standing->value[i]);
	values[3] = Float8GetDatum(standing->points[i]);
	values[4] = Float8GetDatum(100 * (standing->below[i] + standing->equal[i] / 2.0) / standing->people);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/*
 * All rows of the result, in order
 */
static void
put_standings(ReturnSetInfo *result, const Standings *standings)
{
	int			count = standings->count * MEASURE_COUNT;
	MeasureRow *rows = palloc(sizeof(MeasureRow) * count);

	for (int i = 0; i < count; i++)
	{
		rows[i].network = &standings->networks[i / MEASURE_COUNT];
		rows[i].measure = i % MEASURE_COUNT;
	}
	qsort(rows, count, sizeof(MeasureRow), compare_rows);
	for (int i = 0; i < count; i++)
		put_row(result, &rows[i]);
}

PG_FUNCTION_INFO_V1(influence_explain);

/*
 * influence_explain(user_id text, model text): measure, network, value, points,
 * percentile; points add up to score - 1
 */
Datum
influence_explain(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	ModelRef   *ref = model_resolve(PG_ARGISNULL(1) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(1)));
	Relation	scores;
	Standings	standings;
	OwnerContext saved;

	InitMaterializedSRF(fcinfo, 0);
	model_owner(ref);
	scores = table_open(ref->scores, AccessShareLock);
	model_check_refreshed(ref, scores);
	table_close(scores, AccessShareLock);
	if (PG_ARGISNULL(0))
		return (Datum) 0;

	reading_enter(&saved, ref, read_relations, lengthof(read_relations));
	standings = load_standings(ref, PG_GETARG_DATUM(0));
	if (standings.count > 0)
		query_stream(psprintf("SELECT %s FROM %s.network_scores", column_list(false), quote_identifier(ref->schema)),
					 check_columns, count_row, &standings);
	owner_leave(&saved);
	if (standings.count > 0)
		put_standings(result, &standings);
	return (Datum) 0;
}
