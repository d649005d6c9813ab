/* SPDX-License-Identifier: MIT */
/*
 * Make a call fail at each place where it can fail: the kernel's fault injection, a
 * snapshot of everything that must look the same afterwards, and the loop over all places.
 */
#ifndef UAPI_FAULT_H
#define UAPI_FAULT_H

#include "util.h"

#include <dirent.h>

#define NAME	"fault-a"
#define USER	1234
#define FAULTS_MAX	5000

/* ---- the kernel's fault injection ---- */

static const struct setting {
	const char *path;
	const char *value;
} settings[] = {
	/* Almost all allocations may wait, so these must fail, too. */
	{ "failslab/ignore-gfp-wait", "N" },
	{ "failslab/verbose", "0" },
	{ "fail_page_alloc/ignore-gfp-wait", "N" },
	{ "fail_page_alloc/ignore-gfp-highmem", "N" },
	{ "fail_page_alloc/min-order", "0" },
	{ "fail_page_alloc/verbose", "0" },
	{ "fail_usercopy/verbose", "0" },
};

#define SETTINGS	(sizeof(settings) / sizeof(settings[0]))

static char saved[SETTINGS][16];
static int nth_fd = -1;

/* Read the old value of a setting and write a new one. False if there is no such file. */
static bool exchange(const char *name, const char *value, char *old, size_t size)
{
	char path[96];
	FILE *f;

	snprintf(path, sizeof(path), "/sys/kernel/debug/%s", name);
	f = fopen(path, "re");
	if (!f)
		return false;
	if (!fgets(old, (int)size, f))
		bail("%s cannot be read", path);
	fclose(f);
	f = fopen(path, "we");
	if (!f || fputs(value, f) < 0 || fclose(f))
		bail("%s cannot be written", path);
	return true;
}

static bool injection_begin(void)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/task/%d/fail-nth", gettid());
	nth_fd = open(path, O_RDWR | O_CLOEXEC);
	if (nth_fd < 0)
		return false;
	for (size_t i = 0; i < SETTINGS; i++)
		if (!exchange(settings[i].path, settings[i].value, saved[i], sizeof(saved[i])))
			diag("this kernel has no %s", settings[i].path);
	return true;
}

static void injection_end(void)
{
	char was[16];

	for (size_t i = 0; i < SETTINGS; i++)
		if (saved[i][0])
			exchange(settings[i].path, saved[i], was, sizeof(was));
}

static void arm(int n)
{
	char text[16];
	int length = snprintf(text, sizeof(text), "%d", n);

	if (pwrite(nth_fd, text, (size_t)length, 0) != length)
		bail("fail-nth: %s", strerror(errno));
}

/* True if the fault happened. If it did not, it may still hit the calls below: repeat. */
static bool disarm(void)
{
	char text[16] = "";
	ssize_t n = pread(nth_fd, text, sizeof(text) - 1, 0);

	while (pwrite(nth_fd, "0", 1, 0) != 1)
		if (errno != EFAULT)
			bail("fail-nth: %s", strerror(errno));
	return n > 0 && atoi(text) == 0;
}

/* ---- a snapshot of everything that can be seen from outside ---- */

static char *view_of_all;
static size_t view_room, view_length;

__attribute__((format(printf, 1, 2)))
static void see(const char *fmt, ...)
{
	va_list ap;

	if (view_room - view_length < 512) {
		view_room += 65536;
		view_of_all = realloc(view_of_all, view_room);
	}
	va_start(ap, fmt);
	view_length += (size_t)vsnprintf(view_of_all + view_length, view_room - view_length, fmt,
					 ap);
	va_end(ap);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The sorted names in a directory, with mode and owner if @nodes. */
static void see_names(const char *path, bool nodes)
{
	DIR *d = opendir(path);
	char *name[1024];
	struct dirent *e;
	struct stat st;
	size_t n = 0;

	while (d && n < 1024 && (e = readdir(d)))
		name[n++] = strdup(e->d_name);
	qsort(name, n, sizeof(name[0]), compare_names);
	for (size_t i = 0; i < n; i++) {
		see("%s/%s", path, name[i]);
		if (nodes && !fstatat(dirfd(d), name[i], &st, 0))
			see(" 0%o %u:%u", st.st_mode, st.st_uid, st.st_gid);
		see("\n");
		free(name[i]);
	}
	if (d)
		closedir(d);
}

static int count_names(const char *path)
{
	DIR *d = opendir(path);
	int n = 0;

	while (d && readdir(d))
		n++;
	if (d)
		closedir(d);
	return n;
}

static long module_users(void)
{
	FILE *f = fopen("/proc/modules", "re");
	char line[256];
	long users = -1;

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "msharearena %*u %ld", &users) == 1)
			break;
	if (f)
		fclose(f);
	return users;
}

static int main_fd = -1;	/* the region's file, if it is open */
static uint64_t page_size;	/* the region's page size */
static uint64_t target;		/* the offset in the region that gets memory */
static char *base;		/* the begin of its window, if it is attached */
static struct peer other;	/* a process that is attached whenever base is set */

/* Take a snapshot: a text that is the same if nothing has changed. The caller frees it. */
static char *look(void)
{
	uint64_t value;

	view_length = 0;
	/* If its name could not be made, a node may end up anywhere below /dev. */
	see_names("/dev", false);
	see_names("/dev/mshare", false);
	see_names("/dev/mshare/" NAME, true);
	see_names("/dev/mshare/fault-new", true);
	see_names("/sys/class/mshare", false);
	/* Entries are named by addresses, which change with each region: count them. */
	see("debugfs %d\n", count_names(DEBUGFS));
	see("2M %ld 1G %ld pinned %ld users %ld\n", hugepages(SZ_2M, "free_hugepages"),
	    hugepages(SZ_1G, "free_hugepages"), pinned_pages(), module_users());
	if (main_fd >= 0) {
		struct msharearena_region r = view_region(main_fd);

		see("exported %llu attached %llu status %u\n", r.exported, r.attached, r.status);
	}
	if (base)
		see("signals %d %d %d\n", try_load(base, &value),
		    try_load(base + page_size, &value),
		    try_load(base + target, &value));
	return strdup(view_of_all);
}

/* Print the first lines in which two snapshots differ. */
static void show_difference(const char *before, const char *after)
{
	while (*before && *before == *after) {
		before++;
		after++;
	}
	diag("  before: ...%.120s", before);
	diag("  after:  ...%.120s", after);
}

/* ---- one call that fails at one place after the other ---- */

/**
 * struct scene - a call and what belongs to it
 * @name: its name in the report
 * @prepare: makes everything that the call needs, without faults
 * @call: makes the call; 0 or more, or -errno
 * @clean: removes what @prepare left, whatever the call did, before the next snapshot
 * @complete: true if the call did all that it should; called after a success
 * @undo: undoes the call; called after a success
 * @user: another user makes the call
 */
struct scene {
	const char *name;
	void (*prepare)(void);
	int (*call)(void);
	void (*clean)(void);
	bool (*complete)(void);
	void (*undo)(void);
	bool user;
};

static struct {
	const char *name;
	int failed, survived, enomem, efault, bad;
	int ret;	/* the result of the last call */
} run;

__attribute__((format(printf, 1, 2)))
static void bad(const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (run.bad++ < 5)
		diag("%s: %s", run.name, text);
}

static void become(uid_t uid)
{
	if (setresuid(uid, uid, 0))
		bail("setresuid: %s", strerror(errno));
}

static int call_with(const struct scene *s, int n, bool *fired)
{
	int ret;

	if (s->user)
		become(USER);
	arm(n);
	ret = s->call();
	*fired = disarm();
	if (s->user)
		become(0);
	run.ret = ret;
	return ret;
}

static void judge_error(int n, int ret, bool fired)
{
	run.failed++;
	run.enomem += ret == -ENOMEM;
	run.efault += ret == -EFAULT;
	if (!fired)
		bad("fault %d: %s without a fault", n, strerrorname_np(-ret));
	else if (ret != -ENOMEM && ret != -EFAULT)
		bad("fault %d: the error is %s", n, strerrorname_np(-ret));
}

static void succeed(const struct scene *s, int n, const char *when)
{
	if (s->complete && !s->complete())
		bad("fault %d: %s, but not all of it is there", n, when);
	if (s->undo)
		s->undo();
}

/* Make the call again, without a fault, after it failed by one. */
static void try_again(const struct scene *s, int n)
{
	bool fired;
	int ret;

	if (s->prepare)
		s->prepare();
	ret = call_with(s, 0, &fired);
	if (s->clean)
		s->clean();
	if (ret < 0)
		bad("fault %d: the next call fails: %s", n, strerrorname_np(-ret));
	else
		succeed(s, n, "the next call works");
}

/* Compare with the snapshot from before the call. */
static char *compare(const char *before, const char *what, int n)
{
	char *after = look();

	if (strcmp(before, after)) {
		bad("fault %d: %s, but something has changed", n, what);
		show_difference(before, after);
	}
	return after;
}

/*
 * Returns true when nothing is left to do: the call succeeded without meeting the fault,
 * or it failed without one. @before is the snapshot that must not change.
 */
static bool one_fault(const struct scene *s, int n, char **before)
{
	bool fired;
	char *after;
	int ret;

	if (s->prepare)
		s->prepare();
	ret = call_with(s, n, &fired);
	if (s->clean)
		s->clean();
	if (ret < 0) {
		judge_error(n, ret, fired);
		free(compare(*before, strerrorname_np(-ret), n));
		try_again(s, n);
	} else {
		run.survived += fired;
		succeed(s, n, fired ? "it survives" : "it succeeds");
	}
	after = compare(*before, "all is undone", n);
	free(*before);
	*before = after;
	return !fired;
}

static void play(const struct scene *s)
{
	char *before = look();
	int n = 1;

	memset(&run, 0, sizeof(run));
	run.name = s->name;
	while (n < FAULTS_MAX && !one_fault(s, n, &before))
		n++;
	free(before);
	diag("%s: %d faults: %d refused (%d ENOMEM, %d EFAULT), %d survived", s->name, n - 1,
	     run.failed, run.enomem, run.efault, run.survived);
	ok(!run.bad && n < FAULTS_MAX, "%s reports each of %d faults, and a fault changes nothing",
	   s->name, n - 1);
}

#endif /* UAPI_FAULT_H */
