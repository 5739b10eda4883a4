/*
 * Time the PageRank kernel: pagerank_bench REPETITIONS < graph
 *
 * The graph is binary: COPY's format with the columns source int, target int
 * (both from 1) and weight float8. Building it is not timed. Prints the median
 * milliseconds of each of
 *
 *   kernel     20 iterations of our kernel: weights, float8, teleport vector
 *   gapbs      20 iterations as in the GAP benchmark suite (gapbs, src/pr.cc)
 *   converged  our kernel until the residual is below 1e-11, with the iterations
 *
 * "gapbs" is not that suite's code but a yardstick written for this benchmark:
 * a pull loop over the same graph with what gapbs has in it, float32 ranks,
 * 32-bit sources, no weights, the sum of all changes, and nothing else. gapbs
 * itself updates ranks in place; the memory traffic is that of its loop. One thread.
 */
#include <arpa/inet.h>
#include <endian.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "math/graph.h"
#include "math/pagerank.h"

#define ITERATIONS	20
#define DAMPING		0.85
#define MAX_REPETITIONS 101

/* Bytes before the first row, and of a row, of COPY's binary format */
#define HEADER_BYTES 19
#define ROW_BYTES	(2 + 4 + 4 + 4 + 4 + 4 + 8)

static void *
array(size_t count, size_t size)
{
	void	   *result = calloc(count + 1, size);

	if (result == NULL)
	{
		fprintf(stderr, "out of memory\n");
		exit(1);
	}
	return result;
}

/*
 * Read the edges; returns how many and sets the number of nodes
 */
static uint64_t
read_edges(Edge **edges, uint32_t *node_count)
{
	unsigned char row[ROW_BYTES];
	uint64_t	count = 0;
	uint64_t	capacity = 1024 * 1024;

	*node_count = 0;
	*edges = array(capacity, sizeof(Edge));
	if (fread(row, HEADER_BYTES, 1, stdin) != 1)
		return 0;
	while (fread(row, ROW_BYTES, 1, stdin) == 1)
	{
		Edge	   *edge;
		uint64_t	weight;

		if (count == capacity)
			*edges = realloc(*edges, (capacity *= 2) * sizeof(Edge));
		if (*edges == NULL)
			exit(1);
		edge = *edges + count++;
		memcpy(&edge->source, row + 6, 4);
		memcpy(&edge->target, row + 14, 4);
		memcpy(&weight, row + 22, 8);
		weight = be64toh(weight);
		memcpy(&edge->weight, &weight, 8);
		edge->source = ntohl(edge->source) - 1;
		edge->target = ntohl(edge->target) - 1;
		if (edge->source >= *node_count)
			*node_count = edge->source + 1;
		if (edge->target >= *node_count)
			*node_count = edge->target + 1;
	}
	return count;
}

static CsrGraph
allocate_graph(uint32_t node_count, uint64_t edge_count)
{
	CsrGraph	graph = {.node_count = node_count,.edge_count = edge_count};

	graph.row_start = array((size_t) node_count + 1, sizeof(uint64_t));
	graph.source = array(edge_count, sizeof(uint32_t));
	graph.weight = array(edge_count, sizeof(double));
	return graph;
}

/*
 * The yardstick; returns the sum of the changes so that nothing is optimised away
 */
static float
gapbs_pagerank(const CsrGraph *graph, const uint32_t *out_degree, float *rank, float *contribution)
{
	uint32_t	n = graph->node_count;
	float		base = (1.0f - (float) DAMPING) / n;
	float		change = 0;

	for (uint32_t v = 0; v < n; v++)
		rank[v] = 1.0f / n;
	for (int i = 0; i < ITERATIONS; i++)
	{
		change = 0;
		for (uint32_t v = 0; v < n; v++)
			contribution[v] = rank[v] / out_degree[v];
		for (uint32_t v = 0; v < n; v++)
		{
			float		sum = 0;
			float		next;

			for (uint64_t e = graph->row_start[v]; e < graph->row_start[v + 1]; e++)
				sum += contribution[graph->source[e]];
			next = base + (float) DAMPING * sum;
			change += fabsf(next - rank[v]);
			rank[v] = next;
		}
	}
	return change;
}

static double
milliseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1e3 + now.tv_nsec / 1e6;
}

static int
compare_doubles(const void *a, const void *b)
{
	double		x = *(const double *) a;
	double		y = *(const double *) b;

	return (x > y) - (x < y);
}

static double
median(double *values, int count)
{
	qsort(values, count, sizeof(double), compare_doubles);
	return values[count / 2];
}

int
main(int argc, char **argv)
{
	int			repetitions = argc == 2 ? atoi(argv[1]) : 0;
	uint32_t	n;
	Edge	   *edges;
	uint64_t	edge_count = read_edges(&edges, &n);
	CsrGraph	graph = allocate_graph(n, edge_count);
	CsrGraph	scratch = allocate_graph(n, edge_count);
	uint32_t   *out_degree = array(n, sizeof(uint32_t));
	float	   *rank32 = array(n, sizeof(float));
	float	   *contribution = array(n, sizeof(float));
	double	   *teleport = array(n, sizeof(double));
	double	   *rank = array(n, sizeof(double));
	void	   *work = array(pagerank_scratch(&graph), 1);
	double		ours[MAX_REPETITIONS];
	double		theirs[MAX_REPETITIONS];
	double		converged[MAX_REPETITIONS];
	PagerankOptions options = {.damping = DAMPING,.teleport = teleport};
	PagerankResult result = {.iterations = 0};
	volatile float sink;

	if (repetitions < 1 || repetitions > MAX_REPETITIONS || edge_count == 0)
	{
		fprintf(stderr, "usage: %s REPETITIONS < graph, 1 to %d\n", argv[0], MAX_REPETITIONS);
		return 1;
	}
	graph_build(edges, &scratch, &graph, NULL);
	free(edges);
	work = array(pagerank_scratch(&graph), 1);
	for (uint64_t e = 0; e < graph.edge_count; e++)
		out_degree[graph.source[e]]++;
	for (uint32_t v = 0; v < n; v++)
		teleport[v] = 1.0 / n;

	for (int i = 0; i < repetitions; i++)
	{
		double		start = milliseconds();

		sink = gapbs_pagerank(&graph, out_degree, rank32, contribution);
		theirs[i] = milliseconds() - start;

		options.max_iterations = ITERATIONS;
		options.tolerance = 1e-300;
		start = milliseconds();
		pagerank(&graph, &options, rank, work, &result);
		ours[i] = milliseconds() - start;

		options.max_iterations = 1000;
		options.tolerance = 1e-11;
		start = milliseconds();
		pagerank(&graph, &options, rank, work, &result);
		converged[i] = milliseconds() - start;
	}
	(void) sink;
	printf("kernel %.3f\ngapbs %.3f\nconverged %.3f\niterations %d\nnodes %u\nedges %llu\n",
		   median(ours, repetitions), median(theirs, repetitions), median(converged, repetitions),
		   result.iterations, n, (unsigned long long) graph.edge_count);
	return 0;
}
