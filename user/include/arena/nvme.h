/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * NVMe commands on a ring, past the block layer: IORING_OP_URING_CMD on the character
 * device of a namespace, /dev/ngXnY.
 *
 * The kernel passes a command on as it is. This header knows how a command is given to the
 * kernel; it must not know what the commands mean, which the NVMe specification says.
 */
#ifndef ARENA_NVME_H
#define ARENA_NVME_H

#include <arena/ring.h>

#pragma GCC visibility push(default)
#ifdef __cplusplus
extern "C" {
#endif

/**
 * struct arena_nvme - a command
 * @size: sizeof(struct arena_nvme)
 * @file: the character device of a namespace; of a controller, /dev/nvmeX, with @admin
 * @cookie: number of the caller, which comes back in the event
 * @buf: the extent of the data, if it is one; a zeroed handle if @vec is given or there is
 *	no data
 * @from: the first byte of that extent that takes part
 * @length: bytes of it; 0 if there is no data
 * @n_vecs: entries of @vec, at most ARENA_RING_MAX_VECS
 * @vec: a list of extents, which is copied; NULL if it is one
 * @nsid: namespace
 * @cdw2: command dword 2, and so on
 * @cdw3: see there
 * @cdw10: see there
 * @cdw11: see there
 * @cdw12: see there
 * @cdw13: see there
 * @cdw14: see there
 * @cdw15: see there
 * @timeout_ms: time after which the kernel resets the controller; 0 for its default
 * @opcode: command dword 0, bits 0 to 7. Bits 0 and 1 of it give the direction of the
 *	data, for the device as for the ring: with 01 it is read from the buffer, with 10 or 00
 *	it is written to the buffer. With 11 there can be no data.
 * @flags: command dword 0, bits 8 to 15
 * @admin: a command of the admin queue
 * @reserved: zero
 */
struct arena_nvme {
	size_t size;
	struct arena_file file;
	uint64_t cookie;
	struct arena_buf buf;
	uint32_t from;
	uint32_t length;
	uint32_t n_vecs;
	const struct arena_vec *vec;
	uint32_t nsid;
	uint32_t cdw2;
	uint32_t cdw3;
	uint32_t cdw10;
	uint32_t cdw11;
	uint32_t cdw12;
	uint32_t cdw13;
	uint32_t cdw14;
	uint32_t cdw15;
	uint32_t timeout_ms;
	uint8_t opcode;
	uint8_t flags;
	bool admin;
	uint8_t reserved[5];
};

/* Parts of the status of a command: its type and code, and the bit Do Not Retry. */
#define ARENA_NVME_STATUS_CODE	0x7ff
#define ARENA_NVME_STATUS_DNR	0x4000

/**
 * arena_ring_nvme() - begin a command
 * @r: ring that was opened with its option nvme
 * @command: copied
 * @op: the operation; may be NULL
 *
 * There is one event. Its result is 0, or a positive number: the status that the device gave,
 * whose bits ARENA_NVME_STATUS_CODE are the status code type (times 256) and the status code,
 * such as 0x080 for LBA Out of Range; or -errno: -EINVAL for data that the device cannot take
 * in one command or that is not aligned; -EACCES if the kernel does not allow this user the
 * command; -EINTR if the command was aborted because the controller was reset: it is unknown
 * whether it was done. The event's value is dwords 0 and 1 of the completion.
 *
 * A command is given to the device once: the ring does not repeat it. It cannot be cancelled
 * once the device has it.
 *
 * The data of one registered extent of an own group goes by a registered buffer. Any extent that
 * the process can read can be written to disk, also a peer's in a read-only view.
 *
 * Return: as arena_ring_read(); -EOPNOTSUPP if the ring was opened without its option
 * nvme; -EINVAL also for data in both directions; -E2BIG if @command has members that
 * this library does not know.
 */
int arena_ring_nvme(struct arena_ring *r, const struct arena_nvme *command,
		    struct arena_op *op);

#ifdef __cplusplus
}
#endif
#pragma GCC visibility pop
#endif /* ARENA_NVME_H */
