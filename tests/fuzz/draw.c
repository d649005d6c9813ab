// SPDX-License-Identifier: MIT
/* Random choices that depend on the model. */
#include "fuzz.h"

unsigned int any_worker(void)
{
	return (unsigned int)rnd(WORKERS);
}

unsigned int any_root(void)
{
	unsigned int w;

	do {
		w = any_worker();
	} while (!model.worker[w].root);
	return w;
}

unsigned int any_region(bool linked)
{
	unsigned int found[REGIONS], n = 0;

	for (unsigned int i = 0; i < REGIONS; i++)
		if (model.region[i].live && (model.region[i].linked || !linked))
			found[n++] = i;
	return n ? found[rnd(n)] : NONE;
}

bool any_fd(unsigned int *w, unsigned int *fd)
{
	unsigned int found[WORKERS * FDS], n = 0;

	for (unsigned int i = 0; i < WORKERS * FDS; i++)
		if (model.worker[i / FDS].fd[i % FDS].used)
			found[n++] = i;
	if (!n)
		return false;
	n = found[rnd(n)];
	*w = n / FDS;
	*fd = n % FDS;
	return true;
}

/* Mostly choose a file that is @suitable, so that most calls can succeed. */
static bool prefer_fd(unsigned int *w, unsigned int *fd,
		      bool (*suitable)(const struct worker *k, const struct fd *f))
{
	unsigned int found[WORKERS * FDS], n = 0;

	for (unsigned int i = 0; i < WORKERS * FDS; i++) {
		const struct worker *k = &model.worker[i / FDS];

		if (k->fd[i % FDS].used && suitable(k, &k->fd[i % FDS]))
			found[n++] = i;
	}
	if (!n || one_in(5))
		return any_fd(w, fd);
	n = found[rnd(n)];
	*w = n / FDS;
	*fd = n % FDS;
	return true;
}

bool is_writable(const struct fd *f)
{
	return !(f->flags & O_PATH) && (f->flags & O_ACCMODE) != O_RDONLY &&
	       model.region[f->region].view[f->view].writable;
}

static bool is_open(const struct worker *k, const struct fd *f)
{
	(void)k;
	return !(f->flags & O_PATH);
}

bool any_open(unsigned int *w, unsigned int *fd)
{
	return prefer_fd(w, fd, is_open);
}

static bool is_owned(const struct worker *k, const struct fd *f)
{
	const struct region *r = &model.region[f->region];

	return is_open(k, f) && r->linked && (k->root || k->uid == r->uid);
}

bool any_owned(unsigned int *w, unsigned int *fd)
{
	return prefer_fd(w, fd, is_owned);
}

static bool is_attachable(const struct worker *k, const struct fd *f)
{
	return (f->flags == O_RDONLY || f->flags == O_RDWR) && model.region[f->region].exported &&
	       !k->att[f->region].on && model.region[f->region].addr != 190 * WINDOW;
}

bool any_attachable(unsigned int *w, unsigned int *fd)
{
	return prefer_fd(w, fd, is_attachable);
}

static bool is_rw(const struct worker *k, const struct fd *f)
{
	(void)k;
	return f->view == 0 && is_writable(f);
}

bool any_rw(unsigned int *w, unsigned int *fd)
{
	return prefer_fd(w, fd, is_rw);
}

static bool is_publishable(const struct worker *k, const struct fd *f)
{
	bool ring = false;

	for (unsigned int i = 0; i < RINGS; i++)
		ring |= k->ring[i].used && !k->ring[i].n_held;
	return ring && is_writable(f) && k->att[f->region].on;
}

bool any_publishable(unsigned int *w, unsigned int *fd)
{
	return prefer_fd(w, fd, is_publishable);
}

bool any_attached(unsigned int *w, unsigned int *region)
{
	unsigned int found[WORKERS * REGIONS], n = 0;

	for (unsigned int i = 0; i < WORKERS * REGIONS; i++)
		if (model.worker[i / REGIONS].att[i % REGIONS].on)
			found[n++] = i;
	if (!n)
		return false;
	n = found[rnd(n)];
	*w = n / REGIONS;
	*region = n % REGIONS;
	return true;
}

unsigned int free_fd(unsigned int w)
{
	for (unsigned int i = 0; i < FDS; i++)
		if (!model.worker[w].fd[i].used)
			return i;
	return NONE;
}

uint64_t any_offset(const struct region *r)
{
	uint64_t index;

	if (region_pages(r) && !one_in(6)) {
		region_nth(r, rnd(region_pages(r)), &index);
		/* Mostly that page, sometimes one beside it. */
		if (one_in(8) && index)
			index--;
		else if (one_in(8))
			index++;
		return index * r->page_size;
	}
	switch (rnd(3)) {
	case 0:
		return WINDOW - r->page_size;
	case 1:
		return r->length - r->page_size;
	default:
		return rnd(WINDOW / r->page_size) * r->page_size;
	}
}
