// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The commands: user structures, range checks, and the restriction policy.
 */
#include <linux/errno.h>
#include <linux/fs.h>
#include <linux/nospec.h>
#include <linux/uaccess.h>

#include <xen/xen-ops.h>

#include <uapi/xen/evtchn.h>

#include "evtchn.h"

/* RESTRICT_DOMID may be under way. What binds is checked again in bind.c. */
static bool is_restricted(const struct uevtchn_file *file)
{
	return READ_ONCE(file->restrict_domid) != UEVTCHN_UNRESTRICTED;
}

/* A domain id has 16 bits; more must not name another domain. */
static bool is_domid(u32 domain)
{
	return domain == (domid_t)domain;
}

static long ioctl_bind_virq(struct uevtchn_file *file, void __user *arg)
{
	struct ioctl_evtchn_bind_virq bind;
	struct uevtchn_request req = {
		.op = EVTCHNOP_bind_virq,
		.port = &req.arg.virq.port,
		.allowed_to = UEVTCHN_UNRESTRICTED,
	};

	if (copy_from_user(&bind, arg, sizeof(bind)))
		return -EFAULT;

	req.arg.virq.virq = bind.virq;
	/* User ABI: a VIRQ that each vCPU has is vCPU 0's. */
	req.arg.virq.vcpu = xen_vcpu_nr(0);
	return uevtchn_bind(file, &req) ?: *req.port;
}

static long ioctl_bind_interdomain(struct uevtchn_file *file, void __user *arg)
{
	struct ioctl_evtchn_bind_interdomain bind;
	struct uevtchn_request req = {
		.op = EVTCHNOP_bind_interdomain,
		.port = &req.arg.interdomain.local_port,
	};

	if (copy_from_user(&bind, arg, sizeof(bind)))
		return -EFAULT;
	/* Such a number is never the domain that a file is restricted to. */
	if (!is_domid(bind.remote_domain))
		return is_restricted(file) ? -EACCES : -EINVAL;

	req.allowed_to = bind.remote_domain;
	req.arg.interdomain.remote_dom = bind.remote_domain;
	req.arg.interdomain.remote_port = bind.remote_port;
	return uevtchn_bind(file, &req) ?: *req.port;
}

static long ioctl_bind_unbound_port(struct uevtchn_file *file, void __user *arg)
{
	struct ioctl_evtchn_bind_unbound_port bind;
	struct uevtchn_request req = {
		.op = EVTCHNOP_alloc_unbound,
		.port = &req.arg.unbound.port,
		.allowed_to = UEVTCHN_UNRESTRICTED,
	};

	if (copy_from_user(&bind, arg, sizeof(bind)))
		return -EFAULT;
	if (!is_domid(bind.remote_domain))
		return -EINVAL;

	req.arg.unbound.dom = DOMID_SELF;
	req.arg.unbound.remote_dom = bind.remote_domain;
	return uevtchn_bind(file, &req) ?: *req.port;
}

static long ioctl_bind_static(struct uevtchn_file *file, void __user *arg)
{
	struct ioctl_evtchn_bind bind;
	struct uevtchn_request req = {
		.op = EVTCHNOP_status,
		.port = &req.arg.status.port,
		.allowed_to = UEVTCHN_UNRESTRICTED,
	};

	if (copy_from_user(&bind, arg, sizeof(bind)))
		return -EFAULT;
	/* Xen has a port 0, reserved and thus of no use to ask for. */
	if (!bind.port)
		return -EINVAL;

	req.arg.status.dom = DOMID_SELF;
	req.arg.status.port = bind.port;
	return uevtchn_bind(file, &req);
}

static long ioctl_unbind(struct uevtchn_file *file, void __user *arg)
{
	struct ioctl_evtchn_unbind unbind;

	if (copy_from_user(&unbind, arg, sizeof(unbind)))
		return -EFAULT;

	return uevtchn_unbind(file, unbind.port);
}

static long ioctl_notify(struct uevtchn_file *file, void __user *arg)
{
	struct ioctl_evtchn_notify notify;

	if (copy_from_user(&notify, arg, sizeof(notify)))
		return -EFAULT;

	return uevtchn_notify(file, notify.port);
}

static long ioctl_reset(struct uevtchn_file *file, void __user *arg)
{
	uevtchn_ring_reset(&file->ring);
	return 0;
}

static long ioctl_restrict_domid(struct uevtchn_file *file, void __user *arg)
{
	struct ioctl_evtchn_restrict_domid restriction;

	if (copy_from_user(&restriction, arg, sizeof(restriction)))
		return -EFAULT;
	if (!restriction.domid || restriction.domid >= DOMID_FIRST_RESERVED)
		return -EINVAL;

	return uevtchn_restrict(file, restriction.domid);
}

/*
 * In the order of the commands' numbers. A restricted file gets -EACCES, before
 * the argument is looked at, from every command that is not marked as allowed.
 */
static const struct {
	unsigned int cmd;
	bool allowed;
	long (*run)(struct uevtchn_file *file, void __user *arg);
} uevtchn_commands[] = {
	{ IOCTL_EVTCHN_BIND_VIRQ,	   false, ioctl_bind_virq },
	/* bind.c compares the domain. */
	{ IOCTL_EVTCHN_BIND_INTERDOMAIN,   true,  ioctl_bind_interdomain },
	{ IOCTL_EVTCHN_BIND_UNBOUND_PORT,  false, ioctl_bind_unbound_port },
	{ IOCTL_EVTCHN_UNBIND,		   true,  ioctl_unbind },
	{ IOCTL_EVTCHN_NOTIFY,		   true,  ioctl_notify },
	{ IOCTL_EVTCHN_RESET,		   true,  ioctl_reset },
	{ IOCTL_EVTCHN_RESTRICT_DOMID,	   false, ioctl_restrict_domid },
	{ IOCTL_EVTCHN_BIND_STATIC,	   false, ioctl_bind_static },
};

/**
 * uevtchn_ioctl() - run a command of a file
 * @filp: the file
 * @cmd: IOCTL_EVTCHN_*
 * @arg: address of the command's structure, whose layout is the same for 32-bit
 *	programs
 *
 * Context: process, may sleep.
 * Return: what the command returns; -ENOSYS (user ABI, not -ENOTTY) for an
 * unknown command or a wrong argument size; -EACCES if @filp is restricted and
 * may not use the command.
 */
long uevtchn_ioctl(struct file *filp, unsigned int cmd, unsigned long arg)
{
	struct uevtchn_file *file = filp->private_data;
	unsigned int nr = _IOC_NR(cmd);

	if (nr >= ARRAY_SIZE(uevtchn_commands))
		return -ENOSYS;
	nr = array_index_nospec(nr, ARRAY_SIZE(uevtchn_commands));
	if (uevtchn_commands[nr].cmd != cmd)
		return -ENOSYS;

	if (!uevtchn_commands[nr].allowed && is_restricted(file))
		return -EACCES;

	return uevtchn_commands[nr].run(file, (void __user *)arg);
}
