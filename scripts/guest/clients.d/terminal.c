// SPDX-License-Identifier: GPL-2.0-only
/*
 * terminal PROGRAM ARGUMENT...: runs it on a terminal of its own, which it gets the
 * standard input of, and whose output goes to the standard output, until it ends.
 */
#include <poll.h>
#include <pty.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

/* From one to the other what there is; whether that was anything. */
static int copy(int from, int to)
{
	char bytes[512];
	ssize_t length = read(from, bytes, sizeof(bytes));

	return length > 0 && write(to, bytes, length) == length;
}

int main(int argc, char **argv)
{
	struct pollfd fds[2] = {{ .events = POLLIN }, { .fd = STDIN_FILENO, .events = POLLIN }};
	int status;
	pid_t pid;

	if (argc < 2)
		return 2;
	pid = forkpty(&fds[0].fd, NULL, NULL, NULL);
	if (!pid) {
		execvp(argv[1], argv + 1);
		perror(argv[1]);
		_exit(127);
	}
	while (pid > 0 && poll(fds, 2, -1) > 0) {
		if (fds[0].revents && !copy(fds[0].fd, STDOUT_FILENO))
			break;
		if (fds[1].revents && !copy(STDIN_FILENO, fds[0].fd))
			fds[1].fd = -1;
	}
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return 1;
	return WEXITSTATUS(status);
}
