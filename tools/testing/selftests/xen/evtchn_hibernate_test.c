// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * /dev/xen/evtchn over a hibernation that does not end in a power-off: one that the
 * PM core itself ends at a level of /sys/power/pm_test, and one in which a device
 * fails, before the image is made or after it was written. Nothing is lost: files
 * and ports are as they were.
 *
 * It hibernates the machine, and writes the image to a RAM disk: not run with the
 * other tests. The module evtchn_pm keeps the machine from powering off. A failure
 * leaves a process that no signal ends.
 */
#include <signal.h>
#include <sys/swap.h>
#include <sys/wait.h>

#include "common.h"

#define MODULE		"evtchn_pm"
#define PARAMETERS	"/sys/module/" MODULE "/parameters/"
#define SWAP		"/dev/ram0"

/*
 * Closes two files, and checks that a new one works. As this may hang
 * uninterruptibly, it is done by a child that shares nothing with this process,
 * so that neither the harness nor its caller waits for it. 0, or -errno.
 */
static int close_files(int fd1, int fd2)
{
	pid_t pid = fork();
	int status, ms;

	if (!pid) {
		close_range(STDIN_FILENO, STDERR_FILENO, 0);
		/* Wait until the parent has closed the files. */
		raise(SIGSTOP);
		_exit(close(fd1) || close(fd2) ? EIO : -ev_ping_fresh());
	}
	waitpid(pid, &status, WUNTRACED);
	close(fd1);
	close(fd2);
	kill(pid, SIGCONT);
	for (ms = 0; ms < EV_GUARD_MS; ms += 10) {
		if (waitpid(pid, &status, WNOHANG) == pid)
			return WIFEXITED(status) ? -WEXITSTATUS(status) : -EINTR;
		usleep(10000);
	}
	return -ETIMEDOUT;
}

FIXTURE(machine)
{
	int idle;		/* has no port */
	int fd;			/* has both of these */
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

#define ENDS		"went freeze restore\n"
#define IMAGE		"went freeze thaw poweroff"

FIXTURE_VARIANT_ADD(machine, ends_at_devices) { "devices", "none", 0, ENDS };
FIXTURE_VARIANT_ADD(machine, ends_at_core) { "core", "none", 0, ENDS };

FIXTURE_VARIANT_ADD(machine, ends_at_failed_freeze) {
	"none", "freeze", -EBUSY, "went freeze\n"
};

FIXTURE_VARIANT_ADD(machine, image_poweroff_fails) {
	"none", "poweroff", 0, IMAGE "\n"
};

FIXTURE_VARIANT_ADD(machine, image_noirq_fails) {
	"none", "none", 0, IMAGE " poweroff_noirq restore\n"
};

FIXTURE_SETUP(machine)
{
	char states[64] = "", type[16] = "";
	const char *missing;

	ev_read_file("/sys/power/state", states, sizeof(states));
	/* Suspend also releases the swap to which an image was written. */
	if (!strstr(states, "disk") || !strstr(states, "freeze") ||
	    access("/sys/power/pm_test", W_OK))
		SKIP(return, "no CONFIG_HIBERNATION, CONFIG_SUSPEND or CONFIG_PM_DEBUG");
	/* An image saves and loads the IDT, which is Xen's own, and crashes. */
	ev_read_file("/sys/hypervisor/guest_type", type, sizeof(type));
	if (!strcmp(type, "PV\n") && !strncmp(variant->seen, IMAGE, strlen(IMAGE)))
		SKIP(return, "a PV kernel cannot make an image of itself: use PVH or HVM");
	missing = ev_load_module(MODULE);
	if (missing)
		SKIP(return, "%s", missing);
	if (system("mkswap " SWAP " > /dev/null") || swapon(SWAP, 0))
		missing = "no swap on " SWAP ": mkswap, CONFIG_SWAP, CONFIG_BLK_DEV_RAM";
	else if (!ev_set("/sys/power/disk", "platform"))
		missing = "the firmware has no S4 (/sys/power/disk)";
	if (missing) {
		swapoff(SWAP);
		ev_unload_module(MODULE);
		SKIP(return, "%s", missing);
	}
	ASSERT_EQ(1, ev_set("/sys/power/image_size", "0"));
	ASSERT_EQ(1, ev_set("/sys/power/pm_test", variant->level));

	self->idle = ev_open(O_CLOEXEC | O_NONBLOCK);
	ASSERT_GE(self->idle, 0);
	self->fd = ev_open(O_CLOEXEC | O_NONBLOCK);
	ASSERT_EQ(0, ev_connect(self->fd, self->fd, &self->masked));
	ASSERT_EQ(0, ev_connect(self->fd, self->fd, &self->pending));
	ASSERT_EQ(0, ev_notify(self->fd, self->masked.a));
	ASSERT_EQ((int)self->masked.b, ev_take(self->fd));
	ASSERT_EQ(0, ev_notify(self->fd, self->pending.a));
	ASSERT_EQ(POLLIN, ev_wait(self->fd));
}

FIXTURE_TEARDOWN(machine)
{
	ev_put_back();
	swapoff(SWAP);
	ev_unload_module(MODULE);
}

TEST_F_TIMEOUT(machine, files_and_ports_are_as_they_were, 300)
{
	char seen[128];

	/* No ASSERT: if close() hangs, so would an exit with open files. */
	EXPECT_EQ(0, ev_write_file(PARAMETERS "fail", variant->fail));
	EXPECT_EQ(0, ev_write_file(PARAMETERS "seen", "went"));
	EXPECT_EQ(variant->result, ev_write_file("/sys/power/state", "disk"));
	EXPECT_EQ(0, ev_read_file(PARAMETERS "seen", seen, sizeof(seen)));
	EXPECT_STREQ(variant->seen, seen);

	EXPECT_EQ((int)self->pending.b, ev_take(self->fd));
	EXPECT_EQ(0, ev_poll(self->fd) & POLLIN);
	EXPECT_EQ(4, ev_enable(self->fd, self->pending.b));
	EXPECT_EQ(4, ev_enable(self->fd, self->masked.b));
	EXPECT_EQ(0, ev_ping(self->fd, self->fd, &self->masked));
	EXPECT_EQ(0, ev_ping(self->fd, self->fd, &self->pending));
	EXPECT_EQ(0, ev_unbind(self->fd, self->masked.b));
	EXPECT_EQ(0, close_files(self->idle, self->fd))
		TH_LOG("a close does not end, or a new file does not work");
}

#include "log_test.h"

TEST_HARNESS_MAIN
