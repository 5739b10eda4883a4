/*
 * Ids as bytes, one behind the other: bigints and uuids as they are, texts as the server
 * has them, filled up so that the next one is aligned.
 */
#ifndef INFLUENCE_ID_BYTES_H
#define INFLUENCE_ID_BYTES_H

#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "utils/uuid.h"

/*
 * Bytes that an id takes
 */
static inline Size
id_bytes(Oid id_type, Datum id)
{
	return id_type == INT8OID ? sizeof(int64) : id_type == UUIDOID ? UUID_LEN :
		INTALIGN(VARSIZE_ANY(DatumGetPointer(id)));
}

/*
 * Write an id; to: has room for its bytes. Returns what is behind them.
 */
static inline char *
id_write(Oid id_type, Datum id, char *to)
{
	Size		size = id_bytes(id_type, id);
	Size		used = id_type == INT8OID || id_type == UUIDOID ? size : VARSIZE_ANY(DatumGetPointer(id));
	int64		number = id_type == INT8OID ? DatumGetInt64(id) : 0;

	memcpy(to, id_type == INT8OID ? (const char *) &number : DatumGetPointer(id), used);
	memset(to + used, 0, size - used);
	return to + size;
}

/*
 * An id as it was written, as a reference to it where it is none of the server's values;
 * from: aligned for texts
 */
static inline Datum
id_read(Oid id_type, const char *from)
{
	int64		number;

	if (id_type != INT8OID)
		return PointerGetDatum(from);
	memcpy(&number, from, sizeof(number));
	return Int64GetDatum(number);
}

#endif							/* INFLUENCE_ID_BYTES_H */
