/* SPDX-License-Identifier: MIT */
/*
 * Both network processes of a storage process, for its tests: a program that includes this header
 * plays them, over sp-peer.h.
 */
#ifndef TESTS_NATIVE_SP_TWO_H
#define TESTS_NATIVE_SP_TWO_H

#include "sp-peer.h"

#define BLOCK	4096U

/* The channels of the NPs. */
static struct arena_channel *np[2];

static inline struct arena_channel *connect_second(void)
{
	const struct arena_channel_end end = inherit_np(&second);
	const struct arena_channel_options options = {
		.size = sizeof(options),
		.transport = transport_chosen(),
		.entries = proto_window(proto_requests(&layout)),
		.end = &end,
		.epoch = second.epoch,
		.pidfd = inherit_pidfd(sp_pid),
		.timeout_ms = PATIENCE_MS,
	};
	struct arena_channel *ch;

	if (arena_channel_open(NULL, PROTO_ROLE_SP(0), &options, &ch))
		bail("cannot open a second channel");
	return ch;
}

static inline void say(struct arena_channel *ch, struct arena_msg m)
{
	if (arena_channel_send(ch, &m) || arena_channel_flush(ch))
		bail("cannot send");
}

/* Wait for a message of @type, and leave out others. */
static inline struct arena_msg hear(struct arena_channel *ch, uint8_t type)
{
	int64_t deadline = clock_deadline(PATIENCE_MS);
	struct arena_msg m;

	while (arena_channel_next(ch, &m, clock_left_ms(deadline)) == 1)
		if (m.type == type)
			return m;
	bail("the storage process does not answer");
}

/* Start an SP, whose two NPs have nothing of a predecessor's. */
static inline void two_start(void)
{
	const struct arena_msg hello = { .type = PROTO_MESSAGE_HELLO, .value = PROTO_HELLO };

	pair_make();
	sp_start(getpid());
	if (connect_to_sp())
		bail("cannot open a channel");
	np[0] = channel;
	np[1] = connect_second();
	for (int i = 0; i < 2; i++) {
		say(np[i], hello);
		say(np[i], (struct arena_msg){
			.type = PROTO_MESSAGE_RETURN,
			.ref = hear(np[i], PROTO_MESSAGE_HELLO).ref,
		});
		say(np[i], (struct arena_msg){ .type = PROTO_MESSAGE_REPLAYED });
	}
}

/* What a write says of its times; 0 for now. */
struct two_times {
	uint64_t received_ns;
	uint64_t alive_ns;
};

/* The next request of NP @i; few are under way at a time, so records and payload are used again. */
static inline struct proto_request *two_next(unsigned int i, struct arena_msg *msg)
{
	static uint32_t n;
	uint16_t group = (uint16_t)proto_group_of_np(&layout, i, PROTO_USE_RECORD);
	uint32_t at = ++n % SLOTS;
	struct proto_request *r = arena_layout_buffer(base, &layout, group, at);

	*msg = (struct arena_msg){
		.type = PROTO_MESSAGE_REQUESTS,
		.value = 1,
		.ref = { .group = group, .index = at, .count = 1, .generation = (uint16_t)n },
	};
	*r = (struct proto_request){ .tag = proto_tag(at, n) };
	return r;
}

/* NP @i changes a range: it writes bytes @fill, or zeroes if that is 0. */
static inline void change_by(unsigned int i, uint64_t offset, uint64_t length, char fill,
			     struct two_times t)
{
	uint16_t group = (uint16_t)proto_group_of_np(&layout, i, PROTO_USE_PAYLOAD);
	struct arena_msg msg;
	struct proto_request *r = two_next(i, &msg);

	r->operation = fill ? PROTO_WRITE : PROTO_WRITE_ZEROES;
	r->offset = offset;
	r->length = length;
	r->received_ns = t.received_ns ? t.received_ns : clock_boot_ns();
	r->alive_ns = t.alive_ns ? t.alive_ns : clock_boot_ns();
	if (fill) {
		r->n_refs = 1;
		r->ref[0] = (struct arena_ref){
			.group = group, .index = msg.ref.index, .count = 1,
			.generation = msg.ref.generation,
		};
		memset(arena_layout_buffer(base, &layout, group, msg.ref.index), fill, length);
	}
	say(np[i], msg);
}

static inline void write_by(unsigned int i, unsigned int block, char fill, struct two_times t)
{
	change_by(i, (uint64_t)block * BLOCK, BLOCK, fill, t);
}

static inline enum proto_status status_by(unsigned int i)
{
	struct arena_msg m = hear(np[i], PROTO_MESSAGE_REPLIES);
	struct proto_reply reply;

	if (m.value != 1 || proto_reply_receive(&reply, arena_layout_buffer(base, &layout,
									    m.ref.group,
									    m.ref.index), 0))
		bail("not one sound reply");
	say(np[i], (struct arena_msg){ .type = PROTO_MESSAGE_RETURN, .ref = m.ref });
	return reply.status;
}

static inline char content(unsigned int block)
{
	int fd = open(disk_path, O_RDONLY);
	char byte;

	if (pread(fd, &byte, 1, (off_t)block * BLOCK) != 1)
		bail("cannot read the disk");
	close(fd);
	return byte;
}

/* The disk is a regular file, and the last argument but one. */
static inline void two_main(int argc, char **argv)
{
	if (argc != 4)
		bail("usage: %s ARENA_SP DISK LOG", argv[0]);
	program = argv[1];
	disk_path = argv[2];
	log_path = argv[3];
	transport = "msg-ring";
	nps = 2;
	region_make();
	two_start();
}

static inline int two_end(void)
{
	kill(sp_pid, SIGTERM);
	is(sp_wait(), 0, "the storage process ends with status 0");
	arena_channel_close(np[1]);
	return done_testing();
}

#endif /* TESTS_NATIVE_SP_TWO_H */
