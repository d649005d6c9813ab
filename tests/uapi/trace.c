// SPDX-License-Identifier: MIT
/*
 * Goal: the tracepoints report what happens without a command of a process: each event
 * exists, comes when it should, with the right fields and in the context of the process
 * that caused it, and can be filtered. Commands can be traced as system calls.
 *
 * timeout: 300
 */
#include "views.h"

#include <dirent.h>
#include <liburing.h>
#include <sys/mount.h>

#define NAME "test-trace"
#define TRACING "/sys/kernel/tracing"
/* A trace instance of the test, so that other traces are not disturbed. */
#define INSTANCE TRACING "/instances/test-msharearena"
#define EVENTS INSTANCE "/events/msharearena"

static const char *const events[] = { "attach", "detach", "demote", "promote" };

static void write_to(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		bail("%s: %s", path, strerror(errno));
	close(fd);
}

/* The events that were traced since the last call of traced(). */
static const char *recorded(void)
{
	static char text[65536];
	int fd = open(INSTANCE "/trace", O_RDONLY | O_CLOEXEC);
	ssize_t n, total = 0;

	while ((n = read(fd, text + total, sizeof(text) - 1 - total)) > 0)
		total += n;
	text[total] = '\0';
	close(fd);
	return text;
}

static const char *traced(void)
{
	const char *text = recorded();

	write_to(INSTANCE "/trace", "\n");
	return text;
}

/* True if the text has a line of this event, of this process if @mine. */
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

/* Since the last call there was this event and no other. */
__attribute__((format(printf, 3, 4)))
static void expect(const char *event, bool mine, const char *fmt, ...)
{
	const char *text = traced();
	char fields[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(fields, sizeof(fields), fmt, ap);
	va_end(ap);
	if (!ok(has_line(text, event, fields, mine),
		"the event %s with %s is traced", event, fields) ||
	    !ok(lines(text) == 1, "no other event is traced beside %s with %s", event, fields))
		diag("traced: %s", text);
}

static void begin(void)
{
	if (access(TRACING "/events", F_OK))
		mount("tracefs", TRACING, "tracefs", 0, NULL);
	if (access(TRACING "/events", F_OK)) {
		skip("this kernel has no event tracing (CONFIG_EVENT_TRACING)");
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
		ok(!access(path, R_OK), "the event msharearena_%s exists", events[i]);
	}
	while (dir && (d = readdir(dir)))
		n += !strncmp(d->d_name, "msharearena_", 12);
	is(n, ARRAY_LEN(events), "the module has no other events");
	closedir(dir);
}

/* Events of this process and of another one have the right process each. */
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
	munmap(base, WINDOW);
	expect("detach", true, "region=" NAME " view=rw attached=0");
}

/* The module has no events for commands. */
static void test_commands(int fd)
{
	struct io_uring_params params = { 0 };
	int ring = io_uring_setup(2, &params);

	is(layout_add(NAME, "mixed", "wr.", SZ_1G), 0, "a view is added while events are traced");
	is(publish(fd, ring, 0x77, -1), 0, "a ring is published while events are traced");
	is(closed(take(fd, -1, 0x77)), 0, "a ring is taken while events are traced");
	is(lines(traced()), 0, "ADD_VIEW, PUBLISH and TAKE cause no event");
	close(ring);
}

/* The demotion is in this process, the promotion in a kernel thread. */
static void test_leaf(void)
{
	const char *text;

	peer_read_file("/proc/self/smaps");
	/* The module counts a promotion a moment before it traces it. */
	for (int i = 0; i < 6000 && !strstr(recorded(), "msharearena_promote"); i++)
		usleep(10000);
	text = traced();
	ok(has_line(text, "demote", "region=" NAME " view=rw gib=1", true),
	   "the event demote is traced in the process that reads smaps");
	ok(has_line(text, "promote", "region=" NAME " view=rw gib=1", false),
	   "the event promote is traced");
	is(lines(text), 2, "no other event is traced beside demote and promote");
}

static void attach_once(int fd, int prot)
{
	char *base = attach(fd, prot);

	if (!base)
		bail("attach: %s", strerror(errno));
	munmap(base, WINDOW);
}

static void test_filter(int fd)
{
	write_to(EVENTS "/msharearena_detach/enable", "0");
	write_to(EVENTS "/msharearena_attach/filter", "region == \"" NAME "\" && view == \"ro\"");
	attach_once(fd, PROT_READ | PROT_WRITE);
	is(lines(traced()), 0, "an attachment that a filter drops is not traced");
	attach_once(fd, PROT_READ);
	expect("attach", true, "region=" NAME " view=ro attached=1");
	write_to(EVENTS "/msharearena_attach/filter", "region == \"another\"");
	attach_once(fd, PROT_READ);
	is(lines(traced()), 0, "an attachment of a region that no filter names is not traced");
}

int main(int argc, char **argv)
{
	char *base;
	int fd;

	peer_main(argc, argv);
	need_1g(2);
	region_unlink(NAME);
	begin();
	test_names();
	fd = region_anew_open(NAME, SZ_1G, 3 * SZ_1G);
	is(donate(fd, SZ_1G, SZ_1G, SZ_1G), 0, "a region with a page of memory is created");
	is(lines(traced()), 0, "CREATE and EXPORT cause no event");
	test_attach(fd);
	base = attach(fd, PROT_READ | PROT_WRITE);
	traced();
	test_commands(fd);
	test_leaf();
	munmap(base, WINDOW);
	traced();
	test_filter(fd);
	is(view_unlink(fd), 0, "the region is unlinked");
	close(fd);
	is(lines(traced()), 0, "UNLINK and the region's end cause no event");
	rmdir(INSTANCE);
	return done_testing();
}
