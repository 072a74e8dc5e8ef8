// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The user ABI of /dev/xen/evtchn: what programs rely on, over loopbacks inside
 * this domain. Each test is a process of its own, whose end closes its files.
 *
 * No test measures time. Before a test claims that no event comes, it waits
 * until every event that was sent is handled (ev_settle()).
 */
#include <signal.h>
#include <sys/wait.h>

#include "common.h"

#define RING_MIN	64

/* Every command there is, by its number. */
static const struct {
	unsigned long cmd;
	unsigned int size;
} commands[] = {
	{ IOCTL_EVTCHN_BIND_VIRQ, 4 },
	{ IOCTL_EVTCHN_BIND_INTERDOMAIN, 8 },
	{ IOCTL_EVTCHN_BIND_UNBOUND_PORT, 4 },
	{ IOCTL_EVTCHN_UNBIND, 4 },
	{ IOCTL_EVTCHN_NOTIFY, 4 },
	{ IOCTL_EVTCHN_RESET, 0 },
	{ IOCTL_EVTCHN_RESTRICT_DOMID, 2 },
	{ IOCTL_EVTCHN_BIND_STATIC, 4 },
};

/* An address that no program can access. */
#define KERNEL_MEMORY	((void *)-4096L)

/* The first byte of a hole that follows a page of memory, or NULL. */
static void *hole_in_memory(void)
{
	long page = sysconf(_SC_PAGESIZE);
	char *map = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	/* Not unmapped: a later mmap() must not fill the hole. */
	if (map == MAP_FAILED || mprotect(map + page, page, PROT_NONE))
		return NULL;
	return map + page;
}

/* Two files, each with one end of a pair, quiet */

FIXTURE(pair)
{
	int fd_a, fd_b;
	struct ev_pair pair;
	void *hole;
};

FIXTURE_SETUP(pair)
{
	/* The device could be opened before: if this fails, so do all tests. */
	self->fd_a = ev_open(O_CLOEXEC | O_NONBLOCK);
	self->fd_b = ev_open(O_CLOEXEC | O_NONBLOCK);
	ASSERT_EQ(0, ev_connect(self->fd_a, self->fd_b, &self->pair));
	self->hole = hole_in_memory();
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

/* Makes an event of a, which is read but not written. Returns a, or -errno. */
static int mask_a(FIXTURE_DATA(pair) *self)
{
	return ev_notify(self->fd_b, self->pair.b) ?: ev_take(self->fd_a);
}

/* Makes @n events of a, and writes but does not read them: 0 or -errno. */
static int fill(FIXTURE_DATA(pair) *self, int n)
{
	int ret = 0;

	while (ret >= 0 && n--)
		ret = notify_a(self) ?: enable_a(self);
	return ret < 0 ? ret : 0;
}

/* ENOSYS, not ENOTTY, is the ABI. */
TEST_F(pair, what_is_no_command_of_the_abi_is_enosys)
{
	static const unsigned long others[] = {
		_IOC(_IOC_NONE, 'E', ARRAY_SIZE(commands), 4),
		_IOC(_IOC_NONE, 'E', 0, 8), _IOC(_IOC_NONE, 'E', 5, 4),
		_IOC(_IOC_READ, 'E', 3, 4), _IOC(_IOC_WRITE, 'E', 6, 2),
		_IOC(_IOC_NONE, 'F', 4, 4),
		/* isatty() calls this one on every file. */
		TCGETS,
	};
	unsigned int arg[16] = {}, i;

	for (i = 0; i < ARRAY_SIZE(others); i++)
		EXPECT_EQ(-ENOSYS, ev_ioctl(self->fd_a, others[i], arg))
			TH_LOG("%#lx", others[i]);
	for (i = 0; i < ARRAY_SIZE(commands); i++)
		EXPECT_EQ(_IOC(_IOC_NONE, 'E', i, commands[i].size), commands[i].cmd);
}

TEST_F(pair, failing_commands_say_why_and_change_nothing)
{
	int before = ev_loopbacks_if_alone(), fd = ev_open(O_CLOEXEC);
	unsigned int i, size;

	/* Xen has 24 VIRQs. */
	EXPECT_EQ(-EINVAL, ev_bind_virq(fd, 24));
	EXPECT_EQ(-EINVAL, ev_bind_virq(fd, 0x10004));
	EXPECT_EQ(-ESRCH, ev_bind_interdomain(fd, EV_NO_DOMAIN, 1));
	EXPECT_EQ(-EINVAL, ev_bind_interdomain(fd, EV_SELF, 0));
	EXPECT_EQ(-EINVAL, ev_bind_interdomain(fd, EV_SELF, ~0u));
	/* Port 1 is the kernel's. The event ABIs have 1024 channels to 0x20000. */
	EXPECT_EQ(-ENOTCONN, ev_unbind(fd, 1));
	EXPECT_EQ(-ENOTCONN, ev_unbind(fd, 1023));
	EXPECT_EQ(-EINVAL, ev_unbind(fd, 0x20000));
	EXPECT_EQ(-ENOTCONN, ev_notify(fd, 1));
	EXPECT_EQ(-ENOTCONN, ev_notify(fd, ~0u));
	EXPECT_EQ(-EINVAL, ev_restrict(fd, 0));
	EXPECT_EQ(-EINVAL, ev_restrict(fd, EV_NO_DOMAIN + 1));

	memset(self->hole - 8, 0xff, 8);
	for (i = 0; i < ARRAY_SIZE(commands); i++) {
		size = commands[i].size;
		if (!size)
			continue;
		EXPECT_EQ(-EFAULT, ev_ioctl(fd, commands[i].cmd, NULL));
		EXPECT_EQ(-EFAULT, ev_ioctl(fd, commands[i].cmd, KERNEL_MEMORY));
		EXPECT_EQ(-EFAULT, ev_ioctl(fd, commands[i].cmd, self->hole - size + 1))
			TH_LOG("command %u reads less than %u bytes", i, size);
		/* Earlier drivers accept any port as a static one. */
		if (commands[i].cmd != IOCTL_EVTCHN_BIND_STATIC)
			EXPECT_NE(-EFAULT, ev_ioctl(fd, commands[i].cmd, self->hole - size))
				TH_LOG("command %u reads more than %u bytes", i, size);
	}
	EXPECT_EQ(before, ev_loopbacks_if_alone());
	/* RESTRICT_DOMID has had no effect, either. */
	EXPECT_GT(ev_bind_unbound(fd, EV_SELF), 0);
	EXPECT_EQ(0, ev_restrict(fd, 1));
}

TEST_F(pair, restriction_is_for_each_command_as_promised)
{
	int copy = dup(self->fd_a), port;

	EXPECT_EQ(0, ev_restrict(self->fd_a, EV_NO_DOMAIN));
	EXPECT_EQ(-EACCES, ev_bind_virq(self->fd_a, 4));
	EXPECT_EQ(-EACCES, ev_bind_unbound(self->fd_a, EV_NO_DOMAIN));
	/* More than 16 bits are compared. */
	EXPECT_EQ(-EACCES, ev_bind_interdomain(self->fd_a, 0x10000 | EV_NO_DOMAIN, 1));
	/* This error comes from Xen. */
	EXPECT_EQ(-ESRCH, ev_bind_interdomain(self->fd_a, EV_NO_DOMAIN, 1));
	EXPECT_EQ(-EACCES, ev_restrict(self->fd_a, EV_NO_DOMAIN));
	EXPECT_EQ(-EACCES, ev_restrict(self->fd_a, 0));
	/* EACCES comes before EFAULT unless it depends on the argument. */
	EXPECT_EQ(-EACCES, ev_ioctl(self->fd_a, IOCTL_EVTCHN_BIND_VIRQ, NULL));
	EXPECT_EQ(-EACCES, ev_ioctl(self->fd_a, IOCTL_EVTCHN_RESTRICT_DOMID, NULL));
	EXPECT_EQ(-EFAULT, ev_ioctl(self->fd_a, IOCTL_EVTCHN_BIND_INTERDOMAIN, NULL));
	EXPECT_EQ(-EACCES, ev_bind_unbound(copy, EV_SELF));

	/* Not even to a port that waits for it; another file may. */
	port = ev_bind_unbound(self->fd_b, EV_SELF);
	ASSERT_GT(port, 0);
	EXPECT_EQ(-EACCES, ev_bind_interdomain(self->fd_a, EV_SELF, port));
	EXPECT_GT(ev_bind_interdomain(self->fd_b, EV_SELF, port), 0);
	EXPECT_GT(ev_take(self->fd_b), 0);
	EXPECT_EQ(0, ev_restrict(self->fd_b, 2));

	/* What was bound before stays usable. */
	EXPECT_EQ(0, ev_ping(self->fd_a, self->fd_b, &self->pair));
	ASSERT_EQ(0, notify_a(self));
	EXPECT_EQ(0, ev_reset(self->fd_a));
	EXPECT_EQ(-EAGAIN, ev_next(self->fd_a));
	EXPECT_EQ(0, ev_unbind(self->fd_a, self->pair.a));
	EXPECT_EQ(-ENOTCONN, ev_notify(self->fd_a, self->pair.a));
}

TEST_F(pair, device_is_a_stream)
{
	EXPECT_EQ(-1, lseek(self->fd_a, 0, SEEK_CUR));
	EXPECT_EQ(ESPIPE, errno);
	EXPECT_EQ(-1, pread(self->fd_a, &self->pair.a, 4, 0));
	EXPECT_EQ(ESPIPE, errno);
}

TEST_F(pair, empty_ring_is_writable_and_no_more)
{
	unsigned int ports[] = { 0, 1, 4095, 131072, ~0u };
	int fd = ev_open(O_CLOEXEC | O_NONBLOCK), i;

	/* Without a port, and with one. */
	for (i = 0; i < 2; i++) {
		EXPECT_EQ(EV_POLL_IDLE, ev_poll(fd));
		EXPECT_EQ(-EAGAIN, ev_read(fd, ports, sizeof(ports)));
		EXPECT_EQ(sizeof(ports), ev_write(fd, ports, sizeof(ports)));
		EXPECT_EQ(0, ev_reset(fd));

		/* Less than a port returns 0, and does not wait. */
		ASSERT_EQ(0, fcntl(fd, F_SETFL, 0));
		EXPECT_EQ(0, ev_read(fd, ports, 3));
		EXPECT_EQ(0, ev_write(fd, ports, 3));
		ASSERT_EQ(0, fcntl(fd, F_SETFL, O_NONBLOCK));
		ASSERT_GT(ev_bind_unbound(fd, EV_SELF), 0);
	}
}

/*
 * The program after exec(), without tests: it reports whether it has a file,
 * and reads, enables and notifies the port.
 */
__attribute__((constructor)) static void after_exec(void)
{
	const char *what = getenv("EVTCHN_AFTER_EXEC");
	int fd, port;

	if (!what || sscanf(what, "%d %d", &fd, &port) != 2)
		return;
	if (fcntl(fd, F_GETFD) < 0)
		_exit(2);
	_exit(ev_take(fd) != port || ev_enable(fd, port) != 4 || ev_notify(fd, port));
}

static int exit_code(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -ECHILD;
	return WEXITSTATUS(status);
}

/* The result of after_exec() for fd_a in a child. */
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
	/* When the child closes the file, it stays open here. */
	ASSERT_EQ(0, fcntl(self->fd_a, F_SETFD, 0));
	EXPECT_EQ(0, exec_in_child(self));
	EXPECT_EQ(self->pair.b, ev_take(self->fd_b));
	EXPECT_EQ(4, ev_enable(self->fd_b, self->pair.b));

	/* A port that a child has bound outlives the child. */
	pid = fork();
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
	struct ev_pair new = { .a = ev_bind_unbound(self->fd_a, EV_SELF) };

	/* No other end is connected yet, which is not reported. */
	EXPECT_EQ(0, ev_notify(self->fd_a, new.a));
	EXPECT_EQ(-EAGAIN, ev_next(self->fd_a));
	new.b = ev_bind_interdomain(self->fd_b, EV_SELF, new.a);
	EXPECT_EQ(new.b, ev_take(self->fd_b));
	/* Write it, so that a second event could come. */
	EXPECT_EQ(4, ev_enable(self->fd_b, new.b));
	EXPECT_EQ(-EAGAIN, ev_next(self->fd_b));
	/* Nobody has written a. */
	EXPECT_EQ(0, ev_ping(self->fd_a, self->fd_b, &new));

	EXPECT_EQ(-EINVAL, ev_bind_interdomain(self->fd_a, EV_SELF, new.a));
	EXPECT_EQ(-EINVAL, ev_bind_interdomain(self->fd_a, EV_SELF, new.b));
	EXPECT_EQ(-EISCONN, ev_bind_static(self->fd_a, new.a));
	EXPECT_EQ(-EISCONN, ev_bind_static(self->fd_b, new.b));
	EXPECT_EQ(0, ev_ping(self->fd_a, self->fd_b, &self->pair));
}

TEST_F(pair, event_is_of_one_port_and_file_only)
{
	EXPECT_EQ(0, notify_a(self));
	EXPECT_EQ(-EAGAIN, ev_next(self->fd_b));
	EXPECT_EQ(self->pair.a, ev_next(self->fd_a));
	EXPECT_EQ(-EAGAIN, ev_next(self->fd_a));
	EXPECT_EQ(4, enable_a(self));

	EXPECT_EQ(-ENOTCONN, ev_notify(self->fd_a, self->pair.b));
	EXPECT_EQ(-ENOTCONN, ev_notify(self->fd_b, self->pair.a));
	EXPECT_EQ(-EAGAIN, ev_next(self->fd_a));
	EXPECT_EQ(-ENOTCONN, ev_unbind(self->fd_a, self->pair.b));
	EXPECT_EQ(-ENOTCONN, ev_unbind(self->fd_b, self->pair.a));
	EXPECT_EQ(0, ev_ping(self->fd_a, self->fd_b, &self->pair));

	/* write() and RESET do not affect the other file, either. */
	ASSERT_EQ(0, notify_a(self));
	EXPECT_EQ(4, ev_enable(self->fd_b, self->pair.a));
	ASSERT_EQ(0, notify_a(self));
	EXPECT_EQ(0, ev_reset(self->fd_b));
	EXPECT_EQ(self->pair.a, ev_next(self->fd_a));
	EXPECT_EQ(-EAGAIN, ev_next(self->fd_a));
	EXPECT_EQ(-EAGAIN, ev_next(self->fd_b));
}

TEST_F(pair, port_is_masked_until_written)
{
	unsigned int ports[] = {
		0, ~0u, 0x20000, self->pair.b, self->pair.a, self->pair.a,
	};
	int i;

	/* Unread, dropped by RESET, and read. */
	for (i = 0; i < 5; i++)
		ASSERT_EQ(0, notify_a(self));
	EXPECT_EQ(0, ev_reset(self->fd_a));
	ASSERT_EQ(0, notify_a(self));
	EXPECT_EQ(-EAGAIN, ev_next(self->fd_a));
	EXPECT_EQ(4, enable_a(self));
	EXPECT_EQ(self->pair.a, ev_take(self->fd_a));
	for (i = 0; i < 5; i++)
		ASSERT_EQ(0, notify_a(self));
	EXPECT_EQ(-EAGAIN, ev_next(self->fd_a));
	/* The peer is not masked. */
	EXPECT_EQ(0, ev_notify(self->fd_a, self->pair.a));
	EXPECT_EQ(self->pair.b, ev_take(self->fd_b));

	/* They have folded into one. Enabled and foreign ports are ignored. */
	EXPECT_EQ(sizeof(ports), ev_write(self->fd_a, ports, sizeof(ports)));
	EXPECT_EQ(self->pair.a, ev_take(self->fd_a));
	EXPECT_EQ(sizeof(ports), ev_write(self->fd_a, ports, sizeof(ports)));
	EXPECT_EQ(-EAGAIN, ev_next(self->fd_a));

	/* A port that is written before it is read is twice in the ring. */
	ASSERT_EQ(0, fill(self, 1));
	ASSERT_EQ(0, notify_a(self));
	ASSERT_EQ(0, fcntl(self->fd_a, F_SETFL, 0));
	EXPECT_EQ(8, ev_read(self->fd_a, ports, sizeof(ports)));
	EXPECT_TRUE(ports[0] == self->pair.a && ports[1] == self->pair.a);

	/* Often enough for the rings to wrap. */
	EXPECT_EQ(4, enable_a(self));
	EXPECT_EQ(4, ev_enable(self->fd_b, self->pair.b));
	for (i = 0; i < 2 * RING_MIN; i++)
		ASSERT_EQ(0, ev_ping(self->fd_a, self->fd_b, &self->pair));
}

TEST_F(pair, unbind_and_close_close_the_ports)
{
	int before = ev_loopbacks_if_alone(), i;
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
		/* The peer can still notify, without effect. */
		EXPECT_EQ(0, notify_a(self));
		EXPECT_EQ(-EAGAIN, ev_next(self->fd_a));
		EXPECT_EQ(0, ev_unbind(self->fd_b, self->pair.b));
		ASSERT_EQ(0, ev_connect(self->fd_a, self->fd_b, &self->pair));
	}

	/* One port has an unread event, and one a read event. */
	ASSERT_EQ(0, ev_connect(self->fd_b, self->fd_a, &other));
	ASSERT_EQ(self->pair.a, mask_a(self));
	ASSERT_EQ(0, ev_notify_settled(self->fd_b, other.a));
	ASSERT_EQ(0, close(self->fd_a));
	EXPECT_EQ(1, ev_is_alone(self->pair.b));
	EXPECT_EQ(1, ev_is_alone(other.a));
	/* Two ports were closed, so two are not connected. */
	EXPECT_EQ(before, ev_loopbacks_if_alone());
	EXPECT_EQ(0, ev_notify(self->fd_b, self->pair.b));
	EXPECT_EQ(0, ev_unbind(self->fd_b, self->pair.b));
}

TEST_F(pair, write_is_of_a_page_at_most_and_a_fault_enables_nothing)
{
	size_t page = sysconf(_SC_PAGESIZE);
	char *two = calloc(2, page);
	void *hole = self->hole;

	ASSERT_EQ(self->pair.a, mask_a(self));
	memcpy(hole - 4, &self->pair.a, 4);
	EXPECT_EQ(-EFAULT, ev_write(self->fd_a, NULL, 4));
	EXPECT_EQ(-EFAULT, ev_write(self->fd_a, KERNEL_MEMORY, 4));
	/* The first port is readable, the second is not. */
	EXPECT_EQ(-EFAULT, ev_write(self->fd_a, hole - 4, 8));
	/* The first port past the page is ignored, */
	memcpy(two + page, &self->pair.a, 4);
	EXPECT_EQ(page, ev_write(self->fd_a, two, 2 * page));
	ASSERT_EQ(0, notify_a(self));
	EXPECT_EQ(-EAGAIN, ev_next(self->fd_a));
	/* its memory need not exist, and the last one in the page counts. */
	EXPECT_EQ(page, ev_write(self->fd_a, hole - page, page + 9));
	EXPECT_EQ(self->pair.a, ev_take(self->fd_a));

	/* Memory behind the last port is not used. No alignment is needed. */
	EXPECT_EQ(4, ev_write(self->fd_a, hole - 4, 7));
	ASSERT_EQ(0, notify_a(self));
	ASSERT_EQ(4, ev_read(self->fd_a, two + 1, 4));
	EXPECT_EQ(4, ev_write(self->fd_a, two + 1, 4));
	ASSERT_EQ(0, notify_a(self));
	EXPECT_EQ(4, ev_read(self->fd_a, hole - 4, 7));
}

TEST_F(pair, virq_has_one_owner)
{
	unsigned int virq;
	int port = ev_bind_any_virq(self->fd_a, &virq);

	if (port == -EEXIST || port == -EPERM)
		SKIP(return, "Xen gives this domain no global VIRQ: %s", strerror(-port));
	ASSERT_GT(port, 0);
	EXPECT_EQ(-EEXIST, ev_bind_virq(self->fd_a, virq));
	EXPECT_EQ(-EEXIST, ev_bind_virq(self->fd_b, virq));
	EXPECT_EQ(-EINVAL, ev_bind_interdomain(self->fd_a, EV_SELF, port));
	/* Xen refuses to send to a port of a VIRQ, which is not reported. */
	EXPECT_EQ(0, ev_notify(self->fd_a, port));
	EXPECT_EQ(-EAGAIN, ev_next(self->fd_a));

	/* The VIRQ is bound until it is unbound, or the file is closed. */
	EXPECT_EQ(0, ev_unbind(self->fd_a, port));
	EXPECT_GT(ev_bind_virq(self->fd_a, virq), 0);
	EXPECT_EQ(-EEXIST, ev_bind_virq(self->fd_b, virq));
	ASSERT_EQ(0, close(self->fd_a));
	EXPECT_GT(ev_bind_virq(self->fd_b, virq), 0);
}

TEST_F(pair, overflow_is_efbig_until_reset)
{
	struct ev_pair other;
	unsigned int port, i;

	ASSERT_EQ(0, ev_connect(self->fd_a, self->fd_b, &other));
	/* Twice, as all works again after a RESET. */
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, fill(self, RING_MIN));
		/* Both events are dropped, and writing a port does not help. */
		ASSERT_EQ(0, ev_notify_settled(self->fd_b, other.b));
		ASSERT_EQ(0, fill(self, 1));
		ASSERT_EQ(0, notify_a(self));
		/* A read does not wait. */
		ASSERT_EQ(0, fcntl(self->fd_a, F_SETFL, 0));
		EXPECT_EQ(-EFBIG, ev_read(self->fd_a, &port, sizeof(port)));
		ASSERT_EQ(0, fcntl(self->fd_a, F_SETFL, O_NONBLOCK));
		EXPECT_EQ(0, ev_reset(self->fd_a));

		/* The ports are masked until written, */
		ASSERT_EQ(0, notify_a(self));
		ASSERT_EQ(0, ev_notify(self->fd_b, other.b));
		EXPECT_EQ(-EAGAIN, ev_next(self->fd_a));
		/* then each delivers the event that came meanwhile, */
		EXPECT_EQ(4, ev_enable(self->fd_a, other.a));
		EXPECT_EQ(other.a, ev_take(self->fd_a));
		EXPECT_EQ(4, enable_a(self));
		EXPECT_EQ(self->pair.a, ev_take(self->fd_a));
		/* and all works again. */
		EXPECT_EQ(4, ev_enable(self->fd_a, other.a));
		EXPECT_EQ(4, enable_a(self));
		EXPECT_EQ(0, ev_ping(self->fd_a, self->fd_b, &self->pair));
		EXPECT_EQ(0, ev_ping(self->fd_a, self->fd_b, &other));
	}
}

TEST_F(pair, poll_tells_of_events_and_of_an_overflow)
{
	EXPECT_EQ(EV_POLL_IDLE, ev_poll(self->fd_a));
	ASSERT_EQ(0, notify_a(self));
	EXPECT_EQ(EV_POLL_EVENT, ev_poll(self->fd_a));
	EXPECT_EQ(self->pair.a, ev_next(self->fd_a));
	EXPECT_EQ(EV_POLL_IDLE, ev_poll(self->fd_a));

	EXPECT_EQ(4, enable_a(self));
	ASSERT_EQ(0, fill(self, RING_MIN));
	EXPECT_EQ(EV_POLL_EVENT, ev_poll(self->fd_a));
	ASSERT_EQ(0, fill(self, 1));
	EXPECT_EQ(POLLERR, ev_poll(self->fd_a));
	EXPECT_EQ(0, ev_reset(self->fd_a));
	EXPECT_EQ(EV_POLL_IDLE, ev_poll(self->fd_a));
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
	for (i = 0; i < 4; i++) {
		ASSERT_EQ(0, ev_notify(self->fd_b, self->pair.b));
		ASSERT_EQ(SIGIO, sigtimedwait(&set, NULL, &guard));
		/* A further event sends no signal. */
		ASSERT_EQ(0, ev_notify_settled(self->fd_b, other.b));
		EXPECT_EQ(-1, sigtimedwait(&set, NULL, &now));
		/* Empty the ring by RESET or by read(). */
		EXPECT_EQ(i % 2 ? 0 : 8, i % 2 ? ev_reset(self->fd_a) :
					 ev_read(self->fd_a, ports, sizeof(ports)));
		EXPECT_EQ(4, enable_a(self));
		EXPECT_EQ(4, ev_enable(self->fd_a, other.a));
	}
	ASSERT_EQ(0, fcntl(self->fd_a, F_SETFL, O_NONBLOCK));
	ASSERT_EQ(0, notify_a(self));
	EXPECT_EQ(-1, sigtimedwait(&set, NULL, &now));
}

static atomic_int signals;

static void count_signal(int sig)
{
	signals++;
}

/* The port that the thread has read, the result of its poll(), or -errno. */
static int join(struct ev_sleeper *sleeper)
{
	pthread_join(sleeper->thread, NULL);
	if (sleeper->poll || sleeper->ret != sizeof(sleeper->port))
		return sleeper->ret;
	return sleeper->port;
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
	/* The file has no port when the read begins. */
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
	/* The port was masked until now; its event wakes the reader. */
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
	/* A second signal, in case that the first one came before the read. */
	while (!reader.done) {
		pthread_kill(reader.thread, SIGUSR1);
		usleep(10000);
	}
	EXPECT_EQ(-EINTR, join(&reader));
	/* No event was lost. */
	EXPECT_EQ(0, ev_ping(self->fd_a, self->fd_b, &self->pair));

	action.sa_flags = SA_RESTART;
	ASSERT_EQ(0, sigaction(SIGUSR1, &action, NULL));
	ASSERT_EQ(0, ev_sleeper_start(&reader, self->fd_a, 0));
	signals = 0;
	ASSERT_EQ(0, pthread_kill(reader.thread, SIGUSR1));
	while (!signals)
		usleep(1000);
	ev_sleeper_wait(&reader);
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
	ev_sleeper_wait(first.done ? &second : &first);
	EXPECT_FALSE(first.done && second.done);
	/* The port is masked now; after a write it wakes the other reader. */
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

TEST_F(pair, fdinfo_tells_of_ports_ring_and_restriction)
{
	if (!strstr(info_of(self->fd_b), "evtchn-ports:"))
		SKIP(return, "this driver's fdinfo has no evtchn-ports");
	EXPECT_NE(NULL, strstr(info_of(self->fd_b),
			       "evtchn-ports:\t1\nevtchn-ring:\t0/64\n"));
	EXPECT_EQ(NULL, strstr(info_of(self->fd_b), "evtchn-restrict-domid:"));
	ASSERT_EQ(0, ev_restrict(self->fd_a, 5));
	ASSERT_EQ(0, fill(self, RING_MIN + 1));
	EXPECT_NE(NULL, strstr(info_of(self->fd_a),
			       "evtchn-ports:\t1\nevtchn-ring:\t64/64 overflow\n"
			       "evtchn-restrict-domid:\t5\n"))
		TH_LOG("%s", info_of(self->fd_a));
}

/* Many ports in one file, each with an event that is not read yet */

#define TABLE_MAX	128

FIXTURE(table)
{
	int fd;
	struct ev_pair pairs[TABLE_MAX / 2];
	/* The ports in the order of their events, and the other ends. */
	unsigned int order[TABLE_MAX];
	unsigned int peers[TABLE_MAX];
};

FIXTURE_VARIANT(table) { int ports; };

/* The ring has room for more; and it is full, so that one more makes it grow. */
FIXTURE_VARIANT_ADD(table, of_8) { .ports = 8 };
FIXTURE_VARIANT_ADD(table, of_128) { .ports = 128 };

FIXTURE_SETUP(table)
{
	int i, at, n = variant->ports;
	struct ev_pair *pair;

	self->fd = ev_open(O_CLOEXEC | O_NONBLOCK);
	ASSERT_EQ(0, ev_connect_many(self->fd, self->pairs, n / 2));
	/* The ring starts in its middle now. Move the start a bit further. */
	for (i = 0; i < 5; i++)
		ASSERT_EQ(0, ev_ping(self->fd, self->fd, &self->pairs[0]));
	for (i = 0; i < n; i++) {
		/* Not in the order of numbers; n is not a multiple of 3. */
		at = (3 * i + 1) % n;
		pair = &self->pairs[at / 2];
		self->order[i] = at & 1 ? pair->b : pair->a;
		self->peers[i] = at & 1 ? pair->a : pair->b;
		ASSERT_EQ(0, ev_notify_settled(self->fd, self->peers[i]));
	}
}

FIXTURE_TEARDOWN(table) { }

static void expect_ports(struct __test_metadata *_metadata, const unsigned int *want,
			 const unsigned int *seen, int n)
{
	int i;

	for (i = 0; i < n; i++)
		ASSERT_EQ(want[i], seen[i])
			TH_LOG("entry %d of %d", i, n);
}

static int by_number(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

TEST_F(table, ports_are_read_oldest_first_and_enabled_by_one_write)
{
	int n = variant->ports, done, size, now, i;
	unsigned int seen[TABLE_MAX];
	void *hole = hole_in_memory();

	/* A fault takes nothing, whether it is at the first port or later. */
	ASSERT_NE(NULL, hole);
	EXPECT_EQ(-EFAULT, ev_read(self->fd, NULL, 16));
	EXPECT_EQ(-EFAULT, ev_read(self->fd, KERNEL_MEMORY, 16));
	EXPECT_EQ(-EFAULT, ev_read(self->fd, hole - 6, 8));
	EXPECT_EQ(-EFAULT, ev_read(self->fd, hole - (n - 1) * 4, n * 4));

	/* In pieces of all sizes. */
	for (done = 0, size = 1; done < n; done += now, size = size % 7 + 1) {
		now = size < n - done ? size : n - done;
		ASSERT_EQ(now * 4, ev_read(self->fd, &seen[done], now * 4));
	}
	expect_ports(_metadata, self->order, seen, n);
	EXPECT_EQ(EV_POLL_IDLE, ev_poll(self->fd));

	for (i = 0; i < n; i++)
		ASSERT_EQ(0, ev_notify(self->fd, self->peers[i]));
	EXPECT_EQ(-EAGAIN, ev_next(self->fd));
	EXPECT_EQ(n * 4, ev_write(self->fd, seen, n * 4));
	/* They come in any order, as there are two vCPUs. */
	for (i = 0; i < n; i++)
		seen[i] = ev_take(self->fd);
	EXPECT_EQ(-EAGAIN, ev_next(self->fd));
	qsort(seen, n, sizeof(*seen), by_number);
	qsort(self->order, n, sizeof(*seen), by_number);
	expect_ports(_metadata, self->order, seen, n);
}

TEST_F(table, growth_keeps_content_and_order_and_doubles_the_ring)
{
	int n = variant->ports, slots = n < RING_MIN ? RING_MIN : 2 * n, port, i;
	unsigned int seen[TABLE_MAX + 2];

	port = ev_bind_unbound(self->fd, EV_SELF);
	ASSERT_GT(port, 0);
	/* The next event is queued behind the others. */
	port = ev_bind_interdomain(self->fd, EV_SELF, port);
	ASSERT_GT(port, 0);
	ev_settle();
	ASSERT_EQ((n + 1) * 4, ev_read(self->fd, seen, sizeof(seen)));
	expect_ports(_metadata, self->order, seen, n);
	EXPECT_EQ(port, seen[n]);

	/* Overflow the ring by a port that is written, but not read. */
	for (i = 0; i <= slots; i++) {
		ASSERT_EQ(i ? EV_POLL_EVENT : EV_POLL_IDLE, ev_poll(self->fd));
		ASSERT_EQ(4, ev_enable(self->fd, seen[0]));
		ASSERT_EQ(0, ev_notify_settled(self->fd, self->peers[0]));
	}
	EXPECT_EQ(POLLERR, ev_poll(self->fd));

	/* Every port works as before. */
	EXPECT_EQ(0, ev_reset(self->fd));
	EXPECT_EQ(n * 4, ev_write(self->fd, seen, n * 4));
	for (i = 0; i < n / 2; i++)
		ASSERT_EQ(0, ev_ping(self->fd, self->fd, &self->pairs[i]));
}

/* The state in Xen, queried through privcmd, which serves no 32-bit programs */

#if UINTPTR_MAX > UINT32_MAX

FIXTURE(xen)
{
	int fd, peer_fd;
	/* Allocated in Xen, as a static port is; no file has it. */
	int port;
};

FIXTURE_SETUP(xen)
{
	if (ev_xen_missing)
		SKIP(return, "%s", ev_xen_missing);
	self->fd = ev_open(O_CLOEXEC | O_NONBLOCK);
	self->peer_fd = ev_open(O_CLOEXEC | O_NONBLOCK);
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
	int i, status = EV_UNBOUND;

	for (i = 0; i < 4; i++) {
		/* By the same file and by the next one. */
		if (i % 2 == 0)
			self->fd = ev_open(O_CLOEXEC | O_NONBLOCK);
		/* First not connected, then connected. */
		if (i == 2) {
			pair.b = ev_bind_interdomain(self->peer_fd, EV_SELF, pair.a);
			ASSERT_EQ(pair.b, ev_take(self->peer_fd));
			ASSERT_EQ(4, ev_enable(self->peer_fd, pair.b));
			status = EV_INTERDOMAIN;
		}
		EXPECT_EQ(0, ev_bind_static(self->fd, pair.a));
		EXPECT_EQ(-EISCONN, ev_bind_static(self->fd, pair.a));
		EXPECT_EQ(status, ev_xen_status(pair.a));
		if (pair.b)
			EXPECT_EQ(0, ev_ping(self->fd, self->peer_fd, &pair));
		EXPECT_EQ(0, i % 2 ? close(self->fd) : ev_unbind(self->fd, pair.a));
		EXPECT_EQ(status, ev_xen_status(pair.a));
		EXPECT_EQ(i % 2 ? -EBADF : -ENOTCONN, ev_notify(self->fd, pair.a));
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

#endif

#include "log_test.h"

TEST_HARNESS_MAIN
