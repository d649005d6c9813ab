// SPDX-License-Identifier: MIT
/*
 * NVMe controllers that a test makes up: a library that is loaded into arena-metrics by LD_PRELOAD
 * and takes the place of three calls of libnvme. The file $FAKE_NVME has 513 bytes for each of four
 * controllers, and may be changed at any time: a letter, and the log page SMART.
 *
 *	r  it tells its log			s  it answers with a status of NVMe
 *	h  it hangs, until the letter changes	e  it cannot be asked
 *	n  it says that it has told its log, and has not
 *	f  looking for controllers fails	any other letter: it is not there
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <libnvme.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define CONTROLLERS	4U
/* The status of a field that is wrong. */
#define STATUS		2

struct controller {
	volatile char how;
	uint8_t log[512];
};

static const struct controller *controllers;
/* That of the last nvme_open(). */
static unsigned int opened;

/* The file cannot be opened any more when the program is in its sandbox. */
__attribute__((constructor))
static void begin(void)
{
	const char *path = getenv("FAKE_NVME");
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	void *at = fd < 0 ? MAP_FAILED : mmap(NULL, CONTROLLERS * sizeof(struct controller),
					      PROT_READ, MAP_SHARED, fd, 0);

	if (fd >= 0)
		close(fd);
	controllers = at == MAP_FAILED ? NULL : at;
}

static int is_there(unsigned int i)
{
	return controllers && controllers[i].how && strchr("rhsen", controllers[i].how);
}

int nvme_scan_ctrls(struct dirent ***ctrls)
{
	struct dirent **all = calloc(CONTROLLERS, sizeof(struct dirent *));
	int n = 0;

	for (unsigned int i = 0; all && i < CONTROLLERS; i++) {
		if (controllers && controllers[i].how == 'f') {
			errno = EACCES;
			return -1;
		}
		if (!is_there(i))
			continue;
		all[n] = calloc(1, sizeof(struct dirent));
		if (all[n])
			snprintf(all[n++]->d_name, sizeof(all[n]->d_name), "nvme%u", i);
	}
	*ctrls = all;
	return all ? n : -1;
}

int nvme_open(const char *name)
{
	opened = (unsigned int)atoi(name + strlen("nvme"));
	if (opened < CONTROLLERS && is_there(opened) && controllers[opened].how != 'e')
		return open("/dev/null", O_RDONLY);
	errno = ENODEV;
	return -1;
}

int nvme_get_log(struct nvme_get_log_args *args)
{
	const struct controller *c = &controllers[opened];

	while (c->how == 'h')
		poll(NULL, 0, 20);
	if (c->how == 's')
		return STATUS;
	if (c->how == 'n')
		return 0;
	if (args->lid != NVME_LOG_LID_SMART || args->nsid != NVME_NSID_ALL || !args->rae ||
	    args->len != sizeof(c->log)) {
		errno = EINVAL;
		return -1;
	}
	memcpy(args->log, c->log, sizeof(c->log));
	return 0;
}
