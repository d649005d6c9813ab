/* SPDX-License-Identifier: MIT */
/*
 * The page that is served: what arenad tells, and more, in a file without a name that nobody can
 * change. It is kept for a moment, so that arenad is not asked as often as clients like. This
 * header must not know HTTP.
 */
#ifndef METRICS_PAGE_H
#define METRICS_PAGE_H

#include <query/call.h>
#include <query/openmetrics.h>
#include <stdint.h>

/*
 * arenad is not asked again so soon; if it took longer to answer, or to fail, it is not asked again
 * for as long as that.
 */
#define PAGE_KEEP_NS	250000000LL

/**
 * struct page - the page
 * @status: whether there is one
 * @fd: the file; -1 if there is none
 * @until_ns: it is not made anew before that
 */
struct page {
	enum query_status status;
	int fd;
	int64_t until_ns;
};

#define PAGE_NONE	((struct page){ .status = QUERY_FAILED, .fd = -1 })

/**
 * page_refresh() - make the page anew if it is time for that
 * @p: the page
 * @t: the arenad that is asked
 * @more: what else is on the page
 *
 * It logs when arenad stops to answer, and when it answers again.
 */
void page_refresh(struct page *p, const struct query_target *t,
		  const struct openmetrics_more *more);

#endif /* METRICS_PAGE_H */
