/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The memory of NVMe commands. It must not know of anything but the core of a ring.
 */
#ifndef ARENA_RING_NVME_H
#define ARENA_RING_NVME_H

#include "core.h"

/** ring_nvme_init() - allocate the memory of commands; false without memory */
bool ring_nvme_init(struct arena_ring *r);
/** ring_nvme_free() - free its memory, if it has any */
void ring_nvme_free(struct arena_ring *r);

#endif /* ARENA_RING_NVME_H */
