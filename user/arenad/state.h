/* SPDX-License-Identifier: MIT */
/*
 * What an arenad leaves for the next one of its region: a file in the runtime folder, which is
 * replaced as a whole. It says who runs, which descriptors the keeper holds and under which
 * numbers, and with which options and versions all began. This header must not know how descriptors
 * are held or taken.
 */
#ifndef ARENAD_STATE_H
#define ARENAD_STATE_H

#include <common/disk_identity.h>
#include <listen/socket.h>
#include <peers/filter.h>
#include <proto/layout.h>
#include <stdbool.h>
#include <stdint.h>

#include "identity.h"
#include "lines.h"
#include "pairs.h"
#include "restart.h"

struct runtime;

#define STATE_MAGIC	0x4b414e41U

/*
 * It grows with each change of struct state, or of what one of its members means; a build may set
 * another one, for tests.
 */
#ifndef STATE_VERSION
#define STATE_VERSION	7U
#endif

/* Bytes of a file at most. */
#define STATE_SIZE_MAX	(4U << 20)

/* Bytes of a boot's id with its NUL. */
#define STATE_BOOT_SIZE	37

/* Processes for which a head has room, in every version. */
#define STATE_PROCESSES	64

/* The keeper, and one that begins or ends at that moment. */
#define STATE_KEEPERS	2

/* A region that is a memfd has so many descriptors. */
#define STATE_MEMFDS	2

/**
 * enum state_text - texts of a state
 * @STATE_SHAPE: the options that the processes have in common, as of shape_text()
 * @STATE_OPTIONS: all that were given, as of settings_lines()
 * @STATE_ENVIRONMENT: the variable MSHARE_MEMFD of a region that is a memfd; else empty
 */
enum state_text {
	STATE_SHAPE,
	STATE_OPTIONS,
	STATE_ENVIRONMENT,
	STATE_TEXTS,
};

/**
 * struct state_versions - what the processes that run have been built with
 * @control: CONTROL_VERSION
 * @proto_oldest: PROTO_VERSION_OLDEST
 * @proto_newest: PROTO_VERSION_NEWEST
 * @layout: ARENA_LAYOUT_VERSION
 */
struct state_versions {
	uint32_t control;
	uint32_t proto_oldest;
	uint32_t proto_newest;
	uint32_t layout;
};

/**
 * struct state_head - what every version of arenad understands, so that it can end the processes of
 *	another version; it never changes
 * @magic: STATE_MAGIC
 * @version: STATE_VERSION
 * @size: bytes of struct state
 * @text_size: bytes of the texts behind it
 * @boot: id of the boot of the machine
 * @pad: zeroes
 * @nps: number of NPs
 * @n: used entries of @who
 * @arenad: who has written this
 * @keeper: the keeper, and one that begins or ends
 * @who: the processes, NPs first; none for one that is dead
 */
struct state_head {
	uint32_t magic;
	uint32_t version;
	uint32_t size;
	uint32_t text_size;
	char boot[STATE_BOOT_SIZE];
	char pad[3];
	uint32_t nps;
	uint32_t n;
	struct identity arenad;
	struct identity keeper[STATE_KEEPERS];
	struct identity who[STATE_PROCESSES];
};

/**
 * struct state - all of it; descriptors are those of the keeper, -1 where there is none
 * @head: see there
 * @versions: with what the processes have been built
 * @is_ready: all NPs were ready once
 * @drained: bits of exports that take no further clients
 * @restart: what is known of the deaths of each process
 * @pidfd: by process its pidfd, which tells also afterwards how it ended
 * @region_fd: the region, if it is the module's
 * @memfd: the descriptors that the environment names, if the region is a memfd
 * @layout_fd: the layout
 * @bundle: the files of TLS
 * @listening: sockets that all NPs have
 * @sockets: sockets of each NP
 * @pairs: the mailboxes
 * @lines: arenad's ends of the control sockets
 * @identity: what tells the disk of each SP from another one; "" where nothing is known
 * @stats: by process its memory for statistics
 * @peers: the filter of peers
 * @text: the texts of enum state_text, each with its NUL
 */
struct state {
	struct state_head head;
	struct state_versions versions;
	bool is_ready;
	uint32_t drained;
	struct restart restart[LINES_MAX];
	int pidfd[LINES_MAX];
	int region_fd;
	int memfd[STATE_MEMFDS];
	int layout_fd;
	int bundle;
	struct listen_set listening;
	struct listen_set sockets[PROTO_MAX_NPS];
	struct pairs pairs;
	struct lines lines;
	char identity[PROTO_MAX_SPS][DISK_IDENTITY_SIZE];
	int stats[LINES_MAX];
	struct peers_filter peers;
	char text[];
};

/**
 * state_new() - begin a state
 * @texts: the texts, by enum state_text
 *
 * The head, the versions and the texts are filled in; there is no descriptor, and no process but
 * the calling one.
 *
 * Return: to be freed with free(); NULL if there is no memory.
 */
struct state *state_new(const char *const texts[STATE_TEXTS]);

/** state_text() - one of its texts */
const char *state_text(const struct state *s, enum state_text which);

/** state_own_versions() - those of this program, and of processes of the same build */
struct state_versions state_own_versions(void);

/** state_visit - called for a descriptor; it may change it */
typedef void state_visit(int *fd, void *context);

/** state_each_fd() - visit each place that has a descriptor; some have the same one */
void state_each_fd(struct state *s, state_visit *visit, void *context);

/**
 * state_write() - put a state into the runtime folder, in place of the one that is there
 *
 * A process that reads finds one of the two, whole.
 *
 * Return: 0 or -errno.
 */
int state_write(const struct runtime *r, const struct state *s);

/**
 * state_read() - read what an arenad has left
 * @r: the folder
 * @out: the state, to be freed with free(); NULL unless the call returns 0 or -EPROTO
 *
 * It logs its errors, except -ENOENT.
 *
 * Return: 0; -ENOENT if there is none, or only one of an earlier boot; -EPROTO if it is of another
 * version, and only its head is valid; -EINVAL if it is none; another -errno.
 */
int state_read(const struct runtime *r, struct state **out);

/** state_remove() - leave nothing */
void state_remove(const struct runtime *r);

#endif /* ARENAD_STATE_H */
