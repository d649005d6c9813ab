// SPDX-License-Identifier: MIT
#include "options.h"

#include <proto/layout.h>
#include <common/log.h>
#include <common/parse.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#define KIB		1024ULL
#define GIB		(1ULL << 30)
#define DEFAULT_SIZE	GIB
#define DEFAULT_BUFFERS	1024U
/* One for a client that is being served, and one to receive the next header. */
#define MIN_BUFFERS	2U
/* The window of the channels is made for them. */
#define MAX_BUFFERS	PROTO_MAX_NET_COUNT

enum {
	OPT_REGION = 256,
	OPT_BACKEND,
	OPT_SIZE,
	OPT_PAGE_SIZE,
	OPT_REPLACE,
	OPT_LISTEN,
	OPT_DISK,
	OPT_NP_BUFFERS,
	OPT_NO_FIXED_BUFFERS,
	OPT_BINDIR,
	OPT_HELP,
	OPT_VERSION,
};

static const struct option long_options[] = {
	{ "region", required_argument, NULL, OPT_REGION },
	{ "backend", required_argument, NULL, OPT_BACKEND },
	{ "size", required_argument, NULL, OPT_SIZE },
	{ "page-size", required_argument, NULL, OPT_PAGE_SIZE },
	{ "replace", no_argument, NULL, OPT_REPLACE },
	{ "listen", required_argument, NULL, OPT_LISTEN },
	{ "disk", required_argument, NULL, OPT_DISK },
	{ "np-buffers", required_argument, NULL, OPT_NP_BUFFERS },
	{ "no-fixed-buffers", no_argument, NULL, OPT_NO_FIXED_BUFFERS },
	{ "bindir", required_argument, NULL, OPT_BINDIR },
	{ "verbose", no_argument, NULL, 'v' },
	{ "help", no_argument, NULL, OPT_HELP },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ NULL, 0, NULL, 0 },
};

static const char help[] =
"arenad: make a region, and run the processes that serve disks through it\n"
"\n"
"usage: arenad --region NAME --listen ADDR:PORT... --disk NAME=PATH... [OPTION...]\n"
"\n"
"  --region NAME        name of the region to make\n"
"  --listen ADDR:PORT   accept NBD clients there: 127.0.0.1:10809, [::1]:10809;\n"
"                       may be repeated\n"
"  --disk NAME=PATH     serve a block device or file as the export NAME; may be\n"
"                       repeated, 8 times in all; the first is the default export\n"
"  --size BYTES         of the region; K, M, G and T are understood (1G)\n"
"  --page-size SIZE     1G or 2M, or 4K with a memfd (the largest of which there\n"
"                       are enough)\n"
"  --backend WHAT       module, memfd or auto: the module if it is loaded (auto)\n"
"  --replace            remove an old region of this name first\n"
"  --np-buffers N       requests in flight at once, over all clients (1024)\n"
"  --no-fixed-buffers   do not register buffers with the kernel\n"
"  --bindir DIR         where arena-np and arena-sp are (arenad's own folder)\n"
"  -v, --verbose        say more\n"
"  --help, --version    print and exit\n"
"\n"
"Prints \"ready ADDR:PORT...\" when clients may come. SIGTERM and SIGINT stop it and\n"
"remove the region; SIGUSR1 makes each process print its counters. Exit status:\n"
"0 asked to stop, 1 an error or a process died, 2 a wrong command line.\n";

static int parse_backend(const char *text, enum arenad_backend *out)
{
	static const char *const names[] = {
		[ARENAD_BACKEND_AUTO] = "auto",
		[ARENAD_BACKEND_MODULE] = "module",
		[ARENAD_BACKEND_MEMFD] = "memfd",
	};

	for (unsigned int i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!strcmp(text, names[i])) {
			*out = i;
			return 0;
		}
	}
	log_error("--backend: \"%s\" is none of auto, module, memfd", text);
	return -EINVAL;
}

static int parse_bytes(const char *option, const char *text, uint64_t *out)
{
	int ret = parse_size(text, out);

	if (ret || *out < MIN_BUFFERS) {
		log_error("%s: \"%s\" is not a number of bytes, such as 512M", option, text);
		return -EINVAL;
	}
	return 0;
}

static int parse_page_size(const char *text, uint64_t *out)
{
	int ret = parse_bytes("--page-size", text, out);

	if (!ret && *out != GIB && *out != 2 * KIB * KIB && *out != 4 * KIB) {
		log_error("--page-size: \"%s\" is none of 1G, 2M, 4K", text);
		return -EINVAL;
	}
	return ret;
}

/* Splits @text where it stands: it is part of argv. */
static int parse_disk(struct arenad_options *o, char *text)
{
	char *equals = strchr(text, '=');

	if (!equals || equals == text || !equals[1]) {
		log_error("--disk: \"%s\" is not NAME=PATH", text);
		return -EINVAL;
	}
	if (o->n_disks == PROTO_MAX_SPS) {
		log_error("--disk: more than %d", PROTO_MAX_SPS);
		return -EINVAL;
	}
	*equals = '\0';
	for (unsigned int i = 0; i < o->n_disks; i++) {
		if (!strcmp(o->disk[i].name, text)) {
			log_error("--disk: two are called \"%s\"", text);
			return -EINVAL;
		}
	}
	o->disk[o->n_disks++] = (struct arenad_disk){ .name = text, .path = equals + 1 };
	return 0;
}

static int parse_listen(struct arenad_options *o, const char *text)
{
	if (o->n_listen == ARENAD_MAX_LISTEN) {
		log_error("--listen: more than %d", ARENAD_MAX_LISTEN);
		return -EINVAL;
	}
	o->listen[o->n_listen++] = text;
	return 0;
}

static int parse_buffers(const char *text, uint32_t *out)
{
	if (parse_u32(text, MAX_BUFFERS, out) || *out < MIN_BUFFERS) {
		log_error("--np-buffers: \"%s\" is not a number from %u to %u", text,
			  MIN_BUFFERS, MAX_BUFFERS);
		return -EINVAL;
	}
	return 0;
}

/* 0, 1 if the program is to end well, or -EINVAL. */
static int take_option(struct arenad_options *o, int c)
{
	switch (c) {
	case OPT_REGION:
		o->region = optarg;
		return 0;
	case OPT_BACKEND:
		return parse_backend(optarg, &o->backend);
	case OPT_SIZE:
		return parse_bytes("--size", optarg, &o->size);
	case OPT_PAGE_SIZE:
		return parse_page_size(optarg, &o->page_size);
	case OPT_REPLACE:
		o->replace = true;
		return 0;
	case OPT_LISTEN:
		return parse_listen(o, optarg);
	case OPT_DISK:
		return parse_disk(o, optarg);
	case OPT_NP_BUFFERS:
		return parse_buffers(optarg, &o->np_buffers);
	case OPT_NO_FIXED_BUFFERS:
		o->fixed_buffers = false;
		return 0;
	case OPT_BINDIR:
		o->bindir = optarg;
		return 0;
	case 'v':
		o->verbose = true;
		return 0;
	case OPT_HELP:
		fputs(help, stdout);
		return 1;
	case OPT_VERSION:
		puts("arenad " MSHAREARENA_VERSION);
		return 1;
	default:
		return -EINVAL;
	}
}

int arenad_options_parse(struct arenad_options *o, int argc, char **argv)
{
	int c, ret;

	*o = (struct arenad_options){
		.size = DEFAULT_SIZE,
		.np_buffers = DEFAULT_BUFFERS,
		.fixed_buffers = true,
	};
	while ((c = getopt_long(argc, argv, "v", long_options, NULL)) != -1) {
		ret = take_option(o, c);
		if (ret)
			return ret > 0 ? ARENAD_EXIT_OK : ARENAD_EXIT_USAGE;
	}
	if (optind < argc)
		log_error("unexpected argument \"%s\"", argv[optind]);
	else if (!o->region || !o->n_listen || !o->n_disks)
		log_error("--region, --listen and --disk are needed; see --help");
	else if (o->page_size && o->size % o->page_size)
		log_error("--size is not a multiple of --page-size");
	else
		return -1;
	return ARENAD_EXIT_USAGE;
}
