/* SPDX-License-Identifier: MIT */
/* Helpers for tests of permissions and limits: one call as another user. */
#ifndef UAPI_USERS_H
#define UAPI_USERS_H

#include "util.h"

#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>

#define CAP(name) (1ULL << CAP_##name)

/**
 * struct user - a user as whom a child acts
 * @name: the user's name in the report
 * @uid: user
 * @gid: group
 * @also: another group of the user, or 0
 * @caps: capabilities of a user other than root
 */
struct user {
	const char *name;
	uid_t uid;
	gid_t gid;
	gid_t also;
	uint64_t caps;
};

static inline int user_caps(uint64_t caps)
{
	struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct d[2] = {
		{ .effective = caps, .permitted = caps },
		{ .effective = caps >> 32, .permitted = caps >> 32 },
	};

	return syscall(SYS_capset, &h, d);
}

/* Become the user for good, and stay the owner of /proc/self. */
static inline int user_become(const struct user *u)
{
	if (setgroups(!!u->also, &u->also) || setresgid(u->gid, u->gid, u->gid))
		return -errno;
	if (u->uid && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0))
		return -errno;
	if (setresuid(u->uid, u->uid, u->uid) || (u->uid && user_caps(u->caps)))
		return -errno;
	return prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) ? -errno : 0;
}

/* Wait for a child that exits with 0 or an errno; returns 0 or -errno. */
static inline int user_wait(pid_t pid)
{
	int status;

	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		bail("a child: %s", strerror(errno));
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -ECHILD;
}

/* Call fn(arg) in a child as this user; returns its result, 0 or -errno. */
static inline int as(const struct user *u, int (*fn)(void *arg), void *arg)
{
	pid_t pid = fork();
	int ret;

	if (!pid) {
		ret = user_become(u);
		if (ret)
			ret = -EXDEV;	/* no call of these tests gives this error */
		else
			ret = fn(arg);
		_exit(ret < 0 ? -ret : 0);
	}
	return user_wait(pid);
}

/* Allow everybody to create regions, or only root. */
static inline void control_for_all(bool on)
{
	if (chmod("/dev/msharearena", on ? 0666 : 0600))
		bail("chmod /dev/msharearena: %s", strerror(errno));
}

#define PARAMETERS "/sys/module/msharearena/parameters/"

static inline void param_set(const char *name, unsigned long value)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), PARAMETERS "%s", name);
	f = fopen(path, "we");
	if (!f || fprintf(f, "%lu", value) < 0 || fclose(f))
		bail("%s: %s", path, strerror(errno));
}

static unsigned long param_kept[2];

static inline void param_restore(void)
{
	param_set("user_regions", param_kept[0]);
	param_set("user_mbytes", param_kept[1]);
}

/* Restore the limits at exit, however the test ends. */
static inline void param_keep(void)
{
	param_kept[0] = read_long(PARAMETERS "user_regions");
	param_kept[1] = read_long(PARAMETERS "user_mbytes");
	atexit(param_restore);
}

#endif /* UAPI_USERS_H */
