/*
 * Arrays above palloc's 1 GB, with overflow-checked sizes.
 *
 * The arrays are ordinary chunks of the context given: pfree and the deletion
 * of the context free them.
 */
#include "compat.h"

#ifdef __GLIBC__
#include <malloc.h>
#endif
#ifdef __linux__
#include <sys/mman.h>
#endif

#include "utils/memutils.h"

#include "influence.h"
#include "memory.h"

/* Capacity of an array that grows from nothing */
#define FIRST_CAPACITY 1024

/* Arrays of so many bytes are worth a hint about pages */
#define LEAST_ADVISED	(4 * 1024 * 1024)

/* What advice may be given for: whole pages of any machine */
#define ADVISE_ALIGN	(64 * 1024)

/*
 * Bytes of an array; 54000 when the address space does not hold it
 *
 * An empty array still gets one element, so that its address is valid.
 */
static Size
array_size(uint64 count, Size element_size)
{
	if (count > MaxAllocHugeSize / element_size)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("array of %llu elements of %zu bytes is too large",
						(unsigned long long) count, element_size)));

	return (count > 0 ? (Size) count : 1) * element_size;
}

/*
 * Say that a large array may lie in large pages; returns it
 *
 * Such arrays are looked at in no order, and most of what that costs with small
 * pages is finding the page. Nothing depends on whether the system takes the hint.
 */
static void *
prefer_large_pages(void *array, Size size)
{
#ifdef MADV_HUGEPAGE
	uintptr_t	first = TYPEALIGN(ADVISE_ALIGN, (uintptr_t) array);
	uintptr_t	end = TYPEALIGN_DOWN(ADVISE_ALIGN, (uintptr_t) array + size);

	if (size >= LEAST_ADVISED)
		(void) madvise((void *) first, end - first, MADV_HUGEPAGE);
#endif
	return array;
}

/*
 * Allocate an array of "count" elements, not initialised
 */
void *
huge_array(MemoryContext context, uint64 count, Size element_size)
{
	Size		size = array_size(count, element_size);

	return prefer_large_pages(MemoryContextAllocHuge(context, size), size);
}

/*
 * The same, all bytes 0
 */
void *
huge_array_zero(MemoryContext context, uint64 count, Size element_size)
{
	return memset(huge_array(context, count, element_size), 0, array_size(count, element_size));
}

/*
 * Grow or shrink an array to "count" elements, keeping its content
 */
void *
huge_array_resize(void *array, uint64 count, Size element_size)
{
	Size		size = array_size(count, element_size);

	return prefer_large_pages(repalloc_huge(array, size), size);
}

/*
 * Next capacity of an array that is full: half as much again, at most "limit"
 *
 * The caller checks the limit before it asks, so the result is always larger.
 */
uint64
huge_array_next(uint64 capacity, uint64 limit)
{
	uint64		next;

	Assert(capacity < limit);

	next = Max(capacity, FIRST_CAPACITY);
	if (capacity > 0)
		next += Min(next / 2, limit);

	return Min(next, limit);
}

/*
 * May a tree of contexts take so many more bytes within influence.max_memory?
 */
bool
memory_has_room(MemoryContext context, Size bytes)
{
	return MemoryContextMemAllocated(context, true) + bytes <= (Size) influence_max_memory * 1024;
}

/*
 * Return what was freed to the system
 *
 * The C library keeps small pieces for itself, in the hope of reusing them, which
 * large arrays then do not.
 */
void
memory_give_back(void)
{
#ifdef __GLIBC__
	malloc_trim(0);
#endif
}
