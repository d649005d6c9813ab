/* SPDX-License-Identifier: MIT */
/*
 * A check that there is enough memory for a region in pages of 4 KiB. Shared memory is counted
 * for no process, so if there were not enough, the kernel would kill other processes first.
 * This header must not know options or regions.
 */
#ifndef ARENAD_MEMORY_H
#define ARENAD_MEMORY_H

#include <stdint.h>

/**
 * memory_check() - check that there is memory for @size bytes
 *
 * It reads the machine's MemAvailable and the limits of the control groups that arenad is in. A
 * number that cannot be read does not limit anything.
 *
 * Return: 0, or -ENOMEM after it has logged which limit is too low.
 */
int memory_check(const char *region, uint64_t size);

#endif /* ARENAD_MEMORY_H */
