// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * A second handler on an event channel of /dev/xen/evtchn, as privcmd's
 * ioeventfd is. It counts its events, and leaves the EOI to the program. The
 * commands of /dev/evtchn_sharer are followed by a number:
 *
 *   SHARER_BIND	share that port of a /dev/xen/evtchn file, until close
 *   SHARER_EVENTS	how many events the handler got since then
 *   SHARER_EOI		send an EOI, together with that many callers
 *   SHARER_SPURIOUS	the same, for a spurious event
 *
 * mmap() of the device gives a page for the I/O requests that privcmd's
 * ioeventfd answers. Device models map such a page of another domain; this one
 * belongs to the module, so that no other domain is needed.
 */
#include <linux/atomic.h>
#include <linux/fs.h>
#include <linux/gfp.h>
#include <linux/interrupt.h>
#include <linux/ioctl.h>
#include <linux/math.h>
#include <linux/minmax.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched/signal.h>

#include <xen/events.h>
#include <xen/xen.h>

#define SHARER_BIND	_IO('S', 0)
#define SHARER_EVENTS	_IO('S', 1)
#define SHARER_EOI	_IO('S', 2)
#define SHARER_SPURIOUS	_IO('S', 3)

/* The file that has bound a port, until it is closed. */
static struct file *sharer_owner;
static int sharer_irq;
static atomic_t sharer_events;	/* counted by the handler */
static atomic_t sharer_callers;	/* callers that send an EOI together */

/* Kept until the module is unloaded, as privcmd takes no reference to it. */
static struct page *request_page;

static irqreturn_t sharer_interrupt(int irq, void *data)
{
	atomic_inc(&sharer_events);
	return IRQ_HANDLED;
}

static long sharer_bind(struct file *filp, unsigned int port)
{
	int irq;

	if (cmpxchg(&sharer_owner, NULL, filp))
		return -EBUSY;

	atomic_set(&sharer_events, 0);
	atomic_set(&sharer_callers, 0);
	/* Takes a reference to the port. */
	irq = bind_evtchn_to_irqhandler_lateeoi(port, sharer_interrupt, IRQF_SHARED,
						"evtchn-sharer", &sharer_events);
	sharer_irq = irq;
	if (irq < 0)
		WRITE_ONCE(sharer_owner, NULL);
	return min(irq, 0);
}

static int sharer_release(struct inode *inode, struct file *filp)
{
	if (sharer_owner == filp) {
		unbind_from_irqhandler(sharer_irq, &sharer_events);
		WRITE_ONCE(sharer_owner, NULL);
	}
	return 0;
}

/* The callers run on different CPUs, and send their EOIs at the same time. */
static long sharer_eoi(int callers, unsigned int flags)
{
	int last = 0;

	if (callers > 1)
		last = roundup(atomic_inc_return(&sharer_callers), callers);
	while (atomic_read(&sharer_callers) < last) {
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	xen_irq_lateeoi(sharer_irq, flags);
	return 0;
}

static long sharer_ioctl(struct file *filp, unsigned int cmd, unsigned long number)
{
	if (cmd == SHARER_BIND)
		return sharer_bind(filp, number);
	if (sharer_owner != filp)
		return -ENOTCONN;
	if (cmd == SHARER_EVENTS)
		return atomic_read(&sharer_events);
	if (cmd != SHARER_EOI && cmd != SHARER_SPURIOUS)
		return -ENOTTY;
	return sharer_eoi(number, cmd == SHARER_EOI ? 0 : XEN_EOI_FLAG_SPURIOUS);
}

static int sharer_mmap(struct file *filp, struct vm_area_struct *vma)
{
	vm_flags_set(vma, VM_DONTEXPAND | VM_DONTCOPY | VM_DONTDUMP);
	/* privcmd expects the array of the mapping's pages there. */
	vma->vm_private_data = &request_page;
	return vm_insert_page(vma, vma->vm_start, request_page);
}

static const struct file_operations sharer_fops = {
	.owner		= THIS_MODULE,
	.release	= sharer_release,
	.unlocked_ioctl	= sharer_ioctl,
	.mmap		= sharer_mmap,
};

static struct miscdevice sharer_miscdev = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= "evtchn_sharer",
	.fops	= &sharer_fops,
};

static int __init sharer_init(void)
{
	int rc;

	if (!xen_domain())
		return -ENODEV;
	request_page = alloc_page(GFP_KERNEL | __GFP_ZERO);
	if (!request_page)
		return -ENOMEM;
	rc = misc_register(&sharer_miscdev);
	if (rc)
		__free_page(request_page);
	return rc;
}
module_init(sharer_init);

static void __exit sharer_exit(void)
{
	misc_deregister(&sharer_miscdev);
	__free_page(request_page);
}
module_exit(sharer_exit);

MODULE_DESCRIPTION("Test: a second handler on ports of /dev/xen/evtchn");
MODULE_LICENSE("Dual MIT/GPL");
