// SPDX-License-Identifier: MIT
/* Compare what every process sees, and what the kernel reports, with the model. */
#include "fuzz.h"

#include <dirent.h>
#include <poll.h>
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

	/* The kernel frees rings and their buffers some time after their end. */
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

/* ---- memory as a process sees it ---- */

static void check_probe(unsigned int w, unsigned int i, const struct probe *p, unsigned int cell)
{
	const struct attachment *a = &model.worker[w].att[i];
	const struct region *r = &model.region[i];
	uint64_t offset = p->address - cell_offset(r->page_size, cell) - r->addr;
	enum access access = view_access(r, a->view, offset);
	const struct mem *m = region_mem(r, offset / r->page_size);
	int load = access != ACCESS_NONE ? 0 : SIGBUS;
	int store = access == ACCESS_WRITE ? 0 : SIGSEGV;

	if (p->load_signal != load || p->store_signal != store)
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

/* Nothing is mapped in the window of a region that the worker has not attached. */
static void check_absent(unsigned int w, unsigned int i)
{
	struct order o = { .work = WORK_PROBE, .length = sizeof(struct probe) };
	struct probe p = { .address = model.region[i].addr, .kind = PROBE_SAME };

	if (p.address == 190 * WINDOW || model.worker[w].squat == p.address)
		return;
	worker_call(w, &o, &p, &p, sizeof(p));
	if (p.load_signal != SIGSEGV || p.store_signal != SIGSEGV)
		fail("w%u has not attached r%u: load signal %d, store signal %d", w, i,
		     p.load_signal, p.store_signal);
}

/* Call @fn for each mapping of a worker; true as soon as @fn returns true. */
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

	if (!strstr(path, "mshare"))
		return false;
	for (unsigned int i = 0; i < REGIONS; i++) {
		const struct attachment *a = &model.worker[seen->w].att[i];

		if (!a->on || model.region[i].addr != start)
			continue;
		if (end - start != WINDOW || strcmp(perms, "r--s"))
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

/* ---- reports of the kernel ---- */

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
	snprintf(path, sizeof(path), "/sys/class/mshare/%s!%s", r->name, v->name);
	if (stat(path, &st) || !S_ISDIR(st.st_mode))
		fail("%s: %s", path, strerror(errno));
}

/* The number of entries of a directory; 0 if it does not exist. */
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

/* The file exists as long as the region lives, also after it was unlinked. */
static void check_links(const struct region *r, unsigned int attached)
{
	char path[256], line[256];
	unsigned int lines = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/sys/kernel/debug/msharearena/%llx/links",
		 (long long)r->addr);
	f = fopen(path, "re");
	if (!f)
		fail("%s: %s", path, strerror(errno));
	while (fgets(line, sizeof(line), f))
		lines++;
	fclose(f);
	if (lines != attached + 1)
		fail("%s has %u lines; the model has %u attached", path, lines, attached);
}

static unsigned int check_nodes(const struct region *r)
{
	unsigned int nodes = 0;
	char path[160];

	for (unsigned int v = 0; v < VIEWS; v++) {
		if (!r->view[v].node)
			continue;
		nodes++;
		check_node(r, &r->view[v]);
	}
	snprintf(path, sizeof(path), "/dev/mshare/%s", r->name);
	if (count_entries(path) != nodes)
		fail("%s has %u nodes; the model has %u", path, count_entries(path), nodes);
	return nodes;
}

/* The control device lists all regions, also those that were unlinked. */
static void check_list(void)
{
	struct msharearena_region m = { .size = sizeof(m) };
	int fd = open("/dev/msharearena", O_RDONLY | O_CLOEXEC);
	unsigned int i = next_region(0);

	while (!ioctl(fd, MSHAREARENA_NEXT_REGION, &m)) {
		if (i == NONE)
			fail("there is a region '%s' at 0x%llx; the model has no more", m.name,
			     m.addr);
		check_description(&m, i, NONE);
		i = next_region(m.addr);
	}
	if (errno != ENOENT || i != NONE)
		fail("NEXT_REGION ends with %s; the model has %s", strerror(errno),
		     i == NONE ? "no more" : "another region");
	close(fd);
}

/* Poll all files of a process at once. */
static void check_files(unsigned int w)
{
	struct pollfd p[FDS];
	unsigned int n = 0, at[FDS];

	for (unsigned int i = 0; i < FDS; i++) {
		const struct fd *f = &model.worker[w].fd[i];

		if (!f->used || f->flags & O_PATH)
			continue;
		at[n] = i;
		p[n++] = (struct pollfd){
			.fd = FD_VIEWS + (int)i,
			.events = POLLIN | POLLPRI | POLLOUT,
		};
	}
	if (!n)
		return;
	sys_blob(w, SYS_poll, ARGS(SCRATCH, n, 0), p, n * sizeof(p[0]), p, n * sizeof(p[0]));
	for (unsigned int i = 0; i < n; i++) {
		short want = poll_events(w, &model.worker[w].fd[at[i]]);

		if (p[i].revents != want)
			fail("poll of w%u fd%u: 0x%x; the model has 0x%x", w, at[i], p[i].revents,
			     want);
	}
	check_fdinfo(w, at[rnd(n)]);
}

void check_all(void)
{
	unsigned int regions = 0, named = 0, nodes = 0;

	for (unsigned int w = 0; w < WORKERS; w++) {
		check_process(w);
		check_files(w);
	}
	for (unsigned int i = 0; i < REGIONS; i++) {
		if (!model.region[i].live)
			continue;
		regions++;
		check_links(&model.region[i], region_attached(i));
		if (!model.region[i].linked)
			continue;
		named++;
		nodes += check_nodes(&model.region[i]);
	}
	if (count_entries("/dev/mshare") != named || count_entries("/sys/class/mshare") != nodes ||
	    count_entries("/sys/kernel/debug/msharearena") != regions)
		fail("%u directories in /dev/mshare, %u nodes in sysfs, %u directories in debugfs; "
		     "the model has %u, %u and %u",
		     count_entries("/dev/mshare"), count_entries("/sys/class/mshare"),
		     count_entries("/sys/kernel/debug/msharearena"), named, nodes, regions);
	check_list();
	check_usage();
	check_pools();
}
