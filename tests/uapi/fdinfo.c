// SPDX-License-Identifier: MIT
/* vm: long */
/*
 * Goal: /proc/PID/fdinfo of an open file of a region has the region and view, the amount of
 * memory, the number of attachments, and whether the region was unlinked. With this an
 * operator finds the processes that keep a region.
 *
 * timeout: 300
 */
#include "views.h"

#define NAME "test-fdinfo"

static uint64_t page;

/* The module's lines of fdinfo, as they are. */
static const char *info_of(pid_t pid, int fd)
{
	static char text[1024];
	char path[64], line[256];
	size_t n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", pid, fd);
	f = fopen(path, "re");
	if (!f)
		bail("%s: %s", path, strerror(errno));
	text[0] = '\0';
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, "mshare_", 7))
			n += snprintf(text + n, sizeof(text) - n, "%s", line);
	fclose(f);
	return text;
}

/* All lines of fdinfo have the values of GET_REGION. */
static void says(int fd, const char *view, const char *when)
{
	struct msharearena_region r = view_region(fd);
	const char *got = info_of(getpid(), fd);
	char want[1024];

	snprintf(want, sizeof(want),
		 "mshare_region:\t%s\nmshare_view:\t%s\nmshare_addr:\t0x%llx\n"
		 "mshare_exported:\t%llu\nmshare_attached:\t%llu\nmshare_unlinked:\t%u\n",
		 NAME, view, r.addr, r.exported, r.attached,
		 r.status & MSHAREARENA_REGION_UNLINKED);
	ok(!strcmp(got, want), "fdinfo of the view %s has the values of GET_REGION %s", view, when);
	if (strcmp(got, want))
		diag("it says %s", got);
}

static bool has(int fd, const char *name, uint64_t value)
{
	char want[64];

	snprintf(want, sizeof(want), "mshare_%s:\t%llu\n", name, (unsigned long long)value);
	if (strstr(info_of(getpid(), fd), want))
		return true;
	diag("it says %s", info_of(getpid(), fd));
	return false;
}

static void test_counts(int fd)
{
	struct peer a, b;

	ok(has(fd, "exported", 0), "mshare_exported of a new region is 0");
	is(donate(fd, page, 2 * page, 0), 0, "two pages are exported");
	ok(has(fd, "exported", 2 * page), "mshare_exported is two pages");
	a = view_peer(NAME, "rw", PROT_READ | PROT_WRITE);
	b = view_peer(NAME, "ro", PROT_READ);
	ok(has(fd, "attached", 2), "mshare_attached counts processes of both views");
	PEER(a, .op = PEER_DETACH);
	ok(has(fd, "attached", 1), "mshare_attached is 1 after one of two processes unmapped it");
	peer_kill(&a);
	peer_kill(&b);
	ok(has(fd, "attached", 0), "mshare_attached is 0 after the other process was killed");
}

/* Root reads fdinfo of another process's file. */
static void test_other(void)
{
	struct peer p = peer_start();
	int64_t its = PEER(p, .op = PEER_OPEN, .a = 1, .text = NAME);
	const char *text = info_of(p.pid, its);

	ok(strstr(text, "mshare_region:\t" NAME "\n") && strstr(text, "mshare_view:\tro\n"),
	   "fdinfo of another process has region and view");
	peer_kill(&p);
}

static void test_unlinked(int fd)
{
	ok(has(fd, "unlinked", 0), "mshare_unlinked of a region with a name is 0");
	is(view_unlink(fd), 0, "the region is unlinked");
	ok(has(fd, "unlinked", 1), "mshare_unlinked of an unlinked region is 1");
	says(fd, "rw", "after UNLINK");
}

static void test_size(uint64_t size)
{
	static const char *const views[] = { "rw", "ro", "mixed" };
	char *base;
	int fd;

	page = size;
	diag("pages of %lu KiB", (unsigned long)page >> 10);
	fd = region_anew_open(NAME, page, 3 * page);
	is(layout_add(NAME, "mixed", "wr.", page), 0, "a third view is added");
	test_counts(fd);
	base = attach(fd, PROT_READ | PROT_WRITE);
	for (size_t i = 0; i < ARRAY_LEN(views); i++) {
		int view = view_open(NAME, views[i], O_RDONLY);

		says(view, views[i], "with memory and an attachment");
		close(view);
	}
	munmap(base, WINDOW);
	test_other();
	test_unlinked(fd);
	close(fd);
}

/* A region without nodes has a name, which is not in /dev. */
static void test_no_node(void)
{
	struct msharearena_create c = create_args(NAME, SZ_2M, SZ_2M);
	int fd;

	c.flags = MSHAREARENA_NO_NODE;
	c.mode = 0;
	fd = create_open(&c);
	if (fd < 0)
		bail("create without nodes: %s", strerror(-fd));
	ok(strstr(info_of(getpid(), fd), "mshare_region:\t" NAME "\n"),
	   "fdinfo of a region without nodes has its name");
	says(fd, "rw", "without nodes");
	close(fd);
}

static void test_control(void)
{
	int fd = control_open();

	ok(!info_of(getpid(), fd)[0],
	   "fdinfo of the control device has none of the module's lines");
	close(fd);
}

int main(int argc, char **argv)
{
	peer_main(argc, argv);
	reserve_2m(16);
	need_1g(2);
	region_unlink(NAME);
	test_size(SZ_4K);
	test_size(SZ_2M);
	test_size(SZ_1G);
	test_no_node();
	test_control();
	return done_testing();
}
