/*
 * influence_evaluate: how well the published scores agree with judgements.
 *
 * The pairs are read with the rights of the caller. The scores are read from the view
 * "scores", for a caller who may read it: the whole view, once, which is faster than a
 * look-up for each person unless pairs are few.
 */
#include "compat.h"

#include "access/table.h"
#include "catalog/pg_type_d.h"
#include "fmgr.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "math/evaluation.h"
#include "memory.h"
#include "model/judgements.h"
#include "model/reading.h"
#include "query.h"

#define RESULT_COLUMNS 9

static const ReadRelation read_relations[] = {
	{"scores", "user_id score"}
};

/* Scores of the people who are in pairs */
typedef struct ScoreReader
{
	const ModelRef *model;
	InternTable *people;
	double	   *score;			/* by person */
	bool	   *known;			/* by person */
} ScoreReader;

static void
check_interrupts(void)
{
	CHECK_FOR_INTERRUPTS();
}

/*
 * StartCallback: what goes by the name of the view must be it
 */
static void
start_scores(TupleDesc desc, void *arg)
{
	ScoreReader *reader = arg;

	if (TupleDescAttr(desc, 0)->atttypid != reader->model->id_type ||
		TupleDescAttr(desc, 1)->atttypid != FLOAT8OID)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("materialized view \"%s.scores\" is not the one of model \"%s\"",
						reader->model->schema, reader->model->name),
				 errhint("Drop the model with influence_drop_model() and create it again.")));
}

/*
 * RowCallback
 */
static void
read_score(TupleTableSlot *slot, void *arg)
{
	ScoreReader *reader = arg;
	uint32		person;

	CHECK_FOR_INTERRUPTS();
	if (slot->tts_isnull[0] || slot->tts_isnull[1] ||
		!intern_find(reader->people, slot->tts_values[0], &person))
		return;
	reader->score[person] = DatumGetFloat8(slot->tts_values[1]);
	reader->known[person] = true;
}

/*
 * Look everybody's score up; leaves out the pairs of people without one
 */
static double *
read_scores(const ModelRef *model, Judgements *judgements)
{
	uint32		count = intern_count(judgements->people);
	ScoreReader reader = {.model = model,.people = judgements->people};
	OwnerContext saved;

	reader.score = huge_array(CurrentMemoryContext, count, sizeof(double));
	reader.known = huge_array(CurrentMemoryContext, count, sizeof(bool));
	memset(reader.known, 0, count * sizeof(bool));
	reading_enter(&saved, model, read_relations, lengthof(read_relations));
	query_stream(psprintf("SELECT s.user_id, s.score FROM %s.scores AS s",
						  quote_identifier(model->schema)),
				 start_scores, read_score, &reader);
	owner_leave(&saved);
	judgements_keep_known(judgements, model, reader.known);
	return reader.score;
}

#define ST_SORT sort_differences
#define ST_ELEMENT_TYPE JudgedDifference
#define ST_COMPARE(a, b) \
	(((a)->difference > (b)->difference) - ((a)->difference < (b)->difference))
#define ST_CHECK_FOR_INTERRUPTS
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"

/*
 * Evaluate the scores; sums are over sorted differences, so that the order of
 * the pairs does not show
 */
static Evaluation
evaluate(const Judgements *judgements, const double *score)
{
	uint64		count = judgements->count;
	JudgedDifference *judged = huge_array(CurrentMemoryContext, count, sizeof(JudgedDifference));
	double	   *scratch = huge_array(CurrentMemoryContext, count, 2 * sizeof(double));
	Evaluation	evaluation;

	for (uint64 i = 0; i < count; i++)
	{
		const Judgement *judgement = &judgements->items[i];

		judged[i].difference = score[judgement->more] - score[judgement->less];
		judged[i].judgements = 1;
	}
	sort_differences(judged, count);
	evaluation_compute(judged, count, scratch, check_interrupts, &evaluation);
	return evaluation;
}

/*
 * The calibration table as a jsonb array of objects; groups without pairs are
 * left out
 */
static Datum
calibration_table(const Evaluation *evaluation)
{
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfoChar(&json, '[');
	for (int i = 0; i < EVALUATION_GROUPS; i++)
	{
		const CalibrationGroup *group = &evaluation->groups[i];

		if (group->judgements == 0)
			continue;
		appendStringInfo(&json, "%s{\"pairs\": %.0f, \"predicted\": %s, \"observed\": %s}",
						 json.len > 1 ? ", " : "", group->judgements,
						 float8out_internal(group->predicted), float8out_internal(group->observed));
	}
	appendStringInfoChar(&json, ']');
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(json.data));
}

/*
 * The model's scores must have been published, else 55000
 */
static void
check_refreshed(const ModelRef *model)
{
	Relation	scores;

	model_owner(model);			/* an error when the view is gone */
	scores = table_open(model->scores, AccessShareLock);
	model_check_refreshed(model, scores);
	table_close(scores, NoLock);
}

/*
 * Put the one row into the function's result
 */
static void
return_evaluation(FunctionCallInfo fcinfo, const Judgements *judgements, const Evaluation *evaluation)
{
	ReturnSetInfo *set = (ReturnSetInfo *) fcinfo->resultinfo;
	Datum		values[RESULT_COLUMNS];
	bool		nulls[RESULT_COLUMNS] = {false};

	values[0] = Int64GetDatum((int64) judgements->count);
	values[1] = Int64GetDatum((int64) judgements->unknown);
	values[2] = Float8GetDatum(evaluation->auc);
	values[3] = Float8GetDatum(evaluation->accuracy);
	values[4] = Float8GetDatum(evaluation->slope);
	values[5] = Float8GetDatum(evaluation->log_loss);
	values[6] = Float8GetDatum(evaluation->brier);
	values[7] = Float8GetDatum(evaluation->calibration_error);
	values[8] = calibration_table(evaluation);
	tuplestore_putvalues(set->setResult, set->setDesc, values, nulls);
}

PG_FUNCTION_INFO_V1(influence_evaluate);

/*
 * influence_evaluate(model text, pairs text): one row, see its COMMENT
 */
Datum
influence_evaluate(PG_FUNCTION_ARGS)
{
	ModelRef   *model;
	Judgements *judgements;
	Evaluation	evaluation;
	MemoryContext context;
	MemoryContext old;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s must not be null", PG_ARGISNULL(0) ? "model" : "pairs")));
	InitMaterializedSRF(fcinfo, 0);
	context = AllocSetContextCreate(CurrentMemoryContext, "influence evaluate", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);

	model = model_find(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	check_refreshed(model);
	judgements = judgements_read(model, text_to_cstring(PG_GETARG_TEXT_PP(1)));
	evaluation = evaluate(judgements, read_scores(model, judgements));
	return_evaluation(fcinfo, judgements, &evaluation);

	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return (Datum) 0;
}
