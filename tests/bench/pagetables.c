// SPDX-License-Identifier: MIT
/*
 * Measures the page tables, the time and the faults of many processes that map the same memory:
 * regions of the module, and the kernel's own kinds of shared memory. Writes CSV to stdout, one
 * line for each crowd of processes, and its progress to stderr. It must run as root on an idle
 * machine, because it reads the page tables of the whole machine.
 * tests/bench/pagetables-guest.sh prepares one.
 *
 *   own_bytes     page tables that came when the memory was made and populated, before any
 *                 process of the crowd mapped it (for memory that is no region, those of
 *                 one more process, which populated it)
 *   attach_bytes  page tables that came when the crowd mapped the memory
 *   left_bytes    the part of attach_bytes that is left after the crowd has unmapped it
 *   vmpte_bytes   the sum of the increase of VmPTE in each process
 *   table_bytes   page tables that the region reports
 *   huge_bytes    bytes that one process has mapped by huge entries (ShmemPmdMapped)
 *   map, touch, all, again, unmap
 *                 times in ns over the crowd: mmap(2), an access to every page, both, a
 *                 second pass with stores, munmap(2)
 *   minflt        page faults of map and touch together, over the crowd
 *   again_faults  the most page faults that a process had in the second pass
 */
#include "crowd.h"

static uint64_t began;

__attribute__((format(printf, 1, 2)))
static void progress(const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "[%4ds] ", (int)((now() - began) / 1000000000));
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\n");
}

/* ---- the kernel's own figures ---- */

/* The number after KEY in a file of lines "KEY  number"; -1 if there is none. */
static long file_field(const char *path, const char *key)
{
	FILE *f = fopen(path, "re");
	size_t length = strlen(key);
	char line[256];
	long v = -1;

	if (!f)
		return -1;
	while (v < 0 && fgets(line, sizeof(line), f))
		if (!strncmp(line, key, length))
			v = strtol(line + length, NULL, 10);
	fclose(f);
	return v;
}

/* Bytes of the whole machine. The counter is kept per CPU, so it must be added up first. */
static long page_tables(void)
{
	long kb;

	read_long("/proc/sys/vm/stat_refresh");
	kb = file_field("/proc/meminfo", "PageTables:");
	if (kb < 0)
		bail("/proc/meminfo has no PageTables");
	return kb * 1024;
}

static long crowd_vmpte(const struct crowd *c)
{
	char path[64];
	long sum = 0;

	for (int i = 0; i < c->n; i++) {
		snprintf(path, sizeof(path), "/proc/%d/status", c->pids[i]);
		sum += file_field(path, "VmPTE:") * 1024;
	}
	return sum;
}

/*
 * ShmemPmdMapped of the memory in the last process. It is not read for regions, because reading
 * smaps splits their 1 GiB entries.
 */
static long huge_mapped(const struct crowd *c, const struct memory *m)
{
	bool here = false;
	char text[256];
	long kb = 0;
	FILE *f;

	if (m->kind->type != SHMEM && m->kind->type != SHMEM_HUGE)
		return 0;
	snprintf(text, sizeof(text), "/proc/%d/smaps", c->pids[c->n - 1]);
	f = fopen(text, "re");
	if (!f)
		bail("%s: %s", text, strerror(errno));
	while (fgets(text, sizeof(text), f)) {
		if (text[0] >= '0' && (text[0] <= '9' || text[0] >= 'a'))
			here = strtoul(text, NULL, 16) == (uintptr_t)m->addr;
		else if (here)
			sscanf(text, "ShmemPmdMapped: %ld", &kb);
	}
	fclose(f);
	return kb * 1024;
}

/* True if the machine has memory for @n processes; a small process takes less than 512 KiB. */
static bool enough_memory(const struct memory *m, int n)
{
	unsigned long each = 512UL << 10;

	if (m->kind->type != REGION)
		each += m->size / m->kind->page * 8;
	return file_field("/proc/meminfo", "MemAvailable:") * 1024 > (long)(each * (size_t)n);
}

/* ---- one line ---- */

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static uint64_t *values;	/* one for each process */

/* Prints p10, median and p90 of @n values, by nearest rank. */
static void print_spread(int n)
{
	qsort(values, (size_t)n, sizeof(*values), compare);
	printf(",%lu,%lu,%lu", values[n / 10], values[n / 2], values[n - 1 - n / 10]);
}

#define PRINT_SPREAD(c, count, expression) do {				\
	for (int i_ = 0; i_ < (count); i_++) {				\
		const struct worker *w = &(c)->workers[i_];		\
									\
		values[i_] = (uint64_t)(expression);			\
	}								\
	print_spread(count);						\
} while (0)

static void print_header(void)
{
	printf("kind,page_size,size,processes,method,rep");
	printf(",own_bytes,attach_bytes,left_bytes,vmpte_bytes,table_bytes,huge_bytes");
	printf(",map_p10,map_p50,map_p90,touch_p10,touch_p50,touch_p90,all_p10,all_p50,all_p90");
	printf(",again_p10,again_p50,again_p90,unmap_p10,unmap_p50,unmap_p90");
	printf(",minflt_p10,minflt_p50,minflt_p90,majflt,again_faults,all_total,unmap_total\n");
}

/* Prints the times of a crowd that has unmapped the memory. */
static void print_times(const struct crowd *c)
{
	int again = c->n < CROWD_AGAIN ? c->n : CROWD_AGAIN;
	uint64_t all = 0, unmap = 0;
	long majflt = 0, most = 0;

	for (int i = 0; i < c->n; i++) {
		const struct worker *w = &c->workers[i];

		all += w->map + w->touch;
		unmap += w->unmap;
		majflt += w->majflt;
		if (w->again_faults > most)
			most = w->again_faults;
	}
	PRINT_SPREAD(c, c->n, w->map);
	PRINT_SPREAD(c, c->n, w->touch);
	PRINT_SPREAD(c, c->n, w->map + w->touch);
	PRINT_SPREAD(c, again, w->again);
	PRINT_SPREAD(c, c->n, w->unmap);
	PRINT_SPREAD(c, c->n, w->minflt);
	printf(",%ld,%ld,%lu,%lu\n", majflt, most, all, unmap);
	fflush(stdout);
}

/* A crowd maps the memory, is measured, and unmaps it. Returns the seconds that it took. */
static double measure(struct crowd *c, int n, const struct memory *m, enum method how, int rep,
		      long own)
{
	long idle, attached, vmpte, tables, huge;
	uint64_t start = now();

	crowd_start(c, n, m, how);
	vmpte = crowd_vmpte(c);
	idle = page_tables();
	crowd_steps(c);
	attached = page_tables();
	vmpte = crowd_vmpte(c) - vmpte;
	tables = memory_table_bytes(m);
	huge = huge_mapped(c, m);
	crowd_steps(c);			/* the second pass */
	crowd_steps(c);			/* unmap */
	printf("%s,%lu,%lu,%d,%s,%d,%ld,%ld,%ld,%ld,%ld,%ld", m->kind->name, m->kind->page,
	       m->size, n, method_names[how], rep + 1, own, attached - idle,
	       page_tables() - idle, vmpte, tables, huge);
	print_times(c);
	crowd_end(c);
	return (double)(now() - start) / 1e9;
}

/* ---- all of them ---- */

struct plan {
	int n[16];			/* numbers of processes, at .size */
	int n_count;
	unsigned long size;
	unsigned long sizes[16];	/* sizes, with .fixed processes */
	int sizes_count;
	int fixed;
	int reps;
	double limit;		/* seconds; a longer measurement is not repeated */
	const char *only;	/* kinds, separated by commas, or NULL for all */
};

/* Seconds that a process of this kind, size and method took last. */
static double last_cost[KINDS][17][METHODS];

static int size_index(const struct plan *plan, unsigned long size)
{
	int i;

	for (i = 0; i < plan->sizes_count && plan->sizes[i] != size; i++)
		;
	return i;
}

static void measure_methods(struct crowd *c, int n, const struct memory *m,
			    const struct plan *plan, int rep, long own)
{
	double *cost = last_cost[m->kind - kinds][size_index(plan, m->size)];
	/* Small crowds are measured more often: they are fast, and vary more. */
	int often = n < 10 ? 10 / n : 1;
	double took;

	for (enum method how = TOUCH; how < METHODS; how++) {
		if (how == POPULATE && m->kind->type == REGION)
			continue;
		/* A slow measurement is made once, with the first method. */
		if (cost[how] * n > plan->limit && (how != TOUCH || rep > 0))
			continue;
		for (int i = 0; i < often; i++) {
			took = measure(c, n, m, how, rep, own);
			cost[how] = took / n;
			if (took * often > plan->limit)
				break;
		}
	}
}

static void measure_memory(struct crowd *c, const struct kind *k, unsigned long size,
			   const int *n, int n_count, const struct plan *plan, int rep)
{
	struct crowd holder;
	struct memory m;
	long own;

	if (size % k->page)
		return;
	progress("repetition %d of %d: %s, %lu MiB", rep + 1, plan->reps, k->name, size >> 20);
	tidy_memory();
	if (!reserve(k, size)) {
		printf("# not measured: %s of %lu MiB: too few huge pages\n", k->name,
		       size >> 20);
		reserve(k, 0);
		return;
	}
	/*
	 * The creator of memory that is no region keeps it mapped, as a server does, so that
	 * hugetlb can share PMD pages with it.
	 */
	holder = crowd_alloc(1);
	own = page_tables();
	m = memory_create(k, size);
	if (k->type != REGION) {
		crowd_start(&holder, 1, &m, STORE);
		own = page_tables();
		crowd_steps(&holder);
	}
	own = page_tables() - own;
	for (int i = 0; i < n_count; i++) {
		if (enough_memory(&m, n[i]))
			measure_methods(c, n[i], &m, plan, rep, own);
		else
			printf("# not measured: %s of %lu MiB by %d processes: too little memory\n",
			       k->name, size >> 20, n[i]);
	}
	if (holder.n) {
		crowd_steps(&holder);
		crowd_steps(&holder);
		crowd_end(&holder);
	}
	crowd_free(&holder);
	memory_destroy(&m);
}

static void measure_kind(struct crowd *c, const struct kind *k, const struct plan *plan, int rep)
{
	int n[17], n_count = plan->n_count;
	bool add = false;

	for (int i = 0; i < plan->sizes_count; i++) {
		if (plan->sizes[i] == plan->size)
			add = true;
		else
			measure_memory(c, k, plan->sizes[i], &plan->fixed, 1, plan, rep);
	}
	/* A crowd that is on both axes is measured once. */
	for (int i = 0; i < n_count; i++) {
		n[i] = plan->n[i];
		if (n[i] == plan->fixed)
			add = false;
	}
	if (add)
		n[n_count++] = plan->fixed;
	measure_memory(c, k, plan->size, n, n_count, plan, rep);
}

/* True if name is in the list, which is separated by commas. */
static bool listed(const char *list, const char *name)
{
	size_t length = strlen(name);

	for (const char *p = list; p; p = strchr(p, ',')) {
		p += *p == ',';
		if (!strncmp(p, name, length) && (p[length] == ',' || !p[length]))
			return true;
	}
	return false;
}

static void measure_all(const struct plan *plan)
{
	bool missing[KINDS] = { false };
	int most = plan->fixed;
	struct crowd c;

	for (int i = 0; i < plan->n_count; i++)
		if (plan->n[i] > most)
			most = plan->n[i];
	values = calloc((size_t)most, sizeof(*values));
	if (!values)
		bail("no memory");
	c = crowd_alloc(most);
	print_header();
	for (size_t k = 0; k < KINDS; k++) {
		const char *why = kind_missing(&kinds[k]);

		missing[k] = why || (plan->only && !listed(plan->only, kinds[k].name));
		if (why)
			printf("# not measured: %s: %s\n", kinds[k].name, why);
	}
	for (int rep = 0; rep < plan->reps; rep++)
		for (size_t i = 0; i < KINDS; i++) {
			/* In both directions, so that no kind is always the first. */
			size_t k = rep % 2 ? KINDS - 1 - i : i;

			if (!missing[k])
				measure_kind(&c, &kinds[k], plan, rep);
		}
}

/* ---- options ---- */

static __attribute__((noreturn)) void usage(void)
{
	fprintf(stderr,
		"usage: pagetables [OPTION...] >CSV\n"
		"  -n N,N,...      crowds of so many processes (1,10,100,1000),\n"
		"  -s SIZE         with this much memory (1G)\n"
		"  -S SIZE,...     and sizes (128M,256M,512M,1G,2G,3G),\n"
		"  -f N            with crowds of so many (10)\n"
		"  -r N            repeat all so often (5),\n"
		"  -l SECONDS      but not what takes longer than this (20)\n"
		"  -k KIND,...     only these:");
	for (size_t k = 0; k < KINDS; k++)
		fprintf(stderr, " %s", kinds[k].name);
	fprintf(stderr, "\n");
	exit(2);
}

/* A number with an optional K, M or G; *end is set behind it. */
static unsigned long parse_number(const char *text, char **end)
{
	unsigned long v = strtoul(text, end, 10);
	int shift = 0;

	if (*end == text || !v || v > 1UL << 32)
		usage();
	if (**end == 'K')
		shift = 10;
	else if (**end == 'M')
		shift = 20;
	else if (**end == 'G')
		shift = 30;
	*end += shift > 0;
	return v << shift;
}

static int parse_list(const char *text, unsigned long *list, int most)
{
	int count = 0;
	char *end;

	do {
		if (count == most)
			usage();
		list[count++] = parse_number(text, &end);
		text = end + 1;
	} while (*end == ',');
	if (*end)
		usage();
	return count;
}

static unsigned long parse_one(const char *text)
{
	unsigned long v;

	parse_list(text, &v, 1);
	return v;
}

int main(int argc, char **argv)
{
	struct plan plan = {
		.n = { 1, 10, 100, 1000 },
		.n_count = 4,
		.size = SZ_1G,
		.sizes = { SZ_1G / 8, SZ_1G / 4, SZ_1G / 2, SZ_1G, 2 * SZ_1G, 3 * SZ_1G },
		.sizes_count = 6,
		.fixed = 10,
		.reps = 5,
		.limit = 20,
	};
	unsigned long n[16];
	int option;

	while ((option = getopt(argc, argv, "n:s:S:f:r:l:k:")) != -1) {
		switch (option) {
		case 'n':
			plan.n_count = parse_list(optarg, n, 16);
			for (int i = 0; i < plan.n_count; i++)
				plan.n[i] = (int)n[i];
			break;
		case 's':
			plan.size = parse_one(optarg);
			break;
		case 'S':
			plan.sizes_count = parse_list(optarg, plan.sizes, 16);
			break;
		case 'f':
			plan.fixed = (int)parse_one(optarg);
			break;
		case 'r':
			plan.reps = (int)parse_one(optarg);
			break;
		case 'l':
			plan.limit = (double)parse_one(optarg);
			break;
		case 'k':
			plan.only = optarg;
			break;
		default:
			usage();
		}
	}
	if (optind != argc)
		usage();
	began = now();
	measure_all(&plan);
	return 0;
}
