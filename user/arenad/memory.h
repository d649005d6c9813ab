/* SPDX-License-Identifier: MIT */
/*
 * How much memory a region in pages of 4 KiB can have. Shared memory counts for no
 * process, so the kernel would end others first where there is not enough.
 */
#ifndef ARENAD_MEMORY_H
#define ARENAD_MEMORY_H

#include <stdint.h>

/**
 * memory_check() - is there memory for @size bytes?
 *
 * The machine's MemAvailable and the limits of the control groups that arenad runs in
 * are looked at. What cannot be read is no limit.
 *
 * Return: 0, or -ENOMEM when what is missing has been logged.
 */
int memory_check(const char *region, uint64_t size);

#endif /* ARENAD_MEMORY_H */
