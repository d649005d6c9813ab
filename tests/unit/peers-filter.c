// SPDX-License-Identifier: MIT
/*
 * Goal: the filter of peers lets the packets of peers pass and no others, as network_has() says it;
 * options of peers are read as documented; and networks are written as they were read.
 * Method: tables; and the program in the kernel gets packets with addresses near the ends of
 * networks, and random ones, by BPF_PROG_TEST_RUN. native/test-peers has sockets.
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <peers/filter.h>
#include <peers/options.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tap.h"

#define RANDOM_PACKETS	20000

static struct network network(const char *text)
{
	struct network n;
	unsigned int bits;

	if (network_parse(text, &n, &bits))
		bail("%s is no network", text);
	return n;
}

static void test_texts(void)
{
	static const struct {
		const char *text, *written;
	} good[] = {
		{ "10.0.0.0/8", "10.0.0.0/8" },
		{ "192.0.2.7", "192.0.2.7" },
		{ "192.0.2.7/32", "192.0.2.7" },
		{ "0.0.0.0/0", "0.0.0.0/0" },
		{ "::/0", "::/0" },
		{ "2001:db8::/32", "2001:db8::/32" },
		{ "2001:DB8:0::1", "2001:db8::1" },
		{ "::ffff:10.0.0.0/104", "10.0.0.0/8" },
		{ "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/127",
		  "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/127" },
	};
	static const struct {
		const char *text;
		int ret;
	} bad[] = {
		{ "", -EINVAL }, { "nonsense", -EINVAL }, { "10.0.0.0/33", -EINVAL },
		{ "10.0.0.0/", -EINVAL }, { "10.0.0/8", -EINVAL }, { "::/129", -EINVAL },
		{ "10.0.0.0/-1", -EINVAL }, { "unix", -EINVAL }, { "fe80::1%lo", -EINVAL },
		{ "10.0.0.1/8", -ERANGE }, { "2001:db8::1/64", -ERANGE },
	};
	char text[NETWORK_TEXT_SIZE];
	unsigned int bits;
	struct network n;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		n = network(good[i].text);
		network_format(&n, text);
		ok(!strcmp(text, good[i].written), "%s is written as %s", good[i].text,
		   good[i].written);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		is(network_parse(bad[i].text, &n, &bits), bad[i].ret, "'%s' is refused",
		   bad[i].text);
}

static void test_lists(void)
{
	static struct network list[PEERS_NETWORKS_MAX];
	struct option_error error;
	unsigned int n = 0;
	char text[32];

	is(peers_take(list, &n, "10.0.0.0/8", &error), 0, "a network is taken");
	is(peers_take(list, &n, "10.0.0.0/9", &error), 0, "a part of it is another one");
	is(peers_take(list, &n, "::ffff:10.0.0.0/104", &error), -EINVAL,
	   "the same one is refused, however it is written");
	is(n, 2, "there are two");
	is(peers_drop(list, &n, "10.0.0.0/10", &error), -EINVAL, "one that is not there stays out");
	is(peers_drop(list, &n, "10.0.0.0/8", &error), 0, "one that is there is dropped");
	ok(n == 1 && list[0].bits == 96 + 9, "the other one stays");
	for (unsigned int i = 0; n < PEERS_NETWORKS_MAX; i++) {
		snprintf(text, sizeof(text), "192.168.%u.%u", i / 256, i % 256);
		if (peers_take(list, &n, text, &error))
			break;
	}
	is(n, PEERS_NETWORKS_MAX, "4096 are taken");
	is(peers_take(list, &n, "192.0.2.1", &error), -EINVAL, "one more is refused");
}

/*
 * The program in the kernel
 */

static struct sockaddr_storage address(const uint8_t bytes[16], bool is_v4)
{
	struct sockaddr_storage s = { .ss_family = is_v4 ? AF_INET : AF_INET6 };

	if (is_v4)
		memcpy(&((struct sockaddr_in *)&s)->sin_addr, bytes + 12, 4);
	else
		memcpy(&((struct sockaddr_in6 *)&s)->sin6_addr, bytes, 16);
	return s;
}

/* Does the filter let a packet from an address pass? */
static bool passes(const struct peers_filter *f, const uint8_t bytes[16], bool is_v4)
{
	struct {
		struct ethhdr link;
		union {
			struct iphdr v4;
			struct ipv6hdr v6;
		};
		uint8_t tcp[20];
	} __attribute__((packed)) packet = {
		.link.h_proto = htons(is_v4 ? ETH_P_IP : ETH_P_IPV6),
	};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = &packet, .data_size_in = sizeof(packet),
		    .repeat = 1);

	if (is_v4) {
		packet.v4.version = 4;
		packet.v4.ihl = 5;
		packet.v4.protocol = IPPROTO_TCP;
		memcpy(&packet.v4.saddr, bytes + 12, 4);
	} else {
		packet.v6.version = 6;
		packet.v6.nexthdr = IPPROTO_TCP;
		memcpy(&packet.v6.saddr, bytes, 16);
	}
	if (bpf_prog_test_run_opts(f->fd[PEERS_FD_PROGRAM], &opts))
		bail("cannot run the program: %s", strerror(errno));
	return opts.retval;
}

static bool may_pass(const struct network *list, unsigned int n, const uint8_t bytes[16],
		     bool is_v4)
{
	struct sockaddr_storage from = address(bytes, is_v4);

	for (unsigned int i = 0; i < n; i++)
		if (network_has(&list[i], &from))
			return true;
	return false;
}

static bool agrees(const struct peers_filter *f, const struct network *list, unsigned int n,
		   const uint8_t bytes[16], bool is_v4)
{
	bool may = may_pass(list, n, bytes, is_v4);

	if (passes(f, bytes, is_v4) == may)
		return true;
	diag("an address of IPv%d, of %s", is_v4 ? 4 : 6, may ? "a peer" : "a stranger");
	return false;
}

static bool is_v4(const uint8_t bytes[16])
{
	static const uint8_t prefix[12] = { [10] = 0xff, [11] = 0xff };

	return !memcmp(bytes, prefix, sizeof(prefix));
}

/* Addresses that differ from one of the network in one bit. */
static unsigned int count_wrong(const struct peers_filter *f, const struct network *list,
				unsigned int n, const struct network *one)
{
	unsigned int wrong = 0;

	for (unsigned int bit = 0; bit < NETWORK_BITS; bit++) {
		uint8_t bytes[16];

		memcpy(bytes, one->address, sizeof(bytes));
		bytes[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
		wrong += !agrees(f, list, n, bytes, is_v4(bytes));
	}
	return wrong;
}

static const char *const lists[] = {
	"", "0.0.0.0/0", "::/0", "0.0.0.0/0 ::/0", "10.0.0.0/8", "10.1.2.3",
	"10.0.0.0/8 10.1.0.0/16 10.1.2.3 192.0.2.0/31", "2001:db8::/32 2001:db8:0:1::/64 ::1",
	"::/1 8000::/1 10.0.0.0/9", "::fffe:0:0/95 203.0.113.0/24", "::/0 10.1.2.0/24",
};

static unsigned int take_list(const char *text, struct network *list)
{
	char copy[256];
	unsigned int n = 0;

	strcpy(copy, text);
	for (char *one = strtok(copy, " "); one; one = strtok(NULL, " "))
		list[n++] = network(one);
	return n;
}

static void test_list(const struct peers_filter *f, const char *text)
{
	struct network list[8];
	unsigned int n = take_list(text, list), wrong = 0;

	is(peers_filter_put(f, list, n, 0), 0, "the filter takes '%s'", text);
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		struct network other[8];
		unsigned int m = take_list(lists[i], other);

		for (unsigned int k = 0; k < m; k++)
			wrong += count_wrong(f, list, n, &other[k]);
	}
	for (int i = 0; i < RANDOM_PACKETS / 10; i++) {
		bool four = i % 2;
		uint8_t bytes[16] = { 0 };

		if (four)
			memset(bytes + 10, 0xff, 2);
		for (unsigned int k = four ? 12 : 0; k < 16; k++)
			bytes[k] = (uint8_t)(random() >> 8);
		/* Or nearly all would be strangers. */
		if (n && i % 3)
			memcpy(bytes, list[0].address, four ? 13 : 4);
		wrong += !agrees(f, list, n, bytes, is_v4(bytes));
	}
	is(wrong, 0, "it lets those pass that '%s' names, and no others", text);
}

/* An IPv6 packet that claims to come from an IPv4 address is none that can be answered. */
static void test_forged(const struct peers_filter *f)
{
	struct network all[2] = { network("0.0.0.0/0"), network("::/0") };

	peers_filter_put(f, all, 2, 0);
	ok(passes(f, all[0].address, true), "with all networks, an address of IPv4 passes");
	ok(!passes(f, all[0].address, false), "an address of IPv4 in a packet of IPv6 does not");
}

static void test_many(const struct peers_filter *f)
{
	static struct network list[PEERS_NETWORKS_MAX];
	unsigned int missing = 0;
	struct network other = network("172.16.0.0");

	for (unsigned int i = 0; i < PEERS_NETWORKS_MAX; i++) {
		list[i] = network("192.168.0.0");
		list[i].address[14] = (uint8_t)(i / 128);
		list[i].address[15] = (uint8_t)(i % 128 * 2);
	}
	is(peers_filter_put(f, list, PEERS_NETWORKS_MAX, 0), 0, "the filter takes 4096 networks");
	for (unsigned int i = 0; i < PEERS_NETWORKS_MAX; i++)
		missing += !passes(f, list[i].address, true);
	is(missing, 0, "all of them pass");
	ok(!passes(f, other.address, true), "another address does not");
	is(peers_filter_put(f, NULL, 0, 0), 0, "the filter takes none in their place");
	ok(!passes(f, list[0].address, true), "then nobody passes");
}

static void test_counts(const struct peers_filter *f)
{
	static struct peers_refused list[PEERS_REFUSED_MAX];
	uint64_t before[PEERS_REASONS], after[PEERS_REASONS];
	struct network one = network("198.51.100.1");
	int n;

	peers_filter_put(f, NULL, 0, 0);
	is(peers_filter_dropped(f, before), 0, "what was dropped can be asked");
	for (unsigned int i = 0; i < 1000; i++) {
		one.address[13] = (uint8_t)(i / 256);
		one.address[14] = (uint8_t)i;
		passes(f, one.address, true);
	}
	passes(f, one.address, true);
	peers_filter_dropped(f, after);
	is(after[PEERS_STRANGER] - before[PEERS_STRANGER], 1001, "each packet is counted");
	is(after[PEERS_RATE] - before[PEERS_RATE], 0, "none of them for the rate");
	n = peers_filter_refused(f, list);
	ok(n > 0 && n <= (int)PEERS_REFUSED_MAX, "of 1000 sources, 256 at most are known (%d)", n);
	ok(n > 0 && !memcmp(list[0].source.address, one.address, 16) && list[0].what.packets == 2,
	   "the last one is the first one of the list, with both of its packets");
	for (int i = 1; i < n; i++)
		if (list[i].what.last_ns > list[i - 1].what.last_ns)
			bail("the list is not in the order of the times");
}

static void test_sockets(const struct peers_filter *f)
{
	int tcp = socket(AF_INET, SOCK_STREAM, 0), local = socket(AF_UNIX, SOCK_STREAM, 0);
	struct peers_filter other, found;

	ok(peers_filter_fits(tcp) && !peers_filter_fits(local),
	   "it is for TCP, and not for AF_UNIX");
	ok(!peers_filter_locks(tcp), "a new socket has no filter");
	is(peers_filter_attach(f, tcp, true), 0, "a socket gets the filter");
	ok(peers_filter_locks(tcp), "it has it for ever");
	is(peers_filter_attach(f, tcp, true), 0, "to put it there again is no error");
	if (peers_filter_load(&other))
		bail("there is no second filter");
	is(peers_filter_attach(&other, tcp, true), -EEXIST, "another filter cannot be put there");
	peers_filter_close(&other);
	is(peers_filter_find(&found, tcp, &tcp, 1), 0, "the filter is found by the socket");
	is(peers_filter_put(&found, NULL, 0, 7), 0, "what was found can be steered");
	peers_filter_close(&found);
	is(peers_filter_find(&found, local, &local, 1), -ENOENT,
	   "by a socket without a filter none is found");
	close(tcp);
	close(local);
}

int main(void)
{
	struct peers_filter f;
	int ret;

	test_texts();
	test_lists();
	ret = peers_filter_load(&f);
	if (ret == -EPERM) {
		skip("THE FILTER IN THE KERNEL IS NOT TESTED: this process may not use BPF");
		return done_testing();
	}
	is(ret, 0, "the filter is loaded");
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		test_list(&f, lists[i]);
	test_forged(&f);
	test_many(&f);
	test_counts(&f);
	test_sockets(&f);
	peers_filter_close(&f);
	return done_testing();
}
