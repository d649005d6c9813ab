/* SPDX-License-Identifier: MIT */
/*
 * Which storage process (SP) has which payload. This is noted in the process's own part of the
 * region, so that the successor of a process that died knows it: what an SP had, its disk may still
 * read, until the SP or a successor of it has said HELLO, and named what it keeps (HELD). Those
 * buffers are set aside, and all others can be used at once, so that no export waits for the SP of
 * another one. It also bounds what an SP can claim to have.
 *
 * A process that was taken over can write anything there, which its successor bears: buffers are
 * set aside that nobody has, or used while a disk still reads them for the dead process.
 *
 * This header must not know messages.
 */
#ifndef NP_LENT_H
#define NP_LENT_H

#include <arena/arena.h>
#include <arena/layout.h>
#include <stdbool.h>
#include <stdint.h>

struct np;
struct peer;

/**
 * struct lent - who has the payload
 * @to: for each buffer, in the region: the number of an SP plus 1; 0 for nobody
 * @n: how many buffers there are
 * @at: for each group of payload, the number of its first buffer
 */
struct lent {
	uint8_t *to;
	uint32_t n;
	uint32_t at[ARENA_MAX_GROUPS];
};

/**
 * lent_open() - set aside what a predecessor of this process has lent; the SPs are described
 *
 * Return: 0 or -errno.
 */
int lent_open(struct np *np);

/** lent_note() - note that an SP gets a payload; called before the SP is told */
void lent_note(struct np *np, const struct peer *peer, struct arena_buf buf);

/** lent_clear() - note that nobody has a payload; called before it is used again */
void lent_clear(struct np *np, struct arena_buf buf);

/** lent_clear_all() - note that an SP has nothing */
void lent_clear_all(struct np *np, const struct peer *peer);

/** lent_has() - may an SP have an extent? It names one of payload */
bool lent_has(const struct np *np, const struct peer *peer, const struct arena_ref *ref);

#endif /* NP_LENT_H */
