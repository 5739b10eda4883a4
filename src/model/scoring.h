/*
 * Measures become raw influence, raw influence becomes scores.
 */
#ifndef INFLUENCE_SCORING_H
#define INFLUENCE_SCORING_H

#include "postgres.h"

#include "model/ingest.h"
#include "model/measures.h"
#include "model/model.h"

/* The map from raw to score that a run uses */
typedef struct Calibration
{
	int			version;		/* 0: fitted by this run and not stored yet */
	int64		people;			/* that it was fitted to */
	int			knot_count;
	double	   *raw;
	double	   *score;
} Calibration;

/* A scored person, over all networks */
typedef struct PersonScore
{
	uint32		person;
	uint32		rank;			/* 1 is the highest score */
	double		mass;			/* sum of omega * M over networks */
	double		raw;
	double		score;
	double		percentile;		/* 0 to 100, mid-rank */
	double		true_reach;
	double		audience;
	double		amplification;	/* 0 to 100 */
	double		network_influence;	/* 0 to 100 */
	double		change[3];		/* since a day, a week, a month; NaN: unknown */
	double		scale_change;	/* the scale's part of the month's; NaN: unknown */
} PersonScore;

typedef struct Scores
{
	uint32		count;
	PersonScore *people;		/* by person */
	uint32	   *by_rank;		/* positions in people */
	uint32	   *by_id;			/* positions in people, in order of the ids */
	uint32	   *position;		/* by person: position in people, NOBODY: not scored */
	Calibration *calibration;	/* NULL when nobody has any raw influence */
	double		mean;			/* of the scores of people with raw > 0 */
} Scores;

/* One person's share of a network in the score, by measure */
typedef struct NetworkPoints
{
	double		score;			/* of this network alone */
	double		total;
	double		measure[MEASURE_COUNT];
} NetworkPoints;

extern Scores *scores_compute(const Ingest *ingest, const Measures *measures,
							  Calibration *stored, bool recalibrate);
extern void scores_limit(Scores *scores, const Ingest *ingest, const double *limits);
extern double scores_on_scale(const Scores *scores, const Calibration *map, double score);
extern NetworkPoints scores_network_points(const Ingest *ingest, const Scores *scores,
										   const PersonNetwork *person_network);
extern double scores_network_sum(const Model *model, const PersonNetwork *person_network);
extern double measure_shown(Measure measure, double value);

#endif							/* INFLUENCE_SCORING_H */
