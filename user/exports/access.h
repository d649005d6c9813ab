/* SPDX-License-Identifier: MIT */
/*
 * Who may use an export: rules that name networks, and rules that name identities of TLS. A client
 * may use an export without rules. If there are rules of networks, one of them has to match, and if
 * there are rules of identities, one of these has to match, too.
 *
 *	10.0.0.0/8		an IPv4 network
 *	2001:db8::/32		an IPv6 network
 *	192.0.2.7		one address
 *	unix			whoever connects to a UNIX socket
 *	x509:CN=backup,O=Site	a client whose certificate has this distinguished name (RFC 4514)
 *	psk:backup		a client that has the pre-shared key of this name
 *
 * The functions are pure. This header must not know of exports, connections or TLS.
 */
#ifndef EXPORTS_ACCESS_H
#define EXPORTS_ACCESS_H

#include <common/network.h>
#include <common/options.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/* Rules of one export. */
#define ACCESS_RULES_MAX	16U

/**
 * enum access_kind - what a rule names
 * @ACCESS_NETWORK: addresses of IPv4 or IPv6
 * @ACCESS_UNIX: UNIX sockets
 * @ACCESS_IDENTITY: an identity of TLS
 */
enum access_kind {
	ACCESS_NETWORK,
	ACCESS_UNIX,
	ACCESS_IDENTITY,
};

/**
 * struct access_rule - a rule
 * @kind: what it names
 * @network: ACCESS_NETWORK: the addresses
 * @text: the rule as it was given, not copied; ACCESS_IDENTITY: the identity
 */
struct access_rule {
	enum access_kind kind;
	struct network network;
	const char *text;
};

/**
 * struct access - the rules of an export; all zero is an export without rules
 * @n: used entries of @rule
 * @rule: the rules, in any order
 */
struct access {
	unsigned int n;
	struct access_rule rule[ACCESS_RULES_MAX];
};

/**
 * enum access_answer - may a client use an export?
 * @ACCESS_GRANTED: it may
 * @ACCESS_OTHER_NETWORK: no rule names its address
 * @ACCESS_OTHER_IDENTITY: no rule names its identity
 */
enum access_answer {
	ACCESS_GRANTED,
	ACCESS_OTHER_NETWORK,
	ACCESS_OTHER_IDENTITY,
};

/**
 * access_add() - add a rule
 * @a: rules
 * @text: the rule, which has to outlive @a
 * @error: says what is wrong
 *
 * Return: 0, or what option_refuse() returns.
 */
int access_add(struct access *a, const char *text, struct option_error *error);

/**
 * access_check() - may a client use the export?
 * @a: rules
 * @from: address of the client, which may be an IPv4 address in the form of IPv6
 * @identity: "x509:DN", "psk:NAME" or, for a client without an identity, ""
 */
enum access_answer access_check(const struct access *a, const struct sockaddr_storage *from,
				const char *identity);

/** access_says_why() - why a client may not use the export, as it is logged */
const char *access_says_why(enum access_answer answer);

#endif /* EXPORTS_ACCESS_H */
