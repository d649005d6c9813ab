/* SPDX-License-Identifier: MIT */
/*
 * When the process begins to serve clients. The first process of its number waits until each SP
 * has said HELLO: it ends, or goes on without the SP, as the options of the export say, if an SP
 * does not come in time. A later process begins at once: each export comes up by itself, and until
 * then its clients wait (hold.h), as the disk of its SP may hang or be away.
 *
 * This header must not know how an SP is connected.
 */
#ifndef NP_BEGIN_H
#define NP_BEGIN_H

#include <common/address.h>
#include <listen/socket.h>
#include <stdbool.h>
#include <stdint.h>

struct np;

/**
 * struct begin - the start
 * @is_over: clients are served
 * @until: seconds until which the first process of its number waits for SPs
 * @error: -errno that ends the process, or 0
 * @ready: the line that says that clients may come
 */
struct begin {
	bool is_over;
	int64_t until;
	int error;
	char ready[LISTEN_MAX * (ADDRESS_TEXT_SIZE + 1) + sizeof("READY\n")];
};

/** begin_init() - prepare what is to be said; the listening sockets are open */
void begin_init(struct np *np);

/** begin_fail() - end the process with an error that was logged */
void begin_fail(struct np *np, int error);

/** begin_is_late() - has the first process of its number waited for long enough? */
bool begin_is_late(const struct np *np);

/** begin_turn() - serve clients if all SPs are settled; called each turn; 0 or -errno */
int begin_turn(struct np *np);

#endif /* NP_BEGIN_H */
