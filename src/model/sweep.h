/*
 * One walk over the rows of a network, target by target.
 */
#ifndef INFLUENCE_SWEEP_H
#define INFLUENCE_SWEEP_H

#include "model/measures.h"
#include "model/pairs.h"

/* People with measures on the networks seen so far; grows as needed */
typedef struct PersonNetworkArray
{
	MemoryContext context;
	uint64		count;
	uint64		capacity;
	PersonNetwork *items;
} PersonNetworkArray;

extern void sweep_network(const Ingest *ingest, int network, const Trust *trust,
						  PersonNetworkArray *people, RecordLog *signal_counts,
						  PairSet *pairs);
extern uint32 *count_reactions(const Ingest *ingest, int network);

#endif							/* INFLUENCE_SWEEP_H */
