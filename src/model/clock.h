/*
 * The clocks of people who are away: by which time the rows towards a person age.
 */
#ifndef INFLUENCE_CLOCK_H
#define INFLUENCE_CLOCK_H

#include "postgres.h"

#include "model/ingest.h"
#include "model/record_log.h"

/*
 * A stretch of time during which a person's clock stands still, as ages in
 * microseconds before as-of
 */
typedef struct Pause
{
	uint32		place;			/* of the person */
	uint32		unused;
	double		from;			/* its end, which is the nearer age */
	double		to;				/* its begin */
	double		nearer;			/* length of the person's pauses after this one */
} Pause;

/* Pauses of everybody, by partition; within one by place, then by age */
typedef struct Clocks
{
	RecordLog	pauses[PARTITION_COUNT];	/* of Pause */
	TimestampTz *frozen_since;	/* by person, DT_NOBEGIN: not frozen; NULL: nobody is */
} Clocks;

/* The same of one partition, to be looked up */
typedef struct PartitionClocks
{
	uint64	   *first_pause;	/* by place; one more at the end */
	Pause	   *pauses;			/* NULL: all clocks run */
} PartitionClocks;

extern Clocks *clocks_create(Ingest *ingest);
extern void clocks_spill(Clocks *clocks, SpillFile *file);
extern PartitionClocks clocks_load(const Clocks *clocks, uint32 partition, uint32 place_count);
extern double clock_shortened_age(const PartitionClocks *clocks, uint32 place, double age);

/*
 * Age of something by the clock of the person at the place: the age without the
 * time for which the clock stood still meanwhile
 */
static inline double
clock_age(const PartitionClocks *clocks, uint32 place, double age)
{
	return likely(clocks->pauses == NULL) ? age : clock_shortened_age(clocks, place, age);
}

#endif							/* INFLUENCE_CLOCK_H */
