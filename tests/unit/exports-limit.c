// SPDX-License-Identifier: MIT
/*
 * Goal: a bucket lets pass what its rate allows, over any time and for requests of any size, and
 * after a pause no more than its burst beyond that. Limits are read from a text or refused.
 * Method: clients that always want more are played against buckets of many rates, by a clock that
 * jumps to when the bucket is out of debt; tables of texts.
 */
#include <common/clock.h>
#include <exports/limit.h>
#include <stdlib.h>
#include <string.h>

#include "tap.h"

#define START	1000000000000LL

/* Take as much as the bucket gives from @from until @to. Return: how many tokens. */
static uint64_t flood(struct limit_bucket *b, int64_t from, int64_t to, uint64_t each)
{
	uint64_t n = 0;

	for (int64_t now = from; now < to; now = b->even_ns > now ? b->even_ns : now + 1) {
		while (limit_may(b, now)) {
			limit_take(b, now, each);
			n += each;
		}
	}
	return n;
}

static void test_rates(void)
{
	static const uint64_t rates[] = { 1, 3, 100, 4999, 100000, 1 << 20, 100 << 20 };
	static const uint64_t sizes[] = { 1, 512, 4096, 1 << 20, LIMIT_COST_MAX };

	for (size_t i = 0; i < sizeof(rates) / sizeof(*rates); i++) {
		for (size_t j = 0; j < sizeof(sizes) / sizeof(*sizes); j++) {
			/* As long as 200 of them take. */
			int64_t span = (int64_t)(200 * sizes[j] * CLOCK_NS_PER_S / rates[i]);
			struct limit_bucket b = { .rate = rates[i] };
			uint64_t n = flood(&b, START, START + span, sizes[j]);
			uint64_t most = 202 * sizes[j] + rates[i] / 10;

			/* Nanoseconds are whole, so small pieces cost less. */
			ok(n >= 199 * sizes[j] && n <= most + most / 8,
			   "%llu tokens a second pass in pieces of %llu: %llu of %llu",
			   (unsigned long long)rates[i], (unsigned long long)sizes[j],
			   (unsigned long long)n, (unsigned long long)(200 * sizes[j]));
		}
	}
}

static void test_burst(void)
{
	struct limit_bucket b = { .rate = 1000 };
	uint64_t n;

	flood(&b, START, START + CLOCK_NS_PER_S, 1);
	/* An hour later there is a tenth of a second's worth, and one more. */
	n = flood(&b, START + 3600 * CLOCK_NS_PER_S, START + 3600 * CLOCK_NS_PER_S + 1, 1);
	ok(n >= 100 && n <= 102, "after an hour of rest a bucket gives its burst: %llu",
	   (unsigned long long)n);
}

static void test_unlimited(void)
{
	struct limit_bucket b = { 0 };
	bool good = true;

	for (int i = 0; i < 1000; i++) {
		good &= limit_may(&b, START);
		limit_take(&b, START, LIMIT_COST_MAX);
	}
	ok(good, "a bucket without a rate is never empty");
}

static void test_large(void)
{
	struct limit_bucket b = { .rate = 65536 };

	limit_take(&b, START, UINT64_MAX);
	is(b.even_ns - START + LIMIT_BURST_NS, 512 * CLOCK_NS_PER_S,
	   "the debt of a huge request is that of 32 MiB");
}

static bool reads(const char *text, uint32_t iops, uint64_t bytes, uint32_t connections)
{
	struct option_error error;
	struct limit l;

	return !limit_parse(text, &l, &error) && l.iops == iops && l.bytes == bytes &&
	       l.connections == connections;
}

static void test_texts(void)
{
	static const char *const bad[] = {
		"", ",", "iops", "iops=", "iops=0", "iops=-1", "iops=1K", "iops=1000000001",
		"iops=1,", ",iops=1", "iops=1,iops=2", "bytes=0", "bytes=65535", "bytes=2T",
		"bytes=x", "bytes=1M,bytes=1M", "connections=0", "connections=1000001", "speed=1",
		"iops =1", "iops=1;bytes=1M",
	};
	struct option_error error;
	char longest[201] = "";
	struct limit l;

	ok(reads("iops=5", 5, 0, 0), "iops=5 is a limit of requests alone");
	ok(reads("bytes=1M", 0, 1 << 20, 0), "bytes=1M is a limit of bytes alone");
	ok(reads("connections=1", 0, 0, 1), "connections=1 is a limit of clients alone");
	ok(reads("connections=3,bytes=64K,iops=1000000000", 1000000000, 65536, 3),
	   "the limits may have any order");
	memset(longest, '0', sizeof(longest) - 1);
	memcpy(longest, "iops=", 5);
	longest[sizeof(longest) - 2] = '1';
	ok(limit_parse(longest, &l, &error), "a text of 200 bytes is refused as limits");
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		error.text[0] = '\0';
		ok(limit_parse(bad[i], &l, &error) && error.text[0],
		   "'%.40s' is refused as limits, and an error says why", bad[i]);
	}
}

static void test_format(void)
{
	static const struct limit limits[] = {
		{ 0 }, { .iops = 1 }, { .bytes = 65536 }, { .connections = 7 },
		{ .iops = 5, .connections = 9 },
		{ LIMIT_IOPS_MAX, LIMIT_BYTES_MAX, LIMIT_CONNECTIONS_MAX },
	};
	char text[LIMIT_TEXT_SIZE];

	limit_format(&limits[0], text);
	is(strlen(text), 0, "no limits are written as nothing");
	for (size_t i = 1; i < sizeof(limits) / sizeof(*limits); i++) {
		const struct limit *l = &limits[i];

		limit_format(l, text);
		ok(reads(text, l->iops, l->bytes, l->connections),
		   "limits are read as they were written: %s", text);
	}
}

int main(void)
{
	test_rates();
	test_burst();
	test_unlimited();
	test_large();
	test_texts();
	test_format();
	return done_testing();
}
