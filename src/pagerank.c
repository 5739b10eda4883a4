/*
 * influence_pagerank: PageRank of a graph that queries deliver.
 *
 * Phases: stream the edges query, then the seeds query, into an edge list and a
 * teleport vector, interning ids as dense numbers; build the graph; iterate; put
 * the ranks into the function's tuplestore.
 *
 * Memory: everything is in the context "influence pagerank", deleted at the
 * end. An edge costs 16 bytes in the list, which has spare room of up to a half,
 * 28 while the graph is built in the list's own memory, then 20; a node about
 * 130.
 */
#include "compat.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "intern.h"
#include "math/pagerank.h"
#include "memory.h"
#include "query.h"

/* Most edges that the list of them can hold */
#define EDGE_LIMIT (MaxAllocHugeSize / sizeof(Edge))

#define EDGES_HINT "The columns are source, target and, optionally, weight."
#define SEEDS_HINT "The columns are node_id and, optionally, weight."
#define ID_HINT "It must be of type smallint, integer or bigint."
#define WEIGHT_HINT "It must be of a numeric type."

/* Edges that are kept waiting while their ids are fetched into the cache */
#define WAITING_EDGES 32

/* A column that a query has or may have */
typedef struct Column
{
	const char *name;
	bool		is_id;			/* an id, required; else a weight, optional */
	int			position;		/* in the row, from 0; -1 when missing */
	Oid			type;			/* base type */
} Column;

/* An edge as the query delivers it */
typedef struct IdEdge
{
	int64		source;
	int64		target;
	double		weight;
} IdEdge;

/* The graph while queries deliver it */
typedef struct GraphInput
{
	MemoryContext context;
	InternTable *ids;

	Column		edge_columns[3];	/* source, target, weight */
	IdEdge		waiting[WAITING_EDGES];
	int			waiting_count;
	Edge	   *edges;
	uint64		edge_count;
	uint64		edge_capacity;

	Column		seed_columns[2];	/* node_id, weight */
	double	   *teleport;		/* by node; NULL: uniform */
	uint32		teleport_capacity;
	double		teleport_sum;
} GraphInput;

PG_FUNCTION_INFO_V1(influence_pagerank);

/*
 * Interrupt callback for the math layer
 */
static void
check_interrupts(void)
{
	CHECK_FOR_INTERRUPTS();
}

/*
 * Refuse a column of the wrong type with 42804
 */
static void
check_column_type(const Column *column, const char *query_name)
{
	switch (column->type)
	{
		case INT2OID:
		case INT4OID:
		case INT8OID:
			return;
		case FLOAT4OID:
		case FLOAT8OID:
		case NUMERICOID:
			if (!column->is_id)
				return;
			break;
		default:
			break;
	}

	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("column \"%s\" of the %s query has type %s",
					column->name, query_name, format_type_be(column->type)),
			 errhint("%s", column->is_id ? ID_HINT : WEIGHT_HINT)));
}

/*
 * Find the column that a query calls "name"; 42703 for a name that we do not
 * know (it may be a misspelt weight), 42702 for one that is there twice
 */
static Column *
match_column(Column *columns, int count, const char *name,
			 const char *query_name, const char *hint)
{
	int			i;

	for (i = 0; i < count; i++)
	{
		if (strcmp(columns[i].name, name) != 0)
			continue;
		if (columns[i].position >= 0)
			ereport(ERROR,
					(errcode(ERRCODE_AMBIGUOUS_COLUMN),
					 errmsg("the %s query has two columns \"%s\"", query_name, name),
					 errhint("%s", hint)));
		return &columns[i];
	}

	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN),
			 errmsg("the %s query has an unexpected column \"%s\"", query_name, name),
			 errhint("%s", hint)));
}

/*
 * Find the columns of a query by name and check their types
 */
static void
match_columns(Column *columns, int count, TupleDesc desc,
			  const char *query_name, const char *hint)
{
	int			i;

	for (i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, i);
		Column	   *column = match_column(columns, count, NameStr(attribute->attname),
										  query_name, hint);

		column->position = i;
		column->type = getBaseType(attribute->atttypid);
		check_column_type(column, query_name);
	}

	for (i = 0; i < count; i++)
	{
		if (columns[i].is_id && columns[i].position < 0)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("the %s query has no column \"%s\"",
							query_name, columns[i].name),
					 errhint("%s", hint)));
	}
}

/*
 * Read a column that is there; 22004 when it is null
 */
static inline Datum
read_column(const Column *column, TupleTableSlot *slot)
{
	if (slot->tts_isnull[column->position])
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("column \"%s\" of a row is null", column->name),
				 errhint("Leave such rows out: WHERE %s IS NOT NULL.", column->name)));

	return slot->tts_values[column->position];
}

/*
 * Read an id
 */
static inline int64
read_id(const Column *column, TupleTableSlot *slot)
{
	Datum		value = read_column(column, slot);

	switch (column->type)
	{
		case INT2OID:
			return DatumGetInt16(value);
		case INT4OID:
			return DatumGetInt32(value);
		default:
			return DatumGetInt64(value);
	}
}

/*
 * Read a weight, 1 when the query has none
 */
static inline double
read_weight(const Column *column, TupleTableSlot *slot)
{
	Datum		value;

	if (column->position < 0)
		return 1;

	value = read_column(column, slot);
	switch (column->type)
	{
		case INT2OID:
			return DatumGetInt16(value);
		case INT4OID:
			return DatumGetInt32(value);
		case INT8OID:
			return (double) DatumGetInt64(value);
		case FLOAT4OID:
			return DatumGetFloat4(value);
		case NUMERICOID:
			return DatumGetFloat8(DirectFunctionCall1(numeric_float8, value));
		default:
			return DatumGetFloat8(value);
	}
}

/*
 * Is this a weight that we can count with? NaN is not.
 */
static inline bool
weight_is_valid(double weight)
{
	return weight == 0 ||
		(weight >= PAGERANK_MIN_WEIGHT && weight <= PAGERANK_MAX_WEIGHT);
}

/*
 * Refuse a weight that is not valid: 22003 when it is too large or too small,
 * else 22023. owner: what has that weight.
 */
static pg_noinline void
refuse_weight(double weight, const char *owner)
{
	bool		is_extreme = weight > 0 && !isinf(weight);

	ereport(ERROR,
			(errcode(is_extreme ? ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE :
					 ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("weight \"%s\" of the %s is %s",
					float8out_internal(weight), owner,
					is_extreme ? "out of range" : "not allowed"),
			 errhint("A weight is 0 or a number between %g and %g.",
					 PAGERANK_MIN_WEIGHT, PAGERANK_MAX_WEIGHT)));
}

/*
 * StartCallback of the edges query
 */
static void
start_edges(TupleDesc desc, void *arg)
{
	GraphInput *input = (GraphInput *) arg;

	match_columns(input->edge_columns, lengthof(input->edge_columns), desc,
				  "edges", EDGES_HINT);
}

/*
 * Add an edge to the list, its nodes being new when their ids are
 */
static void
add_edge(GraphInput *input, const IdEdge *waiting)
{
	Edge		edge;

	edge.source = intern_id(input->ids, Int64GetDatum(waiting->source));
	edge.target = intern_id(input->ids, Int64GetDatum(waiting->target));
	edge.weight = waiting->weight;
	if (edge.weight == 0)
		return;

	if (input->edge_count == input->edge_capacity)
	{
		input->edge_capacity = huge_array_next(input->edge_capacity, EDGE_LIMIT);
		input->edges = huge_array_resize(input->edges, input->edge_capacity,
										 sizeof(Edge));
	}
	input->edges[input->edge_count++] = edge;
}

/*
 * Add the edges that wait
 */
static void
add_waiting(GraphInput *input)
{
	int			i;

	for (i = 0; i < input->waiting_count; i++)
		add_edge(input, &input->waiting[i]);
	input->waiting_count = 0;
}

/*
 * RowCallback of the edges query
 */
static void
read_edge(TupleTableSlot *slot, void *arg)
{
	GraphInput *input = (GraphInput *) arg;
	IdEdge	   *edge = &input->waiting[input->waiting_count];

	edge->source = read_id(&input->edge_columns[0], slot);
	edge->target = read_id(&input->edge_columns[1], slot);
	edge->weight = read_weight(&input->edge_columns[2], slot);
	if (!weight_is_valid(edge->weight))
		refuse_weight(edge->weight, psprintf("edge from " INT64_FORMAT " to " INT64_FORMAT,
											 edge->source, edge->target));

	intern_prefetch(input->ids, Int64GetDatum(edge->source));
	intern_prefetch(input->ids, Int64GetDatum(edge->target));
	if (++input->waiting_count == WAITING_EDGES)
		add_waiting(input);
}

/*
 * StartCallback of the seeds query
 */
static void
start_seeds(TupleDesc desc, void *arg)
{
	GraphInput *input = (GraphInput *) arg;

	match_columns(input->seed_columns, lengthof(input->seed_columns), desc,
				  "seeds", SEEDS_HINT);
}

/*
 * RowCallback of the seeds query: add one seed to the teleport vector
 */
static void
read_seed(TupleTableSlot *slot, void *arg)
{
	GraphInput *input = (GraphInput *) arg;
	int64		id = read_id(&input->seed_columns[0], slot);
	double		weight = read_weight(&input->seed_columns[1], slot);
	uint32		node;

	if (!weight_is_valid(weight))
		refuse_weight(weight, psprintf("seed " INT64_FORMAT, id));

	node = intern_id(input->ids, Int64GetDatum(id));

	/* A seed that is not in the edges is the next node. */
	if (node == input->teleport_capacity)
	{
		uint32		capacity = (uint32) huge_array_next(node, INTERN_LIMIT);

		input->teleport = huge_array_resize(input->teleport, capacity, sizeof(double));
		memset(&input->teleport[node], 0, (capacity - node) * sizeof(double));
		input->teleport_capacity = capacity;
	}
	input->teleport[node] += weight;
	input->teleport_sum += weight;
}

/*
 * Run the edges query
 */
static void
read_edges(GraphInput *input, const char *sql)
{
	input->edge_columns[0] = (Column) {"source", true, -1, InvalidOid};
	input->edge_columns[1] = (Column) {"target", true, -1, InvalidOid};
	input->edge_columns[2] = (Column) {"weight", false, -1, InvalidOid};
	input->edges = huge_array(input->context, 0, sizeof(Edge));

	query_stream(sql, start_edges, read_edge, input);
	add_waiting(input);
}

/*
 * Run the seeds query; 22023 when it leaves nowhere to teleport to
 */
static void
read_seeds(GraphInput *input, const char *sql)
{
	uint32		count = intern_count(input->ids);
	uint32		i;

	input->seed_columns[0] = (Column) {"node_id", true, -1, InvalidOid};
	input->seed_columns[1] = (Column) {"weight", false, -1, InvalidOid};
	input->teleport = huge_array(input->context, count, sizeof(double));
	input->teleport_capacity = count;
	memset(input->teleport, 0, count * sizeof(double));

	query_stream(sql, start_seeds, read_seed, input);

	if (input->teleport_sum == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the seeds query has no row with a weight above 0"),
				 errhint("Without seeds, pass NULL to teleport to all nodes alike.")));

	count = intern_count(input->ids);
	for (i = 0; i < count; i++)
	{
		check_at(i, check_interrupts);
		input->teleport[i] /= input->teleport_sum;
	}
}

/*
 * Build the graph in the memory of the edge list, which is gone afterwards
 */
static void
build_graph(GraphInput *input, CsrGraph *graph)
{
	CsrGraph	scratch;
	uint32		node_count = intern_count(input->ids);
	uint64		edge_count = input->edge_count;

	graph->node_count = node_count;
	graph->edge_count = edge_count;
	graph->row_start = huge_array(input->context, (uint64) node_count + 1, sizeof(uint64));
	graph->weight = (double *) input->edges;
	graph->source = (uint32 *) (graph->weight + edge_count);

	scratch.row_start = huge_array(input->context, (uint64) node_count + 1, sizeof(uint64));
	scratch.weight = huge_array(input->context, edge_count, sizeof(double));
	scratch.source = huge_array(input->context, edge_count, sizeof(uint32));

	graph_build(input->edges, &scratch, graph, check_interrupts);
	input->edges = NULL;

	pfree(scratch.row_start);
	pfree(scratch.weight);
	pfree(scratch.source);
}

/*
 * Compute the ranks; 54000 when they do not converge
 */
static double *
compute_ranks(const GraphInput *input, const CsrGraph *graph,
			  const PagerankOptions *options)
{
	double	   *rank = huge_array(input->context, graph->node_count, sizeof(double));
	void	   *scratch = huge_array(input->context, pagerank_scratch(graph), 1);
	PagerankResult result;

	pagerank(graph, options, rank, scratch, &result);
	if (!result.converged)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("PageRank did not converge in %d iterations", result.iterations),
				 errdetail("The last iteration changed the ranks by %g in sum, the tolerance is %g.",
						   result.residual, options->tolerance),
				 errhint("Raise max_iterations or tolerance, or lower damping.")));

	return rank;
}

/*
 * Put a row per node into the function's result
 */
static void
return_ranks(FunctionCallInfo fcinfo, const InternTable *ids, const double *rank)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	uint32		count = intern_count(ids);
	bool		nulls[2] = {false, false};
	uint32		i;

	for (i = 0; i < count; i++)
	{
		Datum		values[2];

		check_at(i, check_interrupts);
		values[0] = intern_datum(ids, i);
		values[1] = Float8GetDatum(rank[i]);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
}

/*
 * Refuse null arguments other than seeds with 22004
 */
static void
check_not_null(FunctionCallInfo fcinfo)
{
	static const char *const names[] = {"edges", "damping", "max_iterations", "tolerance"};
	int			i;

	for (i = 0; i < (int) lengthof(names); i++)
	{
		if (PG_ARGISNULL(i))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("%s must not be null", names[i])));
	}
}

/*
 * Read the options and refuse nonsense with 22023
 */
static PagerankOptions
read_options(FunctionCallInfo fcinfo)
{
	PagerankOptions options = {
		.damping = PG_GETARG_FLOAT8(1),
		.max_iterations = PG_GETARG_INT32(2),
		.tolerance = PG_GETARG_FLOAT8(3),
		.check = check_interrupts
	};

	/* Written so that NaN fails */
	if (!(options.damping >= 0 && options.damping < 1))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("damping \"%s\" is not allowed", float8out_internal(options.damping)),
				 errhint("It is a number from 0 up to, but not including, 1; 0.85 is usual.")));
	if (options.max_iterations < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("max_iterations \"%d\" is not allowed", options.max_iterations),
				 errhint("It is at least 1.")));
	if (!(options.tolerance > 0 && !isinf(options.tolerance)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("tolerance \"%s\" is not allowed", float8out_internal(options.tolerance)),
				 errhint("It is a number above 0.")));

	return options;
}

/*
 * influence_pagerank(edges, damping, max_iterations, tolerance, seeds)
 */
Datum
influence_pagerank(PG_FUNCTION_ARGS)
{
	GraphInput	input = {0};
	CsrGraph	graph;
	PagerankOptions options;
	double	   *rank;

	check_not_null(fcinfo);
	options = read_options(fcinfo);
	InitMaterializedSRF(fcinfo, 0);

	input.context = AllocSetContextCreate(CurrentMemoryContext, "influence pagerank",
										  ALLOCSET_DEFAULT_SIZES);
	input.ids = intern_create(INT8OID, input.context);

	read_edges(&input, text_to_cstring(PG_GETARG_TEXT_PP(0)));
	if (!PG_ARGISNULL(4))
		read_seeds(&input, text_to_cstring(PG_GETARG_TEXT_PP(4)));
	options.teleport = input.teleport;

	build_graph(&input, &graph);
	rank = compute_ranks(&input, &graph, &options);
	return_ranks(fcinfo, input.ids, rank);

	MemoryContextDelete(input.context);

	return (Datum) 0;
}
