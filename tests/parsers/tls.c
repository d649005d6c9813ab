// SPDX-License-Identifier: MIT
/*
 * Goal: a bundle of the texts of TLS, and the text of pre-shared keys, are taken whole or not at
 * all, and each key that was taken is found by its name.
 * Method: the first byte of the input chooses. A bundle that is taken has exactly the bytes of its
 * texts. Of keys, each line is looked for again, by a plain search for its colon.
 */
#include <tls/bundle.h>
#include <tls/keys.h>

#include "parser.h"

static void try_bundle(const uint8_t *data, size_t size)
{
	size_t sum = sizeof(struct tls_bundle);
	struct tls_texts t;

	if (tls_bundle_parse(data, size, &t)) {
		for (int kind = 0; kind < TLS_KINDS; kind++)
			must(!t.data[kind] && !t.name[kind]);
		return;
	}
	for (int kind = 0; kind < TLS_KINDS; kind++) {
		must(!t.data[kind] == !t.size[kind] && (!t.data[kind] || t.name[kind]));
		must(!t.data[kind] || !t.data[kind][t.size[kind]]);
		sum += t.size[kind];
	}
	must(sum == size);
	tls_texts_free(&t);
}

static void must_find(const struct tls_keys *keys, const char *line, size_t size)
{
	const char *colon = memchr(line, ':', size);
	size_t length, digits;

	must(colon);
	must(tls_keys_find(keys, line, (size_t)(colon - line), &length));
	digits = size - (size_t)(colon + 1 - line);
	if (line[size - 1] == '\r')
		digits--;
	must(2 * length == digits);
}

static void try_keys(const char *text, size_t size)
{
	const char *end = text + size;
	struct tls_keys *keys;
	unsigned int line;

	if (tls_keys_parse(text, size, &keys, &line))
		return;
	while (text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		const char *stop = newline ? newline : end;

		if (stop != text && !(stop == text + 1 && *text == '\r'))
			must_find(keys, text, (size_t)(stop - text));
		text = stop + 1;
	}
	tls_keys_free(keys);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	if (*data & 1)
		try_bundle(data + 1, size - 1);
	else
		try_keys((const char *)data + 1, size - 1);
	return 0;
}
