// SPDX-License-Identifier: MIT
/* Loads, stores and copies, allowed and not, of a process itself and of others. */
#include "fuzz.h"

#include <linux/futex.h>
#include <signal.h>
#include <sys/uio.h>

/* ---- by instructions ---- */

static struct probe probe_one(unsigned int w, uint64_t address, enum probe_kind kind,
			      uint64_t value)
{
	struct order o = { .work = WORK_PROBE, .length = sizeof(struct probe) };
	struct probe p = { .address = address, .kind = (int16_t)kind, .value = value };

	worker_call(w, &o, &p, &p, sizeof(p));
	return p;
}

/* A store through a donor's mapping is a store into the region. */
static void touch_donor(void)
{
	unsigned int w = any_worker(), cell = (unsigned int)rnd(CELLS);
	struct kept *k = &model.worker[w].kept[rnd(KEPT)];
	struct probe p;
	uint64_t page;

	if (!k->used) {
		nothing_to_do();
		return;
	}
	page = rnd(k->n);
	note("w%u stores to its donor's page %llu of 0x%llx, cell %u", w, (long long)page,
	     (long long)k->addr, cell);
	p = probe_one(w, k->addr + page * k->page_size + cell_offset(k->page_size, cell),
		      PROBE_STORE, op_value());
	if (p.store_signal)
		fail("signal %d", p.store_signal);
	k->mem[page]->word[cell] = p.value;
}

void op_touch(void)
{
	unsigned int w, i, cell = (unsigned int)rnd(CELLS);
	const struct attachment *a;
	enum access access;
	struct region *r;
	struct probe p;
	uint64_t offset;

	if (one_in(6) || !any_attached(&w, &i)) {
		touch_donor();
		return;
	}
	a = &model.worker[w].att[i];
	r = &model.region[i];
	offset = any_offset(r);
	access = view_access(r, a->view, offset);
	note("w%u stores to r%u 0x%llx cell %u", w, i, (long long)offset, cell);
	p = probe_one(w, r->addr + offset + cell_offset(r->page_size, cell), PROBE_STORE,
		      op_value());
	if (p.store_signal != (access == ACCESS_WRITE ? 0 : SIGSEGV))
		fail("signal %d", p.store_signal);
	if (access == ACCESS_WRITE)
		region_mem(r, offset / r->page_size)->word[cell] = p.value;
}

/* ---- by the kernel on behalf of the process ---- */

void op_copy(void)
{
	unsigned int w, i, cell = (unsigned int)rnd(CELLS);
	uint64_t value = op_value(), offset, at;
	bool in = one_in(2);
	enum access access;
	struct want x = { 0 };
	struct region *r;
	struct mem *m;

	if (!any_attached(&w, &i)) {
		nothing_to_do();
		return;
	}
	r = &model.region[i];
	offset = any_offset(r);
	at = r->addr + offset + cell_offset(r->page_size, cell);
	access = view_access(r, model.worker[w].att[i].view, offset);
	m = region_mem(r, offset / r->page_size);
	want(&x, EFAULT, access == ACCESS_NONE || (in && access != ACCESS_WRITE));
	note("w%u file %s r%u 0x%llx cell %u", w, in ? "into" : "out of", i, (long long)offset,
	     cell);
	if (in) {
		sys_blob(w, SYS_pwrite64, ARGS(FD_FILE, SCRATCH, 8, 64), &value, 8,
			 NULL, 0);
		if (check_result(&x, SYS(w, SYS_pread64, FD_FILE, at, 8, 64)))
			m->word[cell] = value;
		return;
	}
	if (!check_result(&x, SYS(w, SYS_pwrite64, FD_FILE, at, 8, 64)))
		return;
	sys_blob(w, SYS_pread64, ARGS(FD_FILE, SCRATCH, 8, 64), NULL, 0, &value, 8);
	if (value != m->word[cell])
		fail("the file has 0x%llx, not 0x%llx", (long long)value,
		     (long long)m->word[cell]);
}

/* ---- by other processes ---- */

/* True if @w may trace @other: root or the same user. */
static bool may_trace(unsigned int w, unsigned int other)
{
	return model.worker[w].root ||
	       (model.worker[w].uid == model.worker[other].uid &&
		model.worker[w].gid == model.worker[other].gid);
}

static void by_process_vm(unsigned int w, unsigned int other, uint64_t at, bool write,
			  struct want *x)
{
	struct {
		struct iovec local, remote;
		uint64_t value;
	} a = {
		.local = { (void *)(SCRATCH + offsetof(typeof(a), value)), 8 },
		.remote = { (void *)at, 8 },
	};

	want(x, EPERM, !may_trace(w, other));
	want(x, EFAULT, true);
	want(x, ENOSYS, true);
	check_result(x, sys_blob(w, write ? SYS_process_vm_writev : SYS_process_vm_readv,
				 ARGS((uint64_t)model.worker[other].pid, SCRATCH, 1,
				      SCRATCH + offsetof(typeof(a), remote), 1),
				 &a, sizeof(a), NULL, 0));
}

/* By /proc/PID/mem a debugger may do what the process may. */
static void by_proc_mem(unsigned int w, unsigned int other, uint64_t at, bool write,
			enum access access, uint64_t *word)
{
	bool may = access == ACCESS_WRITE || (!write && access == ACCESS_READ);
	uint64_t value = op_value();
	struct want x = { 0 };
	char path[32];
	int64_t fd;

	snprintf(path, sizeof(path), "/proc/%d/mem", model.worker[other].pid);
	want(&x, EACCES, !may_trace(w, other));
	want(&x, EPERM, !may_trace(w, other));
	fd = sys_path(w, SYS_open, ARGS(SCRATCH, O_RDWR | O_CLOEXEC), path);
	if (!check_result(&x, fd))
		return;
	want(&x, EIO, !may);
	want(&x, EFAULT, !may);
	if (check_result(&x, sys_blob(w, write ? SYS_pwrite64 : SYS_pread64,
				      ARGS((uint64_t)fd, SCRATCH, 8, at), &value, 8,
				      &value, 8))) {
		if (write)
			*word = value;
		else if (value != *word)
			fail("/proc/PID/mem has 0x%llx, not 0x%llx", (long long)value,
			     (long long)*word);
	}
	SYS(w, SYS_close, fd);
}

void op_foreign(void)
{
	unsigned int w = any_worker(), other, i, cell = (unsigned int)rnd(CELLS);
	bool write = one_in(2);
	struct want x = { 0 };
	struct region *r;
	uint64_t offset, at;
	struct mem *m;

	if (!any_attached(&other, &i)) {
		nothing_to_do();
		return;
	}
	r = &model.region[i];
	offset = any_offset(r);
	at = r->addr + offset + cell_offset(r->page_size, cell);
	m = region_mem(r, offset / r->page_size);
	if (one_in(2)) {
		note("w%u process_vm_%s w%u's r%u 0x%llx", w, write ? "writev" : "readv", other, i,
		     (long long)offset);
		by_process_vm(w, other, at, write, &x);
	} else {
		note("w%u %s /proc/PID/mem of w%u's r%u 0x%llx", w, write ? "writes" : "reads",
		     other, i, (long long)offset);
		by_proc_mem(w, other, at, write,
			    view_access(r, model.worker[other].att[i].view, offset),
			    m ? &m->word[cell] : NULL);
	}
}

/* No process waits, but the kernel looks up the page of the futex. */
void op_futex(void)
{
	unsigned int w, i, cell = (unsigned int)rnd(CELLS);
	struct want x = { 0 };
	struct region *r;
	bool wait = one_in(2);
	uint64_t offset, at;
	struct mem *m;

	if (!any_attached(&w, &i)) {
		nothing_to_do();
		return;
	}
	r = &model.region[i];
	offset = any_offset(r);
	at = r->addr + offset + cell_offset(r->page_size, cell);
	m = region_mem(r, offset / r->page_size);
	if (view_access(r, model.worker[w].att[i].view, offset) == ACCESS_NONE)
		m = NULL;
	want(&x, EFAULT, true);
	want(&x, EAGAIN, wait && m);
	x.may_pass = !wait && m;
	note("w%u futex %s r%u 0x%llx", w, wait ? "wait" : "wake", i, (long long)offset);
	check_result(&x, SYS(w, SYS_futex, at, wait ? FUTEX_WAIT : FUTEX_WAKE,
			     wait && m ? (uint32_t)m->word[cell] + 1 : 1, 0, 0, 0));
}
