// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Eventfds that are tied to a port.
 *
 * The waiters here are called with the lock of the eventfd's wait queue held
 * and interrupts off. Removing a waiter from the queue takes the same lock:
 * after that, it is not called any more.
 */
#include <linux/err.h>
#include <linux/eventfd.h>
#include <linux/file.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/wait.h>

#include <xen/events.h>

#include "evtchn.h"

/**
 * struct uevtchn_notifyfd - an eventfd whose writes notify a port
 * @wait:	in @queue from add_notifyfd() on
 * @queue:	the eventfd's wait queue
 * @ctx:	the eventfd, also after all its descriptors are closed
 * @poll:	makes vfs_poll() call add_notifyfd()
 * @irq:	the port's irq. After a restore the event core sends nothing by
 *		it, but the port number may belong to somebody else; kernel
 *		threads may write to eventfds even while programs are frozen
 * @error:	the result of add_notifyfd()
 */
struct uevtchn_notifyfd {
	wait_queue_entry_t wait;
	wait_queue_head_t *queue;
	struct eventfd_ctx *ctx;
	poll_table poll;
	int irq;
	int error;
};

/* Empties the eventfd. Its count may be 0, as a write() of 0 wakes, too. */
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

/* Fails if another waiter that takes every write is first, such as KVM's. */
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
	/* Forward what was written before. */
	spin_lock_irq(&notifyfd->queue->lock);
	forward(notifyfd);
	spin_unlock_irq(&notifyfd->queue->lock);

	return notifyfd;
}

/**
 * uevtchn_notifyfd_clear() - stop an eventfd from notifying a port
 * @slot: the port's notifyfd, under file->bind_lock, or with no other user of
 *	the file
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
 * @slot: the port's notifyfd, under file->bind_lock; an earlier one is replaced
 * @fd: the eventfd
 * @irq: the port's irq
 *
 * Context: process, may sleep.
 * Return: 0; or an error, and nothing is changed: -EBADF if there is no such
 * descriptor, -EINVAL if it is not an eventfd, -EBUSY if another waiter takes
 * all that is written to it, -ENOMEM.
 */
int uevtchn_notifyfd_set(struct uevtchn_notifyfd **slot, int fd, int irq)
{
	struct uevtchn_notifyfd *notifyfd = NULL;
	struct eventfd_ctx *ctx;
	struct file *eventfd;

	eventfd = eventfd_fget(fd);
	if (IS_ERR(eventfd))
		return PTR_ERR(eventfd);
	ctx = eventfd_ctx_fileget(eventfd);

	/* Nothing is to be done for the eventfd that the port has already. */
	if (!*slot || (*slot)->ctx != ctx)
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

/**
 * struct uevtchn_sink - an eventfd that gets the events of a port
 * @wait:	in @queue between uevtchn_sink_attach() and uevtchn_sink_detach()
 * @queue:	the eventfd's wait queue; NULL unless @wait was added to it
 * @ctx:	the eventfd
 * @eventfd:	its open file, until uevtchn_sink_attach()
 * @poll:	makes vfs_poll() call add_sink()
 * @was_read:	called when the eventfd was read; NULL if reads enable nothing
 * @binding:	argument of @was_read
 */
struct uevtchn_sink {
	wait_queue_entry_t wait;
	wait_queue_head_t *queue;
	struct eventfd_ctx *ctx;
	struct file *eventfd;
	poll_table poll;
	void (*was_read)(struct uevtchn_binding *binding);
	struct uevtchn_binding *binding;
};

/* A read by the kernel, eventfd_ctx_do_read(), does not wake with EPOLLOUT. */
static int wake_sink(wait_queue_entry_t *wait, unsigned int mode, int sync,
		     void *key)
{
	struct uevtchn_sink *sink = container_of(wait, struct uevtchn_sink, wait);

	if (key_to_poll(key) & EPOLLOUT)
		sink->was_read(sink->binding);

	return 0;
}

static void add_sink(struct file *eventfd, wait_queue_head_t *queue,
		     poll_table *poll)
{
	struct uevtchn_sink *sink = container_of(poll, struct uevtchn_sink, poll);

	sink->queue = queue;
	add_wait_queue(queue, &sink->wait);
}

/**
 * uevtchn_sink_make() - prepare an eventfd for the events of a port
 * @fd: the eventfd
 * @was_read: called when a program has read the eventfd, with the lock of its
 *	wait queue held; or NULL
 * @binding: the port
 *
 * Context: process, may sleep.
 * Return: the sink, which uevtchn_sink_free() frees; or -EBADF, -EINVAL if @fd
 * is not an eventfd, -ENOMEM.
 */
struct uevtchn_sink *
uevtchn_sink_make(int fd, void (*was_read)(struct uevtchn_binding *binding),
		  struct uevtchn_binding *binding)
{
	struct uevtchn_sink *sink;
	struct file *eventfd;

	eventfd = eventfd_fget(fd);
	if (IS_ERR(eventfd))
		return ERR_CAST(eventfd);
	sink = kzalloc_obj(*sink, GFP_KERNEL_ACCOUNT);
	if (!sink) {
		fput(eventfd);
		return ERR_PTR(-ENOMEM);
	}
	sink->eventfd = eventfd;
	sink->ctx = eventfd_ctx_fileget(eventfd);
	sink->was_read = was_read;
	sink->binding = binding;
	init_waitqueue_func_entry(&sink->wait, wake_sink);
	init_poll_funcptr(&sink->poll, add_sink);

	return sink;
}

/**
 * uevtchn_sink_signal() - add 1 to the eventfd, and wake its waiters
 * @sink: the sink
 *
 * Context: any but NMI; not from a waiter of an eventfd.
 */
void uevtchn_sink_signal(struct uevtchn_sink *sink)
{
	eventfd_signal(sink->ctx);
}

/**
 * uevtchn_sink_collides() - whether one file must not have two sinks
 * @one: a sink
 * @other: another one
 *
 * An eventfd whose read enables a port must belong to this port alone.
 *
 * Return: true if both have the same eventfd, and a read of it enables a port.
 */
bool uevtchn_sink_collides(const struct uevtchn_sink *one,
			   const struct uevtchn_sink *other)
{
	return one->ctx == other->ctx && (one->was_read || other->was_read);
}

/**
 * uevtchn_sink_attach() - watch the eventfd for reads, if they enable the port
 * @sink: the sink; to be called once for each
 *
 * Context: process, may sleep.
 * Return: false if reads enable the port, and there is nothing to read.
 */
bool uevtchn_sink_attach(struct uevtchn_sink *sink)
{
	__poll_t events = EPOLLIN;

	if (sink->was_read)
		events = vfs_poll(sink->eventfd, &sink->poll);
	fput(sink->eventfd);
	sink->eventfd = NULL;

	return events & EPOLLIN;
}

/**
 * uevtchn_sink_detach() - stop watching the eventfd for reads
 * @sink: the sink, or NULL; to be called at most once for each
 *
 * Context: process, may sleep.
 */
void uevtchn_sink_detach(struct uevtchn_sink *sink)
{
	if (sink && sink->queue)
		remove_wait_queue(sink->queue, &sink->wait);
}

/**
 * uevtchn_sink_free() - free a sink that is not attached
 * @sink: the sink, or NULL; nobody uses it any more
 *
 * Context: process, may sleep.
 */
void uevtchn_sink_free(struct uevtchn_sink *sink)
{
	if (!sink)
		return;
	if (sink->eventfd)
		fput(sink->eventfd);
	eventfd_ctx_put(sink->ctx);
	kfree(sink);
}
