// SPDX-License-Identifier: MIT
/*
 * /sys/kernel/debug/msharearena: "links" proves which tables each process has,
 * "tables" says what is in them.
 *
 * timeout: 300
 */
#include "views.h"

#define NAME "test-debugfs"
#define DIR "/sys/kernel/debug/msharearena/" NAME

static uint64_t page;

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

/* What is said of a process; lines is how often. */
static struct link link_of(pid_t pid)
{
	const char *line = contents(DIR "/links");
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

	ok(l.lines == 1 && !strcmp(l.view, view), "a process is linked to %s, once", view);
	ok(l.entry && l.entry == l.table, "its entry is the view's table (%#lx)", l.entry);
}

static void test_links(void)
{
	struct peer a = view_peer(NAME, "rw", PROT_READ | PROT_WRITE);
	struct peer b = view_peer(NAME, "rw", PROT_READ | PROT_WRITE);
	struct peer c = view_peer(NAME, "ro", PROT_READ);
	struct peer d = view_peer(NAME, "mixed", PROT_READ | PROT_WRITE);
	struct peer e = view_peer(NAME, "rw", PROT_READ);

	ok(!strncmp(contents(DIR "/links"), "pid view p4d_entry_pfn pud_table_pfn\n", 37),
	   "links has a head");
	linked(&a, "rw");
	linked(&b, "rw");
	linked(&c, "ro");
	linked(&d, "mixed");
	linked(&e, "ro");
	ok(link_of(a.pid).entry == link_of(b.pid).entry, "those of rw share one table");
	ok(link_of(c.pid).entry == link_of(e.pid).entry, "those who only read another one");
	ok(link_of(a.pid).entry != link_of(c.pid).entry &&
	   link_of(a.pid).entry != link_of(d.pid).entry &&
	   link_of(c.pid).entry != link_of(d.pid).entry, "each view has its own");
	PEER(b, .op = PEER_DETACH);
	is(link_of(b.pid).lines, 0, "who detached is not there");
	peer_kill(&c);
	is(link_of(c.pid).lines, 0, "nor who was killed");
	linked(&a, "rw");
	peer_kill(&a);
	peer_kill(&b);
	peer_kill(&d);
	peer_kill(&e);
}

/* ---- tables ---- */

/* The rest of the one line about a view and GiB, or "". */
static const char *table_line(const char *view, unsigned int gib)
{
	static char line[256];
	char head[64];
	const char *text = contents(DIR "/tables"), *at;

	snprintf(head, sizeof(head), "\n%s %u ", view, gib);
	at = strstr(text, head);
	if (!at || strstr(at + 1, head))
		return "";
	snprintf(line, sizeof(line), "%.*s", (int)strcspn(at + strlen(head), "\n"),
		 at + strlen(head));
	return line;
}

/* @pages of a GiB, @writable of them, mapped by @kind, in the other twin by @twin */
static void table_is(const char *view, unsigned int gib, const char *kind, const char *twin,
		     int pages, int writable)
{
	const char *line = table_line(view, gib);
	char want[64];

	snprintf(want, sizeof(want), "%s %s %d %d", kind, twin, pages, writable);
	/* A page of 1 GiB has its number behind. */
	ok(page == SZ_1G ? !strncmp(line, want, strlen(want)) && strstr(line, " 0x") :
			   !strcmp(line, want), "GiB %u of %s: %s", gib, view, want);
	if (strncmp(line, want, strlen(want)))
		diag("it is %s", line);
}

static void test_demoted(int fd)
{
	struct peer p = view_peer(NAME, "rw", PROT_READ | PROT_WRITE);
	struct peer_msg m = { .op = PEER_READ_FILE, .text = "/proc/self/smaps" };
	char before[64];

	snprintf(before, sizeof(before), "%s", strstr(table_line("rw", 1), " 0x") ?: "");
	ok(!strcmp(strstr(table_line("ro", 1), " 0x") ?: "", before),
	   "rw and ro have the same page%s", before);
	peer_call(&p, m);
	table_is("rw", 1, "1G-as-2M", "1G", 1, 1);
	table_is("ro", 1, "1G", "1G", 1, 0);
	linked(&p, "rw");
	for (int ms = 0; ms < 60000 && !view_region(fd).promotions; ms++)
		usleep(1000);
	table_is("rw", 1, "1G", "1G", 1, 1);
	ok(!strcmp(strstr(table_line("rw", 1), " 0x") ?: "", before), "it is the same page");
	linked(&p, "rw");
	peer_kill(&p);
}

static void test_tables(int fd)
{
	const char *kind = page == SZ_4K ? "4K" : page == SZ_2M ? "2M" : "1G";
	bool huge = page == SZ_1G;

	ok(!strcmp(contents(DIR "/tables"), "view gib mapped twin pages writable pfn\n"),
	   "tables has a head, and is empty");
	if (donate(fd, page, page, SZ_1G))
		bail("donate");
	table_is("rw", 1, kind, kind, 1, 1);
	table_is("ro", 1, kind, kind, 1, 0);
	ok(!table_line("rw", 0)[0] && !table_line("rw", 2)[0], "nothing where there is none");
	ok(!table_line("mixed", 1)[0], "nor where a view does not show it");
	if (huge ? donate(fd, page, page, 0) :
		   donate(fd, page, 2 * page, SZ_1G - 2 * page) ?:
		   donate(fd, page, page, SZ_1G + page))
		bail("donate");
	/* mixed shows one page before 1 GiB for writing, and one after it for reading. */
	table_is("rw", 0, kind, kind, huge ? 1 : 2, huge ? 1 : 2);
	table_is("rw", 1, kind, kind, huge ? 1 : 2, huge ? 1 : 2);
	table_is("ro", 0, kind, kind, huge ? 1 : 2, 0);
	table_is("mixed", 0, kind, kind, 1, 1);
	if (!huge)
		table_is("mixed", 1, kind, kind, 1, 0);
}

static void test_size(uint64_t size)
{
	uint64_t first, second;
	struct msharearena_range r[2];
	int fd;

	page = size;
	diag("pages of %lu KiB", (unsigned long)page >> 10);
	region_anew(NAME, page, 3 * SZ_1G);
	fd = view_open(NAME, "rw", O_RDWR);
	first = page == SZ_1G ? 0 : SZ_1G - page;
	second = page == SZ_1G ? 2 * SZ_1G : SZ_1G + page;
	r[0] = (struct msharearena_range){ .offset = first, .length = page, .prot = PROT_RW };
	r[1] = (struct msharearena_range){ .offset = second, .length = page, .prot = PROT_R };
	is(view_add(NAME, "mixed", r, 2), 0, "a third view");
	test_tables(fd);
	test_links();
	if (page == SZ_1G)
		test_demoted(fd);
	close(fd);
	region_unlink(NAME);
}

static void test_files(void)
{
	struct stat st = { 0 };
	int fd;

	region_anew(NAME, SZ_2M, SZ_2M);
	ok(!stat(DIR "/links", &st) && st.st_mode == (S_IFREG | 0400), "links is root's");
	ok(!stat(DIR "/tables", &st) && st.st_mode == (S_IFREG | 0400), "so is tables");
	fd = open(DIR "/links", O_RDONLY | O_CLOEXEC);
	region_unlink(NAME);
	is(access(DIR, F_OK), -1, "they go with the name");
	is(read(fd, &st, 1), -1, "one that is open cannot be read any more");
	is(errno, EIO, "(EIO)");
	close(fd);
}

int main(int argc, char **argv)
{
	peer_main(argc, argv);
	if (access("/sys/kernel/debug/msharearena", F_OK)) {
		skip("no /sys/kernel/debug/msharearena (CONFIG_DEBUG_FS, or not mounted)");
		return done_testing();
	}
	reserve_2m(16);
	need_1g(2);
	test_files();
	test_size(SZ_4K);
	test_size(SZ_2M);
	test_size(SZ_1G);
	return done_testing();
}
