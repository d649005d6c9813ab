// SPDX-License-Identifier: MIT
/* Regions and views are created and removed, and the control device lists them. */
#include "fuzz.h"

#include <sys/stat.h>

static const char *const names[] = {
	"fuzz-a", "fuzz-b", "fuzz_c", "fuzz.d", "F", "fuzz-a.", "0",
	"fuzz-with-the-longest-name-that-a-region-may-have-63-bytes-long",
};

static const char *const view_names[] = {
	"v0", "np.1", "a-view-with-31-bytes-of-a-name-", "sp_2",
};

static const char *const bad_names[] = {
	"", ".", "..", ".hidden", "a/b", "a!b", "a b", "\xc3\xa9", "../../x", "a\n", "a\x7f",
};

/* Requested addresses of regions, beside those that the module chooses. */
static const uint64_t addresses[] = {
	32 * WINDOW, 33 * WINDOW, 48 * WINDOW, 100 * WINDOW, 101 * WINDOW,
	190 * WINDOW,	/* where each worker has its SCRATCH */
};

static const uid_t owners[] = { (uid_t)-1, (uid_t)-1, 0, 1234, 2345 };
static const gid_t groups[] = { (gid_t)-1, (gid_t)-1, 0, 1234, 77 };
static const mode_t modes[] = { 0600, 0660, 0666, 0640, 0444, 0622, 0, 0606 };

/* Draw a name of at most @size bytes into @name; add the errors for a wrong one to @x. */
static void draw_name(char *name, size_t size, const char *good, struct want *x)
{
	memset(name, 0, size);
	snprintf(name, size, "%s", good);
	if (!one_in(20))
		return;
	want(x, EINVAL, true);
	switch (rnd(3)) {
	case 0:
		memset(name, 0, size);
		snprintf(name, size, "%s", PICK(bad_names));
		return;
	case 1:
		memset(name, 'n', size);
		return;
	default:
		memset(name, 0, size);
		name[0] = 'n';
		name[2 + rnd(size - 2)] = 'x';
	}
}

/* Draw owner, group and mode of a node; add the errors for those that are not allowed. */
static void draw_owner(unsigned int w, uint32_t *uid, uint32_t *gid, uint32_t *mode,
		       struct want *x)
{
	const struct worker *k = &model.worker[w];

	*uid = PICK(owners);
	*gid = PICK(groups);
	*mode = PICK(modes);
	if (one_in(24))
		*mode |= 1U << rnd(32);
	want(x, EPERM, !k->root && *uid != (uint32_t)-1 && *uid != k->uid);
	want(x, EPERM, !k->root && *gid != (uint32_t)-1 && *gid != k->gid);
}

static void set_view(struct view *v, unsigned int w, uint32_t uid, uint32_t gid, uint32_t mode)
{
	v->used = true;
	v->uid = uid == (uint32_t)-1 ? model.worker[w].uid : uid;
	v->gid = gid == (uint32_t)-1 ? model.worker[w].gid : gid;
	v->mode = mode;
}

/* Sometimes draw no node, which must have no mode. */
static uint32_t draw_node(bool needs_none, uint32_t *mode, struct want *x)
{
	bool none = one_in(needs_none ? 2 : 3);

	if (none && !one_in(8))
		*mode = 0;
	want(x, EINVAL, *mode & ~0666U || (none && *mode));
	return none ? MSHAREARENA_NO_NODE : 0;
}

/*
 * Put the descriptor that CREATE or ADD_VIEW returned into its place, or close it at once
 * if the worker has no place for it or if @away.
 */
static void receive_fd(unsigned int w, int64_t number, unsigned int region, unsigned int view,
		       bool away)
{
	struct fd what = {
		.region = region,
		.view = view,
		.flags = model.region[region].view[view].writable ? O_RDWR : O_RDONLY,
		.cloexec = one_in(2),
	};
	unsigned int slot = free_fd(w);

	if (SYS(w, SYS_fcntl, number, F_GETFD) != FD_CLOEXEC)
		fail("fd %d is not close-on-exec", (int)number);
	if ((SYS(w, SYS_fcntl, number, F_GETFL) & O_ACCMODE) != what.flags)
		fail("fd %d is not open as %d", (int)number, what.flags);
	if (slot == NONE || away) {
		note(", closed");
		SYS(w, SYS_close, number);
		region_settle();
		return;
	}
	note(" -> fd%u", slot);
	place_fd(w, slot, number, &what);
}

/* ---- CREATE ---- */

static uint64_t draw_page_size(void)
{
	switch (rnd(10)) {
	case 0 ... 4:
		return SZ_4K;
	case 5 ... 8:
		return SZ_2M;
	default:
		return SZ_1G;
	}
}

static uint64_t draw_length(uint64_t page_size)
{
	switch (rnd(8)) {
	case 0:
		return page_size;
	case 1:
		return WINDOW;
	case 2:
		return WINDOW - page_size;
	case 3:
		return (1 + rnd(WINDOW / page_size)) * page_size;
	case 4:
		return page_size < SZ_1G ? SZ_1G : 2 * SZ_1G;
	default:
		return (1 + rnd(2000)) * page_size > WINDOW ? WINDOW : (1 + rnd(2000)) * page_size;
	}
}

static void draw_create(struct msharearena_create *c, unsigned int w, struct want *x)
{
	draw_name(c->name, sizeof(c->name), PICK(names), x);
	draw_owner(w, &c->uid, &c->gid, &c->mode, x);
	c->flags = draw_node(false, &c->mode, x);
	c->page_size = draw_page_size();
	c->length = draw_length(c->page_size);
	if (one_in(4))
		c->addr = PICK(addresses);
	/* Mostly the address of another region. */
	if (one_in(20) && any_region(false) != NONE)
		c->addr = model.region[any_region(false)].addr;
	switch (rnd(40)) {
	case 0:
		c->page_size = one_in(2) ? rnd64() : 1ULL << rnd(64);
		break;
	case 1:
		c->length = one_in(2) ? rnd64() : rnd(2) * (WINDOW + c->page_size);
		break;
	case 2:
		c->addr = one_in(2) ? rnd64() : (255 + rnd(2)) * WINDOW;
		break;
	case 3:
		c->reserved = 1U << rnd(32);
		break;
	default:
		break;
	}
}

static void want_create(const struct msharearena_create *c, unsigned int w, struct want *x)
{
	const struct user *u = &model.user[model.worker[w].user];

	want(x, EINVAL, c->reserved);
	want(x, EINVAL, c->page_size != SZ_4K && c->page_size != SZ_2M && c->page_size != SZ_1G);
	want(x, EINVAL, !c->length || c->length > WINDOW || c->length & (c->page_size - 1));
	want(x, EINVAL, c->addr & (WINDOW - 1) || c->addr >= 255 * WINDOW);
	want(x, EEXIST, !(c->flags & MSHAREARENA_NO_NODE) && region_by_name(c->name));
	for (unsigned int i = 0; i < REGIONS; i++)
		want(x, EBUSY, model.region[i].live && model.region[i].addr == c->addr);
	want(x, EDQUOT, !u->exempt && model.user_regions && u->regions >= model.user_regions);
}

/* The address that the module gave the region; it must be allowed and free. */
static uint64_t learn_address(unsigned int w, int64_t fd, uint64_t asked)
{
	struct msharearena_region m = { .size = sizeof(m) };

	if (sys_blob(w, SYS_ioctl, ARGS((uint64_t)fd, MSHAREARENA_GET_REGION, SCRATCH), &m,
		     sizeof(m), &m, sizeof(m)))
		fail("GET_REGION of a new region does not work");
	note(" at 0x%llx", m.addr);
	if (asked ? m.addr != asked : m.addr & (WINDOW - 1) || m.addr < WINDOWS_FIRST ||
	    m.addr >= WINDOWS_END)
		fail("CREATE gives address 0x%llx", m.addr);
	for (unsigned int i = 0; i < REGIONS; i++)
		if (model.region[i].live && model.region[i].addr == m.addr)
			fail("CREATE gives away the address of region %u", i);
	return m.addr;
}

/*
 * The address that the module chooses is no function of the seed and must make no
 * difference to the run. It does not if nothing is mapped near it and no operation requests
 * the address.
 */
static bool is_apart(uint64_t addr)
{
	uint64_t taken[REGIONS + 2 * WORKERS + ARRAY_LEN(addresses)];
	unsigned int n = 0;

	for (unsigned int i = 0; i < REGIONS; i++)
		taken[n++] = model.region[i].live ? model.region[i].addr : 0;
	for (unsigned int w = 0; w < WORKERS; w++) {
		taken[n++] = model.worker[w].squat & ~(WINDOW - 1);
		taken[n++] = model.worker[w].leftover ? model.worker[w].leftover_at : 0;
	}
	for (unsigned int i = 0; i < ARRAY_LEN(addresses); i++)
		taken[n++] = addresses[i];
	for (unsigned int i = 0; i < n; i++)
		if (addr < taken[i] + 3 * WINDOW && taken[i] < addr + 3 * WINDOW)
			return false;
	return true;
}

/* Create the region again if its address is not suitable, after the one of @fd has ended. */
static int64_t create_apart(unsigned int w, int64_t fd, const struct msharearena_create *c,
			    uint64_t *addr)
{
	struct msharearena_unlink u = { .size = sizeof(u) };
	struct msharearena_create again = *c;

	again.size = sizeof(again);
	for (;;) {
		*addr = learn_address(w, fd, c->addr);
		if (c->addr || is_apart(*addr))
			return fd;
		if (!(c->flags & MSHAREARENA_NO_NODE))
			sys_blob(w, SYS_ioctl, ARGS((uint64_t)fd, MSHAREARENA_UNLINK, SCRATCH), &u,
				 sizeof(u), NULL, 0);
		SYS(w, SYS_close, fd);
		fd = sys_blob(w, SYS_ioctl, ARGS(FD_CONTROL, MSHAREARENA_CREATE, SCRATCH), &again,
			      sizeof(again), NULL, 0);
		if (fd < 0)
			fail("what was created cannot be created again: %lld", (long long)fd);
	}
}

static void add_region(unsigned int i, unsigned int w, const struct msharearena_create *c,
		       uint64_t addr)
{
	struct region *r = &model.region[i];

	*r = (struct region){
		.live = true,
		.linked = !(c->flags & MSHAREARENA_NO_NODE),
		.addr = addr,
		.length = c->length,
		.page_size = c->page_size,
		.user = model.worker[w].user,
		.view = { { .name = "rw", .writable = true }, { .name = "ro" } },
	};
	snprintf(r->name, sizeof(r->name), "%s", c->name);
	set_view(&r->view[0], w, c->uid, c->gid, c->mode);
	set_view(&r->view[1], w, c->uid, c->gid, c->mode & 0444);
	r->view[0].node = r->linked;
	r->view[1].node = r->linked;
	r->uid = r->view[0].uid;
	if (!model.user[r->user].exempt)
		model.user[r->user].regions++;
}

void op_create(void)
{
	unsigned int w = any_worker(), i = 0;
	struct msharearena_create *c;
	struct want x = { 0 };
	struct call call;
	uint64_t addr;
	int64_t fd;

	while (i < REGIONS && model.region[i].live)
		i++;
	c = call_begin(&call, FD_CONTROL, MSHAREARENA_CREATE, sizeof(*c),
		       END_OF(struct msharearena_create, name), false);
	call.flags = MSHAREARENA_NO_NODE;
	call.gives_fd = true;
	draw_create(c, w, &x);
	want_create(c, w, &x);
	if (i == REGIONS && !x.n) {
		nothing_to_do();
		return;
	}
	note("w%u CREATE r%u '%s' addr=0x%llx length=0x%llx page=0x%llx uid=%d gid=%d mode=0%o", w,
	     i, c->name, c->addr, c->length, c->page_size, (int)c->uid, (int)c->gid, c->mode);
	if (!call_ioctl(w, &call, &x))
		return;
	fd = create_apart(w, call.result, c, &addr);
	add_region(i, w, c, addr);
	/* A region without nodes ends with its only descriptor. */
	receive_fd(w, fd, i, 0, one_in(16));
}

/* ---- UNLINK ---- */

void op_unlink(void)
{
	struct want x = { 0 };
	unsigned int w, slot;
	const struct fd *f;
	struct region *r;
	struct call call;

	if (!any_owned(&w, &slot)) {
		nothing_to_do();
		return;
	}
	f = &model.worker[w].fd[slot];
	r = &model.region[f->region];
	call_begin(&call, FD_VIEWS + (int)slot, MSHAREARENA_UNLINK,
		   sizeof(struct msharearena_unlink), END_OF(struct msharearena_unlink, flags),
		   false);
	want(&x, EBADF, f->flags & O_PATH);
	want(&x, EACCES, f->view > 1);
	want(&x, ENOENT, !r->linked);
	want(&x, EPERM, !model.worker[w].root && r->uid != model.worker[w].uid);
	note("w%u UNLINK fd%u (r%u/%u)", w, slot, f->region, f->view);
	if (!call_ioctl(w, &call, &x))
		return;
	r->linked = false;
	region_settle();
}

/* ---- ADD_VIEW ---- */

/* Draw valid ranges, with and without memory. */
static unsigned int draw_ranges(const struct region *r, struct msharearena_range *range)
{
	uint64_t pages = r->length / r->page_size, at = 0;
	unsigned int n = 0, limit = 1 + (unsigned int)rnd(RANGES);

	while (n < limit && at < pages) {
		uint64_t left = pages - at;
		uint64_t length = one_in(3) ? 1 + rnd(left) : 1 + rnd(left < 16 ? left : 16);

		range[n].offset = at * r->page_size;
		range[n].length = length * r->page_size;
		range[n].prot = MSHAREARENA_PROT_READ | (one_in(2) ? MSHAREARENA_PROT_WRITE : 0);
		at += length + (one_in(2) ? 0 : rnd(16));
		n++;
	}
	return n;
}

static void spoil_ranges(struct msharearena_range *range, unsigned int n, const struct region *r,
			 struct want *x)
{
	struct msharearena_range *one = &range[rnd(n)];

	switch (rnd(9)) {
	case 0:
		one->offset++;
		want(x, EINVAL, true);
		break;
	case 1:
		one->length = 0;
		want(x, EINVAL, true);
		break;
	case 2:
		one->length += r->page_size / 2;
		want(x, EINVAL, true);
		want(x, ERANGE, true);
		break;
	case 3:
		one->prot = one_in(2) ? 0 : MSHAREARENA_PROT_WRITE;
		want(x, EINVAL, true);
		break;
	case 4:
		one->prot |= 1U << (2 + rnd(30));
		want(x, EINVAL, true);
		break;
	case 5:
		one->reserved = 1U << rnd(32);
		want(x, EINVAL, true);
		break;
	case 6:
		/* The last range exceeds the end; any other also overlaps the next one. */
		range[n - 1].length = r->length - range[n - 1].offset + r->page_size;
		want(x, ERANGE, true);
		break;
	case 7:
		range[n - 1].offset = -r->page_size;
		want(x, ERANGE, true);
		break;
	default:
		/* The ranges are not in ascending order. */
		if (n < 2)
			one->prot = 0;
		else
			range[n - 1] = range[0];
		want(x, EINVAL, true);
	}
}

static unsigned int add_view(struct region *r, unsigned int w, const struct msharearena_view *m,
			     const struct msharearena_range *range, unsigned int n)
{
	struct view *v = r->view;

	while (v->used)
		v++;
	*v = (struct view){
		.node = !(m->flags & MSHAREARENA_NO_NODE),
		.added = true,
		.n_ranges = n,
	};
	snprintf(v->name, sizeof(v->name), "%s", m->view);
	for (unsigned int i = 0; i < n; i++) {
		v->range[i].offset = range[i].offset;
		v->range[i].length = range[i].length;
		v->range[i].writable = range[i].prot & MSHAREARENA_PROT_WRITE;
		v->writable |= v->range[i].writable;
	}
	set_view(v, w, m->uid, m->gid, v->writable ? m->mode : m->mode & 0444);
	return (unsigned int)(v - r->view);
}

static bool view_by_name(const struct region *r, const char *name)
{
	for (unsigned int i = 0; i < VIEWS; i++)
		if (r->view[i].used && !strcmp(r->view[i].name, name))
			return true;
	return false;
}

/* Draw the address of the ranges and their number in the structure. */
static void draw_array(struct msharearena_view *m, unsigned int n, struct want *x)
{
	m->ranges = SCRATCH + 0x8000;
	m->n_ranges = n;
	switch (rnd(40)) {
	case 0:
		m->n_ranges = one_in(2) ? 0 : MSHAREARENA_MAX_RANGES + 1 + (uint32_t)rnd(1U << 31);
		want(x, EINVAL, true);
		break;
	case 1:
		m->ranges = one_in(2) ? 0 : SCRATCH + SCRATCH_SIZE - 8;
		want(x, EFAULT, true);
		break;
	case 2:
		/* The kernel reads the ranges up to the first that is zero. */
		m->n_ranges = MSHAREARENA_MAX_RANGES;
		want(x, EINVAL, true);
		break;
	default:
		break;
	}
}

static void want_add_view(unsigned int w, const struct fd *f, const struct msharearena_view *m,
			  struct want *x)
{
	const struct region *r = &model.region[f->region];

	want(x, EBADF, f->flags & O_PATH);
	want(x, EACCES, f->view || !is_writable(f));
	want(x, ENOENT, !r->linked && !(m->flags & MSHAREARENA_NO_NODE));
	want(x, EPERM, !model.worker[w].root && r->uid != model.worker[w].uid);
	want(x, EEXIST, view_by_name(r, m->view));
}

void op_add_view(void)
{
	static struct msharearena_range range[MSHAREARENA_MAX_RANGES];
	unsigned int w, slot, n, used = 0;
	struct msharearena_view *m;
	struct want x = { 0 };
	const struct fd *f;
	struct region *r;
	struct call call;

	if (!any_rw(&w, &slot)) {
		nothing_to_do();
		return;
	}
	f = &model.worker[w].fd[slot];
	r = &model.region[f->region];
	memset(range, 0, sizeof(range));
	n = draw_ranges(r, range);
	m = call_begin(&call, FD_VIEWS + (int)slot, MSHAREARENA_ADD_VIEW, sizeof(*m),
		       END_OF(struct msharearena_view, view), false);
	call.flags = MSHAREARENA_NO_NODE;
	call.gives_fd = true;
	draw_array(m, n, &x);
	if (one_in(8))
		spoil_ranges(range, n, r, &x);
	draw_name(m->view, sizeof(m->view), one_in(8) ? "ro" : PICK(view_names), &x);
	draw_owner(w, &m->uid, &m->gid, &m->mode, &x);
	m->flags = draw_node(!r->linked, &m->mode, &x);
	want_add_view(w, f, m, &x);
	for (unsigned int v = 0; v < VIEWS; v++)
		used += r->view[v].used;
	note("w%u ADD_VIEW fd%u (r%u/%u) %s %u ranges 0x%llx uid=%d gid=%d mode=0%o", w, slot,
	     f->region, f->view, m->view, m->n_ranges, m->ranges, (int)m->uid, (int)m->gid,
	     m->mode);
	for (unsigned int j = 0; j < n; j++)
		note(" [0x%llx+0x%llx:%u]", range[j].offset, range[j].length, range[j].prot);
	if (used == VIEWS && !x.n) {
		nothing_to_do();
		return;
	}
	worker_poke(w, 0x8000, range, 0xf000);
	if (call_ioctl(w, &call, &x))
		receive_fd(w, call.result, f->region, add_view(r, w, m, range, n), one_in(4));
}

/* ---- other operations ---- */

void op_info(void)
{
	unsigned int w = any_worker();
	struct msharearena_info *m;
	struct want x = { 0 };
	struct call call;

	m = call_begin(&call, FD_CONTROL, MSHAREARENA_GET_INFO, sizeof(*m),
		       END_OF(struct msharearena_info, window_size), true);
	if (one_in(8))
		m->reserved = 1U << rnd(32);
	want(&x, EINVAL, m->reserved);
	note("w%u GET_INFO reserved=0x%x", w, m->reserved);
	if (!call_ioctl(w, &call, &x))
		return;
	if (m->api_version != MSHAREARENA_API_VERSION || m->window_size != WINDOW ||
	    m->page_sizes != (SZ_4K | SZ_2M | SZ_1G))
		fail("GET_INFO: version %u, page sizes 0x%llx", m->api_version, m->page_sizes);
}

/* ---- NEXT_REGION ---- */

unsigned int next_region(uint64_t addr)
{
	unsigned int found = NONE;

	for (unsigned int i = 0; i < REGIONS; i++)
		if (model.region[i].live && model.region[i].addr > addr &&
		    (found == NONE || model.region[i].addr < model.region[found].addr))
			found = i;
	return found;
}

void op_next(void)
{
	unsigned int w = any_worker(), i = any_region(false);
	uint64_t near = i == NONE ? 64 * WINDOW : model.region[i].addr;
	uint64_t addrs[] = { 0, 0, near, near - 1, near + 1, near - WINDOW, rnd64(), ~0ULL };
	struct msharearena_region *m;
	struct want x = { 0 };
	struct call call;

	m = call_begin(&call, FD_CONTROL, MSHAREARENA_NEXT_REGION, sizeof(*m),
		       END_OF(struct msharearena_region, view), true);
	/* OUT members may have any value before the call. */
	memset(&m->addr, (int)rnd(256), sizeof(*m) - offsetof(struct msharearena_region, addr));
	m->addr = PICK(addrs);
	i = next_region(m->addr);
	want(&x, ENOENT, i == NONE);
	note("w%u NEXT_REGION 0x%llx", w, m->addr);
	if (call_ioctl(w, &call, &x))
		check_description(m, i, NONE);
}

/* The mode and owner of nodes can be changed as those of other devices. */
void op_chmod(void)
{
	unsigned int w = any_worker(), i = any_region(true), v;
	struct want x = { 0 };
	struct view *view;
	char path[160];
	mode_t mode;

	if (i == NONE) {
		nothing_to_do();
		return;
	}
	v = (unsigned int)rnd(VIEWS);
	view = &model.region[i].view[v];
	mode = PICK(modes);
	snprintf(path, sizeof(path), "/dev/mshare/%s/%s", model.region[i].name,
		 view->node ? view->name : "none");
	want(&x, ENOENT, !view->node);
	want(&x, EPERM, view->node && !model.worker[w].root && view->uid != model.worker[w].uid);
	note("w%u chmod %s 0%o", w, path, mode);
	if (check_result(&x, sys_path(w, SYS_chmod, ARGS(SCRATCH, mode), path)))
		view->mode = mode;
}

static void set_parameter(const char *name, unsigned int value)
{
	char path[80], text[16];
	int fd, n;

	snprintf(path, sizeof(path), "/sys/module/msharearena/parameters/%s", name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	n = snprintf(text, sizeof(text), "%u", value);
	if (fd < 0 || write(fd, text, (size_t)n) != n)
		fail("%s: %s", path, strerror(errno));
	close(fd);
}

/* Lowering a limit removes nothing. */
void op_limits(void)
{
	model.user_regions = (unsigned int)rnd(4);
	model.user_mbytes = one_in(2) ? 0 : 1 + (unsigned int)rnd(16);
	note("user_regions=%u user_mbytes=%u", model.user_regions, model.user_mbytes);
	set_parameter("user_regions", model.user_regions);
	set_parameter("user_mbytes", model.user_mbytes);
}
