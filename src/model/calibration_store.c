/*
 * Calibrations as they are kept in influence.calibrations: versions with knots.
 *
 * An anchored model uses its latest version until it is asked to calibrate
 * again, and keeps the older ones as its record. A model that follows the
 * population keeps the latest and those of the days in its history.
 */
#include "compat.h"

#include "catalog/pg_type_d.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "math/calibration.h"
#include "model/calibration_store.h"

/*
 * A float8[] column of the first row as a C array in context
 */
static double *
float_array_column(int attnum, MemoryContext context, int *length)
{
	bool		isnull;
	Datum		value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, attnum, &isnull);
	ArrayType  *array = DatumGetArrayTypeP(value);
	double	   *result;

	if (ARR_NDIM(array) != 1 || ARR_HASNULL(array))
		elog(ERROR, "calibration is not a plain array");
	*length = ARR_DIMS(array)[0];
	result = MemoryContextAlloc(context, *length * sizeof(double));
	memcpy(result, ARR_DATA_PTR(array), *length * sizeof(double));
	return result;
}

/*
 * Refuse a map that somebody has edited so that it is none (22000)
 */
static void
check_map(const Calibration *calibration, const Model *model)
{
	if (!calibration_valid(calibration->raw, calibration->score, calibration->knot_count))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("version %d of the calibration of model \"%s\" is no map: its knots do not increase from a raw of 0",
						calibration->version, model->ref.name),
				 errhint("Correct that row of influence.calibrations, or delete it and run SELECT influence_calibrate(%s).",
						 quote_literal_cstr(model->ref.name))));
}

/*
 * The calibration that a query finds, with the model as $1 and perhaps a day as
 * $2, in the current context; NULL when there is none
 */
static Calibration *
load(const Model *model, const char *where, DateADT day)
{
	MemoryContext context = CurrentMemoryContext;
	Oid			types[2] = {TEXTOID, DATEOID};
	Datum		values[2];
	Calibration *calibration = NULL;

	SPI_connect();
	values[0] = CStringGetTextDatum(model->ref.name);
	values[1] = DateADTGetDatum(day);
	SPI_execute_with_args(psprintf("SELECT version, people, raw, score FROM influence.calibrations "
								   "WHERE model OPERATOR(pg_catalog.=) $1 %s ORDER BY version DESC LIMIT 1", where),
						  2, types, values, NULL, true, 1);
	if (SPI_processed == 1)
	{
		bool		isnull;
		int			score_count;

		calibration = MemoryContextAllocZero(context, sizeof(Calibration));
		calibration->version = DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[0],
														   SPI_tuptable->tupdesc, 1, &isnull));
		calibration->people = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0],
														  SPI_tuptable->tupdesc, 2, &isnull));
		calibration->raw = float_array_column(3, context, &calibration->knot_count);
		calibration->score = float_array_column(4, context, &score_count);
		if (score_count != calibration->knot_count || score_count < 2)
			elog(ERROR, "calibration %d of model \"%s\" has %d and %d knots",
				 calibration->version, model->ref.name, calibration->knot_count, score_count);
	}
	SPI_finish();
	if (calibration != NULL)
		check_map(calibration, model);
	return calibration;
}

/*
 * The model's latest calibration in the current context, NULL when there is none
 */
Calibration *
calibration_load(const Model *model)
{
	return load(model, "", 0);
}

/*
 * The calibration that the scores of a day of the history were read off, in the
 * current context; NULL when it is not known
 */
Calibration *
calibration_of_day(const Model *model, DateADT day)
{
	return load(model, "AND version OPERATOR(pg_catalog.=) "
				"(SELECT h.version FROM influence.history_calibrations AS h "
				"WHERE h.model OPERATOR(pg_catalog.=) $1 AND h.day OPERATOR(pg_catalog.=) $2)", day);
}

/*
 * Run a statement with the model as $1, a day as $2 and perhaps a version as $3
 */
static void
execute_for_day(const Model *model, const char *sql, DateADT day, int version)
{
	Oid			types[3] = {TEXTOID, DATEOID, INT4OID};
	Datum		values[3];

	values[0] = CStringGetTextDatum(model->ref.name);
	values[1] = DateADTGetDatum(day);
	values[2] = Int32GetDatum(version);
	SPI_execute_with_args(sql, 3, types, values, NULL, false, 0);
}

/*
 * Note the calibration of the scores that the history has for a day; version 0:
 * there is none
 *
 * Where the model follows the population, versions that no day needs any more go.
 */
void
calibration_note_day(const Model *model, DateADT day, int version)
{
	SPI_connect();
	execute_for_day(model, "DELETE FROM influence.history_calibrations "
					"WHERE model OPERATOR(pg_catalog.=) $1 AND day OPERATOR(pg_catalog.=) $2 "
					"AND version OPERATOR(pg_catalog.<>) $3", day, version);
	if (version > 0)
		execute_for_day(model, "INSERT INTO influence.history_calibrations (model, day, version) "
						"VALUES ($1, $2, $3) ON CONFLICT (model, day) DO NOTHING", day, version);
	if (model->calibrate_each_refresh)
		execute_for_day(model, "DELETE FROM influence.calibrations AS c "
						"WHERE c.model OPERATOR(pg_catalog.=) $1 AND c.version OPERATOR(pg_catalog.<) $3 "
						"AND NOT EXISTS (SELECT FROM influence.history_calibrations AS h "
						"WHERE h.model OPERATOR(pg_catalog.=) $1 AND h.version OPERATOR(pg_catalog.=) c.version)",
						day, version);
	SPI_finish();
}

/*
 * Forget which calibrations the days before "oldest" had
 */
void
calibration_forget_days(const Model *model, DateADT oldest)
{
	SPI_connect();
	execute_for_day(model, "DELETE FROM influence.history_calibrations "
					"WHERE model OPERATOR(pg_catalog.=) $1 AND day OPERATOR(pg_catalog.<) $2", oldest, 0);
	SPI_finish();
}

static Datum
float_array(const double *values, int count)
{
	Datum	   *elements = palloc(sizeof(Datum) * count);

	for (int i = 0; i < count; i++)
		elements[i] = Float8GetDatum(values[i]);
	return PointerGetDatum(construct_array(elements, count, FLOAT8OID, sizeof(float8),
										   FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

/*
 * Store a calibration that was fitted just now; sets its version
 */
void
calibration_save(const Model *model, TimestampTz as_of, Calibration *calibration)
{
	Oid			types[5] = {TEXTOID, TIMESTAMPTZOID, INT8OID, FLOAT8ARRAYOID, FLOAT8ARRAYOID};
	Datum		values[5];
	bool		isnull;

	SPI_connect();
	values[0] = CStringGetTextDatum(model->ref.name);
	values[1] = TimestampTzGetDatum(as_of);
	values[2] = Int64GetDatum(calibration->people);
	values[3] = float_array(calibration->raw, calibration->knot_count);
	values[4] = float_array(calibration->score, calibration->knot_count);
	SPI_execute_with_args("INSERT INTO influence.calibrations (model, version, as_of, people, raw, score) "
						  "SELECT $1, coalesce(pg_catalog.max(version), 0) OPERATOR(pg_catalog.+) 1, $2, $3, $4, $5 "
						  "FROM influence.calibrations WHERE model OPERATOR(pg_catalog.=) $1 "
						  "RETURNING version", 5, types, values, NULL, false, 0);
	if (SPI_processed != 1)
		elog(ERROR, "calibration of model \"%s\" was not stored", model->ref.name);
	calibration->version = DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[0],
													   SPI_tuptable->tupdesc, 1, &isnull));
	SPI_finish();
}
