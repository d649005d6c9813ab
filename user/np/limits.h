/* SPDX-License-Identifier: MIT */
/*
 * Every bound of arena-np, with its unit in its name.
 */
#ifndef NP_LIMITS_H
#define NP_LIMITS_H

#include <arena/ring.h>
#include <proto/layout.h>

/* What the process as a whole takes on. */
enum np_limits {
	NP_LISTENERS_MAX = 8,
	NP_CONNECTIONS_DEFAULT = 256,
	/* Each is a file of the ring, as each listener is. */
	NP_CONNECTIONS_MAX = ARENA_RING_MAX_FILES - NP_LISTENERS_MAX,
	NP_BACKLOG = 128,
	/* Open files but for those of the ring: region, rings, pidfds, listeners. */
	NP_FILES_OWN = 64,
	/* Of a connection: a receive, and sends whose buffers the kernel still has. */
	NP_OPERATIONS_A_CONNECTION = 3,
	NP_EVENTS_A_TURN = 256,
	/* For so many requests in flight a turn waits for one event more. */
	NP_REQUESTS_A_GATHER = 8,
	NP_GATHER_MAX = 4,
	NP_GATHER_US = 50,
	/* One SP's messages taken before others get their turn. */
	NP_MESSAGES_A_TURN = 1024,
	ADMISSION_EXPORTS_MAX = PROTO_MAX_SPS,
};

/* The limit of open files that a ring with room for so many files needs. */
#define NP_FILES_NEEDED(files)	(2U * (files) + NP_FILES_OWN)

/* What one connection may have at once, so that it starves nobody. */
enum connection_limits {
	CONN_REQUESTS_MAX = 64,
	CONN_BYTES_MAX = 64 << 20,
	/* Network buffers: one to receive headers, one for the headers of replies. */
	CONN_NET_BUFFERS = 2,
	/* Where there are enough, headers are received into so many. */
	CONN_AREA_BUFFERS = 4,
	/* A timeout is restarted after each part of what is sent or thrown away. */
	CONN_CHUNK_BYTES = 1 << 20,
	/* The payload of a refused WRITE is thrown away up to this length. */
	CONN_DISCARD_BYTES_MAX = 64 << 20,
	/* Replies of one send. */
	CONN_REPLIES_A_SEND = 32,
};

/* Receives. */
enum plan_limits {
	PLAN_PIECES_MAX = ARENA_RING_MAX_VECS,
	/* Headers with an extent each; with them goes the rest of a payload. */
	PLAN_PAIRS_MAX = (PLAN_PIECES_MAX - 1) / 2,
	PLAN_GUESS_BYTES_MAX = 1 << 20,
	/* A WRITE like the last one adds so much trust, and any other request takes 1. */
	PLAN_TRUST_GAIN = 4,
	PLAN_TRUST_MAX = 16,
};

/* The handshake. */
enum negotiation_limits {
	/* NBD protocol: a string is at most 4096 bytes. */
	NEGOTIATION_STRING_MAX = 4096,
	NEGOTIATION_DATA_MAX = 8192,
	/* A longer option ends the connection; a shorter one is thrown away. */
	NEGOTIATION_SKIP_MAX = 1 << 20,
	NEGOTIATION_OUT_MAX = 4096,
	EXPORT_NAME_MAX = 255,
};

/* Seconds. */
enum time_limits {
	HELLO_SECONDS = 30,
	HANDSHAKE_SECONDS = 30,
	STALL_SECONDS = 60,
	/* The same where others wait for the buffers that are held up. */
	STALL_PRESSED_SECONDS = 10,
	TIMEOUT_SECONDS_MAX = 86400,
	/* After that long without a byte a connection keeps no buffer to receive into. */
	QUIET_SECONDS = 1,
	/* After an accept that failed for want of descriptors or memory. */
	ACCEPT_PAUSE_SECONDS = 1,
	/* SIGTERM: requests in flight may finish, then connections are cut. */
	STOP_CUT_SECONDS = 4,
	STOP_SECONDS = 5,
};

/* The groups of the only NP. */
#define NP_GROUP_NET		1U
#define NP_GROUP_RECORD		2U
#define NP_GROUP_PAYLOAD	3U

#endif /* NP_LIMITS_H */
