// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * /dev/xen/evtchn with io_uring and preadv2(): requests that wait need no
 * kernel thread, and those that must not wait do not. All tests but one are
 * skipped if the driver has no read_iter, and so no IOCTL_EVTCHN_FEATURES.
 */
#include <linux/io_uring.h>
#include <linux/userfaultfd.h>
#include <glob.h>
#include <sys/uio.h>

#include "ev_features.h"

#define ENTRIES		8
#define PAGE_PORTS	1024
#define EVENTS		100

/*
 * An io_uring of the calling thread. Requests complete only in enter(), so a
 * test knows when they do.
 */
struct ring {
	int fd;
	void *map;
	size_t size;
	struct io_uring_sqe *sqes;
	struct io_uring_cqe *cqes;
	unsigned int *sq_tail, *cq_head, *cq_tail;
	unsigned int tail, submitted, cq_mask;
	unsigned int flags;	/* of the last completion */
};

static int ring_open(struct ring *ring)
{
	struct io_uring_params params = {
		.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
			 IORING_SETUP_NO_SQARRAY,
	};

	memset(ring, 0, sizeof(*ring));
	ring->fd = syscall(__NR_io_uring_setup, ENTRIES, &params);
	if (ring->fd < 0)
		return -errno;
	ring->size = params.cq_off.cqes + params.cq_entries * sizeof(*ring->cqes);
	ring->map = mmap(NULL, ring->size, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_POPULATE, ring->fd, IORING_OFF_SQ_RING);
	ring->sqes = mmap(NULL, ENTRIES * sizeof(*ring->sqes), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_POPULATE, ring->fd, IORING_OFF_SQES);
	if (ring->map == MAP_FAILED || ring->sqes == MAP_FAILED)
		return -errno;
	ring->cqes = ring->map + params.cq_off.cqes;
	ring->sq_tail = ring->map + params.sq_off.tail;
	ring->cq_head = ring->map + params.cq_off.head;
	ring->cq_tail = ring->map + params.cq_off.tail;
	ring->cq_mask = params.cq_entries - 1;
	return 0;
}

/* The close ends requests that are pending. */
static int ring_close(struct ring *ring)
{
	return munmap(ring->map, ring->size) ||
	       munmap(ring->sqes, ENTRIES * sizeof(*ring->sqes)) ||
	       close(ring->fd) ? -errno : 0;
}

/* The next request, which enter() submits. Its opcode is also its name. */
static struct io_uring_sqe *prepare(struct ring *ring, int op, int fd,
				    const void *addr, unsigned int len)
{
	struct io_uring_sqe *sqe = &ring->sqes[ring->tail++ % ENTRIES];

	*sqe = (struct io_uring_sqe){
		.opcode = op, .fd = fd, .addr = (uintptr_t)addr, .len = len,
		.user_data = op,
	};
	return sqe;
}

/* Submits, completes all requests that can be, and waits for @wait of them. */
static int enter(struct ring *ring, unsigned int wait)
{
	struct __kernel_timespec guard = { .tv_sec = EV_GUARD_MS / 1000 };
	struct io_uring_getevents_arg arg = { .ts = (uintptr_t)&guard };
	int ret;

	/* The kernel sees requests before it sees that there are some. */
	__atomic_store_n(ring->sq_tail, ring->tail, __ATOMIC_RELEASE);
	ret = syscall(__NR_io_uring_enter, ring->fd, ring->tail - ring->submitted, wait,
		      IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG, &arg, sizeof(arg));
	if (ret < 0)
		return -errno;
	ring->submitted += ret;
	return ring->submitted == ring->tail ? 0 : -EIO;
}

/* Whether all prepared requests are submitted and none is complete. */
static bool waits(struct ring *ring)
{
	return !enter(ring, 0) &&
	       *ring->cq_head == __atomic_load_n(ring->cq_tail, __ATOMIC_ACQUIRE);
}

/* Takes the next completion, which is to be @op's: its result, or -errno. */
static int result_of(struct ring *ring, int op)
{
	unsigned int head = *ring->cq_head;
	struct io_uring_cqe cqe;
	int ret = enter(ring, 1);

	if (ret)
		return ret;
	/* Read it after the tail shows it, and before the head frees it. */
	if (head == __atomic_load_n(ring->cq_tail, __ATOMIC_ACQUIRE))
		return -ETIMEDOUT;
	cqe = ring->cqes[head & ring->cq_mask];
	__atomic_store_n(ring->cq_head, head + 1, __ATOMIC_RELEASE);
	ring->flags = cqe.flags;
	return cqe.user_data == (unsigned int)op ? cqe.res : -EPROTO;
}

/* One request and its result. */
static int request(struct ring *ring, int op, int fd, const void *addr, unsigned int len)
{
	prepare(ring, op, fd, addr, len);
	return result_of(ring, op);
}

static int cancel(struct ring *ring, int op)
{
	return request(ring, IORING_OP_ASYNC_CANCEL, -1, (void *)(uintptr_t)op, 0);
}

/* How many kernel threads serve requests of this process. */
static int workers(void)
{
	char name[32];
	glob_t files;
	int n = 0;
	size_t i;

	if (glob("/proc/self/task/*/comm", 0, NULL, &files))
		return -1;
	for (i = 0; i < files.gl_pathc; i++)
		n += !ev_read_file(files.gl_pathv[i], name, sizeof(name)) &&
		     !strncmp(name, "iou-wrk-", 8);
	globfree(&files);
	return n;
}

/* Two files, each with one end of a pair, quiet; the first one may be blocking */

FIXTURE(uring)
{
	int fd_a, fd_b;
	struct ev_pair pair;
	struct ring ring;
	unsigned int port;	/* buffer of a read */
};

FIXTURE_VARIANT(uring)
{
	int flags;
};

FIXTURE_VARIANT_ADD(uring, blocking) { .flags = 0 };
FIXTURE_VARIANT_ADD(uring, nonblock) { .flags = O_NONBLOCK };

FIXTURE_SETUP(uring)
{
	int error;

	self->fd_a = ev_open(O_CLOEXEC | variant->flags);
	self->fd_b = ev_open(O_CLOEXEC | O_NONBLOCK);
	ASSERT_GE(self->fd_a, 0);
	if (features(self->fd_a, 0) < 0)
		SKIP(return, "the driver has no read_iter");
	ASSERT_EQ(0, ev_connect(self->fd_a, self->fd_b, &self->pair));
	error = ring_open(&self->ring);
	if (error)
		SKIP(return, "io_uring_setup(): %s", strerror(-error));
}

FIXTURE_TEARDOWN(uring) { }

/* A read of an event that is there, and one that waits for an event. */
static int event(FIXTURE_DATA(uring) *self)
{
	return ev_notify_settled(self->fd_b, self->pair.b);
}

static void prepare_read(FIXTURE_DATA(uring) *self)
{
	self->port = 0;
	prepare(&self->ring, IORING_OP_READ, self->fd_a, &self->port, 4);
}

TEST_F(uring, read_waits_for_an_event_without_a_thread)
{
	int i, looks = EV_GUARD_MS / 10;

	for (i = 0; i < 10; i++) {
		prepare_read(self);
		ASSERT_TRUE(waits(&self->ring));
		EXPECT_EQ(0, event(self));
		EXPECT_EQ(4, result_of(&self->ring, IORING_OP_READ));
		EXPECT_EQ(self->pair.a, self->port);
		EXPECT_EQ(4, ev_enable(self->fd_a, self->port));

		/* An event that is there is read at once. */
		EXPECT_EQ(0, event(self));
		prepare_read(self);
		EXPECT_FALSE(waits(&self->ring));
		EXPECT_EQ(4, result_of(&self->ring, IORING_OP_READ));
		EXPECT_EQ(self->pair.a, self->port);
		EXPECT_EQ(4, ev_enable(self->fd_a, self->port));
	}
	/* A read that must not wait fails. */
	prepare(&self->ring, IORING_OP_READ, self->fd_a, &self->port, 4)->rw_flags =
		RWF_NOWAIT;
	EXPECT_EQ(-EAGAIN, result_of(&self->ring, IORING_OP_READ));
	EXPECT_EQ(0, workers());

	/* A thread would have been counted. */
	prepare(&self->ring, IORING_OP_READ, self->fd_a, &self->port, 4)->flags =
		IOSQE_ASYNC;
	EXPECT_TRUE(waits(&self->ring));
	while (!workers() && --looks)
		usleep(10000);
	EXPECT_EQ(1, workers());
	EXPECT_EQ(0, event(self));
	EXPECT_EQ(4, result_of(&self->ring, IORING_OP_READ));
}

/* The event is removed before the read that it woke can take it. */
TEST_F(uring, read_waits_on_if_somebody_else_takes_the_event)
{
	unsigned int port;

	prepare_read(self);
	ASSERT_TRUE(waits(&self->ring));
	EXPECT_EQ(0, event(self));
	EXPECT_EQ(4, ev_read(self->fd_a, &port, 4));
	EXPECT_TRUE(waits(&self->ring));
	EXPECT_EQ(4, ev_enable(self->fd_a, port));
	EXPECT_EQ(0, event(self));
	EXPECT_EQ(0, ev_reset(self->fd_a));
	EXPECT_TRUE(waits(&self->ring));
	EXPECT_EQ(4, ev_enable(self->fd_a, port));
	EXPECT_EQ(0, event(self));
	EXPECT_EQ(0, ev_unbind(self->fd_a, self->pair.a));
	EXPECT_TRUE(waits(&self->ring));

	ASSERT_EQ(0, ev_connect(self->fd_b, self->fd_b, &self->pair));
	EXPECT_EQ(0, ev_unbind(self->fd_b, self->pair.b));
	/* The first event of the connecting end. */
	self->pair.b = ev_bind_interdomain(self->fd_a, EV_SELF, self->pair.a);
	EXPECT_EQ(4, result_of(&self->ring, IORING_OP_READ));
	EXPECT_EQ(self->pair.b, self->port);
	EXPECT_EQ(0, workers());
}

TEST_F(uring, overflow_ends_a_read)
{
	int i;

	prepare_read(self);
	ASSERT_TRUE(waits(&self->ring));
	for (i = 0; !(ev_poll(self->fd_a) & POLLERR); i++) {
		ASSERT_LT(i, 1000);
		EXPECT_EQ(0, event(self));
		EXPECT_EQ(4, ev_enable(self->fd_a, self->pair.a));
	}
	EXPECT_EQ(-EFBIG, result_of(&self->ring, IORING_OP_READ));
	EXPECT_EQ(0, ev_reset(self->fd_a));
	prepare_read(self);
	EXPECT_TRUE(waits(&self->ring));
	EXPECT_EQ(0, event(self));
	EXPECT_EQ(4, result_of(&self->ring, IORING_OP_READ));
	EXPECT_EQ(0, workers());
}

/* Another file's eventfd sends the events: only io_uring is called. */
TEST_F(uring, multishot_read_needs_no_other_call)
{
	int efd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), i;
	unsigned int ports[EVENTS] = { 0 }, buffer;
	uint64_t one = 1;

	ASSERT_EQ(0, set_notifyfd(self->fd_b, self->pair.b, efd));
	ASSERT_GT(features(self->fd_a, EVTCHN_FEATURE_READ_ENABLES), 0);
	ASSERT_EQ(0, request(&self->ring, IORING_OP_PROVIDE_BUFFERS, EVENTS, ports, 4));
	/* A read that finds nothing takes a buffer, and returns it. */
	prepare(&self->ring, IORING_OP_READ_MULTISHOT, self->fd_a, NULL, 0)->flags =
		IOSQE_BUFFER_SELECT;
	ASSERT_TRUE(waits(&self->ring));

	for (i = 0; i < EVENTS; i++) {
		ASSERT_EQ(8, request(&self->ring, IORING_OP_WRITE, efd, &one, 8));
		ASSERT_EQ(4, result_of(&self->ring, IORING_OP_READ_MULTISHOT));
		ASSERT_EQ(IORING_CQE_F_MORE | IORING_CQE_F_BUFFER,
			  self->ring.flags & (IORING_CQE_F_MORE | IORING_CQE_F_BUFFER));
		buffer = self->ring.flags >> IORING_CQE_BUFFER_SHIFT;
		ASSERT_EQ(self->pair.a, ports[buffer]);
		ASSERT_TRUE(waits(&self->ring));
	}
	for (i = 0; i < EVENTS; i++)
		EXPECT_EQ(self->pair.a, ports[i]);
	EXPECT_EQ(0, cancel(&self->ring, IORING_OP_READ_MULTISHOT));
	EXPECT_EQ(-ECANCELED, result_of(&self->ring, IORING_OP_READ_MULTISHOT));
	EXPECT_EQ(0, workers());
	EXPECT_EQ(0, event(self));
	EXPECT_EQ(self->pair.a, ev_take(self->fd_a));
}

TEST_F(uring, write_enables)
{
	int i;

	/* A write linked to the read, of the port that this has read. */
	for (i = 0; i < 10; i++) {
		self->port = 0;
		prepare_read(self);
		self->ring.sqes[(self->ring.tail - 1) % ENTRIES].flags = IOSQE_IO_LINK;
		prepare(&self->ring, IORING_OP_WRITE, self->fd_a, &self->port, 4);
		ASSERT_TRUE(waits(&self->ring));
		EXPECT_EQ(0, event(self));
		EXPECT_EQ(4, result_of(&self->ring, IORING_OP_READ));
		EXPECT_EQ(4, result_of(&self->ring, IORING_OP_WRITE));
	}
	EXPECT_EQ(0, workers());
}

/* Masks the port with an event that is held back until it is written. */
static int hold_back(int fd_a, int fd_b, const struct ev_pair *pair)
{
	int ret = ev_notify_settled(fd_b, pair->b);

	if (ret || ev_take(fd_a) != (int)pair->a)
		return ret ?: -EPROTO;
	return ev_notify_settled(fd_b, pair->b);
}

TEST_F(uring, write_takes_a_page_of_ports)
{
	unsigned int ports[2 * PAGE_PORTS];
	struct iovec halves[] = {
		{ ports, sizeof(ports) / 2 }, { ports + PAGE_PORTS, sizeof(ports) / 2 }
	};
	struct ev_pair beyond;

	ASSERT_EQ(0, ev_connect(self->fd_a, self->fd_b, &beyond));
	ASSERT_EQ(0, hold_back(self->fd_a, self->fd_b, &self->pair));
	ASSERT_EQ(0, hold_back(self->fd_a, self->fd_b, &beyond));
	/* No file has such numbers, so they are ignored. */
	memset(ports, 0xff, sizeof(ports));
	ports[PAGE_PORTS - 1] = self->pair.a;
	ports[PAGE_PORTS] = beyond.a;

	EXPECT_EQ(4096, request(&self->ring, IORING_OP_WRITE, self->fd_a, ports, 4096));
	EXPECT_EQ(self->pair.a, ev_take(self->fd_a));
	EXPECT_EQ(0, event(self));
	EXPECT_EQ(4096, request(&self->ring, IORING_OP_WRITEV, self->fd_a, halves, 2));
	EXPECT_EQ(self->pair.a, ev_take(self->fd_a));
	EXPECT_EQ(0, event(self));
	EXPECT_EQ(4096, writev(self->fd_a, halves, 2));
	EXPECT_EQ(self->pair.a, ev_take(self->fd_a));
	ev_settle();
	EXPECT_EQ(EV_POLL_IDLE, ev_poll(self->fd_a));
	EXPECT_EQ(4, ev_enable(self->fd_a, beyond.a));
	EXPECT_EQ(beyond.a, ev_take(self->fd_a));
}

/* A port that begins in one buffer and ends in the next is one port. */
TEST_F(uring, readv_and_writev_split_ports)
{
	unsigned int ports[9], i, round;
	struct iovec iov[] = { { NULL, 6 }, { NULL, 1 }, { NULL, 26 } };
	char buf[3][26];
	struct ev_pair pairs[8];

	for (i = 0; i < ARRAY_SIZE(iov); i++)
		iov[i].iov_base = buf[i];
	for (i = 0; i < ARRAY_SIZE(pairs); i++)
		ASSERT_EQ(0, ev_connect(self->fd_a, self->fd_b, &pairs[i]));
	for (round = 0; round < 4; round++) {
		memset(buf, 0xa5, sizeof(buf));
		for (i = 0; i < ARRAY_SIZE(pairs); i++)
			ASSERT_EQ(0, ev_notify_settled(self->fd_b, pairs[i].b));
		/* 33 bytes are 8 ports. */
		ASSERT_EQ(32, round & 1 ? readv(self->fd_a, iov, 3) :
			      request(&self->ring, IORING_OP_READV, self->fd_a, iov, 3));
		memcpy((char *)ports, buf[0], 6);
		memcpy((char *)ports + 6, buf[1], 1);
		memcpy((char *)ports + 7, buf[2], 26);
		for (i = 0; i < ARRAY_SIZE(pairs); i++)
			EXPECT_EQ(pairs[i].a, ports[i]);
		EXPECT_EQ((char)0xa5, buf[2][25]);
		/* Enable all of them again, or the next round misses some. */
		EXPECT_EQ(32, round & 2 ? writev(self->fd_a, iov, 3) :
			      request(&self->ring, IORING_OP_WRITEV, self->fd_a, iov, 3));
	}
	EXPECT_EQ(EV_POLL_IDLE, ev_poll(self->fd_a));
	EXPECT_EQ(0, workers());
}

TEST_F(uring, read_that_ends_early_loses_no_event)
{
	prepare_read(self);
	ASSERT_TRUE(waits(&self->ring));
	EXPECT_EQ(0, cancel(&self->ring, IORING_OP_READ));
	EXPECT_EQ(-ECANCELED, result_of(&self->ring, IORING_OP_READ));
	EXPECT_EQ(0, ev_ping(self->fd_a, self->fd_b, &self->pair));

	/* Close the io_uring before the event, and after it woke the read. */
	prepare_read(self);
	ASSERT_TRUE(waits(&self->ring));
	EXPECT_EQ(0, ring_close(&self->ring));
	EXPECT_EQ(0, ev_ping(self->fd_a, self->fd_b, &self->pair));
	ASSERT_EQ(0, ring_open(&self->ring));
	prepare_read(self);
	ASSERT_TRUE(waits(&self->ring));
	EXPECT_EQ(0, event(self));
	EXPECT_EQ(0, ring_close(&self->ring));
	EXPECT_EQ(self->pair.a, ev_take(self->fd_a));
	EXPECT_EQ(4, ev_enable(self->fd_a, self->pair.a));
	EXPECT_EQ(0, ev_ping(self->fd_a, self->fd_b, &self->pair));
	EXPECT_EQ(0, self->port);

	/* A file stays open as long as a read waits for it. */
	ASSERT_EQ(0, ring_open(&self->ring));
	prepare_read(self);
	ASSERT_TRUE(waits(&self->ring));
	EXPECT_EQ(0, close(self->fd_a));
	EXPECT_EQ(0, event(self));
	EXPECT_EQ(4, result_of(&self->ring, IORING_OP_READ));
	EXPECT_EQ(self->pair.a, self->port);
	EXPECT_EQ(0, workers());
}

TEST_F(uring, eventfds_of_a_port)
{
	int kick = eventfd(0, EFD_CLOEXEC | variant->flags), i;
	int answer = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	uint64_t count, one = 1;

	ASSERT_EQ(0, set_eventfd(self->fd_a, self->pair.a, kick, READ_ENABLES));
	ASSERT_EQ(0, set_notifyfd(self->fd_a, self->pair.a, answer));
	for (i = 0; i < EVENTS; i++) {
		count = 0;
		prepare(&self->ring, IORING_OP_READ, kick, &count, 8);
		ASSERT_TRUE(waits(&self->ring));
		ASSERT_EQ(0, ev_notify(self->fd_b, self->pair.b));
		ASSERT_EQ(8, result_of(&self->ring, IORING_OP_READ));
		ASSERT_EQ(1, count);
		ASSERT_EQ(8, request(&self->ring, IORING_OP_WRITE, answer, &one, 8));
		ASSERT_EQ(self->pair.b, ev_take(self->fd_b));
		ASSERT_EQ(4, ev_enable(self->fd_b, self->pair.b));
	}
	EXPECT_EQ(EV_POLL_IDLE, ev_poll(self->fd_a));
	EXPECT_EQ(0, workers());
}

/* The second buffer is not mapped. */
static ssize_t vector(ssize_t (*call)(int, const struct iovec *, int, off_t, int),
		      int fd, void *one, void *other)
{
	struct iovec iov[] = { { one, 4 }, { other, 4 } };
	ssize_t ret = call(fd, iov, 2, -1, RWF_NOWAIT);

	return ret < 0 ? -errno : ret;
}

TEST_F(uring, nowait_does_not_wait_and_faults_take_nothing)
{
	unsigned int ports[2] = { 0 };
	struct ev_pair other;

	ASSERT_EQ(0, ev_connect(self->fd_a, self->fd_b, &other));
	EXPECT_EQ(-EAGAIN, vector(preadv2, self->fd_a, &ports[0], &ports[1]));
	EXPECT_EQ(0, event(self));
	EXPECT_EQ(0, ev_notify_settled(self->fd_b, other.b));
	EXPECT_EQ(-EFAULT, vector(preadv2, self->fd_a, NULL, &ports[0]));
	EXPECT_EQ(-EFAULT, vector(preadv2, self->fd_a, &ports[0], NULL));
	EXPECT_EQ(-EFAULT, request(&self->ring, IORING_OP_READ, self->fd_a, NULL, 8));
	EXPECT_EQ(8, vector(preadv2, self->fd_a, &ports[0], &ports[1]));
	EXPECT_EQ(self->pair.a, ports[0]);
	EXPECT_EQ(other.a, ports[1]);
	EXPECT_EQ(-EAGAIN, vector(preadv2, self->fd_a, &ports[0], &ports[1]));

	/* Both ports have another event, which comes when they are enabled. */
	EXPECT_EQ(0, event(self));
	EXPECT_EQ(0, ev_notify_settled(self->fd_b, other.b));
	EXPECT_EQ(-EFAULT, vector(pwritev2, self->fd_a, NULL, &ports[0]));
	EXPECT_EQ(-EFAULT, vector(pwritev2, self->fd_a, &ports[0], NULL));
	EXPECT_EQ(-EFAULT, request(&self->ring, IORING_OP_WRITE, self->fd_a, NULL, 8));
	ev_settle();
	EXPECT_EQ(EV_POLL_IDLE, ev_poll(self->fd_a));
	EXPECT_EQ(8, vector(pwritev2, self->fd_a, &ports[0], &ports[1]));
	ev_settle();
	EXPECT_EQ(8, vector(preadv2, self->fd_a, &ports[0], &ports[1]));
	EXPECT_EQ(self->pair.a, ports[0]);
	EXPECT_EQ(other.a, ports[1]);
	EXPECT_EQ(0, workers());
}

/* A reader that is held during the copy by a page that is not there yet. */

struct held {
	int fd, ret;
	unsigned int *page;
};

static void *read_to_page(void *arg)
{
	struct held *held = arg;

	held->ret = ev_read(held->fd, held->page, 4);
	return NULL;
}

TEST_F(uring, nowait_does_not_wait_for_another_reader)
{
	long size = sysconf(_SC_PAGESIZE);
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	struct uffdio_zeropage zero = { };
	int uffd = syscall(__NR_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	struct held held = { .fd = self->fd_a };
	unsigned int ports[2];
	pthread_t reader;

	if (uffd < 0)
		SKIP(return, "no userfaultfd of the kernel's faults: %s",
		     strerror(errno));
	held.page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			 -1, 0);
	ASSERT_NE(MAP_FAILED, held.page);
	zero.range = (struct uffdio_range){ (uintptr_t)held.page, size };
	reg.range = zero.range;
	ASSERT_EQ(0, ioctl(uffd, UFFDIO_API, &api));
	ASSERT_EQ(0, ioctl(uffd, UFFDIO_REGISTER, &reg));

	EXPECT_EQ(0, event(self));
	ASSERT_EQ(0, pthread_create(&reader, NULL, read_to_page, &held));
	/* Continue when the reader waits for the page. */
	ASSERT_EQ(POLLIN, ev_wait(uffd));
	EXPECT_EQ(-EAGAIN, vector(preadv2, self->fd_a, &ports[0], &ports[1]));
	/* A read that may wait does. */
	prepare_read(self);
	EXPECT_TRUE(waits(&self->ring));
	ASSERT_EQ(0, ioctl(uffd, UFFDIO_ZEROPAGE, &zero));
	pthread_join(reader, NULL);
	EXPECT_EQ(4, held.ret);
	EXPECT_EQ(self->pair.a, *held.page);
	EXPECT_TRUE(waits(&self->ring));
	EXPECT_EQ(4, ev_enable(self->fd_a, self->pair.a));
	EXPECT_EQ(0, event(self));
	EXPECT_EQ(4, result_of(&self->ring, IORING_OP_READ));
	EXPECT_EQ(self->pair.a, self->port);
}

/* With any driver: poll completes when an empty ring gets an event. */
TEST(poll_multishot_tells_when_the_first_event_comes)
{
	int fd = ev_open(O_CLOEXEC | O_NONBLOCK), i, error;
	struct ev_pair pairs[2];
	struct io_uring_sqe *sqe;
	struct ring ring;

	error = ev_connect_many(fd, pairs, 2);
	if (error == -ENOTTY)
		SKIP(return, "the driver has no compat_ioctl");
	ASSERT_EQ(0, error);
	error = ring_open(&ring);
	if (error)
		SKIP(return, "io_uring_setup(): %s", strerror(-error));
	sqe = prepare(&ring, IORING_OP_POLL_ADD, fd, NULL, IORING_POLL_ADD_MULTI);
	sqe->poll32_events = POLLIN;
	ASSERT_TRUE(waits(&ring));
	for (i = 0; i < 10; i++) {
		EXPECT_EQ(0, ev_notify_settled(fd, pairs[0].a));
		EXPECT_EQ(POLLIN, result_of(&ring, IORING_OP_POLL_ADD));
		EXPECT_EQ(IORING_CQE_F_MORE, ring.flags);
		EXPECT_EQ(0, ev_notify_settled(fd, pairs[1].a));
		EXPECT_TRUE(waits(&ring));
		EXPECT_EQ(pairs[0].b, ev_take(fd));
		EXPECT_EQ(pairs[1].b, ev_take(fd));
		EXPECT_EQ(4, ev_enable(fd, pairs[0].b));
		EXPECT_EQ(4, ev_enable(fd, pairs[1].b));
		EXPECT_TRUE(waits(&ring));
	}
	/* Or it would keep the file open for a moment after the test's end. */
	EXPECT_EQ(0, cancel(&ring, IORING_OP_POLL_ADD));
	EXPECT_EQ(-ECANCELED, result_of(&ring, IORING_OP_POLL_ADD));
	EXPECT_EQ(0, workers());
}

#include "log_test.h"

TEST_HARNESS_MAIN
