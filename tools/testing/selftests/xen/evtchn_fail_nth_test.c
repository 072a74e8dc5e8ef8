// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * /dev/xen/evtchn when the kernel has no memory, cannot copy to or from user
 * memory, or gets no irq: each chance to fail on each path is taken in turn,
 * until a call goes through in which none was left.
 *
 * After each of them the error is one that the call may give, Xen has the very
 * ports that it had, the file works, no handler and no irq is left behind, and
 * the kernel has nothing to complain of.
 *
 * A call in which a failure was injected may succeed: not all memory that the
 * kernel asks for is needed. Then it must have done all of its work.
 *
 * Defects of the former driver: d5_, it closed the port of a failed bind twice
 * or not at all; d6_, it lost the table of a file; d16_, writing one port took
 * a page of memory.
 */
#include <dirent.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "hypercall.h"

#define DEBUGFS		"/sys/kernel/debug/"
#define MODULE		"evtchn_fail"

/* More chances to fail than any call has: a hang guard. */
#define NTH_MAX		1000

/* The kernel log since the program's start; set in main(). */
static int main_log_fd;

/* Why there is no fault injection, or NULL; set in main(). */
static const char *no_injection;

/* A test's own, in its process; see open_world(). */
static int log_fd = -1;
static int nth_fd = -1;

/*
 * What Xen itself says of all ports
 */

#define HYPERVISOR_MULTICALL	13

struct multicall {
	unsigned long op;
	unsigned long result;
	unsigned long args[6];
};

/* Asking for that many ports at once is a lot faster. All memory is locked. */
#define BATCH		64

static union ev_xen_arg ops[BATCH];
static struct multicall calls[BATCH];

/* Runs @cmd on each of ops[]; calls[].result says how it went. */
static int hypercalls(int cmd)
{
	struct ev_hypercall call = {
		.op = HYPERVISOR_MULTICALL,
		.arg = { (uintptr_t)calls, BATCH },
	};
	int i;

	for (i = 0; i < BATCH; i++) {
		calls[i].op = EV_EVENT_CHANNEL_OP;
		calls[i].args[0] = cmd;
		calls[i].args[1] = (uintptr_t)&ops[i];
	}
	return ev_ioctl(ev_privcmd, EV_PRIVCMD_HYPERCALL, &call);
}

#define PORTS_MAX	8192

/* Every port that Xen has for this domain. */
struct ports {
	unsigned int nr;
	struct {
		uint32_t status;
		uint32_t domain;
		uint32_t remote_port;
	} port[PORTS_MAX];
};

static int xen_ports(struct ports *ports)
{
	unsigned int port, i;
	int ret;

	memset(ports, 0, sizeof(*ports));
	for (port = 0; port + BATCH <= PORTS_MAX; port += BATCH) {
		memset(ops, 0, sizeof(ops));
		for (i = 0; i < BATCH; i++) {
			ops[i].status.dom = EV_SELF;
			ops[i].status.port = port + i;
		}
		ret = hypercalls(EV_OP_STATUS);
		if (ret)
			return ret;
		for (i = 0; i < BATCH; i++) {
			/* Past the last one that Xen has room for. */
			if ((int)calls[i].result == -EINVAL)
				return 0;
			if (calls[i].result)
				return (int)calls[i].result;
			if (ops[i].status.status == EV_CLOSED)
				continue;
			ports->nr = port + i + 1;
			ports->port[port + i].status = ops[i].status.status;
			ports->port[port + i].domain = ops[i].status.interdomain.dom;
			ports->port[port + i].remote_port =
				ops[i].status.interdomain.port;
		}
	}
	return -EFBIG;
}

/* The first port in which the two differ, or 0. */
static unsigned int differing_port(const struct ports *a, const struct ports *b)
{
	unsigned int i;

	for (i = 1; i < PORTS_MAX; i++)
		if (memcmp(&a->port[i], &b->port[i], sizeof(a->port[i])))
			return i;
	return 0;
}

/*
 * Allocates ports in Xen until the next one is a multiple of @step, which
 * BATCH divides or which is BATCH. Returns that number, or -errno. They stay.
 */
static int xen_fill(unsigned int step)
{
	int port, ret, i;

	do {
		port = ev_xen_alloc_unbound(EV_SELF);
		if (port < 0)
			return port;
	} while ((port + 1) % BATCH);

	while ((port + 1) % step) {
		memset(ops, 0, sizeof(ops));
		for (i = 0; i < BATCH; i++) {
			ops[i].alloc_unbound.dom = EV_SELF;
			ops[i].alloc_unbound.remote_dom = EV_SELF;
		}
		ret = hypercalls(EV_OP_ALLOC_UNBOUND);
		if (!ret)
			ret = (int)calls[BATCH - 1].result;
		if (ret)
			return ret;
		port = ops[BATCH - 1].alloc_unbound.port;
	}
	return port + 1;
}

/*
 * The kernel's side
 */

/* Actions of irqs that are an event channel device's, or -errno. */
static int count_actions(void)
{
	static char text[1 << 17];
	size_t len = 0;
	ssize_t ret;
	int fd, n = 0;
	char *c;

	fd = open("/proc/interrupts", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	do {
		ret = read(fd, text + len, sizeof(text) - 1 - len);
		if (ret > 0)
			len += ret;
	} while (ret > 0 && len < sizeof(text) - 1);
	close(fd);
	if (ret < 0)
		return -errno;
	if (ret > 0)
		return -EFBIG;
	text[len] = '\0';
	for (c = text; (c = strstr(c, " evtchn:")); c++)
		n++;
	return n;
}

static int write_text(const char *path, const char *text)
{
	int fd, ret = 0;

	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		ret = -errno;
	close(fd);
	return ret;
}

/* From which address to which the code of @function is; 0 or -errno. */
static int find_function(const char *function, unsigned long *from,
			 unsigned long *to)
{
	char line[256], name[128];
	unsigned long address;
	FILE *file;
	int ret = -ENOENT;

	file = fopen("/proc/kallsyms", "re");
	if (!file)
		return -errno;
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%lx %*c %127s", &address, name) != 2)
			continue;
		if (!ret && address > *from) {
			*to = address;
			break;
		}
		if (ret && !strcmp(name, function)) {
			*from = address;
			ret = 0;
		}
	}
	fclose(file);
	return ret;
}

/*
 * Every kind of object may fail, but for two.
 *
 * Files in /proc: the kernel does not notice that it had no memory for those in
 * /proc/irq, and WARNs when it removes them. That is no matter of this driver's.
 *
 * The debugging aids' records of other objects, of which they have a reserve.
 * How many of those a call needs changes from one to the next, and the sweep
 * would step over chances that matter.
 */
static int choose_caches(void)
{
	char path[320];
	struct dirent *entry;
	int chosen = 0;
	DIR *dir;

	dir = opendir("/sys/kernel/slab");
	if (!dir)
		return -errno;
	while ((entry = readdir(dir))) {
		if (strstr(entry->d_name, "kmemleak") ||
		    strstr(entry->d_name, "debug_objects") ||
		    strstr(entry->d_name, "proc_dir_entry"))
			continue;
		snprintf(path, sizeof(path), "/sys/kernel/slab/%s/failslab",
			 entry->d_name);
		chosen += !write_text(path, "1");
	}
	closedir(dir);
	return chosen;
}

/*
 * Whether pages fail, too. The allocator of objects asks for some now and then,
 * which makes the sweep step over chances, as above.
 */
static int set_failing_pages(bool fail)
{
	return write_text(DEBUGFS "fail_page_alloc/min-order", fail ? "0" : "99");
}

/*
 * Has fail-nth fail whatever it can, without a word in the log: NULL, or the
 * option that is missing.
 *
 * Nothing fails in kobject_add(): the core makes an irq's folder in sysfs with
 * it, and does well without. How many objects sysfs needs changes, as above.
 */
static const char *set_up_injection(void)
{
	static const char * const dirs[] = {
		DEBUGFS "failslab/", DEBUGFS "fail_page_alloc/",
		DEBUGFS "fail_usercopy/",
	};
	unsigned long from = 0, to = 0;
	char path[80], text[32];
	size_t i;

	if (access(DEBUGFS, R_OK))
		return "debugfs on " DEBUGFS;
	if (access("/proc/thread-self/fail-nth", W_OK))
		return "CONFIG_FAULT_INJECTION (/proc/self/fail-nth)";
	if (write_text(DEBUGFS "failslab/ignore-gfp-wait", "N"))
		return "CONFIG_FAILSLAB and CONFIG_FAULT_INJECTION_DEBUG_FS";
	if (write_text(DEBUGFS "failslab/cache-filter", "Y") || choose_caches() < 10)
		return "CONFIG_FAILSLAB and CONFIG_SYSFS (/sys/kernel/slab/*/failslab)";
	if (write_text(DEBUGFS "fail_page_alloc/ignore-gfp-wait", "N") ||
	    write_text(DEBUGFS "fail_page_alloc/ignore-gfp-highmem", "N") ||
	    set_failing_pages(false))
		return "CONFIG_FAIL_PAGE_ALLOC";
	if (access(DEBUGFS "fail_usercopy/verbose", W_OK))
		return "CONFIG_FAULT_INJECTION_USERCOPY";
	if (find_function("kobject_add", &from, &to) || !from || !to)
		return "CONFIG_KALLSYMS (kobject_add in /proc/kallsyms)";
	for (i = 0; i < ARRAY_SIZE(dirs); i++) {
		snprintf(path, sizeof(path), "%sverbose", dirs[i]);
		if (write_text(path, "0"))
			return "CONFIG_FAULT_INJECTION_DEBUG_FS";
		snprintf(path, sizeof(path), "%sreject-end", dirs[i]);
		snprintf(text, sizeof(text), "%#lx", to);
		if (write_text(path, text))
			return "CONFIG_FAULT_INJECTION_STACKTRACE_FILTER";
		snprintf(path, sizeof(path), "%sreject-start", dirs[i]);
		snprintf(text, sizeof(text), "%#lx", from);
		if (write_text(path, text))
			return "CONFIG_FAULT_INJECTION_STACKTRACE_FILTER";
	}
	return NULL;
}

/* From now on the @nth chance to fail of this thread's is taken. */
static int arm(unsigned int nth)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", nth);

	return pwrite(nth_fd, text, len, 0) == len ? 0 : -errno;
}

/* No more. Whether the chance was taken; keeps errno. */
static bool disarm(void)
{
	int saved = errno;
	char text[16] = "";
	bool taken;

	/* Both calls copy, and may be the one that fails. */
	taken = pread(nth_fd, text, sizeof(text) - 1, 0) > 0 && !strcmp(text, "0\n");
	while (pwrite(nth_fd, "0", 1, 0) != 1)
		;
	errno = saved;
	return taken;
}

static int unload_module(void)
{
	return syscall(__NR_delete_module, MODULE, O_NONBLOCK) ? -errno : 0;
}

/*
 * The @nth call of @function by this thread returns @value and does nothing,
 * until the descriptor that is returned is closed; or -errno.
 */
static int fail_call(const char *function, int value, unsigned int nth)
{
	char text[96];
	int fd, len;

	fd = open(DEBUGFS MODULE "/call", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	len = snprintf(text, sizeof(text), "%s %d %u", function, value, nth);
	if (write(fd, text, len) != len) {
		len = -errno;
		close(fd);
		return len;
	}
	return fd;
}

/*
 * The kernel module that makes a function fail: see test_modules/evtchn_fail.c
 */

static int load_module(void)
{
	int fd, ret = ev_load_module(MODULE);

	/* A test that failed may have left it. */
	if (ret && ret != -EEXIST)
		return ret;
	/* It loads into a kernel without kprobes, too. */
	fd = fail_call("request_threaded_irq", 0, 0);
	if (fd < 0) {
		unload_module();
		return fd;
	}
	close(fd);
	return 0;
}

#define NO_MODULE	\
	"cannot use " MODULE ".ko (CONFIG_KPROBES) of $EVTCHN_MODULES or ./test_modules: %s"

/* How often the function was called, or -errno. */
static int count_calls(int fd)
{
	char text[16] = "";

	if (pread(fd, text, sizeof(text) - 1, 0) <= 0)
		return -errno;
	return atoi(text);
}

/*
 * A test's surroundings: how things are, and that they are the same again
 */

struct world {
	struct ports ports;
	int actions;
};

/* What there is while a test runs, and a second look at it. */
static struct world then, now;

/* Irqs that no file of the device has; set in main(). */
static int other_irqs[2];

/* How many there are, by the folder that each has. */
static int count_irqs(const char *path)
{
	struct dirent *entry;
	int n = 0;
	DIR *dir;

	dir = opendir(path);
	if (!dir)
		return -errno;
	while ((entry = readdir(dir)))
		n += entry->d_name[0] >= '0' && entry->d_name[0] <= '9';
	closedir(dir);
	return n;
}

static int count_other_irqs(int irqs[2])
{
	int actions = count_actions();

	if (actions < 0)
		return actions;
	irqs[0] = count_irqs("/sys/kernel/irq") - actions;
	irqs[1] = count_irqs("/proc/irq") - actions;
	return 0;
}

/*
 * The core frees an irq some time after it was unbound. Until then the next
 * bind asks for other memory than the last one did, and a sweep would step
 * over chances. If it never does, the irq was lost.
 */
static int wait_for_irqs(void)
{
	int irqs[2], ms, ret;

	for (ms = 0; ms < EV_GUARD_MS; ms += 5) {
		ret = count_other_irqs(irqs);
		if (ret)
			return ret;
		if (!memcmp(irqs, other_irqs, sizeof(irqs)))
			return 0;
		usleep(5000);
	}
	return -ETIMEDOUT;
}

static int look(struct world *world)
{
	int ret;

	ret = wait_for_irqs() ?: xen_ports(&world->ports);
	if (ret)
		return ret;
	world->actions = count_actions();
	return world->actions < 0 ? world->actions : 0;
}

static void expect_clean_log(struct __test_metadata *_metadata, int nth)
{
	char record[EV_LOG_RECORD] = "";

	ASSERT_EQ(0, ev_log_trouble(log_fd, record)) {
		TH_LOG("failure %d: the kernel's log: %s", nth, record);
	}
}

/* Nothing has changed since look(&then). @nth is for the message. */
static void expect_unchanged(struct __test_metadata *_metadata, int nth)
{
	unsigned int port;

	expect_clean_log(_metadata, nth);
	ASSERT_EQ(0, look(&now));
	port = differing_port(&then.ports, &now.ports);
	ASSERT_EQ(0, port) {
		TH_LOG("failure %d: port %u was of state %u, is of state %u", nth,
		       port, then.ports.port[port].status, now.ports.port[port].status);
	}
	ASSERT_EQ(then.actions, now.actions) {
		TH_LOG("failure %d: irq handlers", nth);
	}
}

/* 0, or why the test cannot run. */
static const char *open_world(void)
{
	const char *missing;

	log_fd = ev_log_open();
	if (log_fd < 0)
		return "no /dev/kmsg";
	/* Xen takes no page faults, and ours would ask for memory. */
	if (mlockall(MCL_CURRENT | MCL_FUTURE))
		return "mlockall() failed";
	missing = ev_xen_open();
	if (missing)
		return missing;
	nth_fd = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	return NULL;
}

/* The ports that are new since @before, closed in Xen: by tests that made them. */
static void close_new_ports(const struct ports *before)
{
	unsigned int port;

	if (ev_privcmd < 0 || xen_ports(&now.ports))
		return;
	for (port = 1; port < now.ports.nr; port++)
		if (!before->port[port].status &&
		    now.ports.port[port].status == EV_UNBOUND)
			ev_xen_close(port);
}

/* Errors that a call may give when something in the kernel fails. */
static bool is_memory_or_fault(int ret)
{
	return ret == -ENOMEM || ret == -EFAULT;
}

/*
 * Binds
 */

enum kind { VIRQ, UNBOUND, INTERDOMAIN, STATIC };

/* What is there to be bound. */
struct target {
	enum kind kind;
	unsigned int virq;
	/* In Xen only: to be connected to, or to be bound as static. */
	unsigned int offer;
};

FIXTURE(bind)
{
	struct ports at_start;
	struct target target;
};

FIXTURE_VARIANT(bind)
{
	enum kind kind;
};

FIXTURE_VARIANT_ADD(bind, virq) { .kind = VIRQ };
FIXTURE_VARIANT_ADD(bind, unbound) { .kind = UNBOUND };
FIXTURE_VARIANT_ADD(bind, interdomain) { .kind = INTERDOMAIN };
FIXTURE_VARIANT_ADD(bind, static_port) { .kind = STATIC };

/* A global VIRQ that Xen sends only to who asks for it, and that is free. */
static int find_virq(void)
{
	/* TBUF, DOM_EXC, ARGO, XENPMU, ENOMEM, CON_RING */
	static const unsigned int virqs[] = { 4, 3, 11, 10, 12, 8 };
	int fd, ret = -ENOENT;
	size_t i;

	fd = ev_open(O_CLOEXEC | O_NONBLOCK);
	for (i = 0; i < ARRAY_SIZE(virqs) && ret < 0; i++) {
		ret = ev_bind_virq(fd, virqs[i]);
		if (ret > 0)
			ret = virqs[i];
	}
	close(fd);
	return ret;
}

/* 0, or -errno if there is nothing of that kind. */
static int find_target(struct target *target, enum kind kind)
{
	int ret = 0;

	target->kind = kind;
	if (kind == VIRQ) {
		ret = find_virq();
		target->virq = ret;
	} else if (kind != UNBOUND) {
		ret = ev_xen_alloc_unbound(EV_SELF);
		target->offer = ret;
	}
	return ret < 0 ? ret : 0;
}

FIXTURE_SETUP(bind)
{
	const char *why;

	why = open_world();
	if (why)
		SKIP(return, "%s", why);
	ASSERT_EQ(0, xen_ports(&self->at_start));
	ASSERT_EQ(0, find_target(&self->target, variant->kind));
}

FIXTURE_TEARDOWN(bind)
{
	close_new_ports(&self->at_start);
}

/* The port, or -errno. */
static int do_bind(const struct target *target, int fd)
{
	switch (target->kind) {
	case VIRQ:
		return ev_bind_virq(fd, target->virq);
	case UNBOUND:
		return ev_bind_unbound(fd, EV_SELF);
	case INTERDOMAIN:
		return ev_bind_interdomain(fd, EV_SELF, target->offer);
	default:
		return ev_bind_static(fd, target->offer) ?: (int)target->offer;
	}
}

/* An event of @port comes, is read, and can come again: 0, or -errno. */
static int take_event(int fd, unsigned int port)
{
	int ret = ev_take(fd);

	if (ret < 0)
		return ret;
	if ((unsigned int)ret != port)
		return -EPROTO;
	ret = ev_enable(fd, port);
	return ret < 0 ? ret : 0;
}

/* @port is bound to @fd, which has no event, and delivers: 0, or -errno. */
static int check_bound(const struct target *target, int fd,
		       unsigned int port)
{
	int peer, ret;

	switch (target->kind) {
	case VIRQ:
		/* Nobody can send one. */
		if (ev_xen_status(port) != EV_VIRQ)
			return -EPROTO;
		return ev_notify(fd, port);
	case INTERDOMAIN:
		/* The event that Xen raises at once, and one of the other end's. */
		ret = take_event(fd, port);
		if (!ret)
			ret = ev_xen_send(target->offer);
		return ret ?: take_event(fd, port);
	default:
		peer = ev_xen_bind_interdomain(EV_SELF, port);
		if (peer < 0)
			return peer;
		ret = ev_xen_send(peer);
		if (!ret)
			ret = take_event(fd, port);
		return ev_xen_close(peer) ?: ret;
	}
}

/* A file with @nr ports, connected in pairs, none with an event; or -errno. */
static int open_with_ports(struct ev_pair *pairs, int nr)
{
	int fd, ret;

	fd = ev_open(O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return fd;
	ret = ev_connect_many(fd, pairs, nr / 2);
	if (ret) {
		close(fd);
		return ret;
	}
	return fd;
}

/*
 * The next port has a number for which a table of 64 has no room yet. Static:
 * it is the one to bind.
 */
static int use_new_numbers(struct target *target)
{
	int ret = xen_fill(64);

	if (ret < 0 || target->kind != STATIC)
		return ret;
	target->offer = ev_xen_alloc_unbound(EV_SELF);
	return (int)target->offer == ret ? ret : -EPROTO;
}

/*
 * Takes each chance to fail, or the first @max, of a bind to a file with @nr
 * ports. If @new_numbers, it is one and the same file, and no port is near.
 * @least: how often there has to be no memory.
 *
 * No port number here is beyond what the event core has tables for, so that a
 * static port is never closed, not by the core either. See tables, below.
 */
static void sweep_bind(struct __test_metadata *_metadata,
		       struct target *target, int nr, bool new_numbers,
		       int max, int least)
{
	int no_memory = 0, faults = 0, fd = -1, nth, i, ret;
	struct ev_pair pairs[32];
	char where[100] = "";
	bool taken = true;

	ASSERT_LE(nr / 2, ARRAY_SIZE(pairs));
	for (nth = 1; taken && nth <= max; nth++) {
		ASSERT_LT(nth, NTH_MAX);
		if (fd < 0) {
			fd = open_with_ports(pairs, nr);
			ASSERT_GE(fd, 0);
			if (new_numbers)
				ASSERT_GT(use_new_numbers(target), 0);
		}
		ASSERT_EQ(0, look(&then));

		ASSERT_EQ(0, arm(nth));
		ret = do_bind(target, fd);
		taken = disarm();

		if (ret < 0) {
			ASSERT_TRUE(taken && is_memory_or_fault(ret)) {
				TH_LOG("failure %d: %s", nth, strerror(-ret));
			}
			no_memory += ret == -ENOMEM;
			if (ret == -ENOMEM && strlen(where) + 5 < sizeof(where))
				sprintf(where + strlen(where), " %d", nth);
			faults += ret == -EFAULT;
			expect_unchanged(_metadata, nth);
			for (i = 0; i < nr / 2; i++) {
				ASSERT_EQ(0, ev_ping(fd, fd, &pairs[i])) {
					TH_LOG("failure %d, pair %d", nth, i);
				}
			}
			ret = do_bind(target, fd);
			ASSERT_GT(ret, 0) {
				TH_LOG("after failure %d: %s", nth, strerror(-ret));
			}
		}
		ASSERT_EQ(0, check_bound(target, fd, ret)) {
			TH_LOG("failure %d", nth);
		}
		ASSERT_EQ(0, ev_unbind(fd, ret));
		expect_unchanged(_metadata, nth);
		if (!new_numbers) {
			ASSERT_EQ(0, close(fd));
			fd = -1;
		}
	}
	TH_LOG("%d chances: %d EFAULT, %d ENOMEM at%s", nth - 1 - !taken,
	       faults, no_memory, where);
	EXPECT_EQ(1, faults);
	EXPECT_GE(no_memory, least);
	if (fd < 0)
		return;
	for (i = 0; i < nr / 2; i++) {
		EXPECT_EQ(0, ev_unbind(fd, pairs[i].a));
		EXPECT_EQ(0, ev_unbind(fd, pairs[i].b));
	}
	EXPECT_EQ(0, close(fd));
	expect_clean_log(_metadata, nth);
}

#define NO_INJECTION	"the kernel has no %s"

TEST_F(bind, d5_first_bind_that_fails_changes_nothing)
{
	if (no_injection)
		SKIP(return, NO_INJECTION, no_injection);
	/* Binding, ring, table; the irq's descriptor, the core's data, the action */
	sweep_bind(_metadata, &self->target, 0, false, NTH_MAX, 6);
}

TEST_F(bind, d6_bind_that_fails_leaves_other_bindings_alone)
{
	if (no_injection)
		SKIP(return, NO_INJECTION, no_injection);
	/* The same but for ring and table */
	sweep_bind(_metadata, &self->target, 6, true, NTH_MAX, 4);
}

/*
 * Functions that fail: a module does that, see load_module()
 */

struct failing_call {
	const char *function;
	int error;
	/* What the caller makes of it. */
	int expected;
	/* Why nobody may call it, or NULL. */
	const char *absent;
};

static void expect_bind_to_fail(struct __test_metadata *_metadata,
				struct target *target,
				const struct failing_call *call)
{
	int fd, hook, ret, count;
	struct ev_pair pair;

	ret = load_module();
	if (ret)
		SKIP(return, NO_MODULE, strerror(-ret));

	fd = open_with_ports(&pair, 2);
	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, look(&then));
	hook = fail_call(call->function, call->error, 1);
	ASSERT_GE(hook, 0) {
		TH_LOG("no kprobe on %s: %s", call->function, strerror(-hook));
	}
	ret = do_bind(target, fd);
	count = count_calls(hook);
	close(hook);
	if (call->absent && !count) {
		ASSERT_GT(ret, 0);
		close(fd);
		SKIP(return, "%s", call->absent);
	}
	ASSERT_EQ(1, count);
	ASSERT_EQ(call->expected, ret);

	/* A static port is still there, too. */
	expect_unchanged(_metadata, 1);
	EXPECT_EQ(0, ev_ping(fd, fd, &pair));
	ret = do_bind(target, fd);
	ASSERT_GT(ret, 0);
	EXPECT_EQ(0, check_bound(target, fd, ret));
	EXPECT_EQ(0, ev_unbind(fd, ret));
	EXPECT_EQ(0, ev_ping(fd, fd, &pair));
	expect_unchanged(_metadata, 1);
	EXPECT_EQ(0, close(fd));
	expect_clean_log(_metadata, 1);
	EXPECT_EQ(0, unload_module());
}

TEST_F(bind, d5_irq_handler_refused_with_enomem)
{
	static const struct failing_call call = {
		.function = "request_threaded_irq",
		.error = -ENOMEM,
		.expected = -ENOMEM,
	};

	expect_bind_to_fail(_metadata, &self->target, &call);
}

TEST_F(bind, d5_irq_handler_refused_with_ebusy)
{
	static const struct failing_call call = {
		.function = "request_threaded_irq",
		.error = -EBUSY,
		.expected = -EBUSY,
	};

	expect_bind_to_fail(_metadata, &self->target, &call);
}

TEST_F(bind, d5_irq_descriptor_refused)
{
	static const struct failing_call call = {
		.function = "__irq_alloc_descs",
		.error = -ENOSPC,
		.expected = -ENOMEM,
	};

	expect_bind_to_fail(_metadata, &self->target, &call);
}

TEST_F(bind, d5_port_that_the_core_cannot_set_up)
{
	static const struct failing_call call = {
		.function = "evtchn_fifo_setup",
		.error = -ENOMEM,
		.expected = -ENOMEM,
		.absent = "the event ABI sets no port up (2-level)",
	};

	expect_bind_to_fail(_metadata, &self->target, &call);
}

/*
 * The other calls
 */

#define PAIRS	20

/* A file with ports, all connected to each other. */
struct file {
	struct ev_pair pairs[PAIRS];
	unsigned int ports[1024];
	int fd;
};

FIXTURE(file)
{
	struct ports at_start;
	struct file file;
};

FIXTURE_SETUP(file)
{
	const char *why;
	int i;

	self->file.fd = -1;
	why = open_world();
	if (why)
		SKIP(return, "%s", why);
	ASSERT_EQ(0, xen_ports(&self->at_start));
	self->file.fd = open_with_ports(self->file.pairs, 2 * PAIRS);
	ASSERT_GE(self->file.fd, 0);
	/* Every port of the file, and then again and again. */
	for (i = 0; i < ARRAY_SIZE(self->file.ports); i++)
		self->file.ports[i] = i & 1 ? self->file.pairs[i / 2 % PAIRS].b :
					 self->file.pairs[i / 2 % PAIRS].a;
	ASSERT_EQ(0, look(&then));
}

FIXTURE_TEARDOWN(file)
{
	set_failing_pages(false);
	close(self->file.fd);
	close_new_ports(&self->at_start);
}

/* Takes each chance to fail of @call, which expects what it expects. */
typedef int call_fn(struct file *file);
typedef void check_fn(struct __test_metadata *_metadata,
		      struct file *file, int nth, int ret);

struct tally {
	int chances;
	int no_memory;
	int faults;
};

static void sweep(struct __test_metadata *_metadata, struct file *file,
		  call_fn *prepare, call_fn *call, check_fn *check,
		  struct tally *tally)
{
	bool taken = true;
	int nth, ret;

	memset(tally, 0, sizeof(*tally));
	for (nth = 1; taken; nth++) {
		ASSERT_LE(nth, NTH_MAX);
		if (prepare)
			ASSERT_EQ(0, prepare(file));
		ASSERT_EQ(0, arm(nth));
		ret = call(file);
		taken = disarm();
		tally->chances += taken;
		tally->no_memory += ret == -ENOMEM;
		tally->faults += ret == -EFAULT;
		if (ret < 0) {
			ASSERT_TRUE(taken && is_memory_or_fault(ret)) {
				TH_LOG("failure %d: %s", nth, strerror(-ret));
			}
		}
		check(_metadata, file, nth, ret);
		expect_unchanged(_metadata, nth);
		ASSERT_EQ(0, ev_ping(file->fd, file->fd, &file->pairs[0])) {
			TH_LOG("failure %d", nth);
		}
	}
	TH_LOG("%d chances: %d ENOMEM, %d EFAULT", tally->chances,
	       tally->no_memory, tally->faults);
}

TEST_F(file, d6_bind_that_fails_while_the_ring_grows_leaves_other_bindings_alone)
{
	struct target target = { .kind = UNBOUND };

	if (no_injection)
		SKIP(return, NO_INJECTION, no_injection);
	/*
	 * Making 64 ports for each chance takes long: only those of the argument,
	 * the binding, the ring, the irq. The rest is as in a small file.
	 */
	sweep_bind(_metadata, &target, 64, false, 4, 3);
}

static int call_open(struct file *file)
{
	return ev_open(O_CLOEXEC | O_NONBLOCK);
}

static void check_open(struct __test_metadata *_metadata,
		       struct file *file, int nth, int ret)
{
	struct ev_pair pair;

	if (ret < 0)
		return;
	ASSERT_EQ(0, ev_connect(ret, ret, &pair));
	ASSERT_EQ(0, ev_ping(ret, ret, &pair));
	ASSERT_EQ(0, close(ret));
}

TEST_F(file, d5_open_that_fails_changes_nothing)
{
	struct tally tally;

	if (no_injection)
		SKIP(return, NO_INJECTION, no_injection);
	sweep(_metadata, &self->file, NULL, call_open, check_open, &tally);
	/* The path; the path's memory, struct file, and the driver's. */
	EXPECT_GE(tally.faults, 1);
	EXPECT_GE(tally.no_memory, 3);
}

static int closing_fd;

/* A file to close, with a masked port, a pending one, and one that is idle. */
static int prepare_close(struct file *file)
{
	struct ev_pair pairs[2];
	int fd, ret;

	fd = open_with_ports(pairs, 4);
	if (fd < 0)
		return fd;
	closing_fd = fd;
	ret = ev_notify(fd, pairs[0].a);
	if (ret)
		return ret;
	ret = ev_take(fd);
	if (ret != (int)pairs[0].b)
		return -EPROTO;
	return ev_notify(fd, pairs[1].a);
}

static int call_close(struct file *file)
{
	return close(closing_fd) ? -errno : 0;
}

static void check_close(struct __test_metadata *_metadata,
			struct file *file, int nth, int ret)
{
	ASSERT_EQ(0, ret) {
		TH_LOG("failure %d", nth);
	}
}

TEST_F(file, d5_close_needs_no_memory)
{
	struct tally tally;

	if (no_injection)
		SKIP(return, NO_INJECTION, no_injection);
	sweep(_metadata, &self->file, prepare_close, call_close, check_close, &tally);
}

static unsigned int unbind_port;

static int prepare_unbind(struct file *file)
{
	int ret = ev_bind_unbound(file->fd, EV_SELF);

	unbind_port = ret;
	return ret > 0 ? 0 : ret;
}

static int call_unbind(struct file *file)
{
	return ev_unbind(file->fd, unbind_port);
}

static void check_unbind(struct __test_metadata *_metadata,
			 struct file *file, int nth, int ret)
{
	if (ret) {
		ASSERT_EQ(-EFAULT, ret);
		ASSERT_EQ(EV_UNBOUND, ev_xen_status(unbind_port));
		ASSERT_EQ(0, ev_notify(file->fd, unbind_port));
		ASSERT_EQ(0, ev_unbind(file->fd, unbind_port));
	}
	ASSERT_EQ(-ENOTCONN, ev_unbind(file->fd, unbind_port));
}

TEST_F(file, d5_unbind_fails_only_for_its_argument)
{
	struct tally tally;

	if (no_injection)
		SKIP(return, NO_INJECTION, no_injection);
	sweep(_metadata, &self->file, prepare_unbind, call_unbind, check_unbind, &tally);
	EXPECT_EQ(1, tally.faults);
	EXPECT_EQ(0, tally.no_memory);
}

static int call_notify(struct file *file)
{
	return ev_notify(file->fd, file->pairs[1].a);
}

static void check_notify(struct __test_metadata *_metadata,
			 struct file *file, int nth, int ret)
{
	ev_settle();
	if (ret) {
		ASSERT_EQ(EV_POLL_IDLE, ev_poll(file->fd));
		return;
	}
	ASSERT_EQ(0, take_event(file->fd, file->pairs[1].b));
}

TEST_F(file, d16_notify_allocates_nothing)
{
	struct tally tally;

	if (no_injection)
		SKIP(return, NO_INJECTION, no_injection);
	ASSERT_EQ(0, set_failing_pages(true));
	sweep(_metadata, &self->file, NULL, call_notify, check_notify, &tally);
	/* The argument is all that can fail. */
	EXPECT_EQ(1, tally.faults);
	EXPECT_EQ(1, tally.chances);
}

/* An event at every port; nothing but the ring of the file has it. */
static int raise_all(struct file *file)
{
	int i, ret;

	for (i = 0; i < 2 * PAIRS; i++) {
		ret = ev_notify(file->fd, file->ports[i]);
		if (ret)
			return ret;
	}
	ev_settle();
	return 0;
}

/* Every port read, and so masked, and then notified of once more. */
static int mask_all(struct file *file)
{
	unsigned int ports[2 * PAIRS];
	int ret;

	ret = raise_all(file);
	if (ret)
		return ret;
	if (ev_read(file->fd, ports, sizeof(ports)) != sizeof(ports))
		return -EPROTO;
	return raise_all(file);
}

/* Reads @n events, which are all, and enables their ports: 0 or -errno. */
static int take_all(struct file *file, int n)
{
	unsigned int ports[2 * PAIRS + 1];
	int ret;

	ret = ev_read(file->fd, ports, sizeof(ports));
	if (ret != n * (int)sizeof(*ports))
		return ret < 0 ? ret : -EPROTO;
	ret = ev_write(file->fd, ports, ret);
	return ret < 0 ? ret : 0;
}

static int write_bytes;

static int call_write(struct file *file)
{
	return ev_write(file->fd, file->ports, write_bytes);
}

/* Either all that were written come, or none. */
static void check_write(struct __test_metadata *_metadata,
			struct file *file, int nth, int ret)
{
	int n = write_bytes / 4 < 2 * PAIRS ? write_bytes / 4 : 2 * PAIRS;

	ev_settle();
	if (ret < 0) {
		ASSERT_EQ(EV_POLL_IDLE, ev_poll(file->fd)) {
			TH_LOG("failure %d", nth);
		}
		/* The next write has what this one would have had. */
		ASSERT_EQ(write_bytes, call_write(file));
		ev_settle();
	} else {
		ASSERT_EQ(write_bytes, ret);
	}
	ASSERT_EQ(0, take_all(file, n)) {
		TH_LOG("failure %d", nth);
	}
	/* Those that were not written. */
	if (n == 2 * PAIRS)
		return;
	ASSERT_EQ((2 * PAIRS - n) * 4,
		  ev_write(file->fd, file->ports + n, (2 * PAIRS - n) * 4));
	ev_settle();
	/* Those taken first answered the notification that was folded. */
	ASSERT_EQ(0, take_all(file, 2 * PAIRS - n)) {
		TH_LOG("failure %d", nth);
	}
}

TEST_F(file, d16_small_write_allocates_nothing)
{
	struct tally tally;

	if (no_injection)
		SKIP(return, NO_INJECTION, no_injection);
	ASSERT_EQ(0, set_failing_pages(true));
	write_bytes = 4;
	sweep(_metadata, &self->file, mask_all, call_write, check_write, &tally);
	/* The ports that are written are all that can fail. */
	EXPECT_EQ(1, tally.faults);
	EXPECT_EQ(1, tally.chances);
}

TEST_F(file, d16_write_of_32_ports_allocates_nothing)
{
	struct tally tally;

	if (no_injection)
		SKIP(return, NO_INJECTION, no_injection);
	ASSERT_EQ(0, set_failing_pages(true));
	write_bytes = 32 * 4;
	sweep(_metadata, &self->file, mask_all, call_write, check_write, &tally);
	EXPECT_EQ(1, tally.faults);
	EXPECT_EQ(1, tally.chances);
}

TEST_F(file, large_write_that_fails_enables_nothing)
{
	struct tally tally;

	if (no_injection)
		SKIP(return, NO_INJECTION, no_injection);
	write_bytes = 1024 * 4;
	sweep(_metadata, &self->file, mask_all, call_write, check_write, &tally);
	EXPECT_EQ(1, tally.faults);
	EXPECT_GE(tally.no_memory, 1);
}

static int call_read(struct file *file)
{
	return ev_read(file->fd, file->ports + 512, 512 * 4);
}

static void check_read(struct __test_metadata *_metadata,
		       struct file *file, int nth, int ret)
{
	if (ret < 0) {
		ASSERT_EQ(-EFAULT, ret);
		ASSERT_EQ(EV_POLL_EVENT, ev_poll(file->fd));
		ret = call_read(file);
	}
	/* All of them, in the order in which they came. */
	ASSERT_EQ(2 * PAIRS * 4, ret) {
		TH_LOG("after failure %d", nth);
	}
	ASSERT_EQ(-1, ev_first_difference(file->ports + 512, file->ports + 256, 2 * PAIRS));
	ASSERT_EQ(ret, ev_write(file->fd, file->ports, ret));
}

/* raise_all(), and in ports[256] which other ends it was that heard of it. */
static int prepare_read(struct file *file)
{
	int i;

	for (i = 0; i < 2 * PAIRS; i++)
		file->ports[256 + i] = file->ports[i ^ 1];
	memset(file->ports + 512, 0, 512 * 4);
	return raise_all(file);
}

TEST_F(file, read_that_fails_takes_nothing)
{
	struct tally tally;

	if (no_injection)
		SKIP(return, NO_INJECTION, no_injection);
	sweep(_metadata, &self->file, prepare_read, call_read, check_read, &tally);
	/* More ports than are copied at once. */
	EXPECT_GE(tally.faults, 1);
	EXPECT_EQ(tally.chances, tally.faults);
}

static int call_poll(struct file *file)
{
	return ev_poll(file->fd);
}

static void check_poll(struct __test_metadata *_metadata,
		       struct file *file, int nth, int ret)
{
	if (ret >= 0)
		ASSERT_EQ(EV_POLL_IDLE, ret);
}

TEST_F(file, poll_that_fails_changes_nothing)
{
	struct tally tally;

	if (no_injection)
		SKIP(return, NO_INJECTION, no_injection);
	sweep(_metadata, &self->file, NULL, call_poll, check_poll, &tally);
	EXPECT_EQ(0, tally.no_memory);
}

static int epoll_fd;

static int call_epoll(struct file *file)
{
	struct epoll_event event = { .events = EPOLLIN };

	return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, file->fd, &event) ? -errno : 0;
}

static void check_epoll(struct __test_metadata *_metadata,
			struct file *file, int nth, int ret)
{
	struct epoll_event event;

	if (ret)
		ASSERT_EQ(0, call_epoll(file));
	ASSERT_EQ(0, ev_notify(file->fd, file->pairs[1].a));
	ASSERT_EQ(1, epoll_wait(epoll_fd, &event, 1, EV_GUARD_MS));
	ASSERT_EQ(0, take_event(file->fd, file->pairs[1].b));
	ASSERT_EQ(0, epoll_ctl(epoll_fd, EPOLL_CTL_DEL, file->fd, &event));
}

TEST_F(file, epoll_that_fails_changes_nothing)
{
	struct tally tally;

	if (no_injection)
		SKIP(return, NO_INJECTION, no_injection);
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	ASSERT_GE(epoll_fd, 0);
	sweep(_metadata, &self->file, NULL, call_epoll, check_epoll, &tally);
	/* What epoll itself keeps of a file, and its place in the wait queue. */
	EXPECT_GE(tally.no_memory, 2);
	close(epoll_fd);
}

static sig_atomic_t sigios;

static void on_sigio(int signo)
{
	sigios++;
}

static int call_fasync(struct file *file)
{
	return fcntl(file->fd, F_SETFL, O_NONBLOCK | O_ASYNC) ? -errno : 0;
}

static void check_fasync(struct __test_metadata *_metadata,
			 struct file *file, int nth, int ret)
{
	sigios = 0;
	if (ret) {
		ASSERT_EQ(-ENOMEM, ret);
		ASSERT_EQ(0, fcntl(file->fd, F_GETFL) & O_ASYNC);
		ASSERT_EQ(0, ev_ping(file->fd, file->fd, &file->pairs[1]));
		ASSERT_EQ(0, sigios);
		ASSERT_EQ(0, call_fasync(file));
	}
	ASSERT_EQ(0, ev_ping(file->fd, file->fd, &file->pairs[1]));
	ASSERT_EQ(2, sigios);
	ASSERT_EQ(0, fcntl(file->fd, F_SETFL, O_NONBLOCK));
}

TEST_F(file, sigio_that_fails_changes_nothing)
{
	struct sigaction action = { .sa_handler = on_sigio, .sa_flags = SA_RESTART };
	struct tally tally;

	if (no_injection)
		SKIP(return, NO_INJECTION, no_injection);
	ASSERT_EQ(0, sigaction(SIGIO, &action, NULL));
	ASSERT_EQ(0, fcntl(self->file.fd, F_SETOWN, getpid()));
	sweep(_metadata, &self->file, NULL, call_fasync, check_fasync, &tally);
	EXPECT_EQ(1, tally.no_memory);
	EXPECT_EQ(0, tally.faults);
}

/*
 * A number that Xen gives out twice: the port was closed behind its owner's
 * back. Whatever the second bind says, the owner's other bindings stay.
 */
TEST_F(file, d6_port_given_out_twice_leaves_other_bindings_alone)
{
	unsigned int twice = self->file.pairs[1].a;
	int fd, i;

	fd = ev_open(O_CLOEXEC | O_NONBLOCK);
	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, ev_xen_close(twice));
	EXPECT_EQ(-EBUSY, ev_bind_unbound(self->file.fd, EV_SELF));
	/* Xen's new port is the owner's now; once more, from another file. */
	EXPECT_EQ(0, ev_xen_close(twice));
	EXPECT_EQ(-EBUSY, ev_bind_unbound(fd, EV_SELF));

	for (i = 0; i < PAIRS; i++) {
		if (i == 1)
			continue;
		ASSERT_EQ(0, ev_ping(self->file.fd, self->file.fd, &self->file.pairs[i])) {
			TH_LOG("pair %d", i);
		}
	}
	for (i = 0; i < 2 * PAIRS; i++) {
		ASSERT_EQ(0, ev_unbind(self->file.fd, self->file.ports[i])) {
			TH_LOG("port %u", self->file.ports[i]);
		}
	}
	EXPECT_EQ(0, close(self->file.fd));
	EXPECT_EQ(0, close(fd));
	self->file.fd = -1;
	ASSERT_EQ(0, look(&now));
	EXPECT_EQ(0, differing_port(&self->at_start, &now.ports));
	EXPECT_EQ(0, ev_ping_fresh());
	expect_clean_log(_metadata, 0);
}

/*
 * Port numbers that the event core has no room for. Xen and the core keep what
 * they make for them, so that all that follows takes longer: these are late.
 */

/* Ports of one page of each of the event core's tables. */
#define TABLE_PORTS	1024

FIXTURE(tables)
{
	struct ports at_start;
	struct ev_pair pair;
	int fd;
	struct target targets[4];
};

FIXTURE_SETUP(tables)
{
	static const enum kind kinds[] = { VIRQ, UNBOUND, INTERDOMAIN, STATIC };
	const char *why;
	size_t i;

	self->fd = -1;
	why = open_world();
	if (why)
		SKIP(return, "%s", why);
	ASSERT_EQ(0, xen_ports(&self->at_start));
	self->fd = open_with_ports(&self->pair, 2);
	ASSERT_GE(self->fd, 0);
	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		ASSERT_EQ(0, find_target(&self->targets[i], kinds[i]));
}

FIXTURE_TEARDOWN(tables)
{
	close(self->fd);
	close_new_ports(&self->at_start);
	unload_module();
}

/*
 * Where the event core has no room for the port's number, and cannot make any,
 * it has closed the port when it returns. A static port, too: it is the one
 * failure in which the core closes it, and the driver cannot keep it from that.
 * What the driver may not do then is to close it once more.
 */
TEST_F(tables, d5_port_without_room_in_tables_is_closed_once)
{
	int fd = self->fd, number = 0, hook, nth, ret;
	struct target *target;
	size_t i;

	ret = load_module();
	if (ret)
		SKIP(return, NO_MODULE, strerror(-ret));

	for (i = 0; i < ARRAY_SIZE(self->targets); i++) {
		target = &self->targets[i];
		/* UNBIND tells a number that there is no room for. */
		do {
			number = xen_fill(TABLE_PORTS);
			if (number == -ENOSPC)
				SKIP(return, "the event ABI has room for every port (2-level)");
			ASSERT_GT(number, 0);
		} while (ev_unbind(fd, number) != -EINVAL);
		if (target->kind == STATIC) {
			target->offer = ev_xen_alloc_unbound(EV_SELF);
			ASSERT_EQ(number, target->offer);
		}

		/* First a row of evtchn_to_irq, then a page of the event array */
		for (nth = 1; nth <= 2; nth++) {
			ASSERT_EQ(0, look(&then));
			hook = fail_call("get_free_pages_noprof", 0, nth);
			ASSERT_GE(hook, 0) {
				TH_LOG("no kprobe: %s", strerror(-hook));
			}
			ret = do_bind(target, fd);
			ASSERT_EQ(nth, count_calls(hook));
			close(hook);
			ASSERT_EQ(-ENOMEM, ret);
			if (target->kind == STATIC)
				ASSERT_EQ(EV_UNBOUND, ev_xen_status(number));
			expect_unchanged(_metadata, nth);
			ASSERT_EQ(-EINVAL, ev_unbind(fd, number));
			ASSERT_EQ(0, ev_ping(fd, fd, &self->pair));
		}
		ASSERT_EQ(number, do_bind(target, fd));
		ASSERT_EQ(0, check_bound(target, fd, number));
		ASSERT_EQ(0, ev_unbind(fd, number));
		expect_unchanged(_metadata, 0);
	}
}

/*
 * The module itself
 */

#define DRIVER		"xen_evtchn"

/* Where the guest has it; a distribution's is compressed and found by modprobe. */
static const char *driver_path(void)
{
	return getenv("EVTCHN_DRIVER") ?: "/lib/xen-evtchn.ko";
}

FIXTURE(driver)
{
	int log;
};

FIXTURE_SETUP(driver)
{
	int ret;

	self->log = ev_log_open();
	ASSERT_GE(self->log, 0);
	ret = load_module();
	if (ret)
		SKIP(return, NO_MODULE, strerror(-ret));
	if (access(driver_path(), R_OK))
		SKIP(return, "no driver to load in $EVTCHN_DRIVER or %s", driver_path());
}

FIXTURE_TEARDOWN(driver)
{
	char record[EV_LOG_RECORD] = "";

	unload_module();
	EXPECT_EQ(0, ev_log_trouble(self->log, record))
		TH_LOG("%s", record);
	close(self->log);
}

TEST_F(driver, load_that_fails_leaves_nothing)
{
	int hook, ret;

	ret = syscall(__NR_delete_module, DRIVER, O_NONBLOCK) ? -errno : 0;
	if (ret)
		SKIP(return, "the driver is not a module, or in use: %s", strerror(-ret));

	hook = fail_call("misc_register", -ENOMEM, 1);
	ASSERT_GE(hook, 0);
	EXPECT_EQ(-ENOMEM, ev_insmod(driver_path()));
	EXPECT_EQ(1, count_calls(hook));
	close(hook);
	EXPECT_NE(0, access(EV_DEVICE, F_OK));

	/* A name that stayed would be in the way of the next. */
	ASSERT_EQ(0, ev_insmod(driver_path()));
	EXPECT_EQ(0, ev_ping_fresh());
}

/*
 * Last: what all the tests before have left behind
 */

FIXTURE(last)
{
	int unused;
};

FIXTURE_SETUP(last)
{
}

FIXTURE_TEARDOWN(last)
{
}

#define KMEMLEAK	DEBUGFS "kmemleak"

/* The first report in @text that names @what, or NULL. */
static char *find_leak(char *text, const char *what)
{
	char *report, *next;
	bool found;

	for (report = strstr(text, "unreferenced object"); report; report = next) {
		next = strstr(report + 1, "unreferenced object");
		if (next)
			next[-1] = '\0';
		found = strstr(report, what);
		if (next)
			next[-1] = '\n';
		if (found)
			return report;
	}
	return NULL;
}

/* The allocator's own stale addresses of lost objects, overwritten. */
static void churn_bindings(struct __test_metadata *_metadata)
{
	struct ev_pair pairs[32];
	int fd;

	fd = open_with_ports(pairs, 64);
	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, close(fd));
}

TEST_F(last, d5_no_memory_leaks)
{
	static char text[1 << 18];
	int fd, ret, scans;
	size_t len;
	ssize_t n;

	if (access(KMEMLEAK, R_OK))
		SKIP(return, "the kernel has no CONFIG_DEBUG_KMEMLEAK (" KMEMLEAK ")");
	ret = load_module();
	if (ret)
		SKIP(return, NO_MODULE, strerror(-ret));

	churn_bindings(_metadata);
	ASSERT_EQ(0, write_text(DEBUGFS MODULE "/leak", "1"));
	scans = 0;
	/* Younger memory than 5 s may just not be linked yet. */
	sleep(6);
	/* A scan takes nothing for lost that has changed since the last one. */
	do {
		ASSERT_EQ(0, write_text(KMEMLEAK, "scan"));
		fd = open(KMEMLEAK, O_RDONLY | O_CLOEXEC);
		ASSERT_GE(fd, 0);
		len = 0;
		do {
			n = read(fd, text + len, sizeof(text) - 1 - len);
			if (n > 0)
				len += n;
		} while (n > 0 && len < sizeof(text) - 1);
		close(fd);
		ASSERT_EQ(0, n);
		text[len] = '\0';
	} while (++scans < 4 && (scans < 2 || !find_leak(text, "[" MODULE "]")));

	/* The scan sees what is lost: the module has done that. */
	EXPECT_NE(NULL, find_leak(text, "[" MODULE "]"));
	EXPECT_EQ(NULL, find_leak(text, "[xen_evtchn]")) {
		TH_LOG("%.1500s", find_leak(text, "[xen_evtchn]"));
	}
	/* Built in, or the event core's. */
	EXPECT_EQ(NULL, find_leak(text, " evtchn_")) {
		TH_LOG("%.1500s", find_leak(text, " evtchn_"));
	}
	EXPECT_EQ(NULL, find_leak(text, "bind_evtchn_to_irq")) {
		TH_LOG("%.1500s", find_leak(text, "bind_evtchn_to_irq"));
	}
	EXPECT_EQ(0, write_text(DEBUGFS MODULE "/leak", "0"));
	EXPECT_EQ(0, unload_module());
}

TEST_F(last, kernel_log_is_clean)
{
	char record[EV_LOG_RECORD] = "";

	if (main_log_fd < 0)
		SKIP(return, "no /dev/kmsg: %s", strerror(-main_log_fd));
	EXPECT_EQ(0, ev_log_trouble(main_log_fd, record)) {
		TH_LOG("%s", record);
	}
}

int main(int argc, char **argv)
{
	ev_require_device();
	main_log_fd = ev_log_open();
	count_other_irqs(other_irqs);
	no_injection = set_up_injection();
	write_text(KMEMLEAK, "clear");
	return test_harness_run(argc, argv);
}
