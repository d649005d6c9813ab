/* SPDX-License-Identifier: MIT */
/*
 * Every bound of arena-np. The name of a bound has its unit.
 */
#ifndef NP_LIMITS_H
#define NP_LIMITS_H

#include <arena/ring.h>
#include <listen/options.h>
#include <proto/layout.h>

/* Bounds of the process as a whole. */
enum np_limits {
	NP_CONNECTIONS_DEFAULT = 256,
	/*
	 * Each connection is a file of the ring; so is each listener, the control socket, and the
	 * socket to a successor.
	 */
	NP_CONNECTIONS_MAX = ARENA_RING_MAX_FILES - LISTEN_MAX - 2,
	/* Lists of clients, by the hash of their addresses. */
	CLIENT_LISTS = 1024,
	/* Open files outside the ring: region, rings, pidfds, listeners. */
	NP_FILES_OWN = 64,
	/* A connection has a receive, and sends whose buffers the kernel still uses. */
	NP_OPERATIONS_A_CONNECTION = 3,
	NP_EVENTS_A_TURN = 256,
	/* A turn waits for one more event for each so many requests in flight. */
	NP_REQUESTS_A_GATHER = 8,
	/* With so many in flight the end of a send is no reason for a turn. */
	NP_REQUESTS_TO_GATHER = 4,
	NP_GATHER_MAX = 4,
	NP_GATHER_US = 50,
	/* Steps of TLS's handshakes in a turn, each of which may compute for a millisecond. */
	NP_SHAKES_A_TURN = 4,
	/* Messages to a successor in a turn. */
	NP_HANDOFFS_A_TURN = 64,
	/* A successor waits so long for the end of a process that has handed all over. */
	SUCCESSOR_WAIT_MS = 10000,
	/* Messages received from one SP before others get their turn. */
	NP_MESSAGES_A_TURN = 1024,
	ADMISSION_EXPORTS_MAX = PROTO_MAX_SPS,
};

/* The limit of open files that a ring with room for so many files needs. */
#define NP_FILES_NEEDED(files)	(2U * (files) + NP_FILES_OWN)

/* What one connection may have at once, so that it does not starve others. */
enum connection_limits {
	CONN_REQUESTS_MAX = 64,
	CONN_BYTES_MAX = 64 << 20,
	/* A connection has a network buffer for received headers and one for those of replies. */
	CONN_NET_BUFFERS = 2,
	/* Network buffers for received headers, if there are enough. */
	CONN_AREA_BUFFERS = 4,
	/* The timeout is restarted after each part of so many bytes that is sent or thrown away. */
	CONN_CHUNK_BYTES = 1 << 20,
	/* A READ or WRITE of more than PROTO_MAX_BYTES is served in pieces of this length. */
	CONN_PIECE_BYTES = 4 << 20,
	/* What a client still sends when its connection ends is thrown away up to this length. */
	CONN_LINGER_BYTES = 1 << 20,
	/* Plain text that TLS gives at once, before others get their turn. */
	LINK_RECV_BYTES = 256 << 10,
	/* Replies in one send. */
	CONN_REPLIES_A_SEND = 32,
	/* Chunks whose headers surely fit one network buffer, and buffers for those of a send. */
	CONN_CHUNKS_A_BUFFER = 8,
	CONN_HEAD_BUFFERS = 3,
};

/* Receives. */
enum plan_limits {
	PLAN_PIECES_MAX = ARENA_RING_MAX_VECS,
	/* Pairs of a header and an extent for its payload, after the rest of a payload. */
	PLAN_PAIRS_MAX = (PLAN_PIECES_MAX - 1) / 2,
	PLAN_GUESS_BYTES_MAX = 1 << 20,
	/* A WRITE like the last one adds so much trust; any other request takes 1 away. */
	PLAN_TRUST_GAIN = 4,
	PLAN_TRUST_MAX = 16,
};

/* Bounds of the handshake. */
enum negotiation_limits {
	/* The NBD protocol limits strings to 4096 bytes. */
	NEGOTIATION_STRING_MAX = 4096,
	NEGOTIATION_DATA_MAX = 8192,
	/* A longer option ends the connection; a shorter one is thrown away. */
	NEGOTIATION_SKIP_MAX = 1 << 20,
	/* The longest reply is that of an INFO which wants name and description. */
	NEGOTIATION_OUT_MAX = 4608,
	EXPORT_NAME_MAX = NEGOTIATION_STRING_MAX,
	EXPORT_DESCRIPTION_MAX = 255,
};

/* How the process knows that a client has not ended its connection. */
enum alive_limits {
	/* A socket is not looked at again for so long. */
	ALIVE_MS = 20,
	/* More than a tick of the kernel, of which there may be 100 in a second. */
	ALIVE_TICK_MS = 12,
	/*
	 * A client that has sent nothing while its request waited so long is not trusted. It is
	 * more than STALL_PRESSED_SECONDS, as clients wait so long for buffers that others hold.
	 */
	ALIVE_SILENT_SECONDS = 15,
	/* So often a request is sent again, whose bytes other processes keep changing. */
	ALIVE_TRIES = 8,
};

/* Seconds. */
enum time_limits {
	HELLO_SECONDS = 30,
	HANDSHAKE_SECONDS = 30,
	/* An SP that has answered nothing for so long is not asked whether a client may come. */
	USE_SILENT_SECONDS = 5,
	/* The same while there is no room for another connection. */
	HANDSHAKE_PRESSED_SECONDS = 5,
	STALL_SECONDS = 60,
	/* The same while others wait for the buffers that a stalled connection holds. */
	STALL_PRESSED_SECONDS = 10,
	/* A connection that has ended waits so long for the client's end, and under pressure. */
	LINGER_SECONDS = 5,
	LINGER_PRESSED_SECONDS = 1,
	/* So long requests wait for the successor of a storage process. */
	HOLD_SECONDS = 30,
	TIMEOUT_SECONDS_MAX = 86400,
	/* A connection without a byte for so long gives its receive buffers back. */
	QUIET_SECONDS = 1,
	/* Pause after an accept that failed because descriptors or memory ran out. */
	ACCEPT_PAUSE_SECONDS = 1,
	/* How often an NP looks for a client that another NP was woken for and does not accept. */
	LISTEN_LOOK_SECONDS = 5,
	/* After SIGTERM requests in flight may finish for so long; then connections are cut. */
	STOP_CUT_SECONDS = 4,
	STOP_SECONDS = 5,
	/*
	 * A process that is to be replaced ends within so long what its successor cannot take over,
	 * while it serves all others; then nobody is served until all are handed over.
	 */
	HANDOFF_LEAD_SECONDS = 4,
	HANDOFF_DRAIN_SECONDS = 3,
	/* A client that has taken nothing for so long does not hold up the others. */
	HANDOFF_STUCK_SECONDS = 1,
	/* The successor has to be ready, and to take the connections, within so long. */
	HANDOFF_ANSWER_SECONDS = 30,
};

#endif /* NP_LIMITS_H */
