// SPDX-License-Identifier: MIT
/*
 * A client of NBD over TLS by GnuTLS, for what finished clients do not do: it changes its keys,
 * asks for a renegotiation, or sends what is no TLS. It does not look at the server's certificate.
 *
 *	nbd-tls HOST PORT EXPORT PRIORITY ACTION...
 *
 * PRIORITY is GnuTLS's, such as NORMAL:-VERS-ALL:+VERS-TLS1.2. The actions, in this order:
 *	read		read 1 MiB from the start of the export
 *	small		read 1 byte
 *	rekey		change the keys of this side
 *	rekey-both	change the keys, and ask the server to do the same
 *	rekey-late	the same while the server has more for this side than the socket takes
 *	rekey-within	change the keys shortly before the end of the payload of a write
 *	rekey-always	change the keys again and again
 *	much		read 100 MiB, during which the server changes its keys
 *	renegotiate	ask for a renegotiation
 *	plain		send a request without TLS
 *	refused		write 2 MiB to a read-only export and read 1 byte, in full records
 *	last		read 1 byte, say at once that nothing more is sent, and wait for the end
 *	wait		print "waits", and wait for a line
 *	ended		wait until the server says that the connection ends
 *	bye		say that nothing more is sent, and wait for the end
 *
 * Its exit status is 0 if the server has answered all of it, 3 if it has ended the connection
 * before, and 1 for anything else. It prints the version, cipher and the last alert that came.
 */
#include <gnutls/gnutls.h>
#include <netinet/tcp.h>
#include <signal.h>

#include "nbd-client.h"

#define READ_BYTES	MIB
#define LATE_READS	12
#define SHORT_BYTES	8
#define SHORT_ENDS	5
#define MANY_READS	100
#define MANY_CHANGES	100
#define REFUSED_BYTES	(2 * MIB)
#define ROUNDS_MAX	4
#define STATUS_ENDED	3

static gnutls_session_t session;
static gnutls_certificate_credentials_t credentials;
static int fd;

__attribute__((noreturn))
static void end(const char *what, ssize_t ret)
{
	printf("%s: %s, alert: %s\n", what, gnutls_strerror((int)ret),
	       gnutls_alert_get_name(gnutls_alert_get(session)) ?
	       gnutls_alert_get_name(gnutls_alert_get(session)) : "none");
	exit(STATUS_ENDED);
}

static void put(const void *data, size_t size)
{
	const uint8_t *at = data;

	while (size) {
		ssize_t n = gnutls_record_send(session, at, size);

		if (n == GNUTLS_E_INTERRUPTED || n == GNUTLS_E_AGAIN)
			continue;
		if (n <= 0)
			end("send", n);
		at += n;
		size -= (size_t)n;
	}
}

/* A record without data makes GnuTLS say "again", as a socket does whose patience is over. */
static void take(void *data, size_t size)
{
	uint8_t *at = data;
	int rounds = 0;

	while (size) {
		ssize_t n = gnutls_record_recv(session, at, size);

		if (n < 0 && !gnutls_error_is_fatal((int)n) && rounds++ < ROUNDS_MAX)
			continue;
		if (n <= 0)
			end("receive", n);
		at += n;
		size -= (size_t)n;
	}
}

static void put_be(uint8_t *to, uint64_t value, int bytes)
{
	for (int i = 0; i < bytes; i++)
		to[i] = (uint8_t)(value >> 8 * (bytes - 1 - i));
}

static uint32_t be32(const uint8_t *from)
{
	return (uint32_t)from[0] << 24 | from[1] << 16 | from[2] << 8 | from[3];
}

static size_t fill_option(uint8_t *to, uint32_t option, const void *data, uint32_t size)
{
	memcpy(to, "IHAVEOPT", 8);
	put_be(to + 8, option, 4);
	put_be(to + 12, size, 4);
	memcpy(to + 16, data, size);
	return 16 + size;
}

/* Until the server agrees to begin TLS. */
static void begin(void)
{
	uint8_t text[64];
	size_t n;

	fd = dial();
	if (fd < 0 || recv(fd, text, 18, MSG_WAITALL) != 18)
		bail("no server");
	put_be(text, 3, 4);
	n = 4 + fill_option(text + 4, 5, "", 0);
	if (send(fd, text, n, 0) != (ssize_t)n || recv(fd, text, 20, MSG_WAITALL) != 20 ||
	    be32(text + 12) != 1)
		bail("no STARTTLS");
}

static void secure(const char *priority)
{
	int ret;

	gnutls_certificate_allocate_credentials(&credentials);
	gnutls_init(&session, GNUTLS_CLIENT);
	ret = gnutls_priority_set_direct(session, priority, NULL);
	if (ret)
		bail("%s: %s", priority, gnutls_strerror(ret));
	gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, credentials);
	gnutls_transport_set_int(session, fd);
	do {
		ret = gnutls_handshake(session);
	} while (ret < 0 && !gnutls_error_is_fatal(ret));
	if (ret)
		end("handshake", ret);
	printf("%s %s\n", gnutls_protocol_get_name(gnutls_protocol_get_version(session)),
	       gnutls_cipher_get_name(gnutls_cipher_get(session)));
}

static void go(const char *name)
{
	uint8_t data[300], text[400], reply[20];
	uint32_t size = (uint32_t)strlen(name), length;

	put_be(data, size, 4);
	memcpy(data + 4, name, size);
	put_be(data + 4 + size, 0, 2);
	put(text, fill_option(text, 7, data, size + 6));
	do {
		take(reply, sizeof(reply));
		length = be32(reply + 16);
		if (length > sizeof(data) || be32(reply + 12) >> 31)
			bail("the export %s is refused", name);
		take(data, length);
	} while (be32(reply + 12) != 1);
}

static void fill_request(uint8_t request[28], uint16_t command, uint32_t length)
{
	memset(request, 0, 28);
	put_be(request, 0x25609513, 4);
	put_be(request + 6, command, 2);
	put_be(request + 24, length, 4);
}

static void fill_read(uint8_t request[28], uint32_t length)
{
	fill_request(request, 0, length);
}

static void ask_read(uint32_t length)
{
	uint8_t request[28];

	fill_read(request, length);
	put(request, sizeof(request));
}

static void take_read(void *data, uint32_t length)
{
	uint8_t reply[16];

	take(reply, sizeof(reply));
	if (be32(reply) != NBD_SIMPLE_REPLY_MAGIC)
		bail("READ: no reply, but %x", be32(reply));
	if (be32(reply + 4))
		bail("READ: error %u", be32(reply + 4));
	take(data, length);
}

static void read_some(uint32_t length)
{
	static uint8_t data[READ_BYTES];

	ask_read(length);
	take_read(data, length);
}

static void change_keys(unsigned int flags)
{
	int ret = gnutls_session_key_update(session, flags);

	if (ret)
		end("change of keys", ret);
}

/* The server has to finish a record that it has begun before it says that it changes its keys. */
static void rekey_late(void)
{
	static uint8_t first[READ_BYTES], data[READ_BYTES];
	int small = 1 << 16;

	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	for (int i = 0; i < LATE_READS; i++)
		ask_read(READ_BYTES);
	usleep(500000);
	change_keys(GNUTLS_KU_PEER);
	ask_read(READ_BYTES);
	usleep(200000);
	take_read(first, READ_BYTES);
	for (int i = 0; i < LATE_READS; i++) {
		take_read(data, READ_BYTES);
		if (memcmp(data, first, READ_BYTES) != 0)
			bail("READ: other data");
	}
}

/* The server has room for a few bytes only when the message comes. */
static void rekey_within(void)
{
	uint8_t data[28 + SHORT_BYTES], reply[16];

	ask_read(SHORT_BYTES);
	take_read(data + 28, SHORT_BYTES);
	fill_request(data, 1, SHORT_BYTES);
	for (size_t left = 1; left <= SHORT_ENDS; left++) {
		put(data, sizeof(data) - left);
		/* Until the server has nothing else to take. */
		usleep(100000);
		change_keys(0);
		put(data + sizeof(data) - left, left);
		take(reply, sizeof(reply));
		if (be32(reply + 4))
			bail("WRITE: error %u", be32(reply + 4));
	}
}

static unsigned int n_updates;

static int count_updates(gnutls_session_t s, unsigned int type, unsigned int when,
			 unsigned int is_incoming, const gnutls_datum_t *message)
{
	(void)s;
	(void)type;
	(void)when;
	(void)message;
	n_updates += is_incoming;
	return 0;
}

static void read_much(void)
{
	gnutls_handshake_set_hook_function(session, GNUTLS_HANDSHAKE_KEY_UPDATE, GNUTLS_HOOK_POST,
					   count_updates);
	for (int i = 0; i < MANY_READS; i++)
		read_some(READ_BYTES);
	printf("the server has changed its key %u times\n", n_updates);
	if (!n_updates)
		bail("the server has not changed its key");
}

/* The server answers a renegotiation with its end, or with an alert that it will not do it. */
static void renegotiate(void)
{
	int ret = gnutls_handshake(session);

	for (int i = 0; ret < 0 && !gnutls_error_is_fatal(ret) && i < ROUNDS_MAX; i++)
		ret = gnutls_handshake(session);
	if (ret)
		end("renegotiation", ret);
}

static void await_end(void)
{
	ssize_t ret;
	uint8_t byte;

	ret = gnutls_record_recv(session, &byte, 1);
	if (ret > 0)
		bail("data after the end");
	/* The socket's patience is over. */
	if (ret == GNUTLS_E_AGAIN)
		bail("the server does not end the connection");
}

/* The records begin and end anywhere in the payload. */
static void write_in_vain(void)
{
	static uint8_t all[28 + REFUSED_BYTES + 28];
	uint8_t reply[16], byte;

	fill_request(all, 1, REFUSED_BYTES);
	fill_read(all + 28 + REFUSED_BYTES, 1);
	put(all, sizeof(all));
	take(reply, sizeof(reply));
	if (be32(reply + 4) != 1)
		bail("WRITE: error %u", be32(reply + 4));
	take(reply, sizeof(reply));
	if (be32(reply + 4))
		bail("READ: error %u", be32(reply + 4));
	take(&byte, 1);
}

static void hold_back(int is_held)
{
	setsockopt(fd, IPPROTO_TCP, TCP_CORK, &is_held, sizeof(is_held));
}

/* The request and the end come in one segment. */
static void read_last(void)
{
	uint8_t request[28], reply[17];

	fill_read(request, 1);
	hold_back(1);
	put(request, sizeof(request));
	gnutls_bye(session, GNUTLS_SHUT_WR);
	hold_back(0);
	take(reply, sizeof(reply));
	await_end();
}

static void await_line(void)
{
	char line[16];

	printf("waits\n");
	fflush(stdout);
	if (!fgets(line, sizeof(line), stdin))
		bail("nobody says that it may go on");
}

/* An end without the alert that announces it is an error of GnuTLS. */
static void expect_end(void)
{
	uint8_t byte;
	ssize_t ret = gnutls_record_recv(session, &byte, 1);

	if (ret)
		bail("the connection does not end in good order: %s", gnutls_strerror((int)ret));
}

static void act(const char *what)
{
	uint8_t request[28];
	int ret = 0;

	if (!strcmp(what, "read")) {
		read_some(READ_BYTES);
	} else if (!strcmp(what, "small")) {
		read_some(1);
	} else if (!strcmp(what, "rekey")) {
		change_keys(0);
	} else if (!strcmp(what, "rekey-both")) {
		change_keys(GNUTLS_KU_PEER);
	} else if (!strcmp(what, "rekey-late")) {
		rekey_late();
	} else if (!strcmp(what, "rekey-within")) {
		rekey_within();
	} else if (!strcmp(what, "rekey-always")) {
		for (int i = 0; i < MANY_CHANGES; i++)
			change_keys(0);
	} else if (!strcmp(what, "much")) {
		read_much();
	} else if (!strcmp(what, "renegotiate")) {
		renegotiate();
	} else if (!strcmp(what, "plain")) {
		fill_read(request, 1);
		ret = send(fd, request, sizeof(request), 0) < 0;
	} else if (!strcmp(what, "bye")) {
		gnutls_bye(session, GNUTLS_SHUT_WR);
		await_end();
	} else if (!strcmp(what, "wait")) {
		await_line();
	} else if (!strcmp(what, "ended")) {
		expect_end();
	} else if (!strcmp(what, "refused")) {
		write_in_vain();
	} else if (!strcmp(what, "last")) {
		read_last();
	} else {
		bail("unknown action %s", what);
	}
	if (ret)
		end(what, ret);
}

int main(int argc, char **argv)
{
	if (argc < 5)
		bail("usage: nbd-tls HOST PORT EXPORT PRIORITY ACTION...");
	signal(SIGPIPE, SIG_IGN);
	host = argv[1];
	port = argv[2];
	begin();
	secure(argv[4]);
	go(argv[3]);
	for (int i = 5; i < argc; i++)
		act(argv[i]);
	gnutls_deinit(session);
	gnutls_certificate_free_credentials(credentials);
	close(fd);
	return 0;
}
