/*
 * What must be known of all rows of a network before any target is measured: how
 * much each actor reacts, and which pairs of people there are.
 */
#include "compat.h"

#include "miscadmin.h"

#include "math/prefetch.h"
#include "memory.h"
#include "model/survey.h"

typedef struct Survey
{
	const Model *model;
	double		window;			/* longest age by the real clock, INFINITY: none */
	uint32	   *reactions;
	Reciprocity *reciprocity;
} Survey;

/*
 * Bring what survey_record() will touch into the cache
 */
static inline void
prefetch_record(const Survey *survey, uint32 partition, const Interaction *record)
{
	if (record->actor == NOBODY)
		return;
	prefetch_to_write(&survey->reactions[record->actor]);
	reciprocity_prefetch(survey->reciprocity, record->actor,
						 person_at(partition, interaction_place(record)));
}

static inline void
survey_record(Survey *survey, uint32 partition, const Interaction *record)
{
	const Signal *signal = &survey->model->signals[record->stamp.signal];

	if (record->actor == NOBODY || !role_is_engaging(signal->role))
		return;
	if ((double) record->stamp.age <= survey->window)
		survey->reactions[record->actor] += interaction_rows(record);
	if (survey->reciprocity->discount > 0 && !signal->conversational)
		reciprocity_announce(survey->reciprocity, record->actor,
							 person_at(partition, interaction_place(record)));
}

/*
 * The interactions of one partition; what is read of them, plain ones have, too
 */
static void
survey_partition(Survey *survey, uint32 partition, const RecordLog *log, char *buffer)
{
	for (uint32 chunk = 0; chunk < log->chunk_count; chunk++)
	{
		uint32		count;
		const char *record = record_log_chunk(log, chunk, buffer, &count);

		CHECK_FOR_INTERRUPTS();
		for (uint32 i = 0; i < count; i++, record += log->record_size)
		{
			if (i + PREFETCH_AHEAD < count)
				prefetch_record(survey, partition,
								(const Interaction *) (record + PREFETCH_AHEAD * log->record_size));
			survey_record(survey, partition, (const Interaction *) record);
		}
	}
}

/*
 * Survey a network
 *
 * Announces its pairs; returns the number of engaging rows by actor, in the
 * network's context.
 */
uint32 *
survey_network(Ingest *ingest, int network, uint32 person_count, Reciprocity *reciprocity)
{
	NetworkRows *rows = &ingest->networks[network];
	Survey		survey = {.model = ingest->model,.reciprocity = reciprocity};
	char	   *buffer = MemoryContextAlloc(rows->context, LAST_CHUNK_BYTES);

	survey.window = model_longest_age(ingest->model);
	survey.reactions = huge_array_zero(rows->context, person_count, sizeof(uint32));
	for (int i = 0; i < PARTITION_COUNT; i++)
	{
		survey_partition(&survey, i, ingest_log(ingest, network, i, ROWS_PLAIN), buffer);
		survey_partition(&survey, i, ingest_log(ingest, network, i, ROWS_INTERACTIONS), buffer);
	}
	pfree(buffer);
	return survey.reactions;
}
