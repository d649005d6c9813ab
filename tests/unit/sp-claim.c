// SPDX-License-Identifier: MIT
/*
 * Goal: a disk has one writer or several readers, whether the others are storage processes, QEMU or
 * programs that know flock(2) or locks of a whole file.
 * Method: open files of this process play the others, as locks belong to open files; QEMU's locks
 * are those that qemu-nbd was seen to hold. For each pair of users the first one locks and the
 * second one tries; the claim that another file of the same inode holds on must end with that file.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sp/backend/claim.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "tap.h"

static char path[32];

static int open_again(void)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		bail("cannot open %s", path);
	return fd;
}

static int ofd_lock(int fd, short type, off_t start, off_t length)
{
	struct flock l = { .l_type = type, .l_whence = SEEK_SET, .l_start = start,
			   .l_len = length };

	return fcntl(fd, F_OFD_SETLK, &l) ? -errno : 0;
}

static int qemu_writer(int fd)
{
	return ofd_lock(fd, F_RDLCK, 100, 2) | ofd_lock(fd, F_RDLCK, 203, 1);
}

static int qemu_reader(int fd)
{
	return ofd_lock(fd, F_RDLCK, 100, 1) | ofd_lock(fd, F_RDLCK, 203, 1);
}

static int whole_writer(int fd)
{
	return ofd_lock(fd, F_WRLCK, 0, 0);
}

static int flock_writer(int fd)
{
	return flock(fd, LOCK_EX | LOCK_NB) ? -errno : 0;
}

static int sp_writer(int fd)
{
	return claim_take(fd, false);
}

static int sp_reader(int fd)
{
	return claim_take(fd, true);
}

/* Who has the file, and whether an SP that writes and one that reads may have it beside that. */
static const struct {
	const char *name;
	int (*take)(int fd);
	bool beside_reader;
} users[] = {
	{ "a storage process that writes", sp_writer, false },
	{ "a storage process that reads", sp_reader, true },
	{ "a QEMU that writes", qemu_writer, false },
	{ "a QEMU that reads", qemu_reader, true },
	{ "a program that locks the whole file", whole_writer, false },
	{ "a program that knows flock(2)", flock_writer, false },
};

#define N_USERS	(sizeof(users) / sizeof(*users))

static void test_second(void)
{
	for (size_t i = 0; i < N_USERS; i++) {
		int first = open_again(), second = open_again(), third = open_again();

		is(users[i].take(first), 0, "%s gets a file that nobody uses", users[i].name);
		is(claim_take(second, false), -EBUSY,
		   "a storage process does not write a file of %s", users[i].name);
		close(second);
		is(claim_take(third, true), users[i].beside_reader ? 0 : -EBUSY,
		   "a storage process reads a file of %s only if that only reads",
		   users[i].name);
		close(third);
		close(first);
	}
}

static void test_first(void)
{
	for (size_t i = 0; i < N_USERS; i++) {
		int first = open_again(), second = open_again();

		is(claim_take(first, false), 0, "a storage process gets the file again");
		ok(users[i].take(second), "%s does not get a file that a storage process writes",
		   users[i].name);
		close(second);
		close(first);
	}
}

static void test_last_descriptor(void)
{
	int first = open_again(), copy, second = open_again();

	is(claim_take(first, false), 0, "a storage process has the claim");
	copy = dup(first);
	close(first);
	is(claim_take(second, false), -EBUSY,
	   "the claim goes on while its open file has another descriptor");
	close(copy);
	is(claim_take(second, false), 0, "the claim ends with the last one");
	close(second);
}

int main(void)
{
	int fd;

	snprintf(path, sizeof(path), "/tmp/sp-claim-XXXXXX");
	fd = mkstemp(path);
	if (fd < 0)
		bail("cannot make a file");
	close(fd);
	test_second();
	test_first();
	test_last_descriptor();
	unlink(path);
	return done_testing();
}
