/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The trace event. There is only one, with a field that says what happened,
 * because each further event takes memory, and a filter serves as well.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM xen_evtchn

#if !defined(_XEN_EVTCHN_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _XEN_EVTCHN_TRACE_H

#include <linux/sched.h>
#include <linux/string.h>
#include <linux/tracepoint.h>
#include <linux/types.h>

#include "evtchn.h"

/* An interrupt runs in the context of any task, so the owner is a field. */
TRACE_EVENT(xen_evtchn_port,
	    TP_PROTO(const struct uevtchn_file *file, evtchn_port_t port,
		     int irq, u32 what),
	    TP_ARGS(file, port, irq, what),
	    TP_STRUCT__entry(__field(u32, what)
			     __field(u32, port)
			     __field(int, irq)
			     __array(char, owner, TASK_COMM_LEN)),
	    TP_fast_assign(__entry->what = what;
			   __entry->port = port;
			   __entry->irq = irq;
			   memcpy(__entry->owner,
				  file->name + strlen(UEVTCHN_NAME),
				  TASK_COMM_LEN);),
	    TP_printk("what=%s port=%u irq=%d owner=%s",
		      __print_symbolic(__entry->what,
				       { UEVTCHN_TRACE_BIND, "bind" },
				       { UEVTCHN_TRACE_UNBIND, "unbind" },
				       { UEVTCHN_TRACE_LOST, "lost" },
				       { UEVTCHN_TRACE_EVENT, "event" },
				       { UEVTCHN_TRACE_MISSED, "missed" },
				       { UEVTCHN_TRACE_OVERFLOW, "overflow" },
				       { UEVTCHN_TRACE_ENABLE, "enable" },
				       { UEVTCHN_TRACE_NOTIFY, "notify" }),
		      __entry->port, __entry->irq, __entry->owner));

#endif /* _XEN_EVTCHN_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
