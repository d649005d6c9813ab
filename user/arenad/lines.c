// SPDX-License-Identifier: MIT
#include "lines.h"

#include <common/log.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

void lines_init(struct lines *l, unsigned int n)
{
	l->n = n;
	for (unsigned int i = 0; i < n; i++)
		l->fd[i] = -1;
}

static void forget(struct lines *l, unsigned int process)
{
	if (l->fd[process] >= 0)
		close(l->fd[process]);
	l->fd[process] = -1;
}

int lines_open(struct lines *l, unsigned int process)
{
	int ends[2], ret = control_socket_open(ends);

	if (ret) {
		log_error("cannot make a control socket: %s", log_reason(-ret));
		return ret;
	}
	forget(l, process);
	l->fd[process] = ends[0];
	return ends[1];
}

void lines_put(struct lines *l, unsigned int process, int fd)
{
	forget(l, process);
	l->fd[process] = fd;
}

int lines_send(struct lines *l, unsigned int process, const struct control_message *m, int passed)
{
	int ret = l->fd[process] < 0 ? -EPIPE :
		  control_socket_send(l->fd[process], m, passed);

	/* A kernel that is short of memory has it later. */
	if (ret == -ENOBUFS || ret == -ENOMEM)
		ret = -EAGAIN;
	if (ret && ret != -EAGAIN)
		forget(l, process);
	return ret;
}

void lines_close(struct lines *l)
{
	for (unsigned int i = 0; i < l->n; i++)
		forget(l, i);
	l->n = 0;
}
