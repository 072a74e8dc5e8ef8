// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Eventfds that stand for a port.
 *
 * Their waiters are called with the lock of the eventfd's wait queue held and
 * interrupts off. Taking a waiter out of the queue takes the same lock: after
 * that, it is not called any more.
 */
#include <linux/err.h>
#include <linux/eventfd.h>
#include <linux/file.h>
#include <linux/poll.h>
#include <linux/slab.h>

#include <xen/events.h>

#include "evtchn.h"

/**
 * struct uevtchn_notifyfd - an eventfd whose writes notify a port
 * @wait:	in @queue from add_notifyfd() on
 * @queue:	the eventfd's waiters
 * @ctx:	the eventfd; that its descriptors are closed means nothing here
 * @poll:	brings vfs_poll() to add_notifyfd()
 * @irq:	the port's. After a restore the event core sends nothing by it, where
 *		the port's number may be somebody else's; threads of the kernel
 *		write eventfds even while programs are frozen
 * @error:	what add_notifyfd() says
 */
struct uevtchn_notifyfd {
	wait_queue_entry_t wait;
	wait_queue_head_t *queue;
	struct eventfd_ctx *ctx;
	poll_table poll;
	int irq;
	int error;
};

/* Takes what is in the eventfd, which may be nothing: write() of 0 wakes, too. */
static void forward(struct uevtchn_notifyfd *notifyfd)
{
	u64 count;

	lockdep_assert_held(&notifyfd->queue->lock);

	eventfd_ctx_do_read(notifyfd->ctx, &count);
	if (count)
		notify_remote_via_irq(notifyfd->irq);
}

static int wake_notifyfd(wait_queue_entry_t *wait, unsigned int mode, int sync,
			 void *key)
{
	if (!(key_to_poll(key) & EPOLLIN))
		return 0;
	forward(container_of(wait, struct uevtchn_notifyfd, wait));

	/* There is nothing left for other waiters. */
	return 1;
}

/* Whoever else wants to be first, such as KVM, takes all that is written, too. */
static void add_notifyfd(struct file *eventfd, wait_queue_head_t *queue,
			 poll_table *poll)
{
	struct uevtchn_notifyfd *notifyfd =
		container_of(poll, struct uevtchn_notifyfd, poll);

	notifyfd->queue = queue;
	notifyfd->error = add_wait_queue_priority_exclusive(queue,
							    &notifyfd->wait);
}

static struct uevtchn_notifyfd *make_notifyfd(struct file *eventfd,
					      struct eventfd_ctx *ctx, int irq)
{
	struct uevtchn_notifyfd *notifyfd;
	int error;

	notifyfd = kzalloc_obj(*notifyfd, GFP_KERNEL_ACCOUNT);
	if (!notifyfd)
		return ERR_PTR(-ENOMEM);
	notifyfd->ctx = ctx;
	notifyfd->irq = irq;
	init_waitqueue_func_entry(&notifyfd->wait, wake_notifyfd);
	init_poll_funcptr(&notifyfd->poll, add_notifyfd);

	vfs_poll(eventfd, &notifyfd->poll);
	error = notifyfd->error;
	if (error) {
		kfree(notifyfd);
		return ERR_PTR(error);
	}
	/* What was written before. */
	spin_lock_irq(&notifyfd->queue->lock);
	forward(notifyfd);
	spin_unlock_irq(&notifyfd->queue->lock);

	return notifyfd;
}

/**
 * uevtchn_notifyfd_clear() - end what uevtchn_notifyfd_set() began
 * @slot: the port's; whoever has the port holds file->bind_lock, or is alone
 *
 * When this returns, no write notifies the port any more. What is written then
 * stays in the eventfd.
 *
 * Context: process, may sleep.
 */
void uevtchn_notifyfd_clear(struct uevtchn_notifyfd **slot)
{
	struct uevtchn_notifyfd *notifyfd = *slot;

	if (!notifyfd)
		return;
	WRITE_ONCE(*slot, NULL);
	remove_wait_queue(notifyfd->queue, &notifyfd->wait);
	eventfd_ctx_put(notifyfd->ctx);
	kfree(notifyfd);
}

/**
 * uevtchn_notifyfd_set() - let writes to an eventfd notify a port
 * @slot: the port's, under file->bind_lock; an eventfd that is there is replaced
 * @fd: the eventfd
 * @irq: the port's
 *
 * Context: process, may sleep.
 * Return: 0; or an error, and all is as it was: -EBADF if there is no such
 * descriptor, -EINVAL if it is not an eventfd, -EBUSY if somebody else takes all
 * that is written to it, -ENOMEM.
 */
int uevtchn_notifyfd_set(struct uevtchn_notifyfd **slot, int fd, int irq)
{
	struct uevtchn_notifyfd *notifyfd;
	struct eventfd_ctx *ctx;
	struct file *eventfd;

	eventfd = eventfd_fget(fd);
	if (IS_ERR(eventfd))
		return PTR_ERR(eventfd);
	ctx = eventfd_ctx_fileget(eventfd);

	if (*slot && (*slot)->ctx == ctx)
		notifyfd = NULL;
	else
		notifyfd = make_notifyfd(eventfd, ctx, irq);
	fput(eventfd);
	if (IS_ERR_OR_NULL(notifyfd)) {
		eventfd_ctx_put(ctx);
		return PTR_ERR_OR_ZERO(notifyfd);
	}

	uevtchn_notifyfd_clear(slot);
	WRITE_ONCE(*slot, notifyfd);

	return 0;
}
