/* SPDX-License-Identifier: MIT */
/*
 * What the filter of peers and arenad share: the keys and values of maps. A filter outlives the
 * arenad that has loaded it, so whoever changes anything here, or in the maps of filter.bpf.c,
 * changes PEERS_VERSION, and STATE_VERSION of arenad. This header must not include anything that a
 * BPF program cannot.
 */
#ifndef PEERS_MAPS_H
#define PEERS_MAPS_H

#include <linux/types.h>

#define PEERS_VERSION		1U

/* Networks of peers. */
#define PEERS_NETWORKS_MAX	4096U

/* Sources of which it is known when they may connect again; the oldest ones are forgotten. */
#define PEERS_BUCKETS_MAX	16384U

/* Sources of which it is known that they were refused; the oldest ones are forgotten. */
#define PEERS_REFUSED_MAX	256U

/* Listening sockets that one arenad has got from others. */
#define PEERS_SOCKETS_MAX	8U

/**
 * enum peers_reason - why a packet is dropped
 * @PEERS_STRANGER: its source is not the address of a peer
 * @PEERS_RATE: its source begins more connections in a second than a peer may
 * @PEERS_REASONS: how many reasons there are
 */
enum peers_reason {
	PEERS_STRANGER,
	PEERS_RATE,
	PEERS_REASONS,
};

/**
 * struct peers_source - an address; one of IPv4 has its form of IPv6
 * @address: its bytes
 */
struct peers_source {
	__u8 address[16];
};

/**
 * struct peers_network - key of the trie of networks
 * @bits: how many bits count
 * @source: the address
 */
struct peers_network {
	__u32 bits;
	struct peers_source source;
};

/**
 * struct peers_settings - what the filter has to do
 * @version: PEERS_VERSION
 * @rate: new connections that a source may begin in a second; 0 for any number
 * @socket: cookies of the sockets (SO_COOKIE) that an arenad has got from others, and has locked
 *	the filter to; only arenad reads them
 */
struct peers_settings {
	__u32 version;
	__u32 rate;
	__u64 socket[PEERS_SOCKETS_MAX];
};

/**
 * struct peers_refusals - what was refused of a source
 * @packets: how many packets
 * @last_ns: when the last one came, by CLOCK_BOOTTIME
 * @reason: why that one was dropped, enum peers_reason
 * @pad: 0
 */
struct peers_refusals {
	__u64 packets;
	__u64 last_ns;
	__u32 reason;
	__u32 pad;
};

#endif /* PEERS_MAPS_H */
