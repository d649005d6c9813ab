// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "bundle.h"

#include <common/sealed.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Messages of a process that has no files name the texts by what they are. */
static const char *const names[TLS_KINDS] = {
	[TLS_CERTIFICATE] = "certificate of the server",
	[TLS_KEY] = "key of the server",
	[TLS_AUTHORITY] = "certificate of the authority",
	[TLS_REVOKED] = "revoked certificates",
	[TLS_PSK] = "pre-shared keys",
};

int tls_bundle_make(const struct tls_texts *t)
{
	struct tls_bundle head = { .magic = TLS_BUNDLE_MAGIC };
	struct iovec part[1 + TLS_KINDS] = {
		{ .iov_base = &head, .iov_len = sizeof(head) },
	};

	for (int kind = 0; kind < TLS_KINDS; kind++) {
		head.size[kind] = (uint32_t)t->size[kind];
		part[1 + kind] = (struct iovec){
			.iov_base = t->data[kind], .iov_len = t->size[kind],
		};
	}
	return sealed_make("tls", part, 1 + TLS_KINDS);
}

static int take_text(struct tls_texts *t, int kind, const uint8_t *data, size_t size)
{
	t->name[kind] = strdup(names[kind]);
	t->data[kind] = malloc(size + 1);
	if (!t->name[kind] || !t->data[kind])
		return -ENOMEM;
	memcpy(t->data[kind], data, size);
	t->data[kind][size] = '\0';
	t->size[kind] = size;
	return 0;
}

static int take_texts(struct tls_texts *t, const struct tls_bundle *head, const uint8_t *data)
{
	int ret = 0;

	for (int kind = 0; kind < TLS_KINDS && !ret; kind++) {
		if (head->size[kind])
			ret = take_text(t, kind, data, head->size[kind]);
		data += head->size[kind];
	}
	return ret;
}

int tls_bundle_parse(const uint8_t *data, size_t size, struct tls_texts *t)
{
	struct tls_bundle head;
	size_t left = size - sizeof(head);
	int ret;

	*t = (struct tls_texts){ .data = { NULL } };
	if (size < sizeof(head))
		return -EPROTO;
	memcpy(&head, data, sizeof(head));
	for (int kind = 0; kind < TLS_KINDS; kind++) {
		if (head.size[kind] > TLS_TEXT_MAX || head.size[kind] > left)
			return -EPROTO;
		left -= head.size[kind];
	}
	if (left || head.magic != TLS_BUNDLE_MAGIC)
		return -EPROTO;
	ret = take_texts(t, &head, data + sizeof(head));
	if (ret)
		tls_texts_free(t);
	return ret;
}

int tls_bundle_read(int fd, struct tls_texts *t)
{
	size_t size;
	char *data;
	int ret = sealed_read(fd, TLS_BUNDLE_MAX, &data, &size);

	*t = (struct tls_texts){ .data = { NULL } };
	if (ret)
		return ret;
	ret = tls_bundle_parse((const uint8_t *)data, size, t);
	explicit_bzero(data, size);
	free(data);
	return ret;
}
