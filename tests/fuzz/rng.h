/* SPDX-License-Identifier: MIT */
/*
 * Numbers that are a function of a seed alone. Each operation draws from a
 * generator of its own, made of the seed and the operation's number: what one
 * operation drew, or how it went, does not change what the next one draws.
 */
#ifndef FUZZ_RNG_H
#define FUZZ_RNG_H

#include <stdbool.h>
#include <stdint.h>

struct rng {
	uint64_t state;
};

/* splitmix64 */
static inline uint64_t rng_next(struct rng *r)
{
	uint64_t z = r->state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

static inline struct rng rng_for(uint64_t seed, uint64_t number)
{
	struct rng r = { seed };

	r.state = rng_next(&r) + number;
	r.state = rng_next(&r);
	return r;
}

/* 0 to @n - 1 */
static inline uint64_t rng_below(struct rng *r, uint64_t n)
{
	return rng_next(r) % n;
}

#endif /* FUZZ_RNG_H */
