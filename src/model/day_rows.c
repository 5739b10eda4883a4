/*
 * Rows of single days of a source, in a form that any later refresh can use.
 *
 * What a row adds at a moment T decays with the half-life of its signal, so sums
 * may be kept as of the end of the day E and are exact for every later T: they
 * are multiplied by 2^(-(T - E)/half_life), the same for all rows (forward decay;
 * Cormode et al., ICDE 2009). What depends on single rows, as the time of the
 * last one, is kept as it is.
 *
 * Life of a record: rows that are read go to the logs of their day; when all have
 * been read, interactions are merged; the result is stored (closed_state.c) and
 * replayed into the ingest, as it will be from the store by later refreshes.
 */
#include "compat.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "math/decay.h"
#include "math/prefetch.h"
#include "model/day_rows.h"

static const uint32 record_sizes[DAY_KIND_COUNT] = {
	[DAY_INTERACTIONS] = sizeof(DayInteraction),
	[DAY_ANONYMOUS] = sizeof(AnonymousCount),
	[DAY_SHARES] = sizeof(PostEvent),
	[DAY_POSTS] = sizeof(PostEvent),
	[DAY_SENTIMENT] = sizeof(DaySentiment),
	[DAY_ACTIVITY] = sizeof(DayActivity)
};

/*
 * Number of the day, UTC, of a moment within the range of an int of days
 */
int
day_of_time(TimestampTz at)
{
	TimestampTz days = at / USECS_PER_DAY;

	if (at < 0 && at % USECS_PER_DAY != 0)
		days--;
	return (int) days;
}

/*
 * Bytes of a record
 */
Size
day_record_size(DayKind kind)
{
	return record_sizes[kind];
}

/*
 * Whether the second number of a record is a person, too
 */
bool
day_kind_has_actor(DayKind kind)
{
	return kind == DAY_INTERACTIONS || kind == DAY_SHARES || kind == DAY_POSTS;
}

/*
 * A set without any rows, in a child of the current memory context
 */
DaySet *
day_set_create(const Model *model, DayRange range)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "influence days",
												  ALLOCSET_DEFAULT_SIZES);
	DaySet	   *set = MemoryContextAllocZero(context, sizeof(DaySet));

	set->context = context;
	set->range = range;
	set->source_count = list_length(model->sources);
	set->network_count = model->network_count;
	set->days = MemoryContextAllocZero(context, sizeof(DayRows *) *
									   (set->source_count * (Size) (range.end - range.first) + 1));
	return set;
}

/*
 * Rows of a day, which must be in range; made when they are not there yet
 */
DayRows *
day_set_rows(DaySet *set, int source, int day)
{
	DayRows   **place = &set->days[source * (Size) (set->range.end - set->range.first) +
								   (day - set->range.first)];
	DayRows    *rows = *place;

	Assert(day >= set->range.first && day < set->range.end);
	if (likely(rows != NULL))
		return rows;
	rows = *place = MemoryContextAllocZero(set->context, sizeof(DayRows));
	rows->source = source;
	rows->day = day;
	rows->end = (TimestampTz) (day + 1) * USECS_PER_DAY;
	rows->earliest_reaction = DT_NOEND;
	rows->logs = MemoryContextAlloc(set->context, sizeof(RecordLog) * set->network_count * DAY_KIND_COUNT);
	for (int i = 0; i < set->network_count; i++)
		for (int kind = 0; kind < DAY_KIND_COUNT; kind++)
			record_log_init(&rows->logs[i * DAY_KIND_COUNT + kind], record_sizes[kind], set->context, NULL);
	return rows;
}

/*
 * The log of a kind of records
 */
RecordLog *
day_log(const DaySet *set pg_attribute_unused(), const DayRows *rows, int network, DayKind kind)
{
	Assert(network >= 0 && network < set->network_count);
	return &rows->logs[network * DAY_KIND_COUNT + kind];
}

/*
 * Move all records to a file
 */
void
day_set_spill(DaySet *set, SpillFile *file)
{
	Size		days = set->source_count * (Size) (set->range.end - set->range.first);

	for (Size i = 0; i < days; i++)
		for (int log = 0; set->days[i] != NULL && log < set->network_count * DAY_KIND_COUNT; log++)
			record_log_spill(&set->days[i]->logs[log], file);
}

/*
 * Free the records of a day
 */
void
day_rows_free(DaySet *set, DayRows *rows)
{
	for (int log = 0; log < set->network_count * DAY_KIND_COUNT; log++)
		record_log_free(&rows->logs[log]);
}

static inline int
compare_interactions(const DayInteraction *a, const DayInteraction *b)
{
	uint64		pair_a = ((uint64) a->target << 32) | a->actor;
	uint64		pair_b = ((uint64) b->target << 32) | b->actor;

	if (likely(pair_a != pair_b))
		return pair_a < pair_b ? -1 : 1;
	if (a->signal != b->signal)
		return a->signal < b->signal ? -1 : 1;
	if (a->negative != b->negative)
		return a->negative < b->negative ? -1 : 1;
	return (a->age > b->age) - (a->age < b->age);
}

#define ST_SORT sort_interactions
#define ST_ELEMENT_TYPE DayInteraction
#define ST_COMPARE(a, b) compare_interactions(a, b)
#define ST_CHECK_FOR_INTERRUPTS
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"

/*
 * Can a record be added to the first one of its group?
 */
static inline bool
can_be_added(const DayInteraction *to, const DayInteraction *record)
{
	return to->target == record->target && to->actor == record->actor &&
		to->signal == record->signal && to->negative == record->negative &&
		(uint32) to->more_rows + record->more_rows + 1 < MAX_INTERACTION_ROWS;
}

/*
 * Sort interactions of one day by target, and make one record of all rows of one
 * actor and signal towards one target, in place
 *
 * The record has the time of the last row, and the others decayed to it. Its
 * number of rows has 8 bits; beyond that there are several records.
 */
void
day_records_merge(const Model *model, DayInteraction *records, uint64 *count)
{
	uint64		kept = 0;

	sort_interactions(records, *count);
	for (uint64 i = 0; i < *count; i++)
	{
		DayInteraction *last = kept > 0 ? &records[kept - 1] : NULL;

		if (i % 65536 == 0)
			CHECK_FOR_INTERRUPTS();
		if (last != NULL && can_be_added(last, &records[i]))
		{
			last->multiplier += records[i].multiplier *
				decay_factor((double) (records[i].age - last->age), model->signals[last->signal].half_life);
			last->more_rows += records[i].more_rows + 1;
		}
		else
			records[kept++] = records[i];
	}
	*count = kept;
}

/*
 * Raise XX001: what is stored is not what was stored
 */
pg_noreturn static void
report_damage(const Ingest *ingest)
{
	const char *name = ingest->model->ref.name;

	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("what is kept of the closed days of model \"%s\" is damaged", name),
			 errhint("SELECT influence_refresh(%s, \"full\" => true);", quote_literal_cstr(name))));
}

static inline bool
is_stamp_sound(const Ingest *ingest, int network, uint64 signal, uint64 age)
{
	return signal < (uint64) ingest->model->signal_count &&
		ingest->model->signals[signal].network == network && age <= USECS_PER_DAY;
}

/*
 * Could this record have been made from the rows of a day?
 */
static pg_attribute_always_inline bool
is_sound(const Ingest *ingest, uint32 people, int network, DayKind kind, const char *bytes)
{
	union
	{
		DayInteraction interaction;
		AnonymousCount anonymous;
		PostEvent	post;
		DaySentiment sentiment;
		DayActivity activity;
		uint32		persons[2];
	}			record;

	memcpy(&record, bytes, record_sizes[kind]);
	if (record.persons[0] >= people ||
		(day_kind_has_actor(kind) && record.persons[1] >= people && record.persons[1] != NOBODY))
		return false;
	switch (kind)
	{
		case DAY_INTERACTIONS:
			return is_stamp_sound(ingest, network, record.interaction.signal, record.interaction.age) &&
				record.interaction.multiplier >= 0 && !isinf(record.interaction.multiplier);
		case DAY_ANONYMOUS:
			return is_stamp_sound(ingest, network, record.anonymous.stamp.signal, record.anonymous.stamp.age) &&
				record.anonymous.people >= 0 && !isinf(record.anonymous.people) &&
				record.anonymous.influence_part >= 0 && !isinf(record.anonymous.influence_part);
		case DAY_SHARES:
		case DAY_POSTS:
			return is_stamp_sound(ingest, network, record.post.stamp.signal, record.post.stamp.age) &&
				record.post.weight >= 0 && !isinf(record.post.weight);
		case DAY_SENTIMENT:
			return is_stamp_sound(ingest, network, record.sentiment.signal, 0) &&
				isfinite(record.sentiment.value);
		case DAY_ACTIVITY:
			return record.activity.age <= USECS_PER_DAY;
	}
	return false;
}

static pg_attribute_always_inline void
check_records(const Ingest *ingest, int network, DayKind kind, const char *records, uint64 count)
{
	uint32		people = intern_count(ingest->people);

	for (uint64 i = 0; i < count; i++)
		if (!is_sound(ingest, people, network, kind, records + i * record_sizes[kind]))
			report_damage(ingest);
}

/*
 * Refuse stored records that cannot be right (XX001)
 *
 * Most are interactions, whose copies are no calls when their size is known.
 */
void
day_records_check(const Ingest *ingest, int network, DayKind kind, const char *records, uint64 count)
{
	if (kind == DAY_INTERACTIONS)
		check_records(ingest, network, DAY_INTERACTIONS, records, count);
	else
		check_records(ingest, network, kind, records, count);
}

/* What all records of a replay have in common */
typedef struct Replay
{
	Ingest	   *ingest;
	int			network;
	bool		standing_only;
	uint64		end_age;		/* of the end of the day, as of the refresh */
	uint64		rows;			/* that counted */
} Replay;

/*
 * Age as of the refresh
 */
static inline uint64
current_age(const Replay *replay, uint64 age)
{
	return Min(age + replay->end_age, MAX_AGE);
}

/*
 * Does a row of the signal count?
 */
static inline bool
counts(const Replay *replay, uint64 signal)
{
	return !replay->standing_only || role_is_standing(replay->ingest->model->signals[signal].role);
}

static inline void
note_activity(const Replay *replay, uint32 person, uint64 age)
{
	ingest_note_activity(replay->ingest, person,
						 replay->ingest->as_of - (TimestampTz) (age + replay->end_age));
}

static inline void
replay_interaction(Replay *replay, const DayInteraction *record)
{
	Stamp		stamp = {.signal = record->signal,.negative = record->negative};

	if (!counts(replay, record->signal))
		return;
	replay->rows += record->more_rows + 1;
	if (record->actor != NOBODY)
		note_activity(replay, record->actor, record->age);
	stamp.age = current_age(replay, record->age);
	ingest_append_interaction(replay->ingest, replay->network, record->target, record->actor,
							  stamp, (uint32) record->more_rows + 1, record->multiplier);
}

static inline void
replay_anonymous(Replay *replay, const AnonymousCount *record)
{
	uint32		target = record->place;
	AnonymousCount *copy;

	if (!counts(replay, record->stamp.signal))
		return;
	replay->rows++;
	copy = record_log_append(ingest_log(replay->ingest, replay->network, partition_of(target), ROWS_ANONYMOUS));
	*copy = *record;
	copy->place = place_of(target);
	copy->stamp.age = current_age(replay, record->stamp.age);
}

static inline void
replay_post_event(Replay *replay, const PostEvent *record, RowKind kind)
{
	uint32		target = record->place;
	PostEvent  *copy;

	if (!counts(replay, record->stamp.signal))
		return;
	if (kind == ROWS_POSTS)
	{
		replay->rows++;
		note_activity(replay, target, record->stamp.age);
	}
	copy = record_log_append(ingest_log(replay->ingest, replay->network, partition_of(target), kind));
	*copy = *record;
	copy->place = place_of(target);
	copy->stamp.age = current_age(replay, record->stamp.age);
}

static inline void
replay_sentiment(const Replay *replay, const DaySentiment *record)
{
	const Signal *signal = &replay->ingest->model->signals[record->signal];

	double		value;

	if (!counts(replay, record->signal))
		return;
	value = signal->weight * record->value * decay_factor((double) replay->end_age, signal->half_life);
	ingest_add_sentiment(replay->ingest, record->target, (Sentiment) {Max(-value, 0), Max(value, 0)});
}

static void
replay_interactions(Replay *replay, const char *records, uint64 count)
{
	for (uint64 i = 0; i < count; i++)
	{
		DayInteraction record;

		if (i + PREFETCH_AHEAD < count)
		{
			uint32		actor;

			memcpy(&actor, records + (i + PREFETCH_AHEAD) * sizeof(record) + offsetof(DayInteraction, actor),
				   sizeof(actor));
			if (actor != NOBODY)
				prefetch_to_write(&replay->ingest->last_active_at[actor]);
		}
		/* what is stored need not be aligned */
		memcpy(&record, records + i * sizeof(record), sizeof(record));
		replay_interaction(replay, &record);
	}
}

static void
replay_others(Replay *replay, DayKind kind, const char *records, uint64 count)
{
	for (uint64 i = 0; i < count; i++)
	{
		AnonymousCount anonymous;
		PostEvent	post;
		DaySentiment sentiment;
		DayActivity activity;
		const char *record = records + i * record_sizes[kind];

		switch (kind)
		{
			case DAY_ANONYMOUS:
				memcpy(&anonymous, record, sizeof(anonymous));
				replay_anonymous(replay, &anonymous);
				break;
			case DAY_SHARES:
			case DAY_POSTS:
				memcpy(&post, record, sizeof(post));
				replay_post_event(replay, &post, kind == DAY_POSTS ? ROWS_POSTS : ROWS_SHARES);
				break;
			case DAY_SENTIMENT:
				memcpy(&sentiment, record, sizeof(sentiment));
				replay_sentiment(replay, &sentiment);
				break;
			case DAY_ACTIVITY:
				memcpy(&activity, record, sizeof(activity));
				note_activity(replay, activity.person, activity.age);
				break;
			case DAY_INTERACTIONS:
				break;
		}
	}
}

/*
 * Add records of a day, which is over by the ingest's as-of, to the ingest
 *
 * standing_only: the day is before the window, so that only follows and authority
 * count. records: need not be aligned. Returns the number of rows that count.
 */
uint64
day_records_replay(Ingest *ingest, int day, bool standing_only, int network, DayKind kind,
				   const char *records, uint64 count)
{
	Replay		replay = {.ingest = ingest,.network = network,.standing_only = standing_only};

	Assert(ingest->as_of >= (TimestampTz) (day + 1) * USECS_PER_DAY);
	replay.end_age = ingest->as_of - (TimestampTz) (day + 1) * USECS_PER_DAY;
	if (kind == DAY_INTERACTIONS)
		replay_interactions(&replay, records, count);
	else
		replay_others(&replay, kind, records, count);
	return replay.rows;
}
