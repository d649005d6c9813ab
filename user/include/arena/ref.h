/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A ref names an extent of buffers towards another process. A handle (struct
 * arena_buf, arena.h) means something only to the process that got it; a ref means
 * the same to the owner of the group and to its peers, so it can travel in a message
 * (message.h) and lie in structures in shared memory.
 *
 * A ref is a claim, not a right. A process that receives one from a peer passes it to
 * arena_borrow() or arena_regain(), which compare it with private records. This header
 * must not know of messages, channels or the layout.
 */
#ifndef ARENA_REF_H
#define ARENA_REF_H

#include <assert.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * struct arena_ref - names an extent during one of its lives
 * @index: first buffer, below ARENA_MAX_GROUP_BUFFERS
 * @group: the group, a row of the layout
 * @count: buffers, 1 to 65535
 * @generation: low 16 bits of the extent's life, as its owner counts lives; never 0
 * @reserved: zero
 *
 * It has 12 bytes without padding, in the byte order of the machine. If all bytes are zero
 * it names nothing.
 */
struct arena_ref {
	uint32_t index;
	uint16_t group;
	uint16_t count;
	uint16_t generation;
	uint16_t reserved;
};

#ifdef __cplusplus
}
#endif

static_assert(sizeof(struct arena_ref) == 12, "lies in shared structures");

#endif /* ARENA_REF_H */
