// SPDX-License-Identifier: MIT
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "model.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct model model;

int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

/* ---- memory ---- */

struct folio *folio_new(void)
{
	return calloc(1, sizeof(struct folio));
}

static unsigned int *pool_used(uint64_t size)
{
	return size == SZ_1G ? &model.used_1g : &model.used_2m;
}

struct mem *mem_new(uint64_t size, bool huge, struct folio *folio, uint64_t first_value)
{
	struct mem *m = calloc(1, sizeof(*m));

	m->size = size;
	m->refs = 1;
	m->huge = huge;
	m->folio = folio ? folio : folio_new();
	m->folio->pages++;
	if (huge)
		(*pool_used(size))++;
	for (unsigned int i = 0; i < CELLS && first_value; i++)
		m->word[i] = first_value + i;
	return m;
}

void mem_get(struct mem *m)
{
	m->refs++;
}

void mem_put(struct mem *m)
{
	if (--m->refs)
		return;
	if (m->huge)
		(*pool_used(m->size))--;
	if (!--m->folio->pages)
		free(m->folio);
	free(m);
}

void mem_hold(struct mem *m)
{
	mem_get(m);
	m->holds++;
	m->folio->holds++;
}

void mem_release(struct mem *m)
{
	m->holds--;
	m->folio->holds--;
	mem_put(m);
}

/* ---- regions ---- */

struct mem *region_mem(const struct region *r, uint64_t index)
{
	for (const struct extent *e = r->extents; e; e = e->next)
		if (index >= e->first && index - e->first < e->n)
			return e->mem[index - e->first];
	return NULL;
}

bool region_has(const struct region *r, uint64_t first, uint64_t n)
{
	for (const struct extent *e = r->extents; e; e = e->next)
		if (first < e->first + e->n && e->first < first + n)
			return true;
	return false;
}

void region_add(struct region *r, struct extent *e)
{
	uint64_t bytes = e->n * r->page_size;
	struct user *u = &model.user[e->user];

	e->next = r->extents;
	r->extents = e;
	r->exported += bytes;
	if (!u->exempt) {
		u->bytes += bytes;
		u->locked += bytes;
	}
}

uint64_t region_pages(const struct region *r)
{
	return r->exported / r->page_size;
}

struct mem *region_nth(const struct region *r, uint64_t n, uint64_t *index)
{
	for (const struct extent *e = r->extents; e; e = e->next) {
		if (n < e->n) {
			*index = e->first + n;
			return e->mem[n];
		}
		n -= e->n;
	}
	return NULL;
}

unsigned int region_attached(unsigned int region)
{
	unsigned int n = 0;

	for (unsigned int w = 0; w < WORKERS; w++)
		n += model.worker[w].att[region].on;
	return n;
}

struct region *region_by_name(const char *name)
{
	for (unsigned int i = 0; i < REGIONS; i++)
		if (model.region[i].live && model.region[i].linked &&
		    !strcmp(model.region[i].name, name))
			return &model.region[i];
	return NULL;
}

static void region_end(struct region *r)
{
	struct user *u = &model.user[r->user];

	while (r->extents) {
		struct extent *e = r->extents;
		struct user *donor = &model.user[e->user];

		r->extents = e->next;
		if (!donor->exempt) {
			donor->bytes -= e->n * r->page_size;
			donor->locked -= e->n * r->page_size;
		}
		for (unsigned int i = 0; i < e->n; i++)
			mem_put(e->mem[i]);
		free(e->mem);
		free(e);
	}
	if (!u->exempt)
		u->regions--;
	/* A file that was opened with O_PATH on its nodes is of no use now. */
	for (unsigned int w = 0; w < WORKERS; w++)
		for (unsigned int i = 0; i < FDS; i++)
			if (model.worker[w].fd[i].region == r - model.region)
				model.worker[w].fd[i].used = false;
	memset(r, 0, sizeof(*r));
}

/* A file that was opened with O_PATH is not one of the module. */
static bool holds(const struct fd *f, unsigned int region)
{
	return f->used && f->region == region && !(f->flags & O_PATH);
}

static bool region_in_use(unsigned int region)
{
	if (model.region[region].linked || region_attached(region))
		return true;
	for (unsigned int w = 0; w < WORKERS; w++)
		for (unsigned int i = 0; i < FDS; i++)
			if (holds(&model.worker[w].fd[i], region))
				return true;
	return false;
}

void region_settle(void)
{
	for (unsigned int i = 0; i < REGIONS; i++)
		if (model.region[i].live && !region_in_use(i))
			region_end(&model.region[i]);
}

enum access view_access(const struct region *r, unsigned int view, uint64_t offset)
{
	const struct view *v = &r->view[view];

	if (!region_mem(r, offset / r->page_size))
		return ACCESS_NONE;
	if (!v->added)
		return v->writable ? ACCESS_WRITE : ACCESS_READ;
	for (unsigned int i = 0; i < v->n_ranges; i++)
		if (offset >= v->range[i].offset &&
		    offset - v->range[i].offset < v->range[i].length)
			return v->range[i].writable ? ACCESS_WRITE : ACCESS_READ;
	return ACCESS_NONE;
}

/* ---- processes ---- */

void kept_drop(struct kept *k)
{
	for (unsigned int i = 0; i < k->n; i++)
		mem_put(k->mem[i]);
	free(k->mem);
	memset(k, 0, sizeof(*k));
}

void ring_release(struct ring *ring)
{
	for (unsigned int i = 0; i < ring->n_held; i++)
		mem_release(ring->held[i]);
	free(ring->held);
	ring->held = NULL;
	ring->n_held = 0;
}

void worker_drop_attachment(unsigned int w, unsigned int region)
{
	model.worker[w].att[region] = (struct attachment){ 0 };
	for (unsigned int i = 0; i < PUBLISHED; i++)
		if (model.published[i].used && model.published[i].from == w &&
		    model.published[i].region == region)
			model.published[i].used = false;
}

void worker_drop_rings(unsigned int w)
{
	for (unsigned int i = 0; i < RINGS; i++) {
		struct ring *ring = &model.worker[w].ring[i];

		/* The kernel frees a ring and its buffers some time after its end. */
		if (ring->n_held)
			model.late_until_ms = now_ms() + 10000;
		ring_release(ring);
		ring->used = false;
	}
	for (unsigned int i = 0; i < TAKEN; i++)
		model.worker[w].taken[i].used = false;
}

void worker_drop_cloexec(unsigned int w)
{
	for (unsigned int i = 0; i < FDS; i++)
		if (model.worker[w].fd[i].cloexec)
			model.worker[w].fd[i].used = false;
}

void worker_release_oldest(unsigned int w)
{
	struct worker *k = &model.worker[w];

	mem_release(k->held[0]);
	k->n_held--;
	memmove(k->held, k->held + 1, k->n_held * sizeof(k->held[0]));
	memmove(k->held_cell, k->held_cell + 1, k->n_held * sizeof(k->held_cell[0]));
}

void worker_drop_all(unsigned int w)
{
	struct worker *k = &model.worker[w];

	for (unsigned int i = 0; i < REGIONS; i++)
		worker_drop_attachment(w, i);
	for (unsigned int i = 0; i < FDS; i++)
		k->fd[i].used = false;
	for (unsigned int i = 0; i < KEPT; i++)
		kept_drop(&k->kept[i]);
	worker_drop_rings(w);
	while (k->n_held)
		worker_release_oldest(w);
	for (unsigned int i = 0; i < PUBLISHED; i++)
		if (model.published[i].to == w)
			model.published[i].to = NOBODY;
	k->squat = 0;
	k->leftover = false;
	region_settle();
}

/* The kernel's rules for the permissions of a file; root may open anything. */
bool worker_may_open(const struct worker *w, const struct view *v, int flags)
{
	int access = flags & O_ACCMODE;
	unsigned int need = (access != O_WRONLY ? 4 : 0) | (access != O_RDONLY ? 2 : 0);
	unsigned int bits = w->uid == v->uid ? v->mode >> 6 :
			    w->gid == v->gid ? v->mode >> 3 : v->mode;

	return w->root || (flags & O_PATH) || (bits & need) == need;
}

void file_moved(unsigned int file, uint64_t pos)
{
	for (unsigned int w = 0; w < WORKERS; w++)
		for (unsigned int i = 0; i < FDS; i++)
			if (model.worker[w].fd[i].file == file)
				model.worker[w].fd[i].pos = pos;
}

unsigned int ring_copies(unsigned int region, unsigned int serial)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < PUBLISHED; i++)
		n += model.published[i].used && model.published[i].region == region &&
		     model.published[i].serial == serial;
	return n;
}

bool user_may_lock(const struct user *u, uint64_t bytes)
{
	return u->exempt || u->locked + bytes <= model.memlock;
}
