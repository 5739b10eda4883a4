/*
 * Sources whose rows are elsewhere, and their parts.
 */
#ifndef INFLUENCE_SOURCE_PARTS_H
#define INFLUENCE_SOURCE_PARTS_H

#include "model/model.h"

/* What a source is read from, each part by a query of its own */
typedef struct SourcePart
{
	Source		source;			/* the registered one, with the part as its relation */
	bool		elsewhere;		/* its rows may be on another server */
	bool		grouping_expected;	/* and that server can group them, as far as we know */
	char	   *query;			/* in groups; NULL: in rows */
} SourcePart;

extern List *source_parts(const Source *source);
extern bool source_is_grouped_elsewhere(const Source *source, const char *sql);

#endif							/* INFLUENCE_SOURCE_PARTS_H */
