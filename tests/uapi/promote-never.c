// SPDX-License-Identifier: MIT
/* vm: long */
/*
 * Goal: with promote_delay_ms at 0 leaves are never promoted, and the module does not run
 * work again and again only to find that. When the parameter gets another value, the leaves
 * are promoted after that time, without a further demotion.
 * timeout: 300
 */
#include "promote.h"
#include "tracing.h"

#define NAME "test-promote-never"
#define RW (PROT_READ | PROT_WRITE)
#define SECONDS 5

static unsigned int worked(void)
{
	return trace_count("workqueue_execute_start", "msha_");
}

static void test_never(int fd)
{
	set_param("promote_delay_ms", 0);
	peer_read_file("/proc/self/smaps");
	is(view_region(fd).demotions, 1, "reading smaps demotes a leaf");
	/* Work that is queued already may run once and see the new value. */
	sleep(1);
	trace_forget();
	sleep(SECONDS);
	diag("the module's work ran %u times in %d s", worked(), SECONDS);
	ok(worked() <= 1, "with promote_delay_ms=0 the module runs no work for a demoted leaf");
	is(view_region(fd).promotions, 0, "with promote_delay_ms=0 the leaf is not promoted");
	ok(gib_demoted(NAME, "rw", 0), "debugfs shows the demoted leaf as 2 MiB leaves");
}

static void test_soon(int fd)
{
	trace_forget();
	set_param("promote_delay_ms", 20);
	ok(all_promoted(fd), "the leaf is promoted after promote_delay_ms got another value");
	is(view_region(fd).demotions, 1, "the leaf is promoted without a further demotion");
	ok(worked() > 0, "this test sees the work that promotes a leaf");
	ok(gib_whole(NAME, "rw", 0), "debugfs shows the promoted leaf as one of 1 GiB");
}

/* When all leaves are promoted the module has no work, whatever the value is. */
static void test_idle(void)
{
	sleep(1);
	trace_forget();
	sleep(SECONDS);
	is(worked(), 0, "the module runs no work when no leaf is demoted");
}

/* The value changes from a long time to never, and back. */
static void test_changed(int fd)
{
	set_param("promote_delay_ms", 3600000);
	peer_read_file("/proc/self/smaps");
	is(view_region(fd).demotions, 2, "a leaf is demoted while promote_delay_ms is an hour");
	set_param("promote_delay_ms", 0);
	sleep(2);
	trace_forget();
	sleep(SECONDS);
	diag("the module's work ran %u times in %d s", worked(), SECONDS);
	ok(worked() <= 1,
	   "the module runs no work after promote_delay_ms changed from an hour to 0");
	set_param("promote_delay_ms", 20);
	ok(all_promoted(fd), "the leaf is promoted after promote_delay_ms became short");
}

int main(void)
{
	long delay;
	char *base;
	int fd;

	need_1g(1);
	if (!trace_begin("workqueue/workqueue_execute_start")) {
		skip("this kernel does not trace work queues");
		return done_testing();
	}
	delay = set_param("promote_delay_ms", 250);
	fd = region_with(NAME, SZ_1G, SZ_1G);
	base = attach(fd, RW);
	if (!base)
		bail("attach: %s", strerror(errno));
	test_never(fd);
	test_soon(fd);
	test_idle();
	test_changed(fd);
	munmap(base, WINDOW);
	region_unlink(NAME);
	close(fd);
	set_param("promote_delay_ms", delay);
	return done_testing();
}
