// SPDX-License-Identifier: MIT
/* Memory is exported, suitable and unsuitable. */
#include "fuzz.h"

#include <linux/memfd.h>
#include <linux/mman.h>

enum kind {
	DONOR_ANON,		/* private anonymous memory of 4 KiB pages */
	DONOR_ANON_TOUCHED,	/* small pages that were only read: the zero page */
	DONOR_THP,		/* transparent huge pages, if the kernel has any */
	DONOR_HUGE_SHARED,	/* anonymous hugetlb memory */
	DONOR_HUGE_PRIVATE,
	DONOR_HUGE_MEMFD,
	DONOR_KEPT,		/* memory that was exported before */
	DONOR_GOOD,
	DONOR_READ_ONLY = DONOR_GOOD,	/* memory of the right kind that is not writable */
	DONOR_HOLE,
	DONOR_NOTHING,
	DONOR_WRONG_SIZE,
	DONOR_SHMEM,
	DONOR_FILE,
	DONOR_REGION,		/* an attachment of another or of this region */
	DONOR_KINDS,
};

static const char *const kinds[] = {
	"anon", "anon-touched", "thp", "huge", "huge-private", "huge-memfd", "kept",
	"read-only", "hole", "nothing", "wrong-size", "shmem", "file", "region",
};

/**
 * struct gift - memory that will be exported
 * @page_size: page size of the region
 * @w: the donor
 * @addr: address of the mapping
 * @n: number of pages
 * @length: length of the mapping in bytes
 * @kind: enum kind
 * @huge: the memory comes from a pool
 * @filled: the memory has content; otherwise it is untouched
 * @value: content of its first cell
 * @kept: for DONOR_KEPT, the donor's mapping
 * @first: for DONOR_KEPT, the first page in that mapping
 */
struct gift {
	uint64_t page_size;
	unsigned int w;
	uint64_t addr;
	unsigned int n;
	uint64_t length;
	enum kind kind;
	bool huge;
	bool filled;
	uint64_t value;
	struct kept *kept;
	unsigned int first;
};

static int huge_flag(uint64_t page_size)
{
	return page_size == SZ_1G ? MAP_HUGE_1GB : MAP_HUGE_2MB;
}

/* The kernel needs a second or more to clear a page of 1 GiB, so that must be rare. */
static bool is_too_soon(void)
{
	static uint64_t last;

	if (last && op_number() < last + 250)
		return true;
	last = op_number();
	return false;
}

static enum kind draw_kind(uint64_t page_size, bool any_kept)
{
	if (any_kept && !one_in(4))
		return DONOR_KEPT;
	if (one_in(6) || (page_size == SZ_1G && is_too_soon()))
		return DONOR_GOOD + rnd(DONOR_KINDS - DONOR_GOOD);
	if (page_size == SZ_4K)
		return DONOR_ANON + rnd(3);
	return DONOR_HUGE_SHARED + rnd(3);
}

static unsigned int draw_pages(uint64_t page_size)
{
	if (page_size == SZ_1G)
		return one_in(4) ? 2 : 1;
	if (page_size == SZ_2M)
		return 1 + (unsigned int)rnd(8);
	/* Mostly few pages; sometimes more than a table or a batch has. */
	return one_in(8) ? 500 + (unsigned int)rnd(600) : 1 + (unsigned int)rnd(40);
}

/* True if the pool has enough pages. Pages of regions that just ended may be missing. */
static bool pool_has(const struct gift *g)
{
	unsigned int free = g->page_size == SZ_1G ? model.pool_1g - model.used_1g :
						    model.pool_2m - model.used_2m;

	if (g->n > free)
		return false;
	check_pools();
	return true;
}

static int64_t map(struct gift *g, int prot, int flags, int fd)
{
	return SYS(g->w, SYS_mmap, g->addr, g->length, prot, flags | MAP_FIXED_NOREPLACE, fd, 0);
}

/* Map hugetlb memory of a memfd. */
static int64_t map_memfd(struct gift *g, unsigned int flags)
{
	int share = one_in(3) ? MAP_PRIVATE : MAP_SHARED;
	int64_t fd, ret;

	note(share == MAP_PRIVATE ? " private" : " shared");
	fd = sys_path(g->w, SYS_memfd_create, ARGS(SCRATCH, flags), "donor");
	if (fd < 0)
		return fd;
	ret = SYS(g->w, SYS_ftruncate, fd, g->length);
	if (!ret)
		ret = map(g, PROT_READ | PROT_WRITE, share, (int)fd);
	SYS(g->w, SYS_close, fd);
	return ret;
}

/* Map suitable memory, but with @prot. */
static int64_t map_right(struct gift *g, int prot)
{
	int anon = MAP_PRIVATE | MAP_ANONYMOUS;

	if (g->page_size != SZ_4K)
		anon |= MAP_HUGETLB | huge_flag(g->page_size);
	return map(g, prot, anon, -1);
}

static int64_t map_wrong_size(struct gift *g)
{
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;

	if (g->page_size == SZ_4K) {
		g->length = SZ_2M;
		flags |= MAP_HUGETLB | MAP_HUGE_2MB;
	}
	return map(g, PROT_READ | PROT_WRITE, flags, -1);
}

static int64_t map_kind(struct gift *g)
{
	int huge = MAP_ANONYMOUS | MAP_HUGETLB | huge_flag(g->page_size);
	int rw = PROT_READ | PROT_WRITE;
	int64_t ret;

	switch (g->kind) {
	case DONOR_ANON:
	case DONOR_ANON_TOUCHED:
		return map_right(g, rw);
	case DONOR_THP:
		ret = map_right(g, rw);
		SYS(g->w, SYS_madvise, g->addr, g->length, MADV_HUGEPAGE);
		return ret;
	case DONOR_HUGE_SHARED:
		return map(g, rw, huge | MAP_SHARED, -1);
	case DONOR_HUGE_PRIVATE:
		return map_right(g, rw);
	case DONOR_HUGE_MEMFD:
		return map_memfd(g, MFD_CLOEXEC | MFD_HUGETLB |
				    (unsigned int)huge_flag(g->page_size));
	case DONOR_READ_ONLY:
		return map_right(g, one_in(4) ? PROT_NONE : PROT_READ);
	case DONOR_HOLE:
		ret = map_right(g, rw);
		if (ret >= 0)
			SYS(g->w, SYS_munmap, g->addr + rnd(g->n) * g->page_size, g->page_size);
		return ret;
	case DONOR_WRONG_SIZE:
		return map_wrong_size(g);
	case DONOR_SHMEM:
		return map(g, rw, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1);
	case DONOR_FILE:
		return map(g, rw, one_in(2) ? MAP_SHARED : MAP_PRIVATE | MAP_NORESERVE, FD_FILE);
	default:
		return (int64_t)g->addr;
	}
}

/* The errors of EXPORT for this memory. */
static void want_gift(const struct gift *g, struct want *x)
{
	switch (g->kind) {
	case DONOR_READ_ONLY:
		want(x, EACCES, true);
		break;
	case DONOR_HOLE:
	case DONOR_NOTHING:
		want(x, EFAULT, true);
		break;
	case DONOR_WRONG_SIZE:
	case DONOR_SHMEM:
	case DONOR_FILE:
		want(x, EOPNOTSUPP, true);
		break;
	case DONOR_REGION:
		want(x, EOPNOTSUPP, true);
		/* Nothing may be attached there. */
		want(x, EFAULT, true);
		break;
	default:
		break;
	}
}

/* A free place for a donor's mapping; there are KEPT + 1 places. */
static unsigned int free_kept(unsigned int w)
{
	unsigned int k = 0;

	while (k < KEPT && model.worker[w].kept[k].used)
		k++;
	return k;
}

/* True if the pages come from a pool, which may be empty. */
static bool is_pooled(const struct gift *g)
{
	switch (g->kind) {
	case DONOR_HUGE_SHARED:
	case DONOR_HUGE_PRIVATE:
	case DONOR_HUGE_MEMFD:
	case DONOR_READ_ONLY:
	case DONOR_HOLE:
		return g->page_size != SZ_4K;
	default:
		return false;
	}
}

static void fill(struct gift *g)
{
	struct order o = {
		.work = WORK_FILL,
		.b = { g->addr, g->page_size, g->n, op_value() << 16 },
	};

	if (worker_call(g->w, &o, NULL, NULL, 0))
		fail("a donor's memory cannot be filled");
	note(" filled");
	g->filled = true;
	g->value = o.b[3];
}

/* Read the memory, so that the zero page is mapped. */
static void read_it(const struct gift *g)
{
	struct probe p = { .address = g->addr, .kind = PROBE_LOAD };
	struct order o = { .work = WORK_PROBE, .length = sizeof(p) };

	worker_call(g->w, &o, &p, NULL, 0);
}

/*
 * Map the memory and mostly fill it. Returns false if there is no memory to export, which
 * is checked; then nothing is mapped.
 */
static bool prepare(struct gift *g)
{
	struct want x = { 0 };

	g->length = g->n * g->page_size;
	g->huge = is_pooled(g);
	want(&x, ENOMEM, g->huge && !pool_has(g));
	if (g->kind == DONOR_WRONG_SIZE && g->page_size == SZ_4K) {
		want(&x, ENOMEM, true);
		x.may_pass = true;
	}
	if (!check_result(&x, map_kind(g)))
		return false;
	if (g->kind == DONOR_ANON_TOUCHED)
		read_it(g);
	if (g->kind < DONOR_KEPT && !one_in(4))
		fill(g);
	return true;
}

/* ---- the model's part ---- */

/* True if the page at @at may belong to a THP, which the mapping must contain completely. */
static bool may_be_thp(const struct gift *g, uint64_t at)
{
	uint64_t start = at & ~(SZ_2M - 1);

	return g->page_size == SZ_4K && (g->kind == DONOR_THP || model.thp_always) &&
	       start >= g->addr && start + SZ_2M <= g->addr + g->length;
}

/* The kernel counts references to all pages of a THP together. */
static struct mem **new_pages(const struct gift *g)
{
	struct mem **mem = calloc(g->n, sizeof(struct mem *));
	struct folio *folio = NULL;

	if (g->kept) {
		memcpy(mem, g->kept->mem + g->first, g->n * sizeof(mem[0]));
		for (unsigned int i = 0; i < g->n; i++)
			mem_get(mem[i]);
		return mem;
	}
	for (unsigned int i = 0; i < g->n; i++) {
		uint64_t at = g->addr + i * g->page_size;

		if (!i || !may_be_thp(g, at) || !(at & (SZ_2M - 1)))
			folio = folio_new();
		mem[i] = mem_new(g->page_size, g->huge, folio,
				 g->filled ? g->value + i * CELLS : 0);
	}
	return mem;
}

static void receive(struct region *r, const struct gift *g, uint64_t offset, struct mem **mem)
{
	struct extent *e = calloc(1, sizeof(*e));

	e->first = offset / r->page_size;
	e->n = g->n;
	e->user = model.worker[g->w].user;
	e->mem = mem;
	region_add(r, e);
}

/* The donor keeps its mapping or unmaps it. */
static void keep_or_drop(const struct gift *g, unsigned int k, struct mem **mem)
{
	struct kept *kept = &model.worker[g->w].kept[k];

	if (g->kept)
		return;
	if (!mem || k == KEPT || g->n * g->page_size != g->length || one_in(2)) {
		if (g->kind != DONOR_REGION)
			SYS(g->w, SYS_munmap, g->addr, g->length);
		return;
	}
	note(" kept");
	*kept = (struct kept){
		.used = true,
		.addr = g->addr,
		.n = g->n,
		.page_size = g->page_size,
		.mem = calloc(g->n, sizeof(struct mem *)),
	};
	for (unsigned int i = 0; i < g->n; i++) {
		kept->mem[i] = mem[i];
		mem_get(mem[i]);
	}
}

/* ---- EXPORT ---- */

static void spoil(struct msharearena_export *e, const struct region *r)
{
	uint64_t odd = 1ULL << rnd((uint64_t)__builtin_ctzll(r->page_size));

	switch (rnd(8)) {
	case 0:
		e->addr += odd;
		break;
	case 1:
		e->length += odd;
		break;
	case 2:
		e->offset += odd;
		break;
	case 3:
		e->length = 0;
		break;
	case 4:
		e->length = r->length + r->page_size - e->offset;
		break;
	case 5:
		e->offset = -(uint64_t)r->page_size;
		break;
	case 6:
		e->length = -(uint64_t)r->page_size;
		break;
	default:
		/* Much more than is mapped. */
		e->length = r->length - e->offset;
		if (e->length > 8 * SZ_1G)
			e->length = 8 * SZ_1G;
	}
}

static void want_export(const struct msharearena_export *e, const struct fd *f,
			const struct gift *g, struct want *x)
{
	const struct region *r = &model.region[f->region];
	const struct user *u = &model.user[model.worker[g->w].user];
	uint64_t mask = r->page_size - 1;

	want(x, EBADF, f->flags & O_PATH);
	want(x, EACCES, f->view != 0 || (f->flags & O_ACCMODE) == O_RDONLY);
	want(x, EINVAL, (e->addr | e->length | e->offset) & mask || !e->length);
	want(x, ERANGE, e->offset + e->length < e->offset || e->offset + e->length > r->length);
	want(x, EEXIST, !(e->length & mask) && !(e->offset & mask) &&
	     e->length <= WINDOW &&
	     region_has(r, e->offset / r->page_size, e->length / r->page_size));
	/* Longer than what was mapped. */
	want(x, EFAULT, e->length > g->n * r->page_size);
	want(x, ENOMEM, e->length > g->n * r->page_size);
	want(x, EOPNOTSUPP, e->length > g->n * r->page_size && g->kind >= DONOR_GOOD);
	want(x, ENOMEM, !user_may_lock(u, e->length));
	want(x, EDQUOT, !u->exempt && model.user_mbytes &&
	     u->bytes + e->length > model.user_mbytes * 1048576ULL);
	want_gift(g, x);
}

/* Draw an offset, mostly that of a hole that is large enough. */
static uint64_t draw_target(const struct region *r, unsigned int n)
{
	uint64_t pages = r->length / r->page_size;
	uint64_t border = SZ_1G / r->page_size, first;

	for (int i = 0; i < 4; i++) {
		switch (rnd(4)) {
		case 0:
			first = rnd(pages);
			break;
		case 1:
			/* Across the border of two tables. */
			first = border * (1 + rnd(pages / border + 1)) - rnd(n + 1);
			break;
		default:
			first = rnd(pages < 64 ? pages : 64);
		}
		if (first + n <= pages && !region_has(r, first, n))
			return first * r->page_size;
	}
	return rnd(pages) * r->page_size;
}

static struct kept *find_kept(unsigned int w, uint64_t page_size)
{
	struct kept *k = model.worker[w].kept;

	for (unsigned int i = 0; i < KEPT; i++)
		if (k[i].used && k[i].page_size == page_size)
			return &k[i];
	return NULL;
}

static void draw_addr(struct gift *g)
{
	g->addr = DONORS + free_kept(g->w) * (4 * SZ_1G);
	switch (g->kind) {
	case DONOR_KEPT:
		g->first = (unsigned int)rnd(g->kept->n);
		g->addr = g->kept->addr + g->first * g->page_size;
		if (g->n > g->kept->n - g->first)
			g->n = g->kept->n - g->first;
		break;
	case DONOR_REGION:
		g->addr = model.region[any_region(false)].addr;
		break;
	case DONOR_WRONG_SIZE:
		if (g->n > 512)
			g->n = 512;
		break;
	default:
		/* The address does not always begin a table. */
		if (g->page_size == SZ_4K && one_in(2))
			g->addr += rnd(600) * SZ_4K;
	}
}

static bool draw_gift(struct gift *g, unsigned int *slot)
{
	if (!any_rw(&g->w, slot))
		return false;
	g->page_size = model.region[model.worker[g->w].fd[*slot].region].page_size;
	g->n = draw_pages(g->page_size);
	g->kept = one_in(2) ? find_kept(g->w, g->page_size) : NULL;
	g->kind = draw_kind(g->page_size, g->kept);
	if (g->kind != DONOR_KEPT)
		g->kept = NULL;
	draw_addr(g);
	return true;
}

void op_export(void)
{
	struct msharearena_export *e;
	struct gift g = { 0 };
	struct want x = { 0 };
	struct mem **mem = NULL;
	const struct fd *f;
	unsigned int slot;
	struct call call;

	if (!draw_gift(&g, &slot)) {
		nothing_to_do();
		return;
	}
	f = &model.worker[g.w].fd[slot];
	e = call_begin(&call, FD_VIEWS + (int)slot, MSHAREARENA_EXPORT, sizeof(*e), sizeof(*e),
		       false);
	e->addr = g.addr;
	e->length = g.n * g.page_size;
	e->offset = draw_target(&model.region[f->region], g.n);
	if (one_in(10))
		spoil(e, &model.region[f->region]);
	note("w%u EXPORT fd%u (r%u/%u) %s 0x%llx pages: %u at 0x%llx length=0x%llx offset=0x%llx",
	     g.w, slot, f->region, f->view, kinds[g.kind], (long long)g.page_size, g.n, e->addr,
	     e->length, e->offset);
	if (!prepare(&g))
		return;
	want_export(e, f, &g, &x);
	if (call_ioctl(g.w, &call, &x)) {
		g.n = (unsigned int)(e->length / g.page_size);
		mem = new_pages(&g);
		receive(&model.region[f->region], &g, e->offset, mem);
	}
	keep_or_drop(&g, free_kept(g.w), mem);
}

/* ---- what donors do with exported memory ---- */

static struct kept *any_kept(unsigned int *w)
{
	unsigned int found[WORKERS * KEPT], n = 0;

	for (unsigned int i = 0; i < WORKERS * KEPT; i++)
		if (model.worker[i / KEPT].kept[i % KEPT].used)
			found[n++] = i;
	if (!n)
		return NULL;
	n = found[rnd(n)];
	*w = n / KEPT;
	return &model.worker[*w].kept[n % KEPT];
}

static void unmap_kept(unsigned int w, struct kept *k)
{
	check_result(&(struct want){ 0 },
		     SYS(w, SYS_munmap, k->addr, k->n * k->page_size));
	kept_drop(k);
}

void op_drop_donor(void)
{
	unsigned int w;
	struct kept *k = any_kept(&w);

	if (!k) {
		nothing_to_do();
		return;
	}
	note("w%u unmaps its donor's 0x%llx", w, (long long)k->addr);
	unmap_kept(w, k);
}

/* The region's memory is pinned, whatever the donor does to its own mapping. */
void op_abuse_donor(void)
{
	static const int harmless[] = {
		MADV_COLD, MADV_PAGEOUT, MADV_HUGEPAGE, MADV_NOHUGEPAGE, MADV_MERGEABLE,
		MADV_UNMERGEABLE, MADV_COLLAPSE, MADV_WILLNEED, MADV_POPULATE_WRITE,
		MADV_DONTDUMP, MADV_RANDOM,
	};
	static const int losing[] = { MADV_DONTNEED, MADV_FREE, MADV_REMOVE, 24 };
	unsigned int w;
	struct kept *k = any_kept(&w);
	uint64_t length;
	int advice;

	if (!k) {
		nothing_to_do();
		return;
	}
	length = k->n * k->page_size;
	switch (rnd(4)) {
	case 0:
		advice = PICK(losing);
		note("w%u madvise %d of its donor's 0x%llx", w, advice, (long long)k->addr);
		SYS(w, SYS_madvise, k->addr, length, advice);
		/* From now on the donor's mapping may have other memory. */
		unmap_kept(w, k);
		break;
	case 1:
		note("w%u mprotect of its donor's 0x%llx", w, (long long)k->addr);
		SYS(w, SYS_mprotect, k->addr, length, PROT_NONE);
		SYS(w, SYS_mprotect, k->addr, length, PROT_READ | PROT_WRITE);
		break;
	case 2:
		note("w%u forks with its donor's 0x%llx", w, (long long)k->addr);
		worker_call(w, &(struct order){ .work = WORK_FORK, .a = FORK_PLAIN },
			    NULL, NULL, 0);
		break;
	default:
		advice = PICK(harmless);
		note("w%u madvise %d of its donor's 0x%llx", w, advice, (long long)k->addr);
		SYS(w, SYS_madvise, k->addr, length, advice);
	}
}
