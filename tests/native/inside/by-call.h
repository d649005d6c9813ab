/* SPDX-License-Identifier: MIT */
/*
 * Attempts by system calls. Each returns a negative error if it was refused. $BREAKOUT_DISK is the
 * disk that the process may not open. This header must not know of rings or of the region.
 */
#ifndef INSIDE_BY_CALL_H
#define INSIDE_BY_CALL_H

#include <arpa/inet.h>
#include <linux/capability.h>
#include <linux/io_uring.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "without.h"

#define GIB	(1ULL << 30)
#define FAR	((off_t)(8 * GIB))

/* The system call itself, past the functions of without.h. */
#define raw(...)	(REAL(syscall)(__VA_ARGS__))

static int call(long ret)
{
	return ret < 0 ? -errno : 0;
}

/* Of a call that returns a descriptor. */
static int call_fd(long ret)
{
	int err = errno;

	if (ret >= 0)
		close((int)ret);
	return ret < 0 ? -err : 0;
}

static const char *disk(void)
{
	const char *path = getenv("BREAKOUT_DISK");

	return path ? path : "/nothing";
}

static int open_disk(void)
{
	return call_fd(raw(SYS_openat, AT_FDCWD, disk(), O_RDWR));
}

static int read_file(void)
{
	return call_fd(raw(SYS_openat, AT_FDCWD, "/etc/passwd", O_RDONLY));
}

static int make_file(void)
{
	const char *path = "/tmp/breakout-file";
	int ret = call_fd(raw(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT, 0600));

	if (!ret)
		raw(SYS_unlink, path);
	return ret;
}

static int execute(void)
{
	char *const none[] = { NULL };

	return call(raw(SYS_execve, "/bin/true", none, none));
}

static struct sockaddr_in loopback(void)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons(9),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
}

static int reach_port(void)
{
	struct sockaddr_in to = loopback();
	long fd = raw(SYS_socket, AF_INET, SOCK_DGRAM, 0);
	int ret = fd < 0 ? -errno : call(raw(SYS_connect, fd, &to, sizeof(to)));

	if (fd >= 0)
		close((int)fd);
	return ret;
}

static int listen_anywhere(void)
{
	struct sockaddr_in any = { .sin_family = AF_INET };
	long fd = raw(SYS_socket, AF_INET, SOCK_STREAM, 0);
	int ret = fd < 0 ? -errno : call(raw(SYS_bind, fd, &any, sizeof(any)));

	if (!ret)
		ret = call(raw(SYS_listen, fd, 1));
	if (fd >= 0)
		close((int)fd);
	return ret;
}

static int make_ring(void)
{
	return call_fd(raw(SYS_io_uring_setup, 1, &(struct io_uring_params){ 0 }));
}

static int gain_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };

	raw(SYS_capget, &header, data);
	data[0].permitted |= 1;
	data[0].effective |= 1;
	return call(raw(SYS_capset, &header, data));
}

static int make_namespace(void)
{
	return call(raw(SYS_unshare, CLONE_NEWUTS));
}

/* Nothing of it is locked, so the call does nothing where it is allowed. */
static int unlock_file(void)
{
	const struct flock all = { .l_type = F_UNLCK, .l_whence = SEEK_SET };

	return call(raw(SYS_fcntl, STDERR_FILENO, F_OFD_SETLK, &all));
}

static int raise_limit(void)
{
	const struct rlimit more = { 40, 40 };

	return call(raw(SYS_prlimit64, 0, RLIMIT_NICE, &more, NULL));
}

static int make_code(void)
{
	void *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int ret = memory == MAP_FAILED ? -errno :
		  call(raw(SYS_mprotect, memory, 4096, PROT_READ | PROT_EXEC));

	if (memory != MAP_FAILED)
		munmap(memory, 4096);
	return ret;
}

static int fill(int flags)
{
	void *memory = mmap(NULL, 64 * GIB, PROT_READ | PROT_WRITE,
			    flags | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED)
		return -errno;
	munmap(memory, 64 * GIB);
	return 0;
}

static int fill_shared(void)
{
	return fill(MAP_SHARED);
}

static int fill_private(void)
{
	return fill(MAP_PRIVATE);
}

#endif /* INSIDE_BY_CALL_H */
