/*
 * Who must not be scored.
 */
#ifndef INFLUENCE_PRIVACY_H
#define INFLUENCE_PRIVACY_H

#include "postgres.h"

/* What people chose, for one model */
typedef struct PrivacyList PrivacyList;

/* What follows from a person's choice for the rows about them */
typedef enum PrivacyRule
{
	PRIVACY_NONE,				/* nothing */
	PRIVACY_NOT_SCORED,			/* rows towards the person do not count */
	PRIVACY_HIDDEN				/* nor does the person act by name */
} PrivacyRule;

extern PrivacyList *privacy_create(const uint8 *salt, Size salt_size, bool scored_only);
extern void privacy_add(PrivacyList *list, const uint8 *hash, Size hash_size, bool hidden);
extern bool privacy_is_empty(const PrivacyList *list);
extern bool privacy_hides_anybody(const PrivacyList *list);
extern uint64 privacy_fingerprint(const PrivacyList *list);
extern PrivacyRule privacy_rule(const PrivacyList *list, Datum id, Oid id_type);
extern bytea *privacy_hash(const PrivacyList *list, Datum id, Oid id_type);

#endif							/* INFLUENCE_PRIVACY_H */
