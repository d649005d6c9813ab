// SPDX-License-Identifier: LGPL-2.1-or-later
#include <proto/returns.h>

#include <errno.h>
#include <proto/record.h>
#include <stdlib.h>
#include <string.h>

int proto_returns_init(struct proto_returns *r, struct arena_channel *channel, uint32_t records,
		       uint32_t data, uint32_t requests)
{
	/* An SP holds the record of a request; an NP holds the record of its reply and its data. */
	uint32_t room = 2 * requests + 2;

	*r = (struct proto_returns){
		.channel = channel,
		.held = malloc(room * sizeof(*r->held)),
		.room = room,
		.most = {
			[PROTO_RETURN_RECORD] = records / 4,
			[PROTO_RETURN_DATA] = data / 2,
		},
	};
	return r->held ? 0 : -ENOMEM;
}

void proto_returns_drop(struct proto_returns *r)
{
	r->n = 0;
	memset(r->buffers, 0, sizeof(r->buffers));
}

void proto_returns_exit(struct proto_returns *r)
{
	free(r->held);
	*r = (struct proto_returns){ 0 };
}

int proto_returns_hold(struct proto_returns *r, const struct arena_ref *ref,
		       enum proto_returned what)
{
	int ret = r->n == r->room ? proto_returns_send(r) : 0;

	if (ret)
		return ret;
	r->held[r->n++] = *ref;
	r->buffers[what] += ref->count;
	return 0;
}

/* Keep the RETURNs that could not be queued. Their buffers stay counted, so they remain due. */
static void keep(struct proto_returns *r, uint32_t sent)
{
	r->n -= sent;
	memmove(r->held, r->held + sent, r->n * sizeof(*r->held));
}

int proto_returns_send(struct proto_returns *r)
{
	for (uint32_t i = 0; i < r->n; i++) {
		const struct arena_msg m = { .type = PROTO_MESSAGE_RETURN, .ref = r->held[i] };
		int ret = arena_channel_send(r->channel, &m);

		if (ret) {
			keep(r, i);
			return ret;
		}
	}
	proto_returns_drop(r);
	return 0;
}
