/*
 * An array of people by network that grows.
 */
#include "compat.h"

#include "memory.h"
#include "model/person_network.h"

/*
 * Room for so many more people, who are not counted yet
 */
PersonNetwork *
person_networks_reserve(PersonNetworkArray *people, uint64 count)
{
	uint64		capacity = people->capacity;

	while (capacity - people->count < count)
		capacity = huge_array_next(capacity, PG_INT64_MAX);
	if (capacity > people->capacity)
	{
		people->items = people->items == NULL ?
			huge_array(people->context, capacity, sizeof(PersonNetwork)) :
			huge_array_resize(people->items, capacity, sizeof(PersonNetwork));
		people->capacity = capacity;
	}
	return people->items + people->count;
}
