/* SPDX-License-Identifier: MIT */
/*
 * When a process that has died is started again, and when arenad gives it up. The first death is
 * made good at once; each further one waits for twice as long as the one before. A process that
 * dies again and again stays down.
 *
 * This header must not know how processes are started, nor read a clock.
 */
#ifndef ARENAD_RESTART_H
#define ARENAD_RESTART_H

#include <stdbool.h>
#include <stdint.h>

/* So many deaths in so much time are a crash loop. */
#define RESTART_DEATHS		5U
#define RESTART_WINDOW_S	60

/* The second successor waits for the first time, and none waits for longer than the second one. */
#define RESTART_FIRST_MS	100
#define RESTART_LONGEST_MS	10000

/**
 * struct restart - what is known of the deaths of a process; zeroes for one that has not died
 * @deaths: how often it has died since it last lived for RESTART_WINDOW_S
 * @died_at: when the last RESTART_DEATHS deaths were, in turn; nanoseconds of the caller's clock
 * @begun_at: when it was started last
 * @due_at: when its successor is to be started, if @is_due
 * @is_due: it is dead, and a successor is to be started
 * @is_given_up: it stays down
 */
struct restart {
	uint32_t deaths;
	int64_t died_at[RESTART_DEATHS];
	int64_t begun_at;
	int64_t due_at;
	bool is_due;
	bool is_given_up;
};

/** restart_begun() - the process, or its successor, was started at @now_ns */
void restart_begun(struct restart *r, int64_t now_ns);

/**
 * restart_died() - the process has died at @now_ns
 *
 * Return: true if a successor is to be started, at @r->due_at; false if it dies again and again,
 * and is given up.
 */
bool restart_died(struct restart *r, int64_t now_ns);

/** restart_give_up() - no successor is started any more */
void restart_give_up(struct restart *r);

#endif /* ARENAD_RESTART_H */
