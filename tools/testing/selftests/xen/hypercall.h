/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Event channels without the driver: what Xen itself says and does, through
 * /dev/xen/privcmd. That serves privileged domains, and no 32-bit programs.
 */
#ifndef _SELFTESTS_XEN_HYPERCALL_H
#define _SELFTESTS_XEN_HYPERCALL_H

#include "common.h"

/* <xen/privcmd.h> wants headers of Xen's that user space does not have. */
struct ev_hypercall {
	uint64_t op;
	uint64_t arg[5];
};

#define EV_PRIVCMD_HYPERCALL _IOC(_IOC_NONE, 'P', 0, sizeof(struct ev_hypercall))

/* From Xen's public headers xen.h and event_channel.h. */
#define EV_EVENT_CHANNEL_OP	32
enum {
	EV_OP_BIND_INTERDOMAIN,
	EV_OP_BIND_VIRQ,
	EV_OP_BIND_PIRQ,
	EV_OP_CLOSE,
	EV_OP_SEND,
	EV_OP_STATUS,
	EV_OP_ALLOC_UNBOUND,
};

enum {
	EV_CLOSED,
	EV_UNBOUND,
	EV_INTERDOMAIN,
	EV_PIRQ,
	EV_VIRQ,
	EV_IPI,
};

/* Arguments of the operations, in Xen's layout. */
union ev_xen_arg {
	struct {
		uint16_t remote_dom;
		uint32_t remote_port;
		uint32_t local_port;
	} bind_interdomain;
	struct {
		uint32_t port;
	} close, send;
	struct {
		uint16_t dom;
		uint32_t port;
		uint32_t status;
		uint32_t vcpu;
		union {
			struct {
				uint16_t dom;
				uint32_t port;
			} interdomain;
			uint32_t virq;
		};
	} status;
	struct {
		uint16_t dom;
		uint16_t remote_dom;
		uint32_t port;
	} alloc_unbound;
};

/* The calls go through one locked page, as Xen takes no page faults. */
static int ev_privcmd = -1;
static union ev_xen_arg *ev_xen_page;

static inline int ev_xen_call(int op, union ev_xen_arg *arg)
{
	struct ev_hypercall call = {
		.op = EV_EVENT_CHANNEL_OP,
		.arg = { op, (uintptr_t)ev_xen_page },
	};
	int ret;

	*ev_xen_page = *arg;
	ret = ev_ioctl(ev_privcmd, EV_PRIVCMD_HYPERCALL, &call);
	*arg = *ev_xen_page;
	return ret;
}

static inline int ev_xen_close(unsigned int port)
{
	union ev_xen_arg arg = { .close = { .port = port } };

	return ev_xen_call(EV_OP_CLOSE, &arg);
}

static inline int ev_xen_send(unsigned int port)
{
	union ev_xen_arg arg = { .send = { .port = port } };

	return ev_xen_call(EV_OP_SEND, &arg);
}

/* A port that Xen has and nobody in the kernel, as a static one; or -errno. */
static inline int ev_xen_alloc_unbound(unsigned int domain)
{
	union ev_xen_arg arg = {
		.alloc_unbound = { .dom = EV_SELF, .remote_dom = domain },
	};
	int ret = ev_xen_call(EV_OP_ALLOC_UNBOUND, &arg);

	return ret < 0 ? ret : (int)arg.alloc_unbound.port;
}

/* The local port, or -errno. */
static inline int ev_xen_bind_interdomain(unsigned int domain, unsigned int port)
{
	union ev_xen_arg arg = {
		.bind_interdomain = { .remote_dom = domain, .remote_port = port },
	};
	int ret = ev_xen_call(EV_OP_BIND_INTERDOMAIN, &arg);

	return ret < 0 ? ret : (int)arg.bind_interdomain.local_port;
}

/* All that Xen says of a port of this domain: 0 or -errno. */
static inline int ev_xen_query(unsigned int port, union ev_xen_arg *arg)
{
	memset(arg, 0, sizeof(*arg));
	arg->status.dom = EV_SELF;
	arg->status.port = port;
	return ev_xen_call(EV_OP_STATUS, arg);
}

/* EV_CLOSED to EV_IPI; or -errno, for one beyond the ports that Xen has. */
static inline int ev_xen_status(unsigned int port)
{
	union ev_xen_arg arg;
	int ret = ev_xen_query(port, &arg);

	return ret < 0 ? ret : (int)arg.status.status;
}

/* Returns NULL, or what is missing for calls of Xen. */
static inline const char *ev_xen_open(void)
{
	int port;

	if (ev_privcmd < 0)
		ev_privcmd = open("/dev/xen/privcmd", O_RDWR | O_CLOEXEC);
	if (ev_privcmd < 0)
		return "no /dev/xen/privcmd (CONFIG_XEN_PRIVCMD)";
	if (!ev_xen_page) {
		ev_xen_page = mmap(NULL, sysconf(_SC_PAGESIZE), PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS | MAP_LOCKED | MAP_POPULATE,
				   -1, 0);
		if (ev_xen_page == MAP_FAILED) {
			ev_xen_page = NULL;
			return "no locked memory (RLIMIT_MEMLOCK)";
		}
	}
	port = ev_xen_alloc_unbound(EV_SELF);
	if (port < 0)
		return "no hypercalls through privcmd";
	ev_xen_close(port);
	return NULL;
}

#endif /* _SELFTESTS_XEN_HYPERCALL_H */
