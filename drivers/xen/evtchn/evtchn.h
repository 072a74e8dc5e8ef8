/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * /dev/xen/evtchn: Xen event channels for user space. What all parts of the
 * driver share: the states of a binding, the lock order and the structures.
 */

/**
 * DOC: the parts
 *
 * An open file holds bindings. A binding ties an event channel's local port to
 * an irq of the Xen event core. When the port's event arrives, the interrupt
 * handler puts the port's number into the file's ring. read() takes numbers out
 * of the ring. write() of a number sends the port's EOI, which lets the next
 * event of that port through.
 *
 * Each part calls only those below it::
 *
 *	core.c	the module, the device and its file operations
 *	ioctl.c	user structures, and what a restricted file may do
 *	bind.c	bindings: ports, irqs, EOIs and hypercalls
 *	eventfd.c	eventfds that are tied to a port
 *	ring.c	the queue of port numbers, and its waiters
 *	trace.c	the trace event
 *
 * A "sink" is the eventfd that EVENTFD gives a port, a "notifyfd" that of
 * NOTIFYFD. eventfd.c calls bind.c back when a sink was read.
 */

/**
 * DOC: the states of a binding
 *
 * ::
 *
 *	bind             interrupt (the port is pushed)
 *	----> enabled -----------------------------> masked --.
 *	         ^                                    |  ^    | interrupt
 *	         '------------------------------------'  |    v
 *	               write() of the port (EOI)         masked, missed
 *	                                                 |
 *	              write(): EOI, and pushed again <---'
 *
 *	any of these ---- the irq is released ----> closing
 *
 * In state "masked", the port was pushed, and its next event waits in Xen until
 * write().
 *
 * In state "missed", the handler was called again before the port was written:
 * the irq core replayed an interrupt that came while the handler ran on another
 * CPU, or another handler of the irq sent an EOI. The event must not be lost,
 * but a second entry of the port would not fit into the ring. So write()
 * delivers the event.
 *
 * With EVTCHN_FEATURE_READ_ENABLES, read() does what write() does, for the
 * ports that it returns. If a port has an eventfd, its events signal the
 * eventfd instead of entering the ring. If a read of the eventfd enables the
 * port, it does what write() does, but drops a missed event: the reader looks
 * for work after its read.
 *
 * An event that moves from an eventfd into the ring may have been read before.
 * So write() does nothing while the port is in the ring (UEVTCHN_LOOK).
 *
 * In state "closing", the handler may still be called, and does nothing. UNBIND
 * and the last close lead to this state, and a bind does for lost bindings.
 *
 * A restore of the domain (or a migration) makes Xen forget every port. The
 * bindings from before are lost: NOTIFY and write() do not find them any more,
 * but UNBIND does. The event core has taken the port from their irqs, so
 * operations by irq are harmless.
 */

/**
 * DOC: locks
 *
 * Outermost first::
 *
 *	file->bind_lock		bind, UNBIND, RESTRICT_DOMID, NOTIFYFD, EVENTFD
 *	  file->lock		for reading: NOTIFY, STATUS, write(), reads that
 *				enable; for writing: UNBIND, bind, EVENTFD
 *	    ring->wait.lock	the ring; also taken by interrupts
 *	    an eventfd's wait queue	also taken by interrupts. The driver's
 *				waiters run under it, and take no lock of the driver
 *
 * NOTIFY, STATUS and write() look up a binding and use it under file->lock.
 * UNBIND removes it under the same lock, taken for writing. After that, no
 * NOTIFY or EOI under way can hit the next owner of the port, to which Xen may
 * give the number at once. The last close does not need the lock, as nobody
 * else uses the file; nor do lost bindings, as NOTIFY and write() do not find
 * them. No function that sleeps is called with file->lock held.
 *
 * On PREEMPT_RT, a writer of file->lock waits for readers that were preempted, and
 * does not lend them its priority: there, a thread that gets no CPU within NOTIFY
 * can keep UNBIND waiting.
 */
#ifndef _XEN_EVTCHN_EVTCHN_H
#define _XEN_EVTCHN_EVTCHN_H

#include <linux/bits.h>
#include <linux/err.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/tracepoint-defs.h>
#include <linux/types.h>
#include <linux/wait.h>

#include <xen/interface/xen.h>
#include <xen/interface/event_channel.h>

struct fasync_struct;
struct file;
struct seq_file;

/**
 * struct uevtchn_ring - bounded queue of ports, oldest first
 * @wait:	waiters of read() and poll(). Its lock guards all fields except
 *		@fasync. @used and @overflow may be tested without it, as by
 *		poll(), and @size by uevtchn_ring_reserve(), its only writer
 * @fasync:	receivers of SIGIO; managed by fasync_helper()
 * @slots:	the memory, @size ports; NULL while @size is 0
 * @size:	number of slots: 0, or a power of two
 * @head:	index of the oldest port, modulo @size; wraps at 2^32
 * @used:	how many ports are queued
 * @peeked:	how many of these a reader is copying out. They stay queued
 *		until uevtchn_ring_end()
 * @reading:	a reader is between uevtchn_ring_begin() and uevtchn_ring_end()
 * @contended:	another reader found @reading set, and may sleep
 * @overflow:	a port was dropped because the ring was full; cleared by
 *		uevtchn_ring_reset() only
 */
struct uevtchn_ring {
	wait_queue_head_t wait;
	struct fasync_struct *fasync;
	evtchn_port_t *slots;
	u32 size;
	u32 head;
	u32 used;
	u32 peeked;
	bool reading;
	bool contended;
	bool overflow;
};

/* The first bind gives a ring this many slots: 256 bytes, user ABI. */
#define UEVTCHN_MIN_SIZE	64

void uevtchn_ring_init(struct uevtchn_ring *ring);
void uevtchn_ring_destroy(struct uevtchn_ring *ring);
int uevtchn_ring_reserve(struct uevtchn_ring *ring, u32 ports);
void uevtchn_ring_push(struct uevtchn_ring *ring, evtchn_port_t port);
int uevtchn_ring_begin(struct uevtchn_ring *ring, evtchn_port_t *ports, u32 max,
		       bool nonblock);
u32 uevtchn_ring_more(struct uevtchn_ring *ring, evtchn_port_t *ports, u32 max);
void uevtchn_ring_end(struct uevtchn_ring *ring, bool taken);
bool uevtchn_ring_has(struct uevtchn_ring *ring, evtchn_port_t port);
void uevtchn_ring_withdraw(struct uevtchn_ring *ring, evtchn_port_t port);
void uevtchn_ring_reset(struct uevtchn_ring *ring);

/**
 * uevtchn_ring_is_idle() - whether there is neither a port nor an overflow
 * @ring: the ring
 *
 * Takes no lock: a push that it does not see counts as a later one.
 *
 * Context: any.
 * Return: true if there is neither.
 */
static inline bool uevtchn_ring_is_idle(const struct uevtchn_ring *ring)
{
	return !READ_ONCE(ring->used) && !READ_ONCE(ring->overflow);
}

/* An irq action is named this, followed by the name of the opener's task. */
#define UEVTCHN_NAME		"evtchn:"

/* The restrict_domid of a file without a restriction. No domain has this id. */
#define UEVTCHN_UNRESTRICTED	DOMID_INVALID

/*
 * A flag in @features: a port was written although reads enable, or an event
 * was moved from an eventfd into the ring. From then on, a port that is to be
 * enabled may be in the ring already, which may have no slot for a second
 * entry. So the ring is searched first, and a queued port stays masked until
 * that entry is read.
 */
#define UEVTCHN_LOOK		BIT(30)

/**
 * struct uevtchn_file - what an open file of the device owns
 * @ring:	events that wait for read()
 * @bind_lock:	held by bind, UNBIND, RESTRICT_DOMID, NOTIFYFD and EVENTFD
 *		throughout, and by fdinfo
 * @lock:	guards @table, @table_size, and the @sink of bindings. They are
 *		changed with both locks held
 * @table:	the bindings, by the low bits of their ports
 * @table_size:	number of lists in @table: 0, or a power of two
 * @nr_bindings: how many bindings have an irq; the ring has no fewer slots.
 *		Under @bind_lock
 * @restores:	xen_evtchn_restores when the irqs of lost bindings were last
 *		released. Under @bind_lock
 * @restrict_domid: UEVTCHN_UNRESTRICTED, or the only domain to which
 *		BIND_INTERDOMAIN may bind. Set once, under @bind_lock
 * @features:	the features that were switched on, and UEVTCHN_LOOK; no bit is
 *		cleared again
 * @name:	name of the irq action; constant after open
 */
struct uevtchn_file {
	struct uevtchn_ring ring;
	struct mutex bind_lock; /* outside lock */
	rwlock_t lock; /* outside ring.wait.lock */
	struct hlist_head *table;
	unsigned int table_size;
	unsigned int nr_bindings;
	unsigned int restores;
	domid_t restrict_domid;
	atomic_t features;
	char name[sizeof(UEVTCHN_NAME) + TASK_COMM_LEN];
};

/**
 * struct uevtchn_request - what a bind command wants from Xen
 * @op:		the hypercall, EVTCHNOP_*: it makes the port, or is
 *		EVTCHNOP_status for a static port, which exists already and is
 *		never closed
 * @arg:	its argument
 * @port:	where in @arg the port's number is
 * @allowed_to:	a file that is restricted to this domain may bind the port, too.
 *		UEVTCHN_UNRESTRICTED: no restricted file may
 */
struct uevtchn_request {
	unsigned int op;
	union {
		struct evtchn_bind_virq virq;
		struct evtchn_bind_interdomain interdomain;
		struct evtchn_alloc_unbound unbound;
		struct evtchn_status status;
	} arg;
	evtchn_port_t *port;
	domid_t allowed_to;
};

/**
 * struct uevtchn_status - the state of a port
 * @xen:	Xen's answer; closed if the port was lost in a restore
 * @irq:	the irq; 0 if the port was lost in a restore
 * @is_masked:	an event was delivered, and the port was not enabled since
 * @is_static:	BIND_STATIC has bound it
 * @has_eventfd: an eventfd gets its events
 * @has_notifyfd: writes to an eventfd notify it
 */
struct uevtchn_status {
	struct evtchn_status xen;
	unsigned int irq;
	bool is_masked;
	bool is_static;
	bool has_eventfd;
	bool has_notifyfd;
};

struct uevtchn_binding;
struct uevtchn_notifyfd;
struct uevtchn_sink;

#ifdef CONFIG_EVENTFD
struct uevtchn_sink *
uevtchn_sink_make(int fd, void (*was_read)(struct uevtchn_binding *binding),
		  struct uevtchn_binding *binding);
void uevtchn_sink_signal(struct uevtchn_sink *sink);
bool uevtchn_sink_collides(const struct uevtchn_sink *one,
			   const struct uevtchn_sink *other);
bool uevtchn_sink_attach(struct uevtchn_sink *sink);
void uevtchn_sink_detach(struct uevtchn_sink *sink);
void uevtchn_sink_free(struct uevtchn_sink *sink);
int uevtchn_notifyfd_set(struct uevtchn_notifyfd **slot, int fd, int irq);
void uevtchn_notifyfd_clear(struct uevtchn_notifyfd **slot);
#else
/* Without eventfds, no command makes a sink or a notifyfd. */
static inline struct uevtchn_sink *
uevtchn_sink_make(int fd, void (*was_read)(struct uevtchn_binding *binding),
		  struct uevtchn_binding *binding)
{
	return ERR_PTR(-ENOSYS);
}

static inline void uevtchn_sink_signal(struct uevtchn_sink *sink) {}
static inline void uevtchn_sink_detach(struct uevtchn_sink *sink) {}
static inline void uevtchn_sink_free(struct uevtchn_sink *sink) {}

static inline bool uevtchn_sink_attach(struct uevtchn_sink *sink)
{
	return false;
}

static inline bool uevtchn_sink_collides(const struct uevtchn_sink *one,
					 const struct uevtchn_sink *other)
{
	return false;
}

static inline int uevtchn_notifyfd_set(struct uevtchn_notifyfd **slot, int fd,
				       int irq)
{
	return -ENOSYS;
}

static inline void uevtchn_notifyfd_clear(struct uevtchn_notifyfd **slot)
{
}
#endif

/* Values of the trace event; macros, so that its format shows the numbers. */
#define UEVTCHN_TRACE_BIND	0
#define UEVTCHN_TRACE_UNBIND	1
#define UEVTCHN_TRACE_LOST	2
#define UEVTCHN_TRACE_EVENT	3
#define UEVTCHN_TRACE_MISSED	4
#define UEVTCHN_TRACE_OVERFLOW	5
#define UEVTCHN_TRACE_ENABLE	6
#define UEVTCHN_TRACE_NOTIFY	7

DECLARE_TRACEPOINT(xen_evtchn_port);

/* Inline, so that it costs only a branch while nobody traces. */
static inline bool uevtchn_is_traced(void)
{
	return tracepoint_enabled(xen_evtchn_port);
}

void uevtchn_trace(const struct uevtchn_file *file, evtchn_port_t port, int irq,
		   u32 what);

void uevtchn_init(struct uevtchn_file *file);
int uevtchn_bind(struct uevtchn_file *file, struct uevtchn_request *req);
int uevtchn_unbind(struct uevtchn_file *file, evtchn_port_t port);
int uevtchn_restrict(struct uevtchn_file *file, domid_t domid);
void uevtchn_release(struct uevtchn_file *file);
int uevtchn_notify(struct uevtchn_file *file, evtchn_port_t port);
int uevtchn_set_eventfd(struct uevtchn_file *file, evtchn_port_t port, int fd,
			bool read_enables);
int uevtchn_set_notifyfd(struct uevtchn_file *file, evtchn_port_t port, int fd);
int uevtchn_status(struct uevtchn_file *file, evtchn_port_t port,
		   struct uevtchn_status *status);
void uevtchn_show(struct uevtchn_file *file, struct seq_file *m);
void uevtchn_enable(struct uevtchn_file *file, const evtchn_port_t *ports,
		    unsigned int nr);
void uevtchn_enable_featured(struct uevtchn_file *file,
			     const evtchn_port_t *ports, unsigned int nr,
			     bool written);

long uevtchn_ioctl(struct file *filp, unsigned int cmd, unsigned long addr);

#endif /* _XEN_EVTCHN_EVTCHN_H */
