/*
 * What the unit tests report with: the Test Anything Protocol.
 */
#ifndef INFLUENCE_TEST_TAP_H
#define INFLUENCE_TEST_TAP_H

#include <stdbool.h>
#include <stdio.h>

static int	tests = 0;
static int	failures = 0;

/*
 * Report one test
 */
static inline void
ok(bool passed, const char *name)
{
	tests++;
	if (!passed)
		failures++;
	printf("%s %d - %s\n", passed ? "ok" : "not ok", tests, name);
}

/*
 * Report how many tests there were; returns the exit status
 */
static inline int
done_testing(void)
{
	printf("1..%d\n", tests);
	return failures == 0 ? 0 : 1;
}

#endif							/* INFLUENCE_TEST_TAP_H */
