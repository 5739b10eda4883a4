/*
 * Forecasts: the score of a person after more interactions.
 *
 * A forecast starts from what is published, changes the measures of one network
 * by the formula (scoring.c) and reads the new score off the stored map:
 *
 *   mass of the person   from the score, by the map backwards; a network's part
 *                        is its part of the points
 *   change of z          the terms of the new measures less those of the old ones
 *   new mass             (1 + mass of the network) * (exp(change of z) - 1) more
 *
 * so that nothing changes exactly when nothing happens, whatever was rounded or
 * edited since the refresh. Assumed of each interaction: it happens at the moment
 * that was published, about one post, with a row weight of 1 and the sentiment of
 * its kind, by a new person of full trust who engages nobody else. Everybody else
 * and the map stay as they are.
 */
#include "compat.h"

#include <math.h>

#include "math/amplification.h"
#include "math/calibration.h"
#include "math/log1p.h"
#include "model/calibration_store.h"
#include "model/forecast.h"
#include "model/owner.h"

/* Above this percentage lambda is too coarse in what is shown, and taken from points */
#define COARSE_AMPLIFICATION	99.0

/*
 * Read the person for the caller, then the configuration as the owner
 */
void
forecast_begin(Forecast *forecast, const char *user_id, const char *model)
{
	ModelRef   *ref = model_resolve(model);
	Oid			owner = model_owner(ref);
	OwnerContext saved;

	forecast->person = published_load(ref, user_id);
	owner_enter(&saved, owner);
	forecast->model = config_load_formula(ref);
	forecast->map = calibration_load(forecast->model);
	owner_leave(&saved);
	if (forecast->person == NULL)
		return;

	published_bind(forecast->person, forecast->model);
	if (forecast->map == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("model \"%s\" has no calibration yet", ref->name),
				 errhint("The first refresh that sees anybody with influence makes one.")));
	forecast->raw = calibration_raw(forecast->map->raw, forecast->map->score,
									forecast->map->knot_count, forecast->person->score);
	forecast->mass = expm1(forecast->raw);
}

/*
 * Rate lambda of amplification behind the percentage that is shown
 *
 * Close to 100 % the digits are gone; the points, as a part of z, still have them.
 */
static double
amplification_rate(const Forecast *forecast, const PublishedNetwork *published, double z)
{
	double		shown = published->value[MEASURE_AMPLIFICATION];
	double		weight = forecast->model->measure_weight[MEASURE_AMPLIFICATION];

	if (shown < COARSE_AMPLIFICATION)
		return -log1p(-shown / 100);
	if (weight == 0 || published->points == 0)
		return -log1p(-COARSE_AMPLIFICATION / 100);	/* it has no effect */
	return expm1(z * published->measure_points[MEASURE_AMPLIFICATION] / published->points / weight);
}

/*
 * A network of the person, before interactions of the signal
 *
 * A network that the person is not on yet has nothing. Of the audience, the term
 * of the signal's kind is enough: the others do not change.
 */
Standing
forecast_standing(const Forecast *forecast, const Signal *signal)
{
	const Network *network = &forecast->model->networks[signal->network];
	const PublishedNetwork *published = published_network(forecast->person, network->name);
	Standing	standing = {0};
	double		shown;

	standing.measures.network = signal->network;
	if (published == NULL)
		return standing;
	if (network->weight > 0 && forecast->person->score > CALIBRATION_MIN_SCORE)
		standing.mass = forecast->mass / network->weight *
			published->points / (forecast->person->score - CALIBRATION_MIN_SCORE);
	standing.posts = published_posts(published);
	standing.audience = published_audience(published, signal);

	for (int i = 0; i < MEASURE_COUNT; i++)
		standing.measures.value[i] = published->value[i];
	standing.measures.value[MEASURE_AMPLIFICATION] =
		amplification_rate(forecast, published, fast_log1p(standing.mass));
	shown = published->value[MEASURE_NETWORK_INFLUENCE];
	standing.measures.value[MEASURE_NETWORK_INFLUENCE] = shown / Max(100 - shown, 1e-9);
	standing.measures.audience_term = signal->weight * fast_log1p(standing.audience);
	return standing;
}

/*
 * Amplification after so many more shares and posts
 */
static double
amplification_after(const Network *network, const Standing *standing, double shares, double posts)
{
	bool		fitted = network->prior_posts > 0;
	double		a = fitted ? network->prior_shares : AMPLIFICATION_PRIOR_SHARES;
	double		b = fitted ? network->prior_posts : AMPLIFICATION_PRIOR_POSTS;
	double		rate = standing->measures.value[MEASURE_AMPLIFICATION];
	double		shares_before = rate > 0 ? rate * (standing->posts + b) : 0;	/* with a */

	if (shares_before == 0 && shares == 0)
		return 0;
	return ((shares_before > 0 ? shares_before : a) + shares) / (standing->posts + posts + b);
}

/*
 * What reactions add, each from a new person
 *
 * Such a person has no rank but that of the teleport, at least 1 - damping of an
 * average one, and hands damping of it to the only person engaged.
 */
static void
add_reactions(const Model *model, const Signal *signal, double sentiment, double count,
			  PersonNetwork *measures)
{
	double		value = signal->weight * (1 + Min(sentiment, 0));

	measures->value[MEASURE_ENGAGEMENT] += count * fast_log1p(value);
	if (value > 0)
		measures->value[MEASURE_NETWORK_INFLUENCE] += count * model->damping * (1 - model->damping);
	if (sentiment >= 0)
		measures->value[MEASURE_TRUE_REACH] += count;
}

/*
 * The measures of a network after so many more interactions
 */
static PersonNetwork
measures_after(const Forecast *forecast, const Signal *signal, const Standing *standing, double count)
{
	const Model *model = forecast->model;
	const Network *network = &model->networks[signal->network];
	double		sentiment = model->ignore_sentiment ? 0 : signal->polarity;
	PersonNetwork after = standing->measures;

	if (count == 0 || signal->weight == 0)
		return after;
	if (role_is_engaging(signal->role))
		add_reactions(model, signal, sentiment, count, &after);
	if (signal->role == ROLE_SHARE && sentiment >= 0)
		after.value[MEASURE_AMPLIFICATION] = amplification_after(network, standing, count, 0);
	if (signal->role == ROLE_POST)
		after.value[MEASURE_AMPLIFICATION] = amplification_after(network, standing, 0, count);
	if (signal->role == ROLE_FOLLOW && sentiment >= 0)
		after.audience_term = signal->weight * fast_log1p(standing->audience + count);
	if (signal->role == ROLE_AUTHORITY)
		after.value[MEASURE_AUTHORITY] += count * signal->weight * (1 + Min(sentiment, 0));
	return after;
}

/*
 * Score after so many more interactions
 */
Outcome
forecast_outcome(const Forecast *forecast, const Signal *signal, const Standing *standing, double count)
{
	const Calibration *map = forecast->map;
	PersonNetwork after = measures_after(forecast, signal, standing, count);
	double		change = scores_network_sum(forecast->model, &after) -
		scores_network_sum(forecast->model, &standing->measures);
	double		more = forecast->model->networks[signal->network].weight *
		(1 + standing->mass) * expm1(change);
	Outcome		outcome = {forecast->raw, forecast->person->score};
	double		score;

	if (more == 0)
		return outcome;
	outcome.raw += log1p(Max(more, -forecast->mass) / (1 + forecast->mass));
	score = calibration_score(map->raw, map->score, map->knot_count, outcome.raw);
	outcome.score = more > 0 ? Max(outcome.score, score) : Min(outcome.score, score);
	return outcome;
}
