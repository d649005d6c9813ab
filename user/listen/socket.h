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

#include "file.h"
#include "options.h"

/**
 * struct listen_socket - a listening socket, which does not block
 * @fd: its descriptor
 * @is_inherited: other processes may listen on it, too, so it must not be shut down
 * @file: its file, if it is a UNIX socket that this process has made
 */
struct listen_socket {
	int fd;
	bool is_inherited;
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
 * listen_close() - listen no more
 *
 * Clients that wait to be accepted are refused at once, unless the sockets were inherited.
 */
void listen_close(struct listen_set *set);

/** listen_format() - write the address of a socket, at most ADDRESS_TEXT_SIZE bytes */
void listen_format(int fd, char *text, size_t size);

#endif /* LISTEN_SOCKET_H */
