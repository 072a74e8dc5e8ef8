// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * /dev/xen/evtchn over a hibernation that does not end in a power-off: one that the
 * PM core itself ends at a level of /sys/power/pm_test, and one in which a device
 * fails, before the image is made or after it was written. Nothing is lost: files
 * and ports are as they were.
 *
 * It hibernates the machine, and writes the image to a RAM disk: not run with the
 * other tests. The module evtchn_pm keeps the machine from powering off. A failure
 * leaves processes that no signal ends.
 */
#include <stdlib.h>
#include <sys/swap.h>
#include <sys/wait.h>

#include "common.h"

#define MODULE		"evtchn_pm"
#define PARAMETERS	"/sys/module/" MODULE "/parameters/"
#define SWAP		"/dev/ram0"

/* The first page of a swap device, as <linux/swap.h> of the kernel has it. */
struct swap_header {
	char boot[1024];
	uint32_t version;
	uint32_t last_page;
	uint32_t bad_pages;
	char rest[4096 - 1024 - 3 * sizeof(uint32_t) - 10];
	char magic[10];
};

static int write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int ret;

	if (fd < 0)
		return -errno;
	ret = write(fd, text, strlen(text)) < 0 ? -errno : 0;
	close(fd);
	return ret;
}

static void read_text(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? -1 : read(fd, text, size - 1);

	text[len < 0 ? 0 : len] = '\0';
	text[strcspn(text, "\n")] = '\0';
	if (fd >= 0)
		close(fd);
}

/* The whole RAM disk as swap. */
static int start_swap(void)
{
	static struct swap_header header = {
		.version = 1,
		.magic = "SWAPSPACE2",
	};
	off_t size;
	int fd, ret = 0;

	if (!swapon(SWAP, 0) || errno == EBUSY)
		return 0;
	if (errno != EINVAL)
		return -errno;

	fd = open(SWAP, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	size = lseek(fd, 0, SEEK_END);
	header.last_page = size / sizeof(header) - 1;
	if (size < 0 || pwrite(fd, &header, sizeof(header), 0) != sizeof(header))
		ret = -EIO;
	close(fd);
	if (!ret && swapon(SWAP, 0))
		ret = -errno;
	return ret;
}

/*
 * What may sleep for ever, where no signal reaches, is done by a child that holds
 * nothing of ours: neither the harness nor who runs it waits for that.
 */
static pid_t start_child(void)
{
	pid_t pid = fork();

	if (!pid) {
		close(STDIN_FILENO);
		close(STDOUT_FILENO);
		close(STDERR_FILENO);
	}
	return pid;
}

/* Its exit status, or -ETIMEDOUT. */
static int end_child(pid_t pid)
{
	int status, ms;

	for (ms = 0; ms < EV_GUARD_MS; ms += 10) {
		if (waitpid(pid, &status, WNOHANG) == pid)
			return WIFEXITED(status) ? WEXITSTATUS(status) : -EINTR;
		usleep(10000);
	}
	return -ETIMEDOUT;
}

/* The last close of two files: 0, or -ETIMEDOUT if one does not end. */
static int close_files(int fd1, int fd2)
{
	int ours_closed[2];
	char byte;
	pid_t pid;

	if (pipe2(ours_closed, O_CLOEXEC))
		return -errno;
	pid = start_child();
	if (!pid) {
		close(ours_closed[1]);
		if (read(ours_closed[0], &byte, 1))
			_exit(1);
		_exit(close(fd1) || close(fd2));
	}
	close(fd1);
	close(fd2);
	close(ours_closed[0]);
	close(ours_closed[1]);
	return pid < 0 ? -errno : end_child(pid);
}

static int ping_fresh(void)
{
	pid_t pid = start_child();

	if (!pid)
		_exit(-ev_ping_fresh());
	return pid < 0 ? -errno : end_child(pid);
}

FIXTURE(machine)
{
	int log;
	int idle;		/* has no port */
	int fd;			/* has all of these */
	struct ev_pair quiet;	/* enabled */
	struct ev_pair masked;	/* b's event read, b not written */
	struct ev_pair pending;	/* b's event is in the ring */
};

FIXTURE_VARIANT(machine)
{
	const char *level;	/* where the PM core ends it */
	const char *fail;	/* the callback that fails */
	int result;		/* of the hibernation */
	const char *seen;	/* the callbacks that ran: the way that it took */
};

FIXTURE_VARIANT_ADD(machine, ends_at_freezer)
{
	.level = "freezer", .seen = "went",
};

FIXTURE_VARIANT_ADD(machine, ends_at_devices)
{
	.level = "devices", .seen = "went freeze restore",
};

FIXTURE_VARIANT_ADD(machine, ends_at_platform)
{
	.level = "platform", .seen = "went freeze restore",
};

FIXTURE_VARIANT_ADD(machine, ends_at_processors)
{
	.level = "processors", .seen = "went freeze restore",
};

FIXTURE_VARIANT_ADD(machine, ends_at_core)
{
	.level = "core", .seen = "went freeze restore",
};

FIXTURE_VARIANT_ADD(machine, ends_at_failed_freeze)
{
	.fail = "freeze", .result = -EBUSY, .seen = "went freeze",
};

FIXTURE_VARIANT_ADD(machine, image_then_poweroff_fails)
{
	.fail = "poweroff", .seen = "went freeze thaw poweroff",
};

FIXTURE_VARIANT_ADD(machine, image_then_poweroff_late_fails)
{
	.fail = "poweroff_late",
	.seen = "went freeze thaw poweroff poweroff_late restore",
};

FIXTURE_VARIANT_ADD(machine, image_then_poweroff_noirq_fails)
{
	.fail = "poweroff_noirq",
	.seen = "went freeze thaw poweroff poweroff_late poweroff_noirq restore",
};

FIXTURE_SETUP(machine)
{
	char states[64], type[16];
	int ret;

	read_text("/sys/power/state", states, sizeof(states));
	if (!strstr(states, "disk") || access("/sys/power/pm_test", W_OK))
		SKIP(return, "no hibernation: want CONFIG_HIBERNATION, CONFIG_PM_DEBUG");
	/* It also gives the swap back that an image was written to. */
	if (!strstr(states, "freeze"))
		SKIP(return, "no suspend: want CONFIG_SUSPEND");
	if (write_text("/sys/power/disk", "platform"))
		SKIP(return, "the firmware has no S4 (/sys/power/disk)");
	/* With the image it saves and loads the IDT, which is Xen's own, and crashes. */
	read_text("/sys/hypervisor/guest_type", type, sizeof(type));
	if (!strcmp(type, "PV") && !variant->level && !variant->result)
		SKIP(return, "a PV kernel cannot make an image of itself: want PVH or HVM");
	ret = ev_load_module(MODULE);
	if (ret && ret != -EEXIST)
		SKIP(return, "no " MODULE ".ko in $EVTCHN_MODULES or ./test_modules: %s",
		     strerror(-ret));
	ret = start_swap();
	if (ret)
		SKIP(return, "no swap on " SWAP " (CONFIG_BLK_DEV_RAM): %s",
		     strerror(-ret));
	ASSERT_EQ(0, write_text("/sys/power/image_size", "0"));

	self->log = ev_log_open();
	ASSERT_GE(self->log, 0);
	self->idle = ev_open(O_CLOEXEC | O_NONBLOCK);
	ASSERT_GE(self->idle, 0);
	self->fd = ev_open(O_CLOEXEC | O_NONBLOCK);
	ASSERT_GE(self->fd, 0);
	ASSERT_EQ(0, ev_connect(self->fd, self->fd, &self->quiet));
	ASSERT_EQ(0, ev_connect(self->fd, self->fd, &self->masked));
	ASSERT_EQ(0, ev_connect(self->fd, self->fd, &self->pending));
	ASSERT_EQ(0, ev_notify(self->fd, self->masked.a));
	ASSERT_EQ((int)self->masked.b, ev_take(self->fd));
	ASSERT_EQ(0, ev_notify(self->fd, self->pending.a));
	ASSERT_EQ(POLLIN, ev_wait(self->fd));
}

FIXTURE_TEARDOWN(machine)
{
	swapoff(SWAP);
	syscall(__NR_delete_module, MODULE, O_NONBLOCK);
}

TEST_F_TIMEOUT(machine, files_and_ports_are_as_they_were, 300)
{
	static char record[EV_LOG_RECORD];
	char seen[128];

	/* No ASSERT: if a close does not end, neither does an exit with files. */
	EXPECT_EQ(0, write_text("/sys/power/pm_test", variant->level ?: "none"));
	EXPECT_EQ(0, write_text(PARAMETERS "fail", variant->fail ?: "none"));
	EXPECT_EQ(0, write_text(PARAMETERS "seen", "went"));
	EXPECT_EQ(variant->result, write_text("/sys/power/state", "disk"));
	read_text(PARAMETERS "seen", seen, sizeof(seen));
	EXPECT_STREQ(variant->seen, seen);

	EXPECT_EQ((int)self->pending.b, ev_take(self->fd));
	EXPECT_EQ(0, ev_poll(self->fd) & POLLIN);
	EXPECT_EQ(0, ev_enable(self->fd, self->pending.b) < 0);
	EXPECT_EQ(0, ev_enable(self->fd, self->masked.b) < 0);
	EXPECT_EQ(0, ev_ping(self->fd, self->fd, &self->quiet));
	EXPECT_EQ(0, ev_ping(self->fd, self->fd, &self->masked));
	EXPECT_EQ(0, ev_ping(self->fd, self->fd, &self->pending));
	EXPECT_EQ(0, ev_unbind(self->fd, self->quiet.b));
	EXPECT_EQ(0, close_files(self->idle, self->fd)) {
		TH_LOG("a close does not end");
	}
	EXPECT_EQ(0, ping_fresh()) {
		TH_LOG("a new file does not work, or its close does not end");
	}
	EXPECT_EQ(0, ev_log_trouble(self->log, record)) {
		TH_LOG("%s", record);
	}
}

int main(int argc, char **argv)
{
	ev_require_device();
	return test_harness_run(argc, argv);
}
