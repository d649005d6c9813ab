// SPDX-License-Identifier: MIT
/* vm: once */
/*
 * Goal: an extent can be used only as its state allows. Every misuse is refused with the error
 * that arena.h names and changes nothing. In a library built with ARENA_DEBUG it ends the
 * process with a misuse report.
 * Method: a table of all states and all calls; each pair is tried in new arenas, of two roles
 * in this process. With ARENA_DEBUG a child makes the call, and its exit status and stderr are
 * checked.
 */
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "world.h"

#define NAME	"buffers"

/* Make a call, and store in @s the place where it is made. */
#define LINE_(x)	#x
#define LINE(x)		LINE_(x)
#define AT(s, call)	((s) = __FILE__ ":" LINE(__LINE__), (call))

/*
 * Misuse
 */

/**
 * struct child_end - how a child ended
 * @aborted: SIGABRT ended it
 * @report: what it wrote to stderr
 */
struct child_end {
	bool aborted;
	char report[4096];
};

static struct child_end child_end;

/* Run a function in a child, and record in @child_end how the child ends. */
static void run_in_child(void (*act)(void *), void *arg)
{
	int pipe_fd[2], status;
	size_t got = 0;
	ssize_t n;
	pid_t pid;

	if (pipe(pipe_fd))
		bail("pipe");
	fflush(stdout);
	pid = fork_as_owner();
	if (!pid) {
		const struct rlimit none = { 0 };

		setrlimit(RLIMIT_CORE, &none);
		dup2(pipe_fd[1], STDERR_FILENO);
		act(arg);
		_exit(0);
	}
	close(pipe_fd[1]);
	while ((n = read(pipe_fd[0], child_end.report + got,
			 sizeof(child_end.report) - 1 - got)) > 0)
		got += (size_t)n;
	child_end.report[got] = 0;
	close(pipe_fd[0]);
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		bail("no child");
	child_end.aborted = WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static const char *error_name(int error)
{
	switch (error) {
	case -ESTALE:
		return "(ESTALE)";
	case -EBUSY:
		return "(EBUSY)";
	case -EPERM:
		return "(EPERM)";
	case -EACCES:
		return "(EACCES)";
	case -EINVAL:
		return "(EINVAL)";
	default:
		return "?";
	}
}

/*
 * The table
 */

enum call { PUT, PTR, PTR_CONST, IO_BEGIN, IO_BEGIN_WRITE, IO_END, LEND, UNLEND, RETURN, N_CALLS };

static const char * const call_names[] = {
	"arena_put", "arena_ptr", "arena_ptr_const", "arena_io_begin", "arena_io_begin",
	"arena_io_end",
	"arena_lend", "arena_unlend", "arena_return",
};

/* Returns 0 or an error, and 1 if the call returns NULL, which names no error. */
static int do_call(enum call call, struct arena_buf b)
{
	struct arena_ref ref = { 0 };

	switch (call) {
	case PUT:
		return arena_put(w.np, b);
	case PTR:
		return !arena_ptr(w.np, b);
	case PTR_CONST:
		return !arena_ptr_const(w.np, b);
	case IO_BEGIN:
		return arena_io_begin(w.np, b, 0);
	case IO_BEGIN_WRITE:
		return arena_io_begin(w.np, b, 1);
	case IO_END:
		return arena_io_end(w.np, b);
	case LEND:
		return arena_lend(w.np, b, SP, &ref);
	case UNLEND:
		return arena_unlend(w.np, b);
	default:
		return arena_return(w.np, b, &ref);
	}
}

static struct arena_buf freed(void)
{
	struct arena_buf b = owned();

	arena_put(w.np, b);
	return b;
}

/* The extent was freed and belongs to another arena_get() now. */
static struct arena_buf reused(void)
{
	struct arena_buf b = freed(), again = owned();

	if (again.index != b.index)
		bail("arena_get() does not return the extent that was freed last");
	return b;
}

static struct arena_buf after_reset(void)
{
	struct arena_buf b = owned();

	arena_reset_group(w.np, w.payload);
	return b;
}

static struct arena_buf zero(void)
{
	return (struct arena_buf){ 0 };
}

static struct arena_buf future_generation(void)
{
	struct arena_buf b = owned();

	b.generation++;
	return b;
}

static struct arena_buf first_part(void)
{
	struct arena_buf b = owned();

	b.count--;
	return b;
}

static struct arena_buf last_part(void)
{
	struct arena_buf b = owned();

	b.index++;
	b.count--;
	return b;
}

static struct arena_buf beyond_the_group(void)
{
	struct arena_buf b = owned();

	b.index = UINT32_MAX;
	return b;
}

static struct arena_buf no_group(void)
{
	struct arena_buf b = owned();

	b.group = UINT16_MAX;
	return b;
}

static struct arena_buf peers_group(void)
{
	struct arena_buf b = owned();

	b.group = (uint16_t)w.disk;
	return b;
}

static struct arena_buf control_group(void)
{
	return (struct arena_buf){
		.group = (uint16_t)w.control, .count = 1, .generation = 1,
	};
}

static struct arena_buf returned(void)
{
	struct arena_buf b = borrowed();
	struct arena_ref ref;

	arena_return(w.np, b, &ref);
	return b;
}

/* The extent was returned, and borrowed again with the same generation. */
static struct arena_buf borrowed_again(void)
{
	struct arena_buf b = returned(), again;

	if (arena_borrow(w.np, SP, &borrowed_ref, &again))
		bail("a returned extent cannot be borrowed again");
	return b;
}

static struct arena_buf of_dead_peer(void)
{
	struct arena_buf b = borrowed();

	arena_peer_died(w.np, SP);
	return b;
}

/**
 * struct row - a kind of handle
 * @name: name of the kind
 * @make: makes a handle of this kind
 * @state: state that arena_state() must report for it
 * @want: result that each call must have with it
 */
struct row {
	const char *name;
	struct arena_buf (*make)(void);
	enum arena_state state;
	int want[N_CALLS];
};

#define ALL(e, last)	{ e, e, e, e, e, e, e, e, last }

static const struct row rows[] = {
	/* put, ptr, ptr_const; io_begin to read, to write, io_end; lend, unlend, return */
	{ "a handle to an OWNED extent", owned, ARENA_OWNED,
	  { 0, 0, 0, 0, 0, -EINVAL, 0, -EINVAL, -EACCES } },
	{ "a handle to an IN_IO extent", in_io, ARENA_IN_IO,
	  { -EBUSY, -EBUSY, -EBUSY, 0, 0, 0, -EBUSY, -EBUSY, -EACCES } },
	{ "a handle to a LENT extent", lent, ARENA_LENT,
	  { -EPERM, -EPERM, -EPERM, -EPERM, -EPERM, -EPERM, -EPERM, 0, -EACCES } },
	{ "a handle to a LOST extent", lost, ARENA_LOST,
	  { -EPERM, -EPERM, -EPERM, -EPERM, -EPERM, -EPERM, -EPERM, 0, -EACCES } },
	{ "a handle to a freed extent", freed, ARENA_STALE, ALL(-ESTALE, -EACCES) },
	{ "a handle to an extent that was freed and got again", reused, ARENA_STALE,
	  ALL(-ESTALE, -EACCES) },
	{ "a handle to an extent that a reset of its group freed", after_reset, ARENA_STALE,
	  ALL(-ESTALE, -EACCES) },
	{ "a zeroed handle", zero, ARENA_STALE, ALL(-EINVAL, -EINVAL) },
	{ "a handle with the next generation of its extent", future_generation, ARENA_STALE,
	  ALL(-EINVAL, -EACCES) },
	{ "a handle to the first buffers of an extent", first_part, ARENA_STALE,
	  ALL(-EINVAL, -EACCES) },
	{ "a handle to the last buffers of an extent", last_part, ARENA_STALE,
	  ALL(-EINVAL, -EACCES) },
	{ "a handle with an index beyond its group", beyond_the_group, ARENA_STALE,
	  ALL(-EINVAL, -EACCES) },
	{ "a handle with a group that does not exist", no_group, ARENA_STALE,
	  ALL(-EINVAL, -EINVAL) },
	{ "a handle to a buffer of the control group", control_group, ARENA_STALE,
	  ALL(-EINVAL, -EACCES) },
	{ "a handle to a peer's extent that was not borrowed", peers_group, ARENA_STALE,
	  { -EACCES, -EACCES, -EINVAL, -EINVAL, -EINVAL, -EINVAL, -EACCES, -EACCES, -EINVAL } },
	{ "a handle to a BORROWED extent", borrowed, ARENA_BORROWED,
	  { -EACCES, -EACCES, 0, 0, -EACCES, -EINVAL, -EACCES, -EACCES, 0 } },
	{ "a handle to a borrowed extent that is IN_IO", borrowed_in_io, ARENA_IN_IO,
	  { -EACCES, -EACCES, -EBUSY, 0, -EACCES, 0, -EACCES, -EACCES, -EBUSY } },
	{ "a handle to a returned extent", returned, ARENA_STALE,
	  { -EACCES, -EACCES, -ESTALE, -ESTALE, -ESTALE, -ESTALE, -EACCES, -EACCES, -ESTALE } },
	{ "the first handle to an extent that was returned and borrowed again",
	  borrowed_again, ARENA_STALE,
	  { -EACCES, -EACCES, -ESTALE, -ESTALE, -ESTALE, -ESTALE, -EACCES, -EACCES, -ESTALE } },
	{ "a handle to a borrowed extent of a dead peer", of_dead_peer, ARENA_STALE,
	  { -EACCES, -EACCES, -ESTALE, -ESTALE, -ESTALE, -ESTALE, -EACCES, -EACCES, -ESTALE } },
	{ "a handle to an IN_IO extent of a dead peer", orphan, ARENA_IN_IO,
	  { -EACCES, -EACCES, -EBUSY, 0, -EACCES, 0, -EACCES, -EACCES, -EBUSY } },
};

/* The state after a call that succeeds. */
static enum arena_state state_after(const struct row *r, enum call call)
{
	bool is_theirs = r->want[PUT] == -EACCES;

	switch (call) {
	case PUT:
	case RETURN:
		return ARENA_STALE;
	case IO_BEGIN:
	case IO_BEGIN_WRITE:
		return ARENA_IN_IO;
	case IO_END:
		if (r->make == orphan)
			return ARENA_STALE;
		return is_theirs ? ARENA_BORROWED : ARENA_OWNED;
	case LEND:
		return ARENA_LENT;
	case UNLEND:
		return ARENA_OWNED;
	default:
		return r->state;
	}
}

/**
 * struct cell - one call with one handle
 * @b: the handle
 * @call: the call
 */
struct cell {
	struct arena_buf b;
	enum call call;
};

static void act_cell(void *arg)
{
	const struct cell *c = arg;

	do_call(c->call, c->b);
}

static bool refused(const struct row *r, struct cell *c)
{
	int want = r->want[c->call];
	char head[64];
	int got;

	if (IS_DEBUG) {
		snprintf(head, sizeof(head), "arena: misuse: %s() at ", call_names[c->call]);
		run_in_child(act_cell, c);
		return child_end.aborted && !strncmp(child_end.report, head, strlen(head)) &&
		       strstr(child_end.report, __FILE__) &&
		       strstr(child_end.report, error_name(want));
	}
	got = do_call(c->call, c->b);
	return got == (c->call == PTR || c->call == PTR_CONST ? 1 : want);
}

static bool try_cell(const struct row *r, enum call call)
{
	struct cell c = { .b = r->make(), .call = call };
	enum arena_state before = arena_state(w.np, c.b);
	enum arena_state after = r->want[call] ? before : state_after(r, call);
	bool good;

	good = before == r->state;
	good &= r->want[call] ? refused(r, &c) : !do_call(call, c.b);
	good &= arena_state(w.np, c.b) == after;
	good &= !arena_io_address(w.np, c.b) == (after != ARENA_IN_IO);
	good &= arena_size(w.np, c.b) == (after == ARENA_STALE ? 0 : EXTENT * 4096);
	if (!good)
		diag("%s() with %s: state %d, then %d; %s", call_names[call],
		     r->name, before, arena_state(w.np, c.b), child_end.report);
	while (arena_state(w.np, c.b) == ARENA_IN_IO)
		arena_io_end(w.np, c.b);
	return good;
}

static void test_table(void)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bool good = true;

		for (int call = 0; call < N_CALLS; call++) {
			world_open();
			good &= try_cell(&rows[i], (enum call)call);
			world_close();
		}
		ok(good, "each call with %s has the result that arena.h names", rows[i].name);
	}
}

/*
 * Other misuse
 */

/**
 * struct other - a misuse that has nothing to do with the state of an extent
 * @name: name of the misuse
 * @call: function that the misuse report names
 * @act: makes the call and returns its result
 * @want: result that it must have
 * @got: result that it has
 */
struct other {
	const char *name;
	const char *call;
	int (*act)(void);
	int want;
	int got;
};

static struct arena_buf out;

static int get_none(void)
{
	return arena_get(w.np, w.payload, 0, &out);
}

static int get_too_many(void)
{
	return arena_get(w.np, w.net, arena_layout(w.np)->group[w.net].count + 1, &out);
}

static int get_65536(void)
{
	return arena_get(w.np, w.payload, 65536, &out);
}

static int get_of_peer(void)
{
	return arena_get(w.np, w.disk, 1, &out);
}

static int get_of_control(void)
{
	return arena_get(w.np, w.control, 1, &out);
}

static int get_of_no_group(void)
{
	return arena_get(w.np, 1U << 16 | w.payload, 1, &out);
}

static int get_for_control(void)
{
	return arena_get_for(w.np, ARENA_USE_CONTROL, 1, &out);
}

static int get_for_peers_use(void)
{
	return arena_get_for(w.np, USE_SECOND, 1, &out);
}

static int get_for_no_use(void)
{
	return arena_get_for(w.np, 77, 1, &out);
}

static int get_for_none(void)
{
	return arena_get_for(w.np, USE_SMALL, 0, &out);
}

static int lend_to_oneself(void)
{
	struct arena_ref ref;

	return arena_lend(w.np, owned(), NP, &ref);
}

static int lend_to_nobody(void)
{
	struct arena_ref ref;

	return arena_lend(w.np, owned(), ARENA_ROLE(1, 1), &ref);
}

static int lend_to_no_role(void)
{
	struct arena_ref ref;

	return arena_lend(w.np, owned(), 2U << 16, &ref);
}

static int reset_lent(void)
{
	lent();
	return arena_reset_group(w.np, w.payload);
}

static int reset_lost(void)
{
	lost();
	return arena_reset_group(w.np, w.payload);
}

static int reset_in_io(void)
{
	struct arena_buf b = in_io();
	int ret = arena_reset_group(w.np, w.payload);

	arena_io_end(w.np, b);
	return ret;
}

static int reset_peers(void)
{
	return arena_reset_group(w.np, w.disk);
}

static int reset_no_group(void)
{
	return arena_reset_group(w.np, 1U << 20);
}

static void act_other(void *arg)
{
	struct other *o = arg;

	o->got = o->act();
}

static void test_others(void)
{
	struct other others[] = {
		{ "getting 0 buffers", "arena_get", get_none, -EINVAL, 0 },
		{ "getting more buffers than the group has",
		  "arena_get", get_too_many, -EINVAL, 0 },
		{ "getting 65536 buffers", "arena_get", get_65536, -EINVAL, 0 },
		{ "getting from a peer's group", "arena_get", get_of_peer, -EACCES, 0 },
		{ "getting from a control group", "arena_get", get_of_control, -EACCES, 0 },
		{ "getting from a group that does not exist",
		  "arena_get", get_of_no_group, -EINVAL, 0 },
		{ "getting buffers for the use CONTROL",
		  "arena_get_for", get_for_control, -EACCES, 0 },
		{ "getting buffers for a use that only a peer has",
		  "arena_get_for", get_for_peers_use, -EACCES, 0 },
		{ "getting buffers for a use that no group has",
		  "arena_get_for", get_for_no_use, -EACCES, 0 },
		{ "getting 0 buffers for a use", "arena_get_for", get_for_none, -EINVAL, 0 },
		{ "lending an extent to one's own role",
		  "arena_lend", lend_to_oneself, -EINVAL, 0 },
		{ "lending an extent to a role that the layout does not have",
		  "arena_lend", lend_to_nobody, -EINVAL, 0 },
		{ "lending an extent to a role whose class does not exist",
		  "arena_lend", lend_to_no_role, -EINVAL, 0 },
		{ "resetting a group with a LENT extent",
		  "arena_reset_group", reset_lent, -EBUSY, 0 },
		{ "resetting a group with a LOST extent",
		  "arena_reset_group", reset_lost, -EBUSY, 0 },
		{ "resetting a group with an IN_IO extent",
		  "arena_reset_group", reset_in_io, -EBUSY, 0 },
		{ "resetting a peer's group", "arena_reset_group", reset_peers, -EACCES, 0 },
		{ "resetting a group that does not exist",
		  "arena_reset_group", reset_no_group, -EACCES, 0 },
	};

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		struct other *o = &others[i];
		char head[64];

		world_open();
		if (IS_DEBUG) {
			snprintf(head, sizeof(head), "arena: misuse: %s() at " __FILE__, o->call);
			run_in_child(act_other, o);
			ok(child_end.aborted && !strncmp(child_end.report, head, strlen(head)) &&
			   strstr(child_end.report, error_name(o->want)),
			   "%s ends the process with a report", o->name);
		} else {
			is(o->act(), o->want, "%s is refused", o->name);
		}
		world_close();
	}
}

/*
 * The report
 */

/**
 * struct history - the steps of an extent's life, and the places of their calls
 * @b: the extent
 * @place: place of each call
 */
struct history {
	struct arena_buf b;
	const char *place[10];
};

static void act_history(void *arg)
{
	struct history *h = arg;
	const char *place;

	AT(place, arena_put(w.np, h->b));
	/* Not reached with ARENA_DEBUG. */
	h->place[9] = place;
}

/* True if the report has all of @wanted in this order. */
static bool report_has(const char *const *wanted, size_t n)
{
	const char *at = child_end.report;

	for (size_t i = 0; i < n; i++) {
		at = strstr(at, wanted[i]);
		if (!at) {
			diag("missing or in another order: %s\n%s", wanted[i], child_end.report);
			return false;
		}
	}
	return true;
}

static void make_history(struct history *h)
{
	struct arena_ref ref;
	struct arena_buf b;

	if (AT(h->place[0], arena_get(w.np, w.payload, EXTENT, &b)))
		bail("no extent is free");
	h->b = b;
	AT(h->place[1], arena_io_begin(w.np, b, 0));
	AT(h->place[2], arena_io_begin(w.np, b, 1));
	AT(h->place[3], arena_io_end(w.np, b));
	AT(h->place[4], arena_io_end(w.np, b));
	AT(h->place[5], arena_lend(w.np, b, SP, &ref));
	AT(h->place[6], arena_unlend(w.np, b));
	AT(h->place[7], arena_lend(w.np, b, SP, &ref));
	if (arena_regain(w.np, SP, &ref, &b))
		bail("the extent cannot be regained");
	AT(h->place[8], arena_lend(w.np, b, SP, &ref));
}

/* With a line end, so that the report must have the whole rest of the line. */
static const char *line(char *to, const char *what, const char *place)
{
	snprintf(to, 128, "%s%s%s\n", what, place ? " at " : "", place ? place : "");
	return to;
}

static void test_report(void)
{
	struct history h = { .place = { 0 } };
	char l[8][128];

	world_open();
	make_history(&h);
	run_in_child(act_history, &h);
	if (IS_DEBUG) {
		const char * const wanted[] = {
			"arena: misuse: arena_put() at " __FILE__ ":",
			"by role 0.0", "a peer has it (EPERM)",
			"LENT with role 1.0, count 4, generation 1\n",
			"... 2 earlier steps\n",
			line(l[0], "  io begun", h.place[2]), line(l[1], "  io ended", h.place[3]),
			line(l[2], "  io ended", h.place[4]),
			line(l[3], "  lent to role 1.0", h.place[5]),
			line(l[4], "  taken back unsent from role 1.0", h.place[6]),
			line(l[5], "  lent to role 1.0", h.place[7]),
			line(l[6], "  regained from role 1.0", NULL),
			line(l[7], "  lent to role 1.0", h.place[8]),
		};

		ok(child_end.aborted && report_has(wanted, sizeof(wanted) / sizeof(wanted[0])),
		   "a misuse report has the extent's state and last steps, with their places");
	} else {
		ok(!child_end.aborted && !child_end.report[0],
		   "a misuse is not reported without ARENA_DEBUG");
	}
	world_close();
}

int main(void)
{
	world_begin(NAME);
	test_table();
	test_others();
	test_report();
	arena_test_end(w.m);
	return done_testing();
}
