// SPDX-License-Identifier: MIT
/*
 * A fuzzer of the device. A controller draws one random operation after the other, and one
 * of several processes executes it. The result, and from time to time everything that each
 * process sees, is compared with a model. The operations are a function of the seed alone
 * and do not depend on how often everything is compared.
 */
#include "fuzz.h"

#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>

#define LAST	40	/* operations that the report of a failure has */

#define OP(name, weight)	{ #name, weight, op_##name, false }
#define REFUSED(name, weight)	{ #name, weight, op_##name, true }

static const struct operation {
	const char *name;
	unsigned int weight;
	void (*run)(void);
	bool refused;		/* the operation must always be refused */
} operations[] = {
	OP(create, 24),
	OP(unlink, 8),
	OP(add_view, 16),
	OP(info, 3),
	OP(chmod, 4),
	OP(limits, 2),
	OP(open, 50),
	OP(reopen, 8),
	OP(close, 16),
	OP(dup, 6),
	OP(pass, 8),
	OP(read, 8),
	OP(describe, 14),
	OP(fdinfo, 6),
	OP(next, 10),
	OP(poll, 16),
	OP(wait, 16),
	REFUSED(garbage, 8),
	OP(export, 44),
	OP(drop_donor, 8),
	OP(abuse_donor, 10),
	OP(busy, 40),
	OP(attach, 90),
	OP(detach, 16),
	OP(squat, 4),
	OP(unmap_part, 10),
	OP(map_over, 8),
	OP(remap, 12),
	REFUSED(protect, 12),
	OP(advise, 24),
	OP(lock, 12),
	OP(policy, 12),
	OP(userfault, 6),
	OP(seal, 4),
	OP(touch, 50),
	OP(copy, 24),
	OP(hold, 24),
	OP(release, 16),
	OP(foreign, 12),
	OP(futex, 8),
	OP(fork, 10),
	OP(exec, 4),
	OP(kill, 6),
	OP(look, 24),
	OP(machine, 3),
	OP(storm, 6),
	OP(ring, 30),
	OP(publish, 24),
	OP(flood, 3),
	OP(withdraw, 10),
	OP(take, 24),
	OP(message, 8),
	OP(buffers, 24),
};

#define OPERATIONS ARRAY_LEN(operations)

static struct {
	uint64_t seed;
	uint64_t number;		/* the number of the operation, from 1 */
	uint64_t limit;			/* the last operation, 0: no limit */
	int64_t end_ms;
	unsigned int every;		/* compare everything after so many operations */
	bool verbose;
	struct rng rng;
	const struct operation *op;
	char notes[LAST][512];
	size_t length;			/* the length of the current note */
	bool empty;			/* the operation was not possible */
	bool checked;			/* a result was compared */
	struct {
		uint64_t done, passed, refused;
		int64_t ms;
	} count[OPERATIONS];
	int64_t check_ms;
} run;

/* ---- this operation ---- */

uint64_t rnd64(void)
{
	return rng_next(&run.rng);
}

uint64_t rnd(uint64_t n)
{
	return rng_below(&run.rng, n);
}

bool one_in(unsigned int n)
{
	return rnd(n) == 0;
}

uint64_t op_number(void)
{
	return run.number;
}

uint64_t op_value(void)
{
	static uint64_t n;

	return run.number << 16 | (++n & 0xffff);
}

void note(const char *fmt, ...)
{
	char *text = run.notes[run.number % LAST];
	size_t room = sizeof(run.notes[0]) - run.length;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text + run.length, room, fmt, ap);
	va_end(ap);
	if (n > 0)
		run.length += (size_t)n < room ? (size_t)n : room - 1;
}

void nothing_to_do(void)
{
	run.empty = true;
}

static void print_last(void)
{
	uint64_t first = run.number < LAST ? 0 : run.number - LAST + 1;

	printf("# the last operations:\n");
	for (uint64_t i = first; i <= run.number; i++)
		if (run.notes[i % LAST][0])
			printf("#   %6" PRIu64 " %s\n", i, run.notes[i % LAST]);
}

/* ---- the machine, before and after ---- */

static struct {
	char thp[16];
	int64_t ksm;
} before;

/* Save the setting in brackets, as in "always [madvise] never". */
static void save_machine(void)
{
	FILE *f = fopen(THP_ENABLED, "re");
	char line[64];
	char *word;

	before.ksm = read_number(KSM_RUN);
	if (!f)
		return;
	word = fgets(line, sizeof(line), f) ? strchr(line, '[') : NULL;
	if (word)
		snprintf(before.thp, sizeof(before.thp), "%.*s", (int)strcspn(word + 1, "]"),
			 word + 1);
	fclose(f);
}

static void restore_machine(void)
{
	write_file(THP_ENABLED, before.thp);
	write_file(KSM_RUN, before.ksm > 0 ? "1" : "0");
}

/* Unlink a region, as its name would keep it and the module after all processes ended. */
static int64_t unlink_region(const struct region *r)
{
	struct msharearena_unlink u = { .size = sizeof(u) };
	char path[128];
	int64_t ret;
	int fd;

	snprintf(path, sizeof(path), "/dev/mshare/%s/ro", r->name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ret = ioctl(fd, MSHAREARENA_UNLINK, &u) ? -errno : 0;
	close(fd);
	return ret;
}

static void unlink_all(void)
{
	for (unsigned int i = 0; i < REGIONS; i++)
		if (model.region[i].live && model.region[i].linked)
			unlink_region(&model.region[i]);
}

void fail(const char *fmt, ...)
{
	va_list ap;

	print_last();
	printf("# after operation %" PRIu64 " (%s) of SEED=%" PRIu64 ":\n# ", run.number,
	       run.op ? run.op->name : "none", run.seed);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n# again: --seed %" PRIu64 " --ops %" PRIu64 "\n", run.seed, run.number);
	fflush(stdout);
	for (unsigned int w = 0; w < WORKERS; w++)
		if (model.worker[w].pid > 0)
			kill(model.worker[w].pid, SIGKILL);
	unlink_all();
	while (wait(NULL) > 0)
		;
	restore_machine();
	exit(1);
}

/* ---- expectations ---- */

void want(struct want *x, int error, bool reason)
{
	if (!reason)
		return;
	if (x->n == ARRAY_LEN(x->error))
		fail("too many errors are expected");
	x->error[x->n++] = error;
}

bool check_result(struct want *x, int64_t result)
{
	char text[256] = "success";
	size_t at = 0;

	note(" = %" PRId64, result);
	run.checked = true;
	x->got = result < 0 ? (int)-result : 0;
	if (result >= 0 && (!x->n || x->may_pass)) {
		run.count[run.op - operations].passed++;
		return true;
	}
	for (unsigned int i = 0; result < 0 && i < x->n; i++)
		if (x->error[i] == -result) {
			run.count[run.op - operations].refused++;
			return false;
		}
	for (unsigned int i = 0; i < x->n && at < sizeof(text); i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%s", i ? " or " : "",
				       strerrorname_np(x->error[i]));
	fail("the answer is %" PRId64 " (%s); want %s%s", result,
	     result < 0 ? strerrorname_np((int)-result) : "success", text,
	     x->n && x->may_pass ? " or success" : "");
}

/* ---- the run ---- */

static const struct operation *draw_operation(void)
{
	unsigned int total = 0;
	uint64_t at;
	size_t i;

	for (i = 0; i < OPERATIONS; i++)
		total += operations[i].weight;
	at = rnd(total);
	for (i = 0; at >= operations[i].weight; i++)
		at -= operations[i].weight;
	return &operations[i];
}

static void step(void)
{
	int64_t began;

	run.number++;
	run.length = 0;
	run.empty = false;
	run.checked = false;
	run.notes[run.number % LAST][0] = '\0';
	run.rng = rng_for(run.seed, run.number);
	run.op = draw_operation();
	run.count[run.op - operations].done++;
	began = now_ms();
	run.op->run();
	run.count[run.op - operations].ms += now_ms() - began;
	run.count[run.op - operations].passed += !run.empty && !run.checked;
	if (run.verbose && !run.empty) {
		printf("# %" PRIu64 " %s\n", run.number, run.notes[run.number % LAST]);
		fflush(stdout);
	}
	if (run.empty)
		note(" (nothing to do)");
	if (run.number % run.every)
		return;
	began = now_ms();
	check_all();
	run.check_ms += now_ms() - began;
}

static void set_pool(uint64_t size, unsigned int *pages, unsigned int wanted)
{
	char path[96];
	FILE *f;

	snprintf(path, sizeof(path),
		 "/sys/kernel/mm/hugepages/hugepages-%" PRIu64 "kB/nr_hugepages", size >> 10);
	f = fopen(path, "we");
	if (f && wanted) {
		fprintf(f, "%u\n", wanted);
		fclose(f);
	}
	*pages = (unsigned int)read_number(path);
}

static void begin(void)
{
	static const struct user users[USERS] = {
		{ .uid = 0, .exempt = true }, { .uid = 1234 }, { .uid = 2345 },
	};
	static const unsigned int user_of[WORKERS] = { 0, 0, 0, 1, 2 };

	/* An earlier run that failed may not have ended completely. */
	for (int i = 0; i < 500 && module_users() > 0; i++)
		usleep(10000);
	if (geteuid() || module_users())
		fail("needs root, the module, and that nobody else uses it (%" PRId64 " users)",
		     module_users());
	save_machine();
	write_file(THP_ENABLED, "madvise");
	memcpy(model.user, users, sizeof(users));
	model.memlock = 8 * SZ_2M;
	set_pool(SZ_2M, &model.pool_2m, 64);
	set_pool(SZ_1G, &model.pool_1g, 0);
	check_pools();
	for (unsigned int w = 0; w < WORKERS; w++) {
		struct worker *k = &model.worker[w];

		k->user = user_of[w];
		k->uid = users[k->user].uid;
		k->gid = k->uid ? 1234 : 0;
		k->root = !k->uid;
		worker_start(w);
	}
	learn_buffers();
	op_limits();
}

/* End all processes and regions. Nothing may be left. */
static void end(void)
{
	int64_t patience = now_ms() + 10000;

	check_all();
	run.number++;
	run.length = 0;
	note("the end");
	for (unsigned int w = 1; w < WORKERS; w++)
		worker_kill(w);
	for (unsigned int i = 0; i < REGIONS; i++)
		if (model.region[i].live && model.region[i].linked) {
			check_result(&(struct want){ 0 }, unlink_region(&model.region[i]));
			model.region[i].linked = false;
		}
	worker_end(0);
	if (model.used_2m || model.used_1g)
		fail("the model has pages left");
	check_pools();
	while (module_users() && now_ms() < patience)
		usleep(10000);
	if (module_users())
		fail("the module has %" PRId64 " users left", module_users());
	restore_machine();
}

/*
 * An operation that never succeeded, or was never refused where it should be, tests
 * nothing. In a long run that is a failure of the fuzzer.
 */
static void report(double seconds)
{
	unsigned int idle = 0;

	printf("# %-12s %8s %8s %8s %8s\n", "operation", "drawn", "passed", "refused", "ms");
	for (size_t i = 0; i < OPERATIONS; i++) {
		printf("# %-12s %8" PRIu64 " %8" PRIu64 " %8" PRIu64 " %8" PRId64 "\n",
		       operations[i].name, run.count[i].done, run.count[i].passed,
		       run.count[i].refused, run.count[i].ms);
		idle += run.count[i].done > 300 &&
			!(operations[i].refused ? run.count[i].refused : run.count[i].passed);
	}
	printf("# comparing everything took %" PRId64 " ms\n", run.check_ms);
	printf("# %" PRIu64 " operations in %.1f s, %.0f a second\n", run.number, seconds,
	       (double)run.number / seconds);
	if (idle)
		fail("%u operations never passed", idle);
}

static void usage(void)
{
	printf("Usage: fuzz [--seed N] [--seconds S] [--ops N] [--every N] [--verbose]\n"
	       "  --seed N     what is done is a function of it alone (default: the clock)\n"
	       "  --seconds S  how long (default 60, or without end with --ops)\n"
	       "  --ops N      end after operation N\n"
	       "  --every N    compare everything after so many operations (default 24)\n"
	       "  --verbose    print each operation\n");
	exit(2);
}

static void parse(int argc, char **argv)
{
	int64_t seconds = -1;

	run.seed = (uint64_t)time(NULL);
	run.every = 24;
	for (int i = 1; i < argc; i++) {
		const char *name = argv[i];
		uint64_t value;

		if (!strcmp(name, "--verbose")) {
			run.verbose = true;
			continue;
		}
		if (i + 1 == argc)
			usage();
		value = strtoull(argv[++i], NULL, 0);
		if (!strcmp(name, "--seed"))
			run.seed = value;
		else if (!strcmp(name, "--seconds"))
			seconds = (int64_t)value;
		else if (!strcmp(name, "--ops"))
			run.limit = value;
		else if (!strcmp(name, "--every") && value)
			run.every = (unsigned int)value;
		else
			usage();
	}
	if (seconds < 0)
		seconds = run.limit ? 1000000 : 60;
	run.end_ms = now_ms() + seconds * 1000;
}

int main(int argc, char **argv)
{
	struct utsname machine;
	int64_t began;

	if (argc >= 3 && !strcmp(argv[1], "--worker"))
		worker_main(atoi(argv[2]));
	parse(argc, argv);
	uname(&machine);
	printf("# fuzz: SEED=%" PRIu64 ", Linux %s\n", run.seed, machine.release);
	fflush(stdout);
	run.op = operations;
	run.rng = rng_for(run.seed, 0);
	begin();
	began = now_ms();
	while (now_ms() < run.end_ms && (!run.limit || run.number < run.limit))
		step();
	end();
	report((double)(now_ms() - began) / 1000);
	printf("# fuzz: good\n");
	return 0;
}
