# Logical replication of the sources: a model on the subscriber sees what the
# publisher's tables hold, incrementally too. What is replicated fires triggers for
# rows, and those for TRUNCATE; what is copied at first, those for rows.
use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $publisher = PostgreSQL::Test::Cluster->new('publisher');
$publisher->init(allows_streaming => 'logical');
my $subscriber = PostgreSQL::Test::Cluster->new('subscriber');
$subscriber->init(allows_streaming => 'logical');
foreach my $node ($publisher, $subscriber)
{
	$node->append_conf('postgresql.conf', "timezone = 'UTC'\nfsync = off\nautovacuum = off\nmax_worker_processes = 16\n");
	$node->start;
}

# All rows happen before this moment, long ago: every day is over
my $AS_OF = '2024-06-01 12:00Z';

my $tables = q{
	CREATE TABLE likes (id bigint PRIMARY KEY, user_id bigint, author_id bigint, post_id bigint, created_at timestamptz);
	CREATE TABLE follows (follower bigint, followed bigint, since date, PRIMARY KEY (follower, followed, since)) PARTITION BY RANGE (since);
	CREATE TABLE follows_old PARTITION OF follows FOR VALUES FROM (MINVALUE) TO ('2024-05-01');
	CREATE TABLE follows_new (since date NOT NULL, followed bigint NOT NULL, follower bigint NOT NULL);
	ALTER TABLE follows ATTACH PARTITION follows_new FOR VALUES FROM ('2024-05-01') TO (MAXVALUE);
	CREATE TABLE views (post_id bigint PRIMARY KEY, author_id bigint, people int, day date);
};

sub create_model
{
	my ($model, $incremental) = @_;

	return qq{
		SELECT influence_create_model('$model');
		UPDATE influence.models SET calibration_policy = 'each_refresh' WHERE model = '$model';
		SELECT influence_add_source('$model', 'likes', 'likes', actor => 'user_id', target => 'author_id', occurred_at => 'created_at',
			post => 'post_id', kind => 'like', incremental => $incremental);
		SELECT influence_add_source('$model', 'follows', 'follows', actor => 'follower', target => 'followed', occurred_at => 'since',
			kind => 'follow', incremental => $incremental);
		SELECT influence_add_source('$model', 'views', 'views', target => 'author_id', occurred_at => 'day', weight => 'people',
			kind => 'view', incremental => $incremental);
	};
}

# same_scores($what): refresh, and compare the incremental model with one that reads
# everything, and with that of the publisher
sub same_scores
{
	my ($what) = @_;
	my $all = q{SELECT user_id, round(score::numeric, 9), rank FROM full_.scores ORDER BY user_id};

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	$publisher->wait_for_catchup('everything');
	$publisher->safe_psql('postgres', "SELECT influence_refresh('full_', '$AS_OF')");
	$subscriber->safe_psql('postgres', "SELECT influence_refresh(m, '$AS_OF') FROM unnest('{incremental,full_}'::text[]) AS m");
	foreach my $view ('scores', 'network_scores', 'signals')
	{
		my $other = $view eq 'scores' ? '' : $view eq 'signals' ? ', network, kind' : ', network';
		my ($people, $same) = split /\|/, $subscriber->safe_psql('postgres', qq{
			SELECT count(*), count(*) FILTER (WHERE (SELECT bool_and(CASE jsonb_typeof(i.value)
					WHEN 'number' THEN abs(i.value::float8 - f.value::float8) <= 1e-9 * greatest(1, abs(f.value::float8)) ELSE i.value = f.value END)
				FROM jsonb_each(to_jsonb(a)) AS i JOIN jsonb_each(to_jsonb(b)) AS f USING (key)))
			FROM incremental.$view AS a FULL JOIN full_.$view AS b USING (user_id$other)});
		is($same, $people, "$what: the same $view as when everything is read");
	}
	is($subscriber->safe_psql('postgres', $all), $publisher->safe_psql('postgres', $all), "$what: ... and as on the publisher");
}

# invalidations(): how many there are
sub invalidations
{
	return $subscriber->safe_psql('postgres', "SELECT count(*) FROM influence.invalidations WHERE model = 'incremental'");
}

$publisher->safe_psql('postgres', "CREATE EXTENSION influence; $tables" . create_model('full_', 'false') . q{
	INSERT INTO likes SELECT i, i * 7919 % 503, i % 101, i % 307, timestamptz '2024-06-01 11:00Z' - i * interval '5 minutes' FROM generate_series(1, 10000) AS i;
	INSERT INTO follows SELECT i % 211, i % 97 + 1000, date '2024-05-20' - i % 60 FROM generate_series(1, 3000) AS i ON CONFLICT DO NOTHING;
	INSERT INTO views SELECT i, i % 101, i % 50, date '2024-05-30' - i % 40 FROM generate_series(1, 500) AS i;
	CREATE PUBLICATION everything FOR TABLE likes, follows, views;
});
$subscriber->safe_psql('postgres', "CREATE EXTENSION influence; $tables" . create_model('full_', 'false') . create_model('incremental', 'true'));
$subscriber->safe_psql('postgres', q{SELECT influence_track_changes('incremental', source) FROM influence.sources WHERE model = 'incremental'});

# --- What is copied at first, into days that are closed already
$subscriber->safe_psql('postgres', "INSERT INTO likes VALUES (0, 1, 2, 3, '2024-05-01'), (-1, 1, 2, 3, '2024-05-31')");
$publisher->safe_psql('postgres', "INSERT INTO likes VALUES (-2, 1, 2, 3, '2024-05-01')");
$subscriber->safe_psql('postgres', "SELECT influence_refresh('incremental', '$AS_OF')") foreach 1 .. 2;
is($subscriber->safe_psql('postgres', q{SELECT rows_read, rows_kept FROM influence.refresh_log ORDER BY run_id DESC LIMIT 1}), '0|2', 'days are closed');
$subscriber->safe_psql('postgres', 'DELETE FROM likes');
my $connection = $publisher->connstr . ' dbname=postgres';
$subscriber->safe_psql('postgres', "CREATE SUBSCRIPTION everything CONNECTION '$connection' PUBLICATION everything");
$subscriber->wait_for_subscription_sync($publisher, 'everything');
my $logged = invalidations();
cmp_ok($logged, '>', 30, 'what is copied is logged');
cmp_ok($logged, '<', 300, '... a day once for each table');
same_scores('copied');
is(invalidations(), '0', 'the refresh takes what is logged');

# --- Rows of closed days that are added, changed and deleted
$publisher->safe_psql('postgres', q{INSERT INTO likes SELECT 20000 + i, i, 77, 1, '2024-05-10' FROM generate_series(1, 40) AS i});
same_scores('added');
$publisher->safe_psql('postgres', q{UPDATE likes SET author_id = 78 WHERE id BETWEEN 20000 AND 20020});
same_scores('changed');
$publisher->safe_psql('postgres', q{UPDATE likes SET created_at = '2024-04-15' WHERE id BETWEEN 20010 AND 20030; UPDATE follows SET since = since + 30 WHERE follower < 20});
same_scores('moved to another day and partition');
$publisher->safe_psql('postgres', q{DELETE FROM likes WHERE id BETWEEN 20005 AND 20035; DELETE FROM follows WHERE followed = 1001; INSERT INTO views VALUES (9999, 5, 100000, '2024-05-03')});
same_scores('deleted');
$publisher->safe_psql('postgres', q{
	BEGIN; INSERT INTO likes VALUES (30001, 8, 9, 1, '2024-05-11'); SAVEPOINT a; INSERT INTO likes VALUES (30002, 8, 10, 1, '2024-05-12');
	ROLLBACK TO a; INSERT INTO likes VALUES (30003, 8, 11, 1, '2024-05-11'), (30004, 8, 11, 1, '2024-05-13'); COMMIT});
same_scores('with a savepoint');
is($subscriber->safe_psql('postgres', q{SELECT rows_kept > rows_read FROM influence.refresh_log WHERE model = 'incremental' ORDER BY run_id DESC LIMIT 1}),
	't', 'most rows are kept all the while');
$publisher->safe_psql('postgres', 'TRUNCATE views');
same_scores('truncated');

# --- A row that is not replicated and one that is, in one session
$subscriber->safe_psql('postgres', q{
	SET session_replication_role = replica;
	INSERT INTO likes VALUES (40001, 12, 13, 1, '2024-05-14');
	RESET session_replication_role;
	INSERT INTO likes VALUES (40002, 12, 13, 1, '2024-05-15');
});
is(invalidations(), '2', 'each is logged once');

# A refresh in the middle takes what was logged; what comes after it is logged anew
$subscriber->safe_psql('postgres', qq{
	SET session_replication_role = replica;
	BEGIN;
	INSERT INTO likes VALUES (40003, 14, 13, 1, '2024-05-14');
	SELECT influence_refresh('incremental', '$AS_OF');
	INSERT INTO likes VALUES (40004, 15, 13, 1, '2024-05-14');
	SAVEPOINT a;
	INSERT INTO likes VALUES (40005, 15, 13, 1, '2024-05-16');
	ROLLBACK TO a;
	INSERT INTO likes VALUES (40006, 15, 13, 1, '2024-05-16');
	COMMIT;
});
is(invalidations(), '2', 'two days are logged after a refresh in the same transaction');
$publisher->safe_psql('postgres', q{INSERT INTO likes VALUES (40001, 12, 13, 1, '2024-05-14'), (40002, 12, 13, 1, '2024-05-15'), (40003, 14, 13, 1, '2024-05-14'),
	(40004, 15, 13, 1, '2024-05-14'), (40006, 15, 13, 1, '2024-05-16')}) if $subscriber->safe_psql('postgres', 'ALTER SUBSCRIPTION everything DISABLE') eq '';
$subscriber->safe_psql('postgres', q{DELETE FROM likes WHERE id > 40000; ALTER SUBSCRIPTION everything ENABLE});
same_scores('written here and there');

# --- Partitions of later have the triggers of their parent once it is tracked again; none is left when it is not
$subscriber->safe_psql('postgres', q{SELECT influence_track_changes('incremental', source) FROM influence.sources WHERE model = 'incremental'});
is( $subscriber->safe_psql('postgres', q{SELECT string_agg(t.enabled, ', ' ORDER BY t.enabled) FROM (
			SELECT format('%s %s %s', tgrelid::regclass, split_part(tgname, '_', 2), tgenabled) AS enabled
			FROM pg_trigger WHERE tgname LIKE 'influence%' AND tgenabled <> 'O') AS t}),
	join(', ', map { ("$_ replica R", "$_ truncate A") } qw(follows follows_new follows_old likes views)), 'triggers are enabled for replication');
$subscriber->safe_psql('postgres', q{SELECT influence_untrack_changes('incremental', source) FROM influence.sources WHERE model = 'incremental'});
is($subscriber->safe_psql('postgres', q{SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'influence%'}), '0', 'no trigger is left');

# --- Who does not own the table cannot have replication tracked, and is told
$subscriber->safe_psql('postgres', q{
	CREATE ROLE analyst;
	GRANT CREATE ON DATABASE postgres TO analyst;
	GRANT SELECT, TRIGGER ON likes TO analyst;
});
my ($status, $stdout, $stderr) = $subscriber->psql('postgres', q{
	SET ROLE analyst;
	SELECT influence_create_model('theirs');
	SELECT influence_add_source('theirs', 'likes', 'likes', actor => 'user_id', target => 'author_id', occurred_at => 'created_at', kind => 'like', incremental => true);
	SELECT influence_track_changes('theirs', 'likes');
});
like($stderr, qr/NOTICE:  what logical replication writes to public\.likes is not tracked\nHINT:  Only a role/, 'a notice for others than the owner of the table');

$subscriber->safe_psql('postgres', 'DROP SUBSCRIPTION everything');
$subscriber->stop;
$publisher->stop;
done_testing();
