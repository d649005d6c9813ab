// SPDX-License-Identifier: LGPL-2.1-or-later
#include <arena/ring.h>

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <common/copy_struct.h>

#include "nvme.h"
#include "ops.h"
#include "provided.h"
#include "restrict.h"
#include "rw.h"
#include "source.h"
#include "turn.h"
#include "../why.h"

#define MAX_SQ		1024U
/* Aborting a file takes three entries at once. */
#define MIN_SQ		4U

/* Interval at which closing cancels everything again. */
#define CLOSE_NS	100000000L

/* Own operations of each file: a cancellation, a shutdown, a disconnection. */
#define OWN_PER_FILE	3

#define USES	(ARENA_USES_DISK | ARENA_USES_NVME | ARENA_USES_SOCKETS)

static int check_options(const struct arena_ring_options *o)
{
	const struct why_rule rules[] = {
		{ o->entries > ARENA_RING_MAX_ENTRIES,
		  "entries: is greater than ARENA_RING_MAX_ENTRIES" },
		{ o->files > ARENA_RING_MAX_FILES, "files: is greater than ARENA_RING_MAX_FILES" },
		{ o->sources > ARENA_RING_MAX_SOURCES,
		  "sources: is greater than ARENA_RING_MAX_SOURCES" },
		{ o->wait > ARENA_WAIT_ADAPT, "wait: is not one of enum arena_wait" },
		{ o->uses & ~USES, "uses: has one that is not of enum arena_ring_uses" },
	};

	return WHY_FIRST(rules);
}

/* Copy the caller's options, with defaults in place of zeroes. */
static int copy_options(struct arena_ring_options *o, const struct arena_ring_options *given)
{
	int ret = why_copy_struct(o, sizeof(*o), given);

	if (ret)
		return ret;
	if (!o->entries)
		o->entries = ARENA_RING_ENTRIES;
	if (!o->files)
		o->files = ARENA_RING_FILES;
	if (!o->sources)
		o->sources = ARENA_RING_SOURCES;
	return check_options(o);
}

static int find_features(struct arena_ring *r, const struct arena_features *wanted)
{
	int ret;

	r->features.size = sizeof(r->features);
	if (!wanted)
		return arena_probe(&r->features);
	ret = why_copy_struct(&r->features, sizeof(r->features), wanted);
	if (ret)
		return ret;
	return arena_features_why(&r->features) ? -EOPNOTSUPP : 0;
}

static uint32_t polling_flags(const struct arena_ring *r)
{
	if (!r->is_polled)
		return 0;
	return arena_has(&r->features, ARENA_HAS_HYBRID_IOPOLL) ? URING_HYBRID_IOPOLL :
								  IORING_SETUP_IOPOLL;
}

static uint32_t setup_flags(const struct arena_ring *r)
{
	const struct arena_features *f = &r->features;
	uint32_t flags = IORING_SETUP_CQSIZE | polling_flags(r);

	if (r->nvme)
		flags |= IORING_SETUP_SQE128 | IORING_SETUP_CQE32;
	if (arena_has(f, ARENA_HAS_SUBMIT_ALL))
		flags |= IORING_SETUP_SUBMIT_ALL;
	if (arena_has(f, ARENA_HAS_SINGLE_ISSUER))
		flags |= IORING_SETUP_SINGLE_ISSUER;
	if (arena_has(f, ARENA_HAS_DEFER_TASKRUN))
		flags |= IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG;
	return flags;
}

/*
 * Room for all completions that can be under way at once: two of each operation, as a
 * zero-copy send has, and the ring's own. Only multishot operations can fill it. The kernel
 * ends these when that happens, and the ring starts them again.
 */
static uint32_t completions(const struct arena_ring *r)
{
	uint32_t n = 3 * r->n_ops + OWN_PER_FILE * r->n_files +
		     SOURCE_CQES * r->sources->n, all = 1;

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

/* A ring that is to be restricted begins its life when it is: see ring_restrict(). */
static int open_uring(struct arena_ring *r, uint32_t uses)
{
	struct io_uring_params params = {
		.flags = setup_flags(r) | (uses ? IORING_SETUP_R_DISABLED : 0),
		.cq_entries = completions(r),
	};
	int ret;

	ret = io_uring_queue_init_params(submissions(r), &r->uring, &params);
	if (ret)
		return ret;
	r->own_max = params.cq_entries - 2 * r->n_ops - SOURCE_CQES * r->sources->n;
	/* A child of fork(2) does not need it, and could corrupt it. */
	io_uring_ring_dontfork(&r->uring);
	ret = ring_files_init(r);
	if (ret)
		io_uring_queue_exit(&r->uring);
	return ret;
}

/*
 * A group that cannot be registered is used unregistered: pinning may be refused, and memory
 * that our view maps read-only cannot be pinned for writing.
 */
static void register_groups(struct arena_ring *r, const struct arena_ring_options *o)
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
		bool own = g->role == arena_role(r->a);
		__u64 tag = 0;

		if (g->use == ARENA_USE_CONTROL || !(own ? o->registered : o->register_peers))
			continue;
		r->registered[i] = io_uring_register_buffers_update_tag(&r->uring, i, &all,
									&tag, 1) == 1;
	}
}

static void free_ring(struct arena_ring *r)
{
	ring_rw_free(r);
	ring_provided_free(r);
	ring_heap_free(&r->deadlines);
	ring_sources_free(r->sources);
	ring_nvme_free(r);
	free(r->registered);
	free(r->files);
	free(r->ops);
	free(r);
}

static bool is_of_module(const struct arena *a)
{
	struct mshare_info info = { .size = sizeof(info) };

	return !mshare_info(arena_region(a), &info) && info.backend == MSHARE_BACKEND_MODULE;
}

static struct arena_ring *new_ring(struct arena *a, const struct arena_ring_options *o)
{
	struct arena_ring *r = calloc(1, sizeof(*r));

	if (!r || owner_begin(&r->owner)) {
		free(r);
		return NULL;
	}
	r->a = a;
	r->faults_pass = is_of_module(a);
	r->n_ops = o->entries;
	r->n_files = 2 * o->files;
	r->is_polled = o->polled;
	r->mortal = o->closes_at_death;
	r->for_files = !o->uses || o->uses & ~(uint32_t)ARENA_USES_SOCKETS;
	r->sources = ring_sources_new(o->sources, o->wait);
	r->ops = calloc(r->n_ops, sizeof(*r->ops));
	r->files = calloc(r->n_files, sizeof(*r->files));
	r->provided = calloc(arena_layout(a)->n_groups, sizeof(*r->provided));
	r->registered = calloc(arena_layout(a)->n_groups, sizeof(*r->registered));
	if (!ring_heap_init(&r->deadlines, r->n_ops) || !ring_rw_init(r) || !r->sources ||
	    !r->ops || !r->files || !r->registered || !r->provided) {
		free_ring(r);
		return NULL;
	}
	ring_ops_init(r);
	return r;
}

static int prepare_nvme(struct arena_ring *r)
{
	if (!arena_has(&r->features, ARENA_HAS_URING_CMD))
		return -EOPNOTSUPP;
	return ring_nvme_init(r) ? 0 : -ENOMEM;
}

int arena_ring_open(struct arena *a, const struct arena_ring_options *options,
		    struct arena_ring **out)
{
	struct arena_ring_options o;
	struct arena_ring *r;
	int ret;

	ret = copy_options(&o, options);
	if (ret)
		return ret;
	r = new_ring(a, &o);
	if (!r)
		return -ENOMEM;
	ret = find_features(r, o.features);
	if (!ret && o.nvme)
		ret = prepare_nvme(r);
	if (!ret)
		ret = open_uring(r, o.uses);
	if (ret) {
		free_ring(r);
		return ret;
	}
	if (o.registered || o.register_peers)
		register_groups(r, &o);
	ret = o.uses ? ring_restrict(r, o.uses) : 0;
	if (ret) {
		io_uring_queue_exit(&r->uring);
		free_ring(r);
		return ret;
	}
	*out = r;
	return 0;
}

uint32_t arena_ring_pending(const struct arena_ring *r)
{
	return r->pending;
}

int arena_ring_counters(const struct arena_ring *r, struct arena_ring_counters *out)
{
	return fill_struct(out, &r->counters, sizeof(r->counters));
}

bool arena_ring_is_registered(const struct arena_ring *r, uint32_t group)
{
	return group < arena_layout(r->a)->n_groups && r->registered[group];
}

int arena_ring_submit(struct arena_ring *r)
{
	int ret = ring_check(r);

	if (ret)
		return ret;
	/* If there is no room for something now, the next turn tries again. */
	ring_sources_stage(r);
	return ring_submit(r);
}

/* Cancel all operations that the kernel has. */
static void cancel_all(struct arena_ring *r)
{
	struct io_uring_sqe *sqe;

	if (ring_own_room(r, 1))
		return;
	sqe = ring_own_sqe(r);
	io_uring_prep_cancel64(sqe, 0, IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL);
	/* It belongs to no operation, because none has generation 0. */
	io_uring_sqe_set_data64(sqe, user_data(TAG_CANCEL, 0, 0));
}

static void drain(struct arena_ring *r)
{
	bool aborted = false;

	r->closing = true;
	ring_sources_close(r);
	/* The shutdown of a removed socket would be cancelled as well. */
	while (r->own)
		ring_turn_drain(r, CLOSE_NS);
	while (r->pending || ring_sources_pending(r)) {
		if (!r->is_polled)
			cancel_all(r);
		ring_turn_drain(r, CLOSE_NS);
		if (r->pending && !aborted)
			ring_files_abort_pending(r);
		aborted = true;
	}
	/* The kernel ends the ring itself later. Release pages and files now. */
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
		/* Nothing of the ring is mapped in the child, or something else is by now. */
		close(r->uring.ring_fd);
		ring_sources_drop(r);
		ring_files_close(r);
	} else {
		drain(r);
		ring_provided_close(r);
		io_uring_queue_exit(&r->uring);
	}
	free_ring(r);
	return 0;
}
