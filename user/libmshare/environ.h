/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The environment variable MSHARE_MEMFD, from which children learn of memfd regions.
 * This is about text; it does not map or open anything.
 *
 * Entries are separated by blanks: NAME:FD:RINGS_FD:ADDR:LENGTH:PAGE_SIZE for a
 * region, NAME/VIEW:rw or NAME/VIEW:ro for a view that was added to it. Children
 * inherit the two descriptors, which stay open until mshare_unlink().
 */
#ifndef LIBMSHARE_ENVIRON_H
#define LIBMSHARE_ENVIRON_H

#include <stdbool.h>
#include <stdint.h>

/**
 * struct mshare_memfd - a region as the environment describes it
 * @fd: the memfd
 * @rings_fd: the memfd of the rendezvous
 * @addr: address of the region
 * @length: bytes
 * @page_size: bytes of a page
 */
struct mshare_memfd {
	int fd;
	int rings_fd;
	uint64_t addr;
	uint64_t length;
	uint64_t page_size;
};

/** mshare_environ_get() - find a region; -ENOENT, or -EINVAL if it cannot be parsed */
int mshare_environ_get(const char *name, struct mshare_memfd *e);

/** mshare_environ_put() - add a region that is not in it yet */
int mshare_environ_put(const char *name, const struct mshare_memfd *e);

/** mshare_environ_remove() - remove a region and its views; -ENOENT */
int mshare_environ_remove(const char *name);

/** mshare_environ_get_view() - find an added view; -ENOENT */
int mshare_environ_get_view(const char *name, const char *view, bool *writable);

/** mshare_environ_put_view() - add a view that is not in it yet */
int mshare_environ_put_view(const char *name, const char *view, bool writable);

#endif /* LIBMSHARE_ENVIRON_H */
