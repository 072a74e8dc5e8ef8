/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Each test contains a copy of the driver, or of a part of it, and so needs
 * neither the driver nor Xen to run. As the driver may be built in as well,
 * the functions of a copy begin with KUNIT_PREFIX, which the test defines.
 */
#include <linux/args.h>

#define COPY(name)		CONCATENATE(KUNIT_PREFIX, name)

#define uevtchn_ring_init	COPY(uevtchn_ring_init)
#define uevtchn_ring_destroy	COPY(uevtchn_ring_destroy)
#define uevtchn_ring_reserve	COPY(uevtchn_ring_reserve)
#define uevtchn_ring_push	COPY(uevtchn_ring_push)
#define uevtchn_ring_begin	COPY(uevtchn_ring_begin)
#define uevtchn_ring_more	COPY(uevtchn_ring_more)
#define uevtchn_ring_end	COPY(uevtchn_ring_end)
#define uevtchn_ring_has	COPY(uevtchn_ring_has)
#define uevtchn_ring_withdraw	COPY(uevtchn_ring_withdraw)
#define uevtchn_ring_reset	COPY(uevtchn_ring_reset)
#define uevtchn_init		COPY(uevtchn_init)
#define uevtchn_bind		COPY(uevtchn_bind)
#define uevtchn_unbind		COPY(uevtchn_unbind)
#define uevtchn_restrict	COPY(uevtchn_restrict)
#define uevtchn_release		COPY(uevtchn_release)
#define uevtchn_notify		COPY(uevtchn_notify)
#define uevtchn_sink_make	COPY(uevtchn_sink_make)
#define uevtchn_sink_signal	COPY(uevtchn_sink_signal)
#define uevtchn_sink_collides	COPY(uevtchn_sink_collides)
#define uevtchn_sink_attach	COPY(uevtchn_sink_attach)
#define uevtchn_sink_detach	COPY(uevtchn_sink_detach)
#define uevtchn_sink_free	COPY(uevtchn_sink_free)
#define uevtchn_set_eventfd	COPY(uevtchn_set_eventfd)
#define uevtchn_notifyfd_set	COPY(uevtchn_notifyfd_set)
#define uevtchn_notifyfd_clear	COPY(uevtchn_notifyfd_clear)
#define uevtchn_set_notifyfd	COPY(uevtchn_set_notifyfd)
#define uevtchn_show		COPY(uevtchn_show)
#define uevtchn_status		COPY(uevtchn_status)
#define uevtchn_enable		COPY(uevtchn_enable)
#define uevtchn_enable_featured	COPY(uevtchn_enable_featured)
#define uevtchn_ioctl		COPY(uevtchn_ioctl)
