/* SPDX-License-Identifier: MIT */
/*
 * The start of a storage process that may have had a predecessor. Its NPs tell it what they still
 * have of the predecessor's buffers, and send the requests again that the predecessor has not
 * answered. Until all NPs have done so nothing begins; then all requests begin in their order
 * (order.h).
 *
 * A request that the predecessor has completed is answered from the table of results
 * (proto/flight.h).
 *
 * The start does not wait for an NP that does not answer in time. A request that this NP had then,
 * and sends again later, cannot be put in order any more, so it is refused if it would change the
 * disk, by this process and by all that take its place.
 *
 * This header must not know how requests are carried out.
 */
#ifndef SP_REPLAY_H
#define SP_REPLAY_H

#include <proto/record.h>
#include <stdbool.h>
#include <stdint.h>

struct arena_msg;
struct sp;
struct sp_peer;

/* So long NPs are waited for. */
#define SP_REPLAY_S	5U

/**
 * struct sp_replay - the start
 * @is_over: requests need not wait for it any more
 */
struct sp_replay {
	bool is_over;
};

/** sp_replay_open() - take the tables of results; 0 or -errno */
int sp_replay_open(struct sp *sp);

/** sp_replay_begin() - keep the buffers apart from those of a predecessor; the epochs are known */
void sp_replay_begin(struct sp *sp);

/** sp_replay_watch() - wait for NPs no longer than SP_REPLAY_S; their channels are open */
void sp_replay_watch(struct sp *sp);

/** sp_replay_held() - act on HELD: the NP has an extent of the predecessor's; false if it lies */
bool sp_replay_held(struct sp_peer *peer, const struct arena_msg *msg);

/** sp_replay_ended() - act on REPLAYED: the NP has sent all; false if it has done so before */
bool sp_replay_ended(struct sp_peer *peer, const struct arena_msg *msg);

/**
 * sp_replay_answers() - has a request been answered before it comes to the disk?
 * @peer: the NP
 * @q: the request, which is sound by itself
 * @status: filled in if so
 *
 * It is so if the predecessor has completed it, or if it makes no sense to send it again, or not
 * again, now.
 */
bool sp_replay_answers(struct sp_peer *peer, const struct proto_request *q,
		       enum proto_status *status);

/** sp_replay_refuse() - refuse from now on what the NP had until now, and sends again */
void sp_replay_refuse(struct sp_peer *peer);

/** sp_replay_turn() - end the start if all NPs have sent all; called at the end of a turn */
void sp_replay_turn(struct sp *sp);

/** sp_replay_end() - end the start: all requests begin, in their order */
void sp_replay_end(struct sp *sp);

#endif /* SP_REPLAY_H */
