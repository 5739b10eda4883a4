/*
 * The six measures of every person on every network.
 */
#ifndef INFLUENCE_MEASURES_H
#define INFLUENCE_MEASURES_H

#include "postgres.h"

#include "math/log1p.h"
#include "model/clock.h"
#include "model/ingest.h"
#include "model/model.h"
#include "model/person_network.h"
#include "model/record_log.h"

/* What a person received of one signal */
typedef struct SignalCount
{
	uint32		person;
	uint32		signal;
	double		count;			/* rows, and people of anonymous counts */
	double		decayed_value;
} SignalCount;

/* Prior of amplification as fitted to a network; 0, 0 when nobody is on it */
typedef struct AmplificationPrior
{
	double		shares;
	double		posts;
} AmplificationPrior;

typedef struct Measures
{
	uint64		person_network_count;
	PersonNetwork *person_networks; /* by network, partition and person */
	Clocks	   *clocks;			/* NULL: all of them run */
	RecordLog	signal_counts;	/* of SignalCount; by network, partition, person, signal */
	AmplificationPrior *priors; /* by network */
	int			iterations;		/* of PageRank, the most of any network */
	double		residual;		/* of PageRank, the largest of any network */
} Measures;

extern Measures *measures_compute(Ingest *ingest);

/*
 * What the score multiplies by the weight of a measure: ln(1 + value)
 *
 * Most measures of most people are 0, which needs no logarithm.
 */
static inline double
measure_term(const PersonNetwork *person, Measure measure)
{
	if (measure == MEASURE_AUDIENCE)
		return person->audience_term;
	return person->value[measure] > 0 ? fast_log1p(person->value[measure]) : 0;
}

#endif							/* INFLUENCE_MEASURES_H */
