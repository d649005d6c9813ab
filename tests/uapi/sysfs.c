// SPDX-License-Identifier: MIT
/* vm: long */
/*
 * Goal: a view's directory in sysfs has the files that the driver core makes for every
 * device, and none of the module's own. The region's numbers are in GET_REGION, fdinfo and
 * debugfs.
 */
#include "views.h"

#include <dirent.h>
#include <sys/sysmacros.h>

#define NAME "test-sysfs"
#define CLASS "/sys/class/mshare"

static const char *const views[] = { "rw", "ro", "mixed" };

static const char *path_of(const char *view, const char *file)
{
	static char path[512];

	snprintf(path, sizeof(path), CLASS "/" NAME "!%s/%s", view, file);
	return path;
}

/* Some kernels also make links to other devices, and "power" is a directory. */
static bool is_core(const char *name)
{
	static const char *const core[] = {
		".", "..", "dev", "uevent", "subsystem", "power", "waiting_for_supplier",
	};

	for (size_t i = 0; i < ARRAY_LEN(core); i++)
		if (!strcmp(name, core[i]))
			return true;
	return false;
}

static void test_files(const char *view)
{
	DIR *dir = opendir(path_of(view, ""));
	unsigned int others = 0;
	struct dirent *d;

	if (!dir)
		bail("%s: %s", path_of(view, ""), strerror(errno));
	while ((d = readdir(dir))) {
		if (is_core(d->d_name))
			continue;
		diag("%s has %s", view, d->d_name);
		others++;
	}
	closedir(dir);
	is(others, 0, "the directory of %s has only files of the driver core", view);
	is(access(path_of(view, "dev"), R_OK), 0, "the directory of %s has dev", view);
	is(access(path_of(view, "uevent"), R_OK), 0, "the directory of %s has uevent", view);
	is(access(path_of(view, "subsystem"), F_OK), 0,
	   "the directory of %s has subsystem", view);
}

static void test_number(const char *view)
{
	char path[128], text[64] = "", want[64];
	struct stat st = { 0 };
	FILE *f;

	snprintf(path, sizeof(path), "/dev/mshare/" NAME "/%s", view);
	stat(path, &st);
	snprintf(want, sizeof(want), "%u:%u\n", major(st.st_rdev), minor(st.st_rdev));
	f = fopen(path_of(view, "dev"), "re");
	if (!f || !fgets(text, sizeof(text), f))
		bail("%s: %s", path_of(view, "dev"), strerror(errno));
	fclose(f);
	ok(!strcmp(text, want), "the file dev of %s has the number of its node", view);
}

static unsigned int entries(void)
{
	DIR *dir = opendir(CLASS);
	unsigned int n = 0;

	if (!dir)
		bail(CLASS ": %s", strerror(errno));
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

/* A view without a node has no directory in sysfs. */
static void test_no_node(void)
{
	struct msharearena_create c = create_args(NAME, SZ_2M, SZ_2M);
	unsigned int before = entries();
	int fd;

	c.flags = MSHAREARENA_NO_NODE;
	c.mode = 0;
	fd = create_open(&c);
	ok(fd >= 0, "a region without nodes is created");
	is(entries(), before, "a region without nodes has no directory in " CLASS);
	close(fd);
}

int main(void)
{
	int fd = region_anew_open(NAME, SZ_2M, 3 * SZ_2M);

	is(layout_add(NAME, "mixed", "wr.", SZ_2M), 0, "a third view is added");
	for (size_t i = 0; i < ARRAY_LEN(views); i++) {
		test_files(views[i]);
		test_number(views[i]);
	}
	is(view_unlink(fd), 0, "the region is unlinked while it is open");
	for (size_t i = 0; i < ARRAY_LEN(views); i++)
		is(access(path_of(views[i], ""), F_OK), -1,
		   "the directory of %s is removed by UNLINK", views[i]);
	close(fd);
	test_no_node();
	return done_testing();
}
