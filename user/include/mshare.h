/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libmshare: regions of memory that lie at one address in every process.
 *
 * - Every call returns 0 (or a documented value) or -errno. It does not set
 *   errno for its caller, and prints nothing.
 * - A struct mshare may be used by many threads at once; mshare_close() must
 *   be the last call on it.
 * - There are two backends behind one interface: the msharearena module, and a
 *   memfd at the same address for machines without it. mshare_info() tells which
 *   one a region has.
 * - Regions are handled by struct mshare, or by their names alone: mshare().
 *
 * This header must not know what programs keep in a region. Each call has a manual
 * page, mshare_open(3) and so on; docs/glossary.md has the words.
 */
#ifndef MSHARE_H
#define MSHARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#pragma GCC visibility push(default)
#ifdef __cplusplus
extern "C" {
#endif

struct mshare;

/* Bytes of a view's name with its terminating NUL. */
#define MSHARE_VIEW_SIZE	32

/**
 * enum mshare_backend - the memory of which a region is made
 * @MSHARE_BACKEND_BEST: what mshare_default_backend() says
 * @MSHARE_BACKEND_MODULE: /dev/msharearena, with shared page tables and views
 * @MSHARE_BACKEND_MEMFD: a memfd that each process maps by itself at the same
 *	address. Nothing is enforced between processes: for development and tests
 */
enum mshare_backend {
	MSHARE_BACKEND_BEST,
	MSHARE_BACKEND_MODULE,
	MSHARE_BACKEND_MEMFD,
};

/**
 * enum mshare_flags - of struct mshare_options and struct mshare_view
 * @MSHARE_SET_UID: @uid is the owner; without the flag the caller is, and @uid must be 0
 * @MSHARE_SET_GID: @gid is the group; without the flag the caller's is, and @gid must be 0
 * @MSHARE_UNNAMED: no process can open the region, or the view, by its name, which then only
 *	describes it
 */
enum mshare_flags {
	MSHARE_SET_UID = 1 << 0,
	MSHARE_SET_GID = 1 << 1,
	MSHARE_UNNAMED = 1 << 2,
};

/**
 * struct mshare_options - how to make a region
 * @size: sizeof(struct mshare_options)
 * @backend: which backend
 * @flags: enum mshare_flags
 * @addr: address wanted, a multiple of 512 GiB, or 0 for one chosen at random
 * @length: bytes, a multiple of @page_size
 * @page_size: bytes: 1 GiB, 2 MiB or 4 KiB
 * @uid: owner of the region and its nodes, with MSHARE_SET_UID
 * @gid: group of the nodes, with MSHARE_SET_GID
 * @mode: permission bits of the nodes; 0 with MSHARE_UNNAMED
 */
struct mshare_options {
	size_t size;
	enum mshare_backend backend;
	unsigned int flags;
	uint64_t addr;
	uint64_t length;
	uint64_t page_size;
	uid_t uid;
	gid_t gid;
	mode_t mode;
};

/**
 * struct mshare_info - description of a region
 * @size: sizeof(struct mshare_info), set by the caller
 * @backend: its backend
 * @unlinked: it has no name, or not any more
 * @addr: its address in every process
 * @length: its bytes
 * @page_size: bytes of a page
 * @exported: bytes that have memory
 * @attached: processes that have it attached, over all views
 * @demotions: how often a 1 GiB page was replaced by 2 MiB pages in the tables
 * @promotions: how often these became a 1 GiB page again
 * @table_bytes: bytes of its page tables, over all views
 * @view: the view that was opened
 *
 * The memfd backend does not know @attached, @demotions, @promotions and
 * @table_bytes: they are 0.
 */
struct mshare_info {
	size_t size;
	enum mshare_backend backend;
	bool unlinked;
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
 * struct mshare_view - the contents of a view, and its permissions
 * @size: sizeof(struct mshare_view)
 * @ranges: by ascending offset, without overlap
 * @n_ranges: how many, 1 to 4096
 * @flags: enum mshare_flags
 * @uid: owner of the node, with MSHARE_SET_UID
 * @gid: group of the node, with MSHARE_SET_GID
 * @mode: permission bits of the node; 0 with MSHARE_UNNAMED
 */
struct mshare_view {
	size_t size;
	const struct mshare_range *ranges;
	size_t n_ranges;
	unsigned int flags;
	uid_t uid;
	gid_t gid;
	mode_t mode;
};

/**
 * struct mshare_busy - the pages that mshare_quiesce() found in use
 * @size: sizeof(struct mshare_busy), set by the caller
 * @bytes: their bytes
 * @first: offset of the first of them, or the end of the range if there is none
 */
struct mshare_busy {
	size_t size;
	uint64_t bytes;
	uint64_t first;
};

/* The environment variable by which memfd regions are handed to children. */
#define MSHARE_MEMFD_ENV "MSHARE_MEMFD"

/**
 * mshare_default_backend() - the module if it is loaded, else memfd
 *
 * A module that is loaded is the answer even if the caller may not use it: a memfd
 * in its place would protect less, without notice.
 *
 * Return: the backend.
 */
enum mshare_backend mshare_default_backend(void);

/**
 * mshare_create() - make a region and open it
 * @name: letters, digits, '_', '-', '.', at most 63
 * @options: how
 * @out: the open region, to be closed with mshare_close()
 *
 * A named region of the module stays until it is unlinked; any other region ends
 * with the last process that has it. The memfd backend puts %MSHARE_MEMFD_ENV
 * into the environment, so that children can open the region by its name, too.
 *
 * Another process gets an unnamed region by fork(), or by a descriptor from
 * mshare_fd().
 *
 * Return: 0, or -errno: those of MSHAREARENA_CREATE and of open(2) for
 * /dev/msharearena.
 */
int mshare_create(const char *name, const struct mshare_options *options,
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
int mshare_open(const char *name, bool readonly, struct mshare **out);

/**
 * mshare_open_view() - open a region through one of its views
 * @name: the region's
 * @view: "rw", "ro", or one that was added
 * @readonly: the region will be attached for reading; must be set if the view
 *	has no writable range, and is useful only then and for "rw"
 * @out: the open region, to be closed with mshare_close()
 *
 * The memfd backend knows the names of added views, and maps all of the region
 * for each of them.
 *
 * Return: as mshare_open(); -EACCES also if the view has no writable range and
 * @readonly is false.
 */
int mshare_open_view(const char *name, const char *view, bool readonly,
		     struct mshare **out);

/**
 * mshare_open_fd() - open a region by a descriptor of one of its views
 * @fd: a descriptor from mshare_fd(), perhaps of another process
 * @out: the open region, to be closed with mshare_close()
 *
 * On success @fd belongs to the region and is closed with it.
 *
 * Return: 0, -EBADF if @fd is not open, -EINVAL if it is not a view of a region
 * of the module.
 */
int mshare_open_fd(int fd, struct mshare **out);

/**
 * mshare_fd() - the descriptor of an open region
 * @m: region
 *
 * It belongs to @m, and is closed with it. A process that receives a duplicate,
 * for example by SCM_RIGHTS, has the region in the mode in which @m is open.
 *
 * Return: the descriptor, or -EOPNOTSUPP with the memfd backend.
 */
int mshare_fd(const struct mshare *m);

/**
 * mshare_add_view() - add a view of parts of a region
 * @name: the region's name
 * @view: the view's name; as a region's name, at most 31 characters
 * @v: its contents and permissions; not MSHARE_UNNAMED, since no
 *	process could open it
 *
 * The caller needs permission to open the region's view rw for writing.
 *
 * Return: 0, or -errno: those of mshare_open() and of MSHAREARENA_ADD_VIEW.
 */
int mshare_add_view(const char *name, const char *view,
		    const struct mshare_view *v);

/**
 * mshare_make_view() - add a view of parts of an open region, and open it
 * @m: region, opened for writing through its view rw
 * @view: the view's name, as for mshare_add_view()
 * @v: its contents and permissions
 * @out: the region through this view, to be closed with mshare_close(); open
 *	for writing if the view has a writable range
 *
 * Return: 0, or -errno: those of MSHAREARENA_ADD_VIEW.
 */
int mshare_make_view(struct mshare *m, const char *view,
		     const struct mshare_view *v, struct mshare **out);

/**
 * mshare_unlink() - remove a region's name; processes that have the region keep it
 * @name: its name
 *
 * The caller needs permission to open one of the nodes rw and ro for reading.
 *
 * Return: 0, -ENOENT if there is none, -EACCES if neither node can be opened,
 * -EPERM if the region belongs to another user.
 */
int mshare_unlink(const char *name);

/**
 * mshare_unlink_region() - remove the name of an open region
 * @m: region, open in any mode, through its view rw or ro
 *
 * Unlike mshare_unlink() it cannot affect another region that has got the name in
 * the meantime.
 *
 * Return: 0, -ENOENT if it has no name, or not any more, -EPERM if it belongs to
 * another user, -EACCES if @m is open through a view that was added; the memfd
 * backend does not look at that.
 */
int mshare_unlink_region(struct mshare *m);

/** mshare_close() - detach a region and close it; NULL is allowed */
void mshare_close(struct mshare *m);

/** mshare_info() - describe a region */
int mshare_info(const struct mshare *m, struct mshare_info *info);

/**
 * mshare_populate() - give new memory to a range of a region
 * @m: region, opened for writing
 * @offset: bytes, a multiple of the page size
 * @length: bytes, a multiple of the page size
 *
 * Allocates pages of the region's size in the caller, exports them and unmaps
 * them again, a part of the range at a time. If one part fails, the parts before
 * it have memory, which stays until the region ends.
 *
 * Return: 0, -ENOMEM if the pool of huge pages has too few pages
 * (/sys/kernel/mm/hugepages), or an error of MSHAREARENA_EXPORT.
 */
int mshare_populate(struct mshare *m, uint64_t offset, uint64_t length);

/**
 * mshare_export() - give memory of the caller to a region
 * @m: region, opened for writing through its view rw
 * @addr: writable memory, aligned to the page size: huge pages of the region's
 *	size, or private anonymous memory if that is 4 KiB
 * @length: bytes, a multiple of the page size
 * @offset: where in the region, a multiple of the page size
 *
 * Region and caller then share the memory, and the caller may unmap it. With the
 * memfd backend the region gets a copy of it, over its previous contents.
 *
 * Return: 0, or -errno: those of MSHAREARENA_EXPORT.
 */
int mshare_export(struct mshare *m, void *addr, uint64_t length,
		  uint64_t offset);

/**
 * mshare_quiesce() - wait until neither the kernel nor a device uses a range
 * @m: region
 * @offset: bytes, a multiple of the page size
 * @length: bytes, a multiple of the page size
 * @timeout_ms: how long to wait, 0 not at all, -1 without limit
 * @busy: filled in with the pages in use, or NULL
 *
 * The end of a use is no event, so the call looks again after 1 ms, 2 ms and so
 * on, up to 50 ms. A signal neither ends the wait nor makes it longer. The caller
 * makes sure that no new use begins in the meantime.
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
 * If the region is attached already, the address is the same. A signal does not
 * end the call.
 *
 * Return: 0; -EBUSY if something else of the process lies there; -ENXIO if the
 * region has no memory yet; -EDQUOT if the user has too many attachments;
 * -ENOSPC if the region has.
 */
int mshare_attach(struct mshare *m, void **addr);

/**
 * mshare_detach() - unmap the region
 * @m: region
 *
 * Rings that this process has published and that have not been taken are
 * withdrawn.
 *
 * Return: 0, also if it is not attached.
 */
int mshare_detach(struct mshare *m);

/**
 * mshare_publish_ring() - offer an io_uring to a peer process
 * @m: attached region
 * @ring_fd: a SINGLE_ISSUER, NO_MMAP ring, enabled (see MSHAREARENA_PUBLISH)
 * @to: the process that may take it, 0 for any process that has the region open
 *	for writing
 * @tag: distinguishes the caller's rings
 *
 * Return: 0, -ENOTCONN if @m is not attached, or an error of
 * MSHAREARENA_PUBLISH.
 */
int mshare_publish_ring(struct mshare *m, int ring_fd, pid_t to, uint64_t tag);

/**
 * mshare_withdraw_ring() - end the offer of a ring
 * @m: attached region
 * @tag: as published
 *
 * Return: 0, after which no process has taken the ring and none will; -ENOENT if
 * it is not offered, or has been taken; -EAGAIN if another process tries to take
 * it again and again and fails; -ENOTCONN if @m is not attached.
 */
int mshare_withdraw_ring(struct mshare *m, uint64_t tag);

/**
 * mshare_take_ring() - receive a ring that a peer published
 * @m: region
 * @from: the publisher, 0 for any
 * @tag: as published
 * @timeout_ms: how long to wait, 0 not at all, -1 without limit
 *
 * The wait also ends when @from ends. A signal neither ends it nor makes it
 * longer.
 *
 * Return: a close-on-exec descriptor, -ESRCH if @from has ended, -ETIMEDOUT
 * (or -EAGAIN where @timeout_ms is 0), or another -errno.
 */
int mshare_take_ring(struct mshare *m, pid_t from, uint64_t tag,
		     int timeout_ms);

/**
 * mshare_claim() - claim a number of a region
 * @m: region, open for writing
 * @number: any up to 2^62
 *
 * The call does not wait. The kernel ends the claim when the descriptor and all its
 * duplicates are closed, which it does when a process dies; a child of fork(2) has a
 * duplicate, and closes it if the claim is to end with its parent.
 *
 * A claim is a lock (F_OFD_SETLK) on the file of the memfd or, with the module, on the node of
 * the view, so that those exclude each other who have opened the region through one view.
 *
 * Return: a close-on-exec descriptor for mshare_unclaim(); -EBUSY if the number is claimed
 * already; -EINVAL if there is no such number; -EACCES if @m is open for reading only;
 * -EOPNOTSUPP if the caller cannot open that file: a region of the module without a name has no
 * node, its permissions may forbid it, and for a memfd it takes /proc; or another -errno of
 * open(2).
 */
int mshare_claim(struct mshare *m, uint64_t number);

/**
 * mshare_unclaim() - end a claim, whoever has a duplicate of the descriptor
 * @claim: from mshare_claim(); it is closed
 */
void mshare_unclaim(int claim);

/**
 * mshare() - share a range of addresses under a name
 * @name: the region's name
 * @addr: a multiple of 512 GiB; may be NULL if the region exists
 * @length: bytes; may be 0 if the region exists
 * @oflags: O_RDWR or O_RDONLY, with or without O_CREAT and O_EXCL
 * @mode: permission bits of the region's nodes, if the call creates it
 *
 * The call that was proposed for Linux in 2022. With O_CREAT the memory of the
 * caller in [@addr, @addr + @length) becomes a region of its page size, which the
 * caller has attached when the call returns. Every process that makes the call
 * finds the same bytes at the same address. If the region exists and O_EXCL is
 * not given, and without O_CREAT, the call attaches the region.
 *
 * munmap(addr, 512 GiB) detaches it, mshare_unlink() removes the name.
 *
 * While a region is created, nothing is mapped at @addr for a moment: until the
 * call returns, no other thread may use the memory, map anything in its 512 GiB,
 * or fork. If the call fails, the memory is where it was.
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

/**
 * mshare_version() - the version of the library that the program runs with
 *
 * Return: a constant text such as "0.1.0".
 */
const char *mshare_version(void);

#ifdef __cplusplus
}
#endif
#pragma GCC visibility pop
#endif /* MSHARE_H */
