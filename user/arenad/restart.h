/* SPDX-License-Identifier: MIT */
/*
 * The times at which arenad starts a process again that has died, and at which it gives one up. The
 * first successor is started at once; each further one waits for longer than the one before. A
 * process that dies again and again, and never lives for long, stays down. A successor that cannot
 * be started counts as one that has died. A process that ends by no fault of its own is started
 * again for ever, after the same pauses.
 *
 * This header must not know how processes are started, nor read a clock.
 */
#ifndef ARENAD_RESTART_H
#define ARENAD_RESTART_H

#include <stdbool.h>
#include <stdint.h>

/*
 * By default so many deaths in a row, each before the process has lived for so long, are a crash
 * loop. A process whose peers do not answer takes half a minute to find that out.
 */
#define RESTART_DEATHS		5U
#define RESTART_LIFE_S		60

/* The second successor waits for so long, and each of the next ones for four times as long. */
#define RESTART_FIRST_MS	100
/* The pause of a process does not grow beyond that. */
#define RESTART_LONGEST_MS	1600

/**
 * struct restart - what is known of the deaths of a process; zeroes for one that has not died
 * @deaths: how often it has died since it last lived for RESTART_LIFE_S
 * @losses: how often it has ended by no fault of its own since then
 * @begun_at: when it was started last; nanoseconds of the caller's clock
 * @due_at: when its successor is to be started, if @is_due
 * @is_due: it is dead, and a successor is to be started
 * @is_given_up: it stays down
 * @may_stay_down: the others go on without it then, whatever the options say
 */
struct restart {
	uint32_t deaths;
	uint32_t losses;
	int64_t begun_at;
	int64_t due_at;
	bool is_due;
	bool is_given_up;
	bool may_stay_down;
};

/** restart_begun() - the process, or its successor, is being started at @now_ns */
void restart_begun(struct restart *r, int64_t now_ns);

/**
 * restart_died() - a process has died
 * @r: what is known of it
 * @now_ns: when
 * @most: deaths in a row that are a crash loop; 0 for none
 *
 * Return: true if a successor is to be started, at @r->due_at; false if it dies again and again,
 * and is given up.
 */
bool restart_died(struct restart *r, int64_t now_ns, uint32_t most);

/**
 * restart_lost() - a process has ended by no fault of its own
 * @r: what is known of it
 * @now_ns: when
 * @longest_ms: the pause does not grow beyond that
 *
 * A successor is to be started, at @r->due_at, however often that happens.
 */
void restart_lost(struct restart *r, int64_t now_ns, int64_t longest_ms);

/** restart_wanted() - a successor is to be started at once, and earlier deaths are forgotten */
void restart_wanted(struct restart *r, int64_t now_ns);

/** restart_give_up() - no successor is started any more */
void restart_give_up(struct restart *r);

#endif /* ARENAD_RESTART_H */
