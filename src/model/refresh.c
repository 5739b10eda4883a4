/*
 * The refresh of a model.
 *
 * Phases: the sources are read (ingest.c), people measured (measures.c) and
 * scored (scoring.c) in memory; only then are the score views and the history
 * replaced (publish.c) and the log written. All of it is one transaction: readers
 * see the old scores until it commits, and an error at any moment leaves them.
 *
 * Locks: one refresh of a model at a time, held to the end of the transaction;
 * a second one is skipped and says so. Rights: everything is done as the owner
 * of the model, in a security-restricted operation (owner.c). Memory: one
 * context a run, one more per network while it is measured.
 */
#include "compat.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_type_d.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "model/attempt.h"
#include "model/cancel.h"
#include "model/model_lock.h"
#include "model/owner.h"
#include "model/own_ids.h"
#include "model/progress.h"
#include "model/publish.h"
#include "model/refresh_log.h"
#include "model/remarks.h"
#include "model/running_transactions.h"

/* A refresh that this session is in the middle of */
typedef struct RunningRefresh
{
	Oid			scores;			/* of its model */
	struct RunningRefresh *outer;	/* one whose sources called this one */
} RunningRefresh;

static RunningRefresh *running = NULL;

/*
 * Whether a source of the model's own refresh is asking for another one
 */
static bool
is_running_here(const ModelRef *model)
{
	for (RunningRefresh *refresh = running; refresh != NULL; refresh = refresh->outer)
		if (refresh->scores == model->scores)
			return true;
	return false;
}

/*
 * Take the model's refresh lock until the end of the transaction; false when
 * another refresh has it
 */
static bool
lock_for_refresh(const ModelRef *model)
{
	return !is_running_here(model) && model_lock(model, false);
}

/*
 * Look with a new snapshot, where the transaction has no other: what a refresh that has
 * just let go of the lock has left must be seen, and what was written here
 */
static void
push_snapshot(void)
{
	PushCopiedSnapshot(IsolationUsesXactSnapshot() ? GetActiveSnapshot() : GetLatestSnapshot());
	UpdateActiveSnapshotCommandId();
}

/*
 * Refresh as the owner; returns the row of the log in the current context
 */
static Datum
refresh_as_owner(const ModelRef *ref, RefreshRecord *record, RunOptions options)
{
	OwnerContext saved;
	RunningRefresh refresh = {.scores = ref->scores,.outer = running};
	Datum		row;
	Run		   *run = NULL;

	owner_enter(&saved, model_owner(ref));
	if (lock_for_refresh(ref))
	{
		refresh_log_lock();
		/* before the snapshot: whoever has ended by then is in it; an old one is without them */
		options.settled_before = IsolationUsesXactSnapshot() ? DT_NOBEGIN : oldest_transaction_start();
		running = &refresh;
		push_snapshot();
		own_ids_hide(ref);
		PopActiveSnapshot();
		push_snapshot();
		record->configuration = configuration_note(ref);
		run = run_compute(ref, record->as_of, options);
		publish_run(run);
		PopActiveSnapshot();
		remarks_report(run);
		record->status = "success";
		record->run = run;
	}
	else
		record->status = "skipped";
	row = refresh_log_insert(record);
	owner_leave(&saved);
	if (run != NULL)
		run_free(run);
	progress_end();
	return row;
}

/* What one refresh needs and gives back */
typedef struct RefreshCall
{
	const ModelRef *ref;
	RefreshRecord *record;
	RunOptions	options;
	Datum		row;			/* of the log */
} RefreshCall;

static void
refresh_action(void *arg)
{
	RefreshCall *call = arg;

	call->row = refresh_as_owner(call->ref, call->record, call->options);
}

/*
 * Refresh in a subtransaction; a failure is rolled back, logged and raised
 */
static Datum
refresh_or_log(const ModelRef *ref, RefreshRecord *record, RunOptions options)
{
	RefreshCall call = {.ref = ref,.record = record,.options = options};
	RunningRefresh *outer = running;
	ErrorData  *error = attempt(refresh_action, &call);

	running = outer;
	if (error != NULL)
	{
		record->status = "failed";
		record->error_code = unpack_sql_state(error->sqlerrcode);
		record->error = error->message;
		refresh_log_from_outside(record);
		progress_end();
		ReThrowError(error);
	}
	return call.row;
}

/*
 * A refresh writes: refuse it where nothing can be written (25006), where there
 * would be nobody to log its failure either
 */
static void
check_may_write(const ModelRef *ref)
{
	if (RecoveryInProgress())
		ereport(ERROR,
				(errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
				 errmsg("cannot refresh model \"%s\" on a standby server", ref->name),
				 errhint("Refresh it on the primary server; the scores get here by replication.")));
	if (XactReadOnly)
		ereport(ERROR,
				(errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
				 errmsg("cannot refresh model \"%s\" in a read-only transaction", ref->name),
				 errhint("BEGIN READ WRITE, or SET default_transaction_read_only = off.")));
}

/*
 * Refresh a model and return the run's row of influence.refresh_log
 */
static Datum
refresh_model(const ModelRef *ref, TimestampTz as_of, RunOptions options)
{
	RefreshRecord record = {.model = ref->name,.as_of = as_of};

	model_check_owner(ref);
	check_may_write(ref);
	record.started_at = GetCurrentTimestamp();
	record.run_by = GetUserNameFromId(GetUserId(), false);
	if (TIMESTAMP_NOT_FINITE(record.as_of))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("as_of of a refresh must be finite"),
				 errhint("Leave it out to refresh as of now.")));
	return refresh_or_log(ref, &record, options);
}

PG_FUNCTION_INFO_V1(influence_refresh);
PG_FUNCTION_INFO_V1(influence_calibrate);
PG_FUNCTION_INFO_V1(influence_refresh_all);

/*
 * The arguments (model text, as_of timestamptz) that both functions begin with
 */
static Datum
refresh_arguments(FunctionCallInfo fcinfo, RunOptions options)
{
	TimestampTz as_of;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("model must not be NULL")));
	as_of = PG_ARGISNULL(1) ? GetCurrentTransactionStartTimestamp() : PG_GETARG_TIMESTAMPTZ(1);
	return refresh_model(model_find(text_to_cstring(PG_GETARG_TEXT_PP(0))), as_of, options);
}

/*
 * influence_refresh(model text, as_of timestamptz, full boolean) returns influence.refresh_log
 */
Datum
influence_refresh(PG_FUNCTION_ARGS)
{
	bool		full = !PG_ARGISNULL(2) && PG_GETARG_BOOL(2);
	RunOptions	options = {.closed_days = full ? CLOSED_DAYS_REBUILD : CLOSED_DAYS_USE};

	PG_RETURN_DATUM(refresh_arguments(fcinfo, options));
}

/*
 * influence_calibrate(model text, as_of timestamptz): a refresh that fits the
 * map from raw influence to score anew
 */
Datum
influence_calibrate(PG_FUNCTION_ARGS)
{
	RunOptions	options = {.recalibrate = true,.closed_days = CLOSED_DAYS_USE};

	PG_RETURN_DATUM(refresh_arguments(fcinfo, options));
}

/*
 * Refresh one model in a transaction of its own; false when it failed
 *
 * The failure has been rolled back and logged by refresh_or_log(). It ends all
 * when somebody wanted that, and not when a source says so.
 */
static bool
refresh_and_commit(const ModelRef *ref)
{
	MemoryContext context = CurrentMemoryContext;
	bool		began = cancels_watch();
	int			cancels = cancels_seen();
	volatile bool succeeded = true;

	PushActiveSnapshot(GetTransactionSnapshot());
	PG_TRY();
	{
		/* found anew: another transaction */
		refresh_model(model_find(ref->name), GetCurrentTransactionStartTimestamp(),
					  (RunOptions) {.closed_days = CLOSED_DAYS_USE});
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		if (error->sqlerrcode == ERRCODE_QUERY_CANCELED && cancels_seen() != cancels)
		{
			cancels_unwatch(began);
			PG_RE_THROW();
		}
		FlushErrorState();
		ereport(WARNING,
				(errcode(error->sqlerrcode),
				 errmsg("refresh of model \"%s\" failed: %s", ref->name, error->message)));
		succeeded = false;
	}
	PG_END_TRY();
	cancels_unwatch(began);
	PopActiveSnapshot();
	SPI_commit();
	return succeeded;
}

/*
 * CALL influence_refresh_all(): refresh every model that the caller owns
 */
Datum
influence_refresh_all(PG_FUNCTION_ARGS)
{
	bool		nonatomic = IsA(fcinfo->context, CallContext) &&
		!castNode(CallContext, fcinfo->context)->atomic;
	MemoryContext context = CurrentMemoryContext;
	List	   *models;
	ListCell   *lc;
	StringInfoData failed;

	if (!nonatomic)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TRANSACTION_TERMINATION),
				 errmsg("influence_refresh_all() cannot run inside a transaction block"),
				 errhint("CALL it on its own, since it commits after each model.")));
	models = models_owned();
	initStringInfo(&failed);
	SPI_connect_ext(SPI_OPT_NONATOMIC);
	MemoryContextSwitchTo(context);
	foreach(lc, models)
	{
		ModelRef   *ref = lfirst(lc);

		if (!refresh_and_commit(ref))
			appendStringInfo(&failed, "%s\"%s\"", failed.len > 0 ? ", " : "", ref->name);
	}
	SPI_finish();
	if (failed.len > 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("models that failed to refresh: %s", failed.data),
				 errhint("See the warnings and influence.refresh_log.")));
	PG_RETURN_VOID();
}
