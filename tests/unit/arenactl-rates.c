// SPDX-License-Identifier: MIT
/*
 * Goal: rates are the differences of two answers of arenad, divided by the time between them; a
 * process that was started again has begun with 0; and what is not known is not shown as a number.
 * Method: answers are texts of JSON.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tap.h"

/* Without the Varlink of libsystemd there is no arenactl. */
#ifdef WITHOUT_VARLINK

int main(void)
{
	skip("needs libsystemd 257");
	return done_testing();
}

#else

#include <arenactl/latencies.h>
#include <arenactl/rates.h>

#define SECOND_NS	1000000000LL

/* Buckets end at 1, 2, 4 and 8 us, and there is one behind them. */
#define BOUNDS		"'boundsNSec':[1000,2000,4000,8000]"

/* The second network process tells nothing of its buffers. */
#define GROUP(use, n)									\
	"{'use':'" use "','free':" n "1,'owned':" n "2,'inIo':" n "3,'lent':" n "4,'lost':" n "5}"
#define GROUPS										\
	"{'processes':[{'role':'np','number':0,'groups':[" GROUP("net", "1") ","		\
	GROUP("payload", "2") "]},{'role':'np','number':1,'absent':'why'},"		\
	"{'role':'sp','number':0,'groups':[" GROUP("payload", "3") "," GROUP("disk", "4") "]}]}"

#define EXPORTS		"{'exports':[{'name':'one'},{'name':'two'}]}"

/* Two network processes and the storage process of an export. */
#define PROCESS(role, number, pid, cpu)							\
	"{'role':'" role "','number':" number ",'pid':" pid ",'cpuUSec':" cpu ",'restarts':3}"
#define COUNTERS(role, number, counters)						\
	"{'role':'" role "','number':" number ",'counters':{" counters "}}"
#define LATENCIES(role, number, latencies)						\
	"{'role':'" role "','number':" number ",'latencies':[" latencies "]}"
#define LATENCY(export, operation, count, errors, bytes, max_ns, buckets)		\
	"{'export':'" export "','operation':'" operation "','count':" count		\
	",'errors':" errors ",'bytes':" bytes ",'maxNSec':" max_ns			\
	",'buckets':[" buckets "]}"

/* Texts of C are easier to read with the other quotes. */
static struct sd_json_variant *parse(const char *text)
{
	struct sd_json_variant *v = NULL;
	char *json = strdup(text);

	if (!json)
		bail("no memory");
	for (char *c = json; *c; c++)
		*c = *c == '\'' ? '"' : *c;
	if (sd_json_parse(json, 0, &v, NULL, NULL) < 0)
		bail("no JSON: %s", json);
	free(json);
	return v;
}

static struct snapshot snapshot(int64_t at_ns, const char *status, const char *counters,
				const char *latencies)
{
	return (struct snapshot){
		.at_ns = at_ns,
		.part = {
			[SNAPSHOT_STATUS] = parse(status),
			[SNAPSHOT_EXPORTS] = parse(EXPORTS),
			[SNAPSHOT_COUNTERS] = parse(counters),
			[SNAPSHOT_LATENCIES] = parse(latencies),
			[SNAPSHOT_GROUPS] = parse(GROUPS),
		},
	};
}

static struct snapshot earlier(void)
{
	return snapshot(
		10 * SECOND_NS,
		"{'processes':[" PROCESS("np", "0", "10", "5000000") ","
		PROCESS("np", "1", "11", "7000000") "," PROCESS("sp", "0", "12", "100") "]}",
		"{'processes':[" COUNTERS("np", "0", "'requests':1000,'reads':1") ","
		COUNTERS("np", "1", "'requests':5000") ","
		COUNTERS("sp", "0", "'requests':9,'operations':300") "]}",
		"{" BOUNDS ",'processes':["
		LATENCIES("np", "0", LATENCY("one", "read", "100", "1", "409600", "9000",
					     "90,0,0,0,10")) ","
		LATENCIES("np", "1", LATENCY("one", "read", "500", "0", "409600", "3000",
					     "500")) ","
		LATENCIES("sp", "0", LATENCY("one", "read", "600", "0", "819200", "900",
					     "600")) "]}");
}

/*
 * Two seconds later. NP 0 has done more, and NP 1 is another process, which has done more already
 * than the one before.
 */
static struct snapshot later(void)
{
	return snapshot(
		12 * SECOND_NS,
		"{'processes':[" PROCESS("np", "0", "10", "6000000") ","
		PROCESS("np", "1", "20", "200000") "," PROCESS("sp", "0", "12", "2000100") "]}",
		"{'processes':[" COUNTERS("np", "0", "'requests':1500,'reads':1") ","
		COUNTERS("np", "1", "'requests':6000") ","
		COUNTERS("sp", "0", "'requests':9,'operations':900") "]}",
		"{" BOUNDS ",'processes':["
		LATENCIES("np", "0", LATENCY("one", "read", "180", "5", "1409600", "9000",
					     "90,80,0,0,10") ","
			  LATENCY("one", "write", "10", "0", "5000", "3500", "0,0,10") ","
			  LATENCY("one", "flush", "4", "0", "0", "1", "4")) ","
		LATENCIES("np", "1", LATENCY("one", "read", "510", "0", "500000", "7000",
					     "506,0,0,4")) ","
		LATENCIES("sp", "0", LATENCY("one", "read", "1000", "0", "819200", "1900",
					     "998,2")) "]}");
}

static void forget(struct snapshot *a, struct snapshot *b)
{
	snapshot_forget(a);
	snapshot_forget(b);
}

static void test_exports(void)
{
	struct snapshot before = earlier(), now = later();
	static struct rates r;
	const struct export_rates *e = &r.export[0];

	is(rates_compute(&r, &before, &now), 0, "rates are computed");
	is(r.n_exports, 2, "there are all exports, also those without traffic");
	ok(!strcmp(e->name, "one"), "they have their names");
	is(e->reads, (80 + 510) / 2, "reads of all network processes are added up");
	is(e->writes, 5, "a kind of which there were no requests earlier began with 0");
	is(e->others, 2, "flushes are among the others");
	is(e->errors, 2, "errors are counted");
	is(e->bytes_out, (1000000 + 500000) / 2, "bytes that were read go out");
	is(e->bytes_in, 2500, "bytes that were written come in");
	/* 604 requests: 510 in the first bucket, 80, 10 and 4 in the next ones. */
	is(e->np.p50_ns, 1000, "a half of the requests of the interval took less than that");
	is(e->np.p99_ns, 4000, "99 of 100 took less than that, whatever was earlier");
	is(e->sp.p50_ns, 1000, "the time in the storage process is known");
	is(e->sp.p99_ns, 1000, "its requests of the interval are taken");
	is(r.export[1].reads, 0, "an export without traffic has a rate of 0");
	is(r.export[1].np.p99_ns, RATE_UNKNOWN, "it has no times");
	forget(&before, &now);
}

static void test_processes(void)
{
	struct snapshot before = earlier(), now = later();
	static struct rates r;

	is(rates_compute(&r, &before, &now), 0, "rates are computed");
	is(r.n_processes, 3, "there are all processes");
	ok(r.process[1].is_np && r.process[1].number == 1, "they are in arenad's order");
	ok(!r.process[2].is_np && r.process[2].number == 0, "the storage process is the last one");
	is(r.process[1].pid, 20, "they have their process ids");
	is(r.process[0].restarts, 3, "restarts are told");
	is(r.process[0].cpus * 100, 50, "a second of CPU time in two is half a CPU");
	is(r.process[1].cpus * 100, 10, "the CPU time of another process began with 0");
	is(r.process[2].cpus * 100, 100, "a storage process has CPU time, too");
	is(r.process[0].operations, 250, "requests of a network process are counted");
	is(r.process[1].operations, 3000, "those of another process began with 0");
	is(r.process[2].operations, 300, "operations of a storage process are counted");
	is(r.process[0].buffers[RATES_FREE], 21, "a network process has free buffers of payload");
	is(r.process[0].buffers[RATES_LENT], 24, "and such that are lent");
	is(r.process[2].buffers[RATES_OWNED], 42, "a storage process has buffers of its disk");
	is(r.process[2].buffers[RATES_IN_IO], 43, "and such that the kernel uses");
	is(r.process[2].buffers[RATES_LOST], 45, "and such that are lost");
	ok(r.process[1].buffers[RATES_FREE] < 0, "one that tells nothing has none that are known");
	forget(&before, &now);
}

/* Counters that become less tell of a restart also where the process ids do not. */
static void test_negative(void)
{
	struct snapshot before = later(), now = earlier();
	static struct rates r;

	now.at_ns = before.at_ns + SECOND_NS;
	is(rates_compute(&r, &before, &now), 0, "rates are computed");
	is(r.process[0].operations, 1000, "a counter that is less is all new");
	is(r.process[0].cpus, 5, "CPU time that is less is all new");
	is(r.export[0].reads, 100 + 500, "a histogram with less requests is all new");
	is(r.export[0].bytes_out, 2 * 409600, "so are its bytes");
	is(r.export[0].np.p99_ns, 9000, "so are its times: no one is longer than the longest");
	is(r.export[0].writes, 0, "a kind that is not there any more had no requests");
	forget(&before, &now);
}

static void test_unknown(void)
{
	struct snapshot none = { 0 }, before, now = later();
	static struct rates r;

	is(rates_compute(&r, &none, &now), 0, "rates are computed of one answer");
	is(r.n_exports + r.n_processes, 5, "all is there");
	ok(r.export[0].reads < 0 && r.export[0].bytes_in < 0 && r.export[0].errors < 0,
	   "no rate of an export is known then");
	is(r.export[0].np.p50_ns, RATE_UNKNOWN, "no time is known then");
	ok(r.process[0].cpus < 0 && r.process[0].operations < 0,
	   "no rate of a process is known then");
	before = snapshot(
		11 * SECOND_NS,
		"{'processes':[" PROCESS("np", "0", "10", "0") ","
		"{'role':'np','number':1},{'role':'sp','number':0,'pid':12}]}",
		"{'processes':[{'role':'np','number':0,'absent':'why'}]}",
		"{" BOUNDS ",'processes':[{'role':'np','number':0,'absent':'why'}]}");
	is(rates_compute(&r, &before, &now), 0, "rates are computed of an answer that lacks some");
	ok(r.process[0].operations < 0, "a process that told nothing earlier has no rate");
	is(r.process[0].cpus, 6, "its CPU time is known");
	is(r.process[1].operations, 6000, "one that was dead earlier has begun with 0");
	ok(r.process[2].cpus < 0, "CPU time that was not told earlier is not known");
	is(r.export[0].reads, 510, "what the others have done is shown");
	is(rates_compute(&r, &now, &before), 0, "rates are computed when numbers are missing");
	ok(r.export[0].reads < 0 && r.process[0].operations < 0, "they are not known then");
	is(r.process[1].pid, 0, "a dead process has no process id");
	forget(&before, &now);
	forget(&none, &none);
}

static void test_empty(void)
{
	struct snapshot before = snapshot(1, "{}", "[]", "{'processes':7}");
	struct snapshot now = snapshot(2, "{'processes':[1,'x',{}]}", "7", "{'processes':[{}]}");
	static struct rates r;

	is(rates_compute(&r, &before, &now), 0, "answers of other shapes give no rates");
	is(r.n_processes, 3, "each process has a line");
	forget(&before, &now);
}

/* There are more exports than any arenad has. */
static void test_bounds(void)
{
	struct snapshot before = earlier(), now = later();
	struct sd_json_variant *exports = NULL;
	static struct rates r;

	for (unsigned int i = 0; i < RATES_EXPORTS + 1; i++)
		if (sd_json_variant_append_arraybo(&exports,
						   SD_JSON_BUILD_PAIR_STRING("name", "x")) < 0)
			bail("no memory");
	sd_json_variant_unref(now.part[SNAPSHOT_EXPORTS]);
	now.part[SNAPSHOT_EXPORTS] = NULL;
	if (sd_json_buildo(&now.part[SNAPSHOT_EXPORTS],
			   SD_JSON_BUILD_PAIR_VARIANT("exports", exports)) < 0)
		bail("no memory");
	is(rates_compute(&r, &before, &now), 0, "rates of too many exports are computed");
	is(r.n_exports, RATES_EXPORTS, "those beyond what there is room for are left out");
	sd_json_variant_unref(exports);
	forget(&before, &now);
}

static void test_rows(void)
{
	struct latency_table t = { 0 };
	char text[256];
	int ret = 0;

	for (unsigned int i = 0; i < 5000 && !ret; i++) {
		struct sd_json_variant *v;

		snprintf(text, sizeof(text), "{'export':'%u','operation':'read','count':1}", i);
		v = parse(text);
		ret = latency_table_add(&t, "np", v, NULL);
		/* The names belong to the answer, which is gone here. */
		for (size_t k = 0; k < t.n; k++)
			t.row[k].export = "";
		t.row[t.n - 1].operation = "none";
		sd_json_variant_unref(v);
	}
	is(ret, -E2BIG, "a table has no more rows than any arenad needs");
	free(t.row);
}

static void put_export(struct rates *r, const char *name, double bytes, int64_t p99_ns)
{
	struct export_rates *e = &r->export[r->n_exports++];

	*e = (struct export_rates){ .bytes_in = bytes / 2, .bytes_out = bytes / 2 };
	e->np.p99_ns = p99_ns;
	strcpy(e->name, name);
}

/* Are the exports in the order of these letters? */
static bool is_order(const struct rates *r, const char *letters)
{
	for (size_t i = 0; i < r->n_exports; i++)
		if (r->export[i].name[0] != letters[i])
			return false;
	return true;
}

static void test_order(void)
{
	static struct rates r;

	put_export(&r, "c", 10, RATE_UNKNOWN);
	put_export(&r, "b", 30, 500);
	put_export(&r, "d", 10, RATE_UNKNOWN);
	put_export(&r, "a", 20, 700);
	rates_sort(&r, RATES_BY_NAME);
	ok(is_order(&r, "abcd"), "exports are sorted by name");
	rates_sort(&r, RATES_BY_THROUGHPUT);
	ok(is_order(&r, "bacd"), "the one with most traffic is the first one");
	rates_sort(&r, RATES_BY_P99);
	ok(is_order(&r, "abcd"), "the one with the longest times is the first one, and those "
	   "without requests are the last ones");
}

int main(void)
{
	test_exports();
	test_processes();
	test_negative();
	test_unknown();
	test_empty();
	test_bounds();
	test_rows();
	test_order();
	return done_testing();
}

#endif /* WITHOUT_VARLINK */
