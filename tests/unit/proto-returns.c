// SPDX-License-Identifier: MIT
/*
 * Goal: RETURN messages are held back without keeping too many buffers from the peer, they keep
 * their order, and none of them is lost.
 * Method: both ends of a channel are in this process. The test goes up to each bound and beyond it,
 * holds more extents than there is room for, and fills the window.
 */
#include <arena/channel.h>
#include <errno.h>
#include <proto/record.h>
#include <proto/returns.h>

#include "tap.h"

#define WINDOW		16U
#define RECORDS		64U
#define DATA		32U
#define REQUESTS	4U

static struct arena_channel *ours, *peers;

static struct arena_channel *open_end(int *fd)
{
	const struct arena_channel_options options = {
		.size = sizeof(options),
		.transport = ARENA_CHANNEL_SOCKET,
		.entries = WINDOW,
		.nonblocking = true,
		.socket = fd,
	};
	struct arena_channel *ch = NULL;

	if (arena_channel_open(NULL, 0, &options, &ch))
		bail("cannot open a channel");
	return ch;
}

static void open_both(void)
{
	int fds[2];

	if (arena_channel_socketpair(fds))
		bail("cannot make sockets");
	ours = open_end(&fds[0]);
	peers = open_end(&fds[1]);
	for (int i = 0; i < 1000 && !(arena_channel_is_connected(ours) &&
				      arena_channel_is_connected(peers)); i++) {
		struct arena_msg m;

		arena_channel_next(ours, &m, 1);
		arena_channel_next(peers, &m, 1);
	}
	if (!arena_channel_is_connected(ours))
		bail("the channel does not connect");
}

static void close_both(void)
{
	arena_channel_close(ours);
	arena_channel_close(peers);
}

static int hold(struct proto_returns *r, uint32_t index, uint16_t count, enum proto_returned what)
{
	return proto_returns_hold(r, &(struct arena_ref){
		.index = index, .group = 3, .count = count, .generation = 7 }, what);
}

/* Receive RETURNs of extents @first, @first + 1 ... Return: how many; -1 if something else came. */
static int take(uint32_t first)
{
	struct arena_msg m;
	int n = 0;

	arena_channel_flush(ours);
	while (arena_channel_recv(peers, &m) == 1) {
		if (m.type != PROTO_MESSAGE_RETURN || m.ref.index != first + (uint32_t)n ||
		    m.ref.group != 3 || m.ref.generation != 7)
			return -1;
		n++;
	}
	arena_channel_flush(peers);
	return n;
}

static void start(struct proto_returns *r)
{
	if (proto_returns_init(r, ours, RECORDS, DATA, REQUESTS))
		bail("no memory");
}

static void test_records(void)
{
	struct proto_returns r;

	start(&r);
	ok(!proto_returns_are_due(&r, DATA), "nothing is due while nothing is held");
	for (uint32_t i = 0; i < 4; i++)
		hold(&r, i, 4, PROTO_RETURN_RECORD);
	ok(!proto_returns_are_due(&r, DATA), "a quarter of the peer's records may be held");
	is(take(0), 0, "the peer hears nothing of extents that are held");
	hold(&r, 4, 1, PROTO_RETURN_RECORD);
	ok(proto_returns_are_due(&r, 0),
	   "RETURNs are due when more than a quarter of the peer's records is held");
	is(proto_returns_send(&r), 0, "a RETURN is queued for each extent that is held");
	is(take(0), 5, "the peer gets every extent back, in order");
	ok(!proto_returns_are_due(&r, DATA), "nothing is due after the RETURNs were sent");
	proto_returns_exit(&r);
}

static void test_data(void)
{
	struct proto_returns r;

	start(&r);
	hold(&r, 0, 10, PROTO_RETURN_DATA);
	ok(!proto_returns_are_due(&r, 6), "a half of the peer's buffers may be held and asked for");
	ok(proto_returns_are_due(&r, 7),
	   "RETURNs are due when more than a half of the peer's buffers is held or asked for");
	ok(proto_returns_are_due(&r, UINT32_MAX),
	   "RETURNs are due when READs ask for more buffers than there are");
	proto_returns_send(&r);
	is(take(0), 1, "an extent of ten buffers is returned by one message");
	ok(!proto_returns_are_due(&r, DATA),
	   "nothing is due if buffers are asked for and none is held");
	proto_returns_exit(&r);
}

static void test_flood(void)
{
	struct proto_returns r;
	bool good = true;

	start(&r);
	for (uint32_t i = 0; i < r.room; i++)
		good &= !hold(&r, i, 1, PROTO_RETURN_DATA);
	is(take(0), 0, "extents of all requests in flight can be held");
	good &= !hold(&r, r.room, 1, PROTO_RETURN_DATA);
	is(take(0), (int)r.room,
	   "one extent more than there is room for makes the held ones be sent");
	is(r.n, 1, "the extent for which there was no room is held after the others were sent");
	ok(good, "to hold an extent for which there is no room is no error");
	proto_returns_exit(&r);
}

/* The peer receives no messages, so the window of 16 fills. */
static void test_window(void)
{
	struct proto_returns r;
	uint32_t sent = 0;
	int ret = 0;

	start(&r);
	for (uint32_t i = 0; i < 3 * WINDOW && !ret; i++)
		ret = hold(&r, sent++, 1, PROTO_RETURN_DATA);
	is(ret, -EAGAIN, "a peer that takes no messages does not make the process wait");
	is(r.n + WINDOW, sent - 1, "extents whose RETURNs did not fit the window are still held");
	is(take(0), WINDOW, "the RETURNs that fitted the window come to the peer");
	is(proto_returns_send(&r), 0,
	   "the RETURNs that are left are queued when the window has room");
	is(take(WINDOW), (int)(sent - 1 - WINDOW),
	   "the RETURNs that are left come to the peer in order");
	proto_returns_exit(&r);
	proto_returns_exit(&r);
}

int main(void)
{
	open_both();
	test_records();
	test_data();
	test_flood();
	test_window();
	close_both();
	return done_testing();
}
