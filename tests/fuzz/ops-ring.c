// SPDX-License-Identifier: MIT
/* Rings: made, published, taken, and used by who took them. */
#include "fuzz.h"

#define NO_PROCESS	0x7ffffff0	/* a process id that there cannot be */

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

/* ---- PUBLISH ---- */

/* To whom: a worker, or ANYBODY; its process id in @pid. */
static unsigned int draw_peer(int32_t *pid, struct want *x)
{
	unsigned int w;

	*pid = 0;
	switch (rnd(12)) {
	case 0:
		*pid = -1 - (int32_t)rnd(1000);
		want(x, EINVAL, true);
		return ANYBODY;
	case 1:
		*pid = NO_PROCESS;
		want(x, ESRCH, true);
		return ANYBODY;
	case 2 ... 5:
		return ANYBODY;
	default:
		w = any_worker();
		*pid = model.worker[w].pid;
		return w;
	}
}

static void want_ring_command(const struct fd *f, struct want *x)
{
	const struct view *v = &model.region[f->region].view[f->view];

	want(x, EBADF, f->flags & O_PATH);
	want(x, EACCES, !v->writable || (f->flags & O_ACCMODE) == O_RDONLY);
}

static struct published *free_published(void)
{
	for (unsigned int i = 0; i < PUBLISHED; i++)
		if (!model.published[i].used)
			return &model.published[i];
	return NULL;
}

static void want_publish(unsigned int w, const struct fd *f, uint64_t tag, struct want *x)
{
	want_ring_command(f, x);
	want(x, ENOTCONN, !model.worker[w].att[f->region].on);
	for (unsigned int i = 0; i < PUBLISHED; i++)
		want(x, EEXIST, model.published[i].used && model.published[i].from == w &&
		     model.published[i].region == f->region && model.published[i].tag == tag);
}

void op_publish(void)
{
	unsigned int w, slot, ring = (unsigned int)rnd(RINGS), to;
	struct published *p = free_published();
	struct msharearena_publish *m;
	struct want x = { 0 };
	struct ring *mine;
	const struct fd *f;
	struct call call;

	if (!any_publishable(&w, &slot)) {
		nothing_to_do();
		return;
	}
	for (unsigned int i = 0; i < RINGS && !model.worker[w].ring[ring].used; i++)
		ring = i;
	f = &model.worker[w].fd[slot];
	mine = &model.worker[w].ring[ring];
	m = call_begin(&call, FD_VIEWS + (int)slot, MSHAREARENA_PUBLISH, sizeof(*m), sizeof(*m),
		       false);
	m->tag = rnd(4);
	m->ring_fd = mine->fd;
	if (!mine->used) {
		m->ring_fd = one_in(2) ? 2000 : FD_FILE;
		want(&x, m->ring_fd == FD_FILE ? EINVAL : EBADF, true);
	}
	to = draw_peer(&m->to, &x);
	want_publish(w, f, m->tag, &x);
	note("w%u PUBLISH fd%u (r%u/%u) ring%u tag=%llu to=%d", w, slot, f->region, f->view, ring,
	     m->tag, (int)to);
	if (!x.n && (!p || mine->n_held)) {
		nothing_to_do();
		return;
	}
	if (!call_ioctl(w, &call, &x))
		return;
	mine->shown = true;
	*p = (struct published){
		.used = true,
		.order = ++model.serial,
		.region = f->region,
		.from = w,
		.ring = ring,
		.serial = mine->serial,
		.to = to,
		.tag = m->tag,
	};
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

/* What is posted to a taken ring arrives at whose it was. */
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

/* A place for what is taken: the oldest makes room. */
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

/* One that is published, and by whom and through what it can be taken. */
static struct published *draw_published(unsigned int *w, unsigned int *slot)
{
	struct published *p = &model.published[rnd(PUBLISHED)];

	for (unsigned int i = 0; i < PUBLISHED && !p->used; i++)
		p = &model.published[i];
	*w = p->to < WORKERS ? p->to : any_worker();
	for (*slot = 0; p->used && *slot < FDS; (*slot)++) {
		const struct fd *f = &model.worker[*w].fd[*slot];

		if (f->used && f->region == p->region && f->flags == O_RDWR)
			return p;
	}
	return NULL;
}

void op_take(void)
{
	static const uint32_t timeouts[] = { 0, 0, 0, 1, 5 };
	struct published *p = NULL;
	unsigned int w, slot, from;
	struct msharearena_take *m;
	struct want x = { 0 };
	const struct fd *f;
	struct taken *t;
	struct call call;

	if (!one_in(3))
		p = draw_published(&w, &slot);
	if (!p && !any_fd(&w, &slot)) {
		nothing_to_do();
		return;
	}
	f = &model.worker[w].fd[slot];
	m = call_begin(&call, FD_VIEWS + (int)slot, MSHAREARENA_TAKE, sizeof(*m), sizeof(*m), true);
	m->tag = p ? p->tag : rnd(4);
	if (p) {
		from = one_in(2) ? p->from : ANYBODY;
		m->from = from == ANYBODY ? 0 : model.worker[from].pid;
	} else {
		from = draw_peer(&m->from, &x);
	}
	m->timeout_ms = PICK(timeouts);
	if (one_in(24))
		m->reserved = 1U << rnd(32);
	want_ring_command(f, &x);
	want(&x, EINVAL, m->reserved);
	p = find_published(f->region, w, from, m->tag);
	want(&x, m->timeout_ms ? ETIMEDOUT : EAGAIN, !p);
	note("w%u TAKE fd%u (r%u/%u) from=%d tag=%llu timeout=%u", w, slot, f->region, f->view,
	     (int)from, m->tag, m->timeout_ms);
	t = place_taken(w);
	if (!call_ioctl(w, &call, &x))
		return;
	*t = (struct taken){
		.used = true,
		.fd = m->ring_fd,
		.owner = p->from,
		.ring = p->ring,
		.serial = p->serial,
	};
	p->used = false;
	if (SYS(w, SYS_fcntl, t->fd, F_GETFD) != FD_CLOEXEC)
		fail("TAKE gives fd %d, which is not close-on-exec", t->fd);
	try_ring(w, t);
}

void op_message(void)
{
	unsigned int w = any_worker();
	struct taken *t = &model.worker[w].taken[rnd(TAKEN)];

	if (!t->used) {
		nothing_to_do();
		return;
	}
	note("w%u posts to ring%u of w%u", w, t->ring, t->owner);
	try_ring(w, t);
}
