// SPDX-License-Identifier: MIT
#include "crew.h"

#include <arena/layout.h>
#include <common/clock.h>
#include <common/disk_identity.h>
#include <common/log.h>
#include <errno.h>
#include <signal.h>
#include <stats/stats.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "keep.h"
#include "lost.h"
#include "options.h"
#include "program.h"
#include "reload.h"

/* The pause after which messages are sent again to a process that could not take them. */
#define RETRY_MS	1000
/* Exit status of an arena-sp whose disk is gone. */
#define SP_GONE		4
/* A process that was asked to end gets so long for it. */
#define LEAVE_MS	10000

static bool is_np(const struct crew *c, unsigned int i)
{
	return i < c->nps;
}

/* The export of an SP. */
static const struct export_options *export_of(const struct crew *c, unsigned int i)
{
	return &c->options->exports.export[i - c->nps];
}

bool crew_has_export(const struct crew *c, unsigned int sp)
{
	return !export_is_vacant(&c->options->exports.export[sp]);
}

static bool is_vacant(const struct crew *c, unsigned int i)
{
	return !is_np(c, i) && !crew_has_export(c, i - c->nps);
}

/* What becomes of an export whose SP is given up. */
static enum export_no_disk without_disk(const struct crew *c, unsigned int sp)
{
	enum export_no_disk chosen = c->options->exports.export[sp].no_disk;

	return chosen == EXPORT_STOP && c->restart[c->nps + sp].may_stay_down ? EXPORT_HIDE :
	       chosen;
}

static bool is_alive(const struct crew *c, unsigned int i)
{
	return i < c->started && c->child[i].pidfd >= 0;
}

/*
 * The start
 */

static void name_one(struct crew *c, unsigned int i)
{
	if (is_np(c, i))
		snprintf(c->name[i], CREW_NAME_SIZE, "arena-np %u", i);
	else if (is_vacant(c, i))
		snprintf(c->name[i], CREW_NAME_SIZE, "arena-sp %u (no disk)", i - c->nps);
	else
		snprintf(c->name[i], CREW_NAME_SIZE, "arena-sp %u (disk %s)", i - c->nps,
			 export_of(c, i)->label);
}

/* An NP has numbers for each export, an SP for its own. */
static unsigned int exports_of(const struct crew *c, unsigned int i)
{
	return is_np(c, i) ? c->options->exports.n : 1;
}

int crew_make_stats(const struct crew *c, unsigned int i)
{
	int fd = stats_make(exports_of(c, i));

	if (fd >= 0)
		return fd;
	log_warn("cannot make memory for the statistics of %s, which nobody can read then: %s",
		 c->name[i], log_reason(-fd));
	return -1;
}

void crew_put_stats(struct crew *c, unsigned int i, int fd)
{
	if (c->stats_fd[i] >= 0)
		close(c->stats_fd[i]);
	c->stats_fd[i] = fd;
}

int crew_stats(const struct crew *c, unsigned int i, struct stats **stats)
{
	*stats = NULL;
	return !is_alive(c, i) ? -ESRCH :
	       stats_read(c->stats_fd[i], is_np(c, i) ? STATS_NP : STATS_SP, c->child[i].pid,
			  exports_of(c, i), stats);
}

uint32_t crew_served(const struct crew *c)
{
	uint32_t all = UINT32_MAX, served;
	bool is_known = false;

	for (unsigned int np = 0; np < c->nps; np++) {
		int ret = is_alive(c, np) ? stats_served(c->stats_fd[np], c->child[np].pid,
							 c->options->exports.n, &served) : -ESRCH;

		/* One of another version, or without memory for statistics, does not tell. */
		is_known |= !ret || ret == -EPROTO || (is_alive(c, np) && c->stats_fd[np] < 0);
		if (!ret)
			all &= served;
	}
	return is_known ? all : 0;
}

int crew_kill_client(struct crew *c, unsigned int np, uint32_t connection)
{
	const struct control_message m = { .type = CONTROL_KILL, .connection = connection };
	int ret;

	if (np >= c->nps || !is_alive(c, np))
		return -ESRCH;
	if (c->replacement.is_on && c->replacement.i == np)
		return -EBUSY;
	ret = lines_send(&c->lines, np, &m, -1);
	return ret && ret != -EAGAIN ? -ESRCH : ret;
}

int crew_drain(struct crew *c, const char *name, bool is_drained)
{
	struct option_error error;
	int sp = export_set_find(&c->options->exports, name, &error);

	if (sp < 0)
		return -ESRCH;
	if ((c->reload->drained >> sp & 1) == is_drained)
		return 0;
	reload_drain(c->reload, (unsigned int)sp, is_drained);
	/* The next arenad has to know it, too. */
	keep_renew(c);
	log_info("export '%s' %s", c->options->exports.export[sp].label, is_drained ?
		 "takes no further clients, as an operator has asked for it" :
		 "takes clients again");
	return 0;
}

static int fork_one(struct crew *c, unsigned int i, struct program *p)
{
	const struct user *user = is_np(c, i) ? &c->options->np_user : &c->options->sp_user;

	p->control_fd = lines_open(&c->lines, i);
	if (p->control_fd < 0)
		return p->control_fd;
	if (is_np(c, i))
		reload_begin(c->reload, i);
	return child_start(&c->child[i], c->name[i], user,
			   is_np(c, i) ? program_exec_np : program_exec_sp, p);
}

/*
 * The first SP of its number serves whatever is at the path, and a successor only the same disk.
 * Return: the disk that a process waits for.
 */
static const char *disk_of(struct crew *c, unsigned int i)
{
	const char *path = is_np(c, i) ? NULL : c->options->disk[i - c->nps].path;
	char *identity = path ? c->identity[i - c->nps] : NULL;

	if (!path)
		return "";
	if (identity[0])
		return identity;
	disk_identity(path, identity);
	return "";
}

static int start_one(struct crew *c, unsigned int i, int ready_fd)
{
	struct program p = {
		.options = c->options, .cpus = c->cpus, .pairs = &c->pairs,
		.id = is_np(c, i) ? i : i - c->nps,
		.sockets = is_np(c, i) ? &c->sockets[i] : NULL,
		.layout_fd = c->layout_fd, .ready_fd = ready_fd, .control_fd = -1,
		.awaited = disk_of(c, i),
		.handoff_fd = -1,
	};
	int ret;

	crew_put_stats(c, i, crew_make_stats(c, i));
	p.stats_fd = c->stats_fd[i];
	restart_begun(&c->restart[i], clock_ns());
	ret = fork_one(c, i, &p);
	if (p.control_fd >= 0)
		close(p.control_fd);
	if (ret)
		log_error("cannot start %s: %s", c->name[i], log_reason(-ret));
	return ret;
}

/*
 * Tell one process of a pair who the other one is, which may be dead. Return: has it to be told
 * again?
 */
static bool tell(struct crew *c, unsigned int whom, unsigned int who, uint32_t role,
		 const struct pair *pair)
{
	const struct control_message m = {
		.type = CONTROL_PEER, .role = role, .epoch = pair->epoch, .token = pair->token,
	};

	return is_alive(c, whom) && lines_send(&c->lines, whom, &m, c->child[who].pidfd) == -EAGAIN;
}

/*
 * No SP is to come. An NP need not wait for it, when the kernel does nothing any more for those
 * that were there. Return: has it to be told later?
 */
static bool tell_gone(struct crew *c, unsigned int np, unsigned int sp)
{
	const struct control_message m = {
		.type = CONTROL_GONE, .role = PROTO_ROLE_SP(sp),
		.epoch = c->pairs.pair[np][sp].epoch,
	};

	if (!is_alive(c, np))
		return false;
	return !lost_is_idle(c->options->region, m.role) ||
	       lines_send(&c->lines, np, &m, -1) == -EAGAIN;
}

/* A process that takes no messages is told later, and may hear of the same epoch twice. */
static void tell_pair(struct crew *c, unsigned int np, unsigned int sp)
{
	const struct pair *pair = &c->pairs.pair[np][sp];
	bool is_owed = tell(c, np, c->nps + sp, PROTO_ROLE_SP(sp), pair);

	is_owed |= tell(c, c->nps + sp, np, PROTO_ROLE_NP(np), pair);
	if (is_owed && !c->is_owed[np][sp])
		log_warn("%s or %s takes no messages: it is told later who the other one is"
			 LOG_NO_ACTION, c->name[np], c->name[c->nps + sp]);
	if (!is_owed && c->restart[c->nps + sp].is_given_up)
		is_owed = tell_gone(c, np, sp);
	c->is_owed[np][sp] = is_owed;
}

/* Call a function for each pair of a process. */
static void each_pair_of(struct crew *c, unsigned int i,
			 void (*call)(struct crew *c, unsigned int np, unsigned int sp))
{
	if (is_np(c, i))
		for (unsigned int sp = 0; sp < c->n - c->nps; sp++)
			call(c, i, sp);
	else
		for (unsigned int np = 0; np < c->nps; np++)
			call(c, np, i - c->nps);
}

/* A pair begins anew whenever one of its processes does. */
static void count_epoch(struct crew *c, unsigned int np, unsigned int sp)
{
	pairs_next_epoch(&c->pairs, np, sp);
}

/*
 * Let processes begin that were started. Whoever adopts them if arenad dies has to know of them
 * before, and of the epochs before anybody is told.
 */
static void begin(struct crew *c, unsigned int first, unsigned int end)
{
	keep_renew(c);
	for (unsigned int i = first; i < end; i++)
		child_release(&c->child[i]);
}

void crew_pair_up(struct crew *c, unsigned int i)
{
	each_pair_of(c, i, count_epoch);
	begin(c, i, i + 1);
	each_pair_of(c, i, tell_pair);
}

/* It counts as one that has died and has no successor. */
static void leave_vacant(struct crew *c, unsigned int i)
{
	c->child[i] = (struct child){ .name = c->name[i], .pidfd = -1, .gate = -1 };
	restart_give_up(&c->restart[i]);
}

static int start_each(struct crew *c, int ready_fd)
{
	int ret = 0;

	for (unsigned int i = 0; i < c->n && !ret; i++) {
		if (is_vacant(c, i))
			leave_vacant(c, i);
		else
			ret = start_one(c, i, ready_fd);
		c->started += !ret;
	}
	if (ret)
		return ret;
	/* Each process has the same epochs then, and waits for what it is told. */
	for (unsigned int i = 0; i < c->nps; i++)
		each_pair_of(c, i, count_epoch);
	begin(c, 0, c->n);
	for (unsigned int i = 0; i < c->nps; i++)
		each_pair_of(c, i, tell_pair);
	return 0;
}

void crew_init(struct crew *c)
{
	c->nps = c->options->nps;
	c->n = c->nps + c->options->exports.n;
	for (unsigned int i = 0; i < c->n; i++)
		name_one(c, i);
	replace_init(&c->replacement);
	lines_init(&c->lines, c->n);
	c->reload->lines = &c->lines;
	c->layout_fd = -1;
	for (unsigned int i = 0; i < c->n; i++)
		c->stats_fd[i] = -1;
}

int crew_start(struct crew *c, const struct arena_layout *l, struct listen_set *sockets,
	       int ready_fd)
{
	int ret;

	crew_init(c);
	c->layout_fd = arena_layout_seal(l);
	if (c->layout_fd < 0)
		log_error("cannot make a memfd of the layout: %s", log_reason(-c->layout_fd));
	ret = c->layout_fd < 0 ? c->layout_fd : pairs_open(&c->pairs, c->options, l);
	for (unsigned int i = 0; i < c->nps && !ret; i++)
		ret = listen_again(&c->options->listen, sockets, &c->sockets[i]);
	listen_leave(sockets);
	return ret ? ret : start_each(c, ready_fd);
}

/*
 * Death
 */

static bool has_an_np(const struct crew *c)
{
	for (unsigned int i = 0; i < c->nps; i++)
		if (is_alive(c, i) || c->restart[i].is_due)
			return true;
	return false;
}

static void log_pause(const struct crew *c, unsigned int ended, int64_t now)
{
	const struct restart *r = &c->restart[ended];

	if (r->due_at > now)
		log_warn("%s is started again in %d ms" LOG_NO_ACTION, c->name[ended],
			 (int)((r->due_at - now) / CLOCK_NS_PER_MS));
}

/* Return: is a successor of the process to be started? */
static bool plan_successor(struct crew *c, unsigned int ended)
{
	struct restart *r = &c->restart[ended];
	int64_t now = clock_ns();

	if (!restart_died(r, now, c->options->deaths_max)) {
		log_error("%s has died %u times, never more than %d s after its start: it is not "
			  "started again; mend what its lines name", c->name[ended],
			  c->options->deaths_max, RESTART_LIFE_S);
		return false;
	}
	log_pause(c, ended, now);
	return true;
}

/* The kernel would give clients to sockets that only a lost NP has. */
static void lose_np(struct crew *c, unsigned int np)
{
	log_warn("its clients are cut off, and the other network processes go on; the clients can "
		 "connect again");
	listen_leave(&c->sockets[np]);
}

static void lose_sp(struct crew *c, unsigned int sp)
{
	const struct export_options *e = &c->options->exports.export[sp];

	log_warn("export '%s' has no disk now (--no-disk %s), and the others go on; mend what its "
		 "lines name, and 'arenactl reload' tries again", e->label,
		 export_no_disk_words[without_disk(c, sp)]);
	for (unsigned int np = 0; np < c->nps; np++)
		tell_pair(c, np, sp);
}

static void lose(struct crew *c, unsigned int ended)
{
	restart_give_up(&c->restart[ended]);
	if (is_np(c, ended))
		lose_np(c, ended);
	else
		lose_sp(c, ended - c->nps);
	keep_renew(c);
}

/* The export of an SP was removed, and nothing takes the SP's place for now. */
static void retire(struct crew *c, unsigned int i)
{
	c->leaves_until[i] = 0;
	restart_give_up(&c->restart[i]);
	crew_put_stats(c, i, -1);
	for (unsigned int np = 0; np < c->nps; np++)
		tell_pair(c, np, i - c->nps);
	keep_renew(c);
}

/*
 * Go on without a process that stays down, if the node can: without one of several NPs, or without
 * the SP of an export that may be without a disk.
 */
static bool go_on_without(struct crew *c, unsigned int ended, bool is_ready)
{
	if (!has_an_np(c))
		return false;
	if (is_np(c, ended) && !is_ready)
		return false;
	if (!is_np(c, ended) && without_disk(c, ended - c->nps) == EXPORT_STOP) {
		log_error("arenad ends, as export '%s' may not be without a disk; with --no-disk "
			  "NAME=hide the others go on", export_of(c, ended)->label);
		return false;
	}
	lose(c, ended);
	return true;
}

static void log_end(struct crew *c, unsigned int i)
{
	if (c->leaves_until[i])
		log_info("%s has ended, as it was asked to", c->name[i]);
	else
		child_log_end(&c->child[i]);
}

/* The successor waits for the disk. */
static bool lost_its_disk(const struct crew *c, unsigned int i)
{
	int status = c->child[i].status;

	return !is_np(c, i) && WIFEXITED(status) && WEXITSTATUS(status) == SP_GONE;
}

/* A disk that comes and goes all the time must not keep arenad busy. */
static void plan_return(struct crew *c, unsigned int i)
{
	int64_t now = clock_ns();

	restart_lost(&c->restart[i], now, RESTART_LONGEST_MS);
	log_pause(c, i, now);
}

/* Return: false if arenad has to end, too. */
static bool has_ended(struct crew *c, unsigned int i, bool is_ready)
{
	bool was_asked = c->leaves_until[i], may_return = c->options->hold_seconds;

	log_end(c, i);
	if (is_vacant(c, i)) {
		retire(c, i);
		return true;
	}
	c->leaves_until[i] = 0;
	if (was_asked)
		restart_wanted(&c->restart[i], clock_ns());
	else if (may_return && lost_its_disk(c, i))
		plan_return(c, i);
	else
		return (is_ready && may_return && plan_successor(c, i)) ||
		       go_on_without(c, i, is_ready);
	return true;
}

bool crew_reap(struct crew *c, bool is_ready)
{
	keep_reap(c->keep);
	for (unsigned int i = 0; i < c->started; i++)
		if (child_reap(&c->child[i]) && !replace_ended(c, i) && !has_ended(c, i, is_ready))
			return false;
	return true;
}

/* A successor that cannot be started counts as one that has died at once. */
static bool start_successor(struct crew *c, unsigned int i)
{
	bool is_first = c->is_new[i];

	c->is_new[i] = false;
	if (start_one(c, i, -1))
		return plan_successor(c, i) || go_on_without(c, i, true);
	if (is_first) {
		log_info("%s is started", c->name[i]);
	} else {
		c->restarts[i]++;
		log_info("%s is started again", c->name[i]);
	}
	crew_pair_up(c, i);
	return true;
}

/*
 * By request
 */

void crew_replace(struct crew *c, unsigned int i)
{
	if (!is_alive(c, i) || c->leaves_until[i])
		return;
	c->leaves_until[i] = clock_deadline(LEAVE_MS);
	child_signal(&c->child[i], 1, SIGTERM);
}

void crew_replace_sps(struct crew *c)
{
	if (!c->options->hold_seconds) {
		log_warn("storage processes are not replaced: with --hold 0 requests would fail; a "
			 "larger --hold allows it");
		return;
	}
	for (unsigned int i = c->nps; i < c->started; i++)
		c->is_old[i] = true;
}

static bool is_changing(const struct crew *c)
{
	for (unsigned int i = c->nps; i < c->started; i++)
		if (!is_vacant(c, i) && !c->is_new[i] &&
		    (c->leaves_until[i] || c->restart[i].is_due))
			return true;
	return false;
}

/* One after the other, so that not all disks pause at once. */
static void replace_next(struct crew *c)
{
	for (unsigned int i = c->nps; i < c->started && !is_changing(c); i++) {
		if (c->is_old[i])
			crew_replace(c, i);
		c->is_old[i] = false;
	}
}

/* Does replace_next() have something to do? */
static bool is_next_due(const struct crew *c)
{
	for (unsigned int i = c->nps; i < c->started; i++)
		if (c->is_old[i])
			return !is_changing(c);
	return false;
}

/* Its requests are not lost: the successor gets them again. */
static void kill_if_late(struct crew *c, unsigned int i)
{
	if (!c->leaves_until[i] || clock_left_ms(c->leaves_until[i]))
		return;
	log_warn("%s does not end: killing it" LOG_NO_ACTION, c->name[i]);
	child_signal(&c->child[i], 1, SIGKILL);
	c->leaves_until[i] = clock_deadline(LEAVE_MS);
}

/* The sockets of an NP that was given up are closed. */
void crew_try_again(struct crew *c)
{
	for (unsigned int i = c->nps; i < c->started; i++)
		if (c->restart[i].is_given_up && !is_vacant(c, i))
			restart_wanted(&c->restart[i], clock_ns());
}

/*
 * All NPs have to know that the kernel does nothing any more for an SP of that number: they keep
 * for its successor what it has not answered, and another export's SP must not get that.
 */
static bool is_usable(const struct crew *c, unsigned int sp)
{
	unsigned int i = c->nps + sp;

	if (!is_vacant(c, i) || i >= c->started || is_alive(c, i) || !c->restart[i].is_given_up)
		return false;
	/* They have to have heard that it is vacant, or would take its next export for the last. */
	if (reload_owes_exports(c->reload) || c->replacement.is_on)
		return false;
	for (unsigned int np = 0; np < c->nps; np++)
		if (c->is_owed[np][sp])
			return false;
	return true;
}

uint32_t crew_usable(const struct crew *c)
{
	uint32_t bits = 0;

	for (unsigned int sp = 0; sp < c->n - c->nps; sp++)
		bits |= (uint32_t)is_usable(c, sp) << sp;
	return bits;
}

/* If it cannot be started now, that is tried again as for one that has died. */
static void add_sp(struct crew *c, unsigned int i)
{
	name_one(c, i);
	c->reload->drained &= ~(1U << (i - c->nps));
	c->identity[i - c->nps][0] = '\0';
	c->restart[i] = (struct restart){ .may_stay_down = true };
	c->restarts[i] = 0;
	restart_wanted(&c->restart[i], clock_ns());
	c->is_new[i] = true;
}

static void remove_sp(struct crew *c, unsigned int i)
{
	c->reload->drained &= ~(1U << (i - c->nps));
	c->is_new[i] = false;
	c->is_old[i] = false;
	if (is_alive(c, i))
		crew_replace(c, i);
	else
		retire(c, i);
}

void crew_add(struct crew *c, uint32_t added)
{
	for (unsigned int sp = 0; sp < c->n - c->nps; sp++)
		if (added >> sp & 1)
			add_sp(c, c->nps + sp);
}

void crew_remove(struct crew *c, uint32_t removed)
{
	for (unsigned int sp = 0; sp < c->n - c->nps; sp++)
		if (removed >> sp & 1)
			remove_sp(c, c->nps + sp);
}

void crew_go_on(struct crew *c)
{
	for (unsigned int i = c->nps; i < c->n; i++) {
		if (is_vacant(c, i) && is_alive(c, i))
			remove_sp(c, i);
		else if (is_vacant(c, i))
			restart_give_up(&c->restart[i]);
		c->is_new[i] = c->restart[i].is_due && !c->restart[i].begun_at;
	}
}

/*
 * What is due
 */

static bool is_owing(const struct crew *c)
{
	for (unsigned int i = 0; i < c->nps; i++)
		for (unsigned int sp = 0; sp < c->n - c->nps; sp++)
			if (c->is_owed[i][sp])
				return true;
	return false;
}

static void tell_again(struct crew *c)
{
	for (unsigned int i = 0; i < c->nps; i++)
		for (unsigned int sp = 0; sp < c->n - c->nps; sp++)
			if (c->is_owed[i][sp])
				tell_pair(c, i, sp);
}

/*
 * The SP of an export that was added waits until each NP knows the export: one with that which had
 * its place before would give that one's clients the disk of this one.
 */
static bool may_start(const struct crew *c, unsigned int i)
{
	return !c->is_new[i] ||
	       !(reload_owes_exports(c->reload) || c->replacement.is_on);
}

static bool is_due(const struct crew *c, unsigned int i)
{
	return c->restart[i].is_due && may_start(c, i);
}

bool crew_turn(struct crew *c)
{
	bool good = true;

	reload_retry(c->reload);
	tell_again(c);
	keep_turn(c);
	for (unsigned int i = 0; i < c->started && good; i++) {
		kill_if_late(c, i);
		if (is_due(c, i) && !clock_left_ms(c->restart[i].due_at))
			good = start_successor(c, i);
	}
	replace_next(c);
	if (good)
		replace_turn(c);
	return good;
}

bool crew_is_settled(const struct crew *c)
{
	return !crew_is_replacing(c) && !reload_owes_exports(c->reload) && !is_owing(c);
}

/* The shorter one of a pause and of the time until a process is started again. */
static int sooner(int ms, const struct restart *r)
{
	int left = clock_left_ms(r->due_at);

	return r->is_due && (ms < 0 || left < ms) ? left : ms;
}

/* The same with the time until a process is killed that was asked to end. */
static int sooner_of(const struct crew *c, int ms, unsigned int i)
{
	int left = clock_left_ms(c->leaves_until[i]);

	if (c->leaves_until[i] && (ms < 0 || left < ms))
		ms = left;
	return may_start(c, i) ? sooner(ms, &c->restart[i]) : ms;
}

int crew_wait_ms(const struct crew *c)
{
	int ms = is_owing(c) || reload_is_owing(c->reload) ? RETRY_MS : -1;
	int replacing = replace_wait_ms(c);

	if (is_next_due(c))
		return 0;
	if (replacing >= 0 && (ms < 0 || replacing < ms))
		ms = replacing;
	ms = sooner(ms, &c->keep->restart);
	for (unsigned int i = 0; i < c->started; i++)
		ms = sooner_of(c, ms, i);
	return ms;
}

bool crew_has_dead(const struct crew *c)
{
	for (unsigned int i = 0; i < c->started; i++)
		if (!is_alive(c, i) && !is_vacant(c, i) && !c->is_new[i])
			return true;
	return false;
}

void crew_leave(struct crew *c)
{
	for (unsigned int i = 0; i < c->nps; i++)
		listen_leave(&c->sockets[i]);
}

void crew_close(struct crew *c)
{
	crew_leave(c);
	lines_close(&c->lines);
	pairs_close(&c->pairs);
	for (unsigned int i = 0; i < c->n; i++)
		crew_put_stats(c, i, -1);
	if (c->layout_fd >= 0)
		close(c->layout_fd);
}
