/* SPDX-License-Identifier: MIT */
/*
 * The control sockets of all processes, arenad's ends. This header must not know what is said on
 * them.
 */
#ifndef ARENAD_LINES_H
#define ARENAD_LINES_H

#include <control/socket.h>
#include <proto/layout.h>

/* The processes of a region. */
#define LINES_MAX	(PROTO_MAX_NPS + PROTO_MAX_SPS)

/**
 * struct lines - the control sockets
 * @n: used entries of @fd
 * @fd: by the number of the process; -1 of one that has ended
 */
struct lines {
	unsigned int n;
	int fd[LINES_MAX];
};

/** lines_init() - have no socket for any of @n processes */
void lines_init(struct lines *l, unsigned int n);

/**
 * lines_open() - make the control socket of a process that is about to be started
 *
 * That of its predecessor is closed. It logs its errors.
 *
 * Return: the process's end, which belongs to the caller and is closed by an exec; or -errno.
 */
int lines_open(struct lines *l, unsigned int process);

/** lines_put() - have @fd for a process in place of the socket of its predecessor */
void lines_put(struct lines *l, unsigned int process, int fd);

/**
 * lines_send() - control_socket_send() to a process
 *
 * Return: 0; -EAGAIN; or another -errno: the process has ended, and is sent nothing more.
 */
int lines_send(struct lines *l, unsigned int process, const struct control_message *m, int passed);

/** lines_close() - close all of them */
void lines_close(struct lines *l);

#endif /* ARENAD_LINES_H */
