// SPDX-License-Identifier: MIT
#include "session.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "credentials.h"

/* Alerts and other records without data that one call skips. */
#define SKIPPED_MAX	16

/**
 * struct tls_session - a session
 * @gnutls: GnuTLS's session
 * @fd: the socket
 * @error: GnuTLS's last error
 * @is_stuck: a record was sealed that the socket has not taken completely
 */
struct tls_session {
	gnutls_session_t gnutls;
	int fd;
	int error;
	bool is_stuck;
};

/* The socket may be one that waits, since the ring uses it, too, before the session begins. */
static ssize_t push(gnutls_transport_ptr_t p, const void *data, size_t size)
{
	const struct tls_session *s = p;
	ssize_t n = send(s->fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0)
		gnutls_transport_set_errno(s->gnutls, errno);
	return n;
}

static ssize_t pull(gnutls_transport_ptr_t p, void *data, size_t size)
{
	const struct tls_session *s = p;
	ssize_t n = recv(s->fd, data, size, MSG_DONTWAIT);

	if (n < 0)
		gnutls_transport_set_errno(s->gnutls, errno);
	return n;
}

static int no_wait(gnutls_transport_ptr_t p, unsigned int ms)
{
	const struct tls_session *s = p;
	struct pollfd fd = { .fd = s->fd, .events = POLLIN };

	(void)ms;
	return poll(&fd, 1, 0);
}

static int set_up(struct tls_session *s, const struct tls_credentials *t)
{
	int ret = gnutls_priority_set(s->gnutls, t->priority);

	if (!ret && t->x509)
		ret = gnutls_credentials_set(s->gnutls, GNUTLS_CRD_CERTIFICATE, t->x509);
	if (!ret && t->psk)
		ret = gnutls_credentials_set(s->gnutls, GNUTLS_CRD_PSK, t->psk);
	if (t->verifies_clients)
		gnutls_certificate_server_set_request(s->gnutls, GNUTLS_CERT_REQUIRE);
	if (t->verifies_clients)
		gnutls_session_set_verify_cert(s->gnutls, NULL, 0);
	gnutls_transport_set_ptr(s->gnutls, s);
	gnutls_transport_set_push_function(s->gnutls, push);
	gnutls_transport_set_pull_function(s->gnutls, pull);
	gnutls_transport_set_pull_timeout_function(s->gnutls, no_wait);
	/* The connection's own limit bounds the handshake. */
	gnutls_handshake_set_timeout(s->gnutls, GNUTLS_INDEFINITE_TIMEOUT);
	return ret;
}

int tls_session_new(const struct tls_credentials *t, int fd, struct tls_session **out)
{
	struct tls_session *s = calloc(1, sizeof(*s));
	int ret;

	if (!s)
		return -ENOMEM;
	s->fd = fd;
	ret = gnutls_init(&s->gnutls, GNUTLS_SERVER | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL |
			  GNUTLS_NO_TICKETS);
	if (ret) {
		free(s);
		return -ENOMEM;
	}
	if (set_up(s, t)) {
		tls_session_free(s);
		return -EINVAL;
	}
	*out = s;
	return 0;
}

void tls_session_free(struct tls_session *s)
{
	if (!s)
		return;
	gnutls_deinit(s->gnutls);
	free(s);
}

static bool is_unfinished(int err)
{
	return err == GNUTLS_E_AGAIN || err == GNUTLS_E_INTERRUPTED;
}

static int fail(struct tls_session *s, int err)
{
	s->error = err;
	return err == GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR ||
	       err == GNUTLS_E_CERTIFICATE_REQUIRED || err == GNUTLS_E_NO_CERTIFICATE_FOUND ?
	       -EACCES : -EPROTO;
}

int tls_session_handshake(struct tls_session *s)
{
	int ret = GNUTLS_E_AGAIN;

	for (int i = 0; i < SKIPPED_MAX; i++) {
		ret = gnutls_handshake(s->gnutls);
		if (!ret)
			return 0;
		if (is_unfinished(ret))
			return -EAGAIN;
		if (gnutls_error_is_fatal(ret))
			break;
	}
	/* The client is told why, if its socket takes that now. */
	gnutls_alert_send_appropriate(s->gnutls, ret);
	return fail(s, ret);
}

/* The subject of the client's certificate. Return: false if it has shown none. */
static bool subject_of(gnutls_session_t session, char *text, size_t size)
{
	unsigned int n;
	const gnutls_datum_t *list = gnutls_certificate_get_peers(session, &n);
	gnutls_x509_crt_t cert;
	bool is_good;

	if (!list || !n || gnutls_x509_crt_init(&cert))
		return false;
	is_good = !gnutls_x509_crt_import(cert, &list[0], GNUTLS_X509_FMT_DER) &&
		  !gnutls_x509_crt_get_dn(cert, text, &size);
	gnutls_x509_crt_deinit(cert);
	return is_good;
}

void tls_session_describe(const struct tls_session *s, char text[TLS_NAME_SIZE])
{
	const char *version = gnutls_protocol_get_name(gnutls_protocol_get_version(s->gnutls));
	const char *psk = gnutls_auth_get_type(s->gnutls) == GNUTLS_CRD_PSK ?
			  gnutls_psk_server_get_username(s->gnutls) : NULL;
	char subject[TLS_NAME_SIZE / 2];

	if (psk)
		snprintf(text, TLS_NAME_SIZE, "%s, key of '%.200s'", version, psk);
	else if (subject_of(s->gnutls, subject, sizeof(subject)))
		snprintf(text, TLS_NAME_SIZE, "%s, certificate of '%s'", version, subject);
	else
		snprintf(text, TLS_NAME_SIZE, "%s, client without a name", version);
}

ssize_t tls_session_recv(struct tls_session *s, void *data, size_t size)
{
	ssize_t ret = GNUTLS_E_TOO_MANY_EMPTY_PACKETS;

	for (int i = 0; i < SKIPPED_MAX; i++) {
		ret = gnutls_record_recv(s->gnutls, data, size);
		if (ret >= 0)
			return ret;
		if (is_unfinished((int)ret))
			return -EAGAIN;
		/* Clients often close without a word; NBD itself says where a request ends. */
		if (ret == GNUTLS_E_PREMATURE_TERMINATION)
			return 0;
		if (ret == GNUTLS_E_REHANDSHAKE || gnutls_error_is_fatal((int)ret))
			break;
	}
	return fail(s, (int)ret);
}

bool tls_session_has_more(const struct tls_session *s)
{
	return gnutls_record_check_pending(s->gnutls);
}

ssize_t tls_session_send(struct tls_session *s, const void *data, size_t size)
{
	ssize_t ret = s->is_stuck ? gnutls_record_send(s->gnutls, NULL, 0) :
		      gnutls_record_send(s->gnutls, data, size);

	s->is_stuck = ret < 0 && is_unfinished((int)ret);
	if (s->is_stuck)
		return -EAGAIN;
	return ret < 0 ? fail(s, (int)ret) : ret;
}

uint32_t tls_session_events(const struct tls_session *s)
{
	return gnutls_record_get_direction(s->gnutls) ? POLLOUT : POLLIN;
}

const char *tls_session_why(const struct tls_session *s)
{
	if (s->error == GNUTLS_E_REHANDSHAKE)
		return "it asked for a renegotiation";
	return gnutls_strerror(s->error);
}

void tls_session_bye(struct tls_session *s)
{
	if (!s->is_stuck)
		gnutls_bye(s->gnutls, GNUTLS_SHUT_WR);
}
