// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * /dev/xen/evtchn when the kernel has no memory, or cannot copy from or to a
 * program: each allocation and copy of a call fails in turn. A call that fails
 * has changed nothing, and succeeds when it is called again.
 */
#include <signal.h>
#include <sys/uio.h>

#include "ev_features.h"

#define DEBUGFS		"/sys/kernel/debug/"
#define KMEMLEAK	DEBUGFS "kmemleak"
/* The irq actions of this program, whose task name the kernel cuts. */
#define IRQ_NAME	"evtchn:evtchn_fail_tes"

enum {
	VIRQ, UNBOUND, INTERDOMAIN, STATIC, WRITE, READ, OPEN, CLOSE,
	/* Only with FEATURES: */
	STATUS, NOTIFYFD, EVENTFD, READV, WRITEV, ENABLING, CALLS
};

#define NEVER		-1

/* Buffers of readv() and writev(); each port is split between two of them. */
#define PARTS		3

static const struct {
	const char *name;
	int least[2];		/* how often the call is -EFAULT, and -ENOMEM */
	unsigned long ioctl;
} calls[CALLS] = {
	/* Binding, ring, table; the irq's descriptor, the core's data, the action */
	[VIRQ]		= { "BIND_VIRQ", { 1, 6 }, IOCTL_EVTCHN_BIND_VIRQ },
	[UNBOUND]	= { "BIND_UNBOUND_PORT", { 1, 6 }, IOCTL_EVTCHN_BIND_UNBOUND_PORT },
	[INTERDOMAIN]	= { "BIND_INTERDOMAIN", { 1, 6 }, IOCTL_EVTCHN_BIND_INTERDOMAIN },
	[STATIC]	= { "BIND_STATIC", { 1, 6 }, IOCTL_EVTCHN_BIND_STATIC },
	[WRITE]		= { "write()", { 1, 1 } },
	[READ]		= { "read()", { 1, NEVER } },
	[OPEN]		= { "open()", { 1, 2 } },
	[CLOSE]		= { "close()", { NEVER, NEVER } },
	[STATUS]	= { "STATUS", { 2, NEVER } },
	[NOTIFYFD]	= { "NOTIFYFD", { 1, 1 } },
	[EVENTFD]	= { "EVENTFD", { 1, 1 } },
	/* Each part, and of readv() the pieces in which it copies. */
	[READV]		= { "readv()", { PARTS, NEVER } },
	[WRITEV]	= { "writev()", { PARTS, 1 } },
	[ENABLING]	= { "read() that enables", { 1, NEVER } },
};

/* What is missing for fault injection, or NULL. */
static const char *missing;

/*
 * Except for the caches of proc, which WARNs when it removes a file that it
 * could not make, and of debugging aids, whose needs change from call to call.
 */
static void let_calls_fail(void)
{
	if (ev_set("/proc/thread-self/fail-nth", "0") +
	    ev_set(DEBUGFS "fail{slab,_page_alloc,_usercopy}/verbose", "0") < 4)
		missing = "no fail-nth, failslab, fail_page_alloc or fail_usercopy: see config";
	else if (ev_set("/sys/kernel/slab/{kmalloc-,filp}*/failslab", "1") < 9)
		missing = "no CONFIG_SLUB_DEBUG, or slab_nomerge";
	ev_set(DEBUGFS "failslab/cache-filter", "Y");
	ev_set(DEBUGFS "fail{slab,_page_alloc}/ignore-gfp-*", "N");
	ev_set(DEBUGFS "fail_page_alloc/min-order", "0");
}

FIXTURE(calls)
{
	int nth_fd;
	int fd, nr;				/* new for each chance; its ports */
	unsigned int ports[64], seen[64];	/* two and two a pair; read */
	unsigned int virq, port;		/* for the binds */
	int old, new;				/* eventfds; the call sets the new one */
	struct ioctl_evtchn_status is;
	int offers[40000], nr_offers;		/* ports that only Xen has */
	bool high;				/* bind numbers that need pages */
};

static void make_offer(FIXTURE_DATA(calls) *self)
{
	self->port = ev_xen_alloc_unbound(EV_SELF);
	self->offers[self->nr_offers++] = self->port;
}

FIXTURE_SETUP(calls)
{
	if (missing || ev_xen_missing)
		SKIP(return, "%s", missing ?: ev_xen_missing);
	/* Page faults would allocate memory. */
	ASSERT_EQ(0, mlockall(MCL_CURRENT | MCL_FUTURE));
	self->nth_fd = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	self->old = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	self->new = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	self->fd = ev_open(O_CLOEXEC);
	ASSERT_GT(ev_bind_any_virq(self->fd, &self->virq), 0);
	ASSERT_EQ(0, close(self->fd));
	make_offer(self);
}

FIXTURE_TEARDOWN(calls)
{
	while (self->nr_offers)
		ev_xen_close(self->offers[--self->nr_offers]);
}

/* Reads all events, which must be that many, and enables their ports. */
static bool take(FIXTURE_DATA(calls) *self, int events)
{
	int ret;

	ev_settle();
	ret = ev_read(self->fd, self->seen, sizeof(self->seen));
	return ret == 4 * events && ev_write(self->fd, self->seen, ret) == ret;
}

/* An event of each port, in their order. */
static bool raise_all(FIXTURE_DATA(calls) *self)
{
	int i, ret = 0;

	for (i = 0; i < self->nr && !ret; i++)
		ret = ev_notify_settled(self->fd, self->ports[i]);
	return !ret;
}

static bool prepare(FIXTURE_DATA(calls) *self, int what)
{
	/* Numbers that the event core has no room for yet. */
	for (; self->high && ev_unbind(self->fd, self->port) != -EINVAL; make_offer(self))
		if (self->nr_offers == ARRAY_SIZE(self->offers))
			return false;
	switch (what) {
	case WRITE:
	case WRITEV:
		/* Write ports that were read, and have another event. */
		return raise_all(self) && raise_all(self) &&
		       ev_read(self->fd, self->seen, sizeof(self->seen)) > 0;
	case READ:
	case READV:
	case CLOSE:
		return raise_all(self);
	case ENABLING:
		return features(self->fd, EVTCHN_FEATURE_READ_ENABLES) > 0 &&
		       raise_all(self) && raise_all(self);
	case NOTIFYFD:
		return !set_notifyfd(self->fd, self->ports[0], self->old);
	case EVENTFD: /* With an event that moves. */
		return !set_eventfd(self->fd, self->ports[0], self->old, READ_ENABLES) &&
		       !ev_notify_settled(self->fd, self->ports[1]);
	}
	return true;
}

/* Whether @is is tied to the first port, and @other is not. */
static bool is_set(FIXTURE_DATA(calls) *self, int what, int is, int other)
{
	if (what == NOTIFYFD)
		return !put(other, 1) && taken(other) == 1 && !put(is, 1) &&
		       taken(is) == -EAGAIN && take(self, 1) &&
		       self->seen[0] == self->ports[1];
	return !ev_notify_settled(self->fd, self->ports[1]) && taken(is) == 1 &&
	       taken(other) == -EAGAIN && ev_poll(self->fd) == EV_POLL_IDLE;
}

/* The failed call must have left the old eventfd. */
static bool is_as_before(FIXTURE_DATA(calls) *self, int what)
{
	if (what != NOTIFYFD && what != EVENTFD)
		return true;
	if (what == EVENTFD && taken(self->old) != 1)
		return false;
	return is_set(self, what, self->old, self->new);
}

static int call_with_parts(FIXTURE_DATA(calls) *self, bool writes)
{
	unsigned int *ports = writes ? self->ports : self->seen;
	int bytes = 4 * self->nr, part = bytes / PARTS - 1, ret;
	struct iovec parts[PARTS] = {
		{ ports, part },
		{ (char *)ports + part, part },
		{ (char *)ports + 2 * part, bytes - 2 * part },
	};

	ret = writes ? writev(self->fd, parts, PARTS) : readv(self->fd, parts, PARTS);
	return ret < 0 ? -errno : ret;
}

/* At least 0, or -errno. */
static int call(FIXTURE_DATA(calls) *self, int what)
{
	unsigned int arg[] = {
		what == VIRQ ? self->virq : what == STATIC ? self->port : EV_SELF,
		self->port,
	};

	switch (what) {
	case WRITE:
		return ev_write(self->fd, self->ports, 4 * self->nr);
	case READ:
	case ENABLING:
		return ev_read(self->fd, self->seen, sizeof(self->seen));
	case READV:
	case WRITEV:
		return call_with_parts(self, what == WRITEV);
	case STATUS:
		return status_of(self->fd, self->ports[0], &self->is);
	case NOTIFYFD:
		return set_notifyfd(self->fd, self->ports[0], self->new);
	case EVENTFD:
		return set_eventfd(self->fd, self->ports[0], self->new, READ_ENABLES);
	case OPEN:
		return ev_open(O_CLOEXEC | O_NONBLOCK);
	case CLOSE:
		return close(self->fd) ? -errno : 0;
	}
	return ev_ioctl(self->fd, calls[what].ioctl, arg);
}

/* Checks the effect of the call, and undoes it. */
static bool check(FIXTURE_DATA(calls) *self, int what, int ret)
{
	int port = what == STATIC ? self->port : ret, peer = self->port, i;
	struct ev_pair pair;
	bool ok = true;

	switch (what) {
	case VIRQ:
		return ev_xen_status(port) == EV_VIRQ && !ev_unbind(self->fd, port);
	case UNBOUND ... STATIC:
		if (what != INTERDOMAIN)
			peer = ev_xen_bind_interdomain(EV_SELF, port);
		/* INTERDOMAIN has had one; UNBIND removes the last event. */
		for (i = 0; i < 2 && ok; i++)
			ok = !ev_xen_send(peer) && take(self, 1) && self->seen[0] == port;
		if (what != INTERDOMAIN)
			ev_xen_close(peer);
		return !ev_unbind(self->fd, port) && ok;
	case WRITE:
	case WRITEV:
		return ret == 4 * self->nr && take(self, self->nr);
	case READ: /* Each was sent to the other port of its pair. */
	case READV:
	case ENABLING:
		for (i = 0; i < self->nr && ok; i++)
			ok = self->seen[i] == self->ports[i ^ 1];
		if (!ok || ret != 4 * i)
			return false;
		return what == ENABLING ? take(self, i) :
		       ev_write(self->fd, self->ports, ret) == ret;
	case STATUS:
		return !ret && self->is.status == EVTCHN_STATUS_CONNECTED &&
		       self->is.remote_port == self->ports[1];
	case NOTIFYFD:
		return is_set(self, what, self->new, self->old) &&
		       !set_notifyfd(self->fd, self->ports[0], -1);
	case EVENTFD:
		while (taken(self->old) > 0 || taken(self->new) > 0)
			;
		return is_set(self, what, self->new, self->old) &&
		       !set_eventfd(self->fd, self->ports[0], -1, 0);
	case OPEN:
		ok = !ev_connect(ret, ret, &pair) && !ev_ping(ret, ret, &pair);
		return !close(ret) && ok;
	}
	return ret == 0; /* close() */
}

/* Prints the present state into @text, and returns that. */
static char *look(FIXTURE_DATA(calls) *self, char text[80])
{
	ev_settle();
	snprintf(text, 80, "irqs %d, loopbacks %d, poll %#x", ev_count_irqs(IRQ_NAME),
		 ev_xen_count_loopbacks() - self->nr_offers, ev_poll(self->fd));
	return text;
}

#define HOLDS(that)	do {							\
	bool holds = that;							\
										\
	ASSERT_TRUE(holds)							\
		TH_LOG("%s, failure %d: %d; %s; then %s; now %s",		\
		       calls[what].name, nth, ret, start, then, now);		\
} while (0)

static void sweep(struct __test_metadata *_metadata, FIXTURE_DATA(calls) *self, int what,
		  int ports)
{
	char start[80] = "", then[80] = "", now[80] = "", text[16] = "";
	int nth, ret = 0, kind, got[2] = {};
	bool taken = true;

	/* A slab needs a page only now and then, which would skip chances. */
	ev_write_file(DEBUGFS "fail_page_alloc/min-order", self->high ? "0" : "99");
	self->nr = ports;
	for (nth = 1; taken; nth++) {
		look(self, start);
		self->fd = ev_open(O_CLOEXEC | O_NONBLOCK);
		HOLDS(!ev_connect_many(self->fd, (void *)self->ports, ports / 2));
		HOLDS(prepare(self, what));
		look(self, then);
		ret = snprintf(text, sizeof(text), "%d", nth);
		HOLDS(pwrite(self->nth_fd, text, ret, 0) == ret);
		ret = call(self, what);
		/* The next calls copy, too, and may fail instead. */
		taken = pread(self->nth_fd, text, sizeof(text), 0) > 0 && !atoi(text);
		while (pwrite(self->nth_fd, "0", 1, 0) != 1)
			;
		if (ret < 0) {
			kind = ret == -ENOMEM;
			HOLDS(taken && (kind || ret == -EFAULT) &&
			      ++got[kind] && calls[what].least[kind] != NEVER);
			HOLDS(!strcmp(then, look(self, now)) && is_as_before(self, what));
			ret = call(self, what);
		}
		HOLDS(ret >= 0 && check(self, what, ret));
		if (what != CLOSE) {
			HOLDS(!ports || (raise_all(self) && take(self, ports)));
			HOLDS(!close(self->fd));
		}
		HOLDS(!strcmp(start, look(self, now)));
	}
	TH_LOG("%s: %d chances, %d EFAULT, %d ENOMEM", calls[what].name, nth - 2, got[0], got[1]);
	EXPECT_GE(got[0], calls[what].least[0]);
	EXPECT_GE(got[1], calls[what].least[1]);
}

TEST_F_TIMEOUT(calls, d5_first_bind_that_fails_changes_nothing, 300)
{
	for (int what = VIRQ; what <= STATIC; what++)
		sweep(_metadata, self, what, 0);
}

/* Enough ports for the ring and the table to grow. */
TEST_F_TIMEOUT(calls, d6_bind_that_fails_leaves_other_bindings_alone, 300)
{
	sweep(_metadata, self, UNBOUND, 64);
	sweep(_metadata, self, STATIC, 64);
}

TEST_F_TIMEOUT(calls, that_fail_change_nothing, 300)
{
	for (int what = WRITE; what <= CLOSE; what++)
		sweep(_metadata, self, what, 42);
}

TEST_F_TIMEOUT(calls, of_features_that_fail_change_nothing, 300)
{
	int fd = ev_open(O_CLOEXEC);
	bool has = has_eventfds(fd);

	ASSERT_EQ(0, close(fd));
	if (!has)
		SKIP(return, "the kernel has no IOCTL_EVTCHN_EVENTFD");
	for (int what = STATUS; what < CALLS; what++)
		sweep(_metadata, self, what, what == ENABLING ? 30 : 42);
}

/* Late, as Xen and the event core keep the tables, which slows later tests. */
TEST_F_TIMEOUT(calls, d5_port_without_room_in_the_cores_tables_is_closed_once, 300)
{
	self->fd = ev_open(O_CLOEXEC);
	/* Two-level events have room for all. */
	self->high = ev_unbind(self->fd, 4095) == -EINVAL;
	ASSERT_EQ(0, close(self->fd));
	sweep(_metadata, self, UNBOUND, 0);
}

TEST_F(calls, d5_that_failed_lost_no_memory)
{
	FILE *file = fopen(KMEMLEAK, "re");
	char line[256], *leak = NULL;

	if (!file)
		SKIP(return, "no CONFIG_DEBUG_KMEMLEAK (" KMEMLEAK ")");
	/* kmemleak reports no memory younger than 5 s, or just changed. */
	sleep(6);
	if (ev_write_file(KMEMLEAK, "scan") || ev_write_file(KMEMLEAK, "scan"))
		SKIP(return, "kmemleak is off");
	while (!leak && fgets(line, sizeof(line), file))
		leak = strstr(line, "comm ") ? NULL : strstr(line, "evtchn_");
	fclose(file);
	EXPECT_EQ(NULL, leak)
		TH_LOG("see " KMEMLEAK ": %s", leak);
}

#include "log_test.h"

static void end_early(int sig)
{
	ev_put_back();
	_exit(KSFT_FAIL);
}

int main(int argc, char **argv)
{
	let_calls_fail();
	atexit(ev_put_back);
	signal(SIGTERM, end_early);
	signal(SIGINT, end_early);
	/* Ignore leaks from before this program. */
	ev_write_file(KMEMLEAK, "clear");
	return test_harness_run(argc, argv);
}
