/*
 * influence_log_changes(): the trigger that logs which closed days of a source a
 * statement has touched, or a row that logical replication writes.
 *
 * The writer of the table has no rights on our tables and need not have any on
 * what the mapping of occurred_at uses; both are the business of the model's
 * owner, as whom the trigger works, in a security-restricted operation (owner.c).
 * Whoever may create triggers can name any model in the arguments, but then
 * nothing happens unless the table is that source's own. The mapping may hold a
 * function of the owner's, who so sees the rows: only as long as the owner may SELECT
 * from the source. Otherwise, all days are logged.
 *
 * Days that are not over by now, by the measure of closed_plan.c, are not logged:
 * no refresh has closed one yet, and none will before this transaction has ended.
 * The clock is read when the statement has run, when this transaction can long be
 * seen to be running. So most statements log nothing, and cost a look at each row.
 *
 * Logical replication fires triggers for rows only, and only those that are enabled
 * for it. A transaction of its can touch many rows of a day, which is logged once.
 */
#include "compat.h"

#include <math.h>

#include "access/genam.h"
#include "access/sysattr.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type_d.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "storage/proc.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/rls.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "duration.h"
#include "model/attempt.h"
#include "model/cancel.h"
#include "model/closed_days.h"
#include "model/day_rows.h"
#include "model/model.h"
#include "model/owner.h"
#include "model/source.h"

/* More days of one statement than this are logged as one range */
#define MOST_DAYS	64

/* Stands for all days among those that were logged */
#define ALL_DAYS	PG_INT32_MIN

/* A day that a trigger for rows has logged */
typedef struct LoggedDay
{
	Oid			trigger;
	int			day;
} LoggedDay;

/*
 * Days that triggers for rows have logged in this subtransaction, since the last
 * refresh in it: that one deletes what was logged
 */
static struct
{
	LocalTransactionId transaction;
	SubTransactionId subtransaction;
	uint64		generation;		/* closed_days_generation() */
	HTAB	   *days;			/* LoggedDay; in TopTransactionContext */
}			logged;

/* What a statement did to a source, or to a row of it */
typedef struct Changes
{
	TriggerData *trigger;
	const char *model;
	const char *source;
	Oid			relation;		/* of the source */
	char	   *occurred_at;	/* mapping of the source */
	int			closed_end;		/* first day that is not over */
	int			day_count;
	int			days[MOST_DAYS];	/* ascending */
	bool		many;			/* more than that: from days[0] to the last one */
	bool		all;			/* whatever they are */
} Changes;

/*
 * The row of a configuration table with these names in its first columns, copied;
 * NULL when there is none
 *
 * Scanned as model.c does: it must work for writers without any rights.
 */
static HeapTuple
find_row(const char *table, const char *first, const char *second, TupleDesc *desc)
{
	Oid			oid = get_relname_relid(table, get_namespace_oid("influence", true));
	HeapTuple	found = NULL;
	HeapTuple	tuple;
	Relation	relation;
	SysScanDesc scan;

	if (!OidIsValid(oid))
		return NULL;
	relation = table_open(oid, AccessShareLock);
	*desc = CreateTupleDescCopy(RelationGetDescr(relation));
	scan = systable_beginscan(relation, InvalidOid, false, GetActiveSnapshot(), 0, NULL);
	while (found == NULL && HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		bool		isnull;

		if (strcmp(TextDatumGetCString(heap_getattr(tuple, 1, *desc, &isnull)), first) == 0 &&
			(second == NULL || strcmp(TextDatumGetCString(heap_getattr(tuple, 2, *desc, &isnull)), second) == 0))
			found = heap_copytuple(tuple);
	}
	systable_endscan(scan);
	table_close(relation, AccessShareLock);
	return found;
}

static Datum
named_column(HeapTuple tuple, TupleDesc desc, const char *name)
{
	for (int i = 0; i < desc->natts; i++)
	{
		bool		isnull;

		if (strcmp(NameStr(TupleDescAttr(desc, i)->attname), name) == 0)
			return heap_getattr(tuple, i + 1, desc, &isnull);
	}
	elog(ERROR, "column \"%s\" is missing", name);
}

/*
 * Find the source, and which of its days are over; false when the trigger is not,
 * or no longer, one of a source that reads this table
 *
 * Whether the source is incremental does not matter: it may be by the time this
 * transaction commits.
 */
static bool
find_source(Changes *changes)
{
	TupleDesc	desc;
	HeapTuple	model = find_row("models", changes->model, NULL, &desc);
	double		delay;
	HeapTuple	source;
	Oid			changed = RelationGetRelid(changes->trigger->tg_relation);

	if (model == NULL)
		return false;
	delay = interval_to_usec(DatumGetIntervalP(named_column(model, desc, "closing_delay")));
	changes->closed_end = (int) Max(floor(((double) GetCurrentTimestamp() - delay) / USECS_PER_DAY),
									PG_INT32_MIN / 2);
	source = find_row("sources", changes->model, changes->source, &desc);
	if (source == NULL)
		return false;
	changes->occurred_at = TextDatumGetCString(named_column(source, desc, "occurred_at"));
	changes->relation = DatumGetObjectId(named_column(source, desc, "relation"));
	return changes->relation == changed ||
		(OidIsValid(get_rel_type_id(changes->relation)) &&
		 typeInheritsFrom(get_rel_type_id(changed), get_rel_type_id(changes->relation)));
}

/*
 * Note a day, unless it is not over
 */
static void
note_day(Changes *changes, int day)
{
	int			place = changes->day_count;

	if (day >= changes->closed_end || (place > 0 && changes->days[place - 1] == day))
		return;
	while (place > 0 && changes->days[place - 1] >= day)
		place--;
	if (place < changes->day_count && changes->days[place] == day)
		return;
	if (changes->day_count == MOST_DAYS)
	{
		/* the ends are what is needed of a range */
		changes->many = true;
		if (place == 0)
			changes->days[0] = day;
		else if (place == MOST_DAYS)
			changes->days[MOST_DAYS - 1] = day;
		return;
	}
	memmove(&changes->days[place + 1], &changes->days[place], sizeof(int) * (changes->day_count - place));
	changes->days[place] = day;
	changes->day_count++;
}

/*
 * Note the day of a row
 */
static void
note_row(Changes *changes, TupleTableSlot *slot, ExprState *time, ExprContext *context)
{
	bool		isnull;
	Datum		value;

	ResetExprContext(context);
	context->ecxt_scantuple = slot;
	value = ExecEvalExprSwitchContext(time, context, &isnull);
	/* what has no time, or an infinite one, is not kept */
	if (!isnull && !TIMESTAMP_NOT_FINITE(DatumGetTimestampTz(value)))
		note_day(changes, day_of_time(DatumGetTimestampTz(value)));
}

/*
 * Note the days of the rows of a transition table
 */
static void
note_rows(Changes *changes, Tuplestorestate *rows, ExprState *time, ExprContext *context)
{
	TupleTableSlot *slot = MakeSingleTupleTableSlot(RelationGetDescr(changes->trigger->tg_relation),
													&TTSOpsMinimalTuple);
	int			pointer = tuplestore_alloc_read_pointer(rows, EXEC_FLAG_REWIND);

	tuplestore_select_read_pointer(rows, pointer);
	tuplestore_rescan(rows);
	while (tuplestore_gettupleslot(rows, true, false, slot))
	{
		CHECK_FOR_INTERRUPTS();
		note_row(changes, slot, time, context);
	}
	tuplestore_select_read_pointer(rows, 0);
	ExecDropSingleTupleTableSlot(slot);
}

/*
 * May the current user SELECT the columns that the mapping reads?
 */
static bool
may_see_columns(const Changes *changes, Node *expression)
{
	Bitmapset  *columns = NULL;
	int			column = -1;

	pull_varattnos(expression, 1, &columns);
	while ((column = bms_next_member(columns, column)) >= 0)
	{
		/* a partition may have them in another order */
		char	   *name = get_attname(RelationGetRelid(changes->trigger->tg_relation),
									   column + FirstLowInvalidHeapAttributeNumber, true);
		AttrNumber	number = name == NULL ? InvalidAttrNumber : get_attnum(changes->relation, name);

		if (number == InvalidAttrNumber ||
			pg_attribute_aclcheck(changes->relation, number, GetUserId(), ACL_SELECT) != ACLCHECK_OK)
			return false;
	}
	return true;
}

/*
 * May the owner of the model, who is the current user, see what the mapping sees?
 *
 * Rows that row-level security hides may be seen by what lets nothing out of them,
 * such as the column itself.
 */
static bool
may_see_rows(const Changes *changes, Node *expression)
{
	Oid			schema = get_rel_namespace(changes->relation);

	if (namespace_aclcheck(schema, GetUserId(), ACL_USAGE) != ACLCHECK_OK ||
		(pg_class_aclcheck(changes->relation, GetUserId(), ACL_SELECT) != ACLCHECK_OK &&
		 !may_see_columns(changes, expression)))
		return false;
	return check_enable_rls(changes->relation, GetUserId(), true) != RLS_ENABLED ||
		!contain_leaked_vars(expression);
}

/*
 * Note the days of all rows that the statement has touched
 */
static void
note_changes(void *arg)
{
	Changes    *changes = arg;
	EState	   *estate = CreateExecutorState();
	ExprContext *context = GetPerTupleExprContext(estate);
	Expr	   *expression = (Expr *) source_time_expression(changes->model, changes->source, changes->occurred_at,
															 changes->trigger->tg_relation);
	ExprState  *time;

	if (!may_see_rows(changes, (Node *) expression))
	{
		changes->all = true;
		FreeExecutorState(estate);
		return;
	}
	time = ExecPrepareExpr(expression, estate);
	if (changes->trigger->tg_oldtable != NULL)
		note_rows(changes, changes->trigger->tg_oldtable, time, context);
	if (changes->trigger->tg_newtable != NULL)
		note_rows(changes, changes->trigger->tg_newtable, time, context);
	if (TRIGGER_FIRED_FOR_ROW(changes->trigger->tg_event))
	{
		note_row(changes, changes->trigger->tg_trigslot, time, context);
		if (TRIGGER_FIRED_BY_UPDATE(changes->trigger->tg_event))
			note_row(changes, changes->trigger->tg_newslot, time, context);
	}
	FreeExecutorState(estate);
}

/*
 * Log a range of time
 */
static void
log_range(const Changes *changes, TimestampTz since, TimestampTz until)
{
	Oid			types[4] = {TEXTOID, TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID};
	Datum		values[4];

	values[0] = CStringGetTextDatum(changes->model);
	values[1] = CStringGetTextDatum(changes->source);
	values[2] = TimestampTzGetDatum(since);
	values[3] = TimestampTzGetDatum(until);
	SPI_execute_with_args("INSERT INTO influence.invalidations (model, source, since, until) "
						  "VALUES ($1, $2, $3, $4)", 4, types, values, NULL, false, 0);
}

static void
log_days(const Changes *changes, int first, int last)
{
	log_range(changes, (TimestampTz) first * USECS_PER_DAY, (TimestampTz) (last + 1) * USECS_PER_DAY);
}

/*
 * Log the days that were noted: those that follow each other as one range
 */
static void
log_changes(const Changes *changes)
{
	int			first = 0;

	SPI_connect();
	if (changes->all)
		log_range(changes, DT_NOBEGIN, DT_NOEND);
	else if (changes->many)
		log_days(changes, changes->days[0], changes->days[changes->day_count - 1]);
	else
		for (int i = 0; i < changes->day_count; i++)
			if (i + 1 == changes->day_count || changes->days[i + 1] != changes->days[i] + 1)
			{
				log_days(changes, changes->days[first], changes->days[i]);
				first = i + 1;
			}
	SPI_finish();
}

/*
 * Begin with no logged days, unless those there are still count
 */
static void
start_logged_days(void)
{
	HASHCTL		info = {.keysize = sizeof(LoggedDay),.entrysize = sizeof(LoggedDay),.hcxt = TopTransactionContext};

	if (logged.transaction == my_local_transaction() && logged.subtransaction == GetCurrentSubTransactionId() &&
		logged.generation == closed_days_generation())
		return;
	/* what another transaction had is gone with it */
	if (logged.transaction == my_local_transaction())
	{
		logged.transaction = InvalidLocalTransactionId;
		hash_destroy(logged.days);
	}
	logged.days = hash_create("influence logged days", 64, &info, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	logged.transaction = my_local_transaction();
	logged.subtransaction = GetCurrentSubTransactionId();
	logged.generation = closed_days_generation();
}

/*
 * Whether a day was logged before; if not, it counts as logged from now on
 */
static bool
was_logged(const Changes *changes, int day)
{
	LoggedDay	key;
	bool		found;

	memset(&key, 0, sizeof(key));
	key.trigger = changes->trigger->tg_trigger->tgoid;
	key.day = day;
	hash_search(logged.days, &key, HASH_ENTER, &found);
	return found;
}

/*
 * Leave out the days that this trigger has logged before
 */
static void
omit_logged_days(Changes *changes)
{
	int			count = 0;

	start_logged_days();
	changes->all = changes->all && !was_logged(changes, ALL_DAYS);
	for (int i = 0; i < changes->day_count; i++)
		if (!was_logged(changes, changes->days[i]))
			changes->days[count++] = changes->days[i];
	changes->day_count = count;
}

/*
 * As the owner of the model: see what has changed, and log it
 *
 * An error in the mapping is not the writer's: then everything may have changed.
 * Nor is a cancel that the mapping only claims.
 */
static void
see_and_log(Changes *changes)
{
	bool		began = cancels_watch();
	int			cancels = cancels_seen();
	ErrorData  *error = NULL;

	if (TRIGGER_FIRED_BY_TRUNCATE(changes->trigger->tg_event))
		changes->all = true;
	else
		error = attempt(note_changes, changes);
	cancels_unwatch(began);
	if (error != NULL)
	{
		if (error->sqlerrcode == ERRCODE_QUERY_CANCELED && cancels_seen() != cancels)
			ReThrowError(error);
		FreeErrorData(error);
		changes->all = true;
	}
	if (TRIGGER_FIRED_FOR_ROW(changes->trigger->tg_event))
		omit_logged_days(changes);
	if (changes->all || changes->day_count > 0)
		log_changes(changes);
}

PG_FUNCTION_INFO_V1(influence_log_changes);

/*
 * influence_log_changes() returns trigger; arguments of the trigger: model, source
 *
 * Error 39P01 unless it is called after a statement or row.
 */
Datum
influence_log_changes(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;
	Changes		changes = {.trigger = trigger};
	const ModelRef *ref;
	OwnerContext saved;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_AFTER(trigger->tg_event) ||
		trigger->tg_trigger->tgnargs != 2)
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("influence_log_changes() is for triggers of influence_track_changes()"),
				 errhint("SELECT influence_track_changes('model', 'source').")));
	changes.model = trigger->tg_trigger->tgargs[0];
	changes.source = trigger->tg_trigger->tgargs[1];
	if (!find_source(&changes))
		return PointerGetDatum(NULL);
	ref = model_find_if_any(changes.model);
	if (ref == NULL || !OidIsValid(ref->scores))
		return PointerGetDatum(NULL);

	owner_enter(&saved, model_owner(ref));
	see_and_log(&changes);
	owner_leave(&saved);
	return PointerGetDatum(NULL);
}
