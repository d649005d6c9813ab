// SPDX-License-Identifier: MIT
/*
 * Goal: the texts of TLS come out of a bundle as they were put in, nobody can change a bundle, and
 * nothing else is taken for one.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <tls/bundle.h>
#include <unistd.h>

#include "tap.h"

static const struct tls_texts texts = {
	.data = { [TLS_CERTIFICATE] = (char *)"certificate", [TLS_PSK] = (char *)"a:00\n" },
	.size = { [TLS_CERTIFICATE] = 11, [TLS_PSK] = 5 },
};

static void test_whole(void)
{
	int fd = tls_bundle_make(&texts);
	struct tls_texts t;

	ok(fd >= 0, "a bundle is made");
	ok(write(fd, "x", 1) < 0 && ftruncate(fd, 0) && ftruncate(fd, 100),
	   "a bundle cannot be written, cut or lengthened");
	is(tls_bundle_read(fd, &t), 0, "a bundle is read");
	ok(t.size[TLS_CERTIFICATE] == 11 && !strcmp(t.data[TLS_CERTIFICATE], "certificate"),
	   "the certificate is as it was");
	ok(t.size[TLS_PSK] == 5 && !strcmp(t.data[TLS_PSK], "a:00\n"), "the keys are as they were");
	ok(!t.data[TLS_KEY] && !t.data[TLS_AUTHORITY] && !t.data[TLS_REVOKED],
	   "texts that were not there are not there");
	ok(t.name[TLS_CERTIFICATE] && t.name[TLS_PSK], "each text has a name for messages");
	tls_texts_free(&t);
	is(tls_bundle_read(fd, &t), 0, "it is read a second time");
	tls_texts_free(&t);
	close(fd);
}

static void refused(const void *data, size_t size, const char *what)
{
	struct tls_texts t;

	is(tls_bundle_parse(data, size, &t), -EPROTO, "%s is refused", what);
	ok(!t.data[TLS_CERTIFICATE], "no text is taken from %s", what);
}

static void test_refusals(void)
{
	struct { struct tls_bundle head; uint8_t bytes[8]; } b = {
		.head = { .magic = TLS_BUNDLE_MAGIC, .size = { [TLS_PSK] = 8 } },
	};
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	struct tls_texts t;

	is(tls_bundle_parse((const uint8_t *)&b, sizeof(b), &t), 0, "a bundle by hand is taken");
	tls_texts_free(&t);
	refused(&b, 0, "nothing");
	refused(&b, sizeof(b.head) - 1, "a head that is cut");
	refused(&b, sizeof(b) - 1, "a text that is cut");
	b.head.size[TLS_PSK] = 7;
	refused(&b, sizeof(b), "a byte that belongs to no text");
	b.head.size[TLS_PSK] = UINT32_MAX;
	b.head.size[TLS_KEY] = 9;
	refused(&b, sizeof(b), "a sum of sizes that wraps");
	b.head = (struct tls_bundle){ .magic = 1, .size = { 8 } };
	refused(&b, sizeof(b), "another kind of file");
	is(tls_bundle_read(fd, &t), -EPROTO, "a memfd that is not sealed is refused");
	fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
	is(tls_bundle_read(fd, &t), -EPROTO, "an empty memfd is refused");
	close(fd);
	is(tls_bundle_read(-1, &t), -EPROTO, "no descriptor is refused");
}

int main(void)
{
	test_whole();
	test_refusals();
	return done_testing();
}
