/* SPDX-License-Identifier: MIT */
/*
 * The network processes that this process serves: the channel to each, the messages on it, and its
 * end. Each has requests and buffers of its own, so one that is dead, slow or hostile takes nothing
 * from the others.
 *
 * This header must not know how requests are carried out.
 */
#ifndef SP_PEER_H
#define SP_PEER_H

#include <arena/channel.h>
#include <arena/message.h>
#include <arena/source.h>
#include <proto/flight.h>
#include <proto/inherit.h>
#include <proto/returns.h>
#include <stdbool.h>
#include <stdint.h>

#include "request.h"

struct control_message;
struct sp;

/**
 * struct sp_peer - a network process
 * @sp: the process
 * @id: its number in the region
 * @role: its role
 * @process: the NP
 * @channel: the channel to it; NULL before it is open and after its end
 * @source: the channel as a source of the ring
 * @returns: RETURNs that are held
 * @version: version that the channel speaks, 0 before the NP's HELLO
 * @has_replayed: the NP has sent all that it had for a predecessor
 * @refused_ns: changes that it sends again are refused if they are older
 * @n_held: extents that it had from a predecessor
 * @flights: the table of results of its requests
 * @request_group: group of the NP's records
 * @record_group: group of the records with replies to it
 * @disk_group: the first group of the buffers for data that it reads
 * @n_disk_groups: how many such groups there are; they follow each other
 * @free: its requests that are not used
 * @limited: requests that wait for the limits of the export
 * @waiting: requests that wait for buffers
 * @done: requests whose replies are to be sent
 * @n_clients: its clients that use the disk
 * @active: requests that are neither free nor done
 * @in_flight: requests for whose reply the NP waits
 * @late: requests among @active that were answered, or for which nobody waits
 * @has_ended: it gets no more messages
 * @is_replaced: a successor waits that the channel be opened anew
 * @is_wrong: it has broken the rules, and is told of its end when @active is 0
 * @counters: the counters of @channel when it was closed
 */
struct sp_peer {
	struct sp *sp;
	uint32_t id;
	uint32_t role;
	struct proto_peer process;
	struct arena_channel *channel;
	struct arena_source source;
	struct proto_returns returns;
	int version;
	bool has_replayed;
	uint64_t refused_ns;
	uint32_t n_held;
	struct proto_flights flights;
	uint32_t request_group;
	uint32_t record_group;
	uint32_t disk_group;
	uint32_t n_disk_groups;
	struct sp_request *free;
	struct sp_queue limited;
	struct sp_queue waiting;
	struct sp_queue done;
	uint32_t n_clients;
	uint32_t active;
	uint32_t in_flight;
	uint32_t late;
	bool has_ended;
	bool is_replaced;
	bool is_wrong;
	struct arena_channel_counters counters;
};

/** sp_peer_init() - describe NP @id of a layout that was checked */
void sp_peer_init(struct sp *sp, uint32_t id);

/**
 * sp_peer_told() - arenad has said who a peer is
 * @sp: process
 * @m: CONTROL_PEER
 * @pidfd: of the peer; the call takes it over
 *
 * It is called for each NP before sp_peer_connect(), and for each successor of an NP, for which the
 * channel is opened anew. Requests of the predecessor that the disk has go on.
 */
void sp_peer_told(struct sp *sp, const struct control_message *m, int pidfd);

/**
 * sp_peer_connect() - open the channel to the NP, and let the ring watch it
 *
 * The channel connects while it is used: the NP is sent the HELLO when its own has come. The call
 * logs errors. Return: 0 or -errno.
 */
int sp_peer_connect(struct sp_peer *peer);

/** sp_peer_disconnect() - close the channel; allowed in any state */
void sp_peer_disconnect(struct sp_peer *peer);

/** sp_peer_happened() - take the messages that have come */
void sp_peer_happened(struct sp_peer *peer);

/** sp_peer_send() - queue a message */
void sp_peer_send(struct sp_peer *peer, const struct arena_msg *msg);

/** sp_peer_hold() - hold the RETURN of an extent of the NP's records */
void sp_peer_hold(struct sp_peer *peer, const struct arena_ref *ref);

/** sp_peer_return() - send the RETURNs that are held */
void sp_peer_return(struct sp_peer *peer);

/** sp_peer_turn() - send replies and RETURNs; called at the end of a turn of the loop */
void sp_peer_turn(struct sp_peer *peer);

/** sp_peer_counters() - the counters of the channel, also after its end */
struct arena_channel_counters sp_peer_counters(const struct sp_peer *peer);

#endif /* SP_PEER_H */
