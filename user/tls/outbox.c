// SPDX-License-Identifier: MIT
#include "outbox.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* The socket may be one that waits. Return: bytes that it takes, or -errno. */
static ssize_t send_some(int fd, const void *data, size_t size)
{
	ssize_t n = send(fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n >= 0)
		return n;
	return errno == EAGAIN || errno == EINTR ? 0 : -errno;
}

static int keep(struct tls_outbox *o, const void *data, size_t size)
{
	size_t left = o->size - o->at;
	uint8_t *room;

	if (size > TLS_OUTBOX_MAX - left)
		return -EOVERFLOW;
	room = malloc(left + size);
	if (!room)
		return -ENOMEM;
	if (left)
		memcpy(room, o->data + o->at, left);
	memcpy(room + left, data, size);
	free(o->data);
	o->data = room;
	o->at = 0;
	o->size = left + size;
	return 0;
}

int tls_outbox_put(struct tls_outbox *o, const void *data, size_t size)
{
	ssize_t n = tls_outbox_is_empty(o) ? send_some(o->fd, data, size) : 0;

	if (n < 0)
		return (int)n;
	return (size_t)n < size ? keep(o, (const uint8_t *)data + n, size - (size_t)n) : 0;
}

int tls_outbox_flush(struct tls_outbox *o)
{
	ssize_t n;

	if (tls_outbox_is_empty(o))
		return 0;
	n = send_some(o->fd, o->data + o->at, o->size - o->at);
	if (n < 0)
		return (int)n;
	o->at += (size_t)n;
	if (!tls_outbox_is_empty(o))
		return -EAGAIN;
	tls_outbox_exit(o);
	return 0;
}

void tls_outbox_exit(struct tls_outbox *o)
{
	free(o->data);
	o->data = NULL;
	o->at = 0;
	o->size = 0;
}
