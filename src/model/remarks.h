/*
 * What is remarkable about the data of a refresh, for whoever called it.
 */
#ifndef INFLUENCE_REMARKS_H
#define INFLUENCE_REMARKS_H

#include "postgres.h"

#include "model/run.h"

extern void remarks_report(const Run *run);

#endif							/* INFLUENCE_REMARKS_H */
