/*
 * How many workers a piece of work is worth.
 */
#ifndef INFLUENCE_WORKERS_H
#define INFLUENCE_WORKERS_H

#include "postgres.h"

#include "storage/block.h"

extern int	workers_worth(BlockNumber pages);

#endif							/* INFLUENCE_WORKERS_H */
