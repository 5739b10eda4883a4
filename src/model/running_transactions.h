/*
 * Since when transactions have been running in this database.
 */
#ifndef INFLUENCE_RUNNING_TRANSACTIONS_H
#define INFLUENCE_RUNNING_TRANSACTIONS_H

#include "postgres.h"

#include "datatype/timestamp.h"

extern TimestampTz oldest_transaction_start(void);

#endif							/* INFLUENCE_RUNNING_TRANSACTIONS_H */
