/* SPDX-License-Identifier: MIT */
/*
 * The messages that arenad sends while the process runs. This header must not know how the process
 * acts on them.
 */
#ifndef SP_CONTROL_H
#define SP_CONTROL_H

#include <arena/ring.h>
#include <stdint.h>

struct sp;

/* The cookie of the socket's events, which no request has. */
#define SP_CONTROL_COOKIE	UINT64_MAX

/**
 * sp_control_peers() - wait until arenad has said who each NP is
 *
 * It logs its errors. Return: 0; -ETIMEDOUT; -ECANCELED if the process was asked to stop; or
 * another -errno.
 */
int sp_control_peers(struct sp *sp);

/** sp_control_watch() - let the ring watch the socket; logs its errors; 0 or -errno */
int sp_control_watch(struct sp *sp);

/** sp_control_happened() - take the message that has come */
void sp_control_happened(struct sp *sp, const struct arena_event *e);

/** sp_control_tick() - wait for messages again if the kernel was short of memory */
void sp_control_tick(struct sp *sp);

#endif /* SP_CONTROL_H */
