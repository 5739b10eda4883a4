/*
 * How well scores agree with judgements of who is more influential.
 *
 * A pair has no natural first person, so each counts in both orders: the right
 * one, with difference d, and the wrong one, with -d. Nothing here changes when
 * all pairs are turned round in that way.
 */
#include "math/evaluation.h"

#include <math.h>
#include <string.h>

#include "math/logistic.h"

/*
 * Area under the ROC curve: the chance that a judgement in its right order has a
 * larger difference than one in its wrong order, equal ones half
 *
 * That is the share of (i, j) with d_i + d_j > 0 (J. A. Hanley and B. J. McNeil,
 * "The Meaning and Use of the Area under a ROC Curve", 1982). i goes up and two
 * cursors down the same sorted array.
 */
static double
area_under_curve(const JudgedDifference *judged, size_t count, double judgements)
{
	size_t		above = count;	/* first j with d_i + d_j > 0 */
	size_t		from = count;	/* first j with d_i + d_j >= 0 */
	double		larger = 0.0;
	double		larger_or_equal = 0.0;
	double		won = 0.0;
	size_t		i;

	for (i = 0; i < count; i++)
	{
		double		bound = -judged[i].difference;

		while (above > 0 && judged[above - 1].difference > bound)
			larger += judged[--above].judgements;
		while (from > 0 && judged[from - 1].difference >= bound)
			larger_or_equal += judged[--from].judgements;
		won += judged[i].judgements * 0.5 * (larger + larger_or_equal);
	}
	return won / judgements / judgements;
}

/*
 * Is the higher score right? 1, 0, and a half when there is none
 */
static double
is_right(double difference)
{
	return difference > 0.0 ? 1.0 : difference < 0.0 ? 0.0 : 0.5;
}

/*
 * Add a judgement to its group
 */
static void
add_to_group(CalibrationGroup *group, const JudgedDifference *judged, double slope)
{
	group->judgements += judged->judgements;
	group->predicted += judged->judgements * logistic_probability(slope * fabs(judged->difference));
	group->observed += judged->judgements * is_right(judged->difference);
}

/*
 * Sort the judgements into groups by the size of their difference, and sum each
 *
 * Both ends of the sorted array approach 0; merged from the middle outwards they
 * are in order of size. Equal sizes stay together, in the group of their middle.
 */
static void
fill_groups(const JudgedDifference *judged, size_t count, Evaluation *evaluation)
{
	size_t		up = 0;			/* next of those at least 0 */
	size_t		down;			/* one past the next of those below */
	double		before = 0.0;

	while (up < count && judged[up].difference < 0.0)
		up++;
	down = up;
	while (up < count || down > 0)
	{
		size_t		first_up = up;
		size_t		first_down = down;
		double		size = fmin(up < count ? judged[up].difference : INFINITY,
								down > 0 ? -judged[down - 1].difference : INFINITY);
		double		equal = 0.0;
		int			group;

		while (up < count && judged[up].difference == size)
			equal += judged[up++].judgements;
		while (down > 0 && -judged[down - 1].difference == size)
			equal += judged[--down].judgements;

		group = (int) (EVALUATION_GROUPS * (before + 0.5 * equal) / evaluation->judgements);
		if (group > EVALUATION_GROUPS - 1)
			group = EVALUATION_GROUPS - 1;
		while (first_up < up)
			add_to_group(&evaluation->groups[group], &judged[first_up++], evaluation->slope);
		while (first_down > down)
			add_to_group(&evaluation->groups[group], &judged[--first_down], evaluation->slope);
		before += equal;
	}
}

/*
 * Sums of the groups become means; the error is that of M. P. Naeini et al.,
 * "Obtaining Well Calibrated Probabilities Using Bayesian Binning", 2015
 */
static void
finish_groups(Evaluation *evaluation)
{
	int			g;

	for (g = 0; g < EVALUATION_GROUPS; g++)
	{
		CalibrationGroup *group = &evaluation->groups[g];

		if (group->judgements == 0.0)
			continue;
		group->predicted /= group->judgements;
		group->observed /= group->judgements;
		evaluation->calibration_error += group->judgements / evaluation->judgements *
			fabs(group->predicted - group->observed);
	}
}

/*
 * Evaluate judgements
 */
void
evaluation_compute(const JudgedDifference *judged, size_t count, double *scratch,
				   void (*check) (void), Evaluation *evaluation)
{
	double	   *x = scratch;
	double	   *weight = scratch + count;
	size_t		i;

	memset(evaluation, 0, sizeof(*evaluation));
	for (i = 0; i < count; i++)
	{
		x[i] = judged[i].difference;
		weight[i] = judged[i].judgements;
		evaluation->judgements += weight[i];
		evaluation->accuracy += weight[i] * is_right(x[i]);
	}
	evaluation->slope = logistic_slope(count, x, weight, check);
	for (i = 0; i < count; i++)
	{
		double		margin = evaluation->slope * x[i];
		double		wrong = logistic_probability(-margin);

		evaluation->log_loss += weight[i] * logistic_loss(margin);
		evaluation->brier += weight[i] * wrong * wrong;
	}
	evaluation->accuracy /= evaluation->judgements;
	evaluation->log_loss /= evaluation->judgements;
	evaluation->brier /= evaluation->judgements;
	evaluation->auc = area_under_curve(judged, count, evaluation->judgements);
	fill_groups(judged, count, evaluation);
	finish_groups(evaluation);
}
