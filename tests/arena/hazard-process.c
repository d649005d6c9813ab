// SPDX-License-Identifier: MIT
/*
 * Goal: a ring is used by the thread that opened it and by nobody else; where
 * io_uring is forbidden, one is told so.
 * Method: a child after fork and another thread, with plain liburing and with a ring
 * of ours; children under seccomp filters that forbid io_uring in both usual ways.
 */
#define _GNU_SOURCE
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <libarena/ring/core.h>

#include "hazard.h"

/* What a child says by its exit status. */
static int status_of(pid_t pid)
{
	int status;

	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

/* The child takes what came for its parent: the ring's memory is the same. */
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
	is(status_of(pid), 0, "plain: a child takes its parent's completion");
	is(io_uring_peek_cqe(&ring, &cqe), -EAGAIN, "plain: the parent never sees it");
	io_uring_queue_exit(&ring);
}

/* 0, or the number of what the child may do and should not. */
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
	/* Nor is anything of it mapped. */
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
	is(status_of(pid), 0, "ours: a child can do nothing with it, and gives up its copy");
	is(rig_next(rig).result, 4096, "ours: the parent has its event");
	ok(rig_is(rig, b, 4096, 'p'), "ours: and what was read");
	is(arena_ring_read(rig->r, &io, NULL), 0, "ours: the ring lives on");
	is(rig_next(rig).result, 4096, "ours: and works");
	arena_ring_remove_file(rig->r, io.file);
	arena_put(rig->a, b);
	close(fd);
}

/* Two threads that get an entry each can get the same one: here, one after the other. */
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

	/* It got an entry, and before it has filled it in, the other one submits. */
	half = io_uring_get_sqe(&ring);
	half->opcode = 255;
	pthread_create(&thread, NULL, prep_in_thread, &ring);
	pthread_join(thread, &submitted);
	is(plain_result(&ring), -EINVAL, "plain: a thread submits another's unfinished entry");
	io_uring_queue_exit(&ring);
}

/**
 * struct stranger - what a thread tries
 * @rig: another's
 * @io: a read
 * @refused: how many calls said -ECHILD
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
	is(s.refused, 6, "ours: another thread is refused");
	is(arena_state(rig->a, b), ARENA_OWNED, "ours: before anything was done");
	is(arena_ring_read(rig->r, &io, NULL), 0, "ours: the ring lives on");
	is(rig_next(rig).result, 4096, "ours: and works");
	arena_ring_remove_file(rig->r, io.file);
	arena_put(rig->a, b);
	close(fd);
}

/* From now on io_uring_setup(2) answers @error, as container engines have it. */
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

/* 0, or the number of what is not as it should be. */
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
	is(status_of(pid), 0, "ours: forbidden with %s, it is refused and says why",
	   strerror(error));
}

int main(void)
{
	struct rig rig = rig_open("hazard-process");

	plain_fork();
	test_fork(&rig);
	plain_thread();
	test_thread(&rig);
	test_forbidden(&rig, EPERM, "forbidden");
	test_forbidden(&rig, ENOSYS, "hidden");
	rig_close(&rig);
	return done_testing();
}
