/*
 * Learning the weights of measures from pairs of people.
 *
 * The model is that of R. A. Bradley and M. E. Terry ("Rank Analysis of
 * Incomplete Block Designs", 1952): a is judged more influential than b with
 * probability logistic(u_a - u_b). Utilities are structured (A. Springall 1973):
 * u = slope * raw, with raw as the score has it. On one network of weight 1 raw
 * is linear in the weights, and this is logistic regression on the differences
 * of the terms, without an intercept. On several it is not, and the exact
 * gradient is used.
 *
 * Scale. Only slope * weight shows in such judgements, so the weights but that
 * of authority sum to 1 and the slope is a number of its own. With theta =
 * slope * weight, and the slope s as the sum of theta over those weights,
 *
 *     u(theta) = s * raw(theta / s)
 *
 * is homogeneous of degree 1: theta' grad u = u, which logistic_fit() builds on.
 *
 * Penalty. The weights are pulled towards the current ones, not towards 0, so
 * that few judgements change little and a measure that says nothing keeps its
 * weight: lambda / 2 * sum of v_c (theta_c - s * current_c)^2, v_c the mean
 * square of the difference of term c (so that units do not matter). Lambda has
 * the least cross-validated log-loss (T. Hastie et al., "The Elements of
 * Statistical Learning", 2nd ed., 3.4.1 and 7.10). The slope has a weak prior
 * of its own, LOGISTIC_PRIOR_DEVIATION, so that separable pairs do not drive it
 * to infinity.
 *
 * Terms in which no pair differs are left alone: they keep their current weights,
 * and the others share what these leave of 1.
 */
#include "math/learning.h"

#include <math.h>
#include <string.h>

#include "math/log1p.h"
#include "math/logistic.h"

/* From the current weights and next to nothing else to next to no pull */
static const double lambdas[] = {10.0, 3.0, 1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001, 0.0003, 0.0001};

#define LAMBDA_COUNT	((int) (sizeof(lambdas) / sizeof(lambdas[0])))

/* Log-losses nearer than this are equal, and the larger lambda wins */
#define LOSS_NOISE		1e-12

/* A mean square difference of terms below this is rounding */
#define LEAST_VARIATION 1e-16

/* Differences and log-odds nearer to 0 than this are ties, as where people are ranked */
#define RAW_NOISE		1e-10

/* Above this exponents are taken relative to the largest */
#define LARGE_EXPONENT	30.0

#define CHECK_INTERVAL	1024

/* What is worked out once */
typedef struct Setup
{
	const LearningProblem *problem;
	double		centre[LEARNING_TERMS]; /* current weights, summing to 1 */
	int			active[LEARNING_TERMS]; /* terms that are learned */
	int			active_count;
	double		variation[LEARNING_TERMS];	/* v, by term */
	double		in_sum[LEARNING_TERMS]; /* s = in_sum . theta, by term */
	double		typical;		/* mean v of the active terms */
	double		judgements;		/* their sum */

	/* scratch */
	double	   *x;				/* pair_count rows of up to LEARNING_TERMS */
	double	   *gradient;		/* people rows of LEARNING_TERMS */
	double	   *training;		/* judgements that are not held out, by pair */
} Setup;

/* raw of a person, and its derivatives by the weights */
typedef struct RawGradient
{
	double		raw;
	double		by_weight[LEARNING_TERMS];
} RawGradient;

static double
weighted_sum(const double *term, const double *weight)
{
	double		sum = 0.0;
	int			c;

	for (c = 0; c < LEARNING_TERMS; c++)
		sum += weight[c] * term[c];
	return sum;
}

/*
 * Largest exponent of a person's networks, at least 0
 */
static double
largest_exponent(const LearningPeople *people, uint32_t person, const double *weight)
{
	double		largest = 0.0;
	uint64_t	r;

	for (r = people->row_start[person]; r < people->row_start[person + 1]; r++)
		if (people->omega[r] > 0.0)
			largest = fmax(largest, weighted_sum(&people->term[r * LEARNING_TERMS], weight));
	return largest;
}

/*
 * raw of a person and its gradient
 *
 * Exponents too large for sums of their exponentials are taken relative to the
 * largest one, after which the "- 1" of each network no longer shows.
 */
static RawGradient
raw_gradient(const LearningPeople *people, uint32_t person, const double *weight)
{
	RawGradient result = {0.0, {0}};
	double		shift = largest_exponent(people, person, weight);
	double		mass = 0.0;
	uint64_t	r;
	int			c;

	if (shift <= LARGE_EXPONENT)
		shift = 0.0;
	for (r = people->row_start[person]; r < people->row_start[person + 1]; r++)
	{
		const double *term = &people->term[r * LEARNING_TERMS];
		double		z = weighted_sum(term, weight);
		double		part = people->omega[r] * exp(z - shift);

		mass += shift == 0.0 ? people->omega[r] * expm1(z) : part;
		for (c = 0; c < LEARNING_TERMS; c++)
			result.by_weight[c] += part * term[c];
	}
	if (shift == 0.0)
		result.raw = fast_log1p(mass);
	else
		result.raw = shift + log(mass);
	for (c = 0; c < LEARNING_TERMS; c++)
		result.by_weight[c] /= shift == 0.0 ? 1.0 + mass : mass;
	return result;
}

/*
 * raw of a person under given weights
 */
double
learning_raw(const LearningPeople *people, uint32_t person, const double *weight)
{
	return raw_gradient(people, person, weight).raw;
}

/*
 * The slope that theta stands for
 *
 * Normally a sum; where next to nothing but authority is left, as much as keeps
 * its weight within bounds. bounded: whether that is so.
 */
static double
slope_of(const Setup *setup, const double *theta, bool *bounded)
{
	double		slope = 0.0;
	double		least = 0.0;
	int			i;

	for (i = 0; i < setup->active_count; i++)
	{
		slope += setup->in_sum[setup->active[i]] * theta[i];
		if (setup->active[i] == LEARNING_FREE_TERM)
			least = theta[i] / LEARNING_MAX_WEIGHT;
	}
	*bounded = slope < least;
	return fmax(slope, least);
}

/*
 * The weights that theta stands for; those of the current ones at theta = 0
 */
static double
weights_of(const Setup *setup, const double *theta, double *weight)
{
	bool		bounded;
	double		slope = slope_of(setup, theta, &bounded);
	int			i;

	memcpy(weight, setup->centre, sizeof(setup->centre));
	if (slope > 0.0)
		for (i = 0; i < setup->active_count; i++)
			weight[setup->active[i]] = theta[i] / slope;
	return slope;
}

/*
 * Gradient of a person's utility by theta, for the active terms: with g the
 * gradient of raw by the weights, g + (raw - weight . g) * grad s
 */
static void
utility_gradient(const Setup *setup, uint32_t person, const double *weight, bool bounded,
				 double *gradient)
{
	RawGradient raw = raw_gradient(&setup->problem->people, person, weight);
	double		rest = raw.raw;
	int			i;

	for (i = 0; i < setup->active_count; i++)
		rest -= weight[setup->active[i]] * raw.by_weight[setup->active[i]];
	for (i = 0; i < setup->active_count; i++)
	{
		int			c = setup->active[i];
		double		in_slope = setup->in_sum[c];

		if (bounded)
			in_slope = c == LEARNING_FREE_TERM ? 1.0 / LEARNING_MAX_WEIGHT : 0.0;
		gradient[i] = raw.by_weight[c] + rest * in_slope;
	}
}

/*
 * LogisticRows: differences of the utilities' gradients at theta
 */
static void
utility_rows(const double *theta, double *x, void *arg)
{
	const Setup *setup = arg;
	const LearningProblem *problem = setup->problem;
	int			n = setup->active_count;
	double		weight[LEARNING_TERMS];
	bool		bounded;
	uint32_t	p;
	size_t		r;
	int			i;

	weights_of(setup, theta, weight);
	slope_of(setup, theta, &bounded);
	for (p = 0; p < problem->people.count; p++)
	{
		if (p % CHECK_INTERVAL == 0 && problem->check != NULL)
			problem->check();
		utility_gradient(setup, p, weight, bounded, &setup->gradient[(size_t) p * LEARNING_TERMS]);
	}
	for (r = 0; r < problem->pair_count; r++)
	{
		const double *more = &setup->gradient[(size_t) problem->more[r] * LEARNING_TERMS];
		const double *less = &setup->gradient[(size_t) problem->less[r] * LEARNING_TERMS];

		for (i = 0; i < n; i++)
			x[r * (size_t) n + (size_t) i] = more[i] - less[i];
	}
}

/*
 * Sum of the weights but that of authority
 */
static double
sum_of_weights(const double *weight)
{
	double		sum = 0.0;
	int			c;

	for (c = 0; c < LEARNING_FREE_TERM; c++)
		sum += weight[c];
	return sum;
}

/*
 * The current weights brought to the sum of 1; equal ones when they are all 0
 */
static void
normalise_current(Setup *setup)
{
	const double *current = setup->problem->current;
	double		sum = sum_of_weights(current);
	int			c;

	for (c = 0; c < LEARNING_TERMS; c++)
		setup->centre[c] = sum > 0.0 ? current[c] / sum :
			c == LEARNING_FREE_TERM ? current[c] : 1.0 / LEARNING_FREE_TERM;
	setup->centre[LEARNING_FREE_TERM] = fmin(setup->centre[LEARNING_FREE_TERM], LEARNING_MAX_WEIGHT);
}

/*
 * How much the pairs differ in each term: mean square of the difference of what
 * a unit of weight adds to raw
 */
static void
measure_variation(Setup *setup)
{
	const LearningProblem *problem = setup->problem;
	uint32_t	p;
	size_t		r;
	int			c;

	for (p = 0; p < problem->people.count; p++)
	{
		RawGradient raw = raw_gradient(&problem->people, p, setup->centre);

		memcpy(&setup->gradient[(size_t) p * LEARNING_TERMS], raw.by_weight, sizeof(raw.by_weight));
	}
	memset(setup->variation, 0, sizeof(setup->variation));
	for (r = 0; r < problem->pair_count; r++)
	{
		const double *more = &setup->gradient[(size_t) problem->more[r] * LEARNING_TERMS];
		const double *less = &setup->gradient[(size_t) problem->less[r] * LEARNING_TERMS];

		for (c = 0; c < LEARNING_TERMS; c++)
			setup->variation[c] += problem->judgements[r] * (more[c] - less[c]) * (more[c] - less[c]);
		setup->judgements += problem->judgements[r];
	}
	for (c = 0; c < LEARNING_TERMS; c++)
		setup->variation[c] /= setup->judgements;
}

/*
 * Choose the terms that are learned; false when there are none but authority
 */
static bool
choose_active(Setup *setup)
{
	double		fixed = 0.0;
	int			c;

	setup->active_count = 0;
	setup->typical = 0.0;
	for (c = 0; c < LEARNING_TERMS; c++)
	{
		if (setup->variation[c] > LEAST_VARIATION)
		{
			setup->active[setup->active_count++] = c;
			setup->typical += setup->variation[c];
		}
		else if (c != LEARNING_FREE_TERM)
			fixed += setup->centre[c];
	}
	if (setup->active_count == 0 || setup->active[0] == LEARNING_FREE_TERM)
		return false;
	setup->typical /= setup->active_count;

	/* The others share what is left of 1 */
	if (!(fixed < 1.0 - 1e-6))
	{
		for (c = 0; c < LEARNING_FREE_TERM; c++)
			setup->centre[c] = 1.0 / LEARNING_FREE_TERM;
		return choose_active(setup);
	}
	for (c = 0; c < LEARNING_TERMS; c++)
		setup->in_sum[c] = c == LEARNING_FREE_TERM ? 0.0 : 1.0 / (1.0 - fixed);
	return true;
}

/*
 * The quadratic penalty for a lambda: see the head of the file. judgements: how
 * many it stands beside.
 */
static void
fill_penalty(const Setup *setup, double lambda, double judgements, double *penalty)
{
	int			n = setup->active_count;
	double		on_slope = setup->typical /
		(LOGISTIC_PRIOR_DEVIATION * LOGISTIC_PRIOR_DEVIATION * judgements);
	int			c;
	int			i;
	int			j;

	for (i = 0; i < n; i++)
		for (j = 0; j < n; j++)
			penalty[i * n + j] = on_slope *
				setup->in_sum[setup->active[i]] * setup->in_sum[setup->active[j]];

	/* Term c is off by the product of theta and (k == c) - centre_c in_sum_k */
	for (c = 0; c < n; c++)
	{
		double		off[LEARNING_TERMS];

		for (i = 0; i < n; i++)
			off[i] = (i == c ? 1.0 : 0.0) -
				setup->centre[setup->active[c]] * setup->in_sum[setup->active[i]];
		for (i = 0; i < n; i++)
			for (j = 0; j < n; j++)
				penalty[i * n + j] += lambda * setup->variation[setup->active[c]] * off[i] * off[j];
	}
}

/*
 * Hold a fold out of the training; -1: none. Returns how many judgements stay.
 */
static double
hold_out(Setup *setup, int fold)
{
	const LearningProblem *problem = setup->problem;
	double		kept = 0.0;
	size_t		r;

	for (r = 0; r < problem->pair_count; r++)
	{
		setup->training[r] = problem->fold[r] == fold ? 0.0 : problem->judgements[r];
		kept += setup->training[r];
	}
	return kept;
}

/*
 * Where every fit starts: the current weights, at a slope of about one unit of
 * log-odds for a typical difference
 */
static void
start_theta(const Setup *setup, double *theta)
{
	int			i;

	for (i = 0; i < setup->active_count; i++)
		theta[i] = setup->centre[setup->active[i]] / sqrt(setup->typical);
}

/*
 * Fit theta to the training judgements, of which there are so many
 */
static void
fit_theta(Setup *setup, double lambda, double judgements, double *theta, LogisticResult *result)
{
	double		penalty[LEARNING_TERMS * LEARNING_TERMS];
	double		scale[LEARNING_TERMS];
	LogisticProblem logistic;
	int			i;

	start_theta(setup, theta);
	fill_penalty(setup, lambda, judgements, penalty);
	for (i = 0; i < setup->active_count; i++)
		scale[i] = sqrt(setup->variation[setup->active[i]]);
	logistic = (LogisticProblem) {
		.count = setup->problem->pair_count,
		.coefficients = setup->active_count,
		.x = setup->x,
		.weight = setup->training,
		.penalty = penalty,
		.scale = scale,
		.rows = utility_rows,
		.arg = setup,
		.check = setup->problem->check
	};
	logistic_fit(&logistic, theta, result);
}

/*
 * Add what the held-out pairs of a fold say: their loss and the share told right
 *
 * setup->x and theta: rows of n and their coefficients, as the fit left them.
 */
static void
judge_fold(const Setup *setup, int fold, int n, const double *theta, LearningQuality *sum)
{
	const LearningProblem *problem = setup->problem;
	size_t		r;
	int			i;

	for (r = 0; r < problem->pair_count; r++)
	{
		double		margin = 0.0;

		if (problem->fold[r] != fold)
			continue;
		for (i = 0; i < n; i++)
			margin += setup->x[r * (size_t) n + (size_t) i] * theta[i];
		sum->log_loss += problem->judgements[r] * logistic_loss(margin);
		sum->accuracy += problem->judgements[r] *
			(fabs(margin) < RAW_NOISE ? 0.5 : margin > 0.0 ? 1.0 : 0.0);
	}
}

static void
mean_quality(const Setup *setup, LearningQuality *quality)
{
	quality->log_loss /= setup->judgements;
	quality->accuracy /= setup->judgements;
}

/*
 * Choose lambda by cross-validation
 */
static void
choose_lambda(Setup *setup, LearningResult *result)
{
	double		theta[LEARNING_TERMS];
	int			k;

	result->learned.log_loss = INFINITY;
	for (k = 0; k < LAMBDA_COUNT; k++)
	{
		LearningQuality quality = {0.0, 0.0};
		int			fold;

		for (fold = 0; fold < setup->problem->folds; fold++)
		{
			double		judgements = hold_out(setup, fold);
			LogisticResult fit;

			fit_theta(setup, lambdas[k], judgements, theta, &fit);
			judge_fold(setup, fold, setup->active_count, theta, &quality);
		}
		mean_quality(setup, &quality);
		if (quality.log_loss < result->learned.log_loss - LOSS_NOISE)
		{
			result->learned = quality;
			result->lambda = lambdas[k];
		}
	}
}

/*
 * Cross-validate the current weights: only their slope is fitted
 *
 * What they tell right does not depend on the slope, so no fold is held out.
 */
static void
judge_current(Setup *setup, LearningResult *result)
{
	const LearningProblem *problem = setup->problem;
	const double unit = 1.0;
	LearningQuality ordered = {0.0, 0.0};
	size_t		r;
	int			fold;

	for (r = 0; r < problem->pair_count; r++)
		setup->x[r] = learning_raw(&problem->people, problem->more[r], problem->current) -
			learning_raw(&problem->people, problem->less[r], problem->current);

	for (fold = 0; fold < problem->folds; fold++)
	{
		double		slope;

		hold_out(setup, fold);
		slope = logistic_slope(problem->pair_count, setup->x, setup->training, problem->check);
		judge_fold(setup, fold, 1, &slope, &result->current);
		judge_fold(setup, fold, 1, &unit, &ordered);
	}
	result->current.accuracy = ordered.accuracy;
	mean_quality(setup, &result->current);
}

/*
 * Bytes of scratch memory
 */
size_t
learning_scratch(const LearningProblem *problem)
{
	size_t		doubles = (size_t) -1 / sizeof(double) / (LEARNING_TERMS + 1);

	if (problem->pair_count > doubles / 2 || problem->people.count > doubles / 2)
		return 0;
	return sizeof(double) * (problem->pair_count * (LEARNING_TERMS + 1) +
							 (size_t) problem->people.count * LEARNING_TERMS);
}

/*
 * Learn the weights
 *
 * Every weight but that of authority is 0 to 1 and together they are 1, or less
 * where they would leave authority above LEARNING_MAX_WEIGHT. What is in the
 * result after an outcome other than LEARNING_DONE means nothing.
 */
void
learning_fit(const LearningProblem *problem, void *scratch, LearningResult *result)
{
	Setup		setup = {.problem = problem};
	double		theta[LEARNING_TERMS];
	LogisticResult fit;

	setup.x = scratch;
	setup.training = setup.x + problem->pair_count * LEARNING_TERMS;
	setup.gradient = setup.training + problem->pair_count;
	memset(result, 0, sizeof(*result));

	normalise_current(&setup);
	measure_variation(&setup);
	if (!choose_active(&setup))
	{
		result->outcome = LEARNING_TIED;
		return;
	}
	choose_lambda(&setup, result);
	judge_current(&setup, result);

	fit_theta(&setup, result->lambda, hold_out(&setup, -1), theta, &fit);
	result->slope = weights_of(&setup, theta, result->weight);
	result->residual = fit.residual;
	result->iterations = fit.iterations;
	result->outcome = !fit.converged ? LEARNING_NOT_CONVERGED :
		result->slope > 0.0 ? LEARNING_DONE : LEARNING_CONTRARY;
}
