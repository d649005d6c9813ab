// SPDX-License-Identifier: MIT
#include "credentials.h"

#include <common/log.h>
#include <errno.h>
#include <gnutls/x509.h>
#include <stdlib.h>
#include <string.h>

#include "keys.h"
#include "texts.h"

/*
 * Older versions are refused, so that nobody in between can choose them. The flag for safe
 * renegotiation would refuse clients that speak TLS 1.3 only; the session refuses every
 * renegotiation anyway.
 */
#define PRIORITY	"NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"
#define PRIORITY_PSK	PRIORITY ":+ECDHE-PSK:+DHE-PSK"

static int failed(const char *what, int err)
{
	log_error("TLS: %s: %s; %s", what, gnutls_strerror(err), err == GNUTLS_E_MEMORY_ERROR ?
		  "free memory" : "correct the file, or the policy of GnuTLS on this machine");
	return err == GNUTLS_E_MEMORY_ERROR ? -ENOMEM : -EINVAL;
}

static gnutls_datum_t datum_of(const struct tls_texts *texts, enum tls_kind kind)
{
	return (gnutls_datum_t){
		.data = (unsigned char *)texts->data[kind],
		.size = (unsigned int)texts->size[kind],
	};
}

static int load_pair(struct tls_credentials *t, const struct tls_texts *texts)
{
	const gnutls_datum_t cert = datum_of(texts, TLS_CERTIFICATE);
	const gnutls_datum_t key = datum_of(texts, TLS_KEY);
	int ret = gnutls_certificate_set_x509_key_mem(t->x509, &cert, &key, GNUTLS_X509_FMT_PEM);

	if (ret >= 0)
		return 0;
	log_error("TLS: %s with %s: %s; give a certificate and its own key",
		  texts->name[TLS_CERTIFICATE], texts->name[TLS_KEY], gnutls_strerror(ret));
	return ret == GNUTLS_E_MEMORY_ERROR ? -ENOMEM : -EINVAL;
}

static int load_authority(struct tls_credentials *t, const struct tls_texts *texts)
{
	const gnutls_datum_t ca = datum_of(texts, TLS_AUTHORITY);
	const gnutls_datum_t revoked = datum_of(texts, TLS_REVOKED);
	int ret = gnutls_certificate_set_x509_trust_mem(t->x509, &ca, GNUTLS_X509_FMT_PEM);

	if (ret <= 0)
		return failed(texts->name[TLS_AUTHORITY],
			      ret ? ret : GNUTLS_E_NO_CERTIFICATE_FOUND);
	if (!revoked.data)
		return 0;
	ret = gnutls_certificate_set_x509_crl_mem(t->x509, &revoked, GNUTLS_X509_FMT_PEM);
	return ret < 0 ? failed(texts->name[TLS_REVOKED], ret) : 0;
}

static int load_x509(struct tls_credentials *t, const struct tls_texts *texts)
{
	int ret = gnutls_certificate_allocate_credentials(&t->x509);

	if (ret)
		return failed("certificate", ret);
	ret = load_pair(t, texts);
	t->verifies_clients = texts->data[TLS_AUTHORITY];
	if (!ret && t->verifies_clients)
		ret = load_authority(t, texts);
	if (!ret)
		gnutls_certificate_set_known_dh_params(t->x509, GNUTLS_SEC_PARAM_MEDIUM);
	return ret;
}

/*
 * For a name that is not known GnuTLS makes up a key, so that a client cannot find out which names
 * are known. Return: 0, 1 if the name is not known, -1 without memory.
 */
static int find_key(gnutls_session_t session, const gnutls_datum_t *name, gnutls_datum_t *key)
{
	const struct tls_credentials *t = gnutls_session_get_ptr(session);
	size_t length;
	const uint8_t *found = tls_keys_find(t->keys, name->data, name->size, &length);

	if (!found)
		return 1;
	key->data = gnutls_malloc(length);
	if (!key->data)
		return -1;
	memcpy(key->data, found, length);
	key->size = (unsigned int)length;
	return 0;
}

static int load_psk(struct tls_credentials *t, const struct tls_texts *texts)
{
	unsigned int line;
	int ret = tls_keys_parse(texts->data[TLS_PSK], texts->size[TLS_PSK], &t->keys, &line);

	if (ret == -EINVAL && line)
		log_error("TLS: %s: line %u is not NAME:HEX-KEY, or its name was used before; "
			  "correct the line", texts->name[TLS_PSK], line);
	else if (ret)
		log_error("TLS: %s: %s", texts->name[TLS_PSK],
			  ret == -EINVAL ? "it has no key; write NAME:HEX-KEY" : log_reason(-ret));
	if (ret)
		return ret;
	ret = gnutls_psk_allocate_server_credentials(&t->psk);
	if (ret)
		return failed("pre-shared keys", ret);
	gnutls_psk_set_server_credentials_function2(t->psk, find_key);
	gnutls_psk_set_server_known_dh_params(t->psk, GNUTLS_SEC_PARAM_MEDIUM);
	return 0;
}

int tls_credentials_new(const struct tls_texts *texts, struct tls_credentials **out)
{
	struct tls_credentials *t = calloc(1, sizeof(*t));
	int ret;

	if (!t)
		return -ENOMEM;
	t->users = 1;
	ret = gnutls_priority_init(&t->priority, texts->data[TLS_PSK] ? PRIORITY_PSK : PRIORITY,
				   NULL);
	if (ret)
		ret = failed("algorithms", ret);
	if (!ret && texts->data[TLS_CERTIFICATE])
		ret = load_x509(t, texts);
	if (!ret && texts->data[TLS_PSK])
		ret = load_psk(t, texts);
	if (ret)
		tls_credentials_put(t);
	else
		*out = t;
	return ret;
}

struct tls_credentials *tls_credentials_get(struct tls_credentials *t)
{
	t->users++;
	return t;
}

void tls_credentials_put(struct tls_credentials *t)
{
	if (!t || --t->users)
		return;
	if (t->x509)
		gnutls_certificate_free_credentials(t->x509);
	if (t->psk)
		gnutls_psk_free_server_credentials(t->psk);
	if (t->priority)
		gnutls_priority_deinit(t->priority);
	tls_keys_free(t->keys);
	free(t);
}

/* A certificate that names purposes must be for clients: those of other servers are for others. */
static void verify_client(gnutls_session_t session)
{
	static gnutls_typed_vdata_st purpose = {
		.type = GNUTLS_DT_KEY_PURPOSE_OID,
		.data = (unsigned char *)GNUTLS_KP_TLS_WWW_CLIENT,
	};

	gnutls_certificate_server_set_request(session, GNUTLS_CERT_REQUIRE);
	gnutls_session_set_verify_cert2(session, &purpose, 1, 0);
}

int tls_credentials_attach(struct tls_credentials *t, gnutls_session_t session)
{
	int ret = gnutls_priority_set(session, t->priority);

	if (!ret && t->x509)
		ret = gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, t->x509);
	if (!ret && t->psk)
		ret = gnutls_credentials_set(session, GNUTLS_CRD_PSK, t->psk);
	if (t->verifies_clients)
		verify_client(session);
	gnutls_session_set_ptr(session, t);
	return ret;
}
