/* SPDX-License-Identifier: MIT */
/*
 * What a client and the server have agreed on for the requests of a connection. This header must
 * not know of sockets or requests.
 */
#ifndef NP_NBD_SESSION_H
#define NP_NBD_SESSION_H

#include <stdbool.h>
#include <stdint.h>

/**
 * enum nbd_style - the form of requests and replies
 * @NBD_SIMPLE: a reply has one header, and the data of a READ behind it
 * @NBD_STRUCTURED: replies to READ and BLOCK_STATUS, and errors, consist of chunks
 * @NBD_EXTENDED: all replies consist of chunks; headers have lengths of 64 bits
 */
enum nbd_style {
	NBD_SIMPLE,
	NBD_STRUCTURED,
	NBD_EXTENDED,
};

/**
 * struct nbd_session - the agreement; all zero is what clients have that ask for nothing
 * @style: the form of requests and replies
 * @has_allocation: the client has chosen the metadata context base:allocation
 * @bytes: size of the disk that the client was told
 */
struct nbd_session {
	enum nbd_style style;
	bool has_allocation;
	uint64_t bytes;
};

/* The number of the metadata context base:allocation in a session. */
#define NBD_ALLOCATION_ID	1U

#endif /* NP_NBD_SESSION_H */
