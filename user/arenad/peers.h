/* SPDX-License-Identifier: MIT */
/*
 * Who may connect over TCP: arenad puts a filter on each listening socket before a client can come
 * to it, and says whom that lets pass. The filter stays when arenad ends, and the next arenad goes
 * on with it. This header must not know what the filter is made of.
 */
#ifndef ARENAD_PEERS_H
#define ARENAD_PEERS_H

#include <common/network.h>
#include <common/options.h>
#include <peers/filter.h>
#include <stdbool.h>
#include <stdint.h>

struct arenad_options;
struct listen_set;

/**
 * struct peers - who may connect
 * @options: what was configured
 * @filter: the filter, if there is one
 * @n: used entries of @network
 * @network: the networks of peers now, which an operator may have changed; with none nobody is one
 * @rate: new connections that a source may begin in a second; 0 for any number
 */
struct peers {
	const struct arenad_options *options;
	struct peers_filter filter;
	unsigned int n;
	struct network network[PEERS_NETWORKS_MAX];
	uint32_t rate;
};

/**
 * peers_open() - load a filter if the options ask for it, before anybody listens
 * @p: with no filter; it gets one, which is closed with peers_filter_close()
 * @o: the options
 *
 * A socket that an earlier arenad had from the same service manager still has the filter of that
 * one, which is then found and used, also if no option asks for a filter any more.
 *
 * The function logs its errors, and is content without a filter if the options are. Return: 0 or
 * -errno.
 */
int peers_open(struct peers *p, const struct arenad_options *o);

/** peers_adopt() - peers_open() with the filter of an earlier arenad, which may be none */
int peers_adopt(struct peers *p, const struct arenad_options *o,
		const struct peers_filter *earlier);

/** peers_try() - could peers_adopt() do it? It changes nothing */
int peers_try(const struct arenad_options *o, const struct peers_filter *earlier);

/** peers_guard() - put the filter on a socket; for struct listen_guard, with a struct peers */
int peers_guard(void *context, int fd, bool is_inherited);

/**
 * peers_attach() - put the filter on sockets that listen already, and have none yet
 * @p: the filter
 * @all: sockets that all NPs have
 * @own: sockets of each NP
 * @nps: number of NPs
 *
 * Connections that are there stay without it. The function logs its errors. Return: 0 or -errno.
 */
int peers_attach(struct peers *p, const struct listen_set *all, const struct listen_set *own,
		 unsigned int nps);

/**
 * peers_reload() - put in use what the options say now, in place of what operators have changed
 *
 * The function logs its errors, and what has changed.
 *
 * Return: is there a filter now where there was none? Then whoever adopts the processes has to know
 * of it, before peers_attach() puts it on the sockets.
 */
bool peers_reload(struct peers *p);

/** peers_add() - let a network connect; 0, or what option_refuse() returns */
int peers_add(struct peers *p, const char *text, struct option_error *error);

/** peers_remove() - do not let a network connect any more; 0, or what option_refuse() returns */
int peers_remove(struct peers *p, const char *text, struct option_error *error);

#endif /* ARENAD_PEERS_H */
