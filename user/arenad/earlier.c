// SPDX-License-Identifier: MIT
#include "earlier.h"

#include <common/clock.h>
#include <common/log.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "child.h"
#include "options.h"
#include "runtime.h"
#include "shape.h"
#include "state.h"

/* How long a process has that was about to begin, and sees that its arenad is gone. */
#define UNBEGUN_MS	2000
#define PAUSE_MS	50

static bool is_alive(const struct identity *who)
{
	int fd = identity_open(who);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static unsigned int count_alive(const struct state_head *h)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < h->n; i++)
		n += is_alive(&h->who[i]);
	return n;
}

static const char *kind(const struct state_head *h, unsigned int i)
{
	return i < h->nps ? "arena-np" : "arena-sp";
}

static void log_alive(const struct state_head *h)
{
	for (unsigned int i = 0; i < h->n; i++)
		if (is_alive(&h->who[i]))
			log_error("%s %u (process %d) of an earlier arenad still runs"
				  LOG_SEE_BELOW, kind(h, i), i < h->nps ? i : i - h->nps,
				  (int)h->who[i].pid);
}

/* The processes from @first on, which end in the order in which arenad ends its own. */
static void end_some(const struct state_head *h, unsigned int first, unsigned int end)
{
	struct child c[STATE_PROCESSES];

	for (unsigned int i = first; i < end; i++)
		c[i - first] = (struct child){
			.name = kind(h, i), .pid = h->who[i].pid,
			.pidfd = identity_open(&h->who[i]), .gate = -1,
		};
	child_stop(c, end - first);
}

static void end_keepers(const struct state_head *h)
{
	struct child c[STATE_KEEPERS];

	for (unsigned int i = 0; i < STATE_KEEPERS; i++)
		c[i] = (struct child){ .pid = h->keeper[i].pid,
				       .pidfd = identity_open(&h->keeper[i]), .gate = -1 };
	child_signal(c, STATE_KEEPERS, SIGKILL);
	for (unsigned int i = 0; i < STATE_KEEPERS; i++)
		if (c[i].pidfd >= 0)
			close(c[i].pidfd);
}

static void end_all(const struct runtime *r, const struct state_head *h)
{
	if (count_alive(h))
		log_warn("ending the processes of an earlier arenad" LOG_NO_ACTION);
	end_some(h, 0, h->nps);
	end_some(h, h->nps, h->n);
	end_keepers(h);
	state_remove(r);
}

static bool is_served(const struct state_head *h)
{
	int64_t deadline = clock_deadline(UNBEGUN_MS);

	while (count_alive(h)) {
		if (!clock_left_ms(deadline))
			return true;
		clock_sleep_ms(PAUSE_MS);
	}
	return false;
}

static int log_orphans(const struct state_head *h)
{
	log_alive(h);
	log_error("nothing holds their descriptors any more, so no arenad can adopt them. They "
		  "serve their clients; --replace ends them, which cuts off all clients, and "
		  "starts anew");
	return -EBUSY;
}

static bool versions_fit(const struct state_versions *theirs)
{
	struct state_versions own = state_own_versions();

	return theirs->control == own.control && theirs->layout == own.layout &&
	       theirs->proto_oldest <= own.proto_newest && own.proto_oldest <= theirs->proto_newest;
}

static int log_versions(int ret)
{
	if (ret == -EPROTO)
		log_error("the running processes are of a version that this arenad (%s) cannot "
			  "adopt; use theirs, or end them by --replace, which cuts off all clients",
			  MSHAREARENA_VERSION);
	return ret;
}

/* Could this program go on with it? */
static int check(const struct state *s, const char *shape)
{
	if (!versions_fit(&s->versions))
		return log_versions(-EPROTO);
	if (shape_agrees(state_text(s, STATE_SHAPE), shape))
		return 0;
	log_error("the running processes cannot be adopted with other options; give theirs, or end "
		  "them by --replace, which cuts off all clients");
	return -EINVAL;
}

/* What is left cannot be adopted without a keeper, or need not. */
static int find_without_keeper(const struct runtime *r, const struct state_head *h)
{
	if (is_served(h))
		return log_orphans(h);
	log_info("all processes of an earlier arenad have ended");
	end_all(r, h);
	return 0;
}

static int find_kept(const struct runtime *r, const char *shape, const char *given,
		     struct state **s)
{
	int ret;

	if (!(*s)->is_ready) {
		log_warn("the earlier arenad has ended before clients were told to come: "
			 "everything is started anew" LOG_NO_ACTION);
		end_all(r, &(*s)->head);
		free(*s);
		*s = NULL;
		return 0;
	}
	ret = check(*s, shape);
	if (!ret && strcmp(state_text(*s, STATE_OPTIONS), given) != 0)
		log_warn("the options are others than those of the running processes: each keeps "
			 "its options until it is started again; 'arenactl upgrade' starts it "
			 "again");
	return ret;
}

static int find(const struct runtime *r, const struct arenad_options *o, const char *shape,
		const char *given, struct state **s)
{
	const struct state_head *h = &(*s)->head;
	bool is_kept = is_alive(&h->keeper[0]);
	int ret = 0;

	if (is_kept && !o->replace)
		return find_kept(r, shape, given, s);
	if (o->replace)
		end_all(r, h);
	else
		ret = find_without_keeper(r, h);
	free(*s);
	*s = NULL;
	return ret;
}

int earlier_find(const struct runtime *r, const struct arenad_options *o, const char *shape,
		 const char *given, struct state **out)
{
	int ret = state_read(r, out);

	if (ret == -EPROTO && !o->replace && count_alive(&(*out)->head)) {
		log_alive(&(*out)->head);
		ret = log_versions(ret);
	} else if (ret == -EPROTO) {
		end_all(r, &(*out)->head);
		free(*out);
		*out = NULL;
		return 0;
	} else if (!ret) {
		ret = find(r, o, shape, given, out);
	}
	if (ret == -ENOENT || (ret == -EINVAL && !*out && o->replace))
		return 0;
	if (ret) {
		free(*out);
		*out = NULL;
	}
	return ret;
}

struct state *earlier_look(const struct runtime *r)
{
	struct state *s;

	if (!state_read(r, &s) && s->is_ready && is_alive(&s->head.keeper[0]))
		return s;
	free(s);
	return NULL;
}

/* With what would be adopted there is more than what the processes have been built with. */
static int check_kept(const struct state *s, const char *shape)
{
	int ret = check(s, shape);

	if (!ret && !s->is_ready) {
		log_error("clients were not told yet that they may come: processes are not adopted "
			  "before that, but ended; try again in a moment");
		ret = -EAGAIN;
	}
	if (!ret && !is_alive(&s->head.keeper[0])) {
		log_error("there is no keeper, so no arenad can adopt the processes; try again "
			  "when the one that runs has started another keeper");
		ret = -ESRCH;
	}
	return ret;
}

int earlier_check(const struct runtime *r, const char *shape, struct state **out)
{
	int ret = state_read(r, out);

	if (ret == -ENOENT)
		log_error("%s has no state of a running arenad of region %s; check --region and "
			  "--runtime-dir", r->path, r->region);
	ret = ret ? log_versions(ret) : check_kept(*out, shape);
	if (ret) {
		free(*out);
		*out = NULL;
	}
	return ret;
}
