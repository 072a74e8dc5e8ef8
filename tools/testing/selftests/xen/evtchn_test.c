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

enum { VIRQ, INTERDOMAIN, UNBOUND, UNBIND, NOTIFY, RESET, RESTRICT, STATIC };

/* Every command there is, by its number. */
static const struct {
	const char *name;
	unsigned long cmd;
	unsigned int size;
	/* What it says of a bad pointer when the file is restricted. */
	int restricted;
} commands[] = {
	[VIRQ] = { "BIND_VIRQ", IOCTL_EVTCHN_BIND_VIRQ, 4, -EACCES },
	[INTERDOMAIN] = { "BIND_INTERDOMAIN", IOCTL_EVTCHN_BIND_INTERDOMAIN, 8, -EFAULT },
	[UNBOUND] = { "BIND_UNBOUND_PORT", IOCTL_EVTCHN_BIND_UNBOUND_PORT, 4, -EACCES },
	[UNBIND] = { "UNBIND", IOCTL_EVTCHN_UNBIND, 4, -EFAULT },
	[NOTIFY] = { "NOTIFY", IOCTL_EVTCHN_NOTIFY, 4, -EFAULT },
	[RESET] = { "RESET", IOCTL_EVTCHN_RESET, 0, 0 },
	[RESTRICT] = { "RESTRICT_DOMID", IOCTL_EVTCHN_RESTRICT_DOMID, 2, -EACCES },
	[STATIC] = { "BIND_STATIC", IOCTL_EVTCHN_BIND_STATIC, 4, -EACCES },
};

struct call {
	unsigned int nr;
	int ret;
	unsigned int first;	/* all that most commands take */
	unsigned int second;	/* the port of BIND_INTERDOMAIN */
};

/* Of a file that has no ports. */
static const struct call errors[] = {
	/* Xen has 24. */
	{ VIRQ, -EINVAL, 24 }, { VIRQ, -EINVAL, 0x10004 },
	{ VIRQ, -EINVAL, 0x7fffffff }, { VIRQ, -EINVAL, ~0u },
	{ INTERDOMAIN, -ESRCH, EV_NO_DOMAIN, 1 }, { INTERDOMAIN, -ESRCH, 0xffff, 1 },
	{ INTERDOMAIN, -EINVAL, EV_SELF, 0 }, { INTERDOMAIN, -EINVAL, EV_SELF, 0x20000 },
	{ INTERDOMAIN, -EINVAL, EV_SELF, ~0u },
	/*
	 * Whoever has ports 1 and 8 (the kernel, early in boot), not this file. The
	 * smallest event ABI, 32-bit 2-level, has 1024 channels, the largest 0x20000.
	 */
	{ UNBIND, -ENOTCONN, 0 }, { UNBIND, -ENOTCONN, 1 }, { UNBIND, -ENOTCONN, 8 },
	{ UNBIND, -ENOTCONN, 1023 }, { UNBIND, -EINVAL, 0x20000 },
	{ UNBIND, -EINVAL, 0x7fffffff }, { UNBIND, -EINVAL, ~0u },
	{ NOTIFY, -ENOTCONN, 0 }, { NOTIFY, -ENOTCONN, 1 }, { NOTIFY, -ENOTCONN, 8 },
	{ NOTIFY, -ENOTCONN, 4095 }, { NOTIFY, -ENOTCONN, 0x20000 },
	{ NOTIFY, -ENOTCONN, 0x7fffffff }, { NOTIFY, -ENOTCONN, ~0u },
	{ RESTRICT, -EINVAL, 0 }, { RESTRICT, -EINVAL, EV_FIRST_RESERVED },
	{ RESTRICT, -EINVAL, EV_FIRST_RESERVED + 1 }, { RESTRICT, -EINVAL, 0x7fff },
	{ RESTRICT, -EINVAL, 0x8000 }, { RESTRICT, -EINVAL, 0xffff },
};

/* When the file is restricted to a domain that there is not. */
static const struct call restricted[] = {
	{ VIRQ, -EACCES, 4 }, { VIRQ, -EACCES, ~0u },
	{ INTERDOMAIN, -EACCES, 0, 1 }, { INTERDOMAIN, -EACCES, EV_SELF, 1 },
	{ INTERDOMAIN, -EACCES, EV_NO_DOMAIN - 1, 1 },
	/* More than 16 bits are compared. */
	{ INTERDOMAIN, -EACCES, 0x10000 | EV_NO_DOMAIN, 1 },
	{ INTERDOMAIN, -EACCES, 0xffff0000 | EV_NO_DOMAIN, 1 },
	/* It is Xen that says so. */
	{ INTERDOMAIN, -ESRCH, EV_NO_DOMAIN, 1 },
	{ UNBOUND, -EACCES, 0 }, { UNBOUND, -EACCES, EV_SELF },
	{ UNBOUND, -EACCES, EV_NO_DOMAIN },
	{ UNBIND, -ENOTCONN, 0 }, { UNBIND, -EINVAL, 0x20000 }, { NOTIFY, -ENOTCONN, 0 },
	{ RESTRICT, -EACCES, EV_NO_DOMAIN }, { RESTRICT, -EACCES, 1 },
	{ RESTRICT, -EACCES, 0 }, { RESTRICT, -EACCES, EV_FIRST_RESERVED },
};

/* Two files, each with one end of a pair, quiet */

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

FIXTURE_TEARDOWN(pair) { }

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

/* The next event once all that were sent are handled: the port, or -errno. */
static int next(int fd)
{
	unsigned int port;
	int ret;

	ev_settle();
	ret = ev_read(fd, &port, sizeof(port));
	return ret == sizeof(port) ? (int)port : ret;
}

/*
 * Runs commands, with a structure that ends where memory does. Xen is for
 * little-endian machines only.
 */
static void expect_calls(struct __test_metadata *_metadata, void *hole, int fd,
			 const struct call *calls, size_t n)
{
	const struct call *call;

	for (call = calls; call < calls + n; call++) {
		unsigned int arg[2] = { call->first, call->second };
		void *at = hole - commands[call->nr].size;

		memcpy(at, arg, commands[call->nr].size);
		EXPECT_EQ(call->ret, ev_ioctl(fd, commands[call->nr].cmd, at))
			TH_LOG("%s %#x %#x", commands[call->nr].name, arg[0], arg[1]);
	}
}

/* So says this ABI, and not ENOTTY. */
TEST_F(pair, what_is_no_command_of_the_abi_is_enosys)
{
	unsigned int arg[16] = {}, nr, size;

	for (nr = 0; nr < 256; nr++) {
		for (size = 0; size <= 32; size++) {
			if (nr < ARRAY_SIZE(commands) && size == commands[nr].size)
				continue;
			ASSERT_EQ(-ENOSYS, ev_ioctl(self->fd_a, _IOC(_IOC_NONE, 'E', nr,
								     size), arg))
				TH_LOG("command %u, size %u", nr, size);
		}
	}
	for (nr = 0; nr < ARRAY_SIZE(commands); nr++) {
		size = commands[nr].size;
		EXPECT_EQ(_IOC(_IOC_NONE, 'E', nr, size), commands[nr].cmd);
		EXPECT_EQ(-ENOSYS, ev_ioctl(self->fd_a, _IOC(_IOC_READ, 'E', nr, size), arg));
		EXPECT_EQ(-ENOSYS, ev_ioctl(self->fd_a, _IOC(_IOC_WRITE, 'E', nr, size), arg));
		EXPECT_EQ(-ENOSYS, ev_ioctl(self->fd_a, _IOC(_IOC_NONE, 'F', nr, size), arg));
	}
	/* What isatty() asks of every file. */
	EXPECT_EQ(-ENOSYS, ev_ioctl(self->fd_a, TCGETS, arg));
}

TEST_F(pair, failing_commands_say_why_and_change_nothing)
{
	int before = ev_xen_count_loopbacks(), fd = ev_open(O_CLOEXEC);
	unsigned int nr, in;

	ASSERT_GE(fd, 0);
	expect_calls(_metadata, self->hole, fd, errors, ARRAY_SIZE(errors));
	for (nr = 0; nr < ARRAY_SIZE(commands); nr++) {
		if (nr == RESET)
			continue;
		/* No memory, the kernel's, and not enough. */
		EXPECT_EQ(-EFAULT, ev_ioctl(fd, commands[nr].cmd, NULL));
		EXPECT_EQ(-EFAULT, ev_ioctl(fd, commands[nr].cmd, (void *)-4096L));
		for (in = 0; in < commands[nr].size; in++)
			EXPECT_EQ(-EFAULT, ev_ioctl(fd, commands[nr].cmd, self->hole - in))
				TH_LOG("%s, %u bytes in", commands[nr].name, in);
	}
	EXPECT_EQ(before, ev_xen_count_loopbacks());
	/* RESTRICT_DOMID has done nothing, too. */
	EXPECT_GT(ev_bind_unbound(fd, EV_SELF), 0);
	EXPECT_EQ(0, ev_restrict(fd, 1));
}

TEST_F(pair, restriction_is_for_each_command_as_promised)
{
	int copy = dup(self->fd_a), port;
	unsigned int nr;

	EXPECT_EQ(0, ev_restrict(self->fd_a, EV_NO_DOMAIN));
	expect_calls(_metadata, self->hole, self->fd_a, restricted,
		     ARRAY_SIZE(restricted));
	for (nr = 0; nr < STATIC; nr++)
		EXPECT_EQ(commands[nr].restricted,
			  ev_ioctl(self->fd_a, commands[nr].cmd, NULL))
			TH_LOG("%s", commands[nr].name);
	EXPECT_EQ(-EACCES, ev_bind_unbound(copy, EV_SELF));

	/* Not even one that could be connected to; another file may do so. */
	port = ev_bind_unbound(self->fd_b, EV_SELF);
	ASSERT_GT(port, 0);
	EXPECT_EQ(-EACCES, ev_bind_interdomain(self->fd_a, EV_SELF, port));
	EXPECT_GT(ev_bind_interdomain(self->fd_b, EV_SELF, port), 0);
	EXPECT_GT(ev_take(self->fd_b), 0);
	EXPECT_EQ(0, ev_restrict(self->fd_b, 2));

	/* What was bound before stays usable. */
	EXPECT_EQ(0, ev_ping(self->fd_a, self->fd_b, &self->pair));
	EXPECT_EQ(0, ev_ping(self->fd_a, self->fd_b, &self->pair));
	ASSERT_EQ(0, notify_a(self));
	EXPECT_EQ(0, ev_reset(self->fd_a));
	EXPECT_EQ(-EAGAIN, next(self->fd_a));
	EXPECT_EQ(0, ev_unbind(self->fd_a, self->pair.a));
	EXPECT_EQ(-ENOTCONN, ev_notify(self->fd_a, self->pair.a));
}

TEST_F(pair, device_is_a_stream)
{
	char path[64], uevent[256];
	struct stat st;
	int whence;

	for (whence = SEEK_SET; whence <= SEEK_END; whence++) {
		EXPECT_EQ(-1, lseek(self->fd_a, 0, whence));
		EXPECT_EQ(ESPIPE, errno);
	}
	EXPECT_EQ(-1, pread(self->fd_a, &self->pair.a, 4, 0));
	EXPECT_EQ(ESPIPE, errno);
	EXPECT_EQ(-1, pwrite(self->fd_a, &self->pair.a, 4, 0));
	EXPECT_EQ(ESPIPE, errno);

	/* Of a misc device. */
	ASSERT_EQ(0, fstat(self->fd_a, &st));
	EXPECT_TRUE(S_ISCHR(st.st_mode));
	snprintf(path, sizeof(path), "/sys/dev/char/10:%u/uevent", minor(st.st_rdev));
	EXPECT_EQ(10, major(st.st_rdev));
	EXPECT_EQ(0, ev_read_file(path, uevent, sizeof(uevent)));
	EXPECT_NE(NULL, strstr(uevent, "DEVNAME=xen/evtchn\n"));
}

TEST_F(pair, empty_ring_is_writable_and_no_more)
{
	unsigned int ports[] = { 0, 1, 4095, 131072, ~0u };
	int fd = ev_open(O_CLOEXEC | O_NONBLOCK), i;
	size_t size;

	ASSERT_GE(fd, 0);
	/* Without a port, and with one. */
	for (i = 0; i < 2; i++) {
		EXPECT_EQ(EV_POLL_IDLE, ev_poll(fd));
		EXPECT_EQ(-EAGAIN, ev_read(fd, ports, sizeof(ports)));
		EXPECT_EQ(sizeof(ports), ev_write(fd, ports, sizeof(ports)));
		EXPECT_EQ(0, ev_reset(fd));

		/* Less than a port is nothing, and not worth waiting for. */
		ASSERT_EQ(0, fcntl(fd, F_SETFL, 0));
		for (size = 0; size < sizeof(ports[0]); size++) {
			EXPECT_EQ(0, ev_read(fd, ports, size));
			EXPECT_EQ(0, ev_write(fd, ports, size));
		}
		ASSERT_EQ(0, fcntl(fd, F_SETFL, O_NONBLOCK));
		ASSERT_GT(ev_bind_unbound(fd, EV_SELF), 0);
	}
}

TEST_F(pair, files_are_as_many_as_wanted)
{
	struct ev_pair pairs[100];
	int fds[100], i;

	for (i = 0; i < 100; i++) {
		fds[i] = ev_open(O_CLOEXEC | O_NONBLOCK);
		ASSERT_GE(fds[i], 0);
		ASSERT_EQ(0, ev_connect(fds[i], fds[i], &pairs[i]));
	}
	for (i = 0; i < 100; i++)
		ASSERT_EQ(0, ev_ping(fds[i], fds[i], &pairs[i]));
}

TEST_F(pair, irq_action_is_named_after_the_opener)
{
	int fd, port;

	/* The name at open() counts, not that at bind. */
	ASSERT_EQ(0, prctl(PR_SET_NAME, "evtchn-opener"));
	fd = ev_open(O_CLOEXEC);
	ASSERT_EQ(0, prctl(PR_SET_NAME, "evtchn-binder"));
	port = ev_bind_unbound(fd, EV_SELF);
	ASSERT_GT(port, 0);
	ASSERT_GT(ev_bind_unbound(fd, EV_SELF), 0);
	EXPECT_EQ(2, ev_count_irqs("evtchn:evtchn-opener"));
	EXPECT_EQ(0, ev_count_irqs("evtchn:evtchn-binder"));
	EXPECT_EQ(0, ev_unbind(fd, port));
	EXPECT_EQ(1, ev_count_irqs("evtchn:evtchn-opener"));
	close(fd);
	EXPECT_EQ(0, ev_count_irqs("evtchn:evtchn-opener"));
}

/* The program's second life, which tests nothing: it says whether it has a file. */
__attribute__((constructor)) static void after_exec(void)
{
	const char *what = getenv("EVTCHN_AFTER_EXEC");
	unsigned int port;
	int fd;

	if (!what || sscanf(what, "%d %u", &fd, &port) != 2)
		return;
	if (fcntl(fd, F_GETFD) < 0)
		_exit(2);
	/* It reads the port, writes it back and notifies it. */
	_exit(ev_take(fd) != (int)port || ev_enable(fd, port) != 4 || ev_notify(fd, port));
}

static int exit_code(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -ECHILD;
	return WEXITSTATUS(status);
}

/* What after_exec() says of fd_a in a child. */
static int exec_in_child(FIXTURE_DATA(pair) *self)
{
	char what[32];
	pid_t pid = fork();

	if (pid)
		return exit_code(pid);
	snprintf(what, sizeof(what), "%d %u", self->fd_a, self->pair.a);
	setenv("EVTCHN_AFTER_EXEC", what, 1);
	execl("/proc/self/exe", "evtchn_test", NULL);
	_exit(127);
}

TEST_F(pair, file_is_shared_over_fork_exec_and_dup)
{
	int port, peer, fd = ev_open(0);
	pid_t pid;

	EXPECT_EQ(0, fcntl(fd, F_GETFD));
	EXPECT_EQ(FD_CLOEXEC, fcntl(self->fd_a, F_GETFD));
	ASSERT_EQ(0, ev_notify(self->fd_b, self->pair.b));
	EXPECT_EQ(2, exec_in_child(self));
	/* Closed in the child, the file goes on. */
	ASSERT_EQ(0, fcntl(self->fd_a, F_SETFD, 0));
	EXPECT_EQ(0, exec_in_child(self));
	EXPECT_EQ(self->pair.b, ev_take(self->fd_b));
	EXPECT_EQ(4, ev_enable(self->fd_b, self->pair.b));

	/* What a child has bound outlives it. */
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		port = ev_bind_unbound(self->fd_a, EV_SELF);
		_exit(ev_bind_interdomain(self->fd_b, EV_SELF, port) < 0);
	}
	EXPECT_EQ(0, exit_code(pid));
	peer = ev_take(self->fd_b);
	EXPECT_EQ(0, ev_notify(self->fd_b, peer));
	port = ev_take(self->fd_a);
	EXPECT_NE(self->pair.a, port);
	EXPECT_EQ(0, ev_unbind(self->fd_a, port));

	fd = dup(self->fd_a);
	EXPECT_EQ(0, ev_ping(fd, self->fd_b, &self->pair));
	EXPECT_EQ(0, close(self->fd_a));
	EXPECT_EQ(0, ev_ping(fd, self->fd_b, &self->pair));
}

TEST_F(pair, fresh_binding_is_enabled_and_interdomain_is_an_event)
{
	struct ev_pair new;
	int ret;

	ret = ev_bind_unbound(self->fd_a, EV_SELF);
	ASSERT_GT(ret, 0);
	new.a = ret;
	/* Nobody is there yet, which is not reported. */
	EXPECT_EQ(0, ev_notify(self->fd_a, new.a));
	EXPECT_EQ(-EAGAIN, next(self->fd_a));
	ret = ev_bind_interdomain(self->fd_b, EV_SELF, new.a);
	ASSERT_GT(ret, 0);
	new.b = ret;
	EXPECT_EQ(new.b, ev_take(self->fd_b));
	/* Written, so that a second one could come. */
	EXPECT_EQ(4, ev_enable(self->fd_b, new.b));
	EXPECT_EQ(-EAGAIN, next(self->fd_b));
	/* Nobody has written a. */
	EXPECT_EQ(0, ev_ping(self->fd_a, self->fd_b, &new));

	EXPECT_EQ(-EINVAL, ev_bind_interdomain(self->fd_a, EV_SELF, new.a));
	EXPECT_EQ(-EINVAL, ev_bind_interdomain(self->fd_a, EV_SELF, new.b));
	EXPECT_EQ(-EISCONN, ev_bind_static(self->fd_a, new.a));
	EXPECT_EQ(-EISCONN, ev_bind_static(self->fd_b, new.b));
	EXPECT_EQ(0, ev_ping(self->fd_a, self->fd_b, &new));
	EXPECT_EQ(0, ev_ping(self->fd_a, self->fd_b, &self->pair));
}

TEST_F(pair, event_is_of_one_port_and_file_only)
{
	EXPECT_EQ(0, notify_a(self));
	EXPECT_EQ(-EAGAIN, next(self->fd_b));
	EXPECT_EQ(self->pair.a, next(self->fd_a));
	EXPECT_EQ(-EAGAIN, next(self->fd_a));
	EXPECT_EQ(4, enable_a(self));

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

TEST_F(pair, port_is_masked_until_written)
{
	unsigned int ports[8];
	int i;

	/* Unread, dropped by RESET, and read. */
	for (i = 0; i < 5; i++)
		ASSERT_EQ(0, notify_a(self));
	EXPECT_EQ(EV_POLL_EVENT, ev_poll(self->fd_a));
	EXPECT_EQ(0, ev_reset(self->fd_a));
	EXPECT_EQ(EV_POLL_IDLE, ev_poll(self->fd_a));
	ASSERT_EQ(0, notify_a(self));
	EXPECT_EQ(-EAGAIN, next(self->fd_a));
	EXPECT_EQ(4, enable_a(self));
	EXPECT_EQ(self->pair.a, ev_take(self->fd_a));
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

	/* Written before it is read, it comes twice; read does not wait for more. */
	ASSERT_EQ(0, fill(self, 1));
	ASSERT_EQ(0, notify_a(self));
	ASSERT_EQ(0, fcntl(self->fd_a, F_SETFL, 0));
	EXPECT_EQ(8, ev_read(self->fd_a, ports, sizeof(ports)));
	EXPECT_EQ(self->pair.a, ports[0]);
	EXPECT_EQ(self->pair.a, ports[1]);

	/* Often enough for the rings to wrap. */
	EXPECT_EQ(4, enable_a(self));
	EXPECT_EQ(4, ev_enable(self->fd_b, self->pair.b));
	for (i = 0; i < 2 * RING_MIN; i++)
		ASSERT_EQ(0, ev_ping(self->fd_a, self->fd_b, &self->pair));
	EXPECT_EQ(EV_POLL_IDLE, ev_poll(self->fd_a));
	EXPECT_EQ(EV_POLL_IDLE, ev_poll(self->fd_b));
}

TEST_F(pair, unbind_and_close_close_the_ports)
{
	int before = ev_xen_count_loopbacks(), i;
	struct ev_pair other;

	EXPECT_EQ(0, ev_is_alone(self->pair.b));
	/*
	 * Xen gives the lowest free numbers out: these come again, and no new
	 * binding inherits a mask.
	 */
	for (i = 0; i < 4; i++) {
		ASSERT_EQ(0, ev_ping(self->fd_a, self->fd_b, &self->pair));
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
		ASSERT_EQ(0, ev_connect(self->fd_a, self->fd_b, &self->pair));
	}

	/* With an event that is unread, and one that was. */
	ASSERT_EQ(0, ev_connect(self->fd_b, self->fd_a, &other));
	ASSERT_EQ(self->pair.a, mask_a(self));
	ASSERT_EQ(0, ev_notify_settled(self->fd_b, other.a));
	ASSERT_EQ(0, close(self->fd_a));
	EXPECT_EQ(1, ev_is_alone(self->pair.b));
	EXPECT_EQ(1, ev_is_alone(other.a));
	/* Two went, and two are alone. */
	EXPECT_EQ(before, ev_xen_count_loopbacks());
	EXPECT_EQ(0, ev_notify(self->fd_b, self->pair.b));
	EXPECT_EQ(0, ev_unbind(self->fd_b, self->pair.b));
}

TEST_F(pair, write_counts_and_ignores_what_it_cannot_enable)
{
	unsigned int ports[] = {
		0, ~0u, 0x20000, self->pair.b, self->pair.a, self->pair.a,
	};

	ASSERT_EQ(self->pair.a, mask_a(self));
	EXPECT_EQ(sizeof(ports), ev_write(self->fd_a, ports, sizeof(ports)));
	EXPECT_EQ(-EAGAIN, next(self->fd_a));
	EXPECT_EQ(0, ev_ping(self->fd_a, self->fd_b, &self->pair));
}

TEST_F(pair, write_is_of_a_page_at_most_and_a_fault_enables_nothing)
{
	size_t page = sysconf(_SC_PAGESIZE);
	char buf[8], *two = calloc(2, page);
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
	/* The first port past the page is not looked at, */
	memcpy(two + page, &self->pair.a, 4);
	EXPECT_EQ(page, ev_write(self->fd_a, two, 2 * page));
	EXPECT_EQ(page, ev_write(self->fd_a, two, page + 4));
	ASSERT_EQ(0, notify_a(self));
	EXPECT_EQ(-EAGAIN, next(self->fd_a));
	/* its memory need not exist, and the last one in the page counts. */
	memset(hole - page, 0, page - 4);
	EXPECT_EQ(page, ev_write(self->fd_a, hole - page, page + 9));
	EXPECT_EQ(self->pair.a, ev_take(self->fd_a));

	/* Nothing is touched behind the last whole port, and no alignment needed. */
	EXPECT_EQ(4, ev_write(self->fd_a, hole - 4, 7));
	ASSERT_EQ(0, notify_a(self));
	ASSERT_EQ(4, ev_read(self->fd_a, buf + 1, 4));
	EXPECT_EQ(4, ev_write(self->fd_a, buf + 1, 4));
	ASSERT_EQ(0, notify_a(self));
	memset(hole - 4, 0, 4);
	EXPECT_EQ(4, ev_read(self->fd_a, hole - 4, 7));
	EXPECT_EQ(0, memcmp(hole - 4, &self->pair.a, 4));
}

TEST_F(pair, virq_has_one_owner)
{
	unsigned int virq;
	int port = ev_bind_any_virq(self->fd_a, &virq);

	if (port < 0)
		SKIP(return, "Xen gives this domain no global VIRQ: %s", strerror(-port));
	EXPECT_EQ(-EEXIST, ev_bind_virq(self->fd_a, virq));
	EXPECT_EQ(-EEXIST, ev_bind_virq(self->fd_b, virq));
	EXPECT_EQ(-EINVAL, ev_bind_interdomain(self->fd_a, EV_SELF, port));
	/* Xen sends on no VIRQ's port, which is not reported. */
	EXPECT_EQ(0, ev_notify(self->fd_a, port));
	EXPECT_EQ(-EAGAIN, next(self->fd_a));

	/* Until it is unbound, or the file is closed. */
	EXPECT_EQ(0, ev_unbind(self->fd_a, port));
	EXPECT_GT(ev_bind_virq(self->fd_a, virq), 0);
	EXPECT_EQ(-EEXIST, ev_bind_virq(self->fd_b, virq));
	ASSERT_EQ(0, close(self->fd_a));
	EXPECT_GT(ev_bind_virq(self->fd_b, virq), 0);
}

TEST_F(pair, overflow_is_efbig_until_reset)
{
	unsigned int ports[RING_MIN + 1];
	struct ev_pair other;
	int i;

	ASSERT_EQ(0, ev_connect(self->fd_a, self->fd_b, &other));
	/* It holds 64, and room for one takes one. */
	ASSERT_EQ(0, fill(self, RING_MIN));
	EXPECT_EQ(self->pair.a, next(self->fd_a));
	ASSERT_EQ(0, fill(self, 1));
	EXPECT_EQ(RING_MIN * 4, ev_read(self->fd_a, ports, sizeof(ports)));
	for (i = 0; i < RING_MIN; i++)
		EXPECT_EQ(self->pair.a, ports[i]);

	/* Twice, as RESET gives all of it back. */
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, fill(self, RING_MIN));
		EXPECT_EQ(EV_POLL_EVENT, ev_poll(self->fd_a));
		/* Both events are dropped; nor does writing a port undo it. */
		ASSERT_EQ(0, ev_notify_settled(self->fd_b, other.b));
		EXPECT_EQ(POLLERR, ev_poll(self->fd_a));
		ASSERT_EQ(0, fill(self, 1));
		ASSERT_EQ(0, notify_a(self));
		EXPECT_EQ(POLLERR, ev_poll(self->fd_a));
		EXPECT_EQ(-EFBIG, ev_read(self->fd_a, ports, sizeof(ports)));
		/* No reason to wait. */
		ASSERT_EQ(0, fcntl(self->fd_a, F_SETFL, 0));
		EXPECT_EQ(-EFBIG, ev_read(self->fd_a, ports, 4));
		ASSERT_EQ(0, fcntl(self->fd_a, F_SETFL, O_NONBLOCK));
		EXPECT_EQ(0, ev_reset(self->fd_a));
		EXPECT_EQ(EV_POLL_IDLE, ev_poll(self->fd_a));

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
	}
}

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
	select(fd + 1, &sets[0], &sets[1], &sets[2], &none);
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

TEST_F(pair, epoll_waits_once_or_for_each_edge)
{
	int epfd = epoll_create1(EPOLL_CLOEXEC), i;

	ASSERT_EQ(0, epoll_set(epfd, EPOLL_CTL_ADD, self->fd_a, EPOLLIN | EPOLLONESHOT));
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, ev_notify(self->fd_b, self->pair.b));
		EXPECT_EQ(EPOLLIN, epoll_events(epfd, EV_GUARD_MS));
		EXPECT_EQ(0, epoll_events(epfd, 0));
		ASSERT_EQ(0, epoll_set(epfd, EPOLL_CTL_MOD, self->fd_a,
				       EPOLLIN | EPOLLONESHOT));
	}
	/* Once for what was there before, */
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

TEST_F(pair, sigio_comes_when_the_ring_is_no_longer_empty)
{
	struct timespec guard = { .tv_sec = EV_GUARD_MS / 1000 }, now = {};
	unsigned int ports[3];
	struct ev_pair other;
	sigset_t set;
	int i;

	ASSERT_EQ(0, ev_connect(self->fd_a, self->fd_b, &other));
	sigemptyset(&set);
	sigaddset(&set, SIGIO);
	ASSERT_EQ(0, sigprocmask(SIG_BLOCK, &set, NULL));
	ASSERT_EQ(0, fcntl(self->fd_a, F_SETOWN, getpid()));
	ASSERT_EQ(0, fcntl(self->fd_a, F_SETFL, O_ASYNC | O_NONBLOCK));
	EXPECT_EQ(-1, sigtimedwait(&set, NULL, &now));
	for (i = 0; i < 6; i++) {
		ASSERT_EQ(0, ev_notify(self->fd_b, self->pair.b));
		ASSERT_EQ(SIGIO, sigtimedwait(&set, NULL, &guard));
		/* Not for what comes behind that. */
		ASSERT_EQ(0, ev_notify_settled(self->fd_b, other.b));
		EXPECT_EQ(-1, sigtimedwait(&set, NULL, &now));
		/* Emptied by RESET or by read(). */
		EXPECT_EQ(i & 1 ? 0 : 8, i & 1 ? ev_reset(self->fd_a) :
					 ev_read(self->fd_a, ports, sizeof(ports)));
		EXPECT_EQ(4, enable_a(self));
		EXPECT_EQ(4, ev_enable(self->fd_a, other.a));
	}
	ASSERT_EQ(0, fcntl(self->fd_a, F_SETFL, O_NONBLOCK));
	ASSERT_EQ(0, notify_a(self));
	EXPECT_EQ(EV_POLL_EVENT, ev_poll(self->fd_a));
	EXPECT_EQ(-1, sigtimedwait(&set, NULL, &now));
}

static atomic_int signals;

static void count_signal(int sig)
{
	signals++;
}

/* The port that the thread has read, what poll() told it, or -errno. */
static int join(struct ev_sleeper *sleeper)
{
	pthread_join(sleeper->thread, NULL);
	if (sleeper->poll || sleeper->ret != sizeof(sleeper->port))
		return sleeper->ret;
	return sleeper->port;
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
	int i, fd, port;

	ASSERT_EQ(0, fcntl(self->fd_a, F_SETFL, 0));
	for (i = 0; i < 20; i++) {
		ASSERT_EQ(0, ev_sleeper_start(&reader, self->fd_a, 0));
		EXPECT_FALSE(atomic_load(&reader.done));
		ASSERT_EQ(0, ev_notify(self->fd_b, self->pair.b));
		ASSERT_EQ(self->pair.a, join(&reader));
		ASSERT_EQ(4, enable_a(self));
	}
	/* Of a file that has no port at all when the read begins. */
	fd = ev_open(O_CLOEXEC);
	ASSERT_EQ(0, ev_sleeper_start(&reader, fd, 0));
	port = ev_bind_interdomain(fd, EV_SELF, ev_bind_unbound(self->fd_a, EV_SELF));
	ASSERT_GT(port, 0);
	EXPECT_EQ(port, join(&reader));
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
	EXPECT_FALSE(atomic_load(&reader.done));
	/* Masked until now, the event wakes it. */
	EXPECT_EQ(4, enable_a(self));
	EXPECT_EQ(self->pair.a, join(&reader));
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
	EXPECT_FALSE(atomic_load(&reader.done));
	EXPECT_EQ(0, ev_notify(self->fd_b, self->pair.b));
	EXPECT_EQ(self->pair.a, join(&reader));
}

TEST_F(pair, event_wakes_one_reader_and_every_poller)
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

	ASSERT_EQ(4, enable_a(self));
	ASSERT_EQ(0, ev_sleeper_start(&first, self->fd_a, POLLIN));
	ASSERT_EQ(0, ev_sleeper_start(&second, self->fd_a, POLLRDNORM));
	EXPECT_FALSE(first.done || second.done);
	EXPECT_EQ(0, ev_notify(self->fd_b, self->pair.b));
	EXPECT_EQ(POLLIN, join(&first));
	EXPECT_EQ(POLLRDNORM, join(&second));
	EXPECT_EQ(self->pair.a, ev_take(self->fd_a));
}

static const char *info_of(int fd)
{
	static char text[1024];
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	return ev_read_file(path, text, sizeof(text)) ? "" : text;
}

static void expect_info(struct __test_metadata *_metadata, int fd, const char *lines)
{
	EXPECT_NE(NULL, strstr(info_of(fd), lines))
		TH_LOG("%s", info_of(fd));
}

TEST_F(pair, fdinfo_tells_of_ports_ring_and_restriction)
{
	int fd = ev_open(O_CLOEXEC);
	struct ev_pair other;

	if (!strstr(info_of(fd), "evtchn-ports:"))
		SKIP(return, "this driver's fdinfo has no evtchn-ports");
	expect_info(_metadata, fd, "evtchn-ports:\t0\nevtchn-ring:\t0/0\n");
	EXPECT_EQ(NULL, strstr(info_of(fd), "evtchn-restrict-domid:"));
	EXPECT_EQ(0, ev_restrict(fd, 5));
	expect_info(_metadata, fd, "evtchn-restrict-domid:\t5\n");

	ASSERT_EQ(0, ev_connect(self->fd_a, self->fd_b, &other));
	expect_info(_metadata, self->fd_a, "evtchn-ports:\t2\nevtchn-ring:\t0/64\n");
	ASSERT_EQ(0, notify_a(self));
	ASSERT_EQ(0, ev_notify_settled(self->fd_b, other.b));
	expect_info(_metadata, self->fd_a, "evtchn-ports:\t2\nevtchn-ring:\t2/64\n");
	/* UNBIND takes the event along. */
	EXPECT_EQ(0, ev_unbind(self->fd_a, other.a));
	expect_info(_metadata, self->fd_a, "evtchn-ports:\t1\nevtchn-ring:\t1/64\n");

	EXPECT_EQ(4, enable_a(self));
	ASSERT_EQ(0, fill(self, RING_MIN));
	expect_info(_metadata, self->fd_a, "evtchn-ring:\t64/64 overflow\n");
	EXPECT_EQ(0, ev_reset(self->fd_a));
	expect_info(_metadata, self->fd_a, "evtchn-ring:\t0/64\n");
}

/* Many ports in one file, each with an event that is not read yet */

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

/* Of 64, 128 and 256 the ring is full, so that one more makes it grow. */
FIXTURE_VARIANT_ADD(table, of_8) { .ports = 8 };
FIXTURE_VARIANT_ADD(table, of_64) { .ports = 64 };
FIXTURE_VARIANT_ADD(table, of_128) { .ports = 128 };
FIXTURE_VARIANT_ADD(table, of_256) { .ports = 256 };

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

FIXTURE_TEARDOWN(table) { }

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

TEST_F(table, sizes_are_rounded_down_in_each_piece_of_a_vector)
{
	unsigned int ports[2] = {};
	struct iovec whole[2] = { { &ports[0], 4 }, { &ports[1], 4 } };
	struct iovec half[2] = { { &ports[0], 2 }, { &ports[1], 4 } };
	unsigned char seen[16];
	int done = 0, i;
	size_t size;

	/* 0 to 9 bytes: 8 ports in all, which are masked then. */
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

	/* So that what comes is what was written. */
	for (i = 0; i < 8; i++)
		ASSERT_EQ(0, ev_notify(self->fd, self->peers[i]));
	for (done = 0, size = 0; size <= 9; size++) {
		EXPECT_EQ(size / 4 * 4, ev_write(self->fd, &self->order[done], size));
		EXPECT_TRUE(take_all(self->fd, &self->order[done], size / 4));
		done += size / 4;
	}

	/* Half a port is none, and ends the call. */
	memcpy(ports, self->order, sizeof(ports));
	ASSERT_EQ(0, ev_notify(self->fd, self->peers[0]));
	ASSERT_EQ(0, ev_notify(self->fd, self->peers[1]));
	EXPECT_EQ(0, writev(self->fd, half, 2));
	EXPECT_EQ(-EAGAIN, next(self->fd));
	EXPECT_EQ(8, writev(self->fd, whole, 2));
	ev_settle();
	memset(ports, 0, sizeof(ports));
	EXPECT_EQ(0, readv(self->fd, half, 2));
	EXPECT_EQ(8, readv(self->fd, whole, 2));
	EXPECT_EQ(self->order[0] + self->order[1], ports[0] + ports[1]);
	EXPECT_NE(ports[0], ports[1]);
}

TEST_F(table, growth_keeps_content_and_order_and_doubles_the_ring)
{
	int n = variant->ports, slots = n < RING_MIN ? RING_MIN : 2 * n, port, i;
	unsigned int seen[TABLE_MAX + 2];

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

	/* Fill it by a port that is written back, but not read, with one too many. */
	for (i = 0; i <= slots; i++) {
		ASSERT_EQ(i ? EV_POLL_EVENT : EV_POLL_IDLE, ev_poll(self->fd));
		ASSERT_EQ(4, ev_enable(self->fd, seen[0]));
		ASSERT_EQ(0, ev_notify_settled(self->fd, self->peers[0]));
	}
	EXPECT_EQ(POLLERR, ev_poll(self->fd));

	/* Every port is as good as ever. */
	EXPECT_EQ(0, ev_reset(self->fd));
	EXPECT_EQ(n * 4, ev_write(self->fd, seen, n * 4));
	for (i = 0; i < n / 2; i++)
		ASSERT_EQ(0, ev_ping(self->fd, self->fd, &self->pairs[i]));
}

/* What Xen itself says, asked through privcmd, which serves no 32-bit programs */

#if UINTPTR_MAX > UINT32_MAX

FIXTURE(xen)
{
	int fd;
	int peer_fd;
	/* Allocated in Xen, as a static port is; no file has it. */
	int port;
};

FIXTURE_SETUP(xen)
{
	if (ev_xen_missing)
		SKIP(return, "%s", ev_xen_missing);
	self->fd = ev_open(O_CLOEXEC | O_NONBLOCK);
	ASSERT_GE(self->fd, 0);
	self->peer_fd = ev_open(O_CLOEXEC | O_NONBLOCK);
	ASSERT_GE(self->peer_fd, 0);
	self->port = ev_xen_alloc_unbound(EV_SELF);
	ASSERT_GT(self->port, 0);
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

	/* Alone: EISCONN does not close it, nor UNBIND, */
	EXPECT_EQ(0, ev_bind_static(self->fd, self->port));
	EXPECT_EQ(-EISCONN, ev_bind_static(self->fd, self->port));
	EXPECT_EQ(EV_UNBOUND, ev_xen_status(self->port));
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

TEST_F(xen, virq_is_bound_on_vcpu_0)
{
	/* XENOPROF is a VIRQ of each vCPU, so that its port never moves. */
	int port = ev_bind_virq(self->fd, 7);
	union ev_xen_arg arg;

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

#include "log_test.h"

TEST_HARNESS_MAIN
