// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The calls that were proposed for Linux in 2022, which use only the name of a
 * region. The attachment has no handle: it stays until it is unmapped.
 */
#define _GNU_SOURCE
#include "region.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>

#include "donor.h"

#define IMPORT_TRIES	16

static int check_flags(int oflags)
{
	int access = oflags & O_ACCMODE;

	if (access != O_RDONLY && access != O_RDWR)
		return -EINVAL;
	if (oflags & ~(O_ACCMODE | O_CREAT | O_EXCL))
		return -EINVAL;
	return oflags & O_EXCL && !(oflags & O_CREAT) ? -EINVAL : 0;
}

/* Attach the region; if the caller names an address and a length, they must match. */
static int import(const char *name, void *addr, size_t length, bool readonly)
{
	struct mshare *m;
	void *at;
	int ret;

	ret = mshare_open(name, readonly, &m);
	if (ret)
		return ret;
	if ((addr && (uintptr_t)addr != m->addr) || (length && length != m->length))
		ret = -EINVAL;
	else
		ret = m->ops->map(m, &at);
	mshare_leave(m);
	return ret;
}

/*
 * Put the region in the place of the donor's memory. Until now nothing has changed
 * for the caller. From the move until the region is mapped there is nothing at the
 * address, so no signal handler may run on this thread. If the region cannot be
 * mapped, the memory is moved back.
 */
static int replace_donor(struct mshare *m, struct mshare_donor *donor)
{
	sigset_t all, before;
	void *at;
	int ret;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	ret = mshare_donor_move(donor);
	if (!ret) {
		ret = m->ops->map(m, &at);
		if (ret)
			mshare_donor_move_back(donor);
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return ret;
}

static int export_donor(struct mshare *m, const struct mshare_donor *donor)
{
	int ret = 0;

	for (size_t i = 0; i < donor->n && !ret; i++) {
		const struct mshare_piece *p = &donor->piece[i];

		ret = mshare_export(m, p->start, p->length, (uintptr_t)p->start - m->addr);
	}
	return ret;
}

static int create_from(const char *name, struct mshare_donor *donor,
		       const struct mshare_options *o, bool readonly)
{
	struct mshare *m;
	int ret;

	ret = mshare_create(name, o, &m);
	if (ret)
		return ret;
	ret = export_donor(m, donor);
	if (!ret) {
		m->readonly = readonly;
		ret = replace_donor(m, donor);
	}
	if (ret)
		mshare_unlink_region(m);
	mshare_leave(m);
	return ret;
}

static int create(const char *name, void *addr, size_t length, mode_t mode, bool readonly)
{
	struct mshare_options o = {
		.size = sizeof(o),
		.addr = (uintptr_t)addr,
		.length = length,
		.mode = mode,
	};
	struct mshare_donor *donor;
	int ret;

	if (!addr || !length || o.addr % MSHAREARENA_WINDOW_SIZE ||
	    length > MSHAREARENA_WINDOW_SIZE)
		return -EINVAL;
	ret = mshare_donor_find(o.addr, length, &donor);
	if (ret)
		return ret;
	o.page_size = donor->page_size;
	ret = create_from(name, donor, &o, readonly);
	mshare_donor_free(donor);
	return ret;
}

/* Look at the name first: the memory may be the region already. */
static int create_only(const char *name, void *addr, size_t length, mode_t mode, bool readonly)
{
	size_t its_length;
	void *its_addr;
	int ret;

	ret = mshare_region_of(name, &its_addr, &its_length);
	if (!ret || ret == -EACCES)
		return -EEXIST;
	return ret == -ENOENT ? create(name, addr, length, mode, readonly) : ret;
}

int mshare(const char *name, void *addr, size_t length, int oflags, mode_t mode)
{
	bool readonly = (oflags & O_ACCMODE) == O_RDONLY;
	int ret;

	ret = check_flags(oflags);
	if (ret)
		return ret;
	if (oflags & O_EXCL)
		return create_only(name, addr, length, mode, readonly);
	/*
	 * A process that loses the race for the name attaches the winner's region.
	 * It does not try for ever: a name can be in use without a node in this /dev.
	 */
	for (int tries = 0; tries < IMPORT_TRIES; tries++) {
		ret = import(name, addr, length, readonly);
		if (ret == -ENOENT && oflags & O_CREAT)
			ret = create(name, addr, length, mode, readonly);
		if (ret != -EEXIST)
			break;
	}
	return ret;
}

int mshare_region_of(const char *name, void **addr, size_t *length)
{
	struct mshare *m;
	int ret;

	ret = mshare_open(name, 1, &m);
	if (ret)
		return ret;
	*addr = (void *)(uintptr_t)m->addr;
	*length = m->length;
	mshare_leave(m);
	return 0;
}
