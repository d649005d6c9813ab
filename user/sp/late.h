/* SPDX-License-Identifier: MIT */
/*
 * Requests that the disk does not end. After some time they are answered with EIO, and stay until
 * the disk has ended them: nobody uses their buffers before that, and no later request that
 * overlaps them begins. A disk that has ended nothing in all that time is said to hang: it gets no
 * requests until it ends something. Requests of a network process that has died become late, too,
 * when its successor is there.
 *
 * This header must not know how requests are carried out.
 */
#ifndef SP_LATE_H
#define SP_LATE_H

#include <stdbool.h>
#include <stdint.h>

struct sp;
struct sp_peer;
struct sp_request;

/*
 * A disk gets more time than the kernel takes until it gives a command up: NVMe and SCSI wait for
 * 30 s, reset the controller, and try again, some of them several times.
 */
#define SP_LATE_DEFAULT_S	180U
#define SP_LATE_MAX_S		86400U

/**
 * struct sp_late - the state of the watch
 * @period: number of the period, of which several make up the time-out
 * @is_watching: a timer is under way, which ends the period
 * @last: the period in which the disk has ended something
 * @stopping: how many periods have ended since the process has to stop
 * @n: requests that were answered and have not ended
 * @hangs: the disk gets no requests
 */
struct sp_late {
	uint32_t period;
	bool is_watching;
	uint32_t last;
	uint32_t stopping;
	uint32_t n;
	bool hangs;
};

/**
 * sp_late_watch() - see to it that the period ends, if there are requests; called each turn
 *
 * Return: 0, or -errno if there can be no timer.
 */
int sp_late_watch(struct sp *sp);

/** sp_late_look() - end a period, and answer requests that are late */
void sp_late_look(struct sp *sp);

/** sp_late_disk_lives() - note that the disk has ended an operation */
void sp_late_disk_lives(struct sp *sp);

/** sp_late_refuses() - must the next request of the NP fail, as the disk hangs? */
bool sp_late_refuses(const struct sp_peer *peer);

/** sp_late_orphan() - nobody waits any more for the requests that an NP has under way */
void sp_late_orphan(struct sp_peer *peer);

/** sp_late_return() - return the payload of a late WRITE */
void sp_late_return(struct sp_request *r);

/** sp_late_ended() - free a late request that has ended */
void sp_late_ended(struct sp *sp, struct sp_request *r);

/** sp_late_leave() - end the process at once if the disk still has requests */
void sp_late_leave(const struct sp *sp);

#endif /* SP_LATE_H */
