// SPDX-License-Identifier: MIT
#include "session.h"

#include <common/clock.h>
#include <errno.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "credentials.h"
#include "kernel.h"
#include "outbox.h"
#include "wear.h"

/* Alerts and other records without data that one call skips. */
#define SKIPPED_MAX	16
/*
 * The extension by which a client says which server it wants: 0. GnuTLS does not let this one be
 * replaced, but it compares the whole number, of which it keeps 16 bits.
 */
#define SERVER_NAME	(1 << 16)

/**
 * struct tls_session - a session
 * @credentials: what it began with
 * @gnutls: GnuTLS's session; NULL of one that another process has begun
 * @fd: the socket
 * @error: GnuTLS's last error
 * @outbox: what the socket has not taken yet. GnuTLS is told that it has: it does not continue
 *	a record if it is to change keys meanwhile.
 * @wear: of the key for sending
 * @is_shaken: GnuTLS's handshake is complete, and must not be called again
 * @changed_at: when that key was changed, in seconds
 * @must_change: the client asked for another one
 * @is_worn: it cannot be changed, and has sealed all that it may
 * @is_kernel: the kernel seals and opens the records
 * @kernel_changes: the kernel can change keys
 * @is_13: it speaks TLS 1.3, known after the handshake
 * @why: what is wrong with the client's certificate, or NULL
 * @identity: who the client is, after the handshake; NULL if nobody knows
 */
struct tls_session {
	struct tls_credentials *credentials;
	gnutls_session_t gnutls;
	int fd;
	int error;
	struct tls_outbox outbox;
	struct tls_wear wear;
	int64_t changed_at;
	bool is_shaken;
	bool must_change;
	bool is_worn;
	bool is_kernel;
	bool kernel_changes;
	bool is_13;
	char *why;
	char *identity;
};

static ssize_t push(gnutls_transport_ptr_t p, const void *data, size_t size)
{
	struct tls_session *s = p;
	int ret = tls_outbox_put(&s->outbox, data, size);

	if (!ret)
		return (ssize_t)size;
	gnutls_transport_set_errno(s->gnutls, -ret);
	return -1;
}

/* The socket may be one that waits, since the ring uses it, too, before the session begins. */
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

static void set_transport(struct tls_session *s)
{
	gnutls_transport_set_ptr(s->gnutls, s);
	gnutls_transport_set_push_function(s->gnutls, push);
	gnutls_transport_set_pull_function(s->gnutls, pull);
	gnutls_transport_set_pull_timeout_function(s->gnutls, no_wait);
	/* The connection's own limit bounds the handshake. */
	gnutls_handshake_set_timeout(s->gnutls, GNUTLS_INDEFINITE_TIMEOUT);
}

/*
 * There is one certificate, so nobody needs the name that a client gives to the server. GnuTLS
 * would refuse the client if it is none of DNS: libnbd sends the address of "[::1]", though
 * RFC 6066 does not allow that, and names of containers may have an underscore. If GnuTLS begins
 * to refuse this call, it refuses such clients again.
 */
static void ignore_server_name(gnutls_session_t session)
{
	gnutls_session_ext_register(session, "any server name", SERVER_NAME, GNUTLS_EXT_NONE, NULL,
				    NULL, NULL, NULL, NULL, GNUTLS_EXT_FLAG_CLIENT_HELLO);
}

int tls_session_new(struct tls_credentials *t, int fd, uint64_t key_bytes,
		    struct tls_session **out)
{
	struct tls_session *s = calloc(1, sizeof(*s));
	int ret;

	if (!s)
		return -ENOMEM;
	s->fd = fd;
	s->outbox.fd = fd;
	s->wear.limit = key_bytes;
	ret = gnutls_init(&s->gnutls, GNUTLS_SERVER | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL |
			  GNUTLS_NO_TICKETS);
	if (ret) {
		free(s);
		return -ENOMEM;
	}
	s->credentials = tls_credentials_get(t);
	set_transport(s);
	ignore_server_name(s->gnutls);
	if (tls_credentials_attach(t, s->gnutls)) {
		tls_session_free(s);
		return -EINVAL;
	}
	*out = s;
	return 0;
}

int tls_session_adopt(int fd, uint64_t key_bytes, uint64_t sealed, const char *identity,
		      struct tls_session **out)
{
	unsigned int keys = tls_kernel_look(fd);
	struct tls_session *s = keys ? calloc(1, sizeof(*s)) : NULL;

	if (!s)
		return keys ? -ENOMEM : -EPROTO;
	s->identity = strdup(identity);
	if (!s->identity) {
		free(s);
		return -ENOMEM;
	}
	s->fd = fd;
	s->outbox.fd = fd;
	s->wear.limit = keys & TLS_KERNEL_KEYS_FOR_EVER ? UINT64_MAX : key_bytes;
	s->wear.used = sealed;
	s->is_shaken = true;
	s->is_kernel = true;
	s->is_13 = keys & TLS_KERNEL_KEYS_OF_13;
	*out = s;
	return 0;
}

bool tls_session_can_move(const struct tls_session *s)
{
	return s->is_kernel && !s->must_change;
}

uint64_t tls_session_sealed(const struct tls_session *s)
{
	return s->wear.used;
}

void tls_session_free(struct tls_session *s)
{
	if (!s)
		return;
	if (s->gnutls)
		gnutls_deinit(s->gnutls);
	tls_outbox_exit(&s->outbox);
	tls_credentials_put(s->credentials);
	free(s->why);
	free(s->identity);
	free(s);
}

static bool is_unfinished(int err)
{
	return err == GNUTLS_E_AGAIN || err == GNUTLS_E_INTERRUPTED;
}

/* The words of GnuTLS for what is wrong with a certificate: revoked, expired and so on. */
static char *explain(gnutls_session_t session)
{
	unsigned int status = gnutls_session_get_verify_cert_status(session);
	gnutls_datum_t text;
	char *why;

	if (gnutls_certificate_verification_status_print(status, GNUTLS_CRT_X509, &text, 0))
		return NULL;
	why = strdup((const char *)text.data);
	gnutls_free(text.data);
	return why;
}

static int fail(struct tls_session *s, int err)
{
	s->error = err;
	if (err == GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR && !s->why)
		s->why = explain(s->gnutls);
	return err == GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR ||
	       err == GNUTLS_E_CERTIFICATE_REQUIRED || err == GNUTLS_E_NO_CERTIFICATE_FOUND ?
	       -EACCES : -EPROTO;
}

/* Return: the first certificate that the client has shown, to be freed; NULL if there is none. */
static gnutls_x509_crt_t certificate_of(gnutls_session_t session)
{
	unsigned int n;
	const gnutls_datum_t *list = gnutls_certificate_get_peers(session, &n);
	gnutls_x509_crt_t cert;

	if (!list || !n || gnutls_x509_crt_init(&cert))
		return NULL;
	if (!gnutls_x509_crt_import(cert, &list[0], GNUTLS_X509_FMT_DER))
		return cert;
	gnutls_x509_crt_deinit(cert);
	return NULL;
}

/* Return: a text that no other client has, to be freed; NULL without one. */
static char *make_identity(const char *kind, const void *name, size_t size)
{
	size_t length = strlen(kind);
	char *text = memchr(name, '\0', size) ? NULL : malloc(length + size + 1);

	if (!text)
		return NULL;
	memcpy(text, kind, length);
	memcpy(text + length, name, size);
	text[length + size] = '\0';
	return text;
}

/*
 * GnuTLS leaves control characters as they are, which would end a line of the log. RFC 4514 has
 * them as a backslash and two digits. Return: the text, to be freed; NULL without memory.
 */
static char *tame(const gnutls_datum_t *name)
{
	static const char digits[] = "0123456789ABCDEF";
	char *text = malloc(3 * (size_t)name->size + 1), *to = text;

	for (unsigned int i = 0; text && i < name->size; i++) {
		unsigned char c = name->data[i];

		if (c < ' ' || c == 0x7f) {
			*to++ = '\\';
			*to++ = digits[c >> 4];
			*to++ = digits[c & 15];
		} else {
			*to++ = (char)c;
		}
	}
	if (text)
		*to = '\0';
	return text;
}

static char *x509_identity(gnutls_session_t session)
{
	gnutls_x509_crt_t cert = certificate_of(session);
	char *text = NULL, *tamed;
	gnutls_datum_t name;

	if (cert && !gnutls_x509_crt_get_dn3(cert, &name, 0)) {
		tamed = tame(&name);
		text = tamed ? make_identity("x509:", tamed, strlen(tamed)) : NULL;
		free(tamed);
		gnutls_free(name.data);
	}
	if (cert)
		gnutls_x509_crt_deinit(cert);
	return text;
}

static char *psk_identity(gnutls_session_t session)
{
	gnutls_datum_t name;

	if (gnutls_psk_server_get_username2(session, &name))
		return NULL;
	return make_identity("psk:", name.data, name.size);
}

/* A client whose name cannot be told must not be taken for one without a name. */
static int identify(struct tls_session *s)
{
	if (gnutls_auth_get_type(s->gnutls) == GNUTLS_CRD_PSK)
		s->identity = psk_identity(s->gnutls);
	else if (s->credentials->verifies_clients)
		s->identity = x509_identity(s->gnutls);
	else
		return 0;
	return s->identity ? 0 : fail(s, GNUTLS_E_CERTIFICATE_REQUIRED);
}

/* ChaCha20-Poly1305 has no limit that can be reached. */
static void begin_wear(struct tls_session *s)
{
	if (gnutls_cipher_get(s->gnutls) == GNUTLS_CIPHER_CHACHA20_POLY1305)
		s->wear.limit = UINT64_MAX;
}

/* Return: GnuTLS's error; 0 if the handshake is complete on this side. */
static int shake(struct tls_session *s)
{
	int ret = s->is_shaken ? 0 : GNUTLS_E_WARNING_ALERT_RECEIVED;

	for (int i = 0; i < SKIPPED_MAX && ret && !is_unfinished(ret) &&
	     !gnutls_error_is_fatal(ret); i++)
		ret = gnutls_handshake(s->gnutls);
	s->is_shaken = !ret;
	return ret;
}

int tls_session_handshake(struct tls_session *s)
{
	int ret = shake(s), err;

	if (ret && !is_unfinished(ret)) {
		/* The client is told why, if its socket takes that now. */
		gnutls_alert_send_appropriate(s->gnutls, ret);
		return fail(s, ret);
	}
	err = tls_session_flush(s);
	if (err || ret)
		return err ? err : -EAGAIN;
	s->is_13 = gnutls_protocol_get_version(s->gnutls) >= GNUTLS_TLS1_3;
	begin_wear(s);
	return identify(s);
}

const char *tls_session_version(const struct tls_session *s)
{
	return gnutls_protocol_get_name(gnutls_protocol_get_version(s->gnutls));
}

const char *tls_session_identity(const struct tls_session *s)
{
	return s->identity ? s->identity : "";
}

bool tls_session_changes_keys(const struct tls_session *s)
{
	return s->is_13;
}

int tls_session_to_kernel(struct tls_session *s, bool changes_keys)
{
	int ret = tls_kernel_start(s->gnutls, s->fd);

	s->is_kernel = !ret;
	s->kernel_changes = changes_keys && tls_session_changes_keys(s);
	return ret && ret != -EOPNOTSUPP ? fail(s, GNUTLS_E_INTERNAL_ERROR) : ret;
}

bool tls_session_is_kernel(const struct tls_session *s)
{
	return s->is_kernel;
}

/* Return: 0; -EPROTO, also for a client that wants to change its keys all the time. */
static int change_their_key(struct tls_session *s, const uint8_t message[TLS_KEY_UPDATE_BYTES])
{
	int ret = tls_kernel_take_update(s->gnutls, s->fd, message);

	if (ret)
		return fail(s, ret);
	s->must_change |= tls_kernel_asks(message);
	return 0;
}

static int refusal_of(const struct tls_session *s, uint8_t type)
{
	if (type != TLS_RECORD_HANDSHAKE)
		return GNUTLS_E_UNEXPECTED_PACKET;
	return s->kernel_changes ? GNUTLS_E_UNEXPECTED_HANDSHAKE_PACKET : GNUTLS_E_REHANDSHAKE;
}

/* A record without data. Return: 1 if others may follow; 0 at the end; -EPROTO. */
static int take_control(struct tls_session *s, uint8_t type, const uint8_t *data, size_t size)
{
	int ret;

	if (type == TLS_RECORD_ALERT && size == 2 && data[1] == GNUTLS_A_CLOSE_NOTIFY)
		return 0;
	if (type == TLS_RECORD_ALERT)
		return fail(s, GNUTLS_E_FATAL_ALERT_RECEIVED);
	if (s->kernel_changes && tls_kernel_is_update(type, data, size))
		ret = change_their_key(s, data);
	else
		ret = fail(s, refusal_of(s, type));
	if (ret)
		tls_kernel_alert(s->fd, GNUTLS_AL_FATAL, GNUTLS_A_UNEXPECTED_MESSAGE);
	return ret ? ret : 1;
}

/* A record that is no data comes alone, and may need more room than @data. Return: as above. */
static int recv_control(struct tls_session *s, uint8_t type, const uint8_t *data, size_t size)
{
	size_t wanted = tls_kernel_control_size(type);
	uint8_t all[TLS_CONTROL_BYTES], next = type;

	if (size >= wanted)
		return take_control(s, type, data, size);
	memcpy(all, data, size);
	while (size < wanted) {
		ssize_t n = tls_kernel_recv(s->fd, all + size, wanted - size, &next);

		if (n <= 0 || next != type)
			break;
		size += (size_t)n;
	}
	return take_control(s, type, all, size);
}

/* Return: as tls_session_recv(); with @is_control 1 if what has come is no data, and is done. */
static ssize_t recv_record(struct tls_session *s, void *data, size_t size, bool *is_control)
{
	uint8_t type;
	ssize_t n = tls_kernel_recv(s->fd, data, size, &type);

	*is_control = n > 0 && type != TLS_RECORD_DATA;
	if (n == -EBADMSG || n == -EMSGSIZE) {
		tls_kernel_alert(s->fd, GNUTLS_AL_FATAL, GNUTLS_A_BAD_RECORD_MAC);
		return fail(s, GNUTLS_E_DECRYPTION_FAILED);
	}
	if (n == -EAGAIN || n == -EINTR)
		return -EAGAIN;
	if (n < 0)
		return fail(s, GNUTLS_E_PULL_ERROR);
	return *is_control ? recv_control(s, type, data, (size_t)n) : n;
}

static ssize_t recv_by_kernel(struct tls_session *s, void *data, size_t size)
{
	bool is_control = true;
	ssize_t n = 1;

	for (int i = 0; i < SKIPPED_MAX && is_control && n > 0; i++)
		n = recv_record(s, data, size, &is_control);
	return is_control && n > 0 ? fail(s, GNUTLS_E_TOO_MANY_EMPTY_PACKETS) : n;
}

ssize_t tls_session_recv(struct tls_session *s, void *data, size_t size)
{
	ssize_t ret = GNUTLS_E_TOO_MANY_EMPTY_PACKETS;

	if (s->is_kernel)
		return recv_by_kernel(s, data, size);
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
	gnutls_alert_send_appropriate(s->gnutls, (int)ret);
	return fail(s, (int)ret);
}

bool tls_session_has_more(const struct tls_session *s)
{
	return !s->is_kernel && gnutls_record_check_pending(s->gnutls);
}

int tls_session_flush(struct tls_session *s)
{
	int ret = tls_outbox_flush(&s->outbox);

	return ret && ret != -EAGAIN ? fail(s, GNUTLS_E_PUSH_ERROR) : ret;
}

static int change_our_key(struct tls_session *s)
{
	int ret = s->is_kernel ? tls_kernel_change(s->gnutls, s->fd) :
		  gnutls_session_key_update(s->gnutls, 0);

	if (ret == GNUTLS_E_AGAIN)
		return -EAGAIN;
	if (ret)
		return fail(s, ret);
	s->wear.used = 0;
	s->must_change = false;
	s->changed_at = clock_coarse_s();
	return 0;
}

static bool can_change_key(const struct tls_session *s)
{
	return s->is_kernel ? s->kernel_changes : tls_session_changes_keys(s);
}

/* Clients of GnuTLS take at most eight changes in a second. */
static bool has_just_changed(const struct tls_session *s)
{
	return s->changed_at == clock_coarse_s();
}

/* Return: 0; -EAGAIN if the key is to be changed first, and the socket does not take that now. */
static int wear_key(struct tls_session *s, size_t size)
{
	uint64_t cost = tls_wear_cost(size);
	bool is_over = tls_wear_is_over(&s->wear, cost);
	int ret = 0;

	if (s->must_change || (is_over && can_change_key(s) && !has_just_changed(s)))
		ret = change_our_key(s);
	s->is_worn |= is_over && !can_change_key(s);
	if (!ret)
		s->wear.used += cost;
	return ret;
}

ssize_t tls_session_send(struct tls_session *s, const void *data, size_t size)
{
	ssize_t ret = tls_session_flush(s);

	if (!ret)
		ret = wear_key(s, size);
	if (ret)
		return ret;
	ret = gnutls_record_send(s->gnutls, data, size);
	if (ret < 0)
		return fail(s, (int)ret);
	/* The client may have asked for shorter records. */
	s->wear.used -= tls_wear_cost(size) - tls_wear_cost((size_t)ret);
	return ret;
}

int tls_session_prepare(struct tls_session *s, size_t size)
{
	return wear_key(s, size);
}

bool tls_session_is_worn(const struct tls_session *s)
{
	return s->is_worn;
}

uint32_t tls_session_events(const struct tls_session *s)
{
	return tls_outbox_is_empty(&s->outbox) ? POLLIN : POLLIN | POLLOUT;
}

const char *tls_session_why(const struct tls_session *s)
{
	if (s->error == GNUTLS_E_REHANDSHAKE && !s->gnutls)
		return "it changes its keys, which the process that was replaced has kept";
	if (s->error == GNUTLS_E_REHANDSHAKE)
		return s->is_kernel && tls_session_changes_keys(s) ?
		       "it changes its keys, which the kernel cannot" :
		       "it asked for a renegotiation";
	if (s->why)
		return s->why;
	return gnutls_strerror(s->error);
}

void tls_session_bye(struct tls_session *s)
{
	if (s->is_kernel)
		tls_kernel_alert(s->fd, GNUTLS_AL_WARNING, GNUTLS_A_CLOSE_NOTIFY);
	else if (tls_outbox_is_empty(&s->outbox))
		gnutls_bye(s->gnutls, GNUTLS_SHUT_WR);
}
