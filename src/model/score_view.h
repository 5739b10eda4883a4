/*
 * The view "scores" that a call of influence_score() reads.
 */
#ifndef INFLUENCE_SCORE_VIEW_H
#define INFLUENCE_SCORE_VIEW_H

#include "compat.h"

#include "utils/relcache.h"

#include "model/model.h"

/* Columns of the view "scores" */
#define SCORES_USER_ID	1
#define SCORES_SCORE	2

/* What was found out for one question, and which */
typedef struct ScoreView
{
	char	   *wanted;			/* name of the model; NULL: the only one */
	Oid			user;			/* who may read the view */
	uint64		generation;		/* of what all of this depends on */
	char	   *model;
	Oid			id_type;		/* INT8OID, UUIDOID or TEXTOID */
	Oid			scores;
	Oid			index;			/* unique, on user_id */
	RegProcedure equal;			/* of user_id */
	bool		equal_bytes;	/* ids are equal only when their bytes are */
} ScoreView;

extern ScoreView *score_view_open(const text *model_argument);
extern bool score_view_holds(const ScoreView *view, const text *model_argument);

#endif							/* INFLUENCE_SCORE_VIEW_H */
