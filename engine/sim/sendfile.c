/* SPDX-License-Identifier: MIT */
/* sendfile.c - sendfile(2), as a plain call that does not block. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "sim/transfer.h"

enum { SENDFILE_MAX = 64 << 10 };	/* Linux moves what its pipe has room for, again and again */

/* Read at *offset and write; the bytes that the output did not take were never read. */
static long move(struct sim_file *out, struct sim_file *in, int64_t *offset, struct iovec *one)
{
	struct sim_io io = { .iov = one, .n_iov = 1, .n_bytes = one->iov_len, .offset = *offset };
	long n = in->class->read(in, &io);

	if (n <= 0)
		return n;
	one->iov_len = (size_t)n;
	io = (struct sim_io){ .iov = one, .n_iov = 1, .n_bytes = (size_t)n, .offset = -1 };
	n = out->class->write(out, &io);
	if (n > 0)
		*offset += n;
	return n;
}

/* Of what it may be asked: a file with an offset, to a socket or pipe. */
static long refuse(struct sim_file *out, struct sim_file *in, const int64_t *offset)
{
	if (!in || !out || !sim_may_read(in) || !sim_may_write(out))
		return -EBADF;
	if (!in->class->on_disk)
		return offset ? -ESPIPE : -EINVAL;
	if (!out->class->write || (offset && *offset < 0))
		return -EINVAL;
	return 0;
}

long rondo__sim_call_sendfile(struct sim_host *h, long out_fd, long in_fd, long offset, long len,
			      long e, long f)
{
	struct sim_file *out = rondo__sim_fd_file(h, (int)out_fd);
	struct sim_file *in = rondo__sim_fd_file(h, (int)in_fd);
	int64_t *at = (int64_t *)offset;
	struct iovec one = { .iov_len = len < SENDFILE_MAX ? (size_t)len : (size_t)SENDFILE_MAX };
	long ret = refuse(out, in, at);

	(void)e, (void)f;
	if (ret < 0 || !len)
		return ret;
	if (!at)
		rondo__sim_fail(h->sim, "Z4", "sendfile at the file position");
	one.iov_base = rondo__sim_alloc(one.iov_len);
	ret = move(out, in, at, &one);
	free(one.iov_base);
	if (ret == SIM_WAIT && !(out->flags & O_NONBLOCK))
		rondo__sim_fail(h->sim, "Z4", "a plain sendfile would block");
	return ret == SIM_WAIT ? -EAGAIN : ret;
}
