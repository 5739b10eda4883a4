/*
 * Doing what may fail, mostly because of the lock of another session: in a
 * subtransaction, so that a failed attempt lets go of the locks that it got and
 * leaves nothing.
 */
#include "compat.h"

#include <signal.h>

#include "access/xact.h"
#include "miscadmin.h"
#include "storage/proc.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/timeout.h"
#include "utils/timestamp.h"

#include "model/attempt.h"
#include "model/cancel.h"

/*
 * Call action(arg) in a subtransaction, and keep or undo what it did
 */
static ErrorData *
call_in_subtransaction(void (*action) (void *arg), void *arg, bool keep)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	ErrorData  *volatile error = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		int			nestlevel = NewGUCNestLevel();

		action(arg);
		AtEOXact_GUC(false, nestlevel);
		if (keep)
			ReleaseCurrentSubTransaction();
		else
			RollbackAndReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	return error;
}

/*
 * Call action(arg); NULL when it succeeded, else its error, rolled back
 *
 * The caller raises again (ReThrowError) what it did not expect, a cancel first
 * of all. Settings changed by the action are as before in any case.
 */
ErrorData *
attempt(void (*action) (void *arg), void *arg)
{
	return call_in_subtransaction(action, arg, true);
}

/*
 * As attempt(), but what the action did is rolled back in any case
 *
 * What it allocates in the memory context that it is called in stays.
 */
ErrorData *
attempt_and_undo(void (*action) (void *arg), void *arg)
{
	return call_in_subtransaction(action, arg, false);
}

/* How often it is looked after the deadline whether a lock is waited for, in milliseconds */
#define LOOK_AGAIN_MS	10

/* An action that waits for locks, see attempt_locks() */
typedef struct LockingAction
{
	void		(*action) (void *arg);
	void	   *arg;
} LockingAction;

/* Whether the deadline has made the server end a wait */
static volatile sig_atomic_t deadline_ended_wait;

/*
 * Handler of the deadline: end the wait for a lock, if there is one now
 *
 * The server's lock_timeout does so by sending SIGINT, as a cancel does, and two
 * signals on their way at a time are one. So this has the same effect without one.
 */
static void
end_lock_wait(void)
{
	if (MyProc->waitLock == NULL)
		return;
	deadline_ended_wait = true;
	InterruptPending = true;
	QueryCancelPending = true;
}

/*
 * The timeout that calls end_lock_wait()
 */
static TimeoutId
lock_deadline(void)
{
	static TimeoutId id = MAX_TIMEOUTS;

	if (id == MAX_TIMEOUTS)
		id = RegisterTimeout(USER_TIMEOUT, end_lock_wait);
	return id;
}

/*
 * Do the action without the limit that the session has for locks
 */
static void
wait_for_locks(void *arg)
{
	const LockingAction *locking = arg;

	(void) set_config_option("lock_timeout", "0", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	locking->action(locking->arg);
}

/*
 * Attempt the action with the deadline running, and cancels being counted
 *
 * When the deadline made the server report a cancel, and there was none, that is
 * an error for want of a lock. A cancel that came as well is raised at once,
 * unless it is the error.
 */
static ErrorData *
attempt_until_deadline(LockingAction *locking, int milliseconds)
{
	int			cancels = cancels_seen();
	ErrorData  *error;

	/* one from before would be taken for the deadline's */
	CHECK_FOR_INTERRUPTS();
	deadline_ended_wait = false;
	enable_timeout_every(lock_deadline(), TimestampTzPlusMilliseconds(GetCurrentTimestamp(), milliseconds),
						 LOOK_AGAIN_MS);
	error = attempt(wait_for_locks, locking);
	disable_timeout(lock_deadline(), false);

	/* in this order: what comes in between is either seen, or stays pending */
	if (deadline_ended_wait && QueryCancelPending)
	{
		QueryCancelPending = false;
		if (cancels_seen() != cancels)
			QueryCancelPending = InterruptPending = true;
	}
	CHECK_FOR_INTERRUPTS();
	if (error != NULL && error->sqlerrcode == ERRCODE_QUERY_CANCELED &&
		deadline_ended_wait && cancels_seen() == cancels)
		error->sqlerrcode = ERRCODE_LOCK_NOT_AVAILABLE;
	return error;
}

/*
 * attempt(action, arg), for an action that waits for locks, but not beyond so many
 * milliseconds; an error for want of a lock (55P03) is returned then, for the
 * caller to try again
 *
 * A cancel or a statement timeout ends it at any moment, and is never taken for
 * the end of that time.
 */
ErrorData *
attempt_locks(void (*action) (void *arg), void *arg, int milliseconds)
{
	LockingAction locking = {.action = action,.arg = arg};
	bool		began = cancels_watch();
	ErrorData  *error = NULL;

	PG_TRY();
	{
		error = attempt_until_deadline(&locking, milliseconds);
	}
	PG_FINALLY();
	{
		disable_timeout(lock_deadline(), false);
		cancels_unwatch(began);
	}
	PG_END_TRY();
	return error;
}
