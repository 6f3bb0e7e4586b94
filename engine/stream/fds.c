/* SPDX-License-Identifier: MIT */
/* fds.c - descriptors that travel with bytes over AF_UNIX sockets, as by socket.send_fds() of Python.
 *
 * The kernel hands control data only to receives that have room for it, and closes what found none:
 * hence on sockets, not on streams, whose receives have none. */
#include <errno.h>
#include <string.h>

#include "rondo/net.h"
#include "rondo/socket.h"

enum { FDS_MAX = 253 };			/* SCM_MAX_FD */

union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(FDS_MAX * sizeof(int))];
};

ssize_t rondo_send_fds(int socket, const void *buf, size_t len, const int fds[], size_t n_fds)
{
	union control control;
	struct iovec part = { .iov_base = (void *)(uintptr_t)buf, .iov_len = len };
	struct msghdr msg = { .msg_iov = &part, .msg_iovlen = 1 };

	if (!len || n_fds > FDS_MAX)
		return -EINVAL;
	if (n_fds) {
		struct cmsghdr *h = &control.align;

		memset(&control, 0, CMSG_SPACE(n_fds * sizeof(int)));
		h->cmsg_level = SOL_SOCKET;
		h->cmsg_type = SCM_RIGHTS;
		h->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(h), fds, n_fds * sizeof(int));
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
	}
	return rondo_sendmsg(socket, &msg, 0);
}

static size_t take(struct msghdr *msg, int fds[])
{
	for (struct cmsghdr *h = CMSG_FIRSTHDR(msg); h; h = CMSG_NXTHDR(msg, h)) {
		size_t size = h->cmsg_len - CMSG_LEN(0);

		if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
			continue;
		memcpy(fds, CMSG_DATA(h), size);
		return size / sizeof(int);
	}
	return 0;
}

ssize_t rondo_recv_fds(int socket, void *buf, size_t len, int fds[], size_t *n_fds)
{
	union control control;
	size_t room = *n_fds < FDS_MAX ? *n_fds : FDS_MAX;
	struct iovec part = { .iov_base = buf, .iov_len = len };
	struct msghdr msg = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control,
			      .msg_controllen = room ? CMSG_LEN(room * sizeof(int)) : 0 };
	ssize_t n = rondo_recvmsg(socket, &msg, 0);

	if (n >= 0)
		*n_fds = take(&msg, fds);
	return n;
}
