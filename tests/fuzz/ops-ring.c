// SPDX-License-Identifier: MIT
/* Rings are made, published, withdrawn, taken, and used by the processes that took them. */
#include "fuzz.h"

#include <sys/pidfd.h>

#ifndef PIDFD_THREAD
#define PIDFD_THREAD O_EXCL
#endif

void op_ring(void)
{
	static const unsigned int flags[] = { 0, 1U << 12 /* SINGLE_ISSUER */ };
	unsigned int w = any_worker(), slot = (unsigned int)rnd(RINGS);
	struct ring *ring = &model.worker[w].ring[slot];
	struct order o = { .work = WORK_RING_NEW, .a = slot, .b = { PICK(flags) } };
	int64_t ret;

	if (ring->used) {
		if (!one_in(3)) {
			nothing_to_do();
			return;
		}
		note("w%u ends ring%u", w, slot);
		o.work = WORK_RING_END;
		check_result(&(struct want){ 0 }, worker_call(w, &o, NULL, NULL, 0));
		if (ring->n_held)
			model.late_until_ms = now_ms() + 10000;
		ring_release(ring);
		ring->used = false;
		return;
	}
	note("w%u makes ring%u", w, slot);
	ret = worker_call(w, &o, NULL, NULL, 0);
	check_result(&(struct want){ 0 }, ret);
	*ring = (struct ring){ .used = true, .fd = (int)ret, .serial = ++model.serial };
}

/* ---- peers ---- */

/**
 * struct peer - the process for which a ring is, or which published it
 * @worker: a worker or ANYBODY
 * @fd: its pidfd in the calling worker, or -1 for anybody
 * @opened: the pidfd must be closed
 */
struct peer {
	unsigned int worker;
	int fd;
	bool opened;
};

static void open_peer(struct peer *p, unsigned int w, pid_t pid, unsigned int flags)
{
	int64_t fd = SYS(w, SYS_pidfd_open, pid, flags);

	p->opened = fd >= 0;
	p->fd = fd < 0 ? -1 : (int)fd;
}

static struct peer one_peer(unsigned int w, unsigned int worker)
{
	struct peer p = { .worker = worker, .fd = -1 };

	if (worker != ANYBODY)
		open_peer(&p, w, model.worker[worker].pid, 0);
	return p;
}

static struct peer draw_peer(unsigned int w, struct want *x)
{
	struct peer p = { .worker = ANYBODY, .fd = -1 };

	switch (rnd(20)) {
	case 0:
		p.fd = one_in(2) ? 2000 : -2 - (int)rnd(1000);
		want(x, EBADF, true);
		break;
	case 1:
		p.fd = one_in(2) ? FD_FILE : FD_CONTROL;
		want(x, EBADF, true);
		break;
	case 2:
		p.fd = FD_DEAD;
		want(x, ESRCH, true);
		break;
	case 3:
		p.fd = FD_ZOMBIE;
		want(x, ESRCH, true);
		break;
	case 4:
		/* Kernels before 6.9 have no such pidfd. */
		open_peer(&p, w, a_thread(), PIDFD_THREAD);
		want(x, ESRCH, p.opened);
		break;
	case 5 ... 10:
		break;
	default:
		return one_peer(w, any_worker());
	}
	return p;
}

static void drop_peer(unsigned int w, const struct peer *p)
{
	if (p->opened)
		SYS(w, SYS_close, p->fd);
}

/* ---- PUBLISH ---- */

static void want_ring_command(const struct fd *f, struct want *x)
{
	want(x, EBADF, f->flags & O_PATH);
	want(x, EACCES, !(f->flags & O_PATH) && !is_writable(f));
}

static struct published *free_published(void)
{
	for (unsigned int i = 0; i < PUBLISHED; i++)
		if (!model.published[i].used)
			return &model.published[i];
	return NULL;
}

static struct published *find_mine(unsigned int w, unsigned int region, uint64_t tag)
{
	for (unsigned int i = 0; i < PUBLISHED; i++) {
		struct published *p = &model.published[i];

		if (p->used && p->from == w && p->region == region && p->tag == tag)
			return p;
	}
	return NULL;
}

/* Draw a ring of the worker or one that it has taken; false if there is none. */
static bool draw_ring(unsigned int w, struct taken *ring)
{
	const struct worker *k = &model.worker[w];
	unsigned int first = (unsigned int)rnd(RINGS);

	if (one_in(6) && k->taken[first].used) {
		*ring = k->taken[first];
		return true;
	}
	for (unsigned int j = 0; j < RINGS; j++) {
		unsigned int i = (first + j) % RINGS;

		/* It is not known when the buffers end of a ring that others keep. */
		if (!k->ring[i].used || k->ring[i].n_held)
			continue;
		*ring = (struct taken){
			.used = true,
			.fd = k->ring[i].fd,
			.owner = w,
			.ring = i,
			.serial = k->ring[i].serial,
		};
		return true;
	}
	return false;
}

static void want_publish(unsigned int w, const struct fd *f, const struct taken *ring,
			 uint64_t tag, struct want *x)
{
	want_ring_command(f, x);
	want(x, ENOTCONN, !model.worker[w].att[f->region].on);
	want(x, EEXIST, find_mine(w, f->region, tag));
	want(x, ENOSPC, ring->used && ring_copies(f->region, ring->serial) >= COPIES);
}

static void add_published(unsigned int w, unsigned int region, const struct taken *ring,
			  unsigned int to, uint64_t tag)
{
	struct ring *mine = &model.worker[ring->owner].ring[ring->ring];

	if (mine->used && mine->serial == ring->serial)
		mine->shown = true;
	*free_published() = (struct published){
		.used = true,
		.order = ++model.serial,
		.region = region,
		.from = w,
		.owner = ring->owner,
		.ring = ring->ring,
		.serial = ring->serial,
		.to = to,
		.tag = tag,
	};
}

void op_publish(void)
{
	struct msharearena_publish *m;
	struct want x = { 0 };
	struct taken ring = { 0 };
	unsigned int w, slot;
	const struct fd *f;
	struct peer to;
	struct call call;

	if (!any_publishable(&w, &slot) || !free_published()) {
		nothing_to_do();
		return;
	}
	if (!one_in(16))
		draw_ring(w, &ring);
	f = &model.worker[w].fd[slot];
	m = call_begin(&call, FD_VIEWS + (int)slot, MSHAREARENA_PUBLISH, sizeof(*m), sizeof(*m),
		       false);
	m->tag = rnd(4);
	m->ring_fd = ring.fd;
	if (!ring.used) {
		m->ring_fd = one_in(2) ? 2000 : FD_FILE;
		want(&x, m->ring_fd == FD_FILE ? EINVAL : EBADF, true);
	}
	to = draw_peer(w, &x);
	m->to_pidfd = to.fd;
	want_publish(w, f, &ring, m->tag, &x);
	note("w%u PUBLISH fd%u (r%u/%u) ring%u of w%u tag=%llu to=%d pidfd=%d", w, slot, f->region,
	     f->view, ring.ring, ring.owner, m->tag, (int)to.worker, to.fd);
	if (call_ioctl(w, &call, &x))
		add_published(w, f->region, &ring, to.worker, m->tag);
	drop_peer(w, &to);
}

/* Publish a ring with valid arguments, which must succeed. */
static void publish(unsigned int w, unsigned int slot, const struct taken *ring,
		    unsigned int worker, uint64_t tag)
{
	const struct fd *f = &model.worker[w].fd[slot];
	struct peer to = one_peer(w, worker);
	struct msharearena_publish m = {
		.size = sizeof(m),
		.ring_fd = ring->fd,
		.to_pidfd = to.fd,
		.tag = tag,
	};
	struct want x = { 0 };

	note(" w%u publishes fd%u ring%u tag=%llu to=%d", w, slot, ring->ring, (long long)tag,
	     (int)worker);
	want_publish(w, f, ring, tag, &x);
	if (check_result(&x, sys_blob(w, SYS_ioctl,
				      ARGS(FD_VIEWS + slot, MSHAREARENA_PUBLISH, SCRATCH), &m,
				      sizeof(m), NULL, 0)))
		add_published(w, f->region, ring, worker, tag);
	drop_peer(w, &to);
}

/* Publish the same ring under many tags until that is refused. */
void op_flood(void)
{
	unsigned int w, slot, n = 0;
	struct taken ring;
	const struct fd *f;
	uint64_t tag;

	if (!any_publishable(&w, &slot) || !draw_ring(w, &ring)) {
		nothing_to_do();
		return;
	}
	f = &model.worker[w].fd[slot];
	if (!is_writable(f) || !model.worker[w].att[f->region].on) {
		nothing_to_do();
		return;
	}
	note("flood:");
	for (tag = 100; tag < 140 && n < COPIES + 2 && free_published(); tag++) {
		if (find_mine(w, f->region, tag))
			continue;
		publish(w, slot, &ring, one_in(2) ? ANYBODY : any_worker(), tag);
		n++;
	}
	if (!n)
		nothing_to_do();
}

/* ---- WITHDRAW ---- */

void op_withdraw(void)
{
	const struct published *p = &model.published[rnd(PUBLISHED)];
	struct msharearena_withdraw *m;
	struct published *mine;
	struct want x = { 0 };
	unsigned int w, slot;
	const struct fd *f;
	struct call call;

	if (!any_publishable(&w, &slot)) {
		nothing_to_do();
		return;
	}
	f = &model.worker[w].fd[slot];
	for (unsigned int i = 0; i < PUBLISHED && !(p->used && p->from == w); i++)
		p = &model.published[i];
	m = call_begin(&call, FD_VIEWS + (int)slot, MSHAREARENA_WITHDRAW, sizeof(*m), sizeof(*m),
		       false);
	m->tag = p->used && !one_in(4) ? p->tag : rnd(4);
	mine = find_mine(w, f->region, m->tag);
	want_ring_command(f, &x);
	want(&x, ENOTCONN, !model.worker[w].att[f->region].on);
	want(&x, ENOENT, !mine);
	note("w%u WITHDRAW fd%u (r%u/%u) tag=%llu", w, slot, f->region, f->view, m->tag);
	if (call_ioctl(w, &call, &x))
		mine->used = false;
}

/* ---- TAKE ---- */

static struct published *find_published(unsigned int region, unsigned int w, unsigned int from,
					uint64_t tag)
{
	struct published *found = NULL;

	for (unsigned int i = 0; i < PUBLISHED; i++) {
		struct published *p = &model.published[i];

		if (!p->used || p->region != region || p->tag != tag)
			continue;
		if ((from != ANYBODY && p->from != from) || (p->to != ANYBODY && p->to != w))
			continue;
		if (!found || p->order < found->order)
			found = p;
	}
	return found;
}

/* A message that is posted to a taken ring must arrive at its owner. */
static void try_ring(unsigned int w, const struct taken *t)
{
	const struct ring *ring = &model.worker[t->owner].ring[t->ring];
	struct order post = { .work = WORK_RING_POST, .a = t->fd, .b = { op_value() } };
	struct order next = { .work = WORK_RING_NEXT, .a = t->ring };
	int64_t got;

	if (!ring->used || ring->serial != t->serial)
		return;
	check_result(&(struct want){ 0 }, worker_call(w, &post, NULL, NULL, 0));
	got = worker_call(t->owner, &next, NULL, NULL, 0);
	if (got != (int64_t)post.b[0])
		fail("a message of w%u to w%u: got 0x%llx, want 0x%llx", w, t->owner,
		     (long long)got, (long long)post.b[0]);
}

/* A place for a taken ring; if all are used, the oldest one is closed. */
static struct taken *place_taken(unsigned int w)
{
	struct taken *t = model.worker[w].taken;

	for (unsigned int i = 0; i < TAKEN; i++)
		if (!t[i].used)
			return &t[i];
	t += rnd(TAKEN);
	SYS(w, SYS_close, t->fd);
	t->used = false;
	return t;
}

static struct published *published_for(unsigned int w, const struct fd *f)
{
	for (unsigned int i = 0; i < PUBLISHED && is_writable(f); i++) {
		struct published *p = &model.published[i];

		if (p->used && p->region == f->region && (p->to == ANYBODY || p->to == w))
			return p;
	}
	return NULL;
}

/* Draw a published ring, and the worker and descriptor by which it can be taken. */
static struct published *draw_published(unsigned int *w, unsigned int *slot)
{
	unsigned int first = (unsigned int)rnd(WORKERS * FDS);

	for (unsigned int i = 0; i < WORKERS * FDS; i++) {
		unsigned int at = (first + i) % (WORKERS * FDS);
		const struct fd *f = &model.worker[at / FDS].fd[at % FDS];

		*w = at / FDS;
		*slot = at % FDS;
		if (f->used && published_for(*w, f))
			return published_for(*w, f);
	}
	return NULL;
}

void op_take(void)
{
	struct published *p = NULL;
	struct msharearena_take *m;
	struct want x = { 0 };
	unsigned int w, slot;
	const struct fd *f;
	struct taken *t;
	struct peer from;
	struct call call;

	if (!one_in(3))
		p = draw_published(&w, &slot);
	if (!p && !any_fd(&w, &slot)) {
		nothing_to_do();
		return;
	}
	f = &model.worker[w].fd[slot];
	m = call_begin(&call, FD_VIEWS + (int)slot, MSHAREARENA_TAKE, sizeof(*m), sizeof(*m),
		       false);
	call.gives_fd = true;
	m->tag = p ? p->tag : rnd(4);
	from = p ? one_peer(w, one_in(2) ? p->from : ANYBODY) : draw_peer(w, &x);
	m->from_pidfd = from.fd;
	if (one_in(24))
		m->reserved = 1U << rnd(32);
	want_ring_command(f, &x);
	want(&x, EINVAL, m->reserved);
	p = find_published(f->region, w, from.worker, m->tag);
	want(&x, EAGAIN, !p);
	note("w%u TAKE fd%u (r%u/%u) from=%d pidfd=%d tag=%llu", w, slot, f->region, f->view,
	     (int)from.worker, from.fd, m->tag);
	t = place_taken(w);
	if (call_ioctl(w, &call, &x)) {
		*t = (struct taken){
			.used = true,
			.fd = (int)call.result,
			.owner = p->owner,
			.ring = p->ring,
			.serial = p->serial,
		};
		p->used = false;
		if (SYS(w, SYS_fcntl, t->fd, F_GETFD) != FD_CLOEXEC)
			fail("TAKE gives fd %d, which is not close-on-exec", t->fd);
		try_ring(w, t);
	}
	drop_peer(w, &from);
}

/* ---- actions that others wait for ---- */

static bool draw_unlink(struct deed *d, unsigned int waiter, unsigned int region)
{
	const struct region *r = &model.region[region];

	d->unlink = true;
	for (unsigned int i = 0; i < WORKERS * FDS && r->linked; i++) {
		const struct worker *k = &model.worker[i / FDS];
		const struct fd *f = &k->fd[i % FDS];

		d->w = i / FDS;
		d->slot = i % FDS;
		if (d->w != waiter && f->used && f->region == region && f->view < 2 &&
		    !(f->flags & O_PATH) && (k->root || k->uid == r->uid))
			return true;
	}
	return false;
}

static bool draw_offer(struct deed *d, unsigned int waiter, unsigned int region)
{
	d->to = one_in(2) ? waiter : ANYBODY;
	if (!free_published())
		return false;
	for (unsigned int i = 0; i < WORKERS * FDS; i++) {
		const struct worker *k = &model.worker[i / FDS];
		const struct fd *f = &k->fd[i % FDS];

		d->w = i / FDS;
		d->slot = i % FDS;
		d->tag = rnd(8);
		if (d->w == waiter || !f->used || f->region != region || !is_writable(f) ||
		    !k->att[region].on || !draw_ring(d->w, &d->ring))
			continue;
		if (ring_copies(region, d->ring.serial) < COPIES &&
		    !find_mine(d->w, region, d->tag))
			return true;
	}
	return false;
}

bool draw_deed(struct deed *d, unsigned int waiter, const struct fd *f)
{
	*d = (struct deed){ 0 };
	return (is_writable(f) && !one_in(4) && draw_offer(d, waiter, f->region)) ||
	       draw_unlink(d, waiter, f->region);
}

void do_deed(const struct deed *d)
{
	struct msharearena_unlink u = { .size = sizeof(u) };
	unsigned int region = model.worker[d->w].fd[d->slot].region;

	if (!d->unlink) {
		publish(d->w, d->slot, &d->ring, d->to, d->tag);
		return;
	}
	note(" w%u unlinks fd%u", d->w, d->slot);
	check_result(&(struct want){ 0 },
		     sys_blob(d->w, SYS_ioctl,
			      ARGS(FD_VIEWS + d->slot, MSHAREARENA_UNLINK, SCRATCH), &u, sizeof(u),
			      NULL, 0));
	model.region[region].linked = false;
}

void op_message(void)
{
	unsigned int w = any_worker();
	struct taken *t = &model.worker[w].taken[rnd(TAKEN)];

	for (unsigned int i = 0; i < WORKERS * TAKEN && !t->used; i++) {
		w = i / TAKEN;
		t = &model.worker[w].taken[i % TAKEN];
	}
	if (!t->used) {
		nothing_to_do();
		return;
	}
	note("w%u posts to ring%u of w%u", w, t->ring, t->owner);
	try_ring(w, t);
}
