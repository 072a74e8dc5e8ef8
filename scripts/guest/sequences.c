// SPDX-License-Identifier: GPL-2.0-only
/*
 * sequences COUNT SEED... [NAME...]: makes COUNT random operations of
 * /dev/xen/evtchn from each SEED and prints a line for each operation, so that
 * two drivers can be compared line by line. On one vCPU an event has been
 * handled when the hypercall that sent it returns, so the lines depend on the
 * seed and the driver alone. Ports are counted from the first one that was free
 * at the start, p0; a SIGIO is told with the operation that caused it.
 *
 * What follows differs between mainline's driver and ours. No random sequence
 * comes to it; each NAME (or "all") is a short sequence that does.
 *  - BIND_STATIC of a port that is free, impossible, the kernel's or another
 *    file's: an error now. Only ports are taken that nobody or this file has.
 *  - BIND_STATIC of a VIRQ's port that nobody has: taken for the kernel's now.
 *  - BIND_STATIC on a restricted file: an error now, so it is not tried.
 *  - UNBIND of a port with an unread event, which goes with the port now: the
 *    ring is emptied before.
 *  - Domain ids of more than 16 bits: an error now, so none is passed.
 *  - An overflow wakes pollers now: epoll is not asked while there is one.
 *  - An event wakes only those who wait for one now: epoll is asked for EPOLLIN.
 *  - A bind that Xen refuses doubles the ring already if every slot is promised
 *    to a port: then no bind is tried that Xen may refuse.
 */
#include <signal.h>
#include <stdarg.h>
#include <sys/epoll.h>
#include <sys/prctl.h>

#define EV_NO_HARNESS
#include "common.h"

#define FILES		4
#define NOBODY		FILES	/* owner: Xen has the port, and no file */
#define FREE		(-1)	/* owner: there is no such port */
#define MAX_PORTS	220	/* at a time, some less than PORTS */
#define PORTS		256
#define BUFFER		8192
#define SOME_DOMAIN	5

static struct file {
	int fd, epoll, slots;
	bool blocking, restricted, async;
} files[FILES + 1];

/* The ports from base on. */
static struct port {
	int owner;
	unsigned int peer;	/* the other end, or 0 */
	bool is_static;
	bool unread;		/* it may have an entry in the ring */
} ports[PORTS];
static unsigned int base;

static char *hole;		/* has BUFFER bytes of memory before it */
static const char *title;
static int line;
static uint64_t state;
static atomic_int signals;

/* The port that the next bind gets: Xen gives out the lowest free number. */
static int next_port(void)
{
	int fd = ev_open(O_CLOEXEC | O_NONBLOCK);
	int port = ev_bind_unbound(fd, EV_SELF);

	close(fd);
	return port;
}

static void on_sigio(int number)
{
	signals++;
}

static unsigned int rnd(unsigned int n)
{
	state = state * 6364136223846793005u + 1442695040888963407u;
	return (state >> 33) % n;
}

#define ONE_OF(array) ((array)[rnd(ARRAY_SIZE(array))])

/* A line: who, what, and what came of it. */
static int told(int f, int ret, const char *format, ...)
{
	va_list args;

	printf("%s.%d f%d ", title, ++line, f);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	if (ret < 0)
		printf(" = -%s", strerrorname_np(-ret) ?: "?");
	else
		printf(" = %d", ret);
	if (signals)
		printf(", %d SIGIO", signals);
	signals = 0;
	putchar('\n');
	return ret;
}

static struct port *known(unsigned int number)
{
	return number - base < PORTS ? &ports[number - base] : NULL;
}

/* Good until it is called again. */
static const char *names(const unsigned int *list, int n)
{
	static char text[BUFFER / 4 * sizeof(" 4294967295")];
	int i, at = 0;

	text[0] = '\0';
	for (i = 0; i < n; i++)
		at += sprintf(text + at, known(list[i]) ? " p%u" : " %u",
			      known(list[i]) ? list[i] - base : list[i]);
	return text;
}

static const char *name(unsigned int number)
{
	return names(&number, 1);
}

/*
 * What is known of the ports
 */

static int count_ports(int owner)
{
	int i, n = 0;

	for (i = 0; i < PORTS; i++)
		n += ports[i].owner == owner;
	return n;
}

/* One of those that @owner has, or 0. */
static unsigned int port_of(int owner)
{
	int n = count_ports(owner), i;

	if (!n)
		return 0;
	n = rnd(n);
	for (i = 0; ports[i].owner != owner || n--; i++)
		;
	return base + i;
}

/* For an operation of @f: mostly one that it has. */
static unsigned int some_port(int f)
{
	/* With FIFO and so few ports, Linux has room for 1024. */
	static const unsigned int odd[] = { 0, 1, 1023, 1024, 4096, 131071, 1u << 31, ~0u };
	unsigned int kind = rnd(100), number = 0;

	if (kind < 5)
		return ONE_OF(odd);
	if (kind < 90)
		number = port_of(kind < 75 ? f : (int)rnd(FILES + 1));
	return number ?: base + rnd(PORTS);
}

static void take(int f, struct port *port)
{
	port->owner = f;
	while (files[f].slots < count_ports(f))
		files[f].slots = 2 * files[f].slots ?: 64;
}

/* @f has a new port of @number. */
static unsigned int bound(int f, unsigned int number, unsigned int peer)
{
	struct port *port = known(number);

	*port = (struct port){ .peer = peer, .unread = peer };
	take(f, port);
	if (known(peer))
		known(peer)->peer = number;
	return number;
}

static void let_go(struct port *port)
{
	if (port->is_static) {
		port->owner = NOBODY;
		return;
	}
	if (port->peer)
		known(port->peer)->peer = 0;
	*port = (struct port){ .owner = FREE };
}

static void ring_is_empty(int f)
{
	int i;

	for (i = 0; i < PORTS; i++)
		if (ports[i].owner == f)
			ports[i].unread = false;
}

/*
 * Operations
 */

static void open_file(int f)
{
	struct epoll_event want = { .events = EPOLLIN | EPOLLRDNORM | EPOLLET };
	struct file *file = &files[f];

	*file = (struct file){ .blocking = f == FILES - 1, .epoll = epoll_create1(0) };
	file->fd = ev_open(file->blocking ? 0 : O_NONBLOCK);
	fcntl(file->fd, F_SETOWN, getpid());
	told(f, epoll_ctl(file->epoll, EPOLL_CTL_ADD, file->fd, &want) ? -errno : 0, "open");
}

static void close_file(int f)
{
	int i;

	close(files[f].epoll);
	told(f, close(files[f].fd) ? -errno : 0, "close");
	files[f].fd = -1;
	for (i = 0; i < PORTS; i++)
		if (ports[i].owner == f)
			let_go(&ports[i]);
}

static int ask_poll(int f)
{
	int ret = told(f, ev_poll(files[f].fd), "poll");

	if (ret == EV_POLL_IDLE)
		ring_is_empty(f);
	return ret;
}

static void ask_epoll(int f)
{
	struct epoll_event event = {};
	int n = epoll_wait(files[f].epoll, &event, 1, 0);

	told(f, n < 0 ? -errno : n, "epoll: %#x", event.events);
}

/* The buffer has @good bytes, and no memory behind. */
static void read_ports(int f, size_t bytes, size_t good)
{
	int ret;

	if (files[f].blocking && bytes >= 4 && ask_poll(f) == EV_POLL_IDLE)
		return;
	ret = ev_read(files[f].fd, hole - good, bytes);
	told(f, ret, "read %zu bytes to %zu:%s", bytes, good,
	     names((void *)(hole - good), ret / 4));
	if (ret == -EAGAIN || (ret >= 0 && (size_t)ret < bytes / 4 * 4))
		ring_is_empty(f);
}

static void write_ports(int f, const unsigned int *list, size_t bytes, size_t good)
{
	size_t i;

	for (i = 0; i < bytes / 4; i++)
		if (known(list[i]) && known(list[i])->owner == f)
			known(list[i])->unread = true;
	memcpy(hole - good, list, good < bytes ? good : bytes);
	told(f, ev_write(files[f].fd, hole - good, bytes), "write %zu bytes of %zu:%s",
	     bytes, good, names(list, bytes / 4));
}

static unsigned int bind_virq(int f, unsigned int virq)
{
	int ret = ev_bind_virq(files[f].fd, virq);

	told(f, ret < 0 ? ret : 0, "BIND_VIRQ %u:%s", virq, names((void *)&ret, ret > 0));
	return ret < 0 ? 0 : bound(f, ret, 0);
}

static unsigned int bind_unbound(int f, unsigned int domain)
{
	int ret = ev_bind_unbound(files[f].fd, domain);

	told(f, ret < 0 ? ret : 0, "BIND_UNBOUND_PORT %#x:%s", domain,
	     names((void *)&ret, ret > 0));
	return ret < 0 ? 0 : bound(f, ret, 0);
}

static unsigned int bind_interdomain(int f, unsigned int domain, unsigned int remote)
{
	int ret = ev_bind_interdomain(files[f].fd, domain, remote);
	unsigned int both[] = { remote, ret };

	told(f, ret < 0 ? ret : 0, "BIND_INTERDOMAIN %#x%s", domain, names(both, 1 + (ret > 0)));
	return ret < 0 ? 0 : bound(f, ret, remote);
}

/* A port that Xen has, and no file: such as a static one. */
static unsigned int make_static(void)
{
	unsigned int ends[] = { port_of(NOBODY), 0 }, number;

	if (ends[0] && !known(ends[0])->peer) {
		number = ev_xen_bind_interdomain(EV_SELF, ends[0]);
		ends[1] = number;
		told(NOBODY, 0, "EVTCHNOP_bind_interdomain%s", names(ends, 2));
	} else {
		ends[0] = 0;
		number = ev_xen_alloc_unbound(EV_SELF);
		told(NOBODY, 0, "EVTCHNOP_alloc_unbound%s", name(number));
	}
	bound(NOBODY, number, ends[0]);
	known(number)->is_static = true;
	return number;
}

static void bind_static(int f, unsigned int number)
{
	if (!told(f, ev_bind_static(files[f].fd, number), "BIND_STATIC%s", name(number)) &&
	    known(number)) {
		take(f, known(number));
		known(number)->unread = true;
	}
}

static void unbind(int f, unsigned int number)
{
	if (!told(f, ev_unbind(files[f].fd, number), "UNBIND%s", name(number)) && known(number))
		let_go(known(number));
}

static void notify(int f, unsigned int number)
{
	if (!told(f, ev_notify(files[f].fd, number), "NOTIFY%s", name(number)) &&
	    known(number) && known(number)->peer)
		known(known(number)->peer)->unread = true;
}

static void reset(int f)
{
	/* The argument is not looked at. */
	told(f, ev_ioctl(files[f].fd, IOCTL_EVTCHN_RESET, hole), "RESET");
	ring_is_empty(f);
}

static void restrict_to(int f, unsigned int domain)
{
	if (!told(f, ev_restrict(files[f].fd, domain), "RESTRICT_DOMID %#x", domain))
		files[f].restricted = true;
}

/*
 * Operations with random arguments
 */

static void some_unbind(int f)
{
	unsigned int number = some_port(f);
	struct port *port = known(number);
	int ret;

	while (port && port->owner == f && port->unread) {
		ret = ask_poll(f);
		if (ret & POLLERR)
			reset(f);
		else if (ret & POLLIN)
			read_ports(f, 4096, BUFFER);
	}
	unbind(f, number);
}

static void some_bind(int f)
{
	/* Without the console ring's, 8, which comes when Xen says something. */
	static const unsigned int virqs[] = {
		0, 1, 2, 3, 3, 4, 5, 6, 7, 7, 10, 11, 14, 15, 23, 24, 25, 1000, ~0u,
	};
	static const unsigned int domains[] = {
		0, 1, SOME_DOMAIN, EV_NO_DOMAIN, 0x7ff1, 0x7ff4, 0xffff,
	};
	unsigned int domain = rnd(5) ? EV_SELF : ONE_OF(domains), number, kind = rnd(28), try;

	if (PORTS - count_ports(FREE) >= MAX_PORTS) {
		some_unbind(f);
	} else if (files[f].slots && count_ports(f) == files[f].slots) {
		bind_unbound(f, EV_SELF);
	} else if (kind < 3) {
		bind_virq(f, ONE_OF(virqs));
	} else if (kind < 12) {
		bind_unbound(f, domain);
	} else if (kind < 24) {
		number = some_port(rnd(FILES));
		for (try = 0; try < 8 && known(number) && known(number)->peer; try++)
			number = port_of(rnd(FILES + 1));
		/* One of the kernel's may wait for xenstored. */
		if (!number || number >= base)
			bind_interdomain(f, domain, number);
	} else if (!files[f].restricted) {
		number = rnd(6) ? port_of(rnd(4) ? NOBODY : f) : 0;
		bind_static(f, number ?: make_static());
	}
}

static void some_notify(int f)
{
	notify(f, some_port(f));
}

static void some_read(int f)
{
	static const size_t sizes[] = { 0, 1, 3, 4, 4, 7, 8, 12, 64, 256, 4096, 5000, 1 << 20 };

	read_ports(f, ONE_OF(sizes), rnd(6) ? BUFFER : 4 * rnd(12));
}

static void some_write(int f)
{
	/* Rarely more than the page that is looked at. */
	size_t n = rnd(4) ? rnd(8) : rnd(40) ? rnd(200) : 1020 + rnd(8), bytes, i;
	unsigned int list[BUFFER / 4];

	for (i = 0; i < n + 1; i++)
		list[i] = some_port(f);
	bytes = 4 * n + (rnd(4) ? 0 : rnd(4));
	write_ports(f, list, bytes, rnd(8) ? BUFFER : 4 * rnd(n + 1));
}

/* Events of a port that is enabled without being read: up to an overflow. */
static void flood(int f)
{
	unsigned int number = port_of(f), n = rnd(rnd(6) ? 100 : 300), peer;

	peer = number ? known(number)->peer : 0;
	while (peer && n-- && known(peer)->owner != NOBODY) {
		notify(known(peer)->owner, peer);
		write_ports(f, &number, 4, BUFFER);
	}
}

static void bad_command(int f)
{
	static const unsigned long commands[] = {
		IOCTL_EVTCHN_BIND_VIRQ, IOCTL_EVTCHN_BIND_INTERDOMAIN,
		IOCTL_EVTCHN_BIND_UNBOUND_PORT, IOCTL_EVTCHN_UNBIND, IOCTL_EVTCHN_NOTIFY,
		IOCTL_EVTCHN_RESTRICT_DOMID, IOCTL_EVTCHN_BIND_STATIC,
		/* Unknown: number, size, direction, type; others' commands. */
		_IOC(_IOC_NONE, 'E', 8, 4), _IOC(_IOC_NONE, 'E', 255, 4),
		_IOC(_IOC_NONE, 'E', 3, 8), _IOC(_IOC_WRITE, 'E', 3, 4),
		_IOC(_IOC_NONE, 'P', 3, 4), 0, ~0u, 0x541b /* FIONREAD */,
	};
	/* Nothing, less than any argument, and the kernel's. */
	const void * const args[] = { NULL, hole, hole - 1, (void *)~0xfffffUL };
	unsigned long cmd = ONE_OF(commands);
	int arg = rnd(ARRAY_SIZE(args));

	if (cmd != IOCTL_EVTCHN_BIND_STATIC || !files[f].restricted)
		told(f, ev_ioctl(files[f].fd, cmd, args[arg]), "ioctl %#lx, bad argument %d",
		     cmd, arg);
}

static void toggle_async(int f)
{
	struct file *file = &files[f];
	int flags = O_RDWR | (file->blocking ? 0 : O_NONBLOCK);

	file->async = !file->async;
	told(f, fcntl(file->fd, F_SETFL, flags | (file->async ? O_ASYNC : 0)) ? -errno : 0,
	     "O_ASYNC %d", file->async);
}

static void some_restriction(int f)
{
	static const unsigned int domains[] = {
		0, SOME_DOMAIN, EV_NO_DOMAIN, EV_SELF, 0x7ff1, 0x7ff4, 0x8000, 0xffff,
	};

	restrict_to(f, ONE_OF(domains));
}

static void poll_and_epoll(int f)
{
	if (ask_poll(f) != POLLERR)
		ask_epoll(f);
}

/* And how often they come. */
static const struct {
	int often;
	void (*run)(int f);
} kinds[] = {
	{ 200, some_bind }, { 20, some_unbind }, { 60, some_notify }, { 40, some_read },
	{ 50, some_write }, { 2, flood }, { 12, bad_command }, { 12, toggle_async },
	{ 3, reset }, { 2, some_restriction }, { 24, poll_and_epoll }, { 1, close_file },
};

static void begin_sequence(const char *name)
{
	int i;

	title = name;
	line = 0;
	for (i = 0; i < FILES; i++)
		files[i].fd = -1;
	for (i = 0; i < PORTS; i++)
		ports[i] = (struct port){ .owner = FREE };
}

static void end_sequence(void)
{
	int i;

	for (i = 0; i < FILES; i++)
		if (files[i].fd >= 0)
			close_file(i);
	for (i = 0; i < PORTS; i++)
		if (ports[i].is_static)
			ev_xen_close(base + i);
	told(NOBODY, 0, "the next port is%s", name(next_port()));
}

static void random_sequence(const char *seed, int count)
{
	int weight[ARRAY_SIZE(kinds)], sum = 0, f, turn;
	size_t i;

	begin_sequence(seed);
	state = strtoul(seed, NULL, 0) * 0x9e3779b97f4a7c15u;
	/* Each seed has its preferences, but binds. */
	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		weight[i] = sum += kinds[i].often * (i ? rnd(5) : 2);
	while (count--) {
		f = rnd(5) ? rnd(2) : rnd(FILES);
		turn = rnd(sum);
		for (i = 0; turn >= weight[i]; i++)
			;
		if (files[f].fd < 0)
			open_file(f);
		else if (files[f].restricted && !rnd(20))
			close_file(f);
		else
			kinds[i].run(f);
	}
	end_sequence();
}

/*
 * The differences
 */

/* A quiet pair of file 0: the end that was bound last. */
static unsigned int new_pair(void)
{
	unsigned int local = bind_interdomain(0, EV_SELF, bind_unbound(0, EV_SELF));

	read_ports(0, 4, BUFFER);
	write_ports(0, &local, 4, BUFFER);
	return local;
}

/* Events of @port, which nobody reads. */
static void events(unsigned int port, int n)
{
	while (n--) {
		ev_notify(files[0].fd, known(port)->peer);
		ev_enable(files[0].fd, port);
	}
}

static bool chosen(const char *name, const char *argument)
{
	if (strcmp(argument, name) && strcmp(argument, "all"))
		return false;
	begin_sequence(name);
	open_file(0);
	return true;
}

static void differ(const char *arg)
{
	struct epoll_event out = { .events = EPOLLOUT | EPOLLET };
	unsigned int port, i;
	long ret;

	if (chosen("static", arg)) {
		/* Mainline crashes at more than these, or in another order. */
		bind_static(0, 0);
		unbind(0, 0);
		bind_static(0, base);
		unbind(0, base);
		bind_static(0, 131072);
		end_sequence();
	}
	if (chosen("static-virq", arg)) {
		ret = ev_xen_bind_virq(7);
		told(NOBODY, ret < 0 ? ret : 0, "EVTCHNOP_bind_virq 7");
		bind_static(0, ret);
		close_file(0);
		ev_xen_close(ret);
		end_sequence();
	}
	if (chosen("static-restricted", arg)) {
		port = make_static();
		restrict_to(0, SOME_DOMAIN);
		bind_static(0, port);
		told(0, ev_ioctl(files[0].fd, IOCTL_EVTCHN_BIND_STATIC, NULL), "BIND_STATIC");
		end_sequence();
	}
	if (chosen("unbind-unread", arg)) {
		unbind(0, bind_interdomain(0, EV_SELF, bind_unbound(0, EV_SELF)));
		ask_poll(0);
		/* It has the number that was given up. */
		bind_unbound(0, EV_SELF);
		read_ports(0, 4096, BUFFER);
		end_sequence();
	}
	if (chosen("wide-domain", arg)) {
		port = bind_unbound(0, 0x10000 | EV_SELF) ?: bind_unbound(0, EV_SELF);
		bind_interdomain(0, 0x10000 | EV_SELF, port);
		end_sequence();
	}
	if (chosen("overflow", arg)) {
		port = new_pair();
		events(port, 64);
		ask_epoll(0);
		events(port, 1);
		ask_poll(0);
		ask_epoll(0);
		end_sequence();
	}
	if (chosen("epoll-out", arg)) {
		port = new_pair();
		epoll_ctl(files[0].epoll, EPOLL_CTL_MOD, files[0].fd, &out);
		ask_epoll(0);
		events(port, 1);
		ask_epoll(0);
		end_sequence();
	}
	if (chosen("refused-bind", arg)) {
		port = new_pair();
		for (i = 2; i < 64; i++)
			ev_bind_unbound(files[0].fd, EV_SELF);
		bind_interdomain(0, EV_SELF, 0);
		events(port, 65);
		ask_poll(0);
		end_sequence();
	}
	if (chosen("name", arg)) {
		close_file(0);
		prctl(PR_SET_NAME, "a/b");
		open_file(0);
		prctl(PR_SET_NAME, "sequences");
		bind_unbound(0, EV_SELF);
		told(0, system("grep -q evtchn:a/b /proc/interrupts"), "grep evtchn:a/b");
		told(0, system("grep -q evtchn:a!b /proc/interrupts"), "grep evtchn:a!b");
		end_sequence();
	}
	if (chosen("compat", arg)) {
		/* As a 32-bit program does it; 54 is ioctl(). */
		asm volatile("int $0x80" : "=a"(ret) : "a"(54), "b"(files[0].fd),
			     "c"(IOCTL_EVTCHN_RESET), "d"(0)
			     : "memory", "r8", "r9", "r10", "r11");
		told(0, ret, "RESET of 32 bits");
		end_sequence();
	}
}

int main(int argc, char **argv)
{
	const char *lack;
	int i;

	lack = ev_xen_missing;

	hole = mmap(NULL, 2 * BUFFER, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	hole += BUFFER;
	mprotect(hole, BUFFER, PROT_NONE);
	base = next_port();
	if (argc < 3 || lack) {
		fprintf(stderr, "sequences: %s\n", lack ?: "COUNT SEED... [NAME...]");
		return 2;
	}
	signal(SIGIO, on_sigio);
	for (i = 2; i < argc; i++) {
		if (*argv[i] <= '9')
			random_sequence(argv[i], atoi(argv[1]));
		else
			differ(argv[i]);
	}
	return 0;
}
