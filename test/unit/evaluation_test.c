/*
 * Unit tests of src/math/evaluation.c against sums over all pairs of judgements.
 * Prints TAP.
 */
#include "math/evaluation.h"
#include "random.h"
#include "tap.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define COUNT 400

static JudgedDifference judged[COUNT];
static double scratch[2 * COUNT];

static int
near(double a, double b)
{
	return fabs(a - b) < 1e-12;
}

static int
compare(const void *left, const void *right)
{
	double		a = ((const JudgedDifference *) left)->difference;
	double		b = ((const JudgedDifference *) right)->difference;

	return (a > b) - (a < b);
}

/*
 * Evaluate so many differences, each judged once
 */
static Evaluation
evaluate(const double *differences, size_t count)
{
	Evaluation	evaluation;
	size_t		i;

	for (i = 0; i < count; i++)
		judged[i] = (JudgedDifference) {differences[i], 1.0};
	qsort(judged, count, sizeof(JudgedDifference), compare);
	evaluation_compute(judged, count, scratch, NULL, &evaluation);
	return evaluation;
}

static void
test_small(void)
{
	static const double right[4] = {1, 2, 3, 4};
	static const double wrong[4] = {-1, -2, -3, -4};
	static const double tied[4] = {0, 0, 0, 0};
	static const double mixed[3] = {3, -1, 0};
	Evaluation	e;

	e = evaluate(right, 4);
	ok(e.auc == 1.0 && e.accuracy == 1.0, "all right");
	ok(e.log_loss < log(2.0) && isfinite(e.slope) && e.slope > 0.0, "with a finite slope");
	e = evaluate(wrong, 4);
	ok(e.auc == 0.0 && e.accuracy == 0.0 && e.slope == 0.0, "all wrong");
	ok(near(e.log_loss, log(2.0)) && e.brier == 0.25 && e.calibration_error == 0.5,
	   "is told as a coin, which is half off");
	e = evaluate(tied, 4);
	ok(e.auc == 0.5 && e.accuracy == 0.5 && e.calibration_error == 0.0, "all tied");
	ok(e.groups[5].judgements == 4.0 && e.groups[0].judgements == 0.0, "are one group, in the middle");
	e = evaluate(mixed, 3);

	/* sums of two, each with each: 6 2 3 / 2 -2 -1 / 3 -1 0 */
	ok(near(e.auc, 5.5 / 9.0) && e.accuracy == 0.5, "3, -1 and 0 by hand");
	e = evaluate(mixed, 1);
	ok(e.auc == 1.0 && e.judgements == 1.0, "a single judgement");
}

/*
 * The area from its definition
 */
static double
plain_auc(size_t count)
{
	double		won = 0.0;
	double		all = 0.0;
	size_t		i;
	size_t		j;

	for (i = 0; i < count; i++)
		for (j = 0; j < count; j++)
		{
			double		right = judged[i].difference;
			double		wrong = -judged[j].difference;
			double		weight = judged[i].judgements * judged[j].judgements;

			all += weight;
			won += weight * (right > wrong ? 1.0 : right == wrong ? 0.5 : 0.0);
		}
	return won / all;
}

/*
 * Random differences with many ties, judged several times each
 */
static void
draw(void)
{
	int			i;

	for (i = 0; i < COUNT; i++)
	{
		judged[i].difference = floor(20.0 * uniform() - 7.0) / 2.0;
		judged[i].judgements = 1.0 + floor(3.0 * uniform());
	}
	qsort(judged, COUNT, sizeof(JudgedDifference), compare);
}

static void
test_random(void)
{
	Evaluation	e;
	double		accuracy = 0.0;
	double		loss = 0.0;
	double		brier = 0.0;
	double		all = 0.0;
	double		in_groups = 0.0;
	double		error = 0.0;
	double		observed = 0.0;
	int			i;

	draw();
	evaluation_compute(judged, COUNT, scratch, NULL, &e);
	for (i = 0; i < COUNT; i++)
	{
		double		d = judged[i].difference;
		double		probability = 1.0 / (1.0 + exp(-e.slope * d));

		all += judged[i].judgements;
		accuracy += judged[i].judgements * (d > 0.0 ? 1.0 : d < 0.0 ? 0.0 : 0.5);
		loss -= judged[i].judgements * log(probability);
		brier += judged[i].judgements * (1.0 - probability) * (1.0 - probability);
	}
	ok(near(e.auc, plain_auc(COUNT)), "the area is that of all pairs of judgements");
	ok(near(e.accuracy, accuracy / all) && near(e.log_loss, loss / all) && near(e.brier, brier / all),
	   "accuracy, log-loss and Brier score as defined");
	for (i = 0; i < EVALUATION_GROUPS; i++)
	{
		in_groups += e.groups[i].judgements;
		error += e.groups[i].judgements * fabs(e.groups[i].predicted - e.groups[i].observed);
		observed += e.groups[i].judgements * e.groups[i].observed;
	}
	ok(in_groups == e.judgements && near(error / all, e.calibration_error),
	   "the calibration error is the mean over the groups");
	ok(near(observed / all, e.accuracy), "and what they observed adds up to the accuracy");
}

/*
 * Groups of distinct sizes hold a tenth each, from small differences to large
 */
static void
test_groups(void)
{
	double		differences[COUNT];
	Evaluation	e;
	int			equal = 1;
	int			ascending = 1;
	int			i;

	for (i = 0; i < COUNT; i++)
		differences[i] = (i % 3 == 0 ? -1.0 : 1.0) * (i + 1) / 100.0;
	e = evaluate(differences, COUNT);
	for (i = 0; i < EVALUATION_GROUPS; i++)
	{
		equal = equal && e.groups[i].judgements == COUNT / EVALUATION_GROUPS;
		ascending = ascending && e.groups[i].predicted >= 0.5 &&
			(i == 0 || e.groups[i].predicted > e.groups[i - 1].predicted);
	}
	ok(equal, "groups are tenths");
	ok(ascending, "with ever larger differences");
}

int
main(void)
{
	test_small();
	test_random();
	test_groups();
	return done_testing();
}
