// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Bindings: ports and irqs of open files, and all hypercalls.
 */
#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/cleanup.h>
#include <linux/err.h>
#include <linux/interrupt.h>
#include <linux/list.h>
#include <linux/lockdep.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include <xen/events.h>
#include <xen/xenbus.h>
#include <xen/xen-ops.h>

#include <uapi/xen/evtchn.h>

#include "evtchn.h"

/* &uevtchn_binding.state; see "the states of a binding". */
enum {
	UEVTCHN_MASKED	= BIT(0), /* set: interrupt; cleared: write(), reads */
	UEVTCHN_MISSED	= BIT(1), /* set: interrupt; cleared: write(), reads */
	UEVTCHN_CLOSING	= BIT(2), /* set: irq is released; never cleared */
};

/**
 * struct uevtchn_binding - a port of a file
 * @node:	in @file->table
 * @file:	the owner; constant
 * @state:	UEVTCHN_* flags
 * @port:	local port number; constant
 * @restores:	xen_evtchn_restores when the port was bound; constant. The port
 *		is lost if there was a restore since
 * @irq:	the irq; constant until the port is lost. After that, set to -1
 *		under @file->bind_lock when the irq is released
 * @is_static:	BIND_STATIC has bound the port; constant
 * @sink:	the eventfd that gets the port's events; NULL if the ring does.
 *		Changed under @file->lock, while the handler cannot run, or when
 *		nobody can find the binding any more
 * @notifyfd:	the eventfd whose writes notify the port, or NULL; changed under
 *		@file->bind_lock
 */
struct uevtchn_binding {
	struct hlist_node node;
	struct uevtchn_file *file;
	atomic_t state;
	evtchn_port_t port;
	unsigned int restores;
	int irq;
	bool is_static;
	struct uevtchn_sink *sink;
	struct uevtchn_notifyfd *notifyfd;
};

/*
 * A restore happens while user space is frozen and all other CPUs are stopped:
 * no call of a program sees the value change.
 */
static bool is_lost(const struct uevtchn_binding *binding)
{
	return binding->restores != xen_evtchn_restores;
}

static struct hlist_head *list_of(struct uevtchn_file *file, evtchn_port_t port)
{
	return &file->table[port & (file->table_size - 1)];
}

/*
 * Looks up a port of @file or, if @lost, one that was lost in a restore. The
 * caller holds one of the two locks as long as it uses the result.
 */
static struct uevtchn_binding *find_binding(struct uevtchn_file *file,
					    evtchn_port_t port, bool lost)
{
	struct uevtchn_binding *binding;

	lockdep_assert(lockdep_is_held(&file->lock) ||
		       lockdep_is_held(&file->bind_lock));

	if (!file->table)
		return NULL;
	hlist_for_each_entry(binding, list_of(file, port), node) {
		if (binding->port == port && is_lost(binding) == lost)
			return binding;
	}

	return NULL;
}

/* Makes the table large enough for @bindings, and moves the present ones. */
static int reserve_table(struct uevtchn_file *file, unsigned int bindings)
{
	unsigned int i, old_size = file->table_size;
	struct hlist_head *table, *old = file->table;
	struct uevtchn_binding *binding;
	struct hlist_node *next;

	lockdep_assert_held(&file->bind_lock);

	if (bindings <= old_size)
		return 0;
	bindings = max(UEVTCHN_MIN_SIZE, roundup_pow_of_two(bindings));
	table = kvzalloc_objs(*table, bindings, GFP_KERNEL_ACCOUNT);
	if (!table)
		return -ENOMEM;

	write_lock(&file->lock);
	file->table = table;
	file->table_size = bindings;
	for (i = 0; i < old_size; i++) {
		hlist_for_each_entry_safe(binding, next, &old[i], node)
			hlist_add_head(&binding->node, list_of(file, binding->port));
	}
	write_unlock(&file->lock);

	kvfree(old);
	return 0;
}

/* When this returns, NOTIFY and write() do not use @binding any more. */
static void remove_binding(struct uevtchn_binding *binding)
{
	write_lock(&binding->file->lock);
	hlist_del(&binding->node);
	write_unlock(&binding->file->lock);
}

static inline void trace(const struct uevtchn_binding *binding, u32 what)
{
	if (uevtchn_is_traced())
		uevtchn_trace(binding->file, binding->port, binding->irq, what);
}

static __always_inline void deliver_quietly(struct uevtchn_binding *binding)
{
	if (unlikely(binding->sink))
		uevtchn_sink_signal(binding->sink);
	else
		uevtchn_ring_push(&binding->file->ring, binding->port);
}

/* Out of line, so that deliver_event() needs no more registers for it. */
static noinline void deliver_and_trace(struct uevtchn_binding *binding)
{
	/* Traced first, as the port may be enabled after the delivery. */
	trace(binding, UEVTCHN_TRACE_EVENT);
	deliver_quietly(binding);
	/* What is pushed between an overflow and the reset is never read. */
	if (!binding->sink && READ_ONCE(binding->file->ring.overflow))
		trace(binding, UEVTCHN_TRACE_OVERFLOW);
}

static void deliver_event(struct uevtchn_binding *binding)
{
	if (uevtchn_is_traced())
		deliver_and_trace(binding);
	else
		deliver_quietly(binding);
}

static irqreturn_t uevtchn_interrupt(int irq, void *data)
{
	struct uevtchn_binding *binding = data;
	int new, old = atomic_read(&binding->state);

	do {
		/* With DEBUG_SHIRQ, free_irq() calls the handler once more. */
		if (old & UEVTCHN_CLOSING)
			return IRQ_HANDLED;
		new = old | (old & UEVTCHN_MASKED ? UEVTCHN_MISSED :
						    UEVTCHN_MASKED);
	} while (!atomic_try_cmpxchg(&binding->state, &old, new));

	if (!(old & UEVTCHN_MASKED))
		deliver_event(binding);
	else
		trace(binding, UEVTCHN_TRACE_MISSED);

	return IRQ_HANDLED;
}

/*
 * Releases the irq, and with its last reference the port. Everything is done by
 * irq: after a restore, the port number may belong to somebody else.
 */
static void release_irq(struct uevtchn_binding *binding)
{
	int state = atomic_fetch_or(UEVTCHN_CLOSING, &binding->state);

	/* First, so that no eventfd uses the irq when it is somebody else's. */
	uevtchn_notifyfd_clear(&binding->notifyfd);
	if (binding->sink)
		uevtchn_sink_detach(binding->sink);
	/* Waits for the handler. */
	free_irq(binding->irq, binding);
	/* Trace after the port's last event, before its next owner's bind. */
	trace(binding, is_lost(binding) ? UEVTCHN_TRACE_LOST :
					  UEVTCHN_TRACE_UNBIND);
	if (binding->sink)
		uevtchn_sink_free(binding->sink);
	binding->sink = NULL;
	/*
	 * Another handler of the irq may wait for the EOI that write() has not
	 * sent. Without such a handler, the irq is shut down by now, and if a
	 * static port has an event waiting for the EOI, the next owner gets it.
	 */
	if (state & UEVTCHN_MASKED)
		xen_irq_lateeoi(binding->irq, 0);
	evtchn_put_irq(binding->irq);
}

/*
 * Releases the irqs of lost bindings, and withdraws their events, as the ring
 * has slots for new bindings instead. The bindings themselves remain, so that
 * UNBIND knows that the ports were the file's.
 */
static void release_lost_irqs(struct uevtchn_file *file)
{
	struct uevtchn_binding *binding;
	unsigned int i;

	lockdep_assert_held(&file->bind_lock);

	for (i = 0; i < file->table_size; i++) {
		hlist_for_each_entry(binding, &file->table[i], node) {
			if (!is_lost(binding) || binding->irq < 0)
				continue;
			release_irq(binding);
			binding->irq = -1;
			file->nr_bindings--;
			uevtchn_ring_withdraw(&file->ring, binding->port);
			cond_resched();
		}
	}
	file->restores = xen_evtchn_restores;
}

/* Makes or checks the port of @req and maps it. Returns its irq or an error. */
static int make_port(struct uevtchn_request *req, bool is_static)
{
	int irq, rc = HYPERVISOR_event_channel_op(req->op, &req->arg);
	u32 kind = req->arg.status.status; /* if static */

	/* Some releases of Xen refuse to report on Xen's own ports. */
	if (rc)
		return is_static && rc == -EACCES ? -EBUSY : rc;
	if (is_static) {
		if (kind == EVTCHNSTAT_closed)
			return -ENOENT;
		/*
		 * Ports of other kinds belong to the kernel, and so does that
		 * of xenstore, even while they are not mapped.
		 */
		if ((kind != EVTCHNSTAT_unbound &&
		     kind != EVTCHNSTAT_interdomain) ||
		    *req->port == xen_store_evtchn)
			return -EBUSY;
	}

	irq = bind_evtchn_to_irq_owned(*req->port, is_static);
	/*
	 * -EBUSY for a new port: its number is mapped by a former owner, behind
	 * whose back it was closed, and who will close it. Or BIND_STATIC took
	 * the new port first: then it is static, and is never closed.
	 */
	if (irq < 0 && irq != -EBUSY && !is_static)
		xen_evtchn_close(*req->port);

	return irq;
}

static int add_binding(struct uevtchn_file *file, struct uevtchn_request *req)
{
	struct uevtchn_binding *binding __free(kfree) = NULL;
	bool is_static = req->op == EVTCHNOP_status;
	int rc;

	lockdep_assert_held(&file->bind_lock);

	/*
	 * Every command that binds is checked here, also one that was under way
	 * when RESTRICT_DOMID took the lock.
	 */
	if (file->restrict_domid != UEVTCHN_UNRESTRICTED &&
	    file->restrict_domid != req->allowed_to)
		return -EACCES;
	if (is_static && find_binding(file, *req->port, false))
		return -EISCONN;
	if (file->restores != xen_evtchn_restores)
		release_lost_irqs(file);

	binding = kzalloc_obj(*binding, GFP_KERNEL_ACCOUNT);
	if (!binding)
		return -ENOMEM;
	/* If the bind fails later, the unused room does no harm. */
	rc = uevtchn_ring_reserve(&file->ring, file->nr_bindings + 1) ?:
	     reserve_table(file, file->nr_bindings + 1);
	if (rc)
		return rc;

	binding->irq = make_port(req, is_static);
	if (binding->irq < 0)
		return binding->irq;
	binding->file = file;
	binding->port = *req->port;
	binding->is_static = is_static;
	binding->restores = xen_evtchn_restores;
	trace(binding, UEVTCHN_TRACE_BIND);

	/* Before the first event, so that its reader can write the port. */
	write_lock(&file->lock);
	hlist_add_head(&binding->node, list_of(file, binding->port));
	write_unlock(&file->lock);

	rc = request_irq(binding->irq, uevtchn_interrupt, IRQF_SHARED,
			 file->name, binding);
	if (rc) {
		remove_binding(binding);
		trace(binding, UEVTCHN_TRACE_UNBIND);
		evtchn_put_irq(binding->irq);
		return rc;
	}

	file->nr_bindings++;
	retain_and_null_ptr(binding);
	return 0;
}

/**
 * uevtchn_init() - prepare a new file
 * @file: the file, all zero
 */
void uevtchn_init(struct uevtchn_file *file)
{
	uevtchn_ring_init(&file->ring);
	mutex_init(&file->bind_lock);
	rwlock_init(&file->lock);
	file->restores = xen_evtchn_restores;
	file->restrict_domid = UEVTCHN_UNRESTRICTED;
}

/**
 * uevtchn_bind() - make a port, or take a static one, for a file
 * @file: the new owner
 * @req: the request, into which the port's number is put
 *
 * On failure nothing is left bound. A port that was made is closed exactly
 * once, unless somebody else has it mapped; a static port is not closed. On
 * success the port is closed with the last reference to its irq, and a static
 * one never.
 *
 * Context: process, may sleep.
 * Return: 0; Xen's error. -EACCES if @file is restricted and may not have the
 * port. For a static port -EISCONN if @file has it, -EBUSY if another file, the
 * kernel or Xen has it, -ENOENT if it is free. -ENOMEM; -EINTR.
 */
int uevtchn_bind(struct uevtchn_file *file, struct uevtchn_request *req)
{
	int rc = mutex_lock_killable(&file->bind_lock);

	if (!rc) {
		rc = add_binding(file, req);
		mutex_unlock(&file->bind_lock);
	}

	return rc;
}

/**
 * uevtchn_unbind() - give up a port
 * @file: its owner
 * @port: the port
 *
 * Xen closes the port, unless it is static or another part of the kernel has
 * a reference to it. Its entry in the ring is withdrawn, too.
 *
 * Context: process, may sleep.
 * Return: 0; if @file does not have @port, -EINVAL for a number that the event
 * core has no room for at present, and otherwise -ENOTCONN; -EINTR.
 */
int uevtchn_unbind(struct uevtchn_file *file, evtchn_port_t port)
{
	struct uevtchn_binding *binding;
	int rc;

	rc = mutex_lock_killable(&file->bind_lock);
	if (rc)
		return rc;

	binding = find_binding(file, port, false) ?:
		  find_binding(file, port, true);
	if (binding) {
		remove_binding(binding);
		if (binding->irq >= 0) {
			release_irq(binding);
			file->nr_bindings--;
		}
		/* Last, as the handler may have pushed the port until now. */
		uevtchn_ring_withdraw(&file->ring, port);
		kfree(binding);
	} else {
		rc = port < xen_evtchn_nr_channels() ? -ENOTCONN : -EINVAL;
	}
	mutex_unlock(&file->bind_lock);

	return rc;
}

/**
 * uevtchn_restrict() - allow a file to bind to one domain only
 * @file: the file
 * @domid: the domain
 *
 * When this has returned, no bind that it forbids can succeed any more: one
 * that is under way either has ended, or will find the restriction.
 *
 * Context: process, may sleep.
 * Return: 0; -EACCES if @file is restricted already; -EINTR.
 */
int uevtchn_restrict(struct uevtchn_file *file, domid_t domid)
{
	int rc = mutex_lock_killable(&file->bind_lock);

	if (rc)
		return rc;
	if (file->restrict_domid == UEVTCHN_UNRESTRICTED)
		WRITE_ONCE(file->restrict_domid, domid);
	else
		rc = -EACCES;
	mutex_unlock(&file->bind_lock);

	return rc;
}

/**
 * uevtchn_release() - give up every port of a file, and free its memory
 * @file: the file; nobody else uses it any more
 *
 * Context: process, may sleep.
 */
void uevtchn_release(struct uevtchn_file *file)
{
	struct uevtchn_binding *binding;
	struct hlist_node *next;
	unsigned int i;

	for (i = 0; i < file->table_size; i++) {
		hlist_for_each_entry_safe(binding, next, &file->table[i], node) {
			if (binding->irq >= 0)
				release_irq(binding);
			kfree(binding);
			cond_resched();
		}
	}
	kvfree(file->table);
	uevtchn_ring_destroy(&file->ring);
}

/**
 * uevtchn_notify() - send an event to the other end of a port
 * @file: the port's owner
 * @port: the port
 *
 * An error of Xen is not reported: user ABI.
 *
 * Context: process; does not sleep.
 * Return: 0; -ENOTCONN if @file does not have @port, or lost it in a restore.
 */
int uevtchn_notify(struct uevtchn_file *file, evtchn_port_t port)
{
	struct uevtchn_binding *binding;
	int rc = -ENOTCONN;

	read_lock(&file->lock);
	binding = find_binding(file, port, false);
	if (binding) {
		trace(binding, UEVTCHN_TRACE_NOTIFY);
		notify_remote_via_evtchn(port);
		rc = 0;
	}
	read_unlock(&file->lock);

	return rc;
}

/*
 * The eventfd of @binding was read: enable the port, as write() does. A missed
 * event is dropped, as the reader looks for work now. It must not be delivered
 * here: a waiter of an eventfd cannot signal one.
 */
static void sink_was_read(struct uevtchn_binding *binding)
{
	int old = atomic_read(&binding->state);

	do {
		/* release_irq() sends the EOI itself. */
		if (!(old & UEVTCHN_MASKED) || (old & UEVTCHN_CLOSING))
			return;
	} while (!atomic_try_cmpxchg(&binding->state, &old,
				     old & ~(UEVTCHN_MASKED | UEVTCHN_MISSED)));
	trace(binding, UEVTCHN_TRACE_ENABLE);
	xen_irq_lateeoi(binding->irq, 0);
}

/* Whether @sink collides with that of another port of the file. */
static bool is_taken(struct uevtchn_binding *binding, struct uevtchn_sink *sink)
{
	struct uevtchn_file *file = binding->file;
	struct uevtchn_binding *other;
	unsigned int i;

	lockdep_assert_held(&file->bind_lock);

	for (i = 0; i < file->table_size; i++) {
		hlist_for_each_entry(other, &file->table[i], node) {
			if (other != binding && other->sink &&
			    uevtchn_sink_collides(other->sink, sink))
				return true;
		}
	}

	return false;
}

/* Sends events to @sink, or to the ring; moves one that was not answered. */
static void switch_sink(struct uevtchn_binding *binding,
			struct uevtchn_sink *sink)
{
	struct uevtchn_sink *old = binding->sink;
	struct uevtchn_file *file = binding->file;
	bool masked;

	lockdep_assert_held(&file->bind_lock);

	if (!old && !sink)
		return;
	uevtchn_sink_detach(old);
	/* Waits for the handler. The lock keeps out write(), which delivers. */
	disable_irq(binding->irq);
	write_lock(&file->lock);
	binding->sink = sink;
	uevtchn_ring_withdraw(&file->ring, binding->port);
	masked = atomic_read(&binding->state) & UEVTCHN_MASKED;
	if (masked) {
		/* The event may have been read, and a write() may follow. */
		if (!sink)
			atomic_or(UEVTCHN_LOOK, &file->features);
		deliver_event(binding);
	}
	write_unlock(&file->lock);
	/*
	 * The eventfd may have been read before its reads were watched. The port
	 * is not in the ring any more, which need not be searched for it.
	 */
	if (sink && !uevtchn_sink_attach(sink) && masked)
		uevtchn_enable(file, &binding->port, 1);
	/* From here on, events are delivered again. */
	enable_irq(binding->irq);
	uevtchn_sink_free(old);
}

/**
 * uevtchn_set_eventfd() - let an eventfd get the events of a port
 * @file: the port's owner
 * @port: the port
 * @fd: the eventfd, or -1 for the ring
 * @read_enables: a read of the eventfd enables the port
 *
 * Context: process, may sleep.
 * Return: 0; -ENOTCONN if @file does not have @port, or lost it in a restore;
 * the errors of uevtchn_sink_make(); -EBUSY if another port of @file has the
 * eventfd, and a read of it enables one of the two; -EINTR.
 */
int uevtchn_set_eventfd(struct uevtchn_file *file, evtchn_port_t port, int fd,
			bool read_enables)
{
	struct uevtchn_binding *binding;
	struct uevtchn_sink *sink = NULL;
	int rc = mutex_lock_killable(&file->bind_lock);

	if (rc)
		return rc;
	binding = find_binding(file, port, false);
	if (!binding)
		rc = -ENOTCONN;
	else if (fd != -1)
		sink = uevtchn_sink_make(fd, read_enables ? sink_was_read : NULL,
					 binding);
	if (IS_ERR(sink)) {
		rc = PTR_ERR(sink);
	} else if (sink && is_taken(binding, sink)) {
		uevtchn_sink_free(sink);
		rc = -EBUSY;
	}
	if (!rc)
		switch_sink(binding, sink);
	mutex_unlock(&file->bind_lock);

	return rc;
}

/**
 * uevtchn_set_notifyfd() - let writes to an eventfd notify a port
 * @file: the port's owner
 * @port: the port
 * @fd: the eventfd, or -1 for none
 *
 * Context: process, may sleep.
 * Return: 0; -ENOTCONN if @file does not have @port, or lost it in a restore;
 * the errors of uevtchn_notifyfd_set(); -EINTR.
 */
int uevtchn_set_notifyfd(struct uevtchn_file *file, evtchn_port_t port, int fd)
{
	struct uevtchn_binding *binding;
	int rc = mutex_lock_killable(&file->bind_lock);

	if (rc)
		return rc;
	binding = find_binding(file, port, false);
	if (!binding)
		rc = -ENOTCONN;
	else if (fd == -1)
		uevtchn_notifyfd_clear(&binding->notifyfd);
	else
		rc = uevtchn_notifyfd_set(&binding->notifyfd, fd, binding->irq);
	mutex_unlock(&file->bind_lock);

	return rc;
}

/**
 * uevtchn_status() - get the present state of a port
 * @file: the port's owner
 * @port: the port
 * @status: filled in with the state
 *
 * Context: process; does not sleep.
 * Return: 0; -ENOTCONN if @file does not have @port; Xen's error.
 */
int uevtchn_status(struct uevtchn_file *file, evtchn_port_t port,
		   struct uevtchn_status *status)
{
	struct uevtchn_binding *binding;
	int rc = 0;

	*status = (struct uevtchn_status){
		.xen = { .dom = DOMID_SELF, .port = port },
	};

	read_lock(&file->lock);
	binding = find_binding(file, port, false);
	if (binding) {
		rc = HYPERVISOR_event_channel_op(EVTCHNOP_status, &status->xen);
		status->irq = binding->irq;
		status->is_masked = atomic_read(&binding->state) & UEVTCHN_MASKED;
		status->is_static = binding->is_static;
		status->has_eventfd = binding->sink;
		status->has_notifyfd = READ_ONCE(binding->notifyfd);
	} else if (find_binding(file, port, true)) {
		status->xen.status = EVTCHNSTAT_closed;
	} else {
		rc = -ENOTCONN;
	}
	read_unlock(&file->lock);

	return rc;
}

/**
 * uevtchn_show() - print a line for each port of a file
 * @file: the file
 * @m: where to print
 *
 * Context: process, may sleep. A fatal signal makes it print nothing.
 */
void uevtchn_show(struct uevtchn_file *file, struct seq_file *m)
{
	struct uevtchn_binding *binding;
	unsigned int i, lost = 0;
	int state;

	if (mutex_lock_killable(&file->bind_lock))
		return;
	for (i = 0; i < file->table_size && !seq_has_overflowed(m); i++) {
		cond_resched();
		hlist_for_each_entry(binding, &file->table[i], node) {
			if (is_lost(binding)) {
				lost++;
				continue;
			}
			state = atomic_read(&binding->state);
			seq_printf(m, "evtchn-port:\t%u irq %d%s%s%s%s%s\n",
				   binding->port, binding->irq,
				   state & UEVTCHN_MASKED ? " masked" : "",
				   state & UEVTCHN_MISSED ? " missed" : "",
				   binding->is_static ? " static" : "",
				   binding->sink ? " eventfd" : "",
				   binding->notifyfd ? " notifyfd" : "");
		}
	}
	if (lost)
		seq_printf(m, "evtchn-lost:\t%u\n", lost);
	mutex_unlock(&file->bind_lock);
}

/* Compiled twice, so that files without UEVTCHN_LOOK pay nothing for it. */
static __always_inline void
enable_ports(struct uevtchn_file *file, const evtchn_port_t *ports,
	     unsigned int nr, const bool look)
{
	struct uevtchn_binding *binding;
	int new, old;

	for (; nr; nr--, ports++) {
		binding = find_binding(file, *ports, false);
		if (!binding)
			continue;
		/*
		 * A second entry may not fit into the ring. There can be one all
		 * the same if the port is enabled or pushed at this moment.
		 */
		if (look && uevtchn_ring_has(&file->ring, *ports))
			continue;

		old = atomic_read(&binding->state);
		do {
			/*
			 * A missed event is delivered, and masks the port. No
			 * closing binding is found.
			 */
			new = old & UEVTCHN_MISSED ? UEVTCHN_MASKED : 0;
		} while ((old & UEVTCHN_MASKED) &&
			 !atomic_try_cmpxchg(&binding->state, &old, new));
		if (!(old & UEVTCHN_MASKED))
			continue;

		trace(binding, UEVTCHN_TRACE_ENABLE);
		/* Before the delivery, after which write() may send another. */
		xen_irq_lateeoi(binding->irq, 0);
		if (unlikely(old & UEVTCHN_MISSED))
			deliver_event(binding);
	}
}

/**
 * uevtchn_enable() - let the next events of some ports through
 * @file: the ports' owner
 * @ports: the ports; ignored are those that @file does not have and those that
 *	are enabled
 * @nr: the number of ports; UNBIND waits until all are done
 *
 * Does not search the ring, as uevtchn_enable_featured() may have to.
 *
 * Context: process; does not sleep.
 */
void uevtchn_enable(struct uevtchn_file *file, const evtchn_port_t *ports,
		    unsigned int nr)
{
	read_lock(&file->lock);
	enable_ports(file, ports, nr, false);
	read_unlock(&file->lock);
}

/**
 * uevtchn_enable_featured() - the same if the features of the file are not 0
 * @file: the ports' owner
 * @ports: the ports, as above; with UEVTCHN_LOOK, those in the ring are ignored,
 *	too
 * @nr: the number of ports
 * @written: whether write() calls, or read()
 *
 * Context: process; does not sleep.
 */
void uevtchn_enable_featured(struct uevtchn_file *file,
			     const evtchn_port_t *ports, unsigned int nr,
			     bool written)
{
	if (written && atomic_read(&file->features) & EVTCHN_FEATURE_READ_ENABLES)
		atomic_or(UEVTCHN_LOOK, &file->features);
	if (!(atomic_read(&file->features) & UEVTCHN_LOOK)) {
		uevtchn_enable(file, ports, nr);
		return;
	}

	/* Each search of the ring may take long: UNBIND waits for one. */
	for (; nr; nr--, ports++) {
		read_lock(&file->lock);
		enable_ports(file, ports, 1, true);
		read_unlock(&file->lock);
	}
}
