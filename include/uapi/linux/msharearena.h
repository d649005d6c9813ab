/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * The msharearena device: named regions of huge pages that processes attach
 * through one shared set of page tables.
 *
 * Version. There is one number, MSHAREARENA_API_VERSION. It grows by one when a
 * command, a flag or a structure member is added, and what was added says since
 * which version it is there; what says nothing is there since version 3, with
 * which the numbering of today's interface begins. The version of the package
 * is no version of the interface. Structures grow at their end only. Every
 * command takes a pointer to its structure, whose first member is the size of
 * the structure as the caller knows it, so that callers and modules of
 * different versions understand each other: a shorter structure of an earlier
 * version is accepted, and a longer one of a later version is, too, if all
 * bytes that this module does not know are zero. Members that are OUT alone are
 * not looked at.
 *
 * Files. The control device /dev/msharearena makes regions and lists them. A
 * region is seen through views, each with protections of its own. An open view
 * is a file, called "a region's fd" below. CREATE and ADD_VIEW answer with
 * one; others open the view's node, /dev/mshare/REGION/VIEW, if it has one.
 * Every region has the views "rw" and "ro". A region lives as long as it has a
 * name, an open file or an attachment. On an open view:
 *
 *   mmap(2)   attaches the region: mmap(NULL, MSHAREARENA_WINDOW_SIZE, prot,
 *             MAP_SHARED, fd, 0). The answer is the region's address; a hint is
 *             ignored, and MAP_FIXED elsewhere is EINVAL. PROT_READ is
 *             required. PROT_READ | PROT_WRITE links the writable tables,
 *             PROT_READ alone the read-only ones (of an added view that has
 *             writable ranges: EACCES), PROT_EXEC is EACCES (EPERM where the
 *             file has no node, on newer kernels, or its file system is
 *             mounted noexec). A load from an offset with no memory raises
 *             SIGBUS, a store to it SIGSEGV. /proc/PID/maps shows r--s for
 *             every view: write permission lives in the shared tables. ENXIO
 *             before the first export; EBUSY if anything is mapped in the
 *             window; EDQUOT if the user has too many attachments; ENOSPC if
 *             the region has too many (the last places are kept for its owner);
 *             ENOMEM without memory or where the process has no such address;
 *             EINTR by a signal: try again.
 *   poll(2)   EPOLLIN: a ring is published that the caller may take, on files
 *             that may take rings. EPOLLPRI: the region has no name, or not any
 *             more. Who asks makes a difference, so an epoll instance is for
 *             one process alone.
 *   read(2)   gives two __u64, the address at which the region lies in every
 *             process that attaches it and its length in bytes, and then the
 *             end of file. All who share the open file share its position;
 *             MSHAREARENA_GET_REGION has none.
 *   ioctl(2)  the region commands below.
 *
 * No command waits for another process, with one exception that UNLINK tells of.
 * What the errors mean everywhere:
 *
 *   ENOTTY    the command is not known, or not on this kind of file
 *   EINVAL    size is smaller than the first version of the structure, a flag
 *             is not known, a reserved member is not zero, or a value is
 *             malformed
 *   E2BIG     the caller knows members that this module does not, and set them,
 *             or size is more than a page
 *   EFAULT    a pointer could not be read or written
 *   EINTR     a signal came; nothing was changed: try again
 *   EPERM     the caller lacks a privilege
 *   EACCES    the file was not opened for what is asked
 *   ENOMEM    out of memory, or a locked-memory limit would be exceeded
 *   EDQUOT    the user's share is used up: of regions, of bytes (the module's
 *             parameters user_regions and user_mbytes), of attachments or of
 *             published rings. What is used in a user namespace counts for the
 *             user who made the namespace, or for the namespace's own root if
 *             that was the machine's. CAP_SYS_RESOURCE is exempt.
 *   ENOSPC    the region's share is used up, or that of the caller in it: the
 *             last places are kept for the region's owner and CAP_SYS_RESOURCE
 */
#ifndef _UAPI_LINUX_MSHAREARENA_H
#define _UAPI_LINUX_MSHAREARENA_H

#include <linux/const.h>
#include <linux/ioctl.h>
#include <linux/types.h>

#define MSHAREARENA_API_VERSION		3

/* Bytes of a region's name with its terminating NUL. */
#define MSHAREARENA_NAME_SIZE		64
/* Bytes of a view's name with its terminating NUL. */
#define MSHAREARENA_VIEW_NAME_SIZE	32
/* Ranges that one added view may have. */
#define MSHAREARENA_MAX_RANGES		4096

/* Every mapping of a region has this length and alignment (512 GiB). */
#define MSHAREARENA_WINDOW_SIZE		(_AC(1, ULL) << 39)

#define MSHAREARENA_PAGE_4K		(_AC(1, ULL) << 12)
#define MSHAREARENA_PAGE_2M		(_AC(1, ULL) << 21)
#define MSHAREARENA_PAGE_1G		(_AC(1, ULL) << 30)

#define MSHAREARENA_IOC			0xA9

/* On the control device. */
#define MSHAREARENA_GET_INFO		_IO(MSHAREARENA_IOC, 0x20)
#define MSHAREARENA_CREATE		_IO(MSHAREARENA_IOC, 0x21)
#define MSHAREARENA_NEXT_REGION		_IO(MSHAREARENA_IOC, 0x22)

/* On a region's fd. */
#define MSHAREARENA_GET_REGION		_IO(MSHAREARENA_IOC, 0x30)
#define MSHAREARENA_UNLINK		_IO(MSHAREARENA_IOC, 0x31)
#define MSHAREARENA_ADD_VIEW		_IO(MSHAREARENA_IOC, 0x32)
#define MSHAREARENA_EXPORT		_IO(MSHAREARENA_IOC, 0x33)
#define MSHAREARENA_GET_BUSY		_IO(MSHAREARENA_IOC, 0x34)
#define MSHAREARENA_PUBLISH		_IO(MSHAREARENA_IOC, 0x35)
#define MSHAREARENA_WITHDRAW		_IO(MSHAREARENA_IOC, 0x36)
#define MSHAREARENA_TAKE		_IO(MSHAREARENA_IOC, 0x37)

/**
 * struct msharearena_info - MSHAREARENA_GET_INFO: what this module can do
 * @size: IN: sizeof(struct msharearena_info)
 * @flags: IN: must be zero
 * @api_version: OUT: MSHAREARENA_API_VERSION of the module
 * @reserved: must be zero
 * @page_sizes: OUT: bit mask of page sizes a region may have, in bytes, on this
 *	machine (MSHAREARENA_PAGE_4K | MSHAREARENA_PAGE_2M | MSHAREARENA_PAGE_1G)
 * @window_size: OUT: MSHAREARENA_WINDOW_SIZE
 */
struct msharearena_info {
	__u32 size;
	__u32 flags;
	__u32 api_version;
	__u32 reserved;
	__aligned_u64 page_sizes;
	__aligned_u64 window_size;
};

/* Flag of CREATE and ADD_VIEW: make no node in /dev; only the fd leads there. */
#define MSHAREARENA_NO_NODE		(_AC(1, U) << 0)

/**
 * struct msharearena_create - MSHAREARENA_CREATE: make an empty region
 * @size: IN: sizeof(struct msharearena_create)
 * @flags: IN: MSHAREARENA_NO_NODE or zero
 * @addr: IN: address for the region, a multiple of MSHAREARENA_WINDOW_SIZE
 *	within the lower 2^47 bytes, or 0 for a random one
 * @length: IN: bytes of the region, a multiple of @page_size, not zero and at
 *	most MSHAREARENA_WINDOW_SIZE. Memory comes later, by MSHAREARENA_EXPORT.
 * @page_size: IN: one of the sizes in msharearena_info.page_sizes
 * @uid: IN: the region's owner and that of its nodes, in the caller's user
 *	namespace, (__u32)-1 for the caller
 * @gid: IN: group of the nodes, (__u32)-1 for the caller's
 * @mode: IN: permission bits of the rw node, read and write only (a mask of
 *	0666); the ro node gets the read bits. Zero with MSHAREARENA_NO_NODE.
 * @reserved: must be zero
 * @name: IN: NUL-terminated; letters, digits, '_', '-' and '.', not beginning
 *	with '.'; bytes after the NUL must be zero. With MSHAREARENA_NO_NODE it
 *	only tells people what the region is, and need not be unique.
 *
 * The nodes /dev/mshare/NAME/rw and /dev/mshare/NAME/ro exist with their owner,
 * group and mode when the call returns; should the kernel have had no memory
 * for a node of devtmpfs, which it does not report, it is missing.
 *
 * Return: a close-on-exec fd of the region's view rw, open for reading and
 * writing.
 * Errors: EEXIST the name is taken; EBUSY @addr is another region's; ENOSPC no
 * window or no device number is left; EOPNOTSUPP the machine has no such
 * @page_size; EPERM an owner or group that the caller may not give away; EMFILE
 * no descriptor is free.
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

/* struct msharearena_region.status */
#define MSHAREARENA_REGION_UNLINKED	(_AC(1, U) << 0)	/* it has no name */
#define MSHAREARENA_REGION_READONLY	(_AC(1, U) << 1)	/* no writable range */

/**
 * struct msharearena_region - MSHAREARENA_GET_REGION: describe a region
 * @size: IN: sizeof(struct msharearena_region)
 * @flags: IN: must be zero
 * @addr: OUT: address in every attached process, by which a region can be told
 *	from all others while it lives; for MSHAREARENA_NEXT_REGION also IN
 * @length: OUT: bytes of the region
 * @page_size: OUT: bytes of a page
 * @exported: OUT: bytes that have memory
 * @attached: OUT: number of attached processes, over all views
 * @demotions: OUT: how often a 1 GiB leaf was replaced by 2 MiB leaves
 * @promotions: OUT: how often such 2 MiB leaves became a 1 GiB leaf again
 * @table_bytes: OUT: bytes of page tables that the region owns, over all views
 * @status: OUT: MSHAREARENA_REGION_*
 * @uid: OUT: the region's owner, in the caller's user namespace
 * @name: OUT: NUL-terminated
 * @view: OUT: the view's name, NUL-terminated; empty from
 *	MSHAREARENA_NEXT_REGION
 *
 * MSHAREARENA_NEXT_REGION, on the control device, describes the region with the
 * lowest address that is above @addr, whether it has a name or not: begin with
 * zero, and call again with the same structure. The processes that have such a
 * region attached have a mapping at @addr in /proc/PID/maps; files that are
 * open on it show @addr in /proc/PID/fdinfo.
 *
 * Errors of MSHAREARENA_NEXT_REGION: ENOENT there is no more.
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
	__aligned_u64 promotions;
	__aligned_u64 table_bytes;
	__u32 status;
	__u32 uid;
	char name[MSHAREARENA_NAME_SIZE];
	char view[MSHAREARENA_VIEW_NAME_SIZE];
};

/**
 * struct msharearena_unlink - MSHAREARENA_UNLINK: remove a region's name
 * @size: IN: sizeof(struct msharearena_unlink)
 * @flags: IN: must be zero
 *
 * The nodes are gone when the call returns; all who have the region open or
 * attached keep it. The call waits for those who are just reading a node's
 * attributes in sysfs, which are the driver core's and short. Needs the view rw
 * or ro, in any mode: a process that was given an added view was not given the
 * region.
 *
 * Errors: EACCES the file is of an added view; ENOENT the region has no name, or
 * not any more; EPERM the caller neither owns it nor has CAP_FOWNER.
 */
struct msharearena_unlink {
	__u32 size;
	__u32 flags;
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
 * @flags: IN: MSHAREARENA_NO_NODE or zero
 * @ranges: IN: address of an array of struct msharearena_range, by ascending
 *	offset, which may adjoin but not overlap
 * @n_ranges: IN: its length, 1 to MSHAREARENA_MAX_RANGES
 * @uid: IN: owner of the node, as in struct msharearena_create
 * @gid: IN: its group
 * @mode: IN: its permission bits, read and write only; a view without a
 *	writable range loses the write bits. Zero with MSHAREARENA_NO_NODE.
 * @view: IN: its name, by the rules of a region's, unique in the region; the
 *	node is /dev/mshare/REGION/VIEW
 *
 * Attached through the view, each range has its protection, in the memory that
 * is there now and what is exported later, and there is no memory anywhere
 * else. The node exists with its permissions when the call returns, and goes
 * with the region's name. The view stays as long as the region. Needs the rw
 * view, open for writing.
 *
 * Return: a close-on-exec fd of the view, open for reading, and for writing if
 * it has a writable range.
 * Errors: ENOENT without MSHAREARENA_NO_NODE: the region has no name; EPERM the
 * caller neither owns the region nor has CAP_FOWNER, or may not give the owner
 * or group away; EEXIST the view's name is taken; ERANGE a range passes the
 * region's end; ENOSPC the region has too many views, or no device number is
 * left; EMFILE no descriptor is free.
 */
struct msharearena_view {
	__u32 size;
	__u32 flags;
	__aligned_u64 ranges;
	__u32 n_ranges;
	__u32 uid;
	__u32 gid;
	__u32 mode;
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
 * (MAP_ANONYMOUS | MAP_HUGETLB, memfd_create(MFD_HUGETLB) or a System V segment
 * of SHM_HUGETLB), writable, with pages of exactly the region's size; in
 * regions of 4 KiB pages it is private anonymous memory (MAP_ANONYMOUS |
 * MAP_PRIVATE, the heap), writable. It is pinned; the caller may unmap it
 * afterwards. When the call returns, all of it is visible in every process that
 * is attached, now or later; while the call runs, its pages appear one by one;
 * after an error none of it is visible. It stays until the region ends. Needs
 * the rw view, open for writing.
 *
 * Errors: EACCES the file is not the rw view open for writing, or the donor's
 * mapping is not writable; EEXIST part of the range has memory already;
 * ERANGE the range passes the region's end; EOPNOTSUPP the donor's memory is
 * not anonymous memory of the region's page size; EFAULT @addr is not mapped,
 * or a page is missing that only a userfaultfd handler could bring; EBUSY a
 * page cannot be moved out of memory that has to stay movable: try again;
 * ENOMEM the pool of huge pages is empty, a mapping passes the end of its file,
 * or the user's RLIMIT_MEMLOCK is exceeded (CAP_IPC_LOCK is exempt); EHWPOISON
 * a page is defective; ENOSPC the region has been given memory in too many
 * pieces.
 */
struct msharearena_export {
	__u32 size;
	__u32 flags;
	__aligned_u64 addr;
	__aligned_u64 length;
	__aligned_u64 offset;
};

/* Flag of GET_BUSY: let pages that wait in batches of the CPUs' leave them. */
#define MSHAREARENA_BUSY_DRAIN		(_AC(1, U) << 0)

/**
 * struct msharearena_busy - MSHAREARENA_GET_BUSY: is anybody still using it?
 * @size: IN: sizeof(struct msharearena_busy)
 * @flags: IN: MSHAREARENA_BUSY_DRAIN or zero
 * @offset: IN: where in the region, a multiple of its page size
 * @length: IN: bytes, a multiple of the page size, not zero
 * @busy: OUT: bytes of the range's pages with references that are not ours
 * @first_busy: OUT: offset of the first such page, or @offset + @length
 *
 * After a process died or was told to stop, the kernel or a device may still
 * read or write pages for it: an io_uring that is being torn down, a command
 * in a disk's queue, a page that TCP has not been acknowledged. Each holds a
 * reference to the page, or a pin. @busy is zero when the range's pages have
 * none but the module's own, those of mappings (the donor's) and the page
 * cache's. The caller sees to it that nothing new is started; attached
 * processes that only load and store hold no reference. The answer is for each
 * page of the memory that was exported: a single byte in flight makes a whole
 * page busy, 1 GiB of it.
 *
 * The command looks once and does not wait: nothing tells when a reference
 * goes, so that a caller who has to wait asks again after a millisecond or more.
 * Pages of 4 KiB look busy as well while they wait in a batch of some CPU's to
 * be put on its lists. MSHAREARENA_BUSY_DRAIN asks every CPU to empty its
 * batches, which it does soon after this call and not during it; it needs a
 * view with a writable range, open for writing. Otherwise any view will do, in
 * any mode.
 *
 * Errors: ERANGE the range passes the region's end; EACCES for
 * MSHAREARENA_BUSY_DRAIN; EINTR the caller is being killed.
 */
struct msharearena_busy {
	__u32 size;
	__u32 flags;
	__aligned_u64 offset;
	__aligned_u64 length;
	__aligned_u64 busy;
	__aligned_u64 first_busy;
};

/**
 * struct msharearena_publish - MSHAREARENA_PUBLISH: offer a ring to a peer
 * @size: IN: sizeof(struct msharearena_publish)
 * @flags: IN: must be zero
 * @ring_fd: IN: an io_uring of the caller's
 * @to_pidfd: IN: pidfd of the process that may take it; -1, and no other
 *	negative value, for anybody who can open a writable view for writing
 * @tag: IN: tells the caller's rings apart
 *
 * The caller must have the region attached. The module holds the ring until it
 * is taken or withdrawn or the caller's attachment ends, by munmap, exec, exit
 * or a kill. Publish only rings that are IORING_SETUP_SINGLE_ISSUER and NO_MMAP
 * and enabled already: then a holder can post messages and nothing else.
 *
 * Errors: EACCES the file is not a view with a writable range, open for
 * writing; EBADF no such fd, or @to_pidfd is no pidfd; EINVAL it is no
 * io_uring; ENOTCONN the caller has not attached the region; ESRCH the process
 * of @to_pidfd has ended, or the pidfd is a thread's; EEXIST the caller has
 * published @tag already; ENOSPC too many rings are waiting: of the caller, of
 * the region, or too many times this one.
 */
struct msharearena_publish {
	__u32 size;
	__u32 flags;
	__s32 ring_fd;
	__s32 to_pidfd;
	__aligned_u64 tag;
};

/**
 * struct msharearena_withdraw - MSHAREARENA_WITHDRAW: take an offer back
 * @size: IN: sizeof(struct msharearena_withdraw)
 * @flags: IN: must be zero
 * @tag: IN: as published by the caller
 *
 * When the call has returned 0, nobody has taken the ring and nobody will.
 *
 * Errors: EACCES as for publish; ENOTCONN the caller has not attached the
 * region; ENOENT it is not published, or has been taken; EAGAIN somebody is
 * taking it at this moment: ask again.
 */
struct msharearena_withdraw {
	__u32 size;
	__u32 flags;
	__aligned_u64 tag;
};

/**
 * struct msharearena_take - MSHAREARENA_TAKE: receive a published ring
 * @size: IN: sizeof(struct msharearena_take)
 * @flags: IN: must be zero
 * @from_pidfd: IN: pidfd of the publisher, -1 for any
 * @reserved: must be zero
 * @tag: IN: as published
 *
 * Each published ring is taken once. The caller need not be attached. The
 * command does not wait: a caller that has to wait polls the region's fd, which
 * becomes readable when a ring is published for it, and the publisher's pidfd,
 * which becomes readable when it has ended. Poll the region's fd
 * edge-triggered if rings with other tags may be waiting at the same time.
 *
 * Return: a close-on-exec fd of the ring.
 * Errors: EACCES as for publish; EBADF @from_pidfd is no pidfd; ESRCH the
 * process of @from_pidfd has ended, or the pidfd is a thread's; EAGAIN nothing
 * is published for the caller now; EMFILE no descriptor is free, the ring stays
 * published.
 */
struct msharearena_take {
	__u32 size;
	__u32 flags;
	__s32 from_pidfd;
	__u32 reserved;
	__aligned_u64 tag;
};

#endif /* _UAPI_LINUX_MSHAREARENA_H */
