// SPDX-License-Identifier: MIT
/* vm: long, vm: once */
/*
 * Goal: memory policy and migration, with every mode and flag, of this process and of
 * another one, leave the pages of a region where they are, and no process loses a byte.
 * timeout: 600
 */
#include "witness.h"

#include <linux/mempolicy.h>

#define NAME "test-policy"
#define RW (PROT_READ | PROT_WRITE)

/* The whole window, parts, holes, and ranges across an edge. */
static int spans(char *at[], size_t len[])
{
	int n = 0;

#define SPAN(_at, _len) (at[n] = (_at), len[n++] = (_len))
	SPAN(base, WINDOW);
	SPAN(base, page_size);
	SPAN(base + 4096, 4096);
	SPAN(base + bytes - 4096, SZ_1G);
	SPAN(base + WINDOW / 2, SZ_2M);
	SPAN(base - 4096, WINDOW + 8192);
#undef SPAN
	return n;
}

static void test_mbind(void)
{
	static const int extra[] = { 0, MPOL_F_STATIC_NODES, MPOL_F_RELATIVE_NODES,
				     MPOL_F_NUMA_BALANCING };
	unsigned long node0 = 1;
	int n, moved = 0;
	char *at[6];
	size_t len[6];

	n = spans(at, len);
	for (int mode = 0; mode <= MPOL_MAX; mode++)
		for (int x = 0; x < 4; x++)
			for (int flags = 0; flags < 16; flags++)
				for (int i = 0; i < n; i++)
					moved += syscall(SYS_mbind, at[i], len[i],
							 mode | extra[x], &node0, 64UL,
							 flags) > 0;
	is(moved, 0, "mbind with every mode and flag moves nothing");
	unhurt("mbind");
}

/* This walks the tables even of memory that may not be migrated, and splits leaves. */
static void test_mbind_strict(void)
{
	long demotions = view_region(region).demotions;
	unsigned long node0 = 1;

	is(syscall(SYS_mbind, base, WINDOW, MPOL_BIND, &node0, 64UL, MPOL_MF_STRICT), 0,
	   "mbind(MPOL_MF_STRICT) finds all pages on node 0");
	demotions = view_region(region).demotions - demotions;
	is(demotions, page_size == SZ_1G ? 2 : 0,
	   "mbind(MPOL_MF_STRICT) demotes leaves of 1 GiB and no others");
	unhurt("mbind(MPOL_MF_STRICT)");
}

static void test_home_node(void)
{
#ifndef SYS_set_mempolicy_home_node
#define SYS_set_mempolicy_home_node 450
#endif
	unsigned long node0 = 1;
	int mode = -1;

	syscall(SYS_mbind, base, WINDOW, MPOL_BIND, &node0, 64UL, 0);
	syscall(SYS_set_mempolicy_home_node, (uintptr_t)base, WINDOW, 0UL, 0UL);
	syscall(SYS_set_mempolicy_home_node, (uintptr_t)base, page_size, 0UL, 0UL);
	is(syscall(SYS_get_mempolicy, &mode, NULL, 0UL, base, MPOL_F_NODE | MPOL_F_ADDR), 0,
	   "get_mempolicy gives the node of a page");
	is(mode, 0, "the node of the page is 0");
	unhurt("set_mempolicy_home_node and get_mempolicy");
}

#define N_PAGES 6

static void pages_of(void *pages[N_PAGES])
{
	void *all[N_PAGES] = {
		base, base + 4096, base + bytes - page_size, base + bytes - 4096,
		base + bytes, base + WINDOW - 4096,
	};

	memcpy(pages, all, sizeof(all));
}

static int move_pages(int pid, const int *nodes, int flags, int *moved)
{
	int status[N_PAGES];
	void *pages[N_PAGES];
	long ret;

	pages_of(pages);
	memset(status, 0x55, sizeof(status));
	ret = syscall(SYS_move_pages, pid, (long)N_PAGES, pages, nodes, status, flags);
	for (int i = 0; nodes && i < N_PAGES; i++)
		*moved += ret >= 0 && status[i] >= 0 && status[i] != 0x55555555;
	return ret;
}

static void test_move_pages(void)
{
	static const int to[N_PAGES];
	int moved = 0;

	is(move_pages(0, NULL, 0, &moved), 0, "move_pages gives the nodes of pages");
	is(move_pages(other.pid, NULL, 0, &moved), 0,
	   "move_pages gives the nodes of pages of another process");
	for (int flags = 0; flags < 8; flags++) {
		move_pages(0, to, flags, &moved);
		move_pages(other.pid, to, flags, &moved);
	}
	is(moved, 0, "move_pages moves no page");
	unhurt("move_pages");
}

static void test_migrate_pages(void)
{
	unsigned long node0 = 1, all = ~0UL;
	int not_moved = 0;

	not_moved += syscall(SYS_migrate_pages, 0, 64UL, &node0, &node0) > 0;
	not_moved += syscall(SYS_migrate_pages, other.pid, 64UL, &node0, &node0) > 0;
	not_moved += syscall(SYS_migrate_pages, other.pid, 64UL, &all, &node0) > 0;
	is(not_moved, 0, "migrate_pages finds nothing that it may not move");
	unhurt("migrate_pages");
}

/* The balancer unmaps pages to see who accesses them; it must not do that here. */
static void test_balancing(void)
{
	static const char *const path = "/proc/sys/kernel/numa_balancing";
	long before = read_long(path);
	FILE *f = before < 0 ? NULL : fopen(path, "we");

	if (!f) {
		skip("this kernel has no NUMA balancing");
		return;
	}
	fputs("1\n", f);
	fclose(f);
	for (int i = 0; i < 10; i++) {
		filled(base, bytes, WITNESS_SEED);
		usleep(100000);
	}
	unhurt("NUMA balancing");
	f = fopen(path, "we");
	if (f) {
		fprintf(f, "%ld\n", before);
		fclose(f);
	}
}

/* Compaction tries to move all pages that are in its way. */
static void test_compaction(void)
{
	FILE *f = fopen("/proc/sys/vm/compact_memory", "we");

	if (!f)
		bail("this kernel has no compaction");
	fputs("1\n", f);
	fclose(f);
	unhurt("compaction");
}

static void test_size(uint64_t size)
{
	witness_begin(NAME, size);
	witness_neighbours(true);
	test_mbind_strict();
	test_mbind();
	test_home_node();
	test_move_pages();
	test_migrate_pages();
	test_balancing();
	test_compaction();
	witness_neighbours(false);
	witness_end();
}

int main(int argc, char **argv)
{
	return test_each_size(argc, argv, 32, test_size);
}
