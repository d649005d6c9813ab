/* SPDX-License-Identifier: MIT */
/*
 * The expected state: regions, views, open files and attachments of each process, and the
 * content of every page. The model knows nothing of how the module works.
 */
#ifndef FUZZ_MODEL_H
#define FUZZ_MODEL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <linux/msharearena.h>

#include "wire.h"

#define WORKERS		5
#define REGIONS		6
#define VIEWS		6	/* rw, ro and added views */
#define RANGES		8	/* ranges of an added view */
#define FDS		8	/* views that a worker may have open */
#define KEPT		4	/* donors' mappings that a worker keeps */
#define HELD		16	/* pages that a worker's pipe holds */
#define RINGS		4	/* rings of a worker */
#define TAKEN		4	/* rings of others that a worker has */
#define PUBLISHED	96
#define COPIES		16	/* the most copies of a ring in a region */
#define USERS		3

#define WINDOW		((uint64_t)MSHAREARENA_WINDOW_SIZE)
/* The windows from which the module chooses. */
#define WINDOWS_FIRST	(64 * WINDOW)
#define WINDOWS_END	(160 * WINDOW)
#define SZ_4K		((uint64_t)MSHAREARENA_PAGE_4K)
#define SZ_2M		((uint64_t)MSHAREARENA_PAGE_2M)
#define SZ_1G		((uint64_t)MSHAREARENA_PAGE_1G)

/**
 * struct folio - memory to which the kernel counts references as a whole
 * @holds: references of pipes and registered buffers to any of its pages
 * @pages: pages of regions that lie in it
 */
struct folio {
	unsigned int holds;
	unsigned int pages;
};

/**
 * struct mem - one page of memory, wherever it is mapped
 * @size: size of the page in bytes
 * @refs: references of the region, donors' mappings and holds
 * @holds: holds of this page alone, as in its folio
 * @huge: the page comes from a pool of huge pages
 * @folio: the folio to which the page belongs
 * @word: content of its cells
 */
struct mem {
	uint64_t size;
	unsigned int refs;
	unsigned int holds;
	bool huge;
	struct folio *folio;
	uint64_t word[CELLS];
};

/* The pages of one export. */
struct extent {
	struct extent *next;
	uint64_t first;		/* index of the first page in the region */
	unsigned int n;
	unsigned int user;	/* who is charged */
	struct mem **mem;
};

struct range {
	uint64_t offset;
	uint64_t length;
	bool writable;
};

struct view {
	bool used;
	bool node;		/* the view has a node until the region is unlinked */
	char name[MSHAREARENA_VIEW_NAME_SIZE];
	uid_t uid;
	gid_t gid;
	mode_t mode;
	bool writable;		/* the view has a writable range */
	bool added;
	unsigned int n_ranges;
	struct range range[RANGES];
};

struct region {
	bool live;
	bool linked;		/* the region has its name and its views have their nodes */
	char name[MSHAREARENA_NAME_SIZE];
	uint64_t addr, length, page_size;
	uid_t uid;
	unsigned int user;	/* who is charged for it */
	struct view view[VIEWS];
	struct extent *extents;
	uint64_t exported;
	uint64_t demotions, promotions;	/* the last known values */
};

struct fd {
	bool used;
	unsigned int region, view;
	int flags;		/* O_RDONLY, O_WRONLY, O_RDWR, O_PATH */
	bool cloexec;
	bool node;		/* opened by a node; otherwise returned by CREATE or ADD_VIEW */
	unsigned int file;	/* the same number for all descriptors that share a file position */
	uint64_t pos;
};

struct attachment {
	bool on;
	unsigned int view;	/* the view whose tables are linked */
	bool shared;		/* VM_SHARED: the file was open for writing */
	bool sealed;
};

/* A donor's mapping that still exists: another way to the same pages. */
struct kept {
	bool used;
	uint64_t addr;
	unsigned int n;
	uint64_t page_size;
	struct mem **mem;
};

struct ring {
	bool used;
	int fd;
	unsigned int serial;	/* distinguishes it from earlier rings in this place */
	bool shown;		/* it was published, so that others may keep it */
	unsigned int n_held;	/* pages of its registered buffer */
	struct mem **held;
};

struct taken {
	bool used;
	int fd;
	unsigned int owner, ring, serial;
};

struct worker {
	pid_t pid;
	int sock;
	uid_t uid;
	gid_t gid;
	bool root;
	unsigned int user;
	struct fd fd[FDS];
	struct attachment att[REGIONS];
	struct kept kept[KEPT];
	uint64_t squat;		/* the address of a page of its own in a window, or 0 */
	bool leftover;		/* an empty table may have been left there */
	uint64_t leftover_at;
	struct mem *held[HELD];	/* oldest first */
	unsigned int held_cell[HELD];
	unsigned int n_held;
	struct ring ring[RINGS];
	struct taken taken[TAKEN];
};

#define ANYBODY	(~0U)
#define NOBODY	(~1U)	/* the process that it was for is dead */

struct published {
	bool used;
	uint64_t order;		/* TAKE gives the oldest ring that matches */
	unsigned int region, from;
	unsigned int owner, ring, serial;	/* the owner, and which of its rings */
	unsigned int to;	/* worker, ANYBODY or NOBODY */
	uint64_t tag;
};

/* The resources that are counted for a user. */
struct user {
	uid_t uid;
	bool exempt;
	unsigned int regions;
	uint64_t bytes;
	uint64_t locked;
};

struct model {
	struct region region[REGIONS];
	struct worker worker[WORKERS];
	struct published published[PUBLISHED];
	struct user user[USERS];
	unsigned int user_regions, user_mbytes;	/* limits, 0: none */
	uint64_t memlock;			/* the limit of users that are not exempt */
	unsigned int pool_2m, pool_1g;		/* the sizes of the pools of huge pages */
	unsigned int used_2m, used_1g;
	bool thp_always;	/* the machine uses huge pages for any memory */
	unsigned int serial;
	int64_t late_until_ms;	/* until then some references may remain */
	bool no_buffers;	/* this kernel refuses to register buffers of regions */
};

extern struct model model;

int64_t now_ms(void);

/* ---- memory ---- */
struct folio *folio_new(void);
struct mem *mem_new(uint64_t size, bool huge, struct folio *folio, uint64_t first_value);
void mem_get(struct mem *m);
void mem_put(struct mem *m);
/** mem_hold() - a pipe or a registered buffer refers to the page, so that it is busy */
void mem_hold(struct mem *m);
void mem_release(struct mem *m);

/* ---- regions ---- */
/** region_mem() - the page at an index, or NULL where there is none */
struct mem *region_mem(const struct region *r, uint64_t index);
void region_add(struct region *r, struct extent *e);
/** region_has() - true if any of these pages has memory */
bool region_has(const struct region *r, uint64_t first, uint64_t n);
/** region_nth() - the @n-th page that has memory; its index in @index */
struct mem *region_nth(const struct region *r, uint64_t n, uint64_t *index);
uint64_t region_pages(const struct region *r);
unsigned int region_attached(unsigned int region);
/** region_by_name() - the region with the node; regions without nodes may share its name */
struct region *region_by_name(const char *name);
/** region_settle() - free the regions that have ended */
void region_settle(void);

enum access {
	ACCESS_NONE,
	ACCESS_READ,
	ACCESS_WRITE,
};

/** view_access() - the access that a view allows at an offset */
enum access view_access(const struct region *r, unsigned int view, uint64_t offset);

/* ---- processes ---- */
void worker_drop_attachment(unsigned int w, unsigned int region);
void worker_drop_rings(unsigned int w);
void worker_drop_cloexec(unsigned int w);
/** worker_drop_all() - the process has ended */
void worker_drop_all(unsigned int w);
void worker_release_oldest(unsigned int w);
void kept_drop(struct kept *k);
void ring_release(struct ring *ring);
/** worker_may_open() - true if the node's permissions allow it */
bool worker_may_open(const struct worker *w, const struct view *v, int flags);

/** file_moved() - the position of a file has changed for all its descriptors */
void file_moved(unsigned int file, uint64_t pos);
/** ring_copies() - how often a ring is published in a region */
unsigned int ring_copies(unsigned int region, unsigned int serial);

/** user_may_lock() - true if that is within RLIMIT_MEMLOCK */
bool user_may_lock(const struct user *u, uint64_t bytes);

#endif /* FUZZ_MODEL_H */
