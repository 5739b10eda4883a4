/*
 * Unit test of src/math/pagerank.c. The verifier shares nothing with it: it
 * pushes the ranks along the unsorted edge list once and measures what changes.
 * Prints TAP.
 */
#include <math.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "math/pagerank.h"

/* Of the leak sanitizer, whose header not every compiler brings */
extern void __lsan_disable(void);
extern void __lsan_enable(void);

/* A problem and its answer */
typedef struct Problem
{
	uint32_t	nodes;
	uint64_t	edge_count;
	Edge	   *edges;
	double	   *rank;
	PagerankResult result;
} Problem;

static int	tests = 0;
static int	failures = 0;
static uint64_t random_state = 88172645463325252u;
static int	checks = 0;
static jmp_buf interrupted;

/*
 * Report one test
 */
static void
ok(bool passed, const char *name)
{
	printf("%sok %d - %s\n", passed ? "" : "not ", ++tests, name);
	failures += !passed;
}

/*
 * Random number below n (xorshift64*)
 */
static uint32_t
random_below(uint32_t n)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return (uint32_t) ((random_state * 2685821657736338717u) >> 32) % n;
}

/*
 * Build the graph of a problem and rank it
 */
static void
solve(Problem *problem, const PagerankOptions *options)
{
	uint32_t	nodes = problem->nodes;
	size_t		edges = problem->edge_count + 1;
	CsrGraph	scratch = {0};
	CsrGraph	graph = {0};
	void	   *memory;

	graph.node_count = nodes;
	graph.edge_count = problem->edge_count;
	graph.row_start = malloc(((size_t) nodes + 1) * sizeof(uint64_t));
	graph.source = malloc(edges * sizeof(uint32_t));
	graph.weight = malloc(edges * sizeof(double));
	scratch.row_start = malloc(((size_t) nodes + 1) * sizeof(uint64_t));
	scratch.source = malloc(edges * sizeof(uint32_t));
	scratch.weight = malloc(edges * sizeof(double));

	graph_build(problem->edges, &scratch, &graph, NULL);
	memory = malloc(pagerank_scratch(&graph) + 1);
	problem->rank = malloc(((size_t) nodes + 1) * sizeof(double));
	pagerank(&graph, options, problem->rank, memory, &problem->result);

	free(memory);
	free(graph.row_start);
	free(graph.source);
	free(graph.weight);
	free(scratch.row_start);
	free(scratch.source);
	free(scratch.weight);
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
	PagerankOptions options = {0.85, 500, 1e-14, NULL, NULL};
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
	PagerankOptions options = {0.85, 200, 1e-12, NULL, NULL};
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
	PagerankOptions options = {0.85, 100, 1e-9, teleport, NULL};
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
	PagerankOptions options = {0.85, 200, 1e-9, NULL, NULL};
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
	PagerankOptions options = {0.85, 200, 1e-9, NULL, NULL};
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

static void
interrupt(void)
{
	if (++checks == 100)
		longjmp(interrupted, 1);
}

int
main(void)
{
	PagerankOptions options = {0.85, 200, 1e-9, NULL, NULL};

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

	/* the jump leaves its memory behind, as a memory context would collect it */
	__lsan_disable();
	if (setjmp(interrupted) == 0)
	{
		options.damping = 0.85;
		options.check = interrupt;
		random_graphs_are_right(&options, false);
	}
	__lsan_enable();
	ok(checks == 100, "an interrupt jumps out");

	printf("1..%d\n", tests);
	return failures > 0;
}
