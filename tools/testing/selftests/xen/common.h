/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What the tests of /dev/xen/evtchn share: each call of the device as a
 * function that returns its result or -errno, a loopback inside this domain,
 * and a look at the kernel log.
 */
#ifndef _SELFTESTS_XEN_COMMON_H
#define _SELFTESTS_XEN_COMMON_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

/* A program that is no test has no use for the harness. */
#ifdef EV_NO_HARNESS
#include "../kselftest.h"
#else
#include "../kselftest_harness.h"
#endif

/* Seconds after which a test counts as hung: guests under emulation are slow. */
#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT	120

/* <xen/evtchn.h> leaves its definition to whoever includes it. */
#define domid_t uint16_t
#include <xen/evtchn.h>

#define EV_DEVICE	"/dev/xen/evtchn"

/* Xen's name for the calling domain, and the first id no domain can have. */
#define EV_SELF		0x7ff0u
#define EV_FIRST_RESERVED 0x7ff0u
/* The highest possible id of a domain: none has it. */
#define EV_NO_DOMAIN	0x7fefu

/* A hang guard, never a measure: it only ends what would not end. */
#define EV_GUARD_MS	20000

/* Everything that poll() can say of a file. */
#define EV_POLL_ALL	(POLLIN | POLLPRI | POLLOUT | POLLRDNORM | \
			 POLLRDBAND | POLLWRNORM | POLLWRBAND | POLLRDHUP)
#define EV_POLL_IDLE	(POLLOUT | POLLWRNORM)
#define EV_POLL_EVENT	(EV_POLL_IDLE | POLLIN | POLLRDNORM)

/* Ends the program as skipped, with the reason, where there is no device. */
static inline void ev_require_device(void)
{
	char type[16] = "";
	int fd;

	fd = open("/sys/hypervisor/type", O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		if (read(fd, type, sizeof(type) - 1) < 0)
			type[0] = '\0';
		close(fd);
	}
	if (strcmp(type, "xen\n")) {
		ksft_print_header();
		ksft_exit_skip("not under Xen (/sys/hypervisor/type)\n");
	}

	fd = open(EV_DEVICE, O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		ksft_print_header();
		ksft_exit_skip("cannot open " EV_DEVICE ": %s\n",
			       strerror(errno));
	}
	close(fd);
}

static inline int ev_open(int flags)
{
	int fd = open(EV_DEVICE, O_RDWR | flags);

	return fd < 0 ? -errno : fd;
}

static inline int ev_ioctl(int fd, unsigned long cmd, const void *arg)
{
	int ret = ioctl(fd, cmd, arg);

	return ret < 0 ? -errno : ret;
}

static inline int ev_bind_virq(int fd, unsigned int virq)
{
	struct ioctl_evtchn_bind_virq bind = { .virq = virq };

	return ev_ioctl(fd, IOCTL_EVTCHN_BIND_VIRQ, &bind);
}

static inline int ev_bind_unbound(int fd, unsigned int domain)
{
	struct ioctl_evtchn_bind_unbound_port bind = {
		.remote_domain = domain,
	};

	return ev_ioctl(fd, IOCTL_EVTCHN_BIND_UNBOUND_PORT, &bind);
}

static inline int ev_bind_interdomain(int fd, unsigned int domain,
				      unsigned int port)
{
	struct ioctl_evtchn_bind_interdomain bind = {
		.remote_domain = domain,
		.remote_port = port,
	};

	return ev_ioctl(fd, IOCTL_EVTCHN_BIND_INTERDOMAIN, &bind);
}

static inline int ev_bind_static(int fd, unsigned int port)
{
	struct ioctl_evtchn_bind bind = { .port = port };

	return ev_ioctl(fd, IOCTL_EVTCHN_BIND_STATIC, &bind);
}

static inline int ev_unbind(int fd, unsigned int port)
{
	struct ioctl_evtchn_unbind unbind = { .port = port };

	return ev_ioctl(fd, IOCTL_EVTCHN_UNBIND, &unbind);
}

static inline int ev_notify(int fd, unsigned int port)
{
	struct ioctl_evtchn_notify notify = { .port = port };

	return ev_ioctl(fd, IOCTL_EVTCHN_NOTIFY, &notify);
}

static inline int ev_reset(int fd)
{
	return ev_ioctl(fd, IOCTL_EVTCHN_RESET, NULL);
}

static inline int ev_restrict(int fd, unsigned int domain)
{
	struct ioctl_evtchn_restrict_domid restriction = { .domid = domain };

	return ev_ioctl(fd, IOCTL_EVTCHN_RESTRICT_DOMID, &restriction);
}

/* Not read() and write(): the compiler objects to the NULL of a test. */
static inline int ev_read(int fd, void *buf, size_t bytes)
{
	long ret = syscall(__NR_read, fd, buf, bytes);

	return ret < 0 ? -errno : ret;
}

static inline int ev_write(int fd, const void *buf, size_t bytes)
{
	long ret = syscall(__NR_write, fd, buf, bytes);

	return ret < 0 ? -errno : ret;
}

static inline int ev_enable(int fd, unsigned int port)
{
	return ev_write(fd, &port, sizeof(port));
}

/* What poll() says now. */
static inline int ev_poll(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = EV_POLL_ALL };

	return poll(&pfd, 1, 0) < 0 ? -errno : pfd.revents;
}

/* What poll() says once there is something to read. */
static inline int ev_wait(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	int ret = poll(&pfd, 1, EV_GUARD_MS);

	return ret < 0 ? -errno : pfd.revents;
}

/* Waits for an event and takes it: the port, or -errno. */
static inline int ev_take(int fd)
{
	unsigned int port;
	int ret;

	ret = ev_wait(fd);
	if (ret < 0)
		return ret;
	if (!ret)
		return -ETIMEDOUT;
	ret = ev_read(fd, &port, sizeof(port));
	if (ret < 0)
		return ret;
	return ret == sizeof(port) ? (int)port : -EIO;
}

/*
 * Returns when every event that was sent before has been handled.
 *
 * An event may be bound to another vCPU than the sender's. Xen marks that
 * vCPU's upcall pending before the send returns, so the upcall is over once
 * this thread has run there. It stays on the last one: moving is slow.
 */
static inline void ev_settle(void)
{
	cpu_set_t all, one;
	int here, cpu;

	if (sched_getaffinity(0, sizeof(all), &all))
		return;
	here = sched_getcpu();
	for (cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (cpu == here || !CPU_ISSET(cpu, &all))
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		sched_setaffinity(0, sizeof(one), &one);
		sched_yield();
	}
	sched_setaffinity(0, sizeof(all), &all);
}

static inline int ev_notify_settled(int fd, unsigned int port)
{
	int ret = ev_notify(fd, port);

	ev_settle();
	return ret;
}

/* Two connected ports: a notification of one is an event of the other. */
struct ev_pair {
	unsigned int a;	/* from BIND_UNBOUND_PORT */
	unsigned int b;	/* from BIND_INTERDOMAIN */
};

/*
 * Connects @fd_a to @fd_b (which may be the same file, but nothing else may
 * be pending there), with the event taken that BIND_INTERDOMAIN causes: both
 * ports are enabled and quiet. Returns 0 or -errno.
 */
static inline int ev_connect(int fd_a, int fd_b, struct ev_pair *pair)
{
	int ret;

	ret = ev_bind_unbound(fd_a, EV_SELF);
	if (ret < 0)
		return ret;
	pair->a = ret;
	ret = ev_bind_interdomain(fd_b, EV_SELF, pair->a);
	if (ret < 0)
		return ret;
	pair->b = ret;
	ret = ev_take(fd_b);
	if (ret < 0)
		return ret;
	if ((unsigned int)ret != pair->b)
		return -EPROTO;
	ret = ev_enable(fd_b, pair->b);
	return ret < 0 ? ret : 0;
}

/*
 * ev_connect() for many pairs of a file that is new. The events that
 * BIND_INTERDOMAIN causes are taken together, which is a lot faster.
 */
static inline int ev_connect_many(int fd, struct ev_pair *pairs, int n)
{
	unsigned int port;
	int i, ret;

	for (i = 0; i < n; i++) {
		ret = ev_bind_unbound(fd, EV_SELF);
		if (ret < 0)
			return ret;
		pairs[i].a = ret;
		ret = ev_bind_interdomain(fd, EV_SELF, pairs[i].a);
		if (ret < 0)
			return ret;
		pairs[i].b = ret;
	}
	for (i = 0; i < n; i++) {
		ret = ev_take(fd);
		if (ret < 0)
			return ret;
		port = ret;
		ret = ev_enable(fd, port);
		if (ret < 0)
			return ret;
	}
	return 0;
}

/* The first entry of @seen that is not as in @want, which it prints; or -1. */
static inline int ev_first_difference(const unsigned int *want,
				      const unsigned int *seen, int n)
{
	int i;

	for (i = 0; i < n; i++) {
		if (seen[i] == want[i])
			continue;
		ksft_print_msg("entry %d of %d: expected port %u, got %u\n",
			       i, n, want[i], seen[i]);
		return i;
	}
	return -1;
}

/* A notification from one port is the next event at another: 0, or -errno. */
static inline int ev_pass(int from_fd, unsigned int from, int to_fd,
			  unsigned int to)
{
	int ret = ev_notify(from_fd, from);

	if (!ret)
		ret = ev_take(to_fd);
	if (ret < 0)
		return ret;
	if ((unsigned int)ret != to)
		return -EPROTO;
	ret = ev_enable(to_fd, to);
	return ret < 0 ? ret : 0;
}

/* A notification of each end arrives at the other: 0, or -errno. */
static inline int ev_ping(int fd_a, int fd_b, const struct ev_pair *pair)
{
	return ev_pass(fd_b, pair->b, fd_a, pair->a) ?:
	       ev_pass(fd_a, pair->a, fd_b, pair->b);
}

/* A new pair in a file of its own answers: 0, or -errno. */
static inline int ev_ping_fresh(void)
{
	struct ev_pair pair;
	int fd, ret;

	fd = ev_open(O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return fd;
	ret = ev_connect(fd, fd, &pair);
	if (!ret)
		ret = ev_ping(fd, fd, &pair);
	close(fd);
	return ret;
}

/* The port that the next bind gets: Xen gives out the lowest free number. */
static inline int ev_next_port(void)
{
	int fd, port;

	fd = ev_open(O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return fd;
	port = ev_bind_unbound(fd, EV_SELF);
	close(fd);
	return port;
}

/* The first byte of a hole that follows a page of memory, or NULL. */
static inline void *ev_hole(void)
{
	long page = sysconf(_SC_PAGESIZE);
	char *map;

	map = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (map == MAP_FAILED)
		return NULL;
	/* Not unmapped: a later mmap() must not fill the hole. */
	if (mprotect(map + page, page, PROT_NONE))
		return NULL;
	return map + page;
}

/* The kernel log from now on, or -errno. */
static inline int ev_log_open(void)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (lseek(fd, 0, SEEK_END) < 0) {
		close(fd);
		return -ESPIPE;
	}
	return fd;
}

/* Holds the longest record. */
#define EV_LOG_RECORD	8192

/*
 * Looks for a sign of trouble in what has been logged since ev_log_open().
 * Complaints of the kernel's that something is slow are not among them, nor are
 * data races outside the driver, of which the kernel has many.
 * Returns 1 with the record in @record, 0 if there is none, or -errno.
 */
static inline int ev_log_trouble(int fd, char record[EV_LOG_RECORD])
{
	static const char * const signs[] = {
		"WARNING:", "BUG:", "kernel BUG at", "Oops", "Call Trace",
		"KASAN", "KCSAN", "UBSAN", "general protection", "refcount_t:",
		"nobody cared",
	};
	ssize_t len;
	size_t i;

	for (;;) {
		len = read(fd, record, EV_LOG_RECORD - 1);
		if (len < 0 && errno == EAGAIN)
			return 0;
		/* Records were overwritten before they were read. */
		if (len < 0 && errno == EPIPE)
			continue;
		if (len < 0)
			return -errno;
		record[len] = '\0';
		if (strstr(record, "KCSAN: ") && !strstr(record, "[xen_evtchn]"))
			continue;
		for (i = 0; i < ARRAY_SIZE(signs); i++)
			if (strstr(record, signs[i]))
				return 1;
	}
}

/* Loads the kernel module in that file: 0, or -errno. */
static inline int ev_insmod(const char *path)
{
	int fd, ret;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ret = syscall(__NR_finit_module, fd, "", 0) ? -errno : 0;
	close(fd);
	return ret;
}

/* Loads a module of $EVTCHN_MODULES, or of ./test_modules: 0, or -errno. */
static inline int ev_load_module(const char *name)
{
	const char *dir = getenv("EVTCHN_MODULES") ?: "./test_modules";
	char path[256];

	snprintf(path, sizeof(path), "%s/%s.ko", dir, name);
	return ev_insmod(path);
}

#endif /* _SELFTESTS_XEN_COMMON_H */
