// SPDX-License-Identifier: MIT
/* vm: long */
/*
 * Goal: user namespaces do not multiply a user's quota: what any id uses in a namespace, at
 * any depth, also counts for the user who made it.
 *
 * timeout: 300
 */
#include "userns.h"

#include <sys/resource.h>

#define NAME "test-caps-ns"
#define MAKER 1001
#define STRANGER 1003
#define MAP "0 1001 1\n1 100001 8\n"
#define STRANGERS_MAP "0 1003 1\n1 200001 8\n"
#define MANY 12

static const struct user maker = { .name = "the maker", .uid = MAKER, .gid = MAKER };

static const char *numbered(int n)
{
	static char name[32];

	snprintf(name, sizeof(name), NAME "-%d", n);
	return name;
}

static void unlink_all(void)
{
	for (int n = 0; n < MANY; n++)
		region_unlink(numbered(n));
}

static int create_one(void *arg)
{
	return region_create(numbered(*(int *)arg), SZ_4K, 64 * SZ_2M);
}

/* Create a region as @uid in a namespace that @who has made. */
static int create_in(uid_t who, uid_t uid, int n)
{
	struct userns ns = {
		.maker = who, .map = who == MAKER ? MAP : STRANGERS_MAP, .uid = uid,
	};

	return in_userns(&ns, create_one, &n);
}

static void test_regions(void)
{
	int n;

	param_set("user_regions", 3);
	is(create_in(MAKER, 1, 0), 0,
	   "an id in a user's namespace creates the first region of three");
	is(create_in(MAKER, 2, 1), 0,
	   "another id in the namespace creates the second region of three");
	n = 2;
	is(as(&maker, create_one, &n), 0,
	   "the user creates the third region outside of the namespace");
	is(create_in(MAKER, 3, 3), -EDQUOT,
	   "a third id in the namespace cannot create a fourth region");
	is(create_in(MAKER, 1, 3), -EDQUOT,
	   "an id of the namespace that has a region cannot create a fourth one");
	is(create_in(MAKER, 0, 3), -EDQUOT, "root of the namespace cannot create a fourth region");
	n = 3;
	is(as(&maker, create_one, &n), -EDQUOT,
	   "the user who made the namespace cannot create a fourth region");
	is(create_in(STRANGER, 1, 4), 0, "an id in another user's namespace can create a region");
	region_unlink(numbered(1));
	is(create_in(MAKER, 5, 3), 0, "after a region of one id ended another id can create one");
	is(create_in(MAKER, 6, 5), -EDQUOT, "after a region ended only one other can be created");
	unlink_all();
	for (n = 0; n < 3; n++)
		is(as(&maker, create_one, &n), 0,
		   "after all regions ended the user can create region %d of 3", n);
	unlink_all();
}

/* ---- a namespace within ---- */

static int write_own(const char *file, const char *text)
{
	int fd = open(file, O_WRONLY | O_CLOEXEC);
	int ret = fd < 0 || write(fd, text, strlen(text)) < 0 ? -errno : 0;

	close(fd);
	return ret;
}

static int create_deeper(void *arg)
{
	char map[32];
	int ret;

	snprintf(map, sizeof(map), "0 %u 1", getuid());
	if (unshare(CLONE_NEWUSER))
		return -ENOSYS;
	ret = write_own("/proc/self/setgroups", "deny");
	if (!ret)
		ret = write_own("/proc/self/uid_map", map);
	if (!ret)
		ret = write_own("/proc/self/gid_map", map);
	return ret ? -EXDEV : create_one(arg);
}

static void test_deeper(void)
{
	const struct userns ns = { .maker = MAKER, .map = MAP, .uid = 7 };
	int n = 0;

	param_set("user_regions", 2);
	is(in_userns(&ns, create_deeper, &n), 0,
	   "an id in a namespace within a namespace creates the first region of two");
	n = 1;
	is(as(&maker, create_one, &n), 0, "the outermost user creates the second region of two");
	n = 2;
	is(in_userns(&ns, create_deeper, &n), -EDQUOT,
	   "an id in the inner namespace cannot create a third region");
	is(as(&maker, create_one, &n), -EDQUOT, "the outermost user cannot create a third region");
	unlink_all();
}

/* ---- memory ---- */

static int export_one(void *arg)
{
	int fd = view_open(NAME, "rw", O_RDWR);

	return fd < 0 ? -ENOLINK : donate(fd, SZ_4K, SZ_2M, *(int *)arg * SZ_2M);
}

static int export_in(uid_t who, uid_t uid, int n)
{
	struct userns ns = {
		.maker = who, .map = who == MAKER ? MAP : STRANGERS_MAP, .uid = uid,
	};

	return in_userns(&ns, export_one, &n);
}

static void test_bytes(void)
{
	struct msharearena_create c = create_args(NAME, SZ_4K, 64 * SZ_2M);
	struct rlimit none = { RLIM_INFINITY, RLIM_INFINITY };
	int n = 2;

	setrlimit(RLIMIT_MEMLOCK, &none);
	param_set("user_mbytes", 4);
	c.mode = 0666;
	region_unlink(NAME);
	if (create_named(&c))
		bail("create");
	is(export_in(MAKER, 1, 0), 0, "an id in a user's namespace exports the first 2 MiB of 4");
	is(export_in(MAKER, 2, 1), 0, "another id in the namespace exports the second 2 MiB of 4");
	is(export_in(MAKER, 3, 2), -EDQUOT,
	   "a third id in the namespace cannot export more than 4 MiB");
	is(as(&maker, export_one, &n), -EDQUOT,
	   "the user outside of the namespace cannot export more than 4 MiB");
	is(export_in(STRANGER, 1, 2), 0, "an id in another user's namespace can export 2 MiB");
	region_unlink(NAME);
	if (create_named(&c))
		bail("create");
	is(as(&maker, export_one, &n), 0,
	   "the user can export again after a region of an id ended");
	region_unlink(NAME);
}

int main(void)
{
	if (access("/proc/self/ns/user", F_OK)) {
		skip("this kernel has no user namespaces (CONFIG_USER_NS)");
		return done_testing();
	}
	param_keep();
	unlink_all();
	control_for_all(true);
	test_regions();
	test_deeper();
	test_bytes();
	control_for_all(false);
	return done_testing();
}
