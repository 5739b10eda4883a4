/*
 * One walk over the rows of a partition of a network, target by target.
 */
#ifndef INFLUENCE_SWEEP_H
#define INFLUENCE_SWEEP_H

#include "model/clock.h"
#include "model/edges.h"
#include "model/measures.h"
#include "model/reciprocity.h"
#include "model/trust.h"

/* What is known of the actors, and what the walks over a network add to */
typedef struct SweepOutput
{
	const Trust *trust;
	Clocks	   *clocks;			/* NULL: all of them run */
	PersonNetworkArray *people;
	RecordLog  *signal_counts;	/* of SignalCount */
	EdgeSet    *edges;
	Reciprocity *reciprocity;	/* after all was matched */
	uint64		rows_outside_window;	/* by their targets' clocks */
} SweepOutput;

extern void sweep_partition(const Ingest *ingest, int network, uint32 partition, SweepOutput *output);

#endif							/* INFLUENCE_SWEEP_H */
