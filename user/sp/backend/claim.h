/* SPDX-License-Identifier: MIT */
/*
 * The claim to a disk: nobody else uses a disk that is served, and nobody serves one that is used.
 *
 * The claim belongs to an open file, which is added to each ring of the disk's operations. So it
 * ends no earlier than the last of these, also if the process is killed: a successor that has the
 * claim knows that its predecessor changes the disk no more.
 *
 * This header must not know what is done with a disk.
 */
#ifndef SP_BACKEND_CLAIM_H
#define SP_BACKEND_CLAIM_H

#include <stdbool.h>

/**
 * claim_take() - take the claim to a regular file or block device
 * @fd: the file, opened for writing unless @readonly; a block device with O_EXCL
 * @readonly: others may read the disk, too
 *
 * It takes locks that programs look at: that of flock(2), that of the open file description, and
 * that of the bytes by which QEMU says how it uses an image. A loop device takes none, so these are
 * looked for. Whoever ignores locks and opens the file later is not noticed.
 *
 * Return: 0; -EBUSY if somebody else uses the disk; or another -errno.
 */
int claim_take(int fd, bool readonly);

#endif /* SP_BACKEND_CLAIM_H */
