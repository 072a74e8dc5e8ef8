/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * /dev/xen/evtchn: Xen event channels for user space. The parts of the driver,
 * and what holds for all of them; Documentation/userspace-api/xen-evtchn.rst
 * shows it, too.
 */

/**
 * DOC: the parts
 *
 * An open file holds bindings. A binding ties an event channel's local port
 * to an irq of the Xen event core. When the port's event arrives, the
 * interrupt handler puts the port's number into the file's ring; read() takes
 * numbers out of the ring; write() of a number sends the port's EOI, which
 * lets the next event of that port through::
 *
 *	Xen --irq--> bind.c --event--> core.c --push--> ring.c
 *	Xen <--EOI-- bind.c <-enable-- core.c <--peek-- ring.c
 *	Xen <-calls- bind.c <--------- ioctl.c
 *
 *	core.c	knows struct file: open, read, write, poll, SIGIO, release
 *	ring.c	knows numbers in a queue, and nothing of Xen
 *	ioctl.c	knows user structures, and what a restricted file may do
 *	bind.c	knows Xen: hypercalls, irqs, EOI, and who closes a port
 */

/**
 * DOC: the states of a binding
 *
 * The state is one atomic word, &evtchn_binding.state, so that the interrupt
 * handler, write() and UNBIND agree without a lock::
 *
 *	bind             interrupt (port pushed)
 *	----> enabled -----------------------------> masked --.
 *	         ^                                    |  ^    | interrupt
 *	         '------------------------------------'  |    v
 *	               write() of the port (EOI)         masked, missed
 *	                                                 |
 *	                   write(): EOI, pushed again <--'
 *
 *	any of these ---- UNBIND, release ----> closing ----> freed
 *
 * "masked": the port was pushed, and Xen's event stays masked until write().
 *
 * "missed": the handler was called though nobody had written the port. The irq
 * core replays an interrupt that came on another CPU while the handler ran, and
 * whoever shares the irq line may send the EOI. The event must not be lost and
 * must not be pushed twice: write() delivers it.
 *
 * "closing" is final: the handler may still be called, and pushes nothing.
 *
 * After a restore (migration, resume from a saved image) Xen has forgotten
 * every port. The irq of a binding lives on, with no port behind it: such a
 * binding is dead. It is off evtchn_rows, so NOTIFY and write() do not find
 * it, and only waits on its file's list for UNBIND or release.
 */

/**
 * DOC: why nothing is touched after it is gone
 *
 * NOTIFY and write() look a binding up under RCU and count themselves as its
 * user in the state word, unless "closing" is set. Whoever removes a binding
 * sets "closing", waits for the count to reach zero, then frees the irq
 * (which waits for a running handler), then lets go of the port, and frees
 * the memory after a grace period. Hence a send or an EOI that is under way
 * ends while the port is still ours: it never reaches the next owner, to whom
 * Xen may give the number at once. What a user does while it is counted takes
 * a hypercall's time at most, and waits for nothing that programs control.
 */

/**
 * DOC: locks
 *
 * Outermost first; those of two groups are never held together::
 *
 *	file->read_lock	    one reader at a time; held across the copy to user
 *			    memory, so it is only ever waited for interruptibly
 *			    and nothing but read() takes it
 *
 *	evtchn_save_sem	    from before a save until after the restore; and
 *			    release, so that none runs then (bind.c)
 *
 *	file->bind_lock	    bind and unbind on one file
 *	  evtchn_claim_lock   from the hypercall that makes a port until the
 *			      event core has it (bind.c)
 *	    (the event core's mutex)
 *
 * ring->lock is taken inside the first and the last group, and by interrupts;
 * nothing is taken inside it: wake-ups, which take file->wait.lock, come after.
 * NOTIFY, write(), poll() and the interrupt take none of the others.
 */
#ifndef _XEN_EVTCHN_EVTCHN_H
#define _XEN_EVTCHN_EVTCHN_H

#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/lockdep.h>
#include <linux/mutex.h>
#include <linux/rculist.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>

#include <asm/barrier.h>

#include <xen/interface/xen.h>
#include <xen/interface/event_channel.h>

struct fasync_struct;

/**
 * struct evtchn_ring - bounded queue of ports, oldest first
 * @lock:	guards every field; taken with interrupts off. @prod, @cons and
 *		@overflow are also loaded without it
 * @slots:	the memory, @size ports; NULL while @size is 0
 * @size:	number of slots: 0, or a power of two
 * @prod:	index of the next push; runs freely and wraps at 2^32
 * @cons:	index of the oldest port; @prod - @cons ports are queued
 * @peeked:	how many of the oldest ports a reader is copying out; they
 *		stay queued until evtchn_ring_finish()
 * @overflow:	a port was dropped because the ring was full; cleared by
 *		evtchn_ring_reset() only
 */
struct evtchn_ring {
	spinlock_t lock; /* see above; innermost */
	evtchn_port_t *slots;
	u32 size;
	u32 prod;
	u32 cons;
	u32 peeked;
	bool overflow;
};

/**
 * enum evtchn_push - what evtchn_ring_push() did, and so whom to wake
 * @EVTCHN_PUSH_FIRST:	queued, and the only port that no reader has yet
 * @EVTCHN_PUSH_MORE:	queued behind another that was announced before
 * @EVTCHN_PUSH_OVERFLOW: dropped, and the first one since the last reset
 * @EVTCHN_PUSH_DROPPED: dropped, the overflow was announced before
 */
enum evtchn_push {
	EVTCHN_PUSH_FIRST,
	EVTCHN_PUSH_MORE,
	EVTCHN_PUSH_OVERFLOW,
	EVTCHN_PUSH_DROPPED,
};

/* What evtchn_ring_status() returns, or-ed; 0 is an empty ring. */
#define EVTCHN_RING_READABLE	BIT(0)
#define EVTCHN_RING_OVERFLOW	BIT(1)

/* The first bind gives a ring this many slots: 256 bytes, user ABI. */
#define EVTCHN_RING_MIN_SIZE	64

void evtchn_ring_init(struct evtchn_ring *ring);
void evtchn_ring_destroy(struct evtchn_ring *ring);
int evtchn_ring_reserve(struct evtchn_ring *ring, u32 ports);
int evtchn_ring_peek(struct evtchn_ring *ring, evtchn_port_t *ports, u32 max);
void evtchn_ring_finish(struct evtchn_ring *ring, bool taken);
void evtchn_ring_withdraw(struct evtchn_ring *ring, evtchn_port_t port);
void evtchn_ring_reset(struct evtchn_ring *ring);

/**
 * evtchn_ring_push() - queue a port
 * @ring: the ring
 * @port: the port's number
 *
 * Context: @ring->lock held, which the caller takes as its context asks for.
 * Return: what became of the port, see &enum evtchn_push. The caller wakes
 * readers on EVTCHN_PUSH_FIRST and pollers on EVTCHN_PUSH_OVERFLOW, when it
 * has let go of the lock.
 */
static inline enum evtchn_push evtchn_ring_push(struct evtchn_ring *ring,
						evtchn_port_t port)
{
	u32 used = ring->prod - ring->cons;
	bool again;

	lockdep_assert_held(&ring->lock);

	if (used < ring->size) {
		ring->slots[ring->prod & (ring->size - 1)] = port;
		WRITE_ONCE(ring->prod, ring->prod + 1);
		/* A reader that is copying all the others out may stop there. */
		return used == ring->peeked ? EVTCHN_PUSH_FIRST :
					      EVTCHN_PUSH_MORE;
	}

	again = ring->overflow;
	WRITE_ONCE(ring->overflow, true);
	return again ? EVTCHN_PUSH_DROPPED : EVTCHN_PUSH_OVERFLOW;
}

/**
 * evtchn_ring_status() - what a reader or a poller would find
 * @ring: the ring
 *
 * Takes no lock. A caller that goes to sleep on it has a full barrier between
 * its entry in the wait queue and this; see the top of ring.c.
 *
 * Context: any.
 * Return: EVTCHN_RING_READABLE and EVTCHN_RING_OVERFLOW, or-ed.
 */
static inline unsigned int evtchn_ring_status(const struct evtchn_ring *ring)
{
	/* First, and it holds the next load back. Pairs with set_consumer(). */
	u32 cons = smp_load_acquire(&ring->cons);
	unsigned int status = 0;

	if (READ_ONCE(ring->prod) != cons)
		status |= EVTCHN_RING_READABLE;
	if (READ_ONCE(ring->overflow))
		status |= EVTCHN_RING_OVERFLOW;

	return status;
}

/* A file that RESTRICT_DOMID has not been called on. No domain has this id. */
#define EVTCHN_UNRESTRICTED	DOMID_INVALID

/* An irq action's name is this and a task's name, which has a NUL. */
#define EVTCHN_NAME_PREFIX	"evtchn:"
#define EVTCHN_NAME_LEN		(sizeof(EVTCHN_NAME_PREFIX) - 1 + TASK_COMM_LEN)

/**
 * struct evtchn_file - what an open file of the device owns
 * @ring:	events that wait for read()
 * @wait:	sleepers in read(), and poll()
 * @fasync:	receivers of SIGIO; managed by fasync_helper()
 * @read_lock:	held by the reader that @ring.peeked counts for
 * @bind_lock:	guards @bindings and @nr_bindings; held by bind and unbind
 *		from first to last, by release not at all (nobody is left)
 * @bindings:	every binding of this file, dead ones too
 * @nr_bindings: length of @bindings; the ring has no fewer slots
 * @lost_ports:	a restore left dead bindings, of which events may be in the
 *		ring; set while user space is frozen, never cleared
 * @restrict_domid: EVTCHN_UNRESTRICTED, or the only domain to which
 *		BIND_INTERDOMAIN may bind; set once, by cmpxchg, read locklessly
 * @name:	name of the irq action; constant after open
 */
struct evtchn_file {
	struct evtchn_ring ring;
	wait_queue_head_t wait;
	struct fasync_struct *fasync;
	struct mutex read_lock; /* never together with bind_lock */
	struct mutex bind_lock; /* outside evtchn_claim_lock */
	struct hlist_head bindings;
	unsigned int nr_bindings;
	bool lost_ports;
	domid_t restrict_domid;
	char name[EVTCHN_NAME_LEN];
};

void evtchn_file_event(struct evtchn_file *file, evtchn_port_t port);
void evtchn_file_late_event(struct evtchn_file *file, evtchn_port_t port);

/* &evtchn_binding.state: three flags, and above them a count of users. */
enum {
	EVTCHN_MASKED	= BIT(0), /* set: interrupt; cleared: write() */
	EVTCHN_MISSED	= BIT(1), /* set: interrupt; cleared: write() */
	EVTCHN_CLOSING	= BIT(2), /* set: unbind, release; never cleared */
	EVTCHN_USER	= BIT(3), /* one NOTIFY or write() under way */
};

/**
 * struct evtchn_binding - a port of a file
 * @file:	the owner; constant. Others only compare the pointer
 * @node:	in @file->bindings; under @file->bind_lock
 * @rcu:	frees the binding, when @node is no longer in use
 * @state:	EVTCHN_* flags and count; see "the states of a binding"
 * @port:	local port number; constant
 * @irq:	the irq that the event core gave; constant. It is what the
 *		binding owns: irq_from_evtchn(@port) may be another's after
 *		a restore
 */
struct evtchn_binding {
	struct evtchn_file *file;
	union {
		struct hlist_node node;
		struct rcu_head rcu;
	};
	atomic_t state;
	evtchn_port_t port;
	unsigned int irq;
};

int evtchn_bind_virq(struct evtchn_file *file, u32 virq);
int evtchn_bind_interdomain(struct evtchn_file *file, domid_t remote_domain,
			    evtchn_port_t remote_port);
int evtchn_bind_unbound(struct evtchn_file *file, domid_t remote_domain);
int evtchn_bind_static(struct evtchn_file *file, evtchn_port_t port);
int evtchn_unbind(struct evtchn_file *file, evtchn_port_t port);
void evtchn_unbind_all(struct evtchn_file *file);
int evtchn_notify(struct evtchn_file *file, evtchn_port_t port);
void evtchn_enable(struct evtchn_file *file, const evtchn_port_t *ports,
		   unsigned int nr);
int evtchn_bindings_init(void);
void evtchn_bindings_exit(void);
void evtchn_begin_save(void);
void evtchn_end_save(void);

long evtchn_ioctl(struct evtchn_file *file, unsigned int cmd, void __user *arg);

#endif /* _XEN_EVTCHN_EVTCHN_H */
