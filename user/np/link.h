/* SPDX-License-Identifier: MIT */
/*
 * The bytes of a connection: they go through the ring as they are, or through TLS. Who receives and
 * sends does not see the difference: each call begins one operation, whose event goes to the
 * handler that its cookie names.
 *
 * With TLS the ring only waits for the socket. Records are opened into the buffers that the caller
 * names, and sealed from them; each of both is a copy that plain connections do not have. Where the
 * kernel has TLS, it opens and seals them itself, and the ring sends from the buffers again.
 *
 * This header must not know of NBD.
 */
#ifndef NP_LINK_H
#define NP_LINK_H

#include <arena/ring.h>
#include <stdbool.h>
#include <stdint.h>

#include "handler.h"

struct conn;
struct link_tls;

/**
 * struct link - the way of a connection's bytes
 * @fd: the socket, for TLS, for the client's end, and for a successor of this process; -1 after
 *	link_abort()
 * @op: the receive, skip or poll that is under way
 * @tls: TLS, once the client has asked for it; or NULL
 */
struct link {
	int fd;
	struct arena_op op;
	struct link_tls *tls;
};

/**
 * link_recv() - arena_ring_recv() on the connection
 * @c: connection
 * @io: as there, with a list of extents; its file is filled in
 *
 * With TLS the event may come before the call returns.
 *
 * Return: as arena_ring_recv().
 */
int link_recv(struct conn *c, struct arena_io *io);

/** link_skip() - arena_ring_skip() on the connection; the event may come before it returns */
int link_skip(struct conn *c, uint32_t length, uint64_t cookie);

/** link_poll() - wait for bytes; the event may come before it returns */
int link_poll(struct conn *c, uint64_t cookie);

/** link_cancel() - cancel the receive, skip or poll that is under way; 0 or -errno */
int link_cancel(struct conn *c);

/**
 * link_send() - arena_ring_send(), or arena_ring_send_zc(), on the connection
 * @c: connection
 * @io: as there; its file is filled in
 * @is_zerocopy: send without a copy; not with TLS
 *
 * The event never comes before the call returns.
 *
 * Return: as arena_ring_send().
 */
int link_send(struct conn *c, struct arena_io *io, bool is_zerocopy);

/**
 * link_secure() - begin TLS; nothing is under way on the connection
 * @c: connection
 * @done: called when the handshake of TLS is complete; if it fails, the connection is killed
 *
 * Return: 0 or -errno.
 */
int link_secure(struct conn *c, void (*done)(struct conn *c));

/** link_is_tls() - do the bytes go through TLS? */
static inline bool link_is_tls(const struct link *l)
{
	return l->tls;
}

/**
 * link_identity() - who the client is, as its certificate or its key says
 *
 * Return: "x509:" and the subject of its certificate, as RFC 4514 writes it; "psk:" and the name of
 * its pre-shared key; "" for any other client, also as long as the handshake of TLS lasts. The
 * text lives as long as the connection.
 */
const char *link_identity(const struct link *l);

/**
 * link_can_move() - could a successor of this process go on with the connection?
 *
 * Nothing is under way on it. Return: false if this process seals and opens records of TLS, or the
 * client's end was seen and nobody was told.
 */
bool link_can_move(const struct link *l);

/** link_sealed() - what TLS has sealed with its key; 0 without TLS */
uint64_t link_sealed(const struct link *l);

/**
 * link_adopt() - go on with TLS of the kernel, which a predecessor of this process has begun
 * @c: connection, of which nothing was received
 * @sealed: link_sealed() of the predecessor
 * @identity: link_identity() there; copied
 *
 * Return: 0; -ENOMEM; -EPROTO if the kernel does not have the keys.
 */
int link_adopt(struct conn *c, uint64_t sealed, const char *identity);

/**
 * link_is_worn() - does TLS have a key that has sealed all that it may, and cannot be changed?
 *
 * The connection should end then, so that its client comes anew.
 */
bool link_is_worn(const struct link *l);

/** link_bye() - tell a client of TLS that the connection ends */
void link_bye(struct conn *c);

/** link_is_busy() - does the ring still work for TLS? */
bool link_is_busy(const struct conn *c);

/** link_abort() - have no descriptor of a dead connection any more */
void link_abort(struct conn *c);

/** link_exit() - free everything; nothing is under way */
void link_exit(struct conn *c);

#endif /* NP_LINK_H */
