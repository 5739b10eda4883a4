/*
 * Configurations that refreshes used, as they are kept in influence.configurations:
 * versions, a new one whenever a refresh finds the configuration changed.
 *
 * Options, networks, signals and sources are tables that an administrator may
 * UPDATE at any time. So a refresh reads them as one value under the snapshot
 * that it loads them with (config.c), and notes that value when it succeeds.
 */
#include "compat.h"

#include "catalog/pg_type_d.h"
#include "executor/spi.h"
#include "utils/builtins.h"

#include "model/configuration_store.h"

static Datum
first_row(int attnum)
{
	bool		isnull;
	Datum		value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, attnum, &isnull);

	if (isnull)
		elog(ERROR, "column %d of the configuration is null", attnum);
	return value;
}

/*
 * The configuration as one value (jsonb), and the version of the formula, under the
 * active snapshot
 */
static Datum
current_configuration(const ModelRef *ref, int *formula_version)
{
	Oid			types[1] = {TEXTOID};
	Datum		values[1];

	values[0] = CStringGetTextDatum(ref->name);
	SPI_execute_with_args("SELECT formula_version, configuration FROM influence.current_configuration "
						  "WHERE model OPERATOR(pg_catalog.=) $1", 1, types, values, NULL, true, 0);
	if (SPI_processed != 1)
		elog(ERROR, "configuration of model \"%s\" was not found", ref->name);
	*formula_version = DatumGetInt32(first_row(1));
	return first_row(2);
}

/*
 * Note the configuration that a refresh is about to use: it has the latest version
 * when it is the same, else a new one
 *
 * The caller is the owner of the model and holds its refresh lock.
 */
Configuration
configuration_note(const ModelRef *ref)
{
	Oid			types[3] = {TEXTOID, INT4OID, JSONBOID};
	Datum		values[3];
	Configuration configuration;

	SPI_connect();
	values[0] = CStringGetTextDatum(ref->name);
	values[2] = current_configuration(ref, &configuration.formula_version);
	values[1] = Int32GetDatum(configuration.formula_version);
	SPI_execute_with_args("WITH latest AS ("
						  "SELECT m.created_at, c.version, c.formula_version OPERATOR(pg_catalog.=) $2 "
						  "AND c.configuration OPERATOR(pg_catalog.=) $3 AS is_same "
						  "FROM influence.models AS m LEFT JOIN influence.configurations AS c "
						  "ON c.model OPERATOR(pg_catalog.=) m.model AND c.model_created_at OPERATOR(pg_catalog.=) m.created_at "
						  "WHERE m.model OPERATOR(pg_catalog.=) $1 ORDER BY c.version DESC NULLS LAST LIMIT 1"
						  "), added AS ("
						  "INSERT INTO influence.configurations "
						  "(model, model_created_at, version, formula_version, configuration, hash) "
						  "SELECT $1, created_at, coalesce(version, 0) OPERATOR(pg_catalog.+) 1, $2, $3, "
						  "pg_catalog.sha256(pg_catalog.convert_to($3::pg_catalog.text, 'UTF8')) "
						  "FROM latest WHERE is_same IS NOT TRUE RETURNING version) "
						  "SELECT version FROM added UNION ALL SELECT version FROM latest WHERE is_same",
						  3, types, values, NULL, false, 0);
	if (SPI_processed != 1)
		elog(ERROR, "configuration of model \"%s\" was not stored", ref->name);
	configuration.version = DatumGetInt32(first_row(1));
	SPI_finish();
	return configuration;
}
