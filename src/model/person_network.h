/*
 * What is known of people, network by network.
 */
#ifndef INFLUENCE_PERSON_NETWORK_H
#define INFLUENCE_PERSON_NETWORK_H

#include "postgres.h"

#include "model/model.h"

/* A person who received or published something on a network */
typedef struct PersonNetwork
{
	uint32		person;
	uint32		network;
	double		value[MEASURE_COUNT];	/* amplification: the rate lambda */
	double		audience_term;	/* sum over kinds of weight * ln(1 + people) */
	double		shares;			/* decayed, of distinct (actor, post) */
	double		posts;			/* decayed, distinct */
} PersonNetwork;

/* People with measures on the networks seen so far; grows as needed */
typedef struct PersonNetworkArray
{
	MemoryContext context;
	uint64		count;
	uint64		capacity;
	PersonNetwork *items;
} PersonNetworkArray;

extern PersonNetwork *person_networks_reserve(PersonNetworkArray *people, uint64 count);

#endif							/* INFLUENCE_PERSON_NETWORK_H */
