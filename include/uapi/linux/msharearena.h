/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * msharearena: regions of huge pages mapped at one address in every process
 * through one shared set of page tables.
 *
 * The control device /dev/msharearena creates and unlinks named regions. A
 * region NAME has one device node for each view, /dev/mshare/NAME/rw,
 * /dev/mshare/NAME/ro and those that were added. On an open view:
 *
 *   read(2)   gives two unsigned longs, the address at which the region lies in
 *             every process that attaches it and its length in bytes. A buffer
 *             shorter than both is EINVAL; there is no file position.
 *   mmap(2)   attaches: mmap(NULL, MSHAREARENA_SLOT_SIZE, prot, MAP_SHARED, fd,
 *             0). The answer is the region's address; a hint is ignored, and
 *             MAP_FIXED elsewhere is EINVAL. PROT_READ | PROT_WRITE links the
 *             writable tables, PROT_READ alone the read-only ones (of an added
 *             view that has writable ranges: EACCES), PROT_EXEC is EACCES. A
 *             load from an offset with no memory raises SIGBUS, a store to it
 *             SIGSEGV. /proc/PID/maps shows r--s for every view: write
 *             permission lives in the shared tables. ENXIO before the first
 *             export; EBUSY if anything is mapped in the slot; EINTR by a
 *             signal: try again.
 *   ioctl(2)  the region commands below.
 *
 * Every command takes a pointer to its structure, whose first member is the
 * size of the structure as the caller knows it. A larger structure is accepted
 * if all the bytes this kernel does not know are zero. What the errors mean
 * everywhere:
 *
 *   ENOTTY    the command is not known, or not on this kind of file
 *   EINVAL    size is smaller than the first version of the structure, a flag
 *             or a reserved member is not zero, or a value is malformed
 *   E2BIG     the caller knows members that this kernel does not, and set them,
 *             or size is more than a page
 *   EFAULT    a pointer could not be read or written
 *   EINTR     a signal came while waiting; nothing was changed: try again
 *   EPERM     the caller lacks a privilege
 *   EACCES    the file was not opened for what is asked
 *   ENOMEM    out of memory, or a locked-memory limit would be exceeded
 *   EDQUOT    the user's share of regions or of bytes is used up (the module's
 *             parameters user_regions and user_mbytes; CAP_SYS_RESOURCE is
 *             exempt)
 */
#ifndef _UAPI_LINUX_MSHAREARENA_H
#define _UAPI_LINUX_MSHAREARENA_H

#include <linux/const.h>
#include <linux/ioctl.h>
#include <linux/types.h>

/* Grows by one when a command or a structure member is added. */
#define MSHAREARENA_API_VERSION		2

/* Bytes of a region's name with its terminating NUL. */
#define MSHAREARENA_NAME_SIZE		64
/* Bytes of a view's name with its terminating NUL. */
#define MSHAREARENA_VIEW_NAME_SIZE	32
/* Ranges that one added view may have. */
#define MSHAREARENA_MAX_RANGES		4096

/* Every mapping of a region has this length and alignment (512 GiB). */
#define MSHAREARENA_SLOT_SIZE		(_AC(1, ULL) << 39)

#define MSHAREARENA_PAGE_4K		(_AC(1, ULL) << 12)
#define MSHAREARENA_PAGE_2M		(_AC(1, ULL) << 21)
#define MSHAREARENA_PAGE_1G		(_AC(1, ULL) << 30)

#define MSHAREARENA_IOC			0xA9

/* On the control device. */
#define MSHAREARENA_GET_INFO		_IO(MSHAREARENA_IOC, 0x00)
#define MSHAREARENA_CREATE		_IO(MSHAREARENA_IOC, 0x01)
#define MSHAREARENA_UNLINK		_IO(MSHAREARENA_IOC, 0x02)
#define MSHAREARENA_ADD_VIEW		_IO(MSHAREARENA_IOC, 0x03)

/* On a view of a region. */
#define MSHAREARENA_GET_REGION		_IO(MSHAREARENA_IOC, 0x10)
#define MSHAREARENA_EXPORT		_IO(MSHAREARENA_IOC, 0x11)
#define MSHAREARENA_PUBLISH		_IO(MSHAREARENA_IOC, 0x12)
#define MSHAREARENA_TAKE		_IO(MSHAREARENA_IOC, 0x13)
#define MSHAREARENA_QUIESCE		_IO(MSHAREARENA_IOC, 0x14)

/**
 * struct msharearena_info - MSHAREARENA_GET_INFO: what this module can do
 * @size: IN: sizeof(struct msharearena_info)
 * @flags: IN: must be zero
 * @api_version: OUT: MSHAREARENA_API_VERSION of the module
 * @reserved: must be zero
 * @features: OUT: bit mask of optional features, none defined yet
 * @page_sizes: OUT: bit mask of page sizes a region may have, in bytes, on this
 *	machine (MSHAREARENA_PAGE_4K | MSHAREARENA_PAGE_2M | MSHAREARENA_PAGE_1G)
 * @slot_size: OUT: MSHAREARENA_SLOT_SIZE
 */
struct msharearena_info {
	__u32 size;
	__u32 flags;
	__u32 api_version;
	__u32 reserved;
	__aligned_u64 features;
	__aligned_u64 page_sizes;
	__aligned_u64 slot_size;
};

/**
 * struct msharearena_create - MSHAREARENA_CREATE: make a named, empty region
 * @size: IN: sizeof(struct msharearena_create)
 * @flags: IN: must be zero
 * @addr: IN: address for the region, a multiple of MSHAREARENA_SLOT_SIZE within
 *	the lower 2^47 bytes, or 0 to let the module choose; OUT: the address
 * @length: IN: bytes of the region, a multiple of @page_size, not zero and at
 *	most MSHAREARENA_SLOT_SIZE. Memory comes later, by MSHAREARENA_EXPORT.
 * @page_size: IN: one of the sizes in msharearena_info.page_sizes
 * @uid: IN: owner of the nodes in the caller's user namespace, (__u32)-1 for
 *	the caller
 * @gid: IN: group of the nodes, (__u32)-1 for the caller's
 * @mode: IN: permission bits of the rw node, read and write only (a mask of
 *	0666); the ro node gets the read bits
 * @reserved: must be zero
 * @name: IN: NUL-terminated; letters, digits, '_', '-' and '.', not beginning
 *	with '.'; bytes after the NUL must be zero
 *
 * The nodes exist with these permissions when the call returns. The region
 * lives until it has been unlinked and its last open file and attachment are
 * gone, whoever created it.
 *
 * Errors: EEXIST the name is taken; EBUSY @addr is another region's; ENOSPC no
 * slot, or no device number, is left (none is used twice while the module is
 * loaded, and there are 2^20); EOPNOTSUPP the machine has no such
 * @page_size; EPERM an owner or group that the caller may not give away.
 */
struct msharearena_create {
	__u32 size;
	__u32 flags;
	__aligned_u64 addr;
	__aligned_u64 length;
	__aligned_u64 page_size;
	__u32 uid;
	__u32 gid;
	__u32 mode;
	__u32 reserved;
	char name[MSHAREARENA_NAME_SIZE];
};

/**
 * struct msharearena_unlink - MSHAREARENA_UNLINK: remove a region's name
 * @size: IN: sizeof(struct msharearena_unlink)
 * @flags: IN: must be zero
 * @name: IN: as in struct msharearena_create
 *
 * The nodes are gone when the call returns; whoever has the region open or
 * attached keeps it.
 *
 * Errors: ENOENT no such region; EPERM the caller neither owns it nor has
 * CAP_FOWNER.
 */
struct msharearena_unlink {
	__u32 size;
	__u32 flags;
	char name[MSHAREARENA_NAME_SIZE];
};

/* struct msharearena_range.prot */
#define MSHAREARENA_PROT_READ		(_AC(1, U) << 0)
#define MSHAREARENA_PROT_WRITE		(_AC(1, U) << 1)	/* with READ */

/**
 * struct msharearena_range - one range of an added view
 * @offset: bytes into the region, a multiple of its page size
 * @length: bytes, a multiple of the page size, not zero
 * @prot: MSHAREARENA_PROT_READ, or with MSHAREARENA_PROT_WRITE
 * @reserved: must be zero
 */
struct msharearena_range {
	__aligned_u64 offset;
	__aligned_u64 length;
	__u32 prot;
	__u32 reserved;
};

/**
 * struct msharearena_view - MSHAREARENA_ADD_VIEW: another view of a region
 * @size: IN: sizeof(struct msharearena_view)
 * @flags: IN: must be zero
 * @ranges: IN: address of an array of struct msharearena_range, by ascending
 *	offset, none touching what another covers
 * @n_ranges: IN: its length, 1 to MSHAREARENA_MAX_RANGES
 * @uid: IN: owner of the node, as in struct msharearena_create
 * @gid: IN: its group
 * @mode: IN: its permission bits, read and write only; a view without a
 *	writable range loses the write bits
 * @name: IN: the region's
 * @view: IN: the view's, by the same rules; the node is /dev/mshare/NAME/VIEW
 *
 * Whoever attaches the view sees each range with its protection, in the memory
 * that is there now and what is exported later, and no memory anywhere else.
 * The node exists with its permissions when the call returns, and goes with
 * the region's name.
 *
 * Errors: ENOENT no such region; EPERM the caller neither owns it nor has
 * CAP_FOWNER, or may not give the owner or group away; EEXIST the view's name
 * is taken; ERANGE a range passes the region's end; ENOSPC the region has too
 * many views, or no device number is left.
 */
struct msharearena_view {
	__u32 size;
	__u32 flags;
	__aligned_u64 ranges;
	__u32 n_ranges;
	__u32 uid;
	__u32 gid;
	__u32 mode;
	char name[MSHAREARENA_NAME_SIZE];
	char view[MSHAREARENA_VIEW_NAME_SIZE];
};

/* struct msharearena_region.flags */
#define MSHAREARENA_REGION_UNLINKED	(_AC(1, U) << 0)
#define MSHAREARENA_REGION_READONLY	(_AC(1, U) << 1)	/* no writable range */

/**
 * struct msharearena_region - MSHAREARENA_GET_REGION: describe a region
 * @size: IN: sizeof(struct msharearena_region)
 * @flags: IN: must be zero; OUT: MSHAREARENA_REGION_*
 * @addr: OUT: address in every attached process
 * @length: OUT: bytes of the region
 * @page_size: OUT: bytes of a page
 * @exported: OUT: bytes that have memory
 * @attached: OUT: number of attached processes, over all views
 * @demotions: OUT: how often a 1 GiB leaf was replaced by 2 MiB leaves
 * @table_bytes: OUT: bytes of page tables that the region owns, over all views
 * @name: OUT: NUL-terminated
 * @promotions: OUT: how often such 2 MiB leaves became a 1 GiB leaf again.
 *	Since version 2.
 * @view: OUT: the view's name, NUL-terminated. Since version 2.
 */
struct msharearena_region {
	__u32 size;
	__u32 flags;
	__aligned_u64 addr;
	__aligned_u64 length;
	__aligned_u64 page_size;
	__aligned_u64 exported;
	__aligned_u64 attached;
	__aligned_u64 demotions;
	__aligned_u64 table_bytes;
	char name[MSHAREARENA_NAME_SIZE];
	__aligned_u64 promotions;
	char view[MSHAREARENA_VIEW_NAME_SIZE];
};

/**
 * struct msharearena_export - MSHAREARENA_EXPORT: give memory to a region
 * @size: IN: sizeof(struct msharearena_export)
 * @flags: IN: must be zero
 * @addr: IN: address of the donor's memory in the caller, page-size aligned
 * @length: IN: bytes, a multiple of the region's page size, not zero
 * @offset: IN: where in the region, a multiple of the page size
 *
 * In regions of 2 MiB and 1 GiB pages the memory is anonymous hugetlb memory
 * (MAP_ANONYMOUS | MAP_HUGETLB or memfd_create(MFD_HUGETLB)), writable, with
 * pages of exactly the region's size; in regions of 4 KiB pages it is private
 * anonymous memory (MAP_ANONYMOUS | MAP_PRIVATE, the heap), writable. It is
 * pinned; the caller may unmap it afterwards. When the call returns it is
 * visible in every process that is attached, now or later; after an error none
 * of it is. It stays until the region ends. Needs the rw view, open for
 * writing.
 *
 * Errors: EACCES the file is not the rw view open for writing, or the donor's
 * mapping is not writable; EEXIST part of the range has memory already;
 * ERANGE the range passes the region's end; EOPNOTSUPP the donor's memory is
 * not anonymous memory of the region's page size; EFAULT @addr is not mapped;
 * ENOMEM the pool is empty, or the user's RLIMIT_MEMLOCK is exceeded
 * (CAP_IPC_LOCK is exempt).
 */
struct msharearena_export {
	__u32 size;
	__u32 flags;
	__aligned_u64 addr;
	__aligned_u64 length;
	__aligned_u64 offset;
};

/**
 * struct msharearena_publish - MSHAREARENA_PUBLISH: offer a ring to a peer
 * @size: IN: sizeof(struct msharearena_publish)
 * @flags: IN: must be zero
 * @ring_fd: IN: an io_uring of the caller's
 * @to: IN: process id, in the caller's pid namespace, of the one that may take
 *	it; 0 for anybody who can open a writable view for writing
 * @tag: IN: tells the caller's rings apart
 *
 * The caller must have the region attached. The module holds the ring until it
 * is taken or the caller's attachment ends, by munmap, exec, exit or a kill.
 * Publish only rings that are IORING_SETUP_SINGLE_ISSUER and NO_MMAP and
 * enabled already: then a holder can post messages and nothing else.
 *
 * Errors: EACCES the file is not a view with a writable range, open for
 * writing; EBADF no such fd; EINVAL it is no io_uring;
 * ENOTCONN the caller has not attached the region; ESRCH no process @to;
 * EEXIST the caller has published @tag already; ENOSPC too many are waiting.
 */
struct msharearena_publish {
	__u32 size;
	__u32 flags;
	__s32 ring_fd;
	__s32 to;
	__aligned_u64 tag;
};

/**
 * struct msharearena_take - MSHAREARENA_TAKE: receive a published ring
 * @size: IN: sizeof(struct msharearena_take)
 * @flags: IN: must be zero
 * @from: IN: process id of the publisher, 0 for any
 * @timeout_ms: IN: how long to wait for it to be published, 0 not at all,
 *	(__u32)-1 without limit
 * @tag: IN: as published
 * @ring_fd: OUT: a new close-on-exec descriptor of the ring
 * @reserved: must be zero
 *
 * Each published ring is taken once. The caller need not be attached. A wait
 * that a handler with SA_RESTART interrupts begins anew, with all of its time.
 *
 * Errors: EACCES as for publish; ESRCH no process @from; ETIMEDOUT (EAGAIN
 * where @timeout_ms is 0) nothing was published for the caller; EMFILE no
 * descriptor is free, the ring stays published.
 */
struct msharearena_take {
	__u32 size;
	__u32 flags;
	__s32 from;
	__u32 timeout_ms;
	__aligned_u64 tag;
	__s32 ring_fd;
	__u32 reserved;
};

/**
 * struct msharearena_quiesce - MSHAREARENA_QUIESCE: is anybody still using it?
 * @size: IN: sizeof(struct msharearena_quiesce)
 * @flags: IN: must be zero
 * @offset: IN: where in the region, a multiple of its page size
 * @length: IN: bytes, a multiple of the page size, not zero
 * @timeout_ms: IN: how long to wait, 0 not at all, (__u32)-1 without limit
 * @reserved: must be zero
 * @busy: OUT: bytes of the range's pages with references that are not ours
 * @first_busy: OUT: offset of the first such page, or @offset + @length
 *
 * After a process died or was told to stop, the kernel or a device may still
 * read or write pages for it: an io_uring that is being torn down, a command
 * in a disk's queue, a page that TCP has not been acknowledged. Each holds a
 * reference to the page, or a pin. The call returns 0 when the range's pages
 * have none but the module's own, those of mappings (the donor's) and the page
 * cache's. Whoever asks sees to it that nothing new is started; attached
 * processes that only load and store hold no reference. The answer is for each
 * page of the memory that was exported: a single byte in flight makes a whole
 * page busy, 1 GiB of it. The pages are looked at again after a millisecond or
 * more: nothing tells when a reference goes. Any view, in any mode.
 *
 * Errors: ERANGE the range passes the region's end; ETIMEDOUT (EAGAIN where
 * @timeout_ms is 0) it is still busy, @busy and @first_busy say how.
 */
struct msharearena_quiesce {
	__u32 size;
	__u32 flags;
	__aligned_u64 offset;
	__aligned_u64 length;
	__u32 timeout_ms;
	__u32 reserved;
	__aligned_u64 busy;
	__aligned_u64 first_busy;
};

#endif /* _UAPI_LINUX_MSHAREARENA_H */
