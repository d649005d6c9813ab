// SPDX-License-Identifier: MIT
#include "options.h"

#include <common/log_options.h>
#include <common/options.h>
#include <proto/inherit.h>
#include <sandbox/sandbox.h>

#include "loop.h"
#include "sp.h"

static int take_np(void *values, char *text, struct option_error *error)
{
	struct sp_options *o = values;

	if (o->n_nps == PROTO_MAX_NPS)
		return option_refuse(error, "there are more than %d", PROTO_MAX_NPS);
	if (proto_end_parse(text, &o->np[o->n_nps]))
		return option_refuse(error, "%s is not RING,MEMORY,PEER", text);
	o->n_nps++;
	return 0;
}

static int take_control_fd(void *values, char *text, struct option_error *error)
{
	return proto_fd_parse(&((struct sp_options *)values)->control_fd, text, error);
}

static int take_layout_fd(void *values, char *text, struct option_error *error)
{
	return proto_fd_parse(&((struct sp_options *)values)->layout_fd, text, error);
}

static int take_stats_fd(void *values, char *text, struct option_error *error)
{
	return proto_fd_parse(&((struct sp_options *)values)->stats_fd, text, error);
}

static int take_limit(void *values, char *text, struct option_error *error)
{
	return limit_parse(text, &((struct sp_options *)values)->limit, error);
}

#define FIELD(name) .field = offsetof(struct sp_options, name)

static const struct option_rule rules[] = {
	{ .name = "region", .is_needed = true, .kind = OPTION_TEXT, FIELD(region),
	  .argument = "NAME", .help = "region shared with the network processes" },
	{ .name = "id", .is_needed = true, .kind = OPTION_NUMBER, FIELD(id),
	  .max = PROTO_MAX_SPS - 1, .argument = "N",
	  .help = "which storage process of the region this is, from 0" },
	{ .name = "disk", .is_needed = true, .kind = OPTION_TEXT, FIELD(disk),
	  .argument = "PATH",
	  .help = "NVMe namespace, block device, or regular file; all of it is served" },
	{ .name = "backend", .kind = OPTION_WORD, FIELD(backend), .words = backend_names,
	  .argument = "WHAT",
	  .help = "nvme, block, file or auto: the first of them that the disk has (auto)" },
	{ .name = "np", .is_needed = true, .kind = OPTION_OTHER, .take = take_np,
	  .argument = "RING,MEMORY,PEER",
	  .help = "descriptors of the channel to a network process: own mailbox, its memory, "
		  "mailbox of the network process; once for each, in the order of their numbers; "
		  "this process ends with the last of them" },
	{ .name = "control-fd", .is_needed = true, .kind = OPTION_OTHER, .take = take_control_fd,
	  .argument = "N",
	  .help = "the socket by which arenad says who the network processes are" },
	{ .name = "layout-fd", .is_needed = true, .kind = OPTION_OTHER, .take = take_layout_fd,
	  .argument = "N", .help = "the layout of the region, in a sealed memfd" },
	{ .name = "stats-fd", .kind = OPTION_OTHER, .take = take_stats_fd, .argument = "N",
	  .help = "memory for the statistics of this process, in a sealed memfd, where arenad "
		  "reads them" },
	{ .name = "limit", .kind = OPTION_OTHER, .take = take_limit,
	  .argument = "iops=N,bytes=SIZE,connections=N",
	  .help = "requests a second, bytes a second and clients at a time, over all network "
		  "processes; each may be left out (no limit)" },
	{ .name = "transport", .kind = OPTION_WORD, FIELD(transport),
	  .words = proto_transport_words, .argument = "WHAT",
	  .help = "what carries messages, hybrid or msg-ring; as the network processes "
		  "have it (hybrid)" },
	{ .name = "wait", .kind = OPTION_WORD, FIELD(wait), .words = proto_wait_words,
	  .argument = "HOW",
	  .help = "sleep, or first look for a while (adapt), or look all the time, which takes "
		  "a processor (poll) (sleep)" },
	{ .name = "no-fixed-buffers", .kind = OPTION_CLEAR, FIELD(fixed_buffers),
	  .help = "do not register buffers with the kernel" },
	{ .name = "iopoll", .kind = OPTION_SET, FIELD(iopoll),
	  .help = "ask the disk whether reads and writes are complete, which takes a processor "
		  "while any are under way" },
	{ .name = "disk-timeout", .kind = OPTION_NUMBER, FIELD(disk_timeout),
	  .max = SP_LATE_MAX_S, .argument = "SECONDS",
	  .help = "requests that the disk has not ended by then fail; 0 for never (180)" },
	{ .name = "end-when-gone", .kind = OPTION_SET, FIELD(ends_when_gone),
	  .help = "end with status 4 when the disk is gone, and leave the requests to a successor "
		  "that is started with --await" },
	{ .name = "await", .kind = OPTION_TEXT, FIELD(awaited), .argument = "IDENTITY",
	  .help = "wait for the disk, if it is not there, and for no other one" },
	{ .name = "read-only", .kind = OPTION_SET, FIELD(readonly),
	  .help = "do not write the disk" },
	{ .name = "sandbox", .kind = OPTION_WORD, FIELD(sandbox), .words = sandbox_words,
	  .argument = "HOW",
	  .help = "auto: give up what serving does not need, as far as this machine can; "
		  "require: refuse to start if it cannot; off: for a debugger (auto)" },
	{ .name = "verbose", .letter = 'v', .kind = OPTION_SET, FIELD(verbose),
	  .help = "log more" },
	{ .name = NULL },
};

static const struct option_part parts[] = {
	{ log_rules, offsetof(struct sp_options, log_format) },
	{ NULL, 0 },
};

static const struct option_table table = {
	.program = "arena-sp",
	.about = "serve one disk to the network processes of a region",
	.needed = "--region=NAME --id=N --disk=PATH --np=RING,MEMORY,PEER... --control-fd=N "
		  "--layout-fd=N",
	.more = "SIGUSR1 prints the counters to standard error; SIGTERM ends the process "
		"when the requests in flight are done. Exit status: 0 it was asked to stop, "
		"1 an error, 2 a wrong command line, 3 the last network process ended, "
		"4 the disk is gone.",
	.rule = rules,
	.part = parts,
};

void sp_options_parse(struct sp_options *o, int argc, char **argv)
{
	*o = (struct sp_options){
		.fixed_buffers = true,
		.stats_fd = -1,
		.disk_timeout = SP_LATE_DEFAULT_S,
	};
	options_parse(&table, o, argc, argv);
}
