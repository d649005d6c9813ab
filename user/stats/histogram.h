/* SPDX-License-Identifier: MIT */
/*
 * Histograms of times, log-linear as those of HdrHistogram: four buckets for each power of two,
 * from microseconds to minutes. A bucket is at most a quarter wider than it begins, so a
 * percentile that is taken from the buckets is at most a quarter too large.
 *
 * This header must not know where histograms lie.
 */
#ifndef STATS_HISTOGRAM_H
#define STATS_HISTOGRAM_H

#include <stdint.h>

/* Times are counted in units of 1024 ns, so that no division is needed. */
#define HISTOGRAM_UNIT_BITS	10
/* Each power of two has 4 buckets. */
#define HISTOGRAM_SUB_BITS	2
#define HISTOGRAM_SUBS		(1U << HISTOGRAM_SUB_BITS)
/* From 2^27 units on, which are 137 s, times are not told apart. */
#define HISTOGRAM_MAX_BITS	27
#define HISTOGRAM_BUCKETS	((HISTOGRAM_MAX_BITS - HISTOGRAM_SUB_BITS + 1) * HISTOGRAM_SUBS + 1)

/** histogram_bucket() - the bucket of a time, less than HISTOGRAM_BUCKETS */
static inline unsigned int histogram_bucket(uint64_t ns)
{
	uint64_t units = ns >> HISTOGRAM_UNIT_BITS;
	unsigned int power, sub;

	if (units < HISTOGRAM_SUBS)
		return (unsigned int)units;
	if (units >> HISTOGRAM_MAX_BITS)
		return HISTOGRAM_BUCKETS - 1;
	power = 63U - (unsigned int)__builtin_clzll(units) - HISTOGRAM_SUB_BITS;
	sub = (unsigned int)(units >> power) - HISTOGRAM_SUBS;
	return (power + 1) * HISTOGRAM_SUBS + sub;
}

/**
 * histogram_bound_ns() - the end of a bucket: all of its times are less
 * @bucket: not the last one, which has no end
 */
static inline uint64_t histogram_bound_ns(unsigned int bucket)
{
	unsigned int power = bucket / HISTOGRAM_SUBS, sub = bucket % HISTOGRAM_SUBS;

	if (!power)
		return (uint64_t)(sub + 1) << HISTOGRAM_UNIT_BITS;
	return (uint64_t)(HISTOGRAM_SUBS + sub + 1) << (power - 1 + HISTOGRAM_UNIT_BITS);
}

#endif /* STATS_HISTOGRAM_H */
