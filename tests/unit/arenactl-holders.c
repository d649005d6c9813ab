// SPDX-License-Identifier: MIT
/*
 * Goal: those processes are found that have a region attached, with their names, and no others.
 * Method: a folder has the files that /proc has of some processes.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tap.h"

/* Without the Varlink of libsystemd there is no arenactl. */
#ifdef WITHOUT_VARLINK

int main(void)
{
	skip("needs libsystemd 257");
	return done_testing();
}

#else

#include <arenactl/holders.h>

static const char *proc;

static void write_file(const char *pid, const char *name, const char *text)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s/%s", proc, pid, name);
	f = fopen(path, "we");
	if (!f || fputs(text, f) < 0 || fclose(f))
		bail("cannot write %s", path);
}

static void make(const char *pid, const char *comm, const char *maps)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", proc, pid);
	if (mkdir(path, 0700))
		bail("cannot make %s", path);
	write_file(pid, "comm", comm);
	write_file(pid, "maps", maps);
}

static void forget(const char *pid)
{
	static const char *const names[] = { "comm", "maps", "" };
	char path[128];

	for (size_t i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/%s/%s", proc, pid, names[i]);
		remove(path);
	}
}

static const struct holder *find(const struct holders *h, int pid, uint64_t address)
{
	for (size_t i = 0; i < h->n; i++)
		if (h->holder[i].pid == pid && h->holder[i].address == address)
			return &h->holder[i];
	return NULL;
}

static bool has(const struct holders *h, int pid, uint64_t address, const char *name)
{
	const struct holder *one = find(h, pid, address);

	return one && !strcmp(one->name, name);
}

int main(void)
{
	char folder[] = "/tmp/arenactl-holders.XXXXXX";
	struct holders h;

	proc = mkdtemp(folder);
	if (!proc)
		bail("cannot make a folder");
	make("10", "arena-np\n",
	     "400000-500000 r-xp 00000000 08:01 12                       /usr/sbin/arena-np\n"
	     "200000000000-208000000000 r--s 00000000 00:06 99           /dev/mshare/test/np0\n");
	make("11", "odd\033[2J\n",
	     "200000000000-208000000000 r--s 00000000 00:0f 99           anon_inode:[mshare]\n"
	     "210000000000-218000000000 r--s 00000000 00:0f 98           anon_inode:[mshare]\n");
	make("12", "other\n",
	     "200000000000-208000000000 rw-s 00000000 08:01 12           /srv/dev/mshare/test/np0\n"
	     "210000000000-218000000000 r--s 00000000 08:01 12           /srv/ anon_inode:[mshare]\n"
	     "400000-500000 rw-p 00000000 00:00 0\n");
	make("self", "self\n",
	     "200000000000-208000000000 r--s 00000000 00:0f 99           anon_inode:[mshare]\n");
	is(holders_find(proc, &h), 0, "processes are looked into");
	is(h.n, 3, "nobody is found for other files, or twice");
	ok(has(&h, 10, 0x200000000000, "arena-np"), "one has a region by the path of a view");
	ok(has(&h, 11, 0x200000000000, "odd?[2J"), "one has it by a file without a path");
	ok(has(&h, 11, 0x210000000000, "odd?[2J"), "it has another region, too");
	free(h.holder);
	is(holders_find("/nowhere", &h), -ENOENT, "without /proc nobody is found");
	free(h.holder);
	forget("10");
	forget("11");
	forget("12");
	forget("self");
	remove(proc);
	return done_testing();
}

#endif
