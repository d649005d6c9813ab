// SPDX-License-Identifier: MIT
/*
 * Executes a program to which a system call is forbidden, as it is in many containers.
 *
 *	forbid CALL PROGRAM ARGUMENT...
 *
 * The call gets EPERM.
 */
#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int call = argc > 2 ? seccomp_syscall_resolve_name(argv[1]) : __NR_SCMP_ERROR;

	if (!filter || call == __NR_SCMP_ERROR ||
	    seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), call, 0) || seccomp_load(filter)) {
		fprintf(stderr, "forbid: cannot forbid %s\n", argc > 1 ? argv[1] : "nothing");
		return 125;
	}
	execv(argv[2], argv + 2);
	perror(argv[2]);
	return 127;
}
