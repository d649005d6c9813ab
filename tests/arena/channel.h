/* SPDX-License-Identifier: MIT */
/*
 * Two processes with a channel between them. The parent has the role of NP 0, the child that of
 * an SP.
 */
#ifndef TESTS_ARENA_CHANNEL_H
#define TESTS_ARENA_CHANNEL_H

#include <errno.h>
#include <arena/arena.h>
#include <arena/channel.h>
#include <liburing.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "region.h"

#define CHANNEL_REGION	"channel"
#define CHANNEL_LENGTH	(16ULL << 20)
#define CHANNEL_SPS	32
/* Only a hang takes longer. */
#define PATIENCE_MS	20000

static struct mshare *region;
static struct arena_layout layout;

/* This process's arena; it is opened anew for each channel. */
static struct arena *own_arena;

/**
 * struct channel_shared - how the two processes synchronise beside the channel
 * @taken: messages that the parent has received, or that the child has done its part
 * @is_stalled: a sender is out of credit, or the parent is done with its first part
 * @is_ready: one process waits for what the other does next
 */
struct channel_shared {
	uint32_t taken;
	uint32_t is_stalled;
	uint32_t is_ready;
};

static struct channel_shared *shared;

static inline uint32_t get_word(const uint32_t *word)
{
	return __atomic_load_n(word, __ATOMIC_RELAXED);
}

static inline void set_word(uint32_t *word, uint32_t value)
{
	__atomic_store_n(word, value, __ATOMIC_RELAXED);
}

static inline void wait_for_word(const uint32_t *word)
{
	while (!get_word(word))
		usleep(100);
}

static inline struct arena_channel_counters counters(const struct arena_channel *ch)
{
	struct arena_channel_counters c = { .size = sizeof(c) };

	arena_channel_counters(ch, &c);
	return c;
}

static inline const char *transport_name(enum arena_channel_transport transport)
{
	static const char *const names[] = { "AUTO", "MSG_RING", "HYBRID", "SOCKET" };

	return names[transport];
}

static inline const char *wait_name(enum arena_wait wait)
{
	static const char *const names[] = { "asleep", "polling", "adapting" };

	return names[wait];
}

/* Each transport, with each way to connect that it has. */
struct way {
	enum arena_channel_transport transport;
	bool by_socket;
	bool by_end;
};

static inline const char *way_name(struct way way)
{
	static char name[40];

	snprintf(name, sizeof(name), "%s connected by %s", transport_name(way.transport),
		 way.by_socket ? "socket" : way.by_end ? "inheritance" : "region");
	return name;
}

static const struct way ways[] = {
	{ ARENA_CHANNEL_MSG_RING, false, false }, { ARENA_CHANNEL_MSG_RING, true, false },
	{ ARENA_CHANNEL_MSG_RING, false, true },
	{ ARENA_CHANNEL_HYBRID, false, false }, { ARENA_CHANNEL_HYBRID, true, false },
	{ ARENA_CHANNEL_HYBRID, false, true },
	{ ARENA_CHANNEL_SOCKET, true, false },
};

#define N_WAYS	(sizeof(ways) / sizeof(ways[0]))

static inline void *channel_base(void)
{
	void *base;

	if (mshare_attach(region, &base))
		bail("cannot attach");
	return base;
}

static inline void channel_test_begin(void)
{
	struct arena_config c;
	struct io_uring ring;

	alarm(100);
	if (io_uring_queue_init(8, &ring, 0)) {
		printf("1..0 # SKIP no io_uring here\n");
		exit(0);
	}
	io_uring_queue_exit(&ring);
	c = arena_test_config(CHANNEL_LENGTH);
	c.classes[1].processes = CHANNEL_SPS;
	region = arena_test_arena(CHANNEL_REGION, &c);
	if (arena_layout_read(channel_base(), CHANNEL_LENGTH, &layout))
		bail("layout");
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		bail("mmap");
}

static inline int channel_test_end(void)
{
	arena_close(own_arena);
	arena_test_end(region);
	return done_testing();
}

struct pair {
	uint32_t sp;
	bool has_no_arena;
	struct way way;
	struct arena_channel_options options;
	int fds[2];
	struct arena_channel_mailbox box[2];
	struct arena_channel_end end;
	pid_t child;
};

static inline struct pair pair_of(struct way way, enum arena_wait wait, uint32_t entries)
{
	return (struct pair){
		.way = way,
		.options = { .size = sizeof(struct arena_channel_options),
			     .transport = way.transport, .wait = wait, .entries = entries,
			     .timeout_ms = PATIENCE_MS },
		.fds = { -1, -1 },
	};
}

static inline int pidfd_of(pid_t pid)
{
	return (int)syscall(SYS_pidfd_open, pid, 0);
}

/* Before the fork: make the descriptors that the two inherit. */
static inline void pair_make(struct pair *p)
{
	if (p->way.by_socket && arena_channel_socketpair(p->fds))
		bail("arena_channel_socketpair");
	for (int i = 0; i < 2 && p->way.by_end; i++)
		if (arena_channel_make_mailbox(p->way.transport, p->options.entries, &p->box[i]))
			bail("arena_channel_make_mailbox");
}

/* The first mailbox is that of the child, in which @p->child is 0. */
static inline void pair_take_end(struct pair *p)
{
	p->end.own = p->box[!!p->child];
	p->end.peer = p->box[!p->child].ring;
	p->options.end = &p->end;
	p->options.epoch = 1;
	p->options.pidfd = pidfd_of(p->child ? p->child : getppid());
}

/* After the fork. */
static inline void pair_take_side(struct pair *p)
{
	if (p->way.by_socket) {
		close(p->fds[!p->child]);
		p->options.socket = &p->fds[!!p->child];
	} else if (p->way.by_end) {
		pair_take_end(p);
	} else {
		p->options.peer_pid = p->child ? p->child : getppid();
	}
}

/* Like fork(), returns 0 in the child. */
static inline pid_t pair_fork(struct pair *p)
{
	memset(shared, 0, sizeof(*shared));
	pair_make(p);
	fflush(stdout);
	p->child = fork();
	if (p->child < 0)
		bail("fork");
	if (!p->child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		channel_base();
	}
	pair_take_side(p);
	return p->child;
}

static inline void open_own_arena(uint32_t role)
{
	arena_close(own_arena);
	if (arena_open_region(region, role, &own_arena))
		bail("arena_open");
}

static inline int pair_open(struct pair *p, struct arena_channel **ch)
{
	uint32_t self = p->child ? ARENA_ROLE(0, 0) : ARENA_ROLE(1, p->sp);
	uint32_t peer = p->child ? ARENA_ROLE(1, p->sp) : ARENA_ROLE(0, 0);

	open_own_arena(self);
	return arena_channel_open(p->has_no_arena ? NULL : own_arena, peer, &p->options, ch);
}

/* The child's exit status, or less than 0 if a signal ended it. */
static inline int pair_join(struct pair *p)
{
	int status;

	for (int i = 0; i < 2 && p->way.by_end; i++) {
		close(p->box[i].ring);
		close(p->box[i].memory);
	}
	waitpid(p->child, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* 1 and the next message, or an error. */
static inline int receive(struct arena_channel *ch, struct arena_msg *msg)
{
	int ret = arena_channel_next(ch, msg, PATIENCE_MS);

	return ret ? ret : -ETIMEDOUT;
}

/* Send, and wait for credit if there is none. */
static inline int send_message(struct arena_channel *ch, const struct arena_msg *msg)
{
	int ret;

	while ((ret = arena_channel_send(ch, msg)) == -EAGAIN) {
		ret = arena_channel_wait(ch, PATIENCE_MS);
		if (ret <= 0)
			return ret ? ret : -ETIMEDOUT;
	}
	return ret;
}

#endif /* TESTS_ARENA_CHANNEL_H */
