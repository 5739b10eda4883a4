-- The views that duckdb.mjs left in the current directory, into the schema duckdb

SET timezone = 'UTC';
SET client_min_messages = warning;
DROP SCHEMA IF EXISTS duckdb CASCADE;
CREATE SCHEMA duckdb;
CREATE UNLOGGED TABLE duckdb.scores AS SELECT * FROM bench.scores WITH NO DATA;
CREATE UNLOGGED TABLE duckdb.network_scores AS SELECT * FROM bench.network_scores WITH NO DATA;
CREATE UNLOGGED TABLE duckdb.signals AS SELECT * FROM bench.signals WITH NO DATA;
\copy duckdb.scores FROM scores.view.csv (FORMAT csv)
\copy duckdb.network_scores FROM network_scores.view.csv (FORMAT csv)
\copy duckdb.signals FROM signals.view.csv (FORMAT csv)
ANALYZE duckdb.scores, duckdb.network_scores, duckdb.signals;
