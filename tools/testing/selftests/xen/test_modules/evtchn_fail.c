// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Failures that the kernel's fault injection does not have, for the tests of
 * /dev/xen/evtchn. In debugfs:
 *
 *   evtchn_fail/call	write "FUNCTION VALUE NTH": from now on the NTH call of
 *			FUNCTION by the writing thread does not run, and returns
 *			VALUE; 0 for NTH only counts. Read: how many calls that
 *			thread has made. One function an open file, until it is
 *			closed.
 *   evtchn_fail/leak	write 1: lose some allocations; 0: free them
 *
 * A function that is inlined is not seen there, and one that interrupts call is
 * no good here: they run as the thread that they interrupted.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/debugfs.h>
#include <linux/fs.h>
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/ptrace.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

/**
 * struct fail_call - one open file of evtchn_fail/call
 * @probe:	at the function's first instruction, once it is @armed
 * @function:	its name
 * @task:	whose calls count; only compared
 * @value:	what the failing call returns
 * @nth:	which call fails, from 1; 0 for none
 * @calls:	how many there were; of one thread, hence no lock
 * @lock:	one writer at a time
 * @armed:	@probe is registered
 */
struct fail_call {
	struct kprobe probe;
	char function[64];
	struct task_struct *task;
	long value;
	unsigned int nth;
	unsigned int calls;
	struct mutex lock; /* see above */
	bool armed;
};

static int __kprobes fail_enter(struct kprobe *probe, struct pt_regs *regs)
{
	struct fail_call *call = container_of(probe, struct fail_call, probe);
	unsigned int calls;

	/* in_task() is no help: the breakpoint's handler counts as an NMI's. */
	if (current != call->task)
		return 0;

	calls = call->calls + 1;
	WRITE_ONCE(call->calls, calls);
	if (calls != call->nth)
		return 0;

	/* At its first instruction: as its return would leave the registers. */
	regs->ax = call->value;
	regs->ip = *(unsigned long *)regs->sp;
	regs->sp += sizeof(long);
	return 1;
}

/* Its presence keeps the probe from being optimized, which cannot set ip. */
static void __kprobes fail_leave(struct kprobe *probe, struct pt_regs *regs,
				 unsigned long flags)
{
}

static int fail_call_open(struct inode *inode, struct file *filp)
{
	struct fail_call *call = kzalloc(sizeof(*call), GFP_KERNEL);

	if (!call)
		return -ENOMEM;
	mutex_init(&call->lock);
	filp->private_data = call;
	return 0;
}

static ssize_t fail_call_write(struct file *filp, const char __user *buf,
			       size_t count, loff_t *ppos)
{
	struct fail_call *call = filp->private_data;
	char line[128];
	int rc;

	if (count >= sizeof(line))
		return -EINVAL;
	if (copy_from_user(line, buf, count))
		return -EFAULT;
	line[count] = '\0';

	mutex_lock(&call->lock);
	rc = -EBUSY;
	if (call->armed)
		goto out;
	rc = -EINVAL;
	if (sscanf(line, "%63s %ld %u", call->function, &call->value,
		   &call->nth) != 3)
		goto out;
	call->task = current;
	call->probe.symbol_name = call->function;
	call->probe.pre_handler = fail_enter;
	call->probe.post_handler = fail_leave;
	rc = register_kprobe(&call->probe);
	if (!rc)
		call->armed = true;
out:
	mutex_unlock(&call->lock);
	return rc ?: count;
}

static ssize_t fail_call_read(struct file *filp, char __user *buf,
			      size_t count, loff_t *ppos)
{
	struct fail_call *call = filp->private_data;
	char line[16];
	int len;

	len = scnprintf(line, sizeof(line), "%u\n", READ_ONCE(call->calls));
	return simple_read_from_buffer(buf, count, ppos, line, len);
}

static int fail_call_release(struct inode *inode, struct file *filp)
{
	struct fail_call *call = filp->private_data;

	if (call->armed)
		unregister_kprobe(&call->probe);
	kfree(call);
	return 0;
}

static const struct file_operations fail_call_fops = {
	.owner		= THIS_MODULE,
	.open		= fail_call_open,
	.read		= fail_call_read,
	.write		= fail_call_write,
	.release	= fail_call_release,
};

/* The lost allocations, inverted: kmemleak takes them for no pointers. */
static unsigned long lost[16];
static DEFINE_MUTEX(lost_lock);

#define LOST_SIZE	256

/*
 * The allocator does not clear where it kept a free object's address, which
 * kmemleak finds there. So it is made to keep others there.
 */
static void overwrite_stale_addresses(void)
{
	static void *churn[1024];
	int i;

	for (i = 0; i < ARRAY_SIZE(churn); i++)
		churn[i] = kmalloc(LOST_SIZE, GFP_KERNEL);
	for (i = 0; i < ARRAY_SIZE(churn); i++) {
		kfree(churn[i]);
		churn[i] = NULL;
	}
}

static int fail_leak_set(void *data, u64 leak)
{
	void *memory;
	int i;

	guard(mutex)(&lost_lock);

	for (i = 0; i < ARRAY_SIZE(lost); i++) {
		if (leak && !lost[i]) {
			memory = kzalloc(LOST_SIZE, GFP_KERNEL);
			if (!memory)
				return -ENOMEM;
			lost[i] = ~(unsigned long)memory;
		} else if (!leak && lost[i]) {
			kfree((void *)~lost[i]);
			lost[i] = 0;
		}
	}
	if (leak)
		overwrite_stale_addresses();
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(fail_leak_fops, NULL, fail_leak_set, "%llu\n");

static struct dentry *fail_dir;

static int __init fail_init(void)
{
	fail_dir = debugfs_create_dir("evtchn_fail", NULL);
	if (IS_ERR(fail_dir))
		return PTR_ERR(fail_dir);
	debugfs_create_file("call", 0600, fail_dir, NULL, &fail_call_fops);
	debugfs_create_file_unsafe("leak", 0200, fail_dir, NULL,
				   &fail_leak_fops);
	return 0;
}
module_init(fail_init);

static void __exit fail_exit(void)
{
	debugfs_remove(fail_dir);
	fail_leak_set(NULL, 0);
}
module_exit(fail_exit);

MODULE_DESCRIPTION("Functions that fail on demand, for the tests of /dev/xen/evtchn");
MODULE_LICENSE("Dual MIT/GPL");
