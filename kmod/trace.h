/* SPDX-License-Identifier: GPL-2.0 */
/* Tracepoints, in /sys/kernel/tracing/events/msharearena. */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM msharearena

#if !defined(_MSHA_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _MSHA_TRACE_H

#include <linux/tracepoint.h>

#include "region.h"
#include "view.h"

/*
 * There are events only for what happens without a system call of its own, as
 * system calls can be traced by other means. Names are copied as arrays, as the
 * macros that assign strings differ between kernels.
 *
 * The attachment events are in the context of the process that attaches or
 * detaches, or of its last task.
 */
DECLARE_EVENT_CLASS(msharearena_attachment,
	TP_PROTO(const struct msha_view *v),
	TP_ARGS(v),
	TP_STRUCT__entry(
		__array(char, region, MSHAREARENA_NAME_SIZE)
		__array(char, view, MSHAREARENA_VIEW_NAME_SIZE)
		__field(unsigned long, attached)
	),
	TP_fast_assign(
		memcpy(__entry->region, v->region->name, MSHAREARENA_NAME_SIZE);
		memcpy(__entry->view, v->name, MSHAREARENA_VIEW_NAME_SIZE);
		__entry->attached = atomic_read(&v->region->attached);
	),
	TP_printk("region=%s view=%s attached=%lu", __entry->region,
		  __entry->view, __entry->attached)
);

DEFINE_EVENT(msharearena_attachment, msharearena_attach,
	TP_PROTO(const struct msha_view *v),
	TP_ARGS(v)
);

DEFINE_EVENT(msharearena_attachment, msharearena_detach,
	TP_PROTO(const struct msha_view *v),
	TP_ARGS(v)
);

/* gib is the index of the demoted leaf, or the number of promoted leaves. */
DECLARE_EVENT_CLASS(msharearena_leaf,
	TP_PROTO(const struct msha_view *v, unsigned int gib),
	TP_ARGS(v, gib),
	TP_STRUCT__entry(
		__array(char, region, MSHAREARENA_NAME_SIZE)
		__array(char, view, MSHAREARENA_VIEW_NAME_SIZE)
		__field(unsigned int, gib)
	),
	TP_fast_assign(
		memcpy(__entry->region, v->region->name, MSHAREARENA_NAME_SIZE);
		memcpy(__entry->view, v->name, MSHAREARENA_VIEW_NAME_SIZE);
		__entry->gib = gib;
	),
	TP_printk("region=%s view=%s gib=%u", __entry->region, __entry->view,
		  __entry->gib)
);

DEFINE_EVENT(msharearena_leaf, msharearena_demote,
	TP_PROTO(const struct msha_view *v, unsigned int gib),
	TP_ARGS(v, gib)
);

DEFINE_EVENT(msharearena_leaf, msharearena_promote,
	TP_PROTO(const struct msha_view *v, unsigned int gib),
	TP_ARGS(v, gib)
);

#endif /* _MSHA_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
