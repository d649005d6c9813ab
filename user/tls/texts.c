// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "texts.h"

#include <common/log.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const names[TLS_KINDS] = {
	[TLS_CERTIFICATE] = "server-cert.pem",
	[TLS_KEY] = "server-key.pem",
	[TLS_AUTHORITY] = "ca-cert.pem",
	[TLS_REVOKED] = "ca-crl.pem",
};

/* Return: the path of a file, to be freed; NULL if there is no memory for it. */
static char *path_of(const struct tls_files *files, enum tls_kind kind)
{
	char *path;

	if (kind == TLS_PSK)
		return strdup(files->psk);
	return asprintf(&path, "%s/%s", files->folder, names[kind]) < 0 ? NULL : path;
}

/* Return: bytes read, which are @size only if the file is too long; or -errno. */
static ssize_t fill(int fd, char *data, size_t size)
{
	size_t n = 0;

	while (n < size) {
		ssize_t ret = read(fd, data + n, size - n);

		if (ret < 0 && errno == EINTR)
			continue;
		if (ret < 0)
			return -errno;
		if (!ret)
			break;
		n += (size_t)ret;
	}
	return (ssize_t)n;
}

/* A FIFO or a device could make the process wait for ever, so that they are refused. */
static int check_file(int fd, size_t *size)
{
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if (st.st_size > (off_t)TLS_TEXT_MAX)
		return -EFBIG;
	*size = (size_t)st.st_size;
	return 0;
}

/* The file may grow while it is read; one byte more than it had tells. */
static int read_open(int fd, char **data, size_t *size)
{
	ssize_t n;
	int ret = check_file(fd, size);

	if (ret)
		return ret;
	*data = malloc(*size + 1);
	if (!*data)
		return -ENOMEM;
	n = fill(fd, *data, *size + 1);
	if (n < 0)
		return (int)n;
	if ((size_t)n > *size)
		return -EAGAIN;
	*size = (size_t)n;
	(*data)[n] = '\0';
	return 0;
}

static int read_one(struct tls_texts *t, const struct tls_files *files, enum tls_kind kind)
{
	int ret, fd;

	t->name[kind] = path_of(files, kind);
	if (!t->name[kind])
		return -ENOMEM;
	fd = open(t->name[kind], O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 && errno == ENOENT && kind == TLS_REVOKED)
		return 0;
	ret = fd < 0 ? -errno : read_open(fd, &t->data[kind], &t->size[kind]);
	if (fd >= 0)
		close(fd);
	if (ret)
		log_error("TLS: cannot read %s: %s", t->name[kind],
			  ret == -EAGAIN ? "it is being written; try again" : log_reason(-ret));
	return ret;
}

static bool is_wanted(const struct tls_files *files, enum tls_kind kind)
{
	switch (kind) {
	case TLS_CERTIFICATE:
	case TLS_KEY:
		return files->folder;
	case TLS_AUTHORITY:
	case TLS_REVOKED:
		return files->folder && files->verifies_clients;
	case TLS_PSK:
		return files->psk;
	default:
		return false;
	}
}

int tls_texts_read(struct tls_texts *t, const struct tls_files *files)
{
	int ret = 0;

	*t = (struct tls_texts){ .data = { NULL } };
	for (int kind = 0; kind < TLS_KINDS && !ret; kind++)
		if (is_wanted(files, kind))
			ret = read_one(t, files, kind);
	if (ret)
		tls_texts_free(t);
	return ret;
}

void tls_texts_free(struct tls_texts *t)
{
	for (int kind = 0; kind < TLS_KINDS; kind++) {
		if (t->data[kind])
			explicit_bzero(t->data[kind], t->size[kind]);
		free(t->data[kind]);
		free(t->name[kind]);
	}
	*t = (struct tls_texts){ .data = { NULL } };
}
