// SPDX-License-Identifier: MIT
/*
 * Tracepoints: each event is there, comes when it should with the right fields
 * in the context of who did it, and can be filtered.
 *
 * timeout: 300
 */
#include "views.h"

#include <dirent.h>
#include <liburing.h>
#include <sys/mount.h>

#define NAME "test-trace"
#define TRACING "/sys/kernel/tracing"
/* A buffer of our own, which disturbs nobody else's. */
#define INSTANCE TRACING "/instances/test-msharearena"
#define EVENTS INSTANCE "/events/msharearena"

static const char *const events[] = {
	"create", "unlink", "view", "export", "attach", "detach", "demote", "promote",
	"publish", "take", "quiesce",
};

static void write_to(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		bail("%s: %s", path, strerror(errno));
	close(fd);
}

/* What was traced since the last time. */
static const char *traced(void)
{
	static char text[65536];
	int fd = open(INSTANCE "/trace", O_RDONLY | O_CLOEXEC);
	ssize_t n, total = 0;

	while ((n = read(fd, text + total, sizeof(text) - 1 - total)) > 0)
		total += n;
	text[total] = '\0';
	close(fd);
	write_to(INSTANCE "/trace", "\n");
	return text;
}

/* The event's own line, of this process if @mine, else of whoever. */
static bool has_line(const char *text, const char *event, const char *fields, bool mine)
{
	char what[512], pid[32];
	const char *found;
	const char *line;

	snprintf(what, sizeof(what), "msharearena_%s: %s\n", event, fields);
	snprintf(pid, sizeof(pid), "-%d ", getpid());
	found = strstr(text, what);
	if (!found)
		return false;
	for (line = found; line > text && line[-1] != '\n'; line--)
		;
	return !mine || memmem(line, found - line, pid, strlen(pid));
}

static unsigned int lines(const char *text)
{
	unsigned int n = 0;

	while ((text = strstr(text, "msharearena_"))) {
		n++;
		text++;
	}
	return n;
}

/* Since the last look there was this one event and no other. */
__attribute__((format(printf, 3, 4)))
static void expect(const char *event, bool mine, const char *fmt, ...)
{
	const char *text = traced();
	char fields[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(fields, sizeof(fields), fmt, ap);
	va_end(ap);
	if (!ok(has_line(text, event, fields, mine), "%s: %s", event, fields) ||
	    !ok(lines(text) == 1, "and nothing else"))
		diag("traced: %s", text);
}

static void begin(void)
{
	if (access(TRACING "/events", F_OK))
		mount("tracefs", TRACING, "tracefs", 0, NULL);
	if (access(TRACING "/events", F_OK)) {
		skip("tracepoints: this kernel has no event tracing (CONFIG_EVENT_TRACING)");
		exit(done_testing());
	}
	rmdir(INSTANCE);
	if (mkdir(INSTANCE, 0755))
		bail("mkdir " INSTANCE ": %s", strerror(errno));
	write_to(EVENTS "/enable", "1");
	traced();
}

static void test_names(void)
{
	DIR *dir = opendir(EVENTS);
	unsigned int n = 0;
	char path[128];
	struct dirent *d;

	for (size_t i = 0; i < ARRAY_LEN(events); i++) {
		snprintf(path, sizeof(path), EVENTS "/msharearena_%s/format", events[i]);
		ok(!access(path, R_OK), "there is msharearena_%s", events[i]);
	}
	while (dir && (d = readdir(dir)))
		n += !strncmp(d->d_name, "msharearena_", 12);
	is(n, ARRAY_LEN(events), "and no other");
	closedir(dir);
}

static struct msharearena_region test_create(void)
{
	struct msharearena_region r;
	int fd;

	if (region_create(NAME, SZ_1G, 3 * SZ_1G))
		bail("create");
	fd = view_open(NAME, "ro", O_RDONLY);
	r = view_region(fd);
	close(fd);
	expect("create", true, "region=" NAME " addr=0x%llx length=%lu page_size=%lu",
	       (long long)r.addr, 3 * SZ_1G, SZ_1G);
	is(region_create(NAME, SZ_1G, SZ_1G), -EEXIST, "a create that fails");
	is(layout_add(NAME, "mixed", "wr.", SZ_1G), 0, "add a view");
	expect("view", true, "region=" NAME " view=mixed ranges=2");
	is(layout_add(NAME, "mixed", "w", SZ_1G), -EEXIST, "a view that fails");
	is(lines(traced()), 0, "are not traced");
	return r;
}

static void test_export(int fd)
{
	is(donate(fd, SZ_1G, SZ_1G, SZ_1G), 0, "export");
	expect("export", true, "region=" NAME " offset=%lu length=%lu ret=0", SZ_1G, SZ_1G);
	is(donate(fd, SZ_1G, SZ_1G, SZ_1G), -EEXIST, "export again");
	expect("export", true, "region=" NAME " offset=%lu length=%lu ret=%d", SZ_1G, SZ_1G,
	       -EEXIST);
}

/* Of whatever process: another one's are its own, not this one's. */
static void test_attach(int fd)
{
	struct peer p = peer_start();
	char *base;

	peer_attach(&p, NAME, true);
	expect("attach", false, "region=" NAME " view=ro attached=1");
	base = attach(fd, PROT_READ | PROT_WRITE);
	expect("attach", true, "region=" NAME " view=rw attached=2");
	peer_kill(&p);
	expect("detach", false, "region=" NAME " view=ro attached=1");
	munmap(base, SLOT);
	expect("detach", true, "region=" NAME " view=rw attached=0");
}

static int publish(int fd, int ring_fd)
{
	struct msharearena_publish p = { .size = sizeof(p), .ring_fd = ring_fd, .tag = 0x77 };

	p.to = getpid();
	return ioctl(fd, MSHAREARENA_PUBLISH, &p) ? -errno : 0;
}

static void test_rings(int fd)
{
	struct msharearena_take t = { .size = sizeof(t), .from = getpid(), .tag = 0x77 };
	struct io_uring_params params = { 0 };
	int ring = io_uring_setup(2, &params);

	is(publish(fd, ring), 0, "publish a ring");
	expect("publish", true, "region=" NAME " peer=%d tag=0x77 ret=0", getpid());
	is(publish(fd, ring), -EEXIST, "publish it again");
	expect("publish", true, "region=" NAME " peer=%d tag=0x77 ret=%d", getpid(), -EEXIST);
	is(ioctl(fd, MSHAREARENA_TAKE, &t), 0, "take it");
	expect("take", true, "region=" NAME " peer=%d tag=0x77 ret=0", getpid());
	close(t.ring_fd);
	close(ring);
}

static void test_quiesce(int fd)
{
	struct msharearena_quiesce q = { .size = sizeof(q), .offset = SZ_1G, .length = SZ_1G };

	is(ioctl(fd, MSHAREARENA_QUIESCE, &q), 0, "quiesce");
	expect("quiesce", true, "region=" NAME " offset=%lu length=%lu busy=0 ret=0", SZ_1G,
	       SZ_1G);
	q.offset = 3 * SZ_1G;
	is(ioctl(fd, MSHAREARENA_QUIESCE, &q), -1, "quiesce beyond the end");
	expect("quiesce", true, "region=" NAME " offset=%lu length=%lu busy=0 ret=%d",
	       3 * SZ_1G, SZ_1G, -ERANGE);
}

/* The first by this process, the second by a kernel thread. */
static void test_leaf(int fd)
{
	uint64_t promotions = view_region(fd).promotions;
	const char *text;

	peer_read_file("/proc/self/smaps");
	for (int ms = 0; ms < 60000 && view_region(fd).promotions == promotions; ms++)
		usleep(1000);
	text = traced();
	ok(has_line(text, "demote", "region=" NAME " view=rw gib=1", true),
	   "demote: view=rw gib=1");
	ok(has_line(text, "promote", "region=" NAME " view=rw gib=1", false),
	   "promote: view=rw gib=1");
	is(lines(text), 2, "and nothing else");
}

static void test_filter(int fd)
{
	write_to(EVENTS "/msharearena_export/filter", "region == \"" NAME "\" && ret < 0");
	is(donate(fd, SZ_1G, SZ_1G, 0), 0, "an export that the filter drops");
	is(lines(traced()), 0, "is not traced");
	is(view_export(fd, NULL, SZ_1G, 0), -EEXIST, "one that it lets pass");
	is(lines(traced()), 1, "is");
	write_to(EVENTS "/msharearena_export/filter", "region == \"another\"");
	is(view_export(fd, NULL, SZ_1G, 0), -EEXIST, "one of a region that it does not name");
	is(lines(traced()), 0, "is not");
}

int main(int argc, char **argv)
{
	struct msharearena_region r;
	char *base;
	int fd;

	peer_main(argc, argv);
	need_1g(2);
	region_unlink(NAME);
	begin();
	test_names();
	r = test_create();
	fd = view_open(NAME, "rw", O_RDWR);
	test_export(fd);
	test_attach(fd);
	base = attach(fd, PROT_READ | PROT_WRITE);
	traced();
	test_rings(fd);
	test_quiesce(fd);
	test_leaf(fd);
	munmap(base, SLOT);
	traced();
	test_filter(fd);
	is(region_unlink(NAME), 0, "unlink");
	expect("unlink", true, "region=" NAME " addr=0x%llx length=%lu page_size=%lu",
	       (long long)r.addr, 3 * SZ_1G, SZ_1G);
	close(fd);
	is(lines(traced()), 0, "(and no more)");
	rmdir(INSTANCE);
	return done_testing();
}
