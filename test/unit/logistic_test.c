/*
 * Unit tests of src/math/logistic.c. The minimiser that it is compared with
 * shares nothing with it: projected gradient descent, slow and plain. Prints TAP.
 */
#include "math/logistic.h"
#include "random.h"
#include "tap.h"

#include <math.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define ROWS	2000
#define COLUMNS 6

static double x[ROWS * COLUMNS];
static double weight[ROWS];
static double penalty[COLUMNS * COLUMNS];
static double scale[COLUMNS];
static jmp_buf interrupted;

/*
 * Rows drawn from a logistic model with given coefficients; columns of different
 * sizes, the last two nearly the same
 */
static LogisticProblem
draw(const double *truth, double ridge)
{
	LogisticProblem problem = {.count = ROWS,.coefficients = COLUMNS,.x = x,
		.weight = weight,.penalty = penalty,.scale = scale
	};
	int			r;
	int			c;

	for (r = 0; r < ROWS; r++)
	{
		double		margin = 0.0;
		double	   *row = &x[r * COLUMNS];

		for (c = 0; c < COLUMNS; c++)
			row[c] = (c == 1 ? 100.0 : c == 2 ? 0.01 : 1.0) * (uniform() + uniform() + uniform() - 1.5);
		row[COLUMNS - 1] = row[COLUMNS - 2] + 0.01 * row[COLUMNS - 1];
		for (c = 0; c < COLUMNS; c++)
			margin += row[c] * truth[c];
		if (uniform() > 1.0 / (1.0 + exp(-margin)))
			for (c = 0; c < COLUMNS; c++)
				row[c] = -row[c];
		weight[r] = r % 7 == 0 ? 0.0 : 1.0 + r % 3;
	}
	memset(penalty, 0, sizeof(penalty));
	for (c = 0; c < COLUMNS; c++)
	{
		scale[c] = (c == 1 ? 50.0 : c == 2 ? 0.005 : 0.5);
		penalty[c * COLUMNS + c] = ridge * scale[c] * scale[c];
	}
	return problem;
}

/*
 * The objective as its definition reads; gradient: its derivatives, or NULL
 */
static double
plain_objective(const double *theta, double *gradient)
{
	double		sum = 0.0;
	double		weights = 0.0;
	int			r;
	int			c;
	int			k;

	if (gradient != NULL)
		memset(gradient, 0, sizeof(double) * COLUMNS);
	for (r = 0; r < ROWS; r++)
	{
		double		margin = 0.0;

		for (c = 0; c < COLUMNS; c++)
			margin += x[r * COLUMNS + c] * theta[c];
		sum += weight[r] * log(1.0 + exp(-margin));
		weights += weight[r];
		for (c = 0; gradient != NULL && c < COLUMNS; c++)
			gradient[c] -= weight[r] * x[r * COLUMNS + c] / (1.0 + exp(margin));
	}
	sum /= weights;
	for (c = 0; c < COLUMNS; c++)
	{
		if (gradient != NULL)
			gradient[c] /= weights;
		for (k = 0; k < COLUMNS; k++)
		{
			sum += 0.5 * theta[c] * penalty[c * COLUMNS + k] * theta[k];
			if (gradient != NULL)
				gradient[c] += penalty[c * COLUMNS + k] * theta[k];
		}
	}
	return sum;
}

/*
 * Projected gradient descent in units of the scale, with a step that is surely
 * short enough: the curvature is at most 1/4 of the sum of the mean squares
 */
static void
descend(double *theta, int steps)
{
	double		gradient[COLUMNS];
	int			i;
	int			c;

	memset(theta, 0, sizeof(double) * COLUMNS);
	for (i = 0; i < steps; i++)
	{
		plain_objective(theta, gradient);
		for (c = 0; c < COLUMNS; c++)
			theta[c] = fmax(0.0, theta[c] - 1.5 * gradient[c] / (scale[c] * scale[c]));
	}
}

/*
 * Largest violation of the optimality conditions, by the plain gradient
 */
static double
violation(const double *theta)
{
	double		gradient[COLUMNS];
	double		worst = 0.0;
	int			c;

	plain_objective(theta, gradient);
	for (c = 0; c < COLUMNS; c++)
		worst = fmax(worst, theta[c] > 0.0 ? fabs(gradient[c] / scale[c]) : -gradient[c] / scale[c]);
	return worst;
}

static void
test_functions(void)
{
	ok(logistic_loss(0.0) == log(2.0) && logistic_probability(0.0) == 0.5, "a margin of 0 is a coin");
	ok(fabs(logistic_loss(2.0) - log(1.0 + exp(-2.0))) < 1e-15 &&
	   fabs(logistic_probability(2.0) - 1.0 / (1.0 + exp(-2.0))) < 1e-15, "a margin of 2");
	ok(logistic_loss(-1e300) == 1e300 && logistic_loss(1e300) == 0.0, "huge margins do not overflow");
	ok(logistic_probability(-700.0) > 0.0 && logistic_probability(-1e9) == 0.0 &&
	   logistic_probability(1e9) == 1.0, "nor do their probabilities");
}

/*
 * 30 of 40 cases for x = 1: the maximum of the likelihood is ln 3
 */
static void
test_known_solution(void)
{
	double		ones[2] = {1.0, -1.0};
	double		counts[2] = {30.0, 10.0};
	double		tiny = 1e-15;
	double		unit = 1.0;
	double		theta = 0.0;
	LogisticProblem problem = {.count = 2,.coefficients = 1,.x = ones,.weight = counts,
		.penalty = &tiny,.scale = &unit
	};
	LogisticResult result;

	logistic_fit(&problem, &theta, &result);
	ok(result.converged && fabs(theta - log(3.0)) < 1e-12, "30 against 10 is ln 3");

	counts[0] = 10.0;
	counts[1] = 30.0;
	theta = 5.0;
	logistic_fit(&problem, &theta, &result);
	ok(result.converged && theta == 0.0, "10 against 30 is 0, not negative");
	ok(fabs(result.objective - log(2.0)) < 1e-12, "and its loss is that of a coin");
}

/*
 * Against the plain minimiser, from different starts
 */
static void
test_agreement(void)
{
	static const double truth[COLUMNS] = {1.5, 0.02, 30.0, 0.0, 0.7, 0.0};
	LogisticProblem problem = draw(truth, 0.01);
	double		theta[COLUMNS] = {0};
	double		far[COLUMNS] = {50.0, 1.0, 0.0, 80.0, 0.0, 9.0};
	double		plain[COLUMNS];
	double		worst = 0.0;
	double		apart = 0.0;
	LogisticResult result;
	int			c;

	logistic_fit(&problem, theta, &result);
	ok(result.converged && result.iterations < 30, "a problem of 6 coefficients converges");
	ok(violation(theta) < 1e-11, "its solution satisfies the KKT conditions");
	descend(plain, 5000);
	logistic_fit(&problem, far, &result);
	for (c = 0; c < COLUMNS; c++)
	{
		worst = fmax(worst, fabs(theta[c] - plain[c]) * scale[c]);
		apart = fmax(apart, fabs(theta[c] - far[c]) * scale[c]);
	}
	ok(worst < 1e-8, "gradient descent ends at the same point");
	ok(apart < 1e-10, "so does a start far away");
	ok(fabs(result.objective - plain_objective(plain, NULL)) < 1e-13, "with the same objective");
	for (c = 0; c < COLUMNS && worst < 1e300; c++)
		if (theta[c] < 0.0)
			worst = INFINITY;
	ok(worst < 1e300, "no coefficient is negative");
}

/*
 * Every margin positive: only the penalty keeps the coefficients finite
 */
static void
test_separable(void)
{
	static const double truth[COLUMNS] = {1e9, 0.0, 0.0, 0.0, 0.0, 0.0};
	LogisticProblem problem = draw(truth, 1e-6);
	double		theta[COLUMNS] = {0};
	LogisticResult result;

	logistic_fit(&problem, theta, &result);
	ok(result.converged && violation(theta) < 1e-9, "separable rows converge");
	ok(isfinite(theta[0]) && theta[0] > 20.0, "to a large and finite coefficient");
	descend(theta, 1);
	logistic_fit(&problem, theta, &result);
	ok(result.converged, "from another start too");
}

/*
 * No column agrees with the rows
 */
static void
test_contrary(void)
{
	static const double truth[COLUMNS] = {-3.0, -0.02, -100.0, -3.0, -2.0, -2.0};
	LogisticProblem problem = draw(truth, 0.001);
	double		theta[COLUMNS] = {1.0, 1.0, 1.0, 1.0, 1.0, 1.0};
	LogisticResult result;
	double		sum = 0.0;
	int			c;

	logistic_fit(&problem, theta, &result);
	for (c = 0; c < COLUMNS; c++)
		sum += theta[c];
	ok(result.converged && sum == 0.0, "rows that contradict every column give 0");
}

/*
 * Margins that are not linear: (theta_0^2 + theta_1^2)^(1/2) times a factor, which
 * is homogeneous of degree 1
 */
static void
norm_rows(const double *theta, double *rows, void *arg)
{
	const double *factor = arg;
	double		norm = hypot(theta[0], theta[1]);
	int			r;

	for (r = 0; r < ROWS; r++)
	{
		rows[2 * r] = factor[r] * (norm > 0.0 ? theta[0] / norm : 1.0) + (r % 2 == 0 ? 0.1 : -0.05);
		rows[2 * r + 1] = factor[r] * (norm > 0.0 ? theta[1] / norm : 0.0);
	}
}

static void
test_homogeneous(void)
{
	static double factor[ROWS];
	static double rows[2 * ROWS];
	double		ridge[4] = {0.01, 0.0, 0.0, 0.01};
	double		units[2] = {1.0, 1.0};
	double		theta[2] = {1.0, 1.0};
	LogisticProblem problem = {.count = ROWS,.coefficients = 2,.x = rows,.penalty = ridge,
		.scale = units,.rows = norm_rows,.arg = factor
	};
	LogisticResult result;
	double		worst = 0.0;
	int			r;
	int			c;

	for (r = 0; r < ROWS; r++)
		factor[r] = uniform() < 0.75 ? uniform() : -uniform();
	logistic_fit(&problem, theta, &result);
	ok(result.converged, "margins that are not linear converge");
	for (c = 0; c < 2; c++)
	{
		double		sum[2];
		int			side;

		for (side = 0; side < 2; side++)
		{
			double		at[2] = {theta[0], theta[1]};

			at[c] += side == 0 ? -1e-5 : 1e-5;
			sum[side] = 0.005 * (at[0] * at[0] + at[1] * at[1]);
			for (r = 0; r < ROWS; r++)
				sum[side] += log1p(exp(-factor[r] * hypot(at[0], at[1]) -
									   (r % 2 == 0 ? 0.1 : -0.05) * at[0])) / ROWS;
		}
		if (theta[c] > 0.0)
			worst = fmax(worst, fabs(sum[1] - sum[0]) / 2e-5);
	}
	ok(worst < 1e-8, "to a point where their exact gradient is 0");
}

static void
test_slope(void)
{
	double		differences[5] = {1.0, 2.0, -1.0, 3.0, 0.5};
	double		nothing[2] = {0.0, 0.0};
	double		backwards[2] = {-1.0, -2.0};
	double		certain[2] = {1.0, 2.0};
	double		slope = logistic_slope(5, differences, NULL, NULL);
	double		derivative = 0.0;
	double		squares = 0.0;
	int			i;

	for (i = 0; i < 5; i++)
		squares += differences[i] * differences[i];
	for (i = 0; i < 5; i++)
		derivative -= differences[i] / (1.0 + exp(slope * differences[i])) / 5.0;
	derivative += slope * squares / 5.0 / (6.25 * 5.0);
	ok(slope > 0.0 && fabs(derivative) < 1e-12, "a slope alone");
	ok(logistic_slope(2, nothing, NULL, NULL) == 0.0, "is 0 without differences");
	ok(logistic_slope(2, backwards, NULL, NULL) == 0.0, "and 0 where they are all wrong");
	slope = logistic_slope(2, certain, NULL, NULL);
	ok(isfinite(slope) && slope > 0.5 && slope < 10.0, "and finite where they are all right");
}

static void
interrupt(void)
{
	longjmp(interrupted, 1);
}

static void
test_interrupt(void)
{
	static const double truth[COLUMNS] = {1.0, 0.0, 0.0, 0.0, 0.0, 0.0};
	LogisticProblem problem = draw(truth, 0.01);
	double		theta[COLUMNS] = {0};
	LogisticResult result;

	problem.check = interrupt;
	if (setjmp(interrupted) == 0)
	{
		logistic_fit(&problem, theta, &result);
		ok(0, "can be interrupted");
	}
	else
		ok(1, "can be interrupted");
}

int
main(void)
{
	test_functions();
	test_known_solution();
	test_agreement();
	test_separable();
	test_contrary();
	test_homogeneous();
	test_slope();
	test_interrupt();
	return done_testing();
}
