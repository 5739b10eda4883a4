/*
 * Acting as the owner of a model.
 */
#ifndef INFLUENCE_OWNER_H
#define INFLUENCE_OWNER_H

#include "postgres.h"

/* What to go back to */
typedef struct OwnerContext
{
	Oid			user;
	int			security;
	int			nestlevel;
} OwnerContext;

extern int	pin_settings(void);
extern void owner_enter(OwnerContext *saved, Oid owner);
extern void owner_leave(const OwnerContext *saved);

#endif							/* INFLUENCE_OWNER_H */
