/* SPDX-License-Identifier: MIT */
/*
 * Every bound of arena-np, with its unit in its name.
 */
#ifndef NP_LIMITS_H
#define NP_LIMITS_H

/* What the process as a whole takes on. */
enum np_limits {
	NP_LISTENERS_MAX = 8,
	NP_CONNECTIONS_DEFAULT = 256,
	NP_CONNECTIONS_MAX = 4096,
	NP_BACKLOG = 128,
	/* Open files but for the clients: region, rings, pidfds, listeners. */
	NP_FILES_OWN = 64,
	NP_SQ_ENTRIES = 1024,
	NP_CQ_ENTRIES = 16384,
	/* One SP's messages taken before others get their turn. */
	NP_MESSAGES_A_TURN = 1024,
};

/* What one connection may have at once, so that it starves nobody. */
enum connection_limits {
	CONN_SLOTS_MAX = 64,
	CONN_BYTES_MAX = 64 << 20,
	/* A timeout is restarted after each part of a transfer. */
	CONN_CHUNK_BYTES = 1 << 20,
	/* The payload of a refused WRITE is thrown away up to this length. */
	CONN_DISCARD_BYTES_MAX = 64 << 20,
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
