/*
 * What the score views hold of one person.
 */
#ifndef INFLUENCE_PUBLISHED_H
#define INFLUENCE_PUBLISHED_H

#include "model/model.h"

/* A row of the view "signals" */
typedef struct PublishedSignal
{
	char	   *kind;
	double		count;
	double		decayed_value;
	const Signal *signal;		/* NULL: the model has it no more */
} PublishedSignal;

/* A row of the view "network_scores", with its signals */
typedef struct PublishedNetwork
{
	char	   *name;
	const Network *network;		/* NULL: the model has it no more */
	double		points;
	double		value[MEASURE_COUNT];	/* as shown */
	double		measure_points[MEASURE_COUNT];
	int			signal_count;
	PublishedSignal *signals;
} PublishedNetwork;

typedef struct PublishedPerson
{
	double		score;
	int			network_count;
	PublishedNetwork *networks;
} PublishedPerson;

extern PublishedPerson *published_load(const ModelRef *ref, const char *user_id);
extern void published_bind(PublishedPerson *person, const Model *model);
extern PublishedNetwork *published_network(PublishedPerson *person, const char *name);
extern double published_audience(const PublishedNetwork *network, const Signal *signal);
extern double published_posts(const PublishedNetwork *network);

#endif							/* INFLUENCE_PUBLISHED_H */
