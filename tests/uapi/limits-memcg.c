// SPDX-License-Identifier: MIT
/*
 * Goal: the page tables that an export needs are charged to the memory cgroup of the
 * process that exports. When its memory.max is reached, the export fails and leaves
 * nothing behind.
 *
 * timeout: 300
 */
#include "views.h"

#include <sys/klog.h>

#define NAME "test-memcg"
#define ROOT "/sys/fs/cgroup"
#define GROUP ROOT "/test-msharearena"
#define PAGES 256	/* 2 MiB apart: a table for each, in each of two views */

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int ret = fd < 0 || write(fd, text, strlen(text)) < 0 ? -errno : 0;

	close(fd);
	return ret;
}

static void must_write(const char *path, const char *text)
{
	int ret = write_file(path, text);

	if (ret)
		bail("%s: %s", path, strerror(-ret));
}

static long stat_of(const char *dir, const char *name)
{
	char path[128], key[64];
	long value, found = -1;
	FILE *f;

	snprintf(path, sizeof(path), "%s/memory.stat", dir);
	f = fopen(path, "re");
	while (f && fscanf(f, "%63s %ld", key, &value) == 2)
		if (!strcmp(key, name))
			found = value;
	if (!f || found < 0)
		bail("%s has no %s", path, name);
	fclose(f);
	return found;
}

/* The kernel counts in batches, so the value may be late and not quite exact. */
static bool falls_below(const char *dir, const char *name, long limit)
{
	for (int ms = 0; ms < 30000; ms++) {
		if (stat_of(dir, name) < limit)
			return true;
		usleep(1000);
	}
	return false;
}

static bool have_memory_controller(void)
{
	char text[256] = "";
	int fd = open(ROOT "/cgroup.controllers", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || read(fd, text, sizeof(text) - 1) < 0)
		text[0] = '\0';
	close(fd);
	return strstr(text, "memory");
}

/* ---- in the cgroup: one page is exported again and again, to offsets far apart ---- */

static char *small_page;

static int export_at(int fd, unsigned int i)
{
	return view_export(fd, small_page, SZ_4K, i * SZ_2M);
}

/* Export up to @n pages from @first on; returns how many succeeded. */
static unsigned int export_some(unsigned int first, unsigned int n, int *ret)
{
	int fd = view_open(NAME, "rw", O_RDWR);
	unsigned int i;

	*ret = 0;
	for (i = 0; i < n && !*ret; i++)
		*ret = export_at(fd, first + i);
	close(fd);
	return *ret ? i - 1 : i;
}

/* fn() in the cgroup, by a process that nobody kills for its memory. */
static int in_group(int (*fn)(void))
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		must_write(GROUP "/cgroup.procs", "0");
		must_write("/proc/self/oom_score_adj", "-1000");
		mlockall(MCL_CURRENT);
		_exit(fn());
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int fill_region(void)
{
	int ret;

	return export_some(0, PAGES, &ret) == PAGES && !ret ? 0 : 1;
}

static void test_charged(int fd)
{
	long before = stat_of(GROUP, "pagetables"), outside = view_region(fd).table_bytes;
	long tables, charged;

	is(in_group(fill_region), 0, "a process in the cgroup exports a page %d times", PAGES);
	tables = view_region(fd).table_bytes - outside;
	charged = stat_of(GROUP, "pagetables") - before;
	ok(tables >= 2 * PAGES * 4096L,
	   "the exports in the cgroup need %ld KiB of page tables", tables >> 10);
	ok(charged > tables / 4 * 3 && charged < tables / 4 * 5,
	   "the cgroup is charged with %ld KiB of page tables after the process ended",
	   charged >> 10);
}

static void test_not_charged(void)
{
	long before = stat_of(GROUP, "pagetables");

	is(fill_region(), 0, "a process outside of the cgroup exports as much");
	ok(stat_of(GROUP, "pagetables") - before < PAGES * 4096L / 2,
	   "page tables of exports outside of the cgroup are not charged to it");
}

/* ---- at the limit ---- */

/*
 * The kernel says with a call trace that it found nobody to kill. That is what
 * is meant to happen here, so it does not stay in the log; all else does, since
 * it is looked for before.
 */
static void log_begin(void)
{
	must_write("/sys/module/printk/parameters/ignore_loglevel", "N");
	klogctl(8, NULL, 1);
}

static void log_end(void)
{
	is(system("f=$(mktemp) && sed -E '/^(#|$|Call Trace)/d' tests/vm/dmesg-bad >$f && "
		  "! dmesg --notime | sed '1,/harness: .*begins/d' | grep -aE -f $f; "
		  "ret=$?; rm $f; exit $ret"), 0,
	   "the kernel's log has nothing but that there was no memory");
	klogctl(5, NULL, 0);
	klogctl(8, NULL, 7);
	must_write("/sys/module/printk/parameters/ignore_loglevel", "Y");
}

/* Shared with the child. */
static struct {
	unsigned int n;
	int ret;
} *outcome;

static int fill_until_full(void)
{
	outcome->n = export_some(0, 512, &outcome->ret);
	return 0;
}

static int go_on(void)
{
	int ret;

	return export_some(outcome->n, 16, &ret) == 16 ? 0 : 1;
}

static bool all_there(const char *base, unsigned int n)
{
	uint64_t value;

	for (unsigned int i = 0; i < n; i++)
		if (try_load(base + i * SZ_2M, &value) || value != 4711)
			return false;
	return true;
}

static void test_full(int fd)
{
	char limit[32];
	uint64_t value;
	char *base;

	snprintf(limit, sizeof(limit), "%ld", read_long(GROUP "/memory.current") + (1L << 20));
	must_write(GROUP "/memory.max", limit);
	log_begin();
	is(in_group(fill_until_full), 0, "a process exports in a cgroup of %s bytes", limit);
	log_end();
	is(outcome->ret, -ENOMEM, "an export in a full cgroup gives ENOMEM");
	ok(outcome->n > 16 && outcome->n < 512,
	   "exports in a small cgroup fail after %u of them", outcome->n);
	is(view_region(fd).exported, outcome->n * SZ_4K,
	   "GET_REGION counts each export that succeeded in a small cgroup");
	base = attach(fd, PROT_READ);
	ok(base && all_there(base, outcome->n),
	   "each page that was exported in a small cgroup is there");
	is(try_load(base + outcome->n * SZ_2M, &value), SIGBUS,
	   "the export that failed in a small cgroup has brought nothing in");
	must_write(GROUP "/memory.max", "max");
	is(in_group(go_on), 0, "exports succeed after memory.max was raised");
	ok(all_there(base, outcome->n + 16), "each page is there after memory.max was raised");
	munmap(base, WINDOW);
}

static void with_region(void (*test)(int fd))
{
	long free = pages_free(SZ_4K);
	int fd;

	region_anew(NAME, SZ_4K, SZ_1G);
	fd = view_open(NAME, "rw", O_RDWR);
	test(fd);
	close(fd);
	region_unlink(NAME);
	is(pages_free(SZ_4K), free, "no page is pinned after the region ended");
	ok(falls_below(GROUP, "pagetables", 300 << 10),
	   "the cgroup is not charged with page tables after the region ended");
}

static void test_outside(int fd)
{
	(void)fd;
	test_not_charged();
}

int main(void)
{
	if (!have_memory_controller()) {
		skip("no cgroup2 with the memory controller at " ROOT);
		return done_testing();
	}
	must_write(ROOT "/cgroup.subtree_control", "+memory");
	if (mkdir(GROUP, 0755))
		bail("mkdir " GROUP ": %s", strerror(errno));
	/* This memory is touched before the cgroup is limited. */
	small_page = donor(SZ_4K, SZ_4K);
	outcome = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	*(volatile uint64_t *)small_page = 4711;
	outcome->n = 0;
	with_region(test_charged);
	with_region(test_outside);
	with_region(test_full);
	for (int ms = 0; ms < 10000 && rmdir(GROUP); ms++)
		usleep(1000);
	return done_testing();
}
