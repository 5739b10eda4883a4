/*
 * Turns groups of rows (grouped_query.c) into compact records.
 *
 * A group is recorded as what its rows would have been together: what is summed
 * over rows is the sum, what is taken from the last row is the group's stamp.
 * Records of a group stand beside those of single rows and of other groups of
 * the same pair; nothing later tells them apart.
 */
#include "compat.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

#include "math/decay.h"
#include "model/group_reader.h"
#include "model/grouped_query.h"
#include "model/reader.h"
#include "model/signal_table.h"

/* Records between two checks for interrupts */
#define RECORDS_PER_CHECK	65536

/* Groups between two looks at the memory in use */
#define GROUPS_PER_MEMORY_CHECK	4096

struct GroupReader
{
	Ingest	   *ingest;
	const Source *source;
	FmgrInfo   *post_hash;		/* extended hash function of the post ids */
	Oid			post_collation;
	uint64		groups;			/* recorded so far */
};

/* Rows that count and are alike, in our terms */
typedef struct Group
{
	const Signal *signal;
	Stamp		stamp;			/* of the last row */
	uint32		target;
	uint32		actor;			/* NOBODY when it has none */
	uint64		post;			/* hash, 0: none */
	uint64		rows;
	TimestampTz first_at;
	TimestampTz last_at;
	double		sentiment;		/* of each row; of several, only whether it is below 0 is sure */
	double		weight;			/* sums, decayed to the stamp's time: people, weights of posts */
	double		influence;		/* the part that goes to influence */
	double		hostile;		/* and the one that goes to notoriety */
	double		friendly;		/* and, of all of it, what is in favour */
} Group;

/*
 * Start recording groups of a source, which come with the columns of GroupColumn
 */
GroupReader *
group_reader_create(Ingest *ingest, const Source *source, TupleDesc desc)
{
	GroupReader *reader = palloc0(sizeof(GroupReader));
	Form_pg_attribute post = TupleDescAttr(desc, GROUP_POST);

	reader->ingest = ingest;
	reader->source = source;
	reader->post_hash = &lookup_type_cache(post->atttypid,
										   TYPECACHE_HASH_EXTENDED_PROC_FINFO)->hash_extended_proc_finfo;
	reader->post_collation = post->attcollation;
	return reader;
}

/*
 * A name of the group, or the constant of the source
 */
static NameBytes
group_name(TupleTableSlot *slot, GroupColumn column, const char *constant)
{
	NameBytes	name;

	if (constant != NULL)
	{
		name.data = constant;
		name.length = strlen(constant);
	}
	else
	{
		text	   *value = DatumGetTextPP(slot->tts_values[column]);

		name.data = VARDATA_ANY(value);
		name.length = VARSIZE_ANY_EXHDR(value);
	}
	return name;
}

/*
 * Index of the signal of the group's rows
 */
static int
group_signal(const GroupReader *reader, TupleTableSlot *slot)
{
	const Source *source = reader->source;
	int			signal;

	if ((source->network == NULL && slot->tts_isnull[GROUP_NETWORK]) ||
		(source->kind == NULL && slot->tts_isnull[GROUP_KIND]))
		signal = NO_SIGNAL;
	else
		signal = signal_table_find(reader->ingest->signals,
								   group_name(slot, GROUP_NETWORK, source->network),
								   group_name(slot, GROUP_KIND, source->kind));
	if (signal == NO_SIGNAL)
		elog(ERROR, "source \"%s\" has a group of rows without a signal", source->name);
	return signal;
}

static double
group_sum(TupleTableSlot *slot, GroupColumn column)
{
	return slot->tts_isnull[column] ? 0 : DatumGetFloat8(slot->tts_values[column]);
}

/*
 * Read the sums of a group, and tell its sentiment from the parts that they fell into
 */
static void
read_sums(const GroupReader *reader, TupleTableSlot *slot, Group *group)
{
	bool		fades = !isinf(group->signal->half_life);
	int32		mood = slot->tts_isnull[GROUP_MOOD] ? 0 : DatumGetInt32(slot->tts_values[GROUP_MOOD]);

	group->weight = group_sum(slot, fades ? GROUP_DECAYED : GROUP_SUM);
	if (mood == 0)
	{
		group->sentiment = reader->ingest->model->ignore_sentiment ? 0 : group->signal->polarity;
		group->influence = group->weight * (1 + Min(group->sentiment, 0));
		group->hostile = group->weight * Max(-group->sentiment, 0);
		group->friendly = group->weight * Max(group->sentiment, 0);
		return;
	}
	group->sentiment = slot->tts_isnull[GROUP_SENTIMENT] ? mood :
		DatumGetFloat8(slot->tts_values[GROUP_SENTIMENT]);
	group->influence = group->weight;
	group->hostile = group_sum(slot, fades ? GROUP_HOSTILE_DECAYED : GROUP_HOSTILE_SUM);
	group->friendly = group_sum(slot, fades ? GROUP_FRIENDLY_DECAYED : GROUP_FRIENDLY_SUM);
}

/*
 * Hash of the group's post, never 0 when there is one; as row_post() in reader.c
 */
static uint64
group_post(const GroupReader *reader, TupleTableSlot *slot)
{
	uint64		hash;

	if (slot->tts_isnull[GROUP_POST])
		return 0;
	hash = DatumGetUInt64(FunctionCall2Coll(reader->post_hash, reader->post_collation,
											slot->tts_values[GROUP_POST], Int64GetDatum(0)));
	return hash == 0 ? 1 : hash;
}

/*
 * A group in our terms; its people get their numbers
 */
static void
read_group(const GroupReader *reader, TupleTableSlot *slot, Group *group)
{
	Ingest	   *ingest = reader->ingest;
	int			signal = group_signal(reader, slot);
	double		age;

	group->signal = &ingest->model->signals[signal];
	group->rows = DatumGetInt64(slot->tts_values[GROUP_ROWS]);
	group->first_at = DatumGetTimestampTz(slot->tts_values[GROUP_FIRST_AT]);
	group->last_at = DatumGetTimestampTz(slot->tts_values[GROUP_LAST_AT]);
	read_sums(reader, slot, group);

	age = Max((double) ingest->as_of - (double) group->last_at, 0);
	if (age < (double) MAX_AGE)
		age = (double) Max(ingest->as_of - group->last_at, 0);
	group->stamp.age = age < (double) MAX_AGE ? (uint64) age : MAX_AGE;
	group->stamp.signal = signal;
	group->stamp.negative = group->sentiment < 0;

	group->post = group_post(reader, slot);
	group->target = ingest_person(ingest, slot->tts_values[GROUP_TARGET]);
	group->actor = slot->tts_isnull[GROUP_ACTOR] ? NOBODY :
		ingest_person(ingest, slot->tts_values[GROUP_ACTOR]);
}

/*
 * The group's rows of an actor, or of role authority
 */
static void
append_interactions(Ingest *ingest, const Group *group)
{
	double		multiplier = group->influence;
	uint64		rows;

	for (uint64 left = group->rows; left > 0; left -= rows)
	{
		rows = Min(left, MAX_INTERACTION_ROWS);
		ingest_append_interaction(ingest, group->signal->network, group->target,
								  group->signal->role == ROLE_AUTHORITY ? NOBODY : group->actor,
								  group->stamp, (uint32) rows, multiplier);
		multiplier = 0;
	}
}

/*
 * The group's anonymous counts, all of one moment and sentiment
 */
static void
append_anonymous(Ingest *ingest, const Group *group)
{
	AnonymousCount *record = ingest_append(ingest, group->signal->network, group->target, ROWS_ANONYMOUS);

	record->unused = 0;
	record->stamp = group->stamp;
	record->people = group->weight;
	record->influence_part = 1 + Min(group->sentiment, 0);
}

/*
 * Postings, or sharings of a post by an actor: so many records, of which the
 * first has all the weight
 */
static void
append_post_events(Ingest *ingest, const Group *group, RowKind kind, uint64 count)
{
	double		weight = group->weight;

	for (uint64 i = 0; i < count; i++)
	{
		PostEvent  *record = ingest_append(ingest, group->signal->network, group->target, kind);

		if (i % RECORDS_PER_CHECK == 0)
			CHECK_FOR_INTERRUPTS();
		record->actor = kind == ROWS_POSTS ? NOBODY : group->actor;
		record->post = group->post;
		record->stamp = group->stamp;
		record->weight = weight;
		weight = 0;
	}
}

/*
 * Add a group to the logs of its network, as record_row() in reader.c does rows
 */
static void
record_group(Ingest *ingest, const Group *group)
{
	const Signal *signal = group->signal;

	if (signal->role == ROLE_POST)
	{
		/* each is counted, also one that says again what another said */
		append_post_events(ingest, group, ROWS_POSTS, group->rows);
		ingest_note_activity(ingest, group->target, group->last_at);
		return;
	}

	if (signal->role != ROLE_FOLLOW)
	{
		double		value = signal->weight * decay_factor((double) group->stamp.age, signal->half_life);

		if (group->hostile != 0 || group->friendly != 0)
			ingest_add_sentiment(ingest, group->target,
								 (Sentiment) {value * group->hostile, value * group->friendly});
	}
	if (group->actor != NOBODY)
		ingest_note_activity(ingest, group->actor, group->last_at);
	if (role_is_engaging(signal->role))
		ingest->earliest_reaction = Min(ingest->earliest_reaction, group->first_at);

	if (group->actor == NOBODY && signal->role != ROLE_AUTHORITY)
		append_anonymous(ingest, group);
	else
		append_interactions(ingest, group);

	if (signal->role == ROLE_SHARE && !group->stamp.negative && group->actor != NOBODY)
		append_post_events(ingest, group, ROWS_SHARES, 1);
}

/*
 * Leave out who must be left out; false when nothing is left of the group
 *
 * Where people who opted out count as somebody unknown, nothing is grouped
 * (ingest_groups.c): each of their rows would be a person of its own.
 */
static bool
respect_privacy(Ingest *ingest, const Group *group)
{
	if (ingest_privacy(ingest, group->target) != PRIVACY_NONE)
		ingest->rows_ignored[IGNORE_NOT_SCORED] += group->rows;
	else if (group->actor != NOBODY && ingest_privacy(ingest, group->actor) == PRIVACY_HIDDEN)
		ingest->rows_ignored[IGNORE_HIDDEN_ACTOR] += group->rows;
	else
		return true;
	return false;
}

/*
 * Record a group: rows that count, or the number of those that do not
 */
void
group_reader_group(GroupReader *reader, TupleTableSlot *slot)
{
	Ingest	   *ingest = reader->ingest;
	Group		group;

	ingest->rows_read += DatumGetInt64(slot->tts_values[GROUP_ROWS]);
	if (!slot->tts_isnull[GROUP_REASON])
	{
		ingest->rows_ignored[DatumGetInt32(slot->tts_values[GROUP_REASON])] +=
			DatumGetInt64(slot->tts_values[GROUP_ROWS]);
		return;
	}
	read_group(reader, slot, &group);
	if (!ingest_refuses_target(ingest, reader->source->name, group.target, group.rows) &&
		respect_privacy(ingest, &group))
		record_group(ingest, &group);
	if (++reader->groups % GROUPS_PER_MEMORY_CHECK == 0)
		ingest_limit_memory(ingest);
}
