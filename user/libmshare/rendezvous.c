// SPDX-License-Identifier: LGPL-2.1-or-later
#define _GNU_SOURCE
#include "rendezvous.h"

#include <common/clock.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "region.h"

#define N_OFFERS	64

/* Interval between two checks that the publisher is still alive. */
#define LIVENESS_MS	100

/**
 * enum offer_phase - state of an entry of the table
 * @OFFER_FREE: it can be used
 * @OFFER_WRITING: a publisher fills it in
 * @OFFER_READY: a taker may take it
 * @OFFER_TAKING: a taker looks at it
 *
 * FREE -> WRITING -> READY -> TAKING -> FREE; TAKING -> READY if it was not for
 * that taker; READY or TAKING -> FREE if it is withdrawn. Each step is one
 * compare-and-swap of @state, which also names the process that made the step, so
 * that an entry whose process was killed is found and reused. A taker whose last
 * step fails has not got the ring, because the publisher has withdrawn it.
 */
enum offer_phase {
	OFFER_FREE,
	OFFER_WRITING,
	OFFER_READY,
	OFFER_TAKING,
};

/**
 * struct offer - one published ring, in memory that every process can write
 * @state: process id << 2 | enum offer_phase
 * @publisher: the process that has the fd
 * @to: the process that may take it, 0 for any
 * @fd: its number in the publisher
 * @tag: as published
 *
 * Any process with the region can overwrite this. At worst a taker gets a wrong
 * ring or none; it checks that what it got is a ring.
 */
struct offer {
	_Atomic uint64_t state;
	_Atomic int32_t publisher;
	_Atomic int32_t to;
	_Atomic int32_t fd;
	_Atomic uint64_t tag;
};

struct table {
	_Atomic uint32_t published;	/* futex: grows with each publish */
	struct offer offer[N_OFFERS];
};

/**
 * struct mshare_rendezvous - a mapped table
 * @table: shared
 * @fd: its memfd
 * @held: duplicates of the rings this process has offered, -1 for none: they
 *	keep the fd number from being reused for another file
 * @tracer: the process that Yama lets fetch rings of this one, 0 for none
 */
struct mshare_rendezvous {
	struct table *table;
	int fd;
	int held[N_OFFERS];
	pid_t tracer;
};

/*
 * Yama lets a process fetch fds of its descendants only, and a process can make an exception for
 * one other process: the last one for which it offers a ring. Without Yama the call fails, and is
 * not needed.
 */
static void let_fetch(struct mshare_rendezvous *r, pid_t to)
{
	if (to == r->tracer)
		return;
	prctl(PR_SET_PTRACER, to, 0, 0, 0);
	r->tracer = to;
}

static uint64_t state_of(pid_t pid, enum offer_phase phase)
{
	return (uint64_t)pid << 2 | phase;
}

static enum offer_phase state_phase(uint64_t state)
{
	return state & 3;
}

static bool offer_step(struct offer *o, uint64_t from, uint64_t to)
{
	return atomic_compare_exchange_strong(&o->state, &from, to);
}

/* Its entries may be reused; it does no harm to wait until a zombie is reaped. */
static bool is_dead(pid_t pid)
{
	return pid <= 0 || (kill(pid, 0) && errno == ESRCH);
}

/* A zombie has ended, as with the module. */
static bool has_ended(pid_t pid)
{
	int pidfd = mshare_process_open(pid);
	bool ended = pidfd == -ESRCH;

	if (pidfd >= 0) {
		ended = mshare_process_ended(pidfd);
		close(pidfd);
	}
	return ended;
}

int mshare_rendezvous_create(void)
{
	int fd = memfd_create("mshare-rings", MFD_ALLOW_SEALING);
	int err;

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, sizeof(struct table)) ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

int mshare_rendezvous_open(int fd, struct mshare_rendezvous **out)
{
	struct mshare_rendezvous *r;
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	if (st.st_size < (off_t)sizeof(struct table))
		return -EINVAL;
	r = malloc(sizeof(*r));
	if (!r)
		return -ENOMEM;
	r->table = mmap(NULL, sizeof(struct table), PROT_READ | PROT_WRITE,
			MAP_SHARED, fd, 0);
	if (r->table == MAP_FAILED) {
		free(r);
		return -errno;
	}
	r->fd = fd;
	r->tracer = 0;
	for (int i = 0; i < N_OFFERS; i++)
		r->held[i] = -1;
	*out = r;
	return 0;
}

int mshare_rendezvous_fd(const struct mshare_rendezvous *r)
{
	return r->fd;
}

/* Free the entry; false if a process has taken the ring, which frees the entry itself. */
static bool withdraw(struct mshare_rendezvous *r, int i)
{
	struct offer *o = &r->table->offer[i];
	uint64_t ready = state_of(getpid(), OFFER_READY);
	bool ours;

	for (;;) {
		uint64_t state = atomic_load(&o->state);

		ours = state == ready || (state_phase(state) == OFFER_TAKING &&
					  atomic_load(&o->publisher) == getpid());
		/* The step fails while takers come and go: look again. */
		if (!ours || offer_step(o, state, OFFER_FREE))
			break;
	}
	close(r->held[i]);
	r->held[i] = -1;
	return ours;
}

void mshare_rendezvous_withdraw_all(struct mshare_rendezvous *r)
{
	for (int i = 0; i < N_OFFERS; i++)
		if (r->held[i] >= 0)
			withdraw(r, i);
	let_fetch(r, 0);
}

/* Nobody has to fetch a ring any more that was withdrawn or taken. */
static void end_fetching(struct mshare_rendezvous *r)
{
	for (int i = 0; i < N_OFFERS; i++)
		if (r->held[i] >= 0)
			return;
	let_fetch(r, 0);
}

int mshare_rendezvous_withdraw(struct mshare_rendezvous *r, uint64_t tag)
{
	int ret = -ENOENT;

	for (int i = 0; i < N_OFFERS && ret; i++)
		if (r->held[i] >= 0 && atomic_load(&r->table->offer[i].tag) == tag &&
		    withdraw(r, i))
			ret = 0;
	end_fetching(r);
	return ret;
}

void mshare_rendezvous_close(struct mshare_rendezvous *r)
{
	if (!r)
		return;
	mshare_rendezvous_withdraw_all(r);
	munmap(r->table, sizeof(struct table));
	close(r->fd);
	free(r);
}

static bool is_ring(int fd)
{
	char path[64], target[32] = "";

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return readlink(path, target, sizeof(target) - 1) > 0 &&
	       !strcmp(target, "anon_inode:[io_uring]");
}

static void wake_takers(struct table *t)
{
	atomic_fetch_add(&t->published, 1);
	syscall(SYS_futex, &t->published, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
}

/* Claim an entry that is free or whose process has died; its index or -1. */
static int claim_offer(struct mshare_rendezvous *r, uint64_t claimed)
{
	for (int i = 0; i < N_OFFERS; i++) {
		struct offer *o = &r->table->offer[i];
		uint64_t state = atomic_load(&o->state);

		if (state_phase(state) != OFFER_FREE && !is_dead((pid_t)(state >> 2)))
			continue;
		if (!offer_step(o, state, claimed))
			continue;
		/* What this process once offered there has been taken. */
		if (r->held[i] >= 0)
			close(r->held[i]);
		r->held[i] = -1;
		return i;
	}
	return -1;
}

static bool has_offered(struct mshare_rendezvous *r, uint64_t tag)
{
	uint64_t ready = state_of(getpid(), OFFER_READY);

	for (int i = 0; i < N_OFFERS; i++)
		if (r->held[i] >= 0 && atomic_load(&r->table->offer[i].state) == ready &&
		    atomic_load(&r->table->offer[i].tag) == tag)
			return true;
	return false;
}

int mshare_rendezvous_publish(struct mshare_rendezvous *r, int ring_fd,
			      pid_t to, uint64_t tag)
{
	pid_t self = getpid();
	struct offer *o;
	int fd, i;

	fd = fcntl(ring_fd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	i = -EINVAL;
	if (!is_ring(fd))
		goto close_fd;
	i = -ESRCH;
	if (to && has_ended(to))
		goto close_fd;
	i = -EEXIST;
	if (has_offered(r, tag))
		goto close_fd;
	i = claim_offer(r, state_of(self, OFFER_WRITING));
	if (i < 0) {
		i = -ENOSPC;
		goto close_fd;
	}

	/* The caller has to allow the processes that may fetch a ring which is for anybody. */
	if (to)
		let_fetch(r, to);
	r->held[i] = fd;
	o = &r->table->offer[i];
	atomic_store(&o->publisher, self);
	atomic_store(&o->to, to);
	atomic_store(&o->fd, fd);
	atomic_store(&o->tag, tag);
	atomic_store(&o->state, state_of(self, OFFER_READY));
	wake_takers(r->table);
	return 0;

close_fd:
	close(fd);
	return i;
}

static int fetch_ring(pid_t pid, int fd)
{
	int pidfd, ring, err;

	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (pidfd < 0)
		return -errno;
	ring = (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);
	err = -errno;
	close(pidfd);
	if (ring < 0)
		return err;
	if (!is_ring(ring)) {
		close(ring);
		return -EBADF;
	}
	return ring;
}

/* True if this is the offer that the caller wants. It can change at any time. */
static bool offer_matches(struct offer *o, pid_t from, uint64_t tag)
{
	int32_t to = atomic_load(&o->to);

	return atomic_load(&o->tag) == tag && (!to || to == getpid()) &&
	       (!from || from == atomic_load(&o->publisher));
}

/* A ring, -EAGAIN if none is offered, or another -errno. */
static int take_once(struct mshare_rendezvous *r, pid_t from, uint64_t tag)
{
	uint64_t taking = state_of(getpid(), OFFER_TAKING);

	for (int i = 0; i < N_OFFERS; i++) {
		struct offer *o = &r->table->offer[i];
		uint64_t state = atomic_load(&o->state);
		int ring;

		if (state_phase(state) != OFFER_READY || !offer_matches(o, from, tag) ||
		    !offer_step(o, state, taking))
			continue;
		/* It may have been another offer by the time it was claimed. */
		if (!offer_matches(o, from, tag)) {
			offer_step(o, taking, state);
			continue;
		}
		ring = fetch_ring(atomic_load(&o->publisher), atomic_load(&o->fd));
		/* Its publisher has ended, or has closed it. */
		if (ring == -ESRCH || ring == -EBADF) {
			offer_step(o, taking, OFFER_FREE);
			continue;
		}
		if (!offer_step(o, taking, ring < 0 ? state : OFFER_FREE) && ring >= 0) {
			close(ring);
			continue;
		}
		return ring;
	}
	return from && has_ended(from) ? -ESRCH : -EAGAIN;
}

int mshare_rendezvous_take(struct mshare_rendezvous *r, pid_t from,
			   uint64_t tag, int64_t deadline)
{
	for (;;) {
		uint32_t seen = atomic_load(&r->table->published);
		int left = clock_left_ms(deadline), ms = LIVENESS_MS;
		struct timespec wait;
		int ret;

		ret = take_once(r, from, tag);
		if (ret != -EAGAIN || !left)
			return ret;
		if (left > 0 && left < ms)
			ms = left;
		wait = clock_to_timespec(ms * CLOCK_NS_PER_MS);
		/* Look again, whatever ended the wait. */
		syscall(SYS_futex, &r->table->published, FUTEX_WAIT, seen, &wait,
			NULL, 0);
	}
}
