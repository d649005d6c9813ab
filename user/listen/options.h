/* SPDX-License-Identifier: MIT */
/*
 * The options that say where clients are accepted, and how their sockets are set. Both arenad and
 * arena-np have them. This header must not know what is spoken on the sockets.
 */
#ifndef LISTEN_OPTIONS_H
#define LISTEN_OPTIONS_H

#include <common/address.h>
#include <common/options.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Places, and sockets, of one process. */
#define LISTEN_MAX			8
#define LISTEN_BACKLOG			128U
#define LISTEN_BACKLOG_MAX		65535U
#define LISTEN_UNREACHABLE_SECONDS	60U
#define LISTEN_UNREACHABLE_MAX		86400U
#define LISTEN_SOCKET_MODE		0600U

/**
 * enum listen_kind - where a listening socket comes from
 * @LISTEN_ADDRESS: it is bound to an address
 * @LISTEN_FD: it was inherited under a number that the command line tells
 * @LISTEN_SYSTEMD: it was inherited as in sd_listen_fds(3); there may be several
 */
enum listen_kind {
	LISTEN_ADDRESS,
	LISTEN_FD,
	LISTEN_SYSTEMD,
};

/**
 * struct listen_place - a --listen option
 * @text: the option as it was given, not copied
 * @kind: where its sockets come from
 * @address: LISTEN_ADDRESS: the address
 * @fd: LISTEN_FD: the number
 * @name: LISTEN_SYSTEMD: the name that systemd gave the sockets; NULL for all of them
 */
struct listen_place {
	const char *text;
	enum listen_kind kind;
	struct address address;
	int fd;
	const char *name;
};

/**
 * struct listen_guard - who looks at each TCP socket before a client can come to it
 * @put: called before the socket listens, or, if it was inherited, when it is taken over; 0 or an
 *	error for which the socket is not used. NULL if nobody looks
 * @context: for @put
 */
struct listen_guard {
	int (*put)(void *context, int fd, bool is_inherited);
	void *context;
};

/**
 * struct listen_options - where and how to listen
 * @n: used entries of @place
 * @place: where to listen
 * @backlog: clients that may wait to be accepted
 * @reuse_port: others may bind TCP sockets to the same addresses, by SO_REUSEPORT
 * @unreachable_seconds: how long a client's machine may not answer; 0 for the kernel's own limits
 * @mode: permissions of the files of UNIX sockets
 * @uid: their owner, or -1 for the user of the process
 * @gid: their group, or -1 for the group of the process
 * @guard: who looks at each TCP socket; no option sets it
 */
struct listen_options {
	unsigned int n;
	struct listen_place place[LISTEN_MAX];
	uint32_t backlog;
	bool reuse_port;
	uint32_t unreachable_seconds;
	mode_t mode;
	uid_t uid;
	gid_t gid;
	struct listen_guard guard;
};

/* The defaults. */
#define LISTEN_OPTIONS_INIT {						\
	.backlog = LISTEN_BACKLOG,					\
	.unreachable_seconds = LISTEN_UNREACHABLE_SECONDS,		\
	.mode = LISTEN_SOCKET_MODE,					\
	.uid = (uid_t)-1,						\
	.gid = (gid_t)-1,						\
}

/* The options, as part of a program's table; their values are a struct listen_options. */
extern const struct option_rule listen_rules[];

#endif /* LISTEN_OPTIONS_H */
