/*
 * Shared memory in which processes keep chunks of record logs, and hand each other
 * what they have.
 */
#ifndef INFLUENCE_RECORD_AREA_H
#define INFLUENCE_RECORD_AREA_H

#include "postgres.h"

#include "utils/dsa.h"
#include "utils/memdebug.h"
#include "utils/resowner.h"

/*
 * What is freed stays with the area, for whoever allocates next: large pieces return to
 * the system when all have detached.
 */
typedef struct RecordArea
{
	dsa_area   *area;
	ResourceOwner owner;		/* of what this process has mapped of it */
	Size		bytes;			/* of the chunks that are this process's */
	Size		peak;			/* the most they were, as the area keeps room for them */
} RecordArea;

extern RecordArea *record_area_create(void);
extern RecordArea *record_area_attach(dsa_handle handle);
extern void record_area_detach(RecordArea *area);
extern dsa_pointer record_area_allocate(RecordArea *area, Size size);
extern void *record_area_address(RecordArea *area, dsa_pointer pointer, Size size);
extern void record_area_free(RecordArea *area, dsa_pointer pointer);

/*
 * Bytes that another process may have put there. Memcheck sees only what its own
 * process did to that memory before.
 */
static inline void *
shared_bytes(dsa_area *area, dsa_pointer pointer, Size size pg_attribute_unused())
{
	void	   *bytes = dsa_get_address(area, pointer);

	VALGRIND_MAKE_MEM_DEFINED(bytes, size);
	return bytes;
}

extern dsa_pointer share_bytes(dsa_area *area, const void *bytes, Size size);

#endif							/* INFLUENCE_RECORD_AREA_H */
