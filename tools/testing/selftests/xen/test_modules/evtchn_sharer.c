// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * A second handler on an event channel of /dev/xen/evtchn, as the ioeventfd of
 * privcmd has one. Who opens /dev/evtchn_sharer has it for itself, and writes
 *
 *	bind PORT	to share the port of an open /dev/xen/evtchn
 *	unbind		to let go of it, as closing does
 *	eoi 0, eoi 1	for a handler that leaves the EOI to the other one (as
 *			it is after the open), or that sends it
 *	race PEER N	to have all CPUs send the EOI of an event at once, N
 *			times. PEER is the other end of the port, the file has
 *			given the port up, and the handler sends no EOI
 *
 * and reads how many events the handler got since the bind.
 *
 * Who maps it has a page for the I/O requests that privcmd's ioeventfd answers.
 * Device models map that of a domain, and so need one; this is the kernel's own.
 */
#include <linux/atomic.h>
#include <linux/cleanup.h>
#include <linux/cpu.h>
#include <linux/fs.h>
#include <linux/gfp.h>
#include <linux/interrupt.h>
#include <linux/irq.h>
#include <linux/irqdesc.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/rcupdate.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include <xen/events.h>
#include <xen/xen.h>

/* Guards sharer_opened, and serialises the commands. */
static DEFINE_MUTEX(sharer_lock);
static bool sharer_opened;
static int sharer_irq;		/* 0: not bound */
static bool sharer_eoi;		/* read by the handler */
static atomic_t sharer_events;	/* counted by the handler */
static DECLARE_WAIT_QUEUE_HEAD(sharer_wait);

/* The CPUs that are about to send an EOI, and which one's is not spurious. */
static DEFINE_PER_CPU(struct work_struct, race_work);
static atomic_t race_arrived;
static int race_plain;

/* As old as the module: privcmd takes no reference to it. */
static struct page *request_page;

static irqreturn_t sharer_interrupt(int irq, void *data)
{
	atomic_inc(&sharer_events);
	wake_up(&sharer_wait);
	if (READ_ONCE(sharer_eoi))
		xen_irq_lateeoi(irq, 0);
	return IRQ_HANDLED;
}

/*
 * Whether a port is bound by /dev/xen/evtchn, whose handler has the name
 * evtchn:PROGRAM; the kernel's own ports and those of nobody are not. It is a
 * look at this moment: the test does not unbind the port meanwhile.
 */
static bool sharer_may_bind(unsigned int port)
{
	int irq = irq_from_evtchn(port);
	struct irq_data *data;
	struct irq_desc *desc;

	if (irq <= 0)
		return false;

	guard(rcu)();
	data = irq_get_irq_data(irq);
	if (!data)
		return false;
	desc = irq_data_to_desc(data);

	guard(raw_spinlock_irqsave)(&desc->lock);
	return desc->action && strstarts(desc->action->name, "evtchn:");
}

static int sharer_bind(unsigned int port)
{
	int irq;

	if (sharer_irq)
		return -EISCONN;
	if (!sharer_may_bind(port))
		return -ENOENT;

	atomic_set(&sharer_events, 0);
	/* Takes a reference to the port, which lasts until the unbind. */
	irq = bind_evtchn_to_irqhandler_lateeoi(port, sharer_interrupt, IRQF_SHARED,
						"evtchn-sharer", &sharer_events);
	if (irq < 0)
		return irq;
	sharer_irq = irq;
	return 0;
}

static int sharer_unbind(void)
{
	if (!sharer_irq)
		return -ENOTCONN;

	unbind_from_irqhandler(sharer_irq, &sharer_events);
	sharer_irq = 0;
	return 0;
}

static int race_event(evtchn_port_t peer)
{
	int before = atomic_read(&sharer_events);
	long left;

	notify_remote_via_evtchn(peer);
	/* An EOI that counts as spurious is delayed by a second at most. */
	left = wait_event_killable_timeout(sharer_wait,
					   atomic_read(&sharer_events) != before,
					   20 * HZ);
	return left < 0 ? left : left ? 0 : -ETIMEDOUT;
}

/* Runs on all CPUs at once, where locks may sleep: in PREEMPT_RT an EOI does. */
static void race_send(struct work_struct *unused)
{
	bool plain = raw_smp_processor_id() == race_plain;

	atomic_inc(&race_arrived);
	while (atomic_read(&race_arrived) < num_online_cpus())
		cpu_relax();
	xen_irq_lateeoi(sharer_irq, plain ? 0 : XEN_EOI_FLAG_SPURIOUS);
}

static int sharer_race(evtchn_port_t peer, unsigned int rounds)
{
	unsigned int i;
	int rc, cpu;

	if (!sharer_irq)
		return -ENOTCONN;

	guard(cpus_read_lock)();
	for (i = 0; i < rounds; i++) {
		/* After one spurious event, the EOI of the next is delayed. */
		rc = race_event(peer);
		if (rc)
			return rc;
		xen_irq_lateeoi(sharer_irq, XEN_EOI_FLAG_SPURIOUS);
		rc = race_event(peer);
		if (rc)
			return rc;

		/* One CPU's EOI is not spurious, or that of none. */
		race_plain = i % (num_online_cpus() + 1) - 1;
		atomic_set(&race_arrived, 0);
		for_each_online_cpu(cpu) {
			INIT_WORK(per_cpu_ptr(&race_work, cpu), race_send);
			schedule_work_on(cpu, per_cpu_ptr(&race_work, cpu));
		}
		for_each_online_cpu(cpu)
			flush_work(per_cpu_ptr(&race_work, cpu));
	}
	return 0;
}

static int sharer_open(struct inode *inode, struct file *filp)
{
	guard(mutex)(&sharer_lock);
	if (sharer_opened)
		return -EBUSY;
	sharer_opened = true;
	WRITE_ONCE(sharer_eoi, false);
	return 0;
}

static int sharer_release(struct inode *inode, struct file *filp)
{
	guard(mutex)(&sharer_lock);
	sharer_unbind();
	sharer_opened = false;
	return 0;
}

static ssize_t sharer_write(struct file *filp, const char __user *buf,
			    size_t count, loff_t *ppos)
{
	unsigned int number, rounds;
	char text[32];
	int rc;

	if (count >= sizeof(text))
		return -EINVAL;
	if (copy_from_user(text, buf, count))
		return -EFAULT;
	text[count] = '\0';

	guard(mutex)(&sharer_lock);
	if (sscanf(text, "bind %u", &number) == 1) {
		rc = sharer_bind(number);
	} else if (sscanf(text, "race %u %u", &number, &rounds) == 2) {
		rc = sharer_race(number, rounds);
	} else if (sscanf(text, "eoi %u", &number) == 1) {
		WRITE_ONCE(sharer_eoi, number);
		rc = 0;
	} else {
		rc = strcmp(text, "unbind") ? -EINVAL : sharer_unbind();
	}
	return rc ?: count;
}

static ssize_t sharer_read(struct file *filp, char __user *buf, size_t count,
			   loff_t *ppos)
{
	char text[16];
	int len = scnprintf(text, sizeof(text), "%d\n", atomic_read(&sharer_events));

	return simple_read_from_buffer(buf, count, ppos, text, len);
}

static int sharer_mmap(struct file *filp, struct vm_area_struct *vma)
{
	vm_flags_set(vma, VM_DONTEXPAND | VM_DONTCOPY | VM_DONTDUMP);
	/* Where privcmd looks for the array of the mapping's pages. */
	vma->vm_private_data = &request_page;
	return vm_insert_page(vma, vma->vm_start, request_page);
}

static const struct file_operations sharer_fops = {
	.owner		= THIS_MODULE,
	.open		= sharer_open,
	.release	= sharer_release,
	.read		= sharer_read,
	.write		= sharer_write,
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
