/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A model of Xen, to test the driver. All calls of the driver to Xen, to the
 * event core and to allocators end here. They fail on demand, and complain
 * about what a correct driver does not do.
 */
#include <kunit/test.h>

#include <linux/cleanup.h>
#include <linux/err.h>
#include <linux/eventfd.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/interrupt.h>
#include <linux/list.h>
#include <linux/lockdep.h>
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
#include <linux/uio.h>

#include <xen/events.h>
#include <xen/xen-ops.h>
#include <xen/xen.h>
#include <xen/xenbus.h>

#define KUNIT_PREFIX	kunit_driver_
#include "rename.h"
#include "../evtchn.h"

/*
 * The world
 */

#define NR_PORTS	256
#define NR_IRQS_MADE	256
#define FIRST_IRQ	1000
#define FIRST_VCPU	40
#define REMOTE_PORT	77
#define USER_BASE	0x10000UL
#define USER_SIZE	(2 * PAGE_SIZE)

struct world_port {
	u32 status;		/* EVTCHNSTAT_* */
	bool made;		/* by the driver, which has to close it once */
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
	int disabled;
	unsigned int owed;	/* EOIs that the driver has yet to send */
	bool shared;
};

/* Descriptors 0 to 3; the next one is open, and no eventfd. */
#define NR_EVENTFDS	4

struct world_eventfd {
	wait_queue_head_t queue;
	u64 count;
	int files, refs;	/* references to its open file, and to itself */
};

/* The alloc-th allocation fails, or each call of a kind; 0: none. */
struct failure {
	unsigned int alloc;
	int op, map, request, misc;
};

static struct world {
	struct kunit *test;
	struct world_port ports[NR_PORTS];
	struct world_irq irqs[NR_IRQS_MADE];
	unsigned int next_irq, nr_irqs;
	unsigned int nr_channels;
	unsigned int restores;
	int store_port;
	bool in_xen;
	struct failure fail;
	bool killed;
	/* Called once, when the driver takes a mutex, or requests or enables an irq. */
	void (*at_lock)(void);
	void (*at_request)(void);
	void (*at_enable)(void);
	unsigned int nr_live, ops, closes, eois, signals;
	bool is_traced;
	char trace[32];		/* a letter for each trace event */
	size_t traced;
	struct miscdevice *misc;
	struct world_eventfd eventfds[NR_EVENTFDS];
	int in_eventfd;		/* waiters of an eventfd are being called */
	u32 *memory;		/* of the program, at USER_BASE */
	struct uevtchn_file *file;	/* the one whose operation runs */
	const char *complaint;
} world;

/* Only notes it, as a lock may be held; no_complaint() reports it. */
static void complain_if(bool wrong, const char *what)
{
	if (wrong && !world.complaint)
		world.complaint = what;
}

static void no_complaint(struct kunit *test)
{
	if (world.complaint)
		KUNIT_FAIL(test, "%s", world.complaint);
	world.complaint = NULL;
}

static void call_once(void (**hook)(void))
{
	void (*fn)(void) = *hook;

	*hook = NULL;
	if (fn)
		fn();
}

/*
 * Locks: a trylock shows whether a lock is held, even without lockdep; but not
 * without SMP, where taking a spinlock always succeeds.
 */

#define must_hold(kind, lock)						\
do {									\
	typeof(lock) __lock = (lock);					\
									\
	if (kind##_trylock(__lock)) {					\
		kind##_unlock(__lock);					\
		complain_if(IS_ENABLED(CONFIG_SMP), "not under " #lock);	\
	}								\
} while (0)

static void must_be_allowed_to_sleep(void)
{
	might_sleep();
	/* The test itself may call this after it has closed the file. */
	if (!world.file)
		return;
	if (write_trylock(&world.file->lock))
		write_unlock(&world.file->lock);
	else
		complain_if(true, "a call that sleeps is made under file->lock");
}

static void must_hold_mutex(struct mutex *lock)
{
	complain_if(!mutex_is_locked(lock), "not under a mutex");
}

static void must_be_writer(void)
{
	must_hold_mutex(&world.file->bind_lock);
	must_hold(read, &world.file->lock);
}

static int world_lock_killable(struct mutex *lock)
{
	call_once(&world.at_lock);
	return world.killed ? -EINTR : mutex_lock_killable(lock);
}

/*
 * Memory
 */

/* The header of each allocation of the driver, to check how it is freed. */
struct piece {
	size_t size;
	bool live;
	u8 memory[] __aligned(8);
};

static void *world_alloc(size_t size, gfp_t gfp)
{
	struct piece *piece;

	must_be_allowed_to_sleep();
	complain_if(!(gfp & __GFP_ACCOUNT),
		    "memory is not charged to its user");
	if (world.fail.alloc && !--world.fail.alloc)
		return NULL;
	piece = kvmalloc(struct_size(piece, memory, size), gfp);
	if (!piece)
		return NULL;
	piece->size = size;
	piece->live = true;
	if (!(gfp & __GFP_ZERO))
		memset(piece->memory, 0xa5, size);
	world.nr_live++;
	return piece->memory;
}

static void world_free(const void *p)
{
	struct piece *piece = container_of(p, struct piece, memory[0]);
	unsigned int i;

	if (!p)
		return;
	for (i = 0; i < NR_IRQS_MADE; i++)
		complain_if(world.irqs[i].data == p, "memory of a handler is freed");
	complain_if(!piece->live, "memory is freed that was not allocated");
	if (!piece->live)
		return;
	/* Poison it, so that a use after free shows. */
	memset(piece->memory, 0x6b, piece->size);
	piece->live = false;
	world.nr_live--;
	kvfree(piece);
}

DEFINE_FREE(world, void *, world_free(IS_ERR(_T) ? NULL : _T))

/*
 * User memory, simulated, as a kernel thread of a PV domain cannot have any. It
 * is two pages long, and no other address is mapped.
 */
static unsigned long world_copy(void *to_kernel, const void *from_kernel,
				unsigned long user, size_t size)
{
	size_t done = user - USER_BASE < USER_SIZE ?
		      min(size, USER_BASE + USER_SIZE - user) : 0;
	void *memory = (void *)world.memory + (user - USER_BASE);

	must_be_allowed_to_sleep();
	if (from_kernel)
		memcpy(memory, from_kernel, done);
	if (to_kernel)
		memcpy(to_kernel, memory, done);
	return size - done;
}

/*
 * Ports
 */

static evtchn_port_t open_port(u32 status, bool made, u32 argument)
{
	evtchn_port_t port = 1;

	/* As in Xen, the lowest free number, which is reused at once. */
	while (port < NR_PORTS && world.ports[port].status != EVTCHNSTAT_closed)
		port++;
	KUNIT_ASSERT_LT(world.test, port, NR_PORTS);
	world.ports[port].status = status;
	world.ports[port].made = made;
	world.ports[port].argument = argument;
	return port;
}

static void close_port(evtchn_port_t port)
{
	memset(&world.ports[port], 0, sizeof(world.ports[port]));
}

/* How many ports are open; if @made, those that the driver has to close. */
static unsigned int count_ports(bool made)
{
	unsigned int i, n = 0;

	for (i = 0; i < NR_PORTS; i++)
		n += world.ports[i].status != EVTCHNSTAT_closed &&
		     (world.ports[i].made || !made);
	return n;
}

static int world_op(int op, void *arg)
{
	struct evtchn_bind_interdomain *interdomain = arg;
	struct evtchn_alloc_unbound *unbound = arg;
	struct evtchn_status *status = arg;
	struct evtchn_bind_virq *virq = arg;

	/* A status query does not wait for anything. */
	if (op != EVTCHNOP_status)
		must_be_allowed_to_sleep();
	world.ops++;
	if (world.fail.op)
		return world.fail.op;

	switch (op) {
	case EVTCHNOP_bind_virq:
		complain_if(virq->vcpu != FIRST_VCPU, "a VIRQ is not bound on vCPU 0");
		virq->port = open_port(EVTCHNSTAT_virq, true, virq->virq);
		return 0;
	case EVTCHNOP_bind_interdomain:
		complain_if(interdomain->remote_port != REMOTE_PORT, "the remote port is lost");
		interdomain->local_port = open_port(EVTCHNSTAT_interdomain, true,
						    interdomain->remote_dom);
		/* As Xen does. */
		world.ports[interdomain->local_port].pending = true;
		return 0;
	case EVTCHNOP_alloc_unbound:
		complain_if(unbound->dom != DOMID_SELF, "another domain's port is allocated");
		unbound->port = open_port(EVTCHNSTAT_unbound, true, unbound->remote_dom);
		return 0;
	case EVTCHNOP_status:
		complain_if(status->dom != DOMID_SELF, "another domain's port is looked at");
		/* Port 0 is reserved, and reported as closed. */
		if (status->port >= NR_PORTS)
			return -EINVAL;
		status->status = world.ports[status->port].status;
		switch (status->status) {
		case EVTCHNSTAT_unbound:
			status->u.unbound.dom = world.ports[status->port].argument;
			break;
		case EVTCHNSTAT_interdomain:
			status->u.interdomain.dom = world.ports[status->port].argument;
			status->u.interdomain.port = REMOTE_PORT;
			break;
		case EVTCHNSTAT_virq:
			status->u.virq = world.ports[status->port].argument;
			break;
		}
		return 0;
	}
	complain_if(true, "no such hypercall");
	return -EOPNOTSUPP;
}

static void world_close(evtchn_port_t port)
{
	must_be_allowed_to_sleep();
	world.closes++;
	complain_if(!world.ports[port].made, "a port is closed that is not the driver's");
	complain_if(world.ports[port].irq, "a port is closed that has an irq");
	close_port(port);
}

static void world_send(evtchn_port_t port)
{
	must_hold(write, &world.file->lock);
	complain_if(world.ports[port % NR_PORTS].status == EVTCHNSTAT_closed,
		    "an event is sent to a closed port");
	world.ports[port % NR_PORTS].sends++;
}

/*
 * Irqs and events
 */

static struct world_irq *irq_of(unsigned int irq)
{
	static struct world_irq none;

	if (irq - FIRST_IRQ < NR_IRQS_MADE && world.irqs[irq - FIRST_IRQ].refs)
		return &world.irqs[irq - FIRST_IRQ];
	complain_if(true, "an irq is used that was given back");
	memset(&none, 0, sizeof(none));
	return &none;
}

static void call_handlers(struct world_irq *irq)
{
	irq->masked = true;
	if (irq->handler) {
		/* One for the event, and one for those that were missed. */
		irq->owed = min(irq->owed + 1, 2);
		irq->handler(irq - world.irqs + FIRST_IRQ, irq->data);
	}
}

static void deliver(struct world_irq *irq)
{
	struct world_port *port = &world.ports[irq->port];

	/* Interrupts are off while the waiters of an eventfd are called. */
	if (world.in_eventfd || !irq->port || !port->pending || irq->masked ||
	    irq->disabled || !(irq->handler || irq->shared))
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

/* As the irq core does when an event comes while the handler runs. */
static void replay(evtchn_port_t port)
{
	call_handlers(irq_of(world.ports[port].irq));
}

static void unmask(struct world_irq *irq)
{
	irq->masked = false;
	deliver(irq);
}

static int world_map(evtchn_port_t port, bool is_static)
{
	struct world_irq *irq;

	must_be_allowed_to_sleep();
	if (world.fail.map)
		return world.fail.map;
	if (world.ports[port].irq)
		return -EBUSY;
	/* Reuse released irqs as late as possible, so that misuse shows. */
	do {
		irq = &world.irqs[world.next_irq++ % NR_IRQS_MADE];
	} while (irq->refs);
	memset(irq, 0, sizeof(*irq));
	irq->port = port;
	irq->refs = 1;
	irq->is_static = is_static;
	world.nr_irqs++;
	world.ports[port].irq = irq - world.irqs + FIRST_IRQ;
	return world.ports[port].irq;
}

static void world_put_irq(unsigned int nr)
{
	struct world_irq *irq = irq_of(nr);

	must_be_allowed_to_sleep();
	complain_if(irq->handler, "an irq is given back with its handler");
	complain_if(irq->owed, "an irq is given back and its EOI was not sent");
	if (!irq->refs || --irq->refs)
		return;
	world.nr_irqs--;
	if (!irq->port)
		return;
	world.ports[irq->port].irq = 0;
	if (!irq->is_static)
		close_port(irq->port);
}

static void world_eoi(unsigned int nr, unsigned int flags)
{
	struct world_irq *irq = irq_of(nr);
	bool by_write = irq->handler && !world.in_eventfd &&
			!mutex_is_locked(&world.file->bind_lock);

	world.eois++;
	if (by_write)
		must_hold(write, &world.file->lock);
	complain_if(flags, "an EOI of a program is marked spurious");
	complain_if(!irq->owed, "an EOI is sent that is not owed");
	/* A reader of an eventfd has seen the missed event, too. */
	if (irq->owed)
		irq->owed = by_write ? irq->owed - 1 : 0;
	unmask(irq);
}

static int world_request_irq(unsigned int nr, irq_handler_t handler,
			     unsigned long flags, const char *name, void *data)
{
	struct world_irq *irq = irq_of(nr);

	must_be_allowed_to_sleep();
	if (world.fail.request)
		return world.fail.request;
	complain_if(irq->handler, "an irq is requested twice");
	complain_if(flags != IRQF_SHARED, "an irq is not shared");
	strscpy(irq->name, name, sizeof(irq->name));
	irq->handler = handler;
	irq->data = data;
	deliver(irq);
	call_once(&world.at_request);
	return 0;
}

/* An event may come until the end, and with DEBUG_SHIRQ the handler is called. */
static void world_free_irq(unsigned int nr, void *data)
{
	struct world_irq *irq = irq_of(nr);
	u32 used = world.file->ring.used;

	must_be_allowed_to_sleep();
	complain_if(irq->data != data, "an irq is freed that was not requested");
	if (irq->handler)
		irq->handler(nr, data);
	irq->handler = NULL;
	irq->data = NULL;
	complain_if(world.file->ring.used != used, "a closing binding pushes its port");
	irq->owed = min(irq->owed, 1);
}

/*
 * Eventfds
 */

static struct file *world_eventfd_fget(int fd)
{
	if (fd >= 0 && fd < NR_EVENTFDS) {
		world.eventfds[fd].files++;
		return (struct file *)&world.eventfds[fd];
	}
	return ERR_PTR(fd == NR_EVENTFDS ? -EINVAL : -EBADF);
}

static void world_fput(struct file *file)
{
	complain_if(!((struct world_eventfd *)file)->files--, "a file is put twice");
}

static struct eventfd_ctx *world_eventfd_fileget(struct file *file)
{
	struct world_eventfd *eventfd = (struct world_eventfd *)file;

	complain_if(!eventfd->files, "a file is used that was put");
	eventfd->refs++;
	return (struct eventfd_ctx *)eventfd;
}

static void world_eventfd_put(struct eventfd_ctx *ctx)
{
	struct world_eventfd *eventfd = (struct world_eventfd *)ctx;

	complain_if(!eventfd->refs--, "an eventfd is put twice");
	/* Nothing adds a waiter meanwhile. */
	complain_if(!eventfd->refs && waitqueue_active(&eventfd->queue),
		    "an eventfd is put, and there are waiters in its queue");
}

static __poll_t world_poll(struct file *file, poll_table *table)
{
	struct world_eventfd *eventfd = (struct world_eventfd *)file;

	complain_if(!eventfd->files, "a file is polled that was put");
	table->_qproc(file, &eventfd->queue, table);
	return eventfd->count ? EPOLLIN : 0;
}

static void world_eventfd_read(struct eventfd_ctx *ctx, u64 *count)
{
	struct world_eventfd *eventfd = (struct world_eventfd *)ctx;

	must_hold(spin, &eventfd->queue.lock);
	*count = eventfd->count;
	eventfd->count = 0;
}

static void world_change_eventfd(struct world_eventfd *eventfd, u64 count, __poll_t key)
{
	unsigned long flags;
	unsigned int i;

	spin_lock_irqsave(&eventfd->queue.lock, flags);
	eventfd->count = count;
	world.in_eventfd++;
	wake_up_locked_poll(&eventfd->queue, key);
	world.in_eventfd--;
	spin_unlock_irqrestore(&eventfd->queue.lock, flags);
	for (i = 0; i < NR_IRQS_MADE; i++)
		deliver(&world.irqs[i]);
}

static void world_eventfd_signal(struct eventfd_ctx *ctx)
{
	struct world_eventfd *eventfd = (struct world_eventfd *)ctx;

	complain_if(!eventfd->refs, "an eventfd is signalled that was put");
	complain_if(world.in_eventfd, "an eventfd is signalled by a waiter of one");
	world_change_eventfd(eventfd, eventfd->count + 1, EPOLLIN);
}

static void world_disable_irq(unsigned int nr)
{
	must_be_allowed_to_sleep();
	irq_of(nr)->disabled++;
}

static void world_enable_irq(unsigned int nr)
{
	struct world_irq *irq = irq_of(nr);

	complain_if(!irq->disabled--, "an irq is enabled twice");
	deliver(irq);
	call_once(&world.at_enable);
}

/* As a program's write() of the eventfd. */
static void write_eventfd(int fd, u64 count)
{
	struct world_eventfd *eventfd = &world.eventfds[fd];

	world_change_eventfd(eventfd, eventfd->count + count, EPOLLIN);
}

/* As a program's read() of the eventfd; returns its count. */
static u64 read_eventfd(int fd)
{
	u64 count = world.eventfds[fd].count;

	if (count)
		world_change_eventfd(&world.eventfds[fd], 0, EPOLLOUT);
	return count;
}

/* As in the event core: sends nothing if a restore took the port. */
static void world_send_by_irq(unsigned int nr)
{
	struct world_irq *irq = irq_of(nr);

	if (irq->port)
		world.ports[irq->port].sends++;
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

static void world_signal(struct fasync_struct **fasync, int signal, int band)
{
	complain_if(!*fasync || signal != SIGIO || band != POLL_IN, "a wrong signal is sent");
	world.signals++;
}

/* A port is traced as long as it has its irq. */
static void world_trace(const struct uevtchn_file *file, evtchn_port_t port, int irq, u32 what)
{
	struct world_irq *traced = irq_of(irq);

	complain_if(what == UEVTCHN_TRACE_LOST ? traced->port != 0 : traced->port != port,
		    "the port or irq traced is wrong");
	complain_if(strncmp(file->name, "evtchn:", 7), "the file traced is wrong");
	/* The last byte stays 0. */
	if (world.traced < sizeof(world.trace) - 1)
		world.trace[world.traced++] = "bulemown"[what];
}

/* From here on, the driver's calls are redirected to the model. */
#undef lockdep_assert_held
#undef fput
#undef kzalloc
#undef kvmalloc
#undef kvzalloc
#undef kvmalloc_array
#undef kvcalloc
#undef kmalloc
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
#define kmalloc(size, gfp)			world_alloc(size, gfp)
#define copy_from_user(to, from, size)		\
	world_copy(to, NULL, (__force unsigned long)(from), size)
#define copy_to_user(to, from, size)		\
	world_copy(NULL, from, (__force unsigned long)(to), size)
#define kfree(p)				world_free(p)
#define kvfree(p)				world_free(p)
#define __free_kfree				__free_world
#define mutex_lock_killable(lock)		world_lock_killable(lock)
#define hlist_add_head(node, head)		(must_be_writer(), hlist_add_head(node, head))
#define hlist_del(node)				(must_be_writer(), hlist_del(node))
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
#define xen_vcpu_nr(cpu)			((cpu) + FIRST_VCPU)
#define kill_fasync(fasync, signal, band)	world_signal(fasync, signal, band)
#define xen_domain()				world.in_xen
#define misc_register(device)			(world.misc = (device), world.fail.misc)
#define misc_deregister(device)			\
	(world.misc = world.misc == (device) ? NULL : world.misc)
#define eventfd_fget(fd)			world_eventfd_fget(fd)
#define fput(file)				world_fput(file)
#define eventfd_ctx_fileget(file)		world_eventfd_fileget(file)
#define eventfd_ctx_put(ctx)			world_eventfd_put(ctx)
#define eventfd_signal(ctx)			world_eventfd_signal(ctx)
#define disable_irq(irq)			world_disable_irq(irq)
#define enable_irq(irq)				world_enable_irq(irq)
#define eventfd_ctx_do_read(ctx, count)		world_eventfd_read(ctx, count)
#define vfs_poll(file, table)			world_poll(file, table)
#define notify_remote_via_irq(irq)		world_send_by_irq(irq)
#define uevtchn_is_traced()			world.is_traced
#define uevtchn_trace(file, port, irq, what)	world_trace(file, port, irq, what)
#define module_init(fn)
#define module_exit(fn)
#define __init
#define __exit
#define MODULE_DESCRIPTION(text)
#define MODULE_LICENSE(text)

#define lockdep_assert_held(lock)		must_hold(spin, lock)
#include "../ring.c"
#include "../eventfd.c"
#undef lockdep_assert_held
#define lockdep_assert_held(lock)		must_hold_mutex(lock)
#include "../bind.c"
#include "../ioctl.c"
#include "../core.c"
