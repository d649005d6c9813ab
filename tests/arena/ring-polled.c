// SPDX-License-Identifier: MIT
/*
 * Goal: a polled ring asks its disk for completions: reads, writes and NVMe commands end without
 * an interrupt, and it refuses everything that it cannot carry. It waits as its header says.
 * Method: on any file, what the ring refuses. In the virtual machine, a namespace of an NVMe
 * controller that has a queue for polling.
 *
 * vm: append=nvme.poll_queues=1
 */
#define _GNU_SOURCE
#include <arena/nvme.h>
#include <arena/source.h>
#include <limits.h>
#include <liburing.h>
#include <poll.h>
#include <stdlib.h>

#include "ring-rig.h"

#define BYTES	4096U
#define MANY	16U
#define ROUNDS	8U

enum { WRITE = 1, READ = 2 };

static struct arena_ring_options polled_options(void)
{
	struct arena_ring_options o = rig_options;

	o.polled = true;
	o.nvme = true;
	return o;
}

static void test_refused(struct rig *rig)
{
	const struct arena_timer timer = { .size = sizeof(timer), .first_ns = 1 };
	struct arena_event e;
	int fd = rig_fd(BYTES, 'f');
	struct arena_file file = rig_file(rig, fd);
	struct arena_buf b = rig_buf(rig, 1, 0);
	struct arena_io io = { .file = file, .buf = b, .length = BYTES };

	is(arena_ring_fsync(rig->r, file, true, 0, NULL), -EOPNOTSUPP,
	   "a polled ring refuses a flush");
	is(arena_ring_poll(rig->r, file, POLLIN, false, 0, NULL), -EOPNOTSUPP,
	   "a polled ring refuses to wait for a file");
	is(arena_ring_recv(rig->r, &io, NULL), -EOPNOTSUPP, "a polled ring refuses a receive");
	is(arena_ring_send(rig->r, &io, NULL), -EOPNOTSUPP, "a polled ring refuses a send");
	is(arena_ring_nvme(rig->r, &(struct arena_nvme){ .size = sizeof(struct arena_nvme),
			   .file = file, .admin = true, .opcode = 6 }, NULL), -EOPNOTSUPP,
	   "a polled ring refuses an NVMe command of the admin queue");
	is(arena_ring_add_timer(rig->r, &timer, NULL), -EOPNOTSUPP,
	   "a polled ring refuses a timer");
	is(arena_ring_cancel(rig->r, (struct arena_op){ 0, 1 }), -EOPNOTSUPP,
	   "a polled ring cannot cancel");
	is(arena_ring_set_deadline(rig->r, (struct arena_op){ 0, 1 }, 1), -EOPNOTSUPP,
	   "a polled ring has no deadlines");
	is(arena_state(rig->a, b), ARENA_OWNED, "the extent of a refused operation is OWNED");
	is(arena_ring_next(rig->r, &e, -1), 0,
	   "a polled ring without anything pending does not wait for an event");
	is(arena_ring_read(rig->r, &io, NULL), 0, "a polled ring accepts a read of any file");
	e = rig_next(rig);
	is(e.result, -EOPNOTSUPP, "a read of a file that cannot be polled ends with -EOPNOTSUPP");
	is(arena_state(rig->a, b), ARENA_OWNED, "the extent of a read that failed is OWNED");
	is(arena_ring_remove_file(rig->r, file), 0, "a file of a polled ring can be removed");
	arena_put(rig->a, b);
	close(fd);
}

/* Interrupts of a controller's queues so far. */
static unsigned long interrupts(unsigned int controller)
{
	unsigned long all = 0;
	char name[32], line[512];
	FILE *f = fopen("/proc/interrupts", "re");

	snprintf(name, sizeof(name), "nvme%uq", controller);
	while (f && fgets(line, sizeof(line), f)) {
		char *p = strstr(line, name) ? strchr(line, ':') : NULL;
		char *end = p;

		for (p = p ? p + 1 : NULL; p && end; p = end) {
			unsigned long n = strtoul(p, &end, 10);

			if (end == p)
				break;
			all += n;
		}
	}
	if (f)
		fclose(f);
	return all;
}

static bool has_poll_queues(const char *disk)
{
	char path[PATH_MAX], answer = '0';
	FILE *f;

	snprintf(path, sizeof(path), "/sys/block/%s/queue/io_poll", disk + strlen("/dev/"));
	f = fopen(path, "re");
	if (f) {
		answer = (char)fgetc(f);
		fclose(f);
	}
	return answer == '1';
}

static void begin(struct rig *rig, struct arena_file file, uint32_t nsid, uint8_t opcode,
		  struct arena_buf b, uint64_t offset)
{
	const struct arena_io io = {
		.file = file, .buf = b, .length = BYTES, .offset = offset,
	};
	const struct arena_nvme n = {
		.size = sizeof(n), .file = file, .buf = b, .length = BYTES, .nsid = nsid,
		.opcode = opcode, .cdw10 = (uint32_t)(offset / 512), .cdw12 = BYTES / 512 - 1,
	};
	int ret;

	if (nsid)
		ret = arena_ring_nvme(rig->r, &n, NULL);
	else
		ret = opcode == READ ? arena_ring_read(rig->r, &io, NULL) :
				       arena_ring_write(rig->r, &io, NULL);
	if (ret)
		bail("cannot begin: %s", strerror(-ret));
}

/* Wait for @n operations, and count those that succeeded. */
static unsigned int succeeded(struct rig *rig, unsigned int n, int32_t result)
{
	unsigned int good = 0;

	while (n--)
		good += rig_next(rig).result == result;
	return good;
}

static void test_disk(struct rig *rig, const char *how, const char *path, uint32_t nsid,
		      unsigned int controller)
{
	int fd = open(path, O_RDWR | O_CLOEXEC | (nsid ? 0 : O_DIRECT));
	int32_t result = nsid ? 0 : (int32_t)BYTES;
	struct arena_buf out[MANY], in[MANY];
	unsigned int written = 0, read = 0, right = 0;
	struct arena_file file;
	unsigned long before;

	if (fd < 0)
		bail("%s: %s", path, strerror(errno));
	file = rig_file(rig, fd);
	before = interrupts(controller);
	for (unsigned int round = 0; round < ROUNDS; round++) {
		for (unsigned int i = 0; i < MANY; i++) {
			out[i] = rig_buf(rig, 1, (int)(round * MANY + i));
			begin(rig, file, nsid, WRITE, out[i], i * BYTES);
		}
		written += succeeded(rig, MANY, result);
		for (unsigned int i = 0; i < MANY; i++) {
			in[i] = rig_buf(rig, 1, 0);
			begin(rig, file, nsid, READ, in[i], i * BYTES);
		}
		read += succeeded(rig, MANY, result);
		for (unsigned int i = 0; i < MANY; i++) {
			right += rig_is(rig, in[i], BYTES, (int)(round * MANY + i));
			arena_put(rig->a, in[i]);
			arena_put(rig->a, out[i]);
		}
	}
	is(written, MANY * ROUNDS, "%s: all writes succeed", how);
	is(read, MANY * ROUNDS, "%s: all reads succeed", how);
	is(right, MANY * ROUNDS, "%s: reads get the bytes that were written", how);
	is(interrupts(controller), before, "%s: the disk interrupts for none of them", how);
	close(fd);
	is(arena_ring_remove_file(rig->r, file), 0, "%s: the file can be removed", how);
}

/* Removing a file and closing a ring wait for what is pending, which cannot be cancelled. */
static void test_close(struct rig *rig, const char *path)
{
	struct arena_ring_options o = polled_options();
	int fd = open(path, O_RDWR | O_CLOEXEC | O_DIRECT);
	struct arena_file file = rig_file(rig, fd);
	struct arena_buf b[MANY];

	for (unsigned int i = 0; i < MANY; i++) {
		b[i] = rig_buf(rig, 1, 1);
		begin(rig, file, 0, READ, b[i], i * BYTES);
	}
	is(arena_ring_remove_file(rig->r, file), 0, "a file with pending reads can be removed");
	is(arena_ring_close(rig->r), 0, "a polled ring with pending reads can be closed");
	for (unsigned int i = 0; i < MANY; i++)
		is(arena_put(rig->a, b[i]), 0, "an extent is OWNED after the ring was closed");
	close(fd);
	rig->r = rig_ring(rig->a, &o);
}

/* The hazard of a plain ring, see docs/hazards.md: a program may forget to ask. */
static void test_unasked(const char *path)
{
	static char memory[BYTES] __attribute__((aligned(BYTES)));
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_DIRECT);
	struct io_uring_cqe *cqe;
	struct io_uring uring;

	if (fd < 0 || io_uring_queue_init(4, &uring, IORING_SETUP_IOPOLL))
		bail("cannot make a plain ring");
	io_uring_prep_read(io_uring_get_sqe(&uring), fd, memory, BYTES, 0);
	/* io_uring_submit() would ask once. */
	io_uring_smp_store_release(uring.sq.ktail, uring.sq.sqe_tail);
	is(io_uring_enter((unsigned int)uring.ring_fd, 1, 0, 0, NULL), 1,
	   "a plain polled ring takes a read");
	usleep(200000);
	is(io_uring_cq_ready(&uring), 0, "a plain polled ring that is not asked never completes");
	uring.sq.sqe_head = uring.sq.sqe_tail;
	is(io_uring_wait_cqe(&uring, &cqe), 0, "a plain polled ring completes when it is asked");
	is(cqe->res, BYTES, "the read of the plain polled ring has read everything");
	io_uring_cqe_seen(&uring, cqe);
	io_uring_queue_exit(&uring);
	close(fd);
}

static void test_disks(struct rig *rig)
{
	const char *disk = getenv("VM_DISK0");
	unsigned int x, y;
	char path[64];

	if (!disk || sscanf(disk, "/dev/nvme%un%u", &x, &y) != 2) {
		skip("there is no NVMe disk that may be overwritten");
		return;
	}
	ok(has_poll_queues(disk), "the disk %s has queues for polling", disk);
	snprintf(path, sizeof(path), "/dev/ng%un%u", x, y);
	test_disk(rig, "the block device", disk, 0, x);
	test_disk(rig, "NVMe commands", path, y, x);
	test_close(rig, disk);
	test_unasked(disk);
}

int main(void)
{
	struct arena_ring_options o = polled_options();
	struct rig rig = rig_arena("ring-polled");

	rig.r = rig_ring(rig.a, &o);
	test_refused(&rig);
	test_disks(&rig);
	arena_ring_close(rig.r);
	rig.r = rig_ring_without(rig.a, o, "hybrid_iopoll");
	test_disks(&rig);
	rig_close(&rig);
	return done_testing();
}
