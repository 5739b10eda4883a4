/*
 * Pairs of people: all that one actor did towards one target on a network.
 */
#ifndef INFLUENCE_PAIRS_H
#define INFLUENCE_PAIRS_H

#include "postgres.h"

#include "math/graph.h"
#include "model/ingest.h"
#include "model/trust.h"

typedef struct Pair
{
	uint32		actor;
	uint32		unused;
	double		engagement;		/* y: ln(1 + sum of v) * trust, later less reciprocity */
	double		tradable;		/* part of the sum of v that is not conversational */
} Pair;

/* All pairs of a network, by target and then by actor */
typedef struct PairSet
{
	uint32		person_count;
	uint64		pair_count;
	uint64	   *row_start;		/* by target; person_count + 1 */
	Pair	   *pairs;
} PairSet;

extern void pairs_discount_reciprocity(PairSet *set, double discount);
extern CsrGraph *pairs_to_graph(PairSet *set, MemoryContext context);

#endif							/* INFLUENCE_PAIRS_H */
