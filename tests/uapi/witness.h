/* SPDX-License-Identifier: MIT */
/*
 * Helpers for tests that try to damage a region from one process. The region is attached
 * here and by a second process, the witness, which must not notice anything.
 */
#ifndef UAPI_WITNESS_H
#define UAPI_WITNESS_H

#include "util.h"

static uint64_t page_size, bytes;	/* the size of a page; of the region's memory */
static char *base;			/* the region, filled with WITNESS_SEED */
static int region;			/* its rw view */
static struct peer other;		/* the witness */

static char witness_books[256];
static const char *witness_name;
static long witness_free;

#define WITNESS_SEED 3

/* Read the lines of /proc/PID/status that count mappings and page tables. */
static inline void witness_status(int pid, char *text, size_t size)
{
	static const char *const keys[] = { "VmSize:", "VmLck:", "VmPin:", "VmPTE:" };
	char path[64], line[128];
	size_t n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	f = fopen(path, "re");
	if (!f)
		bail("%s: %s", path, strerror(errno));
	text[0] = '\0';
	while (fgets(line, sizeof(line), f))
		for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
			if (!strncmp(line, keys[i], strlen(keys[i])))
				n += snprintf(text + n, size - n, "%s", line);
	fclose(f);
}

/*
 * True if the process has the whole window mapped as one mapping of the region. Its name in
 * the file maps is that of the node, or "[mshare]" in the process that created the region.
 */
static inline bool witness_mapped(int pid)
{
	char path[64], line[256], want[64];
	bool found = false;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	snprintf(want, sizeof(want), "%lx-%lx r--s 00000000", (unsigned long)base,
		 (unsigned long)base + WINDOW);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		found |= !strncmp(line, want, strlen(want)) &&
			 (strstr(line, witness_name) || strstr(line, "[mshare]"));
	if (f)
		fclose(f);
	return found;
}

static inline bool witness_sees(void)
{
	return PEER(other, .op = PEER_FILLED, .a = (intptr_t)base, .b = bytes,
		    .c = WITNESS_SEED) == 1;
}

/* True if the witness still sees every byte and has its mapping and its counters. */
static inline bool witness_unhurt(void)
{
	char now[sizeof(witness_books)];
	bool good = witness_sees();

	if (!good)
		diag("the witness sees other data");
	if (!witness_mapped(other.pid)) {
		diag("the witness has lost its mapping");
		good = false;
	}
	witness_status(other.pid, now, sizeof(now));
	if (strcmp(now, witness_books)) {
		diag("the witness's accounts were\n%sand are\n%s", witness_books, now);
		good = false;
	}
	return good;
}

/* The same for the witness and this process, reported as a check. */
static inline void unhurt(const char *what)
{
	bool good = witness_unhurt();

	if (!witness_mapped(getpid())) {
		diag("my own mapping is gone");
		good = false;
	} else if (!filled(base, bytes, WITNESS_SEED)) {
		diag("I see other data");
		good = false;
	}
	if (view_region(region).attached != 2) {
		diag("%llu are attached, not 2",
		     (unsigned long long)view_region(region).attached);
		good = false;
	}
	ok(good, "neither process has lost a byte after %s", what);
}

static inline void witness_begin(const char *name, uint64_t size)
{
	diag("pages of %lu KiB", (unsigned long)size >> 10);
	witness_name = name;
	witness_free = pages_free(size);
	page_size = size;
	bytes = two_of(size);
	region = region_with(name, size, bytes);
	base = attach(region, PROT_READ | PROT_WRITE);
	if (!base)
		bail("attach: %s", strerror(errno));
	fill(base, bytes, WITNESS_SEED);
	other = peer_start();
	if (peer_attach(&other, name, false) != (intptr_t)base)
		bail("the witness cannot attach");
	if (!witness_sees())
		bail("the witness sees other data at the beginning");
	witness_status(other.pid, witness_books, sizeof(witness_books));
}

/* Map pages on both sides of the window, so that calls across its edges find no gap. */
static inline void witness_neighbours(bool mapped)
{
	char *const at[] = { base - 8192, base + WINDOW };

	for (int i = 0; i < 2; i++)
		if (mapped)
			mmap(at[i], 8192, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
		else
			munmap(at[i], 8192);
}

static inline void witness_end(void)
{
	peer_kill(&other);
	region_unlink(witness_name);
	close(region);
	munmap(base, WINDOW);
	is(pages_free(page_size), witness_free, "all pages are free at the end");
}

#endif /* UAPI_WITNESS_H */
