// SPDX-License-Identifier: MIT
/*
 * Goal: only the thread that opened a ring can use it. Where io_uring is forbidden, the library
 * says so.
 * Method: a child of fork() and another thread use a ring, of plain liburing and of libarena.
 * Children run under seccomp filters that forbid io_uring in both usual ways.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <libarena/ring/core.h>

#include "hazard.h"

/* The exit status of a child, or -1. */
static int status_of(pid_t pid)
{
	int status;

	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

/* Parent and child share the ring's memory, so the child takes the parent's completion. */
static void plain_fork(void)
{
	struct io_uring ring = plain_ring(8, 0);
	struct io_uring_cqe *cqe;
	pid_t pid;

	io_uring_prep_nop(io_uring_get_sqe(&ring));
	io_uring_submit(&ring);
	pid = fork();
	if (!pid) {
		if (io_uring_peek_cqe(&ring, &cqe))
			_exit(1);
		io_uring_cqe_seen(&ring, cqe);
		_exit(0);
	}
	is(status_of(pid), 0, "liburing: a child of fork() takes a completion of its parent");
	is(io_uring_peek_cqe(&ring, &cqe), -EAGAIN,
	   "liburing: the parent never sees a completion that its child has taken");
	io_uring_queue_exit(&ring);
}

/* Returns 0, or the number of a call that did not fail in the child as it should. */
static int use_in_child(struct rig *rig, const struct arena_io *io, struct arena_op op)
{
	struct io_uring *uring = &rig->r->uring;
	struct arena_event e;
	struct arena_file f;
	unsigned char resident;

	if (arena_ring_next(rig->r, &e, 0) != -ECHILD)
		return 1;
	if (arena_ring_submit(rig->r) != -ECHILD)
		return 2;
	if (arena_ring_read(rig->r, io, NULL) != -ECHILD)
		return 3;
	if (arena_ring_cancel(rig->r, op) != -ECHILD)
		return 4;
	if (arena_ring_add_file(rig->r, 0, &f) != -ECHILD)
		return 5;
	if (arena_ring_remove_file(rig->r, io->file) != -ECHILD)
		return 6;
	if (arena_ring_accept(rig->r, io->file, 0, NULL) != -ECHILD)
		return 7;
	/* The ring must not be mapped in the child. */
	if (!mincore(uring->sq.sqes, 4096, &resident) || errno != ENOMEM)
		return 8;
	if (arena_ring_close(rig->r))
		return 9;
	return 0;
}

static void test_fork(struct rig *rig)
{
	struct arena_buf b = rig_buf(rig, 1, 0);
	int fd = rig_fd(4096, 'p');
	struct arena_io io = { .file = rig_file(rig, fd), .buf = b, .length = 4096 };
	struct arena_op op;
	pid_t pid;

	arena_ring_read(rig->r, &io, &op);
	arena_ring_submit(rig->r);
	pid = fork();
	if (!pid)
		_exit(use_in_child(rig, &io, op));
	is(status_of(pid), 0,
	   "libarena: every call of a child of fork() fails but arena_ring_close()");
	is(rig_next(rig).result, 4096,
	   "libarena: the parent gets its event after the child's calls");
	ok(rig_is(rig, b, 4096, 'p'), "libarena: the parent gets the bytes of its read");
	is(arena_ring_read(rig->r, &io, NULL), 0,
	   "libarena: the parent can begin a read after the child has closed its copy");
	is(rig_next(rig).result, 4096,
	   "libarena: a read that begins after the child has closed its copy succeeds");
	arena_ring_remove_file(rig->r, io.file);
	arena_put(rig->a, b);
	close(fd);
}

/* Gets an entry and submits, while another thread still fills its own entry in. */
static void *prep_in_thread(void *ring)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

	io_uring_prep_nop(sqe);
	io_uring_sqe_set_data64(sqe, 2);
	return (void *)(intptr_t)io_uring_submit(ring);
}

static void plain_thread(void)
{
	struct io_uring ring = plain_ring(8, 0);
	struct io_uring_sqe *half;
	pthread_t thread;
	void *submitted;

	/* The other thread submits before this one has filled its entry in. */
	half = io_uring_get_sqe(&ring);
	half->opcode = 255;
	pthread_create(&thread, NULL, prep_in_thread, &ring);
	pthread_join(thread, &submitted);
	is(plain_result(&ring), -EINVAL,
	   "liburing: a thread submits the unfinished entry of another thread");
	io_uring_queue_exit(&ring);
}

/**
 * struct stranger - a thread that uses the ring of another one
 * @rig: the ring
 * @io: a read that it tries to begin
 * @refused: number of its calls that returned -ECHILD
 */
struct stranger {
	struct rig *rig;
	const struct arena_io *io;
	int refused;
};

static void *use_in_thread(void *arg)
{
	struct stranger *s = arg;
	struct arena_ring *r = s->rig->r;
	struct arena_event e;
	struct arena_file f;

	s->refused += arena_ring_next(r, &e, 0) == -ECHILD;
	s->refused += arena_ring_submit(r) == -ECHILD;
	s->refused += arena_ring_read(r, s->io, NULL) == -ECHILD;
	s->refused += arena_ring_add_file(r, 0, &f) == -ECHILD;
	s->refused += arena_ring_poll(r, s->io->file, POLLIN, false, 0, NULL) == -ECHILD;
	s->refused += arena_ring_close(r) == -ECHILD;
	return NULL;
}

static void test_thread(struct rig *rig)
{
	struct arena_buf b = rig_buf(rig, 1, 0);
	int fd = rig_fd(4096, 't');
	struct arena_io io = { .file = rig_file(rig, fd), .buf = b, .length = 4096 };
	struct stranger s = { .rig = rig, .io = &io };
	pthread_t thread;

	pthread_create(&thread, NULL, use_in_thread, &s);
	pthread_join(thread, NULL);
	is(s.refused, 6, "libarena: every call of another thread is refused with -ECHILD");
	is(arena_state(rig->a, b), ARENA_OWNED,
	   "libarena: a read that another thread tried leaves its extent OWNED");
	is(arena_ring_read(rig->r, &io, NULL), 0,
	   "libarena: the thread that opened the ring can begin a read afterwards");
	is(rig_next(rig).result, 4096,
	   "libarena: a read that begins after the calls of another thread succeeds");
	arena_ring_remove_file(rig->r, io.file);
	arena_put(rig->a, b);
	close(fd);
}

/* From now on io_uring_setup(2) fails with @error, as under a container engine. */
static int forbid(int error)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_io_uring_setup, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned int)error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = 4, .filter = code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -errno;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) ? -errno : 0;
}

/* Returns 0, or the number of a step that went wrong. */
static int without_io_uring(struct rig *rig, int error, const char *word)
{
	struct arena_features f = { .size = sizeof(f) };
	struct arena_ring *r;
	const char *why;

	if (forbid(error))
		return 1;
	if (arena_ring_open(rig->a, &rig_options, &r) != -EOPNOTSUPP)
		return 2;
	if (arena_probe(&f) != -EOPNOTSUPP || f.error != -error || f.has)
		return 3;
	why = arena_features_why(&f);
	if (!why || !strstr(why, word))
		return 4;
	diag("%s: %s", strerror(error), why);
	return 0;
}

static void test_forbidden(struct rig *rig, int error, const char *word)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid)
		_exit(without_io_uring(rig, error, word));
	is(status_of(pid), 0,
	   "libarena: a ring is refused with a reason if io_uring_setup() fails with \"%s\"",
	   strerror(error));
}

/* A lock of the file to which @fd leads, by a descriptor of its own; -EAGAIN if another has it. */
static int lock_file(int fd)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	char path[64];
	int own;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	own = open(path, O_RDWR | O_CLOEXEC);
	if (own < 0 || !fcntl(own, F_OFD_SETLK, &lock))
		return own;
	close(own);
	return -EAGAIN;
}

/* Locks the file, leaves the lock to a ring, and tells the number of the ring's descriptor. */
static void leave_sign(int file, int told)
{
	struct io_uring ring = plain_ring(8, 0);
	int lock = lock_file(file);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (lock < 0 || io_uring_register_files(&ring, &lock, 1))
		_exit(1);
	close(lock);
	if (write(told, &ring.ring_fd, sizeof(int)) != sizeof(int))
		_exit(1);
	pause();
}

/* A descriptor of the child's ring, which keeps the ring as an operation would. */
static int get_ring(pid_t pid, int told)
{
	int number, pidfd = (int)syscall(SYS_pidfd_open, pid, 0), ring;

	if (pidfd < 0 || read(told, &number, sizeof(number)) != sizeof(number))
		bail("the child has no ring");
	ring = (int)syscall(SYS_pidfd_getfd, pidfd, number, 0);
	close(pidfd);
	return ring;
}

static void test_killed(void)
{
	int file = memfd_create("sign", MFD_CLOEXEC), told[2], ring, lock;
	pid_t pid;

	if (file < 0 || pipe(told))
		bail("files");
	fflush(stdout);
	pid = fork();
	if (!pid)
		leave_sign(file, told[1]);
	ring = get_ring(pid, told[0]);
	if (ring < 0)
		bail("pidfd_getfd");
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	is(lock_file(file), -EAGAIN,
	   "liburing: a lock that a killed process left to its ring is held as long as the ring");
	close(ring);
	/* The end of a ring takes the kernel a while. */
	for (int i = 0; (lock = lock_file(file)) == -EAGAIN && i < 20000; i++)
		usleep(1000);
	ok(lock >= 0, "liburing: such a lock is free when the ring has ended");
	close(lock);
	close(file);
}

int main(void)
{
	struct rig rig = rig_open("hazard-process");

	plain_fork();
	test_fork(&rig);
	plain_thread();
	test_thread(&rig);
	test_killed();
	test_forbidden(&rig, EPERM, "forbidden");
	test_forbidden(&rig, ENOSYS, "hidden");
	rig_close(&rig);
	return done_testing();
}
