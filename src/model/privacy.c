/*
 * Who must not be scored: those who opted out, and where a model scores only
 * people who agreed, all others.
 *
 * The choices are kept by a hash of the id, salted by model, so that a list of
 * people who want no trace is not a trace itself. A refresh hashes each id once,
 * when it first sees it.
 */
#include "compat.h"

#include "catalog/pg_type_d.h"
#include "common/cryptohash.h"
#include "common/hashfn.h"
#include "common/sha2.h"
#include "fmgr.h"
#include "port/pg_bswap.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/uuid.h"

#include "intern.h"
#include "model/model.h"
#include "model/privacy.h"

#define HASH_BYTES	PG_SHA256_DIGEST_LENGTH

typedef struct ChoiceKey
{
	uint8		hash[HASH_BYTES];
} ChoiceKey;

typedef struct Choice
{
	ChoiceKey	key;
	bool		hidden;			/* opted out; else opted in */
	char		status;
} Choice;

/* The key is a hash already */
static inline uint32
key_hash(const ChoiceKey *key)
{
	uint32		bits;

	memcpy(&bits, key->hash, sizeof(bits));
	return bits;
}

#define SH_PREFIX choice
#define SH_ELEMENT_TYPE Choice
#define SH_KEY_TYPE ChoiceKey
#define SH_KEY key
#define SH_HASH_KEY(tb, key) key_hash(&(key))
#define SH_EQUAL(tb, a, b) (memcmp((a).hash, (b).hash, HASH_BYTES) == 0)
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

struct PrivacyList
{
	bool		scored_only;
	bool		hides;			/* somebody opted out */
	uint64		fingerprint;	/* of all choices, in any order */
	uint8	   *salt;
	Size		salt_size;
	choice_hash *choices;
};

/*
 * Nobody's choice yet, in the current memory context
 *
 * scored_only: people who did not opt in are not scored.
 */
PrivacyList *
privacy_create(const uint8 *salt, Size salt_size, bool scored_only)
{
	PrivacyList *list = palloc0(sizeof(PrivacyList));

	list->scored_only = scored_only;
	list->salt = palloc(salt_size);
	memcpy(list->salt, salt, salt_size);
	list->salt_size = salt_size;
	list->choices = choice_create(CurrentMemoryContext, 16, NULL);
	return list;
}

/*
 * Add a choice: to be hidden (opted out), or to be scored (opted in)
 */
void
privacy_add(PrivacyList *list, const uint8 *hash, Size hash_size, bool hidden)
{
	ChoiceKey	key;
	bool		found;

	if (hash_size != HASH_BYTES)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("hash of %zu bytes in influence.privacy_choices, %d expected", hash_size, HASH_BYTES)));
	memcpy(key.hash, hash, HASH_BYTES);
	choice_insert(list->choices, key, &found)->hidden = hidden;
	list->hides |= hidden;
	list->fingerprint ^= hash_bytes_extended(hash, HASH_BYTES, hidden);
}

/*
 * Whether no rule can follow from it for anybody
 */
bool
privacy_is_empty(const PrivacyList *list)
{
	return !list->scored_only && list->choices->members == 0;
}

/*
 * Whether there is anybody who must not act by name
 */
bool
privacy_hides_anybody(const PrivacyList *list)
{
	return list->hides;
}

/*
 * What changes when anybody chooses anew, or the model asks for consent
 */
uint64
privacy_fingerprint(const PrivacyList *list)
{
	return list->fingerprint ^ list->scored_only;
}

/*
 * SHA-256 of the salt and some bytes
 */
static void
salted_sha256(const PrivacyList *list, const uint8 *bytes, Size size, uint8 *hash)
{
	pg_cryptohash_ctx *context = pg_cryptohash_create(PG_SHA256);

	if (context == NULL ||
		pg_cryptohash_init(context) < 0 ||
		pg_cryptohash_update(context, list->salt, list->salt_size) < 0 ||
		pg_cryptohash_update(context, bytes, size) < 0 ||
		pg_cryptohash_final(context, hash, HASH_BYTES) < 0)
		elog(ERROR, "could not compute a hash: %s", pg_cryptohash_error(context));
	pg_cryptohash_free(context);
}

/*
 * Salted SHA-256 of an id: bigints as 8 bytes, the highest first, the others as
 * they are
 */
static ChoiceKey
hash_id(const PrivacyList *list, Datum id, Oid id_type)
{
	ChoiceKey	key;
	const uint8 *bytes;
	Size		size;
	uint64		swapped;

	if (id_type == INT8OID)
	{
		swapped = pg_hton64((uint64) DatumGetInt64(id));
		bytes = (const uint8 *) &swapped;
		size = sizeof(swapped);
	}
	else if (id_type == UUIDOID)
	{
		bytes = DatumGetUUIDP(id)->data;
		size = UUID_LEN;
	}
	else
	{
		text	   *value = DatumGetTextPP(id);

		bytes = (const uint8 *) VARDATA_ANY(value);
		size = VARSIZE_ANY_EXHDR(value);
	}
	salted_sha256(list, bytes, size, key.hash);
	return key;
}

/*
 * What rule follows for a person; id: of the model's type, not NULL
 */
PrivacyRule
privacy_rule(const PrivacyList *list, Datum id, Oid id_type)
{
	const Choice *choice = choice_lookup(list->choices, hash_id(list, id, id_type));

	if (choice == NULL)
		return list->scored_only ? PRIVACY_NOT_SCORED : PRIVACY_NONE;
	return choice->hidden ? PRIVACY_HIDDEN : PRIVACY_NONE;
}

/*
 * The hash that stands for a person; id: of the model's type, not NULL
 */
bytea *
privacy_hash(const PrivacyList *list, Datum id, Oid id_type)
{
	ChoiceKey	key = hash_id(list, id, id_type);
	bytea	   *result = palloc(VARHDRSZ + HASH_BYTES);

	SET_VARSIZE(result, VARHDRSZ + HASH_BYTES);
	memcpy(VARDATA(result), key.hash, HASH_BYTES);
	return result;
}

PG_FUNCTION_INFO_V1(influence_user_hash);

/*
 * influence_user_hash(salt bytea, id_type regtype, user_id text): the hash that
 * stands for a person
 */
Datum
influence_user_hash(PG_FUNCTION_ARGS)
{
	bytea	   *salt = PG_GETARG_BYTEA_PP(0);
	Oid			id_type = PG_GETARG_OID(1);
	char	   *user_id = text_to_cstring(PG_GETARG_TEXT_PP(2));
	PrivacyList *list = privacy_create((uint8 *) VARDATA_ANY(salt), VARSIZE_ANY_EXHDR(salt), false);

	PG_RETURN_BYTEA_P(privacy_hash(list, id_from_text(id_type, user_id), id_type));
}
