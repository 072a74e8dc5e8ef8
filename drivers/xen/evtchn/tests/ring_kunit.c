// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The ring against a plain queue: every sequence of operations, up to a
 * length, on small rings, with whom each one wakes; and growth from every state
 * of a real one.
 */
#include <kunit/test.h>

#include <linux/module.h>
#include <linux/sched.h>
#include <linux/spinlock.h>

#define KUNIT_PREFIX	kunit_ring_
#include "rename.h"
#include "../ring.c"

/*
 * A ring that can be copied, with its slots and a sleeper, who notes what it is
 * woken with.
 */
struct toy {
	struct uevtchn_ring ring;
	evtchn_port_t slots[UEVTCHN_MIN_SIZE];
	wait_queue_entry_t sleeper;
	__poll_t woken;
};

#define READABLE	(EPOLLIN | EPOLLRDNORM)

static int note_wake_up(wait_queue_entry_t *entry, unsigned int mode, int flags,
			void *key)
{
	/* A wake-up for nothing shows as this. */
	container_of(entry, struct toy, sleeper)->woken |= key_to_poll(key) ?: EPOLLMSG;
	return 1;
}

/* After toy was copied: its pointers are the copy's own. */
static void use_own_parts(struct toy *toy, bool asleep)
{
	toy->ring.slots = toy->slots;
	init_waitqueue_head(&toy->ring.wait);
	init_waitqueue_func_entry(&toy->sleeper, note_wake_up);
	if (asleep)
		add_wait_queue(&toy->ring.wait, &toy->sleeper);
}

/*
 * Every sequence of operations
 */

/* How many operations a sequence has at most. */
#define DEPTH		5

/* Ports that are pushed; the first is also withdrawn. */
enum { PORT_A = 7, PORT_B = 9 };

/* One letter each, for the message of a failure. */
static const char letters[] = "ABrRotlwxg";

enum op {
	PUSH_A, PUSH_B, READ_1, READ_3, OTHER, TAKE, LEAVE, WITHDRAW_A, RESET, GROW,
	NR_OPS,
};

/* What the ring should be, written without an index that wraps. */
struct queue {
	evtchn_port_t ports[UEVTCHN_MIN_SIZE];
	u32 size;
	u32 used;
	u32 peeked;
	bool reading;
	bool contended;
	bool overflow;
};

struct search {
	struct kunit *test;
	char path[DEPTH + 1];
	unsigned int sequences;
	/* Of the ring that the search began with, for the message. */
	u32 size, fill;
	/* After each operation of the path. */
	struct toy toys[DEPTH + 1];
	struct queue queues[DEPTH + 1];
};

static void queue_remove(struct queue *queue, u32 at)
{
	memmove(&queue->ports[at], &queue->ports[at + 1],
		(queue->used - at - 1) * sizeof(queue->ports[0]));
	queue->used--;
	if (at < queue->peeked)
		queue->peeked--;
}

/* Whether sleepers are woken with the right events. */
static bool push_agrees(struct toy *toy, struct queue *queue, evtchn_port_t port)
{
	bool full = queue->used == queue->size;
	__poll_t want = 0;

	if (full && !queue->overflow)
		want = EPOLLERR;
	if (!full && queue->used == queue->peeked)
		want = READABLE;
	queue->overflow |= full;
	if (!full)
		queue->ports[queue->used++] = port;

	uevtchn_ring_push(&toy->ring, port);
	return toy->woken == want;
}

/* Both read; whether they copy the same. */
static bool read_agrees(struct uevtchn_ring *ring, struct queue *queue, u32 max)
{
	evtchn_port_t ports[4];
	int n, want = min(max, queue->used - queue->peeked);

	if (queue->reading) {
		n = uevtchn_ring_more(ring, ports, max);
	} else {
		n = uevtchn_ring_begin(ring, ports, max, true);
		if (queue->overflow)
			return n == -EFBIG;
		if (!queue->used)
			return n == -EAGAIN;
		queue->reading = true;
	}
	if (n != want || memcmp(ports, &queue->ports[queue->peeked], n * sizeof(*ports)))
		return false;
	queue->peeked += n;
	return true;
}

/* A reader that does not wait gets nothing while another one reads. */
static bool other_agrees(struct uevtchn_ring *ring, struct queue *queue)
{
	evtchn_port_t port;
	int n;

	if (!queue->reading)
		return true;
	n = uevtchn_ring_begin(ring, &port, 1, true);
	if (queue->overflow)
		return n == -EFBIG;
	queue->contended |= queue->used > 0;
	return n == -EAGAIN;
}

/* Both end a read, if there is one; whether the other reader is woken. */
static bool end_agrees(struct toy *toy, struct queue *queue, bool taken)
{
	__poll_t want = queue->contended ? READABLE : 0;

	if (!queue->reading)
		return true;
	uevtchn_ring_end(&toy->ring, taken);
	while (taken && queue->peeked)
		queue_remove(queue, 0);
	queue->peeked = 0;
	queue->reading = false;
	queue->contended = false;
	return toy->woken == want;
}

/* The real function, which wants slots that it can free. */
static bool grow(struct toy *toy)
{
	struct uevtchn_ring *ring = &toy->ring;
	bool ok;

	ring->slots = kmemdup(toy->slots, sizeof(toy->slots), GFP_KERNEL);
	if (!ring->slots)
		return false;
	ok = uevtchn_ring_reserve(ring, ring->size + 1) == 0 &&
	     ring->size == UEVTCHN_MIN_SIZE;
	if (ok)
		memcpy(toy->slots, ring->slots, sizeof(toy->slots));
	uevtchn_ring_destroy(ring);
	ring->slots = toy->slots;
	return ok;
}

/* Does @op to both; whether they return the same. */
static bool apply(enum op op, struct toy *toy, struct queue *queue)
{
	struct uevtchn_ring *ring = &toy->ring;
	u32 i;

	switch (op) {
	case PUSH_A:
		return push_agrees(toy, queue, PORT_A);
	case PUSH_B:
		return push_agrees(toy, queue, PORT_B);
	case READ_1:
		return read_agrees(ring, queue, 1);
	case READ_3:
		return read_agrees(ring, queue, 3);
	case OTHER:
		return other_agrees(ring, queue);
	case TAKE:
		return end_agrees(toy, queue, true);
	case LEAVE:
		return end_agrees(toy, queue, false);
	case WITHDRAW_A:
		uevtchn_ring_withdraw(ring, PORT_A);
		for (i = queue->used; i--;) {
			if (queue->ports[i] == PORT_A)
				queue_remove(queue, i);
		}
		return true;
	case RESET:
		uevtchn_ring_reset(ring);
		queue->used = 0;
		queue->peeked = 0;
		queue->overflow = false;
		return true;
	case GROW:
		/* Growing once is enough; a larger ring has a test of its own. */
		if (queue->size == UEVTCHN_MIN_SIZE)
			return true;
		queue->size = UEVTCHN_MIN_SIZE;
		return grow(toy);
	case NR_OPS:
		break;
	}
	return false;
}

static bool same(const struct uevtchn_ring *ring, const struct queue *queue)
{
	u32 i;

	if (ring->used != queue->used || ring->size != queue->size ||
	    ring->peeked != queue->peeked || ring->reading != queue->reading ||
	    ring->overflow != queue->overflow)
		return false;
	for (i = 0; i < queue->used; i++) {
		if (ring->slots[(ring->head + i) & (ring->size - 1)] != queue->ports[i])
			return false;
	}
	return true;
}

/* Tries all that can follow. */
static void try_all(struct search *search, int length)
{
	struct toy *toy = &search->toys[length + 1];
	struct queue *queue = &search->queues[length + 1];
	enum op op;

	for (op = 0; op < NR_OPS; op++) {
		*toy = search->toys[length];
		*queue = search->queues[length];
		use_own_parts(toy, true);
		toy->woken = 0;
		search->path[length] = letters[op];
		if (!apply(op, toy, queue) || !same(&toy->ring, queue))
			KUNIT_FAIL_AND_ABORT(search->test,
					     "ring of %u with %u queued is no queue after %.*s",
					     search->size, search->fill, length + 1,
					     search->path);
		if (length + 1 < DEPTH)
			try_all(search, length + 1);
		else
			search->sequences++;
	}
	cond_resched();
}

/* The first slots are before the wrap of the indices, the others after it. */
static void any_sequence_is_a_queue(struct kunit *test)
{
	struct search *search = kunit_kzalloc(test, sizeof(*search), GFP_KERNEL);
	struct queue *queue;
	struct toy *toy;
	u32 i;

	KUNIT_ASSERT_NOT_NULL(test, search);
	toy = &search->toys[0];
	queue = &search->queues[0];
	search->test = test;
	search->size = *(const u32 *)test->param_value;

	/* Full rings are far from empty ones: begin with every fill. */
	for (search->fill = 0; search->fill <= search->size; search->fill++) {
		*toy = (struct toy){
			.ring.size = search->size,
			.ring.head = U32_MAX - search->size / 2,
		};
		*queue = (struct queue){ .size = search->size };
		for (i = 0; i < search->fill; i++) {
			use_own_parts(toy, true);
			toy->woken = 0;
			KUNIT_ASSERT_TRUE(test, push_agrees(toy, queue,
							    i % 2 ? PORT_A : PORT_B));
		}
		try_all(search, 0);
	}
	kunit_info(test, "%u sequences of %d operations", search->sequences, DEPTH);
}

/* A ring's size is a power of two: there are no others up to 8. */
static const u32 sizes[] = { 1, 2, 4, 8 };

static void size_name(const u32 *size, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%u slots", *size);
}

KUNIT_ARRAY_PARAM(size, sizes, size_name);

/*
 * A ring as the driver makes it
 */

static struct uevtchn_ring *new_ring(struct kunit *test, u32 ports)
{
	struct uevtchn_ring *ring = kunit_kzalloc(test, sizeof(*ring), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, ring);
	uevtchn_ring_init(ring);
	KUNIT_ASSERT_EQ(test, 0, uevtchn_ring_reserve(ring, ports));
	return ring;
}

static void size_is_the_next_power_of_two_from_64(struct kunit *test)
{
	static const u32 wanted[][2] = {
		{ 1, 64 }, { 64, 64 }, { 65, 128 }, { 100, 128 }, { 129, 256 },
		{ 200, 256 }, { 1000, 1024 }, { 1024, 1024 }, { 131072, 131072 },
	};
	struct uevtchn_ring *ring = new_ring(test, 0);
	int i;

	KUNIT_EXPECT_EQ(test, 0, ring->size);
	for (i = 0; i < ARRAY_SIZE(wanted); i++) {
		KUNIT_EXPECT_EQ(test, 0, uevtchn_ring_reserve(ring, wanted[i][0]));
		KUNIT_EXPECT_EQ(test, wanted[i][1], ring->size);
	}
	/* It never shrinks. */
	KUNIT_EXPECT_EQ(test, 0, uevtchn_ring_reserve(ring, 1));
	KUNIT_EXPECT_EQ(test, 131072, ring->size);
	uevtchn_ring_destroy(ring);
}

static void ring_without_slots_overflows(struct kunit *test)
{
	struct uevtchn_ring *ring = new_ring(test, 0);
	evtchn_port_t port;

	KUNIT_EXPECT_EQ(test, -EAGAIN, uevtchn_ring_begin(ring, &port, 1, true));
	uevtchn_ring_withdraw(ring, PORT_A);
	uevtchn_ring_push(ring, PORT_A);
	KUNIT_EXPECT_TRUE(test, ring->overflow);
	KUNIT_EXPECT_EQ(test, -EFBIG, uevtchn_ring_begin(ring, &port, 1, true));
	uevtchn_ring_reset(ring);
	KUNIT_EXPECT_EQ(test, -EAGAIN, uevtchn_ring_begin(ring, &port, 1, true));
	KUNIT_EXPECT_EQ(test, 0, ring->used);
}

/* Growth from 64 slots, for every fill and every place of the oldest port. */
static void growth_keeps_content_and_order(struct kunit *test)
{
	const u32 size = UEVTCHN_MIN_SIZE;
	u32 head, fill, i;
	bool right;

	for (head = U32_MAX - size + 1; head != size; head++) {
		for (fill = 0; fill <= size; fill++) {
			struct uevtchn_ring ring = {};

			uevtchn_ring_init(&ring);
			KUNIT_ASSERT_EQ(test, 0, uevtchn_ring_reserve(&ring, size));
			ring.head = head;
			for (i = 0; i < fill; i++)
				uevtchn_ring_push(&ring, 1000 + i);
			right = uevtchn_ring_reserve(&ring, size + 1) == 0 &&
				ring.size == 2 * size && ring.used == fill;
			for (i = 0; right && i < fill; i++)
				right = ring.slots[(ring.head + i) & (2 * size - 1)] == 1000 + i;
			uevtchn_ring_destroy(&ring);
			if (!right)
				KUNIT_FAIL_AND_ABORT(test,
						     "%u ports from index %u on: port %u is lost",
						     fill, head, i ? i - 1 : 0);
		}
		cond_resched();
	}
}

static struct kunit_case ring_cases[] = {
	KUNIT_CASE_PARAM(any_sequence_is_a_queue, size_gen_params),
	KUNIT_CASE(size_is_the_next_power_of_two_from_64),
	KUNIT_CASE(ring_without_slots_overflows),
	KUNIT_CASE(growth_keeps_content_and_order),
	{}
};

static struct kunit_suite ring_suite = {
	.name = "xen-evtchn-ring",
	.test_cases = ring_cases,
};

kunit_test_suite(ring_suite);

MODULE_DESCRIPTION("KUnit tests of /dev/xen/evtchn");
MODULE_LICENSE("Dual MIT/GPL");
