// SPDX-License-Identifier: MIT
/* Processes fork, execute programs, are killed and observed, and cause storms. */
#include "fuzz.h"

#include <sys/wait.h>

/* ---- fork, exec, kill ---- */

/* A child has no region attached, and may attach one. */
void op_fork(void)
{
	unsigned int w = any_worker(), slot = (unsigned int)rnd(FDS);
	struct order o = { .work = WORK_FORK, .a = one_in(3) ? FORK_VFORK : FORK_PLAIN };
	const struct worker *k = &model.worker[w];
	const struct fd *f = &k->fd[slot];
	uint64_t gone[REGIONS], n = 0;
	const struct region *r;
	int64_t status;

	for (unsigned int i = 0; i < REGIONS; i++)
		if (k->att[i].on)
			gone[n++] = model.region[i].addr;
	o.length = (uint32_t)(n * sizeof(gone[0]));
	note("w%u %s", w, o.a == FORK_VFORK ? "vforks" : "forks");
	if (o.a == FORK_PLAIN && f->used && f->view == 0 && f->flags == O_RDWR) {
		uint64_t index;

		r = &model.region[f->region];
		if (region_pages(r) && r->addr != 190 * WINDOW &&
		    (k->squat < r->addr || k->squat >= r->addr + WINDOW) && !k->leftover) {
			note(", the child attaches r%u", f->region);
			o.a = FORK_ATTACH;
			o.b[0] = FD_VIEWS + slot;
			o.b[2] = region_nth(r, rnd(region_pages(r)), &index)->word[0];
			o.b[1] = r->addr + index * r->page_size;
		}
	}
	/* A fork copies private huge pages that are pinned, for which the pool may be empty. */
	status = worker_call(w, &o, gone, NULL, 0);
	if (status == -ENOMEM && model.used_2m + model.used_1g)
		return;
	if (status)
		fail("the child's status is %lld", (long long)status);
}

void op_exec(void)
{
	struct order o = { .work = WORK_EXEC };
	unsigned int w = any_worker();
	struct worker *k = &model.worker[w];

	note("w%u execs", w);
	if (worker_call(w, &o, NULL, NULL, 0))
		fail("exec fails");
	for (unsigned int i = 0; i < REGIONS; i++)
		worker_drop_attachment(w, i);
	for (unsigned int i = 0; i < KEPT; i++)
		kept_drop(&k->kept[i]);
	worker_drop_rings(w);
	worker_drop_cloexec(w);
	k->squat = 0;
	k->leftover = false;
	region_settle();
}

void op_kill(void)
{
	unsigned int w = any_worker();

	if (one_in(3)) {
		note("w%u ends and begins anew", w);
		worker_end(w);
	} else {
		note("w%u is killed and begins anew", w);
		worker_kill(w);
	}
	worker_start(w);
}

/* ---- observers of a process's memory ---- */

static void look_pagemap(unsigned int w, const char *path, unsigned int i)
{
	const struct region *r = &model.region[i];
	uint64_t at = r->addr + any_offset(r);
	int64_t fd = sys_path(w, SYS_open, ARGS(SCRATCH, O_RDONLY | O_CLOEXEC), path);
	struct want x = { 0 };

	check_result(&x, fd);
	x = (struct want){ 0 };
	check_result(&x, SYS(w, SYS_pread64, fd, SCRATCH, 4096, at / 4096 * 8));
	SYS(w, SYS_close, fd);
}

static void look_clear_refs(unsigned int w, const char *path)
{
	int64_t fd = sys_path(w, SYS_open, ARGS(SCRATCH, O_WRONLY | O_CLOEXEC), path);
	char what[2] = { (char)('1' + rnd(5)), '\0' };
	struct want x = { 0 };

	check_result(&x, fd);
	/* The kernel may have no soft-dirty bits. */
	want(&x, EINVAL, what[0] == '4');
	x.may_pass = true;
	note(" %s", what);
	check_result(&x, sys_blob(w, SYS_write, ARGS((uint64_t)fd, SCRATCH, 1), what, 1,
				  NULL, 0));
	SYS(w, SYS_close, fd);
}

static void look_mincore(unsigned int w, unsigned int i)
{
	const struct region *r = &model.region[i];
	uint64_t at = r->addr + any_offset(r);
	struct want x = { 0 };

	want(&x, ENOMEM, !model.worker[w].att[i].on);
	note(" mincore 0x%llx", (long long)at);
	check_result(&x, SYS(w, SYS_mincore, at, r->page_size > 16 * SZ_2M ? 16 * SZ_2M :
			     r->page_size, SCRATCH));
}

void op_look(void)
{
	static const char *const files[] = {
		"smaps", "smaps", "smaps_rollup", "numa_maps", "maps", "status", "pagemap",
		"clear_refs", "mincore",
	};
	const char *file = PICK(files);
	unsigned int w, other, i;
	struct want x = { 0 };
	char path[64];

	if (!any_attached(&other, &i)) {
		nothing_to_do();
		return;
	}
	w = one_in(3) ? other : any_root();
	note("w%u looks at w%u (r%u): %s", w, other, i, file);
	snprintf(path, sizeof(path), "/proc/%d/%s", model.worker[other].pid, file);
	if (!strcmp(file, "mincore")) {
		look_mincore(w, i);
	} else if (!strcmp(file, "pagemap")) {
		look_pagemap(w, path, i);
	} else if (!strcmp(file, "clear_refs")) {
		look_clear_refs(w, path);
	} else {
		/* A kernel without NUMA does not have the file. */
		want(&x, ENOENT, !strcmp(file, "numa_maps"));
		x.may_pass = true;
		check_result(&x, worker_read_file(w, path));
	}
}

/* ---- operations of the machine on all memory ---- */

void op_machine(void)
{
	static const char *const actions[][2] = {
		{ "/proc/sys/vm/compact_memory", "1" },
		{ "/proc/sys/vm/drop_caches", "3" },
		{ "/proc/sys/vm/stat_refresh", "1" },
		{ KSM_RUN, "1" },
		{ KSM_RUN, "2" },
		{ KSM_RUN, "0" },
		{ THP_ENABLED, "always" },
		{ THP_ENABLED, "madvise" },
	};
	unsigned int i = (unsigned int)rnd(ARRAY_LEN(actions));

	note("%s to %s", actions[i][1], actions[i][0]);
	write_file(actions[i][0], actions[i][1]);
	if (!strcmp(actions[i][0], THP_ENABLED))
		model.thp_always = !strcmp(actions[i][1], "always");
}

/* ---- storms ---- */

/**
 * struct blast - the part of one worker in a storm
 * @o: its order; @o.work is WORK_STORM if it takes part
 * @path: path for STORM_READ
 * @probes: probes for STORM_LOAD
 */
struct blast {
	struct order o;
	char path[64];
	struct probe probes[16];
};

/* Attach and detach a region that the worker has open but not attached. */
static bool blast_attach(unsigned int w, struct blast *b)
{
	const struct worker *k = &model.worker[w];

	for (unsigned int s = 0; s < FDS; s++) {
		const struct fd *f = &k->fd[s];
		const struct region *r = &model.region[f->region];
		uint64_t index;

		if (!f->used || f->flags != O_RDWR || f->view || k->att[f->region].on ||
		    !region_pages(r) || r->addr == 190 * WINDOW || k->leftover ||
		    (k->squat >= r->addr && k->squat < r->addr + WINDOW))
			continue;
		b->o.a = STORM_ATTACH;
		b->o.b[0] = FD_VIEWS + s;
		b->o.b[1] = one_in(2) ? PROT_READ : PROT_READ | PROT_WRITE;
		b->o.b[2] = 5 + rnd(30);
		b->o.b[4] = region_nth(r, rnd(region_pages(r)), &index)->word[0];
		b->o.b[3] = r->addr + index * r->page_size;
		return true;
	}
	return false;
}

static bool blast_load(unsigned int w, struct blast *b)
{
	const struct worker *k = &model.worker[w];
	unsigned int n = 0;

	for (unsigned int i = 0; i < REGIONS; i++) {
		const struct region *r = &model.region[i];

		for (int tries = 0; k->att[i].on && region_pages(r) && tries < 8 && n < 16;
		     tries++) {
			unsigned int cell = (unsigned int)rnd(CELLS);
			struct mem *m;
			uint64_t index;

			m = region_nth(r, rnd(region_pages(r)), &index);
			if (view_access(r, k->att[i].view, index * r->page_size) == ACCESS_NONE)
				continue;
			b->probes[n].address = r->addr + index * r->page_size +
					       cell_offset(r->page_size, cell);
			b->probes[n++].value = m->word[cell];
		}
	}
	b->o.a = STORM_LOAD;
	b->o.b[0] = 200 + rnd(1000);
	b->o.length = n * (uint32_t)sizeof(struct probe);
	return n;
}

static void blast_read(unsigned int w, struct blast *b)
{
	static const char *const files[] = { "smaps", "smaps_rollup", "maps" };
	unsigned int other = model.worker[w].root ? any_worker() : w;

	snprintf(b->path, sizeof(b->path), "/proc/%d/%s", model.worker[other].pid, PICK(files));
	b->o.a = STORM_READ;
	b->o.b[0] = 2 + rnd(10);
	b->o.length = sizeof(b->path);
}

static void draw_blast(unsigned int w, struct blast *b)
{
	*b = (struct blast){ .o.work = WORK_STORM };
	switch (rnd(6)) {
	case 0 ... 2:
		if (blast_attach(w, b))
			return;
		__attribute__((fallthrough));
	case 3:
		if (blast_load(w, b))
			return;
		b->o.length = 0;
		__attribute__((fallthrough));
	case 4:
		blast_read(w, b);
		return;
	default:
		b->o.a = STORM_FORK;
		b->o.b[0] = 1 + rnd(5);
	}
}

/*
 * All workers act at once. Each leaves everything as it was, so that the order makes no
 * difference to the model. One may be killed meanwhile.
 */
void op_storm(void)
{
	static const char *const names[] = { "attach", "read", "load", "fork" };
	unsigned int victim = one_in(3) ? any_worker() : NONE;
	static struct blast blast[WORKERS];
	uint64_t delay_us = rnd(20000);

	note("storm:");
	for (unsigned int w = 0; w < WORKERS; w++) {
		struct blast *b = &blast[w];

		draw_blast(w, b);
		note(" w%u %s", w, names[b->o.a]);
		/* The pool may have no room for its copies of private huge pages. */
		worker_send(w, &b->o, b->o.a == STORM_READ ? (void *)b->path : b->probes);
	}
	if (victim != NONE) {
		note(", w%u is killed", victim);
		usleep((useconds_t)delay_us);
		worker_kill(victim);
	}
	for (unsigned int w = 0; w < WORKERS; w++) {
		struct want x = { 0 };

		if (w == victim)
			continue;
		/* The file may be that of the process that was killed. */
		want(&x, ENOENT, blast[w].o.a == STORM_READ && victim != NONE);
		want(&x, ESRCH, blast[w].o.a == STORM_READ && victim != NONE);
		x.may_pass = true;
		check_result(&x, worker_wait(w, NULL, 0));
	}
	if (victim != NONE)
		worker_start(victim);
}
