/* SPDX-License-Identifier: GPL-2.0 */
/* Tracepoints, in /sys/kernel/tracing/events/msharearena. */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM msharearena

#if !defined(_MSHA_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _MSHA_TRACE_H

#include <linux/tracepoint.h>

#include "region.h"
#include "view.h"

/* Names are copied whole: how strings are assigned differs between kernels. */
DECLARE_EVENT_CLASS(msharearena_region,
	TP_PROTO(const struct msha_region *r),
	TP_ARGS(r),
	TP_STRUCT__entry(
		__array(char, region, MSHAREARENA_NAME_SIZE)
		__field(unsigned long, addr)
		__field(u64, length)
		__field(unsigned long, page_size)
	),
	TP_fast_assign(
		memcpy(__entry->region, r->name, MSHAREARENA_NAME_SIZE);
		__entry->addr = r->base;
		__entry->length = r->length;
		__entry->page_size = r->page_size;
	),
	TP_printk("region=%s addr=0x%lx length=%llu page_size=%lu",
		  __entry->region, __entry->addr, __entry->length,
		  __entry->page_size)
);

DEFINE_EVENT(msharearena_region, msharearena_create,
	TP_PROTO(const struct msha_region *r),
	TP_ARGS(r)
);

DEFINE_EVENT(msharearena_region, msharearena_unlink,
	TP_PROTO(const struct msha_region *r),
	TP_ARGS(r)
);

TRACE_EVENT(msharearena_view,
	TP_PROTO(const struct msha_region *r, const struct msha_view *v),
	TP_ARGS(r, v),
	TP_STRUCT__entry(
		__array(char, region, MSHAREARENA_NAME_SIZE)
		__array(char, view, MSHAREARENA_VIEW_NAME_SIZE)
		__field(unsigned int, n_ranges)
	),
	TP_fast_assign(
		memcpy(__entry->region, r->name, MSHAREARENA_NAME_SIZE);
		memcpy(__entry->view, v->name, MSHAREARENA_VIEW_NAME_SIZE);
		__entry->n_ranges = v->n_ranges;
	),
	TP_printk("region=%s view=%s ranges=%u", __entry->region,
		  __entry->view, __entry->n_ranges)
);

TRACE_EVENT(msharearena_export,
	TP_PROTO(const struct msha_region *r, u64 offset, u64 length, int ret),
	TP_ARGS(r, offset, length, ret),
	TP_STRUCT__entry(
		__array(char, region, MSHAREARENA_NAME_SIZE)
		__field(u64, offset)
		__field(u64, length)
		__field(int, ret)
	),
	TP_fast_assign(
		memcpy(__entry->region, r->name, MSHAREARENA_NAME_SIZE);
		__entry->offset = offset;
		__entry->length = length;
		__entry->ret = ret;
	),
	TP_printk("region=%s offset=%llu length=%llu ret=%d", __entry->region,
		  __entry->offset, __entry->length, __entry->ret)
);

/* In the context of the process; a detachment also in that of its last task. */
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
		__entry->attached = v->region->attached;
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

/* A demotion: index of the 1 GiB. A promotion: how many came back. */
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

DECLARE_EVENT_CLASS(msharearena_ring,
	TP_PROTO(const struct msha_region *r, s32 peer, u64 tag, int ret),
	TP_ARGS(r, peer, tag, ret),
	TP_STRUCT__entry(
		__array(char, region, MSHAREARENA_NAME_SIZE)
		__field(s32, peer)
		__field(u64, tag)
		__field(int, ret)
	),
	TP_fast_assign(
		memcpy(__entry->region, r->name, MSHAREARENA_NAME_SIZE);
		__entry->peer = peer;
		__entry->tag = tag;
		__entry->ret = ret;
	),
	TP_printk("region=%s peer=%d tag=0x%llx ret=%d", __entry->region,
		  __entry->peer, __entry->tag, __entry->ret)
);

DEFINE_EVENT(msharearena_ring, msharearena_publish,
	TP_PROTO(const struct msha_region *r, s32 peer, u64 tag, int ret),
	TP_ARGS(r, peer, tag, ret)
);

DEFINE_EVENT(msharearena_ring, msharearena_take,
	TP_PROTO(const struct msha_region *r, s32 peer, u64 tag, int ret),
	TP_ARGS(r, peer, tag, ret)
);

TRACE_EVENT(msharearena_quiesce,
	TP_PROTO(const struct msha_region *r, u64 offset, u64 length, u64 busy,
		 int ret),
	TP_ARGS(r, offset, length, busy, ret),
	TP_STRUCT__entry(
		__array(char, region, MSHAREARENA_NAME_SIZE)
		__field(u64, offset)
		__field(u64, length)
		__field(u64, busy)
		__field(int, ret)
	),
	TP_fast_assign(
		memcpy(__entry->region, r->name, MSHAREARENA_NAME_SIZE);
		__entry->offset = offset;
		__entry->length = length;
		__entry->busy = busy;
		__entry->ret = ret;
	),
	TP_printk("region=%s offset=%llu length=%llu busy=%llu ret=%d",
		  __entry->region, __entry->offset, __entry->length,
		  __entry->busy, __entry->ret)
);

#endif /* _MSHA_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
