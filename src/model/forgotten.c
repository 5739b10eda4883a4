/*
 * influence_check_forgotten(): does any relation of a model still hold a person, or an
 * account of the person under the id that it has on its own?
 */
#include "compat.h"

#include "catalog/pg_type_d.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "intern.h"
#include "model/closed_state.h"
#include "model/model.h"
#include "model/owner.h"
#include "model/own_ids.h"

/* In the model's schema, every relation of ours that holds people has them in the column user_id */
#define PLACES_QUERY \
	"SELECT c.oid::regclass::text FROM pg_class AS c " \
	"JOIN pg_namespace AS n ON n.oid = c.relnamespace " \
	"JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = 'user_id' AND NOT a.attisdropped " \
	"WHERE c.relkind IN ('r', 'p', 'm') AND NOT c.relispartition AND n.nspname = $1 " \
	"ORDER BY c.relname"

static void
put_matches(ReturnSetInfo *result, const char *place, int64 matches)
{
	Datum		values[2] = {CStringGetTextDatum(place), Int64GetDatum(matches)};
	bool		nulls[2] = {false, false};

	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/*
 * Number of rows in a relation, by its name as SQL, about anybody of some ids as text
 */
static int64
count_matches(const ModelRef *ref, const char *place, Datum ids)
{
	char	   *sql = psprintf("SELECT count(*) FROM %s AS r WHERE r.user_id = ANY ($1::%s[])",
							   place, format_type_be(ref->id_type));
	Oid			types[1] = {TEXTARRAYOID};
	bool		no_count;

	SPI_execute_with_args(sql, 1, types, &ids, NULL, true, 0);
	return DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &no_count));
}

/*
 * The ids that a model may hold a person under, as texts: the person's, and those of
 * accounts; user_id: NULL for nobody
 */
static Datum *
ids_of(const ModelRef *ref, const char *user_id, int *count)
{
	InternTable *own_ids;
	Datum	   *ids;

	*count = 0;
	if (user_id == NULL)
		return NULL;
	own_ids = own_ids_of(ref, user_id);
	ids = palloc(sizeof(Datum) * (intern_count(own_ids) + 1));
	ids[(*count)++] = CStringGetTextDatum(user_id);
	for (uint32 i = 0; i < intern_count(own_ids); i++)
		ids[(*count)++] = intern_datum(own_ids, i);
	return ids;
}

/*
 * How often some ids, as texts, are kept with closed days
 */
static int64
count_kept(const ModelRef *ref, const Datum *ids, int count)
{
	int64		kept = 0;

	for (int i = 0; i < count; i++)
		kept += closed_people_count(ref, id_from_text(ref->id_type, TextDatumGetCString(ids[i])));
	return kept;
}

PG_FUNCTION_INFO_V1(influence_check_forgotten);

/*
 * influence_check_forgotten(user_id text, model text): relation, matches
 *
 * For the owner of the model (42501), as whom it looks into the model's schema.
 * What refreshes keep of closed days nobody but the extension may read.
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
	Datum	   *ids;
	int			id_count;
	Datum		id_array;

	model_check_owner(ref);
	InitMaterializedSRF(fcinfo, 0);
	owner_enter(&saved, model_owner(ref));
	ids = ids_of(ref, PG_ARGISNULL(0) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(0)), &id_count);
	id_array = PointerGetDatum(construct_array(ids, id_count, TEXTOID, -1, false, TYPALIGN_INT));
	SPI_connect();
	SPI_execute_with_args(PLACES_QUERY, 1, types, &schema, NULL, true, 0);
	places = SPI_tuptable;
	count = SPI_processed;
	for (uint64 i = 0; i < count; i++)
	{
		const char *place = SPI_getvalue(places->vals[i], places->tupdesc, 1);

		put_matches(result, place, count_matches(ref, place, id_array));
	}
	SPI_finish();
	owner_leave(&saved);
	put_matches(result, "influence.closed_people", count_kept(ref, ids, id_count));
	return (Datum) 0;
}
