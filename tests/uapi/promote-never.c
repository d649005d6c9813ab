// SPDX-License-Identifier: MIT
/*
 * With promote_delay_ms at 0 demoted leaves never come back, and then the module
 * has nothing to do: no work of its may run again and again only to find that it
 * still may not. When the parameter gets a value, the leaves come back after that
 * time, without anybody having to demote another one first.
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
	/* What is queued already may run once, and see the new value. */
	sleep(1);
	trace_forget();
	sleep(SECONDS);
	diag("the module's work ran %u times in %d s", worked(), SECONDS);
	ok(worked() <= 1, "promote_delay_ms=0: nothing runs for the sake of it");
	is(view_region(fd).promotions, 0, "(it does not come back)");
	ok(gib_demoted(NAME, "rw", 0), "(1G as 2M)");
}

static void test_soon(int fd)
{
	trace_forget();
	set_param("promote_delay_ms", 20);
	ok(all_promoted(fd), "with another value the leaf comes back, without another demotion");
	is(view_region(fd).demotions, 1, "(none)");
	ok(worked() > 0, "(the work was seen)");
	ok(gib_whole(NAME, "rw", 0), "(1G)");
}

/* When all has come back there is nothing to do either, whatever the value. */
static void test_idle(void)
{
	sleep(1);
	trace_forget();
	sleep(SECONDS);
	is(worked(), 0, "nothing runs when every leaf is whole");
}

/* The same the other way round: from a long time to never, and back. */
static void test_changed(int fd)
{
	set_param("promote_delay_ms", 3600000);
	peer_read_file("/proc/self/smaps");
	is(view_region(fd).demotions, 2, "another demotion, with an hour to wait");
	set_param("promote_delay_ms", 0);
	sleep(2);
	trace_forget();
	sleep(SECONDS);
	diag("the module's work ran %u times in %d s", worked(), SECONDS);
	ok(worked() <= 1, "promote_delay_ms=0 after a demotion: nothing runs for the sake of it");
	set_param("promote_delay_ms", 20);
	ok(all_promoted(fd), "a short promote_delay_ms brings the leaf back");
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
