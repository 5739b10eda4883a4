-- The table of interactions (read from standard input) and the model over it.

CREATE EXTENSION IF NOT EXISTS influence;

-- Named like columns of an application, not like those of the extension.
CREATE TABLE interactions (
	actor        bigint NOT NULL,
	target       bigint NOT NULL,
	kind         text NOT NULL,
	network      text NOT NULL,
	happened_at  timestamptz NOT NULL,
	post_id      bigint,
	weight       float8
);
\copy interactions FROM pstdin (FORMAT binary)
VACUUM (ANALYZE) interactions;

SELECT influence_create_model('bench');
SELECT influence_add_source('bench', 'interactions', 'interactions',
	actor => 'actor', target => 'target', occurred_at => 'happened_at',
	kind_column => 'kind', network_column => 'network', post => 'post_id', weight => 'weight');
