// SPDX-License-Identifier: GPL-2.0-only
/*
 * portcat PORT: copies standard input to an I/O port, where QEMU's debug
 * console takes it. The guest's words so leave it unchanged and unmixed with
 * the console's, which Xen, the kernel and the terminal's line ends share.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/io.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	char buf[4096];
	unsigned long port;
	ssize_t n;

	if (argc != 2) {
		fprintf(stderr, "usage: portcat PORT\n");
		return 2;
	}
	port = strtoul(argv[1], NULL, 0);
	if (ioperm(port, 1, 1)) {
		perror("portcat: ioperm");
		return 1;
	}
	while ((n = read(STDIN_FILENO, buf, sizeof(buf))) > 0)
		outsb(port, buf, n);

	return n ? 1 : 0;
}
