// SPDX-License-Identifier: MIT
/* vm: long */
/*
 * Goal: a debugger can access the memory of an attached view by ptrace and /proc/PID/mem,
 * also across pages and up to holes, but only as the view's leaves allow.
 *
 * timeout: 300
 */
#include "views.h"

#include <sys/ptrace.h>
#include <sys/uio.h>

#define NAME "test-debugger"

static struct peer peer;
static uint64_t page;
static char *base, *own;	/* the address in the peer, and the same memory here */
static int mem;

static long peek(const char *at, long *value)
{
	errno = 0;
	*value = ptrace(PTRACE_PEEKDATA, peer.pid, at, NULL);
	return errno ? -errno : 0;
}

static long poke(const char *at, long value)
{
	return ptrace(PTRACE_POKEDATA, peer.pid, at, value) ? -errno : 0;
}

static long mem_read(const char *at, void *to, size_t len)
{
	ssize_t n = pread(mem, to, len, (intptr_t)at);

	return n < 0 ? -errno : n;
}

static long mem_write(const char *at, const void *from, size_t len)
{
	ssize_t n = pwrite(mem, from, len, (intptr_t)at);

	return n < 0 ? -errno : n;
}

static void stop_peer(void)
{
	int status;

	if (ptrace(PTRACE_SEIZE, peer.pid, NULL, NULL) ||
	    ptrace(PTRACE_INTERRUPT, peer.pid, NULL, NULL) ||
	    waitpid(peer.pid, &status, __WALL) != peer.pid || !WIFSTOPPED(status))
		bail("ptrace: %s", strerror(errno));
}

static void test_peek(void)
{
	long value;

	fill(own, 2 * page, 1);
	is(peek(base, &value), 0, "PEEKDATA of the first word succeeds");
	is(value, *(long *)own, "PEEKDATA gives the first word");
	*(long *)(own + 2 * page - 8) = 0x1122334455667788;
	is(peek(base + 2 * page - 8, &value), 0, "PEEKDATA of the last word succeeds");
	is(value, 0x1122334455667788, "POKEDATA stores what it is given");
	memcpy(own + page - 4, "\1\2\3\4\5\6\7\10", 8);
	is(peek(base + page - 4, &value), 0, "PEEKDATA across two pages succeeds");
	is(value, 0x0807060504030201, "PEEKDATA across two pages has the bytes of both");
	is(peek(base + 2 * page - 4, &value), -EIO, "PEEKDATA of a word half in a hole gives EIO");
	is(peek(base + 2 * page, &value), -EIO, "PEEKDATA in a hole gives EIO");
}

static void test_mem_read(void)
{
	static char buf[65536], want[65536];

	for (size_t i = 0; i < sizeof(want); i++)
		want[i] = i % 251;
	memcpy(own + page - 1000, want, 2000);
	memset(buf, 0, sizeof(buf));
	is(mem_read(base + page - 1000, buf, 2000), 2000,
	   "a read of /proc/PID/mem across two pages succeeds");
	ok(!memcmp(buf, want, 2000),
	   "a read of /proc/PID/mem across two pages gives the right bytes");
	memcpy(own + 2 * page - 999, want, 999);
	memset(buf, 0, sizeof(buf));
	is(mem_read(base + 2 * page - 999, buf, 2000), 999,
	   "a read of /proc/PID/mem ends at a hole");
	ok(!memcmp(buf, want, 999) && !buf[999],
	   "a read of /proc/PID/mem that ends at a hole gives all bytes before it");
	is(mem_read(base + 2 * page, buf, 1), -EIO, "a read of /proc/PID/mem in a hole gives EIO");
	is(mem_read(base + 2 * page - 1, buf, 1), 1,
	   "a read of the last byte before a hole succeeds");
}

/* A read that is longer than the kernel's buffer of one page, at an odd address. */
static void test_long_read(void)
{
	size_t len = page < 65536 ? 2 * page - 3 : 65536;
	char *buf = malloc(len);

	for (size_t i = 0; i < len; i++)
		own[3 + i] = i * 7;
	is(mem_read(base + 3, buf, len), (long)len, "a long read of /proc/PID/mem succeeds");
	ok(!memcmp(own + 3, buf, len), "a long read of /proc/PID/mem gives the right bytes");
	free(buf);
}

/* Page 0 is writable, page 1 is not, which ptrace must not override. */
static void test_writes(void)
{
	static char bytes[2000];
	long value;

	memset(own, 0, 8);
	is(poke(base, 0x1234), 0, "POKEDATA in a writable page succeeds");
	is(*(long *)own, 0x1234, "the word that POKEDATA stored is in the region");
	*(long *)(own + page) = 99;
	is(poke(base + page, 0x1234), -EIO, "POKEDATA in a read-only page gives EIO");
	is(*(long *)(own + page), 99, "POKEDATA does not change a read-only page");
	*(long *)(own + page - 4) = 0;
	memcpy(own + page, "keep", 4);
	is(poke(base + page - 4, -1), -EIO,
	   "POKEDATA of a word half in a read-only page gives EIO");
	ok(!memcmp(own + page, "keep", 4),
	   "POKEDATA across two pages does not change the read-only one");
	is(poke(base + 2 * page, 1), -EIO, "POKEDATA in a hole gives EIO");

	memset(bytes, 0x77, sizeof(bytes));
	is(mem_write(base + 100, bytes, 2000), 2000,
	   "a write of /proc/PID/mem to a writable page succeeds");
	ok(!memcmp(own + 100, bytes, 2000), "the bytes written to /proc/PID/mem are in the region");
	is(mem_write(base + page - 50, bytes, 2000), 50,
	   "a write of /proc/PID/mem ends at a read-only page");
	ok(!memcmp(own + page - 50, bytes, 50) && !memcmp(own + page, "keep", 4),
	   "a write of /proc/PID/mem that ends at a read-only page stores all bytes before it");
	is(mem_write(base + page, bytes, 2000), -EIO,
	   "a write of /proc/PID/mem to a read-only page gives EIO");
	is(mem_write(base + 2 * page, bytes, 1), -EIO,
	   "a write of /proc/PID/mem in a hole gives EIO");
	ok(!memcmp(own + page, "keep", 4), "a refused write of /proc/PID/mem changes nothing");
	is(peek(base + page, &value), 0, "a read-only page that was not written can still be read");
}

static void test_vm(void)
{
	uint64_t word = 1;
	struct iovec local = { &word, 8 }, remote = { base, 8 };

	is(process_vm_readv(peer.pid, &local, 1, &remote, 1, 0), -1,
	   "process_vm_readv from the region fails");
	is(errno, EFAULT, "the error of process_vm_readv from the region is EFAULT");
	is(process_vm_writev(peer.pid, &local, 1, &remote, 1, 0), -1,
	   "process_vm_writev into the region fails");
	is(errno, EFAULT, "the error of process_vm_writev into the region is EFAULT");
}

/* A demoted leaf allows the same as the leaf before. */
static void test_demoted(int fd)
{
	char path[64];
	long value;

	snprintf(path, sizeof(path), "/proc/%d/smaps", peer.pid);
	ok(peer_read_file(path) > 0 && view_region(fd).demotions, "a leaf is demoted");
	*(long *)(own + page / 2 + 8) = 4711;
	is(peek(base + page / 2 + 8, &value), 0, "PEEKDATA within a demoted leaf succeeds");
	is(value, 4711, "PEEKDATA within a demoted leaf gives the right word");
	is(poke(base + page / 2 + 8, 4712), 0, "POKEDATA within a demoted leaf succeeds");
	is(*(long *)(own + page / 2 + 8), 4712, "POKEDATA within a demoted leaf stores the word");
	is(poke(base + page + page / 2, 1), -EIO,
	   "POKEDATA within a demoted read-only leaf gives EIO");
}

/* The kernel also asks the module for bytes beyond the mapping. */
static void test_slot_end(void)
{
	long value;
	char c;

	is(peek(base + WINDOW - 8, &value), 0, "PEEKDATA of the window's last word succeeds");
	is(value, *(long *)(own + WINDOW - 8), "PEEKDATA gives the window's last word");
	is(peek(base + WINDOW - 4, &value), -EIO,
	   "PEEKDATA of a word half beyond the window gives EIO");
	is(mem_read(base + WINDOW - 1, &c, 1), 1, "a read of the window's last byte succeeds");
	is(mem_read(base + WINDOW - 1, &value, 2), 1,
	   "a read of /proc/PID/mem ends with the window");
	is(poke(base + WINDOW - 8, 0x4321), 0, "POKEDATA of the window's last word succeeds");
	is(*(long *)(own + WINDOW - 8), 0x4321, "POKEDATA stores the window's last word");
}

static void attach_peer(void)
{
	char path[64];

	peer = view_peer(NAME, "mixed", PROT_READ | PROT_WRITE);
	base = own;	/* at the same address in every process */
	snprintf(path, sizeof(path), "/proc/%d/mem", peer.pid);
	mem = open(path, O_RDWR | O_CLOEXEC);
	if (mem < 0)
		bail("%s: %s", path, strerror(errno));
}

static void end_peer(int fd)
{
	close(mem);
	peer_kill(&peer);
	munmap(own, WINDOW);
	close(fd);
	region_unlink(NAME);
}

static void test_size(uint64_t size)
{
	int fd;

	page = size;
	diag("pages of %lu KiB", (unsigned long)page >> 10);
	region_anew(NAME, page, 3 * page);
	fd = view_open(NAME, "rw", O_RDWR);
	is(donate(fd, page, 2 * page, 0), 0, "two pages are exported");
	is(layout_add(NAME, "mixed", "wr.", page), 0, "a view of both pages and a hole is added");
	own = attach(fd, PROT_READ | PROT_WRITE);
	attach_peer();
	stop_peer();
	test_peek();
	test_mem_read();
	test_long_read();
	test_writes();
	test_vm();
	if (page == SZ_1G)
		test_demoted(fd);
	end_peer(fd);
}

static void test_end(void)
{
	struct msharearena_range r = {
		.offset = WINDOW - SZ_4K, .length = SZ_4K, .prot = PROT_RW,
	};
	int fd;

	diag("the last page of a window");
	region_anew(NAME, SZ_4K, WINDOW);
	fd = view_open(NAME, "rw", O_RDWR);
	is(donate(fd, SZ_4K, SZ_4K, WINDOW - SZ_4K), 0, "the window's last page is exported");
	is(view_add(NAME, "mixed", &r, 1), 0, "a view of the window's last page is added");
	own = attach(fd, PROT_READ | PROT_WRITE);
	attach_peer();
	stop_peer();
	test_slot_end();
	end_peer(fd);
}

int main(int argc, char **argv)
{
	peer_main(argc, argv);
	reserve_2m(16);
	need_1g(2);
	test_size(SZ_4K);
	test_size(SZ_2M);
	test_size(SZ_1G);
	test_end();
	return done_testing();
}
