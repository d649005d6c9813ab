// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Channels as sources. While the ring is awake it looks at them in memory, and while it sleeps
 * it polls them. Their messages go out with the ring's submits.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <poll.h>

#include <libarena/channel/source.h>

#include "source.h"

/* Each channel @s of a ring @r. */
#define for_each_channel(r, s)								\
	for ((s) = first_channel(r); (s); (s) = next_channel(r, s))

static struct ring_source *channel_at(struct arena_ring *r, uint32_t index)
{
	return index == NONE ? NULL : &r->sources->source[index];
}

static struct ring_source *first_channel(struct arena_ring *r)
{
	return channel_at(r, r->sources->channels);
}

static struct ring_source *next_channel(struct arena_ring *r, const struct ring_source *s)
{
	return channel_at(r, s->next);
}

/* True if its descriptor became ready after its last event. */
static bool has_fired(const struct ring_source *s)
{
	return s->fired & (PART_BIT(PART_IN) | PART_BIT(PART_OUT));
}

static uint32_t state_of(struct ring_source *s)
{
	uint32_t state = channel_source_state(s->ch, has_fired(s));

	/* The end is reported once. */
	return s->has_reported_end ? state & ~CHANNEL_HAS_END : state;
}

static void look_at_peer(struct ring_source *s)
{
	if (s->fired & (PART_BIT(PART_PEER) | PART_BIT(PART_CONTROL)))
		channel_source_gone(s->ch);
}

static bool channel_event(struct arena_ring *r, struct ring_source *s, struct arena_event *event)
{
	uint32_t state;

	(void)r;
	(void)event;
	look_at_peer(s);
	state = state_of(s);
	s->done |= s->fired;
	s->fired = 0;
	if (state & CHANNEL_HAS_ROOM)
		channel_source_reported_room(s->ch);
	/* Messages are reported first, and the end by the next event. */
	if (state & CHANNEL_HAS_END && !(state & CHANNEL_HAS_MESSAGE))
		s->has_reported_end = true;
	return state;
}

static void unlink_channel(struct arena_ring *r, struct ring_source *s)
{
	uint32_t index = source_index(r, s), *at = &r->sources->channels;

	while (*at != index)
		at = &r->sources->source[*at].next;
	*at = s->next;
}

static void channel_remove(struct arena_ring *r, struct ring_source *s)
{
	channel_source_detach(s->ch);
	unlink_channel(r, s);
}

static const struct source_kind channel_kind = {
	.event = channel_event,
	.remove = channel_remove,
	.type = ARENA_EVENT_CHANNEL,
};

static void closing(void *owner, uint32_t index)
{
	struct arena_ring *r = owner;
	struct ring_source *s = channel_at(r, index);

	unlink_channel(r, s);
	source_drop(r, s);
}

/* Each of the two becomes ready only once. The pidfd is known after connecting. */
static int poll_peer(struct arena_ring *r, struct ring_source *s)
{
	int pidfd = arena_channel_pidfd(s->ch), control = channel_source_control(s->ch), ret = 0;

	if (pidfd >= 0 && !(s->done & PART_BIT(PART_PEER)))
		ret = source_poll(r, s, PART_PEER, pidfd, POLLIN);
	if (!ret && control >= 0 && !(s->done & PART_BIT(PART_CONTROL)))
		ret = source_poll(r, s, PART_CONTROL, control, POLLRDHUP);
	return ret;
}

int arena_ring_add_channel(struct arena_ring *r, struct arena_channel *ch, uint64_t cookie,
			   struct arena_source *source)
{
	struct channel_watcher watcher = { .closing = closing, .owner = r };
	struct ring_source *s;
	int ret = source_new(r, &channel_kind, cookie, &s);

	if (ret)
		return ret;
	s->ch = ch;
	watcher.index = source_index(r, s);
	ret = channel_source_attach(ch, &watcher, &r->uring, source_data(r, s, PART_TX));
	if (ret) {
		source_drop(r, s);
		return ret;
	}
	s->next = r->sources->channels;
	r->sources->channels = source_index(r, s);
	source_handle(r, s, source);
	return 0;
}

/* A channel whose messages are not in memory is polled all the time. Return: 0 or -errno. */
static int poll_kernel(struct arena_ring *r, struct ring_source *s)
{
	int ret = poll_peer(r, s);

	if (ret || !channel_source_in_kernel(s->ch))
		return ret;
	if (!has_fired(s))
		ret = source_poll(r, s, PART_IN, arena_channel_fd(s->ch), POLLIN);
	if (!ret && channel_source_is_full(s->ch))
		ret = source_poll(r, s, PART_OUT, arena_channel_fd(s->ch), POLLOUT);
	return ret;
}

/* Flush the channel; true if the kernel was short of memory, which no event ends. */
static bool stage(struct arena_ring *r, struct ring_source *s)
{
	int ret = 0;

	if (s->has_reported_end)
		return false;
	if (!(s->armed & PART_BIT(PART_OUT)))
		ret = arena_channel_flush(s->ch);
	if (ret == -EAGAIN || ret == -EBUSY)
		return poll_kernel(r, s) || !channel_source_is_full(s->ch);
	/* The channel keeps any other error, or it is the channel's end. */
	return poll_kernel(r, s);
}

bool source_channels_stage(struct arena_ring *r)
{
	bool again = false;
	struct ring_source *s;

	for_each_channel(r, s)
		again |= stage(r, s);
	return again;
}

bool source_channels_ready(struct arena_ring *r)
{
	struct ring_source *s;

	for_each_channel(r, s)
		if (state_of(s))
			return true;
	return false;
}

void source_channels_look(struct arena_ring *r)
{
	struct ring_source *s;

	for_each_channel(r, s)
		if (state_of(s))
			source_list(r, s);
}

bool source_channels_sleep(struct arena_ring *r)
{
	bool is_idle = true;
	struct ring_source *s;

	for_each_channel(r, s) {
		if (s->has_reported_end)
			continue;
		is_idle &= channel_source_arm(s->ch);
		if (!channel_source_in_kernel(s->ch))
			is_idle &= !source_poll(r, s, PART_IN, arena_channel_fd(s->ch), POLLIN);
	}
	return is_idle;
}

void source_channels_awake(struct arena_ring *r)
{
	struct ring_source *s;

	for_each_channel(r, s)
		if (!s->has_reported_end)
			channel_source_disarm(s->ch);
}

void source_channel_failed(struct ring_source *s, int error)
{
	channel_source_failed(s->ch, error);
}
