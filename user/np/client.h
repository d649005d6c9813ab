/* SPDX-License-Identifier: MIT */
/*
 * Clients: who connects, and how many connections each of them has. A client is an IPv4 address, an
 * IPv6 network of 64 bits, since a machine usually has all addresses of one, a link-local IPv6
 * address, or the user at the other end of a UNIX socket.
 *
 * It must not know of connections or exports.
 */
#ifndef NP_CLIENT_H
#define NP_CLIENT_H

#include <common/address.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "limits.h"

/**
 * struct conn_peer - the other end of a connection
 * @address: its address
 * @is_unix: the connection is a UNIX socket
 * @uid: then the user of the other end
 * @text: what the log calls it
 */
struct conn_peer {
	struct sockaddr_storage address;
	bool is_unix;
	uid_t uid;
	char text[ADDRESS_TEXT_SIZE];
};

/**
 * enum client_kind - what identifies a client
 * @CLIENT_V4: an IPv4 address
 * @CLIENT_V6: the first 64 bits of an IPv6 address
 * @CLIENT_LINK: the last 64 bits of a link-local address, and its interface
 * @CLIENT_USER: a user of this machine
 */
enum client_kind {
	CLIENT_V4,
	CLIENT_V6,
	CLIENT_LINK,
	CLIENT_USER,
};

/**
 * struct client_key - who a client is
 * @part: the bits of the address, or the number of the user
 * @scope: the interface of a link-local address, else 0
 * @kind: enum client_kind
 */
struct client_key {
	uint64_t part;
	uint32_t scope;
	uint32_t kind;
};

/**
 * struct client - a client that has connections
 * @link: in its list of the table
 * @key: who it is
 * @n: how many connections it has, at least 1
 */
struct client {
	LIST_ENTRY(client) link;
	struct client_key key;
	unsigned int n;
};

/**
 * struct client_table - all of them
 * @max: how many connections each may have
 * @list: the clients, by their hash
 */
struct client_table {
	unsigned int max;
	LIST_HEAD(, client) list[CLIENT_LISTS];
};

/**
 * client_key_make() - who is at the other end of a socket
 * @address: of the other end
 * @uid: its user, if it is a UNIX socket
 *
 * An IPv4 address in the form of IPv6 is the same client as the IPv4 address.
 */
struct client_key client_key_make(const struct sockaddr_storage *address, uid_t uid);

/** client_table_init() - an empty table, in which each client may have @max connections */
void client_table_init(struct client_table *t, unsigned int max);

/**
 * client_get() - count a connection of a client
 * @t: table
 * @key: who it is
 * @out: the client, for client_put()
 *
 * Return: 0; -EDQUOT if it has as many as it may have; -ENOMEM.
 */
int client_get(struct client_table *t, const struct client_key *key, struct client **out);

/** client_put() - count a connection no more; the last one frees the client */
void client_put(struct client *client);

#endif /* NP_CLIENT_H */
