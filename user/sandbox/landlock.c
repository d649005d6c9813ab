// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include <common/log.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "measures.h"

/* The headers may be older than the kernel. */
#define FS_OF_1		((1ULL << 13) - 1)
#define FS_REFER	(1ULL << 13)
#define FS_TRUNCATE	(1ULL << 14)
#define FS_IOCTL_DEV	(1ULL << 15)
#define NET_TCP		3ULL
#define SCOPE_ALL	3ULL

/**
 * struct ruleset - struct landlock_ruleset_attr as of version 6
 * @fs: uses of files that need a rule
 * @net: uses of TCP that need one
 * @scoped: what may not leave the domain
 */
struct ruleset {
	uint64_t fs;
	uint64_t net;
	uint64_t scoped;
};

/* The filter of a container may forbid the call, which is as if there were none. */
static int version(void)
{
	int ret = (int)syscall(SYS_landlock_create_ruleset, NULL, 0,
			       LANDLOCK_CREATE_RULESET_VERSION);

	if (ret < 0)
		return errno == EPERM || errno == EACCES ? -EOPNOTSUPP : -errno;
	return ret;
}

static int make_ruleset(int abi)
{
	struct ruleset r = { .fs = FS_OF_1 };
	size_t size = abi >= 6 ? sizeof(r) : abi >= 4 ? 16 : 8;
	int ret;

	if (abi >= 2)
		r.fs |= FS_REFER;
	if (abi >= 3)
		r.fs |= FS_TRUNCATE;
	if (abi >= 4)
		r.net = NET_TCP;
	if (abi >= 5)
		r.fs |= FS_IOCTL_DEV;
	if (abi >= 6)
		r.scoped = SCOPE_ALL;
	ret = (int)syscall(SYS_landlock_create_ruleset, &r, size, 0);
	return ret < 0 ? -errno : ret;
}

static int allow(int ruleset, const char *folder, uint64_t access)
{
	struct landlock_path_beneath_attr rule = { .allowed_access = access };
	int ret = 0;

	rule.parent_fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (rule.parent_fd < 0)
		return -errno;
	if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0))
		ret = -errno;
	close(rule.parent_fd);
	return ret;
}

/* What a rule allows has to be among what the ruleset forbids. */
static uint64_t reading(int abi)
{
	uint64_t access = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;

	return abi >= 5 ? access | FS_IOCTL_DEV : access;
}

static int allow_all(int ruleset, int abi, const struct sandbox_profile *p)
{
	int ret = 0;

	for (unsigned int i = 0; i < p->n_folders && !ret; i++)
		ret = allow(ruleset, p->folder[i], LANDLOCK_ACCESS_FS_REMOVE_FILE);
	for (unsigned int i = 0; i < p->n_read_folders && !ret; i++)
		ret = allow(ruleset, p->read_folder[i], reading(abi));
	if (!ret && SANDBOX_FOR_SANITIZER)
		ret = allow(ruleset, "/", LANDLOCK_ACCESS_FS_EXECUTE |
			    LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR);
	return ret;
}

static int enter(int abi, const struct sandbox_profile *p)
{
	int ruleset = make_ruleset(abi), ret;

	if (ruleset < 0)
		return ruleset;
	ret = allow_all(ruleset, abi, p);
	if (!ret && syscall(SYS_landlock_restrict_self, ruleset, 0))
		ret = -errno;
	close(ruleset);
	return ret;
}

int sandbox_landlock(const struct sandbox_profile *p)
{
	int abi = version();
	int files = sandbox_result(p, "Landlock for files", SANDBOX_LANDLOCK,
				   abi < 0 ? abi : enter(abi, p));
	int tcp, scopes;

	if (files)
		return files;
	tcp = sandbox_result(p, "Landlock for TCP", SANDBOX_LANDLOCK_TCP,
			     abi >= 4 ? 0 : -EOPNOTSUPP);
	if (tcp < 0)
		return tcp;
	scopes = sandbox_result(p, "Landlock for signals and abstract sockets",
				SANDBOX_LANDLOCK_SCOPES, abi >= 6 ? 0 : -EOPNOTSUPP);
	return scopes < 0 ? scopes : tcp | scopes;
}
