/* SPDX-License-Identifier: MIT */
/*
 * TLS over a socket, on the server's side. No call waits: where the socket has no bytes, or takes
 * none, it returns -EAGAIN, and tls_session_events() says what to poll for. The records of a
 * session lie in private memory, one in each direction.
 *
 * Renegotiation is refused, and no version before 1.2 is spoken. This header must not know of
 * rings, buffers or NBD.
 */
#ifndef TLS_SESSION_H
#define TLS_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct tls_credentials;
struct tls_session;

/* The longest plain text of one record. */
#define TLS_RECORD_BYTES	16384U

/**
 * tls_session_new() - begin a session
 * @t: credentials, which the session holds until it is freed
 * @fd: stream socket, which must outlive the session
 * @out: the session
 *
 * Return: 0; -ENOMEM; -EINVAL if the credentials cannot be used.
 */
int tls_session_new(struct tls_credentials *t, int fd, struct tls_session **out);

/** tls_session_free() - free a session; NULL is allowed */
void tls_session_free(struct tls_session *s);

/**
 * tls_session_handshake() - continue the handshake
 *
 * Return: 0 when it is complete; -EAGAIN; -EACCES if the client has no certificate that is
 * accepted; -EPROTO if it failed for another reason, see tls_session_why().
 */
int tls_session_handshake(struct tls_session *s);

/** tls_session_version() - the version of TLS, after the handshake; not to be freed */
const char *tls_session_version(const struct tls_session *s);

/**
 * tls_session_identity() - who the client is
 *
 * Return: after the handshake "x509:" and the subject of the client's certificate, as RFC 4514
 * writes it; or "psk:" and the name of its pre-shared key; "" if it has neither, and before. It
 * lives as long as the session.
 */
const char *tls_session_identity(const struct tls_session *s);

/**
 * tls_session_to_kernel() - let the kernel seal and open the records from now on
 * @s: session, after its handshake
 *
 * Plain text is then sent by write(2) to the socket, and not by tls_session_send(). A client that
 * changes its keys, as TLS 1.3 allows, is cut off.
 *
 * Return: 0; -EOPNOTSUPP if the kernel cannot do that, and nothing has changed; -EPROTO if the
 * session is of no use any more.
 */
int tls_session_to_kernel(struct tls_session *s);

/** tls_session_is_kernel() - does the kernel seal and open the records? */
bool tls_session_is_kernel(const struct tls_session *s);

/**
 * tls_session_recv() - receive plain text of at most one record
 *
 * Return: bytes; 0 at the end; -EAGAIN; -EPROTO, see tls_session_why().
 */
ssize_t tls_session_recv(struct tls_session *s, void *data, size_t size);

/** tls_session_has_more() - can plain text be received without the socket? */
bool tls_session_has_more(const struct tls_session *s);

/**
 * tls_session_send() - send plain text as one record
 * @s: session
 * @data: copied, also when -EAGAIN is returned
 * @size: bytes, at most TLS_RECORD_BYTES
 *
 * After -EAGAIN the next call continues with the same record, whatever its arguments are.
 *
 * Return: the bytes of the record that the socket has taken, perhaps fewer than @size; -EAGAIN;
 * -EPROTO, see tls_session_why().
 */
ssize_t tls_session_send(struct tls_session *s, const void *data, size_t size);

/** tls_session_events() - what poll(2) has to wait for after -EAGAIN */
uint32_t tls_session_events(const struct tls_session *s);

/** tls_session_why() - why the last call failed; not to be freed */
const char *tls_session_why(const struct tls_session *s);

/** tls_session_bye() - tell the client that nothing more is sent, if the socket takes that now */
void tls_session_bye(struct tls_session *s);

#endif /* TLS_SESSION_H */
