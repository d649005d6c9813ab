// SPDX-License-Identifier: MIT
#include "credentials.h"

#include <common/log.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/*
 * Older versions are refused, so that nobody in between can choose them. The flag for safe
 * renegotiation would refuse clients that speak TLS 1.3 only; the session refuses every
 * renegotiation anyway.
 */
#define PRIORITY	"NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"
#define PRIORITY_PSK	PRIORITY ":+ECDHE-PSK:+DHE-PSK"

static int failed(const char *what, int err)
{
	log_error("TLS: %s: %s", what, gnutls_strerror(err));
	return err == GNUTLS_E_MEMORY_ERROR ? -ENOMEM : -EINVAL;
}

static int path_of(const struct tls_files *files, const char *name, char *path)
{
	int n = snprintf(path, PATH_MAX, "%s/%s", files->folder, name);

	return n < PATH_MAX ? 0 : -ENAMETOOLONG;
}

static int load_pair(struct tls_credentials *t, const struct tls_files *files)
{
	char cert[PATH_MAX], key[PATH_MAX];
	int ret = path_of(files, "server-cert.pem", cert);

	if (!ret)
		ret = path_of(files, "server-key.pem", key);
	if (ret)
		return ret;
	ret = gnutls_certificate_set_x509_key_file(t->x509, cert, key, GNUTLS_X509_FMT_PEM);
	return ret < 0 ? failed(cert, ret) : 0;
}

static int load_authority(struct tls_credentials *t, const struct tls_files *files)
{
	char ca[PATH_MAX], crl[PATH_MAX];
	int ret = path_of(files, "ca-cert.pem", ca);

	if (!ret)
		ret = path_of(files, "ca-crl.pem", crl);
	if (ret)
		return ret;
	ret = gnutls_certificate_set_x509_trust_file(t->x509, ca, GNUTLS_X509_FMT_PEM);
	if (ret <= 0)
		return failed(ca, ret ? ret : GNUTLS_E_NO_CERTIFICATE_FOUND);
	if (access(crl, F_OK))
		return 0;
	ret = gnutls_certificate_set_x509_crl_file(t->x509, crl, GNUTLS_X509_FMT_PEM);
	return ret < 0 ? failed(crl, ret) : 0;
}

static int load_x509(struct tls_credentials *t, const struct tls_files *files)
{
	int ret = gnutls_certificate_allocate_credentials(&t->x509);

	if (ret)
		return failed("certificate", ret);
	ret = load_pair(t, files);
	if (!ret && files->verifies_clients)
		ret = load_authority(t, files);
	if (!ret)
		gnutls_certificate_set_known_dh_params(t->x509, GNUTLS_SEC_PARAM_MEDIUM);
	return ret;
}

static int load_psk(struct tls_credentials *t, const struct tls_files *files)
{
	int ret = gnutls_psk_allocate_server_credentials(&t->psk);

	if (ret)
		return failed("pre-shared keys", ret);
	if (access(files->psk, R_OK)) {
		ret = -errno;
		log_error("TLS: %s: %s", files->psk, strerror(-ret));
		return ret;
	}
	ret = gnutls_psk_set_server_credentials_file(t->psk, files->psk);
	if (ret)
		return failed(files->psk, ret);
	gnutls_psk_set_server_known_dh_params(t->psk, GNUTLS_SEC_PARAM_MEDIUM);
	return 0;
}

int tls_credentials_load(struct tls_credentials *t, const struct tls_files *files)
{
	int ret;

	*t = (struct tls_credentials){ .verifies_clients = files->verifies_clients };
	ret = gnutls_priority_init(&t->priority, files->psk ? PRIORITY_PSK : PRIORITY, NULL);
	if (ret)
		return failed("algorithms", ret);
	if (files->folder)
		ret = load_x509(t, files);
	if (!ret && files->psk)
		ret = load_psk(t, files);
	if (ret)
		tls_credentials_free(t);
	return ret;
}

void tls_credentials_free(struct tls_credentials *t)
{
	if (t->x509)
		gnutls_certificate_free_credentials(t->x509);
	if (t->psk)
		gnutls_psk_free_server_credentials(t->psk);
	if (t->priority)
		gnutls_priority_deinit(t->priority);
	*t = (struct tls_credentials){ .x509 = NULL };
}
