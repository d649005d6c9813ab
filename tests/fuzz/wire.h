/* SPDX-License-Identifier: MIT */
/*
 * The protocol of the controller and a worker: one struct order and one struct answer at a
 * time, each followed by a blob, over a SOCK_SEQPACKET.
 */
#ifndef FUZZ_WIRE_H
#define FUZZ_WIRE_H

#include <stddef.h>
#include <stdint.h>

/*
 * Memory that each worker has at a fixed address, for arguments of system calls. Nothing is
 * mapped behind its end. The same pages are mapped read-only at SCRATCH_RO.
 */
#define SCRATCH		0x5f0000000000UL
#define SCRATCH_SIZE	0x20000UL
#define SCRATCH_RO	(SCRATCH + 0x100000UL)
/* Donors' memory is mapped from here. */
#define DONORS		0x600000000000UL

/* The descriptors of each worker. */
enum {
	FD_CONTROL = 90,	/* /dev/msharearena */
	FD_PIPE_IN = 91,	/* a pipe, to be written to */
	FD_PIPE_OUT = 92,
	FD_FILE = 93,		/* a small file in memory */
	FD_DEAD = 94,		/* pidfd of a process that has ended and was waited for */
	FD_ZOMBIE = 95,		/* pidfd of a process that has ended and was not waited for */
	FD_VIEWS = 100,		/* the views that it has open */
};

enum work {
	WORK_SYSCALL,	/* a: number, b: six arguments; blob to SCRATCH + at */
	WORK_PROBE,	/* blob: struct probe; answers the same, filled in */
	WORK_FILL,	/* b: address, page size, pages, first value */
	WORK_READ_FILE,	/* blob: path; result: the number of bytes in the file */
	WORK_FORK,	/* a: enum fork_kind; blob: addresses that must be gone */
	WORK_EXEC,	/* executes the worker again, with the same socket */
	WORK_SEND_FD,	/* a: descriptor, which comes with the answer */
	WORK_RECV_FD,	/* a: number of the descriptor; b: O_CLOEXEC */
	WORK_RING_NEW,	/* a: which, b: setup flags; its descriptor */
	WORK_RING_END,	/* a: which */
	WORK_RING_BUFFERS,	/* a: which, b: address, length (0: unregister) */
	WORK_RING_POST,	/* a: descriptor, b: data; result: that of the message */
	WORK_POLL,	/* a: descriptor, b: events, by a ring; result: the events */
	WORK_RING_NEXT,	/* a: which; result: data of the oldest message, 0 if none */
	WORK_STORM,	/* a: enum storm; b: its arguments; blob: path or probes */
};

enum fork_kind {
	FORK_PLAIN,
	FORK_VFORK,
	FORK_ATTACH,	/* b: view's fd, address, probed word: attaches by itself */
};

enum storm {
	STORM_ATTACH,	/* b: view's fd, prot, times, address, value there */
	STORM_READ,	/* b: times; blob: path */
	STORM_LOAD,	/* b: times; blob: struct probe, with the values */
	STORM_FORK,	/* b: times */
};

struct order {
	uint32_t work;		/* enum work */
	uint32_t at;		/* WORK_SYSCALL: where in SCRATCH the blob goes */
	uint32_t want;		/* bytes from SCRATCH + at that come back */
	uint32_t length;	/* of the blob */
	int64_t a;
	uint64_t b[6];
};

struct answer {
	int64_t result;		/* or -errno */
	uint64_t length;	/* of the blob */
};

#define BLOB_MAX	65536

enum probe_kind {
	PROBE_LOAD,
	PROBE_SAME,	/* load, and store the same value */
	PROBE_STORE,
};

struct probe {
	uint64_t address;
	uint64_t value;		/* PROBE_STORE: the value to store; otherwise the loaded value */
	int16_t kind;		/* enum probe_kind */
	int16_t load_signal;
	int16_t store_signal;
	int16_t tag;		/* for the controller's use */
};

#define PROBES_MAX	(BLOB_MAX / sizeof(struct probe))

/* The words of a page whose content the model follows. */
#define CELLS		8

/* There is one in each eighth of the page, at different offsets. */
static inline uint64_t cell_offset(uint64_t page_size, unsigned int cell)
{
	return cell * (page_size / CELLS) + cell * 8;
}

void worker_main(int sock);

#endif /* FUZZ_WIRE_H */
