/* SPDX-License-Identifier: MIT */
/*
 * Addresses of stream sockets as users write them:
 *
 *	127.0.0.1:10809		IPv4
 *	[::1]:10809		IPv6 only
 *	[fe80::1%eth0]:10809	a link-local address, which needs its interface
 *	*:10809			every address of the machine, IPv4 and IPv6
 *	unix:/run/disk.sock	a UNIX socket
 *
 * They are numeric only, because a server must not listen elsewhere when a name resolves
 * differently. This header must not know what an address is used for.
 */
#ifndef COMMON_ADDRESS_H
#define COMMON_ADDRESS_H

#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

/* Bytes of the longest text, with its NUL: a UNIX socket's path is the longest one. */
#define ADDRESS_TEXT_SIZE	(sizeof("unix:") + sizeof(((struct sockaddr_un *)0)->sun_path))

/**
 * struct address - an address that can be bound
 * @storage: a struct sockaddr_in, sockaddr_in6 or sockaddr_un
 * @length: bytes of @storage that are used
 * @is_dual: an IPv6 address that stands for IPv4, too
 */
struct address {
	struct sockaddr_storage storage;
	socklen_t length;
	bool is_dual;
};

/**
 * address_parse() - read an address from a text
 * @text: the text
 * @out: filled, with a path as it stands
 *
 * A path has no blanks and no control characters, so that a list of addresses can be split.
 *
 * Return: 0; -EINVAL if it is no address; -ENODEV if it names an interface that does not exist;
 * -EDESTADDRREQ if it is a link-local address without an interface; -ENAMETOOLONG if the path does
 * not fit into a socket's address.
 */
int address_parse(const char *text, struct address *out);

/**
 * address_format() - write an address as a text of at most ADDRESS_TEXT_SIZE bytes
 * @storage: the address
 * @length: bytes of it; of a UNIX socket without a name, only the family is there
 * @text: filled
 * @size: bytes of @text
 *
 * An IPv4 address in the form of IPv6 is written as IPv4. An abstract UNIX socket is written with
 * an @ before its name.
 */
void address_format(const struct sockaddr_storage *storage, socklen_t length, char *text,
		    size_t size);

/**
 * address_keep_interfaces() - remember the names of all interfaces for address_format()
 *
 * It is for a process that may ask the kernel for no name later. An interface that comes then is
 * written by its number, and so are all where the kernel does not tell their names.
 */
void address_keep_interfaces(void);

#endif /* COMMON_ADDRESS_H */
