// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Tests of the whole driver against a model of Xen. Its file operations are
 * called as programs call them.
 */
#include "fake_xen.h"

/*
 * Programs
 */

static struct uevtchn_file *use(struct file *filp)
{
	world.file = filp->private_data;
	return world.file;
}

static struct file *open_file(struct kunit *test)
{
	struct file *filp = kunit_kzalloc(test, sizeof(*filp), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, filp);
	spin_lock_init(&filp->f_lock);
	filp->f_flags = O_RDWR | O_NONBLOCK;
	KUNIT_ASSERT_EQ(test, 0, uevtchn_fops.open(NULL, filp));
	use(filp);
	return filp;
}

static void close_file(struct file *filp)
{
	use(filp);
	uevtchn_fops.release(NULL, filp);
	filp->private_data = NULL;
	world.file = NULL;
}

static long call_at(struct file *filp, unsigned int cmd, unsigned long addr)
{
	use(filp);
	return uevtchn_fops.unlocked_ioctl(filp, cmd, addr);
}

static long call(struct file *filp, unsigned int cmd, u32 arg)
{
	world.memory[0] = arg;
	world.memory[1] = REMOTE_PORT;
	if (cmd == IOCTL_EVTCHN_RESTRICT_DOMID)
		*(domid_t *)world.memory = arg;
	return call_at(filp, cmd, USER_BASE);
}

static evtchn_port_t bind_virq(struct file *filp)
{
	long port = call(filp, IOCTL_EVTCHN_BIND_VIRQ, 3);

	KUNIT_ASSERT_GT(world.test, port, 0);
	return port;
}

static ssize_t read_at(struct file *filp, unsigned long addr, size_t size)
{
	use(filp);
	return uevtchn_fops.read(filp, (char __user *)addr, size, NULL);
}

static ssize_t write_at(struct file *filp, unsigned long addr, size_t size)
{
	use(filp);
	return uevtchn_fops.write(filp, (const char __user *)addr, size, NULL);
}

/* Returns how many ports were read, or the error. */
static int read_ports(struct file *filp, u32 max)
{
	ssize_t n = read_at(filp, USER_BASE, max * sizeof(u32));

	return n < 0 ? n : n / sizeof(u32);
}

static ssize_t write_port(struct file *filp, evtchn_port_t port)
{
	world.memory[0] = port;
	return write_at(filp, USER_BASE, sizeof(port));
}

#define WRITABLE	(EPOLLOUT | EPOLLWRNORM)
#define READABLE	(EPOLLIN | EPOLLRDNORM)

static __poll_t poll(struct file *filp)
{
	use(filp);
	return uevtchn_fops.poll(filp, NULL);
}

/* On an empty ring. An event comes once and masks the port; the next waits. */
static bool works(struct file *filp, evtchn_port_t port)
{
	unsigned int sends = world.ports[port].sends, i;

	for (i = 0; i < 2; i++) {
		event(port);
		event(port);
		if (read_ports(filp, 2) != 1 || world.memory[0] != port ||
		    read_ports(filp, 2) != -EAGAIN)
			return false;
		write_port(filp, port);
		if (read_ports(filp, 2) != 1 || world.memory[0] != port)
			return false;
		write_port(filp, port);
	}
	return call(filp, IOCTL_EVTCHN_NOTIFY, port) == 0 &&
	       world.ports[port].sends == sends + 1 && !world.complaint;
}

static int driver_test_init(struct kunit *test)
{
	int fd;

	memset(&world, 0, sizeof(world));
	world.test = test;
	world.nr_channels = NR_PORTS;
	world.store_port = -1;
	world.memory = kunit_kzalloc(test, USER_SIZE, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, world.memory);
	for (fd = 0; fd < NR_EVENTFDS; fd++)
		init_waitqueue_head(&world.eventfds[fd].queue);
	test->priv = open_file(test);
	return 0;
}

static void driver_test_exit(struct kunit *test)
{
	struct file *filp = test->priv;
	int fd;

	if (filp && filp->private_data)
		close_file(filp);
	for (fd = 0; fd < NR_EVENTFDS; fd++) {
		KUNIT_EXPECT_EQ(test, 0, world.eventfds[fd].files);
		KUNIT_EXPECT_EQ(test, 0, world.eventfds[fd].refs);
	}
	KUNIT_EXPECT_EQ(test, 0, count_ports(true));
	KUNIT_EXPECT_EQ(test, 0, world.nr_irqs);
	KUNIT_EXPECT_EQ(test, 0, world.nr_live);
	no_complaint(test);
}

/*
 * Who owns a port when a bind fails
 */

#define DOMAIN		5

static const unsigned int binds[] = {
	IOCTL_EVTCHN_BIND_VIRQ, IOCTL_EVTCHN_BIND_INTERDOMAIN,
	IOCTL_EVTCHN_BIND_UNBOUND_PORT, IOCTL_EVTCHN_BIND_STATIC,
};

static const struct fault {
	struct failure failure;
	int error;
	bool made, kept;	/* a new port was made, and is not closed */
} faults[] = {
	{ { .alloc = 1 }, -ENOMEM },	/* the binding */
	{ { .alloc = 2 }, -ENOMEM },	/* the ring */
	{ { .alloc = 3 }, -ENOMEM },	/* the table */
	{ { .op = -ENOSPC }, -ENOSPC },
	{ { .map = -ENOMEM }, -ENOMEM, .made = true },
	{ { .map = -EBUSY }, -EBUSY, .made = true, .kept = true },
	{ { .request = -ENOMEM }, -ENOMEM },
};

/* With @others bound already: none, or as many as ring and table can hold. */
static void fail_a_bind(struct kunit *test, unsigned int cmd, const struct fault *fault,
			unsigned int others)
{
	bool is_static = cmd == IOCTL_EVTCHN_BIND_STATIC, kept = fault->kept && !is_static;
	struct file *filp = open_file(test);
	evtchn_port_t fixed, port = 0;
	unsigned int i;
	u32 arg;
	long rc;

	for (i = 0; i < others; i++)
		port = bind_virq(filp);
	fixed = open_port(EVTCHNSTAT_interdomain, false, 0);
	arg = is_static ? fixed : DOMAIN;
	world.closes = 0;

	world.fail = fault->failure;
	KUNIT_EXPECT_EQ(test, fault->error, call(filp, cmd, arg));
	world.fail = (struct failure){};
	KUNIT_EXPECT_EQ(test, world.closes, fault->made && !kept && !is_static);
	KUNIT_EXPECT_EQ(test, count_ports(true), others + kept);
	KUNIT_EXPECT_EQ(test, world.nr_irqs, others);
	KUNIT_EXPECT_EQ(test, world.file->nr_bindings, others);
	if (kept)
		close_port(fixed + 1);
	if (others) {
		KUNIT_EXPECT_TRUE(test, works(filp, 1));
		KUNIT_EXPECT_TRUE(test, works(filp, port));
	}

	rc = call(filp, cmd, arg);
	KUNIT_EXPECT_GE(test, rc, 0);
	port = is_static ? fixed : rc;
	if (read_ports(filp, 1) == 1)
		write_port(filp, port);
	KUNIT_EXPECT_TRUE(test, works(filp, port));
	/* The failed bind has left nothing for UNBIND. */
	KUNIT_EXPECT_EQ(test, 0, call(filp, IOCTL_EVTCHN_UNBIND, port));
	KUNIT_EXPECT_EQ(test, -ENOTCONN, call(filp, IOCTL_EVTCHN_UNBIND, port));
	close_file(filp);
	KUNIT_EXPECT_EQ(test, 0, count_ports(true));
	KUNIT_EXPECT_EQ(test, world.ports[fixed].status, EVTCHNSTAT_interdomain);
	close_port(fixed);
}

static void failed_bind_closes_its_port_once_and_leaves_nothing(struct kunit *test)
{
	unsigned int i, j, others;

	for (i = 0; i < ARRAY_SIZE(binds) * ARRAY_SIZE(faults); i++) {
		for (others = 0; others <= UEVTCHN_MIN_SIZE; others += UEVTCHN_MIN_SIZE) {
			j = i % ARRAY_SIZE(faults);
			fail_a_bind(test, binds[i / ARRAY_SIZE(faults)], &faults[j], others);
			no_complaint(test);
			if (test->status == KUNIT_FAILURE)
				KUNIT_FAIL_AND_ABORT(test, "command %zu, fault %u, %u others",
						     i / ARRAY_SIZE(faults), j, others);
		}
	}
}

static void killed_callers_change_nothing(struct kunit *test)
{
	struct file *filp = test->priv;
	evtchn_port_t port = bind_virq(filp), fixed = open_port(EVTCHNSTAT_unbound, false, 0);
	unsigned int i, ops = world.ops;

	world.killed = true;
	for (i = 0; i < ARRAY_SIZE(binds); i++)
		KUNIT_EXPECT_EQ(test, -EINTR, call(filp, binds[i], fixed));
	KUNIT_EXPECT_EQ(test, -EINTR, call(filp, IOCTL_EVTCHN_UNBIND, port));
	KUNIT_EXPECT_EQ(test, -EINTR, call(filp, IOCTL_EVTCHN_RESTRICT_DOMID, DOMAIN));
	world.killed = false;
	KUNIT_EXPECT_EQ(test, ops, world.ops);
	KUNIT_EXPECT_TRUE(test, works(filp, port));
	KUNIT_EXPECT_EQ(test, world.file->restrict_domid, UEVTCHN_UNRESTRICTED);
}

/*
 * What a file may do
 */

#define CUT_DOMAIN	(0x10000 | DOMAIN)
#define BOUND		1	/* the file's port, bound before the restriction */
#define FIXED		2	/* a port without an owner */
#define NOWHERE		0x1000000

/* The ways to call a command: any of the first two, or the third. */
#define RESTRICTED	BIT(0)	/* The file is restricted to DOMAIN. */
#define BAD_ADDRESS	BIT(1)
#define LATE		BIT(2)	/* Restricted while the command waits. */

static const struct command {
	unsigned int cmd;
	u32 arg;
	/* No restriction, RESTRICTED; and both of them again with BAD_ADDRESS. */
	long want[4];
} commands[] = {
	{ IOCTL_EVTCHN_BIND_VIRQ, 3, { 3, -EACCES, -EFAULT, -EACCES } },
	{ IOCTL_EVTCHN_BIND_INTERDOMAIN, DOMAIN, { 3, 3, -EFAULT, -EFAULT } },
	{ IOCTL_EVTCHN_BIND_INTERDOMAIN, DOMAIN + 1, { 3, -EACCES, -EFAULT, -EFAULT } },
	{ IOCTL_EVTCHN_BIND_INTERDOMAIN, CUT_DOMAIN, { -EINVAL, -EACCES, -EFAULT, -EFAULT } },
	{ IOCTL_EVTCHN_BIND_INTERDOMAIN, UEVTCHN_UNRESTRICTED, { 3, -EACCES, -EFAULT, -EFAULT } },
	{ IOCTL_EVTCHN_BIND_UNBOUND_PORT, DOMAIN, { 3, -EACCES, -EFAULT, -EACCES } },
	{ IOCTL_EVTCHN_BIND_UNBOUND_PORT, CUT_DOMAIN, { -EINVAL, -EACCES, -EFAULT, -EACCES } },
	{ IOCTL_EVTCHN_BIND_STATIC, FIXED, { 0, -EACCES, -EFAULT, -EACCES } },
	{ IOCTL_EVTCHN_BIND_STATIC, 0, { -EINVAL, -EACCES, -EFAULT, -EACCES } },
	{ IOCTL_EVTCHN_RESTRICT_DOMID, DOMAIN, { 0, -EACCES, -EFAULT, -EACCES } },
	{ IOCTL_EVTCHN_RESTRICT_DOMID, DOMID_FIRST_RESERVED - 1, { 0, -EACCES, -EFAULT, -EACCES } },
	{ IOCTL_EVTCHN_RESTRICT_DOMID, DOMID_FIRST_RESERVED,
	  { -EINVAL, -EACCES, -EFAULT, -EACCES } },
	{ IOCTL_EVTCHN_RESTRICT_DOMID, DOMID_INVALID, { -EINVAL, -EACCES, -EFAULT, -EACCES } },
	{ IOCTL_EVTCHN_RESTRICT_DOMID, 0, { -EINVAL, -EACCES, -EFAULT, -EACCES } },
	{ IOCTL_EVTCHN_UNBIND, BOUND, { 0, 0, -EFAULT, -EFAULT } },
	{ IOCTL_EVTCHN_UNBIND, NR_PORTS - 1, { -ENOTCONN, -ENOTCONN, -EFAULT, -EFAULT } },
	{ IOCTL_EVTCHN_UNBIND, NR_PORTS, { -EINVAL, -EINVAL, -EFAULT, -EFAULT } },
	{ IOCTL_EVTCHN_UNBIND, U32_MAX, { -EINVAL, -EINVAL, -EFAULT, -EFAULT } },
	{ IOCTL_EVTCHN_NOTIFY, BOUND, { 0, 0, -EFAULT, -EFAULT } },
	{ IOCTL_EVTCHN_NOTIFY, FIXED, { -ENOTCONN, -ENOTCONN, -EFAULT, -EFAULT } },
	{ IOCTL_EVTCHN_RESET, 0, { 0, 0, 0, 0 } },
	{ IOCTL_EVTCHN_FEATURES, 2, { -EINVAL, -EINVAL, -EFAULT, -EFAULT } },
	{ IOCTL_EVTCHN_FEATURES, EVTCHN_FEATURE_STATUS, { -EINVAL, -EINVAL, -EFAULT, -EFAULT } },
	{ IOCTL_EVTCHN_STATUS, BOUND, { 0, 0, -EFAULT, -EFAULT } },
	{ IOCTL_EVTCHN_STATUS, FIXED, { -ENOTCONN, -ENOTCONN, -EFAULT, -EFAULT } },
	{ IOCTL_EVTCHN_STATUS, 0, { -ENOTCONN, -ENOTCONN, -EFAULT, -EFAULT } },
	{ IOCTL_EVTCHN_STATUS, U32_MAX, { -ENOTCONN, -ENOTCONN, -EFAULT, -EFAULT } },
	{ _IOC(_IOC_NONE, 'E', 8, 4), 1, { -ENOSYS, -ENOSYS, -ENOSYS, -ENOSYS } },
	{ _IOC(_IOC_NONE, 'F', 0, 4), 1, { -ENOSYS, -ENOSYS, -ENOSYS, -ENOSYS } },
	{ _IOC(_IOC_NONE, 'E', 0, 8), 1, { -ENOSYS, -ENOSYS, -ENOSYS, -ENOSYS } },
	{ _IOC(_IOC_WRITE, 'E', 0, 4), 1, { -ENOSYS, -ENOSYS, -ENOSYS, -ENOSYS } },
};

static void restrict_now(void)
{
	KUNIT_EXPECT_EQ(world.test, 0, uevtchn_restrict(world.file, DOMAIN));
}

static void try_command(struct kunit *test, const struct command *row, unsigned int way)
{
	struct file *filp = open_file(test);
	/* LATE is as RESTRICTED, unless the command fails before it comes to the lock. */
	long rc, want = row->want[way != LATE ? way : row->want[0] < 0 ? 0 : RESTRICTED];
	bool gone = row->cmd == IOCTL_EVTCHN_UNBIND && !want;

	KUNIT_EXPECT_EQ(test, BOUND, bind_virq(filp));
	KUNIT_EXPECT_EQ(test, FIXED, open_port(EVTCHNSTAT_unbound, false, 0));
	if (way & RESTRICTED)
		call(filp, IOCTL_EVTCHN_RESTRICT_DOMID, DOMAIN);
	if (way == LATE)
		world.at_lock = restrict_now;
	world.ops = 0;
	rc = way & BAD_ADDRESS ? call_at(filp, row->cmd, NOWHERE) :
	     call(filp, row->cmd, row->arg);
	KUNIT_EXPECT_EQ(test, rc, want);
	/* A failed command makes nothing, and the rest still works. */
	KUNIT_EXPECT_EQ(test, count_ports(false), 2 - gone + (rc > 0));
	if (rc == -EACCES)
		KUNIT_EXPECT_EQ(test, 0, world.ops);
	if (rc > 0)
		KUNIT_EXPECT_EQ(test, world.ports[rc].argument, row->arg);
	if ((way & RESTRICTED) || (way == LATE && !world.at_lock))
		KUNIT_EXPECT_EQ(test, world.file->restrict_domid, DOMAIN);
	world.at_lock = NULL;
	if (!gone) {
		if (read_ports(filp, 1) == 1)
			write_port(filp, rc);
		KUNIT_EXPECT_TRUE(test, works(filp, BOUND));
	}
	close_file(filp);
	close_port(FIXED);
}

static void each_command_obeys_the_restriction(struct kunit *test)
{
	unsigned int i, way;

	for (i = 0; i < ARRAY_SIZE(commands); i++) {
		for (way = 0; way <= LATE; way++) {
			try_command(test, &commands[i], way);
			if (test->status == KUNIT_FAILURE)
				KUNIT_FAIL_AND_ABORT(test, "row %u, way %u", i, way);
		}
	}
}

/*
 * The states of a binding: every order of what can happen to it
 */

#define LENGTH_MAX	6

/* A letter for each act, as printed when a test fails; see try_act(). */
static const char acts[] = "ERXwrB";

#define NR_ACTS		(sizeof(acts) - 1)

/* A port, and its expected state. */
struct model {
	bool is_static, shared;
	evtchn_port_t port;
	struct world_irq *irq;
	bool pending;		/* in Xen */
	bool line_masked;
	bool masked, missed;	/* the binding */
	bool unseen;		/* since the last read() */
	u32 queued;
};

static void model_handler(struct model *model)
{
	model->missed |= model->masked;
	model->queued += !model->masked;
	model->masked = true;
	model->line_masked = true;
}

static void model_deliver(struct model *model)
{
	if (!model->pending || model->line_masked)
		return;
	model->pending = false;
	model_handler(model);
}

static void model_write(struct model *model)
{
	bool again = model->missed;

	if (!model->masked)
		return;
	model->masked = again;
	model->missed = false;
	model->line_masked = false;
	model_deliver(model);
	model->queued += again;
}

/* Binds the port; only a static one may have an event already. */
static void bind_model(struct model *model, bool pending)
{
	struct file *filp = world.test->priv;

	*model = (struct model){
		.is_static = model->is_static, .shared = model->shared,
		.port = FIXED, .pending = pending, .unseen = pending,
	};
	if (model->is_static) {
		world.ports[FIXED].status = EVTCHNSTAT_interdomain;
		KUNIT_ASSERT_EQ(world.test, 0, call(filp, IOCTL_EVTCHN_BIND_STATIC, FIXED));
	} else {
		model->port = bind_virq(filp);
	}
	model->irq = irq_of(world.ports[model->port].irq);
	model->irq->shared = model->shared;
	model->irq->refs += model->shared;
	model_deliver(model);
}

/* Gives up the port. Another handler goes on alone, and is removed then. */
static void unbind_model(struct model *model)
{
	struct world_port *port = &world.ports[model->port];
	struct file *filp = world.test->priv;
	bool pending = port->pending;

	/* Complaints, not expectations, as the first one ends the test. */
	complain_if(call(filp, IOCTL_EVTCHN_UNBIND, model->port) != 0, "UNBIND fails");
	if (model->shared) {
		complain_if(model->is_static &&
			    call(filp, IOCTL_EVTCHN_BIND_STATIC, FIXED) != -EBUSY,
			    "a port that another handler has is bound");
		/* The held back event has come; the handler sends its EOI. */
		complain_if(model->irq->masked != pending || port->pending,
			    "UNBIND leaves the irq of another handler masked");
		unmask(model->irq);
		event(model->port);
		complain_if(port->pending, "another handler of the irq gets no events");
		model->irq->shared = false;
		world_put_irq(port->irq);
	}
	complain_if(port->status != (model->is_static ? EVTCHNSTAT_interdomain :
							EVTCHNSTAT_closed),
		    "UNBIND leaves a port open or closes a static one");
}

static void try_act(struct model *model, char act)
{
	struct file *filp = world.test->priv;

	switch (act) {
	case 'E': /* an event */
		event(model->port);
		model->unseen = true;
		model->pending = true;
		model_deliver(model);
		break;
	case 'R': /* the irq core replays one */
		replay(model->port);
		model->unseen = true;
		model_handler(model);
		break;
	case 'X': /* another handler of the irq sends an EOI */
		unmask(model->irq);
		model->line_masked = false;
		model_deliver(model);
		break;
	case 'w':
		write_port(filp, model->port);
		model_write(model);
		break;
	case 'r':
		complain_if(read_ports(filp, 16) != (model->queued ?: -EAGAIN),
			    "read() returns too few or too many ports");
		model->unseen &= !model->queued;
		model->queued = 0;
		break;
	case 'B': /* UNBIND, and bind again */
		unbind_model(model);
		bind_model(model, model->pending && model->is_static && !model->shared);
		break;
	}
}

static bool agrees(const struct model *model)
{
	return !world.complaint && world.file->ring.used == model->queued &&
	       world.ports[model->port].pending == model->pending &&
	       model->irq->masked == model->line_masked &&
	       model->irq->owed == model->masked + model->missed;
}

/* A program that reads before it writes gets all events, and then no more. */
static bool drain(struct model *model)
{
	struct file *filp = world.test->priv;
	int i;

	/* The port may be masked with nothing queued, until it is written. */
	if (model->queued == 0 && model->masked)
		write_port(filp, model->port);
	for (i = 0; i < 2 * LENGTH_MAX && read_ports(filp, 16) > 0; i++) {
		if (world.memory[0] != model->port)
			return false;
		model->unseen = false;
		write_port(filp, model->port);
	}
	return i < 2 * LENGTH_MAX && !model->unseen && !world.ports[model->port].pending;
}

static void try_orders(struct kunit *test, struct model *model, unsigned int length)
{
	unsigned int nr, rest, i, last = int_pow(NR_ACTS, length);
	char path[LENGTH_MAX + 1] = {};
	bool ok = true;

	for (nr = 0; nr < last && ok; nr++) {
		bind_model(model, false);
		for (i = 0, rest = nr; i < length && ok; i++, rest /= NR_ACTS) {
			path[i] = acts[rest % NR_ACTS];
			try_act(model, path[i]);
			ok = agrees(model);
		}
		path[i] = 0;
		ok = ok && drain(model);
		unbind_model(model);
		world.ports[FIXED].pending = false;
		cond_resched();
	}
	if (!ok)
		KUNIT_FAIL(test, "static %d, shared %d, after %s: %s", model->is_static,
			   model->shared, path, world.complaint ?: "not as the model");
}

static void no_order_of_events_and_calls_loses_an_event(struct kunit *test)
{
	struct model model;
	unsigned int i;

	for (i = 0; i < 4; i++) {
		model.is_static = i & 1;
		model.shared = i & 2;
		/* One kind of port is enough for the longest sequences. */
		try_orders(test, &model, i == 1 ? LENGTH_MAX : LENGTH_MAX - 1);
	}
}

static void write_at_once(void)
{
	struct file *filp = world.test->priv;

	KUNIT_EXPECT_EQ(world.test, 1, read_ports(filp, 8));
	write_port(filp, world.memory[0]);
	KUNIT_EXPECT_FALSE(world.test, irq_of(world.ports[world.memory[0]].irq)->masked);
}

/* Another thread reads and writes before bind has returned. */
static void first_event_can_be_written_at_once(struct kunit *test)
{
	long port;

	world.at_request = write_at_once;
	port = call(test->priv, IOCTL_EVTCHN_BIND_INTERDOMAIN, DOMAIN);
	KUNIT_ASSERT_GT(test, port, 0);
	KUNIT_EXPECT_NULL(test, world.at_request);
	KUNIT_EXPECT_TRUE(test, works(test->priv, port));
}

static void reading_before_writing_never_overflows(struct kunit *test)
{
	const u32 ports = UEVTCHN_MIN_SIZE;
	struct file *filp = test->priv;
	u32 i, round;

	for (i = 1; i <= ports; i++)
		bind_virq(filp);
	for (round = 0; round < 4; round++) {
		for (i = 1; i <= ports; i++) {
			event(i);
			replay(i);
			replay(i);
		}
		KUNIT_EXPECT_EQ(test, world.file->ring.used, ports);
		KUNIT_EXPECT_EQ(test, ports, read_ports(filp, 2 * ports));
		/* All of them with one write, in the order of the events. */
		KUNIT_EXPECT_EQ(test, 1 + round % 2, world.memory[round % 2]);
		KUNIT_EXPECT_EQ(test, 4 * ports, write_at(filp, USER_BASE, 4 * ports));
	}
	KUNIT_EXPECT_FALSE(test, world.file->ring.overflow);
	/* One more port makes the ring and the table grow; no event is lost. */
	i = bind_virq(filp);
	KUNIT_EXPECT_EQ(test, world.file->ring.size, 2 * ports);
	KUNIT_EXPECT_EQ(test, world.file->table_size, 2 * ports);
	KUNIT_EXPECT_EQ(test, ports, read_ports(filp, 2 * ports));
	write_at(filp, USER_BASE, 4 * ports);
	for (; i; i--)
		KUNIT_ASSERT_TRUE(test, works(filp, i));
	/* Leave the ports in every state for the last close. */
	for (i = 1; i <= ports; i++) {
		if (i % 2)
			event(i);
		if (i % 3)
			replay(i);
	}
}

/*
 * Restores
 */

static void restore_takes_ports_from_nobody_else(struct kunit *test)
{
	struct file *filp = test->priv;
	evtchn_port_t a = bind_virq(filp), b = bind_virq(filp), c = bind_virq(filp);
	unsigned int eois, irq;

	event(a);
	event(b);
	read_ports(filp, 1);
	event(c);
	restore_domain();
	/* Now all numbers but one belong to the kernel. */
	world.ports[b].status = EVTCHNSTAT_virq;
	world.ports[b].irq = world_map(b, false);
	world.ports[c].status = EVTCHNSTAT_ipi;
	irq = world.ports[b].irq;
	eois = world.eois;

	KUNIT_EXPECT_EQ(test, -ENOTCONN, call(filp, IOCTL_EVTCHN_NOTIFY, b));
	KUNIT_EXPECT_EQ(test, 4, write_port(filp, b));
	KUNIT_EXPECT_EQ(test, eois, world.eois);
	KUNIT_EXPECT_EQ(test, 4, world.nr_irqs);

	/* UNBIND of a lost port succeeds once, whoever has the number now. */
	world.nr_channels = c;
	KUNIT_EXPECT_EQ(test, 0, call(filp, IOCTL_EVTCHN_UNBIND, c));
	KUNIT_EXPECT_EQ(test, -EINVAL, call(filp, IOCTL_EVTCHN_UNBIND, c));
	world.nr_channels = NR_PORTS;
	KUNIT_EXPECT_EQ(test, 3, world.nr_irqs);
	KUNIT_EXPECT_EQ(test, world.ports[c].status, EVTCHNSTAT_ipi);

	/* The next bind releases the irqs, and withdraws the events. */
	KUNIT_EXPECT_EQ(test, a, bind_virq(filp));
	KUNIT_EXPECT_EQ(test, 2, world.nr_irqs);
	KUNIT_EXPECT_EQ(test, 1, world.file->nr_bindings);
	KUNIT_EXPECT_EQ(test, 1, world.file->restores);
	KUNIT_EXPECT_EQ(test, -EAGAIN, read_ports(filp, 8));
	KUNIT_EXPECT_TRUE(test, works(filp, a));
	/* The file has the number twice: the new port, and the lost one. */
	KUNIT_EXPECT_EQ(test, 0, call(filp, IOCTL_EVTCHN_UNBIND, a));
	KUNIT_EXPECT_EQ(test, world.ports[a].status, EVTCHNSTAT_closed);
	KUNIT_EXPECT_EQ(test, 0, call(filp, IOCTL_EVTCHN_UNBIND, a));
	KUNIT_EXPECT_EQ(test, -ENOTCONN, call(filp, IOCTL_EVTCHN_UNBIND, a));
	KUNIT_EXPECT_EQ(test, 0, world.file->nr_bindings);
	KUNIT_EXPECT_EQ(test, a, bind_virq(filp));

	/* Two restores: one before a bind, and one before the close. */
	restore_domain();
	KUNIT_EXPECT_EQ(test, 1, bind_virq(filp));
	event(1);
	restore_domain();
	world.ports[1].status = EVTCHNSTAT_virq;
	close_file(filp);
	KUNIT_EXPECT_EQ(test, world.ports[1].status, EVTCHNSTAT_virq);
	world_put_irq(irq);
	KUNIT_EXPECT_EQ(test, 0, world.closes);
}

/*
 * Static ports
 */

static void bind_static_takes_what_is_nobodys(struct kunit *test)
{
	static const struct {
		u32 status;
		int op, want;
	} rows[] = {
		{ EVTCHNSTAT_closed, 0, -ENOENT },
		{ EVTCHNSTAT_unbound, 0, 0 },
		{ EVTCHNSTAT_interdomain, 0, 0 },
		{ EVTCHNSTAT_pirq, 0, -EBUSY },
		{ EVTCHNSTAT_virq, 0, -EBUSY },
		{ EVTCHNSTAT_ipi, 0, -EBUSY },
		{ EVTCHNSTAT_ipi + 1, 0, -EBUSY },
		{ EVTCHNSTAT_interdomain, -EACCES, -EBUSY },
		{ EVTCHNSTAT_interdomain, -EINVAL, -EINVAL },
	};
	struct file *filp = test->priv, *other;
	unsigned int i;
	long rc;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		world.ports[FIXED].status = rows[i].status;
		world.fail.op = rows[i].op;
		rc = call(filp, IOCTL_EVTCHN_BIND_STATIC, FIXED);
		world.fail.op = 0;
		if (rc != rows[i].want)
			KUNIT_FAIL(test, "row %u: %ld", i, rc);
		if (!rc)
			KUNIT_EXPECT_EQ(test, 0, call(filp, IOCTL_EVTCHN_UNBIND, FIXED));
		KUNIT_EXPECT_EQ(test, world.ports[FIXED].status, rows[i].status);
		KUNIT_EXPECT_EQ(test, 0, world.file->nr_bindings);
	}

	world.store_port = FIXED;
	KUNIT_EXPECT_EQ(test, -EBUSY, call(filp, IOCTL_EVTCHN_BIND_STATIC, FIXED));
	world.store_port = -1;

	/* An event before the bind is delivered; a second owner is refused. */
	event(FIXED);
	KUNIT_EXPECT_EQ(test, 0, call(filp, IOCTL_EVTCHN_BIND_STATIC, FIXED));
	KUNIT_EXPECT_EQ(test, -EISCONN, call(filp, IOCTL_EVTCHN_BIND_STATIC, FIXED));
	KUNIT_EXPECT_EQ(test, -EISCONN,
			call(filp, IOCTL_EVTCHN_BIND_STATIC, bind_virq(filp)));
	other = open_file(test);
	KUNIT_EXPECT_EQ(test, -EBUSY, call(other, IOCTL_EVTCHN_BIND_STATIC, FIXED));
	KUNIT_EXPECT_EQ(test, -ENOTCONN, call(other, IOCTL_EVTCHN_NOTIFY, FIXED));
	KUNIT_EXPECT_EQ(test, -ENOTCONN, call(other, IOCTL_EVTCHN_UNBIND, FIXED));
	write_port(other, FIXED);
	KUNIT_EXPECT_EQ(test, 0, world.eois);
	close_file(other);
	KUNIT_EXPECT_EQ(test, 1, read_ports(filp, 8));
	write_port(filp, FIXED);
	KUNIT_EXPECT_TRUE(test, works(filp, FIXED));
	close_file(filp);
	KUNIT_EXPECT_EQ(test, world.ports[FIXED].status, EVTCHNSTAT_interdomain);
	KUNIT_EXPECT_EQ(test, 0, world.closes);
}

/*
 * File operations
 */

static void open_file_has_a_name_fit_for_proc(struct kunit *test)
{
	static const char * const names[][2] = {
		{ "../a/b\tc\x7f", "evtchn:..!a!b!c!" },
		{ "123456789abcdef", "evtchn:123456789abcdef" },
		{ "", "evtchn:" },
	};
	char comm[TASK_COMM_LEN];
	struct file *filp;
	unsigned int i;

	strscpy(comm, current->comm, sizeof(comm));
	for (i = 0; i < ARRAY_SIZE(names); i++) {
		strscpy(current->comm, names[i][0], sizeof(comm));
		filp = open_file(test);
		strscpy(current->comm, comm, sizeof(comm));
		bind_virq(filp);
		KUNIT_EXPECT_STREQ(test, irq_of(world.ports[1].irq)->name, names[i][1]);
		KUNIT_EXPECT_TRUE(test, filp->f_mode & FMODE_STREAM);
		close_file(filp);
	}
	world.fail.alloc = 1;
	KUNIT_EXPECT_EQ(test, -ENOMEM, uevtchn_fops.open(NULL, filp));
}

static void read_rounds_down_and_takes_all_or_nothing(struct kunit *test)
{
	static const u32 counts[] = { 1, 7, 8, 9, 15, 16, 17, 33 };
	struct file *filp = test->priv;
	unsigned long memory = USER_BASE, end = memory + USER_SIZE;
	const u32 page = PAGE_SIZE / sizeof(u32);
	u32 i, n, at = 1000;

	KUNIT_EXPECT_EQ(test, -EAGAIN, read_at(filp, memory, 4));
	KUNIT_EXPECT_EQ(test, 0, read_at(filp, NOWHERE, 3));
	/* Ports without an irq, which programs could not have. */
	KUNIT_ASSERT_EQ(test, 0, uevtchn_ring_reserve(&world.file->ring, page + 200));
	for (i = 0; i < page + 200; i++)
		uevtchn_ring_push(&world.file->ring, at + i);
	for (i = 0; i < ARRAY_SIZE(counts); i++) {
		n = counts[i];
		/* A fault at the first port, the last one, in the middle. */
		KUNIT_EXPECT_EQ(test, -EFAULT, read_at(filp, NOWHERE, 4 * n));
		KUNIT_EXPECT_EQ(test, -EFAULT, read_at(filp, end - 4 * n + 4, 4 * n));
		KUNIT_EXPECT_EQ(test, -EFAULT, read_at(filp, end - 4 * (n / 2), 4 * n));
		world.memory[n] = 1;
		KUNIT_EXPECT_EQ(test, 4 * n, read_at(filp, memory, 4 * n + 3));
		KUNIT_EXPECT_EQ(test, at, world.memory[0]);
		KUNIT_EXPECT_EQ(test, at + n - 1, world.memory[n - 1]);
		KUNIT_EXPECT_EQ(test, 1, world.memory[n]);
		at += n;
	}
	KUNIT_EXPECT_EQ(test, PAGE_SIZE, read_at(filp, memory, USER_SIZE));
	for (i = 0; i < page && world.memory[i] == at + i; i++)
		;
	KUNIT_EXPECT_EQ(test, i, page);
	i = read_ports(filp, page);
	KUNIT_EXPECT_EQ(test, at + page + i, 1000 + page + 200);
	KUNIT_EXPECT_EQ(test, -EAGAIN, read_ports(filp, 1));
}

static void write_takes_all_or_nothing(struct kunit *test)
{
	static const u32 counts[] = { 1, 31, 32, 33, 64, 65, 100 };
	struct file *filp = test->priv;
	unsigned long memory = USER_BASE, end = memory + USER_SIZE;
	const u32 page = PAGE_SIZE / sizeof(u32);
	evtchn_port_t port = bind_virq(filp);
	u32 i, n;

	KUNIT_EXPECT_EQ(test, 0, write_at(filp, NOWHERE, 3));
	for (i = 0; i < 2 * page; i++)
		world.memory[i] = i < page ? 0 : port;
	for (i = 0; i < ARRAY_SIZE(counts); i++) {
		n = counts[i];
		event(port);
		KUNIT_EXPECT_EQ(test, -EFAULT, write_at(filp, end - 4 * n + 4, 4 * n));
		KUNIT_EXPECT_EQ(test, -EFAULT, write_at(filp, NOWHERE, 4 * n));
		KUNIT_EXPECT_EQ(test, i, world.eois);
		/* Only the last number is the port's. */
		KUNIT_EXPECT_EQ(test, 4 * n,
				write_at(filp, memory + PAGE_SIZE - 4 * n + 4, 4 * n + 2));
		KUNIT_EXPECT_EQ(test, i + 1, world.eois);
	}
	event(port);
	/* Numbers beyond a page are ignored. */
	KUNIT_EXPECT_EQ(test, PAGE_SIZE, write_at(filp, memory, USER_SIZE));
	KUNIT_EXPECT_EQ(test, i, world.eois);
	KUNIT_EXPECT_EQ(test, PAGE_SIZE, write_at(filp, memory + 4, PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, i + 1, world.eois);
	world.fail.alloc = 1;
	KUNIT_EXPECT_EQ(test, -ENOMEM, write_at(filp, memory, 4 * 33));
}

static void overflow_ends_with_reset(struct kunit *test)
{
	struct file *filp = test->priv;
	evtchn_port_t port = bind_virq(filp);
	u32 i;

	for (i = 0; i < UEVTCHN_MIN_SIZE; i++) {
		event(port);
		write_port(filp, port);
	}
	KUNIT_EXPECT_TRUE(test, poll(filp) == (WRITABLE | READABLE));
	event(port);
	for (i = 0; i < 2; i++) {
		KUNIT_EXPECT_TRUE(test, poll(filp) == EPOLLERR);
		KUNIT_EXPECT_EQ(test, -EFBIG, read_ports(filp, 1));
	}
	KUNIT_EXPECT_EQ(test, 0, call(filp, IOCTL_EVTCHN_RESET, 0));
	KUNIT_EXPECT_TRUE(test, poll(filp) == WRITABLE);
	KUNIT_EXPECT_EQ(test, -EAGAIN, read_ports(filp, 1));
	/* The port is masked until it is written, though nobody read it. */
	event(port);
	KUNIT_EXPECT_EQ(test, -EAGAIN, read_ports(filp, 1));
	write_port(filp, port);
	KUNIT_EXPECT_EQ(test, 1, read_ports(filp, 8));
}

static void read_waits_unless_told_not_to(struct kunit *test)
{
	struct file *filp = test->priv;
	evtchn_port_t port = bind_virq(filp);

	/* With a signal pending, so that no call can wait endlessly. */
	set_tsk_thread_flag(current, TIF_SIGPENDING);
	filp->f_flags &= ~O_NONBLOCK;
	KUNIT_EXPECT_EQ(test, 0, read_at(filp, USER_BASE, 3));
	KUNIT_EXPECT_EQ(test, -ERESTARTSYS, read_ports(filp, 1));
	event(port);
	KUNIT_EXPECT_EQ(test, 1, read_ports(filp, 1));
	clear_tsk_thread_flag(current, TIF_SIGPENDING);
}

static void note_queue(struct file *filp, wait_queue_head_t *queue, poll_table *table)
{
	KUNIT_EXPECT_PTR_EQ(world.test, queue, &world.file->ring.wait);
	table->_qproc = NULL;
}

static void poll_and_sigio_tell_of_events(struct kunit *test)
{
	struct file *filp = test->priv;
	evtchn_port_t port = bind_virq(filp), other = bind_virq(filp);
	poll_table table;

	init_poll_funcptr(&table, note_queue);
	KUNIT_EXPECT_TRUE(test, uevtchn_fops.poll(filp, &table) == WRITABLE);
	KUNIT_EXPECT_NULL(test, table._qproc);

	event(port);
	KUNIT_EXPECT_EQ(test, 0, world.signals);
	read_ports(filp, 1);
	write_port(filp, port);
	KUNIT_EXPECT_GT(test, uevtchn_fops.fasync(-1, filp, 1), 0);
	/* Only the first event in an empty ring sends a signal. */
	event(port);
	event(other);
	KUNIT_EXPECT_EQ(test, 1, world.signals);
	KUNIT_EXPECT_TRUE(test, poll(filp) == (WRITABLE | READABLE));
	KUNIT_EXPECT_GT(test, uevtchn_fops.fasync(-1, filp, 0), 0);
	KUNIT_EXPECT_NULL(test, world.file->ring.fasync);
}

/* The irq should be the one of the port, or 0 if the port is closed. */
static void expect_status(struct file *filp, evtchn_port_t port, u32 status, u32 domain,
			  u32 remote, u32 flags)
{
	const u32 want[] = {
		port, status, domain, remote, flags,
		status == EVTCHN_STATUS_CLOSED ? 0 : world.ports[port].irq,
	};

	/* STATUS must overwrite all fields, and nothing else. */
	memset32(world.memory, 0xa5a5a5a5, ARRAY_SIZE(want) + 1);
	KUNIT_EXPECT_EQ(world.test, 0, call(filp, IOCTL_EVTCHN_STATUS, port));
	KUNIT_EXPECT_MEMEQ(world.test, world.memory, want, sizeof(want));
	KUNIT_EXPECT_EQ(world.test, 0xa5a5a5a5, world.memory[ARRAY_SIZE(want)]);
}

static void status_tells_what_a_port_is(struct kunit *test)
{
	struct file *filp = test->priv;
	evtchn_port_t virq = bind_virq(filp), fixed = open_port(EVTCHNSTAT_unbound, false, 7);
	evtchn_port_t offered = call(filp, IOCTL_EVTCHN_BIND_UNBOUND_PORT, DOMAIN);
	evtchn_port_t connected = call(filp, IOCTL_EVTCHN_BIND_INTERDOMAIN, DOMAIN);

	KUNIT_EXPECT_EQ(test, 0, call(filp, IOCTL_EVTCHN_BIND_STATIC, fixed));
	/* A new connection gets one event. */
	KUNIT_EXPECT_EQ(test, 1, read_ports(filp, 2));
	expect_status(filp, connected, EVTCHN_STATUS_CONNECTED, DOMAIN, REMOTE_PORT,
		      EVTCHN_STATUS_F_MASKED);
	write_port(filp, connected);
	expect_status(filp, connected, EVTCHN_STATUS_CONNECTED, DOMAIN, REMOTE_PORT, 0);
	expect_status(filp, offered, EVTCHN_STATUS_UNBOUND, DOMAIN, 0, 0);
	expect_status(filp, virq, EVTCHN_STATUS_VIRQ, 0, 3, 0);
	expect_status(filp, fixed, EVTCHN_STATUS_UNBOUND, 7, 0, EVTCHN_STATUS_F_STATIC);
	event(fixed);
	expect_status(filp, fixed, EVTCHN_STATUS_UNBOUND, 7, 0,
		      EVTCHN_STATUS_F_STATIC | EVTCHN_STATUS_F_MASKED);
	/* A restricted file may ask, too; the other end is closed. */
	KUNIT_EXPECT_EQ(test, 0, call(filp, IOCTL_EVTCHN_RESTRICT_DOMID, DOMAIN));
	world.ports[connected].status = EVTCHNSTAT_unbound;
	expect_status(filp, connected, EVTCHN_STATUS_UNBOUND, DOMAIN, 0, 0);
	/* Somebody closed the port by force: only the binding is left. */
	world.ports[connected].status = EVTCHNSTAT_closed;
	KUNIT_EXPECT_EQ(test, 0, call(filp, IOCTL_EVTCHN_STATUS, connected));
	KUNIT_EXPECT_EQ(test, EVTCHN_STATUS_CLOSED, world.memory[1]);
	world.ports[connected].status = EVTCHNSTAT_interdomain;

	world.fail.op = -EACCES;
	KUNIT_EXPECT_EQ(test, -EACCES, call(filp, IOCTL_EVTCHN_STATUS, virq));
	world.fail.op = 0;

	restore_domain();
	expect_status(filp, connected, EVTCHN_STATUS_CLOSED, 0, 0, 0);
	KUNIT_EXPECT_EQ(test, 0, call(filp, IOCTL_EVTCHN_UNBIND, connected));
	KUNIT_EXPECT_EQ(test, -ENOTCONN, call(filp, IOCTL_EVTCHN_STATUS, connected));
}

static int set_notifyfd(struct file *filp, evtchn_port_t port, int fd)
{
	world.memory[0] = port;
	world.memory[1] = fd;
	return call_at(filp, IOCTL_EVTCHN_NOTIFYFD, USER_BASE);
}

/* Whether a write to the eventfd is taken and sends @events events to @port. */
static bool notifies(int fd, evtchn_port_t port, unsigned int events)
{
	unsigned int sends = world.ports[port].sends;

	write_eventfd(fd, 1);
	if (world.eventfds[fd].count != !events)
		return false;
	world.eventfds[fd].count = 0;
	return world.ports[port].sends == sends + events;
}

static void writes_to_an_eventfd_notify_its_port(struct kunit *test)
{
	struct file *filp = test->priv, *other = open_file(test);
	evtchn_port_t port = bind_virq(filp), second = bind_virq(filp), foreign = bind_virq(other);

	KUNIT_EXPECT_EQ(test, 0, set_notifyfd(filp, port, 0));
	KUNIT_EXPECT_TRUE(test, notifies(0, port, 1));
	/* A write of 0 sends no event, and any other write sends one. */
	write_eventfd(0, 0);
	KUNIT_EXPECT_EQ(test, 1, world.ports[port].sends);
	write_eventfd(0, 7);
	KUNIT_EXPECT_EQ(test, 2, world.ports[port].sends);
	write_eventfd(1, 3);
	KUNIT_EXPECT_EQ(test, 0, set_notifyfd(filp, second, 1));
	KUNIT_EXPECT_EQ(test, 1, world.ports[second].sends);
	KUNIT_EXPECT_EQ(test, 0, world.eventfds[1].count);
	/* A wake-up by a reader has no effect. */
	world.eventfds[1].count = 1;
	wake_up_poll(&world.eventfds[1].queue, EPOLLOUT);
	KUNIT_EXPECT_EQ(test, 1, world.eventfds[1].count);
	world.eventfds[1].count = 0;
	expect_status(filp, port, EVTCHN_STATUS_VIRQ, 0, 3, EVTCHN_STATUS_F_NOTIFYFD);

	/* A failed command changes nothing. */
	KUNIT_EXPECT_EQ(test, -ENOTCONN, set_notifyfd(filp, foreign, 2));
	KUNIT_EXPECT_EQ(test, -EINVAL, set_notifyfd(filp, port, -2));
	KUNIT_EXPECT_EQ(test, -EBADF, set_notifyfd(filp, port, NR_EVENTFDS + 1));
	KUNIT_EXPECT_EQ(test, -EINVAL, set_notifyfd(filp, port, NR_EVENTFDS));
	KUNIT_EXPECT_EQ(test, -EBUSY, set_notifyfd(filp, port, 1));
	world.fail.alloc = 1;
	KUNIT_EXPECT_EQ(test, -ENOMEM, set_notifyfd(filp, port, 2));
	world.killed = true;
	KUNIT_EXPECT_EQ(test, -EINTR, set_notifyfd(filp, port, 2));
	KUNIT_EXPECT_EQ(test, -EINTR, set_notifyfd(filp, port, -1));
	world.killed = false;
	KUNIT_EXPECT_EQ(test, -EFAULT, call_at(filp, IOCTL_EVTCHN_NOTIFYFD, NOWHERE));
	KUNIT_EXPECT_TRUE(test, notifies(0, port, 1));
	KUNIT_EXPECT_TRUE(test, notifies(1, second, 1));

	/* The same eventfd again, another, and none, on a restricted file. */
	KUNIT_EXPECT_EQ(test, 0, call(filp, IOCTL_EVTCHN_RESTRICT_DOMID, DOMAIN));
	KUNIT_EXPECT_EQ(test, 0, set_notifyfd(filp, port, 0));
	KUNIT_EXPECT_TRUE(test, notifies(0, port, 1));
	KUNIT_EXPECT_EQ(test, 0, set_notifyfd(filp, port, 2));
	KUNIT_EXPECT_TRUE(test, notifies(0, port, 0));
	KUNIT_EXPECT_TRUE(test, notifies(2, port, 1));
	KUNIT_EXPECT_EQ(test, 0, set_notifyfd(filp, port, -1));
	KUNIT_EXPECT_EQ(test, 0, set_notifyfd(filp, port, -1));
	KUNIT_EXPECT_TRUE(test, notifies(2, port, 0));
	expect_status(filp, port, EVTCHN_STATUS_VIRQ, 0, 3, 0);

	/* UNBIND ends the tie; the port's number is at once somebody else's. */
	KUNIT_EXPECT_EQ(test, 0, call(filp, IOCTL_EVTCHN_UNBIND, second));
	KUNIT_EXPECT_EQ(test, second, bind_virq(other));
	KUNIT_EXPECT_TRUE(test, notifies(1, second, 0));
	/* After a restore nothing is sent, and the next bind ends the tie. */
	KUNIT_EXPECT_EQ(test, 0, set_notifyfd(filp, port, 0));
	close_file(other);
	restore_domain();
	use(filp);
	KUNIT_EXPECT_EQ(test, -ENOTCONN, set_notifyfd(filp, port, 2));
	open_port(EVTCHNSTAT_unbound, false, 0);
	write_eventfd(0, 1);
	KUNIT_EXPECT_EQ(test, 0, world.ports[port].sends);
	KUNIT_EXPECT_EQ(test, 0, world.eventfds[0].count);
	call(filp, IOCTL_EVTCHN_BIND_INTERDOMAIN, DOMAIN);
	KUNIT_EXPECT_EQ(test, 0, world.eventfds[0].refs);
}

static int set_eventfd(struct file *filp, evtchn_port_t port, int fd, u32 flags)
{
	world.memory[0] = port;
	world.memory[1] = fd;
	world.memory[2] = flags;
	return call_at(filp, IOCTL_EVTCHN_EVENTFD, USER_BASE);
}

#define READ_ENABLES	EVTCHN_EVENTFD_READ_ENABLES

static void eventfd_gets_the_events_of_its_port(struct kunit *test)
{
	struct file *filp = test->priv, *other = open_file(test);
	evtchn_port_t port = bind_virq(filp), second = bind_virq(filp), foreign = bind_virq(other);
	unsigned int eois;

	/* The port is masked until it is written. */
	KUNIT_EXPECT_EQ(test, 0, set_eventfd(filp, port, 0, 0));
	expect_status(filp, port, EVTCHN_STATUS_VIRQ, 0, 3, EVTCHN_STATUS_F_EVENTFD);
	event(port);
	event(port);
	KUNIT_EXPECT_EQ(test, 1, read_eventfd(0));
	KUNIT_EXPECT_EQ(test, 0, read_eventfd(0));
	KUNIT_EXPECT_EQ(test, -EAGAIN, read_ports(filp, 1));
	write_port(filp, port);
	KUNIT_EXPECT_EQ(test, 1, read_eventfd(0));
	/* A missed event is delivered by the write. */
	replay(port);
	write_port(filp, port);
	KUNIT_EXPECT_EQ(test, 1, read_eventfd(0));
	write_port(filp, port);
	KUNIT_EXPECT_EQ(test, 0, read_eventfd(0));

	/* Two ports may share an eventfd, unless a read of it enables one. */
	KUNIT_EXPECT_EQ(test, 0, set_eventfd(filp, second, 0, 0));
	event(port);
	event(second);
	KUNIT_EXPECT_EQ(test, 2, read_eventfd(0));
	KUNIT_EXPECT_EQ(test, -EBUSY, set_eventfd(filp, port, 0, READ_ENABLES));
	KUNIT_EXPECT_EQ(test, 0, set_eventfd(filp, second, 1, READ_ENABLES));
	KUNIT_EXPECT_EQ(test, -EBUSY, set_eventfd(filp, port, 1, 0));
	/* The event that was not answered has moved to the new eventfd. */
	KUNIT_EXPECT_EQ(test, 1, read_eventfd(1));
	expect_status(filp, second, EVTCHN_STATUS_VIRQ, 0, 3, EVTCHN_STATUS_F_EVENTFD);

	/* A failed command changes nothing. */
	KUNIT_EXPECT_EQ(test, -ENOTCONN, set_eventfd(filp, foreign, 2, 0));
	KUNIT_EXPECT_EQ(test, -EINVAL, set_eventfd(filp, port, -2, 0));
	KUNIT_EXPECT_EQ(test, -EINVAL, set_eventfd(filp, port, 2, 2));
	KUNIT_EXPECT_EQ(test, -EINVAL, set_eventfd(filp, port, -1, READ_ENABLES));
	KUNIT_EXPECT_EQ(test, -EBADF, set_eventfd(filp, port, NR_EVENTFDS + 1, 0));
	KUNIT_EXPECT_EQ(test, -EINVAL, set_eventfd(filp, port, NR_EVENTFDS, 0));
	world.fail.alloc = 1;
	KUNIT_EXPECT_EQ(test, -ENOMEM, set_eventfd(filp, port, 2, 0));
	world.killed = true;
	KUNIT_EXPECT_EQ(test, -EINTR, set_eventfd(filp, port, 2, 0));
	world.killed = false;
	KUNIT_EXPECT_EQ(test, -EFAULT, call_at(filp, IOCTL_EVTCHN_EVENTFD, NOWHERE));
	write_port(filp, port);
	event(port);
	KUNIT_EXPECT_EQ(test, 1, read_eventfd(0));

	/* Events go to the ring again, and the one that waits moves there. */
	KUNIT_EXPECT_EQ(test, 0, set_eventfd(filp, port, -1, 0));
	KUNIT_EXPECT_EQ(test, 1, read_ports(filp, 8));
	KUNIT_EXPECT_EQ(test, port, world.memory[0]);
	write_port(filp, port);
	KUNIT_EXPECT_TRUE(test, works(filp, port));
	/* An event that was read, but not answered, comes once more. */
	event(port);
	KUNIT_EXPECT_EQ(test, 1, read_ports(filp, 8));
	KUNIT_EXPECT_EQ(test, 0, set_eventfd(filp, port, -1, 0));
	KUNIT_EXPECT_EQ(test, -EAGAIN, read_ports(filp, 8));
	KUNIT_EXPECT_EQ(test, 0, set_eventfd(filp, port, 0, 0));
	KUNIT_EXPECT_EQ(test, 1, read_eventfd(0));
	KUNIT_EXPECT_EQ(test, 0, set_eventfd(filp, port, -1, 0));
	/* A write does nothing until the event is read from the ring. */
	eois = world.eois;
	write_port(filp, port);
	KUNIT_EXPECT_EQ(test, eois, world.eois);
	event(port);
	KUNIT_EXPECT_EQ(test, 1, read_ports(filp, 8));
	write_port(filp, port);
	KUNIT_EXPECT_EQ(test, 1, read_ports(filp, 8));
	write_port(filp, port);
	/* The event leaves the ring when an eventfd is set. */
	event(port);
	KUNIT_EXPECT_EQ(test, 0, set_eventfd(filp, port, 2, READ_ENABLES));
	KUNIT_EXPECT_EQ(test, -EAGAIN, read_ports(filp, 8));
	KUNIT_EXPECT_EQ(test, 1, read_eventfd(2));
	KUNIT_EXPECT_EQ(test, 0, call(filp, IOCTL_EVTCHN_UNBIND, port));
	event(second);
	KUNIT_EXPECT_EQ(test, 1, read_eventfd(1));
	close_file(other);
	use(filp);
}

static void model_read_eventfd(struct model *model)
{
	bool enables = model->queued && model->masked;

	model->queued = 0;
	if (!enables)
		return;
	model->masked = false;
	model->missed = false;
	model->line_masked = false;
	model_deliver(model);
}

/* As no_order_of_events_and_calls_loses_an_event(), for a port whose eventfd is read. */
static void read_of_an_eventfd_enables_its_port(struct kunit *test)
{
	struct file *filp = test->priv;
	unsigned int order, rest, i;
	struct model model;
	evtchn_port_t port;

	for (order = 0; order < 5 * 5 * 5 * 5 * 5; order++) {
		port = bind_virq(filp);
		KUNIT_ASSERT_EQ(test, 0, set_eventfd(filp, port, 0, READ_ENABLES));
		memset(&model, 0, sizeof(model));
		for (i = 0, rest = order; i < 5; i++, rest /= 5) {
			switch (rest % 5) {
			case 0:
				event(port);
				model.pending = true;
				model_deliver(&model);
				break;
			case 1:
				replay(port);
				model_handler(&model);
				break;
			case 2:
				read_eventfd(0);
				model_read_eventfd(&model);
				break;
			case 3:
				write_port(filp, port);
				model_write(&model);
				break;
			case 4: /* An event that was not answered moves. */
				complain_if(set_eventfd(filp, port, 0, READ_ENABLES) != 0,
					    "an eventfd cannot be set again");
				model.queued += model.masked;
				break;
			}
			complain_if(world.eventfds[0].count != model.queued,
				    "an eventfd has too few or too many events");
		}
		/* After that, a reader that empties it gets the next event. */
		while (read_eventfd(0))
			;
		event(port);
		complain_if(!read_eventfd(0), "an event is lost");
		complain_if(call(filp, IOCTL_EVTCHN_UNBIND, port) != 0, "UNBIND fails");
		complain_if(world.eventfds[0].refs, "UNBIND leaves an eventfd");
		world.eventfds[0].count = 0;
		if (world.complaint)
			KUNIT_FAIL_AND_ABORT(test, "%s, order %u", world.complaint, order);
	}
}

static void first_event_is_read(void)
{
	event(1);
	complain_if(read_eventfd(0) != 1, "the first event is not in the eventfd");
}

static void eventfd_is_heard_from_the_first_event_on(struct kunit *test)
{
	struct file *filp = test->priv;
	evtchn_port_t port = bind_virq(filp);

	KUNIT_ASSERT_EQ(test, 1, port);
	world.at_enable = first_event_is_read;
	KUNIT_EXPECT_EQ(test, 0, set_eventfd(filp, port, 0, READ_ENABLES));
	KUNIT_EXPECT_PTR_EQ(test, NULL, world.at_enable);
	event(port);
	KUNIT_EXPECT_EQ(test, 1, read_eventfd(0));
}

static void eventfd_ends_with_a_restore(struct kunit *test)
{
	struct file *filp = test->priv;
	evtchn_port_t port = bind_virq(filp);

	KUNIT_EXPECT_EQ(test, 0, set_eventfd(filp, port, 0, READ_ENABLES));
	event(port);
	restore_domain();
	KUNIT_EXPECT_EQ(test, -ENOTCONN, set_eventfd(filp, port, 1, 0));
	KUNIT_EXPECT_EQ(test, -ENOTCONN, set_eventfd(filp, port, -1, 0));
	KUNIT_EXPECT_EQ(test, 1, read_eventfd(0));
	bind_virq(filp);
	KUNIT_EXPECT_EQ(test, 0, world.eventfds[0].refs);
}

/* One eventfd that gets the events of one port and notifies another. */
static void eventfd_both_ways_forwards_and_cannot_storm(struct kunit *test)
{
	struct file *filp = test->priv;
	evtchn_port_t from = bind_virq(filp), to = bind_virq(filp);

	KUNIT_EXPECT_EQ(test, 0, set_eventfd(filp, from, 0, READ_ENABLES));
	KUNIT_EXPECT_EQ(test, 0, set_notifyfd(filp, to, 0));
	event(from);
	event(from);
	KUNIT_EXPECT_EQ(test, 1, world.ports[to].sends);
	/* Only the kernel has read the eventfd, so the port is masked. */
	KUNIT_EXPECT_EQ(test, 0, world.eventfds[0].count);
	expect_status(filp, from, EVTCHN_STATUS_VIRQ, 0, 3,
		      EVTCHN_STATUS_F_MASKED | EVTCHN_STATUS_F_EVENTFD);
	write_port(filp, from);
	KUNIT_EXPECT_EQ(test, 2, world.ports[to].sends);
}

#define FEATURES	(EVTCHN_FEATURE_READ_ENABLES | EVTCHN_FEATURE_STATUS | \
			 EVTCHN_FEATURE_NOTIFYFD | EVTCHN_FEATURE_EVENTFD)

static void features_are_told_and_switched_on(struct kunit *test)
{
	struct file *filp = test->priv;
	u32 bit;

	KUNIT_EXPECT_EQ(test, FEATURES, call(filp, IOCTL_EVTCHN_FEATURES, 0));
	for (bit = 1; bit < 32; bit++)
		KUNIT_EXPECT_EQ(test, -EINVAL,
				call(filp, IOCTL_EVTCHN_FEATURES, 1U << bit | 1));
	KUNIT_EXPECT_EQ(test, 0, atomic_read(&world.file->features));
	KUNIT_EXPECT_EQ(test, 0, call(filp, IOCTL_EVTCHN_RESTRICT_DOMID, DOMAIN));
	KUNIT_EXPECT_EQ(test, FEATURES,
			call(filp, IOCTL_EVTCHN_FEATURES, EVTCHN_FEATURE_READ_ENABLES));
	KUNIT_EXPECT_EQ(test, FEATURES, call(filp, IOCTL_EVTCHN_FEATURES, 0));
	KUNIT_EXPECT_EQ(test, EVTCHN_FEATURE_READ_ENABLES, atomic_read(&world.file->features));
}

static void read_enables_what_it_returns_if_told_to(struct kunit *test)
{
	struct file *filp = test->priv;
	evtchn_port_t ports[40], port;
	u32 i, eois;

	for (i = 0; i < ARRAY_SIZE(ports); i++)
		ports[i] = bind_virq(filp);
	port = ports[0];
	KUNIT_EXPECT_GT(test, call(filp, IOCTL_EVTCHN_FEATURES, EVTCHN_FEATURE_READ_ENABLES), 0);
	KUNIT_EXPECT_EQ(test, -EAGAIN, read_ports(filp, 1));
	for (i = 0; i < 3; i++) {
		event(port);
		/* Until it is read, the port is masked. */
		event(port);
		KUNIT_EXPECT_EQ(test, 2 * i, world.eois);
		KUNIT_EXPECT_EQ(test, -EFAULT, read_at(filp, NOWHERE, 4));
		KUNIT_EXPECT_EQ(test, 2 * i, world.eois);
		KUNIT_EXPECT_EQ(test, 1, read_ports(filp, 8));
		KUNIT_EXPECT_EQ(test, port, world.memory[0]);
		/* The second event was held back until that read. */
		KUNIT_EXPECT_EQ(test, 1, read_ports(filp, 8));
		KUNIT_EXPECT_EQ(test, 2 * i + 2, world.eois);
		KUNIT_EXPECT_EQ(test, -EAGAIN, read_ports(filp, 1));
	}
	KUNIT_EXPECT_EQ(test, EVTCHN_FEATURE_READ_ENABLES, atomic_read(&world.file->features));
	/* A write of an enabled port does nothing. */
	write_port(filp, port);
	KUNIT_EXPECT_EQ(test, 6, world.eois);
	/* A program that does not know the feature writes a queued port. */
	for (i = 0; i < 100; i++) {
		event(port);
		KUNIT_EXPECT_EQ(test, 1, read_ports(filp, 1));
		event(port);
		event(port);
		write_port(filp, port);
		KUNIT_EXPECT_EQ(test, 1, read_ports(filp, 8));
		/* After the read, the event that was held back comes once. */
		write_port(filp, port);
		KUNIT_EXPECT_EQ(test, 1, read_ports(filp, 8));
		KUNIT_EXPECT_EQ(test, -EAGAIN, read_ports(filp, 8));
	}
	/* If the port is in the ring twice, its last entry enables it. */
	event(port);
	uevtchn_ring_push(&world.file->ring, port);
	eois = world.eois;
	KUNIT_EXPECT_EQ(test, 1, read_ports(filp, 1));
	KUNIT_EXPECT_EQ(test, eois, world.eois);
	KUNIT_EXPECT_EQ(test, 1, read_ports(filp, 1));
	KUNIT_EXPECT_EQ(test, eois + 1, world.eois);
	/* A port whose event RESET has dropped can be enabled by a write. */
	event(port);
	KUNIT_EXPECT_EQ(test, 0, call(filp, IOCTL_EVTCHN_RESET, 0));
	write_port(filp, port);
	event(port);
	KUNIT_EXPECT_EQ(test, 1, read_ports(filp, 8));
	/* A missed event is not lost. */
	event(port);
	replay(port);
	KUNIT_EXPECT_EQ(test, 1, read_ports(filp, 8));
	KUNIT_EXPECT_EQ(test, 1, read_ports(filp, 8));
	KUNIT_EXPECT_EQ(test, -EAGAIN, read_ports(filp, 8));

	for (i = 0; i < ARRAY_SIZE(ports); i++)
		event(ports[i]);
	KUNIT_EXPECT_EQ(test, 3, read_ports(filp, 3));
	KUNIT_EXPECT_EQ(test, 32, read_ports(filp, 64));
	KUNIT_EXPECT_EQ(test, 5, read_ports(filp, 64));
	KUNIT_EXPECT_EQ(test, ports[39], world.memory[4]);
	KUNIT_EXPECT_EQ(test, -EAGAIN, read_ports(filp, 64));
	/* An overflow enables nothing. */
	event(port);
	for (i = 0; i < 64; i++)
		uevtchn_ring_push(&world.file->ring, port);
	eois = world.eois;
	KUNIT_EXPECT_EQ(test, -EFBIG, read_ports(filp, 8));
	KUNIT_EXPECT_EQ(test, eois, world.eois);
}

/* As readv() and io_uring call, but with kernel memory. */
static ssize_t call_iter(struct file *filp, unsigned int direction, void *memory,
			 size_t size, int flags)
{
	struct kvec vec = { .iov_base = memory, .iov_len = size };
	struct kiocb iocb = { .ki_filp = filp, .ki_flags = flags };
	struct iov_iter iter;

	iov_iter_kvec(&iter, direction, &vec, 1, size);
	use(filp);
	return direction == ITER_DEST ? uevtchn_fops.read_iter(&iocb, &iter) :
					uevtchn_fops.write_iter(&iocb, &iter);
}

static ssize_t read_iter(struct file *filp, void *memory, size_t size, int flags)
{
	return call_iter(filp, ITER_DEST, memory, size, flags);
}

static ssize_t write_iter(struct file *filp, void *memory, size_t size, int flags)
{
	return call_iter(filp, ITER_SOURCE, memory, size, flags);
}

static void iterators_are_as_good_as_buffers(struct kunit *test)
{
	struct file *filp = test->priv;
	evtchn_port_t ports[20], got[20];
	u32 many[40], i;

	KUNIT_EXPECT_TRUE(test, filp->f_mode & FMODE_NOWAIT);
	for (i = 0; i < ARRAY_SIZE(ports); i++) {
		ports[i] = bind_virq(filp);
		event(ports[i]);
	}
	KUNIT_EXPECT_EQ(test, 0, read_iter(filp, got, 3, 0));
	KUNIT_EXPECT_EQ(test, 4, read_iter(filp, got, 7, 0));
	KUNIT_EXPECT_EQ(test, 76, read_iter(filp, got + 1, 76, 0));
	KUNIT_EXPECT_MEMEQ(test, got, ports, sizeof(ports));
	KUNIT_EXPECT_EQ(test, -EAGAIN, read_iter(filp, got, 4, 0));
	/* IOCB_NOWAIT does not wait, even if the file is blocking. */
	filp->f_flags &= ~O_NONBLOCK;
	KUNIT_EXPECT_EQ(test, -EAGAIN, read_iter(filp, got, 4, IOCB_NOWAIT));
	filp->f_flags |= O_NONBLOCK;

	KUNIT_EXPECT_EQ(test, 80, write_iter(filp, ports, 82, IOCB_NOWAIT));
	KUNIT_EXPECT_EQ(test, 20, world.eois);
	for (i = 0; i < ARRAY_SIZE(many); i++)
		many[i] = ports[0];
	event(ports[0]);
	/* If memory is not available at once, the write may be tried again. */
	world.fail.alloc = 1;
	KUNIT_EXPECT_EQ(test, -EAGAIN, write_iter(filp, many, 33 * 4, IOCB_NOWAIT));
	world.fail.alloc = 1;
	KUNIT_EXPECT_EQ(test, -ENOMEM, write_iter(filp, many, 33 * 4, 0));
	KUNIT_EXPECT_EQ(test, 20, world.eois);
	KUNIT_EXPECT_EQ(test, 33 * 4, write_iter(filp, many, 33 * 4, IOCB_NOWAIT));
	KUNIT_EXPECT_EQ(test, 21, world.eois);
	KUNIT_EXPECT_EQ(test, 1, read_ports(filp, 4));
}

static const char *fdinfo(struct kunit *test)
{
	struct seq_file m = { .size = 400 };

	m.buf = kunit_kzalloc(test, m.size, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, m.buf);
	uevtchn_fops.show_fdinfo(&m, test->priv);
	return m.buf;
}

static void fdinfo_tells_why_nothing_is_heard(struct kunit *test)
{
	struct file *filp = test->priv;
	u32 i;

	KUNIT_EXPECT_STREQ(test, fdinfo(test), "evtchn-ports:\t0\nevtchn-ring:\t0/0\n");
	bind_virq(filp);
	event(bind_virq(filp));
	KUNIT_EXPECT_STREQ(test, fdinfo(test),
			   "evtchn-ports:\t2\nevtchn-ring:\t1/64\n"
			   "evtchn-port:\t1 irq 1000\nevtchn-port:\t2 irq 1001 masked\n");
	replay(2);
	open_port(EVTCHNSTAT_unbound, false, 0);
	call(filp, IOCTL_EVTCHN_BIND_STATIC, 3);
	set_eventfd(filp, 3, 0, 0);
	set_notifyfd(filp, 1, 1);
	KUNIT_EXPECT_STREQ(test, fdinfo(test),
			   "evtchn-ports:\t3\nevtchn-ring:\t1/64\n"
			   "evtchn-port:\t1 irq 1000 notifyfd\n"
			   "evtchn-port:\t2 irq 1001 masked missed\n"
			   "evtchn-port:\t3 irq 1002 static eventfd\n");
	world.killed = true;
	KUNIT_EXPECT_STREQ(test, fdinfo(test), "evtchn-ports:\t3\nevtchn-ring:\t1/64\n");
	world.killed = false;

	restore_domain();
	call(filp, IOCTL_EVTCHN_RESTRICT_DOMID, DOMAIN);
	for (i = 0; i < UEVTCHN_MIN_SIZE; i++)
		uevtchn_ring_push(&world.file->ring, 1);
	KUNIT_EXPECT_STREQ(test, fdinfo(test),
			   "evtchn-ports:\t3\nevtchn-ring:\t64/64 overflow\n"
			   "evtchn-restrict-domid:\t5\nevtchn-lost:\t3\n");
	/* Lost ports count until they are unbound, even without their irqs. */
	KUNIT_EXPECT_EQ(test, 0, call(filp, IOCTL_EVTCHN_UNBIND, 2));
	call(filp, IOCTL_EVTCHN_BIND_INTERDOMAIN, DOMAIN);
	KUNIT_EXPECT_STREQ(test, fdinfo(test),
			   "evtchn-ports:\t1\nevtchn-ring:\t1/64 overflow\n"
			   "evtchn-restrict-domid:\t5\n"
			   "evtchn-port:\t1 irq 1003 masked\nevtchn-lost:\t2\n");
	/* The features that are switched on. */
	call(filp, IOCTL_EVTCHN_RESET, 0);
	call(filp, IOCTL_EVTCHN_FEATURES, EVTCHN_FEATURE_READ_ENABLES);
	KUNIT_EXPECT_STREQ(test, fdinfo(test),
			   "evtchn-ports:\t1\nevtchn-ring:\t0/64\n"
			   "evtchn-restrict-domid:\t5\nevtchn-features:\tread-enables\n"
			   "evtchn-port:\t1 irq 1003 masked\nevtchn-lost:\t2\n");
}

static const char *traced(void)
{
	world.trace[world.traced] = 0;
	world.traced = 0;
	return world.trace;
}

static void trace_tells_all_in_order(struct kunit *test)
{
	struct file *filp = test->priv;
	evtchn_port_t port;
	u32 i;

	bind_virq(filp);
	KUNIT_EXPECT_STREQ(test, "", traced());
	world.is_traced = true;
	port = bind_virq(filp);
	call(filp, IOCTL_EVTCHN_NOTIFY, port);
	call(filp, IOCTL_EVTCHN_NOTIFY, port + 1);
	KUNIT_EXPECT_STREQ(test, "bn", traced());
	event(port);
	KUNIT_EXPECT_STREQ(test, "e", traced());
	replay(port);
	KUNIT_EXPECT_STREQ(test, "m", traced());
	/* The missed event is delivered now. */
	write_port(filp, port);
	KUNIT_EXPECT_STREQ(test, "we", traced());
	write_port(filp, port);
	write_port(filp, port);
	KUNIT_EXPECT_STREQ(test, "w", traced());
	/* Also events of an eventfd, and a read of it that enables. */
	set_eventfd(filp, port, 0, READ_ENABLES);
	event(port);
	read_eventfd(0);
	set_eventfd(filp, port, -1, 0);
	KUNIT_EXPECT_STREQ(test, "ew", traced());

	for (i = 0; i < UEVTCHN_MIN_SIZE; i++)
		uevtchn_ring_push(&world.file->ring, port);
	event(port);
	KUNIT_EXPECT_STREQ(test, "eo", traced());
	call(filp, IOCTL_EVTCHN_RESET, 0);
	write_port(filp, port);
	event(port);
	KUNIT_EXPECT_STREQ(test, "we", traced());

	/* Each bind is followed by one unbind or lost. */
	call(filp, IOCTL_EVTCHN_UNBIND, port);
	world.fail.request = -ENOMEM;
	call(filp, IOCTL_EVTCHN_BIND_VIRQ, 3);
	world.fail.request = 0;
	KUNIT_EXPECT_STREQ(test, "ubu", traced());
	port = bind_virq(filp);
	restore_domain();
	bind_virq(filp);
	call(filp, IOCTL_EVTCHN_UNBIND, port);
	close_file(filp);
	KUNIT_EXPECT_STREQ(test, "bllbu", traced());
}

static void module_has_its_device_in_xen_only(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, -ENODEV, uevtchn_module_init());
	KUNIT_EXPECT_NULL(test, world.misc);
	world.in_xen = true;
	world.fail.misc = -EBUSY;
	KUNIT_EXPECT_EQ(test, -EBUSY, uevtchn_module_init());
	world.fail.misc = 0;
	KUNIT_EXPECT_EQ(test, 0, uevtchn_module_init());
	KUNIT_ASSERT_NOT_NULL(test, world.misc);
	KUNIT_EXPECT_STREQ(test, world.misc->name, "xen/evtchn");
	KUNIT_EXPECT_EQ(test, world.misc->minor, MISC_DYNAMIC_MINOR);
	KUNIT_EXPECT_PTR_EQ(test, world.misc->fops, &uevtchn_fops);
	KUNIT_EXPECT_TRUE(test, uevtchn_fops.compat_ioctl == compat_ptr_ioctl);
	uevtchn_module_exit();
	KUNIT_EXPECT_NULL(test, world.misc);
}

static struct kunit_case driver_cases[] = {
	KUNIT_CASE(failed_bind_closes_its_port_once_and_leaves_nothing),
	KUNIT_CASE(killed_callers_change_nothing),
	KUNIT_CASE(each_command_obeys_the_restriction),
	KUNIT_CASE(no_order_of_events_and_calls_loses_an_event),
	KUNIT_CASE(first_event_can_be_written_at_once),
	KUNIT_CASE(reading_before_writing_never_overflows),
	KUNIT_CASE(restore_takes_ports_from_nobody_else),
	KUNIT_CASE(bind_static_takes_what_is_nobodys),
	KUNIT_CASE(open_file_has_a_name_fit_for_proc),
	KUNIT_CASE(read_rounds_down_and_takes_all_or_nothing),
	KUNIT_CASE(write_takes_all_or_nothing),
	KUNIT_CASE(overflow_ends_with_reset),
	KUNIT_CASE(read_waits_unless_told_not_to),
	KUNIT_CASE(poll_and_sigio_tell_of_events),
	KUNIT_CASE(status_tells_what_a_port_is),
	KUNIT_CASE(writes_to_an_eventfd_notify_its_port),
	KUNIT_CASE(eventfd_gets_the_events_of_its_port),
	KUNIT_CASE(read_of_an_eventfd_enables_its_port),
	KUNIT_CASE(eventfd_is_heard_from_the_first_event_on),
	KUNIT_CASE(eventfd_ends_with_a_restore),
	KUNIT_CASE(eventfd_both_ways_forwards_and_cannot_storm),
	KUNIT_CASE(features_are_told_and_switched_on),
	KUNIT_CASE(read_enables_what_it_returns_if_told_to),
	KUNIT_CASE(iterators_are_as_good_as_buffers),
	KUNIT_CASE(fdinfo_tells_why_nothing_is_heard),
	KUNIT_CASE(trace_tells_all_in_order),
	KUNIT_CASE(module_has_its_device_in_xen_only),
	{}
};

static struct kunit_suite driver_suite = {
	.name = "xen-evtchn-driver",
	.init = driver_test_init,
	.exit = driver_test_exit,
	.test_cases = driver_cases,
};

kunit_test_suite(driver_suite);
