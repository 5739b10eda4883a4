/*
 * Finding the signal of a row by the names of its network and kind.
 *
 * Open addressing over a power of two of slots, at most half full; the names
 * are short and few, so a row costs two hashes of a few bytes and one compare.
 */
#include "compat.h"

#include "common/hashfn.h"
#include "port/pg_bitutils.h"

#include "model/signal_table.h"

struct SignalTable
{
	const Model *model;
	uint32		mask;			/* slots - 1 */
	int		   *slots;			/* index of the signal, or NO_SIGNAL */
};

static inline uint32
hash_names(NameBytes network, NameBytes kind)
{
	uint32		hash = hash_bytes((const unsigned char *) network.data, (int) network.length);

	return hash_combine(hash, hash_bytes((const unsigned char *) kind.data, (int) kind.length));
}

static inline bool
same_name(NameBytes name, const char *other)
{
	return strncmp(name.data, other, name.length) == 0 && other[name.length] == '\0';
}

/*
 * Build the table of a model's signals
 */
SignalTable *
signal_table_create(const Model *model)
{
	SignalTable *table = palloc(sizeof(SignalTable));
	uint32		slots = pg_nextpower2_32(Max(model->signal_count, 1) * 2);

	table->model = model;
	table->mask = slots - 1;
	table->slots = palloc(slots * sizeof(int));
	for (uint32 i = 0; i < slots; i++)
		table->slots[i] = NO_SIGNAL;

	for (int i = 0; i < model->signal_count; i++)
	{
		const Signal *signal = &model->signals[i];
		const char *network = model->networks[signal->network].name;
		NameBytes	network_bytes = {network, strlen(network)};
		NameBytes	kind_bytes = {signal->kind, strlen(signal->kind)};
		uint32		slot = hash_names(network_bytes, kind_bytes) & table->mask;

		while (table->slots[slot] != NO_SIGNAL)
			slot = (slot + 1) & table->mask;
		table->slots[slot] = i;
	}
	return table;
}

/*
 * Index of the signal of (network, kind), or NO_SIGNAL
 */
int
signal_table_find(const SignalTable *table, NameBytes network, NameBytes kind)
{
	uint32		slot = hash_names(network, kind) & table->mask;

	while (table->slots[slot] != NO_SIGNAL)
	{
		const Signal *signal = &table->model->signals[table->slots[slot]];

		if (same_name(kind, signal->kind) &&
			same_name(network, table->model->networks[signal->network].name))
			return table->slots[slot];
		slot = (slot + 1) & table->mask;
	}
	return NO_SIGNAL;
}
