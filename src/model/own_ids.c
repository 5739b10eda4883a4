/*
 * The ids that accounts of people have on their own.
 *
 * Where ids are texts, an account that nobody has linked is published as the person
 * network:account. Once somebody has linked it, its rows are that person's; what was
 * published under its own id stays in the history, and in the views until the next
 * refresh. So who opts out does so for the own ids of the accounts, too: they are on the
 * list of choices like other ids, and stay on it when the links go, as links do when an
 * application deletes a person. Links that are made later are looked at by each refresh.
 *
 * The links are read with the rights of the model's owner (owner.c).
 */
#include "compat.h"

#include "catalog/pg_type_d.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "model/closed_days.h"
#include "model/owner.h"
#include "model/own_ids.h"
#include "model/removal.h"
#include "model/source.h"
#include "same_text.h"

/* The own ids of accounts on their way into a table */
typedef struct OwnIdReader
{
	const text *user;			/* whose; NULL: of all who opted out */
	const PrivacyList *privacy;
	InternTable *ids;
} OwnIdReader;

/*
 * Id of whom nobody has linked, where ids are texts: network:account, with a
 * backslash before each colon and backslash of the network, so that no two
 * accounts are one person
 */
Datum
account_as_id(const text *network, const text *account)
{
	const char *name = VARDATA_ANY(network);
	StringInfoData id;

	initStringInfo(&id);
	for (Size i = 0; i < VARSIZE_ANY_EXHDR(network); i++)
	{
		if (name[i] == ':' || name[i] == '\\')
			appendStringInfoChar(&id, '\\');
		appendStringInfoChar(&id, name[i]);
	}
	appendStringInfoChar(&id, ':');
	appendBinaryStringInfo(&id, VARDATA_ANY(account), VARSIZE_ANY_EXHDR(account));
	return PointerGetDatum(cstring_to_text_with_len(id.data, id.len));
}

static bool
is_hidden(const OwnIdReader *reader, Datum id)
{
	return privacy_rule(reader->privacy, id, TEXTOID) == PRIVACY_HIDDEN;
}

/*
 * StartCallback; the columns are those of our own query
 */
static void
read_start(TupleDesc desc pg_attribute_unused(), void *arg pg_attribute_unused())
{
}

/*
 * RowCallback: a link, maybe of a person in question
 *
 * An account of whose own id somebody has made the id of a person is that person.
 */
static void
read_link(TupleTableSlot *slot, void *arg)
{
	const OwnIdReader *reader = arg;
	Datum		user = slot->tts_values[ACCOUNT_USER];
	Datum		id;

	if (slot->tts_isnull[ACCOUNT_USER] || slot->tts_isnull[ACCOUNT_NETWORK] || slot->tts_isnull[ACCOUNT_ID])
		return;
	if (reader->user != NULL ? !same_text(reader->user, DatumGetTextPP(user)) : !is_hidden(reader, user))
		return;
	id = account_as_id(DatumGetTextPP(slot->tts_values[ACCOUNT_NETWORK]), DatumGetTextPP(slot->tts_values[ACCOUNT_ID]));
	if (reader->user != NULL ? !same_text(reader->user, DatumGetTextPP(id)) : !is_hidden(reader, id))
		intern_id(reader->ids, id);
}

/*
 * The ids that the accounts of a person have on their own, in the current memory
 * context; none where ids are no texts
 *
 * Networks that the model does not have any more count, as the history may name them.
 * The caller has become the owner. Errors: those of accounts_stream().
 */
InternTable *
own_ids_of(const ModelRef *ref, const char *user_id)
{
	OwnIdReader reader = {.ids = intern_create(ref->id_type, CurrentMemoryContext)};
	const Model *model;

	if (ref->id_type != TEXTOID)
		return reader.ids;
	model = config_load_people(ref);
	reader.user = cstring_to_text(user_id);
	if (model->accounts != NULL)
		accounts_stream(model, user_id, read_start, read_link, &reader);
	return reader.ids;
}

/*
 * Note that the own ids of accounts opted out, whose people have
 */
static void
choose_for(const ModelRef *ref, const PrivacyList *privacy, const Datum *ids, int count)
{
	Oid			types[2] = {TEXTOID, BYTEAARRAYOID};
	Datum	   *hashes = palloc(sizeof(Datum) * count);
	Datum		values[2];

	for (int i = 0; i < count; i++)
		hashes[i] = PointerGetDatum(privacy_hash(privacy, ids[i], TEXTOID));
	values[0] = CStringGetTextDatum(ref->name);
	values[1] = PointerGetDatum(construct_array(hashes, count, BYTEAOID, -1, false, TYPALIGN_INT));
	SPI_connect();
	SPI_execute_with_args("INSERT INTO influence.privacy_choices (model, user_hash, choice) "
						  "SELECT $1, h.hash, 'opted_out' FROM pg_catalog.unnest($2) AS h (hash) "
						  "ON CONFLICT (model, user_hash) DO UPDATE SET choice = excluded.choice, chosen_at = excluded.chosen_at",
						  2, types, values, NULL, false, 0);
	SPI_finish();
}

/*
 * Links that were made since their people opted out: the own ids of these accounts opt
 * out, too, and leave the history and what is kept of closed days
 *
 * For a refresh, before it loads what people chose; the views are its own business. The
 * caller has become the owner and holds the model's lock.
 */
void
own_ids_hide(const ModelRef *ref)
{
	OwnIdReader reader = {.ids = NULL};
	const Model *model;
	Datum	   *ids;
	int			count;

	if (ref->id_type != TEXTOID)
		return;
	model = config_load_people(ref);
	if (model->accounts == NULL || !privacy_hides_anybody(model->privacy))
		return;
	reader.privacy = model->privacy;
	reader.ids = intern_create(TEXTOID, CurrentMemoryContext);
	accounts_stream(model, NULL, read_start, read_link, &reader);
	count = (int) intern_count(reader.ids);
	if (count > 0)
	{
		ids = palloc(sizeof(Datum) * count);
		for (int i = 0; i < count; i++)
			ids[i] = intern_datum(reader.ids, i);
		choose_for(ref, model->privacy, ids, count);
		removal_from_history(ref, ids, count);
		closed_days_forget(ref->name);
	}
	intern_destroy(reader.ids);
}

PG_FUNCTION_INFO_V1(influence_account_ids);

/*
 * influence_account_ids(model text, user_id text): ids that the person's accounts have on
 * their own
 *
 * Errors: 42501 for others than the model's owner, those of own_ids_of().
 */
Datum
influence_account_ids(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	ModelRef   *ref = model_find(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	OwnerContext saved;
	InternTable *ids;

	model_check_owner(ref);
	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	owner_enter(&saved, model_owner(ref));
	ids = own_ids_of(ref, text_to_cstring(PG_GETARG_TEXT_PP(1)));
	for (uint32 i = 0; i < intern_count(ids); i++)
	{
		Datum		values[1] = {intern_datum(ids, i)};
		bool		nulls[1] = {false};

		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	owner_leave(&saved);
	return (Datum) 0;
}
