/*
 * The table influence.refresh_log: one row a run.
 *
 * A run that fails takes its transaction with it, so its row is written by a
 * background worker in a transaction of its own. The worker gets the row's text
 * in a dynamic shared memory segment, inserts it, says so and ends. Without that
 * a warning says that the failure is not in the log.
 */
#include "compat.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type_d.h"
#include "executor/spi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "postmaster/bgworker.h"
#include "storage/dsm.h"
#include "storage/lmgr.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "model/accounts.h"
#include "model/attempt.h"
#include "model/refresh_log.h"

/* Longest error message that is kept of a failed run */
#define MAX_MESSAGE_BYTES	4096

/* How long the worker waits for the log before it gives up */
#define LOG_LOCK_TIMEOUT	"5s"

#define LOG_COLUMNS	19

/* A failed run as it travels to the worker */
typedef struct FailedRun
{
	Oid			database;
	TimestampTz as_of;
	TimestampTz started_at;
	char		model[NAMEDATALEN];
	char		run_by[NAMEDATALEN];
	char		error_code[6];
	char		error[MAX_MESSAGE_BYTES];
	bool		logged;			/* set by the worker when it is done */
} FailedRun;

static const char *const phase_names[RUN_PHASE_COUNT] = {
	[PHASE_READ] = "read",
	[PHASE_KEEP] = "keep",
	[PHASE_MEASURE] = "measure",
	[PHASE_SCORE] = "score",
	[PHASE_PUBLISH] = "publish"
};

/*
 * Rows that did not count, by reason, as JSON
 */
static char *
ignored_json(const Ingest *ingest)
{
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfoChar(&json, '{');
	for (int i = 0; i < IGNORE_REASON_COUNT; i++)
		if (ingest->rows_ignored[i] > 0)
			appendStringInfo(&json, "%s\"%s\": " UINT64_FORMAT, json.len > 1 ? ", " : "",
							 ignore_reason_name(i), ingest->rows_ignored[i]);
	appendStringInfoChar(&json, '}');
	return json.data;
}

/*
 * What was read of the links between accounts and people, as JSON; NULL when
 * there was no need to
 */
static char *
accounts_json(const Ingest *ingest)
{
	const AccountCounts *counts;

	if (ingest->accounts == NULL)
		return NULL;
	counts = accounts_counts(ingest->accounts);
	return psprintf("{\"links\": " UINT64_FORMAT ", \"people\": " UINT64_FORMAT
					", \"null\": " UINT64_FORMAT ", \"unknown_network\": " UINT64_FORMAT "}",
					counts->links, counts->people, counts->nulls, counts->unknown_network);
}

/*
 * Milliseconds by phase, as JSON
 */
static char *
milliseconds_json(const Run *run)
{
	StringInfoData json;

	initStringInfo(&json);
	for (int i = 0; i < RUN_PHASE_COUNT; i++)
		appendStringInfo(&json, "%c\"%s\": %.1f", i == 0 ? '{' : ',',
						 phase_names[i], run->milliseconds[i]);
	appendStringInfoChar(&json, '}');
	return json.data;
}

static void
set_text(Datum *values, char *nulls, int column, const char *text)
{
	nulls[column] = text == NULL ? 'n' : ' ';
	values[column] = text == NULL ? (Datum) 0 : CStringGetTextDatum(text);
}

/*
 * Columns that only a successful run has
 */
static void
set_run_columns(Datum *values, char *nulls, int first, const Run *run)
{
	const Calibration *calibration = run->scores->calibration;

	memset(nulls + first, ' ', 8);
	values[first] = Int64GetDatum((int64) run->ingest->rows_read);
	values[first + 1] = Int64GetDatum((int64) run->ingest->rows_kept);
	set_text(values, nulls, first + 2, ignored_json(run->ingest));
	values[first + 3] = Int64GetDatum(run->scores->count);
	set_text(values, nulls, first + 4, milliseconds_json(run));
	values[first + 5] = Int32GetDatum(run->measures->iterations);
	values[first + 6] = Float8GetDatum(run->measures->residual);
	values[first + 7] = Int32GetDatum(calibration != NULL ? calibration->version : 0);
	if (calibration == NULL)
		nulls[first + 7] = 'n';
}

/*
 * Lock the table as an insert does, until the end of the transaction
 *
 * Whoever has locked it, to reindex it for example, is waited for here, and not
 * when the views are locked exclusively and their readers would wait, too.
 */
void
refresh_log_lock(void)
{
	Oid			log = get_relname_relid("refresh_log", get_namespace_oid("influence", false));

	if (OidIsValid(log))
		LockRelationOid(log, RowExclusiveLock);
}

/*
 * Insert a row; returns it (type influence.refresh_log) in the current context
 */
Datum
refresh_log_insert(const RefreshRecord *record)
{
	static Oid	types[LOG_COLUMNS] = {
		TEXTOID, TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID,
		INT8OID, INT8OID, TEXTOID, INT8OID, TEXTOID, INT4OID, FLOAT8OID, INT4OID,
		TEXTOID, TEXTOID, TEXTOID, INT4OID, INT4OID, TEXTOID
	};
	MemoryContext context = CurrentMemoryContext;
	MemoryContext old;
	Datum		values[LOG_COLUMNS] = {0};
	char		nulls[LOG_COLUMNS];
	bool		isnull;
	Datum		row;

	SPI_connect();
	memset(nulls, 'n', sizeof(nulls));
	set_text(values, nulls, 0, record->model);
	set_text(values, nulls, 1, record->status);
	values[2] = TimestampTzGetDatum(record->as_of);
	values[3] = TimestampTzGetDatum(record->started_at);
	values[4] = TimestampTzGetDatum(GetCurrentTimestamp());
	memset(nulls + 2, ' ', 3);
	if (record->run != NULL)
		set_run_columns(values, nulls, 5, record->run);
	set_text(values, nulls, 13, record->error_code);
	set_text(values, nulls, 14, record->error);
	set_text(values, nulls, 15, record->run_by);
	if (record->run != NULL)
	{
		values[16] = Int32GetDatum(record->configuration.formula_version);
		values[17] = Int32GetDatum(record->configuration.version);
		memset(nulls + 16, ' ', 2);
		set_text(values, nulls, 18, accounts_json(record->run->ingest));
	}

	SPI_execute_with_args("INSERT INTO influence.refresh_log AS l (model, status, as_of, started_at, finished_at, "
						  "rows_read, rows_kept, rows_ignored, users, milliseconds, iterations, residual, calibration, "
						  "error_code, error, run_by, formula_version, configuration, accounts) "
						  "VALUES ($1, $2, $3, $4, $5, $6, $7, $8::jsonb, $9, $10::jsonb, $11, $12, $13, $14, $15, $16, $17, $18, $19::jsonb) "
						  "RETURNING l", LOG_COLUMNS, types, values, nulls, false, 0);
	if (SPI_processed != 1)
		elog(ERROR, "the refresh of model \"%s\" was not logged", record->model);
	row = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	old = MemoryContextSwitchTo(context);
	row = datumCopy(row, false, -1);
	MemoryContextSwitchTo(old);
	SPI_finish();
	return row;
}

PGDLLEXPORT void influence_log_worker(Datum segment);

/*
 * Become the owner of the log, for good
 *
 * Whoever may DROP EXTENSION may have put a table with triggers in the place of the
 * log, or be about to. It is locked first, and neither it nor its schema may
 * belong to anybody else, who could exchange it once more.
 */
static void
become_log_owner(void)
{
	Oid			schema;
	RangeVar   *log = makeRangeVar("influence", "refresh_log", -1);
	Oid			relation = RangeVarGetRelid(log, RowExclusiveLock, false);
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for relation %u", relation);
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	schema = ((Form_pg_class) GETSTRUCT(tuple))->relnamespace;
	ReleaseSysCache(tuple);
	tuple = SearchSysCache1(NAMESPACEOID, ObjectIdGetDatum(schema));
	if (!HeapTupleIsValid(tuple) || ((Form_pg_namespace) GETSTRUCT(tuple))->nspowner != owner)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("table \"influence.refresh_log\" is not the one of the extension")));
	ReleaseSysCache(tuple);
	SetUserIdAndSecContext(owner, SECURITY_RESTRICTED_OPERATION);
}

/*
 * Main function of the worker: insert the row of a failed run
 *
 * Connects as the bootstrap superuser, since the role that ran the refresh may
 * not be allowed to log in, and goes on as the owner of the log.
 */
void
influence_log_worker(Datum segment)
{
	dsm_segment *shared;
	FailedRun  *failed;
	RefreshRecord record = {.status = "failed"};

	BackgroundWorkerUnblockSignals();
	CurrentResourceOwner = ResourceOwnerCreate(NULL, "influence log");
	shared = dsm_attach(DatumGetUInt32(segment));
	if (shared == NULL)
		return;
	dsm_pin_mapping(shared);
	failed = dsm_segment_address(shared);

	BackgroundWorkerInitializeConnectionByOid(failed->database, InvalidOid, 0);
	SetConfigOption("lock_timeout", LOG_LOCK_TIMEOUT, PGC_USERSET, PGC_S_OVERRIDE);
	SetConfigOption("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_OVERRIDE);

	record.model = failed->model;
	record.run_by = failed->run_by;
	record.error_code = failed->error_code;
	record.error = failed->error;
	record.as_of = failed->as_of;
	record.started_at = failed->started_at;

	StartTransactionCommand();
	become_log_owner();
	PushActiveSnapshot(GetTransactionSnapshot());
	refresh_log_insert(&record);
	PopActiveSnapshot();
	CommitTransactionCommand();
	failed->logged = true;
}

/*
 * Start the worker; false when there is no room for one
 */
static bool
start_worker(dsm_handle segment, BackgroundWorkerHandle **handle)
{
	BackgroundWorker worker = {0};

	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	worker.bgw_main_arg = UInt32GetDatum(segment);
	worker.bgw_notify_pid = MyProcPid;
	strlcpy(worker.bgw_library_name, "influence", sizeof(worker.bgw_library_name));
	strlcpy(worker.bgw_function_name, "influence_log_worker", sizeof(worker.bgw_function_name));
	strlcpy(worker.bgw_name, "influence refresh log", sizeof(worker.bgw_name));
	strlcpy(worker.bgw_type, "influence refresh log", sizeof(worker.bgw_type));
	return RegisterDynamicBackgroundWorker(&worker, handle);
}

/*
 * Copy a text, cut between characters where it is too long
 */
static void
copy_clipped(char *to, const char *from, int size)
{
	int			length = pg_mbcliplen(from, strlen(from), size - 1);

	memcpy(to, from, length);
	to[length] = '\0';
}

/*
 * Give a failed run to a worker and wait for it; an error says why it is not in
 * the log
 */
static void
have_it_logged(void *arg)
{
	const RefreshRecord *record = arg;
	dsm_segment *shared = dsm_create(sizeof(FailedRun), 0);
	FailedRun  *failed = dsm_segment_address(shared);
	BackgroundWorkerHandle *handle;

	failed->logged = false;
	failed->database = MyDatabaseId;
	failed->as_of = record->as_of;
	failed->started_at = record->started_at;
	copy_clipped(failed->model, record->model, sizeof(failed->model));
	copy_clipped(failed->run_by, record->run_by, sizeof(failed->run_by));
	copy_clipped(failed->error_code, record->error_code, sizeof(failed->error_code));
	copy_clipped(failed->error, record->error, sizeof(failed->error));
	if (!start_worker(dsm_segment_handle(shared), &handle))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
				 errmsg("no background worker is free"),
				 errhint("Raise max_worker_processes.")));
	WaitForBackgroundWorkerShutdown(handle);
	if (!failed->logged)
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("the background worker failed"),
				 errhint("See the server's log.")));
	dsm_detach(shared);
}

/*
 * Log a failed run from outside of the current transaction
 *
 * That it cannot be logged is a warning: it is the run's own error that counts.
 */
void
refresh_log_from_outside(RefreshRecord *record)
{
	ErrorData  *error = attempt(have_it_logged, record);

	if (error != NULL)
		ereport(WARNING,
				(errcode(error->sqlerrcode),
				 errmsg("the failed refresh of model \"%s\" is not in influence.refresh_log: %s",
						record->model, error->message),
				 error->hint == NULL ? 0 : errhint("%s", error->hint)));
}
