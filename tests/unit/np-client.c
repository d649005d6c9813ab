// SPDX-License-Identifier: MIT
/*
 * Goal: arena-np counts the connections of each client, and tells clients apart by what a client
 * cannot choose freely.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <np/client.h>
#include <string.h>

#include "tap.h"

static struct client_key key_of(const char *address, unsigned int scope)
{
	struct sockaddr_storage s = { .ss_family = strchr(address, ':') ? AF_INET6 : AF_INET };
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&s;
	struct sockaddr_in *v4 = (struct sockaddr_in *)&s;

	v6->sin6_port = htons(1234);
	inet_pton(s.ss_family, address, s.ss_family == AF_INET ? (void *)&v4->sin_addr :
		  (void *)&v6->sin6_addr);
	if (s.ss_family == AF_INET6)
		v6->sin6_scope_id = scope;
	return client_key_make(&s, 0);
}

static bool are_one(struct client_key a, struct client_key b)
{
	return a.kind == b.kind && a.part == b.part && a.scope == b.scope;
}

static void test_keys(void)
{
	struct sockaddr_storage un = { .ss_family = AF_UNIX };

	ok(!are_one(key_of("1.2.3.4", 0), key_of("1.2.3.5", 0)),
	   "two IPv4 addresses are two clients");
	ok(are_one(key_of("1.2.3.4", 0), key_of("::ffff:1.2.3.4", 0)),
	   "an IPv4 address is the same client on a socket of IPv6");
	ok(are_one(key_of("2001:db8::1", 0), key_of("2001:db8::ffff:2", 0)),
	   "two addresses of a 64-bit network are one client");
	ok(!are_one(key_of("2001:db8::1", 0), key_of("2001:db8:0:1::1", 0)),
	   "two 64-bit networks are two clients");
	ok(!are_one(key_of("fe80::1", 1), key_of("fe80::2", 1)),
	   "two link-local addresses are two clients");
	ok(!are_one(key_of("fe80::1", 1), key_of("fe80::1", 2)),
	   "a link-local address on two interfaces is two clients");
	ok(are_one(client_key_make(&un, 5), client_key_make(&un, 5)) &&
	   !are_one(client_key_make(&un, 5), client_key_make(&un, 6)),
	   "each user of a UNIX socket is one client");
	ok(!are_one(client_key_make(&un, 0), key_of("0.0.0.0", 0)),
	   "user 0 and address 0 are two clients");
}

static void test_counts(void)
{
	const struct client_key a = key_of("1.1.1.1", 0), b = key_of("2.2.2.2", 0);
	static struct client_table t;
	struct client *first, *second, *other;

	client_table_init(&t, 2);
	ok(!client_get(&t, &a, &first) && !client_get(&t, &a, &second) && first == second,
	   "a client gets as many connections as it may have");
	is(client_get(&t, &a, &other), -EDQUOT, "a client gets no connection more");
	ok(!client_get(&t, &b, &other) && other != first, "another client gets a connection");
	client_put(first);
	ok(!client_get(&t, &a, &first), "a client gets a connection when one of its own has ended");
	client_put(first);
	client_put(second);
	client_put(other);
	ok(!client_get(&t, &a, &first) && first->n == 1,
	   "a client whose connections have all ended begins anew");
	client_put(first);
}

static void test_many(void)
{
	static struct client *client[4000];
	static struct client_table t;
	unsigned int good = 0;

	client_table_init(&t, 1);
	for (uint32_t i = 0; i < 4000; i++) {
		const struct client_key key = { .kind = CLIENT_V4, .part = htonl(i) };

		good += !client_get(&t, &key, &client[i]);
	}
	is(good, 4000, "4000 clients get a connection each");
	for (uint32_t i = 0; i < 4000; i++)
		client_put(client[i]);
}

int main(void)
{
	test_keys();
	test_counts();
	test_many();
	return done_testing();
}
