/* SPDX-License-Identifier: MIT */
/*
 * Carrying out a request as operations of a backend. A request that is longer than the disk takes
 * at once is split. Blocks of which it changes only a part are completed.
 *
 * This header must not know messages, nor the order of requests.
 */
#ifndef SP_WORK_H
#define SP_WORK_H

#include <proto/layout.h>
#include <stdint.h>

struct arena_event;
struct sp;
struct sp_request;
struct survey_job;

/** sp_buffers_for() - buffers that hold @length bytes from @offset of the disk on */
static inline uint64_t sp_buffers_for(uint64_t offset, uint64_t length)
{
	return (offset % PROTO_DISK_BUFFER + length + PROTO_DISK_BUFFER - 1) / PROTO_DISK_BUFFER;
}

/** sp_work_buffers() - how many buffers of our own a request needs; its range is known */
uint32_t sp_work_buffers(const struct sp *sp, const struct sp_request *r);

/** sp_work_bytes() - how many bytes a request moves between disk and memory, for its limit */
uint64_t sp_work_bytes(const struct sp *sp, const struct sp_request *r);

/** sp_work_start() - begin a request that has its buffers; ends with sp_request_finish() */
void sp_work_start(struct sp *sp, struct sp_request *r);

/** sp_work_go_on() - begin operations for which the ring had no room */
void sp_work_go_on(struct sp *sp, struct sp_request *r);

/** sp_work_give_up() - begin no more operations of a request, which fails when those begun end */
void sp_work_give_up(struct sp_request *r);

/** sp_work_cut() - the same for a request for which nobody waits any more; nothing is logged */
void sp_work_cut(struct sp_request *r);

/** sp_work_surveyed() - handle the end of a survey of the request's range */
void sp_work_surveyed(struct sp *sp, struct sp_request *r, const struct survey_job *j);

/** sp_work_ended() - handle the end of an operation, whose cookie is its request's number */
void sp_work_ended(struct sp *sp, const struct arena_event *e);

#endif /* SP_WORK_H */
