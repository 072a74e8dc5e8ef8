// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The queue between the interrupts that push ports and the reader that takes
 * them. It knows nothing of Xen, files or user memory.
 *
 * As in an eventfd, the lock of the wait queue guards the ring, too. A reader
 * checks the ring and goes to sleep under the lock; poll() takes it to enter
 * the wait queue, and then checks; a producer pushes and wakes under it. So a
 * push either comes before the check, and is seen, or it finds the waiter.
 */
#include <linux/errno.h>
#include <linux/fs.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/poll.h>
#include <linux/slab.h>

#include "evtchn.h"

static evtchn_port_t *ring_slot(struct uevtchn_ring *ring, u32 nth)
{
	lockdep_assert_held(&ring->wait.lock);

	return &ring->slots[(ring->head + nth) & (ring->size - 1)];
}

/**
 * uevtchn_ring_init() - make an empty ring without slots
 * @ring: the ring, all zero
 */
void uevtchn_ring_init(struct uevtchn_ring *ring)
{
	init_waitqueue_head(&ring->wait);
}

/**
 * uevtchn_ring_destroy() - free the slots
 * @ring: the ring; nobody uses it any more
 *
 * Context: may sleep.
 */
void uevtchn_ring_destroy(struct uevtchn_ring *ring)
{
	kvfree(ring->slots);
}

/**
 * uevtchn_ring_reserve() - make room for a number of ports
 * @ring: the ring
 * @ports: how many slots there must be at least
 *
 * Queued ports and their order stay. Pushing and reading may go on meanwhile;
 * calls of this function must be serialised. The size starts at
 * UEVTCHN_MIN_SIZE and doubles, which programs rely on: a ring that holds
 * every bound port once cannot overflow as long as each port is written only
 * after it was read.
 *
 * Context: process, may sleep.
 * Return: 0, or -ENOMEM and the ring is as it was.
 */
int uevtchn_ring_reserve(struct uevtchn_ring *ring, u32 ports)
{
	evtchn_port_t *slots, *old;
	u32 size, i;

	/* Only this function changes the size. */
	if (ports <= ring->size)
		return 0;

	size = max_t(u32, UEVTCHN_MIN_SIZE, roundup_pow_of_two(ports));
	slots = kvmalloc_objs(*slots, size, GFP_KERNEL_ACCOUNT);
	if (!slots)
		return -ENOMEM;

	spin_lock_irq(&ring->wait.lock);
	for (i = 0; i < ring->used; i++)
		slots[i] = *ring_slot(ring, i);
	ring->head = 0;
	old = ring->slots;
	ring->slots = slots;
	ring->size = size;
	spin_unlock_irq(&ring->wait.lock);

	kvfree(old);
	return 0;
}

/**
 * uevtchn_ring_push() - queue a port, and wake the waiters
 * @ring: the ring
 * @port: the port's number
 *
 * If the ring is full, the port is dropped, and the ring has overflowed.
 *
 * Context: any but NMI.
 */
void uevtchn_ring_push(struct uevtchn_ring *ring, evtchn_port_t port)
{
	__poll_t events = 0;
	unsigned long flags;

	spin_lock_irqsave(&ring->wait.lock, flags);
	if (ring->used < ring->size) {
		*ring_slot(ring, ring->used) = port;
		/* A reader that is copying all others may not take this one. */
		if (ring->used == ring->peeked)
			events = EPOLLIN | EPOLLRDNORM;
		WRITE_ONCE(ring->used, ring->used + 1);
	} else if (!ring->overflow) {
		WRITE_ONCE(ring->overflow, true);
		events = EPOLLERR;
	}
	/* Sleepers enter the queue under this lock: none is missed. */
	if (events && waitqueue_active(&ring->wait))
		wake_up_locked_poll(&ring->wait, events);
	spin_unlock_irqrestore(&ring->wait.lock, flags);

	if ((events & EPOLLIN) && READ_ONCE(ring->fasync))
		kill_fasync(&ring->fasync, SIGIO, POLL_IN);
}

/* Whether a reader need not wait. */
static bool ring_is_ready(struct uevtchn_ring *ring)
{
	lockdep_assert_held(&ring->wait.lock);

	if (ring->overflow)
		return true;
	if (!ring->used)
		return false;
	/* The other reader wakes us when it ends; it may leave some ports. */
	ring->contended |= ring->reading;
	return !ring->reading;
}

static inline u32 ring_peek(struct uevtchn_ring *ring, evtchn_port_t *ports,
			    u32 max)
{
	u32 n = min(max, ring->used - ring->peeked), i;

	for (i = 0; i < n; i++)
		ports[i] = *ring_slot(ring, ring->peeked + i);
	ring->peeked += n;
	return n;
}

/**
 * uevtchn_ring_begin() - wait for ports, and copy the oldest ones
 * @ring: the ring
 * @ports: where to copy them
 * @max: how many at most, more than 0
 * @nonblock: wait neither for a port nor for another reader
 *
 * The ports stay queued until uevtchn_ring_end(), which has to follow unless
 * there is an error.
 *
 * Context: process, may sleep.
 * Return: how many ports were copied; or -EAGAIN if @nonblock, -ERESTARTSYS, or
 * -EFBIG after an overflow.
 */
int uevtchn_ring_begin(struct uevtchn_ring *ring, evtchn_port_t *ports, u32 max,
		       bool nonblock)
{
	int ret = 0;

	spin_lock_irq(&ring->wait.lock);
	if (!ring_is_ready(ring))
		ret = nonblock ? -EAGAIN :
		      wait_event_interruptible_locked_irq(ring->wait,
							  ring_is_ready(ring));
	if (!ret && ring->overflow)
		ret = -EFBIG;
	if (!ret) {
		ring->reading = true;
		ret = ring_peek(ring, ports, max);
	}
	spin_unlock_irq(&ring->wait.lock);

	return ret;
}

/**
 * uevtchn_ring_more() - copy the ports that follow those copied so far
 * @ring: the ring, between uevtchn_ring_begin() and uevtchn_ring_end()
 * @ports: where to copy them
 * @max: how many at most
 *
 * Context: process; does not sleep.
 * Return: how many ports were copied, 0 if there are no more.
 */
u32 uevtchn_ring_more(struct uevtchn_ring *ring, evtchn_port_t *ports, u32 max)
{
	u32 n;

	spin_lock_irq(&ring->wait.lock);
	n = ring_peek(ring, ports, max);
	spin_unlock_irq(&ring->wait.lock);

	return n;
}

/**
 * uevtchn_ring_end() - end the read that uevtchn_ring_begin() began
 * @ring: the ring
 * @taken: whether to remove the copied ports from the queue. Those that were
 *	withdrawn or reset meanwhile have left it already
 *
 * Context: process; does not sleep.
 */
void uevtchn_ring_end(struct uevtchn_ring *ring, bool taken)
{
	spin_lock_irq(&ring->wait.lock);
	if (taken) {
		ring->head += ring->peeked;
		WRITE_ONCE(ring->used, ring->used - ring->peeked);
	}
	ring->peeked = 0;
	ring->reading = false;
	if (ring->contended) {
		ring->contended = false;
		wake_up_locked_poll(&ring->wait, EPOLLIN | EPOLLRDNORM);
	}
	spin_unlock_irq(&ring->wait.lock);
}

/**
 * uevtchn_ring_has() - whether a port is queued
 * @ring: the ring
 * @port: the port's number
 *
 * Context: process; does not sleep. Interrupts are off for a time linear in
 * the number of queued ports.
 * Return: true if it is, even while a reader is copying it out.
 */
bool uevtchn_ring_has(struct uevtchn_ring *ring, evtchn_port_t port)
{
	bool found = false;
	u32 i;

	spin_lock_irq(&ring->wait.lock);
	for (i = 0; i < ring->used && !found; i++)
		found = *ring_slot(ring, i) == port;
	spin_unlock_irq(&ring->wait.lock);

	return found;
}

/**
 * uevtchn_ring_withdraw() - remove every entry of a port
 * @ring: the ring
 * @port: the port's number, which nobody pushes meanwhile
 *
 * The other ports keep their order. Xen reuses port numbers, so an entry that
 * stayed would be taken for the next owner's.
 *
 * Context: process; does not sleep. Interrupts are off for a time linear in
 * the number of queued ports.
 */
void uevtchn_ring_withdraw(struct uevtchn_ring *ring, evtchn_port_t port)
{
	u32 from, to = 0, peeked;

	spin_lock_irq(&ring->wait.lock);
	peeked = ring->peeked;
	for (from = 0; from < ring->used; from++) {
		if (*ring_slot(ring, from) != port)
			*ring_slot(ring, to++) = *ring_slot(ring, from);
		else if (from < peeked)
			ring->peeked--;
	}
	WRITE_ONCE(ring->used, to);
	spin_unlock_irq(&ring->wait.lock);
}

/**
 * uevtchn_ring_reset() - empty the ring and clear an overflow
 * @ring: the ring
 *
 * Context: process; does not sleep.
 */
void uevtchn_ring_reset(struct uevtchn_ring *ring)
{
	spin_lock_irq(&ring->wait.lock);
	WRITE_ONCE(ring->used, 0);
	ring->peeked = 0;
	WRITE_ONCE(ring->overflow, false);
	spin_unlock_irq(&ring->wait.lock);
}
