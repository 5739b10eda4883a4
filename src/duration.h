/*
 * Intervals as durations: microseconds, a month being 30 days as everywhere
 * where PostgreSQL compares intervals.
 */
#ifndef INFLUENCE_DURATION_H
#define INFLUENCE_DURATION_H

#include "utils/timestamp.h"

extern double interval_to_usec(const Interval *interval);
extern double positive_interval_to_usec(const Interval *interval, const char *what);
extern char *interval_text(const Interval *interval);

#endif							/* INFLUENCE_DURATION_H */
