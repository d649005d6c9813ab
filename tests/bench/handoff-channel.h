/* SPDX-License-Identifier: MIT */
/* Handoffs by channels of the library, with each of its transports. */
#ifndef BENCH_HANDOFF_CHANNEL_H
#define BENCH_HANDOFF_CHANNEL_H

#include <arena/arena.h>
#include <unistd.h>

#include "handoff.h"

/* The region is made once; the other objects are opened anew for each run. */
static struct mshare *region;
static struct arena_layout layout;
static struct arena *arena;
static struct arena_channel *channel;
static int links[2];
static unsigned int queued;
static const uint32_t roles[] = { ARENA_ROLE(0, 0), ARENA_ROLE(1, 0) };

static void channel_init(void)
{
	links[0] = -1;
	links[1] = -1;
	if (kind->channel == ARENA_CHANNEL_SOCKET)
		check(arena_channel_socketpair(links), "arena_channel_socketpair");
}

static void channel_start(void)
{
	const struct arena_channel_options o = {
		.size = sizeof(o),
		.transport = kind->channel,
		.wait = kind->wait,
		.entries = RING,
		.peer_pid = peer,
		.socket = links[side] >= 0 ? &links[side] : NULL,
	};
	if (links[!side] >= 0)
		close(links[!side]);
	check(arena_open_region(region, roles[side], &arena), "arena_open");
	check(arena_channel_open(arena, roles[!side], &o, &channel),
	      "arena_channel_open");
	queued = 0;
}

static void channel_flush(void)
{
	if (queued)
		check(arena_channel_flush(channel), "arena_channel_flush");
	queued = 0;
}

static void channel_send(uint64_t v)
{
	const struct arena_msg m = { .type = 1, .ref.index = (uint32_t)v };
	int ret;

	while ((ret = arena_channel_send(channel, &m)) == -EAGAIN)
		arena_channel_wait(channel, -1);
	check(ret, "arena_channel_send");
	if (++queued >= kind->batch)
		channel_flush();
}

static uint64_t channel_recv(void)
{
	struct arena_msg m;
	int ret = arena_channel_next(channel, &m, -1);

	check(ret < 0 ? ret : 0, "arena_channel_next");
	return m.ref.index;
}

static void channel_end(void)
{
	arena_channel_close(channel);
	arena_close(arena);
	channel = NULL;
}

#endif /* BENCH_HANDOFF_CHANNEL_H */
