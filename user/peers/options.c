// SPDX-License-Identifier: MIT
#include "options.h"

#include <errno.h>

static int take_network(struct network *n, const char *text, struct option_error *error)
{
	unsigned int bits;
	int ret = network_parse(text, n, &bits);

	if (ret == -ERANGE)
		return option_refuse(error, "%.200s has bits set behind its first %u", text, bits);
	return !ret ? 0 : option_refuse(error, "%.200s is neither NETWORK/BITS nor an address",
					text);
}

/* Return: its place; @n if it is not there. */
static unsigned int find(const struct network *list, unsigned int n, const struct network *one)
{
	unsigned int i = 0;

	while (i < n && !network_is_same(&list[i], one))
		i++;
	return i;
}

int peers_take(struct network *list, unsigned int *n, const char *text,
	       struct option_error *error)
{
	struct network one;

	if (take_network(&one, text, error))
		return -EINVAL;
	if (find(list, *n, &one) < *n)
		return option_refuse(error, "%.200s is a peer already", text);
	if (*n == PEERS_NETWORKS_MAX)
		return option_refuse(error, "there are %u peers, and no more are possible",
				     PEERS_NETWORKS_MAX);
	list[(*n)++] = one;
	return 0;
}

int peers_drop(struct network *list, unsigned int *n, const char *text,
	       struct option_error *error)
{
	struct network one;
	unsigned int i;

	if (take_network(&one, text, error))
		return -EINVAL;
	i = find(list, *n, &one);
	if (i == *n)
		return option_refuse(error, "%.200s is not one of the networks of peers", text);
	list[i] = list[--*n];
	return 0;
}

bool peers_are_wanted(const struct peers_options *o)
{
	return o->n || o->rate;
}

bool peers_are_same(const struct peers_options *a, const struct peers_options *b)
{
	if (a->n != b->n || a->rate != b->rate)
		return false;
	for (unsigned int i = 0; i < a->n; i++)
		if (!network_is_same(&a->network[i], &b->network[i]))
			return false;
	return true;
}

static int take_peer(void *values, char *text, struct option_error *error)
{
	struct peers_options *o = values;

	return peers_take(o->network, &o->n, text, error);
}

static const char *const need_words[] = {
	[PEERS_REQUIRED] = "required", [PEERS_PREFERRED] = "preferred", NULL,
};

#define FIELD(name) .field = offsetof(struct peers_options, name)

const struct option_rule peers_rules[] = {
	{ .name = "peer", .may_repeat = true, .kind = OPTION_OTHER, .take = take_peer,
	  .argument = "NETWORK",
	  .help = "let only these addresses connect over TCP, 10.0.0.0/8, 2001:db8::/32 or one "
		  "address, and have the kernel drop all packets of others; may be repeated, 4096 "
		  "times in all (everybody)" },
	{ .name = "connect-rate", .kind = OPTION_NUMBER, FIELD(rate), .max = PEERS_RATE_MAX,
	  .argument = "N",
	  .help = "TCP connections that one address, or one /64 of IPv6, may begin in a second "
		  "(0: no limit)" },
	{ .name = "peer-filter", .kind = OPTION_WORD, FIELD(need), .words = need_words,
	  .argument = "HOW",
	  .help = "if --peer or --connect-rate is given and this machine allows no BPF: required: "
		  "refuse to start; preferred: warn, and let everybody connect (required)" },
	{ .name = NULL },
};
