/*
 * Unit test of src/math/pagerank.c. The verifiers share nothing with it: one
 * pushes the ranks along the unsorted edge list once and measures what changes,
 * one solves the dense system of equations. Prints TAP.
 */
#define _GNU_SOURCE				/* pthread_barrier_t */
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "math/pagerank.h"
#include "random.h"
#include "tap.h"

/* Of the leak sanitizer, whose header not every compiler brings; NULL without it */
extern void __lsan_disable(void) __attribute__((weak));
extern void __lsan_enable(void) __attribute__((weak));

/* A problem and its answer */
typedef struct Problem
{
	uint32_t	nodes;
	uint64_t	edge_count;
	Edge	   *edges;
	double	   *rank;
	PagerankResult result;
} Problem;

static int	checks = 0;
static jmp_buf interrupted;

/*
 * Allocate the arrays of a graph
 */
static CsrGraph
new_graph(uint32_t nodes, uint64_t edges)
{
	CsrGraph	graph = {nodes, edges, NULL, NULL, NULL};

	graph.row_start = malloc(((size_t) nodes + 1) * sizeof(uint64_t));
	graph.source = malloc((edges + 1) * sizeof(uint32_t));
	graph.weight = malloc((edges + 1) * sizeof(double));
	return graph;
}

static void
free_graph(CsrGraph *graph)
{
	free(graph->row_start);
	free(graph->source);
	free(graph->weight);
}

/*
 * The graph of a problem
 */
static CsrGraph
build(const Problem *problem)
{
	CsrGraph	scratch = new_graph(problem->nodes, problem->edge_count);
	CsrGraph	graph = new_graph(problem->nodes, problem->edge_count);

	graph_build(problem->edges, &scratch, &graph, NULL);
	free_graph(&scratch);
	return graph;
}

/*
 * Build the graph of a problem and rank it
 */
static void
solve(Problem *problem, const PagerankOptions *options)
{
	CsrGraph	graph = build(problem);
	void	   *memory = malloc(pagerank_scratch(&graph));

	problem->rank = malloc(((size_t) problem->nodes + 1) * sizeof(double));
	pagerank(&graph, options, problem->rank, memory, &problem->result);

	free(memory);
	free_graph(&graph);
}

/*
 * L1 residual of one push iteration over the ranks
 */
static double
push_residual(const Problem *problem, double damping, const double *teleport)
{
	uint32_t	n = problem->nodes;
	double	   *total = calloc(n, sizeof(double));
	double	   *next = calloc(n, sizeof(double));
	double		dangling = 0;
	double		residual = 0;
	uint64_t	e;
	uint32_t	v;

	for (e = 0; e < problem->edge_count; e++)
		total[problem->edges[e].source] += problem->edges[e].weight;
	for (e = 0; e < problem->edge_count; e++)
	{
		const Edge *edge = &problem->edges[e];

		next[edge->target] += damping * edge->weight *
			problem->rank[edge->source] / total[edge->source];
	}
	for (v = 0; v < n; v++)
		dangling += total[v] == 0 ? problem->rank[v] : 0;
	for (v = 0; v < n; v++)
	{
		next[v] += (1 - damping + damping * dangling) *
			(teleport != NULL ? teleport[v] : 1.0 / n);
		residual += fabs(next[v] - problem->rank[v]);
	}

	free(total);
	free(next);
	return residual;
}

/*
 * Is this a right answer: converged, residual below the tolerance, sum 1, no
 * rank below 0, and exactly the teleported rank where nothing comes in?
 */
static bool
is_right(const Problem *problem, const PagerankOptions *options)
{
	uint32_t	n = problem->nodes;
	bool	   *has_in_edge = calloc(n, sizeof(bool));
	bool		right;
	long double sum = 0;
	uint64_t	e;
	uint32_t	v;

	for (e = 0; e < problem->edge_count; e++)
		has_in_edge[problem->edges[e].target] = true;

	right = problem->result.converged &&
		problem->result.iterations <= options->max_iterations &&
		problem->result.residual < options->tolerance &&
		push_residual(problem, options->damping, options->teleport) < options->tolerance;
	for (v = 0; v < n; v++)
	{
		double		teleport = options->teleport != NULL ? options->teleport[v] : 1.0 / n;

		sum += problem->rank[v];
		right = right && problem->rank[v] >= 0;
		if (!has_in_edge[v])
			right = right && problem->rank[v] == problem->result.teleport_share * teleport;
	}
	free(has_in_edge);

	return right && fabsl(sum - 1) < 1e-12L;
}

/*
 * A random graph in which few nodes get most edges, a fifth are dangling, some
 * have self-loops, and some form closed pairs
 */
static Problem
random_problem(uint32_t nodes, uint64_t edges, bool weighted)
{
	Problem		problem = {nodes, edges, NULL, NULL, {0}};
	uint64_t	e;

	problem.edges = malloc((edges + 1) * sizeof(Edge));
	for (e = 0; e < edges; e++)
	{
		Edge	   *edge = &problem.edges[e];

		edge->source = random_below(1 + random_below(nodes));
		edge->target = random_below(1 + random_below(nodes));
		if (edge->source % 5 == 3)
			edge->source -= 3;
		if (edge->source % 10 == 7 && edge->source + 1 < nodes)
			edge->target = edge->source + 1;
		if (edge->source % 10 == 8)
			edge->target = edge->source - 1;
		edge->weight = weighted ? 0.001 + random_below(1000) : 1;
	}
	return problem;
}

/*
 * Solve random graphs of several sizes, all must be right
 */
static bool
random_graphs_are_right(const PagerankOptions *options, bool personalised)
{
	static const uint32_t sizes[] = {1, 2, 3, 10, 100, 1000, 1024, 1025, 20000};
	bool		right = true;
	size_t		i;

	for (i = 0; i < 2 * sizeof(sizes) / sizeof(sizes[0]); i++)
	{
		uint32_t	nodes = sizes[i / 2];
		Problem		problem = random_problem(nodes, nodes * 5, i % 2 == 1);
		PagerankOptions own = *options;
		double	   *teleport = calloc(nodes, sizeof(double));
		uint32_t	v;

		for (v = 0; v < nodes; v += 4)
			teleport[v] = 1.0 / ((nodes + 3) / 4);
		if (personalised)
			own.teleport = teleport;

		solve(&problem, &own);
		right = right && is_right(&problem, &own);
		free(teleport);
		free(problem.edges);
		free(problem.rank);
	}
	return right;
}

/*
 * The toy graph of the documentation, known to 12 digits
 */
static void
test_toy(void)
{
	static Edge edges[] = {
		{0, 1, 1}, {0, 2, 1}, {0, 4, 1}, {1, 2, 1}, {1, 3, 1}, {2, 3, 1},
		{2, 5, 1}, {2, 6, 1}, {3, 0, 1}, {4, 0, 1}, {5, 6, 1}, {6, 3, 1}
	};
	static const double expected[] = {
		.278254883400, .100267455059, .142881123458, .201881147261,
		.100267455059, .061911556408, .114536379356
	};
	PagerankOptions options = {0.85, 500, 1e-14, NULL, NULL, NULL};
	Problem		problem = {7, 12, edges, NULL, {0}};
	double		worst = 0;
	int			v;

	solve(&problem, &options);
	for (v = 0; v < 7; v++)
		worst = fmax(worst, fabs(problem.rank[v] - expected[v]));
	ok(worst < 1e-12 && is_right(&problem, &options), "toy graph to 12 digits");
	free(problem.rank);
}

/*
 * Graphs with an answer that can be written down
 */
static void
test_small(void)
{
	PagerankOptions options = {0.85, 200, 1e-12, NULL, NULL, NULL};
	double		teleport[] = {0.1, 0.2, 0.3, 0.4};
	Edge		loops[] = {{0, 0, 2}, {1, 1, 5}, {2, 2, 1}, {3, 3, 1}};
	Problem		empty = {0, 0, loops, NULL, {0}};
	Problem		edgeless = {4, 0, loops, NULL, {0}};
	Problem		looped = {4, 4, loops, NULL, {0}};

	solve(&empty, &options);
	ok(empty.result.converged, "no node");

	options.teleport = teleport;
	solve(&edgeless, &options);
	ok(is_right(&edgeless, &options) && fabs(edgeless.rank[3] - 0.4) < 1e-15,
	   "without edges ranks are the teleport vector");
	ok(fabs(edgeless.result.teleport_share - 1) < 1e-15, "then all rank is teleported");

	solve(&looped, &options);
	ok(is_right(&looped, &options) && fabs(looped.rank[0] - 0.1) < 1e-11 &&
	   fabs(looped.result.teleport_share - 0.15) < 1e-15,
	   "a node with only a self-loop is not dangling");

	free(empty.rank);
	free(edgeless.rank);
	free(looped.rank);
}

/*
 * A ring of three, entered at one node: no convergence in too few iterations
 */
static void
test_no_convergence(void)
{
	Edge		ring[] = {{0, 1, 1}, {1, 2, 1}, {2, 0, 1}};
	double		teleport[] = {1, 0, 0};
	PagerankOptions options = {0.85, 100, 1e-9, teleport, NULL, NULL};
	Problem		problem = {3, 3, ring, NULL, {0}};

	solve(&problem, &options);
	ok(!problem.result.converged && problem.result.iterations == 100 &&
	   problem.result.residual >= 1e-9, "not converging is told");
	free(problem.rank);

	options.max_iterations = 145;
	solve(&problem, &options);
	ok(is_right(&problem, &options), "145 iterations are always enough at 0.85 and 1e-9");
	free(problem.rank);
}

/*
 * Pairs that only talk to each other: extrapolation is right and pays
 */
static void
test_closed_pairs(void)
{
	Problem		problem = {3000, 3000, NULL, NULL, {0}};
	PagerankOptions options = {0.85, 200, 1e-9, NULL, NULL, NULL};
	uint32_t	v;

	problem.edges = malloc(3000 * sizeof(Edge));
	for (v = 0; v < 3000; v++)
	{
		problem.edges[v].source = v;
		problem.edges[v].target = v < 1000 ? (v ^ 1) : v / 3;
		problem.edges[v].weight = 1;
	}
	solve(&problem, &options);
	ok(is_right(&problem, &options) && problem.result.iterations < 30,
	   "closed pairs converge soon");
	free(problem.edges);
	free(problem.rank);
}

/*
 * The order of the edge list changes no bit
 */
static void
test_order(void)
{
	Problem		a = random_problem(5000, 30000, false);
	Problem		b = a;
	PagerankOptions options = {0.85, 200, 1e-9, NULL, NULL, NULL};
	uint64_t	e;

	solve(&a, &options);
	for (e = a.edge_count - 1; e > 0; e--)
	{
		uint64_t	other = random_below((uint32_t) e + 1);
		Edge		swap = a.edges[e];

		a.edges[e] = a.edges[other];
		a.edges[other] = swap;
	}
	solve(&b, &options);
	ok(memcmp(a.rank, b.rank, a.nodes * sizeof(double)) == 0,
	   "the order of edges changes no bit");

	free(a.edges);
	free(a.rank);
	free(b.rank);
}

/*
 * Largest difference of two vectors, relative to the larger one of two entries
 */
static double
difference(const double *a, const double *b, uint32_t n)
{
	double		worst = 0;
	uint32_t	v;

	for (v = 0; v < n; v++)
		if (a[v] != b[v])
			worst = fmax(worst, fabs(a[v] - b[v]) / fmax(fabs(a[v]), fabs(b[v])));
	return worst;
}

/*
 * Nor do the numbers of nodes matter, whatever the tolerance leaves open: short weights
 * round the same values
 */
static void
test_numbers(void)
{
	static const double tolerances[] = {1e-3, 1e-6, 1e-9, 1e-13};
	Problem		a = random_problem(5000, 30000, true);
	Problem		b = a;
	PagerankOptions options = {0.85, 1000, 0, NULL, NULL, NULL};
	double	   *renumbered = malloc(a.nodes * sizeof(double));
	double		worst = 0;
	uint64_t	e;
	uint32_t	v;
	int			i;

	b.edges = malloc((size_t) a.edge_count * sizeof(Edge));
	for (e = 0; e < a.edge_count; e++)
		b.edges[e] = (Edge)
		{
			a.edges[e].source * UINT64_C(1237) % a.nodes,
			a.edges[e].target * UINT64_C(1237) % a.nodes, a.edges[e].weight
		};
	for (i = 0; i < 4; i++)
	{
		options.tolerance = tolerances[i];
		solve(&a, &options);
		solve(&b, &options);
		for (v = 0; v < a.nodes; v++)
			renumbered[v] = b.rank[v * UINT64_C(1237) % a.nodes];
		worst = fmax(worst, difference(a.rank, renumbered, a.nodes));
		free(a.rank);
		free(b.rank);
	}
	ok(worst < 1e-11, "the numbers of nodes do not matter");

	free(renumbered);
	free(a.edges);
	free(b.edges);
}

/*
 * Eliminate (Gauss, with pivots) a dense system of n rows of n + 1 columns;
 * leaves the solution in x
 */
static void
eliminate(long double *row, uint32_t n, double *x)
{
	uint32_t	width = n + 1;
	uint32_t	i,
				j,
				k;

	for (k = 0; k < n; k++)
	{
		uint32_t	pivot = k;

		for (i = k + 1; i < n; i++)
			if (fabsl(row[i * width + k]) > fabsl(row[pivot * width + k]))
				pivot = i;
		for (j = 0; j < width; j++)
		{
			long double swap = row[k * width + j];

			row[k * width + j] = row[pivot * width + j];
			row[pivot * width + j] = swap;
		}
		for (i = 0; i < n; i++)
		{
			long double factor = i == k ? 0 : row[i * width + k] / row[k * width + k];

			for (j = k; factor != 0 && j < width; j++)
				row[i * width + j] -= factor * row[k * width + j];
		}
	}
	for (k = 0; k < n; k++)
		x[k] = (double) (row[k * width + n] / row[k * width + k]);
}

/*
 * Ranks by solving x = d P x + d D(x) t + (1 - d) t as a dense system
 */
static void
solve_dense(const Problem *problem, double damping, const double *teleport, double *x)
{
	uint32_t	n = problem->nodes;
	uint32_t	width = n + 1;
	long double *row = calloc((size_t) n * width, sizeof(long double));
	long double *total = calloc(n, sizeof(long double));
	uint64_t	e;
	uint32_t	u,
				v;

	for (e = 0; e < problem->edge_count; e++)
		total[problem->edges[e].source] += problem->edges[e].weight;
	for (e = 0; e < problem->edge_count; e++)
	{
		const Edge *edge = &problem->edges[e];

		row[edge->target * width + edge->source] -= damping * edge->weight / total[edge->source];
	}
	for (v = 0; v < n; v++)
	{
		double		t = teleport != NULL ? teleport[v] : 1.0 / n;

		row[v * width + v] += 1;
		row[v * width + n] = (1 - (long double) damping) * t;
		for (u = 0; u < n; u++)
			if (total[u] == 0)
				row[v * width + u] -= (long double) damping * t;
	}
	eliminate(row, n, x);
	free(row);
	free(total);
}

/*
 * Ranks of small graphs equal the solutions of their dense systems
 */
static void
test_dense(void)
{
	PagerankOptions options = {0.85, 1000, 1e-14, NULL, NULL, NULL};
	double		worst = 0;
	uint32_t	nodes;

	for (nodes = 1; nodes <= 60; nodes++)
	{
		Problem		problem = random_problem(nodes, nodes * (1 + nodes % 7), true);
		double		expected[60];
		double		teleport[60] = {0};
		uint32_t	v;

		for (v = 0; v < nodes; v += 3)
			teleport[v] = 1.0 / ((nodes + 2) / 3);
		/* weights of all magnitudes */
		for (v = 0; nodes % 4 == 0 && v < problem.edge_count; v++)
			problem.edges[v].weight = pow(10, (double) random_below(60) - 30);
		options.damping = nodes % 5 == 0 ? 0.99 : 0.85;
		options.max_iterations = nodes % 5 == 0 ? 10000 : 1000;
		options.teleport = nodes % 2 == 0 ? teleport : NULL;
		solve(&problem, &options);
		solve_dense(&problem, options.damping, options.teleport, expected);
		for (v = 0; v < nodes; v++)
			worst = fmax(worst, fabs(expected[v] - problem.rank[v]));
		free(problem.edges);
		free(problem.rank);
	}
	ok(worst < 2e-12, "small graphs equal their dense systems");
}

/*
 * The range of weights, a row longer than what is summed up at once, a graph with
 * more nodes than fit in the caches
 */
static void
test_extremes(void)
{
	PagerankOptions options = {0.85, 1000, 1e-12, NULL, NULL, NULL};
	Problem		star = {3000, 3001, NULL, NULL, {0}};
	Problem		large = {220000, 400000, NULL, NULL, {0}};
	uint32_t	v;

	star.edges = malloc(3001 * sizeof(Edge));
	for (v = 0; v < 3000; v++)
		star.edges[v] = (Edge) {v, 0, PAGERANK_MAX_WEIGHT};
	star.edges[3000] = (Edge) {0, 7, PAGERANK_MIN_WEIGHT};
	solve(&star, &options);
	ok(is_right(&star, &options) && star.rank[0] > 0.8, "a star, and weights as far apart as may be");
	free(star.rank);

	for (v = 0; v < 3001; v++)
		star.edges[v].weight = PAGERANK_MIN_WEIGHT;
	solve(&star, &options);
	ok(is_right(&star, &options) && star.rank[7] > star.rank[8], "all weights as small as may be");
	free(star.edges);
	free(star.rank);

	large.edges = random_problem(large.nodes, large.edge_count, true).edges;
	solve(&large, &options);
	ok(is_right(&large, &options), "a graph larger than the caches");
	free(large.edges);
	free(large.rank);
}

/*
 * With a tolerance that is never met, exactly as many iterations as allowed
 */
static void
test_iterations(void)
{
	Problem		problem = random_problem(3000, 10000, true);
	PagerankOptions options = {0.85, 0, 1e-300, NULL, NULL, NULL};
	bool		right = true;

	for (options.max_iterations = 1; options.max_iterations < 60; options.max_iterations += 3)
	{
		solve(&problem, &options);
		right = right && problem.result.iterations == options.max_iterations &&
			!problem.result.converged && problem.result.residual > 0;
		free(problem.rank);
	}
	ok(right, "as many iterations as allowed");
	free(problem.edges);
}

/*
 * Rounding errors of sums over all nodes do not keep small tolerances from being met
 */
static void
test_small_tolerance(void)
{
	Problem		problem = random_problem(1000, 1000, true);
	PagerankOptions options = {0.85, 1000, 1e-15, NULL, NULL, NULL};

	solve(&problem, &options);
	ok(problem.result.converged, "a tolerance of 1e-15 is met");
	free(problem.edges);
	free(problem.rank);
}

/*
 * Nor does it when iterations with short weights change nothing at all any more, and
 * one with the full weights finds what rounding leaves
 */
static void
test_nothing_left(void)
{
	Edge		edges[] = {{0, 1, 49}, {1, 0, 49}};
	Problem		problem = {2, 2, edges, NULL, {0}};
	PagerankOptions options = {0.75, 1000, 1e-17, NULL, NULL, NULL};

	solve(&problem, &options);
	ok(problem.result.converged && fabs(problem.rank[0] - 0.5) < 1e-15 && fabs(problem.rank[1] - 0.5) < 1e-15,
	   "nothing but rounding errors is left to change");
	free(problem.rank);
}

/* A feed of blocks of a graph, of few rows or edges, each in memory of its own */
typedef struct BlockFeed
{
	const CsrGraph *graph;
	uint64_t	most_edges;
	uint32_t	most_rows;
	uint32_t	row;			/* next row */
	uint64_t	edge;			/* next edge */
	uint64_t   *row_start;
	uint32_t   *source;
	double	   *weight;
} BlockFeed;

static void
rewind_blocks(void *state)
{
	BlockFeed  *feed = state;

	feed->row = 0;
	feed->edge = 0;
}

/*
 * Next block, which ends within a row when that has too many edges
 */
static bool
next_block(void *state, EdgeBlock *block)
{
	BlockFeed  *feed = state;
	const CsrGraph *graph = feed->graph;
	uint64_t	start = feed->edge;
	uint64_t	edges;

	free(feed->row_start);
	free(feed->source);
	free(feed->weight);
	feed->row_start = malloc(((size_t) feed->most_rows + 1) * sizeof(uint64_t));
	feed->source = NULL;
	feed->weight = NULL;
	if (feed->row == graph->node_count)
		return false;

	block->first_row = feed->row;
	block->row_count = 0;
	feed->row_start[0] = 0;
	while (block->row_count < feed->most_rows && feed->row < graph->node_count &&
		   feed->edge - start < feed->most_edges)
	{
		uint64_t	row_end = graph->row_start[feed->row + 1];
		uint64_t	room = feed->most_edges - (feed->edge - start);

		feed->edge = row_end - feed->edge < room ? row_end : feed->edge + room;
		feed->row_start[++block->row_count] = feed->edge - start;
		if (feed->edge < row_end)
			break;
		feed->row++;
	}
	edges = feed->edge - start;
	feed->source = malloc((edges + 1) * sizeof(uint32_t));
	feed->weight = malloc((edges + 1) * sizeof(double));
	memcpy(feed->source, graph->source + start, edges * sizeof(uint32_t));
	memcpy(feed->weight, graph->weight + start, edges * sizeof(double));
	block->row_start = feed->row_start;
	block->source = feed->source;
	block->weight = feed->weight;
	return true;
}

/*
 * Rank a graph block by block
 */
static void
solve_blocks(const CsrGraph *graph, const PagerankOptions *options, bool copy,
			 uint32_t most_rows, uint64_t most_edges, double *rank, PagerankResult *result)
{
	BlockFeed	state = {graph, most_edges, most_rows, 0, 0, NULL, NULL, NULL};
	EdgeFeed	feed = {rewind_blocks, next_block, &state};
	PagerankSize size = {graph->node_count, copy ? graph->edge_count : 0};
	void	   *scratch = malloc(pagerank_memory(&size));

	pagerank_prepare(&size, &feed, options, scratch);
	pagerank_iterate(&size, &feed, options, NULL, rank, scratch, result);
	free(scratch);
	free(state.row_start);
	free(state.source);
	free(state.weight);
}

/*
 * Blocks of any size, with a copy of the edges and without
 */
static void
test_blocks(void)
{
	Problem		problem = random_problem(5000, 40000, true);
	PagerankOptions options = {0.85, 200, 1e-11, NULL, NULL, NULL};
	CsrGraph	graph = build(&problem);
	double	   *rank = malloc(5000 * sizeof(double));
	PagerankResult result;
	bool		right = true;
	double		split = 0;
	int			i;

	solve(&problem, &options);
	solve_blocks(&graph, &options, true, 100, UINT64_MAX, rank, &result);
	ok(memcmp(rank, problem.rank, 5000 * sizeof(double)) == 0 &&
	   memcmp(&result, &problem.result, sizeof(result)) == 0, "blocks of rows change no bit");
	for (i = 0; i < 4; i++)
	{
		solve_blocks(&graph, &options, true, 5000, 1 + 7 * i * i * i, rank, &result);
		split = fmax(split, difference(rank, problem.rank, 5000));
	}
	ok(split < 1e-12, "rows in pieces change nothing");

	for (i = 0; i < 4; i++)
	{
		Problem		streamed = problem;

		streamed.rank = rank;
		solve_blocks(&graph, &options, false, 1 + 1000 * i, i % 2 == 0 ? UINT64_MAX : 77, rank,
					 &streamed.result);
		right = right && is_right(&streamed, &options) &&
			difference(rank, problem.rank, 5000) < 1e-9;
	}
	ok(right, "without a copy of the edges the ranks are the same");

	free(rank);
	free(problem.rank);
	free(problem.edges);
	free_graph(&graph);
}

/* A member of a team of threads */
typedef struct Member
{
	const CsrGraph *graph;
	const PagerankSize *size;
	const PagerankOptions *options;
	PagerankTeam team;
	double	   *rank;
	void	   *scratch;
	PagerankResult result;
} Member;

static void
wait_for_all(void *state)
{
	pthread_barrier_wait(state);
}

static void *
work_as_member(void *argument)
{
	Member	   *member = argument;
	GraphFeed	state;
	EdgeFeed	feed = graph_feed(member->graph, member->team.first_row,
								  member->team.end_row, &state);

	pagerank_iterate(member->size, &feed, member->options, &member->team, member->rank,
					 member->scratch, &member->result);
	return NULL;
}

/*
 * Have so many threads rank a graph; do all see the same bits as one alone?
 */
static bool
team_is_right(const Problem *problem, const CsrGraph *graph,
			  const PagerankOptions *options, uint32_t members, bool copy)
{
	PagerankSize size = {graph->node_count, copy ? graph->edge_count : 0};
	GraphFeed	state;
	EdgeFeed	feed = graph_feed(graph, 0, graph->node_count, &state);
	void	   *scratch = malloc(pagerank_memory(&size));
	double	   *rank = malloc(((size_t) graph->node_count + 1) * sizeof(double));
	double	   *alone = malloc(((size_t) graph->node_count + 1) * sizeof(double));
	PagerankResult result;
	pthread_barrier_t barrier;
	pthread_t	threads[8];
	Member		team[8];
	bool		right = true;
	uint32_t	i;

	pagerank_prepare(&size, &feed, options, scratch);
	pagerank_iterate(&size, &feed, options, NULL, alone, scratch, &result);
	pthread_barrier_init(&barrier, NULL, members);
	for (i = 0; i < members; i++)
	{
		team[i] = (Member) {graph, &size, options, {i, members, 0, 0, wait_for_all, &barrier},
		rank, scratch, {0}};
		pagerank_share_rows(graph, &team[i].team);
		right = right && team[i].team.first_row == (i == 0 ? 0 : team[i - 1].team.end_row);
		pthread_create(&threads[i], NULL, work_as_member, &team[i]);
	}
	right = right && team[members - 1].team.end_row == graph->node_count;
	for (i = 0; i < members; i++)
	{
		pthread_join(threads[i], NULL);
		right = right && memcmp(&team[i].result, &result, sizeof(result)) == 0;
	}
	right = right && memcmp(rank, alone, problem->nodes * sizeof(double)) == 0;

	pthread_barrier_destroy(&barrier);
	free(scratch);
	free(rank);
	free(alone);
	return right;
}

/*
 * Teams of several sizes, on graphs smaller and larger than one share
 */
static void
test_teams(void)
{
	static const uint32_t sizes[] = {0, 1, 1024, 2500, 20000};
	PagerankOptions options = {0.85, 200, 1e-11, NULL, NULL, NULL};
	bool		right = true;
	uint32_t	i;

	for (i = 0; i < 5; i++)
	{
		Problem		problem = random_problem(sizes[i], sizes[i] * 5, true);
		CsrGraph	graph = build(&problem);
		uint32_t	members;

		for (members = 1; members <= 5; members++)
			right = right && team_is_right(&problem, &graph, &options, members, true) &&
				team_is_right(&problem, &graph, &options, members, false);
		free(problem.edges);
		free_graph(&graph);
	}
	ok(right, "teams of threads get the bits that one gets alone");
}

/*
 * Starting at earlier ranks, or at nonsense
 */
static void
test_warm_start(void)
{
	Problem		problem = random_problem(20000, 100000, true);
	PagerankOptions options = {0.85, 1000, 1e-13, NULL, NULL, NULL};
	double	   *start = malloc(20000 * sizeof(double));
	double	   *cold;
	int			cold_iterations;
	uint32_t	v;

	solve(&problem, &options);
	for (v = 0; v < 20000; v++)
		start[v] = 1e300 * problem.rank[v];
	free(problem.rank);

	/* some people do more than before */
	for (v = 0; v < 1000; v++)
		problem.edges[v].weight *= 2;
	solve(&problem, &options);
	cold = problem.rank;
	cold_iterations = problem.result.iterations;

	options.start = start;
	solve(&problem, &options);
	ok(is_right(&problem, &options) && difference(cold, problem.rank, 20000) < 1e-9 &&
	   problem.result.iterations < cold_iterations, "a warm start takes fewer iterations to the same ranks");
	free(problem.rank);

	start[0] = NAN;
	start[1] = -INFINITY;
	start[2] = INFINITY;
	start[3] = -1e308;
	solve(&problem, &options);
	ok(is_right(&problem, &options) && difference(cold, problem.rank, 20000) < 1e-9,
	   "entries of the start that are no ranks count as 0");
	free(problem.rank);

	for (v = 0; v < 20000; v++)
		start[v] = v % 3 == 0 ? NAN : v % 3 == 1 ? 0 : -1;
	solve(&problem, &options);
	ok(memcmp(cold, problem.rank, 20000 * sizeof(double)) == 0 &&
	   problem.result.iterations == cold_iterations, "an empty start is none");

	free(problem.rank);
	free(problem.edges);
	free(cold);
	free(start);
}

static void
interrupt(void)
{
	if (++checks == 100)
		longjmp(interrupted, 1);
}

int
main(void)
{
	PagerankOptions options = {0.85, 200, 1e-9, NULL, NULL, NULL};

	test_toy();
	test_small();
	ok(random_graphs_are_right(&options, false), "random graphs");
	ok(random_graphs_are_right(&options, true), "random graphs, personalised");
	options.tolerance = 1e-13;
	options.max_iterations = 1000;
	ok(random_graphs_are_right(&options, true), "random graphs to 1e-13");
	options.damping = 0.99;
	options.max_iterations = 10000;
	ok(random_graphs_are_right(&options, true), "random graphs, damping 0.99");
	options.damping = 0;
	ok(random_graphs_are_right(&options, true), "random graphs, damping 0");
	test_no_convergence();
	test_closed_pairs();
	test_order();
	test_numbers();
	test_dense();
	test_extremes();
	test_iterations();
	test_small_tolerance();
	test_nothing_left();
	test_blocks();
	test_teams();
	test_warm_start();

	/* the jump leaves its memory behind, as a memory context would collect it */
	if (__lsan_disable != NULL)
		__lsan_disable();
	if (setjmp(interrupted) == 0)
	{
		options.damping = 0.85;
		options.check = interrupt;
		random_graphs_are_right(&options, false);
	}
	if (__lsan_enable != NULL)
		__lsan_enable();
	ok(checks == 100, "an interrupt jumps out");

	return done_testing();
}
