/* SPDX-License-Identifier: MIT */
/*
 * Pre-shared keys, which are looked up by the names of clients. This header must not know of
 * files, nor of GnuTLS.
 */
#ifndef TLS_KEYS_H
#define TLS_KEYS_H

#include <stddef.h>
#include <stdint.h>

struct tls_keys;

/* Bytes of a name and of a key at most, as GnuTLS has them. */
#define TLS_KEY_NAME_MAX	128
#define TLS_KEY_MAX		64
/* How many clients there may be. */
#define TLS_KEYS_MAX		65536

/**
 * tls_keys_parse() - take the keys from a text
 * @text: a line NAME:HEX-KEY for each client, as psktool(1) writes it; empty lines are allowed. Two
 *	clients must not have the same name.
 * @size: bytes of @text
 * @out: the keys
 * @line: filled with the number of the line at fault when -EINVAL is returned, 0 if there is no
 *	key at all
 *
 * Return: 0; -EINVAL; -ENOMEM.
 */
int tls_keys_parse(const char *text, size_t size, struct tls_keys **out, unsigned int *line);

/**
 * tls_keys_find() - look up a client's key
 * @keys: the keys
 * @name: the client's name, which need not end in a zero byte
 * @size: bytes of @name
 * @length: filled with the bytes of the key
 *
 * Return: the key, valid as long as @keys; NULL if no client has this name.
 */
const uint8_t *tls_keys_find(const struct tls_keys *keys, const void *name, size_t size,
			     size_t *length);

/** tls_keys_free() - wipe and free them; NULL is allowed */
void tls_keys_free(struct tls_keys *keys);

#endif /* TLS_KEYS_H */
