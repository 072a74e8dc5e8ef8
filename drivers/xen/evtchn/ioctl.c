// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The commands: user structures, range checks, and the restriction policy.
 */
#include <linux/atomic.h>
#include <linux/build_bug.h>
#include <linux/errno.h>
#include <linux/fs.h>
#include <linux/uaccess.h>

#include <xen/interface/xen.h>
#include <xen/xen-ops.h>

#include <uapi/xen/evtchn.h>

#include "evtchn.h"

/* Arguments of the commands. The layout is the same for 32-bit programs. */
union uevtchn_arg {
	struct ioctl_evtchn_bind_virq virq;
	struct ioctl_evtchn_bind_interdomain interdomain;
	struct ioctl_evtchn_bind_unbound_port unbound;
	struct ioctl_evtchn_unbind unbind;
	struct ioctl_evtchn_restrict_domid restriction;
	struct ioctl_evtchn_bind bind;
	struct ioctl_evtchn_features features;
	struct ioctl_evtchn_status status;
	struct ioctl_evtchn_notifyfd notifyfd;
	struct ioctl_evtchn_eventfd eventfd;
};

/* The features that can be switched on, and all features. */
#define UEVTCHN_SWITCHES	EVTCHN_FEATURE_READ_ENABLES
#define UEVTCHN_FEATURES						\
	(UEVTCHN_SWITCHES | EVTCHN_FEATURE_STATUS |			\
	 (IS_ENABLED(CONFIG_EVENTFD) ?					\
	  EVTCHN_FEATURE_NOTIFYFD | EVTCHN_FEATURE_EVENTFD : 0))

/* UEVTCHN_LOOK is beside them, and FEATURES never returns a negative number. */
static_assert(!(UEVTCHN_FEATURES & UEVTCHN_LOOK) && (int)UEVTCHN_FEATURES > 0);

/* RESTRICT_DOMID may be under way. bind.c checks again when it binds. */
static bool is_restricted(const struct uevtchn_file *file)
{
	return READ_ONCE(file->restrict_domid) != UEVTCHN_UNRESTRICTED;
}

/* A domain id has 16 bits. A larger number must not be cut to another id. */
static bool is_domid(u32 domain)
{
	return domain == (domid_t)domain;
}

static long ioctl_bind(struct uevtchn_file *file, unsigned int cmd,
		       const union uevtchn_arg *arg)
{
	struct uevtchn_request req = { .allowed_to = UEVTCHN_UNRESTRICTED };
	int rc;

	switch (cmd) {
	case IOCTL_EVTCHN_BIND_VIRQ:
		req.op = EVTCHNOP_bind_virq;
		req.port = &req.arg.virq.port;
		req.arg.virq.virq = arg->virq.virq;
		/* User ABI: a per-vCPU VIRQ is bound on vCPU 0. */
		req.arg.virq.vcpu = xen_vcpu_nr(0);
		break;
	case IOCTL_EVTCHN_BIND_INTERDOMAIN:
		/* No file is restricted to such a number. */
		if (!is_domid(arg->interdomain.remote_domain))
			return is_restricted(file) ? -EACCES : -EINVAL;
		req.op = EVTCHNOP_bind_interdomain;
		req.port = &req.arg.interdomain.local_port;
		req.allowed_to = arg->interdomain.remote_domain;
		req.arg.interdomain.remote_dom = arg->interdomain.remote_domain;
		req.arg.interdomain.remote_port = arg->interdomain.remote_port;
		break;
	case IOCTL_EVTCHN_BIND_UNBOUND_PORT:
		if (!is_domid(arg->unbound.remote_domain))
			return -EINVAL;
		req.op = EVTCHNOP_alloc_unbound;
		req.port = &req.arg.unbound.port;
		req.arg.unbound.dom = DOMID_SELF;
		req.arg.unbound.remote_dom = arg->unbound.remote_domain;
		break;
	case IOCTL_EVTCHN_BIND_STATIC:
		/* Port 0 is reserved by Xen, which reports it as closed. */
		if (!arg->bind.port)
			return -EINVAL;
		req.op = EVTCHNOP_status;
		req.port = &req.arg.status.port;
		req.arg.status.dom = DOMID_SELF;
		req.arg.status.port = arg->bind.port;
		break;
	default:
		return -ENOSYS;
	}

	rc = uevtchn_bind(file, &req);
	if (rc || cmd == IOCTL_EVTCHN_BIND_STATIC)
		return rc;
	return *req.port;
}

/* User ABI: the values are Xen's, which do not change. */
static_assert(EVTCHNSTAT_closed == EVTCHN_STATUS_CLOSED);
static_assert(EVTCHNSTAT_unbound == EVTCHN_STATUS_UNBOUND);
static_assert(EVTCHNSTAT_interdomain == EVTCHN_STATUS_CONNECTED);
static_assert(EVTCHNSTAT_virq == EVTCHN_STATUS_VIRQ);

static long ioctl_status(struct uevtchn_file *file, struct ioctl_evtchn_status *arg,
			 void __user *to)
{
	struct uevtchn_status status;
	int rc;

	rc = uevtchn_status(file, arg->port, &status);
	if (rc)
		return rc;

	*arg = (struct ioctl_evtchn_status){
		.port = arg->port,
		.status = status.xen.status,
		.flags = (status.is_masked ? EVTCHN_STATUS_F_MASKED : 0) |
			 (status.is_static ? EVTCHN_STATUS_F_STATIC : 0) |
			 (status.has_eventfd ? EVTCHN_STATUS_F_EVENTFD : 0) |
			 (status.has_notifyfd ? EVTCHN_STATUS_F_NOTIFYFD : 0),
		.irq = status.irq,
	};
	switch (status.xen.status) {
	case EVTCHNSTAT_unbound:
		arg->remote_domain = status.xen.u.unbound.dom;
		break;
	case EVTCHNSTAT_interdomain:
		arg->remote_domain = status.xen.u.interdomain.dom;
		arg->remote_port = status.xen.u.interdomain.port;
		break;
	case EVTCHNSTAT_virq:
		arg->remote_port = status.xen.u.virq;
		break;
	}

	return copy_to_user(to, arg, sizeof(*arg)) ? -EFAULT : 0;
}

/**
 * uevtchn_ioctl() - run a command on a file
 * @filp: the file
 * @cmd: IOCTL_EVTCHN_*
 * @addr: address of the command's structure
 *
 * Context: process, may sleep.
 * Return: what the command returns; -ENOSYS (user ABI, not -ENOTTY) for an
 * unknown command or a wrong argument size; -EACCES if @filp is restricted and
 * may not use the command; -EFAULT; -EINVAL for an invalid number.
 */
long uevtchn_ioctl(struct file *filp, unsigned int cmd, unsigned long addr)
{
	struct uevtchn_file *file = filp->private_data;
	struct ioctl_evtchn_notify notify;
	union uevtchn_arg arg;

	/* First, as it is called for each event. */
	if (cmd == IOCTL_EVTCHN_NOTIFY) {
		if (copy_from_user(&notify, (void __user *)addr, sizeof(notify)))
			return -EFAULT;
		return uevtchn_notify(file, notify.port);
	}

	/* A command that is not here does not exist. */
	switch (cmd) {
	case IOCTL_EVTCHN_BIND_VIRQ:
	case IOCTL_EVTCHN_BIND_UNBOUND_PORT:
	case IOCTL_EVTCHN_BIND_STATIC:
	case IOCTL_EVTCHN_RESTRICT_DOMID:
		if (is_restricted(file))
			return -EACCES;
		break;
	case IOCTL_EVTCHN_BIND_INTERDOMAIN: /* bind.c compares the domain. */
	case IOCTL_EVTCHN_UNBIND:
	case IOCTL_EVTCHN_RESET:
	case IOCTL_EVTCHN_FEATURES:
	case IOCTL_EVTCHN_STATUS:
		break;
	case IOCTL_EVTCHN_NOTIFYFD:
	case IOCTL_EVTCHN_EVENTFD:
		if (IS_ENABLED(CONFIG_EVENTFD))
			break;
		return -ENOSYS;
	default:
		return -ENOSYS;
	}

	if (copy_from_user(&arg, (void __user *)addr, _IOC_SIZE(cmd)))
		return -EFAULT;

	switch (cmd) {
	case IOCTL_EVTCHN_UNBIND:
		return uevtchn_unbind(file, arg.unbind.port);
	case IOCTL_EVTCHN_RESET:
		uevtchn_ring_reset(&file->ring);
		return 0;
	case IOCTL_EVTCHN_RESTRICT_DOMID:
		if (!arg.restriction.domid ||
		    arg.restriction.domid >= DOMID_FIRST_RESERVED)
			return -EINVAL;
		return uevtchn_restrict(file, arg.restriction.domid);
	case IOCTL_EVTCHN_FEATURES:
		if (arg.features.enable & ~UEVTCHN_SWITCHES)
			return -EINVAL;
		atomic_or(arg.features.enable, &file->features);
		return UEVTCHN_FEATURES;
	case IOCTL_EVTCHN_STATUS:
		return ioctl_status(file, &arg.status, (void __user *)addr);
	case IOCTL_EVTCHN_NOTIFYFD:
		if (arg.notifyfd.fd < -1)
			return -EINVAL;
		return uevtchn_set_notifyfd(file, arg.notifyfd.port,
					    arg.notifyfd.fd);
	case IOCTL_EVTCHN_EVENTFD:
		if (arg.eventfd.fd < -1 ||
		    (arg.eventfd.flags & ~EVTCHN_EVENTFD_READ_ENABLES) ||
		    (arg.eventfd.fd == -1 && arg.eventfd.flags))
			return -EINVAL;
		return uevtchn_set_eventfd(file, arg.eventfd.port,
					   arg.eventfd.fd, arg.eventfd.flags);
	default:
		return ioctl_bind(file, cmd, &arg);
	}
}
