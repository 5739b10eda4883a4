-- Presets: what influence_create_model() starts a model with. They belong to
-- the extension and are not dumped; a model owns its copy.

SET LOCAL search_path = pg_catalog, pg_temp;
CREATE TABLE influence.presets (
	preset       text PRIMARY KEY,
	description  text NOT NULL,
	target_mean  float8 NOT NULL,
	target_p95   float8 NOT NULL
);
COMMENT ON TABLE influence.presets IS 'Presets that influence_create_model() knows';
COMMENT ON COLUMN influence.presets.preset IS 'Name of the preset';
COMMENT ON COLUMN influence.presets.description IS 'What it is for';
COMMENT ON COLUMN influence.presets.target_mean IS 'Mean score that a calibration aims at';
COMMENT ON COLUMN influence.presets.target_p95 IS '95th percentile of the scores that a calibration aims at';

CREATE TABLE influence.preset_networks (
	preset   text NOT NULL REFERENCES influence.presets,
	network  text NOT NULL,
	weight   float8 NOT NULL,
	PRIMARY KEY (preset, network)
);
COMMENT ON TABLE influence.preset_networks IS 'Networks of each preset';
COMMENT ON COLUMN influence.preset_networks.preset IS 'Preset';
COMMENT ON COLUMN influence.preset_networks.network IS 'Name of the network';
COMMENT ON COLUMN influence.preset_networks.weight IS 'Weight of the network in the score';

CREATE TABLE influence.preset_signals (
	preset          text NOT NULL,
	network         text NOT NULL,
	kind            text NOT NULL,
	role            text NOT NULL,
	weight          float8 NOT NULL,
	half_life       interval,
	polarity        float8 NOT NULL,
	conversational  boolean NOT NULL,
	PRIMARY KEY (preset, network, kind),
	FOREIGN KEY (preset, network) REFERENCES influence.preset_networks
);
COMMENT ON TABLE influence.preset_signals IS 'Signals of each preset; see influence.signals';
COMMENT ON COLUMN influence.preset_signals.preset IS 'Preset';
COMMENT ON COLUMN influence.preset_signals.network IS 'Network of the interaction';
COMMENT ON COLUMN influence.preset_signals.kind IS 'Kind of the interaction';
COMMENT ON COLUMN influence.preset_signals.role IS 'reaction, share, follow, post, authority or endorsement';
COMMENT ON COLUMN influence.preset_signals.weight IS 'Weight of one interaction';
COMMENT ON COLUMN influence.preset_signals.half_life IS 'Time after which an interaction counts half; NULL: it does not fade';
COMMENT ON COLUMN influence.preset_signals.polarity IS 'Sentiment of rows that bring none, -1 to 1';
COMMENT ON COLUMN influence.preset_signals.conversational IS 'Whether it is part of a conversation';

GRANT SELECT ON influence.presets, influence.preset_networks, influence.preset_signals TO PUBLIC;

-- Registered users averaged 40, and 63 was the top 5 %; over the whole public
-- population, registered or not, it was 20 and 50.
INSERT INTO influence.presets (preset, description, target_mean, target_p95) VALUES
	('klout', 'The networks and kinds that Klout counted, scaled to registered users', 40, 63),
	('public', 'The same, scaled to everyone who is seen in public', 20, 50);

INSERT INTO influence.preset_networks (preset, network, weight)
	SELECT p.preset, n.network, n.weight
	FROM influence.presets AS p,
		 (VALUES ('app', 1.0), ('blogger', 1), ('facebook', 1), ('flickr', 1), ('foursquare', 1),
				 ('google_plus', 1), ('instagram', 1), ('lastfm', 1), ('linkedin', 1), ('tumblr', 1),
				 ('twitter', 1.5), ('wikipedia', 1), ('wordpress', 1), ('yammer', 1), ('youtube', 1))
		 AS n (network, weight);

-- Passing content on says more than talking about it, which says more than a
-- click on a button; being looked at says little. Shares and posts fade alike,
-- so that their ratio (amplification) compares the same stretch of time.
INSERT INTO influence.preset_signals (preset, network, kind, role, weight, half_life, polarity, conversational)
	SELECT p.preset, s.network, s.kind, s.role, s.weight, s.half_life::interval, s.polarity, s.conversational
	FROM influence.presets AS p,
		 (VALUES
			('app',         'like',              'reaction',    1.0,  '45 days',  0, false),
			('app',         'view',              'reaction',    0.05, '45 days',  0, false),
			('app',         'comment',           'reaction',    2.0,  '45 days',  0, true),
			('app',         'reply',             'reaction',    2.0,  '45 days',  0, true),
			('app',         'mention',           'reaction',    2.0,  '45 days',  0, true),
			('app',         'share',             'share',       3.0,  '45 days',  0, false),
			('app',         'endorsement',       'endorsement', 3.0,  '90 days',  0, false),
			('app',         'follow',            'follow',      1.0,  NULL,       0, false),
			('app',         'post',              'post',        1.0,  '45 days',  0, false),
			('app',         'block',             'reaction',    3.0,  '45 days', -1, false),
			('app',         'report',            'reaction',    3.0,  '45 days', -1, false),

			('twitter',     'favorite',          'reaction',    1.0,  '45 days',  0, false),
			('twitter',     'mention',           'reaction',    2.0,  '45 days',  0, true),
			('twitter',     'reply',             'reaction',    2.0,  '45 days',  0, true),
			('twitter',     'retweet',           'share',       3.0,  '45 days',  0, false),
			('twitter',     'follow',            'follow',      1.0,  NULL,       0, false),
			('twitter',     'list_add',          'follow',      3.0,  NULL,       0, false),
			('twitter',     'post',              'post',        1.0,  '45 days',  0, false),

			('facebook',    'like',              'reaction',    1.0,  '45 days',  0, false),
			('facebook',    'comment',           'reaction',    2.0,  '45 days',  0, true),
			('facebook',    'mention',           'reaction',    2.0,  '45 days',  0, true),
			('facebook',    'wall_post',         'reaction',    2.0,  '45 days',  0, true),
			('facebook',    'share',             'share',       3.0,  '45 days',  0, false),
			('facebook',    'friend',            'follow',      1.0,  NULL,       0, false),
			('facebook',    'subscriber',        'follow',      1.0,  NULL,       0, false),
			('facebook',    'post',              'post',        1.0,  '45 days',  0, false),

			('google_plus', 'plus_one',          'reaction',    1.0,  '45 days',  0, false),
			('google_plus', 'comment',           'reaction',    2.0,  '45 days',  0, true),
			('google_plus', 'reshare',           'share',       3.0,  '45 days',  0, false),
			('google_plus', 'post',              'post',        1.0,  '45 days',  0, false),

			('youtube',     'view',              'reaction',    0.02, '45 days',  0, false),
			('youtube',     'like',              'reaction',    1.0,  '45 days',  0, false),
			('youtube',     'comment',           'reaction',    2.0,  '45 days',  0, true),
			('youtube',     'subscribe',         'follow',      1.0,  NULL,       0, false),
			('youtube',     'post',              'post',        1.0,  '45 days',  0, false),

			('instagram',   'like',              'reaction',    1.0,  '45 days',  0, false),
			('instagram',   'comment',           'reaction',    2.0,  '45 days',  0, true),
			('instagram',   'follow',            'follow',      1.0,  NULL,       0, false),
			('instagram',   'post',              'post',        1.0,  '45 days',  0, false),

			('linkedin',    'like',              'reaction',    1.0,  '45 days',  0, false),
			('linkedin',    'comment',           'reaction',    2.0,  '45 days',  0, true),
			('linkedin',    'share',             'share',       3.0,  '45 days',  0, false),
			('linkedin',    'skill_endorsement', 'endorsement', 2.0,  '90 days',  0, false),
			('linkedin',    'recommendation',    'endorsement', 5.0,  '90 days',  0, false),
			('linkedin',    'connection',        'follow',      1.0,  NULL,       0, false),
			('linkedin',    'post',              'post',        1.0,  '45 days',  0, false),

			('foursquare',  'tip_saved',         'reaction',    1.0,  '45 days',  0, false),
			('foursquare',  'tip_done',          'reaction',    2.0,  '45 days',  0, false),

			('tumblr',      'like',              'reaction',    1.0,  '45 days',  0, false),
			('tumblr',      'comment',           'reaction',    2.0,  '45 days',  0, true),
			('tumblr',      'share',             'share',       3.0,  '45 days',  0, false),
			('tumblr',      'post',              'post',        1.0,  '45 days',  0, false),

			('blogger',     'like',              'reaction',    1.0,  '45 days',  0, false),
			('blogger',     'comment',           'reaction',    2.0,  '45 days',  0, true),
			('blogger',     'share',             'share',       3.0,  '45 days',  0, false),
			('blogger',     'post',              'post',        1.0,  '45 days',  0, false),

			('wordpress',   'like',              'reaction',    1.0,  '45 days',  0, false),
			('wordpress',   'comment',           'reaction',    2.0,  '45 days',  0, true),
			('wordpress',   'share',             'share',       3.0,  '45 days',  0, false),
			('wordpress',   'post',              'post',        1.0,  '45 days',  0, false),

			('lastfm',      'listen',            'reaction',    0.05, '45 days',  0, false),
			('lastfm',      'comment',           'reaction',    2.0,  '45 days',  0, true),
			('lastfm',      'friend',            'follow',      1.0,  NULL,       0, false),

			('flickr',      'view',              'reaction',    0.02, '45 days',  0, false),
			('flickr',      'favorite',          'reaction',    1.0,  '45 days',  0, false),
			('flickr',      'comment',           'reaction',    2.0,  '45 days',  0, true),
			('flickr',      'contact',           'follow',      1.0,  NULL,       0, false),
			('flickr',      'post',              'post',        1.0,  '45 days',  0, false),

			('yammer',      'like',              'reaction',    1.0,  '45 days',  0, false),
			('yammer',      'reply',             'reaction',    2.0,  '45 days',  0, true),
			('yammer',      'mention',           'reaction',    2.0,  '45 days',  0, true),
			('yammer',      'share',             'share',       3.0,  '45 days',  0, false),
			('yammer',      'follow',            'follow',      1.0,  NULL,       0, false),
			('yammer',      'post',              'post',        1.0,  '45 days',  0, false),

			('wikipedia',   'inlink',            'authority',   1.0,  NULL,       0, false),
			('wikipedia',   'mention',           'authority',   1.0,  NULL,       0, false))
		 AS s (network, kind, role, weight, half_life, polarity, conversational);
SET LOCAL search_path = @extschema@, pg_temp;
