// SPDX-License-Identifier: MIT
#include "peers.h"

#include <common/log.h>
#include <errno.h>
#include <listen/socket.h>
#include <stdio.h>
#include <string.h>

#include "options.h"

/* Room for the networks in a line of the log. */
#define LOG_SIZE	256

static bool is_there(const struct peers *p)
{
	return peers_filter_is_there(&p->filter);
}

static const char *why(int err)
{
	switch (err) {
	case -EPERM:
		return "this process may not use BPF, which needs CAP_BPF or CAP_SYS_ADMIN, and "
		       "which containers, or a unit whose SystemCallFilter= does not have bpf, "
		       "forbid";
	case -ENOSYS:
		return "this kernel has no BPF";
	case -EPROTO:
		return "it is of another version";
	default:
		return strerror(-err);
	}
}

static bool is_required(const struct arenad_options *o)
{
	return o->peers.need == PEERS_REQUIRED;
}

/* Return: 0 if arenad can go on without a filter. */
static int log_lack(const struct arenad_options *o, int err)
{
	if (!is_required(o)) {
		log_warn("there is no filter of peers, so everybody may connect (--peer-filter "
			 "preferred): %s; mend that, and 'arenactl reload' tries again", why(err));
		return 0;
	}
	log_error("--peer and --connect-rate need a filter in the kernel, and there can be none: "
		  "%s; with --peer-filter preferred, arenad goes on without, and everybody may "
		  "connect", why(err));
	return err;
}

/* The filter stays as it was on the sockets that have it. Return: 0 if arenad can go on. */
static int log_stuck(const struct arenad_options *o, const char *whose, int err)
{
	log_at(is_required(o) ? LOG_LEVEL_ERROR : LOG_LEVEL_WARN, "%s lets those connect that an "
	       "earlier arenad has let, and cannot be told otherwise: %s; stop arenad, and the "
	       "socket unit if there is one, and start them again", whose, why(err));
	return is_required(o) ? err : 0;
}

/*
 * What is to be in use
 */

static void take_networks(struct peers *p, const struct network *network, unsigned int n)
{
	memmove(p->network, network, n * sizeof(*network));
	p->n = n;
}

/* Without any that are named, all are peers. */
static void take_options(struct peers *p)
{
	const struct peers_options *o = &p->options->peers;
	static const struct network everybody[] = {
		{ .bits = NETWORK_V4_AT, .address = { [10] = 0xff, [11] = 0xff } },
		{ .bits = 0 },
	};

	if (o->n)
		take_networks(p, o->network, o->n);
	else
		take_networks(p, everybody, sizeof(everybody) / sizeof(everybody[0]));
	p->rate = o->rate;
}

static int put(struct peers *p)
{
	return peers_filter_put(&p->filter, p->network, p->n, p->rate);
}

static int load(struct peers *p)
{
	int ret = peers_filter_load(&p->filter);

	if (ret)
		return ret;
	take_options(p);
	ret = put(p);
	if (ret)
		peers_filter_close(&p->filter);
	return ret;
}

static void log_use(const struct peers *p)
{
	log_info("a filter of peers is in use, with %u network%s%s", p->n, p->n == 1 ? "" : "s",
		 p->rate ? " and a limit of new connections" : "");
}

/*
 * The start
 */

static int log_not_found(const struct arenad_options *o, int err)
{
	if (err != -ENOENT)
		return log_stuck(o, "the filter of a socket that was passed to this process", err);
	/* Whoever has made the socket may have put it there. */
	if (!peers_are_wanted(&o->peers))
		return 0;
	log_error("a socket that was passed to this process has a filter that no arenad has put "
		  "there, and cannot get another one; pass one that has none");
	return is_required(o) ? err : 0;
}

/* The filter that is found is the one of all sockets. */
static int find(struct peers *p)
{
	int fd[LISTEN_INHERITED_MAX];
	unsigned int n = listen_inherited(&p->options->listen, fd);

	for (unsigned int i = 0; i < n; i++) {
		int ret;

		if (!peers_filter_fits(fd[i]) || !peers_filter_locks(fd[i]))
			continue;
		ret = peers_filter_find(&p->filter, fd[i], fd, n);
		return ret ? log_not_found(p->options, ret) : 0;
	}
	return 0;
}

/* Steer a filter that an earlier arenad has loaded. */
static int go_on(struct peers *p)
{
	int ret;

	take_options(p);
	ret = put(p);
	if (ret)
		return log_stuck(p->options, "the filter of peers", ret);
	log_use(p);
	return 0;
}

static int begin(struct peers *p)
{
	int ret;

	if (!peers_are_wanted(&p->options->peers))
		return 0;
	ret = load(p);
	if (ret)
		return log_lack(p->options, ret);
	log_use(p);
	return 0;
}

int peers_open(struct peers *p, const struct arenad_options *o)
{
	int ret;

	p->options = o;
	ret = find(p);
	if (ret)
		return ret;
	return is_there(p) ? go_on(p) : begin(p);
}

int peers_adopt(struct peers *p, const struct arenad_options *o,
		const struct peers_filter *earlier)
{
	p->options = o;
	p->filter = *earlier;
	return is_there(p) ? go_on(p) : begin(p);
}

int peers_try(const struct arenad_options *o, const struct peers_filter *earlier)
{
	struct peers_filter f = PEERS_FILTER_NONE;
	uint64_t packets[PEERS_REASONS];
	int ret;

	if (peers_filter_is_there(earlier)) {
		ret = peers_filter_dropped(earlier, packets);
		return ret ? log_stuck(o, "the filter of peers", ret) : 0;
	}
	if (!peers_are_wanted(&o->peers))
		return 0;
	ret = peers_filter_load(&f);
	peers_filter_close(&f);
	return ret ? log_lack(o, ret) : 0;
}

/*
 * Sockets
 */

int peers_guard(void *context, int fd, bool is_inherited)
{
	const struct peers *p = context;
	int ret;

	if (!is_there(p))
		return 0;
	ret = peers_filter_attach(&p->filter, fd, is_inherited);
	if (!ret)
		return 0;
	log_at(is_required(p->options) ? LOG_LEVEL_ERROR : LOG_LEVEL_WARN,
	       "a socket cannot get the filter of peers: %s",
	       ret == -EEXIST ? "it has another one, for ever; pass one that has none" :
	       log_reason(-ret));
	return is_required(p->options) ? -ECANCELED : 0;
}

static int attach_set(struct peers *p, const struct listen_set *set)
{
	int ret = 0;

	for (unsigned int i = 0; i < set->n && !ret; i++) {
		const struct listen_socket *s = &set->socket[i];

		if (s->fd >= 0 && peers_filter_fits(s->fd) && !peers_filter_locks(s->fd))
			ret = peers_guard(p, s->fd, s->is_inherited);
	}
	return ret;
}

int peers_attach(struct peers *p, const struct listen_set *all, const struct listen_set *own,
		 unsigned int nps)
{
	int ret = attach_set(p, all);

	for (unsigned int i = 0; i < nps && !ret; i++)
		ret = attach_set(p, &own[i]);
	return ret;
}

/*
 * Changes
 */

/* A text that is too long is cut. */
static void join(const struct peers *p, char text[LOG_SIZE])
{
	size_t used = 0;

	*text = '\0';
	for (unsigned int i = 0; i < p->n && used < LOG_SIZE; i++) {
		char one[NETWORK_TEXT_SIZE];

		network_format(&p->network[i], one);
		used += (size_t)snprintf(text + used, LOG_SIZE - used, "%s%s", i ? ", " : "", one);
	}
	if (used >= LOG_SIZE)
		strcpy(text + LOG_SIZE - sizeof("..."), "...");
}

static void log_change(const struct peers *p, bool has_others, bool has_rate)
{
	char text[LOG_SIZE];

	join(p, text);
	if (has_others && !p->options->peers.n)
		log_warn("reload: no peer is named any more: everybody may connect; name "
			 "those who may by peer=, and reload again");
	else if (has_others)
		log_info("reload: the peers are now: %s", text);
	if (has_rate && p->rate)
		log_info("reload: an address may begin %u connections a second now", p->rate);
	else if (has_rate)
		log_info("reload: an address may begin any number of connections now");
}

static bool are_networks(const struct peers *p, const struct network *network, unsigned int n)
{
	if (p->n != n)
		return false;
	for (unsigned int i = 0; i < n; i++)
		if (!network_is_same(&p->network[i], &network[i]))
			return false;
	return true;
}

static void change(struct peers *p)
{
	static struct network before[PEERS_NETWORKS_MAX];
	uint32_t rate = p->rate;
	unsigned int n = p->n;
	bool has_others;
	int ret;

	memcpy(before, p->network, n * sizeof(*before));
	take_options(p);
	has_others = !are_networks(p, before, n);
	if (!has_others && p->rate == rate)
		return;
	ret = put(p);
	if (!ret) {
		log_change(p, has_others, p->rate != rate);
		return;
	}
	log_error("reload: the peers stay as they were: %s; mend that, and reload again", why(ret));
	take_networks(p, before, n);
	p->rate = rate;
}

bool peers_reload(struct peers *p)
{
	int ret;

	if (is_there(p)) {
		change(p);
		return false;
	}
	if (!peers_are_wanted(&p->options->peers))
		return false;
	ret = load(p);
	if (ret) {
		log_error("reload: there is no filter of peers, so everybody may connect: %s; mend "
			  "that, and reload again", why(ret));
		return false;
	}
	log_info("reload: a filter of peers is in use; connections that were there before go on "
		 "without it");
	return true;
}

static int edit(struct peers *p, const char *text, struct option_error *error,
		int (*how)(struct network *list, unsigned int *n, const char *text,
			   struct option_error *error))
{
	static struct network list[PEERS_NETWORKS_MAX];
	unsigned int n = p->n;
	int ret;

	if (!is_there(p))
		return option_refuse(error, "no filter of peers is in use: --peer or "
				     "--connect-rate asks for one");
	memcpy(list, p->network, n * sizeof(*list));
	if (how(list, &n, text, error))
		return -EINVAL;
	ret = peers_filter_put(&p->filter, list, n, p->rate);
	if (ret)
		return option_refuse(error, "the filter cannot be changed: %s", strerror(-ret));
	take_networks(p, list, n);
	return 0;
}

int peers_add(struct peers *p, const char *text, struct option_error *error)
{
	int ret = edit(p, text, error, peers_take);

	if (!ret)
		log_info("%s is a peer now", text);
	return ret;
}

int peers_remove(struct peers *p, const char *text, struct option_error *error)
{
	int ret = edit(p, text, error, peers_drop);

	if (!ret)
		log_info("%s is no peer any more%s", text, p->n ? "" : ", and nobody is one now");
	return ret;
}
