// SPDX-License-Identifier: MIT
/*
 * What a debugger sees and may do: ptrace and /proc/PID/mem on a process that
 * has a view attached, across pages, into holes, and no further than its leaves.
 *
 * timeout: 300
 */
#include "views.h"

#include <sys/ptrace.h>
#include <sys/uio.h>

#define NAME "test-debugger"

static struct peer peer;
static uint64_t page;
static char *base, *own;	/* the peer's address of it, and the same memory here */
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
	is(peek(base, &value), 0, "PEEKDATA of the first word");
	is(value, *(long *)own, "PEEKDATA gives what is there");
	*(long *)(own + 2 * page - 8) = 0x1122334455667788;
	is(peek(base + 2 * page - 8, &value), 0, "PEEKDATA of the last word");
	is(value, 0x1122334455667788, "POKEDATA stores what it is given");
	memcpy(own + page - 4, "\1\2\3\4\5\6\7\10", 8);
	is(peek(base + page - 4, &value), 0, "PEEKDATA across a border of pages");
	is(value, 0x0807060504030201, "PEEKDATA across two pages has the bytes of both");
	is(peek(base + 2 * page - 4, &value), -EIO, "PEEKDATA half in a hole");
	is(peek(base + 2 * page, &value), -EIO, "PEEKDATA in a hole");
}

static void test_mem_read(void)
{
	static char buf[65536], want[65536];

	for (size_t i = 0; i < sizeof(want); i++)
		want[i] = i % 251;
	memcpy(own + page - 1000, want, 2000);
	memset(buf, 0, sizeof(buf));
	is(mem_read(base + page - 1000, buf, 2000), 2000, "mem: a read across a border of pages");
	ok(!memcmp(buf, want, 2000), "mem: what was read has all its bytes");
	memcpy(own + 2 * page - 999, want, 999);
	memset(buf, 0, sizeof(buf));
	is(mem_read(base + 2 * page - 999, buf, 2000), 999, "mem: a read ends at a hole");
	ok(!memcmp(buf, want, 999) && !buf[999],
	   "the read that ends at a hole gives all bytes before it");
	is(mem_read(base + 2 * page, buf, 1), -EIO, "mem: a hole");
	is(mem_read(base + 2 * page - 1, buf, 1), 1, "mem: the last byte of memory");
}

/* More than the core's buffer of a page at a time, at no round address. */
static void test_long_read(void)
{
	size_t len = page < 65536 ? 2 * page - 3 : 65536;
	char *buf = malloc(len);

	for (size_t i = 0; i < len; i++)
		own[3 + i] = i * 7;
	is(mem_read(base + 3, buf, len), (long)len, "mem: a long read");
	ok(!memcmp(own + 3, buf, len), "mem: what was written has all its bytes");
	free(buf);
}

/* Page 0 may be written, page 1 only read; what ptrace may override ends here. */
static void test_writes(void)
{
	static char bytes[2000];
	long value;

	memset(own, 0, 8);
	is(poke(base, 0x1234), 0, "POKEDATA in a writable page");
	is(*(long *)own, 0x1234, "arrives");
	*(long *)(own + page) = 99;
	is(poke(base + page, 0x1234), -EIO, "POKEDATA in a page to read");
	is(*(long *)(own + page), 99, "POKEDATA leaves a read-only page alone");
	*(long *)(own + page - 4) = 0;
	memcpy(own + page, "keep", 4);
	is(poke(base + page - 4, -1), -EIO, "POKEDATA across the border");
	ok(!memcmp(own + page, "keep", 4), "mem: a write leaves a read-only page alone");
	is(poke(base + 2 * page, 1), -EIO, "POKEDATA in a hole");

	memset(bytes, 0x77, sizeof(bytes));
	is(mem_write(base + 100, bytes, 2000), 2000, "mem: a write to a writable page");
	ok(!memcmp(own + 100, bytes, 2000), "arrives");
	is(mem_write(base + page - 50, bytes, 2000), 50, "mem: a write ends at a page to read");
	ok(!memcmp(own + page - 50, bytes, 50) && !memcmp(own + page, "keep", 4),
	   "the write that ends at a read-only page stores all bytes before it");
	is(mem_write(base + page, bytes, 2000), -EIO, "mem: a page to read");
	is(mem_write(base + 2 * page, bytes, 1), -EIO, "mem: a hole");
	ok(!memcmp(own + page, "keep", 4), "mem: nothing was written to the read-only page");
	is(peek(base + page, &value), 0, "a read-only page that was not written can still be read");
}

static void test_vm(void)
{
	uint64_t word = 1;
	struct iovec local = { &word, 8 }, remote = { base, 8 };

	is(process_vm_readv(peer.pid, &local, 1, &remote, 1, 0), -1,
	   "process_vm_readv does not know how");
	is(errno, EFAULT, "(EFAULT)");
	is(process_vm_writev(peer.pid, &local, 1, &remote, 1, 0), -1,
	   "process_vm_writev into the region fails");
	is(errno, EFAULT, "(EFAULT)");
}

/* In its tables: a demoted leaf says the same. */
static void test_demoted(int fd)
{
	char path[64];
	long value;

	snprintf(path, sizeof(path), "/proc/%d/smaps", peer.pid);
	ok(peer_read_file(path) > 0 && view_region(fd).demotions, "a leaf is demoted");
	*(long *)(own + page / 2 + 8) = 4711;
	is(peek(base + page / 2 + 8, &value), 0, "PEEKDATA within it");
	is(value, 4711, "PEEKDATA gives what is there after a demotion");
	is(poke(base + page / 2 + 8, 4712), 0, "POKEDATA within it");
	is(*(long *)(own + page / 2 + 8), 4712, "arrives");
	is(poke(base + page + page / 2, 1), -EIO, "POKEDATA in the one to read");
}

/* The core asks for bytes beyond the mapping as well. */
static void test_slot_end(void)
{
	long value;
	char c;

	is(peek(base + WINDOW - 8, &value), 0, "PEEKDATA of the window's last word");
	is(value, *(long *)(own + WINDOW - 8), "PEEKDATA of the last word gives what is there");
	is(peek(base + WINDOW - 4, &value), -EIO, "PEEKDATA half beyond the window");
	is(mem_read(base + WINDOW - 1, &c, 1), 1, "mem: the window's last byte");
	is(mem_read(base + WINDOW - 1, &value, 2), 1, "mem: a read ends with the window");
	is(poke(base + WINDOW - 8, 0x4321), 0, "POKEDATA of the window's last word");
	is(*(long *)(own + WINDOW - 8), 0x4321, "arrives");
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
	is(donate(fd, page, 2 * page, 0), 0, "two pages of memory");
	is(layout_add(NAME, "mixed", "wr.", page), 0, "a view of both, and a hole");
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
	is(donate(fd, SZ_4K, SZ_4K, WINDOW - SZ_4K), 0, "a page of memory");
	is(view_add(NAME, "mixed", &r, 1), 0, "a view of it");
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
