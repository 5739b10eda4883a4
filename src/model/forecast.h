/*
 * Forecasts: the score of a person after more interactions.
 */
#ifndef INFLUENCE_FORECAST_H
#define INFLUENCE_FORECAST_H

#include "model/published.h"
#include "model/scoring.h"

/* A person and what the score is made with */
typedef struct Forecast
{
	Model	   *model;
	Calibration *map;
	PublishedPerson *person;	/* NULL: no score */
	double		raw;
	double		mass;			/* exp(raw) - 1 */
} Forecast;

/* One network of the person as it stands */
typedef struct Standing
{
	double		mass;			/* M, without the weight of the network */
	double		posts;			/* decayed */
	double		audience;		/* of the kind in question */
	PersonNetwork measures;
} Standing;

/* Where a forecast ends up */
typedef struct Outcome
{
	double		raw;
	double		score;
} Outcome;

extern void forecast_begin(Forecast *forecast, const char *user_id, const char *model);
extern Standing forecast_standing(const Forecast *forecast, const Signal *signal);
extern Outcome forecast_outcome(const Forecast *forecast, const Signal *signal,
								const Standing *standing, double count);

#endif							/* INFLUENCE_FORECAST_H */
