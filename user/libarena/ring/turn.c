// SPDX-License-Identifier: LGPL-2.1-or-later
#include "turn.h"

#include <errno.h>

#include <common/clock.h>

#include "ops.h"
#include "source.h"

/* Flags that ask for a system call: the kernel has work to do, or has kept completions. */
#define SQ_NEEDS_ENTER	(IORING_SQ_CQ_OVERFLOW | IORING_SQ_TASKRUN)

/*
 * The longest sleep of a ring that gathers. It needs an end, for liburing would otherwise wait
 * once more when the time for gathering has passed.
 */
#define GATHER_NS	(3600 * CLOCK_NS_PER_S)

static bool kernel_has_work(const struct arena_ring *r)
{
	return __atomic_load_n(r->uring.sq.kflags, __ATOMIC_RELAXED) & SQ_NEEDS_ENTER;
}

bool ring_has_completion(const struct arena_ring *r)
{
	return io_uring_cq_ready(&r->uring) || kernel_has_work(r);
}

static bool complete(struct arena_ring *r, const struct io_uring_cqe *cqe,
		     struct arena_event *event)
{
	uint32_t generation = cqe->user_data >> 32 & GENERATION_MAX;
	uint32_t index = (uint32_t)cqe->user_data;

	switch ((enum ring_tag)(cqe->user_data >> 62)) {
	case TAG_OP:
		return ring_op_complete(r, cqe, event);
	case TAG_CANCEL:
		r->own--;
		ring_op_cancel_complete(r, index, generation);
		break;
	case TAG_FILE:
		r->own--;
		ring_file_done(r, index);
		break;
	case TAG_SOURCE:
		ring_sources_complete(r, cqe);
		break;
	}
	return false;
}

/* Handle one completion of this turn; true if it makes an event. */
static bool turn_complete(struct arena_ring *r, struct arena_event *event)
{
	struct io_uring_cqe *first, cqe;

	r->turn_cqes--;
	if (io_uring_peek_cqe(&r->uring, &first))
		return false;
	cqe = *first;
	if (r->uring.flags & IORING_SETUP_CQE32)
		r->extra = first->big_cqe[0];
	io_uring_cqe_seen(&r->uring, first);
	return complete(r, &cqe, event);
}

/* The next event of this turn. */
static bool turn_next(struct arena_ring *r, struct arena_event *event)
{
	for (;;) {
		if (ring_ops_requeue(r, event))
			return true;
		if (!r->turn_cqes)
			return ring_sources_next(r, event);
		if (turn_complete(r, event))
			return true;
	}
}

static uint32_t turn_fill(struct arena_ring *r, struct arena_event *events, uint32_t n)
{
	uint32_t i = 0;

	while (i < n && turn_next(r, &events[i]))
		i++;
	return i;
}

/* Does the kernel find completions only if it is asked for them? */
static bool asks(const struct arena_ring *r)
{
	return r->is_polled && r->pending;
}

/* Submit, and reap the completions that there are. */
static int enter(struct arena_ring *r)
{
	int ret;

	if (!io_uring_sq_ready(&r->uring) && !kernel_has_work(r) && !asks(r))
		return 0;
	r->counters.enters++;
	ret = io_uring_submit_and_get_events(&r->uring);
	return ret < 0 ? ret : 0;
}

/* For how many completions to wait. */
static uint32_t gathers(const struct arena_ring *r)
{
	return r->gather < r->pending ? r->gather : r->pending;
}

/* Submit, and sleep until there are several completions, or one after the time for them. */
static int enter_and_gather(struct arena_ring *r, uint32_t n, int64_t ns)
{
	int64_t most = ns < 0 ? GATHER_NS : ns, us = most / CLOCK_NS_PER_US;
	struct __kernel_timespec ts = { most / CLOCK_NS_PER_S, most % CLOCK_NS_PER_S };
	int ret;

	ret = uring_gather(&r->uring, n, us < r->gather_us ? (unsigned int)us : r->gather_us, &ts);
	return ret == -ETIME || ret > 0 ? 0 : ret;
}

/* Submit, and sleep until there is a completion: for @ns, or for ever if that is negative. */
static int enter_and_sleep(struct arena_ring *r, int64_t ns)
{
	struct __kernel_timespec ts = { ns / CLOCK_NS_PER_S, ns % CLOCK_NS_PER_S };
	struct io_uring_cqe *cqe;
	int ret;

	r->counters.enters++;
	if (gathers(r) > 1)
		return enter_and_gather(r, gathers(r), ns);
	if (ns < 0)
		ret = io_uring_submit_and_wait(&r->uring, 1);
	else
		ret = io_uring_submit_and_wait_timeout(&r->uring, &cqe, 1, &ts, NULL);
	return ret == -ETIME || ret > 0 ? 0 : ret;
}

static int sleep_somehow(struct arena_ring *r, int64_t ns)
{
	bool is_idle = ring_sources_sleep(r);
	int ret = is_idle ? enter_and_sleep(r, ns) : enter(r);

	ring_sources_awake(r);
	return ret;
}

/* Wait for the first event of a turn. */
static int turn_wait(struct arena_ring *r, int64_t ns)
{
	int ret;

	if (!ring_sources_spins(r))
		return sleep_somehow(r, ns);
	ret = enter(r);
	if (ret || ring_has_completion(r))
		return ret;
	if (ring_sources_spin(r, ns))
		return enter(r);
	return sleep_somehow(r, ns);
}

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* The longest time to sleep, in nanoseconds; negative for ever. */
static int64_t sleep_ns(const struct arena_ring *r, int64_t deadline, bool retries)
{
	int64_t end = earlier(deadline, ring_sources_due(r));

	end = earlier(end, ring_heap_first(&r->deadlines));
	return clock_left_ns(retries ? earlier(end, clock_ns() + SOURCE_RETRY_NS) : end);
}

static int turn_begin(struct arena_ring *r, int64_t deadline)
{
	bool retries = ring_sources_stage(r);
	int64_t ns = 0;
	int ret;

	r->counters.turns++;
	ring_ops_expire(r);
	if (!ring_sources_look(r) && !io_uring_cq_ready(&r->uring) && deadline && !r->is_polled)
		ns = sleep_ns(r, deadline, retries);
	ret = ns ? turn_wait(r, ns) : enter(r);
	ring_sources_look(r);
	r->turn_cqes = io_uring_cq_ready(&r->uring);
	return ret;
}

int arena_ring_next_many(struct arena_ring *r, struct arena_event *events, uint32_t n,
			 int timeout_ms)
{
	int64_t deadline = -1;
	int ret = n ? ring_check(r) : -EINVAL;

	while (!ret) {
		uint32_t filled = turn_fill(r, events, n);

		if (filled)
			return (int)filled;
		if (!deadline || (deadline > 0 && !clock_left_ns(deadline)) ||
		    (r->is_polled && !r->pending))
			return 0;
		if (deadline < 0)
			deadline = timeout_ms ? clock_deadline(timeout_ms) : 0;
		ret = turn_begin(r, deadline);
	}
	return ret;
}

int arena_ring_set_gather(struct arena_ring *r, uint32_t n, uint32_t us)
{
	int ret = ring_check(r);

	if (ret)
		return ret;
	if (n > 1 && (!us || us > ARENA_RING_MAX_GATHER_US))
		return -EINVAL;
	r->gather = arena_has(&r->features, ARENA_HAS_MIN_TIMEOUT) ? n : 0;
	r->gather_us = us;
	return 0;
}

void ring_turn_drain(struct arena_ring *r, int64_t ns)
{
	struct arena_event dropped;

	if (r->is_polled)
		enter(r);
	else
		enter_and_sleep(r, ns);
	r->turn_cqes = io_uring_cq_ready(&r->uring);
	while (turn_next(r, &dropped))
		;
}
