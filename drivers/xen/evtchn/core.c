// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * /dev/xen/evtchn: the module, its device, and the file operations.
 *
 * The device's user ABI was defined by the event channel driver of K A Fraser
 * and Steven Smith (2004), which this one replaces.
 */
#define pr_fmt(fmt) "xen:" KBUILD_MODNAME ": " fmt

#include <linux/ctype.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/pm.h>
#include <linux/poll.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <xen/xen.h>

#include "evtchn.h"

/*
 * Ports that read() and write() hold on the stack, 128 bytes: enough for most
 * calls, and it saves an allocation. Longer reads are copied in such pieces.
 */
#define EVTCHN_STACK_PORTS	32

/* After the push and without its lock: ring.c tells why no sleeper is missed. */
static void announce(struct evtchn_file *file, enum evtchn_push push)
{
	if (push == EVTCHN_PUSH_FIRST) {
		if (wq_has_sleeper(&file->wait))
			wake_up_interruptible_poll(&file->wait,
						   EPOLLIN | EPOLLRDNORM);
		kill_fasync(&file->fasync, SIGIO, POLL_IN);
	} else if (push == EVTCHN_PUSH_OVERFLOW) {
		if (wq_has_sleeper(&file->wait))
			wake_up_interruptible_poll(&file->wait, EPOLLERR);
	}
}

/**
 * evtchn_file_event() - queue an event and tell the file's programs
 * @file: the file
 * @port: the port that the event came for
 *
 * Context: the interrupt handler.
 */
void evtchn_file_event(struct evtchn_file *file, evtchn_port_t port)
{
	enum evtchn_push push;

	spin_lock(&file->ring.lock);
	push = evtchn_ring_push(&file->ring, port);
	spin_unlock(&file->ring.lock);
	if (push != EVTCHN_PUSH_MORE)
		announce(file, push);
}

/**
 * evtchn_file_late_event() - evtchn_file_event() for process context
 * @file: the file
 * @port: the port that the event came for
 *
 * Context: process; does not sleep.
 */
void evtchn_file_late_event(struct evtchn_file *file, evtchn_port_t port)
{
	enum evtchn_push push;

	spin_lock_irq(&file->ring.lock);
	push = evtchn_ring_push(&file->ring, port);
	spin_unlock_irq(&file->ring.lock);
	announce(file, push);
}

/*
 * Copies up to @count bytes of ports to @buf and takes them out of the ring:
 * all that were copied or, on a fault, none. Returns their size, 0 if there
 * are none, or an error.
 */
static ssize_t read_events(struct evtchn_file *file, char __user *buf,
			   size_t count)
{
	evtchn_port_t ports[EVTCHN_STACK_PORTS] __uninitialized;
	ssize_t done = 0;
	int n;

	lockdep_assert_held(&file->read_lock);

	do {
		n = evtchn_ring_peek(&file->ring, ports,
				     min_t(size_t, ARRAY_SIZE(ports),
					   (count - done) / sizeof(*ports)));
		if (n <= 0)
			break;
		if (copy_to_user(buf + done, ports, n * sizeof(*ports))) {
			evtchn_ring_finish(&file->ring, false);
			return -EFAULT;
		}
		done += n * sizeof(*ports);
	} while (n == ARRAY_SIZE(ports) && done < count);

	if (!done)
		return n;
	evtchn_ring_finish(&file->ring, true);
	return done;
}

/* A whole number of ports, a page at most: user ABI. */
static size_t round_count(size_t count)
{
	return min(round_down(count, sizeof(evtchn_port_t)), PAGE_SIZE);
}

static ssize_t evtchn_read(struct file *filp, char __user *buf, size_t count,
			   loff_t *ppos)
{
	struct evtchn_file *file = filp->private_data;
	ssize_t ret;

	count = round_count(count);
	if (!count)
		return 0;

	for (;;) {
		/* What a reader finds empty costs it no lock. */
		if (evtchn_ring_status(&file->ring)) {
			/* The holder may wait for a page fault, and we with it. */
			if (mutex_lock_interruptible(&file->read_lock))
				return -ERESTARTSYS;
			ret = read_events(file, buf, count);
			mutex_unlock(&file->read_lock);
			if (ret)
				return ret;
		}

		if (filp->f_flags & O_NONBLOCK)
			return -EAGAIN;

		ret = wait_event_interruptible(file->wait,
					       evtchn_ring_status(&file->ring));
		if (ret)
			return ret;
	}
}

/* All of it is copied before the first port: a fault must enable none. */
static ssize_t write_many(struct evtchn_file *file, const char __user *buf,
			  size_t count)
{
	size_t n = count / sizeof(evtchn_port_t), i;
	evtchn_port_t *ports = memdup_user(buf, count);

	if (IS_ERR(ports))
		return PTR_ERR(ports);
	for (i = 0; i < n; i += EVTCHN_STACK_PORTS)
		evtchn_enable(file, ports + i,
			      min_t(size_t, n - i, EVTCHN_STACK_PORTS));
	kfree(ports);
	return count;
}

static ssize_t evtchn_write(struct file *filp, const char __user *buf,
			    size_t count, loff_t *ppos)
{
	evtchn_port_t ports[EVTCHN_STACK_PORTS] __uninitialized;
	struct evtchn_file *file = filp->private_data;

	count = round_count(count);
	if (count > sizeof(ports))
		return write_many(file, buf, count);
	if (copy_from_user(ports, buf, count))
		return -EFAULT;
	evtchn_enable(file, ports, count / sizeof(*ports));
	return count;
}

static __poll_t evtchn_poll(struct file *filp, poll_table *wait)
{
	struct evtchn_file *file = filp->private_data;
	unsigned int status;

	poll_wait(filp, &file->wait, wait);

	status = evtchn_ring_status(&file->ring);
	if (status & EVTCHN_RING_OVERFLOW)
		return EPOLLERR;

	return EPOLLOUT | EPOLLWRNORM |
	       (status & EVTCHN_RING_READABLE ? EPOLLIN | EPOLLRDNORM : 0);
}

static long evtchn_unlocked_ioctl(struct file *filp, unsigned int cmd,
				  unsigned long arg)
{
	return evtchn_ioctl(filp->private_data, cmd, (void __user *)arg);
}

static int evtchn_fasync(int fd, struct file *filp, int on)
{
	struct evtchn_file *file = filp->private_data;

	return fasync_helper(fd, filp, on, &file->fasync);
}

/* The irq action's name is a folder in /proc/irq: nothing that breaks a path. */
static void set_name(struct evtchn_file *file)
{
	char *c = file->name;

	memcpy(c, EVTCHN_NAME_PREFIX, sizeof(EVTCHN_NAME_PREFIX));
	c += sizeof(EVTCHN_NAME_PREFIX) - 1;
	strscpy(c, current->comm, TASK_COMM_LEN);

	for (; *c; c++) {
		if (*c == '/' || iscntrl(*c))
			*c = '!';
	}
}

static int evtchn_open(struct inode *inode, struct file *filp)
{
	struct evtchn_file *file;

	file = kzalloc_obj(*file, GFP_KERNEL_ACCOUNT);
	if (!file)
		return -ENOMEM;

	evtchn_ring_init(&file->ring);
	init_waitqueue_head(&file->wait);
	mutex_init(&file->read_lock);
	mutex_init(&file->bind_lock);
	file->restrict_domid = EVTCHN_UNRESTRICTED;
	set_name(file);
	filp->private_data = file;

	return stream_open(inode, filp);
}

static int evtchn_release(struct inode *inode, struct file *filp)
{
	struct evtchn_file *file = filp->private_data;

	evtchn_unbind_all(file);
	evtchn_ring_destroy(&file->ring);
	kfree(file);

	return 0;
}

#ifdef CONFIG_PROC_FS
static void evtchn_show_fdinfo(struct seq_file *m, struct file *filp)
{
	struct evtchn_file *file = filp->private_data;
	struct evtchn_ring *ring = &file->ring;
	domid_t domid = READ_ONCE(file->restrict_domid);
	/* data_race(): for people; bind may be half way. */
	unsigned int ports = data_race(file->nr_bindings);
	unsigned int used, size;
	bool overflow;

	spin_lock_irq(&ring->lock);
	used = ring->prod - ring->cons;
	size = ring->size;
	overflow = ring->overflow;
	spin_unlock_irq(&ring->lock);

	seq_printf(m, "evtchn-ports:\t%u\n", ports);
	seq_printf(m, "evtchn-ring:\t%u/%u%s\n", used, size,
		   overflow ? " overflow" : "");
	if (domid != EVTCHN_UNRESTRICTED)
		seq_printf(m, "evtchn-restrict-domid:\t%u\n", domid);
}
#endif

static const struct file_operations evtchn_fops = {
	.owner		= THIS_MODULE,
	.open		= evtchn_open,
	.release	= evtchn_release,
	.read		= evtchn_read,
	.write		= evtchn_write,
	.poll		= evtchn_poll,
	.fasync		= evtchn_fasync,
	.unlocked_ioctl	= evtchn_unlocked_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
#ifdef CONFIG_PROC_FS
	.show_fdinfo	= evtchn_show_fdinfo,
#endif
};

static struct miscdevice evtchn_miscdev = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= "xen/evtchn",
	.fops	= &evtchn_fops,
};

/*
 * A device of our own only to hear of a save, and how it ended, before user
 * space is thawed: in .restore, or in .thaw if it was cancelled.
 */
static int evtchn_pm_freeze(struct device *dev)
{
	evtchn_begin_save();
	return 0;
}

static int evtchn_pm_end(struct device *dev)
{
	evtchn_end_save();
	return 0;
}

static const struct dev_pm_ops evtchn_pm_ops = {
	.freeze	 = evtchn_pm_freeze,
	.thaw	 = evtchn_pm_end,
	.restore = evtchn_pm_end,
};

static struct platform_driver evtchn_pm_driver = {
	.driver = {
		.name	= "xen-evtchn",
		.pm	= pm_sleep_ptr(&evtchn_pm_ops),
		.suppress_bind_attrs = true,
	},
};

static struct platform_device *evtchn_pm_device;

static int __init evtchn_init(void)
{
	int rc;

	if (!xen_domain())
		return -ENODEV;

	rc = evtchn_bindings_init();
	if (rc)
		return rc;

	rc = platform_driver_register(&evtchn_pm_driver);
	if (rc)
		goto exit_bindings;

	evtchn_pm_device = platform_device_register_simple("xen-evtchn",
							   PLATFORM_DEVID_NONE,
							   NULL, 0);
	if (IS_ERR(evtchn_pm_device)) {
		rc = PTR_ERR(evtchn_pm_device);
		goto unregister_driver;
	}

	rc = misc_register(&evtchn_miscdev);
	if (rc) {
		pr_err("cannot register /dev/xen/evtchn (%d)\n", rc);
		goto unregister_device;
	}

	return 0;

unregister_device:
	platform_device_unregister(evtchn_pm_device);
unregister_driver:
	platform_driver_unregister(&evtchn_pm_driver);
exit_bindings:
	evtchn_bindings_exit();
	return rc;
}
module_init(evtchn_init);

static void __exit evtchn_exit(void)
{
	misc_deregister(&evtchn_miscdev);
	platform_device_unregister(evtchn_pm_device);
	platform_driver_unregister(&evtchn_pm_driver);
	evtchn_bindings_exit();
}
module_exit(evtchn_exit);

MODULE_DESCRIPTION("Xen event channels for user space (/dev/xen/evtchn)");
MODULE_LICENSE("Dual MIT/GPL");
