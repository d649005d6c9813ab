/* SPDX-License-Identifier: MIT */
/*
 * A crowd: processes that live at the same time. Each maps the same memory by itself, one after
 * the other, when the measuring process says so.
 */
#ifndef BENCH_CROWD_H
#define BENCH_CROWD_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <semaphore.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "memory.h"

/* How a process makes every page usable without a fault. */
enum method {
	TOUCH,			/* load from each page */
	STORE,			/* store to each page */
	POPULATE,		/* MAP_POPULATE, and a load from each page */
	METHODS,
};

static const char * const method_names[METHODS] = {
	[TOUCH] = "touch",
	[STORE] = "store",
	[POPULATE] = "populate",
};

/* The measurements of a process, with times in ns, in memory that the crowd shares. */
struct worker {
	sem_t go;
	const char *failed;	/* a string of the program, at one address in all processes */
	int error;
	uint64_t map, touch, unmap;
	uint64_t again;		/* a second pass, with stores */
	long minflt, majflt;
	long again_faults;
} __attribute__((aligned(64)));

struct crowd {
	int n;
	pid_t *pids;
	struct worker *workers;
	sem_t *done;		/* posted by each process after a step */
	size_t length;		/* bytes of the shared memory, which begins with @done */
};

/* Processes of a crowd that make the second pass; it is only a check. */
#define CROWD_AGAIN	8

static inline uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* mm: the crowd's memory; how: enum method */
static inline void worker_attach(struct worker *w, const struct memory *m, enum method how)
{
	struct rusage before, after;
	uint64_t t0, t1, t2;

	getrusage(RUSAGE_SELF, &before);
	t0 = now();
	if (memory_map(m, how == POPULATE) != m->addr) {
		w->failed = "map";
		w->error = errno;
		return;
	}
	t1 = now();
	memory_touch(m, how == STORE);
	t2 = now();
	getrusage(RUSAGE_SELF, &after);
	w->map = t1 - t0;
	w->touch = t2 - t1;
	w->minflt = after.ru_minflt - before.ru_minflt;
	w->majflt = after.ru_majflt - before.ru_majflt;
}

static inline void worker_again(struct worker *w, const struct memory *m)
{
	struct rusage before, after;
	uint64_t t0;

	getrusage(RUSAGE_SELF, &before);
	t0 = now();
	memory_touch(m, true);
	w->again = now() - t0;
	getrusage(RUSAGE_SELF, &after);
	w->again_faults = after.ru_minflt + after.ru_majflt -
			  before.ru_minflt - before.ru_majflt;
}

static inline void worker_detach(struct worker *w, const struct memory *m)
{
	uint64_t t0 = now();

	if (memory_unmap(m)) {
		w->failed = "unmap";
		w->error = errno;
	}
	w->unmap = now() - t0;
}

/* Run all later code once, on a page that is unmapped again, so that the code is in memory. */
static inline void worker_rehearse(struct worker *w, const struct memory *m)
{
	static const struct kind page = { "page", SHMEM, SZ_4K, 0 };
	struct memory rehearsal = { .kind = &page, .size = SZ_4K, .addr = m->addr };

	if (m->kind->type == REGION)
		rehearsal.addr = free_address(&page, SZ_4K);
	rehearsal.fd = memfd_create("rehearsal", MFD_CLOEXEC);
	if (rehearsal.fd < 0 || ftruncate(rehearsal.fd, SZ_4K)) {
		w->failed = "rehearse";
		w->error = errno;
		return;
	}
	worker_attach(w, &rehearsal, STORE);
	worker_again(w, &rehearsal);
	worker_detach(w, &rehearsal);
	close(rehearsal.fd);
}

static inline void worker_next(struct worker *w, sem_t *done)
{
	sem_post(done);
	while (sem_wait(&w->go))
		;
}

static inline __attribute__((noreturn)) void worker_main(struct worker *w, sem_t *done,
							 const struct memory *m,
							 enum method how, bool again)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	worker_rehearse(w, m);
	worker_next(w, done);
	worker_attach(w, m, how);
	worker_next(w, done);
	if (again)
		worker_again(w, m);
	worker_next(w, done);
	worker_detach(w, m);
	worker_next(w, done);
	_exit(0);
}

/* Allocate the results of at most @most processes. */
static inline struct crowd crowd_alloc(int most)
{
	struct crowd c = { .length = SZ_4K + (size_t)most * sizeof(struct worker) };

	c.done = mmap(NULL, c.length, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	c.pids = calloc((size_t)most, sizeof(*c.pids));
	if (c.done == MAP_FAILED || !c.pids)
		bail("no memory for %d processes", most);
	c.workers = (void *)((char *)c.done + SZ_4K);
	sem_init(c.done, 1, 0);
	return c;
}

static inline void crowd_free(struct crowd *c)
{
	munmap(c->done, c->length);
	free(c->pids);
}

/* Wait until process @i has finished its step; ends the program if it died. */
static inline void crowd_wait(struct crowd *c, int i)
{
	struct worker *w = &c->workers[i];
	struct timespec end;
	int status;

	for (;;) {
		clock_gettime(CLOCK_REALTIME, &end);
		end.tv_sec++;
		if (!sem_timedwait(c->done, &end))
			break;
		if (waitpid(c->pids[i], &status, WNOHANG))
			bail("process %d died, status %x", i + 1, (unsigned int)status);
	}
	if (w->failed)
		bail("process %d: %s: %s", i + 1, w->failed, strerror(w->error));
}

/* Let process @i take its next step, and wait until it has finished. */
static inline void crowd_step(struct crowd *c, int i)
{
	struct worker *w = &c->workers[i];

	sem_post(&w->go);
	crowd_wait(c, i);
}

/* Let all processes take their next step, one after the other. */
static inline void crowd_steps(struct crowd *c)
{
	for (int i = 0; i < c->n; i++)
		crowd_step(c, i);
}

/* Start the processes; they have not mapped anything yet. */
static inline void crowd_start(struct crowd *c, int n, const struct memory *m, enum method how)
{
	fflush(stdout);
	for (c->n = 0; c->n < n; c->n++) {
		struct worker *w = &c->workers[c->n];

		memset(w, 0, sizeof(*w));
		sem_init(&w->go, 1, 0);
		c->pids[c->n] = fork();
		if (c->pids[c->n] < 0)
			bail("fork of process %d: %s", c->n + 1, strerror(errno));
		if (!c->pids[c->n])
			worker_main(w, c->done, m, how, c->n < CROWD_AGAIN);
		crowd_wait(c, c->n);
	}
}

/* All processes have taken their last step but one, which is to exit. */
static inline void crowd_end(struct crowd *c)
{
	int status;

	for (int i = 0; i < c->n; i++) {
		sem_post(&c->workers[i].go);
		if (waitpid(c->pids[i], &status, 0) < 0 || status)
			bail("process %d of %d ended with status %x", i + 1, c->n, status);
	}
	c->n = 0;
}

#endif /* BENCH_CROWD_H */
