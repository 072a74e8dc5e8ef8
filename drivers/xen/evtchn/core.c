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
#include <linux/uio.h>

#include <xen/interface/xen.h>
#include <xen/xen.h>

#include <uapi/xen/evtchn.h>

#include "evtchn.h"

/*
 * How many ports read() and write() keep on the stack. This saves an
 * allocation; longer reads are copied in pieces of this size. read() keeps
 * fewer, because the compiler may be told to clear the array in each call.
 */
#define UEVTCHN_READ_PORTS	8
#define UEVTCHN_WRITE_PORTS	32

/* A read() that enables returns no more ports than this: user ABI. */
#define UEVTCHN_ENABLE_PORTS	32

/* A whole number of ports, a page at most: user ABI. */
static size_t round_count(size_t count)
{
	return min(round_down(count, sizeof(evtchn_port_t)), PAGE_SIZE);
}

/*
 * Ports are copied to or from the iterator if there is one, else the buffer.
 * The two cases are compiled separately, so that read() and write(), which are
 * called for each event, need not set up an iterator.
 */
static __always_inline bool copy_out(const evtchn_port_t *ports, size_t size,
				     char __user *buf, struct iov_iter *to)
{
	return to ? copy_to_iter_full(ports, size, to) :
		    !copy_to_user(buf, ports, size);
}

static __always_inline bool copy_in(evtchn_port_t *ports, size_t size,
				    const char __user *buf,
				    struct iov_iter *from)
{
	return from ? copy_from_iter_full(ports, size, from) :
		      !copy_from_user(ports, buf, size);
}

/* Reads one piece at most, as an enabled port may be pushed again at once. */
static noinline ssize_t read_and_enable(struct uevtchn_file *file,
					char __user *buf, struct iov_iter *to,
					size_t count, bool nonblock)
{
	evtchn_port_t ports[UEVTCHN_ENABLE_PORTS];
	bool done;
	int n;

	n = uevtchn_ring_begin(&file->ring, ports,
			       min(count / sizeof(*ports), ARRAY_SIZE(ports)),
			       nonblock);
	if (n < 0)
		return n;
	done = copy_out(ports, n * sizeof(*ports), buf, to);
	/* Before the ports are enabled, as the ring has one slot for each. */
	uevtchn_ring_end(&file->ring, done);
	if (!done)
		return -EFAULT;
	uevtchn_enable_featured(file, ports, n, false);

	return n * sizeof(*ports);
}

static __always_inline ssize_t
take_events(struct uevtchn_file *file, char __user *buf, struct iov_iter *to,
	    size_t count, bool nonblock)
{
	evtchn_port_t ports[UEVTCHN_READ_PORTS];
	ssize_t done = 0;
	int n;

	count = round_count(count);
	if (!count)
		return 0;
	if (nonblock && uevtchn_ring_is_idle(&file->ring))
		return -EAGAIN;
	if (atomic_read(&file->features) & EVTCHN_FEATURE_READ_ENABLES)
		return read_and_enable(file, buf, to, count, nonblock);

	n = uevtchn_ring_begin(&file->ring, ports,
			       min(count / sizeof(*ports), ARRAY_SIZE(ports)),
			       nonblock);
	if (n < 0)
		return n;

	while (n) {
		if (!copy_out(ports, n * sizeof(*ports), buf + done, to)) {
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
	/* Takes out all ports that were copied or, after a fault, none. */
	uevtchn_ring_end(&file->ring, done > 0);

	return done;
}

static ssize_t uevtchn_read(struct file *filp, char __user *buf, size_t count,
			    loff_t *ppos)
{
	return take_events(filp->private_data, buf, NULL, count,
			   filp->f_flags & O_NONBLOCK);
}

static bool is_nonblock(const struct kiocb *iocb)
{
	return (iocb->ki_flags & IOCB_NOWAIT) ||
	       (iocb->ki_filp->f_flags & O_NONBLOCK);
}

static ssize_t uevtchn_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	return take_events(iocb->ki_filp->private_data, NULL, to,
			   iov_iter_count(to), is_nonblock(iocb));
}

/* One test for a file without features, as write() is called for each event. */
static __always_inline void enable_written(struct uevtchn_file *file,
					   const evtchn_port_t *ports, size_t n)
{
	if (unlikely(atomic_read(&file->features)))
		uevtchn_enable_featured(file, ports, n, true);
	else
		uevtchn_enable(file, ports, n);
}

static __always_inline ssize_t
enable_events(struct uevtchn_file *file, const char __user *buf,
	      struct iov_iter *from, size_t count, bool nowait)
{
	evtchn_port_t stack[UEVTCHN_WRITE_PORTS], *ports;
	size_t n, i;

	/* All of it is copied first, because a fault must enable no port. */
	count = round_count(count);
	n = count / sizeof(*ports);
	if (count <= sizeof(stack)) {
		if (!copy_in(stack, count, buf, from))
			return -EFAULT;
		enable_written(file, stack, n);
		return count;
	}

	ports = kmalloc(count, nowait ? GFP_NOWAIT | __GFP_ACCOUNT :
					GFP_KERNEL_ACCOUNT);
	if (!ports)
		return nowait ? -EAGAIN : -ENOMEM;
	if (!copy_in(ports, count, buf, from)) {
		kfree(ports);
		return -EFAULT;
	}
	/* In pieces, because UNBIND waits for each of them. */
	for (i = 0; i < n; i += UEVTCHN_WRITE_PORTS)
		enable_written(file, ports + i,
			       min_t(size_t, n - i, UEVTCHN_WRITE_PORTS));
	kfree(ports);
	return count;
}

static ssize_t uevtchn_write(struct file *filp, const char __user *buf,
			     size_t count, loff_t *ppos)
{
	return enable_events(filp->private_data, buf, NULL, count, false);
}

static ssize_t uevtchn_write_iter(struct kiocb *iocb, struct iov_iter *from)
{
	return enable_events(iocb->ki_filp->private_data, NULL, from,
			     iov_iter_count(from), iocb->ki_flags & IOCB_NOWAIT);
}

static __poll_t uevtchn_poll(struct file *filp, poll_table *wait)
{
	struct uevtchn_file *file = filp->private_data;

	poll_wait(filp, &file->ring.wait, wait);

	/* As in eventfd_poll(): an event after this check wakes us. */
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
	/* The name becomes a directory in /proc/irq: keep the path valid. */
	memcpy(file->name, UEVTCHN_NAME, strlen(UEVTCHN_NAME));
	c = file->name + strlen(UEVTCHN_NAME);
	strscpy(c, current->comm, TASK_COMM_LEN);
	for (; *c; c++) {
		if (*c == '/' || iscntrl(*c))
			*c = '!';
	}
	filp->private_data = file;
	filp->f_mode |= FMODE_NOWAIT;

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

	/* data_race(): the number only informs; a bind may be under way. */
	seq_printf(m, "evtchn-ports:\t%u\n", data_race(file->nr_bindings));
	spin_lock_irq(&ring->wait.lock);
	seq_printf(m, "evtchn-ring:\t%u/%u%s\n", ring->used, ring->size,
		   ring->overflow ? " overflow" : "");
	spin_unlock_irq(&ring->wait.lock);
	if (domid != UEVTCHN_UNRESTRICTED)
		seq_printf(m, "evtchn-restrict-domid:\t%u\n", domid);
	if (atomic_read(&file->features) & EVTCHN_FEATURE_READ_ENABLES)
		seq_puts(m, "evtchn-features:\tread-enables\n");
	uevtchn_show(file, m);
}

static const struct file_operations uevtchn_fops = {
	.owner		= THIS_MODULE,
	.open		= uevtchn_open,
	.release	= uevtchn_close,
	.read		= uevtchn_read,
	.read_iter	= uevtchn_read_iter,
	.write		= uevtchn_write,
	.write_iter	= uevtchn_write_iter,
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
