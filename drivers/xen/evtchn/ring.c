// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The queue between the interrupts that push ports and the reader that takes
 * them. It knows nothing of Xen, files or user memory. What an interrupt and a
 * poll() call, evtchn_ring_push() and evtchn_ring_status(), is in evtchn.h.
 *
 * The indices run freely; the slot of index i is i & (size - 1). As the size
 * is a power of two, the difference of two indices is right across the wrap
 * at 2^32.
 *
 * No wake-up is lost
 * ------------------
 *
 *	producer				sleeper
 *	lock; store prod; unlock		enter the wait queue
 *	full barrier, in wq_has_sleeper()	full barrier, in poll_wait() or
 *						set_current_state()
 *	load the wait queue			load cons, then prod
 *
 * Whichever passes its barrier second sees what the other one stored. Two more
 * things are needed. "Was it empty?" is decided inside the lock, never from an
 * older sample. And a sleeper that loads cons first and then prod cannot take
 * two times for one: if they are equal, nothing was queued when it loaded prod,
 * as cons never steps back and prod, which a withdrawal moves back, is never
 * behind it. The next push is then the first, and announced.
 * tools/testing/selftests/xen/formal has the proof.
 */
#include <kunit/visibility.h>

#include <linux/errno.h>
#include <linux/export.h>
#include <linux/limits.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "evtchn.h"

static evtchn_port_t *ring_slot(struct evtchn_ring *ring, u32 index)
{
	return &ring->slots[index & (ring->size - 1)];
}

static u32 ring_used(const struct evtchn_ring *ring)
{
	lockdep_assert_held(&ring->lock);

	return ring->prod - ring->cons;
}

/**
 * evtchn_ring_init() - make an empty ring without slots
 * @ring: the ring
 */
void evtchn_ring_init(struct evtchn_ring *ring)
{
	memset(ring, 0, sizeof(*ring));
	spin_lock_init(&ring->lock);
}
EXPORT_SYMBOL_IF_KUNIT(evtchn_ring_init);

/**
 * evtchn_ring_destroy() - free the slots
 * @ring: the ring; nobody may push or peek any more
 *
 * Context: may sleep.
 */
void evtchn_ring_destroy(struct evtchn_ring *ring)
{
	kvfree(ring->slots);
}
EXPORT_SYMBOL_IF_KUNIT(evtchn_ring_destroy);

/**
 * evtchn_ring_reserve() - make room for a number of ports
 * @ring: the ring
 * @ports: how many slots there must be at least
 *
 * Queued ports and their order stay. Pushing and peeking may go on meanwhile;
 * calls of this function must be serialised. The size starts at
 * EVTCHN_RING_MIN_SIZE and doubles, which programs rely on: a ring that holds
 * every bound port once cannot overflow as long as each port is written only
 * after it was read.
 *
 * Context: process, may sleep.
 * Return: 0, or -ENOMEM and the ring is as it was.
 */
int evtchn_ring_reserve(struct evtchn_ring *ring, u32 ports)
{
	evtchn_port_t *slots, *old;
	u32 size, i;

	/* Only this function changes the size. */
	if (ports <= ring->size)
		return 0;

	size = max_t(u32, EVTCHN_RING_MIN_SIZE, roundup_pow_of_two(ports));
	slots = kvmalloc_objs(*slots, size, GFP_KERNEL_ACCOUNT);
	if (!slots)
		return -ENOMEM;

	spin_lock_irq(&ring->lock);
	for (i = ring->cons; i != ring->prod; i++)
		slots[i & (size - 1)] = *ring_slot(ring, i);
	old = ring->slots;
	ring->slots = slots;
	ring->size = size;
	spin_unlock_irq(&ring->lock);

	kvfree(old);
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(evtchn_ring_reserve);

/* Moves the consumer, so that whoever sees it sees all that it saw. */
static void set_consumer(struct evtchn_ring *ring, u32 cons)
{
	/* Pairs with the load in evtchn_ring_status(). */
	smp_store_release(&ring->cons, cons);
}

/**
 * evtchn_ring_peek() - copy the oldest ports that are not yet peeked
 * @ring: the ring
 * @ports: where to
 * @max: how many at most
 *
 * The ports stay queued. One reader at a time calls this, as often as it
 * likes, and then evtchn_ring_finish() once.
 *
 * Context: process; does not sleep.
 * Return: the number of ports copied, 0 if there is none; -EFBIG after an
 * overflow, unless this reader has peeked before.
 */
int evtchn_ring_peek(struct evtchn_ring *ring, evtchn_port_t *ports, u32 max)
{
	int ret = -EFBIG;
	u32 n, i;

	spin_lock_irq(&ring->lock);
	if (ring->peeked || !ring->overflow) {
		n = min(max, ring_used(ring) - ring->peeked);
		for (i = 0; i < n; i++)
			ports[i] = *ring_slot(ring, ring->cons + ring->peeked + i);
		ring->peeked += n;
		ret = n;
	}
	spin_unlock_irq(&ring->lock);

	return ret;
}
EXPORT_SYMBOL_IF_KUNIT(evtchn_ring_peek);

/**
 * evtchn_ring_finish() - end what evtchn_ring_peek() began
 * @ring: the ring
 * @taken: whether the peeked ports leave the queue
 *
 * Ports that were withdrawn or reset in between are not counted again.
 *
 * Context: process; does not sleep.
 */
void evtchn_ring_finish(struct evtchn_ring *ring, bool taken)
{
	spin_lock_irq(&ring->lock);
	if (taken)
		set_consumer(ring, ring->cons + ring->peeked);
	ring->peeked = 0;
	spin_unlock_irq(&ring->lock);
}
EXPORT_SYMBOL_IF_KUNIT(evtchn_ring_finish);

/**
 * evtchn_ring_withdraw() - remove every entry of a port
 * @ring: the ring
 * @port: the port's number, which nobody pushes any more
 *
 * The other ports keep their order. Xen gives port numbers out again, so an
 * entry that stayed would be taken for the next owner's.
 *
 * Context: process; does not sleep. Interrupts are off for a time linear in
 * the number of queued ports.
 */
void evtchn_ring_withdraw(struct evtchn_ring *ring, evtchn_port_t port)
{
	u32 from, to, peeked;

	spin_lock_irq(&ring->lock);
	peeked = ring->peeked;
	to = ring->cons;
	for (from = ring->cons; from != ring->prod; from++) {
		evtchn_port_t entry = *ring_slot(ring, from);

		if (entry != port)
			*ring_slot(ring, to++) = entry;
		else if (from - ring->cons < peeked)
			ring->peeked--;
	}
	WRITE_ONCE(ring->prod, to);
	spin_unlock_irq(&ring->lock);
}
EXPORT_SYMBOL_IF_KUNIT(evtchn_ring_withdraw);

/**
 * evtchn_ring_reset() - empty the ring and forget an overflow
 * @ring: the ring
 *
 * Context: process; does not sleep.
 */
void evtchn_ring_reset(struct evtchn_ring *ring)
{
	spin_lock_irq(&ring->lock);
	set_consumer(ring, ring->prod);
	ring->peeked = 0;
	WRITE_ONCE(ring->overflow, false);
	spin_unlock_irq(&ring->lock);
}
EXPORT_SYMBOL_IF_KUNIT(evtchn_ring_reset);
