/*
 * Whether somebody wanted the statement to end.
 */
#ifndef INFLUENCE_CANCEL_H
#define INFLUENCE_CANCEL_H

#include "postgres.h"

extern bool cancels_watch(void);
extern void cancels_unwatch(bool began);
extern int	cancels_seen(void);

#endif							/* INFLUENCE_CANCEL_H */
