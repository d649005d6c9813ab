/* SPDX-License-Identifier: MIT */
/*
 * Two processes with a channel between them, for tests: the parent is NP 0, the
 * child an SP: another one after a meeting that failed.
 */
#ifndef TESTS_ARENA_CHANNEL_H
#define TESTS_ARENA_CHANNEL_H

#include <errno.h>
#include <arena/channel.h>
#include <liburing.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "region.h"

#define CHANNEL_REGION	"channel"
#define CHANNEL_LENGTH	(16ULL << 20)
#define CHANNEL_SPS	32
#define PATIENCE_MS	20000

static struct mshare *region;
static struct arena_layout layout;

/* What both processes see that the channel does not carry. */
struct channel_shared {
	uint32_t taken;
	uint32_t is_stalled;
	uint32_t is_ready;
};

static struct channel_shared *shared;

static inline uint32_t look(const uint32_t *word)
{
	return __atomic_load_n(word, __ATOMIC_RELAXED);
}

static inline void say(uint32_t *word, uint32_t value)
{
	__atomic_store_n(word, value, __ATOMIC_RELAXED);
}

static inline const char *kind_name(enum arena_channel_transport kind)
{
	static const char *const names[] = { "AUTO", "MSG_RING", "HYBRID", "EVENTFD", "SOCKET" };

	return names[kind];
}

static inline const char *wait_name(enum arena_wait wait)
{
	static const char *const names[] = { "asleep", "polling", "adapting" };

	return names[wait];
}

/* The kinds, each by every way to meet. */
struct way {
	enum arena_channel_transport kind;
	bool by_link;
};

static const struct way ways[] = {
	{ ARENA_CHANNEL_MSG_RING, false }, { ARENA_CHANNEL_MSG_RING, true },
	{ ARENA_CHANNEL_HYBRID, false }, { ARENA_CHANNEL_HYBRID, true },
	{ ARENA_CHANNEL_EVENTFD, true }, { ARENA_CHANNEL_SOCKET, true },
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
	arena_test_end(region);
	return done_testing();
}

struct pair {
	uint32_t sp;
	struct way way;
	struct arena_channel_options options;
	int fds[2];
	pid_t child;
};

static inline struct pair pair_of(struct way way, enum arena_wait wait, uint32_t entries)
{
	return (struct pair){
		.way = way,
		.options = { .kind = way.kind, .wait = wait, .entries = entries, .link = -1,
			     .timeout_ms = PATIENCE_MS },
		.fds = { -1, -1 },
	};
}

/* As fork(): 0 in the child. */
static inline pid_t pair_fork(struct pair *p)
{
	memset(shared, 0, sizeof(*shared));
	if (p->way.by_link && arena_channel_socketpair(p->fds))
		bail("arena_channel_socketpair");
	fflush(stdout);
	p->child = fork();
	if (p->child < 0)
		bail("fork");
	if (!p->child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		channel_base();
	}
	if (p->way.by_link) {
		close(p->fds[!p->child]);
		p->options.link = p->fds[!!p->child];
	} else {
		p->options.peer = p->child ? p->child : getppid();
	}
	return p->child;
}

static inline int pair_open(struct pair *p, struct arena_channel **ch)
{
	uint32_t self = p->child ? ARENA_ROLE(0, 0) : ARENA_ROLE(1, p->sp);
	uint32_t peer = p->child ? ARENA_ROLE(1, p->sp) : ARENA_ROLE(0, 0);

	return arena_channel_open(region, &layout, self, peer, &p->options, ch);
}

/* The child's exit status, or less than 0. */
static inline int pair_join(struct pair *p)
{
	int status;

	waitpid(p->child, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* The next message, or the error that came. */
static inline int receive(struct arena_channel *ch, struct arena_msg *msg)
{
	int ret;

	while (!(ret = arena_channel_recv(ch, msg))) {
		ret = arena_channel_wait(ch, PATIENCE_MS);
		if (ret <= 0)
			return ret ? ret : -ETIMEDOUT;
	}
	return ret;
}

/* Send, as soon as there is room. */
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
