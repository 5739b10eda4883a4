/*
 * Which kinds of interaction there are, for influence_doctor().
 */
#include "compat.h"

#include "fmgr.h"
#include "utils/builtins.h"

#include "model/reading.h"

static const ReadRelation kind_relations[] = {
	{"signals", "network kind"}
};

PG_FUNCTION_INFO_V1(influence_find_kinds);

/*
 * influence_find_kinds(model text): network and kind of what counted in the last refresh
 */
Datum
influence_find_kinds(PG_FUNCTION_ARGS)
{
	ModelRef   *ref = model_find(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	Reading		reading = {.ref = ref,.relations = kind_relations,.relation_count = lengthof(kind_relations)};

	reading.sql = psprintf("SELECT DISTINCT s.network::text, s.kind::text FROM %s.signals AS s",
						   quote_identifier(ref->schema));
	reading_rows(fcinfo, &reading);
	return (Datum) 0;
}
