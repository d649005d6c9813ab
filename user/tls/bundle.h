/* SPDX-License-Identifier: MIT */
/*
 * The texts of TLS in one sealed memfd, by which they go from arenad to its processes. This header
 * must not know how the descriptor is handed over.
 */
#ifndef TLS_BUNDLE_H
#define TLS_BUNDLE_H

#include <stddef.h>
#include <stdint.h>

#include "texts.h"

#define TLS_BUNDLE_MAGIC	0x31534c54U

/**
 * struct tls_bundle - the beginning of a bundle, behind which the texts follow without gaps
 * @magic: TLS_BUNDLE_MAGIC
 * @size: bytes of each text, 0 for one that there is not
 */
struct tls_bundle {
	uint32_t magic;
	uint32_t size[TLS_KINDS];
};

/* Bytes of a bundle at most. */
#define TLS_BUNDLE_MAX	(sizeof(struct tls_bundle) + TLS_KINDS * (size_t)TLS_TEXT_MAX)

/**
 * tls_bundle_make() - write texts to a memfd that nobody can change any more
 * @t: texts
 *
 * Return: the memfd, which is closed by an exec; or -errno.
 */
int tls_bundle_make(const struct tls_texts *t);

/**
 * tls_bundle_read() - take the texts from a memfd
 * @fd: what tls_bundle_make() has returned, perhaps in another process
 * @t: filled, to be freed with tls_texts_free(); left empty on errors
 *
 * Return: 0; -EPROTO if @fd is no bundle or is not sealed; -ENOMEM; another -errno.
 */
int tls_bundle_read(int fd, struct tls_texts *t);

/**
 * tls_bundle_parse() - take the texts from the bytes of a bundle
 * @data: the bytes
 * @size: how many, at most TLS_BUNDLE_MAX
 * @t: as for tls_bundle_read()
 *
 * Return: 0; -EPROTO; -ENOMEM.
 */
int tls_bundle_parse(const uint8_t *data, size_t size, struct tls_texts *t);

#endif /* TLS_BUNDLE_H */
