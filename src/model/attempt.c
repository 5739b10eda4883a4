/*
 * Doing what may fail, mostly because of the lock of another session: in a
 * subtransaction, so that a failed attempt lets go of the locks that it got and
 * leaves nothing.
 */
#include "compat.h"

#include "access/xact.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

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
