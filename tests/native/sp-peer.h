/* SPDX-License-Identifier: MIT */
/*
 * The other side of a storage process, for its tests: a program that includes this header plays
 * the network process of one arena-sp, over a region of its own.
 */
#ifndef TESTS_NATIVE_SP_PEER_H
#define TESTS_NATIVE_SP_PEER_H

#include <common/clock.h>
#include <proto/layout.h>
#include <proto/record.h>
#include <errno.h>
#include <fcntl.h>
#include <libarena/channel/channel.h>
#include <arena/layout.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "inherit.h"
#include "tap.h"

#define REGION		"sp-rig"
#define LENGTH		(68ULL << 20)
#ifndef SLOTS
#define SLOTS		8
#endif
#define RECORDS		(PROTO_RECORDS_A_REQUEST * SLOTS)
/* On a busy machine a read of 32 MiB may take many seconds. */
#define PATIENCE_MS	60000

static const char *program, *disk_path, *log_path;
static struct mshare *region;
static struct arena *arena;
static char *base;
static struct arena_layout layout;
static struct arena_channel *channel;
static const char *transport = "hybrid";
/* One more option for arena-sp, or NULL. */
static const char *more;
static pid_t sp_pid;
/* The descriptors that the two inherit, and this side's end of the SP's control socket. */
static struct inherit_pair pair;
static int control = -1;
/* A second NP, which a test plays, too, if it sets this to 2 before it makes the region. */
static unsigned int nps = 1;
static struct inherit_pair second;
static uint16_t generation;
/* Replies that have come and that the test has not looked at yet. */
static struct proto_reply replies[PROTO_MAX_RECORDS];
static unsigned int n_replies, next_reply;

/* Record extents that the SP has to return, in the order in which it must return them. */
static struct arena_ref owed[4 * SLOTS];
static unsigned int n_owed;

static inline void send_message(struct arena_msg m)
{
	int ret = arena_channel_send(channel, &m);

	if (!ret)
		ret = arena_channel_flush(channel);
	/* The SP may have ended; sp_wait() checks how. */
	if (ret && ret != -EPIPE && ret != -EOWNERDEAD)
		bail("cannot send");
}

/* The SP must return extents in the order in which they were lent to it. */
static inline void take_return(const struct arena_ref *ref)
{
	if (!n_owed || memcmp(ref, &owed[0], sizeof(*ref)) != 0)
		bail("the storage process returned an extent that it has not, or in another order");
	n_owed--;
	memmove(owed, owed + 1, n_owed * sizeof(*owed));
}

/* Take the next message other than RETURN. */
static inline bool receive_within(struct arena_msg *m, int ms)
{
	int64_t deadline = clock_deadline(ms);

	while (arena_channel_next(channel, m, clock_left_ms(deadline)) == 1) {
		if (m->type != PROTO_MESSAGE_RETURN)
			return true;
		take_return(&m->ref);
	}
	return false;
}

static inline struct arena_msg receive(void)
{
	struct arena_msg m = { 0 };

	if (!receive_within(&m, PATIENCE_MS))
		bail("the storage process does not answer");
	return m;
}

static inline uint16_t sp_group(enum proto_use use)
{
	return (uint16_t)proto_group_of_sp(&layout, 0, 0, use);
}

static inline uint16_t np_group(enum proto_use use)
{
	return (uint16_t)proto_group_of_np(&layout, 0, use);
}

static inline void give_back(struct arena_ref ref)
{
	send_message((struct arena_msg){ .type = PROTO_MESSAGE_RETURN, .ref = ref });
}

/* The SP must return a request before it replies to it. */
static inline void check_returned(const struct proto_reply *reply)
{
	for (unsigned int i = 0; i < n_owed; i++)
		if (owed[i].generation == (uint16_t)(reply->tag >> PROTO_SLOT_BITS))
			bail("the storage process replies before it returns the request");
}

static inline void copy_replies(const struct arena_msg *m)
{
	const struct arena_group *g = &layout.group[sp_group(PROTO_USE_RECORD)];
	const void *shared;

	if (m->ref.group != sp_group(PROTO_USE_RECORD) ||
	    !arena_layout_has(&layout, m->ref.group, m->ref.index, m->ref.count) ||
	    !proto_records_fit(m, (size_t)m->ref.count * g->buffer_size, sizeof(*replies)))
		bail("the storage process lent no replies");
	shared = arena_layout_buffer(base, &layout, m->ref.group, m->ref.index);
	next_reply = 0;
	n_replies = m->value;
	for (unsigned int i = 0; i < n_replies; i++) {
		if (proto_reply_receive(&replies[i], shared, i))
			bail("the storage process wrote a reply that makes no sense");
		check_returned(&replies[i]);
	}
}

/* Take the next reply. The extent of the replies is returned as soon as they are copied. */
static inline bool reply_within(struct proto_reply *reply, int ms)
{
	struct arena_msg m;

	if (next_reply == n_replies) {
		if (!receive_within(&m, ms))
			return false;
		if (m.type != PROTO_MESSAGE_REPLIES)
			bail("a message of type %u is no reply", m.type);
		copy_replies(&m);
		give_back(m.ref);
	}
	*reply = replies[next_reply++];
	return true;
}

static inline struct proto_reply receive_reply(void)
{
	struct proto_reply reply = { 0 };

	if (!reply_within(&reply, PATIENCE_MS))
		bail("the storage process does not answer");
	return reply;
}

static inline enum arena_channel_transport transport_chosen(void)
{
	return strcmp(transport, "hybrid") ? ARENA_CHANNEL_MSG_RING : ARENA_CHANNEL_HYBRID;
}

/* Make everything that arenad makes before it starts any process. */
static inline void pair_make(void)
{
	uint32_t window = proto_window(proto_requests(&layout));

	pair.epoch = 1;
	second.epoch = 1;
	if (inherit_make(&pair, transport_chosen(), window) ||
	    (nps > 1 && inherit_make(&second, transport_chosen(), window)))
		bail("cannot make mailboxes");
}

__attribute__((noreturn))
static inline void sp_execute(int control_fd, int layout_fd)
{
	int fd = open(log_path, O_WRONLY | O_CREAT | O_APPEND, 0600);
	char np[64], other[64], own_control[16], own_layout[16];

	dup2(fd, STDERR_FILENO);
	inherit_pass_end(inherit_sp(&pair), "", np);
	if (nps > 1)
		inherit_pass_end(inherit_sp(&second), "--np=", other);
	snprintf(own_control, sizeof(own_control), "%d", inherit_pass(control_fd));
	snprintf(own_layout, sizeof(own_layout), "%d", inherit_pass(layout_fd));
	execl(program, "arena-sp", "--region", REGION, "--id", "0", "--disk", disk_path, "--np",
	      np, "--control-fd", own_control, "--layout-fd", own_layout, "--transport",
	      transport, nps > 1 ? other : more, NULL);
	_exit(127);
}

/* Start an SP whose NP is the process @np. */
static inline void sp_start(pid_t np)
{
	int ends[2], layout_fd = arena_layout_seal(&layout);

	if (control >= 0)
		close(control);
	if (layout_fd < 0 || control_socket_open(ends))
		bail("cannot make what the storage process inherits");
	control = ends[0];
	sp_pid = fork();
	if (!sp_pid)
		sp_execute(ends[1], layout_fd);
	close(ends[1]);
	close(layout_fd);
	if (inherit_tell(control, PROTO_ROLE_NP(0), pair.epoch, np) ||
	    (nps > 1 && inherit_tell(control, PROTO_ROLE_NP(1), second.epoch, np)))
		bail("cannot tell the storage process who its peer is");
	/* Nobody will take the place of the NP, so the SP ends with it. */
	close(control);
	control = -1;
}

static inline int connect_to_sp(void)
{
	const struct arena_channel_end end = inherit_np(&pair);
	const struct arena_channel_options options = {
		.size = sizeof(options),
		.transport = transport_chosen(),
		.entries = proto_window(proto_requests(&layout)),
		.end = &end,
		.epoch = pair.epoch,
		.pidfd = inherit_pidfd(sp_pid),
		.timeout_ms = PATIENCE_MS,
	};

	return arena_channel_open(arena, PROTO_ROLE_SP(0), &options, &channel);
}

/* Start an SP, connect to it as its NP, offer @hello, and receive the SP's HELLO. */
static inline struct arena_msg sp_greet(uint16_t hello)
{
	int ret;

	next_reply = 0;
	n_replies = 0;
	n_owed = 0;
	pair_make();
	sp_start(getpid());
	ret = connect_to_sp();
	if (ret)
		bail("cannot open a channel: %s", strerror(-ret));
	send_message((struct arena_msg){ .type = PROTO_MESSAGE_HELLO, .value = hello });
	return receive();
}

/* The SP begins to work now. */
static inline void end_replay(void)
{
	send_message((struct arena_msg){ .type = PROTO_MESSAGE_REPLAYED });
}

/* Greet an SP whose predecessor has left nothing undone. */
static inline struct arena_msg sp_connect_as(uint16_t hello)
{
	struct arena_msg m = sp_greet(hello);

	end_replay();
	return m;
}

static inline struct arena_msg sp_connect(void)
{
	return sp_connect_as(PROTO_HELLO);
}

static inline int sp_wait(void)
{
	int status;

	waitpid(sp_pid, &status, 0);
	arena_channel_close(channel);
	channel = NULL;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* A correct request; a test changes the member that it wants to be wrong. */
struct request {
	struct proto_request *shared;
	struct arena_msg msg;
};

static inline struct request make(uint16_t slot, uint16_t type, uint64_t offset, uint32_t length)
{
	struct request r = {
		.shared = arena_layout_buffer(base, &layout, np_group(PROTO_USE_RECORD), slot),
		.msg = {
			.type = PROTO_MESSAGE_REQUESTS,
			.ref.group = np_group(PROTO_USE_RECORD),
			.value = 1,
			.ref.index = slot,
			.ref.count = 1,
			.ref.generation = ++generation,
		},
	};

	memset(r.shared, 0, sizeof(*r.shared));
	r.shared->tag = proto_tag(slot % SLOTS, generation);
	r.shared->operation = type;
	r.shared->offset = offset;
	r.shared->length = length;
	if (type == PROTO_WRITE) {
		r.shared->n_refs = 1;
		r.shared->ref[0] = (struct arena_ref){
			.group = np_group(PROTO_USE_PAYLOAD),
			.count = (uint16_t)((offset % 4096 + length + 4095) / 4096),
			.generation = 1,
		};
	}
	return r;
}

/*
 * The SP returns the record ahead of the next replies, or a second later if there are none. It has
 * copied the record when it replies, and the test does not write another one there before that.
 */
static inline void send_request(const struct request *r)
{
	if (n_owed == sizeof(owed) / sizeof(*owed))
		bail("the storage process does not return requests");
	owed[n_owed++] = r->msg.ref;
	send_message(r->msg);
}

static inline bool answers(const struct request *r, const struct proto_reply *reply)
{
	return reply->tag == r->shared->tag;
}

/* Find the value of @key in the last line of counters that the SP logged. */
static inline unsigned long long counter(const char *key)
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

static inline bool log_says(const char *what)
{
	static char text[1 << 16];
	int fd = open(log_path, O_RDONLY);
	ssize_t n = read(fd, text, sizeof(text) - 1);

	close(fd);
	text[n > 0 ? n : 0] = '\0';
	return strstr(text, what);
}

static inline void region_make(void)
{
	const struct mshare_options o = {
		.backend = MSHARE_BACKEND_MEMFD,
		.length = nps * LENGTH,
		.page_size = 4096,
		.size = sizeof(o),
		.mode = 0600,
	};
	struct arena_config config;
	void *addr;

	proto_config_init(&config, o.length, &(struct proto_counts){
		.nps = nps, .sps = 1, .net_buffers = SLOTS });
	if (mshare_create(REGION, &o, &region) || mshare_populate(region, 0, o.length) ||
	    mshare_attach(region, &addr) || arena_layout_make(&layout, &config))
		bail("cannot make a region");
	base = addr;
	arena_layout_write(base, &layout);
	if (arena_open_region(region, PROTO_ROLE_NP(0), &arena))
		bail("cannot take the role of the network process");
}

#endif /* TESTS_NATIVE_SP_PEER_H */
