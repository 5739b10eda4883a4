-- Configuration: plain tables that an administrator may UPDATE. The checks
-- refuse nonsense (every float8 has an upper bound, which NaN exceeds);
-- functions such as influence_add_source() fill them.

SET LOCAL search_path = pg_catalog, pg_temp;
CREATE TABLE influence.models (
	model                     text PRIMARY KEY
		CONSTRAINT model_name_of_1_to_63_bytes CHECK (octet_length(model) BETWEEN 1 AND 63),
	id_type                   regtype NOT NULL
		CONSTRAINT id_type_is_bigint_uuid_or_text CHECK (id_type IN ('bigint'::regtype, 'uuid'::regtype, 'text'::regtype)),
	schema                    text NOT NULL UNIQUE
		CONSTRAINT schema_name_of_1_to_63_bytes CHECK (octet_length(schema) BETWEEN 1 AND 63),
	created_by                text DEFAULT current_user,
	formula_version           int NOT NULL DEFAULT 1
		CONSTRAINT formula_version_is_1 CHECK (formula_version = 1),
	-- which rows count
	time_window               interval DEFAULT '90 days'
		CONSTRAINT time_window_is_positive CHECK (time_window > '0' AND isfinite(time_window)),
	clock_skew                interval NOT NULL DEFAULT '5 minutes'
		CONSTRAINT clock_skew_is_not_negative CHECK (clock_skew >= '0' AND isfinite(clock_skew)),
	bad_row_policy            text NOT NULL DEFAULT 'skip'
		CONSTRAINT bad_row_policy_is_skip_or_error CHECK (bad_row_policy IN ('skip', 'error')),
	sentiment_policy          text NOT NULL DEFAULT 'split'
		CONSTRAINT sentiment_policy_is_split_or_ignore CHECK (sentiment_policy IN ('split', 'ignore')),
	-- what people received while they are away
	inactivity_policy         text NOT NULL DEFAULT 'decay'
		CONSTRAINT inactivity_policy_is_decay_grace_or_freeze CHECK (inactivity_policy IN ('decay', 'grace', 'freeze')),
	grace_period              interval NOT NULL DEFAULT '3 days'
		CONSTRAINT grace_period_to_1000_years CHECK (grace_period >= '0' AND grace_period <= '1000 years'),
	-- one pair
	reach_half_life           interval NOT NULL DEFAULT '30 days'
		CONSTRAINT reach_half_life_is_positive CHECK (reach_half_life > '0' AND isfinite(reach_half_life)),
	reciprocity_discount      float8 NOT NULL DEFAULT 0.5
		CONSTRAINT reciprocity_discount_from_0_to_1 CHECK (reciprocity_discount BETWEEN 0 AND 1),
	selectivity_rate          float8 NOT NULL DEFAULT 50
		CONSTRAINT selectivity_rate_from_1e_6_to_1e9 CHECK (selectivity_rate BETWEEN 1e-6 AND 1e9),
	anonymous_reach           float8 NOT NULL DEFAULT 0.1
		CONSTRAINT anonymous_reach_from_0_to_1 CHECK (anonymous_reach BETWEEN 0 AND 1),
	-- network influence
	damping                   float8 NOT NULL DEFAULT 0.85
		CONSTRAINT damping_from_0_to_below_1 CHECK (damping >= 0 AND damping < 1),
	max_iterations            int NOT NULL DEFAULT 200
		CONSTRAINT max_iterations_from_1_to_10000 CHECK (max_iterations BETWEEN 1 AND 10000),
	tolerance                 float8 NOT NULL DEFAULT 1e-13
		CONSTRAINT tolerance_from_1e_14_to_1e_3 CHECK (tolerance BETWEEN 1e-14 AND 1e-3),
	-- weight of each measure
	audience_weight           float8 NOT NULL DEFAULT 0.30
		CONSTRAINT audience_weight_from_0_to_100 CHECK (audience_weight BETWEEN 0 AND 100),
	engagement_weight         float8 NOT NULL DEFAULT 0.25
		CONSTRAINT engagement_weight_from_0_to_100 CHECK (engagement_weight BETWEEN 0 AND 100),
	true_reach_weight         float8 NOT NULL DEFAULT 0.15
		CONSTRAINT true_reach_weight_from_0_to_100 CHECK (true_reach_weight BETWEEN 0 AND 100),
	amplification_weight      float8 NOT NULL DEFAULT 0.10
		CONSTRAINT amplification_weight_from_0_to_100 CHECK (amplification_weight BETWEEN 0 AND 100),
	network_influence_weight  float8 NOT NULL DEFAULT 0.20
		CONSTRAINT network_influence_weight_from_0_to_100 CHECK (network_influence_weight BETWEEN 0 AND 100),
	authority_weight          float8 NOT NULL DEFAULT 0.30
		CONSTRAINT authority_weight_from_0_to_100 CHECK (authority_weight BETWEEN 0 AND 100),
	-- the scale
	target_mean               float8 NOT NULL DEFAULT 40
		CONSTRAINT target_mean_from_5_to_90 CHECK (target_mean BETWEEN 5 AND 90),
	target_p95                float8 NOT NULL DEFAULT 63
		CONSTRAINT target_p95_below_99 CHECK (target_p95 < 99),
	calibration_policy        text NOT NULL DEFAULT 'anchored'
		CONSTRAINT calibration_policy_is_anchored_or_each_refresh CHECK (calibration_policy IN ('anchored', 'each_refresh')),
	max_daily_gain            float8
		CONSTRAINT max_daily_gain_to_99 CHECK (max_daily_gain > 0 AND max_daily_gain <= 99),
	-- what is kept
	history_retention         interval DEFAULT '90 days'
		CONSTRAINT history_retention_to_1000_years CHECK (history_retention > '0' AND history_retention <= '1000 years'),
	-- who is not scored
	opted_out_actors          text NOT NULL DEFAULT 'anonymous'
		CONSTRAINT opted_out_actors_is_anonymous_or_ignore CHECK (opted_out_actors IN ('anonymous', 'ignore')),
	scored_only               boolean NOT NULL DEFAULT false,
	id_salt                   bytea NOT NULL DEFAULT uuid_send(gen_random_uuid())
		CONSTRAINT id_salt_of_16_bytes_or_more CHECK (octet_length(id_salt) >= 16),
	-- when a day of an incremental source is over
	closing_delay             interval NOT NULL DEFAULT '1 hour'
		CONSTRAINT closing_delay_to_1000_years CHECK (closing_delay >= '0' AND closing_delay <= '1000 years'),
	-- what was published last
	published_as_of           timestamptz
		CONSTRAINT published_as_of_is_finite CHECK (isfinite(published_as_of)),
	created_at                timestamptz NOT NULL DEFAULT now(),
	-- whether influence_drop_model() should remove the schema too
	schema_created            boolean NOT NULL DEFAULT false,
	-- since 0.2.0, which adds columns at the end
	trading_discount          float8 NOT NULL DEFAULT 1
		CONSTRAINT trading_discount_from_0_to_1 CHECK (trading_discount BETWEEN 0 AND 1),
	CONSTRAINT target_p95_above_target_mean CHECK (target_p95 > target_mean)
);
COMMENT ON TABLE influence.models IS 'Models: one row each, with every option of the score; a role sees those whose views it may read and changes those it owns (the owner of a model is the owner of its view scores)';
COMMENT ON COLUMN influence.models.model IS 'Name of the model';
COMMENT ON COLUMN influence.models.id_type IS 'Type of user ids: bigint, uuid or text';
COMMENT ON COLUMN influence.models.schema IS 'Schema that holds the views of the model';
COMMENT ON COLUMN influence.models.created_by IS 'Role that created the model; it may drop the model even when the schema is gone, and with it the views whose owner owns the model';
COMMENT ON COLUMN influence.models.formula_version IS 'Version of the formula; 1 is the only one so far';
COMMENT ON COLUMN influence.models.time_window IS 'Older rows do not count, except standing ones (follow, authority); NULL: every row counts';
COMMENT ON COLUMN influence.models.clock_skew IS 'Rows up to this far after the as-of time count as if they had just happened; later ones are ignored';
COMMENT ON COLUMN influence.models.bad_row_policy IS 'skip: rows with an impossible weight, time or sentiment are counted in the log and skipped; error: they fail the refresh';
COMMENT ON COLUMN influence.models.sentiment_policy IS 'split: the negative part of a row goes to notoriety and not to the score; ignore: sentiment has no effect';
COMMENT ON COLUMN influence.models.inactivity_policy IS 'What the clock does by which the rows towards a person age: decay, it always runs; grace, it stops for grace_period after the last post; freeze, it stops grace_period after each post until the next one';
COMMENT ON COLUMN influence.models.grace_period IS 'How long after a post a person''s clock stands (inactivity policy grace) or runs on (freeze)';
COMMENT ON COLUMN influence.models.reach_half_life IS 'Time after which a person''s last reaction counts half in true reach';
COMMENT ON COLUMN influence.models.reciprocity_discount IS 'Part of the engagement that is taken off between two people who react to each other equally; 0 to 1';
COMMENT ON COLUMN influence.models.selectivity_rate IS 'Reactions a day at which a single reaction of a person counts half';
COMMENT ON COLUMN influence.models.anonymous_reach IS 'Part of an anonymous count (a row without an actor) that counts as true reach; 0 to 1';
COMMENT ON COLUMN influence.models.damping IS 'PageRank: probability of following an edge rather than teleporting; 0 to below 1';
COMMENT ON COLUMN influence.models.max_iterations IS 'PageRank: not converging within this many iterations fails the refresh';
COMMENT ON COLUMN influence.models.tolerance IS 'PageRank: L1 residual at which the ranks have converged';
COMMENT ON COLUMN influence.models.audience_weight IS 'Weight of the measure audience in the score; not negative';
COMMENT ON COLUMN influence.models.engagement_weight IS 'Weight of the measure engagement in the score; not negative';
COMMENT ON COLUMN influence.models.true_reach_weight IS 'Weight of the measure true reach in the score; not negative';
COMMENT ON COLUMN influence.models.amplification_weight IS 'Weight of the measure amplification in the score; not negative';
COMMENT ON COLUMN influence.models.network_influence_weight IS 'Weight of the measure network influence in the score; not negative';
COMMENT ON COLUMN influence.models.authority_weight IS 'Weight of the measure authority in the score; not negative';
COMMENT ON COLUMN influence.models.target_mean IS 'Mean score that a calibration aims at';
COMMENT ON COLUMN influence.models.target_p95 IS '95th percentile of the scores that a calibration aims at; above target_mean';
COMMENT ON COLUMN influence.models.calibration_policy IS 'anchored: the map from raw to score stays until influence_calibrate(); each_refresh: it follows the population';
COMMENT ON COLUMN influence.models.max_daily_gain IS 'Most points that a score may gain in a day (UTC) over the person''s latest score of an earlier day; NULL: no limit';
COMMENT ON COLUMN influence.models.history_retention IS 'How long score_history keeps a day; NULL: for ever';
COMMENT ON COLUMN influence.models.opted_out_actors IS 'What people who opted out do to others: anonymous, it counts as of somebody unknown; ignore, it does not count';
COMMENT ON COLUMN influence.models.scored_only IS 'Consent mode: only people who opted in are scored (influence_opt_in)';
COMMENT ON COLUMN influence.models.id_salt IS 'Random bytes in front of ids when influence.privacy_choices hashes them';
COMMENT ON COLUMN influence.models.closing_delay IS 'How long after its end a day of an incremental source stays open, so that each refresh reads it: rows of that day that come later need an invalidation';
COMMENT ON COLUMN influence.models.published_as_of IS 'As-of time of the scores that are published now; NULL before the first refresh';
COMMENT ON COLUMN influence.models.created_at IS 'When the model was created';
COMMENT ON COLUMN influence.models.schema_created IS 'Whether the schema was created for the model, and goes with it when it is empty then';
COMMENT ON COLUMN influence.models.trading_discount IS 'Part of the trust that is taken off somebody who gives only what comes back, as in a ring of people who like each other; little of it where little comes back; 0 to 1';

CREATE TABLE influence.networks (
	model    text NOT NULL,
	network  text NOT NULL
		CONSTRAINT network_is_not_empty CHECK (network <> ''),
	weight   float8 NOT NULL DEFAULT 1
		CONSTRAINT weight_from_0_to_1000 CHECK (weight BETWEEN 0 AND 1000),
	-- what was published last
	prior_shares  float8
		CONSTRAINT prior_shares_from_0_to_1e9 CHECK (prior_shares BETWEEN 0 AND 1e9),
	prior_posts   float8
		CONSTRAINT prior_posts_from_0_to_1e9 CHECK (prior_posts BETWEEN 0 AND 1e9),
	PRIMARY KEY (model, network)
);
COMMENT ON TABLE influence.networks IS 'Networks of each model';
COMMENT ON COLUMN influence.networks.model IS 'Model';
COMMENT ON COLUMN influence.networks.network IS 'Name of the network: app, twitter, ...';
COMMENT ON COLUMN influence.networks.weight IS 'Weight of the network in the score; 0 leaves it out';
COMMENT ON COLUMN influence.networks.prior_shares IS 'The a of amplification, (shares + a) / (posts + b), as fitted by the refresh that was published last; NULL when that saw nobody on the network';
COMMENT ON COLUMN influence.networks.prior_posts IS 'The b of amplification; see prior_shares';

CREATE TABLE influence.signals (
	model           text NOT NULL,
	network         text NOT NULL,
	kind            text NOT NULL
		CONSTRAINT kind_is_not_empty CHECK (kind <> ''),
	role            text NOT NULL
		CONSTRAINT role_is_known CHECK (role IN ('reaction', 'share', 'follow', 'post', 'authority', 'endorsement')),
	weight          float8 NOT NULL DEFAULT 1
		CONSTRAINT weight_from_0_to_1e6 CHECK (weight BETWEEN 0 AND 1e6),
	half_life       interval
		CONSTRAINT half_life_is_positive CHECK (half_life > '0' AND isfinite(half_life)),
	polarity        float8 NOT NULL DEFAULT 0
		CONSTRAINT polarity_from_minus_1_to_1 CHECK (polarity BETWEEN -1 AND 1),
	conversational  boolean NOT NULL DEFAULT false,
	PRIMARY KEY (model, network, kind)
);
COMMENT ON TABLE influence.signals IS 'Signals of each model: how an interaction of a kind on a network counts';
COMMENT ON COLUMN influence.signals.model IS 'Model';
COMMENT ON COLUMN influence.signals.network IS 'Network of the interaction';
COMMENT ON COLUMN influence.signals.kind IS 'Kind of the interaction: like, comment, follow, ...';
COMMENT ON COLUMN influence.signals.role IS 'reaction, share, follow, post, authority or endorsement';
COMMENT ON COLUMN influence.signals.weight IS 'Weight of one interaction; 0: it does not count';
COMMENT ON COLUMN influence.signals.half_life IS 'Time after which an interaction counts half; NULL: it does not fade';
COMMENT ON COLUMN influence.signals.polarity IS 'Sentiment of rows that bring none, -1 (a block) to 1';
COMMENT ON COLUMN influence.signals.conversational IS 'Whether it is part of a conversation (comment, reply, mention), which is not a traded reaction';

CREATE TABLE influence.sources (
	model           text NOT NULL,
	source          text NOT NULL
		CONSTRAINT source_is_not_empty CHECK (source <> ''),
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
	incremental     boolean NOT NULL DEFAULT false,
	by_account      boolean NOT NULL DEFAULT false,
	PRIMARY KEY (model, source),
	-- a link that changes says anew whose old rows are
	CONSTRAINT incremental_is_not_by_account CHECK (NOT (incremental AND by_account)),
	CONSTRAINT either_kind_or_kind_column CHECK (num_nonnulls(kind, kind_column) = 1),
	CONSTRAINT either_network_or_network_column CHECK (num_nonnulls(network, network_column) = 1)
);
COMMENT ON TABLE influence.sources IS 'Sources of each model: relations and the mapping of their columns; filled by influence_add_source()';
COMMENT ON COLUMN influence.sources.model IS 'Model';
COMMENT ON COLUMN influence.sources.source IS 'Name of the source';
COMMENT ON COLUMN influence.sources.relation IS 'Relation that is read';
COMMENT ON COLUMN influence.sources.relation_name IS 'Qualified name of the relation when it was registered, for messages once it is gone';
COMMENT ON COLUMN influence.sources.actor IS 'Expression: user who acted; NULL: every row is an anonymous count';
COMMENT ON COLUMN influence.sources.target IS 'Expression: user who is scored';
COMMENT ON COLUMN influence.sources.occurred_at IS 'Expression: timestamptz of the interaction';
COMMENT ON COLUMN influence.sources.kind IS 'Kind of every row; NULL: read from kind_column';
COMMENT ON COLUMN influence.sources.kind_column IS 'Expression: kind of the row';
COMMENT ON COLUMN influence.sources.network IS 'Network of every row; NULL: read from network_column';
COMMENT ON COLUMN influence.sources.network_column IS 'Expression: network of the row';
COMMENT ON COLUMN influence.sources.post IS 'Expression: piece of content the row is about';
COMMENT ON COLUMN influence.sources.weight IS 'Expression: float8 weight of the row, not negative; people in an anonymous count';
COMMENT ON COLUMN influence.sources.sentiment IS 'Expression: float8 sentiment of the row, -1 to 1';
COMMENT ON COLUMN influence.sources.topics IS 'Expression: text[] topics of the row';
COMMENT ON COLUMN influence.sources.filter IS 'Expression: boolean, rows where it is not true are left out';
COMMENT ON COLUMN influence.sources.incremental IS 'Whether a refresh keeps what it read of days that are over, instead of reading them again; rows of such days that are added, changed or deleted then need influence_track_changes() or influence_invalidate(). Where policies of row-level security choose the rows, all are read all the same';
COMMENT ON COLUMN influence.sources.by_account IS 'Whether actor and target are accounts on the row''s network instead of ids, see influence.accounts';

CREATE TABLE influence.accounts (
	model          text PRIMARY KEY,
	relation       regclass NOT NULL,
	relation_name  text NOT NULL,
	user_id        text NOT NULL,
	network        text NOT NULL,
	account_id     text NOT NULL,
	filter         text
);
COMMENT ON TABLE influence.accounts IS 'Where each model finds whose an account is: a relation and the mapping of its columns; filled by influence_set_accounts()';
COMMENT ON COLUMN influence.accounts.model IS 'Model';
COMMENT ON COLUMN influence.accounts.relation IS 'Relation that is read, a row for each account';
COMMENT ON COLUMN influence.accounts.relation_name IS 'Qualified name of the relation when it was registered, for messages once it is gone';
COMMENT ON COLUMN influence.accounts.user_id IS 'Expression: the person';
COMMENT ON COLUMN influence.accounts.network IS 'Expression: network of the account';
COMMENT ON COLUMN influence.accounts.account_id IS 'Expression: the account as sources name it';
COMMENT ON COLUMN influence.accounts.filter IS 'Expression: boolean, rows where it is not true are left out';

CREATE TABLE influence.profiles (
	model               text PRIMARY KEY,
	relation            regclass NOT NULL,
	relation_name       text NOT NULL,
	user_id             text NOT NULL,
	display_name        text NOT NULL,
	region              text,
	account_created_at  text
);
COMMENT ON TABLE influence.profiles IS 'Relation of each model that holds the names of its people, and the mapping of its columns; filled by influence_set_profiles()';
COMMENT ON COLUMN influence.profiles.model IS 'Model';
COMMENT ON COLUMN influence.profiles.relation IS 'Relation that is read';
COMMENT ON COLUMN influence.profiles.relation_name IS 'Qualified name of the relation when it was registered, for messages once it is gone';
COMMENT ON COLUMN influence.profiles.user_id IS 'Expression: the person, in the id type of the model';
COMMENT ON COLUMN influence.profiles.display_name IS 'Expression: text name of the person';
COMMENT ON COLUMN influence.profiles.region IS 'Expression: text region of the person';
COMMENT ON COLUMN influence.profiles.account_created_at IS 'Expression: timestamptz since when the person is there';

CREATE TABLE influence.tiers (
	model      text NOT NULL,
	tier       text NOT NULL
		CONSTRAINT tier_is_not_empty CHECK (tier <> ''),
	min_score  float8 NOT NULL
		CONSTRAINT min_score_from_1_to_100 CHECK (min_score BETWEEN 1 AND 100),
	PRIMARY KEY (model, tier),
	-- checked at the end of a statement, so that one UPDATE can move several
	CONSTRAINT min_score_is_unique UNIQUE (model, min_score) DEFERRABLE
);
COMMENT ON TABLE influence.tiers IS 'Tiers of each model, for the column tier of its view scores; a model without any has those of influence_tier()';
COMMENT ON COLUMN influence.tiers.model IS 'Model';
COMMENT ON COLUMN influence.tiers.tier IS 'Name of the tier';
COMMENT ON COLUMN influence.tiers.min_score IS 'Lowest score of the tier, which goes up to that of the next; the lowest tier starts at 1';
SET LOCAL search_path = @extschema@, pg_temp;

CREATE FUNCTION influence_check_tiers() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	lowest float8;
BEGIN
	SELECT min(t.min_score) INTO lowest FROM influence.tiers AS t WHERE t.model = OLD.model;
	-- NULL when none is left
	IF lowest > 1 THEN
		RAISE EXCEPTION 'no tier of model "%" starts at 1, the lowest at %', OLD.model, lowest
			USING ERRCODE = 'check_violation',
				  HINT = 'Every score from 1 to 100 needs a tier: let the lowest min_score be 1, or delete all tiers of the model.';
	END IF;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION influence_check_tiers() IS
	'Trigger on influence.tiers: error 23514 after a statement that leaves low scores of a model without a tier';
-- not on INSERT, which a restore may do row by row; a refresh checks again
SET LOCAL search_path = pg_catalog, pg_temp;
CREATE TRIGGER lowest_tier_starts_at_1 AFTER UPDATE OR DELETE ON influence.tiers
	FOR EACH ROW EXECUTE FUNCTION @extschema@.influence_check_tiers();

-- The map from raw to score. Between knots it is linear; a version is never changed.
CREATE TABLE influence.calibrations (
	model       text NOT NULL,
	version     int NOT NULL
		CONSTRAINT version_is_positive CHECK (version > 0),
	as_of       timestamptz NOT NULL,
	people      bigint NOT NULL,
	raw         float8[] NOT NULL
		CONSTRAINT raw_is_finite_and_not_negative CHECK (0 <= ALL (raw) AND 'infinity' > ALL (raw) AND array_position(raw, NULL) IS NULL),
	score       float8[] NOT NULL
		CONSTRAINT score_from_1_to_100 CHECK (1 <= ALL (score) AND 100 >= ALL (score) AND array_position(score, NULL) IS NULL),
	created_at  timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (model, version),
	CONSTRAINT as_many_raw_as_score_and_at_least_2 CHECK (cardinality(raw) = cardinality(score) AND cardinality(raw) >= 2)
);
COMMENT ON TABLE influence.calibrations IS 'Maps from raw to score, stored as knots with linear pieces between them';
COMMENT ON COLUMN influence.calibrations.model IS 'Model';
COMMENT ON COLUMN influence.calibrations.version IS 'Version, counted from 1; the highest is in use';
COMMENT ON COLUMN influence.calibrations.as_of IS 'As-of time of the refresh that it was fitted to';
COMMENT ON COLUMN influence.calibrations.people IS 'People that it was fitted to: those with raw above 0';
COMMENT ON COLUMN influence.calibrations.raw IS 'Knots: raw, increasing, the first 0';
COMMENT ON COLUMN influence.calibrations.score IS 'Knots: score at each raw, 1 to 100';
COMMENT ON COLUMN influence.calibrations.created_at IS 'When it was stored';

-- Which map the scores of each day of a score_history were read off
CREATE TABLE influence.history_calibrations (
	model    text NOT NULL,
	day      date NOT NULL,
	version  int NOT NULL,
	PRIMARY KEY (model, day)
);
CREATE INDEX history_calibrations_version_idx ON influence.history_calibrations (model, version);
COMMENT ON TABLE influence.history_calibrations IS 'Calibration of each day in the score_history of a model, which tells a person''s change from that of the scale';
COMMENT ON COLUMN influence.history_calibrations.model IS 'Model';
COMMENT ON COLUMN influence.history_calibrations.day IS 'Day (UTC) of the history';
COMMENT ON COLUMN influence.history_calibrations.version IS 'Version of the calibration that gave the scores of that day';

-- Rows that refer to others. These are no foreign keys, since a restore by several
-- processes loads the tables of an extension in any order and would fail.

SET LOCAL search_path = @extschema@, pg_temp;

CREATE FUNCTION influence_check_reference() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	parent text := TG_ARGV[0];
	columns text := TG_ARGV[1];
	key text;
	found boolean;
BEGIN
	-- as pg_dump has it set while its output is restored, and nobody else
	IF current_setting('row_security') = 'off' THEN
		RETURN NULL;
	END IF;
	-- what we refer to must not go before we have committed
	EXECUTE format('SELECT true FROM influence.%I WHERE (%s) = (SELECT %s FROM (SELECT ($1).*) AS n) %s', parent, columns, columns,
			CASE WHEN has_any_column_privilege(format('influence.%I', parent), 'UPDATE') THEN 'FOR KEY SHARE' END)
		INTO found USING NEW;
	IF found IS NULL THEN
		EXECUTE format('SELECT concat_ws($2, %s) FROM (SELECT ($1).*) AS n', columns) INTO key USING NEW, ', ';
		RAISE EXCEPTION 'insert or update on table "%" violates foreign key constraint "%"', TG_TABLE_NAME, TG_NAME
			USING ERRCODE = 'foreign_key_violation',
				  SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, CONSTRAINT = TG_NAME,
				  DETAIL = format('Key (%s)=(%s) is not present in table "%s".', columns, key, parent),
				  HINT = format('What a row refers to must be in influence.%I first.', parent);
	END IF;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION influence_check_reference() IS
	'Trigger of configuration tables: error 23503 for a row that refers to one that is not there, except while a dump is restored (row_security is off). Arguments: table that is referred to, columns';

CREATE FUNCTION influence_keep_references() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	child text := TG_ARGV[0];
	columns text := TG_ARGV[1];
	broken boolean;
BEGIN
	IF TG_OP = 'DELETE' THEN
		EXECUTE format('DELETE FROM influence.%I WHERE (%s) = (SELECT %s FROM (SELECT ($1).*) AS o)', child, columns, columns) USING OLD;
		RETURN OLD;
	END IF;
	EXECUTE format('SELECT (SELECT ROW(%2$s) FROM (SELECT ($1).*) AS o) IS DISTINCT FROM (SELECT ROW(%2$s) FROM (SELECT ($2).*) AS n)
			AND EXISTS (SELECT FROM influence.%1$I WHERE (%2$s) = (SELECT %2$s FROM (SELECT ($1).*) AS o))', child, columns)
		INTO broken USING OLD, NEW;
	IF broken THEN
		RAISE EXCEPTION 'update on table "%" violates references from table "%"', TG_TABLE_NAME, child
			USING ERRCODE = 'foreign_key_violation', DETAIL = format('Its key (%s) is still referred to.', columns);
	END IF;
	RETURN NEW;
END
$$;
COMMENT ON FUNCTION influence_keep_references() IS
	'Trigger of configuration tables: deletes what refers to a row with it; error 23503 for another key while there are such rows. Arguments: table that refers, columns';

SET LOCAL search_path = pg_catalog, pg_temp;
CREATE TRIGGER networks_model_fkey AFTER INSERT OR UPDATE OF model ON influence.networks
	FOR EACH ROW EXECUTE FUNCTION @extschema@.influence_check_reference('models', 'model');
CREATE TRIGGER referred_to_by_networks BEFORE DELETE OR UPDATE OF model ON influence.models
	FOR EACH ROW EXECUTE FUNCTION @extschema@.influence_keep_references('networks', 'model');
CREATE TRIGGER signals_model_network_fkey AFTER INSERT OR UPDATE OF model, network ON influence.signals
	FOR EACH ROW EXECUTE FUNCTION @extschema@.influence_check_reference('networks', 'model, network');
CREATE TRIGGER referred_to_by_signals BEFORE DELETE OR UPDATE OF model, network ON influence.networks
	FOR EACH ROW EXECUTE FUNCTION @extschema@.influence_keep_references('signals', 'model, network');
CREATE TRIGGER sources_model_fkey AFTER INSERT OR UPDATE OF model ON influence.sources
	FOR EACH ROW EXECUTE FUNCTION @extschema@.influence_check_reference('models', 'model');
-- a network that is deleted does not take its sources with it: the refresh names them
CREATE TRIGGER sources_model_network_fkey AFTER INSERT OR UPDATE OF model, network ON influence.sources
	FOR EACH ROW WHEN (NEW.network IS NOT NULL) EXECUTE FUNCTION @extschema@.influence_check_reference('networks', 'model, network');
COMMENT ON TRIGGER sources_model_network_fkey ON influence.sources IS 'Error 23503 for a source of a network that the model does not have';
CREATE TRIGGER referred_to_by_sources BEFORE DELETE OR UPDATE OF model ON influence.models
	FOR EACH ROW EXECUTE FUNCTION @extschema@.influence_keep_references('sources', 'model');
CREATE TRIGGER accounts_model_fkey AFTER INSERT OR UPDATE OF model ON influence.accounts
	FOR EACH ROW EXECUTE FUNCTION @extschema@.influence_check_reference('models', 'model');
CREATE TRIGGER referred_to_by_accounts BEFORE DELETE OR UPDATE OF model ON influence.models
	FOR EACH ROW EXECUTE FUNCTION @extschema@.influence_keep_references('accounts', 'model');
CREATE TRIGGER profiles_model_fkey AFTER INSERT OR UPDATE OF model ON influence.profiles
	FOR EACH ROW EXECUTE FUNCTION @extschema@.influence_check_reference('models', 'model');
CREATE TRIGGER referred_to_by_profiles BEFORE DELETE OR UPDATE OF model ON influence.models
	FOR EACH ROW EXECUTE FUNCTION @extschema@.influence_keep_references('profiles', 'model');
CREATE TRIGGER tiers_model_fkey AFTER INSERT OR UPDATE OF model ON influence.tiers
	FOR EACH ROW EXECUTE FUNCTION @extschema@.influence_check_reference('models', 'model');
CREATE TRIGGER referred_to_by_tiers BEFORE DELETE OR UPDATE OF model ON influence.models
	FOR EACH ROW EXECUTE FUNCTION @extschema@.influence_keep_references('tiers', 'model');
CREATE TRIGGER calibrations_model_fkey AFTER INSERT OR UPDATE OF model ON influence.calibrations
	FOR EACH ROW EXECUTE FUNCTION @extschema@.influence_check_reference('models', 'model');
CREATE TRIGGER referred_to_by_calibrations BEFORE DELETE OR UPDATE OF model ON influence.models
	FOR EACH ROW EXECUTE FUNCTION @extschema@.influence_keep_references('calibrations', 'model');
CREATE TRIGGER history_calibrations_model_version_fkey AFTER INSERT OR UPDATE OF model, version ON influence.history_calibrations
	FOR EACH ROW EXECUTE FUNCTION @extschema@.influence_check_reference('calibrations', 'model, version');
CREATE TRIGGER referred_to_by_history_calibrations BEFORE DELETE OR UPDATE OF model, version ON influence.calibrations
	FOR EACH ROW EXECUTE FUNCTION @extschema@.influence_keep_references('history_calibrations', 'model, version');

-- One row a run, kept when the model is dropped.
CREATE TABLE influence.refresh_log (
	run_id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	model           text NOT NULL,
	status          text NOT NULL
		CONSTRAINT status_is_success_skipped_or_failed CHECK (status IN ('success', 'skipped', 'failed')),
	as_of           timestamptz,
	started_at      timestamptz NOT NULL,
	finished_at     timestamptz NOT NULL,
	rows_read       bigint,
	rows_kept       bigint,
	rows_ignored    jsonb,
	accounts        jsonb,
	users           bigint,
	milliseconds    jsonb,
	iterations      int,
	residual        float8,
	calibration     int,
	formula_version int,
	configuration   int,
	error_code      text,
	error           text,
	run_by          text NOT NULL DEFAULT current_user
);
CREATE INDEX refresh_log_model_idx ON influence.refresh_log (model, finished_at DESC);
COMMENT ON TABLE influence.refresh_log IS 'Every refresh that ran, was skipped or failed; rows stay when the model is dropped';
COMMENT ON COLUMN influence.refresh_log.run_id IS 'Number of the run';
COMMENT ON COLUMN influence.refresh_log.model IS 'Model';
COMMENT ON COLUMN influence.refresh_log.status IS 'success, skipped (another refresh of the model was running) or failed (the old scores stayed)';
COMMENT ON COLUMN influence.refresh_log.as_of IS 'Moment that the scores are computed for';
COMMENT ON COLUMN influence.refresh_log.started_at IS 'When the run began';
COMMENT ON COLUMN influence.refresh_log.finished_at IS 'When the run ended';
COMMENT ON COLUMN influence.refresh_log.rows_read IS 'Rows read from all sources';
COMMENT ON COLUMN influence.refresh_log.rows_kept IS 'Rows that counted without being read: those of closed days of incremental sources';
COMMENT ON COLUMN influence.refresh_log.rows_ignored IS 'Rows that did not count: an object of reason and number of rows';
COMMENT ON COLUMN influence.refresh_log.accounts IS 'Links between accounts and people: an object of links, people, rows left out for a NULL (null), and for a network that the model does not have (unknown_network); NULL where no source names accounts';
COMMENT ON COLUMN influence.refresh_log.users IS 'People scored';
COMMENT ON COLUMN influence.refresh_log.milliseconds IS 'Milliseconds of each phase';
COMMENT ON COLUMN influence.refresh_log.iterations IS 'PageRank iterations of the network that took most';
COMMENT ON COLUMN influence.refresh_log.residual IS 'Largest L1 residual of PageRank';
COMMENT ON COLUMN influence.refresh_log.calibration IS 'Version of the calibration used';
COMMENT ON COLUMN influence.refresh_log.formula_version IS 'Version of the formula used';
COMMENT ON COLUMN influence.refresh_log.configuration IS 'Version of the configuration used, see influence.configurations';
COMMENT ON COLUMN influence.refresh_log.error_code IS 'SQLSTATE of a failed run';
COMMENT ON COLUMN influence.refresh_log.error IS 'Message of a failed run';
COMMENT ON COLUMN influence.refresh_log.run_by IS 'Role that ran it';
COMMENT ON SEQUENCE influence.refresh_log_run_id_seq IS 'Numbers of the runs in influence.refresh_log';

-- What the log's versions of the configuration were, kept as the log is.
CREATE TABLE influence.configurations (
	model             text NOT NULL,
	model_created_at  timestamptz NOT NULL,
	version           int NOT NULL
		CONSTRAINT version_is_positive CHECK (version > 0),
	formula_version   int NOT NULL,
	configuration     jsonb NOT NULL,
	hash              bytea NOT NULL
		CONSTRAINT hash_of_32_bytes CHECK (octet_length(hash) = 32),
	first_used_at     timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (model, model_created_at, version)
);
COMMENT ON TABLE influence.configurations IS 'Configurations that refreshes used: a new version whenever one finds it different from the last one; rows stay when the model is dropped';
COMMENT ON COLUMN influence.configurations.model IS 'Model';
COMMENT ON COLUMN influence.configurations.model_created_at IS 'When the model was created: tells it from an earlier one of its name';
COMMENT ON COLUMN influence.configurations.version IS 'Version, counted from 1; refresh_log.configuration names it';
COMMENT ON COLUMN influence.configurations.formula_version IS 'Version of the formula';
COMMENT ON COLUMN influence.configurations.configuration IS 'Options (models), networks, signals, tiers, sources and accounts, as influence.current_configuration shows them';
COMMENT ON COLUMN influence.configurations.hash IS 'SHA-256 of the text of configuration: the same for two models that compute the same';
COMMENT ON COLUMN influence.configurations.first_used_at IS 'When a refresh first used it';

-- Who may see and change what. Roles are those of the caller: a view of the
-- model's schema reads these tables with its owner's table rights, but
-- policies still ask about the role that reads the view.

SET LOCAL search_path = @extschema@, pg_temp;

CREATE FUNCTION influence_may_change(schema text, created_by text DEFAULT NULL) RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE
		-- the owner of a model is the owner of its view scores
		WHEN c.oid IS NOT NULL THEN pg_has_role(c.relowner, 'USAGE')
		-- what a DROP or a RENAME left behind can still be dropped
		WHEN n.oid IS NOT NULL THEN pg_has_role(n.nspowner, 'USAGE')
		ELSE pg_has_role('pg_database_owner', 'USAGE')
			OR EXISTS (SELECT FROM pg_roles AS r
					   WHERE r.rolname = influence_may_change.created_by AND pg_has_role(r.oid, 'USAGE'))
	END
	FROM (VALUES (1)) AS always
	LEFT JOIN pg_namespace AS n ON n.nspname = influence_may_change.schema
	LEFT JOIN pg_class AS c ON c.relnamespace = n.oid AND c.relname = 'scores' AND c.relkind = 'm'
$$;
COMMENT ON FUNCTION influence_may_change(text, text) IS
	'Whether the current role owns the model whose views are in a schema (has the rights of the owner of its view scores); when the schema is gone, whether it owns the database or has the rights of the role that created the model';

CREATE FUNCTION influence_may_read(schema text, view text DEFAULT NULL) RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT EXISTS (
		SELECT FROM pg_class AS c
		JOIN pg_namespace AS n ON n.oid = c.relnamespace
		WHERE n.nspname = influence_may_read.schema
		  AND c.relname IN ('scores', 'network_scores', 'signals', 'refresh_status')
		  AND c.relname = coalesce(influence_may_read.view, c.relname)
		  AND has_table_privilege(c.oid, 'SELECT'))
$$;
COMMENT ON FUNCTION influence_may_read(text, text) IS
	'Whether the current role may read a view (NULL: any) of the model whose views are in a schema';

CREATE FUNCTION influence_is_owner(schema text) RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT EXISTS (
		SELECT FROM pg_class AS c
		JOIN pg_namespace AS n ON n.oid = c.relnamespace
		WHERE n.nspname = influence_is_owner.schema AND c.relname = 'scores' AND c.relkind = 'm'
		  AND pg_has_role(c.relowner, 'USAGE'))
$$;
COMMENT ON FUNCTION influence_is_owner(text) IS
	'Whether the current role owns the model whose views are in a schema: has the rights of the owner of its view scores, which must exist';

SET LOCAL search_path = pg_catalog, pg_temp;
GRANT USAGE ON SCHEMA influence TO PUBLIC;

-- Name, id type and schema of a model cannot change: its views hold them.
GRANT SELECT, INSERT, DELETE ON influence.models TO PUBLIC;
GRANT UPDATE (time_window, clock_skew, bad_row_policy, sentiment_policy, inactivity_policy, grace_period,
			  reach_half_life, reciprocity_discount, trading_discount, selectivity_rate, anonymous_reach,
			  damping, max_iterations, tolerance,
			  audience_weight, engagement_weight, true_reach_weight, amplification_weight,
			  network_influence_weight, authority_weight,
			  target_mean, target_p95, calibration_policy, max_daily_gain, history_retention, closing_delay, published_as_of,
			  opted_out_actors, scored_only)
	ON influence.models TO PUBLIC;
ALTER TABLE influence.models ENABLE ROW LEVEL SECURITY;
CREATE POLICY readers ON influence.models FOR SELECT
	USING (@extschema@.influence_may_read(schema, NULL::text) OR @extschema@.influence_may_change(schema, created_by));
-- not a model without views, whose views somebody else could make
CREATE POLICY owner_adds ON influence.models FOR INSERT
	WITH CHECK (@extschema@.influence_is_owner(schema));
CREATE POLICY owner_changes ON influence.models FOR UPDATE
	USING (@extschema@.influence_is_owner(schema));
CREATE POLICY owner_drops ON influence.models FOR DELETE
	USING (@extschema@.influence_may_change(schema, created_by));

-- A model whose views are gone can be cleared away and not changed: whoever makes
-- its views anew would run what is configured.
GRANT SELECT, INSERT, UPDATE, DELETE ON influence.networks, influence.signals, influence.sources, influence.accounts, influence.profiles, influence.tiers TO PUBLIC;
-- A version of a calibration is never changed.
GRANT SELECT, INSERT, DELETE ON influence.calibrations, influence.history_calibrations TO PUBLIC;

ALTER TABLE influence.networks ENABLE ROW LEVEL SECURITY;
CREATE POLICY owner ON influence.networks
	USING (model IN (SELECT m.model FROM influence.models AS m WHERE @extschema@.influence_may_change(m.schema, m.created_by)))
	WITH CHECK (model IN (SELECT m.model FROM influence.models AS m WHERE @extschema@.influence_is_owner(m.schema)));
ALTER TABLE influence.signals ENABLE ROW LEVEL SECURITY;
CREATE POLICY owner ON influence.signals
	USING (model IN (SELECT m.model FROM influence.models AS m WHERE @extschema@.influence_may_change(m.schema, m.created_by)))
	WITH CHECK (model IN (SELECT m.model FROM influence.models AS m WHERE @extschema@.influence_is_owner(m.schema)));
ALTER TABLE influence.sources ENABLE ROW LEVEL SECURITY;
CREATE POLICY owner ON influence.sources
	USING (model IN (SELECT m.model FROM influence.models AS m WHERE @extschema@.influence_may_change(m.schema, m.created_by)))
	WITH CHECK (model IN (SELECT m.model FROM influence.models AS m WHERE @extschema@.influence_is_owner(m.schema)));
ALTER TABLE influence.accounts ENABLE ROW LEVEL SECURITY;
CREATE POLICY owner ON influence.accounts
	USING (model IN (SELECT m.model FROM influence.models AS m WHERE @extschema@.influence_may_change(m.schema, m.created_by)))
	WITH CHECK (model IN (SELECT m.model FROM influence.models AS m WHERE @extschema@.influence_is_owner(m.schema)));
ALTER TABLE influence.profiles ENABLE ROW LEVEL SECURITY;
CREATE POLICY owner ON influence.profiles
	USING (model IN (SELECT m.model FROM influence.models AS m WHERE @extschema@.influence_may_change(m.schema, m.created_by)))
	WITH CHECK (model IN (SELECT m.model FROM influence.models AS m WHERE @extschema@.influence_is_owner(m.schema)));
ALTER TABLE influence.tiers ENABLE ROW LEVEL SECURITY;
CREATE POLICY owner ON influence.tiers
	USING (model IN (SELECT m.model FROM influence.models AS m WHERE @extschema@.influence_may_change(m.schema, m.created_by)))
	WITH CHECK (model IN (SELECT m.model FROM influence.models AS m WHERE @extschema@.influence_is_owner(m.schema)));
ALTER TABLE influence.calibrations ENABLE ROW LEVEL SECURITY;
CREATE POLICY owner ON influence.calibrations
	USING (model IN (SELECT m.model FROM influence.models AS m WHERE @extschema@.influence_may_change(m.schema, m.created_by)))
	WITH CHECK (model IN (SELECT m.model FROM influence.models AS m WHERE @extschema@.influence_is_owner(m.schema)));

ALTER TABLE influence.history_calibrations ENABLE ROW LEVEL SECURITY;
CREATE POLICY owner ON influence.history_calibrations
	USING (model IN (SELECT m.model FROM influence.models AS m WHERE @extschema@.influence_may_change(m.schema, m.created_by)))
	WITH CHECK (model IN (SELECT m.model FROM influence.models AS m WHERE @extschema@.influence_is_owner(m.schema)));

-- Nobody but the owner of the extension rewrites the log. Runs of an earlier
-- model of the same name are not the business of the present one.
GRANT SELECT, INSERT ON influence.refresh_log TO PUBLIC;
ALTER TABLE influence.refresh_log ENABLE ROW LEVEL SECURITY;
CREATE POLICY readers ON influence.refresh_log FOR SELECT
	USING (EXISTS (SELECT FROM influence.models AS m
				   WHERE m.model = refresh_log.model AND m.created_at <= refresh_log.finished_at
					 AND (@extschema@.influence_may_read(m.schema, 'refresh_status')
						  OR @extschema@.influence_may_change(m.schema, m.created_by))));
CREATE POLICY owner_adds ON influence.refresh_log FOR INSERT
	WITH CHECK (model IN (SELECT m.model FROM influence.models AS m WHERE @extschema@.influence_may_change(m.schema, m.created_by)));

-- Like the log, but for those who may see the tables that it was made from.
GRANT SELECT, INSERT ON influence.configurations TO PUBLIC;
ALTER TABLE influence.configurations ENABLE ROW LEVEL SECURITY;
CREATE POLICY owner ON influence.configurations
	USING ((model, model_created_at) IN (SELECT m.model, m.created_at FROM influence.models AS m
										 WHERE @extschema@.influence_may_change(m.schema, m.created_by)));

-- pg_dump keeps the rows of all of these.
SELECT pg_catalog.pg_extension_config_dump('influence.models', '');
SELECT pg_catalog.pg_extension_config_dump('influence.networks', '');
SELECT pg_catalog.pg_extension_config_dump('influence.signals', '');
SELECT pg_catalog.pg_extension_config_dump('influence.sources', '');
SELECT pg_catalog.pg_extension_config_dump('influence.accounts', '');
SELECT pg_catalog.pg_extension_config_dump('influence.profiles', '');
SELECT pg_catalog.pg_extension_config_dump('influence.tiers', '');
SELECT pg_catalog.pg_extension_config_dump('influence.calibrations', '');
SELECT pg_catalog.pg_extension_config_dump('influence.history_calibrations', '');
SELECT pg_catalog.pg_extension_config_dump('influence.refresh_log', '');
SELECT pg_catalog.pg_extension_config_dump('influence.configurations', '');
SELECT pg_catalog.pg_extension_config_dump('influence.refresh_log_run_id_seq', '');
SET LOCAL search_path = @extschema@, pg_temp;
