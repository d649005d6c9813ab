// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * NVMe commands. A ring for them has SQEs of 128 bytes and CQEs of 32 bytes.
 */
#include <arena/nvme.h>

#include <errno.h>
#include <linux/nvme_ioctl.h>
#include <stdlib.h>
#include <string.h>

#include "nvme.h"
#include "rw.h"
#include "../why.h"

/* Bytes of a command in an SQE of 128 bytes. */
#define COMMAND_SIZE	80

_Static_assert(sizeof(struct nvme_uring_cmd) <= COMMAND_SIZE, "a command fits an SQE");

/* The command of the kernel for this queue, with one extent or a list of them. */
static uint32_t kind(bool admin, bool list)
{
	if (admin)
		return list ? NVME_URING_CMD_ADMIN_VEC : NVME_URING_CMD_ADMIN;
	return list ? NVME_URING_CMD_IO_VEC : NVME_URING_CMD_IO;
}

/* Commands are kept, because one may have to be issued again before the device gets it. */
bool ring_nvme_init(struct arena_ring *r)
{
	r->nvme = calloc(r->n_ops, sizeof(*r->nvme));
	return r->nvme;
}

void ring_nvme_free(struct arena_ring *r)
{
	free(r->nvme);
}

static void prep_nvme(struct arena_ring *r, struct ring_op *op, struct io_uring_sqe *sqe)
{
	struct nvme_uring_cmd *command = &r->nvme[ring_op_index(r, op)];
	const struct ring_rw *rw = &op->rw;

	io_uring_prep_rw(IORING_OP_URING_CMD, sqe, ring_file_target(r, op->file), NULL, 0, 0);
	sqe->cmd_op = kind(op->class->admin, rw->n_iov > 1);
	if (rw->n_iov == 1) {
		command->addr = (uintptr_t)rw->iov->iov_base;
		command->data_len = (uint32_t)rw->iov->iov_len;
	} else if (rw->n_iov) {
		command->addr = (uintptr_t)rw->iov;
		command->data_len = rw->n_iov;
	}
	if (rw->n_iov == 1 && rw->group >= 0) {
		sqe->uring_cmd_flags = IORING_URING_CMD_FIXED;
		sqe->buf_index = (uint16_t)rw->group;
	}
	memcpy(sqe->cmd, command, sizeof(*command));
}

static bool done(struct arena_ring *r, struct ring_op *op, const struct io_uring_cqe *cqe,
		 struct arena_event *event)
{
	uint64_t value = r->extra;
	bool is_event = ring_op_finish(r, op, cqe->res, 0, event);

	event->value = value;
	return is_event;
}

#define NVME_CLASS \
	.prep = prep_nvme, .succeed = done, .retry = ring_rw_retry, .end = ring_rw_end, .once = true

/* By the queue, and by the direction of the data: out, in. */
static const struct ring_class classes[2][2] = {
	{ { NVME_CLASS, .polls = true }, { NVME_CLASS, .polls = true, .in = true } },
	{ { NVME_CLASS, .admin = true }, { NVME_CLASS, .admin = true, .in = true } },
};

/* Device and kernel take the direction of the data from this bit of the opcode. */
static bool is_out(const struct arena_nvme *n)
{
	return n->opcode & 1;
}

static bool has_data(const struct arena_nvme *n)
{
	return n->vec || n->length || n->buf.count;
}

static int check(const struct arena_nvme *n)
{
	static const uint8_t zero[sizeof(n->reserved)];

	if (memcmp(n->reserved, zero, sizeof(zero)) != 0)
		return why("reserved: is not zero");
	return has_data(n) && (n->opcode & 3) == 3 ?
	       why("opcode: asks for data in both directions") : 0;
}

static struct nvme_uring_cmd command_of(const struct arena_nvme *n)
{
	return (struct nvme_uring_cmd){
		.opcode = n->opcode,
		.flags = n->flags,
		.nsid = n->nsid,
		.cdw2 = n->cdw2,
		.cdw3 = n->cdw3,
		.cdw10 = n->cdw10,
		.cdw11 = n->cdw11,
		.cdw12 = n->cdw12,
		.cdw13 = n->cdw13,
		.cdw14 = n->cdw14,
		.cdw15 = n->cdw15,
		.timeout_ms = n->timeout_ms,
	};
}

static int take_data(struct arena_ring *r, struct ring_op *op, const struct arena_nvme *n)
{
	const struct arena_io io = {
		.file = n->file,
		.buf = n->buf,
		.from = n->from,
		.length = n->length,
		.n_vecs = n->n_vecs,
		.vec = n->vec,
	};

	return has_data(n) ? ring_rw_take(r, op, &io) : 0;
}

static int begin(struct arena_ring *r, const struct arena_nvme *n, struct arena_op *handle)
{
	struct ring_op *op;
	int ret = ring_op_new(r, &classes[n->admin][!is_out(n)], n->file, n->cookie, &op);

	if (ret)
		return ret;
	ret = take_data(r, op, n);
	if (ret) {
		ring_op_drop(r, op);
		return ret;
	}
	r->nvme[ring_op_index(r, op)] = command_of(n);
	ring_op_begin(r, op, handle);
	return 0;
}

int arena_ring_nvme(struct arena_ring *r, const struct arena_nvme *command,
		    struct arena_op *handle)
{
	struct arena_nvme n;
	int ret = ring_check(r);

	if (!ret && !r->nvme)
		ret = -EOPNOTSUPP;
	if (!ret)
		ret = why_copy_struct(&n, sizeof(n), command);
	if (!ret)
		ret = check(&n);
	return ret ? ret : begin(r, &n, handle);
}
