// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "user.h"

#include <common/log.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

#include "sandbox.h"

int user_find(const char *name, struct user *u)
{
	const struct passwd *entry = getpwnam(name);

	if (!entry)
		return -ENOENT;
	*u = (struct user){ .name = name, .uid = entry->pw_uid, .gid = entry->pw_gid };
	return 0;
}

int user_become(const struct user *u)
{
	int ret = 0;

	if (!u->name)
		return 0;
	/* Only now: who has no capability cannot drop any from the bounding set. */
	ret = sandbox_drop_bounding();
	if (ret && ret != -EPERM)
		log_warn("cannot drop capabilities: %s", log_reason(-ret));
	ret = 0;
	if (initgroups(u->name, u->gid) || setresgid(u->gid, u->gid, u->gid) ||
	    setresuid(u->uid, u->uid, u->uid)) {
		ret = -errno;
		log_error("cannot become user %s: %s", u->name, log_reason(-ret));
	}
	return ret;
}
