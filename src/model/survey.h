/*
 * What must be known of all rows of a network before any target is measured.
 */
#ifndef INFLUENCE_SURVEY_H
#define INFLUENCE_SURVEY_H

#include "model/ingest.h"
#include "model/reciprocity.h"

extern uint32 *survey_network(Ingest *ingest, int network, uint32 person_count, Reciprocity *reciprocity);

#endif							/* INFLUENCE_SURVEY_H */
