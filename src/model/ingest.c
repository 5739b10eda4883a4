/*
 * The rows of a model while they are in memory: people by number, and records
 * by network, partition and kind.
 *
 * Memory: an interaction takes 16 or 24 bytes, the others 32; a person 16 and the
 * table of ids. What goes beyond the limit is moved to a temporary file, all of it
 * at once, so that the pieces in it are large.
 */
#include "compat.h"

#include "access/toast_compression.h"
#include "access/toast_internals.h"
#include "catalog/pg_type_d.h"
#include "utils/memutils.h"

#include "influence.h"
#include "memory.h"
#include "model/day_rows.h"
#include "model/ingest.h"

static const uint32 record_sizes[ROW_KIND_COUNT] = {
	[ROWS_PLAIN] = PLAIN_INTERACTION_BYTES,
	[ROWS_INTERACTIONS] = sizeof(Interaction),
	[ROWS_ANONYMOUS] = sizeof(AnonymousCount),
	[ROWS_SHARES] = sizeof(PostEvent),
	[ROWS_POSTS] = sizeof(PostEvent)
};

static const char *const ignore_reason_names[IGNORE_REASON_COUNT] = {
	[IGNORE_NULL_TARGET] = "null_target",
	[IGNORE_NULL_TIME] = "null_time",
	[IGNORE_NO_SIGNAL] = "no_signal",
	[IGNORE_BAD_TIME] = "bad_time",
	[IGNORE_BAD_WEIGHT] = "bad_weight",
	[IGNORE_BAD_SENTIMENT] = "bad_sentiment",
	[IGNORE_FUTURE] = "future",
	[IGNORE_OUTSIDE_WINDOW] = "outside_window",
	[IGNORE_ZERO_WEIGHT] = "zero_weight",
	[IGNORE_SELF] = "self",
	[IGNORE_BAD_TARGET] = "bad_target",
	[IGNORE_NOT_SCORED] = "not_scored",
	[IGNORE_HIDDEN_ACTOR] = "opted_out_actor",
	[IGNORE_UNLINKED_ACCOUNT] = "unlinked_account"
};

/*
 * Name of a reason, as in refresh_log.rows_ignored
 */
const char *
ignore_reason_name(IgnoreReason reason)
{
	return ignore_reason_names[reason];
}

/*
 * Make room in the arrays by person for all people seen so far
 */
static void
grow_people(Ingest *ingest)
{
	uint32		needed = intern_count(ingest->people);
	uint32		capacity = ingest->person_capacity;

	if (likely(needed <= capacity))
		return;
	while (capacity < needed)
		capacity = (uint32) huge_array_next(capacity, INTERN_LIMIT);

	if (ingest->last_active_at == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(ingest->context);

		ingest->last_active_at = huge_array(ingest->context, capacity, sizeof(TimestampTz));
		if (!privacy_is_empty(ingest->model->privacy))
			ingest->privacy = huge_array(ingest->context, capacity, sizeof(uint8));
		MemoryContextSwitchTo(old);
	}
	else
	{
		ingest->last_active_at = huge_array_resize(ingest->last_active_at, capacity, sizeof(TimestampTz));
		if (ingest->sentiment != NULL)
		{
			ingest->sentiment = huge_array_resize(ingest->sentiment, capacity, sizeof(Sentiment));
			memset(ingest->sentiment + ingest->person_capacity, 0,
				   (capacity - ingest->person_capacity) * sizeof(Sentiment));
		}
		if (ingest->privacy != NULL)
			ingest->privacy = huge_array_resize(ingest->privacy, capacity, sizeof(uint8));
	}
	ingest->person_capacity = capacity;
}

/*
 * Dense number of a person
 */
uint32
ingest_person(Ingest *ingest, Datum id)
{
	uint32		known = intern_count(ingest->people);
	uint32		person = intern_id(ingest->people, id);

	if (person < known)
		return person;
	grow_people(ingest);
	ingest->last_active_at[person] = DT_NOBEGIN;
	if (ingest->privacy != NULL)
		ingest->privacy[person] = privacy_rule(ingest->model->privacy, id, ingest->model->ref.id_type);
	return person;
}

/*
 * Dense number of somebody who has no id: who may act, but must not be a target,
 * since whoever is one is scored
 */
uint32
ingest_stranger(Ingest *ingest)
{
	uint32		person = intern_reserve(ingest->people);

	grow_people(ingest);
	ingest->last_active_at[person] = DT_NOBEGIN;
	if (ingest->privacy != NULL)
		ingest->privacy[person] = PRIVACY_NONE;
	return person;
}

/*
 * Bytes of a text as an index has it, which compresses long ones
 */
static Size
indexed_length(Datum id)
{
	Size		length = VARSIZE_ANY_EXHDR(DatumGetPointer(id));
	Datum		packed;

	if (likely(length <= MAX_ID_BYTES))
		return length;
	packed = toast_compress_datum(id, InvalidCompressionMethod);
	if (DatumGetPointer(packed) == NULL)
		return length;
	length = VARSIZE(DatumGetPointer(packed)) - VARHDRSZ;
	pfree(DatumGetPointer(packed));
	return length;
}

/*
 * Does the target have an id that no index of the views could hold? Then its rows are
 * counted as ignored, or fail the run where the model says so.
 */
bool
ingest_refuses_target(Ingest *ingest, const char *source, uint32 target, uint64 rows)
{
	const Model *model = ingest->model;
	Size		length;

	if (model->ref.id_type != TEXTOID)
		return false;
	length = indexed_length(intern_datum(ingest->people, target));
	if (likely(length <= MAX_ID_BYTES))
		return false;
	if (model->bad_rows_fail)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("source \"%s\" of model \"%s\" has a row with a target of %zu bytes, packed, at most %d are possible",
						source, model->ref.name, length, MAX_ID_BYTES),
				 errhint("Correct the row, leave it out with a filter, "
						 "or set bad_row_policy to 'skip' in influence.models.")));
	ingest->rows_ignored[IGNORE_BAD_TARGET] += rows;
	return true;
}

/*
 * The person received something that was said in anger, or in praise
 */
void
ingest_add_sentiment(Ingest *ingest, uint32 person, Sentiment sentiment)
{
	if (ingest->sentiment == NULL)
		ingest->sentiment = huge_array_zero(ingest->context, ingest->person_capacity, sizeof(Sentiment));
	ingest->sentiment[person].hostile += sentiment.hostile;
	ingest->sentiment[person].friendly += sentiment.friendly;
}

/*
 * An ingest without any rows, in the current memory context
 *
 * memory_limit: bytes that this context and the area may take before rows go to the file.
 */
Ingest *
ingest_create(const Model *model, TimestampTz as_of, SpillFile *spill, Size memory_limit)
{
	Ingest	   *ingest = palloc0(sizeof(Ingest));

	if (model->signal_count > MAX_SIGNALS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("model \"%s\" has %d signals, at most %d are possible",
						model->ref.name, model->signal_count, MAX_SIGNALS)));

	ingest->model = model;
	ingest->as_of = as_of;
	ingest->context = CurrentMemoryContext;
	ingest->signals = signal_table_create(model);
	ingest->people = intern_create(model->ref.id_type, CurrentMemoryContext);
	ingest->earliest_reaction = DT_NOEND;
	ingest->networks = network_rows_create(model->network_count, ingest->context, NULL);
	ingest->spill = spill;
	ingest->memory_limit = memory_limit;
	return ingest;
}

/*
 * None of the rows is in the area any more
 */
void
ingest_leave_area(Ingest *ingest)
{
	record_area_detach(ingest->area);
	ingest->area = NULL;
}

/*
 * Leave the area where rows have gone to a file, which no team of processes can measure:
 * all others go there, too, as the area returns nothing before its end
 */
void
ingest_leave_area_for_file(Ingest *ingest)
{
	if (ingest->area == NULL || !spill_is_used(ingest->spill))
		return;
	ingest_spill(ingest);
	ingest_leave_area(ingest);
}

/*
 * Rows of some networks, of which there are none yet
 */
NetworkRows *
network_rows_create(int count, MemoryContext parent, RecordArea *area)
{
	NetworkRows *networks = MemoryContextAllocZero(parent, sizeof(NetworkRows) * (count + 1));

	for (int i = 0; i < count; i++)
	{
		networks[i].context = AllocSetContextCreate(parent, "influence rows", ALLOCSET_DEFAULT_SIZES);
		networks[i].area = area;
	}
	return networks;
}

/*
 * Make the partitions of a network, when its first row comes
 */
void
network_rows_partition(NetworkRows *rows)
{
	rows->partitions = MemoryContextAlloc(rows->context, sizeof(RowPartition) * PARTITION_COUNT);
	for (int i = 0; i < PARTITION_COUNT; i++)
		for (int kind = 0; kind < ROW_KIND_COUNT; kind++)
			record_log_init(&rows->partitions[i].logs[kind], record_sizes[kind], rows->context,
							rows->area);
}

/*
 * The rows are used up, those that are in an area or a file included
 */
void
network_rows_free(NetworkRows *rows)
{
	if (rows->context == NULL)
		return;
	MemoryContextDelete(rows->context);
	rows->context = NULL;
	rows->partitions = NULL;
}

/*
 * Chunks in all logs of some networks
 */
uint64
network_rows_chunks(const NetworkRows *networks, int network_count)
{
	uint64		count = 0;

	for (int network = 0; network < network_count; network++)
		for (int i = 0; networks[network].partitions != NULL && i < PARTITION_COUNT; i++)
			for (int kind = 0; kind < ROW_KIND_COUNT; kind++)
				count += networks[network].partitions[i].logs[kind].chunk_count;
	return count;
}

/*
 * Bytes of a record
 */
Size
ingest_record_size(RowKind kind)
{
	return record_sizes[kind];
}

/*
 * Records of a kind on a network
 */
uint64
ingest_count(const Ingest *ingest, int network, RowKind kind)
{
	const NetworkRows *rows = &ingest->networks[network];
	uint64		count = 0;

	for (int i = 0; rows->partitions != NULL && i < PARTITION_COUNT; i++)
		count += record_log_count(&rows->partitions[i].logs[kind]);
	return count;
}

/*
 * Move all records to the file
 */
void
ingest_spill(Ingest *ingest)
{
	for (int network = 0; network < ingest->model->network_count; network++)
	{
		RowPartition *partitions = ingest->networks[network].partitions;

		for (int i = 0; partitions != NULL && i < PARTITION_COUNT; i++)
			for (int kind = 0; kind < ROW_KIND_COUNT; kind++)
				record_log_spill(&partitions[i].logs[kind], ingest->spill);
	}
	if (ingest->days != NULL)
		day_set_spill(ingest->days, ingest->spill);
}

/*
 * Refuse more people than influence.max_memory has room for (53400): what is kept
 * of each of them is looked at in no order, and is of no use in a file
 *
 * all_read: nobody else comes.
 */
void
ingest_check_people(const Ingest *ingest, bool all_read)
{
	uint32		people = intern_count(ingest->people);
	Size		needed = intern_memory(ingest->people) + (Size) people * BYTES_PER_PERSON;

	if (needed / 1024 <= (Size) influence_max_memory)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
			 errmsg("%u people of model \"%s\" do not fit into influence.max_memory, which is %d MB",
					people, ingest->model->ref.name, influence_max_memory / 1024),
			 all_read ? errhint("Set influence.max_memory to %zu MB or more.", needed / (1024 * 1024) + 1) :
			 errhint("Set influence.max_memory to far more than %zu MB: not everybody was read yet.",
					 needed / (1024 * 1024))));
}

/*
 * Bytes that the area takes for rows, those that were freed included
 */
static Size
area_bytes(const Ingest *ingest)
{
	return ingest->area == NULL ? 0 : ingest->area->peak;
}

/*
 * Does the ingest, with what is allocated below its context, take more than it may?
 */
bool
ingest_over_limit(const Ingest *ingest)
{
	return MemoryContextMemAllocated(ingest->context, true) + area_bytes(ingest) > ingest->memory_limit;
}

/*
 * All that could be moved out was moved out
 *
 * What is left must not be most of what is allowed: the limit would be reached
 * again after each few rows, and the pieces in the file would be tiny. It is then
 * raised to twice what is left, beside the area, which returns nothing; whether that is
 * too much is for those to say who know what it is needed for.
 */
void
ingest_limit_relieved(Ingest *ingest)
{
	ingest->memory_limit = Max(ingest->memory_limit,
							   area_bytes(ingest) + 2 * MemoryContextMemAllocated(ingest->context, true));
}

/*
 * May so many more bytes be taken within influence.max_memory?
 */
bool
ingest_has_room(const Ingest *ingest, Size bytes)
{
	return memory_has_room(ingest->context, bytes + area_bytes(ingest));
}

/*
 * Keep to the limit
 */
void
ingest_limit_memory(Ingest *ingest)
{
	if (!ingest_over_limit(ingest))
		return;
	ingest_check_people(ingest, false);
	ingest_spill(ingest);
	ingest_limit_relieved(ingest);
}
