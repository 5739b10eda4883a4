/*
 * How people are dealt out to partitions.
 *
 * What is known of a network's people is kept and worked on partition by
 * partition, so that each piece of work fits in the processor's cache, and what
 * is not worked on can wait in a file. People come in the order in which rows
 * bring them, the busiest first; dealt out in blocks, each partition gets its
 * share of them:
 *
 *   person      0 .. 255 | 256 .. 511 | ... | 65280 .. 65535 | 65536 .. 65791 | ...
 *   partition       0    |      1     | ... |       255      |        0       | ...
 *   place       0 .. 255 |  0 .. 255  | ... |    0 .. 255    |   256 .. 511   | ...
 */
#ifndef INFLUENCE_PARTITION_H
#define INFLUENCE_PARTITION_H

#include "postgres.h"

#define BLOCK_BITS		8
#define BLOCK_PEOPLE	(1 << BLOCK_BITS)
#define PARTITION_BITS	8
#define PARTITION_COUNT	(1 << PARTITION_BITS)

/* Partitions whose rows are freed before the system gets their memory back */
#define PARTITIONS_PER_GIVE_BACK	16

/* A place in a partition needs no more bits than this */
#define PLACE_BITS		(32 - PARTITION_BITS)

static inline uint32
partition_of(uint32 person)
{
	return (person >> BLOCK_BITS) & (PARTITION_COUNT - 1);
}

static inline uint32
place_of(uint32 person)
{
	return ((person >> (BLOCK_BITS + PARTITION_BITS)) << BLOCK_BITS) | (person & (BLOCK_PEOPLE - 1));
}

static inline uint32
person_at(uint32 partition, uint32 place)
{
	return ((place >> BLOCK_BITS) << (BLOCK_BITS + PARTITION_BITS)) |
		(partition << BLOCK_BITS) | (place & (BLOCK_PEOPLE - 1));
}

/*
 * How many of the people are in a partition
 */
static inline uint32
partition_places(uint32 partition, uint32 person_count)
{
	uint32		rounds = person_count >> (BLOCK_BITS + PARTITION_BITS);
	uint32		rest = person_count & ((1 << (BLOCK_BITS + PARTITION_BITS)) - 1);
	uint32		before = partition << BLOCK_BITS;

	return (rounds << BLOCK_BITS) + (rest <= before ? 0 : Min(rest - before, BLOCK_PEOPLE));
}

#endif							/* INFLUENCE_PARTITION_H */
