/*
 * Whether somebody wanted the statement to end: pg_cancel_backend(), a client, or
 * statement_timeout, all of which send SIGINT.
 *
 * An error 57014 does not tell. Whoever owns a model can have it raised, by a
 * function in one of its sources, and a limit of our own makes the server report
 * one (attempt.c). So the signals themselves are counted, by a handler in front
 * of the server's.
 */
#include "compat.h"

#include <signal.h>

#include "miscadmin.h"

#include "model/cancel.h"

static volatile sig_atomic_t cancels = 0;
static struct sigaction former_handler;

/*
 * Handler of SIGINT: count it, and do what the server does
 */
static void
count_cancel(int signal_number, siginfo_t *info, void *context)
{
	cancels++;
	if ((former_handler.sa_flags & SA_SIGINFO) != 0)
		former_handler.sa_sigaction(signal_number, info, context);
	else if (former_handler.sa_handler != SIG_DFL && former_handler.sa_handler != SIG_IGN)
		former_handler.sa_handler(signal_number);
}

/*
 * Count cancels from now on; whether they were not counted before, which
 * cancels_unwatch() needs to know
 */
bool
cancels_watch(void)
{
	struct sigaction handler;
	struct sigaction present;

	if (sigaction(SIGINT, NULL, &present) != 0)
		elog(ERROR, "could not look at the handler of SIGINT: %m");
	if ((present.sa_flags & SA_SIGINFO) != 0 && present.sa_sigaction == count_cancel)
		return false;
	former_handler = present;
	memset(&handler, 0, sizeof(handler));
	handler.sa_sigaction = count_cancel;
	handler.sa_flags = SA_RESTART | SA_SIGINFO;
	sigemptyset(&handler.sa_mask);
	if (sigaction(SIGINT, &handler, NULL) != 0)
		elog(ERROR, "could not set a handler of SIGINT: %m");
	return true;
}

/*
 * Leave SIGINT to the server again, if this was "began" by us
 */
void
cancels_unwatch(bool began)
{
	if (began)
		(void) sigaction(SIGINT, &former_handler, NULL);
}

/*
 * How many there were, which only means something in comparison
 */
int
cancels_seen(void)
{
	return (int) cancels;
}
