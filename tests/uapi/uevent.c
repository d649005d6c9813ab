// SPDX-License-Identifier: MIT
/* vm: long */
/* Goal: udev gets complete uevents when views are added and removed. */
#include "uevents.h"
#include "views.h"

#include <sys/sysmacros.h>

#define NAME "test-uevent"

static int sock;

static void variable(const struct uevent *e, const char *name, const char *want)
{
	ok(!strcmp(uevent_get(e, name), want), "the uevent has %s=%s", name, want);
	if (strcmp(uevent_get(e, name), want))
		diag("it is %s", uevent_get(e, name));
}

/* Expect one uevent about a view, with all variables. */
static void expect(const char *action, const char *view, dev_t number, const char *mode,
		   const char *uid, const char *gid)
{
	struct uevent e = { .len = 0 };
	char text[128];

	if (!ok(uevent_next(sock, NAME, 60000, &e),
		"there is a uevent for %s of the view %s", action, view))
		return;
	snprintf(text, sizeof(text), "%s@/devices/virtual/mshare/" NAME "!%s", action, view);
	ok(!strcmp(e.text, text), "the uevent has the header %s", text);
	variable(&e, "ACTION", action);
	variable(&e, "SUBSYSTEM", "mshare");
	variable(&e, "DEVTYPE", "mshare_view");
	variable(&e, "MSHARE_REGION", NAME);
	variable(&e, "MSHARE_VIEW", view);
	snprintf(text, sizeof(text), "mshare/" NAME "/%s", view);
	variable(&e, "DEVNAME", text);
	variable(&e, "DEVMODE", mode);
	variable(&e, "DEVUID", uid);
	variable(&e, "DEVGID", gid);
	snprintf(text, sizeof(text), "%u", major(number));
	variable(&e, "MAJOR", text);
	snprintf(text, sizeof(text), "%u", minor(number));
	variable(&e, "MINOR", text);
}

static dev_t number_of(const char *view)
{
	struct stat st = { 0 };
	char path[128];

	snprintf(path, sizeof(path), "/dev/mshare/" NAME "/%s", view);
	if (stat(path, &st))
		bail("%s: %s", path, strerror(errno));
	return st.st_rdev;
}

static void add(const char *view, mode_t mode, uid_t uid, gid_t gid, uint32_t prot)
{
	struct msharearena_range r = { .length = SZ_2M, .prot = prot };
	struct msharearena_view v = view_args(view, &r, 1);

	v.mode = mode;
	v.uid = uid;
	v.gid = gid;
	is(add_view(NAME, &v), 0, "the view %s is added", view);
}

static void test_owned(void)
{
	struct msharearena_create c = create_args(NAME, SZ_2M, SZ_2M);
	dev_t rw, ro, look;

	c.uid = 1001;
	c.gid = 2001;
	c.mode = 0660;
	is(create_named(&c), 0, "a region with an owner is created");
	rw = number_of("rw");
	ro = number_of("ro");
	expect("add", "rw", rw, "0660", "1001", "2001");
	expect("add", "ro", ro, "0440", "1001", "2001");
	/* Calls that fail must send no uevent: the next one must be that of the next view. */
	is(create_named(&c), -EEXIST, "creating the same region again gives EEXIST");
	is(layout_add(NAME, "rw", "w", SZ_2M), -EEXIST,
	   "adding a view of a name that is taken gives EEXIST");
	is(layout_add(NAME, "bad", "ww", SZ_2M), -ERANGE,
	   "adding a view that is too long gives ERANGE");
	add("look", 0664, 1002, 2002, PROT_R);
	look = number_of("look");
	expect("add", "look", look, "0444", "1002", "2002");
	is(region_unlink(NAME), 0, "a region with a third view is unlinked");
	expect("remove", "rw", rw, "0660", "1001", "2001");
	expect("remove", "ro", ro, "0440", "1001", "2001");
	expect("remove", "look", look, "0444", "1002", "2002");
}

/* The kernel omits the variables of an owner and a group that are root. */
static void test_roots(void)
{
	dev_t rw, ro, mine;

	is(region_create(NAME, SZ_2M, SZ_2M), 0, "a region of root is created");
	rw = number_of("rw");
	ro = number_of("ro");
	expect("add", "rw", rw, "0600", "(none)", "(none)");
	expect("add", "ro", ro, "0400", "(none)", "(none)");
	add("mine", 0640, 0, 5, PROT_RW);
	mine = number_of("mine");
	expect("add", "mine", mine, "0640", "(none)", "5");
	is(region_unlink(NAME), 0, "a region of root is unlinked");
	expect("remove", "rw", rw, "0600", "(none)", "(none)");
	expect("remove", "ro", ro, "0400", "(none)", "(none)");
	expect("remove", "mine", mine, "0640", "(none)", "5");
}

/* udevadm trigger repeats uevents for listeners that missed them. */
static void test_trigger(void)
{
	dev_t rw, ro;
	int fd;

	is(region_create(NAME, SZ_2M, SZ_2M), 0, "a region is created whose uevents are triggered");
	rw = number_of("rw");
	ro = number_of("ro");
	expect("add", "rw", rw, "0600", "(none)", "(none)");
	expect("add", "ro", ro, "0400", "(none)", "(none)");
	fd = open("/sys/class/mshare/" NAME "!rw/uevent", O_WRONLY | O_CLOEXEC);
	is(write(fd, "change", 6), 6, "a uevent can be triggered by writing to sysfs");
	close(fd);
	expect("change", "rw", rw, "0600", "(none)", "(none)");
	is(region_unlink(NAME), 0, "a region whose uevents were triggered is unlinked");
	expect("remove", "rw", rw, "0600", "(none)", "(none)");
	expect("remove", "ro", ro, "0400", "(none)", "(none)");
}

int main(void)
{
	region_unlink(NAME);
	sock = uevent_open();
	test_owned();
	test_roots();
	test_trigger();
	return done_testing();
}
