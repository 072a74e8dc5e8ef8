// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Tests of the right behaviour for each defect of the former driver of
 * /dev/xen/evtchn (D1 to D18) that a program can trigger, and for faults that a
 * driver without these defects, or the event core behind it, may still have (A2
 * to A11).
 *
 * It is not run by default. A kernel that has one of the defects may crash, or
 * keep a process that cannot be killed, and d6_ closes a port behind its
 * owner's back, so that somebody else may get the number before the owner takes
 * it again. So run it where the domain may crash. Otherwise it does not disturb
 * other programs.
 */
#include <glob.h>
#include <linux/userfaultfd.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>

#include "ev_features.h"

/*
 * A hang guard like EV_GUARD_MS, but shorter: a driver that hangs does so in
 * many of these tests.
 */
#define GUARD_MS	(EV_GUARD_MS / 2)

#define becomes_true(condition) ({					\
	int looks = GUARD_MS / 10;					\
									\
	while (!(condition) && --looks)					\
		usleep(10000);						\
	looks > 0;							\
})

FIXTURE(files)
{
	int fd, other;
	struct ev_pair pair, others;	/* both ends in fd, and in the other */
};

FIXTURE_SETUP(files)
{
	self->fd = ev_open(O_CLOEXEC | O_NONBLOCK);
	ASSERT_GE(self->fd, 0);
	self->other = ev_open(O_CLOEXEC | O_NONBLOCK);
	ASSERT_GE(self->other, 0);
	ASSERT_EQ(0, ev_connect(self->fd, self->fd, &self->pair));
	ASSERT_EQ(0, ev_connect(self->other, self->other, &self->others));
}

FIXTURE_TEARDOWN(files)
{
	close(self->fd);
	close(self->other);
}

static void close_file(int *fd)
{
	close(*fd);
	*fd = -1;
}

/* Tests that take long on each CPU use no more CPUs than this. */
static int some_cpus(void)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	return cpus < 8 ? cpus : 8;
}

/* D1: BIND_STATIC of a port of the kernel closed it. */

/* A timer ends a sleep on each CPU, and an IPI wakes it up; else this hangs. */
static int kernel_ports_work(void)
{
	struct timespec ms = { .tv_nsec = 1000000 };
	int cpu, ret = 0;
	cpu_set_t all;

	if (sched_getaffinity(0, sizeof(all), &all))
		return -errno;
	for (cpu = 0; cpu < CPU_SETSIZE && !ret; cpu++)
		if (CPU_ISSET(cpu, &all))
			ret = ev_pin(cpu) ?: nanosleep(&ms, NULL);
	sched_setaffinity(0, sizeof(all), &all);
	return ret;
}

TEST_F(files, d1_static_of_kernel_port_is_busy)
{
	union ev_xen_arg before, after;
	unsigned int port, xenstore, n = 0;
	char text[16] = "";
	int ret;

	if (ev_xen_missing)
		SKIP(return, "%s", ev_xen_missing);
	/* The kernel's connection to xenstored is like those of programs. */
	ev_read_file("/proc/xen/xsd_port", text, sizeof(text));
	xenstore = atoi(text);
	/* -EINVAL is the end of Xen's table, and -EACCES a port of Xen's own. */
	for (port = 1; (ret = ev_xen_query(port, &before)) != -EINVAL; port++) {
		if (ret == -EACCES)
			continue;
		ASSERT_EQ(0, ret);
		if (before.status.status < EV_PIRQ && port != xenstore)
			continue;
		n++;
		EXPECT_EQ(-EBUSY, ev_bind_static(self->fd, port))
			TH_LOG("port %u, status %u", port, before.status.status);
		EXPECT_EQ(-ENOTCONN, ev_notify(self->fd, port));
		ASSERT_EQ(0, ev_xen_query(port, &after));
		/* The kernel may have moved it meanwhile. */
		before.status.vcpu = after.status.vcpu;
		EXPECT_EQ(0, memcmp(&before, &after, sizeof(after)));
	}
	if (!n)
		SKIP(return, "no kernel port of these kinds");
	EXPECT_EQ(0, kernel_ports_work());
	close_file(&self->fd);
	EXPECT_EQ(0, kernel_ports_work());
}

/* D2: BIND_STATIC let a restricted file reach every port of the domain. */
TEST_F(files, d2_static_is_refused_to_restricted_file)
{
	EXPECT_EQ(0, ev_restrict(self->other, EV_NO_DOMAIN));
	EXPECT_EQ(-EACCES, ev_bind_static(self->other, self->pair.a));
	EXPECT_EQ(-ENOTCONN, ev_notify(self->other, self->pair.a));
	EXPECT_EQ(0, ev_ping(self->fd, self->fd, &self->pair));
	EXPECT_EQ(EV_POLL_IDLE, ev_poll(self->other));
	close_file(&self->other);
	EXPECT_EQ(0, ev_ping(self->fd, self->fd, &self->pair));
}

/* D3: BIND_STATIC of another file's port shared one reference to it. */
TEST_F(files, d3_static_of_foreign_port_is_busy)
{
	EXPECT_EQ(-EBUSY, ev_bind_static(self->fd, self->others.a));
	EXPECT_EQ(-EBUSY, ev_bind_static(self->other, self->pair.a));
	EXPECT_EQ(-ENOTCONN, ev_notify(self->fd, self->others.a));
	EXPECT_EQ(-ENOTCONN, ev_unbind(self->fd, self->others.a));

	/* The owner of one port closes first, and that of the other last. */
	close_file(&self->fd);
	EXPECT_EQ(0, ev_ping(self->other, self->other, &self->others));
	close_file(&self->other);
	EXPECT_EQ(0, ev_ping_fresh());
}

/* D6: a number that the file had already emptied its table on the error path. */
TEST_F(files, d6_number_that_is_bound_already_costs_no_binding)
{
	int loopbacks, port, tries, ret = 1;

	if (ev_xen_missing)
		SKIP(return, "%s", ev_xen_missing);
	loopbacks = ev_xen_count_loopbacks();
	ASSERT_GE(loopbacks, 0);
	port = ev_bind_unbound(self->fd, EV_SELF);
	ASSERT_GT(port, 0);
	/* Xen reuses it, after the free ones below. */
	ASSERT_EQ(0, ev_xen_close(port));
	for (tries = 0; ret > 0 && ret != port && tries < 100; tries++)
		ret = ev_bind_unbound(self->fd, EV_SELF);
	EXPECT_EQ(-EBUSY, ret);
	/* The port belongs to the first file again. */
	EXPECT_EQ(EV_UNBOUND, ev_xen_status(port));
	EXPECT_EQ(0, ev_ping(self->fd, self->fd, &self->pair));
	EXPECT_EQ(0, ev_unbind(self->fd, port));
	close_file(&self->fd);
	close_file(&self->other);
	EXPECT_EQ(loopbacks - 4, ev_xen_count_loopbacks());
	EXPECT_EQ(0, ev_ping_fresh());
}

/* D7: BIND_STATIC took any number. */
TEST_F(files, d7_static_of_number_without_port_is_an_error)
{
	/* The FIFO event ABI has 131072 ports, the 2-level one 4096. */
	static const unsigned int none[] = { 0, 131072, ~0u };
	size_t i;
	int port;

	for (i = 0; i < ARRAY_SIZE(none); i++) {
		EXPECT_EQ(-EINVAL, ev_bind_static(self->fd, none[i]))
			TH_LOG("port %u", none[i]);
		EXPECT_EQ(-ENOTCONN, ev_notify(self->fd, none[i]));
	}
	/* A free port. */
	port = ev_bind_unbound(self->fd, EV_SELF);
	ASSERT_EQ(0, ev_unbind(self->fd, port));
	EXPECT_EQ(-ENOENT, ev_bind_static(self->fd, port));
	EXPECT_EQ(-ENOTCONN, ev_notify(self->fd, port));
	close_file(&self->fd);
	EXPECT_EQ(0, ev_ping_fresh());
}

/*
 * D8: a reader that emptied the ring while an interrupt was storing the next
 * port slept for ever. The two have to meet within a few instructions, so that
 * a driver with the defect seldom fails; with a pause there it does at once.
 */

/* Several ports, so that one is pushed while another is read. */
#define WAKE_PAIRS	4

struct reader {
	int fd, epoll;		/* without epoll it sleeps in read() */
	atomic_int taken;
};

/* Waits without a limit, as daemons do. */
static void *read_for_ever(void *arg)
{
	struct reader *reader = arg;
	unsigned int ports[WAKE_PAIRS];
	struct epoll_event event;
	int ret;

	do {
		if (reader->epoll)
			epoll_wait(reader->epoll, &event, 1, -1);
		/* Edge-triggered waiters have to read until there is no more. */
		while ((ret = ev_read(reader->fd, ports, sizeof(ports))) > 0) {
			ev_write(reader->fd, ports, ret);
			reader->taken += ret / sizeof(*ports);
		}
	} while (ret == -EAGAIN);
	return NULL;
}

TEST(d8_reader_is_woken_by_every_event)
{
	int cpu, peer, i, sent, round, cpus = some_cpus();
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	struct ev_pair pairs[WAKE_PAIRS];
	struct reader *reader;
	pthread_t thread;

	for (round = 0; round < 2 * cpus; round++) {
		/* The thread sleeps after its round, until the process ends. */
		reader = calloc(1, sizeof(*reader));
		reader->fd = ev_open(round % 2 ? O_NONBLOCK : 0);
		peer = ev_open(O_CLOEXEC);
		for (i = 0; i < WAKE_PAIRS; i++)
			ASSERT_EQ(0, ev_connect(peer, reader->fd, &pairs[i]));
		if (round % 2) {
			reader->epoll = epoll_create1(EPOLL_CLOEXEC);
			ASSERT_EQ(0, epoll_ctl(reader->epoll, EPOLL_CTL_ADD, reader->fd,
					       &event));
		}
		/* It inherits this CPU: that of the interrupts, or another. */
		cpu = round / 2;
		ASSERT_EQ(0, ev_pin(cpu));
		ASSERT_EQ(0, pthread_create(&thread, NULL, read_for_ever, reader));
		ASSERT_EQ(0, ev_pin((cpu + 1) % cpus));
		for (sent = WAKE_PAIRS; sent <= 50 * WAKE_PAIRS; sent += WAKE_PAIRS) {
			for (i = 0; i < WAKE_PAIRS; i++)
				ASSERT_EQ(0, ev_notify(peer, pairs[i].a));
			/* Take all first, or two become one event. */
			ASSERT_TRUE(becomes_true(reader->taken >= sent))
				TH_LOG("%s, CPU %d: no wake-up, and there is %s event",
				       reader->epoll ? "epoll" : "read", cpu,
				       ev_poll(reader->fd) & POLLIN ? "an" : "no");
		}
	}
}

/* Calls in a thread of their own: an ioctl, or what @run does. */
struct job {
	int fd;
	unsigned long cmd, arg;
	int (*run)(const void *data);
	const void *data;
	pthread_t thread;
	int ret;
};

static void *run_job(void *arg)
{
	struct job *job = arg;

	job->ret = job->run ? job->run(job->data) :
			      ev_ioctl(job->fd, job->cmd, (void *)job->arg);
	return NULL;
}

static int start_job(struct job *job)
{
	return -pthread_create(&job->thread, NULL, run_job, job);
}

/* Whether the thread ends. It was not joined yet. */
static bool ends(pthread_t thread)
{
	return becomes_true(!pthread_tryjoin_np(thread, NULL));
}

/* D9, D10, A5, A6: a second handler on a port of the file */

/* <xen/privcmd.h> needs headers of Xen that user space does not have. */
struct ioeventfd {
	uint64_t request, ports, addr;
	uint32_t addr_len, event_fd, vcpus, vq, flags;	/* 1: no more */
	uint16_t dom, pad[1];
};

#define PRIVCMD_IOEVENTFD	_IOW('P', 9, struct ioeventfd)

/* From Xen's public header ioreq.h; the upper half of type has flags. */
struct io_request {
	uint64_t addr, data;
	uint32_t count, size, vp_eport;
	uint16_t pad;
	uint8_t state, type;
};

enum { REQUEST_COPY = 1, REQUEST_READY = 1, REQUEST_ANSWERED = 3 };

/* The address of a virtio device, whose second queue is notified. */
#define VIRTIO_ADDR	0xfee00000
#define VIRTIO_NOTIFY	0x50
#define VIRTIO_QUEUE	1

/* Commands of the module evtchn_sharer, described in its source. */
#define SHARER		"evtchn_sharer"
#define SHARER_BIND	_IO('S', 0)
#define SHARER_EVENTS	_IO('S', 1)
#define SHARER_EOI	_IO('S', 2)
#define SHARER_SPURIOUS	_IO('S', 3)

FIXTURE(shared)
{
	int fd;			/* has pair.a, which is shared */
	int peer;		/* has pair.b */
	struct ev_pair pair;
	bool given_up;		/* fd has unbound the port */
	int sharer, privcmd, event_fd;
	bool assigned;		/* privcmd shares it, or else the module */
	struct ioeventfd arg;
	struct io_request *request;
};

/* A command of the module: its result, or -errno. */
static int sharer_do(const FIXTURE_DATA(shared) *self, unsigned long cmd,
		     unsigned long number)
{
	return ev_ioctl(self->sharer, cmd, (void *)number);
}

/* Puts a second handler on a port of a new file: 0 or -errno. */
static int share(FIXTURE_DATA(shared) *self, bool privcmd)
{
	int ret;

	close(self->fd);
	close(self->peer);
	self->fd = ev_open(O_CLOEXEC | O_NONBLOCK);
	self->peer = ev_open(O_CLOEXEC | O_NONBLOCK);
	self->given_up = false;
	ret = ev_connect(self->fd, self->peer, &self->pair);
	if (ret)
		return ret;
	if (!privcmd) {
		self->sharer = open("/dev/" SHARER, O_RDWR | O_CLOEXEC);
		return sharer_do(self, SHARER_BIND, self->pair.a);
	}

	self->arg = (struct ioeventfd) {
		.request = (uintptr_t)self->request, .ports = (uintptr_t)&self->pair.a,
		.addr = VIRTIO_ADDR, .addr_len = 4, .event_fd = self->event_fd,
		.vcpus = 1, .vq = VIRTIO_QUEUE, .dom = EV_NO_DOMAIN,
	};
	ret = ev_ioctl(self->privcmd, PRIVCMD_IOEVENTFD, &self->arg);
	self->assigned = !ret;
	return ret;
}

/* Removes the second handler: 0 or -errno. */
static int leave(FIXTURE_DATA(shared) *self)
{
	close_file(&self->sharer);
	if (!self->assigned)
		return 0;
	self->assigned = false;
	self->arg.flags = 1;
	return ev_ioctl(self->privcmd, PRIVCMD_IOEVENTFD, &self->arg);
}

FIXTURE_SETUP(shared)
{
	const char *no_module = ev_load_module(SHARER);

	if (no_module)
		SKIP(return, "%s", no_module);
	self->fd = -1;
	self->peer = -1;
	self->sharer = open("/dev/" SHARER, O_RDWR | O_CLOEXEC);
	ASSERT_GE(self->sharer, 0);
	self->request = mmap(NULL, sysconf(_SC_PAGESIZE), PROT_READ | PROT_WRITE,
			     MAP_SHARED, self->sharer, 0);
	ASSERT_NE(MAP_FAILED, self->request);
	close_file(&self->sharer);
	self->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	/* Where hypercalls do not work, this open() may never return. */
	self->privcmd = ev_xen_missing ? -1 : open("/dev/xen/privcmd", O_RDWR);
}

FIXTURE_TEARDOWN(shared)
{
	EXPECT_EQ(0, leave(self));
	munmap(self->request, sysconf(_SC_PAGESIZE));
	close(self->privcmd);
	close(self->event_fd);
	close(self->fd);
	close(self->peer);
	EXPECT_EQ(0, ev_unload_module(SHARER));
}

/* The module's handler gets one event, and not two: 0 or -errno. */
static int pass_event(const FIXTURE_DATA(shared) *self)
{
	int before = sharer_do(self, SHARER_EVENTS, 0);
	int ret = ev_notify(self->peer, self->pair.b);

	if (ret || !becomes_true(sharer_do(self, SHARER_EVENTS, 0) != before))
		return ret ?: -ETIMEDOUT;
	return sharer_do(self, SHARER_EVENTS, 0) == before + 1 ? 0 : -EOVERFLOW;
}

/* The second handler gets an event, whose EOI is sent on its behalf: 0 or -errno. */
static int serve(FIXTURE_DATA(shared) *self)
{
	uint64_t count;
	int ret;

	if (!self->assigned)
		return pass_event(self) ?: sharer_do(self, SHARER_EOI, 1);

	/* First an event without a request: the next ones must still come. */
	if (self->given_up)
		ev_notify_settled(self->peer, self->pair.b);
	*self->request = (struct io_request) {
		.addr = VIRTIO_ADDR + VIRTIO_NOTIFY, .data = VIRTIO_QUEUE,
		.count = 1, .size = self->arg.addr_len, .type = REQUEST_COPY,
	};
	__atomic_store_n(&self->request->state, REQUEST_READY, __ATOMIC_RELEASE);
	/* privcmd answers on the same port. */
	ret = ev_pass(self->peer, self->pair.b, self->peer, self->pair.b);
	if (ret)
		return ret;
	if (self->request->state != REQUEST_ANSWERED)
		return -EBADMSG;
	if (read(self->arg.event_fd, &count, sizeof(count)) != sizeof(count))
		return -ENODATA;
	return count == 1 ? 0 : -EOVERFLOW;
}

static void serve_after(struct __test_metadata *_metadata, FIXTURE_DATA(shared) *self,
			bool privcmd)
{
	int way, i;

	for (way = 0; way < 4; way++) {
		bool masked = way & 1, by_close = way & 2;

		ASSERT_EQ(0, share(self, privcmd));
		/* The file has an EOI to send now, which nobody else sends. */
		if (masked) {
			ASSERT_EQ(0, privcmd ? serve(self) : pass_event(self));
			ASSERT_EQ(self->pair.a, ev_take(self->fd));
		}
		if (by_close)
			close_file(&self->fd);
		else
			ASSERT_EQ(0, ev_unbind(self->fd, self->pair.a));
		self->given_up = true;
		for (i = 0; i < 10; i++) {
			ASSERT_EQ(0, serve(self))
				TH_LOG("event %d after %s%s", i + 1,
				       by_close ? "close" : "UNBIND",
				       masked ? " of a masked port" : "");
		}
		/* The last user closes the port. */
		EXPECT_EQ(0, ev_is_alone(self->pair.b));
		ASSERT_EQ(0, leave(self));
		EXPECT_EQ(1, ev_is_alone(self->pair.b));
	}
	/* Now the second handler is removed first. */
	ASSERT_EQ(0, share(self, privcmd));
	ASSERT_EQ(0, leave(self));
	EXPECT_EQ(0, ev_ping(self->fd, self->peer, &self->pair));
}

static void serve_before_write(struct __test_metadata *_metadata,
			       FIXTURE_DATA(shared) *self, bool privcmd)
{
	unsigned int ports[4];
	int i;

	ASSERT_EQ(0, share(self, privcmd));
	/* More events than the ring has slots. */
	for (i = 0; i < 100; i++)
		ASSERT_EQ(0, serve(self));
	/* The file sees one event before its write, and one after it. */
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(POLLIN, ev_wait(self->fd));
		ev_settle();
		ASSERT_EQ(4, ev_read(self->fd, ports, sizeof(ports)));
		EXPECT_EQ(self->pair.a, ports[0]);
		EXPECT_EQ(4, ev_enable(self->fd, self->pair.a));
	}
	ev_settle();
	EXPECT_EQ(EV_POLL_IDLE, ev_poll(self->fd));
}

/* D9: UNBIND and close disabled the line for the other handler, too. */
TEST_F(shared, d9_other_handler_is_served_after_the_port_is_given_up)
{
	serve_after(_metadata, self, false);
}

/* D10: an event while the port waits for its write() was a WARN. */
TEST_F(shared, d10_events_before_the_write_are_one_after_it)
{
	serve_before_write(_metadata, self, false);
}

/*
 * A5: the handler of privcmd, the only one in the kernel that shares a port with
 * a file, sent no EOI. After the file's UNBIND, it got only one more event.
 */
TEST_F(shared, a5_privcmd_is_served_like_any_other)
{
	int ret;

	if (ev_xen_missing)
		SKIP(return, "%s", ev_xen_missing);
	ret = share(self, true);
	if (ret == -EOPNOTSUPP || ret == -ENOTTY)
		SKIP(return, "privcmd has no ioeventfd (CONFIG_XEN_PRIVCMD_EVENTFD)");
	ASSERT_EQ(0, ret ?: leave(self));
	serve_after(_metadata, self, true);
	serve_before_write(_metadata, self, true);
}

/*
 * No event is lost, either, if an eventfd gets the events, or a read enables.
 * The second handler's EOIs let events through while the port is masked.
 */
TEST_F(shared, events_before_the_port_is_enabled_are_one_for_eventfds_too)
{
	unsigned int flags;
	int i;

	ASSERT_EQ(0, share(self, false));
	if (!has_eventfds(self->fd))
		SKIP(return, "the kernel has no IOCTL_EVTCHN_EVENTFD");
	for (flags = 0; flags <= READ_ENABLES; flags += READ_ENABLES) {
		ASSERT_EQ(0, set_eventfd(self->fd, self->pair.a, self->event_fd, flags));
		for (i = 0; i < 10; i++)
			ASSERT_EQ(0, serve(self));
		EXPECT_EQ(1, taken(self->event_fd));
		/* A reader checks for work now; a writer may not. */
		if (!flags) {
			EXPECT_EQ(4, ev_enable(self->fd, self->pair.a));
			EXPECT_EQ(1, taken(self->event_fd));
			EXPECT_EQ(4, ev_enable(self->fd, self->pair.a));
		}
		EXPECT_EQ(-EAGAIN, taken(self->event_fd));
		ASSERT_EQ(0, serve(self));
		EXPECT_EQ(1, taken(self->event_fd));
		EXPECT_EQ(4, ev_enable(self->fd, self->pair.a));
		EXPECT_EQ(-EAGAIN, taken(self->event_fd));
	}

	/* A missed event moves together with the one before it. */
	ASSERT_EQ(0, serve(self) ?: serve(self));
	ASSERT_EQ(0, set_eventfd(self->fd, self->pair.a, -1, 0));
	EXPECT_EQ(1, taken(self->event_fd));
	EXPECT_GT(features(self->fd, EVTCHN_FEATURE_READ_ENABLES), 0);
	for (i = 0; i < 2; i++) {
		ev_settle();
		EXPECT_EQ(self->pair.a, ev_take(self->fd));
	}
	for (i = 0; i < 10; i++)
		ASSERT_EQ(0, serve(self));
	for (i = 0; i < 2; i++)
		EXPECT_EQ(self->pair.a, ev_take(self->fd));
	ev_settle();
	EXPECT_EQ(EV_POLL_IDLE, ev_poll(self->fd));
	ASSERT_EQ(0, leave(self));
	EXPECT_EQ(0, ev_ping(self->fd, self->peer, &self->pair));
}

/* A6: two EOIs at once put one irq into a list twice. */
TEST_F(shared, a6_eois_of_all_cpus_at_once_are_harmless)
{
	int i, cpu, trouble = 0, cpus = some_cpus();
	char record[EV_LOG_RECORD] = "";
	time_t end = time(NULL) + 20;
	struct job eois[cpus];

	/* Skip the messages of earlier tests. */
	EXPECT_EQ(0, ev_log_trouble(record))
		TH_LOG("before this test: %s", record);
	ASSERT_EQ(0, share(self, false));
	ASSERT_EQ(0, ev_unbind(self->fd, self->pair.a));
	/* Stop soon, as a corrupted list will crash the kernel. */
	for (i = 0; i < 1000 && trouble != 1 && time(NULL) < end; i++) {
		/* After one spurious event, the EOI of the next is delayed. */
		ASSERT_EQ(0, pass_event(self));
		ASSERT_EQ(0, sharer_do(self, SHARER_SPURIOUS, 1));
		ASSERT_EQ(0, pass_event(self));
		for (cpu = 0; cpu < cpus; cpu++) {
			/* At most one CPU's EOI is not spurious. */
			eois[cpu] = (struct job) {
				.fd = self->sharer, .arg = cpus,
				.cmd = cpu == i % (cpus + 1) ? SHARER_EOI : SHARER_SPURIOUS,
			};
			/* The thread inherits this CPU. */
			ASSERT_EQ(0, ev_pin(cpu) ?: start_job(&eois[cpu]));
		}
		for (cpu = 0; cpu < cpus; cpu++)
			ASSERT_EQ(0, pthread_join(eois[cpu].thread, NULL) ?: eois[cpu].ret);
		trouble = ev_log_trouble(record);
		EXPECT_NE(1, trouble)
			TH_LOG("after at most %d rounds: %s", i + 1, record);
	}
}

/* D11: a '/' in the opener's name was used in the name of a directory. */
TEST(d11_slash_in_the_name_is_replaced)
{
	glob_t folders;
	int fd, i, ret = GLOB_NOMATCH;

	ASSERT_EQ(0, prctl(PR_SET_NAME, "../a/b"));
	fd = ev_open(O_CLOEXEC);
	EXPECT_GT(ev_bind_unbound(fd, EV_SELF), 0);
	EXPECT_EQ(1, ev_count_irqs("evtchn:..!a!b"));
	/* Reading /proc/irq ends early if another irq is removed meanwhile. */
	for (i = 0; i < 100 && ret == GLOB_NOMATCH; i++)
		ret = glob("/proc/irq/*/evtchn:..!a!b", 0, NULL, &folders);
	EXPECT_EQ(0, ret);
	EXPECT_EQ(0, close(fd));
	EXPECT_EQ(0, ev_count_irqs("evtchn:..!a!b"));
}

/* D12: UNBIND left the port's event in the ring. */
TEST_F(files, d12_unbind_takes_the_unread_event_along)
{
	int i, a, b;

	ASSERT_EQ(0, ev_notify_settled(self->fd, self->pair.a));
	ASSERT_EQ(0, ev_notify_settled(self->fd, self->pair.b));
	ASSERT_EQ(0, ev_unbind(self->fd, self->pair.b));
	EXPECT_EQ(self->pair.a, ev_take(self->fd));
	EXPECT_EQ(EV_POLL_IDLE, ev_poll(self->fd));

	/* More often than the ring has slots; the event comes with the bind. */
	for (i = 0; i < 100; i++) {
		a = ev_bind_unbound(self->fd, EV_SELF);
		b = ev_bind_interdomain(self->fd, EV_SELF, a);
		ASSERT_GT(b, 0);
		ASSERT_EQ(0, ev_unbind(self->fd, b) ?: ev_unbind(self->fd, a));
	}
	EXPECT_EQ(EV_POLL_IDLE, ev_poll(self->fd));
}

/* D15: the memory of a file, its ring and its ports was not charged. */

#define CHARGED		400

/* Mounted in a namespace of the test's own. */
#define CGROUPS		"/tmp"
#define GROUP		CGROUPS "/evtchn_defects_test"

/*
 * The kernel sums the figure up when it is read, but only after more than 64
 * changes for each CPU: else every other second, and later if all CPUs are idle.
 * Page faults are such changes. The area stays, as its page table is charged.
 */
static int make_changes(void)
{
	size_t size = 64 * sysconf(_SC_PAGESIZE);
	static char *area = MAP_FAILED;
	int i;

	if (area == MAP_FAILED)
		area = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (area == MAP_FAILED)
		return -errno;
	for (i = 0; i < 2 * (sysconf(_SC_NPROCESSORS_CONF) + 1); i++) {
		memset(area, 1, size);
		if (madvise(area, size, MADV_DONTNEED))
			return -errno;
	}
	return 0;
}

/* The kernel's memory of the group in bytes with that many files, or -1. */
static long kernel_memory(const char *device)
{
	bool bind = !strcmp(device, EV_DEVICE);
	int fds[CHARGED], i, failed = 0;
	char text[8192] = "", *line;

	for (i = 0; i < CHARGED; i++) {
		fds[i] = open(device, O_RDWR | O_CLOEXEC);
		failed += fds[i] < 0 || (bind && ev_bind_unbound(fds[i], EV_SELF) < 0);
	}
	failed += make_changes() != 0;
	ev_read_file(GROUP "/memory.stat", text, sizeof(text));
	for (i = 0; i < CHARGED; i++)
		close(fds[i]);
	line = strstr(text, "\nkernel ");
	return line && !failed ? atol(line + strlen("\nkernel ")) : -1;
}

TEST(d15_files_and_rings_are_charged_and_uncharged)
{
	const char *control = CGROUPS "/cgroup.subtree_control";
	long null, files, again;
	char before[256] = "";

	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("none", CGROUPS, "cgroup2", 0, NULL))
		SKIP(return, "no cgroup2: %s", strerror(errno));
	ev_read_file(control, before, sizeof(before));
	if (ev_write_file(control, "+memory"))
		SKIP(return, "no memory controller in cgroup2 (CONFIG_MEMCG)");
	EXPECT_EQ(0, mkdir(GROUP, 0700));
	EXPECT_EQ(0, ev_write_file(GROUP "/cgroup.procs", "0"));
	null = kernel_memory("/dev/null");
	files = kernel_memory(EV_DEVICE);
	again = kernel_memory("/dev/null");
	EXPECT_EQ(0, ev_write_file(CGROUPS "/cgroup.procs", "0"));
	EXPECT_EQ(0, rmdir(GROUP));
	if (!strstr(before, "memory"))
		EXPECT_EQ(0, ev_write_file(control, "-memory"));

	TH_LOG("bytes: %ld %ld %ld", null, files, again);
	EXPECT_GT(null, 0);
	/* At least the file, one port, and a ring of 64 slots. */
	EXPECT_GE(files - null, CHARGED * (128 + 32 + 64 * 4));
	EXPECT_GT(again, 0);
	EXPECT_LE(again - null, CHARGED * 64);
}

/*
 * D16, D18, A2, A11: memory whose page faults are served by user space, so that
 * the kernel waits for it
 */

FIXTURE(held)
{
	int uffd;
	unsigned int *page;	/* accesses to it wait until it is served */
	size_t size;
	int fd;
	struct ev_pair pair, quiet;
};

/* A new file with two pairs, and a page that is not served yet: 0 or -errno. */
static int renew_held(FIXTURE_DATA(held) *self)
{
	close(self->fd);
	self->fd = ev_open(O_CLOEXEC | O_NONBLOCK);
	return madvise(self->page, self->size, MADV_DONTNEED) ? -errno :
	       ev_connect(self->fd, self->fd, &self->pair) ?:
	       ev_connect(self->fd, self->fd, &self->quiet);
}

FIXTURE_SETUP(held)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };

	self->fd = -1;
	self->size = sysconf(_SC_PAGESIZE);
	self->page = mmap(NULL, self->size, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->page);
	reg.range.start = (uintptr_t)self->page;
	reg.range.len = self->size;
	self->uffd = syscall(__NR_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (self->uffd < 0)
		SKIP(return, "no userfaultfd of the kernel's faults: %s",
		     strerror(errno));
	ASSERT_EQ(0, ioctl(self->uffd, UFFDIO_API, &api));
	ASSERT_EQ(0, ioctl(self->uffd, UFFDIO_REGISTER, &reg));
	ASSERT_EQ(0, renew_held(self));
}

FIXTURE_TEARDOWN(held)
{
	/* Calls that still wait for the page continue. */
	close(self->uffd);
	close(self->fd);
}

/* Returns once somebody waits for the page: 0, or -errno. */
static int wait_for_fault(FIXTURE_DATA(held) *self)
{
	struct pollfd pfd = { .fd = self->uffd, .events = POLLIN };
	struct uffd_msg msg;

	return poll(&pfd, 1, EV_GUARD_MS) == 1 &&
	       read(self->uffd, &msg, sizeof(msg)) == sizeof(msg) ? 0 : -ETIMEDOUT;
}

/* Fills the page with zeroes, or with two numbers if given: 0, or -errno. */
static int serve_page(FIXTURE_DATA(held) *self, const unsigned int *numbers)
{
	unsigned int *from = calloc(1, self->size);
	struct uffdio_copy copy = {
		.dst = (uintptr_t)self->page, .src = (uintptr_t)from, .len = self->size,
	};
	int ret;

	if (numbers)
		memcpy(from, numbers, 2 * sizeof(*from));
	ret = ioctl(self->uffd, UFFDIO_COPY, &copy) ? -errno : 0;
	free(from);
	return ret;
}

/* NOTIFY, read and write of an open pair, then bind and unbind: 0 or -errno. */
static int use_pair(const void *data)
{
	const FIXTURE_DATA(held) *held = data;
	int ret = ev_ping(held->fd, held->fd, &held->pair) ?:
		  ev_bind_unbound(held->fd, EV_SELF);

	return ret < 0 ? ret : ev_unbind(held->fd, ret);
}

/* Commands whose argument comes late. */
static const struct late {
	const char *name;
	unsigned long cmd;
	unsigned int arg[2];
	int result;		/* 1: a port */
	int restricted;		/* to EV_NO_DOMAIN meanwhile */
} late_ones[] = {
	{ "BIND_VIRQ", IOCTL_EVTCHN_BIND_VIRQ, { 0xffff }, -EINVAL, -EACCES },
	{ "BIND_INTERDOMAIN", IOCTL_EVTCHN_BIND_INTERDOMAIN, { EV_NO_DOMAIN - 1, 1 },
	  -ESRCH, -EACCES },
	{ "BIND_UNBOUND_PORT", IOCTL_EVTCHN_BIND_UNBOUND_PORT, { EV_SELF }, 1, -EACCES },
	{ "BIND_STATIC", IOCTL_EVTCHN_BIND_STATIC, { ~0u }, -EINVAL, -EACCES },
	{ "NOTIFY", IOCTL_EVTCHN_NOTIFY, { 0 }, -ENOTCONN, -ENOTCONN },
	{ "RESTRICT_DOMID", IOCTL_EVTCHN_RESTRICT_DOMID, { EV_NO_DOMAIN - 1 },
	  0, -EACCES },
};

static void run_late_commands(struct __test_metadata *_metadata,
			      FIXTURE_DATA(held) *self, bool restricted)
{
	struct ioctl_evtchn_restrict_domid domain = { .domid = EV_NO_DOMAIN };
	const struct late *late;
	bool in_time;

	for (late = late_ones; late < late_ones + ARRAY_SIZE(late_ones); late++) {
		struct job command, others;

		ASSERT_EQ(0, renew_held(self));
		command = (struct job) {
			.fd = self->fd, .cmd = late->cmd, .arg = (uintptr_t)self->page,
		};
		others = (struct job) {
			.run = restricted ? NULL : use_pair, .data = self, .fd = self->fd,
			.cmd = IOCTL_EVTCHN_RESTRICT_DOMID, .arg = (uintptr_t)&domain,
		};
		ASSERT_EQ(0, start_job(&command));
		ASSERT_EQ(0, wait_for_fault(self));
		ASSERT_EQ(0, start_job(&others));
		in_time = ends(others.thread);
		ASSERT_EQ(0, serve_page(self, late->arg));
		ASSERT_TRUE(ends(command.thread));
		ASSERT_TRUE(in_time)
			TH_LOG("while %s waits, so does %s", late->name, restricted ?
			       "RESTRICT_DOMID" : "NOTIFY, read, write or bind");
		EXPECT_EQ(0, others.ret);
		EXPECT_EQ(restricted ? late->restricted : late->result,
			  command.ret > 0 ? 1 : command.ret)
			TH_LOG("%s", late->name);
		if (!restricted)
			continue;
		/* The first restriction is the one that counts. */
		EXPECT_EQ(-ESRCH, ev_bind_interdomain(self->fd, EV_NO_DOMAIN, 1));
		EXPECT_EQ(-EACCES, ev_bind_interdomain(self->fd, EV_NO_DOMAIN - 1, 1));
	}
}

/* D16: one mutex was held from before the copy of the argument to the end. */
TEST_F(held, d16_others_go_on_while_an_argument_is_awaited)
{
	run_late_commands(_metadata, self, false);
}

/*
 * A2: RESTRICT_DOMID returned while a bind that it forbids was under way and
 * had yet to read its argument: the program that served the page could bind any
 * port on a restricted file.
 */
TEST_F(held, a2_restriction_ends_what_it_forbids)
{
	run_late_commands(_metadata, self, true);
}

/* D17: domain ids lost their upper half. */
TEST_F(files, d17_domain_id_of_more_than_16_bits_is_einval)
{
	static const unsigned int ids[] = { 0xffff0000, 0x10000 | EV_SELF };
	int port = ev_bind_unbound(self->fd, EV_SELF);
	size_t i;

	ASSERT_GT(port, 0);
	for (i = 0; i < ARRAY_SIZE(ids); i++) {
		EXPECT_EQ(-EINVAL, ev_bind_unbound(self->fd, ids[i]));
		EXPECT_EQ(-EINVAL, ev_bind_interdomain(self->fd, ids[i], port));
	}
	EXPECT_EQ(1, ev_is_alone(port));
}

/* D18: read() held a mutex while user space served the buffer's page fault. */

/* Reads one event into the page that is not served yet. */
static int read_page(const void *data)
{
	const FIXTURE_DATA(held) *held = data;

	return ev_read(held->fd, held->page, sizeof(*held->page));
}

static int start_late_reader(FIXTURE_DATA(held) *self, struct job *reader)
{
	*reader = (struct job) { .run = read_page, .data = self };
	return renew_held(self) ?: ev_notify_settled(self->fd, self->pair.b) ?:
	       start_job(reader) ?: wait_for_fault(self);
}

/* Binds ports until the ring grows, and drops the reader's event. */
static int change_ring(const void *data)
{
	const FIXTURE_DATA(held) *held = data;
	int i, ret = 0;

	for (i = 0; i < 70 && ret >= 0; i++)
		ret = ev_bind_unbound(held->fd, EV_SELF);
	if (ret > 0)
		ret = ev_unbind(held->fd, held->pair.a) ?: ev_reset(held->fd) ?:
		      ev_notify(held->fd, held->quiet.a) ?:
		      ev_enable(held->fd, held->quiet.b);
	return ret;
}

TEST_F(held, d18_others_go_on_while_a_buffer_is_awaited)
{
	struct job other = { .run = change_ring, .data = self };
	struct job reader;
	bool in_time;

	ASSERT_EQ(0, start_late_reader(self, &reader));
	ASSERT_EQ(0, start_job(&other));
	in_time = ends(other.thread);
	ASSERT_EQ(0, serve_page(self, NULL));
	ASSERT_TRUE(ends(reader.thread));
	ASSERT_TRUE(in_time)
		TH_LOG("bind, UNBIND, RESET, NOTIFY or write waits for the reader");
	EXPECT_EQ(4, other.ret);
	/* The reader has got the event; the one that came meanwhile is next. */
	EXPECT_EQ(4, reader.ret);
	EXPECT_EQ(self->pair.a, self->page[0]);
	EXPECT_EQ(self->quiet.b, ev_take(self->fd));
	EXPECT_EQ(EV_POLL_IDLE, ev_poll(self->fd));
}

static void on_signal(int signal)
{
	(void)signal;
}

TEST_F(held, d18_reader_that_waits_for_its_turn_obeys_signals)
{
	struct sigaction action = { .sa_handler = on_signal };
	struct ev_sleeper behind;
	struct job reader;
	bool in_time;

	ASSERT_EQ(0, sigaction(SIGUSR1, &action, NULL));
	ASSERT_EQ(0, start_late_reader(self, &reader));
	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, 0));
	ASSERT_EQ(0, ev_sleeper_start(&behind, self->fd, 0));
	/* Repeatedly, in case that it did not sleep yet. */
	in_time = becomes_true(behind.done || pthread_kill(behind.thread, SIGUSR1));
	ASSERT_EQ(0, serve_page(self, NULL));
	ASSERT_TRUE(ends(reader.thread));
	ASSERT_TRUE(in_time)
		TH_LOG("a second reader cannot be interrupted");
	EXPECT_EQ(-EINTR, behind.ret);
	EXPECT_EQ(4, reader.ret);
}

/*
 * A11: a read with O_NONBLOCK waited for its turn behind another one. A
 * blocking read gets the events that the first one leaves.
 */
TEST_F(held, a11_second_reader_waits_if_it_may_and_gets_what_is_left)
{
	struct uffdio_range range = { (uintptr_t)self->page, self->size };
	struct ev_sleeper behind;
	struct job reader;
	unsigned int port;
	int faults;

	for (faults = 0; faults < 2; faults++) {
		ASSERT_EQ(0, start_late_reader(self, &reader));
		if (!faults)
			ASSERT_EQ(0, ev_notify_settled(self->fd, self->quiet.b));
		/* No reader has got the event yet. */
		EXPECT_EQ(EV_POLL_EVENT, ev_poll(self->fd));
		EXPECT_EQ(-EAGAIN, ev_read(self->fd, &port, sizeof(port)));
		ASSERT_EQ(0, fcntl(self->fd, F_SETFL, 0));
		ASSERT_EQ(0, ev_sleeper_start(&behind, self->fd, 0));
		if (faults) {
			ASSERT_EQ(0, munmap(self->page, self->size));
			ASSERT_EQ(0, ioctl(self->uffd, UFFDIO_WAKE, &range));
		} else {
			ASSERT_EQ(0, serve_page(self, NULL));
		}
		ASSERT_TRUE(ends(reader.thread));
		EXPECT_EQ(faults ? -EFAULT : 4, reader.ret);
		ASSERT_TRUE(ends(behind.thread))
			TH_LOG("the reader behind sleeps on after %d bytes", reader.ret);
		EXPECT_EQ(4, behind.ret);
		EXPECT_EQ(faults ? self->pair.a : self->quiet.a, behind.port);
		EXPECT_EQ(EV_POLL_IDLE, ev_poll(self->fd));
	}
}

#include "log_test.h"

TEST_HARNESS_MAIN
