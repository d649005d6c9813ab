/* SPDX-License-Identifier: MIT */
/*
 * The ways to a disk, for the one place that chooses among them.
 */
#ifndef SP_BACKEND_WAYS_H
#define SP_BACKEND_WAYS_H

#include "backend.h"

/*
 * Each opens @b->path and fills @b, the limits with what the disk says; what it cannot do remains
 * false. Not to be written if @b->limits.is_readonly is set before. @why is filled, with a constant
 * text, if there is more to say than the error number does.
 *
 * Return: 0 or -errno: nothing is open then.
 */
int nvme_open(struct backend *b, const char **why);
int block_open(struct backend *b, const char **why);
int file_open(struct backend *b, const char **why);

/**
 * block_open_exclusively() - open a block device that nobody else may use
 * @b: @b->limits.is_readonly is set if it is write-protected
 * @path: of the device
 *
 * Return: a file descriptor; -EBUSY if it is mounted or in use; or another -errno.
 */
int block_open_exclusively(struct backend *b, const char *path);

/** block_limits() - fill @b->limits from what the kernel says of the block device at @fd */
int block_limits(struct backend *b, int fd);

/* Operations on a file descriptor that was opened with O_DIRECT. */
extern const struct backend_ops block_ops, file_ops;

#endif /* SP_BACKEND_WAYS_H */
