// SPDX-License-Identifier: MIT
/*
 * Goal: requests of two network processes begin in the order in which they were complete, whichever
 * mailbox the storage process looks into first, and a network process that gives its requests times
 * that are still to come holds up nobody, nor itself.
 * Method: this program is both NPs of one arena-sp. It stops the SP, sends the newer write by one
 * of the two NPs and then the older one by the other, and lets the SP go on.
 *
 *	sp-turns ARENA_SP DISK LOG
 */
#include "sp-peer.h"

#define BLOCK	4096U
#define HOUR_NS	(3600ULL * CLOCK_NS_PER_S)

/* The channels of the NPs. */
static struct arena_channel *np[2];

static struct arena_channel *connect_second(void)
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

static void say(struct arena_channel *ch, struct arena_msg m)
{
	if (arena_channel_send(ch, &m) || arena_channel_flush(ch))
		bail("cannot send");
}

/* Wait for a message of @type, and leave out others. */
static struct arena_msg hear(struct arena_channel *ch, uint8_t type)
{
	int64_t deadline = clock_deadline(PATIENCE_MS);
	struct arena_msg m;

	while (arena_channel_next(ch, &m, clock_left_ms(deadline)) == 1)
		if (m.type == type)
			return m;
	bail("the storage process does not answer");
}

static void start(void)
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

/* NP @i writes a block full of @fill. Only the request's slot is used, so it is used once. */
static void write_by(unsigned int i, unsigned int block, char fill, uint64_t received_ns)
{
	static uint32_t slot;
	uint16_t records = (uint16_t)proto_group_of_np(&layout, i, PROTO_USE_RECORD);
	uint16_t payload = (uint16_t)proto_group_of_np(&layout, i, PROTO_USE_PAYLOAD);
	struct proto_request *r = arena_layout_buffer(base, &layout, records, ++slot);

	*r = (struct proto_request){
		.tag = proto_tag(slot % SLOTS, slot),
		.operation = PROTO_WRITE,
		.offset = (uint64_t)block * BLOCK,
		.length = BLOCK,
		.received_ns = received_ns,
		.n_refs = 1,
		.ref[0] = { .group = payload, .index = slot, .count = 1, .generation = 1 },
	};
	memset(arena_layout_buffer(base, &layout, payload, slot), fill, BLOCK);
	say(np[i], (struct arena_msg){
		.type = PROTO_MESSAGE_REQUESTS,
		.value = 1,
		.ref = { .group = records, .index = slot, .count = 1, .generation = 1 },
	});
}

static enum proto_status status_by(unsigned int i)
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

static char content(unsigned int block)
{
	int fd = open(disk_path, O_RDONLY);
	char byte;

	if (pread(fd, &byte, 1, (off_t)block * BLOCK) != 1)
		bail("cannot read the disk");
	close(fd);
	return byte;
}

/* The newer write lies in the mailbox of NP @newer, and the older one comes after it. */
static void test_order(unsigned int newer, unsigned int block)
{
	uint64_t now = clock_boot_ns();
	int status;

	kill(sp_pid, SIGSTOP);
	waitpid(sp_pid, &status, WUNTRACED);
	write_by(newer, block, 'n', now + 1000);
	write_by(!newer, block, 'o', now);
	kill(sp_pid, SIGCONT);
	is(status_by(newer), PROTO_OK, "the newer write, by NP %u, is done", newer);
	is(status_by(!newer), PROTO_OK, "the older write, by NP %u, is done", !newer);
	is(content(block), 'n', "the newer write by NP %u is left, though the older came last",
	   newer);
}

static void test_future(void)
{
	write_by(0, 9, 'f', clock_boot_ns() + HOUR_NS);
	is(status_by(0), PROTO_OK, "a write whose time is still to come is done now");
	write_by(1, 9, 'g', clock_boot_ns());
	is(status_by(1), PROTO_OK, "a write of another NP does not wait for that time");
	is(content(9), 'g', "a time that is still to come counts as the time of arrival");
}

int main(int argc, char **argv)
{
	if (argc != 4)
		bail("usage: sp-turns ARENA_SP DISK LOG");
	program = argv[1];
	disk_path = argv[2];
	log_path = argv[3];
	transport = "msg-ring";
	nps = 2;
	region_make();
	start();
	test_order(0, 1);
	test_order(1, 2);
	test_future();
	kill(sp_pid, SIGTERM);
	is(sp_wait(), 0, "the storage process ends with status 0");
	arena_channel_close(np[1]);
	return done_testing();
}
