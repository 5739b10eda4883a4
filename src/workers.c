/*
 * How many workers a piece of work is worth, by the server's settings.
 */
#include "compat.h"

#include "optimizer/cost.h"
#include "optimizer/paths.h"

#include "workers.h"

/*
 * Workers for so many pages: one for the first, and one more each time there are
 * three times as many, as for parallel plans
 */
int
workers_worth(BlockNumber pages)
{
	int			workers = 0;
	BlockNumber threshold = Max(min_parallel_table_scan_size, 1);

	while (pages >= threshold && workers < max_parallel_workers_per_gather)
	{
		workers++;
		if (threshold > MaxBlockNumber / 3)
			break;
		threshold *= 3;
	}
	return workers;
}
