/*
 * Calibrations as they are kept in influence.calibrations: versions with knots.
 *
 * An anchored model uses its latest version until it is asked to calibrate
 * again, and keeps the older ones as its record. A model that follows the
 * population keeps the latest only.
 */
#include "compat.h"

#include "catalog/pg_type_d.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

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
 * The model's latest calibration in the current context, NULL when there is none
 */
Calibration *
calibration_load(const Model *model)
{
	MemoryContext context = CurrentMemoryContext;
	Oid			types[1] = {TEXTOID};
	Datum		values[1];
	Calibration *calibration = NULL;

	SPI_connect();
	values[0] = CStringGetTextDatum(model->ref.name);
	SPI_execute_with_args("SELECT version, people, raw, score FROM influence.calibrations "
						  "WHERE model OPERATOR(pg_catalog.=) $1 ORDER BY version DESC LIMIT 1",
						  1, types, values, NULL, true, 1);
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
	return calibration;
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
	if (model->calibrate_each_refresh)
	{
		types[1] = INT4OID;
		values[1] = Int32GetDatum(calibration->version);
		SPI_execute_with_args("DELETE FROM influence.calibrations "
							  "WHERE model OPERATOR(pg_catalog.=) $1 AND version OPERATOR(pg_catalog.<) $2",
							  2, types, values, NULL, false, 0);
	}
	SPI_finish();
}
