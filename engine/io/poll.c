/* SPDX-License-Identifier: MIT */
/* poll.c - readiness of foreign descriptors, and foreign epoll loops. */
#include "rondo/poll.h"

#include <sys/syscall.h>

#include "io/io.h"
#include "switch/sanitizer.h"

int rondo_poll(int fd, unsigned events)
{
	return io_wait_ready(fd, events);
}

static int epoll_wait_in_ring(int epfd, struct epoll_event *events, int n_events)
{
	struct op op;
	struct io_uring_sqe *sqe = rondo__op_begin(&op);

	rondo__prep(sqe, RONDO_OP_EPOLL_WAIT, epfd, events, (unsigned)n_events, 0);
	return rondo__op_await(&op);
}

static int epoll_wait_polled(int epfd, struct epoll_event *events, int n_events)
{
	const struct kernel *kernel = rondo__self()->loop->ring.kernel;
	int ret = io_checkpoint();

	while (ret >= 0) {
		ret = (int)kernel_call5(kernel, SYS_epoll_pwait, epfd, events, n_events, 0, NULL);
		if (ret != 0)
			return ret;
		ret = io_wait_ready(epfd, POLLIN);
	}
	return ret;
}

int rondo_epoll_wait(int epfd, struct epoll_event *events, int n_events)
{
	int ret;

	if (n_events <= 0)
		return -EINVAL;
	if (ring_has_op(&rondo__self()->loop->ring, RONDO_OP_EPOLL_WAIT))
		ret = epoll_wait_in_ring(epfd, events, n_events);
	else
		ret = epoll_wait_polled(epfd, events, n_events);
	if (ret > 0)
		san_kernel_wrote(events, (size_t)ret * sizeof(*events));
	return ret;
}
