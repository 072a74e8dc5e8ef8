// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The whole driver on a Xen that is made up. Its file operations are called as
 * programs call them.
 */
#include "fake_xen.h"

/*
 * Programs
 */

static struct file *file_of(struct kunit *test)
{
	return test->priv;
}

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

static long call2(struct file *filp, unsigned int cmd, u32 first, u32 second)
{
	u32 words[2] = { first, second };
	union uevtchn_arg arg = {};

	memcpy(&arg, words, sizeof(words));
	if (cmd == IOCTL_EVTCHN_RESTRICT_DOMID)
		arg.restriction.domid = first;
	memcpy(world.memory, &arg, sizeof(arg));
	return call_at(filp, cmd, USER_BASE);
}

static long call(struct file *filp, unsigned int cmd, u32 arg)
{
	return call2(filp, cmd, arg, 77);
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

/* The word of user memory of that number. */
static u32 word(u32 nth)
{
	return ((u32 *)world.memory)[nth];
}

static void set_word(u32 nth, u32 value)
{
	((u32 *)world.memory)[nth] = value;
}

/* Returns how many ports were read, or the error. */
static int read_ports(struct file *filp, u32 max)
{
	ssize_t n = read_at(filp, USER_BASE, max * sizeof(u32));

	return n < 0 ? n : n / sizeof(u32);
}

static ssize_t write_port(struct file *filp, evtchn_port_t port)
{
	set_word(0, port);
	return write_at(filp, USER_BASE, sizeof(port));
}

static __poll_t poll(struct file *filp)
{
	use(filp);
	return uevtchn_fops.poll(filp, NULL);
}

/* With an empty ring: an event comes once, masks the port, and the next waits. */
static bool works(struct file *filp, evtchn_port_t port)
{
	unsigned int sends = world.ports[port].sends, i;

	for (i = 0; i < 2; i++) {
		event(port);
		event(port);
		if (read_ports(filp, 2) != 1 || word(0) != port ||
		    read_ports(filp, 2) != -EAGAIN)
			return false;
		write_port(filp, port);
		if (read_ports(filp, 2) != 1 || word(0) != port)
			return false;
		write_port(filp, port);
	}
	return call(filp, IOCTL_EVTCHN_NOTIFY, port) == 0 &&
	       world.ports[port].sends == sends + 1 && !world.complaint;
}

static int driver_test_init(struct kunit *test)
{
	memset(&world, 0, sizeof(world));
	world.test = test;
	world.nr_channels = NR_PORTS;
	world.store_port = -1;
	world.memory = kunit_kzalloc(test, USER_SIZE, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, world.memory);
	test->priv = open_file(test);
	return 0;
}

static void driver_test_exit(struct kunit *test)
{
	world.hook = NULL;
	if (file_of(test) && file_of(test)->private_data)
		close_file(file_of(test));
	KUNIT_EXPECT_EQ(test, 0, world.nr_live);
	KUNIT_EXPECT_EQ(test, 0, count_irqs());
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
	unsigned int alloc;
	int op, map, request;
	int error;
	bool made, kept;	/* a new port was, and is still there */
} faults[] = {
	{ .alloc = 1, .error = -ENOMEM },	/* the binding */
	{ .alloc = 2, .error = -ENOMEM },	/* the ring */
	{ .alloc = 3, .error = -ENOMEM },	/* the table */
	{ .op = -ENOSPC, .error = -ENOSPC },
	{ .map = -ENOMEM, .error = -ENOMEM, .made = true },
	{ .map = -ENOSPC, .error = -ENOSPC, .made = true },
	{ .map = -EBUSY, .error = -EBUSY, .made = true, .kept = true },
	{ .request = -ENOMEM, .error = -ENOMEM },
};

static void inject(const struct fault *fault)
{
	world.fail_alloc = fault->alloc;
	world.fail_op = fault->op;
	world.fail_map = fault->map;
	world.fail_request = fault->request;
}

/* With @others bound already; as many as the ring and the table have room for. */
static void fail_a_bind(struct kunit *test, unsigned int cmd, const struct fault *fault,
			unsigned int others)
{
	bool is_static = cmd == IOCTL_EVTCHN_BIND_STATIC;
	struct file *filp = open_file(test);
	unsigned int i, ports, irqs, live;
	evtchn_port_t fixed, port = 0;
	long rc;

	for (i = 0; i < others; i++)
		port = bind_virq(filp);
	fixed = make_port_of(EVTCHNSTAT_interdomain, false);
	ports = count_ports();
	irqs = count_irqs();
	world.closes = 0;

	inject(fault);
	rc = call(filp, cmd, is_static ? fixed : DOMAIN);
	inject(&(struct fault){});
	KUNIT_EXPECT_EQ(test, rc, fault->error);
	KUNIT_EXPECT_EQ(test, world.closes, fault->made && !fault->kept && !is_static);
	KUNIT_EXPECT_EQ(test, count_ports(), ports + (fault->kept && !is_static));
	KUNIT_EXPECT_EQ(test, count_irqs(), irqs);
	KUNIT_EXPECT_EQ(test, use(filp)->nr_bindings, others);
	if (fault->kept && !is_static)
		close_port(fixed + 1);
	if (others) {
		KUNIT_EXPECT_TRUE(test, works(filp, 1));
		KUNIT_EXPECT_TRUE(test, works(filp, port));
	}

	rc = call(filp, cmd, is_static ? fixed : DOMAIN);
	KUNIT_EXPECT_GE(test, rc, 0);
	port = is_static ? fixed : rc;
	if (read_ports(filp, 1) == 1)
		write_port(filp, port);
	KUNIT_EXPECT_TRUE(test, works(filp, port));
	/* What failed has left nothing for UNBIND. */
	KUNIT_EXPECT_EQ(test, 0, call(filp, IOCTL_EVTCHN_UNBIND, port));
	KUNIT_EXPECT_EQ(test, -ENOTCONN, call(filp, IOCTL_EVTCHN_UNBIND, port));

	live = world.nr_live;
	inject(fault);
	call(filp, cmd, is_static ? fixed : DOMAIN);
	inject(&(struct fault){});
	/* A fault of an allocation that is not made any more is none. */
	if (!fault->alloc)
		KUNIT_EXPECT_EQ(test, live, world.nr_live);
	close_file(filp);
	for (i = 1; i < NR_PORTS; i++) {
		if (world.ports[i].made && !fault->kept)
			KUNIT_FAIL(test, "port %u is left open", i);
	}
	KUNIT_EXPECT_EQ(test, world.ports[fixed].status, EVTCHNSTAT_interdomain);
	memset(world.ports, 0, sizeof(world.ports));
}

static void failed_bind_closes_its_port_once_and_leaves_nothing(struct kunit *test)
{
	unsigned int i, j, others;

	for (i = 0; i < ARRAY_SIZE(binds) * ARRAY_SIZE(faults); i++) {
		for (others = 0; others <= UEVTCHN_MIN_SIZE; others += UEVTCHN_MIN_SIZE) {
			j = i % ARRAY_SIZE(faults);
			fail_a_bind(test, binds[i / ARRAY_SIZE(faults)], &faults[j], others);
			if (test->status == KUNIT_FAILURE || world.complaint) {
				no_complaint(test);
				KUNIT_FAIL_AND_ABORT(test, "command %lu, fault %u, %u others",
						     i / ARRAY_SIZE(faults), j, others);
			}
		}
	}
}

static void killed_callers_change_nothing(struct kunit *test)
{
	struct file *filp = file_of(test);
	evtchn_port_t port = bind_virq(filp), fixed = make_port_of(EVTCHNSTAT_unbound, false);
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
#define FIXED		2	/* a port of nobody */
#define NOWHERE		0x1000000

static const struct {
	unsigned int cmd;
	u32 arg;
	bool fault;
	/* For a file without a restriction, with one to DOMAIN, and to another. */
	long want[3];
} policy[] = {
	{ IOCTL_EVTCHN_BIND_VIRQ, 3, false, { 3, -EACCES, -EACCES } },
	{ IOCTL_EVTCHN_BIND_VIRQ, 3, true, { -EFAULT, -EACCES, -EACCES } },
	{ IOCTL_EVTCHN_BIND_INTERDOMAIN, DOMAIN, false, { 3, 3, -EACCES } },
	{ IOCTL_EVTCHN_BIND_INTERDOMAIN, CUT_DOMAIN, false, { -EINVAL, -EACCES, -EACCES } },
	{ IOCTL_EVTCHN_BIND_INTERDOMAIN, DOMAIN, true, { -EFAULT, -EFAULT, -EFAULT } },
	{ IOCTL_EVTCHN_BIND_INTERDOMAIN, UEVTCHN_UNRESTRICTED, false, { 3, -EACCES, -EACCES } },
	{ IOCTL_EVTCHN_BIND_UNBOUND_PORT, DOMAIN, false, { 3, -EACCES, -EACCES } },
	{ IOCTL_EVTCHN_BIND_UNBOUND_PORT, CUT_DOMAIN, false, { -EINVAL, -EACCES, -EACCES } },
	{ IOCTL_EVTCHN_BIND_UNBOUND_PORT, DOMAIN, true, { -EFAULT, -EACCES, -EACCES } },
	{ IOCTL_EVTCHN_BIND_STATIC, FIXED, false, { 0, -EACCES, -EACCES } },
	{ IOCTL_EVTCHN_BIND_STATIC, 0, false, { -EINVAL, -EACCES, -EACCES } },
	{ IOCTL_EVTCHN_BIND_STATIC, NR_PORTS, false, { -EINVAL, -EACCES, -EACCES } },
	{ IOCTL_EVTCHN_BIND_STATIC, FIXED, true, { -EFAULT, -EACCES, -EACCES } },
	{ IOCTL_EVTCHN_RESTRICT_DOMID, DOMAIN, false, { 0, -EACCES, -EACCES } },
	{ IOCTL_EVTCHN_RESTRICT_DOMID, DOMID_FIRST_RESERVED - 1, false, { 0, -EACCES, -EACCES } },
	{ IOCTL_EVTCHN_RESTRICT_DOMID, DOMID_FIRST_RESERVED, false, { -EINVAL, -EACCES, -EACCES } },
	{ IOCTL_EVTCHN_RESTRICT_DOMID, DOMID_INVALID, false, { -EINVAL, -EACCES, -EACCES } },
	{ IOCTL_EVTCHN_RESTRICT_DOMID, 0, false, { -EINVAL, -EACCES, -EACCES } },
	{ IOCTL_EVTCHN_RESTRICT_DOMID, 0, true, { -EFAULT, -EACCES, -EACCES } },
	{ IOCTL_EVTCHN_UNBIND, BOUND, false, { 0, 0, 0 } },
	{ IOCTL_EVTCHN_UNBIND, NR_PORTS - 1, false, { -ENOTCONN, -ENOTCONN, -ENOTCONN } },
	{ IOCTL_EVTCHN_UNBIND, NR_PORTS, false, { -EINVAL, -EINVAL, -EINVAL } },
	{ IOCTL_EVTCHN_UNBIND, U32_MAX, false, { -EINVAL, -EINVAL, -EINVAL } },
	{ IOCTL_EVTCHN_UNBIND, BOUND, true, { -EFAULT, -EFAULT, -EFAULT } },
	{ IOCTL_EVTCHN_NOTIFY, BOUND, false, { 0, 0, 0 } },
	{ IOCTL_EVTCHN_NOTIFY, FIXED, false, { -ENOTCONN, -ENOTCONN, -ENOTCONN } },
	{ IOCTL_EVTCHN_NOTIFY, BOUND, true, { -EFAULT, -EFAULT, -EFAULT } },
	{ IOCTL_EVTCHN_RESET, 0, true, { 0, 0, 0 } },
	{ _IOC(_IOC_NONE, 'E', 8, 4), 1, true, { -ENOSYS, -ENOSYS, -ENOSYS } },
	{ _IOC(_IOC_NONE, 'F', 0, 4), 1, true, { -ENOSYS, -ENOSYS, -ENOSYS } },
	{ _IOC(_IOC_NONE, 'E', 0, 8), 1, true, { -ENOSYS, -ENOSYS, -ENOSYS } },
	{ _IOC(_IOC_WRITE, 'E', 0, 4), 1, true, { -ENOSYS, -ENOSYS, -ENOSYS } },
	{ 0, 1, true, { -ENOSYS, -ENOSYS, -ENOSYS } },
};

static void each_command_obeys_the_restriction(struct kunit *test)
{
	unsigned int i, kind;
	struct file *filp;
	long rc;

	for (i = 0; i < ARRAY_SIZE(policy); i++) {
		for (kind = 0; kind < 3; kind++) {
			filp = open_file(test);
			KUNIT_EXPECT_EQ(test, BOUND, bind_virq(filp));
			KUNIT_EXPECT_EQ(test, FIXED, make_port_of(EVTCHNSTAT_unbound, false));
			if (kind)
				call(filp, IOCTL_EVTCHN_RESTRICT_DOMID, DOMAIN + kind - 1);
			rc = policy[i].fault ? call_at(filp, policy[i].cmd, NOWHERE) :
			     call(filp, policy[i].cmd, policy[i].arg);
			if (rc != policy[i].want[kind])
				KUNIT_FAIL(test, "row %u, kind %u: %ld", i, kind, rc);
			/* Nothing is made by what fails, and all else goes on. */
			KUNIT_EXPECT_EQ(test, count_ports(),
					(policy[i].cmd == IOCTL_EVTCHN_UNBIND && !rc ? 1 : 2) +
					(rc > 0));
			if (rc > 0)
				KUNIT_EXPECT_EQ(test, world.ports[rc].argument, policy[i].arg);
			if (policy[i].cmd != IOCTL_EVTCHN_UNBIND || rc) {
				if (read_ports(filp, 1) == 1)
					write_port(filp, rc);
				KUNIT_EXPECT_TRUE(test, works(filp, BOUND));
			}
			close_file(filp);
			close_port(FIXED);
			if (test->status == KUNIT_FAILURE)
				return;
		}
	}
}

static void restrict_now(enum place place)
{
	if (place != AT_LOCK)
		return;
	world.hook = NULL;
	KUNIT_EXPECT_EQ(world.test, 0, uevtchn_restrict(world.file, DOMAIN));
}

/* They passed the first check, and wait for the lock. */
static void restriction_stops_what_is_under_way(struct kunit *test)
{
	static const u32 args[][2] = {
		{ IOCTL_EVTCHN_BIND_VIRQ, 3 },
		{ IOCTL_EVTCHN_BIND_INTERDOMAIN, DOMAIN + 1 },
		{ IOCTL_EVTCHN_BIND_UNBOUND_PORT, DOMAIN },
		{ IOCTL_EVTCHN_BIND_STATIC, FIXED },
		{ IOCTL_EVTCHN_RESTRICT_DOMID, DOMAIN + 1 },
		{ IOCTL_EVTCHN_BIND_INTERDOMAIN, DOMAIN },
	};
	unsigned int i;
	struct file *filp;
	long rc;

	world.ports[FIXED].status = EVTCHNSTAT_unbound;
	for (i = 0; i < ARRAY_SIZE(args); i++) {
		bool allowed = i == ARRAY_SIZE(args) - 1;

		filp = open_file(test);
		world.hook = restrict_now;
		world.ops = 0;
		rc = call(filp, args[i][0], args[i][1]);
		KUNIT_EXPECT_EQ(test, rc, allowed ? 1 : -EACCES);
		KUNIT_EXPECT_EQ(test, world.ops, allowed);
		KUNIT_EXPECT_EQ(test, world.file->restrict_domid, DOMAIN);
		close_file(filp);
	}
}

/*
 * The states of a binding: every order of what can happen to it
 */

#define LENGTH_MAX	6

enum act { DO_EVENT, DO_REPLAY, DO_EOI, DO_WRITE, DO_READ, DO_REBIND, NR_ACTS };

/* What there should be, in a few words. */
struct model {
	bool pending;		/* in Xen */
	bool line_masked;
	bool masked, missed;	/* the binding */
	bool unseen;		/* since the last read() */
	u32 queued;
};

static const struct line {
	const char *name;
	unsigned int length;
	bool is_static, shared;
} lines[] = {
	{ "a port that the driver made", 5, false, false },
	{ "a static port", LENGTH_MAX, true, false },
	{ "a port with another handler", 5, false, true },
	{ "a static port with another handler", 5, true, true },
};

static void line_name(const struct line *line, char *desc)
{
	strscpy(desc, line->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(line, lines, line_name);

static void model_handler(struct model *model)
{
	model->line_masked = true;
	if (model->masked)
		model->missed = true;
	else
		model->queued++;
	model->masked = true;
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

static evtchn_port_t bind_line(const struct line *line)
{
	struct file *filp = file_of(world.test);
	evtchn_port_t port = FIXED;

	if (line->is_static) {
		world.ports[port].status = EVTCHNSTAT_interdomain;
		KUNIT_ASSERT_EQ(world.test, 0, call(filp, IOCTL_EVTCHN_BIND_STATIC, port));
	} else {
		port = bind_virq(filp);
	}
	if (line->shared) {
		irq_of(world.ports[port].irq)->shared = true;
		irq_of(world.ports[port].irq)->refs++;
	}
	return port;
}

/* Gives a port up; another handler goes on alone, until it goes, too. */
static void unbind_line(const struct line *line, evtchn_port_t port)
{
	struct file *filp = file_of(world.test);
	unsigned int nr = world.ports[port].irq, calls;
	struct world_irq *irq = irq_of(nr);
	bool pending;

	pending = world.ports[port].pending;
	KUNIT_EXPECT_EQ(world.test, 0, call(filp, IOCTL_EVTCHN_UNBIND, port));
	if (line->shared) {
		if (line->is_static)
			KUNIT_EXPECT_EQ(world.test, -EBUSY,
					call(filp, IOCTL_EVTCHN_BIND_STATIC, port));
		/* What waited for an EOI has come, and the other one sends its own. */
		if (irq->masked != pending || world.ports[port].pending)
			complain("UNBIND leaves the irq of another handler masked");
		unmask(irq);
		calls = irq->shared_calls;
		event(port);
		if (irq->shared_calls == calls)
			complain("another handler of the irq gets no events");
		irq->shared = false;
		world_put_irq(nr);
	}
	if (world.ports[port].status != (line->is_static ? EVTCHNSTAT_interdomain :
						EVTCHNSTAT_closed))
		complain("UNBIND leaves a port open or closes a static one");
}

static void try_act(const struct line *line, evtchn_port_t *port, enum act act,
		    struct model *model)
{
	struct file *filp = file_of(world.test);
	struct world_irq *irq = irq_of(world.ports[*port].irq);

	switch (act) {
	case DO_EVENT:
		event(*port);
		model->unseen = true;
		model->pending = true;
		model_deliver(model);
		break;
	case DO_REPLAY:
		replay(*port);
		model->unseen = true;
		model_handler(model);
		break;
	case DO_EOI:
		unmask(irq);
		model->line_masked = false;
		model_deliver(model);
		break;
	case DO_WRITE:
		write_port(filp, *port);
		model_write(model);
		break;
	case DO_READ:
		if (read_ports(filp, 16) != (model->queued ?: -EAGAIN))
			complain("read() returns too few or too many ports");
		if (model->queued)
			model->unseen = false;
		model->queued = 0;
		break;
	case DO_REBIND:
		unbind_line(line, *port);
		*port = bind_line(line);
		*model = (struct model){
			.pending = model->pending && line->is_static && !line->shared,
		};
		model->unseen = model->pending;
		model_deliver(model);
		break;
	case NR_ACTS:
		break;
	}
}

static bool agrees(evtchn_port_t port, const struct model *model)
{
	struct world_irq *irq = irq_of(world.ports[port].irq);

	return !world.complaint && world.file->ring.used == model->queued &&
	       world.ports[port].pending == model->pending &&
	       irq->masked == model->line_masked &&
	       irq->owed == model->masked + model->missed;
}

/* The program that reads before it writes gets what there is, and it ends. */
static bool drain(evtchn_port_t port, struct model *model)
{
	struct file *filp = file_of(world.test);
	int i;

	for (i = 0; i < 2 * LENGTH_MAX && read_ports(filp, 16) > 0; i++) {
		if (word(0) != port)
			return false;
		model->unseen = false;
		write_port(filp, port);
	}
	return i < 2 * LENGTH_MAX && !model->unseen && !world.ports[port].pending;
}

static void no_order_of_events_and_calls_loses_an_event(struct kunit *test)
{
	static const char letters[] = "ERXwrB";
	const struct line *line = test->param_value;
	evtchn_port_t port = bind_line(line);
	struct model model = {};
	char path[LENGTH_MAX + 1] = {};
	unsigned int nr, rest, i, last = int_pow(NR_ACTS, line->length);
	bool ok = true;

	for (nr = 0; nr < last && ok; nr++) {
		for (i = 0, rest = nr; i < line->length && ok; i++, rest /= NR_ACTS) {
			path[i] = letters[rest % NR_ACTS];
			try_act(line, &port, rest % NR_ACTS, &model);
			ok = agrees(port, &model);
		}
		path[i] = 0;
		/* For no more than a write it may be masked, and nothing due. */
		if (ok && model.queued == 0 && model.masked)
			write_port(file_of(test), port);
		ok = ok && drain(port, &model);
		unbind_line(line, port);
		world.ports[FIXED].pending = false;
		port = bind_line(line);
		model = (struct model){};
		cond_resched();
	}
	if (!ok)
		KUNIT_FAIL(test, "after %s: %s", path, world.complaint ?: "not as the model");
	unbind_line(line, port);
}

static void write_at_once(enum place place)
{
	evtchn_port_t port;

	if (place != AT_REQUEST)
		return;
	world.hook = NULL;
	KUNIT_EXPECT_EQ(world.test, 1, read_ports(file_of(world.test), 8));
	port = word(0);
	write_port(file_of(world.test), port);
	KUNIT_EXPECT_FALSE(world.test, irq_of(world.ports[port].irq)->masked);
}

/* Another thread reads and writes before bind has returned. */
static void first_event_can_be_written_at_once(struct kunit *test)
{
	long port;

	world.hook = write_at_once;
	port = call2(file_of(test), IOCTL_EVTCHN_BIND_INTERDOMAIN, DOMAIN, 9);
	KUNIT_ASSERT_GT(test, port, 0);
	KUNIT_EXPECT_NULL(test, world.hook);
	KUNIT_EXPECT_TRUE(test, works(file_of(test), port));
}

static void reading_before_writing_never_overflows(struct kunit *test)
{
	struct file *filp = file_of(test);
	u32 i, round;

	for (i = 1; i <= UEVTCHN_MIN_SIZE; i++)
		bind_virq(filp);
	for (round = 0; round < 4; round++) {
		for (i = 1; i <= UEVTCHN_MIN_SIZE; i++) {
			event(i);
			replay(i);
			replay(i);
		}
		KUNIT_EXPECT_EQ(test, world.file->ring.used, UEVTCHN_MIN_SIZE);
		KUNIT_EXPECT_EQ(test, UEVTCHN_MIN_SIZE, read_ports(filp, 2 * UEVTCHN_MIN_SIZE));
		/* All of them with one write, in the order of the events. */
		KUNIT_EXPECT_EQ(test, 1 + round % 2, word(round % 2));
		KUNIT_EXPECT_EQ(test, 4 * UEVTCHN_MIN_SIZE,
				write_at(filp, USER_BASE, 4 * UEVTCHN_MIN_SIZE));
	}
	KUNIT_EXPECT_FALSE(test, world.file->ring.overflow);
	/* One more gives the ring and the table more room; none is lost. */
	i = bind_virq(filp);
	KUNIT_EXPECT_EQ(test, world.file->ring.size, 2 * UEVTCHN_MIN_SIZE);
	KUNIT_EXPECT_EQ(test, world.file->table_size, 2 * UEVTCHN_MIN_SIZE);
	KUNIT_EXPECT_EQ(test, UEVTCHN_MIN_SIZE, read_ports(filp, 2 * UEVTCHN_MIN_SIZE));
	write_at(filp, USER_BASE, 4 * UEVTCHN_MIN_SIZE);
	for (; i; i--)
		KUNIT_ASSERT_TRUE(test, works(filp, i));
}

/*
 * Restores
 */

static void restore_takes_ports_from_nobody_else(struct kunit *test)
{
	struct file *filp = file_of(test);
	evtchn_port_t a = bind_virq(filp), b = bind_virq(filp), c = bind_virq(filp);
	unsigned int eois, irq;

	event(a);
	event(b);
	read_ports(filp, 1);
	event(c);
	restore_domain();
	/* The numbers are the kernel's now, all but one. */
	world.ports[b].status = EVTCHNSTAT_virq;
	world.ports[b].irq = world_map(b, false);
	world.ports[c].status = EVTCHNSTAT_ipi;
	irq = world.ports[b].irq;
	eois = world.eois;

	KUNIT_EXPECT_EQ(test, -ENOTCONN, call(filp, IOCTL_EVTCHN_NOTIFY, b));
	KUNIT_EXPECT_EQ(test, 4, write_port(filp, b));
	KUNIT_EXPECT_EQ(test, eois, world.eois);
	KUNIT_EXPECT_EQ(test, 4, count_irqs());

	/* UNBIND goes for what was lost, once, whatever the numbers are now. */
	world.nr_channels = c;
	KUNIT_EXPECT_EQ(test, 0, call(filp, IOCTL_EVTCHN_UNBIND, c));
	KUNIT_EXPECT_EQ(test, -EINVAL, call(filp, IOCTL_EVTCHN_UNBIND, c));
	world.nr_channels = NR_PORTS;
	KUNIT_EXPECT_EQ(test, 3, count_irqs());
	KUNIT_EXPECT_EQ(test, world.ports[c].status, EVTCHNSTAT_ipi);

	/* The next bind gives the irqs back, and takes the events away. */
	KUNIT_EXPECT_EQ(test, a, bind_virq(filp));
	KUNIT_EXPECT_EQ(test, 2, count_irqs());
	KUNIT_EXPECT_EQ(test, 1, world.file->nr_bindings);
	KUNIT_EXPECT_EQ(test, 1, world.file->restores);
	KUNIT_EXPECT_EQ(test, -EAGAIN, read_ports(filp, 8));
	KUNIT_EXPECT_TRUE(test, works(filp, a));
	/* The number twice: the port, and the memory of it. */
	KUNIT_EXPECT_EQ(test, 0, call(filp, IOCTL_EVTCHN_UNBIND, a));
	KUNIT_EXPECT_EQ(test, world.ports[a].status, EVTCHNSTAT_closed);
	KUNIT_EXPECT_EQ(test, 0, call(filp, IOCTL_EVTCHN_UNBIND, a));
	KUNIT_EXPECT_EQ(test, -ENOTCONN, call(filp, IOCTL_EVTCHN_UNBIND, a));
	KUNIT_EXPECT_EQ(test, 0, world.file->nr_bindings);
	KUNIT_EXPECT_EQ(test, a, bind_virq(filp));

	/* Twice, with a bind before and none after. */
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
		int op, map, want;
	} rows[] = {
		{ EVTCHNSTAT_closed, 0, 0, -ENOENT },
		{ EVTCHNSTAT_unbound, 0, 0, 0 },
		{ EVTCHNSTAT_interdomain, 0, 0, 0 },
		{ EVTCHNSTAT_pirq, 0, 0, -EBUSY },
		{ EVTCHNSTAT_virq, 0, 0, -EBUSY },
		{ EVTCHNSTAT_ipi, 0, 0, -EBUSY },
		{ EVTCHNSTAT_ipi + 1, 0, 0, -EBUSY },
		{ EVTCHNSTAT_interdomain, -EACCES, 0, -EBUSY },
		{ EVTCHNSTAT_interdomain, -EINVAL, 0, -EINVAL },
		{ EVTCHNSTAT_interdomain, -ESRCH, 0, -ESRCH },
		{ EVTCHNSTAT_interdomain, 0, -EBUSY, -EBUSY },
	};
	struct file *filp = file_of(test), *other;
	unsigned int i;
	long rc;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		world.ports[FIXED].status = rows[i].status;
		world.fail_op = rows[i].op;
		world.fail_map = rows[i].map;
		rc = call(filp, IOCTL_EVTCHN_BIND_STATIC, FIXED);
		world.fail_op = 0;
		world.fail_map = 0;
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

	/* What came before the bind is delivered; a second owner is refused. */
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
		{ "prog", "evtchn:prog" },
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
	world.fail_alloc = 1;
	filp = kunit_kzalloc(test, sizeof(*filp), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, filp);
	KUNIT_EXPECT_EQ(test, -ENOMEM, uevtchn_fops.open(NULL, filp));
}

static void close_gives_everything_back(struct kunit *test)
{
	struct file *filp = file_of(test);
	u32 i;

	for (i = 1; i <= 2 * UEVTCHN_MIN_SIZE; i++) {
		bind_virq(filp);
		event(i);
		if (i % 3 == 0)
			replay(i);
		if (i % 2)
			write_port(filp, i);
	}
	world.ports[i].status = EVTCHNSTAT_unbound;
	KUNIT_EXPECT_EQ(test, 0, call(filp, IOCTL_EVTCHN_BIND_STATIC, i));
	close_file(filp);
	KUNIT_EXPECT_EQ(test, 1, count_ports());
	KUNIT_EXPECT_EQ(test, 0, count_irqs());
	KUNIT_EXPECT_EQ(test, 0, world.nr_live);
}

/* As programs could not: ports are put into the ring without an irq. */
static void fill(struct uevtchn_file *file, u32 ports)
{
	u32 i;

	KUNIT_ASSERT_EQ(world.test, 0, uevtchn_ring_reserve(&file->ring, ports));
	for (i = 0; i < ports; i++)
		uevtchn_ring_push(&file->ring, 1000 + i);
}

static void read_rounds_down_and_takes_all_or_nothing(struct kunit *test)
{
	static const u32 counts[] = { 1, 7, 8, 9, 15, 16, 17, 33 };
	struct file *filp = file_of(test);
	unsigned long memory = USER_BASE, end = memory + USER_SIZE;
	const u32 page = PAGE_SIZE / sizeof(u32);
	u32 i, n, at = 1000;

	KUNIT_EXPECT_EQ(test, -EAGAIN, read_at(filp, memory, 4));
	KUNIT_EXPECT_EQ(test, 0, read_at(filp, memory, 3));
	fill(world.file, page + 200);
	KUNIT_EXPECT_EQ(test, 0, read_at(filp, memory, 0));
	KUNIT_EXPECT_EQ(test, 0, read_at(filp, NOWHERE, 3));
	for (i = 0; i < ARRAY_SIZE(counts); i++) {
		n = counts[i];
		/* Fails at its first, its last, or the one in the middle. */
		KUNIT_EXPECT_EQ(test, -EFAULT, read_at(filp, NOWHERE, 4 * n));
		KUNIT_EXPECT_EQ(test, -EFAULT, read_at(filp, end - 4 * n + 4, 4 * n));
		KUNIT_EXPECT_EQ(test, -EFAULT, read_at(filp, end - 4 * (n / 2), 4 * n));
		set_word(n, 1);
		KUNIT_EXPECT_EQ(test, 4 * n, read_at(filp, memory, 4 * n + 3));
		KUNIT_EXPECT_EQ(test, at, word(0));
		KUNIT_EXPECT_EQ(test, at + n - 1, word(n - 1));
		KUNIT_EXPECT_EQ(test, 1, word(n));
		at += n;
	}
	KUNIT_EXPECT_EQ(test, PAGE_SIZE, read_at(filp, memory, USER_SIZE));
	for (i = 0; i < page && word(i) == at + i; i++)
		;
	KUNIT_EXPECT_EQ(test, i, page);
	i = read_ports(filp, page);
	KUNIT_EXPECT_EQ(test, at + page + i, 1000 + page + 200);
	KUNIT_EXPECT_EQ(test, -EAGAIN, read_ports(filp, 1));
}

static void write_takes_all_or_nothing(struct kunit *test)
{
	static const u32 counts[] = { 1, 31, 32, 33, 64, 65, 100 };
	struct file *filp = file_of(test);
	unsigned long memory = USER_BASE, end = memory + USER_SIZE;
	const u32 page = PAGE_SIZE / sizeof(u32);
	evtchn_port_t port = bind_virq(filp);
	u32 i, n;

	KUNIT_EXPECT_EQ(test, 0, write_at(filp, NOWHERE, 0));
	for (i = 0; i < 2 * page; i++)
		set_word(i, i < page ? 0 : port);
	for (i = 0; i < ARRAY_SIZE(counts); i++) {
		n = counts[i];
		event(port);
		KUNIT_EXPECT_EQ(test, 0, write_at(filp, end - 4, 3));
		KUNIT_EXPECT_EQ(test, -EFAULT, write_at(filp, end - 4 * n + 4, 4 * n));
		KUNIT_EXPECT_EQ(test, -EFAULT, write_at(filp, NOWHERE, 4 * n));
		KUNIT_EXPECT_EQ(test, i, world.eois);
		/* The last of them is the port. */
		KUNIT_EXPECT_EQ(test, 4 * n,
				write_at(filp, memory + PAGE_SIZE - 4 * n + 4, 4 * n + 2));
		KUNIT_EXPECT_EQ(test, i + 1, world.eois);
	}
	event(port);
	/* What is beyond a page is not looked at. */
	KUNIT_EXPECT_EQ(test, PAGE_SIZE, write_at(filp, memory, USER_SIZE));
	KUNIT_EXPECT_EQ(test, i, world.eois);
	KUNIT_EXPECT_EQ(test, PAGE_SIZE, write_at(filp, memory + 4, PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, i + 1, world.eois);
	world.fail_alloc = 1;
	KUNIT_EXPECT_EQ(test, -ENOMEM, write_at(filp, memory, 4 * 33));
}

static void overflow_ends_with_reset(struct kunit *test)
{
	struct file *filp = file_of(test);
	evtchn_port_t port = bind_virq(filp);
	u32 i;

	for (i = 0; i < UEVTCHN_MIN_SIZE; i++) {
		event(port);
		write_port(filp, port);
	}
	KUNIT_EXPECT_TRUE(test, poll(filp) == (EPOLLOUT | EPOLLWRNORM | EPOLLIN | EPOLLRDNORM));
	event(port);
	for (i = 0; i < 2; i++) {
		KUNIT_EXPECT_TRUE(test, poll(filp) == EPOLLERR);
		KUNIT_EXPECT_EQ(test, -EFBIG, read_ports(filp, 1));
	}
	KUNIT_EXPECT_EQ(test, 0, call(filp, IOCTL_EVTCHN_RESET, 0));
	KUNIT_EXPECT_TRUE(test, poll(filp) == (EPOLLOUT | EPOLLWRNORM));
	KUNIT_EXPECT_EQ(test, -EAGAIN, read_ports(filp, 1));
	/* The port is masked until it is written, though nobody read it. */
	event(port);
	KUNIT_EXPECT_EQ(test, -EAGAIN, read_ports(filp, 1));
	write_port(filp, port);
	KUNIT_EXPECT_EQ(test, 1, read_ports(filp, 8));
}

static void read_waits_unless_told_not_to(struct kunit *test)
{
	struct file *filp = file_of(test);
	evtchn_port_t port = bind_virq(filp);

	/* With a signal, so that what waits by mistake does not do so for ever. */
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
	struct file *filp = file_of(test);
	evtchn_port_t port = bind_virq(filp), other = bind_virq(filp);
	poll_table table;

	init_poll_funcptr(&table, note_queue);
	KUNIT_EXPECT_TRUE(test, uevtchn_fops.poll(filp, &table) == (EPOLLOUT | EPOLLWRNORM));
	KUNIT_EXPECT_NULL(test, table._qproc);

	event(port);
	KUNIT_EXPECT_EQ(test, 0, world.signals);
	read_ports(filp, 1);
	write_port(filp, port);
	KUNIT_EXPECT_GT(test, uevtchn_fops.fasync(-1, filp, 1), 0);
	/* From empty to not empty. */
	event(port);
	event(other);
	KUNIT_EXPECT_EQ(test, 1, world.signals);
	KUNIT_EXPECT_TRUE(test, poll(filp) == (EPOLLOUT | EPOLLWRNORM | EPOLLIN | EPOLLRDNORM));
	KUNIT_EXPECT_GT(test, uevtchn_fops.fasync(-1, filp, 0), 0);
	KUNIT_EXPECT_NULL(test, world.file->ring.fasync);

	/* UNBIND takes the event along. */
	KUNIT_EXPECT_EQ(test, 0, call(filp, IOCTL_EVTCHN_UNBIND, port));
	KUNIT_EXPECT_EQ(test, 1, read_ports(filp, 8));
	KUNIT_EXPECT_EQ(test, other, word(0));
}

static const char *fdinfo(struct kunit *test)
{
	struct seq_file m = { .size = 200 };

	m.buf = kunit_kzalloc(test, m.size, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, m.buf);
	uevtchn_fops.show_fdinfo(&m, file_of(test));
	return m.buf;
}

static void fdinfo_tells_why_nothing_is_heard(struct kunit *test)
{
	struct file *filp = file_of(test);
	u32 i;

	KUNIT_EXPECT_STREQ(test, fdinfo(test), "evtchn-ports:\t0\nevtchn-ring:\t0/0\n");
	bind_virq(filp);
	event(bind_virq(filp));
	KUNIT_EXPECT_STREQ(test, fdinfo(test), "evtchn-ports:\t2\nevtchn-ring:\t1/64\n");
	call(filp, IOCTL_EVTCHN_RESTRICT_DOMID, DOMAIN);
	for (i = 0; i < UEVTCHN_MIN_SIZE; i++)
		uevtchn_ring_push(&world.file->ring, 1);
	KUNIT_EXPECT_STREQ(test, fdinfo(test),
			   "evtchn-ports:\t2\nevtchn-ring:\t64/64 overflow\n"
			   "evtchn-restrict-domid:\t5\n");
}

static void module_has_its_device_in_xen_only(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, -ENODEV, uevtchn_module_init());
	KUNIT_EXPECT_NULL(test, world.misc);
	world.in_xen = true;
	world.fail_misc = -EBUSY;
	KUNIT_EXPECT_EQ(test, -EBUSY, uevtchn_module_init());
	world.fail_misc = 0;
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
	KUNIT_CASE(restriction_stops_what_is_under_way),
	KUNIT_CASE_PARAM(no_order_of_events_and_calls_loses_an_event, line_gen_params),
	KUNIT_CASE(first_event_can_be_written_at_once),
	KUNIT_CASE(reading_before_writing_never_overflows),
	KUNIT_CASE(restore_takes_ports_from_nobody_else),
	KUNIT_CASE(bind_static_takes_what_is_nobodys),
	KUNIT_CASE(open_file_has_a_name_fit_for_proc),
	KUNIT_CASE(close_gives_everything_back),
	KUNIT_CASE(read_rounds_down_and_takes_all_or_nothing),
	KUNIT_CASE(write_takes_all_or_nothing),
	KUNIT_CASE(overflow_ends_with_reset),
	KUNIT_CASE(read_waits_unless_told_not_to),
	KUNIT_CASE(poll_and_sigio_tell_of_events),
	KUNIT_CASE(fdinfo_tells_why_nothing_is_heard),
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
