// SPDX-License-Identifier: MIT
/* vm: long, vm: once */
/*
 * Goal: no process sees a wrong byte while leaves are demoted and promoted all the time and
 * processes store, load and verify, attach, detach, are killed, read and write a disk, and
 * the region grows. SEED in the environment repeats the random choices of a run; $VM_DISK0
 * names a disk that may be overwritten.
 * timeout: 900
 */
#include "promote.h"

#define NAME "test-pstorm"
#define RW (PROT_READ | PROT_WRITE)
#define PROMOTIONS 100
#define ROUNDS 60
#define IO (64 * 1024UL)

/* Each kind of process checks in its own way, and ends only if something is wrong. */
enum { WRITER, READER, MIXED_READER, COMER, DISK, KINDS };
static const char *const kinds[KINDS] = { "writer", "reader", "reader of a mixed view",
					  "comer and goer", "reader of a disk" };
#define PROCESSES 7
static const int kind_of[PROCESSES] = { WRITER, WRITER, READER, MIXED_READER, COMER, COMER,
					DISK };

static unsigned int seed;
static char *base;

static char *attach_view(const char *view, bool writable)
{
	int fd = view_open(NAME, view, writable ? O_RDWR : O_RDONLY);
	char *p = fd < 0 ? NULL : attach(fd, writable ? RW : PROT_READ);

	if (!p)
		_exit(10);
	close(fd);
	return p;
}

/*
 * Writer @w owns word 8 + w of every small page. It stores its number, the page and how
 * often it has stored there, remembers that, and must find it again.
 */
#define PAGES ((SZ_1G - SZ_2M) / SZ_4K)

static uint64_t word(int w, uint64_t page, uint64_t n)
{
	return (uint64_t)w << 56 | page << 32 | n;
}

static volatile uint64_t *word_at(char *p, int w, uint64_t page)
{
	return (volatile uint64_t *)(p + page * SZ_4K) + 8 + w;
}

__attribute__((noreturn))
static void writer(int w, unsigned int mine)
{
	char *p = attach_view("rw", true);
	static uint32_t stored[PAGES];

	/* A writer that was killed before left values: clear them. */
	for (uint64_t i = 0; i < PAGES; i++)
		*word_at(p, w, i) = word(w, i, 0);
	for (;;) {
		uint64_t at = rand_r(&mine) % PAGES, look = rand_r(&mine) % PAGES;

		*word_at(p, w, at) = word(w, at, ++stored[at]);
		if (*word_at(p, w, look) != word(w, look, stored[look]))
			_exit(11);
		if (*word_at(p, w, at) != word(w, at, stored[at]))
			_exit(12);
	}
}

/* Every word must be 0 or name its own writer and page. */
__attribute__((noreturn))
static void reader(const char *view, unsigned int mine)
{
	char *p = attach_view(view, !strcmp(view, "mixed"));

	for (;;) {
		uint64_t page = rand_r(&mine) % PAGES;

		for (int w = 0; w < 2; w++) {
			uint64_t v = *word_at(p, w, page);

			if (v && v >> 32 != word(w, page, 0) >> 32)
				_exit(13);
		}
	}
}

__attribute__((noreturn))
static void comer(unsigned int mine)
{
	for (;;) {
		char *p = attach_view(rand_r(&mine) % 2 ? "rw" : "ro", false);

		for (int i = 0; i < 200; i++) {
			uint64_t page = rand_r(&mine) % PAGES, v = *word_at(p, 0, page);

			if (v && v >> 32 != page)
				_exit(14);
		}
		if (rand_r(&mine) % 8 == 0 && peer_read_file("/proc/self/smaps") < 0)
			_exit(15);
		if (munmap(p, WINDOW))
			_exit(16);
	}
}

/* It uses the last 2 MiB of the first GiB, where the writers have no words. */
__attribute__((noreturn))
static void disk(unsigned int mine)
{
	int fd = open(getenv("VM_DISK0"), O_RDWR | O_DIRECT | O_CLOEXEC);
	char *p = attach_view("rw", true) + SZ_1G - SZ_2M;
	char *copy = aligned_alloc(SZ_4K, IO);
	ssize_t n;

	for (;;) {
		/* I/O may have to be repeated if a table changes while the kernel pins. */
		char *at = p + rand_r(&mine) % 8 * IO;

		memset(copy, rand_r(&mine), IO);
		if (pwrite(fd, copy, IO, 0) != IO)
			_exit(17);
		do
			n = pread(fd, at, IO, 0);
		while (n < 0 && errno == EFAULT);
		if (n != IO || memcmp(at, copy, IO))
			_exit(18);
	}
}

static pid_t start(int i)
{
	unsigned int mine = rand_r(&seed);
	pid_t pid = fork();

	if (pid)
		return pid;
	munmap(base, WINDOW);
	if (kind_of[i] == WRITER)
		writer(i, mine);
	if (kind_of[i] == COMER)
		comer(mine);
	if (kind_of[i] == DISK)
		disk(mine);
	reader(kind_of[i] == READER ? "ro" : "mixed", mine);
}

/* A process that ended by itself has found an error, unlike one that was killed. */
static int judge(pid_t pid, int i)
{
	int status;

	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
		return 0;
	diag("a %s ended with status 0x%x", kinds[kind_of[i]], status);
	return 1;
}

/* Demote leaves, let them be promoted, kill processes meanwhile, and grow the region once. */
static int storm(int fd, pid_t *pids)
{
	int bad = 0, rounds = 0;
	char path[64];

	while (!bad && (rounds < ROUNDS || (view_region(fd).promotions < PROMOTIONS &&
					    rounds < 100 * ROUNDS))) {
		int i = rand_r(&seed) % PROCESSES;

		snprintf(path, sizeof(path), "/proc/%d/%s", pids[i],
			 rand_r(&seed) % 2 ? "smaps" : "numa_maps");
		peer_read_file(path);
		usleep(rand_r(&seed) % 50000);
		if (++rounds % 8 == 0) {
			bad += judge(pids[i], i);
			pids[i] = start(i);
		}
		if (rounds == 20)
			bad += donate(fd, SZ_1G, SZ_1G, 3 * SZ_1G) != 0;
	}
	diag("%d rounds, %llu demotions, %llu promotions", rounds,
	     (unsigned long long)view_region(fd).demotions,
	     (unsigned long long)view_region(fd).promotions);
	return bad;
}

int main(int argc, char **argv)
{
	const char *env = getenv("SEED");
	pid_t pids[PROCESSES];
	long before, delay;
	int fd, bad;

	peer_main(argc, argv);
	seed = env ? strtoul(env, NULL, 0) : (unsigned int)time(NULL);
	diag("SEED=%u repeats this run's choices", seed);
	need_1g(2);
	if (!getenv("VM_DISK0"))
		bail("set VM_DISK0 to a disk that may be overwritten");
	before = pages_free(SZ_1G);
	delay = set_param("promote_delay_ms", 5);
	region_anew(NAME, SZ_1G, 4 * SZ_1G);
	fd = view_open(NAME, "rw", O_RDWR);
	is(donate(fd, SZ_1G, SZ_1G, 0), 0, "a region of 1 GiB pages gets memory");
	is(layout_add(NAME, "mixed", "rwrw", SZ_1G), 0,
	   "a view with read-only and writable pages is added");
	base = attach(fd, RW);
	for (int i = 0; i < PROCESSES; i++)
		pids[i] = start(i);
	bad = storm(fd, pids);
	for (int i = 0; i < PROCESSES; i++)
		bad += judge(pids[i], i);
	is(bad, 0, "no process has seen a wrong byte in the storm");
	ok(view_region(fd).promotions >= PROMOTIONS,
	   "at least %d leaves are promoted in the storm", PROMOTIONS);
	ok(all_promoted(fd), "all leaves are promoted after the storm");
	fill(base + 3 * SZ_1G, SZ_1G, 5);
	ok(filled(base + 3 * SZ_1G, SZ_1G, 5),
	   "memory that was exported in the storm has its content");
	munmap(base, WINDOW);
	region_unlink(NAME);
	close(fd);
	for (int ms = 0; ms < 20000 && pages_free(SZ_1G) != before; ms++)
		usleep(1000);
	is(pages_free(SZ_1G), before, "all pages are free at the end");
	set_param("promote_delay_ms", delay);
	return done_testing();
}
