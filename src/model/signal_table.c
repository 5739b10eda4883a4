/*
 * Finding the signal of a row by the names of its network and kind.
 *
 * Open addressing over a power of two of slots, at most half full. Names are short
 * and few, and every row brings two: they are hashed by their ends and lengths, which
 * are all there is of a name of up to 16 bytes, and one comparison of each decides.
 */
#include "compat.h"

#include "port/pg_bitutils.h"

#include "model/signal_table.h"

/* The two ends of a name, of up to 8 bytes each */
typedef struct NameEnds
{
	uint64		head;
	uint64		tail;
} NameEnds;

/* Longer names are more than their ends */
#define MAX_ENDS_LENGTH	16

/* A name, prepared for comparisons */
typedef struct KnownName
{
	NameBytes	bytes;
	NameEnds	ends;
} KnownName;

/* A signal with its names */
typedef struct SignalSlot
{
	int			signal;			/* NO_SIGNAL: the slot is free */
	KnownName	network;
	KnownName	kind;
} SignalSlot;

struct SignalTable
{
	uint32		mask;			/* slots - 1 */
	SignalSlot *slots;
};

static inline uint64
load64(const char *data)
{
	uint64		bytes;

	memcpy(&bytes, data, sizeof(bytes));
	return bytes;
}

static inline uint32
load32(const char *data)
{
	uint32		bytes;

	memcpy(&bytes, data, sizeof(bytes));
	return bytes;
}

/*
 * A name with its ends: those of names of the same length of up to MAX_ENDS_LENGTH
 * differ where the names do
 */
static inline KnownName
know_name(NameBytes name)
{
	const unsigned char *data = (const unsigned char *) name.data;
	KnownName	known = {.bytes = name};

	if (name.length >= 8)
		known.ends = (NameEnds) {load64(name.data), load64(name.data + name.length - 8)};
	else if (name.length >= 4)
		known.ends = (NameEnds) {load32(name.data), load32(name.data + name.length - 4)};
	else if (name.length > 0)
		known.ends = (NameEnds) {data[0] << 8 | data[name.length / 2], data[name.length - 1]};
	return known;
}

static inline uint32
hash_names(const KnownName *network, const KnownName *kind)
{
	uint64		hash = network->ends.head + 31 * network->ends.tail + network->bytes.length;

	hash *= UINT64CONST(0x9e3779b97f4a7c15);
	hash = (hash ^ hash >> 32) + kind->ends.head + 31 * kind->ends.tail + kind->bytes.length;
	hash *= UINT64CONST(0xff51afd7ed558ccd);
	return (uint32) (hash >> 32);
}

static inline bool
same_name(const KnownName *a, const KnownName *b)
{
	return a->bytes.length == b->bytes.length && a->ends.head == b->ends.head && a->ends.tail == b->ends.tail &&
		(a->bytes.length <= MAX_ENDS_LENGTH || memcmp(a->bytes.data, b->bytes.data, a->bytes.length) == 0);
}

static KnownName
know_string(const char *name)
{
	return know_name((NameBytes) {name, strlen(name)});
}

/*
 * Build the table of a model's signals
 */
SignalTable *
signal_table_create(const Model *model)
{
	SignalTable *table = palloc(sizeof(SignalTable));
	uint32		slots = pg_nextpower2_32(Max(model->signal_count, 1) * 2);

	table->mask = slots - 1;
	table->slots = palloc0(slots * sizeof(SignalSlot));
	for (uint32 i = 0; i < slots; i++)
		table->slots[i].signal = NO_SIGNAL;

	for (int i = 0; i < model->signal_count; i++)
	{
		const Signal *signal = &model->signals[i];
		SignalSlot	entry = {i, know_string(model->networks[signal->network].name), know_string(signal->kind)};
		uint32		slot = hash_names(&entry.network, &entry.kind) & table->mask;

		while (table->slots[slot].signal != NO_SIGNAL)
			slot = (slot + 1) & table->mask;
		table->slots[slot] = entry;
	}
	return table;
}

/*
 * Index of the signal of (network, kind), or NO_SIGNAL
 */
int
signal_table_find(const SignalTable *table, NameBytes network, NameBytes kind)
{
	KnownName	known_network = know_name(network);
	KnownName	known_kind = know_name(kind);

	for (uint32 slot = hash_names(&known_network, &known_kind) & table->mask;; slot = (slot + 1) & table->mask)
	{
		const SignalSlot *entry = &table->slots[slot];

		if (entry->signal == NO_SIGNAL ||
			(same_name(&known_kind, &entry->kind) && same_name(&known_network, &entry->network)))
			return entry->signal;
	}
}
