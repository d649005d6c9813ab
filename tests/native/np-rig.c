// SPDX-License-Identifier: MIT
/*
 * A rig for arena-np alone: it makes a memfd region, plays the storage processes over disks in
 * memory, runs arena-np and ends with the exit status of arena-np.
 *
 *	np-rig [--sps N] [--disk BYTES] [--slots N] [--memory BYTES] [--readonly]
 *	       [--versions OLDEST,NEWEST] [--mode MODE] arena-np [OPTION...]
 *
 * On SIGUSR2 the rig plays the successor to which arena-np hands its connections over, and asks
 * arena-np to end when it has not yet heard that they are taken. At the end of arena-np it says
 * "given" if arena-np has given them, and "whole" if the last one was not shut down.
 *
 * The channels are HYBRID, but for the mode flood, in which they are MSG_RING. The rig adds
 * what arenad gives its processes; the exports are called d0, d1 and so on. The SPs offer the
 * versions of the protocol that --versions gives. The mode says what SP 0 does wrong:
 *
 *	plain	it does nothing wrong
 *	liar	it sends bad messages and bad records of every kind before each good one
 *	die	it ends at the 100th request
 *	flood	it sends more messages than the mailbox holds at the 100th request
 *	batch	it collects requests for a while and answers them all at once
 *	reverse	it collects requests for a while and answers the last one first
 *	hang	it answers no request from the 100th on
 *	held	arena-np is to have had a predecessor, of whose payload the SP claims all that there
 *		is, and more than it then names
 *	noted	arena-np is to have had a predecessor, which has noted of nearly all of its payload
 *		that SP 1 has it, and of the rest an SP that there is not; SP 1 has none. It stops
 *		before it says HELLO
 *	late	it fails each WRITE, and keeps the payload until it has KEPT others; it also returns
 *		payload that it has not kept
 */
#define _GNU_SOURCE
#include <arena/arena.h>
#include <control/handoff.h>
#include <errno.h>
#include <getopt.h>
#include <libarena/channel/channel.h>
#include <mshare.h>
#include <poll.h>
#include <proto/layout.h>
#include <proto/record.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "inherit.h"

#define REGION		"np-rig"
#define MISCHIEF_AT	100
#define REVERSE_USEC	2000
#define BACKLOG		4096
#define KEPT		8U
#define PATIENCE_MS	20000

struct rig {
	unsigned int n_sps;
	uint64_t disk_bytes;
	uint32_t slots;
	uint64_t memory;
	const char *mode;
	bool is_readonly;
	uint16_t hello;
	struct inherit_pair pair[PROTO_MAX_SPS];
};

struct sp {
	const struct rig *rig;
	unsigned int id;
	bool is_first;
	uint8_t *base;
	uint8_t *disk;
	struct arena *arena;
	struct arena_layout layout;
	struct arena_channel *channel;
	unsigned int n_requests;
	struct proto_request backlog[BACKLOG];
	unsigned int n_backlog;
	struct proto_reply batch[PROTO_MAX_RECORDS];
	unsigned int n_batch;
	struct arena_ref kept[KEPT];
	unsigned int n_kept;
};

/* All processes of the rig share this, because the SPs are started before the NP. */
static pid_t *np_pid;
/* The rig's end of the NP's control socket. */
static int np_control;
static volatile sig_atomic_t wants_successor;

/* The SP's group for data of READs. */
static uint16_t group_of(const struct sp *sp)
{
	return (uint16_t)proto_group_of_sp(&sp->layout, sp->id, 0, PROTO_USE_DISK);
}

static uint16_t records_of(const struct sp *sp)
{
	return (uint16_t)proto_group_of_sp(&sp->layout, sp->id, 0, PROTO_USE_RECORD);
}

static uint16_t np_group(const struct sp *sp, enum proto_use use)
{
	return (uint16_t)proto_group_of_np(&sp->layout, 0, use);
}

static void die(const char *what, int err)
{
	fprintf(stderr, "np-rig: %s: %s\n", what, strerror(-err));
	exit(99);
}

static bool is_mode(const struct rig *rig, const char *mode)
{
	return !strcmp(rig->mode, mode);
}

static bool has_mode(const struct sp *sp, const char *mode)
{
	return sp->is_first && is_mode(sp->rig, mode);
}

static void send_msg(struct sp *sp, struct arena_msg msg)
{
	int ret;

	/* Lies take room in the channel, too, so there may be none for a while. */
	while ((ret = arena_channel_send(sp->channel, &msg)) == -EAGAIN)
		usleep(50);
	if (!ret)
		ret = arena_channel_flush(sp->channel);
	if (ret && ret != -EPIPE && ret != -EOWNERDEAD)
		die("send", ret);
}

static void take_all(struct sp *sp);

static struct arena_ref lend(struct sp *sp, struct arena_buf b)
{
	struct arena_ref ref;
	int ret = arena_lend(sp->arena, b, PROTO_ROLE_NP(0), &ref);

	if (ret)
		die("lend", ret);
	return ref;
}

/* Copy records of the rig into an extent and lend it. */
static struct arena_ref put_records(struct sp *sp, const void *records, uint32_t n, size_t size)
{
	struct arena_buf b;

	/* Lies take buffers, too, so there may be none for a while. */
	while (arena_get_for(sp->arena, PROTO_USE_RECORD, n, &b)) {
		arena_channel_flush(sp->channel);
		usleep(50);
		take_all(sp);
	}
	memcpy(arena_ptr(sp->arena, b), records, n * size);
	return lend(sp, b);
}

static struct arena_msg make_replies(struct sp *sp, const struct proto_reply *r, uint32_t n)
{
	return (struct arena_msg){
		.type = PROTO_MESSAGE_REPLIES,
		.value = (uint16_t)n,
		.ref = put_records(sp, r, n, sizeof(*r)),
	};
}

static void send_reply(struct sp *sp, const struct proto_reply *r)
{
	send_msg(sp, make_replies(sp, r, 1));
}

/* Send messages that name no valid records. The right one follows. */
static void lie_in_messages(struct sp *sp, const struct arena_msg *right)
{
	struct arena_msg m;

#define LIE(...) do { m = *right; __VA_ARGS__; send_msg(sp, m); } while (0)
	LIE(m.type = 76);
	LIE(m.type = 77);
	LIE(m.type = PROTO_MESSAGE_HELLO);
	LIE(m.type = PROTO_MESSAGE_REQUESTS);
	LIE(m.type = PROTO_MESSAGE_RETURN);
	LIE(m.value = 0);
	LIE(m.value = 2);
	LIE(m.value = UINT16_MAX);
	LIE(m.ref.generation = 0);
	LIE(m.ref.count = 0);
	LIE(m.ref.count = UINT16_MAX);
	LIE(m.ref.index = UINT32_MAX);
	LIE(m.ref.index = sp->layout.group[m.ref.group].count);
	LIE(m.ref.group = np_group(sp, PROTO_USE_NET));
	LIE(m.ref.group = np_group(sp, PROTO_USE_RECORD));
	LIE(m.ref.group = np_group(sp, PROTO_USE_PAYLOAD));
	LIE(m.ref.group = group_of(sp));
	LIE(m.ref.group = 255);
	if (sp->rig->n_sps > 1)
		LIE(m.ref.group = (uint16_t)proto_group_of_sp(&sp->layout, 1, 0, PROTO_USE_RECORD));
#undef LIE
}

/* Send records that do not fit the request. */
static void lie_in_records(struct sp *sp, const struct proto_reply *right)
{
	struct proto_reply r;

#define LIE(...) do { r = *right; __VA_ARGS__; send_reply(sp, &r); } while (0)
	LIE(r.tag += 1ULL << 32);
	LIE(r.tag -= 1ULL << 32);
	LIE(r.tag ^= 1ULL << 63);
	LIE(r.tag |= UINT32_MAX);
	LIE(r.tag = (r.tag & ~(uint64_t)UINT32_MAX) | (sp->rig->slots - 1));
	LIE(r.status = 3);
	LIE(r.status = UINT32_MAX);
	LIE(r.status = PROTO_EIO; r.n_refs = 1);
	LIE(r.flags = 2);
	LIE(r.status = PROTO_OK; r.flags = PROTO_REPLY_KEPT);
	LIE(r.n_refs = 2);
	LIE(r.n_refs = UINT16_MAX);
	LIE(r.n_refs = !r.n_refs);
	LIE(r.ref[PROTO_MAX_REFS - 1].count = 1);
	LIE(r.bytes = right->bytes ? 0 : 1);
	LIE(r.bytes = UINT64_MAX);
	LIE(r.bytes = 1; r.status = PROTO_EIO);
	LIE(r.zeroes_before = UINT32_MAX; r.zeroes_after = 1);
	LIE(r.zeroes_after = UINT32_MAX);
	LIE(r.n_parts = right->n_parts ? 0 : 1);
	LIE(r.n_parts = PROTO_MAX_PARTS + 1);
	LIE(r.n_parts = UINT32_MAX);
	if (right->n_refs) {
		LIE(r.n_refs = 2; r.ref[1] = r.ref[0]);
		LIE(r.n_refs = 0; r.ref[0] = (struct arena_ref){ 0 });
		LIE(r.ref[0].count++);
		LIE(r.ref[0].count--);
		LIE(r.ref[0].generation = 0);
		LIE(r.ref[0].reserved = 1);
		LIE(r.ref[0].group = np_group(sp, PROTO_USE_NET));
		LIE(r.ref[0].group = np_group(sp, PROTO_USE_PAYLOAD));
		LIE(r.ref[0].group = records_of(sp));
		LIE(r.ref[0].group = 255);
		LIE(r.ref[0].index = UINT32_MAX);
		LIE(r.ref[0].index = sp->layout.group[group_of(sp)].count - r.ref[0].count + 1);
		if (sp->rig->n_sps > 1)
			LIE(r.ref[0].group = (uint16_t)proto_group_of_sp(&sp->layout, 1, 0,
									 PROTO_USE_DISK));
	}
#undef LIE
}

static void send_batch(struct sp *sp)
{
	struct arena_msg m;

	if (!sp->n_batch)
		return;
	m = make_replies(sp, sp->batch, sp->n_batch);
	sp->n_batch = 0;
	send_msg(sp, m);
}

static void reply(struct sp *sp, const struct proto_reply *r)
{
	struct arena_msg m;

	if (has_mode(sp, "batch")) {
		sp->batch[sp->n_batch++] = *r;
		if (sp->n_batch == PROTO_MAX_RECORDS)
			send_batch(sp);
		return;
	}
	if (has_mode(sp, "liar"))
		lie_in_records(sp, r);
	m = make_replies(sp, r, 1);
	if (has_mode(sp, "liar"))
		lie_in_messages(sp, &m);
	send_msg(sp, m);
	/* A liar sends the reply twice: the second one finds the request in another state. */
	if (has_mode(sp, "liar"))
		send_reply(sp, r);
}

static uint8_t *get_buffers(struct sp *sp, uint32_t count, struct proto_reply *answer)
{
	struct arena_buf b;
	uint8_t *to;

	if (arena_get_for(sp->arena, PROTO_USE_DISK, count, &b))
		return NULL;
	to = arena_ptr(sp->arena, b);
	answer->n_refs = 1;
	answer->ref[0] = lend(sp, b);
	return to;
}

/* The disk in memory has no holes, so zeroes of a READ's range take their place. */
static uint32_t count_zeroes(const uint8_t *at, uint32_t length, int step)
{
	uint32_t n = 0;

	while (n < length && !*at) {
		at += step;
		n++;
	}
	return n;
}

static bool serve_read(struct sp *sp, const struct proto_request *r, uint32_t count,
		       struct proto_reply *answer)
{
	const uint8_t *from = sp->disk + r->offset;
	uint32_t length = (uint32_t)r->length;
	uint8_t *to;

	if (r->flags & PROTO_FLAG_HOLES)
		answer->zeroes_before = count_zeroes(from, length, 1);
	if (answer->zeroes_before == length)
		return true;
	if (r->flags & PROTO_FLAG_HOLES)
		answer->zeroes_after = count_zeroes(from + length - 1, length, -1);
	to = get_buffers(sp, count, answer);
	if (!to)
		return false;
	to += r->offset % PROTO_DISK_BUFFER;
	/* No client may see these bytes. */
	memset(to, 0xee, length);
	memcpy(to + answer->zeroes_before, from + answer->zeroes_before,
	       length - answer->zeroes_before - answer->zeroes_after);
	return true;
}

/* Tell blocks of zeroes from others. */
static bool serve_status(struct sp *sp, const struct proto_request *r, struct proto_reply *answer)
{
	struct proto_part *part = (struct proto_part *)get_buffers(sp, 1, answer);
	uint32_t most = r->flags & PROTO_FLAG_ONE ? 1 : PROTO_MAX_PARTS, n = 0;
	uint64_t at = r->offset, end = r->offset + r->length;

	if (!part)
		return false;
	while (at < end && n < most) {
		uint64_t block = (at | 4095) + 1 < end ? (at | 4095) + 1 : end;
		uint32_t length = (uint32_t)(block - at);
		bool is_zero = count_zeroes(sp->disk + at, length, 1) == length;

		part[n++] = (struct proto_part){
			.length = length,
			.flags = is_zero ? PROTO_PART_HOLE | PROTO_PART_ZERO : 0,
		};
		at = block;
	}
	answer->n_parts = n;
	return true;
}

static void serve_write(struct sp *sp, const struct proto_request *r, uint32_t count)
{
	if (r->n_refs != 1 || r->ref[0].count != count ||
	    !arena_layout_has(&sp->layout, r->ref[0].group, r->ref[0].index, count))
		die("payload run", -EINVAL);
	memcpy(sp->disk + r->offset,
	       (uint8_t *)arena_layout_buffer(sp->base, &sp->layout, r->ref[0].group,
					      r->ref[0].index) + r->offset % PROTO_DISK_BUFFER,
	       r->length);
}

static void return_payload(struct sp *sp, const struct arena_ref *ref)
{
	send_msg(sp, (struct arena_msg){ .type = PROTO_MESSAGE_RETURN, .ref = *ref });
}

/* Return the payload that was kept longest, twice, and keep this one. */
static void keep_payload(struct sp *sp, const struct proto_request *r)
{
	struct arena_ref *oldest = &sp->kept[sp->n_kept++ % KEPT];

	if (sp->n_kept > KEPT) {
		return_payload(sp, oldest);
		return_payload(sp, oldest);
	}
	*oldest = r->ref[0];
}

static void fail_write(struct sp *sp, const struct proto_request *r, struct proto_reply *answer)
{
	return_payload(sp, &r->ref[0]);
	answer->status = PROTO_EIO;
	answer->flags = PROTO_REPLY_KEPT;
}

/* Return: false if there is no room for the data now. */
static bool serve(struct sp *sp, const struct proto_request *r)
{
	struct proto_reply answer = { .tag = r->tag };
	uint32_t within = (uint32_t)(r->offset % PROTO_DISK_BUFFER);
	uint32_t count = (uint32_t)((within + r->length + PROTO_DISK_BUFFER - 1) /
				    PROTO_DISK_BUFFER);

	if (r->offset + r->length > sp->rig->disk_bytes)
		die("arena-np let a request outside the disk pass", -ERANGE);
	switch (r->operation) {
	case PROTO_WRITE:
		serve_write(sp, r, count);
		if (has_mode(sp, "late"))
			fail_write(sp, r, &answer);
		break;
	case PROTO_READ:
		if (!serve_read(sp, r, count, &answer))
			return false;
		break;
	case PROTO_BLOCK_STATUS:
		if (!serve_status(sp, r, &answer))
			return false;
		break;
	case PROTO_DISCARD:
	case PROTO_WRITE_ZEROES:
		if (r->flags & PROTO_FLAG_FAST)
			answer.status = PROTO_ENOTSUP;
		else
			memset(sp->disk + r->offset, 0, r->length);
		break;
	case PROTO_OPEN:
		answer.bytes = sp->rig->disk_bytes;
		break;
	default:
		break;
	}
	reply(sp, &answer);
	if (answer.flags & PROTO_REPLY_KEPT)
		keep_payload(sp, r);
	return true;
}

static void misbehave(struct sp *sp)
{
	if (sp->n_requests < MISCHIEF_AT)
		return;
	if (has_mode(sp, "die"))
		_exit(0);
	if (has_mode(sp, "hang"))
		pause();
	if (has_mode(sp, "flood") && sp->n_requests == MISCHIEF_AT) {
		struct arena_msg junk = { .type = 99 };

		/* If arena-np ran, it might take the messages as fast as they come. */
		kill(*np_pid, SIGSTOP);
		for (unsigned int i = 0; i < 200000; i++)
			channel_tx_post(&sp->channel->tx, &junk);
		channel_tx_submit(&sp->channel->tx);
		kill(*np_pid, SIGCONT);
		/* The kernel refuses some of the flood, so this channel may have ended. */
		pause();
	}
}

/* A liar returns extents that it does not have, and returns twice those that it has. */
static void return_requests(struct sp *sp, const struct arena_msg *msg)
{
	struct arena_msg m = { .type = PROTO_MESSAGE_RETURN, .ref = msg->ref };

	if (!has_mode(sp, "liar")) {
		send_msg(sp, m);
		return;
	}
#define LIE(...) do { struct arena_msg l = m; __VA_ARGS__; send_msg(sp, l); } while (0)
	LIE(l.ref.generation++);
	LIE(l.ref.generation = 0);
	LIE(l.ref.count = 0);
	LIE(l.ref.count++);
	LIE(l.ref.index = UINT32_MAX);
	LIE(l.ref.group = np_group(sp, PROTO_USE_PAYLOAD));
	LIE(l.ref.group = np_group(sp, PROTO_USE_NET));
	LIE(l.ref.group = records_of(sp));
	send_msg(sp, m);
	LIE((void)l);
#undef LIE
}

static void take_request(struct sp *sp, const void *shared, size_t nth)
{
	if (sp->n_backlog == BACKLOG)
		die("too many requests", -EPROTO);
	sp->n_requests++;
	misbehave(sp);
	if (proto_request_receive(&sp->backlog[sp->n_backlog], shared, nth))
		die("arena-np wrote a request that makes no sense", -EPROTO);
	sp->n_backlog++;
}

static void take_requests(struct sp *sp, const struct arena_msg *msg)
{
	const void *shared = arena_layout_buffer(sp->base, &sp->layout, msg->ref.group,
						 msg->ref.index);

	if (msg->ref.group != np_group(sp, PROTO_USE_RECORD) ||
	    !proto_records_fit(msg, (size_t)msg->ref.count * PROTO_RECORD_BUFFER,
			       sizeof(struct proto_request)))
		die("unexpected message", -EPROTO);
	for (size_t i = 0; i < msg->value; i++)
		take_request(sp, shared, i);
	return_requests(sp, msg);
}

static void regain(struct sp *sp, const struct arena_ref *ref)
{
	struct arena_buf b;

	if (arena_regain(sp->arena, PROTO_ROLE_NP(0), ref, &b) || arena_put(sp->arena, b))
		die("arena-np returned what it does not have", -EINVAL);
}

static void take(struct sp *sp, const struct arena_msg *msg)
{
	switch (msg->type) {
	case PROTO_MESSAGE_HELLO:
		if (msg->value != PROTO_HELLO)
			die("versions", -EPROTO);
		break;
	case PROTO_MESSAGE_REQUESTS:
		take_requests(sp, msg);
		break;
	case PROTO_MESSAGE_RETURN:
		regain(sp, &msg->ref);
		break;
	case PROTO_MESSAGE_REPLAYED:
		break;
	default:
		die("unexpected message", -EPROTO);
	}
}

static void take_all(struct sp *sp)
{
	struct arena_msg msg;
	int ret;

	while ((ret = arena_channel_recv(sp->channel, &msg)) > 0)
		take(sp, &msg);
	/* arena-np has ended: wait until the rig ends this process. */
	if (ret == -EPIPE || ret == -EOWNERDEAD)
		pause();
	if (ret < 0)
		die("own mailbox", ret);
}

static void work(struct sp *sp)
{
	unsigned int left = 0;

	if (has_mode(sp, "batch") && sp->n_backlog)
		usleep(REVERSE_USEC);
	if (has_mode(sp, "reverse") && sp->n_backlog) {
		usleep(REVERSE_USEC);
		while (sp->n_backlog &&
		       serve(sp, &sp->backlog[sp->n_backlog - 1]))
			sp->n_backlog--;
		return;
	}
	for (unsigned int i = 0; i < sp->n_backlog; i++)
		if (left || !serve(sp, &sp->backlog[i]))
			sp->backlog[left++] = sp->backlog[i];
	sp->n_backlog = left;
	send_batch(sp);
}

/* A predecessor of the NP has lent nothing. */
static void claim_all(struct sp *sp)
{
	uint16_t group = np_group(sp, PROTO_USE_PAYLOAD);
	uint32_t n = sp->layout.group[group].count;

	for (uint32_t i = 0; i < n; i += n / 8)
		send_msg(sp, (struct arena_msg){
			.type = PROTO_MESSAGE_HELD,
			.ref = { .group = group, .index = i, .count = (uint16_t)(n / 8),
				 .generation = 1 },
		});
}

static void hello(struct sp *sp)
{
	const struct proto_disk d = {
		.magic = PROTO_DISK_MAGIC,
		.bytes = sp->rig->disk_bytes,
		.block_size = 512,
		.flags = sp->rig->is_readonly ? PROTO_DISK_READONLY :
			 PROTO_DISK_DISCARD | PROTO_DISK_WRITE_ZEROES | PROTO_DISK_ROTATIONAL,
		.max_bytes = PROTO_MAX_BYTES,
		.atomic_bytes = 512,
		.discard_granularity = sp->rig->is_readonly ? 0 : 512,
		.n_held = has_mode(sp, "held") ? 100 : 0,
	};

	if (sp->id == 1 && is_mode(sp->rig, "noted"))
		raise(SIGSTOP);
	send_msg(sp, (struct arena_msg){
		.type = PROTO_MESSAGE_HELLO,
		.value = sp->rig->hello,
		.ref = put_records(sp, &d, 1, sizeof(d)),
	});
	if (d.n_held)
		claim_all(sp);
}

static bool is_msg_ring(const struct rig *rig)
{
	return is_mode(rig, "flood");
}

static enum arena_channel_transport transport_of(const struct rig *rig)
{
	return is_msg_ring(rig) ? ARENA_CHANNEL_MSG_RING : ARENA_CHANNEL_HYBRID;
}

/* An NP that has had a predecessor is in a later epoch. */
static uint32_t epoch_of(const struct rig *rig)
{
	return is_mode(rig, "held") || is_mode(rig, "noted") ? 2 : 1;
}

static void open_sp(struct sp *sp, struct mshare *m)
{
	const struct arena_channel_end end = inherit_sp(&sp->rig->pair[sp->id]);
	/* The rig ends its SPs when the NP has ended. */
	const struct arena_channel_options options = {
		.size = sizeof(options),
		.transport = transport_of(sp->rig),
		.entries = proto_window(proto_requests(&sp->layout)),
		.end = &end,
		.epoch = epoch_of(sp->rig),
		.timeout_ms = 10000,
	};
	int ret = arena_open_region(m, PROTO_ROLE_SP(sp->id), &sp->arena);

	if (ret)
		die("open", ret);
	sp->base = arena_base(sp->arena);
	sp->disk = mmap(NULL, sp->rig->disk_bytes, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (sp->disk == MAP_FAILED)
		die("start of an SP", -ENOMEM);
	ret = arena_channel_open(sp->arena, PROTO_ROLE_NP(0), &options, &sp->channel);
	if (ret)
		die("channel", ret);
}

static void sp_main(struct sp *sp, struct mshare *m)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	open_sp(sp, m);
	hello(sp);
	for (;;) {
		unsigned int had = sp->n_requests;

		take_all(sp);
		if (sp->n_backlog)
			work(sp);
		if (had == sp->n_requests)
			usleep(50);
	}
}

static pid_t start_sp(const struct rig *rig, unsigned int id, struct mshare *m,
		      const struct arena_layout *layout)
{
	static struct sp sp;
	pid_t pid = fork();

	if (pid)
		return pid;
	sp.rig = rig;
	sp.id = id;
	sp.is_first = id == 0;
	sp.layout = *layout;
	sp_main(&sp, m);
	_exit(0);
}

/* Wrong notes that a predecessor of arena-np may have left, if somebody had taken it over. */
static void write_note(void *base, const struct arena_layout *l)
{
	uint32_t group = (uint32_t)proto_group_of_np(l, 0, PROTO_USE_LENT);
	uint8_t *to = arena_layout_buffer(base, l, group, 0);

	memset(to, 2, l->group[group].count * (size_t)l->group[group].buffer_size);
	memset(to, 200, 16);
}

static void forward(int signo)
{
	if (*np_pid > 0)
		kill(*np_pid, signo);
}

static void call_successor(int signo)
{
	(void)signo;
	wants_successor = 1;
}

/* Call the NP's successor. Return: the successor's end of the socket. */
static int begin_handoff(void)
{
	const struct control_message m = { .type = CONTROL_HANDOFF };
	union handoff_any ready = { .ready = {
		.head.type = HANDOFF_READY, .oldest = HANDOFF_VERSION_OLDEST,
		.newest = HANDOFF_VERSION_NEWEST, .hello = PROTO_HELLO,
	} };
	int ends[2], ret = handoff_open(ends);

	if (!ret)
		ret = control_socket_send(np_control, &m, ends[0]);
	if (!ret)
		ret = handoff_send(ends[1], &ready, NULL, 0, -1);
	if (ret)
		die("the beginning of the handoff", ret);
	close(ends[0]);
	return ends[1];
}

/* Return: the last connection of those that come. */
static int take_connections(int fd)
{
	static struct handoff_message m;
	int passed = -1;

	do {
		int ret = handoff_await(fd, &m, PATIENCE_MS);

		if (ret)
			die("the connections", ret);
		if (m.passed >= 0)
			passed = m.passed;
	} while (m.any.head.type == HANDOFF_CONN || m.any.head.type == HANDOFF_BYTES);
	if (m.any.head.type != HANDOFF_END || passed < 0)
		die("the end of the connections", -EPROTO);
	return passed;
}

static void play_successor(void)
{
	union handoff_any taken = { .count = { .head.type = HANDOFF_TAKEN, .n = 1 } };
	struct pollfd p = { .events = POLLIN | POLLRDHUP };
	static struct handoff_message m;
	int fd = begin_handoff(), status, ret;

	p.fd = take_connections(fd);
	kill(*np_pid, SIGSTOP);
	waitpid(*np_pid, &status, WUNTRACED);
	kill(*np_pid, SIGTERM);
	ret = handoff_send(fd, &taken, NULL, 0, -1);
	kill(*np_pid, SIGCONT);
	if (!ret)
		ret = handoff_await(fd, &m, PATIENCE_MS);
	if (!ret && m.any.head.type == HANDOFF_GIVEN)
		printf("given\n");
	while (!ret)
		ret = handoff_await(fd, &m, PATIENCE_MS);
	printf("%s\n", ret == -EPIPE && !poll(&p, 1, 0) ? "whole" : "shut down");
	fflush(stdout);
}

static const char *option_fd(int fd)
{
	char *text = malloc(16);

	snprintf(text, 16, "%d", inherit_pass(fd));
	return text;
}

__attribute__((noreturn))
static void execute_np(char **argv, unsigned int n, const struct rig *rig, int control, int layout)
{
	char names[PROTO_MAX_SPS][64], name[16];
	const char *args[128];
	unsigned int i = 0;

	args[i++] = argv[0];
	args[i++] = "--region";
	args[i++] = REGION;
	args[i++] = "--transport";
	args[i++] = is_msg_ring(rig) ? "msg-ring" : "hybrid";
	for (unsigned int s = 0; s < rig->n_sps; s++) {
		snprintf(name, sizeof(name), "d%u=", s);
		inherit_pass_end(inherit_np(&rig->pair[s]), name, names[s]);
		args[i++] = "--sp";
		args[i++] = names[s];
	}
	args[i++] = "--control-fd";
	args[i++] = option_fd(control);
	args[i++] = "--layout-fd";
	args[i++] = option_fd(layout);
	/* Options of exports follow the exports. */
	for (unsigned int a = 1; a < n; a++)
		args[i++] = argv[a];
	args[i] = NULL;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	execvp(args[0], (char **)args);
	die(args[0], -errno);
	exit(1);
}

/* The NP's end of the control socket stays open here, as the rig's own end does. */
static pid_t start_np(char **argv, unsigned int n, const struct rig *rig, const pid_t *pids,
		      const struct arena_layout *l)
{
	int control[2], layout = arena_layout_seal(l), ret = control_socket_open(control);
	pid_t pid;

	if (layout < 0 || ret)
		die("the descriptors of the NP", layout < 0 ? layout : ret);
	pid = fork();
	if (!pid)
		execute_np(argv, n, rig, control[1], layout);
	for (unsigned int s = 0; s < rig->n_sps && !ret; s++)
		ret = inherit_tell(control[0], PROTO_ROLE_SP(s), epoch_of(rig), pids[s]);
	if (ret)
		die("telling the NP its SPs", ret);
	np_control = control[0];
	return pid;
}

static uint16_t versions(const char *text)
{
	unsigned int oldest, newest;

	if (sscanf(text, "%u,%u", &oldest, &newest) != 2)
		exit(2);
	return proto_hello_value((uint8_t)oldest, (uint8_t)newest);
}

static void parse(struct rig *rig, int argc, char **argv)
{
	static const struct option options[] = {
		{ "sps", required_argument, NULL, 's' },
		{ "disk", required_argument, NULL, 'd' },
		{ "slots", required_argument, NULL, 'n' },
		{ "memory", required_argument, NULL, 'm' },
		{ "mode", required_argument, NULL, 'o' },
		{ "readonly", no_argument, NULL, 'r' },
		{ "versions", required_argument, NULL, 'v' },
		{ NULL, 0, NULL, 0 },
	};
	int opt;

	while ((opt = getopt_long(argc, argv, "+", options, NULL)) != -1) {
		switch (opt) {
		case 's':
			rig->n_sps = (unsigned int)atoi(optarg);
			break;
		case 'd':
			rig->disk_bytes = strtoull(optarg, NULL, 0);
			break;
		case 'n':
			rig->slots = (uint32_t)atoi(optarg);
			break;
		case 'm':
			rig->memory = strtoull(optarg, NULL, 0);
			break;
		case 'o':
			rig->mode = optarg;
			break;
		case 'r':
			rig->is_readonly = true;
			break;
		case 'v':
			rig->hello = versions(optarg);
			break;
		default:
			exit(2);
		}
	}
	if (!rig->n_sps || rig->n_sps > PROTO_MAX_SPS || argc - optind < 1 ||
	    argc - optind > 32)
		exit(2);
}

int main(int argc, char **argv)
{
	struct rig rig = {
		.n_sps = 1, .disk_bytes = 256 << 20, .slots = 512,
		.memory = 512ULL << 20, .mode = "plain", .hello = PROTO_HELLO,
	};
	struct mshare_options o = { .size = sizeof(o), .backend = MSHARE_BACKEND_MEMFD,
				    .page_size = 4096, .mode = 0600 };
	pid_t pids[PROTO_MAX_SPS] = { 0 };
	struct arena_layout layout;
	struct arena_config config;
	struct mshare *m;
	int ret, status;
	void *base;

	parse(&rig, argc, argv);
	np_pid = mmap(NULL, sizeof(*np_pid), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (np_pid == MAP_FAILED)
		die("mmap", -errno);
	o.length = rig.memory;
	proto_config_init(&config, rig.memory, &(struct proto_counts){
		.nps = 1, .sps = rig.n_sps, .net_buffers = rig.slots });
	ret = mshare_create(REGION, &o, &m);
	if (!ret)
		ret = mshare_populate(m, 0, rig.memory);
	if (!ret)
		ret = mshare_attach(m, &base);
	if (!ret)
		ret = arena_layout_make(&layout, &config);
	if (ret)
		die("region", ret);
	arena_layout_write(base, &layout);
	if (is_mode(&rig, "noted"))
		write_note(base, &layout);
	for (unsigned int i = 0; i < rig.n_sps && !ret; i++)
		ret = inherit_make(&rig.pair[i], transport_of(&rig),
				   proto_window(proto_requests(&layout)));
	if (ret)
		die("mailboxes", ret);
	for (unsigned int i = 0; i < rig.n_sps; i++)
		pids[i] = start_sp(&rig, i, m, &layout);
	signal(SIGTERM, forward);
	signal(SIGINT, forward);
	signal(SIGUSR1, forward);
	sigaction(SIGUSR2, &(struct sigaction){ .sa_handler = call_successor }, NULL);
	*np_pid = start_np(argv + optind, (unsigned int)(argc - optind), &rig, pids,
			   &layout);
	while (waitpid(*np_pid, &status, 0) < 0 && errno == EINTR)
		if (wants_successor) {
			wants_successor = 0;
			play_successor();
		}
	for (unsigned int i = 0; i < rig.n_sps; i++) {
		int sp_status = 0;

		kill(pids[i], SIGTERM);
		kill(pids[i], SIGCONT);
		waitpid(pids[i], &sp_status, 0);
		if (WIFEXITED(sp_status) && WEXITSTATUS(sp_status))
			exit(WEXITSTATUS(sp_status));
	}
	mshare_unlink(REGION);
	mshare_close(m);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
