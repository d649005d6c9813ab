/* SPDX-License-Identifier: MIT */
/*
 * Functions of liburing that the linker wraps for a test, see user/Makefile: the library calls
 * the test's function in place of liburing's, and the test calls liburing's by its other name.
 */
#ifndef TESTS_ARENA_WRAP_H
#define TESTS_ARENA_WRAP_H

#include <liburing.h>

int __real_io_uring_submit(struct io_uring *ring);
int __wrap_io_uring_submit(struct io_uring *ring);

#endif /* TESTS_ARENA_WRAP_H */
