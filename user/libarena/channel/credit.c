// SPDX-License-Identifier: LGPL-2.1-or-later
#include "credit.h"

#include <errno.h>

int channel_credit_take(struct channel_credit *c, uint32_t number)
{
	if (number - c->acked <= c->sent - c->acked)
		c->acked = number;
	/* One that lay behind unread messages may be up to about two windows old. */
	else if (c->acked - number > 4 * c->window)
		return -EPROTO;
	return 0;
}
