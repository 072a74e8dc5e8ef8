// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * /dev/xen/evtchn with every port that there is, so nothing else can bind one
 * meanwhile: run it by hand, and not in a domain that is in use.
 */
#include <sys/uio.h>

#include "ev_features.h"

/*
 * More than the 4096 of the 2-level event ABI and than what Xen gives a guest
 * by default. The FIFO ABI has 131072, for dom0 all of them; binding takes
 * longer with each, and that would be hours: there, this many have to do.
 */
#define PORTS_MAX	4200

#define PAGE_PORTS	1024

FIXTURE(exhausted)
{
	int fd;
	int ports[PORTS_MAX], nr;
	/* Why there are no more, or 0: PORTS_MAX have been bound. */
	int error;
};

FIXTURE_SETUP(exhausted)
{
	int ret;

	self->fd = ev_open(O_CLOEXEC | O_NONBLOCK);
	ASSERT_GE(self->fd, 0);
	while (self->nr < PORTS_MAX && !self->error) {
		ret = ev_bind_unbound(self->fd, EV_SELF);
		if (ret < 0)
			self->error = ret;
		else
			self->ports[self->nr++] = ret;
	}
	ASSERT_GT(self->nr, 64);
}

FIXTURE_TEARDOWN(exhausted)
{
	close(self->fd);
}

/* More events than a page holds, all of one port that nobody reads: readv() of them. */
static int readv_of_many(int fd, const struct ev_pair *pair, unsigned int *ports)
{
	struct iovec iov[] = { { ports, 2050 }, { (char *)ports + 2050, 4096 } };
	int i, ret = 0;

	for (i = 0; i <= PAGE_PORTS && ret >= 0; i++)
		ret = ev_notify_settled(fd, pair->a) ?: ev_enable(fd, pair->b);
	return ret < 0 ? ret : readv(fd, iov, 2);
}

TEST_F_TIMEOUT(exhausted, ports_are_usable_and_the_next_bind_is_enospc, 1500)
{
	struct ev_pair pair = { .a = self->ports[0] };
	unsigned int ports[2 * PAGE_PORTS] = { 0 };
	int i;

	TH_LOG("%d ports%s", self->nr, self->error ? "" : " and no end: FIFO event ABI");
	if (self->error) {
		EXPECT_EQ(-ENOSPC, self->error);
		EXPECT_EQ(-ENOSPC, ev_bind_interdomain(self->fd, EV_SELF, pair.a));
	}
	EXPECT_EQ(EV_POLL_IDLE, ev_poll(self->fd));
	for (i = 0; i < self->nr; i++)
		ASSERT_EQ(0, ev_notify(self->fd, self->ports[i]));

	/* After one is unbound, the first port can be connected. */
	ASSERT_EQ(0, ev_unbind(self->fd, self->ports[self->nr - 1]));
	pair.b = ev_bind_interdomain(self->fd, EV_SELF, pair.a);
	ASSERT_EQ(pair.b, ev_take(self->fd));
	ASSERT_EQ(4, ev_enable(self->fd, pair.b));
	EXPECT_EQ(0, ev_ping(self->fd, self->fd, &pair));
	if (self->error)
		EXPECT_EQ(-ENOSPC, ev_bind_unbound(self->fd, EV_SELF));

	/* The file's ring has room for that many events. */
	if (self->nr <= PAGE_PORTS || features(self->fd, 0) < 0)
		return;
	EXPECT_EQ(4096, readv_of_many(self->fd, &pair, ports));
	for (i = 0; i < PAGE_PORTS; i++)
		ASSERT_EQ(pair.b, ports[i]);
	EXPECT_EQ(4, ev_read(self->fd, ports, sizeof(ports)));
}

TEST_F_TIMEOUT(exhausted, close_returns_every_port, 1500)
{
	int i;

	ASSERT_EQ(0, close(self->fd));
	self->fd = ev_open(O_CLOEXEC | O_NONBLOCK);
	ASSERT_GE(self->fd, 0);
	for (i = 0; i < self->nr; i++)
		ASSERT_GT(ev_bind_unbound(self->fd, EV_SELF), 0);
}

#include "log_test.h"

TEST_HARNESS_MAIN
