/*
 * Penalised logistic regression whose coefficients are not negative.
 *
 * Newton's method with constraints: each step minimises the quadratic model of
 * the objective under theta >= 0, which for a handful of coefficients is the
 * active set method of C. L. Lawson and R. J. Hanson ("Solving Least Squares
 * Problems", 1974, ch. 23), and is then shortened until the objective falls
 * (Armijo). The step ends inside the constraints, so the line to it does too.
 *
 * The Hessian is X'DX + penalty with D = p (1 - p). Where the rows depend on
 * theta, that leaves out their own derivatives (Gauss-Newton, which is Fisher
 * scoring here); the gradient is exact all the same, because the margin is
 * homogeneous of degree 1, so that what the method stops at is a solution.
 */
#include "math/logistic.h"

#include <math.h>
#include <string.h>

#define MAX_ITERATIONS	500

/* Scaled gradient that counts as 0 */
#define TOLERANCE		1e-12

/* ... and where rounding does not let it get there, what is accepted */
#define COARSE_TOLERANCE 1e-9

/* Steps below the rounding noise of the objective that bring nothing, in a row */
#define MAX_IDLE_STEPS	4

/* Decrease that the rounding of an objective near 1 can hide */
#define OBJECTIVE_NOISE	1e-13

#define ARMIJO_SHARE	1e-4
#define MAX_HALVINGS	50

#define CHECK_INTERVAL	4096

typedef double Vector[LOGISTIC_MAX_COEFFICIENTS];
typedef double Matrix[LOGISTIC_MAX_COEFFICIENTS][LOGISTIC_MAX_COEFFICIENTS];

/* The objective at a point, with its derivatives */
typedef struct Expansion
{
	double		objective;
	Vector		gradient;
	Matrix		hessian;
} Expansion;

/*
 * ln(1 + exp(-margin)), without overflow
 */
double
logistic_loss(double margin)
{
	return fmax(-margin, 0.0) + log1p(exp(-fabs(margin)));
}

/*
 * 1 / (1 + exp(-margin)), without overflow and exact near 0
 */
double
logistic_probability(double margin)
{
	double		e = exp(-fabs(margin));

	return (margin >= 0.0 ? 1.0 : e) / (1.0 + e);
}

/*
 * Add weight * row row' to the lower triangle of a matrix
 */
static inline void
add_outer(Matrix matrix, const double *row, double weight, int n)
{
	int			i;
	int			j;

	for (i = 0; i < n; i++)
		for (j = 0; j <= i; j++)
			matrix[i][j] += weight * row[i] * row[j];
}

/*
 * Sums over the rows: loss, gradient and the lower triangle of the Hessian
 */
static void
sum_rows(const LogisticProblem *problem, const double *theta, Expansion *at)
{
	int			n = problem->coefficients;
	double		weights = 0.0;
	size_t		r;
	int			i;
	int			j;

	memset(at, 0, sizeof(*at));
	for (r = 0; r < problem->count; r++)
	{
		const double *row = &problem->x[r * (size_t) n];
		double		weight = problem->weight == NULL ? 1.0 : problem->weight[r];
		double		margin = 0.0;
		double		wrong;

		if (r % CHECK_INTERVAL == 0 && problem->check != NULL)
			problem->check();
		if (weight == 0.0)
			continue;
		for (i = 0; i < n; i++)
			margin += row[i] * theta[i];
		wrong = logistic_probability(-margin);
		weights += weight;
		at->objective += weight * logistic_loss(margin);
		for (i = 0; i < n; i++)
			at->gradient[i] -= weight * wrong * row[i];
		add_outer(at->hessian, row, weight * wrong * (1.0 - wrong), n);
	}

	at->objective /= weights;
	for (i = 0; i < n; i++)
	{
		at->gradient[i] /= weights;
		for (j = 0; j <= i; j++)
			at->hessian[i][j] /= weights;
	}
}

/*
 * Objective, gradient and Hessian at theta; leaves the rows for theta in x
 */
static void
expand(const LogisticProblem *problem, const double *theta, Expansion *at)
{
	int			n = problem->coefficients;
	int			i;
	int			j;

	if (problem->rows != NULL)
		problem->rows(theta, problem->x, problem->arg);
	sum_rows(problem, theta, at);
	for (i = 0; i < n; i++)
	{
		double		pull = 0.0;

		for (j = 0; j < n; j++)
			pull += problem->penalty[i * n + j] * theta[j];
		at->objective += 0.5 * theta[i] * pull;
		at->gradient[i] += pull;
		for (j = 0; j <= i; j++)
		{
			at->hessian[i][j] += problem->penalty[i * n + j];
			at->hessian[j][i] = at->hessian[i][j];
		}
	}
}

/*
 * Largest violation of the Karush-Kuhn-Tucker conditions, in units of log-odds:
 * the gradient is 0 where theta is above 0, and not negative where it is 0
 */
static double
kkt_residual(const LogisticProblem *problem, const double *theta, const Expansion *at)
{
	double		residual = 0.0;
	int			i;

	for (i = 0; i < problem->coefficients; i++)
	{
		double		slope = at->gradient[i] / problem->scale[i];

		residual = fmax(residual, theta[i] > 0.0 ? fabs(slope) : -slope);
	}
	return residual;
}

/*
 * Solve matrix[set][set] * x[set] = right[set] by Cholesky; other entries of x
 * are left alone. set: n flags. false when the matrix is not positive definite.
 */
static bool
solve_set(Matrix matrix, const double *right, const bool *set, int n, double *x)
{
	Matrix		factor;
	int			i;
	int			j;
	int			k;

	for (i = 0; i < n; i++)
	{
		double		sum = right[i];

		if (!set[i])
			continue;
		for (j = 0; j <= i; j++)
		{
			double		entry = matrix[i][j];

			if (!set[j])
				continue;
			for (k = 0; k < j; k++)
				if (set[k])
					entry -= factor[i][k] * factor[j][k];
			if (j < i)
				factor[i][j] = entry / factor[j][j];
			else if (!(entry > 0.0))
				return false;
			else
				factor[i][i] = sqrt(entry);
		}
		for (k = 0; k < i; k++)
			if (set[k])
				sum -= factor[i][k] * x[k];
		x[i] = sum / factor[i][i];
	}
	for (i = n - 1; i >= 0; i--)
	{
		if (!set[i])
			continue;
		for (k = i + 1; k < n; k++)
			if (set[k])
				x[i] -= factor[k][i] * x[k];
		x[i] /= factor[i][i];
	}
	return true;
}

/*
 * Go from y towards z until the first entry of the set reaches 0, and take the
 * entries that did out of the set
 */
static void
step_to_bound(double *y, const double *z, bool *set, int n)
{
	double		share = 1.0;
	int			first = -1;
	int			i;

	for (i = 0; i < n; i++)
		if (set[i] && z[i] <= 0.0 && y[i] / (y[i] - z[i]) <= share)
		{
			share = y[i] / (y[i] - z[i]);
			first = i;
		}
	for (i = 0; i < n; i++)
	{
		if (!set[i])
			continue;
		y[i] += share * (z[i] - y[i]);
		if (i == first || !(y[i] > 0.0))
		{
			y[i] = 0.0;
			set[i] = false;
		}
	}
}

/*
 * The entry outside the set that the quadratic model most wants above 0; -1 when
 * there is none
 */
static int
most_wanted(Matrix hessian, const double *right, const double *y, const bool *set,
			const double *scale, int n)
{
	double		most = TOLERANCE / 10.0;
	int			found = -1;
	int			i;
	int			j;

	for (i = 0; i < n; i++)
	{
		double		slope = right[i];

		if (set[i])
			continue;
		for (j = 0; j < n; j++)
			slope -= hessian[i][j] * y[j];
		if (slope / scale[i] > most)
		{
			most = slope / scale[i];
			found = i;
		}
	}
	return found;
}

/*
 * Find which entries are above 0 in the minimum of y' H y / 2 - right' y over
 * y >= 0 (Lawson and Hanson); false when H is not positive definite
 *
 * set: where to start, then the answer.
 */
static bool
find_active_set(Matrix hessian, const double *right, const double *scale, int n, bool *set)
{
	Vector		y = {0};
	Vector		z;
	int			rounds;

	memset(set, 0, sizeof(bool) * (size_t) n);
	for (rounds = 0; rounds < 8 * LOGISTIC_MAX_COEFFICIENTS; rounds++)
	{
		int			wanted = most_wanted(hessian, right, y, set, scale, n);
		bool		inside = false;
		int			i;

		if (wanted < 0)
			return true;
		set[wanted] = true;
		while (!inside)
		{
			if (!solve_set(hessian, right, set, n, z))
				return false;
			inside = true;
			for (i = 0; i < n; i++)
				if (set[i] && !(z[i] > 0.0))
					inside = false;
			if (!inside)
				step_to_bound(y, z, set, n);
		}
		for (i = 0; i < n; i++)
			y[i] = set[i] ? z[i] : 0.0;
	}
	/* rounding keeps an entry coming and going; any of its sets will do */
	return true;
}

/*
 * The step to the minimum of the quadratic model over theta + step >= 0; false
 * when the model has none
 */
static bool
newton_step(const LogisticProblem *problem, const double *theta, Expansion *at, double *step)
{
	int			n = problem->coefficients;
	bool		set[LOGISTIC_MAX_COEFFICIENTS];
	Vector		right;
	int			i;
	int			j;

	for (i = 0; i < n; i++)
	{
		right[i] = -at->gradient[i];
		for (j = 0; j < n; j++)
			right[i] += at->hessian[i][j] * theta[j];
	}
	if (!find_active_set(at->hessian, right, problem->scale, n, set))
		return false;

	/* The step itself rather than its end, for all its digits near the solution */
	for (i = 0; i < n; i++)
	{
		step[i] = -theta[i];
		right[i] = -at->gradient[i];
		for (j = 0; j < n; j++)
			if (!set[j])
				right[i] += at->hessian[i][j] * theta[j];
	}
	return solve_set(at->hessian, right, set, n, step);
}

/*
 * Move theta along a step, as far as the objective falls; false when it does not
 *
 * at: the expansion at theta, before and after.
 */
static bool
search_line(const LogisticProblem *problem, double *theta, const double *step, Expansion *at)
{
	int			n = problem->coefficients;
	double		start = at->objective;
	double		slope = 0.0;
	double		share = 1.0;
	Vector		trial;
	int			halvings;
	int			i;

	for (i = 0; i < n; i++)
		slope += at->gradient[i] * step[i];
	for (halvings = 0; halvings < MAX_HALVINGS; halvings++)
	{
		for (i = 0; i < n; i++)
			trial[i] = fmax(theta[i] + share * step[i], 0.0);
		expand(problem, trial, at);
		if (at->objective <= start + ARMIJO_SHARE * share * slope + OBJECTIVE_NOISE * fabs(start))
		{
			memcpy(theta, trial, sizeof(double) * (size_t) n);
			return true;
		}
		share *= 0.5;
	}
	expand(problem, theta, at);
	return false;
}

/*
 * Iterate to the solution
 *
 * Near it the objective no longer tells better from worse and only the gradient
 * does: the best point is kept, and a few steps without progress end the search.
 */
void
logistic_fit(const LogisticProblem *problem, double *theta, LogisticResult *result)
{
	size_t		size = sizeof(double) * (size_t) problem->coefficients;
	Expansion	at;
	Vector		step;
	Vector		best;
	double		best_residual = INFINITY;
	int			idle = 0;

	result->iterations = 0;
	expand(problem, theta, &at);
	for (;;)
	{
		double		residual = kkt_residual(problem, theta, &at);

		idle = residual < 0.5 * best_residual ? 0 : idle + 1;
		if (residual < best_residual)
		{
			best_residual = residual;
			memcpy(best, theta, size);
		}
		if (best_residual <= TOLERANCE ||
			(best_residual <= COARSE_TOLERANCE && idle > MAX_IDLE_STEPS) ||
			result->iterations == MAX_ITERATIONS ||
			!newton_step(problem, theta, &at, step) ||
			!search_line(problem, theta, step, &at))
			break;
		result->iterations++;
	}

	memcpy(theta, best, size);
	expand(problem, theta, &at);
	result->objective = at.objective;
	result->residual = best_residual;
	result->converged = best_residual <= COARSE_TOLERANCE;
}

/*
 * Fit a slope alone
 */
double
logistic_slope(size_t count, double *x, const double *weight, void (*check) (void))
{
	double		slope = 0.0;
	double		weights = 0.0;
	double		squares = 0.0;
	double		penalty;
	double		scale;
	LogisticProblem problem;
	LogisticResult result;
	size_t		r;

	for (r = 0; r < count; r++)
	{
		double		w = weight == NULL ? 1.0 : weight[r];

		weights += w;
		squares += w * x[r] * x[r];
	}
	if (!(squares > 0.0))
		return 0.0;
	scale = sqrt(squares / weights);
	penalty = scale * scale / (LOGISTIC_PRIOR_DEVIATION * LOGISTIC_PRIOR_DEVIATION * weights);

	problem = (LogisticProblem) {
		.count = count, .coefficients = 1, .x = x, .weight = weight,
		.penalty = &penalty, .scale = &scale, .check = check
	};
	logistic_fit(&problem, &slope, &result);
	return slope;
}
