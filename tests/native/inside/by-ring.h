/* SPDX-License-Identifier: MIT */
/*
 * Attempts by the ring that the daemon waits in, and on rings of its peers. The daemon has to be
 * idle, as its ring is used while it waits. This header must not know of the region.
 */
#ifndef INSIDE_BY_RING_H
#define INSIDE_BY_RING_H

#include <liburing.h>

#include "by-call.h"

/* The cookie of the operation of an attempt, which the daemon uses for none of its own. */
#define MARK	0xb4ea4007ULL

/* Descriptors below this are looked at. */
#define FDS	256

/* How long the ring may take for an operation. */
#define SECONDS	10

/* More messages than may be on their way. */
#define FLOOD_MESSAGES	50000

/* A type of messages that neither program knows. */
#define NONSENSE	99

typedef void fill_fn(struct io_uring_sqe *sqe, int fd);

/* The ring with the most entries is the one that the daemon waits in. */
static struct io_uring *own_ring;
static bool is_own[FDS];

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

static void fill_unlink(struct io_uring_sqe *sqe, int fd)
{
	(void)fd;
	io_uring_prep_unlinkat(sqe, AT_FDCWD, "/nothing", 0);
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
	return by_ring(fill_listen, 0);
}

static void fill_splice(struct io_uring_sqe *sqe, int fd)
{
	(void)fd;
	io_uring_prep_splice(sqe, 0, -1, 1, -1, 1, 0);
}

static int ring_splice(void)
{
	return by_ring(fill_splice, 0);
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

/* The disk of an SP, which has no other file of this kind besides its log. */
static int find_disk(mode_t kind)
{
	struct stat st;

	for (int fd = STDERR_FILENO + 1; fd < FDS; fd++)
		if (!fstat(fd, &st) && (st.st_mode & S_IFMT) == kind)
			return fd;
	return -1;
}

static int write_long_disk(void)
{
	return by_ring(fill_far_write, find_disk(S_IFREG));
}

/* With buffers that are registered here, fixed operations could reach other memory. */
static int register_buffers(void)
{
	static char memory[64];
	struct iovec part = { memory, sizeof(memory) };

	return io_uring_register_buffers(own_ring, &part, 1);
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

static void fill_nonsense(struct io_uring_sqe *sqe, int fd)
{
	io_uring_prep_msg_ring(sqe, fd, 0, NONSENSE, 0);
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

/* Return: how many rings took a message that makes no sense. */
static int send_nonsense(void)
{
	int n = 0;

	for (int fd = STDERR_FILENO + 1; fd < FDS; fd++)
		n += is_peers(fd) && !by_ring(fill_nonsense, fd);
	return n;
}

/* Send without a look at what comes back, or whether there is room. */
static void flood_ring(int fd)
{
	int result;

	for (int i = 0; i < FLOOD_MESSAGES; i++) {
		struct io_uring_sqe *sqe = io_uring_get_sqe(own_ring);

		if (sqe) {
			fill_nonsense(sqe, fd);
			sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
			io_uring_sqe_set_data64(sqe, MARK);
			continue;
		}
		io_uring_submit_and_get_events(own_ring);
		while (take(&result))
			;
	}
	io_uring_submit_and_get_events(own_ring);
	while (take(&result))
		;
}

/* Return: how many rings were flooded. */
static int flood(void)
{
	int n = 0;

	for (int fd = STDERR_FILENO + 1; fd < FDS; fd++) {
		if (!is_peers(fd) || by_ring(fill_nonsense, fd))
			continue;
		flood_ring(fd);
		n++;
	}
	return n;
}

#endif /* INSIDE_BY_RING_H */
