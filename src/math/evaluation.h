/*
 * How well scores agree with judgements of who is more influential.
 */
#ifndef INFLUENCE_MATH_EVALUATION_H
#define INFLUENCE_MATH_EVALUATION_H

#include <stddef.h>

/* Groups of a calibration table */
#define EVALUATION_GROUPS	10

/*
 * The score of the one judged more influential less that of the other, and how
 * often that was judged
 */
typedef struct JudgedDifference
{
	double		difference;
	double		judgements;		/* above 0 */
} JudgedDifference;

/* Judgements whose differences are about as large: those of a tenth */
typedef struct CalibrationGroup
{
	double		judgements;		/* 0: nobody's difference is of this tenth */
	double		predicted;		/* mean probability that the higher score is right */
	double		observed;		/* share of judgements where it was, ties half */
} CalibrationGroup;

typedef struct Evaluation
{
	double		judgements;
	double		auc;
	double		accuracy;
	double		slope;			/* log-odds per unit of score, at least 0 */
	double		log_loss;
	double		brier;
	double		calibration_error;
	CalibrationGroup groups[EVALUATION_GROUPS];	/* from the smallest differences up */
} Evaluation;

/*
 * Evaluate judgements. judged: count of them, at least 1, in ascending order of
 * the difference; scratch: 2 * count doubles; check: called now and then, or NULL.
 */
extern void evaluation_compute(const JudgedDifference *judged, size_t count, double *scratch,
							   void (*check) (void), Evaluation *evaluation);

#endif							/* INFLUENCE_MATH_EVALUATION_H */
