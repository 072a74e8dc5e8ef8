// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * serve PROGRAM: runs the page's program that serves a port by eventfds, as another
 * domain would use it: connects to the port that it prints, sends events, and wants an
 * answer to each.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

typedef uint16_t domid_t;
#include <xen/evtchn.h>

#define TRIPS	1000
#define SELF	"32752" /* DOMID_SELF */

static int fails(const char *what)
{
	printf("not ok: %s\n", what);
	return 1;
}

int main(int argc, char **argv)
{
	struct ioctl_evtchn_bind_interdomain connect = { .remote_domain = atoi(SELF) };
	struct pollfd fd = { .fd = open("/dev/xen/evtchn", O_RDWR | O_CLOEXEC), .events = POLLIN };
	struct ioctl_evtchn_notify notify;
	int pipes[2], local, i, status;
	uint32_t port = 0;
	char word[16] = "";
	pid_t child;

	if (argc != 2 || fd.fd < 0 || pipe2(pipes, O_CLOEXEC))
		return fails("usage: serve PROGRAM, under Xen");
	child = fork();
	if (!child) {
		dup2(pipes[1], STDOUT_FILENO);
		execl(argv[1], argv[1], SELF, NULL);
		_exit(127);
	}
	close(pipes[1]);
	if (read(pipes[0], word, sizeof(word) - 1) <= 0)
		return fails("the program prints no port");
	connect.remote_port = atoi(word);
	local = ioctl(fd.fd, IOCTL_EVTCHN_BIND_INTERDOMAIN, &connect);
	if (local < 0)
		return fails("the port that it prints cannot be connected to");
	notify.port = local;

	/* The first event is of the new connection. */
	for (i = 0; i <= TRIPS; i++) {
		if (i && ioctl(fd.fd, IOCTL_EVTCHN_NOTIFY, &notify))
			return fails("NOTIFY");
		if (poll(&fd, 1, 20000) != 1 || read(fd.fd, &port, sizeof(port)) != sizeof(port) ||
		    port != (uint32_t)local || write(fd.fd, &port, sizeof(port)) != sizeof(port))
			return fails("an event is not answered");
	}
	if (waitpid(child, &status, WNOHANG))
		return fails("the program ends");
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	printf("%d events were answered\n", TRIPS);

	return 0;
}
