/*
 * People named by their accounts on networks.
 */
#ifndef INFLUENCE_ACCOUNTS_H
#define INFLUENCE_ACCOUNTS_H

#include "model/ingest.h"

/* What was read of the links between accounts and people */
typedef struct AccountCounts
{
	uint64		links;			/* different ones that can matter */
	uint64		people;			/* who have any */
	uint64		nulls;			/* rows that lack a value */
	uint64		unknown_network;	/* rows of networks that the model does not have */
} AccountCounts;

extern void accounts_load(Ingest *ingest);
extern uint32 account_actor(Ingest *ingest, int network, Datum account);
extern uint32 account_target(Ingest *ingest, int network, Datum account);
extern const AccountCounts *accounts_counts(const AccountTable *accounts);

#endif							/* INFLUENCE_ACCOUNTS_H */
