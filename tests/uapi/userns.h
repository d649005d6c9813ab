/* SPDX-License-Identifier: MIT */
/* Helpers for tests of user namespaces: one call in a namespace that a user has made. */
#ifndef UAPI_USERNS_H
#define UAPI_USERNS_H

#include "users.h"

#include <sched.h>

/**
 * struct userns - a user namespace
 * @maker: user and group that make the namespace
 * @map: its user and group ids, in the format of /proc/PID/uid_map
 * @uid: user and group that act in the namespace, in its own numbers
 */
struct userns {
	uid_t maker;
	const char *map;
	uid_t uid;
};

static inline void userns_write_map(pid_t pid, const char *file, const char *map)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, map, strlen(map)) != (ssize_t)strlen(map))
		bail("%s: %s", path, strerror(errno));
	close(fd);
}

/* The child's part: enter a new namespace, whose maps the parent writes. */
static inline void userns_enter(const struct userns *ns, int sock)
{
	const struct user maker = { .uid = ns->maker, .gid = ns->maker };
	char byte = 0;

	if (user_become(&maker) || unshare(CLONE_NEWUSER))
		_exit(ENOSYS);
	if (write(sock, &byte, 1) != 1 || read(sock, &byte, 1) != 1)
		_exit(ECHILD);
	if (setresgid(ns->uid, ns->uid, ns->uid) || setresuid(ns->uid, ns->uid, ns->uid) ||
	    prctl(PR_SET_DUMPABLE, 1, 0, 0, 0))
		_exit(ECHILD);
}

/* Call fn(arg) in a child in the namespace; returns its result, 0 or -errno. */
static inline int in_userns(const struct userns *ns, int (*fn)(void *arg), void *arg)
{
	char byte = 0;
	pid_t pid;
	int sv[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv))
		bail("socketpair: %s", strerror(errno));
	pid = fork();
	if (!pid) {
		close(sv[0]);
		userns_enter(ns, sv[1]);
		_exit(-fn(arg));
	}
	close(sv[1]);
	/* The child sends no byte if it cannot make a namespace. */
	if (read(sv[0], &byte, 1) == 1) {
		userns_write_map(pid, "uid_map", ns->map);
		userns_write_map(pid, "gid_map", ns->map);
		if (write(sv[0], &byte, 1) != 1)
			bail("a child: %s", strerror(errno));
	}
	close(sv[0]);
	return user_wait(pid);
}

#endif /* UAPI_USERNS_H */
