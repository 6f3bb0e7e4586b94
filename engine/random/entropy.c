/* SPDX-License-Identifier: MIT */
/* entropy.c - see entropy.h. */
#include "random/entropy.h"

#include <errno.h>
#include <sys/random.h>

_Thread_local rondo__entropy_fn *rondo__random_entropy = rondo__entropy_kernel;

/* More than 256 bytes may come in pieces when a signal arrives. */
int rondo__entropy_kernel(void *buf, size_t size)
{
	char *p = buf;

	while (size) {
		ssize_t n = getrandom(p, size, 0);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			p += n;
			size -= (size_t)n;
		}
	}
	return 0;
}
