/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libmshare: regions of memory that lie at one address in every process.
 *
 * - Every call returns 0 (or a documented value) or -errno; errno says
 *   nothing about it and nothing is printed.
 * - A struct mshare may be used by many threads at once; mshare_close() must
 *   be the last call on it.
 * - Two backends behind one interface: the msharearena module, and a memfd at
 *   the same address for machines without it. mshare_info() tells which.
 * - Regions are handled by struct mshare, or by their names alone: mshare().
 *
 * Each call has a manual page, mshare_open(3) and so on.
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

/* Bytes of a view's name with its terminating NUL. */
#define MSHARE_VIEW_SIZE	32

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
 * @addr: address wanted, a multiple of 512 GiB, or 0 for one chosen at random
 * @length: bytes, a multiple of @page_size
 * @page_size: bytes: 1 GiB, 2 MiB or 4 KiB
 * @uid: owner of the region and its nodes, (uid_t)-1 for the caller
 * @gid: group of the nodes, (gid_t)-1 for the caller's
 * @mode: permission bits of the nodes; 0 with @unnamed
 * @unnamed: not 0: nobody can open the region by its name, which then only
 *	tells people what it is
 */
struct mshare_options {
	enum mshare_backend backend;
	uint64_t addr;
	uint64_t length;
	uint64_t page_size;
	uid_t uid;
	gid_t gid;
	mode_t mode;
	int unnamed;
};

/**
 * struct mshare_info - what a region is
 * @backend: its backend
 * @unlinked: it has no name, or not any more
 * @addr: its address in every process
 * @length: its bytes
 * @page_size: bytes of a page
 * @exported: bytes that have memory
 * @attached: processes that have it attached, over all views
 * @demotions: how often 1 GiB became 2 MiB pages in the tables
 * @promotions: how often they became 1 GiB again
 * @table_bytes: bytes of its page tables, over all views
 * @view: the view that was opened
 *
 * The memfd backend knows nothing of the processes and the tables: 0.
 */
struct mshare_info {
	enum mshare_backend backend;
	int unlinked;
	uint64_t addr;
	uint64_t length;
	uint64_t page_size;
	uint64_t exported;
	uint64_t attached;
	uint64_t demotions;
	uint64_t promotions;
	uint64_t table_bytes;
	char view[MSHARE_VIEW_SIZE];
};

/**
 * struct mshare_range - one range of a view
 * @offset: bytes into the region, a multiple of its page size
 * @length: bytes, a multiple of the page size, not 0
 * @prot: PROT_READ, or PROT_READ | PROT_WRITE
 */
struct mshare_range {
	uint64_t offset;
	uint64_t length;
	int prot;
};

/**
 * struct mshare_view - what a view shows, and to whom
 * @ranges: by ascending offset, without overlap
 * @n_ranges: how many, 1 to 4096
 * @uid: owner of the node, (uid_t)-1 for the caller
 * @gid: group of the node, (gid_t)-1 for the caller's
 * @mode: permission bits of the node; 0 with @unnamed
 * @unnamed: not 0: nobody can open the view by its name
 */
struct mshare_view {
	const struct mshare_range *ranges;
	size_t n_ranges;
	uid_t uid;
	gid_t gid;
	mode_t mode;
	int unnamed;
};

/**
 * struct mshare_busy - what mshare_quiesce() found in use
 * @bytes: bytes of pages in use
 * @first: offset of the first of them, or the end of the range
 */
struct mshare_busy {
	uint64_t bytes;
	uint64_t first;
};

/* The environment variable by which memfd regions are handed to children. */
#define MSHARE_MEMFD_ENV "MSHARE_MEMFD"

/**
 * mshare_default_backend() - the module if it is loaded, else memfd
 *
 * Also the module where the caller may not use it: a memfd in its place would
 * protect less, and nobody would notice.
 *
 * Return: the backend.
 */
enum mshare_backend mshare_default_backend(void);

/**
 * mshare_create() - make a region and open it
 * @name: letters, digits, '_', '-', '.', at most 63
 * @o: how
 * @out: the open region, to be closed with mshare_close()
 *
 * A region of the module's with a name stays until it is unlinked, all others
 * until the last process that has them ends. The memfd backend puts
 * %MSHARE_MEMFD_ENV into the environment, so that children open the region by
 * its name too.
 *
 * Others get an unnamed region by fork(), or by a descriptor: mshare_fd().
 *
 * Return: 0, or -errno: those of MSHAREARENA_CREATE and of open(2) for
 * /dev/msharearena.
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
 * mshare_open_view() - open a region through one of its views
 * @name: the region's
 * @view: "rw", "ro", or one that was added
 * @readonly: to be attached for reading; needed where the view has no writable
 *	range, and of use only there and for "rw"
 * @out: the open region, to be closed with mshare_close()
 *
 * The memfd backend knows added views, and maps all of the region for any of
 * them.
 *
 * Return: as mshare_open(); -EACCES too if the view has no writable range and
 * @readonly is 0.
 */
int mshare_open_view(const char *name, const char *view, int readonly,
		     struct mshare **out);

/**
 * mshare_open_fd() - open a region by a descriptor of one of its views
 * @fd: from mshare_fd(), perhaps of another process
 * @out: the open region, to be closed with mshare_close()
 *
 * On success @fd belongs to the region and is closed with it.
 *
 * Return: 0, -EBADF if @fd is not open, -EINVAL if it is nothing of the
 * module's.
 */
int mshare_open_fd(int fd, struct mshare **out);

/**
 * mshare_fd() - the descriptor of an open region
 * @m: region
 *
 * It belongs to @m, and is closed with it. Whoever gets a duplicate, as by
 * SCM_RIGHTS, has the region in the mode in which it is open.
 *
 * Return: the descriptor, or -EOPNOTSUPP with the memfd backend.
 */
int mshare_fd(const struct mshare *m);

/**
 * mshare_add_view() - add a view of parts of a region
 * @name: the region's
 * @view: the view's: as a region's name, at most 31 characters
 * @v: what it shows, and to whom; not @unnamed, since nobody would have it
 *
 * The caller opens the region's view rw for writing.
 *
 * Return: 0, or -errno: those of mshare_open() and of MSHAREARENA_ADD_VIEW.
 */
int mshare_add_view(const char *name, const char *view,
		    const struct mshare_view *v);

/**
 * mshare_make_view() - add a view of parts of an open region, and open it
 * @m: region, opened for writing through its view rw
 * @view: the view's name, as for mshare_add_view()
 * @v: what it shows, and to whom
 * @out: the region through this view, to be closed with mshare_close(); open
 *	for writing if the view has a writable range
 *
 * Return: 0, or -errno: those of MSHAREARENA_ADD_VIEW.
 */
int mshare_make_view(struct mshare *m, const char *view,
		     const struct mshare_view *v, struct mshare **out);

/**
 * mshare_unlink() - remove a region's name; users keep the region
 * @name: its name
 *
 * The caller opens one of the nodes rw and ro for reading.
 *
 * Return: 0, -ENOENT if there is none, -EACCES if neither node can be opened,
 * -EPERM if the region is somebody else's.
 */
int mshare_unlink(const char *name);

/**
 * mshare_unlink_region() - remove the name of an open region
 * @m: region, open in any way
 *
 * Unlike mshare_unlink() it cannot hit another region that has got the name in
 * the meantime.
 *
 * Return: 0, -ENOENT if it has no name, or not any more, -EPERM if it is
 * somebody else's.
 */
int mshare_unlink_region(struct mshare *m);

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
 * Allocates pages of the region's size in the caller, exports them and
 * unmaps them again, a part of the range at a time. Where it fails, the parts
 * before have memory, which stays until the region ends.
 *
 * Return: 0, -ENOMEM if the huge page pool has too few (/proc/sys/vm/nr_hugepages
 * and its like), or an error of MSHAREARENA_EXPORT.
 */
int mshare_populate(struct mshare *m, uint64_t offset, uint64_t length);

/**
 * mshare_export() - give memory of the caller's to a region
 * @m: region, opened for writing through its view rw
 * @addr: writable memory, aligned to the page size: anonymous huge pages of
 *	the region's size; for 4 KiB private anonymous memory
 * @length: bytes, a multiple of the page size
 * @offset: where in the region, a multiple of the page size
 *
 * Region and caller then have the same memory; the caller may unmap his. With
 * the memfd backend the region gets a copy, over what was there.
 *
 * Return: 0, or -errno: those of MSHAREARENA_EXPORT.
 */
int mshare_export(struct mshare *m, void *addr, uint64_t length,
		  uint64_t offset);

/**
 * mshare_quiesce() - wait until the kernel and devices use a range no more
 * @m: region
 * @offset: bytes, a multiple of the page size
 * @length: bytes, a multiple of the page size
 * @timeout_ms: how long to wait, 0 not at all, -1 without limit
 * @busy: filled in with what is in use, or NULL
 *
 * Nothing tells when a use ends: the pages are looked at again after 1 ms, 2 ms
 * and so on up to 50 ms. A signal does not end the wait and makes it no longer.
 *
 * Return: 0 if nothing is in use; -ETIMEDOUT (or -EAGAIN where @timeout_ms is
 * 0) if something still is; -EOPNOTSUPP with the memfd backend; or another
 * -errno of MSHAREARENA_GET_BUSY.
 */
int mshare_quiesce(struct mshare *m, uint64_t offset, uint64_t length,
		   int timeout_ms, struct mshare_busy *busy);

/**
 * mshare_attach() - map the region at its address
 * @m: region
 * @addr: filled with the address, the same in every process
 *
 * Attaching what is attached already gives the same address.
 *
 * Return: 0; -EBUSY if something else of the process lies there; -ENXIO if
 * the region has no memory yet; -EDQUOT if the user, -ENOSPC if the region has
 * too many attachments. A signal does not end it.
 */
int mshare_attach(struct mshare *m, void **addr);

/**
 * mshare_detach() - unmap the region
 * @m: region
 *
 * Rings that were published and not taken are withdrawn.
 *
 * Return: 0, also if it is not attached.
 */
int mshare_detach(struct mshare *m);

/**
 * mshare_publish_ring() - offer an io_uring to a peer process
 * @m: attached region
 * @ring_fd: a SINGLE_ISSUER, NO_MMAP ring, enabled (see MSHAREARENA_PUBLISH)
 * @to: the process that may take it, 0 for anybody with the region
 * @tag: tells the caller's rings apart
 *
 * Return: 0, -ENOTCONN if @m is not attached, or an error of
 * MSHAREARENA_PUBLISH.
 */
int mshare_publish_ring(struct mshare *m, int ring_fd, pid_t to, uint64_t tag);

/**
 * mshare_withdraw_ring() - take back a ring that this process offers
 * @m: attached region
 * @tag: as published
 *
 * Return: 0: nobody has taken it and nobody will; -ENOENT if it is not offered,
 * or has been taken; -EAGAIN if a taker tries all the time and fails; -ENOTCONN
 * if @m is not attached.
 */
int mshare_withdraw_ring(struct mshare *m, uint64_t tag);

/**
 * mshare_take_ring() - receive a ring that a peer published
 * @m: region
 * @from: the publisher, 0 for any
 * @tag: as published
 * @timeout_ms: how long to wait, 0 not at all, -1 without limit
 *
 * The wait ends when @from ends. A signal does not end it and makes it no
 * longer.
 *
 * Return: a close-on-exec descriptor, -ESRCH if @from has ended, -ETIMEDOUT
 * (or -EAGAIN where @timeout_ms is 0), or another -errno.
 */
int mshare_take_ring(struct mshare *m, pid_t from, uint64_t tag,
		     int timeout_ms);

/**
 * mshare() - share a range of addresses under a name
 * @name: the region's
 * @addr: a multiple of 512 GiB; or NULL, where the region exists
 * @length: bytes; or 0, where the region exists
 * @oflags: O_RDWR or O_RDONLY; with O_CREAT, and O_EXCL
 * @mode: permission bits of the region's nodes, where it is made
 *
 * The call that was proposed for Linux in 2022. With O_CREAT the memory of the
 * caller in [@addr, @addr + @length) becomes a region, of its page size, which
 * the caller has attached when the call returns: the same bytes at the same
 * address, for every process that makes the call. Without O_CREAT, or if the
 * region exists and O_EXCL is not given, attaches the region.
 *
 * munmap(addr, 512 GiB) ends it, mshare_unlink() removes the name.
 *
 * While a region is made, there is an instant in which nothing is mapped at
 * @addr: no other thread may use the memory, map anything in its 512 GiB, or
 * fork, until the call returns. If it fails, the memory is where it was.
 *
 * Return: 0, or -errno; see mshare(3).
 */
int mshare(const char *name, void *addr, size_t length, int oflags,
	   mode_t mode);

/**
 * mshare_region_of() - where a region lies
 * @name: its name
 * @addr: filled with its address
 * @length: filled with its bytes
 *
 * Return: 0, or -errno: those of mshare_open() for reading.
 */
int mshare_region_of(const char *name, void **addr, size_t *length);

#ifdef __cplusplus
}
#endif
#endif /* MSHARE_H */
