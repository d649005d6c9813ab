/* SPDX-License-Identifier: MIT */
/*
 * Which NVMe controllers are behind a disk. This header must not know who wants to know it.
 */
#ifndef METRICS_CONTROLLERS_H
#define METRICS_CONTROLLERS_H

#include <stdint.h>

#define CONTROLLERS_MAX	16U

/**
 * struct controllers - NVMe controllers
 * @n: used entries of @number
 * @number: N of nvmeN
 */
struct controllers {
	unsigned int n;
	uint32_t number[CONTROLLERS_MAX];
};

/**
 * controllers_find() - find those behind a disk, also through partitions, mappings and arrays
 * @c: filled
 * @disk: path of a device, below /dev; behind any other path none are found
 */
void controllers_find(struct controllers *c, const char *disk);

#endif /* METRICS_CONTROLLERS_H */
