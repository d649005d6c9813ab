// SPDX-License-Identifier: MIT
#include "address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "parse.h"

#define UNIX_PREFIX	"unix:"
/* The address and the name of an interface, in brackets. */
#define HOST_SIZE	(INET6_ADDRSTRLEN + IF_NAMESIZE + sizeof("[%]"))

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

/* An interface is given by its name, or by its number as in getnameinfo(3). */
static int parse_scope(const char *text, uint32_t *scope)
{
	char name[IF_NAMESIZE];

	*scope = if_nametoindex(text);
	if (*scope)
		return 0;
	return parse_u32(text, INT32_MAX, scope) || !if_indextoname(*scope, name) ? -ENODEV : 0;
}

static void set_v6(struct address *out, unsigned int port)
{
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&out->storage;

	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons((uint16_t)port);
	out->length = sizeof(*v6);
}

/* @host is in brackets, which are removed. */
static int parse_v6(char *host, unsigned int port, struct address *out)
{
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&out->storage;
	size_t length = strlen(host);
	char *percent;
	int ret = 0;

	if (length < 3 || host[0] != '[' || host[length - 1] != ']')
		return -EINVAL;
	host[length - 1] = '\0';
	percent = strchr(host, '%');
	if (percent)
		*percent = '\0';
	if (inet_pton(AF_INET6, host + 1, &v6->sin6_addr) != 1)
		return -EINVAL;
	if (percent)
		ret = parse_scope(percent + 1, &v6->sin6_scope_id);
	else if (IN6_IS_ADDR_LINKLOCAL(&v6->sin6_addr))
		ret = -EDESTADDRREQ;
	set_v6(out, port);
	return ret;
}

static int parse_tcp(const char *text, struct address *out)
{
	const char *colon = strrchr(text, ':');
	char host[HOST_SIZE];
	unsigned int port;

	if (!colon || (size_t)(colon - text) >= sizeof(host))
		return -EINVAL;
	if (parse_u32(colon + 1, UINT16_MAX, &port))
		return -EINVAL;
	memcpy(host, text, (size_t)(colon - text));
	host[colon - text] = '\0';
	if (!strcmp(host, "*")) {
		/* The address :: is all zero. */
		out->is_dual = true;
		set_v6(out, port);
		return 0;
	}
	return parse_v4(host, port, out) ? parse_v6(host, port, out) : 0;
}

static int parse_unix(const char *path, struct address *out)
{
	struct sockaddr_un *un = (struct sockaddr_un *)&out->storage;
	size_t length = strlen(path);

	if (!length)
		return -EINVAL;
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)path[i] <= ' ' || path[i] == 0x7f)
			return -EINVAL;
	if (length >= sizeof(un->sun_path))
		return -ENAMETOOLONG;
	un->sun_family = AF_UNIX;
	memcpy(un->sun_path, path, length + 1);
	out->length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + 1);
	return 0;
}

int address_parse(const char *text, struct address *out)
{
	*out = (struct address){ .length = 0 };
	if (!strncmp(text, UNIX_PREFIX, strlen(UNIX_PREFIX)))
		return parse_unix(text + strlen(UNIX_PREFIX), out);
	return parse_tcp(text, out);
}

static void format_v4(const struct in_addr *address, uint16_t port, char *text, size_t size)
{
	char host[INET_ADDRSTRLEN] = "?";

	inet_ntop(AF_INET, address, host, sizeof(host));
	snprintf(text, size, "%s:%u", host, ntohs(port));
}

/* Names of interfaces by number, which stay when the process may not ask for them any more. */
static struct if_nameindex *address_interfaces;
static bool address_must_not_ask;

void address_keep_interfaces(void)
{
	address_interfaces = if_nameindex();
	address_must_not_ask = true;
}

static const char *interface_name(uint32_t index, char name[IF_NAMESIZE])
{
	const struct if_nameindex *i = address_interfaces;

	if (!address_must_not_ask)
		return if_indextoname(index, name);
	if (!i)
		return NULL;
	while (i->if_index && i->if_index != index)
		i++;
	return i->if_name;
}

static void format_v6(const struct sockaddr_in6 *v6, char *text, size_t size)
{
	char host[INET6_ADDRSTRLEN] = "?", name[IF_NAMESIZE], scope[IF_NAMESIZE + 16] = "";
	const char *interface = NULL;

	inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof(host));
	if (v6->sin6_scope_id)
		interface = interface_name(v6->sin6_scope_id, name);
	if (interface)
		snprintf(scope, sizeof(scope), "%%%s", interface);
	else if (v6->sin6_scope_id)
		snprintf(scope, sizeof(scope), "%%%u", v6->sin6_scope_id);
	snprintf(text, size, "[%s%s]:%u", host, scope, ntohs(v6->sin6_port));
}

static void format_unix(const struct sockaddr_un *un, socklen_t length, char *text, size_t size)
{
	size_t n = length > offsetof(struct sockaddr_un, sun_path) ?
		   length - offsetof(struct sockaddr_un, sun_path) : 0;

	if (n && !un->sun_path[0])
		snprintf(text, size, UNIX_PREFIX "@%.*s", (int)n - 1, un->sun_path + 1);
	else
		snprintf(text, size, UNIX_PREFIX "%.*s", (int)n, un->sun_path);
}

void address_format(const struct sockaddr_storage *storage, socklen_t length, char *text,
		    size_t size)
{
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)storage;
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)storage;
	struct in_addr mapped;

	if (storage->ss_family == AF_UNIX) {
		format_unix((const struct sockaddr_un *)storage, length, text, size);
	} else if (storage->ss_family != AF_INET6) {
		format_v4(&v4->sin_addr, v4->sin_port, text, size);
	} else if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
		memcpy(&mapped, v6->sin6_addr.s6_addr + 12, sizeof(mapped));
		format_v4(&mapped, v6->sin6_port, text, size);
	} else {
		format_v6(v6, text, size);
	}
}
