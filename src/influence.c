/*
 * Module entry point: the magic block and the settings, nothing else.
 */
#include "compat.h"

#include <limits.h>

#include "fmgr.h"
#include "utils/guc.h"

#include "influence.h"

PG_MODULE_MAGIC;

#define DEFAULT_MAX_MEMORY_KB	(2 * 1024 * 1024)
#define LEAST_MAX_MEMORY_KB		(16 * 1024)

char	   *influence_default_model = NULL;
int			influence_max_memory = DEFAULT_MAX_MEMORY_KB;

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

	DefineCustomIntVariable("influence.max_memory",
							"Memory that one refresh may take; what goes beyond it is kept in temporary files.",
							"Building indexes takes maintenance_work_mem besides.",
							&influence_max_memory, DEFAULT_MAX_MEMORY_KB,
							LEAST_MAX_MEMORY_KB, MAX_KILOBYTES,
							PGC_USERSET, GUC_UNIT_KB, NULL, NULL, NULL);

	MarkGUCPrefixReserved("influence");
}
