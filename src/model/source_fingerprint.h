/*
 * What the rows of a source that are kept depend on, but for the rows of its relation.
 */
#ifndef INFLUENCE_SOURCE_FINGERPRINT_H
#define INFLUENCE_SOURCE_FINGERPRINT_H

#include "postgres.h"

#include "model/model.h"

extern uint64 source_fingerprint(const Model *model, const Source *source, bool *by_policy);

#endif							/* INFLUENCE_SOURCE_FINGERPRINT_H */
