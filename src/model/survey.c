/*
 * What must be known of all rows of a network before any target is measured: how
 * much each actor reacts, and which pairs of people there are.
 */
#include "compat.h"

#include "memory.h"
#include "model/row_scan.h"
#include "model/survey.h"

typedef struct Survey
{
	const Model *model;
	double		window;			/* longest age by the real clock, INFINITY: none */
	ActorHabits *habits;
	Reciprocity *reciprocity;
} Survey;

/*
 * Bring what survey_row() will touch into the cache
 */
static void
expect_row(void *state, ScannedRow scanned)
{
	const Survey *survey = state;
	uint32		actor = scanned.row->actor;

	if (actor == NOBODY)
		return;
	prefetch_to_write(&survey->habits[actor]);
	reciprocity_prefetch(survey->reciprocity, actor, scanned.target);
}

static void
survey_row(void *state, ScannedRow scanned)
{
	Survey	   *survey = state;
	const Interaction *row = scanned.row;
	const Signal *signal = &survey->model->signals[row->stamp.signal];

	if (row->actor == NOBODY || !role_is_engaging(signal->role))
		return;
	if ((double) row->stamp.age <= survey->window)
	{
		survey->habits[row->actor].reactions += interaction_rows(row);
		survey->habits[row->actor].gifts.given += tradable_amount(survey->model, row);
	}
	if (!signal->conversational && reciprocity_matters(survey->reciprocity))
		reciprocity_announce(survey->reciprocity, row->actor, scanned.target);
}

/*
 * Survey a network
 *
 * habits: zeroed; gets reactions and what was given. Announces the network's pairs.
 */
void
survey_network(Ingest *ingest, int network, ActorHabits *habits, Reciprocity *reciprocity)
{
	Survey		survey = {.model = ingest->model,.window = model_longest_age(ingest->model),
	.habits = habits,.reciprocity = reciprocity};
	char	   *buffer = palloc(LAST_CHUNK_BYTES);

	for (int i = 0; i < PARTITION_COUNT; i++)
		scan_rows(ingest, network, i, buffer, (RowVisitor) {survey_row, expect_row, &survey});
	pfree(buffer);
}
