// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * What the operations of /dev/xen/evtchn cost: each alone, with many ports,
 * and while other threads use the same file; and how much memory a file and a
 * port take. It only reports. It fails if an event is lost, or a call.
 *
 * Under QEMU with -icount shift=0 a nanosecond is an instruction, and figures
 * can be compared from run to run; otherwise only within one run.
 */
#include <getopt.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <time.h>

#define EV_NO_HARNESS
#include "common.h"

/* A fixed number: a row is the best of some repetitions of so many calls. */
#define CALLS		5000
#define REPETITIONS	3
#define MAX_PORTS	4096
#define PAGE_PORTS	1024
#define NO_PORTS	0

static bool json;

static void report(const char *row, int ports, double value, const char *unit)
{
	if (json)
		printf("{\"row\": \"%s\", \"ports\": %d, \"value\": %.2f, \"unit\": \"%s\"}\n",
		       row, ports, value, unit);
	else if (ports != NO_PORTS)
		printf("%-28s %5d ports %12.1f %s\n", row, ports, value, unit);
	else
		printf("%-28s %18.1f %s\n", row, value, unit);
	fflush(stdout);
}

static void check(bool good, const char *what, int got)
{
	if (good)
		return;
	fprintf(stderr, "bench: %s: %s (%d)\n", what,
		got < 0 ? strerror(-got) : "unexpected", got);
	exit(KSFT_FAIL);
}

static double now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1e9 + ts.tv_nsec;
}

static double lower(double a, double b)
{
	return a < b ? a : b;
}

/* Until what was freed before is off the CPU: RCU's callbacks and workers. */
static void settle(void)
{
	struct timespec span = { .tv_nsec = 500 * 1000 * 1000 };

	nanosleep(&span, NULL);
}

/*
 * Single operations
 */

struct subject {
	int fd;
	struct ev_pair pair;	/* both enabled, unless a row says otherwise */
	unsigned int few[32];	/* enabled ports */
	int efd;		/* an eventfd, in some rows tied to one of them */
};

static int do_getppid(struct subject *s)
{
	return syscall(__NR_getppid) < 0;
}

static int do_refused(struct subject *s)
{
	return ev_ioctl(s->fd, _IO('E', 99), NULL) != -ENOSYS;
}

static int do_send(struct subject *s)
{
	return ev_xen_send(s->pair.a);
}

static int do_notify(struct subject *s)
{
	return ev_notify(s->fd, s->pair.a);
}

static int do_notify_foreign(struct subject *s)
{
	return ev_notify(s->fd, 1) != -ENOTCONN;
}

static int do_read_empty(struct subject *s)
{
	unsigned int port;

	return ev_read(s->fd, &port, sizeof(port)) != -EAGAIN;
}

static int do_poll(struct subject *s)
{
	return ev_poll(s->fd) != EV_POLL_IDLE;
}

static int do_write(struct subject *s)
{
	return ev_enable(s->fd, s->pair.b) != sizeof(s->pair.b);
}

static int do_write_few(struct subject *s)
{
	return ev_write(s->fd, s->few, sizeof(s->few)) != sizeof(s->few);
}

static int do_event(struct subject *s)
{
	unsigned int port = 0;

	return ev_notify(s->fd, s->pair.a) ||
	       ev_read(s->fd, &port, sizeof(port)) != sizeof(port) ||
	       port != s->pair.b ||
	       ev_enable(s->fd, port) != sizeof(port);
}

static int do_read_enables(struct subject *s)
{
	unsigned int port = 0;

	return ev_notify(s->fd, s->pair.a) ||
	       ev_read(s->fd, &port, sizeof(port)) != sizeof(port) ||
	       port != s->pair.b;
}

static int do_eventfd(struct subject *s)
{
	uint64_t events = 0;

	return ev_notify(s->fd, s->pair.a) ||
	       read(s->efd, &events, sizeof(events)) != sizeof(events) ||
	       events != 1;
}

static int do_eventfd_write(struct subject *s)
{
	return do_eventfd(s) || do_write(s);
}

static int put(int efd, uint64_t count)
{
	return write(efd, &count, sizeof(count)) != sizeof(count);
}

static int do_put(struct subject *s)
{
	return put(s->efd, 1);
}

static int do_status(struct subject *s)
{
	struct ioctl_evtchn_status status = { .port = s->pair.a };

	return ev_ioctl(s->fd, IOCTL_EVTCHN_STATUS, &status) ||
	       status.remote_port != s->pair.b;
}

static int do_privcmd_status(struct subject *s)
{
	union ev_xen_arg arg;

	return ev_xen_query(s->pair.a, &arg) ||
	       arg.status.interdomain.port != s->pair.b;
}

static int do_open_close(struct subject *s)
{
	int fd = ev_open(O_CLOEXEC);

	return fd < 0 || close(fd);
}

static void cost(const char *row, int (*call)(struct subject *s),
		 struct subject *s)
{
	double best = 1e30, start;
	int rep, i, bad;

	for (rep = 0; rep < REPETITIONS; rep++) {
		settle();
		bad = 0;
		start = now_ns();
		for (i = 0; i < CALLS; i++)
			bad |= call(s);
		best = lower(best, (now_ns() - start) / CALLS);
		check(!bad, row, bad);
	}
	report(row, NO_PORTS, best, "ns");
}

static void subject_open(struct subject *s)
{
	int ret, i;

	s->fd = ev_open(O_CLOEXEC | O_NONBLOCK);
	check(s->fd >= 0, "open " EV_DEVICE, s->fd);
	ret = ev_connect(s->fd, s->fd, &s->pair);
	check(!ret, "connecting two ports", ret);
	for (i = 0; i < (int)ARRAY_SIZE(s->few); i++) {
		ret = ev_bind_unbound(s->fd, EV_SELF);
		check(ret > 0, "binding a port", ret);
		s->few[i] = ret;
	}
}

static void single_costs(void)
{
	struct subject s;
	const char *missing = ev_xen_missing;
	int ret;

	subject_open(&s);
	cost("getppid", do_getppid, &s);
	cost("refused_ioctl", do_refused, &s);
	cost("notify_foreign", do_notify_foreign, &s);
	cost("read_empty", do_read_empty, &s);
	cost("poll", do_poll, &s);
	cost("write", do_write, &s);
	cost("write_32", do_write_few, &s);
	cost("event", do_event, &s);
	cost("open_close", do_open_close, &s);
	/* From here on the peer's port is masked, with an event pending. */
	ret = do_notify(&s);
	check(!ret, "NOTIFY", ret);
	cost("notify_masked", do_notify, &s);
	if (!missing)
		cost("privcmd_send", do_send, &s);
	else
		fprintf(stderr, "bench: privcmd_send left out: %s\n", missing);
	close(s.fd);
}

/*
 * What the driver can do beyond its first commands, and what that stands in for
 */

static double clock_cost(void)
{
	double start = now_ns();
	int i;

	for (i = 0; i < CALLS; i++)
		now_ns();
	return (now_ns() - start) / CALLS;
}

/* Calls NOTIFY for each write of the eventfd, and tells when, until it is killed. */
static void relay(struct subject *s, volatile double *when, int done)
{
	struct pollfd written = { .fd = s->efd, .events = POLLIN };
	uint64_t count;
	int bad = 0;

	for (;;) {
		bad |= poll(&written, 1, -1) != 1 ||
		       read(s->efd, &count, sizeof(count)) != sizeof(count) ||
		       do_notify(s);
		*when = now_ns();
		bad |= put(done, bad ? 2 : 1);
	}
}

/*
 * From the write of an eventfd until another process has called NOTIFY for it. The
 * writer goes to sleep, as one does that has no more work: with one CPU there is one
 * switch between the two.
 */
static void relay_cost(struct subject *s)
{
	double best = 1e30, sum, start, clock = clock_cost();
	int done = eventfd(0, EFD_CLOEXEC), rep, i;
	volatile double *when;
	uint64_t good;
	pid_t child;

	when = mmap(NULL, sizeof(*when), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	check(done >= 0 && when != MAP_FAILED, "what two processes share", -errno);
	child = fork();
	check(child >= 0, "fork", -errno);
	if (!child)
		relay(s, when, done);
	for (rep = 0; rep < REPETITIONS; rep++) {
		settle();
		sum = 0;
		for (i = 0; i < CALLS; i++) {
			start = now_ns();
			check(!do_put(s) &&
			      read(done, &good, sizeof(good)) == sizeof(good) &&
			      good == 1, "relay", i);
			sum += *when - start - clock;
		}
		best = lower(best, sum / CALLS);
	}
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	close(done);
	report("relay", NO_PORTS, best, "ns");
}

static void set_eventfd(struct subject *s, unsigned int flags)
{
	struct ioctl_evtchn_eventfd arg = { s->pair.b, s->efd, flags };
	int ret = ev_ioctl(s->fd, IOCTL_EVTCHN_EVENTFD, &arg);

	check(!ret, "EVENTFD", ret);
}

static void feature_costs(void)
{
	struct ioctl_evtchn_features features = { EVTCHN_FEATURE_READ_ENABLES };
	struct ioctl_evtchn_notifyfd notifyfd;
	struct subject s;
	bool has;
	int ret;

	subject_open(&s);
	s.efd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	check(s.efd >= 0, "eventfd", -errno);
	if (!ev_xen_missing)
		cost("privcmd_status", do_privcmd_status, &s);
	/* A driver without it gives only those rows that the others stand beside. */
	has = ev_ioctl(s.fd, IOCTL_EVTCHN_FEATURES, &features) > 0;
	if (has) {
		cost("status", do_status, &s);
		cost("read_enables", do_read_enables, &s);
		set_eventfd(&s, 0);
		cost("eventfd_write", do_eventfd_write, &s);
		set_eventfd(&s, EVTCHN_EVENTFD_READ_ENABLES);
		cost("eventfd", do_eventfd, &s);
	}

	/* As for notify_masked; and another eventfd. */
	ret = do_notify(&s);
	check(!ret, "NOTIFY", ret);
	s.efd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	check(s.efd >= 0, "eventfd", -errno);
	relay_cost(&s);
	if (has) {
		notifyfd = (struct ioctl_evtchn_notifyfd){ s.pair.a, s.efd };
		ret = ev_ioctl(s.fd, IOCTL_EVTCHN_NOTIFYFD, &notifyfd);
		check(!ret, "NOTIFYFD", ret);
		cost("notifyfd", do_put, &s);
	}
	close(s.fd);
}

/*
 * Many ports of one file: pairs, so that each port's event is the peer's send
 */

static unsigned int ports[MAX_PORTS], batch[PAGE_PORTS];
static unsigned char seen[1 << 18];

static void count_events(int bytes)
{
	int i;

	for (i = 0; i < bytes / (int)sizeof(*batch); i++) {
		check(batch[i] < sizeof(seen), "a port that cannot be", batch[i]);
		seen[batch[i]]++;
	}
}

/* Reads and writes until @n ports came; each must have come once. */
static void drain(int fd, int n)
{
	int left = n, got, ret, i;

	while (left > 0) {
		got = ev_read(fd, batch, sizeof(batch));
		if (got == -EAGAIN && ev_wait(fd) > 0)
			continue;
		check(got > 0, "an event was lost: read()", got);
		count_events(got);
		ret = ev_write(fd, batch, got);
		check(ret == got, "write()", ret);
		left -= got / (int)sizeof(*batch);
	}
	for (i = 0; i < n; i++) {
		check(seen[ports[i]] == 1, "how often a port came", seen[ports[i]]);
		seen[ports[i]] = 0;
	}
}

/* A file with @n ports, all enabled; the time that a bind took. */
static int bind_many(int n, double *bind_ns)
{
	double start = now_ns();
	int fd, ret, i;

	fd = ev_open(O_CLOEXEC | O_NONBLOCK);
	check(fd >= 0, "open " EV_DEVICE, fd);
	for (i = 0; i < n; i += 2) {
		ret = ev_bind_unbound(fd, EV_SELF);
		check(ret > 0, "BIND_UNBOUND_PORT", ret);
		ports[i] = ret;
		ret = ev_bind_interdomain(fd, EV_SELF, ports[i]);
		check(ret > 0, "BIND_INTERDOMAIN", ret);
		ports[i + 1] = ret;
	}
	*bind_ns = lower(*bind_ns, (now_ns() - start) / n);

	/* BIND_INTERDOMAIN's event. */
	for (i = 0; i < n / 2; ) {
		ret = ev_read(fd, batch, sizeof(batch));
		if (ret == -EAGAIN && ev_wait(fd) > 0)
			continue;
		check(ret > 0, "read()", ret);
		check(ev_write(fd, batch, ret) == ret, "write()", ret);
		i += ret / (int)sizeof(*batch);
	}
	return fd;
}

static void notify_all(int fd, int n)
{
	int ret, i;

	for (i = 0; i < n; i++) {
		ret = ev_notify(fd, ports[i]);
		check(!ret, "NOTIFY", ret);
	}
}

static void many_costs(int n)
{
	double bind = 1e30, notify = 1e30, take = 1e30, unbind = 1e30;
	double shut = 1e30, start;
	int fd, ret, i, rep;

	for (rep = 0; rep < REPETITIONS; rep++) {
		settle();
		fd = bind_many(n, &bind);
		settle();
		start = now_ns();
		notify_all(fd, n);
		notify = lower(notify, (now_ns() - start) / n);
		start = now_ns();
		drain(fd, n);
		take = lower(take, (now_ns() - start) / n);
		settle();
		start = now_ns();
		for (i = 0; i < n; i++) {
			ret = ev_unbind(fd, ports[i]);
			check(!ret, "UNBIND", ret);
		}
		unbind = lower(unbind, (now_ns() - start) / n);
		close(fd);

		settle();
		fd = bind_many(n, &bind);
		settle();
		start = now_ns();
		close(fd);
		shut = lower(shut, (now_ns() - start) / n);
	}

	report("bind", n, bind, "ns/port");
	report("notify_interrupt", n, notify, "ns/port");
	report("read_write", n, take, "ns/port");
	report("unbind", n, unbind, "ns/port");
	report("close", n, shut, "ns/port");
}

/*
 * Two threads on one file
 */

/* Samples of one call, and its rate over so long. */
#define SAMPLES		4000
#define ROUNDS		5
#define RATE_MS		300

static int compare(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static int compare_double(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double median_of(double values[ROUNDS])
{
	qsort(values, ROUNDS, sizeof(*values), compare_double);
	return values[ROUNDS / 2];
}

struct beside {
	struct subject *s;
	int (*call)(struct subject *s);
	int cpu;
	bool stop;
	uint64_t calls;
};

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	check(!sched_setaffinity(0, sizeof(set), &set), "sched_setaffinity", cpu);
}

static int do_bind_unbind(struct subject *s)
{
	int port = ev_bind_unbound(s->fd, EV_SELF);

	return port < 0 || ev_unbind(s->fd, port);
}

static void *run_beside(void *data)
{
	struct beside *b = data;
	int bad = 0;

	pin(b->cpu);
	while (!__atomic_load_n(&b->stop, __ATOMIC_RELAXED)) {
		bad |= b->call(b->s);
		__atomic_fetch_add(&b->calls, 1, __ATOMIC_RELAXED);
	}
	check(!bad, "the call of another thread", bad);
	return NULL;
}

static pthread_t start_beside(struct beside *b)
{
	pthread_t thread;

	b->stop = false;
	b->calls = 0;
	check(!pthread_create(&thread, NULL, run_beside, b), "pthread_create", 0);
	while (!__atomic_load_n(&b->calls, __ATOMIC_RELAXED))
		sched_yield();
	return thread;
}

static void stop_beside(struct beside *b, pthread_t thread)
{
	__atomic_store_n(&b->stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
}

static void sample(int (*call)(struct subject *s), struct subject *s,
		   double *median, double *p99)
{
	static uint64_t took[SAMPLES];
	double start;
	int i, bad = 0;

	for (i = 0; i < SAMPLES; i++) {
		start = now_ns();
		bad |= call(s);
		took[i] = now_ns() - start;
	}
	check(!bad, "a call", bad);
	qsort(took, SAMPLES, sizeof(*took), compare);
	*median = took[SAMPLES / 2];
	*p99 = took[SAMPLES - SAMPLES / 100];
}

/* How much longer a call takes beside a thread that binds and unbinds. */
static void beside_binds(const char *row, int (*call)(struct subject *s),
			 struct subject *s)
{
	struct beside b = { .s = s, .call = do_bind_unbind, .cpu = 1 };
	double median[ROUNDS], p99[ROUNDS], alone, alone99, with, with99;
	char name[64];
	pthread_t thread;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		sample(call, s, &alone, &alone99);
		thread = start_beside(&b);
		sample(call, s, &with, &with99);
		stop_beside(&b, thread);
		median[i] = with / alone;
		p99[i] = with99 / alone99;
	}
	snprintf(name, sizeof(name), "%s_beside_binds", row);
	report(name, NO_PORTS, median_of(median), "times alone, median");
	snprintf(name, sizeof(name), "%s_beside_binds_p99", row);
	report(name, NO_PORTS, median_of(p99), "times alone, p99");
}

/* Calls a nanosecond of one thread, or of two together. */
static double rate(int (*call)(struct subject *s), struct subject *one,
		   struct subject *two)
{
	struct beside a = { .s = one, .call = call, .cpu = 0 };
	struct beside b = { .s = two, .call = call, .cpu = 1 };
	struct timespec span = { .tv_nsec = RATE_MS * 1000000L };
	pthread_t thread_a, thread_b = 0;
	uint64_t calls_a, calls_b = 0;
	double start, took;

	thread_a = start_beside(&a);
	if (two)
		thread_b = start_beside(&b);
	calls_a = __atomic_load_n(&a.calls, __ATOMIC_RELAXED);
	if (two)
		calls_b = __atomic_load_n(&b.calls, __ATOMIC_RELAXED);
	start = now_ns();
	nanosleep(&span, NULL);
	calls_a = __atomic_load_n(&a.calls, __ATOMIC_RELAXED) - calls_a;
	if (two)
		calls_b = __atomic_load_n(&b.calls, __ATOMIC_RELAXED) - calls_b;
	took = now_ns() - start;
	stop_beside(&a, thread_a);
	if (two)
		stop_beside(&b, thread_b);
	return (calls_a + calls_b) / took;
}

static void two_threads(const char *row, int (*call)(struct subject *s),
			struct subject *one, struct subject *two)
{
	double ratio[ROUNDS], alone;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		alone = rate(call, one, NULL);
		ratio[i] = rate(call, one, two) / alone;
	}
	report(row, NO_PORTS, median_of(ratio), "times one thread");
}

static int second_half(struct subject *s)
{
	int i, ret = 0;

	for (i = MAX_PORTS / 2; i < MAX_PORTS; i++)
		ret |= ev_notify(s->fd, ports[i]);
	return ret;
}

static void *notify_second_half(void *data)
{
	pin(1);
	return (void *)(long)second_half(data);
}

/* All ports of a file pend, sent from two CPUs to irqs on both. */
static void all_pend(void)
{
	double best = 1e30, ignored = 1e30, start;
	struct subject s;
	pthread_t thread;
	void *bad;
	int i;

	s.fd = bind_many(MAX_PORTS, &ignored);
	for (i = 0; i < REPETITIONS; i++) {
		start = now_ns();
		check(!pthread_create(&thread, NULL, notify_second_half, &s),
		      "pthread_create", 0);
		notify_all(s.fd, MAX_PORTS / 2);
		pthread_join(thread, &bad);
		check(!bad, "NOTIFY", (long)bad);
		drain(s.fd, MAX_PORTS);
		best = lower(best, (now_ns() - start) / MAX_PORTS);
	}
	close(s.fd);
	report("all_pend_two_cpus", MAX_PORTS, best, "ns/port");
}

static void compete(void)
{
	struct subject s, other;
	int ret;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2) {
		fprintf(stderr, "bench: one CPU, no second thread\n");
		return;
	}
	subject_open(&s);
	ret = ev_connect(s.fd, s.fd, &s.pair);
	check(!ret, "connecting two ports", ret);
	pin(0);
	beside_binds("write", do_write, &s);

	other = s;
	ret = ev_connect(s.fd, s.fd, &other.pair);
	check(!ret, "connecting two ports", ret);
	ret = do_notify(&s) ?: do_notify(&other);
	check(!ret, "NOTIFY", ret);
	beside_binds("notify", do_notify, &s);

	/* What this machine can do for two threads at all. */
	two_threads("getppid_two_threads", do_getppid, &s, &other);
	two_threads("notify_two_threads", do_notify, &s, &other);
	close(s.fd);
	all_pend();
}

/*
 * Memory
 */

#define MEMORY_FILES	800
#define MEMORY_PORTS	2048

/*
 * Bytes in the slab allocator's objects, or a negative errno. Not the large
 * ones: of those the few that are free but counted (on a CPU's list) hide the
 * rest. What rings take is ABI: 4 bytes a slot.
 */
static double slab_bytes(void)
{
	FILE *file = fopen("/proc/slabinfo", "r");
	double bytes = 0, active, objects, size;
	char line[512], name[64];

	if (!file)
		return -errno;
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%63s %lf %lf %lf", name, &active, &objects, &size) == 4 &&
		    size <= 1024)
			bytes += active * size;
	}
	fclose(file);
	return bytes;
}

static void count_memory(void)
{
	static int fds[MEMORY_FILES];
	double before, ignored = 1e30;
	int i, fd;

	before = slab_bytes();
	if (before < 0) {
		fprintf(stderr, "bench: nothing to count: /proc/slabinfo: %s\n",
			strerror(-before));
		return;
	}
	for (i = 0; i < MEMORY_FILES; i++) {
		fds[i] = ev_open(O_CLOEXEC);
		check(fds[i] >= 0, "open " EV_DEVICE, fds[i]);
	}
	report("memory_file", NO_PORTS, (slab_bytes() - before) / MEMORY_FILES, "bytes");

	/* The files stay: what is freed is counted for a while. */
	before = slab_bytes();
	fd = bind_many(MEMORY_PORTS, &ignored);
	report("memory_port", MEMORY_PORTS, (slab_bytes() - before) / MEMORY_PORTS, "bytes");
	close(fd);
	for (i = 0; i < MEMORY_FILES; i++)
		close(fds[i]);
	settle();
}

static const char usage[] =
"usage: bench [--json] [--costs] [--contention] [--memory] [--ports N]\n"
"\n"
"Reports what the operations of " EV_DEVICE " cost; all, or those named.\n"
"\n"
"  --costs       each call alone, in nanoseconds; and with 16 to 4096 ports\n"
"  --contention  with two threads on a file, as ratios\n"
"  --memory      bytes of the slab allocator per open file and per port\n"
"  --ports N     the most ports for --costs, 4096\n"
"  --json        an object a line\n";

int main(int argc, char **argv)
{
	enum { COSTS = 1, CONTENTION = 2, MEMORY = 4, PORTS = 8 };
	static const struct option options[] = {
		{ "costs", no_argument, NULL, COSTS },
		{ "contention", no_argument, NULL, CONTENTION },
		{ "memory", no_argument, NULL, MEMORY },
		{ "ports", required_argument, NULL, PORTS },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{}
	};
	int wanted = 0, max = MAX_PORTS, option, n;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case COSTS:
		case CONTENTION:
		case MEMORY:
			wanted |= option;
			break;
		case PORTS:
			max = atoi(optarg);
			break;
		case 'j':
			json = true;
			break;
		default:
			fputs(usage, option == 'h' ? stdout : stderr);
			return option == 'h' ? 0 : KSFT_FAIL;
		}
	}

	/* First: what the others free later would be counted. */
	if (!wanted || wanted & MEMORY)
		count_memory();
	if (!wanted || wanted & COSTS) {
		single_costs();
		/* Before there are many irqs, as stock's rows that they stand beside. */
		feature_costs();
		for (n = 16; n <= max && n <= MAX_PORTS; n *= 4)
			many_costs(n);
	}
	if (!wanted || wanted & CONTENTION)
		compete();
	return 0;
}
