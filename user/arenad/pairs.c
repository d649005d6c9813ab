// SPDX-License-Identifier: MIT
#include "pairs.h"

#include <common/log.h>
#include <errno.h>
#include <proto/transport.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "options.h"

/* Descriptors of a pair, and those of everything else. */
#define FILES_A_PAIR	4U
#define OTHER_FILES	512U

void pairs_raise_limit(unsigned int pairs)
{
	rlim_t wanted = FILES_A_PAIR * pairs + OTHER_FILES;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= wanted)
		return;
	limit.rlim_cur = wanted < limit.rlim_max ? wanted : limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static int open_pair(struct pair *pair, enum arena_channel_transport transport, uint32_t entries)
{
	int ret = arena_channel_make_mailbox(transport, entries, &pair->np);

	return ret ? ret : arena_channel_make_mailbox(transport, entries, &pair->sp);
}

int pairs_open(struct pairs *p, const struct arenad_options *o, const struct arena_layout *l)
{
	const struct arena_channel_mailbox none = { -1, -1 };
	uint32_t entries = proto_window(proto_requests(l));
	int ret = 0;

	*p = (struct pairs){ .nps = o->nps, .sps = o->exports.n };
	pairs_raise_limit(p->nps * p->sps);
	for (unsigned int i = 0; i < p->nps * p->sps; i++) {
		struct pair *pair = &p->pair[i / p->sps][i % p->sps];

		*pair = (struct pair){ .np = none, .sp = none };
		if (!ret)
			ret = open_pair(pair, proto_channel_transport(o->transport), entries);
	}
	if (ret)
		log_error("cannot make the mailboxes of the processes: %s", log_reason(-ret));
	return ret;
}

void pairs_next_epoch(struct pairs *p, unsigned int np, unsigned int sp)
{
	struct pair *pair = &p->pair[np][sp];

	pair->epoch++;
	if (getentropy(&pair->token, sizeof(pair->token)))
		log_error("the kernel gives no random numbers, so a process that was taken over "
			  "could act as its successor: %s", log_reason(errno));
}

static void close_mailbox(const struct arena_channel_mailbox *m)
{
	if (m->ring >= 0)
		close(m->ring);
	if (m->memory >= 0)
		close(m->memory);
}

void pairs_close(struct pairs *p)
{
	for (unsigned int i = 0; i < p->nps * p->sps; i++) {
		close_mailbox(&p->pair[i / p->sps][i % p->sps].np);
		close_mailbox(&p->pair[i / p->sps][i % p->sps].sp);
	}
	p->nps = 0;
}

struct arena_channel_end pairs_end_of_np(const struct pairs *p, unsigned int np, unsigned int sp)
{
	const struct pair *pair = &p->pair[np][sp];

	return (struct arena_channel_end){ .own = pair->np, .peer = pair->sp.ring };
}

struct arena_channel_end pairs_end_of_sp(const struct pairs *p, unsigned int np, unsigned int sp)
{
	const struct pair *pair = &p->pair[np][sp];

	return (struct arena_channel_end){ .own = pair->sp, .peer = pair->np.ring };
}
