/*
 * What a call sees: is it what an earlier call saw?
 */
#ifndef INFLUENCE_MOMENT_H
#define INFLUENCE_MOMENT_H

#include "compat.h"

typedef struct Moment Moment;

extern Moment *moment_now(void);
extern bool moment_is_now(const Moment *moment);

#endif							/* INFLUENCE_MOMENT_H */
