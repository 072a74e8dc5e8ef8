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
 *   take		read_events(): peek, copy,	evtchn_read() after its
 *			finish				loop
 *   status		evtchn_ring_status()		the condition of its
 *							wait_event
 *   wait_event		wait_event_interruptible()	the same
 *   enable		evtchn_enable()			evtchn_write()
 *   poller		evtchn_poll(), do_poll()	evtchn_poll(), do_poll()
 *
 * One process per CPU: PORTS interrupts, one program that for ever reads
 * (blocking) and writes back what it read, and one that polls (blocking) once,
 * beginning at any time. A port that was pushed is masked until it is written
 * back. Each read asks for one port up to PORTS.
 *
 * What is checked, in each state that can be reached:
 *   rest	-DREST: if the ring is not empty and no interrupt is half done,
 *		nobody is asleep. Whether a later event would help or not.
 *   forever	no deadlock: here that is a ring that is not empty, a reader
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
 * - Free-running indices wrap at WRAP, not at 2^32. Without the lock, a wrap
 *   between two loads could make them look equal, so check.sh lets the models that
 *   are to fail count to 64, more than their shortest trails need.
 * - A second reader: a mutex lets one in at a time, and outside of it a reader
 *   is a sleeper like the poller, woken by the same wake_up().
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
 *   NO_WAKER_MB	no smp_mb() of wq_has_sleeper(), and
 *   NO_SLEEPER_MB	no barrier of set_current_state() and poll_wait(): nowhere,
 *			not even both at once
 *   PLAIN_UNLOCK	the ring lock's unlock does not order older stores: ARM64
 *			only, barriers or not
 *   LOCKLESS_STATUS	status does not take the ring lock: everywhere, barriers or
 *			not. The poller loads prod, a port is queued as one more,
 *			the reader takes one, the poller loads cons: equal.
 *			The reader, who moves cons itself, needs either the
 *			lock or both barriers: without one of them TSO, ARM64
 *   LOCKLESS_PEEK	peek does not take the ring lock: ARM64 only, as the new
 *			prod can be visible before the number in the slot
 *
 * So the ring lock is what is needed, on both sides, and both barriers are to
 * spare. Say the sleeper has the lock first: its unlock makes its entry in the
 * wait queue visible before the lock is free, so the producer, which looks after
 * its own turn, finds it. Say the producer has it first: status sees the port.
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
#define SLOT(index)	(10 + ((index) & (SLOTS - 1)))
#define ADDRESSES	(10 + SLOTS)

#define RUNNING		0
#define INTERRUPTIBLE	1

#define NO_PORT	PORTS

#ifndef WRAP
#define WRAP	(2 * SLOTS)
#endif
#define INDEX(i)	((i) & (WRAP - 1))

/* What a lockless status has loaded from CONS, or one of these. */
#define NOTHING	255
#define LONG_AGO	254
byte seen[READERS + POLLERS] = NOTHING;

/*
 * memory.pml does this when a store becomes visible. Indices that wrap at 2^32
 * are unequal if cons has moved on by SLOTS since it was loaded; those that
 * wrap at WRAP may be equal again.
 */
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
#ifdef LOCKLESS_TAKE
#define push_section	/* no: cons moves meanwhile */
#else
#define push_section	section
#endif

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
	push_section {
		spin_lock(RING_LOCK);
		load(p, PROD);
#ifndef EARLY
		load(c, CONS);
		first = (c == p);
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

inline take_ports()
{
	load(p, PROD);
	load(c, CONS);
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

inline take()
{
	/* A first look, for which nobody relies on a barrier. */
	status(x);
	if
	:: x ->
		x = 0;
#ifdef LOCKLESS_TAKE
		take_ports();
#else
		section {
			spin_lock(RING_LOCK);
			take_ports();
			spin_unlock(RING_LOCK);
		}
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
