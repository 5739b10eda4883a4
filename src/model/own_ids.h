/*
 * The ids that accounts of people have on their own.
 */
#ifndef INFLUENCE_OWN_IDS_H
#define INFLUENCE_OWN_IDS_H

#include "intern.h"
#include "model/model.h"

extern Datum account_as_id(const text *network, const text *account);
extern InternTable *own_ids_of(const ModelRef *ref, const char *user_id);
extern void own_ids_hide(const ModelRef *ref);

#endif							/* INFLUENCE_OWN_IDS_H */
