/* SPDX-License-Identifier: MIT */
/*
 * What to receive next, and where: the rest of the payload that is under way, then headers.
 * Where a client writes, its next requests will most likely look like its last ones, so each
 * header is followed by an extent for the payload that it probably announces: then a receive
 * brings many WRITEs, and nothing of them has to be copied. Where the guess is wrong the
 * bytes come all the same, only to the wrong place, and the parser copies them.
 *
 * Pure: this header must not know of sockets, buffers or any protocol that clients speak; it
 * only knows that requests have headers of one size.
 */
#ifndef NP_PLAN_H
#define NP_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "limits.h"

/**
 * struct plan_guess - what the next WRITEs of a client may look like; zero for no idea
 * @length: bytes of the payload
 * @within: bytes of its first buffer that come before it
 * @trust: how many requests that are none of these are put up with
 * @burst: of them, as many as one receive has brought lately
 */
struct plan_guess {
	uint32_t length;
	uint32_t within;
	uint32_t trust;
	uint32_t burst;
};

/** plan_saw_write() - a WRITE has come */
void plan_saw_write(struct plan_guess *g, uint32_t length, uint32_t within);

/** plan_saw_other() - another request has come */
void plan_saw_other(struct plan_guess *g);

/**
 * plan_saw_burst() - a receive has been taken apart
 * @g: guess
 * @requests: how many requests began in it
 */
void plan_saw_burst(struct plan_guess *g, uint32_t requests);

/** plan_pairs() - for how many WRITEs it is worth to have an extent ready */
uint32_t plan_pairs(const struct plan_guess *g);

/**
 * enum plan_kind - where bytes go
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
 * @nth: PLAN_GUESS: of the extents
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
 * struct plan_wish - what a receive is planned for
 * @payload: bytes of the payload under way that have not come
 * @payload_from: where in its extent they go
 * @area: bytes of the area for headers
 * @header: bytes of a header
 * @have: of the next header, what has come already; 0 if @payload is not
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
