/*
 * People named by their accounts on networks.
 *
 * A source may name people by accounts instead of ids. Whose account it is, the
 * model's accounts relation says; it is read once a refresh, before the sources,
 * so that linking and unlinking takes effect with the next one. Whom nobody has
 * linked is somebody, too: where ids are texts, the person network:account (own_ids.c);
 * else a person without an id, who acts but cannot be scored.
 *
 * Memory: an account takes 8 bytes and the table of names, a linked person 4 and
 * the table of ids.
 */
#include "compat.h"

#include "catalog/pg_type_d.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "influence.h"
#include "intern.h"
#include "memory.h"
#include "model/accounts.h"
#include "model/own_ids.h"
#include "model/progress.h"
#include "model/source.h"

/* Rows between two looks at the memory in use */
#define ROWS_PER_MEMORY_CHECK	4096

/* Accounts on one network: those that are linked, and those that sources named */
typedef struct NetworkAccounts
{
	InternTable *names;
	uint32		capacity;		/* of the arrays below */
	uint32	   *user;			/* number in AccountTable.users; NOBODY: not linked */
	uint32	   *person;			/* number in Ingest.people; NOBODY: not met yet */
} NetworkAccounts;

struct AccountTable
{
	MemoryContext context;
	InternTable *users;			/* ids of the linked people */
	NetworkAccounts *networks;	/* by network of the model */
	AccountCounts counts;
};

/* The links on their way into the table */
typedef struct LinkReader
{
	const Model *model;
	AccountTable *table;
	uint64		rows;
	/* the first account that is linked to two people */
	bool		conflict;
	int			network;
	uint32		account;
	uint32		users[2];
} LinkReader;

/*
 * Network of the model by its name, -1 when there is none
 */
static int
find_network(const Model *model, const text *name)
{
	for (int i = 0; i < model->network_count; i++)
		if (strlen(model->networks[i].name) == VARSIZE_ANY_EXHDR(name) &&
			memcmp(model->networks[i].name, VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name)) == 0)
			return i;
	return -1;
}

/*
 * Number of an account among those of its network; a new one is not linked
 */
static uint32
account_number(AccountTable *table, NetworkAccounts *accounts, Datum name)
{
	uint32		known;
	uint32		number;

	if (accounts->names == NULL)
	{
		accounts->names = intern_create(TEXTOID, table->context);
		accounts->user = huge_array(table->context, 0, sizeof(uint32));
		accounts->person = huge_array(table->context, 0, sizeof(uint32));
	}
	known = intern_count(accounts->names);
	number = intern_id(accounts->names, name);
	if (number < known)
		return number;

	if (number >= accounts->capacity)
	{
		accounts->capacity = (uint32) huge_array_next(accounts->capacity, INTERN_LIMIT);
		accounts->user = huge_array_resize(accounts->user, accounts->capacity, sizeof(uint32));
		accounts->person = huge_array_resize(accounts->person, accounts->capacity, sizeof(uint32));
	}
	accounts->user[number] = NOBODY;
	accounts->person[number] = NOBODY;
	return number;
}

/*
 * Raise 23505: one account, two people
 */
pg_noreturn static void
report_two_people(const LinkReader *reader)
{
	const Model *model = reader->model;
	const InternTable *users = reader->table->users;
	Datum		account = intern_datum(reader->table->networks[reader->network].names, reader->account);
	bool		in_order = intern_compare(users, reader->users[0], reader->users[1]) < 0;
	Oid			output;
	bool		is_varlena;

	getTypeOutputInfo(model->ref.id_type, &output, &is_varlena);
	ereport(ERROR,
			(errcode(ERRCODE_UNIQUE_VIOLATION),
			 errmsg("account \"%s\" on network \"%s\" of model \"%s\" is linked to two people, \"%s\" and \"%s\"",
					TextDatumGetCString(account), model->networks[reader->network].name, model->ref.name,
					OidOutputFunctionCall(output, intern_datum(users, reader->users[in_order ? 0 : 1])),
					OidOutputFunctionCall(output, intern_datum(users, reader->users[in_order ? 1 : 0]))),
			 errhint("Remove one of the links from %s, or leave it out with a filter in influence_set_accounts().",
					 qualified_name(model->accounts->relation))));
}

/*
 * Refuse more accounts than influence.max_memory has room for (53400)
 */
static void
check_memory(const LinkReader *reader)
{
	Size		needed = MemoryContextMemAllocated(reader->table->context, true);

	if (needed / 1024 <= (Size) influence_max_memory)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
			 errmsg("the accounts of model \"%s\" do not fit into influence.max_memory, which is %d MB",
					reader->model->ref.name, influence_max_memory / 1024),
			 errhint("Set influence.max_memory higher, or leave out accounts that no source names.")));
}

/*
 * StartCallback; the columns are those of our own query
 */
static void
read_start(TupleDesc desc pg_attribute_unused(), void *arg pg_attribute_unused())
{
}

/*
 * RowCallback: a link between an account and a person
 */
static void
read_link(TupleTableSlot *slot, void *arg)
{
	LinkReader *reader = arg;
	AccountTable *table = reader->table;
	NetworkAccounts *accounts;
	int			network;
	uint32		user;
	uint32		number;

	if (++reader->rows % ROWS_PER_MEMORY_CHECK == 0)
		check_memory(reader);
	if (slot->tts_isnull[ACCOUNT_USER] || slot->tts_isnull[ACCOUNT_NETWORK] || slot->tts_isnull[ACCOUNT_ID])
	{
		table->counts.nulls++;
		return;
	}
	network = find_network(reader->model, DatumGetTextPP(slot->tts_values[ACCOUNT_NETWORK]));
	if (network < 0)
	{
		table->counts.unknown_network++;
		return;
	}

	accounts = &table->networks[network];
	number = account_number(table, accounts, slot->tts_values[ACCOUNT_ID]);
	user = intern_id(table->users, slot->tts_values[ACCOUNT_USER]);
	if (accounts->user[number] == NOBODY)
		table->counts.links++;
	else if (accounts->user[number] != user && !reader->conflict)
	{
		reader->conflict = true;
		reader->network = network;
		reader->account = number;
		reader->users[0] = accounts->user[number];
		reader->users[1] = user;
	}
	accounts->user[number] = user;
}

/*
 * Read the links, for the sources of the model that name accounts
 *
 * Errors: those of accounts_query(), 23505 for an account of two people, and
 * whatever the query raises.
 */
void
accounts_load(Ingest *ingest)
{
	const Model *model = ingest->model;
	MemoryContext context = AllocSetContextCreate(ingest->context, "influence accounts",
												  ALLOCSET_DEFAULT_SIZES);
	AccountTable *table = MemoryContextAllocZero(context, sizeof(AccountTable));
	LinkReader	reader = {.model = model,.table = table};

	table->context = context;
	table->users = intern_create(model->ref.id_type, context);
	table->networks = MemoryContextAllocZero(context, sizeof(NetworkAccounts) * (model->network_count + 1));
	ingest->accounts = table;
	if (model->accounts == NULL)
		return;

	progress_report(model->ref.name, "reading accounts");
	accounts_stream(model, NULL, read_start, read_link, &reader);
	check_memory(&reader);
	if (reader.conflict)
		report_two_people(&reader);
	table->counts.people = intern_count(table->users);
}

/*
 * What was read of the links
 */
const AccountCounts *
accounts_counts(const AccountTable *accounts)
{
	return &accounts->counts;
}

/*
 * Id that an account has on its own, where ids are texts
 */
static Datum
account_own_id(const Model *model, int network, Datum account)
{
	return account_as_id(cstring_to_text(model->networks[network].name), DatumGetTextPP(account));
}

/*
 * Did an account opt out on its own, where ids are texts? Then it stays out, whoever has
 * linked it since.
 */
static bool
opted_out_alone(const Model *model, int network, Datum account)
{
	return model->ref.id_type == TEXTOID && privacy_hides_anybody(model->privacy) &&
		privacy_rule(model->privacy, account_own_id(model, network, account), TEXTOID) == PRIVACY_HIDDEN;
}

/*
 * Dense number of the person behind an account; NOBODY when there is none who can
 * be scored, and that is asked for
 */
static uint32
account_person(Ingest *ingest, int network, Datum account, bool scored)
{
	AccountTable *table = ingest->accounts;
	NetworkAccounts *accounts = &table->networks[network];
	uint32		number = account_number(table, accounts, account);
	uint32		person = accounts->person[number];
	bool		is_linked = accounts->user[number] != NOBODY;
	bool		has_id = is_linked || ingest->model->ref.id_type == TEXTOID;

	if (scored && !has_id)
		return NOBODY;
	if (person != NOBODY)
		return person;
	if (is_linked && !opted_out_alone(ingest->model, network, account))
		person = ingest_person(ingest, intern_datum(table->users, accounts->user[number]));
	else if (has_id)
		person = ingest_person(ingest, account_own_id(ingest->model, network, account));
	else
		person = ingest_stranger(ingest);
	accounts->person[number] = person;
	return person;
}

/*
 * Dense number of the person whose account acted; account: text
 */
uint32
account_actor(Ingest *ingest, int network, Datum account)
{
	return account_person(ingest, network, account, false);
}

/*
 * Dense number of the person who is scored for an account, NOBODY when it is
 * linked to nobody and ids are no texts
 */
uint32
account_target(Ingest *ingest, int network, Datum account)
{
	return account_person(ingest, network, account, true);
}
