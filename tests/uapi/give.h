/* SPDX-License-Identifier: MIT */
/*
 * Helpers for tests of descriptors that are sent to another process, which has no other
 * access to the region.
 */
#ifndef UAPI_GIVE_H
#define UAPI_GIVE_H

#include "users.h"

static const struct user stranger = { .name = "a stranger", .uid = 1003, .gid = 2003 };

static inline void send_fd(int sock, int fd)
{
	char byte = 0, space[CMSG_SPACE(sizeof(fd))] = { 0 };
	struct iovec iov = { &byte, 1 };
	struct msghdr m = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = space, .msg_controllen = sizeof(space),
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	if (sendmsg(sock, &m, 0) != 1)
		bail("sendmsg: %s", strerror(errno));
}

static inline int receive_fd(int sock)
{
	char byte, space[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { &byte, 1 };
	struct msghdr m = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = space, .msg_controllen = sizeof(space),
	};
	struct cmsghdr *c;
	int fd = -1;

	if (recvmsg(sock, &m, MSG_CMSG_CLOEXEC) == 1) {
		c = CMSG_FIRSTHDR(&m);
		if (c && c->cmsg_type == SCM_RIGHTS)
			memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	}
	return fd;
}

/* Send @fd to an unprivileged process that has no other file; returns fn()'s result there. */
static inline int give(int fd, int (*fn)(int fd))
{
	int sv[2], ret;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv))
		bail("socketpair: %s", strerror(errno));
	pid = fork();
	if (!pid) {
		if (dup2(sv[1], 3) != 3 || syscall(SYS_close_range, 4, ~0U, 0) ||
		    user_become(&stranger))
			_exit(ECHILD);
		fd = receive_fd(3);
		ret = fd < 0 ? -ENOLINK : fn(fd);
		_exit(ret < 0 ? -ret : 0);
	}
	send_fd(sv[0], fd);
	ret = user_wait(pid);
	close(sv[0]);
	close(sv[1]);
	return ret;
}

/* ---- what that process does with the file; each returns 0 or -errno ---- */

static inline int given_reopen(int fd, int flags)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	fd = open(path, flags | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

static inline int given_reopen_reading(int fd)
{
	return given_reopen(fd, O_RDONLY);
}

static inline int given_reopen_writing(int fd)
{
	return given_reopen(fd, O_RDWR);
}

static inline int given_store_42(int fd)
{
	char *base = attach(fd, PROT_READ | PROT_WRITE);

	return !base ? -errno : try_store(base, 42) ? -EFAULT : 0;
}

/* EEXIST if the memory can be stored to as well. */
static inline int given_load_42(int fd)
{
	char *base = attach(fd, PROT_READ);
	uint64_t value;

	if (!base)
		return -errno;
	if (!try_store(base, 43))
		return -EEXIST;
	return try_load(base, &value) ? -EFAULT : value == 42 ? 0 : -EILSEQ;
}

static inline int given_take(int fd)
{
	return take(fd, -1, 0);
}

#endif /* UAPI_GIVE_H */
