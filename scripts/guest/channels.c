// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * BIND_STATIC of real static channels, between three domains and inside each: the
 * same program runs in all of them at once, on what the file "ports" lists.
 *
 * An event carries no data, and two that nobody has taken are one. So two domains
 * talk in turns: on their channel "talk", which is bound as long as the program
 * runs, the one with the higher number begins, and then each says something only
 * when it has heard the other, to the end of the last test.
 */
#include <termios.h>

#include "common.h"

#define ROUND_TRIPS	200

/* Of the waits for another domain, which may take long to come up. */
#define GUARDS		5

enum { LOWER, HIGHER };

/* This domain, as the kernel's command line has it, and the other two. */
static int here, peers[2];

/* The channels to those. */
static int talk_fd[2], talk[2], late[2];

/* The port of this domain's end of a channel to @peer. */
static int port_of(const char *name, int peer, int end)
{
	char line[256], called[16];
	int domain[2], port[2], found = -ENOENT;
	FILE *file = fopen("ports", "re");

	if (!file)
		return -errno;
	while (found < 0 && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%15s %d %d %d %d", called, &domain[0], &port[0],
			   &domain[1], &port[1]) == 5 &&
		    !strcmp(called, name) && domain[end] == here &&
		    domain[!end] == peer)
			found = port[end];
	}
	fclose(file);
	return found;
}

static int port_to(const char *name, int peer)
{
	return port_of(name, peer, here > peer ? HIGHER : LOWER);
}

static int open_static(int port)
{
	int fd = ev_open(O_CLOEXEC | O_NONBLOCK);
	int ret = fd < 0 ? fd : ev_bind_static(fd, port);

	return ret < 0 ? ret : fd;
}

/* Forgets an event that is there from the beginning. */
static void drain(int fd)
{
	unsigned int port;

	ev_settle();
	while (ev_read(fd, &port, sizeof(port)) > 0)
		ev_enable(fd, port);
}

static int hear(int fd, int port)
{
	int i, ret = 0;

	for (i = 0; i < GUARDS && !ret; i++)
		ret = ev_wait(fd);
	ret = ev_take(fd);
	if (ret >= 0 && ret != port)
		return -EPROTO;
	return ret < 0 ? ret : ev_enable(fd, port) - (int)sizeof(port);
}

static void find_peers(void)
{
	char line[1024] = "", *word;

	ev_read_file("/proc/cmdline", line, sizeof(line));
	word = strstr(line, "evtchn.domain=");
	here = word ? atoi(strchr(word, '=') + 1) : 0;
	peers[0] = here == 0 ? 1 : 0;
	peers[1] = here == 2 ? 1 : 2;
}

/* Before the first word of a pair of domains, which the higher one has. */
static void open_channels(void)
{
	int i, fd;

	for (i = 0; i < 2; i++) {
		talk[i] = port_to("talk", peers[i]);
		late[i] = port_to("late", peers[i]);
		talk_fd[i] = open_static(talk[i]);
		if (here < peers[i])
			continue;
		drain(talk_fd[i]);
		fd = open_static(late[i]);
		drain(fd);
		close(fd);
	}
}

/* Another domain, which does the same test with this one at the same time */

FIXTURE(peer)
{
	int fd, talk, late;
	/* Whose turn it is to lead: the higher one's, then the lower one's. */
	bool leads;
};

FIXTURE_VARIANT(peer) { int index; };
FIXTURE_VARIANT_ADD(peer, lower) { .index = 0 };
FIXTURE_VARIANT_ADD(peer, upper) { .index = 1 };

static int say(FIXTURE_DATA(peer) *self)
{
	return ev_notify(self->fd, self->talk);
}

static int listen_to(FIXTURE_DATA(peer) *self)
{
	return hear(self->fd, self->talk);
}

/* A word and its answer: who leads begins, and it is its turn again afterwards. */
static int talk_once(FIXTURE_DATA(peer) *self)
{
	return self->leads ? say(self) ?: listen_to(self) :
			     listen_to(self) ?: say(self);
}

/* From here on the other one leads. */
static int hand_over(FIXTURE_DATA(peer) *self)
{
	int ret = self->leads ? say(self) : listen_to(self);

	self->leads = !self->leads;
	return ret;
}

FIXTURE_SETUP(peer)
{
	int i = variant->index;

	self->fd = talk_fd[i];
	self->talk = talk[i];
	self->late = late[i];
	self->leads = here > peers[i];
	ASSERT_GE(self->fd, 0)
		TH_LOG("port %d, to domain %d", talk[i], peers[i]);
	ASSERT_GT(self->late, 0);
	ASSERT_EQ(0, talk_once(self))
		TH_LOG("domain %d is silent", peers[i]);
}

FIXTURE_TEARDOWN(peer) { }

TEST_F(peer, answers_200_times_each_way)
{
	int turn, i;

	for (turn = 0; turn < 2; turn++) {
		for (i = 0; i < ROUND_TRIPS; i++)
			ASSERT_EQ(0, talk_once(self))
				TH_LOG("round trip %d", i);
		ASSERT_EQ(0, hand_over(self));
	}
}

TEST_F(peer, event_before_the_bind_arrives)
{
	int turn, i, fd;

	for (turn = 0; turn < 2; turn++) {
		/* The second time, its port is masked when it is given up. */
		fd = ev_open(O_CLOEXEC | O_NONBLOCK);
		for (i = 0; i < 2; i++) {
			if (self->leads) {
				ASSERT_EQ(0, talk_once(self));
				ASSERT_EQ(0, ev_bind_static(fd, self->late));
				EXPECT_EQ(self->late, ev_take(fd));
			} else {
				ASSERT_EQ(0, listen_to(self));
				ASSERT_EQ(0, ev_bind_static(fd, self->late));
				EXPECT_EQ(0, ev_notify(fd, self->late));
			}
			EXPECT_EQ(0, ev_unbind(fd, self->late));
			if (!self->leads)
				ASSERT_EQ(0, say(self));
		}
		close(fd);
		ASSERT_EQ(0, hand_over(self));
	}
}

TEST_F(peer, port_outlives_close_and_unbind)
{
	int turn, i, fd = -1;

	for (turn = 0; turn < 2; turn++) {
		if (!self->leads)
			fd = open_static(self->late);
		ASSERT_EQ(0, talk_once(self));
		for (i = 0; i < 4 && !self->leads; i++) {
			ASSERT_EQ(0, hear(fd, self->late));
			ASSERT_EQ(0, ev_notify(fd, self->late));
		}
		for (i = 0; i < 4 && self->leads; i++) {
			/* By the same file and by the next one. */
			if (i % 2 == 0)
				fd = ev_open(O_CLOEXEC | O_NONBLOCK);
			ASSERT_EQ(0, ev_bind_static(fd, self->late));
			ASSERT_EQ(0, ev_pass(fd, self->late, fd, self->late));
			ASSERT_EQ(0, i % 2 ? close(fd) : ev_unbind(fd, self->late));
			EXPECT_EQ(i % 2 ? -EBADF : -ENOTCONN, ev_notify(fd, self->late));
			/* A domU cannot ask. */
			if (!ev_xen_missing)
				EXPECT_EQ(EV_INTERDOMAIN, ev_xen_status(self->late));
		}
		ASSERT_EQ(0, talk_once(self));
		if (!self->leads)
			close(fd);
		ASSERT_EQ(0, hand_over(self));
	}
}

/* A channel whose ends are both in this domain */

FIXTURE(inside)
{
	int fd, peer_fd;
	struct ev_pair pair;
};

FIXTURE_SETUP(inside)
{
	self->pair.a = port_of("inside", here, LOWER);
	self->pair.b = port_of("inside", here, HIGHER);
	self->fd = ev_open(O_CLOEXEC | O_NONBLOCK);
	self->peer_fd = ev_open(O_CLOEXEC | O_NONBLOCK);
	ASSERT_EQ(0, ev_bind_static(self->fd, self->pair.a));
	ASSERT_EQ(0, ev_bind_static(self->peer_fd, self->pair.b));
	drain(self->fd);
	drain(self->peer_fd);
}

FIXTURE_TEARDOWN(inside) { }

TEST_F(inside, answers_200_times_each_way)
{
	int i;

	for (i = 0; i < ROUND_TRIPS; i++)
		ASSERT_EQ(0, ev_ping(self->fd, self->peer_fd, &self->pair));
}

TEST_F(inside, port_that_does_not_exist_is_refused)
{
	int port = ev_bind_unbound(self->fd, EV_SELF);

	ASSERT_GT(port, 0);
	ASSERT_EQ(0, ev_unbind(self->fd, port));
	EXPECT_EQ(-ENOENT, ev_bind_static(self->fd, port));
	EXPECT_EQ(-EINVAL, ev_bind_static(self->fd, 0));
	EXPECT_EQ(-EINVAL, ev_bind_static(self->fd, ~0u));
	/* Nor did one of these leave anything behind. */
	EXPECT_EQ(-ENOTCONN, ev_notify(self->fd, port));
	EXPECT_EQ(0, ev_ping(self->fd, self->peer_fd, &self->pair));
}

TEST_F(inside, restricted_file_takes_none)
{
	ASSERT_EQ(0, ev_unbind(self->fd, self->pair.a));
	ASSERT_EQ(0, ev_restrict(self->fd, 5));
	EXPECT_EQ(-EACCES, ev_bind_static(self->fd, self->pair.a));
	EXPECT_EQ(0, ev_bind_static(self->peer_fd, self->pair.a));
	EXPECT_EQ(0, ev_ping(self->peer_fd, self->peer_fd, &self->pair));
}

/* The last one: it may be the end of a kernel that gives a port to two. */
TEST_F(inside, who_has_a_port_is_told_and_keeps_it)
{
	int port = ev_bind_unbound(self->fd, EV_SELF);

	ASSERT_GT(port, 0);
	/* Whether that is static or not. */
	EXPECT_EQ(-EISCONN, ev_bind_static(self->fd, self->pair.a));
	EXPECT_EQ(-EBUSY, ev_bind_static(self->peer_fd, self->pair.a));
	EXPECT_EQ(-EISCONN, ev_bind_static(self->fd, port));
	EXPECT_EQ(-EBUSY, ev_bind_static(self->peer_fd, port));
	EXPECT_EQ(0, ev_notify(self->fd, port));
	EXPECT_EQ(0, ev_ping(self->fd, self->peer_fd, &self->pair));
}

/*
 * A domU tells dom0, whose end is the machine's, when all that it had to say has left
 * its console. A domain that waits says so, so that it does not seem to hang.
 */
static int tell_the_end(void)
{
	int i, port, fd, guard;

	for (i = 0; i < (here ? 1 : 2); i++) {
		port = port_to("end", peers[i]);
		fd = open_static(port);
		if (fd < 0)
			return 1;
		if (here) {
			tcdrain(STDOUT_FILENO);
			return ev_notify(fd, port) < 0;
		}
		for (guard = 0; guard < GUARDS && !ev_wait(fd); guard++)
			printf("domain %d has not ended yet\n", peers[i]);
		close(fd);
	}
	return 0;
}

int main(int argc, char **argv)
{
	find_peers();
	if (argc == 2 && !strcmp(argv[1], "end"))
		return tell_the_end();
	open_channels();
	return test_harness_run(argc, argv);
}
