// SPDX-License-Identifier: MIT
/*
 * A worker: a process that executes one order at a time and judges nothing. Only the
 * controller knows what the result should be.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "wire.h"

#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/msharearena.h>

#define RINGS 4
#define WAIT_MS 60000	/* for events that have happened or are about to */

static struct io_uring rings[RINGS];
static struct io_uring post_ring;
static char blob[BLOB_MAX];
static int control;		/* the socket */
static int sent_fd = -1;	/* is sent with the next answer */
static int received_fd = -1;	/* came with this order */

/* ---- accesses that survive their signal ---- */

static sigjmp_buf escape;
static volatile sig_atomic_t armed;

static void on_fault(int sig)
{
	if (armed)
		siglongjmp(escape, sig);
	signal(sig, SIG_DFL);
}

static void catch_faults(void)
{
	struct sigaction sa = { .sa_handler = on_fault, .sa_flags = SA_NODEFER };

	sigaction(SIGSEGV, &sa, NULL);
	sigaction(SIGBUS, &sa, NULL);
}

static int load(uint64_t address, uint64_t *value)
{
	int sig = sigsetjmp(escape, 0);

	if (!sig) {
		armed = 1;
		*value = *(const volatile uint64_t *)address;
	}
	armed = 0;
	return sig;
}

static int store(uint64_t address, uint64_t value)
{
	int sig = sigsetjmp(escape, 0);

	if (!sig) {
		armed = 1;
		*(volatile uint64_t *)address = value;
	}
	armed = 0;
	return sig;
}

static void probe(struct probe *p)
{
	if (p->kind != PROBE_STORE)
		p->load_signal = load(p->address, &p->value);
	if (p->kind == PROBE_STORE || (p->kind == PROBE_SAME && !p->load_signal))
		p->store_signal = store(p->address, p->value);
	else if (p->kind == PROBE_SAME)
		p->store_signal = store(p->address, 0);
}

static int64_t probe_all(struct probe *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		probe(&p[i]);
	return 0;
}

/* ---- simple orders ---- */

static int64_t fill(uint64_t address, uint64_t page_size, uint64_t pages, uint64_t first)
{
	for (uint64_t page = 0; page < pages; page++)
		for (unsigned int cell = 0; cell < CELLS; cell++)
			if (store(address + page * page_size + cell_offset(page_size, cell),
				  first++))
				return -EFAULT;
	return 0;
}

static int64_t read_file(const char *path)
{
	static char buf[65536];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int64_t total = 0;
	ssize_t n;

	if (fd < 0)
		return -errno;
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		total += n;
	if (n < 0)
		total = -errno;
	close(fd);
	return total;
}

static int64_t system_call(const struct order *o)
{
	long ret;

	memcpy((void *)(SCRATCH + o->at), blob, o->length);
	ret = syscall(o->a, o->b[0], o->b[1], o->b[2], o->b[3], o->b[4], o->b[5]);
	if (ret == -1)
		ret = -errno;
	memcpy(blob, (void *)(SCRATCH + o->at), o->want);
	return ret;
}

/* ---- children ---- */

static void child_attaches(const struct order *o)
{
	uint64_t value;
	void *p;

	do {
		p = mmap(NULL, MSHAREARENA_WINDOW_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
			 (int)o->b[0], 0);
	} while (p == MAP_FAILED && errno == EINTR);
	if (p == MAP_FAILED)
		_exit(errno);
	if (o->b[1] && load(o->b[1], &value))
		_exit(200);
	if (o->b[1] && value != o->b[2])
		_exit(201);
	_exit(0);
}

static void child(const struct order *o)
{
	const uint64_t *gone = (const uint64_t *)blob;
	uint64_t value;

	/* The child has none of the parent's attachments. */
	for (size_t i = 0; i < o->length / sizeof(*gone); i++)
		if (load(gone[i], &value) != SIGSEGV)
			_exit(202);
	if (o->a == FORK_ATTACH)
		child_attaches(o);
	_exit(0);
}

/* The exit status of the child, or -signal. */
static int64_t fork_and_wait(const struct order *o)
{
	int status;
	pid_t pid;

	if (o->a == FORK_VFORK) {
		pid = vfork();
		if (!pid)
			_exit(0);
	} else {
		pid = fork();
		if (!pid)
			child(o);
	}
	if (pid < 0)
		return -errno;
	if (waitpid(pid, &status, 0) != pid)
		return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static int64_t exec_self(void)
{
	char num[16];

	snprintf(num, sizeof(num), "%d", control);
	fcntl(control, F_SETFD, 0);
	execl("/proc/self/exe", "fuzz", "--worker", num, "again", (char *)NULL);
	return -errno;
}

/* ---- rings ---- */

static int64_t ring_new(unsigned int slot, unsigned int flags)
{
	int ret = io_uring_queue_init(8, &rings[slot], flags);

	return ret ? ret : rings[slot].ring_fd;
}

static int64_t ring_buffers(unsigned int slot, uint64_t address, uint64_t length)
{
	struct iovec iov = { (void *)address, length };

	if (!length)
		return io_uring_unregister_buffers(&rings[slot]);
	return io_uring_register_buffers(&rings[slot], &iov, 1);
}

/* A request of the worker's private ring; NULL if it has none. */
static struct io_uring_sqe *own_request(void)
{
	if (!post_ring.ring_fd && io_uring_queue_init(8, &post_ring, 0))
		return NULL;
	return io_uring_get_sqe(&post_ring);
}

static int64_t own_result(void)
{
	struct __kernel_timespec patience = { .tv_sec = WAIT_MS / 1000 };
	struct io_uring_cqe *cqe;
	int64_t ret;

	ret = io_uring_submit(&post_ring);
	if (ret >= 0)
		ret = io_uring_wait_cqe_timeout(&post_ring, &cqe, &patience);
	if (ret < 0)
		return ret;
	ret = cqe->res;
	io_uring_cqe_seen(&post_ring, cqe);
	return ret;
}

static int64_t ring_post(int target, uint64_t data)
{
	struct io_uring_sqe *sqe = own_request();

	if (!sqe)
		return -ENOMEM;
	io_uring_prep_msg_ring(sqe, target, 7, data, 0);
	return own_result();
}

static int64_t wait_for(int fd, short events, bool by_ring)
{
	struct pollfd p = { .fd = fd, .events = events };
	struct io_uring_sqe *sqe;

	if (!by_ring)
		return poll(&p, 1, WAIT_MS) < 0 ? -errno : p.revents;
	sqe = own_request();
	if (!sqe)
		return -ENOMEM;
	io_uring_prep_poll_add(sqe, fd, (unsigned short)events);
	return own_result();
}

static int64_t ring_next(unsigned int slot)
{
	struct io_uring_cqe *cqe;
	int64_t data;

	if (io_uring_peek_cqe(&rings[slot], &cqe))
		return 0;
	data = (int64_t)cqe->user_data;
	io_uring_cqe_seen(&rings[slot], cqe);
	return data;
}

/* ---- storms: the same action many times, at the same time as other workers ---- */

static int64_t storm_attach(const struct order *o)
{
	uint64_t value;

	for (uint64_t i = 0; i < o->b[2]; i++) {
		void *p = mmap(NULL, MSHAREARENA_WINDOW_SIZE, (int)o->b[1], MAP_SHARED,
			       (int)o->b[0], 0);

		if (p == MAP_FAILED && errno == EINTR)
			continue;
		if (p == MAP_FAILED)
			return -errno;
		if (load(o->b[3], &value) || value != o->b[4])
			return -EILSEQ;
		if (munmap(p, MSHAREARENA_WINDOW_SIZE))
			return -errno;
	}
	return 0;
}

static int64_t storm_load(const struct probe *p, size_t n, uint64_t times)
{
	uint64_t value;

	for (uint64_t i = 0; i < times; i++)
		for (size_t j = 0; j < n; j++)
			if (load(p[j].address, &value) || value != p[j].value)
				return -EILSEQ;
	return 0;
}

static int64_t storm(const struct order *o)
{
	int64_t ret = 0;

	switch (o->a) {
	case STORM_ATTACH:
		return storm_attach(o);
	case STORM_LOAD:
		return storm_load((struct probe *)blob, o->length / sizeof(struct probe), o->b[0]);
	case STORM_READ:
		for (uint64_t i = 0; i < o->b[0] && ret >= 0; i++)
			ret = read_file(blob);
		return ret;
	default:
		for (uint64_t i = 0; i < o->b[0]; i++) {
			pid_t pid = fork();

			if (!pid)
				_exit(0);
			if (pid > 0)
				waitpid(pid, NULL, 0);
		}
		return 0;
	}
}

/* ---- the conversation ---- */

static int64_t take_fd(const struct order *o)
{
	int64_t ret = dup3(received_fd, (int)o->a, (int)o->b[0]);

	close(received_fd);
	return ret < 0 ? -errno : 0;
}

static int64_t work(const struct order *o, uint64_t *length)
{
	switch (o->work) {
	case WORK_SYSCALL:
		*length = o->want;
		return system_call(o);
	case WORK_PROBE:
		*length = o->length;
		return probe_all((struct probe *)blob, o->length / sizeof(struct probe));
	case WORK_FILL:
		return fill(o->b[0], o->b[1], o->b[2], o->b[3]);
	case WORK_READ_FILE:
		return read_file(blob);
	case WORK_FORK:
		return fork_and_wait(o);
	case WORK_EXEC:
		return exec_self();
	case WORK_SEND_FD:
		sent_fd = (int)o->a;
		return 0;
	case WORK_RECV_FD:
		return take_fd(o);
	case WORK_RING_NEW:
		return ring_new(o->a, o->b[0]);
	case WORK_RING_END:
		io_uring_queue_exit(&rings[o->a]);
		return 0;
	case WORK_RING_BUFFERS:
		return ring_buffers(o->a, o->b[0], o->b[1]);
	case WORK_RING_POST:
		return ring_post((int)o->a, o->b[0]);
	case WORK_POLL:
		return wait_for((int)o->a, (short)o->b[0], o->b[1]);
	case WORK_RING_NEXT:
		return ring_next(o->a);
	case WORK_STORM:
		return storm(o);
	default:
		return -ENOSYS;
	}
}

static bool next_order(struct order *o)
{
	char space[CMSG_SPACE(sizeof(int))] __attribute__((aligned(8)));
	struct iovec iov[2] = { { o, sizeof(*o) }, { blob, sizeof(blob) } };
	struct msghdr m = {
		.msg_iov = iov,
		.msg_iovlen = 2,
		.msg_control = space,
		.msg_controllen = sizeof(space),
	};
	struct cmsghdr *c;

	if (recvmsg(control, &m, 0) < (ssize_t)sizeof(*o))
		return false;
	c = CMSG_FIRSTHDR(&m);
	if (c && c->cmsg_type == SCM_RIGHTS)
		memcpy(&received_fd, CMSG_DATA(c), sizeof(int));
	return true;
}

static bool reply(int64_t result, uint64_t length)
{
	char space[CMSG_SPACE(sizeof(int))] __attribute__((aligned(8))) = { 0 };
	struct answer a = { result, length };
	struct iovec iov[2] = { { &a, sizeof(a) }, { blob, length } };
	struct msghdr m = { .msg_iov = iov, .msg_iovlen = 2 };
	struct cmsghdr *c;

	if (sent_fd >= 0) {
		m.msg_control = space;
		m.msg_controllen = sizeof(space);
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &sent_fd, sizeof(int));
		sent_fd = -1;
	}
	return sendmsg(control, &m, MSG_NOSIGNAL) == (ssize_t)(sizeof(a) + length);
}

/* Map the same pages twice, so that arguments can lie in read-only memory. */
static void map_scratch(void)
{
	int fd = memfd_create("scratch", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, SCRATCH_SIZE) ||
	    mmap((void *)SCRATCH, SCRATCH_SIZE, PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_FIXED_NOREPLACE | MAP_POPULATE, fd, 0) != (void *)SCRATCH ||
	    mmap((void *)SCRATCH_RO, SCRATCH_SIZE, PROT_READ,
		 MAP_SHARED | MAP_FIXED_NOREPLACE | MAP_POPULATE, fd, 0) != (void *)SCRATCH_RO)
		_exit(3);
	close(fd);
}

void worker_main(int sock)
{
	struct order o;

	control = sock;
	fcntl(control, F_SETFD, FD_CLOEXEC);
	map_scratch();
	catch_faults();
	/* The first answer, also after an exec, says that the worker is ready. */
	if (!reply(0, 0))
		_exit(1);
	while (next_order(&o)) {
		uint64_t length = 0;
		int64_t result = work(&o, &length);

		if (!reply(result, length))
			_exit(1);
	}
	_exit(0);
}
