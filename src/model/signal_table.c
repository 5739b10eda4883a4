/*
 * Finding the signal of a row by the names of its network and kind.
 *
 * Open addressing over a power of two of slots, at most half full. Names are short
 * and few, and every row brings two: they are hashed by their ends and lengths, and
 * one comparison of each decides.
 */
#include "compat.h"

#include "port/pg_bitutils.h"

#include "model/signal_table.h"

/* A signal with its names */
typedef struct SignalSlot
{
	int			signal;			/* NO_SIGNAL: the slot is free */
	NameBytes	network;
	NameBytes	kind;
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
 * The two ends of a name, of up to 8 bytes each: all of a name of up to 16
 */
static inline uint64
name_ends(NameBytes name)
{
	const unsigned char *data = (const unsigned char *) name.data;

	if (name.length >= 8)
		return load64(name.data) + 31 * load64(name.data + name.length - 8);
	if (name.length >= 4)
		return (uint64) load32(name.data) << 32 | load32(name.data + name.length - 4);
	if (name.length > 0)
		return (uint64) data[0] << 16 | (uint64) data[name.length / 2] << 8 | data[name.length - 1];
	return 0;
}

static inline uint32
hash_names(NameBytes network, NameBytes kind)
{
	uint64		hash = (name_ends(network) + network.length) * UINT64CONST(0x9e3779b97f4a7c15);

	hash = ((hash ^ hash >> 32) + name_ends(kind) + kind.length) * UINT64CONST(0xff51afd7ed558ccd);
	return (uint32) (hash >> 32);
}

static inline bool
same_name(NameBytes a, NameBytes b)
{
	return a.length == b.length && memcmp(a.data, b.data, a.length) == 0;
}

static NameBytes
name_bytes(const char *name)
{
	return (NameBytes) {name, strlen(name)};
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
		SignalSlot	entry = {i, name_bytes(model->networks[signal->network].name), name_bytes(signal->kind)};
		uint32		slot = hash_names(entry.network, entry.kind) & table->mask;

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
	for (uint32 slot = hash_names(network, kind) & table->mask;; slot = (slot + 1) & table->mask)
	{
		const SignalSlot *entry = &table->slots[slot];

		if (entry->signal == NO_SIGNAL ||
			(same_name(kind, entry->kind) && same_name(network, entry->network)))
			return entry->signal;
	}
}
