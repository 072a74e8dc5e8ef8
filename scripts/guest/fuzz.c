// SPDX-License-Identifier: GPL-2.0-only
/*
 * fuzz SEED CALLS: runs programs of random system calls, CALLS in all, that the
 * description in scripts/fuzz allows: its calls, errors, structures and numbers are in
 * table.h, which grammar.py makes of it. Then it says as KTAP what came of each call,
 * and whether all is well.
 *
 * A program is a process with some threads; it forks, and ends in one of several
 * ways. What a call returned is an argument of later ones, by whatever thread or
 * process. Two programs run at a time, and know each other's ports by guesses. The
 * choices of a thread come from the SEED, the number of its program and its own: a
 * program with one thread alone makes the same calls each time, if Xen gives it the
 * same ports.
 */
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#define EV_NO_HARNESS
#include "common.h"

enum kind { CONST, INT, FLAGS, PTR, ARRAY, STRING, LEN, RESOURCE, STRUCT, VMA };

struct type {
	enum kind kind;
	bool out, bytes;
	unsigned int size;
	const long long *values;	/* CONST, FLAGS */
	int nr_values;
	const struct type *elem;	/* PTR, ARRAY */
	long long min, max;		/* INT; ARRAY: the length, or -1 */
	const struct type *fields;	/* STRUCT */
	int nr_fields;
	int ref;			/* LEN: whose, and in bytes? */
	int resource;
	const char *text;
};

struct resource {
	const char *name;
	int base;			/* or -1 */
	const long long *special;
	int nr_special;
};

struct call {
	const char *name;
	long number;
	int ret;			/* a resource, or -1 */
	const short *fails;		/* errors that must have been seen */
	int nr_fails;
	const short *may_fail;
	int nr_may_fail;
	bool never_succeeds, never_fails;
	struct type args;
};

#include "table.h"

#define POOL		64
#define STATIC		16	/* of these for good */
#define SLOTS		4	/* descriptors of each resource */
#define FIRST_FD	64
#define ARENA		(64 * 1024)
#define RECENT		4	/* calls that can be made again */
#define ERRORS		134
#define PATTERN		0xa5a5a5a5u
/* A run of so many calls has to come to every error that the description has. */
#define ALL_ERRORS	500000

/* What all processes count. */
static struct shared {
	atomic_long result[ARRAY_SIZE(calls)][ERRORS];
	atomic_long made, forked;
} *shared;

/*
 * What the threads of a program know. Descriptors have fixed numbers, FIRST_FD +
 * SLOTS * resource + slot, so that a number that is closed becomes no other file,
 * which would have other errors.
 */
static struct {
	atomic_int open[ARRAY_SIZE(resources)];	/* a bit for each slot */
	atomic_llong value[ARRAY_SIZE(resources)][POOL];
	atomic_int owner[ARRAY_SIZE(resources)][POOL];	/* the descriptor that gave it */
	atomic_uint count[ARRAY_SIZE(resources)];
} known;

struct prepared {
	const struct call *call;
	long args[6];
	char *memory, *hole;		/* ARENA bytes, and none behind them */
	size_t used;
	uint32_t *out;			/* resources that the call writes */
	size_t nr_out;
	int out_resource;
	int error;			/* of the last time */
};

struct thread {
	pthread_t id;
	uint64_t state;
	struct prepared recent[RECENT];
	unsigned int turn;
	int weight[ARRAY_SIZE(calls)], sum;
	int left;			/* calls to make */
	int end;			/* if not 0: ends the process so */
	bool may_fork;
};

struct made {
	size_t count, bytes;
};

static uint64_t base_seed;
static int port_resource;
static long long static_ports[STATIC];

static unsigned int rnd(struct thread *t, unsigned int n)
{
	t->state = t->state * 6364136223846793005u + 1442695040888963407u;
	return (t->state >> 33) % n;
}

static bool one_in(struct thread *t, unsigned int n)
{
	return !rnd(t, n);
}

static bool is_a(int resource, int base)
{
	while (resource >= 0 && resource != base)
		resource = resources[resource].base;
	return resource >= 0;
}

/* The first resource is fd. */
static bool is_fd(int resource)
{
	return is_a(resource, 0);
}

static bool is_empty(int resource)
{
	return is_fd(resource) ? !known.open[resource] : !known.count[resource];
}

/* Nor of what is one, too. */
static bool there_is_no(int base)
{
	int i;

	for (i = 0; i < (int)ARRAY_SIZE(resources); i++)
		if (is_a(i, base) && !is_empty(i))
			return false;
	return true;
}

static long long odd_number(struct thread *t)
{
	static const long long odd[] = { 0, 1, 2, 0x7fffffff, 0x80000000, 0xffffffff, -1 };

	switch (rnd(t, 3)) {
	case 0:
		return odd[rnd(t, ARRAY_SIZE(odd))];
	case 1:
		return rnd(t, 80);
	default:
		return (long long)rnd(t, 1u << 31) << rnd(t, 34);
	}
}

static int slot_number(int resource, int slot)
{
	return FIRST_FD + SLOTS * resource + slot;
}

/* Where the @n-th value is. The static ports, which come first, stay. */
static unsigned int place(unsigned int n)
{
	return n < STATIC ? n : STATIC + n % (POOL - STATIC);
}

/* A value that some call returned, of @base or of what is one. */
static long long some_value(struct thread *t, int base, int owner)
{
	unsigned int open, n = 0;
	int choice = -1, try, i;

	for (i = 0; i < (int)ARRAY_SIZE(resources); i++)
		if (is_a(i, base) && !is_empty(i) && one_in(t, ++n))
			choice = i;
	if (choice < 0 || one_in(t, 16)) {
		/* Of a descriptor or a process any number would be somebody's. */
		if (resources[base].nr_special == 1 || rnd(t, 3))
			return resources[base].special[rnd(t, resources[base].nr_special)];
		return odd_number(t);
	}
	if (!is_fd(choice)) {
		n = known.count[choice];
		/* Most often of that file; else one of the last, which may be good still. */
		n = n < POOL ? n : POOL;
		i = rnd(t, n);
		for (try = rnd(t, 4) ? n : 0; try; try--, i = (i + 1) % n)
			if (known.owner[choice][i] == owner)
				return known.value[choice][i];
		if (known.count[choice] > STATIC + 8 && rnd(t, 2))
			i = place(known.count[choice] - 1 - rnd(t, 8));
		return known.value[choice][i];
	}
	open = known.open[choice];
	for (i = rnd(t, SLOTS); open && !(open & 1u << i); i = (i + 1) % SLOTS)
		;
	return slot_number(choice, i);
}

/* That descriptor is of another file now. */
static void disown(int owner)
{
	size_t i, n;

	for (i = 0; i < ARRAY_SIZE(resources); i++)
		for (n = 0; n < POOL; n++)
			if (known.owner[i][n] == owner)
				known.owner[i][n] = -1;
}

static void keep(struct thread *t, int resource, long long value, int owner)
{
	unsigned int n;
	int slot;

	if (is_fd(resource)) {
		slot = rnd(t, SLOTS);
		if (value >= FIRST_FD) {
			slot = (value - FIRST_FD) % SLOTS;
		} else {
			dup3(value, slot_number(resource, slot), O_CLOEXEC);
			close(value);
			disown(slot_number(resource, slot));
		}
		known.open[resource] |= 1 << slot;
		return;
	}
	n = place(known.count[resource]++);
	known.value[resource][n] = value;
	known.owner[resource][n] = owner;
}

static void forget(long number)
{
	int resource = (number - FIRST_FD) / SLOTS;

	if (number >= FIRST_FD && resource < (int)ARRAY_SIZE(resources))
		known.open[resource] &= ~(1 << (number - FIRST_FD) % SLOTS);
}

/*
 * Arguments
 */

static struct made fill(struct thread *t, struct prepared *p, const struct type *type, char *at);

static void put(char *at, const struct type *type, long long value)
{
	memcpy(at, &value, type->size);
}

static size_t some_length(struct thread *t, const struct type *type, size_t room)
{
	static const unsigned int most[] = { 2, 5, 5, 40, 40, 300, 1100 };
	size_t n = rnd(t, most[rnd(t, ARRAY_SIZE(most))]), max = room / (type->elem->size ?: 1);

	if (type->max >= 0)
		n = type->max;
	return n < max ? n : max;
}

static size_t size_of(const struct type *type, size_t length)
{
	if (type->kind == STRING)
		return strlen(type->text) + 1;
	return type->kind == ARRAY ? length * type->elem->size : type->size;
}

static struct made fill_pointer(struct thread *t, struct prepared *p, const struct type *type,
				char *at)
{
	const struct type *elem = type->elem;
	/* Nothing, what is not mapped, what is partly so, and the kernel's. */
	char * const bad[] = { NULL, p->hole, p->hole - 2, (char *)~0xfffffUL };
	struct made made = { .count = 1 };
	size_t room = p->used < ARENA / 2 ? ARENA / 2 - p->used : 0;
	char *to;

	if (elem->kind == ARRAY)
		made.count = some_length(t, elem, room / 4);
	made.bytes = size_of(elem, made.count);
	/* To the end of memory, or behind what there is. */
	if (one_in(t, 8)) {
		to = p->hole - made.bytes;
	} else {
		to = p->memory + p->used;
		p->used += (made.bytes + 15) / 16 * 16;
	}
	if (one_in(t, 16))
		to = bad[rnd(t, ARRAY_SIZE(bad))];
	put(at, type, (uintptr_t)to);
	if (to < p->memory || to + made.bytes > p->hole)
		return made;

	memset(to, (unsigned char)PATTERN, made.bytes);
	if (elem->kind == STRING) {
		memcpy(to, elem->text, made.bytes);
	} else if (elem->kind == ARRAY) {
		if (elem->out && elem->elem->kind == RESOURCE) {
			p->out = (uint32_t *)to;
			p->nr_out = made.count;
			p->out_resource = elem->elem->resource;
		}
		for (size_t i = 0; i < made.count && !elem->out; i++)
			fill(t, p, elem->elem, to + i * elem->elem->size);
	} else if (!elem->out) {
		fill(t, p, elem, to);
	}
	return made;
}

static struct made fill_fields(struct thread *t, struct prepared *p, const struct type *type,
			       char *at, size_t step)
{
	static const long long lengths[] = { 0, 4096, 1 << 20, 0x7fffffff, -1 };
	struct made made[8];
	long long length;
	char *to = at;
	int i;

	for (i = 0; i < type->nr_fields; i++, to += step ?: type->fields[i - 1].size)
		if (type->fields[i].kind != LEN)
			made[i] = fill(t, p, &type->fields[i], to);
	to = at;
	for (i = 0; i < type->nr_fields; i++, to += step ?: type->fields[i - 1].size) {
		const struct type *field = &type->fields[i];

		if (field->kind != LEN)
			continue;
		length = field->bytes ? made[field->ref].bytes : made[field->ref].count;
		if (one_in(t, 16))
			length = lengths[rnd(t, ARRAY_SIZE(lengths))];
		else if (one_in(t, 8))
			length += rnd(t, 8);
		put(to, field, length);
	}
	return (struct made){ 1, type->size };
}

static struct made fill(struct thread *t, struct prepared *p, const struct type *type, char *at)
{
	struct made made = { 1, type->size };
	/* Arguments are no memory: what is a flag there may have consequences. */
	bool argument = at >= (char *)p->args && at < (char *)(p->args + 6);
	long long value = 0;

	switch (type->kind) {
	case PTR:
		return fill_pointer(t, p, type, at);
	case STRUCT:
		return fill_fields(t, p, type, at, 0);
	case CONST:
		value = type->values[0];
		break;
	case INT:
		value = type->max ? type->min + rnd(t, type->max - type->min + 1) : odd_number(t);
		break;
	case FLAGS:
		if (!argument && one_in(t, 16))
			value = odd_number(t);
		else
			do
				value |= type->values[rnd(t, type->nr_values)];
			while (one_in(t, argument ? 2 : 8));
		break;
	case RESOURCE:
		value = some_value(t, type->resource, p->args[0]);
		break;
	case VMA:
		made.bytes = 4096 * rnd(t, 4);
		made.count = made.bytes;
		break;
	default:
		break;
	}
	put(at, type, value);
	return made;
}

/*
 * Programs
 */

static bool has_one_fd(const struct call *call)
{
	const struct type *field = call->args.fields;
	int n = 0;

	for (; field < call->args.fields + call->args.nr_fields; field++)
		n += field->kind == RESOURCE && is_fd(field->resource);
	return n == 1;
}

static void execute(struct thread *t, struct prepared *p)
{
	const struct call *call = p->call;
	long *a = p->args, ret;
	int error;
	size_t i;

	ret = syscall(call->number, a[0], a[1], a[2], a[3], a[4], a[5]);
	error = ret == -1 ? errno : 0;
	p->error = error;
	t->left--;
	shared->made++;
	shared->result[call - calls][error < ERRORS ? error : ERRORS - 1]++;
	/* That it is closed is of some interest, but not for long. */
	if (error == EBADF ? has_one_fd(call) && rnd(t, 2) : call->number == SYS_close && rnd(t, 4))
		forget(a[0]);
	if (error)
		return;
	if (call->ret >= 0)
		keep(t, call->ret, ret, a[0]);
	for (i = 0; i < p->nr_out; i++)
		if (p->out[i] != PATTERN)
			keep(t, p->out_resource, p->out[i], a[0]);
}

static void run_call(struct thread *t, const struct call *call);

/* Files are not made or closed by the hundred, and what fails is of less interest. */
static void again(struct thread *t, struct prepared *p)
{
	if (p->call->ret >= 0 && is_fd(p->call->ret))
		return;
	if (p->call->number != SYS_close && p->error != EINTR && (!p->error || one_in(t, 4)))
		execute(t, p);
}

/* As long as there is nothing to choose from. */
static void make_resources(struct thread *t, const struct type *args)
{
	size_t n, start = rnd(t, ARRAY_SIZE(calls));
	int i;

	for (i = 0; i < args->nr_fields; i++) {
		if (args->fields[i].kind != RESOURCE || !there_is_no(args->fields[i].resource) ||
		    one_in(t, 8))
			continue;
		for (n = 0; n < ARRAY_SIZE(calls); n++) {
			const struct call *call = &calls[(start + n) % ARRAY_SIZE(calls)];

			if (call->ret < 0 || !is_a(call->ret, args->fields[i].resource) ||
			    (call->args.nr_fields && call->args.fields[0].kind == RESOURCE))
				continue;
			run_call(t, call);
			break;
		}
	}
}

static void run_call(struct thread *t, const struct call *call)
{
	struct prepared *p;

	make_resources(t, &call->args);
	p = &t->recent[t->turn++ % RECENT];
	p->call = call;
	p->used = 0;
	p->nr_out = 0;
	memset(p->args, 0, sizeof(p->args));
	fill_fields(t, p, &call->args, (char *)p->args, sizeof(long));
	execute(t, p);
}

static void run(struct thread *t);

/* A child that shares the files, and goes on by itself. */
static void fork_child(struct thread *t)
{
	struct thread child = *t;

	child.state += t->turn;
	child.left = rnd(t, 100);
	child.may_fork = false;
	child.end = 1 + rnd(t, 2);
	shared->forked++;
	if (!fork()) {
		run(&child);
		_exit(0);
	}
}

static void on_signal(int number)
{
}

/* Without SA_RESTART, again and again: a call that waits ends with EINTR. */
static void run(struct thread *t)
{
	struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGALRM };
	struct itimerspec often = { { 0, 4000000 }, { 0, 4000000 } };
	timer_t timer;
	int i, k, n;

	event._sigev_un._tid = gettid();
	timer_create(CLOCK_MONOTONIC, &event, &timer);
	timer_settime(timer, 0, &often, NULL);
	while (t->left > 0) {
		for (i = 0, n = rnd(t, t->sum); n >= t->weight[i]; i++)
			n -= t->weight[i];
		run_call(t, &calls[i]);
		/* Some of the last calls again, in their order. */
		if (t->turn >= RECENT && one_in(t, 16)) {
			k = 1 + rnd(t, RECENT);
			for (n = (1 + rnd(t, one_in(t, 3) ? 150 : 4)) * k; n > 0; n--)
				again(t, &t->recent[(t->turn - 1 - (n - 1) % k) % RECENT]);
		}
		if (t->may_fork && one_in(t, 200))
			fork_child(t);
	}
	timer_delete(timer);
	if (t->end == 1)
		_exit(0);
	if (t->end == 2)
		kill(getpid(), SIGKILL);
}

static void *run_thread(void *arg)
{
	run(arg);
	return NULL;
}

static char *with_hole(void)
{
	char *memory = mmap(NULL, 2 * ARENA, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	mprotect(memory + ARENA, ARENA, PROT_NONE);
	return memory;
}

static void program(unsigned int number)
{
	struct thread threads[3], self = { .state = base_seed + number * 0x9e3779b97f4a7c15u };
	int nr = 1 + rnd(&self, ARRAY_SIZE(threads)), i, n;

	for (i = 0; i < STATIC; i++)
		keep(&self, port_resource, static_ports[i], -1);
	/* Each program has its preferences. */
	for (i = 0; i < (int)ARRAY_SIZE(calls); i++) {
		self.weight[i] = 16 * rnd(&self, 6) * rnd(&self, 6);
		/* Files live longer so. */
		if (calls[i].ret >= 0 && is_fd(calls[i].ret))
			self.weight[i] /= 16;
		else if (calls[i].number != SYS_ioctl && calls[i].number != SYS_read &&
			 calls[i].number != SYS_write)
			self.weight[i] /= 4;
		self.sum += self.weight[i];
	}
	for (i = 0; i < nr; i++) {
		threads[i] = self;
		threads[i].state ^= (i + 1) * 0xd1b54a32d192ed03u;
		threads[i].left = 20 + rnd(&self, one_in(&self, 8) ? 2000 : 400);
		threads[i].may_fork = one_in(&self, 2);
		for (n = 0; n < RECENT; n++) {
			threads[i].recent[n].memory = with_hole();
			threads[i].recent[n].hole = threads[i].recent[n].memory + ARENA;
		}
	}
	/* Others may be at work when the first thread ends them all. */
	threads[0].end = one_in(&self, 3) ? 1 + rnd(&self, 2) : 0;
	for (i = 0; i < nr; i++)
		if (!self.sum || pthread_create(&threads[i].id, NULL, run_thread, &threads[i]))
			_exit(0);
	for (i = 0; i < nr; i++)
		pthread_join(threads[i].id, NULL);
	_exit(0);
}

/*
 * What came of it
 */

static int tests, failed;

static void test(bool ok, const char *name, const char *detail)
{
	failed += !ok;
	printf("%s %d %s%s%s\n", ok ? "ok" : "not ok", ++tests, name, *detail ? " # " : "", detail);
}

static bool lists(const short *list, int n, int error)
{
	while (n && list[n - 1] != error)
		n--;
	return n;
}

static void test_call(const struct call *call)
{
	atomic_long *result = shared->result[call - calls];
	bool ok = (result[0] > 0) != call->never_succeeds, fails = call->never_fails;
	char text[512];
	int at, i;

	at = snprintf(text, sizeof(text), "%ld succeeded", result[0]);
	for (i = 1; i < ERRORS; i++) {
		bool must = lists(call->fails, call->nr_fails, i);

		if (!result[i] && !must)
			continue;
		fails |= result[i] > 0;
		at += snprintf(text + at, sizeof(text) - at, ", %ld %s", result[i],
			       strerrorname_np(i) ?: "?");
		if (result[i] && !must && !lists(call->may_fail, call->nr_may_fail, i)) {
			at += snprintf(text + at, sizeof(text) - at, " (not described)");
			ok = false;
		}
		ok &= !must || result[i] || shared->made < ALL_ERRORS;
	}
	test(ok && fails, call->name, text);
}

static int count_ports(void)
{
	unsigned int port = 1;
	int n = 0, ret;

	while ((ret = ev_xen_status(port++)) != -EINVAL)
		n += ret > 0;
	return n;
}

/* How many binds of new ports failed so. */
static long count_busy(void)
{
	size_t i;
	long n = 0;

	for (i = 0; i < ARRAY_SIZE(calls); i++)
		if (calls[i].ret == port_resource)
			n += shared->result[i][EBUSY];
	return n;
}

int main(int argc, char **argv)
{
	static char record[EV_LOG_RECORD], text[128];
	int died = 0, before, now, i, status;
	pid_t programs[2] = {}, pid;
	unsigned int number = 0;
	long limit, lost;

	if (argc != 3 || ev_xen_missing) {
		fprintf(stderr, "fuzz: %s\n", ev_xen_missing ?: "fuzz SEED CALLS");
		return 2;
	}
	base_seed = strtoull(argv[1], NULL, 0);
	limit = atol(argv[2]);
	printf("TAP version 13\n# seed %s, %ld calls\n1..%zu\n", argv[1], limit,
	       ARRAY_SIZE(calls) + 5);
	fflush(stdout);

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	before = count_ports();
	/* As a domain's configuration makes them: some are pairs. */
	for (i = 0; i < STATIC; i++) {
		if (i % 4 == 3)
			static_ports[i] = ev_xen_bind_interdomain(EV_SELF, static_ports[i - 1]);
		else
			static_ports[i] = ev_xen_alloc_unbound(EV_SELF);
	}
	while (strcmp(resources[port_resource].name, "evtchn_port"))
		port_resource++;
	signal(SIGIO, on_signal);
	sigaction(SIGALRM, &(struct sigaction){ .sa_handler = on_signal }, NULL);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	for (;;) {
		for (i = 0; i < 2 && shared->made < limit; i++) {
			if (programs[i])
				continue;
			programs[i] = fork();
			if (!programs[i])
				program(number);
			if (!(++number % 100))
				fprintf(stderr, "# %u programs, %ld calls\n", number, shared->made);
		}
		/* For programs, and for the children that they left behind. */
		pid = wait(&status);
		if (pid < 0)
			break;
		for (i = 0; i < 2; i++)
			if (programs[i] == pid)
				programs[i] = 0;
		died += WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL;
	}
	for (i = 0; i < STATIC; i++)
		ev_xen_close(static_ports[i]);

	printf("# %u programs, %ld forks in them, %ld calls\n", number, shared->forked,
	       shared->made);
	for (i = 0; i < (int)ARRAY_SIZE(calls); i++)
		test_call(&calls[i]);
	snprintf(text, sizeof(text), "%d", died);
	test(!died, "no_program_died", text);
	/*
	 * A new port that BIND_STATIC takes before its maker can stays for good, and the
	 * maker gets EBUSY.
	 */
	lost = count_busy();
	now = count_ports();
	snprintf(text, sizeof(text), "%d, %d before, %ld EBUSY", now, before, lost);
	test(now >= before && now <= before + lost, "no_port_is_left", text);
	test(!ev_count_irqs("evtchn:fuzz"), "no_irq_is_left", "");
	test(!ev_ping_fresh(), "the_device_works", "");
	test(!ev_log_trouble(record), "the_log_has_nothing", record);
	return failed != 0;
}
