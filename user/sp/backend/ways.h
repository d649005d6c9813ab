/* SPDX-License-Identifier: MIT */
/*
 * The kinds of backends, for choose.c, which chooses one of them.
 */
#ifndef SP_BACKEND_WAYS_H
#define SP_BACKEND_WAYS_H

#include "backend.h"

/*
 * Each function opens @b->path and fills @b and its limits with what the disk says. Members for
 * what it cannot do remain false. The disk must not be written if @b->limits.is_readonly is set
 * before. @why is set to a constant text if there is more to say than the error number does.
 *
 * Return: 0, or -errno if no file was left open.
 */
int nvme_open(struct backend *b, const char **why);
int block_open(struct backend *b, const char **why);
int file_open(struct backend *b, const char **why);

/**
 * block_open_exclusively() - open a block device that nobody else may use
 * @b: its limits say whether the device is opened for reading only
 * @path: path of the device
 *
 * Return: a file descriptor; -EBUSY if it is mounted or in use; or another -errno.
 */
int block_open_exclusively(struct backend *b, const char *path);

/** block_limits() - fill @b->limits with what the kernel says of the block device at @fd */
int block_limits(struct backend *b, int fd);

/** block_sequence() - the kernel's number of the block device, or of the namespace's; 0 if none */
uint64_t block_sequence(const struct backend *b);

/** block_has_poll_queues() - can the kernel ask the block device at @fd for completions? */
bool block_has_poll_queues(int fd);

/* Operations on a file descriptor that was opened with O_DIRECT. */
extern const struct backend_ops block_ops, file_ops;

/* How many bytes there are now; 0 if that cannot be told any more. */
uint64_t block_size_now(const struct backend *b);
uint64_t file_size_now(const struct backend *b);

/* Where the holes of a file are, and whether it has any. */
struct backend_part file_survey(const struct backend *b, uint64_t offset, uint64_t length);
bool file_is_dense(const struct backend *b);

#endif /* SP_BACKEND_WAYS_H */
