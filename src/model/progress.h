/*
 * What a refresh is doing, for pg_stat_activity.
 */
#ifndef INFLUENCE_PROGRESS_H
#define INFLUENCE_PROGRESS_H

#include "postgres.h"

extern void progress_report(const char *model, const char *format,...) pg_attribute_printf(2, 3);
extern void progress_end(void);

#endif							/* INFLUENCE_PROGRESS_H */
