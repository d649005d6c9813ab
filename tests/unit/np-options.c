// SPDX-License-Identifier: MIT
/*
 * Goal: arena-np's command line is taken whole or refused.
 * Method: tables of good and bad values; whole command lines.
 */
#include <arpa/inet.h>
#include <common/log.h>
#include <netinet/in.h>
#include <np/options.h>
#include <string.h>

#include "tap.h"

static void test_listen(void)
{
	static const char *const bad[] = {
		"", ":", "1.2.3.4", "1.2.3.4:", "1.2.3.4:x", "1.2.3.4:-1",
		"1.2.3.4:65536", "1.2.3.4:99999999999999999999", "1.2.3.4: 1",
		"1.2.3:1", "localhost:1", ":1", "::1:1", "[::1]", "[]:1",
		"[::1:1", "::1]:1", "[x]:1", "1.2.3.4:1 ",
		"[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000]:1",
	};
	struct options_listen l;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&l.address;
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)&l.address;

	ok(!np_options_parse_listen("1.2.3.4:10809", &l) &&
	   v4->sin_family == AF_INET && ntohs(v4->sin_port) == 10809 &&
	   ntohl(v4->sin_addr.s_addr) == 0x01020304 && l.length == sizeof(*v4),
	   "IPv4");
	ok(!np_options_parse_listen("[::1]:0", &l) && v6->sin6_family == AF_INET6 &&
	   v6->sin6_port == 0 && v6->sin6_addr.s6_addr[15] == 1 &&
	   l.length == sizeof(*v6), "IPv6, port 0");
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		ok(np_options_parse_listen(bad[i], &l), "not '%s'", bad[i]);
}

static void test_sp(void)
{
	static const char *const bad[] = {
		"", "=", "=1", "a", "a=", "a=-1", "a=1x", "a= 1", "a=2147483648",
	};
	char text[EXPORT_NAME_MAX + 10];
	struct options_sp sp;

	ok(!np_options_parse_sp("disk0=17", &sp) && !strcmp(sp.name, "disk0") &&
	   sp.pid == 17, "a name and a process");
	ok(!np_options_parse_sp("a=b=0", &sp) && !strcmp(sp.name, "a=b") &&
	   sp.pid == 0, "the last '=' counts");
	memset(text, 'x', EXPORT_NAME_MAX);
	strcpy(text + EXPORT_NAME_MAX, "=1");
	ok(!np_options_parse_sp(text, &sp), "the longest name");
	strcpy(text + EXPORT_NAME_MAX, "x=1");
	ok(np_options_parse_sp(text, &sp), "not a longer one");
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		ok(np_options_parse_sp(bad[i], &sp), "not '%s'", bad[i]);
}

/* @line is split at blanks. */
static enum options_result parse(struct options *o, const char *line)
{
	static char copy[512];
	char *argv[40];
	int argc = 0;

	strncpy(copy, line, sizeof(copy) - 1);
	for (char *word = strtok(copy, " "); word; word = strtok(NULL, " "))
		argv[argc++] = word;
	argv[argc] = NULL;
	return np_options_parse(o, argc, argv);
}

#define LEAST "np --region r --listen 1.2.3.4:5 --sp a=1 "

static void test_lines(void)
{
	static const char *const bad[] = {
		"np", "np --region r --listen 1.2.3.4:5", "np --region r --sp a=1",
		"np --listen 1.2.3.4:5 --sp a=1", LEAST "more", LEAST "--sp a=2",
		LEAST "--max-connections 0", LEAST "--max-connections 4097",
		LEAST "--ready-fd -1", LEAST "--ready-fd x",
		LEAST "--handshake-timeout 0", LEAST "--stall-timeout 0",
		LEAST "--idle-timeout 86401", LEAST "--bogus", LEAST "--region",
		LEAST "--sp b=1 --sp c=1 --sp d=1 --sp e=1 --sp f=1 --sp g=1 "
		"--sp h=1 --sp i=1",
	};
	struct options o;

	is(parse(&o, LEAST), OPTIONS_RUN, "the least");
	ok(!strcmp(o.region, "r") && o.n_listen == 1 && o.n_sps == 1 &&
	   o.ready_fd == -1 && o.connections_max == 256 && !o.idle_seconds &&
	   o.handshake_seconds == 30 && o.stall_seconds == 60 && !o.is_verbose,
	   "its defaults");
	is(parse(&o, LEAST "--sp b=0 --listen [::]:0 --ready-fd 3 -v "
		 "--max-connections 4096 --idle-timeout 1 --handshake-timeout 2 "
		 "--stall-timeout 3"), OPTIONS_RUN, "everything");
	ok(o.n_sps == 2 && !strcmp(o.sp[1].name, "b") && o.n_listen == 2 &&
	   o.ready_fd == 3 && o.is_verbose && o.connections_max == 4096 &&
	   o.idle_seconds == 1 && o.handshake_seconds == 2 &&
	   o.stall_seconds == 3, "its values");
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		is(parse(&o, bad[i]), OPTIONS_BAD, "not '%s'", bad[i]);
}

int main(void)
{
	log_init("np-options", LOG_LEVEL_ERROR);
	test_listen();
	test_sp();
	test_lines();
	return done_testing();
}
