// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEALS	(F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

/* Messages of a process that has no files name the texts by what they are. */
static const char *const names[TLS_KINDS] = {
	[TLS_CERTIFICATE] = "certificate of the server",
	[TLS_KEY] = "key of the server",
	[TLS_AUTHORITY] = "certificate of the authority",
	[TLS_REVOKED] = "revoked certificates",
	[TLS_PSK] = "pre-shared keys",
};

static int write_all(int fd, const void *data, size_t size)
{
	const char *at = data;

	while (size) {
		ssize_t n = write(fd, at, size);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n <= 0)
			continue;
		at += n;
		size -= (size_t)n;
	}
	return 0;
}

static int write_bundle(int fd, const struct tls_texts *t)
{
	struct tls_bundle head = { .magic = TLS_BUNDLE_MAGIC };
	int ret;

	for (int kind = 0; kind < TLS_KINDS; kind++)
		head.size[kind] = (uint32_t)t->size[kind];
	ret = write_all(fd, &head, sizeof(head));
	for (int kind = 0; kind < TLS_KINDS && !ret; kind++)
		ret = write_all(fd, t->data[kind], t->size[kind]);
	if (!ret && fcntl(fd, F_ADD_SEALS, SEALS))
		ret = -errno;
	return ret;
}

int tls_bundle_make(const struct tls_texts *t)
{
	int fd = memfd_create("tls", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int ret = fd < 0 ? -errno : write_bundle(fd, t);

	if (!ret)
		return fd;
	if (fd >= 0)
		close(fd);
	return ret;
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

static int read_all(int fd, uint8_t *data, size_t size)
{
	for (size_t n = 0; n < size;) {
		ssize_t ret = pread(fd, data + n, size - n, (off_t)n);

		if (ret <= 0)
			return ret ? -errno : -EPROTO;
		n += (size_t)ret;
	}
	return 0;
}

/* It is read and not mapped: a process in its sandbox maps no files. */
int tls_bundle_read(int fd, struct tls_texts *t)
{
	int seals = fcntl(fd, F_GET_SEALS), ret;
	struct stat st;
	uint8_t *data;

	*t = (struct tls_texts){ .data = { NULL } };
	if (seals < 0 || (seals & SEALS) != SEALS || fstat(fd, &st) || st.st_size <= 0 ||
	    st.st_size > (off_t)TLS_BUNDLE_MAX)
		return -EPROTO;
	data = malloc((size_t)st.st_size);
	if (!data)
		return -ENOMEM;
	ret = read_all(fd, data, (size_t)st.st_size);
	if (!ret)
		ret = tls_bundle_parse(data, (size_t)st.st_size, t);
	explicit_bzero(data, (size_t)st.st_size);
	free(data);
	return ret;
}
