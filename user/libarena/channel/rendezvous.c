// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * How two processes that share a region meet: each publishes its mailbox and
 * takes the other's; the first message in each says what its sender expects.
 */
#include <errno.h>
#include <unistd.h>

#include "transport.h"

/* A mailbox is named by who reads it and who writes to it. */
static uint64_t mailbox_tag(uint32_t reader, uint32_t writer)
{
	return (uint64_t)reader << 32 | writer;
}

static struct arena_msg open_message(const struct arena_channel *ch)
{
	struct arena_msg msg = channel_msg(CHANNEL_MSG_OPEN, ch->options.entries);

	msg.ref.group = CHANNEL_VERSION;
	msg.value = (uint16_t)ch->options.kind;
	return msg;
}

/* A mailbox keeps the order: the peer's OPEN is before all else. */
static int expect_open(struct arena_channel *ch, int64_t end)
{
	const struct arena_msg own = open_message(ch);
	struct arena_msg msg;
	int ret;

	while (!(ret = channel_ring_next(ch, &msg))) {
		ret = channel_wait_for(ch, ch->box.ring.ring_fd, end);
		if (ret)
			return ret;
	}
	if (ret < 0)
		return ret;
	if (arena_msg_data(&msg) != arena_msg_data(&own) ||
	    arena_msg_len(&msg) != arena_msg_len(&own))
		return -EPROTO;
	return 0;
}

static int take_mailbox(struct arena_channel *ch, int64_t end)
{
	int fd = mshare_take_ring(ch->m, ch->options.peer, mailbox_tag(ch->peer, ch->self),
				  channel_ms_left(end));

	return fd == -EAGAIN ? -ETIMEDOUT : fd;
}

int channel_meet_region(struct arena_channel *ch)
{
	pid_t pid = ch->options.peer;
	int timeout = ch->options.timeout_ms;
	int64_t end = timeout < 0 ? -1 : channel_now_ms() + timeout;
	struct arena_msg msg;
	int ret;

	if (ch->options.kind == ARENA_CHANNEL_AUTO)
		ch->options.kind = ARENA_CHANNEL_MSG_RING;
	if (pid) {
		ch->pidfd = channel_pidfd(pid);
		if (ch->pidfd < 0)
			return ch->pidfd;
	}
	ret = mshare_publish_ring(ch->m, ch->box.ring.ring_fd, pid,
				  mailbox_tag(ch->self, ch->peer));
	if (ret)
		return ret;
	ch->target = take_mailbox(ch, end);
	if (ch->target < 0)
		return ch->target;
	if (ch->kinds & KINDS_WITH_MEMORY)
		channel_shared_clear(ch);
	msg = open_message(ch);
	ret = channel_ring_post(ch, &msg);
	if (!ret)
		ret = channel_ring_submit(ch);
	if (!ret)
		return expect_open(ch, end);
	channel_ring_leave(ch);
	return ret;
}
