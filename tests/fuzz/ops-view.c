// SPDX-License-Identifier: MIT
/* Nodes and files of views are opened, duplicated, read and polled. */
#include "fuzz.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/stat.h>

/* The errors of opening a view: from the permissions of the node, then of the view. */
static void want_open(unsigned int w, const struct view *v, int flags, struct want *x)
{
	want(x, EACCES, !worker_may_open(&model.worker[w], v, flags));
	want(x, EACCES, !(flags & O_PATH) && (flags & O_ACCMODE) != O_RDONLY && !v->writable);
}

void place_fd(unsigned int w, unsigned int slot, int64_t number, const struct fd *what)
{
	struct fd *f = &model.worker[w].fd[slot];

	if (SYS(w, SYS_dup3, number, FD_VIEWS + slot, what->cloexec ? O_CLOEXEC : 0) !=
	    FD_VIEWS + slot)
		fail("dup3 does not work");
	SYS(w, SYS_close, number);
	*f = *what;
	f->used = true;
	f->file = ++model.serial;
}

static void place_opened(unsigned int w, unsigned int slot, int64_t number, unsigned int region,
			 unsigned int view, int flags)
{
	struct fd what = {
		.region = region,
		.view = view,
		.flags = flags & (O_ACCMODE | O_PATH),
		.cloexec = flags & O_CLOEXEC,
		.node = true,
	};

	place_fd(w, slot, number, &what);
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
		 model.region[i].view[v].node ? model.region[i].view[v].name : "none");
	/* Another region may have the name by now. */
	r = region_by_name(model.region[i].name);
	if (r && r != &model.region[i]) {
		nothing_to_do();
		return;
	}
	want(&x, ENOENT, !r || !r->view[v].node);
	if (r && r->view[v].node)
		want_open(w, &r->view[v], flags, &x);
	note("w%u open %s flags=0x%x -> fd%u", w, path, flags, slot);
	ret = sys_path(w, SYS_openat, ARGS((uint64_t)AT_FDCWD, SCRATCH, (uint64_t)flags),
		       path);
	if (check_result(&x, ret))
		place_opened(w, slot, ret, i, v, flags);
}

/*
 * Open a node again through a descriptor of it. This works as long as the node exists; a
 * later region with its device number must not be opened. A file without a node cannot be
 * opened again.
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
	want(&x, ENXIO, !r->linked || !f->node);
	/* devtmpfs clears the permissions of a node that it removes. */
	want(&x, EACCES, (!r->linked || !f->node) && !model.worker[w].root);
	want_open(w, &r->view[f->view], flags, &x);
	snprintf(path, sizeof(path), "/proc/self/fd/%u", FD_VIEWS + old);
	note("w%u reopen fd%u (r%u/%s) flags=0x%x -> fd%u", w, old, f->region,
	     r->view[f->view].name, flags, slot);
	ret = sys_path(w, SYS_openat, ARGS((uint64_t)AT_FDCWD, SCRATCH, (uint64_t)flags),
		       path);
	if (check_result(&x, ret))
		place_opened(w, slot, ret, f->region, f->view, flags);
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

/* Send a file to another process; permissions were checked by open(). */
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

/* ---- read(2), and calls that a view does not support ---- */

static void read_view(unsigned int w, unsigned int slot)
{
	static const uint64_t lengths[] = { 16, 16, 16, 4096, 15, 8, 0, 1 };
	const struct fd *f = &model.worker[w].fd[slot];
	const struct region *r = &model.region[f->region];
	uint64_t length = PICK(lengths), to = one_in(8) ? SCRATCH + SCRATCH_SIZE : SCRATCH;
	uint64_t words[2] = { r->addr, r->length }, left = sizeof(words) - f->pos;
	unsigned char got[sizeof(words)] = { 0 };
	struct want x = { 0 };
	int64_t ret;

	if (left > length)
		left = length;
	want(&x, EBADF, f->flags & O_PATH || (f->flags & O_ACCMODE) == O_WRONLY);
	want(&x, EFAULT, to != SCRATCH && left);
	note("w%u read fd%u into 0x%llx, %llu bytes from %llu on", w, slot, (long long)to,
	     (long long)length, (long long)f->pos);
	ret = sys_blob(w, SYS_read, ARGS(FD_VIEWS + slot, to, length), NULL, 0, got, sizeof(got));
	if (!check_result(&x, ret))
		return;
	if (ret != (int64_t)left || memcmp(got, (char *)words + f->pos, left))
		fail("read gives %lld bytes, or others than it should", (long long)ret);
	file_moved(f->file, f->pos + left);
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
		/* pread() does not use the file's position. */
		note("w%u pread fd%u", w, slot);
		want(&x, ESPIPE, !path);
		check_result(&x, SYS(w, SYS_pread64, number, SCRATCH, 16, 0));
		break;
	case 3:
		note("w%u ftruncate fd%u", w, slot);
		want(&x, EINVAL, !path);
		want(&x, EOPNOTSUPP, !path);
		check_result(&x, SYS(w, SYS_ftruncate, number, 0));
		break;
	case 4:
		note("w%u fallocate fd%u", w, slot);
		want(&x, ENODEV, !path);
		want(&x, ESPIPE, !path);
		want(&x, EOPNOTSUPP, !path);
		check_result(&x, SYS(w, SYS_fallocate, number, 0, 0, 4096));
		break;
	default:
		note("w%u fsync fd%u", w, slot);
		want(&x, EINVAL, !path);
		check_result(&x, SYS(w, SYS_fsync, number));
	}
}

/* ---- poll(2) ---- */

#define ASKED	(POLLIN | POLLPRI | POLLOUT | POLLRDHUP)

short poll_events(unsigned int w, const struct fd *f)
{
	const struct region *r = &model.region[f->region];
	short events = r->linked ? 0 : POLLPRI;

	for (unsigned int i = 0; i < PUBLISHED && is_writable(f); i++) {
		const struct published *p = &model.published[i];

		if (p->used && p->region == f->region && (p->to == ANYBODY || p->to == w))
			events |= POLLIN;
	}
	return events;
}

void op_poll(void)
{
	unsigned int w, slot;
	const struct fd *f;
	struct pollfd p;
	short events;
	int64_t ret;

	if (!any_fd(&w, &slot)) {
		nothing_to_do();
		return;
	}
	f = &model.worker[w].fd[slot];
	p = (struct pollfd){ .fd = FD_VIEWS + (int)slot, .events = ASKED };
	events = f->flags & O_PATH ? POLLNVAL : poll_events(w, f);
	note("w%u poll fd%u (r%u/%u)", w, slot, f->region, f->view);
	ret = sys_blob(w, SYS_poll, ARGS(SCRATCH, 1, 0), &p, sizeof(p), &p, sizeof(p));
	note(" 0x%x", p.revents);
	check_result(&(struct want){ 0 }, ret);
	if (p.revents != events || ret != !!events)
		fail("poll of w%u fd%u: %lld, events 0x%x; the model has 0x%x", w, slot,
		     (long long)ret, p.revents, events);
}

enum how {
	BY_POLL,
	BY_RING,	/* a request of an io_uring */
	BY_EPOLL,	/* an epoll that reports changes only */
};

/* A worker waits for an action of another one. */
struct wait {
	unsigned int w;		/* the worker that waits */
	const struct fd *f;
	int fd;
	enum how how;
	int epoll;		/* the descriptor of its epoll */
	short events;		/* the events that it waits for */
};

static int64_t look_at_epoll(const struct wait *t, short *events, int timeout)
{
	struct epoll_event e = { 0 };
	int64_t ret = sys_blob(t->w, SYS_epoll_wait,
			       ARGS((uint64_t)t->epoll, SCRATCH, 1, (uint64_t)timeout), NULL, 0,
			       &e, sizeof(e));

	*events = ret > 0 ? (short)e.events : 0;
	return ret;
}

static void wait_begin(struct wait *t)
{
	struct order o = {
		.work = WORK_POLL,
		.a = t->fd,
		.b = { (uint64_t)t->events, t->how == BY_RING },
	};
	struct epoll_event e = { .events = (uint32_t)t->events | EPOLLET };
	short events;

	if (t->how != BY_EPOLL) {
		worker_send(t->w, &o, NULL);
		/* Mostly the worker sleeps after that time. */
		usleep((useconds_t)rnd(3000));
		return;
	}
	check_result(&(struct want){ 0 },
		     sys_blob(t->w, SYS_epoll_ctl,
			      ARGS((uint64_t)t->epoll, EPOLL_CTL_ADD, (uint64_t)t->fd, SCRATCH),
			      &e, sizeof(e), NULL, 0));
	/* The epoll reports existing events once. */
	look_at_epoll(t, &events, 0);
	if (events != (poll_events(t->w, t->f) & t->events))
		fail("an epoll begins with 0x%x", events);
	if (look_at_epoll(t, &events, 0))
		fail("an edge-triggered epoll tells 0x%x twice", events);
}

/* The wait must end now. */
static void wait_end(const struct wait *t)
{
	short events = poll_events(t->w, t->f) & t->events, got;
	int64_t ret;

	if (t->how == BY_EPOLL) {
		ret = look_at_epoll(t, &got, 0) ? got : 0;
		SYS(t->w, SYS_close, t->epoll);
	} else {
		ret = worker_wait(t->w, NULL, 0);
	}
	if (ret != events || !events)
		fail("w%u waited and got %lld; the model has %d", t->w, (long long)ret, events);
}

/* Draw a file and an action of another worker that ends the wait on it. */
static bool draw_wait(struct wait *t, struct deed *d)
{
	unsigned int first = (unsigned int)rnd(WORKERS * FDS);

	for (unsigned int i = 0; i < WORKERS * FDS; i++) {
		unsigned int at = (first + i) % (WORKERS * FDS);

		t->w = at / FDS;
		t->f = &model.worker[t->w].fd[at % FDS];
		t->fd = FD_VIEWS + (int)(at % FDS);
		t->events = POLLIN | POLLPRI;
		if (t->f->used && !(t->f->flags & O_PATH) && draw_deed(d, t->w, t->f))
			return true;
	}
	return false;
}

void op_wait(void)
{
	static const char *const names[] = { "poll", "io_uring", "epoll" };
	struct wait t;
	struct deed d;

	if (!draw_wait(&t, &d)) {
		nothing_to_do();
		return;
	}
	/* Existing events would end the other kinds of waits at once. */
	t.how = poll_events(t.w, t.f) ? BY_EPOLL : rnd(3);
	if (t.how == BY_EPOLL)
		t.epoll = (int)SYS(t.w, SYS_epoll_create1, EPOLL_CLOEXEC);
	note("w%u waits for fd%d (r%u/%u) by %s,", t.w, t.fd - FD_VIEWS, t.f->region, t.f->view,
	     names[t.how]);
	wait_begin(&t);
	do_deed(&d);
	wait_end(&t);
}

/* ---- GET_REGION, and fdinfo ---- */

void check_description(const struct msharearena_region *m, unsigned int i, unsigned int v)
{
	struct region *r = &model.region[i];
	bool readonly = v != NONE && !r->view[v].writable;
	uint32_t status = (r->linked ? 0 : MSHAREARENA_REGION_UNLINKED) |
			  (readonly ? MSHAREARENA_REGION_READONLY : 0);

	if (m->flags || m->status != status || m->addr != r->addr || m->length != r->length ||
	    m->page_size != r->page_size || m->exported != r->exported || m->uid != r->uid ||
	    m->attached != region_attached(i) || strcmp(m->name, r->name))
		fail("r%u: flags %u status %u addr 0x%llx length 0x%llx page 0x%llx "
		     "exported 0x%llx attached %llu uid %u name '%.64s'; "
		     "the model has status %u addr 0x%llx exported 0x%llx attached %u uid %u '%s'",
		     i, m->flags, m->status, m->addr, m->length, m->page_size, m->exported,
		     m->attached, m->uid, m->name, status, (long long)r->addr,
		     (long long)r->exported, region_attached(i), r->uid, r->name);
	if (!m->table_bytes || m->table_bytes & (SZ_4K - 1))
		fail("r%u: table_bytes %llu", i, m->table_bytes);
	if (m->demotions < r->demotions || m->promotions < r->promotions ||
	    ((m->demotions || m->promotions) && r->page_size != SZ_1G))
		fail("r%u: %llu demotions after %llu, %llu promotions after %llu", i, m->demotions,
		     (long long)r->demotions, m->promotions, (long long)r->promotions);
	r->demotions = m->demotions;
	r->promotions = m->promotions;
	if (strcmp(m->view, v == NONE ? "" : r->view[v].name))
		fail("r%u: view '%.32s'", i, m->view);
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
		       END_OF(struct msharearena_region, view), true);
	/* What the call before left there. */
	memset(&m->addr, (int)rnd(256), sizeof(*m) - offsetof(struct msharearena_region, addr));
	want(&x, EBADF, f->flags & O_PATH);
	note("w%u GET_REGION fd%u (r%u/%u)", w, slot, f->region, f->view);
	if (call_ioctl(w, &call, &x))
		check_description(m, f->region, f->view);
}

/* Find the value of a line in fdinfo. */
static const char *find_line(const char *text, const char *key)
{
	const char *at = strstr(text, key);

	if (!at || (at != text && at[-1] != '\n') || at[strlen(key)] != ':')
		fail("fdinfo has no line %s:\n%s", key, text);
	at += strlen(key) + 1;
	return at + strspn(at, " \t");
}

static void check_number(const char *text, const char *key, int base, uint64_t want)
{
	const char *at = find_line(text, key);

	if (strtoull(at, NULL, base) != want)
		fail("fdinfo has %s %.*s; the model has %llu", key, (int)strcspn(at, "\n"), at,
		     (long long)want);
}

static void check_string(const char *text, const char *key, const char *want)
{
	const char *at = find_line(text, key);
	size_t length = strcspn(at, "\n");

	if (length != strlen(want) || strncmp(at, want, length))
		fail("fdinfo has %s '%.*s'; the model has '%s'", key, (int)length, at, want);
}

void check_fdinfo(unsigned int w, unsigned int slot)
{
	const struct fd *f = &model.worker[w].fd[slot];
	const struct region *r = &model.region[f->region];
	char path[64], text[1024];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%u", model.worker[w].pid, FD_VIEWS + slot);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		fail("%s: %s", path, strerror(errno));
	text[n] = '\0';
	if (f->flags & O_PATH) {
		if (strstr(text, "mshare_"))
			fail("%s of an O_PATH file:\n%s", path, text);
		return;
	}
	check_string(text, "mshare_region", r->name);
	check_string(text, "mshare_view", r->view[f->view].name);
	check_number(text, "mshare_addr", 16, r->addr);
	check_number(text, "mshare_exported", 0, r->exported);
	check_number(text, "mshare_attached", 0, region_attached(f->region));
	check_number(text, "mshare_unlinked", 0, !r->linked);
	check_number(text, "pos", 0, f->pos);
}

void op_fdinfo(void)
{
	unsigned int w, slot;

	if (!any_fd(&w, &slot)) {
		nothing_to_do();
		return;
	}
	note("fdinfo of w%u fd%u", w, slot);
	check_fdinfo(w, slot);
}

/* ---- commands that do not exist, or not on this file ---- */

static bool is_command(unsigned int nr, bool control)
{
	return control ? nr >= 0x20 && nr <= 0x22 : nr >= 0x30 && nr <= 0x37;
}

void op_garbage(void)
{
	static const int files[] = { FD_CONTROL, FD_PIPE_OUT, FD_FILE, 2000, -1 };
	unsigned int w = any_worker(), slot = (unsigned int)rnd(FDS);
	const struct fd *f = &model.worker[w].fd[slot];
	int fd = one_in(2) ? FD_VIEWS + (int)slot : PICK(files);
	unsigned int nr = (unsigned int)(one_in(2) ? rnd(0x40) : rnd(0x100));
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
