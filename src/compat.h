/*
 * Differences between the PostgreSQL versions we build on (15, 17 and 18).
 * Nothing else in the tree tests PG_VERSION_NUM.
 */
#ifndef INFLUENCE_COMPAT_H
#define INFLUENCE_COMPAT_H

#include "postgres.h"

#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

#include "datatype/timestamp.h"

/* Intervals are always finite before 17 */
#if PG_VERSION_NUM < 170000
#define INTERVAL_IS_NOBEGIN(interval) ((void) (interval), false)
#define INTERVAL_IS_NOEND(interval) ((void) (interval), false)
#endif

#endif							/* INFLUENCE_COMPAT_H */
