// SPDX-License-Identifier: GPL-2.0-only
/*
 * library new|old: libxenevtchn with the patch of tools/for-xen, on a driver that has
 * the commands that it is for, or on one that has not. TAP, up to the first failure.
 * Linked with --wrap=read,--wrap=write, which show what the library calls.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <xenevtchn.h>

#include "clients.d/check.h"

/* A driver with the command does it, and one without says so. */
#define CHECK_NEW(call)	CHECK(has_features ? !(call) : (call) == -1 && errno == ENOSYS)

#define SELF	0x7ff0
#define AUTO	XENEVTCHN_AUTO_UNMASK

static bool has_features;
static int writes;
static __thread bool cancel_after_read;

ssize_t __real_read(int fd, void *buf, size_t count);
ssize_t __real_write(int fd, const void *buf, size_t count);

ssize_t __wrap_read(int fd, void *buf, size_t count)
{
	ssize_t ret = __real_read(fd, buf, count);

	if (cancel_after_read)
		pthread_cancel(pthread_self());
	return ret;
}

ssize_t __wrap_write(int fd, const void *buf, size_t count)
{
	writes++;
	return __real_write(fd, buf, count);
}

/* Two handles, and ports of theirs that are connected. */
static xenevtchn_handle *a, *b;
static int port_a, port_b;

static void next(xenevtchn_handle *handle, int port)
{
	struct pollfd pollfd = { .fd = xenevtchn_fd(handle), .events = POLLIN };

	CHECK(poll(&pollfd, 1, 60000) == 1);
	CHECK(xenevtchn_pending(handle) == port);
}

static void begin(unsigned int flags)
{
	CHECK((a = xenevtchn_open(NULL, flags)) && (b = xenevtchn_open(NULL, 0)));
	port_a = xenevtchn_bind_unbound_port(a, SELF);
	port_b = xenevtchn_bind_interdomain(b, SELF, port_a);
	CHECK(port_a > 0 && port_b > 0);
	/* The one that connects has an event at once, and this handle no flag. */
	writes = 0;
	next(b, port_b);
	CHECK(!writes && !xenevtchn_unmask(b, port_b) && writes == 1);
}

static void pass_to_a(void)
{
	CHECK(!xenevtchn_notify(b, port_b));
	next(a, port_a);
}

/* Nothing but pending() between the events, which is all that the kernel is asked. */
static void hundred_events_of_a(void)
{
	writes = 0;
	for (int i = 0; i < 100; i++)
		pass_to_a();
	CHECK(!xenevtchn_unmask(a, port_a) && writes == (has_features ? 0 : 100));
}

static void flags(void)
{
	CHECK(!xenevtchn_open(NULL, AUTO << 1) && errno == EINVAL);
	CHECK(!xenevtchn_fdopen(NULL, 0, AUTO << 1) && errno == EINVAL);
	CHECK(!xenevtchn_fdopen(NULL, 0, AUTO | XENEVTCHN_NO_CLOEXEC) && errno == EINVAL);
	begin(AUTO | XENEVTCHN_NO_CLOEXEC);
	hundred_events_of_a();
}

static void fdopen_of_a_restricted_file(void)
{
	begin(0);
	CHECK(!xenevtchn_restrict(a, 1));
	CHECK((a = xenevtchn_fdopen(NULL, xenevtchn_fd(a), AUTO)));
	hundred_events_of_a();
}

static void status(void)
{
	struct xenevtchn_status is, other;

	begin(0);
	CHECK(!xenevtchn_restrict(b, 1));
	CHECK_NEW(xenevtchn_status(a, port_a, &is));
	if (!has_features)
		return;
	CHECK(is.status == EVTCHNSTAT_interdomain && (int)is.remote_port == port_b);
	CHECK(!is.flags && !xenevtchn_status(b, port_b, &other));
	CHECK(other.status == EVTCHNSTAT_interdomain && (int)other.remote_port == port_a);
	CHECK(other.irq != is.irq && other.remote_domid == is.remote_domid);
	pass_to_a();
	CHECK(!xenevtchn_status(a, port_a, &is) && is.flags == XENEVTCHN_STATUS_MASKED);
	CHECK(!xenevtchn_status(a, xenevtchn_bind_virq(a, 1), &is));
	CHECK(is.status == EVTCHNSTAT_virq && is.remote_port == 1);
	CHECK(!xenevtchn_unbind(b, port_b) && !xenevtchn_status(a, port_a, &is));
	CHECK(is.status == EVTCHNSTAT_unbound && is.remote_domid == other.remote_domid);
	CHECK(xenevtchn_status(b, port_b, &other) == -1 && errno == ENOTCONN);
}

static void notifyfd(void)
{
	int efd = eventfd(0, EFD_NONBLOCK);
	eventfd_t count;

	begin(0);
	CHECK(!xenevtchn_restrict(b, 1));
	CHECK_NEW(xenevtchn_notifyfd(b, port_b, efd));
	CHECK(!eventfd_write(efd, 3) && !eventfd_read(efd, &count) == !has_features);
	if (has_features)
		next(a, port_a);
	CHECK(xenevtchn_notifyfd(b, port_b, 9999) == -1);
	CHECK(errno == (has_features ? EBADF : ENOSYS));
	CHECK_NEW(xenevtchn_notifyfd(b, port_b, -1));
	CHECK(!eventfd_write(efd, 3) && !eventfd_read(efd, &count) && count == 3);
}

/* A blocking read of the eventfd is what waits for the event. */
static void eventfd_of(unsigned int flags)
{
	int efd = eventfd(0, 0);
	eventfd_t count;

	begin(flags);
	CHECK_NEW(xenevtchn_eventfd(a, port_a, efd));
	writes = 0;
	for (int i = 0; i < 100 && has_features; i++) {
		CHECK(!xenevtchn_notify(b, port_b) && !eventfd_read(efd, &count));
		CHECK(count == 1 && !xenevtchn_unmask(a, port_a));
		CHECK(writes == (flags ? 0 : i + 1));
	}
	CHECK_NEW(xenevtchn_eventfd(a, port_a, -1));
	pass_to_a();
}

static void *take(void *result)
{
	cancel_after_read = result;
	*(int *)result = xenevtchn_pending(a);
	pause();
	return NULL;
}

/* After the read, the event is not lost, nor does its port stay masked. */
static void cancelled(bool after_read)
{
	pthread_t thread;
	int result = -1;
	void *how;

	begin(AUTO);
	CHECK(!after_read || !xenevtchn_notify(b, port_b));
	CHECK(!pthread_create(&thread, NULL, take, after_read ? &result : NULL));
	CHECK(after_read || !pthread_cancel(thread));
	CHECK(!pthread_join(thread, &how) && how == PTHREAD_CANCELED);
	CHECK(result == (after_read ? port_a : -1));
	hundred_events_of_a();
}

#define RUN(number, test) do { test; printf("ok %d %s\n", number, #test); } while (0)

int main(int argc, char **argv)
{
	setlinebuf(stdout);
	has_features = argc == 2 && !strcmp(argv[1], "new");
	printf("TAP version 13\n1..8\n");
	RUN(1, flags());
	RUN(2, fdopen_of_a_restricted_file());
	RUN(3, status());
	RUN(4, notifyfd());
	RUN(5, eventfd_of(0));
	RUN(6, eventfd_of(AUTO));
	RUN(7, cancelled(false));
	RUN(8, cancelled(true));
}
