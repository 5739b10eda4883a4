/*
 * Invariants of the structures of the math layer, checked after each change in a
 * build with -DUSE_ASSERT_CHECKING, as Assert() of the server is in the layers
 * above. In any other build they are not even looked at.
 */
#ifndef INFLUENCE_MATH_INVARIANT_H
#define INFLUENCE_MATH_INVARIANT_H

#ifdef USE_ASSERT_CHECKING
#include <assert.h>
#define INVARIANT(condition) assert(condition)
#else
#define INVARIANT(condition) ((void) 0)
#endif

#endif							/* INFLUENCE_MATH_INVARIANT_H */
