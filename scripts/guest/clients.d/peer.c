// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two domains on the two ends of a port. One offers ports and says their numbers:
 *
 *	peer trips DOMID N	N round trips to an echo, one event each way
 *	peer paused DOMID FILE	notifies an echo that is paused; FILE says that it is, and
 *				its end that it is not
 *	peer outlives DOMID FILE	has the events of a domain until FILE says that it is gone
 *	peer again DOMID	the other end of "twice"
 *	peer flooded DOMID N	N round trips inside this domain beside a flood
 *	peer kicks DOMID N	as "trips", by two eventfds
 *
 * and the other connects:
 *
 *	peer echo PORT		answers each event with one
 *	peer back-end PORT	the same, by a process that has two eventfds and no more
 *	peer twice PORT PORT	binds to the first, and with the same number to the second
 *	peer flood PORT		notifies for ever
 *
 * The exit status is 0 if all was as it should be; else a line says what was not.
 *
 *	peer has eventfds	what "kicks" and "back-end" take: 4 if the driver lacks it
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

typedef uint16_t domid_t;
#include <xen/evtchn.h>

#define SELF	0x7ff0			/* DOMID_SELF of Xen's public xen.h */
/* An event that has not come by then, with the machine as slow as may be, is lost. */
#define PATIENCE_MS	60000

#include "check.h"

static int open_device(void)
{
	int fd = open("/dev/xen/evtchn", O_RDWR | O_CLOEXEC);

	CHECK(fd >= 0);
	return fd;
}

static unsigned int offer(int fd, unsigned int domid)
{
	struct ioctl_evtchn_bind_unbound_port bind = { domid };
	int port = ioctl(fd, IOCTL_EVTCHN_BIND_UNBOUND_PORT, &bind);

	CHECK(port > 0);
	return port;
}

static unsigned int connect_to(int fd, unsigned int domid, unsigned int port)
{
	struct ioctl_evtchn_bind_interdomain bind = { domid, port };
	int local = ioctl(fd, IOCTL_EVTCHN_BIND_INTERDOMAIN, &bind);

	CHECK(local > 0);
	return local;
}

static void notify(int fd, unsigned int port)
{
	struct ioctl_evtchn_notify notify = { port };

	CHECK(!ioctl(fd, IOCTL_EVTCHN_NOTIFY, &notify));
}

static void unbind(int fd, unsigned int port)
{
	struct ioctl_evtchn_unbind unbind = { port };

	CHECK(!ioctl(fd, IOCTL_EVTCHN_UNBIND, &unbind));
}

static void enable(int fd, unsigned int port)
{
	CHECK(write(fd, &port, sizeof(port)) == sizeof(port));
}

static int readable(int fd, int ms)
{
	struct pollfd pollfd = { .fd = fd, .events = POLLIN };

	return poll(&pollfd, 1, ms) == 1;
}

/* The next event, which has to come. */
static unsigned int event(int fd)
{
	unsigned int port;

	CHECK(readable(fd, PATIENCE_MS));
	CHECK(read(fd, &port, sizeof(port)) == sizeof(port));
	return port;
}

static void take_at(int line, int fd, unsigned int port)
{
	if (!readable(fd, PATIENCE_MS))
		fprintf(stderr, "line %d has waited in vain\n", line);
	CHECK(event(fd) == port);
	enable(fd, port);
}

#define take(fd, port) take_at(__LINE__, fd, port)

static void wait_for(const char *file, int there)
{
	for (int i = 0; (access(file, F_OK) == 0) != there; i++) {
		CHECK(i < PATIENCE_MS / 10);
		usleep(10000);
	}
}

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}

static void round_trips(int fd, unsigned int port, int count)
{
	for (int i = 0; i < count; i++) {
		notify(fd, port);
		take(fd, port);
	}
}

/* The first event is the echo's greeting. */
static int trips(unsigned int domid, int count)
{
	int fd = open_device();
	unsigned int port = offer(fd, domid);
	double began;

	printf("port %u\n", port);
	take(fd, port);
	began = now_us();
	round_trips(fd, port, count);
	CHECK(!readable(fd, 0));
	printf("%d round trips, %.0f us each\n", count, (now_us() - began) / count);
	return 0;
}

static int paused(unsigned int domid, const char *file)
{
	int fd = open_device();
	unsigned int port = offer(fd, domid);

	printf("port %u\n", port);
	take(fd, port);
	printf("connected\n");
	wait_for(file, 1);
	for (int i = 0; i < 1000; i++)
		notify(fd, port);
	CHECK(!readable(fd, 0));
	printf("notified\n");
	wait_for(file, 0);
	/* Events that nobody has read are one. */
	take(fd, port);
	CHECK(!readable(fd, 500));
	round_trips(fd, port, 100);
	return 0;
}

static int outlives(unsigned int domid, const char *file)
{
	int fd = open_device(), events = 0;
	unsigned int port = offer(fd, domid), end, number;

	printf("port %u\n", port);
	while (access(file, F_OK)) {
		if (!readable(fd, 100))
			continue;
		take(fd, port);
		if (!events++)
			printf("connected\n");
	}
	CHECK(events);
	/* At most the one that was on its way. */
	if (readable(fd, 0))
		take(fd, port);
	CHECK(!readable(fd, 500));
	notify(fd, port);
	CHECK(!readable(fd, 100));
	unbind(fd, port);
	/* Xen takes the lowest that is free. */
	for (int i = 0; (number = offer(fd, SELF)) != port; i++)
		CHECK(i < 100);
	end = connect_to(fd, SELF, number);
	take(fd, end);
	notify(fd, end);
	take(fd, number);
	printf("%d events\n", events);
	return 0;
}

static int again(unsigned int domid)
{
	int fd = open_device();
	unsigned int first = offer(fd, domid), second = offer(fd, domid);

	printf("port %u %u\n", first, second);
	take(fd, first);
	notify(fd, first);
	/* That end is closed, and its number is the other one's now. */
	take(fd, second);
	CHECK(!readable(fd, 100));
	notify(fd, first);
	notify(fd, second);
	take(fd, second);
	CHECK(!readable(fd, 500));
	return 0;
}

static int twice(unsigned int first, unsigned int second)
{
	int fd = open_device();
	unsigned int port = connect_to(fd, 0, first);

	take(fd, port);
	notify(fd, port);
	/* Events of two ports may change places, so that one has to be answered. */
	take(fd, port);
	unbind(fd, port);
	CHECK(connect_to(fd, 0, second) == port);
	take(fd, port);
	notify(fd, port);
	take(fd, port);
	/* By one of its notifications alone: the first port's go nowhere. */
	CHECK(!readable(fd, 500));
	notify(fd, port);
	return 0;
}

static _Noreturn void echo(unsigned int remote)
{
	int fd = open_device();
	unsigned int port = connect_to(fd, 0, remote);

	for (;;) {
		CHECK(read(fd, &remote, sizeof(remote)) == sizeof(remote));
		CHECK(remote == port);
		enable(fd, port);
		notify(fd, port);
	}
}

static int has_eventfds(void)
{
	struct ioctl_evtchn_features none = { 0 };
	int features = ioctl(open_device(), IOCTL_EVTCHN_FEATURES, &none);

	if (features > 0 && (features & EVTCHN_FEATURE_EVENTFD))
		return 0;
	printf("the kernel has no IOCTL_EVTCHN_EVENTFD\n");
	return 4;
}

/* Events of the port are in kick, and a write to call notifies it. */
static void tie(int fd, unsigned int port, int kick, int call)
{
	struct ioctl_evtchn_eventfd events = { port, kick, EVTCHN_EVENTFD_READ_ENABLES };
	struct ioctl_evtchn_notifyfd notifies = { port, call };

	CHECK(!ioctl(fd, IOCTL_EVTCHN_NOTIFYFD, &notifies));
	CHECK(!ioctl(fd, IOCTL_EVTCHN_EVENTFD, &events));
}

static void await(int kick)
{
	uint64_t count;

	CHECK(readable(kick, PATIENCE_MS));
	CHECK(read(kick, &count, sizeof(count)) == sizeof(count));
	CHECK(count == 1);
}

static int kicks(unsigned int domid, int count)
{
	int fd = open_device(), kick = eventfd(0, 0), call = eventfd(0, 0);
	unsigned int port = offer(fd, domid);
	double began;

	tie(fd, port, kick, call);
	printf("port %u\n", port);
	await(kick);
	began = now_us();
	for (int i = 0; i < count; i++) {
		CHECK(!eventfd_write(call, 1));
		await(kick);
	}
	CHECK(!readable(kick, 0) && !readable(fd, 0));
	printf("%d round trips by eventfds, %.0f us each\n", count, (now_us() - began) / count);
	return 0;
}

/* The event that its bind has caused moves along, and so the first is a greeting. */
static _Noreturn void back_end(unsigned int remote)
{
	int fd = open_device(), kick = eventfd(0, 0), call = eventfd(0, 0);
	uint64_t count;

	tie(fd, connect_to(fd, 0, remote), kick, call);
	switch (fork()) {
	case 0:
		close(fd);
		for (;;) {
			CHECK(read(kick, &count, sizeof(count)) == sizeof(count));
			CHECK(count == 1);
			CHECK(!eventfd_write(call, 1));
		}
	default: /* The ties are as old as this file. */
		wait(NULL);
		exit(1);
	}
}

static _Noreturn void flood(unsigned int remote)
{
	int fd = open_device();
	unsigned int port = connect_to(fd, 0, remote);

	for (;;)
		notify(fd, port);
}

struct server {
	int fd;
	unsigned int port;
	volatile int stop;
	long events;
};

static void *serve(void *argument)
{
	struct server *server = argument;

	while (!server->stop) {
		if (!readable(server->fd, 100))
			continue;
		take(server->fd, server->port);
		server->events++;
	}
	return NULL;
}

static double each_us(int fd, unsigned int from, unsigned int to, int count)
{
	double began = now_us();

	for (int i = 0; i < count; i++) {
		notify(fd, from);
		take(fd, to);
	}
	return (now_us() - began) / count;
}

static int flooded(unsigned int domid, int count)
{
	struct server server = { .fd = open_device() };
	int fd = open_device();
	unsigned int port, from = offer(fd, SELF), to = connect_to(fd, SELF, from);
	double alone, beside;
	pthread_t thread;

	take(fd, to);
	alone = each_us(fd, from, to, count);
	server.port = offer(server.fd, domid);
	printf("port %u\n", server.port);
	CHECK(readable(server.fd, PATIENCE_MS));
	CHECK(!pthread_create(&thread, NULL, serve, &server));
	beside = each_us(fd, from, to, count);
	server.stop = 1;
	CHECK(!pthread_join(thread, NULL));
	CHECK(server.events);
	printf("%d round trips: %.0f us each alone, %.0f beside a flood of which %ld events came: ratio %.2f\n",
	       count, alone, beside, server.events, beside / alone);

	/* One that is read and not enabled is the last, however many are sent. */
	CHECK(event(server.fd) == server.port);
	CHECK(!readable(server.fd, 1000));
	each_us(fd, from, to, 100);
	CHECK(!readable(server.fd, 0));
	CHECK(read(fcntl(server.fd, F_SETFL, O_NONBLOCK) ? -1 : server.fd, &port, sizeof(port)) == -1);
	CHECK(errno == EAGAIN);
	return 0;
}

int main(int argc, char **argv)
{
	const char *what = argc > 2 ? argv[1] : "";
	unsigned int number = argc > 2 ? atoi(argv[2]) : 0;

	setlinebuf(stdout);
	if (!strcmp(what, "again") && argc == 3)
		return again(number);
	if (!strcmp(what, "echo") && argc == 3)
		echo(number);
	if (!strcmp(what, "has") && !strcmp(argv[2], "eventfds"))
		return has_eventfds();
	if (!strcmp(what, "back-end") && argc == 3)
		back_end(number);
	if (!strcmp(what, "flood") && argc == 3)
		flood(number);
	if (!strcmp(what, "trips") && argc == 4)
		return trips(number, atoi(argv[3]));
	if (!strcmp(what, "kicks") && argc == 4)
		return kicks(number, atoi(argv[3]));
	if (!strcmp(what, "paused") && argc == 4)
		return paused(number, argv[3]);
	if (!strcmp(what, "outlives") && argc == 4)
		return outlives(number, argv[3]);
	if (!strcmp(what, "twice") && argc == 4)
		return twice(number, atoi(argv[3]));
	if (!strcmp(what, "flooded") && argc == 4)
		return flooded(number, atoi(argv[3]));
	fprintf(stderr, "peer: read the head of its source\n");
	return 2;
}
