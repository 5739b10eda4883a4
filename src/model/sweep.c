/*
 * Sums over all rows of one target on one network.
 *
 * One partition at a time: its rows are sorted by target (interactions within a
 * target by actor), then walked once. A run of interactions with one actor makes a
 * pair, and a pair with reactions makes an edge of the graph of engagement.
 *
 * Who trusts whom and what is given back is known before. What is complete after the
 * walk: engagement, true reach, audience, authority, shares and posts, counts by
 * signal, and the edges.
 */
#include "compat.h"

#include <math.h>

#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "utils/memutils.h"

#include "math/decay.h"
#include "math/log1p.h"
#include "math/prefetch.h"
#include "memory.h"
#include "model/record_sort.h"
#include "model/sweep.h"

/* So many rows are sorted by digits sooner than by comparing them */
#define MANY_INTERACTIONS	4096

/* Counts by digit should stay in the nearest cache */
#define MAX_DIGIT_BITS	11

/* Sums of the current target by signal */
typedef struct SignalSums
{
	double		count;
	double		value;
	double		people;			/* of follow signals: trust of distinct actors */
	uint64		last_pair;		/* number of the pair that was added to people last */
	bool		touched;
} SignalSums;

typedef struct Sweep
{
	const Model *model;
	SweepOutput *output;
	PartitionClocks clocks;
	double		window;			/* longest age that counts, INFINITY: none */

	Interaction *interactions;
	uint64		interaction_count;
	uint64	   *interaction_start;	/* by place, as for the others */
	AnonymousCount *anonymous;
	uint64	   *anonymous_start;
	PostEvent  *shares;
	uint64	   *share_start;
	PostEvent  *posts;
	uint64	   *post_start;
	Exchange   *exchanges;
	uint64	   *exchange_start;
	EdgePartition edges;

	int			first_signal;	/* of the network */
	SignalSums *sums;			/* by signal of the network */
	int		   *touched;		/* signals of the current target */
	int			touched_count;

	uint32		place;			/* of the current target */
	PersonNetwork *person;		/* its sums */
	uint64		next_exchange;	/* of the target with the pair's actor or a later one */
	uint64		pair_number;	/* of the whole walk, from 1 */
} Sweep;

static inline SignalSums *
sums_of(const Sweep *sweep, int signal)
{
	return &sweep->sums[signal - sweep->first_signal];
}

/*
 * Add to the target's sums of one signal
 */
static inline void
add_to_signal(Sweep *sweep, int signal, double count, double value)
{
	SignalSums *sums = sums_of(sweep, signal);

	if (!sums->touched)
	{
		sums->touched = true;
		sums->count = sums->value = sums->people = 0;
		sweep->touched[sweep->touched_count++] = signal;
	}
	sums->count += count;
	sums->value += value;
}

/*
 * Age by the clock of the current target, in microseconds
 */
static inline double
stamp_age(const Sweep *sweep, Stamp stamp)
{
	return clock_age(&sweep->clocks, sweep->place, (double) stamp.age);
}

/*
 * Does a row not count, by the clock of the current target?
 *
 * Where all clocks run, the reader has left such rows out.
 */
static inline bool
is_outside_window(const Sweep *sweep, Stamp stamp)
{
	return sweep->output->clocks != NULL && stamp_age(sweep, stamp) > sweep->window &&
		!role_is_standing(sweep->model->signals[stamp.signal].role);
}

/*
 * What is left of something of the stamp's age under its signal's half-life
 */
static inline double
stamp_decay(const Sweep *sweep, Stamp stamp)
{
	return decay_factor(stamp_age(sweep, stamp), sweep->model->signals[stamp.signal].half_life);
}

/*
 * How much presence is left after an age in microseconds
 */
static inline double
presence(const Sweep *sweep, double age)
{
	return decay_factor(age, sweep->model->reach_half_life);
}

/*
 * The follow rows of one pair: the actor is in the audience, once a kind
 */
static void
add_follower(Sweep *sweep, const Interaction *rows, uint64 count, double trust)
{
	for (uint64 i = 0; i < count; i++)
	{
		SignalSums *sums = sums_of(sweep, rows[i].stamp.signal);

		if (sweep->model->signals[rows[i].stamp.signal].role != ROLE_FOLLOW ||
			rows[i].stamp.negative || sums->last_pair == sweep->pair_number)
			continue;
		sums->last_pair = sweep->pair_number;
		sums->people += trust;
	}
}

/*
 * What the current target and an actor gave each other, NULL when one did not
 *
 * Actors must come in ascending order.
 */
static const Exchange *
find_exchange(Sweep *sweep, uint32 actor)
{
	uint64		end = sweep->exchange_start[sweep->place + 1];

	while (sweep->next_exchange < end && sweep->exchanges[sweep->next_exchange].actor < actor)
		sweep->next_exchange++;
	return sweep->next_exchange < end && sweep->exchanges[sweep->next_exchange].actor == actor ?
		&sweep->exchanges[sweep->next_exchange] : NULL;
}

/*
 * What is left of the engagement of a pair after the discount for equal exchange
 *
 * gave: decayed value of what the actor gave of what can be traded.
 */
static double
discounted(const Sweep *sweep, const Exchange *exchange, double gave)
{
	if (exchange == NULL || gave == 0 || exchange->returned == 0)
		return 1;
	return 1 - sweep->model->reciprocity_discount *
		Min(gave, exchange->returned) / Max(gave, exchange->returned);
}

/*
 * Engagement of a pair: for the target, and for the graph where it is not too weak
 */
static void
add_edge(Sweep *sweep, uint32 actor, double engagement)
{
	uint64		edge = sweep->edges.edge_count;

	sweep->person->value[MEASURE_ENGAGEMENT] += engagement;
	if (engagement < PAGERANK_MIN_WEIGHT)
		return;
	sweep->edges.actor[edge] = actor;
	sweep->edges.engagement[edge] = engagement;
	sweep->edges.edge_count++;
}

/*
 * All rows of one actor towards the current target
 */
static void
sweep_pair(Sweep *sweep, const Interaction *rows, uint64 count)
{
	uint32		actor = rows[0].actor;
	const Exchange *exchange = find_exchange(sweep, actor);
	TowardsTarget towards = {0};
	uint32		reactions = 0;
	bool		follows = false;
	double		sum = 0;
	double		tradable = 0;
	double		youngest = INFINITY;
	double		trust;

	sweep->pair_number++;
	for (uint64 i = 0; i < count; i++)
	{
		const Signal *signal = &sweep->model->signals[rows[i].stamp.signal];
		double		value;

		if (is_outside_window(sweep, rows[i].stamp))
		{
			sweep->output->rows_outside_window += interaction_rows(&rows[i]);
			continue;
		}
		value = signal->weight * rows[i].multiplier * stamp_decay(sweep, rows[i].stamp);
		add_to_signal(sweep, rows[i].stamp.signal, interaction_rows(&rows[i]), value);
		if (signal->role == ROLE_FOLLOW)
		{
			follows = true;
			continue;
		}
		reactions += interaction_rows(&rows[i]);
		sum += value;
		if (!signal->conversational)
			tradable += value;
		if ((double) rows[i].stamp.age <= sweep->window)
		{
			/* by the real clock */
			towards.reactions += interaction_rows(&rows[i]);
			towards.gifts.given += tradable_amount(sweep->model, &rows[i]);
		}
		if (!rows[i].stamp.negative)
			youngest = Min(youngest, stamp_age(sweep, rows[i].stamp));
	}

	if (exchange != NULL && exchange->traded > 0)
	{
		towards.gifts.traded = exchange->traded;
		towards.partners = 1;
	}
	trust = trust_towards(sweep->output->trust, actor, &towards);
	if (follows)
		add_follower(sweep, rows, count, trust);
	if (reactions > 0)
	{
		if (!isinf(youngest))
			sweep->person->value[MEASURE_TRUE_REACH] += trust * presence(sweep, youngest);
		add_edge(sweep, actor, fast_log1p(sum) * trust * discounted(sweep, exchange, tradable));
	}
}

/*
 * Interactions of the current target: pairs, and authority at the end
 */
static void
sweep_interactions(Sweep *sweep, uint32 place)
{
	uint64		end = sweep->interaction_start[place + 1];
	uint64		next;

	sweep->edges.row_start[place] = sweep->edges.edge_count;
	sweep->next_exchange = sweep->exchange_start[place];
	for (uint64 i = sweep->interaction_start[place]; i < end; i = next)
	{
		const Interaction *rows = &sweep->interactions[i];

		for (next = i + 1; next < end && sweep->interactions[next].actor == rows->actor;)
			next++;
		if (i + PREFETCH_AHEAD < sweep->interaction_count)
			prefetch_trust(sweep->output->trust, rows[PREFETCH_AHEAD].actor);
		if (rows->actor != NOBODY)
		{
			sweep_pair(sweep, rows, next - i);
			continue;
		}
		for (uint64 j = i; j < next; j++)
		{
			const Interaction *row = &sweep->interactions[j];
			double		value = sweep->model->signals[row->stamp.signal].weight *
				row->multiplier * stamp_decay(sweep, row->stamp);

			add_to_signal(sweep, row->stamp.signal, interaction_rows(row), value);
			sweep->person->value[MEASURE_AUTHORITY] += value;
		}
	}
}

/*
 * Anonymous counts of the current target: so many people with one row each
 */
static void
sweep_anonymous(Sweep *sweep, uint32 place)
{
	for (uint64 i = sweep->anonymous_start[place]; i < sweep->anonymous_start[place + 1]; i++)
	{
		const AnonymousCount *row = &sweep->anonymous[i];
		const Signal *signal = &sweep->model->signals[row->stamp.signal];
		double		decay = stamp_decay(sweep, row->stamp);
		double		each = signal->weight * decay * row->influence_part;

		if (is_outside_window(sweep, row->stamp))
		{
			sweep->output->rows_outside_window++;
			continue;
		}
		add_to_signal(sweep, row->stamp.signal, row->people, row->people * each);
		if (signal->role == ROLE_FOLLOW)
		{
			if (!row->stamp.negative)
				sums_of(sweep, row->stamp.signal)->people += row->people;
			continue;
		}
		sweep->person->value[MEASURE_ENGAGEMENT] += row->people * fast_log1p(each);
		if (row->stamp.negative)
			continue;
		sweep->person->value[MEASURE_TRUE_REACH] += sweep->model->anonymous_reach *
			row->people * presence(sweep, stamp_age(sweep, row->stamp));
		if (signal->role == ROLE_SHARE)
			sweep->person->shares += row->people * decay;
	}
}

static int
compare_post_events(const void *a, const void *b)
{
	const PostEvent *x = a;
	const PostEvent *y = b;

	if (x->actor != y->actor)
		return x->actor < y->actor ? -1 : 1;
	if (x->post != y->post)
		return x->post < y->post ? -1 : 1;
	return 0;
}

/*
 * Decayed number of distinct (actor, post) among rows, each as it was last
 *
 * nameless_count: rows without a post count one by one, with their weight
 * (posts), instead of as one unknown post of their actor (shares).
 */
static double
count_post_events(const Sweep *sweep, PostEvent *rows, uint64 count, bool nameless_count)
{
	double		sum = 0;
	double		decay = 0;

	if (count > 1)
		qsort(rows, count, sizeof(PostEvent), compare_post_events);
	for (uint64 i = 0; i < count; i++)
	{
		double		row_decay = is_outside_window(sweep, rows[i].stamp) ? 0 :
			stamp_decay(sweep, rows[i].stamp);

		if (nameless_count && rows[i].post == 0)
		{
			sum += rows[i].weight * row_decay;
			continue;
		}
		decay = Max(decay, row_decay);
		if (i + 1 == count || compare_post_events(&rows[i], &rows[i + 1]) != 0)
		{
			sum += decay;
			decay = 0;
		}
	}
	return sum;
}

/*
 * Posts of the current target, and sharings of them
 */
static void
sweep_post_events(Sweep *sweep, uint32 place)
{
	uint64		first_share = sweep->share_start[place];
	uint64		first_post = sweep->post_start[place];
	uint64		share_count = sweep->share_start[place + 1] - first_share;
	uint64		post_count = sweep->post_start[place + 1] - first_post;

	for (uint64 i = 0; i < post_count; i++)
	{
		const PostEvent *post = &sweep->posts[first_post + i];

		if (is_outside_window(sweep, post->stamp))
		{
			sweep->output->rows_outside_window++;
			continue;
		}
		add_to_signal(sweep, post->stamp.signal, 1,
					  sweep->model->signals[post->stamp.signal].weight * post->weight *
					  stamp_decay(sweep, post->stamp));
	}
	if (share_count > 0)
		sweep->person->shares += count_post_events(sweep, &sweep->shares[first_share],
													share_count, false);
	if (post_count > 0)
		sweep->person->posts += count_post_events(sweep, &sweep->posts[first_post],
												   post_count, true);
}

static int
compare_ints(const void *a, const void *b)
{
	return *(const int *) a - *(const int *) b;
}

/*
 * Close the sums by signal: audience, and the rows of the view "signals"
 */
static void
finish_signals(Sweep *sweep, RecordLog *signal_counts)
{
	PersonNetwork *person = sweep->person;

	qsort(sweep->touched, sweep->touched_count, sizeof(int), compare_ints);
	for (int i = 0; i < sweep->touched_count; i++)
	{
		const Signal *signal = &sweep->model->signals[sweep->touched[i]];
		SignalSums *sums = sums_of(sweep, sweep->touched[i]);
		SignalCount *record = record_log_append(signal_counts);

		record->person = person->person;
		record->signal = sweep->touched[i];
		record->count = sums->count;
		record->decayed_value = sums->value;
		if (signal->role == ROLE_FOLLOW)
		{
			person->value[MEASURE_AUDIENCE] += sums->people;
			person->audience_term += signal->weight * fast_log1p(sums->people);
		}
		sums->touched = false;
	}
	sweep->touched_count = 0;
}

/*
 * Room for one more person, zeroed
 */
static PersonNetwork *
next_person(PersonNetworkArray *people)
{
	PersonNetwork *person = person_networks_reserve(people, 1);

	memset(person, 0, sizeof(PersonNetwork));
	return person;
}

#define ST_SORT sort_by_actor
#define ST_ELEMENT_TYPE Interaction
#define ST_COMPARE(a, b) (((a)->actor > (b)->actor) - ((a)->actor < (b)->actor))
#define ST_CHECK_FOR_INTERRUPTS
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"

/*
 * Room for where each place starts
 */
static uint64 *
new_row_start(uint32 place_count)
{
	return huge_array(CurrentMemoryContext, (uint64) place_count + 2, sizeof(uint64));
}

/*
 * Sort a log by place; returns its records and sets where each place starts
 */
static void *
sort_by_place(RecordLog *log, uint32 place_count, uint64 **row_start)
{
	RecordKey	place = {.mask = PLACE_MASK};

	*row_start = new_row_start(place_count);
	return record_log_sort(log, place, place_count, *row_start, CurrentMemoryContext);
}

/*
 * What the people of the partition exchanged, by place and actor
 */
static void
load_exchanges(Sweep *sweep, uint32 partition, uint32 place_count)
{
	Reciprocity *reciprocity = sweep->output->reciprocity;

	if (reciprocity_matters(reciprocity))
		sweep->exchanges = sort_by_place(&reciprocity->exchanges[partition], place_count, &sweep->exchange_start);
	else
		sweep->exchange_start = huge_array_zero(CurrentMemoryContext, (uint64) place_count + 1, sizeof(uint64));
}

/*
 * Sort few interactions by place, those of one place by actor
 */
static void
sort_few(Sweep *sweep, RowPartition *rows, uint32 place_count, uint64 *start)
{
	RecordKey	place = {.mask = PLACE_MASK};
	double		plain_multiplier = 1;

	sweep->interactions = record_logs_sort(&rows->logs[ROWS_INTERACTIONS], &rows->logs[ROWS_PLAIN],
										   &plain_multiplier, place, place_count, start,
										   CurrentMemoryContext);
	for (uint32 i = 0; i < place_count; i++)
		sort_by_actor(sweep->interactions + start[i], start[i + 1] - start[i]);
}

/*
 * The same for many: by the digits of the actor, the lowest first, then by place. Each
 * pass keeps the order of the one before.
 */
static void
sort_many(Sweep *sweep, RowPartition *rows, uint32 place_count, uint64 count, uint64 *start)
{
	/* with room for one more person than there are, so that NOBODY stays apart */
	uint32		bits = pg_leftmost_one_pos32(sweep->output->edges->person_count) + 1;
	uint32		digits = (bits + MAX_DIGIT_BITS - 1) / MAX_DIGIT_BITS;
	uint32		digit_bits = (bits + digits - 1) / digits;
	RecordKey	place = {.mask = PLACE_MASK};
	RecordKey	digit = {.offset = offsetof(Interaction, actor),.mask = (UINT32_C(1) << digit_bits) - 1};
	uint64	   *digit_start = new_row_start(UINT32_C(1) << digit_bits);
	double		plain_multiplier = 1;
	void	   *sorted = record_logs_sort(&rows->logs[ROWS_INTERACTIONS], &rows->logs[ROWS_PLAIN],
										  &plain_multiplier, digit, digit.mask + 1, digit_start,
										  CurrentMemoryContext);

	for (uint32 i = 1; i < digits; i++)
	{
		digit.shift += digit_bits;
		sorted = records_sort(sorted, count, sizeof(Interaction), digit, digit.mask + 1, digit_start,
							  CurrentMemoryContext);
	}
	sweep->interactions = records_sort(sorted, count, sizeof(Interaction), place, place_count, start,
									   CurrentMemoryContext);
	pfree(digit_start);
}

/*
 * Sort the interactions of a partition by place, those of one place by actor
 */
static void
sort_interactions(Sweep *sweep, const Ingest *ingest, RowPartition *rows, uint32 place_count)
{
	uint64	   *start = new_row_start(place_count);
	uint64		count = record_log_count(&rows->logs[ROWS_INTERACTIONS]) + record_log_count(&rows->logs[ROWS_PLAIN]);

	/* by digits takes room for a second copy */
	if (count < MANY_INTERACTIONS || !ingest_has_room(ingest, 2 * count * sizeof(Interaction)))
		sort_few(sweep, rows, place_count, start);
	else
		sort_many(sweep, rows, place_count, count, start);
	sweep->interaction_start = start;
	sweep->interaction_count = start[place_count];
}

/*
 * Sort the rows of a partition
 */
static void
sort_rows(Sweep *sweep, const Ingest *ingest, RowPartition *rows, uint32 place_count)
{
	sort_interactions(sweep, ingest, rows, place_count);
	sweep->anonymous = sort_by_place(&rows->logs[ROWS_ANONYMOUS], place_count, &sweep->anonymous_start);
	sweep->shares = sort_by_place(&rows->logs[ROWS_SHARES], place_count, &sweep->share_start);
	sweep->posts = sort_by_place(&rows->logs[ROWS_POSTS], place_count, &sweep->post_start);
}

/*
 * Room for the edges of a partition: no more than interactions
 */
static void
start_edges(EdgePartition *edges, uint32 place_count, uint64 interaction_count)
{
	memset(edges, 0, sizeof(EdgePartition));
	edges->place_count = place_count;
	edges->row_start = huge_array(CurrentMemoryContext, (uint64) place_count + 1, sizeof(uint64));
	edges->actor = huge_array(CurrentMemoryContext, interaction_count, sizeof(uint32));
	edges->engagement = huge_array(CurrentMemoryContext, interaction_count, sizeof(double));
}

/*
 * Walk over the rows of one partition of a network, which are used up
 *
 * Adds to all of the output; works in the current memory context, which may be
 * reset afterwards.
 */
void
sweep_partition(const Ingest *ingest, int network, uint32 partition, SweepOutput *output)
{
	const Model *model = ingest->model;
	uint32		place_count = partition_places(partition, output->edges->person_count);
	Sweep		sweep = {.model = model,.output = output,.window = model_longest_age(model)};
	RowPartition *rows = &ingest->networks[network].partitions[partition];

	sweep.clocks = clocks_load(output->clocks, partition, place_count);
	load_exchanges(&sweep, partition, place_count);
	sort_rows(&sweep, ingest, rows, place_count);
	start_edges(&sweep.edges, place_count, sweep.interaction_count);
	sweep.first_signal = model->networks[network].first_signal;
	sweep.sums = palloc0(sizeof(SignalSums) * (model->networks[network].signal_count + 1));
	sweep.touched = palloc(sizeof(int) * (model->networks[network].signal_count + 1));

	for (uint32 place = 0; place < place_count; place++)
	{
		CHECK_FOR_INTERRUPTS();
		sweep.place = place;
		sweep.person = next_person(output->people);
		sweep.person->person = person_at(partition, place);
		sweep.person->network = network;
		sweep_interactions(&sweep, place);
		sweep_anonymous(&sweep, place);
		sweep_post_events(&sweep, place);
		if (sweep.touched_count > 0)
		{
			finish_signals(&sweep, output->signal_counts);
			output->people->count++;
		}
	}
	sweep.edges.row_start[place_count] = sweep.edges.edge_count;
	edges_add(output->edges, partition, &sweep.edges);
}
