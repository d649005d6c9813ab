// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include <common/log.h>
#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "measures.h"

/*
 * Every process waits, logs, uses memory, and ends, maybe by abort(3). A thread that was started
 * just before the filter registers itself afterwards.
 */
static const char *const common[] = {
	"brk", "clock_gettime", "close", "exit", "exit_group", "fstat", "futex", "getpid", "gettid",
	"io_uring_enter", "io_uring_register", "poll", "ppoll", "read", "restart_syscall", "rseq",
	"rt_sigprocmask", "rt_sigreturn", "rt_sigtimedwait", "sched_yield", "set_robust_list",
	"write", "writev", NULL,
};

static const char *const remove_files[] = { "lstat", "newfstatat", "unlink", "unlinkat", NULL };

static const char *const sanitizer[] = {
	"arch_prctl", "clock_nanosleep", "clone", "clone3", "dup", "fcntl", "getdents64", "getppid",
	"getrlimit", "ioctl", "kill", "lseek", "madvise", "mincore", "mmap", "mprotect",
	"mremap", "munmap", "nanosleep",
	"newfstatat", "open", "openat", "pipe2", "prctl", "prlimit64", "process_vm_readv",
	"ptrace", "readlink", "readlinkat", "rt_sigaction", "sched_getaffinity", "sigaltstack",
	"tgkill", "uname", "wait4", NULL,
};

/* No list allows this one, which every kernel of this architecture refuses anyway. */
#define NEVER_ALLOWED	SYS_uselib

/*
 * The kernel has not carried out the call. The signal is blocked here, so the next forbidden call
 * kills the process, and rt_sigaction(2) is forbidden, so no other handler can take its place.
 */
static void on_forbidden_call(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	(void)context;
	log_error("sandbox: system call %d is not on this program's list: killing the process"
		  LOG_REPORT, info->si_syscall);
	syscall(NEVER_ALLOWED, NULL);
	_exit(1);
}

static int catch_forbidden_calls(void)
{
	struct sigaction action = { .sa_sigaction = on_forbidden_call, .sa_flags = SA_SIGINFO };

	sigfillset(&action.sa_mask);
	return sigaction(SIGSYS, &action, NULL) ? -errno : 0;
}

/* Names that this architecture does not have are left out. */
static int allow(scmp_filter_ctx ctx, const char *const *names)
{
	int ret = 0;

	for (; *names && !ret; names++) {
		int call = seccomp_syscall_resolve_name(*names);

		if (call >= 0)
			ret = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, call, 0);
		if (ret == -EEXIST)
			ret = 0;
	}
	return ret;
}

static int allow_rule(scmp_filter_ctx ctx, const struct sandbox_rule *rule)
{
	struct scmp_arg_cmp all[SANDBOX_RULE_ARGUMENTS];

	for (unsigned int i = 0; i < rule->n; i++)
		all[i] = SCMP_CMP(rule->argument[i].index, SCMP_CMP_MASKED_EQ, UINT32_MAX,
				  rule->argument[i].value);
	return seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW,
				      seccomp_syscall_resolve_name(rule->call), rule->n, all);
}

static int allow_rules(scmp_filter_ctx ctx, const struct sandbox_rule *rule)
{
	int ret = 0;

	for (; rule && rule->call && !ret; rule++)
		ret = allow_rule(ctx, rule);
	return ret;
}

/* Allow a call if one of its arguments has one of some values. */
static int allow_values(scmp_filter_ctx ctx, int call, unsigned int argument,
			const scmp_datum_t *values, size_t n)
{
	int ret = 0;

	for (size_t i = 0; i < n && !ret; i++) {
		const struct scmp_arg_cmp one = SCMP_CMP(argument, SCMP_CMP_EQ, values[i], 0);

		ret = seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, call, 1, &one);
	}
	return ret;
}

/*
 * Not F_SETOWN and F_SETSIG, by which a file can send any signal to any process, and not F_SETFL:
 * other NPs have the same listening sockets, and would wait for clients if these were blocking. Not
 * F_OFD_SETLK, as the claims of a role and of a disk last until the kernel ends them.
 */
static int allow_fcntl(scmp_filter_ctx ctx)
{
	static const scmp_datum_t commands[] = {
		F_DUPFD_CLOEXEC, F_GETFD, F_SETFD, F_GETFL, F_ADD_SEALS,
		F_GET_SEALS,
	};

	return allow_values(ctx, SCMP_SYS(fcntl), 1, commands,
			    sizeof(commands) / sizeof(commands[0]));
}

/*
 * Not MADV_REMOVE: the pages of a mailbox stay with its ring, and a successor in the role would
 * map others.
 */
static int allow_madvise(scmp_filter_ctx ctx)
{
	static const scmp_datum_t advice[] = {
		MADV_DONTNEED, MADV_FREE, MADV_HUGEPAGE, MADV_NOHUGEPAGE, MADV_DONTFORK,
		MADV_WIPEONFORK,
	};

	return allow_values(ctx, SCMP_SYS(madvise), 2, advice, sizeof(advice) / sizeof(advice[0]));
}

/* Most arguments to be compared, besides those of the place. */
#define MORE	2U

/* Allow a call on addresses and bytes that lie outside of the range that is kept. */
static int allow_outside(scmp_filter_ctx ctx, const struct sandbox_profile *p, int call,
			 const struct scmp_arg_cmp *more, unsigned int n)
{
	struct scmp_arg_cmp below[2 + MORE] = {
		SCMP_A0(SCMP_CMP_LT, p->kept_from - p->kept_bytes, 0),
		SCMP_A1(SCMP_CMP_LE, p->kept_bytes, 0),
	};
	struct scmp_arg_cmp above[1 + MORE] = {
		SCMP_A0(SCMP_CMP_GE, p->kept_from + p->kept_bytes, 0),
	};
	int ret;

	if (!p->kept_bytes)
		return seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, call, n, more);
	for (unsigned int i = 0; i < n; i++) {
		below[2 + i] = more[i];
		above[1 + i] = more[i];
	}
	ret = seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, call, 2 + n, below);
	return ret ? ret : seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, call, 1 + n, above);
}

/*
 * Memory is never executable, and new memory is never that of a file, such as a ring of another
 * process. The region stays where it is: RLIMIT_AS counts it, and a process that could unmap it
 * would have as much memory in its place.
 */
static int allow_memory(scmp_filter_ctx ctx, const struct sandbox_profile *p)
{
	const struct scmp_arg_cmp data = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
	const struct scmp_arg_cmp anew[] = {
		data, SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_ANONYMOUS, MAP_ANONYMOUS),
	};
	const struct scmp_arg_cmp anywhere =
		SCMP_A3(SCMP_CMP_MASKED_EQ, MREMAP_FIXED | MREMAP_DONTUNMAP, 0);
	int ret = allow_outside(ctx, p, SCMP_SYS(mmap), anew, 2);

	if (!ret)
		ret = allow_outside(ctx, p, SCMP_SYS(mremap), &anywhere, 1);
	if (!ret)
		ret = allow_outside(ctx, p, SCMP_SYS(munmap), NULL, 0);
	return ret ? ret : seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
						  &data);
}

/* abort(3) signals this process only. */
static int allow_narrowly(scmp_filter_ctx ctx, const struct sandbox_profile *p)
{
	const struct scmp_arg_cmp request = SCMP_A1(SCMP_CMP_MASKED_EQ, UINT32_MAX, p->ioctl);
	const struct scmp_arg_cmp self = SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0);
	int ret = allow_memory(ctx, p);

	if (!ret)
		ret = allow_fcntl(ctx);
	if (!ret)
		ret = allow_madvise(ctx);
	if (!ret && p->ioctl)
		ret = seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1, &request);
	return ret ? ret : seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1, &self);
}

static int load(scmp_filter_ctx ctx, const struct sandbox_profile *p)
{
	int ret = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1);

	/* Calls of other architectures, such as those of 32 bits, have no list. */
	if (!ret)
		ret = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (!ret)
		ret = allow(ctx, common);
	if (!ret)
		ret = allow(ctx, p->calls);
	if (!ret)
		ret = allow_rules(ctx, p->rules);
	if (!ret && p->n_folders)
		ret = allow(ctx, remove_files);
	if (!ret)
		ret = SANDBOX_FOR_SANITIZER ? allow(ctx, sanitizer) : allow_narrowly(ctx, p);
	return ret ? ret : seccomp_load(ctx);
}

int sandbox_filter(const struct sandbox_profile *p)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_TRAP);
	int ret = ctx ? catch_forbidden_calls() : -ENOMEM;

	if (!ret)
		ret = load(ctx, p);
	if (ctx)
		seccomp_release(ctx);
	return sandbox_result(p, "a filter of system calls", SANDBOX_FILTER, ret);
}
