// SPDX-License-Identifier: MIT
/*
 * Goal: the successor of a storage process that was killed does what its predecessor has not done,
 * in the order in which the requests were complete, and does nothing again that was done. It uses
 * no buffer that the network process still has.
 * Method: this program is the NP of one arena-sp after the other over one region, and kills them.
 *
 *	sp-replay ARENA_SP DISK LOG
 *
 * Each block of the disk that a test uses is its own.
 */
#include <stdlib.h>

#include "sp-peer.h"

#define BLOCK	4096U

static uint64_t now = 1000;

static void kill_sp(void)
{
	kill(sp_pid, SIGKILL);
	sp_wait();
}

static uint64_t at_block(unsigned int block)
{
	return (uint64_t)block * BLOCK;
}

/* A WRITE of a block full of @fill, from payload buffer @slot. */
static struct request write_of(uint16_t slot, unsigned int block, char fill)
{
	struct request r = make(slot, PROTO_WRITE, at_block(block), BLOCK);

	r.shared->ref[0].index = slot;
	r.shared->ref[0].generation = generation;
	r.shared->received_ns = now++;
	memset(arena_layout_buffer(base, &layout, np_group(PROTO_USE_PAYLOAD), slot), fill, BLOCK);
	return r;
}

/* Send a request again, which a predecessor had, in the record of the same slot. */
static void replay(struct request *r)
{
	r->shared->flags |= PROTO_FLAG_REPLAY;
	send_request(r);
}

static enum proto_status status_of(const struct request *r)
{
	struct proto_reply reply = receive_reply();

	if (!answers(r, &reply))
		bail("the storage process answers another request");
	return reply.status;
}

/* What the disk has in a block, read past the SP; 0 if it is not full of one byte. */
static char content(unsigned int block)
{
	static char data[BLOCK];
	int fd = open(disk_path, O_RDONLY);

	if (pread(fd, data, sizeof(data), (off_t)at_block(block)) != sizeof(data))
		bail("cannot read the disk");
	close(fd);
	return memcmp(data, data + 1, sizeof(data) - 1) ? 0 : data[0];
}

/*
 * The reply to the older write is lost with the SP, and the newer one has its reply. Without the
 * table of results the successor writes the older data over the newer.
 */
static void test_done(void)
{
	struct request older, newer;

	give_back(sp_connect().ref);
	older = write_of(0, 1, 'a');
	send_request(&older);
	is(status_of(&older), PROTO_OK, "a write is done before its storage process is killed");
	newer = write_of(1, 1, 'b');
	send_request(&newer);
	is(status_of(&newer), PROTO_OK, "a newer write to the same block is done as well");
	kill_sp();
	give_back(sp_greet(PROTO_HELLO).ref);
	replay(&older);
	end_replay();
	is(status_of(&older), PROTO_OK,
	   "the successor answers a write that its predecessor has done");
	is(content(1), 'b', "the successor does not write older data over newer data");
	kill(sp_pid, SIGTERM);
	is(sp_wait(), 0, "the successor ends with status 0");
	is(counter("replays="), 1, "the successor counts a request that was sent again");
	is(counter("results="), 1, "the successor counts a result of its predecessor");
	is(counter("writes="), 0, "the successor itself has written nothing");
}

/* An error is a result, too: the NP may have told its client, who acts on it. */
static void test_error(void)
{
	struct request r;

	give_back(sp_connect().ref);
	r = make(2, PROTO_WRITE_ZEROES, 64ULL << 20, BLOCK);
	send_request(&r);
	is(status_of(&r), PROTO_ENOSPC, "a write of zeroes beyond the end of the disk fails");
	kill_sp();
	give_back(sp_greet(PROTO_HELLO).ref);
	replay(&r);
	end_replay();
	is(status_of(&r), PROTO_ENOSPC, "the successor gives the same error");
	kill_sp();
}

/* The messages come in the wrong order, as those of two NPs do. */
static void test_order(void)
{
	struct request first, second, third;

	give_back(sp_greet(PROTO_HELLO).ref);
	first = write_of(0, 2, 'a');
	second = write_of(1, 2, 'b');
	third = write_of(2, 2, 'c');
	replay(&third);
	replay(&first);
	replay(&second);
	ok(!receive_within(&(struct arena_msg){ 0 }, 50),
	   "a successor answers nothing before it has been sent all requests");
	is(content(2), 0, "a successor writes nothing before it has been sent all requests");
	end_replay();
	is(status_of(&first), PROTO_OK, "the successor does the oldest request first");
	is(status_of(&second), PROTO_OK, "the successor does the second oldest request then");
	is(status_of(&third), PROTO_OK, "the successor does the youngest request last");
	is(content(2), 'c', "of three writes to a block the youngest is left");
	kill_sp();
}

/* A request of the same slot that was never done must not be taken for one that was. */
static void test_undone(void)
{
	struct request done, undone;

	give_back(sp_connect().ref);
	done = write_of(3, 3, 'a');
	send_request(&done);
	is(status_of(&done), PROTO_OK, "a write in a slot is done");
	kill_sp();
	give_back(sp_greet(PROTO_HELLO).ref);
	undone = write_of(3, 3, 'b');
	replay(&undone);
	end_replay();
	is(status_of(&undone), PROTO_OK, "a successor answers a later write in the same slot");
	is(content(3), 'b', "a successor does a write of which only the slot is known");
	kill_sp();
}

/* A block that is full of @fill is read, and the data is kept. */
static struct arena_ref read_block(unsigned int block)
{
	struct request r = make(4, PROTO_READ, at_block(block), BLOCK);
	struct proto_reply reply;

	send_request(&r);
	reply = receive_reply();
	if (reply.status || reply.n_refs != 1)
		bail("a read fails");
	return reply.ref[0];
}

static const char *data_at(const struct arena_ref *ref)
{
	return arena_layout_buffer(base, &layout, ref->group, ref->index);
}

static void send_held(struct arena_ref ref)
{
	send_message((struct arena_msg){ .type = PROTO_MESSAGE_HELD, .ref = ref });
}

static void test_held(void)
{
	struct arena_ref kept, other, lie;

	give_back(sp_connect().ref);
	kept = read_block(2);
	kill_sp();
	give_back(sp_greet(PROTO_HELLO).ref);
	send_held(kept);
	lie = kept;
	lie.group = sp_group(PROTO_USE_RECORD);
	send_held(lie);
	lie = kept;
	lie.group = np_group(PROTO_USE_PAYLOAD);
	send_held(lie);
	send_held(kept);
	end_replay();
	other = read_block(3);
	ok(other.index != kept.index, "a successor reads into no extent that is held");
	is(*data_at(&kept), 'c', "the data of an extent that is held is still there");
	lie = kept;
	lie.index += 8;
	send_held(lie);
	give_back(kept);
	give_back(other);
	other = read_block(3);
	ok(other.index == kept.index, "a successor reads into the extent when it was returned");
	kill(sp_pid, SIGTERM);
	is(sp_wait(), 0, "a successor ends with status 0 after some extents were held");
	is(counter("held="), 1, "a successor counts an extent that is held");
	is(counter("bad_messages="), 4, "a successor counts four lies about extents");
}

/* Each request has one extent at most. */
static void test_most_held(void)
{
	uint32_t most = proto_requests(&layout);
	struct arena_ref ref = {
		.group = sp_group(PROTO_USE_DISK), .count = 1, .generation = 1,
	};

	give_back(sp_greet(PROTO_HELLO).ref);
	for (; ref.index <= most; ref.index++)
		send_held(ref);
	end_replay();
	kill(sp_pid, SIGTERM);
	is(sp_wait(), 0, "a successor ends with status 0 after the most extents were held");
	is(counter("held="), most, "a successor takes as many extents that are held as can be");
	is(counter("bad_messages="), 1, "a successor refuses one more extent that is held");
}

static void test_rules(void)
{
	struct request r;

	give_back(sp_greet(PROTO_HELLO).ref);
	r = write_of(0, 4, 'x');
	send_request(&r);
	is(status_of(&r), PROTO_EINVAL, "a new request is refused before the replay has ended");
	end_replay();
	r = write_of(0, 4, 'x');
	replay(&r);
	is(status_of(&r), PROTO_EINVAL, "a replay is refused after the replay has ended");
	is(content(4), 0, "requests that are refused for their time write nothing");
	end_replay();
	r = write_of(0, 4, 'x');
	send_request(&r);
	is(status_of(&r), PROTO_OK, "a new request is done after the replay has ended");
	kill(sp_pid, SIGTERM);
	sp_wait();
	is(counter("bad_messages="), 1, "a second end of the replay is a bad message");
}

/* An NP that does not say that it has sent all is not waited for, and is too late then. */
static void test_too_late(void)
{
	struct request late, in_time;

	give_back(sp_greet(PROTO_HELLO).ref);
	in_time = write_of(0, 5, 'a');
	replay(&in_time);
	is(status_of(&in_time), PROTO_OK, "a successor goes on although the replay does not end");
	ok(log_says("does not say what it has"), "the successor logs that it does not wait");
	late = write_of(1, 5, 'b');
	replay(&late);
	is(status_of(&late), PROTO_EIO, "a write that is sent again too late is refused");
	is(content(5), 'a', "a write that is sent again too late changes nothing");
	kill_sp();
	give_back(sp_greet(PROTO_HELLO).ref);
	replay(&late);
	is(status_of(&late), PROTO_EIO, "the next successor refuses what was too late before");
	is(content(5), 'a', "what was too late before changes nothing");
	late = write_of(2, 5, 'c');
	late.shared->received_ns = UINT64_MAX;
	replay(&late);
	end_replay();
	is(status_of(&late), PROTO_OK,
	   "the next successor does what was complete after the network process was too late");
	is(content(5), 'c', "what was complete later changes the disk");
	kill_sp();
}

int main(int argc, char **argv)
{
	if (argc != 4)
		bail("usage: sp-replay ARENA_SP DISK LOG");
	program = argv[1];
	disk_path = argv[2];
	log_path = argv[3];
	region_make();
	test_done();
	test_error();
	test_order();
	test_undone();
	test_held();
	test_most_held();
	test_rules();
	test_too_late();
	return done_testing();
}
