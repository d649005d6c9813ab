// SPDX-License-Identifier: MIT
/*
 * Finds out which NVMe commands the kernel lets a process send that has the device open for writing
 * and no capability, as a storage process has.
 *
 *	passthrough DEVICE [privileged]
 *
 * Each command names a buffer that the kernel cannot read or write, so that none reaches the
 * device: EFAULT means that the kernel would have sent the command, EACCES that it refuses. For
 * I/O commands and for commands to the controller the program prints the opcodes that would be
 * sent, in order, or the error of them all:
 *
 *	io 00 01 ...
 *	admin ENOTTY
 *
 * With "privileged" the process keeps its capabilities, which shows that these make the difference.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <linux/capability.h>
#include <linux/nvme_ioctl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BYTES	4096U

static struct io_uring ring;
static int device;
static uint32_t namespace;
static void *unusable;

static void drop_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { 0 };

	if (syscall(SYS_capset, &header, none))
		err(1, "capset");
}

static void begin(const char *path)
{
	struct io_uring_params p = { .flags = IORING_SETUP_SQE128 | IORING_SETUP_CQE32 };
	int ret = io_uring_queue_init_params(4, &ring, &p);

	if (ret)
		errx(1, "ring: %s", strerror(-ret));
	device = open(path, O_RDWR | O_CLOEXEC);
	if (device < 0)
		err(1, "%s", path);
	ret = ioctl(device, NVME_IOCTL_ID);
	if (ret < 0)
		err(1, "%s: number of the namespace", path);
	namespace = (uint32_t)ret;
	unusable = mmap(NULL, BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (unusable == MAP_FAILED)
		err(1, "mmap");
}

/* Return: the error of a command, of which there is one in any case. */
static int ends_with(uint32_t way, uint8_t opcode)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);
	struct nvme_uring_cmd *command;
	struct io_uring_cqe *cqe;
	int ret;

	if (!sqe)
		errx(1, "no room for a command");
	/* In a ring of long entries each takes two. */
	memset(sqe, 0, 2 * sizeof(*sqe));
	sqe->opcode = IORING_OP_URING_CMD;
	sqe->fd = device;
	sqe->cmd_op = way;
	command = (struct nvme_uring_cmd *)sqe->cmd;
	command->opcode = opcode;
	command->nsid = namespace;
	command->addr = (uintptr_t)unusable;
	command->data_len = BYTES;
	ret = io_uring_submit_and_wait(&ring, 1);
	if (ret < 0 || io_uring_peek_cqe(&ring, &cqe))
		errx(1, "command %02x does not end", opcode);
	ret = cqe->res;
	io_uring_cqe_seen(&ring, cqe);
	if (ret >= 0)
		errx(1, "command %02x was sent, although it has no memory: %d", opcode, ret);
	return -ret;
}

static void print(const char *name, uint32_t way)
{
	bool has_all = true;
	int first = ends_with(way, 0);

	printf("%s", name);
	for (unsigned int opcode = 0; opcode <= UINT8_MAX; opcode++) {
		int error = ends_with(way, (uint8_t)opcode);

		has_all = has_all && error == first && error != EFAULT;
		if (error == EFAULT)
			printf(" %02x", opcode);
		else if (error != EACCES && error != first)
			printf(" %02x:%s", opcode, strerrorname_np(error));
	}
	printf("%s%s\n", has_all ? " " : "", has_all ? strerrorname_np(first) : "");
}

int main(int argc, char **argv)
{
	if (argc < 2 || argc > 3)
		errx(2, "usage: passthrough DEVICE [privileged]");
	begin(argv[1]);
	if (argc == 2)
		drop_capabilities();
	print("io", NVME_URING_CMD_IO);
	print("admin", NVME_URING_CMD_ADMIN);
	return 0;
}
