/* SPDX-License-Identifier: MIT */
/*
 * Bytes on their way to a socket that does not take all of them at once. This header must not know
 * what the bytes are.
 */
#ifndef TLS_OUTBOX_H
#define TLS_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes that wait at most: a handshake with a long chain of certificates. */
#define TLS_OUTBOX_MAX	(1U << 20)

/**
 * struct tls_outbox - the bytes; all zero but for @fd is an empty one
 * @fd: stream socket, not closed by the box
 * @data: the bytes; NULL if there are none
 * @at: how many of them the socket has taken
 * @size: how many there are
 */
struct tls_outbox {
	int fd;
	uint8_t *data;
	size_t at;
	size_t size;
};

/**
 * tls_outbox_put() - send bytes; what the socket does not take now waits
 *
 * Return: 0; -EOVERFLOW if too many wait; -ENOMEM; another -errno of send(2).
 */
int tls_outbox_put(struct tls_outbox *o, const void *data, size_t size);

/**
 * tls_outbox_flush() - send what waits
 *
 * Return: 0 if nothing waits any more; -EAGAIN; another -errno of send(2).
 */
int tls_outbox_flush(struct tls_outbox *o);

/** tls_outbox_is_empty() - does nothing wait? */
static inline bool tls_outbox_is_empty(const struct tls_outbox *o)
{
	return o->at == o->size;
}

/** tls_outbox_exit() - free the bytes */
void tls_outbox_exit(struct tls_outbox *o);

#endif /* TLS_OUTBOX_H */
