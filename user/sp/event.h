/* SPDX-License-Identifier: MIT */
/*
 * The ring of a storage process and the loop around it.
 */
#ifndef SP_EVENT_H
#define SP_EVENT_H

#include <liburing.h>
#include <arena/message.h>
#include <stdint.h>

struct sp;

/**
 * enum sp_event - what a completion is about; its user_data's low byte
 * @SP_EVENT_STEP: a step of a request; its number is in the bits above
 * @SP_EVENT_CHANNEL: messages have arrived
 * @SP_EVENT_PEER: the network process has ended
 * @SP_EVENT_SIGNAL: a signal has arrived
 * @SP_EVENT_SEND: a message could not be sent
 */
enum sp_event {
	SP_EVENT_STEP,
	SP_EVENT_CHANNEL,
	SP_EVENT_PEER,
	SP_EVENT_SIGNAL,
	SP_EVENT_SEND,
};

static inline uint64_t sp_event_data(enum sp_event event, uint32_t nth)
{
	return (uint64_t)nth << 8 | event;
}

/** sp_event_open() - make the ring; logs what is wrong; 0 or -errno */
int sp_event_open(struct sp *sp);

void sp_event_close(struct sp *sp);

/** sp_event_sqe() - a submission entry; never NULL */
struct io_uring_sqe *sp_event_sqe(struct sp *sp);

/** sp_event_send() - queue a message to the network process */
void sp_event_send(struct sp *sp, const struct arena_msg *msg);

/** sp_event_loop() - serve until told to stop; sp->status says why */
void sp_event_loop(struct sp *sp);

#endif /* SP_EVENT_H */
