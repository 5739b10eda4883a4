/*
 * The type influence_reach_sketch as it is stored
 *
 * Wording:
 *   compact  the hashes, sorted and unique. What is stored, printed and sent.
 *   working  what an aggregate adds to. One of a partial aggregate may turn up
 *            anywhere, so every function reads both forms.
 *   front    in a working sketch, up to six hashes right behind the header.
 *            With thousands of groups every memory access is a cache miss, and
 *            a row that only touches the front costs one instead of two.
 *   run      sorted and unique hashes, the whole of a compact sketch
 *   tail     hashes in order of arrival, behind the run and before spare room
 *
 *     compact   header | run
 *     working   header | front | run | tail | spare room
 */
#ifndef INFLUENCE_REACH_SKETCH_H
#define INFLUENCE_REACH_SKETCH_H

#include "compat.h"

#include "fmgr.h"

#include "math/sketch.h"

#define REACH_VERSION 1

/* Flags: the id type in two bits, these, and the hashes in the front */
#define REACH_ID_TYPE_MASK 0x03
#define REACH_SAMPLED 0x04
#define REACH_WORKING 0x08
#define REACH_FRONT_SHIFT 4

/* Room of the front, and of that in the smallest working sketch */
#define REACH_FRONT 6
#define REACH_MIN_FRONT 2

/* Stored; ids of different types hash differently and are never mixed */
typedef enum ReachIdType
{
	REACH_BIGINT = 1,
	REACH_UUID = 2,
	REACH_TEXT = 3
} ReachIdType;

typedef struct ReachSketch
{
	int32		vl_len_;		/* varlena header (do not touch directly!) */
	uint8		version;
	uint8		flags;			/* see above */
	uint16		k_minus_1;
	uint32		n;				/* hashes in run and tail */
	uint32		n_sorted;		/* hashes in the run */
	uint64		hashes[FLEXIBLE_ARRAY_MEMBER];	/* front, run, tail, spare room */
} ReachSketch;

/* Size with room for capacity hashes, front included */
#define REACH_BYTES(capacity) \
	(offsetof(ReachSketch, hashes) + sizeof(uint64) * (Size) (capacity))

/*
 * Type of the ids that were counted
 */
static inline ReachIdType
reach_id_type(const ReachSketch *reach)
{
	return (ReachIdType) (reach->flags & REACH_ID_TYPE_MASK);
}

/*
 * Number of hashes in the front
 */
static inline uint32
reach_n_front(const ReachSketch *reach)
{
	return reach->flags >> REACH_FRONT_SHIFT;
}

/*
 * Room of the front
 */
static inline uint32
reach_front_capacity(const ReachSketch *reach)
{
	Size		slots = (VARSIZE(reach) - REACH_BYTES(0)) / sizeof(uint64);

	return (reach->flags & REACH_WORKING) ? (uint32) Min(slots, REACH_FRONT) : 0;
}

/* Names of the id types, indexed by ReachIdType */
extern const char *const reach_id_types[];

extern ReachSketch *reach_allocate(ReachIdType id_type, uint32 k, uint32 capacity, bool working);
extern bool reach_hashes_valid(ReachSketch *reach);
extern ReachSketch *reach_getarg(FunctionCallInfo fcinfo, int argno, Sketch *sketch);

#endif							/* INFLUENCE_REACH_SKETCH_H */
