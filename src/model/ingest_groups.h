/*
 * Reading sources on other servers in groups instead of rows.
 */
#ifndef INFLUENCE_INGEST_GROUPS_H
#define INFLUENCE_INGEST_GROUPS_H

#include "model/ingest.h"

extern List *ingest_groups(Ingest *ingest, const Source *source);

#endif							/* INFLUENCE_INGEST_GROUPS_H */
