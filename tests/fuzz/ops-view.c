// SPDX-License-Identifier: MIT
/* Nodes and their open files. */
#include "fuzz.h"

#include <sys/stat.h>

/* How view @v of region @i is opened: permissions of the node, then of the view. */
static void want_open(unsigned int w, const struct view *v, int flags, struct want *x)
{
	want(x, EACCES, !worker_may_open(&model.worker[w], v, flags));
	want(x, EACCES, !(flags & O_PATH) && (flags & O_ACCMODE) != O_RDONLY && !v->writable);
}

/* Put what was opened where it belongs. */
static void place_fd(unsigned int w, unsigned int slot, int64_t number, unsigned int region,
		     unsigned int view, int flags)
{
	struct fd *f = &model.worker[w].fd[slot];

	if (SYS(w, SYS_dup3, number, FD_VIEWS + slot, flags & O_CLOEXEC) != FD_VIEWS + slot)
		fail("dup3 does not work");
	SYS(w, SYS_close, number);
	*f = (struct fd){
		.used = true,
		.region = region,
		.view = view,
		.flags = flags & (O_ACCMODE | O_PATH),
		.cloexec = flags & O_CLOEXEC,
	};
}

static int draw_flags(void)
{
	static const int flags[] = {
		O_RDWR, O_RDWR, O_RDWR, O_RDWR, O_RDONLY, O_RDONLY, O_RDONLY, O_WRONLY, O_PATH,
		O_RDWR | O_NONBLOCK, O_RDONLY | O_APPEND, O_RDWR | O_SYNC,
	};

	return PICK(flags) | (one_in(2) ? O_CLOEXEC : 0);
}

void op_open(void)
{
	unsigned int w = any_worker(), slot = free_fd(w), i = any_region(!one_in(8)), v;
	int flags = draw_flags();
	struct want x = { 0 };
	struct region *r;
	char path[160];
	int64_t ret;

	if (slot == NONE || i == NONE) {
		nothing_to_do();
		return;
	}
	v = (unsigned int)(one_in(2) ? rnd(2) : rnd(VIEWS));
	snprintf(path, sizeof(path), "/dev/mshare/%s/%s", model.region[i].name,
		 model.region[i].view[v].used ? model.region[i].view[v].name : "none");
	/* Another one may have the name by now. */
	r = region_by_name(model.region[i].name);
	if (r && r != &model.region[i]) {
		nothing_to_do();
		return;
	}
	want(&x, ENOENT, !r || !r->view[v].used);
	if (r && r->view[v].used)
		want_open(w, &r->view[v], flags, &x);
	note("w%u open %s flags=0x%x -> fd%u", w, path, flags, slot);
	ret = sys_path(w, SYS_openat, ARGS((uint64_t)AT_FDCWD, SCRATCH, (uint64_t)flags),
		       path);
	if (check_result(&x, ret))
		place_fd(w, slot, ret, i, v, flags);
}

/*
 * Open the same node through a descriptor of it, which works as long as the
 * node is there: whoever has a device number later is somebody else.
 */
void op_reopen(void)
{
	unsigned int w, slot, old;
	int flags = draw_flags();
	struct want x = { 0 };
	struct region *r;
	struct fd *f;
	char path[64];
	int64_t ret;

	if (!any_fd(&w, &old) || free_fd(w) == NONE) {
		nothing_to_do();
		return;
	}
	slot = free_fd(w);
	f = &model.worker[w].fd[old];
	r = &model.region[f->region];
	flags &= ~O_PATH;
	want(&x, ENXIO, !r->linked);
	/* The permissions of a node that was removed are taken away. */
	want(&x, EACCES, !r->linked && !model.worker[w].root);
	want_open(w, &r->view[f->view], flags, &x);
	snprintf(path, sizeof(path), "/proc/self/fd/%u", FD_VIEWS + old);
	note("w%u reopen fd%u (r%u/%s) flags=0x%x -> fd%u", w, old, f->region,
	     r->view[f->view].name, flags, slot);
	ret = sys_path(w, SYS_openat, ARGS((uint64_t)AT_FDCWD, SCRATCH, (uint64_t)flags),
		       path);
	if (check_result(&x, ret))
		place_fd(w, slot, ret, f->region, f->view, flags);
}

void op_close(void)
{
	unsigned int w, slot;

	if (!any_fd(&w, &slot)) {
		nothing_to_do();
		return;
	}
	note("w%u close fd%u (r%u)", w, slot, model.worker[w].fd[slot].region);
	check_result(&(struct want){ 0 }, SYS(w, SYS_close, FD_VIEWS + slot));
	model.worker[w].fd[slot].used = false;
	region_settle();
}

void op_dup(void)
{
	unsigned int w, old, slot;
	bool cloexec = one_in(2);

	if (!any_fd(&w, &old) || free_fd(w) == NONE) {
		nothing_to_do();
		return;
	}
	slot = free_fd(w);
	note("w%u dup fd%u -> fd%u", w, old, slot);
	if (SYS(w, SYS_dup3, FD_VIEWS + old, FD_VIEWS + slot, cloexec ? O_CLOEXEC : 0) !=
	    FD_VIEWS + slot)
		fail("dup3 does not work");
	model.worker[w].fd[slot] = model.worker[w].fd[old];
	model.worker[w].fd[slot].cloexec = cloexec;
}

/* To another process over a socket: permissions were checked at open(). */
void op_pass(void)
{
	unsigned int from, to = any_worker(), old, slot = free_fd(to);
	bool cloexec = one_in(2);

	if (!any_fd(&from, &old) || slot == NONE) {
		nothing_to_do();
		return;
	}
	note("w%u passes fd%u to w%u fd%u", from, old, to, slot);
	check_result(&(struct want){ 0 },
		     worker_pass_fd(from, FD_VIEWS + (int)old, to, FD_VIEWS + (int)slot, cloexec));
	model.worker[to].fd[slot] = model.worker[from].fd[old];
	model.worker[to].fd[slot].cloexec = cloexec;
}

/* ---- read(2), and calls that a view has not ---- */

static void read_view(unsigned int w, unsigned int slot)
{
	static const uint64_t lengths[] = { 16, 16, 16, 4096, 15, 8, 0, 1 };
	const struct fd *f = &model.worker[w].fd[slot];
	const struct region *r = &model.region[f->region];
	uint64_t length = PICK(lengths), to = one_in(8) ? SCRATCH + SCRATCH_SIZE - 8 : SCRATCH;
	uint64_t answer[2] = { 0, 0 };
	struct want x = { 0 };

	want(&x, EBADF, f->flags & O_PATH || (f->flags & O_ACCMODE) == O_WRONLY);
	want(&x, EINVAL, length < 16);
	want(&x, EFAULT, to != SCRATCH);
	note("w%u read fd%u into 0x%llx, %llu bytes", w, slot, (long long)to, (long long)length);
	if (!check_result(&x, sys_blob(w, SYS_read, ARGS(FD_VIEWS + slot, to, length),
				       NULL, 0, answer, sizeof(answer))))
		return;
	if (answer[0] != r->addr || answer[1] != r->length)
		fail("read gives 0x%llx, 0x%llx", (long long)answer[0], (long long)answer[1]);
}

void op_read(void)
{
	unsigned int w, slot;
	struct want x = { 0 };
	bool path;
	int number;

	if (!any_fd(&w, &slot)) {
		nothing_to_do();
		return;
	}
	if (!one_in(3)) {
		read_view(w, slot);
		return;
	}
	path = model.worker[w].fd[slot].flags & O_PATH;
	number = FD_VIEWS + (int)slot;
	want(&x, EBADF, true);
	switch (rnd(6)) {
	case 0:
		note("w%u write fd%u", w, slot);
		want(&x, EINVAL, !path);
		check_result(&x, SYS(w, SYS_write, number, SCRATCH, 16));
		break;
	case 1:
		note("w%u lseek fd%u", w, slot);
		want(&x, ESPIPE, !path);
		check_result(&x, SYS(w, SYS_lseek, number, 8, SEEK_SET));
		break;
	case 2:
		note("w%u pread fd%u", w, slot);
		want(&x, ESPIPE, !path);
		check_result(&x, SYS(w, SYS_pread64, number, SCRATCH, 16, 0));
		break;
	case 3:
		note("w%u ftruncate fd%u", w, slot);
		want(&x, EINVAL, !path);
		check_result(&x, SYS(w, SYS_ftruncate, number, 0));
		break;
	case 4:
		note("w%u fallocate fd%u", w, slot);
		want(&x, ENODEV, !path);
		want(&x, ESPIPE, !path);
		check_result(&x, SYS(w, SYS_fallocate, number, 0, 0, 4096));
		break;
	default:
		note("w%u fsync fd%u", w, slot);
		want(&x, EINVAL, !path);
		check_result(&x, SYS(w, SYS_fsync, number));
	}
}

/* ---- GET_REGION ---- */

static void check_description(const struct msharearena_region *m, unsigned int i, unsigned int v,
			      size_t length)
{
	struct region *r = &model.region[i];
	uint32_t flags = (r->linked ? 0 : MSHAREARENA_REGION_UNLINKED) |
			 (r->view[v].writable ? 0 : MSHAREARENA_REGION_READONLY);

	if (m->flags != flags || m->addr != r->addr || m->length != r->length ||
	    m->page_size != r->page_size || m->exported != r->exported ||
	    m->attached != region_attached(i) || strcmp(m->name, r->name))
		fail("GET_REGION of r%u: flags %u addr 0x%llx length 0x%llx page 0x%llx "
		     "exported 0x%llx attached %llu name '%.64s'; "
		     "the model has flags %u exported 0x%llx attached %u",
		     i, m->flags, m->addr, m->length, m->page_size, m->exported, m->attached,
		     m->name, flags, (long long)r->exported, region_attached(i));
	if (!m->table_bytes || m->table_bytes & (SZ_4K - 1))
		fail("GET_REGION: table_bytes %llu", m->table_bytes);
	if (m->demotions < r->demotions || (m->demotions && r->page_size != SZ_1G))
		fail("GET_REGION: %llu demotions after %llu", m->demotions,
		     (long long)r->demotions);
	r->demotions = m->demotions;
	if (length < END_OF(struct msharearena_region, view))
		return;
	if (strcmp(m->view, r->view[v].name) || m->promotions < r->promotions)
		fail("GET_REGION: view '%.32s', %llu promotions after %llu", m->view,
		     m->promotions, (long long)r->promotions);
	r->promotions = m->promotions;
}

void op_describe(void)
{
	unsigned int w, slot;
	struct msharearena_region *m;
	struct want x = { 0 };
	const struct fd *f;
	struct call call;

	if (!any_fd(&w, &slot)) {
		nothing_to_do();
		return;
	}
	f = &model.worker[w].fd[slot];
	m = call_begin(&call, FD_VIEWS + (int)slot, MSHAREARENA_GET_REGION, sizeof(*m),
		       END_OF(struct msharearena_region, name), true);
	want(&x, EBADF, f->flags & O_PATH);
	note("w%u GET_REGION fd%u (r%u/%u)", w, slot, f->region, f->view);
	if (call_ioctl(w, &call, &x))
		check_description(m, f->region, f->view, m->size);
}

/* ---- commands that there are not, or not there ---- */

static bool is_command(unsigned int nr, bool control)
{
	return control ? nr <= 0x03 : nr >= 0x10 && nr <= 0x14;
}

void op_garbage(void)
{
	static const int files[] = { FD_CONTROL, FD_PIPE_OUT, FD_FILE, 2000, -1 };
	unsigned int w = any_worker(), slot = (unsigned int)rnd(FDS);
	const struct fd *f = &model.worker[w].fd[slot];
	int fd = one_in(2) ? FD_VIEWS + (int)slot : PICK(files);
	unsigned int nr = (unsigned int)(one_in(2) ? rnd(0x20) : rnd(0x100));
	uint64_t cmd = MSHAREARENA_IOC << 8 | nr, arg = one_in(2) ? SCRATCH : rnd64();
	bool none = fd < 0 || fd == 2000 || (fd >= FD_VIEWS && (!f->used || f->flags & O_PATH));
	struct want x = { 0 };

	if (one_in(3))
		cmd |= (1 + rnd(3)) << 30 | rnd(1 << 14) << 16;
	else if (is_command(nr, fd == FD_CONTROL) && (fd == FD_CONTROL || fd >= FD_VIEWS))
		cmd ^= 0x80;
	want(&x, EBADF, none);
	want(&x, ENOTTY, !none);
	note("w%u ioctl %d 0x%llx 0x%llx", w, fd, (long long)cmd, (long long)arg);
	check_result(&x, SYS(w, SYS_ioctl, fd, cmd, arg));
}
