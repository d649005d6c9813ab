// SPDX-License-Identifier: MIT
#include "access.h"

#include <arpa/inet.h>
#include <common/parse.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

/* The characters of which names of types in distinguished names consist. */
#define TYPE_CHARS \
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-."

/* Bits before the IPv4 address in its form of IPv6. */
#define V4_AT	96U

static const uint8_t v4_prefix[12] = { [10] = 0xff, [11] = 0xff };

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
	for (unsigned int i = bits; i < 128; i++)
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
		return 32;
	}
	if (inet_pton(AF_INET6, text, &v6) != 1)
		return 0;
	memcpy(address, &v6, sizeof(v6));
	return 128;
}

static int take_network(struct access_network *n, const char *text, struct option_error *error)
{
	const char *slash = strchr(text, '/');
	int length = slash ? (int)(slash - text) : (int)strlen(text);
	char address[INET6_ADDRSTRLEN];
	unsigned int most = 0, bits;

	if (snprintf(address, sizeof(address), "%.*s", length, text) < (int)sizeof(address))
		most = take_address(address, n->address);
	bits = most;
	if (!most || (slash && parse_u32(slash + 1, most, &bits)))
		return option_refuse(error, "%s is none of NETWORK/BITS, ADDRESS, unix, x509:NAME, "
				     "psk:NAME", text);
	n->bits = bits + 128 - most;
	if (!ends_in_zeroes(n->address, n->bits))
		return option_refuse(error, "%s has bits set behind its first %u", text, bits);
	return 0;
}

static bool is_identity(const char *text)
{
	return !strncmp(text, "x509:", 5) || !strncmp(text, "psk:", 4);
}

/* Return: the comma or plus sign behind a value, or the end of the text. */
static const char *end_of_value(const char *text)
{
	for (; *text && *text != ',' && *text != '+'; text++)
		if (*text == '\\' && text[1])
			text++;
	return text;
}

/* A name that no certificate has, such as one with a blank behind a comma, is a mistake. */
static bool is_dn(const char *text)
{
	for (;;) {
		size_t n = strspn(text, TYPE_CHARS);

		if (!n || text[n] != '=')
			return false;
		text = end_of_value(text + n);
		if (!*text)
			return true;
		text++;
	}
}

static int check_identity(const char *text, struct option_error *error)
{
	if (!strchr(text, ':')[1])
		return option_refuse(error, "%s names nobody", text);
	if (*text == 'x' && !is_dn(text + strlen("x509:")))
		return option_refuse(error, "%s is no distinguished name as RFC 4514 writes it, "
				     "such as x509:CN=alice,O=Site", text);
	return 0;
}

int access_add(struct access *a, const char *text, struct option_error *error)
{
	struct access_rule rule = { .kind = ACCESS_NETWORK, .text = text };

	if (a->n == ACCESS_RULES_MAX)
		return option_refuse(error, "there are more than %u for one export",
				     ACCESS_RULES_MAX);
	if (is_identity(text)) {
		rule.kind = ACCESS_IDENTITY;
		if (check_identity(text, error))
			return -EINVAL;
	} else if (!strcmp(text, "unix")) {
		rule.kind = ACCESS_UNIX;
	} else if (take_network(&rule.network, text, error)) {
		return -EINVAL;
	}
	a->rule[a->n++] = rule;
	return 0;
}

/* Write the address of a client in the form of IPv6. Return: false if it has none. */
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

/* A short prefix of IPv6, such as ::/0, does not name IPv4 addresses. */
static bool names_address(const struct access_network *n, const struct sockaddr_storage *from)
{
	uint8_t address[16];

	if (!address_of(from, address) || (n->bits < V4_AT && is_v4(address)))
		return false;
	return begins_alike(address, n->address, n->bits);
}

static bool matches(const struct access_rule *r, const struct sockaddr_storage *from,
		    const char *identity)
{
	switch (r->kind) {
	case ACCESS_NETWORK:
		return names_address(&r->network, from);
	case ACCESS_UNIX:
		return from->ss_family == AF_UNIX;
	case ACCESS_IDENTITY:
		return !strcmp(r->text, identity);
	}
	return false;
}

enum access_answer access_check(const struct access *a, const struct sockaddr_storage *from,
				const char *identity)
{
	bool has_rule[2] = { false }, is_named[2] = { false };

	for (unsigned int i = 0; i < a->n; i++) {
		bool of_identity = a->rule[i].kind == ACCESS_IDENTITY;

		has_rule[of_identity] = true;
		is_named[of_identity] |= matches(&a->rule[i], from, identity);
	}
	if (has_rule[false] && !is_named[false])
		return ACCESS_OTHER_NETWORK;
	return has_rule[true] && !is_named[true] ? ACCESS_OTHER_IDENTITY : ACCESS_GRANTED;
}

const char *access_says_why(enum access_answer answer)
{
	switch (answer) {
	case ACCESS_GRANTED:
		return "it may use it";
	case ACCESS_OTHER_NETWORK:
		return "no rule names its address";
	case ACCESS_OTHER_IDENTITY:
		return "no rule names its identity";
	}
	return "?";
}
