/* SPDX-License-Identifier: MIT */
/*
 * Listening sockets: they are made, or taken over from whoever started the process, and set as
 * options.h says. Sockets that are accepted from them inherit these settings. This header must not
 * know what is spoken on them, nor how clients are waited for.
 */
#ifndef LISTEN_SOCKET_H
#define LISTEN_SOCKET_H

#include <stdbool.h>
#include <stddef.h>

#include "activation.h"
#include "file.h"
#include "options.h"

/**
 * struct listen_socket - a listening socket, which does not block
 * @fd: its descriptor
 * @is_inherited: other processes may listen on it, too, so it must not be shut down
 * @is_reused: other sockets may be bound to its address
 * @file: its file, if it is a UNIX socket that this process has made
 */
struct listen_socket {
	int fd;
	bool is_inherited;
	bool is_reused;
	struct listen_file file;
};

/**
 * struct listen_set - all of them
 * @n: used entries of @socket
 * @socket: the sockets, in the order of the options
 */
struct listen_set {
	unsigned int n;
	struct listen_socket socket[LISTEN_MAX];
};

/**
 * listen_open() - listen at all places
 * @o: where and how
 * @set: filled, to be closed with listen_close()
 *
 * It logs its errors. Sockets that systemd passed and no option names are closed.
 *
 * Return: 0 or -errno; nothing stays open then.
 */
int listen_open(const struct listen_options *o, struct listen_set *set);

/**
 * listen_forget() - close the sockets that were passed to this process
 * @o: where to listen
 *
 * It is for a process that has got these sockets in another way, and would leave clients waiting in
 * those that nobody accepts from.
 */
void listen_forget(const struct listen_options *o);

/* Sockets that may have been passed to this process. */
#define LISTEN_INHERITED_MAX	(LISTEN_MAX + ACTIVATION_MAX)

/**
 * listen_inherited() - list the sockets that were passed to this process, before listen_open()
 *
 * Some may be no sockets. Return: how many entries of @fd are filled.
 */
unsigned int listen_inherited(const struct listen_options *o, int fd[LISTEN_INHERITED_MAX]);

/**
 * listen_again() - make the sockets of one of several processes
 * @o: where and how
 * @first: sockets of listen_open()
 * @set: filled. A socket whose address may be reused gets another one, bound to the same address;
 *	all others are those of @first
 *
 * It logs its errors. The caller gives @set to the process, and then calls listen_leave().
 *
 * Return: 0 or -errno.
 */
int listen_again(const struct listen_options *o, const struct listen_set *first,
		 struct listen_set *set);

/**
 * listen_leave() - end the sockets whose address is reused: others that are bound to it go on
 *
 * The kernel would give clients also to a socket on which nobody waits. Clients that wait to be
 * accepted are refused at once, whoever else has the sockets.
 */
void listen_leave(struct listen_set *set);

/**
 * listen_refuse() - have nobody accept a client any more, whoever has the sockets
 *
 * Clients that wait to be accepted are refused at once. Sockets that were inherited go on. A
 * process in a sandbox cannot do it.
 */
void listen_refuse(struct listen_set *set);

/**
 * listen_close() - listen no more
 *
 * Clients that wait to be accepted are refused when no process has the socket any more.
 */
void listen_close(struct listen_set *set);

/** listen_format() - write the address of a socket, at most ADDRESS_TEXT_SIZE bytes */
void listen_format(int fd, char *text, size_t size);

#endif /* LISTEN_SOCKET_H */
