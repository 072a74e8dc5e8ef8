// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * /dev/xen/evtchn with more ports than fit: into a page, and into Xen. That
 * takes every port of the domain, so nothing else should have use for one
 * meanwhile: run it by hand, and not in a domain that has work to do.
 */
#include "common.h"

/*
 * A page of ports, and four more
 */

#define MANY_PAGE	4096
#define MANY_PORTS	(MANY_PAGE / 4 + 4)

FIXTURE(many)
{
	int fd;
	struct ev_pair pairs[MANY_PORTS / 2];
	unsigned int seen[2 * MANY_PORTS];
};

FIXTURE_SETUP(many)
{
	int i, ret;

	if (sysconf(_SC_PAGESIZE) != MANY_PAGE)
		SKIP(return, "needs pages of %d bytes", MANY_PAGE);
	self->fd = ev_open(O_CLOEXEC | O_NONBLOCK);
	ASSERT_GE(self->fd, 0);
	/* Every port pending: b because it was bound, a because of b. */
	for (i = 0; i < MANY_PORTS / 2; i++) {
		ret = ev_bind_unbound(self->fd, EV_SELF);
		ASSERT_GT(ret, 0);
		self->pairs[i].a = ret;
		ret = ev_bind_interdomain(self->fd, EV_SELF, ret);
		ASSERT_GT(ret, 0);
		self->pairs[i].b = ret;
		ASSERT_EQ(0, ev_notify(self->fd, ret));
	}
	ev_settle();
}

FIXTURE_TEARDOWN(many)
{
	close(self->fd);
}

static int compare_ports(const void *a, const void *b)
{
	unsigned int x = *(const unsigned int *)a;
	unsigned int y = *(const unsigned int *)b;

	return x < y ? -1 : x > y;
}

/* Whether @seen, which is sorted here, is every port of the table once. */
static bool is_every_port(unsigned int *seen, const struct ev_pair *pairs)
{
	unsigned int ports[MANY_PORTS];

	memcpy(ports, pairs, sizeof(ports));
	qsort(ports, MANY_PORTS, sizeof(*ports), compare_ports);
	qsort(seen, MANY_PORTS, sizeof(*seen), compare_ports);
	return ev_first_difference(ports, seen, MANY_PORTS) < 0;
}

TEST_F(many, read_is_cut_to_a_page)
{
	int i;

	memset(self->seen, 0xa5, sizeof(self->seen));
	ASSERT_EQ(MANY_PAGE, ev_read(self->fd, self->seen, sizeof(self->seen)));
	for (i = MANY_PAGE / 4; i < 2 * MANY_PORTS; i++)
		ASSERT_EQ(0xa5a5a5a5, self->seen[i]);
	EXPECT_EQ(EV_POLL_EVENT, ev_poll(self->fd));

	/* The rest is there for the next one. */
	ASSERT_EQ(16, ev_read(self->fd, &self->seen[MANY_PAGE / 4], MANY_PAGE));
	EXPECT_EQ(EV_POLL_IDLE, ev_poll(self->fd));
	EXPECT_TRUE(is_every_port(self->seen, self->pairs));
}

TEST_F(many, read_of_a_page_and_a_bit_is_a_page)
{
	char *hole = ev_hole();

	ASSERT_NE(NULL, hole);
	/* The bit is not memory, and is not touched. */
	EXPECT_EQ(MANY_PAGE, ev_read(self->fd, hole - MANY_PAGE, MANY_PAGE + 1));
	EXPECT_EQ(16, ev_read(self->fd, hole - MANY_PAGE, MANY_PAGE + 4));
}

TEST_F(many, write_of_a_page_enables_every_port_in_it)
{
	unsigned int *seen = self->seen;
	int i, port;

	ASSERT_EQ(MANY_PAGE, ev_read(self->fd, seen, MANY_PAGE));
	ASSERT_EQ(16, ev_read(self->fd, seen + MANY_PAGE / 4, 16));
	for (i = 0; i < MANY_PORTS; i++)
		ASSERT_EQ(0, ev_notify(self->fd, seen[i]));
	ev_settle();
	ASSERT_EQ(EV_POLL_IDLE, ev_poll(self->fd));

	ASSERT_EQ(MANY_PAGE, ev_write(self->fd, seen, MANY_PORTS * 4));
	for (i = 0; i < MANY_PAGE / 4; i++) {
		port = ev_take(self->fd);
		ASSERT_GT(port, 0);
		self->seen[MANY_PORTS + i] = port;
	}
	/* The four past it are still masked. */
	ev_settle();
	EXPECT_EQ(EV_POLL_IDLE, ev_poll(self->fd));
	memcpy(seen + MANY_PORTS + MANY_PAGE / 4, seen + MANY_PAGE / 4, 16);
	EXPECT_TRUE(is_every_port(seen + MANY_PORTS, self->pairs));
}

TEST_F(many, close_with_every_port_pending_gives_all_back)
{
	ASSERT_EQ(0, close(self->fd));
	self->fd = -1;
	EXPECT_EQ(0, ev_count_irqs("evtchn:evtchn_limits_t"));
	EXPECT_EQ(0, ev_ping_fresh());
}

/*
 * Every port that there is
 */

/*
 * More than the 4096 of the 2-level event ABI and than what Xen gives a guest
 * by default. The FIFO ABI has 131072, for dom0 all of them; binding takes
 * longer with each, and that would be hours: there, this many have to do.
 */
#define PORTS_MAX	4200

FIXTURE(exhausted)
{
	int fd;
	int ports[PORTS_MAX];
	int nr;
	/* Why there are no more, or 0: PORTS_MAX have been bound. */
	int error;
};

FIXTURE_SETUP(exhausted)
{
	int ret;

	self->fd = ev_open(O_CLOEXEC | O_NONBLOCK);
	ASSERT_GE(self->fd, 0);
	while (self->nr < PORTS_MAX) {
		ret = ev_bind_unbound(self->fd, EV_SELF);
		if (ret < 0) {
			self->error = ret;
			break;
		}
		ASSERT_NE(0, ret);
		self->ports[self->nr++] = ret;
	}
	ASSERT_GT(self->nr, 64);
}

FIXTURE_TEARDOWN(exhausted)
{
	close(self->fd);
}

TEST_F(exhausted, ports_are_usable_and_the_next_bind_is_enospc)
{
	struct ev_pair pair = { .a = self->ports[0] };
	int i, ret;

	TH_LOG("%d ports%s", self->nr, self->error ? "" : " and no end: FIFO event ABI");
	if (self->error) {
		EXPECT_EQ(-ENOSPC, self->error);
		for (i = 0; i < 10; i++)
			EXPECT_EQ(-ENOSPC, ev_bind_interdomain(self->fd, EV_SELF, pair.a));
	}
	EXPECT_EQ(EV_POLL_IDLE, ev_poll(self->fd));
	for (i = 0; i < self->nr; i++)
		ASSERT_EQ(0, ev_notify(self->fd, self->ports[i]));

	/* One goes, and the first can be connected. */
	ASSERT_EQ(0, ev_unbind(self->fd, self->ports[self->nr - 1]));
	ret = ev_bind_interdomain(self->fd, EV_SELF, pair.a);
	ASSERT_GT(ret, 0);
	pair.b = ret;
	ASSERT_EQ(ret, ev_take(self->fd));
	ASSERT_EQ(4, ev_enable(self->fd, ret));
	EXPECT_EQ(0, ev_ping(self->fd, self->fd, &pair));
	if (self->error)
		EXPECT_EQ(-ENOSPC, ev_bind_unbound(self->fd, EV_SELF));
}

TEST_F(exhausted, close_returns_every_port)
{
	int i;

	ASSERT_EQ(0, close(self->fd));
	self->fd = ev_open(O_CLOEXEC | O_NONBLOCK);
	ASSERT_GE(self->fd, 0);
	for (i = 0; i < self->nr; i++)
		ASSERT_GT(ev_bind_unbound(self->fd, EV_SELF), 0);
}

EV_TEST_MAIN
