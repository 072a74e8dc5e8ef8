// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * What /dev/xen/evtchn can do beyond its first commands: FEATURES and STATUS. A
 * kernel without one of them skips its tests.
 */
#include "common.h"

static int features(int fd, unsigned int enable)
{
	struct ioctl_evtchn_features arg = { .enable = enable };

	return ev_ioctl(fd, IOCTL_EVTCHN_FEATURES, &arg);
}

static int status_of(int fd, unsigned int port, struct ioctl_evtchn_status *status)
{
	/* All of it is to be overwritten. */
	memset(status, 0xa5, sizeof(*status));
	status->port = port;
	return ev_ioctl(fd, IOCTL_EVTCHN_STATUS, status);
}

/* Two files, each with one end of a pair, quiet, and what STATUS said last */

FIXTURE(status)
{
	int fd_a, fd_b;
	struct ev_pair pair;
	struct ioctl_evtchn_status is;
};

FIXTURE_SETUP(status)
{
	self->fd_a = ev_open(O_CLOEXEC | O_NONBLOCK);
	self->fd_b = ev_open(O_CLOEXEC | O_NONBLOCK);
	ASSERT_EQ(0, ev_connect(self->fd_a, self->fd_b, &self->pair));
	if (status_of(self->fd_a, self->pair.a, &self->is) == -ENOSYS)
		SKIP(return, "the kernel has no IOCTL_EVTCHN_STATUS");
}

FIXTURE_TEARDOWN(status) { }

TEST(features_are_told_and_unknown_ones_refused)
{
	int fd = ev_open(O_CLOEXEC), has = features(fd, 0), bit;

	if (has == -ENOSYS)
		SKIP(return, "the kernel has no IOCTL_EVTCHN_FEATURES");
	EXPECT_EQ(0x40044508UL, IOCTL_EVTCHN_FEATURES);
	EXPECT_EQ(EVTCHN_FEATURE_STATUS, has);
	for (bit = 0; bit < 32; bit++)
		EXPECT_EQ(-EINVAL, features(fd, 1U << bit)) TH_LOG("bit %d", bit);
	EXPECT_EQ(-EFAULT, ev_ioctl(fd, IOCTL_EVTCHN_FEATURES, NULL));
	EXPECT_EQ(0, ev_restrict(fd, 1));
	EXPECT_EQ(has, features(fd, 0));
}

TEST_F(status, connected_ports_name_each_other)
{
	struct ioctl_evtchn_status *is = &self->is;
	unsigned int own;

	EXPECT_EQ(0xc0184509UL, (unsigned int)IOCTL_EVTCHN_STATUS);
	ASSERT_EQ(0, status_of(self->fd_a, self->pair.a, is));
	EXPECT_EQ(self->pair.a, is->port);
	EXPECT_EQ(EVTCHN_STATUS_CONNECTED, is->status);
	EXPECT_EQ(self->pair.b, is->remote_port);
	EXPECT_EQ(0, is->flags);
	own = is->remote_domain;
	EXPECT_LT(own, EV_NO_DOMAIN);

	ASSERT_EQ(0, status_of(self->fd_b, self->pair.b, is));
	EXPECT_EQ(EVTCHN_STATUS_CONNECTED, is->status);
	EXPECT_EQ(self->pair.a, is->remote_port);
	EXPECT_EQ(own, is->remote_domain);

	/* One that nobody has connected to tells who may. */
	ASSERT_EQ(0, status_of(self->fd_a, ev_bind_unbound(self->fd_a, EV_SELF), is));
	EXPECT_EQ(EVTCHN_STATUS_UNBOUND, is->status);
	EXPECT_EQ(own, is->remote_domain);
	EXPECT_EQ(0, is->remote_port);
}

/* As the page's recipe: no event says so, and STATUS does. */
TEST_F(status, end_of_the_peer_can_be_seen)
{
	struct ioctl_evtchn_status *is = &self->is;

	EXPECT_EQ(0, ev_unbind(self->fd_b, self->pair.b));
	ev_settle();
	EXPECT_EQ(EV_POLL_IDLE, ev_poll(self->fd_a));
	ASSERT_EQ(0, status_of(self->fd_a, self->pair.a, is));
	EXPECT_EQ(EVTCHN_STATUS_UNBOUND, is->status);
	EXPECT_EQ(0, is->remote_port);
	/* And somebody may come again. */
	EXPECT_GT(ev_bind_interdomain(self->fd_b, EV_SELF, self->pair.a), 0);
	ASSERT_EQ(0, status_of(self->fd_a, self->pair.a, is));
	EXPECT_EQ(EVTCHN_STATUS_CONNECTED, is->status);
}

TEST_F(status, masked_is_from_the_event_until_write)
{
	struct ioctl_evtchn_status *is = &self->is;

	EXPECT_EQ(0, ev_notify_settled(self->fd_b, self->pair.b));
	ASSERT_EQ(0, status_of(self->fd_a, self->pair.a, is));
	EXPECT_EQ(EVTCHN_STATUS_F_MASKED, is->flags);
	EXPECT_EQ(self->pair.a, ev_take(self->fd_a));
	ASSERT_EQ(0, status_of(self->fd_a, self->pair.a, is));
	EXPECT_EQ(EVTCHN_STATUS_F_MASKED, is->flags);
	EXPECT_EQ(4, ev_enable(self->fd_a, self->pair.a));
	ASSERT_EQ(0, status_of(self->fd_a, self->pair.a, is));
	EXPECT_EQ(0, is->flags);
}

TEST_F(status, virq_tells_its_number)
{
	struct ioctl_evtchn_status *is = &self->is;
	unsigned int virq;
	int port = ev_bind_any_virq(self->fd_a, &virq);

	ASSERT_GT(port, 0);
	ASSERT_EQ(0, status_of(self->fd_a, port, is));
	EXPECT_EQ(EVTCHN_STATUS_VIRQ, is->status);
	EXPECT_EQ(virq, is->remote_port);
	EXPECT_EQ(0, is->remote_domain);
}

TEST_F(status, irq_is_that_of_proc)
{
	struct ioctl_evtchn_status *is = &self->is;
	char name[32], path[80];

	ASSERT_EQ(0, ev_read_file("/proc/self/comm", name, sizeof(name)));
	name[strcspn(name, "\n")] = 0;
	ASSERT_EQ(0, status_of(self->fd_a, self->pair.a, is));
	snprintf(path, sizeof(path), "/proc/irq/%u/evtchn:%s", is->irq, name);
	EXPECT_EQ(0, access(path, F_OK)) TH_LOG("no %s", path);
}

TEST_F(status, ports_of_others_are_not_told_of)
{
	struct ioctl_evtchn_status *is = &self->is;

	EXPECT_EQ(-ENOTCONN, status_of(self->fd_a, self->pair.b, is));
	EXPECT_EQ(-ENOTCONN, status_of(self->fd_a, 0, is));
	EXPECT_EQ(-ENOTCONN, status_of(self->fd_a, ~0U, is));
	EXPECT_EQ(0xa5a5a5a5, is->status);
	EXPECT_EQ(0, ev_unbind(self->fd_a, self->pair.a));
	EXPECT_EQ(-ENOTCONN, status_of(self->fd_a, self->pair.a, is));
	/* The file's own are, also when it is restricted. */
	EXPECT_EQ(0, ev_restrict(self->fd_b, 1));
	EXPECT_EQ(0, status_of(self->fd_b, self->pair.b, is));
}

TEST_F(status, bad_addresses_are_efault)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, page);
	*(unsigned int *)page = self->pair.a;
	EXPECT_EQ(0, mprotect(page, 4096, PROT_READ));
	EXPECT_EQ(-EFAULT, ev_ioctl(self->fd_a, IOCTL_EVTCHN_STATUS, page));
	EXPECT_EQ(-EFAULT, ev_ioctl(self->fd_a, IOCTL_EVTCHN_STATUS, NULL));
	EXPECT_EQ(0, ev_ping(self->fd_a, self->fd_b, &self->pair));
}

TEST_F(status, agrees_with_xen)
{
	struct ioctl_evtchn_status *is = &self->is;
	union ev_xen_arg arg;

	if (ev_xen_missing)
		SKIP(return, "%s", ev_xen_missing);
	ASSERT_EQ(0, status_of(self->fd_a, self->pair.a, is));
	ASSERT_EQ(0, ev_xen_query(self->pair.a, &arg));
	EXPECT_EQ(arg.status.status, is->status);
	EXPECT_EQ(arg.status.interdomain.dom, is->remote_domain);
	EXPECT_EQ(arg.status.interdomain.port, is->remote_port);
}

TEST_F(status, static_port_is_told_and_a_closed_one)
{
	struct ioctl_evtchn_status *is = &self->is;
	int port;

	if (features(self->fd_a, 0) == -ENOSYS)
		SKIP(return, "a driver without IOCTL_EVTCHN_FEATURES cannot bear it");
	if (ev_xen_missing)
		SKIP(return, "%s", ev_xen_missing);
	port = ev_xen_alloc_unbound(EV_SELF);
	ASSERT_GT(port, 0);
	ASSERT_EQ(0, ev_bind_static(self->fd_a, port));
	ASSERT_EQ(0, status_of(self->fd_a, port, is));
	EXPECT_EQ(EVTCHN_STATUS_UNBOUND, is->status);
	EXPECT_EQ(EVTCHN_STATUS_F_STATIC, is->flags);
	EXPECT_EQ(0, ev_unbind(self->fd_a, port));
	EXPECT_EQ(0, ev_xen_close(port));

	/* By force, behind the kernel's back. */
	EXPECT_EQ(0, ev_xen_close(self->pair.a));
	ASSERT_EQ(0, status_of(self->fd_a, self->pair.a, is));
	EXPECT_EQ(EVTCHN_STATUS_CLOSED, is->status);
	EXPECT_EQ(0, ev_unbind(self->fd_a, self->pair.a));
}

/* Another thread binds and unbinds meanwhile. */

struct binder {
	int fd;
	atomic_bool stop;
	atomic_uint port;
	int error;
};

static void *bind_and_unbind(void *arg)
{
	struct binder *binder = arg;
	int port;

	while (!binder->stop && !binder->error) {
		port = ev_bind_unbound(binder->fd, EV_SELF);
		if (port > 0)
			binder->port = port;
		binder->error = port < 0 ? port : ev_unbind(binder->fd, port);
	}
	return NULL;
}

TEST_F(status, port_that_comes_and_goes_is_there_or_not)
{
	struct ioctl_evtchn_status *is = &self->is;
	struct binder binder = { .fd = self->fd_a };
	int i, ret, seen[2] = {};
	pthread_t thread;

	ASSERT_EQ(0, pthread_create(&thread, NULL, bind_and_unbind, &binder));
	for (i = 0; i < 1000000 && !(i >= 2000 && seen[0] && seen[1]); i++) {
		ret = status_of(self->fd_a, binder.port, is);
		if (ret != -ENOTCONN)
			ASSERT_EQ(0, ret);
		if (!ret)
			EXPECT_EQ(EVTCHN_STATUS_UNBOUND, is->status);
		seen[!ret]++;
	}
	binder.stop = true;
	pthread_join(thread, NULL);
	EXPECT_EQ(0, binder.error);
	EXPECT_GT(seen[1], 0);
	EXPECT_EQ(0, ev_ping(self->fd_a, self->fd_b, &self->pair));
}

#include "log_test.h"

TEST_HARNESS_MAIN
