/* SPDX-License-Identifier: MIT */
/*
 * Kinds of backends, as operators choose one of them. The words are the same on the command lines
 * of arenad and arena-sp.
 *
 * This header must not know what a backend does, nor what it uses.
 */
#ifndef SP_BACKEND_KIND_H
#define SP_BACKEND_KIND_H

#include <stddef.h>

/**
 * enum backend_kind - kinds of backends
 * @BACKEND_AUTO: the first of the others that works with the disk
 * @BACKEND_NVME: NVMe commands, on the character device of a namespace
 * @BACKEND_BLOCK: a block device, with O_DIRECT
 * @BACKEND_FILE: a regular file, with O_DIRECT
 */
enum backend_kind { BACKEND_AUTO, BACKEND_NVME, BACKEND_BLOCK, BACKEND_FILE };

/* The words for enum backend_kind; NULL at the end. */
static const char *const backend_names[] = {
	[BACKEND_AUTO] = "auto",
	[BACKEND_NVME] = "nvme",
	[BACKEND_BLOCK] = "block",
	[BACKEND_FILE] = "file",
	NULL,
};

#endif /* SP_BACKEND_KIND_H */
