// SPDX-License-Identifier: MIT
/*
 * Goal: a ring sends commands to an NVMe device past the block layer, with extents of the
 * arena. The status of the device comes back, and malformed commands do not reach the device.
 * Method: on any file, the commands that the ring refuses. On a real device, in the virtual
 * machine, identify, write, read, compare and flush; errors of the device and of the kernel.
 */
#define _GNU_SOURCE
#include <arena/nvme.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ring-rig.h"

enum { FLUSH = 0, WRITE = 1, READ = 2, COMPARE = 5, IDENTIFY = 6 };

#define LBA_OUT_OF_RANGE	0x080
#define COMPARE_FAILURE		0x285
#define BYTES			4096U

/**
 * struct disk - an NVMe namespace
 * @controller: /dev/nvmeX
 * @space: /dev/ngXnY
 * @nsid: number of the namespace
 * @lba: bytes of a block
 * @blocks: number of blocks
 */
struct disk {
	struct arena_file controller;
	struct arena_file space;
	uint32_t nsid;
	uint32_t lba;
	uint64_t blocks;
};

static struct arena_event command(struct rig *rig, const struct arena_nvme *given)
{
	struct arena_nvme n = *given;
	struct arena_event e;
	int ret;

	n.size = sizeof(n);
	n.cookie = 77;
	ret = arena_ring_nvme(rig->r, &n, NULL);
	if (ret)
		bail("the ring refuses a command: %d", ret);
	e = rig_next(rig);
	if (e.cookie != 77)
		bail("not the event of the command");
	return e;
}

static struct arena_event block_command(struct rig *rig, const struct disk *d, uint8_t opcode,
					struct arena_buf b, uint64_t block, uint32_t blocks)
{
	return command(rig, &(struct arena_nvme){
		.file = d->space, .opcode = opcode, .nsid = d->nsid, .buf = b,
		.length = blocks * d->lba, .cdw10 = (uint32_t)block,
		.cdw11 = (uint32_t)(block >> 32), .cdw12 = blocks - 1,
	});
}

static int code(struct arena_event e)
{
	return e.result < 0 ? e.result : e.result & ARENA_NVME_STATUS_CODE;
}

static struct arena_ring *nvme_ring(struct rig *rig, bool registered)
{
	struct arena_ring_options o = rig_options;

	o.nvme = true;
	o.registered = registered;
	return rig_ring(rig->a, &o);
}

static void test_refused(struct rig *rig)
{
	int fd = rig_fd(BYTES, 'f');
	struct arena_nvme n = { .size = sizeof(n), .opcode = READ, .length = BYTES };
	struct arena_ring *usual = rig->r;
	struct arena_event e;

	n.file = rig_file(rig, fd);
	n.buf = rig_buf(rig, 1, 0);
	is(arena_ring_nvme(rig->r, &n, NULL), -EOPNOTSUPP,
	   "an NVMe command is refused in a ring without the option nvme");
	rig->r = nvme_ring(rig, false);
	n.file = rig_file(rig, fd);
	n.size = 0;
	is(arena_ring_nvme(rig->r, &n, NULL), -EINVAL, "a command without its size is refused");
	n.size = sizeof(n);
	n.reserved[1] = 1;
	is(arena_ring_nvme(rig->r, &n, NULL), -EINVAL,
	   "a command with a reserved byte that is not 0 is refused");
	n.reserved[1] = 0;
	n.opcode = 3;
	is(arena_ring_nvme(rig->r, &n, NULL), -EINVAL,
	   "a command whose data goes in both directions is refused");
	n.opcode = READ;
	n.from = 1;
	is(arena_ring_nvme(rig->r, &n, NULL), -EINVAL,
	   "a command whose data exceeds its extent is refused");
	n.from = 0;
	is(arena_state(rig->a, n.buf), ARENA_OWNED, "the extent of a refused command is OWNED");
	e = command(rig, &n);
	is(e.result, -EOPNOTSUPP,
	   "a command to a file that is no NVMe device ends with -EOPNOTSUPP");
	arena_put(rig->a, n.buf);
	arena_ring_close(rig->r);
	rig->r = usual;
	close(fd);
}

static uint32_t word(const unsigned char *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static int open_device(const char *format, unsigned int x, unsigned int y)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), format, x, y);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		bail("%s: %s", path, strerror(errno));
	return fd;
}

/* Returns false if there is no NVMe disk, as natively. */
static bool disk_fds(int fds[2], uint32_t *nsid)
{
	const char *name = getenv("VM_DISK0");
	char path[PATH_MAX];
	unsigned int x, y;

	if (!name || !realpath(name, path) || sscanf(path, "/dev/nvme%un%u", &x, &y) != 2)
		return false;
	fds[0] = open_device("/dev/nvme%u", x, 0);
	fds[1] = open_device("/dev/ng%un%u", x, y);
	*nsid = y;
	return true;
}

static void identify(struct rig *rig, struct disk *d)
{
	struct arena_buf b = rig_buf(rig, 1, 0);
	struct arena_event e = command(rig, &(struct arena_nvme){
		.file = d->controller, .admin = true, .opcode = IDENTIFY, .nsid = d->nsid,
		.buf = b, .length = BYTES,
	});
	const unsigned char *p = arena_ptr_const(rig->a, b);

	is(e.result, 0, "IDENTIFY of a namespace succeeds");
	d->blocks = word(p) | (uint64_t)word(p + 4) << 32;
	d->lba = 1U << (word(p + 128 + 4 * (p[26] & 15)) >> 16 & 255);
	ok(d->blocks && d->lba >= 512 && d->lba <= BYTES,
	   "the namespace has blocks of a usual size, %u bytes", d->lba);
	arena_put(rig->a, b);
}

static void test_commands(struct rig *rig, struct disk *d, const char *how)
{
	const uint32_t blocks = BYTES / d->lba;
	struct arena_buf out = rig_buf(rig, 1, 'o'), in = rig_buf(rig, 1, 'i');
	struct arena_buf many = rig_buf(rig, 2, 'm');
	struct arena_vec list[] = { { many, 0, d->lba }, { in, 0, BYTES - d->lba } };
	struct arena_event e;

	is(code(block_command(rig, d, WRITE, out, 8, blocks)), 0, "%s: WRITE succeeds", how);
	is(code(block_command(rig, d, READ, in, 8, blocks)), 0, "%s: READ succeeds", how);
	ok(rig_is(rig, in, BYTES, 'o'), "%s: READ gets the bytes that were written", how);
	is(code(block_command(rig, d, COMPARE, out, 8, blocks)), 0,
	   "%s: COMPARE with the bytes that were written succeeds", how);
	is(code(block_command(rig, d, COMPARE, many, 8, blocks)), COMPARE_FAILURE,
	   "%s: COMPARE with other bytes has the status Compare Failure", how);
	e = command(rig, &(struct arena_nvme){
		.file = d->space, .opcode = FLUSH, .nsid = d->nsid });
	is(code(e), 0, "%s: FLUSH succeeds", how);
	e = block_command(rig, d, READ, in, d->blocks, blocks);
	is(code(e), LBA_OUT_OF_RANGE,
	   "%s: READ beyond the end of the disk has the status LBA Out of Range", how);
	ok(e.result & ARENA_NVME_STATUS_DNR,
	   "%s: READ beyond the end of the disk has the bit Do Not Retry", how);
	memset(arena_ptr(rig->a, in), 0, BYTES);
	e = command(rig, &(struct arena_nvme){
		.file = d->space, .opcode = READ, .nsid = d->nsid, .buf = in, .from = 1,
		.length = d->lba, .cdw10 = 8 });
	is(e.result, 0, "%s: READ into memory that is not aligned succeeds", how);
	ok(((const char *)arena_ptr_const(rig->a, in))[1] == 'o',
	   "%s: READ into memory that is not aligned writes at the right byte", how);
	is(arena_state(rig->a, in), ARENA_OWNED, "%s: the extent is OWNED after a READ", how);
	memset(arena_ptr(rig->a, in), 0, BYTES);
	e = command(rig, &(struct arena_nvme){
		.file = d->space, .opcode = READ, .nsid = d->nsid, .vec = list, .n_vecs = 2,
		.cdw10 = 8, .cdw12 = blocks - 1 });
	ok(!e.result || e.result == -EINVAL,
	   "%s: READ into a list of extents succeeds or is -EINVAL (%d)", how, e.result);
	if (!e.result && d->lba < BYTES)
		ok(rig_is(rig, many, d->lba, 'o') && rig_is(rig, in, BYTES - d->lba, 'o'),
		   "%s: READ into a list of extents writes to both", how);
	arena_put(rig->a, out);
	arena_put(rig->a, in);
	arena_put(rig->a, many);
}

/* The kernel must refuse more than the device accepts in one command. */
static void test_too_large(struct rig *rig, struct disk *d)
{
	struct arena_buf b;
	struct arena_event e;

	if (arena_get_for(rig->a, USE_FIRST, 1024, &b))
		return skip("an extent of 4 MiB is larger than a group");
	e = block_command(rig, d, READ, b, 0, 1024 * BYTES / d->lba);
	ok(e.result, "READ of 4 MiB in one command fails (%d)", e.result);
	arena_put(rig->a, b);
}

/* A view in which only the second class's half of the region is writable. */
static struct mshare *half_view(struct rig *rig)
{
	const struct arena_layout *l = arena_layout(rig->a);
	uint64_t half = RIG_LENGTH / 2;
	struct mshare_range ranges[] = {
		{ 0, half, PROT_READ }, { half, RIG_LENGTH - half, PROT_READ | PROT_WRITE },
	};
	struct mshare_view v = {
		.size = sizeof(v), .ranges = ranges, .n_ranges = 2, .flags = MSHARE_UNNAMED,
	};
	struct mshare *view;
	int ret;

	for (uint32_t i = 0; i < l->n_groups; i++)
		if (l->group[i].role == ARENA_ROLE(1, 0) ? l->group[i].offset < half :
		    l->group[i].offset >= half)
			diag("group %u lies in the other half", i);
	ret = mshare_make_view(rig->m, "half", &v, &view);
	if (ret)
		bail("cannot make a view: %s", strerror(-ret));
	return view;
}

static int write_borrowed(struct mshare *view, const struct arena_ref *ref, struct disk d,
			  const int fds[2])
{
	struct rig rig = { .m = view };
	struct arena_event e;
	struct arena_buf b;
	void *base;

	if (mshare_attach(view, &base) || arena_open_region(view, ARENA_ROLE(1, 0), &rig.a))
		return 1;
	rig.r = nvme_ring(&rig, true);
	d.space = rig_file(&rig, fds[1]);
	if (arena_borrow(rig.a, ARENA_ROLE(0, 0), ref, &b))
		return 2;
	if (!rig_is(&rig, b, BYTES, 'b'))
		return 6;
	e = block_command(&rig, &d, WRITE, b, 32, BYTES / d.lba);
	if (e.result) {
		diag("the result of writing is %d", e.result);
		return 3;
	}
	if (arena_state(rig.a, b) != ARENA_BORROWED)
		return 4;
	/* A borrowed extent is read-only for the device, too. */
	return arena_ring_nvme(rig.r, &(struct arena_nvme){
		.size = sizeof(struct arena_nvme), .file = d.space, .opcode = READ,
		.nsid = d.nsid, .buf = b, .length = BYTES }, NULL) == -EACCES ? 0 : 5;
}

static void test_borrowed(struct rig *rig, struct disk *d, const int fds[2])
{
	struct arena_buf b = rig_buf(rig, 1, 'b'), in = rig_buf(rig, 1, 0), again;
	struct mshare *view = half_view(rig);
	struct arena_ref ref;
	int status;
	pid_t pid;

	is(arena_lend(rig->a, b, ARENA_ROLE(1, 0), &ref), 0,
	   "the NP lends an extent to a peer with a view of its own");
	fflush(stdout);
	pid = fork();
	if (!pid)
		_exit(mshare_detach(rig->m) ? 9 : write_borrowed(view, &ref, *d, fds));
	waitpid(pid, &status, 0);
	is(status, 0, "a peer whose view can only read the extent writes it to the disk");
	is(arena_regain(rig->a, ARENA_ROLE(1, 0), &ref, &again), 0,
	   "the NP regains the extent that the peer wrote to the disk");
	is(code(block_command(rig, d, READ, in, 32, BYTES / d->lba)), 0,
	   "READ of the blocks that the peer wrote succeeds");
	ok(rig_is(rig, in, BYTES, 'b'), "the disk has the bytes of the lent extent");
	arena_put(rig->a, again);
	arena_put(rig->a, in);
	mshare_close(view);
}

int main(void)
{
	struct rig rig = rig_open("nvme");
	struct arena_ring *usual = rig.r;
	struct disk d = { 0 };
	int fds[2];

	test_refused(&rig);
	if (!disk_fds(fds, &d.nsid)) {
		skip("VM_DISK0 does not name an NVMe disk");
		rig_close(&rig);
		return done_testing();
	}
	for (int registered = 0; registered < 2; registered++) {
		rig.r = nvme_ring(&rig, registered);
		d.controller = rig_file(&rig, fds[0]);
		d.space = rig_file(&rig, fds[1]);
		identify(&rig, &d);
		test_commands(&rig, &d, registered ? "registered" : "unregistered");
		test_too_large(&rig, &d);
		is(arena_ring_close(rig.r), 0, "a ring with%s registered groups can be closed",
		   registered ? "" : "out");
	}
	rig.r = nvme_ring(&rig, false);
	d.controller = rig_file(&rig, fds[0]);
	d.space = rig_file(&rig, fds[1]);
	test_borrowed(&rig, &d, fds);
	is(arena_ring_close(rig.r), 0, "the ring of the lent extent's owner can be closed");
	rig.r = usual;
	rig_close(&rig);
	return done_testing();
}
