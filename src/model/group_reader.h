/*
 * Turns groups of rows into compact records.
 */
#ifndef INFLUENCE_GROUP_READER_H
#define INFLUENCE_GROUP_READER_H

#include "executor/tuptable.h"

#include "model/ingest.h"

typedef struct GroupReader GroupReader;

extern GroupReader *group_reader_create(Ingest *ingest, const Source *source, TupleDesc desc);
extern void group_reader_group(GroupReader *reader, TupleTableSlot *slot);

#endif							/* INFLUENCE_GROUP_READER_H */
