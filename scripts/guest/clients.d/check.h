/* SPDX-License-Identifier: GPL-2.0-only */
#include <stdio.h>
#include <stdlib.h>

/* Ends the program, and says where, if something is not as it should be. */
#define CHECK(condition)						\
	do {								\
		if (!(condition)) {					\
			fprintf(stderr, "%s:%d: not %s (%m)\n", __func__, \
				__LINE__, #condition);			\
			exit(1);					\
		}							\
	} while (0)
