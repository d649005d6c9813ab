/* SPDX-License-Identifier: MIT */
/*
 * Helpers beside liburing for every daemon with an io_uring: submitting without losing an
 * entry, and logging why a ring cannot be made. It must not know what the entries are for.
 */
#ifndef COMMON_URING_H
#define COMMON_URING_H

#include <common/uring_error.h>
#include <liburing.h>
#include <stdbool.h>

/**
 * uring_submit() - submit all that is queued, without waiting for completions
 *
 * If the kernel is short of memory, it tries again after a pause. Any other error
 * ends the process with status 1: an entry that is lost would be a buffer that is lost,
 * and the same call would fail for ever.
 */
void uring_submit(struct io_uring *ring);

/** uring_sqe() - get a free entry; if there is none, submit all queued ones first */
struct io_uring_sqe *uring_sqe(struct io_uring *ring);

/** uring_is_transient() - true if this error of a submission passes with time */
bool uring_is_transient(int ret);

#endif /* COMMON_URING_H */
