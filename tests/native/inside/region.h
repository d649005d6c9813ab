/* SPDX-License-Identifier: MIT */
/*
 * Attempts on the region: by loads and stores, by the kernel and the disk, by calls that change
 * mappings, and by the calls of the module. They make sense where the region is the module's.
 */
#ifndef INSIDE_REGION_H
#define INSIDE_REGION_H

#include <arena/layout.h>
#include <linux/msharearena.h>
#include <proto/layout.h>
#include <setjmp.h>
#include <stdint.h>
#include <ucontext.h>

#include "by-ring.h"
#include "on-processes.h"

#define NODES	"/dev/mshare/"
#define HUGE	(2UL << 20)
/* No mailbox is as large. */
#define MEMFD_LEAST	(64UL << 20)

typedef void take_option(const char *option, const char *value);

static char *region;
/* Where the region lies, also if it is not the module's. */
static char *window;
static int view_fd = -1;
static char all_path[64];
static uint32_t own_role;
static sigjmp_buf back;
static volatile bool is_guarded;

void *mmap(void *addr, size_t length, int prot, int flags, int fd, off_t offset)
{
	void *memory = REAL(mmap)(addr, length, prot, flags, fd, offset);

	if (memory == MAP_FAILED || fd < 0 || !(flags & MAP_SHARED))
		return memory;
	/* A region of the module takes a window; that of a memfd has a given address. */
	if (length == MSHAREARENA_WINDOW_SIZE || (addr && length >= MEMFD_LEAST))
		region = memory;
	if (fd >= 0 && memory != MAP_FAILED && !((uintptr_t)memory % MSHAREARENA_WINDOW_SIZE))
		window = memory;
	return memory;
}

/* Without a view of its own the process has that which shows all. */
int open(const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list ap;
	int fd;

	va_start(ap, flags);
	if (flags & O_CREAT)
		mode = va_arg(ap, mode_t);
	va_end(ap);
	if (strncmp(path, NODES, strlen(NODES)))
		return REAL(open)(path, flags, mode);
	snprintf(all_path, sizeof(all_path), "%.*s/rw", (int)(strrchr(path, '/') - path), path);
	fd = REAL(open)(is_without("view") ? all_path : path, flags, mode);
	if (fd >= 0)
		view_fd = fd;
	return fd;
}

/* A fault within an attempt ends the attempt; another one ends the process, as if not caught. */
static void on_fault(int number, siginfo_t *info, void *context)
{
	ucontext_t *u = context;

	(void)info;
	if (is_guarded)
		siglongjmp(back, 1);
	sigaddset(&u->uc_sigmask, number);
}

/* The command line is looked at before the sandbox. */
static void look_at_options(take_option *take)
{
	static char text[65536];
	int fd = REAL(open)("/proc/self/cmdline", O_RDONLY);
	ssize_t n = read(fd, text, sizeof(text) - 1);

	close(fd);
	for (char *at = text; at < text + n; at += strlen(at) + 1)
		take(at, at + strlen(at) + 1);
}

static void note_id(const char *option, const char *value)
{
	if (!strcmp(option, "--id"))
		own_role |= (uint32_t)atoi(value);
}

static void find_role(void)
{
	own_role = ARENA_ROLE(strcmp(program_invocation_short_name, "arena-np") ? PROTO_CLASS_SP :
			      PROTO_CLASS_NP, 0);
	look_at_options(note_id);
}

static void region_begin(void)
{
	struct sigaction action = {
		.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER,
	};

	REAL(sigaction)(SIGSEGV, &action, NULL);
	REAL(sigaction)(SIGBUS, &action, NULL);
	find_role();
}

/* The first buffer of a process for a use. */
static char *buffer_of(uint32_t role, uint32_t use)
{
	const struct arena_layout *l = (const struct arena_layout *)region;

	for (uint32_t i = 0; l && i < l->n_groups; i++)
		if (l->group[i].role == role && l->group[i].use == use)
			return region + l->group[i].offset;
	return NULL;
}

static char *disk_buffer(uint32_t sp)
{
	return buffer_of(PROTO_ROLE_SP(sp), PROTO_USE_DISK);
}

static char *payload_buffer(uint32_t np)
{
	return buffer_of(PROTO_ROLE_NP(np), PROTO_USE_PAYLOAD);
}

static bool is_np(void)
{
	return ARENA_ROLE_CLASS(own_role) == PROTO_CLASS_NP;
}

/* As much memory as the region has could be mapped in its place. */
static int unmap_region(void)
{
	return call(raw(SYS_munmap, window, HUGE));
}

static int map_over_region(void)
{
	void *p = mmap(window, HUGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

	return p == MAP_FAILED ? -errno : 0;
}

static int move_over_region(void)
{
	void *page = mmap(NULL, HUGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *p;

	p = (void *)raw(SYS_mremap, page, HUGE, HUGE, MREMAP_MAYMOVE | MREMAP_FIXED,
			window);
	return p == MAP_FAILED ? -errno : 0;
}

/* A buffer that this process can see and not write. */
static char *others_buffer(void)
{
	return is_np() ? disk_buffer(0) : payload_buffer(0);
}

/* A buffer of another process of the same kind. */
static char *siblings_buffer(void)
{
	uint32_t other = !ARENA_ROLE_NUMBER(own_role);

	return is_np() ? payload_buffer(other) : disk_buffer(other);
}

/* Store the byte that is there, so that nobody is harmed where it succeeds. */
static int touch(volatile char *at, bool stores)
{
	char old;

	if (!at)
		return -ENOENT;
	if (sigsetjmp(back, 1)) {
		is_guarded = false;
		return -EFAULT;
	}
	is_guarded = true;
	old = *at;
	if (stores)
		*at = old;
	is_guarded = false;
	return 0;
}

static int store_to_sp(void)
{
	return touch(disk_buffer(0), true);
}

static int store_to_np(void)
{
	return touch(payload_buffer(0), true);
}

static int store_to_sibling(void)
{
	return touch(siblings_buffer(), true);
}

static int load_from_sibling(void)
{
	return touch(siblings_buffer(), false);
}

static int store_to_layout(void)
{
	return touch(region, true);
}

static int kernel_store(void)
{
	return call(raw(SYS_fstat, STDERR_FILENO, others_buffer()));
}

static void fill_disk_read(struct io_uring_sqe *sqe, int fd)
{
	io_uring_prep_read(sqe, fd, payload_buffer(0), 4096, 0);
}

static int disk_store(void)
{
	return by_ring(fill_disk_read, find_disk(S_IFBLK));
}

/* Even where the mapping can be changed, the tables are not this process's. */
static int protect_and_store(void)
{
	char *page = (char *)((uintptr_t)others_buffer() & ~4095UL);

	raw(SYS_mprotect, page, 4096, PROT_READ | PROT_WRITE);
	return touch(page, true);
}

/* Advice that changes contents is refused. Other advice may succeed, and clients see no harm. */
static int discard(void)
{
	static const int advice[] = {
		MADV_DONTNEED, MADV_FREE, MADV_COLD, MADV_PAGEOUT, MADV_POPULATE_WRITE,
		MADV_COLLAPSE,
	};
	char *page = (char *)((uintptr_t)others_buffer() & ~(HUGE - 1));

	for (size_t i = 0; i < sizeof(advice) / sizeof(advice[0]); i++)
		raw(SYS_madvise, page, HUGE, advice[i]);
	return call(raw(SYS_madvise, page, HUGE, MADV_REMOVE));
}

static int move_view(void)
{
	return call(raw(SYS_mremap, region, MSHAREARENA_WINDOW_SIZE, MSHAREARENA_WINDOW_SIZE,
			MREMAP_MAYMOVE | MREMAP_FIXED, region + 2 * MSHAREARENA_WINDOW_SIZE));
}

static int duplicate_view(void)
{
	return call(raw(SYS_mremap, region, 0, HUGE, MREMAP_MAYMOVE));
}

static int unmap_part(void)
{
	return call(raw(SYS_munmap, others_buffer(), HUGE));
}

static int open_all(void)
{
	return call_fd(raw(SYS_openat, AT_FDCWD, all_path, O_RDWR));
}

static int add_view(void)
{
	struct msharearena_range range = {
		.length = HUGE, .prot = MSHAREARENA_PROT_READ | MSHAREARENA_PROT_WRITE,
	};
	struct msharearena_view v = {
		.size = sizeof(v), .flags = MSHAREARENA_NO_NODE, .ranges = (uintptr_t)&range,
		.n_ranges = 1, .uid = ~0U, .gid = ~0U,
	};

	/* A name is taken once, and for ever. */
	strcpy(v.view, is_np() ? "by-np" : "by-sp");
	return call_fd(raw(SYS_ioctl, view_fd, MSHAREARENA_ADD_VIEW, &v));
}

static int give_memory(void)
{
	struct msharearena_export e = {
		.size = sizeof(e), .addr = (uintptr_t)own_ring & ~(HUGE - 1), .length = HUGE,
	};

	return call(raw(SYS_ioctl, view_fd, MSHAREARENA_EXPORT, &e));
}

static int remove_name(void)
{
	struct msharearena_unlink u = { .size = sizeof(u) };

	return call(raw(SYS_ioctl, view_fd, MSHAREARENA_UNLINK, &u));
}

#endif /* INSIDE_REGION_H */
