/*
 * What a call sees: is it what an earlier call saw?
 *
 * A function may keep what it has read from one call to the next as long as
 * each would read the same, and has the locks that the first one took. Within a
 * statement that is so. But PL/pgSQL keeps a simple expression for a whole
 * transaction, or longer, over other statements, subtransactions and COMMIT.
 *
 * Snapshots are compared by content. Their addresses say nothing: most are
 * freed, and their memory used again, before the next call.
 */
#include "compat.h"

#include "access/xact.h"
#include "storage/proc.h"
#include "utils/snapmgr.h"

#include "model/moment.h"

struct Moment
{
	LocalTransactionId transaction;
	SubTransactionId subtransaction;

	/* The active snapshot */
	TransactionId xmin;
	TransactionId xmax;
	CommandId	command;
	bool		overflowed;
	bool		in_recovery;
	uint32		running_count;
	uint32		subrunning_count;
	TransactionId running[FLEXIBLE_ARRAY_MEMBER];	/* then those of subtransactions */
};

/*
 * How many subtransactions a snapshot lists; a copy leaves them out when they are not all
 */
static uint32
count_subtransactions(Snapshot snapshot)
{
	return snapshot->subxip == NULL ? 0 : (uint32) snapshot->subxcnt;
}

/*
 * Remember what is seen now, in the current memory context
 */
Moment *
moment_now(void)
{
	Snapshot	snapshot = GetActiveSnapshot();
	uint32		subrunning_count = count_subtransactions(snapshot);
	Moment	   *moment = palloc(offsetof(Moment, running) +
								((Size) snapshot->xcnt + subrunning_count) * sizeof(TransactionId));

	moment->transaction = my_local_transaction();
	moment->subtransaction = GetCurrentSubTransactionId();
	moment->xmin = snapshot->xmin;
	moment->xmax = snapshot->xmax;
	moment->command = snapshot->curcid;
	moment->overflowed = snapshot->suboverflowed;
	moment->in_recovery = snapshot->takenDuringRecovery;
	moment->running_count = snapshot->xcnt;
	moment->subrunning_count = subrunning_count;
	if (snapshot->xcnt > 0)
		memcpy(moment->running, snapshot->xip, snapshot->xcnt * sizeof(TransactionId));
	if (subrunning_count > 0)
		memcpy(moment->running + snapshot->xcnt, snapshot->subxip, subrunning_count * sizeof(TransactionId));
	return moment;
}

static bool
is_same_snapshot(const Moment *moment, Snapshot snapshot)
{
	return moment->xmin == snapshot->xmin && moment->xmax == snapshot->xmax &&
		moment->command == snapshot->curcid &&
		moment->overflowed == snapshot->suboverflowed &&
		moment->in_recovery == snapshot->takenDuringRecovery &&
		moment->running_count == snapshot->xcnt &&
		moment->subrunning_count == count_subtransactions(snapshot) &&
		(moment->running_count == 0 ||
		 memcmp(moment->running, snapshot->xip, moment->running_count * sizeof(TransactionId)) == 0) &&
		(moment->subrunning_count == 0 ||
		 memcmp(moment->running + moment->running_count, snapshot->subxip,
				moment->subrunning_count * sizeof(TransactionId)) == 0);
}

/*
 * Would this call see the same, with the same locks?
 */
bool
moment_is_now(const Moment *moment)
{
	return moment->transaction == my_local_transaction() &&
		moment->subtransaction == GetCurrentSubTransactionId() &&
		is_same_snapshot(moment, GetActiveSnapshot());
}
