/*
 * The query that reads a source in groups instead of rows.
 */
#ifndef INFLUENCE_GROUPED_QUERY_H
#define INFLUENCE_GROUPED_QUERY_H

#include "model/ingest.h"

/* Columns of a grouped query, in this order */
typedef enum GroupColumn
{
	GROUP_REASON,				/* int4, IgnoreReason; NULL: the rows count */
	GROUP_NETWORK,				/* text; NULL where it is a constant of the source */
	GROUP_KIND,					/* the same */
	GROUP_TARGET,
	GROUP_ACTOR,				/* NULL: none */
	GROUP_POST,					/* of roles share and post */
	GROUP_MOOD,					/* int4: rows with a sentiment below 0 (-1), with another (1), or without (0) */
	GROUP_AT,					/* of anonymous counts, which are one group a moment */
	GROUP_SENTIMENT,			/* of anonymous counts */
	GROUP_ROWS,					/* int8 */
	GROUP_FIRST_AT,
	GROUP_LAST_AT,
	GROUP_DECAYED,				/* weights that go to influence, decayed to the group's last moment */
	GROUP_SUM,					/* the same of signals that do not fade */
	GROUP_HOSTILE_DECAYED,		/* weights that go to notoriety; NULL in mood 0 */
	GROUP_HOSTILE_SUM,
	GROUP_FRIENDLY_DECAYED,		/* weights by sentiments above 0; NULL in mood 0 */
	GROUP_FRIENDLY_SUM
} GroupColumn;

#define GROUP_COLUMN_COUNT	(GROUP_FRIENDLY_SUM + 1)

extern char *grouped_query(const Model *model, const Source *source, TimestampTz as_of);

#endif							/* INFLUENCE_GROUPED_QUERY_H */
