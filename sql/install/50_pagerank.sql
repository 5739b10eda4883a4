CREATE FUNCTION influence_pagerank(edges text,
		damping float8 DEFAULT 0.85,
		max_iterations integer DEFAULT 100,
		tolerance float8 DEFAULT 1e-9,
		seeds text DEFAULT NULL)
	RETURNS TABLE (node_id bigint, rank float8)
	AS 'MODULE_PATHNAME' LANGUAGE C STABLE PARALLEL UNSAFE COST 100000;
COMMENT ON FUNCTION influence_pagerank(text, float8, integer, float8, text) IS
'Weighted PageRank (Page et al. 1999; personalised as in Gleich 2015) of every node in a graph. '
'edges: a SELECT with the columns source, target (integers) and optional weight (a number, at least 0; 1 if left out); '
'parallel edges add up, self-loops count, an edge of weight 0 only names its nodes. '
'damping: probability of following an edge, 0 <= damping < 1. '
'seeds: a SELECT with node_id and optional weight to teleport to; all nodes alike if left out; a seed without edges is a node too. '
'Ranks sum to 1. Iterates until ranks change by less than tolerance in sum (L1); '
'error 54000 if max_iterations do not suffice, 22023 for a bad argument or weight, 22004 for a null, 42703 or 42804 for bad columns. '
'Runs the queries with the rights of the caller.';
