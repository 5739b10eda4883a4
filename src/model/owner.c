/*
 * Acting as the owner of a model, as REFRESH MATERIALIZED VIEW does: whatever
 * expressions, views and policies the owner has set up run with the owner's
 * rights, never with those of whoever called, and in a security-restricted
 * operation, so that they cannot reach back into the caller's session.
 */
#include "compat.h"

#include "miscadmin.h"
#include "utils/guc.h"

#include "model/owner.h"

static void
pin(const char *name, const char *value)
{
	(void) set_config_option(name, value, PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
}

/*
 * Pin the settings that the meaning of an expression depends on, until
 * AtEOXact_GUC(false, result)
 *
 * A name without a schema is one of the catalog; a timestamp without time zone
 * is read as UTC, whoever refreshes.
 */
int
pin_settings(void)
{
	int			nestlevel = NewGUCNestLevel();

	pin("search_path", "pg_catalog, pg_temp");
	pin("timezone", "UTC");
	pin("datestyle", "ISO, MDY");
	pin("intervalstyle", "postgres");
	pin("extra_float_digits", "1");
	/* queries are put together from stored expressions, and compared */
	pin("standard_conforming_strings", "on");
	pin("quote_all_identifiers", "off");
	pin("bytea_output", "hex");
	return nestlevel;
}

/*
 * Become the owner, with the settings that results could depend on pinned
 */
void
owner_enter(OwnerContext *saved, Oid owner)
{
	GetUserIdAndSecContext(&saved->user, &saved->security);
	SetUserIdAndSecContext(owner, saved->security | SECURITY_RESTRICTED_OPERATION);
	saved->nestlevel = pin_settings();
	pin("row_security", "on");
}

/*
 * Be the caller again
 */
void
owner_leave(const OwnerContext *saved)
{
	AtEOXact_GUC(false, saved->nestlevel);
	SetUserIdAndSecContext(saved->user, saved->security);
}
