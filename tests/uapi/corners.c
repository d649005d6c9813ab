// SPDX-License-Identifier: MIT
/* vm: long */
/*
 * Goal: rare uses of a mapping are refused, or count as a use of the memory: rings and
 * provided buffers of an io_uring that lie in the region, packet sockets' memory,
 * personalities that make all memory executable, processes that may make none executable,
 * and marking pages idle.
 * timeout: 300
 */
#include "busy.h"
#include "pins.h"
#include "witness.h"

#include <liburing.h>
#include <linux/if_xdp.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/statvfs.h>

#define NAME "test-corners"
#define RW (PROT_READ | PROT_WRITE)
#define QUIET_MS 30000

#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#define PR_MDWE_REFUSE_EXEC_GAIN 1
#endif

/* Wait until no page of the region is busy. */
static void quiet(const char *what)
{
	is(idle_within(region, 0, bytes, QUIET_MS), 0, "no page is busy after %s", what);
}

/* A ring in memory of the caller, which uses it as long as a descriptor is open. */
static int ring_in_region(struct io_uring_params *p)
{
	*p = (struct io_uring_params){
		.flags = IORING_SETUP_NO_MMAP,
		.sq_off.user_addr = (uintptr_t)base,
		.cq_off.user_addr = (uintptr_t)base + 4096,
	};
	return io_uring_setup(4, p);
}

static int ring_nop(int fd, const struct io_uring_params *p)
{
	struct io_uring_sqe *sqe = (void *)base;
	char *rings = base + 4096;
	uint32_t *tail = (void *)(rings + p->sq_off.tail);
	struct io_uring_cqe *cqe = (void *)(rings + p->cq_off.cqes);

	*sqe = (struct io_uring_sqe){ .opcode = IORING_OP_NOP, .user_data = 77 };
	((uint32_t *)(rings + p->sq_off.array))[0] = 0;
	__atomic_store_n(tail, 1, __ATOMIC_RELEASE);
	if (io_uring_enter(fd, 1, 1, IORING_ENTER_GETEVENTS, NULL) != 1)
		return -errno;
	return cqe->user_data == 77 ? cqe->res : -EBADMSG;
}

static void test_ring(void)
{
	struct io_uring_params p;
	struct busy b;
	int fd = ring_in_region(&p);

	if (fd == -EINVAL) {
		skip("this kernel cannot put a ring into a region (IORING_SETUP_NO_MMAP)");
		return;
	}
	ok(fd >= 0, "an io_uring can be set up in the region");
	is(ring_nop(fd, &p), 0, "a ring in the region works");
	is(get_busy(region, 0, bytes, 0, &b), 0, "GET_BUSY succeeds while a ring is in the region");
	is(b.first, 0, "the first page of a ring in the region is busy");
	/* Small pages may belong to one folio, which is in use as a whole. */
	ok(b.bytes == page_size || (page_size == SZ_4K && (b.bytes == 2 * SZ_4K ||
							   b.bytes == SZ_2M)),
	   "no pages but those of the ring are busy");
	munmap(base, WINDOW);
	ok(!get_busy(region, 0, bytes, 0, &b) && b.bytes,
	   "the ring's pages stay busy after the process detached the region");
	close(fd);
	quiet("the ring in the region was closed");
	base = attach(region, RW);
	fill(base, bytes, WITNESS_SEED);
	unhurt("using a ring in the region");
}

static void test_buffer_ring(void)
{
	struct io_uring_buf_reg reg = { .ring_addr = (uintptr_t)base, .ring_entries = 64 };
	struct io_uring ring;
	struct busy b;
	int ret;

	if (io_uring_queue_init(4, &ring, 0))
		bail("io_uring_queue_init");
	ret = io_uring_register_buf_ring(&ring, &reg, 0);
	if (ret == -EFAULT && pins_by_mapping(&ring)) {
		skip("this kernel refuses provided buffers in a region");
		io_uring_queue_exit(&ring);
		return;
	}
	is(ret, 0, "a ring of provided buffers can be set up in the region");
	ok(!get_busy(region, 0, page_size, 0, &b) && b.bytes == page_size,
	   "the ring of provided buffers makes its page busy");
	is(io_uring_unregister_buf_ring(&ring, 0), 0,
	   "the ring of provided buffers is unregistered");
	quiet("the ring of provided buffers was unregistered");
	io_uring_queue_exit(&ring);
	unhurt("using provided buffers in the region");
}

/* AF_XDP pins memory by slow GUP, which refuses a mapping like ours. */
static void test_xdp(void)
{
	struct xdp_umem_reg umem = {
		.addr = (uintptr_t)base,
		.len = 16 * 4096,
		.chunk_size = 4096,
	};
	int fd = socket(AF_XDP, SOCK_RAW, 0);

	if (fd < 0) {
		skip("AF_XDP cannot be used: %s", strerror(errno));
		return;
	}
	ok(setsockopt(fd, SOL_XDP, XDP_UMEM_REG, &umem, sizeof(umem)) == -1 && errno == EFAULT,
	   "AF_XDP refuses the region as memory for packets");
	close(fd);
	quiet("AF_XDP refused the region");
	unhurt("AF_XDP refused the region");
}

/* ---- no mapping of a region may become executable ---- */

/* A child attaches; returns 0, the errno of its mmap, or 1000 if it is executable. */
static int attach_in_child(int node, int (*prepare)(void))
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		char line[256];
		bool exec = false;
		FILE *f;

		if (prepare())
			_exit(250);
		if (mmap(NULL, WINDOW, PROT_READ, MAP_SHARED, node, 0) == MAP_FAILED)
			_exit(errno);
		f = fopen("/proc/self/maps", "re");
		while (f && fgets(line, sizeof(line), f))
			exec |= strstr(line, NAME) && strstr(line, "r-x");
		_exit(exec ? 251 : 0);
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 252;
}

static int everything_executable(void)
{
	return personality(READ_IMPLIES_EXEC) < 0;
}

static int nothing_executable(void)
{
	return prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0L, 0L, 0L);
}

static void test_exec(void)
{
	int node = view_open(NAME, "rw", O_RDWR);
	struct statvfs st;
	bool noexec = !fstatvfs(node, &st) && st.f_flag & ST_NOEXEC;

	is(attach_in_child(node, everything_executable), noexec ? 0 : EACCES,
	   "attaching with READ_IMPLIES_EXEC %s",
	   noexec ? "from a noexec /dev makes nothing executable" : "gives EACCES");
	is(attach_in_child(node, nothing_executable), 0, "a process with PR_SET_MDWE can attach");
	close(node);
	unhurt("attaching with other personalities");
}

/* ---- root marks all pages of the machine idle ---- */

static void test_idle_bitmap(void)
{
	int fd = open("/sys/kernel/mm/page_idle/bitmap", O_RDWR | O_CLOEXEC);
	uint64_t all[512];
	ssize_t wrote;
	off_t n = 0;

	if (fd < 0) {
		skip("this kernel cannot mark pages idle (page_idle)");
		return;
	}
	memset(all, 0xff, sizeof(all));
	while ((wrote = pwrite(fd, all, sizeof(all), n)) > 0)
		n += wrote;
	ok(n > 0, "every page of the machine is marked idle");
	close(fd);
	unhurt("marking all pages idle");
}

static void test_size(uint64_t size)
{
	witness_begin(NAME, size);
	test_ring();
	test_buffer_ring();
	test_xdp();
	test_exec();
	test_idle_bitmap();
	witness_end();
}

int main(int argc, char **argv)
{
	return test_each_size(argc, argv, 16, test_size);
}
