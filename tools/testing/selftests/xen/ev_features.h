/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The commands that FEATURES reports, and eventfds: each as a function that
 * returns its result or -errno.
 */
#ifndef _SELFTESTS_XEN_EV_FEATURES_H
#define _SELFTESTS_XEN_EV_FEATURES_H

#include <sys/eventfd.h>

#include "common.h"

#define READ_ENABLES	EVTCHN_EVENTFD_READ_ENABLES

static inline int features(int fd, unsigned int enable)
{
	struct ioctl_evtchn_features arg = { .enable = enable };

	return ev_ioctl(fd, IOCTL_EVTCHN_FEATURES, &arg);
}

/* The driver lacks the command, or all commands for 32-bit programs. */
static inline bool is_lacking(int ret)
{
	return ret == -ENOSYS || ret == -ENOTTY;
}

static inline bool has_eventfds(int fd)
{
	int has = features(fd, 0);

	return has > 0 && (has & EVTCHN_FEATURE_EVENTFD);
}

static inline int status_of(int fd, unsigned int port, struct ioctl_evtchn_status *status)
{
	/* STATUS must overwrite all fields. */
	memset(status, 0xa5, sizeof(*status));
	status->port = port;
	return ev_ioctl(fd, IOCTL_EVTCHN_STATUS, status);
}

static inline int set_notifyfd(int fd, unsigned int port, int efd)
{
	struct ioctl_evtchn_notifyfd arg = { .port = port, .fd = efd };

	return ev_ioctl(fd, IOCTL_EVTCHN_NOTIFYFD, &arg);
}

static inline int set_eventfd(int fd, unsigned int port, int efd, unsigned int flags)
{
	struct ioctl_evtchn_eventfd arg = { .port = port, .fd = efd, .flags = flags };

	return ev_ioctl(fd, IOCTL_EVTCHN_EVENTFD, &arg);
}

/* The count of the eventfd, after all sent events are handled; or -errno. */
static inline int taken(int efd)
{
	uint64_t count;

	ev_settle();
	return read(efd, &count, sizeof(count)) == sizeof(count) ? (int)count : -errno;
}

static inline int put(int efd, uint64_t count)
{
	int ret = write(efd, &count, sizeof(count)) == sizeof(count) ? 0 : -errno;

	ev_settle();
	return ret;
}

#endif /* _SELFTESTS_XEN_EV_FEATURES_H */
