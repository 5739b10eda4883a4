/*
 * The rows of the score views.
 */
#ifndef INFLUENCE_VIEWS_H
#define INFLUENCE_VIEWS_H

#include "model/run.h"

extern void views_publish(Run *run);

#endif							/* INFLUENCE_VIEWS_H */
