/* SPDX-License-Identifier: MIT */
/*
 * What the ways to hand over have in common: what the two processes share, and what a
 * way is.
 */
#ifndef BENCH_HANDOFF_H
#define BENCH_HANDOFF_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>

#include <arena/channel.h>

#define WINDOW		64	/* messages on their way */
#define ACK		32	/* the other side says so for this many */
#define BUFFER		4096
#define RING		256	/* entries of every ring: no kind has to wait for room */

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "handoff: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* What is 0 or the negative number of an error. */
static void check(int ret, const char *what)
{
	if (!ret)
		return;
	errno = -ret;
	die(what);
}

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static inline void relax(void)
{
	__builtin_ia32_pause();
}

/* ---- what the two share; side s writes to dir[s] alone ---- */

/* Two cache lines: what a processor fetches may be a pair. */
struct apart {
	uint32_t v;
	char rest[124];
};

struct direction {
	struct apart tail, head;	/* bare */
	struct apart word, waiting;	/* futex */
	uint64_t bare[RING];
	uint64_t sent_at[RING];
	char buffer[WINDOW * 2][BUFFER] __attribute__((aligned(4096)));
};

struct shared {
	struct direction dir[2];
	uint32_t ready;
	bool wrong;
};

static struct shared *shared;

static int side;		/* 0 measures, 1 answers */
static pid_t peer;
static struct direction *to, *from;

/* ---- the kinds ---- */

/**
 * struct kind - a way to hand over
 * @name: in the CSV
 * @batch: messages a submit, where there is one
 * @channel: of ours: what carries the messages
 * @wait: of ours: how to wait for them
 * @init: before the two processes part
 * @start: in each of them
 * @send: one message
 * @flush: what @send has kept back
 * @recv: the next one; waits for it
 * @end: afterwards, in the process that goes on
 */
struct kind {
	const char *name;
	unsigned int batch;
	enum arena_channel_transport channel;
	enum arena_wait wait;
	void (*init)(void);
	void (*start)(void);
	void (*send)(uint64_t v);
	void (*flush)(void);
	uint64_t (*recv)(void);
	void (*end)(void);
};

static const struct kind *kind;

static void nothing(void)
{
}

#endif /* BENCH_HANDOFF_H */
