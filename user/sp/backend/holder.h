/* SPDX-License-Identifier: MIT */
/*
 * Who uses a disk, as far as /proc and /sys tell this process. It is for messages and for loop
 * devices; what keeps others away is in claim.h.
 */
#ifndef SP_BACKEND_HOLDER_H
#define SP_BACKEND_HOLDER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

/**
 * holder_is_loop() - is a regular file the backing file of a loop device?
 * @st: of the file
 * @readonly: a loop device that does not write is no harm
 */
bool holder_is_loop(const struct stat *st, bool readonly);

/**
 * holder_find() - name somebody who uses a file or device
 * @st: of the file or device
 * @text: filled, as in "process 7 (qemu-nbd)"; empty if nobody is found
 * @size: bytes of @text, at least 1
 */
void holder_find(const struct stat *st, char *text, size_t size);

#endif /* SP_BACKEND_HOLDER_H */
