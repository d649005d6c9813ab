// SPDX-License-Identifier: MIT
#include "survey-queue.h"

#include <stddef.h>

void survey_queue_init(struct survey_queue *q)
{
	*q = (struct survey_queue){ 0 };
	for (uint32_t i = 0; i < PROTO_MAX_NPS; i++)
		TAILQ_INIT(&q->peer[i]);
}

/* An NP has no more jobs than requests, so the list is short beside the work of a survey. */
void survey_queue_put(struct survey_queue *q, struct survey_turn *t)
{
	struct survey_turn *first;

	STAILQ_INIT(&t->later);
	TAILQ_FOREACH(first, &q->peer[t->peer], clients) {
		if (first->client != t->client)
			continue;
		STAILQ_INSERT_TAIL(&first->later, t, same);
		return;
	}
	TAILQ_INSERT_TAIL(&q->peer[t->peer], t, clients);
}

/* Remove the job of the client whose turn it is. The next turn of this client is the last one. */
static struct survey_turn *take_of(struct survey_queue *q, uint32_t peer)
{
	struct survey_turn *t = TAILQ_FIRST(&q->peer[peer]), *second;

	if (!t)
		return NULL;
	TAILQ_REMOVE(&q->peer[peer], t, clients);
	second = STAILQ_FIRST(&t->later);
	if (second) {
		STAILQ_REMOVE_HEAD(&t->later, same);
		STAILQ_INIT(&second->later);
		STAILQ_CONCAT(&second->later, &t->later);
		TAILQ_INSERT_TAIL(&q->peer[peer], second, clients);
	}
	return t;
}

struct survey_turn *survey_queue_take(struct survey_queue *q)
{
	struct survey_turn *t = NULL;

	for (uint32_t i = 0; i < PROTO_MAX_NPS && !t; i++) {
		t = take_of(q, q->next);
		q->next = (q->next + 1) % PROTO_MAX_NPS;
	}
	return t;
}
