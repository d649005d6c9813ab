// SPDX-License-Identifier: MIT
/*
 * Goal: arena-np takes each option of its command line, or refuses the whole line.
 * Method: tables of good and bad values, and whole command lines.
 */
#include <np/options.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tap.h"

/* Split @line at blanks and parse it. A line that is refused ends the process. */
static void parse(struct options *o, const char *line)
{
	static char copy[EXPORT_NAME_MAX + 1024];
	char *argv[100];
	int argc = 0;

	strncpy(copy, line, sizeof(copy) - 1);
	for (char *word = strtok(copy, " "); word; word = strtok(NULL, " "))
		argv[argc++] = word;
	argv[argc] = NULL;
	np_options_parse(o, argc, argv);
}

/* Return: the status with which a process ends that parses @line; -1 if it continues. */
static int status_of(const char *line)
{
	struct options o;
	int status = 0;
	pid_t pid = fork();

	if (!pid) {
		if (freopen("/dev/null", "w", stderr))
			parse(&o, line);
		_exit(99);
	}
	waitpid(pid, &status, 0);
	return WEXITSTATUS(status) == 99 ? -1 : WEXITSTATUS(status);
}

#define EIGHT_SPS(name)	\
	"--sp " name "0=3,4,5 --sp " name "1=3,4,5 --sp " name "2=3,4,5 --sp " name "3=3,4,5 " \
	"--sp " name "4=3,4,5 --sp " name "5=3,4,5 --sp " name "6=3,4,5 --sp " name "7=3,4,5 "
#define INHERITED "--control-fd 6 --layout-fd 7 "
#define LEAST "np --region r --listen 1.2.3.4:5 --sp a=3,4,5 " INHERITED

static void good_lines(void)
{
	struct options o;

	parse(&o, LEAST);
	ok(!strcmp(o.region, "r") && o.listen.n == 1 && o.exports.n == 1 &&
	   o.ready_fd == -1 && o.connections_max == 256 && !o.idle_seconds &&
	   o.handshake_seconds == 30 && o.stall_seconds == 60 && !o.is_verbose &&
	   o.log_format == LOG_FORMAT_TEXT &&
	   o.transport == PROTO_TRANSPORT_HYBRID && o.wait == ARENA_WAIT_SLEEP &&
	   o.zerocopy == ZEROCOPY_AUTO && !o.client_connections_max &&
	   o.listen.backlog == 128 && o.listen.unreachable_seconds == 60 &&
	   o.listen.mode == 0600 && o.listen.uid == (uid_t)-1 && o.listen.gid == (gid_t)-1,
	   "the shortest command line leaves all other options at their defaults");
	parse(&o, LEAST "--sp b=0,1,2 --listen [::]:0 --ready-fd 3 -v --id 15 "
	      "--max-connections 4086 --idle-timeout 1 --handshake-timeout 2 "
	      "--stall-timeout 3 --transport msg-ring --wait adapt "
	      "--zerocopy-threshold 64K --max-connections-per-client 9 --backlog 7 "
	      "--unreachable-timeout 0 --socket-mode 660 --socket-user root "
	      "--socket-group root --listen unix:/a --listen fd:7 --listen systemd "
	      "--listen systemd:x --tls require --tls-certificates /c --tls-psk /k "
	      "--tls-verify-clients --log-format json");
	ok(o.id == 15 && o.exports.n == 2 && !strcmp(o.exports.export[1].name, "b") &&
	   o.listen.n == 6 && o.ready_fd == 3 && o.is_verbose && o.connections_max == 4086 &&
	   o.log_format == LOG_FORMAT_JSON &&
	   o.idle_seconds == 1 && o.handshake_seconds == 2 &&
	   o.stall_seconds == 3 && o.transport == PROTO_TRANSPORT_MSG_RING &&
	   o.wait == ARENA_WAIT_ADAPT && o.zerocopy == 65536,
	   "a command line with every option sets each value");
	ok(o.tls == NEGOTIATION_TLS_REQUIRE && !strcmp(o.tls_files.folder, "/c") &&
	   !strcmp(o.tls_files.psk, "/k") && o.tls_files.verifies_clients,
	   "the options of TLS set their values");
	ok(o.client_connections_max == 9 && o.listen.backlog == 7 &&
	   !o.listen.unreachable_seconds && o.listen.mode == 0660 && !o.listen.uid &&
	   !o.listen.gid, "the options of listening sockets set their values");
	ok(o.listen.place[2].kind == LISTEN_ADDRESS && o.listen.place[3].kind == LISTEN_FD &&
	   o.listen.place[3].fd == 7 && o.listen.place[4].kind == LISTEN_SYSTEMD &&
	   !o.listen.place[4].name && !strcmp(o.listen.place[5].name, "x"),
	   "the places to listen keep their order and their kinds");
}

static void bad_lines(void)
{
	static const char *const bad[] = {
		"np", "np --region r --listen 1.2.3.4:5 " INHERITED,
		"np --region r --sp a=3,4,5 " INHERITED,
		"np --listen 1.2.3.4:5 --sp a=3,4,5 " INHERITED,
		"np --region r --listen 1.2.3.4:5 --sp a=3,4,5 --control-fd 6",
		"np --region r --listen 1.2.3.4:5 --sp a=3,4,5 --layout-fd 7",
		LEAST "more", LEAST "--sp a=3,4,5", LEAST "--control-fd x",
		LEAST "--layout-fd -1",
		LEAST "--max-connections 0", LEAST "--max-connections 4089",
		LEAST "--ready-fd -1", LEAST "--ready-fd x", LEAST "--listen 1.2.3.4",
		LEAST "--handshake-timeout 0", LEAST "--stall-timeout 0",
		LEAST "--idle-timeout 86401", LEAST "--bogus", LEAST "--region",
		LEAST "--region=", LEAST "--transport socket", LEAST "--wait never",
		LEAST "--zerocopy-threshold 0", LEAST "--zerocopy-threshold 4G",
		LEAST "--verbose=yes", LEAST "--log-format xml", LEAST "--id 16",
		LEAST "--allow a", LEAST "--allow a=", LEAST "--allow b=unix", LEAST "--allow a=here", LEAST "--description a",
		LEAST "--default-export b", LEAST "--no-disk a=wait", LEAST "--no-disk b=hide",
		/* There are more than PROTO_MAX_SPS. */
		LEAST EIGHT_SPS("b") EIGHT_SPS("c") EIGHT_SPS("d") EIGHT_SPS("e"),
	};

	is(status_of(LEAST), -1, "the shortest command line is accepted");
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		is(status_of(bad[i]), 2,
		   "the command line \"%s\" is refused with status 2", bad[i]);
}

#define LINE	"np --region r --listen 1.1.1.1:1 " INHERITED

static void test_sps(void)
{
	static const char *const bad[] = {
		"=", "=1,2", "a", "a=", "a=1", "a=1,2", "a=1,2,", "a=1,2,3,4", "a=-1,2,3",
		"a=1,2,3x", "a=1,,3", "a=1,2,2147483648", "a=1, 2,3",
	};
	char line[EXPORT_NAME_MAX + 100];
	struct options o;

	parse(&o, LINE "--sp disk0=17,18,19 --sp a=b=0,1,2");
	ok(!strcmp(o.exports.export[0].name, "disk0") && o.sp[0].own.ring == 17 &&
	   o.sp[0].own.memory == 18 && o.sp[0].peer == 19,
	   "--sp disk0=17,18,19 is an export disk0 with these descriptors");
	ok(!strcmp(o.exports.export[1].name, "a=b") && !o.sp[1].own.ring && o.sp[1].peer == 2,
	   "the last equals sign of --sp a=b=0,1,2 ends the name");
	ok(o.control_fd == 6 && o.layout_fd == 7,
	   "--control-fd and --layout-fd are the descriptors that they name");
	parse(&o, LINE "--sp =1,2,3 --sp =4,5,6");
	ok(export_is_vacant(&o.exports.export[0]) && export_is_vacant(&o.exports.export[1]) &&
	   o.exports.n == 2 && o.sp[1].peer == 6,
	   "without a name there are only descriptors, for an export to come");
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		snprintf(line, sizeof(line), LINE "--sp %s", bad[i]);
		is(status_of(line), 2, "\"%s\" is refused as NAME=RING,MEMORY,PEER", bad[i]);
	}
	is(status_of(LINE "--sp a\xff=1,2,3"), 2, "an export's name that is no UTF-8 is refused");
	snprintf(line, sizeof(line), LINE "--sp %0*d=1,2,3", EXPORT_NAME_MAX, 0);
	is(status_of(line), -1, "an export's name of %d bytes is accepted", EXPORT_NAME_MAX);
	snprintf(line, sizeof(line), LINE "--sp %0*d=1,2,3", EXPORT_NAME_MAX + 1, 0);
	is(status_of(line), 2, "an export's name of a byte more is refused");
}

static void test_exports(void)
{
	struct options o;

	parse(&o, LINE "--sp a=1,2,3 --sp b=4,5,6 --description a=x=y --allow b=unix "
	      "--allow b=psk:me --default-export b --no-disk a=refuse");
	ok(!strcmp(o.exports.export[0].description, "x=y") && !o.exports.export[1].description,
	   "--description describes the export that it names");
	ok(!o.exports.export[0].access.n && o.exports.export[1].access.n == 2,
	   "each --allow adds a rule to the export that it names");
	is(export_set_default(&o.exports), 1, "--default-export chooses the default export");
	ok(o.exports.export[0].no_disk == EXPORT_REFUSE && !o.exports.export[1].no_disk,
	   "--no-disk is about the export that it names");
	parse(&o, LINE "--sp a=1,2,3 --sp b=4,5,6");
	is(export_set_default(&o.exports), -1, "of two exports none is the default one unasked");
	parse(&o, LINE "--sp a=1,2,3");
	is(export_set_default(&o.exports), 0, "a single export is the default one");
	is(status_of(LINE "--description a=x --sp a=1,2,3"), 2,
	   "--description is refused before the --sp of its export");
}

int main(void)
{
	test_sps();
	test_exports();
	good_lines();
	bad_lines();
	return done_testing();
}
