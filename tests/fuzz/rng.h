/* SPDX-License-Identifier: MIT */
/*
 * Random numbers that are a function of a seed alone. Each operation has a generator of its
 * own, made from the seed and the operation's number, so that the numbers and results of
 * one operation do not change the numbers of the next.
 */
#ifndef FUZZ_RNG_H
#define FUZZ_RNG_H

#include <stdbool.h>
#include <stdint.h>

struct rng {
	uint64_t state;
};

/* The next number of splitmix64. */
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

/* A number from 0 to @n - 1. */
static inline uint64_t rng_below(struct rng *r, uint64_t n)
{
	return rng_next(r) % n;
}

#endif /* FUZZ_RNG_H */
