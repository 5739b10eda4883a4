/*
 * Doing what may fail, mostly because of the lock of another session.
 */
#ifndef INFLUENCE_ATTEMPT_H
#define INFLUENCE_ATTEMPT_H

#include "postgres.h"

extern ErrorData *attempt(void (*action) (void *arg), void *arg);
extern ErrorData *attempt_locks(void (*action) (void *arg), void *arg, int milliseconds);
extern ErrorData *attempt_and_undo(void (*action) (void *arg), void *arg);

#endif							/* INFLUENCE_ATTEMPT_H */
