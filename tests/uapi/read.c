// SPDX-License-Identifier: MIT
/* vm: long */
/*
 * Goal: read(2) of a region's file gives its address and length, 16 bytes in all, and then
 * the end of the file, so that a program like cat(1) ends.
 */
#include "views.h"

#include <sys/uio.h>

#define NAME "test-read"
#define LENGTH (6 * SZ_2M)
#define BYTES 16

static uint64_t addr;

/* Read all of a file by reads of @step bytes; returns the number of bytes. */
static size_t read_all(int fd, size_t step, char *to, size_t room)
{
	size_t total = 0;
	ssize_t n;

	while (total + step <= room && (n = read(fd, to + total, step)) > 0)
		total += n;
	return total;
}

static bool is_answer(const void *bytes)
{
	unsigned long want[2] = { addr, LENGTH };

	return !memcmp(bytes, want, sizeof(want));
}

static void test_views(void)
{
	static const struct {
		const char *view;
		const char *how;
		int flags;
	} files[] = {
		{ "rw", "O_RDWR", O_RDWR }, { "rw", "O_RDONLY", O_RDONLY },
		{ "ro", "O_RDONLY", O_RDONLY }, { "part", "O_RDONLY", O_RDONLY },
	};

	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		int fd = view_open(NAME, files[i].view, files[i].flags);
		unsigned long got[2] = { 0, 0 };

		is(read(fd, got, sizeof(got)), BYTES, "a read of %s opened %s gives 16 bytes",
		   files[i].view, files[i].how);
		is(got[0], addr, "the first number from %s opened %s is the region's address",
		   files[i].view, files[i].how);
		is(got[1], LENGTH, "the second number from %s opened %s is the region's length",
		   files[i].view, files[i].how);
		is(read(fd, got, sizeof(got)), 0,
		   "a second read of %s opened %s gives the end of the file",
		   files[i].view, files[i].how);
		is(read(fd, got, sizeof(got)), 0, "a third read gives the end of the file, too");
		close(fd);
	}
}

/* Buffers can have any length, as for other files: the next read continues. */
static void test_buffers(void)
{
	char got[4096];
	int bad = 0;

	for (size_t step = 1; step <= 40; step++) {
		int fd = view_open(NAME, "ro", O_RDONLY);
		size_t n = read_all(fd, step, got, sizeof(got));

		if (n != BYTES || !is_answer(got)) {
			diag("reads of %zu bytes give %zu bytes", step, n);
			bad++;
		}
		close(fd);
	}
	is(bad, 0, "reads of 1 to 40 bytes each give the same 16 bytes, and then the end");
}

static void test_zero(int fd)
{
	char got[BYTES];

	is(read(fd, got, 0), 0, "a read of 0 bytes gives 0 bytes");
	is(read(fd, got, BYTES), BYTES, "a read of 0 bytes does not move the file's position");
}

static void test_vectors(int fd)
{
	char a[5], b[11], c[7], got[BYTES];
	struct iovec iov[] = { { a, sizeof(a) }, { b, sizeof(b) }, { c, sizeof(c) } };

	is(readv(fd, iov, 3), BYTES, "readv into three buffers gives 16 bytes");
	memcpy(got, a, sizeof(a));
	memcpy(got + sizeof(a), b, sizeof(b));
	ok(is_answer(got), "readv gives the address and the length");
}

/* Bytes that could not be stored are not skipped: the next read gives them. */
static void test_fault(int fd)
{
	char got[BYTES];

	char *p = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ok(read(fd, p, BYTES) == -1 && errno == EFAULT,
	   "a read into memory that cannot be written gives EFAULT");
	munmap(p, 4096);
	ok(read(fd, got, BYTES) == BYTES && is_answer(got),
	   "the read after EFAULT gives all 16 bytes");
}

static void test_write_only(void)
{
	int fd = view_open(NAME, "rw", O_WRONLY);
	char got[BYTES];

	ok(read(fd, got, BYTES) == -1 && errno == EBADF,
	   "a read of a file opened O_WRONLY gives EBADF");
	close(fd);
}

static void test_cat(void)
{
	int ret = system("timeout 10 cat /dev/mshare/" NAME "/ro >/tmp/msha-read");
	char got[BYTES + 1];
	int fd = open("/tmp/msha-read", O_RDONLY | O_CLOEXEC);

	is(ret, 0, "cat of a node ends");
	ok(read(fd, got, sizeof(got)) == BYTES && is_answer(got),
	   "cat of a node prints the address and the length");
	close(fd);
	unlink("/tmp/msha-read");
}

static void with_file(void (*test)(int fd))
{
	int fd = view_open(NAME, "ro", O_RDONLY);

	test(fd);
	close(fd);
}

/* An unlinked region still has its address. */
static void test_unlinked(int fd)
{
	char got[BYTES];

	is(region_unlink(NAME), 0, "the region is unlinked");
	ok(read(fd, got, BYTES) == BYTES && is_answer(got),
	   "a read of an unlinked region gives the address and the length");
}

int main(void)
{
	int fd = region_anew_open(NAME, SZ_2M, LENGTH);

	addr = view_region(fd).addr;
	close(fd);
	is(layout_add(NAME, "part", "wr", SZ_2M), 0, "a view is added");
	test_views();
	test_buffers();
	with_file(test_zero);
	with_file(test_vectors);
	with_file(test_fault);
	test_write_only();
	test_cat();
	with_file(test_unlinked);
	return done_testing();
}
