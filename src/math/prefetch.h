/*
 * Asking for memory before it is needed.
 *
 * Arrays by person are larger than the caches, and people come in no order:
 * every access would wait for memory. The loops over data know what they will
 * touch a few items later and say so.
 */
#ifndef INFLUENCE_MATH_PREFETCH_H
#define INFLUENCE_MATH_PREFETCH_H

/* Items ahead: enough to hide a miss, few enough to stay in the first cache */
#define PREFETCH_AHEAD	16

#if defined(__GNUC__) || defined(__clang__)
#define prefetch(address)	__builtin_prefetch(address)
#define prefetch_to_write(address)	__builtin_prefetch(address, 1)
#else
#define prefetch(address)	((void) (address))
#define prefetch_to_write(address)	((void) (address))
#endif

#endif							/* INFLUENCE_MATH_PREFETCH_H */
