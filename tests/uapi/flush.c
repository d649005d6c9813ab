// SPDX-License-Identifier: MIT
/*
 * Goal: the module makes other CPUs flush their TLBs when that is necessary, and only then.
 * As long as no process has attached a region, no CPU can have cached a translation of it,
 * so neither an export nor the region's end may interrupt another CPU. After a process has
 * attached it, each export and the region's end must flush, also after the process has
 * detached: a CPU can keep translations of a process that does not run.
 * Method: functions of the module that run on other CPUs are counted.
 */
#include "tracing.h"

#include <sched.h>

#define NAME "test-flush"
#define RW (PROT_READ | PROT_WRITE)
#define EXPORTS 16

static int on_cpu(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return sched_setaffinity(0, sizeof(set), &set);
}

/* How often a CPU had to run a function of the module since the last call. */
static unsigned int interrupts(void)
{
	unsigned int n = trace_count("csd_function_entry", "[msharearena]");

	trace_forget();
	return n;
}

static int begin(uint64_t size)
{
	int fd;

	region_unlink(NAME);
	if (region_create(NAME, size, EXPORTS * size))
		bail("create");
	fd = view_open(NAME, "rw", O_RDWR);
	interrupts();
	return fd;
}

static void end(int fd)
{
	region_unlink(NAME);
	close(fd);
}

static void test_empty(uint64_t size)
{
	int fd = begin(size);

	end(fd);
	is(interrupts(), 0, "the end of a region that never had memory interrupts no CPU");
}

static void export_to(int fd, uint64_t size, unsigned int first, unsigned int n)
{
	for (unsigned int i = first; i < first + n; i++) {
		int ret = donate(fd, size, size, i * size);

		if (ret)
			bail("export: %s", strerror(-ret));
	}
}

static void test_never_attached(uint64_t size)
{
	int fd = begin(size);

	export_to(fd, size, 0, EXPORTS);
	is(interrupts(), 0, "%d exports to a region that was never attached interrupt no CPU",
	   EXPORTS);
	end(fd);
	is(interrupts(), 0, "the end of a region that was never attached interrupts no CPU");
}

/* An empty region cannot be attached, so the first memory is exported before. */
static void test_attached(uint64_t size)
{
	int fd = begin(size);
	char *base;

	export_to(fd, size, 0, 1);
	base = attach(fd, RW);
	if (!base)
		bail("attach: %s", strerror(errno));
	interrupts();
	export_to(fd, size, 1, 1);
	ok(interrupts() > 0, "an export to an attached region flushes the other CPU");
	munmap(base, WINDOW);
	interrupts();
	end(fd);
	ok(interrupts() > 0, "the end of an attached region flushes the other CPU");
}

static void test_was_attached(uint64_t size)
{
	int fd = begin(size);
	char *base;

	export_to(fd, size, 0, 1);
	base = attach(fd, RW);
	if (!base)
		bail("attach: %s", strerror(errno));
	munmap(base, WINDOW);
	interrupts();
	export_to(fd, size, 1, 1);
	ok(interrupts() > 0, "an export after the last process detached flushes the other CPU");
	end(fd);
	ok(interrupts() > 0, "the end of a region that was attached before flushes the other CPU");
}

static void test_size(uint64_t size)
{
	diag("pages of %lu KiB", (unsigned long)size >> 10);
	test_empty(size);
	test_never_attached(size);
	test_attached(size);
	test_was_attached(size);
}

int main(void)
{
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2) {
		skip("counting interrupts of other CPUs needs two CPUs");
		return done_testing();
	}
	if (!trace_begin("csd/csd_function_entry")) {
		skip("this kernel cannot trace functions that run on other CPUs");
		return done_testing();
	}
	if (on_cpu(0))
		bail("CPU 0: %s", strerror(errno));
	reserve_2m(EXPORTS);
	test_size(SZ_4K);
	test_size(SZ_2M);
	return done_testing();
}
