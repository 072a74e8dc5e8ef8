// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * /dev/xen/evtchn over a save and restore of the domain (or a migration), after
 * which Xen has none of the ports that were bound.
 *
 * It runs in a PV domU with two vCPUs and asks whoever started the domain for
 *
 *	@checkpoint N	xl save -c: the suspend is cancelled, nothing is lost
 *	@restore N	xl save, xl restore
 *
 * on the domain's console, where it waits for the answer "done N". One process
 * holds all files from first to last, hence no harness. Privcmd must allow
 * hypercalls (xen_privcmd.unrestricted=1): Xen's word is what kernel ports are
 * compared by.
 */
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <termios.h>
#include <time.h>

#include <xen/gntalloc.h>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function" /* the harness */
#include "hypercall.h"
#pragma GCC diagnostic pop

#define CONSOLE		"/dev/hvc0"
#define CPU1_ONLINE	"/sys/devices/system/cpu/cpu1/online"

/* A save and restore takes a second or two, with a slow machine's delay. */
#define ANSWER_MS	250000

/* A VIRQ of vCPU 0 that Linux has no use for, and any domain may bind. */
#define VIRQ_XENOPROF	7

/* No more ports than this in the domain, but for those of the file with many. */
#define MAX_PORTS	128

/*
 * So many that some have numbers for which Xen's first page of events is too
 * small. Until they are bound again, the kernel takes such numbers for invalid.
 */
#define MANY_PORTS	1500
#define FIRST_PAGE	1024
#define MANY_NAME	"many"

/* Pages that another domain may map, and a notification when one is unmapped. */
#define GNTALLOC	"/dev/xen/gntalloc"

static int console_fd, log_fd;

/* What Xen says of a port of this domain, all of it. */
static union ev_xen_arg status_of(unsigned int port)
{
	union ev_xen_arg arg;
	int ret = ev_xen_query(port, &arg);

	/* Xen has not come to such high numbers yet. */
	if (ret == -EINVAL)
		arg.status.status = EV_CLOSED;
	else if (ret)
		ksft_exit_fail_msg("EVTCHNOP_status of port %u: %s\n", port,
				   strerror(-ret));
	return arg;
}

/* Only the kernel has ports of these kinds, but for VIRQ_XENOPROF. */
static bool is_kernels(unsigned int port)
{
	union ev_xen_arg arg = status_of(port);

	return arg.status.status == EV_IPI ||
	       (arg.status.status == EV_VIRQ && arg.status.virq != VIRQ_XENOPROF);
}

/*
 * Comparisons that say what was wrong, and with what
 */

static bool is_value(const char *what, int line, long got, long want)
{
	if (got == want)
		return true;
	ksft_print_msg("line %d: %s is %ld, not %ld\n", line, what, got, want);
	return false;
}

#define IS(got, want)	is_value(#got, __LINE__, got, want)

/* Nothing to read, now that all that was sent has come. */
static bool is_idle(int fd)
{
	unsigned int port;

	ev_settle();
	return IS(ev_poll(fd), EV_POLL_IDLE) &&
	       IS(ev_read(fd, &port, sizeof(port)), -EAGAIN);
}

/*
 * A file with a pair of ports in every state
 */

struct set {
	int fd;
	struct ev_pair quiet;	/* enabled */
	struct ev_pair masked;	/* b's event read, b not written */
	struct ev_pair pending;	/* b's event is in the ring */
	struct ev_pair folded;	/* b masked, and notified once more */
};

#define SET_PORTS	8

static void list_ports(const struct set *set, unsigned int ports[SET_PORTS])
{
	/* The order of numbers, as far as Xen gives out the lowest. */
	const struct ev_pair pairs[] = {
		set->quiet, set->masked, set->pending, set->folded,
	};

	memcpy(ports, pairs, sizeof(pairs));
}

static bool open_pair(int fd, struct ev_pair *pair)
{
	return IS(ev_connect(fd, fd, pair), 0);
}

static bool open_set(struct set *set)
{
	set->fd = ev_open(O_CLOEXEC | O_NONBLOCK);
	return IS(set->fd < 0, 0) && open_pair(set->fd, &set->quiet) &&
	       open_pair(set->fd, &set->masked) &&
	       open_pair(set->fd, &set->pending) &&
	       open_pair(set->fd, &set->folded);
}

/* From all enabled to the states above. */
static bool arrange(struct set *set)
{
	int fd = set->fd;

	return IS(ev_notify(fd, set->masked.a), 0) &&
	       IS(ev_take(fd), set->masked.b) &&
	       IS(ev_notify(fd, set->folded.a), 0) &&
	       IS(ev_take(fd), set->folded.b) &&
	       IS(ev_notify_settled(fd, set->folded.a), 0) &&
	       is_idle(fd) &&
	       IS(ev_notify_settled(fd, set->pending.a), 0) &&
	       IS(ev_poll(fd), EV_POLL_EVENT);
}

/* The set is as arrange() left it; all enabled again afterwards. */
static bool is_arranged(struct set *set)
{
	int fd = set->fd;

	return IS(ev_poll(fd), EV_POLL_EVENT) &&
	       IS(ev_take(fd), set->pending.b) &&
	       is_idle(fd) &&
	       IS(ev_enable(fd, set->pending.b), 4) &&
	       IS(ev_enable(fd, set->masked.b), 4) &&
	       is_idle(fd) &&
	       IS(ev_enable(fd, set->folded.b), 4) &&
	       IS(ev_take(fd), set->folded.b) &&
	       IS(ev_enable(fd, set->folded.b), 4) &&
	       is_idle(fd);
}

static bool set_answers(struct set *set)
{
	return IS(ev_ping(set->fd, set->fd, &set->quiet), 0) &&
	       IS(ev_ping(set->fd, set->fd, &set->masked), 0) &&
	       IS(ev_ping(set->fd, set->fd, &set->pending), 0) &&
	       IS(ev_ping(set->fd, set->fd, &set->folded), 0);
}

/*
 * Threads that wait for an event of a file
 */

struct sleeper {
	const char *how;
	int (*wait)(int fd);	/* returns what it was woken with */
	int fd;
	struct ev_pair pair;
	pthread_t thread;
	int asleep;		/* cleared when wait() returned */
	int result;
};

static int wait_in_read(int fd)
{
	unsigned int port;
	int ret = ev_read(fd, &port, sizeof(port));

	return ret == sizeof(port) ? (int)port : ret;
}

static int wait_in_poll(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	int ret = poll(&pfd, 1, -1);

	return ret == 1 && pfd.revents == POLLIN ? ev_take(fd) : -errno;
}

/* epoll_wait() ends with EINTR when the thread was frozen, of any file. */
static int wait_in_epoll(int fd)
{
	struct epoll_event event = { .events = EPOLLIN };
	int ret, epoll = epoll_create1(EPOLL_CLOEXEC);

	if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event))
		return -errno;
	do {
		ret = epoll_wait(epoll, &event, 1, -1);
	} while (ret < 0 && errno == EINTR);
	close(epoll);
	return ret == 1 && event.events == EPOLLIN ? ev_take(fd) : -EPROTO;
}

static struct sleeper sleepers[] = {
	{ "read", wait_in_read },
	{ "poll", wait_in_poll },
	{ "epoll", wait_in_epoll },
};

#define SLEEPERS_END	(sleepers + ARRAY_SIZE(sleepers))

static void *sleep_there(void *arg)
{
	struct sleeper *s = arg;

	s->result = s->wait(s->fd);
	__atomic_store_n(&s->asleep, 0, __ATOMIC_RELEASE);
	return NULL;
}

static bool is_asleep(const struct sleeper *s)
{
	return __atomic_load_n(&s->asleep, __ATOMIC_ACQUIRE);
}

static bool start_sleeper(struct sleeper *s)
{
	s->asleep = 1;
	return IS(pthread_create(&s->thread, NULL, sleep_there, s), 0);
}

/* Whether it is woken, by @port. */
static bool is_woken(struct sleeper *s, unsigned int port)
{
	struct timespec limit;

	clock_gettime(CLOCK_REALTIME, &limit);
	limit.tv_sec += EV_GUARD_MS / 1000;
	return IS(pthread_timedjoin_np(s->thread, NULL, &limit), 0) &&
	       IS(s->result, port);
}

/*
 * Everything that is there before the domain is saved
 */

static struct set low;		/* has numbers that the kernel gets later on */
static struct set high;		/* has numbers that are free later on */
static struct set again;	/* binds its lost numbers again */
static int low_ports;		/* how many of low's numbers CPU 1 had */
static int limited_fd, overflow_fd;
static struct ev_pair limited, overflow;
static unsigned int virq_port, static_port; /* high's */
static int fresh_fd;		/* opened after the restore */
static struct ev_pair fresh;
static int many_fd;
static unsigned int many[MANY_PORTS];
static unsigned int many_size;	/* of its ring */
static int told_fd;		/* a page's unmapping is notified on its port a */
static struct ev_pair told;

static void put_cpu1(const char *state)
{
	int fd = open(CPU1_ONLINE, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, state, 1) != 1)
		ksft_exit_fail_msg(CPU1_ONLINE " to %s: %s\n", state,
				   strerror(errno));
	close(fd);
}

/* After CPU 1 was away, which ev_settle() takes for a wish of ours. */
static bool use_both_cpus(void)
{
	cpu_set_t both;

	CPU_ZERO(&both);
	CPU_SET(0, &both);
	CPU_SET(1, &both);
	return IS(sched_setaffinity(0, sizeof(both), &both), 0);
}

/* The kernel's ports do their work: a timer on each CPU, and calls to each. */
static bool kernel_works(void)
{
	const struct timespec nap = { .tv_nsec = 5000000 };
	cpu_set_t one;
	int cpu;

	for (cpu = 0; cpu < 2; cpu++) {
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		if (!IS(sched_setaffinity(0, sizeof(one), &one), 0) ||
		    !IS(nanosleep(&nap, NULL), 0))
			return false;
	}
	return use_both_cpus();
}

static bool overflow_file(int fd, struct ev_pair *pair)
{
	int i;

	for (i = 0; i < 1000 && ev_poll(fd) != POLLERR; i++) {
		if (!IS(ev_notify_settled(fd, pair->a), 0) ||
		    !IS(ev_enable(fd, pair->b), 4))
			return false;
	}
	return IS(ev_poll(fd), POLLERR);
}

/* How many irqs the files have that were opened under that name; or -errno. */
static int count_irqs(const char *name)
{
	char line[4096], action[32], *word;
	FILE *file;
	int n = 0;

	snprintf(action, sizeof(action), "evtchn:%s\n", name);
	file = fopen("/proc/interrupts", "re");
	if (!file)
		return -errno;
	while (fgets(line, sizeof(line), file)) {
		word = strstr(line, action);
		n += word && !strcmp(word, action);
	}
	fclose(file);
	return n;
}

/* How many slots the file's ring has; 0 if it does not say. */
static unsigned int ring_size(int fd)
{
	char path[64], line[256];
	unsigned int size = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	file = fopen(path, "re");
	if (!file)
		return 0;
	while (!size && fgets(line, sizeof(line), file))
		sscanf(line, "evtchn-ring: %*u/%u", &size);
	fclose(file);
	return size;
}

static bool open_many(void)
{
	char name[16];
	bool ok;
	int i, ret;

	/* Its irqs are called after the task that opened the file. */
	prctl(PR_GET_NAME, name);
	prctl(PR_SET_NAME, MANY_NAME);
	many_fd = ev_open(O_CLOEXEC | O_NONBLOCK);
	prctl(PR_SET_NAME, name);
	ok = IS(many_fd < 0, 0);
	for (i = 0; i < MANY_PORTS && ok; i++) {
		ret = ev_bind_unbound(many_fd, EV_SELF);
		ok = IS(ret > 0, 1);
		many[i] = ret;
	}
	many_size = ring_size(many_fd);
	return ok && IS(many[MANY_PORTS - 1] > FIRST_PAGE, 1) &&
	       IS(many_size >= MANY_PORTS, 1) &&
	       IS(count_irqs(MANY_NAME), MANY_PORTS);
}

/* A page that dom0 may map, and what happens when nobody does any more. */
struct grant {
	int fd;
	void *page;
};

/* The grant of a page, whose unmapping is an event on the other end of @port. */
static bool open_grant(struct grant *grant, unsigned int port)
{
	struct ioctl_gntalloc_alloc_gref alloc = { .domid = 0, .count = 1 };
	struct ioctl_gntalloc_unmap_notify notify = {
		.action = UNMAP_NOTIFY_SEND_EVENT,
		.event_channel_port = port,
	};

	grant->fd = open(GNTALLOC, O_RDWR | O_CLOEXEC);
	if (!IS(grant->fd >= 0, 1) ||
	    !IS(ev_ioctl(grant->fd, IOCTL_GNTALLOC_ALLOC_GREF, &alloc), 0))
		return false;
	grant->page = mmap(NULL, sysconf(_SC_PAGESIZE), PROT_READ, MAP_SHARED,
			   grant->fd, alloc.index);
	notify.index = alloc.index;
	return IS(grant->page == MAP_FAILED, 0) &&
	       IS(ev_ioctl(grant->fd, IOCTL_GNTALLOC_SET_UNMAP_NOTIFY, &notify), 0);
}

static bool close_grant(struct grant *grant)
{
	return IS(munmap(grant->page, sysconf(_SC_PAGESIZE)), 0) &&
	       IS(close(grant->fd), 0);
}

static struct grant outlives;	/* the port that it notifies */

/* A port that no file has: what the builder of a domain leaves for a program. */
static int make_static_port(void)
{
	return ev_xen_alloc_unbound(EV_SELF);
}

static bool files_are_bound(void)
{
	unsigned int ports[SET_PORTS];
	struct sleeper *s;
	int ret, i, before[MAX_PORTS];
	bool ok = true;

	/*
	 * After a restore the kernel binds its ports first, CPU by CPU, and
	 * Xen gives out the lowest numbers. The numbers that CPU 1 has now are
	 * the ones that it will get then: low takes them meanwhile.
	 */
	for (i = 1; i < MAX_PORTS; i++)
		before[i] = is_kernels(i);
	put_cpu1("0");
	ok &= open_set(&low) && arrange(&low);
	list_ports(&low, ports);
	for (i = 0; i < SET_PORTS; i++)
		low_ports += ports[i] < MAX_PORTS && before[ports[i]];
	put_cpu1("1");
	ok &= use_both_cpus();
	ksft_print_msg("%d of the ports have numbers that CPU 1 had\n",
		       low_ports);
	ok &= IS(low_ports > 0, 1);

	ok &= open_set(&again) && arrange(&again);
	ok &= open_set(&high) && arrange(&high);

	ret = ev_bind_virq(high.fd, VIRQ_XENOPROF);
	ok &= IS(ret > 0, 1);
	virq_port = ret;
	ret = make_static_port();
	ok &= IS(ret > 0, 1);
	static_port = ret;
	ok &= IS(ev_bind_static(high.fd, static_port), 0);

	limited_fd = ev_open(O_CLOEXEC | O_NONBLOCK);
	ok &= open_pair(limited_fd, &limited);
	ok &= IS(ev_restrict(limited_fd, 1), 0);

	overflow_fd = ev_open(O_CLOEXEC | O_NONBLOCK);
	ok &= open_pair(overflow_fd, &overflow);
	ok &= overflow_file(overflow_fd, &overflow);

	for (s = sleepers; s < SLEEPERS_END; s++) {
		s->fd = ev_open(O_CLOEXEC);
		ok &= open_pair(s->fd, &s->pair) && start_sleeper(s);
	}

	told_fd = ev_open(O_CLOEXEC | O_NONBLOCK);
	ok &= open_pair(told_fd, &told);
	/* They have the highest numbers, so that the others need no more room. */
	return open_many() && ok;
}

/* What a restore must not do to the port's next owner. */
static bool unmapping_is_notified(void)
{
	struct grant grant;

	return open_grant(&grant, told.a) && is_idle(told_fd) &&
	       close_grant(&grant) &&
	       IS(ev_take(told_fd), told.b) &&
	       IS(ev_enable(told_fd, told.b), 4) &&
	       IS(ev_ping(told_fd, told_fd, &told), 0) &&
	       open_grant(&outlives, told.a);
}

/*
 * The suspend that is cancelled, and that nothing is changed by it
 */

/* Says on the console what is wanted, and waits until it was done. */
static bool ask_for(const char *what)
{
	static int number;
	struct pollfd pfd = { .fd = console_fd, .events = POLLIN };
	char line[256], answer[32];
	int len;

	len = snprintf(line, sizeof(line), "\n@%s %d\n", what, ++number);
	if (write(console_fd, line, len) != len)
		return false;
	snprintf(answer, sizeof(answer), "done %d\n", number);
	while (poll(&pfd, 1, ANSWER_MS) == 1) {
		len = read(console_fd, line, sizeof(line) - 1);
		if (len <= 0)
			return false;
		line[len] = '\0';
		if (!strcmp(line, answer))
			return true;
	}
	return false;
}

static void must(const char *what)
{
	if (!ask_for(what))
		ksft_exit_fail_msg("no answer to \"%s\" on " CONSOLE "\n", what);
}

static bool nothing_is_lost_by_a_cancelled_suspend(void)
{
	struct sleeper *s;
	bool ok = true;

	must("checkpoint");

	ok &= is_arranged(&low) && set_answers(&low);
	ok &= is_arranged(&again) && set_answers(&again);
	ok &= is_arranged(&high) && set_answers(&high);
	ok &= IS(ev_ping(limited_fd, limited_fd, &limited), 0);
	ok &= IS(ev_bind_unbound(limited_fd, EV_SELF), -EACCES);
	ok &= IS(ev_poll(overflow_fd), POLLERR);
	ok &= IS(ev_notify(high.fd, virq_port), 0);
	ok &= IS(ev_notify(high.fd, static_port), 0);
	ok &= IS(ev_notify(many_fd, many[MANY_PORTS - 1]), 0);
	ok &= IS(count_irqs(MANY_NAME), MANY_PORTS);
	ok &= IS(ev_ping(told_fd, told_fd, &told), 0);
	ok &= kernel_works();

	for (s = sleepers; s < SLEEPERS_END; s++) {
		ok &= IS(is_asleep(s), true);
		ok &= IS(ev_notify(s->fd, s->pair.a), 0);
		ok &= is_woken(s, s->pair.b);
		ok &= IS(ev_enable(s->fd, s->pair.b), 4);
	}
	return ok;
}

/*
 * The restore
 */

static bool domain_is_restored(void)
{
	struct sleeper *s;
	bool ok = true;

	ok &= arrange(&low) && arrange(&again) && arrange(&high);
	for (s = sleepers; s < SLEEPERS_END; s++)
		ok &= start_sleeper(s);

	must("restore");
	return ok;
}

static union ev_xen_arg kernels[MAX_PORTS];

static bool kernel_has_numbers_of_lost_ports(void)
{
	unsigned int ports[SET_PORTS];
	int i, taken = 0;

	for (i = 1; i < MAX_PORTS; i++)
		kernels[i] = status_of(i);
	list_ports(&low, ports);
	for (i = 0; i < SET_PORTS; i++) {
		if (!is_kernels(ports[i]))
			continue;
		taken++;
		ksft_print_msg("lost port %u is %s of vCPU %u now\n", ports[i],
			       kernels[ports[i]].status.status == EV_IPI ?
				       "an IPI" : "a VIRQ",
			       kernels[ports[i]].status.vcpu);
	}
	return IS(taken, low_ports);
}

/* The kernel's ports, and xenstore's and the console's, are as they were. */
static bool kernel_is_undisturbed(void)
{
	union ev_xen_arg now;
	bool ok = true;
	int i;

	for (i = 1; i < MAX_PORTS; i++) {
		if (kernels[i].status.status == EV_CLOSED)
			continue;
		now = status_of(i);
		if (!IS(memcmp(&now, &kernels[i], sizeof(now)), 0)) {
			ksft_print_msg("port %d: kind %u, was %u\n", i,
				       now.status.status, kernels[i].status.status);
			ok = false;
		}
	}
	return ok && kernel_works();
}

static bool set_is_lost(struct set *set)
{
	unsigned int ports[SET_PORTS];
	bool ok = true;
	int i;

	list_ports(set, ports);
	for (i = 0; i < SET_PORTS; i++)
		ok &= IS(ev_notify(set->fd, ports[i]), -ENOTCONN);
	return ok;
}

static bool notify_of_lost_port_is_enotconn(void)
{
	struct sleeper *s;
	bool ok = true;

	ok &= set_is_lost(&low);
	ok &= set_is_lost(&again);
	ok &= set_is_lost(&high);
	ok &= IS(ev_notify(high.fd, virq_port), -ENOTCONN);
	ok &= IS(ev_notify(high.fd, static_port), -ENOTCONN);
	ok &= IS(ev_notify(limited_fd, limited.a), -ENOTCONN);
	ok &= IS(ev_notify(overflow_fd, overflow.a), -ENOTCONN);
	for (s = sleepers; s < SLEEPERS_END; s++)
		ok &= IS(ev_notify(s->fd, s->pair.a), -ENOTCONN);
	return ok && kernel_is_undisturbed();
}

static bool events_from_before_are_read(void)
{
	return IS(ev_poll(high.fd), EV_POLL_EVENT) &&
	       IS(ev_take(high.fd), high.pending.b) &&
	       is_idle(high.fd) &&
	       IS(ev_poll(again.fd), EV_POLL_EVENT) &&
	       IS(ev_take(again.fd), again.pending.b) &&
	       is_idle(again.fd);
}

static bool write_of_lost_ports_is_counted_and_ignored(void)
{
	unsigned int ports[SET_PORTS];
	bool ok = true;

	list_ports(&high, ports);
	ok &= IS(ev_write(high.fd, ports, sizeof(ports)), sizeof(ports));
	ok &= IS(ev_enable(high.fd, high.folded.b), 4);
	ok &= IS(ev_enable(high.fd, static_port), 4);
	ok &= is_idle(high.fd);

	/* The kernel's ports now, and one of the events is still there. */
	list_ports(&low, ports);
	ok &= IS(ev_write(low.fd, ports, sizeof(ports)), sizeof(ports));
	ev_settle();
	ok &= IS(ev_poll(low.fd), EV_POLL_EVENT);
	return ok && kernel_is_undisturbed();
}

static bool sleepers_of_lost_ports_sleep_on(void)
{
	struct sleeper *s;
	bool ok = true;

	ev_settle();
	for (s = sleepers; s < SLEEPERS_END; s++)
		ok &= IS(is_asleep(s), true);
	return ok;
}

static bool overflow_stays_until_reset(void)
{
	unsigned int port;

	return IS(ev_poll(overflow_fd), POLLERR) &&
	       IS(ev_read(overflow_fd, &port, sizeof(port)), -EFBIG) &&
	       IS(ev_reset(overflow_fd), 0) &&
	       IS(ev_enable(overflow_fd, overflow.b), 4) &&
	       is_idle(overflow_fd);
}

static bool restricted_file_stays_restricted(void)
{
	return IS(ev_restrict(limited_fd, 2), -EACCES) &&
	       IS(ev_bind_unbound(limited_fd, EV_SELF), -EACCES) &&
	       IS(ev_bind_virq(limited_fd, VIRQ_XENOPROF), -EACCES) &&
	       IS(ev_bind_interdomain(limited_fd, EV_SELF, 1), -EACCES) &&
	       IS(ev_unbind(limited_fd, limited.a), 0) &&
	       IS(ev_unbind(limited_fd, limited.a), -ENOTCONN);
}

static bool unbind_of_lost_port_leaves_the_kernels(void)
{
	unsigned int ports[SET_PORTS];
	bool ok = true;
	int i;

	list_ports(&low, ports);
	for (i = 0; i < SET_PORTS; i++) {
		/* These two are left to close(). */
		if (ports[i] == low.quiet.a || ports[i] == low.masked.a)
			continue;
		ok &= IS(ev_unbind(low.fd, ports[i]), 0);
		ok &= IS(ev_unbind(low.fd, ports[i]), -ENOTCONN);
	}
	/* With its port goes an event, also a lost one's. */
	ok &= is_idle(low.fd);
	return ok && kernel_is_undisturbed();
}

/* Every so many of them, low and high ones, from @first on. */
static bool unbind_some_of_many(int first)
{
	int i, once, twice;
	bool ok = true;

	for (i = first; i < MANY_PORTS; i += 200) {
		once = ev_unbind(many_fd, many[i]);
		twice = ev_unbind(many_fd, many[i]);
		/* Then it is an unknown number, or one that the file has not. */
		if (many[i] >= FIRST_PAGE && twice == -EINVAL)
			twice = -ENOTCONN;
		if (IS(once, 0) && IS(twice, -ENOTCONN))
			continue;
		ksft_print_msg("port %u\n", many[i]);
		ok = false;
	}
	return ok;
}

/* As its number is no longer one that the kernel knows. */
static bool unbind_of_lost_port_is_0_whatever_its_number(void)
{
	return unbind_some_of_many(0) && unbind_some_of_many(MANY_PORTS - 1);
}

static bool close_of_lost_port_leaves_the_kernels(void)
{
	return IS(is_kernels(low.quiet.a) + is_kernels(low.masked.a), 2) &&
	       IS(close(low.fd), 0) && kernel_is_undisturbed();
}

/* Binds the lowest free ports so that @port is the next one. */
static bool fill_up_to(int fd, unsigned int port)
{
	int i;

	for (i = 0; i < MAX_PORTS && ev_next_port() < (int)port; i++) {
		if (!IS(ev_bind_unbound(fd, EV_SELF) > 0, 1))
			return false;
	}
	return IS(ev_next_port(), port);
}

/* A number that a file has lost and got again is the new port's. */
static bool lost_number_is_bound_again_by_its_file(void)
{
	struct ev_pair pair;

	return fill_up_to(again.fd, again.quiet.a) &&
	       open_pair(again.fd, &pair) &&
	       IS(pair.a, again.quiet.a) &&
	       IS(pair.b, again.quiet.b) &&
	       IS(ev_ping(again.fd, again.fd, &pair), 0) &&
	       IS(ev_unbind(again.fd, pair.b), 0) &&
	       IS(ev_notify(again.fd, pair.b), -ENOTCONN) &&
	       IS(status_of(pair.b).status.status, EV_CLOSED) &&
	       /* And now the lost one. */
	       IS(ev_unbind(again.fd, pair.b), 0) &&
	       IS(ev_unbind(again.fd, pair.b), -ENOTCONN) &&
	       /* The lost one of the other number is left to close(). */
	       IS(ev_unbind(again.fd, pair.a), 0) &&
	       IS(status_of(pair.a).status.status, EV_CLOSED) &&
	       is_idle(again.fd);
}

static bool virq_is_bound_again_by_its_file(void)
{
	int port = ev_bind_virq(high.fd, VIRQ_XENOPROF);

	return IS(port > 0, 1) && IS(ev_unbind(high.fd, port), 0);
}

static bool lost_number_is_bound_by_another_file(void)
{
	fresh_fd = ev_open(O_CLOEXEC | O_NONBLOCK);
	return fill_up_to(fresh_fd, high.quiet.a) &&
	       open_pair(fresh_fd, &fresh) &&
	       IS(fresh.a, high.quiet.a) && IS(fresh.b, high.quiet.b) &&
	       IS(ev_ping(fresh_fd, fresh_fd, &fresh), 0);
}

static bool file_that_lost_a_number_cannot_use_it(void)
{
	return IS(ev_notify(high.fd, fresh.a), -ENOTCONN) &&
	       is_idle(fresh_fd) &&
	       /* Nor enable it for its owner. */
	       IS(ev_notify(fresh_fd, fresh.a), 0) &&
	       IS(ev_take(fresh_fd), fresh.b) &&
	       IS(ev_notify_settled(fresh_fd, fresh.a), 0) &&
	       IS(ev_enable(high.fd, fresh.b), 4) &&
	       is_idle(fresh_fd) && is_idle(high.fd) &&
	       IS(ev_enable(fresh_fd, fresh.b), 4) &&
	       IS(ev_take(fresh_fd), fresh.b) &&
	       IS(ev_enable(fresh_fd, fresh.b), 4);
}

static bool unbind_of_lost_port_leaves_its_next_owner(void)
{
	return IS(ev_unbind(high.fd, fresh.a), 0) &&
	       IS(ev_unbind(high.fd, fresh.a), -ENOTCONN) &&
	       IS(ev_ping(fresh_fd, fresh_fd, &fresh), 0) &&
	       IS(ev_unbind(high.fd, static_port), 0) &&
	       IS(ev_unbind(high.fd, static_port), -ENOTCONN);
}

static bool close_of_lost_port_leaves_its_next_owner(void)
{
	return IS(close(high.fd), 0) &&
	       IS(ev_ping(fresh_fd, fresh_fd, &fresh), 0) &&
	       IS(ev_unbind(fresh_fd, fresh.b), 0) &&
	       IS(ev_unbind(fresh_fd, fresh.b), -ENOTCONN);
}

static bool sleepers_are_woken_by_new_ports(void)
{
	struct sleeper *s;
	bool ok = true;
	int a, b;

	for (s = sleepers; s < SLEEPERS_END; s++) {
		a = ev_bind_unbound(s->fd, EV_SELF);
		ok &= IS(a > 0, 1);
		/* Which has an event at once. */
		b = ev_bind_interdomain(s->fd, EV_SELF, a);
		ok &= IS(b > 0, 1) && is_woken(s, b);
		s->pair.a = a;
		s->pair.b = b;
		ok &= IS(ev_enable(s->fd, b), 4);
		ok &= IS(ev_ping(s->fd, s->fd, &s->pair), 0);
	}
	return ok;
}

/*
 * A program that knows nothing of it binds anew, and keeps the file: after many
 * restores it would have nothing but lost ports.
 */
static bool lost_ports_have_no_irqs_once_their_file_binds(void)
{
	return IS(ev_bind_unbound(many_fd, EV_SELF) > 0, 1) &&
	       IS(count_irqs(MANY_NAME), 1);
}

static bool unbind_of_lost_port_is_0_also_after_a_bind(void)
{
	return unbind_some_of_many(100);
}

static bool ring_has_no_room_for_lost_ports(void)
{
	bool ok = true;
	int i;

	for (i = 1; i < MANY_PORTS && ok; i++)
		ok &= IS(ev_bind_unbound(many_fd, EV_SELF) > 0, 1);
	ok &= IS(ring_size(many_fd), many_size);
	ok &= IS(close(many_fd), 0);
	return ok && IS(count_irqs(MANY_NAME), 0);
}

/* The page's notification was for the port that the number was lost by. */
static bool unmapping_leaves_the_ports_next_owner(void)
{
	struct ev_pair pair;
	int fd = ev_open(O_CLOEXEC | O_NONBLOCK);
	bool ok;

	ok = fill_up_to(fd, told.a) && open_pair(fd, &pair) &&
	     IS(pair.a, told.a) && IS(pair.b, told.b) &&
	     IS(ev_ping(fd, fd, &pair), 0) &&
	     IS(ev_unbind(told_fd, told.a), 0) &&
	     IS(ev_ping(fd, fd, &pair), 0) &&
	     close_grant(&outlives);
	ok = ok && is_idle(fd);
	ok &= IS(status_of(told.a).status.status, EV_INTERDOMAIN);
	return ok && IS(ev_ping(fd, fd, &pair), 0) &&
	       IS(close(told_fd), 0) &&
	       IS(ev_ping(fd, fd, &pair), 0) &&
	       IS(ev_unbind(fd, pair.a), 0) &&
	       IS(status_of(pair.a).status.status, EV_CLOSED) &&
	       IS(close(fd), 0);
}

static bool every_file_closes(void)
{
	struct sleeper *s;
	bool ok = true;

	for (s = sleepers; s < SLEEPERS_END; s++)
		ok &= IS(close(s->fd), 0);
	ok &= IS(close(again.fd), 0);
	ok &= IS(close(limited_fd), 0);
	ok &= IS(close(overflow_fd), 0);
	ok &= IS(close(fresh_fd), 0);
	ok &= IS(ev_ping_fresh(), 0);
	return ok && kernel_is_undisturbed();
}

static bool kernel_log_is_clean(void)
{
	static char record[EV_LOG_RECORD];
	int ret = ev_log_trouble(log_fd, record);

	if (ret == 1)
		ksft_print_msg("kernel log: %.200s\n", record);
	return IS(ret, 0);
}

#define CLAIM(name)	{ #name, name }

static const struct {
	const char *name;
	bool (*holds)(void);
} claims[] = {
	CLAIM(files_are_bound),
	CLAIM(unmapping_is_notified),
	CLAIM(nothing_is_lost_by_a_cancelled_suspend),
	CLAIM(domain_is_restored),
	CLAIM(kernel_has_numbers_of_lost_ports),
	CLAIM(notify_of_lost_port_is_enotconn),
	CLAIM(events_from_before_are_read),
	CLAIM(write_of_lost_ports_is_counted_and_ignored),
	CLAIM(sleepers_of_lost_ports_sleep_on),
	CLAIM(overflow_stays_until_reset),
	CLAIM(restricted_file_stays_restricted),
	CLAIM(unbind_of_lost_port_leaves_the_kernels),
	CLAIM(unbind_of_lost_port_is_0_whatever_its_number),
	CLAIM(close_of_lost_port_leaves_the_kernels),
	CLAIM(lost_number_is_bound_again_by_its_file),
	CLAIM(virq_is_bound_again_by_its_file),
	CLAIM(lost_number_is_bound_by_another_file),
	CLAIM(file_that_lost_a_number_cannot_use_it),
	CLAIM(unbind_of_lost_port_leaves_its_next_owner),
	CLAIM(close_of_lost_port_leaves_its_next_owner),
	CLAIM(sleepers_are_woken_by_new_ports),
	CLAIM(lost_ports_have_no_irqs_once_their_file_binds),
	CLAIM(unbind_of_lost_port_is_0_also_after_a_bind),
	CLAIM(ring_has_no_room_for_lost_ports),
	CLAIM(unmapping_leaves_the_ports_next_owner),
	CLAIM(every_file_closes),
	CLAIM(kernel_log_is_clean),
};

/* Ends the program as skipped where it cannot run, with what is missing. */
static void require_domu(void)
{
	const char *missing;
	struct termios mode;
	char id[8];
	int fd;

	/* dom0 has no console in xenstore. Only it has this word. */
	fd = open("/proc/xen/capabilities", O_RDONLY | O_CLOEXEC);
	if (fd >= 0 && read(fd, id, sizeof(id)) > 0)
		ksft_exit_skip("in dom0, which cannot be saved\n");
	close(fd);

	console_fd = open(CONSOLE, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (console_fd < 0 || tcgetattr(console_fd, &mode))
		ksft_exit_skip("no " CONSOLE ", the domain's console\n");
	mode.c_lflag &= ~ECHO;
	tcsetattr(console_fd, TCSANOW, &mode);

	if (access(GNTALLOC, R_OK | W_OK))
		ksft_exit_skip("no " GNTALLOC " (CONFIG_XEN_GRANT_DEV_ALLOC)\n");
	if (access(CPU1_ONLINE, W_OK))
		ksft_exit_skip("no " CPU1_ONLINE ": needs a second vCPU\n");

	missing = ev_xen_open();
	if (missing)
		ksft_exit_skip("%s; xen_privcmd.unrestricted=1 allows them\n", missing);
}

int main(void)
{
	size_t i;

	ev_require_device();
	ksft_print_header();
	require_domu();
	ksft_set_plan(ARRAY_SIZE(claims));
	/* Hypercalls do not fault memory in. */
	if (mlockall(MCL_CURRENT | MCL_FUTURE))
		ksft_exit_fail_msg("mlockall: %s\n", strerror(errno));
	log_fd = ev_log_open();
	if (log_fd < 0)
		ksft_exit_fail_msg("/dev/kmsg: %s\n", strerror(-log_fd));

	for (i = 0; i < ARRAY_SIZE(claims); i++)
		ksft_test_result(claims[i].holds(), "restore.%s\n",
				 claims[i].name);

	ksft_finished();
}
