/*
 * influence_check_forgotten(): does any relation of a model still hold a person?
 */
#include "compat.h"

#include "catalog/pg_type_d.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"

#include "model/model.h"
#include "model/owner.h"

/* Every relation of ours that holds people has them in the column user_id */
#define PLACES_QUERY \
	"SELECT c.oid::regclass::text FROM pg_class AS c " \
	"JOIN pg_namespace AS n ON n.oid = c.relnamespace " \
	"JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = 'user_id' AND NOT a.attisdropped " \
	"WHERE c.relkind IN ('r', 'p', 'm') AND NOT c.relispartition AND n.nspname = $1 " \
	"ORDER BY c.relname"

/*
 * Count the rows about a person in a relation, by its name as SQL: a row of the result
 */
static void
put_matches(ReturnSetInfo *result, const ModelRef *ref, const char *place, Datum user_id, char isnull)
{
	char	   *sql = psprintf("SELECT count(*) FROM %s AS r WHERE r.user_id = $1::%s",
							   place, format_type_be(ref->id_type));
	Oid			types[1] = {TEXTOID};
	Datum		values[2];
	bool		nulls[2] = {false};
	bool		no_count;

	SPI_execute_with_args(sql, 1, types, &user_id, &isnull, true, 0);
	values[0] = CStringGetTextDatum(place);
	values[1] = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &no_count);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

PG_FUNCTION_INFO_V1(influence_check_forgotten);

/*
 * influence_check_forgotten(user_id text, model text): relation, matches
 *
 * For the owner of the model (42501), as whom it looks.
 */
Datum
influence_check_forgotten(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	ModelRef   *ref = model_resolve(PG_ARGISNULL(1) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(1)));
	Oid			types[1] = {TEXTOID};
	Datum		schema = CStringGetTextDatum(ref->schema);
	OwnerContext saved;
	SPITupleTable *places;
	uint64		count;

	model_check_owner(ref);
	InitMaterializedSRF(fcinfo, 0);
	owner_enter(&saved, model_owner(ref));
	SPI_connect();
	SPI_execute_with_args(PLACES_QUERY, 1, types, &schema, NULL, true, 0);
	places = SPI_tuptable;
	count = SPI_processed;
	for (uint64 i = 0; i < count; i++)
		put_matches(result, ref, SPI_getvalue(places->vals[i], places->tupdesc, 1),
					PG_GETARG_DATUM(0), PG_ARGISNULL(0) ? 'n' : ' ');
	SPI_finish();
	owner_leave(&saved);
	return (Datum) 0;
}
