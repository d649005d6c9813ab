/* SPDX-License-Identifier: MIT */
/*
 * What the server shows to clients and asks of them: an X.509 certificate, a list of pre-shared
 * keys, or both. Sessions hold the credentials that they began with, so that others can take their
 * place at any time. This header must not know of files, sockets or connections.
 */
#ifndef TLS_CREDENTIALS_H
#define TLS_CREDENTIALS_H

#include <gnutls/gnutls.h>
#include <stdbool.h>

struct tls_keys;
struct tls_texts;

/**
 * struct tls_credentials - the credentials, loaded
 * @users: how many hold them, in one thread
 * @x509: the certificate, or NULL
 * @psk: what looks up keys, or NULL
 * @keys: the keys, or NULL
 * @priority: protocol versions and algorithms
 * @verifies_clients: a client has to show a certificate that an authority vouches for
 */
struct tls_credentials {
	unsigned int users;
	gnutls_certificate_credentials_t x509;
	gnutls_psk_server_credentials_t psk;
	struct tls_keys *keys;
	gnutls_priority_t priority;
	bool verifies_clients;
};

/**
 * tls_credentials_new() - load credentials
 * @texts: certificate and key, or pre-shared keys, or both; not needed any more afterwards.
 *	Clients are verified if there is an authority.
 * @out: the credentials, with one user
 *
 * It logs its errors, with the names of the texts.
 *
 * Return: 0; -EINVAL if a text is wrong; -ENOMEM.
 */
int tls_credentials_new(const struct tls_texts *texts, struct tls_credentials **out);

/** tls_credentials_get() - one more holds them; returns @t */
struct tls_credentials *tls_credentials_get(struct tls_credentials *t);

/** tls_credentials_put() - one less holds them; the last one frees them; NULL is allowed */
void tls_credentials_put(struct tls_credentials *t);

/**
 * tls_credentials_attach() - let a session use the credentials
 * @t: credentials, which must outlive the session
 * @session: session of the server, whose pointer is used for @t
 *
 * Return: 0 or GnuTLS's error.
 */
int tls_credentials_attach(struct tls_credentials *t, gnutls_session_t session);

#endif /* TLS_CREDENTIALS_H */
