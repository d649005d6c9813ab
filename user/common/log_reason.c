// SPDX-License-Identifier: MIT
#include "log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct remedy {
	int err;
	const char *text;
} remedies[] = {
	{ EPERM, "this process needs a right to it" },
	{ EACCES, "the user of this process needs a right to it" },
	{ ENOMEM, "free memory, or let the process have more (MemoryMax=, LimitMEMLOCK=)" },
	{ ENOBUFS, "free memory" },
	{ EMFILE, "raise the limit of open files (LimitNOFILE=)" },
	{ ENFILE, "raise fs.file-max, or --max-connections" },
	{ EAGAIN, "try again, and raise TasksMax= if it stays so" },
	{ EINTR, "try again" },
	{ ECANCELED, "try again" },
	{ ESTALE, "try again" },
	{ EBUSY, "end what uses it, and try again" },
	{ ETXTBSY, "end what uses it, and try again" },
	{ EEXIST, "remove what is there, or choose another name" },
	{ ENOENT, "check the name" },
	{ ENOTDIR, "check the name" },
	{ EISDIR, "check the name" },
	{ ELOOP, "check the name" },
	{ ENAMETOOLONG, "choose a shorter name" },
	{ ENOSPC, "free space there" },
	{ EDQUOT, "free space there" },
	{ EFBIG, "choose a smaller size" },
	{ EROFS, "choose a place that can be written" },
	{ ENOEXEC, "check that it is a program for this machine" },
	{ EADDRINUSE, "end who listens there, or choose another address" },
	{ EADDRNOTAVAIL, "choose an address that this machine has" },
	{ EAFNOSUPPORT, "choose an address of a kind that this kernel has" },
	{ ENOSYS, "use a kernel that has it, or allow it in the filter of this process" },
	{ EOPNOTSUPP, "use a kernel, a file system or a device that can do it" },
	{ ENODEV, "look whether the device, or the module of the kernel, is there" },
	{ ENXIO, "look whether the device, or the module of the kernel, is there" },
	{ EIO, "the kernel's log may say more" },
	{ EPIPE, "the log of the other side may say why" },
	{ ECONNRESET, "the log of the other side may say why" },
	{ ECONNREFUSED, "the log of the other side may say why" },
	{ ECONNABORTED, "the log of the other side may say why" },
	{ ENOTCONN, "the log of the other side may say why" },
	{ EPROTO, "the log of the other side may say why" },
	{ EOWNERDEAD, "the log of the other side may say why" },
	{ ETIMEDOUT, "the log of the other side, or that of the kernel, may say why" },
	{ EHOSTUNREACH, "look at the network" },
	{ ENETUNREACH, "look at the network" },
	{ ENETDOWN, "look at the network" },
	{ ESRCH, "the log may say why the process has ended" },
	{ ECHILD, "the log may say why the process has ended" },
};

const char *log_reason(int err)
{
	static char text[256];
	const char *remedy = "please report this, with the lines before it";

	for (size_t i = 0; i < sizeof(remedies) / sizeof(remedies[0]); i++)
		if (remedies[i].err == err)
			remedy = remedies[i].text;
	snprintf(text, sizeof(text), "%s; %s", strerror(err), remedy);
	return text;
}
