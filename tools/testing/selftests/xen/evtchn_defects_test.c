// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * What the driver of /dev/xen/evtchn before this one did wrong: for each of its
 * defects (D1 to D18) that a program can reach, the right behaviour. And the
 * same for what a driver without them, or the event core behind it, may still do
 * wrong (A2 to A11).
 *
 * There, many of these tests end the kernel, and others wait for ever. Threads
 * and processes that may never come back are waited for with a guard.
 */
#include <glob.h>
#include <libgen.h>
#include <linux/membarrier.h>
#include <linux/types.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

#include "hypercall.h"

/*
 * In steps of a look at something every 10 ms, a hang guard like EV_GUARD_MS,
 * but shorter: a driver that hangs does so in many of these tests.
 */
#define GUARD_STEPS	(EV_GUARD_MS / 2 / 10)

static void one_step(void)
{
	usleep(10000);
}

/* How many ports are in use. */
static int xen_count(void)
{
	unsigned int port;
	int status, n = 0;

	for (port = 1; (status = ev_xen_status(port)) >= 0; port++)
		n += status != EV_CLOSED;
	return n;
}

/* A port that Xen has, and nobody. */
static int xen_free_port(void)
{
	int port = ev_xen_alloc_unbound(EV_SELF);
	int ret = port < 0 ? port : ev_xen_close(port);

	return ret < 0 ? ret : port;
}

static void check_log(struct __test_metadata *_metadata, int log)
{
	char record[EV_LOG_RECORD] = "";
	int trouble = ev_log_trouble(log, record);

	EXPECT_EQ(0, trouble);
	if (trouble)
		TH_LOG("%s", record);
	close(log);
}

/*
 * The file that most tests begin with, and the kernel log that all end with
 */

FIXTURE(defects)
{
	int log;
	int fd;
};

FIXTURE_SETUP(defects)
{
	self->log = ev_log_open();
	ASSERT_GE(self->log, 0)
		TH_LOG("/dev/kmsg: %s", strerror(-self->log));
	self->fd = ev_open(O_CLOEXEC | O_NONBLOCK);
	ASSERT_GE(self->fd, 0);
}

FIXTURE_TEARDOWN(defects)
{
	close(self->fd);
	check_log(_metadata, self->log);
}

/*
 * D1: BIND_STATIC of a port of the kernel closed it.
 */

static void *spin(void *stop)
{
	while (!atomic_load((atomic_bool *)stop))
		;
	return NULL;
}

/*
 * On each CPU a timer ends a sleep, and code runs when another CPU asks for it
 * by an IPI (if there is another): 0, or -errno. Without them this hangs.
 */
static int kernel_ports_work(void)
{
	struct timespec ms = { .tv_nsec = 1000000 };
	cpu_set_t all, one;
	atomic_bool stop;
	pthread_t other;
	int cpu, ret = 0;

	if (sched_getaffinity(0, sizeof(all), &all))
		return -errno;
	if (syscall(__NR_membarrier,
		    MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0))
		return -errno;

	for (cpu = 0; cpu < CPU_SETSIZE && !ret; cpu++) {
		if (!CPU_ISSET(cpu, &all))
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		if (sched_setaffinity(0, sizeof(one), &one))
			return -errno;
		if (nanosleep(&ms, NULL))
			ret = -errno;

		/* Inherits this CPU, which is then asked from another one. */
		atomic_init(&stop, false);
		if (pthread_create(&other, NULL, spin, &stop))
			return -EAGAIN;
		sched_setaffinity(0, sizeof(all), &all);
		if (syscall(__NR_membarrier,
			    MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0))
			ret = -errno;
		atomic_store(&stop, true);
		pthread_join(other, NULL);
	}
	return ret;
}

TEST_F(defects, d1_static_of_kernel_port_is_busy)
{
	union ev_xen_arg before, after;
	unsigned int port;
	int kinds[EV_IPI + 1] = {};

	if (ev_xen_open())
		SKIP(return, "%s", ev_xen_open());
	for (port = 1; !ev_xen_query(port, &before); port++) {
		if (before.status.status < EV_PIRQ)
			continue;
		ASSERT_LE(before.status.status, EV_IPI);
		kinds[before.status.status]++;

		EXPECT_EQ(-EBUSY, ev_bind_static(self->fd, port))
			TH_LOG("port %u, status %u", port, before.status.status);
		ASSERT_EQ(0, ev_xen_query(port, &after));
		EXPECT_EQ(0, memcmp(&before, &after, sizeof(after)));
		EXPECT_EQ(-ENOTCONN, ev_notify(self->fd, port));
	}
	/* Or the loop has shown nothing. The timer's is one of them. */
	EXPECT_GT(kinds[EV_VIRQ], 0);
	if (sysconf(_SC_NPROCESSORS_ONLN) > 1)
		EXPECT_GT(kinds[EV_IPI], 0);
	EXPECT_EQ(0, kernel_ports_work());

	/* Nor does the file's end harm them. */
	EXPECT_EQ(0, close(self->fd));
	self->fd = -1;
	EXPECT_EQ(0, kernel_ports_work());
}

/* The kernel's end of its connection to xenstored, where that runs in dom0. */
TEST_F(defects, d1_static_of_xenstore_port_is_busy)
{
	union ev_xen_arg before, after;
	char text[16] = "";
	unsigned int port;
	int fd;

	if (ev_xen_open())
		SKIP(return, "%s", ev_xen_open());
	fd = open("/proc/xen/xsd_port", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		SKIP(return, "no /proc/xen/xsd_port (xenfs, dom0): %s",
		     strerror(errno));
	ASSERT_GT(read(fd, text, sizeof(text) - 1), 0);
	close(fd);
	port = atoi(text);
	ASSERT_GT(port, 0);

	ASSERT_EQ(0, ev_xen_query(port, &before));
	EXPECT_TRUE(before.status.status == EV_UNBOUND ||
		    before.status.status == EV_INTERDOMAIN);
	EXPECT_EQ(-EBUSY, ev_bind_static(self->fd, port));
	ASSERT_EQ(0, ev_xen_query(port, &after));
	EXPECT_EQ(0, memcmp(&before, &after, sizeof(after)));
	EXPECT_EQ(-ENOTCONN, ev_notify(self->fd, port));
}

/*
 * D2: BIND_STATIC let a restricted file reach every port of the domain.
 */

/* A domain that a file may be restricted to; there need not be one. */
#define SOME_DOMAIN	5

TEST_F(defects, d2_static_of_foreign_port_is_refused_to_restricted_file)
{
	int restricted = ev_open(O_CLOEXEC | O_NONBLOCK);
	struct ev_pair pair;

	ASSERT_GE(restricted, 0);
	ASSERT_EQ(0, ev_connect(self->fd, self->fd, &pair));
	ASSERT_EQ(0, ev_restrict(restricted, SOME_DOMAIN));

	EXPECT_EQ(-EACCES, ev_bind_static(restricted, pair.a));
	EXPECT_EQ(-EACCES, ev_bind_static(restricted, pair.b));
	EXPECT_EQ(-ENOTCONN, ev_notify(restricted, pair.a));
	EXPECT_EQ(0, ev_ping(self->fd, self->fd, &pair));
	EXPECT_EQ(EV_POLL_IDLE, ev_poll(restricted));
	EXPECT_EQ(0, close(restricted));
	EXPECT_EQ(0, ev_ping(self->fd, self->fd, &pair));
}

TEST_F(defects, d2_static_of_free_port_is_refused_to_restricted_file)
{
	int port;

	if (ev_xen_open())
		SKIP(return, "%s", ev_xen_open());
	port = xen_free_port();
	ASSERT_GT(port, 0);
	ASSERT_EQ(0, ev_restrict(self->fd, SOME_DOMAIN));
	EXPECT_EQ(-EACCES, ev_bind_static(self->fd, port));
	/* Not even whether there is such a port. */
	EXPECT_EQ(-EACCES, ev_bind_static(self->fd, 0));
	EXPECT_EQ(-EACCES, ev_bind_static(self->fd, ~0u));
	EXPECT_EQ(-EACCES, ev_ioctl(self->fd, IOCTL_EVTCHN_BIND_STATIC, NULL));
}

TEST_F(defects, d2_static_of_unowned_port_is_refused_to_restricted_file)
{
	int port;

	if (ev_xen_open())
		SKIP(return, "%s", ev_xen_open());
	port = ev_xen_alloc_unbound(EV_SELF);
	ASSERT_GT(port, 0);
	ASSERT_EQ(0, ev_restrict(self->fd, SOME_DOMAIN));
	EXPECT_EQ(-EACCES, ev_bind_static(self->fd, port));
	EXPECT_EQ(-ENOTCONN, ev_notify(self->fd, port));
	close(self->fd);
	self->fd = -1;
	EXPECT_EQ(EV_UNBOUND, ev_xen_status(port));
	EXPECT_EQ(0, ev_xen_close(port));
}

/*
 * D3: BIND_STATIC of another file's port shared one reference to it.
 */

TEST_F(defects, d3_static_of_foreign_port_is_busy_when_the_owner_closes_last)
{
	int other = ev_open(O_CLOEXEC | O_NONBLOCK);
	struct ev_pair pair;

	ASSERT_GE(other, 0);
	ASSERT_EQ(0, ev_connect(self->fd, self->fd, &pair));

	EXPECT_EQ(-EBUSY, ev_bind_static(other, pair.a));
	EXPECT_EQ(-EBUSY, ev_bind_static(other, pair.b));
	EXPECT_EQ(-ENOTCONN, ev_notify(other, pair.a));
	EXPECT_EQ(-ENOTCONN, ev_unbind(other, pair.a));
	EXPECT_EQ(0, ev_ping(self->fd, self->fd, &pair));
	EXPECT_EQ(EV_POLL_IDLE, ev_poll(other));

	EXPECT_EQ(0, close(other));
	EXPECT_EQ(0, ev_ping(self->fd, self->fd, &pair));
	EXPECT_EQ(0, close(self->fd));
	self->fd = -1;
	EXPECT_EQ(0, ev_ping_fresh());
}

TEST_F(defects, d3_static_of_foreign_port_is_busy_when_the_owner_closes_first)
{
	int other = ev_open(O_CLOEXEC | O_NONBLOCK);
	struct ev_pair pair;

	ASSERT_GE(other, 0);
	ASSERT_EQ(0, ev_connect(self->fd, self->fd, &pair));

	EXPECT_EQ(-EBUSY, ev_bind_static(other, pair.a));
	EXPECT_EQ(-EBUSY, ev_bind_static(other, pair.b));
	EXPECT_EQ(0, ev_ping(self->fd, self->fd, &pair));

	EXPECT_EQ(0, close(self->fd));
	self->fd = -1;
	EXPECT_EQ(-ENOTCONN, ev_notify(other, pair.a));
	EXPECT_EQ(0, ev_ping_fresh());
	EXPECT_EQ(0, close(other));
	EXPECT_EQ(0, ev_ping_fresh());
}

TEST_F(defects, d3_static_port_has_one_owner)
{
	int other = ev_open(O_CLOEXEC | O_NONBLOCK);
	int port, peer;

	if (ev_xen_open())
		SKIP(return, "%s", ev_xen_open());
	ASSERT_GE(other, 0);
	port = ev_xen_alloc_unbound(EV_SELF);
	ASSERT_GT(port, 0);
	ASSERT_EQ(0, ev_bind_static(self->fd, port));
	EXPECT_EQ(-EBUSY, ev_bind_static(other, port));
	EXPECT_EQ(-EISCONN, ev_bind_static(self->fd, port));

	/* Its events are the owner's. */
	peer = ev_bind_interdomain(other, EV_SELF, port);
	ASSERT_GT(peer, 0);
	EXPECT_EQ(peer, ev_take(other));
	EXPECT_EQ(0, ev_notify(other, peer));
	EXPECT_EQ(port, ev_take(self->fd));
	EXPECT_EQ(EV_POLL_IDLE, ev_poll(other));

	/* The next one may have it, and the last one leaves it in Xen. */
	EXPECT_EQ(0, ev_unbind(self->fd, port));
	EXPECT_EQ(0, ev_bind_static(other, port));
	EXPECT_EQ(-EBUSY, ev_bind_static(self->fd, port));
	EXPECT_EQ(0, close(other));
	EXPECT_EQ(EV_UNBOUND, ev_xen_status(port));
	EXPECT_EQ(0, ev_xen_close(port));
}

/*
 * D6: a number that the file had already emptied its table on the error path.
 */

#define SOME_PAIRS	4

TEST_F(defects, d6_duplicate_port_costs_no_other_binding)
{
	struct ev_pair pairs[SOME_PAIRS];
	int port, ret, i;

	if (ev_xen_open())
		SKIP(return, "%s", ev_xen_open());
	ASSERT_EQ(0, ev_connect_many(self->fd, pairs, SOME_PAIRS));
	port = ev_bind_unbound(self->fd, EV_SELF);
	ASSERT_GT(port, 0);

	/* Behind the file's back, so that Xen gives the number out again. */
	ASSERT_EQ(0, ev_xen_close(port));
	ret = ev_bind_unbound(self->fd, EV_SELF);
	EXPECT_EQ(-EBUSY, ret);
	/* It is still the first one's. */
	EXPECT_EQ(EV_UNBOUND, ev_xen_status(port));

	for (i = 0; i < SOME_PAIRS; i++) {
		EXPECT_EQ(0, ev_ping(self->fd, self->fd, &pairs[i]))
			TH_LOG("pair %d", i);
	}
	EXPECT_EQ(0, ev_unbind(self->fd, pairs[0].a));
	EXPECT_EQ(0, ev_unbind(self->fd, pairs[0].b));
	EXPECT_EQ(0, ev_unbind(self->fd, port));
	EXPECT_EQ(EV_CLOSED, ev_xen_status(port));

	/* Close unbinds the rest of them. */
	EXPECT_EQ(0, close(self->fd));
	self->fd = -1;
	for (i = 0; i < SOME_PAIRS; i++) {
		EXPECT_EQ(EV_CLOSED, ev_xen_status(pairs[i].a));
		EXPECT_EQ(EV_CLOSED, ev_xen_status(pairs[i].b));
	}
	EXPECT_EQ(0, ev_ping_fresh());
}

TEST_F(defects, d6_duplicate_of_foreign_port_costs_neither_file_a_binding)
{
	int other = ev_open(O_CLOEXEC | O_NONBLOCK);
	struct ev_pair here, there;
	int port, ret;

	if (ev_xen_open())
		SKIP(return, "%s", ev_xen_open());
	ASSERT_GE(other, 0);
	ASSERT_EQ(0, ev_connect(self->fd, self->fd, &here));
	ASSERT_EQ(0, ev_connect(other, other, &there));
	port = ev_bind_unbound(self->fd, EV_SELF);
	ASSERT_GT(port, 0);

	ASSERT_EQ(0, ev_xen_close(port));
	ret = ev_bind_unbound(other, EV_SELF);
	EXPECT_EQ(-EBUSY, ret);
	/* It is still the first one's. */
	EXPECT_EQ(EV_UNBOUND, ev_xen_status(port));

	EXPECT_EQ(0, ev_ping(self->fd, self->fd, &here));
	EXPECT_EQ(0, ev_ping(other, other, &there));
	EXPECT_EQ(0, close(other));
	EXPECT_EQ(0, ev_ping(self->fd, self->fd, &here));
	EXPECT_EQ(0, close(self->fd));
	self->fd = -1;
	EXPECT_EQ(EV_CLOSED, ev_xen_status(port));
	EXPECT_EQ(0, ev_ping_fresh());
}

/*
 * D7: BIND_STATIC took any number.
 */

TEST_F(defects, d7_static_of_number_without_port_is_an_error)
{
	int count, limit, port;

	if (ev_xen_open())
		SKIP(return, "%s", ev_xen_open());
	count = xen_count();
	for (limit = 1; ev_xen_status(limit) >= 0; limit++)
		;

	EXPECT_EQ(-EINVAL, ev_bind_static(self->fd, 0));
	EXPECT_EQ(-EINVAL, ev_bind_static(self->fd, limit));
	/* The FIFO event ABI has no more, the 2-level one 4096. */
	EXPECT_EQ(-EINVAL, ev_bind_static(self->fd, 131072));
	EXPECT_EQ(-EINVAL, ev_bind_static(self->fd, 0x7fffffff));
	EXPECT_EQ(-EINVAL, ev_bind_static(self->fd, 0x80000000));
	EXPECT_EQ(-EINVAL, ev_bind_static(self->fd, ~0u));

	port = xen_free_port();
	ASSERT_GT(port, 0);
	EXPECT_EQ(-ENOENT, ev_bind_static(self->fd, port));
	EXPECT_EQ(EV_CLOSED, ev_xen_status(port));
	EXPECT_EQ(-ENOTCONN, ev_notify(self->fd, port));
	EXPECT_EQ(-ENOTCONN, ev_notify(self->fd, 0));

	EXPECT_EQ(count, xen_count());
	close(self->fd);
	self->fd = -1;
	EXPECT_EQ(count, xen_count());
	EXPECT_EQ(0, ev_ping_fresh());
}

/*
 * D9, D10: a second handler on a port of the file
 */

#define SHARER_DEVICE	"/dev/evtchn_sharer"
#define MODULE_PATH	512

/* A module that a test wants, with a device of the same name. */
struct module {
	const char *loaded;	/* its name, if it is to be unloaded */
	char missing[MODULE_PATH + 64];
};

/*
 * Loads the module from $EVTCHN_MODULES, or from beside the program, unless it
 * is there. Returns 0, -errno, or 1 if it cannot be had here, as @missing says.
 */
static int load_module(struct module *module, const char *name)
{
	const char *folder = getenv("EVTCHN_MODULES");
	char self[MODULE_PATH - 64], path[MODULE_PATH];
	ssize_t len;
	int ret;

	len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (len < 0)
		return -errno;
	self[len] = '\0';
	if (folder)
		snprintf(path, sizeof(path), "%s/%s.ko", folder, name);
	else
		snprintf(path, sizeof(path), "%s/test_modules/%s.ko",
			 dirname(self), name);

	ret = ev_insmod(path);
	if (!ret) {
		module->loaded = name;
	} else if (ret == -EPERM || ret == -ENOSYS) {
		snprintf(module->missing, sizeof(module->missing),
			 "no modules can be loaded: %s", strerror(-ret));
		return 1;
	} else if (ret == -ENOENT) {
		snprintf(module->missing, sizeof(module->missing),
			 "no %s: build test_modules for this kernel (KDIR=)", path);
		snprintf(path, sizeof(path), "/dev/%s", name);
		return access(path, F_OK) ? 1 : 0;
	}
	return ret == -EEXIST ? 0 : ret;
}

/* 0, or -errno. */
static int unload_module(struct module *module)
{
	if (!module->loaded)
		return 0;
	return syscall(__NR_delete_module, module->loaded, 0) ? -errno : 0;
}

FIXTURE(shared)
{
	int log;
	int fd;			/* has pair.a, which is shared */
	int peer;		/* has pair.b */
	int sharer;
	struct ev_pair pair;
	struct module module;
};

static int sharer_command(int fd, const char *command)
{
	return write(fd, command, strlen(command)) < 0 ? -errno : 0;
}

static int sharer_bind(int fd, unsigned int port)
{
	char command[32];

	snprintf(command, sizeof(command), "bind %u", port);
	return sharer_command(fd, command);
}

static int sharer_events(int fd)
{
	char text[16] = "";

	return pread(fd, text, sizeof(text) - 1, 0) < 0 ? -errno : atoi(text);
}

/* Returns how many there are when they have become @events, or never will. */
static int sharer_wait(int fd, int events)
{
	int i, n;

	for (i = 0; i < GUARD_STEPS; i++) {
		n = sharer_events(fd);
		if (n < 0 || n >= events)
			break;
		one_step();
	}
	/* One too many would be as wrong. */
	ev_settle();
	return sharer_events(fd);
}

FIXTURE_SETUP(shared)
{
	int ret;

	self->log = ev_log_open();
	ASSERT_GE(self->log, 0)
		TH_LOG("/dev/kmsg: %s", strerror(-self->log));
	ret = load_module(&self->module, "evtchn_sharer");
	if (ret == 1)
		SKIP(return, "%s", self->module.missing);
	ASSERT_EQ(0, ret);
	self->sharer = open(SHARER_DEVICE, O_RDWR | O_CLOEXEC);
	ASSERT_GE(self->sharer, 0)
		TH_LOG(SHARER_DEVICE ": %s", strerror(errno));

	self->fd = ev_open(O_CLOEXEC | O_NONBLOCK);
	ASSERT_GE(self->fd, 0);
	self->peer = ev_open(O_CLOEXEC | O_NONBLOCK);
	ASSERT_GE(self->peer, 0);
	ASSERT_EQ(0, ev_connect(self->fd, self->peer, &self->pair));
	ASSERT_EQ(0, sharer_bind(self->sharer, self->pair.a));
}

FIXTURE_TEARDOWN(shared)
{
	close(self->sharer);
	close(self->fd);
	close(self->peer);
	EXPECT_EQ(0, unload_module(&self->module));
	check_log(_metadata, self->log);
}

/* D9: UNBIND and close disabled the line for the other handler, too. */
TEST_F(shared, d9_other_handler_gets_events_after_unbind)
{
	ASSERT_EQ(0, sharer_command(self->sharer, "eoi 1"));
	EXPECT_EQ(0, ev_unbind(self->fd, self->pair.a));
	EXPECT_EQ(0, ev_notify(self->peer, self->pair.b));
	ASSERT_EQ(1, sharer_wait(self->sharer, 1));
	EXPECT_EQ(0, ev_notify(self->peer, self->pair.b));
	EXPECT_EQ(2, sharer_wait(self->sharer, 2));
	/* Nothing of it is the file's any more. */
	EXPECT_EQ(EV_POLL_IDLE, ev_poll(self->fd));
	EXPECT_EQ(-ENOTCONN, ev_notify(self->fd, self->pair.a));
}

TEST_F(shared, d9_other_handler_gets_events_after_close)
{
	ASSERT_EQ(0, sharer_command(self->sharer, "eoi 1"));
	EXPECT_EQ(0, close(self->fd));
	self->fd = -1;
	EXPECT_EQ(0, ev_notify(self->peer, self->pair.b));
	ASSERT_EQ(1, sharer_wait(self->sharer, 1));
	EXPECT_EQ(0, ev_notify(self->peer, self->pair.b));
	EXPECT_EQ(2, sharer_wait(self->sharer, 2));
}

/* The file owes the EOI when it goes: nobody else would send it. */
TEST_F(shared, d9_other_handler_gets_events_after_unbind_of_masked_port)
{
	ASSERT_EQ(0, ev_notify(self->peer, self->pair.b));
	ASSERT_EQ(1, sharer_wait(self->sharer, 1));
	EXPECT_EQ(self->pair.a, ev_take(self->fd));
	EXPECT_EQ(0, ev_unbind(self->fd, self->pair.a));
	EXPECT_EQ(0, ev_notify(self->peer, self->pair.b));
	EXPECT_EQ(2, sharer_wait(self->sharer, 2));
}

/* Whoever goes last closes the port, and both are served until then. */
TEST_F(shared, d9_either_handler_may_go_first)
{
	int events;

	ASSERT_EQ(0, sharer_command(self->sharer, "eoi 1"));
	ASSERT_EQ(0, sharer_command(self->sharer, "unbind"));
	/* With CONFIG_DEBUG_SHIRQ the handler is called once more by that. */
	events = sharer_events(self->sharer);
	EXPECT_EQ(0, ev_ping(self->fd, self->peer, &self->pair));
	EXPECT_EQ(events, sharer_events(self->sharer));

	ASSERT_EQ(0, sharer_bind(self->sharer, self->pair.a));
	EXPECT_EQ(0, ev_unbind(self->fd, self->pair.a));
	EXPECT_EQ(0, ev_notify(self->peer, self->pair.b));
	ASSERT_EQ(1, sharer_wait(self->sharer, 1));
	if (!ev_xen_open())
		EXPECT_EQ(EV_INTERDOMAIN, ev_xen_status(self->pair.a));
	ASSERT_EQ(0, sharer_command(self->sharer, "unbind"));
	if (!ev_xen_open())
		EXPECT_EQ(EV_CLOSED, ev_xen_status(self->pair.a));

	/* By now nobody's; and the kernel's, which has the first ones. */
	EXPECT_EQ(-ENOENT, sharer_bind(self->sharer, self->pair.a));
	EXPECT_EQ(-ENOENT, sharer_bind(self->sharer, 1));
}

/* D10: an event while the port waits for its write() was a WARN. */
TEST_F(shared, d10_event_before_the_write_is_kept_until_the_write)
{
	unsigned int ports[4];

	ASSERT_EQ(0, sharer_command(self->sharer, "eoi 1"));
	ASSERT_EQ(0, ev_notify(self->peer, self->pair.b));
	ASSERT_EQ(1, sharer_wait(self->sharer, 1));
	ASSERT_EQ(0, ev_notify(self->peer, self->pair.b));
	EXPECT_EQ(2, sharer_wait(self->sharer, 2));

	/* The file sees it once before the write, and once after. */
	EXPECT_EQ(4, ev_read(self->fd, ports, sizeof(ports)));
	EXPECT_EQ(self->pair.a, ports[0]);
	EXPECT_EQ(4, ev_enable(self->fd, self->pair.a));
	EXPECT_EQ(self->pair.a, ev_take(self->fd));
	EXPECT_EQ(-EAGAIN, ev_read(self->fd, ports, sizeof(ports)));
	EXPECT_EQ(4, ev_enable(self->fd, self->pair.a));
	ev_settle();
	EXPECT_EQ(-EAGAIN, ev_read(self->fd, ports, sizeof(ports)));
	EXPECT_EQ(2, sharer_events(self->sharer));
	EXPECT_EQ(0, ev_ping(self->fd, self->peer, &self->pair));
}

TEST_F(shared, d10_events_before_the_write_do_not_overflow)
{
	unsigned int ports[4];
	int i;

	ASSERT_EQ(0, sharer_command(self->sharer, "eoi 1"));
	for (i = 1; i <= 100; i++) {
		ASSERT_EQ(0, ev_notify(self->peer, self->pair.b));
		ASSERT_EQ(i, sharer_wait(self->sharer, i));
	}
	EXPECT_EQ(EV_POLL_EVENT, ev_poll(self->fd));
	EXPECT_EQ(4, ev_read(self->fd, ports, sizeof(ports)));
	EXPECT_EQ(self->pair.a, ports[0]);
	EXPECT_EQ(EV_POLL_IDLE, ev_poll(self->fd));
}

/*
 * D11: a '/' in the opener's name was one in the name of a folder.
 */

/* Whether /proc/interrupts has an action of that name. */
static bool has_action(const char *name)
{
	char line[4096], *word;
	bool found = false;
	FILE *file;

	file = fopen("/proc/interrupts", "re");
	if (!file)
		return false;
	while (!found && fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		word = strstr(line, name);
		found = word && !word[strlen(name)];
	}
	fclose(file);
	return found;
}

TEST_F(defects, d11_slash_in_the_name_is_replaced)
{
	static const struct {
		const char *comm, *action;
	} names[] = {
		{ "a/b",	"evtchn:a!b" },
		{ "/",		"evtchn:!" },
		{ "///",	"evtchn:!!!" },
		{ "..",		"evtchn:.." },
		{ "../x",	"evtchn:..!x" },
		{ "x/",		"evtchn:x!" },
	};
	char path[64];
	glob_t folders;
	size_t i;
	int fd;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		ASSERT_EQ(0, prctl(PR_SET_NAME, names[i].comm));
		fd = ev_open(O_CLOEXEC);
		ASSERT_GE(fd, 0);
		EXPECT_GT(ev_bind_unbound(fd, EV_SELF), 0);
		EXPECT_TRUE(has_action(names[i].action))
			TH_LOG("no %s in /proc/interrupts", names[i].action);
		snprintf(path, sizeof(path), "/proc/irq/*/%s", names[i].action);
		EXPECT_EQ(0, glob(path, 0, NULL, &folders))
			TH_LOG("no %s", path);
		globfree(&folders);
		EXPECT_EQ(0, close(fd));
		EXPECT_FALSE(has_action(names[i].action));
	}
}

/*
 * D12: UNBIND left the port's event in the ring.
 */

TEST_F(defects, d12_unbind_takes_the_unread_event_along)
{
	unsigned int ports[4];
	struct ev_pair pair;

	ASSERT_EQ(0, ev_connect(self->fd, self->fd, &pair));
	ASSERT_EQ(0, ev_notify_settled(self->fd, pair.b));
	ASSERT_EQ(EV_POLL_EVENT, ev_poll(self->fd));
	ASSERT_EQ(0, ev_unbind(self->fd, pair.a));
	EXPECT_EQ(EV_POLL_IDLE, ev_poll(self->fd));
	EXPECT_EQ(-EAGAIN, ev_read(self->fd, ports, sizeof(ports)));
}

/* It is in the ring though the port is not masked. */
TEST_F(defects, d12_unbind_takes_the_event_of_a_port_enabled_unread_along)
{
	unsigned int ports[4];
	struct ev_pair pair;

	ASSERT_EQ(0, ev_connect(self->fd, self->fd, &pair));
	ASSERT_EQ(0, ev_notify_settled(self->fd, pair.b));
	ASSERT_EQ(4, ev_enable(self->fd, pair.a));
	ASSERT_EQ(EV_POLL_EVENT, ev_poll(self->fd));
	ASSERT_EQ(0, ev_unbind(self->fd, pair.a));
	EXPECT_EQ(EV_POLL_IDLE, ev_poll(self->fd));
	EXPECT_EQ(-EAGAIN, ev_read(self->fd, ports, sizeof(ports)));
}

TEST_F(defects, d12_unbind_keeps_the_others_in_order)
{
	/* First, last, and one in the middle of what is queued. */
	static const int gone[] = { 3, 0, 6 }, kept[] = { 1, 2, 4, 5 };
	struct ev_pair pairs[7];
	unsigned int ports[8];
	size_t i;

	ASSERT_EQ(0, ev_connect_many(self->fd, pairs, ARRAY_SIZE(pairs)));
	for (i = 0; i < ARRAY_SIZE(pairs); i++)
		ASSERT_EQ(0, ev_notify_settled(self->fd, pairs[i].b));
	for (i = 0; i < ARRAY_SIZE(gone); i++)
		ASSERT_EQ(0, ev_unbind(self->fd, pairs[gone[i]].a));

	ASSERT_EQ(sizeof(kept), ev_read(self->fd, ports, sizeof(ports)));
	for (i = 0; i < ARRAY_SIZE(kept); i++)
		EXPECT_EQ(pairs[kept[i]].a, ports[i]);
	EXPECT_EQ(-EAGAIN, ev_read(self->fd, ports, sizeof(ports)));
}

/* More than the ring has slots. */
#define ROUNDS		200

TEST_F(defects, d12_binding_and_unbinding_never_overflows)
{
	unsigned int ports[4];
	int i, a, b;

	for (i = 0; i < ROUNDS; i++) {
		a = ev_bind_unbound(self->fd, EV_SELF);
		ASSERT_GT(a, 0);
		/* Its event comes at once. */
		b = ev_bind_interdomain(self->fd, EV_SELF, a);
		ASSERT_GT(b, 0);
		ASSERT_EQ(0, ev_notify_settled(self->fd, b));
		ASSERT_EQ(0, ev_unbind(self->fd, b));
		ASSERT_EQ(0, ev_unbind(self->fd, a));
	}
	EXPECT_EQ(EV_POLL_IDLE, ev_poll(self->fd));
	EXPECT_EQ(-EAGAIN, ev_read(self->fd, ports, sizeof(ports)));
}

TEST_F(defects, d12_new_binding_reads_no_stale_event)
{
	unsigned int ports[4];
	struct ev_pair pair;

	ASSERT_EQ(0, ev_connect(self->fd, self->fd, &pair));
	ASSERT_EQ(0, ev_notify_settled(self->fd, pair.b));
	ASSERT_EQ(0, ev_unbind(self->fd, pair.a));
	ASSERT_EQ(pair.a, ev_bind_unbound(self->fd, EV_SELF));
	EXPECT_EQ(-EAGAIN, ev_read(self->fd, ports, sizeof(ports)));
}

/*
 * D15: what a file costs was charged to nobody.
 */

FIXTURE(charged)
{
	int log;
	bool mounted;
	bool enabled;		/* the memory controller, by this test */
	char mount[64];
	char group[128];
	int to[2], from[2];	/* pipes to and from the child */
	pid_t child;
};

static int put_text(const char *folder, const char *name, const char *text)
{
	char path[256];
	int fd, ret;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ret = write(fd, text, strlen(text)) < 0 ? -errno : 0;
	close(fd);
	return ret;
}

static int get_text(const char *folder, const char *name, char *text, int size)
{
	char path[256];
	int fd, ret;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ret = read(fd, text, size - 1);
	ret = ret < 0 ? -errno : ret;
	text[ret < 0 ? 0 : ret] = '\0';
	close(fd);
	return ret;
}

/* A number that a line of @name begins with @key, or the first one: or -1. */
static long group_number(const char *group, const char *name, const char *key)
{
	char text[8192], *line;
	size_t len = strlen(key);

	if (get_text(group, name, text, sizeof(text)) < 0)
		return -1;
	for (line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		if (!strncmp(line, key, len) && (!len || line[len] == ' '))
			return atol(line + len);
	return -1;
}

/*
 * The kernel's memory of the group in bytes, once it is as it will be: the
 * kernel collects the figure from the CPUs every other second.
 */
static long kernel_memory(const char *group)
{
	long now, before = -1;
	int steps = 0, same = 0;

	while (same < 300 && steps++ < 3 * GUARD_STEPS) {
		now = group_number(group, "memory.stat", "kernel");
		same = now == before ? same + 1 : 0;
		before = now;
		one_step();
	}
	return before;
}

/* Until the group's kernel memory is at most @bytes: or what it is. */
static long kernel_memory_at_most(const char *group, long bytes)
{
	long now;
	int i;

	for (i = 0; i < GUARD_STEPS; i++) {
		now = group_number(group, "memory.stat", "kernel");
		if (now <= bytes)
			break;
		one_step();
	}
	return now;
}

#define CHARGED_FILES	500
#define CHARGED_PORTS	1500

/* What a binding and a file need at the least, and the ring's first size. */
#define BINDING_BYTES	32
#define FILE_BYTES	128
#define RING_BYTES	(64 * 4)

/* What the group's memory differs by for other reasons. */
#define NOISE_BYTES	(CHARGED_PORTS * BINDING_BYTES / 2)

/* The child obeys letters, and answers each with a k, or an e for an error. */
static char charged_step(char step, const char *group)
{
	static int fds[CHARGED_FILES];
	int i, n = 0;

	switch (step) {
	case 'g':	/* into the group */
		return put_text(group, "cgroup.procs", "0") ? 'e' : 'k';
	case '0':
	case 'o':	/* open many */
		for (i = 0; i < CHARGED_FILES; i++) {
			fds[i] = open(step == 'o' ? EV_DEVICE : "/dev/null",
				      O_RDWR | O_CLOEXEC);
			if (fds[i] < 0)
				return 'e';
		}
		return 'k';
	case '1':	/* one port for each */
		for (i = 0; i < CHARGED_FILES; i++)
			n += ev_bind_unbound(fds[i], EV_SELF) > 0;
		return n == CHARGED_FILES ? 'k' : 'e';
	case 'b':	/* many ports for the first, which may have one */
		for (i = 0; i < CHARGED_PORTS; i++)
			n += ev_bind_unbound(fds[0], EV_SELF) > 0;
		return n == CHARGED_PORTS ? 'k' : 'e';
	case 'c':
		for (i = 0; i < CHARGED_FILES; i++)
			close(fds[i]);
		return 'k';
	}
	return '?';
}

static void charged_child(int in, int out, const char *group)
{
	char step;

	while (read(in, &step, 1) == 1) {
		step = charged_step(step, group);
		if (write(out, &step, 1) != 1)
			break;
	}
	_exit(0);
}

/* The folder where a cgroup2 with a memory controller is, mounted if need be. */
static int find_cgroup(char folder[64], bool *mounted)
{
	char line[1024], text[512] = "";
	FILE *mounts;

	folder[0] = '\0';
	mounts = fopen("/proc/self/mounts", "re");
	if (mounts) {
		while (!folder[0] && fgets(line, sizeof(line), mounts))
			if (strstr(line, " cgroup2 "))
				sscanf(line, "%*s %63s", folder);
		fclose(mounts);
	}
	if (!folder[0]) {
		snprintf(folder, 64, "/tmp/evtchn-cgroup-XXXXXX");
		if (!mkdtemp(folder))
			return -errno;
		if (mount("none", folder, "cgroup2", 0, NULL)) {
			rmdir(folder);
			return -errno;
		}
		*mounted = true;
	}
	get_text(folder, "cgroup.controllers", text, sizeof(text));
	return strstr(text, "memory") ? 0 : -ENODEV;
}

FIXTURE_SETUP(charged)
{
	char text[512] = "";
	int ret;

	self->log = ev_log_open();
	ASSERT_GE(self->log, 0)
		TH_LOG("/dev/kmsg: %s", strerror(-self->log));
	ret = find_cgroup(self->mount, &self->mounted);
	if (ret)
		SKIP(return, "no cgroup2 with a memory controller: %s",
		     strerror(-ret));
	get_text(self->mount, "cgroup.subtree_control", text, sizeof(text));
	if (!strstr(text, "memory")) {
		ASSERT_EQ(0, put_text(self->mount, "cgroup.subtree_control", "+memory"));
		self->enabled = true;
	}
	snprintf(self->group, sizeof(self->group), "%s/evtchn-%d", self->mount, getpid());
	ASSERT_EQ(0, mkdir(self->group, 0700));

	ASSERT_EQ(0, pipe2(self->to, O_CLOEXEC));
	ASSERT_EQ(0, pipe2(self->from, O_CLOEXEC));
	self->child = fork();
	ASSERT_GE(self->child, 0);
	if (!self->child) {
		close(self->to[1]);
		charged_child(self->to[0], self->from[1], self->group);
	}
	close(self->to[0]);
	close(self->from[1]);
}

FIXTURE_TEARDOWN(charged)
{
	int i;

	close(self->to[1]);
	kill(self->child, SIGKILL);
	EXPECT_EQ(self->child, waitpid(self->child, NULL, 0));
	/* The dead leave a little later. */
	for (i = 0; i < GUARD_STEPS && rmdir(self->group); i++)
		one_step();
	EXPECT_LT(i, GUARD_STEPS);
	if (self->enabled)
		put_text(self->mount, "cgroup.subtree_control", "-memory");
	if (self->mounted) {
		umount2(self->mount, MNT_DETACH);
		rmdir(self->mount);
	}
	check_log(_metadata, self->log);
}

/* Has the child take a step, and returns its answer, or 't' if there is none. */
static char charged_do(struct _test_data_charged *self, char step)
{
	struct pollfd pfd = { .fd = self->from[0], .events = POLLIN };

	if (write(self->to[1], &step, 1) != 1)
		return 'w';
	if (poll(&pfd, 1, 3 * EV_GUARD_MS) != 1 || read(pfd.fd, &step, 1) != 1)
		return 't';
	return step;
}

TEST_F(charged, d15_bindings_are_charged_and_uncharged)
{
	long before, bound;

	ASSERT_EQ('k', charged_do(self, 'o'));	/* before it is in the group */
	ASSERT_EQ('k', charged_do(self, 'g'));
	before = kernel_memory(self->group);
	ASSERT_GE(before, 0);
	ASSERT_EQ('k', charged_do(self, 'b'));
	bound = kernel_memory(self->group);
	TH_LOG("%d bindings: %ld bytes", CHARGED_PORTS, bound - before);
	EXPECT_GE(bound - before, CHARGED_PORTS * BINDING_BYTES);
	ASSERT_EQ('k', charged_do(self, 'c'));
	EXPECT_LE(kernel_memory_at_most(self->group, before + NOISE_BYTES),
		  before + NOISE_BYTES);
}

TEST_F(charged, d15_rings_are_charged)
{
	long before, bound;

	ASSERT_EQ('k', charged_do(self, 'o'));
	ASSERT_EQ('k', charged_do(self, 'g'));
	before = kernel_memory(self->group);
	ASSERT_GE(before, 0);
	ASSERT_EQ('k', charged_do(self, '1'));
	bound = kernel_memory(self->group);
	TH_LOG("%d files with a port: %ld bytes", CHARGED_FILES, bound - before);
	EXPECT_GE(bound - before, CHARGED_FILES * (RING_BYTES + BINDING_BYTES));
}

TEST_F(charged, d15_files_are_charged)
{
	long before, null, evtchn;

	ASSERT_EQ('k', charged_do(self, 'g'));
	ASSERT_EQ('k', charged_do(self, '0'));	/* so that the table of files has its size */
	ASSERT_EQ('k', charged_do(self, 'c'));
	before = kernel_memory(self->group);
	ASSERT_GE(before, 0);
	ASSERT_EQ('k', charged_do(self, '0'));
	null = kernel_memory(self->group) - before;
	ASSERT_EQ('k', charged_do(self, 'c'));
	kernel_memory_at_most(self->group, before + NOISE_BYTES);
	before = kernel_memory(self->group);
	ASSERT_EQ('k', charged_do(self, 'o'));
	evtchn = kernel_memory(self->group) - before;
	TH_LOG("%d files: %ld bytes, of /dev/null: %ld", CHARGED_FILES, evtchn, null);
	EXPECT_GE(evtchn - null, CHARGED_FILES * FILE_BYTES);
}

/*
 * memory.high, as memory.max ends in the OOM killer, which leaves a trace in
 * the log that looks like trouble. The counter is the same one.
 */
TEST_F(charged, d15_limit_is_for_programs_that_bind)
{
	char limit[32], step = 'b';
	long high, current;
	int i;

	ASSERT_EQ('k', charged_do(self, 'o'));
	ASSERT_EQ('k', charged_do(self, 'g'));
	/* Has the CPUs give back what they hold in advance. */
	ASSERT_EQ(0, put_text(self->group, "memory.high", "0"));
	kernel_memory(self->group);
	current = group_number(self->group, "memory.current", "");
	ASSERT_GE(current, 0);
	snprintf(limit, sizeof(limit), "%ld", current + NOISE_BYTES);
	ASSERT_EQ(0, put_text(self->group, "memory.high", limit));
	high = group_number(self->group, "memory.events", "high");
	ASSERT_GE(high, 0);

	/* Ends without an event, or is slowed down until it is killed. */
	ASSERT_EQ(1, write(self->to[1], &step, 1));
	for (i = 0; i < GUARD_STEPS; i++) {
		struct pollfd pfd = { .fd = self->from[0], .events = POLLIN };

		if (group_number(self->group, "memory.events", "high") > high ||
		    poll(&pfd, 1, 10))
			break;
	}
	EXPECT_GT(group_number(self->group, "memory.events", "high"), high);
}

/*
 * A5: privcmd's ioeventfd, which shares a port with a file, sent no EOI. When
 * the file gave the port up, it saw one more request.
 */

#define REQUESTS_DEVICE	"/dev/evtchn_privcmd"

/* <xen/privcmd.h> wants headers of Xen's that user space does not have. */
struct ioeventfd_arg {
	uint64_t request;
	uint64_t ports;
	uint64_t addr;
	uint32_t addr_len;
	uint32_t event_fd;
	uint32_t vcpus;
	uint32_t vq;
	uint32_t flags;		/* 1: no more */
	uint16_t dom;
	uint8_t pad[2];
};

#define PRIVCMD_IOEVENTFD	_IOW('P', 9, struct ioeventfd_arg)

/* A write to a device's register, from Xen's public header ioreq.h. */
struct io_request {
	uint64_t addr;
	uint64_t data;
	uint32_t count;
	uint32_t size;
	uint32_t vp_eport;
	uint16_t pad;
	uint8_t state;		/* the upper half has flags: a write has none */
	uint8_t type;
};

enum { REQUEST_READY = 1, REQUEST_ANSWERED = 3 };
enum { REQUEST_COPY = 1 };

/* Where a virtio device is whose second queue is notified. */
#define VIRTIO_ADDR	0xfee00000
#define VIRTIO_NOTIFY	0x50
#define VIRTIO_QUEUE	1

FIXTURE(ioeventfd)
{
	int log;
	int fd;			/* has pair.a, which privcmd shares */
	int peer;		/* has pair.b: Xen's end */
	int privcmd;
	int device;
	bool assigned;
	struct ev_pair pair;
	struct io_request *request;
	struct ioeventfd_arg arg;
	struct module module;
};

FIXTURE_SETUP(ioeventfd)
{
	int ret;

	self->log = ev_log_open();
	ASSERT_GE(self->log, 0)
		TH_LOG("/dev/kmsg: %s", strerror(-self->log));
	self->privcmd = open("/dev/xen/privcmd", O_RDWR | O_CLOEXEC);
	if (self->privcmd < 0)
		SKIP(return, "no /dev/xen/privcmd (CONFIG_XEN_PRIVCMD)");
	ret = load_module(&self->module, "evtchn_privcmd");
	if (ret == 1)
		SKIP(return, "%s", self->module.missing);
	ASSERT_EQ(0, ret);
	self->device = open(REQUESTS_DEVICE, O_RDWR | O_CLOEXEC);
	ASSERT_GE(self->device, 0)
		TH_LOG(REQUESTS_DEVICE ": %s", strerror(errno));
	self->request = mmap(NULL, sysconf(_SC_PAGESIZE), PROT_READ | PROT_WRITE,
			     MAP_SHARED, self->device, 0);
	ASSERT_NE(MAP_FAILED, self->request);
	memset(self->request, 0, sizeof(*self->request));

	self->fd = ev_open(O_CLOEXEC | O_NONBLOCK);
	ASSERT_GE(self->fd, 0);
	self->peer = ev_open(O_CLOEXEC | O_NONBLOCK);
	ASSERT_GE(self->peer, 0);
	ASSERT_EQ(0, ev_connect(self->fd, self->peer, &self->pair));

	self->arg = (struct ioeventfd_arg) {
		.request = (uintptr_t)self->request,
		.ports = (uintptr_t)&self->pair.a,
		.addr = VIRTIO_ADDR,
		.addr_len = 4,
		.vq = VIRTIO_QUEUE,
		.vcpus = 1,
		.dom = SOME_DOMAIN,
	};
	ret = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ASSERT_GE(ret, 0);
	self->arg.event_fd = ret;
	ret = ev_ioctl(self->privcmd, PRIVCMD_IOEVENTFD, &self->arg);
	if (ret == -EOPNOTSUPP || ret == -ENOTTY)
		SKIP(return, "privcmd has no ioeventfd (CONFIG_XEN_PRIVCMD_EVENTFD)");
	ASSERT_EQ(0, ret);
	self->assigned = true;
}

FIXTURE_TEARDOWN(ioeventfd)
{
	self->arg.flags = 1;
	if (self->assigned)
		EXPECT_EQ(0, ev_ioctl(self->privcmd, PRIVCMD_IOEVENTFD, &self->arg));
	close(self->arg.event_fd);
	close(self->fd);
	close(self->peer);
	munmap(self->request, sysconf(_SC_PAGESIZE));
	close(self->device);
	close(self->privcmd);
	EXPECT_EQ(0, unload_module(&self->module));
	check_log(_metadata, self->log);
}

/* Xen has a request, and is told that it was served: 0, or -errno. */
static int serve_request(struct _test_data_ioeventfd *self)
{
	struct io_request *request = self->request;
	uint64_t count;
	int ret;

	request->addr = VIRTIO_ADDR + VIRTIO_NOTIFY;
	request->data = VIRTIO_QUEUE;
	request->count = 1;
	request->size = self->arg.addr_len;
	request->type = REQUEST_COPY;
	__atomic_store_n(&request->state, REQUEST_READY, __ATOMIC_RELEASE);

	ret = ev_notify(self->peer, self->pair.b);
	if (!ret)
		ret = ev_take(self->peer);
	if (ret < 0)
		return ret;
	if ((unsigned int)ret != self->pair.b)
		return -EPROTO;
	if (request->state != REQUEST_ANSWERED)
		return -EBADMSG;
	if (read(self->arg.event_fd, &count, sizeof(count)) != sizeof(count))
		return -ENODATA;
	if (count != 1)
		return -EOVERFLOW;
	ret = ev_enable(self->peer, self->pair.b);
	return ret < 0 ? ret : 0;
}

#define REQUESTS	10

/* How many requests of REQUESTS in turn are served. */
static int served_requests(struct _test_data_ioeventfd *self)
{
	int n, ret = 0;

	for (n = 0; n < REQUESTS && !ret; n += !ret)
		ret = serve_request(self);
	if (ret)
		ksft_print_msg("request %d: %s\n", n + 1, strerror(-ret));
	return n;
}

/* The file and privcmd see each of them, as long as the file writes the port. */
TEST_F(ioeventfd, a5_requests_are_served_while_the_file_writes)
{
	int i;

	for (i = 0; i < REQUESTS; i++) {
		ASSERT_EQ(0, serve_request(self));
		ASSERT_EQ(self->pair.a, ev_take(self->fd));
		ASSERT_EQ(4, ev_enable(self->fd, self->pair.a));
	}
	EXPECT_EQ(EV_POLL_IDLE, ev_poll(self->fd));
}

TEST_F(ioeventfd, a5_requests_are_served_while_the_port_is_masked)
{
	unsigned int ports[4];
	int ret;

	ASSERT_EQ(0, serve_request(self));
	ASSERT_EQ(self->pair.a, ev_take(self->fd));
	EXPECT_EQ(REQUESTS, served_requests(self));
	EXPECT_EQ(-EAGAIN, ev_read(self->fd, ports, sizeof(ports)));

	/* All that came meanwhile is one event. */
	ASSERT_EQ(4, ev_enable(self->fd, self->pair.a));
	ev_settle();
	ret = ev_read(self->fd, ports, sizeof(ports));
	EXPECT_TRUE(ret == 4 || ret == -EAGAIN);
	if (ret == 4) {
		EXPECT_EQ(self->pair.a, ports[0]);
		ASSERT_EQ(4, ev_enable(self->fd, self->pair.a));
		ev_settle();
	}
	EXPECT_EQ(-EAGAIN, ev_read(self->fd, ports, sizeof(ports)));
	EXPECT_EQ(0, serve_request(self));
	EXPECT_EQ(self->pair.a, ev_take(self->fd));
}

TEST_F(ioeventfd, a5_requests_are_served_after_unbind)
{
	ASSERT_EQ(0, ev_unbind(self->fd, self->pair.a));
	EXPECT_EQ(REQUESTS, served_requests(self));
}

TEST_F(ioeventfd, a5_requests_are_served_after_unbind_of_masked_port)
{
	ASSERT_EQ(0, serve_request(self));
	ASSERT_EQ(self->pair.a, ev_take(self->fd));
	ASSERT_EQ(0, ev_unbind(self->fd, self->pair.a));
	EXPECT_EQ(REQUESTS, served_requests(self));
}

TEST_F(ioeventfd, a5_requests_are_served_after_close)
{
	ASSERT_EQ(0, close(self->fd));
	self->fd = -1;
	EXPECT_EQ(REQUESTS, served_requests(self));
}

/* An event that privcmd has no use for is no end, either. */
TEST_F(ioeventfd, a5_requests_are_served_after_an_event_without_one)
{
	ASSERT_EQ(0, ev_unbind(self->fd, self->pair.a));
	ASSERT_EQ(0, ev_notify_settled(self->peer, self->pair.b));
	EXPECT_EQ(EV_POLL_IDLE, ev_poll(self->peer));
	EXPECT_EQ(REQUESTS, served_requests(self));
}

/*
 * A6: two EOIs at once put one irq into a list twice.
 */

#define EOI_DEVICE	"/dev/evtchn_eoi"
#define EOI_WRITES	50
#define EOI_ROUNDS	20	/* of a write */

FIXTURE(eoi)
{
	int log;
	int fd;
	int device;
	struct module module;
};

FIXTURE_SETUP(eoi)
{
	int ret;

	self->log = ev_log_open();
	ASSERT_GE(self->log, 0)
		TH_LOG("/dev/kmsg: %s", strerror(-self->log));
	if (ev_xen_open())
		SKIP(return, "%s", ev_xen_open());
	ret = load_module(&self->module, "evtchn_eoi");
	if (ret == 1)
		SKIP(return, "%s", self->module.missing);
	ASSERT_EQ(0, ret);
	self->device = open(EOI_DEVICE, O_WRONLY | O_CLOEXEC);
	ASSERT_GE(self->device, 0)
		TH_LOG(EOI_DEVICE ": %s", strerror(errno));
	self->fd = ev_open(O_CLOEXEC | O_NONBLOCK);
	ASSERT_GE(self->fd, 0);
}

FIXTURE_TEARDOWN(eoi)
{
	close(self->device);
	close(self->fd);
	EXPECT_EQ(0, unload_module(&self->module));
	check_log(_metadata, self->log);
}

/* On one CPU it is one after the other: harmless, too, but nothing at once. */
TEST_F(eoi, a6_two_at_once_are_harmless)
{
	char command[64], record[EV_LOG_RECORD] = "";
	int i, port, peer, ret, trouble = 0;

	/* A list that is spoiled ends the kernel sooner or later: stop before. */
	for (i = 0; i < EOI_WRITES && !trouble; i++) {
		port = ev_xen_alloc_unbound(EV_SELF);
		ASSERT_GT(port, 0);
		peer = ev_bind_interdomain(self->fd, EV_SELF, port);
		ASSERT_GT(peer, 0);
		snprintf(command, sizeof(command), "%d %d %d", port, peer, EOI_ROUNDS);
		ret = write(self->device, command, strlen(command)) < 0 ? -errno : 0;
		trouble = ev_log_trouble(self->log, record);
		EXPECT_EQ(0, trouble)
			TH_LOG("after at most %d rounds: %s",
			       (i + 1) * EOI_ROUNDS, record);
		ASSERT_EQ(0, ret)
			TH_LOG("no event came: %s", strerror(-ret));
		ASSERT_EQ(0, ev_unbind(self->fd, peer));
	}
}

/*
 * D16, D18: memory that the kernel waits for, as user space serves its faults
 */

struct held_page {
	int uffd;
	char *page;
	size_t size;
};

/* A page that whoever touches it waits for: 0, or -errno. */
static int hold_page(struct held_page *held)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };

	held->size = sysconf(_SC_PAGESIZE);
	held->page = mmap(NULL, held->size, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (held->page == MAP_FAILED)
		return -errno;
	held->uffd = syscall(__NR_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (held->uffd < 0)
		return -errno;
	if (ioctl(held->uffd, UFFDIO_API, &api))
		return -errno;
	reg.range.start = (unsigned long)held->page;
	reg.range.len = held->size;
	return ioctl(held->uffd, UFFDIO_REGISTER, &reg) ? -errno : 0;
}

/* Returns once somebody waits for the page: 0, or -errno. */
static int wait_for_fault(struct held_page *held)
{
	struct pollfd pfd = { .fd = held->uffd, .events = POLLIN };
	struct uffd_msg msg;

	if (poll(&pfd, 1, EV_GUARD_MS) != 1)
		return -ETIMEDOUT;
	if (read(held->uffd, &msg, sizeof(msg)) != sizeof(msg))
		return -EIO;
	return msg.event == UFFD_EVENT_PAGEFAULT ? 0 : -EPROTO;
}

/* Fills the page: 0, or -errno. */
static int serve_page(struct held_page *held, const void *content, size_t size)
{
	struct uffdio_copy copy = {
		.dst = (unsigned long)held->page,
		.len = held->size,
	};
	char *page;
	int ret;

	page = mmap(NULL, held->size, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED)
		return -errno;
	memcpy(page, content, size);
	copy.src = (unsigned long)page;
	ret = ioctl(held->uffd, UFFDIO_COPY, &copy) ? -errno : 0;
	munmap(page, held->size);
	return ret;
}

/* Lets those who wait for the page find none: 0, or -errno. */
static int withdraw_page(struct held_page *held)
{
	struct uffdio_range range = {
		.start = (unsigned long)held->page,
		.len = held->size,
	};

	if (munmap(held->page, held->size))
		return -errno;
	return ioctl(held->uffd, UFFDIO_WAKE, &range) ? -errno : 0;
}

/* A call in a thread of its own. */
struct job {
	int (*run)(struct job *job);
	int fd;
	unsigned long cmd;
	void *buf;
	const struct ev_pair *pair;
	int ret;
	atomic_int tid;		/* 0 before it runs */
	pthread_t thread;
};

static void *run_job(void *arg)
{
	struct job *job = arg;

	atomic_store(&job->tid, syscall(__NR_gettid));
	job->ret = job->run(job);
	return NULL;
}

static int start_job(struct job *job)
{
	return -pthread_create(&job->thread, NULL, run_job, job);
}

/* Whether the job ends; @ret is then what it returned. */
static bool job_ends(struct job *job)
{
	struct timespec end;

	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += EV_GUARD_MS / 1000;
	return !pthread_timedjoin_np(job->thread, NULL, &end);
}

/* Whether the process or thread sleeps; or -ESRCH. */
static int is_asleep(pid_t pid)
{
	char path[64], text[512], *state;

	snprintf(path, sizeof(path), "/proc/%d", pid);
	if (get_text(path, "stat", text, sizeof(text)) < 0)
		return -ESRCH;
	state = strrchr(text, ')');
	return state && (state[2] == 'S' || state[2] == 'D');
}

/* Looks at a job that do not differ: it does not sleep for a moment only. */
#define SAME_LOOKS	20

/* Returns once the job is over or sleeps: whether it is over. */
static bool job_ends_or_sleeps(struct job *job)
{
	int i, asleep = 0;
	pid_t tid;

	for (i = 0; i < GUARD_STEPS && asleep < SAME_LOOKS; i++) {
		if (!pthread_tryjoin_np(job->thread, NULL))
			return true;
		tid = atomic_load(&job->tid);
		asleep = tid && is_asleep(tid) == 1 ? asleep + 1 : 0;
		one_step();
	}
	return false;
}

static int job_ioctl(struct job *job)
{
	return ev_ioctl(job->fd, job->cmd, job->buf);
}

static int job_read(struct job *job)
{
	return ev_read(job->fd, job->buf, 4 * sizeof(unsigned int));
}

static int job_read_one(struct job *job)
{
	return ev_read(job->fd, job->buf, sizeof(unsigned int));
}

/* NOTIFY, read and write of an open pair, then bind and unbind: 0 or -errno. */
static int job_use(struct job *job)
{
	int ret = ev_ping(job->fd, job->fd, job->pair);

	if (ret)
		return ret;
	ret = ev_bind_unbound(job->fd, EV_SELF);
	return ret < 0 ? ret : ev_unbind(job->fd, ret);
}

/* D16: one mutex was held from before the copy of the argument to the end. */
FIXTURE(held_argument)
{
	int log;
	int fd;
	struct ev_pair pair;
	struct held_page held;
};

FIXTURE_VARIANT(held_argument)
{
	unsigned long cmd;
	unsigned int arg[2];
	int result;		/* 1: a port */
};

FIXTURE_VARIANT_ADD(held_argument, bind_virq)
{
	.cmd = IOCTL_EVTCHN_BIND_VIRQ,
	.arg = { 0xffff },
	.result = -EINVAL,
};

FIXTURE_VARIANT_ADD(held_argument, bind_interdomain)
{
	.cmd = IOCTL_EVTCHN_BIND_INTERDOMAIN,
	.arg = { EV_NO_DOMAIN, 1 },
	.result = -ESRCH,
};

FIXTURE_VARIANT_ADD(held_argument, bind_unbound)
{
	.cmd = IOCTL_EVTCHN_BIND_UNBOUND_PORT,
	.arg = { EV_SELF },
	.result = 1,
};

FIXTURE_VARIANT_ADD(held_argument, bind_static)
{
	.cmd = IOCTL_EVTCHN_BIND_STATIC,
	.arg = { ~0u },
	.result = -EINVAL,
};

FIXTURE_VARIANT_ADD(held_argument, unbind)
{
	.cmd = IOCTL_EVTCHN_UNBIND,
	.arg = { 1 },
	.result = -ENOTCONN,
};

FIXTURE_VARIANT_ADD(held_argument, notify)
{
	.cmd = IOCTL_EVTCHN_NOTIFY,
	.arg = { 1 },
	.result = -ENOTCONN,
};

FIXTURE_VARIANT_ADD(held_argument, restrict_domid)
{
	.cmd = IOCTL_EVTCHN_RESTRICT_DOMID,
	.arg = { 0 },
	.result = -EINVAL,
};

FIXTURE_SETUP(held_argument)
{
	int ret;

	self->log = ev_log_open();
	ASSERT_GE(self->log, 0)
		TH_LOG("/dev/kmsg: %s", strerror(-self->log));
	self->fd = ev_open(O_CLOEXEC | O_NONBLOCK);
	ASSERT_GE(self->fd, 0);
	ASSERT_EQ(0, ev_connect(self->fd, self->fd, &self->pair));
	ret = hold_page(&self->held);
	if (ret)
		SKIP(return, "no userfaultfd for the kernel's faults: %s",
		     strerror(-ret));
}

FIXTURE_TEARDOWN(held_argument)
{
	/* Whoever still waits for the page goes on. */
	close(self->held.uffd);
	close(self->fd);
	check_log(_metadata, self->log);
}

TEST_F(held_argument, d16_others_go_on_while_an_argument_is_awaited)
{
	struct job waits = {
		.run = job_ioctl,
		.fd = self->fd,
		.cmd = variant->cmd,
		.buf = self->held.page,
	};
	struct job others = {
		.run = job_use,
		.fd = self->fd,
		.pair = &self->pair,
	};
	bool in_time;

	ASSERT_EQ(0, start_job(&waits));
	ASSERT_EQ(0, wait_for_fault(&self->held));
	ASSERT_EQ(0, start_job(&others));
	in_time = job_ends(&others);
	EXPECT_TRUE(in_time)
		TH_LOG("NOTIFY, read, write or bind hangs");
	if (in_time)
		EXPECT_EQ(0, others.ret);

	ASSERT_EQ(0, serve_page(&self->held, variant->arg, sizeof(variant->arg)));
	ASSERT_TRUE(job_ends(&waits));
	EXPECT_EQ(variant->result, waits.ret > 0 ? 1 : waits.ret);
	if (!in_time)
		ASSERT_TRUE(job_ends(&others));
}

/*
 * A2: RESTRICT_DOMID returned while a bind was under way that it forbids, and
 * whose argument was yet to be read: whoever served that page bound what it
 * liked on a restricted file.
 */

/* A VIRQ of vCPU 0 that Linux has no use for, and any domain may bind. */
#define VIRQ_XENOPROF	7

FIXTURE(late_bind)
{
	int log;
	int fd;
	int port;		/* Xen has it, nobody, and this domain may bind to it */
	struct held_page held;
};

FIXTURE_VARIANT(late_bind)
{
	unsigned long cmd;
	unsigned int arg[2];
	int port_at;		/* where in arg self->port goes, or -1 */
	int result;		/* of the bind after the restriction */
};

FIXTURE_VARIANT_ADD(late_bind, virq)
{
	.cmd = IOCTL_EVTCHN_BIND_VIRQ,
	.arg = { VIRQ_XENOPROF },
	.port_at = -1,
	.result = -EACCES,
};

FIXTURE_VARIANT_ADD(late_bind, unbound)
{
	.cmd = IOCTL_EVTCHN_BIND_UNBOUND_PORT,
	.arg = { EV_SELF },
	.port_at = -1,
	.result = -EACCES,
};

FIXTURE_VARIANT_ADD(late_bind, static)
{
	.cmd = IOCTL_EVTCHN_BIND_STATIC,
	.port_at = 0,
	.result = -EACCES,
};

FIXTURE_VARIANT_ADD(late_bind, interdomain_elsewhere)
{
	.cmd = IOCTL_EVTCHN_BIND_INTERDOMAIN,
	.arg = { EV_SELF },
	.port_at = 1,
	.result = -EACCES,
};

/* Allowed, and Xen says that there is no such domain. */
FIXTURE_VARIANT_ADD(late_bind, interdomain)
{
	.cmd = IOCTL_EVTCHN_BIND_INTERDOMAIN,
	.arg = { SOME_DOMAIN, 1 },
	.port_at = -1,
	.result = -ESRCH,
};

FIXTURE_SETUP(late_bind)
{
	int ret;

	self->log = ev_log_open();
	ASSERT_GE(self->log, 0)
		TH_LOG("/dev/kmsg: %s", strerror(-self->log));
	self->fd = ev_open(O_CLOEXEC | O_NONBLOCK);
	ASSERT_GE(self->fd, 0);
	if (ev_xen_open())
		SKIP(return, "%s", ev_xen_open());
	self->port = ev_xen_alloc_unbound(EV_SELF);
	ASSERT_GT(self->port, 0);
	ret = hold_page(&self->held);
	if (ret)
		SKIP(return, "no userfaultfd for the kernel's faults: %s",
		     strerror(-ret));
}

FIXTURE_TEARDOWN(late_bind)
{
	close(self->held.uffd);
	close(self->fd);
	if (self->port > 0)
		EXPECT_EQ(0, ev_xen_close(self->port));
	check_log(_metadata, self->log);
}

TEST_F(late_bind, a2_restriction_ends_what_it_forbids)
{
	struct ioctl_evtchn_restrict_domid domain = { .domid = SOME_DOMAIN };
	unsigned int arg[2] = { variant->arg[0], variant->arg[1] };
	struct job bind = {
		.run = job_ioctl,
		.fd = self->fd,
		.cmd = variant->cmd,
		.buf = self->held.page,
	};
	struct job restriction = {
		.run = job_ioctl,
		.fd = self->fd,
		.cmd = IOCTL_EVTCHN_RESTRICT_DOMID,
		.buf = &domain,
	};
	bool restricted;
	int count;

	if (variant->port_at >= 0)
		arg[variant->port_at] = self->port;
	count = xen_count();
	ASSERT_EQ(0, start_job(&bind));
	ASSERT_EQ(0, wait_for_fault(&self->held));
	ASSERT_EQ(0, start_job(&restriction));
	/* It may wait for the bind as well: then the bind comes first. */
	restricted = job_ends_or_sleeps(&restriction);

	ASSERT_EQ(0, serve_page(&self->held, arg, sizeof(arg)));
	ASSERT_TRUE(job_ends(&bind));
	if (!restricted)
		ASSERT_TRUE(job_ends(&restriction));
	EXPECT_EQ(0, restriction.ret);
	if (restricted || bind.ret < 0) {
		EXPECT_EQ(variant->result, bind.ret);
		EXPECT_EQ(count, xen_count());
		EXPECT_EQ(EV_UNBOUND, ev_xen_status(self->port));
		EXPECT_EQ(-ENOTCONN, ev_notify(self->fd, self->port));
	}
	EXPECT_EQ(-EACCES, ev_bind_unbound(self->fd, EV_SELF));
}

/* Two with arguments that are served late, and one without. */
TEST_F(defects, a2_one_of_many_restrictions_is_made)
{
	struct ioctl_evtchn_restrict_domid late = { .domid = SOME_DOMAIN };
	struct ioctl_evtchn_restrict_domid plain = { .domid = SOME_DOMAIN + 1 };
	struct held_page held;
	struct job jobs[3];
	bool ended[3];
	int i, ret, made = 0;

	ret = hold_page(&held);
	if (ret)
		SKIP(return, "no userfaultfd for the kernel's faults: %s",
		     strerror(-ret));
	for (i = 0; i < 3; i++) {
		jobs[i] = (struct job) {
			.run = job_ioctl,
			.fd = self->fd,
			.cmd = IOCTL_EVTCHN_RESTRICT_DOMID,
			.buf = i < 2 ? (void *)held.page : &plain,
		};
		ASSERT_EQ(0, start_job(&jobs[i]));
		ended[i] = job_ends_or_sleeps(&jobs[i]);
		EXPECT_FALSE(ended[i] && i < 2);
	}
	ASSERT_EQ(0, serve_page(&held, &late, sizeof(late)));
	for (i = 0; i < 3; i++) {
		if (!ended[i])
			ASSERT_TRUE(job_ends(&jobs[i]));
		made += !jobs[i].ret;
		if (jobs[i].ret)
			EXPECT_EQ(-EACCES, jobs[i].ret);
	}
	EXPECT_EQ(1, made);
	/* Who had returned before the others went on was the first. */
	if (ended[2])
		EXPECT_EQ(0, jobs[2].ret);
	EXPECT_EQ(jobs[2].ret ? -ESRCH : -EACCES,
		  ev_bind_interdomain(self->fd, late.domid, 1));
	EXPECT_EQ(jobs[2].ret ? -EACCES : -ESRCH,
		  ev_bind_interdomain(self->fd, plain.domid, 1));
}

/*
 * D17: domain ids lost their upper half.
 */

TEST_F(defects, d17_domain_id_of_more_than_16_bits_is_einval)
{
	static const unsigned int high[] = { 0x10000, 0x7fff0000, 0xffff0000 };
	unsigned int port, ports[4];
	int count = -1;
	size_t i;

	if (!ev_xen_open())
		count = xen_count();
	port = ev_bind_unbound(self->fd, EV_SELF);
	ASSERT_GT((int)port, 0);
	for (i = 0; i < ARRAY_SIZE(high); i++) {
		EXPECT_EQ(-EINVAL, ev_bind_unbound(self->fd, high[i] | EV_SELF));
		EXPECT_EQ(-EINVAL, ev_bind_interdomain(self->fd, high[i] | EV_SELF, port));
		EXPECT_EQ(-EINVAL, ev_bind_unbound(self->fd, high[i]));
		EXPECT_EQ(-EINVAL, ev_bind_interdomain(self->fd, high[i], port));
	}
	/* Nobody has connected to it, and nothing was bound. */
	EXPECT_EQ(-EAGAIN, ev_read(self->fd, ports, sizeof(ports)));
	if (!ev_xen_open()) {
		EXPECT_EQ(EV_UNBOUND, ev_xen_status(port));
		EXPECT_EQ(count + 1, xen_count());
	}
}

/*
 * D18: read() held a mutex while user space served the buffer's page fault.
 */

FIXTURE(held_buffer)
{
	int log;
	int fd;
	struct ev_pair pair;	/* a has an event */
	struct ev_pair quiet;
	struct held_page held;
};

FIXTURE_SETUP(held_buffer)
{
	int ret;

	self->log = ev_log_open();
	ASSERT_GE(self->log, 0)
		TH_LOG("/dev/kmsg: %s", strerror(-self->log));
	self->fd = ev_open(O_CLOEXEC | O_NONBLOCK);
	ASSERT_GE(self->fd, 0);
	ASSERT_EQ(0, ev_connect(self->fd, self->fd, &self->pair));
	ASSERT_EQ(0, ev_connect(self->fd, self->fd, &self->quiet));
	ASSERT_EQ(0, ev_notify_settled(self->fd, self->pair.b));
	ASSERT_EQ(EV_POLL_EVENT, ev_poll(self->fd));
	ret = hold_page(&self->held);
	if (ret)
		SKIP(return, "no userfaultfd for the kernel's faults: %s",
		     strerror(-ret));
}

FIXTURE_TEARDOWN(held_buffer)
{
	close(self->held.uffd);
	close(self->fd);
	check_log(_metadata, self->log);
}

/* NOTIFY and write; no read, which waits for its turn: 0 or -errno. */
static int send_and_enable(struct job *job)
{
	int ret = ev_notify(job->fd, job->pair->a);

	if (!ret)
		ret = ev_enable(job->fd, job->pair->b);
	return ret < 0 ? ret : 0;
}

/* More ports than the ring has slots, so that it grows. */
static int job_bind_many(struct job *job)
{
	int i, ret;

	for (i = 0; i < 70; i++) {
		ret = ev_bind_unbound(job->fd, EV_SELF);
		if (ret < 0)
			return ret;
	}
	ret = ev_unbind(job->fd, ret);
	return ret ?: send_and_enable(job);
}

static int job_reset(struct job *job)
{
	int ret = ev_reset(job->fd);

	if (!ret)
		ret = ev_bind_unbound(job->fd, EV_SELF);
	if (ret > 0)
		ret = ev_unbind(job->fd, ret);
	return ret ?: send_and_enable(job);
}

static int job_unbind(struct job *job)
{
	return ev_unbind(job->fd, job->pair->a);
}

TEST_F(held_buffer, d18_others_go_on_while_a_buffer_is_awaited)
{
	struct job reader = { .run = job_read, .fd = self->fd };
	struct job bind = {
		.run = job_bind_many,
		.fd = self->fd,
		.pair = &self->quiet,
	};
	/* The port that is being read. */
	struct job unbind = {
		.run = job_unbind,
		.fd = self->fd,
		.pair = &self->pair,
	};
	unsigned int ports[4];
	bool in_time;

	reader.buf = self->held.page;
	ASSERT_EQ(0, start_job(&reader));
	ASSERT_EQ(0, wait_for_fault(&self->held));

	ASSERT_EQ(0, start_job(&bind));
	in_time = job_ends(&bind);
	EXPECT_TRUE(in_time)
		TH_LOG("bind, unbind, NOTIFY or write hangs");
	if (in_time) {
		EXPECT_EQ(0, bind.ret);
		ASSERT_EQ(0, start_job(&unbind));
		in_time = job_ends(&unbind);
		EXPECT_TRUE(in_time);
		EXPECT_EQ(0, unbind.ret);
	}

	ports[0] = 0;
	ASSERT_EQ(0, serve_page(&self->held, ports, sizeof(*ports)));
	ASSERT_TRUE(job_ends(&reader));
	ASSERT_TRUE(in_time);
	/* The reader had the event; what came in the meantime is next. */
	EXPECT_EQ(4, reader.ret);
	memcpy(ports, self->held.page, sizeof(*ports));
	EXPECT_EQ(self->pair.a, ports[0]);
	EXPECT_EQ(self->quiet.b, ev_take(self->fd));
}

TEST_F(held_buffer, d18_reset_goes_on_while_a_buffer_is_awaited)
{
	struct job reader = { .run = job_read, .fd = self->fd };
	struct job reset = {
		.run = job_reset,
		.fd = self->fd,
		.pair = &self->quiet,
	};
	unsigned int ports[4] = {};
	bool in_time;

	reader.buf = self->held.page;
	ASSERT_EQ(0, start_job(&reader));
	ASSERT_EQ(0, wait_for_fault(&self->held));

	ASSERT_EQ(0, start_job(&reset));
	in_time = job_ends(&reset);
	EXPECT_TRUE(in_time)
		TH_LOG("RESET hangs");

	ASSERT_EQ(0, serve_page(&self->held, ports, sizeof(ports)));
	ASSERT_TRUE(job_ends(&reader));
	ASSERT_TRUE(in_time);
	EXPECT_EQ(0, reset.ret);
	EXPECT_EQ(4, reader.ret);
	/* Only the event that was sent after the reset. */
	EXPECT_EQ(self->quiet.b, ev_take(self->fd));
	EXPECT_EQ(-EAGAIN, ev_read(self->fd, ports, sizeof(ports)));
}

static void on_signal(int signal)
{
}

/* For all who have the file open. */
static int set_blocking(int fd)
{
	return fcntl(fd, F_SETFL, 0) ? -errno : 0;
}

/* Reads, having said so; the signal's end of the read is status 7. */
static void reading_child(int fd, int tell)
{
	struct sigaction action = { .sa_handler = on_signal };
	unsigned int ports[4];

	sigaction(SIGUSR1, &action, NULL);
	if (write(tell, "r", 1) != 1)
		_exit(1);
	_exit(ev_read(fd, ports, sizeof(ports)) == -EINTR ? 7 : 2);
}

/* Reads into a page that nobody serves, and tells when it waits for it. */
static void stuck_child(int fd, int tell)
{
	struct held_page held;
	struct job reader = { .run = job_read, .fd = fd };
	int ret = hold_page(&held);

	reader.buf = held.page;
	if (!ret)
		ret = start_job(&reader);
	if (!ret)
		ret = wait_for_fault(&held);
	if (write(tell, ret ? "e" : "r", 1) != 1)
		_exit(1);
	for (;;)
		pause();
}

static pid_t start_child(void (*run)(int fd, int tell), int fd)
{
	struct pollfd pfd = { .events = POLLIN };
	int tell[2];
	char told;
	pid_t pid;

	if (pipe2(tell, O_CLOEXEC))
		return -errno;
	pid = fork();
	if (!pid)
		run(fd, tell[1]);
	pfd.fd = tell[0];
	if (pid > 0 && (poll(&pfd, 1, EV_GUARD_MS) != 1 ||
			read(tell[0], &told, 1) != 1 || told != 'r')) {
		kill(pid, SIGKILL);
		pid = -EIO;
	}
	close(tell[0]);
	close(tell[1]);
	return pid;
}

/* Returns once @pid sleeps: 0, or -ETIMEDOUT. */
static int wait_for_sleep(pid_t pid)
{
	int i, asleep;

	for (i = 0; i < GUARD_STEPS; i++) {
		asleep = is_asleep(pid);
		if (asleep)
			return asleep < 0 ? asleep : 0;
		one_step();
	}
	return -ETIMEDOUT;
}

/* How @pid ended, or -ETIMEDOUT. */
static int child_status(pid_t pid)
{
	int status, i;

	for (i = 0; i < GUARD_STEPS; i++) {
		if (waitpid(pid, &status, WNOHANG) == pid)
			return status;
		one_step();
	}
	return -ETIMEDOUT;
}

TEST_F(held_buffer, d18_waiting_reader_obeys_signals)
{
	struct job reader = { .run = job_read, .fd = self->fd };
	unsigned int none = 0;
	pid_t kill_it, interrupt_it;
	int killed, interrupted;

	reader.buf = self->held.page;
	kill_it = start_child(reading_child, -1);
	/* A child that reads nothing ends by itself: the tool works. */
	ASSERT_GT(kill_it, 0);
	ASSERT_EQ(2, WEXITSTATUS(child_status(kill_it)));

	ASSERT_EQ(0, set_blocking(self->fd));
	ASSERT_EQ(0, start_job(&reader));
	ASSERT_EQ(0, wait_for_fault(&self->held));
	kill_it = start_child(reading_child, self->fd);
	interrupt_it = start_child(reading_child, self->fd);
	ASSERT_GT(kill_it, 0);
	ASSERT_GT(interrupt_it, 0);
	ASSERT_EQ(0, wait_for_sleep(kill_it));
	ASSERT_EQ(0, wait_for_sleep(interrupt_it));

	ASSERT_EQ(0, kill(kill_it, SIGKILL));
	killed = child_status(kill_it);
	ASSERT_EQ(0, kill(interrupt_it, SIGUSR1));
	interrupted = child_status(interrupt_it);

	ASSERT_EQ(0, serve_page(&self->held, &none, sizeof(none)));
	ASSERT_TRUE(job_ends(&reader));
	EXPECT_EQ(4, reader.ret);
	EXPECT_EQ(SIGKILL, killed)
		TH_LOG("a second reader cannot be killed");
	EXPECT_EQ(7 << 8, interrupted)
		TH_LOG("a second reader cannot be interrupted");
	if (killed == -ETIMEDOUT)
		waitpid(kill_it, NULL, 0);
	if (interrupted == -ETIMEDOUT) {
		kill(interrupt_it, SIGKILL);
		waitpid(interrupt_it, NULL, 0);
	}
}

TEST_F(held_buffer, d18_killed_readers_leave_the_event)
{
	pid_t stuck, behind;
	int killed;

	ASSERT_EQ(0, set_blocking(self->fd));
	stuck = start_child(stuck_child, self->fd);
	ASSERT_GT(stuck, 0)
		TH_LOG("no child waits for a page (userfaultfd?)");
	behind = start_child(reading_child, self->fd);
	ASSERT_GT(behind, 0);
	ASSERT_EQ(0, wait_for_sleep(behind));

	/* The one behind first: nothing else lets it go. */
	ASSERT_EQ(0, kill(behind, SIGKILL));
	killed = child_status(behind);
	EXPECT_EQ(SIGKILL, killed)
		TH_LOG("a second reader cannot be killed");
	ASSERT_EQ(0, kill(stuck, SIGKILL));
	EXPECT_EQ(SIGKILL, child_status(stuck));
	if (killed == -ETIMEDOUT)
		waitpid(behind, NULL, 0);

	EXPECT_EQ(self->pair.a, ev_take(self->fd));
	EXPECT_EQ(EV_POLL_IDLE, ev_poll(self->fd));
	EXPECT_EQ(0, ev_ping(self->fd, self->fd, &self->quiet));
}

/*
 * A11: a read with O_NONBLOCK waited for its turn behind another one, and ended
 * with EINTR if a signal came.
 */

static atomic_int signals;

static void count_signal(int signal)
{
	atomic_fetch_add(&signals, 1);
}

/*
 * Reads until many signals have been handled, those of a timer that comes again
 * and again: status 7 if there was nothing each time, 3 if one was interrupted.
 */
static void nonblocking_child(int fd, int tell)
{
	struct sigaction action = { .sa_handler = count_signal };
	struct itimerval often = {
		.it_interval.tv_usec = 1000,
		.it_value.tv_usec = 1000,
	};
	unsigned int ports[4];
	int ret;

	sigaction(SIGALRM, &action, NULL);
	if (setitimer(ITIMER_REAL, &often, NULL) || write(tell, "r", 1) != 1)
		_exit(1);
	do {
		ret = ev_read(fd, ports, sizeof(ports));
	} while (ret == -EAGAIN && atomic_load(&signals) < 100);
	_exit(ret == -EAGAIN ? 7 : ret == -EINTR ? 3 : 2);
}

TEST_F(held_buffer, a11_nonblocking_read_waits_for_no_other_reader)
{
	struct job reader = { .run = job_read, .fd = self->fd };
	unsigned int none = 0;
	pid_t child;
	int status;

	reader.buf = self->held.page;
	ASSERT_EQ(0, start_job(&reader));
	ASSERT_EQ(0, wait_for_fault(&self->held));
	/* Nobody has the event yet. */
	EXPECT_EQ(EV_POLL_EVENT, ev_poll(self->fd));

	child = start_child(nonblocking_child, self->fd);
	ASSERT_GT(child, 0);
	status = child_status(child);
	EXPECT_EQ(7 << 8, status)
		TH_LOG("a read with O_NONBLOCK %s", status == 3 << 8 ?
		       "was interrupted" : "waits, or took the event");
	EXPECT_EQ(EV_POLL_EVENT, ev_poll(self->fd));

	ASSERT_EQ(0, serve_page(&self->held, &none, sizeof(none)));
	ASSERT_TRUE(job_ends(&reader));
	EXPECT_EQ(4, reader.ret);
	if (status == -ETIMEDOUT) {
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
	}
	EXPECT_EQ(EV_POLL_IDLE, ev_poll(self->fd));
}

/* Who waits for its turn has what the first reader leaves. */
TEST_F(held_buffer, a11_reader_behind_gets_the_event_that_a_fault_leaves)
{
	unsigned int ports[4] = {};
	struct job reader = { .run = job_read, .fd = self->fd };
	struct job behind = {
		.run = job_read,
		.fd = self->fd,
		.buf = ports,
	};

	ASSERT_EQ(0, set_blocking(self->fd));
	reader.buf = self->held.page;
	ASSERT_EQ(0, start_job(&reader));
	ASSERT_EQ(0, wait_for_fault(&self->held));
	ASSERT_EQ(0, start_job(&behind));
	EXPECT_FALSE(job_ends_or_sleeps(&behind));

	ASSERT_EQ(0, withdraw_page(&self->held));
	ASSERT_TRUE(job_ends(&reader));
	EXPECT_EQ(-EFAULT, reader.ret);
	ASSERT_TRUE(job_ends(&behind))
		TH_LOG("the reader behind sleeps on");
	EXPECT_EQ(4, behind.ret);
	EXPECT_EQ(self->pair.a, ports[0]);
	EXPECT_EQ(EV_POLL_IDLE, ev_poll(self->fd));
}

/* The first one reads one event, and one comes before it, or meanwhile. */
static void read_behind(struct __test_metadata *_metadata,
			struct _test_data_held_buffer *self, bool meanwhile)
{
	unsigned int none = 0, ports[4] = {};
	struct job reader = { .run = job_read_one, .fd = self->fd };
	struct job behind = {
		.run = job_read,
		.fd = self->fd,
		.buf = ports,
	};

	ASSERT_EQ(0, set_blocking(self->fd));
	if (!meanwhile)
		ASSERT_EQ(0, ev_notify_settled(self->fd, self->quiet.b));
	reader.buf = self->held.page;
	ASSERT_EQ(0, start_job(&reader));
	ASSERT_EQ(0, wait_for_fault(&self->held));
	ASSERT_EQ(0, start_job(&behind));
	EXPECT_FALSE(job_ends_or_sleeps(&behind));
	if (meanwhile)
		ASSERT_EQ(0, ev_notify_settled(self->fd, self->quiet.b));

	ASSERT_EQ(0, serve_page(&self->held, &none, sizeof(none)));
	ASSERT_TRUE(job_ends(&reader));
	EXPECT_EQ(4, reader.ret);
	EXPECT_EQ(self->pair.a, *(unsigned int *)self->held.page);
	ASSERT_TRUE(job_ends(&behind))
		TH_LOG("the reader behind sleeps on");
	EXPECT_EQ(4, behind.ret);
	EXPECT_EQ(self->quiet.a, ports[0]);
	EXPECT_EQ(EV_POLL_IDLE, ev_poll(self->fd));
}

TEST_F(held_buffer, a11_reader_behind_gets_the_event_that_is_left)
{
	read_behind(_metadata, self, false);
}

TEST_F(held_buffer, a11_reader_behind_gets_the_event_that_comes_meanwhile)
{
	read_behind(_metadata, self, true);
}

int main(int argc, char **argv)
{
	ev_require_device();
	return test_harness_run(argc, argv);
}
