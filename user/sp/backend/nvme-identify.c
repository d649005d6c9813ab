// SPDX-License-Identifier: MIT
#include <arena/nvme.h>
#include <endian.h>
#include <errno.h>
#include <libnvme.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "nvme.h"

/* The unit of MDTS is the least page size of the controller; no controller has a smaller one. */
#define PAGE		4096ULL
#define MIN_SHIFT	9U
#define MAX_SHIFT	12U
/* One request moves no more bytes, so a larger MDTS is of no use. */
#define MAX_BYTES	(32ULL << 20)
/* The number of blocks has 16 bits in a command, and 32 bits in a range of DSM. */
#define MAX_BLOCKS	65536ULL
#define MAX_DSM_BLOCKS	(1ULL << 31)

static uint64_t smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* The bytes of 2^@exponent pages; the exponent 0 means that there is no limit. */
static uint64_t pages_of(uint32_t exponent)
{
	return exponent && exponent < 20 ? PAGE << exponent : UINT64_MAX;
}

static uint32_t max_bytes(const struct nvme_namespace *n, uint32_t pages)
{
	uint64_t most = smaller(pages_of(n->mdts), MAX_BYTES);

	most = smaller(most, MAX_BLOCKS << n->lba_shift);
	/* Data that begins within a page touches one page more. */
	if (pages > 1)
		most = smaller(most, (pages - 1) * PAGE);
	return (uint32_t)most;
}

int nvme_limits(struct backend_limits *l, const struct nvme_namespace *n, uint32_t pages)
{
	uint64_t dsm = n->dsm_blocks ? n->dsm_blocks : MAX_DSM_BLOCKS;

	if (n->lba_shift < MIN_SHIFT || n->lba_shift > MAX_SHIFT || n->metadata)
		return -EOPNOTSUPP;
	l->block_size = 1U << n->lba_shift;
	l->bytes = n->blocks << n->lba_shift;
	l->max_bytes = max_bytes(n, pages);
	l->max_zero = smaller(pages_of(n->wzsl), MAX_BLOCKS << n->lba_shift);
	l->max_discard = smaller(dsm, MAX_DSM_BLOCKS) << n->lba_shift;
	l->atomic_bytes = n->atomic_blocks << n->lba_shift;
	l->has_fua = true;
	l->has_volatile_cache = n->has_cache;
	l->has_zero = n->has_zeroes && !l->is_readonly;
	l->has_discard = n->has_dsm && !l->is_readonly;
	l->discard_granularity = l->has_discard ? n->granularity_blocks << n->lba_shift : 0;
	l->discard_needs_buffer = true;
	return 0;
}

static void from_controller(struct nvme_namespace *n, const struct nvme_id_ctrl *c)
{
	uint16_t oncs = le16toh(c->oncs);

	n->mdts = c->mdts;
	n->has_cache = c->vwc & NVME_CTRL_VWC_PRESENT;
	n->has_dsm = oncs & NVME_CTRL_ONCS_DSM;
	n->has_zeroes = oncs & NVME_CTRL_ONCS_WRITE_ZEROES;
	n->atomic_blocks = le16toh(c->awupf) + 1U;
}

static void from_namespace(struct nvme_namespace *n, const struct nvme_id_ns *ns)
{
	unsigned int format = (ns->flbas & 0xf) | (ns->flbas >> 5 & 3) << 4;

	n->blocks = le64toh(ns->nsze);
	n->lba_shift = ns->lbaf[format].ds;
	n->metadata = le16toh(ns->lbaf[format].ms);
	/* A namespace may have a larger atomic unit than its controller says for all of them. */
	if (ns->nsfeat & NVME_NS_FEAT_NATOMIC)
		n->atomic_blocks = le16toh(ns->nawupf) + 1U;
	/* If there are boundaries, only a single block is surely atomic. */
	if (ns->nsfeat & NVME_NS_FEAT_NATOMIC && le16toh(ns->nabspf))
		n->atomic_blocks = 1;
	n->granularity_blocks = ns->nsfeat & NVME_NS_FEAT_IO_OPT ? le16toh(ns->npdg) + 1U : 1;
	/* Bit 3: Write Zeroes can deallocate; bits 0 to 2: what deallocated blocks read as. */
	n->deallocates_zeroes = (ns->dlfeat & 0xf) == 9;
}

/* The kernel's own limit on pages of one command, from the namespace's block device. */
static uint32_t kernel_pages(int fd)
{
	unsigned int pages = 0, kib = 0;
	char path[96];
	struct stat st;
	FILE *from;

	if (fstat(fd, &st))
		return 0;
	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/queue/max_segments", major(st.st_rdev),
		 minor(st.st_rdev));
	from = fopen(path, "re");
	if (from && fscanf(from, "%u", &pages) != 1)
		pages = 0;
	if (from)
		fclose(from);
	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/queue/max_hw_sectors_kb",
		 major(st.st_rdev), minor(st.st_rdev));
	from = fopen(path, "re");
	if (from && fscanf(from, "%u", &kib) == 1 && (!pages || kib / 4 + 1 < pages))
		pages = kib / 4 + 1;
	if (from)
		fclose(from);
	return pages;
}

static int identify(int fd, uint32_t *nsid, struct nvme_namespace *n)
{
	static struct nvme_id_ctrl controller;
	static struct nvme_id_ctrl_nvm nvm;
	static struct nvme_id_ns namespace;

	if (nvme_get_nsid(fd, nsid))
		return -errno;
	if (nvme_identify_ctrl(fd, &controller) || nvme_identify_ns(fd, *nsid, &namespace))
		return -EIO;
	from_controller(n, &controller);
	from_namespace(n, &namespace);
	/* Controllers before NVMe 2.0 do not have this structure, nor these limits. */
	if (!nvme_nvm_identify_ctrl(fd, &nvm)) {
		n->dsm_blocks = le32toh(nvm.dmrsl);
		n->wzsl = nvm.wzsl;
	}
	return 0;
}

int nvme_identify_limits(struct backend *b, const char **why)
{
	struct nvme_namespace n = { 0 };
	int ret = identify(b->fd, &b->nsid, &n);

	if (ret) {
		*why = "the namespace does not say what it can do";
		return ret;
	}
	ret = nvme_limits(&b->limits, &n, kernel_pages(b->guard));
	if (ret)
		*why = "the format of its blocks is not supported";
	b->lba_shift = n.lba_shift;
	b->can_deallocate = n.deallocates_zeroes;
	return ret;
}

/*
 * Statuses: bits 8 to 10 are the type, and bits 0 to 7 are the code.
 */

int nvme_error(int status)
{
	switch (status & ARENA_NVME_STATUS_CODE) {
	case NVME_SC_INVALID_OPCODE:
		return -EOPNOTSUPP;
	case NVME_SC_CAP_EXCEEDED:
		return -ENOSPC;
	case NVME_SC_NS_WRITE_PROTECTED:
	case NVME_SCT_CMD_SPECIFIC << 8 | NVME_SC_READ_ONLY:
		return -EROFS;
	case NVME_SC_ABORT_REQ:
	case NVME_SC_CMD_INTERRUPTED:
	case NVME_SC_NS_NOT_READY:
		return status & ARENA_NVME_STATUS_DNR ? -EIO : -EAGAIN;
	default:
		return -EIO;
	}
}

const char *nvme_why(int status)
{
	return nvme_status_to_string(status & ARENA_NVME_STATUS_CODE, false);
}
