// SPDX-License-Identifier: MIT
/*
 * Goal: two processes hand extents of every size to each other for a long time. Each extent
 * arrives once, in order and with its contents, no buffer has two owners, and all buffers come
 * back, also when one of the processes is killed and starts again.
 * Method: both sides lend extents and keep what they borrow for a while, over every transport,
 * with random delays. Each extent has a number and words that follow from it, which both sides
 * check at each handoff. A life of the peer ends by agreement, with every extent returned, or
 * by SIGKILL at a random moment. In every second life a shared table says who has which buffer;
 * in the others only the channel orders the accesses of the two.
 *
 * vm: native
 * valgrind: no, when a child ends it searches the address range of the region for leaks
 *
 * The argument is the number of seconds, see "make stress". The environment variable SEED
 * repeats a sequence of lives.
 */
#include <arena/arena.h>
#include <sched.h>
#include <time.h>

#include "channel.h"

#define NAME		"stress"
#define SECONDS		4
/* Extents that a side lends at a time, and borrowed ones that it keeps. */
#define MAX_DEPTH	32U
#define MAX_KEPT	8U
/* Messages that can wait: all lends, all returns and the last one. */
#define BACKLOG		(2 * MAX_DEPTH + 1)
#define MAX_BUFFERS	(1U << 17)

/* MSG_STOP: the sender lends nothing any more, and has regained everything. */
enum { MSG_LEND = 1, MSG_RETURN, MSG_STOP };

/* The shared table says which process has a buffer. */
enum holder { NOBODY, OWNER, GOING, PEER, COMING };

/**
 * struct kept - a borrowed extent
 * @b: its handle
 * @number: the number that must be written in it
 */
struct kept {
	struct arena_buf b;
	uint64_t number;
};

/**
 * struct side - one of the two processes
 * @a: its arena
 * @ch: its channel
 * @peer: role of its peer
 * @group: group from which it lends extents
 * @seed: state of the random number generator
 * @has_table: the shared table is kept
 * @depth: extents that it lends at a time
 * @out: extents that are lent now
 * @buffers: buffers of these extents
 * @lent: extents lent so far
 * @borrowed: extents borrowed so far
 * @sent: messages sent so far
 * @received: messages received so far
 * @kept: extents that are borrowed now
 * @n_kept: number of these extents
 * @backlog: messages that wait for credit
 * @n_backlog: number of these messages
 * @is_stopping: it lends nothing any more
 * @has_stopped: it has sent MSG_STOP
 * @is_alone: the peer has sent MSG_STOP
 */
struct side {
	struct arena *a;
	struct arena_channel *ch;
	uint32_t peer;
	uint32_t group;
	uint32_t seed;
	bool has_table;
	uint32_t depth;
	uint32_t out;
	uint32_t buffers;
	uint64_t lent;
	uint64_t borrowed;
	uint32_t sent;
	uint32_t received;
	struct kept kept[MAX_KEPT];
	uint32_t n_kept;
	struct arena_msg backlog[BACKLOG];
	uint32_t n_backlog;
	bool is_stopping;
	bool has_stopped;
	bool is_alone;
};

/**
 * struct outside - memory that both processes share beside the region
 * @holder: enum holder of each buffer, by the owner's class and the index of the buffer
 * @wrong: the first check that failed, as text
 */
struct outside {
	uint32_t holder[2][MAX_BUFFERS];
	char wrong[128];
};

static struct outside *outside;
static uint64_t handoffs, lives, kills;

static void wrong(const char *what)
{
	if (!outside->wrong[0])
		snprintf(outside->wrong, sizeof(outside->wrong), "%s", what);
}

static bool check(bool good, const char *what)
{
	if (!good)
		wrong(what);
	return good;
}

static uint32_t draw(struct side *s, uint32_t n)
{
	s->seed ^= s->seed << 13;
	s->seed ^= s->seed >> 17;
	s->seed ^= s->seed << 5;
	return s->seed % n;
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/*
 * Contents
 */

/* The first word is the number of the extent. */
static uint64_t word_of(uint64_t number, size_t i)
{
	return i ? (number + 1) * 0x9e3779b97f4a7c15ULL + i : number;
}

static void fill(const struct side *s, struct arena_buf b, uint64_t number)
{
	uint64_t *p = arena_ptr(s->a, b);
	size_t n = arena_size(s->a, b) / sizeof(*p);

	for (size_t i = 0; i < n; i++)
		p[i] = word_of(number, i);
}

static bool is_filled(const struct side *s, struct arena_buf b, uint64_t number)
{
	const uint64_t *p = arena_ptr_const(s->a, b);
	size_t n = arena_size(s->a, b) / sizeof(*p);
	bool good = true;

	for (size_t i = 0; i < n; i++)
		good &= p[i] == word_of(number, i);
	return good;
}

/* The buffers of an extent change hands; they must have been where the table says. */
static void move(const struct side *s, struct arena_buf b, enum holder from, enum holder to)
{
	bool is_own = b.group == s->group;
	bool is_sp = ARENA_ROLE_CLASS(arena_role(s->a));

	if (!s->has_table)
		return;
	for (uint32_t i = b.index; i < b.index + b.count && i < MAX_BUFFERS; i++)
		check(__atomic_exchange_n(&outside->holder[is_own == is_sp][i], to,
					  __ATOMIC_RELAXED) == from, "a buffer has two owners");
}

/*
 * Messages
 */

static void post(struct side *s, struct arena_msg msg, uint8_t type)
{
	msg.type = type;
	msg.value = (uint16_t)s->sent++;
	if (check(s->n_backlog < BACKLOG, "too many messages wait"))
		s->backlog[s->n_backlog++] = msg;
}

/* Send what credit allows; returns 0 or the error of the channel. */
static int push(struct side *s)
{
	uint32_t n = 0;
	int ret = 0;

	while (n < s->n_backlog && !ret) {
		ret = arena_channel_send(s->ch, &s->backlog[n]);
		n += !ret;
	}
	s->n_backlog -= n;
	memmove(s->backlog, s->backlog + n, s->n_backlog * sizeof(s->backlog[0]));
	return ret == -EAGAIN ? 0 : ret;
}

static void lend(struct side *s)
{
	struct arena_msg msg = { 0 };
	struct arena_buf b;

	if (arena_get(s->a, s->group, 1 + draw(s, 3), &b))
		return;
	move(s, b, NOBODY, OWNER);
	fill(s, b, s->lent++);
	move(s, b, OWNER, GOING);
	check(!arena_lend(s->a, b, s->peer, &msg.ref), "an OWNED extent cannot be lent");
	s->out++;
	s->buffers += b.count;
	post(s, msg, MSG_LEND);
}

static void return_one(struct side *s)
{
	uint32_t i = draw(s, s->n_kept);
	struct kept k = s->kept[i];
	struct arena_msg msg = { 0 };

	s->kept[i] = s->kept[--s->n_kept];
	check(is_filled(s, k.b, k.number), "a borrowed extent has changed");
	move(s, k.b, PEER, COMING);
	check(!arena_return(s->a, k.b, &msg.ref), "a borrowed extent cannot be returned");
	post(s, msg, MSG_RETURN);
}

static void borrow(struct side *s, const struct arena_msg *msg)
{
	struct kept k = { .number = s->borrowed++ };

	if (!check(!arena_borrow(s->a, s->peer, &msg->ref, &k.b), "a lent extent is refused"))
		return;
	move(s, k.b, GOING, PEER);
	check(is_filled(s, k.b, k.number), "a borrowed extent has not the owner's bytes");
	if (s->n_kept == MAX_KEPT)
		return_one(s);
	s->kept[s->n_kept++] = k;
}

static void regain(struct side *s, const struct arena_msg *msg)
{
	struct arena_buf b;

	if (!check(!arena_regain(s->a, s->peer, &msg->ref, &b), "a returned extent is refused"))
		return;
	move(s, b, COMING, OWNER);
	check(is_filled(s, b, *(const uint64_t *)arena_ptr_const(s->a, b)),
	      "a regained extent has changed");
	move(s, b, OWNER, NOBODY);
	s->out--;
	s->buffers -= b.count;
	check(!arena_put(s->a, b), "a regained extent cannot be freed");
}

static void handle(struct side *s, const struct arena_msg *msg)
{
	check(msg->value == (uint16_t)s->received++,
	      "a message is lost, comes twice or out of order");
	if (msg->type == MSG_LEND)
		borrow(s, msg);
	else if (msg->type == MSG_RETURN)
		regain(s, msg);
	else
		s->is_alone = true;
	/* The SP stops when the NP has stopped. */
	s->is_stopping |= s->is_alone;
}

static void delay(struct side *s)
{
	if (!draw(s, 4096))
		usleep(draw(s, 300));
	else if (!draw(s, 64))
		sched_yield();
}

/* Lend, receive, return and sometimes wait; returns 0 or the error of the channel. */
static int step(struct side *s)
{
	struct arena_msg msg;
	bool is_idle = true;
	int ret;

	while (!s->is_stopping && s->out < s->depth && draw(s, 8))
		lend(s);
	while (s->n_kept && (s->is_stopping || !draw(s, 3)))
		return_one(s);
	if (s->is_stopping && !s->has_stopped && !s->out) {
		s->has_stopped = true;
		post(s, (struct arena_msg){ 0 }, MSG_STOP);
	}
	delay(s);
	ret = push(s);
	/* Receive also while nothing can be sent, for the peer may wait for credit. */
	for (uint32_t i = 0; i < MAX_DEPTH && !ret; i++) {
		ret = arena_channel_recv(s->ch, &msg);
		if (ret <= 0)
			break;
		handle(s, &msg);
		is_idle = false;
		ret = 0;
	}
	/* Wait only if the peer has to send, and does not wait for this side. */
	if (ret || !is_idle || s->n_kept || !(s->out || s->has_stopped))
		return ret;
	ret = arena_channel_wait(s->ch, PATIENCE_MS);
	check(ret, "no message comes although the peer has to send");
	return ret < 0 ? ret : 0;
}

/*
 * Lives
 */

static void open_arena(struct side *s, uint32_t role, uint32_t peer, uint32_t use)
{
	if (arena_open_region(region, role, &s->a))
		bail("cannot open an arena");
	s->peer = peer;
	s->group = (uint32_t)arena_layout_find(arena_layout(s->a), role, use, 0);
}

static bool all_are_free(const struct side *s)
{
	struct arena_usage u = { .size = sizeof(u) };

	return !arena_usage(s->a, s->group, &u) &&
	       u.free == arena_layout(s->a)->group[s->group].count;
}

/* The child lives until the channel ends. */
static int run_child(struct pair *p, struct side *s)
{
	int ret;

	open_arena(s, ARENA_ROLE(1, 0), ARENA_ROLE(0, 0), USE_SECOND);
	ret = arena_channel_open(s->a, s->peer, &p->options, &s->ch);
	if (!check(!ret, "the child cannot open its channel"))
		return 1;
	do
		ret = step(s);
	while (!ret && !outside->wrong[0]);
	if (!outside->wrong[0]) {
		check(ret == -EPIPE && s->is_alone && s->has_stopped, "the child ends too early");
		check(all_are_free(s), "not all buffers of the child came back");
	}
	arena_channel_close(s->ch);
	return arena_close(s->a) ? 1 : 0;
}

static bool is_home(const struct side *s)
{
	return s->is_alone && s->has_stopped && !s->n_backlog;
}

/* Run until @limit messages have come, and then stop or kill the peer. */
static void run_parent(struct pair *p, struct side *s, uint32_t limit, bool kills_peer)
{
	int ret;

	do {
		ret = step(s);
		if (s->received < limit)
			continue;
		if (kills_peer)
			kill(p->child, SIGKILL);
		else
			s->is_stopping = true;
	} while (!ret && !is_home(s) && !outside->wrong[0]);
	check(ret == (kills_peer ? -EOWNERDEAD : 0), "the channel ends with a wrong result");
	arena_channel_close(s->ch);
	ret = pair_join(p);
	check(ret == (kills_peer ? -SIGKILL : 0), "the child ends with a wrong status");
}

/*
 * Reclaim the extents that the dead peer had. It had no I/O under way, so where the backend
 * cannot reclaim, a new arena is safe.
 */
static void reclaim(struct side *s)
{
	int64_t lost = arena_peer_died(s->a, s->peer);

	check(lost == s->buffers, "the LOST buffers are not those that the dead peer had");
	for (uint32_t i = 0; i < s->n_kept; i++)
		check(arena_state(s->a, s->kept[i].b) == ARENA_STALE,
		      "an extent of the dead peer is still borrowed");
	lost = arena_reclaim(s->a, PATIENCE_MS);
	if (lost == -EOPNOTSUPP) {
		check(!arena_close(s->a), "an arena cannot be closed");
		open_arena(s, ARENA_ROLE(0, 0), s->peer, USE_FIRST);
	} else {
		check(!lost, "not all LOST extents are reclaimed");
	}
	memset(outside->holder, 0, sizeof(outside->holder));
}

static void run_life(struct side *np, uint32_t size, bool kills_peer)
{
	static const enum arena_wait waits[] = { ARENA_WAIT_SLEEP, ARENA_WAIT_ADAPT };
	uint32_t most = size < 16384 ? 4096 : (64U << 20) / size;
	struct pair p = pair_of(ways[draw(np, N_WAYS)], waits[draw(np, 2)], 1U << draw(np, 8));
	struct side s = {
		.a = np->a, .peer = np->peer, .group = np->group, .seed = np->seed,
		.has_table = lives % 2, .depth = 1 + draw(np, MAX_DEPTH),
	};

	if (!pair_fork(&p)) {
		s.seed = ~s.seed;
		_exit(run_child(&p, &s));
	}
	if (!check(!arena_channel_open(s.a, s.peer, &p.options, &s.ch),
		   "the parent cannot open its channel"))
		return;
	run_parent(&p, &s, 1 + draw(np, most), kills_peer);
	if (kills_peer)
		reclaim(&s);
	check(all_are_free(&s), "not all buffers came back");
	np->a = s.a;
	handoffs += s.lent + s.borrowed;
	lives++;
	kills += kills_peer;
}

/* Many lives; the first ends by agreement and the second by SIGKILL. */
static void test_size(uint32_t size, double seconds, uint32_t seed)
{
	uint64_t before = handoffs, first = lives;
	struct side np = { .seed = seed + size };
	double end = now() + seconds;
	struct arena_config c;

	c = arena_test_config((8ULL << 20) + 24ULL * (size < 4096 ? 4096 : size));
	c.classes[0].group[0].count = 16;
	c.classes[0].group[1].buffer_size = size;
	c.classes[1].group[0].buffer_size = size;
	c.longest_extent = 3ULL * size;
	region = arena_test_arena(NAME, &c);
	if (arena_layout_read(channel_base(), c.length, &layout))
		bail("layout");
	open_arena(&np, ARENA_ROLE(0, 0), ARENA_ROLE(1, 0), USE_FIRST);
	do
		run_life(&np, size, lives - first < 2 ? lives - first : draw(&np, 2));
	while (!outside->wrong[0] && (lives - first < 2 || now() < end));
	ok(!outside->wrong[0],
	   "buffers of %u bytes: %llu handoffs in %llu lives of the peer go right", size,
	   (unsigned long long)(handoffs - before), (unsigned long long)(lives - first));
	if (outside->wrong[0])
		bail("%s", outside->wrong);
	arena_close(np.a);
	arena_test_end(region);
}

static void *map_shared(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		bail("mmap");
	return p;
}

int main(int argc, char **argv)
{
	double seconds = argc > 1 ? atof(argv[1]) : SECONDS;
	const char *given = getenv("SEED");
	uint32_t seed = given ? (uint32_t)strtoul(given, NULL, 0) : (uint32_t)time(NULL);
	uint32_t sizes = 0;
	struct io_uring ring;

	if (io_uring_queue_init(8, &ring, 0)) {
		printf("1..0 # SKIP no io_uring here\n");
		return 0;
	}
	io_uring_queue_exit(&ring);
	alarm((unsigned int)seconds + 100);
	shared = map_shared(sizeof(*shared));
	outside = map_shared(sizeof(*outside));
	diag("SEED=%u", seed);
	for (uint32_t size = ARENA_MIN_BUFFER; size <= ARENA_MAX_BUFFER; size *= 2)
		sizes++;
	for (uint32_t size = ARENA_MIN_BUFFER; size <= ARENA_MAX_BUFFER; size *= 2)
		test_size(size, seconds / sizes, seed | 1);
	diag("%llu handoffs in %llu lives, %llu of them ended by SIGKILL",
	     (unsigned long long)handoffs, (unsigned long long)lives, (unsigned long long)kills);
	return done_testing();
}
