// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The contract of /dev/xen/evtchn: what programs rely on, over loopbacks inside
 * this domain. Each test is a process of its own, whose end closes its files.
 *
 * Nothing here measures time. Where a test says that no event comes, it first
 * lets every event that was sent be handled (ev_settle()).
 */
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "common.h"

#define RING_MIN	64

/*
 * Every command there is, by its number.
 */

enum { VIRQ, INTERDOMAIN, UNBOUND, UNBIND, NOTIFY, RESET, RESTRICT, STATIC };

static const struct {
	const char *name;
	unsigned long cmd;
	unsigned int size;
	/* What it says of a bad pointer when the file is restricted. */
	int restricted;
} commands[] = {
	[VIRQ] = { "BIND_VIRQ", IOCTL_EVTCHN_BIND_VIRQ, 4, -EACCES },
	[INTERDOMAIN] = { "BIND_INTERDOMAIN", IOCTL_EVTCHN_BIND_INTERDOMAIN, 8, -EFAULT },
	[UNBOUND] = { "BIND_UNBOUND", IOCTL_EVTCHN_BIND_UNBOUND_PORT, 4, -EACCES },
	[UNBIND] = { "UNBIND", IOCTL_EVTCHN_UNBIND, 4, -EFAULT },
	[NOTIFY] = { "NOTIFY", IOCTL_EVTCHN_NOTIFY, 4, -EFAULT },
	[RESET] = { "RESET", IOCTL_EVTCHN_RESET, 0, 0 },
	[RESTRICT] = { "RESTRICT_DOMID", IOCTL_EVTCHN_RESTRICT_DOMID, 2, -EACCES },
	[STATIC] = { "BIND_STATIC", IOCTL_EVTCHN_BIND_STATIC, 4, -EACCES },
};

struct call {
	unsigned int nr;
	unsigned int first;	/* all that most commands take */
	unsigned int second;	/* the port of BIND_INTERDOMAIN */
	int ret;
};

/* Of a file that has no ports. */
static const struct call errors[] = {
	/* Xen has 24. */
	{ VIRQ, 24, 0, -EINVAL },
	{ VIRQ, 0x10004, 0, -EINVAL },
	{ VIRQ, 0x7fffffff, 0, -EINVAL },
	{ VIRQ, ~0u, 0, -EINVAL },
	{ INTERDOMAIN, EV_NO_DOMAIN, 1, -ESRCH },
	{ INTERDOMAIN, 0xffff, 1, -ESRCH },
	{ INTERDOMAIN, EV_SELF, 0, -EINVAL },
	{ INTERDOMAIN, EV_SELF, 0x20000, -EINVAL },
	{ INTERDOMAIN, EV_SELF, ~0u, -EINVAL },
	/* The smallest event ABI, 32-bit 2-level, has 1024 channels, */
	{ UNBIND, 0, 0, -ENOTCONN },
	{ UNBIND, 1, 0, -ENOTCONN },
	{ UNBIND, 8, 0, -ENOTCONN },
	{ UNBIND, 1023, 0, -ENOTCONN },
	/* and the largest, FIFO, 0x20000. */
	{ UNBIND, 0x20000, 0, -EINVAL },
	{ UNBIND, 0x7fffffff, 0, -EINVAL },
	{ UNBIND, ~0u, 0, -EINVAL },
	/* Whoever has ports 1 to 8 (the kernel, early in boot), not this file. */
	{ NOTIFY, 0, 0, -ENOTCONN },
	{ NOTIFY, 1, 0, -ENOTCONN },
	{ NOTIFY, 8, 0, -ENOTCONN },
	{ NOTIFY, 4095, 0, -ENOTCONN },
	{ NOTIFY, 0x20000, 0, -ENOTCONN },
	{ NOTIFY, 0x7fffffff, 0, -ENOTCONN },
	{ NOTIFY, ~0u, 0, -ENOTCONN },
	{ RESTRICT, 0, 0, -EINVAL },
	{ RESTRICT, EV_FIRST_RESERVED, 0, -EINVAL },
	{ RESTRICT, EV_FIRST_RESERVED + 1, 0, -EINVAL },
	{ RESTRICT, 0x7fff, 0, -EINVAL },
	{ RESTRICT, 0x8000, 0, -EINVAL },
	{ RESTRICT, 0xffff, 0, -EINVAL },
};

/* And of one that is restricted to a domain that there is not. */
static const struct call restricted[] = {
	{ VIRQ, 4, 0, -EACCES },
	{ VIRQ, ~0u, 0, -EACCES },
	{ INTERDOMAIN, 0, 1, -EACCES },
	{ INTERDOMAIN, EV_SELF, 1, -EACCES },
	{ INTERDOMAIN, EV_NO_DOMAIN - 1, 1, -EACCES },
	/* More than 16 bits are compared. */
	{ INTERDOMAIN, 0x10000 | EV_NO_DOMAIN, 1, -EACCES },
	{ INTERDOMAIN, 0xffff0000 | EV_NO_DOMAIN, 1, -EACCES },
	/* It is Xen that says so. */
	{ INTERDOMAIN, EV_NO_DOMAIN, 1, -ESRCH },
	{ UNBOUND, 0, 0, -EACCES },
	{ UNBOUND, EV_SELF, 0, -EACCES },
	{ UNBOUND, EV_NO_DOMAIN, 0, -EACCES },
	{ UNBIND, 1, 0, -ENOTCONN },
	{ UNBIND, 0x20000, 0, -EINVAL },
	{ NOTIFY, 1, 0, -ENOTCONN },
	{ RESET, 0, 0, 0 },
	{ RESTRICT, EV_NO_DOMAIN, 0, -EACCES },
	{ RESTRICT, 1, 0, -EACCES },
	{ RESTRICT, 0, 0, -EACCES },
	{ RESTRICT, EV_FIRST_RESERVED, 0, -EACCES },
};

/*
 * Runs a command, with a structure that ends where memory does. Xen is for
 * little-endian machines only.
 */
static int run(void *hole, int fd, unsigned int nr, unsigned int first,
	       unsigned int second)
{
	unsigned int arg[2] = { first, second };
	void *at = hole - commands[nr].size;

	memcpy(at, arg, commands[nr].size);
	return ev_ioctl(fd, commands[nr].cmd, at);
}

static void expect_calls(struct __test_metadata *_metadata, void *hole, int fd,
			 const struct call *calls, size_t n)
{
	for (; n; n--, calls++)
		EXPECT_EQ(calls->ret, run(hole, fd, calls->nr, calls->first, calls->second))
			TH_LOG("%s %#x %#x", commands[calls->nr].name, calls->first,
			       calls->second);
}

/* The next event once all that were sent are handled: the port, or -errno. */
static int next(int fd)
{
	unsigned int port;
	int ret;

	ev_settle();
	ret = ev_read(fd, &port, sizeof(port));
	return ret < 0 ? ret : ret == sizeof(port) ? (int)port : -EIO;
}

static int exit_code(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -ECHILD;
	return WEXITSTATUS(status);
}

/*
 * A file, without ports
 */

FIXTURE(file)
{
	int fd;
	void *hole;
};

FIXTURE_SETUP(file)
{
	self->fd = ev_open(O_CLOEXEC | O_NONBLOCK);
	ASSERT_GE(self->fd, 0);
	self->hole = ev_hole();
	ASSERT_NE(NULL, self->hole);
}

FIXTURE_TEARDOWN(file)
{
}

TEST_F(file, commands_have_the_numbers_of_the_abi)
{
	unsigned int nr;

	for (nr = 0; nr < ARRAY_SIZE(commands); nr++)
		EXPECT_EQ(_IOC(_IOC_NONE, 'E', nr, commands[nr].size), commands[nr].cmd)
			TH_LOG("%s", commands[nr].name);
}

/* So says this ABI, and not ENOTTY. */
TEST_F(file, what_is_no_command_is_enosys)
{
	unsigned int arg[16] = {}, nr, size;

	for (nr = 0; nr < 256; nr++) {
		for (size = 0; size <= 32; size++) {
			if (nr < ARRAY_SIZE(commands) && size == commands[nr].size)
				continue;
			ASSERT_EQ(-ENOSYS, ev_ioctl(self->fd, _IOC(_IOC_NONE, 'E', nr,
								   size), arg))
				TH_LOG("command %u, size %u", nr, size);
		}
	}
	for (nr = 0; nr < ARRAY_SIZE(commands); nr++) {
		size = commands[nr].size;
		EXPECT_EQ(-ENOSYS, ev_ioctl(self->fd, _IOC(_IOC_READ, 'E', nr, size), arg));
		EXPECT_EQ(-ENOSYS, ev_ioctl(self->fd, _IOC(_IOC_WRITE, 'E', nr, size), arg));
		EXPECT_EQ(-ENOSYS, ev_ioctl(self->fd, _IOC(_IOC_NONE, 'F', nr, size), arg));
	}
	/* What isatty() asks of every file. */
	EXPECT_EQ(-ENOSYS, ev_ioctl(self->fd, TCGETS, arg));
}

TEST_F(file, device_is_a_stream)
{
	static const int whences[] = { SEEK_SET, SEEK_CUR, SEEK_END };
	char line[64], name[64];
	unsigned int port = 0;
	struct stat st;
	int number;
	FILE *misc;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(whences); i++) {
		EXPECT_EQ(-1, lseek(self->fd, 0, whences[i]));
		EXPECT_EQ(ESPIPE, errno);
	}
	EXPECT_EQ(-1, pread(self->fd, &port, sizeof(port), 0));
	EXPECT_EQ(ESPIPE, errno);
	EXPECT_EQ(-1, pwrite(self->fd, &port, sizeof(port), 0));
	EXPECT_EQ(ESPIPE, errno);

	ASSERT_EQ(0, fstat(self->fd, &st));
	EXPECT_TRUE(S_ISCHR(st.st_mode));
	EXPECT_EQ(10, major(st.st_rdev));
	misc = fopen("/proc/misc", "re");
	ASSERT_NE(NULL, misc);
	while (fgets(line, sizeof(line), misc)) {
		if (sscanf(line, "%d %63s", &number, name) == 2)
			EXPECT_EQ(number == (int)minor(st.st_rdev),
				  !strcmp(name, "xen/evtchn"));
	}
	fclose(misc);
}

TEST_F(file, empty_ring_is_writable_and_no_more)
{
	unsigned int ports[] = { 0, 1, 4095, 131072, ~0u };
	size_t size;
	int i;

	/* Without a port, and with one. */
	for (i = 0; i < 2; i++) {
		EXPECT_EQ(EV_POLL_IDLE, ev_poll(self->fd));
		EXPECT_EQ(-EAGAIN, ev_read(self->fd, ports, sizeof(ports)));
		EXPECT_EQ(sizeof(ports), ev_write(self->fd, ports, sizeof(ports)));
		EXPECT_EQ(0, ev_reset(self->fd));

		/* Less than a port is nothing, and not worth waiting for. */
		ASSERT_EQ(0, fcntl(self->fd, F_SETFL, 0));
		for (size = 0; size < sizeof(ports[0]); size++) {
			EXPECT_EQ(0, ev_read(self->fd, ports, size));
			EXPECT_EQ(0, ev_write(self->fd, ports, size));
		}
		ASSERT_EQ(0, fcntl(self->fd, F_SETFL, O_NONBLOCK));
		ASSERT_GT(ev_bind_unbound(self->fd, EV_SELF), 0);
	}
}

TEST_F(file, bad_pointer_is_efault)
{
	unsigned int nr, in;

	for (nr = 0; nr < ARRAY_SIZE(commands); nr++) {
		if (!commands[nr].size)
			continue;
		EXPECT_EQ(-EFAULT, ev_ioctl(self->fd, commands[nr].cmd, NULL))
			TH_LOG("%s", commands[nr].name);
		/* The kernel's memory, none at all, and not enough. */
		EXPECT_EQ(-EFAULT, ev_ioctl(self->fd, commands[nr].cmd, (void *)-4096L))
			TH_LOG("%s", commands[nr].name);
		for (in = 0; in < commands[nr].size; in++)
			EXPECT_EQ(-EFAULT, ev_ioctl(self->fd, commands[nr].cmd,
						    self->hole - in))
				TH_LOG("%s, %u bytes in", commands[nr].name, in);
	}
	/* RESTRICT_DOMID has done nothing. */
	EXPECT_GT(ev_bind_unbound(self->fd, EV_SELF), 0);
	EXPECT_EQ(0, ev_restrict(self->fd, 1));
}

TEST_F(file, commands_work_up_to_the_end_of_memory)
{
	int a, b;

	a = run(self->hole, self->fd, UNBOUND, EV_SELF, 0);
	ASSERT_GT(a, 0);
	b = run(self->hole, self->fd, INTERDOMAIN, EV_SELF, a);
	ASSERT_GT(b, 0);
	EXPECT_EQ(b, ev_take(self->fd));
	EXPECT_EQ(0, run(self->hole, self->fd, NOTIFY, b, 0));
	EXPECT_EQ(a, ev_take(self->fd));
	EXPECT_EQ(0, run(self->hole, self->fd, RESTRICT, 1, 0));
	EXPECT_EQ(0, run(self->hole, self->fd, UNBIND, b, 0));
	EXPECT_EQ(-ENOTCONN, ev_notify(self->fd, b));
}

TEST_F(file, failing_commands_say_why_and_change_nothing)
{
	expect_calls(_metadata, self->hole, self->fd, errors, ARRAY_SIZE(errors));
	/* RESTRICT_DOMID neither. */
	EXPECT_GT(ev_bind_unbound(self->fd, EV_SELF), 0);
	EXPECT_EQ(0, ev_restrict(self->fd, 1));
}

TEST_F(file, restriction_is_for_each_command_as_promised)
{
	int other = ev_open(O_CLOEXEC | O_NONBLOCK), copy, port;
	struct ev_pair pair;
	unsigned int nr;
	pid_t pid;

	ASSERT_GE(other, 0);
	ASSERT_EQ(0, ev_connect(self->fd, self->fd, &pair));
	ASSERT_EQ(0, ev_restrict(self->fd, EV_NO_DOMAIN));
	expect_calls(_metadata, self->hole, self->fd, restricted, ARRAY_SIZE(restricted));
	for (nr = 0; nr < STATIC; nr++)
		EXPECT_EQ(commands[nr].restricted,
			  ev_ioctl(self->fd, commands[nr].cmd, NULL))
			TH_LOG("%s", commands[nr].name);

	/* Not even one that could be connected to; another file may do so. */
	port = ev_bind_unbound(other, EV_SELF);
	ASSERT_GT(port, 0);
	EXPECT_EQ(-EACCES, ev_bind_interdomain(self->fd, EV_SELF, port));
	EXPECT_GT(ev_bind_interdomain(other, EV_SELF, port), 0);
	EXPECT_EQ(0, ev_restrict(other, 2));

	/* It goes with the file. */
	copy = dup(self->fd);
	ASSERT_GE(copy, 0);
	EXPECT_EQ(-EACCES, ev_bind_unbound(copy, EV_SELF));
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid)
		_exit(ev_bind_unbound(self->fd, EV_SELF) != -EACCES);
	EXPECT_EQ(0, exit_code(pid));

	/* What was bound before stays usable. */
	EXPECT_EQ(0, ev_ping(self->fd, self->fd, &pair));
	EXPECT_EQ(0, ev_ping(self->fd, self->fd, &pair));
	ASSERT_EQ(0, ev_notify_settled(self->fd, pair.b));
	EXPECT_EQ(0, ev_reset(self->fd));
	EXPECT_EQ(EV_POLL_IDLE, ev_poll(self->fd));
	EXPECT_EQ(0, ev_unbind(self->fd, pair.a));
	EXPECT_EQ(0, ev_unbind(self->fd, pair.b));
	EXPECT_EQ(-ENOTCONN, ev_notify(self->fd, pair.a));
}

TEST_F(file, files_are_as_many_as_wanted)
{
	struct ev_pair pairs[100];
	int fds[100], i, j;

	for (i = 0; i < 100; i++) {
		fds[i] = ev_open(O_CLOEXEC | O_NONBLOCK);
		ASSERT_GE(fds[i], 0);
		ASSERT_EQ(0, ev_connect(fds[i], fds[i], &pairs[i]));
		ASSERT_NE(pairs[i].a, pairs[i].b);
		for (j = 0; j < i; j++)
			ASSERT_FALSE(pairs[j].a == pairs[i].a || pairs[j].a == pairs[i].b ||
				     pairs[j].b == pairs[i].a || pairs[j].b == pairs[i].b);
	}
	for (i = 0; i < 100; i++)
		ASSERT_EQ(0, ev_ping(fds[i], fds[i], &pairs[i]));
	for (i = 0; i < 100; i++)
		EXPECT_EQ(0, close(fds[i]));
}

TEST_F(file, irq_action_is_named_after_the_opener)
{
	int fd, port;

	/* The name at open() counts, not that at bind. */
	ASSERT_EQ(0, prctl(PR_SET_NAME, "evtchn-opener"));
	fd = ev_open(O_CLOEXEC);
	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, prctl(PR_SET_NAME, "evtchn-binder"));

	EXPECT_EQ(0, ev_count_irqs("evtchn:evtchn-opener"));
	port = ev_bind_unbound(fd, EV_SELF);
	ASSERT_GT(port, 0);
	ASSERT_GT(ev_bind_unbound(fd, EV_SELF), 0);
	EXPECT_EQ(2, ev_count_irqs("evtchn:evtchn-opener"));
	EXPECT_EQ(0, ev_count_irqs("evtchn:evtchn-binder"));
	ASSERT_EQ(0, ev_unbind(fd, port));
	EXPECT_EQ(1, ev_count_irqs("evtchn:evtchn-opener"));
	close(fd);
	EXPECT_EQ(0, ev_count_irqs("evtchn:evtchn-opener"));
}

TEST_F(file, virq_has_one_owner)
{
	int port, other = ev_open(O_CLOEXEC | O_NONBLOCK);
	unsigned int virq;

	ASSERT_GE(other, 0);
	port = ev_bind_any_virq(self->fd, &virq);
	if (port < 0)
		SKIP(return, "Xen gives this domain no global VIRQ: %s", strerror(-port));
	EXPECT_EQ(-EEXIST, ev_bind_virq(self->fd, virq));
	EXPECT_EQ(-EEXIST, ev_bind_virq(other, virq));
	EXPECT_EQ(-EINVAL, ev_bind_interdomain(self->fd, EV_SELF, port));
	/* Xen sends on no VIRQ's port, which is not reported. */
	EXPECT_EQ(0, ev_notify(self->fd, port));
	EXPECT_EQ(-EAGAIN, next(self->fd));

	/* Until it is unbound, or the file is closed. */
	EXPECT_EQ(0, ev_unbind(self->fd, port));
	EXPECT_GT(ev_bind_virq(self->fd, virq), 0);
	EXPECT_EQ(-EEXIST, ev_bind_virq(other, virq));
	ASSERT_EQ(0, close(self->fd));
	EXPECT_GT(ev_bind_virq(other, virq), 0);
}

/*
 * A pair, each end in a file of its own, quiet
 */

FIXTURE(pair)
{
	int fd_a;
	int fd_b;
	struct ev_pair pair;
	void *hole;
};

FIXTURE_SETUP(pair)
{
	self->fd_a = ev_open(O_CLOEXEC | O_NONBLOCK);
	ASSERT_GE(self->fd_a, 0);
	self->fd_b = ev_open(O_CLOEXEC | O_NONBLOCK);
	ASSERT_GE(self->fd_b, 0);
	ASSERT_EQ(0, ev_connect(self->fd_a, self->fd_b, &self->pair));
	self->hole = ev_hole();
	ASSERT_NE(NULL, self->hole);
}

FIXTURE_TEARDOWN(pair)
{
}

static int notify_a(FIXTURE_DATA(pair) *self)
{
	return ev_notify_settled(self->fd_b, self->pair.b);
}

static int enable_a(FIXTURE_DATA(pair) *self)
{
	return ev_enable(self->fd_a, self->pair.a);
}

/* An event of a that is read and not written back. Returns a, or -errno. */
static int mask_a(FIXTURE_DATA(pair) *self)
{
	return ev_notify(self->fd_b, self->pair.b) ?: ev_take(self->fd_a);
}

/* So many events of a, which is written back and not read: 0 or -errno. */
static int fill(FIXTURE_DATA(pair) *self, int n)
{
	int ret = 0;

	while (ret >= 0 && n--)
		ret = notify_a(self) ?: enable_a(self);
	return ret < 0 ? ret : 0;
}

TEST_F(pair, fresh_binding_is_enabled_and_interdomain_is_an_event)
{
	int a, b;

	a = ev_bind_unbound(self->fd_a, EV_SELF);
	ASSERT_GT(a, 0);
	/* Nobody is there yet, which is not reported. */
	EXPECT_EQ(0, ev_notify(self->fd_a, a));
	EXPECT_EQ(-EAGAIN, next(self->fd_a));
	b = ev_bind_interdomain(self->fd_b, EV_SELF, a);
	ASSERT_GT(b, 0);
	EXPECT_EQ(b, ev_take(self->fd_b));
	/* Written, so that a second one could come. */
	EXPECT_EQ(4, ev_enable(self->fd_b, b));
	EXPECT_EQ(-EAGAIN, next(self->fd_b));
	/* Nobody has written a. */
	EXPECT_EQ(0, ev_notify(self->fd_b, b));
	EXPECT_EQ(a, ev_take(self->fd_a));

	EXPECT_EQ(-EINVAL, ev_bind_interdomain(self->fd_a, EV_SELF, a));
	EXPECT_EQ(-EINVAL, ev_bind_interdomain(self->fd_a, EV_SELF, b));
	EXPECT_EQ(-EISCONN, ev_bind_static(self->fd_a, a));
	EXPECT_EQ(-EISCONN, ev_bind_static(self->fd_b, b));
	EXPECT_EQ(4, ev_enable(self->fd_a, a));
	EXPECT_EQ(0, ev_ping(self->fd_a, self->fd_b, &(struct ev_pair){ a, b }));
}

TEST_F(pair, event_goes_to_the_other_end_only)
{
	EXPECT_EQ(0, notify_a(self));
	EXPECT_EQ(EV_POLL_EVENT, ev_poll(self->fd_a));
	EXPECT_EQ(-EAGAIN, next(self->fd_b));
	EXPECT_EQ(self->pair.a, next(self->fd_a));
	EXPECT_EQ(-EAGAIN, next(self->fd_a));

	EXPECT_EQ(0, ev_notify_settled(self->fd_a, self->pair.a));
	EXPECT_EQ(EV_POLL_EVENT, ev_poll(self->fd_b));
	EXPECT_EQ(-EAGAIN, next(self->fd_a));
	EXPECT_EQ(self->pair.b, next(self->fd_b));
	EXPECT_EQ(-EAGAIN, next(self->fd_b));
}

TEST_F(pair, files_have_no_power_over_each_other)
{
	EXPECT_EQ(-ENOTCONN, ev_notify(self->fd_a, self->pair.b));
	EXPECT_EQ(-ENOTCONN, ev_notify(self->fd_b, self->pair.a));
	EXPECT_EQ(-EAGAIN, next(self->fd_a));
	EXPECT_EQ(-EAGAIN, next(self->fd_b));
	EXPECT_EQ(-ENOTCONN, ev_unbind(self->fd_a, self->pair.b));
	EXPECT_EQ(-ENOTCONN, ev_unbind(self->fd_b, self->pair.a));
	EXPECT_EQ(0, ev_ping(self->fd_a, self->fd_b, &self->pair));

	/* Nor does write() enable or RESET empty what is the other's. */
	ASSERT_EQ(0, notify_a(self));
	EXPECT_EQ(4, ev_enable(self->fd_b, self->pair.a));
	ASSERT_EQ(0, notify_a(self));
	EXPECT_EQ(0, ev_reset(self->fd_b));
	EXPECT_EQ(self->pair.a, next(self->fd_a));
	EXPECT_EQ(-EAGAIN, next(self->fd_a));
	EXPECT_EQ(-EAGAIN, next(self->fd_b));
}

TEST_F(pair, events_go_on_as_long_as_ports_are_written)
{
	int i;

	/* Often enough for both rings to wrap twice. */
	for (i = 0; i < 2 * RING_MIN; i++)
		ASSERT_EQ(0, ev_ping(self->fd_a, self->fd_b, &self->pair));
	EXPECT_EQ(EV_POLL_IDLE, ev_poll(self->fd_a));
	EXPECT_EQ(EV_POLL_IDLE, ev_poll(self->fd_b));
}

TEST_F(pair, port_is_masked_until_written)
{
	int i;

	ASSERT_EQ(self->pair.a, mask_a(self));
	for (i = 0; i < 5; i++)
		ASSERT_EQ(0, notify_a(self));
	EXPECT_EQ(-EAGAIN, next(self->fd_a));
	EXPECT_EQ(EV_POLL_IDLE, ev_poll(self->fd_a));
	/* Its peer is not. */
	EXPECT_EQ(0, ev_notify(self->fd_a, self->pair.a));
	EXPECT_EQ(self->pair.b, ev_take(self->fd_b));

	/* They have folded into one. */
	EXPECT_EQ(4, enable_a(self));
	EXPECT_EQ(self->pair.a, ev_take(self->fd_a));
	EXPECT_EQ(4, enable_a(self));
	EXPECT_EQ(-EAGAIN, next(self->fd_a));
	/* And to write what is enabled makes no event. */
	EXPECT_EQ(4, enable_a(self));
	EXPECT_EQ(-EAGAIN, next(self->fd_a));
}

TEST_F(pair, unread_port_is_masked_too)
{
	unsigned int ports[8];
	int i;

	memset(ports, 0xa5, sizeof(ports));
	/* A blocking read returns what is there. */
	ASSERT_EQ(0, fcntl(self->fd_a, F_SETFL, 0));
	for (i = 0; i < 5; i++)
		ASSERT_EQ(0, notify_a(self));
	ASSERT_EQ(4, ev_read(self->fd_a, ports, sizeof(ports)));
	EXPECT_EQ(self->pair.a, ports[0]);
	EXPECT_EQ(0xa5a5a5a5, ports[1]);

	/* Written before it is read, it comes twice. */
	EXPECT_EQ(4, enable_a(self));
	EXPECT_EQ(0, fill(self, 1));
	EXPECT_EQ(0, notify_a(self));
	ASSERT_EQ(8, ev_read(self->fd_a, ports, sizeof(ports)));
	EXPECT_EQ(self->pair.a, ports[0]);
	EXPECT_EQ(self->pair.a, ports[1]);
}

TEST_F(pair, write_counts_and_ignores_what_it_cannot_enable)
{
	unsigned int ports[] = {
		0, ~0u, self->pair.b, 0x20000, 0, self->pair.a, self->pair.a,
	};
	int gone = ev_bind_unbound(self->fd_a, EV_SELF);

	ASSERT_GT(gone, 0);
	ASSERT_EQ(0, ev_unbind(self->fd_a, gone));
	ports[4] = gone;
	ASSERT_EQ(self->pair.a, mask_a(self));
	EXPECT_EQ(sizeof(ports), ev_write(self->fd_a, ports, sizeof(ports)));
	EXPECT_EQ(-EAGAIN, next(self->fd_a));
	EXPECT_EQ(0, ev_ping(self->fd_a, self->fd_b, &self->pair));
}

TEST_F(pair, write_fault_enables_nothing)
{
	void *hole = self->hole;

	ASSERT_EQ(self->pair.a, mask_a(self));
	memcpy(hole - 8, &self->pair.a, 4);
	memcpy(hole - 4, &self->pair.a, 4);
	EXPECT_EQ(-EFAULT, ev_write(self->fd_a, NULL, 4));
	EXPECT_EQ(-EFAULT, ev_write(self->fd_a, (void *)-4096L, 4));
	EXPECT_EQ(-EFAULT, ev_write(self->fd_a, hole, 4));
	/* The first port is readable, the last is not. */
	EXPECT_EQ(-EFAULT, ev_write(self->fd_a, hole - 4, 8));
	EXPECT_EQ(-EFAULT, ev_write(self->fd_a, hole - 8, 12));
	ASSERT_EQ(0, notify_a(self));
	EXPECT_EQ(-EAGAIN, next(self->fd_a));

	/* Nothing is read behind the last whole port. */
	EXPECT_EQ(4, ev_write(self->fd_a, hole - 4, 7));
	EXPECT_EQ(self->pair.a, ev_take(self->fd_a));
}

TEST_F(pair, write_is_cut_to_a_page)
{
	size_t page = sysconf(_SC_PAGESIZE);
	char *two;

	two = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, two);
	ASSERT_EQ(self->pair.a, mask_a(self));

	/* The first port past the page is not looked at, */
	memcpy(two + page, &self->pair.a, 4);
	EXPECT_EQ(page, ev_write(self->fd_a, two, 2 * page));
	EXPECT_EQ(page, ev_write(self->fd_a, two, page + 4));
	ASSERT_EQ(0, notify_a(self));
	EXPECT_EQ(-EAGAIN, next(self->fd_a));

	/* its memory need not exist, and the last one in the page counts. */
	memcpy(self->hole - 4, &self->pair.a, 4);
	EXPECT_EQ(page, ev_write(self->fd_a, self->hole - page, page + 9));
	EXPECT_EQ(self->pair.a, ev_take(self->fd_a));
}

TEST_F(pair, buffers_need_no_alignment)
{
	char buf[8];

	ASSERT_EQ(0, notify_a(self));
	ASSERT_EQ(4, ev_read(self->fd_a, buf + 1, 4));
	EXPECT_EQ(0, memcmp(buf + 1, &self->pair.a, 4));
	EXPECT_EQ(4, ev_write(self->fd_a, buf + 1, 4));

	/* Nor more room than for what they get. */
	ASSERT_EQ(0, notify_a(self));
	EXPECT_EQ(4, ev_read(self->fd_a, self->hole - 4, 7));
	EXPECT_EQ(0, memcmp(self->hole - 4, &self->pair.a, 4));
}

TEST_F(pair, unbind_closes_the_port)
{
	EXPECT_EQ(0, ev_is_alone(self->pair.b));
	ASSERT_EQ(self->pair.a, mask_a(self));
	EXPECT_EQ(0, ev_unbind(self->fd_a, self->pair.a));
	EXPECT_EQ(1, ev_is_alone(self->pair.b));

	EXPECT_EQ(-ENOTCONN, ev_unbind(self->fd_a, self->pair.a));
	EXPECT_EQ(-ENOTCONN, ev_notify(self->fd_a, self->pair.a));
	EXPECT_EQ(-EINVAL, ev_bind_interdomain(self->fd_a, EV_SELF, self->pair.a));
	EXPECT_EQ(4, enable_a(self));
	/* The peer goes on, into the void. */
	EXPECT_EQ(0, notify_a(self));
	EXPECT_EQ(-EAGAIN, next(self->fd_a));
	EXPECT_EQ(0, ev_unbind(self->fd_b, self->pair.b));
}

TEST_F(pair, close_closes_the_ports)
{
	struct ev_pair other;

	ASSERT_EQ(0, ev_connect(self->fd_b, self->fd_a, &other));
	/* With an event that is unread, and one that was. */
	ASSERT_EQ(self->pair.a, mask_a(self));
	ASSERT_EQ(0, ev_notify_settled(self->fd_b, other.a));
	ASSERT_EQ(0, close(self->fd_a));
	EXPECT_EQ(1, ev_is_alone(self->pair.b));
	EXPECT_EQ(1, ev_is_alone(other.a));
	EXPECT_EQ(0, ev_notify(self->fd_b, self->pair.b));
	EXPECT_EQ(0, ev_unbind(self->fd_b, self->pair.b));
}

TEST_F(pair, binding_does_not_inherit_the_mask)
{
	struct ev_pair pairs[8];
	int round, i;

	/* Xen gives the lowest free numbers out, so that these come again. */
	for (round = 0; round < 2; round++) {
		for (i = 0; i < 8; i++)
			ASSERT_EQ(0, ev_connect(self->fd_a, self->fd_b, &pairs[i]));
		for (i = 0; i < 8; i++) {
			ASSERT_EQ(0, ev_ping(self->fd_a, self->fd_b, &pairs[i]));
			ASSERT_EQ(0, ev_notify(self->fd_b, pairs[i].b));
			ASSERT_EQ(pairs[i].a, ev_take(self->fd_a));
		}
		for (i = 0; i < 8; i++) {
			ASSERT_EQ(0, ev_unbind(self->fd_a, pairs[i].a));
			ASSERT_EQ(0, ev_unbind(self->fd_b, pairs[i].b));
		}
	}
}

TEST_F(pair, reset_drops_events_and_enables_nothing)
{
	ASSERT_EQ(0, notify_a(self));
	EXPECT_EQ(EV_POLL_EVENT, ev_poll(self->fd_a));
	EXPECT_EQ(0, ev_reset(self->fd_a));
	EXPECT_EQ(EV_POLL_IDLE, ev_poll(self->fd_a));
	ASSERT_EQ(0, notify_a(self));
	EXPECT_EQ(-EAGAIN, next(self->fd_a));
	EXPECT_EQ(4, enable_a(self));
	EXPECT_EQ(self->pair.a, ev_take(self->fd_a));
}

/*
 * The ring when it is full
 */

TEST_F(pair, ring_holds_64)
{
	unsigned int ports[RING_MIN + 1];
	int i;

	ASSERT_EQ(0, fill(self, RING_MIN));
	EXPECT_EQ(EV_POLL_EVENT, ev_poll(self->fd_a));
	/* Room for one takes one. */
	ASSERT_EQ(4, ev_read(self->fd_a, ports, 4));
	ASSERT_EQ(0, fill(self, 1));
	ASSERT_EQ(RING_MIN * 4, ev_read(self->fd_a, ports, sizeof(ports)));
	for (i = 0; i < RING_MIN; i++)
		EXPECT_EQ(self->pair.a, ports[i]);
	EXPECT_EQ(EV_POLL_IDLE, ev_poll(self->fd_a));
}

TEST_F(pair, overflow_is_efbig_until_reset)
{
	unsigned int ports[RING_MIN + 1];
	struct ev_pair other;
	int i;

	ASSERT_EQ(0, ev_connect(self->fd_a, self->fd_b, &other));
	ASSERT_EQ(0, fill(self, RING_MIN));
	/* Both are dropped. */
	ASSERT_EQ(0, ev_notify_settled(self->fd_b, other.b));
	EXPECT_EQ(POLLERR, ev_poll(self->fd_a));
	ASSERT_EQ(0, notify_a(self));
	EXPECT_EQ(POLLERR, ev_poll(self->fd_a));
	EXPECT_EQ(-EFBIG, ev_read(self->fd_a, ports, sizeof(ports)));
	EXPECT_EQ(0, ev_reset(self->fd_a));
	EXPECT_EQ(EV_POLL_IDLE, ev_poll(self->fd_a));
	EXPECT_EQ(-EAGAIN, next(self->fd_a));

	/* They are masked until written, */
	ASSERT_EQ(0, notify_a(self));
	ASSERT_EQ(0, ev_notify(self->fd_b, other.b));
	EXPECT_EQ(-EAGAIN, next(self->fd_a));
	/* then each delivers what was notified meanwhile, */
	EXPECT_EQ(4, ev_enable(self->fd_a, other.a));
	EXPECT_EQ(other.a, ev_take(self->fd_a));
	EXPECT_EQ(4, enable_a(self));
	EXPECT_EQ(self->pair.a, ev_take(self->fd_a));
	/* and all is well again. */
	EXPECT_EQ(4, ev_enable(self->fd_a, other.a));
	EXPECT_EQ(4, enable_a(self));
	EXPECT_EQ(0, ev_ping(self->fd_a, self->fd_b, &self->pair));
	EXPECT_EQ(0, ev_ping(self->fd_a, self->fd_b, &other));

	/* The whole ring is back. */
	ASSERT_EQ(0, fill(self, RING_MIN));
	EXPECT_EQ(EV_POLL_EVENT, ev_poll(self->fd_a));
	ASSERT_EQ(0, notify_a(self));
	for (i = 0; i < 3; i++) {
		EXPECT_EQ(POLLERR, ev_poll(self->fd_a));
		EXPECT_EQ(-EFBIG, ev_read(self->fd_a, ports, sizeof(ports)));
		/* No reason to wait; */
		ASSERT_EQ(0, fcntl(self->fd_a, F_SETFL, 0));
		EXPECT_EQ(-EFBIG, ev_read(self->fd_a, ports, 4));
		ASSERT_EQ(0, fcntl(self->fd_a, F_SETFL, O_NONBLOCK));
		/* and neither written ports nor further events change that. */
		EXPECT_EQ(4, enable_a(self));
		EXPECT_EQ(0, notify_a(self));
	}
}

/*
 * poll, select, epoll, SIGIO
 */

/* What select() says: 1 for reading, 2 for writing, 4 for exceptions. */
static int select_now(int fd)
{
	struct timeval none = {};
	fd_set sets[3];
	int i, ret = 0;

	for (i = 0; i < 3; i++) {
		FD_ZERO(&sets[i]);
		FD_SET(fd, &sets[i]);
	}
	if (select(fd + 1, &sets[0], &sets[1], &sets[2], &none) < 0)
		return -errno;
	for (i = 0; i < 3; i++)
		ret |= FD_ISSET(fd, &sets[i]) ? 1 << i : 0;
	return ret;
}

static int epoll_set(int epfd, int op, int fd, uint32_t events)
{
	struct epoll_event event = { .events = events };

	return epoll_ctl(epfd, op, fd, &event) ? -errno : 0;
}

/* The events, 0 if there are none, or -errno. */
static int epoll_events(int epfd, int timeout)
{
	struct epoll_event event;
	int ret = epoll_wait(epfd, &event, 1, timeout);

	return ret < 0 ? -errno : ret ? (int)event.events : 0;
}

#define EXPECT_STATE(poll_says, select_says, epoll_says) do {		\
	EXPECT_EQ(poll_says, ev_poll(self->fd_a));			\
	EXPECT_EQ(select_says, select_now(self->fd_a));			\
	EXPECT_EQ(epoll_says, epoll_events(epfd, 0));			\
} while (0)

TEST_F(pair, poll_select_and_epoll_agree)
{
	int epfd = epoll_create1(EPOLL_CLOEXEC), i;

	ASSERT_GE(epfd, 0);
	ASSERT_EQ(0, epoll_set(epfd, EPOLL_CTL_ADD, self->fd_a, EPOLLIN | EPOLLOUT));
	EXPECT_STATE(EV_POLL_IDLE, 2, EPOLLOUT);
	ASSERT_EQ(0, notify_a(self));
	for (i = 0; i < 2; i++)
		EXPECT_STATE(EV_POLL_EVENT, 3, EPOLLIN | EPOLLOUT);
	EXPECT_EQ(self->pair.a, next(self->fd_a));
	EXPECT_STATE(EV_POLL_IDLE, 2, EPOLLOUT);

	EXPECT_EQ(4, enable_a(self));
	ASSERT_EQ(0, fill(self, RING_MIN + 1));
	EXPECT_STATE(POLLERR, 3, EPOLLERR);
	ASSERT_EQ(0, ev_reset(self->fd_a));
	EXPECT_STATE(EV_POLL_IDLE, 2, EPOLLOUT);
}

TEST_F(pair, epoll_waits_for_an_event)
{
	int epfd = epoll_create1(EPOLL_CLOEXEC), i;

	ASSERT_GE(epfd, 0);
	/* Level-triggered, for as long as it is there; */
	ASSERT_EQ(0, epoll_set(epfd, EPOLL_CTL_ADD, self->fd_a, EPOLLIN));
	EXPECT_EQ(0, epoll_events(epfd, 0));
	ASSERT_EQ(0, ev_notify(self->fd_b, self->pair.b));
	EXPECT_EQ(EPOLLIN, epoll_events(epfd, EV_GUARD_MS));
	EXPECT_EQ(EPOLLIN, epoll_events(epfd, 0));
	/* once only; */
	ASSERT_EQ(0, epoll_set(epfd, EPOLL_CTL_MOD, self->fd_a, EPOLLIN | EPOLLONESHOT));
	EXPECT_EQ(EPOLLIN, epoll_events(epfd, 0));
	EXPECT_EQ(0, epoll_events(epfd, 0));
	ASSERT_EQ(0, epoll_set(epfd, EPOLL_CTL_MOD, self->fd_a, EPOLLIN | EPOLLONESHOT));
	EXPECT_EQ(EPOLLIN, epoll_events(epfd, 0));

	/* edge-triggered, once for what was there before, */
	ASSERT_EQ(0, epoll_set(epfd, EPOLL_CTL_MOD, self->fd_a, EPOLLIN | EPOLLET));
	EXPECT_EQ(EPOLLIN, epoll_events(epfd, 0));
	/* and once for each event of an empty ring. */
	for (i = 0; i < 3; i++) {
		EXPECT_EQ(EV_POLL_EVENT, ev_poll(self->fd_a));
		EXPECT_EQ(0, epoll_events(epfd, 0));
		EXPECT_EQ(self->pair.a, ev_take(self->fd_a));
		EXPECT_EQ(0, epoll_events(epfd, 0));
		EXPECT_EQ(4, enable_a(self));
		ASSERT_EQ(0, ev_notify(self->fd_b, self->pair.b));
		EXPECT_EQ(EPOLLIN, epoll_events(epfd, EV_GUARD_MS));
	}
}

static bool sigio_is_pending(void)
{
	sigset_t set;

	sigpending(&set);
	return sigismember(&set, SIGIO);
}

TEST_F(pair, sigio_comes_when_the_ring_is_no_longer_empty)
{
	struct timespec guard = { .tv_sec = EV_GUARD_MS / 1000 };
	struct ev_pair other;
	sigset_t set;
	int i;

	ASSERT_EQ(0, ev_connect(self->fd_a, self->fd_b, &other));
	sigemptyset(&set);
	sigaddset(&set, SIGIO);
	ASSERT_EQ(0, sigprocmask(SIG_BLOCK, &set, NULL));
	ASSERT_EQ(0, fcntl(self->fd_a, F_SETOWN, getpid()));
	ASSERT_EQ(0, fcntl(self->fd_a, F_SETFL, O_ASYNC | O_NONBLOCK));

	EXPECT_FALSE(sigio_is_pending());
	for (i = 0; i < 6; i++) {
		ASSERT_EQ(0, ev_notify(self->fd_b, self->pair.b));
		EXPECT_EQ(SIGIO, sigtimedwait(&set, NULL, &guard));
		/* Not for what comes behind that. */
		ASSERT_EQ(0, ev_notify_settled(self->fd_b, other.b));
		EXPECT_FALSE(sigio_is_pending());
		/* Emptied by read() or by RESET. */
		if (i & 1) {
			EXPECT_EQ(0, ev_reset(self->fd_a));
		} else {
			EXPECT_EQ(self->pair.a, ev_take(self->fd_a));
			EXPECT_EQ(other.a, ev_take(self->fd_a));
		}
		EXPECT_EQ(4, enable_a(self));
		EXPECT_EQ(4, ev_enable(self->fd_a, other.a));
	}

	ASSERT_EQ(0, fcntl(self->fd_a, F_SETFL, O_NONBLOCK));
	ASSERT_EQ(0, notify_a(self));
	EXPECT_EQ(EV_POLL_EVENT, ev_poll(self->fd_a));
	EXPECT_FALSE(sigio_is_pending());
}

/*
 * dup, fork and exec
 */

enum { WENT_WELL, NOT_OPEN, NO_EVENT, NOT_ENABLED, NOT_NOTIFIED, NOT_CLOSED };

/* Reads @port from @fd, writes it back, notifies it, and closes the file. */
static int use(int fd, unsigned int port)
{
	if (fcntl(fd, F_GETFD) < 0)
		return NOT_OPEN;
	if (ev_take(fd) != (int)port)
		return NO_EVENT;
	if (ev_enable(fd, port) != sizeof(port))
		return NOT_ENABLED;
	if (ev_notify(fd, port))
		return NOT_NOTIFIED;
	return close(fd) ? NOT_CLOSED : WENT_WELL;
}

/* The program's second life, in which it tests nothing. */
__attribute__((constructor)) static void after_exec(void)
{
	const char *what = getenv("EVTCHN_AFTER_EXEC");
	unsigned int port;
	int fd;

	if (what && sscanf(what, "%d %u", &fd, &port) == 2)
		_exit(use(fd, port));
}

/* What use() says in a child. */
static int use_in_child(int fd, unsigned int port, bool exec)
{
	char what[32];
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (pid)
		return exit_code(pid);
	if (!exec)
		_exit(use(fd, port));
	snprintf(what, sizeof(what), "%d %u", fd, port);
	setenv("EVTCHN_AFTER_EXEC", what, 1);
	execl("/proc/self/exe", "evtchn_test", NULL);
	_exit(127);
}

TEST_F(pair, file_is_shared_over_fork_and_survives_exec)
{
	int exec, fd;

	EXPECT_EQ(FD_CLOEXEC, fcntl(self->fd_a, F_GETFD));
	fd = ev_open(0);
	ASSERT_GE(fd, 0);
	EXPECT_EQ(0, fcntl(fd, F_GETFD));

	ASSERT_EQ(0, fcntl(self->fd_a, F_SETFD, 0));
	for (exec = 0; exec < 2; exec++) {
		ASSERT_EQ(0, ev_notify(self->fd_b, self->pair.b));
		EXPECT_EQ(WENT_WELL, use_in_child(self->fd_a, self->pair.a, exec));
		/* This very file's port was read, enabled and notified. */
		EXPECT_EQ(self->pair.b, ev_take(self->fd_b));
		EXPECT_EQ(4, ev_enable(self->fd_b, self->pair.b));
		EXPECT_EQ(0, ev_ping(self->fd_a, self->fd_b, &self->pair));
	}

	ASSERT_EQ(0, fcntl(self->fd_a, F_SETFD, FD_CLOEXEC));
	ASSERT_EQ(0, ev_notify(self->fd_b, self->pair.b));
	EXPECT_EQ(NOT_OPEN, use_in_child(self->fd_a, self->pair.a, true));
	/* Closed in the child; the file goes on. */
	EXPECT_EQ(self->pair.a, ev_take(self->fd_a));
}

TEST_F(pair, port_bound_by_a_child_outlives_it)
{
	int port, peer;
	pid_t pid;

	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		port = ev_bind_unbound(self->fd_a, EV_SELF);
		_exit(ev_bind_interdomain(self->fd_b, EV_SELF, port) < 0);
	}
	EXPECT_EQ(0, exit_code(pid));
	peer = ev_take(self->fd_b);
	ASSERT_GT(peer, 0);
	EXPECT_EQ(0, ev_notify(self->fd_b, peer));
	port = ev_take(self->fd_a);
	ASSERT_GT(port, 0);
	EXPECT_NE(self->pair.a, port);
	EXPECT_EQ(0, ev_unbind(self->fd_a, port));
}

TEST_F(pair, dup_is_the_same_file)
{
	int fd = dup(self->fd_a);

	ASSERT_GE(fd, 0);
	EXPECT_EQ(0, ev_ping(fd, self->fd_b, &self->pair));
	EXPECT_EQ(0, close(self->fd_a));
	EXPECT_EQ(0, ev_ping(fd, self->fd_b, &self->pair));
}

/*
 * Threads that sleep in the device, and signals. @fd_a blocks here.
 */

static atomic_int signals;

static void count_signal(int sig)
{
	if (sig)
		signals++;
}

/* The port that the thread has read, what poll() told it, or -errno. */
static int join(struct ev_sleeper *sleeper)
{
	if (pthread_join(sleeper->thread, NULL))
		return -ESRCH;
	if (sleeper->poll || sleeper->ret < 0)
		return sleeper->ret;
	return sleeper->ret == sizeof(sleeper->port) ? (int)sleeper->port : -EIO;
}

/* Until it sleeps again, or does not. */
static void wait_asleep(struct ev_sleeper *sleeper)
{
	do {
		usleep(1000);
	} while (!sleeper->done && !ev_is_asleep(getpid(), sleeper->tid));
}

TEST_F(pair, read_sleeps_until_an_event)
{
	struct ev_sleeper reader;
	int i;

	ASSERT_EQ(0, fcntl(self->fd_a, F_SETFL, 0));
	for (i = 0; i < 20; i++) {
		ASSERT_EQ(0, ev_sleeper_start(&reader, self->fd_a, 0));
		EXPECT_FALSE(reader.done);
		ASSERT_EQ(0, ev_notify(self->fd_b, self->pair.b));
		ASSERT_EQ(self->pair.a, join(&reader));
		ASSERT_EQ(4, enable_a(self));
	}
}

TEST_F(pair, everything_else_goes_on_while_a_read_sleeps)
{
	struct ev_sleeper reader;
	int port;

	ASSERT_EQ(self->pair.a, mask_a(self));
	ASSERT_EQ(0, fcntl(self->fd_a, F_SETFL, 0));
	ASSERT_EQ(0, ev_sleeper_start(&reader, self->fd_a, 0));
	port = ev_bind_unbound(self->fd_a, EV_SELF);
	EXPECT_GT(port, 0);
	EXPECT_EQ(0, ev_unbind(self->fd_a, port));
	EXPECT_EQ(0, ev_notify(self->fd_a, self->pair.a));
	EXPECT_EQ(self->pair.b, ev_take(self->fd_b));
	EXPECT_EQ(0, ev_reset(self->fd_a));
	EXPECT_EQ(0, notify_a(self));
	EXPECT_EQ(EV_POLL_IDLE, ev_poll(self->fd_a));
	EXPECT_FALSE(reader.done);
	/* Masked until now, the event wakes it. */
	EXPECT_EQ(4, enable_a(self));
	EXPECT_EQ(self->pair.a, join(&reader));
}

TEST_F(pair, read_gets_an_event_of_a_port_bound_while_it_sleeps)
{
	struct ev_sleeper reader;
	int fd = ev_open(O_CLOEXEC), port;

	/* The file has no port at all when the read begins. */
	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, ev_sleeper_start(&reader, fd, 0));
	port = ev_bind_unbound(self->fd_a, EV_SELF);
	ASSERT_GT(port, 0);
	port = ev_bind_interdomain(fd, EV_SELF, port);
	ASSERT_GT(port, 0);
	EXPECT_EQ(port, join(&reader));
}

TEST_F(pair, signal_interrupts_read_or_restarts_it)
{
	struct sigaction action = { .sa_handler = count_signal };
	struct ev_sleeper reader;

	ASSERT_EQ(0, fcntl(self->fd_a, F_SETFL, 0));
	ASSERT_EQ(0, sigaction(SIGUSR1, &action, NULL));
	ASSERT_EQ(0, ev_sleeper_start(&reader, self->fd_a, 0));
	/* Again, should the first have come before the read. */
	while (!reader.done) {
		pthread_kill(reader.thread, SIGUSR1);
		usleep(10000);
	}
	EXPECT_EQ(-EINTR, join(&reader));
	/* Nothing was lost on the way. */
	EXPECT_EQ(0, ev_ping(self->fd_a, self->fd_b, &self->pair));

	action.sa_flags = SA_RESTART;
	ASSERT_EQ(0, sigaction(SIGUSR1, &action, NULL));
	ASSERT_EQ(0, ev_sleeper_start(&reader, self->fd_a, 0));
	signals = 0;
	ASSERT_EQ(0, pthread_kill(reader.thread, SIGUSR1));
	while (!signals)
		usleep(1000);
	wait_asleep(&reader);
	EXPECT_FALSE(reader.done);
	EXPECT_EQ(0, ev_notify(self->fd_b, self->pair.b));
	EXPECT_EQ(self->pair.a, join(&reader));
}

TEST_F(pair, event_is_read_by_one_of_two_readers)
{
	struct ev_sleeper first, second;

	ASSERT_EQ(0, fcntl(self->fd_a, F_SETFL, 0));
	ASSERT_EQ(0, ev_sleeper_start(&first, self->fd_a, 0));
	ASSERT_EQ(0, ev_sleeper_start(&second, self->fd_a, 0));
	ASSERT_EQ(0, ev_notify(self->fd_b, self->pair.b));
	while (!first.done && !second.done)
		usleep(1000);
	wait_asleep(first.done ? &second : &first);
	EXPECT_FALSE(first.done && second.done);

	/* The port is masked now; written, it wakes the other. */
	ASSERT_EQ(4, enable_a(self));
	ASSERT_EQ(0, ev_notify(self->fd_b, self->pair.b));
	EXPECT_EQ(self->pair.a, join(&first));
	EXPECT_EQ(self->pair.a, join(&second));
}

TEST_F(pair, event_wakes_every_poller)
{
	struct ev_sleeper first, second;

	ASSERT_EQ(0, ev_sleeper_start(&first, self->fd_a, POLLIN));
	ASSERT_EQ(0, ev_sleeper_start(&second, self->fd_a, POLLRDNORM));
	EXPECT_FALSE(first.done || second.done);
	EXPECT_EQ(0, ev_notify(self->fd_b, self->pair.b));
	EXPECT_EQ(POLLIN, join(&first));
	EXPECT_EQ(POLLRDNORM, join(&second));
	EXPECT_EQ(self->pair.a, ev_take(self->fd_a));
}

/*
 * What /proc tells of a file
 */

/* The rest of the line of fdinfo that begins with evtchn-@key; "" for none. */
static const char *fdinfo(int fd, const char *key)
{
	static char text[1024];
	char path[64], begin[64];
	char *line;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	snprintf(begin, sizeof(begin), "\nevtchn-%s:\t", key);
	if (ev_read_file(path, text, sizeof(text)))
		return "";
	line = strstr(text, begin);
	if (!line)
		return "";
	line += strlen(begin);
	line[strcspn(line, "\n")] = '\0';
	return line;
}

TEST_F(pair, fdinfo_tells_of_ports_ring_and_restriction)
{
	struct ev_pair other;
	int fd = ev_open(O_CLOEXEC);

	ASSERT_GE(fd, 0);
	if (!*fdinfo(fd, "ports"))
		SKIP(return, "this driver's fdinfo has no evtchn-ports");
	EXPECT_STREQ("0", fdinfo(fd, "ports"));
	EXPECT_STREQ("0/0", fdinfo(fd, "ring"));
	EXPECT_STREQ("", fdinfo(fd, "restrict-domid"));
	EXPECT_EQ(0, ev_restrict(fd, 5));
	EXPECT_STREQ("5", fdinfo(fd, "restrict-domid"));

	ASSERT_EQ(0, ev_connect(self->fd_a, self->fd_b, &other));
	EXPECT_STREQ("2", fdinfo(self->fd_a, "ports"));
	EXPECT_STREQ("0/64", fdinfo(self->fd_a, "ring"));
	ASSERT_EQ(0, notify_a(self));
	ASSERT_EQ(0, ev_notify_settled(self->fd_b, other.b));
	EXPECT_STREQ("2/64", fdinfo(self->fd_a, "ring"));
	/* UNBIND takes the event along. */
	EXPECT_EQ(0, ev_unbind(self->fd_a, other.a));
	EXPECT_STREQ("1", fdinfo(self->fd_a, "ports"));
	EXPECT_STREQ("1/64", fdinfo(self->fd_a, "ring"));

	EXPECT_EQ(4, enable_a(self));
	ASSERT_EQ(0, fill(self, RING_MIN));
	EXPECT_STREQ("64/64 overflow", fdinfo(self->fd_a, "ring"));
	EXPECT_EQ(0, ev_reset(self->fd_a));
	EXPECT_STREQ("0/64", fdinfo(self->fd_a, "ring"));
}

/*
 * Many ports in one file, each with an event that is not read yet
 */

#define TABLE_MAX	256

FIXTURE(table)
{
	int fd;
	struct ev_pair pairs[TABLE_MAX / 2];
	/* The ports in the order of their events, and the other ends. */
	unsigned int order[TABLE_MAX];
	unsigned int peers[TABLE_MAX];
};

FIXTURE_VARIANT(table)
{
	int ports;
};

FIXTURE_VARIANT_ADD(table, of_8)
{
	.ports = 8,
};

/* As many as the ring has slots, so that one more makes it grow. */
FIXTURE_VARIANT_ADD(table, of_64)
{
	.ports = 64,
};

FIXTURE_VARIANT_ADD(table, of_128)
{
	.ports = 128,
};

FIXTURE_VARIANT_ADD(table, of_256)
{
	.ports = 256,
};

FIXTURE_SETUP(table)
{
	int i, at, n = variant->ports;
	struct ev_pair *pair;

	self->fd = ev_open(O_CLOEXEC | O_NONBLOCK);
	ASSERT_GE(self->fd, 0);
	ASSERT_EQ(0, ev_connect_many(self->fd, self->pairs, n / 2));
	/* The ring's start is in the middle now. Five more: and a bit. */
	for (i = 0; i < 5; i++)
		ASSERT_EQ(0, ev_ping(self->fd, self->fd, &self->pairs[0]));
	for (i = 0; i < n; i++) {
		/* Not by number; 3 has no factor in common with how many. */
		at = (3 * i + 1) % n;
		pair = &self->pairs[at / 2];
		self->order[i] = at & 1 ? pair->b : pair->a;
		self->peers[i] = at & 1 ? pair->a : pair->b;
		ASSERT_EQ(0, ev_notify_settled(self->fd, self->peers[i]));
	}
}

FIXTURE_TEARDOWN(table)
{
}

TEST_F(table, events_are_read_oldest_first_and_a_fault_takes_none)
{
	int n = variant->ports, done = 0, size = 1, now;
	unsigned int seen[8];
	void *hole = ev_hole();

	ASSERT_NE(NULL, hole);
	EXPECT_EQ(-EFAULT, ev_read(self->fd, NULL, 16));
	EXPECT_EQ(-EFAULT, ev_read(self->fd, (void *)-4096L, 16));
	EXPECT_EQ(-EFAULT, ev_read(self->fd, hole, 16));
	EXPECT_EQ(-EFAULT, ev_read(self->fd, hole - 4, 8));
	EXPECT_EQ(-EFAULT, ev_read(self->fd, hole - 6, 8));
	EXPECT_EQ(-EFAULT, ev_read(self->fd, hole - n / 2 * 4, n * 4));
	EXPECT_EQ(-EFAULT, ev_read(self->fd, hole - (n - 1) * 4, n * 4));
	EXPECT_EQ(EV_POLL_EVENT, ev_poll(self->fd));

	/* In pieces of all sizes. */
	while (done < n) {
		now = size < n - done ? size : n - done;
		ASSERT_EQ(now * 4, ev_read(self->fd, seen, size * 4));
		ASSERT_EQ(-1, ev_first_difference(&self->order[done], seen, now));
		done += now;
		size = size % 7 + 1;
	}
	EXPECT_EQ(EV_POLL_IDLE, ev_poll(self->fd));
}

/* Takes @n events, which are of @ports, in whatever order: two vCPUs keep none. */
static bool take_all(int fd, const unsigned int *ports, int n)
{
	bool seen[TABLE_MAX] = {};
	int i, j, port;

	for (i = 0; i < n; i++) {
		port = ev_take(fd);
		for (j = 0; j < n && (int)ports[j] != port; j++)
			;
		if (j == n || seen[j])
			return false;
		seen[j] = true;
	}
	return next(fd) == -EAGAIN;
}

TEST_F(table, one_read_takes_and_one_write_enables_every_port)
{
	unsigned int seen[TABLE_MAX + 1];
	int n = variant->ports, i;

	ASSERT_EQ(n * 4, ev_read(self->fd, seen, sizeof(seen)));
	EXPECT_EQ(-1, ev_first_difference(self->order, seen, n));
	for (i = 0; i < n; i++)
		ASSERT_EQ(0, ev_notify(self->fd, self->peers[i]));
	EXPECT_EQ(-EAGAIN, next(self->fd));
	EXPECT_EQ(n * 4, ev_write(self->fd, seen, n * 4));
	EXPECT_TRUE(take_all(self->fd, self->order, n));
}

TEST_F(table, sizes_are_rounded_down)
{
	unsigned char seen[16];
	int done = 0, i;
	size_t size;

	/* 0 to 9 bytes: 8 ports in all. */
	for (size = 0; size <= 9; size++) {
		memset(seen, 0xa5, sizeof(seen));
		ASSERT_EQ(size / 4 * 4, ev_read(self->fd, seen, size));
		EXPECT_EQ(0, memcmp(&self->order[done], seen, size / 4 * 4));
		for (i = size / 4 * 4; i < (int)sizeof(seen); i++)
			EXPECT_EQ(0xa5, seen[i]);
		done += size / 4;
	}
	ASSERT_EQ(8, done);
	ASSERT_EQ(0, ev_reset(self->fd));

	/* They are masked, so that what comes is what was written. */
	for (i = 0; i < done; i++)
		ASSERT_EQ(0, ev_notify(self->fd, self->peers[i]));
	EXPECT_EQ(-EAGAIN, next(self->fd));
	for (done = 0, size = 0; size <= 9; size++) {
		EXPECT_EQ(size / 4 * 4, ev_write(self->fd, &self->order[done], size));
		EXPECT_TRUE(take_all(self->fd, &self->order[done], size / 4));
		done += size / 4;
	}
}

TEST_F(table, vector_is_as_many_calls_as_it_has_pieces)
{
	unsigned int ports[2] = {};
	struct iovec whole[2] = { { &ports[0], 4 }, { &ports[1], 4 } };
	struct iovec half[2] = { { &ports[0], 2 }, { &ports[1], 4 } };

	/* Half a port is none, and ends the call. */
	EXPECT_EQ(0, readv(self->fd, half, 2));
	EXPECT_EQ(8, readv(self->fd, whole, 2));
	EXPECT_EQ(-1, ev_first_difference(self->order, ports, 2));
	ASSERT_EQ(0, ev_reset(self->fd));
	ASSERT_EQ(0, ev_notify(self->fd, self->peers[0]));
	ASSERT_EQ(0, ev_notify(self->fd, self->peers[1]));
	EXPECT_EQ(0, writev(self->fd, half, 2));
	EXPECT_EQ(-EAGAIN, next(self->fd));
	EXPECT_EQ(8, writev(self->fd, whole, 2));
	EXPECT_TRUE(take_all(self->fd, self->order, 2));
}

TEST_F(table, growth_keeps_content_and_order)
{
	unsigned int seen[TABLE_MAX + 2];
	int n = variant->ports, port;

	port = ev_bind_unbound(self->fd, EV_SELF);
	ASSERT_GT(port, 0);
	EXPECT_EQ(EV_POLL_EVENT, ev_poll(self->fd));
	/* The next event queues up behind what was there. */
	port = ev_bind_interdomain(self->fd, EV_SELF, port);
	ASSERT_GT(port, 0);
	ev_settle();
	ASSERT_EQ((n + 1) * 4, ev_read(self->fd, seen, sizeof(seen)));
	EXPECT_EQ(-1, ev_first_difference(self->order, seen, n));
	EXPECT_EQ(port, seen[n]);
	EXPECT_EQ(EV_POLL_IDLE, ev_poll(self->fd));
}

TEST_F(table, growth_doubles_the_ring)
{
	int n = variant->ports, slots = n < RING_MIN ? RING_MIN : 2 * n, i;
	unsigned int first = self->order[0];

	ASSERT_GT(ev_bind_unbound(self->fd, EV_SELF), 0);
	/* Fill it: a port is written back, but not read. */
	for (i = n; i < slots; i++) {
		ASSERT_EQ(4, ev_enable(self->fd, first));
		ASSERT_EQ(0, ev_notify_settled(self->fd, self->peers[0]));
	}
	EXPECT_EQ(EV_POLL_EVENT, ev_poll(self->fd));
	/* Take one out, put another two in. */
	ASSERT_EQ(first, ev_take(self->fd));
	for (i = 0; i < 2; i++) {
		EXPECT_EQ(EV_POLL_EVENT, ev_poll(self->fd));
		ASSERT_EQ(4, ev_enable(self->fd, first));
		ASSERT_EQ(0, ev_notify_settled(self->fd, self->peers[0]));
	}
	EXPECT_EQ(POLLERR, ev_poll(self->fd));

	/* Every port is as good as ever. */
	EXPECT_EQ(0, ev_reset(self->fd));
	EXPECT_EQ(n * 4, ev_write(self->fd, self->order, n * 4));
	for (i = 0; i < n / 2; i++)
		ASSERT_EQ(0, ev_ping(self->fd, self->fd, &self->pairs[i]));
}

/*
 * What Xen itself says, asked through privcmd, which serves no 32-bit programs
 */

#if UINTPTR_MAX > UINT32_MAX

FIXTURE(xen)
{
	int fd;
	int peer_fd;
	/* Allocated in Xen, as a static port is; no file has it. */
	int port;
	void *hole;
};

FIXTURE_SETUP(xen)
{
	if (ev_xen_missing)
		SKIP(return, "%s", ev_xen_missing);
	self->fd = ev_open(O_CLOEXEC | O_NONBLOCK);
	ASSERT_GE(self->fd, 0);
	self->peer_fd = ev_open(O_CLOEXEC | O_NONBLOCK);
	ASSERT_GE(self->peer_fd, 0);
	self->hole = ev_hole();
	ASSERT_NE(NULL, self->hole);
	self->port = ev_xen_alloc_unbound(EV_SELF);
	ASSERT_GT(self->port, 0);
	ASSERT_EQ(EV_UNBOUND, ev_xen_status(self->port));
}

FIXTURE_TEARDOWN(xen)
{
	if (self->port > 0)
		ev_xen_close(self->port);
}

TEST_F(xen, static_port_is_bound_again_and_again_and_never_closed)
{
	struct ev_pair pair = { .a = self->port };
	int i, port;

	/* Alone: EISCONN does not close it, */
	EXPECT_EQ(0, ev_bind_static(self->fd, self->port));
	EXPECT_EQ(-EISCONN, ev_bind_static(self->fd, self->port));
	EXPECT_EQ(EV_UNBOUND, ev_xen_status(self->port));
	/* nor UNBIND, */
	EXPECT_EQ(0, ev_unbind(self->fd, self->port));
	EXPECT_EQ(EV_UNBOUND, ev_xen_status(self->port));
	EXPECT_EQ(-ENOTCONN, ev_notify(self->fd, self->port));
	EXPECT_EQ(-ENOTCONN, ev_unbind(self->fd, self->port));
	/* nor close(). */
	EXPECT_EQ(0, ev_bind_static(self->fd, self->port));
	ASSERT_EQ(0, close(self->fd));
	EXPECT_EQ(EV_UNBOUND, ev_xen_status(self->port));

	/* And connected, by the same file and the next one. */
	port = ev_bind_interdomain(self->peer_fd, EV_SELF, self->port);
	ASSERT_GT(port, 0);
	ASSERT_EQ(port, ev_take(self->peer_fd));
	ASSERT_EQ(4, ev_enable(self->peer_fd, port));
	pair.b = port;
	for (i = 0; i < 4; i++) {
		if (!(i & 1))
			self->fd = ev_open(O_CLOEXEC | O_NONBLOCK);
		ASSERT_GE(self->fd, 0);
		EXPECT_EQ(0, ev_bind_static(self->fd, self->port));
		EXPECT_EQ(0, ev_ping(self->fd, self->peer_fd, &pair));
		EXPECT_EQ(0, ev_ping(self->fd, self->peer_fd, &pair));
		EXPECT_EQ(0, i & 1 ? close(self->fd) : ev_unbind(self->fd, self->port));
		EXPECT_EQ(EV_INTERDOMAIN, ev_xen_status(self->port));
	}
}

TEST_F(xen, static_port_keeps_an_event_for_its_next_owner)
{
	int peer = ev_bind_interdomain(self->peer_fd, EV_SELF, self->port);

	ASSERT_GT(peer, 0);
	/* From before the bind, */
	ASSERT_EQ(0, ev_notify(self->peer_fd, peer));
	ASSERT_EQ(0, ev_bind_static(self->fd, self->port));
	ASSERT_EQ(self->port, ev_take(self->fd));
	/* and one that was sent while the port was masked. */
	ASSERT_EQ(0, ev_notify(self->peer_fd, peer));
	ASSERT_EQ(0, ev_unbind(self->fd, self->port));
	ASSERT_EQ(0, ev_bind_static(self->fd, self->port));
	EXPECT_EQ(self->port, ev_take(self->fd));
}

TEST_F(xen, other_ports_are_closed_by_unbind_and_close)
{
	int before = ev_xen_count_loopbacks(), i;
	struct ev_pair pair;

	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, ev_connect(self->fd, self->peer_fd, &pair));
		EXPECT_EQ(EV_INTERDOMAIN, ev_xen_status(pair.a));
		EXPECT_EQ(EV_INTERDOMAIN, ev_xen_status(pair.b));
		EXPECT_EQ(0, i ? close(self->fd) : ev_unbind(self->fd, pair.a));
		EXPECT_EQ(EV_UNBOUND, ev_xen_status(pair.b));
		EXPECT_EQ(before + 1, ev_xen_count_loopbacks());
		EXPECT_EQ(0, ev_unbind(self->peer_fd, pair.b));
		EXPECT_EQ(before, ev_xen_count_loopbacks());
	}
}

TEST_F(xen, failing_commands_leave_no_port_behind)
{
	int before = ev_xen_count_loopbacks(), i;

	ASSERT_GT(before, 0);
	expect_calls(_metadata, self->hole, self->fd, errors, ARRAY_SIZE(errors));
	for (i = 0; i < (int)ARRAY_SIZE(commands); i++)
		ev_ioctl(self->fd, commands[i].cmd, NULL);
	EXPECT_EQ(before, ev_xen_count_loopbacks());
}

TEST_F(xen, virq_is_bound_on_vcpu_0)
{
	/* XENOPROF is a VIRQ of each vCPU, so that its port never moves. */
	union ev_xen_arg arg;
	int port = ev_bind_virq(self->fd, 7);

	if (port < 0)
		SKIP(return, "cannot bind VIRQ_XENOPROF: %s", strerror(-port));
	ASSERT_EQ(0, ev_xen_query(port, &arg));
	EXPECT_EQ(EV_VIRQ, arg.status.status);
	EXPECT_EQ(0, arg.status.vcpu);
}

TEST_F(xen, unbound_port_is_for_any_domain_that_xen_allows)
{
	static const unsigned int domains[] = {
		0, 1, EV_NO_DOMAIN, EV_SELF, EV_SELF + 1, 0x7fff, 0xffff,
	};
	int raw, ret;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(domains); i++) {
		raw = ev_xen_alloc_unbound(domains[i]);
		ret = ev_bind_unbound(self->fd, domains[i]);
		EXPECT_EQ(raw < 0 ? raw : 1, ret < 0 ? ret : 1)
			TH_LOG("domain %#x", domains[i]);
		if (raw > 0)
			ASSERT_EQ(0, ev_xen_close(raw));
	}
}

#endif

EV_TEST_MAIN
