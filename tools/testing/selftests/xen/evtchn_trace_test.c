// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The trace event of /dev/xen/evtchn. Each test has a trace instance and a
 * mount of tracefs of its own, so that it does not affect other users of
 * tracing. All tests are skipped if the kernel has no trace events, or the
 * driver lacks this one.
 */
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "ev_features.h"

#define TRACING		"/sys/kernel/tracing"
#define EVENT		"events/xen_evtchn/xen_evtchn_port/"

/* The owner in the trace; no other program has this name. */
#define OWNER		"traced by test"

/* A file whose events are traced, and one end of a pair in it; the other in b. */
FIXTURE(trace)
{
	char dir[80];
	int fd, fd_b;
	struct ev_pair pair;
};

/* Sets a file in the directory of the trace. */
static int set(const char *dir, const char *name, const char *value)
{
	char path[200];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return ev_write_file(path, value);
}

static int get(const char *dir, const char *name, char *text, size_t size)
{
	char path[200];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return ev_read_file(path, text, size);
}

FIXTURE_SETUP(trace)
{
	char comm[16], text[200];

	self->fd = -1;
	ASSERT_EQ(0, unshare(CLONE_NEWNS));
	ASSERT_EQ(0, mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
	if (mount("tracefs", TRACING, "tracefs", 0, NULL) && errno != EBUSY)
		SKIP(return, "the kernel has no tracefs (CONFIG_FTRACE)");
	snprintf(self->dir, sizeof(self->dir), TRACING "/instances/evtchn.%d", getpid());
	ASSERT_EQ(0, mkdir(self->dir, 0700));
	if (set(self->dir, EVENT "enable", "0") == -ENOENT) {
		EXPECT_EQ(0, rmdir(self->dir));
		SKIP(return, "the driver has no trace event");
	}
	/* A clock that orders the events of all CPUs. */
	ASSERT_EQ(0, set(self->dir, "trace_clock", "counter"));

	ASSERT_EQ(0, prctl(PR_GET_NAME, comm));
	ASSERT_EQ(0, prctl(PR_SET_NAME, OWNER));
	self->fd = ev_open(O_CLOEXEC | O_NONBLOCK);
	ASSERT_EQ(0, prctl(PR_SET_NAME, comm));
	self->fd_b = ev_open(O_CLOEXEC | O_NONBLOCK);
	snprintf(text, sizeof(text), "owner == \"%s\"", OWNER);
	ASSERT_EQ(0, set(self->dir, EVENT "filter", text));
	ASSERT_EQ(0, set(self->dir, EVENT "enable", "1"));
}

FIXTURE_TEARDOWN(trace)
{
	if (self->fd >= 0)
		EXPECT_EQ(0, rmdir(self->dir));
}

/* Gets the trace's lines, without the task and the time. Returns how many. */
static int traced(const char *dir, char lines[][100], int max)
{
	char path[200], line[400], *says;
	FILE *file;
	int n = 0;

	snprintf(path, sizeof(path), "%s/trace", dir);
	file = fopen(path, "re");
	if (!file)
		return -errno;
	while (fgets(line, sizeof(line), file)) {
		says = line[0] == '#' ? NULL : strstr(line, "xen_evtchn_port: ");
		if (!says)
			continue;
		says[strcspn(says, "\n")] = '\0';
		if (n < max)
			snprintf(lines[n], sizeof(lines[n]), "%s", says);
		n++;
	}
	fclose(file);
	return n;
}

static int irq_of(int fd, unsigned int port)
{
	struct ioctl_evtchn_status status;

	return status_of(fd, port, &status) ?: (int)status.irq;
}

TEST_F(trace, life_of_a_port_is_told_in_order)
{
	static const char * const what[] = {
		"bind", "notify", "event", "enable", "event", "unbind",
	};
	char lines[ARRAY_SIZE(what)][100], expected[100];
	unsigned int port;
	int irq, i;

	ASSERT_EQ(0, ev_connect(self->fd, self->fd_b, &self->pair));
	port = self->pair.a;
	irq = irq_of(self->fd, port);
	ASSERT_GT(irq, 0);
	EXPECT_EQ(0, ev_notify(self->fd, port));
	EXPECT_EQ(0, ev_notify(self->fd_b, self->pair.b));
	EXPECT_EQ(port, ev_take(self->fd));
	/* The next event waits until the port is written. */
	EXPECT_EQ(0, ev_notify_settled(self->fd_b, self->pair.b));
	EXPECT_EQ(4, ev_enable(self->fd, port));
	EXPECT_EQ(port, ev_take(self->fd));
	EXPECT_EQ(0, ev_unbind(self->fd, port));

	ASSERT_EQ(ARRAY_SIZE(what), traced(self->dir, lines, ARRAY_SIZE(what)));
	for (i = 0; i < (int)ARRAY_SIZE(what); i++) {
		snprintf(expected, sizeof(expected),
			 "xen_evtchn_port: what=%s port=%u irq=%d owner=" OWNER,
			 what[i], port, irq);
		EXPECT_STREQ(expected, lines[i]);
	}
}

/* Uses a filter, with the number from the format file. */
TEST_F(trace, overflow_can_be_waited_for)
{
	char format[4096], filter[100], lines[1][100], *field;
	int i, what;

	ASSERT_EQ(0, get(self->dir, EVENT "format", format, sizeof(format)));
	EXPECT_NE(NULL, strstr(format, "field:u32 what;")) TH_LOG("%s", format);
	EXPECT_NE(NULL, strstr(format, "field:u32 port;"));
	EXPECT_NE(NULL, strstr(format, "field:int irq;"));
	EXPECT_NE(NULL, strstr(format, "field:char owner[16];"));
	field = strstr(format, ", \"overflow\"");
	ASSERT_NE(NULL, field);
	while (field[-1] >= '0' && field[-1] <= '9')
		field--;
	what = atoi(field);
	snprintf(filter, sizeof(filter), "what == %d && owner == \"%s\"", what, OWNER);
	ASSERT_EQ(0, set(self->dir, EVENT "filter", filter));
	ASSERT_EQ(0, ev_connect(self->fd, self->fd_b, &self->pair));

	for (i = 0; i < 64; i++) {
		EXPECT_EQ(0, ev_notify_settled(self->fd_b, self->pair.b));
		EXPECT_EQ(4, ev_enable(self->fd, self->pair.a));
	}
	EXPECT_EQ(0, traced(self->dir, lines, 1));
	EXPECT_EQ(0, ev_notify_settled(self->fd_b, self->pair.b));
	EXPECT_EQ(POLLERR, ev_poll(self->fd));
	ASSERT_EQ(1, traced(self->dir, lines, 1));
	EXPECT_NE(NULL, strstr(lines[0], "what=overflow ")) TH_LOG("%s", lines[0]);
}

/* The unbinds of a close are traced, too, before the owner's name is freed. */
TEST_F(trace, close_unbinds_each_port)
{
	char lines[40][100];
	int i, n, unbinds = 0;

	for (i = 0; i < 20; i++)
		ASSERT_GT(ev_bind_unbound(self->fd, EV_SELF), 0);
	close(self->fd);
	n = traced(self->dir, lines, 40);
	ASSERT_EQ(40, n);
	for (i = 0; i < n; i++)
		unbinds += strstr(lines[i], "what=unbind ") && strstr(lines[i], "owner=" OWNER);
	EXPECT_EQ(20, unbinds);
}

#include "log_test.h"

TEST_HARNESS_MAIN
