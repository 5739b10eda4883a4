/*
 * One pass over the interactions of a partition as they lie, before any sorting.
 *
 * The functions that are called for each row are inlined, so that a pass costs what a
 * loop of its own would.
 */
#ifndef INFLUENCE_ROW_SCAN_H
#define INFLUENCE_ROW_SCAN_H

#include "postgres.h"

#include "miscadmin.h"

#include "math/prefetch.h"
#include "model/ingest.h"

/* One row. What is read of it but the multiplier, plain ones have, too */
typedef struct ScannedRow
{
	const Interaction *row;
	uint32		target;
	double		multiplier;
} ScannedRow;

/* visit is called for each row; ahead is called for the same rows some rows before that */
typedef struct RowVisitor
{
	void		(*visit) (void *state, ScannedRow row);
	void		(*ahead) (void *state, ScannedRow row);
	void	   *state;
} RowVisitor;

static pg_attribute_always_inline ScannedRow
scanned_row(uint32 partition, const char *record, bool plain)
{
	const Interaction *row = (const Interaction *) record;

	return (ScannedRow) {row, person_at(partition, interaction_place(row)), plain ? 1 : row->multiplier};
}

static pg_attribute_always_inline void
scan_log(const RecordLog *log, uint32 partition, bool plain, char *buffer, RowVisitor visitor)
{
	for (uint32 chunk = 0; chunk < log->chunk_count; chunk++)
	{
		uint32		count;
		const char *record = record_log_chunk(log, chunk, buffer, &count);

		CHECK_FOR_INTERRUPTS();
		for (uint32 i = 0; i < count; i++, record += log->record_size)
		{
			if (i + PREFETCH_AHEAD < count)
				visitor.ahead(visitor.state, scanned_row(partition, record + PREFETCH_AHEAD * log->record_size, plain));
			visitor.visit(visitor.state, scanned_row(partition, record, plain));
		}
	}
}

/*
 * buffer: of LAST_CHUNK_BYTES, for what is in a file
 */
static pg_attribute_always_inline void
scan_rows(Ingest *ingest, int network, uint32 partition, char *buffer, RowVisitor visitor)
{
	scan_log(ingest_log(ingest, network, partition, ROWS_PLAIN), partition, true, buffer, visitor);
	scan_log(ingest_log(ingest, network, partition, ROWS_INTERACTIONS), partition, false, buffer, visitor);
}

#endif							/* INFLUENCE_ROW_SCAN_H */
