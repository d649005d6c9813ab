/* SPDX-License-Identifier: MIT */
/*
 * The replacement of a running NP by another process, which executes the program that is installed
 * now. Both run for a while, and connections do not end: the running one hands them over by
 * np/handoff.h, and ends. If the other one cannot start, or ends before, the running one goes on.
 * One process is replaced at a time.
 *
 * This header must not know of connections.
 */
#ifndef ARENAD_REPLACE_H
#define ARENAD_REPLACE_H

#include <proto/layout.h>
#include <stdbool.h>
#include <stdint.h>

#include "child.h"

#define REPLACE_NAME_SIZE	80
/* The replacement of a process takes less, or is given up. */
#define REPLACE_SECONDS		90

struct crew;

/**
 * struct replacement - the replacement that is under way
 * @is_on: there is one
 * @i: number of the process that is replaced, if @is_on
 * @wanted: the NPs that are to be replaced when no other process is
 * @child: the other process, if @is_on; else its pidfd is -1
 * @line: arenad's end of its control socket
 * @stats_fd: its memory for statistics, or -1
 * @n_bundles: reload.n_bundles when it was started
 * @deadline: when it is given up; of clock_deadline()
 * @name: its name in messages
 */
struct replacement {
	bool is_on;
	unsigned int i;
	bool wanted[PROTO_MAX_NPS];
	struct child child;
	int line;
	int stats_fd;
	uint32_t n_bundles;
	int64_t deadline;
	char name[REPLACE_NAME_SIZE];
};

/** replace_init() - nothing is to be replaced */
void replace_init(struct replacement *r);

/**
 * crew_replace_np() - begin to replace a running NP
 * @c: the processes
 * @i: number of the NP
 *
 * crew_turn() goes on with it. What comes of it is logged, errors too.
 *
 * Return: 0; -EBUSY while another one is being replaced; -ESRCH if it, or an SP, does not run; or
 * another -errno.
 */
int crew_replace_np(struct crew *c, unsigned int i);

/** crew_replace_nps() - replace all NPs, one after the other, when no SP is to be replaced */
void crew_replace_nps(struct crew *c);

/** crew_is_replacing() - is a process being replaced, or to be? */
bool crew_is_replacing(const struct crew *c);

/**
 * replace_ended() - process @i has ended, and was reaped
 *
 * Return: true if the other process has its place now.
 */
bool replace_ended(struct crew *c, unsigned int i);

/** replace_turn() - go on: look whether the other process has ended or is late, begin the next */
void replace_turn(struct crew *c);

/** replace_wait_ms() - for how many milliseconds there is nothing to do; -1 for ever */
int replace_wait_ms(const struct crew *c);

/** replace_stop() - end the other process, if there is one, as arenad ends */
void replace_stop(struct crew *c);

#endif /* ARENAD_REPLACE_H */
