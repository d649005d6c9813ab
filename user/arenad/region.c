// SPDX-License-Identifier: MIT
#include "region.h"

#include <common/clock.h>
#include <common/log.h>
#include <errno.h>
#include <inttypes.h>
#include <arena/layout.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "memory.h"
#include "nodes.h"
#include "options.h"
#include "roles.h"

#define PAGE_1G		(1ULL << 30)
#define PAGE_2M		(2ULL << 20)
#define PAGE_4K		4096ULL
#define POOL_WAIT_MS	5000
#define POOL_PAUSE_MS	100
/* Only the module has views, which restrict each process to its part of the region. */
#define NOT_PROTECTED	\
	"processes are not protected from each other: each can overwrite the layout, the " \
	"buffers and the messages of all others"
#define POOL_PATH	"/sys/kernel/mm/hugepages/hugepages-%" PRIu64 "kB/%s"

/* Read a number about the pool of this page size in sysfs; 0 if there is no pool. */
static uint64_t pool_read(uint64_t page_size, const char *what)
{
	uint64_t value = 0;
	char path[96];
	FILE *f;

	snprintf(path, sizeof(path), POOL_PATH, page_size / 1024, what);
	f = fopen(path, "re");
	if (!f)
		return 0;
	if (fscanf(f, "%" SCNu64, &value) != 1)
		value = 0;
	fclose(f);
	return value;
}

/* Return the number of pages that are free and not reserved. */
static uint64_t pool_available(uint64_t page_size)
{
	uint64_t free = pool_read(page_size, "free_hugepages");
	uint64_t reserved = pool_read(page_size, "resv_hugepages");

	return free > reserved ? free - reserved : 0;
}

/*
 * True if there are enough pages of this size. The kernel ends a ring and releases its
 * registered buffers some time after the process has ended. So if a pool is large enough but
 * in use, as after a restart, wait for a while for its pages.
 */
static bool pool_suffices(uint64_t page_size, uint64_t size)
{
	uint64_t needed = size / page_size, all = pool_read(page_size, "nr_hugepages");
	int64_t deadline = clock_deadline(POOL_WAIT_MS);

	if (size % page_size || all < needed)
		return false;
	if (pool_available(page_size) >= needed)
		return true;
	log_info("%" PRIu64 " huge pages of %" PRIu64 " KiB are needed, and %" PRIu64 " of %" PRIu64
		 " are free: waiting for up to %d s, as others may just have ended", needed,
		 page_size / 1024, pool_available(page_size), all, POOL_WAIT_MS / 1000);
	do
		clock_sleep_ms(POOL_PAUSE_MS);
	while (pool_available(page_size) < needed && clock_left_ms(deadline) > 0);
	return pool_available(page_size) >= needed;
}

static bool pages_fit(const struct arenad_options *o, uint64_t page_size)
{
	struct arena_layout l;

	return !(o->size % page_size) && !roles_lay_out(o, page_size, &l) &&
	       pool_suffices(page_size, o->size);
}

/*
 * Choose the largest page size for which there are enough pages, and of which each process can
 * have its own pages. If there is none, return the size that the error message has to name.
 */
static uint64_t choose_page_size(const struct arenad_options *o, enum mshare_backend backend)
{
	if (pages_fit(o, PAGE_1G))
		return PAGE_1G;
	if (pages_fit(o, PAGE_2M))
		return PAGE_2M;
	return backend == MSHARE_BACKEND_MEMFD ? PAGE_4K : PAGE_2M;
}

static enum mshare_backend choose_backend(enum arenad_backend wanted)
{
	enum mshare_backend backend = mshare_default_backend();

	if (wanted == ARENAD_BACKEND_MODULE)
		return MSHARE_BACKEND_MODULE;
	if (wanted == ARENAD_BACKEND_MEMFD) {
		log_warn("using a memfd, as asked: " NOT_PROTECTED "; leave --backend out to use "
			 "the module");
		return MSHARE_BACKEND_MEMFD;
	}
	if (backend == MSHARE_BACKEND_MEMFD)
		log_warn("no msharearena module: using a memfd; " NOT_PROTECTED "; modprobe "
			 "msharearena loads the module");
	return backend;
}

static int create_error(const struct arenad_options *o, uint64_t page_size, int ret)
{
	switch (ret) {
	case -EEXIST:
		log_error("region %s exists already: another arenad is using it, or one was "
			  "killed and left it behind; in that case start with --replace",
			  o->region);
		break;
	case -ENOENT:
		log_error("cannot make region %s: the msharearena module is not loaded; load it "
			  "(modprobe msharearena), or start with --backend memfd", o->region);
		break;
	case -EOPNOTSUPP:
		log_error("cannot make region %s: this machine has no pages of %" PRIu64 " KiB; "
			  "choose another --page-size, or leave it out", o->region,
			  page_size / 1024);
		break;
	default:
		log_error("cannot make region %s: %s", o->region, log_reason(-ret));
	}
	return ret;
}

static int populate_error(const struct arenad_options *o, uint64_t page_size,
			  uint64_t available, int ret)
{
	if (ret == -ENOMEM && page_size > PAGE_4K)
		log_error("region %s needs %" PRIu64 " huge pages of %" PRIu64 " MiB and there "
			  "are %" PRIu64 ": write a larger number to " POOL_PATH ", or choose a "
			  "smaller --size; if there are enough, RLIMIT_MEMLOCK is too low",
			  o->region, o->size / page_size, page_size >> 20,
			  available, page_size / 1024, "nr_hugepages");
	else
		log_error("cannot give memory to region %s: %s", o->region, log_reason(-ret));
	return ret;
}

/* Write the layout and make a view for each role in it. */
static int share_out(const struct arenad_options *o, struct mshare *m,
		     const struct arena_layout *l)
{
	void *base;
	int ret = mshare_attach(m, &base);

	if (ret) {
		log_error("cannot attach region %s: %s", o->region, log_reason(-ret));
		return ret;
	}
	arena_layout_write(base, l);
	log_info("region %s lies at %p", o->region, base);
	roles_log(o, l);
	ret = mshare_detach(m);
	return ret ? ret : roles_make_views(o, m, l);
}

static int layout_error(const struct arenad_options *o, uint64_t page_size, int ret)
{
	uint64_t least = roles_least_size(o, page_size);

	if (ret == -ENOSPC && least)
		log_error("--size: %" PRIu64 " MiB in pages of %" PRIu64 " KiB are too few for %u "
			  "disks, %u network processes and %u buffers of each: they need %" PRIu64
			  "M, as no two processes have a page in common; choose a larger --size",
			  o->size >> 20, page_size / 1024, o->exports.n, o->nps, o->np_buffers,
			  least >> 20);
	else
		log_error("cannot lay out region %s: %s", o->region, log_reason(-ret));
	return ret;
}

/* Fill in the page size of @mo and the layout, if there is enough memory. */
static int choose_pages(const struct arenad_options *o, struct mshare_options *mo,
			struct arena_layout *l)
{
	int ret;

	mo->page_size = o->page_size;
	if (!mo->page_size)
		mo->page_size = choose_page_size(o, mo->backend);
	else if (mo->page_size > PAGE_4K)
		pool_suffices(mo->page_size, o->size);
	if (o->size % mo->page_size) {
		log_error("--size is not a multiple of the page size, %" PRIu64 " KiB; choose one "
			  "that is", mo->page_size / 1024);
		return -EINVAL;
	}
	ret = roles_check_parts(o, mo->page_size);
	if (ret)
		return ret;
	ret = roles_lay_out(o, mo->page_size, l);
	if (ret)
		return layout_error(o, mo->page_size, ret);
	if (mo->backend == MSHARE_BACKEND_MODULE || mo->page_size != PAGE_4K)
		return 0;
	if (!o->page_size)
		log_warn("there are not enough huge pages: using pages of 4 KiB, which is slower; "
			 "`arenactl doctor` says how to reserve them");
	return memory_check(o->region, o->size);
}

static int check_users(const struct arenad_options *o, enum mshare_backend backend)
{
	bool has_users = o->np_user.name || o->sp_user.name;

	if (backend == MSHARE_BACKEND_MEMFD && has_users) {
		log_error("--np-user and --sp-user: with a memfd all processes have one user; load "
			  "the module (modprobe msharearena), or leave these options out");
		return -EINVAL;
	}
	if (backend == MSHARE_BACKEND_MODULE && !geteuid() &&
	    !(o->np_user.name && o->sp_user.name))
		log_warn("processes serve as root; --np-user and --sp-user name other users, as "
			 "arena-np and arena-sp of the package");
	return 0;
}

int arenad_region_open(const struct arenad_options *o, const struct cpus_of *cpus,
		       struct arena_layout *l, struct mshare **out)
{
	struct mshare_options mo = {
		.size = sizeof(mo),
		.backend = choose_backend(o->backend),
		.length = o->size,
		.mode = 0600,
	};
	uint64_t available;
	struct mshare *m;
	int ret;

	ret = check_users(o, mo.backend);
	if (ret)
		return ret;
	if (o->replace && !mshare_unlink(o->region))
		log_warn("removed an old region %s" LOG_NO_ACTION, o->region);
	ret = choose_pages(o, &mo, l);
	if (ret)
		return ret;
	ret = mshare_create(o->region, &mo, &m);
	if (ret)
		return create_error(o, mo.page_size, ret);
	available = pool_available(mo.page_size);
	/* The kernel clears the pages, which takes a while if there are many. */
	log_info("region %s: taking %" PRIu64 " MiB in pages of %" PRIu64 " KiB", o->region,
		 o->size >> 20, mo.page_size / 1024);
	ret = nodes_populate(m, l, cpus);
	if (ret)
		populate_error(o, mo.page_size, available, ret);
	else
		ret = share_out(o, m, l);
	if (ret) {
		arenad_region_close(o, m);
		return ret;
	}
	*out = m;
	return 0;
}

void arenad_region_close(const struct arenad_options *o, struct mshare *m)
{
	int ret = mshare_unlink_region(m);

	if (ret)
		log_warn("cannot remove region %s: %s", o->region, log_reason(-ret));
	mshare_close(m);
}
