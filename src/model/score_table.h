/*
 * The scores of all people in memory.
 */
#ifndef INFLUENCE_SCORE_TABLE_H
#define INFLUENCE_SCORE_TABLE_H

#include "compat.h"

#include "model/score_view.h"

typedef struct ScoreTable ScoreTable;

extern uint64 score_table_worth(const ScoreView *view);
extern ScoreTable *score_table_load(const ScoreView *view, MemoryContext parent);
extern bool score_table_find(const ScoreTable *table, Datum id, double *score);

#endif							/* INFLUENCE_SCORE_TABLE_H */
