/* SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR MIT) */
/******************************************************************************
 * evtchn.h
 *
 * Interface to /dev/xen/evtchn.
 *
 * Copyright (c) 2003-2005, K A Fraser
 *
 * This program is free software; you can redistribute it and/or
 * modify it under the terms of the GNU General Public License version 2
 * as published by the Free Software Foundation; or, when distributed
 * separately from the Linux kernel or incorporated into other
 * software packages, subject to the following license:
 *
 * Permission is hereby granted, free of charge, to any person obtaining a copy
 * of this source file (the "Software"), to deal in the Software without
 * restriction, including without limitation the rights to use, copy, modify,
 * merge, publish, distribute, sublicense, and/or sell copies of the Software,
 * and to permit persons to whom the Software is furnished to do so, subject to
 * the following conditions:
 *
 * The above copyright notice and this permission notice shall be included in
 * all copies or substantial portions of the Software.
 *
 * THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
 * IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
 * FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
 * AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
 * LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING
 * FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS
 * IN THE SOFTWARE.
 */

#ifndef __LINUX_PUBLIC_EVTCHN_H__
#define __LINUX_PUBLIC_EVTCHN_H__

/*
 * Documentation/userspace-api/xen-evtchn.rst describes the device as a whole:
 * read(), write(), poll(), and how the parts work together.
 *
 * Before including this header, define domid_t, an unsigned 16-bit integer, and
 * include <sys/ioctl.h>, which has _IOC() and the like. domid_t cannot be
 * defined here, because Xen's own public headers define it, too, and languages
 * before C11 refuse a type that is defined twice.
 */

/**
 * DOC: errors of all commands
 *
 * A command that fails returns -1 and sets errno. Any command can fail with
 * these errors, which are not repeated below:
 *
 * * EFAULT: the argument cannot be read. A command that is refused to restricted
 *   files fails with EACCES first.
 * * ENOSYS: there is no such command, or its number was made with another size.
 *
 * Any BIND command can also fail with these:
 *
 * * EACCES, EPERM: Xen's security policy forbids it. FLASK returns EACCES, as a
 *   restricted file does; other policies return EPERM.
 * * ENOSPC: Xen has no port left for this domain.
 * * ENOMEM: out of memory, in the kernel or in Xen.
 * * EBUSY: another user in this domain still holds a former port of the number
 *   that Xen gave. BIND_VIRQ and BIND_STATIC have more reasons. Any of these
 *   may last, so a program must not retry endlessly.
 *
 * Other errors of Xen are passed on as they are. The BIND commands, UNBIND,
 * RESTRICT_DOMID, NOTIFYFD and EVENTFD wait for each other on the same file; a
 * fatal signal ends this wait with EINTR.
 */

/**
 * struct ioctl_evtchn_bind_virq - argument of IOCTL_EVTCHN_BIND_VIRQ
 * @virq: a virtual interrupt, VIRQ_* of Xen's public headers
 */
struct ioctl_evtchn_bind_virq {
	unsigned int virq;
};

/**
 * define IOCTL_EVTCHN_BIND_VIRQ - bind a virtual interrupt to a new port
 *
 * A virtual interrupt that each vCPU has is bound on vCPU 0. The port is
 * enabled.
 *
 * Return:
 * * the new port, greater than 0
 * * EACCES: the file is restricted; checked before EFAULT.
 * * EINVAL: there is no such virtual interrupt.
 * * EEXIST: it is bound already, by anybody in the domain.
 * * EBUSY: the host has only one of it, and another domain handles it. Xen
 *   reports this since 4.21; before, the port is bound but gets no event.
 */
#define IOCTL_EVTCHN_BIND_VIRQ				\
	_IOC(_IOC_NONE, 'E', 0, sizeof(struct ioctl_evtchn_bind_virq))

/**
 * struct ioctl_evtchn_bind_interdomain - of IOCTL_EVTCHN_BIND_INTERDOMAIN
 * @remote_domain: the other domain's id; DOMID_SELF, 0x7ff0, is this domain
 * @remote_port: a port of the other domain
 */
struct ioctl_evtchn_bind_interdomain {
	unsigned int remote_domain, remote_port;
};

/**
 * define IOCTL_EVTCHN_BIND_INTERDOMAIN - connect to another domain's port
 *
 * Binds a new port to one that the other domain has made for this domain and
 * that is not connected. The new port is enabled, and Xen sends one event to it
 * at once.
 *
 * Return:
 * * the new local port, greater than 0
 * * EACCES: the file is restricted to another domain (all 32 bits of its number
 *   are compared), checked after EFAULT; or FLASK forbids it.
 * * EINVAL: @remote_domain has more than 16 bits; or @remote_port does not
 *   exist, is connected, or was made for another domain.
 * * ESRCH: there is no such domain.
 */
#define IOCTL_EVTCHN_BIND_INTERDOMAIN			\
	_IOC(_IOC_NONE, 'E', 1, sizeof(struct ioctl_evtchn_bind_interdomain))

/**
 * struct ioctl_evtchn_bind_unbound_port - of IOCTL_EVTCHN_BIND_UNBOUND_PORT
 * @remote_domain: the other domain's id; DOMID_SELF, 0x7ff0, is this domain
 */
struct ioctl_evtchn_bind_unbound_port {
	unsigned int remote_domain;
};

/**
 * define IOCTL_EVTCHN_BIND_UNBOUND_PORT - make a port for another domain
 *
 * The other domain may connect to it, while nobody is connected. The port is
 * enabled.
 *
 * Return:
 * * the new port, greater than 0
 * * EACCES: the file is restricted, checked before EFAULT; or FLASK forbids it.
 * * EINVAL: @remote_domain has more than 16 bits.
 * * ESRCH: there is no such domain. Xen may not check this, and makes the port.
 */
#define IOCTL_EVTCHN_BIND_UNBOUND_PORT			\
	_IOC(_IOC_NONE, 'E', 2, sizeof(struct ioctl_evtchn_bind_unbound_port))

/**
 * struct ioctl_evtchn_unbind - argument of IOCTL_EVTCHN_UNBIND
 * @port: a port of this file
 */
struct ioctl_evtchn_unbind {
	unsigned int port;
};

/**
 * define IOCTL_EVTCHN_UNBIND - give up a port
 *
 * Xen closes the port, unless BIND_STATIC bound it or another part of the
 * kernel still uses it, and may reuse the number at once. The other end is not
 * notified.
 *
 * An unread event of the port is dropped. So there may be nothing to read any
 * more although poll() has reported the file readable: if read() must not wait,
 * use O_NONBLOCK, or call poll() again.
 *
 * Return:
 * * 0; also for a port that was lost in a restore, whatever its number
 * * EINVAL: this file does not have the port, and the kernel has no room for
 *   such a number at present.
 * * ENOTCONN: this file does not have the port.
 */
#define IOCTL_EVTCHN_UNBIND				\
	_IOC(_IOC_NONE, 'E', 3, sizeof(struct ioctl_evtchn_unbind))

/**
 * struct ioctl_evtchn_notify - argument of IOCTL_EVTCHN_NOTIFY
 * @port: a port of this file
 */
struct ioctl_evtchn_notify {
	unsigned int port;
};

/**
 * define IOCTL_EVTCHN_NOTIFY - send an event to the other end of a port
 *
 * Errors of Xen are not reported; notifying a port that is not connected is not
 * an error.
 *
 * Return:
 * * 0
 * * ENOTCONN: this file does not have the port, or it was lost in a restore.
 */
#define IOCTL_EVTCHN_NOTIFY				\
	_IOC(_IOC_NONE, 'E', 4, sizeof(struct ioctl_evtchn_notify))

/**
 * define IOCTL_EVTCHN_RESET - drop all events, and clear an overflow
 *
 * Takes no argument, so EFAULT does not occur. Ports whose events are dropped
 * stay masked until they are written.
 *
 * Return: 0.
 */
#define IOCTL_EVTCHN_RESET				\
	_IOC(_IOC_NONE, 'E', 5, 0)

/**
 * struct ioctl_evtchn_restrict_domid - of IOCTL_EVTCHN_RESTRICT_DOMID
 * @domid: the only domain that the file may connect to from now on
 */
struct ioctl_evtchn_restrict_domid {
	domid_t domid;
};

/**
 * define IOCTL_EVTCHN_RESTRICT_DOMID - limit a file to one domain, permanently
 *
 * Afterwards only BIND_INTERDOMAIN may bind, and only to that domain. What the
 * file has bound stays usable. A restriction holds for every process that has
 * the file, and cannot be lifted.
 *
 * It is a barrier: after it has returned 0, no bind that it forbids succeeds
 * any more, not even one that was called before.
 *
 * Errors are checked in the order below.
 *
 * Return:
 * * 0
 * * EACCES: the file is restricted already, even if to the same domain.
 * * EFAULT: the argument cannot be read.
 * * EINVAL: @domid is 0, or DOMID_FIRST_RESERVED, 0x7ff0, or above.
 */
#define IOCTL_EVTCHN_RESTRICT_DOMID			\
	_IOC(_IOC_NONE, 'E', 6, sizeof(struct ioctl_evtchn_restrict_domid))

/**
 * struct ioctl_evtchn_bind - argument of IOCTL_EVTCHN_BIND_STATIC
 * @port: a port that exists since the domain was built
 */
struct ioctl_evtchn_bind {
	unsigned int port;
};

/**
 * define IOCTL_EVTCHN_BIND_STATIC - take a port that exists already
 *
 * For ports that the domain's configuration defines. The port is enabled, and
 * an event that came before is delivered. There may be one from the beginning,
 * as Xen marks one end of a static channel pending when it connects the two.
 * The port is never closed: not by UNBIND, not with the file, not after an
 * error.
 *
 * Return:
 * * 0
 * * EACCES: the file is restricted; checked before EFAULT.
 * * EINVAL: @port is 0, or beyond what Xen has ports for.
 * * ENOENT: the port is free.
 * * EISCONN: this file has the port.
 * * EBUSY: another file, another part of the kernel or Xen itself has the port,
 *   or FLASK forbids the query. Some releases of Xen do not report which ports
 *   are its own.
 */
#define IOCTL_EVTCHN_BIND_STATIC			\
	_IOC(_IOC_NONE, 'E', 7, sizeof(struct ioctl_evtchn_bind))

/**
 * struct ioctl_evtchn_features - argument of IOCTL_EVTCHN_FEATURES
 * @enable: features to switch on for this file, of those in bits 0 to 7; 0 only
 *	queries
 */
struct ioctl_evtchn_features {
	unsigned int enable;
};

/*
 * A read() that begins after this returns 32 ports at most, and enables them. A
 * write() does nothing for a port that is in the ring.
 */
#define EVTCHN_FEATURE_READ_ENABLES	(1U << 0)
/* These say that the kernel has the command. */
#define EVTCHN_FEATURE_STATUS		(1U << 8)
#define EVTCHN_FEATURE_NOTIFYFD		(1U << 9)
#define EVTCHN_FEATURE_EVENTFD		(1U << 10)

/**
 * define IOCTL_EVTCHN_FEATURES - query and switch on features
 *
 * A kernel without this command has none of the features, except that some
 * older kernels have STATUS: call that, and check for ENOSYS. A feature is
 * switched on for everybody who has the file, and cannot be switched off: a
 * program that limits its events by not writing ports must not inherit such a
 * file.
 *
 * Return:
 * * the features that the kernel has, EVTCHN_FEATURE_*; never negative
 * * EINVAL: @enable has a feature that cannot be switched on, or that the
 *   kernel does not have. No feature was switched on.
 */
#define IOCTL_EVTCHN_FEATURES				\
	_IOW('E', 8, struct ioctl_evtchn_features)

/**
 * struct ioctl_evtchn_status - argument of IOCTL_EVTCHN_STATUS
 * @port: a port of this file
 * @status: set to EVTCHN_STATUS_*
 * @remote_domain: set to the domain at the other end if the port is connected,
 *	and to the domain that may connect if it is unbound; to 0 otherwise
 * @remote_port: set to the other end's port if the port is connected, and to the
 *	number of a virtual interrupt; to 0 otherwise
 * @flags: set to any of EVTCHN_STATUS_F_*
 * @irq: set to the irq of the port, as in /proc/interrupts; 0 if the port was
 *	lost in a restore
 */
struct ioctl_evtchn_status {
	unsigned int port;
	unsigned int status;
	unsigned int remote_domain;
	unsigned int remote_port;
	unsigned int flags;
	unsigned int irq;
};

/* The values are Xen's EVTCHNSTAT_*. */
#define EVTCHN_STATUS_CLOSED		0	/* by a restore, or by force */
#define EVTCHN_STATUS_UNBOUND		1	/* no other end is connected */
#define EVTCHN_STATUS_CONNECTED		2
#define EVTCHN_STATUS_VIRQ		4

/* An event came, and the next one waits until the port is enabled. */
#define EVTCHN_STATUS_F_MASKED		(1U << 0)
/* BIND_STATIC has bound the port. */
#define EVTCHN_STATUS_F_STATIC		(1U << 1)
/* EVENTFD or NOTIFYFD, respectively, has set an eventfd. */
#define EVTCHN_STATUS_F_EVENTFD		(1U << 2)
#define EVTCHN_STATUS_F_NOTIFYFD	(1U << 3)

/**
 * define IOCTL_EVTCHN_STATUS - query the state of a port
 *
 * The state is that of this moment. When the domain at the other end unbinds
 * its port or ends, the port becomes unbound, and no event reports this: a
 * program that has waited for long may query the state.
 *
 * Return:
 * * 0
 * * EFAULT: the argument cannot be read, or not be written.
 * * ENOTCONN: this file does not have the port.
 * * EACCES: Xen's security policy forbids it.
 */
#define IOCTL_EVTCHN_STATUS				\
	_IOWR('E', 9, struct ioctl_evtchn_status)

/**
 * struct ioctl_evtchn_notifyfd - argument of IOCTL_EVTCHN_NOTIFYFD
 * @port: a port of this file
 * @fd: an eventfd, or -1
 */
struct ioctl_evtchn_notifyfd {
	unsigned int port;
	int fd;
};

/**
 * define IOCTL_EVTCHN_NOTIFYFD - let writes to an eventfd notify a port
 *
 * From now on, each write to the eventfd, by any process, is taken out of it at
 * once and sends one event to the other end of the port. A write of 0 sends
 * none, and a count that is in the eventfd already sends one. Of an EFD_SEMAPHORE
 * eventfd, 1 is taken out, and the rest stays. A port has one such eventfd, and
 * an eventfd one port. Another @fd replaces the eventfd. The tie ends with -1,
 * UNBIND or the last close of this file; later writes stay in the eventfd. After
 * a restore, writes are taken and send nothing, until the next bind of this file
 * ends the tie.
 *
 * Return:
 * * 0
 * * EBADF: @fd is not open.
 * * EBUSY: writes to the eventfd are taken already, by another port or, for
 *   example, by KVM.
 * * EINVAL: @fd is not an eventfd, or less than -1.
 * * ENOMEM: out of memory.
 * * ENOTCONN: this file does not have the port, or it was lost in a restore.
 */
#define IOCTL_EVTCHN_NOTIFYFD				\
	_IOW('E', 10, struct ioctl_evtchn_notifyfd)

/**
 * struct ioctl_evtchn_eventfd - argument of IOCTL_EVTCHN_EVENTFD
 * @port: a port of this file
 * @fd: an eventfd, or -1
 * @flags: 0, or EVTCHN_EVENTFD_READ_ENABLES
 */
struct ioctl_evtchn_eventfd {
	unsigned int port;
	int fd;
	unsigned int flags;
};

/* A read of the eventfd enables the port, as a write of the port does. */
#define EVTCHN_EVENTFD_READ_ENABLES	(1U << 0)

/**
 * define IOCTL_EVTCHN_EVENTFD - let an eventfd get the events of a port
 *
 * From now on, an event of the port adds 1 to the eventfd and does not enter
 * this file's ring. The port is masked until it is written or, with
 * EVTCHN_EVENTFD_READ_ENABLES, until a program reads the eventfd; a read by the
 * kernel, as for NOTIFYFD and KVM, does not enable it. (But the end of an irqfd
 * of the same eventfd may, once.) Several ports may have the same eventfd if no
 * read of it enables one.
 *
 * An event that was not answered yet moves into the eventfd, and with -1 back
 * into the ring; it may come twice. So, as with UNBIND, there may be nothing to
 * read any more although poll() has reported this file readable; and a write of
 * the port does nothing while its event is in the ring again. Another @fd
 * replaces the eventfd. UNBIND and the last close of this file end the tie.
 *
 * Return:
 * * 0
 * * EBADF: @fd is not open.
 * * EBUSY: another port of this file has the eventfd. Two ports can share it only
 *   if no read of it enables one of them.
 * * EINVAL: @fd is not an eventfd, or less than -1; @flags has an unknown flag,
 *   or a flag with -1.
 * * ENOMEM: out of memory.
 * * ENOTCONN: this file does not have the port, or it was lost in a restore.
 */
#define IOCTL_EVTCHN_EVENTFD				\
	_IOW('E', 11, struct ioctl_evtchn_eventfd)

#endif /* __LINUX_PUBLIC_EVTCHN_H__ */
