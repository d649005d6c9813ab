/* SPDX-License-Identifier: MIT */
/*
 * What the server shows to clients and asks of them: an X.509 certificate, a list of pre-shared
 * keys, or both. This header must not know of sockets or connections.
 */
#ifndef NP_TLS_CREDENTIALS_H
#define NP_TLS_CREDENTIALS_H

#include <gnutls/gnutls.h>
#include <stdbool.h>

/**
 * struct tls_files - where the credentials are
 * @folder: folder with server-cert.pem, server-key.pem, and ca-cert.pem and ca-crl.pem if clients
 *	are verified; NULL for no certificate
 * @psk: file with a line NAME:HEX-KEY for each client; NULL for no such keys
 * @verifies_clients: a client has to show a certificate that ca-cert.pem vouches for
 */
struct tls_files {
	const char *folder;
	const char *psk;
	bool verifies_clients;
};

/**
 * struct tls_credentials - the credentials, loaded
 * @x509: the certificate, or NULL
 * @psk: the keys, or NULL
 * @priority: protocol versions and algorithms
 * @verifies_clients: as in struct tls_files
 */
struct tls_credentials {
	gnutls_certificate_credentials_t x509;
	gnutls_psk_server_credentials_t psk;
	gnutls_priority_t priority;
	bool verifies_clients;
};

/**
 * tls_credentials_load() - load the files
 * @t: filled, to be freed with tls_credentials_free()
 * @files: where they are; at least one of them is named
 *
 * It logs its errors. The file of keys is read again for each client.
 *
 * Return: 0 or -errno.
 */
int tls_credentials_load(struct tls_credentials *t, const struct tls_files *files);

/** tls_credentials_free() - free what was loaded; a zeroed structure is allowed */
void tls_credentials_free(struct tls_credentials *t);

#endif /* NP_TLS_CREDENTIALS_H */
