/*
 * Publishing a run: its rows replace those of the score views and of the day.
 */
#ifndef INFLUENCE_PUBLISH_H
#define INFLUENCE_PUBLISH_H

#include "model/run.h"

extern void publish_run(Run *run);

#endif							/* INFLUENCE_PUBLISH_H */
