/* SPDX-License-Identifier: MIT */
/*
 * The order in which requests begin that come from several NPs. A client whose connection was cut
 * may come back through another NP, and write newer data to the same blocks. So a request must not
 * begin before one that was handed over earlier, by whichever NP.
 *
 * The mailboxes of the NPs are looked at one after the other, in which time more messages come.
 * Therefore a turn first notes the time, then looks at all of them, and then begins the requests
 * that were complete before that time, the oldest first. Whatever was handed over before one of
 * these was complete has been taken, too. The others begin in the next turn, which follows at once.
 * An NP can give its requests any time: it can only put its own clients at a disadvantage.
 *
 * With one NP its channel keeps the order, and requests begin as they come.
 *
 * This header must not know how requests are carried out.
 */
#ifndef SP_ORDER_H
#define SP_ORDER_H

#include <stdbool.h>
#include <stdint.h>

struct sp;
struct sp_request;

/**
 * struct sp_order_entry - a request that has not begun
 * @request: the request
 * @nth: how many had come before it, for requests of the same time
 */
struct sp_order_entry {
	struct sp_request *request;
	uint32_t nth;
};

/**
 * struct sp_order - the requests that have not begun
 * @entry: room for all requests
 * @n: how many there are
 */
struct sp_order {
	struct sp_order_entry *entry;
	uint32_t n;
};

/** sp_order_open() - make room for all requests; 0 or -ENOMEM */
int sp_order_open(struct sp *sp);

/** sp_order_close() - free the room */
void sp_order_close(struct sp *sp);

/**
 * sp_order_keeps() - keep a request until it is its turn
 *
 * A time of the NP's that is still to come counts as now.
 *
 * Return: false if it may begin at once.
 */
bool sp_order_keeps(struct sp *sp, struct sp_request *r);

/** sp_order_begin() - begin the requests that were complete before @before_ns, the oldest first */
void sp_order_begin(struct sp *sp, uint64_t before_ns);

/** sp_order_turn() - look at all NPs and begin what can begin; called at the end of a turn */
void sp_order_turn(struct sp *sp);

#endif /* SP_ORDER_H */
