/* SPDX-License-Identifier: MIT */
/*
 * The limits of requests and bytes a second. They hold for all network processes together, as the
 * storage process sees the requests of all of them. A request that has to wait does so before its
 * range is entered and without buffers of this process. The NPs take turns, and the requests of
 * each go in order.
 *
 * A FLUSH is not limited. Bytes are those that move between disk and memory: of READ, WRITE and
 * CACHE, and of WRITE_ZEROES where this process writes the zeroes. A request counts as 32 MiB at
 * most, so that a long one does not stop the others for hours.
 */
#ifndef SP_THROTTLE_H
#define SP_THROTTLE_H

#include <exports/limit.h>
#include <stdbool.h>
#include <stdint.h>

struct sp;
struct sp_request;

/**
 * struct sp_throttle - the limits and who waits for them
 * @operations: bucket of requests
 * @bytes: bucket of bytes
 * @n_waiting: requests that wait, in the queues of all NPs
 * @last: the NP whose request was the last to go
 * @is_ticking: a timer is under way, after which requests can go
 */
struct sp_throttle {
	struct limit_bucket operations;
	struct limit_bucket bytes;
	uint32_t n_waiting;
	unsigned int last;
	bool is_ticking;
};

/**
 * sp_throttle_init() - begin with full buckets; the options of @sp are known
 *
 * It is called again when they have changed. Requests that wait go when the turn ends, if they may.
 */
void sp_throttle_init(struct sp *sp);

/** sp_throttle_enter() - may the request go? If not, sp_throttle_take() gives it later */
bool sp_throttle_enter(struct sp *sp, struct sp_request *r);

/** sp_throttle_take() - the next request that may go now; NULL if there is none */
struct sp_request *sp_throttle_take(struct sp *sp);

/**
 * sp_throttle_turn() - start a timer if requests wait and there is none; called in each turn
 *
 * Return: 0, or -errno if there can be no timer.
 */
int sp_throttle_turn(struct sp *sp);

#endif /* SP_THROTTLE_H */
