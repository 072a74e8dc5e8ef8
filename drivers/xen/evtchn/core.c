// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * /dev/xen/evtchn: the module, its device, and the file operations.
 *
 * The device's user ABI was defined by the event channel driver of K A Fraser
 * and Steven Smith (2004), which this one replaces.
 */
#include <linux/atomic.h>
#include <linux/ctype.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <xen/interface/xen.h>
#include <xen/xen.h>

#include <uapi/xen/evtchn.h>

#include "evtchn.h"

/*
 * Ports that read() and write() hold on the stack. It saves an allocation, and
 * longer reads are copied in such pieces. For read() it is fewer, because the
 * compiler may be told to clear all of it before each call.
 */
#define UEVTCHN_READ_PORTS	8
#define UEVTCHN_WRITE_PORTS	32

/* A whole number of ports, a page at most: user ABI. */
static size_t round_count(size_t count)
{
	return min(round_down(count, sizeof(evtchn_port_t)), PAGE_SIZE);
}

/* At most one piece, as a port that is enabled may be pushed again at once. */
static ssize_t read_and_enable(struct uevtchn_file *file, char __user *buf,
			       size_t count, bool nonblock)
{
	evtchn_port_t ports[UEVTCHN_WRITE_PORTS];
	bool done;
	int n;

	n = uevtchn_ring_begin(&file->ring, ports,
			       min(count / sizeof(*ports), ARRAY_SIZE(ports)),
			       nonblock);
	if (n < 0)
		return n;
	done = !copy_to_user(buf, ports, n * sizeof(*ports));
	/* Before they are enabled: there is one slot for each port. */
	uevtchn_ring_end(&file->ring, done);
	if (!done)
		return -EFAULT;
	uevtchn_enable(file, ports, n);

	return n * sizeof(*ports);
}

static ssize_t uevtchn_read(struct file *filp, char __user *buf, size_t count,
			    loff_t *ppos)
{
	struct uevtchn_file *file = filp->private_data;
	bool nonblock = filp->f_flags & O_NONBLOCK;
	evtchn_port_t ports[UEVTCHN_READ_PORTS];
	ssize_t done = 0;
	int n;

	count = round_count(count);
	if (!count)
		return 0;
	if (nonblock && uevtchn_ring_is_idle(&file->ring))
		return -EAGAIN;
	if (atomic_read(&file->features) & EVTCHN_FEATURE_READ_ENABLES)
		return read_and_enable(file, buf, count, nonblock);

	n = uevtchn_ring_begin(&file->ring, ports,
			       min(count / sizeof(*ports), ARRAY_SIZE(ports)),
			       nonblock);
	if (n < 0)
		return n;

	while (n) {
		if (copy_to_user(buf + done, ports, n * sizeof(*ports))) {
			done = -EFAULT;
			break;
		}
		done += n * sizeof(*ports);
		/* A short piece was the last one. */
		if (n < ARRAY_SIZE(ports))
			break;
		n = uevtchn_ring_more(&file->ring, ports,
				      min((count - done) / sizeof(*ports),
					  ARRAY_SIZE(ports)));
	}
	/* All that were copied, or none of them. */
	uevtchn_ring_end(&file->ring, done > 0);

	return done;
}

static ssize_t uevtchn_write(struct file *filp, const char __user *buf,
			     size_t count, loff_t *ppos)
{
	struct uevtchn_file *file = filp->private_data;
	evtchn_port_t stack[UEVTCHN_WRITE_PORTS], *ports;
	size_t n, i;

	/* All of it is copied first, because a fault must enable no port. */
	count = round_count(count);
	n = count / sizeof(*ports);
	if (count <= sizeof(stack)) {
		if (copy_from_user(stack, buf, count))
			return -EFAULT;
		uevtchn_enable(file, stack, n);
		return count;
	}

	ports = memdup_user(buf, count);
	if (IS_ERR(ports))
		return PTR_ERR(ports);
	/* In pieces, because UNBIND waits for each of them. */
	for (i = 0; i < n; i += UEVTCHN_WRITE_PORTS)
		uevtchn_enable(file, ports + i,
			       min_t(size_t, n - i, UEVTCHN_WRITE_PORTS));
	kfree(ports);
	return count;
}

static __poll_t uevtchn_poll(struct file *filp, poll_table *wait)
{
	struct uevtchn_file *file = filp->private_data;

	poll_wait(filp, &file->ring.wait, wait);

	/* As in eventfd_poll(): what comes after this look wakes us. */
	if (READ_ONCE(file->ring.overflow))
		return EPOLLERR;

	return EPOLLOUT | EPOLLWRNORM |
	       (READ_ONCE(file->ring.used) ? EPOLLIN | EPOLLRDNORM : 0);
}

static int uevtchn_fasync(int fd, struct file *filp, int on)
{
	struct uevtchn_file *file = filp->private_data;

	return fasync_helper(fd, filp, on, &file->ring.fasync);
}

static int uevtchn_open(struct inode *inode, struct file *filp)
{
	struct uevtchn_file *file = kzalloc_obj(*file, GFP_KERNEL_ACCOUNT);
	char *c;

	if (!file)
		return -ENOMEM;

	uevtchn_init(file);
	/* It becomes a folder in /proc/irq: nothing may break the path. */
	memcpy(file->name, UEVTCHN_NAME, strlen(UEVTCHN_NAME));
	c = file->name + strlen(UEVTCHN_NAME);
	strscpy(c, current->comm, TASK_COMM_LEN);
	for (; *c; c++) {
		if (*c == '/' || iscntrl(*c))
			*c = '!';
	}
	filp->private_data = file;

	return stream_open(inode, filp);
}

static int uevtchn_close(struct inode *inode, struct file *filp)
{
	uevtchn_release(filp->private_data);
	kfree(filp->private_data);

	return 0;
}

static void uevtchn_show_fdinfo(struct seq_file *m, struct file *filp)
{
	struct uevtchn_file *file = filp->private_data;
	struct uevtchn_ring *ring = &file->ring;
	domid_t domid = READ_ONCE(file->restrict_domid);

	/* data_race(): for people; bind may be half way. */
	seq_printf(m, "evtchn-ports:\t%u\n", data_race(file->nr_bindings));
	spin_lock_irq(&ring->wait.lock);
	seq_printf(m, "evtchn-ring:\t%u/%u%s\n", ring->used, ring->size,
		   ring->overflow ? " overflow" : "");
	spin_unlock_irq(&ring->wait.lock);
	if (domid != UEVTCHN_UNRESTRICTED)
		seq_printf(m, "evtchn-restrict-domid:\t%u\n", domid);
}

static const struct file_operations uevtchn_fops = {
	.owner		= THIS_MODULE,
	.open		= uevtchn_open,
	.release	= uevtchn_close,
	.read		= uevtchn_read,
	.write		= uevtchn_write,
	.poll		= uevtchn_poll,
	.fasync		= uevtchn_fasync,
	.unlocked_ioctl	= uevtchn_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
	.show_fdinfo	= uevtchn_show_fdinfo,
};

static struct miscdevice uevtchn_miscdev = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= "xen/evtchn",
	.fops	= &uevtchn_fops,
};

static int __init uevtchn_module_init(void)
{
	return xen_domain() ? misc_register(&uevtchn_miscdev) : -ENODEV;
}
module_init(uevtchn_module_init);

static void __exit uevtchn_module_exit(void)
{
	misc_deregister(&uevtchn_miscdev);
}
module_exit(uevtchn_module_exit);

MODULE_DESCRIPTION("Xen event channels for user space");
MODULE_LICENSE("Dual MIT/GPL");
