// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Two EOIs for one event at the same moment. Who shares a port's irq with
 * /dev/xen/evtchn sends EOIs of its own, and so may each thread that writes the
 * port. Who opens /dev/evtchn_eoi writes
 *
 *	PORT PEER ROUNDS
 *
 * where PORT is a port that nobody has bound to an irq, and that ends with
 * this, and PEER is its other end in this domain. In each round an event comes,
 * and then all CPUs send the EOI for it together; a single CPU sends it twice. The
 * write ends with -ETIMEDOUT if an event does not come.
 */
#include <linux/atomic.h>
#include <linux/cleanup.h>
#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/errno.h>
#include <linux/fs.h>
#include <linux/interrupt.h>
#include <linux/kernel.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/smp.h>
#include <linux/uaccess.h>
#include <linux/workqueue.h>

#include <xen/events.h>
#include <xen/xen.h>

/* A hang guard: an EOI that counts as spurious is delayed by a second at most. */
#define EOI_GUARD	(20 * HZ)

/**
 * struct eoi_race - a port, and the CPUs that send EOIs for it
 * @irq: the port's irq
 * @peer: the other end, on which events are sent
 * @event: an event came, and waits for its EOI
 * @cpus: how many CPUs take part
 * @arrived: how many of them are ready in this round
 * @plain: which of them sends an EOI that is not spurious, or -1
 */
struct eoi_race {
	int irq;
	evtchn_port_t peer;
	struct completion event;
	unsigned int cpus;
	atomic_t arrived;
	int plain;
};

/* One write at a time: the rounds take all CPUs. */
static DEFINE_MUTEX(eoi_lock);
static struct eoi_race *eoi_current;	/* under eoi_lock */
static DEFINE_PER_CPU(struct work_struct, eoi_work);

static irqreturn_t eoi_interrupt(int irq, void *data)
{
	struct eoi_race *race = data;

	complete(&race->event);
	return IRQ_HANDLED;
}

static int eoi_next_event(struct eoi_race *race)
{
	long left;

	notify_remote_via_evtchn(race->peer);
	left = wait_for_completion_killable_timeout(&race->event, EOI_GUARD);
	if (left < 0)
		return left;
	return left ? 0 : -ETIMEDOUT;
}

/* Each CPU's worker, all at once. The context is one in which locks may sleep. */
static void eoi_send(struct work_struct *unused)
{
	struct eoi_race *race = eoi_current;
	bool plain = raw_smp_processor_id() == race->plain;

	atomic_inc(&race->arrived);
	while (atomic_read(&race->arrived) < race->cpus)
		cpu_relax();
	xen_irq_lateeoi(race->irq, plain ? 0 : XEN_EOI_FLAG_SPURIOUS);
}

static int eoi_round(struct eoi_race *race, unsigned int round)
{
	int rc, cpu;

	/* After one spurious event, the EOI for the next one is delayed. */
	rc = eoi_next_event(race);
	if (rc)
		return rc;
	xen_irq_lateeoi(race->irq, XEN_EOI_FLAG_SPURIOUS);

	rc = eoi_next_event(race);
	if (rc)
		return rc;

	/* Nobody takes a CPU away meanwhile. */
	race->cpus = num_online_cpus();
	/* None of them, or another one each time. */
	race->plain = round % (race->cpus + 1) - 1;
	atomic_set(&race->arrived, 0);
	eoi_current = race;
	for_each_online_cpu(cpu) {
		INIT_WORK(per_cpu_ptr(&eoi_work, cpu), eoi_send);
		schedule_work_on(cpu, per_cpu_ptr(&eoi_work, cpu));
	}
	for_each_online_cpu(cpu)
		flush_work(per_cpu_ptr(&eoi_work, cpu));
	return 0;
}

static int eoi_race(evtchn_port_t port, evtchn_port_t peer, unsigned int rounds)
{
	struct eoi_race race = { .peer = peer };
	unsigned int i;
	int rc = 0;

	init_completion(&race.event);
	race.irq = bind_evtchn_to_irqhandler_lateeoi(port, eoi_interrupt, 0,
						     "evtchn-eoi", &race);
	if (race.irq < 0)
		return race.irq;

	for (i = 0; i < rounds && !rc; i++)
		rc = eoi_round(&race, i);

	/* The last EOI may be on its way still. */
	unbind_from_irqhandler(race.irq, &race);
	return rc;
}

static ssize_t eoi_write(struct file *filp, const char __user *buf,
			 size_t count, loff_t *ppos)
{
	unsigned int port, peer, rounds;
	char text[64];
	int rc;

	if (count >= sizeof(text))
		return -EINVAL;
	if (copy_from_user(text, buf, count))
		return -EFAULT;
	text[count] = '\0';
	if (sscanf(text, "%u %u %u", &port, &peer, &rounds) != 3)
		return -EINVAL;

	guard(mutex)(&eoi_lock);
	rc = eoi_race(port, peer, rounds);

	return rc ?: count;
}

static const struct file_operations eoi_fops = {
	.owner		= THIS_MODULE,
	.write		= eoi_write,
};

static struct miscdevice eoi_miscdev = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= "evtchn_eoi",
	.fops	= &eoi_fops,
};

static int __init eoi_init(void)
{
	return xen_domain() ? misc_register(&eoi_miscdev) : -ENODEV;
}
module_init(eoi_init);

static void __exit eoi_exit(void)
{
	misc_deregister(&eoi_miscdev);
}
module_exit(eoi_exit);

MODULE_DESCRIPTION("Test: two EOIs at once for ports of /dev/xen/evtchn");
MODULE_LICENSE("Dual MIT/GPL");
