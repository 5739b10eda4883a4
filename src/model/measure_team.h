/*
 * Several processes that measure the people of a model together.
 *
 * Functions that take a team also take NULL, which is a leader alone.
 */
#ifndef INFLUENCE_MEASURE_TEAM_H
#define INFLUENCE_MEASURE_TEAM_H

#include "postgres.h"

#include "access/parallel.h"

#include "math/pagerank.h"
#include "model/edges.h"
#include "model/ingest.h"
#include "model/person_network.h"
#include "model/trust.h"

typedef struct MeasureTeam MeasureTeam;

/* How a network is ranked */
typedef struct RankPlan
{
	PagerankSize size;
	uint32		nodes;			/* people with edges */
} RankPlan;

extern MeasureTeam *measure_team_start(Ingest *ingest);
extern MeasureTeam *measure_team_join(shm_toc *toc, Ingest **ingest);
extern void measure_team_end(MeasureTeam *team);

extern RecordArea *team_area(const MeasureTeam *team);
extern bool team_leads(const MeasureTeam *team);
extern bool team_owns(const MeasureTeam *team, uint32 partition);
extern uint32 team_person_count(const MeasureTeam *team, const Ingest *ingest);
extern uint64 team_interactions(const MeasureTeam *team, const Ingest *ingest, int network);
extern bool team_has_rows(const MeasureTeam *team, const Ingest *ingest, int network);

extern void team_add_habits(MeasureTeam *team, ActorHabits *habits, uint64 person_count);
extern pg_atomic_uint64 *team_share_filter(MeasureTeam *team, uint64 words);
extern void team_free_filter(MeasureTeam *team);
extern void team_exchange(MeasureTeam *team, RecordLog *logs);
extern void team_begin_collection(MeasureTeam *team, PersonNetworkArray *people, uint64 first,
								  RecordLog *signal_counts);
extern void team_end_collection(MeasureTeam *team);
extern void team_share_edges(MeasureTeam *team, EdgeSet *edges);
extern void team_free_edges(MeasureTeam *team);

extern void team_wait(MeasureTeam *team);
extern bool team_prepares(const MeasureTeam *team);
extern void *team_allocate_ranks(MeasureTeam *team, Size bytes);
extern void team_offer_ranks(MeasureTeam *team, const RankPlan *plan);
extern void *team_take_ranks(const MeasureTeam *team, RankPlan *plan);
extern void team_share_ranks(MeasureTeam *team, const EdgeSet *edges, PagerankTeam *ranks);
extern void team_end_ranks(MeasureTeam *team);

#endif							/* INFLUENCE_MEASURE_TEAM_H */
