// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * A second handler on an event channel of /dev/xen/evtchn, as the ioeventfd of
 * privcmd has one. Who opens /dev/evtchn_sharer has it for itself, and writes
 *
 *	bind PORT	to share the port of an open /dev/xen/evtchn
 *	unbind		to let go of it, as closing does
 *	eoi 0, eoi 1	for a handler that leaves the EOI to the other one (as
 *			it is after the open), or that sends it
 *
 * and reads how many events the handler got since the bind.
 */
#include <linux/atomic.h>
#include <linux/cleanup.h>
#include <linux/errno.h>
#include <linux/fs.h>
#include <linux/interrupt.h>
#include <linux/irq.h>
#include <linux/irqdesc.h>
#include <linux/kernel.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include <xen/events.h>
#include <xen/xen.h>

/* Guards sharer_opened and sharer_irq, and serialises the commands. */
static DEFINE_MUTEX(sharer_lock);
static bool sharer_opened;
static int sharer_irq;		/* 0: not bound */
static bool sharer_eoi;		/* read by the handler */
static atomic_t sharer_events;	/* counted by the handler */

static irqreturn_t sharer_interrupt(int irq, void *data)
{
	atomic_inc(&sharer_events);
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
	int rc;

	if (sharer_irq)
		return -EISCONN;
	if (!sharer_may_bind(port))
		return -ENOENT;

	atomic_set(&sharer_events, 0);
	/* Takes a reference to the port, which lasts until the unbind. */
	rc = bind_evtchn_to_irqhandler_lateeoi(port, sharer_interrupt,
					       IRQF_SHARED, "evtchn-sharer",
					       &sharer_events);
	if (rc < 0)
		return rc;

	sharer_irq = rc;
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
	char text[32], *command;
	unsigned int number;
	int rc = -EINVAL;

	if (count >= sizeof(text))
		return -EINVAL;
	if (copy_from_user(text, buf, count))
		return -EFAULT;
	text[count] = '\0';
	command = strim(text);

	guard(mutex)(&sharer_lock);

	if (sscanf(command, "bind %u", &number) == 1) {
		rc = sharer_bind(number);
	} else if (!strcmp(command, "unbind")) {
		rc = sharer_unbind();
	} else if (sscanf(command, "eoi %u", &number) == 1 && number <= 1) {
		WRITE_ONCE(sharer_eoi, number);
		rc = 0;
	}

	return rc ?: count;
}

static ssize_t sharer_read(struct file *filp, char __user *buf, size_t count,
			   loff_t *ppos)
{
	char text[16];
	int len;

	len = scnprintf(text, sizeof(text), "%d\n", atomic_read(&sharer_events));
	return simple_read_from_buffer(buf, count, ppos, text, len);
}

static const struct file_operations sharer_fops = {
	.owner		= THIS_MODULE,
	.open		= sharer_open,
	.release	= sharer_release,
	.read		= sharer_read,
	.write		= sharer_write,
};

static struct miscdevice sharer_miscdev = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= "evtchn_sharer",
	.fops	= &sharer_fops,
};

static int __init sharer_init(void)
{
	return xen_domain() ? misc_register(&sharer_miscdev) : -ENODEV;
}
module_init(sharer_init);

static void __exit sharer_exit(void)
{
	misc_deregister(&sharer_miscdev);
}
module_exit(sharer_exit);

MODULE_DESCRIPTION("Test: a second handler on ports of /dev/xen/evtchn");
MODULE_LICENSE("Dual MIT/GPL");
