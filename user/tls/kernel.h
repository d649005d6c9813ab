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
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Types of records, as RFC 8446 numbers them. */
enum tls_record { TLS_RECORD_ALERT = 21, TLS_RECORD_HANDSHAKE = 22, TLS_RECORD_DATA = 23 };

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
 * tls_kernel_recv() - receive plain text
 * @fd: socket
 * @data: where it goes
 * @size: bytes at most
 * @type: filled with the type of the record. What is not TLS_RECORD_DATA comes alone.
 *
 * Return: bytes; 0 at the end; -EAGAIN; -EBADMSG for a record that is forged; another -errno.
 */
ssize_t tls_kernel_recv(int fd, void *data, size_t size, uint8_t *type);

/** tls_kernel_alert() - send an alert, if the socket takes it now */
void tls_kernel_alert(int fd, gnutls_alert_level_t level, gnutls_alert_description_t what);

#endif /* TLS_KERNEL_H */
