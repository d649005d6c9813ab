// SPDX-License-Identifier: MIT
/*
 * A namespace of an NVMe controller as a disk: commands go to it past the block layer, through the
 * namespace's character device. The block device is kept open meanwhile, so that it cannot be
 * mounted.
 */
#define _GNU_SOURCE
#include "nvme.h"

#include <arena/nvme.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "ways.h"

#define READ		0x02
#define WRITE		0x01
#define FLUSH		0x00
#define WRITE_ZEROES	0x08
#define DSM		0x09

/* Bits of command dword 12: Force Unit Access, and deallocation by a write of zeroes. */
#define FUA		(1U << 30)
#define DEALLOCATE	(1U << 25)
/* A bit of command dword 11 of Dataset Management (DSM). */
#define DSM_DEALLOCATE	(1U << 2)

/* A range of DSM, in the form in which the command reads it from its extent. */
struct dsm_range {
	uint32_t attributes;
	uint32_t blocks;
	uint64_t first;
};

static uint64_t block_of(const struct backend *b, uint64_t offset)
{
	return offset >> b->lba_shift;
}

/* Set the range of a read, write or write of zeroes. A length within the limits fits 16 bits. */
static void set_range(const struct backend *b, const struct backend_io *io, struct arena_nvme *c)
{
	uint64_t first = block_of(b, io->offset);

	c->cdw10 = (uint32_t)first;
	c->cdw11 = (uint32_t)(first >> 32);
	c->cdw12 = (uint32_t)block_of(b, io->length) - 1;
	if (io->is_fua && b->limits.has_volatile_cache)
		c->cdw12 |= FUA;
}

static void set_data(const struct backend_io *io, struct arena_nvme *c)
{
	c->buf = io->buf;
	c->from = io->from;
	c->length = (uint32_t)io->length;
}

static void set_discard(const struct backend *b, const struct backend_io *io,
			struct arena_nvme *c)
{
	struct dsm_range *range = arena_ptr(b->arena, io->buf);

	*range = (struct dsm_range){
		.blocks = htole32((uint32_t)block_of(b, io->length)),
		.first = htole64(block_of(b, io->offset)),
	};
	c->buf = io->buf;
	c->length = sizeof(*range);
	/* The command has one range; 0 stands for 1. */
	c->cdw10 = 0;
	c->cdw11 = DSM_DEALLOCATE;
}

static int begin(struct backend *b, const struct backend_io *io)
{
	bool moves = io->operation == BACKEND_READ || io->operation == BACKEND_WRITE;
	struct arena_nvme c = {
		.size = sizeof(c),
		.file = moves ? b->data_file : b->file,
		.cookie = io->cookie,
		.nsid = b->nsid,
	};

	switch (io->operation) {
	case BACKEND_READ:
	case BACKEND_WRITE:
		c.opcode = io->operation == BACKEND_READ ? READ : WRITE;
		set_range(b, io, &c);
		set_data(io, &c);
		break;
	case BACKEND_FLUSH:
		c.opcode = FLUSH;
		break;
	case BACKEND_DISCARD:
		c.opcode = DSM;
		set_discard(b, io, &c);
		break;
	case BACKEND_ZERO:
		c.opcode = WRITE_ZEROES;
		set_range(b, io, &c);
		if (!io->no_hole && b->can_deallocate)
			c.cdw12 |= DEALLOCATE;
		break;
	}
	return arena_ring_nvme(moves ? b->data_ring : b->ring, &c, NULL);
}

static int result(struct backend *b, const struct arena_event *e, const char **why)
{
	(void)b;
	if (e->result > 0) {
		*why = nvme_why(e->result);
		return nvme_error(e->result);
	}
	/* The controller was reset. The command may have been carried out; it can be repeated. */
	return e->result == -EINTR ? -EAGAIN : e->result;
}

static const struct backend_ops nvme_ops = {
	.kind = BACKEND_NVME,
	.begin = begin,
	.result = result,
	.size = block_size_now,
};

/*
 * Finding the two devices of a namespace
 */

/* Get the last part of the path that a link of sysfs leads to. */
static bool sysfs_name(const char *kind, dev_t dev, char *name, size_t size)
{
	char link[64], target[PATH_MAX];
	ssize_t n;

	snprintf(link, sizeof(link), "/sys/dev/%s/%u:%u", kind, major(dev), minor(dev));
	n = readlink(link, target, sizeof(target) - 1);
	if (n <= 0)
		return false;
	target[n] = '\0';
	return snprintf(name, size, "%s", strrchr(target, '/') + 1) < (int)size;
}

/* nvme0n1 and ng0n1 are one namespace. The partition nvme0n1p1 has no character device. */
static int find_devices(const char *path, char *block, char *character, size_t size)
{
	unsigned int controller, namespace;
	struct stat st;
	char name[64];
	int end = 0;

	if (stat(path, &st))
		return -errno;
	if (!sysfs_name(S_ISCHR(st.st_mode) ? "char" : "block", st.st_rdev, name, sizeof(name)))
		return -ENOTTY;
	if (sscanf(name, S_ISCHR(st.st_mode) ? "ng%un%u%n" : "nvme%un%u%n", &controller,
		   &namespace, &end) != 2 || name[end])
		return -ENOTTY;
	snprintf(block, size, "/dev/nvme%un%u", controller, namespace);
	snprintf(character, size, "/dev/ng%un%u", controller, namespace);
	return 0;
}

static int open_character(struct backend *b, const char *path, const char **why)
{
	b->fd = open(path, (b->limits.is_readonly ? O_RDONLY : O_RDWR) | O_CLOEXEC);
	if (b->fd >= 0)
		return 0;
	*why = "the character device of the namespace cannot be opened";
	return -errno;
}

static int probe_ring(const char **why)
{
	struct arena_features f = { .size = sizeof(f) };

	if (!arena_probe(&f) && arena_has(&f, ARENA_HAS_URING_CMD))
		return 0;
	*why = "this kernel's io_uring takes no NVMe commands";
	return -EOPNOTSUPP;
}

static void close_both(struct backend *b)
{
	if (b->fd >= 0)
		close(b->fd);
	if (b->guard >= 0)
		close(b->guard);
	b->fd = -1;
	b->guard = -1;
}

int nvme_open(struct backend *b, const char **why)
{
	char block[64], character[64];
	int ret = find_devices(b->path, block, character, sizeof(block));

	if (ret == -ENOTTY)
		*why = "it is no namespace of an NVMe controller";
	if (!ret)
		ret = probe_ring(why);
	if (ret)
		return ret;
	b->guard = block_open_exclusively(b, block);
	if (b->guard < 0)
		return b->guard;
	ret = open_character(b, character, why);
	/* The namespace adds its limits to those that the block layer knows. */
	if (!ret)
		ret = block_limits(b, b->guard);
	if (!ret)
		ret = nvme_identify_limits(b, why);
	if (ret) {
		close_both(b);
		return ret;
	}
	b->ops = &nvme_ops;
	return 0;
}
