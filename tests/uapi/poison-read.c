// SPDX-License-Identifier: MIT
/*
 * Goal: a debugger that reads a page whose memory has failed gets EIO. /proc/PID/mem and
 * ptrace copy a region's bytes through the kernel's own mapping, where a load from failed
 * memory would be a machine check in the kernel and thus a panic, so the module has to
 * check first whether the page is poisoned. The pages around it can be read and written as
 * before. Pages of 1 GiB are not tested, as the kernel does not take a failed part of one
 * out of use.
 * timeout: 300
 */
#include "poison.h"

#include <sys/ptrace.h>

#define NAME "test-poison-read"
#define RW (PROT_READ | PROT_WRITE)
#define SEED 3

static uint64_t page, bytes;
static char *mine;		/* the memory in the donor */
static struct peer peer;
static intptr_t base;		/* its address in the peer */
static uint64_t frame;
static int region, mem;

/*
 * The place of the failure: in the second page, so that there is one on each side, and in
 * the fourth small page of a huge page.
 */
#define BAD (page + (page > SZ_4K ? 3 * SZ_4K : 0))

static long mem_read(uint64_t at, void *to, size_t len)
{
	ssize_t n = pread(mem, to, len, base + at);

	return n < 0 ? -errno : n;
}

static long mem_write(uint64_t at, const void *from, size_t len)
{
	ssize_t n = pwrite(mem, from, len, base + at);

	return n < 0 ? -errno : n;
}

static void begin(uint64_t size)
{
	char path[64];

	diag("pages of %lu KiB", (unsigned long)size >> 10);
	page = size;
	bytes = 4 * size;
	region_unlink(NAME);
	if (region_create(NAME, size, bytes))
		bail("create");
	region = view_open(NAME, "rw", O_RDWR);
	mine = donor(size, bytes);
	madvise(mine, bytes, MADV_NOHUGEPAGE);
	fill(mine, bytes, SEED);
	frame = frame_of(mine + page);
	if (view_export(region, mine, bytes, 0))
		bail("export");
	peer = peer_start();
	base = peer_attach(&peer, NAME, false);
	snprintf(path, sizeof(path), "/proc/%d/mem", peer.pid);
	mem = open(path, O_RDWR | O_CLOEXEC);
	if (base < 0 || mem < 0)
		bail("a peer and its memory: %s", strerror(errno));
}

static void end(void)
{
	close(mem);
	peer_kill(&peer);
	munmap(mine, bytes);
	region_unlink(NAME);
	close(region);
	mend(frame);
}

static void test_before(void)
{
	uint64_t value = 0;

	is(mem_read(BAD, &value, sizeof(value)), sizeof(value),
	   "a read of /proc/PID/mem from a sound page succeeds");
	is(value, (SEED + BAD) * 0x9e3779b97f4a7c15ULL,
	   "a read of /proc/PID/mem from a sound page gives its content");
}

/* A failed small page may make all of its huge page unreadable. */
static bool ends_before(long n, long want)
{
	if (n == want || (n == -EIO && page > SZ_4K))
		return true;
	diag("%ld bytes, not %ld", n, want);
	return false;
}

static void test_read(void)
{
	static char buf[2 * 4096];
	uint64_t value = 0;

	is(mem_read(BAD, &value, sizeof(value)), -EIO,
	   "a read of /proc/PID/mem from the failed page gives EIO");
	is(mem_read(BAD + 4088, &value, sizeof(value)), -EIO,
	   "a read of /proc/PID/mem from the end of the failed page gives EIO");
	ok(ends_before(mem_read(BAD - 4096, buf, sizeof(buf)), 4096),
	   "a read of /proc/PID/mem across the failed page ends before it");
	is(mem_write(BAD, &value, sizeof(value)), -EIO,
	   "a write of /proc/PID/mem to the failed page gives EIO");
	/* It writes the old content, which later checks compare. */
	ok(ends_before(mem_write(BAD - 4096, buf, sizeof(buf)), 4096),
	   "a write of /proc/PID/mem across the failed page ends before it");
}

static void test_peek(void)
{
	int status;
	long got;

	if (ptrace(PTRACE_SEIZE, peer.pid, NULL, NULL) ||
	    ptrace(PTRACE_INTERRUPT, peer.pid, NULL, NULL) ||
	    waitpid(peer.pid, &status, __WALL) != peer.pid)
		bail("ptrace: %s", strerror(errno));
	errno = 0;
	got = ptrace(PTRACE_PEEKDATA, peer.pid, base + BAD, NULL);
	is(got == -1 ? errno : 0, EIO, "PEEKDATA of the failed page gives EIO");
	got = ptrace(PTRACE_POKEDATA, peer.pid, base + BAD, 1L);
	is(got ? errno : 0, EIO, "POKEDATA of the failed page gives EIO");
	ptrace(PTRACE_DETACH, peer.pid, NULL, NULL);
}

/* The pages before and behind the failed one. */
static void test_neighbours(void)
{
	static const int neighbours[] = { 0, 2, 3 };

	for (int i = 0; i < 3; i++) {
		uint64_t at = neighbours[i] * page, want = (SEED + at) * 0x9e3779b97f4a7c15ULL;
		uint64_t value = 0;

		is(mem_read(at, &value, sizeof(value)), sizeof(value),
		   "page %d beside the failed page can be read",
		   neighbours[i]);
		is(value, want, "a page beside the failed page has its content");
		is(mem_write(at, &want, sizeof(want)), sizeof(want),
		   "a page beside the failed page can be written");
	}
}

static void with_size(uint64_t size)
{
	int sig;

	begin(size);
	test_before();
	/* Kernels before about 6.12 send no signal until somebody accesses the page. */
	sig = poison_inject(mine + BAD);
	ok(sig == SIGBUS || !sig, "a failure is injected into the memory of page 1");
	test_read();
	test_peek();
	test_neighbours();
	end();
}

int main(int argc, char **argv)
{
	bool loaded;
	long pages;

	peer_main(argc, argv);
	reserve_2m(16);
	/* Unless it is built in. */
	loaded = access("/sys/kernel/debug/hwpoison", F_OK);
	if (loaded && system("modprobe hwpoison-inject"))
		bail("needs the module hwpoison-inject");
	pages = pages_free(SZ_2M);
	with_size(SZ_4K);
	with_size(SZ_2M);
	is(pages_free(SZ_2M), pages, "all pages are free at the end");
	if (loaded && system("rmmod hwpoison-inject"))
		diag("hwpoison-inject stays");
	return done_testing();
}
