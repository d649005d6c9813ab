// SPDX-License-Identifier: MIT
#include "options.h"

#include <common/log_options.h>
#include <common/options.h>
#include <common/parse.h>
#include <errno.h>
#include <proto/inherit.h>
#include <sandbox/sandbox.h>
#include <string.h>
#include <tls/options.h>

/* Splits @text at its last equals sign. */
static int take_sp(void *values, char *text, struct option_error *error)
{
	char *equals = strrchr(text, '=');
	struct options *o = values;
	struct arena_channel_end end;

	if (!equals || proto_end_parse(equals + 1, &end))
		return option_refuse(error, "%.200s is not NAME=RING,MEMORY,PEER", text);
	*equals = '\0';
	if (*text ? export_set_add(&o->exports, text, error) : export_set_add_vacant(&o->exports))
		return -EINVAL;
	o->sp[o->exports.n - 1] = end;
	return 0;
}

static int take_ready_fd(void *values, char *text, struct option_error *error)
{
	return proto_fd_parse(&((struct options *)values)->ready_fd, text, error);
}

static int take_control_fd(void *values, char *text, struct option_error *error)
{
	return proto_fd_parse(&((struct options *)values)->control_fd, text, error);
}

static int take_handoff_fd(void *values, char *text, struct option_error *error)
{
	return proto_fd_parse(&((struct options *)values)->handoff_fd, text, error);
}

static int take_layout_fd(void *values, char *text, struct option_error *error)
{
	return proto_fd_parse(&((struct options *)values)->layout_fd, text, error);
}

static int take_stats_fd(void *values, char *text, struct option_error *error)
{
	return proto_fd_parse(&((struct options *)values)->stats_fd, text, error);
}

static int take_zerocopy(void *values, char *text, struct option_error *error)
{
	struct options *o = values;

	return zerocopy_parse(text, &o->zerocopy) ? 0 :
	       option_refuse(error, "%s is none of auto, never and a size", text);
}

#define FIELD(name) .field = offsetof(struct options, name)

static const struct option_rule rules[] = {
	{ .name = "region", .is_needed = true, .kind = OPTION_TEXT, FIELD(region),
	  .argument = "NAME", .help = "region shared with the storage processes" },
	{ .name = "id", .kind = OPTION_NUMBER, FIELD(id), .max = PROTO_MAX_NPS - 1,
	  .argument = "N",
	  .help = "which network process of the region this is (0)" },
	{ .name = "sp", .is_needed = true, .kind = OPTION_OTHER, .take = take_sp,
	  .argument = "NAME=RING,MEMORY,PEER",
	  .help = "export of a storage process, and descriptors of the channel to it: own mailbox, "
		  "its memory, mailbox of the storage process; may be repeated, in the order of "
		  "the storage processes' ids; without NAME there is no export yet" },
	{ .name = "control-fd", .is_needed = true, .kind = OPTION_OTHER, .take = take_control_fd,
	  .argument = "N",
	  .help = "the socket by which arenad says who the storage processes are, and hands over "
		  "the files of TLS" },
	{ .name = "layout-fd", .is_needed = true, .kind = OPTION_OTHER, .take = take_layout_fd,
	  .argument = "N", .help = "the layout of the region, in a sealed memfd" },
	{ .name = "stats-fd", .kind = OPTION_OTHER, .take = take_stats_fd, .argument = "N",
	  .help = "memory for the statistics of this process, in a sealed memfd, where arenad "
		  "reads them" },
	{ .name = "handoff-fd", .kind = OPTION_OTHER, .take = take_handoff_fd, .argument = "N",
	  .help = "take the place of the network process at the other end of this socket, which "
		  "hands over its connections" },
	{ .name = "ready-fd", .kind = OPTION_OTHER, .take = take_ready_fd, .argument = "N",
	  .help = "write \"READY ADDRESS...\" there when clients may come" },
	{ .name = "max-connections", .kind = OPTION_NUMBER, FIELD(connections_max),
	  .min = 1, .max = NP_CONNECTIONS_MAX, .argument = "N",
	  .help = "clients at once (256)" },
	{ .name = "max-connections-per-client", .kind = OPTION_NUMBER,
	  FIELD(client_connections_max), .max = NP_CONNECTIONS_MAX, .argument = "N",
	  .help = "connections that one address may have (0: no limit)" },
	{ .name = "idle-timeout", .kind = OPTION_NUMBER, FIELD(idle_seconds),
	  .max = TIMEOUT_SECONDS_MAX, .argument = "S",
	  .help = "end a client that asks nothing for S seconds (0: never)" },
	{ .name = "handshake-timeout", .kind = OPTION_NUMBER, FIELD(handshake_seconds),
	  .min = 1, .max = TIMEOUT_SECONDS_MAX, .argument = "S",
	  .help = "end a client whose handshake lasts S seconds (30)" },
	{ .name = "stall-timeout", .kind = OPTION_NUMBER, FIELD(stall_seconds),
	  .min = 1, .max = TIMEOUT_SECONDS_MAX, .argument = "S",
	  .help = "end a client whose data does not move for S seconds (60), or for 10 "
		  "where others wait for its buffers" },
	{ .name = "hold", .kind = OPTION_NUMBER, FIELD(hold_seconds), .max = TIMEOUT_SECONDS_MAX,
	  .argument = "S",
	  .help = "requests of a storage process that has ended wait S seconds for another one in "
		  "its place (30; 0: they fail at once)" },
	{ .name = "transport", .kind = OPTION_WORD, FIELD(transport),
	  .words = proto_transport_words, .argument = "WHAT",
	  .help = "what carries messages, hybrid or msg-ring; as the storage processes have "
		  "it (hybrid)" },
	{ .name = "wait", .kind = OPTION_WORD, FIELD(wait), .words = proto_wait_words,
	  .argument = "HOW",
	  .help = "sleep, or first look for a while (adapt), or look all the time, which takes "
		  "a processor (poll) (sleep)" },
	{ .name = "zerocopy-threshold", .kind = OPTION_OTHER, .take = take_zerocopy,
	  .argument = "SIZE",
	  .help = "send without a copy what has at least SIZE bytes; never; or, for each client, "
		  "what is large, if the kernel can (auto) (auto)" },
	{ .name = "tls", .kind = OPTION_WORD, FIELD(tls), .words = tls_words,
	  .argument = "WHEN",
	  .help = "off, or allow clients to encrypt, or require it (off)" },
	{ .name = "tls-certificates", .kind = OPTION_TEXT, FIELD(tls_files.folder),
	  .argument = "DIR",
	  .help = "folder with the certificate and the key of the server, and, to verify clients, "
		  "that of their authority" },
	{ .name = "tls-verify-clients", .kind = OPTION_SET, FIELD(tls_files.verifies_clients),
	  .help = "a client needs a certificate that ca-cert.pem vouches for" },
	{ .name = "tls-psk", .kind = OPTION_TEXT, FIELD(tls_files.psk), .argument = "FILE",
	  .help = "file with a line NAME:HEX-KEY for each client that has a pre-shared key" },
	{ .name = "ktls", .kind = OPTION_WORD, FIELD(ktls), .words = tls_kernel_words,
	  .argument = "HOW",
	  .help = "let the kernel encrypt where it can and lose nothing by it (auto), also where "
		  "it cannot change keys (always), or never (auto)" },
	{ .name = "tls-key-limit", .kind = OPTION_SIZE, FIELD(tls_key_bytes),
	  .min = TLS_KEY_BYTES_MIN, .max = TLS_KEY_BYTES, .argument = "SIZE",
	  .help = "how much is sent to a client with one key of TLS (256G)" },
	{ .name = "sandbox", .kind = OPTION_WORD, FIELD(sandbox), .words = sandbox_words,
	  .argument = "HOW",
	  .help = "auto: give up what serving does not need, as far as this machine can; "
		  "require: refuse to start if it cannot; off: for a debugger (auto)" },
	{ .name = "verbose", .letter = 'v', .kind = OPTION_SET, FIELD(is_verbose),
	  .help = "log each connection" },
	{ .name = NULL },
};

static int check(const void *values, struct option_error *error)
{
	const struct options *o = values;

	/* Without files the process gets them from arenad. */
	if (!o->tls_files.folder && !o->tls_files.psk)
		return 0;
	return tls_check(o->tls, &o->tls_files, error);
}

static const struct option_part parts[] = {
	{ export_rules, offsetof(struct options, exports) },
	{ listen_rules, offsetof(struct options, listen) },
	{ log_rules, offsetof(struct options, log_format) },
	{ NULL, 0 },
};

static const struct option_table table = {
	.program = "arena-np",
	.about = "serve the disks of storage processes to NBD clients",
	.needed = "--region=NAME --listen=WHERE... --sp=NAME=RING,MEMORY,PEER... --control-fd=N "
		  "--layout-fd=N",
	.more = "SIGUSR1 prints the counters to standard error; SIGTERM ends the process "
		"when the requests in flight are done, within 5 seconds.",
	.rule = rules,
	.check = check,
	.part = parts,
};

void np_options_parse(struct options *o, int argc, char **argv)
{
	*o = (struct options){
		.listen = LISTEN_OPTIONS_INIT,
		.ready_fd = -1,
		.control_fd = -1,
		.handoff_fd = -1,
		.stats_fd = -1,
		.connections_max = NP_CONNECTIONS_DEFAULT,
		.handshake_seconds = HANDSHAKE_SECONDS,
		.stall_seconds = STALL_SECONDS,
		.tls_key_bytes = TLS_KEY_BYTES,
		.hold_seconds = HOLD_SECONDS,
		.zerocopy = ZEROCOPY_AUTO,
	};
	options_parse(&table, o, argc, argv);
}
