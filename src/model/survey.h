/*
 * What must be known of all rows of a network before any target is measured.
 */
#ifndef INFLUENCE_SURVEY_H
#define INFLUENCE_SURVEY_H

#include "model/ingest.h"
#include "model/reciprocity.h"
#include "model/trust.h"

extern void survey_network(Ingest *ingest, int network, ActorHabits *habits, Reciprocity *reciprocity);

#endif							/* INFLUENCE_SURVEY_H */
