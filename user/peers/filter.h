/* SPDX-License-Identifier: MIT */
/*
 * The filter of peers in the kernel: it is loaded, put on listening sockets, told whom to let pass,
 * and asked what it has dropped. filter.bpf.c is what runs in the kernel, and has the reasons for
 * its kind. This header must not know where peers are configured.
 */
#ifndef PEERS_FILTER_H
#define PEERS_FILTER_H

#include <common/network.h>
#include <stdbool.h>
#include <stdint.h>

#include "maps.h"

/* What holds the filter; whoever has these descriptors can steer it. */
enum peers_fd {
	PEERS_FD_PROGRAM,
	PEERS_FD_NETWORKS,
	PEERS_FD_DROPPED,
	PEERS_FD_REFUSED,
	PEERS_FD_SETTINGS,
	PEERS_FDS,
};

/**
 * struct peers_filter - the filter
 * @fd: its descriptors, by enum peers_fd; all are -1 if there is none
 */
struct peers_filter {
	int fd[PEERS_FDS];
};

#define PEERS_FILTER_NONE	((struct peers_filter){ { -1, -1, -1, -1, -1 } })

/**
 * struct peers_refused - a source that was refused
 * @source: its address
 * @what: what was refused
 */
struct peers_refused {
	struct network source;
	struct peers_refusals what;
};

/**
 * peers_filter_load() - load the filter, by which nobody is a peer yet
 * @f: filled, to be closed with peers_filter_close()
 *
 * Return: 0; -EPERM if the process may not use BPF; -ENOSYS if the kernel has none; or another
 * -errno.
 */
int peers_filter_load(struct peers_filter *f);

/**
 * peers_filter_find() - find the filter that an earlier arenad has locked to a socket
 * @f: filled, to be closed with peers_filter_close()
 * @locked: the socket, which both have got from somebody else
 * @socket: all sockets that this arenad has got; what the filter knows of others is forgotten
 * @n: how many these are
 *
 * It needs CAP_SYS_ADMIN.
 *
 * Return: 0; -ENOENT if what the socket has is no filter of an arenad; -EPROTO if it is one of
 * another version; -EPERM; or another -errno.
 */
int peers_filter_find(struct peers_filter *f, int locked, const int *socket, unsigned int n);

/** peers_filter_is_there() - is there one? */
bool peers_filter_is_there(const struct peers_filter *f);

/** peers_filter_locks() - has the socket a filter that cannot be taken off? */
bool peers_filter_locks(int socket);

/** peers_filter_fits() - can a filter be put on the socket? Not on one of AF_UNIX */
bool peers_filter_fits(int socket);

/**
 * peers_filter_attach() - put the filter on a listening socket for ever
 * @f: the filter
 * @socket: the socket
 * @is_inherited: others have it, too, so it has to be found again with peers_filter_find()
 *
 * Return: 0; -EEXIST if another filter is locked there; or another -errno.
 */
int peers_filter_attach(const struct peers_filter *f, int socket, bool is_inherited);

/**
 * peers_filter_put() - say who the peers are, and how many connections they may begin
 * @f: the filter
 * @network: the peers, which are in use at once as a whole
 * @n: how many, at most PEERS_NETWORKS_MAX; with 0, nobody is a peer
 * @rate: new connections that a source may begin in a second; 0 for any number
 *
 * Return: 0 or -errno; the peers are those of before then.
 */
int peers_filter_put(const struct peers_filter *f, const struct network *network, unsigned int n,
		     uint32_t rate);

/**
 * peers_filter_dropped() - tell how many packets were dropped since the filter was loaded
 * @f: the filter
 * @packets: filled, by enum peers_reason
 *
 * Return: 0 or -errno.
 */
int peers_filter_dropped(const struct peers_filter *f, uint64_t packets[PEERS_REASONS]);

/**
 * peers_filter_refused() - tell which sources were refused lately
 * @f: the filter
 * @list: filled
 *
 * Return: how many, the last one first; or -errno.
 */
int peers_filter_refused(const struct peers_filter *f,
			 struct peers_refused list[PEERS_REFUSED_MAX]);

/** peers_filter_close() - let go of it; it stays on its sockets */
void peers_filter_close(struct peers_filter *f);

#endif /* PEERS_FILTER_H */
