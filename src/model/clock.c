/*
 * The clocks of people who are away.
 *
 * What people received ages by their own clock, which stops when they have not
 * posted for a while (inactivity_policy of the model). With posts P1, P2, P3 and
 * a grace period g, as of T:
 *
 *   decay              P1------------P2------P3--------------T
 *                      the clock always runs
 *
 *   grace              P1------------P2------P3              T
 *                                              |..g..|-------   stands for g
 *
 *   freeze             P1--g--|......P2--g--|P3--g--|........T
 *                      runs for g after a post, then stands until the next one
 *
 * Under grace only the last post matters: the clock shows max(P3, T - g). Under
 * freeze it is behind by all the time for which it stood, so that nothing jumps
 * when somebody comes back. A clock that knows of no post runs. Posts on any
 * network and of any age count.
 *
 * Either way a row's age is shortened by the pauses between it and T. They are
 * made once, from the posts of all networks, before the rows of any are used up.
 */
#include "compat.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "memory.h"
#include "model/clock.h"

/* One post of somebody */
typedef struct PostAge
{
	uint64		age;			/* microseconds before as-of */
	uint32		place;			/* of the person */
} PostAge;

#define ST_SORT sort_post_ages
#define ST_ELEMENT_TYPE PostAge
#define ST_COMPARE(a, b) \
	((a)->place != (b)->place ? ((a)->place > (b)->place) - ((a)->place < (b)->place) : \
	 ((a)->age > (b)->age) - ((a)->age < (b)->age))
#define ST_CHECK_FOR_INTERRUPTS
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"

/*
 * The log of a network's posts, NULL when it has no rows
 */
static const RecordLog *
post_log(const Ingest *ingest, int network, uint32 partition)
{
	const NetworkRows *rows = &ingest->networks[network];

	return rows->partitions == NULL ? NULL : &rows->partitions[partition].logs[ROWS_POSTS];
}

/*
 * Add the posts of a log to the ages, which have room; returns the next free one
 */
static PostAge *
copy_post_ages(const RecordLog *log, PostAge *ages, char *buffer)
{
	for (uint32 chunk = 0; chunk < log->chunk_count; chunk++)
	{
		uint32		count;
		const PostEvent *posts = (const PostEvent *) record_log_chunk(log, chunk, buffer, &count);

		CHECK_FOR_INTERRUPTS();
		for (uint32 i = 0; i < count; i++, ages++)
		{
			ages->age = posts[i].stamp.age;
			ages->place = posts[i].place;
		}
	}
	return ages;
}

/*
 * Posts of a partition's people on all networks, by place, the last one first
 */
static PostAge *
gather_post_ages(const Ingest *ingest, uint32 partition, char *buffer, uint64 *count)
{
	int			network_count = ingest->model->network_count;
	PostAge    *ages;
	PostAge    *next;

	*count = 0;
	for (int i = 0; i < network_count; i++)
		if (post_log(ingest, i, partition) != NULL)
			*count += record_log_count(post_log(ingest, i, partition));
	next = ages = huge_array(CurrentMemoryContext, *count, sizeof(PostAge));
	for (int i = 0; i < network_count; i++)
		if (post_log(ingest, i, partition) != NULL)
			next = copy_post_ages(post_log(ingest, i, partition), next, buffer);
	sort_post_ages(ages, *count);
	return ages;
}

static void
append_pause(RecordLog *pauses, uint32 place, double from, double to, double nearer)
{
	Pause	   *pause = record_log_append(pauses);

	pause->place = place;
	pause->unused = 0;
	pause->from = from;
	pause->to = to;
	pause->nearer = nearer;
}

/*
 * Pauses of one person, from their posts, the last one first
 */
static void
append_pauses(RecordLog *pauses, const Model *model, const PostAge *posts, uint64 count)
{
	double		from = 0;
	double		nearer = 0;

	if (model->inactivity_policy == INACTIVITY_GRACE)
	{
		double		to = Min((double) posts[0].age, model->grace_period);

		if (to > 0)
			append_pause(pauses, posts[0].place, 0, to, 0);
		return;
	}
	for (uint64 i = 0; i < count; i++)
	{
		double		to = (double) posts[i].age - model->grace_period;

		if (to > from)
		{
			append_pause(pauses, posts[i].place, from, to, nearer);
			nearer += to - from;
		}
		from = (double) posts[i].age;
	}
}

/*
 * Pauses of the people of one partition; adds to frozen_since
 */
static void
fill_partition(Clocks *clocks, const Ingest *ingest, uint32 partition, char *buffer)
{
	const Model *model = ingest->model;
	uint64		count;
	uint64		end;
	PostAge    *posts = gather_post_ages(ingest, partition, buffer, &count);

	for (uint64 start = 0; start < count; start = end)
	{
		uint64		last = posts[start].age;

		for (end = start + 1; end < count && posts[end].place == posts[start].place;)
			end++;
		append_pauses(&clocks->pauses[partition], model, &posts[start], end - start);
		if (clocks->frozen_since != NULL && (double) last > model->grace_period)
			clocks->frozen_since[person_at(partition, posts[start].place)] =
				ingest->as_of - (TimestampTz) last + (TimestampTz) model->grace_period;
	}
	pfree(posts);
}

/*
 * Keep to influence.max_memory, of which the rest of the run needs its part
 */
static void
limit_memory(Clocks *clocks, Ingest *ingest)
{
	if (!ingest_over_limit(ingest))
		return;
	ingest_spill(ingest);
	clocks_spill(clocks, ingest->spill);
	ingest_limit_relieved(ingest);
}

/*
 * Everybody's clock, in the current memory context; NULL when all of them run
 *
 * To be called while the rows of all networks are there.
 */
Clocks *
clocks_create(Ingest *ingest)
{
	uint32		person_count = intern_count(ingest->people);
	char	   *buffer;
	Clocks	   *clocks;

	if (ingest->model->inactivity_policy == INACTIVITY_DECAY)
		return NULL;
	clocks = palloc0(sizeof(Clocks));
	if (ingest->model->inactivity_policy == INACTIVITY_FREEZE)
	{
		clocks->frozen_since = huge_array(CurrentMemoryContext, person_count, sizeof(TimestampTz));
		for (uint32 i = 0; i < person_count; i++)
			clocks->frozen_since[i] = DT_NOBEGIN;
	}
	for (int i = 0; i < PARTITION_COUNT; i++)
		record_log_init(&clocks->pauses[i], sizeof(Pause), CurrentMemoryContext, NULL);
	buffer = palloc(LAST_CHUNK_BYTES);
	for (int i = 0; i < PARTITION_COUNT; i++)
	{
		fill_partition(clocks, ingest, i, buffer);
		limit_memory(clocks, ingest);
	}
	pfree(buffer);
	return clocks;
}

/*
 * Move the pauses to the file
 */
void
clocks_spill(Clocks *clocks, SpillFile *file)
{
	for (int i = 0; clocks != NULL && i < PARTITION_COUNT; i++)
		record_log_spill(&clocks->pauses[i], file);
}

/*
 * The clocks of a partition, in the current memory context
 */
PartitionClocks
clocks_load(const Clocks *clocks, uint32 partition, uint32 place_count)
{
	PartitionClocks loaded = {NULL, NULL};
	const RecordLog *log;
	char	   *buffer;
	uint64		next = 0;
	uint32		place = 0;

	if (clocks == NULL || record_log_count(&clocks->pauses[partition]) == 0)
		return loaded;
	log = &clocks->pauses[partition];
	buffer = palloc(LAST_CHUNK_BYTES);
	loaded.first_pause = huge_array(CurrentMemoryContext, (uint64) place_count + 1, sizeof(uint64));
	loaded.pauses = huge_array(CurrentMemoryContext, record_log_count(log), sizeof(Pause));
	for (uint32 chunk = 0; chunk < log->chunk_count; chunk++)
	{
		uint32		count;
		const Pause *pauses = (const Pause *) record_log_chunk(log, chunk, buffer, &count);

		CHECK_FOR_INTERRUPTS();
		for (uint32 i = 0; i < count; i++)
		{
			while (place <= pauses[i].place)
				loaded.first_pause[place++] = next;
			loaded.pauses[next++] = pauses[i];
		}
	}
	while (place <= place_count)
		loaded.first_pause[place++] = next;
	pfree(buffer);
	return loaded;
}

/*
 * clock_age() where there are pauses: looks for the last one that begins to be
 * between the row and as-of
 */
double
clock_shortened_age(const PartitionClocks *clocks, uint32 place, double age)
{
	uint64		low = clocks->first_pause[place];
	uint64		high = clocks->first_pause[place + 1];
	const Pause *pause;

	if (low == high || clocks->pauses[low].from >= age)
		return age;
	/* Invariant: pauses[low].from < age, and age <= pauses[high].from if it is the person's */
	while (high - low > 1)
	{
		uint64		middle = low + (high - low) / 2;

		if (clocks->pauses[middle].from < age)
			low = middle;
		else
			high = middle;
	}
	pause = &clocks->pauses[low];
	return age - pause->nearer - (Min(age, pause->to) - pause->from);
}
