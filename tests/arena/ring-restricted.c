// SPDX-License-Identifier: MIT
/* vm: once */
/*
 * Goal: the kernel refuses what a ring is not for, whoever asks.
 * Method: rings with one use each are asked for operations of that use and of others, and another
 * party registers something with a ring of which it has the descriptor. Then each ring, and the one
 * by which a channel sends, gets each operation that there is, past the library.
 */
#define _GNU_SOURCE
#include <arena/source.h>
#include <dirent.h>
#include <libarena/channel/tx.h>
#include <libarena/ring/core.h>
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

/* Of a submission without a file, which fails wherever it is allowed, but for NOP. */
static int raw_ends_with(struct io_uring *ring, uint8_t opcode)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
	struct io_uring_cqe *cqe;
	int ret;

	io_uring_prep_rw(opcode, sqe, -1, NULL, 0, 0);
	ret = io_uring_submit_and_wait(ring, 1);
	if (ret < 0)
		bail("operation %u does not end: %s", opcode, strerror(-ret));
	/* A zero-copy send says that it uses no memory any more, too. */
	while (!io_uring_peek_cqe(ring, &cqe)) {
		if (!(cqe->flags & IORING_CQE_F_NOTIF))
			ret = cqe->res;
		io_uring_cqe_seen(ring, cqe);
	}
	return ret;
}

/* An operation of Linux 6.19 that only rings with long entries have. */
#define OP_NOP128	63

/* Return: the bits of the operations that the kernel does not refuse. */
static uint64_t allowed_by(struct io_uring *ring)
{
	struct io_uring_probe *probe = io_uring_get_probe();
	uint64_t bits = 0;

	if (!probe)
		bail("the kernel does not say which operations it has");
	for (uint8_t op = 0; op <= probe->last_op && op < 64; op++) {
		int ret = raw_ends_with(ring, op);

		if (ret != -EACCES && (op != OP_NOP128 || ret != -EINVAL))
			bits |= 1ULL << op;
	}
	io_uring_free_probe(probe);
	return bits;
}

#define BIT(op)	(1ULL << IORING_OP_##op)
#define COMMON	(BIT(NOP) | BIT(POLL_ADD) | BIT(ASYNC_CANCEL) | BIT(MSG_RING))
#define WRITES	(BIT(WRITE) | BIT(WRITEV) | BIT(WRITE_FIXED))
#define DISK	(COMMON | WRITES | BIT(READ) | BIT(READV) | BIT(READ_FIXED) | BIT(FSYNC) | \
		 BIT(FALLOCATE) | BIT(URING_CMD))
#define SOCKETS	(COMMON | WRITES | BIT(ACCEPT) | BIT(RECV) | BIT(RECVMSG) | \
		 BIT(SEND) | BIT(SENDMSG) | BIT(SEND_ZC) | BIT(SENDMSG_ZC))
/* For sockets that have no other descriptor. */
#define DIRECT	(BIT(SHUTDOWN) | BIT(CONNECT))

/* Some operations depend on the kernel. */
static uint64_t operations_more(const struct arena_ring_options *o)
{
	struct arena_features f = { .size = sizeof(f) };
	uint64_t bits = 0;

	if (arena_probe(&f))
		bail("the kernel does not say what it has");
	if (o->uses & ARENA_USES_SOCKETS && !o->closes_at_death &&
	    arena_has(&f, ARENA_HAS_DIRECT_CLOSE))
		bits |= DIRECT;
	if (!arena_has(&f, ARENA_HAS_READV_FIXED))
		return bits;
	if (o->uses & ARENA_USES_DISK)
		bits |= 1ULL << URING_OP_READV_FIXED;
	if (o->uses & (ARENA_USES_DISK | ARENA_USES_SOCKETS))
		bits |= 1ULL << URING_OP_WRITEV_FIXED;
	return bits;
}

static void test_all_operations(const char *name, struct arena_ring_options o, uint64_t wanted)
{
	struct rig rig = rig_arena("restricted-all");
	uint64_t got;

	rig.r = rig_ring(rig.a, &o);
	got = allowed_by(&rig.r->uring);
	wanted |= operations_more(&o);
	ok(got == wanted, "a ring for %s takes the operations that it needs, and no other", name);
	if (got != wanted)
		diag("got %llx, wanted %llx", (unsigned long long)got, (unsigned long long)wanted);
	is(register_eventfd(ring_beside(-1)), -EACCES,
	   "the kernel refuses a registration with a ring for %s", name);
	rig_close(&rig);
}

static struct arena_ring_options for_uses(uint32_t uses)
{
	struct arena_ring_options o = rig_options;

	o.uses = uses;
	o.nvme = uses & ARENA_USES_NVME;
	return o;
}

static void test_each_use(void)
{
	struct arena_ring_options polled = for_uses(ARENA_USES_DISK);
	struct arena_ring_options mortal = for_uses(ARENA_USES_SOCKETS);

	polled.polled = true;
	mortal.closes_at_death = true;
	test_all_operations("disks", for_uses(ARENA_USES_DISK), DISK);
	test_all_operations("disks that are polled", polled, DISK);
	test_all_operations("NVMe commands", for_uses(ARENA_USES_NVME), COMMON | BIT(URING_CMD));
	test_all_operations("sockets", for_uses(ARENA_USES_SOCKETS), SOCKETS);
	test_all_operations("sockets that others have, too", mortal, SOCKETS);
}

static void test_sender(void)
{
	struct channel_state state = { .error = 0 };
	struct channel_tx tx = { .state = &state, .target = -1 };
	int ret = channel_tx_open(&tx, NULL, 0);

	if (ret)
		bail("cannot open a tx ring: %s", strerror(-ret));
	ok(allowed_by(&tx.own) == BIT(MSG_RING),
	   "the ring of a channel takes messages to send, and no other operation");
	is(register_eventfd(tx.own.ring_fd), -EACCES,
	   "the kernel refuses a registration with the ring of a channel");
	channel_tx_close(&tx);
}

int main(void)
{
	test_options();
	test_disk();
	test_sockets();
	test_each_use();
	test_sender();
	return done_testing();
}
