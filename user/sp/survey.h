/* SPDX-License-Identifier: MIT */
/*
 * The survey of a disk: which parts of a range are holes. Only a file can tell, and the call may
 * have to read metadata from the disk below it, so it is made in a thread of its own, by which the
 * ring's thread is not delayed. Each survey is bounded in parts and in time.
 *
 * The thread knows the disk and the jobs, and nothing else of the process.
 */
#ifndef SP_SURVEY_H
#define SP_SURVEY_H

#include <arena/source.h>
#include <proto/record.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "survey-queue.h"

struct backend;
struct sp;
struct sp_request;

/**
 * struct survey_job - a survey of a range
 * @link: in the list of jobs that are done
 * @turn: its place in the queue of jobs that wait
 * @offset: first byte of the range
 * @length: bytes of the range
 * @part: PROTO_MAX_PARTS entries to be filled, or NULL if only the ends of the range matter
 * @max: parts that are wanted at most
 * @n: how many parts were found
 * @before: without @part: bytes at the beginning of the range that are a hole
 * @after: without @part: the same at its end; 0 if the whole range is a hole
 * @is_dense: the file has no hole at all
 */
struct survey_job {
	STAILQ_ENTRY(survey_job) link;
	struct survey_turn turn;
	uint64_t offset;
	uint64_t length;
	struct proto_part *part;
	uint32_t max;
	uint32_t n;
	uint64_t before;
	uint64_t after;
	bool is_dense;
};

STAILQ_HEAD(survey_jobs, survey_job);

/**
 * struct survey - the thread and its jobs
 * @backend: the disk, NULL if it cannot tell its holes and there is no thread
 * @waker: wakes the ring when a job is done
 * @thread: the thread
 * @lock: protects what follows, but for the jobs of others
 * @wake: signalled when there is a job, or the end
 * @waiting: jobs that wait for the thread
 * @done: jobs that are done
 * @is_ending: the thread is to end
 * @is_sparse: the file may have holes; of the ring's thread
 * @job: a job for each request; each belongs to the thread from its beginning until it is done
 */
struct survey {
	const struct backend *backend;
	struct arena_waker *waker;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct survey_queue waiting;
	struct survey_jobs done;
	bool is_ending;
	bool is_sparse;
	struct survey_job *job;
};

/** sp_survey_open() - start the thread, if the disk can tell its holes; 0 or -errno */
int sp_survey_open(struct sp *sp);

/** sp_survey_close() - end the thread, which has no job any more */
void sp_survey_close(struct sp *sp);

/** sp_survey_helps() - may a READ find holes, and is it long enough to look for them? */
bool sp_survey_helps(const struct sp *sp, const struct sp_request *r);

/** sp_survey_punched() - note that the disk may have holes now */
void sp_survey_punched(struct sp *sp);

/** sp_survey_begin() - survey the range of a READ or BLOCK_STATUS; see sp_work_surveyed() */
void sp_survey_begin(struct sp *sp, struct sp_request *r);

/** sp_survey_take() - call sp_work_surveyed() for each job that is done */
void sp_survey_take(struct sp *sp);

#endif /* SP_SURVEY_H */
