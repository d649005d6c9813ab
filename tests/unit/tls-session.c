// SPDX-License-Identifier: MIT
/*
 * Goal: a TLS session of arena-np never waits, continues where the socket let it down, and refuses
 * a client that has no right to be served or that asks for a renegotiation.
 * Method: a client of GnuTLS at the other end of a socket pair whose buffers are small, in one
 * thread: whoever waited would wait for ever.
 */
#include <errno.h>
#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <tls/credentials.h>
#include <tls/kernel.h>
#include <tls/options.h>
#include <tls/session.h>
#include <tls/texts.h>
#include <unistd.h>

#include "tap.h"

#define ROUNDS	1000

static const char key[] = "000102030405060708090a0b0c0d0e0f";
static struct tls_credentials *credentials;
static gnutls_psk_client_credentials_t client_key;
static gnutls_session_t client;
static struct tls_session *server;
static uint64_t key_bytes = TLS_KEY_BYTES;
static int fds[2];

static void load(const char *line)
{
	const struct tls_texts texts = {
		.data[TLS_PSK] = (char *)line,
		.size[TLS_PSK] = strlen(line),
		.name[TLS_PSK] = (char *)"keys",
	};

	if (tls_credentials_new(&texts, &credentials))
		bail("no credentials");
}

static void dial(const char *name, const char *hex, const char *priority)
{
	const gnutls_datum_t datum = { (unsigned char *)hex, (unsigned int)strlen(hex) };

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds))
		bail("no socket pair");
	fcntl(fds[1], F_SETFL, O_NONBLOCK);
	gnutls_psk_allocate_client_credentials(&client_key);
	gnutls_psk_set_client_credentials(client_key, name, &datum, GNUTLS_PSK_KEY_HEX);
	gnutls_init(&client, GNUTLS_CLIENT | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL);
	gnutls_priority_set_direct(client, priority, NULL);
	gnutls_credentials_set(client, GNUTLS_CRD_PSK, client_key);
	gnutls_transport_set_int(client, fds[1]);
	gnutls_handshake_set_timeout(client, GNUTLS_INDEFINITE_TIMEOUT);
	if (tls_session_new(credentials, fds[0], key_bytes, &server))
		bail("no session");
}

static void hang_up(void)
{
	tls_session_free(server);
	gnutls_deinit(client);
	gnutls_psk_free_client_credentials(client_key);
	close(fds[0]);
	close(fds[1]);
}

/* Return: what the server's handshake comes to; @theirs is what the client's comes to. */
static int shake(int *theirs)
{
	int ours = -EAGAIN;

	*theirs = GNUTLS_E_AGAIN;
	for (int i = 0; i < ROUNDS; i++) {
		if (*theirs < 0 && !gnutls_error_is_fatal(*theirs))
			*theirs = gnutls_handshake(client);
		if (ours == -EAGAIN)
			ours = tls_session_handshake(server);
		if (ours != -EAGAIN && (!*theirs || gnutls_error_is_fatal(*theirs)))
			break;
	}
	return ours;
}

#define KEYED	":-KX-ALL:+ECDHE-PSK:+DHE-PSK"

static void test_data(const char *version, const char *priority)
{
	static uint8_t data[300000], back[300000];
	size_t sent = 0, received = 0;
	int theirs;

	dial("carol", key, priority);
	ok(!*tls_session_identity(server),
	   "the session of %s knows no client before the handshake", version);
	is(tls_session_handshake(server), -EAGAIN,
	   "the handshake of %s does not wait for the client", version);
	is(tls_session_events(server), POLLIN, "the handshake of %s asks for bytes", version);
	is(shake(&theirs), 0, "the handshake of %s is completed by the server", version);
	is(theirs, 0, "the handshake of %s is completed by the client", version);
	ok(!strcmp(tls_session_version(server), version), "the session says that it is %s",
	   version);
	ok(!strcmp(tls_session_identity(server), "psk:carol"),
	   "the session of %s says whose key the client has", version);
	is(tls_session_recv(server, back, sizeof(back)), -EAGAIN,
	   "a receive of %s does not wait for the client", version);
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 7 + i / 251);
	for (int i = 0; i < ROUNDS && received < sizeof(back); i++) {
		size_t left = sizeof(data) - sent;
		size_t size = left < TLS_RECORD_BYTES ? left : TLS_RECORD_BYTES;
		ssize_t n = left ? tls_session_send(server, data + sent, size) :
			    tls_session_flush(server);

		sent += n > 0 ? (size_t)n : 0;
		n = n == -EAGAIN || !left ? gnutls_record_recv(client, back + received,
							       sizeof(back) - received) : 0;
		received += n > 0 ? (size_t)n : 0;
	}
	ok(received == sizeof(back) && !memcmp(data, back, sizeof(data)),
	   "data of %s arrives as it was sent, although the socket is full at times", version);
	is(gnutls_record_send(client, "hello", 5), 5, "the client of %s sends", version);
	is(tls_session_recv(server, back, 2), 2, "a record of %s is received in parts", version);
	ok(tls_session_has_more(server), "the session of %s says that it has more", version);
	is(tls_session_recv(server, back, 9), 3, "the rest of the record of %s is received",
	   version);
	ok(!tls_session_has_more(server), "the session of %s has no more then", version);
	gnutls_bye(client, GNUTLS_SHUT_WR);
	is(tls_session_recv(server, back, 9), 0, "the end of %s is the end of the data", version);
	hang_up();
}

/* The client asks for other keys while a record for it waits until the socket has room. */
static void test_late_update(void)
{
	static uint8_t data[TLS_RECORD_BYTES * 64], back[sizeof(data)];
	size_t sent = 0, received = 0;
	int theirs;
	uint8_t byte;

	dial("carol", key, "NORMAL:-VERS-ALL:+VERS-TLS1.3" KEYED);
	is(shake(&theirs), 0, "a session whose keys are changed late begins");
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 7 + i / 251);
	while (sent < sizeof(data)) {
		ssize_t n = tls_session_send(server, data + sent, TLS_RECORD_BYTES);

		if (n < 0)
			break;
		sent += (size_t)n;
	}
	ok(sent < sizeof(data), "the socket is full");
	is(gnutls_session_key_update(client, GNUTLS_KU_PEER), 0, "the client asks for other keys");
	is(tls_session_recv(server, &byte, 1), -EAGAIN, "the server receives no data by that");
	for (int i = 0; i < ROUNDS && received < sizeof(back); i++) {
		ssize_t n = sent < sizeof(data) ?
			    tls_session_send(server, data + sent, TLS_RECORD_BYTES) :
			    tls_session_flush(server);

		sent += n > 0 ? (size_t)n : 0;
		n = gnutls_record_recv(client, back + received, sizeof(back) - received);
		received += n > 0 ? (size_t)n : 0;
	}
	ok(received == sizeof(back) && !memcmp(data, back, sizeof(data)),
	   "data arrives as it was sent, although the keys change while the socket is full");
	hang_up();
}

static unsigned int n_updates;

static int count_updates(gnutls_session_t session, unsigned int type, unsigned int when,
			 unsigned int is_incoming, const gnutls_datum_t *message)
{
	(void)session;
	(void)type;
	(void)when;
	(void)message;
	n_updates += is_incoming;
	return 0;
}

/* Send and receive @n records in turn. Return: how many came as they were sent. */
static int exchange(int n)
{
	static uint8_t data[TLS_RECORD_BYTES], back[sizeof(data)];
	int good = 0;

	for (int i = 0; i < n; i++) {
		ssize_t came = -1;

		memset(data, i, sizeof(data));
		if (tls_session_send(server, data, sizeof(data)) != sizeof(data))
			break;
		for (int j = 0; j < ROUNDS && came < 0; j++)
			came = tls_session_flush(server) ? -1 :
			       gnutls_record_recv(client, back, sizeof(back));
		good += came == sizeof(back) && !memcmp(data, back, sizeof(data));
	}
	return good;
}

static void test_wear(const char *priority, unsigned int changes, bool is_worn, const char *what)
{
	int theirs;

	key_bytes = 4 * (uint64_t)TLS_RECORD_BYTES;
	dial("carol", key, priority);
	gnutls_handshake_set_hook_function(client, GNUTLS_HANDSHAKE_KEY_UPDATE, GNUTLS_HOOK_POST,
					   count_updates);
	is(shake(&theirs), 0, "a session of %s begins that is to send much", what);
	n_updates = 0;
	is(exchange(3), 3, "as much arrives as one key of %s may seal", what);
	ok(!n_updates && !tls_session_is_worn(server), "the key of %s is not changed before", what);
	is(exchange(20), 20, "data that the session of %s sends beyond that arrives", what);
	ok(changes ? n_updates : !n_updates, "the server %s the key of %s then",
	   changes ? "has changed" : "has not changed", what);
	is(tls_session_is_worn(server), is_worn, "the session of %s says whether it is worn", what);
	hang_up();
	key_bytes = TLS_KEY_BYTES;
}

static void test_limits(void)
{
	test_wear("NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+AES-128-GCM" KEYED, 1, false,
		  "TLS 1.3 with AES-GCM");
	test_wear("NORMAL:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+AES-128-GCM" KEYED, 0, true,
		  "TLS 1.2 with AES-GCM");
	test_wear("NORMAL:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+CHACHA20-POLY1305" KEYED, 0, false,
		  "TLS 1.2 with ChaCha20");
	test_wear("NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+CHACHA20-POLY1305" KEYED, 0, false,
		  "TLS 1.3 with ChaCha20");
}

static void test_messages(void)
{
	static const struct {
		uint8_t type, data[8];
		size_t size;
		bool is_update;
	} cases[] = {
		{ 22, { 24, 0, 0, 1, 0 }, 5, true },
		{ 22, { 24, 0, 0, 1, 1 }, 5, true },
		{ 22, { 24, 0, 0, 1, 2 }, 5, false },
		{ 22, { 24, 0, 0, 1, 255 }, 5, false },
		{ 22, { 24, 0, 0, 2, 0 }, 5, false },
		{ 22, { 24, 1, 0, 1, 0 }, 5, false },
		{ 22, { 25, 0, 0, 1, 0 }, 5, false },
		{ 22, { 24, 0, 0, 1 }, 4, false },
		{ 22, { 24, 0, 0, 1, 0, 24 }, 6, false },
		{ 22, { 0 }, 0, false },
		{ 21, { 24, 0, 0, 1, 0 }, 5, false },
		{ 23, { 24, 0, 0, 1, 0 }, 5, false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		is(tls_kernel_is_update(cases[i].type, cases[i].data, cases[i].size),
		   cases[i].is_update, "a record of type %u with %zu bytes, %u, %u, %u, %u, %u, is "
		   "taken for a change of keys or not", cases[i].type, cases[i].size,
		   cases[i].data[0], cases[i].data[1], cases[i].data[2], cases[i].data[3],
		   cases[i].data[4]);
}

static void test_flood(void)
{
	int theirs, ret = -EAGAIN;
	uint8_t byte;

	dial("carol", key, "NORMAL:-VERS-ALL:+VERS-TLS1.3" KEYED);
	is(shake(&theirs), 0, "a session begins whose client always changes its key");
	for (int i = 0; i < ROUNDS && ret == -EAGAIN; i++) {
		gnutls_session_key_update(client, 0);
		ret = (int)tls_session_recv(server, &byte, 1);
	}
	is(ret, -EPROTO, "the server refuses a client that always changes its key");
	hang_up();
}

static void test_renegotiation(void)
{
	int theirs, ret = -EAGAIN;
	uint8_t byte;

	dial("carol", key, "NORMAL:-VERS-ALL:+VERS-TLS1.2" KEYED);
	is(shake(&theirs), 0, "a session to be renegotiated begins");
	is(gnutls_handshake(client), GNUTLS_E_AGAIN, "the client asks for a renegotiation");
	for (int i = 0; i < ROUNDS && ret == -EAGAIN; i++)
		ret = (int)tls_session_recv(server, &byte, 1);
	is(ret, -EPROTO, "the server refuses the renegotiation");
	ok(strstr(tls_session_why(server), "renegotiation"), "the server says what it refused");
	hang_up();
}

static void test_refusals(void)
{
	int theirs;

	dial("carol", "ff0102030405060708090a0b0c0d0e0f", "NORMAL:-VERS-ALL:+VERS-TLS1.3" KEYED);
	ok(shake(&theirs) < 0 && theirs, "a client with a wrong key is refused by TLS 1.3");
	hang_up();
	dial("carol", "ff0102030405060708090a0b0c0d0e0f", "NORMAL:-VERS-ALL:+VERS-TLS1.2" KEYED);
	ok(shake(&theirs) < 0, "a client with a wrong key is refused by TLS 1.2");
	hang_up();
	dial("mallory", key, "NORMAL:-VERS-ALL:+VERS-TLS1.2" KEYED);
	ok(shake(&theirs) < 0, "a client with an unknown name is refused");
	hang_up();
	dial("carol", key, "NORMAL:-VERS-ALL:+VERS-TLS1.1:+VERS-TLS1.0" KEYED);
	is(shake(&theirs), -EPROTO, "a client of TLS 1.1 is refused");
	hang_up();
}

static void test_forgery(void)
{
	static const uint8_t forged[] = { 0x17, 3, 3, 0, 32, 1, 2, 3 };
	uint8_t byte, record[5 + 32] = { 0 };
	int theirs;

	dial("carol", key, "NORMAL:-VERS-ALL:+VERS-TLS1.3" KEYED);
	is(shake(&theirs), 0, "a session to be disturbed begins");
	memcpy(record, forged, sizeof(forged));
	is(write(fds[1], record, sizeof(record)), sizeof(record), "a forged record is sent");
	is(tls_session_recv(server, &byte, 1), -EPROTO, "a forged record is refused");
	is(tls_session_recv(server, &byte, 1), -EPROTO, "nothing is received after that");
	hang_up();
	dial("carol", key, "NORMAL:-VERS-ALL:+VERS-TLS1.3" KEYED);
	is(shake(&theirs), 0, "a session to be cut begins");
	shutdown(fds[1], SHUT_RDWR);
	is(tls_session_recv(server, &byte, 1), 0, "a client that closes without a word is an end");
	tls_session_bye(server);
	hang_up();
}

/* A session that began goes on with the old keys; the next one begins with the new ones. */
static void test_reload(void)
{
	char line[64];
	uint8_t byte;
	int theirs;

	dial("carol", key, "NORMAL:-VERS-ALL:+VERS-TLS1.3" KEYED);
	tls_credentials_put(credentials);
	load("dave:00ff");
	is(shake(&theirs), 0, "a handshake that began before keys were replaced is completed");
	is(gnutls_record_send(client, "a", 1), 1, "the client sends by that session");
	is(tls_session_recv(server, &byte, 1), 1, "the server receives by that session");
	hang_up();
	dial("carol", key, "NORMAL:-VERS-ALL:+VERS-TLS1.3" KEYED);
	ok(shake(&theirs) < 0, "a key that was taken away is refused in new sessions");
	hang_up();
	tls_credentials_put(credentials);
	snprintf(line, sizeof(line), "carol:%s\n", key);
	load(line);
}

int main(void)
{
	char line[64];

	snprintf(line, sizeof(line), "carol:%s\n", key);
	load(line);
	test_data("TLS1.3", "NORMAL:-VERS-ALL:+VERS-TLS1.3" KEYED);
	test_data("TLS1.2", "NORMAL:-VERS-ALL:+VERS-TLS1.2" KEYED);
	test_late_update();
	test_limits();
	test_messages();
	test_flood();
	test_renegotiation();
	test_refusals();
	test_forgery();
	test_reload();
	tls_credentials_put(credentials);
	return done_testing();
}
