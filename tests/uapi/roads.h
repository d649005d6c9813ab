/* SPDX-License-Identifier: MIT */
/*
 * Every way ("road") by which bytes get into a process's memory. Each function returns the
 * number of bytes that it wrote, or -errno. The test opens road_disk and the other
 * descriptors below.
 */
#ifndef UAPI_ROADS_H
#define UAPI_ROADS_H

#include "util.h"

#include <liburing.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

#define CHUNK 4096UL

/* The bytes' sources: a disk that is open with O_DIRECT, a file, an open view. */
static int road_disk, road_file, road_view;
static struct io_uring road_ring;

static long result(long n)
{
	return n < 0 ? -errno : n;
}

static long by_store(char *to, size_t len)
{
	for (size_t i = 0; i < len; i += 8)
		if (try_store(to + i, i + 1))
			return -EFAULT;
	return len;
}

static long by_read(char *to, size_t len)
{
	return result(pread(road_file, to, len, 0));
}

static long by_readv(char *to, size_t len)
{
	struct iovec iov[] = { { to, len / 2 }, { to + len / 2, len / 2 } };

	return result(preadv2(road_file, iov, 2, 0, 0));
}

static long by_device_read(char *to, size_t len)
{
	char path[64];
	long ret;
	int fd;

	/* Opened again for each read, since a file of a region gives its bytes once. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", road_view);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	ret = result(read(fd, to, len));
	close(fd);
	return ret;
}

/* The system call, as getrandom(3) of libc may store by itself. */
static long by_random(char *to, size_t len)
{
	return result(syscall(SYS_getrandom, to, len, 0));
}

static long by_direct(char *to, size_t len)
{
	return result(pread(road_disk, to, len, 0));
}

/* Write bytes into a pipe and receive them with @receive. */
static long from_pipe(char *to, size_t len, long (*receive)(int fd, struct iovec *iov))
{
	static char bytes[2 * CHUNK];
	struct iovec iov = { to, len };
	int fd[2];
	long ret;

	memset(bytes, 0x11, sizeof(bytes));
	if (pipe2(fd, O_CLOEXEC) || write(fd[1], bytes, len) != (ssize_t)len)
		bail("pipe: %s", strerror(errno));
	ret = result(receive(fd[0], &iov));
	close(fd[0]);
	close(fd[1]);
	return ret;
}

static long pipe_read(int fd, struct iovec *iov)
{
	return readv(fd, iov, 1);
}

static long pipe_vmsplice(int fd, struct iovec *iov)
{
	return vmsplice(fd, iov, 1, 0);
}

static long by_pipe(char *to, size_t len)
{
	return from_pipe(to, len, pipe_read);
}

static long by_vmsplice(char *to, size_t len)
{
	return from_pipe(to, len, pipe_vmsplice);
}

static long ring_wait(void)
{
	struct io_uring_cqe *cqe;
	long res;

	if (io_uring_submit_and_wait(&road_ring, 1) < 0 || io_uring_peek_cqe(&road_ring, &cqe))
		bail("io_uring does not answer");
	res = cqe->res;
	io_uring_cqe_seen(&road_ring, cqe);
	return res;
}

static long by_ring_read(char *to, size_t len)
{
	io_uring_prep_read(io_uring_get_sqe(&road_ring), road_file, to, len, 0);
	return ring_wait();
}

static long by_ring_direct(char *to, size_t len)
{
	io_uring_prep_read(io_uring_get_sqe(&road_ring), road_disk, to, len, 0);
	return ring_wait();
}

static long by_ring_fixed(char *to, size_t len)
{
	struct iovec iov = { to, len };
	long ret = io_uring_register_buffers(&road_ring, &iov, 1);

	if (ret)
		return ret;
	io_uring_prep_read_fixed(io_uring_get_sqe(&road_ring), road_disk, to, len, 0, 0);
	ret = ring_wait();
	io_uring_unregister_buffers(&road_ring);
	return ret;
}

/* A new io_uring whose queues lie at @to. */
static long by_ring_queues(char *to, size_t len)
{
	static char entries[CHUNK] __attribute__((aligned(CHUNK)));
	struct io_uring_params p = { .flags = IORING_SETUP_NO_MMAP };
	int fd;

	(void)len;
	p.sq_off.user_addr = (uintptr_t)entries;
	p.cq_off.user_addr = (uintptr_t)to;
	fd = io_uring_setup(4, &p);
	if (fd >= 0)
		close(fd);
	return fd;
}

static long from_socket(char *to, size_t len, bool by_ring)
{
	static char bytes[2 * CHUNK];
	int sv[2];
	long ret;

	memset(bytes, 0x12, sizeof(bytes));
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) ||
	    send(sv[0], bytes, len, 0) != (ssize_t)len)
		bail("socketpair: %s", strerror(errno));
	if (by_ring) {
		io_uring_prep_recv(io_uring_get_sqe(&road_ring), sv[1], to, len, 0);
		ret = ring_wait();
	} else {
		ret = result(recv(sv[1], to, len, 0));
	}
	close(sv[0]);
	close(sv[1]);
	return ret;
}

static long by_recv(char *to, size_t len)
{
	return from_socket(to, len, false);
}

static long by_ring_recv(char *to, size_t len)
{
	return from_socket(to, len, true);
}

static long by_futex(char *to, size_t len)
{
	uint32_t other = 0;

	(void)len;
	return result(syscall(SYS_futex, &other, FUTEX_WAKE_OP_PRIVATE, 1, 1, to,
			      FUTEX_OP(FUTEX_OP_SET, 1, FUTEX_OP_CMP_EQ, 0)));
}

static int do_nothing(void *arg)
{
	(void)arg;
	return 0;
}

/* The kernel clears a word when a task ends, but does not report whether it could. */
static long by_task_end(char *to, size_t len)
{
	static char stack[65536] __attribute__((aligned(16)));
	int pid = clone(do_nothing, stack + sizeof(stack),
			CLONE_VM | CLONE_CHILD_CLEARTID | SIGCHLD, NULL, NULL, NULL, to);

	(void)len;
	if (pid < 0)
		bail("clone: %s", strerror(errno));
	waitpid(pid, NULL, 0);
	return 0;
}

static long by_vm_writev(char *to, size_t len)
{
	static char bytes[2 * CHUNK];
	struct iovec local = { bytes, len }, remote = { to, len };

	return result(process_vm_writev(getpid(), &local, 1, &remote, 1, 0));
}

static long mem_write(pid_t pid, char *to, size_t len)
{
	static char bytes[2 * CHUNK], path[64];
	long ret;
	int fd;

	memset(bytes, 0x13, sizeof(bytes));
	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ret = result(pwrite(fd, bytes, len, (intptr_t)to));
	close(fd);
	return ret;
}

static long by_own_mem(char *to, size_t len)
{
	return mem_write(getpid(), to, len);
}

/* A process that does not have the region attached acts on this one. */
static long in_child(long (*act)(pid_t on, char *to, size_t len), char *to, size_t len)
{
	pid_t parent = getpid(), pid = fork();
	long ret;
	int status;

	if (!pid) {
		ret = act(parent, to, len);
		_exit(ret < 0 ? -ret : 0);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -ECHILD;
}

static long by_other_mem(char *to, size_t len)
{
	return in_child(mem_write, to, len);
}

static long poke(pid_t pid, char *to, size_t len)
{
	long ret = 0;

	if (ptrace(PTRACE_ATTACH, pid, NULL, NULL))
		return -errno;
	waitpid(pid, NULL, __WALL);
	for (size_t i = 0; i < len && !ret; i += len / 2)
		ret = result(ptrace(PTRACE_POKEDATA, pid, to + i, (void *)0x1414));
	ptrace(PTRACE_DETACH, pid, NULL, NULL);
	return ret;
}

static long by_poke(char *to, size_t len)
{
	return in_child(poke, to, len);
}

static long by_mprotect(char *to, size_t len)
{
	long ret = result(mprotect(to, len, PROT_READ | PROT_WRITE));

	return ret ? ret : by_store(to, len);
}

/*
 * @err: its error where writing is not allowed. @may_straddle: it writes more than a word.
 * @never: it does not work even where stores do.
 */
struct road {
	const char *what;
	long (*go)(char *to, size_t len);
	int err;
	bool may_straddle, never;
};

static const struct road roads[] = {
	{ "store", by_store, EFAULT, true, false },
	{ "read from a file", by_read, EFAULT, true, false },
	{ "preadv2", by_readv, EFAULT, true, false },
	{ "read from the device", by_device_read, EFAULT, false, false },
	{ "getrandom", by_random, EFAULT, true, false },
	{ "read from a pipe", by_pipe, EFAULT, true, false },
	{ "vmsplice from a pipe", by_vmsplice, EFAULT, true, false },
	{ "O_DIRECT read", by_direct, EFAULT, true, false },
	{ "io_uring read", by_ring_read, EFAULT, true, false },
	{ "io_uring O_DIRECT read", by_ring_direct, EFAULT, true, false },
	{ "io_uring fixed buffer", by_ring_fixed, EFAULT, true, false },
	{ "io_uring queues", by_ring_queues, EFAULT, false, false },
	{ "recv", by_recv, EFAULT, true, false },
	{ "io_uring recv", by_ring_recv, EFAULT, true, false },
	{ "futex operation", by_futex, EFAULT, false, false },
	{ "end of a task", by_task_end, 0, false, false },
	{ "process_vm_writev", by_vm_writev, EFAULT, true, true },
	{ "/proc/self/mem", by_own_mem, EIO, true, false },
	{ "/proc/PID/mem", by_other_mem, EIO, true, false },
	{ "PTRACE_POKEDATA", by_poke, EIO, true, false },
	{ "mprotect and store", by_mprotect, EACCES, false, true },
};

#endif /* UAPI_ROADS_H */
