/* SPDX-License-Identifier: MIT */
/*
 * The words and the rules of the options of TLS, which arenad and arena-np have alike. This header
 * must not know of GnuTLS.
 */
#ifndef TLS_OPTIONS_H
#define TLS_OPTIONS_H

#include <common/options.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>

#include "texts.h"

/* The words of --tls, in the order of enum negotiation_tls. */
static const char *const tls_words[] = { "off", "allow", "require", NULL };

/*
 * Bytes that one key seals, --tls-key-limit: at most what wear.h says of RFC 8446, and so many that
 * keys are not changed all the time.
 */
#define TLS_KEY_BYTES		(UINT64_C(1) << 38)
#define TLS_KEY_BYTES_MIN	(UINT64_C(1) << 24)

/**
 * enum tls_kernel_use - the words of --ktls: who seals and opens records
 * @TLS_KERNEL_AUTO: the kernel where it can, and can change keys as the process does
 * @TLS_KERNEL_ALWAYS: the kernel where it can, also if it cannot change keys
 * @TLS_KERNEL_NEVER: the process
 */
enum tls_kernel_use { TLS_KERNEL_AUTO, TLS_KERNEL_ALWAYS, TLS_KERNEL_NEVER };

static const char *const tls_kernel_words[] = { "auto", "always", "never", NULL };

/**
 * tls_check() - check the options of TLS together
 * @when: index of the word of --tls
 * @files: --tls-certificates, --tls-psk and --tls-verify-clients
 * @error: filled if they do not fit
 *
 * Return: 0 or -EINVAL.
 */
static inline int tls_check(unsigned int when, const struct tls_files *files,
			    struct option_error *error)
{
	if (when && !files->folder && !files->psk)
		return option_refuse(error, "--tls: %s needs --tls-certificates or --tls-psk",
				     tls_words[when]);
	if (files->verifies_clients && !files->folder)
		return option_refuse(error, "--tls-verify-clients: needs --tls-certificates");
	return 0;
}

#endif /* TLS_OPTIONS_H */
