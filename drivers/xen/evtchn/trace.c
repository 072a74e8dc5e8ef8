// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The trace event, out of line, for uevtchn_is_traced() to skip.
 */
#define CREATE_TRACE_POINTS
#include "trace.h"

#include "evtchn.h"

/**
 * uevtchn_trace() - trace what happens to a port
 * @file: the port's owner
 * @port: the port
 * @irq: its irq
 * @what: UEVTCHN_TRACE_*
 *
 * Context: any but NMI.
 */
void uevtchn_trace(const struct uevtchn_file *file, evtchn_port_t port, int irq,
		   u32 what)
{
	trace_xen_evtchn_port(file, port, irq, what);
}
