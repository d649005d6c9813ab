// SPDX-License-Identifier: MIT
#include "access.h"

#include <errno.h>
#include <string.h>

/* The characters of which names of types in distinguished names consist. */
#define TYPE_CHARS \
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-."

static int take_network(struct network *n, const char *text, struct option_error *error)
{
	unsigned int bits;
	int ret = network_parse(text, n, &bits);

	if (ret == -ERANGE)
		return option_refuse(error, "%s has bits set behind its first %u", text, bits);
	return !ret ? 0 : option_refuse(error, "%s is none of NETWORK/BITS, ADDRESS, unix, "
					"x509:NAME, psk:NAME", text);
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

static bool matches(const struct access_rule *r, const struct sockaddr_storage *from,
		    const char *identity)
{
	switch (r->kind) {
	case ACCESS_NETWORK:
		return network_has(&r->network, from);
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
