/*
 * Learning the weights of measures from pairs of people of whom one was judged
 * more influential.
 *
 * Wording:
 *   term       ln(1 + measure) of a person on a network, as the score uses it
 *   raw        ln(1 + sum over networks of omega * (exp(sum of weight * term) - 1))
 *   slope      log-odds of being judged more influential, per unit of raw
 *   judgement  one pair, judged once; the same pair may be judged often
 */
#ifndef INFLUENCE_MATH_LEARNING_H
#define INFLUENCE_MATH_LEARNING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Terms of a person on a network, one for each measure */
#define LEARNING_TERMS	6

/* The last of them, authority, is not part of the sum of weights that is 1 */
#define LEARNING_FREE_TERM	(LEARNING_TERMS - 1)

/* No weight may be larger */
#define LEARNING_MAX_WEIGHT	100.0

/* People as the pairs name them, 0 to count - 1 */
typedef struct LearningPeople
{
	uint32_t	count;
	const uint64_t *row_start;	/* count + 1: first row of each */
	const double *omega;		/* by row: weight of the network */
	const double *term;			/* by row: LEARNING_TERMS of them, >= 0 */
} LearningPeople;

typedef struct LearningProblem
{
	LearningPeople people;
	size_t		pair_count;
	const uint32_t *more;		/* judged more influential than */
	const uint32_t *less;
	const double *judgements;	/* how often, above 0 */
	const int  *fold;			/* of each pair, 0 to folds - 1 */
	int			folds;			/* at least 2 */
	const double *current;		/* LEARNING_TERMS weights, 0 to LEARNING_MAX_WEIGHT */
	void		(*check) (void);	/* called now and then, may jump out; or NULL */
} LearningProblem;

typedef enum LearningOutcome
{
	LEARNING_DONE,
	LEARNING_TIED,				/* no pair differs in a measure but authority */
	LEARNING_CONTRARY,			/* no measure agrees with the judgements */
	LEARNING_NOT_CONVERGED
} LearningOutcome;

/* How well a set of weights foretells judgements */
typedef struct LearningQuality
{
	double		log_loss;		/* mean -ln(probability) */
	double		accuracy;		/* share told right, ties half */
} LearningQuality;

typedef struct LearningResult
{
	LearningOutcome outcome;
	double		weight[LEARNING_TERMS];
	double		slope;
	double		lambda;
	LearningQuality learned;	/* cross-validated */
	LearningQuality current;	/* the same with the current weights */
	double		residual;		/* of the fit */
	int			iterations;
} LearningResult;

extern double learning_raw(const LearningPeople *people, uint32_t person, const double *weight);

/* Bytes of scratch memory that learning_fit needs, aligned for double; 0 on overflow */
extern size_t learning_scratch(const LearningProblem *problem);

extern void learning_fit(const LearningProblem *problem, void *scratch, LearningResult *result);

#endif							/* INFLUENCE_MATH_LEARNING_H */
