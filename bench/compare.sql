-- Compare the views of the model "bench" with the tables of the schema "other".
-- A line a view: rows that both have, rows that only one has, and the largest
-- difference in any column: |a - b| / max(1, |a|) for numbers, nothing or
-- infinity for anything else.

CREATE FUNCTION pg_temp.compare(view text, keys text[], other text,
	OUT view_name text, OUT rows bigint, OUT missing bigint, OUT extra bigint, OUT max_difference float8)
LANGUAGE plpgsql AS $$
DECLARE
	worst text := (
		SELECT string_agg(format(
			'CASE WHEN a.%1$I IS NOT DISTINCT FROM b.%1$I THEN 0::float8
				WHEN num_nulls(a.%1$I, b.%1$I) > 0 THEN ''inf''::float8 ELSE %2$s END', attname,
			CASE WHEN atttypid IN ('float8'::regtype, 'bigint'::regtype)
				THEN format('abs(a.%1$I - b.%1$I)::float8 / greatest(1, abs(a.%1$I))', attname)
				ELSE '''inf''::float8' END), ', ')
		FROM pg_attribute
		WHERE attrelid = format('bench.%I', view)::regclass AND attnum > 0 AND attname <> ALL (keys));
BEGIN
	EXECUTE format('SELECT count(*) FILTER (WHERE a.user_id IS NOT NULL AND b.user_id IS NOT NULL),
			count(*) FILTER (WHERE b.user_id IS NULL), count(*) FILTER (WHERE a.user_id IS NULL),
			max(greatest(%s)::float8) FILTER (WHERE a.user_id IS NOT NULL AND b.user_id IS NOT NULL)
		FROM bench.%I AS a FULL JOIN %I.%2$I AS b USING (%4$s)',
		worst, view, other, array_to_string(keys, ', '))
	INTO rows, missing, extra, max_difference;
	view_name := view;
END
$$;

SELECT c.*
FROM (VALUES ('scores', '{user_id}'::text[]),
			 ('network_scores', '{user_id, network}'),
			 ('signals', '{user_id, network, kind}')) AS v (view, keys)
CROSS JOIN LATERAL pg_temp.compare(view, keys, :'other') AS c;
