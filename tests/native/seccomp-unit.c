// SPDX-License-Identifier: MIT
/*
 * Prints what the filters of system calls of a running process forbid, as settings of a unit of
 * systemd, so that `systemd-analyze security` can judge them.
 *
 * Usage: seccomp-unit PID
 *
 * The filters are those that the kernel has (PTRACE_SECCOMP_GET_FILTER), and each of them is
 * followed through all its branches. An argument of which nothing is known takes both sides of a
 * comparison, so a call counts as allowed if any arguments of it are. Needs CAP_SYS_ADMIN, and
 * stops the process for a moment. Exit status: 0, or 1 with a message.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <error.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* systemd makes one for each of many settings, and they go to what arenad starts. */
#define MAX_FILTERS	128
#define N_CALLS		1024
#define X32		0x40000000U

/* A call whose argument @index is @value, if that is not NONE. */
struct call {
	uint32_t arch;
	uint32_t number;
	unsigned int index;
	uint32_t value;
};

#define NONE	~0U

struct word {
	bool is_known;
	uint32_t value;
};

static struct sock_fprog filters[MAX_FILTERS];
static int n_filters;

static struct word load(const struct call *call, uint32_t offset)
{
	const uint32_t argument = offsetof(struct seccomp_data, args) + call->index * 8;

	if (offset == offsetof(struct seccomp_data, nr))
		return (struct word){ true, call->number };
	if (offset == offsetof(struct seccomp_data, arch))
		return (struct word){ true, call->arch };
	if (call->index != NONE && offset == argument)
		return (struct word){ true, call->value };
	if (call->index != NONE && offset == argument + 4)
		return (struct word){ true, 0 };
	return (struct word){ false, 0 };
}

static bool holds(uint16_t code, uint32_t a, uint32_t k)
{
	switch (BPF_OP(code)) {
	case BPF_JEQ: return a == k;
	case BPF_JGT: return a > k;
	case BPF_JGE: return a >= k;
	case BPF_JSET: return a & k;
	}
	error(1, 0, "unknown jump %#x", code);
	return true;
}

/* A call that is only logged is carried out. */
static bool is_carried_out(uint32_t action)
{
	return action == SECCOMP_RET_ALLOW || action == SECCOMP_RET_LOG;
}

/* Jumps lead forward only, so this ends. */
static bool may_allow(const struct sock_fprog *filter, unsigned int at, struct word a,
		      const struct call *call)
{
	for (; at < filter->len; at++) {
		const struct sock_filter *f = &filter->filter[at];

		switch (f->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			a = load(call, f->k);
			continue;
		case BPF_ALU | BPF_AND | BPF_K:
			a.value &= f->k;
			continue;
		case BPF_JMP | BPF_JA:
			at += f->k;
			continue;
		case BPF_RET | BPF_K:
			return is_carried_out(f->k & SECCOMP_RET_ACTION_FULL);
		}
		if (BPF_CLASS(f->code) != BPF_JMP || BPF_SRC(f->code) != BPF_K)
			error(1, 0, "unknown instruction %#x", f->code);
		if (!a.is_known && may_allow(filter, at + 1 + f->jt, a, call))
			return true;
		at += a.is_known && holds(f->code, a.value, f->k) ? f->jt : f->jf;
	}
	error(1, 0, "a filter without an end");
	return true;
}

static bool is_allowed(const struct call *call)
{
	for (int i = 0; i < n_filters; i++)
		if (!may_allow(&filters[i], 0, (struct word){ false, 0 }, call))
			return false;
	return true;
}

static bool is_native_allowed(uint32_t number, unsigned int index, uint32_t value)
{
	return is_allowed(&(struct call){ AUDIT_ARCH_X86_64, number, index, value });
}

static void read_filters(pid_t pid)
{
	int status;

	if (ptrace(PTRACE_SEIZE, pid, NULL, NULL) || ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) ||
	    waitpid(pid, &status, __WALL) != pid)
		error(1, errno, "process %d cannot be stopped", pid);
	for (; n_filters < MAX_FILTERS; n_filters++) {
		struct sock_fprog *filter = &filters[n_filters];
		long n = ptrace(PTRACE_SECCOMP_GET_FILTER, pid, n_filters, NULL);

		/* EINVAL: it has none at all. */
		if (n < 0 && (errno == ENOENT || (errno == EINVAL && !n_filters)))
			break;
		if (n >= 0)
			filter->filter = calloc((size_t)n, sizeof(*filter->filter));
		if (n < 0 || !filter->filter ||
		    ptrace(PTRACE_SECCOMP_GET_FILTER, pid, n_filters, filter->filter) != n)
			error(1, errno, "filter %d of process %d cannot be read", n_filters, pid);
		filter->len = (unsigned short)n;
	}
	if (n_filters == MAX_FILTERS)
		error(1, 0, "process %d has more than %d filters", pid, MAX_FILTERS);
	ptrace(PTRACE_DETACH, pid, NULL, NULL);
}

static bool has_foreign_calls(void)
{
	for (uint32_t i = 0; i < N_CALLS; i++)
		if (is_allowed(&(struct call){ AUDIT_ARCH_I386, i, NONE, 0 }) ||
		    is_allowed(&(struct call){ AUDIT_ARCH_X86_64, i | X32, NONE, 0 }))
			return true;
	return false;
}

/* systemd forbids the same: memory that is both, that becomes code, or that is code and shared. */
static bool can_make_code(void)
{
	for (uint32_t more = 0; more <= PROT_READ; more += PROT_READ)
		if (is_native_allowed(SYS_mmap, 2, PROT_WRITE | PROT_EXEC | more) ||
		    is_native_allowed(SYS_mprotect, 2, PROT_EXEC | more) ||
		    is_native_allowed(SYS_pkey_mprotect, 2, PROT_EXEC | more))
			return true;
	return is_native_allowed(SYS_shmat, NONE, 0);
}

int main(int argc, char **argv)
{
	if (argc != 2 || atoi(argv[1]) <= 0)
		error(1, 0, "usage: seccomp-unit PID");
	read_filters(atoi(argv[1]));
	if (!has_foreign_calls())
		puts("SystemCallArchitectures=native");
	if (!can_make_code())
		puts("MemoryDenyWriteExecute=yes");
	if (!n_filters)
		return 0;
	for (uint32_t i = 0; i < N_CALLS; i++) {
		char *name;

		if (!is_native_allowed(i, NONE, 0))
			continue;
		name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_X86_64, (int)i);
		if (!name)
			error(1, 0, "system call %u is allowed, and has no name here", i);
		printf("SystemCallFilter=%s\n", name);
		free(name);
	}
	return 0;
}
