/*
 * Turns the rows of a source into compact records.
 */
#ifndef INFLUENCE_READER_H
#define INFLUENCE_READER_H

#include "executor/tuptable.h"

#include "model/ingest.h"

typedef struct SourceReader SourceReader;

extern SourceReader *reader_create(Ingest *ingest, const Source *source);
extern void reader_start(TupleDesc desc, void *reader);
extern void reader_row(TupleTableSlot *slot, void *reader);
extern void reader_finish(SourceReader *reader);

#endif							/* INFLUENCE_READER_H */
