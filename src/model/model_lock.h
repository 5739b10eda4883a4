/*
 * The lock that a model's refresh holds.
 */
#ifndef INFLUENCE_MODEL_LOCK_H
#define INFLUENCE_MODEL_LOCK_H

#include "model/model.h"

extern bool model_lock(const ModelRef *model, bool wait);

#endif							/* INFLUENCE_MODEL_LOCK_H */
