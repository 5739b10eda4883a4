/*
 * Handing over record logs, chunk by chunk. Chunks that are in shared memory already
 * stay where they are; of others, what one process frees is about what the area takes.
 */
#include "compat.h"

#include "miscadmin.h"

#include "model/shared_log.h"

/*
 * Have the chunks of a log in the area, and free the log; returns the next free
 * entry of chunks
 *
 * buffer: LAST_CHUNK_BYTES, for chunks that are in a file; NULL to say where in the
 * file they are instead.
 */
SharedChunk *
share_log(dsa_area *area, RecordLog *log, SharedChunk key, SharedChunk *chunks, char *buffer)
{
	for (uint32 i = 0; i < log->chunk_count; i++, chunks++)
	{
		const char *records;

		CHECK_FOR_INTERRUPTS();
		*chunks = key;
		if (DsaPointerIsValid(log->chunks[i].shared))
		{
			RecordChunk given = record_log_give_up(log, i);

			chunks->records = given.shared;
			chunks->count = given.count;
			chunks->bytes = given.bytes;
			continue;
		}
		if (log->chunks[i].records == NULL && buffer == NULL)
		{
			chunks->count = log->chunks[i].count;
			chunks->place = log->chunks[i].place;
			continue;
		}
		records = record_log_chunk(log, i, buffer, &chunks->count);
		chunks->bytes = chunks->count * log->record_size;
		chunks->records = share_bytes(area, records, chunks->bytes);
		record_log_free_chunk(log, i);
	}
	record_log_free(log);
	return chunks;
}
