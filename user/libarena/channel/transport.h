/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The inside of a channel: what the kinds share. channel.c is the interface;
 * channel-ring.c, channel-shared.c and channel-socket.c are the kinds;
 * channel-meet.c and channel-link.c are how the two sides find each other.
 */
#ifndef ARENA_TRANSPORT_H
#define ARENA_TRANSPORT_H

#include <arena/channel.h>
#include "mailbox.h"
#include "spsc.h"

#define CHANNEL_VERSION	1U

/**
 * enum channel_msg - types of the channel's own messages
 * @CHANNEL_MSG_OPEN: first of all, in a mailbox; group: CHANNEL_VERSION, value:
 *	enum arena_channel_transport, number: entries
 * @CHANNEL_MSG_CREDIT: number: messages taken since the beginning, modulo 2^32
 * @CHANNEL_MSG_WAKE: look into shared memory
 * @CHANNEL_MSG_BYE: the last one
 */
enum channel_msg {
	CHANNEL_MSG_OPEN = ARENA_MSG_CHANNEL,
	CHANNEL_MSG_CREDIT,
	CHANNEL_MSG_WAKE,
	CHANNEL_MSG_BYE,
};

/* 32 bits in a message of the channel's own. */
static inline struct arena_msg channel_msg(enum channel_msg type, uint32_t number)
{
	return (struct arena_msg){
		.type = (uint8_t)type,
		.ref.count = (uint16_t)number,
		.ref.generation = (uint16_t)(number >> 16),
	};
}

static inline uint32_t channel_msg_number(const struct arena_msg *msg)
{
	return msg->ref.count | (uint32_t)msg->ref.generation << 16;
}

/*
 * What a mailbox has room for besides the window: OPEN and BYE, and the credits
 * that can be unread, which are at most 4 (see channel_credit).
 */
#define CHANNEL_SPARE	8U
/* Wake-ups that can be unread: the last one, and a late one for each side. */
#define CHANNEL_WAKES	8U

/**
 * struct channel_credit - who has sent how many, modulo 2^32
 * @window: messages that may be unacknowledged
 * @quantum: taken messages that are acknowledged together: a quarter of the
 *	window, rounded up, so that no more than 4 credits can be on their way
 * @sent: own messages
 * @acked: of them the peer has taken
 * @received: messages taken
 * @told: of them we have acknowledged
 */
struct channel_credit {
	uint32_t window;
	uint32_t quantum;
	uint32_t sent;
	uint32_t acked;
	uint32_t received;
	uint32_t told;
};

static inline bool channel_credit_has_room(const struct channel_credit *c)
{
	return c->sent - c->acked < c->window;
}

/* Is it time to acknowledge? */
static inline bool channel_credit_is_due(const struct channel_credit *c)
{
	return c->received - c->told >= c->quantum;
}

/**
 * channel_credit_take() - what a CREDIT says
 *
 * An old one, or the same again, says nothing new.
 *
 * Return: 0, or -EPROTO if it cannot be.
 */
int channel_credit_take(struct channel_credit *c, uint32_t number);

/**
 * struct transport_ops - a kind; all errors are -errno
 * @send: queue; 0 or -EAGAIN
 * @flush: send what is queued
 * @recv: 1, 0; sets has_ended at a BYE
 * @has_message: would @recv give something, or an error?
 * @has_room: would @send accept?
 * @arm: we are going to sleep; true if there is nothing to do
 * @disarm: we do not sleep
 * @bye: tell the peer, after all messages
 * @fd: to sleep on
 * @spins_max: how often @has_message is asked at most before sleep, in adaptive
 *	waiting: for about as long as to sleep and be woken takes, some 20 us
 */
struct transport_ops {
	int (*send)(struct arena_channel *ch, const struct arena_msg *msg);
	int (*flush)(struct arena_channel *ch);
	int (*recv)(struct arena_channel *ch, struct arena_msg *msg);
	bool (*has_message)(struct arena_channel *ch);
	bool (*has_room)(struct arena_channel *ch);
	bool (*arm)(struct arena_channel *ch);
	int (*disarm)(struct arena_channel *ch);
	void (*bye)(struct arena_channel *ch);
	int (*fd)(const struct arena_channel *ch);
	uint32_t spins_max;
};

#define SPINS_IN_MEMORY	512U
#define SPINS_IN_KERNEL	64U

extern const struct transport_ops channel_ring_ops;
extern const struct transport_ops channel_shared_ops;
extern const struct transport_ops channel_socket_ops;

/**
 * struct channel_wire - a message as a socket carries them
 * @data: arena_msg_data()
 * @len: arena_msg_len()
 * @reserved: zero
 */
struct channel_wire {
	uint64_t data;
	uint32_t len;
	uint32_t reserved;
};

/**
 * struct channel_socket - queues on both sides of the link
 * @out: messages to be sent, from the first on
 * @n_out: of them
 * @in: messages that came, a ring
 * @mask: its size less 1, a power of two not less than the window
 * @head: messages given out, modulo 2^32
 * @tail: messages that came
 * @is_full: the kernel takes no more for now
 */
struct channel_socket {
	struct channel_wire *out;
	uint32_t n_out;
	struct arena_msg *in;
	uint32_t mask;
	uint32_t head;
	uint32_t tail;
	bool is_full;
};

/**
 * struct arena_channel - an end of a channel
 * @ops: of its kind
 * @options: as given; options.kind is what it became, options.link is ours
 * @m: region or NULL
 * @layout: its layout or NULL
 * @self: own role
 * @peer: the peer's
 * @pidfd: of the peer, or -1
 * @kinds: what this side can do: bits 1 << enum arena_channel_transport
 * @error: stays for ever; 0 for none
 * @has_ended: the peer sends nothing more
 * @is_stalled: a message found no room and none was sent since
 * @is_armed: between arm and disarm; as producer too if @is_waiting
 * @is_waiting: said in shared memory that it waits for room
 * @owes_wake: HYBRID: the peer is to be woken, for which there was no room on @carrier
 * @is_wake_left: HYBRID: the message that does it is on @carrier, not submitted
 * @fruitless: calls that found nothing to do since the peer was last looked at
 * @spins: turns that spinning took lately until it paid
 * @waits: calls of arena_channel_wait() that had to wait
 * @box: own mailbox, if @has_box
 * @own: carrier, if @has_own
 * @carrier: carries messages
 * @target: the peer's mailbox or eventfd, or -1
 * @event: own eventfd, or -1
 * @credit: for kinds that acknowledge by message
 * @producer: shared memory
 * @consumer: shared memory
 * @unchecked: messages taken since a look at whether the producer waits
 * @socket: SOCKET
 * @counters: what happened
 */
struct arena_channel {
	const struct transport_ops *ops;
	struct arena_channel_options options;
	struct mshare *m;
	const struct arena_layout *layout;
	uint32_t self;
	uint32_t peer;
	int pidfd;
	uint32_t kinds;
	int error;
	bool has_ended;
	bool is_stalled;
	bool is_armed;
	bool is_waiting;
	bool has_box;
	bool has_own;
	bool owes_wake;
	bool is_wake_left;
	uint32_t fruitless;
	uint32_t spins;
	uint32_t waits;
	struct arena_mailbox box;
	struct io_uring own;
	struct io_uring *carrier;
	int target;
	int event;
	struct channel_credit credit;
	struct arena_spsc_producer producer;
	struct arena_spsc_consumer consumer;
	uint32_t unchecked;
	struct channel_socket socket;
	struct arena_channel_counters counters;
};

#define KIND_BIT(kind)		(1U << (kind))
#define KINDS_WITH_MAILBOX	(KIND_BIT(ARENA_CHANNEL_MSG_RING) | KIND_BIT(ARENA_CHANNEL_HYBRID))
#define KINDS_WITH_MEMORY	(KIND_BIT(ARENA_CHANNEL_HYBRID) | KIND_BIT(ARENA_CHANNEL_EVENTFD))
#define KINDS_WITH_LINK		(KIND_BIT(ARENA_CHANNEL_EVENTFD) | KIND_BIT(ARENA_CHANNEL_SOCKET))
#define KINDS_ALL		(KINDS_WITH_MAILBOX | KINDS_WITH_LINK)

/* ---- what goes over a link, see channel-link.c ---- */

#define CHANNEL_HELLO_MAGIC	0x6f6c6c6568616e65ULL
#define CHANNEL_READY_MAGIC	0x7964616572616e65ULL

/**
 * struct channel_hello - what a side can do and expects
 * @magic: CHANNEL_HELLO_MAGIC
 * @version: CHANNEL_VERSION
 * @kinds: what it can do, KIND_BIT(); with EVENTFD comes a descriptor
 * @entries: the window
 * @self: its role
 * @peer: the role it looks for
 * @mailbox: number of its mailbox's descriptor, -1 for none
 */
struct channel_hello {
	uint64_t magic;
	uint32_t version;
	uint32_t kinds;
	uint32_t entries;
	uint32_t self;
	uint32_t peer;
	int32_t mailbox;
};

/**
 * struct channel_ready - what remains
 * @magic: CHANNEL_READY_MAGIC
 * @kinds: of those that both can do, what worked
 * @reserved: zero
 */
struct channel_ready {
	uint64_t magic;
	uint32_t kinds;
	uint32_t reserved;
};

/* ---- channel-ring.c ---- */

/** channel_ring_make() - own mailbox and, if need be, carrier */
int channel_ring_make(struct arena_channel *ch);
/** channel_ring_post() - queue a message of any type on the carrier; 0 or -errno */
int channel_ring_post(struct arena_channel *ch, const struct arena_msg *msg);
/** channel_ring_bye() - post BYE, the last message, and leave nothing queued that names the peer */
void channel_ring_bye(struct arena_channel *ch);
/** channel_ring_leave() - do not close the peer's mailbox if a queued message names it */
void channel_ring_leave(struct arena_channel *ch);
/** channel_ring_submit() - submit the carrier and see whether posting failed */
int channel_ring_submit(struct arena_channel *ch);
/**
 * channel_ring_next() - take the next message out of the mailbox, of any type
 *
 * Return: 1, 0, or -EOVERFLOW.
 */
int channel_ring_next(struct arena_channel *ch, struct arena_msg *msg);

/* ---- channel-shared.c ---- */

/** channel_shared_find() - where both halves of the rings lie */
int channel_shared_find(struct arena_channel *ch);

/**
 * channel_shared_clear() - clear our own halves
 *
 * When the peer has come: until then it may still read what was sent by the channel
 * before this one. And before we say the last word of the meeting: from then on it
 * looks.
 */
void channel_shared_clear(struct arena_channel *ch);

/* ---- channel-socket.c ---- */

int channel_socket_make(struct arena_channel *ch);
void channel_socket_free(struct arena_channel *ch);

/* ---- how to meet: 0 with options.kind, pidfd and target set ---- */

/** channel_meet_region() - PUBLISH and TAKE, then OPEN in the mailboxes */
int channel_meet_region(struct arena_channel *ch);
/** channel_meet_link() - over the socket */
int channel_meet_link(struct arena_channel *ch);

/**
 * channel_wait_for() - until @fd is readable or the peer is dead, at most to @end
 *
 * Return: 0 to look, perhaps in vain; -ETIMEDOUT; -EPIPE; or -errno.
 */
int channel_wait_for(const struct arena_channel *ch, int fd, int64_t end);

/** channel_pidfd() - a pidfd of process @pid, or -errno */
int channel_pidfd(pid_t pid);

/** channel_now_ms() - the monotonic clock */
int64_t channel_now_ms(void);

/** channel_ms_left() - until @end, for poll(2); -1 for ever where @end is negative */
int channel_ms_left(int64_t end);

#endif /* ARENA_TRANSPORT_H */
