/*
 * What a worker that has read rows hands over to the leader.
 */
#ifndef INFLUENCE_HAND_OVER_H
#define INFLUENCE_HAND_OVER_H

#include "postgres.h"

#include "port/atomics.h"
#include "storage/condition_variable.h"
#include "utils/dsa.h"

#include "model/ingest.h"

/* How far a worker is */
typedef enum WorkerStage
{
	WORKER_READS,
	WORKER_OFFERS_PEOPLE,		/* and waits for their numbers */
	WORKER_HAS_NUMBERS
} WorkerStage;

/* What one worker hands over */
typedef struct HandOver
{
	pg_atomic_uint32 stage;		/* WorkerStage */
	ConditionVariable changed;	/* the stage has */

	/* people, as the worker numbers them */
	uint32		person_count;
	dsa_pointer ids;			/* bigints, uuids or texts one behind the other */
	dsa_pointer last_active_at; /* by person, as the next two */
	dsa_pointer sentiment;		/* InvalidDsaPointer: there is none */
	dsa_pointer numbers;		/* the leader's */

	/* rows, when the worker has ended */
	TimestampTz earliest_reaction;
	uint64		rows_read;
	uint64		rows_ignored[IGNORE_REASON_COUNT];
	uint64		chunk_count;
	dsa_pointer chunks;			/* array of SharedChunk; those in the file are not renumbered */
	uint32		day_count;
	dsa_pointer days;			/* array of SharedDay */
	bool		has_file;		/* with the rest of them */
} HandOver;

extern void hand_over_init(HandOver *worker);
extern void hand_over(Ingest *ingest, HandOver *to);
extern void take_over_people(Ingest *ingest, HandOver *from);
extern void take_over_rows(Ingest *ingest, const HandOver *from, SpillFile *file);

#endif							/* INFLUENCE_HAND_OVER_H */
