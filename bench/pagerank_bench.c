/*
 * Time the PageRank kernel: pagerank_bench REPETITIONS < graph
 *
 * The graph is binary: COPY's format with the columns source int, target int
 * (both from 1) and weight float8. Building it is not timed. Prints the median
 * milliseconds of each of
 *
 *   gapbs      20 iterations as in the GAP benchmark suite (gapbs, src/pr.cc)
 *   kernel     20 iterations of our kernel: weights, float8, teleport vector
 *   threads    the same by two threads
 *   prepare    what our kernel prepares before them: out-weights, its own copy
 *   converged  all of our kernel until the residual is below 1e-11
 *   blocks     the same without a copy, from 16 blocks of rows
 *
 * and then the least of each, which other work on the machine disturbs least.
 *
 * "gapbs" is not that suite's code but a yardstick written for this benchmark:
 * a pull loop over the same graph with what gapbs has in it, float32 ranks,
 * 32-bit sources, no weights, the sum of all changes, and nothing else. gapbs
 * itself updates ranks in place; the memory traffic is that of its loop. One thread.
 */
#include <arpa/inet.h>
#include <endian.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
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
#define SPINS_BEFORE_YIELD 10000

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

/* A problem for our kernel */
typedef struct Task
{
	const CsrGraph *graph;
	PagerankSize size;
	PagerankOptions options;
	void	   *scratch;
	double	   *rank;
	PagerankResult result;
} Task;

/* One of two threads */
typedef struct Thread
{
	Task	   *task;
	PagerankTeam team;
	PagerankResult result;
} Thread;

/* Blocks of equally many rows of a graph */
typedef struct Blocks
{
	const CsrGraph *graph;
	uint64_t	next;
} Blocks;

static void
prepare(Task *task)
{
	GraphFeed	state;
	EdgeFeed	feed = graph_feed(task->graph, 0, task->graph->node_count, &state);

	pagerank_prepare(&task->size, &feed, &task->options, task->scratch);
}

static void
iterate(Task *task)
{
	GraphFeed	state;
	EdgeFeed	feed = graph_feed(task->graph, 0, task->graph->node_count, &state);

	pagerank_iterate(&task->size, &feed, &task->options, NULL, task->rank,
					 task->scratch, &task->result);
}

static void *
iterate_as_member(void *argument)
{
	Thread	   *thread = argument;
	Task	   *task = thread->task;
	GraphFeed	state;
	EdgeFeed	feed = graph_feed(task->graph, thread->team.first_row,
								  thread->team.end_row, &state);

	pagerank_iterate(&task->size, &feed, &task->options, &thread->team, task->rank,
					 task->scratch, &thread->result);
	return NULL;
}

/*
 * A barrier for two that spins, as those of OpenMP do, with which gapbs is built
 */
typedef struct SpinBarrier
{
	int			arrived;
	int			round;
} SpinBarrier;

static void
wait_for_all(void *state)
{
	SpinBarrier *barrier = state;
	int			round = __atomic_load_n(&barrier->round, __ATOMIC_ACQUIRE);

	if (__atomic_add_fetch(&barrier->arrived, 1, __ATOMIC_ACQ_REL) == 2)
	{
		__atomic_store_n(&barrier->arrived, 0, __ATOMIC_RELAXED);
		__atomic_store_n(&barrier->round, round + 1, __ATOMIC_RELEASE);
		return;
	}
	for (int i = 1; __atomic_load_n(&barrier->round, __ATOMIC_ACQUIRE) == round; i++)
		if (i % SPINS_BEFORE_YIELD == 0)
			sched_yield();
}

static void
iterate_by_two(Task *task)
{
	SpinBarrier barrier = {0, 0};
	pthread_t	id;
	Thread		threads[2];

	for (uint32_t i = 0; i < 2; i++)
	{
		threads[i] = (Thread) {task, {i, 2, 0, 0, wait_for_all, &barrier}, {0}};
		pagerank_share_rows(task->graph, &threads[i].team);
	}
	if (pthread_create(&id, NULL, iterate_as_member, &threads[1]) != 0)
		exit(1);
	iterate_as_member(&threads[0]);
	pthread_join(id, NULL);
}

static void
rewind_blocks(void *state)
{
	((Blocks *) state)->next = 0;
}

static bool
next_block(void *state, EdgeBlock *block)
{
	Blocks	   *blocks = state;
	const CsrGraph *graph = blocks->graph;
	uint64_t	rows = graph->node_count / 16 + 1;

	if (blocks->next >= graph->node_count)
		return false;
	block->first_row = blocks->next;
	block->row_count = graph->node_count - blocks->next < rows ? graph->node_count - blocks->next : rows;
	block->row_start = graph->row_start + blocks->next;
	block->source = graph->source;
	block->weight = graph->weight;
	blocks->next += block->row_count;
	return true;
}

static void
converge(Task *task)
{
	prepare(task);
	iterate(task);
}

static void
converge_in_blocks(Task *task)
{
	Blocks		state = {task->graph, 0};
	EdgeFeed	feed = {rewind_blocks, next_block, &state};
	PagerankSize size = {task->size.node_count, 0};

	pagerank_prepare(&size, &feed, &task->options, task->scratch);
	pagerank_iterate(&size, &feed, &task->options, NULL, task->rank, task->scratch,
					 &task->result);
}

static double
milliseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1e3 + now.tv_nsec / 1e6;
}

/*
 * Milliseconds that work on a task takes
 */
static double
timed(void (*work) (Task *), Task *task)
{
	double		start = milliseconds();

	work(task);
	return milliseconds() - start;
}

static int
compare_doubles(const void *a, const void *b)
{
	double		x = *(const double *) a;
	double		y = *(const double *) b;

	return (x > y) - (x < y);
}

/*
 * Time everything in turn; times[i] is what name[i] takes
 */
enum
{
	GAPBS, KERNEL, THREADS, PREPARE, CONVERGED, BLOCKS, TIMED
};

static const char *const names[] = {"gapbs", "kernel", "threads", "prepare", "converged", "blocks"};

static double times[TIMED][MAX_REPETITIONS];

static void
measure(Task *task, int i, int *iterations)
{
	PagerankOptions *options = &task->options;

	options->max_iterations = ITERATIONS;
	options->tolerance = 1e-300;
	times[PREPARE][i] = timed(prepare, task);
	times[KERNEL][i] = timed(iterate, task);
	times[THREADS][i] = timed(iterate_by_two, task);

	options->max_iterations = 1000;
	options->tolerance = 1e-11;
	times[CONVERGED][i] = timed(converge, task);
	*iterations = task->result.iterations;
	times[BLOCKS][i] = timed(converge_in_blocks, task);
}

int
main(int argc, char **argv)
{
	int			repetitions = argc == 2 ? atoi(argv[1]) : 0;
	int			iterations = 0;
	uint32_t	n;
	Edge	   *edges;
	uint64_t	edge_count = read_edges(&edges, &n);
	CsrGraph	graph = allocate_graph(n, edge_count);
	CsrGraph	scratch = allocate_graph(n, edge_count);
	uint32_t   *out_degree = array(n, sizeof(uint32_t));
	float	   *rank32 = array(n, sizeof(float));
	float	   *contribution = array(n, sizeof(float));
	double	   *teleport = array(n, sizeof(double));
	Task		task = {.graph = &graph,.options = {.damping = DAMPING,.teleport = teleport}};
	volatile float sink;

	if (repetitions < 1 || repetitions > MAX_REPETITIONS || edge_count == 0)
	{
		fprintf(stderr, "usage: %s REPETITIONS < graph, 1 to %d\n", argv[0], MAX_REPETITIONS);
		return 1;
	}
	graph_build(edges, &scratch, &graph, NULL);
	free(edges);
	task.size = (PagerankSize) {n, graph.edge_count};
	task.scratch = array(pagerank_memory(&task.size), 1);
	task.rank = array(n, sizeof(double));
	for (uint64_t e = 0; e < graph.edge_count; e++)
		out_degree[graph.source[e]]++;
	for (uint32_t v = 0; v < n; v++)
		teleport[v] = 1.0 / n;

	for (int i = 0; i < repetitions; i++)
	{
		double		start = milliseconds();

		sink = gapbs_pagerank(&graph, out_degree, rank32, contribution);
		times[GAPBS][i] = milliseconds() - start;
		measure(&task, i, &iterations);
	}
	(void) sink;
	for (int i = 0; i < TIMED; i++)
	{
		qsort(times[i], repetitions, sizeof(double), compare_doubles);
		printf("%s %.3f\nleast_%s %.3f\n", names[i], times[i][repetitions / 2], names[i], times[i][0]);
	}
	printf("iterations %d\nnodes %u\nedges %llu\n", iterations, n, (unsigned long long) graph.edge_count);
	return 0;
}
