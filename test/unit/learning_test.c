/*
 * Unit tests of src/math/learning.c: pairs drawn with known weights, and an
 * implementation that shares nothing with it: the objective as it reads,
 * differentiated numerically, minimised by gradient descent. Prints TAP.
 */
#include "math/learning.h"
#include "random.h"
#include "tap.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PEOPLE	400
#define ROWS	(3 * PEOPLE)
#define PAIRS	12000
#define T		LEARNING_TERMS

static const double defaults[T] = {0.25, 0.15, 0.30, 0.10, 0.20, 0.30};
static const double truth[T] = {0.10, 0.40, 0.05, 0.15, 0.30, 0.60};

static uint64_t row_start[PEOPLE + 1];
static double omega[ROWS];
static double term[ROWS * T];
static uint32_t more[PAIRS];
static uint32_t less[PAIRS];
static double judgements[PAIRS];
static int	fold[PAIRS];

/*
 * People on up to so many networks, with the terms of a power law; networks
 * after the first weigh 1.5
 */
static void
draw_people(int networks)
{
	uint64_t	r = 0;
	int			p;
	int			n;
	int			c;

	for (p = 0; p < PEOPLE; p++)
	{
		int			mine = 1 + (int) (networks * uniform());

		row_start[p] = r;
		for (n = 0; n < mine && n < networks; n++, r++)
		{
			omega[r] = n == 0 ? 1.0 : 1.5;
			for (c = 0; c < T; c++)
				term[r * T + c] = uniform() < 0.2 ? 0.0 : log1p(pow(uniform(), -0.8));
		}
	}
	row_start[PEOPLE] = r;
}

/*
 * raw as the formula reads
 */
static double
plain_raw(uint32_t person, const double *weight)
{
	double		mass = 0.0;
	uint64_t	r;
	int			c;

	for (r = row_start[person]; r < row_start[person + 1]; r++)
	{
		double		z = 0.0;

		for (c = 0; c < T; c++)
			z += weight[c] * term[r * T + c];
		mass += omega[r] * (exp(z) - 1.0);
	}
	return log(1.0 + mass);
}

/*
 * Judgements of random pairs by people who think in raw under these weights
 */
static LearningProblem
draw_pairs(const double *weight, double slope, int count)
{
	LearningProblem problem = {
		.people = {PEOPLE, row_start, omega, term},
		.pair_count = (size_t) count,.more = more,.less = less,.judgements = judgements,
		.fold = fold,.folds = 5,.current = defaults
	};
	int			i;

	for (i = 0; i < count; i++)
	{
		uint32_t	a = (uint32_t) (PEOPLE * uniform());
		uint32_t	b = (a + 1 + (uint32_t) ((PEOPLE - 1) * uniform())) % PEOPLE;
		double		difference = plain_raw(a, weight) - plain_raw(b, weight);
		int			is_a = uniform() < 1.0 / (1.0 + exp(-slope * difference));

		more[i] = is_a ? a : b;
		less[i] = is_a ? b : a;
		judgements[i] = 1.0;
		fold[i] = (int) ((a < b ? a * 7919 + b : b * 7919 + a) % 5);
	}
	return problem;
}

static LearningResult
learn(const LearningProblem *problem)
{
	LearningResult result;
	void	   *scratch = malloc(learning_scratch(problem));

	learning_fit(problem, scratch, &result);
	free(scratch);
	return result;
}

static double
apart(const double *a, const double *b)
{
	double		worst = 0.0;
	int			c;

	for (c = 0; c < T; c++)
		worst = fmax(worst, fabs(a[c] - b[c]));
	return worst;
}

static double
sum_to_one(const double *weight)
{
	return weight[0] + weight[1] + weight[2] + weight[3] + weight[4];
}

static void
test_recovery(int networks, const char *name)
{
	LearningProblem problem;
	LearningResult result;
	char		text[200];
	int			c;

	draw_people(networks);
	problem = draw_pairs(truth, 4.0, PAIRS);
	result = learn(&problem);
	printf("# %s: lambda %g, slope %.3f, residual %g, %d iterations, log-loss %.4f (%.4f), weights",
		   name, result.lambda, result.slope, result.residual, result.iterations,
		   result.learned.log_loss, result.current.log_loss);
	for (c = 0; c < T; c++)
		printf(" %.4f", result.weight[c]);
	printf("\n");
	snprintf(text, sizeof(text), "%s: 12,000 judgements give the weights back within 0.03", name);
	ok(result.outcome == LEARNING_DONE && apart(result.weight, truth) < 0.03, text);
	snprintf(text, sizeof(text), "%s: and the slope within a tenth", name);
	ok(fabs(result.slope - 4.0) < 0.4, text);
	snprintf(text, sizeof(text), "%s: weights sum to 1", name);
	ok(fabs(sum_to_one(result.weight) - 1.0) < 1e-12, text);
	snprintf(text, sizeof(text), "%s: learned weights foretell better than the current ones", name);
	ok(result.learned.log_loss < result.current.log_loss &&
	   result.learned.accuracy > result.current.accuracy, text);
}

/*
 * The objective at theta, on the pairs outside a fold; its pull is towards the
 * defaults
 */
static double
plain_objective(const LearningProblem *problem, const double *theta, double lambda, int held_out)
{
	double		slope = sum_to_one(theta);
	double		weight[T];
	double		loss = 0.0;
	double		all = 0.0;
	double		variation[T] = {0};
	double		typical = 0.0;
	double		whole = 0.0;
	size_t		i;
	int			c;

	for (c = 0; c < T; c++)
		weight[c] = theta[c] / slope;
	for (i = 0; i < problem->pair_count; i++)
	{
		/* one network of weight 1: raw is linear, and its derivatives are the terms */
		const double *a = &term[row_start[more[i]] * T];
		const double *b = &term[row_start[less[i]] * T];

		for (c = 0; c < T; c++)
			variation[c] += judgements[i] * (a[c] - b[c]) * (a[c] - b[c]);
		whole += judgements[i];
		if (fold[i] == held_out)
			continue;
		loss += judgements[i] *
			log(1.0 + exp(-slope * (plain_raw(more[i], weight) - plain_raw(less[i], weight))));
		all += judgements[i];
	}
	loss /= all;
	for (c = 0; c < T; c++)
	{
		variation[c] /= whole;
		typical += variation[c] / T;
		loss += 0.5 * lambda * variation[c] * pow(theta[c] - slope * defaults[c], 2.0);
	}
	return loss + 0.5 * slope * slope * typical / (2.5 * 2.5 * all);
}

/*
 * Minimise it by gradient descent with numerical derivatives
 */
static void
descend(const LearningProblem *problem, double *theta, double lambda, int held_out, int steps)
{
	int			i;
	int			c;

	for (c = 0; c < T; c++)
		theta[c] = 1.0;
	for (i = 0; i < steps; i++)
	{
		double		gradient[T];

		for (c = 0; c < T; c++)
		{
			double		at[T];
			double		above;

			memcpy(at, theta, sizeof(at));
			at[c] += 1e-5;
			above = plain_objective(problem, at, lambda, held_out);
			at[c] -= 2e-5;
			gradient[c] = (above - plain_objective(problem, at, lambda, held_out)) / 2e-5;
		}
		for (c = 0; c < T; c++)
			theta[c] = fmax(0.0, theta[c] - 0.8 * gradient[c]);
	}
}

static void
test_plain_implementation(void)
{
	LearningProblem problem;
	LearningResult result;
	double		theta[T];
	double		slope;
	double		loss = 0.0;
	int			f;
	int			c;
	size_t		i;

	draw_people(1);
	problem = draw_pairs(truth, 2.0, 120);
	result = learn(&problem);
	descend(&problem, theta, result.lambda, -1, 1500);
	slope = sum_to_one(theta);
	for (c = 0; c < T; c++)
		theta[c] /= slope;
	printf("# lambda %g, apart %g, slopes %.9f %.9f\n", result.lambda, apart(theta, result.weight),
		   slope, result.slope);
	ok(apart(theta, result.weight) < 1e-6 && fabs(slope - result.slope) < 1e-5,
	   "gradient descent on the objective ends at the same weights");

	for (f = 0; f < problem.folds; f++)
	{
		descend(&problem, theta, result.lambda, f, 1000);
		slope = sum_to_one(theta);
		for (c = 0; c < T; c++)
			theta[c] /= slope;
		for (i = 0; i < problem.pair_count; i++)
			if (fold[i] == f)
				loss += log(1.0 + exp(-slope * (plain_raw(more[i], theta) - plain_raw(less[i], theta))));
	}
	ok(fabs(loss / (double) problem.pair_count - result.learned.log_loss) < 1e-6,
	   "and cross-validation to the same log-loss");
}

/*
 * The solution on several networks is a minimum of the objective by raw itself
 */
static void
test_several_networks(void)
{
	LearningProblem problem;
	LearningResult result;
	double		base = 0.0;
	int			worse = 0;
	int			k;
	size_t		i;

	draw_people(3);
	problem = draw_pairs(truth, 3.0, 5000);
	result = learn(&problem);
	ok(result.outcome == LEARNING_DONE && result.residual < 1e-9, "several networks converge");

	/* the penalty is small here: no step along the simplex does better than its size */
	for (k = -1; k < 200; k++)
	{
		double		weight[T];
		double		loss = 0.0;
		int			from = (int) (5 * uniform());
		int			to = (int) (5 * uniform());

		memcpy(weight, result.weight, sizeof(weight));
		if (k >= 0 && from != to && weight[from] > 0.05)
		{
			weight[from] -= 0.05;
			weight[to] += 0.05;
		}
		for (i = 0; i < problem.pair_count; i++)
			loss += log(1.0 + exp(-result.slope * (plain_raw(more[i], weight) - plain_raw(less[i], weight))));
		loss /= (double) problem.pair_count;
		if (k < 0)
			base = loss;
		else if (loss >= base - 1e-6)
			worse++;
	}
	ok(worse == 200, "and no other weights near by are likelier");
	ok(fabs(learning_raw(&problem.people, 3, truth) - plain_raw(3, truth)) < 1e-12, "raw is that of the formula");
}

static void
test_order(void)
{
	LearningProblem problem;
	LearningResult first;
	LearningResult second;
	int			i;

	draw_people(2);
	problem = draw_pairs(truth, 3.0, 2000);
	first = learn(&problem);
	for (i = 0; i < 1000; i++)
	{
		int			j = 1999 - i;
		uint32_t	swapped = more[i];
		int			swapped_fold = fold[i];

		more[i] = more[j];
		more[j] = swapped;
		swapped = less[i];
		less[i] = less[j];
		less[j] = swapped;
		fold[i] = fold[j];
		fold[j] = swapped_fold;
	}
	second = learn(&problem);
	printf("# apart %g\n", apart(first.weight, second.weight));
	ok(first.lambda == second.lambda && apart(first.weight, second.weight) < 1e-9,
	   "another order of the pairs gives the same weights");
	for (i = 0; i < 2000; i++)
		judgements[i] = 3.0;
	second = learn(&problem);
	ok(second.outcome == LEARNING_DONE && second.slope >= first.slope - 0.1,
	   "judgements that were made three times");
}

static void
test_few(void)
{
	LearningProblem problem;
	LearningResult result;
	int			i;

	draw_people(1);
	problem = draw_pairs(defaults, 3.0, 60);
	result = learn(&problem);
	printf("# lambda %g, apart %g\n", result.lambda, apart(result.weight, defaults));
	ok(result.outcome == LEARNING_DONE && apart(result.weight, defaults) < 0.25,
	   "60 judgements by the current weights move them little");

	/* separable: all judged as raw has it */
	problem = draw_pairs(truth, 1e6, 300);
	result = learn(&problem);
	printf("# slope %g, accuracy %g\n", result.slope, result.learned.accuracy);
	ok(result.outcome == LEARNING_DONE && isfinite(result.slope) && result.slope > 1.0 &&
	   result.learned.accuracy > 0.9, "judgements without any doubt converge");

	/* a measure that nobody has */
	for (i = 0; i < ROWS; i++)
		term[i * T + 3] = term[i * T + 5] = 0.0;
	problem = draw_pairs(truth, 4.0, 5000);
	result = learn(&problem);
	ok(fabs(result.weight[3] - defaults[3]) < 1e-12 && fabs(result.weight[5] - defaults[5]) < 1e-12 &&
	   fabs(sum_to_one(result.weight) - 1.0) < 1e-12, "measures that nobody has keep their weights");
}

static void
test_refusals(void)
{
	static const double none[T] = {0};
	LearningProblem problem;
	LearningResult result;
	int			i;

	draw_people(1);
	problem = draw_pairs(truth, 4.0, 2000);
	problem.current = none;
	result = learn(&problem);
	ok(result.outcome == LEARNING_DONE && result.current.accuracy == 0.5 &&
	   fabs(result.current.log_loss - log(2.0)) < 1e-12 && apart(result.weight, truth) < 0.15,
	   "current weights of 0 tell nothing and are no obstacle");
	problem.current = defaults;

	for (i = 0; i < 2000; i++)
	{
		uint32_t	swapped = more[i];

		more[i] = less[i];
		less[i] = swapped;
	}
	result = learn(&problem);
	ok(result.outcome == LEARNING_CONTRARY, "pairs the wrong way round are told");
	for (i = 0; i < ROWS * T; i++)
		term[i] = i % T == LEARNING_FREE_TERM ? uniform() : 1.0;
	result = learn(&problem);
	ok(result.outcome == LEARNING_TIED, "so are people who differ in authority only");
}

/*
 * Authority alone counts, and much: its weight stays within bounds
 */
static void
test_bounds(void)
{
	static const double only[T] = {0.0, 0.0, 0.0, 0.0, 1e-4, 100.0};
	LearningProblem problem;
	LearningResult result;
	int			i;

	draw_people(1);
	for (i = 0; i < ROWS; i++)
		term[i * T + LEARNING_FREE_TERM] *= 4.0;
	problem = draw_pairs(only, 1.0, 3000);
	result = learn(&problem);
	printf("# outcome %d, authority %g, sum of the others %g\n", result.outcome,
		   result.weight[5], sum_to_one(result.weight));
	ok(result.outcome == LEARNING_DONE && result.weight[5] <= LEARNING_MAX_WEIGHT * (1 + 1e-12) &&
	   result.weight[5] > 1.0 && sum_to_one(result.weight) <= 1.0 + 1e-12,
	   "authority may count most, within bounds");

	/* terms so large that exp() would overflow */
	draw_people(2);
	for (i = 0; i < ROWS * T; i++)
		term[i] *= 1e4;
	problem = draw_pairs(truth, 1e9, 500);
	for (i = 0; i < 500; i++)
		if (learning_raw(&problem.people, more[i], truth) < learning_raw(&problem.people, less[i], truth))
		{
			uint32_t	swapped = more[i];

			more[i] = less[i];
			less[i] = swapped;
		}
	result = learn(&problem);
	printf("# outcome %d, residual %g, slope %g\n", result.outcome, result.residual, result.slope);
	ok(result.outcome == LEARNING_DONE && isfinite(result.slope) && isfinite(result.weight[0]),
	   "huge terms do not overflow");
	problem.pair_count = (size_t) -1;
	ok(learning_scratch(&problem) == 0, "nor does the size of scratch memory");
}

int
main(void)
{
	test_recovery(1, "one network");
	test_recovery(3, "three networks");
	test_plain_implementation();
	test_several_networks();
	test_order();
	test_few();
	test_refusals();
	test_bounds();
	return done_testing();
}
