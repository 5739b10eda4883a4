/*
 * Since when transactions have been running in this database: rows that they have
 * added or will add are not visible yet, and may have the time of their start.
 */
#include "compat.h"

#include "access/xact.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "utils/backend_status.h"
#include "utils/timestamp.h"

#include "model/running_transactions.h"

/*
 * Start of the oldest transaction of a backend; DT_NOBEGIN when one does not say
 */
static TimestampTz
oldest_backend_start(void)
{
	TimestampTz oldest = Min(GetCurrentTransactionStartTimestamp(), GetCurrentTimestamp());

	if (!pgstat_track_activities)
		return DT_NOBEGIN;
	pgstat_clear_backend_activity_snapshot();
	for (int i = 1; i <= pgstat_fetch_stat_numbackends(); i++)
	{
		const PgBackendStatus *backend = &local_backend_status(i)->backendStatus;

		/* autovacuum adds no rows */
		if (backend->st_databaseid != MyDatabaseId || backend->st_procpid == 0 ||
			backend->st_backendType == B_AUTOVAC_WORKER)
			continue;
		if (backend->st_state == STATE_DISABLED)
			return DT_NOBEGIN;
		if (backend->st_xact_start_timestamp != 0)
			oldest = Min(oldest, backend->st_xact_start_timestamp);
	}
	/* whoever looks at pg_stat_activity next wants to see what is so then */
	pgstat_clear_backend_activity_snapshot();
	return oldest;
}

/*
 * Are there prepared transactions, whose start nobody knows?
 */
static bool
prepared_transactions_exist(void)
{
	bool		exist;

	SPI_connect();
	SPI_execute("SELECT FROM pg_catalog.pg_prepared_xacts AS p "
				"WHERE p.database OPERATOR(pg_catalog.=) pg_catalog.current_database() LIMIT 1", true, 1);
	exist = SPI_processed > 0;
	SPI_finish();
	return exist;
}

/*
 * Start of the oldest transaction that runs in this database, our own included;
 * DT_NOBEGIN when that cannot be known
 *
 * Called before a snapshot is taken: what is not running any more by then is in
 * it. A transaction that gets prepared meanwhile is seen as one or the other.
 */
TimestampTz
oldest_transaction_start(void)
{
	TimestampTz oldest = oldest_backend_start();

	return TIMESTAMP_IS_NOBEGIN(oldest) || prepared_transactions_exist() ? DT_NOBEGIN : oldest;
}
