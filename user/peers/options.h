/* SPDX-License-Identifier: MIT */
/*
 * The options that say which addresses clients may have, as arenad has them. This header must not
 * know how others are kept away.
 */
#ifndef PEERS_OPTIONS_H
#define PEERS_OPTIONS_H

#include <common/network.h>
#include <common/options.h>
#include <stdbool.h>
#include <stdint.h>

#include "maps.h"

/* New connections in a second that can be allowed. */
#define PEERS_RATE_MAX	1000000U

/**
 * enum peers_need - what if the kernel lets nobody use BPF?
 * @PEERS_REQUIRED: arenad does not start
 * @PEERS_PREFERRED: everybody may connect, and a warning says so
 */
enum peers_need {
	PEERS_REQUIRED,
	PEERS_PREFERRED,
};

/**
 * struct peers_options - who may connect
 * @n: used entries of @network
 * @network: the networks of peers; with none everybody is one
 * @rate: new connections that a source may begin in a second; 0 for any number
 * @need: index of the word of --peer-filter
 */
struct peers_options {
	unsigned int n;
	struct network network[PEERS_NETWORKS_MAX];
	uint32_t rate;
	unsigned int need;
};

/**
 * peers_take() - add a network to a list
 * @list: the networks, with room for PEERS_NETWORKS_MAX
 * @n: how many there are; 1 more afterwards
 * @text: the network
 * @error: says what is wrong
 *
 * Return: 0, or what option_refuse() returns.
 */
int peers_take(struct network *list, unsigned int *n, const char *text,
	       struct option_error *error);

/**
 * peers_drop() - remove a network from a list
 * @list: the networks, whose order may change
 * @n: how many there are; 1 less afterwards
 * @text: the network
 * @error: says what is wrong
 *
 * Return: 0, or what option_refuse() returns.
 */
int peers_drop(struct network *list, unsigned int *n, const char *text,
	       struct option_error *error);

/** peers_are_wanted() - do the options ask for a filter? */
bool peers_are_wanted(const struct peers_options *o);

/** peers_are_same() - do two options say the same? */
bool peers_are_same(const struct peers_options *a, const struct peers_options *b);

/* The options, as part of a program's table; their values are a struct peers_options. */
extern const struct option_rule peers_rules[];

#endif /* PEERS_OPTIONS_H */
