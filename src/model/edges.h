/*
 * The graph of engagement of one network: who engages with whom, and how much.
 *
 * Edges lie with their target, partition by partition (partition.h), in
 * compressed sparse rows by place. Partitions can wait in a file.
 */
#ifndef INFLUENCE_EDGES_H
#define INFLUENCE_EDGES_H

#include "postgres.h"

#include "math/pagerank.h"
#include "model/partition.h"
#include "spill_file.h"

/* In-edges of the people of one partition */
typedef struct EdgePartition
{
	uint32		place_count;
	uint64		edge_count;
	uint64	   *row_start;		/* by place; place_count + 1 */
	uint32	   *actor;			/* by edge; ascending within a row. NULL: in the file */
	double	   *engagement;		/* by edge */
	SpillPlace	actor_place;
	SpillPlace	engagement_place;
} EdgePartition;

typedef struct EdgeSet
{
	MemoryContext context;
	SpillFile  *file;
	uint32		person_count;
	uint64		edge_count;
	EdgePartition partitions[PARTITION_COUNT];
} EdgeSet;

/* Reads the edges block by block in the order of targets, as often as wanted */
typedef struct EdgeReader
{
	const EdgeSet *edges;
	uint32		first_block;
	uint32		end_block;
	uint32		next_block;
	uint64		capacity;		/* length of the arrays below, for what is in the file */
	uint64		row_start[BLOCK_PEOPLE + 1];
	uint32	   *actor;
	double	   *engagement;
} EdgeReader;

extern EdgeSet *edges_create(uint32 person_count, SpillFile *file, MemoryContext context);
extern void edges_add(EdgeSet *edges, uint32 partition, const EdgePartition *from);
extern void edges_load(EdgeSet *edges, uint32 partition);
extern void edges_spill(EdgeSet *edges);
extern EdgeFeed edges_feed(const EdgeSet *edges, EdgeReader *reader);
extern EdgeFeed edges_feed_rows(const EdgeSet *edges, uint32 first_row, uint32 end_row,
								EdgeReader *reader);
extern void edges_share_rows(const EdgeSet *edges, PagerankTeam *team);

#endif							/* INFLUENCE_EDGES_H */
