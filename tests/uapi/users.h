/* SPDX-License-Identifier: MIT */
/* For tests of permissions and limits: doing one thing as somebody else. */
#ifndef UAPI_USERS_H
#define UAPI_USERS_H

#include "util.h"

#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>

#define CAP(name) (1ULL << CAP_##name)

/**
 * struct user - who
 * @name: what the test calls him
 * @uid: user
 * @gid: group
 * @also: another group he is in, 0 for none
 * @caps: capabilities that a user other than root has
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

/* Become him, for good. His /proc/self stays his. */
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

/* A child that ends with 0 or an errno; -errno is the answer. */
static inline int user_wait(pid_t pid)
{
	int status;

	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		bail("a child: %s", strerror(errno));
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -ECHILD;
}

/* fn(arg) as this user, in a child; what it answers, 0 or -errno. */
static inline int as(const struct user *u, int (*fn)(void *arg), void *arg)
{
	pid_t pid = fork();
	int ret;

	if (!pid) {
		ret = user_become(u);
		if (ret)
			ret = -EXDEV;	/* says nothing else here */
		else
			ret = fn(arg);
		_exit(ret < 0 ? -ret : 0);
	}
	return user_wait(pid);
}

/* Let everybody create regions, or nobody again. */
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

/* However the test ends, the limits are as they were. */
static inline void param_keep(void)
{
	param_kept[0] = read_long(PARAMETERS "user_regions");
	param_kept[1] = read_long(PARAMETERS "user_mbytes");
	atexit(param_restore);
}

#endif /* UAPI_USERS_H */
