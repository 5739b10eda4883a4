/*
 * Texts that are the same, byte by byte: as ids and names are compared everywhere,
 * whatever a collation says.
 */
#ifndef INFLUENCE_SAME_TEXT_H
#define INFLUENCE_SAME_TEXT_H

#include "postgres.h"

/*
 * Neither is compressed or out of line
 */
static inline bool
same_text(const text *a, const text *b)
{
	Size		length = VARSIZE_ANY_EXHDR(a);

	return length == VARSIZE_ANY_EXHDR(b) && memcmp(VARDATA_ANY(a), VARDATA_ANY(b), length) == 0;
}

#endif							/* INFLUENCE_SAME_TEXT_H */
