/*
 * Several processes that measure the people of a model together.
 *
 * Each member has the rows of its own partitions and works on them as a leader
 * alone works on all. What crosses partitions is exchanged in between: everybody
 * lays it out in a shared memory area, all wait for each other, everybody takes
 * what is theirs, all wait again.
 *
 *   leader     hands out rows   survey   note   match   sweep   collects   ranks ...
 *   worker 1        takes       survey   note   match   sweep              ranks
 *   worker 2        takes       survey   note   match   sweep   prepares   ranks
 *                               filter     gifts  habits   edges
 *
 * What the leader fills in after workers have started (members, limit) they read
 * after a barrier, or after "members" under its lock; ranks and plan are of the last
 * member, and read after the end of the collection.
 *
 * A member that fails takes the others with it: the leader by the end of its
 * transaction, a worker by the error that it sends to the leader; both are seen
 * by those who wait.
 *
 * Memory: rows of other members than the leader are in the area; what members hand over
 * is there while it is on its way, and so are the edges and the ranks while a network is
 * ranked. The area keeps what is freed in it for the next. Models whose rows are in
 * files already, or that would have to be, are measured by the leader alone.
 */
#include "compat.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/barrier.h"
#include "storage/condition_variable.h"
#include "storage/spin.h"
#include "utils/dsa.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "influence.h"
#include "memory.h"
#include "model/measure_team.h"
#include "model/reciprocity.h"
#include "model/shared_log.h"
#include "workers.h"

/* Keys of what is in shared memory */
#define KEY_TEAM	UINT64CONST(0xA300000000000001)
#define KEY_NETWORKS	UINT64CONST(0xA300000000000002)
#define KEY_MODEL	UINT64CONST(0xA300000000000003)

/* People between two checks for interrupts */
#define ITEMS_PER_CHECK	65536

/* What a member lays out for the others */
typedef struct Parcel
{
	dsa_pointer items;
	uint64		count;
} Parcel;

/* What all members know of a network */
typedef struct TeamNetwork
{
	bool		has_rows;
	uint64		interactions;
} TeamNetwork;

/* Edges of a partition */
typedef struct SharedEdges
{
	uint32		place_count;
	uint64		edge_count;
	dsa_pointer row_start;
	dsa_pointer actor;
	dsa_pointer engagement;
} SharedEdges;

typedef struct SharedTeam
{
	slock_t		mutex;			/* over "members" */
	ConditionVariable complete;
	int			members;		/* 0: not known yet */
	Barrier		barrier;
	dsa_handle	area;
	TimestampTz as_of;
	TimestampTz earliest_reaction;
	uint32		person_count;
	Size		memory_limit;	/* of each worker, in bytes */
	dsa_pointer filter;			/* of pairs */
	dsa_pointer ranks;			/* memory for ranking */
	Size		rank_bytes;		/* of it */
	RankPlan	plan;			/* as it was prepared */
	SharedEdges edges[PARTITION_COUNT];
	Parcel		parcels[FLEXIBLE_ARRAY_MEMBER]; /* by member */
} SharedTeam;

struct MeasureTeam
{
	int			member;			/* 0: the leader */
	int			members;
	ParallelContext *context;	/* the leader's */
	SharedTeam *shared;
	TeamNetwork *networks;
	RecordArea *area;			/* of the ingest */
};

/*
 * Wait until all members are here
 */
void
team_wait(MeasureTeam *team)
{
	BarrierArriveAndWait(&team->shared->barrier, PG_WAIT_EXTENSION);
}

/*
 * The same as the math layer calls it
 */
static void
wait_in_kernel(void *team)
{
	team_wait(team);
}

/*
 * Lay something out for the others; what they lay out is there afterwards
 */
static void
lay_out(MeasureTeam *team, dsa_pointer items, uint64 count)
{
	team->shared->parcels[team->member] = (Parcel) {items, count};
	team_wait(team);
}

/*
 * What a member has laid out, items of the given size
 */
static void *
laid_out(const MeasureTeam *team, int member, Size item_size, uint64 *count)
{
	const Parcel *parcel = &team->shared->parcels[member];

	*count = parcel->count;
	return shared_bytes(team->area->area, parcel->items, parcel->count * item_size);
}

/*
 * Everybody has taken what is theirs
 */
static void
clear_away(MeasureTeam *team)
{
	team_wait(team);
	dsa_free(team->area->area, team->shared->parcels[team->member].items);
}

/*
 * Where logs should be whose chunks go to other members; NULL for a leader alone
 */
RecordArea *
team_area(const MeasureTeam *team)
{
	return team == NULL ? NULL : team->area;
}

bool
team_leads(const MeasureTeam *team)
{
	return team == NULL || team->member == 0;
}

/*
 * Who works on a partition
 */
static int
owner_of(const MeasureTeam *team, uint32 partition)
{
	return (int) (partition % team->members);
}

bool
team_owns(const MeasureTeam *team, uint32 partition)
{
	return team == NULL || owner_of(team, partition) == team->member;
}

uint32
team_person_count(const MeasureTeam *team, const Ingest *ingest)
{
	return team == NULL ? intern_count(ingest->people) : team->shared->person_count;
}

/*
 * Interactions on a network, of all members
 */
uint64
team_interactions(const MeasureTeam *team, const Ingest *ingest, int network)
{
	return team == NULL ? ingest_count(ingest, network, ROWS_PLAIN) +
		ingest_count(ingest, network, ROWS_INTERACTIONS) : team->networks[network].interactions;
}

bool
team_has_rows(const MeasureTeam *team, const Ingest *ingest, int network)
{
	return team == NULL ? ingest->networks[network].partitions != NULL :
		team->networks[network].has_rows;
}

/*
 * Add habits of other members to the own ones; what somebody traded, and with whom, is
 * with one member
 */
static void
merge_habits(ActorHabits *sum, const ActorHabits *more, uint64 count)
{
	for (uint64 i = 0; i < count; i++)
	{
		if (i % ITEMS_PER_CHECK == 0)
			CHECK_FOR_INTERRUPTS();
		sum[i].reactions += more[i].reactions;
		sum[i].partners += more[i].partners;
		sum[i].gifts.given += more[i].gifts.given;
		sum[i].gifts.traded += more[i].gifts.traded;
	}
}

/*
 * Add up what each member knows of what people did; all get the result
 */
void
team_add_habits(MeasureTeam *team, ActorHabits *habits, uint64 person_count)
{
	if (team == NULL || person_count == 0)
		return;
	lay_out(team, share_bytes(team->area->area, habits, person_count * sizeof(ActorHabits)), person_count);
	for (int member = 0; member < team->members; member++)
	{
		uint64		count;
		const ActorHabits *others = laid_out(team, member, sizeof(ActorHabits), &count);

		if (member != team->member)
			merge_habits(habits, others, count);
	}
	clear_away(team);
}

/*
 * A filter of so many words, all 0, that all members use until team_free_filter(); NULL
 * for a leader alone
 */
pg_atomic_uint64 *
team_share_filter(MeasureTeam *team, uint64 words)
{
	Size		size = words * sizeof(pg_atomic_uint64);

	if (team == NULL)
		return NULL;
	if (team->member == 0)
	{
		team->shared->filter = dsa_allocate_extended(team->area->area, size, DSA_ALLOC_HUGE);
		reciprocity_clear_filter(dsa_get_address(team->area->area, team->shared->filter), words);
	}
	team_wait(team);
	return shared_bytes(team->area->area, team->shared->filter, size);
}

/*
 * No member uses the filter any more, which a barrier has told
 */
void
team_free_filter(MeasureTeam *team)
{
	if (team != NULL && team->member == 0)
		dsa_free(team->area->area, team->shared->filter);
}

/* Chunks of logs on their way */
typedef struct ChunkList
{
	dsa_pointer pointer;
	SharedChunk *chunks;
	SharedChunk *next;
} ChunkList;

static ChunkList
create_chunk_list(MeasureTeam *team, uint64 capacity)
{
	ChunkList	list;

	list.pointer = dsa_allocate_extended(team->area->area, Max(capacity, 1) * sizeof(SharedChunk), DSA_ALLOC_HUGE);
	list.chunks = list.next = dsa_get_address(team->area->area, list.pointer);
	return list;
}

/*
 * Append copies of the records of a chunk to a log, and free it
 */
static void
copy_chunk(MeasureTeam *team, const SharedChunk *chunk, RecordLog *log)
{
	CHECK_FOR_INTERRUPTS();
	record_log_append_all(log, shared_bytes(team->area->area, chunk->records, (Size) chunk->count * log->record_size),
						  chunk->count);
	dsa_free(team->area->area, chunk->records);
}

/*
 * Have a chunk in a log where it is
 */
static void
adopt_chunk(MeasureTeam *team, const SharedChunk *chunk, RecordLog *log)
{
	CHECK_FOR_INTERRUPTS();
	/* nothing that members give each other is in a file */
	Assert(DsaPointerIsValid(chunk->records));
	record_log_adopt(log, team->area, chunk->records, chunk->bytes, chunk->count);
}

/*
 * Move the logs of partitions to the members who own these
 */
void
team_exchange(MeasureTeam *team, RecordLog *logs)
{
	uint64		capacity = 0;
	char	   *buffer;
	ChunkList	list;

	if (team == NULL)
		return;
	for (int i = 0; i < PARTITION_COUNT; i++)
		capacity += logs[i].chunk_count;
	list = create_chunk_list(team, capacity);
	buffer = palloc(LAST_CHUNK_BYTES);
	for (int i = 0; i < PARTITION_COUNT; i++)
	{
		if (!team_owns(team, i))
			list.next = share_log(team->area->area, &logs[i], shared_chunk(0, i, 0), list.next, buffer);
	}
	pfree(buffer);

	lay_out(team, list.pointer, list.next - list.chunks);
	for (int member = 0; member < team->members; member++)
	{
		uint64		count;
		const SharedChunk *chunks = laid_out(team, member, sizeof(SharedChunk), &count);

		for (uint64 i = 0; member != team->member && i < count; i++)
			if (team_owns(team, chunks[i].partition))
				adopt_chunk(team, &chunks[i], &logs[chunks[i].partition]);
	}
	clear_away(team);
}

/*
 * Leader: share out the rows of the partitions of others
 */
static void
hand_out_rows(MeasureTeam *team, Ingest *ingest)
{
	ChunkList	list = create_chunk_list(team, network_rows_chunks(ingest->networks, ingest->model->network_count));

	for (int network = 0; network < ingest->model->network_count; network++)
		for (int i = 0; ingest->networks[network].partitions != NULL && i < PARTITION_COUNT; i++)
		{
			for (int kind = 0; !team_owns(team, i) && kind < ROW_KIND_COUNT; kind++)
				list.next = share_log(team->area->area, ingest_log(ingest, network, i, kind),
									  shared_chunk(network, i, kind), list.next, NULL);
			if (i % PARTITIONS_PER_GIVE_BACK == 0)
				memory_give_back();
		}
	/* what is theirs now they count themselves */
	team->area->peak = team->area->bytes;
	lay_out(team, list.pointer, list.next - list.chunks);
	clear_away(team);
}

/*
 * Worker: take the rows of the own partitions
 */
static void
take_rows(MeasureTeam *team, Ingest *ingest)
{
	uint64		count;
	const SharedChunk *chunks;

	lay_out(team, InvalidDsaPointer, 0);
	chunks = laid_out(team, 0, sizeof(SharedChunk), &count);
	for (uint64 i = 0; i < count; i++)
		if (team_owns(team, chunks[i].partition))
			adopt_chunk(team, &chunks[i],
						ingest_log(ingest, chunks[i].network, chunks[i].partition, chunks[i].kind));
	team_wait(team);
}

/* What a worker has measured on a network */
typedef struct Measured
{
	uint64		person_count;
	dsa_pointer people;
	uint64		chunk_count;
	dsa_pointer chunks;			/* of signal counts */
} Measured;

/*
 * Worker: lay out what was measured, from the given person on
 */
static void
give_measured(MeasureTeam *team, PersonNetworkArray *people, uint64 first, RecordLog *signal_counts)
{
	ChunkList	list = create_chunk_list(team, signal_counts->chunk_count);
	char	   *buffer = palloc(LAST_CHUNK_BYTES);
	Measured	measured;

	list.next = share_log(team->area->area, signal_counts, shared_chunk(0, 0, 0), list.next, buffer);
	pfree(buffer);
	measured.person_count = people->count - first;
	measured.people = share_bytes(team->area->area, people->items + first, measured.person_count * sizeof(PersonNetwork));
	measured.chunk_count = list.next - list.chunks;
	measured.chunks = list.pointer;
	people->count = first;
	lay_out(team, share_bytes(team->area->area, &measured, sizeof(Measured)), 1);
}

/*
 * Leader: people of all members, each with theirs in the order of partitions, in that
 * order; own are the leader's
 */
static void
merge_people(const MeasureTeam *team, const Measured *const *measured, const PersonNetwork *own,
			 uint64 own_count, PersonNetworkArray *people)
{
	const PersonNetwork **next = palloc(sizeof(PersonNetwork *) * team->members);
	const PersonNetwork **end = palloc(sizeof(PersonNetwork *) * team->members);

	for (int member = 0; member < team->members; member++)
	{
		next[member] = member == 0 ? own : shared_bytes(team->area->area, measured[member]->people,
														measured[member]->person_count * sizeof(PersonNetwork));
		end[member] = next[member] + (member == 0 ? own_count : measured[member]->person_count);
	}
	for (int i = 0; i < PARTITION_COUNT; i++)
	{
		int			owner = owner_of(team, i);
		const PersonNetwork *first = next[owner];

		CHECK_FOR_INTERRUPTS();
		while (next[owner] < end[owner] && (int) partition_of(next[owner]->person) == i)
			next[owner]++;
		if (next[owner] > first)
			memcpy(people->items + people->count, first, (next[owner] - first) * sizeof(PersonNetwork));
		people->count += next[owner] - first;
	}
	pfree(next);
	pfree(end);
}

/*
 * Leader: take the people from the given one on out of the array; returns a copy of
 * them, or the array itself when that is all of it, which then starts anew, in one
 * piece of memory
 */
static PersonNetwork *
take_out(PersonNetworkArray *people, uint64 first)
{
	PersonNetwork *taken = people->items;
	uint64		count = people->count - first;

	people->count = first;
	if (first == 0)
	{
		people->items = NULL;
		people->capacity = 0;
		return taken;
	}
	taken = huge_array(CurrentMemoryContext, count, sizeof(PersonNetwork));
	memcpy(taken, people->items + first, count * sizeof(PersonNetwork));
	return taken;
}

/*
 * Leader: add what the workers have measured to our own
 */
static void
take_measured(MeasureTeam *team, PersonNetworkArray *people, uint64 first, RecordLog *signal_counts)
{
	const Measured **measured = palloc(sizeof(Measured *) * team->members);
	uint64		own_count = people->count - first;
	PersonNetwork *own = take_out(people, first);
	uint64		others = 0;
	uint64		count;

	for (int member = 1; member < team->members; member++)
	{
		const SharedChunk *chunks;

		measured[member] = laid_out(team, member, sizeof(Measured), &count);
		others += measured[member]->person_count;
		chunks = shared_bytes(team->area->area, measured[member]->chunks,
							  measured[member]->chunk_count * sizeof(SharedChunk));
		for (uint64 i = 0; i < measured[member]->chunk_count; i++)
			copy_chunk(team, &chunks[i], signal_counts);
	}
	(void) person_networks_reserve(people, own_count + others);
	merge_people(team, measured, own, own_count, people);
	for (int member = 1; member < team->members; member++)
	{
		dsa_free(team->area->area, measured[member]->people);
		dsa_free(team->area->area, measured[member]->chunks);
	}
	if (own != NULL)
		pfree(own);
	pfree(measured);
}

/*
 * Leave what was measured on a network, from the given person on, to the leader, who
 * takes it; the others wait only in team_end_collection()
 */
void
team_begin_collection(MeasureTeam *team, PersonNetworkArray *people, uint64 first, RecordLog *signal_counts)
{
	if (team == NULL)
		return;
	if (team->member > 0)
		give_measured(team, people, first, signal_counts);
	else
	{
		lay_out(team, InvalidDsaPointer, 0);
		take_measured(team, people, first, signal_counts);
	}
}

/*
 * The leader has everything
 */
void
team_end_collection(MeasureTeam *team)
{
	if (team == NULL)
		return;
	if (team->member > 0)
		clear_away(team);
	else
		team_wait(team);
}

/*
 * Move the edges of a partition into the area
 */
static void
share_edge_partition(MeasureTeam *team, EdgePartition *part, SharedEdges *shared)
{
	shared->place_count = part->place_count;
	shared->edge_count = part->edge_count;
	shared->row_start = share_bytes(team->area->area, part->row_start, ((Size) part->place_count + 1) * sizeof(uint64));
	pfree(part->row_start);
	shared->actor = share_bytes(team->area->area, part->actor, part->edge_count * sizeof(uint32));
	pfree(part->actor);
	shared->engagement = share_bytes(team->area->area, part->engagement, part->edge_count * sizeof(double));
	pfree(part->engagement);
}

/*
 * Let all members read the edges of all partitions, until team_free_edges()
 */
void
team_share_edges(MeasureTeam *team, EdgeSet *edges)
{
	if (team == NULL)
		return;
	for (int i = 0; i < PARTITION_COUNT; i++)
		if (team_owns(team, i))
		{
			CHECK_FOR_INTERRUPTS();
			edges_load(edges, i);
			share_edge_partition(team, &edges->partitions[i], &team->shared->edges[i]);
		}
	team_wait(team);
	edges->edge_count = 0;
	for (int i = 0; i < PARTITION_COUNT; i++)
	{
		const SharedEdges *shared = &team->shared->edges[i];

		edges->partitions[i] = (EdgePartition)
		{
			.place_count = shared->place_count,
			.edge_count = shared->edge_count,
			.row_start = shared_bytes(team->area->area, shared->row_start, ((Size) shared->place_count + 1) * sizeof(uint64)),
			.actor = shared_bytes(team->area->area, shared->actor, shared->edge_count * sizeof(uint32)),
			.engagement = shared_bytes(team->area->area, shared->engagement, shared->edge_count * sizeof(double))
		};
		edges->edge_count += shared->edge_count;
	}
}

/*
 * Nobody reads the edges any more
 */
void
team_free_edges(MeasureTeam *team)
{
	if (team == NULL)
		return;
	team_wait(team);
	for (int i = 0; i < PARTITION_COUNT; i++)
		if (team_owns(team, i))
		{
			dsa_free(team->area->area, team->shared->edges[i].row_start);
			dsa_free(team->area->area, team->shared->edges[i].actor);
			dsa_free(team->area->area, team->shared->edges[i].engagement);
		}
}

/*
 * Does this member prepare the ranking? The leader has other things to do then.
 */
bool
team_prepares(const MeasureTeam *team)
{
	return team == NULL || team->member == team->members - 1;
}

/*
 * Who prepares: memory for ranking
 */
void *
team_allocate_ranks(MeasureTeam *team, Size bytes)
{
	team->shared->ranks = dsa_allocate_extended(team->area->area, bytes, DSA_ALLOC_HUGE);
	team->shared->rank_bytes = bytes;
	return shared_bytes(team->area->area, team->shared->ranks, bytes);
}

/*
 * Who prepares: let the others know, who may take it after the next barrier
 */
void
team_offer_ranks(MeasureTeam *team, const RankPlan *plan)
{
	team->shared->plan = *plan;
}

/*
 * What was prepared: returns the memory
 */
void *
team_take_ranks(const MeasureTeam *team, RankPlan *plan)
{
	*plan = team->shared->plan;
	return shared_bytes(team->area->area, team->shared->ranks, team->shared->rank_bytes);
}

/*
 * Share out the rows of the graph
 */
void
team_share_ranks(MeasureTeam *team, const EdgeSet *edges, PagerankTeam *ranks)
{
	*ranks = (PagerankTeam) {.member = team->member,.members = team->members,
	.barrier = wait_in_kernel,.state = team};
	edges_share_rows(edges, ranks);
}

/*
 * Nobody needs the ranks any more
 */
void
team_end_ranks(MeasureTeam *team)
{
	team_wait(team);
	if (team->member == 0)
		dsa_free(team->area->area, team->shared->ranks);
}

/*
 * How many workers a model is worth, which is none where there is no memory for what
 * is shared with them, or where a worker would not find the configuration
 */
static int
choose_workers(const Ingest *ingest)
{
	Size		bytes = 0;
	int			workers;

	if (ingest->model->is_preview || IsInParallelMode() || spill_is_used(ingest->spill))
		return 0;
	for (int network = 0; network < ingest->model->network_count; network++)
		for (int kind = 0; kind < ROW_KIND_COUNT; kind++)
			bytes += ingest_count(ingest, network, kind) * ingest_record_size(kind);
	workers = workers_worth(Min(bytes / BLCKSZ, MaxBlockNumber));
	/*
	 * Of people who give back there are no more than three times the rows: 24 bytes a row
	 * that are in the area on their way, and as much that each has of its people, while a
	 * plain row has 16. A filter is an eighth of the rows. Edges and their copy, no more
	 * than twice the rows, come when these are gone. The rest is by person: habits each has
	 * and lays out; where these were is room for ranks, which come before all that was
	 * measured is collected.
	 */
	if (!ingest_has_room(ingest, 3 * bytes + bytes / 8 +
						 (Size) intern_count(ingest->people) * (BYTES_PER_PERSON + 2 * workers * sizeof(ActorHabits))))
		return 0;
	return workers;
}

/*
 * What all members share, but for what depends on their number
 */
static void
create_shared_team(MeasureTeam *team, const Ingest *ingest, Size size)
{
	SharedTeam *shared = team->shared = shm_toc_allocate(team->context->toc, size);

	memset(shared, 0, size);
	SpinLockInit(&shared->mutex);
	ConditionVariableInit(&shared->complete);
	shared->as_of = ingest->as_of;
	shared->earliest_reaction = ingest->earliest_reaction;
	shared->person_count = intern_count(ingest->people);
	shm_toc_insert(team->context->toc, KEY_TEAM, shared);
}

static void
create_networks(MeasureTeam *team, const Ingest *ingest, Size size)
{
	team->networks = shm_toc_allocate(team->context->toc, size);
	for (int i = 0; i < ingest->model->network_count; i++)
		team->networks[i] = (TeamNetwork) {team_has_rows(NULL, ingest, i), team_interactions(NULL, ingest, i)};
	shm_toc_insert(team->context->toc, KEY_NETWORKS, team->networks);
}

/*
 * Lay out shared memory
 */
static void
create_shared(MeasureTeam *team, const Ingest *ingest)
{
	ParallelContext *context = team->context;
	const char *name = ingest->model->ref.name;
	Size		team_size = offsetof(SharedTeam, parcels) + sizeof(Parcel) * (context->nworkers + 1);
	Size		networks_size = sizeof(TeamNetwork) * (ingest->model->network_count + 1);
	Size		name_size = strlen(name) + 1;
	char	   *shared_name;

	shm_toc_estimate_chunk(&context->estimator, team_size);
	shm_toc_estimate_chunk(&context->estimator, networks_size);
	shm_toc_estimate_chunk(&context->estimator, name_size);
	shm_toc_estimate_keys(&context->estimator, 3);
	InitializeParallelDSM(context);

	create_shared_team(team, ingest, team_size);
	create_networks(team, ingest, networks_size);
	shared_name = shm_toc_allocate(context->toc, name_size);
	memcpy(shared_name, name, name_size);
	shm_toc_insert(context->toc, KEY_MODEL, shared_name);
}

/*
 * The area of the ingest, which gets one where it has none, is that of the team
 */
static void
share_area(MeasureTeam *team, Ingest *ingest)
{
	if (team->context->nworkers == 0)
		return;
	if (ingest->area == NULL)
		ingest->area = record_area_create();
	team->area = ingest->area;
	team->shared->area = dsa_get_handle(team->area->area);
}

/*
 * Tell the workers how many members there are, and their parts of the memory
 */
static void
complete_team(MeasureTeam *team, Size limit)
{
	SharedTeam *shared = team->shared;

	team->members = team->context->nworkers_launched + 1;
	shared->memory_limit = limit / team->members;
	BarrierInit(&shared->barrier, team->members);
	SpinLockAcquire(&shared->mutex);
	shared->members = team->members;
	SpinLockRelease(&shared->mutex);
	ConditionVariableBroadcast(&shared->complete);
}

/*
 * Leader: start a team and hand out the rows; NULL when nobody is there to help, or
 * the work is not worth it
 *
 * Until measure_team_end() nothing may write to the database.
 */
MeasureTeam *
measure_team_start(Ingest *ingest)
{
	int			workers = choose_workers(ingest);
	MeasureTeam *team;

	if (workers == 0)
		return NULL;
	team = palloc0(sizeof(MeasureTeam));
	PushCopiedSnapshot(GetActiveSnapshot());
	UpdateActiveSnapshotCommandId();
	EnterParallelMode();
	team->context = CreateParallelContext("influence", "influence_measure_worker", workers);
	create_shared(team, ingest);
	share_area(team, ingest);
	LaunchParallelWorkers(team->context);
	complete_team(team, ingest->memory_limit);
	if (team->members == 1)
	{
		measure_team_end(team);
		return NULL;
	}
	ingest->memory_limit /= team->members;
	/* one that never comes would be waited for */
	WaitForParallelWorkersToAttach(team->context);
	hand_out_rows(team, ingest);
	return team;
}

/*
 * Number of members, when the leader knows it
 */
static int
wait_for_members(SharedTeam *shared)
{
	int			members;

	for (;;)
	{
		SpinLockAcquire(&shared->mutex);
		members = shared->members;
		SpinLockRelease(&shared->mutex);
		if (members > 0)
			break;
		ConditionVariableSleep(&shared->complete, PG_WAIT_EXTENSION);
	}
	ConditionVariableCancelSleep();
	return members;
}

/*
 * Worker: join the team, with an ingest of the own rows
 */
MeasureTeam *
measure_team_join(shm_toc *toc, Ingest **ingest)
{
	MeasureTeam *team = palloc0(sizeof(MeasureTeam));
	const char *name = shm_toc_lookup(toc, KEY_MODEL, false);

	team->shared = shm_toc_lookup(toc, KEY_TEAM, false);
	team->networks = shm_toc_lookup(toc, KEY_NETWORKS, false);
	team->member = ParallelWorkerNumber + 1;
	team->members = wait_for_members(team->shared);
	*ingest = ingest_create(config_load_formula(model_find(name)), team->shared->as_of,
							spill_create(CurrentMemoryContext), team->shared->memory_limit);
	(*ingest)->earliest_reaction = team->shared->earliest_reaction;
	team->area = (*ingest)->area = record_area_attach(team->shared->area);
	take_rows(team, *ingest);
	return team;
}

/*
 * The work is done
 */
void
measure_team_end(MeasureTeam *team)
{
	if (team == NULL)
		return;
	if (team->member > 0)
		return;
	WaitForParallelWorkersToFinish(team->context);
	DestroyParallelContext(team->context);
	ExitParallelMode();
	PopActiveSnapshot();
	pfree(team);
}
