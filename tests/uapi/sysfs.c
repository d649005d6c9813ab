// SPDX-License-Identifier: MIT
/*
 * The attributes of each view in sysfs: which there are, and that they say what
 * is so, while memory and processes come and go.
 *
 * timeout: 300
 */
#include "users.h"
#include "views.h"

#include <dirent.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>

#define NAME "test-sysfs"
#define CLASS "/sys/class/mshare/" NAME "!"

static const char *const views[] = { "rw", "ro", "mixed" };

static const char *const attributes[] = {
	"attached", "busy", "demotions", "exported", "page_size", "promotions", "size",
	"start", "table_bytes",
};

static const char *path_of(const char *view, const char *attribute)
{
	static char path[512];

	snprintf(path, sizeof(path), CLASS "%s/%s", view, attribute);
	return path;
}

static int read_text(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, size - 1);
	int ret = n < 0 ? -errno : 0;

	text[n < 0 ? 0 : n] = '\0';
	close(fd);
	return ret;
}

/* The attribute of every view says so, and is a number and a newline. */
static void says(const char *attribute, uint64_t want)
{
	const char *format = !strcmp(attribute, "start") ? "0x%lx\n" : "%lu\n";
	char text[64], expected[64];

	snprintf(expected, sizeof(expected), format, (unsigned long)want);
	for (size_t i = 0; i < ARRAY_LEN(views); i++) {
		int ret = read_text(path_of(views[i], attribute), text, sizeof(text));

		is(ret, 0, "%s of %s", attribute, views[i]);
		ok(!strcmp(text, expected), "is %lu", (unsigned long)want);
		if (strcmp(text, expected))
			diag("it is %s", text);
	}
}

/* All of them at once, against what GET_REGION says. */
static void all_say(int fd)
{
	struct msharearena_region r = view_region(fd);

	says("start", r.addr);
	says("size", r.length);
	says("page_size", r.page_size);
	says("exported", r.exported);
	says("attached", r.attached);
	says("demotions", r.demotions);
	says("promotions", r.promotions);
	says("table_bytes", r.table_bytes);
}

static bool is_attribute(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(attributes); i++)
		if (!strcmp(name, attributes[i]))
			return true;
	return false;
}

/* No file but these and the core's, and each can be read by everybody. */
static void test_files(const char *view)
{
	DIR *dir = opendir(path_of(view, ""));
	unsigned int found = 0, others = 0;
	struct dirent *d;
	struct stat st;

	while (dir && (d = readdir(dir))) {
		if (stat(path_of(view, d->d_name), &st) || !S_ISREG(st.st_mode))
			continue;
		if (!strcmp(d->d_name, "dev") || !strcmp(d->d_name, "uevent"))
			continue;
		if (is_attribute(d->d_name) && (st.st_mode & 07777) == 0444)
			found++;
		else
			others++;
	}
	if (!dir)
		bail("%s: %s", path_of(view, ""), strerror(errno));
	closedir(dir);
	is(found, ARRAY_LEN(attributes), "%s has all attributes, for everybody to read", view);
	is(others, 0, "and no others");
}

static void test_number(const char *view)
{
	char path[128], text[64], want[64];
	struct stat st = { 0 };

	snprintf(path, sizeof(path), "/dev/mshare/" NAME "/%s", view);
	stat(path, &st);
	snprintf(want, sizeof(want), "%u:%u\n", major(st.st_rdev), minor(st.st_rdev));
	read_text(path_of(view, "dev"), text, sizeof(text));
	ok(!strcmp(text, want), "dev of %s is its node's number", view);
}

static int read_as_stranger(void *arg)
{
	char text[64];

	return read_text(arg, text, sizeof(text));
}

/* A page in a pipe is a use of it, until the pipe is gone. */
static void test_busy(char *base, uint64_t page)
{
	struct iovec iov = { base + page + 4096 * (page > SZ_4K), 4096 };
	int fd[2];

	says("busy", 0);
	if (pipe2(fd, O_CLOEXEC) || vmsplice(fd[1], &iov, 1, 0) != 4096)
		bail("vmsplice: %s", strerror(errno));
	says("busy", page);
	close(fd[0]);
	close(fd[1]);
	for (int ms = 0; ms < 10000 && read_long(path_of("rw", "busy")); ms++)
		usleep(1000);
	says("busy", 0);
}

static void test_attached(void)
{
	struct peer a, b;

	says("attached", 0);
	a = view_peer(NAME, "rw", PROT_READ | PROT_WRITE);
	says("attached", 1);
	b = view_peer(NAME, "mixed", PROT_READ | PROT_WRITE);
	says("attached", 2);
	PEER(a, .op = PEER_DETACH);
	says("attached", 1);
	peer_kill(&b);
	says("attached", 0);
	peer_kill(&a);
}

static void test_leaves(int fd)
{
	peer_read_file("/proc/self/smaps");
	says("demotions", 2);
	for (int ms = 0; ms < 60000 && view_region(fd).promotions < 2; ms++)
		usleep(1000);
	says("promotions", 2);
}

static void test_end(int fd)
{
	char text[64];
	int attr = open(path_of("mixed", "exported"), O_RDONLY | O_CLOEXEC);

	region_unlink(NAME);
	for (size_t i = 0; i < ARRAY_LEN(views); i++)
		is(access(path_of(views[i], ""), F_OK), -1, "%s goes with the name", views[i]);
	is(read(attr, text, sizeof(text)), -1, "an attribute that is open cannot be read");
	is(errno, ENODEV, "(ENODEV)");
	ok(view_region(fd).flags & MSHAREARENA_REGION_UNLINKED, "the region is still there");
	close(attr);
	close(fd);
}

static void test_size(uint64_t page)
{
	char *base;
	int fd;

	diag("pages of %lu KiB", (unsigned long)page >> 10);
	region_anew(NAME, page, 3 * page);
	fd = view_open(NAME, "rw", O_RDWR);
	is(layout_add(NAME, "mixed", "wr.", page), 0, "a third view");
	for (size_t i = 0; i < ARRAY_LEN(views); i++) {
		test_files(views[i]);
		test_number(views[i]);
	}
	all_say(fd);
	says("exported", 0);
	is(donate(fd, page, 2 * page, 0), 0, "two pages of memory");
	says("exported", 2 * page);
	all_say(fd);
	test_attached();
	base = attach(fd, PROT_READ | PROT_WRITE);
	test_busy(base, page);
	if (page == SZ_1G)
		test_leaves(fd);
	all_say(fd);
	munmap(base, SLOT);
	is(as(&(struct user){ .uid = 1003, .gid = 1003 }, read_as_stranger,
	      (void *)path_of("rw", "exported")), 0, "a stranger may read how much there is");
	test_end(fd);
}

int main(int argc, char **argv)
{
	peer_main(argc, argv);
	reserve_2m(16);
	need_1g(2);
	test_size(SZ_4K);
	test_size(SZ_2M);
	test_size(SZ_1G);
	return done_testing();
}
