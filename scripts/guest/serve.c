// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * serve PROGRAM [N]: runs a program of the page that serves a port, or N of them, as
 * another domain would use it: connects to the ports that it prints, sends events, and
 * wants an answer to each. With N, the program has to notice that its peers are gone.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

typedef uint16_t domid_t;
#include <xen/evtchn.h>

#define TRIPS	1000
#define MOST	64
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
	int pipes[2], local[MOST], ports = argc > 2 ? atoi(argv[2]) : 1, i, status;
	struct ioctl_evtchn_notify notify;
	char *arguments[MOST + 2] = { argv[1] };
	uint32_t port = 0;
	FILE *printed;
	pid_t child;

	if (argc < 2 || fd.fd < 0 || pipe2(pipes, O_CLOEXEC) || ports < 1 || ports > MOST)
		return fails("usage: serve PROGRAM [N], under Xen");
	for (i = 1; i <= ports; i++)
		arguments[i] = SELF;
	child = fork();
	if (!child) {
		dup2(pipes[1], STDOUT_FILENO);
		execv(argv[1], arguments);
		_exit(127);
	}
	close(pipes[1]);
	printed = fdopen(pipes[0], "r");
	for (i = 0; i < ports; i++) {
		if (fscanf(printed, "%u", &connect.remote_port) != 1)
			return fails("the program prints no port");
		local[i] = ioctl(fd.fd, IOCTL_EVTCHN_BIND_INTERDOMAIN, &connect);
		if (local[i] < 0)
			return fails("the port that it prints cannot be connected to");
	}

	/* The first event of each is of the new connection. */
	for (i = 0; i < ports + TRIPS; i++) {
		notify.port = local[i % ports];
		if (i >= ports && ioctl(fd.fd, IOCTL_EVTCHN_NOTIFY, &notify))
			return fails("NOTIFY");
		if (poll(&fd, 1, 20000) != 1 || read(fd.fd, &port, sizeof(port)) != sizeof(port) ||
		    (i >= ports && port != notify.port) ||
		    write(fd.fd, &port, sizeof(port)) != sizeof(port))
			return fails("an event is not answered");
	}
	if (argc == 2) {
		if (waitpid(child, &status, WNOHANG))
			return fails("the program ends");
		kill(child, SIGKILL);
	} else {
		sleep(3);
		close(fd.fd);
	}
	alarm(60);
	if (waitpid(child, &status, 0) != child || (argc > 2 && status))
		return fails("the program does not end as it should");
	printf("%d events of %d ports were answered\n", TRIPS, ports);

	return 0;
}
