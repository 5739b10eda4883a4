/*
 * One computation of a model's scores as of a moment: sources are read, people
 * measured and scored. Nothing is written but what is kept of closed days.
 */
#include "compat.h"

#include "portability/instr_time.h"
#include "utils/memutils.h"

#include "math/prefetch.h"
#include "memory.h"
#include "model/calibration_store.h"
#include "model/history.h"
#include "model/ingest_run.h"
#include "model/progress.h"
#include "model/run.h"
#include "model/run_check.h"

/*
 * Milliseconds since the time given, which becomes now
 */
static double
lap(instr_time *since)
{
	instr_time	now;
	instr_time	elapsed;

	INSTR_TIME_SET_CURRENT(now);
	elapsed = now;
	INSTR_TIME_SUBTRACT(elapsed, *since);
	*since = now;
	return INSTR_TIME_GET_MILLISEC(elapsed);
}

/*
 * A run of a model as of a moment; model: NULL to load it
 */
static Run *
compute(const ModelRef *ref, Model *model, TimestampTz as_of, RunOptions options)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "influence run",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	Run		   *run = palloc0(sizeof(Run));
	ClosedDays *closed;
	Calibration *stored;
	instr_time	since;

	INSTR_TIME_SET_CURRENT(since);
	run->context = context;
	run->as_of = as_of;
	run->model = model != NULL ? model : config_load(ref);

	closed = closed_days_plan(run->model, as_of, options.closed_days, options.settled_before);
	run->ingest = ingest_run(run->model, as_of, closed);
	ingest_check(run->ingest);
	run->milliseconds[PHASE_READ] = lap(&since);

	if (closed != NULL)
		closed_days_keep(closed, run->ingest);
	run->milliseconds[PHASE_KEEP] = lap(&since);

	run->measures = measures_compute(run->ingest);
	run->milliseconds[PHASE_MEASURE] = lap(&since);

	progress_report(ref->name, "scoring");
	stored = calibration_load(run->model);
	run->scores = scores_compute(run->ingest, run->measures, stored,
								 options.recalibrate || run->model->calibrate_each_refresh);
	if (run->model->max_daily_gain > 0)
		scores_limit(run->scores, run->ingest,
					 history_load_limits(run->model, as_of, run->ingest, run->scores));
	history_load_changes(run->model, as_of, run->ingest, run->scores);
	run_check(run);
	run->milliseconds[PHASE_SCORE] = lap(&since);

	MemoryContextSwitchTo(old);
	return run;
}

/*
 * Compute the scores of a model
 *
 * The caller has become the model's owner (owner_enter). Free with run_free();
 * after an error the transaction's abort does.
 */
Run *
run_compute(const ModelRef *ref, TimestampTz as_of, RunOptions options)
{
	return compute(ref, NULL, as_of, options);
}

/*
 * Compute the scores of a model under a configuration that is not the stored one
 *
 * model: loaded by the caller, and still the caller's after run_free().
 */
Run *
run_compute_preview(Model *model, TimestampTz as_of, bool recalibrate)
{
	RunOptions	options = {.recalibrate = recalibrate,.closed_days = CLOSED_DAYS_IGNORE};

	model->is_preview = true;
	return compute(&model->ref, model, as_of, options);
}

/*
 * Free what is known of each person, which nobody will ask for any more; counts stay
 */
void
run_free_people(Run *run)
{
	Ingest	   *ingest = run->ingest;
	Scores	   *scores = run->scores;
	void	  **arrays[] = {
		(void **) &ingest->last_active_at, (void **) &ingest->sentiment, (void **) &ingest->privacy,
		(void **) &run->measures->person_networks,
		(void **) &scores->people, (void **) &scores->position, (void **) &scores->by_rank, (void **) &scores->by_id
	};

	for (int i = 0; i < (int) lengthof(arrays); i++)
	{
		if (*arrays[i] != NULL)
			pfree(*arrays[i]);
		*arrays[i] = NULL;
	}
	intern_destroy(ingest->people);
	ingest->people = NULL;
	memory_give_back();
}

/*
 * Free a run and all that belongs to it
 */
void
run_free(Run *run)
{
	spill_close(run->ingest->spill);
	MemoryContextDelete(run->context);
}

/*
 * Person number i in the given order, with the scores and ids of those that
 * follow on their way
 */
const PersonScore *
run_next_person(const Run *run, const uint32 *order, uint32 i)
{
	const Scores *scores = run->scores;

	if (i + 2 * PREFETCH_AHEAD < scores->count)
		prefetch(&scores->people[order[i + 2 * PREFETCH_AHEAD]]);
	if (i + PREFETCH_AHEAD < scores->count)
		intern_prefetch_datum(run->ingest->people, scores->people[order[i + PREFETCH_AHEAD]].person);
	return &scores->people[order[i]];
}
