// SPDX-License-Identifier: MIT
/* vm: long */
/*
 * Goal: I/O to and from a region works, with direct and registered buffers on a real NVMe
 * disk and with sockets, and no I/O writes to a read-only view. $VM_DISK0 names a disk
 * that may be overwritten.
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

/* A walk of the tables at the same moment can cause one -EFAULT: try again. */
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
	is(pwrite(disk, base, LEN, 0), LEN, "an O_DIRECT write from the region succeeds");
	memset(base, 0, LEN);
	is(direct_read(base + SZ_2M / 2, 0), LEN, "an O_DIRECT read into the region succeeds");
	ok(filled(base + SZ_2M / 2, LEN, 1), "an O_DIRECT read gives the bytes that were written");
	is(ring_op(prep_read, base), LEN, "a read by io_uring into the region succeeds");
	ok(filled(base, LEN, 1), "a read by io_uring gives the bytes that were written");
}

static bool registered;

static void test_fixed(void)
{
	struct iovec iov = { base, bytes };
	int ret = io_uring_register_buffers(&ring, &iov, 1);

	registered = ret != -EFAULT || !pins_by_mapping(&ring);
	if (!registered) {
		skip("this kernel refuses to register buffers of a region");
		return;
	}
	is(ret, 0,
	   "%lu MiB of the region can be registered as a fixed buffer", (unsigned long)bytes >> 20);
	fill(base, LEN, 2);
	is(ring_op(prep_write_fixed, base), LEN, "a write from the fixed buffer succeeds");
	is(ring_op(prep_read_fixed, base + bytes - LEN), LEN,
	   "a read into the end of the fixed buffer succeeds");
	ok(filled(base + bytes - LEN, LEN, 2),
	   "a read into the fixed buffer gives the bytes that were written");
}

/* After a demotion the registered buffer and the addresses still work. */
static void test_after_demotion(int fd, uint64_t size)
{
	peer_read_file("/proc/self/smaps");
	ok(!view_region(fd).demotions == (size != SZ_1G),
	   "reading smaps demotes leaves of 1 GiB and no others");
	fill(base, LEN, 4);
	is(ring_op(registered ? prep_write_fixed : prep_write, base), LEN,
	   "a write from the %s succeeds after smaps was read",
	   registered ? "fixed buffer" : "region by io_uring");
	memset(base, 0, LEN);
	is(direct_read(base, 0), LEN, "an O_DIRECT read succeeds after smaps was read");
	ok(filled(base, LEN, 4), "an O_DIRECT read after smaps was read gives the right bytes");
}

static void test_sockets(void)
{
	int sv[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, sv))
		bail("socketpair: %s", strerror(errno));
	fill(base, LEN, 5);
	is(send(sv[0], base, LEN, 0), LEN, "send from the region succeeds");
	is(recv(sv[1], base + LEN, LEN, MSG_WAITALL), LEN, "recv into the region succeeds");
	ok(filled(base + LEN, LEN, 5), "recv gives the bytes that were sent");
	close(sv[0]);
	close(sv[1]);
}

/* Nothing can write into a read-only attachment. */
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
	ok(attach(ro, PROT_READ) == base, "the view ro is attached");
	is(pwrite(disk, base, LEN, 0), LEN,
	   "an O_DIRECT write from a read-only attachment succeeds");
	is(pread(disk, base, LEN, 0), -1, "an O_DIRECT read into a read-only attachment fails");
	is(errno, EFAULT, "the error of an O_DIRECT read into a read-only attachment is EFAULT");
	is(ring_op(prep_read, base), -EFAULT,
	   "a read by io_uring into a read-only attachment gives EFAULT");
	ok(io_uring_register_buffers(&ring, &iov, 1) < 0,
	   "a read-only attachment cannot be registered as a fixed buffer");
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, sv))
		bail("socketpair: %s", strerror(errno));
	is(send(sv[0], base, 4096, 0), 4096, "send from a read-only attachment succeeds");
	is(recv(sv[1], base, 4096, 0), -1, "recv into a read-only attachment fails");
	mem = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	is(pwrite(mem, &word, 8, (intptr_t)base), -1,
	   "a write of /proc/self/mem to a read-only attachment fails");
	close(mem);
	is(process_vm_writev(getpid(), &local, 1, &remote, 1, 0), -1,
	   "process_vm_writev to a read-only attachment fails");
	ok(filled(base, 4096, 5), "no refused call has written to the read-only attachment");
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
	/* The kernel frees the ring's buffers some time after its end. */
	for (int ms = 0; ms < 10000 && pages_free(size) != before; ms++)
		usleep(1000);
	is(pages_free(size), before, "all pages are free at the end");
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
