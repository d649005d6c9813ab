/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Inside libarena: what rings do with extents in one step, which takes three calls of
 * <arena/arena.h>, and the claim that they keep. It must not know what a ring is.
 */
#ifndef ARENA_IO_H
#define ARENA_IO_H

#include <arena/arena.h>

/**
 * arena_io_take() - arena_io_begin(), and the address of a part of the extent
 * @a: arena
 * @b: handle
 * @from: first byte of the part
 * @length: its bytes
 * @writes: the kernel writes into the extent
 * @at: filled with the address, which is good until arena_io_end()
 *
 * Return: 0; -EINVAL if the part is empty or not within the extent, which is no misuse; or an
 * error of arena_io_begin(). Nothing has changed then.
 */
int arena_io_take(struct arena *a, struct arena_buf b, uint32_t from, uint32_t length,
		  bool writes, void **at);

/** arena_io_claim() - the descriptor that keeps the role, or a negative number if none does */
int arena_io_claim(const struct arena *a);

#endif /* ARENA_IO_H */
