/*
 * Configurations that refreshes used, as they are kept in influence.configurations.
 */
#ifndef INFLUENCE_CONFIGURATION_STORE_H
#define INFLUENCE_CONFIGURATION_STORE_H

#include "model/model.h"

typedef struct Configuration
{
	int			formula_version;
	int			version;
} Configuration;

extern Configuration configuration_note(const ModelRef *ref);

#endif							/* INFLUENCE_CONFIGURATION_STORE_H */
