// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * /dev/xen/evtchn with many threads on the same files, for a bounded number
 * of rounds. Each call must have one of the results that its caller has to
 * expect. Afterwards a loopback works, every port is closed in Xen, and the
 * kernel has not complained.
 *
 * The threads' random numbers are the same on every run, their order is not.
 */
#include "common.h"

/* The name of the process; the irq action has 15 characters of it. */
#define PROGRAM		"evtchn_storm_te"

#define FILES		2
#define THREADS		6
#define SLOTS		48
#define PAIRS		4
#define OPENS		60

struct storm {
	int fds[FILES];
	/* Bound ports; slot i belongs to file i % FILES. 0 is free. */
	atomic_uint slots[SLOTS];
	/* For each port, whether someone has read it and not written it. */
	atomic_bool taken[1 << 17];
	atomic_uint events;
};

struct worker {
	pthread_t thread;
	struct storm *storm;
	void (*round)(struct worker *worker);
	unsigned int rounds;
	unsigned int seed;
	/* How many events came that were not waited for. */
	int surplus;
	/* The first call with a wrong result, and the result. */
	const char *what;
	int result;
};

static unsigned int pick(struct worker *worker, unsigned int n)
{
	worker->seed = worker->seed * 1103515245 + 12345;
	return (worker->seed >> 16) % n;
}

static void expect(struct worker *worker, bool ok, const char *what, int result)
{
	if (ok || worker->what)
		return;
	worker->what = what;
	worker->result = result;
}

static void *work(void *arg)
{
	struct worker *worker = arg;
	unsigned int i;

	for (i = 0; i < worker->rounds && !worker->what; i++)
		worker->round(worker);
	return NULL;
}

/* Only the thread that takes a port out of its slot unbinds it. */
static void put_into_slot(struct worker *worker, unsigned int i, unsigned int port)
{
	struct storm *storm = worker->storm;
	unsigned int old = atomic_exchange(&storm->slots[i], port);
	int ret = old ? ev_unbind(storm->fds[i % FILES], old) : 0;

	expect(worker, !ret, "UNBIND", ret);
}

/* Puts a new pair, one end in each file, into two slots; unbinds the old. */
static void storm_bind(struct worker *worker)
{
	struct storm *storm = worker->storm;
	unsigned int i = pick(worker, SLOTS), k = pick(worker, SLOTS);
	int a, b;

	a = ev_bind_unbound(storm->fds[i % FILES], EV_SELF);
	expect(worker, a > 0, "BIND_UNBOUND_PORT", a);
	if (a <= 0)
		return;
	/* No other thread knows this port yet, so it must work. */
	b = ev_bind_interdomain(storm->fds[k % FILES], EV_SELF, a);
	expect(worker, b > 0, "BIND_INTERDOMAIN", b);
	put_into_slot(worker, i, a);
	if (b > 0)
		put_into_slot(worker, k, b);
}

static void storm_unbind(struct worker *worker)
{
	put_into_slot(worker, pick(worker, SLOTS), 0);
}

/* The port may be gone, or another's, by the time of the call. */
static void storm_notify(struct worker *worker)
{
	unsigned int i = pick(worker, SLOTS);
	struct storm *storm = worker->storm;
	int ret = ev_notify(storm->fds[i % FILES], storm->slots[i]);

	expect(worker, !ret || ret == -ENOTCONN, "NOTIFY", ret);
}

static void storm_read(struct worker *worker)
{
	struct storm *storm = worker->storm;
	int fd = storm->fds[pick(worker, FILES)];
	unsigned int ports[16];
	int ret;

	ret = ev_read(fd, ports, 4 * (1 + pick(worker, ARRAY_SIZE(ports))));
	if (ret == -EFBIG)
		expect(worker, !ev_reset(fd), "RESET", ret);
	else if (ret > 0)
		expect(worker, ev_write(fd, ports, ret) == ret, "write", ret);
	expect(worker, ret == -EAGAIN || ret == -EFBIG || (ret > 0 && ret % 4 == 0),
	       "read", ret);
}

static void storm_write(struct worker *worker)
{
	struct storm *storm = worker->storm;
	unsigned int file = pick(worker, FILES), i;
	unsigned int ports[SLOTS];
	int ret;

	for (i = 0; i < SLOTS; i++)
		ports[i] = storm->slots[i];
	ret = ev_write(storm->fds[file], ports, sizeof(ports));
	expect(worker, ret == sizeof(ports), "write", ret);
}

static void storm_poll(struct worker *worker)
{
	struct storm *storm = worker->storm;
	struct pollfd pfds[FILES] = {
		{ .fd = storm->fds[0], .events = POLLIN },
		{ .fd = storm->fds[1], .events = POLLIN },
	};
	int ret, i;

	/* With a timeout, as other threads decide whether an event comes. */
	ret = poll(pfds, FILES, pick(worker, 2));
	expect(worker, ret >= 0, "poll", ret < 0 ? -errno : ret);
	for (i = 0; i < FILES; i++)
		expect(worker, !(pfds[i].revents & ~(POLLIN | POLLERR)),
		       "poll", pfds[i].revents);
}

static void storm_reset(struct worker *worker)
{
	int ret = ev_reset(worker->storm->fds[pick(worker, FILES)]);

	expect(worker, !ret, "RESET", ret);
}

static void storm_round(struct worker *worker)
{
	static void (* const calls[32])(struct worker *worker) = {
		[0 ... 5] = storm_bind,
		[6 ... 9] = storm_unbind,
		[10 ... 19] = storm_notify,
		[20 ... 25] = storm_read,
		[26 ... 28] = storm_write,
		[29 ... 30] = storm_poll,
		[31] = storm_reset,
	};

	calls[pick(worker, ARRAY_SIZE(calls))](worker);
}

/*
 * Takes and enables ports of @pairs until @port comes. Another one may come, too,
 * when a CPU sees an event, is delayed, and calls the handler late: that of the
 * number's new owner, or a second time, as the interrupt has moved right after the
 * bind, and another CPU has handled the event. That is rare.
 */
static int take_until(struct worker *worker, int fd, const struct ev_pair *pairs,
		      unsigned int port)
{
	const unsigned int *ports = &pairs[0].a;
	int i, n, ret;

	for (n = 0; n < 2 * PAIRS; n++) {
		ret = ev_take(fd);
		for (i = 0; i < 2 * PAIRS && (int)ports[i] != ret; i++)
			;
		if (ret <= 0 || i == 2 * PAIRS)
			return ret < 0 ? ret : -EPROTO;
		ret = ev_enable(fd, ports[i]);
		if (ret < 0 || ports[i] == port)
			return ret < 0 ? ret : 0;
		worker->surplus++;
	}
	return -EPROTO;
}

/* Opens and closes a file, while other files get and lose its numbers. */
static void open_close_round(struct worker *worker)
{
	int fd = ev_open(O_CLOEXEC | O_NONBLOCK), ret = 0, i;
	struct ev_pair pairs[PAIRS] = {}, *one = &pairs[pick(worker, PAIRS)];

	expect(worker, fd >= 0, "open", fd);
	for (i = 0; !ret && i < PAIRS; i++)
		ret = ev_bind_pair(fd, fd, &pairs[i]) ?:
		      take_until(worker, fd, pairs, pairs[i].b);
	if (!ret)
		ret = ev_notify(fd, one->a) ?: take_until(worker, fd, pairs, one->b);
	if (!ret)
		ret = ev_notify(fd, one->b) ?: take_until(worker, fd, pairs, one->a);
	/* Closed while events are on their way. */
	for (i = 0; !ret && i < PAIRS; i++)
		ret = ev_notify(fd, pairs[i].a) ?: ev_notify(fd, pairs[i].b);
	expect(worker, !ret, "connect, ping or NOTIFY", ret);
	expect(worker, !close(fd), "close", -errno);
}

/* Between two writes of a port, one reader gets it. */
static void read_round(struct worker *worker)
{
	struct storm *storm = worker->storm;
	struct pollfd pfd = { .fd = storm->fds[0], .events = POLLIN };
	unsigned int ports[4];
	int n, i, ret;

	n = ev_read(pfd.fd, ports, sizeof(ports));
	if (n == -EAGAIN) {
		poll(&pfd, 1, 1);
		return;
	}
	expect(worker, n > 0 && n % 4 == 0, "read", n);
	for (i = 0; i < n / 4; i++) {
		expect(worker, ports[i] < ARRAY_SIZE(storm->taken) &&
		       !atomic_exchange(&storm->taken[ports[i]], true),
		       "wrong port, or its second read", ports[i]);
		if (worker->what)
			return;
		storm->events++;
		atomic_store(&storm->taken[ports[i]], false);
		ret = ev_enable(pfd.fd, ports[i]);
		expect(worker, ret == 4, "write", ret);
	}
}

static void notify_round(struct worker *worker)
{
	struct storm *storm = worker->storm;
	int ret = ev_notify(storm->fds[0], storm->slots[pick(worker, SLOTS)]);

	expect(worker, !ret, "NOTIFY", ret);
}

FIXTURE(storm)
{
	struct storm storm;
	struct worker workers[THREADS];
	int loopbacks;
};

FIXTURE_SETUP(storm)
{
	int i;

	self->loopbacks = ev_loopbacks_if_alone();
	for (i = 0; i < FILES; i++)
		self->storm.fds[i] = ev_open(O_CLOEXEC | O_NONBLOCK);
	for (i = 0; i < THREADS; i++) {
		self->workers[i].storm = &self->storm;
		self->workers[i].seed = i + 1;
	}
}

/* The claims that hold after every storm. */
FIXTURE_TEARDOWN(storm)
{
	int i;

	for (i = 0; i < FILES; i++)
		close(self->storm.fds[i]);
	EXPECT_EQ(0, ev_ping_fresh());
	ev_settle();
	/* Both are the same error if the count is not available. */
	EXPECT_EQ(self->loopbacks, ev_loopbacks_if_alone());
	EXPECT_EQ(0, ev_count_irqs("evtchn:" PROGRAM));
}

/*
 * One half of the threads runs the first function, the other half the second.
 * Returns an errno, as pthread_create() does, or -1 after it has reported a
 * call that went wrong.
 */
static int run(struct worker *workers, void (*first)(struct worker *), int rounds,
	       void (*other)(struct worker *), int other_rounds)
{
	int i, ret, bad = 0;

	for (i = 0; i < THREADS; i++) {
		workers[i].round = i < THREADS / 2 ? first : other;
		workers[i].rounds = i < THREADS / 2 ? rounds : other_rounds;
		ret = pthread_create(&workers[i].thread, NULL, work, &workers[i]);
		if (ret)
			return ret;
	}
	for (i = 0; i < THREADS; i++) {
		pthread_join(workers[i].thread, NULL);
		if (!workers[i].what)
			continue;
		ksft_print_msg("%s: %d\n", workers[i].what, workers[i].result);
		bad = -1;
	}
	return bad;
}

TEST_F_TIMEOUT(storm, everything_on_two_shared_files, 600)
{
	struct ev_pair pair;
	int i, fd;

	ASSERT_EQ(0, run(self->workers, storm_round, 2500, storm_round, 2500));

	/* Only the ports that are left in the slots are bound. */
	EXPECT_LT(0, ev_count_irqs("evtchn:" PROGRAM));
	for (i = 0; i < SLOTS; i++)
		put_into_slot(&self->workers[0], i, 0);
	EXPECT_EQ(NULL, self->workers[0].what);
	ev_settle();
	EXPECT_EQ(self->loopbacks, ev_loopbacks_if_alone());
	EXPECT_EQ(0, ev_count_irqs("evtchn:" PROGRAM));

	/* The files themselves still work. */
	for (i = 0; i < FILES; i++) {
		fd = self->storm.fds[i];
		ASSERT_EQ(0, ev_reset(fd));
		ASSERT_EQ(0, ev_connect(fd, fd, &pair));
		EXPECT_EQ(0, ev_ping(fd, fd, &pair));
	}
}

TEST_F_TIMEOUT(storm, files_come_and_go, 600)
{
	int i, surplus = 0;

	ASSERT_EQ(0, run(self->workers, open_close_round, OPENS, storm_round, 1200));
	for (i = 0; i < THREADS; i++)
		surplus += self->workers[i].surplus;
	if (surplus)
		TH_LOG("%d surplus events", surplus);
	/* Each round waits for six events. Fewer than one in sixty may be surplus. */
	EXPECT_LT(surplus, OPENS / 10 * THREADS / 2);
}

TEST_F_TIMEOUT(storm, an_event_is_read_by_one_of_many_readers, 600)
{
	struct ev_pair pair;
	int i;

	for (i = 0; i < SLOTS; i += 2) {
		ASSERT_EQ(0, ev_connect(self->storm.fds[0], self->storm.fds[0], &pair));
		ASSERT_LT(pair.b, ARRAY_SIZE(self->storm.taken));
		self->storm.slots[i] = pair.a;
		self->storm.slots[i + 1] = pair.b;
	}
	ASSERT_EQ(0, run(self->workers, read_round, 1500, notify_round, 1500));
	EXPECT_GT(atomic_load(&self->storm.events), 0);
	/* 48 ports, each at most once in the ring of 64. */
	ev_settle();
	EXPECT_EQ(0, ev_poll(self->storm.fds[0]) & POLLERR);
}

#include "log_test.h"

TEST_HARNESS_MAIN
