// SPDX-License-Identifier: MIT
/*
 * Goal: a storage process counts a loss if and only if the disk went away while changes that were
 * acknowledged were not flushed, whoever of its predecessors has made them, also if one was killed
 * while it noted that.
 * Method: the note of the processes, in memory of this program; each process is a struct sp that
 * knows nothing but the note, and the kernel's number of its disk.
 */
#include <proto/flight.h>
#include <sp/sp.h>

#include "tap.h"

static struct proto_stake note;
static struct sp sp;

/* Another process opens the disk, which has this number of the kernel. */
static void start(uint64_t disk, bool is_volatile)
{
	sp = (struct sp){
		.options.disk = "/dev/disk", .backend.sequence = disk,
		.backend.limits.has_volatile_cache = is_volatile,
	};
	sp_stake_open(&sp, &note);
}

static void change(uint16_t operation, uint16_t flags)
{
	sp_stake_changed(&sp, &(struct sp_request){ .operation = operation, .flags = flags });
}

static void write_one(void)
{
	change(PROTO_WRITE, 0);
}

static void flush(void)
{
	sp_stake_flushed(&sp, sp.stake.changes);
}

static void begin(void)
{
	note = (struct proto_stake){ 0 };
	start(7, true);
}

static void test_losses(void)
{
	begin();
	is(sp.stake.losses, 0, "the first process of a disk has lost nothing");
	start(8, true);
	is(sp.stake.losses, 0, "nothing is lost with a disk that nobody has written to");
	write_one();
	start(8, true);
	is(sp.stake.losses, 0, "nothing is lost as long as the disk is there");
	start(9, true);
	is(sp.stake.losses, 1, "a write of the last process but one is lost with the disk");
	start(9, true);
	is(sp.stake.losses, 1, "a loss is counted once");
	start(10, true);
	is(sp.stake.losses, 1, "nothing more is lost when nobody has written since");
	write_one();
	start(11, true);
	is(sp.stake.losses, 2, "a second loss is counted");
}

static void test_flushes(void)
{
	uint64_t covered;

	begin();
	write_one();
	flush();
	start(8, true);
	is(sp.stake.losses, 0, "a write that was flushed is not lost");
	write_one();
	start(8, true);
	flush();
	start(9, true);
	is(sp.stake.losses, 0, "a flush covers what an earlier process has written");
	write_one();
	covered = sp.stake.changes;
	write_one();
	sp_stake_flushed(&sp, covered);
	start(10, true);
	is(sp.stake.losses, 1, "a flush does not cover a write that ended after its beginning");
	write_one();
	covered = sp.stake.changes;
	write_one();
	flush();
	sp_stake_flushed(&sp, covered);
	start(11, true);
	is(sp.stake.losses, 1, "the end of an older flush takes nothing back");
	write_one();
	start(11, true);
	write_one();
	sp_stake_flushed(&sp, 1);
	start(12, true);
	is(sp.stake.losses, 2, "a flush of an earlier process's writes covers no later one");
}

static void test_changes(void)
{
	begin();
	change(PROTO_WRITE, PROTO_FLAG_FUA);
	change(PROTO_WRITE_ZEROES, PROTO_FLAG_FUA);
	start(8, true);
	is(sp.stake.losses, 0, "what was durable at once is not lost");
	change(PROTO_DISCARD, 0);
	start(9, true);
	is(sp.stake.losses, 0, "nobody has lost what was discarded");
	change(PROTO_WRITE_ZEROES, 0);
	start(10, true);
	is(sp.stake.losses, 1, "zeroes that were written are lost");
	start(11, false);
	write_one();
	start(12, false);
	is(sp.stake.losses, 1, "a disk without a volatile cache loses nothing");
	start(0, true);
	write_one();
	start(0, true);
	is(sp.stake.losses, 1, "a disk without a number loses nothing");
}

/* The states in which a process that counts a loss can be killed. */
static void test_killed(void)
{
	note = (struct proto_stake){ .disk = 7, .losses = 1, .is_at_stake = 1 };
	start(8, true);
	ok(sp.stake.losses > 0, "a process that was killed when it had counted leaves a loss");
	start(8, true);
	is(sp.stake.losses, 2, "its successor's successor counts no other one");
	note = (struct proto_stake){ .disk = 7, .losses = 1 };
	start(8, true);
	is(sp.stake.losses, 1, "a process that was killed before it noted its disk leaves a loss");
	note = (struct proto_stake){ .disk = 7, .losses = UINT32_MAX, .is_at_stake = UINT32_MAX };
	start(8, true);
	ok(sp.stake.losses == 0 && !note.is_at_stake && note.disk == 8,
	   "the greatest number of losses has another one after it");
}

int main(void)
{
	test_losses();
	test_flushes();
	test_changes();
	test_killed();
	return done_testing();
}
