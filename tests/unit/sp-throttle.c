// SPDX-License-Identifier: MIT
/*
 * Goal: requests that wait for the limits of an export go in their order, also when the limits have
 * changed or are gone: a newer one does not overtake them.
 * Method: the limits change between calls, as arenad's message changes them between two turns.
 */
#include <sp/request.h>
#include <sp/sp.h>
#include <sp/throttle.h>

#include "tap.h"

static struct sp sp;
static struct sp_request requests[4];

static bool goes(unsigned int i)
{
	return sp_throttle_enter(&sp, &requests[i]);
}

static void limit(uint32_t iops)
{
	sp.options.limit.iops = iops;
	sp_throttle_init(&sp);
}

int main(void)
{
	sp.n_peers = 1;
	for (unsigned int i = 0; i < 4; i++)
		requests[i] = (struct sp_request){
			.peer = &sp.peer[0], .operation = PROTO_WRITE, .is_active = true,
		};
	limit(1);
	/* A bucket that is not in debt lets one go. */
	ok(goes(0), "a request goes if none was there before");
	ok(!goes(1), "the next one waits for the limit");
	limit(0);
	ok(!goes(2), "a newer one does not overtake it when the limit is gone");
	ok(sp_throttle_take(&sp) == &requests[1], "the one that has waited longest goes first");
	ok(sp_throttle_take(&sp) == &requests[2], "the newer one goes then");
	ok(!sp_throttle_take(&sp), "no other one has waited");
	ok(goes(3), "without a limit a request goes at once if none waits");
	return done_testing();
}
