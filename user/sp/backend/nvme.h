/* SPDX-License-Identifier: MIT */
/*
 * What a namespace says of itself, and what its statuses mean. This header must not know how
 * commands are given.
 */
#ifndef SP_BACKEND_NVME_H
#define SP_BACKEND_NVME_H

#include "backend.h"

/**
 * struct nvme_namespace - the parts of Identify that the backend uses
 * @blocks: logical blocks
 * @lba_shift: power of two of the bytes of a block
 * @metadata: bytes of metadata of each block
 * @mdts: Maximum Data Transfer Size, a power of two of pages; 0 for no limit
 * @has_cache: a volatile write cache is present
 * @has_dsm: Dataset Management is supported
 * @has_zeroes: Write Zeroes is supported
 * @deallocates_zeroes: Write Zeroes may deallocate, and such blocks read as zeroes
 * @atomic_blocks: blocks that are written completely or not at all if the power fails
 * @granularity_blocks: units in which blocks are deallocated
 * @dsm_blocks: blocks of one range of Dataset Management; 0 for no limit
 * @wzsl: Write Zeroes Size Limit, as @mdts
 */
struct nvme_namespace {
	uint64_t blocks;
	uint32_t lba_shift;
	uint32_t metadata;
	uint32_t mdts;
	bool has_cache;
	bool has_dsm;
	bool has_zeroes;
	bool deallocates_zeroes;
	uint32_t atomic_blocks;
	uint32_t granularity_blocks;
	uint32_t dsm_blocks;
	uint32_t wzsl;
};

/**
 * nvme_limits() - find out what a namespace can do
 * @l: has the limits of the block layer, and gets those of the namespace
 * @n: what the namespace says
 * @pages: pages that the kernel takes in one command, 0 if that is not known
 *
 * Return: 0, or -EOPNOTSUPP for a format whose blocks are not 512 to 4096 bytes of data alone.
 */
int nvme_limits(struct backend_limits *l, const struct nvme_namespace *n, uint32_t pages);

/** nvme_identify_limits() - fill @b with the limits of the namespace; @why as in ways.h */
int nvme_identify_limits(struct backend *b, const char **why);

/**
 * nvme_error() - the error number that stands for a status
 * @status: status of a command, not 0
 *
 * Return: -EAGAIN if the command can be given again and may succeed, or another -errno.
 */
int nvme_error(int status);

/** nvme_why() - a constant text that says what a status means */
const char *nvme_why(int status);

#endif /* SP_BACKEND_NVME_H */
