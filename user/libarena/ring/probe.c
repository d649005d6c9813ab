// SPDX-License-Identifier: LGPL-2.1-or-later
#define _GNU_SOURCE
#include <arena/probe.h>

#include <common/copy_struct.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "../uring.h"

/* Bytes of the smallest ring. */
#define MEMORY	8192UL
/* If the kernel closes a removed file at once, it takes much less time than this. */
#define REMOVAL_MS	20

static const struct arena_feature_info info[ARENA_N_FEATURES] = {
	[ARENA_HAS_IO_URING] = { "io_uring", "5.1", true,
		"refused: use a kernel with CONFIG_IO_URING" },
	[ARENA_HAS_NODROP] = { "nodrop", "5.5", true,
		"refused: completions could be lost" },
	[ARENA_HAS_EXT_ARG] = { "ext_arg", "5.11", true,
		"refused: no waiting with a timeout" },
	[ARENA_HAS_SHUTDOWN] = { "shutdown", "5.11", true,
		"refused: a socket could not be ended while something is pending on it" },
	[ARENA_HAS_CANCEL_ALL] = { "cancel_all", "5.19", true,
		"refused: a ring could not be closed in good order" },
	[ARENA_HAS_DIRECT] = { "direct", "6.0", false,
		"no direct_close either" },
	[ARENA_HAS_DIRECT_CLOSE] = { "direct_close", "6.13", false,
		"keeps file descriptors of its own" },
	[ARENA_HAS_SUBMIT_ALL] = { "submit_all", "5.18", false,
		"submits again after an operation that could not be begun" },
	[ARENA_HAS_TASKRUN_FLAG] = { "taskrun_flag", "5.19", false,
		"no defer_taskrun either" },
	[ARENA_HAS_SINGLE_ISSUER] = { "single_issuer", "6.0", false,
		"only the library refuses other threads" },
	[ARENA_HAS_DEFER_TASKRUN] = { "defer_taskrun", "6.1", false,
		"completions interrupt the thread" },
	[ARENA_HAS_CQE_SKIP] = { "cqe_skip", "5.17", false,
		"channels use sockets" },
	[ARENA_HAS_POLL_MULTISHOT] = { "poll_multishot", "5.13", false,
		"polls again after each event" },
	[ARENA_HAS_ACCEPT_MULTISHOT] = { "accept_multishot", "5.19", false,
		"accepts again after each connection" },
	[ARENA_HAS_BUFFER_RING] = { "buffer_ring", "5.19", false,
		"no recv_multishot either" },
	[ARENA_HAS_RECV_MULTISHOT] = { "recv_multishot", "6.0", false,
		"receives into a buffer that is chosen before" },
	[ARENA_HAS_SEND_ZC] = { "send_zc", "6.0", false,
		"sends with a copy" },
	[ARENA_HAS_SENDMSG_ZC] = { "sendmsg_zc", "6.1", false,
		"sends lists with a copy" },
	[ARENA_HAS_MSG_RING] = { "msg_ring", "5.18", false,
		"channels use sockets" },
	[ARENA_HAS_RESTRICTIONS] = { "restrictions", "5.10", false,
		"channels use sockets" },
	[ARENA_HAS_NO_MMAP] = { "no_mmap", "6.5", false,
		"channels use sockets" },
	[ARENA_HAS_URING_CMD] = { "uring_cmd", "5.19", false,
		"rings with the option nvme cannot be opened" },
	[ARENA_HAS_MIN_TIMEOUT] = { "min_timeout", "6.12", false,
		"arena_ring_set_gather() has no effect" },
	[ARENA_HAS_READV_FIXED] = { "readv_fixed", "6.15", false,
		"the kernel looks up the pages of lists for each operation" },
	[ARENA_HAS_HYBRID_IOPOLL] = { "hybrid_iopoll", "6.13", false,
		"a polled ring asks its devices without a pause" },
};

const struct arena_feature_info *arena_feature_info(enum arena_feature feature)
{
	return (unsigned int)feature < ARENA_N_FEATURES ? &info[feature] : NULL;
}

static void found(struct arena_features *f, enum arena_feature feature, bool yes)
{
	if (yes)
		f->has |= 1ULL << feature;
}

/* True if a ring can be made with these flags. */
static bool try_setup(unsigned int flags)
{
	struct io_uring ring;

	if (io_uring_queue_init(2, &ring, flags))
		return false;
	io_uring_queue_exit(&ring);
	return true;
}

static bool try_no_mmap(void)
{
	struct io_uring_params params = { .flags = IORING_SETUP_NO_MMAP };
	struct io_uring ring;
	bool good;
	void *memory = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		return false;
	good = io_uring_queue_init_mem(2, &ring, &params, memory, MEMORY) >= 0;
	/*
	 * The kernel writes to the ring's pages for a while after the ring is closed. Memory from
	 * malloc() could have another user by then.
	 */
	if (good)
		uring_exit_memory(&ring, memory, MEMORY);
	else
		munmap(memory, MEMORY);
	return good;
}

static bool try_restrictions(void)
{
	struct io_uring_restriction none = {
		.opcode = IORING_RESTRICTION_SQE_FLAGS_ALLOWED,
	};
	struct io_uring ring;
	bool good;

	if (io_uring_queue_init(2, &ring, IORING_SETUP_R_DISABLED))
		return false;
	good = !io_uring_register_restrictions(&ring, &none, 1);
	io_uring_queue_exit(&ring);
	return good;
}

/* Direct descriptors in a table of which the kernel may choose the entry. */
static bool try_direct(struct io_uring *ring)
{
	return !io_uring_register_files_sparse(ring, 2) &&
	       !io_uring_register_file_alloc_range(ring, 1, 1);
}

/*
 * True if a direct descriptor is closed at once, and not only when all operations that were
 * begun before have ended. Here an operation waits for a pipe, and another pipe is removed.
 */
static bool try_removal(struct io_uring *ring, const int *waiting, int *removed)
{
	struct pollfd end = { .fd = removed[1] };
	struct io_uring_sqe *sqe;
	static char byte;
	int files[2] = { waiting[0], removed[0] }, none = -1;

	if (io_uring_register_files(ring, files, 2))
		return false;
	close(removed[0]);
	removed[0] = -1;
	sqe = io_uring_get_sqe(ring);
	io_uring_prep_read(sqe, 0, &byte, 1, 0);
	sqe->flags |= IOSQE_FIXED_FILE;
	return io_uring_submit(ring) == 1 &&
	       io_uring_register_files_update(ring, 1, &none, 1) == 1 &&
	       poll(&end, 1, REMOVAL_MS) == 1 && (end.revents & POLLERR);
}

static bool try_direct_close(void)
{
	int waiting[2], removed[2];
	struct io_uring ring;
	bool good = false;

	if (pipe2(waiting, O_CLOEXEC))
		return false;
	if (!pipe2(removed, O_CLOEXEC)) {
		if (!io_uring_queue_init(2, &ring, 0)) {
			good = try_removal(&ring, waiting, removed);
			io_uring_queue_exit(&ring);
		}
		if (removed[0] >= 0)
			close(removed[0]);
		close(removed[1]);
	}
	close(waiting[0]);
	close(waiting[1]);
	return good;
}

/* The result of one operation, or an error of the ring. */
static int result_of(struct io_uring *ring)
{
	struct __kernel_timespec second = { .tv_sec = 1 };
	struct io_uring_cqe *cqe;
	int ret;

	ret = io_uring_submit_and_wait_timeout(ring, &cqe, 1, &second, NULL);
	if (ret < 0)
		return ret;
	ret = cqe->res;
	io_uring_cqe_seen(ring, cqe);
	return ret;
}

static bool try_cancel_all(struct io_uring *ring)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
	int ret;

	io_uring_prep_cancel64(sqe, 0, IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL);
	ret = result_of(ring);
	return ret == 0 || ret == -ENOENT;
}

static bool try_cqe_skip(struct io_uring *ring)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

	if (!(ring->features & IORING_FEAT_CQE_SKIP))
		return false;
	io_uring_prep_nop(sqe);
	sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
	sqe = io_uring_get_sqe(ring);
	io_uring_prep_nop(sqe);
	return !result_of(ring) && !io_uring_cq_ready(ring);
}

/*
 * Start an operation that waits for ever, and cancel it. If the kernel knows the operation,
 * the cancellation finds it. Otherwise the operation completes with -EINVAL at once.
 */
static bool try_waiting(struct io_uring *ring)
{
	struct io_uring_sqe *sqe;
	bool good = true;

	io_uring_submit(ring);
	sqe = io_uring_get_sqe(ring);
	io_uring_prep_cancel64(sqe, 0, IORING_ASYNC_CANCEL_ANY);
	for (int i = 0; i < 2; i++) {
		int ret = result_of(ring);

		/* Without a buffer, a recv that the kernel knows ends before it is cancelled. */
		good = good && (ret >= 0 || ret == -ECANCELED || ret == -ENOBUFS ||
				ret == -ENOENT);
	}
	return good;
}

static bool try_poll_multishot(struct io_uring *ring)
{
	int pipes[2];
	bool good;

	if (pipe2(pipes, O_CLOEXEC))
		return false;
	io_uring_prep_poll_multishot(io_uring_get_sqe(ring), pipes[0], POLLIN);
	good = try_waiting(ring);
	close(pipes[0]);
	close(pipes[1]);
	return good;
}

static bool try_accept_multishot(struct io_uring *ring)
{
	struct sockaddr_un any = { .sun_family = AF_UNIX };
	int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool good = false;

	if (sock < 0)
		return false;
	/* With the family alone, the kernel chooses a name that is free. */
	if (!bind(sock, (struct sockaddr *)&any, sizeof(any.sun_family)) && !listen(sock, 1)) {
		io_uring_prep_multishot_accept(io_uring_get_sqe(ring), sock, NULL, NULL, 0);
		good = try_waiting(ring);
	}
	close(sock);
	return good;
}

static bool try_recv_multishot(struct io_uring *ring)
{
	struct io_uring_sqe *sqe;
	int pair[2];
	bool good;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return false;
	sqe = io_uring_get_sqe(ring);
	io_uring_prep_recv_multishot(sqe, pair[0], NULL, 0, 0);
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = 1;
	good = try_waiting(ring);
	close(pair[0]);
	close(pair[1]);
	return good;
}

static void try_buffers(struct arena_features *f, struct io_uring *ring)
{
	struct io_uring_buf_ring *buffers;
	int ret;

	buffers = io_uring_setup_buf_ring(ring, 2, 1, 0, &ret);
	found(f, ARENA_HAS_BUFFER_RING, buffers);
	if (!buffers)
		return;
	found(f, ARENA_HAS_RECV_MULTISHOT, try_recv_multishot(ring));
	io_uring_free_buf_ring(ring, buffers, 2, 1);
}

static void try_opcodes(struct arena_features *f, struct io_uring *ring)
{
	struct io_uring_probe *probe = io_uring_get_probe_ring(ring);

	if (!probe)
		return;
	found(f, ARENA_HAS_SHUTDOWN, io_uring_opcode_supported(probe, IORING_OP_SHUTDOWN));
	found(f, ARENA_HAS_MSG_RING, io_uring_opcode_supported(probe, IORING_OP_MSG_RING));
	found(f, ARENA_HAS_SENDMSG_ZC, io_uring_opcode_supported(probe, IORING_OP_SENDMSG_ZC));
	found(f, ARENA_HAS_SEND_ZC, io_uring_opcode_supported(probe, IORING_OP_SEND_ZC));
	found(f, ARENA_HAS_READV_FIXED,
	      io_uring_opcode_supported(probe, URING_OP_READV_FIXED) &&
	      io_uring_opcode_supported(probe, URING_OP_WRITEV_FIXED));
	found(f, ARENA_HAS_URING_CMD, io_uring_opcode_supported(probe, IORING_OP_URING_CMD) &&
	      try_setup(IORING_SETUP_SQE128 | IORING_SETUP_CQE32));
	io_uring_free_probe(probe);
}

static void try_operations(struct arena_features *f, struct io_uring *ring)
{
	found(f, ARENA_HAS_NODROP, ring->features & IORING_FEAT_NODROP);
	found(f, ARENA_HAS_EXT_ARG, ring->features & IORING_FEAT_EXT_ARG);
	found(f, ARENA_HAS_MIN_TIMEOUT, uring_can_gather(ring));
	try_opcodes(f, ring);
	if (!arena_has(f, ARENA_HAS_EXT_ARG))
		return;
	found(f, ARENA_HAS_DIRECT, try_direct(ring));
	if (arena_has(f, ARENA_HAS_DIRECT))
		found(f, ARENA_HAS_DIRECT_CLOSE, try_direct_close());
	found(f, ARENA_HAS_CQE_SKIP, try_cqe_skip(ring));
	found(f, ARENA_HAS_CANCEL_ALL, try_cancel_all(ring));
	/* The other operations are tried by cancelling them. */
	if (!arena_has(f, ARENA_HAS_CANCEL_ALL))
		return;
	found(f, ARENA_HAS_POLL_MULTISHOT, try_poll_multishot(ring));
	found(f, ARENA_HAS_ACCEPT_MULTISHOT, try_accept_multishot(ring));
	try_buffers(f, ring);
}

static void try_setups(struct arena_features *f)
{
	const unsigned int flagged = IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG;
	const unsigned int deferred = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;

	found(f, ARENA_HAS_SUBMIT_ALL, try_setup(IORING_SETUP_SUBMIT_ALL));
	found(f, ARENA_HAS_TASKRUN_FLAG, try_setup(flagged));
	found(f, ARENA_HAS_SINGLE_ISSUER, try_setup(IORING_SETUP_SINGLE_ISSUER));
	found(f, ARENA_HAS_DEFER_TASKRUN, try_setup(deferred));
	found(f, ARENA_HAS_HYBRID_IOPOLL, try_setup(URING_HYBRID_IOPOLL));
	found(f, ARENA_HAS_RESTRICTIONS, try_restrictions());
	found(f, ARENA_HAS_NO_MMAP, try_no_mmap());
}

static int probe(struct arena_features *f)
{
	struct io_uring ring;
	int ret = io_uring_queue_init(8, &ring, 0);

	if (ret == -EMFILE || ret == -ENFILE || ret == -ENOMEM)
		return ret;
	if (ret) {
		f->error = ret;
		return -EOPNOTSUPP;
	}
	found(f, ARENA_HAS_IO_URING, true);
	try_operations(f, &ring);
	io_uring_queue_exit(&ring);
	try_setups(f);
	return arena_features_why(f) ? -EOPNOTSUPP : 0;
}

int arena_probe(struct arena_features *f)
{
	struct arena_features known = { 0 };
	int ret, filled;

	ret = probe(&known);
	filled = fill_struct(f, &known, sizeof(known));
	return filled ? filled : ret;
}

/* Features that need this one. */
static uint64_t dependents(enum arena_feature feature)
{
	switch (feature) {
	case ARENA_HAS_IO_URING:
		return UINT64_MAX;
	case ARENA_HAS_TASKRUN_FLAG:
	case ARENA_HAS_SINGLE_ISSUER:
		return 1ULL << ARENA_HAS_DEFER_TASKRUN;
	case ARENA_HAS_EXT_ARG:
		return 1ULL << ARENA_HAS_MIN_TIMEOUT;
	case ARENA_HAS_DIRECT:
		return 1ULL << ARENA_HAS_DIRECT_CLOSE;
	case ARENA_HAS_SEND_ZC:
		return 1ULL << ARENA_HAS_SENDMSG_ZC;
	case ARENA_HAS_BUFFER_RING:
		return 1ULL << ARENA_HAS_RECV_MULTISHOT;
	default:
		return 0;
	}
}

int arena_probe_without(struct arena_features *f, const char *name)
{
	for (unsigned int i = 0; i < ARENA_N_FEATURES; i++) {
		if (strcmp(info[i].name, name) != 0)
			continue;
		f->has &= ~(1ULL << i | dependents(i));
		return 0;
	}
	return -ENOENT;
}

/* The value of kernel.io_uring_disabled, 0 to 2; -1 if this kernel has no such setting. */
static int disabled_by_sysctl(void)
{
	int fd = open("/proc/sys/kernel/io_uring_disabled", O_RDONLY | O_CLOEXEC);
	char digit = 0;

	if (fd < 0)
		return -1;
	if (read(fd, &digit, 1) != 1)
		digit = 0;
	close(fd);
	return digit >= '0' && digit <= '9' ? digit - '0' : -1;
}

static const char *why_forbidden(int error)
{
	if (error == -EPERM && disabled_by_sysctl() > 0)
		return "io_uring is switched off: set sysctl kernel.io_uring_disabled to 0";
	if (error == -EPERM)
		return "io_uring is forbidden: allow it in the container's seccomp filter";
	if (error == -ENOSYS)
		return "no io_uring: not in this kernel, or hidden by a seccomp filter";
	return info[ARENA_HAS_IO_URING].without;
}

const char *arena_features_why(const struct arena_features *f)
{
	if (f->error)
		return why_forbidden(f->error);
	for (unsigned int i = 0; i < ARENA_N_FEATURES; i++)
		if (info[i].needed && !arena_has(f, i))
			return info[i].without;
	return NULL;
}
