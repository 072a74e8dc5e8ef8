// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The later features of /dev/xen/evtchn: FEATURES, STATUS, NOTIFYFD, EVENTFD,
 * and reads that enable. If the kernel lacks one, its tests are skipped.
 */
#include <sys/epoll.h>
#include <sys/wait.h>

#include "ev_features.h"

/* Two files, each with one end of a pair, quiet, and the last STATUS */

FIXTURE(status)
{
	int fd_a, fd_b;
	struct ev_pair pair;
	struct ioctl_evtchn_status is;
};

FIXTURE_SETUP(status)
{
	self->fd_a = ev_open(O_CLOEXEC | O_NONBLOCK);
	self->fd_b = ev_open(O_CLOEXEC | O_NONBLOCK);
	if (is_lacking(status_of(self->fd_a, 0, &self->is)))
		SKIP(return, "the kernel has no IOCTL_EVTCHN_STATUS");
	ASSERT_EQ(0, ev_connect(self->fd_a, self->fd_b, &self->pair));
}

FIXTURE_TEARDOWN(status) { }

#define KNOWN	((int)(EVTCHN_FEATURE_READ_ENABLES | EVTCHN_FEATURE_STATUS | \
		       EVTCHN_FEATURE_NOTIFYFD | EVTCHN_FEATURE_EVENTFD))

TEST(features_are_told_and_unknown_ones_refused)
{
	int fd = ev_open(O_CLOEXEC), has = features(fd, 0), bit;

	if (is_lacking(has))
		SKIP(return, "the kernel has no IOCTL_EVTCHN_FEATURES");
	EXPECT_EQ(0x40044508UL, IOCTL_EVTCHN_FEATURES);
	EXPECT_EQ(KNOWN, has & KNOWN);
	/* Unknown features, and those of commands, cannot be switched on. */
	for (bit = 1; bit < 32; bit++) {
		if (bit >= 8 || !(has & (1U << bit)))
			EXPECT_EQ(-EINVAL, features(fd, 1U << bit | 1)) TH_LOG("bit %d", bit);
	}
	EXPECT_EQ(-EFAULT, ev_ioctl(fd, IOCTL_EVTCHN_FEATURES, NULL));
	EXPECT_EQ(0, ev_restrict(fd, 1));
	EXPECT_EQ(has, features(fd, 0));
}

TEST_F(status, connected_ports_name_each_other)
{
	struct ioctl_evtchn_status *is = &self->is;
	unsigned int own;

	EXPECT_EQ(0xc0184509UL, (unsigned int)IOCTL_EVTCHN_STATUS);
	ASSERT_EQ(0, status_of(self->fd_a, self->pair.a, is));
	EXPECT_EQ(self->pair.a, is->port);
	EXPECT_EQ(EVTCHN_STATUS_CONNECTED, is->status);
	EXPECT_EQ(self->pair.b, is->remote_port);
	EXPECT_EQ(0, is->flags);
	own = is->remote_domain;
	EXPECT_LT(own, EV_NO_DOMAIN);

	ASSERT_EQ(0, status_of(self->fd_b, self->pair.b, is));
	EXPECT_EQ(EVTCHN_STATUS_CONNECTED, is->status);
	EXPECT_EQ(self->pair.a, is->remote_port);
	EXPECT_EQ(own, is->remote_domain);

	/* An unbound port has the domain that may connect. */
	ASSERT_EQ(0, status_of(self->fd_a, ev_bind_unbound(self->fd_a, EV_SELF), is));
	EXPECT_EQ(EVTCHN_STATUS_UNBOUND, is->status);
	EXPECT_EQ(own, is->remote_domain);
	EXPECT_EQ(0, is->remote_port);
}

/* As the documentation says: no event reports it, but STATUS does. */
TEST_F(status, end_of_the_peer_can_be_seen)
{
	struct ioctl_evtchn_status *is = &self->is;

	EXPECT_EQ(0, ev_unbind(self->fd_b, self->pair.b));
	ev_settle();
	EXPECT_EQ(EV_POLL_IDLE, ev_poll(self->fd_a));
	ASSERT_EQ(0, status_of(self->fd_a, self->pair.a, is));
	EXPECT_EQ(EVTCHN_STATUS_UNBOUND, is->status);
	EXPECT_EQ(0, is->remote_port);
	/* The port may be connected to again. */
	EXPECT_GT(ev_bind_interdomain(self->fd_b, EV_SELF, self->pair.a), 0);
	ASSERT_EQ(0, status_of(self->fd_a, self->pair.a, is));
	EXPECT_EQ(EVTCHN_STATUS_CONNECTED, is->status);
}

TEST_F(status, masked_is_from_the_event_until_write)
{
	struct ioctl_evtchn_status *is = &self->is;

	EXPECT_EQ(0, ev_notify_settled(self->fd_b, self->pair.b));
	ASSERT_EQ(0, status_of(self->fd_a, self->pair.a, is));
	EXPECT_EQ(EVTCHN_STATUS_F_MASKED, is->flags);
	EXPECT_EQ(self->pair.a, ev_take(self->fd_a));
	ASSERT_EQ(0, status_of(self->fd_a, self->pair.a, is));
	EXPECT_EQ(EVTCHN_STATUS_F_MASKED, is->flags);
	EXPECT_EQ(4, ev_enable(self->fd_a, self->pair.a));
	ASSERT_EQ(0, status_of(self->fd_a, self->pair.a, is));
	EXPECT_EQ(0, is->flags);
}

TEST_F(status, virq_tells_its_number)
{
	struct ioctl_evtchn_status *is = &self->is;
	unsigned int virq;
	int port = ev_bind_any_virq(self->fd_a, &virq);

	ASSERT_GT(port, 0);
	ASSERT_EQ(0, status_of(self->fd_a, port, is));
	EXPECT_EQ(EVTCHN_STATUS_VIRQ, is->status);
	EXPECT_EQ(virq, is->remote_port);
	EXPECT_EQ(0, is->remote_domain);
}

TEST_F(status, irq_is_that_of_proc)
{
	struct ioctl_evtchn_status *is = &self->is;
	char name[32], path[80];

	ASSERT_EQ(0, ev_read_file("/proc/self/comm", name, sizeof(name)));
	name[strcspn(name, "\n")] = 0;
	ASSERT_EQ(0, status_of(self->fd_a, self->pair.a, is));
	snprintf(path, sizeof(path), "/proc/irq/%u/evtchn:%s", is->irq, name);
	EXPECT_EQ(0, access(path, F_OK)) TH_LOG("no %s", path);
}

TEST_F(status, ports_of_others_are_not_told_of)
{
	struct ioctl_evtchn_status *is = &self->is;

	EXPECT_EQ(-ENOTCONN, status_of(self->fd_a, self->pair.b, is));
	EXPECT_EQ(-ENOTCONN, status_of(self->fd_a, 0, is));
	EXPECT_EQ(-ENOTCONN, status_of(self->fd_a, ~0U, is));
	EXPECT_EQ(0xa5a5a5a5, is->status);
	EXPECT_EQ(0, ev_unbind(self->fd_a, self->pair.a));
	EXPECT_EQ(-ENOTCONN, status_of(self->fd_a, self->pair.a, is));
	/* For own ports it works, also when the file is restricted. */
	EXPECT_EQ(0, ev_restrict(self->fd_b, 1));
	EXPECT_EQ(0, status_of(self->fd_b, self->pair.b, is));
}

TEST_F(status, bad_addresses_are_efault)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, page);
	*(unsigned int *)page = self->pair.a;
	EXPECT_EQ(0, mprotect(page, 4096, PROT_READ));
	EXPECT_EQ(-EFAULT, ev_ioctl(self->fd_a, IOCTL_EVTCHN_STATUS, page));
	EXPECT_EQ(-EFAULT, ev_ioctl(self->fd_a, IOCTL_EVTCHN_STATUS, NULL));
	EXPECT_EQ(0, ev_ping(self->fd_a, self->fd_b, &self->pair));
}

/* The state in Xen, queried through privcmd, which serves no 32-bit programs */
#if UINTPTR_MAX > UINT32_MAX
TEST_F(status, agrees_with_xen)
{
	struct ioctl_evtchn_status *is = &self->is;
	union ev_xen_arg arg;

	if (ev_xen_missing)
		SKIP(return, "%s", ev_xen_missing);
	ASSERT_EQ(0, status_of(self->fd_a, self->pair.a, is));
	ASSERT_EQ(0, ev_xen_query(self->pair.a, &arg));
	EXPECT_EQ(arg.status.status, is->status);
	EXPECT_EQ(arg.status.interdomain.dom, is->remote_domain);
	EXPECT_EQ(arg.status.interdomain.port, is->remote_port);
}

TEST_F(status, static_port_is_told)
{
	struct ioctl_evtchn_status *is = &self->is;
	int port;

	if (ev_xen_missing)
		SKIP(return, "%s", ev_xen_missing);
	port = ev_xen_alloc_unbound(EV_SELF);
	ASSERT_GT(port, 0);
	ASSERT_EQ(0, ev_bind_static(self->fd_a, port));
	ASSERT_EQ(0, status_of(self->fd_a, port, is));
	EXPECT_EQ(EVTCHN_STATUS_UNBOUND, is->status);
	EXPECT_EQ(EVTCHN_STATUS_F_STATIC, is->flags);
	EXPECT_EQ(0, ev_unbind(self->fd_a, port));
	EXPECT_EQ(0, ev_xen_close(port));
}

/* Behind the kernel's back. With the single-file driver, the kernel crashes. */
TEST_F(status, port_closed_by_force_is_told)
{
	struct ioctl_evtchn_status *is = &self->is;

	if (features(self->fd_a, 0) == -ENOSYS)
		SKIP(return, "a driver without IOCTL_EVTCHN_FEATURES crashes the kernel");
	if (ev_xen_missing)
		SKIP(return, "%s", ev_xen_missing);
	EXPECT_EQ(0, ev_xen_close(self->pair.a));
	ASSERT_EQ(0, status_of(self->fd_a, self->pair.a, is));
	EXPECT_EQ(EVTCHN_STATUS_CLOSED, is->status);
	EXPECT_EQ(0, ev_unbind(self->fd_a, self->pair.a));
}
#endif

/* Another thread binds and unbinds meanwhile. */

struct binder {
	int fd;
	atomic_bool stop;
	atomic_uint port;
	int error;
};

static void *bind_and_unbind(void *arg)
{
	struct binder *binder = arg;
	int port;

	while (!binder->stop && !binder->error) {
		port = ev_bind_unbound(binder->fd, EV_SELF);
		if (port > 0)
			binder->port = port;
		binder->error = port < 0 ? port : ev_unbind(binder->fd, port);
	}
	return NULL;
}

TEST_F(status, port_that_comes_and_goes_is_there_or_not)
{
	struct ioctl_evtchn_status *is = &self->is;
	struct binder binder = { .fd = self->fd_a };
	int i, ret, seen[2] = {};
	pthread_t thread;

	ASSERT_EQ(0, pthread_create(&thread, NULL, bind_and_unbind, &binder));
	for (i = 0; i < 1000000 && !(i >= 2000 && seen[0] && seen[1]); i++) {
		ret = status_of(self->fd_a, binder.port, is);
		if (ret != -ENOTCONN)
			ASSERT_EQ(0, ret);
		if (!ret)
			EXPECT_EQ(EVTCHN_STATUS_UNBOUND, is->status);
		seen[!ret]++;
	}
	binder.stop = true;
	pthread_join(thread, NULL);
	EXPECT_EQ(0, binder.error);
	EXPECT_GT(seen[1], 0);
	EXPECT_EQ(0, ev_ping(self->fd_a, self->fd_b, &self->pair));
}

/* A pair, b's file with one end of it, and an eventfd that does not block */

FIXTURE(tied)
{
	int fd_a, fd_b, efd;
	struct ev_pair pair;
};

FIXTURE_SETUP(tied)
{
	self->fd_a = ev_open(O_CLOEXEC | O_NONBLOCK);
	self->fd_b = ev_open(O_CLOEXEC | O_NONBLOCK);
	self->efd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ASSERT_GE(self->efd, 0);
	if (!has_eventfds(self->fd_a))
		SKIP(return, "the kernel has no IOCTL_EVTCHN_EVENTFD");
	ASSERT_EQ(0, ev_connect(self->fd_a, self->fd_b, &self->pair));
}

FIXTURE_TEARDOWN(tied) { }

TEST_F(tied, write_notifies_and_is_taken)
{
	EXPECT_EQ(0x4008450aUL, IOCTL_EVTCHN_NOTIFYFD);
	/* A count that is in it already folds into one event. */
	EXPECT_EQ(0, put(self->efd, 5));
	ASSERT_EQ(0, set_notifyfd(self->fd_a, self->pair.a, self->efd));
	EXPECT_EQ(-EAGAIN, taken(self->efd));
	EXPECT_EQ(self->pair.b, ev_next(self->fd_b));
	EXPECT_EQ(-EAGAIN, ev_next(self->fd_b));
	EXPECT_EQ(4, ev_enable(self->fd_b, self->pair.b));
	EXPECT_EQ(-EAGAIN, ev_next(self->fd_b));

	EXPECT_EQ(0, put(self->efd, 0));
	EXPECT_EQ(-EAGAIN, ev_next(self->fd_b));
	EXPECT_EQ(0, put(self->efd, 1));
	EXPECT_EQ(0, put(self->efd, 1));
	EXPECT_EQ(-EAGAIN, taken(self->efd));
	EXPECT_EQ(self->pair.b, ev_next(self->fd_b));
	/* The second one was held back. */
	EXPECT_EQ(4, ev_enable(self->fd_b, self->pair.b));
	EXPECT_EQ(self->pair.b, ev_next(self->fd_b));
}

TEST_F(tied, failing_notifyfd_changes_nothing)
{
	int other = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), pipes[2];
	int a = self->pair.a, second = ev_bind_unbound(self->fd_a, EV_SELF);

	ASSERT_EQ(0, pipe(pipes));
	ASSERT_EQ(0, set_notifyfd(self->fd_a, a, self->efd));
	EXPECT_EQ(-EBADF, set_notifyfd(self->fd_a, a, 9999));
	EXPECT_EQ(-EINVAL, set_notifyfd(self->fd_a, a, pipes[0]));
	EXPECT_EQ(-EINVAL, set_notifyfd(self->fd_a, a, -2));
	EXPECT_EQ(-ENOTCONN, set_notifyfd(self->fd_b, a, other));
	EXPECT_EQ(-ENOTCONN, set_notifyfd(self->fd_a, 0, other));
	EXPECT_EQ(-EBUSY, set_notifyfd(self->fd_a, second, self->efd));
	EXPECT_EQ(-EFAULT, ev_ioctl(self->fd_a, IOCTL_EVTCHN_NOTIFYFD, NULL));
	EXPECT_EQ(0, put(self->efd, 1));
	EXPECT_EQ(self->pair.b, ev_next(self->fd_b));
	EXPECT_EQ(4, ev_enable(self->fd_b, self->pair.b));

	/* The same eventfd again, another one instead, and none. */
	EXPECT_EQ(0, ev_restrict(self->fd_a, 1));
	EXPECT_EQ(0, set_notifyfd(self->fd_a, a, self->efd));
	EXPECT_EQ(0, set_notifyfd(self->fd_a, a, other));
	EXPECT_EQ(0, put(self->efd, 3));
	EXPECT_EQ(3, taken(self->efd));
	EXPECT_EQ(-EAGAIN, ev_next(self->fd_b));
	EXPECT_EQ(0, put(other, 1));
	EXPECT_EQ(self->pair.b, ev_next(self->fd_b));
	EXPECT_EQ(4, ev_enable(self->fd_b, self->pair.b));
	EXPECT_EQ(0, set_notifyfd(self->fd_a, a, -1));
	EXPECT_EQ(0, put(other, 1));
	EXPECT_EQ(1, taken(other));
	EXPECT_EQ(-EAGAIN, ev_next(self->fd_b));
}

TEST_F(tied, notifyfd_never_hits_the_next_owner_of_the_number)
{
	unsigned int a = self->pair.a, b, i;

	ASSERT_EQ(0, set_notifyfd(self->fd_a, a, self->efd));
	EXPECT_EQ(0, ev_unbind(self->fd_a, a));
	/* Xen gives the lowest number. */
	for (i = 0, a = 0; i < 100 && a != self->pair.a; i++)
		a = ev_bind_unbound(self->fd_a, EV_SELF);
	if (a != self->pair.a)
		SKIP(return, "another program has got port %u", self->pair.a);
	b = ev_bind_interdomain(self->fd_b, EV_SELF, a);
	/* With threadirqs, the event waits for a thread that has just been made. */
	EXPECT_EQ(b, ev_take(self->fd_b));
	EXPECT_EQ(4, ev_enable(self->fd_b, b));
	EXPECT_EQ(0, put(self->efd, 1));
	EXPECT_EQ(1, taken(self->efd));
	EXPECT_EQ(-EAGAIN, ev_next(self->fd_b));
	EXPECT_EQ(0, ev_notify_settled(self->fd_a, a));
	EXPECT_EQ(b, ev_next(self->fd_b));
	/* Nor after the close of the device's file, or of the eventfd. */
	ASSERT_EQ(0, set_notifyfd(self->fd_a, a, self->efd));
	EXPECT_EQ(0, close(self->fd_a));
	EXPECT_EQ(0, put(self->efd, 1));
	EXPECT_EQ(1, taken(self->efd));
	EXPECT_EQ(0, set_notifyfd(self->fd_b, self->pair.b, self->efd));
	EXPECT_EQ(0, close(self->efd));
	EXPECT_EQ(0, ev_unbind(self->fd_b, self->pair.b));
}

/* Only 1 is taken from such an eventfd at a time; readers get the rest. */
TEST_F(tied, semaphore_gives_one_event_a_write)
{
	int semaphore = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE);

	ASSERT_EQ(0, set_notifyfd(self->fd_a, self->pair.a, semaphore));
	EXPECT_EQ(0, put(semaphore, 1));
	EXPECT_EQ(-EAGAIN, taken(semaphore));
	EXPECT_EQ(self->pair.b, ev_next(self->fd_b));
	EXPECT_EQ(4, ev_enable(self->fd_b, self->pair.b));

	EXPECT_EQ(0, put(semaphore, 3));
	EXPECT_EQ(self->pair.b, ev_next(self->fd_b));
	EXPECT_EQ(4, ev_enable(self->fd_b, self->pair.b));
	EXPECT_EQ(-EAGAIN, ev_next(self->fd_b));
	EXPECT_EQ(1, taken(semaphore));
	EXPECT_EQ(1, taken(semaphore));
	EXPECT_EQ(-EAGAIN, taken(semaphore));
	EXPECT_EQ(-EAGAIN, ev_next(self->fd_b));
}

/*
 * In a child of exec_in_child(), instead of main(): 0 if it can write the
 * eventfd, and STATUS of the file shows that the port has both eventfds.
 */
__attribute__((constructor)) static void after_exec(void)
{
	const char *what = getenv("EVTCHN_AFTER_EXEC");
	struct ioctl_evtchn_status is;
	unsigned int port;
	int fd, efd, ret;

	if (!what || sscanf(what, "%d %d %u", &fd, &efd, &port) != 3)
		return;
	if (put(efd, 1))
		_exit(1);
	ret = status_of(fd, port, &is);
	if (ret == -EBADF)
		_exit(2);
	_exit(ret || is.status != EVTCHN_STATUS_CONNECTED ||
	      is.flags != (EVTCHN_STATUS_F_EVENTFD | EVTCHN_STATUS_F_NOTIFYFD) ? 3 : 0);
}

static int exec_in_child(FIXTURE_DATA(tied) *self)
{
	char what[48];
	int status;
	pid_t pid = fork();

	if (!pid) {
		snprintf(what, sizeof(what), "%d %d %u", self->fd_a, self->efd,
			 self->pair.a);
		setenv("EVTCHN_AFTER_EXEC", what, 1);
		execl("/proc/self/exe", "evtchn_features_test", NULL);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

TEST_F(tied, go_through_exec)
{
	int events = eventfd(0, EFD_CLOEXEC);

	ASSERT_EQ(0, set_notifyfd(self->fd_a, self->pair.a, self->efd));
	ASSERT_EQ(0, set_eventfd(self->fd_a, self->pair.a, events, 0));
	EXPECT_EQ(1, exec_in_child(self));
	EXPECT_EQ(-EAGAIN, ev_next(self->fd_b));
	/* With the eventfd alone, which is enough, and with the file, too. */
	ASSERT_EQ(0, fcntl(self->efd, F_SETFD, 0));
	EXPECT_EQ(2, exec_in_child(self));
	EXPECT_EQ(self->pair.b, ev_next(self->fd_b));
	EXPECT_EQ(4, ev_enable(self->fd_b, self->pair.b));
	ASSERT_EQ(0, fcntl(self->fd_a, F_SETFD, 0));
	EXPECT_EQ(0, exec_in_child(self));
	EXPECT_EQ(self->pair.b, ev_next(self->fd_b));
}

TEST_F(tied, read_enables_what_it_returns)
{
	unsigned int ports[40], a = self->pair.a;
	struct ev_pair pairs[33];
	int i;

	/* A read enables the port only with the flag. */
	EXPECT_EQ(0, ev_notify_settled(self->fd_b, self->pair.b));
	EXPECT_EQ(a, ev_next(self->fd_a));
	EXPECT_EQ(0, ev_notify_settled(self->fd_b, self->pair.b));
	EXPECT_EQ(-EAGAIN, ev_next(self->fd_a));
	EXPECT_GT(features(self->fd_a, EVTCHN_FEATURE_READ_ENABLES), 0);
	EXPECT_EQ(-EAGAIN, ev_next(self->fd_a));
	EXPECT_EQ(4, ev_enable(self->fd_a, a));

	EXPECT_EQ(a, ev_next(self->fd_a));
	for (i = 0; i < 100; i++) {
		EXPECT_EQ(0, ev_notify_settled(self->fd_b, self->pair.b));
		EXPECT_EQ(0, ev_notify_settled(self->fd_b, self->pair.b));
		/* A fault takes nothing, and enables nothing. */
		EXPECT_EQ(-EFAULT, ev_read(self->fd_a, NULL, 4));
		EXPECT_EQ(a, ev_next(self->fd_a));
		EXPECT_EQ(a, ev_next(self->fd_a));
		EXPECT_EQ(-EAGAIN, ev_next(self->fd_a));
	}

	ASSERT_EQ(0, ev_connect_many(self->fd_a, pairs, 33));
	for (i = 0; i < 33; i++)
		EXPECT_EQ(0, ev_notify_settled(self->fd_a, pairs[i].a));
	EXPECT_EQ(32 * 4, ev_read(self->fd_a, ports, sizeof(ports)));
	EXPECT_EQ(pairs[0].b, ports[0]);
	EXPECT_EQ(4, ev_read(self->fd_a, ports, sizeof(ports)));
	EXPECT_EQ(pairs[32].b, ports[0]);
	EXPECT_EQ(-EAGAIN, ev_next(self->fd_a));
}

TEST_F(tied, event_goes_to_the_eventfd_and_masks)
{
	unsigned int a = self->pair.a;

	EXPECT_EQ(0x400c450bUL, IOCTL_EVTCHN_EVENTFD);
	ASSERT_EQ(0, set_eventfd(self->fd_a, a, self->efd, 0));
	EXPECT_EQ(0, ev_notify_settled(self->fd_b, self->pair.b));
	EXPECT_EQ(0, ev_notify_settled(self->fd_b, self->pair.b));
	EXPECT_EQ(EV_POLL_IDLE, ev_poll(self->fd_a));
	EXPECT_EQ(-EAGAIN, ev_next(self->fd_a));
	EXPECT_EQ(0, ev_reset(self->fd_a));
	EXPECT_EQ(1, taken(self->efd));
	EXPECT_EQ(-EAGAIN, taken(self->efd));
	EXPECT_EQ(4, ev_enable(self->fd_a, a));
	EXPECT_EQ(1, taken(self->efd));

	/* The event that was not answered moves, there and back. */
	ASSERT_EQ(0, set_eventfd(self->fd_a, a, -1, 0));
	EXPECT_EQ(a, ev_next(self->fd_a));
	EXPECT_EQ(-EAGAIN, ev_next(self->fd_a));
	ASSERT_EQ(0, set_eventfd(self->fd_a, a, self->efd, READ_ENABLES));
	EXPECT_EQ(1, taken(self->efd));
	EXPECT_EQ(-EAGAIN, ev_next(self->fd_a));

	/* From here on a read is sufficient. */
	EXPECT_EQ(0, ev_notify_settled(self->fd_b, self->pair.b));
	EXPECT_EQ(0, ev_notify_settled(self->fd_b, self->pair.b));
	EXPECT_EQ(1, taken(self->efd));
	EXPECT_EQ(1, taken(self->efd));
	EXPECT_EQ(-EAGAIN, taken(self->efd));
	EXPECT_EQ(0, ev_unbind(self->fd_a, a));
}

/* As with an eventfd that nobody reads, or reads late. */
TEST_F(tied, write_enables_also_where_a_read_does)
{
	ASSERT_EQ(0, set_eventfd(self->fd_a, self->pair.a, self->efd, READ_ENABLES));
	EXPECT_EQ(0, ev_notify_settled(self->fd_b, self->pair.b));
	EXPECT_EQ(0, ev_notify_settled(self->fd_b, self->pair.b));
	EXPECT_EQ(4, ev_enable(self->fd_a, self->pair.a));
	EXPECT_EQ(2, taken(self->efd));
	EXPECT_EQ(0, ev_notify_settled(self->fd_b, self->pair.b));
	EXPECT_EQ(1, taken(self->efd));
	EXPECT_EQ(-EAGAIN, ev_next(self->fd_a));
}

TEST_F(tied, each_event_is_an_edge_for_epoll)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	int ep = epoll_create1(EPOLL_CLOEXEC), i;

	ASSERT_EQ(0, epoll_ctl(ep, EPOLL_CTL_ADD, self->efd, &event));
	ASSERT_EQ(0, set_eventfd(self->fd_a, self->pair.a, self->efd, READ_ENABLES));
	for (i = 0; i < 3; i++) {
		EXPECT_EQ(0, ev_notify_settled(self->fd_b, self->pair.b));
		EXPECT_EQ(1, epoll_wait(ep, &event, 1, 0));
		EXPECT_EQ(EPOLLIN, event.events);
		/* Until the event is read, no other one comes. */
		EXPECT_EQ(0, ev_notify_settled(self->fd_b, self->pair.b));
		EXPECT_EQ(0, epoll_wait(ep, &event, 1, 0));
		EXPECT_EQ(1, taken(self->efd));
		ev_settle();
		EXPECT_EQ(1, epoll_wait(ep, &event, 1, 0));
		EXPECT_EQ(1, taken(self->efd));
		EXPECT_EQ(0, epoll_wait(ep, &event, 1, 0));
	}
	/* The event need not be read if the port is written. */
	ASSERT_EQ(0, set_eventfd(self->fd_a, self->pair.a, self->efd, 0));
	for (i = 0; i < 3; i++) {
		EXPECT_EQ(0, ev_notify_settled(self->fd_b, self->pair.b));
		EXPECT_EQ(1, epoll_wait(ep, &event, 1, 0));
		EXPECT_EQ(4, ev_enable(self->fd_a, self->pair.a));
		EXPECT_EQ(0, epoll_wait(ep, &event, 1, 0));
	}
	EXPECT_EQ(3, taken(self->efd));
}

TEST_F(tied, failing_eventfd_changes_nothing)
{
	int other = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), pipes[2];
	int a = self->pair.a, second = ev_bind_unbound(self->fd_a, EV_SELF);

	ASSERT_EQ(0, pipe(pipes));
	ASSERT_EQ(0, ev_restrict(self->fd_a, 1));
	ASSERT_EQ(0, set_eventfd(self->fd_a, a, self->efd, READ_ENABLES));
	EXPECT_EQ(-EBADF, set_eventfd(self->fd_a, a, 9999, 0));
	EXPECT_EQ(-EINVAL, set_eventfd(self->fd_a, a, pipes[0], 0));
	EXPECT_EQ(-EINVAL, set_eventfd(self->fd_a, a, -2, 0));
	EXPECT_EQ(-EINVAL, set_eventfd(self->fd_a, a, other, 2));
	EXPECT_EQ(-EINVAL, set_eventfd(self->fd_a, a, -1, READ_ENABLES));
	EXPECT_EQ(-ENOTCONN, set_eventfd(self->fd_b, a, other, 0));
	EXPECT_EQ(-EBUSY, set_eventfd(self->fd_a, second, self->efd, 0));
	EXPECT_EQ(-EFAULT, ev_ioctl(self->fd_a, IOCTL_EVTCHN_EVENTFD, NULL));
	EXPECT_EQ(0, ev_notify_settled(self->fd_b, self->pair.b));
	EXPECT_EQ(1, taken(self->efd));
	/* Two ports can share it if a read enables neither. */
	EXPECT_EQ(0, set_eventfd(self->fd_a, a, self->efd, 0));
	EXPECT_EQ(0, set_eventfd(self->fd_a, second, self->efd, 0));
	EXPECT_EQ(-EBUSY, set_eventfd(self->fd_a, second, self->efd, READ_ENABLES));
}

TEST_F(tied, eventfd_that_nobody_reads_is_quiet)
{
	struct ioctl_evtchn_status is;
	int i;

	ASSERT_EQ(0, set_eventfd(self->fd_a, self->pair.a, self->efd, READ_ENABLES));
	EXPECT_EQ(0, close(self->efd));
	for (i = 0; i < 100; i++)
		EXPECT_EQ(0, ev_notify_settled(self->fd_b, self->pair.b));
	EXPECT_EQ(0, status_of(self->fd_a, self->pair.a, &is));
	EXPECT_EQ(EVTCHN_STATUS_F_MASKED | EVTCHN_STATUS_F_EVENTFD, is.flags);
	/* Back in the ring, it is one event. */
	ASSERT_EQ(0, set_eventfd(self->fd_a, self->pair.a, -1, 0));
	EXPECT_EQ(self->pair.a, ev_next(self->fd_a));
	EXPECT_EQ(4, ev_enable(self->fd_a, self->pair.a));
	EXPECT_EQ(self->pair.a, ev_next(self->fd_a));
}

TEST_F(tied, loop_of_eventfds_forwards_once)
{
	struct ioctl_evtchn_status is;

	/* An event of a notifies a's other end, which notifies... */
	ASSERT_EQ(0, set_eventfd(self->fd_a, self->pair.a, self->efd, READ_ENABLES));
	ASSERT_EQ(0, set_notifyfd(self->fd_a, self->pair.a, self->efd));
	EXPECT_EQ(0, ev_notify_settled(self->fd_b, self->pair.b));
	EXPECT_EQ(self->pair.b, ev_next(self->fd_b));
	EXPECT_EQ(-EAGAIN, taken(self->efd));
	EXPECT_EQ(4, ev_enable(self->fd_b, self->pair.b));
	EXPECT_EQ(-EAGAIN, ev_next(self->fd_b));
	EXPECT_EQ(0, status_of(self->fd_a, self->pair.a, &is));
	EXPECT_EQ(EVTCHN_STATUS_F_MASKED | EVTCHN_STATUS_F_EVENTFD |
		  EVTCHN_STATUS_F_NOTIFYFD, is.flags);
}

/* As in vhost-user: a process that has two eventfds, but not the device. */

#define TRIPS	2000

TEST_F_TIMEOUT(tied, back_end_with_eventfds_alone_answers, 300)
{
	int kick = eventfd(0, 0), answer = eventfd(0, EFD_NONBLOCK), status = 0, i;
	uint64_t count;
	pid_t child;

	ASSERT_EQ(0, set_eventfd(self->fd_a, self->pair.a, kick, READ_ENABLES));
	ASSERT_EQ(0, set_notifyfd(self->fd_a, self->pair.a, answer));
	child = fork();
	ASSERT_GE(child, 0);
	if (!child) {
		close(self->fd_a);
		close(self->fd_b);
		while (read(kick, &count, sizeof(count)) == sizeof(count)) {
			count = 1;
			if (write(answer, &count, sizeof(count)) != sizeof(count))
				_exit(1);
		}
		_exit(2);
	}
	for (i = 0; i < TRIPS; i++) {
		ASSERT_EQ(0, ev_notify(self->fd_b, self->pair.b));
		ASSERT_EQ(self->pair.b, ev_take(self->fd_b)) TH_LOG("trip %d", i);
		ASSERT_EQ(4, ev_enable(self->fd_b, self->pair.b));
	}
	ASSERT_EQ(0, waitpid(child, &status, WNOHANG)) TH_LOG("it has ended: %#x", status);
	EXPECT_EQ(0, kill(child, SIGKILL));
	EXPECT_EQ(child, waitpid(child, NULL, 0));
}

/* Events, reads, and a thread that ties and unties the eventfd, all at once. */

struct storm {
	int fd, efd;
	unsigned int port;
	atomic_bool stop;
	atomic_int error;
};

static void *notify_without_end(void *arg)
{
	struct storm *storm = arg;

	while (!storm->stop)
		storm->error = storm->error ?: ev_notify(storm->fd, storm->port);
	return NULL;
}

static void *read_without_end(void *arg)
{
	struct storm *storm = arg;
	uint64_t count;

	while (!storm->stop)
		if (read(storm->efd, &count, sizeof(count)) < 0 && errno != EAGAIN)
			storm->error = -errno;
	return NULL;
}

TEST_F_TIMEOUT(tied, storm_of_changes_loses_no_event, 300)
{
	struct storm storm = {
		.fd = self->fd_b, .port = self->pair.b, .efd = self->efd,
	};
	unsigned int buf[64], a = self->pair.a;
	pthread_t notifier, reader;
	int i, n;

	ASSERT_EQ(0, pthread_create(&notifier, NULL, notify_without_end, &storm));
	ASSERT_EQ(0, pthread_create(&reader, NULL, read_without_end, &storm));
	for (i = 0; i < 500; i++) {
		ASSERT_EQ(0, set_eventfd(self->fd_a, a, i & 1 ? self->efd : -1,
					 i & 1 ? READ_ENABLES : 0));
		ASSERT_EQ(0, set_notifyfd(self->fd_a, a, i & 2 ? self->efd : -1));
		n = ev_read(self->fd_a, buf, sizeof(buf));
		ASSERT_TRUE(n > 0 ? ev_write(self->fd_a, buf, n) == n : n == -EAGAIN);
	}
	storm.stop = true;
	pthread_join(notifier, NULL);
	pthread_join(reader, NULL);
	EXPECT_EQ(0, atomic_load(&storm.error));
	ASSERT_EQ(0, set_notifyfd(self->fd_a, a, -1));
	ASSERT_EQ(0, set_eventfd(self->fd_a, a, self->efd, READ_ENABLES));
	while (taken(self->efd) > 0)
		;
	EXPECT_EQ(0, ev_notify_settled(self->fd_b, self->pair.b));
	EXPECT_EQ(1, taken(self->efd));
	ASSERT_EQ(0, set_eventfd(self->fd_a, a, -1, 0));
	while (ev_next(self->fd_b) > 0)
		EXPECT_EQ(4, ev_enable(self->fd_b, self->pair.b));
	EXPECT_EQ(0, ev_ping(self->fd_a, self->fd_b, &self->pair));
}

/*
 * Every command, read and write at once, each in a thread of its own, on ports
 * of which one end is bound and unbound. A thread takes one pair after another.
 */

#define PAIRS	4
#define ROUNDS	300

struct everything {
	int fd_a, fd_b;
	int events[PAIRS], calls[PAIRS];	/* eventfds, of EVENTFD and of NOTIFYFD */
	atomic_uint a[PAIRS];
	unsigned int b[PAIRS];
	atomic_bool stop;
};

struct actor {
	struct everything *all;
	int (*act)(struct everything *all, int i, int turn);
	pthread_t thread;
	atomic_int turns;
	int error;
};

static int act_eventfd(struct everything *all, int i, int turn)
{
	bool set = turn & 3;

	return set_eventfd(all->fd_a, all->a[i], set ? all->events[i] : -1,
			   turn & 1 ? READ_ENABLES : 0);
}

static int act_notifyfd(struct everything *all, int i, int turn)
{
	return set_notifyfd(all->fd_a, all->a[i], turn & 1 ? all->calls[i] : -1);
}

static int act_ask(struct everything *all, int i, int turn)
{
	struct ioctl_evtchn_status is;
	char path[40], text[1024];

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", all->fd_a);
	return ev_read_file(path, text, sizeof(text)) ?:
	       features(all->fd_b, EVTCHN_FEATURE_READ_ENABLES) < 0 ? -EPROTO :
	       status_of(all->fd_b, all->b[i], &is) ? -EPROTO :
	       status_of(all->fd_a, all->a[i], &is);
}

static int act_serve(struct everything *all, int i, int turn)
{
	unsigned int ports[64];
	int ret = ev_read(all->fd_b, ports, sizeof(ports));

	if (ret < 0 && ret != -EAGAIN)
		return ret;
	/* No port is written that was not read: that could overflow the ring. */
	ret = ev_read(all->fd_a, ports, sizeof(ports));
	return ret < 0 ? ret : ev_write(all->fd_a, ports, ret);
}

static int act_with_eventfds(struct everything *all, int i, int turn)
{
	uint64_t count = 1;

	if (read(all->events[i], &count, sizeof(count)) < 0 && errno != EAGAIN)
		return -errno;
	return write(all->calls[i], &count, sizeof(count)) < 0 ? -errno : 0;
}

static int act_notify(struct everything *all, int i, int turn)
{
	return ev_notify(all->fd_b, all->b[i]);
}

static void *act_without_end(void *arg)
{
	struct actor *actor = arg;
	int ret;

	for (; !actor->all->stop && !actor->error; actor->turns++) {
		ret = actor->act(actor->all, actor->turns % PAIRS, actor->turns / PAIRS);
		/* There is no event, or the port was just unbound. */
		if (ret < 0 && ret != -EAGAIN && ret != -ENOTCONN)
			actor->error = ret;
	}
	return NULL;
}

/* Whether each thread has done all its turns, or failed. */
static bool all_had_turns(const struct actor *actor)
{
	while (actor->all && (actor->turns > 4 * PAIRS || actor->error))
		actor++;
	return !actor->all;
}

TEST_F_TIMEOUT(tied, storm_of_everything_loses_no_event, 300)
{
	struct everything all = { .fd_a = self->fd_a, .fd_b = self->fd_b };
	struct actor actors[] = {
		{ &all, act_eventfd }, { &all, act_notifyfd }, { &all, act_ask },
		{ &all, act_serve }, { &all, act_with_eventfds }, { &all, act_notify }, {},
	};
	struct ev_pair pair;
	int i, port, round;

	for (i = 0; i < PAIRS; i++) {
		ASSERT_EQ(0, ev_connect(self->fd_a, self->fd_b, &pair));
		all.a[i] = pair.a;
		all.b[i] = pair.b;
		all.events[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		all.calls[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	}
	/* Before the reader starts, which never writes. */
	ASSERT_GT(features(self->fd_b, EVTCHN_FEATURE_READ_ENABLES), 0);
	for (i = 0; actors[i].all; i++)
		ASSERT_EQ(0, pthread_create(&actors[i].thread, NULL, act_without_end,
					    &actors[i]));
	for (round = 0; round < ROUNDS || !all_had_turns(actors); round++) {
		i = round % PAIRS;
		ASSERT_EQ(0, ev_unbind(self->fd_a, all.a[i]));
		port = ev_bind_interdomain(self->fd_a, EV_SELF, all.b[i]);
		ASSERT_GT(port, 0);
		all.a[i] = port;
		usleep(1000);
	}
	all.stop = true;
	for (i = 0; actors[i].all; i++) {
		pthread_join(actors[i].thread, NULL);
		EXPECT_EQ(0, actors[i].error)
			TH_LOG("actor %d, turn %d", i, actors[i].turns);
	}

	for (i = 0; i < PAIRS; i++) {
		ASSERT_EQ(0, set_notifyfd(self->fd_a, all.a[i], -1));
		ASSERT_EQ(0, set_eventfd(self->fd_a, all.a[i], -1, 0));
	}
	while ((port = ev_next(self->fd_a)) > 0)
		EXPECT_EQ(4, ev_enable(self->fd_a, port));
	while (ev_next(self->fd_b) > 0)
		;
	for (i = 0; i < PAIRS; i++) {
		pair = (struct ev_pair){ .a = all.a[i], .b = all.b[i] };
		EXPECT_EQ(0, ev_ping(self->fd_a, self->fd_b, &pair)) TH_LOG("pair %d", i);
	}
}

#include "log_test.h"

TEST_HARNESS_MAIN
