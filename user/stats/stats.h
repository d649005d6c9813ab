/* SPDX-License-Identifier: MIT */
/*
 * What a process counts, in memory that arenad shares with it: arenad makes the memory when it
 * starts the process, which alone writes there, and reads it when an operator asks. So the process
 * does nothing for being asked, and arenad need not wait for it.
 *
 * The reader believes nothing of what it finds. There are no pointers, no texts and no lengths that
 * it follows: a process that lies gives wrong numbers of its own, and does nothing else. All words
 * are written and read whole, and several of them need not fit each other.
 *
 * Memory of another STATS_VERSION is not read. Within a version, counters may be added behind the
 * others, and a process says how many it has. This header must not know how the memory gets to the
 * process.
 */
#ifndef STATS_STATS_H
#define STATS_STATS_H

#include <arena/arena.h>
#include <proto/layout.h>
#include <proto/record.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "histogram.h"

#define STATS_MAGIC	0x5354415441524e41ULL
#define STATS_VERSION	5U

/* Counters for which there is room. */
#define STATS_COUNTERS	64U

/* Connections that an NP shows; the others are served, and not shown. */
#define STATS_CLIENTS	1024U

/* Groups of buffers that a process shows; the others are used, and not shown. */
#define STATS_GROUPS	64U

/* Storage processes to which an NP has a channel. */
#define STATS_CHANNELS	PROTO_MAX_SPS

/**
 * enum stats_role - what a process is
 * @STATS_NP: a network process
 * @STATS_SP: a storage process
 */
enum stats_role {
	STATS_NP,
	STATS_SP,
};

/**
 * enum stats_operation - kinds of requests that are told apart, an index of stats_operations
 * @STATS_READ: reads
 * @STATS_WRITE: writes
 * @STATS_FLUSH: flushes
 * @STATS_OTHER: discards, writes of zeroes, reads ahead, and questions for holes
 */
enum stats_operation {
	STATS_READ,
	STATS_WRITE,
	STATS_FLUSH,
	STATS_OTHER,
};

#define STATS_OPERATIONS	4U

extern const char *const stats_operations[STATS_OPERATIONS];

/** stats_operation_of() - the kind of an enum proto_operation */
static inline enum stats_operation stats_operation_of(uint16_t operation)
{
	switch (operation) {
	case PROTO_READ:
		return STATS_READ;
	case PROTO_WRITE:
		return STATS_WRITE;
	case PROTO_FLUSH:
		return STATS_FLUSH;
	default:
		return STATS_OTHER;
	}
}

/**
 * enum stats_stage - stages of a request, an index of stats_stages
 * @STATS_RECEIVE: of an NP: from the header of the request until the NP hands it to the SP. It
 *	includes the wait for buffers, for the payload, and for a successor of an SP
 * @STATS_CHANNEL: of an NP: from there until the NP has the reply, but for the time that the SP
 *	says it had the request
 * @STATS_QUEUE: of an SP: from the moment at which the SP takes the request until it gives the disk
 *	the first operation. It includes the wait for limits, for buffers, and for requests that
 *	overlap, and the search for holes
 * @STATS_DISK: of an SP: from there until the disk has ended the last one. Requests that need no
 *	operation have none: questions for holes, and reads of nothing but holes
 * @STATS_SEND: of an NP: from the reply of the SP until the last part of the reply to the client is
 *	in a send. It includes the wait for a client that does not take what is sent before
 *
 * A request that is served in pieces comes to each stage once for each piece.
 */
enum stats_stage {
	STATS_RECEIVE,
	STATS_CHANNEL,
	STATS_QUEUE,
	STATS_DISK,
	STATS_SEND,
};

#define STATS_STAGES	5U

extern const char *const stats_stages[STATS_STAGES];

/**
 * struct stats_times - how long something took, each time that it was done
 * @sum_ns: the times together
 * @max_ns: the longest one
 * @bucket: how many there were, by their times, see histogram.h
 *
 * A time is as exact as the turns of the process's loop: all that came in one turn did so at the
 * same time, and so did all that went.
 */
struct stats_times {
	uint64_t sum_ns;
	uint64_t max_ns;
	uint64_t bucket[HISTOGRAM_BUCKETS];
};

/**
 * struct stats_flow - requests of one kind for one export, all that have ended
 * @bytes: bytes of the ranges of those that succeeded
 * @errors: how many have failed
 * @times: of all of them
 *
 * In an NP a time begins when the request is complete and ends when all of its reply is given to
 * the kernel. It includes the wait for a successor of an SP, and for a client that does not read.
 * Requests that are answered without an SP have none, and one that is served in pieces has one for
 * each piece. In an SP a time begins when the request is taken, in its order, and ends when the
 * disk has ended it. It includes the wait for limits, for buffers and for requests that overlap.
 */
struct stats_flow {
	uint64_t bytes;
	uint64_t errors;
	struct stats_times times;
};

/**
 * struct stats_export - the requests for an export
 * @flow: by enum stats_operation
 * @stage: by enum stats_stage; those of the other role stay empty
 */
struct stats_export {
	struct stats_flow flow[STATS_OPERATIONS];
	struct stats_times stage[STATS_STAGES];
};

/**
 * struct stats_client - a connection of an NP
 * @number: names the connection in the log of the NP, from 1 on; 0 if there is none
 * @export: number of its export and 1 more; 0 as long as it has none
 * @since_ns: when it began, of CLOCK_BOOTTIME
 * @is_tls: it is encrypted
 * @requests: its requests that an SP was to do, and that have ended
 * @bytes: bytes of their ranges
 * @family: AF_INET, AF_INET6 or AF_UNIX
 * @port: its port, in the order of the machine; the user, of a UNIX socket
 * @scope: the interface of a link-local address
 * @address: its IPv6 address, or its IPv4 address in the form of one
 *
 * A reader may find a connection that is just being replaced by another one.
 */
struct stats_client {
	uint64_t number;
	uint64_t export;
	uint64_t since_ns;
	uint64_t is_tls;
	uint64_t requests;
	uint64_t bytes;
	uint64_t family;
	uint64_t port;
	uint64_t scope;
	uint64_t address[2];
};

/**
 * struct stats_group - a group of buffers of the process
 * @use: what it is for, enum proto_use
 * @buffer_bytes: bytes of one buffer; 0 if the entry is not used
 * @usage: how many buffers are in each state; libarena keeps it here, see arena_keep_usage()
 */
struct stats_group {
	uint32_t use;
	uint32_t buffer_bytes;
	struct arena_usage usage;
};

/**
 * struct stats_channel - an NP's channel to an SP
 * @serves: 1 if the SP serves its export to this NP now, else 0
 * @sent: messages to the SP since the NP began
 * @received: those from it
 */
struct stats_channel {
	uint64_t serves;
	uint64_t sent;
	uint64_t received;
};

/**
 * struct stats - the memory
 * @magic: STATS_MAGIC, written last; 0 as long as the process has not begun
 * @version: STATS_VERSION
 * @role: enum stats_role
 * @pid: process id
 * @n_counters: used entries of @counter
 * @n_exports: entries of @export
 * @reserved: zero
 * @counter: struct np_counters or struct sp_counters
 * @group: its groups, in any order
 * @channel: by number of the SP; an SP has none
 * @client: connections, in any order; an SP has none
 * @export: by number of the export; an SP has one
 */
struct stats {
	uint64_t magic;
	uint32_t version;
	uint32_t role;
	uint32_t pid;
	uint32_t n_counters;
	uint32_t n_exports;
	uint32_t reserved;
	uint64_t counter[STATS_COUNTERS];
	struct stats_group group[STATS_GROUPS];
	struct stats_channel channel[STATS_CHANNELS];
	struct stats_client client[STATS_CLIENTS];
	struct stats_export export[];
};

/** stats_size() - bytes for so many exports */
static inline size_t stats_size(unsigned int n_exports)
{
	return sizeof(struct stats) + n_exports * sizeof(struct stats_export);
}

/*
 * The process
 */

/**
 * stats_attach() - have memory for what this process counts
 * @fd: of stats_make(), which is closed; or -1
 * @role: enum stats_role
 * @n_counters: how many counters the process has
 * @n_exports: exports that it serves
 *
 * Without memory that it could use, as an arenad of another version may have made it, the process
 * counts in memory of its own, and nobody reads that.
 *
 * Return: the memory, which the process keeps until its end; NULL if there is none, which was
 * logged.
 */
struct stats *stats_attach(int fd, enum stats_role role, unsigned int n_counters,
			   unsigned int n_exports);

/** stats_show_groups() - have libarena keep the counts of the groups of this process in @s */
void stats_show_groups(struct stats *s, struct arena *a, uint32_t role);

/** stats_put() - change a word that others read, and nobody else writes */
static inline void stats_put(uint64_t *word, uint64_t value)
{
	__atomic_store_n(word, value, __ATOMIC_RELAXED);
}

/** stats_get() - read a word */
static inline uint64_t stats_get(const uint64_t *word)
{
	return __atomic_load_n(word, __ATOMIC_RELAXED);
}

/** stats_clear_export() - begin anew with the numbers of an export */
void stats_clear_export(struct stats *s, unsigned int export);

/** stats_publish() - show the counters of this process as they are now, @n of them */
static inline void stats_publish(struct stats *s, const void *counters, unsigned int n)
{
	const uint64_t *counter = counters;

	for (unsigned int i = 0; i < n; i++)
		stats_put(&s->counter[i], counter[i]);
}

static inline void stats_grow(uint64_t *word, uint64_t n)
{
	stats_put(word, stats_get(word) + n);
}

/** stats_note_time() - count that something took from @begin_ns to @end_ns, on the same clock */
static inline void stats_note_time(struct stats_times *t, uint64_t begin_ns, uint64_t end_ns)
{
	/* The times of requests are made to differ, so one may be in front of the clock. */
	uint64_t ns = end_ns > begin_ns ? end_ns - begin_ns : 0;

	stats_grow(&t->bucket[histogram_bucket(ns)], 1);
	stats_grow(&t->sum_ns, ns);
	if (ns > stats_get(&t->max_ns))
		stats_put(&t->max_ns, ns);
}

/**
 * stats_note() - count a request that has ended
 * @f: its kind and export
 * @begin_ns: when it began
 * @end_ns: when it has ended, on the same clock
 * @bytes: bytes of it
 * @is_good: it has succeeded
 */
static inline void stats_note(struct stats_flow *f, uint64_t begin_ns, uint64_t end_ns,
			      uint64_t bytes, bool is_good)
{
	stats_note_time(&f->times, begin_ns, end_ns);
	stats_grow(is_good ? &f->bytes : &f->errors, is_good ? bytes : 1);
}

/*
 * arenad
 */

/**
 * stats_make() - make memory for a process that serves so many exports
 *
 * Nobody can change its size, and it is zeroes.
 *
 * Return: a memfd, which is closed by an exec; or -errno.
 */
int stats_make(unsigned int n_exports);

/**
 * stats_read() - copy what a process has counted
 * @fd: of stats_make(); or -1
 * @role: enum stats_role that the process has
 * @pid: process id that it has
 * @n_exports: exports that it serves
 * @copy: the copy, to be freed with free(); NULL if the call fails. Its head is checked, and there
 *	are STATS_COUNTERS counters at most and @n_exports exports
 *
 * Return: 0; -ENODATA if there is none, as the process has not begun, or is of a version that has
 * none; -EPROTO if it is of another version; another -errno.
 */
int stats_read(int fd, enum stats_role role, pid_t pid, unsigned int n_exports,
	       struct stats **copy);

/**
 * stats_served() - ask an NP which exports it serves
 * @fd: of stats_make(); or -1
 * @pid: process id that it has
 * @n_exports: exports that it has
 * @served: a bit for each export; 0 if the call fails
 *
 * Return: as stats_read().
 */
int stats_served(int fd, pid_t pid, unsigned int n_exports, uint32_t *served);

/** stats_count() - how many times there are */
uint64_t stats_count(const struct stats_times *t);

#endif /* STATS_STATS_H */
