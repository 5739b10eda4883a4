-- What DuckDB needs, as files in the current directory; after handwritten.sql,
-- whose signals and knots it shares. Variable: as_of.

\copy interactions TO interactions.csv (FORMAT csv)
\copy handwritten.signal TO signals.csv (FORMAT csv, HEADER)
\copy handwritten.knot TO knots.csv (FORMAT csv, HEADER)

\pset format unaligned
\pset tuples_only
\o model.json
SELECT row_to_json(options)
FROM (
	SELECT m.*,
		to_char(:'as_of'::timestamptz AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') AS as_of,
		date_part('epoch', time_window) / 86400 AS days,
		date_part('epoch', time_window) * 1e6::float8 AS time_window_us,
		date_part('epoch', clock_skew) * 1e6::float8 AS clock_skew_us,
		ln(2) / date_part('epoch', reach_half_life) AS reach_rate
	FROM influence.models AS m
	WHERE model = 'bench') AS options;
\o
