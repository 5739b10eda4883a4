/*
 * Turns the rows of a source into compact records.
 *
 * The executor hands each row to reader_row(),
 * which finds its signal, decides whether it counts, gives its people their
 * dense numbers and appends one or two records to the logs of its network.
 * Nothing is summed here but what needs no pair: notoriety and the time of the
 * last activity. Memory: 24 bytes a row, and the table of people.
 */
#include "compat.h"

#include <math.h>

#include "catalog/pg_type_d.h"
#include "common/hashfn.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"
#include "utils/uuid.h"

#include "math/decay.h"
#include "math/prefetch.h"
#include "memory.h"
#include "model/accounts.h"
#include "model/day_rows.h"
#include "model/progress.h"
#include "model/reader.h"
#include "model/signal_table.h"
#include "model/source.h"

/* Rows between two reports of progress */
#define ROWS_PER_REPORT	262144

/* Rows between two looks at the memory in use */
#define ROWS_PER_MEMORY_CHECK	4096

/* Rows whose people are looked up together */
#define BATCH_ROWS	64

/* A text value without its compression, which keeps a short header */
#define DETOASTED(datum)	((text *) PG_DETOAST_DATUM_PACKED(datum))

/* One row that has a signal, checked and in our terms */
typedef struct Row
{
	int			signal_index;
	const Signal *signal;
	bool		has_actor;
	Datum		target_id;
	Datum		actor_id;
	uint32		target;
	uint32		actor;			/* NOBODY when it has none */
	TimestampTz occurred_at;
	double		age;			/* microseconds, not negative */
	Stamp		stamp;
	double		weight;
	double		people;			/* of a row without an actor */
	double		sentiment;
	uint64		post;			/* hash, 0: none */
	pg_uuid_t	uuids[2];		/* what the ids point to in a model of uuids */
} Row;

struct SourceReader
{
	Ingest	   *ingest;
	const Source *source;
	int			day_source;		/* its number if rows of closed days are kept, else -1 */
	int			fixed_signal;	/* when kind and network are constants, else NO_SIGNAL */
	FmgrInfo   *post_hash;		/* extended hash function of the post ids */
	Oid			post_collation;
	int			batch_limit;	/* 1 where ids do not outlive their row */
	int			batch_count;
	Row			batch[BATCH_ROWS];
};

/*
 * Count a row that does not count; fails the run when its values are bad and
 * the model's policy says so
 */
static void
ignore_row(SourceReader *reader, IgnoreReason reason, TupleTableSlot *slot)
{
	const Model *model = reader->ingest->model;
	SourceColumn column;
	const char *what;
	char	   *value;

	reader->ingest->rows_ignored[reason]++;
	if (!model->bad_rows_fail ||
		reason < IGNORE_BAD_TIME || reason > IGNORE_BAD_SENTIMENT)
		return;

	if (reason == IGNORE_BAD_TIME)
	{
		column = SOURCE_OCCURRED_AT;
		what = "occurred_at";
		value = DatumGetCString(DirectFunctionCall1(timestamptz_out, slot->tts_values[column]));
	}
	else
	{
		column = reason == IGNORE_BAD_WEIGHT ? SOURCE_WEIGHT : SOURCE_SENTIMENT;
		what = reason == IGNORE_BAD_WEIGHT ? "weight" : "sentiment";
		value = DatumGetCString(DirectFunctionCall1(float8out, slot->tts_values[column]));
	}
	ereport(ERROR,
			(errcode(ERRCODE_DATA_EXCEPTION),
			 errmsg("source \"%s\" of model \"%s\" has a row with %s %s",
					reader->source->name, model->ref.name, what, value),
			 errhint("Correct the row, leave it out with a filter, "
					 "or set bad_row_policy to 'skip' in influence.models.")));
}

/*
 * Signal of a row, NO_SIGNAL when none fits
 */
static int
row_signal(const SourceReader *reader, TupleTableSlot *slot)
{
	const Source *source = reader->source;
	NameBytes	network;
	NameBytes	kind;

	if (reader->fixed_signal != NO_SIGNAL)
		return reader->fixed_signal;

	if (source->network_column == NULL)
	{
		network.data = source->network;
		network.length = strlen(source->network);
	}
	else if (slot->tts_isnull[SOURCE_NETWORK])
		return NO_SIGNAL;
	else
	{
		text	   *value = DETOASTED(slot->tts_values[SOURCE_NETWORK]);

		network.data = VARDATA_ANY(value);
		network.length = VARSIZE_ANY_EXHDR(value);
	}

	if (source->kind_column == NULL)
	{
		kind.data = source->kind;
		kind.length = strlen(source->kind);
	}
	else if (slot->tts_isnull[SOURCE_KIND])
		return NO_SIGNAL;
	else
	{
		text	   *value = DETOASTED(slot->tts_values[SOURCE_KIND]);

		kind.data = VARDATA_ANY(value);
		kind.length = VARSIZE_ANY_EXHDR(value);
	}
	return signal_table_find(reader->ingest->signals, network, kind);
}

/*
 * Is the row young enough by the real clock?
 */
static inline bool
is_recent(const Model *model, const Row *row)
{
	return row->age <= model_longest_age(model) || role_is_standing(row->signal->role);
}

/*
 * Is the row older than the window, and so old that no stopped clock (clock.c)
 * could bring it back? Posts stop clocks however old they are.
 */
static bool
is_out_of_reach(const Model *model, const Row *row)
{
	if (is_recent(model, row))
		return false;
	switch (model->inactivity_policy)
	{
		case INACTIVITY_GRACE:
			return row->signal->role != ROLE_POST && row->age > model->time_window + model->grace_period;
		case INACTIVITY_FREEZE:
			return false;
		default:
			return true;
	}
}

/*
 * Read the time; false with the reason when the row is out of time
 */
static bool
read_time(const SourceReader *reader, Row *row, IgnoreReason *reason)
{
	const Model *model = reader->ingest->model;

	/* the difference of two timestamps may not fit 64 bits; a near one is exact */
	row->age = (double) reader->ingest->as_of - (double) row->occurred_at;
	if (likely(fabs(row->age) < (double) MAX_AGE))
		row->age = (double) (reader->ingest->as_of - row->occurred_at);

	if (row->age < -model->clock_skew)
		*reason = IGNORE_FUTURE;
	else if (is_out_of_reach(model, row))
		*reason = IGNORE_OUTSIDE_WINDOW;
	else
	{
		row->age = Max(row->age, 0);
		return true;
	}
	return false;
}

/*
 * Read weight and sentiment; false with the reason when they are no numbers
 * that could count
 */
static bool
read_values(const SourceReader *reader, TupleTableSlot *slot, Row *row, IgnoreReason *reason)
{
	row->weight = 1;
	if (!slot->tts_isnull[SOURCE_WEIGHT])
	{
		row->weight = DatumGetFloat8(slot->tts_values[SOURCE_WEIGHT]);
		if (!(row->weight >= 0 && row->weight <= MAX_ROW_WEIGHT))
		{
			*reason = IGNORE_BAD_WEIGHT;
			return false;
		}
	}

	row->sentiment = row->signal->polarity;
	if (!slot->tts_isnull[SOURCE_SENTIMENT])
	{
		row->sentiment = DatumGetFloat8(slot->tts_values[SOURCE_SENTIMENT]);
		if (!(row->sentiment >= -1 && row->sentiment <= 1))
		{
			*reason = IGNORE_BAD_SENTIMENT;
			return false;
		}
	}
	if (reader->ingest->model->ignore_sentiment)
		row->sentiment = 0;
	return true;
}

/*
 * Hash of the row's post, never 0 when there is one
 */
static uint64
row_post(const SourceReader *reader, TupleTableSlot *slot)
{
	uint64		hash;

	if (reader->post_hash == NULL || slot->tts_isnull[SOURCE_POST])
		return 0;
	hash = DatumGetUInt64(FunctionCall2Coll(reader->post_hash, reader->post_collation,
											slot->tts_values[SOURCE_POST], Int64GetDatum(0)));
	return hash == 0 ? 1 : hash;
}

static Stamp
row_stamp(const Row *row)
{
	return (Stamp)
	{
		.age = row->age < (double) MAX_AGE ? (uint64) row->age : MAX_AGE,
		.signal = row->signal_index,
		.negative = row->sentiment < 0
	};
}

static void
append_interaction(Ingest *ingest, const Row *row, double multiplier)
{
	ingest_append_interaction(ingest, row->signal->network, row->target,
							  row->signal->role == ROLE_AUTHORITY ? NOBODY : row->actor,
							  row->stamp, 1, multiplier);
}

static void
append_anonymous(Ingest *ingest, const Row *row)
{
	AnonymousCount *record = ingest_append(ingest, row->signal->network, row->target, ROWS_ANONYMOUS);

	record->unused = 0;
	record->stamp = row->stamp;
	record->people = row->people;
	record->influence_part = row->weight / row->people * (1 + Min(row->sentiment, 0));
}

static void
append_post_event(Ingest *ingest, const Row *row, RowKind kind)
{
	PostEvent  *record = ingest_append(ingest, row->signal->network, row->target, kind);

	record->actor = kind == ROWS_POSTS ? NOBODY : row->actor;
	record->post = row->post;
	record->stamp = row->stamp;
	record->weight = row->weight;
}

/*
 * Room for a record about a person in the log of a day
 */
static void *
append_day_record(DaySet *set, DayRows *day, const Row *row, DayKind kind, uint32 person)
{
	uint32	   *record = record_log_append(day_log(set, day, row->signal->network, kind));

	*record = person;
	return record;
}

static void
append_day_post_event(DaySet *set, DayRows *day, const Row *row, Stamp stamp, DayKind kind)
{
	PostEvent  *record = append_day_record(set, day, row, kind, row->target);

	record->actor = kind == DAY_POSTS ? NOBODY : row->actor;
	record->post = row->post;
	record->stamp = stamp;
	record->weight = row->weight;
}

static void
append_day_interaction(DaySet *set, DayRows *day, const Row *row, Stamp stamp)
{
	DayInteraction *record = append_day_record(set, day, row, DAY_INTERACTIONS, row->target);

	record->actor = row->signal->role == ROLE_AUTHORITY ? NOBODY : row->actor;
	record->age = stamp.age;
	record->more_rows = 0;
	record->signal = stamp.signal;
	record->negative = stamp.negative;
	record->multiplier = row->weight * (1 + Min(row->sentiment, 0));
}

static void
append_day_anonymous(DaySet *set, DayRows *day, const Row *row, Stamp stamp)
{
	AnonymousCount *record = append_day_record(set, day, row, DAY_ANONYMOUS, row->target);

	record->unused = 0;
	record->stamp = stamp;
	record->people = row->people;
	record->influence_part = row->weight / row->people * (1 + Min(row->sentiment, 0));
}

static void
append_day_sentiment(DaySet *set, DayRows *day, const Row *row, Stamp stamp)
{
	DaySentiment *record = append_day_record(set, day, row, DAY_SENTIMENT, row->target);

	record->signal = stamp.signal;
	record->value = row->weight * row->sentiment *
		decay_factor((double) stamp.age, row->signal->half_life);
}

static void
append_day_activity(DaySet *set, DayRows *day, const Row *row, Stamp stamp)
{
	DayActivity *record = append_day_record(set, day, row, DAY_ACTIVITY, row->actor);

	record->unused = 0;
	record->age = stamp.age;
}

/*
 * Add a row that counts to the logs of its day, which will be kept
 *
 * In the terms of record_row(), with ages before the end of the day.
 */
static void
record_in_day(DaySet *set, DayRows *day, const Row *row)
{
	const Signal *signal = row->signal;
	Stamp		stamp = row->stamp;

	stamp.age = day->end - row->occurred_at;
	day->rows++;
	if (signal->role == ROLE_POST)
	{
		append_day_post_event(set, day, row, stamp, DAY_POSTS);
		return;
	}

	if (signal->role != ROLE_FOLLOW && row->sentiment != 0)
		append_day_sentiment(set, day, row, stamp);
	if (role_is_engaging(signal->role))
		day->earliest_reaction = Min(day->earliest_reaction, row->occurred_at);

	if (row->actor == NOBODY && signal->role != ROLE_AUTHORITY)
		append_day_anonymous(set, day, row, stamp);
	else
		append_day_interaction(set, day, row, stamp);

	if (row->actor != NOBODY && signal->role == ROLE_AUTHORITY)
		append_day_activity(set, day, row, stamp);
	if (signal->role == ROLE_SHARE && row->sentiment >= 0 && row->actor != NOBODY)
		append_day_post_event(set, day, row, stamp, DAY_SHARES);
}

/*
 * Add what a row says of its target, by the real clock
 */
static void
add_sentiment(Ingest *ingest, const Row *row)
{
	double		value = row->signal->weight * row->weight *
		decay_factor(row->age, row->signal->half_life);

	ingest_add_sentiment(ingest, row->target,
						 (Sentiment) {value * Max(-row->sentiment, 0), value * Max(row->sentiment, 0)});
}

/*
 * Add a row that counts, or may count by its target's clock, to the logs of its
 * network
 */
static void
record_row(Ingest *ingest, const Row *row)
{
	const Signal *signal = row->signal;

	if (signal->role == ROLE_POST)
	{
		append_post_event(ingest, row, ROWS_POSTS);
		ingest_note_activity(ingest, row->target, row->occurred_at);
		return;
	}

	if (signal->role != ROLE_FOLLOW && row->sentiment != 0 && is_recent(ingest->model, row))
		add_sentiment(ingest, row);
	if (row->actor != NOBODY)
		ingest_note_activity(ingest, row->actor, row->occurred_at);
	if (role_is_engaging(signal->role))
		ingest->earliest_reaction = Min(ingest->earliest_reaction, row->occurred_at);

	if (row->actor == NOBODY && signal->role != ROLE_AUTHORITY)
		append_anonymous(ingest, row);
	else
		append_interaction(ingest, row, row->weight * (1 + Min(row->sentiment, 0)));

	if (signal->role == ROLE_SHARE && row->sentiment >= 0 && row->actor != NOBODY)
		append_post_event(ingest, row, ROWS_SHARES);
}

/*
 * Add a row that counts to where it belongs
 */
static inline void
route_row(const SourceReader *reader, const Row *row)
{
	DayRows    *day = reader->day_source < 0 ? NULL :
		day_set_find(reader->ingest->days, reader->day_source, row->occurred_at);

	if (day != NULL)
		record_in_day(reader->ingest->days, day, row);
	else
		record_row(reader->ingest, row);
}

/*
 * An id that stays valid after its row: uuids are copied
 */
static Datum
keep_id(const SourceReader *reader, Datum id, pg_uuid_t *copy)
{
	if (reader->ingest->model->ref.id_type != UUIDOID || reader->source->by_account)
		return id;
	*copy = *DatumGetUUIDP(id);
	return UUIDPGetDatum(copy);
}

/*
 * Leave out who must be left out; false when nothing is left of the row
 */
static bool
respect_privacy(Ingest *ingest, Row *row)
{
	if (ingest_privacy(ingest, row->target) != PRIVACY_NONE)
	{
		ingest->rows_ignored[IGNORE_NOT_SCORED]++;
		return false;
	}
	if (row->actor == NOBODY || ingest_privacy(ingest, row->actor) != PRIVACY_HIDDEN)
		return true;
	if (!ingest->model->hidden_actors_count)
	{
		ingest->rows_ignored[IGNORE_HIDDEN_ACTOR]++;
		return false;
	}
	/* one unknown person, however much the row weighs */
	row->actor = NOBODY;
	row->people = 1;
	return true;
}

/*
 * Find the people of a row
 */
static void
find_people(SourceReader *reader, Row *row)
{
	Ingest	   *ingest = reader->ingest;

	row->actor = NOBODY;
	if (reader->source->by_account)
	{
		row->target = account_target(ingest, row->signal->network, row->target_id);
		if (row->has_actor && row->target != NOBODY)
			row->actor = account_actor(ingest, row->signal->network, row->actor_id);
		return;
	}
	row->target = ingest_person(ingest, row->target_id);
	if (row->has_actor)
		row->actor = ingest_person(ingest, row->actor_id);
}

/*
 * Look up the people of the rows at hand and record those that count
 */
static void
record_batch(SourceReader *reader)
{
	Ingest	   *ingest = reader->ingest;

	for (int i = 0; i < reader->batch_count && !reader->source->by_account; i++)
	{
		intern_prefetch(ingest->people, reader->batch[i].target_id);
		if (reader->batch[i].has_actor)
			intern_prefetch(ingest->people, reader->batch[i].actor_id);
	}
	for (int i = 0; i < reader->batch_count; i++)
	{
		Row		   *row = &reader->batch[i];

		row->people = row->weight;
		find_people(reader, row);
		if (row->target != NOBODY)
			prefetch_to_write(ingest_log(ingest, row->signal->network, partition_of(row->target),
										 ROWS_PLAIN)->next);
		if (row->actor != NOBODY)
			prefetch_to_write(&ingest->last_active_at[row->actor]);
	}
	for (int i = 0; i < reader->batch_count; i++)
	{
		Row		   *row = &reader->batch[i];

		if (row->target == NOBODY)
			ingest->rows_ignored[IGNORE_UNLINKED_ACCOUNT]++;
		else if (row->actor == row->target &&
			(role_is_engaging(row->signal->role) || row->signal->role == ROLE_FOLLOW))
			ingest->rows_ignored[IGNORE_SELF]++;
		else if (ingest_refuses_target(ingest, reader->source->name, row->target, 1))
			continue;
		else if (ingest->privacy == NULL || respect_privacy(ingest, row))
			route_row(reader, row);
	}
	reader->batch_count = 0;
}

/*
 * Decide whether a row counts, but for reactions to oneself; false with the
 * reason when it does not
 */
static bool
read_row(SourceReader *reader, TupleTableSlot *slot, Row *row, IgnoreReason *reason)
{
	Ingest	   *ingest = reader->ingest;

	if (slot->tts_isnull[SOURCE_TARGET])
	{
		*reason = IGNORE_NULL_TARGET;
		return false;
	}
	if (slot->tts_isnull[SOURCE_OCCURRED_AT])
	{
		*reason = IGNORE_NULL_TIME;
		return false;
	}
	row->signal_index = row_signal(reader, slot);
	if (row->signal_index == NO_SIGNAL)
	{
		*reason = IGNORE_NO_SIGNAL;
		return false;
	}
	row->signal = &ingest->model->signals[row->signal_index];
	row->occurred_at = DatumGetTimestampTz(slot->tts_values[SOURCE_OCCURRED_AT]);

	if (TIMESTAMP_NOT_FINITE(row->occurred_at))
	{
		*reason = IGNORE_BAD_TIME;
		return false;
	}
	if (!read_values(reader, slot, row, reason) || !read_time(reader, row, reason))
		return false;
	if (row->signal->weight * row->weight == 0)
	{
		*reason = IGNORE_ZERO_WEIGHT;
		return false;
	}

	row->stamp = row_stamp(row);
	row->has_actor = !slot->tts_isnull[SOURCE_ACTOR];
	row->target_id = keep_id(reader, slot->tts_values[SOURCE_TARGET], &row->uuids[0]);
	if (row->has_actor)
		row->actor_id = keep_id(reader, slot->tts_values[SOURCE_ACTOR], &row->uuids[1]);
	row->post = row->signal->role == ROLE_SHARE || row->signal->role == ROLE_POST ?
		row_post(reader, slot) : 0;
	return true;
}

/*
 * Callback: one row of a source
 */
void
reader_row(TupleTableSlot *slot, void *arg)
{
	SourceReader *reader = arg;
	IgnoreReason reason;

	reader->ingest->rows_read++;
	if (reader->ingest->rows_read % ROWS_PER_REPORT == 0)
		progress_report(reader->ingest->model->ref.name, "reading source \"%s\", " UINT64_FORMAT " rows",
						reader->source->name, reader->ingest->rows_read);
	if (reader->ingest->rows_read % ROWS_PER_MEMORY_CHECK == 0)
		ingest_limit_memory(reader->ingest);

	if (!read_row(reader, slot, &reader->batch[reader->batch_count], &reason))
		ignore_row(reader, reason, slot);
	else if (++reader->batch_count == reader->batch_limit)
		record_batch(reader);
}

/*
 * Callback: the columns of a source are known
 */
void
reader_start(TupleDesc desc, void *arg)
{
	SourceReader *reader = arg;
	Form_pg_attribute post = TupleDescAttr(desc, SOURCE_POST);

	if (reader->source->post != NULL)
	{
		reader->post_hash = &lookup_type_cache(post->atttypid,
											   TYPECACHE_HASH_EXTENDED_PROC_FINFO)->hash_extended_proc_finfo;
		reader->post_collation = post->attcollation;
	}
}

/*
 * Start reading a source, in the current memory context
 */
SourceReader *
reader_create(Ingest *ingest, const Source *source)
{
	SourceReader *reader = palloc0(sizeof(SourceReader));

	reader->ingest = ingest;
	reader->source = source;
	reader->day_source = ingest->days != NULL && source->incremental ? source->number : -1;
	reader->batch_limit = ingest->model->ref.id_type == TEXTOID || source->by_account ? 1 : BATCH_ROWS;
	reader->fixed_signal = NO_SIGNAL;
	if (source->kind != NULL && source->network != NULL)
	{
		NameBytes	network = {source->network, strlen(source->network)};
		NameBytes	kind = {source->kind, strlen(source->kind)};

		reader->fixed_signal = signal_table_find(ingest->signals, network, kind);
	}
	return reader;
}

/*
 * All rows of the source have been read
 */
void
reader_finish(SourceReader *reader)
{
	record_batch(reader);
	pfree(reader);
}
