/* SPDX-License-Identifier: MIT */
/*
 * Networks as users write them:
 *
 *	10.0.0.0/8		an IPv4 network
 *	2001:db8::/32		an IPv6 network
 *	192.0.2.7		one address
 *
 * The functions are pure. This header must not know what a network is used for.
 */
#ifndef COMMON_NETWORK_H
#define COMMON_NETWORK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/* Bits before an IPv4 address in its form of IPv6. */
#define NETWORK_V4_AT		96U

/* Bits of an address. */
#define NETWORK_BITS		128U

/* Bytes of the longest text, with its NUL: an IPv6 address, a slash and three digits. */
#define NETWORK_TEXT_SIZE	50U

/**
 * struct network - addresses that begin alike
 * @address: their first bits, the others are 0. IPv4 addresses have the form of IPv6
 * @bits: how many bits they have in common
 */
struct network {
	uint8_t address[16];
	unsigned int bits;
};

/**
 * network_parse() - read a network
 * @text: the text
 * @out: filled
 * @behind: set to the bits of the prefix as the text has them
 *
 * Return: 0; -EINVAL if it is none; -ERANGE if it has bits set behind the first @behind.
 */
int network_parse(const char *text, struct network *out, unsigned int *behind);

/** network_format() - write a network as a text of at most NETWORK_TEXT_SIZE bytes */
void network_format(const struct network *n, char text[NETWORK_TEXT_SIZE]);

/** network_is_same() - are these the same addresses? */
bool network_is_same(const struct network *a, const struct network *b);

/**
 * network_has() - is an address of a socket in the network?
 *
 * A short prefix of IPv6, such as ::/0, has no IPv4 addresses.
 */
bool network_has(const struct network *n, const struct sockaddr_storage *address);

#endif /* COMMON_NETWORK_H */
