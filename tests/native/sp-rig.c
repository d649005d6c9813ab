// SPDX-License-Identifier: MIT
/*
 * Goal: a network process cannot harm a storage process or its disk, whatever it sends: bad
 * messages are counted and dropped, and bad requests get an error status. Both processes agree on
 * a version of the protocol, or the storage process logs why they do not.
 * Method: this program is the NP of one arena-sp over a memfd region, whose SP group holds one
 * request of the greatest length and not two.
 *
 *	sp-rig ARENA_SP DISK LOG
 *
 * The disk is a file of 64 MiB in which each 8 bytes hold their own offset.
 */
#include "sp-peer.h"

#define DISK_BYTES	(64ULL << 20)

/* The number of messages that the SP must have dropped. */
static uint64_t bad;

static void test_hello(struct arena_msg m)
{
	struct proto_disk *disk = arena_layout_buffer(base, &layout, m.ref.group, m.ref.index);

	is(m.type, PROTO_MESSAGE_HELLO, "the SP's first message is HELLO");
	is(m.value, PROTO_HELLO, "the SP's HELLO offers the versions that there are");
	is(m.ref.group, sp_group(PROTO_USE_RECORD),
	   "the SP describes its disk in its group of records");
	is(disk->magic == PROTO_DISK_MAGIC, 1, "the description of the disk has the right magic");
	is(disk->bytes, DISK_BYTES, "the description of the disk has the disk's size");
	ok(disk->block_size >= 512 && disk->block_size <= 4096,
	   "the description of the disk has a block size of 512 to 4096 bytes");
	is(disk->flags & ~(PROTO_DISK_DISCARD | PROTO_DISK_WRITE_ZEROES), PROTO_DISK_VOLATILE_CACHE,
	   "the description of a file says that it can be written and has a volatile cache");
	ok(disk->max_bytes && disk->max_bytes % disk->block_size == 0,
	   "the description of the disk says how many whole blocks one operation moves");
	give_back(m.ref);
}

static bool holds(const struct proto_reply *reply, uint64_t offset, uint32_t length)
{
	const struct arena_ref *ref = &reply->ref[0];
	const char *data;

	if (reply->status != PROTO_OK || reply->n_refs != 1 ||
	    ref->group != sp_group(PROTO_USE_DISK) ||
	    ref->count != (offset % 4096 + length + 4095) / 4096)
		return false;
	data = (char *)arena_layout_buffer(base, &layout, ref->group, ref->index) + offset % 4096;
	for (uint64_t i = offset; i < offset + length; i++)
		if (data[i - offset] != (char)((i & ~7ULL) >> 8 * (i % 8)))
			return false;
	return true;
}

static void read_is_right(uint64_t offset, uint32_t length)
{
	struct request r = make(1, PROTO_READ, offset, length);
	struct proto_reply reply;

	send_request(&r);
	reply = receive_reply();
	ok(answers(&r, &reply) && holds(&reply, offset, length),
	   "the SP answers a read of %u bytes at %llu with the disk's bytes", length,
	   (unsigned long long)offset);
	give_back(reply.ref[0]);
}

static void test_reads(void)
{
	read_is_right(0, 4096);
	read_is_right(0, 1);
	read_is_right(4095, 2);
	read_is_right(513, 100000);
	read_is_right(DISK_BYTES - 1, 1);
	read_is_right(DISK_BYTES - 4097, 4097);
	read_is_right(1, PROTO_MAX_BYTES);
}

/* The file has no hole, so it has one part. */
static void test_status(void)
{
	struct request r = make(4, PROTO_BLOCK_STATUS, 4095, 40U << 20);
	static const uint32_t lengths[] = { 1, 4096, 1 << 20, DISK_BYTES };
	struct proto_part part[PROTO_MAX_PARTS];
	struct proto_reply reply;

	send_request(&r);
	reply = receive_reply();
	ok(answers(&r, &reply) && !reply.status && reply.n_refs == 1 && reply.n_parts == 1 &&
	   !proto_parts_receive(part, arena_layout_buffer(base, &layout, reply.ref[0].group,
							  reply.ref[0].index), 1, 40U << 20) &&
	   part[0].length == 40U << 20 && !part[0].flags,
	   "the SP says that a range without a hole is one part of data");
	give_back(reply.ref[0]);
	for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		r = make(5, PROTO_CACHE, 0, lengths[i]);
		send_request(&r);
		reply = receive_reply();
		ok(answers(&r, &reply) && !reply.status && !reply.n_refs,
		   "the SP answers a request to cache %u bytes without data", lengths[i]);
	}
}

static void dropped(struct arena_msg m, const char *what)
{
	struct arena_msg reply;

	send_message(m);
	bad++;
	ok(!receive_within(&reply, 20), "the SP drops %s", what);
}

#define DROPPED(what, right, ...)		\
	do {					\
		struct arena_msg m = right;	\
						\
		__VA_ARGS__;			\
		dropped(m, what);		\
	} while (0)

static void test_bad_messages(void)
{
	struct request r = make(2, PROTO_READ, 0, 8192);

	dropped((struct arena_msg){ .type = 126 }, "a message of type 126");
	dropped((struct arena_msg){ .type = 127 }, "a message of type 127");
	DROPPED("a second HELLO", r.msg, m.type = PROTO_MESSAGE_HELLO);
	DROPPED("REPLIES of a network process", r.msg, m.type = PROTO_MESSAGE_REPLIES);
	DROPPED("REQUESTS of no request", r.msg, m.value = 0);
	DROPPED("REQUESTS of more records than their extent holds", r.msg, m.value = 4);
	DROPPED("REQUESTS of more records than a message may have", r.msg,
		m.value = PROTO_MAX_RECORDS + 1; m.ref.index = 0; m.ref.count = RECORDS);
	DROPPED("REQUESTS in the payload group", r.msg, m.ref.group = np_group(PROTO_USE_PAYLOAD));
	DROPPED("REQUESTS in the SP's own group", r.msg,
		m.ref.group = sp_group(PROTO_USE_DISK));
	DROPPED("REQUESTS in a group that does not exist", r.msg, m.ref.group = 255);
	DROPPED("REQUESTS behind the last buffer of their group", r.msg, m.ref.index = RECORDS);
	DROPPED("REQUESTS at the greatest index", r.msg, m.ref.index = UINT32_MAX);
	DROPPED("REQUESTS in an extent of no buffer", r.msg, m.ref.count = 0);
	DROPPED("REQUESTS in an extent that ends behind its group", r.msg, m.ref.count = RECORDS);
	DROPPED("REQUESTS of generation 0", r.msg, m.ref.generation = 0);
}

static void test_bad_returns(void)
{
	struct request r = make(2, PROTO_READ, 0, 8192);
	struct arena_msg right = { .type = PROTO_MESSAGE_RETURN };
	struct proto_reply reply;

	send_request(&r);
	reply = receive_reply();
	ok(answers(&r, &reply), "the SP answers a good request after bad messages");
	right.ref = reply.ref[0];
	DROPPED("a RETURN with a stale generation", right, m.ref.generation--);
	DROPPED("a RETURN with a generation that has not come yet", right, m.ref.generation++);
	DROPPED("a RETURN of a part of an extent", right, m.ref.count--);
	DROPPED("a RETURN of no buffer", right, m.ref.count = 0);
	DROPPED("a RETURN of an extent that it did not lend", right, m.ref.index++);
	DROPPED("a RETURN at the greatest index", right, m.ref.index = UINT32_MAX);
	DROPPED("a RETURN in the payload group", right, m.ref.group = np_group(PROTO_USE_PAYLOAD));
	DROPPED("a RETURN in the group of records", right,
		m.ref.group = sp_group(PROTO_USE_RECORD));
	DROPPED("a RETURN of an extent that the network process itself lent", r.msg,
		m.type = PROTO_MESSAGE_RETURN);
	send_message(right);
	dropped(right, "the second RETURN of one extent");
}

/* Send three requests in one extent, of which one makes no sense. */
static void test_batch(void)
{
	struct request r = make(0, PROTO_FLUSH, 0, 0);
	struct proto_reply reply[3];
	bool seen[3] = { false };

	for (int i = 0; i < 3; i++) {
		r.shared[i] = r.shared[0];
		r.shared[i].tag = (uint64_t)i;
	}
	r.shared[1].length = 1;
	r.msg.value = 3;
	r.msg.ref.count = 3;
	send_request(&r);
	for (int i = 0; i < 3; i++) {
		reply[i] = receive_reply();
		if (reply[i].tag < 3 &&
		    reply[i].status == (reply[i].tag == 1 ? PROTO_EINVAL : PROTO_OK))
			seen[reply[i].tag] = true;
	}
	ok(seen[0] && seen[1] && seen[2],
	   "each of three requests in one message gets its own reply");
}

static void refused(const struct request *r, uint32_t error, const char *what)
{
	struct proto_reply reply;

	send_request(r);
	reply = receive_reply();
	ok(answers(r, &reply) && !reply.n_refs, "the SP answers %s without data", what);
	is(reply.status, error, "the reply to %s has the status %u", what, error);
}

static void refused_range(uint16_t type, uint64_t offset, uint32_t length, uint32_t error,
			  const char *what)
{
	struct request r = make(3, type, offset, length);

	refused(&r, error, what);
}

static void test_bad_requests(void)
{
	struct request r;

	refused_range(PROTO_READ, 0, 0, PROTO_EINVAL, "a read of nothing");
	refused_range(PROTO_WRITE, 0, 0, PROTO_EINVAL, "a write of nothing");
	refused_range(PROTO_READ, 0, PROTO_MAX_BYTES + 1, PROTO_EINVAL, "a read that is too long");
	refused_range(PROTO_WRITE, 0, PROTO_MAX_BYTES + 1, PROTO_EINVAL,
		      "a write that is too long");
	refused_range(PROTO_READ, 0, UINT32_MAX, PROTO_EINVAL, "a read of 4 GiB");
	refused_range(PROTO_READ, DISK_BYTES, 1, PROTO_EIO, "a read behind the end");
	refused_range(PROTO_READ, DISK_BYTES - 1, 2, PROTO_EIO, "a read across the end");
	refused_range(PROTO_READ, UINT64_MAX, 1, PROTO_EINVAL, "a read at the last offset");
	refused_range(PROTO_READ, UINT64_MAX - 4095, 8192, PROTO_EINVAL, "a read that wraps");
	refused_range(PROTO_WRITE, DISK_BYTES, 1, PROTO_ENOSPC, "a write behind the end");
	refused_range(PROTO_WRITE, DISK_BYTES - 1, 2, PROTO_ENOSPC, "a write across the end");
	refused_range(PROTO_WRITE, UINT64_MAX - 4095, 8192, PROTO_EINVAL, "a write that wraps");
	refused_range(PROTO_DISCARD, DISK_BYTES, 1, PROTO_EIO, "a discard behind the end");
	refused_range(PROTO_WRITE_ZEROES, DISK_BYTES - 1, 2, PROTO_ENOSPC,
		      "a write of zeroes across the end");
	refused_range(PROTO_CACHE, DISK_BYTES - 1, 2, PROTO_EIO,
		      "a request to cache bytes across the end");
	refused_range(PROTO_BLOCK_STATUS, DISK_BYTES, 1, PROTO_EIO,
		      "a request for the block status behind the end");
	refused_range(65535, 0, 4096, PROTO_EINVAL, "a request for an unknown operation");

	r = make(3, PROTO_READ, 0, 4096);
	r.shared->flags = 1U << 7;
	refused(&r, PROTO_EINVAL, "a request with an unknown flag");
	r = make(3, PROTO_WRITE, 0, 4096);
	r.shared->ref[0].group = sp_group(PROTO_USE_DISK);
	refused(&r, PROTO_EINVAL, "a write with its payload in the SP's group");
	r = make(3, PROTO_WRITE, 0, 4096);
	r.shared->ref[0].group = np_group(PROTO_USE_NET);
	refused(&r, PROTO_EINVAL, "a write with its payload in the network group");
	r = make(3, PROTO_WRITE, 0, 4096);
	r.shared->ref[0].index = layout.group[np_group(PROTO_USE_PAYLOAD)].count;
	refused(&r, PROTO_EINVAL, "a write with its payload behind the payload group");
	r = make(3, PROTO_WRITE, 0, 8192);
	r.shared->ref[0].index = layout.group[np_group(PROTO_USE_PAYLOAD)].count - 1;
	refused(&r, PROTO_EINVAL, "a write with its payload across the end of the payload group");
	r = make(3, PROTO_WRITE, 0, 8192);
	r.shared->ref[0].count = 1;
	refused(&r, PROTO_EINVAL, "a write with a payload that is too short");
	r = make(3, PROTO_WRITE, 0, 4096);
	r.shared->ref[0].count = 2;
	refused(&r, PROTO_EINVAL, "a write with a payload that is too long");
	r = make(3, PROTO_WRITE, 4095, 2);
	r.shared->ref[0].count = 1;
	refused(&r, PROTO_EINVAL, "a write whose payload has no room for its last byte");
}

static void test_waiting(void)
{
	struct request first = make(0, PROTO_READ, 0, PROTO_MAX_BYTES);
	struct request second = make(1, PROTO_READ, 4096, PROTO_MAX_BYTES);
	struct request third = make(2, PROTO_READ, 8192, 4096);
	struct request flush = make(3, PROTO_FLUSH, 0, 0);
	struct proto_reply a, b, c;

	send_request(&first);
	a = receive_reply();
	ok(answers(&first, &a), "the SP answers a read that takes nearly all of its buffers");
	send_request(&second);
	send_request(&third);
	ok(!reply_within(&b, 100),
	   "a read for which there are not enough buffers waits, and no later read overtakes it");
	send_request(&flush);
	b = receive_reply();
	ok(answers(&flush, &b) && !b.status && !b.n_refs, "a flush overtakes reads that wait");
	give_back(a.ref[0]);
	b = receive_reply();
	c = receive_reply();
	/* There are buffers for both now, and the disk may end the later one first. */
	if (answers(&third, &b)) {
		a = b;
		b = c;
		c = a;
	}
	ok(answers(&second, &b) && holds(&b, 4096, PROTO_MAX_BYTES),
	   "the first read that waited is answered when buffers are returned");
	ok(answers(&third, &c) && holds(&c, 8192, 4096),
	   "the second read that waited is answered then, too");
	give_back(b.ref[0]);
	give_back(c.ref[0]);
}

/* While nearly all buffers of the SP are taken, as many reads wait as it has requests. */
static void test_too_many(void)
{
	struct request first = make(0, PROTO_READ, 0, PROTO_MAX_BYTES), r;
	struct proto_reply a, b;
	unsigned int n = 0;

	send_request(&first);
	a = receive_reply();
	for (uint16_t i = 0; i < SLOTS; i++) {
		r = make(i, PROTO_READ, 0, PROTO_MAX_BYTES);
		send_request(&r);
	}
	r = make(SLOTS, PROTO_READ, 0, PROTO_MAX_BYTES);
	send_request(&r);
	bad++;
	give_back(a.ref[0]);
	while (reply_within(&b, n < SLOTS ? PATIENCE_MS : 100)) {
		n += !answers(&r, &b);
		give_back(b.ref[0]);
	}
	is(n, SLOTS, "the SP drops the request that exceeds those that the NP may have in flight");
}

/* An NP that does not return replies gets only as many as the SP has buffers for. */
static void test_replies_kept(void)
{
	struct arena_ref kept[RECORDS];
	struct request r;
	struct arena_msg m;

	for (uint16_t i = 0; i < RECORDS; i++) {
		r = make(i, PROTO_FLUSH, 0, 0);
		send_request(&r);
		m = receive();
		copy_replies(&m);
		kept[i] = m.ref;
	}
	next_reply = n_replies;
	for (uint16_t i = 0; i < 3; i++) {
		r = make(i, PROTO_FLUSH, 0, 0);
		send_request(&r);
	}
	ok(!receive_within(&m, 100), "replies wait while the SP has no buffer for them");
	for (unsigned int i = 0; i < RECORDS; i++)
		give_back(kept[i]);
	for (int i = 0; i < 3; i++)
		is(receive_reply().status, PROTO_OK,
		   "a reply that waited comes when buffers return");
}

static bool disk_is_unharmed(void)
{
	static uint64_t data[1 << 16];
	int fd = open(disk_path, O_RDONLY);
	uint64_t at = 0;
	ssize_t n;

	while ((n = read(fd, data, sizeof(data))) > 0)
		for (ssize_t i = 0; i < n / 8; i++, at += 8)
			if (data[i] != at)
				n = -1;
	close(fd);
	return !n && at == DISK_BYTES;
}

static void test_versions(void)
{
	struct request r;

	give_back(sp_connect_as(proto_hello_value(4, 9)).ref);
	r = make(0, PROTO_FLUSH, 0, 0);
	refused(&r, PROTO_OK, "a flush of an NP that speaks versions 4 to 9");
	kill(sp_pid, SIGTERM);
	is(sp_wait(), 0, "the SP ends with status 0 after an NP of versions 4 to 9");
	ok(log_says("protocol version 4\n"),
	   "the SP logs the version that it has in common with an NP of versions 4 to 9");

	sp_connect_as(proto_hello_value(5, 9));
	is(sp_wait(), 1, "the SP ends with status 1 if the NP speaks versions 5 to 9");
	ok(log_says("network process 0 speaks versions 5 to 9 of the protocol, "
		    "and arena-sp 4 to 4"),
	   "the SP logs why it refuses an NP of versions 5 to 9");
	sp_connect_as(proto_hello_value(4, 1));
	is(sp_wait(), 1, "the SP ends with status 1 if the NP says that it speaks versions 4 to 1");
}

/* The SP drops requests that come before the NP's HELLO. */
static void test_no_hello(void)
{
	struct arena_msg m;
	struct request r;

	pair_make();
	sp_start(getpid());
	if (connect_to_sp())
		bail("cannot open a channel");
	r = make(0, PROTO_FLUSH, 0, 0);
	send_message(r.msg);
	ok(!receive_within(&m, 20), "the SP drops a request that comes before the NP's HELLO");
	kill(sp_pid, SIGTERM);
	is(sp_wait(), 0, "the SP ends with status 0 though the NP sent no HELLO");
	is(counter("bad_messages="), 1,
	   "the SP counts a request before the HELLO as a bad message");
}

static void test_stop(void)
{
	struct request first, second;
	struct proto_reply reply;

	give_back(sp_connect().ref);
	first = make(0, PROTO_READ, 0, PROTO_MAX_BYTES);
	second = make(1, PROTO_READ, 0, PROTO_MAX_BYTES);
	send_request(&first);
	receive_reply();
	send_request(&second);
	ok(!reply_within(&reply, 100), "a read waits for buffers when SIGTERM comes");
	kill(sp_pid, SIGTERM);
	reply = receive_reply();
	ok(answers(&second, &reply) && reply.status == PROTO_ESHUTDOWN,
	   "after SIGTERM the SP answers ESHUTDOWN to a read that waits");
	is(sp_wait(), 0, "the SP ends with status 0 after SIGTERM while a read waits");
}

/* The SP does not wait for an NP that returns nothing. */
static void test_stop_without_records(void)
{
	struct request r;

	/* The SP's HELLO takes one of its records. */
	sp_connect();
	for (uint16_t i = 0; i < RECORDS; i++) {
		r = make(i, PROTO_FLUSH, 0, 0);
		send_request(&r);
		if (i < RECORDS - 1)
			receive();
	}
	kill(sp_pid, SIGTERM);
	is(sp_wait(), 0, "the SP ends with status 0 after SIGTERM though a reply has no buffer");
}

static void test_flood(void)
{
	struct arena_msg m = { .type = 99 };

	transport = "msg-ring";
	give_back(sp_connect().ref);
	kill(sp_pid, SIGSTOP);
	for (int i = 0; i < 1000; i++)
		channel_tx_post(&channel->tx, &m);
	channel_tx_submit(&channel->tx);
	kill(sp_pid, SIGCONT);
	is(sp_wait(), 1, "the SP ends with status 1 if the NP sends more messages than agreed");
	transport = "hybrid";
}

/* Another process is the NP, and ends after the HELLO. */
static void test_peer_ends(void)
{
	int go[2], status;
	pid_t np;

	if (pipe(go))
		bail("pipe");
	pair_make();
	np = fork();
	if (!np) {
		void *addr;

		if (read(go[0], &sp_pid, sizeof(sp_pid)) != sizeof(sp_pid) ||
		    mshare_attach(region, &addr) || connect_to_sp())
			_exit(1);
		send_message((struct arena_msg){
			.type = PROTO_MESSAGE_HELLO, .value = PROTO_HELLO,
		});
		receive();
		_exit(0);
	}
	sp_start(np);
	if (write(go[1], &sp_pid, sizeof(sp_pid)) != sizeof(sp_pid))
		bail("pipe");
	waitpid(np, &status, 0);
	ok(WIFEXITED(status) && !WEXITSTATUS(status),
	   "another process connects to the SP as its NP and ends");
	is(sp_wait(), 3, "the SP ends with status 3 when its NP has ended");
}

int main(int argc, char **argv)
{
	if (argc != 4)
		bail("usage: sp-rig ARENA_SP DISK LOG");
	program = argv[1];
	disk_path = argv[2];
	log_path = argv[3];
	region_make();

	test_hello(sp_connect());
	test_reads();
	test_status();
	test_bad_messages();
	test_bad_returns();
	test_batch();
	test_bad_requests();
	test_waiting();
	test_too_many();
	test_replies_kept();
	kill(sp_pid, SIGTERM);
	is(sp_wait(), 0, "the SP ends with status 0 after bad messages and bad requests");
	is(counter("bad_messages="), bad, "the SP counted each bad message");
	is(counter("writes="), 0, "the SP carried out no bad write");
	ok(disk_is_unharmed(), "the disk has its old contents after all bad requests");

	test_versions();
	test_no_hello();
	test_stop();
	test_stop_without_records();
	test_flood();
	test_peer_ends();
	arena_close(arena);
	mshare_close(region);
	return done_testing();
}
