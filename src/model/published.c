/*
 * What the score views hold of one person, for a caller who may read them.
 *
 * All of it comes from one query, which locks the views before it reads any, so
 * that a refresh in between cannot mix old rows with new ones.
 */
#include "compat.h"

#include "access/table.h"
#include "catalog/pg_type_d.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/rel.h"

#include "model/published.h"
#include "model/reading.h"

static const ReadRelation read_relations[] = {
	{"scores", "user_id score"},
	{"network_scores", "user_id network points audience engagement true_reach amplification network_influence authority "
		"audience_points engagement_points true_reach_points amplification_points network_influence_points "
	"authority_points"},
	{"signals", "user_id network kind count decayed_value"}
};

/* Columns of the query: these, then the measures, then their points */
enum
{
	COLUMN_SCORE = 1,
	COLUMN_NETWORK,
	COLUMN_POINTS,
	COLUMN_KIND,
	COLUMN_COUNT,
	COLUMN_DECAYED_VALUE,
	COLUMN_FIRST_MEASURE
};

#define FLOAT8_OF(column) column "::pg_catalog.float8"

/*
 * A row for each signal of each network, one for a network without any; %s: schema,
 * id type. The casts do nothing, but for views that somebody has put in the place of
 * ours.
 */
#define PERSON_QUERY \
	"SELECT " FLOAT8_OF("s.score") ", n.network::pg_catalog.text, " FLOAT8_OF("n.points") ", " \
	"g.kind::pg_catalog.text, " FLOAT8_OF("g.count") ", " FLOAT8_OF("g.decayed_value") ", " \
	FLOAT8_OF("n.engagement") ", " FLOAT8_OF("n.true_reach") ", " FLOAT8_OF("n.audience") ", " \
	FLOAT8_OF("n.amplification") ", " FLOAT8_OF("n.network_influence") ", " FLOAT8_OF("n.authority") ", " \
	FLOAT8_OF("n.engagement_points") ", " FLOAT8_OF("n.true_reach_points") ", " \
	FLOAT8_OF("n.audience_points") ", " FLOAT8_OF("n.amplification_points") ", " \
	FLOAT8_OF("n.network_influence_points") ", " FLOAT8_OF("n.authority_points") " " \
	"FROM %1$s.scores AS s " \
	"JOIN %1$s.network_scores AS n ON n.user_id OPERATOR(pg_catalog.=) s.user_id " \
	"LEFT JOIN %1$s.signals AS g ON g.user_id OPERATOR(pg_catalog.=) n.user_id " \
	"AND g.network OPERATOR(pg_catalog.=) n.network " \
	"WHERE s.user_id OPERATOR(pg_catalog.=) $1::%2$s AND n.network IS NOT NULL " \
	"ORDER BY n.network COLLATE \"C\", g.kind COLLATE \"C\""

static double
float_at(uint64 row, int column)
{
	bool		isnull;
	Datum		value = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, &isnull);

	return isnull ? 0 : DatumGetFloat8(value);
}

/*
 * A text column in context; NULL for NULL
 */
static char *
text_at(uint64 row, int column, MemoryContext context)
{
	char	   *value = SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column);

	return value == NULL ? NULL : MemoryContextStrdup(context, value);
}

/*
 * Start the network of a row
 */
static void
add_network(PublishedPerson *person, uint64 row, MemoryContext context)
{
	PublishedNetwork *network = &person->networks[person->network_count++];

	network->name = text_at(row, COLUMN_NETWORK, context);
	network->points = float_at(row, COLUMN_POINTS);
	for (int i = 0; i < MEASURE_COUNT; i++)
	{
		network->value[i] = float_at(row, COLUMN_FIRST_MEASURE + i);
		network->measure_points[i] = float_at(row, COLUMN_FIRST_MEASURE + MEASURE_COUNT + i);
	}
	/* no more than there are rows left */
	network->signals = MemoryContextAllocZero(context, sizeof(PublishedSignal) * (SPI_processed - row));
}

static void
add_signal(PublishedNetwork *network, uint64 row, MemoryContext context)
{
	char	   *kind = text_at(row, COLUMN_KIND, context);
	PublishedSignal *signal;

	if (kind == NULL)
		return;
	signal = &network->signals[network->signal_count++];
	signal->kind = kind;
	signal->count = float_at(row, COLUMN_COUNT);
	signal->decayed_value = float_at(row, COLUMN_DECAYED_VALUE);
}

/*
 * The rows of SPI_tuptable as a person in context; NULL when there are none
 */
static PublishedPerson *
collect_person(MemoryContext context)
{
	PublishedPerson *person;

	if (SPI_processed == 0)
		return NULL;
	person = MemoryContextAllocZero(context, sizeof(PublishedPerson));
	person->networks = MemoryContextAllocZero(context, sizeof(PublishedNetwork) * SPI_processed);
	person->score = float_at(0, COLUMN_SCORE);
	for (uint64 row = 0; row < SPI_processed; row++)
	{
		char	   *name = text_at(row, COLUMN_NETWORK, CurrentMemoryContext);

		if (published_network(person, name) == NULL)
			add_network(person, row, context);
		add_signal(published_network(person, name), row, context);
	}
	return person;
}

/*
 * Read a person by the id as text; NULL for NULL and for somebody with no score
 *
 * Errors: 42501 without SELECT on the views, 55000 before the first refresh, and
 * that of the id type's input. The result is in the current memory context.
 */
PublishedPerson *
published_load(const ModelRef *ref, const char *user_id)
{
	MemoryContext context = CurrentMemoryContext;
	Relation	scores = table_open(ref->scores, AccessShareLock);
	Oid			types[1] = {TEXTOID};
	Datum		values[1];
	char		nulls[1];
	PublishedPerson *person;
	OwnerContext saved;
	int			result;

	model_check_refreshed(ref, scores);
	table_close(scores, NoLock);
	values[0] = user_id == NULL ? (Datum) 0 : CStringGetTextDatum(user_id);
	nulls[0] = user_id == NULL ? 'n' : ' ';
	reading_enter(&saved, ref, read_relations, lengthof(read_relations));
	SPI_connect();
	result = SPI_execute_with_args(psprintf(PERSON_QUERY, quote_identifier(ref->schema),
											format_type_be_qualified(ref->id_type)),
								   1, types, values, nulls, true, 0);
	if (result != SPI_OK_SELECT)
		elog(ERROR, "reading the score views failed: %s", SPI_result_code_string(result));
	person = collect_person(context);
	SPI_finish();
	owner_leave(&saved);
	return person;
}

/*
 * Find the person's networks and signals in the model's configuration
 */
void
published_bind(PublishedPerson *person, const Model *model)
{
	for (int i = 0; i < person->network_count; i++)
	{
		PublishedNetwork *network = &person->networks[i];

		for (int j = 0; j < model->network_count; j++)
			if (strcmp(model->networks[j].name, network->name) == 0)
				network->network = &model->networks[j];
		if (network->network == NULL)
			continue;
		for (int j = 0; j < network->signal_count; j++)
			for (int k = 0; k < model->signal_count; k++)
				if (&model->networks[model->signals[k].network] == network->network &&
					strcmp(model->signals[k].kind, network->signals[j].kind) == 0)
					network->signals[j].signal = &model->signals[k];
	}
}

/*
 * The person's row of a network by its name; NULL when there is none
 */
PublishedNetwork *
published_network(PublishedPerson *person, const char *name)
{
	for (int i = 0; i < person->network_count; i++)
		if (strcmp(person->networks[i].name, name) == 0)
			return &person->networks[i];
	return NULL;
}

/*
 * People in the audience of one kind of follow
 *
 * The audience is published as a whole. It is split by the counts of its kinds,
 * as if the trust of followers were the same for all kinds; with one kind that is
 * exact.
 */
double
published_audience(const PublishedNetwork *network, const Signal *signal)
{
	double		all = 0;
	double		of_kind = 0;

	for (int i = 0; i < network->signal_count; i++)
	{
		const PublishedSignal *row = &network->signals[i];

		if (row->signal == NULL || row->signal->role != ROLE_FOLLOW)
			continue;
		all += row->count;
		if (row->signal == signal)
			of_kind = row->count;
	}
	return all > 0 ? network->value[MEASURE_AUDIENCE] * of_kind / all : 0;
}

/*
 * Decayed number of posts, each row taken for a post of its own
 */
double
published_posts(const PublishedNetwork *network)
{
	double		posts = 0;

	for (int i = 0; i < network->signal_count; i++)
	{
		const PublishedSignal *row = &network->signals[i];

		if (row->signal != NULL && row->signal->role == ROLE_POST && row->signal->weight > 0)
			posts += row->decayed_value / row->signal->weight;
	}
	return posts;
}
