/* SPDX-License-Identifier: MIT */
/*
 * The history file of a client of the chaos test: all that it has done and seen, in order. A client
 * has an area of the export for itself, which is divided into cells of 4096 bytes (the first half)
 * and of 512 bytes (the second half). A cell is what is written as a whole or not at all. Each
 * write has a version, a number that grows, and each cell that it covers gets contents which only
 * this version of this cell has. So whoever reads a cell knows which write made it, or that it is
 * torn.
 *
 * This header knows the file and the contents. It must not know a protocol, or what is right.
 */
#ifndef TESTS_CHAOS_HISTORY_H
#define TESTS_CHAOS_HISTORY_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define HISTORY_MAGIC	0x6863736f616863ULL

/**
 * struct history_head - the first bytes of a history
 * @magic: HISTORY_MAGIC
 * @first: first byte of the client's area
 * @bytes: length of the area, a multiple of 8192
 * @salt: makes the contents differ from those of other clients
 * @export: name of the export
 */
struct history_head {
	uint64_t magic;
	uint64_t first;
	uint64_t bytes;
	uint64_t salt;
	char export[32];
};

/**
 * enum history_type - what happened
 * @HISTORY_WRITE: a WRITE was sent; also when the same is sent again
 * @HISTORY_ZERO: a WRITE_ZEROES was sent
 * @HISTORY_READ: a READ was sent
 * @HISTORY_FLUSH: a FLUSH was sent
 * @HISTORY_DONE: a request was answered without an error
 * @HISTORY_FAILED: a request was answered with an error, @version
 * @HISTORY_SEEN: a READ found this version in these cells; 0 stands for zeroes
 * @HISTORY_TORN: a READ found contents that no version has
 * @HISTORY_STRAY: an answer came to a request that does not wait for one
 * @HISTORY_STUCK: a request was not answered in time
 * @HISTORY_OPENED: a connection was made
 * @HISTORY_CUT: the client cut the connection; its requests are not answered any more
 * @HISTORY_CLOSED: the server has closed the connection
 * @HISTORY_END: the client has read its whole area and ends
 */
enum history_type {
	HISTORY_WRITE = 1,
	HISTORY_ZERO,
	HISTORY_READ,
	HISTORY_FLUSH,
	HISTORY_DONE,
	HISTORY_FAILED,
	HISTORY_SEEN,
	HISTORY_TORN,
	HISTORY_STRAY,
	HISTORY_STUCK,
	HISTORY_OPENED,
	HISTORY_CUT,
	HISTORY_CLOSED,
	HISTORY_END,
};

/**
 * struct history_event - an entry of a history
 * @ns: CLOCK_MONOTONIC
 * @type: enum history_type
 * @connection: number of the connection
 * @cookie: of the request
 * @offset: first byte of the range, counted from the beginning of the area
 * @length: of the range
 * @version: of the write, or what was seen
 */
struct history_event {
	uint64_t ns;
	uint32_t type;
	uint32_t connection;
	uint64_t cookie;
	uint64_t offset;
	uint32_t length;
	uint32_t version;
};

#define CELL_LARGE	4096U
#define CELL_SMALL	512U

/** history_cell() - bytes of the cell at @offset of an area */
static inline uint32_t history_cell(const struct history_head *h, uint64_t offset)
{
	return offset < h->bytes / 2 ? CELL_LARGE : CELL_SMALL;
}

/** history_index() - number of the cell at @offset of an area */
static inline uint32_t history_index(const struct history_head *h, uint64_t offset)
{
	uint64_t half = h->bytes / 2;

	return (uint32_t)(offset < half ? offset / CELL_LARGE :
			  half / CELL_LARGE + (offset - half) / CELL_SMALL);
}

/** history_cells() - how many cells an area has */
static inline uint32_t history_cells(const struct history_head *h)
{
	return history_index(h, h->bytes);
}

static inline uint64_t history_next(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

/** history_fill() - make the contents of version @version of the cell at @offset */
static inline void history_fill(const struct history_head *h, void *to, uint64_t offset,
				uint32_t version)
{
	uint64_t state = h->salt ^ offset << 32 ^ version, words[CELL_LARGE / 8];
	uint32_t bytes = history_cell(h, offset);

	words[0] = HISTORY_MAGIC ^ h->salt;
	words[1] = offset << 32 | version;
	for (uint32_t i = 2; i < bytes / 8; i++)
		words[i] = history_next(&state);
	memcpy(to, words, bytes);
}

/**
 * history_look() - which version of the cell at @offset do these contents have?
 * @version: filled in; 0 if all is zeroes
 *
 * Return: false if no version of this cell has them.
 */
static inline bool history_look(const struct history_head *h, const void *from, uint64_t offset,
				uint32_t *version)
{
	static const uint8_t zeroes[CELL_LARGE];
	uint8_t want[CELL_LARGE];
	uint64_t words[2];

	*version = 0;
	memcpy(words, from, sizeof(words));
	if (!words[0] && !words[1])
		return !memcmp(from, zeroes, history_cell(h, offset));
	*version = (uint32_t)words[1];
	history_fill(h, want, offset, *version);
	return *version && !memcmp(from, want, history_cell(h, offset));
}

#endif /* TESTS_CHAOS_HISTORY_H */
