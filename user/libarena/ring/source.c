// SPDX-License-Identifier: LGPL-2.1-or-later
#include "source.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <common/clock.h>

/* Least looks of an adaptive wait: an event may be just about to come. */
#define SPINS_MIN	64U
/* This takes as long as to sleep and be woken, some 20 us. */
#define SPINS_MAX	512U
/* One wait in this many looks for the longest time, because conditions may have changed. */
#define SPINS_TRY_EVERY	16U
/* Looks between two readings of the clock, in a ring that polls. */
#define SPINS_POLL	16384U

struct ring_sources *ring_sources_new(uint32_t n, enum arena_wait wait)
{
	struct ring_sources *all = calloc(1, sizeof(*all));

	if (!all)
		return NULL;
	all->source = calloc(n, sizeof(*all->source));
	all->ready = calloc(n, sizeof(*all->ready));
	if (!ring_heap_init(&all->timers, n) || !all->source || !all->ready) {
		ring_sources_free(all);
		return NULL;
	}
	all->n = n;
	all->channels = NONE;
	all->wait = wait;
	all->spins = SPINS_MAX;
	for (uint32_t i = 0; i < n; i++)
		all->source[i] = (struct ring_source){ .fd = -1, .next = i + 1 < n ? i + 1 : NONE };
	return all;
}

void ring_sources_free(struct ring_sources *all)
{
	if (!all)
		return;
	ring_heap_free(&all->timers);
	free(all->ready);
	free(all->source);
	free(all);
}

/* ---- the table ---- */

int source_new(struct arena_ring *r, const struct source_kind *kind, uint64_t cookie,
	       struct ring_source **out)
{
	struct ring_sources *all = r->sources;
	struct ring_source *s;
	int ret = ring_check(r);

	if (ret)
		return ret;
	if (r->is_polled)
		return -EOPNOTSUPP;
	if (all->free == NONE)
		return -ENOSPC;
	s = &all->source[all->free];
	all->free = s->next;
	*s = (struct ring_source){
		.kind = kind,
		.cookie = cookie,
		.generation = next_generation(s->generation),
		.next = NONE,
		.fd = -1,
	};
	*out = s;
	return 0;
}

void source_handle(const struct arena_ring *r, const struct ring_source *s,
		   struct arena_source *out)
{
	if (out)
		*out = (struct arena_source){ source_index(r, s), s->generation };
}

/* Free the entry if no completion for it is to come. */
static void release(struct arena_ring *r, struct ring_source *s)
{
	struct ring_sources *all = r->sources;

	if (s->kind || s->armed || s->cancels || s->is_listed)
		return;
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
	s->next = all->free;
	all->free = source_index(r, s);
}

void source_drop(struct arena_ring *r, struct ring_source *s)
{
	source_unpoll(r, s);
	s->kind = NULL;
	release(r, s);
}

static void remove_source(struct arena_ring *r, struct ring_source *s)
{
	if (s->kind->remove)
		s->kind->remove(r, s);
	source_drop(r, s);
}

int arena_ring_remove_source(struct arena_ring *r, struct arena_source handle)
{
	struct ring_source *s;
	int ret = ring_check(r);

	if (ret)
		return ret;
	if (handle.index >= r->sources->n)
		return -ESTALE;
	s = &r->sources->source[handle.index];
	if (!s->kind || s->generation != handle.generation)
		return -ESTALE;
	remove_source(r, s);
	return 0;
}

/* ---- polls ---- */

uint64_t source_data(const struct arena_ring *r, const struct ring_source *s,
		     enum source_part part)
{
	return user_data(TAG_SOURCE, s->generation, source_index(r, s) << PART_BITS | part);
}

int source_poll(struct arena_ring *r, struct ring_source *s, enum source_part part, int fd,
		uint32_t events)
{
	struct io_uring_sqe *sqe;
	int ret;

	if (s->armed & PART_BIT(part))
		return 0;
	ret = ring_room(r, 1);
	if (ret)
		return ret;
	sqe = io_uring_get_sqe(&r->uring);
	io_uring_prep_poll_add(sqe, fd, events);
	io_uring_sqe_set_data64(sqe, source_data(r, s, part));
	s->armed |= PART_BIT(part);
	return 0;
}

/*
 * Entries that were not submitted name file descriptors that are about to be closed and whose
 * numbers may be reused. They must not reach the kernel.
 */
static void disable_unsubmitted(struct arena_ring *r, uint64_t data)
{
	const struct io_uring_sq *sq = &r->uring.sq;
	unsigned int shift = r->uring.flags & IORING_SETUP_SQE128 ? 1 : 0;
	unsigned int n = io_uring_sq_ready(&r->uring);

	for (unsigned int i = sq->sqe_tail - n; i != sq->sqe_tail; i++) {
		struct io_uring_sqe *sqe = &sq->sqes[(i & sq->ring_mask) << shift];

		if (sqe->user_data != data)
			continue;
		io_uring_prep_nop(sqe);
		io_uring_sqe_set_data64(sqe, data);
	}
}

void source_unpoll(struct arena_ring *r, struct ring_source *s)
{
	for (uint32_t part = 0; part < SOURCE_POLLS; part++) {
		struct io_uring_sqe *sqe;

		if (!(s->armed & PART_BIT(part)) || ring_room(r, 1))
			continue;
		sqe = io_uring_get_sqe(&r->uring);
		io_uring_prep_cancel64(sqe, source_data(r, s, part), 0);
		io_uring_sqe_set_data64(sqe, source_data(r, s, PART_CANCEL));
		s->cancels++;
	}
	if (!s->armed || ring_submit(r) >= 0)
		return;
	for (uint32_t part = 0; part < SOURCE_POLLS; part++)
		disable_unsubmitted(r, source_data(r, s, part));
}

void ring_sources_complete(struct arena_ring *r, const struct io_uring_cqe *cqe)
{
	uint32_t low = (uint32_t)cqe->user_data, part = low & (PART_BIT(PART_BITS) - 1);
	struct ring_source *s = &r->sources->source[low >> PART_BITS];

	/* Only messages can complete after their source has ended, because they are not counted. */
	if (s->generation != (cqe->user_data >> 32 & GENERATION_MAX))
		return;
	if (part == PART_TX) {
		if (s->kind)
			source_channel_failed(s, cqe->res);
	} else if (part == PART_CANCEL) {
		s->cancels--;
	} else {
		s->armed &= ~PART_BIT(part);
		s->fired |= PART_BIT(part);
	}
	if (s->kind)
		source_list(r, s);
	else
		release(r, s);
}

bool ring_sources_pending(const struct arena_ring *r)
{
	for (uint32_t i = 0; i < r->sources->n; i++)
		if (r->sources->source[i].armed || r->sources->source[i].cancels)
			return true;
	return false;
}

void ring_sources_close(struct arena_ring *r)
{
	for (uint32_t i = 0; i < r->sources->n; i++)
		if (r->sources->source[i].kind)
			remove_source(r, &r->sources->source[i]);
}

void ring_sources_drop(struct arena_ring *r)
{
	for (uint32_t i = 0; i < r->sources->n; i++) {
		struct ring_source *s = &r->sources->source[i];

		if (s->fd >= 0)
			close(s->fd);
		if (s->kind && s->kind->type == ARENA_EVENT_WAKER)
			free(s->waker);
	}
}

/* ---- a turn ---- */

void source_list(struct arena_ring *r, struct ring_source *s)
{
	struct ring_sources *all = r->sources;

	if (s->is_listed)
		return;
	s->is_listed = true;
	all->ready[all->n_ready++] = source_index(r, s);
}

bool ring_sources_look(struct arena_ring *r)
{
	source_channels_look(r);
	source_timers_look(r);
	return r->sources->given < r->sources->n_ready;
}

bool ring_sources_next(struct arena_ring *r, struct arena_event *event)
{
	struct ring_sources *all = r->sources;

	while (all->given < all->n_ready) {
		struct ring_source *s = &all->source[all->ready[all->given++]];
		struct arena_source handle;

		if (all->given == all->n_ready) {
			all->n_ready = 0;
			all->given = 0;
		}
		s->is_listed = false;
		if (!s->kind) {
			release(r, s);
			continue;
		}
		source_handle(r, s, &handle);
		*event = (struct arena_event){
			.type = s->kind->type,
			.cookie = s->cookie,
			.source = handle,
			.flags = ARENA_EVENT_MORE,
		};
		if (s->kind->event(r, s, event))
			return true;
	}
	return false;
}

bool ring_sources_stage(struct arena_ring *r)
{
	bool later = !source_fds_stage(r);

	return source_channels_stage(r) || later;
}

bool ring_sources_sleep(struct arena_ring *r)
{
	return source_channels_sleep(r);
}

void ring_sources_awake(struct arena_ring *r)
{
	source_channels_awake(r);
}

/* ---- looking before sleeping ---- */

static inline void relax(void)
{
#if __has_builtin(__builtin_ia32_pause)
	__builtin_ia32_pause();
#else
	__asm__ volatile("" : : : "memory");
#endif
}

/* Return: the number of looks until there was an event, or @looks. */
static uint32_t spin(struct arena_ring *r, uint32_t looks)
{
	uint32_t i;

	for (i = 0; i < looks; i++) {
		relax();
		if (ring_has_completion(r) || source_channels_ready(r))
			break;
	}
	return i;
}

static bool spin_until(struct arena_ring *r, int64_t ns)
{
	int64_t end = ns < 0 ? CLOCK_NEVER : clock_ns() + ns;

	do {
		if (spin(r, SPINS_POLL) < SPINS_POLL)
			return true;
	} while (clock_left_ns(end));
	return false;
}

/*
 * Look several times as long as events have lately taken to come: sleeping costs more than
 * waiting for an event that is somewhat late. A wait to which no event came counts as no
 * looks, so that the time is short while events are rare. Looks are counted because reading
 * the clock costs as much as several of them.
 */
static bool spin_adapting(struct arena_ring *r)
{
	struct ring_sources *all = r->sources;
	uint32_t looks = 4 * all->spins + SPINS_MIN, took;

	if (looks > SPINS_MAX || !(++all->waits % SPINS_TRY_EVERY))
		looks = SPINS_MAX;
	took = spin(r, looks);
	all->spins += (took < looks ? took / 8 : 0) - all->spins / 8;
	return took < looks;
}

bool ring_sources_spins(const struct arena_ring *r)
{
	return r->sources->wait != ARENA_WAIT_SLEEP;
}

bool ring_sources_spin(struct arena_ring *r, int64_t ns)
{
	switch (r->sources->wait) {
	case ARENA_WAIT_POLL:
		return spin_until(r, ns);
	case ARENA_WAIT_ADAPT:
		return spin_adapting(r);
	default:
		return false;
	}
}
