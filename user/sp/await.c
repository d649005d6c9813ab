// SPDX-License-Identifier: MIT
#include "await.h"

#include <common/clock.h>
#include <common/disk_identity.h>
#include <common/log.h>
#include <common/start.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The pause between two looks grows from the first to the longest. */
#define FIRST_MS	50U
#define LONGEST_MS	1000U

/* A device that has come may not be accessible before udev has seen it. */
static bool is_there(const char *path, const char *identity, bool readonly,
		     char found[DISK_IDENTITY_SIZE])
{
	return !disk_identity(path, found) && disk_identity_is_same(identity, found) &&
	       !access(path, readonly ? R_OK : R_OK | W_OK);
}

/* Log what is missing if that was not logged before. */
static void tell(const char *path, const char *identity, const char *found, char *told)
{
	if (strcmp(found, told) == 0)
		return;
	snprintf(told, DISK_IDENTITY_SIZE, "%s", found);
	if (found[0] && !disk_identity_is_same(identity, found))
		log_error("at %s there is another disk than before (%s in place of %s): waiting; "
			  "put the right one there, or remove the export and add it again", path,
			  found, identity);
}

int await_disk(const char *path, const char *identity, bool readonly)
{
	char found[DISK_IDENTITY_SIZE], told[DISK_IDENTITY_SIZE] = "";
	unsigned int pause = FIRST_MS;

	if (is_there(path, identity, readonly, found))
		return 0;
	if (!found[0])
		log_warn("disk %s is not there: waiting; attach it", path);
	do {
		tell(path, identity, found, told);
		if (start_stop_is_pending())
			return -ECANCELED;
		clock_sleep_ms(pause);
		pause = 2 * pause < LONGEST_MS ? 2 * pause : LONGEST_MS;
	} while (!is_there(path, identity, readonly, found));
	log_info("disk %s is there again", path);
	return 0;
}
