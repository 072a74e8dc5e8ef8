// SPDX-License-Identifier: GPL-2.0-only OR MIT
#define EV_NO_HARNESS
#include <glob.h>
#include <libgen.h>
#include <signal.h>
#include <sys/time.h>

#include "common.h"

/* All results that poll() can have for a file. */
#define POLL_ALL	(POLLIN | POLLPRI | POLLOUT | POLLRDNORM | \
			 POLLRDBAND | POLLWRNORM | POLLWRBAND | POLLRDHUP)

/* The kernel log since the program began, or -1. */
static int log_fd = -1;

/* Whether ev_load_module() has loaded a module that was not loaded before. */
static bool module_is_ours;

/* What a system call returned, or -errno. */
static int result(long ret)
{
	return ret < 0 ? -errno : ret;
}

int ev_open(int flags)
{
	return result(open(EV_DEVICE, O_RDWR | flags));
}

int ev_ioctl(int fd, unsigned long cmd, const void *arg)
{
	return result(ioctl(fd, cmd, arg));
}

/* The argument of most commands is one number of 32 bits. */
int ev_bind_virq(int fd, unsigned int virq)
{
	return ev_ioctl(fd, IOCTL_EVTCHN_BIND_VIRQ, &virq);
}

int ev_bind_unbound(int fd, unsigned int domain)
{
	return ev_ioctl(fd, IOCTL_EVTCHN_BIND_UNBOUND_PORT, &domain);
}

int ev_bind_static(int fd, unsigned int port)
{
	return ev_ioctl(fd, IOCTL_EVTCHN_BIND_STATIC, &port);
}

int ev_unbind(int fd, unsigned int port)
{
	return ev_ioctl(fd, IOCTL_EVTCHN_UNBIND, &port);
}

int ev_notify(int fd, unsigned int port)
{
	return ev_ioctl(fd, IOCTL_EVTCHN_NOTIFY, &port);
}

int ev_reset(int fd)
{
	return ev_ioctl(fd, IOCTL_EVTCHN_RESET, NULL);
}

int ev_restrict(int fd, unsigned int domain)
{
	struct ioctl_evtchn_restrict_domid restriction = { .domid = domain };

	return ev_ioctl(fd, IOCTL_EVTCHN_RESTRICT_DOMID, &restriction);
}

int ev_bind_interdomain(int fd, unsigned int domain, unsigned int port)
{
	struct ioctl_evtchn_bind_interdomain bind = {
		.remote_domain = domain,
		.remote_port = port,
	};

	return ev_ioctl(fd, IOCTL_EVTCHN_BIND_INTERDOMAIN, &bind);
}

/* Not read() and write(): the compiler objects to the NULL of a test. */
int ev_read(int fd, void *buf, size_t bytes)
{
	return result(syscall(__NR_read, fd, buf, bytes));
}

int ev_write(int fd, const void *buf, size_t bytes)
{
	return result(syscall(__NR_write, fd, buf, bytes));
}

int ev_enable(int fd, unsigned int port)
{
	return ev_write(fd, &port, sizeof(port));
}

static int poll_for(int fd, short events, int timeout)
{
	struct pollfd pfd = { .fd = fd, .events = events };

	return poll(&pfd, 1, timeout) < 0 ? -errno : pfd.revents;
}

int ev_poll(int fd)
{
	return poll_for(fd, POLL_ALL, 0);
}

int ev_wait(int fd)
{
	return poll_for(fd, POLLIN, EV_GUARD_MS);
}

int ev_take(int fd)
{
	int ret = ev_wait(fd);
	unsigned int port;

	if (ret > 0)
		ret = ev_read(fd, &port, sizeof(port));
	else if (!ret)
		ret = -ETIMEDOUT;
	if (ret < 0)
		return ret;
	return ret == sizeof(port) ? (int)port : -EIO;
}

int ev_next(int fd)
{
	unsigned int port;
	int ret;

	ev_settle();
	ret = ev_read(fd, &port, sizeof(port));
	return ret == sizeof(port) ? (int)port : ret;
}

int ev_bind_any_virq(int fd, unsigned int *virq)
{
	/*
	 * Global VIRQs that Xen sends only to who asks for it: TBUF, DOM_EXC,
	 * MEM_EVENT, ARGO, ENOMEM, CON_RING. Others may have some of them.
	 */
	static const unsigned int virqs[] = { 4, 3, 10, 11, 12, 8 };
	int ret = -ENOENT;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(virqs) && ret < 0; i++) {
		*virq = virqs[i];
		ret = ev_bind_virq(fd, virqs[i]);
	}
	return ret;
}

int ev_pin(int cpu)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	return result(sched_setaffinity(0, sizeof(one), &one));
}

/*
 * An event may be bound to another vCPU than the sender's. Xen marks that
 * vCPU's upcall pending before the send returns, so the upcall is over once
 * this thread has run there. It stays on the last one: moving is slow.
 */
void ev_settle(void)
{
	int here = sched_getcpu(), cpu, cpus = sysconf(_SC_NPROCESSORS_CONF);
	cpu_set_t all;

	if (sched_getaffinity(0, sizeof(all), &all))
		return;
	/* All CPUs, as the event core ignores the program's affinity. */
	for (cpu = 0; cpu < cpus; cpu++)
		if (cpu != here && !ev_pin(cpu))
			sched_yield();
	sched_setaffinity(0, sizeof(all), &all);
}

int ev_notify_settled(int fd, unsigned int port)
{
	int ret = ev_notify(fd, port);

	ev_settle();
	return ret;
}

int ev_bind_pair(int fd_a, int fd_b, struct ev_pair *pair)
{
	int a = ev_bind_unbound(fd_a, EV_SELF);
	int b = a < 0 ? a : ev_bind_interdomain(fd_b, EV_SELF, a);

	*pair = (struct ev_pair){ .a = a, .b = b };
	return b < 0 ? b : 0;
}

/* Takes the next event, of @port unless that is 0, and writes it back. */
static int take_and_enable(int fd, unsigned int port)
{
	int ret = ev_take(fd);

	if (ret >= 0 && port && (unsigned int)ret != port)
		return -EPROTO;
	if (ret >= 0)
		ret = ev_enable(fd, ret);
	return ret < 0 ? ret : 0;
}

/*
 * A CPU that has seen an event, and is delayed, may call the handler late: when
 * the number has a new owner, or a second time, when another CPU has handled the
 * event. So the CPUs end what they are at before a bind, and before the event of
 * the bind is taken: until then, a second call does nothing.
 */
int ev_connect(int fd_a, int fd_b, struct ev_pair *pair)
{
	int ret;

	ev_settle();
	ret = ev_bind_pair(fd_a, fd_b, pair);
	ev_settle();
	return ret ?: take_and_enable(fd_b, pair->b);
}

int ev_connect_many(int fd, struct ev_pair *pairs, int n)
{
	int i, ret = 0;

	ev_settle();
	for (i = 0; i < n && !ret; i++)
		ret = ev_bind_pair(fd, fd, &pairs[i]);
	ev_settle();
	/* Take all events of BIND_INTERDOMAIN together, which is faster. */
	for (i = 0; i < n && !ret; i++)
		ret = take_and_enable(fd, 0);
	return ret;
}

int ev_pass(int from_fd, unsigned int from, int to_fd, unsigned int to)
{
	return ev_notify(from_fd, from) ?: take_and_enable(to_fd, to);
}

int ev_ping(int fd_a, int fd_b, const struct ev_pair *pair)
{
	return ev_pass(fd_b, pair->b, fd_a, pair->a) ?:
	       ev_pass(fd_a, pair->a, fd_b, pair->b);
}

int ev_ping_fresh(void)
{
	struct ev_pair pair;
	int fd = ev_open(O_CLOEXEC | O_NONBLOCK), ret;

	if (fd < 0)
		return fd;
	ret = ev_connect(fd, fd, &pair) ?: ev_ping(fd, fd, &pair);
	close(fd);
	return ret;
}

int ev_is_alone(unsigned int port)
{
	int fd = ev_open(O_CLOEXEC | O_NONBLOCK), ret;

	if (fd < 0)
		return fd;
	/* Xen connects the port if it is alone; a close undoes that. */
	ret = ev_bind_interdomain(fd, EV_SELF, port);
	close(fd);
	return ret > 0 ? 1 : ret == -EINVAL ? 0 : ret;
}

int ev_write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), ret;

	if (fd < 0)
		return -errno;
	ret = result(write(fd, text, strlen(text)));
	close(fd);
	return ret < 0 ? ret : 0;
}

int ev_read_file(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, text, size - 1);
	text[n > 0 ? n : 0] = '\0';
	close(fd);
	return n < 0 ? -EIO : 0;
}

/* The former values of settings. */
static struct {
	char *path, *value;
} settings[512];
static int nr_settings;

int ev_set(const char *pattern, const char *value)
{
	int before = nr_settings;
	char text[128], *was;
	glob_t files;
	size_t i;

	if (glob(pattern, GLOB_BRACE, NULL, &files))
		return 0;
	for (i = 0; i < files.gl_pathc && nr_settings < (int)ARRAY_SIZE(settings); i++) {
		if (ev_read_file(files.gl_pathv[i], text, sizeof(text)) ||
		    ev_write_file(files.gl_pathv[i], value))
			continue;
		/* If the file lists choices, keep the one in brackets. */
		was = strchr(text, '[') ? strchr(text, '[') + 1 : text;
		was[strcspn(was, "]\n")] = '\0';
		settings[nr_settings].path = strdup(files.gl_pathv[i]);
		settings[nr_settings++].value = strdup(was);
	}
	globfree(&files);
	return nr_settings - before;
}

void ev_put_back(void)
{
	while (nr_settings > 0) {
		nr_settings--;
		ev_write_file(settings[nr_settings].path, settings[nr_settings].value);
	}
}

int ev_count_irqs(const char *action)
{
	char line[4096], *name;
	FILE *file = fopen("/proc/interrupts", "re");
	int count = 0;

	if (!file)
		return -errno;
	while (fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		name = strrchr(line, ' ');
		if (name && !strcmp(name + 1, action))
			count++;
	}
	fclose(file);
	return count;
}

static void *sleeper_run(void *arg)
{
	struct ev_sleeper *sleeper = arg;

	sleeper->tid = gettid();
	sleeper->ret = sleeper->poll ? poll_for(sleeper->fd, sleeper->poll, -1) :
		       ev_read(sleeper->fd, &sleeper->port, sizeof(sleeper->port));
	sleeper->done = true;
	return NULL;
}

/* Also true if the state cannot be read. */
static bool is_asleep(pid_t tid)
{
	char path[64], stat[128], *state;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	if (ev_read_file(path, stat, sizeof(stat)))
		return true;
	state = strrchr(stat, ')');
	return state && state[1] == ' ' && (state[2] == 'S' || state[2] == 'D');
}

void ev_sleeper_wait(struct ev_sleeper *sleeper)
{
	int i;

	for (i = 0; i < EV_GUARD_MS && !sleeper->done; i++) {
		usleep(1000);
		if (sleeper->tid && is_asleep(sleeper->tid))
			break;
	}
}

int ev_sleeper_start(struct ev_sleeper *sleeper, int fd, short poll)
{
	int ret;

	memset(sleeper, 0, sizeof(*sleeper));
	sleeper->fd = fd;
	sleeper->poll = poll;
	ret = pthread_create(&sleeper->thread, NULL, sleeper_run, sleeper);
	if (!ret)
		ev_sleeper_wait(sleeper);
	return ret;
}

const char *ev_load_module(const char *name)
{
	static char missing[640];
	char self[256] = "", path[512];
	int fd, ret;

	if (getenv("EVTCHN_MODULES")) {
		snprintf(path, sizeof(path), "%s/%s.ko", getenv("EVTCHN_MODULES"), name);
	} else {
		if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
			return "no /proc/self/exe";
		snprintf(path, sizeof(path), "%s/test_modules/%s.ko", dirname(self), name);
	}
	fd = open(path, O_RDONLY | O_CLOEXEC);
	ret = result(fd < 0 ? fd : syscall(__NR_finit_module, fd, "", 0));
	close(fd);
	module_is_ours = !ret;
	if (!ret || ret == -EEXIST)
		return NULL;
	snprintf(missing, sizeof(missing), "%s does not load: %s (%s)", path,
		 strerror(-ret), access(path, F_OK) ? "build test_modules, KDIR=" :
						      "the kernel log says why");
	return missing;
}

int ev_unload_module(const char *name)
{
	if (!module_is_ours)
		return 0;
	module_is_ours = false;
	return result(syscall(__NR_delete_module, name, O_NONBLOCK));
}

/* <xen/privcmd.h> needs headers of Xen that user space does not have. */
struct hypercall {
	uint64_t op;
	uint64_t arg[5];
};

#define PRIVCMD_HYPERCALL	_IOC(_IOC_NONE, 'P', 0, sizeof(struct hypercall))

/* From Xen's public headers xen.h and event_channel.h. */
#define EVENT_CHANNEL_OP	32
enum {
	OP_BIND_INTERDOMAIN, OP_BIND_VIRQ,
	OP_CLOSE = 3, OP_SEND, OP_STATUS, OP_ALLOC_UNBOUND,
};

const char *ev_xen_missing = "the program did not begin";

/* The calls go through one locked page, as Xen takes no page faults. */
static int privcmd = -1;
static union ev_xen_arg *xen_page;

/* This domain's own id, which Xen reports instead of EV_SELF. */
static uint16_t own_domain;

static int xen_call(int op, union ev_xen_arg *arg)
{
	struct hypercall call = { EVENT_CHANNEL_OP, { op, (uintptr_t)xen_page } };
	int ret;

	if (ev_xen_missing)
		return -EOPNOTSUPP;
	*xen_page = *arg;
	ret = ev_ioctl(privcmd, PRIVCMD_HYPERCALL, &call);
	*arg = *xen_page;
	return ret;
}

int ev_xen_close(unsigned int port)
{
	union ev_xen_arg arg = { .close = { .port = port } };

	return xen_call(OP_CLOSE, &arg);
}

int ev_xen_send(unsigned int port)
{
	union ev_xen_arg arg = { .send = { .port = port } };

	return xen_call(OP_SEND, &arg);
}

int ev_xen_bind_virq(unsigned int virq)
{
	union ev_xen_arg arg = { .bind_virq = { .virq = virq } };

	return xen_call(OP_BIND_VIRQ, &arg) ?: (int)arg.bind_virq.port;
}

int ev_xen_alloc_unbound(unsigned int domain)
{
	union ev_xen_arg arg = {
		.alloc_unbound = { .dom = EV_SELF, .remote_dom = domain },
	};

	return xen_call(OP_ALLOC_UNBOUND, &arg) ?: (int)arg.alloc_unbound.port;
}

int ev_xen_bind_interdomain(unsigned int domain, unsigned int port)
{
	union ev_xen_arg arg = {
		.bind_interdomain = { .remote_dom = domain, .remote_port = port },
	};

	return xen_call(OP_BIND_INTERDOMAIN, &arg) ?:
	       (int)arg.bind_interdomain.local_port;
}

int ev_xen_query(unsigned int port, union ev_xen_arg *arg)
{
	memset(arg, 0, sizeof(*arg));
	arg->status.dom = EV_SELF;
	arg->status.port = port;
	return xen_call(OP_STATUS, arg);
}

int ev_xen_status(unsigned int port)
{
	union ev_xen_arg arg;

	return ev_xen_query(port, &arg) ?: (int)arg.status.status;
}

int ev_xen_count_loopbacks(void)
{
	union ev_xen_arg arg;
	unsigned int port;
	int ret, n = 0;

	for (port = 1;; port++) {
		ret = ev_xen_query(port, &arg);
		/* The end of Xen's table. */
		if (ret == -EINVAL)
			return n;
		/* Some releases of Xen refuse to report on its own ports. */
		if (ret == -EACCES)
			continue;
		if (ret)
			return ret;
		if (arg.status.status == EV_UNBOUND || arg.status.status == EV_INTERDOMAIN)
			n += arg.status.interdomain.dom == own_domain;
	}
}

int ev_loopbacks_if_alone(void)
{
	return getenv("EVTCHN_ALONE") ? ev_xen_count_loopbacks() : -EBUSY;
}

static void ignore_signal(int sig)
{
	(void)sig;
}

static const char *open_xen(void)
{
	/* Without SA_RESTART: the open() has to end. */
	struct sigaction action = { .sa_handler = ignore_signal }, before;
	struct itimerval limit = { .it_value.tv_sec = 3, .it_interval.tv_sec = 1 };
	struct itimerval none = {};
	union ev_xen_arg arg;
	int port;

	if (UINTPTR_MAX <= UINT32_MAX)
		return "a 32-bit program: privcmd serves none";

	/* Since XSA-482, this never returns in a domain without xenstore. */
	sigaction(SIGALRM, &action, &before);
	setitimer(ITIMER_REAL, &limit, NULL);
	privcmd = open("/dev/xen/privcmd", O_RDWR | O_CLOEXEC);
	port = errno;
	setitimer(ITIMER_REAL, &none, NULL);
	sigaction(SIGALRM, &before, NULL);
	if (privcmd < 0)
		return port == EINTR ? "/dev/xen/privcmd does not open: no xenstore" :
				       "no /dev/xen/privcmd (CONFIG_XEN_PRIVCMD)";

	xen_page = mmap(NULL, sysconf(_SC_PAGESIZE), PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS | MAP_LOCKED | MAP_POPULATE, -1, 0);
	if (xen_page == MAP_FAILED)
		return "no locked memory (RLIMIT_MEMLOCK)";
	ev_xen_missing = NULL;
	port = ev_xen_alloc_unbound(EV_SELF);
	if (port < 0)
		return "privcmd makes no hypercalls for this domain";
	ev_xen_query(port, &arg);
	own_domain = arg.status.interdomain.dom;
	ev_xen_close(port);
	return NULL;
}

/*
 * Ends the program as skipped where there is no device; opens log and Xen. Before
 * main(), so that each test, which is a process of its own, has both.
 */
static void __attribute__((constructor)) begin(void)
{
	int fd = ev_open(O_CLOEXEC);

	if (fd < 0)
		ksft_print_header();
	if (fd == -ENOENT || fd == -ENODEV || fd == -ENXIO)
		ksft_exit_skip("no Xen, or no CONFIG_XEN_DEV_EVTCHN: " EV_DEVICE ": %s\n",
			       strerror(-fd));
	if (fd == -EACCES || fd == -EPERM)
		ksft_exit_skip("not root: " EV_DEVICE ": %s\n", strerror(-fd));
	if (fd < 0)
		ksft_exit_fail_msg(EV_DEVICE ": %s\n", strerror(-fd));
	close(fd);

	ev_xen_missing = open_xen();
	log_fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (log_fd >= 0)
		lseek(log_fd, 0, SEEK_END);
}

static bool has_one_of(const char *record, const char * const *words)
{
	while (*words && !strstr(record, *words))
		words++;
	return *words;
}

int ev_log_trouble(char first[EV_LOG_RECORD])
{
	static const char * const signs[] = {
		"WARNING: ", "BUG: ", "kernel BUG at", "Oops", "Call Trace",
		"UBSAN: ", "general protection", "refcount_t: ", "nobody cared", NULL,
	};
	static const char * const ours[] = {
		"evtchn_", "xen_evtchn", "events_base", "events_fifo",
		"xen_irq_lateeoi", NULL,
	};
	/* These are in every trace from an interrupt, or are modules' names. */
	static const char * const passing[] = {
		"do_upcall", "handle_events", "handle_irq_for_port", "Modules linked in", NULL,
	};
	/* How many more records belong to a complaint; the longest have 150. */
	static int left;
	int found = 0;
	static char record[EV_LOG_RECORD];
	ssize_t len;

	if (log_fd < 0)
		return -ENOENT;
	while (!found) {
		len = read(log_fd, record, EV_LOG_RECORD - 1);
		/* Records were overwritten before they were read. */
		if (len < 0 && errno == EPIPE)
			continue;
		if (len < 0)
			return errno == EAGAIN ? 0 : -errno;
		record[len] = '\0';
		if (!left && has_one_of(record, signs)) {
			left = 150;
			strcpy(first, record);
		}
		if (left && !has_one_of(record, passing))
			found = has_one_of(record, ours);
		if (left)
			left--;
	}
	return found;
}
