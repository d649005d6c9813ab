/* SPDX-License-Identifier: MIT */
/*
 * Handlers of the ring's events. The address of a handler is the cookie of its operation or source,
 * so a handler must stay in place until the last event.
 */
#ifndef NP_HANDLER_H
#define NP_HANDLER_H

#include <arena/ring.h>
#include <stddef.h>
#include <stdint.h>

#define container_of(ptr, type, member) \
	((type *)(void *)((char *)(ptr) - offsetof(type, member)))

/**
 * struct handler - a part of each object that handles events
 * @happened: called for each event
 */
struct handler {
	void (*happened)(struct handler *h, const struct arena_event *e);
};

static inline uint64_t handler_cookie(const struct handler *h)
{
	return (uintptr_t)h;
}

static inline void handler_call(const struct arena_event *e)
{
	struct handler *h = (struct handler *)(uintptr_t)e->cookie;

	h->happened(h, e);
}

#endif /* NP_HANDLER_H */
