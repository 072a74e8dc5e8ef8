// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The ring is compared with a plain queue: every sequence of operations up to a
 * length, on small rings, and the wake-ups. Then the sizes of a real ring.
 */
#include <kunit/test.h>

#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>

#define KUNIT_PREFIX	kunit_ring_
#include "rename.h"
#include "../ring.c"

/*
 * The operations, a letter for each, as printed when a test fails:
 *
 *	A, B	push this port
 *	1, 3	begin to read, or read on: this number of ports
 *	o	another reader tries, too, and does not wait
 *	t, l	end the read, and take or leave what was copied
 *	w	withdraw port A
 *	x	reset
 *	g	grow
 */
static const char ops[] = "AB13otlwxg";

#define NR_OPS		(sizeof(ops) - 1)

/* How many operations a sequence has. */
#define LENGTH		5

/* The largest of the small rings. */
#define MAX_SIZE	4

#define READABLE	(EPOLLIN | EPOLLRDNORM)

struct pair {
	struct uevtchn_ring ring;
	/* Sleeps on the ring, and notes the key that it is woken with. */
	wait_queue_entry_t sleeper;
	__poll_t woken;
	/* The expected state, without indices that wrap. */
	evtchn_port_t ports[MAX_SIZE + LENGTH];
	u32 size, used, peeked;
	bool reading, contended, overflow;
	__poll_t wake;
};

static int note_wake_up(wait_queue_entry_t *entry, unsigned int mode, int flags,
			void *key)
{
	/* A wake-up without a key is noted as EPOLLMSG. */
	container_of(entry, struct pair, sleeper)->woken |= key_to_poll(key) ?: EPOLLMSG;
	return 1;
}

static void push(struct pair *pair, evtchn_port_t port)
{
	bool full = pair->used == pair->size;

	if (full && !pair->overflow)
		pair->wake = EPOLLERR;
	if (!full && pair->used == pair->peeked)
		pair->wake = READABLE;
	pair->overflow |= full;
	if (!full)
		pair->ports[pair->used++] = port;
	uevtchn_ring_push(&pair->ring, port);
}

static void take_out(struct pair *pair, u32 at)
{
	pair->used--;
	memmove(&pair->ports[at], &pair->ports[at + 1],
		(pair->used - at) * sizeof(pair->ports[0]));
	if (at < pair->peeked)
		pair->peeked--;
}

/* Whether the right ports are copied. */
static bool read_agrees(struct pair *pair, u32 max)
{
	int n, want = min(max, pair->used - pair->peeked);
	evtchn_port_t ports[3];

	if (pair->reading)
		n = uevtchn_ring_more(&pair->ring, ports, max);
	else
		n = uevtchn_ring_begin(&pair->ring, ports, max, true);
	if (!pair->reading && pair->overflow)
		return n == -EFBIG;
	if (!pair->reading && !pair->used)
		return n == -EAGAIN;
	if (n != want || memcmp(ports, &pair->ports[pair->peeked], n * sizeof(*ports)))
		return false;
	pair->reading = true;
	pair->peeked += n;
	return true;
}

/* Applies @op to both. Returns whether the ring returns what it should. */
static bool apply(struct pair *pair, char op)
{
	struct uevtchn_ring *ring = &pair->ring;
	evtchn_port_t port;
	u32 i;

	switch (op) {
	case 'A':
	case 'B':
		push(pair, op);
		return true;
	case '1':
	case '3':
		return read_agrees(pair, op - '0');
	case 'o':
		if (!pair->reading)
			return true;
		pair->contended |= pair->used && !pair->overflow;
		return uevtchn_ring_begin(ring, &port, 1, true) ==
		       (pair->overflow ? -EFBIG : -EAGAIN);
	case 't':
	case 'l':
		if (!pair->reading)
			return true;
		while (op == 't' && pair->peeked)
			take_out(pair, 0);
		pair->wake = pair->contended ? READABLE : 0;
		pair->peeked = 0;
		pair->reading = false;
		pair->contended = false;
		uevtchn_ring_end(ring, op == 't');
		return true;
	case 'w':
		for (i = pair->used; i--;) {
			if (pair->ports[i] == 'A')
				take_out(pair, i);
		}
		uevtchn_ring_withdraw(ring, 'A');
		return true;
	case 'x':
		pair->used = 0;
		pair->peeked = 0;
		pair->overflow = false;
		uevtchn_ring_reset(ring);
		return true;
	default: /* 'g' */
		pair->size = max(UEVTCHN_MIN_SIZE, 2 * pair->size);
		return uevtchn_ring_reserve(ring, ring->size + 1) == 0;
	}
}

static bool same(const struct pair *pair)
{
	const struct uevtchn_ring *ring = &pair->ring;
	u32 i;

	if (ring->used != pair->used || ring->size != pair->size ||
	    ring->peeked != pair->peeked || ring->reading != pair->reading ||
	    ring->overflow != pair->overflow || pair->woken != pair->wake)
		return false;
	for (i = 0; i < ring->used; i++) {
		if (ring->slots[(ring->head + i) & (ring->size - 1)] != pair->ports[i])
			return false;
	}
	return true;
}

/* Runs sequence @nr on a ring of @size with @fill ports; its indices wrap. */
static void try_sequence(struct kunit *test, u32 size, u32 fill, unsigned int nr)
{
	char path[MAX_SIZE + LENGTH + 1] = {};
	struct pair pair = { .size = size };
	bool ok = true;
	u32 i;

	uevtchn_ring_init(&pair.ring);
	pair.ring.slots = kvmalloc_array(size, sizeof(*pair.ring.slots), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, pair.ring.slots);
	pair.ring.size = size;
	pair.ring.head = U32_MAX - size / 2;
	init_waitqueue_func_entry(&pair.sleeper, note_wake_up);
	add_wait_queue(&pair.ring.wait, &pair.sleeper);

	for (i = 0; i < fill + LENGTH && ok; i++) {
		if (i < fill) {
			path[i] = i % 2 ? 'A' : 'B';
		} else {
			path[i] = ops[nr % NR_OPS];
			nr /= NR_OPS;
		}
		pair.woken = 0;
		pair.wake = 0;
		ok = apply(&pair, path[i]) && same(&pair);
	}
	uevtchn_ring_destroy(&pair.ring);
	if (!ok)
		KUNIT_FAIL_AND_ABORT(test, "a ring of %u is no queue after %s", size, path);
}

/*
 * A ring's size is 0 or a power of two. As the operations are too few to fill
 * an empty ring and more, start from every fill level.
 */
static void any_sequence_is_a_queue(struct kunit *test)
{
	static const u32 sizes[] = { 0, 1, MAX_SIZE };
	unsigned int nr, last = int_pow(NR_OPS, LENGTH);
	u32 fill, i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		for (fill = 0; fill <= sizes[i]; fill++) {
			for (nr = 0; nr < last; nr++) {
				try_sequence(test, sizes[i], fill, nr);
				cond_resched();
			}
		}
	}
}

static void size_is_the_next_power_of_two_from_64(struct kunit *test)
{
	static const u32 wanted[][2] = {
		{ 0, 0 }, { 1, 64 }, { 64, 64 }, { 65, 128 }, { 1000, 1024 }, { 1, 1024 },
	};
	struct uevtchn_ring ring = {};
	evtchn_port_t *slots = NULL;
	u32 size = 0;
	int i;

	uevtchn_ring_init(&ring);
	for (i = 0; i < ARRAY_SIZE(wanted); i++) {
		KUNIT_EXPECT_EQ(test, 0, uevtchn_ring_reserve(&ring, wanted[i][0]));
		KUNIT_EXPECT_EQ(test, wanted[i][1], ring.size);
		/* If there is room already, nothing changes. */
		if (ring.size == size)
			KUNIT_EXPECT_PTR_EQ(test, slots, ring.slots);
		slots = ring.slots;
		size = ring.size;
	}
	uevtchn_ring_destroy(&ring);
}

static struct kunit_case ring_cases[] = {
	KUNIT_CASE(any_sequence_is_a_queue),
	KUNIT_CASE(size_is_the_next_power_of_two_from_64),
	{}
};

static struct kunit_suite ring_suite = {
	.name = "xen-evtchn-ring",
	.test_cases = ring_cases,
};

kunit_test_suite(ring_suite);

MODULE_DESCRIPTION("KUnit tests of /dev/xen/evtchn");
MODULE_LICENSE("Dual MIT/GPL");
