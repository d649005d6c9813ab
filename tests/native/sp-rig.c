// SPDX-License-Identifier: MIT
/*
 * Goal: nothing that a network process says hurts a storage process or its
 * disk: bad messages are counted and dropped, bad requests get an error status.
 * Method: plays the NP of one arena-sp over a memfd region, with an SP group
 * that holds one maximal request and not two.
 *
 *	sp-rig ARENA_SP DISK LOG
 *
 * The disk is a file of 64 MiB in which each 8 bytes hold their own offset.
 */
#include <proto/layout.h>
#include <proto/proto.h>
#include <errno.h>
#include <fcntl.h>
#include <libarena/channel/channel.h>
#include <arena/layout.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tap.h"

#define REGION		"sp-rig"
#define LENGTH		(68ULL << 20)
#define SLOTS		8
#define DISK_BYTES	(64ULL << 20)
#define PATIENCE_MS	10000

static const char *program, *disk_path, *log_path;
static struct mshare *region;
static struct arena *arena;
static char *base;
static struct arena_layout layout;
static struct arena_channel *channel;
static pid_t sp_pid;
static uint16_t generation;
/* Messages that the SP must have dropped. */
static uint64_t bad;

static void send_message(struct arena_msg m)
{
	if (arena_channel_send(channel, &m) || arena_channel_flush(channel))
		bail("cannot send");
}

static bool receive_within(struct arena_msg *m, int ms)
{
	return arena_channel_next(channel, m, ms) == 1;
}

static struct arena_msg receive(void)
{
	struct arena_msg m = { 0 };

	if (!receive_within(&m, PATIENCE_MS))
		bail("the storage process does not answer");
	return m;
}

static void release(struct arena_msg m)
{
	m.type = ARENA_MSG_RELEASE;
	send_message(m);
}

static void sp_start(pid_t np)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", np);
	sp_pid = fork();
	if (!sp_pid) {
		int fd = open(log_path, O_WRONLY | O_CREAT | O_APPEND, 0600);

		dup2(fd, STDERR_FILENO);
		execl(program, "arena-sp", "--region", REGION, "--id", "0", "--disk",
		      disk_path, "--np", text, NULL);
		_exit(127);
	}
}

static int connect_to_sp(void)
{
	const struct arena_channel_options options = {
		.size = sizeof(options),
		.transport = ARENA_CHANNEL_MSG_RING,
		.entries = proto_window(&layout),
		.peer_pid = sp_pid,
		.timeout_ms = PATIENCE_MS,
	};

	return arena_channel_open(arena, PROTO_ROLE_SP(0), &options, &channel);
}

/* Be the NP of a fresh SP, up to its HELLO, which is returned. */
static struct arena_msg sp_connect(void)
{
	int ret;

	sp_start(getpid());
	ret = connect_to_sp();
	if (ret)
		bail("cannot open a channel: %s", strerror(-ret));
	return receive();
}

static int sp_wait(void)
{
	int status;

	waitpid(sp_pid, &status, 0);
	arena_channel_close(channel);
	channel = NULL;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void test_hello(struct arena_msg m)
{
	struct proto_disk *disk = arena_layout_buffer(base, &layout, m.ref.group, m.ref.index);

	is(m.type, ARENA_MSG_HELLO, "first comes HELLO");
	is(m.ref.group, (uint16_t)proto_group_of_sp(&layout, 0), "in the SP's group");
	is(disk->magic == PROTO_DISK_MAGIC, 1, "with the magic");
	is(disk->bytes, DISK_BYTES, "the disk's size");
	ok(disk->block_size >= 512 && disk->block_size <= 4096, "a block size");
	is(disk->flags, 0, "no flags");
	release(m);
}

/* A request that is right; tests change what they want to be wrong. */
struct request {
	struct proto_request *shared;
	struct arena_msg msg;
};

static struct request make(uint16_t slot, uint16_t type, uint64_t offset, uint32_t length)
{
	struct request r = {
		.shared = arena_layout_buffer(base, &layout, PROTO_GROUP_NET, slot),
		.msg = {
			.type = ARENA_MSG_REQUEST,
			.ref.group = PROTO_GROUP_NET,
			.value = slot,
			.ref.index = slot,
			.ref.generation = ++generation,
		},
	};

	memset(r.shared, 0, sizeof(*r.shared));
	r.shared->tag = slot;
	r.shared->operation = type;
	r.shared->offset = offset;
	r.shared->length = length;
	if (type == PROTO_WRITE) {
		r.shared->n_refs = 1;
		r.shared->ref[0] = (struct arena_ref){
			.group = PROTO_GROUP_PAYLOAD,
			.count = (uint16_t)((offset % 4096 + length + 4095) / 4096),
			.generation = 1,
		};
	}
	return r;
}

static bool answers(const struct request *r, const struct arena_msg *m)
{
	return m->type == ARENA_MSG_REPLY && m->value == r->msg.value &&
	       m->ref.generation == r->msg.ref.generation;
}

static bool holds(const struct arena_msg *m, uint64_t offset, uint32_t length)
{
	const char *data = (char *)arena_layout_buffer(base, &layout, m->ref.group, m->ref.index) +
			   offset % 4096;

	for (uint64_t i = offset; i < offset + length; i++)
		if (data[i - offset] != (char)((i & ~7ULL) >> 8 * (i % 8)))
			return false;
	return true;
}

static void read_is_right(uint64_t offset, uint32_t length)
{
	struct request r = make(1, PROTO_READ, offset, length);
	struct arena_msg m;

	send_message(r.msg);
	m = receive();
	ok(answers(&r, &m) && m.ref.group == (uint16_t)proto_group_of_sp(&layout, 0) &&
	   m.ref.count == (offset % 4096 + length + 4095) / 4096 && holds(&m, offset, length),
	   "read %u bytes at %llu", length, (unsigned long long)offset);
	release(m);
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

static void dropped(struct arena_msg m, const char *what)
{
	struct arena_msg reply;

	send_message(m);
	bad++;
	ok(!receive_within(&reply, 20), "dropped: %s", what);
}

static void test_bad_messages(void)
{
	struct request r = make(2, PROTO_READ, 0, 8192);
	struct arena_msg m, back;

	dropped((struct arena_msg){ .type = 126 }, "a message of type 126");
	dropped((struct arena_msg){ .type = 127 }, "a message of type 127");
	dropped((struct arena_msg){ .type = ARENA_MSG_HELLO }, "HELLO");
	dropped((struct arena_msg){ .type = ARENA_MSG_REPLY }, "REPLY");
	m = r.msg;
	m.value = SLOTS;
	dropped(m, "a slot that does not exist");
	m = r.msg;
	m.ref.group = PROTO_GROUP_PAYLOAD;
	dropped(m, "a request in the payload group");
	m.ref.group = (uint16_t)proto_group_of_sp(&layout, 0);
	dropped(m, "a request in the SP's own group");
	m.ref.group = 255;
	dropped(m, "a request in no group");
	m = r.msg;
	m.ref.index = SLOTS;
	dropped(m, "a request in no buffer");
	m.ref.index = UINT32_MAX;
	dropped(m, "a request in the last of all buffers");

	send_message(r.msg);
	m = receive();
	ok(answers(&r, &m), "and a good one is answered");
	m.type = ARENA_MSG_RELEASE;
	back = m;
	back.ref.generation++;
	dropped(back, "RELEASE with a stale generation");
	back = m;
	back.value++;
	dropped(back, "RELEASE for another slot");
	back = m;
	back.ref.count--;
	dropped(back, "RELEASE of a part");
	back = m;
	back.ref.count = 0;
	dropped(back, "RELEASE of nothing");
	back = m;
	back.ref.index++;
	dropped(back, "RELEASE of another run");
	back = m;
	back.ref.index = UINT32_MAX;
	dropped(back, "RELEASE of no buffer");
	back = m;
	back.ref.group = PROTO_GROUP_PAYLOAD;
	dropped(back, "RELEASE in another group");
	send_message(m);
	dropped(m, "RELEASE twice");
}

static void refused(const struct request *r, uint32_t error, const char *what)
{
	struct arena_msg m;

	send_message(r->msg);
	m = receive();
	ok(answers(r, &m) && !m.ref.count, "answered: %s", what);
	is(m.ref.index, error, "with %u", error);
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
	refused_range(PROTO_READ, 0, PROTO_MAX_BYTES + 1, PROTO_EINVAL, "too long a read");
	refused_range(PROTO_WRITE, 0, PROTO_MAX_BYTES + 1, PROTO_EINVAL, "too long a write");
	refused_range(PROTO_READ, 0, UINT32_MAX, PROTO_EINVAL, "an absurd read");
	refused_range(PROTO_READ, DISK_BYTES, 1, PROTO_EINVAL, "a read behind the end");
	refused_range(PROTO_READ, DISK_BYTES - 1, 2, PROTO_EINVAL, "a read across the end");
	refused_range(PROTO_READ, UINT64_MAX, 1, PROTO_EINVAL, "a read at the last offset");
	refused_range(PROTO_READ, UINT64_MAX - 4095, 8192, PROTO_EINVAL, "a read that wraps");
	refused_range(PROTO_WRITE, DISK_BYTES, 1, PROTO_ENOSPC, "a write behind the end");
	refused_range(PROTO_WRITE, DISK_BYTES - 1, 2, PROTO_ENOSPC, "a write across the end");
	refused_range(PROTO_WRITE, UINT64_MAX - 4095, 8192, PROTO_EINVAL, "a write that wraps");
	refused_range(PROTO_DISCARD, 0, 4096, PROTO_ENOTSUP, "a discard");
	refused_range(PROTO_BLOCK_STATUS, 0, 4096, PROTO_ENOTSUP, "a block status");
	refused_range(65535, 0, 4096, PROTO_EINVAL, "an unknown operation");

	r = make(3, PROTO_READ, 0, 4096);
	r.shared->flags = 1U << 3;
	refused(&r, PROTO_EINVAL, "an unknown flag");
	r = make(3, PROTO_READ, 0, 4096);
	r.shared->reserved = 1;
	refused(&r, PROTO_EINVAL, "a reserved byte");
	r = make(3, PROTO_WRITE, 0, 4096);
	r.shared->ref[0].group = (uint16_t)proto_group_of_sp(&layout, 0);
	refused(&r, PROTO_EINVAL, "a payload in the SP's group");
	r = make(3, PROTO_WRITE, 0, 4096);
	r.shared->ref[0].group = PROTO_GROUP_NET;
	refused(&r, PROTO_EINVAL, "a payload in the network group");
	r = make(3, PROTO_WRITE, 0, 4096);
	r.shared->ref[0].index = layout.group[PROTO_GROUP_PAYLOAD].count;
	refused(&r, PROTO_EINVAL, "a payload behind the group");
	r = make(3, PROTO_WRITE, 0, 8192);
	r.shared->ref[0].index = layout.group[PROTO_GROUP_PAYLOAD].count - 1;
	refused(&r, PROTO_EINVAL, "a payload across the group's end");
	r = make(3, PROTO_WRITE, 0, 8192);
	r.shared->ref[0].count = 1;
	refused(&r, PROTO_EINVAL, "too short a payload");
	r = make(3, PROTO_WRITE, 0, 4096);
	r.shared->ref[0].count = 2;
	refused(&r, PROTO_EINVAL, "too long a payload");
	r = make(3, PROTO_WRITE, 4095, 2);
	r.shared->ref[0].count = 1;
	refused(&r, PROTO_EINVAL, "a payload that forgets where it begins");
}

static void test_waiting(void)
{
	struct request first = make(0, PROTO_READ, 0, PROTO_MAX_BYTES);
	struct request second = make(1, PROTO_READ, 4096, PROTO_MAX_BYTES);
	struct request third = make(2, PROTO_READ, 8192, 4096);
	struct request flush = make(3, PROTO_FLUSH, 0, 0);
	struct arena_msg a, b, c;

	send_message(first.msg);
	a = receive();
	ok(answers(&first, &a), "a first read takes nearly all buffers");
	send_message(second.msg);
	send_message(third.msg);
	ok(!receive_within(&b, 100), "a second waits, and none overtakes it");
	dropped(second.msg, "a request in a slot that has one");
	send_message(flush.msg);
	b = receive();
	ok(answers(&flush, &b) && !b.ref.index && !b.ref.count, "a flush needs no buffer");
	release(a);
	b = receive();
	ok(answers(&second, &b) && holds(&b, 4096, PROTO_MAX_BYTES), "then the second");
	c = receive();
	ok(answers(&third, &c) && holds(&c, 8192, 4096), "then the third");
	release(b);
	release(c);
}

/* The value of @key in the last line of counters. */
static unsigned long long counter(const char *key)
{
	static char text[1 << 16];
	int fd = open(log_path, O_RDONLY);
	ssize_t n = read(fd, text, sizeof(text) - 1);
	char *at = NULL;

	close(fd);
	text[n > 0 ? n : 0] = '\0';
	for (char *p = text; (p = strstr(p, key)); p++)
		at = p;
	return at ? strtoull(at + strlen(key), NULL, 10) : ~0ULL;
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

static void test_stop(void)
{
	struct request first, second;
	struct arena_msg m;

	release(sp_connect());
	first = make(0, PROTO_READ, 0, PROTO_MAX_BYTES);
	second = make(1, PROTO_READ, 0, PROTO_MAX_BYTES);
	send_message(first.msg);
	receive();
	send_message(second.msg);
	ok(!receive_within(&m, 100), "a request waits");
	kill(sp_pid, SIGTERM);
	m = receive();
	ok(answers(&second, &m) && m.ref.index == PROTO_ESHUTDOWN, "SIGTERM: it is told so");
	is(sp_wait(), 0, "SIGTERM: status");
}

static void test_flood(void)
{
	struct arena_msg m = { .type = 99 };

	release(sp_connect());
	kill(sp_pid, SIGSTOP);
	for (int i = 0; i < 1000; i++)
		channel_tx_post(&channel->tx, &m);
	channel_tx_submit(&channel->tx);
	kill(sp_pid, SIGCONT);
	is(sp_wait(), 1, "more messages than agreed: the SP gives up");
}

/* The NP is a process that goes away after the HELLO. */
static void test_peer_ends(void)
{
	int go[2], status;
	pid_t np;

	if (pipe(go))
		bail("pipe");
	np = fork();
	if (!np) {
		void *addr;

		if (read(go[0], &sp_pid, sizeof(sp_pid)) != sizeof(sp_pid) ||
		    mshare_attach(region, &addr) || connect_to_sp())
			_exit(1);
		receive();
		_exit(0);
	}
	sp_start(np);
	if (write(go[1], &sp_pid, sizeof(sp_pid)) != sizeof(sp_pid))
		bail("pipe");
	waitpid(np, &status, 0);
	ok(WIFEXITED(status) && !WEXITSTATUS(status), "an NP comes and goes");
	is(sp_wait(), 3, "the SP follows");
}

static void region_make(void)
{
	const struct mshare_options o = {
		.backend = MSHARE_BACKEND_MEMFD,
		.length = LENGTH,
		.page_size = 4096,
		.size = sizeof(o),
		.mode = 0600,
	};
	struct arena_config config;
	void *addr;

	proto_config_init(&config, LENGTH, &(struct proto_counts){ 1, 1, SLOTS });
	if (mshare_create(REGION, &o, &region) || mshare_populate(region, 0, LENGTH) ||
	    mshare_attach(region, &addr) || arena_layout_make(&layout, &config))
		bail("cannot make a region");
	base = addr;
	arena_layout_write(base, &layout);
	if (arena_open_region(region, PROTO_ROLE_NP(0), &arena))
		bail("cannot take the role of the network process");
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
	test_bad_messages();
	test_bad_requests();
	test_waiting();
	kill(sp_pid, SIGTERM);
	is(sp_wait(), 0, "SIGTERM: status");
	is(counter("bad_messages="), bad, "each bad message was counted");
	is(counter("writes="), 0, "no bad write was carried out");
	ok(disk_is_unharmed(), "the disk is unharmed");

	test_stop();
	test_flood();
	test_peer_ends();
	arena_close(arena);
	mshare_close(region);
	return done_testing();
}
