/* SPDX-License-Identifier: MIT */
/*
 * TLS of the kernel: after the handshake the keys of a session are given to the socket, which seals
 * and opens records from then on. Plain text is sent by write(2) and its like, from wherever it
 * lies; send(2) must have neither MSG_WAITALL nor MSG_ZEROCOPY. This header must not know of
 * credentials.
 *
 * GnuTLS could give the keys away itself, but only where the configuration of the system tells it
 * to, and not for a socket that it does not use directly.
 */
#ifndef TLS_KERNEL_H
#define TLS_KERNEL_H

#include <gnutls/gnutls.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Types of records, as RFC 8446 numbers them. */
enum tls_record { TLS_RECORD_ALERT = 21, TLS_RECORD_HANDSHAKE = 22, TLS_RECORD_DATA = 23 };

/* Bytes of the message by which a side of TLS 1.3 says that it changes its key. */
#define TLS_KEY_UPDATE_BYTES	5U
/* So many bytes of a record that is no data have to be looked at. */
#define TLS_CONTROL_BYTES	8U

/**
 * enum tls_kernel - what the kernel can do
 * @TLS_KERNEL_NONE: nothing, or nobody knows
 * @TLS_KERNEL_FIXED: it seals and opens records, each direction with one key, as Linux before 6.14
 * @TLS_KERNEL_CHANGES: it takes other keys later
 */
enum tls_kernel { TLS_KERNEL_NONE, TLS_KERNEL_FIXED, TLS_KERNEL_CHANGES };

/** tls_kernel_ask() - what can it do? Tries it with a connection over the loopback interface. */
enum tls_kernel tls_kernel_ask(void);

/**
 * tls_kernel_start() - give the keys of both directions to the kernel
 * @session: after its handshake, with nothing received that was not taken from it
 * @fd: its socket
 *
 * Return: 0, after which GnuTLS must not use the socket; -EOPNOTSUPP if the kernel cannot do that
 * with this cipher or this socket, and nothing has changed; -EIO if the socket is of no use.
 */
int tls_kernel_start(gnutls_session_t session, int fd);

/**
 * enum tls_kernel_keys - a bit for each thing that is known of the keys of a socket
 * @TLS_KERNEL_KEYS: it has keys of both directions
 * @TLS_KERNEL_KEYS_OF_13: they are of TLS 1.3, where the client may change its key
 * @TLS_KERNEL_KEYS_FOR_EVER: their cipher seals any number of bytes
 */
enum tls_kernel_keys {
	TLS_KERNEL_KEYS = 1,
	TLS_KERNEL_KEYS_OF_13 = 2,
	TLS_KERNEL_KEYS_FOR_EVER = 4,
};

/** tls_kernel_look() - what keys does a socket have? Bits of enum tls_kernel_keys */
unsigned int tls_kernel_look(int fd);

/**
 * tls_kernel_recv() - receive plain text
 * @fd: socket
 * @data: where it goes
 * @size: bytes at most
 * @type: filled with the type of the record. What is not TLS_RECORD_DATA comes alone.
 *
 * Return: bytes; 0 at the end; -EAGAIN; -EBADMSG for a record that is forged; another -errno.
 */
ssize_t tls_kernel_recv(int fd, void *data, size_t size, uint8_t *type);

/** tls_kernel_control_size() - bytes that a record of this type has if this side knows it */
static inline size_t tls_kernel_control_size(uint8_t type)
{
	return type == TLS_RECORD_ALERT ? 2 : TLS_KEY_UPDATE_BYTES;
}

/** tls_kernel_is_update() - does a record say that the client has changed its key? */
bool tls_kernel_is_update(uint8_t type, const uint8_t *data, size_t size);

/** tls_kernel_asks() - does the client ask the server to change its key, too? */
static inline bool tls_kernel_asks(const uint8_t message[TLS_KEY_UPDATE_BYTES])
{
	return message[TLS_KEY_UPDATE_BYTES - 1];
}

/**
 * tls_kernel_take_update() - open what follows with the client's next key
 * @session: its session
 * @fd: socket
 * @message: what tls_kernel_is_update() is true of, received just now
 *
 * Return: 0 or GnuTLS's error, also if the client changes its keys more than eight times a second;
 * then the socket is of no use.
 */
int tls_kernel_take_update(gnutls_session_t session, int fd,
			   const uint8_t message[TLS_KEY_UPDATE_BYTES]);

/**
 * tls_kernel_change() - seal what follows with the next key, and tell the client
 * @session: session of TLS 1.3
 * @fd: socket, to which nothing is written meanwhile
 *
 * Return: 0; GNUTLS_E_AGAIN if the socket takes nothing now, and nothing has changed; another error
 * of GnuTLS if the socket is of no use.
 */
int tls_kernel_change(gnutls_session_t session, int fd);

/** tls_kernel_alert() - send an alert, if the socket takes it now */
void tls_kernel_alert(int fd, gnutls_alert_level_t level, gnutls_alert_description_t what);

#endif /* TLS_KERNEL_H */
