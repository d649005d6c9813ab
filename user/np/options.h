/* SPDX-License-Identifier: MIT */
/*
 * The command line of arena-np.
 */
#ifndef NP_OPTIONS_H
#define NP_OPTIONS_H

#include <arena/channel.h>
#include <common/log.h>
#include <exports/options.h>
#include <listen/options.h>
#include <proto/layout.h>
#include <proto/transport.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <tls/options.h>
#include <tls/texts.h>

#include "limits.h"
#include "nbd/negotiate.h"
#include "zerocopy.h"

/**
 * struct options - the command line, checked
 * @region: name of the region
 * @id: number of this NP in the region
 * @listen: where to accept connections
 * @exports: what clients can name, and may do; each has an SP
 * @sp: what the process has inherited of its channel to each SP
 * @ready_fd: where "READY ADDR:PORT..." is written when clients may come, or -1
 * @control_fd: the control socket
 * @handoff_fd: the socket to the process whose place this one takes, or -1
 * @layout_fd: the layout, as of arena_layout_seal()
 * @stats_fd: memory for statistics, as of stats_make(), or -1
 * @connections_max: how many connections are served at once
 * @client_connections_max: how many of them one client may have, 0 for no limit
 * @idle_seconds: how long a client may send no request, 0 for no limit
 * @handshake_seconds: how long the handshake may last
 * @stall_seconds: how long a transfer may make no progress
 * @hold_seconds: how long requests wait for the successor of an SP
 * @transport: what carries the messages
 * @wait: how the process waits
 * @zerocopy: number of bytes from which on it sends without a copy, or ZEROCOPY_NEVER
 * @tls: whether clients may or must begin TLS
 * @ktls: whether the kernel may seal and open records
 * @tls_key_bytes: what one key of TLS seals
 * @tls_files: what the server shows to clients in TLS
 * @is_verbose: log each connection
 * @log_format: what the lines of the log are
 * @sandbox: enum sandbox_mode
 */
struct options {
	const char *region;
	uint32_t id;
	struct listen_options listen;
	struct export_set exports;
	struct arena_channel_end sp[PROTO_MAX_SPS];
	int ready_fd;
	int control_fd;
	int handoff_fd;
	int layout_fd;
	int stats_fd;
	uint32_t connections_max;
	uint32_t client_connections_max;
	uint32_t idle_seconds;
	uint32_t handshake_seconds;
	uint32_t stall_seconds;
	uint32_t hold_seconds;
	enum proto_transport transport;
	enum arena_wait wait;
	uint32_t zerocopy;
	enum negotiation_tls tls;
	enum tls_kernel_use ktls;
	uint64_t tls_key_bytes;
	struct tls_files tls_files;
	bool is_verbose;
	enum log_format log_format;
	unsigned int sandbox;
};

/**
 * np_options_parse() - read the command line
 *
 * The call returns only if the process is to continue, see options_parse().
 */
void np_options_parse(struct options *o, int argc, char **argv);

#endif /* NP_OPTIONS_H */
