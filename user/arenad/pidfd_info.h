/* SPDX-License-Identifier: MIT */
/*
 * What the kernel tells of a process by its pidfd, from Linux 6.13 on, and how it ended from 6.15
 * on: the part of linux/pidfd.h that the headers of older systems do not have. This header must not
 * know who asks.
 */
#ifndef ARENAD_PIDFD_INFO_H
#define ARENAD_PIDFD_INFO_H

#include <linux/ioctl.h>
#include <linux/types.h>

#ifndef PIDFD_INFO_EXIT
#define PIDFD_INFO_EXIT	(1ULL << 3)

/**
 * struct pidfd_info - what is asked and answered, as in linux/pidfd.h
 * @mask: IN: what is wanted; OUT: what is known
 * @cgroupid: not used here
 * @unused: process ids and users
 * @exit_code: status as of waitpid(2), with PIDFD_INFO_EXIT
 */
struct pidfd_info {
	__u64 mask;
	__u64 cgroupid;
	__u32 unused[11];
	__s32 exit_code;
};

#define PIDFD_GET_INFO	_IOWR(0xFF, 11, struct pidfd_info)
#endif

#endif /* ARENAD_PIDFD_INFO_H */
