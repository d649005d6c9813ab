// SPDX-License-Identifier: MIT
/* vm: long */
/*
 * Goal: no way ("road") by which bytes get into a process's memory, not even for root, writes
 * to read-only memory of a view. Each is tried on a writable page, where it must work, and
 * then on read-only memory, on a hole and across a border. $VM_DISK0 names a disk to read
 * from.
 *
 * timeout: 300
 */
#include "views.h"
#include "roads.h"
#include "pins.h"

#define NAME "test-view-write"
#define BACKGROUND 0x5a

static bool untouched(const char *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (p[i] != BACKGROUND)
			return false;
	return true;
}

static void works(const struct road *r, char *to)
{
	long ret;

	memset(to, BACKGROUND, CHUNK);
	ret = r->go(to, CHUNK);
	if (r->never || (r->go == by_ring_fixed && pins_by_mapping(&road_ring)))
		ok(ret < 0 && untouched(to, CHUNK),
		   "%s is refused also for a writable page", r->what);
	else
		ok(ret >= 0 && !untouched(to, CHUNK), "%s works on a writable page (%ld)",
		   r->what, ret);
}

static void is_refused(const struct road *r, char *to, const char *where)
{
	is(r->go(to, CHUNK), -r->err, "%s is refused on %s", r->what, where);
}

static void stays(const struct road *r, const char *p, const char *where)
{
	ok(untouched(p, CHUNK), "%s does not change %s", r->what, where);
}

static void attach_as(const char *name, int flags, int prot)
{
	road_view = view_open(NAME, name, flags);
	if (!attach(road_view, prot))
		bail("attach %s: %s", name, strerror(errno));
}

static void detach(char *base)
{
	munmap(base, WINDOW);
	close(road_view);
}

/* A view of a writable page, a read-only page and a hole. */
static void test_mixed(char *base, uint64_t page)
{
	char *border = base + page;

	attach_as("mixed", O_RDWR, PROT_READ | PROT_WRITE);
	for (size_t i = 0; i < ARRAY_LEN(roads); i++) {
		const struct road *r = &roads[i];

		works(r, base);
		works(r, border - CHUNK);
		is_refused(r, border, "a read-only page");
		is_refused(r, border + page, "a hole");
		if (r->may_straddle)
			r->go(border - CHUNK, 2 * CHUNK);
		stays(r, border, "a read-only page");
	}
	detach(base);
}

/* The whole region, attached by tables without a writable leaf. */
static void test_readonly(char *base, uint64_t page, const char *name, int flags,
			  const char *where)
{
	attach_as(name, flags, PROT_READ);
	for (size_t i = 0; i < ARRAY_LEN(roads); i++) {
		const struct road *r = &roads[i];

		is_refused(r, base + page, where);
		stays(r, base + page, where);
	}
	detach(base);
}

static void test_size(uint64_t page)
{
	long free = pages_free(page);
	char *base;
	int fd;

	diag("pages of %lu KiB", (unsigned long)page >> 10);
	region_anew(NAME, page, 3 * page);
	fd = view_open(NAME, "rw", O_RDWR);
	is(donate(fd, page, 2 * page, 0), 0, "two pages are exported");
	is(layout_add(NAME, "mixed", "wr.", page), 0,
	   "a view of a writable page, a read-only page and a hole is added");
	base = attach(fd, PROT_READ | PROT_WRITE);
	memset(base + page, BACKGROUND, CHUNK);
	munmap(base, WINDOW);
	if (io_uring_queue_init(4, &road_ring, 0))
		bail("io_uring_queue_init");
	test_mixed(base, page);
	test_readonly(base, page, "ro", O_RDONLY, "the view ro");
	test_readonly(base, page, "rw", O_RDWR, "the view rw attached for reading");
	io_uring_queue_exit(&road_ring);
	close(fd);
	region_unlink(NAME);
	/* The kernel unpins the pages of rings some time after their end. */
	for (int ms = 0; ms < 10000 && pages_free(page) != free; ms++)
		usleep(1000);
	is(pages_free(page), free, "all pages are free at the end");
}

int main(void)
{
	const char *path = getenv("VM_DISK0");
	static char bytes[2 * CHUNK];

	if (!path)
		bail("set VM_DISK0 to a disk");
	road_disk = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);
	road_file = memfd_create("bytes", MFD_CLOEXEC);
	memset(bytes, 0x10, sizeof(bytes));
	if (road_disk < 0 || write(road_file, bytes, sizeof(bytes)) != sizeof(bytes))
		bail("%s or a memfd: %s", path, strerror(errno));
	reserve_2m(16);
	need_1g(2);
	test_size(SZ_4K);
	test_size(SZ_2M);
	test_size(SZ_1G);
	return done_testing();
}
