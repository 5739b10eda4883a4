/*
 * Record logs on their way from one process to another.
 */
#ifndef INFLUENCE_SHARED_LOG_H
#define INFLUENCE_SHARED_LOG_H

#include "postgres.h"

#include "model/record_log.h"

/* A chunk of records as it is handed over */
typedef struct SharedChunk
{
	int			network;
	uint32		partition;		/* or, in a chunk of a day, that day: */
	int			day;			/* whose number it is by those who share it, or -1 */
	int			kind;			/* RowKind, or DayKind in a chunk of a day */
	uint32		count;
	uint32		bytes;			/* that are allocated for them in the area */
	dsa_pointer records;		/* InvalidDsaPointer: in the file of who shares it */
	SpillPlace	place;
} SharedChunk;

/*
 * What is known of a chunk that is not one of a day before it is shared
 */
static inline SharedChunk
shared_chunk(int network, uint32 partition, int kind)
{
	return (SharedChunk) {.network = network,.partition = partition,.day = -1,.kind = kind,
	.records = InvalidDsaPointer};
}

extern SharedChunk *share_log(dsa_area *area, RecordLog *log, SharedChunk key, SharedChunk *chunks,
							  char *buffer);

#endif							/* INFLUENCE_SHARED_LOG_H */
