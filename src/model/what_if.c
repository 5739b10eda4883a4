/*
 * influence_what_if: what so many more interactions of a kind would do to a score.
 */
#include "compat.h"

#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"

#include "model/forecast.h"

#define WHAT_IF_COLUMNS 7

/*
 * Error 22023 naming the kinds or networks that there are
 */
pg_noreturn static void
report_unknown(const Model *model, const char *network, const char *kind)
{
	StringInfoData names;
	bool		known = false;

	for (int i = 0; i < model->network_count; i++)
		known = known || strcmp(model->networks[i].name, network) == 0;
	initStringInfo(&names);
	if (!known)
	{
		for (int i = 0; i < model->network_count; i++)
			appendStringInfo(&names, "%s%s", i > 0 ? ", " : "", model->networks[i].name);
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("model \"%s\" has no network \"%s\"", model->ref.name, network),
				 errhint("Its networks are: %s.", names.len > 0 ? names.data : "none")));
	}
	for (int i = 0; i < model->signal_count; i++)
		if (strcmp(model->networks[model->signals[i].network].name, network) == 0)
			appendStringInfo(&names, "%s%s", names.len > 0 ? ", " : "", model->signals[i].kind);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("model \"%s\" has no signal for kind \"%s\" on network \"%s\"", model->ref.name, kind, network),
			 errhint("The kinds of that network are: %s.", names.len > 0 ? names.data : "none")));
}

/*
 * The signal of a kind on a network; error 22023 when there is none
 */
static const Signal *
find_signal(const Model *model, const char *network, const char *kind)
{
	for (int i = 0; i < model->signal_count; i++)
		if (strcmp(model->signals[i].kind, kind) == 0 &&
			strcmp(model->networks[model->signals[i].network].name, network) == 0)
			return &model->signals[i];
	report_unknown(model, network, kind);
}

static Datum
tier_datum(const Model *model, double score)
{
	return CStringGetTextDatum(tier_in_ranges(model->tiers, model->tier_count, score));
}

/*
 * A text argument, NULL for NULL
 */
static char *
text_argument(FunctionCallInfo fcinfo, int number)
{
	return PG_ARGISNULL(number) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(number));
}

PG_FUNCTION_INFO_V1(influence_what_if);

/*
 * influence_what_if(user_id text, kind text, network text, count int, model text):
 * one row, none for somebody with no score
 *
 * Errors: 22004 for a NULL, 22023 for a negative count and an unknown network or
 * kind, 55000 before the first refresh.
 */
Datum
influence_what_if(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Datum		values[WHAT_IF_COLUMNS];
	bool		nulls[WHAT_IF_COLUMNS] = {false};
	Forecast	forecast;
	const Signal *signal;
	Standing	standing;
	Outcome		then;

	InitMaterializedSRF(fcinfo, 0);
	if (PG_ARGISNULL(1) || PG_ARGISNULL(2) || PG_ARGISNULL(3))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("kind, network and count must not be NULL")));
	if (PG_GETARG_INT32(3) < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("count must not be negative, but is %d", PG_GETARG_INT32(3)),
				 errhint("Give the number of further interactions.")));
	forecast_begin(&forecast, text_argument(fcinfo, 0), text_argument(fcinfo, 4));
	signal = find_signal(forecast.model, text_argument(fcinfo, 2), text_argument(fcinfo, 1));
	if (forecast.person == NULL)
		return (Datum) 0;

	standing = forecast_standing(&forecast, signal);
	then = forecast_outcome(&forecast, signal, &standing, PG_GETARG_INT32(3));
	values[0] = Float8GetDatum(forecast.person->score);
	values[1] = Float8GetDatum(then.score);
	values[2] = Float8GetDatum(then.score - forecast.person->score);
	values[3] = tier_datum(forecast.model, forecast.person->score);
	values[4] = tier_datum(forecast.model, then.score);
	values[5] = Float8GetDatum(forecast.raw);
	values[6] = Float8GetDatum(then.raw);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	return (Datum) 0;
}
