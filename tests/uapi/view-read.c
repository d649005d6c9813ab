// SPDX-License-Identifier: MIT
/* vm: long */
/*
 * Goal: every way ("road") by which bytes get out of a process's memory gives the right bytes
 * from read-only pages, and none from a hole. $VM_DISK1 names a disk that may be
 * overwritten. Small pages of transparent huge pages are tested, too: each page that the
 * kernel pins for the disk must then be exclusive to the region, and not only the first of
 * 512 (FOLL_SPLIT_PMD).
 *
 * timeout: 300
 */
#include "donors.h"
#include "views.h"

#include <liburing.h>
#include <sys/uio.h>

#define NAME "test-view-read"
#define CHUNK 4096UL

static int disk, file;
static struct io_uring ring;
static char *got;	/* a page of the process for the bytes that come out */

static long result(long n)
{
	return n < 0 ? -errno : n;
}

/* ---- the roads, from @from into @got; each returns a number of bytes, or -errno ---- */

static long by_load(const char *from)
{
	for (size_t i = 0; i < CHUNK; i += 8)
		if (try_load(from + i, (uint64_t *)(got + i)))
			return -EFAULT;
	return CHUNK;
}

static long by_write(const char *from)
{
	long ret = result(pwrite(file, from, CHUNK, 0));

	return ret < 0 ? ret : pread(file, got, CHUNK, 0);
}

static long by_writev(const char *from)
{
	struct iovec iov[] = { { (char *)from, 512 }, { (char *)from + 512, CHUNK - 512 } };
	long ret = result(pwritev2(file, iov, 2, 0, 0));

	return ret < 0 ? ret : pread(file, got, CHUNK, 0);
}

static long by_direct(const char *from)
{
	long ret = result(pwrite(disk, from, CHUNK, 0));

	return ret < 0 ? ret : pread(disk, got, CHUNK, 0);
}

static long through_pipe(const char *from, long (*give)(int fd, const char *from))
{
	int fd[2];
	long ret;

	if (pipe2(fd, O_CLOEXEC))
		bail("pipe: %s", strerror(errno));
	ret = result(give(fd[1], from));
	if (ret > 0)
		ret = read(fd[0], got, CHUNK);
	close(fd[0]);
	close(fd[1]);
	return ret;
}

static long give_by_write(int fd, const char *from)
{
	return write(fd, from, CHUNK);
}

/* This makes no copy: the pipe holds the page itself. */
static long give_by_vmsplice(int fd, const char *from)
{
	struct iovec iov = { (char *)from, CHUNK };

	return vmsplice(fd, &iov, 1, SPLICE_F_NONBLOCK);
}

static long by_pipe(const char *from)
{
	return through_pipe(from, give_by_write);
}

static long by_vmsplice(const char *from)
{
	return through_pipe(from, give_by_vmsplice);
}

static long ring_wait(void)
{
	struct io_uring_cqe *cqe;
	long res;

	if (io_uring_submit_and_wait(&ring, 1) < 0 || io_uring_peek_cqe(&ring, &cqe))
		bail("io_uring does not answer");
	res = cqe->res;
	io_uring_cqe_seen(&ring, cqe);
	return res;
}

static long by_ring(const char *from)
{
	long ret;

	io_uring_prep_write(io_uring_get_sqe(&ring), disk, from, CHUNK, CHUNK);
	ret = ring_wait();
	return ret < 0 ? ret : pread(disk, got, CHUNK, CHUNK);
}

/* Registering needs write access, whatever the buffer is used for afterwards. */
static long by_ring_fixed(const char *from)
{
	struct iovec iov = { (char *)from, CHUNK };
	long ret = io_uring_register_buffers(&ring, &iov, 1);

	if (!ret)
		io_uring_unregister_buffers(&ring);
	return ret;
}

static long through_socket(const char *from, bool by_ring)
{
	int sv[2];
	long ret;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv))
		bail("socketpair: %s", strerror(errno));
	if (by_ring) {
		io_uring_prep_send(io_uring_get_sqe(&ring), sv[0], from, CHUNK, 0);
		ret = ring_wait();
	} else {
		ret = result(send(sv[0], from, CHUNK, 0));
	}
	if (ret > 0)
		ret = recv(sv[1], got, CHUNK, MSG_WAITALL);
	close(sv[0]);
	close(sv[1]);
	return ret;
}

static long by_send(const char *from)
{
	return through_socket(from, false);
}

static long by_ring_send(const char *from)
{
	return through_socket(from, true);
}

static long by_vm_readv(const char *from)
{
	struct iovec local = { got, CHUNK }, remote = { (char *)from, CHUNK };

	return result(process_vm_readv(getpid(), &local, 1, &remote, 1, 0));
}

static long by_mem(const char *from)
{
	int fd = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	long ret = result(pread(fd, got, CHUNK, (intptr_t)from));

	close(fd);
	return ret;
}

/* @err: the error for a hole. @refused: the error for read-only memory, if by design. */
static const struct road {
	const char *what;
	long (*go)(const char *from);
	int err, refused;
} roads[] = {
	{ "load", by_load, EFAULT, 0 },
	{ "write to a file", by_write, EFAULT, 0 },
	{ "pwritev2", by_writev, EFAULT, 0 },
	{ "O_DIRECT write", by_direct, EFAULT, 0 },
	{ "write to a pipe", by_pipe, EFAULT, 0 },
	{ "vmsplice to a pipe", by_vmsplice, EFAULT, 0 },
	{ "io_uring O_DIRECT write", by_ring, EFAULT, 0 },
	{ "io_uring fixed buffer", by_ring_fixed, EFAULT, EFAULT },
	{ "send", by_send, EFAULT, 0 },
	{ "io_uring send", by_ring_send, EFAULT, 0 },
	{ "process_vm_readv", by_vm_readv, EFAULT, EFAULT },
	{ "/proc/self/mem", by_mem, EIO, 0 },
};

static uint64_t expected(uint64_t offset, size_t i)
{
	return (offset + i) * 0x9e3779b97f4a7c15ULL + 1;
}

/* Fill the first and the last small page of a page. */
static void fill_words(char *base, uint64_t offset)
{
	for (size_t i = 0; i < CHUNK; i += 8)
		*(uint64_t *)(base + offset + i) = expected(offset, i);
}

static bool right_words(uint64_t offset)
{
	for (size_t i = 0; i < CHUNK; i += 8)
		if (*(uint64_t *)(got + i) != expected(offset, i))
			return false;
	return true;
}

static void test_roads(const char *base, uint64_t page, const char *where)
{
	for (size_t i = 0; i < ARRAY_LEN(roads); i++) {
		const struct road *r = &roads[i];
		uint64_t places[] = { page, 2 * page - CHUNK };

		for (size_t j = 0; !r->refused && j < ARRAY_LEN(places); j++) {
			memset(got, 0, CHUNK);
			is(r->go(base + places[j]), CHUNK, "%s from %s succeeds", r->what, where);
			ok(right_words(places[j]),
			   "%s from %s gives the right bytes", r->what, where);
		}
		if (r->refused)
			is(r->go(base + page), -r->refused,
			   "%s from %s is refused", r->what, where);
		is(r->go(base + 2 * page), -r->err,
		   "%s from a hole beside %s fails", r->what, where);
	}
}

static void test_view(const char *name, int prot, uint64_t page, const char *where)
{
	int fd = view_open(NAME, name, prot & PROT_WRITE ? O_RDWR : O_RDONLY);
	char *base = attach(fd, prot);

	if (!base)
		bail("attach %s: %s", name, strerror(errno));
	close(fd);
	test_roads(base, page, where);
	munmap(base, WINDOW);
}

/* @unit: the bytes that have one permission in the views, at least a page */
static void test_memory(uint64_t page, uint64_t unit, void *memory)
{
	char *base;
	int fd;

	region_anew(NAME, page, 3 * unit);
	fd = view_open(NAME, "rw", O_RDWR);
	is(view_export(fd, memory, 2 * unit, 0), 0,
	   "memory is exported for two thirds of a region");
	munmap(memory, 2 * unit);
	is(layout_add(NAME, "mixed", "wr.", unit), 0,
	   "a view of a writable part, a read-only part and a hole is added");
	is(layout_add(NAME, "other", ".r.", unit), 0,
	   "a view of the read-only part alone is added");
	base = attach(fd, PROT_READ | PROT_WRITE);
	fill_words(base, unit);
	fill_words(base, 2 * unit - CHUNK);
	munmap(base, WINDOW);
	close(fd);
	if (io_uring_queue_init(4, &ring, 0))
		bail("io_uring_queue_init");
	test_view("mixed", PROT_READ | PROT_WRITE, unit, "a read-only page of a mixed view");
	test_view("other", PROT_READ, unit, "a view without a writable page");
	test_view("ro", PROT_READ, unit, "the view ro");
	io_uring_queue_exit(&ring);
	region_unlink(NAME);
}

static void test_size(uint64_t page)
{
	long free = pages_free(page);
	void *memory = donor(page, 2 * page);

	diag("pages of %lu KiB", (unsigned long)page >> 10);
	if (!memory)
		bail("a donor: %s", strerror(errno));
	test_memory(page, page, memory);
	is(pages_free(page), free, "all pages are free at the end");
}

static void test_transparent(void)
{
	char *memory = donor_transparent(2 * SZ_2M);

	diag("transparent huge pages");
	memset(memory, 1, 2 * SZ_2M);
	test_memory(SZ_4K, SZ_2M, memory);
}

int main(void)
{
	const char *path = getenv("VM_DISK1");

	if (!path)
		bail("set VM_DISK1 to a disk that may be overwritten");
	disk = open(path, O_RDWR | O_DIRECT | O_CLOEXEC);
	file = memfd_create("bytes", MFD_CLOEXEC);
	got = mmap(NULL, CHUNK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (disk < 0 || file < 0 || got == MAP_FAILED)
		bail("%s, a memfd or a page: %s", path, strerror(errno));
	reserve_2m(16);
	need_1g(2);
	test_size(SZ_4K);
	test_transparent();
	test_size(SZ_2M);
	test_size(SZ_1G);
	return done_testing();
}
