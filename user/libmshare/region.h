/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Inside libmshare: an open region and the two backends behind it. Backends do not
 * know each other; region.c checks arguments, so that they need not.
 */
#ifndef LIBMSHARE_REGION_H
#define LIBMSHARE_REGION_H

#include <linux/msharearena.h>
#include <mshare.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct mshare_rendezvous;

/**
 * struct mshare - an open region
 * @ops: its backend
 * @lock: guards @attached, @process and, in the memfd backend, @rendezvous
 * @fd: the view's file of the module, or the memfd
 * @readonly: opened without write permission
 * @addr: address in every process
 * @length: bytes of the region
 * @page_size: bytes of a page
 * @attached: where it is mapped now, or NULL
 * @process: the process that has it mapped, because fork() does not copy that
 * @rendezvous: memfd backend: the table by which rings are exchanged
 * @name: NUL-terminated
 * @view: NUL-terminated
 *
 * All but @attached and @process are constant once the region is open.
 */
struct mshare {
	const struct mshare_ops *ops;
	pthread_mutex_t lock;
	int fd;
	bool readonly;
	uint64_t addr;
	uint64_t length;
	uint64_t page_size;
	void *attached;
	pid_t process;
	struct mshare_rendezvous *rendezvous;
	char name[MSHAREARENA_NAME_SIZE];
	char view[MSHARE_VIEW_SIZE];
};

_Static_assert(MSHARE_VIEW_SIZE == MSHAREARENA_VIEW_NAME_SIZE, "one limit, two headers");

/**
 * struct mshare_ops - a backend
 * @backend: which one
 * @create: make the region @m->name and open it into @m; arguments are checked
 * @open: open the view @m->view of the region @m->name into @m, for reading if
 *	@m->readonly
 * @open_fd: open the view to which @m->fd leads; NULL if a descriptor alone does
 *	not tell which region it belongs to
 * @unlink: remove a name
 * @unlink_region: remove the name of the region @m
 * @add_view: add a view to the region @m and open it into @v, in which the names
 *	are set; names and protections are checked
 * @close: release what @create or @open acquired; a mapping stays
 * @open_again: the file of the view opened anew, for writing; -EOPNOTSUPP if the caller
 *	cannot open it
 * @info: fill in what @m does not have
 * @populate: give memory to a checked range
 * @export: give the caller's memory to a checked range
 * @quiesce: wait until a checked range is not in use, at most until @deadline (of
 *	common/clock.h); -EAGAIN if that has passed; NULL if the backend cannot find out
 * @map: map the region; 0 and the address, or -errno
 * @unmap: undo @map; rings published by this process are withdrawn
 * @publish: offer a ring; the region is attached
 * @withdraw: end the offer; the region is attached
 * @take: receive a ring before @deadline; -EAGAIN if there is none and
 *	@deadline has passed
 */
struct mshare_ops {
	enum mshare_backend backend;
	int (*create)(struct mshare *m, const struct mshare_options *o);
	int (*open)(struct mshare *m);
	int (*open_fd)(struct mshare *m);
	int (*unlink)(const char *name);
	int (*unlink_region)(struct mshare *m);
	int (*add_view)(struct mshare *m, const struct mshare_view *a, struct mshare *v);
	void (*close)(struct mshare *m);
	int (*open_again)(const struct mshare *m);
	int (*info)(const struct mshare *m, struct mshare_info *info);
	int (*populate)(struct mshare *m, uint64_t offset, uint64_t length);
	int (*export)(struct mshare *m, void *addr, uint64_t length, uint64_t offset);
	int (*quiesce)(struct mshare *m, uint64_t offset, uint64_t length,
		       int64_t deadline, struct mshare_busy *busy);
	int (*map)(struct mshare *m, void **addr);
	int (*unmap)(struct mshare *m);
	int (*publish)(struct mshare *m, int ring_fd, pid_t to, uint64_t tag);
	int (*withdraw)(struct mshare *m, uint64_t tag);
	int (*take)(struct mshare *m, pid_t from, uint64_t tag, int64_t deadline);
};

extern const struct mshare_ops mshare_device_ops;
extern const struct mshare_ops mshare_memfd_ops;

/** mshare_memfd_known() - true if this process has inherited a memfd region of this name */
bool mshare_memfd_known(const char *name);

/** mshare_leave() - close a region without ending its attachment */
void mshare_leave(struct mshare *m);

/** mshare_process_open() - a pidfd of process @pid; -ESRCH if it has ended */
int mshare_process_open(pid_t pid);

/** mshare_process_ended() - true if the process has ended, also if it is a zombie */
bool mshare_process_ended(int pidfd);

#endif /* LIBMSHARE_REGION_H */
