/*
 * Checking a source's mappings and reading it.
 */
#ifndef INFLUENCE_SOURCE_H
#define INFLUENCE_SOURCE_H

#include "utils/relcache.h"

#include "model/model.h"
#include "query.h"

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

/* Columns of the query that reads the accounts relation */
typedef enum AccountColumn
{
	ACCOUNT_USER,
	ACCOUNT_NETWORK,
	ACCOUNT_ID
} AccountColumn;

extern char *source_expression(Relation relation, const char *model, const char *source,
							   const char *name, const char *text, Oid type);
extern Relation source_open(const Model *model, const Source *source);
extern Node *source_time_expression(const char *model, const char *source, const char *occurred_at,
									Relation relation);
extern char *source_query(const Model *model, const Source *source);
extern void source_rethrow(const Model *model, const Source *source, MemoryContext context);
extern void source_stream(const Model *model, const Source *source,
						  StartCallback start, RowCallback row, void *arg);
extern void accounts_stream(const Model *model, const char *user_id, StartCallback start, RowCallback row, void *arg);

#endif							/* INFLUENCE_SOURCE_H */
