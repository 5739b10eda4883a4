/*
 * Finding the signal of a row by the names of its network and kind.
 */
#ifndef INFLUENCE_SIGNAL_TABLE_H
#define INFLUENCE_SIGNAL_TABLE_H

#include "model/model.h"

#define NO_SIGNAL	(-1)

typedef struct SignalTable SignalTable;

/* A name as bytes; need not end in zero */
typedef struct NameBytes
{
	const char *data;
	uint32		length;
} NameBytes;

extern SignalTable *signal_table_create(const Model *model);
extern int	signal_table_find(const SignalTable *table, NameBytes network, NameBytes kind);

#endif							/* INFLUENCE_SIGNAL_TABLE_H */
