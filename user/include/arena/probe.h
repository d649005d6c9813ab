/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The features of this kernel's io_uring, found by trying them, never by its version.
 *
 * A table in probe.c has for each feature the first kernel with it and what the library does
 * without it. docs/hazards.md has the same table, and a test compares them.
 */
#ifndef ARENA_PROBE_H
#define ARENA_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#pragma GCC visibility push(default)
#ifdef __cplusplus
extern "C" {
#endif

/**
 * enum arena_feature - a feature that a kernel may lack
 * @ARENA_HAS_IO_URING: any io_uring, and the permission to use it
 * @ARENA_HAS_NODROP: completions that find the queue full are kept
 * @ARENA_HAS_EXT_ARG: waiting with a timeout that is no operation of its own
 * @ARENA_HAS_SHUTDOWN: IORING_OP_SHUTDOWN
 * @ARENA_HAS_CANCEL_ALL: cancelling all operations, or all on a file
 * @ARENA_HAS_DIRECT: direct descriptors in a table that begins empty, with a part
 *	for accepted connections
 * @ARENA_HAS_DIRECT_CLOSE: a direct descriptor that is removed is closed at once
 * @ARENA_HAS_SUBMIT_ALL: IORING_SETUP_SUBMIT_ALL
 * @ARENA_HAS_TASKRUN_FLAG: IORING_SETUP_TASKRUN_FLAG
 * @ARENA_HAS_SINGLE_ISSUER: IORING_SETUP_SINGLE_ISSUER
 * @ARENA_HAS_DEFER_TASKRUN: IORING_SETUP_DEFER_TASKRUN
 * @ARENA_HAS_CQE_SKIP: IOSQE_CQE_SKIP_SUCCESS
 * @ARENA_HAS_POLL_MULTISHOT: a poll that gives events until it is cancelled
 * @ARENA_HAS_ACCEPT_MULTISHOT: an accept that gives connections until it is cancelled
 * @ARENA_HAS_BUFFER_RING: buffers that the kernel takes at completion
 * @ARENA_HAS_RECV_MULTISHOT: a recv that gives buffers until it is cancelled
 * @ARENA_HAS_SEND_ZC: sending without a copy
 * @ARENA_HAS_SENDMSG_ZC: sending lists without a copy
 * @ARENA_HAS_MSG_RING: IORING_OP_MSG_RING
 * @ARENA_HAS_RESTRICTIONS: rings that allow only listed operations
 * @ARENA_HAS_NO_MMAP: rings in the caller's memory
 * @ARENA_HAS_URING_CMD: commands past the block layer, in submissions of 128 bytes
 * @ARENA_HAS_MIN_TIMEOUT: waiting for several completions, but for a bounded time only
 * @ARENA_HAS_READV_FIXED: reading into and writing from lists of registered memory
 * @ARENA_HAS_HYBRID_IOPOLL: asking a device for completions, with a sleep before
 * @ARENA_N_FEATURES: number of features
 */
enum arena_feature {
	ARENA_HAS_IO_URING,
	ARENA_HAS_NODROP,
	ARENA_HAS_EXT_ARG,
	ARENA_HAS_SHUTDOWN,
	ARENA_HAS_CANCEL_ALL,
	ARENA_HAS_DIRECT,
	ARENA_HAS_DIRECT_CLOSE,
	ARENA_HAS_SUBMIT_ALL,
	ARENA_HAS_TASKRUN_FLAG,
	ARENA_HAS_SINGLE_ISSUER,
	ARENA_HAS_DEFER_TASKRUN,
	ARENA_HAS_CQE_SKIP,
	ARENA_HAS_POLL_MULTISHOT,
	ARENA_HAS_ACCEPT_MULTISHOT,
	ARENA_HAS_BUFFER_RING,
	ARENA_HAS_RECV_MULTISHOT,
	ARENA_HAS_SEND_ZC,
	ARENA_HAS_SENDMSG_ZC,
	ARENA_HAS_MSG_RING,
	ARENA_HAS_RESTRICTIONS,
	ARENA_HAS_NO_MMAP,
	ARENA_HAS_URING_CMD,
	ARENA_HAS_MIN_TIMEOUT,
	ARENA_HAS_READV_FIXED,
	ARENA_HAS_HYBRID_IOPOLL,
	ARENA_N_FEATURES,
};

/**
 * struct arena_feature_info - a line of the table
 * @name: short, for people and for arena_probe_without()
 * @kernel: the first mainline kernel that has it
 * @needed: arena_ring_open() refuses to work without it
 * @without: what the library does without it
 */
struct arena_feature_info {
	const char *name;
	const char *kernel;
	bool needed;
	const char *without;
};

/**
 * struct arena_features - the features that were found
 * @size: sizeof(struct arena_features), set by the caller
 * @has: bit n is set for feature n
 * @error: why there is no io_uring at all, as -errno; else 0
 */
struct arena_features {
	size_t size;
	uint64_t has;
	int error;
};

/** arena_feature_info() - the line of a feature; NULL from ARENA_N_FEATURES on */
const struct arena_feature_info *arena_feature_info(enum arena_feature feature);

/** arena_has() - true if the feature was found */
static inline bool arena_has(const struct arena_features *f, enum arena_feature feature)
{
	return f->has >> feature & 1;
}

/**
 * arena_probe() - try all features
 * @f: filled; its size is set
 *
 * It makes some fifty system calls, on rings of its own that it closes.
 *
 * Return: 0; -EOPNOTSUPP if something that is needed is missing, see
 * arena_features_why(); -EMFILE, -ENFILE or -ENOMEM if the features could not be tried; -EINVAL or
 * -E2BIG if the size is not that of such a structure.
 */
int arena_probe(struct arena_features *f);

/**
 * arena_probe_without() - remove a feature, to see how a program works without it
 *
 * Features that depend on it are removed as well.
 *
 * Return: 0, or -ENOENT if none has this name.
 */
int arena_probe_without(struct arena_features *f, const char *name);

/**
 * arena_features_why() - why arena_ring_open() returns -EOPNOTSUPP
 *
 * Return: a constant text that names the missing feature and a remedy; NULL if no feature
 * is missing.
 */
const char *arena_features_why(const struct arena_features *f);

#ifdef __cplusplus
}
#endif
#pragma GCC visibility pop
#endif /* ARENA_PROBE_H */
