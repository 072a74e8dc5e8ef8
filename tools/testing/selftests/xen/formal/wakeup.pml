/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Can a reader or a poller of /dev/xen/evtchn sleep while an event is queued?
 *
 * Two protocols: that of the driver in drivers/xen/evtchn/, and with -DSTOCK
 * that of the driver it replaces. ./check.sh runs all combinations.
 *
 *   here		ring.c, core.c, bind.c		stock evtchn.c
 *   interrupt		evtchn_interrupt(),		evtchn_interrupt()
 *			evtchn_file_event()
 *   push		evtchn_ring_push()		the locked part of it
 *   wake_up		wake_up_interruptible_poll()	wake_up_interruptible()
 *   take		evtchn_read(): a first status,	evtchn_read() after its
 *			then read_events(): peek,	loop
 *			copy, finish
 *   status		evtchn_ring_status()		the condition of its
 *							wait_event
 *   wait_event		wait_event_interruptible()	the same
 *   enable		evtchn_enable()			evtchn_write()
 *   poller		evtchn_poll(), do_poll()	evtchn_poll(), do_poll()
 *
 * One process per CPU: PORTS interrupts, READERS programs that for ever read
 * (blocking) and write back what they read, and POLLERS (0 or 1) that poll
 * (blocking) once, beginning at any time. A port that was pushed is masked until
 * it is written back. Each read asks for one port up to PORTS.
 *
 * What is checked, in each state that can be reached:
 *   rest	-DREST: if the ring is not empty and no interrupt is half done,
 *		nobody is asleep. Whether a later event would help or not.
 *   forever	no deadlock: here that is a ring that is not empty, all readers
 *		asleep, and each port masked, so that no event can come. poll()
 *		is then called once nothing else can happen.
 *   both	a port that was read is masked, so the number is not a stale one.
 *
 * Left out, and what that costs:
 * - Overflow, resizing, withdrawing, signals, faults: they queue no port. The
 *   ring has a slot for each port, as the drivers see to, so it never is full.
 * - SIGIO and edge-triggered epoll: they hear of the same pushes, but need more
 *   than that nobody sleeps. Why a push is FIRST when all other ports are peeked
 *   is for them, so not checked.
 * - More ports than PORTS: the ring could be longer, and more interrupts could
 *   stand at the same step; with the ring lock only one is inside. Two ports
 *   are enough for what the stock driver loses. -DPORTS=3 is possible, but too
 *   large to finish in 2 GB.
 * - Free-running indices wrap at WRAP, not at 2^32. A wrap between the two loads
 *   of a lockless status could make them look equal. Ours tells such a lap apart
 *   (see seen[]), so what is left out is one of 2^32 events between two loads.
 *   check.sh lets the models that are to fail count to 64, more than their
 *   shortest trails need.
 * - A second reader is checked with one port only, hence one push at a time, and
 *   without a poller, which sleeps on the same condition and is woken by the same
 *   wake_up(): more takes minutes, or over 2 GB.
 * - An interrupt on the reader's own CPU: it sees what that CPU stored, so it
 *   can do no more than one elsewhere, with the buffer drained.
 * - try_to_wake_up() and the poll core's "triggered" are taken to be right: one
 *   atomic step on memory. Their barriers are not, nor is the order that the
 *   driver's cmpxchg() on a port's state gives on arm64: more can go wrong here.
 *
 * With -DMISSED ours also gets interrupts for masked ports, which write() then
 * queues itself: a producer in the reader's own process.
 *
 * Mutations of ours, and where they fail:
 *   EARLY		"was it empty?" is decided before the lock is taken:
 *			everywhere, no barrier can help. Stock comes to the same,
 *			its lock does not keep the reader from moving cons
 *   LOCKLESS_PEEK	peek does not take the ring lock: ARM64 only, as the new
 *			prod can be visible before the number in the slot
 *   PROD_FIRST		status loads prod, then cons: everywhere. The poller loads
 *			prod, a port is queued as one more, the reader takes one,
 *			the poller loads cons: equal. A lone reader, who moves
 *			cons itself, is safe from that; one of two is not
 *   NO_WAKER_MB	no smp_mb() of wq_has_sleeper(),
 *   NO_READER_MB	no barrier of set_current_state(), or
 *   NO_POLLER_MB	none of poll_wait(): TSO and ARM64, by itself
 *   PLAIN_UNLOCK	the ring lock's unlock does not order older stores: ARM64,
 *			barriers or not, as the next owner may load an old prod
 *   PLAIN_CONS		cons is stored without release: nowhere. What matters is
 *			that prod is visible no later than the cons made from it.
 *			Either it was visible to the reader, who had the lock,
 *			and so to all, or it is the reader's own and was drained
 *			before its own lock could be taken again
 *   LOCKED_STATUS	status takes the ring lock: nowhere, even without any of
 *			the three barriers
 *
 * So there are two ways, and ours is the first:
 * - Both barriers, and cons before prod. Say the sleeper passes its barrier first:
 *   its entry in the wait queue is visible, the producer finds it. Say the producer
 *   does: the sleeper loads that prod or a later one, and a cons from before that.
 *   If the two are equal, the ring was empty when it loaded prod, and the next
 *   push is a FIRST whose producer is yet to pass its barrier.
 * - The ring lock on both sides. Say the sleeper has it first: its unlock makes its
 *   entry visible before the lock is free. Say the producer has it first: status
 *   sees the port.
 */
#ifndef PORTS
#define PORTS	2
#endif
#if PORTS > 2
#define SLOTS	4
#else
#define SLOTS	2
#endif

#ifndef READERS
#define READERS	1
#endif
#ifndef POLLERS
#define POLLERS	1
#endif

/* CPUs 0 to PORTS - 1 get the interrupts. */
#define READER	PORTS
#define POLLER	(PORTS + READERS)
#define CPUS	(PORTS + READERS + POLLERS)

/* Locations. */
#define RING_LOCK	0
#define WQ_LOCK		1
#define PROD		2
#define CONS		3
#define TRIGGERED	4	/* the poller's pwq->triggered */
#define WQ_POLLER	5	/* whether it is on the wait queue */
#define STATE0		6	/* a reader's current->__state */
#define WQ_READER0	7	/* whether it is on the wait queue */
#define STATE1		8	/* the same of a second reader */
#define WQ_READER1	9
#define STATE(n)	(STATE0 + 2 * (n))
#define WQ_READER(n)	(WQ_READER0 + 2 * (n))
#define PEEKED		10
#define READ_LOCK	11
#define SLOT(index)	(12 + ((index) & (SLOTS - 1)))
#define ADDRESSES	(12 + SLOTS)

#define RUNNING		0
#define INTERRUPTIBLE	1

#define NO_PORT	PORTS

#ifndef WRAP
#define WRAP	(2 * SLOTS)
#endif
#define INDEX(i)	((i) & (WRAP - 1))

/*
 * What each sleeper's lockless status loaded from CONS. Once cons has moved on by
 * SLOTS, prod is past that as well, and indices of 32 bits are not equal any more;
 * those that wrap at WRAP might be. memory.pml does on_visible() whenever a store
 * reaches memory.
 */
#define NOTHING		255
#define LONG_AGO	254
byte seen[READERS + POLLERS] = NOTHING;

#ifdef STOCK
#define on_visible(a)	skip
#else
#define outdate(n)							\
	if								\
	:: seen[n] < WRAP && INDEX(mem[CONS] - seen[n]) >= SLOTS ->	\
		seen[n] = LONG_AGO					\
	:: else								\
	fi
#if READERS + POLLERS > 1
#define outdate_all	outdate(0); outdate(1)
#else
#define outdate_all	outdate(0)
#endif
#define on_visible(a)							\
	if								\
	:: (a) == CONS ->						\
		assert(INDEX(mem[PROD] - mem[CONS]) <= SLOTS);		\
		outdate_all						\
	:: else								\
	fi
#endif

#include "memory.pml"

/* Changed atomically only: stock's "enabled", ours' EVTCHN_MASKED/_MISSED. */
bit masked[PORTS];
bit missed[PORTS];

/* For the properties alone. */
byte busy;		/* interrupts, and pushes by write(), half done */
bit reader_asleep[READERS];
bit poller_asleep;

/*
 * A section under a lock is one step where that loses no interleaving: other
 * CPUs cannot change what it loads, it changes at most one thing that is looked
 * at without the lock, and what it stores is in its buffer as before. Registers
 * are cleared once they are not used any more, to have fewer states.
 */
#define section	atomic

/* The @n slots from @index hold no number: to read one of them is a bug. */
inline forget(index, n)
{
	d_step {
		i_ = 0;
		do
		:: i_ < (n) -> mem[SLOT((index) + i_)] = NO_PORT; i_++
		:: else -> break
		od;
		i_ = 0
	}
}

inline wake_reader(n)
{
	load(x, WQ_READER(n));
	if
	:: x ->
		d_step {
			x = mem[STATE(n)];
			mem[STATE(n)] = RUNNING;
		}
		/* autoremove_wake_function() */
		if
		:: x == INTERRUPTIBLE -> store(WQ_READER(n), 0)
		:: else
		fi;
		x = 0
	:: else
	fi;
}

inline wake_up()
{
	section {
		spin_lock(WQ_LOCK);
		wake_reader(0)
	}
#if READERS > 1
	section { wake_reader(1) }
#endif
	section {
		load(x, WQ_POLLER);
		if
		:: x -> mem[TRIGGERED] = 1; x = 0
		:: else
		fi;
		spin_unlock(WQ_LOCK);
	}
}

#ifdef STOCK

inline push(port)
{
	spin_lock(RING_LOCK);
	/* The reader changes cons without this lock. */
	atomic {
		load(p, PROD);
		load(c, CONS);
		printf("port %d: has the lock, sees prod %d cons %d\n", port, p, c);
		first = (c == p);
		c = 0;
	}
	store(SLOT(p), port);
	smp_wmb();
	atomic {
		store(PROD, INDEX(p + 1));
		printf("port %d: is queued, prod %d\n", port, INDEX(p + 1));
		p = 0;
	}
	if
	:: first -> first = 0; wake_up()
	:: else ->
		printf("port %d: wakes nobody, the ring was not empty\n", port)
	fi;
	spin_unlock(RING_LOCK);
}

inline status(reg)
{
	load(c, CONS);
	load(p, PROD);
	d_step { reg = (c != p); c = 0; p = 0 }
}

inline take()
{
	load(c, CONS);
	load(p, PROD);
	do
	:: done < count && INDEX(c + done) != p ->
		load(out[done], SLOT(c + done));
		done++
	:: else -> break
	od;
	if
	:: done ->
		atomic {
			store(CONS, INDEX(c + done));
			forget(c, done);
			printf("reader: reads %d, cons %d\n", done, INDEX(c + done))
		}
	:: else
	fi;
	d_step { c = 0; p = 0 }
}

#else /* ours */

inline push(port)
{
#ifdef EARLY
	load(p, PROD);
	load(c, CONS);
	d_step { first = (c == p); p = 0; c = 0 }
#endif
	section {
		spin_lock(RING_LOCK);
		load(p, PROD);
#ifndef EARLY
		load(c, CONS);
		load(x, PEEKED);
		first = (INDEX(p - c) == x);
		x = 0;
		c = 0;
#endif
		store(SLOT(p), port);
		store(PROD, INDEX(p + 1));
		spin_unlock(RING_LOCK);
		p = 0
	}
	/* announce(), wq_has_sleeper() */
	if
	:: first ->
#ifndef NO_WAKER_MB
		smp_mb();
#endif
		d_step {
			first = 0;
			load(x, WQ_POLLER);
			load(c, WQ_READER(0));
			x = x | c;
#if READERS > 1
			load(c, WQ_READER(1));
			x = x | c;
#endif
			c = 0
		}
		if
		:: x -> x = 0; wake_up()
		:: else
		fi
	:: else
	fi;
}

#ifdef LOCKED_STATUS
inline status(reg)
{
	section {
		spin_lock(RING_LOCK);
		load(p, PROD);
		load(c, CONS);
		spin_unlock(RING_LOCK);
		d_step { reg = (c != p); c = 0; p = 0 }
	}
}
#else
inline status(reg)
{
#ifdef PROD_FIRST
	load(p, PROD);
	load(c, CONS);
	d_step { reg = (c != p); c = 0; p = 0 }
#else
	load(seen[me - READER], CONS);
	d_step {
		load(p, PROD);
		reg = (seen[me - READER] != p);
		seen[me - READER] = NOTHING;
		p = 0
	}
#endif
}
#endif

inline peek()
{
	load(p, PROD);
	load(c, CONS);
	load(x, PEEKED);
	if
	:: INDEX(p - c) > x ->
		load(out[done], SLOT(c + x));
		store(PEEKED, x + 1);
		done++;
		x = 1
	:: else -> x = 0
	fi;
	d_step { p = 0; c = 0 }
}

/* One port a peek: as many peeks as ports are asked for. */
inline take()
{
	/* A first look. Nobody goes to sleep on it, it needs no barrier. */
	status(x);
	if
	:: x ->
#if READERS > 1
		/* A mutex; spinning for it is as good here. */
		spin_lock(READ_LOCK);
#endif
		do
		::
#ifdef LOCKLESS_PEEK
			peek();
#else
			section {
				spin_lock(RING_LOCK);
				peek();
				spin_unlock(RING_LOCK);
			}
#endif
			if
			:: x && done < count
			:: else -> break
			fi
		od;
		x = 0;
		if
		:: done ->
			/* evtchn_ring_finish() */
			section {
				spin_lock(RING_LOCK);
				load(c, CONS);
				load(x, PEEKED);
				store(CONS, INDEX(c + x));
				store(PEEKED, 0);
				forget(c, x);
				spin_unlock(RING_LOCK);
				printf("reader: reads %d, cons %d\n", done, INDEX(c + x));
				d_step { c = 0; x = 0 }
			}
		:: else
		fi;
#if READERS > 1
		spin_unlock(READ_LOCK);
#endif
	:: else
	fi;
}

#endif /* ours */

proctype interrupt(byte me)
{
	byte i_, p, c, x;
	bit first;

	do
	:: atomic { may_lock && !masked[me] -> masked[me] = 1; busy++ }
		push(me);
		busy--
#ifdef MISSED
	/* Another interrupt for a masked port: write() pushes the port. */
	:: atomic { may_lock && masked[me] && !missed[me] -> missed[me] = 1 }
#endif
	od
}

/* One port of a write(). */
inline enable(port)
{
	atomic {
		may_lock;
		assert(port != NO_PORT && masked[port]);
		printf("reader: writes port %d back, which may fire again\n", port);
		if
		:: missed[port] -> missed[port] = 0; busy++; x = 1
		:: else -> masked[port] = 0; port = 0
		fi
	}
#ifdef MISSED
	if
	:: x -> x = 0; push(port); d_step { port = 0; busy-- }
	:: else
	fi;
#endif
}

inline wait_event()
{
	do
	::
		/* prepare_to_wait_event() */
		section {
			spin_lock(WQ_LOCK);
			store(WQ_READER(id), 1);
			store(STATE(id), INTERRUPTIBLE);
		}
#ifndef NO_READER_MB
		smp_mb();
#endif
		spin_unlock(WQ_LOCK);
		status(x);
		if
		:: x -> x = 0; break
		:: else
		fi;
		/* schedule() is a full barrier. */
		atomic {
			smp_mb();
			printf("reader: sees an empty ring and sleeps\n");
			reader_asleep[id] = 1
		}
		atomic {
			mem[STATE(id)] == RUNNING ->
			printf("reader: is woken\n");
			reader_asleep[id] = 0
		}
	od;
	/* finish_wait() */
	section {
		store(STATE(id), RUNNING);
		skip
	}
	section {
		spin_lock(WQ_LOCK);
		store(WQ_READER(id), 0);
		spin_unlock(WQ_LOCK);
	}
}

proctype reader(byte id)
{
	byte me = READER + id;
	byte out[PORTS];
	byte i_, p, c, x, count, done;
	bit first;

	do
	::
		atomic {
			count = 1;
			do
			:: count < PORTS -> count++
			:: break
			od
		}
		take();
		count = 0;
		if
		:: done ->
			do
			:: count < done -> enable(out[count]); count++
			:: else -> break
			od;
			atomic { count = 0; done = 0 }
		:: else -> wait_event()
		fi
	od
}

proctype poller()
{
	byte me = POLLER;
	byte i_, p, c, x;

#ifndef REST
	timeout;
#endif
	/* poll_wait() */
	section {
		spin_lock(WQ_LOCK);
		store(WQ_POLLER, 1);
		spin_unlock(WQ_LOCK);
	}
#ifndef NO_POLLER_MB
	smp_mb();
#endif
	do
	::
		status(x);
		if
		:: x -> break
		:: else
		fi;
		/* poll_schedule_timeout() */
		atomic {
			smp_mb();
			printf("poller: sees an empty ring and sleeps\n");
			poller_asleep = 1
		}
		atomic {
			mem[TRIGGERED] ->
			poller_asleep = 0
		}
		atomic {
			store(TRIGGERED, 0);
			skip
		}
		smp_mb();
	od;
	x = 0;
	printf("poller: poll() says readable\n");
	/* poll_freewait() */
	section {
		spin_lock(WQ_LOCK);
		store(WQ_POLLER, 0);
		spin_unlock(WQ_LOCK);
	}
}

#if READERS > 1
#define reader_lost	((reader_asleep[0] && mem[STATE0] == INTERRUPTIBLE) ||	\
			 (reader_asleep[1] && mem[STATE1] == INTERRUPTIBLE))
#else
#define reader_lost	(reader_asleep[0] && mem[STATE0] == INTERRUPTIBLE)
#endif

#if CPUS > 4
#define all_drained	(drained(0) && drained(1) && drained(2) && \
			 drained(3) && drained(4))
#elif CPUS > 3
#define all_drained	(drained(0) && drained(1) && drained(2) && drained(3))
#else
#define all_drained	(drained(0) && drained(1) && drained(2))
#endif

#define lost	(!busy && all_drained && mem[PROD] != mem[CONS] &&	\
		 (reader_lost || (poller_asleep && !mem[TRIGGERED])))

init {
	byte i;

	atomic {
		do
		:: i < SLOTS -> mem[SLOT(i)] = NO_PORT; i++
		:: else -> break
		od;
		i = 0;
		do
		:: i < PORTS -> run interrupt(i); i++
		:: else -> break
		od;
		i = 0;
		do
		:: i < READERS -> run reader(i); i++
		:: else -> break
		od;
#if POLLERS
		run poller();
#endif
#if ORDER != SC
		i = 0;
		do
		:: i < CPUS -> run drain(i); i++
		:: else -> break
		od;
#endif
		i = 0;
	}
#ifdef REST
end:
	atomic { lost -> printf("at rest, the ring is not empty and one sleeps\n"); assert(false) }
#endif
}
