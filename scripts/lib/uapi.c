// SPDX-License-Identifier: GPL-2.0-only
/*
 * Prints every number, size and offset of a user header of the event channel
 * device (-DHEADER="…"), so that two versions can be compared.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <linux/ioctl.h>

typedef uint16_t domid_t;
#include HEADER

#define COMMAND(name) printf("%-32s %08x\n", #name, (unsigned int)(name))
#define SIZE(type) printf("%-32s %zu\n", #type, sizeof(struct type))
#define FIELD(type, field)						\
	printf("%-32s %zu+%zu signed %d\n", #type "." #field,		\
	       offsetof(struct type, field),				\
	       sizeof(((struct type *)0)->field),			\
	       (__typeof__(((struct type *)0)->field))-1 < 0)

int main(void)
{
	COMMAND(IOCTL_EVTCHN_BIND_VIRQ);
	COMMAND(IOCTL_EVTCHN_BIND_INTERDOMAIN);
	COMMAND(IOCTL_EVTCHN_BIND_UNBOUND_PORT);
	COMMAND(IOCTL_EVTCHN_UNBIND);
	COMMAND(IOCTL_EVTCHN_NOTIFY);
	COMMAND(IOCTL_EVTCHN_RESET);
	COMMAND(IOCTL_EVTCHN_RESTRICT_DOMID);
	COMMAND(IOCTL_EVTCHN_BIND_STATIC);
	SIZE(ioctl_evtchn_bind_virq);
	FIELD(ioctl_evtchn_bind_virq, virq);
	SIZE(ioctl_evtchn_bind_interdomain);
	FIELD(ioctl_evtchn_bind_interdomain, remote_domain);
	FIELD(ioctl_evtchn_bind_interdomain, remote_port);
	SIZE(ioctl_evtchn_bind_unbound_port);
	FIELD(ioctl_evtchn_bind_unbound_port, remote_domain);
	SIZE(ioctl_evtchn_unbind);
	FIELD(ioctl_evtchn_unbind, port);
	SIZE(ioctl_evtchn_notify);
	FIELD(ioctl_evtchn_notify, port);
	SIZE(ioctl_evtchn_restrict_domid);
	FIELD(ioctl_evtchn_restrict_domid, domid);
	SIZE(ioctl_evtchn_bind);
	FIELD(ioctl_evtchn_bind, port);
	return 0;
}
