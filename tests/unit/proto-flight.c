// SPDX-License-Identifier: MIT
/*
 * Goal: a storage process's successor finds exactly the results that its predecessor noted, also
 * if the predecessor was killed as it wrote one, or wrote what it liked. An NP never uses a tag
 * twice.
 * Method: a table in this process, in which single members are wrong; each state that an entry
 * goes through while a result is noted.
 */
#include <proto/flight.h>
#include <string.h>

#include "tap.h"

#define N	8U

static struct proto_flight entry[N + PROTO_FLIGHTS_MORE];
static const struct proto_flights table = { entry, N };

static bool finds(uint64_t tag, enum proto_status expected)
{
	enum proto_status status = PROTO_EPERM;

	return proto_flights_find(&table, tag, &status) && status == expected;
}

static bool finds_nothing(uint64_t tag)
{
	enum proto_status status;

	return !proto_flights_find(&table, tag, &status);
}

static void test_notes(void)
{
	uint64_t tag = proto_tag(3, 100), later = proto_tag(3, 101);

	memset(entry, 0, sizeof(entry));
	for (uint32_t i = 0; i < N; i++)
		ok(finds_nothing(proto_tag(i, 0)) && finds_nothing(proto_tag(i, 1)),
		   "a new table has no result in slot %u", i);
	proto_flights_note(&table, tag, PROTO_OK);
	ok(finds(tag, PROTO_OK), "a result that was noted is found");
	ok(finds_nothing(later), "a result is not taken for that of a later request in its slot");
	ok(finds_nothing(proto_tag(3, 99)),
	   "a result is not taken for that of an earlier request in its slot");
	ok(finds_nothing(proto_tag(2, 100)),
	   "a result is not taken for that of a request in another slot");
	proto_flights_note(&table, later, PROTO_EIO);
	ok(finds(later, PROTO_EIO), "an error that was noted is found");
	ok(finds_nothing(tag), "a later result takes the place of an earlier one");
	proto_flights_note(&table, proto_tag(N, 1), PROTO_OK);
	ok(finds_nothing(proto_tag(N, 1)),
	   "a slot that the table does not have is not noted");
	ok(!memcmp(&entry[3], &(struct proto_flight){ later, PROTO_EIO, 0 }, sizeof(*entry)),
	   "a result in a slot that the table does not have changes no other slot");
}

/* The states that proto_flights_note() can leave behind if the process is killed in it. */
static void test_killed(void)
{
	uint64_t old = proto_tag(1, 5), new = proto_tag(1, 6);

	entry[1] = (struct proto_flight){ 0, PROTO_OK, 0 };
	ok(finds_nothing(old) && finds_nothing(new) && finds_nothing(0),
	   "a process that was killed before it wrote the status has noted nothing");
	entry[1] = (struct proto_flight){ 0, PROTO_EIO, 0 };
	ok(finds_nothing(old) && finds_nothing(new) && finds_nothing(0),
	   "a process that was killed before it wrote the tag has noted nothing");
}

static void test_lies(void)
{
	uint64_t tag = proto_tag(1, 5);

	entry[1] = (struct proto_flight){ tag, 3, 0 };
	ok(finds_nothing(tag), "a result that is no status is not believed");
	entry[1] = (struct proto_flight){ tag, UINT32_MAX, 0 };
	ok(finds_nothing(tag), "a result of all ones is not believed");
	entry[1] = (struct proto_flight){ tag, PROTO_OK, 1 };
	ok(finds_nothing(tag), "a result with a reserved member that is not 0 is not believed");
	entry[1] = (struct proto_flight){ tag, PROTO_ESHUTDOWN, 0 };
	ok(finds_nothing(tag), "a result that says that a request was not done is not believed");
	proto_flights_note(&table, tag, PROTO_OK);
	ok(!finds_nothing(tag), "a result is believed where a predecessor had written a lie");
	entry[2] = (struct proto_flight){ tag, PROTO_OK, 0 };
	entry[1] = (struct proto_flight){ 0 };
	ok(finds_nothing(tag), "a result in another slot than that of its tag is not believed");
}

static void test_time(void)
{
	struct proto_flight before[N];

	memset(entry, 0, sizeof(entry));
	is(proto_flights_refused(&table), 0, "a new table refuses nothing");
	memcpy(before, entry, sizeof(before));
	proto_flights_refuse(&table, 4711);
	is(proto_flights_refused(&table), 4711, "a time that was written is found");
	ok(!memcmp(before, entry, sizeof(before)), "a time changes no result");
	*proto_flights_stake(&table) = (struct proto_stake){ 1, 2, 3 };
	ok(!memcmp(before, entry, sizeof(before)) && proto_flights_refused(&table) == 4711,
	   "a note on the disk changes neither a result nor the time");
}

static void test_tags(void)
{
	uint64_t tag = proto_tag(16381, proto_first_use(1ULL << 40));

	is(proto_slot(tag), 16381, "a tag has the slot of its request");
	is(proto_slot(tag + proto_tag(0, 1)), 16381,
	   "the tag of the next use of a slot has the same slot");
	ok(proto_tag(0, proto_first_use(0)) > 0xffff, "no tag is 0 if the machine has just booted");
	ok(proto_first_use(2000000000) - proto_first_use(1000000000) > 900000,
	   "an NP that starts a second later has tags that the first one has in no second");
}

int main(void)
{
	test_notes();
	test_killed();
	test_lies();
	test_time();
	test_tags();
	return done_testing();
}
