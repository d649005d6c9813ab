// SPDX-License-Identifier: MIT
#include "options.h"

#include <common/parse.h>
#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#define FD_PREFIX	"fd:"
#define SYSTEMD		"systemd"

static int refuse_address(struct option_error *error, const char *text, int err)
{
	switch (err) {
	case -ENODEV:
		return option_refuse(error, "%s: there is no such interface", text);
	case -EDESTADDRREQ:
		return option_refuse(error, "%s: a link-local address needs its interface; "
				     "use e.g. [fe80::1%%eth0]:10809", text);
	case -ENAMETOOLONG:
		return option_refuse(error, "the path of a UNIX socket has at most %zu bytes",
				     sizeof(((struct sockaddr_un *)0)->sun_path) - 1);
	default:
		return option_refuse(error, "%s is none of ADDR:PORT, unix:PATH, fd:N, "
				     "systemd[:NAME]; use e.g. 127.0.0.1:10809", text);
	}
}

static int take_place(const char *text, struct listen_place *place)
{
	uint32_t fd;

	*place = (struct listen_place){ .text = text, .kind = LISTEN_ADDRESS };
	if (!strncmp(text, FD_PREFIX, strlen(FD_PREFIX))) {
		place->kind = LISTEN_FD;
		if (parse_u32(text + strlen(FD_PREFIX), INT_MAX, &fd))
			return -EINVAL;
		place->fd = (int)fd;
		return 0;
	}
	if (!strncmp(text, SYSTEMD, strlen(SYSTEMD))) {
		const char *rest = text + strlen(SYSTEMD);

		place->kind = LISTEN_SYSTEMD;
		if (rest[0] == ':')
			place->name = rest + 1;
		return !rest[0] || (rest[0] == ':' && rest[1]) ? 0 : -EINVAL;
	}
	return address_parse(text, &place->address);
}

static int take_listen(void *values, char *text, struct option_error *error)
{
	struct listen_options *o = values;
	int ret;

	if (o->n == LISTEN_MAX)
		return option_refuse(error, "there are more than %d", LISTEN_MAX);
	ret = take_place(text, &o->place[o->n]);
	if (ret)
		return refuse_address(error, text, ret);
	o->n++;
	return 0;
}

static int take_mode(void *values, char *text, struct option_error *error)
{
	struct listen_options *o = values;
	unsigned long mode;
	char *end;

	errno = 0;
	mode = strtoul(text, &end, 8);
	if (*end || end == text || text[0] == '-' || text[0] == '+' || errno || mode > 0777)
		return option_refuse(error, "%s is not an octal number from 0 to 777", text);
	o->mode = (mode_t)mode;
	return 0;
}

static int take_owner(void *values, char *text, struct option_error *error)
{
	struct listen_options *o = values;
	const struct passwd *entry = getpwnam(text);

	if (!entry)
		return option_refuse(error, "there is no user %s", text);
	o->uid = entry->pw_uid;
	return 0;
}

static int take_group(void *values, char *text, struct option_error *error)
{
	struct listen_options *o = values;
	const struct group *entry = getgrnam(text);

	if (!entry)
		return option_refuse(error, "there is no group %s", text);
	o->gid = entry->gr_gid;
	return 0;
}

#define FIELD(name) .field = offsetof(struct listen_options, name)

const struct option_rule listen_rules[] = {
	{ .name = "listen", .is_needed = true, .may_repeat = true, .kind = OPTION_OTHER,
	  .take = take_listen, .argument = "WHERE",
	  .help = "accept clients there: 127.0.0.1:10809, [::1]:10809, [fe80::1%eth0]:10809, "
		  "*:10809 for all IPv4 and IPv6 addresses, unix:PATH, systemd[:NAME] for "
		  "sockets that systemd passes, fd:N for one that was inherited; port 0 lets "
		  "the kernel choose; may be repeated, for 8 sockets in all" },
	{ .name = "backlog", .kind = OPTION_NUMBER, FIELD(backlog),
	  .min = 1, .max = LISTEN_BACKLOG_MAX, .argument = "N",
	  .help = "clients that may wait to be accepted, at each socket (128)" },
	{ .name = "reuse-port", .kind = OPTION_SET, FIELD(reuse_port),
	  .help = "let each process have TCP sockets of its own at the same addresses "
		  "(SO_REUSEPORT), among which the kernel spreads clients by their addresses" },
	{ .name = "unreachable-timeout", .kind = OPTION_NUMBER, FIELD(unreachable_seconds),
	  .max = LISTEN_UNREACHABLE_MAX, .argument = "S",
	  .help = "end a TCP client whose machine does not answer for S seconds (60); 0: as "
		  "the kernel does" },
	{ .name = "socket-mode", .kind = OPTION_OTHER, .take = take_mode, .argument = "MODE",
	  .help = "permissions of the files of UNIX sockets, in octal (600)" },
	{ .name = "socket-user", .kind = OPTION_OTHER, .take = take_owner, .argument = "USER",
	  .help = "owner of the files of UNIX sockets" },
	{ .name = "socket-group", .kind = OPTION_OTHER, .take = take_group, .argument = "GROUP",
	  .help = "group of the files of UNIX sockets" },
	{ .name = NULL },
};
