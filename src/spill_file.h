/*
 * A temporary file for what does not fit in memory.
 */
#ifndef INFLUENCE_SPILL_FILE_H
#define INFLUENCE_SPILL_FILE_H

#include "postgres.h"

#include "storage/sharedfileset.h"

typedef struct SpillFile SpillFile;

/* Where something lies in the file */
typedef struct SpillPlace
{
	int			segment;
	off_t		offset;
} SpillPlace;

extern SpillFile *spill_create(MemoryContext context);
extern SpillFile *spill_create_shared(SharedFileSet *files, const char *name, MemoryContext context);
extern SpillFile *spill_open_shared(SharedFileSet *files, const char *name, MemoryContext context);
extern void spill_export(SpillFile *file);
extern void spill_close(SpillFile *file);
extern bool spill_is_used(const SpillFile *file);

extern SpillPlace spill_write(SpillFile *file, const void *data, Size size);
extern void spill_read(SpillFile *file, SpillPlace place, void *data, Size size);

#endif							/* INFLUENCE_SPILL_FILE_H */
