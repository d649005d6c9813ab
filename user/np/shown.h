/* SPDX-License-Identifier: MIT */
/*
 * The connections that operators see: each has an entry in the memory that arenad reads, as long as
 * there is room. This header must not know who looks.
 */
#ifndef NP_SHOWN_H
#define NP_SHOWN_H

#include <stats/stats.h>
#include <stdint.h>

struct conn;
struct conn_peer;
struct np;

/**
 * struct shown - the entries that are free
 * @n: used entries of @free
 * @free: their numbers
 */
struct shown {
	unsigned int n;
	uint16_t free[STATS_CLIENTS];
};

/** shown_init() - have all entries free */
void shown_init(struct shown *s);

/** shown_begin() - show a connection, if there is room */
void shown_begin(struct conn *c, const struct conn_peer *peer);

/** shown_serve() - show which export it uses */
void shown_serve(const struct conn *c);

/** shown_end() - show it no more */
void shown_end(struct conn *c);

#endif /* NP_SHOWN_H */
