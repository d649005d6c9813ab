// SPDX-License-Identifier: MIT
/*
 * The filter of peers: a program in the kernel that sees each packet which comes to a TCP socket of
 * arenad, and drops those that do not come from the address of a peer.
 *
 * It is a filter of sockets, and not one of a control group, for these reasons:
 *
 * - The kernel runs it for a SYN at the listening socket, before it has made anything for the
 *   connection.
 * - A connection inherits it from the listening socket, with its lock: whoever has the sockets, as
 *   a network process that is taken over has them, can neither take it off nor replace it.
 * - It is with the sockets whoever has made them, also those that systemd passes. A control group
 *   has only those that were made inside.
 * - It ends with the sockets, and not with arenad, and needs no control group that was delegated.
 *
 * Where the kernel runs it, the packet begins with the header of TCP, and that of IP lies before.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>
#include <stdbool.h>
#include <stddef.h>

#include "maps.h"

#define SECOND_NS	1000000000ULL

/* Others that change the same bucket at the same moment; each time at least one of them does. */
#define TRIES		16

/* Where the source of a packet is, and the flags of TCP. */
#define V4_SOURCE	12
#define V6_SOURCE	8
#define TCP_FLAGS	13
#define TCP_SYN		0x02
#define TCP_ACK		0x10

/* Bits before an IPv4 address in its form of IPv6, and bits of IPv6 that are one site. */
#define V4_AT		96
#define V6_SITE_BYTES	8

/* All of the packet. */
#define PASS		(-1)
#define DROP		0

struct trie {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, PEERS_NETWORKS_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	/* The compiler does not describe types that are named in here alone. */
	__uint(key_size, sizeof(struct peers_network));
	__uint(value_size, sizeof(__u32));
};

/* The trie of networks, each with its number of bits; another one takes its place as a whole. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__array(values, struct trie);
} arena_networks SEC(".maps");

/* By source: when the last connections are paid for, see is_over_rate(). */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, PEERS_BUCKETS_MAX);
	__type(key, struct peers_source);
	__type(value, __u64);
} arena_buckets SEC(".maps");

/* Dropped packets, by reason. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, PEERS_REASONS);
	__type(key, __u32);
	__type(value, __u64);
} arena_dropped SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, PEERS_REFUSED_MAX);
	__type(key, struct peers_source);
	__type(value, struct peers_refusals);
} arena_refused SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct peers_settings);
} arena_settings SEC(".maps");

/* Return: is it IPv4? */
static __always_inline bool is_v4(const struct peers_source *s)
{
	for (int i = 0; i < 10; i++)
		if (s->address[i])
			return false;
	return s->address[10] == 0xff && s->address[11] == 0xff;
}

/* An IPv6 packet cannot come from an IPv4 address. Return: has the packet a source? */
static __always_inline bool read_source(struct __sk_buff *skb, struct peers_source *s)
{
	__u8 version = 0;

	if (bpf_skb_load_bytes_relative(skb, 0, &version, 1, BPF_HDR_START_NET))
		return false;
	if (version >> 4 == 6)
		return !bpf_skb_load_bytes_relative(skb, V6_SOURCE, s->address, 16,
						    BPF_HDR_START_NET) && !is_v4(s);
	s->address[10] = 0xff;
	s->address[11] = 0xff;
	return version >> 4 == 4 &&
	       !bpf_skb_load_bytes_relative(skb, V4_SOURCE, s->address + V4_AT / 8, 4,
					    BPF_HDR_START_NET);
}

/* A short prefix of IPv6, such as ::/0, has no IPv4 addresses. */
static __always_inline bool is_peer(const struct peers_source *s)
{
	struct peers_network key = { .bits = 128, .source = *s };
	__u32 zero = 0, *bits;
	void *trie = bpf_map_lookup_elem(&arena_networks, &zero);

	bits = trie ? bpf_map_lookup_elem(trie, &key) : NULL;
	return bits && (*bits >= V4_AT || !is_v4(s));
}

/* Does the packet ask for a new connection? A repeated SYN does, too. */
static __always_inline bool begins_connection(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk;
	__u8 flags = 0;

	return sk && sk->state == BPF_TCP_LISTEN &&
	       !bpf_skb_load_bytes(skb, TCP_FLAGS, &flags, 1) &&
	       (flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
}

/*
 * Each connection costs a source the time of one at this rate, and a source may be in debt for a
 * second: so it may begin as many at once as it may begin in a second. The bucket has the time at
 * which it is out of debt.
 */
static __always_inline bool is_over_rate(const struct peers_source *source, __u32 rate)
{
	__u64 now = bpf_ktime_get_ns(), cost = SECOND_NS / rate, first = now + cost, *bucket;
	struct peers_source key = *source;

	/* Who has one address of IPv6 has a whole site of them, mostly. */
	if (!is_v4(source))
		__builtin_memset(key.address + V6_SITE_BYTES, 0, sizeof(key) - V6_SITE_BYTES);
	bucket = bpf_map_lookup_elem(&arena_buckets, &key);
	if (!bucket && !bpf_map_update_elem(&arena_buckets, &key, &first, BPF_NOEXIST))
		return false;
	if (!bucket)
		bucket = bpf_map_lookup_elem(&arena_buckets, &key);
	for (int i = 0; bucket && i < TRIES; i++) {
		__u64 before = *(volatile __u64 *)bucket, from = before > now ? before : now;

		if (from - now > SECOND_NS - cost)
			return true;
		if (__sync_val_compare_and_swap(bucket, before, from + cost) == before)
			return false;
	}
	return true;
}

static __always_inline void note_refused(const struct peers_source *source, __u32 reason)
{
	struct peers_refusals *known = bpf_map_lookup_elem(&arena_refused, source);
	struct peers_refusals now = {
		.packets = 1, .last_ns = bpf_ktime_get_boot_ns(), .reason = reason,
	};

	if (!known) {
		bpf_map_update_elem(&arena_refused, source, &now, BPF_NOEXIST);
		return;
	}
	__sync_fetch_and_add(&known->packets, 1);
	known->last_ns = now.last_ns;
	known->reason = reason;
}

static __always_inline int drop(const struct peers_source *source, __u32 reason)
{
	__u64 *dropped = bpf_map_lookup_elem(&arena_dropped, &reason);

	/* Of this CPU; but another context of it may be here, too. */
	if (dropped)
		__sync_fetch_and_add(dropped, 1);
	if (source)
		note_refused(source, reason);
	return DROP;
}

SEC("socket")
int arena_peers(struct __sk_buff *skb)
{
	struct peers_source source = { 0 };
	struct peers_settings *settings;
	__u32 zero = 0, rate;

	if (!read_source(skb, &source))
		return drop(NULL, PEERS_STRANGER);
	if (!is_peer(&source))
		return drop(&source, PEERS_STRANGER);
	settings = bpf_map_lookup_elem(&arena_settings, &zero);
	rate = settings ? *(volatile __u32 *)&settings->rate : 0;
	if (rate && begins_connection(skb) && is_over_rate(&source, rate))
		return drop(&source, PEERS_RATE);
	return PASS;
}

char _license[] SEC("license") = "MIT";
