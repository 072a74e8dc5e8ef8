// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * What /proc/PID/fdinfo/FD tells of a file of the device: its ports, its ring,
 * and its restriction.
 */
#include "common.h"

#define RING_MIN	64
#define DOMAIN		5

FIXTURE(info)
{
	int fd;
	char text[1024];
};

FIXTURE_SETUP(info)
{
	self->fd = ev_open(O_CLOEXEC | O_NONBLOCK);
	ASSERT_GE(self->fd, 0);
}

FIXTURE_TEARDOWN(info)
{
	close(self->fd);
}

/* The rest of the line of fdinfo that begins with @key; NULL if there is none. */
static const char *info(int fd, const char *key, char text[1024])
{
	char path[64];
	char *line;
	ssize_t len;
	int file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	file = open(path, O_RDONLY | O_CLOEXEC);
	if (file < 0)
		return NULL;
	len = read(file, text, 1023);
	close(file);
	if (len < 0)
		return NULL;
	text[len] = '\0';
	for (line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		if (!strncmp(line, key, strlen(key)))
			return line + strlen(key);
	}
	return NULL;
}

TEST_F(info, new_file_has_no_ports_and_no_ring)
{
	ASSERT_NE(NULL, info(self->fd, "evtchn-ports:", self->text));
	EXPECT_STREQ("\t0", info(self->fd, "evtchn-ports:", self->text));
	EXPECT_STREQ("\t0/0", info(self->fd, "evtchn-ring:", self->text));
	EXPECT_EQ(NULL, info(self->fd, "evtchn-restrict-domid:", self->text));
}

TEST_F(info, ports_and_events_are_counted)
{
	struct ev_pair pair;

	ASSERT_EQ(0, ev_connect(self->fd, self->fd, &pair));
	ASSERT_NE(NULL, info(self->fd, "evtchn-ports:", self->text));
	EXPECT_STREQ("\t2", info(self->fd, "evtchn-ports:", self->text));
	EXPECT_STREQ("\t0/64", info(self->fd, "evtchn-ring:", self->text));
	ASSERT_EQ(0, ev_notify(self->fd, pair.a));
	ASSERT_EQ(0, ev_notify(self->fd, pair.b));
	ev_settle();
	EXPECT_STREQ("\t2/64", info(self->fd, "evtchn-ring:", self->text));
	ASSERT_EQ(0, ev_unbind(self->fd, pair.a));
	EXPECT_STREQ("\t1", info(self->fd, "evtchn-ports:", self->text));
	EXPECT_STREQ("\t1/64", info(self->fd, "evtchn-ring:", self->text));
}

TEST_F(info, overflow_is_told_until_reset)
{
	struct ev_pair pair;
	int i;

	ASSERT_EQ(0, ev_connect(self->fd, self->fd, &pair));
	for (i = 0; i <= RING_MIN; i++) {
		ASSERT_EQ(0, ev_notify_settled(self->fd, pair.a));
		ASSERT_EQ(4, ev_enable(self->fd, pair.b));
	}
	ASSERT_NE(NULL, info(self->fd, "evtchn-ring:", self->text));
	EXPECT_STREQ("\t64/64 overflow", info(self->fd, "evtchn-ring:", self->text));
	ASSERT_EQ(0, ev_reset(self->fd));
	EXPECT_STREQ("\t0/64", info(self->fd, "evtchn-ring:", self->text));
}

TEST_F(info, restriction_is_told)
{
	ASSERT_EQ(0, ev_restrict(self->fd, DOMAIN));
	ASSERT_NE(NULL, info(self->fd, "evtchn-restrict-domid:", self->text));
	EXPECT_STREQ("\t5", info(self->fd, "evtchn-restrict-domid:", self->text));
}

int main(int argc, char **argv)
{
	ev_require_device();
	return test_harness_run(argc, argv);
}
