/*
 * Judgements of who is more influential, as a query delivers them.
 */
#ifndef INFLUENCE_JUDGEMENTS_H
#define INFLUENCE_JUDGEMENTS_H

#include "postgres.h"

#include "intern.h"
#include "model/model.h"

/* One pair of people, numbers in Judgements.people */
typedef struct Judgement
{
	uint32		more;			/* was judged more influential than */
	uint32		less;
} Judgement;

typedef struct Judgements
{
	InternTable *people;
	uint64		count;
	Judgement  *items;
	uint64		unknown;		/* pairs left out by judgements_keep_known() */
} Judgements;

/* All judgements of the same two people, one way round */
typedef struct JudgedPair
{
	uint32		more;
	uint32		less;
	int			fold;
	double		judgements;		/* how many */
} JudgedPair;

extern Judgements *judgements_read(const ModelRef *model, const char *sql);
extern void judgements_keep_known(Judgements *judgements, const ModelRef *model, const bool *known);
extern uint32 *judgements_order_people(const Judgements *judgements);
extern JudgedPair *judgements_to_pairs(const Judgements *judgements, Oid id_type, const uint32 *position,
									   int folds, uint64 *pair_count, uint64 *distinct);

#endif							/* INFLUENCE_JUDGEMENTS_H */
