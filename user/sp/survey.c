// SPDX-License-Identifier: MIT
#include "survey.h"

#include <assert.h>
#include <common/clock.h>
#include <common/log.h>
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "backend/backend.h"
#include "request.h"
#include "sp.h"
#include "work.h"

/* A shorter READ costs less than a survey. */
#define READ_MIN	(64U << 10)
/* Parts of a READ's range that are looked at to find where its data ends. */
#define READ_PARTS	16U
/* A survey that lasts longer ends with the part that it has found. */
#define LIMIT_MS	10
#define STACK_BYTES	(256U << 10)

/*
 * In the thread
 */

/* Survey the range part by part. The rest of the range is left out when a bound is reached. */
static void find_parts(const struct backend *b, struct survey_job *j)
{
	uint64_t at = j->offset, end = j->offset + j->length;
	int64_t deadline = clock_deadline(LIMIT_MS);

	j->n = 0;
	do {
		struct backend_part p = b->ops->survey(b, at, end - at);

		j->part[j->n++] = (struct proto_part){
			.length = p.length,
			.flags = p.is_hole ? PROTO_PART_HOLE | PROTO_PART_ZERO : 0,
		};
		at += p.length;
	} while (at < end && j->n < j->max && clock_left_ms(deadline) > 0);
}

/* Find the holes at both ends of the range. Whatever lies between is read. */
static void find_ends(const struct backend *b, struct survey_job *j)
{
	uint64_t at = j->offset, end = j->offset + j->length;
	int64_t deadline = clock_deadline(LIMIT_MS);
	uint64_t data_end = j->offset;
	bool has_data = false;

	j->before = 0;
	for (uint32_t i = 0; at < end && i < READ_PARTS && clock_left_ms(deadline) > 0; i++) {
		struct backend_part p = b->ops->survey(b, at, end - at);

		if (!has_data && p.is_hole)
			j->before = at + p.length - j->offset;
		has_data |= !p.is_hole;
		at += p.length;
		if (!p.is_hole)
			data_end = at;
	}
	/* What was not looked at counts as data. */
	if (at < end)
		data_end = end;
	j->after = has_data || at < end ? end - data_end : 0;
	j->is_dense = !j->before && !j->after && b->ops->is_dense(b);
}

static struct survey_job *job_of(struct survey_turn *t)
{
	return (struct survey_job *)((char *)t - offsetof(struct survey_job, turn));
}

/* Wait for a job. Return: NULL if the thread is to end. */
static struct survey_job *next_job(struct survey *s)
{
	struct survey_turn *t = NULL;

	pthread_mutex_lock(&s->lock);
	while (!s->is_ending && !(t = survey_queue_take(&s->waiting)))
		pthread_cond_wait(&s->wake, &s->lock);
	pthread_mutex_unlock(&s->lock);
	return t ? job_of(t) : NULL;
}

static void *run(void *context)
{
	struct survey *s = context;
	struct survey_job *j;

	while ((j = next_job(s))) {
		if (j->part)
			find_parts(s->backend, j);
		else
			find_ends(s->backend, j);
		pthread_mutex_lock(&s->lock);
		STAILQ_INSERT_TAIL(&s->done, j, link);
		pthread_mutex_unlock(&s->lock);
		arena_waker_wake(s->waker);
	}
	return NULL;
}

/*
 * In the ring's thread
 */

/* The thread takes no signals: those that the ring does not receive are for the ring's thread. */
static int start_thread(struct survey *s)
{
	sigset_t all, before;
	pthread_attr_t attr;
	int ret;

	/* RLIMIT_STACK may be more than the memory that the process may map. */
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	ret = pthread_create(&s->thread, &attr, run, s);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	return -ret;
}

int sp_survey_open(struct sp *sp)
{
	struct survey *s = &sp->survey;
	int ret;

	if (!sp->backend.ops->survey)
		return 0;
	survey_queue_init(&s->waiting);
	STAILQ_INIT(&s->done);
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->wake, NULL);
	s->backend = &sp->backend;
	s->is_sparse = !sp->backend.ops->is_dense(&sp->backend);
	s->job = calloc(sp->n_requests, sizeof(*s->job));
	ret = s->job ? arena_ring_add_waker(sp->ring, 0, &s->waker, NULL) : -ENOMEM;
	if (!ret)
		ret = start_thread(s);
	if (!ret)
		return 0;
	log_error("cannot start a thread: %s", log_reason(-ret));
	free(s->job);
	s->backend = NULL;
	return ret;
}

void sp_survey_close(struct sp *sp)
{
	struct survey *s = &sp->survey;

	if (!s->backend)
		return;
	pthread_mutex_lock(&s->lock);
	s->is_ending = true;
	pthread_cond_signal(&s->wake);
	pthread_mutex_unlock(&s->lock);
	pthread_join(s->thread, NULL);
	pthread_cond_destroy(&s->wake);
	pthread_mutex_destroy(&s->lock);
	free(s->job);
	s->backend = NULL;
}

bool sp_survey_helps(const struct sp *sp, const struct sp_request *r)
{
	return sp->survey.is_sparse && r->flags & PROTO_FLAG_HOLES && r->length >= READ_MIN;
}

void sp_survey_punched(struct sp *sp)
{
	sp->survey.is_sparse = sp->survey.backend;
}

void sp_survey_begin(struct sp *sp, struct sp_request *r)
{
	struct survey *s = &sp->survey;
	struct survey_job *j = &s->job[r - sp->requests];
	bool is_read = r->operation == PROTO_READ;

	*j = (struct survey_job){
		.turn = { .peer = r->peer->id, .client = r->client },
		.offset = r->offset,
		.length = r->length,
		.part = is_read ? NULL : arena_ptr(sp->arena, r->own),
		.max = r->flags & PROTO_FLAG_ONE ? 1 : PROTO_MAX_PARTS,
	};
	assert(is_read || j->part);
	r->is_surveyed = true;
	pthread_mutex_lock(&s->lock);
	survey_queue_put(&s->waiting, &j->turn);
	pthread_cond_signal(&s->wake);
	pthread_mutex_unlock(&s->lock);
}

void sp_survey_take(struct sp *sp)
{
	struct survey_jobs done = STAILQ_HEAD_INITIALIZER(done);
	struct survey *s = &sp->survey;
	struct survey_job *j;

	pthread_mutex_lock(&s->lock);
	STAILQ_CONCAT(&done, &s->done);
	pthread_mutex_unlock(&s->lock);
	while ((j = STAILQ_FIRST(&done))) {
		STAILQ_REMOVE_HEAD(&done, link);
		if (j->is_dense)
			s->is_sparse = false;
		sp_work_surveyed(sp, &sp->requests[j - s->job], j);
	}
}
