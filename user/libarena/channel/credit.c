// SPDX-License-Identifier: LGPL-2.1-or-later
#include "credit.h"

#include <errno.h>

int channel_credit_take(struct channel_credit *c, uint32_t number)
{
	/*
	 * The caller takes acknowledgments out of what the peer sends one after the other, in the
	 * order in which they were sent. So none can be older than the one before it, and none
	 * can be ahead of the messages sent.
	 */
	if (number - c->acked > c->sent - c->acked)
		return -EPROTO;
	c->acked = number;
	return 0;
}
