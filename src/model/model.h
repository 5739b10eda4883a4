/*
 * A model's configuration as one refresh sees it, and who may use a model.
 *
 * model.c     finds a model by name and checks rights
 * config.c    loads the configuration for a refresh
 */
#ifndef INFLUENCE_MODEL_H
#define INFLUENCE_MODEL_H

#include "postgres.h"

#include <math.h>

#include "datatype/timestamp.h"
#include "lib/stringinfo.h"
#include "nodes/pg_list.h"
#include "utils/relcache.h"

#include "math/tier.h"
#include "model/privacy.h"

/* What identifies a model; enough to read its score views */
typedef struct ModelRef
{
	char	   *name;
	char	   *schema;
	char	   *created_by;		/* role; NULL where it is not known */
	Oid			id_type;		/* INT8OID, UUIDOID or TEXTOID */
	Oid			scores;			/* the view <schema>.scores, InvalidOid when it is gone */
} ModelRef;

/* What the rows of a signal say (SPEC: roles) */
typedef enum SignalRole
{
	ROLE_REACTION,
	ROLE_SHARE,
	ROLE_FOLLOW,
	ROLE_POST,
	ROLE_AUTHORITY,
	ROLE_ENDORSEMENT
} SignalRole;

/* What a person's clock does while the person is away (clock.c) */
typedef enum InactivityPolicy
{
	INACTIVITY_DECAY,
	INACTIVITY_GRACE,
	INACTIVITY_FREEZE
} InactivityPolicy;

typedef struct Signal
{
	char	   *kind;
	int			network;		/* index into Model.networks */
	SignalRole	role;
	double		weight;
	double		half_life;		/* microseconds; INFINITY: no decay */
	double		polarity;		/* -1 to 1 */
	bool		conversational;
	uint32		tradable_amount;	/* thousandths that a row gives to be traded (trust.h) */
} Signal;

typedef struct Network
{
	char	   *name;
	double		weight;
	double		prior_shares;	/* of amplification, as fitted by the refresh that */
	double		prior_posts;	/* was published last; 0, 0: none was */
	int			first_signal;	/* its signals in Model.signals, one after the other */
	int			signal_count;
} Network;

/* From since to before until; DT_NOBEGIN and DT_NOEND: without that end */
typedef struct TimeRange
{
	TimestampTz since;
	TimestampTz until;
} TimeRange;

typedef struct Source
{
	int			number;			/* index into Model.sources */
	char	   *name;
	Oid			relation;
	char	   *relation_name;	/* as registered, for errors when the relation is gone */
	char	   *actor;			/* expressions; NULL where the mapping is absent */
	char	   *target;
	char	   *occurred_at;
	char	   *kind;			/* constants */
	char	   *network;
	char	   *kind_column;	/* expressions */
	char	   *network_column;
	char	   *post;
	char	   *weight;
	char	   *sentiment;
	char	   *filter;
	bool		incremental;
	TimeRange  *ranges;			/* what is to be read, ascending; NULL: everything */
	int			range_count;
	bool		by_account;		/* actor and target are accounts on the row's network */
} Source;

/* Where the links between accounts and people are */
typedef struct Accounts
{
	Oid			relation;
	char	   *relation_name;	/* as for sources */
	char	   *user_id;		/* expressions */
	char	   *network;
	char	   *account_id;
	char	   *filter;			/* NULL: all rows */
} Accounts;

/* The measures of a person on a network, in the order in which they are shown */
typedef enum Measure
{
	MEASURE_ENGAGEMENT,
	MEASURE_TRUE_REACH,
	MEASURE_AUDIENCE,
	MEASURE_AMPLIFICATION,
	MEASURE_NETWORK_INFLUENCE,
	MEASURE_AUTHORITY
} Measure;

#define MEASURE_COUNT 6

typedef struct Model
{
	ModelRef	ref;
	Oid			owner;			/* owner of the view scores */
	bool		is_preview;		/* its configuration is nowhere but here */

	double		time_window;	/* microseconds; 0: none */
	double		clock_skew;		/* microseconds */
	InactivityPolicy inactivity_policy;
	double		grace_period;	/* microseconds */
	bool		bad_rows_fail;
	bool		ignore_sentiment;
	bool		hidden_actors_count;	/* as anonymous ones */
	PrivacyList *privacy;

	double		reach_half_life;	/* microseconds */
	double		reciprocity_discount;
	double		selectivity_rate;	/* reactions a day that halve the trust */
	double		trading_discount;
	double		anonymous_reach;

	double		damping;
	int			max_iterations;
	double		tolerance;

	double		measure_weight[MEASURE_COUNT];

	double		target_mean;
	double		target_p95;
	bool		calibrate_each_refresh;

	double		closing_delay;	/* microseconds */
	double		max_daily_gain; /* points; 0: no limit */
	double		history_retention;	/* microseconds; 0: for ever */
	TimestampTz published_as_of;	/* DT_NOBEGIN before the first refresh */

	int			network_count;
	Network    *networks;
	int			signal_count;
	Signal	   *signals;
	int			tier_count;
	ScoreRange *tiers;			/* from the top */
	List	   *sources;		/* of Source * */
	Accounts   *accounts;		/* NULL: there are none */
} Model;

extern ModelRef *model_find(const char *name);
extern ModelRef *model_find_if_any(const char *name);
extern ModelRef *model_resolve(const char *name);
extern Oid	models_relation(void);
extern StringInfo models_rows(Oid relation);
extern List *models_all(void);
extern List *models_owned(void);
extern Oid	model_owner(const ModelRef *model);
extern void model_check_owner(const ModelRef *model);
extern void model_check_refreshed(const ModelRef *model, Relation scores);
extern Model *config_load(const ModelRef *ref);
extern Model *config_load_formula(const ModelRef *ref);
extern Model *config_load_people(const ModelRef *ref);

/* May a row of this role be a sign of engagement of its actor? */
static inline bool
role_is_engaging(SignalRole role)
{
	return role == ROLE_REACTION || role == ROLE_SHARE || role == ROLE_ENDORSEMENT;
}

/* Longest age in microseconds at which a row of no standing fact counts */
static inline double
model_longest_age(const Model *model)
{
	return model->time_window > 0 ? model->time_window : INFINITY;
}

/* Does the role state a standing fact, to which no window applies? */
static inline bool
role_is_standing(SignalRole role)
{
	return role == ROLE_FOLLOW || role == ROLE_AUTHORITY;
}

#endif							/* INFLUENCE_MODEL_H */
