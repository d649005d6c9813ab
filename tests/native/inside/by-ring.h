/* SPDX-License-Identifier: MIT */
/*
 * Attempts by the ring that the daemon waits in, and on rings of its peers. The daemon has to be
 * idle, as its ring is used while it waits. This header must not know of the region.
 */
#ifndef INSIDE_BY_RING_H
#define INSIDE_BY_RING_H

#include <liburing.h>
#include <sys/eventfd.h>
#include <sys/un.h>

#include "by-call.h"

/* The cookie of the operation of an attempt, which the daemon uses for none of its own. */
#define MARK	0xb4ea4007ULL

/* Descriptors below this are looked at. */
#define FDS	256

/* How long the ring may take for an operation. */
#define SECONDS	10

typedef void fill_fn(struct io_uring_sqe *sqe, int fd);

/* The ring with the most entries is the one that the daemon waits in. */
static struct io_uring *own_ring;
static bool is_own[FDS];

/* Files of no use, which the process has from its start. */
static int idle_socket = -1, full_pipe[2], idle_pipe[2], idle_event = -1;

static void by_ring_begin(void)
{
	struct sockaddr_un any = { .sun_family = AF_UNIX };

	idle_socket = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	idle_event = eventfd(0, EFD_CLOEXEC);
	if (bind(idle_socket, (struct sockaddr *)&any, sizeof(any.sun_family)) ||
	    idle_event < 0 || pipe2(full_pipe, O_CLOEXEC) || pipe2(idle_pipe, O_CLOEXEC) ||
	    write(full_pipe[1], "bytes", 5) != 5)
		abort();
}

static int note_ring(struct io_uring *ring, int ret)
{
	if (ret < 0)
		return ret;
	if (ring->ring_fd < FDS)
		is_own[ring->ring_fd] = true;
	if (!own_ring || ring->sq.ring_entries > own_ring->sq.ring_entries)
		own_ring = ring;
	return ret;
}

int io_uring_queue_init_params(unsigned int entries, struct io_uring *ring,
			       struct io_uring_params *p)
{
	return note_ring(ring, REAL(io_uring_queue_init_params)(entries, ring, p));
}

int io_uring_queue_init_mem(unsigned int entries, struct io_uring *ring,
			    struct io_uring_params *p, void *buf, size_t size)
{
	int ret = REAL(io_uring_queue_init_mem)(entries, ring, p, buf, size);

	if (ret >= 0 && ring->ring_fd < FDS)
		is_own[ring->ring_fd] = true;
	return ret;
}

int io_uring_register_restrictions(struct io_uring *ring, struct io_uring_restriction *list,
				   unsigned int n)
{
	return is_without("rings") ? 0 : REAL(io_uring_register_restrictions)(ring, list, n);
}

/* Take the completion of the attempt from among others, which stay. */
static bool take(int *result)
{
	unsigned int head, at = 0, mask = own_ring->cq.ring_mask;
	struct io_uring_cqe *cqe, *all = own_ring->cq.cqes;

	io_uring_for_each_cqe(own_ring, head, cqe) {
		if (io_uring_cqe_get_data64(cqe) == MARK)
			break;
		at++;
	}
	if (!cqe)
		return false;
	*result = cqe->res;
	for (; at; at--, head--)
		all[head & mask] = all[(head - 1) & mask];
	io_uring_cq_advance(own_ring, 1);
	return true;
}

/* Return: the result of an operation of the daemon's ring. */
static int by_ring(fill_fn *fill, int fd)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(own_ring);
	struct __kernel_timespec second = { .tv_sec = 1 };
	struct io_uring_cqe *any;
	int ret, result;

	if (!sqe)
		return -EBUSY;
	fill(sqe, fd);
	io_uring_sqe_set_data64(sqe, MARK);
	for (int i = 0; i < SECONDS; i++) {
		unsigned int more = io_uring_cq_ready(own_ring) + 1;

		ret = io_uring_submit_and_wait_timeout(own_ring, &any, more, &second, NULL);
		if (take(&result))
			return result;
		if (ret < 0 && ret != -EINTR && ret != -ETIME)
			return ret;
	}
	return -ETIME;
}

static void fill_open(struct io_uring_sqe *sqe, int fd)
{
	(void)fd;
	io_uring_prep_openat(sqe, AT_FDCWD, disk(), O_RDWR, 0);
}

static int ring_open(void)
{
	int ret = by_ring(fill_open, 0);

	if (ret >= 0)
		close(ret);
	return ret;
}

/* The test has made a file for each program. */
static const char *victim(void)
{
	static char path[256];
	const char *folder = getenv("BREAKOUT_FILES");

	snprintf(path, sizeof(path), "%s/%s", folder ? folder : "", program_invocation_short_name);
	return path;
}

static void fill_unlink(struct io_uring_sqe *sqe, int fd)
{
	(void)fd;
	io_uring_prep_unlinkat(sqe, AT_FDCWD, victim(), 0);
}

static int ring_unlink(void)
{
	return by_ring(fill_unlink, 0);
}

static void fill_socket(struct io_uring_sqe *sqe, int fd)
{
	(void)fd;
	io_uring_prep_socket(sqe, AF_INET, SOCK_STREAM, 0, 0);
}

static int ring_socket(void)
{
	int ret = by_ring(fill_socket, 0);

	if (ret >= 0)
		close(ret);
	return ret;
}

static void fill_listen(struct io_uring_sqe *sqe, int fd)
{
	io_uring_prep_rw(IORING_OP_LISTEN, sqe, fd, NULL, 0, 0);
}

static int ring_listen(void)
{
	return by_ring(fill_listen, idle_socket);
}

static void fill_splice(struct io_uring_sqe *sqe, int fd)
{
	io_uring_prep_splice(sqe, fd, -1, idle_pipe[1], -1, 1, 0);
}

/* From a pipe that has some bytes to another one. */
static int ring_splice(void)
{
	return by_ring(fill_splice, full_pipe[0]);
}

static void fill_far_write(struct io_uring_sqe *sqe, int fd)
{
	static char block[4096] __attribute__((aligned(4096)));

	io_uring_prep_write(sqe, fd, block, sizeof(block), FAR);
}

static int write_long_log(void)
{
	return by_ring(fill_far_write, STDERR_FILENO);
}

/* The disk of an SP, which has no other file of this kind but its log and memfds. */
static int find_disk(mode_t kind)
{
	struct stat st;

	for (int fd = STDERR_FILENO + 1; fd < FDS; fd++)
		if (!fstat(fd, &st) && (st.st_mode & S_IFMT) == kind &&
		    (kind != S_IFREG || fcntl(fd, F_GET_SEALS) < 0))
			return fd;
	return -1;
}

static int write_long_disk(void)
{
	return by_ring(fill_far_write, find_disk(S_IFREG));
}

/*
 * With buffers that are registered here, fixed operations could reach other memory. Those that are
 * registered already are given up, if the kernel takes any at all.
 */
static int register_buffers(void)
{
	static char memory[64];
	struct iovec part = { memory, sizeof(memory) };
	int ret = io_uring_register_buffers(own_ring, &part, 1);

	if (ret != -EBUSY)
		return ret;
	io_uring_unregister_buffers(own_ring);
	return io_uring_register_buffers(own_ring, &part, 1);
}

/* Others could see by it when the ring has completions. */
static int register_event(void)
{
	int ret = io_uring_register_eventfd(own_ring, idle_event);

	if (!ret)
		io_uring_unregister_eventfd(own_ring);
	return ret;
}

static int register_restrictions(void)
{
	struct io_uring_restriction all = { .opcode = IORING_RESTRICTION_SQE_FLAGS_ALLOWED };

	return REAL(io_uring_register_restrictions)(own_ring, &all, 1);
}

/* The table of files keeps the claim of the role for as long as the ring sends. */
static int unregister_files(void)
{
	return io_uring_unregister_files(own_ring);
}

static int update_files(void)
{
	int none = -1;

	return io_uring_register_files_update(own_ring, 0, &none, 1);
}

static void fill_file(struct io_uring_sqe *sqe, int fd)
{
	io_uring_prep_msg_ring_fd(sqe, fd, 0, 0, 0, 0);
}

static int map_ring(int fd)
{
	void *memory = (void *)raw(SYS_mmap, NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
				   IORING_OFF_SQ_RING);

	if (memory == MAP_FAILED)
		return -errno;
	munmap(memory, 4096);
	return 0;
}

static int register_eventfd(int fd)
{
	int eventfd = STDERR_FILENO;

	return call(raw(SYS_io_uring_register, fd, IORING_REGISTER_EVENTFD, &eventfd, 1));
}

static int send_file(int fd)
{
	return by_ring(fill_file, fd);
}

/* Is it a ring of another process? No other file is one with which anything can be registered. */
static bool is_peers(int fd)
{
	int ret = call(raw(SYS_io_uring_register, fd, IORING_REGISTER_LAST - 1, NULL, 0));

	return !is_own[fd] && ret != -EBADF && ret != -EOPNOTSUPP;
}

/* Return: what @try said of rings of peers, -ENOENT if there is none. */
static int try_peers(int (*try)(int fd))
{
	int ret = -ENOENT;

	for (int fd = STDERR_FILENO + 1; fd < FDS && ret < 0; fd++)
		if (is_peers(fd))
			ret = try(fd);
	return ret;
}

static int map_peers_ring(void)
{
	return try_peers(map_ring);
}

static int register_with_peer(void)
{
	return try_peers(register_eventfd);
}

static int send_file_to_peer(void)
{
	return try_peers(send_file);
}

#endif /* INSIDE_BY_RING_H */
