// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The contract of /dev/xen/evtchn: what programs depend on, one claim a test,
 * over loopbacks inside this domain.
 *
 * Nothing here measures time. Where a test says that no event comes, it first
 * lets every event that was sent be handled (ev_settle()).
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/uio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include "common.h"

#define RING_MIN	64

/* The kernel log since the program's start; set in main(). */
static int log_fd;

/*
 * A file, without ports
 */

FIXTURE(file)
{
	int fd;
};

FIXTURE_SETUP(file)
{
	self->fd = ev_open(O_CLOEXEC | O_NONBLOCK);
	ASSERT_GE(self->fd, 0);
}

FIXTURE_TEARDOWN(file)
{
	close(self->fd);
}

TEST_F(file, ioctl_numbers_are_the_abi)
{
	EXPECT_EQ(_IOC(_IOC_NONE, 'E', 0, 4), IOCTL_EVTCHN_BIND_VIRQ);
	EXPECT_EQ(_IOC(_IOC_NONE, 'E', 1, 8), IOCTL_EVTCHN_BIND_INTERDOMAIN);
	EXPECT_EQ(_IOC(_IOC_NONE, 'E', 2, 4), IOCTL_EVTCHN_BIND_UNBOUND_PORT);
	EXPECT_EQ(_IOC(_IOC_NONE, 'E', 3, 4), IOCTL_EVTCHN_UNBIND);
	EXPECT_EQ(_IOC(_IOC_NONE, 'E', 4, 4), IOCTL_EVTCHN_NOTIFY);
	EXPECT_EQ(_IOC(_IOC_NONE, 'E', 5, 0), IOCTL_EVTCHN_RESET);
	EXPECT_EQ(_IOC(_IOC_NONE, 'E', 6, 2), IOCTL_EVTCHN_RESTRICT_DOMID);
	EXPECT_EQ(_IOC(_IOC_NONE, 'E', 7, 4), IOCTL_EVTCHN_BIND_STATIC);
}

/* What the ABI says of a command that there is not; elsewhere it is ENOTTY. */
#define NO_COMMAND	(-ENOSYS)

static int raw_command(int fd, unsigned int dir, unsigned int nr, unsigned int size)
{
	unsigned int arg[16] = {};

	return ev_ioctl(fd, _IOC(dir, 'E', nr, size), arg);
}

TEST_F(file, unknown_command_is_enosys)
{
	unsigned int arg[16] = {};
	unsigned int nr;

	for (nr = 8; nr < 256; nr++)
		ASSERT_EQ(NO_COMMAND, raw_command(self->fd, _IOC_NONE, nr, 4))
			TH_LOG("command %u", nr);
	EXPECT_EQ(NO_COMMAND, ev_ioctl(self->fd, _IOC(_IOC_NONE, 'F', 4, 4), arg));
	/* TCGETS, which isatty() asks of every file */
	EXPECT_EQ(NO_COMMAND, ev_ioctl(self->fd, 0x5401, arg));
}

TEST_F(file, command_of_wrong_size_is_enosys)
{
	static const unsigned int sizes[] = { 4, 8, 4, 4, 4, 0, 2, 4 };
	unsigned int nr, size;

	for (nr = 0; nr < ARRAY_SIZE(sizes); nr++) {
		for (size = 0; size <= 32; size++) {
			if (size == sizes[nr])
				continue;
			ASSERT_EQ(NO_COMMAND, raw_command(self->fd, _IOC_NONE, nr, size))
				TH_LOG("command %u, size %u", nr, size);
		}
	}
}

TEST_F(file, command_of_wrong_direction_is_enosys)
{
	static const unsigned int sizes[] = { 4, 8, 4, 4, 4, 0, 2, 4 };
	unsigned int nr;

	for (nr = 0; nr < ARRAY_SIZE(sizes); nr++) {
		EXPECT_EQ(NO_COMMAND, raw_command(self->fd, _IOC_READ, nr, sizes[nr]));
		EXPECT_EQ(NO_COMMAND, raw_command(self->fd, _IOC_WRITE, nr, sizes[nr]));
	}
}

TEST_F(file, seek_is_espipe)
{
	EXPECT_EQ(-1, lseek(self->fd, 0, SEEK_SET));
	EXPECT_EQ(ESPIPE, errno);
	EXPECT_EQ(-1, lseek(self->fd, 0, SEEK_CUR));
	EXPECT_EQ(ESPIPE, errno);
	EXPECT_EQ(-1, lseek(self->fd, 0, SEEK_END));
	EXPECT_EQ(ESPIPE, errno);
}

TEST_F(file, pread_and_pwrite_are_espipe)
{
	unsigned int port = 0;

	EXPECT_EQ(-1, pread(self->fd, &port, sizeof(port), 0));
	EXPECT_EQ(ESPIPE, errno);
	EXPECT_EQ(-1, pwrite(self->fd, &port, sizeof(port), 0));
	EXPECT_EQ(ESPIPE, errno);
}

TEST_F(file, read_of_empty_ring_is_eagain_with_nonblock)
{
	unsigned int ports[4];

	EXPECT_EQ(-EAGAIN, ev_read(self->fd, ports, sizeof(ports)));
	ASSERT_GT(ev_bind_unbound(self->fd, EV_SELF), 0);
	EXPECT_EQ(-EAGAIN, ev_read(self->fd, ports, sizeof(ports)));
}

TEST_F(file, read_of_less_than_a_port_is_zero_and_does_not_block)
{
	unsigned int port;
	size_t size;

	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, 0));
	for (size = 0; size < sizeof(port); size++)
		EXPECT_EQ(0, ev_read(self->fd, &port, size));
}

TEST_F(file, write_of_less_than_a_port_is_zero)
{
	unsigned int port = 0;
	size_t size;

	for (size = 0; size < sizeof(port); size++)
		EXPECT_EQ(0, ev_write(self->fd, &port, size));
}

TEST_F(file, write_without_ports_takes_every_byte)
{
	unsigned int ports[] = { 0, 1, 4095, 131072, ~0u };

	EXPECT_EQ(sizeof(ports), ev_write(self->fd, ports, sizeof(ports)));
}

TEST_F(file, poll_of_empty_ring_is_out)
{
	EXPECT_EQ(EV_POLL_IDLE, ev_poll(self->fd));
	ASSERT_GT(ev_bind_unbound(self->fd, EV_SELF), 0);
	EXPECT_EQ(EV_POLL_IDLE, ev_poll(self->fd));
}

TEST_F(file, reset_of_empty_ring_is_no_error)
{
	EXPECT_EQ(0, ev_reset(self->fd));
	ASSERT_GT(ev_bind_unbound(self->fd, EV_SELF), 0);
	EXPECT_EQ(0, ev_reset(self->fd));
	EXPECT_EQ(EV_POLL_IDLE, ev_poll(self->fd));
}

TEST_F(file, binds_return_different_positive_ports)
{
	int ports[16];
	size_t i, j;

	for (i = 0; i < ARRAY_SIZE(ports); i++) {
		ports[i] = ev_bind_unbound(self->fd, EV_SELF);
		ASSERT_GT(ports[i], 0);
		for (j = 0; j < i; j++)
			ASSERT_NE(ports[j], ports[i]);
	}
}

TEST_F(file, notify_of_foreign_port_is_enotconn)
{
	EXPECT_EQ(-ENOTCONN, ev_notify(self->fd, 0));
	/* Whoever has ports 1 to 8 (the kernel, early in boot), not this file. */
	EXPECT_EQ(-ENOTCONN, ev_notify(self->fd, 1));
	EXPECT_EQ(-ENOTCONN, ev_notify(self->fd, 8));
	EXPECT_EQ(-ENOTCONN, ev_notify(self->fd, 4095));
	EXPECT_EQ(-ENOTCONN, ev_notify(self->fd, 0x20000));
	EXPECT_EQ(-ENOTCONN, ev_notify(self->fd, 0x7fffffff));
	EXPECT_EQ(-ENOTCONN, ev_notify(self->fd, ~0u));
}

TEST_F(file, unbind_of_foreign_port_is_enotconn)
{
	EXPECT_EQ(-ENOTCONN, ev_unbind(self->fd, 0));
	EXPECT_EQ(-ENOTCONN, ev_unbind(self->fd, 1));
	EXPECT_EQ(-ENOTCONN, ev_unbind(self->fd, 8));
	/* The smallest event ABI, 32-bit 2-level, has 1024 channels. */
	EXPECT_EQ(-ENOTCONN, ev_unbind(self->fd, 1023));
}

TEST_F(file, unbind_of_port_out_of_range_is_einval)
{
	/* The largest event ABI, FIFO, has 0x20000 channels. */
	EXPECT_EQ(-EINVAL, ev_unbind(self->fd, 0x20000));
	EXPECT_EQ(-EINVAL, ev_unbind(self->fd, 0x7fffffff));
	EXPECT_EQ(-EINVAL, ev_unbind(self->fd, ~0u));
}

TEST_F(file, interdomain_to_no_domain_is_esrch)
{
	EXPECT_EQ(-ESRCH, ev_bind_interdomain(self->fd, EV_NO_DOMAIN, 1));
	EXPECT_EQ(-ESRCH, ev_bind_interdomain(self->fd, 0xffff, 1));
}

TEST_F(file, interdomain_to_port_that_cannot_be_is_einval)
{
	EXPECT_EQ(-EINVAL, ev_bind_interdomain(self->fd, EV_SELF, 0));
	EXPECT_EQ(-EINVAL, ev_bind_interdomain(self->fd, EV_SELF, 0x20000));
	EXPECT_EQ(-EINVAL, ev_bind_interdomain(self->fd, EV_SELF, ~0u));
}

TEST_F(file, interdomain_to_free_port_is_einval)
{
	int port = ev_bind_unbound(self->fd, EV_SELF);

	ASSERT_GT(port, 0);
	ASSERT_EQ(0, ev_unbind(self->fd, port));
	EXPECT_EQ(-EINVAL, ev_bind_interdomain(self->fd, EV_SELF, port));
}

TEST_F(file, virq_out_of_range_is_einval)
{
	/* Xen has 24. */
	EXPECT_EQ(-EINVAL, ev_bind_virq(self->fd, 24));
	EXPECT_EQ(-EINVAL, ev_bind_virq(self->fd, 0x10004));
	EXPECT_EQ(-EINVAL, ev_bind_virq(self->fd, 0x7fffffff));
	EXPECT_EQ(-EINVAL, ev_bind_virq(self->fd, ~0u));
}

TEST_F(file, failed_bind_leaves_no_port_behind)
{
	int before, i;

	before = ev_next_port();
	ASSERT_GT(before, 0);
	for (i = 0; i < 8; i++) {
		ASSERT_EQ(-EINVAL, ev_bind_virq(self->fd, ~0u));
		ASSERT_EQ(-EINVAL, ev_bind_interdomain(self->fd, EV_SELF, ~0u));
		ASSERT_EQ(-ESRCH, ev_bind_interdomain(self->fd, EV_NO_DOMAIN, 1));
		ASSERT_EQ(-EFAULT, ev_ioctl(self->fd, IOCTL_EVTCHN_BIND_UNBOUND_PORT, NULL));
	}
	EXPECT_EQ(before, ev_bind_unbound(self->fd, EV_SELF));
}

TEST_F(file, unbind_frees_the_number)
{
	int first, second;

	first = ev_bind_unbound(self->fd, EV_SELF);
	ASSERT_GT(first, 0);
	second = ev_bind_unbound(self->fd, EV_SELF);
	ASSERT_GT(second, first);

	ASSERT_EQ(0, ev_unbind(self->fd, first));
	EXPECT_EQ(first, ev_bind_unbound(self->fd, EV_SELF));
}

TEST_F(file, unbind_again_is_enotconn)
{
	int port = ev_bind_unbound(self->fd, EV_SELF);

	ASSERT_GT(port, 0);
	EXPECT_EQ(0, ev_unbind(self->fd, port));
	EXPECT_EQ(-ENOTCONN, ev_unbind(self->fd, port));
	EXPECT_EQ(-ENOTCONN, ev_notify(self->fd, port));
}

TEST_F(file, close_frees_the_numbers)
{
	int ports[8];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(ports); i++) {
		ports[i] = ev_bind_unbound(self->fd, EV_SELF);
		ASSERT_GT(ports[i], 0);
	}
	ASSERT_EQ(0, close(self->fd));
	self->fd = ev_open(O_CLOEXEC | O_NONBLOCK);
	ASSERT_GE(self->fd, 0);
	for (i = 0; i < ARRAY_SIZE(ports); i++)
		EXPECT_EQ(ports[i], ev_bind_unbound(self->fd, EV_SELF));
}

TEST_F(file, notify_of_unconnected_port_is_no_error)
{
	int port = ev_bind_unbound(self->fd, EV_SELF);

	ASSERT_GT(port, 0);
	EXPECT_EQ(0, ev_notify_settled(self->fd, port));
	EXPECT_EQ(EV_POLL_IDLE, ev_poll(self->fd));
}

TEST_F(file, cloexec_is_as_asked)
{
	int fd;

	EXPECT_EQ(FD_CLOEXEC, fcntl(self->fd, F_GETFD));
	fd = ev_open(0);
	ASSERT_GE(fd, 0);
	EXPECT_EQ(0, fcntl(fd, F_GETFD));
	close(fd);
}

TEST_F(file, files_are_as_many_as_wanted)
{
	struct ev_pair pairs[100];
	int fds[100];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(fds); i++) {
		fds[i] = ev_open(O_CLOEXEC | O_NONBLOCK);
		ASSERT_GE(fds[i], 0);
		ASSERT_EQ(0, ev_connect(fds[i], fds[i], &pairs[i]));
	}
	for (i = 0; i < ARRAY_SIZE(fds); i++)
		ASSERT_EQ(0, ev_ping(fds[i], fds[i], &pairs[i]));
	for (i = 0; i < ARRAY_SIZE(fds); i++)
		EXPECT_EQ(0, close(fds[i]));
}

TEST_F(file, device_is_a_misc_device)
{
	char line[64], name[64];
	struct stat st;
	int number;
	FILE *misc;

	ASSERT_EQ(0, fstat(self->fd, &st));
	EXPECT_TRUE(S_ISCHR(st.st_mode));
	EXPECT_EQ(10, major(st.st_rdev));

	misc = fopen("/proc/misc", "re");
	ASSERT_NE(NULL, misc);
	while (fgets(line, sizeof(line), misc)) {
		if (sscanf(line, "%d %63s", &number, name) != 2)
			continue;
		EXPECT_EQ(number == (int)minor(st.st_rdev), !strcmp(name, "xen/evtchn"));
	}
	fclose(misc);
}

/* How many irqs there are whose action has this name, or -errno. */
static int count_irqs(const char *action)
{
	char line[4096], *name;
	int count = 0;
	FILE *file;

	file = fopen("/proc/interrupts", "re");
	if (!file)
		return -errno;
	while (fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		name = strrchr(line, ' ');
		if (name && !strcmp(name + 1, action))
			count++;
	}
	fclose(file);
	return count;
}

TEST_F(file, irq_action_is_named_after_the_opener)
{
	int fd, port;

	/* The name at open() counts, not that at bind. */
	ASSERT_EQ(0, prctl(PR_SET_NAME, "evtchn-opener"));
	fd = ev_open(O_CLOEXEC);
	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, prctl(PR_SET_NAME, "evtchn-binder"));

	EXPECT_EQ(0, count_irqs("evtchn:evtchn-opener"));
	port = ev_bind_unbound(fd, EV_SELF);
	ASSERT_GT(port, 0);
	ASSERT_GT(ev_bind_unbound(fd, EV_SELF), 0);
	EXPECT_EQ(2, count_irqs("evtchn:evtchn-opener"));
	EXPECT_EQ(0, count_irqs("evtchn:evtchn-binder"));
	ASSERT_EQ(0, ev_unbind(fd, port));
	EXPECT_EQ(1, count_irqs("evtchn:evtchn-opener"));
	close(fd);
	EXPECT_EQ(0, count_irqs("evtchn:evtchn-opener"));
}

/*
 * Pointers. A struct at @self->hole - bytes reaches into memory that is not.
 */

static const struct {
	char name[20];
	unsigned long cmd;
	size_t size;
} commands[] = {
	{ "BIND_VIRQ", IOCTL_EVTCHN_BIND_VIRQ, 4 },
	{ "BIND_INTERDOMAIN", IOCTL_EVTCHN_BIND_INTERDOMAIN, 8 },
	{ "BIND_UNBOUND_PORT", IOCTL_EVTCHN_BIND_UNBOUND_PORT, 4 },
	{ "UNBIND", IOCTL_EVTCHN_UNBIND, 4 },
	{ "NOTIFY", IOCTL_EVTCHN_NOTIFY, 4 },
	{ "RESTRICT_DOMID", IOCTL_EVTCHN_RESTRICT_DOMID, 2 },
	{ "BIND_STATIC", IOCTL_EVTCHN_BIND_STATIC, 4 },
};

FIXTURE(pointer)
{
	int fd;
	char *hole;
};

FIXTURE_SETUP(pointer)
{
	self->fd = ev_open(O_CLOEXEC | O_NONBLOCK);
	ASSERT_GE(self->fd, 0);
	self->hole = ev_hole();
	ASSERT_NE(NULL, self->hole);
}

FIXTURE_TEARDOWN(pointer)
{
	close(self->fd);
}

TEST_F(pointer, null_is_efault)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(commands); i++)
		EXPECT_EQ(-EFAULT, ev_ioctl(self->fd, commands[i].cmd, NULL))
			TH_LOG("%s", commands[i].name);
}

TEST_F(pointer, kernel_address_is_efault)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(commands); i++)
		EXPECT_EQ(-EFAULT, ev_ioctl(self->fd, commands[i].cmd, (void *)-4096L))
			TH_LOG("%s", commands[i].name);
}

TEST_F(pointer, unmapped_page_is_efault)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(commands); i++)
		EXPECT_EQ(-EFAULT, ev_ioctl(self->fd, commands[i].cmd, self->hole))
			TH_LOG("%s", commands[i].name);
}

TEST_F(pointer, struct_across_into_unmapped_page_is_efault)
{
	size_t i, in;

	for (i = 0; i < ARRAY_SIZE(commands); i++)
		for (in = 1; in < commands[i].size; in++)
			EXPECT_EQ(-EFAULT, ev_ioctl(self->fd, commands[i].cmd,
						    self->hole - in))
				TH_LOG("%s, %zu bytes in", commands[i].name, in);
}

TEST_F(pointer, struct_up_to_page_end_works)
{
	struct ioctl_evtchn_bind_unbound_port unbound = {
		.remote_domain = EV_SELF,
	};
	struct ioctl_evtchn_bind_interdomain interdomain = {
		.remote_domain = EV_SELF,
	};
	struct ioctl_evtchn_restrict_domid restriction = { .domid = 1 };
	struct ioctl_evtchn_notify notify;
	struct ioctl_evtchn_unbind unbind;
	void *end = self->hole;
	int port;

	memcpy(end - sizeof(unbound), &unbound, sizeof(unbound));
	port = ev_ioctl(self->fd, IOCTL_EVTCHN_BIND_UNBOUND_PORT, end - sizeof(unbound));
	ASSERT_GT(port, 0);

	interdomain.remote_port = port;
	memcpy(end - sizeof(interdomain), &interdomain, sizeof(interdomain));
	port = ev_ioctl(self->fd, IOCTL_EVTCHN_BIND_INTERDOMAIN, end - sizeof(interdomain));
	ASSERT_GT(port, 0);
	EXPECT_EQ(port, ev_take(self->fd));

	notify.port = port;
	memcpy(end - sizeof(notify), &notify, sizeof(notify));
	EXPECT_EQ(0, ev_ioctl(self->fd, IOCTL_EVTCHN_NOTIFY, end - sizeof(notify)));
	EXPECT_EQ(interdomain.remote_port, ev_take(self->fd));

	memcpy(end - sizeof(restriction), &restriction, sizeof(restriction));
	EXPECT_EQ(0, ev_ioctl(self->fd, IOCTL_EVTCHN_RESTRICT_DOMID,
			      end - sizeof(restriction)));

	unbind.port = port;
	memcpy(end - sizeof(unbind), &unbind, sizeof(unbind));
	EXPECT_EQ(0, ev_ioctl(self->fd, IOCTL_EVTCHN_UNBIND, end - sizeof(unbind)));
}

/*
 * A pair, both ends in one file, quiet
 */

FIXTURE(loopback)
{
	int fd;
	struct ev_pair pair;
};

FIXTURE_SETUP(loopback)
{
	self->fd = ev_open(O_CLOEXEC | O_NONBLOCK);
	ASSERT_GE(self->fd, 0);
	ASSERT_EQ(0, ev_connect(self->fd, self->fd, &self->pair));
}

FIXTURE_TEARDOWN(loopback)
{
	close(self->fd);
}

/* One event of @self->pair.a that is read and not written back. */
static int mask_a(int fd, const struct ev_pair *pair)
{
	int ret = ev_notify(fd, pair->b);

	return ret ? ret : ev_take(fd);
}

TEST_F(loopback, interdomain_is_followed_by_one_event)
{
	unsigned int port;
	int a, b;

	a = ev_bind_unbound(self->fd, EV_SELF);
	ASSERT_GT(a, 0);
	ev_settle();
	EXPECT_EQ(EV_POLL_IDLE, ev_poll(self->fd));

	b = ev_bind_interdomain(self->fd, EV_SELF, a);
	ASSERT_GT(b, 0);
	EXPECT_EQ(b, ev_take(self->fd));
	/* Written, so that a second one could come. */
	EXPECT_EQ(sizeof(port), ev_enable(self->fd, b));
	ev_settle();
	EXPECT_EQ(-EAGAIN, ev_read(self->fd, &port, sizeof(port)));
}

TEST_F(loopback, fresh_binding_is_enabled)
{
	int a, b;

	a = ev_bind_unbound(self->fd, EV_SELF);
	ASSERT_GT(a, 0);
	b = ev_bind_interdomain(self->fd, EV_SELF, a);
	ASSERT_GT(b, 0);
	EXPECT_EQ(b, ev_take(self->fd));
	/* Nobody has written a. */
	EXPECT_EQ(0, ev_notify(self->fd, b));
	EXPECT_EQ(a, ev_take(self->fd));
}

TEST_F(loopback, notify_is_an_event_of_the_other_end_only)
{
	unsigned int ports[4];

	EXPECT_EQ(0, ev_notify_settled(self->fd, self->pair.a));
	ASSERT_EQ(sizeof(ports[0]), ev_read(self->fd, ports, sizeof(ports)));
	EXPECT_EQ(self->pair.b, ports[0]);

	EXPECT_EQ(0, ev_notify_settled(self->fd, self->pair.b));
	ASSERT_EQ(sizeof(ports[0]), ev_read(self->fd, ports, sizeof(ports)));
	EXPECT_EQ(self->pair.a, ports[0]);
}

TEST_F(loopback, events_go_on_as_long_as_ports_are_written)
{
	int i;

	/* Two events each: often enough for the ring to wrap twice. */
	for (i = 0; i < RING_MIN; i++)
		ASSERT_EQ(0, ev_ping(self->fd, self->fd, &self->pair));
	EXPECT_EQ(EV_POLL_IDLE, ev_poll(self->fd));
}

TEST_F(loopback, port_is_masked_until_written)
{
	unsigned int port;

	ASSERT_EQ(self->pair.a, mask_a(self->fd, &self->pair));

	EXPECT_EQ(0, ev_notify_settled(self->fd, self->pair.b));
	EXPECT_EQ(-EAGAIN, ev_read(self->fd, &port, sizeof(port)));
	EXPECT_EQ(EV_POLL_IDLE, ev_poll(self->fd));

	EXPECT_EQ(sizeof(port), ev_enable(self->fd, self->pair.a));
	EXPECT_EQ(self->pair.a, ev_take(self->fd));
}

TEST_F(loopback, masked_port_does_not_mask_its_peer)
{
	ASSERT_EQ(self->pair.a, mask_a(self->fd, &self->pair));
	EXPECT_EQ(0, ev_notify(self->fd, self->pair.a));
	EXPECT_EQ(self->pair.b, ev_take(self->fd));
}

TEST_F(loopback, notifications_of_masked_port_fold_into_one)
{
	unsigned int port;
	int i;

	ASSERT_EQ(self->pair.a, mask_a(self->fd, &self->pair));
	for (i = 0; i < 5; i++)
		ASSERT_EQ(0, ev_notify(self->fd, self->pair.b));
	EXPECT_EQ(sizeof(port), ev_enable(self->fd, self->pair.a));
	EXPECT_EQ(self->pair.a, ev_take(self->fd));

	EXPECT_EQ(sizeof(port), ev_enable(self->fd, self->pair.a));
	ev_settle();
	EXPECT_EQ(-EAGAIN, ev_read(self->fd, &port, sizeof(port)));
}

TEST_F(loopback, notifications_of_unread_port_fold_into_one)
{
	unsigned int ports[8];
	int i;

	for (i = 0; i < 5; i++)
		ASSERT_EQ(0, ev_notify_settled(self->fd, self->pair.b));
	ASSERT_EQ(sizeof(ports[0]), ev_read(self->fd, ports, sizeof(ports)));
	EXPECT_EQ(self->pair.a, ports[0]);
}

TEST_F(loopback, port_written_before_it_is_read_comes_twice)
{
	unsigned int ports[8];

	EXPECT_EQ(0, ev_notify_settled(self->fd, self->pair.b));
	EXPECT_EQ(sizeof(ports[0]), ev_enable(self->fd, self->pair.a));
	EXPECT_EQ(0, ev_notify_settled(self->fd, self->pair.b));
	ASSERT_EQ(2 * sizeof(ports[0]), ev_read(self->fd, ports, sizeof(ports)));
	EXPECT_EQ(self->pair.a, ports[0]);
	EXPECT_EQ(self->pair.a, ports[1]);
}

TEST_F(loopback, write_alone_makes_no_event)
{
	unsigned int port;

	/* Enabled already, */
	EXPECT_EQ(sizeof(port), ev_enable(self->fd, self->pair.a));
	ev_settle();
	EXPECT_EQ(-EAGAIN, ev_read(self->fd, &port, sizeof(port)));

	/* and masked. */
	ASSERT_EQ(self->pair.a, mask_a(self->fd, &self->pair));
	EXPECT_EQ(sizeof(port), ev_enable(self->fd, self->pair.a));
	ev_settle();
	EXPECT_EQ(-EAGAIN, ev_read(self->fd, &port, sizeof(port)));
}

TEST_F(loopback, write_counts_and_ignores_what_it_cannot_enable)
{
	unsigned int ports[] = {
		0, ~0u, self->pair.b, 0x20000, self->pair.a, self->pair.a,
	};
	unsigned int port;

	ASSERT_EQ(self->pair.a, mask_a(self->fd, &self->pair));
	EXPECT_EQ(sizeof(ports), ev_write(self->fd, ports, sizeof(ports)));
	ev_settle();
	EXPECT_EQ(-EAGAIN, ev_read(self->fd, &port, sizeof(port)));

	/* The one that it could, it did. */
	EXPECT_EQ(0, ev_ping(self->fd, self->fd, &self->pair));
}

TEST_F(loopback, read_returns_what_is_there)
{
	unsigned int ports[16];

	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, 0));
	ASSERT_EQ(0, ev_notify_settled(self->fd, self->pair.b));
	memset(ports, 0xa5, sizeof(ports));
	EXPECT_EQ(sizeof(ports[0]), ev_read(self->fd, ports, sizeof(ports)));
	EXPECT_EQ(self->pair.a, ports[0]);
	EXPECT_EQ(0xa5a5a5a5, ports[1]);
}

TEST_F(loopback, read_works_unaligned)
{
	char buf[8];
	unsigned int port;

	ASSERT_EQ(0, ev_notify_settled(self->fd, self->pair.b));
	ASSERT_EQ(sizeof(port), ev_read(self->fd, buf + 1, sizeof(port)));
	memcpy(&port, buf + 1, sizeof(port));
	EXPECT_EQ(self->pair.a, port);

	EXPECT_EQ(sizeof(port), ev_write(self->fd, buf + 1, sizeof(port)));
	EXPECT_EQ(0, ev_ping(self->fd, self->fd, &self->pair));
}

TEST_F(loopback, read_fault_consumes_nothing)
{
	unsigned int ports[4];
	char *hole = ev_hole();

	ASSERT_NE(NULL, hole);
	ASSERT_EQ(0, ev_notify_settled(self->fd, self->pair.b));
	ASSERT_EQ(0, ev_notify_settled(self->fd, self->pair.a));

	EXPECT_EQ(-EFAULT, ev_read(self->fd, NULL, sizeof(ports)));
	EXPECT_EQ(-EFAULT, ev_read(self->fd, (void *)-4096L, sizeof(ports)));
	EXPECT_EQ(-EFAULT, ev_read(self->fd, hole, sizeof(ports)));
	/* Room for the first port but not for the second, which is there. */
	EXPECT_EQ(-EFAULT, ev_read(self->fd, hole - 4, 8));
	EXPECT_EQ(-EFAULT, ev_read(self->fd, hole - 6, 8));
	EXPECT_EQ(EV_POLL_EVENT, ev_poll(self->fd));

	ASSERT_EQ(2 * sizeof(ports[0]), ev_read(self->fd, ports, sizeof(ports)));
	EXPECT_EQ(self->pair.a, ports[0]);
	EXPECT_EQ(self->pair.b, ports[1]);
}

TEST_F(loopback, read_up_to_page_end_works)
{
	char *hole = ev_hole();

	ASSERT_NE(NULL, hole);
	ASSERT_EQ(0, ev_notify_settled(self->fd, self->pair.b));
	EXPECT_EQ(4, ev_read(self->fd, hole - 4, 7));
	EXPECT_EQ(0, memcmp(hole - 4, &self->pair.a, 4));
}

TEST_F(loopback, write_fault_enables_nothing)
{
	unsigned int port = self->pair.a;
	char *hole = ev_hole();

	ASSERT_NE(NULL, hole);
	ASSERT_EQ(self->pair.a, mask_a(self->fd, &self->pair));
	memcpy(hole - 8, &port, sizeof(port));
	memcpy(hole - 4, &port, sizeof(port));

	EXPECT_EQ(-EFAULT, ev_write(self->fd, NULL, sizeof(port)));
	EXPECT_EQ(-EFAULT, ev_write(self->fd, (void *)-4096L, sizeof(port)));
	EXPECT_EQ(-EFAULT, ev_write(self->fd, hole, sizeof(port)));
	/* The first port is readable, the second is not. */
	EXPECT_EQ(-EFAULT, ev_write(self->fd, hole - 4, 8));
	EXPECT_EQ(-EFAULT, ev_write(self->fd, hole - 8, 12));

	ASSERT_EQ(0, ev_notify_settled(self->fd, self->pair.b));
	EXPECT_EQ(-EAGAIN, ev_read(self->fd, &port, sizeof(port)));

	EXPECT_EQ(4, ev_write(self->fd, hole - 4, 7));
	EXPECT_EQ(self->pair.a, ev_take(self->fd));
}

TEST_F(loopback, write_is_cut_to_a_page)
{
	size_t page = sysconf(_SC_PAGESIZE);
	char *hole = ev_hole();
	unsigned int port = self->pair.a;
	char *two;

	ASSERT_NE(NULL, hole);
	two = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, two);
	ASSERT_EQ(self->pair.a, mask_a(self->fd, &self->pair));

	/* The first port past the page is not looked at, */
	memcpy(two + page, &port, sizeof(port));
	EXPECT_EQ(page, ev_write(self->fd, two, 2 * page));
	EXPECT_EQ(page, ev_write(self->fd, two, page + sizeof(port)));
	ASSERT_EQ(0, ev_notify_settled(self->fd, self->pair.b));
	EXPECT_EQ(-EAGAIN, ev_read(self->fd, &port, sizeof(port)));

	/* its memory need not exist, and the last one in the page counts. */
	memcpy(hole - sizeof(port), &port, sizeof(port));
	EXPECT_EQ(page, ev_write(self->fd, hole - page, page + 9));
	EXPECT_EQ(self->pair.a, ev_take(self->fd));
}

TEST_F(loopback, write_of_odd_size_is_rounded_down)
{
	unsigned int ports[3] = { self->pair.a, self->pair.b, 0 };
	unsigned int seen[3];
	size_t size;

	for (size = 0; size <= 9; size++) {
		/* Both masked, */
		ASSERT_EQ(self->pair.a, mask_a(self->fd, &self->pair));
		ASSERT_EQ(0, ev_notify(self->fd, self->pair.a));
		ASSERT_EQ(self->pair.b, ev_take(self->fd));

		/* one, both or none written, */
		EXPECT_EQ(size / 4 * 4, ev_write(self->fd, ports, size));
		ASSERT_EQ(0, ev_notify_settled(self->fd, self->pair.b));
		ASSERT_EQ(0, ev_notify_settled(self->fd, self->pair.a));
		if (size < 4) {
			EXPECT_EQ(-EAGAIN, ev_read(self->fd, seen, sizeof(seen)));
		} else {
			EXPECT_EQ(size / 4 * 4, ev_read(self->fd, seen, sizeof(seen)));
			EXPECT_EQ(-1, ev_first_difference(ports, seen, size / 4));
		}

		/* and all as in the beginning. */
		ASSERT_EQ(8, ev_write(self->fd, ports, 8));
		ev_settle();
		while (ev_read(self->fd, seen, 4) == 4)
			ASSERT_EQ(4, ev_enable(self->fd, seen[0]));
	}
}

TEST_F(loopback, unbound_port_gets_no_event)
{
	unsigned int port;

	EXPECT_EQ(0, ev_unbind(self->fd, self->pair.a));
	EXPECT_EQ(0, ev_notify_settled(self->fd, self->pair.b));
	EXPECT_EQ(-EAGAIN, ev_read(self->fd, &port, sizeof(port)));
	EXPECT_EQ(-ENOTCONN, ev_notify(self->fd, self->pair.a));
}

TEST_F(loopback, write_of_unbound_port_is_counted_and_ignored)
{
	ASSERT_EQ(self->pair.a, mask_a(self->fd, &self->pair));
	EXPECT_EQ(0, ev_unbind(self->fd, self->pair.a));
	EXPECT_EQ(4, ev_enable(self->fd, self->pair.a));
	EXPECT_EQ(EV_POLL_IDLE, ev_poll(self->fd));
}

TEST_F(loopback, masked_port_can_be_unbound_and_bound_again)
{
	struct ev_pair again;

	ASSERT_EQ(self->pair.a, mask_a(self->fd, &self->pair));
	EXPECT_EQ(0, ev_unbind(self->fd, self->pair.a));
	EXPECT_EQ(0, ev_unbind(self->fd, self->pair.b));
	ASSERT_EQ(0, ev_connect(self->fd, self->fd, &again));
	/* The new owner of the number does not inherit the mask. */
	EXPECT_EQ(self->pair.a, again.a);
	EXPECT_EQ(0, ev_ping(self->fd, self->fd, &again));
}

TEST_F(loopback, interdomain_to_connected_port_is_einval)
{
	EXPECT_EQ(-EINVAL, ev_bind_interdomain(self->fd, EV_SELF, self->pair.a));
	EXPECT_EQ(-EINVAL, ev_bind_interdomain(self->fd, EV_SELF, self->pair.b));
	EXPECT_EQ(0, ev_ping(self->fd, self->fd, &self->pair));
}

TEST_F(loopback, static_bind_of_own_port_is_eisconn)
{
	EXPECT_EQ(-EISCONN, ev_bind_static(self->fd, self->pair.a));
	EXPECT_EQ(-EISCONN, ev_bind_static(self->fd, self->pair.b));
	EXPECT_EQ(0, ev_ping(self->fd, self->fd, &self->pair));
}

TEST_F(loopback, reset_empties_the_ring)
{
	unsigned int ports[4];

	ASSERT_EQ(0, ev_notify_settled(self->fd, self->pair.a));
	ASSERT_EQ(0, ev_notify_settled(self->fd, self->pair.b));
	EXPECT_EQ(EV_POLL_EVENT, ev_poll(self->fd));
	EXPECT_EQ(0, ev_reset(self->fd));
	EXPECT_EQ(EV_POLL_IDLE, ev_poll(self->fd));
	EXPECT_EQ(-EAGAIN, ev_read(self->fd, ports, sizeof(ports)));
}

TEST_F(loopback, reset_leaves_dropped_port_masked_until_written)
{
	unsigned int port;

	ASSERT_EQ(0, ev_notify_settled(self->fd, self->pair.b));
	EXPECT_EQ(0, ev_reset(self->fd));

	ASSERT_EQ(0, ev_notify_settled(self->fd, self->pair.b));
	EXPECT_EQ(-EAGAIN, ev_read(self->fd, &port, sizeof(port)));
	EXPECT_EQ(sizeof(port), ev_enable(self->fd, self->pair.a));
	EXPECT_EQ(self->pair.a, ev_take(self->fd));
}

TEST_F(loopback, poll_is_in_while_there_is_an_event)
{
	unsigned int port;

	EXPECT_EQ(EV_POLL_IDLE, ev_poll(self->fd));
	ASSERT_EQ(0, ev_notify_settled(self->fd, self->pair.b));
	EXPECT_EQ(EV_POLL_EVENT, ev_poll(self->fd));
	EXPECT_EQ(EV_POLL_EVENT, ev_poll(self->fd));
	ASSERT_EQ(sizeof(port), ev_read(self->fd, &port, sizeof(port)));
	EXPECT_EQ(EV_POLL_IDLE, ev_poll(self->fd));
}

TEST_F(loopback, select_is_readable_while_there_is_an_event)
{
	struct timeval none = {};
	unsigned int port;
	fd_set in, out, ex;

	FD_ZERO(&in);
	FD_ZERO(&out);
	FD_ZERO(&ex);
	FD_SET(self->fd, &in);
	FD_SET(self->fd, &out);
	FD_SET(self->fd, &ex);
	EXPECT_EQ(1, select(self->fd + 1, &in, &out, &ex, &none));
	EXPECT_FALSE(FD_ISSET(self->fd, &in));
	EXPECT_TRUE(FD_ISSET(self->fd, &out));

	ASSERT_EQ(0, ev_notify_settled(self->fd, self->pair.b));
	FD_SET(self->fd, &in);
	EXPECT_EQ(1, select(self->fd + 1, &in, NULL, NULL, &none));

	ASSERT_EQ(sizeof(port), ev_read(self->fd, &port, sizeof(port)));
	FD_SET(self->fd, &in);
	EXPECT_EQ(0, select(self->fd + 1, &in, NULL, NULL, &none));
}

/*
 * Ring of 64: what happens when it is full
 */

FIXTURE(full)
{
	int fd;
	struct ev_pair pair;
	/* A second pair of the file; both ends quiet, room for 4 ports. */
	struct ev_pair other;
};

/* 64 entries: one port notified and written back, never read. */
FIXTURE_SETUP(full)
{
	int i;

	self->fd = ev_open(O_CLOEXEC | O_NONBLOCK);
	ASSERT_GE(self->fd, 0);
	ASSERT_EQ(0, ev_connect(self->fd, self->fd, &self->pair));
	ASSERT_EQ(0, ev_connect(self->fd, self->fd, &self->other));
	for (i = 0; i < RING_MIN; i++) {
		ASSERT_EQ(0, ev_notify_settled(self->fd, self->pair.b));
		ASSERT_EQ(4, ev_enable(self->fd, self->pair.a));
	}
}

FIXTURE_TEARDOWN(full)
{
	close(self->fd);
}

TEST_F(full, ring_holds_64)
{
	unsigned int ports[RING_MIN + 1];
	int i;

	EXPECT_EQ(EV_POLL_EVENT, ev_poll(self->fd));
	ASSERT_EQ(RING_MIN * 4, ev_read(self->fd, ports, sizeof(ports)));
	for (i = 0; i < RING_MIN; i++)
		EXPECT_EQ(self->pair.a, ports[i]);
	EXPECT_EQ(EV_POLL_IDLE, ev_poll(self->fd));
}

TEST_F(full, next_event_is_overflow)
{
	ASSERT_EQ(0, ev_notify_settled(self->fd, self->pair.b));
	EXPECT_EQ(POLLERR, ev_poll(self->fd));
}

TEST_F(full, overflow_is_efbig_until_reset)
{
	unsigned int ports[RING_MIN + 1];
	int i;

	ASSERT_EQ(0, ev_notify_settled(self->fd, self->pair.b));
	for (i = 0; i < 3; i++) {
		EXPECT_EQ(-EFBIG, ev_read(self->fd, ports, sizeof(ports)));
		EXPECT_EQ(-EFBIG, ev_read(self->fd, ports, 4));
		EXPECT_EQ(POLLERR, ev_poll(self->fd));
		/* Neither written ports nor further events change that. */
		EXPECT_EQ(4, ev_enable(self->fd, self->pair.a));
		EXPECT_EQ(0, ev_notify_settled(self->fd, self->other.a));
	}
	EXPECT_EQ(0, ev_reset(self->fd));
	EXPECT_EQ(EV_POLL_IDLE, ev_poll(self->fd));
	EXPECT_EQ(-EAGAIN, ev_read(self->fd, ports, sizeof(ports)));
}

TEST_F(full, overflow_does_not_block_a_blocking_read)
{
	unsigned int port;

	ASSERT_EQ(0, ev_notify_settled(self->fd, self->pair.b));
	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, 0));
	EXPECT_EQ(-EFBIG, ev_read(self->fd, &port, sizeof(port)));
}

TEST_F(full, overflow_wakes_select_both_ways)
{
	struct timeval none = {};
	fd_set in, out;

	ASSERT_EQ(0, ev_notify_settled(self->fd, self->pair.b));
	FD_ZERO(&in);
	FD_ZERO(&out);
	FD_SET(self->fd, &in);
	FD_SET(self->fd, &out);
	EXPECT_EQ(2, select(self->fd + 1, &in, &out, NULL, &none));
}

TEST_F(full, dropped_ports_come_again_after_reset_and_write)
{
	unsigned int port;

	/* Both are dropped. */
	ASSERT_EQ(0, ev_notify_settled(self->fd, self->pair.b));
	ASSERT_EQ(0, ev_notify_settled(self->fd, self->other.a));
	ASSERT_EQ(-EFBIG, ev_read(self->fd, &port, sizeof(port)));
	ASSERT_EQ(0, ev_reset(self->fd));

	/* Masked until written, */
	ASSERT_EQ(0, ev_notify_settled(self->fd, self->pair.b));
	ASSERT_EQ(0, ev_notify_settled(self->fd, self->other.a));
	EXPECT_EQ(-EAGAIN, ev_read(self->fd, &port, sizeof(port)));

	/* then each delivers what was notified meanwhile, */
	EXPECT_EQ(4, ev_enable(self->fd, self->other.b));
	EXPECT_EQ(self->other.b, ev_take(self->fd));
	EXPECT_EQ(4, ev_enable(self->fd, self->pair.a));
	EXPECT_EQ(self->pair.a, ev_take(self->fd));

	/* and all is well again. */
	EXPECT_EQ(4, ev_enable(self->fd, self->other.b));
	EXPECT_EQ(4, ev_enable(self->fd, self->pair.a));
	EXPECT_EQ(0, ev_ping(self->fd, self->fd, &self->pair));
	EXPECT_EQ(0, ev_ping(self->fd, self->fd, &self->other));
}

TEST_F(full, reset_gives_the_whole_ring_back)
{
	int i;

	ASSERT_EQ(0, ev_notify_settled(self->fd, self->pair.b));
	ASSERT_EQ(0, ev_reset(self->fd));
	ASSERT_EQ(4, ev_enable(self->fd, self->pair.a));
	for (i = 0; i < RING_MIN; i++) {
		ASSERT_EQ(0, ev_notify_settled(self->fd, self->pair.b));
		ASSERT_EQ(4, ev_enable(self->fd, self->pair.a));
	}
	EXPECT_EQ(EV_POLL_EVENT, ev_poll(self->fd));
	ASSERT_EQ(0, ev_notify_settled(self->fd, self->pair.b));
	EXPECT_EQ(POLLERR, ev_poll(self->fd));
}

TEST_F(full, room_for_one_takes_one)
{
	unsigned int port;

	ASSERT_EQ(4, ev_read(self->fd, &port, sizeof(port)));
	ASSERT_EQ(0, ev_notify_settled(self->fd, self->other.a));
	EXPECT_EQ(EV_POLL_EVENT, ev_poll(self->fd));
	ASSERT_EQ(0, ev_notify_settled(self->fd, self->other.b));
	EXPECT_EQ(POLLERR, ev_poll(self->fd));
}

/*
 * Many ports in one file
 */

#define TABLE_MAX	256

struct table {
	int fd;
	int ports;
	struct ev_pair pairs[TABLE_MAX / 2];
	/* The ports, in the order in which they were notified. */
	unsigned int order[TABLE_MAX];
};

/* Every port of a file is one of @ports, bound and quiet. 0, or -errno. */
static int table_bind(struct table *table, int ports)
{
	int i, ret;

	table->ports = ports;
	table->fd = ev_open(O_CLOEXEC | O_NONBLOCK);
	if (table->fd < 0)
		return table->fd;
	ret = ev_connect_many(table->fd, table->pairs, ports / 2);
	/* The ring's start is in the middle now. Five more: and a bit. */
	for (i = 0; !ret && i < 5; i++)
		ret = ev_ping(table->fd, table->fd, &table->pairs[0]);
	return ret;
}

/* Every port pending once, in an order that is not that of the numbers. */
static int table_notify(struct table *table)
{
	int i, at, ret;

	for (i = 0; i < table->ports; i++) {
		/* 3 has no factor in common with the number of ports. */
		at = (3 * i + 1) % table->ports;
		if (at & 1) {
			ret = ev_notify_settled(table->fd, table->pairs[at / 2].a);
			table->order[i] = table->pairs[at / 2].b;
		} else {
			ret = ev_notify_settled(table->fd, table->pairs[at / 2].b);
			table->order[i] = table->pairs[at / 2].a;
		}
		if (ret)
			return ret;
	}
	return 0;
}

FIXTURE(table)
{
	struct table table;
};

FIXTURE_VARIANT(table)
{
	int ports;
};

FIXTURE_VARIANT_ADD(table, of_8)
{
	.ports = 8,
};

FIXTURE_VARIANT_ADD(table, of_64)
{
	.ports = 64,
};

FIXTURE_SETUP(table)
{
	ASSERT_EQ(0, table_bind(&self->table, variant->ports));
	ASSERT_EQ(0, table_notify(&self->table));
}

FIXTURE_TEARDOWN(table)
{
	close(self->table.fd);
}

TEST_F(table, events_are_read_oldest_first)
{
	struct table *table = &self->table;
	unsigned int seen[65];

	ASSERT_EQ(table->ports * 4, ev_read(table->fd, seen, sizeof(seen)));
	EXPECT_EQ(-1, ev_first_difference(table->order, seen, table->ports));
	EXPECT_EQ(EV_POLL_IDLE, ev_poll(table->fd));
}

TEST_F(table, partial_reads_keep_the_order)
{
	struct table *table = &self->table;
	int done = 0, size = 1, n;
	unsigned int seen[8];

	while (done < table->ports) {
		n = size < table->ports - done ? size : table->ports - done;
		ASSERT_EQ(n * 4, ev_read(table->fd, seen, size * 4));
		ASSERT_EQ(-1, ev_first_difference(&table->order[done], seen, n));
		done += n;
		size = size % 7 + 1;
	}
	EXPECT_EQ(EV_POLL_IDLE, ev_poll(table->fd));
}

TEST_F(table, read_of_odd_size_is_rounded_down)
{
	struct table *table = &self->table;
	unsigned char seen[16];
	int done = 0;
	size_t size, i;

	/* 0 to 9 bytes: 8 ports in all. */
	for (size = 0; size <= 9; size++) {
		memset(seen, 0xa5, sizeof(seen));
		ASSERT_EQ(size / 4 * 4, ev_read(table->fd, seen, size));
		EXPECT_EQ(0, memcmp(&table->order[done], seen, size / 4 * 4));
		for (i = size / 4 * 4; i < sizeof(seen); i++)
			EXPECT_EQ(0xa5, seen[i]);
		done += size / 4;
	}
	EXPECT_EQ(8, done);
}

TEST_F(table, read_fault_in_the_midst_consumes_nothing)
{
	struct table *table = &self->table;
	unsigned int seen[65];
	char *hole = ev_hole();

	ASSERT_NE(NULL, hole);
	EXPECT_EQ(-EFAULT, ev_read(table->fd, hole - 4 * (table->ports - 1), table->ports * 4));
	EXPECT_EQ(-EFAULT, ev_read(table->fd, hole - 4 * (table->ports / 2), table->ports * 4));
	ASSERT_EQ(table->ports * 4, ev_read(table->fd, seen, sizeof(seen)));
	EXPECT_EQ(-1, ev_first_difference(table->order, seen, table->ports));
}

TEST_F(table, one_write_enables_every_port)
{
	struct table *table = &self->table;
	int i, j, n = table->ports;
	unsigned int seen[65];

	ASSERT_EQ(n * 4, ev_read(table->fd, seen, sizeof(seen)));
	for (i = 0; i < n; i++)
		ASSERT_EQ(0, ev_notify(table->fd, table->order[i]));
	ev_settle();
	ASSERT_EQ(EV_POLL_IDLE, ev_poll(table->fd));

	EXPECT_EQ(n * 4, ev_write(table->fd, table->order, n * 4));
	/* Each once; two vCPUs need not keep the order. */
	for (i = 0; i < n; i++) {
		seen[i] = ev_take(table->fd);
		for (j = 0; j < i; j++)
			ASSERT_NE(seen[j], seen[i]);
		for (j = 0; j < n && table->order[j] != seen[i]; j++)
			;
		ASSERT_LT(j, n);
	}
	EXPECT_EQ(EV_POLL_IDLE, ev_poll(table->fd));
}

TEST_F(table, close_with_pending_events_frees_the_numbers)
{
	int first = self->table.pairs[0].a, fd;

	ASSERT_EQ(0, close(self->table.fd));
	self->table.fd = -1;
	fd = ev_open(O_CLOEXEC | O_NONBLOCK);
	ASSERT_GE(fd, 0);
	EXPECT_EQ(first, ev_bind_unbound(fd, EV_SELF));
	EXPECT_EQ(EV_POLL_IDLE, ev_poll(fd));
	close(fd);
}

/*
 * As many ports as the ring has slots, and then one more
 */

FIXTURE(growth)
{
	struct table table;
};

FIXTURE_VARIANT(growth)
{
	int ports;
};

FIXTURE_VARIANT_ADD(growth, at_64)
{
	.ports = 64,
};

FIXTURE_VARIANT_ADD(growth, at_128)
{
	.ports = 128,
};

FIXTURE_VARIANT_ADD(growth, at_256)
{
	.ports = 256,
};

FIXTURE_SETUP(growth)
{
	ASSERT_EQ(0, table_bind(&self->table, variant->ports));
}

FIXTURE_TEARDOWN(growth)
{
	close(self->table.fd);
}

TEST_F(growth, keeps_content_and_order)
{
	struct table *table = &self->table;
	unsigned int seen[TABLE_MAX + 1];

	ASSERT_EQ(0, table_notify(table));
	ASSERT_GT(ev_bind_unbound(table->fd, EV_SELF), 0);
	EXPECT_EQ(EV_POLL_EVENT, ev_poll(table->fd));
	ASSERT_EQ(table->ports * 4, ev_read(table->fd, seen, sizeof(seen)));
	EXPECT_EQ(-1, ev_first_difference(table->order, seen, table->ports));
	EXPECT_EQ(EV_POLL_IDLE, ev_poll(table->fd));
}

TEST_F(growth, goes_on_where_it_was)
{
	struct table *table = &self->table;
	int n = table->ports;
	unsigned int seen[TABLE_MAX + 2];
	int port;

	ASSERT_EQ(0, table_notify(table));
	port = ev_bind_unbound(table->fd, EV_SELF);
	ASSERT_GT(port, 0);
	/* The next events queue up behind what was there. */
	port = ev_bind_interdomain(table->fd, EV_SELF, port);
	ASSERT_GT(port, 0);
	ev_settle();
	ASSERT_EQ((n + 1) * 4, ev_read(table->fd, seen, sizeof(seen)));
	EXPECT_EQ(-1, ev_first_difference(table->order, seen, n));
	EXPECT_EQ(port, seen[n]);
}

TEST_F(growth, doubles_the_ring)
{
	struct table *table = &self->table;
	unsigned int port = table->pairs[0].a;
	unsigned int seen[2 * TABLE_MAX + 1];
	int i;

	/* Fill it: a port is written back, but not read. */
	ASSERT_GT(ev_bind_unbound(table->fd, EV_SELF), 0);
	for (i = 0; i < 2 * table->ports; i++) {
		ASSERT_EQ(0, ev_notify_settled(table->fd, table->pairs[0].b));
		ASSERT_EQ(4, ev_enable(table->fd, port));
	}
	EXPECT_EQ(EV_POLL_EVENT, ev_poll(table->fd));
	/* Take one out, put another two in. */
	ASSERT_EQ(4, ev_read(table->fd, seen, 4));
	EXPECT_EQ(port, seen[0]);
	ASSERT_EQ(0, ev_notify_settled(table->fd, table->pairs[0].b));
	EXPECT_EQ(EV_POLL_EVENT, ev_poll(table->fd));
	ASSERT_EQ(0, ev_notify_settled(table->fd, table->pairs[1].b));
	EXPECT_EQ(POLLERR, ev_poll(table->fd));
}

TEST_F(growth, leaves_every_port_usable)
{
	struct table *table = &self->table;
	int i;

	ASSERT_GT(ev_bind_unbound(table->fd, EV_SELF), 0);
	for (i = 0; i < table->ports / 2; i++)
		ASSERT_EQ(0, ev_ping(table->fd, table->fd, &table->pairs[i]));
}

/*
 * Two files, one end each
 */

FIXTURE(two_files)
{
	int fd_a;
	int fd_b;
	struct ev_pair pair;
};

FIXTURE_SETUP(two_files)
{
	self->fd_a = ev_open(O_CLOEXEC | O_NONBLOCK);
	ASSERT_GE(self->fd_a, 0);
	self->fd_b = ev_open(O_CLOEXEC | O_NONBLOCK);
	ASSERT_GE(self->fd_b, 0);
	ASSERT_EQ(0, ev_connect(self->fd_a, self->fd_b, &self->pair));
}

FIXTURE_TEARDOWN(two_files)
{
	close(self->fd_a);
	close(self->fd_b);
}

TEST_F(two_files, events_go_to_the_owner_only)
{
	EXPECT_EQ(0, ev_notify_settled(self->fd_b, self->pair.b));
	EXPECT_EQ(EV_POLL_EVENT, ev_poll(self->fd_a));
	EXPECT_EQ(EV_POLL_IDLE, ev_poll(self->fd_b));
	EXPECT_EQ(self->pair.a, ev_take(self->fd_a));

	EXPECT_EQ(0, ev_notify_settled(self->fd_a, self->pair.a));
	EXPECT_EQ(EV_POLL_IDLE, ev_poll(self->fd_a));
	EXPECT_EQ(EV_POLL_EVENT, ev_poll(self->fd_b));
	EXPECT_EQ(self->pair.b, ev_take(self->fd_b));
}

TEST_F(two_files, notify_of_the_others_port_is_enotconn)
{
	EXPECT_EQ(-ENOTCONN, ev_notify(self->fd_a, self->pair.b));
	EXPECT_EQ(-ENOTCONN, ev_notify(self->fd_b, self->pair.a));
	ev_settle();
	EXPECT_EQ(EV_POLL_IDLE, ev_poll(self->fd_a));
	EXPECT_EQ(EV_POLL_IDLE, ev_poll(self->fd_b));
}

TEST_F(two_files, unbind_of_the_others_port_is_enotconn)
{
	EXPECT_EQ(-ENOTCONN, ev_unbind(self->fd_a, self->pair.b));
	EXPECT_EQ(-ENOTCONN, ev_unbind(self->fd_b, self->pair.a));
	EXPECT_EQ(0, ev_ping(self->fd_a, self->fd_b, &self->pair));
}

TEST_F(two_files, write_of_the_others_port_enables_nothing)
{
	unsigned int port;

	ASSERT_EQ(0, ev_notify(self->fd_b, self->pair.b));
	ASSERT_EQ(self->pair.a, ev_take(self->fd_a));
	EXPECT_EQ(sizeof(port), ev_enable(self->fd_b, self->pair.a));
	ASSERT_EQ(0, ev_notify_settled(self->fd_b, self->pair.b));
	EXPECT_EQ(-EAGAIN, ev_read(self->fd_a, &port, sizeof(port)));
	EXPECT_EQ(-EAGAIN, ev_read(self->fd_b, &port, sizeof(port)));
}

TEST_F(two_files, reset_leaves_the_other_alone)
{
	ASSERT_EQ(0, ev_notify_settled(self->fd_b, self->pair.b));
	EXPECT_EQ(0, ev_reset(self->fd_b));
	EXPECT_EQ(self->pair.a, ev_take(self->fd_a));
}

TEST_F(two_files, restriction_leaves_the_other_alone)
{
	EXPECT_EQ(0, ev_restrict(self->fd_a, 1));
	EXPECT_EQ(-EACCES, ev_bind_unbound(self->fd_a, EV_SELF));
	EXPECT_GT(ev_bind_unbound(self->fd_b, EV_SELF), 0);
	EXPECT_EQ(0, ev_restrict(self->fd_b, 2));
}

TEST_F(two_files, close_of_the_peer_leaves_a_port_that_can_be_notified)
{
	EXPECT_EQ(0, close(self->fd_b));
	self->fd_b = -1;
	EXPECT_EQ(0, ev_notify(self->fd_a, self->pair.a));
	EXPECT_EQ(0, ev_unbind(self->fd_a, self->pair.a));
}

TEST_F(two_files, unbind_by_one_leaves_the_others_port)
{
	EXPECT_EQ(0, ev_unbind(self->fd_a, self->pair.a));
	EXPECT_EQ(0, ev_notify(self->fd_b, self->pair.b));
	EXPECT_EQ(0, ev_unbind(self->fd_b, self->pair.b));
}

TEST_F(two_files, dup_is_the_same_file)
{
	int fd = dup(self->fd_a);

	ASSERT_GE(fd, 0);
	EXPECT_EQ(0, ev_ping(fd, self->fd_b, &self->pair));
	EXPECT_EQ(0, close(self->fd_a));
	self->fd_a = -1;
	EXPECT_EQ(0, ev_ping(fd, self->fd_b, &self->pair));
	close(fd);
}

/*
 * fork and exec. The child says with its exit code how far it came.
 */

/* The program's second life: reads @port from @fd and writes it back. */
static int after_exec(int fd, unsigned int port)
{
	if (fcntl(fd, F_GETFD) < 0)
		return 2;
	if (ev_take(fd) != (int)port)
		return 3;
	if (ev_enable(fd, port) != sizeof(port))
		return 4;
	if (ev_notify(fd, port))
		return 5;
	return 0;
}

/* What after_exec() returns in a child, or -errno. */
static int run_after_exec(int fd, unsigned int port)
{
	char fd_text[16], port_text[16];
	int status;
	pid_t pid;

	snprintf(fd_text, sizeof(fd_text), "%d", fd);
	snprintf(port_text, sizeof(port_text), "%u", port);
	pid = fork();
	if (pid < 0)
		return -errno;
	if (!pid) {
		execl("/proc/self/exe", "evtchn_test", "--after-exec", fd_text,
		      port_text, NULL);
		_exit(127);
	}
	if (waitpid(pid, &status, 0) != pid)
		return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -EINTR;
}

TEST_F(two_files, ports_survive_exec)
{
	ASSERT_EQ(0, fcntl(self->fd_a, F_SETFD, 0));
	ASSERT_EQ(0, ev_notify(self->fd_b, self->pair.b));
	EXPECT_EQ(0, run_after_exec(self->fd_a, self->pair.a));

	/* It read, enabled and notified this very file's port. */
	EXPECT_EQ(self->pair.b, ev_take(self->fd_b));
	EXPECT_EQ(4, ev_enable(self->fd_b, self->pair.b));
	EXPECT_EQ(0, ev_ping(self->fd_a, self->fd_b, &self->pair));
}

TEST_F(two_files, cloexec_closes_at_exec)
{
	ASSERT_EQ(0, ev_notify(self->fd_b, self->pair.b));
	EXPECT_EQ(2, run_after_exec(self->fd_a, self->pair.a));
	/* Closed in the child; the file goes on. */
	EXPECT_EQ(self->pair.a, ev_take(self->fd_a));
}

TEST_F(two_files, ports_are_shared_over_fork)
{
	int status;
	pid_t pid;

	ASSERT_EQ(0, ev_notify(self->fd_b, self->pair.b));
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid)
		_exit(after_exec(self->fd_a, self->pair.a));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(WIFEXITED(status));
	EXPECT_EQ(0, WEXITSTATUS(status));

	EXPECT_EQ(self->pair.b, ev_take(self->fd_b));
	EXPECT_EQ(4, ev_enable(self->fd_b, self->pair.b));
	EXPECT_EQ(0, ev_ping(self->fd_a, self->fd_b, &self->pair));
}

TEST_F(two_files, port_bound_by_child_outlives_it)
{
	int pipes[2], port = 0;
	pid_t pid;

	ASSERT_EQ(0, pipe(pipes));
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		port = ev_bind_unbound(self->fd_a, EV_SELF);
		_exit(write(pipes[1], &port, sizeof(port)) != sizeof(port));
	}
	ASSERT_EQ(pid, waitpid(pid, NULL, 0));
	ASSERT_EQ(sizeof(port), read(pipes[0], &port, sizeof(port)));
	ASSERT_GT(port, 0);
	EXPECT_GT(ev_bind_interdomain(self->fd_b, EV_SELF, port), 0);
	EXPECT_EQ(0, ev_unbind(self->fd_a, port));
}

TEST_F(two_files, close_in_child_frees_nothing)
{
	int status;
	pid_t pid;

	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid)
		_exit(close(self->fd_a) || close(self->fd_b));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(WIFEXITED(status));
	EXPECT_EQ(0, WEXITSTATUS(status));
	EXPECT_EQ(0, ev_ping(self->fd_a, self->fd_b, &self->pair));
}

/*
 * Threads that sleep in the device, and signals
 */

struct sleeper {
	pthread_t thread;
	int fd;
	short poll;		/* events to poll for; 0 to read */
	atomic_int tid;
	atomic_bool done;
	int ret;
	unsigned int port;
};

static void *sleeper_run(void *arg)
{
	struct sleeper *sleeper = arg;
	struct pollfd pfd = { .fd = sleeper->fd, .events = sleeper->poll };

	sleeper->tid = gettid();
	if (sleeper->poll)
		sleeper->ret = poll(&pfd, 1, -1) < 0 ? -errno : pfd.revents;
	else
		sleeper->ret = ev_read(sleeper->fd, &sleeper->port,
				       sizeof(sleeper->port));
	sleeper->done = true;
	return NULL;
}

/*
 * Until the thread sleeps, so that what follows finds it asleep. If that is
 * not seen, the test shows less and is no less true.
 */
static void wait_asleep(struct sleeper *sleeper)
{
	char path[64], stat[128], *state;
	int fd, i;
	ssize_t n;

	for (i = 0; i < EV_GUARD_MS; i++) {
		usleep(1000);
		if (!sleeper->tid)
			continue;
		if (sleeper->done)
			return;
		snprintf(path, sizeof(path), "/proc/self/task/%d/stat", sleeper->tid);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return;
		n = read(fd, stat, sizeof(stat) - 1);
		close(fd);
		stat[n > 0 ? n : 0] = '\0';
		state = strrchr(stat, ')');
		if (state && state[1] == ' ' && state[2] == 'S')
			return;
	}
}

/* @poll events, or 0 to read. Returns an errno, as pthread_create() does. */
static int sleeper_start(struct sleeper *sleeper, int fd, short poll)
{
	int ret;

	memset(sleeper, 0, sizeof(*sleeper));
	sleeper->fd = fd;
	sleeper->poll = poll;
	ret = pthread_create(&sleeper->thread, NULL, sleeper_run, sleeper);
	if (!ret)
		wait_asleep(sleeper);
	return ret;
}

static atomic_int signals;

static void count_signal(int sig)
{
	if (sig)
		signals++;
}

/* Two files, and the first one blocks. */
FIXTURE(blocking)
{
	int fd_a;
	int fd_b;
	struct ev_pair pair;
};

FIXTURE_SETUP(blocking)
{
	self->fd_a = ev_open(O_CLOEXEC);
	ASSERT_GE(self->fd_a, 0);
	self->fd_b = ev_open(O_CLOEXEC | O_NONBLOCK);
	ASSERT_GE(self->fd_b, 0);
	ASSERT_EQ(0, ev_connect(self->fd_a, self->fd_b, &self->pair));
}

FIXTURE_TEARDOWN(blocking)
{
	close(self->fd_a);
	close(self->fd_b);
}

TEST_F(blocking, read_sleeps_until_an_event)
{
	struct sleeper reader;

	ASSERT_EQ(0, sleeper_start(&reader, self->fd_a, 0));
	EXPECT_FALSE(reader.done);
	EXPECT_EQ(0, ev_notify(self->fd_b, self->pair.b));
	ASSERT_EQ(0, pthread_join(reader.thread, NULL));
	EXPECT_EQ(4, reader.ret);
	EXPECT_EQ(self->pair.a, reader.port);
}

TEST_F(blocking, read_sleeps_again_and_again)
{
	struct sleeper reader;
	int i;

	for (i = 0; i < 20; i++) {
		ASSERT_EQ(0, sleeper_start(&reader, self->fd_a, 0));
		ASSERT_EQ(0, ev_notify(self->fd_b, self->pair.b));
		ASSERT_EQ(0, pthread_join(reader.thread, NULL));
		ASSERT_EQ(4, reader.ret);
		ASSERT_EQ(self->pair.a, reader.port);
		ASSERT_EQ(4, ev_enable(self->fd_a, self->pair.a));
	}
}

TEST_F(blocking, read_is_woken_by_a_written_port)
{
	struct sleeper reader;

	ASSERT_EQ(0, ev_notify(self->fd_b, self->pair.b));
	ASSERT_EQ(self->pair.a, ev_take(self->fd_a));
	ASSERT_EQ(0, sleeper_start(&reader, self->fd_a, 0));
	EXPECT_EQ(0, ev_notify_settled(self->fd_b, self->pair.b));
	EXPECT_FALSE(reader.done);
	/* A sleeping read does not keep write() waiting. */
	EXPECT_EQ(4, ev_enable(self->fd_a, self->pair.a));
	ASSERT_EQ(0, pthread_join(reader.thread, NULL));
	EXPECT_EQ(4, reader.ret);
	EXPECT_EQ(self->pair.a, reader.port);
}

TEST_F(blocking, commands_run_while_a_read_sleeps)
{
	struct sleeper reader;
	int port;

	ASSERT_EQ(0, sleeper_start(&reader, self->fd_a, 0));
	port = ev_bind_unbound(self->fd_a, EV_SELF);
	EXPECT_GT(port, 0);
	EXPECT_EQ(0, ev_unbind(self->fd_a, port));
	EXPECT_EQ(0, ev_notify(self->fd_a, self->pair.a));
	EXPECT_EQ(self->pair.b, ev_take(self->fd_b));
	EXPECT_EQ(0, ev_reset(self->fd_a));
	EXPECT_EQ(EV_POLL_IDLE, ev_poll(self->fd_a));
	EXPECT_FALSE(reader.done);
	EXPECT_EQ(0, ev_notify(self->fd_b, self->pair.b));
	ASSERT_EQ(0, pthread_join(reader.thread, NULL));
	EXPECT_EQ(self->pair.a, reader.port);
}

TEST_F(blocking, read_of_port_bound_while_it_sleeps)
{
	struct sleeper reader;
	int fd, port;

	/* No port at all when the read begins. */
	fd = ev_open(O_CLOEXEC);
	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, sleeper_start(&reader, fd, 0));
	port = ev_bind_unbound(self->fd_a, EV_SELF);
	ASSERT_GT(port, 0);
	port = ev_bind_interdomain(fd, EV_SELF, port);
	ASSERT_GT(port, 0);
	ASSERT_EQ(0, pthread_join(reader.thread, NULL));
	EXPECT_EQ(4, reader.ret);
	EXPECT_EQ(port, reader.port);
	close(fd);
}

TEST_F(blocking, signal_interrupts_read)
{
	struct sigaction action = { .sa_handler = count_signal };
	struct sleeper reader;

	ASSERT_EQ(0, sigaction(SIGUSR1, &action, NULL));
	ASSERT_EQ(0, sleeper_start(&reader, self->fd_a, 0));
	/* Again, should the first have come before the read. */
	while (!reader.done) {
		pthread_kill(reader.thread, SIGUSR1);
		usleep(10000);
	}
	ASSERT_EQ(0, pthread_join(reader.thread, NULL));
	EXPECT_EQ(-EINTR, reader.ret);
	/* Nothing was lost on the way. */
	ASSERT_EQ(0, fcntl(self->fd_a, F_SETFL, O_NONBLOCK));
	EXPECT_EQ(0, ev_ping(self->fd_a, self->fd_b, &self->pair));
}

TEST_F(blocking, read_is_restarted_after_a_signal_with_sa_restart)
{
	struct sigaction action = {
		.sa_handler = count_signal,
		.sa_flags = SA_RESTART,
	};
	struct sleeper reader;

	ASSERT_EQ(0, sigaction(SIGUSR1, &action, NULL));
	ASSERT_EQ(0, sleeper_start(&reader, self->fd_a, 0));
	signals = 0;
	ASSERT_EQ(0, pthread_kill(reader.thread, SIGUSR1));
	while (!signals)
		usleep(1000);
	wait_asleep(&reader);
	EXPECT_FALSE(reader.done);
	EXPECT_EQ(0, ev_notify(self->fd_b, self->pair.b));
	ASSERT_EQ(0, pthread_join(reader.thread, NULL));
	EXPECT_EQ(4, reader.ret);
	EXPECT_EQ(self->pair.a, reader.port);
}

TEST_F(blocking, event_is_read_by_one_of_two_readers)
{
	struct sleeper first, second;

	ASSERT_EQ(0, sleeper_start(&first, self->fd_a, 0));
	ASSERT_EQ(0, sleeper_start(&second, self->fd_a, 0));
	ASSERT_EQ(0, ev_notify(self->fd_b, self->pair.b));
	while (!first.done && !second.done)
		usleep(1000);
	wait_asleep(first.done ? &second : &first);
	EXPECT_FALSE(first.done && second.done);

	/* The port is masked now; written, it wakes the other. */
	ASSERT_EQ(4, ev_enable(self->fd_a, self->pair.a));
	ASSERT_EQ(0, ev_notify(self->fd_b, self->pair.b));
	ASSERT_EQ(0, pthread_join(first.thread, NULL));
	ASSERT_EQ(0, pthread_join(second.thread, NULL));
	EXPECT_EQ(4, first.ret);
	EXPECT_EQ(4, second.ret);
	EXPECT_EQ(self->pair.a, first.port);
	EXPECT_EQ(self->pair.a, second.port);
}

TEST_F(blocking, event_wakes_poll)
{
	struct sleeper poller;

	ASSERT_EQ(0, sleeper_start(&poller, self->fd_a, POLLIN));
	EXPECT_FALSE(poller.done);
	EXPECT_EQ(0, ev_notify(self->fd_b, self->pair.b));
	ASSERT_EQ(0, pthread_join(poller.thread, NULL));
	EXPECT_EQ(POLLIN, poller.ret);
	EXPECT_EQ(self->pair.a, ev_take(self->fd_a));
}

TEST_F(blocking, event_wakes_every_poller)
{
	struct sleeper first, second;

	ASSERT_EQ(0, sleeper_start(&first, self->fd_a, POLLIN));
	ASSERT_EQ(0, sleeper_start(&second, self->fd_a, POLLRDNORM));
	EXPECT_EQ(0, ev_notify(self->fd_b, self->pair.b));
	ASSERT_EQ(0, pthread_join(first.thread, NULL));
	ASSERT_EQ(0, pthread_join(second.thread, NULL));
	EXPECT_EQ(POLLIN, first.ret);
	EXPECT_EQ(POLLRDNORM, second.ret);
}

TEST_F(blocking, nonblock_can_be_set_later)
{
	unsigned int port;

	ASSERT_EQ(0, fcntl(self->fd_a, F_SETFL, O_NONBLOCK));
	EXPECT_EQ(-EAGAIN, ev_read(self->fd_a, &port, sizeof(port)));
}

/*
 * epoll
 */

FIXTURE(epoll)
{
	int fd;
	int epfd;
	struct ev_pair pair;
};

FIXTURE_SETUP(epoll)
{
	self->fd = ev_open(O_CLOEXEC | O_NONBLOCK);
	ASSERT_GE(self->fd, 0);
	self->epfd = epoll_create1(EPOLL_CLOEXEC);
	ASSERT_GE(self->epfd, 0);
	ASSERT_EQ(0, ev_connect(self->fd, self->fd, &self->pair));
}

FIXTURE_TEARDOWN(epoll)
{
	close(self->epfd);
	close(self->fd);
}

static int epoll_add(int epfd, int fd, uint32_t events)
{
	struct epoll_event event = { .events = events };

	return epoll_ctl(epfd, EPOLL_CTL_ADD, fd, &event);
}

/* The events, 0 if there are none, or -errno. */
static int epoll_events(int epfd, int timeout)
{
	struct epoll_event event;
	int ret = epoll_wait(epfd, &event, 1, timeout);

	return ret < 0 ? -errno : ret ? (int)event.events : 0;
}

TEST_F(epoll, level_reports_while_there_is_an_event)
{
	ASSERT_EQ(0, epoll_add(self->epfd, self->fd, EPOLLIN));
	EXPECT_EQ(0, epoll_events(self->epfd, 0));

	ASSERT_EQ(0, ev_notify(self->fd, self->pair.b));
	EXPECT_EQ(EPOLLIN, epoll_events(self->epfd, EV_GUARD_MS));
	EXPECT_EQ(EPOLLIN, epoll_events(self->epfd, 0));

	EXPECT_EQ(self->pair.a, ev_take(self->fd));
	EXPECT_EQ(0, epoll_events(self->epfd, 0));
}

TEST_F(epoll, writable_is_reported_at_once)
{
	ASSERT_EQ(0, epoll_add(self->epfd, self->fd, EPOLLIN | EPOLLOUT));
	EXPECT_EQ(EPOLLOUT, epoll_events(self->epfd, 0));
	ASSERT_EQ(0, ev_notify_settled(self->fd, self->pair.b));
	EXPECT_EQ(EPOLLIN | EPOLLOUT, epoll_events(self->epfd, 0));
}

TEST_F(epoll, edge_reports_each_event_after_an_empty_ring)
{
	int i;

	ASSERT_EQ(0, epoll_add(self->epfd, self->fd, EPOLLIN | EPOLLET));
	EXPECT_EQ(0, epoll_events(self->epfd, 0));
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, ev_notify(self->fd, self->pair.b));
		EXPECT_EQ(EPOLLIN, epoll_events(self->epfd, EV_GUARD_MS));
		ASSERT_EQ(self->pair.a, ev_take(self->fd));
		ASSERT_EQ(4, ev_enable(self->fd, self->pair.a));
	}
}

TEST_F(epoll, edge_is_reported_once)
{
	ASSERT_EQ(0, epoll_add(self->epfd, self->fd, EPOLLIN | EPOLLET));
	ASSERT_EQ(0, ev_notify_settled(self->fd, self->pair.b));
	EXPECT_EQ(EPOLLIN, epoll_events(self->epfd, EV_GUARD_MS));
	/* Still readable, but nothing new. */
	EXPECT_EQ(EV_POLL_EVENT, ev_poll(self->fd));
	EXPECT_EQ(0, epoll_events(self->epfd, 0));
}

TEST_F(epoll, event_from_before_is_reported)
{
	ASSERT_EQ(0, ev_notify_settled(self->fd, self->pair.b));
	ASSERT_EQ(0, epoll_add(self->epfd, self->fd, EPOLLIN | EPOLLET));
	EXPECT_EQ(EPOLLIN, epoll_events(self->epfd, 0));
}

TEST_F(epoll, oneshot_reports_once)
{
	struct epoll_event again = { .events = EPOLLIN | EPOLLONESHOT };

	ASSERT_EQ(0, epoll_add(self->epfd, self->fd, EPOLLIN | EPOLLONESHOT));
	ASSERT_EQ(0, ev_notify_settled(self->fd, self->pair.b));
	EXPECT_EQ(EPOLLIN, epoll_events(self->epfd, EV_GUARD_MS));
	EXPECT_EQ(0, epoll_events(self->epfd, 0));
	ASSERT_EQ(0, epoll_ctl(self->epfd, EPOLL_CTL_MOD, self->fd, &again));
	EXPECT_EQ(EPOLLIN, epoll_events(self->epfd, 0));
}

TEST_F(epoll, overflow_is_err_alone)
{
	int i;

	ASSERT_EQ(0, epoll_add(self->epfd, self->fd, EPOLLIN | EPOLLOUT));
	for (i = 0; i < RING_MIN + 1; i++) {
		ASSERT_EQ(0, ev_notify_settled(self->fd, self->pair.b));
		ASSERT_EQ(4, ev_enable(self->fd, self->pair.a));
	}
	EXPECT_EQ(EPOLLERR, epoll_events(self->epfd, 0));
	ASSERT_EQ(0, ev_reset(self->fd));
	EXPECT_EQ(EPOLLOUT, epoll_events(self->epfd, 0));
}

/*
 * SIGIO
 */

FIXTURE(sigio)
{
	int fd;
	struct ev_pair pair;
	sigset_t set;
};

FIXTURE_SETUP(sigio)
{
	self->fd = ev_open(O_CLOEXEC | O_NONBLOCK);
	ASSERT_GE(self->fd, 0);
	ASSERT_EQ(0, ev_connect(self->fd, self->fd, &self->pair));

	ASSERT_EQ(0, sigemptyset(&self->set));
	ASSERT_EQ(0, sigaddset(&self->set, SIGIO));
	ASSERT_EQ(0, sigprocmask(SIG_BLOCK, &self->set, NULL));
	ASSERT_EQ(0, fcntl(self->fd, F_SETOWN, getpid()));
	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, O_ASYNC | O_NONBLOCK));
}

FIXTURE_TEARDOWN(sigio)
{
	close(self->fd);
}

/* The signal, or -EAGAIN: none within the guard's time. */
static int take_signal(const sigset_t *set)
{
	struct timespec guard = { .tv_sec = EV_GUARD_MS / 1000 };
	int ret = sigtimedwait(set, NULL, &guard);

	return ret < 0 ? -errno : ret;
}

static bool signal_is_pending(void)
{
	sigset_t set;

	sigpending(&set);
	return sigismember(&set, SIGIO);
}

TEST_F(sigio, comes_when_the_ring_is_no_longer_empty)
{
	int i;

	EXPECT_FALSE(signal_is_pending());
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, ev_notify(self->fd, self->pair.b));
		EXPECT_EQ(SIGIO, take_signal(&self->set));
		ASSERT_EQ(self->pair.a, ev_take(self->fd));
		ASSERT_EQ(4, ev_enable(self->fd, self->pair.a));
	}
}

TEST_F(sigio, comes_once_for_a_ring_that_is_not_emptied)
{
	ASSERT_EQ(0, ev_notify_settled(self->fd, self->pair.b));
	EXPECT_EQ(SIGIO, take_signal(&self->set));
	ASSERT_EQ(0, ev_notify_settled(self->fd, self->pair.a));
	EXPECT_FALSE(signal_is_pending());
}

TEST_F(sigio, comes_again_after_reset)
{
	ASSERT_EQ(0, ev_notify_settled(self->fd, self->pair.b));
	EXPECT_EQ(SIGIO, take_signal(&self->set));
	ASSERT_EQ(0, ev_reset(self->fd));
	ASSERT_EQ(0, ev_notify(self->fd, self->pair.a));
	EXPECT_EQ(SIGIO, take_signal(&self->set));
}

TEST_F(sigio, does_not_come_when_switched_off)
{
	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, O_NONBLOCK));
	ASSERT_EQ(0, ev_notify_settled(self->fd, self->pair.b));
	EXPECT_EQ(EV_POLL_EVENT, ev_poll(self->fd));
	EXPECT_FALSE(signal_is_pending());
}

/*
 * VIRQs
 */

FIXTURE(virq)
{
	int fd;
	unsigned int virq;
	unsigned int port;
};

FIXTURE_SETUP(virq)
{
	/*
	 * Global VIRQs that Xen sends only to who asks for it: TBUF, DOM_EXC,
	 * MEM_EVENT, ARGO, ENOMEM, CON_RING. Others may have some of them.
	 */
	static const unsigned int virqs[] = { 4, 3, 10, 11, 12, 8 };
	int ret = -ENOENT;
	size_t i;

	self->fd = ev_open(O_CLOEXEC | O_NONBLOCK);
	ASSERT_GE(self->fd, 0);
	for (i = 0; i < ARRAY_SIZE(virqs); i++) {
		ret = ev_bind_virq(self->fd, virqs[i]);
		if (ret > 0)
			break;
	}
	if (ret < 0)
		SKIP(return, "Xen gives this domain no global VIRQ: %s",
		     strerror(-ret));
	self->virq = virqs[i];
	self->port = ret;
}

FIXTURE_TEARDOWN(virq)
{
	close(self->fd);
}

TEST_F(virq, second_bind_is_eexist)
{
	int fd;

	EXPECT_EQ(-EEXIST, ev_bind_virq(self->fd, self->virq));
	fd = ev_open(O_CLOEXEC | O_NONBLOCK);
	ASSERT_GE(fd, 0);
	EXPECT_EQ(-EEXIST, ev_bind_virq(fd, self->virq));
	close(fd);
	EXPECT_EQ(0, ev_notify(self->fd, self->port));
}

TEST_F(virq, unbind_makes_it_free)
{
	EXPECT_EQ(0, ev_unbind(self->fd, self->port));
	EXPECT_EQ(self->port, ev_bind_virq(self->fd, self->virq));
	EXPECT_EQ(-EEXIST, ev_bind_virq(self->fd, self->virq));
}

TEST_F(virq, close_makes_it_free)
{
	ASSERT_EQ(0, close(self->fd));
	self->fd = ev_open(O_CLOEXEC | O_NONBLOCK);
	ASSERT_GE(self->fd, 0);
	EXPECT_GT(ev_bind_virq(self->fd, self->virq), 0);
}

TEST_F(virq, eexist_leaves_no_port_behind)
{
	int before = ev_next_port();

	ASSERT_GT(before, 0);
	ASSERT_EQ(-EEXIST, ev_bind_virq(self->fd, self->virq));
	EXPECT_EQ(before, ev_bind_unbound(self->fd, EV_SELF));
}

TEST_F(virq, notify_does_not_tell_that_xen_refused)
{
	/* Xen sends on no VIRQ's port. */
	EXPECT_EQ(0, ev_notify_settled(self->fd, self->port));
	EXPECT_EQ(EV_POLL_IDLE, ev_poll(self->fd));
}

TEST_F(virq, interdomain_to_virq_port_is_einval)
{
	EXPECT_EQ(-EINVAL, ev_bind_interdomain(self->fd, EV_SELF, self->port));
}

/*
 * RESTRICT_DOMID
 */

/* A pair from before the restriction to a domain that there is not. */
FIXTURE(restricted)
{
	int fd;
	struct ev_pair pair;
};

FIXTURE_SETUP(restricted)
{
	self->fd = ev_open(O_CLOEXEC | O_NONBLOCK);
	ASSERT_GE(self->fd, 0);
	ASSERT_EQ(0, ev_connect(self->fd, self->fd, &self->pair));
	ASSERT_EQ(0, ev_restrict(self->fd, EV_NO_DOMAIN));
}

FIXTURE_TEARDOWN(restricted)
{
	close(self->fd);
}

TEST_F(file, restrict_to_what_is_no_guest_is_einval)
{
	EXPECT_EQ(-EINVAL, ev_restrict(self->fd, 0));
	EXPECT_EQ(-EINVAL, ev_restrict(self->fd, EV_FIRST_RESERVED));
	EXPECT_EQ(-EINVAL, ev_restrict(self->fd, EV_FIRST_RESERVED + 1));
	EXPECT_EQ(-EINVAL, ev_restrict(self->fd, 0x7fff));
	EXPECT_EQ(-EINVAL, ev_restrict(self->fd, 0x8000));
	EXPECT_EQ(-EINVAL, ev_restrict(self->fd, 0xffff));
}

TEST_F(file, failed_restrict_restricts_nothing)
{
	ASSERT_EQ(-EINVAL, ev_restrict(self->fd, 0));
	ASSERT_EQ(-EINVAL, ev_restrict(self->fd, 0xffff));
	ASSERT_EQ(-EFAULT, ev_ioctl(self->fd, IOCTL_EVTCHN_RESTRICT_DOMID, NULL));
	EXPECT_GT(ev_bind_unbound(self->fd, EV_SELF), 0);
	EXPECT_EQ(0, ev_restrict(self->fd, 1));
}

TEST_F(restricted, restrict_again_is_eacces)
{
	EXPECT_EQ(-EACCES, ev_restrict(self->fd, EV_NO_DOMAIN));
	EXPECT_EQ(-EACCES, ev_restrict(self->fd, 1));
}

TEST_F(restricted, restrict_again_is_eacces_before_efault_and_einval)
{
	EXPECT_EQ(-EACCES, ev_ioctl(self->fd, IOCTL_EVTCHN_RESTRICT_DOMID, NULL));
	EXPECT_EQ(-EACCES, ev_restrict(self->fd, 0));
	EXPECT_EQ(-EACCES, ev_restrict(self->fd, EV_FIRST_RESERVED));
}

TEST_F(restricted, virq_is_eacces)
{
	EXPECT_EQ(-EACCES, ev_bind_virq(self->fd, 4));
	EXPECT_EQ(-EACCES, ev_bind_virq(self->fd, ~0u));
}

TEST_F(restricted, virq_is_eacces_before_efault)
{
	EXPECT_EQ(-EACCES, ev_ioctl(self->fd, IOCTL_EVTCHN_BIND_VIRQ, NULL));
}

TEST_F(restricted, unbound_port_is_eacces)
{
	EXPECT_EQ(-EACCES, ev_bind_unbound(self->fd, EV_SELF));
	EXPECT_EQ(-EACCES, ev_bind_unbound(self->fd, 0));
	EXPECT_EQ(-EACCES, ev_bind_unbound(self->fd, EV_NO_DOMAIN));
}

TEST_F(restricted, unbound_port_is_eacces_before_efault)
{
	EXPECT_EQ(-EACCES, ev_ioctl(self->fd, IOCTL_EVTCHN_BIND_UNBOUND_PORT, NULL));
}

TEST_F(restricted, interdomain_to_another_domain_is_eacces)
{
	int fd, port;

	/* One that could be connected to. */
	fd = ev_open(O_CLOEXEC | O_NONBLOCK);
	ASSERT_GE(fd, 0);
	port = ev_bind_unbound(fd, EV_SELF);
	ASSERT_GT(port, 0);
	EXPECT_EQ(-EACCES, ev_bind_interdomain(self->fd, EV_SELF, port));
	EXPECT_EQ(-EACCES, ev_bind_interdomain(self->fd, 0, port));
	EXPECT_EQ(-EACCES, ev_bind_interdomain(self->fd, EV_NO_DOMAIN - 1, port));
	EXPECT_GT(ev_bind_interdomain(fd, EV_SELF, port), 0);
	close(fd);
}

TEST_F(restricted, interdomain_compares_more_than_16_bits)
{
	EXPECT_EQ(-EACCES, ev_bind_interdomain(self->fd, 0x10000 | EV_NO_DOMAIN, 1));
	EXPECT_EQ(-EACCES, ev_bind_interdomain(self->fd, 0xffff0000 | EV_NO_DOMAIN, 1));
}

TEST_F(restricted, interdomain_to_its_domain_asks_xen)
{
	/* There is no such domain, and it is Xen that says so. */
	EXPECT_EQ(-ESRCH, ev_bind_interdomain(self->fd, EV_NO_DOMAIN, 1));
}

TEST_F(restricted, interdomain_is_efault_before_eacces)
{
	EXPECT_EQ(-EFAULT, ev_ioctl(self->fd, IOCTL_EVTCHN_BIND_INTERDOMAIN, NULL));
}

TEST_F(restricted, ports_from_before_stay_usable)
{
	EXPECT_EQ(0, ev_ping(self->fd, self->fd, &self->pair));
	EXPECT_EQ(0, ev_ping(self->fd, self->fd, &self->pair));
}

TEST_F(restricted, reset_is_allowed)
{
	ASSERT_EQ(0, ev_notify_settled(self->fd, self->pair.b));
	EXPECT_EQ(0, ev_reset(self->fd));
	EXPECT_EQ(EV_POLL_IDLE, ev_poll(self->fd));
}

TEST_F(restricted, unbind_is_allowed)
{
	EXPECT_EQ(0, ev_unbind(self->fd, self->pair.a));
	EXPECT_EQ(0, ev_unbind(self->fd, self->pair.b));
	EXPECT_EQ(-ENOTCONN, ev_notify(self->fd, self->pair.a));
}

TEST_F(restricted, restriction_goes_with_the_file)
{
	int fd = dup(self->fd);
	int status;
	pid_t pid;

	ASSERT_GE(fd, 0);
	EXPECT_EQ(-EACCES, ev_bind_unbound(fd, EV_SELF));
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid)
		_exit(ev_bind_unbound(self->fd, EV_SELF) != -EACCES);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(WIFEXITED(status));
	EXPECT_EQ(0, WEXITSTATUS(status));
	close(fd);
}

/*
 * What Xen itself says, asked through privcmd, which serves no 32-bit programs
 */

#if UINTPTR_MAX > UINT32_MAX
#include "hypercall.h"

FIXTURE(xen)
{
	int fd;
	/* Allocated in Xen, as a static port is; no file has it. */
	int port;
};

FIXTURE_SETUP(xen)
{
	const char *missing = ev_xen_open();

	self->fd = ev_open(O_CLOEXEC | O_NONBLOCK);
	ASSERT_GE(self->fd, 0);
	if (missing)
		SKIP(return, "%s", missing);
	self->port = ev_xen_alloc_unbound(EV_SELF);
	ASSERT_GT(self->port, 0);
	ASSERT_EQ(EV_UNBOUND, ev_xen_status(self->port));
}

FIXTURE_TEARDOWN(xen)
{
	close(self->fd);
	if (self->port > 0)
		ev_xen_close(self->port);
}

TEST_F(xen, static_bind_is_zero_then_eisconn)
{
	EXPECT_EQ(0, ev_bind_static(self->fd, self->port));
	EXPECT_EQ(-EISCONN, ev_bind_static(self->fd, self->port));
	EXPECT_EQ(EV_UNBOUND, ev_xen_status(self->port));
}

TEST_F(xen, static_port_delivers_events)
{
	struct ev_pair pair = { .a = self->port };
	int ret;

	ASSERT_EQ(0, ev_bind_static(self->fd, self->port));
	ret = ev_bind_interdomain(self->fd, EV_SELF, self->port);
	ASSERT_GT(ret, 0);
	pair.b = ret;
	ASSERT_EQ(pair.b, ev_take(self->fd));
	ASSERT_EQ(4, ev_enable(self->fd, pair.b));
	EXPECT_EQ(0, ev_ping(self->fd, self->fd, &pair));
	EXPECT_EQ(0, ev_ping(self->fd, self->fd, &pair));
}

TEST_F(xen, static_port_stays_open_over_unbind)
{
	ASSERT_EQ(0, ev_bind_static(self->fd, self->port));
	ASSERT_EQ(0, ev_unbind(self->fd, self->port));
	EXPECT_EQ(EV_UNBOUND, ev_xen_status(self->port));
	EXPECT_EQ(-ENOTCONN, ev_notify(self->fd, self->port));
}

TEST_F(xen, static_port_stays_open_over_close)
{
	ASSERT_EQ(0, ev_bind_static(self->fd, self->port));
	ASSERT_EQ(0, close(self->fd));
	self->fd = -1;
	EXPECT_EQ(EV_UNBOUND, ev_xen_status(self->port));
}

TEST_F(xen, connected_static_port_stays_connected_over_close)
{
	int fd;

	fd = ev_open(O_CLOEXEC | O_NONBLOCK);
	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, ev_bind_static(self->fd, self->port));
	ASSERT_GT(ev_bind_interdomain(fd, EV_SELF, self->port), 0);
	ASSERT_EQ(0, close(self->fd));
	self->fd = -1;
	EXPECT_EQ(EV_INTERDOMAIN, ev_xen_status(self->port));
	close(fd);
}

/* What was sent while the port was masked waits for whoever binds it next. */
TEST_F(xen, static_port_keeps_a_masked_event_over_unbind)
{
	int peer = ev_bind_interdomain(self->fd, EV_SELF, self->port);

	ASSERT_GT(peer, 0);
	ASSERT_EQ(peer, ev_take(self->fd));
	ASSERT_EQ(0, ev_bind_static(self->fd, self->port));
	ASSERT_EQ(0, ev_notify(self->fd, peer));
	ASSERT_EQ(self->port, ev_take(self->fd));
	ASSERT_EQ(0, ev_notify(self->fd, peer));

	ASSERT_EQ(0, ev_unbind(self->fd, self->port));
	ASSERT_EQ(0, ev_bind_static(self->fd, self->port));
	EXPECT_EQ(self->port, ev_take(self->fd));
}

TEST_F(xen, static_port_can_be_bound_again)
{
	struct ev_pair pair = { .a = self->port };
	int ret, fd;

	ret = ev_bind_interdomain(self->fd, EV_SELF, self->port);
	ASSERT_GT(ret, 0);
	pair.b = ret;
	ASSERT_EQ(pair.b, ev_take(self->fd));
	ASSERT_EQ(4, ev_enable(self->fd, pair.b));

	ASSERT_EQ(0, ev_bind_static(self->fd, self->port));
	EXPECT_EQ(0, ev_ping(self->fd, self->fd, &pair));
	ASSERT_EQ(0, ev_unbind(self->fd, self->port));

	/* By the same file, and by the next one. */
	ASSERT_EQ(0, ev_bind_static(self->fd, self->port));
	EXPECT_EQ(0, ev_ping(self->fd, self->fd, &pair));
	ASSERT_EQ(0, ev_unbind(self->fd, self->port));

	fd = ev_open(O_CLOEXEC | O_NONBLOCK);
	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, ev_bind_static(fd, self->port));
	EXPECT_EQ(0, ev_ping(fd, self->fd, &pair));
	close(fd);
}

TEST_F(xen, other_ports_are_closed_by_unbind)
{
	int port = ev_bind_unbound(self->fd, EV_SELF);

	ASSERT_GT(port, 0);
	EXPECT_EQ(EV_UNBOUND, ev_xen_status(port));
	ASSERT_EQ(0, ev_unbind(self->fd, port));
	EXPECT_EQ(EV_CLOSED, ev_xen_status(port));
}

TEST_F(xen, other_ports_are_closed_by_close)
{
	int port = ev_bind_unbound(self->fd, EV_SELF);
	int peer;

	ASSERT_GT(port, 0);
	peer = ev_bind_interdomain(self->fd, EV_SELF, port);
	ASSERT_GT(peer, 0);
	EXPECT_EQ(EV_INTERDOMAIN, ev_xen_status(port));
	EXPECT_EQ(EV_INTERDOMAIN, ev_xen_status(peer));
	ASSERT_EQ(0, close(self->fd));
	self->fd = -1;
	EXPECT_EQ(EV_CLOSED, ev_xen_status(port));
	EXPECT_EQ(EV_CLOSED, ev_xen_status(peer));
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

TEST_F(xen, unbound_port_for_any_domain_is_as_xen_says)
{
	static const unsigned int domains[] = {
		0, 1, EV_NO_DOMAIN, EV_SELF, EV_SELF + 1, 0x7fff, 0xffff,
	};
	int raw, ret;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(domains); i++) {
		/* As the hypercall's port, which is free for the bind. */
		raw = ev_xen_alloc_unbound(domains[i]);
		if (raw > 0)
			ASSERT_EQ(0, ev_xen_close(raw));
		ret = ev_bind_unbound(self->fd, domains[i]);
		EXPECT_EQ(raw, ret)
			TH_LOG("domain %#x", domains[i]);
		if (ret > 0)
			EXPECT_EQ(0, ev_unbind(self->fd, ret));
	}
}

#endif

/*
 * A fixture, because tests without one come first.
 */

/* A vector is as many calls as it has pieces, each rounded by itself. */
TEST_F(loopback, readv_and_writev_take_each_piece_as_a_call)
{
	unsigned int ports[2] = { self->pair.a, self->pair.b }, got[2] = {};
	struct iovec whole[2] = { { &ports[0], 4 }, { &ports[1], 4 } };
	struct iovec half[2] = { { &ports[0], 2 }, { &ports[1], 4 } };
	struct iovec in[2] = { { &got[0], 4 }, { &got[1], 4 } };

	ASSERT_EQ(self->pair.a, mask_a(self->fd, &self->pair));
	ASSERT_EQ(0, ev_notify(self->fd, self->pair.b));
	ASSERT_EQ(0, ev_notify(self->fd, self->pair.a));
	ev_settle();
	/* Half a port is none, and ends the call. */
	EXPECT_EQ(0, writev(self->fd, half, 2));
	EXPECT_EQ(8, writev(self->fd, whole, 2));
	ev_settle();
	EXPECT_EQ(8, readv(self->fd, in, 2));
	EXPECT_TRUE((got[0] == self->pair.a && got[1] == self->pair.b) ||
		    (got[0] == self->pair.b && got[1] == self->pair.a));
}

FIXTURE(last)
{
	int unused;
};

FIXTURE_SETUP(last)
{
}

FIXTURE_TEARDOWN(last)
{
}

TEST_F(last, kernel_log_is_clean)
{
	char record[EV_LOG_RECORD] = "";

	if (log_fd < 0)
		SKIP(return, "no /dev/kmsg: %s", strerror(-log_fd));
	EXPECT_EQ(0, ev_log_trouble(log_fd, record))
		TH_LOG("%s", record);
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "--after-exec"))
		return after_exec(atoi(argv[2]), atoi(argv[3]));

	ev_require_device();
	log_fd = ev_log_open();
	return test_harness_run(argc, argv);
}
