// SPDX-License-Identifier: MIT
/* What every process sees, and what the kernel says of it, against the model. */
#include "fuzz.h"

#include <dirent.h>
#include <signal.h>
#include <sys/stat.h>

int64_t read_number(const char *path)
{
	FILE *f = fopen(path, "re");
	long long v = -1;

	if (!f)
		return -1;
	if (fscanf(f, "%lli", &v) != 1)
		v = -1;
	fclose(f);
	return v;
}

void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (write(fd, text, strlen(text)) < 0)
		note(" (%s)", strerror(errno));
	close(fd);
}

/* ---- the pools ---- */

static int64_t pool_free(uint64_t size)
{
	char path[96];

	snprintf(path, sizeof(path), "/sys/kernel/mm/hugepages/hugepages-%llukB/free_hugepages",
		 (unsigned long long)size >> 10);
	return read_number(path);
}

void check_pools(void)
{
	int64_t end = now_ms() + 10000, want_2m = model.pool_2m - model.used_2m;
	int64_t want_1g = model.pool_1g - model.used_1g;

	/* The kernel ends rings, and what they hold, in its own time. */
	while (pool_free(SZ_2M) != want_2m || pool_free(SZ_1G) != want_1g) {
		if (now_ms() > end)
			fail("free huge pages: %lld of 2M, %lld of 1G; the model has %lld and %lld",
			     (long long)pool_free(SZ_2M), (long long)pool_free(SZ_1G),
			     (long long)want_2m, (long long)want_1g);
		usleep(2000);
	}
}

int64_t module_users(void)
{
	FILE *f = fopen("/proc/modules", "re");
	char line[256];
	long long users = -1;

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "msharearena %*u %lld", &users) == 1)
			break;
	if (f)
		fclose(f);
	return users;
}

/* ---- what a process sees ---- */

static void check_probe(unsigned int w, unsigned int i, const struct probe *p, unsigned int cell)
{
	const struct attachment *a = &model.worker[w].att[i];
	const struct region *r = &model.region[i];
	uint64_t offset = p->address - cell_offset(r->page_size, cell) - r->addr;
	enum access access = view_access(r, a->view, offset);
	const struct mem *m = region_mem(r, offset / r->page_size);
	int load = access != ACCESS_NONE ? 0 : SIGBUS;
	int store = access == ACCESS_WRITE ? 0 : SIGSEGV;

	if (!(p->load_signal == load || (load && a->odd && p->load_signal == SIGSEGV)) ||
	    p->store_signal != store)
		fail("w%u at r%u (%s) 0x%llx: load signal %d, store signal %d; want %d, %d", w, i,
		     r->view[a->view].name, (long long)offset, p->load_signal, p->store_signal,
		     load, store);
	if (!load && p->value != m->word[cell])
		fail("w%u at r%u (%s) 0x%llx cell %u: 0x%llx; the model has 0x%llx", w, i,
		     r->view[a->view].name, (long long)offset, cell, (long long)p->value,
		     (long long)m->word[cell]);
}

void check_worker(unsigned int w, unsigned int i, unsigned int n)
{
	struct order o = { .work = WORK_PROBE };
	const struct region *r = &model.region[i];
	struct probe p[64] = { 0 };

	for (unsigned int j = 0; j < n && j < ARRAY_LEN(p); j++) {
		p[j].kind = PROBE_SAME;
		p[j].tag = (int16_t)rnd(CELLS);
		p[j].address = r->addr + any_offset(r) +
			       cell_offset(r->page_size, (unsigned int)p[j].tag);
		o.length += sizeof(p[0]);
	}
	worker_call(w, &o, p, p, sizeof(p));
	for (unsigned int j = 0; j < o.length / sizeof(p[0]); j++)
		check_probe(w, i, &p[j], (unsigned int)p[j].tag);
}

/* Where it is not attached there is nothing. */
static void check_absent(unsigned int w, unsigned int i)
{
	struct order o = { .work = WORK_PROBE, .length = sizeof(struct probe) };
	struct probe p = { .address = model.region[i].addr, .kind = PROBE_SAME };

	if (p.address == 190 * SLOT || model.worker[w].squat == p.address)
		return;
	worker_call(w, &o, &p, &p, sizeof(p));
	if (p.load_signal != SIGSEGV || p.store_signal != SIGSEGV)
		fail("w%u has not attached r%u: load signal %d, store signal %d", w, i,
		     p.load_signal, p.store_signal);
}

/* Calls @fn for each mapping of a worker's; true as soon as that is. */
static bool any_mapping(unsigned int w,
			bool (*fn)(uint64_t start, uint64_t end, const char *perms,
				   const char *path, void *arg),
			void *arg)
{
	char line[512], perms[8], path[256];
	unsigned long long start, end;
	bool found = false;
	FILE *f;

	snprintf(line, sizeof(line), "/proc/%d/maps", model.worker[w].pid);
	f = fopen(line, "re");
	if (!f)
		fail("%s: %s", line, strerror(errno));
	while (!found && fgets(line, sizeof(line), f)) {
		path[0] = '\0';
		if (sscanf(line, "%llx-%llx %7s %*x %*s %*u %255s", &start, &end, perms, path) >= 3)
			found = fn(start, end, perms, path, arg);
	}
	fclose(f);
	return found;
}

static bool mapping_covers(uint64_t start, uint64_t end, const char *perms, const char *path,
			   void *arg)
{
	uint64_t addr = *(uint64_t *)arg;

	(void)perms;
	(void)path;
	return addr >= start && addr < end;
}

bool is_mapped(unsigned int w, uint64_t addr)
{
	return any_mapping(w, mapping_covers, &addr);
}

struct seen {
	unsigned int w, n;
};

static bool mapping_is_known(uint64_t start, uint64_t end, const char *perms, const char *path,
			     void *arg)
{
	struct seen *seen = arg;

	if (strncmp(path, "/dev/mshare/", 12))
		return false;
	for (unsigned int i = 0; i < REGIONS; i++) {
		const struct attachment *a = &model.worker[seen->w].att[i];

		if (!a->on || model.region[i].addr != start)
			continue;
		if (end - start != SLOT || strcmp(perms, a->odd ? "---s" : "r--s"))
			fail("w%u maps r%u as %s, 0x%llx bytes", seen->w, i, perms,
			     (long long)(end - start));
		seen->n++;
		return false;
	}
	fail("w%u maps %s at 0x%llx, which the model does not know", seen->w, path,
	     (long long)start);
}

static void check_process(unsigned int w)
{
	struct seen seen = { .w = w };
	unsigned int n = 0;

	for (unsigned int i = 0; i < REGIONS; i++) {
		if (!model.region[i].live)
			continue;
		if (model.worker[w].att[i].on)
			check_worker(w, i, 12);
		else
			check_absent(w, i);
		n += model.worker[w].att[i].on;
	}
	any_mapping(w, mapping_is_known, &seen);
	if (seen.n != n)
		fail("w%u has %u mappings of regions; the model has %u", w, seen.n, n);
}

/* ---- what the kernel says ---- */

static void check_attribute(const struct region *r, const char *view, const char *name,
			    uint64_t want)
{
	char path[256];
	int64_t got;

	snprintf(path, sizeof(path), "/sys/class/mshare/%s!%s/%s", r->name, view, name);
	got = read_number(path);
	if (got != (int64_t)want)
		fail("%s: %lld; the model has %lld", path, (long long)got, (long long)want);
}

static void check_node(const struct region *r, const struct view *v)
{
	struct stat st;
	char path[256];

	snprintf(path, sizeof(path), "/dev/mshare/%s/%s", r->name, v->name);
	if (stat(path, &st))
		fail("%s: %s", path, strerror(errno));
	if (st.st_mode != (S_IFCHR | v->mode) || st.st_uid != v->uid || st.st_gid != v->gid)
		fail("%s: mode 0%o, owner %u:%u; the model has 0%o, %u:%u", path, st.st_mode,
		     st.st_uid, st.st_gid, S_IFCHR | v->mode, v->uid, v->gid);
}

/* How many entries a directory has; 0 if there is none. */
static unsigned int count_entries(const char *path)
{
	DIR *d = opendir(path);
	unsigned int n = 0;
	struct dirent *e;

	while (d && (e = readdir(d)))
		n += e->d_name[0] != '.';
	if (d)
		closedir(d);
	return n;
}

static void check_links(const struct region *r, unsigned int attached)
{
	char path[256], line[256];
	unsigned int lines = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/sys/kernel/debug/msharearena/%s/links", r->name);
	f = fopen(path, "re");
	if (!f)
		fail("%s: %s", path, strerror(errno));
	while (fgets(line, sizeof(line), f))
		lines++;
	fclose(f);
	if (lines != attached + 1)
		fail("%s has %u lines; the model has %u attached", path, lines, attached);
}

static unsigned int check_region(unsigned int i)
{
	const struct region *r = &model.region[i];
	unsigned int nodes = 0;
	char path[160];

	for (unsigned int v = 0; v < VIEWS; v++) {
		if (!r->view[v].used)
			continue;
		nodes++;
		check_node(r, &r->view[v]);
		check_attribute(r, r->view[v].name, "attached", region_attached(i));
	}
	check_attribute(r, "rw", "start", r->addr);
	check_attribute(r, "rw", "size", r->length);
	check_attribute(r, "ro", "page_size", r->page_size);
	check_attribute(r, "ro", "exported", r->exported);
	check_links(r, region_attached(i));
	snprintf(path, sizeof(path), "/dev/mshare/%s", r->name);
	if (count_entries(path) != nodes)
		fail("%s has %u nodes; the model has %u", path, count_entries(path), nodes);
	return nodes;
}

void check_all(void)
{
	unsigned int regions = 0, nodes = 0;

	for (unsigned int w = 0; w < WORKERS; w++)
		check_process(w);
	for (unsigned int i = 0; i < REGIONS; i++) {
		if (!model.region[i].live || !model.region[i].linked)
			continue;
		nodes += check_region(i);
		regions++;
	}
	if (count_entries("/dev/mshare") != regions ||
	    count_entries("/sys/class/mshare") != nodes)
		fail("%u directories in /dev/mshare, %u nodes in sysfs; the model has %u and %u",
		     count_entries("/dev/mshare"), count_entries("/sys/class/mshare"), regions,
		     nodes);
	check_usage();
	check_pools();
}
