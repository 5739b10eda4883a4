/*
 * Checking a source's mappings and building the query that reads it.
 */
#ifndef INFLUENCE_SOURCE_H
#define INFLUENCE_SOURCE_H

#include "model/model.h"

/* Columns of a source query, in this order; absent mappings are NULL columns */
typedef enum SourceColumn
{
	SOURCE_ACTOR,
	SOURCE_TARGET,
	SOURCE_OCCURRED_AT,
	SOURCE_KIND,
	SOURCE_NETWORK,
	SOURCE_POST,
	SOURCE_WEIGHT,
	SOURCE_SENTIMENT
} SourceColumn;

#define SOURCE_COLUMN_COUNT	(SOURCE_SENTIMENT + 1)

extern char *source_query(const Model *model, const Source *source);

#endif							/* INFLUENCE_SOURCE_H */
