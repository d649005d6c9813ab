/* SPDX-License-Identifier: MIT */
/*
 * Why a process can have no io_uring, as an administrator reads it. This header must not know
 * of liburing or of the rings of a library.
 */
#ifndef COMMON_URING_ERROR_H
#define COMMON_URING_ERROR_H

/** uring_log_error() - log why a ring cannot be made; @err is -errno */
void uring_log_error(int err);

#endif /* COMMON_URING_ERROR_H */
