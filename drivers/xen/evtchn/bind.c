// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Bindings: ports and irqs of open files, and all that is said to Xen.
 */
#include <linux/err.h>
#include <linux/gfp.h>
#include <linux/interrupt.h>
#include <linux/nospec.h>
#include <linux/rcupdate.h>
#include <linux/rwsem.h>
#include <linux/slab.h>
#include <linux/wait_bit.h>

#include <xen/events.h>
#include <xen/xenbus.h>
#include <xen/xen-ops.h>

#include "evtchn.h"

/*
 * Every live binding of every file, by port: a port has one owner in the whole
 * domain. An array of rows, as the event core has one for irqs: in an xarray,
 * NOTIFY would spend as much time on the search as on all else. A row is made
 * when its first port is bound and stays until the module goes. Rows are shared
 * by all files, hence charged to no one's memory cgroup. Read under RCU.
 */
#define EVTCHN_ROW_PORTS	(PAGE_SIZE / sizeof(struct evtchn_binding *))
static struct evtchn_binding __rcu **evtchn_rows[EVTCHN_FIFO_NR_CHANNELS /
						  EVTCHN_ROW_PORTS];

/* Bindings are many: 40 bytes on 64-bit, of which kmalloc() would make 64. */
static struct kmem_cache *evtchn_binding_cache;

/*
 * Held from the hypercall that makes a port until the event core maps it, so
 * that BIND_STATIC cannot slip in between and take the port of another file.
 */
static DEFINE_MUTEX(evtchn_claim_lock);

/*
 * Held for writing from before a save until the dead bindings of a restore are
 * known as such, for reading by release: a file may be put by a kworker, which
 * is not frozen, and must not let go of a number that is another's by now.
 */
static DECLARE_RWSEM(evtchn_save_sem);

/**
 * struct evtchn_request - what a bind command wants from Xen
 * @op:		EVTCHNOP_* that makes the port; unused if @is_static
 * @is_static:	the port exists since the domain was built; never close it
 * @port:	where the number is: in @arg, or the caller's static port
 * @arg:	the hypercall's argument
 */
struct evtchn_request {
	unsigned int op;
	bool is_static;
	evtchn_port_t *port;
	union {
		struct evtchn_bind_virq virq;
		struct evtchn_bind_interdomain interdomain;
		struct evtchn_alloc_unbound unbound;
	} arg;
};

/* Whether the event core delivers @port to anybody, in or out of the driver. */
static bool port_is_mapped(evtchn_port_t port)
{
	int irq;

	/* The core frees what irq_from_evtchn() looks at by RCU. */
	rcu_read_lock();
	irq = irq_from_evtchn(port);
	rcu_read_unlock();

	return irq >= 0;
}

/* EVTCHNSTAT_* of one of our ports, or Xen's error. */
static int port_status(evtchn_port_t port)
{
	struct evtchn_status status = { .dom = DOMID_SELF, .port = port };
	int rc = HYPERVISOR_event_channel_op(EVTCHNOP_status, &status);

	return rc ?: status.status;
}

/* Whether BIND_STATIC may have @port, as far as Xen knows: 0 or an error. */
static int check_static_port(evtchn_port_t port)
{
	int status = port_status(port);

	switch (status) {
	case EVTCHNSTAT_closed:
		return -ENOENT;
	case EVTCHNSTAT_unbound:
	case EVTCHNSTAT_interdomain:
		return 0;
	case EVTCHNSTAT_pirq:
	case EVTCHNSTAT_virq:
	case EVTCHNSTAT_ipi:
		/* These are the kernel's, even while it has them unmapped. */
		return -EBUSY;
	default:
		return status < 0 ? status : -EINVAL;
	}
}

/*
 * The core failed to map @port. When it gave up late it closed the port, when
 * it gave up early it did not, and the error is the same: ask Xen. A port that
 * is mapped or of another kind has a new owner by now. All that remains is a
 * port of the same kind that the kernel made, and has not mapped, in between.
 */
static void close_unless_closed(evtchn_port_t port, unsigned int op)
{
	int status = port_status(port);
	bool left;

	/* The other end may have connected, or gone, in the meantime. */
	if (op == EVTCHNOP_bind_virq)
		left = status == EVTCHNSTAT_virq;
	else
		left = status == EVTCHNSTAT_unbound ||
		       status == EVTCHNSTAT_interdomain;

	if (left && !port_is_mapped(port))
		xen_evtchn_close(port);
}

/*
 * Makes the port of @req, or checks it if static, and has the core map it.
 *
 * Ownership: when this fails, the port that it made is closed exactly once and
 * a static one not at all; when it succeeds, the port is let go of together
 * with the irq, by evtchn_put() or unbind_from_irqhandler(), and by nobody
 * else. Two exceptions are the core's: a new port that it has mapped already
 * belongs to the mapping's owner, who closes it; and if the core runs out of
 * memory for the number's tables, it closes the port, static or not.
 *
 * Returns the irq or an error.
 */
static int claim_port(struct evtchn_request *req)
{
	evtchn_port_t port;
	int irq, rc;

	guard(mutex)(&evtchn_claim_lock);

	if (req->is_static)
		rc = check_static_port(*req->port);
	else
		rc = HYPERVISOR_event_channel_op(req->op, &req->arg);
	if (rc)
		return rc;
	port = *req->port;

	/*
	 * A new port that is mapped: its owner's port was closed behind the
	 * owner's back, and the owner will close this one. A static port can
	 * be anybody's; xenstore's is the kernel's before it is mapped.
	 */
	if (port_is_mapped(port) || (req->is_static && port == xen_store_evtchn))
		return -EBUSY;

	irq = bind_evtchn_to_irq_lateeoi(port);
	if (irq < 0) {
		if (!req->is_static)
			close_unless_closed(port, req->op);
		return irq;
	}

	/* Cannot fail: the port was mapped above. */
	evtchn_make_refcounted(port, req->is_static);

	/* Its owner may have closed it while it was not mapped yet. */
	if (req->is_static) {
		rc = check_static_port(port);
		if (rc) {
			evtchn_put(port);
			return rc;
		}
	}

	return irq;
}

/* An event for @binding, or a further one while it is masked. */
static irqreturn_t evtchn_interrupt(int irq, void *data)
{
	struct evtchn_binding *binding = data;
	int new, old = atomic_read(&binding->state);

	/* Fully ordered; pairs with the same in evtchn_enable(). */
	do {
		new = old | (old & EVTCHN_MASKED ? EVTCHN_MISSED :
						   EVTCHN_MASKED);
	} while (!atomic_try_cmpxchg(&binding->state, &old, new));

	if (!(old & (EVTCHN_MASKED | EVTCHN_CLOSING)))
		evtchn_file_event(binding->file, binding->port);

	return IRQ_HANDLED;
}

/* Where the binding of @port is; NULL if its row was not needed yet. */
static struct evtchn_binding __rcu **port_slot(evtchn_port_t port)
{
	unsigned int nr = port / EVTCHN_ROW_PORTS;
	struct evtchn_binding __rcu **row;

	if (nr >= ARRAY_SIZE(evtchn_rows))
		return NULL;
	nr = array_index_nospec(nr, ARRAY_SIZE(evtchn_rows));
	/* Pairs with cmpxchg() in insert_binding(). */
	row = READ_ONCE(evtchn_rows[nr]);

	return row ? &row[port % EVTCHN_ROW_PORTS] : NULL;
}

/*
 * Makes @binding known: 0, -ENOMEM, or -EBUSY, which is never seen: who had the
 * port took the binding out before letting go of it. The core has mapped the
 * port, so it is in range. Not inlined, so that a test can let it fail.
 */
static noinline int insert_binding(struct evtchn_binding *binding)
{
	evtchn_port_t port = binding->port;
	struct evtchn_binding __rcu **row;

	if (!port_slot(port)) {
		row = (void *)get_zeroed_page(GFP_KERNEL);
		if (!row)
			return -ENOMEM;
		/* Unless somebody was faster. Pairs with port_slot(). */
		if (cmpxchg(&evtchn_rows[port / EVTCHN_ROW_PORTS], NULL, row))
			free_page((unsigned long)row);
	}

	/* Fully ordered: whoever finds the binding finds it complete. */
	return cmpxchg(port_slot(port), NULL, RCU_INITIALIZER(binding)) ? -EBUSY : 0;
}

/*
 * Looks up a port of @file; another file's is as good as none. Under RCU, as
 * the other file may let go of it now.
 */
static struct evtchn_binding *find_binding(struct evtchn_file *file,
					   evtchn_port_t port)
{
	struct evtchn_binding __rcu **slot = port_slot(port);
	struct evtchn_binding *binding;

	if (!slot)
		return NULL;
	binding = rcu_dereference(*slot);

	return binding && binding->file == file ? binding : NULL;
}

/* The same for bind and unbind, which keep what they find. */
static struct evtchn_binding *find_own_binding(struct evtchn_file *file,
					       evtchn_port_t port)
{
	lockdep_assert_held(&file->bind_lock);
	guard(rcu)();

	return find_binding(file, port);
}

static bool has_users(const struct evtchn_binding *binding)
{
	/* Pairs with put_binding(): what a user did is over when it is gone. */
	return atomic_read_acquire(&binding->state) >= EVTCHN_USER;
}

static void put_binding(struct evtchn_binding *binding)
{
	int state = atomic_sub_return(EVTCHN_USER, &binding->state);

	/*
	 * Fully ordered: after all that this user did, which pairs with
	 * has_users(), and before the look for a sleeper, which pairs with
	 * wait_var_event() in remove_binding().
	 */
	if (unlikely(state & EVTCHN_CLOSING) && state < EVTCHN_USER)
		wake_up_var(&binding->state);
}

/*
 * First half of unbinding: after it nobody finds or uses @binding, but for its
 * handler, which pushes no more. Returns whether @binding was alive, that is,
 * whether its port is its own.
 */
static bool remove_binding(struct evtchn_binding *binding)
{
	bool alive = unrcu_pointer(cmpxchg(port_slot(binding->port),
					   RCU_INITIALIZER(binding), NULL)) == binding;

	atomic_or(EVTCHN_CLOSING, &binding->state);
	/* Pairs with put_binding(). */
	wait_var_event(&binding->state, !has_users(binding));

	return alive;
}

/* Both halves: lets go of irq and port. @binding is off its file's list. */
static void free_binding(struct evtchn_binding *binding)
{
	unsigned int irq = binding->irq;

	if (!remove_binding(binding)) {
		/* By irq, as the port may be another's by now. */
		unbind_from_irqhandler(irq, binding);
	} else {
		free_irq(irq, binding);
		/*
		 * Another handler on the line waits for the EOI that write()
		 * owed. If there is none, the line is shut down, and what is
		 * pending on a static port is kept for its next owner.
		 */
		if (atomic_read(&binding->state) & EVTCHN_MASKED)
			xen_irq_lateeoi(irq, 0);
		evtchn_put(binding->port);
	}
	kfree_rcu(binding, rcu);
}

/* Everything of a bind that needs @file->bind_lock; -errno or 0. */
static int add_binding(struct evtchn_file *file, struct evtchn_request *req,
		       struct evtchn_binding *binding)
{
	int irq, rc;

	lockdep_assert_held(&file->bind_lock);

	if (req->is_static && find_own_binding(file, *req->port))
		return -EISCONN;

	/* First, as it is harmless to have too much if the rest fails. */
	rc = evtchn_ring_reserve(&file->ring, file->nr_bindings + 1);
	if (rc)
		return rc;

	irq = claim_port(req);
	if (irq < 0)
		return irq;

	binding->file = file;
	binding->port = *req->port;
	binding->irq = irq;
	atomic_set(&binding->state, 0);

	/* The event of a port that had the number before a restore. */
	if (unlikely(file->lost_ports))
		evtchn_ring_withdraw(&file->ring, binding->port);

	/* Before the handler: what it makes readable must be writable. */
	rc = insert_binding(binding);
	if (rc)
		goto put_port;

	rc = request_irq(irq, evtchn_interrupt, IRQF_SHARED, file->name,
			 binding);
	if (rc)
		goto remove;

	hlist_add_head(&binding->node, &file->bindings);
	file->nr_bindings++;
	return 0;

remove:
	remove_binding(binding);
put_port:
	evtchn_put(binding->port);
	return rc;
}

static int bind_port(struct evtchn_file *file, struct evtchn_request *req)
{
	struct evtchn_binding *binding;
	int rc;

	binding = kmem_cache_alloc(evtchn_binding_cache, GFP_KERNEL);
	if (!binding)
		return -ENOMEM;

	rc = mutex_lock_killable(&file->bind_lock);
	if (!rc) {
		rc = add_binding(file, req, binding);
		mutex_unlock(&file->bind_lock);
	}
	/* It may have been in its slot for a while. */
	if (rc)
		kfree_rcu(binding, rcu);

	return rc;
}

/**
 * evtchn_bind_virq() - bind a virtual interrupt to a new port
 * @file: who gets the port
 * @virq: VIRQ_*; per-vCPU ones are bound on vCPU 0
 *
 * Context: process, may sleep.
 * Return: the port, > 0; Xen's error, -EEXIST if somebody has the VIRQ,
 * -EINVAL if there is no such VIRQ, -ENOSPC if ports ran out; -ENOMEM; -EINTR.
 */
int evtchn_bind_virq(struct evtchn_file *file, u32 virq)
{
	struct evtchn_request req = {
		.op = EVTCHNOP_bind_virq,
		.port = &req.arg.virq.port,
		.arg.virq = { .virq = virq, .vcpu = xen_vcpu_nr(0) },
	};

	return bind_port(file, &req) ?: *req.port;
}

/**
 * evtchn_bind_interdomain() - bind to a port that another domain offers
 * @file: who gets the local port
 * @remote_domain: the other domain, or DOMID_SELF
 * @remote_port: its port, unbound and offered to this domain
 *
 * Xen raises one event on the new port at once.
 *
 * Context: process, may sleep.
 * Return: the local port, > 0; Xen's error, -ESRCH for a domain and -EINVAL
 * for a port that is not there, -ENOSPC if ports ran out; -ENOMEM; -EINTR.
 */
int evtchn_bind_interdomain(struct evtchn_file *file, domid_t remote_domain,
			    evtchn_port_t remote_port)
{
	struct evtchn_request req = {
		.op = EVTCHNOP_bind_interdomain,
		.port = &req.arg.interdomain.local_port,
		.arg.interdomain = {
			.remote_dom = remote_domain,
			.remote_port = remote_port,
		},
	};

	return bind_port(file, &req) ?: *req.port;
}

/**
 * evtchn_bind_unbound() - make a port that another domain may bind to
 * @file: who gets the port
 * @remote_domain: the other domain, or DOMID_SELF
 *
 * Context: process, may sleep.
 * Return: the port, > 0; Xen's error, -ENOSPC if ports ran out; -ENOMEM;
 * -EINTR.
 */
int evtchn_bind_unbound(struct evtchn_file *file, domid_t remote_domain)
{
	struct evtchn_request req = {
		.op = EVTCHNOP_alloc_unbound,
		.port = &req.arg.unbound.port,
		.arg.unbound = {
			.dom = DOMID_SELF,
			.remote_dom = remote_domain,
		},
	};

	return bind_port(file, &req) ?: *req.port;
}

/**
 * evtchn_bind_static() - take a port that exists since the domain was built
 * @file: who gets the port
 * @port: its number
 *
 * The port is never closed, whatever happens to the binding; but the event core
 * closes it if it has no memory for its tables of a high number.
 *
 * Context: process, may sleep.
 * Return: 0; -EINVAL for 0 and for a number that Xen has no port for, -ENOENT
 * for a free one, -EISCONN if @file has it, -EBUSY if another file or the
 * kernel has it; -ENOMEM; -EINTR.
 */
int evtchn_bind_static(struct evtchn_file *file, evtchn_port_t port)
{
	struct evtchn_request req = { .is_static = true, .port = &port };

	/* Xen has a port 0, reserved and thus of no use to ask for. */
	if (!port)
		return -EINVAL;

	return bind_port(file, &req);
}

/* A binding whose port was lost in a restore, found by its former number. */
static struct evtchn_binding *find_dead_binding(struct evtchn_file *file,
						evtchn_port_t port)
{
	struct evtchn_binding *binding;

	lockdep_assert_held(&file->bind_lock);

	hlist_for_each_entry(binding, &file->bindings, node) {
		if (binding->port == port)
			return binding;
	}

	return NULL;
}

/**
 * evtchn_unbind() - give up a port
 * @file: its owner
 * @port: the port
 *
 * Xen closes the port, unless it is static or another part of the kernel has
 * a reference to it. Its entry in the ring goes, too.
 *
 * Context: process, may sleep.
 * Return: 0; -ENOTCONN if @file does not have @port; -EINTR.
 */
int evtchn_unbind(struct evtchn_file *file, evtchn_port_t port)
{
	struct evtchn_binding *binding;
	int rc;

	rc = mutex_lock_killable(&file->bind_lock);
	if (rc)
		return rc;

	binding = find_own_binding(file, port) ?: find_dead_binding(file, port);
	if (binding) {
		hlist_del(&binding->node);
		file->nr_bindings--;
		free_binding(binding);
		/* Last: the handler may have pushed it until now. */
		evtchn_ring_withdraw(&file->ring, port);
	} else {
		rc = -ENOTCONN;
	}
	mutex_unlock(&file->bind_lock);

	return rc;
}

/**
 * evtchn_unbind_all() - give up every port of a file
 * @file: the owner; nobody else uses it any more
 *
 * Context: process, may sleep; waits for a restore that is under way.
 */
void evtchn_unbind_all(struct evtchn_file *file)
{
	struct evtchn_binding *binding;
	struct hlist_node *next;

	guard(rwsem_read)(&evtchn_save_sem);

	hlist_for_each_entry_safe(binding, next, &file->bindings, node) {
		hlist_del(&binding->node);
		free_binding(binding);
		cond_resched();
	}
}

/**
 * evtchn_notify() - send an event to the other end of a port
 * @file: the port's owner
 * @port: the port
 *
 * What Xen says of the send is not reported: user ABI.
 *
 * Context: process; does not sleep.
 * Return: 0; -ENOTCONN if @file does not have @port.
 */
int evtchn_notify(struct evtchn_file *file, evtchn_port_t port)
{
	struct evtchn_binding *binding;
	int state;

	guard(rcu)();

	binding = find_binding(file, port);
	if (!binding)
		return -ENOTCONN;

	state = atomic_fetch_add(EVTCHN_USER, &binding->state);
	if (!(state & EVTCHN_CLOSING))
		notify_remote_via_evtchn(port);
	put_binding(binding);

	return state & EVTCHN_CLOSING ? -ENOTCONN : 0;
}

/* One port of a write(). */
static void enable_port(struct evtchn_file *file, evtchn_port_t port)
{
	struct evtchn_binding *binding = find_binding(file, port);
	int new, old;

	if (!binding)
		return;

	old = atomic_read(&binding->state);
	/* Fully ordered; pairs with the same in evtchn_interrupt(). */
	do {
		if (!(old & EVTCHN_MASKED) || old & EVTCHN_CLOSING)
			return;
		/* A missed event is due now: masked it stays. */
		new = old & EVTCHN_MISSED ? old & ~EVTCHN_MISSED :
					    old & ~EVTCHN_MASKED;
		new += EVTCHN_USER;
	} while (!atomic_try_cmpxchg(&binding->state, &old, new));

	if (unlikely(old & EVTCHN_MISSED))
		evtchn_file_late_event(file, port);
	xen_irq_lateeoi(binding->irq, 0);
	put_binding(binding);
}

/**
 * evtchn_enable() - let the next events of some ports through
 * @file: the ports' owner
 * @ports: the ports; nothing happens to one that @file does not have or that
 *	is enabled
 * @nr: how many; RCU waits for all of them
 *
 * Context: process; does not sleep.
 */
void evtchn_enable(struct evtchn_file *file, const evtchn_port_t *ports,
		   unsigned int nr)
{
	unsigned int i;

	guard(rcu)();

	for (i = 0; i < nr; i++)
		enable_port(file, ports[i]);
}

/**
 * evtchn_begin_save() - before the domain is saved
 *
 * To be followed by evtchn_end_save(), by the same task. No file is released
 * in between.
 *
 * Context: process, may sleep; user space is frozen.
 */
void evtchn_begin_save(void)
{
	down_write(&evtchn_save_sem);
}

/**
 * evtchn_end_save() - the domain goes on, after a restore or as it was
 *
 * After a restore, the ports that are gone are forgotten. Their bindings stay
 * with their files until UNBIND or release. Otherwise every port is there.
 *
 * Context: process, may sleep; user space is frozen.
 */
void evtchn_end_save(void)
{
	struct evtchn_binding __rcu **row;
	struct evtchn_binding *binding;
	unsigned int nr, i;

	/* The core frees what irq_from_evtchn() looks at by RCU. */
	rcu_read_lock();
	for (nr = 0; nr < ARRAY_SIZE(evtchn_rows); nr++) {
		row = evtchn_rows[nr];
		for (i = 0; row && i < EVTCHN_ROW_PORTS; i++) {
			binding = rcu_dereference(row[i]);
			/* A number that is mapped may be another's: the irq tells. */
			if (!binding || irq_from_evtchn(binding->port) == binding->irq)
				continue;
			binding->file->lost_ports = true;
			RCU_INIT_POINTER(row[i], NULL);
		}
	}
	rcu_read_unlock();

	up_write(&evtchn_save_sem);
}

/**
 * evtchn_bindings_init() - before the first file is opened
 *
 * Return: 0 or -ENOMEM.
 */
int __init evtchn_bindings_init(void)
{
	evtchn_binding_cache = KMEM_CACHE(evtchn_binding, SLAB_ACCOUNT);

	return evtchn_binding_cache ? 0 : -ENOMEM;
}

/**
 * evtchn_bindings_exit() - after the last file was released
 *
 * Context: process, may sleep.
 */
void evtchn_bindings_exit(void)
{
	unsigned int i;

	/* Waits for kfree_rcu(). */
	kmem_cache_destroy(evtchn_binding_cache);
	for (i = 0; i < ARRAY_SIZE(evtchn_rows); i++)
		free_page((unsigned long)evtchn_rows[i]);
}
