/*
 * Planning so that queries are grouped where the rows are.
 *
 * The planner knows too little of other servers to choose by cost: by its own
 * estimates, and even by theirs, it takes most groups for single rows, and then
 * fetching all rows looks as good. So every way to group here is made one that
 * it takes only where it has no other.
 */
#include "compat.h"

#include "nodes/pathnodes.h"
#include "optimizer/paths.h"
#include "utils/guc.h"

#include "model/attempt.h"
#include "model/group_elsewhere.h"

/* Are the queries that are planned now to be grouped elsewhere? */
static bool grouping_elsewhere = false;

static set_rel_pathlist_hook_type previous_pathlist_hook = NULL;

/*
 * Planner hook: leave out reading a foreign table in the order of the groups,
 * the one way to group here that no setting is against
 */
static void
drop_sorted_paths(PlannerInfo *root, RelOptInfo *rel, Index index, RangeTblEntry *entry)
{
	ListCell   *lc;

	if (previous_pathlist_hook != NULL)
		previous_pathlist_hook(root, rel, index, entry);
	if (!grouping_elsewhere || rel->fdwroutine == NULL)
		return;
	foreach(lc, rel->pathlist)
		if (((Path *) lfirst(lc))->pathkeys != NIL)
			rel->pathlist = foreach_delete_current(rel->pathlist, lc);
}

/* An action under these preferences */
typedef struct Preferred
{
	void		(*action) (void *arg);
	void	   *arg;
} Preferred;

static void
do_preferred(void *arg)
{
	static const char *const settings[] = {"enable_hashagg", "enable_sort"};
	Preferred  *preferred = arg;

	for (Size i = 0; i < lengthof(settings); i++)
		(void) set_config_option(settings[i], "off", PGC_USERSET, PGC_S_SESSION,
								 GUC_ACTION_SAVE, true, 0, false);
	preferred->action(preferred->arg);
}

/*
 * attempt(action, arg), with queries planned so that they are grouped elsewhere
 */
ErrorData *
attempt_elsewhere(void (*action) (void *arg), void *arg)
{
	static bool hooked = false;
	Preferred	preferred = {.action = action,.arg = arg};
	ErrorData  *error;

	if (!hooked)
	{
		previous_pathlist_hook = set_rel_pathlist_hook;
		set_rel_pathlist_hook = drop_sorted_paths;
		hooked = true;
	}
	grouping_elsewhere = true;
	error = attempt(do_preferred, &preferred);
	grouping_elsewhere = false;
	return error;
}
