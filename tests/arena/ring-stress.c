// SPDX-License-Identifier: MIT
/*
 * Goal: in whatever order a ring is used, each operation ends once, its extent is IN_IO until
 * then and no longer, and bytes arrive once and in order.
 * Method: random operations on sockets and a file are begun, cancelled and removed, and a model
 * says what each must transfer. Several rings, one after another, with all features and with
 * the fewest.
 *
 * vm: native
 */
#define _GNU_SOURCE
#include <poll.h>

#include "ring-rig.h"

#define ENTRIES	24
#define LINES	6
#define STEPS	20000
#define BYTES	4096

/**
 * struct line - a connection; the ring sends and receives at one of its ends
 * @file: the ring's end
 * @peer: the other end, which does not block
 * @jobs: operations that have not ended
 * @sent: bytes that were sent according to the events of the ring
 * @taken: bytes that the peer received
 * @fed: bytes that the peer sent
 * @received: bytes that the ring received
 * @sending: a send is pending
 * @receiving: a recv is pending
 * @removed: the file was removed; the line is replaced when all its operations have ended
 */
struct line {
	struct arena_file file;
	int peer;
	int jobs;
	uint32_t sent;
	uint32_t taken;
	uint32_t fed;
	uint32_t received;
	bool sending;
	bool receiving;
	bool removed;
};

/* enum job_kind - kind of an operation */
enum job_kind { JOB_NONE, JOB_SEND, JOB_SEND_ZC, JOB_RECV, JOB_READ, JOB_POLL };

/**
 * struct job - an operation that has not ended
 * @kind: enum job_kind
 * @line: the line on which it works, or NULL
 * @op: handle
 * @io: its description
 * @sent: it is a send, and its first event has come
 */
struct job {
	enum job_kind kind;
	struct line *line;
	struct arena_op op;
	struct arena_io io;
	bool sent;
};

/**
 * struct stress - one run
 * @rig: arena and ring
 * @lines: connections
 * @jobs: operations, indexed by cookie
 * @disk: a regular file
 * @ready: a file that is always readable
 * @quiet: a file that is never readable
 * @seed: state of the random number generator
 * @ended: operations that have ended
 * @canceled: operations that were cancelled
 * @wrong: checks that have failed
 */
struct stress {
	struct rig rig;
	struct line lines[LINES];
	struct job jobs[ENTRIES];
	struct arena_file disk;
	struct arena_file ready;
	struct arena_file quiet;
	uint32_t seed;
	uint32_t ended;
	uint32_t canceled;
	uint32_t wrong;
};

static uint32_t draw(struct stress *s, uint32_t n)
{
	s->seed ^= s->seed << 13;
	s->seed ^= s->seed >> 17;
	s->seed ^= s->seed << 5;
	return s->seed % n;
}

static void check(struct stress *s, bool good, const char *what)
{
	if (good)
		return;
	if (!s->wrong++)
		diag("wrong: %s, after %u operations", what, s->ended);
}

/* Byte number @n of every stream and of the file. */
static unsigned char byte_at(uint64_t n)
{
	return (unsigned char)(n % 251);
}

static void fill(unsigned char *p, uint64_t from, uint32_t length)
{
	for (uint32_t i = 0; i < length; i++)
		p[i] = byte_at(from + i);
}

static bool is_stream(const unsigned char *p, uint64_t from, uint32_t length)
{
	for (uint32_t i = 0; i < length; i++)
		if (p[i] != byte_at(from + i))
			return false;
	return true;
}

/* Returns false if no entry is free, because removed files are not closed yet. */
static bool connect_line(struct stress *s, struct line *l)
{
	struct arena_file f;
	int ret, pair[2];

	rig_tcp(pair);
	ret = arena_ring_add_file(s->rig.r, pair[0], &f);
	close(pair[0]);
	if (ret) {
		check(s, ret == -ENFILE, "adding a file fails with -ENFILE only");
		close(pair[1]);
		return false;
	}
	fcntl(pair[1], F_SETFL, O_NONBLOCK);
	*l = (struct line){ .peer = pair[1], .file = f };
	return true;
}

static void remove_line(struct stress *s, struct line *l)
{
	if (!l->removed)
		check(s, !(draw(s, 2) ? arena_ring_remove_file(s->rig.r, l->file) :
				       arena_ring_abort_file(s->rig.r, l->file)),
		      "a file can be removed");
	l->removed = true;
}

static struct job *free_job(struct stress *s)
{
	for (int i = 0; i < ENTRIES; i++)
		if (s->jobs[i].kind == JOB_NONE)
			return &s->jobs[i];
	return NULL;
}

/* A job with a new extent, on a random part of it. */
static struct job *draw_job(struct stress *s, struct arena_file file)
{
	struct job *j = free_job(s);
	struct arena_buf b;

	if (!j || arena_get_for(s->rig.a, USE_FIRST, 1 + draw(s, 3), &b))
		return NULL;
	*j = (struct job){ .io = { .file = file, .buf = b, .from = draw(s, 100) } };
	j->io.length = 1 + draw(s, (uint32_t)arena_size(s->rig.a, b) - j->io.from);
	j->io.cookie = (uint64_t)(j - s->jobs);
	return j;
}

static void begin_send(struct stress *s, struct line *l, enum job_kind kind)
{
	struct job *j = draw_job(s, l->file);
	int ret;

	if (!j)
		return;
	fill((unsigned char *)arena_ptr(s->rig.a, j->io.buf) + j->io.from, l->sent,
	     j->io.length);
	ret = kind == JOB_SEND ? arena_ring_send(s->rig.r, &j->io, &j->op) :
				 arena_ring_send_zc(s->rig.r, &j->io, &j->op);
	check(s, ret == (l->removed ? -ESTALE : l->sending ? -EBUSY : 0),
	      "a send begins or is refused as the model says");
	if (ret) {
		check(s, !arena_put(s->rig.a, j->io.buf), "the extent of a refused send is OWNED");
		return;
	}
	check(s, arena_state(s->rig.a, j->io.buf) == ARENA_IN_IO,
	      "the extent of a send is IN_IO");
	j->kind = kind;
	j->line = l;
	l->sending = true;
	l->jobs++;
}

static void begin_recv(struct stress *s, struct line *l)
{
	struct job *j = draw_job(s, l->file);
	int ret;

	if (!j)
		return;
	ret = arena_ring_recv(s->rig.r, &j->io, &j->op);
	check(s, ret == (l->removed ? -ESTALE : l->receiving ? -EBUSY : 0),
	      "a recv begins or is refused as the model says");
	if (ret) {
		check(s, !arena_put(s->rig.a, j->io.buf), "the extent of a refused recv is OWNED");
		return;
	}
	j->kind = JOB_RECV;
	j->line = l;
	l->receiving = true;
	l->jobs++;
}

static void begin_read(struct stress *s)
{
	struct job *j = draw_job(s, s->disk);

	if (!j)
		return;
	j->kind = JOB_READ;
	j->io.offset = draw(s, 2 * BYTES);
	check(s, !arena_ring_read(s->rig.r, &j->io, &j->op), "a read begins");
}

static void begin_poll(struct stress *s)
{
	struct job *j = free_job(s);

	if (!j)
		return;
	*j = (struct job){ .kind = JOB_POLL };
	check(s, !arena_ring_poll(s->rig.r, draw(s, 2) ? s->ready : s->quiet, POLLIN, false,
				  (uint64_t)(j - s->jobs), &j->op), "a poll begins");
}

static void peer_feeds(struct stress *s, struct line *l)
{
	unsigned char bytes[BYTES];
	ssize_t n;

	fill(bytes, l->fed, BYTES);
	n = send(l->peer, bytes, 1 + draw(s, BYTES), MSG_NOSIGNAL);
	l->fed += n > 0 ? (uint32_t)n : 0;
}

static void peer_takes(struct stress *s, struct line *l)
{
	unsigned char bytes[4 * BYTES];
	ssize_t n = recv(l->peer, bytes, 1 + draw(s, sizeof(bytes)), 0);

	if (n <= 0)
		return;
	check(s, is_stream(bytes, l->taken, (uint32_t)n), "the peer receives the bytes as sent");
	l->taken += (uint32_t)n;
}

static void cancel_one(struct stress *s)
{
	struct job *j = &s->jobs[draw(s, ENTRIES)];
	int ret;

	if (j->kind == JOB_NONE)
		return;
	ret = arena_ring_cancel(s->rig.r, j->op);
	check(s, !ret || ret == -EALREADY, "a pending operation can be cancelled");
}

static void sent(struct stress *s, struct job *j, const struct arena_event *e)
{
	if (j->sent)
		return;
	j->sent = true;
	j->line->sending = false;
	if (e->result < 0) {
		/* How much of it was sent is unknown, so the stream cannot be continued. */
		remove_line(s, j->line);
		return;
	}
	check(s, (uint32_t)e->result == j->io.length, "a send sends all its bytes");
	j->line->sent += j->io.length;
}

static void got(struct stress *s, struct job *j, const struct arena_event *e)
{
	const unsigned char *p = arena_ptr_const(s->rig.a, j->io.buf);
	uint64_t at = j->kind == JOB_READ ? j->io.offset : j->line->received;
	uint32_t n = e->result > 0 ? (uint32_t)e->result : 0;

	check(s, p && is_stream(p + j->io.from, at, n), "the ring receives the bytes as sent");
	if (j->kind == JOB_READ) {
		check(s, e->result < 0 || n == j->io.length, "a read reads all its bytes");
		return;
	}
	j->line->receiving = false;
	j->line->received += n;
}

static void take_event(struct stress *s, const struct arena_event *e)
{
	struct job *j = &s->jobs[e->cookie];

	check(s, j->kind != JOB_NONE && j->op.generation == e->op.generation,
	      "an event belongs to a pending operation");
	check(s, e->result >= 0 || (e->flags & ARENA_EVENT_CANCELED),
	      "only a cancelled operation fails");
	if (j->kind == JOB_SEND || j->kind == JOB_SEND_ZC)
		sent(s, j, e);
	if (e->flags & ARENA_EVENT_MORE) {
		check(s, arena_state(s->rig.a, j->io.buf) == ARENA_IN_IO,
		      "an extent is IN_IO until the last event");
		return;
	}
	if (j->kind == JOB_RECV || j->kind == JOB_READ)
		got(s, j, e);
	if (j->kind != JOB_POLL)
		check(s, !arena_put(s->rig.a, j->io.buf),
		      "an extent is OWNED after the last event");
	if (j->line)
		j->line->jobs--;
	j->kind = JOB_NONE;
	s->ended++;
	s->canceled += !!(e->flags & ARENA_EVENT_CANCELED);
}

static void take_events(struct stress *s, uint32_t most)
{
	struct arena_event e;

	while (most-- && arena_ring_next(s->rig.r, &e, 0) == 1)
		take_event(s, &e);
}

/* Replace a removed line when all its operations have ended. */
static void renew(struct stress *s, struct line *l)
{
	int peer = l->peer;

	if (l->removed && !l->jobs && connect_line(s, l))
		close(peer);
}

static void step(struct stress *s)
{
	struct line *l = &s->lines[draw(s, LINES)];
	uint32_t what = draw(s, 100);

	renew(s, l);
	if (what < 10)
		begin_send(s, l, JOB_SEND);
	else if (what < 20)
		begin_send(s, l, JOB_SEND_ZC);
	else if (what < 35)
		begin_recv(s, l);
	else if (what < 42)
		begin_read(s);
	else if (what < 47)
		begin_poll(s);
	else if (what < 60)
		peer_feeds(s, l);
	else if (what < 75)
		peer_takes(s, l);
	else if (what < 80)
		cancel_one(s);
	else if (what < 81)
		remove_line(s, l);
	else if (what < 85)
		arena_ring_submit(s->rig.r);
	else
		take_events(s, 1 + draw(s, 8));
}

static struct arena_file make_disk(struct rig *rig)
{
	unsigned char bytes[6 * BYTES];
	int fd = rig_fd(0, 0);
	struct arena_file f = rig_file(rig, fd);

	fill(bytes, 0, sizeof(bytes));
	if (pwrite(fd, bytes, sizeof(bytes), 0) != sizeof(bytes))
		bail("cannot write a file");
	close(fd);
	return f;
}

/* Closing the ring ends all pending operations. */
static void end_all(struct stress *s)
{
	is(arena_ring_close(s->rig.r), 0, "a ring is closed while random operations are pending");
	for (int i = 0; i < ENTRIES; i++)
		if (s->jobs[i].kind != JOB_NONE && s->jobs[i].kind != JOB_POLL)
			check(s, !arena_put(s->rig.a, s->jobs[i].io.buf),
			      "an extent is OWNED after the ring was closed");
	for (int i = 0; i < LINES; i++)
		close(s->lines[i].peer);
}

static void run(struct rig *rig, const struct arena_features *f, uint32_t seed)
{
	const struct arena_ring_options o = { .size = sizeof(o), .entries = ENTRIES,
					      .files = 2 * LINES + ENTRIES + 2, .features = f };
	struct stress s = { .rig = *rig, .seed = seed };

	s.rig.r = rig_ring(rig->a, &o);
	s.disk = make_disk(&s.rig);
	s.ready = rig_eventfd(&s.rig, 1);
	s.quiet = rig_eventfd(&s.rig, 0);
	for (int i = 0; i < LINES; i++)
		connect_line(&s, &s.lines[i]);
	for (int i = 0; i < STEPS; i++)
		step(&s);
	end_all(&s);
	is(s.wrong, 0, "seed %u: %u operations, %u of them cancelled, agree with the model", seed,
	   s.ended, s.canceled);
}

int main(void)
{
	struct rig rig = rig_arena("ring-stress");
	struct arena_features all = { .size = sizeof(all) }, least = { .size = sizeof(least) };

	arena_probe(&all);
	least = all;
	for (unsigned int i = 0; i < ARENA_N_FEATURES; i++)
		if (!arena_feature_info(i)->needed)
			arena_probe_without(&least, arena_feature_info(i)->name);
	for (uint32_t seed = 1; seed <= 4; seed++) {
		run(&rig, &all, seed);
		run(&rig, &least, seed);
	}
	is(arena_close(rig.a), 0, "the arena can be closed, since no extent is IN_IO");
	arena_test_end(rig.m);
	return done_testing();
}
