/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Common code of the tests of /dev/xen/evtchn: each call of the device as a
 * function that returns its result or -errno, loopbacks inside this domain, the
 * state of a port in Xen, threads that sleep, modules, and the kernel log.
 */
#ifndef _SELFTESTS_XEN_COMMON_H
#define _SELFTESTS_XEN_COMMON_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Programs that are not tests do not need the harness. */
#ifdef EV_NO_HARNESS
#include "../kselftest.h"
#else
#include "../kselftest_harness.h"
#endif

/* Seconds after which a test counts as hung: emulated guests are slow. */
#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT	120

/* <xen/evtchn.h> needs it to be defined before. */
#define domid_t uint16_t
#include <xen/evtchn.h>

#define EV_DEVICE	"/dev/xen/evtchn"

/* Xen's name for the calling domain, and the highest possible id: none has it. */
#define EV_SELF		0x7ff0u
#define EV_NO_DOMAIN	0x7fefu

/* A hang guard, not a measure: it only ends a wait that would not end. */
#define EV_GUARD_MS	20000

/* The result of poll() on an empty ring, and on one that has an event. */
#define EV_POLL_IDLE	(POLLOUT | POLLWRNORM)
#define EV_POLL_EVENT	(EV_POLL_IDLE | POLLIN | POLLRDNORM)

int ev_open(int flags);
int ev_ioctl(int fd, unsigned long cmd, const void *arg);
int ev_bind_virq(int fd, unsigned int virq);
int ev_bind_unbound(int fd, unsigned int domain);
int ev_bind_interdomain(int fd, unsigned int domain, unsigned int port);
int ev_bind_static(int fd, unsigned int port);
int ev_unbind(int fd, unsigned int port);
int ev_notify(int fd, unsigned int port);
int ev_reset(int fd);
int ev_restrict(int fd, unsigned int domain);
int ev_read(int fd, void *buf, size_t bytes);
int ev_write(int fd, const void *buf, size_t bytes);
int ev_enable(int fd, unsigned int port);
/* The result of poll() at once, and after waiting for an event. */
int ev_poll(int fd);
int ev_wait(int fd);
/* Waits for an event and takes it: the port, or -errno. */
int ev_take(int fd);
/* The next event, after all sent ones are handled: the port, or -errno. */
int ev_next(int fd);

/* Binds a VIRQ that nobody has, which it writes to @virq: the port or -errno. */
int ev_bind_any_virq(int fd, unsigned int *virq);

/* Moves the calling thread to that CPU: 0 or -errno. */
int ev_pin(int cpu);
/*
 * Returns when every event that was sent before has been handled, unless
 * handlers are threads ("threadirqs", PREEMPT_RT).
 */
void ev_settle(void);
int ev_notify_settled(int fd, unsigned int port);

/* Two connected ports: a notification of one is an event of the other. */
struct ev_pair {
	unsigned int a;	/* from BIND_UNBOUND_PORT */
	unsigned int b;	/* from BIND_INTERDOMAIN */
};

/*
 * Connects @fd_a to @fd_b, whose end then has an event, of BIND_INTERDOMAIN.
 * Returns 0 or -errno.
 */
int ev_bind_pair(int fd_a, int fd_b, struct ev_pair *pair);
/*
 * Connects @fd_a to @fd_b (which may be the same file, but nothing else may
 * be pending there), with the event taken that BIND_INTERDOMAIN causes: both
 * ports are enabled and quiet. Returns 0 or -errno.
 */
int ev_connect(int fd_a, int fd_b, struct ev_pair *pair);
/* The same for many pairs of a file that is new. */
int ev_connect_many(int fd, struct ev_pair *pairs, int n);
/* A notification from one port is the next event at another: 0, or -errno. */
int ev_pass(int from_fd, unsigned int from, int to_fd, unsigned int to);
/* A notification of each end arrives at the other: 0, or -errno. */
int ev_ping(int fd_a, int fd_b, const struct ev_pair *pair);
/* Whether a new pair in a file of its own works: 0, or -errno. */
int ev_ping_fresh(void);
/*
 * Whether a loopback's port, of any file, is not connected any more, because
 * its peer was closed: 1, 0 or -errno. Needs no privcmd.
 */
int ev_is_alone(unsigned int port);

/* Writes @text to the file, or reads up to @size - 1 bytes: 0 or -errno. */
int ev_write_file(const char *path, const char *text);
int ev_read_file(const char *path, char *text, size_t size);
/* Sets all files that match, as by glob(): how many; and restores them. */
int ev_set(const char *pattern, const char *value);
void ev_put_back(void);
/* How many irqs there are whose action has this name, or -errno. */
int ev_count_irqs(const char *action);

/* A thread that polls, or reads one port. */
struct ev_sleeper {
	pthread_t thread;
	int fd;
	short poll;		/* events to poll for; 0 to read */
	atomic_int tid, done;
	int ret;
	unsigned int port;
};

/* Starts one, and returns when it sleeps: 0 or an errno as of pthread_create() */
int ev_sleeper_start(struct ev_sleeper *sleeper, int fd, short poll);
/*
 * Returns when it sleeps, or is done. If neither can be detected, the test
 * shows less, but its result is still right.
 */
void ev_sleeper_wait(struct ev_sleeper *sleeper);

/*
 * Loads the module from $EVTCHN_MODULES, or from test_modules beside the
 * program. Returns NULL, or what is missing. The other function unloads it,
 * unless it was loaded before.
 */
const char *ev_load_module(const char *name);
int ev_unload_module(const char *name);

/*
 * Event channels without the driver, by hypercalls through /dev/xen/privcmd.
 * That serves privileged domains, and no 32-bit programs.
 */
enum { EV_CLOSED, EV_UNBOUND, EV_INTERDOMAIN, EV_PIRQ, EV_VIRQ, EV_IPI };

/* Arguments of the operations, in the layout of Xen's event_channel.h. */
union ev_xen_arg {
	struct {
		uint16_t remote_dom;
		uint32_t remote_port, local_port;
	} bind_interdomain;
	struct {
		uint32_t virq, vcpu, port;
	} bind_virq;
	struct {
		uint32_t port;
	} close, send;
	struct {
		uint16_t dom;
		uint32_t port, status, vcpu;
		union {
			struct {
				uint16_t dom;
				uint32_t port;
			} interdomain;
			uint32_t virq;
		};
	} status;
	struct {
		uint16_t dom, remote_dom;
		uint32_t port;
	} alloc_unbound;
};

/* NULL, or what is missing for hypercalls; set when the program begins. */
extern const char *ev_xen_missing;

int ev_xen_close(unsigned int port);
int ev_xen_send(unsigned int port);
/* Make a port that the kernel does not know, as a static one; or -errno. */
int ev_xen_bind_virq(unsigned int virq);
int ev_xen_alloc_unbound(unsigned int domain);
int ev_xen_bind_interdomain(unsigned int domain, unsigned int port);
/* The state in Xen of a port of this domain: 0 or -errno. */
int ev_xen_query(unsigned int port, union ev_xen_arg *arg);
/* EV_CLOSED to EV_IPI; or -errno. Beyond Xen's table that is -EINVAL. */
int ev_xen_status(unsigned int port);
/*
 * How many ports of this domain are connected to itself, or wait for that; or
 * -errno. The kernel's own ones are constant, but other programs, and the
 * toolstack for disks of dom0, may open and close some. So the second function
 * counts only if $EVTCHN_ALONE says that nobody else does.
 */
int ev_xen_count_loopbacks(void);
int ev_loopbacks_if_alone(void);

/* Holds the longest record. */
#define EV_LOG_RECORD	8192

/*
 * Looks for complaints in the kernel log, since the program began or the last
 * call, that involve the driver, the event core or a test program. Messages
 * that something is slow do not count. Returns 1 with the complaint's first
 * record, 0 if there is none, or -errno.
 */
int ev_log_trouble(char record[EV_LOG_RECORD]);

#endif /* _SELFTESTS_XEN_COMMON_H */
