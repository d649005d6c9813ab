/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libmshare: regions of memory that lie at one address in every process.
 *
 * - Every call returns 0 (or a documented value) or -errno; errno is not
 *   touched and nothing is printed.
 * - A struct mshare may be used by many threads at once; mshare_close() must
 *   be the last call on it.
 * - Two backends behind one interface: the msharearena module, and a memfd at
 *   the same address for machines without it. mshare_backend() tells which.
 */
#ifndef MSHARE_H
#define MSHARE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct mshare;

/**
 * enum mshare_backend - what a region is made of
 * @MSHARE_BACKEND_MODULE: /dev/msharearena: shared page tables, views
 * @MSHARE_BACKEND_MEMFD: a memfd mapped privately by each process, same
 *	address, no enforcement between processes: for development and tests
 */
enum mshare_backend {
	MSHARE_BACKEND_MODULE,
	MSHARE_BACKEND_MEMFD,
};

/**
 * struct mshare_options - how to make a region
 * @backend: which backend; mshare_default_backend() gives the best there is
 * @addr: address wanted, a multiple of 512 GiB, or 0 to be told
 * @length: bytes, a multiple of @page_size
 * @page_size: bytes: 1 GiB or 2 MiB; the memfd backend also takes 4 KiB
 * @uid: owner of the nodes, (uid_t)-1 for the caller
 * @gid: group of the nodes, (gid_t)-1 for the caller's
 * @mode: permission bits of the nodes
 */
struct mshare_options {
	enum mshare_backend backend;
	uint64_t addr;
	uint64_t length;
	uint64_t page_size;
	uid_t uid;
	gid_t gid;
	mode_t mode;
};

/**
 * struct mshare_info - what a region is
 * @backend: its backend
 * @addr: its address in every process
 * @length: its bytes
 * @page_size: bytes of a page
 * @exported: bytes that have memory
 */
struct mshare_info {
	enum mshare_backend backend;
	uint64_t addr;
	uint64_t length;
	uint64_t page_size;
	uint64_t exported;
};

/* The environment variable by which memfd regions are handed to children. */
#define MSHARE_MEMFD_ENV "MSHARE_MEMFD"

/**
 * mshare_default_backend() - the module if it is loaded, else memfd
 */
enum mshare_backend mshare_default_backend(void);

/**
 * mshare_create() - make a named region and open it
 * @name: letters, digits, '_', '-', '.', at most 63
 * @o: how
 * @out: the open region, to be closed with mshare_close()
 *
 * A module region stays until mshare_unlink(); a memfd region until the last
 * process that has it ends. The memfd backend puts %MSHARE_MEMFD_ENV into the
 * environment, so that children open the region by its name too.
 *
 * Return: 0, or -errno: those of MSHAREARENA_CREATE and open(2).
 */
int mshare_create(const char *name, const struct mshare_options *o,
		  struct mshare **out);

/**
 * mshare_open() - open a region by its name
 * @name: its name
 * @readonly: open the read-only view
 * @out: the open region, to be closed with mshare_close()
 *
 * Return: 0, -ENOENT if there is none, -EACCES if its node forbids it, or
 * another -errno of open(2).
 */
int mshare_open(const char *name, int readonly, struct mshare **out);

/**
 * mshare_unlink() - remove a region's name; users keep the region
 * @name: its name
 */
int mshare_unlink(const char *name);

/** mshare_close() - close a region; an attachment of it is ended too */
void mshare_close(struct mshare *m);

/** mshare_info() - describe a region */
int mshare_info(const struct mshare *m, struct mshare_info *info);

/**
 * mshare_populate() - give memory to a range of a region that has none
 * @m: region, opened for writing
 * @offset: bytes, a multiple of the page size
 * @length: bytes, a multiple of the page size
 *
 * Allocates huge pages of the region's size in the caller, exports them and
 * unmaps them again, a part of the range at a time. Where it fails, the parts
 * before have memory, which stays until the region ends.
 *
 * Return: 0, -ENOMEM if the huge page pool has too few (/proc/sys/vm/nr_hugepages
 * and its like), or an error of MSHAREARENA_EXPORT.
 */
int mshare_populate(struct mshare *m, uint64_t offset, uint64_t length);

/**
 * mshare_attach() - map the region at its address
 * @m: region
 * @addr: filled with the address, the same in every process
 *
 * Attaching what is attached already gives the same address.
 *
 * Return: 0; -EBUSY if something else of the process lies there; -ENXIO if
 * the region has no memory yet; -EINTR never (it is retried).
 */
int mshare_attach(struct mshare *m, void **addr);

/**
 * mshare_detach() - unmap the region
 *
 * Rings that were published and not taken are withdrawn.
 */
int mshare_detach(struct mshare *m);

/**
 * mshare_publish_ring() - offer an io_uring to a peer process
 * @m: attached region
 * @ring_fd: a SINGLE_ISSUER, NO_MMAP ring, enabled (see MSHAREARENA_PUBLISH)
 * @to: the process that may take it, 0 for anybody with the region
 * @tag: tells the caller's rings apart
 */
int mshare_publish_ring(struct mshare *m, int ring_fd, pid_t to, uint64_t tag);

/**
 * mshare_take_ring() - receive a ring that a peer published
 * @m: region
 * @from: the publisher, 0 for any
 * @tag: as published
 * @timeout_ms: how long to wait, 0 not at all, -1 without limit
 *
 * Return: a close-on-exec descriptor, -ESRCH if  has ended, -ETIMEDOUT (or -EAGAIN where
 * @timeout_ms is 0), or another -errno.
 */
int mshare_take_ring(struct mshare *m, pid_t from, uint64_t tag,
		     int timeout_ms);

#ifdef __cplusplus
}
#endif
#endif /* MSHARE_H */
