// SPDX-License-Identifier: MIT
/*
 * Goal: files of TLS are read whole or not at all, pre-shared keys are found by the names of
 * clients, and a file with a mistake is refused with the number of the line.
 * Method: the parser on texts, and the reader on files of a temporary folder.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <tls/keys.h>
#include <tls/texts.h>
#include <unistd.h>

#include "tap.h"

static const char *folder;

static bool has(const struct tls_keys *keys, const char *name, const char *key, size_t size)
{
	size_t length;
	const uint8_t *found = tls_keys_find(keys, name, strlen(name), &length);

	return found && length == size && !memcmp(found, key, size);
}

static void test_lookup(void)
{
	static const char text[] = "carol:0001\n\nbob:FFfe10\r\nal:aa\nalice:bb\nsome one:cc";
	struct tls_keys *keys;
	unsigned int line;
	size_t length;

	is(tls_keys_parse(text, strlen(text), &keys, &line), 0, "keys are taken from a text");
	ok(has(keys, "carol", "\0\1", 2), "the first key is found");
	ok(has(keys, "bob", "\xff\xfe\x10", 3), "a key before CR and LF is found");
	ok(has(keys, "al", "\xaa", 1), "a name that begins another one is found");
	ok(has(keys, "alice", "\xbb", 1), "a name that begins with another one is found");
	ok(has(keys, "some one", "\xcc", 1), "the key of the last line is found without its LF");
	ok(!tls_keys_find(keys, "caro", 4, &length), "a name that is cut is not found");
	ok(!tls_keys_find(keys, "", 0, &length), "an empty name is not found");
	ok(!tls_keys_find(keys, "carol\0x", 7, &length),
	   "a name that goes on after a zero byte is not found");
	ok(!tls_keys_find(keys, "zoe", 3, &length), "an unknown name is not found");
	tls_keys_free(keys);
}

static void refused(const char *text, size_t size, unsigned int at, const char *what)
{
	struct tls_keys *keys;
	unsigned int line;

	is(tls_keys_parse(text, size, &keys, &line), -EINVAL, "%s is refused", what);
	is(line, at, "%s is said to be in line %u", what, at);
}

static void test_refusals(void)
{
	static char long_name[TLS_KEY_NAME_MAX + 8], long_key[2 * TLS_KEY_MAX + 8];

	memset(long_name, 'n', sizeof(long_name));
	memcpy(long_name + TLS_KEY_NAME_MAX + 1, ":00", 3);
	memset(long_key, '0', sizeof(long_key));
	memcpy(long_key, "a:", 2);
#define REFUSED(text, at, what) refused(text, sizeof(text) - 1, at, what)
	REFUSED("", 0, "a text without a key");
	REFUSED("\n\r\n\n", 0, "a text of empty lines");
	REFUSED("a:00\nb\n", 2, "a line without a colon");
	REFUSED("a:00\n\n:00\n", 3, "a line without a name");
	REFUSED("a:\n", 1, "a line without a key");
	REFUSED("a:000\n", 1, "an odd number of digits");
	REFUSED("a:0g\n", 1, "a letter that is no digit");
	REFUSED("a:0:\n", 1, "a colon in the key");
	REFUSED("#61:00\n", 1, "a name in hexadecimal");
	REFUSED("a\0b:00\n", 1, "a zero byte in a name");
	REFUSED("a:00\nb:00\na:11\n", 3, "a second key of one client");
	refused(long_name, TLS_KEY_NAME_MAX + 4, 1, "a name that is too long");
	refused(long_key, 2 * TLS_KEY_MAX + 4, 1, "a key that is too long");
}

static void test_many(void)
{
	const size_t most = 16 * (TLS_KEYS_MAX + 1);
	char *text = malloc(most);
	struct tls_keys *keys;
	unsigned int line;
	size_t n = 0;

	if (!text)
		bail("no memory");
	for (unsigned int i = 0; i < TLS_KEYS_MAX; i++)
		n += (size_t)snprintf(text + n, most - n, "u%u:%04x\n", i, i & 0xffff);
	is(tls_keys_parse(text, n, &keys, &line), 0, "as many keys as there may be are taken");
	ok(has(keys, "u4660", "\x12\x34", 2), "one of many keys is found");
	tls_keys_free(keys);
	n += (size_t)snprintf(text + n, most - n, "more:00\n");
	is(tls_keys_parse(text, n, &keys, &line), -EINVAL, "one key more is refused");
	is(line, TLS_KEYS_MAX + 1, "the line of the key that is too much is told");
	free(text);
}

static const char *path_of(const char *name)
{
	static char path[2][80];
	static int which;

	which = !which;
	snprintf(path[which], sizeof(path[0]), "%s/%s", folder, name);
	return path[which];
}

static void put(const char *name, const char *text, off_t size)
{
	FILE *f = fopen(path_of(name), "w");

	if (!f || fputs(text, f) < 0 || fflush(f) || ftruncate(fileno(f), size))
		bail("no temporary file");
	fclose(f);
}

static void test_files(void)
{
	const struct tls_files psk = { .psk = path_of("keys") };
	struct tls_files pair = { .folder = folder };
	struct tls_texts t;

	is(tls_texts_read(&t, &psk), -ENOENT, "a file that does not exist is refused");
	put("keys", "a:00\n", 5);
	is(tls_texts_read(&t, &psk), 0, "a file of keys is read");
	ok(t.size[TLS_PSK] == 5 && !strcmp(t.data[TLS_PSK], "a:00\n"), "its text is as it was");
	tls_texts_free(&t);
	ok(!t.data[TLS_PSK], "no text is left when the texts are freed");
	put("keys", "", TLS_TEXT_MAX + 1);
	is(tls_texts_read(&t, &psk), -EFBIG, "a file that is too long is refused");
	unlink(path_of("keys"));
	mkfifo(path_of("keys"), 0600);
	is(tls_texts_read(&t, &psk), -EINVAL, "a FIFO is refused without waiting for a writer");
	put("server-cert.pem", "c", 1);
	is(tls_texts_read(&t, &pair), -ENOENT, "a certificate without its key is refused");
	put("server-key.pem", "k", 1);
	is(tls_texts_read(&t, &pair), 0, "certificate and key are enough if nobody is verified");
	tls_texts_free(&t);
	pair.verifies_clients = true;
	is(tls_texts_read(&t, &pair), -ENOENT, "an authority is needed to verify clients");
	put("ca-cert.pem", "a", 1);
	is(tls_texts_read(&t, &pair), 0, "a list of revoked certificates may be missing");
	ok(!t.data[TLS_REVOKED] && !strcmp(t.data[TLS_AUTHORITY], "a"), "its text is missing then");
	tls_texts_free(&t);
	put("ca-crl.pem", "r", 1);
	is(tls_texts_read(&t, &pair), 0, "a list of revoked certificates is read");
	ok(!strcmp(t.data[TLS_REVOKED], "r"), "its text is there");
	tls_texts_free(&t);
}

int main(void)
{
	static const char *const made[] = { "keys", "server-cert.pem", "server-key.pem",
					    "ca-cert.pem", "ca-crl.pem" };
	char template[] = "/tmp/tls-keys-XXXXXX";

	folder = mkdtemp(template);
	if (!folder)
		bail("no temporary folder");
	test_lookup();
	test_refusals();
	test_many();
	test_files();
	for (size_t i = 0; i < sizeof(made) / sizeof(made[0]); i++)
		unlink(path_of(made[i]));
	rmdir(folder);
	return done_testing();
}
