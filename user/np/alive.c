// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "alive.h"

#include <common/clock.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include "np.h"

static bool changes(const struct request *r)
{
	return r->command.operation == PROTO_WRITE || r->command.operation == PROTO_DISCARD ||
	       r->command.operation == PROTO_WRITE_ZEROES;
}

static bool has_ended(const struct conn *c)
{
	struct pollfd p = { .fd = c->socket.fd, .events = POLLRDHUP };

	return c->socket.fd < 0 || poll(&p, 1, 0) != 0;
}

/*
 * Bytes of the client have come at this time or later, and its end comes behind them. The kernel
 * counts in its ticks. Return: 0 if it does not tell, as of UNIX sockets.
 */
static uint64_t came_ns(struct conn *c)
{
	struct tcp_info info;
	socklen_t n = sizeof(info);
	uint64_t ns;

	if (getsockopt(c->socket.fd, IPPROTO_TCP, TCP_INFO, &info, &n))
		return 0;
	ns = (info.tcpi_last_data_recv + (uint64_t)ALIVE_TICK_MS) * CLOCK_NS_PER_MS;
	return ns < np_turn_ns(c->np) ? np_turn_ns(c->np) - ns : 0;
}

/* Has a request that was complete at @complete_ns waited for long, perhaps with a dead client? */
static bool is_silent(struct conn *c, uint64_t complete_ns)
{
	uint64_t limit_ns = ALIVE_SILENT_SECONDS * CLOCK_NS_PER_S, ns;

	if (np_turn_ns(c->np) - c->alive_ns < limit_ns)
		return false;
	ns = came_ns(c);
	return ns && ns + limit_ns < complete_ns;
}

/*
 * The time has to be read before the socket is looked at: the process may be stopped in between,
 * and the client may end and write newer data elsewhere.
 */
static void look(struct conn *c, uint64_t complete_ns)
{
	uint64_t now_ns = np_turn_ns(c->np);
	uint64_t ns = has_ended(c) || is_silent(c, complete_ns) ? came_ns(c) : now_ns;

	if (ns > c->alive_ns)
		c->alive_ns = ns;
}

/*
 * May the client have changed the bytes of a request over another connection to this process, after
 * it had ended this one? A client that was seen in this turn may have ended since, so the time of
 * the turn is not late enough. The fence may name changes of other bytes, so only an end counts:
 * the client of a silent connection may be there, and wait.
 */
static bool is_late(const struct request *r)
{
	struct conn *c = r->conn;
	uint64_t changed_ns = fence_changed_ns(&c->np->fence, r);

	if (c->seen_ns > changed_ns)
		return false;
	if (has_ended(c))
		return came_ns(c) <= changed_ns;
	c->seen_ns = np_turn_ns(c->np);
	return false;
}

void alive_begin(struct conn *c)
{
	uint64_t now_ns = np_turn_ns(c->np);

	if (has_ended(c))
		return;
	c->alive_ns = now_ns;
	c->seen_ns = now_ns;
}

bool alive_vouch(struct request *r)
{
	struct conn *c = r->conn;
	struct np *np = c->np;

	if (!changes(r))
		return true;
	if (is_late(r))
		return false;
	fence_note(&np->fence, r, np_turn_ns(np));
	if (!np->has_others)
		return true;
	if (np_turn_ns(np) - c->alive_ns > ALIVE_MS * CLOCK_NS_PER_MS)
		look(c, r->received_ns);
	r->alive_ns = c->alive_ns;
	return true;
}

void alive_renew(struct request *r)
{
	if (!r->conn->np->has_others || !changes(r))
		return;
	look(r->conn, r->received_ns);
	r->alive_ns = r->conn->alive_ns;
}

bool alive_may_be_lost(struct request *r)
{
	return !has_ended(r->conn) && is_silent(r->conn, r->received_ns);
}

bool alive_again(struct request *r)
{
	uint64_t before_ns = r->alive_ns;

	if (r->n_vouched == ALIVE_TRIES)
		return false;
	r->n_vouched++;
	alive_renew(r);
	return r->alive_ns > before_ns;
}
