// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * No wake-up is lost: a reader that waits is woken by each event, also when it
 * emptied the ring while an interrupt was storing the next port.
 *
 * The driver's interrupt and the reader have to meet within a few instructions,
 * so a driver that loses wake-ups seldom fails here. Built with a pause in that
 * window it fails at once.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/epoll.h>

#include "common.h"

/* Several ports, so that one is stored while another is read. */
#define PAIRS	4
#define ROUNDS	50

/* A reader that takes nothing for so long sleeps; it only ends a hang. */
#define SLEEPS_MS	(EV_GUARD_MS / 2)

enum wait { WAIT_READ, WAIT_POLL, WAIT_EPOLL, WAIT_EDGE };

struct reader {
	int fd;
	int epoll;
	int cpu;
	enum wait wait;
	/* Events taken so far; what went wrong, as -errno. */
	atomic_int taken;
	atomic_int error;
	/* The next event is the last. */
	atomic_bool stop;
};

static int pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return sched_setaffinity(0, sizeof(set), &set) ? -errno : 0;
}

static int cpus(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) ? 1 : CPU_COUNT(&set);
}

/* Waits without a limit, as daemons do. */
static int wait_for_event(struct reader *reader)
{
	struct pollfd pfd = { .fd = reader->fd, .events = POLLIN };
	struct epoll_event event;

	switch (reader->wait) {
	case WAIT_READ:
		return 0;
	case WAIT_POLL:
		return poll(&pfd, 1, -1) < 0 ? -errno : 0;
	case WAIT_EPOLL:
	case WAIT_EDGE:
		return epoll_wait(reader->epoll, &event, 1, -1) < 0 ? -errno : 0;
	}
	return -EINVAL;
}

static void *read_for_ever(void *arg)
{
	struct reader *reader = arg;
	unsigned int ports[PAIRS];
	int ret;

	ret = pin(reader->cpu);
	while (ret >= 0 && !atomic_load(&reader->stop)) {
		ret = wait_for_event(reader);
		if (ret < 0)
			break;
		/* Edge-triggered waiters have to read until there is no more. */
		do {
			ret = ev_read(reader->fd, ports, sizeof(ports));
			if (ret < 0)
				break;
			ret = ev_write(reader->fd, ports, ret);
			if (ret < 0)
				break;
			atomic_fetch_add(&reader->taken, ret / sizeof(*ports));
		} while (reader->wait == WAIT_EDGE);
		if (ret == -EAGAIN)
			ret = 0;
	}
	atomic_store(&reader->error, ret < 0 ? ret : 0);
	return NULL;
}

FIXTURE(wakeup)
{
	struct reader reader;
	struct ev_pair pairs[PAIRS];
	pthread_t thread;
	int peer;
};

FIXTURE_VARIANT(wakeup)
{
	enum wait wait;
};

FIXTURE_VARIANT_ADD(wakeup, read)
{
	.wait = WAIT_READ,
};

FIXTURE_VARIANT_ADD(wakeup, poll)
{
	.wait = WAIT_POLL,
};

FIXTURE_VARIANT_ADD(wakeup, epoll)
{
	.wait = WAIT_EPOLL,
};

FIXTURE_VARIANT_ADD(wakeup, edge_triggered_epoll)
{
	.wait = WAIT_EDGE,
};

FIXTURE_SETUP(wakeup)
{
	struct epoll_event event = { .events = EPOLLIN };
	bool blocks = variant->wait == WAIT_READ;
	int i;

	self->reader.wait = variant->wait;
	if (variant->wait == WAIT_EDGE)
		event.events |= EPOLLET;
	self->reader.fd = ev_open(O_CLOEXEC | (blocks ? 0 : O_NONBLOCK));
	ASSERT_GE(self->reader.fd, 0);
	self->peer = ev_open(O_CLOEXEC);
	ASSERT_GE(self->peer, 0);
	for (i = 0; i < PAIRS; i++)
		ASSERT_EQ(0, ev_connect(self->peer, self->reader.fd, &self->pairs[i]));
	self->reader.epoll = epoll_create1(EPOLL_CLOEXEC);
	ASSERT_GE(self->reader.epoll, 0);
	ASSERT_EQ(0, epoll_ctl(self->reader.epoll, EPOLL_CTL_ADD,
			       self->reader.fd, &event));
}

FIXTURE_TEARDOWN(wakeup)
{
	/* A reader that sleeps for ever ends with the process. */
}

/* Whether the reader has taken so many events; false if it hangs. */
static bool has_taken(struct reader *reader, int events)
{
	int ms;

	for (ms = 0; ms < SLEEPS_MS; ms++) {
		if (atomic_load(&reader->taken) >= events)
			return true;
		usleep(1000);
	}
	return false;
}

static void send_and_expect(struct __test_metadata *_metadata,
			    struct reader *reader, int peer,
			    const struct ev_pair *pairs)
{
	int round, i, sent = atomic_load(&reader->taken);

	for (round = 0; round < ROUNDS; round++) {
		for (i = 0; i < PAIRS; i++)
			ASSERT_EQ(0, ev_notify(peer, pairs[i].a));
		/* A notification folds into one whose event was not taken yet. */
		sent += PAIRS;
		if (!has_taken(reader, sent)) {
			ASSERT_EQ(0, atomic_load(&reader->error));
			ASSERT_EQ(0, ev_poll(reader->fd) & POLLIN)
				TH_LOG("round %d: the reader sleeps, and poll() says readable",
				       round);
			ASSERT_TRUE(false)
				TH_LOG("round %d: an event was lost", round);
		}
	}
	ASSERT_EQ(0, atomic_load(&reader->error));
}

/* The interrupts are on one of the vCPUs: each has the reader for a while. */
TEST_F(wakeup, reader_is_woken_by_every_event)
{
	struct reader *reader = &self->reader;
	int n = cpus();

	for (reader->cpu = 0; reader->cpu < n; reader->cpu++) {
		ASSERT_EQ(0, pthread_create(&self->thread, NULL, read_for_ever, reader));
		ASSERT_EQ(0, pin((reader->cpu + 1) % n));
		send_and_expect(_metadata, reader, self->peer, self->pairs);
		atomic_store(&reader->stop, true);
		ASSERT_EQ(0, ev_notify(self->peer, self->pairs[0].a));
		ASSERT_EQ(0, pthread_join(self->thread, NULL));
		atomic_store(&reader->stop, false);
	}
}

int main(int argc, char **argv)
{
	ev_require_device();
	return test_harness_run(argc, argv);
}
