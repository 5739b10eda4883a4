-- The graph of the network app, after handwritten.sql, numbered in no order:
-- graph.bin for pagerank_bench, graph.txt for igraph

SET work_mem = '512MB';
CREATE TEMP TABLE node AS
SELECT node, row_number() OVER (ORDER BY hashint8(node), node)::int AS node_no
FROM (SELECT actor AS node FROM handwritten.edge WHERE y > 0 AND network_no = 1
	  UNION
	  SELECT target FROM handwritten.edge WHERE y > 0 AND network_no = 1) AS ends;
ANALYZE node;
CREATE TEMP TABLE numbered AS
SELECT a.node_no AS source, b.node_no AS target, y AS weight
FROM handwritten.edge
JOIN node AS a ON a.node = actor
JOIN node AS b ON b.node = target
WHERE y > 0 AND network_no = 1;
\copy numbered TO graph.bin (FORMAT binary)
\copy numbered TO graph.txt (DELIMITER ' ')
