/*
 * influence_fit: learn the weights of the measures from judgements.
 *
 * Phases: the pairs query is run as the caller; the measures are computed anew
 * from the sources, as the owner, as a refresh computes them and as of the
 * moment that was published; the weights are learned (math/learning.c); on
 * request they are stored, as the caller.
 *
 * The measures cannot be read from the view network_scores: it shows
 * amplification as a percentage, which is 100 from a few dozen shares a post on,
 * and the audience summed over the kinds of follow, while the score adds up
 * their logarithms. Nothing is published, and no lock keeps a refresh out.
 */
#include "compat.h"

#include "access/xact.h"
#include "catalog/pg_type_d.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "math/learning.h"
#include "memory.h"
#include "model/ingest.h"
#include "model/ingest_run.h"
#include "model/judgements.h"
#include "model/measures.h"
#include "model/owner.h"
#include "model/progress.h"

#define MIN_FOLDS	2
#define MAX_FOLDS	100

#define RESULT_COLUMNS 11

StaticAssertDecl(MEASURE_COUNT == LEARNING_TERMS && MEASURE_AUTHORITY == LEARNING_FREE_TERM,
				 "measures must be in the order of the terms");

/* Measures in the order of the rows, which is that of the formula */
static const struct
{
	Measure		measure;
	const char *name;
}			shown_measures[MEASURE_COUNT] = {
	{MEASURE_AUDIENCE, "audience"},
	{MEASURE_ENGAGEMENT, "engagement"},
	{MEASURE_TRUE_REACH, "true_reach"},
	{MEASURE_AMPLIFICATION, "amplification"},
	{MEASURE_NETWORK_INFLUENCE, "network_influence"},
	{MEASURE_AUTHORITY, "authority"}
};

static void
check_interrupts(void)
{
	CHECK_FOR_INTERRUPTS();
}

/*
 * Position of a person of the run among those judged, false when not judged
 */
static bool
find_judged(const Judgements *judgements, const uint32 *position, const Ingest *ingest,
			uint32 person, uint32 *found)
{
	uint32		judged;

	if (!intern_find(judgements->people, intern_datum(ingest->people, person), &judged))
		return false;
	*found = position[judged];
	return true;
}

/*
 * Gather the terms of the people judged, by their positions
 *
 * The rows of one person are in order of their networks.
 */
static LearningPeople
gather_terms(const Judgements *judgements, const uint32 *position, const Ingest *ingest,
			 const Measures *measures)
{
	LearningPeople people = {.count = intern_count(judgements->people)};
	uint64	   *row_start = huge_array(CurrentMemoryContext, (uint64) people.count + 1, sizeof(uint64));
	uint64	   *next = huge_array(CurrentMemoryContext, people.count, sizeof(uint64));
	double	   *omega;
	double	   *term;
	uint32		p;

	memset(row_start, 0, ((Size) people.count + 1) * sizeof(uint64));
	for (uint64 i = 0; i < measures->person_network_count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (find_judged(judgements, position, ingest, measures->person_networks[i].person, &p))
			row_start[p + 1]++;
	}
	for (p = 0; p < people.count; p++)
	{
		row_start[p + 1] += row_start[p];
		next[p] = row_start[p];
	}

	omega = huge_array(CurrentMemoryContext, row_start[people.count], sizeof(double));
	term = huge_array(CurrentMemoryContext, row_start[people.count], MEASURE_COUNT * sizeof(double));
	for (uint64 i = 0; i < measures->person_network_count; i++)
	{
		const PersonNetwork *pn = &measures->person_networks[i];
		uint64		row;

		CHECK_FOR_INTERRUPTS();
		if (!find_judged(judgements, position, ingest, pn->person, &p))
			continue;
		row = next[p]++;
		omega[row] = ingest->model->networks[pn->network].weight;
		for (int c = 0; c < MEASURE_COUNT; c++)
			term[row * MEASURE_COUNT + c] = measure_term(pn, c);
	}
	pfree(next);
	people.row_start = row_start;
	people.omega = omega;
	people.term = term;
	return people;
}

/*
 * Measure everybody as the owner; returns the terms of the people judged and
 * copies the model's weights
 *
 * context: for what is needed on the way
 */
static LearningPeople
measure_people(const ModelRef *ref, const Judgements *judgements, const uint32 *position,
			   MemoryContext context, double *weights)
{
	MemoryContext result_context = MemoryContextSwitchTo(context);
	OwnerContext saved;
	Model	   *model;
	Ingest	   *ingest;
	Measures   *measures;
	LearningPeople people;

	owner_enter(&saved, model_owner(ref));
	/* as for the views: what another refresh has just published is to be seen */
	PushActiveSnapshot(IsolationUsesXactSnapshot() ? GetActiveSnapshot() : GetLatestSnapshot());
	model = config_load(ref);
	ingest = ingest_run(model, TIMESTAMP_IS_NOBEGIN(model->published_as_of) ?
						GetCurrentTransactionStartTimestamp() : model->published_as_of, NULL);
	measures = measures_compute(ingest);
	PopActiveSnapshot();
	owner_leave(&saved);
	progress_end();

	memcpy(weights, model->measure_weight, sizeof(model->measure_weight));
	MemoryContextSwitchTo(result_context);
	people = gather_terms(judgements, position, ingest, measures);
	spill_close(ingest->spill);
	MemoryContextReset(context);
	return people;
}

/*
 * Leave out the pairs of people who have no score
 */
static void
keep_measured(Judgements *judgements, const ModelRef *ref, const uint32 *position,
			  const LearningPeople *people)
{
	bool	   *known = huge_array(CurrentMemoryContext, people->count, sizeof(bool));

	for (uint32 i = 0; i < people->count; i++)
		known[i] = people->row_start[position[i]] < people->row_start[position[i] + 1];
	judgements_keep_known(judgements, ref, known);
	pfree(known);
}

/*
 * Hand pairs to the math layer, which wants an array for each of their parts
 */
static void
fill_pairs(LearningProblem *problem, const JudgedPair *pairs, uint64 count)
{
	uint32	   *more = huge_array(CurrentMemoryContext, count, sizeof(uint32));
	uint32	   *less = huge_array(CurrentMemoryContext, count, sizeof(uint32));
	double	   *judgements = huge_array(CurrentMemoryContext, count, sizeof(double));
	int		   *fold = huge_array(CurrentMemoryContext, count, sizeof(int));

	for (uint64 i = 0; i < count; i++)
	{
		more[i] = pairs[i].more;
		less[i] = pairs[i].less;
		judgements[i] = pairs[i].judgements;
		fold[i] = pairs[i].fold;
	}
	problem->pair_count = count;
	problem->more = more;
	problem->less = less;
	problem->judgements = judgements;
	problem->fold = fold;
}

/*
 * Raise what kept the weights from being learned
 */
static void
check_outcome(const ModelRef *ref, const LearningResult *result)
{
	switch (result->outcome)
	{
		case LEARNING_DONE:
			return;
		case LEARNING_TIED:
			ereport(ERROR,
					(errcode(ERRCODE_DATA_EXCEPTION),
					 errmsg("the people of every pair are tied in every measure of model \"%s\", authority aside",
							ref->name),
					 errhint("Judge pairs of people who differ in %s.network_scores.",
							 quote_identifier(ref->schema))));
			break;
		case LEARNING_CONTRARY:
			ereport(ERROR,
					(errcode(ERRCODE_DATA_EXCEPTION),
					 errmsg("the pairs contradict every measure of model \"%s\"", ref->name),
					 errhint("Look whether more_influential and less_influential have been interchanged.")));
			break;
		case LEARNING_NOT_CONVERGED:
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("the weights of model \"%s\" did not converge in %d iterations, residual %g",
							ref->name, result->iterations, result->residual),
					 errhint("Give more pairs.")));
	}
}

/*
 * Learn from pairs of people who are measured
 */
static LearningResult
learn(const ModelRef *ref, const Judgements *judgements, const uint32 *position,
	  LearningPeople people, const double *weights, int folds)
{
	LearningProblem problem = {
		.people = people,.folds = folds,.current = weights,.check = check_interrupts
	};
	LearningResult result;
	uint64		count;
	uint64		distinct;
	JudgedPair *pairs = judgements_to_pairs(judgements, ref->id_type, position, folds, &count, &distinct);
	Size		scratch;

	if (distinct < (uint64) folds)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%llu different pairs are fewer than the %d folds of the cross-validation",
						(unsigned long long) distinct, folds),
				 errhint("Give more pairs, of people who have a score, or a smaller folds, at least %d.",
						 MIN_FOLDS)));
	fill_pairs(&problem, pairs, count);
	scratch = learning_scratch(&problem);
	if (scratch == 0)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("%llu pairs are too many", (unsigned long long) count),
				 errhint("Give a sample of them.")));
	learning_fit(&problem, huge_array(CurrentMemoryContext, scratch, 1), &result);
	check_outcome(ref, &result);
	return result;
}

/*
 * Store the weights, with the rights of the caller
 */
static void
store_weights(const ModelRef *ref, const double *weight)
{
	Oid			types[1 + MEASURE_COUNT] = {TEXTOID};
	Datum		values[1 + MEASURE_COUNT];

	SPI_connect();
	values[0] = CStringGetTextDatum(ref->name);
	for (int c = 0; c < MEASURE_COUNT; c++)
	{
		types[1 + c] = FLOAT8OID;
		values[1 + c] = Float8GetDatum(weight[c]);
	}
	SPI_execute_with_args("UPDATE influence.models SET engagement_weight = $2, true_reach_weight = $3, "
						  "audience_weight = $4, amplification_weight = $5, "
						  "network_influence_weight = $6, authority_weight = $7 "
						  "WHERE model OPERATOR(pg_catalog.=) $1",
						  1 + MEASURE_COUNT, types, values, NULL, false, 0);
	if (SPI_processed != 1)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("weights of model \"%s\" were not stored", ref->name),
				 errhint("The model was dropped meanwhile.")));
	SPI_finish();
}

/*
 * Put a row per measure into the function's result
 */
static void
return_weights(FunctionCallInfo fcinfo, const LearningResult *result, const double *current,
			   const Judgements *judgements)
{
	ReturnSetInfo *set = (ReturnSetInfo *) fcinfo->resultinfo;
	Datum		values[RESULT_COLUMNS];
	bool		nulls[RESULT_COLUMNS] = {false};

	values[3] = Float8GetDatum(result->slope);
	values[4] = Float8GetDatum(result->lambda);
	values[5] = Int64GetDatum((int64) judgements->count);
	values[6] = Int64GetDatum((int64) judgements->unknown);
	values[7] = Float8GetDatum(result->learned.accuracy);
	values[8] = Float8GetDatum(result->current.accuracy);
	values[9] = Float8GetDatum(result->learned.log_loss);
	values[10] = Float8GetDatum(result->current.log_loss);
	for (int i = 0; i < MEASURE_COUNT; i++)
	{
		Measure		measure = shown_measures[i].measure;

		values[0] = CStringGetTextDatum(shown_measures[i].name);
		values[1] = Float8GetDatum(result->weight[measure]);
		values[2] = Float8GetDatum(current[measure]);
		tuplestore_putvalues(set->setResult, set->setDesc, values, nulls);
	}
}

/*
 * Refuse null arguments with 22004 and a bad number of folds with 22023
 */
static void
check_arguments(FunctionCallInfo fcinfo)
{
	static const char *const names[] = {"model", "pairs", "folds", "store"};
	int			folds;

	for (int i = 0; i < (int) lengthof(names); i++)
		if (PG_ARGISNULL(i))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("%s must not be null", names[i])));
	folds = PG_GETARG_INT32(2);
	if (folds < MIN_FOLDS || folds > MAX_FOLDS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("folds \"%d\" is not allowed", folds),
				 errhint("It is a number from %d to %d; 5 and 10 are usual.", MIN_FOLDS, MAX_FOLDS)));
}

PG_FUNCTION_INFO_V1(influence_fit);

/*
 * influence_fit(model text, pairs text, folds int, store boolean): a row per
 * measure, see its COMMENT
 */
Datum
influence_fit(PG_FUNCTION_ARGS)
{
	MemoryContext context;
	MemoryContext old;
	ModelRef   *ref;
	Judgements *judgements;
	uint32	   *position;
	LearningPeople people;
	LearningResult result;
	double		current[MEASURE_COUNT];

	check_arguments(fcinfo);
	InitMaterializedSRF(fcinfo, 0);
	context = AllocSetContextCreate(CurrentMemoryContext, "influence fit", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);

	ref = model_find(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	model_check_owner(ref);
	judgements = judgements_read(ref, text_to_cstring(PG_GETARG_TEXT_PP(1)));
	position = judgements_order_people(judgements);
	people = measure_people(ref, judgements, position,
							AllocSetContextCreate(context, "influence run", ALLOCSET_DEFAULT_SIZES),
							current);
	keep_measured(judgements, ref, position, &people);
	result = learn(ref, judgements, position, people, current, PG_GETARG_INT32(2));
	if (PG_GETARG_BOOL(3))
		store_weights(ref, result.weight);
	return_weights(fcinfo, &result, current, judgements);

	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return (Datum) 0;
}
