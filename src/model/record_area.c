/*
 * Shared memory in which processes keep chunks of record logs.
 *
 * Chunks are mapped for whoever owned resources when the area was created or attached:
 * rows come in the middle of queries, whose own owners are gone before the rows are used
 * up. Everything else in the area is allocated and looked at between queries, when that
 * owner is the current one. After an error its release unmaps the area; the last process
 * to do so frees it.
 */
#include "compat.h"

#include "storage/lwlock.h"

#include "model/record_area.h"

static RecordArea *
wrap_area(dsa_area *area)
{
	RecordArea *wrapped = palloc(sizeof(RecordArea));

	*wrapped = (RecordArea) {.area = area,.owner = CurrentResourceOwner};
	return wrapped;
}

/*
 * A new area, in the current memory context
 */
RecordArea *
record_area_create(void)
{
	return wrap_area(dsa_create(LWTRANCHE_PARALLEL_QUERY_DSA));
}

/*
 * The area of another process
 */
RecordArea *
record_area_attach(dsa_handle handle)
{
	return wrap_area(dsa_attach(handle));
}

/*
 * This process has no chunks in it any more; area: or NULL
 */
void
record_area_detach(RecordArea *area)
{
	if (area == NULL)
		return;
	Assert(area->bytes == 0);
	dsa_detach(area->area);
	pfree(area);
}

/*
 * Room for a chunk
 */
dsa_pointer
record_area_allocate(RecordArea *area, Size size)
{
	ResourceOwner old = CurrentResourceOwner;
	dsa_pointer pointer;

	CurrentResourceOwner = area->owner;
	pointer = dsa_allocate(area->area, size);
	CurrentResourceOwner = old;
	return pointer;
}

/*
 * A chunk, which another process may have filled
 */
void *
record_area_address(RecordArea *area, dsa_pointer pointer, Size size)
{
	ResourceOwner old = CurrentResourceOwner;
	void	   *chunk;

	CurrentResourceOwner = area->owner;
	chunk = shared_bytes(area->area, pointer, size);
	CurrentResourceOwner = old;
	return chunk;
}

/*
 * Free a chunk
 */
void
record_area_free(RecordArea *area, dsa_pointer pointer)
{
	ResourceOwner old = CurrentResourceOwner;

	CurrentResourceOwner = area->owner;
	dsa_free(area->area, pointer);
	CurrentResourceOwner = old;
}

/*
 * A copy of some bytes in an area
 */
dsa_pointer
share_bytes(dsa_area *area, const void *bytes, Size size)
{
	dsa_pointer pointer = dsa_allocate_extended(area, Max(size, 1), DSA_ALLOC_HUGE);

	if (size > 0)
		memcpy(dsa_get_address(area, pointer), bytes, size);
	return pointer;
}
