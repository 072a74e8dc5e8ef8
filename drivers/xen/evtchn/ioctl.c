// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The commands: user structures, range checks, and the restriction policy.
 */
#include <linux/errno.h>
#include <linux/nospec.h>
#include <linux/uaccess.h>

#include <xen/events.h>

#include <uapi/xen/evtchn.h>

#include "evtchn.h"

static bool is_restricted(const struct evtchn_file *file)
{
	return READ_ONCE(file->restrict_domid) != EVTCHN_UNRESTRICTED;
}

/* A domain id has 16 bits; more must not name another domain. */
static bool is_domid(u32 domain)
{
	return domain == (domid_t)domain;
}

static long ioctl_bind_virq(struct evtchn_file *file, void __user *arg)
{
	struct ioctl_evtchn_bind_virq bind;

	if (copy_from_user(&bind, arg, sizeof(bind)))
		return -EFAULT;

	return evtchn_bind_virq(file, bind.virq);
}

static long ioctl_bind_interdomain(struct evtchn_file *file, void __user *arg)
{
	struct ioctl_evtchn_bind_interdomain bind;

	if (copy_from_user(&bind, arg, sizeof(bind)))
		return -EFAULT;
	/* All 32 bits are compared, so that 0x10005 does not pass for 5. */
	if (is_restricted(file) &&
	    READ_ONCE(file->restrict_domid) != bind.remote_domain)
		return -EACCES;
	if (!is_domid(bind.remote_domain))
		return -EINVAL;

	return evtchn_bind_interdomain(file, bind.remote_domain,
				       bind.remote_port);
}

static long ioctl_bind_unbound_port(struct evtchn_file *file, void __user *arg)
{
	struct ioctl_evtchn_bind_unbound_port bind;

	if (copy_from_user(&bind, arg, sizeof(bind)))
		return -EFAULT;
	if (!is_domid(bind.remote_domain))
		return -EINVAL;

	return evtchn_bind_unbound(file, bind.remote_domain);
}

static long ioctl_bind_static(struct evtchn_file *file, void __user *arg)
{
	struct ioctl_evtchn_bind bind;

	if (copy_from_user(&bind, arg, sizeof(bind)))
		return -EFAULT;

	return evtchn_bind_static(file, bind.port);
}

static long ioctl_unbind(struct evtchn_file *file, void __user *arg)
{
	struct ioctl_evtchn_unbind unbind;

	if (copy_from_user(&unbind, arg, sizeof(unbind)))
		return -EFAULT;
	if (unbind.port >= xen_evtchn_nr_channels())
		return -EINVAL;

	return evtchn_unbind(file, unbind.port);
}

static long ioctl_notify(struct evtchn_file *file, void __user *arg)
{
	struct ioctl_evtchn_notify notify;

	if (copy_from_user(&notify, arg, sizeof(notify)))
		return -EFAULT;

	return evtchn_notify(file, notify.port);
}

static long ioctl_reset(struct evtchn_file *file, void __user *arg)
{
	evtchn_ring_reset(&file->ring);
	return 0;
}

static long ioctl_restrict_domid(struct evtchn_file *file, void __user *arg)
{
	struct ioctl_evtchn_restrict_domid restriction;

	if (copy_from_user(&restriction, arg, sizeof(restriction)))
		return -EFAULT;
	if (restriction.domid == 0 ||
	    restriction.domid >= DOMID_FIRST_RESERVED)
		return -EINVAL;

	/*
	 * Two threads may have come here: the first one's domain stays. A bind
	 * of another thread that is under way may still complete.
	 */
	if (cmpxchg(&file->restrict_domid, EVTCHN_UNRESTRICTED,
		    restriction.domid) != EVTCHN_UNRESTRICTED)
		return -EACCES;

	return 0;
}

/*
 * What a file may do after RESTRICT_DOMID. REFUSED is 0: a new command is
 * refused to restricted files unless its row says otherwise.
 */
enum evtchn_policy {
	REFUSED,	/* -EACCES, before the argument is looked at */
	ALLOWED,
	OWN_DOMAIN,	/* the command compares the domain in its argument */
};

static const struct {
	unsigned int cmd;
	enum evtchn_policy restricted;
	long (*run)(struct evtchn_file *file, void __user *arg);
} evtchn_commands[] = {
	{ IOCTL_EVTCHN_BIND_VIRQ,	   REFUSED,    ioctl_bind_virq },
	{ IOCTL_EVTCHN_BIND_INTERDOMAIN,   OWN_DOMAIN, ioctl_bind_interdomain },
	{ IOCTL_EVTCHN_BIND_UNBOUND_PORT,  REFUSED,    ioctl_bind_unbound_port },
	{ IOCTL_EVTCHN_UNBIND,		   ALLOWED,    ioctl_unbind },
	{ IOCTL_EVTCHN_NOTIFY,		   ALLOWED,    ioctl_notify },
	{ IOCTL_EVTCHN_RESET,		   ALLOWED,    ioctl_reset },
	{ IOCTL_EVTCHN_RESTRICT_DOMID,	   REFUSED,    ioctl_restrict_domid },
	{ IOCTL_EVTCHN_BIND_STATIC,	   REFUSED,    ioctl_bind_static },
};

/**
 * evtchn_ioctl() - run a command of a file
 * @file: the file
 * @cmd: IOCTL_EVTCHN_*
 * @arg: the command's structure; the layout is the same for 32-bit programs
 *
 * Context: process, may sleep.
 * Return: what the command returns; -ENOSYS (user ABI, not -ENOTTY) for an
 * unknown command or a wrong argument size; -EACCES if @file is restricted and
 * may not use the command.
 */
long evtchn_ioctl(struct evtchn_file *file, unsigned int cmd, void __user *arg)
{
	unsigned int nr = _IOC_NR(cmd);

	/* The table is in the order of the commands' numbers. */
	if (nr >= ARRAY_SIZE(evtchn_commands))
		return -ENOSYS;
	nr = array_index_nospec(nr, ARRAY_SIZE(evtchn_commands));
	if (evtchn_commands[nr].cmd != cmd)
		return -ENOSYS;

	if (evtchn_commands[nr].restricted == REFUSED && is_restricted(file))
		return -EACCES;

	return evtchn_commands[nr].run(file, arg);
}
