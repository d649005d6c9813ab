/* SPDX-License-Identifier: MIT */
/*
 * The memory that the two processes share, and struct kind, which describes one way to hand
 * over a buffer.
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

#define WINDOW		64	/* most messages under way */
#define ACK		32	/* messages after which the other side acknowledges */
#define BUFFER		4096
#define RING		256	/* entries of every ring, so that no kind waits for credit */

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "handoff: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* @ret is 0 or a negative error number. */
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

/* ---- the shared memory; side s writes only to dir[s] ---- */

/* Two cache lines, because a processor may fetch them in pairs. */
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
 * struct kind - a way to hand over a buffer
 * @name: its name in the CSV
 * @batch: messages in one submit
 * @channel: transport of a channel
 * @wait: how a channel waits for messages
 * @init: called before the fork
 * @start: called in each process after the fork
 * @send: sends or queues one message
 * @flush: sends queued messages
 * @recv: waits for the next message and returns its value
 * @end: called in the parent after the run
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
