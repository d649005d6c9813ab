/* SPDX-License-Identifier: MIT */
/*
 * What running processes get of arenad when it has read its files again: network processes get the
 * files of TLS, as they open none, and all exports, and storage processes get the limits of their
 * exports, by the control sockets. This header must not know how processes are started.
 */
#ifndef ARENAD_RELOAD_H
#define ARENAD_RELOAD_H

#include <proto/layout.h>
#include <stdbool.h>
#include <stdint.h>

struct arenad_options;
struct lines;

/**
 * struct reload - what has been read last, and who gets it
 * @options: command line
 * @bundle: memfd of tls/bundle.h; -1 if TLS is off
 * @n_bundles: how often files were read
 * @exports: memfd of exports/copy.h; -1 as long as all NPs have those that they have begun with
 * @drained: bits of exports that take no further clients
 * @lines: the control sockets; the NPs have the first numbers
 * @is_owed: the NP has not got @bundle, because it left too many messages unread
 * @owes_exports: the NP has not got @exports, for the same reason
 * @owes_limit: the SP has not got its limits, for the same reason
 */
struct reload {
	const struct arenad_options *options;
	int bundle;
	uint32_t n_bundles;
	int exports;
	uint32_t drained;
	struct lines *lines;
	bool is_owed[PROTO_MAX_NPS];
	bool owes_exports[PROTO_MAX_NPS];
	bool owes_limit[PROTO_MAX_SPS];
};

/**
 * reload_open() - read and check the files
 * @r: filled, to be closed with reload_close(), also if the call fails
 * @o: command line
 *
 * It logs its errors.
 *
 * Return: 0 or -errno.
 */
int reload_open(struct reload *r, const struct arenad_options *o);

/** reload_begin() - put the files into the control socket of an NP that is about to be started */
void reload_begin(struct reload *r, unsigned int np);

/** reload_adopt() - go on with the files that an earlier arenad has read; -1 if TLS is off */
void reload_adopt(struct reload *r, const struct arenad_options *o, int bundle);

/** reload_give() - put the files into a control socket that is not one of @r->lines yet */
void reload_give(const struct reload *r, int fd);

/** reload_owe() - an NP has older files: reload_retry() hands the present ones to it */
void reload_owe(struct reload *r, unsigned int np);

/**
 * reload_read() - read the files again
 *
 * If one of them is bad, all stay in use as they were. It logs its errors.
 *
 * Return: are there others to be handed over?
 */
bool reload_read(struct reload *r);

/** reload_hand_over() - hand what was read to all NPs, and log that */
void reload_hand_over(struct reload *r);

/** reload_limits() - tell all SPs the limits of the options, which may be those that they have */
void reload_limits(struct reload *r);

/** reload_exports() - hand the exports, which may be those that they have, to all NPs */
void reload_exports(struct reload *r);

/** reload_drain() - have an export take no further clients, or take them again */
void reload_drain(struct reload *r, unsigned int sp, bool is_drained);

/** reload_owe_exports() - reload_exports(), but when reload_retry() is called */
void reload_owe_exports(struct reload *r);

/** reload_owes_exports() - does an NP run with other exports than those of the options? */
bool reload_owes_exports(const struct reload *r);

/** reload_is_owing() - is reload_retry() to be called in a while? */
bool reload_is_owing(const struct reload *r);

/** reload_retry() - hand out what processes could not take before */
void reload_retry(struct reload *r);

/** reload_close() - close everything */
void reload_close(struct reload *r);

#endif /* ARENAD_RELOAD_H */
