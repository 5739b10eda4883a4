-- Configuration: plain tables that an administrator may UPDATE. The checks
-- refuse nonsense; functions such as influence_add_source() fill them.

CREATE TABLE influence.models (
	model                     text PRIMARY KEY CHECK (model <> ''),
	id_type                   regtype NOT NULL CHECK (id_type IN ('bigint'::regtype, 'uuid'::regtype, 'text'::regtype)),
	schema                    text NOT NULL UNIQUE CHECK (schema <> ''),
	formula_version           int NOT NULL DEFAULT 1 CHECK (formula_version = 1),
	-- which rows count
	time_window               interval DEFAULT '90 days' CHECK (time_window > '0' AND isfinite(time_window)),
	clock_skew                interval NOT NULL DEFAULT '5 minutes' CHECK (clock_skew >= '0' AND isfinite(clock_skew)),
	bad_row_policy            text NOT NULL DEFAULT 'skip' CHECK (bad_row_policy IN ('skip', 'error')),
	sentiment_policy          text NOT NULL DEFAULT 'split' CHECK (sentiment_policy IN ('split', 'ignore')),
	-- one pair
	reach_half_life           interval NOT NULL DEFAULT '30 days' CHECK (reach_half_life > '0' AND isfinite(reach_half_life)),
	reciprocity_discount      float8 NOT NULL DEFAULT 0.5 CHECK (reciprocity_discount BETWEEN 0 AND 1),
	selectivity_rate          float8 NOT NULL DEFAULT 50 CHECK (selectivity_rate > 0 AND selectivity_rate <= 1e9),
	anonymous_reach           float8 NOT NULL DEFAULT 0.1 CHECK (anonymous_reach BETWEEN 0 AND 1),
	-- network influence
	damping                   float8 NOT NULL DEFAULT 0.85 CHECK (damping >= 0 AND damping < 1),
	max_iterations            int NOT NULL DEFAULT 200 CHECK (max_iterations BETWEEN 1 AND 10000),
	tolerance                 float8 NOT NULL DEFAULT 1e-10 CHECK (tolerance BETWEEN 1e-14 AND 1e-3),
	-- weight of each measure
	audience_weight           float8 NOT NULL DEFAULT 0.30 CHECK (audience_weight BETWEEN 0 AND 100),
	engagement_weight         float8 NOT NULL DEFAULT 0.25 CHECK (engagement_weight BETWEEN 0 AND 100),
	true_reach_weight         float8 NOT NULL DEFAULT 0.15 CHECK (true_reach_weight BETWEEN 0 AND 100),
	amplification_weight      float8 NOT NULL DEFAULT 0.10 CHECK (amplification_weight BETWEEN 0 AND 100),
	network_influence_weight  float8 NOT NULL DEFAULT 0.20 CHECK (network_influence_weight BETWEEN 0 AND 100),
	authority_weight          float8 NOT NULL DEFAULT 0.30 CHECK (authority_weight BETWEEN 0 AND 100),
	-- the scale
	target_mean               float8 NOT NULL DEFAULT 40 CHECK (target_mean BETWEEN 5 AND 90),
	target_p95                float8 NOT NULL DEFAULT 63 CHECK (target_p95 < 99),
	calibration_policy        text NOT NULL DEFAULT 'anchored' CHECK (calibration_policy IN ('anchored', 'each_refresh')),
	-- what is kept
	history_retention         interval DEFAULT '90 days' CHECK (history_retention > '0' AND isfinite(history_retention)),
	-- what was published last
	published_as_of           timestamptz,
	created_at                timestamptz NOT NULL DEFAULT now(),
	CHECK (target_p95 > target_mean)
);

CREATE TABLE influence.networks (
	model    text NOT NULL REFERENCES influence.models ON DELETE CASCADE,
	network  text NOT NULL CHECK (network <> ''),
	weight   float8 NOT NULL DEFAULT 1 CHECK (weight BETWEEN 0 AND 1000),
	PRIMARY KEY (model, network)
);

CREATE TABLE influence.signals (
	model           text NOT NULL,
	network         text NOT NULL,
	kind            text NOT NULL CHECK (kind <> ''),
	role            text NOT NULL CHECK (role IN ('reaction', 'share', 'follow', 'post', 'authority', 'endorsement')),
	weight          float8 NOT NULL DEFAULT 1 CHECK (weight BETWEEN 0 AND 1e6),
	half_life       interval CHECK (half_life > '0' AND isfinite(half_life)),
	polarity        float8 NOT NULL DEFAULT 0 CHECK (polarity BETWEEN -1 AND 1),
	conversational  boolean NOT NULL DEFAULT false,
	PRIMARY KEY (model, network, kind),
	FOREIGN KEY (model, network) REFERENCES influence.networks ON DELETE CASCADE
);

CREATE TABLE influence.sources (
	model           text NOT NULL REFERENCES influence.models ON DELETE CASCADE,
	source          text NOT NULL CHECK (source <> ''),
	relation        regclass NOT NULL,
	relation_name   text NOT NULL,
	actor           text,
	target          text NOT NULL,
	occurred_at     text NOT NULL,
	kind            text,
	kind_column     text,
	network         text,
	network_column  text,
	post            text,
	weight          text,
	sentiment       text,
	topics          text,
	filter          text,
	PRIMARY KEY (model, source),
	CHECK (num_nonnulls(kind, kind_column) = 1),
	CHECK (num_nonnulls(network, network_column) = 1)
);

-- The map from raw to score. Between knots it is linear; a version is never changed.
CREATE TABLE influence.calibrations (
	model       text NOT NULL REFERENCES influence.models ON DELETE CASCADE,
	version     int NOT NULL CHECK (version > 0),
	as_of       timestamptz NOT NULL,
	people      bigint NOT NULL,
	raw         float8[] NOT NULL,
	score       float8[] NOT NULL,
	created_at  timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (model, version),
	CHECK (cardinality(raw) = cardinality(score) AND cardinality(raw) >= 2)
);

-- One row a run, kept when the model is dropped.
CREATE TABLE influence.refresh_log (
	run_id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	model           text NOT NULL,
	status          text NOT NULL CHECK (status IN ('success', 'skipped', 'failed')),
	as_of           timestamptz,
	started_at      timestamptz NOT NULL,
	finished_at     timestamptz NOT NULL,
	rows_read       bigint,
	rows_ignored    jsonb,
	users           bigint,
	milliseconds    jsonb,
	iterations      int,
	residual        float8,
	calibration     int,
	error_code      text,
	error           text,
	run_by          text NOT NULL DEFAULT current_user
);
CREATE INDEX refresh_log_model_idx ON influence.refresh_log (model, finished_at DESC);
