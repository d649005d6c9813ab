// SPDX-License-Identifier: MIT
/* vm: long */
/*
 * Goal: in /sys/kernel/debug/msharearena the file "links" shows which tables each process
 * has, and the file "tables" shows what is in them.
 *
 * timeout: 300
 */
#include "views.h"

#define NAME "test-debugfs"

static uint64_t page;
static uint64_t addr;	/* the region's address, which is its directory's name */

static const char *contents(const char *file)
{
	static char text[65536];
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	text[n < 0 ? 0 : n] = '\0';
	close(fd);
	return text;
}

/* ---- links ---- */

struct link {
	unsigned int lines;
	char view[64];
	unsigned long entry, table;
};

/* The line of a process; @lines is the number of its lines. */
static struct link link_of(pid_t pid)
{
	const char *line = contents(debugfs_path(addr, "links"));
	struct link found = { .lines = 0 }, l;
	int who;

	while ((line = strchr(line, '\n'))) {
		line++;
		if (sscanf(line, "%d %63s %lx %lx", &who, l.view, &l.entry, &l.table) != 4 ||
		    who != pid)
			continue;
		l.lines = found.lines + 1;
		found = l;
	}
	return found;
}

static void linked(struct peer *p, const char *view)
{
	struct link l = link_of(p->pid);

	ok(l.lines == 1 && !strcmp(l.view, view),
	   "links has one line for a process of the view %s", view);
	ok(l.entry && l.entry == l.table,
	   "the P4D entry of a process of %s is the view's table (%#lx)",
	   view, l.entry);
}

static void test_links(void)
{
	struct peer a = view_peer(NAME, "rw", PROT_READ | PROT_WRITE);
	struct peer b = view_peer(NAME, "rw", PROT_READ | PROT_WRITE);
	struct peer c = view_peer(NAME, "ro", PROT_READ);
	struct peer d = view_peer(NAME, "mixed", PROT_READ | PROT_WRITE);
	struct peer e = view_peer(NAME, "rw", PROT_READ);
	const char *head = "pid view p4d_entry_pfn pud_table_pfn\n";

	ok(!strncmp(contents(debugfs_path(addr, "links")), head, strlen(head)),
	   "links begins with a line that names its columns");
	linked(&a, "rw");
	linked(&b, "rw");
	linked(&c, "ro");
	linked(&d, "mixed");
	linked(&e, "ro");
	ok(link_of(a.pid).entry == link_of(b.pid).entry,
	   "processes of the view rw share one table");
	ok(link_of(c.pid).entry == link_of(e.pid).entry,
	   "processes of the view ro share one table");
	ok(link_of(a.pid).entry != link_of(c.pid).entry &&
	   link_of(a.pid).entry != link_of(d.pid).entry &&
	   link_of(c.pid).entry != link_of(d.pid).entry, "each view has a table of its own");
	PEER(b, .op = PEER_DETACH);
	is(link_of(b.pid).lines, 0, "links has no line for a process that has detached");
	peer_kill(&c);
	is(link_of(c.pid).lines, 0, "links has no line for a process that was killed");
	linked(&a, "rw");
	peer_kill(&a);
	peer_kill(&b);
	peer_kill(&d);
	peer_kill(&e);
}

/* ---- tables ---- */

/* The rest of the line for a view and a GiB, or "". */
static const char *table_line(const char *view, unsigned int gib)
{
	static char line[256];
	char head[64];
	const char *text = contents(debugfs_path(addr, "tables")), *at;

	snprintf(head, sizeof(head), "\n%s %u ", view, gib);
	at = strstr(text, head);
	if (!at || strstr(at + 1, head))
		return "";
	snprintf(line, sizeof(line), "%.*s", (int)strcspn(at + strlen(head), "\n"),
		 at + strlen(head));
	return line;
}

/* The view's table maps a GiB by @kind, and its twin by @twin. */
static void table_is(const char *view, unsigned int gib, const char *kind, const char *twin)
{
	const char *line = table_line(view, gib);
	char want[64];

	snprintf(want, sizeof(want), "%s %s", kind, twin);
	if (!ok(!strcmp(line, want), "tables shows GiB %u of %s as %s", gib, view, want))
		diag("it is %s", line);
}

static void test_demoted(int fd)
{
	struct peer p = view_peer(NAME, "rw", PROT_READ | PROT_WRITE);
	struct peer_msg m = { .op = PEER_READ_FILE, .text = "/proc/self/smaps" };

	peer_call(&p, m);
	table_is("rw", 1, "1G-as-2M", "1G");
	table_is("ro", 1, "1G", "1G");
	linked(&p, "rw");
	for (int ms = 0; ms < 60000 && !view_region(fd).promotions; ms++)
		usleep(1000);
	table_is("rw", 1, "1G", "1G");
	linked(&p, "rw");
	peer_kill(&p);
}

static void test_tables(int fd)
{
	const char *kind = page == SZ_4K ? "4K" : page == SZ_2M ? "2M" : "1G";
	bool huge = page == SZ_1G;

	const char *head = "view gib mapped twin\n";

	ok(!strcmp(contents(debugfs_path(addr, "tables")), head),
	   "tables of an empty region has only the line that names its columns");
	if (donate(fd, page, page, SZ_1G))
		bail("donate");
	table_is("rw", 1, kind, kind);
	table_is("ro", 1, kind, kind);
	ok(!table_line("rw", 0)[0] && !table_line("rw", 2)[0],
	   "tables has no line for a GiB without memory");
	ok(!table_line("mixed", 1)[0], "tables has no line for a GiB that the view does not show");
	if (huge ? donate(fd, page, page, 0) :
		   donate(fd, page, 2 * page, SZ_1G - 2 * page) ?:
		   donate(fd, page, page, SZ_1G + page))
		bail("donate");
	table_is("rw", 0, kind, kind);
	table_is("rw", 1, kind, kind);
	table_is("ro", 0, kind, kind);
	table_is("mixed", 0, kind, kind);
	if (!huge)
		table_is("mixed", 1, kind, kind);
}

static void test_size(uint64_t size)
{
	uint64_t first, second;
	struct msharearena_range r[2];
	int fd;

	page = size;
	diag("pages of %lu KiB", (unsigned long)page >> 10);
	fd = region_anew_open(NAME, page, 3 * SZ_1G);
	addr = view_region(fd).addr;
	first = page == SZ_1G ? 0 : SZ_1G - page;
	second = page == SZ_1G ? 2 * SZ_1G : SZ_1G + page;
	r[0] = (struct msharearena_range){ .offset = first, .length = page, .prot = PROT_RW };
	r[1] = (struct msharearena_range){ .offset = second, .length = page, .prot = PROT_R };
	is(view_add(NAME, "mixed", r, 2), 0, "a third view is added");
	test_tables(fd);
	test_links();
	if (page == SZ_1G)
		test_demoted(fd);
	close(fd);
	region_unlink(NAME);
}

static void test_files(void)
{
	struct msharearena_create c = create_args(NAME, SZ_2M, SZ_2M);
	struct stat st = { 0 };
	int fd;

	addr = 0x300000000000;
	c.addr = addr;
	fd = create_open(&c);
	if (fd < 0)
		bail("create: %s", strerror(-fd));
	is(access(DEBUGFS "/300000000000", F_OK), 0,
	   "the directory's name is the region's address in hexadecimal");
	ok(!stat(debugfs_path(addr, "links"), &st) && st.st_mode == (S_IFREG | 0400),
	   "links can be read by root alone");
	ok(!stat(debugfs_path(addr, "tables"), &st) && st.st_mode == (S_IFREG | 0400),
	   "tables can be read by root alone");
	is(access(DEBUGFS "/" NAME, F_OK), -1, "there is no directory of the region's name");
	close(fd);
	region_unlink(NAME);
}

/* An operator must find the process that keeps memory of a region without a name. */
static void test_unlinked(void)
{
	int fd = region_with(NAME, SZ_2M, SZ_2M), links, left;
	struct peer p = peer_start();
	char byte;

	addr = view_region(fd).addr;
	peer_attach(&p, NAME, false);
	is(region_unlink(NAME), 0, "a region that a process has attached is unlinked");
	close(fd);
	is(PEER(p, .op = PEER_CLOSE), 0, "the process closes the unlinked region's file");
	linked(&p, "rw");
	ok(strstr(contents(debugfs_path(addr, "tables")), "rw 0 2M 2M\n"),
	   "tables has the lines of an unlinked region");
	links = open(debugfs_path(addr, "links"), O_RDONLY | O_CLOEXEC);
	peer_kill(&p);
	for (int ms = 0; ms < 10000 && !access(debugfs_path(addr, "links"), F_OK); ms++)
		usleep(1000);
	is(access(debugfs_path(addr, ""), F_OK), -1,
	   "the directory is removed when the region ends");
	left = read(links, &byte, 1);
	ok(left == -1 && errno == EIO,
	   "reading an open file of debugfs gives EIO after the region ended");
	close(links);
}

int main(int argc, char **argv)
{
	peer_main(argc, argv);
	if (access(DEBUGFS, F_OK)) {
		skip("there is no /sys/kernel/debug/msharearena (CONFIG_DEBUG_FS, or not mounted)");
		return done_testing();
	}
	reserve_2m(16);
	need_1g(2);
	test_files();
	test_unlinked();
	test_size(SZ_4K);
	test_size(SZ_2M);
	test_size(SZ_1G);
	return done_testing();
}
