/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The messages of arena-np and arena-sp, which so far hand over one record each. A REPLY
 * has no record yet: its index is an enum proto_status where it hands over no data. The
 * generation of these messages is the slot's.
 *
 * This header knows messages. What a request asks for, and what a disk is, is in record.h.
 */
#ifndef PROTO_PROTO_H
#define PROTO_PROTO_H

#include <proto/record.h>

/**
 * enum arena_msg_type - what a message says
 * @ARENA_MSG_HELLO: the SP is ready; a struct proto_disk lies at group, index
 * @ARENA_MSG_REQUEST: a struct proto_request lies at group, index
 * @ARENA_MSG_REPLY: the request of this slot and generation is done
 * @ARENA_MSG_RELEASE: the run may be used again by its owner
 */
enum arena_msg_type {
	ARENA_MSG_HELLO = 1,
	ARENA_MSG_REQUEST = 2,
	ARENA_MSG_REPLY = 3,
	ARENA_MSG_RELEASE = 4,
};

#endif /* PROTO_PROTO_H */
