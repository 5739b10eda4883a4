/*
 * Doing what may fail, mostly because of the lock of another session: in a
 * subtransaction, so that a failed attempt lets go of the locks that it got and
 * leaves nothing.
 */
#include "compat.h"

#include <signal.h>

#include "access/xact.h"
#include "miscadmin.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/timeout.h"

#include "model/attempt.h"

/*
 * Until AtEOXact_GUC(), at the latest the end of the (sub)transaction, wait for
 * no lock beyond "deadline": the next lock fails with 55P03 then
 */
void
limit_lock_wait(TimestampTz deadline)
{
	char		milliseconds[32];
	long		left = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), deadline);

	/* 0 would mean to wait for ever */
	snprintf(milliseconds, sizeof(milliseconds), "%ld", Max(left, 1));
	(void) set_config_option("lock_timeout", milliseconds, PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
}

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

/* Who was asked to cancel while locks are waited for, see attempt_locks() */
static volatile sig_atomic_t cancel_came;
static struct sigaction former_handler;

/*
 * Handler of SIGINT: note whether somebody else sent it, and do what the server does
 *
 * What the server's own timeouts send comes from this process.
 */
static void
note_cancel(int signal_number, siginfo_t *info, void *context pg_attribute_unused())
{
	if (info->si_pid != getpid())
		cancel_came = true;
	former_handler.sa_handler(signal_number);
}

/*
 * Call action(arg) as attempt() does, noting cancels
 */
static ErrorData *
attempt_noting_cancels(void (*action) (void *arg), void *arg)
{
	struct sigaction handler;
	ErrorData  *error;

	memset(&handler, 0, sizeof(handler));
	handler.sa_sigaction = note_cancel;
	handler.sa_flags = SA_RESTART | SA_SIGINFO;
	sigemptyset(&handler.sa_mask);
	cancel_came = false;
	/* between the two calls the server's own handler is in charge */
	if (sigaction(SIGINT, NULL, &former_handler) != 0 || former_handler.sa_handler == SIG_DFL ||
		former_handler.sa_handler == SIG_IGN || (former_handler.sa_flags & SA_SIGINFO) != 0)
		return attempt(action, arg);
	(void) sigaction(SIGINT, &handler, NULL);
	error = attempt(action, arg);
	(void) sigaction(SIGINT, &former_handler, NULL);
	return error;
}

/*
 * attempt(action, arg), for an action that waits for locks (limit_lock_wait); an
 * error for want of a lock (55P03) is returned, for the caller to try again
 *
 * The server reports a cancel or a statement timeout that comes together with a
 * lock timeout as the latter, and forgets the former. It is brought back here.
 */
ErrorData *
attempt_locks(void (*action) (void *arg), void *arg)
{
	bool		limited = get_timeout_active(STATEMENT_TIMEOUT);
	ErrorData  *error = attempt_noting_cancels(action, arg);

	if (error == NULL || error->sqlerrcode != ERRCODE_LOCK_NOT_AVAILABLE)
		return error;
	if (limited && !get_timeout_active(STATEMENT_TIMEOUT))
		enable_timeout_after(STATEMENT_TIMEOUT, 1);
	if (cancel_came)
	{
		QueryCancelPending = true;
		InterruptPending = true;
	}
	CHECK_FOR_INTERRUPTS();
	return error;
}
