// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "page.h"

#include <common/clock.h>
#include <common/log.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SEALS	(F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

static int write_page(FILE *out, const struct query_target *t, const struct openmetrics_more *more,
		      bool is_quiet, enum query_status *status)
{
	*status = openmetrics_write(out, t, is_quiet, more);
	if (*status)
		return 0;
	if (fflush(out) || fcntl(fileno(out), F_ADD_SEALS, SEALS))
		return -errno;
	return 0;
}

/* Return: the file, or -1. */
static int make(const struct query_target *t, const struct openmetrics_more *more, bool is_quiet,
		enum query_status *status)
{
	int fd = memfd_create("metrics", MFD_CLOEXEC | MFD_ALLOW_SEALING), kept = -1;
	FILE *out = fd < 0 ? NULL : fdopen(fd, "w");
	int ret = out ? write_page(out, t, more, is_quiet, status) : -errno;

	if (!ret && !*status)
		kept = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (ret || (!*status && kept < 0)) {
		log_limited(LOG_LEVEL_ERROR, "cannot make the page: %s",
			    log_reason(ret ? -ret : errno));
		*status = QUERY_FAILED;
	}
	if (out)
		fclose(out);
	else if (fd >= 0)
		close(fd);
	return kept;
}

void page_refresh(struct page *p, const struct query_target *t,
		  const struct openmetrics_more *more)
{
	enum query_status status = QUERY_FAILED;
	/* What is wrong is said once. */
	bool is_quiet = p->status && p->until_ns;
	int64_t began_ns = clock_ns(), took_ns;

	if (p->until_ns && began_ns < p->until_ns)
		return;
	if (p->fd >= 0)
		close(p->fd);
	p->fd = make(t, more, is_quiet, &status);
	if (!status && is_quiet)
		log_info("arenad answers again");
	p->status = status;
	/* However long arenad takes, clients wait for it half of the time at most. */
	took_ns = clock_ns() - began_ns;
	p->until_ns = clock_ns() + (took_ns > PAGE_KEEP_NS ? took_ns : PAGE_KEEP_NS);
}
