// SPDX-License-Identifier: GPL-2.0-only
/*
 * Xen's own libraries on the device, in dom0 and in a domU:
 *
 *	libraries evtchn			every function of xenevtchn.h
 *	libraries watches N			N watches, each fired once
 *	libraries transactions N		N transactions of xenstore
 *	libraries vchan-server DOMID PATH N	N bytes to the client, and N from it
 *	libraries vchan-client DOMID PATH N	the other side of that
 *	libraries vchan-echo DOMID PATH		sends back what comes, until the end
 *	libraries vchan-trips DOMID PATH N	N round trips of a byte to that
 *	libraries restricted DOMID COMMAND	a program that has as 9 a file that is
 *						restricted to the domain
 *	libraries stolen PID NAME COMMAND	one that has as 9 the first file of that
 *						name that the process has
 *
 * The exit status is 0 if all was as it should be; else a line says what was not. It
 * is 3 if there is nothing to steal.
 */
#include <errno.h>
#include <fcntl.h>
#include <libxenvchan.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <xenevtchn.h>
#include <xenstore.h>

#include "check.h"

/* An event of the port is there, or comes. */
static void take(xenevtchn_handle *handle, int port)
{
	struct pollfd pollfd = { .fd = xenevtchn_fd(handle), .events = POLLIN };

	CHECK(poll(&pollfd, 1, 60000) == 1);
	CHECK(xenevtchn_pending(handle) == port);
	CHECK(!xenevtchn_unmask(handle, port));
}

/* Whichever domain this is. */
#define SELF	0x7ff0

static int evtchn(void)
{
	xenevtchn_handle *first, *second, *same;
	int fd, offered, connected, virq;

	first = xenevtchn_open(NULL, 0);
	CHECK(first && fcntl(xenevtchn_fd(first), F_GETFD) == FD_CLOEXEC);
	second = xenevtchn_open(NULL, XENEVTCHN_NO_CLOEXEC);
	CHECK(second && !fcntl(xenevtchn_fd(second), F_GETFD));

	offered = xenevtchn_bind_unbound_port(first, SELF);
	CHECK(offered > 0);
	connected = xenevtchn_bind_interdomain(second, SELF, offered);
	CHECK(connected > 0 && connected != offered);
	/* A port that becomes connected has an event at once. */
	take(second, connected);
	CHECK(!xenevtchn_notify(first, offered));
	take(second, connected);
	CHECK(!xenevtchn_notify(second, connected));
	take(first, offered);

	/* The file goes on under another handle, as after a live update. */
	fd = dup(xenevtchn_fd(second));
	CHECK(fd >= 0 && !xenevtchn_close(second));
	same = xenevtchn_fdopen(NULL, fd, 0);
	CHECK(same && xenevtchn_fd(same) == fd);
	CHECK(!xenevtchn_notify(first, offered));
	take(same, connected);

	/* VIRQ_DEBUG is free, and one file at a time has it. */
	virq = xenevtchn_bind_virq(first, 1);
	CHECK(virq > 0);
	CHECK(xenevtchn_bind_virq(same, 1) == -1 && errno == EEXIST);
	CHECK(!xenevtchn_unbind(first, virq));
	CHECK(xenevtchn_unbind(first, virq) == -1 && errno == ENOTCONN);

	CHECK(xenevtchn_restrict(same, 0) == -1 && errno == EINVAL);
	CHECK(!xenevtchn_restrict(same, 1));
	CHECK(!xenevtchn_notify(same, connected));
	take(first, offered);
	CHECK(xenevtchn_bind_virq(same, 1) == -1 && errno == EACCES);

	CHECK(!xenevtchn_close(same));
	CHECK(!xenevtchn_close(first));
	return 0;
}

/* The one event that there is. A static libxenstore takes no reply while one waits. */
static void fired(struct xs_handle *store, const char *path)
{
	unsigned int n;
	char **event = xs_read_watch(store, &n);

	CHECK(event && !strcmp(event[XS_WATCH_PATH], path));
	CHECK(!strcmp(event[XS_WATCH_TOKEN], path));
	free(event);
}

static int watches(unsigned int count)
{
	struct xs_handle *store = xs_open(0), *writer = xs_open(0);
	unsigned int i;
	char path[64];

	CHECK(store && writer);
	/* Each fires when it is set, and when its path is written. */
	for (i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "/local/domain/0/watched/%u", i);
		CHECK(xs_watch(store, path, path));
		fired(store, path);
	}
	for (i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "/local/domain/0/watched/%u", i);
		CHECK(xs_write(writer, XBT_NULL, path, "x", 1));
		fired(store, path);
	}
	CHECK(!xs_check_watch(store) && errno == EAGAIN);
	xs_close(store);
	CHECK(xs_rm(writer, XBT_NULL, "/local/domain/0/watched"));
	xs_close(writer);
	return 0;
}

static int transactions(unsigned int count)
{
	struct xs_handle *store = xs_open(0);
	const char *path = "/local/domain/0/counted";
	unsigned int i, length;
	xs_transaction_t t;
	char number[16], *value;

	CHECK(store);
	for (i = 0; i < count; i++) {
		t = xs_transaction_start(store);
		CHECK(t != XBT_NULL);
		value = xs_read(store, t, path, &length);
		CHECK(i ? value && (unsigned int)atoi(value) == i : !value);
		free(value);
		snprintf(number, sizeof(number), "%u", i + 1);
		CHECK(xs_write(store, t, path, number, strlen(number)));
		CHECK(xs_transaction_end(store, t, false));
	}
	CHECK(xs_rm(store, XBT_NULL, path));
	xs_close(store);
	return 0;
}

/* The numbers of a generator, so that a byte that is lost or doubled shows. */
static void fill(unsigned char *bytes, size_t size, unsigned int *state)
{
	for (size_t i = 0; i < size; i++) {
		*state = *state * 1103515245 + 12345;
		bytes[i] = *state >> 16;
	}
}

static unsigned int sum;

static void add(const unsigned char *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		sum = sum * 31 + bytes[i];
}

static void send_all(struct libxenvchan *vchan, size_t left)
{
	unsigned char bytes[4096];
	unsigned int state = 1;

	for (sum = 0; left; ) {
		size_t size = left < sizeof(bytes) ? left : sizeof(bytes);

		fill(bytes, size, &state);
		for (size_t sent = 0; sent < size; ) {
			int n = libxenvchan_write(vchan, bytes + sent, size - sent);

			CHECK(n > 0);
			sent += n;
		}
		add(bytes, size);
		left -= size;
	}
	printf("sent, sum %08x\n", sum);
}

static void receive_all(struct libxenvchan *vchan, size_t left)
{
	unsigned char bytes[4096], want[4096];
	unsigned int state = 1;

	for (sum = 0; left; ) {
		size_t size = left < sizeof(bytes) ? left : sizeof(bytes);
		int n = libxenvchan_read(vchan, bytes, size);

		CHECK(n > 0);
		fill(want, n, &state);
		CHECK(!memcmp(bytes, want, n));
		add(bytes, n);
		left -= n;
	}
	printf("received, sum %08x\n", sum);
}

static struct libxenvchan *client(int domid, const char *path)
{
	struct libxenvchan *vchan = NULL;

	/* The server's offer is in xenstore once it is ready. */
	for (int i = 0; i < 1200 && !vchan; i++) {
		vchan = libxenvchan_client_init(NULL, domid, path);
		if (!vchan)
			usleep(100000);
	}
	CHECK(vchan);
	vchan->blocking = 1;
	return vchan;
}

static struct libxenvchan *server(int domid, const char *path)
{
	struct libxenvchan *vchan = libxenvchan_server_init(NULL, domid, path, 65536, 65536);

	CHECK(vchan);
	vchan->blocking = 1;
	return vchan;
}

static int vchan_bytes(struct libxenvchan *vchan, size_t count, bool sends_first)
{
	if (sends_first)
		send_all(vchan, count);
	receive_all(vchan, count);
	if (!sends_first)
		send_all(vchan, count);
	libxenvchan_close(vchan);
	return 0;
}

static int vchan_echo(int domid, const char *path)
{
	struct libxenvchan *vchan = server(domid, path);
	char byte;

	while (libxenvchan_read(vchan, &byte, 1) == 1)
		CHECK(libxenvchan_write(vchan, &byte, 1) == 1);
	CHECK(!libxenvchan_is_open(vchan));
	libxenvchan_close(vchan);
	return 0;
}

static int vchan_trips(int domid, const char *path, unsigned int count)
{
	struct libxenvchan *vchan = client(domid, path);
	char byte, got;

	for (unsigned int i = 0; i < count; i++) {
		byte = i;
		CHECK(libxenvchan_write(vchan, &byte, 1) == 1);
		CHECK(libxenvchan_read(vchan, &got, 1) == 1 && got == byte);
		if (!i)
			printf("connected\n");
	}
	printf("%u round trips\n", count);
	libxenvchan_close(vchan);
	return 0;
}

static void run_with(int fd, char **command)
{
	CHECK(dup2(fd, 9) == 9);
	execvp(command[0], command);
	CHECK(!command[0]);
}

static void restricted(int domid, char **command)
{
	xenevtchn_handle *handle = xenevtchn_open(NULL, XENEVTCHN_NO_CLOEXEC);

	CHECK(handle && !xenevtchn_restrict(handle, domid));
	run_with(xenevtchn_fd(handle), command);
}

static void stolen(int pid, const char *wanted, char **command)
{
	int pidfd = syscall(SYS_pidfd_open, pid, 0);
	char path[64], name[64];
	ssize_t length;

	CHECK(pidfd >= 0);
	for (int fd = 0; fd < 1024; fd++) {
		snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid, fd);
		length = readlink(path, name, sizeof(name) - 1);
		if (length < 0)
			continue;
		name[length] = 0;
		if (!strcmp(name, wanted))
			run_with(syscall(SYS_pidfd_getfd, pidfd, fd, 0), command);
	}
	fprintf(stderr, "%d has no %s\n", pid, wanted);
	exit(3);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	long number = argc > 2 ? atol(argv[argc - 1]) : 0;

	setlinebuf(stdout);
	if (!strcmp(what, "evtchn") && argc == 2)
		return evtchn();
	if (!strcmp(what, "watches") && argc == 3)
		return watches(number);
	if (!strcmp(what, "transactions") && argc == 3)
		return transactions(number);
	if (!strcmp(what, "vchan-server") && argc == 5)
		return vchan_bytes(server(atoi(argv[2]), argv[3]), number, true);
	if (!strcmp(what, "vchan-client") && argc == 5)
		return vchan_bytes(client(atoi(argv[2]), argv[3]), number, false);
	if (!strcmp(what, "vchan-echo") && argc == 4)
		return vchan_echo(atoi(argv[2]), argv[3]);
	if (!strcmp(what, "vchan-trips") && argc == 5)
		return vchan_trips(atoi(argv[2]), argv[3], number);
	if (!strcmp(what, "restricted") && argc > 3)
		restricted(atoi(argv[2]), argv + 3);
	if (!strcmp(what, "stolen") && argc > 4)
		stolen(atoi(argv[2]), argv[3], argv + 4);
	fprintf(stderr, "libraries: read the head of its source\n");
	return 2;
}
