// SPDX-License-Identifier: GPL-2.0
/*
 * Process 1 of the initramfs for a kernel whose disk driver or file system is a module.
 * It loads the modules that lie beside it, in the order of their names, mounts the root
 * and executes the init that the command line names, as a kernel with built-in drivers
 * would do. The initramfs has no libraries, so it is linked statically.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

/* Values from the command line, on which the last of several words counts. */
static unsigned int signature;
static char init[256] = "/sbin/init";

/* Messages go to the kernel's log, as there is nothing else yet. */
static void say(const char *format, ...)
{
	FILE *f = fopen("/dev/kmsg", "we");
	va_list args;

	if (!f)
		return;
	va_start(args, format);
	fputs("early-init: ", f);
	vfprintf(f, format, args);
	fputc('\n', f);
	va_end(args);
	fclose(f);
}

/* The kernel panics when process 1 ends, which ends the machine. */
static _Noreturn void end(const char *what)
{
	say("%s: %s", what, strerror(errno));
	exit(1);
}

static void read_command_line(void)
{
	static char line[4096];
	FILE *f = fopen("/proc/cmdline", "re");

	if (!f || !fgets(line, sizeof(line), f))
		end("/proc/cmdline");
	fclose(f);
	for (char *word = strtok(line, "\n "); word; word = strtok(NULL, "\n ")) {
		if (sscanf(word, "root=PARTUUID=%x-01", &signature) == 1)
			continue;
		if (!strncmp(word, "init=", 5))
			snprintf(init, sizeof(init), "%s", word + 5);
	}
}

static int is_module(const struct dirent *entry)
{
	const char *dot = strrchr(entry->d_name, '.');

	return dot && !strcmp(dot, ".ko");
}

static void load_modules(void)
{
	struct dirent **entries;
	int n = scandir("/", &entries, is_module, alphasort);

	for (int i = 0; i < n; i++) {
		int fd = open(entries[i]->d_name, O_RDONLY | O_CLOEXEC);

		if (fd < 0 || syscall(SYS_finit_module, fd, "", 0))
			say("%s: %s", entries[i]->d_name, strerror(errno));
		close(fd);
	}
}

/* Find the first partition of the disk whose partition table has the signature. */
static int find_root(char *name, size_t size)
{
	DIR *dir = opendir("/dev");
	struct dirent *entry;
	int found = 0;

	while (dir && !found && (entry = readdir(dir))) {
		uint32_t here = 0;
		int fd;

		if (strncmp(entry->d_name, "nvme", 4) || strchr(entry->d_name, 'p'))
			continue;
		snprintf(name, size, "/dev/%s", entry->d_name);
		fd = open(name, O_RDONLY | O_CLOEXEC);
		found = fd >= 0 && pread(fd, &here, 4, 440) == 4 && here == signature;
		if (fd >= 0)
			close(fd);
		if (found)
			snprintf(name, size, "/dev/%sp1", entry->d_name);
	}
	if (dir)
		closedir(dir);
	return found && !access(name, F_OK);
}

int main(void)
{
	char name[300];

	if (mount("proc", "/proc", "proc", 0, NULL) || mount("dev", "/dev", "devtmpfs", 0, NULL))
		end("/proc and /dev");
	read_command_line();
	load_modules();
	/* A disk appears some time after its driver was loaded. */
	for (int i = 0; !find_root(name, sizeof(name)); i++) {
		if (i == 600)
			end("no disk has the root");
		usleep(100000);
	}
	if (mount(name, "/root", "ext4", 0, NULL))
		end(name);
	umount2("/proc", MNT_DETACH);
	umount2("/dev", MNT_DETACH);
	if (chdir("/root") || mount(".", "/", NULL, MS_MOVE, NULL) || chroot(".") || chdir("/"))
		end("the new root");
	execl(init, init, NULL);
	return 1;
}
