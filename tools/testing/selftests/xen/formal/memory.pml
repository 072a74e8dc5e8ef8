/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Memory as several CPUs see it, for wakeup.pml.
 *
 * ORDER	a plain store ...
 *   SC		is visible to all at once
 *   TSO	waits in its CPU's buffer, which drains first in, first out (x86)
 *   ARM64	as TSO, but stores to different locations drain in any order
 *
 * A CPU sees its own buffer first. What the kernel's primitives do here:
 *
 * load(), store()	one access each; every other CPU may run in between
 * smp_wmb()		later stores do not drain before earlier ones
 * smp_mb()		waits until the CPU's buffer is empty
 * spin_lock()		an atomic access to memory. On x86 a locked instruction,
 *			hence a full barrier. On arm64 an acquire only: older
 *			stores may stay in the buffer
 * spin_unlock()	a store that waits in the buffer like others (x86: plain,
 *			arm64: stlr), but drains after all older ones. Younger
 *			stores may drain before it, younger loads never wait
 * smp_store_release()	the same; only ours' store to CONS is one
 *
 * Left out: loads are done in program order, and a store reaches all other
 * CPUs at the same time (true of x86 and of ARMv8). On arm64 a load may be done
 * early as well. That changes nothing
 * - inside a lock, or after one was taken: an acquire holds later loads back;
 * - before an older store: that is a store that stays in the buffer;
 * - for a store made from what was loaded, as the reader's cons is: it waits.
 * Left are two loads without a lock, those of status. Ours loads cons with
 * acquire, which keeps them in order; PROD_FIRST swaps them and stands for an
 * acquire that is missing. Stock has none: it can fail in more ways than shown.
 *
 * DEPTH bounds a buffer. The bound costs nothing: an assertion fails if a store
 * ever finds the buffer full.
 */
#define SC	0
#define TSO	1
#define ARM64	2

#ifndef ORDER
#define ORDER	ARM64
#endif

#define DEPTH	8

typedef store_buffer {
	byte n;
	byte addr[DEPTH];
	byte val[DEPTH]
};

byte mem[ADDRESSES];
store_buffer buf[CPUS];

/* Not locations: what smp_wmb() leaves in a buffer. */
#define WMB	ADDRESSES

/*
 * Stores that are a release, told by where they go. The only buffered stores to
 * a lock are those that let go of it.
 */
#ifdef PLAIN_UNLOCK
#define ring_release(a)	false
#else
#define ring_release(a)	((a) == RING_LOCK)
#endif
#if defined(STOCK) || defined(PLAIN_CONS)
#define cons_release(a)	false
#else
#define cons_release(a)	((a) == CONS)
#endif
#define is_release(a)	((a) == WQ_LOCK || (a) == READ_LOCK || \
			 ring_release(a) || cons_release(a))

/* Every process that runs code has these: byte me (its CPU), byte i_. */

inline load(reg, a)
{
	d_step {
		reg = mem[a];
		i_ = 0;
		do
		:: i_ < buf[me].n ->
			if
			:: buf[me].addr[i_] == (a) -> reg = buf[me].val[i_]
			:: else
			fi;
			i_++
		:: else -> break
		od;
		i_ = 0
	}
}

inline store(a, v)
{
	d_step {
#if ORDER == SC
		mem[a] = v;
		on_visible(a);
#else
		assert(buf[me].n < DEPTH);
		buf[me].addr[buf[me].n] = a;
		buf[me].val[buf[me].n] = v;
		buf[me].n++;
#endif
	}
}

inline smp_wmb()
{
#if ORDER == ARM64
	store(WMB, 0);
#else
	skip;
#endif
}

#define drained(cpu)	(buf[cpu].n == 0)

inline smp_mb()
{
	drained(me);
}

/* Guard of an atomic read-modify-write. */
#if ORDER == TSO
#define may_lock	drained(me)
#else
#define may_lock	true
#endif

inline spin_lock(lock)
{
	atomic { may_lock && !mem[lock] -> mem[lock] = 1 }
}

inline spin_unlock(lock)
{
	store(lock, 0);
}

/* Lets the stores of @cpu become visible, each at any time. */
proctype drain(byte cpu)
{
	byte ready, i, j;

end:
	do
	:: atomic {
		buf[cpu].n > 0 ->
		/* Which entries may go next, as bits. */
		d_step {
			ready = 1;
#if ORDER == ARM64
			i = 1;
			do
			:: i < buf[cpu].n &&
			   !is_release(buf[cpu].addr[i]) &&
			   buf[cpu].addr[i] != WMB ->
				j = 0;
				do
				:: j < i && buf[cpu].addr[j] != WMB &&
				   buf[cpu].addr[j] != buf[cpu].addr[i] -> j++
				:: else -> break
				od;
				ready = ready | ((j == i) << i);
				i++
			:: i < buf[cpu].n &&
			   (is_release(buf[cpu].addr[i]) ||
			    buf[cpu].addr[i] == WMB) -> i++
			:: else -> break
			od;
#endif
			i = 0;
		}
		do
		:: (ready >> i) & 1 -> break
		:: ready >> (i + 1) -> i++
		od;
		d_step {
			if
			:: buf[cpu].addr[i] != WMB ->
				mem[buf[cpu].addr[i]] = buf[cpu].val[i];
				on_visible(buf[cpu].addr[i]);
				printf("cpu %d: mem[%d] = %d drains\n", cpu,
				       buf[cpu].addr[i], buf[cpu].val[i])
			:: else
			fi;
			buf[cpu].n--;
			do
			:: i < buf[cpu].n ->
				buf[cpu].addr[i] = buf[cpu].addr[i + 1];
				buf[cpu].val[i] = buf[cpu].val[i + 1];
				i++
			:: else -> break
			od;
			/* One state, not many, for the same content. */
			buf[cpu].addr[i] = 0;
			buf[cpu].val[i] = 0;
			ready = 0; i = 0; j = 0;
		}
	   }
	od
}
