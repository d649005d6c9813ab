// SPDX-License-Identifier: MIT
/*
 * Goal: the kernel refuses what a ring is not for, whoever asks.
 * Method: rings with one use each are asked for operations of that use and of others, and another
 * party registers something with a ring of which it has the descriptor.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <arena/source.h>
#include <linux/io_uring.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/syscall.h>

#include "ring-rig.h"

#define BYTES	4096U

static struct rig open_for(const char *name, uint32_t uses)
{
	struct arena_ring_options o = rig_options;
	struct rig rig = rig_arena(name);

	o.uses = uses;
	o.registered = true;
	rig.r = rig_ring(rig.a, &o);
	return rig;
}

/* Descriptors of rings of this process, other than the one that is given. */
static int ring_beside(int known)
{
	DIR *folder = opendir("/proc/self/fd");
	struct dirent *entry;
	int found = -1;

	while (folder && (entry = readdir(folder))) {
		char target[64] = "";
		int fd = atoi(entry->d_name);

		if (readlinkat(dirfd(folder), entry->d_name, target, sizeof(target) - 1) > 0 &&
		    !strcmp(target, "anon_inode:[io_uring]") && fd != known)
			found = fd;
	}
	if (folder)
		closedir(folder);
	return found;
}

static int register_eventfd(int ring)
{
	int fd = eventfd(0, EFD_CLOEXEC), ret;

	ret = syscall(SYS_io_uring_register, ring, IORING_REGISTER_EVENTFD, &fd, 1) ? -errno : 0;
	close(fd);
	return ret;
}

static int read_ends_with(struct rig *rig, struct arena_file file, struct arena_buf b)
{
	struct arena_io io = { .file = file, .buf = b, .length = BYTES };

	if (arena_ring_read(rig->r, &io, NULL))
		return -1;
	return rig_next(rig).result;
}

static int recv_ends_with(struct rig *rig, struct arena_file file, struct arena_buf b)
{
	struct arena_io io = { .file = file, .buf = b, .length = BYTES };

	if (arena_ring_recv(rig->r, &io, NULL))
		return -1;
	return rig_next(rig).result;
}

static int write_ends_with(struct rig *rig, struct arena_file file, struct arena_buf b)
{
	struct arena_io io = { .file = file, .buf = b, .length = BYTES };

	if (arena_ring_write(rig->r, &io, NULL))
		return -1;
	return rig_next(rig).result;
}

static void make_pair(struct rig *rig, int ends[2], struct arena_file *file)
{
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
		bail("socketpair: %s", strerror(errno));
	*file = rig_file(rig, ends[0]);
	if (write(ends[1], "hello", 5) != 5)
		bail("write: %s", strerror(errno));
}

static void test_disk(void)
{
	struct rig rig = open_for("restricted-disk", ARENA_USES_DISK);
	struct arena_buf b = rig_buf(&rig, 1, 0);
	struct arena_file file, sock;
	int ends[2], fd = rig_fd(BYTES, 'f');

	file = rig_file(&rig, fd);
	make_pair(&rig, ends, &sock);
	is(read_ends_with(&rig, file, b), (int)BYTES, "a ring for disks reads a file");
	ok(rig_is(&rig, b, BYTES, 'f'), "the bytes that a ring for disks has read are the file's");
	is(arena_ring_fsync(rig.r, file, true, 0, NULL), 0, "a ring for disks takes a flush");
	is(rig_next(&rig).result, 0, "a ring for disks flushes a file");
	is(recv_ends_with(&rig, sock, b), -EACCES,
	   "the kernel refuses a receive by a ring for disks");
	is(arena_ring_poll(rig.r, sock, POLLIN, false, 0, NULL), 0,
	   "a ring for disks takes a poll");
	is(rig_next(&rig).result, POLLIN, "a ring for disks polls a socket");
	is(register_eventfd(ring_beside(-1)), -EACCES,
	   "the kernel refuses a registration with a ring for disks by its descriptor");
	is(arena_ring_remove_file(rig.r, file), 0, "a file of a ring for disks can be removed");
	is(arena_ring_remove_file(rig.r, sock), 0, "a socket of a ring for disks can be removed");
	arena_put(rig.a, b);
	close(fd);
	close(ends[0]);
	close(ends[1]);
	rig_close(&rig);
}

static void test_sockets(void)
{
	struct rig rig = open_for("restricted-sockets", ARENA_USES_SOCKETS);
	struct arena_buf b = rig_buf(&rig, 1, 0);
	struct arena_file file, sock;
	int ends[2], fd = rig_fd(BYTES, 'f');

	file = rig_file(&rig, fd);
	make_pair(&rig, ends, &sock);
	is(recv_ends_with(&rig, sock, b), 5, "a ring for sockets receives what has come");
	is(write_ends_with(&rig, sock, b), BYTES, "a ring for sockets writes to a socket");
	is(read_ends_with(&rig, file, b), -EACCES,
	   "the kernel refuses a read by a ring for sockets");
	is(arena_ring_abort_file(rig.r, sock), 0, "a ring for sockets aborts a socket");
	arena_put(rig.a, b);
	close(fd);
	close(ends[0]);
	close(ends[1]);
	rig_close(&rig);
}

static void test_options(void)
{
	struct rig rig = rig_arena("restricted-options");
	struct arena_ring_options o = rig_options;

	o.uses = ARENA_USES_SOCKETS << 1;
	is(arena_ring_open(rig.a, &o, &rig.r), -EINVAL, "a use that there is not is refused");
	rig.r = NULL;
	rig_close(&rig);
}

int main(void)
{
	test_options();
	test_disk();
	test_sockets();
	return done_testing();
}
