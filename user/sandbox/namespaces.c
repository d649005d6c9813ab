// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "measures.h"

/* What a process without sockets of its own making needs none of. */
#define EMPTY	(CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS)

/* A folder of every machine, over which the empty file system is mounted. */
#define PLACE	"/proc"

/*
 * Sockets and files that are open stay what they are. Who has no privilege makes a user namespace
 * first, in which the others may be made. Its capabilities are dropped with all others, so this is
 * not for a process that keeps some.
 */
static int leave(int namespaces, bool keeps_capabilities)
{
	if (!unshare(namespaces))
		return 0;
	if (errno != EPERM || keeps_capabilities)
		return -errno;
	return unshare(CLONE_NEWUSER | namespaces) ? -errno : 0;
}

/* The old root is mounted on the new one for a moment, and nothing else is there. */
static int empty_root(void)
{
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("none", PLACE, "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
		  "size=4k,nr_inodes=2,mode=555") ||
	    chdir(PLACE) || syscall(SYS_pivot_root, ".", ".") || umount2(".", MNT_DETACH) ||
	    chdir("/"))
		return -errno;
	return 0;
}

int sandbox_namespaces(const struct sandbox_profile *p)
{
	bool has_files = p->n_folders || p->n_read_folders || SANDBOX_FOR_SANITIZER;
	int ret = leave(has_files ? EMPTY : EMPTY | CLONE_NEWNS, p->capabilities);

	ret = sandbox_result(p, "no network and no IPC objects", SANDBOX_NAMESPACES, ret);
	if (ret || has_files)
		return ret;
	return sandbox_result(p, "an empty file system", SANDBOX_NAMESPACES, empty_root());
}
