/* SPDX-License-Identifier: MIT */
/* rights.c - descriptors that travel in messages (SCM_RIGHTS). See net.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sim/net.h"

void rondo__sim_rights_free(struct net_rights *r)
{
	for (unsigned i = 0; r && i < r->n; i++)
		rondo__sim_file_unref(r->files[i]);
	free(r);
}

struct net_rights *rondo__sim_rights_copy(const struct net_rights *r)
{
	struct net_rights *copy;

	if (!r)
		return NULL;
	copy = rondo__sim_alloc(sizeof(*copy));
	*copy = *r;
	for (unsigned i = 0; i < r->n; i++)
		rondo__sim_file_ref(r->files[i]);
	return copy;
}

static int add(struct sim_host *h, const struct cmsghdr *c, struct net_rights *r)
{
	size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	int fds[NET_RIGHTS_MAX];

	if (n + r->n > NET_RIGHTS_MAX)
		return -EINVAL;
	memcpy(fds, CMSG_DATA(c), n * sizeof(int));
	for (size_t i = 0; i < n; i++) {
		struct sim_file *f = rondo__sim_fd_file(h, fds[i]);

		if (!f)
			return -EBADF;
		rondo__sim_file_ref(f);
		r->files[r->n++] = f;
	}
	return 0;
}

static int add_all(struct sim_host *h, const struct msghdr *msg, struct net_rights *r)
{
	struct msghdr m = *msg;
	int ret = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c && ret == 0; c = CMSG_NXTHDR(&m, c)) {
		size_t left = (size_t)((char *)msg->msg_control + msg->msg_controllen - (char *)c);

		if (c->cmsg_len < CMSG_LEN(0) || c->cmsg_len > left)
			return -EINVAL;
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			rondo__sim_fail(h->sim, "Z4", "control data %d of level %d", c->cmsg_type,
					c->cmsg_level);
		else
			ret = add(h, c, r);
	}
	return ret;
}

int rondo__sim_rights_read(struct sim_host *h, const struct msghdr *msg, struct net_rights **r)
{
	int ret;

	*r = NULL;
	if (!msg->msg_control || !msg->msg_controllen)
		return 0;
	*r = rondo__sim_alloc(sizeof(**r));
	ret = add_all(h, msg, *r);
	if (ret < 0 || !(*r)->n) {
		rondo__sim_rights_free(*r);
		*r = NULL;
	}
	return ret;
}

/* How many can be had: of n, with room for controllen bytes of control data. */
static unsigned install(struct sim_host *h, struct net_rights *r, size_t controllen, int *fds)
{
	unsigned n = 0;

	while (n < r->n && CMSG_LEN((n + 1) * sizeof(int)) <= controllen) {
		fds[n] = rondo__sim_fd_install(h, r->files[n]);
		if (fds[n] < 0)
			break;
		n++;
	}
	return n;
}

/* The descriptors' numbers are the receiver's; those there is no room for are closed. */
void rondo__sim_rights_write(struct sim_host *h, struct net_rights *r, struct msghdr *msg)
{
	size_t room = msg->msg_control ? msg->msg_controllen : 0;
	struct cmsghdr c = { .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS };
	int fds[NET_RIGHTS_MAX];
	unsigned n;

	msg->msg_controllen = 0;
	if (!r)
		return;
	n = install(h, r, room, fds);
	if (n < r->n)
		msg->msg_flags |= MSG_CTRUNC;
	if (n) {
		c.cmsg_len = CMSG_LEN(n * sizeof(int));
		memcpy(msg->msg_control, &c, sizeof(c));
		memcpy((char *)msg->msg_control + CMSG_LEN(0), fds, n * sizeof(int));
		msg->msg_controllen = CMSG_SPACE(n * sizeof(int));
		if (msg->msg_controllen > room)
			msg->msg_controllen = room;
	}
	memmove(r->files, r->files + n, (r->n - n) * sizeof(r->files[0]));
	r->n -= n;
	rondo__sim_rights_free(r);
}
