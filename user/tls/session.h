/* SPDX-License-Identifier: MIT */
/*
 * TLS over a socket, on the server's side. No call waits: where the socket has no bytes, or takes
 * none, it returns -EAGAIN. The records of a session lie in private memory, one in each direction.
 *
 * Renegotiation is refused, and no version before 1.2 is spoken. In TLS 1.3 both sides change their
 * keys at any time; a server does so before a key has sealed more than it may, or when its client
 * asks for it. This header must not know of rings, buffers or NBD.
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
 * @key_bytes: what is sealed with one key; ciphers without a limit seal any number
 * @out: the session
 *
 * Return: 0; -ENOMEM; -EINVAL if the credentials cannot be used.
 */
int tls_session_new(struct tls_credentials *t, int fd, uint64_t key_bytes,
		    struct tls_session **out);

/**
 * tls_session_adopt() - go on with a session whose keys the kernel has, in another process
 * @fd: socket with the keys, which must outlive the session
 * @key_bytes: as tls_session_new()
 * @sealed: tls_session_sealed() of the process that had the session before
 * @identity: tls_session_identity() of that process; copied
 * @out: the session
 *
 * GnuTLS has nothing of it, so no key can be changed any more: a client that changes its key is cut
 * off with an alert, and a key that has sealed all that it may is worn.
 *
 * Return: 0; -ENOMEM; -EPROTO if the kernel does not have the keys of both directions.
 */
int tls_session_adopt(int fd, uint64_t key_bytes, uint64_t sealed, const char *identity,
		      struct tls_session **out);

/**
 * tls_session_can_move() - could another process go on with the session, by tls_session_adopt()?
 *
 * Nothing is under way on it. Return: false if GnuTLS seals and opens the records, or has to
 * change a key before the next one.
 */
bool tls_session_can_move(const struct tls_session *s);

/** tls_session_sealed() - what the key for sending has sealed; no bytes are being sent */
uint64_t tls_session_sealed(const struct tls_session *s);

/** tls_session_free() - free a session; NULL is allowed */
void tls_session_free(struct tls_session *s);

/**
 * tls_session_handshake() - continue the handshake
 *
 * Return: 0 when it is complete; -EAGAIN; -EACCES if the client has no certificate that is
 * accepted; -EPROTO if it failed for another reason, see tls_session_why().
 */
int tls_session_handshake(struct tls_session *s);

/** tls_session_events() - what poll(2) has to wait for after -EAGAIN of the handshake */
uint32_t tls_session_events(const struct tls_session *s);

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

/** tls_session_changes_keys() - can its keys be changed, after the handshake? */
bool tls_session_changes_keys(const struct tls_session *s);

/**
 * tls_session_to_kernel() - let the kernel seal and open the records from now on
 * @s: session, after its handshake
 * @changes_keys: the kernel can change keys, see tls_kernel_ask(). If it cannot, a client that
 *	changes its keys is cut off.
 *
 * Plain text is then sent by write(2) to the socket, each time after tls_session_prepare(), and not
 * by tls_session_send().
 *
 * Return: 0; -EOPNOTSUPP if the kernel cannot do that, and nothing has changed; -EPROTO if the
 * session is of no use any more.
 */
int tls_session_to_kernel(struct tls_session *s, bool changes_keys);

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
 * @data: copied
 * @size: bytes, at most TLS_RECORD_BYTES
 *
 * The socket need not have taken the record when this returns, see tls_session_flush().
 *
 * Return: the bytes of the record, perhaps fewer than @size; -EAGAIN if the socket has not taken
 * the record before, and this one was not begun; -EPROTO, see tls_session_why().
 */
ssize_t tls_session_send(struct tls_session *s, const void *data, size_t size);

/**
 * tls_session_flush() - give the socket what it has not taken yet
 *
 * Return: 0 if it has taken everything; -EAGAIN, after which poll(2) has to wait for POLLOUT;
 * -EPROTO, see tls_session_why().
 */
int tls_session_flush(struct tls_session *s);

/**
 * tls_session_prepare() - change the key of a session of the kernel if that is due
 * @s: session of the kernel
 * @size: bytes that are written to the socket next; those before were taken by it
 *
 * Return: 0; -EAGAIN, after which poll(2) has to wait for POLLOUT, and nothing may be written
 * before another call; -EPROTO, see tls_session_why().
 */
int tls_session_prepare(struct tls_session *s, size_t size);

/** tls_session_is_worn() - has a key that cannot be changed sealed all that it may? */
bool tls_session_is_worn(const struct tls_session *s);

/** tls_session_why() - why the last call failed; not to be freed */
const char *tls_session_why(const struct tls_session *s);

/** tls_session_bye() - tell the client that nothing more is sent, if the socket takes that now */
void tls_session_bye(struct tls_session *s);

#endif /* TLS_SESSION_H */
