/*
 * The rows of the score views.
 */
#ifndef INFLUENCE_VIEWS_H
#define INFLUENCE_VIEWS_H

#include "model/run.h"

typedef enum ScoreView
{
	VIEW_SCORES,
	VIEW_NETWORK_SCORES,
	VIEW_SIGNALS
} ScoreView;

#define VIEW_COUNT	(VIEW_SIGNALS + 1)

/* Where rows go; the receiver's own data follows in a larger struct */
typedef struct RowSink RowSink;
struct RowSink
{
	void		(*put) (RowSink *sink, Datum *values, bool *nulls);
};

extern const char *view_name(ScoreView view);
extern void view_fill(ScoreView view, Run *run, TupleDesc desc, RowSink *sink);

#endif							/* INFLUENCE_VIEWS_H */
