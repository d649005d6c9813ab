// SPDX-License-Identifier: MIT
#include "profile.h"

#include <linux/fs.h>
#include <stddef.h>

/*
 * It looks for holes in its disk, asks whether the disk is still there, and hears from arenad; all
 * I/O is done by the ring.
 */
static const char *const calls[] = { "lseek", "recvmsg", NULL };

/* It allocates nothing while it serves, but a library reserves 128 MiB for the thread. */
#define MEMORY	(256ULL << 20)

/* If the kernel kills an SP, its clients lose a disk. */
#define OOM_SCORE	250

void sp_profile_init(struct sandbox_profile *p, enum sandbox_mode mode, uint64_t file_bytes)
{
	*p = (struct sandbox_profile){
		.mode = mode,
		.calls = calls,
		.ioctl = BLKGETSIZE64,
		.memory = MEMORY,
		.file_bytes = file_bytes,
		.oom_score = OOM_SCORE,
	};
}
