// SPDX-License-Identifier: MIT
#include "request.h"

#include <assert.h>
#include <common/clock.h>
#include <errno.h>
#include <stdlib.h>

#include "np.h"

int request_table_init(struct request_table *t, uint32_t n)
{
	uint64_t use = proto_first_use(clock_boot_ns());

	TAILQ_INIT(&t->free);
	t->request = calloc(n, sizeof(*t->request));
	if (!t->request)
		return -ENOMEM;
	t->n = n;
	for (uint32_t i = 0; i < n; i++) {
		t->request[i].use = use;
		TAILQ_INSERT_TAIL(&t->free, &t->request[i], link);
	}
	return 0;
}

void request_table_exit(struct request_table *t)
{
	free(t->request);
	t->request = NULL;
}

static bool may_have_another(struct conn *c)
{
	struct np *np = c->np;
	enum admission_answer answer;

	if (c->n_requests >= CONN_REQUESTS_MAX || (c->bytes >= CONN_BYTES_MAX && c->n_requests))
		return false;
	answer = admission_take(&np->share.requests, c->sp, &c->has_requests, 1);
	if (answer == ADMISSION_FULL)
		admission_wait(&np->share.requests, c->sp);
	return answer == ADMISSION_GRANTED;
}

struct request *request_new(struct conn *c)
{
	struct request_table *t = &c->np->requests;
	struct request *r;
	uint64_t use;

	if (!may_have_another(c))
		return NULL;
	r = TAILQ_FIRST(&t->free);
	assert(r);
	TAILQ_REMOVE(&t->free, r, link);
	use = r->use;
	*r = (struct request){
		.conn = c,
		.state = REQUEST_WAITING,
		.use = use,
	};
	c->n_requests++;
	return r;
}

/* Can payload buffers become free? Those in use can, unless they are lost. */
static bool may_come_free(struct np *np)
{
	const struct arena_layout *l = arena_layout(np->arena);
	struct arena_usage u = { .size = sizeof(u) };

	for (uint32_t i = 0; i < l->n_groups; i++)
		if (l->group[i].role == np->role && l->group[i].use == PROTO_USE_PAYLOAD &&
		    !arena_usage(np->arena, i, &u) && u.owned + u.in_io + u.lent)
			return true;
	return false;
}

static int answer_to_errno(struct admission *a, uint32_t export, enum admission_answer answer)
{
	switch (answer) {
	case ADMISSION_GRANTED:
		return 0;
	case ADMISSION_NEVER:
		return -ENOMEM;
	case ADMISSION_FULL:
		admission_wait(a, export);
		break;
	case ADMISSION_ENOUGH:
		break;
	}
	return -EAGAIN;
}

static int admit_write(struct request *r, uint32_t n)
{
	struct conn *c = r->conn;
	struct np *np = c->np;
	struct admission *a = &np->share.payload;
	int ret = answer_to_errno(a, c->sp, admission_take(a, c->sp, &c->has_payload, n));

	if (ret)
		return ret;
	if (!arena_get_for(np->arena, PROTO_USE_PAYLOAD, n, &r->buf)) {
		r->taken = n;
		return 0;
	}
	/* As many buffers are free, but not side by side. */
	admission_give(a, c->sp, &c->has_payload, n);
	if (!may_come_free(np))
		return -ENOMEM;
	admission_wait(a, c->sp);
	return -EAGAIN;
}

static int admit_read(struct request *r, uint32_t n)
{
	struct conn *c = r->conn;
	struct admission *a = &c->np->peer[c->sp].data;
	int ret = answer_to_errno(a, 0, admission_take(a, 0, &c->has_data, n));

	if (!ret)
		r->taken = n;
	return ret;
}

/* The SP needs a buffer for the parts that it finds, and we need one to tell them to the client. */
static int admit_status(struct request *r)
{
	int ret = admit_read(r, 1);

	if (!ret)
		ret = admit_write(r, 1);
	if (!ret || !r->taken)
		return ret;
	r->taken = 0;
	admission_give(&r->conn->np->peer[r->conn->sp].data, 0, &r->conn->has_data, 1);
	return ret;
}

int request_admit(struct request *r)
{
	int ret;

	switch (r->command.operation) {
	case PROTO_WRITE:
		ret = admit_write(r, request_buffers(r));
		break;
	case PROTO_READ:
		ret = admit_read(r, request_buffers(r));
		break;
	case PROTO_BLOCK_STATUS:
		return admit_status(r);
	default:
		return 0;
	}
	if (!ret)
		r->conn->bytes += r->command.length;
	return ret;
}

void request_drop_payload(struct request *r)
{
	struct conn *c = r->conn;
	int ret;

	if (!r->buf.count)
		return;
	ret = arena_put(c->np->arena, r->buf);
	assert(!ret);
	(void)ret;
	r->buf = (struct arena_buf){ 0 };
}

/* A refused request, and a READ without data, have no buffers. */
static void give_back_data(struct request *r)
{
	struct conn *c = r->conn;
	struct np *np = c->np;

	if (!r->taken)
		return;
	if (r->command.operation != PROTO_READ)
		admission_give(&np->share.payload, c->sp, &c->has_payload, r->taken);
	if (r->command.operation != PROTO_WRITE)
		admission_give(&np->peer[c->sp].data, 0, &c->has_data, r->taken);
	if (r->command.operation != PROTO_BLOCK_STATUS)
		c->bytes -= r->command.length;
}

/* Give back what admission granted. */
static void give_back(struct request *r)
{
	struct conn *c = r->conn;

	admission_give(&c->np->share.requests, c->sp, &c->has_requests, 1);
	give_back_data(r);
}

static void renew(struct request *r)
{
	r->use++;
	r->conn->np->has_given = true;
}

void request_again(struct request *r)
{
	struct conn *c = r->conn;

	assert(r->command.operation == PROTO_READ && !r->holds);
	give_back_data(r);
	renew(r);
	command_next(&r->command);
	r->state = REQUEST_WAITING;
	r->begun_ns = np_noted_ns(c->np);
	r->answered_ns = 0;
	r->taken = 0;
	r->answer = (struct answer){ 0 };
	r->from = 0;
	r->sent = 0;
	/* A simple reply has one header, and it was sent with the first piece. */
	r->has_header = c->session.style == NBD_SIMPLE;
	r->is_sent = false;
}

void request_put(struct request *r)
{
	struct conn *c = r->conn;

	assert(r->state != REQUEST_FREE && !r->holds);
	give_back(r);
	c->n_requests--;
	conn_touch(c);
	renew(r);
	r->state = REQUEST_FREE;
	r->conn = NULL;
	/* The request goes to the head of the list, as it is probably in a cache. */
	TAILQ_INSERT_HEAD(&c->np->requests.free, r, link);
}

struct request *request_of_tag(const struct request_table *t, uint64_t tag)
{
	uint32_t slot = proto_slot(tag);

	if (slot >= t->n || request_tag(t, &t->request[slot]) != tag)
		return NULL;
	return &t->request[slot];
}
