/* SPDX-License-Identifier: MIT */
/*
 * Plans of receives: which bytes are received next, and where. First comes the rest of the payload
 * that is under way, then come headers. If a client writes, its next requests probably look like
 * its last ones, so the plan has an extent for the expected payload after each header. Then one
 * receive brings many WRITEs, none of which has to be copied. If the guess was wrong, the bytes
 * come to the wrong place, and the parser copies them.
 *
 * The functions are pure. This header must not know of sockets, buffers or any protocol that
 * clients speak; it only knows that the headers of requests have one size.
 */
#ifndef NP_PLAN_H
#define NP_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "limits.h"

/**
 * struct plan_guess - what the next WRITEs of a client may look like; zero without a guess
 * @length: bytes of the payload
 * @within: bytes of the payload's first buffer that lie before the payload
 * @trust: how many other requests may come before the guess is dropped
 * @burst: how many requests one receive has brought lately
 */
struct plan_guess {
	uint32_t length;
	uint32_t within;
	uint32_t trust;
	uint32_t burst;
};

/** plan_saw_write() - update the guess after a WRITE has come */
void plan_saw_write(struct plan_guess *g, uint32_t length, uint32_t within);

/** plan_saw_other() - update the guess after another request has come */
void plan_saw_other(struct plan_guess *g);

/**
 * plan_saw_burst() - update the guess after a receive has been parsed
 * @g: guess
 * @requests: how many requests began in this receive
 */
void plan_saw_burst(struct plan_guess *g, uint32_t requests);

/** plan_pairs() - how many WRITEs should have an extent ready */
uint32_t plan_pairs(const struct plan_guess *g);

/**
 * enum plan_kind - where received bytes go
 * @PLAN_PAYLOAD: to the extent of the payload that is under way
 * @PLAN_AREA: to the connection's area for headers
 * @PLAN_GUESS: to an extent for a payload that may come
 */
enum plan_kind {
	PLAN_PAYLOAD,
	PLAN_AREA,
	PLAN_GUESS,
};

/**
 * struct plan_piece - bytes of one place
 * @kind: enum plan_kind
 * @nth: PLAN_GUESS: the number of the extent
 * @from: the first byte, counted from the start of the area or extent
 * @length: bytes
 */
struct plan_piece {
	uint16_t kind;
	uint16_t nth;
	uint32_t from;
	uint32_t length;
};

/**
 * struct plan - a receive
 * @n: used entries of @piece
 * @piece: in the order of the stream
 */
struct plan {
	uint32_t n;
	struct plan_piece piece[PLAN_PIECES_MAX];
};

/**
 * struct plan_wish - what a receive has to bring, and where there is room
 * @payload: bytes of the payload under way that have not come
 * @payload_from: where in its extent these bytes go
 * @area: bytes of the area for headers
 * @header: bytes of a header
 * @have: bytes of the next header that have come already; 0 unless @payload is 0
 * @pairs: extents that are ready for guessed payloads
 * @length: bytes of each of these payloads
 * @within: where in its extent each of them begins
 */
struct plan_wish {
	uint32_t payload;
	uint32_t payload_from;
	uint32_t area;
	uint32_t header;
	uint32_t have;
	uint32_t pairs;
	uint32_t length;
	uint32_t within;
};

/** plan_make() - fill @p, which has one piece at least if @w has an area */
void plan_make(struct plan *p, const struct plan_wish *w);

#endif /* NP_PLAN_H */
