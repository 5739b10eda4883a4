/*
 * Unit test of src/math/graph.c: graphs built from random edge lists against a
 * dense matrix that adds up the same edges. Prints TAP.
 */
#include <math.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "math/graph.h"
#include "random.h"
#include "tap.h"

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
 * Edges with weights that add up exactly
 */
static Edge *
random_edges(uint32_t nodes, uint64_t edges)
{
	Edge	   *list = malloc((edges + 1) * sizeof(Edge));
	uint64_t	e;

	for (e = 0; e < edges; e++)
	{
		list[e].source = random_below(nodes);
		list[e].target = random_below(nodes) % (1 + random_below(nodes));
		list[e].weight = 0.25 * (1 + random_below(8));
	}
	return list;
}

/*
 * Does every row hold exactly the non-zero entries of its matrix row, ascending?
 * matrix[row * nodes + column]
 */
static bool
equals_matrix(const CsrGraph *graph, const double *matrix)
{
	uint64_t	e = 0;
	uint32_t	v;
	uint32_t	u;

	if (graph->row_start[0] != 0)
		return false;
	for (v = 0; v < graph->node_count; v++)
	{
		for (u = 0; u < graph->node_count; u++)
		{
			double		weight = matrix[(size_t) v * graph->node_count + u];

			if (weight == 0)
				continue;
			if (e >= graph->edge_count || graph->source[e] != u || graph->weight[e] != weight)
				return false;
			e++;
		}
		if (graph->row_start[v + 1] != e)
			return false;
	}
	return e == graph->edge_count;
}

/*
 * Build a random graph, in arrays of its own or in the list's memory, compare
 * it and its transpose with matrices
 */
static bool
random_graph_is_right(uint32_t nodes, uint64_t edges, bool in_place)
{
	Edge	   *list = random_edges(nodes, edges);
	double	   *in = calloc((size_t) nodes * nodes + 1, sizeof(double));
	double	   *out = calloc((size_t) nodes * nodes + 1, sizeof(double));
	CsrGraph	scratch = new_graph(nodes, edges);
	CsrGraph	own = new_graph(nodes, edges);
	CsrGraph	graph = own;
	bool		right;
	uint64_t	e;

	for (e = 0; e < edges; e++)
	{
		in[(size_t) list[e].target * nodes + list[e].source] += list[e].weight;
		out[(size_t) list[e].source * nodes + list[e].target] += list[e].weight;
	}
	if (in_place)
	{
		graph.weight = (double *) list;
		graph.source = (uint32_t *) (graph.weight + edges);
	}

	graph_build(list, &scratch, &graph, NULL);
	right = equals_matrix(&graph, in);

	graph_transpose(&graph, &scratch, NULL);
	right = right && equals_matrix(&scratch, out);

	free(list);
	free(in);
	free(out);
	free_graph(&scratch);
	free_graph(&own);
	return right;
}

/*
 * The same edges in another order give the same graph
 */
static bool
order_is_irrelevant(uint32_t nodes, uint64_t edges)
{
	Edge	   *list = random_edges(nodes, edges);
	CsrGraph	scratch = new_graph(nodes, edges);
	CsrGraph	a = new_graph(nodes, edges);
	CsrGraph	b = new_graph(nodes, edges);
	bool		equal;
	uint64_t	e;

	graph_build(list, &scratch, &a, NULL);
	for (e = edges - 1; e > 0; e--)
	{
		uint64_t	other = random_below((uint32_t) e + 1);
		Edge		swap = list[e];

		list[e] = list[other];
		list[other] = swap;
	}
	graph_build(list, &scratch, &b, NULL);

	equal = a.edge_count == b.edge_count && a.edge_count < edges &&
		memcmp(a.row_start, b.row_start, (nodes + 1) * sizeof(uint64_t)) == 0 &&
		memcmp(a.source, b.source, a.edge_count * sizeof(uint32_t)) == 0 &&
		memcmp(a.weight, b.weight, a.edge_count * sizeof(double)) == 0;

	free(list);
	free_graph(&scratch);
	free_graph(&a);
	free_graph(&b);
	return equal;
}

/*
 * Are graphs found out that are none? Two nodes with the edges into the first one.
 */
static bool
is_valid(uint64_t end, uint32_t first_source, uint32_t second_source, double weight)
{
	uint64_t	row_start[] = {0, end, 2};
	uint32_t	source[] = {first_source, second_source};
	double		weights[] = {1, weight};
	CsrGraph	graph = {2, 2, row_start, source, weights};

	return graph_valid(&graph);
}

static void
count_check(void)
{
	checks++;
}

static void
interrupt(void)
{
	if (++checks == 3)
		longjmp(interrupted, 1);
}

int
main(void)
{
	uint32_t	nodes;
	bool		right = true;

	ok(random_graph_is_right(0, 0, false), "no node");
	ok(random_graph_is_right(1, 0, false), "one node");
	ok(random_graph_is_right(1, 7, false), "parallel self-loops");
	ok(random_graph_is_right(50, 0, true), "no edge");

	for (nodes = 1; nodes <= 60; nodes++)
		right = right && random_graph_is_right(nodes, nodes * 4, nodes % 2 == 0);
	ok(right, "60 sparse graphs equal their matrices");
	ok(random_graph_is_right(40, 20000, false), "a dense graph of many parallel edges");
	ok(random_graph_is_right(700, 30000, true), "a graph in the memory of its edge list");
	ok(order_is_irrelevant(300, 5000), "the order of edges does not matter");

	ok(is_valid(2, 0, 1, 1), "a valid graph");
	ok(!is_valid(2, 1, 0, 1) && !is_valid(2, 1, 1, 1), "sources ascend");
	ok(!is_valid(2, 0, 2, 1), "sources are nodes");
	ok(!is_valid(3, 0, 1, 1), "rows end where the edges do");
	ok(!is_valid(2, 0, 1, 0) && !is_valid(2, 0, 1, NAN), "weights are positive");

	{
		uint64_t	edges = 200000;
		Edge	   *list = random_edges(1000, edges);
		CsrGraph	scratch = new_graph(1000, edges);
		CsrGraph	graph = new_graph(1000, edges);

		graph_build(list, &scratch, &graph, count_check);
		ok(checks >= 15, "interrupts are looked for");

		checks = 0;
		graph.edge_count = edges;
		if (setjmp(interrupted) == 0)
			graph_build(list, &scratch, &graph, interrupt);
		ok(checks == 3, "an interrupt jumps out");

		free(list);
		free_graph(&scratch);
		free_graph(&graph);
	}

	return done_testing();
}
