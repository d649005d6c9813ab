/* SPDX-License-Identifier: MIT */
/*
 * Surveys that wait. One of them can last some milliseconds, so those who asked for them take
 * turns: the network processes, and within the turns of each its clients. A survey waits for at
 * most one of each other network process, and of those of its own for at most one of each other
 * client, however many they have asked for.
 *
 * The functions do no more than order jobs. This header must not know what a survey is, nor of
 * threads.
 */
#ifndef SP_SURVEY_QUEUE_H
#define SP_SURVEY_QUEUE_H

#include <proto/layout.h>
#include <stdint.h>
#include <sys/queue.h>

/**
 * struct survey_turn - the place of a job in a queue
 * @clients: in the list of its NP: only the oldest job of each client is there
 * @same: in @later of that job
 * @later: of the oldest job of a client: its other jobs, the oldest first
 * @peer: number of the NP that asked, below PROTO_MAX_NPS; set by the caller
 * @client: the NP's number of the client that asked; set by the caller
 */
struct survey_turn {
	TAILQ_ENTRY(survey_turn) clients;
	STAILQ_ENTRY(survey_turn) same;
	STAILQ_HEAD(, survey_turn) later;
	uint32_t peer;
	uint16_t client;
};

/**
 * struct survey_queue - jobs that wait
 * @peer: for each NP the oldest job of each client, the client whose turn it is first
 * @next: the NP whose turn it is
 */
struct survey_queue {
	TAILQ_HEAD(, survey_turn) peer[PROTO_MAX_NPS];
	uint32_t next;
};

/** survey_queue_init() - make an empty queue */
void survey_queue_init(struct survey_queue *q);

/** survey_queue_put() - add a job whose peer and client are set */
void survey_queue_put(struct survey_queue *q, struct survey_turn *t);

/** survey_queue_take() - remove the job whose turn it is; NULL if there is none */
struct survey_turn *survey_queue_take(struct survey_queue *q);

#endif /* SP_SURVEY_QUEUE_H */
