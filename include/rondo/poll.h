/* SPDX-License-Identifier: MIT */
/* poll.h - readiness, for descriptors that foreign code reads and writes, and foreign event
 * loops. */
#ifndef RONDO_POLL_H
#define RONDO_POLL_H

#include <poll.h>
#include <sys/epoll.h>

#include "rondo/base.h"

RONDO_BEGIN_DECLS

/* Wait until one of the events of poll(2) holds: POLLIN, POLLOUT and their like. POLLERR and
 * POLLHUP are always waited for.
 *
 * Awaits:  yes.
 * Cancel:  -ECANCELED.
 * Returns: the events that hold; -errno, -EBADF if fd is not open. A regular file is always ready.
 * Kernel:  5.1. */
RONDO_API RONDO_MUST_CHECK int rondo_poll(int fd, unsigned events);

/* Wait for events of an epoll descriptor, to run a loop that is built on one inside this one.
 *
 * Owns:    events must stay until this returns.
 * Awaits:  yes.
 * Cancel:  -ECANCELED, or the count if events were taken already; none are lost.
 * Returns: events taken, 1 to n_events; -EINVAL if n_events is not positive; -errno.
 * Kernel:  6.15; earlier: waits for the descriptor to be readable, then epoll_pwait(2). */
RONDO_API RONDO_MUST_CHECK int rondo_epoll_wait(int epfd, struct epoll_event *events, int n_events);

RONDO_END_DECLS
#endif
