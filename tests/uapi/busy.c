// SPDX-License-Identifier: MIT
/* vm: long */
/*
 * Goal: exactly the pages that are used are busy, and only while they are: pages in a pipe,
 * registered buffers, data that TCP has not sent, buffers of a slow disk's I/O, also those
 * of a process that was killed. $VM_DISK0 names a disk that may be overwritten.
 * timeout: 600
 */
#include "busy.h"
#include "pins.h"

#include <liburing.h>
#include <netinet/in.h>
#include <sys/sysmacros.h>

#define NAME "test-busy"
#define RW (PROT_READ | PROT_WRITE)
#define MANY (256 * 1024UL)	/* bytes of an operation */
#define PATIENT 60000		/* ms for uses that the kernel ends in its own time */

static uint64_t page_size, bytes;
static int region;
static char *base;

/* The bytes of the pages of [at, at + len). */
static uint64_t whole_pages(uint64_t at, uint64_t len)
{
	uint64_t from = at & -page_size, to = (at + len + page_size - 1) & -page_size;

	return to - from;
}

static bool uses(uint64_t at, uint64_t len)
{
	return busy_is(region, 0, bytes, whole_pages(at, len), at & -page_size);
}

/* Wait until all uses have ended, while nobody begins a new one. */
static void ends(const char *what)
{
	is(idle_within(region, 0, bytes, PATIENT), 0, "%s", what);
}

static void test_pipe(void)
{
	uint64_t at = bytes / 2 + page_size - 4096, page = at & -page_size;
	struct hold a = hold_pages(base + at, 100), b;

	ok(uses(at, 100), "100 bytes in a pipe make their page busy");
	ok(busy_is(region, page, page_size, page_size, page),
	   "GET_BUSY of the busy page alone finds it");
	ok(idle(region, 0, page), "no page before the busy page is busy");
	ok(page + page_size == bytes || idle(region, page + page_size, bytes - page - page_size),
	   "no page behind the busy page is busy");
	b = hold_pages(base, 1);
	ok(busy_is(region, 0, bytes, 2 * page_size, 0), "two pages in pipes are busy");
	hold_end(&a);
	ok(busy_is(region, 0, bytes, page_size, 0),
	   "only the second page is busy after the first pipe was read");
	a = hold_pages(base + 8, 1);
	hold_end(&b);
	ok(busy_is(region, 0, bytes, page_size, 0),
	   "a page with two uses is busy after one of them has ended");
	hold_end(&a);
	ok(idle(region, 0, bytes), "nothing is busy after both uses have ended");
}

/* Register a buffer; returns 0, or -EFAULT on kernels that refuse buffers of a region. */
static int registers(struct io_uring *ring, const struct iovec *iov)
{
	int ret = io_uring_register_buffers(ring, iov, 1);

	if (ret && (ret != -EFAULT || !pins_by_mapping(ring)))
		bail("a registered buffer: %s", strerror(-ret));
	return ret;
}

static void test_registered(void)
{
	struct iovec iov = { base + bytes / 2, MANY };
	struct io_uring ring;

	for (int i = 0; i < 2; i++) {
		if (io_uring_queue_init(8, &ring, 0))
			bail("a ring");
		if (registers(&ring, &iov)) {
			skip("this kernel refuses to register buffers of a region");
			io_uring_queue_exit(&ring);
			return;
		}
		ok(uses(bytes / 2, MANY), "a registered buffer without I/O is busy");
		if (i)
			io_uring_unregister_buffers(&ring);
		io_uring_queue_exit(&ring);
		ends(i ? "a registered buffer is idle after it was unregistered" :
		     "a registered buffer is idle after its ring has ended");
	}
}

/* ---- TCP ---- */

static int tcp[2];	/* a sender, and a receiver with a small buffer */

static void tcp_begin(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int little = 4096, much = 4 << 20, one = 1;
	socklen_t len = sizeof(a);

	tcp[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (setsockopt(server, SOL_SOCKET, SO_RCVBUF, &little, sizeof(little)) ||
	    bind(server, (void *)&a, sizeof(a)) || listen(server, 1) ||
	    getsockname(server, (void *)&a, &len) ||
	    setsockopt(tcp[0], SOL_SOCKET, SO_SNDBUFFORCE, &much, sizeof(much)) ||
	    setsockopt(tcp[0], SOL_SOCKET, SO_ZEROCOPY, &one, sizeof(one)) ||
	    connect(tcp[0], (void *)&a, sizeof(a)))
		bail("TCP on the loopback: %s", strerror(errno));
	tcp[1] = accept4(server, NULL, NULL, SOCK_CLOEXEC);
	close(server);
}

static void tcp_send(bool by_ring, struct io_uring *ring)
{
	struct io_uring_sqe *sqe;

	if (!by_ring) {
		is(send(tcp[0], base + bytes / 2, MANY, MSG_ZEROCOPY), MANY,
		   "send with MSG_ZEROCOPY succeeds");
		return;
	}
	if (io_uring_queue_init(8, ring, 0))
		bail("io_uring_queue_init");
	sqe = io_uring_get_sqe(ring);
	io_uring_prep_send_zc(sqe, tcp[0], base + bytes / 2, MANY, 0, 0);
	is(io_uring_submit(ring), 1, "SEND_ZC is submitted");
}

static void tcp_drain(void)
{
	static char buf[MANY];
	size_t left = MANY;

	while (left) {
		ssize_t n = read(tcp[1], buf, left);

		if (n <= 0)
			bail("read from TCP: %s", strerror(errno));
		left -= n;
	}
}

static void test_tcp(void)
{
	struct io_uring ring;

	for (int i = 0; i < 4; i++) {
		bool by_ring = i & 1, reads = i & 2;
		struct busy b;

		tcp_begin();
		tcp_send(by_ring, &ring);
		is(get_busy(region, 0, bytes, 0, &b), 0,
		   "GET_BUSY succeeds while TCP has unsent data");
		ok(b.bytes >= page_size && b.bytes <= whole_pages(bytes / 2, MANY) &&
		   b.first >= bytes / 2 && b.first < bytes / 2 + MANY,
		   "no more is busy than TCP has to send");
		if (reads)
			tcp_drain();
		close(tcp[1]);
		ends(reads ? "data is idle after TCP's peer has read it" :
		     "unsent data is idle after TCP's peer has gone");
		close(tcp[0]);
		if (by_ring)
			io_uring_queue_exit(&ring);
	}
}

/* A socket that its owner closed continues to send, and keeps the pages busy. */
static void test_tcp_orphan(void)
{
	struct io_uring ring;
	struct busy b;

	tcp_begin();
	tcp_send(false, &ring);
	close(tcp[0]);
	ok(!get_busy(region, 0, bytes, 0, &b) && b.bytes >= page_size,
	   "unsent data of a closed socket is busy");
	tcp_drain();
	close(tcp[1]);
	ends("data of a closed socket is idle after TCP's peer has read it");
}

/* ---- a disk that is slow because of a cgroup's limit ---- */

#define CG "/sys/fs/cgroup/"

static bool cg_write(const char *file, const char *text)
{
	int fd = open(file, O_WRONLY | O_CLOEXEC);
	bool good = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return good;
}

static bool disk_limit(const char *limit)
{
	struct stat st;
	char text[96];

	if (stat(getenv("VM_DISK0"), &st))
		bail("VM_DISK0: %s", strerror(errno));
	snprintf(text, sizeof(text), "%u:%u rbps=%s wbps=%s", major(st.st_rdev),
		 minor(st.st_rdev), limit, limit);
	return cg_write(CG "msha/io.max", text);
}

/* The child's part: start an operation, report it, and wait to be killed. */
static void disk_io(bool reads, int told)
{
	int fd = view_open(NAME, "rw", O_RDWR);
	int disk = open(getenv("VM_DISK0"), O_RDWR | O_DIRECT | O_CLOEXEC);
	struct io_uring_sqe *sqe;
	struct io_uring ring;

	munmap(base, WINDOW);
	if (!attach(fd, RW) || !cg_write(CG "msha/cgroup.procs", "0") ||
	    io_uring_queue_init(8, &ring, 0))
		_exit(1);
	sqe = io_uring_get_sqe(&ring);
	if (reads)
		io_uring_prep_read(sqe, disk, base + bytes / 2, MANY, 0);
	else
		io_uring_prep_write(sqe, disk, base + bytes / 2, MANY, 0);
	if (io_uring_submit(&ring) != 1 || write(told, "", 1) != 1)
		_exit(2);
	for (;;)
		pause();
}

static void test_disk(bool reads)
{
	int told[2], status;
	pid_t pid;
	char c;

	if (!disk_limit("8192") || pipe2(told, O_CLOEXEC)) {
		skip("this kernel cannot limit I/O to make a disk slow");
		return;
	}
	pid = fork();
	if (!pid)
		disk_io(reads, told[1]);
	close(told[1]);
	is(read(told[0], &c, 1), 1, "a slow O_DIRECT %s begins", reads ? "read" : "write");
	ok(uses(bytes / 2, MANY), "the buffer of a slow disk's I/O is busy");
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	is(status, SIGKILL, "the process with a slow disk's I/O is killed");
	ok(uses(bytes / 2, MANY),
	   "the buffer of a slow disk's I/O is busy after its process was killed");
	disk_limit("max");
	ends("the buffer of a slow disk's I/O is idle after the I/O has ended");
	close(told[0]);
}

/* The pipe of a killed process still exists: its pages are busy until it is read. */
static void test_killed(void)
{
	char buf[4096];
	int fds[2], status;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC))
		bail("a pipe: %s", strerror(errno));
	pid = fork();
	if (!pid) {
		struct iovec iov = { base, 64 };
		int fd = view_open(NAME, "rw", O_RDWR);
		struct iovec reg = { base + bytes / 2, MANY };
		struct io_uring ring;

		munmap(base, WINDOW);
		if (!attach(fd, RW) || io_uring_queue_init(8, &ring, 0))
			_exit(1);
		registers(&ring, &reg);
		if (vmsplice(fds[1], &iov, 1, 0) != 64)
			_exit(1);
		kill(getpid(), SIGKILL);
	}
	waitpid(pid, &status, 0);
	is(status, SIGKILL, "a process is killed with a registered buffer and bytes in a pipe");
	is(idle_within(region, bytes / 2, MANY > page_size ? MANY : page_size, PATIENT), 0,
	   "the registered buffer of a killed process becomes idle");
	ok(busy_is(region, 0, bytes, page_size, 0), "a killed process's page in a pipe is busy");
	is(read(fds[0], buf, sizeof(buf)), 64, "the pipe of a killed process is read");
	ok(idle(region, 0, bytes), "the page is idle after the pipe was read");
	close(fds[0]);
	close(fds[1]);
}

static void test_size(uint64_t size)
{
	long before = pages_free(size);

	diag("pages of %lu KiB", (unsigned long)size >> 10);
	page_size = size;
	bytes = two_of(size);
	region = region_of_pages(NAME, size, bytes);
	base = attach(region, RW);
	test_pipe();
	test_registered();
	test_tcp();
	test_tcp_orphan();
	test_disk(false);
	test_disk(true);
	test_killed();
	munmap(base, WINDOW);
	region_unlink(NAME);
	close(region);
	is(pages_free(size), before, "all pages are free at the end");
}

int main(int argc, char **argv)
{
	peer_main(argc, argv);
	reserve_2m(16);
	need_1g(2);
	if (!getenv("VM_DISK0"))
		bail("set VM_DISK0 to a disk that may be overwritten");
	cg_write(CG "cgroup.subtree_control", "+io");
	mkdir(CG "msha", 0755);
	test_size(SZ_4K);
	test_size(SZ_2M);
	test_size(SZ_1G);
	rmdir(CG "msha");
	return done_testing();
}
