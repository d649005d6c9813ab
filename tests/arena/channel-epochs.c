// SPDX-License-Identifier: MIT
/* vm: native */
/*
 * Goal: the mailboxes of a common parent outlive the processes that use them. In each epoch a
 * process receives exactly the messages that its peer sent in that epoch, whatever dead processes
 * have left, and it gets a clear error for anything that it cannot clear away.
 * Method: the parent lives on, and its children die and are replaced. Children also do what no
 * honest process does: they forge messages, flood, and write to the memory of their mailbox.
 *
 * valgrind: no, when a child ends it searches the address range of the region for leaks
 */
#include "channel.h"

#include <libarena/channel/channel.h>
#include <sys/stat.h>

#define ENTRIES		16
#define MESSAGES	40
/* More than a mailbox and all windows hold, so that the kernel keeps most of them. */
#define FLOOD		20000
/* So many that to drop them takes a while. */
#define GREAT_FLOOD	1100000
/* All messages of epoch @e have this type. */
#define TYPE(e)		((uint8_t)(e))

typedef void life(struct pair *p, uint32_t epoch);

/* A hostile process does not know those of later epochs. */
static uint64_t token_of(uint32_t epoch)
{
	return 0x9e3779b97f4a7c15ULL * epoch;
}

static struct pair make_pair(enum arena_channel_transport transport)
{
	struct pair p = pair_of((struct way){ .transport = transport, .by_end = true },
				ARENA_WAIT_SLEEP, ENTRIES);

	memset(shared, 0, sizeof(*shared));
	pair_make(&p);
	return p;
}

/* Fork a child that plays its life in the pair; it has the first mailbox. */
static void begin(struct pair *p, uint32_t epoch, life *play)
{
	fflush(stdout);
	p->child = fork();
	if (p->child < 0)
		bail("fork");
	if (p->child)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	channel_base();
	pair_take_end(p);
	p->options.epoch = epoch;
	p->options.token = token_of(epoch);
	play(p, epoch);
	_exit(0);
}

static int finish(struct pair *p)
{
	int status;

	if (waitpid(p->child, &status, 0) != p->child)
		bail("waitpid");
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void end_pair(struct pair *p, struct arena_channel *ch)
{
	arena_channel_close(ch);
	for (int i = 0; i < 2; i++) {
		close(p->box[i].ring);
		close(p->box[i].memory);
	}
}

static struct arena_channel *open_first(struct pair *p, uint32_t epoch)
{
	struct arena_channel *ch;

	pair_take_end(p);
	p->options.epoch = epoch;
	p->options.token = token_of(epoch);
	p->options.nonblocking = true;
	if (pair_open(p, &ch))
		bail("open");
	return ch;
}

/* Send the messages of an epoch, with the number of each. */
static int send_all(struct arena_channel *ch, uint32_t epoch, uint32_t n)
{
	int ret = 0;

	for (uint32_t i = 0; i < n && !ret; i++) {
		const struct arena_msg m = { .type = TYPE(epoch), .ref.index = i };

		ret = send_message(ch, &m);
	}
	return ret ? ret : arena_channel_flush(ch);
}

/* Receive exactly the messages of an epoch; 0, or what went wrong. */
static int receive_all(struct arena_channel *ch, uint32_t epoch, uint32_t n)
{
	struct arena_msg m;

	for (uint32_t i = 0; i < n; i++) {
		int ret = receive(ch, &m);

		if (ret < 0)
			return ret;
		if (m.type != TYPE(epoch) || m.ref.index != i)
			return 1000 + m.type;
	}
	return 0;
}

/* Wait until the channel has connected; 0 or its error. */
static int connected(struct arena_channel *ch)
{
	const struct arena_msg m = { .type = 1 };
	int ret = 0;

	/* It ends with an error when the time of the options is over. */
	while (!arena_channel_is_connected(ch) && !ret)
		ret = arena_channel_wait(ch, 10);
	return arena_channel_is_connected(ch) ? 0 : arena_channel_send(ch, &m);
}

/* ---- lives of the child ---- */

/* Send, receive nothing, and die. */
static void die_silent(struct pair *p, uint32_t epoch)
{
	struct arena_channel *ch;

	if (pair_open(p, &ch) || send_all(ch, epoch, 3))
		_exit(1);
	set_word(&shared->is_ready, 1);
	pause();
}

/* Send each message of the parent back. */
static void echo(struct pair *p, uint32_t epoch)
{
	struct arena_channel *ch;
	struct arena_msg m;

	if (pair_open(p, &ch))
		_exit(1);
	for (uint32_t i = 0; i < MESSAGES; i++)
		if (receive(ch, &m) != 1 || m.type != TYPE(epoch) || m.ref.index != i ||
		    send_message(ch, &m) || arena_channel_flush(ch))
			_exit(2);
	if (receive(ch, &m) != -EPIPE)
		_exit(3);
}

/* An echo that says when it is about to connect. */
static void knock(struct pair *p, uint32_t epoch)
{
	p->options.nonblocking = true;
	set_word(&shared->is_ready, 1);
	echo(p, epoch);
}

static struct io_uring *post_ring(void)
{
	static struct io_uring ring;

	if (io_uring_queue_init(128, &ring, IORING_SETUP_SUBMIT_ALL))
		_exit(9);
	return &ring;
}

static void post(struct io_uring *ring, int mailbox, struct arena_msg m)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

	if (!sqe) {
		io_uring_submit(ring);
		sqe = io_uring_get_sqe(ring);
	}
	io_uring_prep_msg_ring(sqe, mailbox, arena_msg_len(&m), arena_msg_data(&m), 0);
	io_uring_sqe_set_flags(sqe, IOSQE_CQE_SKIP_SUCCESS);
}

/* Fill the own mailbox with all that a successor waits for, many times. */
static void forge(struct pair *p, uint32_t epoch)
{
	struct io_uring *ring = post_ring();
	const struct arena_msg forged[] = {
		channel_msg_token(CHANNEL_MSG_OPEN, epoch + 1, token_of(epoch)),
		channel_msg_terms(CHANNEL_MSG_READY, p->way.transport, ENTRIES, epoch + 1),
		{ .type = TYPE(epoch + 1), .ref.index = 7 },
		channel_msg(CHANNEL_MSG_BYE, epoch + 1),
		channel_msg_token(CHANNEL_MSG_MARK, epoch + 1, token_of(epoch)),
		channel_msg(CHANNEL_MSG_CREDIT, 12345),
	};

	for (int i = 0; i < FLOOD; i++)
		post(ring, p->end.own.ring, forged[i % 6]);
	io_uring_submit(ring);
	_exit(0);
}

/* Post what the successor will say to the peer, which does not look yet. */
static void forge_to_peer(struct pair *p, uint32_t epoch)
{
	struct io_uring *ring = post_ring();

	post(ring, p->end.peer,
	     channel_msg_token(CHANNEL_MSG_OPEN, epoch + 1, token_of(epoch)));
	post(ring, p->end.peer,
	     channel_msg_terms(CHANNEL_MSG_READY, p->way.transport, ENTRIES, epoch + 1));
	io_uring_submit(ring);
	_exit(0);
}

static void flood_both(struct pair *p, uint32_t epoch)
{
	const struct arena_msg m = { .type = TYPE(epoch) };
	struct io_uring *ring = post_ring();

	for (int i = 0; i < GREAT_FLOOD; i++)
		post(ring, p->end.own.ring, m);
	for (int i = 0; i < FLOOD; i++)
		post(ring, p->end.peer, m);
	io_uring_submit(ring);
	_exit(0);
}

/* Head, tail and flags of the own mailbox are anything, and there are too many messages. */
static void scribble(struct pair *p, uint32_t epoch)
{
	struct io_uring *ring = post_ring();
	struct arena_mailbox box;

	for (int i = 0; i < FLOOD; i++)
		post(ring, p->end.own.ring, (struct arena_msg){ .type = TYPE(epoch) });
	io_uring_submit(ring);
	if (arena_mailbox_attach(&box, &p->end.own,
				 inherited_entries(p->way.transport, ENTRIES), ring))
		_exit(1);
	*box.ring.cq.khead = 0x12345678;
	*box.ring.cq.ktail = 0x87654321;
	*box.ring.sq.kflags = 0;
	_exit(0);
}

static void take_memory_away(struct pair *p, uint32_t epoch)
{
	char *memory;
	struct stat st;

	(void)epoch;
	if (fstat(p->end.own.memory, &st) || !ftruncate(p->end.own.memory, 0))
		_exit(1);
	memory = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED,
		      p->end.own.memory, 0);
	if (memory == MAP_FAILED || madvise(memory, (size_t)st.st_size, MADV_REMOVE))
		_exit(2);
	_exit(0);
}

/* The successor of a process that took the memory away finds that out. */
static void open_only(struct pair *p, uint32_t epoch)
{
	struct arena_channel *ch;

	(void)epoch;
	_exit(pair_open(p, &ch) == -EPROTO ? 0 : 1);
}

/* Send without end to the parent, which is connecting. */
static void flood_peer(struct pair *p, uint32_t epoch)
{
	struct io_uring *ring = post_ring();

	for (;;) {
		post(ring, p->end.peer, (struct arena_msg){ .type = TYPE(epoch) });
		io_uring_submit(ring);
	}
}

/* ---- the parent ---- */

static const char *name_of(const struct pair *p)
{
	return transport_name(p->way.transport);
}

/* The peer dies with messages in both mailboxes; it is replaced again and again. */
static void test_successors(enum arena_channel_transport transport)
{
	struct pair p = make_pair(transport);
	struct arena_channel *ch = NULL;
	struct arena_msg m;
	int ret = 0;

	begin(&p, 1, die_silent);
	ch = open_first(&p, 1);
	for (uint32_t epoch = 1; epoch <= 9 && !ret; epoch += 2) {
		ret = send_all(ch, epoch, ENTRIES);
		wait_for_word(&shared->is_ready);
		set_word(&shared->is_ready, 0);
		kill(p.child, SIGKILL);
		finish(&p);
		if (!ret)
			ret = receive_all(ch, epoch, 3);
		if (!ret && receive(ch, &m) != -EOWNERDEAD)
			ret = 1;
		begin(&p, epoch + 2, die_silent);
		if (!ret)
			ret = arena_channel_reopen(ch, epoch + 2, token_of(epoch + 2),
						   pidfd_of(p.child));
	}
	is(ret, 0, "%s: the messages of five dead peers are received before -EOWNERDEAD, and none "
	   "of them after the next epoch has begun", name_of(&p));
	if (connected(ch))
		bail("not connected");
	wait_for_word(&shared->is_ready);
	kill(p.child, SIGKILL);
	finish(&p);
	begin(&p, 12, echo);
	ret = arena_channel_reopen(ch, 12, token_of(12), pidfd_of(p.child));
	if (!ret)
		ret = send_all(ch, 12, 1);
	is(ret ? ret : receive_all(ch, 12, 1), 0,
	   "%s: a survivor that has not received what a dead peer left exchanges messages with the "
	   "successor", name_of(&p));
	kill(p.child, SIGKILL);
	finish(&p);
	end_pair(&p, ch);
}

/* Exchange MESSAGES with an echo, and close. */
static int exchange(struct pair *p, struct arena_channel *ch, uint32_t epoch)
{
	int ret = connected(ch);

	for (uint32_t i = 0; i < MESSAGES && !ret; i++) {
		struct arena_msg m = { .type = TYPE(epoch), .ref.index = i };

		ret = send_message(ch, &m);
		if (!ret)
			ret = receive(ch, &m);
		ret = ret == 1 && m.type == TYPE(epoch) && m.ref.index == i ? 0 : ret ? ret : 1;
	}
	end_pair(p, ch);
	return ret ? ret : finish(p);
}

/* The successor connects before the survivor knows that the peer has died. */
static void test_early_successor(enum arena_channel_transport transport)
{
	struct pair p = make_pair(transport);
	struct arena_channel *ch;
	struct arena_msg m;
	pid_t first;
	int ret;

	begin(&p, 1, die_silent);
	first = p.child;
	ch = open_first(&p, 1);
	/* It never looks at the pidfd of its peer. */
	ret = connected(ch);
	close(ch->pidfd);
	ch->pidfd = -1;
	wait_for_word(&shared->is_ready);
	set_word(&shared->is_ready, 0);
	kill(first, SIGKILL);
	finish(&p);
	begin(&p, 2, knock);
	wait_for_word(&shared->is_ready);
	if (!ret)
		ret = receive_all(ch, 1, 3);
	is(ret ? ret : receive(ch, &m), -EOWNERDEAD,
	   "%s: a successor that connects first ends the channel of the survivor", name_of(&p));
	ret = arena_channel_reopen(ch, 2, token_of(2), pidfd_of(p.child));
	is(ret ? ret : exchange(&p, ch, 2), 0,
	   "%s: the survivor then connects to the successor in the epoch of the successor",
	   name_of(&p));
}

/* Replace the child of the first epoch, in which @what happened, by an echo. */
static void replace(struct pair *p, struct arena_channel *ch, const char *what)
{
	kill(p->child, SIGKILL);
	finish(p);
	begin(p, 2, echo);
	is(arena_channel_reopen(ch, 2, token_of(2), pidfd_of(p->child)), 0,
	   "%s: a channel can be reopened after %s", name_of(p), what);
	is(exchange(p, ch, 2), 0,
	   "%s: survivor and successor exchange messages after %s", name_of(p), what);
}

/* A message that could not be sent ends an epoch, and not the channel. */
static void test_failed_send(enum arena_channel_transport transport)
{
	struct pair p = make_pair(transport);
	const struct arena_msg m = { .type = 1 };
	struct arena_channel *ch;
	int ret;

	begin(&p, 1, die_silent);
	ch = open_first(&p, 1);
	ret = connected(ch);
	if (!ret)
		ret = channel_tx_post_to(&ch->tx, -1, &m);
	is(ret ? ret : channel_tx_submit(&ch->tx), -EBADF,
	   "%s: a message that goes nowhere is an error of the channel", name_of(&p));
	replace(&p, ch, "a message could not be sent");
}

/* Receive nothing but the end of the channel. */
static void see_end(struct pair *p, uint32_t epoch)
{
	struct arena_channel *ch;
	struct arena_msg m;

	(void)epoch;
	if (pair_open(p, &ch))
		_exit(1);
	_exit(receive(ch, &m) == -EPIPE ? 0 : 2);
}

static void test_leave(enum arena_channel_transport transport)
{
	struct pair p = make_pair(transport);
	struct arena_channel *ch;
	struct arena_msg m;

	begin(&p, 1, see_end);
	ch = open_first(&p, 1);
	if (connected(ch))
		bail("not connected");
	is(arena_channel_leave(ch), 0, "%s: a channel can be left", name_of(&p));
	is(finish(&p), 0, "%s: the peer sees the end of a channel that was left", name_of(&p));
	is(arena_channel_recv(ch, &m), -EPIPE,
	   "%s: nothing is received from a channel that was left", name_of(&p));
	begin(&p, 2, echo);
	is(arena_channel_reopen(ch, 2, token_of(2), pidfd_of(p.child)), 0,
	   "%s: a channel that was left can be reopened", name_of(&p));
	is(exchange(&p, ch, 2), 0, "%s: a channel that was left and reopened connects to the "
	   "successor of the peer", name_of(&p));
}

static void test_other_epochs(enum arena_channel_transport transport)
{
	struct pair p = make_pair(transport);
	struct arena_channel *ch;
	struct arena_msg m;

	begin(&p, 5, echo);
	p.options.timeout_ms = 200;
	ch = open_first(&p, 4);
	is(arena_channel_next(ch, &m, PATIENCE_MS), -ETIMEDOUT,
	   "%s: a peer of a later epoch is not connected to", name_of(&p));
	is(arena_channel_reopen(ch, 4, token_of(4), 0), -EINVAL,
	   "%s: a channel cannot be reopened in the same epoch", name_of(&p));
	is(arena_channel_reopen(ch, 3, token_of(3), 0), -EINVAL,
	   "%s: a channel cannot be reopened in an earlier epoch", name_of(&p));
	ch->options.timeout_ms = PATIENCE_MS;
	is(arena_channel_reopen(ch, 5, token_of(5), pidfd_of(p.child)), 0,
	   "%s: a channel that has failed can be reopened in the epoch of its peer", name_of(&p));
	is(exchange(&p, ch, 5), 0,
	   "%s: a peer that came first is connected to in its epoch", name_of(&p));
}

/* A process of an earlier epoch sends everything that a process of this one waits for. */
static void test_hostile(enum arena_channel_transport transport, life *play, const char *what)
{
	struct pair p = make_pair(transport);
	struct arena_channel *ch;

	begin(&p, 1, play);
	if (finish(&p))
		bail("%s: the hostile process failed", name_of(&p));
	begin(&p, 2, echo);
	ch = open_first(&p, 2);
	is(exchange(&p, ch, 2), 0, "%s: the successor of a process that %s connects and gets all "
	   "messages", name_of(&p), what);
}

/* The parent, which knows of no peer yet, opens its end in the epoch of a successor to come. */
static struct arena_channel *open_before(struct pair *p, life *play)
{
	begin(p, 1, play);
	if (finish(p))
		bail("%s: the hostile process failed", name_of(p));
	/* Its own pidfd stands for that of a process which lives. */
	p->child = getpid();
	return open_first(p, 2);
}

static void test_forged_open(enum arena_channel_transport transport)
{
	struct pair p = make_pair(transport);
	struct arena_channel *ch = open_before(&p, forge_to_peer);

	is(arena_channel_wait(ch, 50), 0, "%s: a survivor does not connect to a process that acted "
	   "as its successor and has died", name_of(&p));
	begin(&p, 2, echo);
	is(exchange(&p, ch, 2), 0, "%s: the successor of a process that had opened the next epoch "
	   "in its name connects and gets all messages", name_of(&p));
}

static void test_great_flood(enum arena_channel_transport transport)
{
	struct pair p = make_pair(transport);
	struct arena_channel *ch = open_before(&p, flood_both);
	struct arena_msg m;
	int ret = arena_channel_recv(ch, &m);

	ok(!ret && arena_mailbox_fetch(&ch->box, &m) == 1, "%s: a call drops a part of what a dead "
	   "peer has left", name_of(&p));
	begin(&p, 2, echo);
	is(exchange(&p, ch, 2), 0, "%s: the successor of a process that left a million messages "
	   "connects and gets all messages", name_of(&p));
}

static void test_memory(enum arena_channel_transport transport)
{
	struct pair p = make_pair(transport);

	begin(&p, 1, take_memory_away);
	is(finish(&p), 0, "%s: the memory of a mailbox cannot be cut off", name_of(&p));
	begin(&p, 2, open_only);
	is(finish(&p), 0, "%s: the successor of a process that removed the pages of the mailbox "
	   "gets -EPROTO", name_of(&p));
	end_pair(&p, NULL);
}

static void test_flood(enum arena_channel_transport transport)
{
	struct pair p = make_pair(transport);
	struct arena_channel *ch;
	struct arena_msg m;

	begin(&p, 1, flood_peer);
	ch = open_first(&p, 1);
	is(arena_channel_next(ch, &m, PATIENCE_MS), -EOVERFLOW,
	   "%s: a peer that floods instead of connecting is -EOVERFLOW", name_of(&p));
	replace(&p, ch, "a peer flooded the mailbox");
}

static void test_options(enum arena_channel_transport transport)
{
	struct pair p = make_pair(transport);
	struct arena_channel *ch;

	p.child = getpid();
	pair_take_end(&p);
	p.options.epoch = 0;
	is(pair_open(&p, &ch), -EINVAL, "%s: epoch 0 is refused", name_of(&p));
	pair_take_end(&p);
	p.options.transport = ARENA_CHANNEL_SOCKET;
	is(pair_open(&p, &ch), -EINVAL, "%s: mailboxes with SOCKET are refused", name_of(&p));
	p.options.transport = ARENA_CHANNEL_MSG_RING;
	p.options.entries = 4 * ENTRIES;
	pair_take_end(&p);
	is(pair_open(&p, &ch), -EINVAL,
	   "%s: a mailbox that was made for a smaller window is refused", name_of(&p));
	end_pair(&p, NULL);
}

int main(void)
{
	static const enum arena_channel_transport transports[] = {
		ARENA_CHANNEL_MSG_RING, ARENA_CHANNEL_HYBRID,
	};

	channel_test_begin();
	for (int i = 0; i < 2; i++) {
		test_successors(transports[i]);
		test_early_successor(transports[i]);
		test_failed_send(transports[i]);
		test_leave(transports[i]);
		test_other_epochs(transports[i]);
		test_hostile(transports[i], forge, "forged all messages of the next epoch");
		test_hostile(transports[i], scribble, "wrote head, tail and flags");
		test_forged_open(transports[i]);
		test_great_flood(transports[i]);
		test_memory(transports[i]);
		test_flood(transports[i]);
		test_options(transports[i]);
	}
	return channel_test_end();
}
