/*
 * Loads a model's configuration for one refresh.
 *
 * The configuration is in plain tables that an administrator may UPDATE, so
 * it is read anew each time. Runs with the rights and the pinned search_path
 * of the refresh; row-level security shows an owner just its own models.
 */
#include "compat.h"

#include <math.h>

#include "catalog/pg_type_d.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "duration.h"
#include "model/model.h"

/*
 * Run a query with the model's name as $1; the rows are in SPI_tuptable
 */
static void
select_rows(const char *sql, const char *model)
{
	Oid			types[1] = {TEXTOID};
	Datum		values[1];
	int			result;

	values[0] = CStringGetTextDatum(model);
	result = SPI_execute_with_args(sql, 1, types, values, NULL, true, 0);
	if (result != SPI_OK_SELECT)
		elog(ERROR, "reading the configuration failed: %s", SPI_result_code_string(result));
}

/*
 * One column of row number "row"; by name, so that the order does not matter
 */
static Datum
column(uint64 row, const char *name, bool *isnull)
{
	TupleDesc	desc = SPI_tuptable->tupdesc;
	int			attnum = SPI_fnumber(desc, name);

	/* the library is newer than the SQL in this database */
	if (attnum <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column \"%s\" is missing in the tables of the schema influence", name),
				 errhint("ALTER EXTENSION influence UPDATE;")));
	return SPI_getbinval(SPI_tuptable->vals[row], desc, attnum, isnull);
}

/*
 * A text column as a C string in context, NULL for NULL
 */
static char *
text_column(uint64 row, const char *name, MemoryContext context)
{
	bool		isnull;
	Datum		value = column(row, name, &isnull);
	char	   *result;
	MemoryContext old;

	if (isnull)
		return NULL;
	old = MemoryContextSwitchTo(context);
	result = TextDatumGetCString(value);
	MemoryContextSwitchTo(old);
	return result;
}

static double
float_column(uint64 row, const char *name)
{
	bool		isnull;
	Datum		value = column(row, name, &isnull);

	return isnull ? 0 : DatumGetFloat8(value);
}

/*
 * A column that a later version has added: 0 while the SQL is older than the library
 */
static double
later_float_column(uint64 row, const char *name)
{
	return SPI_fnumber(SPI_tuptable->tupdesc, name) <= 0 ? 0 : float_column(row, name);
}

static bool
bool_column(uint64 row, const char *name)
{
	bool		isnull;
	Datum		value = column(row, name, &isnull);

	return !isnull && DatumGetBool(value);
}

/*
 * An interval in microseconds, 0 for NULL (which the columns use for "none")
 */
static double
interval_column(uint64 row, const char *name)
{
	bool		isnull;
	Datum		value = column(row, name, &isnull);

	return isnull ? 0 : interval_to_usec(DatumGetIntervalP(value));
}

/*
 * The inactivity policy by its name; the table's CHECK allows no other
 */
static InactivityPolicy
inactivity_policy_from_name(const char *name)
{
	if (strcmp(name, "grace") == 0)
		return INACTIVITY_GRACE;
	return strcmp(name, "freeze") == 0 ? INACTIVITY_FREEZE : INACTIVITY_DECAY;
}

/*
 * Options of the model itself
 */
static void
load_options(Model *model)
{
	static const char *const weight_columns[MEASURE_COUNT] = {
		"engagement_weight", "true_reach_weight", "audience_weight",
		"amplification_weight", "network_influence_weight", "authority_weight"
	};
	bool		isnull;
	Datum		published;

	select_rows("SELECT *, bad_row_policy OPERATOR(pg_catalog.=) 'error' AS bad_rows_fail, "
				"sentiment_policy OPERATOR(pg_catalog.=) 'ignore' AS ignore_sentiment, "
				"calibration_policy OPERATOR(pg_catalog.=) 'each_refresh' AS calibrate_each_refresh, "
				"opted_out_actors OPERATOR(pg_catalog.=) 'anonymous' AS hidden_actors_count "
				"FROM influence.models WHERE model OPERATOR(pg_catalog.=) $1",
				model->ref.name);
	if (SPI_processed != 1)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("model \"%s\" does not exist", model->ref.name)));

	model->time_window = interval_column(0, "time_window");
	model->clock_skew = interval_column(0, "clock_skew");
	model->inactivity_policy =
		inactivity_policy_from_name(text_column(0, "inactivity_policy", CurrentMemoryContext));
	model->grace_period = interval_column(0, "grace_period");
	model->bad_rows_fail = bool_column(0, "bad_rows_fail");
	model->ignore_sentiment = bool_column(0, "ignore_sentiment");
	model->hidden_actors_count = bool_column(0, "hidden_actors_count");
	model->reach_half_life = interval_column(0, "reach_half_life");
	model->reciprocity_discount = float_column(0, "reciprocity_discount");
	model->selectivity_rate = float_column(0, "selectivity_rate");
	model->trading_discount = later_float_column(0, "trading_discount");
	model->anonymous_reach = float_column(0, "anonymous_reach");
	model->damping = float_column(0, "damping");
	model->max_iterations = DatumGetInt32(column(0, "max_iterations", &isnull));
	model->tolerance = float_column(0, "tolerance");
	for (int i = 0; i < MEASURE_COUNT; i++)
		model->measure_weight[i] = float_column(0, weight_columns[i]);
	model->target_mean = float_column(0, "target_mean");
	model->target_p95 = float_column(0, "target_p95");
	model->calibrate_each_refresh = bool_column(0, "calibrate_each_refresh");
	model->closing_delay = interval_column(0, "closing_delay");
	model->max_daily_gain = float_column(0, "max_daily_gain");
	model->history_retention = interval_column(0, "history_retention");

	published = column(0, "published_as_of", &isnull);
	model->published_as_of = isnull ? DT_NOBEGIN : DatumGetTimestampTz(published);
}

static void
load_networks(Model *model, MemoryContext context)
{
	select_rows("SELECT * FROM influence.networks WHERE model OPERATOR(pg_catalog.=) $1 "
				"ORDER BY network COLLATE \"C\"", model->ref.name);
	model->network_count = (int) SPI_processed;
	model->networks = MemoryContextAllocZero(context, sizeof(Network) * (SPI_processed + 1));
	for (int i = 0; i < model->network_count; i++)
	{
		model->networks[i].name = text_column(i, "network", context);
		model->networks[i].weight = float_column(i, "weight");
		model->networks[i].prior_shares = float_column(i, "prior_shares");
		model->networks[i].prior_posts = float_column(i, "prior_posts");
	}
}

/*
 * Tiers of the model, those of everybody when it has none of its own
 */
static void
load_tiers(Model *model, MemoryContext context)
{
	size_t		count;
	const ScoreRange *defaults = tier_defaults(&count);

	select_rows("SELECT * FROM influence.tiers WHERE model OPERATOR(pg_catalog.=) $1 "
				"ORDER BY min_score DESC", model->ref.name);
	model->tier_count = SPI_processed > 0 ? (int) SPI_processed : (int) count;
	model->tiers = MemoryContextAlloc(context, sizeof(ScoreRange) * model->tier_count);
	if (SPI_processed == 0)
	{
		memcpy(model->tiers, defaults, sizeof(ScoreRange) * count);
		return;
	}
	for (int i = 0; i < model->tier_count; i++)
	{
		model->tiers[i].name = text_column(i, "tier", context);
		model->tiers[i].from = float_column(i, "min_score");
	}
	/* a trigger sees to that, but triggers can be switched off */
	if (model->tiers[model->tier_count - 1].from > 1)
		ereport(ERROR,
				(errcode(ERRCODE_CHECK_VIOLATION),
				 errmsg("no tier of model \"%s\" starts at 1, the lowest at %g",
						model->ref.name, model->tiers[model->tier_count - 1].from),
				 errhint("UPDATE influence.tiers so that the lowest min_score is 1.")));
}

/*
 * The role of a signal by its name; the table's CHECK allows no other
 */
static SignalRole
role_from_name(const char *name)
{
	static const struct
	{
		const char *name;
		SignalRole	role;
	}			roles[] = {
		{"reaction", ROLE_REACTION},
		{"share", ROLE_SHARE},
		{"follow", ROLE_FOLLOW},
		{"post", ROLE_POST},
		{"authority", ROLE_AUTHORITY},
		{"endorsement", ROLE_ENDORSEMENT}
	};

	for (int i = 0; i < (int) lengthof(roles); i++)
		if (strcmp(roles[i].name, name) == 0)
			return roles[i].role;
	elog(ERROR, "unknown role \"%s\"", name);
}

static int
network_index(const Model *model, const char *name)
{
	for (int i = 0; i < model->network_count; i++)
		if (strcmp(model->networks[i].name, name) == 0)
			return i;
	elog(ERROR, "unknown network \"%s\"", name);
}

static void
load_signals(Model *model, MemoryContext context)
{
	select_rows("SELECT * FROM influence.signals WHERE model OPERATOR(pg_catalog.=) $1 "
				"ORDER BY network COLLATE \"C\", kind COLLATE \"C\"", model->ref.name);
	model->signal_count = (int) SPI_processed;
	model->signals = MemoryContextAllocZero(context, sizeof(Signal) * (SPI_processed + 1));
	for (int i = 0; i < model->signal_count; i++)
	{
		Signal	   *signal = &model->signals[i];

		signal->kind = text_column(i, "kind", context);
		signal->network = network_index(model, text_column(i, "network", CurrentMemoryContext));
		if (model->networks[signal->network].signal_count++ == 0)
			model->networks[signal->network].first_signal = i;
		signal->role = role_from_name(text_column(i, "role", CurrentMemoryContext));
		signal->weight = float_column(i, "weight");
		signal->half_life = interval_column(i, "half_life");
		if (signal->half_life == 0)
			signal->half_life = INFINITY;
		signal->polarity = float_column(i, "polarity");
		signal->conversational = bool_column(i, "conversational");
		if (role_is_engaging(signal->role) && !signal->conversational)
			signal->tradable_amount = (uint32) rint(1000 * signal->weight);
	}
}

/*
 * Refuse a source of a network that the model does not have (22023): none of its
 * rows would count, and everybody would be gone from the scores
 *
 * A trigger refuses to write such a row, but nothing keeps a network from being
 * deleted later.
 */
static void
check_network(const Model *model, const Source *source)
{
	StringInfoData names;

	if (source->network == NULL)
		return;
	initStringInfo(&names);
	for (int i = 0; i < model->network_count; i++)
	{
		if (strcmp(model->networks[i].name, source->network) == 0)
			return;
		appendStringInfo(&names, "%s%s", names.len > 0 ? ", " : "", model->networks[i].name);
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("source \"%s\" of model \"%s\" is of network \"%s\", which the model does not have",
					source->name, model->ref.name, source->network),
			 errhint("The networks of the model are: %s. Add this one to influence.networks and influence.signals, "
					 "correct the source in influence.sources, or remove it with influence_remove_source().",
					 names.len > 0 ? names.data : "none")));
}

static void
load_sources(Model *model, MemoryContext context)
{
	select_rows("SELECT *, relation::oid AS relation_oid FROM influence.sources "
				"WHERE model OPERATOR(pg_catalog.=) $1 ORDER BY source COLLATE \"C\"", model->ref.name);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		Source	   *source = MemoryContextAllocZero(context, sizeof(Source));
		bool		isnull;
		MemoryContext old;

		source->number = (int) i;
		source->name = text_column(i, "source", context);
		source->relation = DatumGetObjectId(column(i, "relation_oid", &isnull));
		source->relation_name = text_column(i, "relation_name", context);
		source->actor = text_column(i, "actor", context);
		source->target = text_column(i, "target", context);
		source->occurred_at = text_column(i, "occurred_at", context);
		source->kind = text_column(i, "kind", context);
		source->network = text_column(i, "network", context);
		source->kind_column = text_column(i, "kind_column", context);
		source->network_column = text_column(i, "network_column", context);
		source->post = text_column(i, "post", context);
		source->weight = text_column(i, "weight", context);
		source->sentiment = text_column(i, "sentiment", context);
		source->filter = text_column(i, "filter", context);
		source->incremental = bool_column(i, "incremental");
		source->by_account = bool_column(i, "by_account");
		check_network(model, source);

		old = MemoryContextSwitchTo(context);
		model->sources = lappend(model->sources, source);
		MemoryContextSwitchTo(old);
	}
}

static void
load_accounts(Model *model, MemoryContext context)
{
	bool		isnull;

	select_rows("SELECT *, relation::oid AS relation_oid FROM influence.accounts "
				"WHERE model OPERATOR(pg_catalog.=) $1", model->ref.name);
	if (SPI_processed == 0)
		return;
	model->accounts = MemoryContextAllocZero(context, sizeof(Accounts));
	model->accounts->relation = DatumGetObjectId(column(0, "relation_oid", &isnull));
	model->accounts->relation_name = text_column(0, "relation_name", context);
	model->accounts->user_id = text_column(0, "user_id", context);
	model->accounts->network = text_column(0, "network", context);
	model->accounts->account_id = text_column(0, "account_id", context);
	model->accounts->filter = text_column(0, "filter", context);
}

/*
 * A bytea column of a row; *size is set
 */
static const uint8 *
bytes_column(uint64 row, const char *name, Size *size)
{
	bool		isnull;
	bytea	   *value = DatumGetByteaPP(column(row, name, &isnull));

	*size = VARSIZE_ANY_EXHDR(value);
	return (const uint8 *) VARDATA_ANY(value);
}

/*
 * What people chose; model->privacy is in context
 */
static void
load_privacy(Model *model, MemoryContext context)
{
	MemoryContext old;
	const uint8 *bytes;
	Size		size;

	select_rows("SELECT scored_only, id_salt FROM influence.models "
				"WHERE model OPERATOR(pg_catalog.=) $1", model->ref.name);
	bytes = bytes_column(0, "id_salt", &size);
	old = MemoryContextSwitchTo(context);
	model->privacy = privacy_create(bytes, size, bool_column(0, "scored_only"));
	MemoryContextSwitchTo(old);

	select_rows("SELECT user_hash, choice OPERATOR(pg_catalog.<>) 'opted_in' AS hidden "
				"FROM influence.privacy_choices WHERE model OPERATOR(pg_catalog.=) $1", model->ref.name);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		bytes = bytes_column(i, "user_hash", &size);
		privacy_add(model->privacy, bytes, size, bool_column(i, "hidden"));
	}
}

/*
 * Load what the formula needs, and nothing about where rows come from
 */
Model *
config_load_formula(const ModelRef *ref)
{
	MemoryContext context = CurrentMemoryContext;
	Model	   *model = palloc0(sizeof(Model));

	model->ref = *ref;
	model->owner = model_owner(ref);

	SPI_connect();
	load_options(model);
	load_networks(model, context);
	load_signals(model, context);
	load_tiers(model, context);
	SPI_finish();
	return model;
}

/*
 * Load where people's accounts are and what people chose, and nothing else
 */
Model *
config_load_people(const ModelRef *ref)
{
	MemoryContext context = CurrentMemoryContext;
	Model	   *model = palloc0(sizeof(Model));

	model->ref = *ref;
	SPI_connect();
	load_accounts(model, context);
	load_privacy(model, context);
	SPI_finish();
	return model;
}

/*
 * Load everything that a refresh of the model needs, into the current context
 */
Model *
config_load(const ModelRef *ref)
{
	MemoryContext context = CurrentMemoryContext;
	Model	   *model = config_load_formula(ref);

	SPI_connect();
	load_sources(model, context);
	load_accounts(model, context);
	load_privacy(model, context);
	SPI_finish();
	return model;
}
