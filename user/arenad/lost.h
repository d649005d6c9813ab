/* SPDX-License-Identifier: MIT */
/*
 * What the kernel still does for a process that has died. Its disk may go on with what it had under
 * way for any time, and use the memory of others. This header must not know who starts processes.
 */
#ifndef ARENAD_LOST_H
#define ARENAD_LOST_H

#include <stdbool.h>
#include <stdint.h>

/**
 * lost_is_idle() - does the kernel do nothing any more for the processes that had a role?
 * @region: name of the region
 * @role: role of which no process runs
 *
 * It is so if the claim of the role is free, which ends with the last operation (arena/ring.h). The
 * call does not wait, and keeps no claim.
 *
 * Return: false also if that cannot be found out.
 */
bool lost_is_idle(const char *region, uint32_t role);

#endif /* ARENAD_LOST_H */
