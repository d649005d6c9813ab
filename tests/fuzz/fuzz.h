/* SPDX-License-Identifier: MIT */
/* The controller: what it draws, how it calls workers, what it expects. */
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
/* One of an array, drawn. */
#define PICK(array) ((array)[rnd(ARRAY_LEN(array))])

/* ---- this operation ---- */

/** rnd() - the next number of this operation, 0 to @n - 1 */
uint64_t rnd(uint64_t n);
/** rnd64() - 64 random bits */
uint64_t rnd64(void);
/** one_in() - true once in @n times */
bool one_in(unsigned int n);
/** op_number() - of this operation, from 1 */
uint64_t op_number(void);
/** op_value() - a value that no other operation stores */
uint64_t op_value(void);
/** note() - what the operation does, for the reader of a failure */
__attribute__((format(printf, 1, 2))) void note(const char *fmt, ...);
/** nothing_to_do() - the model offers nothing for what was drawn */
void nothing_to_do(void);

/** fail() - the machine and the model differ: say so and end the run */
__attribute__((format(printf, 1, 2), noreturn)) void fail(const char *fmt, ...);

/* ---- expectations ---- */

/**
 * struct want - what a call may answer
 * @n: errors that it may answer; none: it must succeed
 * @error: these, each for a reason of its own
 * @may_pass: it may succeed all the same
 * @got: the error that it did answer, 0 if none
 */
struct want {
	unsigned int n;
	int error[24];
	bool may_pass;
	int got;
};

/** want() - @error is an answer, if @reason holds */
void want(struct want *x, int error, bool reason);
/** check_result() - fail() unless @result is one; true if it is a success */
bool check_result(struct want *x, int64_t result);

/* ---- workers ---- */

void worker_start(unsigned int w);
/** worker_kill() - SIGKILL; it is gone when this returns */
void worker_kill(unsigned int w);
/** worker_end() - let it exit by itself */
void worker_end(unsigned int w);
/** worker_send() - give an order; the answer is waited for by worker_wait() */
void worker_send(unsigned int w, const struct order *o, const void *blob);
int64_t worker_wait(unsigned int w, void *blob, size_t size);
int64_t worker_call(unsigned int w, struct order *o, const void *in, void *out, size_t out_size);
/** worker_pass_fd() - a descriptor from one to another, as @number there */
int64_t worker_pass_fd(unsigned int from, int fd, unsigned int to, int number, bool cloexec);

/** sys6() - a system call in a worker; the answer or -errno */
int64_t sys6(unsigned int w, long nr, const uint64_t *b);
struct args {
	uint64_t v[6];
};

/** ARGS() - a system call's arguments, those not given being 0 */
#define ARGS(...) (((struct args){ { __VA_ARGS__ } }).v)
#define SYS(w, nr, ...) sys6(w, nr, ARGS(__VA_ARGS__))
/** sys_blob() - the same with bytes at SCRATCH, and back */
int64_t sys_blob(unsigned int w, long nr, const uint64_t *b, const void *in, size_t in_len,
		 void *out, size_t out_len);
/** sys_path() - the same with a string at SCRATCH */
int64_t sys_path(unsigned int w, long nr, const uint64_t *b, const char *path);
/** worker_poke() - put bytes at SCRATCH + @at */
void worker_poke(unsigned int w, uint32_t at, const void *data, size_t length);
/** a_thread() - the id of a thread that is no process */
pid_t a_thread(void);
int64_t worker_read_file(unsigned int w, const char *path);

/* ---- ioctls with arguments that may be bad ---- */

/**
 * struct call - one ioctl
 * @fd: its descriptor in the worker
 * @cmd: its number
 * @known: bytes of the structure as this program knows it
 * @min: bytes of its first version
 * @out: it has OUT members
 * @flags: bits of flags that it knows
 * @gives_fd: its answer is a descriptor
 * @result: the answer
 * @raw: the structure, and room for a longer one
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
 * call_ioctl() - have a worker make the call
 * @w: worker
 * @c: call; the structure as it is afterwards comes back in @c->raw
 * @x: what it may answer if the structure as such is fine; what is wrong
 *	with how it is passed is drawn and added here
 *
 * Return: as check_result().
 */
bool call_ioctl(unsigned int w, struct call *c, struct want *x);
/** call_begin() - fill in what all structures begin with */
void *call_begin(struct call *c, int fd, unsigned long cmd, size_t known, size_t min, bool out);

/* ---- drawing from the model ---- */

#define NONE	(~0U)

/** any_region() - a live one that is @linked, or any; NONE if there is none */
unsigned int any_region(bool linked);
/** any_fd() - a worker and one of its descriptors of a view */
bool any_fd(unsigned int *w, unsigned int *fd);
/* As any_fd(), but mostly one with which the call can succeed. */
bool any_open(unsigned int *w, unsigned int *fd);
bool any_owned(unsigned int *w, unsigned int *fd);
bool any_rw(unsigned int *w, unsigned int *fd);
bool any_attachable(unsigned int *w, unsigned int *fd);
bool any_publishable(unsigned int *w, unsigned int *fd);
/** any_attached() - a worker and a region it has attached */
bool any_attached(unsigned int *w, unsigned int *region);
unsigned int free_fd(unsigned int w);
/** place_fd() - put a new descriptor @number of a view where it belongs */
void place_fd(unsigned int w, unsigned int slot, int64_t number, const struct fd *what);
/** is_writable() - is the view, and was it opened for writing? */
bool is_writable(const struct fd *f);
/** any_offset() - a page's offset: mostly one that has memory */
uint64_t any_offset(const struct region *r);
/** any_root() - a worker with all privileges */
unsigned int any_root(void);
/** any_worker() - any */
unsigned int any_worker(void);

/**
 * struct deed - what one worker does so that another one need not wait any more
 * @w: who does it
 * @slot: through which of its descriptors
 * @unlink: it takes the region's name away; else it publishes a ring:
 * @ring: which
 * @to: for whom
 * @tag: of it
 */
struct deed {
	unsigned int w, slot;
	bool unlink;
	struct taken ring;
	unsigned int to;
	uint64_t tag;
};

/** draw_deed() - one that must succeed, and that @waiter must see through @f */
bool draw_deed(struct deed *d, unsigned int waiter, const struct fd *f);
void do_deed(const struct deed *d);

/* ---- operations: they draw, do, and check ---- */

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

/* ---- everything against the model ---- */

/** check_all() - what every process, /dev, sysfs and debugfs show */
void check_all(void);
/** check_worker() - what one process sees of one region, at @n places */
void check_worker(unsigned int w, unsigned int region, unsigned int n);
/** check_usage() - what GET_BUSY says of every region */
void check_usage(void);
/** check_description() - of region @i by view @v, or NONE: by no view */
void check_description(const struct msharearena_region *m, unsigned int i, unsigned int v);
/** check_fdinfo() - what /proc says of an open view */
void check_fdinfo(unsigned int w, unsigned int slot);
/** next_region() - the live one with the lowest address above @addr, or NONE */
unsigned int next_region(uint64_t addr);
/** poll_events() - what poll(2) must find of an open view */
short poll_events(unsigned int w, const struct fd *f);
/** learn_buffers() - can this kernel register a region's memory as a buffer? */
void learn_buffers(void);
/** check_pools() - the huge pages that the model says are free, soon */
void check_pools(void);
/** is_mapped() - is anything mapped at this address in a worker? */
bool is_mapped(unsigned int w, uint64_t addr);
/* Of the machine: what is set there is as before afterwards. */
#define KSM_RUN		"/sys/kernel/mm/ksm/run"
#define THP_ENABLED	"/sys/kernel/mm/transparent_hugepage/enabled"

/** write_file() - as far as the kernel has such a file */
void write_file(const char *path, const char *text);
/** read_number() - the number in a file, -1 if there is none */
int64_t read_number(const char *path);
/** module_users() - of /proc/modules */
int64_t module_users(void);

#endif /* FUZZ_FUZZ_H */
