/*
 * Module entry point: the magic block and the settings, nothing else.
 */
#include "compat.h"

#include "fmgr.h"
#include "utils/guc.h"

#include "influence.h"

PG_MODULE_MAGIC;

char	   *influence_default_model = NULL;

void		_PG_init(void);

/*
 * Define the settings
 */
void
_PG_init(void)
{
	DefineCustomStringVariable("influence.default_model",
							   "Model that influence_score() and its relatives use when none is given.",
							   "Empty: the only model of the database.",
							   &influence_default_model, "",
							   PGC_USERSET, 0, NULL, NULL, NULL);

	MarkGUCPrefixReserved("influence");
}
