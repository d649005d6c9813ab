// SPDX-License-Identifier: MIT
#include "options.h"

#include <common/log.h>
#include <common/parse.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>

#include "sp.h"

enum {
	OPT_REGION = 256,
	OPT_ID,
	OPT_DISK,
	OPT_NP,
	OPT_NO_FIXED_BUFFERS,
	OPT_READ_ONLY,
	OPT_HELP,
	OPT_VERSION,
};

static const struct option long_options[] = {
	{ "region", required_argument, NULL, OPT_REGION },
	{ "id", required_argument, NULL, OPT_ID },
	{ "disk", required_argument, NULL, OPT_DISK },
	{ "np", required_argument, NULL, OPT_NP },
	{ "no-fixed-buffers", no_argument, NULL, OPT_NO_FIXED_BUFFERS },
	{ "read-only", no_argument, NULL, OPT_READ_ONLY },
	{ "verbose", no_argument, NULL, 'v' },
	{ "help", no_argument, NULL, OPT_HELP },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ NULL, 0, NULL, 0 },
};

static const char help[] =
"arena-sp: serve one disk to the network process of a region\n"
"\n"
"usage: arena-sp --region NAME --id N --disk PATH [OPTION...]\n"
"\n"
"  --region NAME        region shared with the network process\n"
"  --id N               which storage process of the region this is, from 0\n"
"  --disk PATH          block device, or a regular file; all of it is served\n"
"  --np PID             the network process; this one stops when that ends\n"
"  --no-fixed-buffers   do not register buffers with the kernel\n"
"  --read-only          do not write the disk\n"
"  -v, --verbose        say more\n"
"  --help, --version    print and exit\n"
"\n"
"SIGUSR1 prints the counters to standard error; SIGTERM ends the process when the\n"
"requests in flight are done. Exit status: 0 asked to stop, 1 an error, 2 a wrong\n"
"command line, 3 the network process ended.\n";

static int parse_number(const char *option, const char *text, uint32_t max, uint32_t *out)
{
	int ret = parse_u32(text, max, out);

	if (ret)
		log_error("%s: \"%s\" is not a number from 0 to %u", option, text, max);
	return ret;
}

/* 0, 1 if the program is to end well, or -EINVAL. */
static int take_option(struct sp_options *o, int c)
{
	uint32_t pid;
	int ret;

	switch (c) {
	case OPT_REGION:
		o->region = optarg;
		return 0;
	case OPT_ID:
		return parse_number("--id", optarg, PROTO_MAX_SPS - 1, &o->id);
	case OPT_DISK:
		o->disk = optarg;
		return 0;
	case OPT_NP:
		ret = parse_number("--np", optarg, INT32_MAX, &pid);
		o->np = (pid_t)pid;
		return ret;
	case OPT_NO_FIXED_BUFFERS:
		o->fixed_buffers = false;
		return 0;
	case OPT_READ_ONLY:
		o->readonly = true;
		return 0;
	case 'v':
		o->verbose = true;
		return 0;
	case OPT_HELP:
		fputs(help, stdout);
		return 1;
	case OPT_VERSION:
		puts("arena-sp " MSHAREARENA_VERSION);
		return 1;
	default:
		return -EINVAL;
	}
}

int sp_options_parse(struct sp_options *o, int argc, char **argv)
{
	int c, ret;

	*o = (struct sp_options){ .id = UINT32_MAX, .fixed_buffers = true };
	while ((c = getopt_long(argc, argv, "v", long_options, NULL)) != -1) {
		ret = take_option(o, c);
		if (ret)
			return ret > 0 ? SP_EXIT_OK : SP_EXIT_USAGE;
	}
	if (optind < argc)
		log_error("unexpected argument \"%s\"", argv[optind]);
	else if (!o->region || !o->disk || o->id == UINT32_MAX)
		log_error("--region, --id and --disk are needed; see --help");
	else
		return -1;
	return SP_EXIT_USAGE;
}
