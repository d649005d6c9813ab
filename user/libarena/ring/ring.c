// SPDX-License-Identifier: LGPL-2.1-or-later
#include <arena/ring.h>

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/clock.h"
#include "ops.h"
#include "provided.h"
#include "rw.h"

#define PAGE		4096
#define MAX_SQ		1024U
/* To abort a file takes three entries at once. */
#define MIN_SQ		4U

/* How often closing asks again that everything ends. */
#define CLOSE_NS	100000000L

/* Each file: a cancellation, a shutdown, a disconnection. */
#define OWN_PER_FILE	3

static bool sound(const struct arena_ring_options *o)
{
	return o->entries && o->entries <= ARENA_RING_MAX_ENTRIES &&
	       o->files && o->files <= ARENA_RING_MAX_FILES;
}

static int find_features(struct arena_ring *r, const struct arena_features *wanted)
{
	if (!wanted)
		return arena_probe(&r->features);
	r->features = *wanted;
	return arena_features_why(wanted) ? -EOPNOTSUPP : 0;
}

static uint32_t setup_flags(const struct arena_features *f)
{
	uint32_t flags = IORING_SETUP_CQSIZE;

	if (arena_has(f, ARENA_HAS_SUBMIT_ALL))
		flags |= IORING_SETUP_SUBMIT_ALL;
	if (arena_has(f, ARENA_HAS_SINGLE_ISSUER))
		flags |= IORING_SETUP_SINGLE_ISSUER;
	if (arena_has(f, ARENA_HAS_DEFER_TASKRUN))
		flags |= IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG;
	return flags;
}

/*
 * Room for all completions that can be under way at once: two of each operation, as
 * a zero-copy send has, and the ring's own. Only the events in between of what goes
 * on can fill it: the kernel ends that then, and it is begun anew.
 */
static uint32_t completions(const struct arena_ring *r)
{
	uint32_t n = 3 * r->n_ops + OWN_PER_FILE * r->n_files, all = 1;

	while (all < n)
		all *= 2;
	return all;
}

static uint32_t submissions(const struct arena_ring *r)
{
	if (r->n_ops < MIN_SQ)
		return MIN_SQ;
	return r->n_ops < MAX_SQ ? r->n_ops : MAX_SQ;
}

static int open_uring(struct arena_ring *r)
{
	struct io_uring_params params = {
		.flags = setup_flags(&r->features),
		.cq_entries = completions(r),
	};
	int ret;

	ret = io_uring_queue_init_params(submissions(r), &r->uring, &params);
	if (ret)
		return ret;
	r->own_max = params.cq_entries - 2 * r->n_ops;
	/* A child has no use for it, and could spoil it. */
	io_uring_ring_dontfork(&r->uring);
	ret = ring_files_init(r);
	if (ret)
		io_uring_queue_exit(&r->uring);
	return ret;
}

/* What does not want to be registered, for want of leave to pin it, is used without. */
static void register_groups(struct arena_ring *r)
{
	const struct arena_layout *l = arena_layout(r->a);

	if (io_uring_register_buffers_sparse(&r->uring, l->n_groups))
		return;
	for (uint32_t i = 0; i < l->n_groups; i++) {
		const struct arena_group *g = &l->group[i];
		struct iovec all = {
			.iov_base = (char *)arena_base(r->a) + g->offset,
			.iov_len = (size_t)g->buffer_size * g->count,
		};
		__u64 tag = 0;

		if (g->role != arena_role(r->a) || g->use == ARENA_USE_CONTROL)
			continue;
		r->registered[i] = io_uring_register_buffers_update_tag(&r->uring, i, &all,
									&tag, 1) == 1;
	}
}

static void free_ring(struct arena_ring *r)
{
	ring_rw_free(r);
	if (r->fork_guard)
		munmap(r->fork_guard, PAGE);
	ring_provided_free(r);
	ring_heap_free(&r->deadlines);
	free(r->registered);
	free(r->files);
	free(r->ops);
	free(r);
}

/* A word that is not 0 here, and 0 in a child after fork(2). */
static uint32_t *new_fork_guard(void)
{
	uint32_t *guard = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (guard == MAP_FAILED)
		return NULL;
	if (madvise(guard, PAGE, MADV_WIPEONFORK)) {
		munmap(guard, PAGE);
		return NULL;
	}
	*guard = 1;
	return guard;
}

static struct arena_ring *new_ring(struct arena *a, const struct arena_ring_options *o)
{
	struct arena_ring *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->a = a;
	r->n_ops = o->entries;
	r->n_files = 2 * o->files;
	r->thread = ring_thread_id();
	r->ops = calloc(r->n_ops, sizeof(*r->ops));
	r->files = calloc(r->n_files, sizeof(*r->files));
	r->provided = calloc(arena_layout(a)->n_groups, sizeof(*r->provided));
	r->registered = calloc(arena_layout(a)->n_groups, sizeof(*r->registered));
	r->fork_guard = new_fork_guard();
	if (!ring_heap_init(&r->deadlines, r->n_ops) || !ring_rw_init(r) || !r->ops ||
	    !r->files || !r->registered || !r->provided || !r->fork_guard) {
		free_ring(r);
		return NULL;
	}
	ring_ops_init(r);
	return r;
}

int arena_ring_open(struct arena *a, const struct arena_ring_options *o,
		    struct arena_ring **out)
{
	struct arena_ring *r;
	int ret;

	if (!sound(o))
		return -EINVAL;
	r = new_ring(a, o);
	if (!r)
		return -ENOMEM;
	ret = find_features(r, o->features);
	if (!ret)
		ret = open_uring(r);
	if (ret) {
		free_ring(r);
		return ret;
	}
	if (o->registered)
		register_groups(r);
	*out = r;
	return 0;
}

struct io_uring *arena_ring_uring(struct arena_ring *r)
{
	return &r->uring;
}

uint32_t arena_ring_pending(const struct arena_ring *r)
{
	return r->pending;
}

int arena_ring_submit(struct arena_ring *r)
{
	int ret = ring_check(r);

	return ret ? ret : ring_submit(r);
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
		return false;
	case TAG_FILE:
		r->own--;
		ring_file_done(r, index);
		return false;
	case TAG_MESSAGE:
		break;
	}
	*event = (struct arena_event){
		.cookie = cqe->user_data,
		.result = cqe->res,
		.flags = ARENA_EVENT_MESSAGE,
	};
	return true;
}

/* What has come, without waiting. */
static bool next_ready(struct arena_ring *r, struct arena_event *event)
{
	struct io_uring_cqe *first, cqe;

	for (;;) {
		if (ring_ops_requeue(r, event))
			return true;
		if (io_uring_peek_cqe(&r->uring, &first))
			return false;
		cqe = *first;
		io_uring_cqe_seen(&r->uring, first);
		if (complete(r, &cqe, event))
			return true;
	}
}

/* Submit, and wait for a completion: @ns, or for ever if that is negative. */
static int wait_for_one(struct arena_ring *r, int64_t ns)
{
	struct __kernel_timespec ts = { ns / 1000000000, ns % 1000000000 };
	struct io_uring_cqe *cqe;
	int ret;

	if (!ns)
		ret = io_uring_submit_and_get_events(&r->uring);
	else
		ret = io_uring_submit_and_wait_timeout(&r->uring, &cqe, 1,
						       ns < 0 ? NULL : &ts, NULL);
	return ret == -ETIME || ret > 0 ? 0 : ret;
}

/* How long to wait: until @end, or until the deadline of an operation. */
static int64_t wait_ns(const struct arena_ring *r, int64_t end)
{
	int64_t first = ring_heap_first(&r->deadlines);

	return clock_left_ns(first < end ? first : end);
}

int arena_ring_next(struct arena_ring *r, struct arena_event *event, int timeout_ms)
{
	int64_t end = timeout_ms ? clock_deadline(timeout_ms) : 0;
	int ret = ring_check(r);
	bool over = false;

	while (!ret) {
		ring_ops_expire(r);
		if (next_ready(r, event))
			return 1;
		if (over)
			return 0;
		over = !clock_left_ns(end);
		ret = wait_for_one(r, wait_ns(r, end));
	}
	return ret;
}

/* Everything that the kernel knows of. */
static void cancel_all(struct arena_ring *r)
{
	struct io_uring_sqe *sqe;

	if (ring_own_room(r, 1))
		return;
	sqe = ring_own_sqe(r);
	io_uring_prep_cancel64(sqe, 0, IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL);
	/* Of no operation: none has generation 0. */
	io_uring_sqe_set_data64(sqe, user_data(TAG_CANCEL, 0, 0));
}

/* Some of what is pending has ended, or not so soon. */
static void drain_some(struct arena_ring *r)
{
	struct arena_event dropped;

	wait_for_one(r, CLOSE_NS);
	while (next_ready(r, &dropped))
		;
}

static void drain(struct arena_ring *r)
{
	bool aborted = false;

	r->closing = true;
	/* The shutdown of a removed socket would be cancelled as well. */
	while (r->own)
		drain_some(r);
	while (r->pending) {
		cancel_all(r);
		drain_some(r);
		if (r->pending && !aborted)
			ring_files_abort_pending(r);
		aborted = true;
	}
	/* Messages that were not submitted yet are sent all the same. */
	ring_submit(r);
	/* The ring's own end comes later: let go of pages and files now. */
	io_uring_unregister_buffers(&r->uring);
	ring_files_close(r);
}

int arena_ring_close(struct arena_ring *r)
{
	bool child;

	if (!r)
		return 0;
	child = ring_is_child(r);
	if (!child && ring_check(r))
		return -ECHILD;
	if (child) {
		/* The child has nothing mapped fork_guard, or something else by now. */
		close(r->uring.ring_fd);
		ring_files_close(r);
	} else {
		drain(r);
		ring_provided_close(r);
		io_uring_queue_exit(&r->uring);
	}
	free_ring(r);
	return 0;
}
