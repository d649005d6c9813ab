/* SPDX-License-Identifier: MIT */
/*
 * The words and the rules of the options of TLS, which arenad and arena-np have alike. This header
 * must not know of GnuTLS.
 */
#ifndef TLS_OPTIONS_H
#define TLS_OPTIONS_H

#include <common/options.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

/* The words of --tls, in the order of enum negotiation_tls. */
static const char *const tls_words[] = { "off", "allow", "require", NULL };

/**
 * tls_check() - check the options of TLS together
 * @when: index of the word of --tls
 * @folder: --tls-certificates, or NULL
 * @psk: --tls-psk, or NULL
 * @verifies_clients: --tls-verify-clients
 * @error: filled if they do not fit
 *
 * Return: 0 or -EINVAL.
 */
static inline int tls_check(unsigned int when, const char *folder, const char *psk,
			    bool verifies_clients, struct option_error *error)
{
	if (when && !folder && !psk)
		return option_refuse(error, "--tls: %s needs --tls-certificates or --tls-psk",
				     tls_words[when]);
	if (verifies_clients && !folder)
		return option_refuse(error, "--tls-verify-clients: needs --tls-certificates");
	return 0;
}

#endif /* TLS_OPTIONS_H */
