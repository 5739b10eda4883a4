/*
 * Record logs on their way from one process to another.
 */
#ifndef INFLUENCE_SHARED_LOG_H
#define INFLUENCE_SHARED_LOG_H

#include "postgres.h"

#include "utils/dsa.h"
#include "utils/memdebug.h"

#include "model/record_log.h"

/* A chunk of records as it is handed over */
typedef struct SharedChunk
{
	int			network;
	uint32		partition;		/* or, in a chunk of a day, that day: */
	int			day;			/* whose number it is by those who share it, or -1 */
	int			kind;			/* RowKind, or DayKind in a chunk of a day */
	uint32		count;
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

/*
 * Bytes in the area that another process may have put there. Memcheck sees only what
 * its own process did to that memory before.
 */
static inline void *
shared_bytes(dsa_area *area, dsa_pointer pointer, Size size pg_attribute_unused())
{
	void	   *bytes = dsa_get_address(area, pointer);

	VALGRIND_MAKE_MEM_DEFINED(bytes, size);
	return bytes;
}

extern dsa_pointer share_bytes(dsa_area *area, const void *bytes, Size size);
extern SharedChunk *share_log(dsa_area *area, RecordLog *log, SharedChunk key, SharedChunk *chunks,
							  char *buffer);

#endif							/* INFLUENCE_SHARED_LOG_H */
