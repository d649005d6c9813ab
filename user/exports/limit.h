/* SPDX-License-Identifier: MIT */
/*
 * Limits of an export: how many requests and bytes a second it serves, and how many clients may use
 * it. A rate is kept by a bucket of tokens: an export that was idle may do at once what its rate
 * allows in LIMIT_BURST_NS. A request goes as soon as the bucket is not in debt, however large it
 * is; its debt then holds up those that follow.
 *
 * The functions are pure. This header must not know what a request is.
 */
#ifndef EXPORTS_LIMIT_H
#define EXPORTS_LIMIT_H

#include <common/options.h>
#include <stdbool.h>
#include <stdint.h>

#define LIMIT_BURST_NS		100000000LL
/* The most that is taken from a bucket at once. */
#define LIMIT_COST_MAX		(32U << 20)
#define LIMIT_BYTES_MIN		65536ULL
#define LIMIT_BYTES_MAX		(1ULL << 40)
#define LIMIT_IOPS_MAX		1000000000U
#define LIMIT_CONNECTIONS_MAX	1000000U

/**
 * struct limit - the limits of an export; 0 is no limit
 * @iops: requests a second
 * @bytes: bytes a second
 * @connections: clients at a time
 */
struct limit {
	uint32_t iops;
	uint64_t bytes;
	uint32_t connections;
};

/**
 * limit_parse() - read limits from a text
 * @text: "iops=N,bytes=SIZE,connections=N", of which parts may be left out
 * @out: filled
 * @error: says what is wrong
 *
 * Return: 0, or what option_refuse() returns.
 */
int limit_parse(const char *text, struct limit *out, struct option_error *error);

/* Room for the text of any limits. */
#define LIMIT_TEXT_SIZE		128U

/** limit_format() - write limits as limit_parse() reads them; "" if there are none */
void limit_format(const struct limit *l, char text[LIMIT_TEXT_SIZE]);

/** limit_is_same() - do both limit the same? */
static inline bool limit_is_same(const struct limit *a, const struct limit *b)
{
	return a->iops == b->iops && a->bytes == b->bytes && a->connections == b->connections;
}

/**
 * struct limit_bucket - a bucket of tokens
 * @rate: tokens that come in a second; 0 for a bucket that is never empty
 * @even_ns: when the bucket is not in debt any more
 */
struct limit_bucket {
	uint64_t rate;
	int64_t even_ns;
};

/** limit_may() - is the bucket out of debt at @now_ns? */
static inline bool limit_may(const struct limit_bucket *b, int64_t now_ns)
{
	return !b->rate || b->even_ns <= now_ns;
}

/** limit_take() - take @n tokens, at most LIMIT_COST_MAX; limit_may() holds at @now_ns */
void limit_take(struct limit_bucket *b, int64_t now_ns, uint64_t n);

#endif /* EXPORTS_LIMIT_H */
