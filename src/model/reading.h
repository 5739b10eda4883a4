/*
 * Reading the relations of a model for somebody who was granted them.
 */
#ifndef INFLUENCE_READING_H
#define INFLUENCE_READING_H

#include "postgres.h"

#include "fmgr.h"

#include "model/model.h"
#include "model/owner.h"

/* A relation in the model's schema, and the columns of it that a query needs */
typedef struct ReadRelation
{
	const char *name;
	const char *columns;		/* separated by single spaces */
} ReadRelation;

/* A query over relations of a model, and its parameters */
typedef struct Reading
{
	const ModelRef *ref;
	const ReadRelation *relations;
	int			relation_count;
	const char *sql;
	int			parameter_count;
	Oid		   *types;
	Datum	   *values;
	const char *nulls;			/* as for SPI; NULL: none is */
} Reading;

extern void reading_enter(OwnerContext *saved, const ModelRef *ref,
						  const ReadRelation *relations, int count);
extern void reading_rows(FunctionCallInfo fcinfo, const Reading *reading);
extern Datum reading_value(const Reading *reading, bool *isnull);

#endif							/* INFLUENCE_READING_H */
