// SPDX-License-Identifier: MIT
#include "address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "parse.h"

static int parse_v4(const char *host, unsigned int port, struct address *out)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)&out->storage;

	if (inet_pton(AF_INET, host, &v4->sin_addr) != 1)
		return -EINVAL;
	v4->sin_family = AF_INET;
	v4->sin_port = htons((uint16_t)port);
	out->length = sizeof(*v4);
	return 0;
}

/* @host is in brackets, which are removed. */
static int parse_v6(char *host, unsigned int port, struct address *out)
{
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&out->storage;
	size_t length = strlen(host);

	if (length < 3 || host[0] != '[' || host[length - 1] != ']')
		return -EINVAL;
	host[length - 1] = '\0';
	if (inet_pton(AF_INET6, host + 1, &v6->sin6_addr) != 1)
		return -EINVAL;
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons((uint16_t)port);
	out->length = sizeof(*v6);
	return 0;
}

int address_parse(const char *text, struct address *out)
{
	const char *colon = strrchr(text, ':');
	char host[ADDRESS_TEXT_SIZE];
	unsigned int port;

	*out = (struct address){ .length = 0 };
	if (!colon || (size_t)(colon - text) >= sizeof(host))
		return -EINVAL;
	if (parse_u32(colon + 1, UINT16_MAX, &port))
		return -EINVAL;
	memcpy(host, text, (size_t)(colon - text));
	host[colon - text] = '\0';
	return parse_v4(host, port, out) ? parse_v6(host, port, out) : 0;
}

void address_format(const struct sockaddr_storage *storage, char *text, size_t size)
{
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)storage;
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)storage;
	char host[INET6_ADDRSTRLEN] = "?";

	if (storage->ss_family == AF_INET6) {
		inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof(host));
		snprintf(text, size, "[%s]:%u", host, ntohs(v6->sin6_port));
	} else {
		inet_ntop(AF_INET, &v4->sin_addr, host, sizeof(host));
		snprintf(text, size, "%s:%u", host, ntohs(v4->sin_port));
	}
}
