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

#endif							/* INFLUENCE_COMPAT_H */
