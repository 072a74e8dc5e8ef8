// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The ring against a plain queue: every sequence of operations, up to a
 * length, on small rings; growth from every state of a real one; and every
 * way in which an interrupt and a reader can interleave around a wake-up.
 */
#include <kunit/test.h>

#include <linux/module.h>
#include <linux/sched.h>
#include <linux/spinlock.h>

/*
 * The tests have a ring of their own, so that they need neither the driver nor
 * Xen to run. Its functions have other names, as the driver's may be built in.
 */
#define uevtchn_ring_init	kunit_ring_init
#define uevtchn_ring_destroy	kunit_ring_destroy
#define uevtchn_ring_reserve	kunit_ring_reserve
#define uevtchn_ring_push	kunit_ring_push
#define uevtchn_ring_begin	kunit_ring_begin
#define uevtchn_ring_more	kunit_ring_more
#define uevtchn_ring_end	kunit_ring_end
#define uevtchn_ring_withdraw	kunit_ring_withdraw
#define uevtchn_ring_reset	kunit_ring_reset
#include "../ring.c"

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
	PUSH_A, PUSH_B, READ_1, READ_3, OTHER, TAKE, LEAVE, WITHDRAW_A, RESET, GROW,
	NR_OPS,
};

static const char * const op_names[NR_OPS] = {
	"push A", "push B", "read 1", "read 3", "another reader", "take", "leave",
	"withdraw A", "reset", "grow",
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

/* A ring with its slots and a sleeper, which notes what it is woken with. */
struct small_ring {
	struct uevtchn_ring ring;
	evtchn_port_t slots[UEVTCHN_MIN_SIZE];
	wait_queue_entry_t sleeper;
	__poll_t woken;
};

struct search {
	struct kunit *test;
	enum op path[DEPTH];
	unsigned int sequences;
	/* Of the ring that the search began with, for the message. */
	u32 size, fill, start;
};

#define READABLE	(EPOLLIN | EPOLLRDNORM)

static int note_wake_up(wait_queue_entry_t *entry, unsigned int mode, int flags,
			void *key)
{
	container_of(entry, struct small_ring, sleeper)->woken |= key_to_poll(key);
	return 1;
}

/* After small_ring was copied: its pointers are the copy's own. */
static void use_own_parts(struct small_ring *small)
{
	small->ring.slots = small->slots;
	init_waitqueue_head(&small->ring.wait);
	init_waitqueue_func_entry(&small->sleeper, note_wake_up);
	add_wait_queue(&small->ring.wait, &small->sleeper);
	small->woken = 0;
}

/* Returns what sleepers have to be woken with. */
static __poll_t queue_push(struct queue *queue, evtchn_port_t port)
{
	bool first;

	if (queue->used == queue->size) {
		first = !queue->overflow;
		queue->overflow = true;
		return first ? EPOLLERR : 0;
	}
	first = queue->used == queue->peeked;
	queue->ports[queue->used++] = port;
	return first ? READABLE : 0;
}

static bool push_agrees(struct small_ring *small, struct queue *queue,
			evtchn_port_t port)
{
	uevtchn_ring_push(&small->ring, port);
	return small->woken == queue_push(queue, port);
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
static bool end_agrees(struct small_ring *small, struct queue *queue, bool taken)
{
	__poll_t want = queue->contended ? READABLE : 0;

	if (!queue->reading)
		return true;
	uevtchn_ring_end(&small->ring, taken);
	if (taken)
		queue_take(queue);
	queue->peeked = 0;
	queue->reading = false;
	queue->contended = false;
	return small->woken == want;
}

/* The real function, which wants slots that it can free. */
static bool grow(struct small_ring *small)
{
	struct uevtchn_ring *ring = &small->ring;
	evtchn_port_t *slots;
	bool ok;

	slots = kmemdup(small->slots, sizeof(small->slots), GFP_KERNEL);
	if (!slots)
		return false;
	ring->slots = slots;
	ok = uevtchn_ring_reserve(ring, ring->size + 1) == 0 &&
	     ring->size == UEVTCHN_MIN_SIZE;
	if (ok)
		memcpy(small->slots, ring->slots, sizeof(small->slots));
	uevtchn_ring_destroy(ring);
	ring->slots = small->slots;
	return ok;
}

/* Does @op to both; whether they return the same. */
static bool apply(enum op op, struct small_ring *small, struct queue *queue)
{
	struct uevtchn_ring *ring = &small->ring;

	switch (op) {
	case PUSH_A:
		return push_agrees(small, queue, PORT_A);
	case PUSH_B:
		return push_agrees(small, queue, PORT_B);
	case READ_1:
		return read_agrees(ring, queue, 1);
	case READ_3:
		return read_agrees(ring, queue, 3);
	case OTHER:
		return other_agrees(ring, queue);
	case TAKE:
		return end_agrees(small, queue, true);
	case LEAVE:
		return end_agrees(small, queue, false);
	case WITHDRAW_A:
		uevtchn_ring_withdraw(ring, PORT_A);
		queue_withdraw(queue, PORT_A);
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
		return grow(small);
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
		use_own_parts(&next_small);
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

/* @start: the index of the oldest port to begin with. */
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

		memset(small, 0, sizeof(*small));
		small->ring.size = search->size;
		small->ring.head = start;
		memset(queue, 0, sizeof(*queue));
		queue->size = search->size;
		for (i = 0; i < search->fill; i++) {
			evtchn_port_t port = i % 2 ? PORT_A : PORT_B;

			use_own_parts(small);
			KUNIT_ASSERT_TRUE(test, push_agrees(small, queue, port));
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

/*
 * The wake-up: stop a producer between any two of its steps, and let the
 * reader do any number of its own
 */

enum { READER, PRODUCER_A, PRODUCER_B, NR_ACTORS };

/* More steps than any schedule has before all are at their end. */
#define SCHEDULE_MAX	40

/*
 * A producer pushes and wakes in one step. The broken one decides by what it
 * saw before: sample; push; wake.
 */
enum producer_step { SAMPLE, PUSH, WAKE, PRODUCER_DONE };

/* A reader is poll() and read(), in steps; it sleeps until it is woken. */
enum reader_step { BEGIN, END, ENQUEUE, CHECK, ASLEEP };

struct scene {
	struct uevtchn_ring *ring;
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
	uevtchn_ring_reset(scene->ring);
	scene->ring->reading = false;
	init_waitqueue_head(&scene->ring->wait);
	init_waitqueue_func_entry(&scene->sleeper, wake_reader);
	INIT_LIST_HEAD(&scene->sleeper.entry);
	scene->producer[PRODUCER_A] = scene->broken ? SAMPLE : PUSH;
	scene->producer[PRODUCER_B] = scene->broken ? SAMPLE : PUSH;
	scene->reader = BEGIN;
	scene->woken = false;
}

/* The broken producer's push, which leaves the wake-up to its next step. */
static void push_without_waking(struct uevtchn_ring *ring, evtchn_port_t port)
{
	spin_lock_irq(&ring->wait.lock);
	*ring_slot(ring, ring->used++) = port;
	spin_unlock_irq(&ring->wait.lock);
}

static void step_producer(struct scene *scene, int actor)
{
	switch (scene->producer[actor]) {
	case SAMPLE:
		scene->was_empty[actor] = !scene->ring->used;
		scene->producer[actor] = PUSH;
		break;
	case PUSH:
		scene->producer[actor] = PRODUCER_DONE;
		if (!scene->broken) {
			uevtchn_ring_push(scene->ring, actor);
			break;
		}
		push_without_waking(scene->ring, actor);
		if (scene->was_empty[actor])
			scene->producer[actor] = WAKE;
		break;
	case WAKE:
		wake_up_interruptible_poll(&scene->ring->wait, READABLE);
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
	case BEGIN:
		scene->reader = uevtchn_ring_begin(scene->ring, ports, NR_ACTORS,
						   true) > 0 ? END : ENQUEUE;
		break;
	case END:
		uevtchn_ring_end(scene->ring, true);
		scene->reader = BEGIN;
		break;
	case ENQUEUE:
		scene->woken = false;
		add_wait_queue(&scene->ring->wait, &scene->sleeper);
		scene->reader = CHECK;
		break;
	case CHECK:
		scene->reader = ASLEEP;
		if (!scene->ring->used)
			break;
		fallthrough;
	case ASLEEP:
		remove_wait_queue(&scene->ring->wait, &scene->sleeper);
		scene->reader = BEGIN;
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
		if (scene->ring->used)
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
	uevtchn_ring_destroy(scene->ring);
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

MODULE_DESCRIPTION("KUnit tests of the ring of /dev/xen/evtchn");
MODULE_LICENSE("Dual MIT/GPL");
