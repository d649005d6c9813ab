// SPDX-License-Identifier: MIT
#include "lost.h"

#include <common/log.h>
#include <errno.h>
#include <mshare.h>
#include <proto/region.h>
#include <string.h>

/* A claim is a lock on the node of the view that the process has used. */
static int open_view(const char *region, uint32_t role, struct mshare **m)
{
	char view[MSHARE_VIEW_SIZE];
	int ret;

	proto_view_name(role, view);
	ret = mshare_open_view(region, view, false, m);
	return ret == -ENOENT ? mshare_open(region, false, m) : ret;
}

bool lost_is_idle(const char *region, uint32_t role)
{
	struct mshare *m;
	int ret = open_view(region, role, &m), claim;

	if (!ret) {
		claim = mshare_claim(m, role);
		if (claim >= 0)
			mshare_unclaim(claim);
		ret = claim < 0 ? claim : 0;
		mshare_close(m);
	}
	if (ret && ret != -EBUSY)
		log_limited(LOG_LEVEL_WARN, "cannot find out whether a process that has died still "
			    "has operations under way: %s", log_reason(-ret));
	return !ret;
}
