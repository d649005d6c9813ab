/* SPDX-License-Identifier: MIT */
/*
 * TCP addresses as users write them: 127.0.0.1:10809, [::1]:10809. They are numeric only,
 * because a server must not listen elsewhere when a name resolves differently. This header
 * must not know what an address is used for.
 */
#ifndef COMMON_ADDRESS_H
#define COMMON_ADDRESS_H

#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>

/* Bytes of the longest text, with its NUL. */
#define ADDRESS_TEXT_SIZE	(INET6_ADDRSTRLEN + sizeof("[]:65535"))

/**
 * struct address - an address and a port
 * @storage: a struct sockaddr_in or sockaddr_in6
 * @length: bytes of @storage that are used
 */
struct address {
	struct sockaddr_storage storage;
	socklen_t length;
};

/** address_parse() - read an address from a text; 0 or -EINVAL */
int address_parse(const char *text, struct address *out);

/** address_format() - write an address as a text of at most ADDRESS_TEXT_SIZE bytes */
void address_format(const struct sockaddr_storage *storage, char *text, size_t size);

#endif /* COMMON_ADDRESS_H */
