// SPDX-License-Identifier: MIT
/* vm: long, vm: once */
/*
 * Goal: observing how a process uses its memory never changes what any process sees. Every
 * file of /proc that walks page tables is read, of the process itself and of another one,
 * and calls and samplers that walk them are used. Some of these split leaves of 1 GiB or
 * clear bits of entries.
 * timeout: 600
 */
#include "witness.h"

#include <linux/fs.h>
#include <linux/perf_event.h>

#define NAME "test-observe"
#define RW (PROT_READ | PROT_WRITE)

static const char *const files[] = {
	"maps", "smaps", "smaps_rollup", "numa_maps", "status", "stat", "statm",
};

/* Two processes read these files of themselves and of each other. */
static void test_files(void)
{
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		struct peer_msg own = { .op = PEER_READ_FILE };
		struct peer_msg mine = { .op = PEER_READ_FILE };
		char path[64];

		snprintf(own.text, sizeof(own.text), "/proc/self/%s", files[i]);
		snprintf(mine.text, sizeof(mine.text), "/proc/%d/%s", getpid(), files[i]);
		snprintf(path, sizeof(path), "/proc/%d/%s", other.pid, files[i]);
		ok(peer_read_file(own.text) > 0 && peer_read_file(path) > 0 &&
		   peer_call(&other, own) > 0 && peer_call(&other, mine) > 0,
		   "two processes read their own %s and each other's", files[i]);
		unhurt(files[i]);
	}
}

static int pagemap(void)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		bail("pagemap: %s", strerror(errno));
	return fd;
}

static void test_pagemap(void)
{
	static uint64_t entries[SZ_2M / 4096 * 3];
	int fd = pagemap();
	uint64_t some = 0;

	is(pread(fd, entries, sizeof(entries), (uintptr_t)base / 4096 * 8), sizeof(entries),
	   "pagemap of the region can be read");
	for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++)
		some |= entries[i];
	/* Bit 55, soft-dirty, is a property of the mapping. */
	is(some & ~(1ULL << 55), 0, "pagemap shows no page of the region");
	close(fd);
	unhurt("reading pagemap");
}

/* PAGEMAP_SCAN can write-protect the pages that it reports, if userfaultfd is registered. */
static void test_pagemap_scan(void)
{
	struct page_region found[8];
	int fd = pagemap(), reported = 0;

	for (int flags = 0; flags < 4; flags++) {
		for (int mask = 0; mask < 256; mask++) {
			struct pm_scan_arg arg = {
				.size = sizeof(arg),
				.flags = flags,
				.start = (uintptr_t)base,
				.end = (uintptr_t)base + bytes + SZ_2M,
				.vec = (uintptr_t)found,
				.vec_len = 8,
				.category_mask = mask & 1 ? mask : 0,
				.category_anyof_mask = mask & 1 ? 0 : mask,
				.return_mask = 255,
			};

			reported += ioctl(fd, PAGEMAP_SCAN, &arg) > 0;
		}
	}
	is(reported, 0, "1024 scans of the region's pagemap find nothing");
	close(fd);
	unhurt("PAGEMAP_SCAN");
}

/* Writing clears accessed and soft-dirty bits, or the peak of the RSS. */
static void test_clear_refs(void)
{
	char path[64];
	int pids[2] = { getpid(), other.pid }, bad = 0;

	for (int i = 0; i < 2; i++) {
		int fd;

		snprintf(path, sizeof(path), "/proc/%d/clear_refs", pids[i]);
		fd = open(path, O_WRONLY | O_CLOEXEC);
		for (char c = '1'; c <= '5'; c++)
			bad += write(fd, &c, 1) != 1;
		close(fd);
	}
	is(bad, 0, "clear_refs accepts 1 to 5 for two processes");
	unhurt("clear_refs");
}

static void test_mincore(void)
{
	static unsigned char vec[SZ_1G / 4096];
	bool called = true;

	for (uint64_t at = 0; at < bytes + SZ_2M; at += SZ_1G)
		called &= !mincore(base + at, bytes < SZ_1G ? bytes + SZ_2M : SZ_1G, vec);
	called &= !mincore(base + WINDOW - SZ_1G, SZ_1G, vec);
	ok(called, "mincore returns for the region");
	unhurt("mincore");
}

/* ---- DAMON samples by clearing accessed bits, and acts on what it finds ---- */

#define DAMON "/sys/kernel/mm/damon/admin/kdamonds/"

__attribute__((format(printf, 2, 3)))
static bool set(const char *file, const char *fmt, ...)
{
	char path[160], text[64];
	va_list ap;
	bool good;
	FILE *f;

	snprintf(path, sizeof(path), "%s%s", DAMON, file);
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	f = fopen(path, "we");
	if (!f)
		return false;
	good = fputs(text, f) >= 0;
	return !fclose(f) && good;
}

#define CTX "0/contexts/0/"
#define SCHEME CTX "schemes/0/"

/* Two processes are targets, with all of the region's memory. */
static bool damon_setup(const char *action)
{
	int pids[2] = { getpid(), other.pid };
	bool good = set("nr_kdamonds", "1") && set("0/contexts/nr_contexts", "1") &&
		    set(CTX "operations", "vaddr") &&
		    set(CTX "monitoring_attrs/intervals/sample_us", "1000") &&
		    set(CTX "monitoring_attrs/intervals/aggr_us", "10000") &&
		    set(CTX "monitoring_attrs/intervals/update_us", "20000") &&
		    set(CTX "targets/nr_targets", "2") && set(CTX "schemes/nr_schemes", "1");

	for (int i = 0; good && i < 2; i++) {
		char file[96];

#define TARGET(name) (snprintf(file, sizeof(file), CTX "targets/%d/" name, i), file)
		good &= set(TARGET("pid_target"), "%d", pids[i]);
		good &= set(TARGET("regions/nr_regions"), "1");
		good &= set(TARGET("regions/0/start"), "%lu", (unsigned long)base);
		good &= set(TARGET("regions/0/end"), "%lu", (unsigned long)base + bytes);
#undef TARGET
	}
	return good && set(SCHEME "action", "%s", action) &&
	       set(SCHEME "access_pattern/sz/max", "%lu", WINDOW) &&
	       set(SCHEME "access_pattern/nr_accesses/max", "1000000") &&
	       set(SCHEME "access_pattern/age/max", "1000000");
}

/* A kernel that watches the whole machine by DAMON cannot have another watcher. */
static bool damon_stat(bool on)
{
	FILE *f = fopen("/sys/module/damon_stat/parameters/enabled", "r+e");
	bool was;

	if (!f)
		return false;
	was = fgetc(f) == 'Y';
	rewind(f);
	fputc(on ? 'Y' : 'N', f);
	fclose(f);
	return was;
}

static void test_damon(void)
{
	bool was = damon_stat(false);
	static const char *const actions[] = { "stat", "pageout", "cold", "willneed",
					       "hugepage", "nohugepage" };

	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
		if (!damon_setup(actions[i]) || !set("0/state", "on")) {
			skip("DAMON cannot watch with action %s: %s", actions[i], strerror(errno));
			continue;
		}
		for (int j = 0; j < 3; j++) {
			filled(base, bytes, WITNESS_SEED);
			usleep(30000);
		}
		ok(set("0/state", "off"), "DAMON watches the region with action %s", actions[i]);
		set("nr_kdamonds", "0");
		unhurt(actions[i]);
	}
	if (was)
		damon_stat(true);
}

/* perf reads the page size of a sample from the page tables without a lock. */
static void test_perf(void)
{
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.type = PERF_TYPE_SOFTWARE,
		.config = PERF_COUNT_SW_PAGE_FAULTS,
		.sample_period = 1,
		.sample_type = PERF_SAMPLE_ADDR | PERF_SAMPLE_DATA_PAGE_SIZE,
	};
	int fd = syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
	struct perf_event_mmap_page *ring;
	uint64_t v;

	if (fd < 0)
		bail("perf_event_open: %s", strerror(errno));
	ring = mmap(NULL, 2 * 4096, RW, MAP_SHARED, fd, 0);
	if (ring == MAP_FAILED)
		bail("mmap of perf's ring: %s", strerror(errno));
	/* A hole in a table of the module, one in the dead table, and a store to memory. */
	is(try_load(base + bytes, &v), SIGBUS, "perf sees a load from a hole");
	is(try_load(base + WINDOW - 8, &v), SIGBUS, "perf sees a load from the end of the window");
	ok(ring->data_head > 0, "perf has samples with page sizes");
	munmap(ring, 2 * 4096);
	close(fd);
	unhurt("perf");
}

static void test_size(uint64_t size)
{
	witness_begin(NAME, size);
	/* The first read allocates memory, which must not count. */
	PEER(other, .op = PEER_READ_FILE, .text = "/proc/self/stat");
	witness_status(other.pid, witness_books, sizeof(witness_books));
	test_pagemap();
	test_pagemap_scan();
	test_clear_refs();
	test_mincore();
	test_damon();
	test_perf();
	is(view_region(region).demotions, 0, "none of the first observers has demoted a leaf");
	test_files();
	is(!view_region(region).demotions, size != SZ_1G, size == SZ_1G ?
	   "reading smaps and similar files demotes leaves of 1 GiB" :
	   "reading smaps and similar files demotes no leaf");
	/* Once more, while leaves are demoted or being promoted. */
	test_pagemap();
	test_clear_refs();
	test_mincore();
	witness_end();
}

int main(int argc, char **argv)
{
	return test_each_size(argc, argv, 32, test_size);
}
