/*
 * Taking people out of what is published.
 */
#ifndef INFLUENCE_REMOVAL_H
#define INFLUENCE_REMOVAL_H

#include "model/model.h"

extern uint64 removal_from_history(const ModelRef *ref, const Datum *ids, int count);

#endif							/* INFLUENCE_REMOVAL_H */
