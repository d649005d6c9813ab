/* SPDX-License-Identifier: MIT */
/*
 * A disk that has gone away may come back. The successor of a process that ended for this waits
 * for the same disk. This header must not know how a disk is opened.
 */
#ifndef SP_AWAIT_H
#define SP_AWAIT_H

#include <stdbool.h>

/**
 * await_disk() - wait until a disk is there, and may be used
 * @path: of the disk
 * @identity: of the disk that was there, see disk_identity()
 * @readonly: it need not be written
 *
 * There is no limit of time. Another disk at the path is logged once, and not accepted.
 *
 * Return: 0; -ECANCELED if SIGTERM or SIGINT came meanwhile.
 */
int await_disk(const char *path, const char *identity, bool readonly);

#endif /* SP_AWAIT_H */
