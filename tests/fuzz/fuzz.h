/* SPDX-License-Identifier: MIT */
/* The controller: its random choices, its calls to workers, its expectations. */
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/msharearena.h>

#include "model.h"
#include "rng.h"
#include "wire.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define END_OF(type, member) (offsetof(type, member) + sizeof(((type *)0)->member))
/* A random element of an array. */
#define PICK(array) ((array)[rnd(ARRAY_LEN(array))])

/* ---- this operation ---- */

/** rnd() - the next number of this operation, 0 to @n - 1 */
uint64_t rnd(uint64_t n);
/** rnd64() - 64 random bits */
uint64_t rnd64(void);
/** one_in() - true once in @n times */
bool one_in(unsigned int n);
/** op_number() - the number of this operation, from 1 */
uint64_t op_number(void);
/** op_value() - a value that no other operation stores */
uint64_t op_value(void);
/** note() - describe the operation, for the report of a failure */
__attribute__((format(printf, 1, 2))) void note(const char *fmt, ...);
/** nothing_to_do() - the operation that was drawn is not possible in this state */
void nothing_to_do(void);

/** fail() - report that the machine and the model differ, and end the run */
__attribute__((format(printf, 1, 2), noreturn)) void fail(const char *fmt, ...);

/* ---- expectations ---- */

/**
 * struct want - the allowed results of a call
 * @n: number of allowed errors; 0: the call must succeed
 * @error: the allowed errors
 * @may_pass: the call may succeed although errors are allowed
 * @got: the error that the call returned, 0 if none
 */
struct want {
	unsigned int n;
	int error[24];
	bool may_pass;
	int got;
};

/** want() - allow @error if @reason is true */
void want(struct want *x, int error, bool reason);
/** check_result() - fail() unless @result is allowed; true if it is a success */
bool check_result(struct want *x, int64_t result);

/* ---- workers ---- */

void worker_start(unsigned int w);
/** worker_kill() - kill a worker by SIGKILL; it has ended when this returns */
void worker_kill(unsigned int w);
/** worker_end() - make a worker exit */
void worker_end(unsigned int w);
/** worker_send() - send an order; worker_wait() waits for the answer */
void worker_send(unsigned int w, const struct order *o, const void *blob);
int64_t worker_wait(unsigned int w, void *blob, size_t size);
int64_t worker_call(unsigned int w, struct order *o, const void *in, void *out, size_t out_size);
/** worker_pass_fd() - send a descriptor to another worker, which has it as @number */
int64_t worker_pass_fd(unsigned int from, int fd, unsigned int to, int number, bool cloexec);

/** sys6() - make a system call in a worker; returns its result or -errno */
int64_t sys6(unsigned int w, long nr, const uint64_t *b);
struct args {
	uint64_t v[6];
};

/** ARGS() - the arguments of a system call; missing ones are 0 */
#define ARGS(...) (((struct args){ { __VA_ARGS__ } }).v)
#define SYS(w, nr, ...) sys6(w, nr, ARGS(__VA_ARGS__))
/** sys_blob() - sys6() with bytes that are copied to SCRATCH before and back afterwards */
int64_t sys_blob(unsigned int w, long nr, const uint64_t *b, const void *in, size_t in_len,
		 void *out, size_t out_len);
/** sys_path() - sys6() with a string that is copied to SCRATCH before */
int64_t sys_path(unsigned int w, long nr, const uint64_t *b, const char *path);
/** worker_poke() - copy bytes to SCRATCH + @at */
void worker_poke(unsigned int w, uint32_t at, const void *data, size_t length);
/** a_thread() - the id of a thread that is not the first one of a process */
pid_t a_thread(void);
int64_t worker_read_file(unsigned int w, const char *path);

/* ---- ioctls whose arguments may be wrong ---- */

/**
 * struct call - one ioctl
 * @fd: its descriptor in the worker
 * @cmd: its number
 * @known: size of the structure that this program knows, in bytes
 * @min: size of its first version, in bytes
 * @out: the structure has OUT members
 * @flags: the flags that the command knows
 * @gives_fd: the result is a descriptor
 * @result: the result
 * @raw: the structure, with room for a longer one
 */
struct call {
	int fd;
	unsigned long cmd;
	size_t known;
	size_t min;
	bool out;
	uint32_t flags;
	bool gives_fd;
	int64_t result;
	unsigned char raw[8192] __attribute__((aligned(8)));
};

/**
 * call_ioctl() - make a worker execute the call
 * @w: worker
 * @c: call; @c->raw has the structure as it is afterwards
 * @x: the allowed results if the structure is passed correctly; this function passes it
 *	wrongly at random and adds the errors for that
 *
 * Return: as check_result().
 */
bool call_ioctl(unsigned int w, struct call *c, struct want *x);
/** call_begin() - fill in the members with which all structures begin */
void *call_begin(struct call *c, int fd, unsigned long cmd, size_t known, size_t min, bool out);

/* ---- random choices from the model ---- */

#define NONE	(~0U)

/** any_region() - a live region, with its name if @linked; NONE if there is none */
unsigned int any_region(bool linked);
/** any_fd() - a worker and one of its descriptors of a view */
bool any_fd(unsigned int *w, unsigned int *fd);
/* As any_fd(), but mostly one with which the call can succeed. */
bool any_open(unsigned int *w, unsigned int *fd);
bool any_owned(unsigned int *w, unsigned int *fd);
bool any_rw(unsigned int *w, unsigned int *fd);
bool any_attachable(unsigned int *w, unsigned int *fd);
bool any_publishable(unsigned int *w, unsigned int *fd);
/** any_attached() - a worker and a region that it has attached */
bool any_attached(unsigned int *w, unsigned int *region);
unsigned int free_fd(unsigned int w);
/** place_fd() - move a new descriptor @number of a view to its place */
void place_fd(unsigned int w, unsigned int slot, int64_t number, const struct fd *what);
/** is_writable() - true if the view is writable and was opened for writing */
bool is_writable(const struct fd *f);
/** any_offset() - the offset of a page, mostly of one that has memory */
uint64_t any_offset(const struct region *r);
/** any_root() - a worker with all privileges */
unsigned int any_root(void);
/** any_worker() - any worker */
unsigned int any_worker(void);

/**
 * struct deed - an action of a worker that ends the wait of another one
 * @w: the worker that acts
 * @slot: the descriptor that it uses
 * @unlink: it unlinks the region; otherwise it publishes a ring
 * @ring: the ring
 * @to: the process for which the ring is
 * @tag: the tag of the ring
 */
struct deed {
	unsigned int w, slot;
	bool unlink;
	struct taken ring;
	unsigned int to;
	uint64_t tag;
};

/** draw_deed() - draw an action that must succeed and that @waiter must see through @f */
bool draw_deed(struct deed *d, unsigned int waiter, const struct fd *f);
void do_deed(const struct deed *d);

/* ---- operations: each draws, acts and checks ---- */

void op_create(void);
void op_unlink(void);
void op_add_view(void);
void op_info(void);
void op_chmod(void);
void op_limits(void);
void op_open(void);
void op_close(void);
void op_dup(void);
void op_reopen(void);
void op_pass(void);
void op_read(void);
void op_describe(void);
void op_next(void);
void op_fdinfo(void);
void op_poll(void);
void op_wait(void);
void op_garbage(void);
void op_export(void);
void op_drop_donor(void);
void op_abuse_donor(void);
void op_busy(void);
void op_attach(void);
void op_detach(void);
void op_squat(void);
void op_unmap_part(void);
void op_remap(void);
void op_protect(void);
void op_advise(void);
void op_lock(void);
void op_policy(void);
void op_userfault(void);
void op_seal(void);
void op_map_over(void);
void op_touch(void);
void op_copy(void);
void op_hold(void);
void op_release(void);
void op_foreign(void);
void op_futex(void);
void op_fork(void);
void op_exec(void);
void op_kill(void);
void op_look(void);
void op_machine(void);
void op_storm(void);
void op_ring(void);
void op_publish(void);
void op_flood(void);
void op_withdraw(void);
void op_take(void);
void op_message(void);
void op_buffers(void);

/* ---- comparisons with the model ---- */

/** check_all() - compare what every process sees, /dev, sysfs and debugfs */
void check_all(void);
/** check_worker() - compare what one process sees of one region, at @n places */
void check_worker(unsigned int w, unsigned int region, unsigned int n);
/** check_usage() - compare the result of GET_BUSY for every region */
void check_usage(void);
/** check_description() - compare the description of region @i, got by view @v or NONE */
void check_description(const struct msharearena_region *m, unsigned int i, unsigned int v);
/** check_fdinfo() - compare fdinfo of an open view */
void check_fdinfo(unsigned int w, unsigned int slot);
/** next_region() - the live region with the lowest address above @addr, or NONE */
unsigned int next_region(uint64_t addr);
/** poll_events() - the events that poll(2) must give for an open view */
short poll_events(unsigned int w, const struct fd *f);
/** learn_buffers() - find out whether this kernel can register buffers of a region */
void learn_buffers(void);
/** check_pools() - wait until as many huge pages are free as the model has */
void check_pools(void);
/** is_mapped() - true if anything is mapped at this address in a worker */
bool is_mapped(unsigned int w, uint64_t addr);
/* A setting of the machine, which is restored at the end. */
#define KSM_RUN		"/sys/kernel/mm/ksm/run"
#define THP_ENABLED	"/sys/kernel/mm/transparent_hugepage/enabled"

/** write_file() - write to a file, if the kernel has it */
void write_file(const char *path, const char *text);
/** read_number() - the number in a file, -1 if there is none */
int64_t read_number(const char *path);
/** module_users() - the module's number of users in /proc/modules */
int64_t module_users(void);

#endif /* FUZZ_FUZZ_H */
