// SPDX-License-Identifier: MIT
#include "options.h"

#include <common/log_options.h>
#include <common/options.h>
#include <common/parse.h>
#include <errno.h>
#include <exports/limit.h>
#include <inttypes.h>
#include <linux/msharearena.h>
#include <np/limits.h>
#include <np/zerocopy.h>
#include <proto/layout.h>
#include <sandbox/sandbox.h>
#include <sp/backend/kind.h>
#include <sp/late.h>
#include <string.h>
#include <tls/options.h>

#include "restart.h"

#define KIB		1024ULL
#define MIB		(1ULL << 20)
#define GIB		(1ULL << 30)
#define DEFAULT_SIZE	GIB
/* A smaller region has no room for a layout; a larger one does not fit into its window. */
#define MIN_SIZE	(4 * KIB)
#define MAX_SIZE	(512 * GIB)
#define DEFAULT_BUFFERS	1024U
/* A client needs one for the request that is being served, and one for the next header. */
#define MIN_BUFFERS	2U
/* The channels have room for this many. */
#define MAX_BUFFERS	PROTO_MAX_NET_COUNT

static int take_page_size(void *values, char *text, struct option_error *error)
{
	static const struct { const char *text; uint64_t bytes; } sizes[] = {
		{ "1G", GIB }, { "2M", 2 * MIB }, { "4K", 4 * KIB },
	};
	struct arenad_options *o = values;

	for (unsigned int i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		if (!strcmp(text, sizes[i].text)) {
			o->page_size = sizes[i].bytes;
			return 0;
		}
	}
	return option_refuse(error, "%s is none of 1G, 2M, 4K", text);
}

/* Splits @text at its first equals sign. */
static int take_disk(void *values, char *text, struct option_error *error)
{
	struct arenad_options *o = values;
	char *equals = strchr(text, '=');

	if (!equals || equals == text || !equals[1])
		return option_refuse(error, "%s is not NAME=PATH", text);
	*equals = '\0';
	if (export_set_add(&o->exports, text, error))
		return -EINVAL;
	o->disk[o->exports.n - 1] = (struct arenad_disk){ .path = equals + 1 };
	return 0;
}

static int take_read_only(void *values, char *text, struct option_error *error)
{
	struct arenad_options *o = values;
	int found = export_set_find(&o->exports, text, error);

	if (found < 0)
		return -EINVAL;
	o->disk[found].is_readonly = true;
	return 0;
}

static int take_cpus(void *values, char *text, struct option_error *error)
{
	return cpus_take(&((struct arenad_options *)values)->cpus, text, error);
}

static int take_limit(void *values, char *text, struct option_error *error)
{
	struct arenad_options *o = values;
	unsigned int i;
	char *rest = export_set_take(&o->exports, text, "NAME=LIMITS", &i, error);

	return rest ? limit_parse(rest, &o->disk[i].limit, error) : -EINVAL;
}

static int take_disk_memory(void *values, char *text, struct option_error *error)
{
	struct arenad_options *o = values;
	unsigned int i;
	char *rest = export_set_take(&o->exports, text, "NAME=BYTES", &i, error);
	uint64_t bytes;

	if (!rest)
		return -EINVAL;
	if (parse_size(rest, &bytes) || bytes < MIN_SIZE || bytes > MAX_SIZE)
		return option_refuse(error, "%s is not a size from 4K to 512G", rest);
	o->disk[i].memory = bytes;
	return 0;
}

static int take_user(struct user *user, const char *name, struct option_error *error)
{
	return user_find(name, user) ? option_refuse(error, "there is no user %s", name) : 0;
}

static int take_np_user(void *values, char *text, struct option_error *error)
{
	return take_user(&((struct arenad_options *)values)->np_user, text, error);
}

static int take_sp_user(void *values, char *text, struct option_error *error)
{
	return take_user(&((struct arenad_options *)values)->sp_user, text, error);
}

static int take_zerocopy(void *values, char *text, struct option_error *error)
{
	struct arenad_options *o = values;

	return zerocopy_parse(text, &o->zerocopy) ? 0 :
	       option_refuse(error, "%s is none of auto, never and a size", text);
}

static bool is_region_name(const char *name)
{
	static const char allowed[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";
	size_t length = strlen(name);

	return length < MSHAREARENA_NAME_SIZE && name[0] != '.' &&
	       strspn(name, allowed) == length;
}

static int check(const void *values, struct option_error *error)
{
	const struct arenad_options *o = values;

	if (!is_region_name(o->region))
		return option_refuse(error, "--region: %s is not a name of 1 to %d letters, "
				     "digits, _, - and ., not beginning with .",
				     o->region, MSHAREARENA_NAME_SIZE - 1);
	if (o->page_size && o->size % o->page_size)
		return option_refuse(error, "--size: %" PRIu64 " is not a multiple of --page-size",
				     o->size);
	if (o->exports_max && o->exports_max < o->exports.n)
		return option_refuse(error, "--exports-max: %u are too few, as there are %u "
				     "exports", o->exports_max, o->exports.n);
	if (cpus_check(&o->cpus, o->nps, o->exports_max ? o->exports_max : o->exports.n, error))
		return -EINVAL;
	return tls_check(o->tls, &o->tls_files, error);
}

static const char *const backends[] = {
	[ARENAD_BACKEND_AUTO] = "auto",
	[ARENAD_BACKEND_MODULE] = "module",
	[ARENAD_BACKEND_MEMFD] = "memfd",
	NULL,
};

#define FIELD(name) .field = offsetof(struct arenad_options, name)

static const struct option_rule rules[] = {
	{ .name = "region", .is_needed = true, .kind = OPTION_TEXT, FIELD(region),
	  .argument = "NAME", .help = "name of the region to make" },
	{ .name = "disk", .is_needed = true, .scope = OPTION_ADDS_ONE, .kind = OPTION_OTHER,
	  .take = take_disk, .argument = "NAME=PATH",
	  .help = "serve a block device or file as the export NAME; may be repeated, "
		  "32 times in all" },
	{ .name = "read-only", .scope = OPTION_NAMES_ONE, .kind = OPTION_OTHER,
	  .take = take_read_only, .argument = "NAME",
	  .help = "do not write the disk of the export NAME, and let no client write it" },
	{ .name = "limit", .scope = OPTION_FOR_ONE, .kind = OPTION_OTHER, .take = take_limit,
	  .argument = "NAME=iops=N,bytes=SIZE,connections=N",
	  .help = "requests a second, bytes a second and clients at a time of the export NAME; "
		  "each may be left out (no limit)" },
	{ .name = "disk-memory", .scope = OPTION_FOR_ONE, .kind = OPTION_OTHER,
	  .take = take_disk_memory, .argument = "NAME=BYTES",
	  .help = "part of the region for buffers of the disk of the export NAME (disks without "
		  "this option divide what remains)" },
	{ .name = "exports-max", .kind = OPTION_NUMBER, FIELD(exports_max), .min = 1,
	  .max = PROTO_MAX_SPS, .argument = "N",
	  .help = "how many exports there can be while arenad runs; the region has a part for "
		  "each (as many as there are disks)" },
	{ .name = "disk-backend", .kind = OPTION_WORD, FIELD(disk_backend),
	  .words = backend_names, .argument = "WHAT",
	  .help = "how arena-sp uses disks: nvme, block, file or auto: the first of them that "
		  "the disk has (auto)" },
	{ .name = "size", .kind = OPTION_SIZE, FIELD(size), .min = MIN_SIZE, .max = MAX_SIZE,
	  .argument = "BYTES",
	  .help = "size of the region; K, M, G and T are understood (1G)" },
	{ .name = "page-size", .kind = OPTION_OTHER, .take = take_page_size,
	  .argument = "SIZE",
	  .help = "1G or 2M, or 4K with a memfd (the largest of which there are enough)" },
	{ .name = "backend", .kind = OPTION_WORD, FIELD(backend), .words = backends,
	  .argument = "WHAT",
	  .help = "module, memfd or auto: the module if it is loaded (auto)" },
	{ .name = "replace", .scope = OPTION_NOW, .kind = OPTION_SET, FIELD(replace),
	  .help = "end the processes of an earlier arenad first, and remove an old region of this "
		  "name" },
	{ .name = "runtime-dir", .kind = OPTION_TEXT, FIELD(runtime_dir), .argument = "DIR",
	  .help = "where the next arenad finds what it needs to adopt the processes "
		  "(/run/msharearena)" },
	{ .name = "check-adopt", .scope = OPTION_NOW, .kind = OPTION_SET, FIELD(check_adopt),
	  .help = "only say whether this arenad could adopt the processes that run" },
	{ .name = "load-module", .scope = OPTION_NOW, .kind = OPTION_SET, FIELD(load_module),
	  .help = "only load the module, unless the region is to be a memfd" },
	{ .name = "nps", .kind = OPTION_NUMBER, FIELD(nps), .min = 1, .max = PROTO_MAX_NPS,
	  .argument = "N",
	  .help = "network processes, which share the clients among them (1)" },
	{ .name = "cpus", .may_repeat = true, .kind = OPTION_OTHER, .take = take_cpus,
	  .argument = "WHICH",
	  .help = "bind each process to a CPU that fits (auto), to CPUs of a list like "
		  "np0=2,sp0=3-5, or to none (none)" },
	{ .name = "np-memory", .kind = OPTION_SIZE, FIELD(np_memory), .min = MIN_SIZE,
	  .max = MAX_SIZE, .argument = "BYTES",
	  .help = "part of the region for each network process, most of it for payloads of "
		  "writes (all have a fifth of the region together)" },
	{ .name = "np-buffers", .kind = OPTION_NUMBER, FIELD(np_buffers),
	  .min = MIN_BUFFERS, .max = MAX_BUFFERS, .argument = "N",
	  .help = "requests in flight at once in a network process, over all of its clients "
		  "(1024)" },
	{ .name = "max-connections", .kind = OPTION_NUMBER, FIELD(connections_max),
	  .min = 1, .max = NP_CONNECTIONS_MAX, .argument = "N",
	  .help = "clients at once of a network process (256)" },
	{ .name = "max-connections-per-client", .kind = OPTION_NUMBER,
	  FIELD(client_connections_max), .max = NP_CONNECTIONS_MAX, .argument = "N",
	  .help = "connections that one address may have to a network process (0: no limit)" },
	{ .name = "idle-timeout", .kind = OPTION_NUMBER, FIELD(idle_seconds),
	  .max = TIMEOUT_SECONDS_MAX, .argument = "S",
	  .help = "end a client that asks nothing for S seconds (0: never)" },
	{ .name = "handshake-timeout", .kind = OPTION_NUMBER, FIELD(handshake_seconds),
	  .min = 1, .max = TIMEOUT_SECONDS_MAX, .argument = "S",
	  .help = "end a client whose handshake lasts S seconds (30)" },
	{ .name = "stall-timeout", .kind = OPTION_NUMBER, FIELD(stall_seconds),
	  .min = 1, .max = TIMEOUT_SECONDS_MAX, .argument = "S",
	  .help = "end a client whose data does not move for S seconds (60)" },
	{ .name = "np-user", .kind = OPTION_OTHER, .take = take_np_user, .argument = "USER",
	  .help = "user that each arena-np runs as, with the module (the user that runs arenad)" },
	{ .name = "sp-user", .kind = OPTION_OTHER, .take = take_sp_user, .argument = "USER",
	  .help = "user that each arena-sp runs as, with the module (the user that runs arenad)" },
	{ .name = "no-fixed-buffers", .kind = OPTION_CLEAR, FIELD(fixed_buffers),
	  .help = "do not register buffers with the kernel" },
	{ .name = "iopoll", .kind = OPTION_SET, FIELD(iopoll),
	  .help = "ask disks whether reads and writes are complete, which takes a processor each "
		  "while any are under way" },
	{ .name = "disk-timeout", .kind = OPTION_NUMBER, FIELD(disk_timeout),
	  .max = SP_LATE_MAX_S, .argument = "S",
	  .help = "requests that a disk has not ended after S seconds fail; 0 for never (180)" },
	{ .name = "hold", .kind = OPTION_NUMBER, FIELD(hold_seconds), .max = TIMEOUT_SECONDS_MAX,
	  .argument = "S",
	  .help = "start processes again that have died, and let requests wait for S seconds "
		  "meanwhile; 0: start none again (30)" },
	{ .name = "max-deaths", .kind = OPTION_NUMBER, FIELD(deaths_max), .max = 1000000,
	  .argument = "N",
	  .help = "give a process up that has died N times in a row, each time within a minute; "
		  "0: never (5)" },
	{ .name = "transport", .kind = OPTION_WORD, FIELD(transport),
	  .words = proto_transport_words, .argument = "WHAT",
	  .help = "what carries messages between the processes, hybrid or msg-ring (hybrid)" },
	{ .name = "wait", .kind = OPTION_WORD, FIELD(wait), .words = proto_wait_words,
	  .argument = "HOW",
	  .help = "how they wait: sleep, or first look for a while (adapt), or look all the "
		  "time, which takes a processor each (poll) (sleep)" },
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
	  .help = "auto: arena-np and arena-sp give up what serving does not need, as far as "
		  "this machine can; require: refuse to start if it cannot; off: for a debugger "
		  "(auto)" },
	{ .name = "bindir", .kind = OPTION_TEXT, FIELD(bindir), .argument = "DIR",
	  .help = "where arena-np and arena-sp are (arenad's own folder)" },
	{ .name = "config", .scope = OPTION_NOW, .kind = OPTION_TEXT, FIELD(config),
	  .argument = "FILE",
	  .help = "read options from FILE and then from FILE.d/*.conf, or from no file (none); "
		  "those of the command line count more (" ARENAD_CONFIG ", if it is there)" },
	{ .name = "check-config", .scope = OPTION_NOW, .kind = OPTION_SET, FIELD(check_config),
	  .help = "only say whether the options and files are right" },
	{ .name = "print-config", .scope = OPTION_NOW, .kind = OPTION_SET, FIELD(print_config),
	  .help = "only print all options that count, in the format of the files" },
	{ .name = "verbose", .letter = 'v', .kind = OPTION_SET, FIELD(verbose),
	  .help = "log more" },
	{ .name = NULL },
};

static const struct option_part parts[] = {
	{ export_rules, offsetof(struct arenad_options, exports) },
	{ listen_rules, offsetof(struct arenad_options, listen) },
	{ peers_rules, offsetof(struct arenad_options, peers) },
	{ log_rules, offsetof(struct arenad_options, log_format) },
	{ NULL, 0 },
};

const struct option_table arenad_table = {
	.program = "arenad",
	.about = "make a region, and run the processes that serve disks through it",
	.needed = "--region=NAME --listen=WHERE... --disk=NAME=PATH...",
	.more = "Prints \"ready ADDRESS...\" when clients may come. SIGTERM and SIGINT "
		"stop it and remove the region; SIGHUP makes it read its files and those of TLS "
		"again; SIGUSR1 makes each process print its counters; SIGUSR2 puts the version "
		"that is installed now in its place. Exit status: 0 it was asked "
		"to stop, 1 an error, or a process died and stays down, 2 wrong options.",
	.rule = rules,
	.part = parts,
	.thing = "export",
	.check = check,
};

void arenad_options_init(struct arenad_options *o)
{
	*o = (struct arenad_options){
		.listen = LISTEN_OPTIONS_INIT,
		.size = DEFAULT_SIZE,
		.disk_timeout = SP_LATE_DEFAULT_S,
		.nps = 1,
		.np_buffers = DEFAULT_BUFFERS,
		.connections_max = NP_CONNECTIONS_DEFAULT,
		.handshake_seconds = HANDSHAKE_SECONDS,
		.stall_seconds = STALL_SECONDS,
		.tls_key_bytes = TLS_KEY_BYTES,
		.hold_seconds = HOLD_SECONDS,
		.deaths_max = RESTART_DEATHS,
		.fixed_buffers = true,
		.zerocopy = ZEROCOPY_AUTO,
	};
}
