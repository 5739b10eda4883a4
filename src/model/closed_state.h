/*
 * The tables closed_records and closed_people: records of closed days, and the
 * people in them.
 */
#ifndef INFLUENCE_CLOSED_STATE_H
#define INFLUENCE_CLOSED_STATE_H

#include "postgres.h"

#include "model/day_rows.h"

typedef struct RecordWriter RecordWriter;

/* Called for each chunk of records of a day; they need not be aligned */
typedef void (*RecordCallback) (int network, DayKind kind, const char *records, uint64 count, void *arg);

extern void closed_people_load(Ingest *ingest);
extern void closed_people_append(const Ingest *ingest, uint32 first);
extern int64 closed_people_count(const ModelRef *ref, Datum sought);
extern void closed_people_delete(const char *model);

extern void closed_records_read(const Model *model, int64 day_id, RecordCallback callback, void *arg);
extern RecordWriter *record_writer_begin(void);
extern void record_writer_put(RecordWriter *writer, int64 day_id, int network, DayKind kind,
							  const void *records, uint64 count);
extern void record_writer_end(RecordWriter *writer);

#endif							/* INFLUENCE_CLOSED_STATE_H */
