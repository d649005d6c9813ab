// SPDX-License-Identifier: MIT
/*
 * Goal: each time falls into one bucket, whose bounds hold it and are close; what a process counts
 * is what arenad reads; and memory in which a process has written anything whatever, or of another
 * version, size or process, gives numbers or an error and nothing else.
 * Method: both sides are in this process. Times around each bound are tried, and the head of the
 * memory is changed word by word.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stats/counters.h>
#include <stats/stats.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tap.h"

#define EXPORTS	3U

static bool holds(unsigned int bucket, uint64_t ns)
{
	return histogram_bucket(ns) == bucket;
}

static void test_buckets(void)
{
	unsigned int bad = 0, wide = 0;
	uint64_t begin = 0;

	for (unsigned int i = 0; i < HISTOGRAM_BUCKETS - 1; i++) {
		uint64_t end = histogram_bound_ns(i);

		bad += !holds(i, begin) || !holds(i, end - 1) || !holds(i + 1, end) || end <= begin;
		wide += i >= HISTOGRAM_SUBS && (end - begin) * HISTOGRAM_SUBS > begin;
		begin = end;
	}
	is(bad, 0, "each bucket has the times from the bound of the one before to its own");
	is(wide, 0, "no bucket is wider than a quarter of where it begins");
	is(histogram_bucket(UINT64_MAX), HISTOGRAM_BUCKETS - 1, "the last bucket has all others");
	ok(begin > 100000000000ULL, "times of up to 100 s are told apart");
}

static void test_names(void)
{
	unsigned int lacking = 0;

	for (size_t i = 0; i < NP_COUNTERS; i++)
		lacking += !np_counter_names[i];
	for (size_t i = 0; i < SP_COUNTERS; i++)
		lacking += !sp_counter_names[i];
	is(lacking, 0, "each counter has a name");
}

static void test_text(void)
{
	struct np_counters c = { .connections = 1, .clients = UINT64_MAX };
	char text[COUNTERS_TEXT_SIZE];

	counters_text(text, np_counter_names, &c, NP_COUNTERS);
	ok(!strncmp(text, "connections=1 requests=0 ", 25), "the text of counters begins with the "
	   "first one");
	ok(strstr(text, " clients=18446744073709551615"), "the text of counters ends with the last "
	   "one");
	memset(&c, 0xff, sizeof(c));
	counters_text(text, np_counter_names, &c, NP_COUNTERS);
	ok(strstr(text, " clients=18446744073709551615"), "the text of huge counters has all of them");
}

/* Memory, and the process that counts there. */
static struct stats *begin(int *fd)
{
	struct stats *s;

	*fd = stats_make(EXPORTS);
	if (*fd < 0)
		bail("cannot make a memfd");
	s = stats_attach(dup(*fd), STATS_NP, NP_COUNTERS, EXPORTS);
	if (!s)
		bail("cannot map a memfd");
	return s;
}

static int try_read(int fd, struct stats **copy)
{
	return stats_read(fd, STATS_NP, getpid(), EXPORTS, copy);
}

static void test_read(void)
{
	const struct np_counters counters = { .connections = 5, .clients = 7 };
	struct stats *copy, *s;
	struct stats_flow *f;
	int fd;

	s = begin(&fd);
	stats_publish(s, &counters, NP_COUNTERS);
	stats_note(&s->export[2].flow[STATS_WRITE], 1000, 6000, 4096, true);
	stats_note(&s->export[2].flow[STATS_WRITE], 1000, 101000, 4096, false);
	stats_note(&s->export[2].flow[STATS_WRITE], 1000, 900, 512, true);
	stats_note_time(&s->export[2].stage[STATS_SEND], 1000, 4000);
	stats_note_time(&s->export[1].stage[STATS_SEND], 1000, 3000);
	is(try_read(fd, &copy), 0, "arenad reads the memory of a process");
	is(copy->export[2].stage[STATS_SEND].sum_ns, 3000, "it finds the times of a stage");
	is(copy->counter[0], 5, "it finds the first counter");
	is(copy->counter[NP_COUNTERS - 1], 7, "it finds the last counter");
	f = &copy->export[2].flow[STATS_WRITE];
	is(stats_count(&f->times), 3, "it finds all requests");
	is(f->times.bucket[histogram_bucket(5000)], 1, "a request is in the bucket of its time");
	is(f->times.bucket[0], 1, "one that ended before it began has no time");
	is(f->times.sum_ns, 105000, "times are added up");
	is(f->times.max_ns, 100000, "the longest time is kept");
	is(f->errors, 1, "errors are counted");
	is(f->bytes, 4608, "bytes of requests that succeeded are counted");
	is(stats_count(&copy->export[2].flow[STATS_READ].times) +
	   stats_count(&copy->export[1].flow[STATS_WRITE].times), 0,
	   "other requests are not counted there");
	free(copy);
	stats_clear_export(s, 2);
	is(try_read(fd, &copy), 0, "arenad reads the memory when an export has begun anew");
	is(stats_count(&copy->export[2].flow[STATS_WRITE].times) +
	   stats_count(&copy->export[2].stage[STATS_SEND]), 0, "it has no times then");
	is(stats_count(&copy->export[1].stage[STATS_SEND]), 1, "the others keep theirs");
	free(copy);
	munmap(s, stats_size(EXPORTS));
	close(fd);
}

static void test_absent(void)
{
	struct stats *copy, *s;
	int fd = stats_make(EXPORTS);

	is(try_read(-1, &copy), -ENODATA, "a process without memory has no statistics");
	is(try_read(fd, &copy), -ENODATA, "a process that has not begun has none");
	ok(!copy, "there is no copy then");
	close(fd);
	s = stats_attach(-1, STATS_SP, SP_COUNTERS, 1);
	ok(s, "a process can count without memory of arenad");
	stats_note(&s->export[0].flow[STATS_READ], 0, 1, 1, true);
	is(s->export[0].flow[STATS_READ].bytes, 1, "it counts");
	munmap(s, stats_size(1));
	s = stats_attach(stats_make(EXPORTS - 1), STATS_NP, NP_COUNTERS, EXPORTS);
	ok(s, "a process can count if arenad's memory is too small");
	s->export[EXPORTS - 1].flow[STATS_OTHER].bytes = 1;
	munmap(s, stats_size(EXPORTS));
}

static void refused(int fd, uint32_t *word, uint32_t value, const char *what)
{
	uint32_t old = *word;
	struct stats *copy;

	*word = value;
	is(try_read(fd, &copy), -EPROTO, "memory is refused: %s", what);
	*word = old;
}

static void test_other(void)
{
	struct stats *copy, *s;
	int fd, small, open;

	s = begin(&fd);
	refused(fd, (uint32_t *)&s->magic, 1, "of another magic number");
	refused(fd, &s->version, STATS_VERSION + 1, "of another version");
	refused(fd, &s->role, STATS_SP, "of another role");
	refused(fd, &s->pid, (uint32_t)getppid(), "of another process");
	refused(fd, &s->n_counters, STATS_COUNTERS + 1, "with too many counters");
	refused(fd, &s->n_exports, EXPORTS + 1, "with too many exports");
	s->n_counters = STATS_COUNTERS;
	is(try_read(fd, &copy), 0, "a process may have more counters than have names");
	free(copy);
	small = stats_make(EXPORTS - 1);
	is(try_read(small, &copy), -EPROTO, "memory is refused: too small");
	close(small);
	open = memfd_create("open", MFD_ALLOW_SEALING);
	is(ftruncate(open, (off_t)stats_size(EXPORTS)), 0, "other memory can be made");
	is(try_read(open, &copy), -EPROTO, "memory is refused: its size may change");
	close(open);
	ok(ftruncate(fd, 0) && errno == EPERM, "memory cannot become smaller");
	ok(ftruncate(fd, 1 << 30) && errno == EPERM, "memory cannot become larger");
	munmap(s, stats_size(EXPORTS));
	close(fd);
}

static void test_lies(void)
{
	struct stats *copy, *s;
	int fd;

	s = begin(&fd);
	memset((char *)s + offsetof(struct stats, counter), 0xff,
	       stats_size(EXPORTS) - offsetof(struct stats, counter));
	is(try_read(fd, &copy), 0, "arenad reads numbers that cannot be");
	is(stats_count(&copy->export[0].flow[0].times), -(int64_t)HISTOGRAM_BUCKETS,
	   "it adds them up");
	free(copy);
	is(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
		     (off_t)stats_size(EXPORTS)), 0, "a process gives its memory back");
	is(try_read(fd, &copy), -ENODATA, "arenad finds nothing there then");
	munmap(s, stats_size(EXPORTS));
	close(fd);
}

int main(void)
{
	test_buckets();
	test_names();
	test_text();
	test_read();
	test_absent();
	test_other();
	test_lies();
	return done_testing();
}
