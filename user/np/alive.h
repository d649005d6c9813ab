/* SPDX-License-Identifier: MIT */
/*
 * Has the client of a request ended its connection? A client that does so may write newer data to
 * the same blocks over another connection. A request of the old connection that is handed over only
 * now, as it was waiting in this process or in the socket of a process that was stopped, must not
 * be done over the newer data.
 *
 * Each request that changes the disk has a time at which its client had not ended the connection.
 * If another connection to this process has handed over a change of the same blocks since then (see
 * fence.h), the socket is looked at, and the request is not done if the client has gone.
 *
 * If there are other network processes, the time is some milliseconds old at most, as the socket is
 * looked at again when the time is older. The SP refuses a request if another process has changed
 * the same blocks after its time (see PROTO_ESTALE). The socket is then looked at once more, and
 * the request is sent again only if that gave a newer time. So it does not matter for how long this
 * process is stopped between any two of these steps.
 *
 * An end is the client's FIN or RST, which the kernel has. If it does not come, because the
 * client's host or path has failed, a request that has waited for more than ALIVE_SILENT_SECONDS
 * has the time at which the last bytes came. If the SP refuses it then, nothing tells whether the
 * client is there, and the connection is closed: a client that is there connects again and sends
 * the request anew. Over UNIX sockets nothing tells that.
 *
 * This header must not know what the requests do.
 */
#ifndef NP_ALIVE_H
#define NP_ALIVE_H

#include <stdbool.h>

struct conn;
struct request;

/**
 * alive_begin() - note that the client of a connection is there, as its handshake ends
 *
 * It is called before the client is told so: no end that comes behind the handshake can have come
 * yet, and all requests come later. Over UNIX sockets nothing else tells when a client was there
 * that has ended only its sending side.
 */
void alive_begin(struct conn *c);

/**
 * alive_vouch() - give a request that is complete now the time at which its client was there
 *
 * Return: false if it must not be done: its client has gone, and others may have changed its bytes.
 */
bool alive_vouch(struct request *r);

/** alive_renew() - the same for a request that has waited for the successor of an SP */
void alive_renew(struct request *r);

/**
 * alive_again() - look at the client of a request again, which the SP has refused
 *
 * Return: true if the request has a newer time now and can be sent again.
 */
bool alive_again(struct request *r);

/** alive_may_be_lost() - has the client of a refused request been silent, but not ended? */
bool alive_may_be_lost(struct request *r);

#endif /* NP_ALIVE_H */
