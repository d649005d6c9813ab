// SPDX-License-Identifier: MIT
#include "options.h"

#include <arpa/inet.h>
#include <common/log.h>
#include <common/parse.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

enum {
	OPT_REGION = 256,
	OPT_LISTEN,
	OPT_SP,
	OPT_READY_FD,
	OPT_MAX_CONNECTIONS,
	OPT_IDLE,
	OPT_HANDSHAKE,
	OPT_STALL,
	OPT_HELP,
	OPT_VERSION,
};

static const struct option long_options[] = {
	{ "region", required_argument, NULL, OPT_REGION },
	{ "listen", required_argument, NULL, OPT_LISTEN },
	{ "sp", required_argument, NULL, OPT_SP },
	{ "ready-fd", required_argument, NULL, OPT_READY_FD },
	{ "max-connections", required_argument, NULL, OPT_MAX_CONNECTIONS },
	{ "idle-timeout", required_argument, NULL, OPT_IDLE },
	{ "handshake-timeout", required_argument, NULL, OPT_HANDSHAKE },
	{ "stall-timeout", required_argument, NULL, OPT_STALL },
	{ "verbose", no_argument, NULL, 'v' },
	{ "help", no_argument, NULL, OPT_HELP },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ NULL, 0, NULL, 0 },
};

static const char help[] =
"arena-np: serve the disks of storage processes to NBD clients\n"
"\n"
"usage: arena-np --region NAME --listen ADDR:PORT... --sp NAME=PID... [OPTION...]\n"
"\n"
"  --region NAME           region shared with the storage processes\n"
"  --listen ADDR:PORT      accept clients there: 127.0.0.1:10809, [::1]:10809;\n"
"                          port 0 lets the kernel choose; may be repeated\n"
"  --sp NAME=PID           storage process and its export's name, the first one\n"
"                          being the default export; PID 0: any process of the\n"
"                          region, whose end goes unnoticed; may be repeated,\n"
"                          in the order of the storage processes' ids\n"
"  --ready-fd N            write \"READY ADDR:PORT...\" there when clients may come\n"
"  --max-connections N     clients at once (256)\n"
"  --idle-timeout S        end a client that asks nothing for S seconds (0: never)\n"
"  --handshake-timeout S   end a client whose handshake lasts S seconds (30)\n"
"  --stall-timeout S       end a client whose data does not move for S seconds\n"
"                          (60), or for 10 where others wait for its buffers\n"
"  -v, --verbose           log each connection\n"
"  --help, --version       print and exit\n"
"\n"
"SIGUSR1 prints the counters to standard error; SIGTERM ends the process when the\n"
"requests in flight are done, within 5 seconds.\n";

static int parse_address(const char *host, unsigned int port,
			 struct options_listen *l)
{
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&l->address;
	struct sockaddr_in *v4 = (struct sockaddr_in *)&l->address;
	size_t length = strlen(host);
	char inner[INET6_ADDRSTRLEN + 1];

	memset(&l->address, 0, sizeof(l->address));
	if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons((uint16_t)port);
		l->length = sizeof(*v4);
		return 0;
	}
	if (length < 3 || length - 2 >= sizeof(inner) || host[0] != '[' ||
	    host[length - 1] != ']')
		return -EINVAL;
	memcpy(inner, host + 1, length - 2);
	inner[length - 2] = '\0';
	if (inet_pton(AF_INET6, inner, &v6->sin6_addr) != 1)
		return -EINVAL;
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons((uint16_t)port);
	l->length = sizeof(*v6);
	return 0;
}

int np_options_parse_listen(const char *text, struct options_listen *l)
{
	const char *colon = strrchr(text, ':');
	char host[INET6_ADDRSTRLEN + 3];
	unsigned int port;

	if (!colon || (size_t)(colon - text) >= sizeof(host))
		return -EINVAL;
	if (parse_u32(colon + 1, UINT16_MAX, &port))
		return -EINVAL;
	memcpy(host, text, (size_t)(colon - text));
	host[colon - text] = '\0';
	return parse_address(host, port, l);
}

int np_options_parse_sp(const char *text, struct options_sp *sp)
{
	const char *equals = strrchr(text, '=');
	unsigned int pid;
	size_t length;

	if (!equals || equals == text)
		return -EINVAL;
	length = (size_t)(equals - text);
	if (length > EXPORT_NAME_MAX || parse_u32(equals + 1, INT_MAX, &pid))
		return -EINVAL;
	memcpy(sp->name, text, length);
	sp->name[length] = '\0';
	sp->pid = (pid_t)pid;
	return 0;
}

static int add_listen(struct options *o, const char *text)
{
	if (o->n_listen == NP_LISTENERS_MAX)
		return -EINVAL;
	return np_options_parse_listen(text, &o->listen[o->n_listen++]);
}

static int add_sp(struct options *o, const char *text)
{
	struct options_sp *sp = &o->sp[o->n_sps];

	if (o->n_sps == PROTO_MAX_SPS || np_options_parse_sp(text, sp))
		return -EINVAL;
	for (unsigned int i = 0; i < o->n_sps; i++)
		if (!strcmp(o->sp[i].name, sp->name))
			return -EINVAL;
	o->n_sps++;
	return 0;
}

static int parse_seconds(const char *text, unsigned int min, unsigned int *out)
{
	int ret = parse_u32(text, TIMEOUT_SECONDS_MAX, out);

	return ret ? ret : *out < min ? -EINVAL : 0;
}

static int parse_one(struct options *o, int opt, const char *arg)
{
	unsigned int n;

	switch (opt) {
	case OPT_REGION:
		o->region = arg;
		return *arg ? 0 : -EINVAL;
	case OPT_LISTEN:
		return add_listen(o, arg);
	case OPT_SP:
		return add_sp(o, arg);
	case OPT_READY_FD:
		if (parse_u32(arg, INT_MAX, &n))
			return -EINVAL;
		o->ready_fd = (int)n;
		return 0;
	case OPT_MAX_CONNECTIONS:
		if (parse_u32(arg, NP_CONNECTIONS_MAX, &o->connections_max))
			return -EINVAL;
		return o->connections_max ? 0 : -EINVAL;
	case OPT_IDLE:
		return parse_seconds(arg, 0, &o->idle_seconds);
	case OPT_HANDSHAKE:
		return parse_seconds(arg, 1, &o->handshake_seconds);
	case OPT_STALL:
		return parse_seconds(arg, 1, &o->stall_seconds);
	case 'v':
		o->is_verbose = true;
		return 0;
	default:
		return -EINVAL;
	}
}

static enum options_result check_complete(const struct options *o, int argc)
{
	if (optind < argc)
		log_error("there are no arguments besides options (--help)");
	else if (!o->region)
		log_error("--region is missing (--help)");
	else if (!o->n_listen)
		log_error("--listen is missing (--help)");
	else if (!o->n_sps)
		log_error("--sp is missing (--help)");
	else
		return OPTIONS_RUN;
	return OPTIONS_BAD;
}

enum options_result np_options_parse(struct options *o, int argc, char **argv)
{
	int opt, index = 0;

	*o = (struct options){
		.ready_fd = -1,
		.connections_max = NP_CONNECTIONS_DEFAULT,
		.handshake_seconds = HANDSHAKE_SECONDS,
		.stall_seconds = STALL_SECONDS,
	};
	optind = 1;
	while ((opt = getopt_long(argc, argv, "v", long_options, &index)) != -1) {
		switch (opt) {
		case OPT_HELP:
			fputs(help, stdout);
			return OPTIONS_DONE;
		case OPT_VERSION:
			puts("arena-np " MSHAREARENA_VERSION);
			return OPTIONS_DONE;
		case '?':
			return OPTIONS_BAD;
		default:
			break;
		}
		if (parse_one(o, opt, optarg)) {
			log_error("--%s: not understood: %s",
				  long_options[index].name, optarg);
			return OPTIONS_BAD;
		}
	}
	return check_complete(o, argc);
}
