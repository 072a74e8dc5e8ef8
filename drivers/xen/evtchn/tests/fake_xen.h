/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The driver on a Xen that is made up. All that it calls of Xen, of the event
 * core, and to allocate ends here: that fails on demand, and complains of what
 * no correct driver does.
 */
#include <kunit/test.h>

#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/cleanup.h>
#include <linux/ctype.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/interrupt.h>
#include <linux/list.h>
#include <linux/lockdep.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/poll.h>
#include <linux/sched/signal.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include <xen/events.h>
#include <xen/xen-ops.h>
#include <xen/xen.h>
#include <xen/xenbus.h>

/*
 * The world
 */

#define NR_PORTS	256
#define NR_IRQS_MADE	256
#define FIRST_IRQ	1000
#define MAX_LIVE	512
#define USER_BASE	0x10000UL
#define USER_SIZE	(2 * PAGE_SIZE)

struct world_port {
	u32 status;		/* EVTCHNSTAT_* */
	bool made;		/* for the driver, which is to close it once */
	bool pending;
	int irq;		/* 0: not mapped */
	unsigned int sends;
	u32 argument;		/* the VIRQ, or the other domain */
};

/* An irq that wants late EOIs, with the driver's handler and another one. */
struct world_irq {
	evtchn_port_t port;	/* 0 after a restore */
	int refs;
	bool is_static;
	bool masked;		/* from an event until an EOI */
	irq_handler_t handler;
	void *data;
	char name[sizeof("evtchn:") + TASK_COMM_LEN];
	unsigned int owed;	/* EOIs that the driver's handler was called for */
	bool shared;
	unsigned int shared_calls;
};

/* Where a hook is called, in what the driver calls. */
enum place { AT_LOCK, AT_REQUEST };

static struct world {
	struct kunit *test;
	struct world_port ports[NR_PORTS];
	struct world_irq irqs[NR_IRQS_MADE];
	unsigned int next_irq;
	unsigned int nr_channels;
	unsigned int restores;
	int store_port;
	bool in_xen;
	/* The call of this number fails; 0: none does. */
	unsigned int fail_alloc;
	int fail_op, fail_map, fail_request, fail_misc;
	bool killed;
	void (*hook)(enum place place);
	void *live[MAX_LIVE];
	size_t live_size[MAX_LIVE];
	unsigned int nr_live, ops, closes, eois, signals;
	struct miscdevice *misc;
	u8 *memory;		/* of the program, at USER_BASE */
	struct uevtchn_file *file;	/* whose operation runs */
	const char *complaint;
} world;

/* Noted here, as a lock may be held, and told by no_complaint(). */
static void complain(const char *what)
{
	if (!world.complaint)
		world.complaint = what;
}

static void *world_track(void *p, size_t size)
{
	if (IS_ERR_OR_NULL(p))
		return p;
	if (world.nr_live == MAX_LIVE) {
		complain("too much memory is allocated");
		return p;
	}
	world.live_size[world.nr_live] = size;
	world.live[world.nr_live++] = p;
	return p;
}

static bool world_alloc_fails(void)
{
	return world.fail_alloc && !--world.fail_alloc;
}

static void *world_alloc(size_t size, gfp_t gfp)
{
	void *p;

	might_sleep();
	if ((gfp & GFP_KERNEL_ACCOUNT) != GFP_KERNEL_ACCOUNT)
		complain("memory is not charged to its user");
	if (world_alloc_fails())
		return NULL;
	p = kvmalloc(size, gfp);
	if (p && !(gfp & __GFP_ZERO))
		memset(p, 0xa5, size);
	return world_track(p, size);
}

/*
 * User memory: real one cannot be had in a kernel thread of a PV domain. It ends
 * after two pages, and there is none elsewhere.
 */
static unsigned long world_copy(void *to_kernel, const void *from_kernel,
				unsigned long user, size_t size)
{
	size_t done = user - USER_BASE < USER_SIZE ?
		      min(size, USER_BASE + USER_SIZE - user) : 0;

	might_sleep();
	if (from_kernel)
		memcpy(world.memory + (user - USER_BASE), from_kernel, done);
	if (to_kernel)
		memcpy(to_kernel, world.memory + (user - USER_BASE), done);
	return size - done;
}

static void world_free(const void *p)
{
	unsigned int i;

	if (!p)
		return;
	for (i = 0; i < NR_IRQS_MADE; i++) {
		if (world.irqs[i].handler && world.irqs[i].data == p)
			complain("memory of a handler is freed");
	}
	for (i = 0; i < world.nr_live && world.live[i] != p; i++)
		;
	if (i == world.nr_live) {
		complain("memory is freed that was not allocated");
		return;
	}
	/* Whoever uses it from now on is to see that. */
	memset(world.live[i], 0x6b, world.live_size[i]);
	world.nr_live--;
	world.live[i] = world.live[world.nr_live];
	world.live_size[i] = world.live_size[world.nr_live];
	kvfree(p);
}

static void *world_memdup(unsigned long from, size_t size)
{
	void *p = world_alloc_fails() ? NULL : world_track(kvmalloc(size, GFP_KERNEL), size);

	if (!p)
		return ERR_PTR(-ENOMEM);
	if (!world_copy(p, NULL, from, size))
		return p;
	world_free(p);
	return ERR_PTR(-EFAULT);
}

/* What __free(kfree) calls. */
static inline void world_cleanup(void *p)
{
	void *memory = *(void **)p;

	if (!IS_ERR_OR_NULL(memory))
		world_free(memory);
}

static int world_lock_killable(struct mutex *lock)
{
	if (world.hook)
		world.hook(AT_LOCK);
	return world.killed ? -EINTR : mutex_lock_killable(lock);
}

static int world_op(int op, void *arg);
static void world_close(evtchn_port_t port);
static void world_send(evtchn_port_t port);
static int world_map(evtchn_port_t port, bool is_static);
static void world_put_irq(unsigned int irq);
static void world_eoi(unsigned int irq, unsigned int flags);
static int world_request_irq(unsigned int irq, irq_handler_t handler,
			     unsigned long flags, const char *name, void *data);
static void world_free_irq(unsigned int irq, void *data);
static void world_hlist_add(struct hlist_node *node, struct hlist_head *head);
static void world_hlist_del(struct hlist_node *node);

static void world_signal(struct fasync_struct **fasync, int signal, int band)
{
	if (!*fasync || signal != SIGIO || band != POLL_IN)
		complain("a wrong signal is sent");
	world.signals++;
}

static int world_misc_register(struct miscdevice *misc)
{
	if (!world.fail_misc)
		world.misc = misc;
	return world.fail_misc;
}

static void world_misc_deregister(struct miscdevice *misc)
{
	if (world.misc != misc)
		complain("a device goes that is not there");
	world.misc = NULL;
}

/* Without lockdep, too, though they do not tell who holds the lock. */
static void must_hold_mutex(struct mutex *lock)
{
	if (!mutex_is_locked(lock))
		complain("a mutex is not held");
}

static void must_hold_spinlock(spinlock_t *lock)
{
	if (!spin_trylock(lock))
		return;
	spin_unlock(lock);
	if (IS_ENABLED(CONFIG_SMP))
		complain("a spinlock is not held");
}

/* From here on the driver's calls are of the world. */
#undef lockdep_assert_held
#undef kzalloc
#undef kvmalloc
#undef kvzalloc
#undef kvmalloc_array
#undef kvcalloc
#undef memdup_user
#undef copy_from_user
#undef copy_to_user
#undef mutex_lock_killable
#undef xen_domain
#undef module_init
#undef module_exit
#undef __init
#undef __exit
#undef MODULE_DESCRIPTION
#undef MODULE_LICENSE
#define kzalloc(size, gfp)			world_alloc(size, (gfp) | __GFP_ZERO)
#define kvmalloc(size, gfp)			world_alloc(size, gfp)
#define kvzalloc(size, gfp)			world_alloc(size, (gfp) | __GFP_ZERO)
#define kvmalloc_array(n, size, gfp)		world_alloc(size_mul(n, size), gfp)
#define kvcalloc(n, size, gfp)			kvmalloc_array(n, size, (gfp) | __GFP_ZERO)
#define memdup_user(from, size)			world_memdup((__force unsigned long)(from), size)
#define copy_from_user(to, from, size)		\
	world_copy(to, NULL, (__force unsigned long)(from), size)
#define copy_to_user(to, from, size)		\
	world_copy(NULL, from, (__force unsigned long)(to), size)
#define kfree(p)				world_free(p)
#define kvfree(p)				world_free(p)
#define __free_kfree				world_cleanup
#define mutex_lock_killable(lock)		world_lock_killable(lock)
#define hlist_add_head(node, head)		world_hlist_add(node, head)
#define hlist_del(node)				world_hlist_del(node)
#define HYPERVISOR_event_channel_op(op, arg)	world_op(op, arg)
#define xen_evtchn_close(port)			world_close(port)
#define notify_remote_via_evtchn(port)		world_send(port)
#define bind_evtchn_to_irq_owned(port, fixed)	world_map(port, fixed)
#define evtchn_put_irq(irq)			world_put_irq(irq)
#define xen_irq_lateeoi(irq, flags)		world_eoi(irq, flags)
#define request_irq(irq, fn, flags, name, data)	world_request_irq(irq, fn, flags, name, data)
#define free_irq(irq, data)			world_free_irq(irq, data)
#define xen_evtchn_nr_channels()		world.nr_channels
#define xen_evtchn_restores			world.restores
#define xen_store_evtchn			world.store_port
#define xen_vcpu_nr(cpu)			((cpu) + 40)
#define kill_fasync(fasync, signal, band)	world_signal(fasync, signal, band)
#define xen_domain()				world.in_xen
#define misc_register(misc)			world_misc_register(misc)
#define misc_deregister(misc)			world_misc_deregister(misc)
#define module_init(fn)
#define module_exit(fn)
#define __init
#define __exit
#define MODULE_DESCRIPTION(text)
#define MODULE_LICENSE(text)

#define KUNIT_PREFIX	kunit_driver_
#include "rename.h"
#define lockdep_assert_held(lock)		must_hold_spinlock(lock)
#include "../ring.c"
#undef lockdep_assert_held
#define lockdep_assert_held(lock)		must_hold_mutex(lock)
#include "../bind.c"
#include "../ioctl.c"
#include "../core.c"

#undef hlist_add_head
#undef hlist_del

/* A lock of the file shows by another try; but not on a single CPU. */
static void must_be_allowed_to_sleep(void)
{
	might_sleep();
	/* The test itself may call when it has closed the file. */
	if (!world.file)
		return;
	if (!write_trylock(&world.file->lock)) {
		complain("a call that sleeps is made under file->lock");
		return;
	}
	write_unlock(&world.file->lock);
}

static void must_read_lock(void)
{
	if (!write_trylock(&world.file->lock))
		return;
	write_unlock(&world.file->lock);
	if (IS_ENABLED(CONFIG_SMP))
		complain("a port is used without file->lock");
}

static void must_write_lock(void)
{
	if (!mutex_is_locked(&world.file->bind_lock))
		complain("bindings change without file->bind_lock");
	if (!read_trylock(&world.file->lock))
		return;
	read_unlock(&world.file->lock);
	if (IS_ENABLED(CONFIG_SMP))
		complain("the table changes without file->lock");
}

static void world_hlist_add(struct hlist_node *node, struct hlist_head *head)
{
	must_write_lock();
	hlist_add_head(node, head);
}

static void world_hlist_del(struct hlist_node *node)
{
	must_write_lock();
	hlist_del(node);
}

static struct world_irq *irq_of(unsigned int irq)
{
	static struct world_irq none;

	if (irq - FIRST_IRQ < NR_IRQS_MADE && world.irqs[irq - FIRST_IRQ].refs)
		return &world.irqs[irq - FIRST_IRQ];
	complain("an irq is used that was given back");
	memset(&none, 0, sizeof(none));
	return &none;
}

static void call_handlers(struct world_irq *irq)
{
	irq->masked = true;
	irq->shared_calls += irq->shared;
	if (irq->handler) {
		/* One for the event, and one for those that were missed. */
		irq->owed = min(irq->owed + 1, 2);
		irq->handler(irq - world.irqs + FIRST_IRQ, irq->data);
	}
}

static void deliver(struct world_irq *irq)
{
	struct world_port *port = &world.ports[irq->port];

	if (!irq->port || !port->pending || irq->masked || !(irq->handler || irq->shared))
		return;
	port->pending = false;
	call_handlers(irq);
}

static void event(evtchn_port_t port)
{
	world.ports[port].pending = true;
	if (world.ports[port].irq)
		deliver(irq_of(world.ports[port].irq));
}

/* The irq core does this, when an event comes while the handler runs. */
static void replay(evtchn_port_t port)
{
	call_handlers(irq_of(world.ports[port].irq));
}

static void unmask(struct world_irq *irq)
{
	irq->masked = false;
	deliver(irq);
}

static void close_port(evtchn_port_t port)
{
	memset(&world.ports[port], 0, sizeof(world.ports[port]));
}

static evtchn_port_t make_port_of(u32 status, bool made)
{
	evtchn_port_t port = 1;

	/* As Xen does, the lowest number, at once again. */
	while (port < NR_PORTS && world.ports[port].status != EVTCHNSTAT_closed)
		port++;
	KUNIT_ASSERT_LT(world.test, port, NR_PORTS);
	world.ports[port].status = status;
	world.ports[port].made = made;
	return port;
}

static int world_op(int op, void *arg)
{
	struct evtchn_bind_interdomain *interdomain = arg;
	struct evtchn_alloc_unbound *unbound = arg;
	struct evtchn_status *status = arg;
	struct evtchn_bind_virq *virq = arg;
	evtchn_port_t port;

	must_be_allowed_to_sleep();
	world.ops++;
	if (world.fail_op)
		return world.fail_op;

	switch (op) {
	case EVTCHNOP_bind_virq:
		if (virq->vcpu != xen_vcpu_nr(0))
			complain("a VIRQ is not bound on vCPU 0");
		virq->port = make_port_of(EVTCHNSTAT_virq, true);
		world.ports[virq->port].argument = virq->virq;
		return 0;
	case EVTCHNOP_bind_interdomain:
		port = make_port_of(EVTCHNSTAT_interdomain, true);
		world.ports[port].argument = interdomain->remote_dom;
		/* Xen does that. */
		world.ports[port].pending = true;
		if (!interdomain->remote_port)
			complain("the remote port is lost");
		interdomain->local_port = port;
		return 0;
	case EVTCHNOP_alloc_unbound:
		if (unbound->dom != DOMID_SELF)
			complain("another domain's port is allocated");
		unbound->port = make_port_of(EVTCHNSTAT_unbound, true);
		world.ports[unbound->port].argument = unbound->remote_dom;
		return 0;
	case EVTCHNOP_status:
		if (status->dom != DOMID_SELF)
			complain("another domain's port is looked at");
		/* Port 0 is reserved, which looks closed. */
		if (status->port >= NR_PORTS)
			return -EINVAL;
		status->status = world.ports[status->port].status;
		return 0;
	}
	complain("no such hypercall");
	return -ENOSYS;
}

static void world_close(evtchn_port_t port)
{
	must_be_allowed_to_sleep();
	world.closes++;
	if (!world.ports[port].made)
		complain("a port is closed that is not the driver's");
	if (world.ports[port].irq)
		complain("a port is closed that has an irq");
	close_port(port);
}

static void world_send(evtchn_port_t port)
{
	must_read_lock();
	if (port >= NR_PORTS || world.ports[port].status == EVTCHNSTAT_closed)
		complain("an event is sent to a closed port");
	else
		world.ports[port].sends++;
}

static int world_map(evtchn_port_t port, bool is_static)
{
	struct world_irq *irq;

	must_be_allowed_to_sleep();
	if (world.fail_map)
		return world.fail_map;
	if (world.ports[port].irq)
		return -EBUSY;
	/* Those that were given back last are used last, so that they show. */
	do {
		irq = &world.irqs[world.next_irq++ % NR_IRQS_MADE];
	} while (irq->refs);
	memset(irq, 0, sizeof(*irq));
	irq->port = port;
	irq->refs = 1;
	irq->is_static = is_static;
	world.ports[port].irq = irq - world.irqs + FIRST_IRQ;
	return world.ports[port].irq;
}

static void world_put_irq(unsigned int nr)
{
	struct world_irq *irq = irq_of(nr);

	must_be_allowed_to_sleep();
	if (irq->handler)
		complain("an irq is given back with its handler");
	if (irq->owed)
		complain("an irq is given back and its EOI was not sent");
	if (!irq->refs || --irq->refs || !irq->port)
		return;
	world.ports[irq->port].irq = 0;
	if (!irq->is_static)
		close_port(irq->port);
}

static void world_eoi(unsigned int nr, unsigned int flags)
{
	struct world_irq *irq = irq_of(nr);

	world.eois++;
	if (irq->handler)
		must_read_lock();
	if (!irq->owed)
		complain("an EOI is sent that is not owed");
	else
		irq->owed--;
	if (flags)
		complain("a program's EOI is called spurious");
	unmask(irq);
}

static int world_request_irq(unsigned int nr, irq_handler_t handler,
			     unsigned long flags, const char *name, void *data)
{
	struct world_irq *irq = irq_of(nr);

	must_be_allowed_to_sleep();
	if (world.fail_request)
		return world.fail_request;
	if (irq->handler)
		complain("an irq is requested twice");
	if (flags != IRQF_SHARED)
		complain("an irq is not shared");
	strscpy(irq->name, name, sizeof(irq->name));
	irq->handler = handler;
	irq->data = data;
	deliver(irq);
	if (world.hook)
		world.hook(AT_REQUEST);
	return 0;
}

/* An event may come until the end, and with DEBUG_SHIRQ the handler is called. */
static void world_free_irq(unsigned int nr, void *data)
{
	struct world_irq *irq = irq_of(nr);
	u32 used = world.file->ring.used;

	must_be_allowed_to_sleep();
	if (!irq->handler || irq->data != data) {
		complain("an irq is freed that was not requested");
		return;
	}
	irq->handler(nr, data);
	irq->handler = NULL;
	if (world.file->ring.used != used)
		complain("a binding that goes pushes its port");
	irq->owed = min(irq->owed, 1);
}

/* What a restore leaves: no port, and irqs without one. */
static void restore_domain(void)
{
	unsigned int i;

	world.restores++;
	memset(world.ports, 0, sizeof(world.ports));
	for (i = 0; i < NR_IRQS_MADE; i++)
		world.irqs[i].port = 0;
}

static unsigned int count_ports(void)
{
	unsigned int i, n = 0;

	for (i = 0; i < NR_PORTS; i++)
		n += world.ports[i].status != EVTCHNSTAT_closed;
	return n;
}

static unsigned int count_irqs(void)
{
	unsigned int i, n = 0;

	for (i = 0; i < NR_IRQS_MADE; i++)
		n += !!world.irqs[i].refs;
	return n;
}

static void no_complaint(struct kunit *test)
{
	if (world.complaint)
		KUNIT_FAIL(test, "%s", world.complaint);
	world.complaint = NULL;
}
