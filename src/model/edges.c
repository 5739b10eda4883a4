/*
 * Keeping, spilling and reading the graph of engagement of one network.
 *
 * Memory: 12 bytes an edge and 8 a person.
 */
#include "compat.h"

#include "miscadmin.h"

#include "memory.h"
#include "model/edges.h"

/*
 * A graph without edges, in context; file is where its edges may be moved
 */
EdgeSet *
edges_create(uint32 person_count, SpillFile *file, MemoryContext context)
{
	EdgeSet    *edges = MemoryContextAllocZero(context, sizeof(EdgeSet));

	edges->context = context;
	edges->file = file;
	edges->person_count = person_count;
	return edges;
}

static void *
copy_array(MemoryContext context, const void *array, uint64 count, Size element_size)
{
	void	   *copy = huge_array(context, count, element_size);

	memcpy(copy, array, count * element_size);
	return copy;
}

/*
 * Add the edges of a partition, which are copied
 */
void
edges_add(EdgeSet *edges, uint32 partition, const EdgePartition *from)
{
	EdgePartition *to = &edges->partitions[partition];

	to->place_count = from->place_count;
	to->edge_count = from->edge_count;
	to->row_start = copy_array(edges->context, from->row_start, (uint64) from->place_count + 1, sizeof(uint64));
	to->actor = copy_array(edges->context, from->actor, from->edge_count, sizeof(uint32));
	to->engagement = copy_array(edges->context, from->engagement, from->edge_count, sizeof(double));
	edges->edge_count += from->edge_count;
}

/*
 * Have the edges of a partition in memory
 */
void
edges_load(EdgeSet *edges, uint32 partition)
{
	EdgePartition *part = &edges->partitions[partition];

	if (part->actor != NULL || part->row_start == NULL)
		return;
	part->actor = huge_array(edges->context, part->edge_count, sizeof(uint32));
	part->engagement = huge_array(edges->context, part->edge_count, sizeof(double));
	spill_read(edges->file, part->actor_place, part->actor, part->edge_count * sizeof(uint32));
	spill_read(edges->file, part->engagement_place, part->engagement, part->edge_count * sizeof(double));
}

/*
 * Move all edges that are in memory to the file
 */
void
edges_spill(EdgeSet *edges)
{
	for (int i = 0; i < PARTITION_COUNT; i++)
	{
		EdgePartition *part = &edges->partitions[i];

		if (part->actor == NULL)
			continue;
		CHECK_FOR_INTERRUPTS();
		part->actor_place = spill_write(edges->file, part->actor, part->edge_count * sizeof(uint32));
		part->engagement_place = spill_write(edges->file, part->engagement, part->edge_count * sizeof(double));
		pfree(part->actor);
		pfree(part->engagement);
		part->actor = NULL;
		part->engagement = NULL;
	}
}

/*
 * Make room for so many edges in the reader
 */
static void
reserve_edges(EdgeReader *reader, uint64 count)
{
	if (count <= reader->capacity)
		return;
	if (reader->actor != NULL)
	{
		pfree(reader->actor);
		pfree(reader->engagement);
	}
	reader->capacity = count;
	reader->actor = huge_array(reader->edges->context, count, sizeof(uint32));
	reader->engagement = huge_array(reader->edges->context, count, sizeof(double));
}

/*
 * Read the edges of some places from the file
 */
static void
read_rows(EdgeReader *reader, const EdgePartition *part, uint32 first_place, EdgeBlock *block)
{
	const uint64 *row_start = &part->row_start[first_place];
	uint64		first = row_start[0];
	uint64		count = row_start[block->row_count] - first;
	SpillPlace	actors = part->actor_place;
	SpillPlace	engagements = part->engagement_place;

	reserve_edges(reader, count);
	for (uint32 i = 0; i <= block->row_count; i++)
		reader->row_start[i] = row_start[i] - first;
	actors.offset += first * sizeof(uint32);
	engagements.offset += first * sizeof(double);
	spill_read(reader->edges->file, actors, reader->actor, count * sizeof(uint32));
	spill_read(reader->edges->file, engagements, reader->engagement, count * sizeof(double));
	block->row_start = reader->row_start;
	block->source = reader->actor;
	block->weight = reader->engagement;
}

static void
rewind_reader(void *state)
{
	EdgeReader *reader = state;

	reader->next_block = reader->first_block;
}

/*
 * The next block of targets
 */
static bool
next_block(void *state, EdgeBlock *block)
{
	EdgeReader *reader = state;
	const EdgeSet *edges = reader->edges;
	const EdgePartition *part;
	uint64		first = (uint64) reader->next_block << BLOCK_BITS;
	uint32		place;

	if (reader->next_block >= reader->end_block)
		return false;
	reader->next_block++;
	part = &edges->partitions[partition_of((uint32) first)];
	place = place_of((uint32) first);
	block->first_row = (uint32) first;
	block->row_count = Min(edges->person_count - (uint32) first, BLOCK_PEOPLE);
	if (part->actor == NULL)
		read_rows(reader, part, place, block);
	else
	{
		block->row_start = &part->row_start[place];
		block->source = part->actor;
		block->weight = part->engagement;
	}
	return true;
}

/*
 * The edges as the math layer reads them; nodes are people
 *
 * reader: is set up here, and kept by the caller as long as the feed is used.
 */
EdgeFeed
edges_feed(const EdgeSet *edges, EdgeReader *reader)
{
	return edges_feed_rows(edges, 0, edges->person_count, reader);
}

/*
 * The same for the edges of some targets, which begin and end at blocks
 */
EdgeFeed
edges_feed_rows(const EdgeSet *edges, uint32 first_row, uint32 end_row, EdgeReader *reader)
{
	EdgeFeed	feed = {.rewind = rewind_reader,.next = next_block,.state = reader};

	memset(reader, 0, sizeof(EdgeReader));
	reader->edges = edges;
	reader->first_block = first_row >> BLOCK_BITS;
	/* whoever has no rows has no part of a last block that is not full either */
	reader->end_block = first_row == end_row ? reader->first_block :
		(uint32) (((uint64) end_row + BLOCK_PEOPLE - 1) >> BLOCK_BITS);
	return feed;
}

/*
 * Edges of a block of targets
 */
static uint64
count_edges(const EdgeSet *edges, uint64 first_row)
{
	const EdgePartition *part = &edges->partitions[partition_of((uint32) first_row)];
	uint32		place = place_of((uint32) first_row);

	return part->row_start[Min(place + BLOCK_PEOPLE, part->place_count)] - part->row_start[place];
}

/*
 * Share the rows out to the members of a team so that each has about as much to do:
 * sets first_row and end_row
 */
void
edges_share_rows(const EdgeSet *edges, PagerankTeam *team)
{
	uint32	   *bound[2] = {&team->first_row, &team->end_row};
	double		work = (double) edges->edge_count + edges->person_count;
	double		before = 0;
	uint64		row = 0;

	StaticAssertStmt(PAGERANK_ROW_UNIT % BLOCK_PEOPLE == 0, "members must feed whole blocks");
	for (int i = 0; i < 2; i++)
	{
		double		wanted = work * (team->member + i) / team->members;

		for (; row < edges->person_count && (before < wanted || row % PAGERANK_ROW_UNIT != 0); row += BLOCK_PEOPLE)
			before += (double) count_edges(edges, row) + BLOCK_PEOPLE;
		*bound[i] = (uint32) Min(row, edges->person_count);
	}
}
