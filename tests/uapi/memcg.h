/* SPDX-License-Identifier: MIT */
/* Helpers for tests that look at the bytes that a memory cgroup is charged with. */
#ifndef UAPI_MEMCG_H
#define UAPI_MEMCG_H

#include "util.h"

#include <sys/klog.h>

#define CGROUPS "/sys/fs/cgroup"
#define GROUP CGROUPS "/test-msharearena"

static inline void group_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		bail("%s: %s", path, strerror(errno));
	close(fd);
}

/* The bytes that the cgroup is charged with now. */
static inline long group_bytes(void)
{
	return read_long(GROUP "/memory.current");
}

/* False where the kernel has no memory cgroups. */
static inline bool group_begin(void)
{
	char text[256] = "";
	int fd = open(CGROUPS "/cgroup.controllers", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || read(fd, text, sizeof(text) - 1) < 0)
		text[0] = '\0';
	if (fd >= 0)
		close(fd);
	if (!strstr(text, "memory"))
		return false;
	group_write(CGROUPS "/cgroup.subtree_control", "+memory");
	if (mkdir(GROUP, 0755))
		bail("mkdir " GROUP ": %s", strerror(errno));
	return true;
}

/* The kernel returns the last of the charged bytes some time later. */
static inline void group_end(void)
{
	for (int ms = 0; ms < 10000 && rmdir(GROUP); ms++)
		usleep(1000);
}

/* Call fn(arg) in the cgroup, in a process that the OOM killer leaves alone. */
static inline int in_group(int (*fn)(void *arg), void *arg)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		group_write(GROUP "/cgroup.procs", "0");
		group_write("/proc/self/oom_score_adj", "-1000");
		mlockall(MCL_CURRENT);
		_exit(fn(arg));
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/*
 * The kernel logs a call trace if the OOM killer finds no process. Where a test makes that
 * happen, the log must be quiet about it; other bad messages are looked for here.
 */
static inline void oom_log_begin(void)
{
	group_write("/sys/module/printk/parameters/ignore_loglevel", "N");
	klogctl(8, NULL, 1);
}

static inline void oom_log_end(void)
{
	is(system("f=$(mktemp) && sed -E '/^(#|$|Call Trace)/d' tests/vm/dmesg-bad >$f && "
		  "! dmesg --notime | sed '1,/harness: .*begins/d' | grep -aE -f $f; "
		  "ret=$?; rm $f; exit $ret"), 0,
	   "the kernel's log has no bad message but that there was no memory");
	klogctl(5, NULL, 0);
	klogctl(8, NULL, 7);
	group_write("/sys/module/printk/parameters/ignore_loglevel", "Y");
}

#endif /* UAPI_MEMCG_H */
