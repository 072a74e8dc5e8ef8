// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The ring against a plain queue: every sequence of operations, up to a
 * length, on small rings; growth from every state of a real one; and every
 * way in which an interrupt and a reader can interleave around a wake-up.
 */
#include <kunit/test.h>
#include <kunit/visibility.h>

#include <linux/mm.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "../evtchn.h"

/*
 * Every sequence of operations
 */

/* The largest of the small rings; sizes are powers of two. */
#define SMALL_MAX	8

/* How many operations a sequence has at most. */
#define DEPTH		5

/* Ports that are pushed; the first is also withdrawn. */
enum { PORT_A = 7, PORT_B = 9 };

enum op {
	PUSH_A, PUSH_B, PEEK_1, PEEK_3, TAKE, LEAVE, WITHDRAW_A, RESET, GROW,
	NR_OPS,
};

static const char * const op_names[NR_OPS] = {
	"push A", "push B", "peek 1", "peek 3", "take", "leave", "withdraw A",
	"reset", "grow",
};

/* What the ring should be, written without an index that wraps. */
struct queue {
	evtchn_port_t ports[EVTCHN_RING_MIN_SIZE];
	u32 size;
	u32 used;
	u32 peeked;
	bool overflow;
};

/* A ring with its slots, so that a struct assignment is a copy. */
struct small_ring {
	struct evtchn_ring ring;
	evtchn_port_t slots[EVTCHN_RING_MIN_SIZE];
};

struct search {
	struct kunit *test;
	enum op path[DEPTH];
	unsigned int sequences;
	/* Of the ring that the search began with, for the message. */
	u32 size, fill, start;
};

static enum evtchn_push ring_push(struct evtchn_ring *ring, evtchn_port_t port)
{
	enum evtchn_push push;

	spin_lock_irq(&ring->lock);
	push = evtchn_ring_push(ring, port);
	spin_unlock_irq(&ring->lock);

	return push;
}

static enum evtchn_push queue_push(struct queue *queue, evtchn_port_t port)
{
	bool first;

	if (queue->used == queue->size) {
		first = !queue->overflow;
		queue->overflow = true;
		return first ? EVTCHN_PUSH_OVERFLOW : EVTCHN_PUSH_DROPPED;
	}
	first = queue->used == queue->peeked;
	queue->ports[queue->used++] = port;
	return first ? EVTCHN_PUSH_FIRST : EVTCHN_PUSH_MORE;
}

static void queue_remove(struct queue *queue, u32 at)
{
	memmove(&queue->ports[at], &queue->ports[at + 1],
		(queue->used - at - 1) * sizeof(queue->ports[0]));
	queue->used--;
	if (at < queue->peeked)
		queue->peeked--;
}

static void queue_take(struct queue *queue)
{
	while (queue->peeked)
		queue_remove(queue, 0);
}

static void queue_withdraw(struct queue *queue, evtchn_port_t port)
{
	u32 i = 0;

	while (i < queue->used) {
		if (queue->ports[i] == port)
			queue_remove(queue, i);
		else
			i++;
	}
}

/* Both peek; whether they copy the same. */
static bool peek_agrees(struct evtchn_ring *ring, struct queue *queue, u32 max)
{
	evtchn_port_t ports[4];
	int n = evtchn_ring_peek(ring, ports, max);
	int want = min(max, queue->used - queue->peeked);

	if (queue->overflow && !queue->peeked)
		return n == -EFBIG;
	if (n != want || memcmp(ports, &queue->ports[queue->peeked], n * sizeof(*ports)))
		return false;
	queue->peeked += n;
	return true;
}

/* The real function, which wants slots that it can free. */
static bool grow(struct small_ring *small)
{
	struct evtchn_ring *ring = &small->ring;
	evtchn_port_t *slots;
	bool ok;

	slots = kmemdup(small->slots, sizeof(small->slots), GFP_KERNEL);
	if (!slots)
		return false;
	ring->slots = slots;
	ok = evtchn_ring_reserve(ring, ring->size + 1) == 0 &&
	     ring->size == EVTCHN_RING_MIN_SIZE;
	if (ok)
		memcpy(small->slots, ring->slots, sizeof(small->slots));
	evtchn_ring_destroy(ring);
	ring->slots = small->slots;
	return ok;
}

/* Does @op to both; whether they return the same. */
static bool apply(enum op op, struct small_ring *small, struct queue *queue)
{
	struct evtchn_ring *ring = &small->ring;

	switch (op) {
	case PUSH_A:
		return ring_push(ring, PORT_A) == queue_push(queue, PORT_A);
	case PUSH_B:
		return ring_push(ring, PORT_B) == queue_push(queue, PORT_B);
	case PEEK_1:
		return peek_agrees(ring, queue, 1);
	case PEEK_3:
		return peek_agrees(ring, queue, 3);
	case TAKE:
		evtchn_ring_finish(ring, true);
		queue_take(queue);
		return true;
	case LEAVE:
		evtchn_ring_finish(ring, false);
		queue->peeked = 0;
		return true;
	case WITHDRAW_A:
		evtchn_ring_withdraw(ring, PORT_A);
		queue_withdraw(queue, PORT_A);
		return true;
	case RESET:
		evtchn_ring_reset(ring);
		queue->used = 0;
		queue->peeked = 0;
		queue->overflow = false;
		return true;
	case GROW:
		/* Growing once is enough; a larger ring has a test of its own. */
		if (queue->size == EVTCHN_RING_MIN_SIZE)
			return true;
		queue->size = EVTCHN_RING_MIN_SIZE;
		return grow(small);
	case NR_OPS:
		break;
	}
	return false;
}

static bool same(struct evtchn_ring *ring, const struct queue *queue)
{
	unsigned int status = (queue->used ? EVTCHN_RING_READABLE : 0) |
			      (queue->overflow ? EVTCHN_RING_OVERFLOW : 0);
	u32 i;

	if (ring->prod - ring->cons != queue->used || ring->size != queue->size ||
	    ring->peeked != queue->peeked || ring->overflow != queue->overflow ||
	    evtchn_ring_status(ring) != status)
		return false;
	for (i = 0; i < queue->used; i++) {
		if (ring->slots[(ring->cons + i) & (ring->size - 1)] != queue->ports[i])
			return false;
	}
	return true;
}

static void fail_with_path(struct search *search, int length)
{
	char *words = kunit_kzalloc(search->test, 16 * DEPTH, GFP_KERNEL);
	int i, n = 0;

	KUNIT_ASSERT_NOT_NULL(search->test, words);
	for (i = 0; i < length; i++)
		n += scnprintf(words + n, 16 * DEPTH - n, " %s,",
			       op_names[search->path[i]]);
	KUNIT_FAIL_AND_ABORT(search->test,
			     "ring of %u that began with %u queued, the oldest at index %u, is not as a queue is after:%s",
			     search->size, search->fill, search->start, words);
}

/* Tries all that can follow. A frame is half a kilobyte: DEPTH bounds them. */
static void try_all(struct search *search, int length,
		    const struct small_ring *small, const struct queue *queue)
{
	struct small_ring next_small;
	struct queue next_queue;
	enum op op;

	for (op = 0; op < NR_OPS; op++) {
		next_small = *small;
		next_small.ring.slots = next_small.slots;
		next_queue = *queue;
		search->path[length] = op;
		if (!apply(op, &next_small, &next_queue) ||
		    !same(&next_small.ring, &next_queue))
			fail_with_path(search, length + 1);
		if (length + 1 < DEPTH)
			try_all(search, length + 1, &next_small, &next_queue);
		else
			search->sequences++;
	}
	cond_resched();
}

/* @start: the consumer's index to begin with. */
static void try_size(struct kunit *test, u32 start)
{
	struct search *search = kunit_kzalloc(test, sizeof(*search), GFP_KERNEL);
	struct small_ring *small = kunit_kzalloc(test, sizeof(*small), GFP_KERNEL);
	struct queue *queue = kunit_kzalloc(test, sizeof(*queue), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, search);
	KUNIT_ASSERT_NOT_NULL(test, small);
	KUNIT_ASSERT_NOT_NULL(test, queue);
	search->test = test;
	search->start = start;
	search->size = *(const u32 *)test->param_value;

	/* Full rings are far from empty ones: begin with every fill. */
	for (search->fill = 0; search->fill <= search->size; search->fill++) {
		u32 i;

		evtchn_ring_init(&small->ring);
		small->ring.slots = small->slots;
		small->ring.size = search->size;
		small->ring.cons = start;
		small->ring.prod = start;
		memset(queue, 0, sizeof(*queue));
		queue->size = search->size;
		for (i = 0; i < search->fill; i++) {
			evtchn_port_t port = i % 2 ? PORT_A : PORT_B;

			KUNIT_ASSERT_EQ(test, ring_push(&small->ring, port),
					queue_push(queue, port));
		}
		try_all(search, 0, small, queue);
	}
	kunit_info(test, "%u sequences of %d operations", search->sequences, DEPTH);
}

static void any_sequence_is_a_queue(struct kunit *test)
{
	try_size(test, 0);
}

/* The first slots before the wrap of the indices, the others after it. */
static void any_sequence_is_a_queue_over_the_wrap(struct kunit *test)
{
	try_size(test, U32_MAX - *(const u32 *)test->param_value / 2);
}

/* A ring's size is a power of two: there are no others up to SMALL_MAX. */
static const u32 sizes[] = { 1, 2, 4, SMALL_MAX };

static void size_name(const u32 *size, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%u slots", *size);
}

KUNIT_ARRAY_PARAM(size, sizes, size_name);

/*
 * A ring as the driver makes it
 */

static struct evtchn_ring *new_ring(struct kunit *test, u32 ports)
{
	struct evtchn_ring *ring = kunit_kzalloc(test, sizeof(*ring), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, ring);
	evtchn_ring_init(ring);
	KUNIT_ASSERT_EQ(test, 0, evtchn_ring_reserve(ring, ports));
	return ring;
}

static void size_is_the_next_power_of_two_from_64(struct kunit *test)
{
	static const u32 wanted[][2] = {
		{ 1, 64 }, { 64, 64 }, { 65, 128 }, { 100, 128 }, { 129, 256 },
		{ 200, 256 }, { 1000, 1024 }, { 1024, 1024 }, { 131072, 131072 },
	};
	struct evtchn_ring *ring = new_ring(test, 0);
	int i;

	KUNIT_EXPECT_EQ(test, 0, ring->size);
	for (i = 0; i < ARRAY_SIZE(wanted); i++) {
		KUNIT_EXPECT_EQ(test, 0, evtchn_ring_reserve(ring, wanted[i][0]));
		KUNIT_EXPECT_EQ(test, wanted[i][1], ring->size);
	}
	/* It never shrinks. */
	KUNIT_EXPECT_EQ(test, 0, evtchn_ring_reserve(ring, 1));
	KUNIT_EXPECT_EQ(test, 131072, ring->size);
	evtchn_ring_destroy(ring);
}

static void ring_without_slots_overflows(struct kunit *test)
{
	struct evtchn_ring *ring = new_ring(test, 0);
	evtchn_port_t port;

	KUNIT_EXPECT_EQ(test, 0, evtchn_ring_status(ring));
	KUNIT_EXPECT_EQ(test, 0, evtchn_ring_peek(ring, &port, 1));
	evtchn_ring_finish(ring, true);
	evtchn_ring_withdraw(ring, PORT_A);
	KUNIT_EXPECT_EQ(test, EVTCHN_PUSH_OVERFLOW, ring_push(ring, PORT_A));
	KUNIT_EXPECT_EQ(test, EVTCHN_PUSH_DROPPED, ring_push(ring, PORT_A));
	KUNIT_EXPECT_EQ(test, EVTCHN_RING_OVERFLOW, evtchn_ring_status(ring));
	evtchn_ring_reset(ring);
	KUNIT_EXPECT_EQ(test, 0, evtchn_ring_status(ring));
}

/* Growth from 64 slots, for every fill and every place of the oldest port. */
static void growth_keeps_content_and_order(struct kunit *test)
{
	const u32 size = EVTCHN_RING_MIN_SIZE;
	u32 cons, fill, i;
	bool right;

	for (cons = U32_MAX - size + 1; cons != size; cons++) {
		for (fill = 0; fill <= size; fill++) {
			struct evtchn_ring ring;

			evtchn_ring_init(&ring);
			KUNIT_ASSERT_EQ(test, 0, evtchn_ring_reserve(&ring, size));
			ring.cons = cons;
			ring.prod = cons;
			for (i = 0; i < fill; i++)
				ring_push(&ring, 1000 + i);
			right = evtchn_ring_reserve(&ring, size + 1) == 0 &&
				ring.size == 2 * size && ring.prod - ring.cons == fill;
			for (i = 0; right && i < fill; i++)
				right = ring.slots[(cons + i) & (2 * size - 1)] == 1000 + i;
			evtchn_ring_destroy(&ring);
			if (!right)
				KUNIT_FAIL_AND_ABORT(test,
						     "%u ports from index %u on: port %u is lost",
						     fill, cons, i ? i - 1 : 0);
		}
		cond_resched();
	}
}

/*
 * The wake-up: stop a producer between any two of its steps, and let the
 * reader do any number of its own
 */

enum { READER, PRODUCER_A, PRODUCER_B, NR_ACTORS };

/* More steps than any schedule has before all are at their end. */
#define SCHEDULE_MAX	40

/*
 * A producer is evtchn_file_event(), in steps:  push; look for sleepers if the
 * push says so; wake them. The broken one decides by what it saw before:
 * sample; push; look; wake.
 */
enum producer_step { SAMPLE, PUSH, LOOK, WAKE, PRODUCER_DONE };

/* A reader is evtchn_read(), in steps; it sleeps until it is woken. */
enum reader_step { PEEK, FINISH, ENQUEUE, CHECK, ASLEEP };

struct scene {
	struct evtchn_ring *ring;
	wait_queue_head_t wait;
	wait_queue_entry_t sleeper;
	bool broken;
	enum producer_step producer[NR_ACTORS];
	bool was_empty[NR_ACTORS];
	enum reader_step reader;
	bool woken;
};

static int wake_reader(wait_queue_entry_t *entry, unsigned int mode, int flags,
		       void *key)
{
	container_of(entry, struct scene, sleeper)->woken = true;
	return 1;
}

static void begin(struct scene *scene)
{
	evtchn_ring_reset(scene->ring);
	init_waitqueue_head(&scene->wait);
	init_waitqueue_func_entry(&scene->sleeper, wake_reader);
	INIT_LIST_HEAD(&scene->sleeper.entry);
	scene->producer[PRODUCER_A] = scene->broken ? SAMPLE : PUSH;
	scene->producer[PRODUCER_B] = scene->broken ? SAMPLE : PUSH;
	scene->reader = PEEK;
	scene->woken = false;
}

/* Another producer's push waits while one holds the lock: steps are whole. */
static void step_producer(struct scene *scene, int actor)
{
	enum evtchn_push push;

	switch (scene->producer[actor]) {
	case SAMPLE:
		scene->was_empty[actor] = scene->ring->prod == scene->ring->cons;
		scene->producer[actor] = PUSH;
		break;
	case PUSH:
		push = ring_push(scene->ring, actor);
		if (!scene->broken)
			scene->was_empty[actor] = push == EVTCHN_PUSH_FIRST;
		scene->producer[actor] = scene->was_empty[actor] ? LOOK : PRODUCER_DONE;
		break;
	case LOOK:
		scene->producer[actor] = wq_has_sleeper(&scene->wait) ? WAKE : PRODUCER_DONE;
		break;
	case WAKE:
		wake_up_interruptible_poll(&scene->wait, EPOLLIN | EPOLLRDNORM);
		scene->producer[actor] = PRODUCER_DONE;
		break;
	case PRODUCER_DONE:
		break;
	}
}

static void step_reader(struct scene *scene)
{
	evtchn_port_t ports[NR_ACTORS];

	switch (scene->reader) {
	case PEEK:
		scene->reader = evtchn_ring_peek(scene->ring, ports, NR_ACTORS) > 0 ?
				FINISH : ENQUEUE;
		break;
	case FINISH:
		evtchn_ring_finish(scene->ring, true);
		scene->reader = PEEK;
		break;
	case ENQUEUE:
		scene->woken = false;
		add_wait_queue(&scene->wait, &scene->sleeper);
		scene->reader = CHECK;
		break;
	case CHECK:
		scene->reader = ASLEEP;
		if (!evtchn_ring_status(scene->ring))
			break;
		fallthrough;
	case ASLEEP:
		remove_wait_queue(&scene->wait, &scene->sleeper);
		scene->reader = PEEK;
		break;
	}
}

static bool can_step(const struct scene *scene, int actor)
{
	enum producer_step other;

	if (actor == READER)
		return scene->reader != ASLEEP || scene->woken;

	/* The broken one held a lock against other producers, to the end. */
	other = scene->producer[actor == PRODUCER_A ? PRODUCER_B : PRODUCER_A];
	if (scene->broken && scene->producer[actor] == SAMPLE)
		return other == SAMPLE || other == PRODUCER_DONE;
	return scene->producer[actor] != PRODUCER_DONE;
}

static bool step(struct scene *scene, int actor)
{
	if (!can_step(scene, actor))
		return false;
	if (actor == READER)
		step_reader(scene);
	else
		step_producer(scene, actor);
	return true;
}

/*
 * Runs every schedule; returns in how many of them the reader sleeps at the
 * end though there is something to read. A schedule is the list of who steps,
 * run from the start each time: a wait queue cannot be copied.
 */
static unsigned int sleeps_for_ever(struct kunit *test, bool broken)
{
	struct scene *scene = kunit_kzalloc(test, sizeof(*scene), GFP_KERNEL);
	u8 *schedule = kunit_kzalloc(test, SCHEDULE_MAX, GFP_KERNEL);
	unsigned int schedules = 0, lost = 0;
	int length = 0, i, actor;

	KUNIT_ASSERT_NOT_NULL(test, scene);
	KUNIT_ASSERT_NOT_NULL(test, schedule);
	scene->ring = new_ring(test, NR_ACTORS);
	scene->broken = broken;

	do {
		begin(scene);
		for (i = 0; i < length; i++)
			step(scene, schedule[i]);
		/* On from there, with the first who can, to the end. */
		for (;;) {
			for (actor = 0; actor < NR_ACTORS; actor++) {
				if (step(scene, actor))
					break;
			}
			if (actor == NR_ACTORS)
				break;
			KUNIT_ASSERT_LT(test, length, SCHEDULE_MAX);
			schedule[length++] = actor;
		}
		schedules++;
		KUNIT_ASSERT_EQ(test, scene->reader, ASLEEP);
		if (evtchn_ring_status(scene->ring))
			lost++;

		/* The next schedule: the last step that another could have made. */
		while (length) {
			actor = schedule[--length] + 1;
			begin(scene);
			for (i = 0; i < length; i++)
				step(scene, schedule[i]);
			while (actor < NR_ACTORS && !can_step(scene, actor))
				actor++;
			if (actor < NR_ACTORS) {
				schedule[length++] = actor;
				break;
			}
		}
		cond_resched();
	} while (length);

	kunit_info(test, "%u schedules, %u lost a wake-up", schedules, lost);
	evtchn_ring_destroy(scene->ring);
	return lost;
}

static void no_schedule_loses_a_wake_up(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, 0, sleeps_for_ever(test, false));
}

/* What the schedules are worth: they find the defect where there is one. */
static void an_older_sample_loses_wake_ups(struct kunit *test)
{
	KUNIT_EXPECT_GT(test, sleeps_for_ever(test, true), 0);
}

static struct kunit_case ring_cases[] = {
	KUNIT_CASE_PARAM(any_sequence_is_a_queue, size_gen_params),
	KUNIT_CASE_PARAM(any_sequence_is_a_queue_over_the_wrap, size_gen_params),
	KUNIT_CASE(size_is_the_next_power_of_two_from_64),
	KUNIT_CASE(ring_without_slots_overflows),
	KUNIT_CASE(growth_keeps_content_and_order),
	KUNIT_CASE(no_schedule_loses_a_wake_up),
	KUNIT_CASE(an_older_sample_loses_wake_ups),
	{}
};

static struct kunit_suite ring_suite = {
	.name = "xen-evtchn-ring",
	.test_cases = ring_cases,
};

kunit_test_suite(ring_suite);

MODULE_IMPORT_NS("EXPORTED_FOR_KUNIT_TESTING");
MODULE_DESCRIPTION("KUnit tests of the ring of /dev/xen/evtchn");
MODULE_LICENSE("Dual MIT/GPL");
