// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * /dev/xen/evtchn over a save and restore of the domain (or a migration), after
 * which Xen has none of the ports that were bound.
 *
 * It runs in a PV domU with two vCPUs and asks the starter of the domain for
 *
 *	@checkpoint N	xl save -c: the suspend is cancelled, nothing is lost
 *	@restore N	xl save, xl restore
 *
 * on the domain's console, where it waits for the answer "done N". One process
 * holds all files throughout, so it does not use the harness. Nobody else binds
 * ports in the domain, and Xen always takes the lowest free number.
 */
#define EV_NO_HARNESS
#include <sys/prctl.h>
#include <termios.h>

#include <xen/gntalloc.h>

#include "ev_features.h"

#define CONSOLE		"/dev/hvc0"
#define CPU1_ONLINE	"/sys/devices/system/cpu/cpu1/online"
/* Pages that another domain may map, and a notification when one is unmapped. */
#define GNTALLOC	"/dev/xen/gntalloc"

/* A save and restore takes a second or two, but longer on a slow machine. */
#define ANSWER_S	250
/* A VIRQ of vCPU 0 that Linux does not use, and any domain may bind. */
#define VIRQ_XENOPROF	7
/* The domain has no more ports, except those of the file with many. */
#define MAX_PORTS	128
/*
 * So many that some have numbers for which Xen's first page of events is too
 * small. Until they are bound again, the kernel takes such numbers for invalid.
 */
#define MANY_PORTS	1500
#define FIRST_PAGE	1024
#define PAGE		sysconf(_SC_PAGESIZE)
#define MANY_IRQS	"evtchn:many"

static FILE *console;

/* Comparisons that report the expression and the wrong value. */
static bool is_value(const char *what, int line, long got, long want)
{
	if (got != want)
		ksft_print_msg("line %d: %s is %ld, not %ld\n", line, what, got, want);
	return got == want;
}

#define IS(got, want)	is_value(#got, __LINE__, got, want)

/* Only the kernel has ports of these kinds, except for VIRQ_XENOPROF. */
static bool is_kernels(unsigned int port)
{
	return ev_xen_status(port) == EV_IPI || ev_xen_status(port) == EV_VIRQ;
}

static union ev_xen_arg kernels[MAX_PORTS];

/* The ports of the kernel, xenstore and the console are unchanged, and work. */
static bool kernel_is_undisturbed(void)
{
	union ev_xen_arg now;
	bool same = true;
	int i;

	for (i = 1; i < MAX_PORTS; i++) {
		ev_xen_query(i, &now);
		if (kernels[i].status.status != EV_CLOSED)
			same &= IS(memcmp(&now, &kernels[i], sizeof(now)) ? i : 0, 0);
	}
	/* A timer on each CPU, and calls from one to the other. */
	for (i = 0; i < 2; i++) {
		ev_settle();
		same &= IS(usleep(5000), 0);
	}
	return same;
}

/* Nothing to read, after all sent events were handled. */
static bool is_idle(int fd)
{
	unsigned int port;

	ev_settle();
	return IS(ev_poll(fd), EV_POLL_IDLE) && IS(ev_read(fd, &port, sizeof(port)), -EAGAIN);
}

/* A file with a pair of ports, or one in every state. */
struct file {
	int fd;
	struct ev_pair pair;
};

struct set {
	int fd;
	union {
		struct {
			struct ev_pair quiet;	/* enabled */
			struct ev_pair masked;	/* b's event read, b not written */
			struct ev_pair pending;	/* b's event is in the ring */
		};
		struct ev_pair pairs[3];
		unsigned int ports[6];
	};
};

static bool open_file(struct file *file, int flags)
{
	file->fd = ev_open(O_CLOEXEC | flags);
	return IS(ev_connect(file->fd, file->fd, &file->pair), 0);
}

static bool answers(const struct file *file)
{
	return IS(ev_ping(file->fd, file->fd, &file->pair), 0);
}

/* Brings enabled pairs into these states; the masked one has a second event. */
static bool arrange(const struct set *set)
{
	int fd = set->fd;

	return IS(ev_notify(fd, set->masked.a), 0) && IS(ev_take(fd), set->masked.b) &&
	       IS(ev_notify_settled(fd, set->masked.a), 0) && is_idle(fd) &&
	       IS(ev_notify_settled(fd, set->pending.a), 0) && IS(ev_poll(fd), EV_POLL_EVENT);
}

static bool open_set(struct set *set)
{
	set->fd = ev_open(O_CLOEXEC | O_NONBLOCK);
	return IS(ev_connect_many(set->fd, set->pairs, ARRAY_SIZE(set->pairs)), 0);
}

/* The set is as arrange() left it. Enables all pairs. */
static bool is_arranged(const struct set *set)
{
	int fd = set->fd;

	return IS(ev_take(fd), set->pending.b) && is_idle(fd) &&
	       IS(ev_enable(fd, set->pending.b), 4) && is_idle(fd) &&
	       IS(ev_enable(fd, set->masked.b), 4) && IS(ev_take(fd), set->masked.b) &&
	       IS(ev_enable(fd, set->masked.b), 4) && is_idle(fd) &&
	       IS(ev_ping(fd, fd, &set->quiet) ?: ev_ping(fd, fd, &set->masked) ?:
		  ev_ping(fd, fd, &set->pending), 0);
}

static struct set low;				/* has numbers that the kernel gets */
static struct set high;				/* has numbers that another file gets */
static struct file again;			/* binds its lost numbers again */
static int low_ports;				/* how many of low's numbers CPU 1 had */
static unsigned int virq_port, static_port;	/* high's */
static struct file limited, fresh, told;	/* a: an unmap notification */
static int many_fd, many[MANY_PORTS];

/* A thread that sleeps in read(). */
static struct file waiting;
static struct ev_sleeper sleeper;

static bool start_sleeper(void)
{
	return IS(ev_sleeper_start(&sleeper, waiting.fd, 0), 0);
}

/* Whether an event of the second port wakes it; enables the port again. */
static bool is_woken(void)
{
	int ms;

	for (ms = 0; ms < EV_GUARD_MS && !sleeper.done; ms++)
		usleep(1000);
	return IS(sleeper.done, true) && IS(sleeper.ret, 4) &&
	       IS(sleeper.port, waiting.pair.b) && IS(ev_enable(waiting.fd, waiting.pair.b), 4);
}

static bool open_many(void)
{
	int i;

	/* Its irq actions are named after the task that opened the file. */
	prctl(PR_SET_NAME, strchr(MANY_IRQS, ':') + 1);
	many_fd = ev_open(O_CLOEXEC | O_NONBLOCK);
	prctl(PR_SET_NAME, "restore");
	for (i = 0; i < MANY_PORTS; i++) {
		many[i] = ev_bind_unbound(many_fd, EV_SELF);
		if (!IS(many[i] > 0, 1))
			return false;
	}
	return IS(many[MANY_PORTS - 1] > FIRST_PAGE, 1) &&
	       IS(ev_count_irqs(MANY_IRQS), MANY_PORTS);
}

/* A page that dom0 may map. Unmapping it sends an event to told.pair.b. */
static int grant_fd;
static void *granted;

static bool open_grant(void)
{
	struct ioctl_gntalloc_alloc_gref alloc = { .domid = 0, .count = 1 };
	struct ioctl_gntalloc_unmap_notify notify = {
		.action = UNMAP_NOTIFY_SEND_EVENT,
		.event_channel_port = told.pair.a,
	};

	grant_fd = open(GNTALLOC, O_RDWR | O_CLOEXEC);
	if (!IS(ev_ioctl(grant_fd, IOCTL_GNTALLOC_ALLOC_GREF, &alloc), 0))
		return false;
	granted = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, grant_fd, alloc.index);
	notify.index = alloc.index;
	return IS(granted == MAP_FAILED, 0) &&
	       IS(ev_ioctl(grant_fd, IOCTL_GNTALLOC_SET_UNMAP_NOTIFY, &notify), 0);
}

static bool close_grant(void)
{
	return IS(munmap(granted, PAGE), 0) && IS(close(grant_fd), 0);
}

/* A write to notify_fd is an event of the second port, and is read from event_fd. */
static struct file tied;
static int notify_fd, event_fd;
static bool has_features;

static bool open_tied(void)
{
	if (!open_file(&tied, O_NONBLOCK))
		return false;
	has_features = has_eventfds(tied.fd);
	notify_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return !has_features ||
	       (IS(set_notifyfd(tied.fd, tied.pair.a, notify_fd), 0) &&
		IS(set_eventfd(tied.fd, tied.pair.b, event_fd, READ_ENABLES), 0));
}

/* @n times in turn, an event is sent and taken by eventfds. */
static bool passes_on(int times)
{
	bool passes = true;

	for (; passes && times; times--)
		passes = IS(put(notify_fd, 1), 0) && IS(taken(notify_fd), -EAGAIN) &&
			 IS(taken(event_fd), 1) && IS(taken(event_fd), -EAGAIN);
	return passes;
}

/* The number after a word in fdinfo; 0 without the word. */
static int told_of(int fd, const char *word)
{
	char path[40], text[16384], *at;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	if (ev_read_file(path, text, sizeof(text)))
		return -EIO;
	at = strstr(text, word);
	return at ? atoi(at + strlen(word)) : 0;
}

/* Whether the present claim holds. */
static bool ok;

static void files_are_bound(void)
{
	bool had[MAX_PORTS];
	int i;

	/* CPU 1 gets its numbers again after a restore, but low has them until then. */
	for (i = 1; i < MAX_PORTS; i++)
		had[i] = is_kernels(i);
	ok &= IS(ev_write_file(CPU1_ONLINE, "0"), 0) && open_set(&low);
	for (i = 0; i < ARRAY_SIZE(low.ports); i++)
		low_ports += low.ports[i] < MAX_PORTS && had[low.ports[i]];
	ok &= IS(ev_write_file(CPU1_ONLINE, "1"), 0);
	ok &= IS(low_ports > 0, 1) && open_file(&again, O_NONBLOCK) && open_set(&high) &&
	      arrange(&low) && arrange(&high);

	virq_port = ev_bind_virq(high.fd, VIRQ_XENOPROF);
	/* A port without a file, like a static one that the toolstack made. */
	static_port = ev_xen_alloc_unbound(EV_SELF);
	ok &= IS((int)virq_port > 0, 1) && IS(ev_bind_static(high.fd, static_port), 0);
	ok &= open_file(&limited, O_NONBLOCK) && IS(ev_restrict(limited.fd, 1), 0);
	ok &= open_file(&waiting, 0) && start_sleeper();
	/* What a restore must not do to the port's next owner. */
	ok &= open_file(&told, O_NONBLOCK) && open_grant() && close_grant() &&
	      IS(ev_take(told.fd), told.pair.b) &&
	      IS(ev_enable(told.fd, told.pair.b), 4) && open_grant();
	ok &= open_tied();
	/* They have the highest numbers, so that the others need no more room. */
	ok &= open_many();
}

/* Asks for @what on the console, and waits until it was done. */
static void ask_for(const char *what)
{
	char line[256], answer[32];
	static int number;

	dprintf(fileno(console), "\n@%s %d\n", what, ++number);
	snprintf(answer, sizeof(answer), "done %d\n", number);
	/* Ends the program if there is no answer. */
	alarm(ANSWER_S);
	while (fgets(line, sizeof(line), console)) {
		if (!strcmp(line, answer)) {
			alarm(0);
			return;
		}
	}
	ksft_exit_fail_msg("no answer to \"%s\" on " CONSOLE "\n", what);
}

static void nothing_is_lost_by_a_cancelled_suspend(void)
{
	ask_for("checkpoint");
	ok &= is_arranged(&low) && is_arranged(&high) && answers(&again) &&
	      answers(&limited) && answers(&told) &&
	      IS(ev_notify(high.fd, virq_port), 0) &&
	      IS(ev_notify(high.fd, static_port), 0) &&
	      IS(ev_notify(many_fd, many[MANY_PORTS - 1]), 0) &&
	      IS(sleeper.done, false) && IS(ev_notify(waiting.fd, waiting.pair.a), 0) &&
	      is_woken() && (!has_features || passes_on(3));
}

static void restore_gives_numbers_of_lost_ports_to_the_kernel(void)
{
	int i, taken = 0;

	ok &= arrange(&low) && arrange(&high) && start_sleeper();
	/* The port of event_fd is masked, with an event that waits for its read. */
	ok &= !has_features || (IS(put(notify_fd, 1), 0) && IS(put(notify_fd, 1), 0));
	ask_for("restore");

	for (i = 1; i < MAX_PORTS; i++)
		ev_xen_query(i, &kernels[i]);
	for (i = 0; i < ARRAY_SIZE(low.ports); i++)
		taken += is_kernels(low.ports[i]);
	ok &= IS(taken, low_ports);
}

static void notify_of_lost_port_is_enotconn(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(low.ports); i++)
		ok &= IS(ev_notify(low.fd, low.ports[i]), -ENOTCONN) &&
		      IS(ev_notify(high.fd, high.ports[i]), -ENOTCONN);
	ok &= IS(ev_notify(high.fd, virq_port), -ENOTCONN) &&
	      IS(ev_notify(high.fd, static_port), -ENOTCONN) &&
	      IS(ev_notify(waiting.fd, waiting.pair.a), -ENOTCONN);
}

static void events_from_before_are_read_and_written_to_no_avail(void)
{
	ok &= IS(ev_take(high.fd), high.pending.b) && is_idle(high.fd) &&
	      IS(ev_write(high.fd, high.ports, sizeof(high.ports)), sizeof(high.ports)) &&
	      IS(ev_enable(high.fd, static_port), 4) && is_idle(high.fd);
	/* The kernel has the numbers now; one of the events is still there. */
	ok &= IS(ev_write(low.fd, low.ports, sizeof(low.ports)), sizeof(low.ports));
	ev_settle();
	ok &= IS(ev_poll(low.fd), EV_POLL_EVENT);
}

static bool is_closed(int fd, unsigned int port)
{
	struct ioctl_evtchn_status is;

	return IS(status_of(fd, port, &is), 0) && IS(is.port, port) &&
	       IS(is.status, EVTCHN_STATUS_CLOSED) && IS(is.remote_domain, 0) &&
	       IS(is.remote_port, 0) && IS(is.flags, 0) && IS(is.irq, 0);
}

/* The numbers are the kernel's by now, or free. */
static void status_of_lost_port_is_closed(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(low.ports); i++)
		ok &= is_closed(low.fd, low.ports[i]) && is_closed(high.fd, high.ports[i]);
	ok &= is_closed(high.fd, virq_port) && is_closed(high.fd, static_port) &&
	      is_closed(tied.fd, tied.pair.a) && is_closed(tied.fd, tied.pair.b);
}

static void fdinfo_counts_lost_ports(void)
{
	ok &= IS(told_of(low.fd, "evtchn-lost:"), ARRAY_SIZE(low.ports)) &&
	      IS(told_of(many_fd, "evtchn-lost:"), MANY_PORTS) &&
	      IS(told_of(tied.fd, "evtchn-lost:"), 2) &&
	      IS(told_of(tied.fd, "evtchn-port:"), 0);
}

/* The event from before stays in event_fd. */
static void eventfds_of_lost_port_are_set_no_more(void)
{
	ok &= IS(set_eventfd(tied.fd, tied.pair.b, -1, 0), -ENOTCONN) &&
	      IS(set_notifyfd(tied.fd, tied.pair.a, -1), -ENOTCONN) &&
	      is_idle(tied.fd) && IS(put(notify_fd, 3), 0) &&
	      IS(taken(notify_fd), -EAGAIN) && is_idle(tied.fd);
}

static void sleeper_and_restriction_stay(void)
{
	ev_settle();
	ok &= IS(sleeper.done, false) && IS(ev_restrict(limited.fd, 2), -EACCES) &&
	      IS(ev_bind_unbound(limited.fd, EV_SELF), -EACCES) &&
	      IS(ev_unbind(limited.fd, limited.pair.a), 0) &&
	      IS(ev_unbind(limited.fd, limited.pair.a), -ENOTCONN);
}

/* Every 200th of them, low and high ones, from @first on. */
static void unbind_some_of_many(int first)
{
	int i, ret;

	for (i = first; i < MANY_PORTS; i += 200) {
		ok &= IS(ev_unbind(many_fd, many[i]), 0);
		ret = ev_unbind(many_fd, many[i]);
		/* The file has no such port now, or the number is unknown. */
		ok &= IS(ret, many[i] >= FIRST_PAGE && ret == -EINVAL ? ret : -ENOTCONN);
	}
}

static void unbind_and_close_of_lost_port_leave_the_kernels(void)
{
	int i;

	/* The first pair is left to close(). */
	for (i = 2; i < ARRAY_SIZE(low.ports); i++)
		ok &= IS(ev_unbind(low.fd, low.ports[i]), 0) &&
		      IS(ev_unbind(low.fd, low.ports[i]), -ENOTCONN);
	/* UNBIND also removes the port's event, even that of a lost port. */
	ok &= is_idle(low.fd) && kernel_is_undisturbed() &&
	      IS(is_kernels(low.quiet.a) + is_kernels(low.quiet.b), 2) &&
	      IS(close(low.fd), 0);
	unbind_some_of_many(0);
}

/* Binds the lowest free ports, until @pair is what the next two were before. */
static bool bind_lost_numbers(struct file *file, const struct ev_pair *pair)
{
	int i, next = 0;

	for (i = 0; i < MAX_PORTS; i++) {
		next = ev_xen_alloc_unbound(EV_SELF);
		ev_xen_close(next);
		if (next >= (int)pair->a || !IS(ev_bind_unbound(file->fd, EV_SELF) > 0, 1))
			break;
	}
	return IS(ev_connect(file->fd, file->fd, &file->pair), 0) &&
	       IS(file->pair.a, pair->a) && IS(file->pair.b, pair->b) && answers(file);
}

/* A number that a file has lost and got again means the new port. */
static void lost_number_is_bound_again_by_its_file(void)
{
	struct file file = { .fd = again.fd };

	ok = bind_lost_numbers(&file, &again.pair) &&
	     IS(ev_unbind(file.fd, file.pair.b), 0) &&
	     IS(ev_notify(file.fd, file.pair.b), -ENOTCONN) &&
	     IS(ev_xen_status(file.pair.b), EV_CLOSED) &&
	     /* And now the lost one. */
	     IS(ev_unbind(file.fd, file.pair.b), 0) &&
	     IS(ev_unbind(file.fd, file.pair.b), -ENOTCONN) &&
	     /* The other lost port is left to close(). */
	     IS(ev_unbind(file.fd, file.pair.a), 0) &&
	     IS(ev_xen_status(file.pair.a), EV_CLOSED) && is_idle(file.fd);
}

static void lost_number_of_another_file_is_that_files(void)
{
	unsigned int a = high.quiet.a, b = high.quiet.b;

	fresh.fd = ev_open(O_CLOEXEC | O_NONBLOCK);
	ok = bind_lost_numbers(&fresh, &high.quiet) &&
	     IS(ev_notify(high.fd, a), -ENOTCONN) &&
	     /* The file that lost the port cannot enable it for its owner. */
	     IS(ev_notify(fresh.fd, a), 0) && IS(ev_take(fresh.fd), b) &&
	     IS(ev_notify_settled(fresh.fd, a), 0) && IS(ev_enable(high.fd, b), 4) &&
	     is_idle(fresh.fd) && IS(ev_enable(fresh.fd, b), 4) &&
	     IS(ev_take(fresh.fd), b) && IS(ev_enable(fresh.fd, b), 4) &&
	     IS(ev_unbind(high.fd, a), 0) && IS(ev_unbind(high.fd, a), -ENOTCONN) &&
	     IS(ev_unbind(high.fd, static_port), 0) && answers(&fresh) &&
	     /* b is still lost. */
	     IS(close(high.fd), 0) && answers(&fresh);
}

static void sleeper_is_woken_by_a_new_port(void)
{
	waiting.pair.a = ev_bind_unbound(waiting.fd, EV_SELF);
	/* The new port has an event at once. */
	waiting.pair.b = ev_bind_interdomain(waiting.fd, EV_SELF, waiting.pair.a);
	ok &= IS((int)waiting.pair.b > 0, 1) && is_woken() && answers(&waiting);
}

/*
 * A program that only binds again, and keeps the file, must not collect irqs of
 * lost ports over many restores.
 */
static void lost_ports_have_no_irqs_once_their_file_binds(void)
{
	ok &= IS(ev_bind_virq(many_fd, VIRQ_XENOPROF) > 0, 1) && IS(ev_count_irqs(MANY_IRQS), 1);
	unbind_some_of_many(100);
	ok &= IS(close(many_fd), 0) && IS(ev_count_irqs(MANY_IRQS), 0);
}

/* A write to the eventfd sends nothing, and a read enables nothing. */
static void eventfds_of_lost_port_leave_its_next_owner(void)
{
	struct file next = { .fd = ev_open(O_CLOEXEC | O_NONBLOCK) };

	ok = bind_lost_numbers(&next, &tied.pair) &&
	     IS(put(notify_fd, 1), 0) && IS(taken(notify_fd), -EAGAIN) &&
	     is_idle(next.fd) && answers(&next) &&
	     /* An event waits for its owner to enable b. */
	     IS(ev_notify(next.fd, next.pair.a), 0) &&
	     IS(ev_take(next.fd), next.pair.b) &&
	     IS(ev_notify_settled(next.fd, next.pair.a), 0) &&
	     /* The event from before the restore. */
	     IS(taken(event_fd), 1) && IS(taken(event_fd), -EAGAIN) && is_idle(next.fd) &&
	     IS(ev_enable(next.fd, next.pair.b), 4) && IS(ev_take(next.fd), next.pair.b) &&
	     IS(ev_enable(next.fd, next.pair.b), 4) &&
	     /* And after the lost port is unbound. */
	     is_closed(tied.fd, tied.pair.a) && IS(ev_unbind(tied.fd, tied.pair.a), 0) &&
	     IS(ev_unbind(tied.fd, tied.pair.a), -ENOTCONN) &&
	     IS(told_of(tied.fd, "evtchn-lost:"), 1) &&
	     IS(put(notify_fd, 2), 0) && IS(taken(notify_fd), 2) && is_idle(next.fd) &&
	     IS(close(tied.fd), 0) && IS(put(event_fd, 1), 0) && IS(taken(event_fd), 1) &&
	     answers(&next) && IS(close(next.fd), 0);
}

/* The page's notification was for the lost port that had this number. */
static void unmapping_leaves_the_ports_next_owner(void)
{
	struct file next = { .fd = ev_open(O_CLOEXEC | O_NONBLOCK) };

	ok = bind_lost_numbers(&next, &told.pair) && IS(ev_unbind(told.fd, told.pair.a), 0) &&
	     close_grant() && is_idle(next.fd) && answers(&next) &&
	     IS(close(told.fd), 0) && answers(&next) && IS(close(next.fd), 0) &&
	     IS(ev_xen_status(next.pair.a), EV_CLOSED);
}

static void every_file_closes_and_the_log_is_clean(void)
{
	static char record[EV_LOG_RECORD];

	ok &= IS(close(waiting.fd), 0) && IS(close(again.fd), 0) &&
	      IS(close(limited.fd), 0) && IS(close(fresh.fd), 0);
	ok &= IS(ev_ping_fresh(), 0);
	ok &= IS(ev_log_trouble(record), 0);
	if (record[0])
		ksft_print_msg("%.200s\n", record);
}

#define CLAIM(name)	{ #name, name }
#define IF_FEATURES(name) { #name, name, true }

static const struct {
	const char *name;
	void (*look)(void);
	bool features;		/* it needs commands that FEATURES reports */
} claims[] = {
	CLAIM(files_are_bound),
	CLAIM(nothing_is_lost_by_a_cancelled_suspend),
	CLAIM(restore_gives_numbers_of_lost_ports_to_the_kernel),
	CLAIM(notify_of_lost_port_is_enotconn),
	CLAIM(events_from_before_are_read_and_written_to_no_avail),
	IF_FEATURES(status_of_lost_port_is_closed),
	IF_FEATURES(fdinfo_counts_lost_ports),
	IF_FEATURES(eventfds_of_lost_port_are_set_no_more),
	CLAIM(sleeper_and_restriction_stay),
	CLAIM(unbind_and_close_of_lost_port_leave_the_kernels),
	CLAIM(lost_number_is_bound_again_by_its_file),
	CLAIM(lost_number_of_another_file_is_that_files),
	CLAIM(sleeper_is_woken_by_a_new_port),
	CLAIM(lost_ports_have_no_irqs_once_their_file_binds),
	CLAIM(unmapping_leaves_the_ports_next_owner),
	IF_FEATURES(eventfds_of_lost_port_leave_its_next_owner),
	CLAIM(every_file_closes_and_the_log_is_clean),
};

int main(void)
{
	char dom0s[64] = "";
	struct termios mode;
	int i;

	ksft_print_header();
	if (!ev_read_file("/proc/xen/capabilities", dom0s, sizeof(dom0s)) && dom0s[0])
		ksft_exit_skip("in dom0, which cannot be saved\n");
	console = fopen(CONSOLE, "r+e");
	if (!console || tcgetattr(fileno(console), &mode))
		ksft_exit_skip("no " CONSOLE ", the domain's console\n");
	if (access(GNTALLOC, R_OK | W_OK) || access(CPU1_ONLINE, W_OK))
		ksft_exit_skip("no " GNTALLOC ", or no " CPU1_ONLINE "\n");
	if (ev_xen_missing)
		ksft_exit_skip("%s (xen_privcmd.unrestricted=1)\n", ev_xen_missing);
	mode.c_lflag &= ~ECHO;
	tcsetattr(fileno(console), TCSANOW, &mode);
	ksft_set_plan(ARRAY_SIZE(claims));
	for (i = 0; i < ARRAY_SIZE(claims); i++) {
		if (claims[i].features && !has_features) {
			ksft_test_result_skip("restore.%s no IOCTL_EVTCHN_FEATURES\n",
					      claims[i].name);
			continue;
		}
		ok = true;
		claims[i].look();
		ok &= kernel_is_undisturbed();
		ksft_test_result(ok, "restore.%s\n", claims[i].name);
	}
	ksft_finished();
}
