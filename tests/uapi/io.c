// SPDX-License-Identifier: MIT
/*
 * I/O to and from a region: direct and registered buffers on a real NVMe disk,
 * sockets, and what a read-only view must withstand. $VM_DISK0 names a disk that
 * may be overwritten.
 */
#include "util.h"
#include "pins.h"

#include <liburing.h>
#include <sys/uio.h>

#define NAME "test-io"
#define LEN (64 * 1024UL)

static struct io_uring ring;
static uint64_t bytes;
static char *base;
static int disk;

static int ring_op(void (*prep)(struct io_uring_sqe *sqe, void *buf), void *buf)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);
	struct io_uring_cqe *cqe;
	int res;

	prep(sqe, buf);
	if (io_uring_submit_and_wait(&ring, 1) < 0 || io_uring_peek_cqe(&ring, &cqe))
		bail("io_uring does not answer");
	res = cqe->res;
	io_uring_cqe_seen(&ring, cqe);
	return res;
}

static void prep_write_fixed(struct io_uring_sqe *sqe, void *buf)
{
	io_uring_prep_write_fixed(sqe, disk, buf, LEN, 0, 0);
}

static void prep_read_fixed(struct io_uring_sqe *sqe, void *buf)
{
	io_uring_prep_read_fixed(sqe, disk, buf, LEN, 0, 0);
}

static void prep_write(struct io_uring_sqe *sqe, void *buf)
{
	io_uring_prep_write(sqe, disk, buf, LEN, 0);
}

static void prep_read(struct io_uring_sqe *sqe, void *buf)
{
	io_uring_prep_read(sqe, disk, buf, LEN, 0);
}

/* A walk of the tables at the same moment may cost one -EFAULT: try again. */
static ssize_t direct_read(void *buf, uint64_t at)
{
	ssize_t n = -1;

	for (int i = 0; i < 10 && n < 0; i++) {
		n = pread(disk, buf, LEN, at);
		if (n < 0 && errno != EFAULT)
			break;
	}
	return n;
}

static void test_direct(void)
{
	fill(base, LEN, 1);
	is(pwrite(disk, base, LEN, 0), LEN, "O_DIRECT write from the region");
	memset(base, 0, LEN);
	is(direct_read(base + SZ_2M / 2, 0), LEN, "O_DIRECT read into it");
	ok(filled(base + SZ_2M / 2, LEN, 1), "O_DIRECT read the bytes that were written");
	is(ring_op(prep_read, base), LEN, "the same by io_uring");
	ok(filled(base, LEN, 1), "io_uring read the bytes that were written");
}

static bool registered;

static void test_fixed(void)
{
	struct iovec iov = { base, bytes };
	int ret = io_uring_register_buffers(&ring, &iov, 1);

	registered = ret != -EFAULT || !pins_by_mapping(&ring);
	if (!registered) {
		skip("registered buffers: this kernel pins them by slow GUP");
		return;
	}
	is(ret, 0, "register %lu MiB of it as a fixed buffer", (unsigned long)bytes >> 20);
	fill(base, LEN, 2);
	is(ring_op(prep_write_fixed, base), LEN, "write from the fixed buffer");
	is(ring_op(prep_read_fixed, base + bytes - LEN), LEN, "read into its end");
	ok(filled(base + bytes - LEN, LEN, 2), "the same bytes");
}

/* After a demotion the same registered buffer and the same addresses work. */
static void test_after_demotion(int fd, uint64_t size)
{
	peer_read_file("/proc/self/smaps");
	ok(!view_region(fd).demotions == (size != SZ_1G), "smaps was read (demotions)");
	fill(base, LEN, 4);
	is(ring_op(registered ? prep_write_fixed : prep_write, base), LEN, "the %s still works",
	   registered ? "fixed buffer" : "ring");
	memset(base, 0, LEN);
	is(direct_read(base, 0), LEN, "and O_DIRECT");
	ok(filled(base, LEN, 4), "the same bytes");
}

static void test_sockets(void)
{
	int sv[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, sv))
		bail("socketpair: %s", strerror(errno));
	fill(base, LEN, 5);
	is(send(sv[0], base, LEN, 0), LEN, "send from the region");
	is(recv(sv[1], base + LEN, LEN, MSG_WAITALL), LEN, "recv into it");
	ok(filled(base + LEN, LEN, 5), "the same bytes");
	close(sv[0]);
	close(sv[1]);
}

/* Every road into a read-only attachment. */
static void test_readonly(void)
{
	int ro = view_open(NAME, "ro", O_RDONLY);
	struct iovec iov = { base, bytes };
	struct iovec remote = { base, 8 };
	uint64_t word = 1;
	struct iovec local = { &word, 8 };
	int mem, sv[2];

	io_uring_unregister_buffers(&ring);
	munmap(base, WINDOW);
	ok(attach(ro, PROT_READ) == base, "attach read-only");
	is(pwrite(disk, base, LEN, 0), LEN, "O_DIRECT write from it works");
	is(pread(disk, base, LEN, 0), -1, "O_DIRECT read into it fails");
	is(errno, EFAULT, "(EFAULT)");
	is(ring_op(prep_read, base), -EFAULT, "io_uring read into it");
	ok(io_uring_register_buffers(&ring, &iov, 1) < 0, "no fixed buffer");
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, sv))
		bail("socketpair: %s", strerror(errno));
	is(send(sv[0], base, 4096, 0), 4096, "send from it works");
	is(recv(sv[1], base, 4096, 0), -1, "recv into it fails");
	mem = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	is(pwrite(mem, &word, 8, (intptr_t)base), -1, "/proc/self/mem");
	close(mem);
	is(process_vm_writev(getpid(), &local, 1, &remote, 1, 0), -1, "process_vm_writev");
	ok(filled(base, 4096, 5), "a read into read-only memory has written nothing");
	close(sv[0]);
	close(sv[1]);
	close(ro);
	munmap(base, WINDOW);
}

static void test_size(uint64_t size)
{
	long before = pages_free(size);
	int fd;

	diag("pages of %lu KiB", (unsigned long)size >> 10);
	bytes = size == SZ_1G ? size : two_of(size);
	fd = region_with(NAME, size, bytes);
	base = attach(fd, PROT_READ | PROT_WRITE);
	if (io_uring_queue_init(8, &ring, 0))
		bail("io_uring_queue_init");
	test_direct();
	test_fixed();
	test_after_demotion(fd, size);
	test_sockets();
	test_readonly();
	io_uring_queue_exit(&ring);
	region_unlink(NAME);
	close(fd);
	/* The ring lets go of its buffers in its own time. */
	for (int ms = 0; ms < 10000 && pages_free(size) != before; ms++)
		usleep(1000);
	is(pages_free(size), before, "all pages are back");
}

int main(int argc, char **argv)
{
	const char *path = getenv("VM_DISK0");

	peer_main(argc, argv);
	if (!path)
		bail("set VM_DISK0 to a disk that may be overwritten");
	disk = open(path, O_RDWR | O_DIRECT | O_CLOEXEC);
	if (disk < 0)
		bail("open %s: %s", path, strerror(errno));
	reserve_2m(16);
	need_1g(1);
	test_size(SZ_4K);
	test_size(SZ_2M);
	test_size(SZ_1G);
	close(disk);
	return done_testing();
}
