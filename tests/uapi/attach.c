// SPDX-License-Identifier: MIT
/*
 * Goal: unrelated processes that attach a region have it at one address by one page table,
 * write permission is in the tables, and every way to detach works.
 */
#include "util.h"

#define NAME "test-attach"

static uint64_t page_size, bytes;
static char *base;

/* Read "links" of debugfs: for each process the frame in its P4D entry and of the PUD table. */
static int links(unsigned long *entries, unsigned long *tables, int max)
{
	FILE *f = fopen(debugfs_path((uintptr_t)base, "links"), "re");
	char line[128], view[8];
	int n = 0, pid;

	if (!f)
		bail("debugfs is not mounted or has no " NAME);
	while (n < max && fgets(line, sizeof(line), f))
		if (sscanf(line, "%d %7s %lx %lx", &pid, view, &entries[n], &tables[n]) == 4)
			n++;
	fclose(f);
	return n;
}

static void test_two_processes(int fd)
{
	unsigned long entries[4], tables[4];
	struct peer a = peer_start(), b = peer_start();

	is(peer_attach(&a, NAME, false), (intptr_t)base,
	   "a process attaches at the region's address");
	is(peer_attach(&b, NAME, false), (intptr_t)base,
	   "an unrelated process attaches there, too");
	is(view_region(fd).attached, 3, "GET_REGION counts three attachments");
	is(links(entries, tables, 4), 3, "debugfs lists three attachments");
	ok(entries[0] == tables[0] && entries[0] == entries[1] && entries[1] == entries[2],
	   "the P4D entries of three processes point to one PUD table");
	PEER(a, .op = PEER_FILL, .a = (intptr_t)base, .b = bytes, .c = 5);
	is(PEER(b, .op = PEER_FILLED, .a = (intptr_t)base, .b = bytes, .c = 5), 1,
	   "a process reads what another one wrote");
	ok(filled(base, bytes, 5), "a process sees what two others wrote");
	is(PEER(a, .op = PEER_LOAD, .a = (intptr_t)base + bytes), SIGBUS,
	   "a load from a hole raises SIGBUS");
	is(PEER(a, .op = PEER_STORE, .a = (intptr_t)base + bytes), SIGSEGV,
	   "a store to a hole raises SIGSEGV");
	is(PEER(a, .op = PEER_LOAD, .a = (intptr_t)base + WINDOW - 8), SIGBUS,
	   "a load at the end of the window raises SIGBUS");
	peer_kill(&a);
	peer_kill(&b);
	is(view_region(fd).attached, 1, "two processes that ended are not attached any more");
}

/* Each way to detach, with another process that must not notice it. */
static void test_ways_out(int fd)
{
	static const char *const names[] = {
		"munmap", "exit", "execve", "kill -9", "close, then exit",
	};
	struct peer stays = peer_start();

	peer_attach(&stays, NAME, false);
	for (int i = 0; i < 5; i++) {
		struct peer p = peer_start();

		peer_attach(&p, NAME, i % 2);
		is(view_region(fd).attached, 3, "a process attaches, to detach by %s", names[i]);
		if (i == 0)
			is(PEER(p, .op = PEER_DETACH), 0, "munmap of the whole window succeeds");
		else if (i == 1)
			peer_send(&p, (struct peer_msg){ .op = PEER_EXIT });
		else if (i == 2)
			peer_send(&p, (struct peer_msg){ .op = PEER_EXEC });
		else if (i == 3)
			kill(p.pid, SIGKILL);
		else
			PEER(p, .op = PEER_CLOSE);
		if (i == 4) {
			is(PEER(p, .op = PEER_FILLED, .a = (intptr_t)base,
				.b = page_size, .c = 5), 1,
				"the mapping stays when its descriptor is closed");
			peer_send(&p, (struct peer_msg){ .op = PEER_EXIT });
		}
		if (i == 1 || i >= 3)
			peer_reap(&p);
		for (int ms = 0; ms < 5000 && view_region(fd).attached != 2; ms++)
			usleep(1000);
		is(view_region(fd).attached, 2, "%s detaches the process", names[i]);
		if (i == 0)
			is(PEER(p, .op = PEER_LOAD, .a = (intptr_t)base), SIGSEGV,
			   "nothing is mapped at the address after munmap");
		if (i == 0 || i == 2)
			peer_kill(&p);
		is(PEER(stays, .op = PEER_FILLED, .a = (intptr_t)base,
			.b = bytes, .c = 5), 1, "another process sees every byte after that");
	}
	peer_kill(&stays);
}

static void test_again(int fd)
{
	for (int i = 0; i < 50; i++) {
		munmap(base, WINDOW);
		if (attach(fd, PROT_READ | PROT_WRITE) != base) {
			ok(false, "the region is attached again for the %dth time", i);
			return;
		}
	}
	ok(filled(base, bytes, 5), "every byte is there after detaching and attaching 50 times");
}

/* ---- permissions ---- */

static bool in_maps(const char *perms)
{
	FILE *f = fopen("/proc/self/maps", "re");
	char line[256], want[64];
	bool found = false;

	snprintf(want, sizeof(want), "%lx-%lx %s", (unsigned long)base,
		 (unsigned long)base + WINDOW, perms);
	while (fgets(line, sizeof(line), f))
		found |= !strncmp(line, want, strlen(want));
	fclose(f);
	return found;
}

static int refused(int fd, size_t len, int prot, int flags, off_t off, void *hint)
{
	void *p = mmap(hint, len, prot, flags, fd, off);

	if (p == MAP_FAILED)
		return -errno;
	munmap(p, len);
	return 0;
}

static bool is_refusal(int ret)
{
	return ret == -EACCES || ret == -EPERM;
}

static void test_mmap_arguments(int fd)
{
	int rw = PROT_READ | PROT_WRITE;
	int rd = view_open(NAME, "rw", O_RDONLY);
	int ro = view_open(NAME, "ro", O_RDONLY);
	void *taken;

	is(refused(fd, WINDOW, rw, MAP_SHARED, 0, NULL), -EBUSY,
	   "attaching twice in one process gives EBUSY");
	munmap(base, WINDOW);
	is(refused(fd, WINDOW, rw, MAP_PRIVATE | MAP_NORESERVE, 0, NULL), -EINVAL,
	   "mmap with MAP_PRIVATE gives EINVAL");
	is(refused(fd, WINDOW - page_size, rw, MAP_SHARED, 0, NULL), -EINVAL,
	   "mmap of less than a window gives EINVAL");
	is(refused(fd, 4096, rw, MAP_SHARED, 0, NULL), -EINVAL,
	   "mmap of one page gives EINVAL");
	is(refused(fd, WINDOW, rw, MAP_SHARED, 4096, NULL), -EINVAL,
	   "mmap at a file offset gives EINVAL");
	/* The kernel may refuse it first: for files without a node Linux 7.3 gives EPERM. */
	ok(is_refusal(refused(fd, WINDOW, rw | PROT_EXEC, MAP_SHARED, 0, NULL)),
	   "mmap with PROT_READ | PROT_WRITE | PROT_EXEC gives EACCES or EPERM");
	ok(is_refusal(refused(fd, WINDOW, PROT_EXEC, MAP_SHARED, 0, NULL)),
	   "mmap with PROT_EXEC alone gives EACCES or EPERM");
	is(refused(fd, WINDOW, PROT_NONE, MAP_SHARED, 0, NULL), -EACCES,
	   "mmap with PROT_NONE gives EACCES");
	is(refused(fd, WINDOW, PROT_WRITE, MAP_SHARED, 0, NULL), -EACCES,
	   "mmap with PROT_WRITE alone gives EACCES");
	is(refused(ro, WINDOW, PROT_NONE, MAP_SHARED, 0, NULL), -EACCES,
	   "mmap of the view ro with PROT_NONE gives EACCES");
	is(refused(rd, WINDOW, rw, MAP_SHARED, 0, NULL), -EACCES,
	   "mmap of the view rw, opened O_RDONLY, with PROT_WRITE gives EACCES");
	is(refused(ro, WINDOW, rw, MAP_SHARED, 0, NULL), -EACCES,
	   "mmap of the view ro with PROT_WRITE gives EACCES");
	is(refused(fd, WINDOW, rw, MAP_SHARED | MAP_FIXED, 0, base + WINDOW), -EINVAL,
	   "mmap with MAP_FIXED at another address gives EINVAL");
	is(refused(fd, WINDOW, rw, MAP_SHARED | MAP_FIXED, 0, NULL), -EINVAL,
	   "mmap with MAP_FIXED at address 0 gives EINVAL");
	is(refused(fd, WINDOW, rw, MAP_SHARED | MAP_FIXED, 0, base), 0,
	   "mmap with MAP_FIXED at the region's address succeeds");
	is(refused(fd, WINDOW, rw, MAP_SHARED, 0, (void *)(8 * WINDOW)), 0,
	   "mmap ignores a hint of another address");
	taken = mmap(base + 16 * bytes, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS |
		     MAP_FIXED_NOREPLACE, -1, 0);
	ok(taken != MAP_FAILED, "another mapping is made in the window");
	is(refused(fd, WINDOW, rw, MAP_SHARED, 0, NULL), -EBUSY,
	   "mmap gives EBUSY if another mapping lies in the window");
	is(*(volatile char *)taken, 0,
	   "the other mapping in the window is still there after EBUSY");
	munmap(taken, 4096);
	ok(attach(fd, rw) == base,
	   "the region can be attached after the other mapping is unmapped");
	close(rd);
	close(ro);
}

static void test_write_permission(int fd)
{
	uint64_t v = 0;
	int ro = view_open(NAME, "ro", O_RDONLY);
	int files[2] = { fd, ro };

	ok(in_maps("r--s"), "the file maps shows a writable attachment as r--s");
	is(try_store(base + 8, 42), 0, "memory attached for writing can be stored to");
	is(mprotect(base, WINDOW, PROT_READ | PROT_WRITE), -1,
	   "mprotect of an attachment is refused");
	for (int i = 0; i < 2; i++) {
		int zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);

		munmap(base, WINDOW);
		ok(attach(files[i], PROT_READ) == base, "the view %s is attached with PROT_READ",
		   i ? "ro" : "rw");
		is(try_load(base + 8, &v), 0, "a load from a read-only attachment succeeds");
		is(v, 42, "a load from a read-only attachment gives the stored value");
		is(try_store(base + 8, 43), SIGSEGV,
		   "a store to a read-only attachment raises SIGSEGV");
		is(read(zero, base + 8, 8), -1, "read(2) into a read-only attachment fails");
		is(errno, EFAULT, "the error of read(2) into a read-only attachment is EFAULT");
		is(mprotect(base, WINDOW, PROT_READ | PROT_WRITE), -1,
		   "mprotect of a read-only attachment is refused");
		is(try_store(base + 8, 43), SIGSEGV,
		   "the failed mprotect did not make the memory writable");
		close(zero);
	}
	munmap(base, WINDOW);
	is(*(volatile char *)attach(fd, PROT_READ | PROT_WRITE) & 0, 0,
	   "the region is attached for writing again");
	is(*(volatile uint64_t *)(base + 8), 42, "no refused store has changed the value");
	fill(base, page_size, 5);
	close(ro);
}

static void test_size(uint64_t size)
{
	long before = pages_free(size);
	int fd = region_with(NAME, size, two_of(size));

	diag("pages of %lu KiB", (unsigned long)size >> 10);
	page_size = size;
	bytes = two_of(size);
	base = attach(fd, PROT_READ | PROT_WRITE);
	if (!base)
		bail("attach: %s", strerror(errno));
	is((intptr_t)base, (int64_t)view_region(fd).addr,
	   "mmap without an address attaches at the region's address");
	test_two_processes(fd);
	test_ways_out(fd);
	test_again(fd);
	test_mmap_arguments(fd);
	test_write_permission(fd);
	region_unlink(NAME);
	close(fd);
	munmap(base, WINDOW);
	is(pages_free(size), before, "all pages are free at the end");
}

int main(int argc, char **argv)
{
	return test_each_size(argc, argv, 32, test_size);
}
