// SPDX-License-Identifier: LGPL-2.1-or-later
#include "restrict.h"

/* What sources, channels, cancellations and the removal of files need. */
#define EACH	UINT32_MAX
#define DISK	ARENA_USES_DISK
#define NVME	ARENA_USES_NVME
#define SOCKETS	ARENA_USES_SOCKETS

/* All these use files of the ring's table, or buffers that the kernel chooses. */
#define SQE_FLAGS	(IOSQE_FIXED_FILE | IOSQE_BUFFER_SELECT | IOSQE_CQE_SKIP_SUCCESS)

/**
 * struct allowed - an operation or a registration
 * @number: IORING_OP_* or IORING_REGISTER_*
 * @uses: enum arena_ring_uses that need it
 */
struct allowed {
	uint8_t number;
	uint32_t uses;
};

static const struct allowed operations[] = {
	{ IORING_OP_NOP, EACH },
	{ IORING_OP_POLL_ADD, EACH },
	{ IORING_OP_ASYNC_CANCEL, EACH },
	{ IORING_OP_MSG_RING, EACH },
	{ IORING_OP_READ, DISK },
	{ IORING_OP_READV, DISK },
	{ IORING_OP_READ_FIXED, DISK },
	/* The kernel's TLS refuses MSG_WAITALL, so that what goes to it is written and not sent. */
	{ IORING_OP_WRITE, DISK | SOCKETS },
	{ IORING_OP_WRITEV, DISK | SOCKETS },
	{ IORING_OP_WRITE_FIXED, DISK | SOCKETS },
	{ IORING_OP_FSYNC, DISK },
	{ IORING_OP_FALLOCATE, DISK },
	/* A discard of a block device is such a command, too. */
	{ IORING_OP_URING_CMD, DISK | NVME },
	{ IORING_OP_ACCEPT, SOCKETS },
	{ IORING_OP_RECV, SOCKETS },
	{ IORING_OP_RECVMSG, SOCKETS },
	{ IORING_OP_SEND, SOCKETS },
	{ IORING_OP_SENDMSG, SOCKETS },
	{ IORING_OP_SEND_ZC, SOCKETS },
	{ IORING_OP_SENDMSG_ZC, SOCKETS },
};

/*
 * The end and the reset of a socket that has no other descriptor. Both would also stop a socket
 * that listens, for all processes that have it, and what they work on cannot be restricted: so a
 * ring whose sockets have descriptors does not have them.
 */
static const struct allowed direct[] = {
	{ IORING_OP_SHUTDOWN, SOCKETS },
	{ IORING_OP_CONNECT, SOCKETS },
};

static const struct allowed registrations[] = {
	{ IORING_UNREGISTER_BUFFERS, EACH },
	{ IORING_REGISTER_PBUF_RING, SOCKETS },
	{ IORING_UNREGISTER_PBUF_RING, SOCKETS },
};

/*
 * The table of files also has the claim of the arena's role. Where nothing else is put into it
 * later, nobody can take the claim out of it while operations of the ring are under way.
 */
static const struct allowed tables[] = {
	{ IORING_REGISTER_FILES_UPDATE, EACH },
	{ IORING_UNREGISTER_FILES, EACH },
};

#define COUNT(array)	(sizeof(array) / sizeof((array)[0]))

/* Operations of kernels that are newer than the oldest one; an older one knows no such number. */
static const struct allowed newer[] = {
	{ URING_OP_READV_FIXED, DISK },
	{ URING_OP_WRITEV_FIXED, DISK | SOCKETS },
};

/**
 * struct restrictions - a list under construction
 * @n: used entries of @list
 * @list: what the kernel is given
 */
struct restrictions {
	unsigned int n;
	struct io_uring_restriction list[1 + COUNT(operations) + COUNT(direct) +
					 COUNT(newer) + COUNT(registrations) +
					 COUNT(tables)];
};

static void allow(struct restrictions *all, uint16_t kind, const struct allowed *a, size_t n,
		  uint32_t uses)
{
	for (size_t i = 0; i < n; i++)
		if (a[i].uses & uses)
			all->list[all->n++] = (struct io_uring_restriction){
				.opcode = kind,
				.sqe_op = a[i].number,
			};
}

int ring_restrict(struct arena_ring *r, uint32_t uses)
{
	struct restrictions all = {
		.n = 1,
		.list[0] = {
			.opcode = IORING_RESTRICTION_SQE_FLAGS_ALLOWED,
			.sqe_flags = SQE_FLAGS,
		},
	};
	int ret;

	allow(&all, IORING_RESTRICTION_SQE_OP, operations, COUNT(operations), uses);
	if (r->direct)
		allow(&all, IORING_RESTRICTION_SQE_OP, direct, COUNT(direct), uses);
	if (arena_has(&r->features, ARENA_HAS_READV_FIXED))
		allow(&all, IORING_RESTRICTION_SQE_OP, newer, COUNT(newer), uses);
	allow(&all, IORING_RESTRICTION_REGISTER_OP, registrations, COUNT(registrations), uses);
	if (r->direct || r->for_files)
		allow(&all, IORING_RESTRICTION_REGISTER_OP, tables, COUNT(tables), uses);
	ret = io_uring_register_restrictions(&r->uring, all.list, all.n);
	return ret ? ret : io_uring_enable_rings(&r->uring);
}
