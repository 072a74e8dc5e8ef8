// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Events of /dev/xen/evtchn while their interrupts move from CPU to CPU: none is
 * lost. One test takes a CPU offline and online, so run this by hand, and not
 * in a domain that is in use.
 *
 * An event may come twice: when the old CPU sees it pending, is delayed, and
 * calls the handler after the new CPU has handled the event. That is rare. With
 * "irqpoll" the kernel may call handlers at any time without an event. With
 * "threadirqs" the handlers are threads.
 */
#include "common.h"

#define PAIRS	8
#define ROUNDS	400

FIXTURE(move)
{
	struct ev_pair pairs[PAIRS];
	int fd;
	bool polled;
	/* CPUs that are online, and how many. */
	int cpus[64], nr_cpus;
	/* The CPU that was taken offline, or 0. */
	int away;
	atomic_bool stop;
	atomic_int moves;
};

FIXTURE_SETUP(move)
{
	char text[4096] = "";
	cpu_set_t all;
	int cpu;

	ASSERT_EQ(0, ev_read_file("/proc/cmdline", text, sizeof(text)));
	self->polled = strstr(text, "irqpoll");
	ASSERT_EQ(0, sched_getaffinity(0, sizeof(all), &all));
	for (cpu = 0; cpu < 64; cpu++) {
		if (CPU_ISSET(cpu, &all))
			self->cpus[self->nr_cpus++] = cpu;
	}
	if (self->nr_cpus < 2)
		SKIP(return, "there is one CPU only");
	self->fd = ev_open(O_CLOEXEC | O_NONBLOCK);
	ASSERT_GE(self->fd, 0);
	ASSERT_EQ(0, ev_connect_many(self->fd, self->pairs, PAIRS));
}

static int set_online(int cpu, const char *online)
{
	char path[64];

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/online", cpu);
	return ev_write_file(path, online);
}

FIXTURE_TEARDOWN(move)
{
	close(self->fd);
	if (self->away)
		EXPECT_EQ(0, set_online(self->away, "1"));
}

/*
 * Every port notifies its peer, until each has got its event; surplus events
 * are counted in @spurious. Returns 0 or -errno: -ETIMEDOUT if one is lost.
 */
static int one_round(int fd, const struct ev_pair *pairs, int *spurious)
{
	const unsigned int *ports = &pairs[0].a;
	bool seen[2 * PAIRS] = {};
	int i, ret = 0, left = 2 * PAIRS;

	for (i = 0; i < 2 * PAIRS && !ret; i++)
		ret = ev_notify(fd, ports[i]);
	while (left && ret >= 0) {
		ret = ev_take(fd);
		for (i = 0; i < 2 * PAIRS && (int)ports[i] != ret; i++)
			;
		if (i == 2 * PAIRS)
			return ret < 0 ? ret : -EPROTO;
		left -= !seen[i];
		*spurious += seen[i];
		seen[i] = true;
		ret = ev_enable(fd, ports[i]);
	}
	return ret < 0 ? ret : 0;
}

static void check_rounds(struct __test_metadata *_metadata,
			 FIXTURE_DATA(move) *self, int rounds)
{
	int i, ret, spurious = 0;

	for (i = 0; i < rounds; i++) {
		ret = one_round(self->fd, self->pairs, &spurious);
		ASSERT_EQ(0, ret)
			TH_LOG("round %d of %d", i, rounds);
	}
	if (spurious)
		TH_LOG("%d of %d events came twice%s", spurious, rounds * 2 * PAIRS,
		       self->polled ? ", with irqpoll" : "");
	if (!self->polled)
		EXPECT_LT(spurious, rounds / 10);
}

/* Moves the program's irqs to the next CPU, until it is told to stop. */
static void *move_irqs(void *arg)
{
	FIXTURE_DATA(move) *self = arg;
	char line[16384], path[64], mask[16];
	int irq, cpu, n = 0;
	FILE *file;

	while (!self->stop) {
		file = fopen("/proc/interrupts", "re");
		while (file && fgets(line, sizeof(line), file)) {
			if (!strstr(line, " evtchn:evtchn_move_tes") ||
			    sscanf(line, "%d:", &irq) != 1)
				continue;
			cpu = self->cpus[n++ % self->nr_cpus];
			snprintf(path, sizeof(path), "/proc/irq/%d/smp_affinity_list", irq);
			snprintf(mask, sizeof(mask), "%d", cpu);
			self->moves += !ev_write_file(path, mask);
		}
		if (file)
			fclose(file);
		/* An odd number of irqs would move each of them next time, too. */
		n++;
	}
	return NULL;
}

TEST_F(move, no_event_is_lost_while_irqs_change_their_cpu)
{
	pthread_t mover;

	ASSERT_EQ(0, pthread_create(&mover, NULL, move_irqs, self));
	check_rounds(_metadata, self, ROUNDS);
	self->stop = true;
	pthread_join(mover, NULL);
	TH_LOG("%d moves", self->moves);
	EXPECT_GT(atomic_load(&self->moves), PAIRS);
}

TEST_F(move, no_event_is_lost_while_a_cpu_comes_and_goes)
{
	int cpu = self->cpus[self->nr_cpus - 1], i, ret;

	ret = set_online(cpu, "0");
	if (ret)
		SKIP(return, "CPU %d stays (CONFIG_HOTPLUG_CPU): %s", cpu, strerror(-ret));
	self->away = cpu;
	check_rounds(_metadata, self, ROUNDS / 8);
	for (i = 0; i < 7; i++) {
		ASSERT_EQ(0, set_online(cpu, i % 2 ? "0" : "1"));
		check_rounds(_metadata, self, ROUNDS / 8);
	}

	/* An event that waits for the write of its port moves, too. */
	for (i = 0; i < PAIRS; i++) {
		ASSERT_EQ(0, ev_notify(self->fd, self->pairs[i].a));
		ASSERT_EQ(self->pairs[i].b, ev_take(self->fd));
		ASSERT_EQ(0, ev_notify(self->fd, self->pairs[i].a));
	}
	ASSERT_EQ(0, set_online(cpu, "0"));
	for (i = 0; i < PAIRS; i++) {
		ASSERT_EQ(4, ev_enable(self->fd, self->pairs[i].b));
		ASSERT_EQ(self->pairs[i].b, ev_take(self->fd));
		ASSERT_EQ(4, ev_enable(self->fd, self->pairs[i].b));
	}
	check_rounds(_metadata, self, ROUNDS / 8);
	ASSERT_EQ(0, set_online(cpu, "1"));
	self->away = 0;
}

#include "log_test.h"

TEST_HARNESS_MAIN
