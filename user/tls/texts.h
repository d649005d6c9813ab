/* SPDX-License-Identifier: MIT */
/*
 * The files of TLS, read into memory: nothing is opened after that. This header must not know what
 * the texts say, nor of GnuTLS.
 */
#ifndef TLS_TEXTS_H
#define TLS_TEXTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of one file at most: a list of revoked certificates may be long. */
#define TLS_TEXT_MAX	(4U << 20)

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
 * enum tls_kind - the texts there are
 * @TLS_CERTIFICATE: the server's certificate, and those between it and its authority, as PEM
 * @TLS_KEY: the key of that certificate, as PEM
 * @TLS_AUTHORITY: the certificates of those who vouch for clients, as PEM
 * @TLS_REVOKED: their lists of revoked certificates, as PEM
 * @TLS_PSK: the pre-shared keys of clients
 * @TLS_KINDS: how many there are
 */
enum tls_kind { TLS_CERTIFICATE, TLS_KEY, TLS_AUTHORITY, TLS_REVOKED, TLS_PSK, TLS_KINDS };

/**
 * struct tls_texts - the texts
 * @data: each text, with a zero byte behind it; NULL if there is none
 * @size: bytes of it, without the zero byte; at most TLS_TEXT_MAX
 * @name: its file, for messages; never NULL where @data is not
 */
struct tls_texts {
	char *data[TLS_KINDS];
	size_t size[TLS_KINDS];
	char *name[TLS_KINDS];
};

/**
 * tls_texts_read() - read the files
 * @t: filled, to be freed with tls_texts_free(); left empty on errors
 * @files: where they are
 *
 * Only ca-crl.pem may be missing. It logs its errors.
 *
 * Return: 0; -EFBIG if a file is longer than TLS_TEXT_MAX; another -errno.
 */
int tls_texts_read(struct tls_texts *t, const struct tls_files *files);

/** tls_texts_free() - wipe and free the texts, after which there are none */
void tls_texts_free(struct tls_texts *t);

#endif /* TLS_TEXTS_H */
