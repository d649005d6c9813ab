// SPDX-License-Identifier: MIT
#include "network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "parse.h"

static const uint8_t v4_prefix[NETWORK_V4_AT / 8] = { [10] = 0xff, [11] = 0xff };

static void set_v4(uint8_t address[16], const struct in_addr *v4)
{
	memcpy(address, v4_prefix, sizeof(v4_prefix));
	memcpy(address + sizeof(v4_prefix), v4, sizeof(*v4));
}

static bool is_v4(const uint8_t address[16])
{
	return !memcmp(address, v4_prefix, sizeof(v4_prefix));
}

/* Do the first @bits bits agree? */
static bool begins_alike(const uint8_t *a, const uint8_t *b, unsigned int bits)
{
	unsigned int bytes = bits / 8, rest = bits % 8;

	if (memcmp(a, b, bytes) != 0)
		return false;
	return !rest || !((a[bytes] ^ b[bytes]) >> (8 - rest));
}

/* Are all bits behind the first @bits 0? */
static bool ends_in_zeroes(const uint8_t address[16], unsigned int bits)
{
	for (unsigned int i = bits; i < NETWORK_BITS; i++)
		if (address[i / 8] >> (7 - i % 8) & 1)
			return false;
	return true;
}

/* Read the address. Return: how many bits a prefix of it may have, or 0 if it is no address. */
static unsigned int take_address(const char *text, uint8_t address[16])
{
	struct in6_addr v6;
	struct in_addr v4;

	if (inet_pton(AF_INET, text, &v4) == 1) {
		set_v4(address, &v4);
		return NETWORK_BITS - NETWORK_V4_AT;
	}
	if (inet_pton(AF_INET6, text, &v6) != 1)
		return 0;
	memcpy(address, &v6, sizeof(v6));
	return NETWORK_BITS;
}

int network_parse(const char *text, struct network *out, unsigned int *behind)
{
	const char *slash = strchr(text, '/');
	int length = slash ? (int)(slash - text) : (int)strlen(text);
	char address[INET6_ADDRSTRLEN];
	unsigned int most = 0;

	if (snprintf(address, sizeof(address), "%.*s", length, text) < (int)sizeof(address))
		most = take_address(address, out->address);
	*behind = most;
	if (!most || (slash && parse_u32(slash + 1, most, behind)))
		return -EINVAL;
	out->bits = *behind + NETWORK_BITS - most;
	return ends_in_zeroes(out->address, out->bits) ? 0 : -ERANGE;
}

void network_format(const struct network *n, char text[NETWORK_TEXT_SIZE])
{
	bool four = n->bits >= NETWORK_V4_AT && is_v4(n->address);
	char address[INET6_ADDRSTRLEN] = "?";

	inet_ntop(four ? AF_INET : AF_INET6, n->address + (four ? sizeof(v4_prefix) : 0), address,
		  sizeof(address));
	if (n->bits < NETWORK_BITS)
		snprintf(text, NETWORK_TEXT_SIZE, "%s/%u", address,
			 n->bits - (four ? NETWORK_V4_AT : 0));
	else
		snprintf(text, NETWORK_TEXT_SIZE, "%s", address);
}

bool network_is_same(const struct network *a, const struct network *b)
{
	return a->bits == b->bits && !memcmp(a->address, b->address, sizeof(a->address));
}

/* Write the address in the form of IPv6. Return: false if it has none. */
static bool address_of(const struct sockaddr_storage *from, uint8_t address[16])
{
	if (from->ss_family == AF_INET) {
		set_v4(address, &((const struct sockaddr_in *)from)->sin_addr);
		return true;
	}
	if (from->ss_family != AF_INET6)
		return false;
	memcpy(address, &((const struct sockaddr_in6 *)from)->sin6_addr, 16);
	return true;
}

bool network_has(const struct network *n, const struct sockaddr_storage *address)
{
	uint8_t bytes[16];

	if (!address_of(address, bytes) || (n->bits < NETWORK_V4_AT && is_v4(bytes)))
		return false;
	return begins_alike(bytes, n->address, n->bits);
}
