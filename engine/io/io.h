/* SPDX-License-Identifier: MIT */
/* io.h - what the verbs share. Layer 4. */
#ifndef RONDO_IO_IO_H
#define RONDO_IO_IO_H

#include <errno.h>

#include "loop/op.h"
#include "rondo/time.h"

/* The most that one read or write moves; the kernel's own limit, which fits an SQE's 32-bit
 * length. */
enum { IO_LEN_MAX = 0x7ffff000 };

static inline unsigned io_clamp(size_t len)
{
	return len > IO_LEN_MAX ? (unsigned)IO_LEN_MAX : (unsigned)len;
}

/* Be a cancellation point, for a verb that goes on to use a plain system call. Not a yield: others run,
 * so what the verb has looked at may be gone, and a request that is taken back meanwhile still ends it. */
static inline int io_checkpoint(void)
{
	struct rondo_task *self = rondo__self();

	if (likely(!self->must_cancel))
		return 0;
	rondo__requeue(self);
	self->must_cancel = false;
	return -ECANCELED;
}

/* May the running task use a plain system call that does not wait, here and now? (at_once.c) */
bool rondo__at_once(struct rondo_task *self);
/* Read what is in the page cache. Returns the bytes, or an error: then it is the ring's to read, and
 * to say what is wrong. */
int rondo__at_once_read(int fd, const struct iovec *iov, unsigned n_iov, unsigned n_bytes,
			int64_t offset);
/* The descriptor is being closed. */
void rondo__at_once_forget(struct loop *l, int fd);

/* What a verb opened or closed: debug mode tells of what is left open. Returns ret. */
static inline int io_opened(int ret, const char *what)
{
	struct step_watch *w = rondo__loop ? rondo__loop->steps : NULL;

	if (unlikely(w) && ret >= 0)
		w->opened(w, ret, what);
	return ret;
}

static inline void io_opened_pair(const int fds[2], const char *what)
{
	(void)io_opened(fds[0], what);
	(void)io_opened(fds[1], what);
}

static inline int io_closed(int ret, int fd)
{
	struct step_watch *w = rondo__loop ? rondo__loop->steps : NULL;

	if (unlikely(w) && ret >= 0)
		w->closed(w, fd);
	return ret;
}

/* Await an op, and begin it again if it was interrupted for nothing: where it waits in a kernel
 * thread, SIGSTOP and SIGCONT (^Z and fg) do that (KN-10). */
static inline int io_await(struct op *op)
{
	const struct io_uring_sqe copy = *op->sqe;
	int ret;

	while (unlikely((ret = rondo__op_await(op)) == -EINTR))
		*rondo__op_begin(op) = copy;
	return ret;
}

/* Wait until one of the poll(2) events may hold. Returns them, or an error. */
static inline int io_wait_ready(int fd, unsigned events)
{
	struct op op;
	struct io_uring_sqe *sqe = rondo__op_begin(&op);

	io_uring_prep_poll_add(sqe, fd, events);
	return io_await(&op);
}

/* Wait a little, longer each time, for what cannot be polled. */
static inline int io_back_off(unsigned n_tries)
{
	return rondo_sleep_ns(UINT64_C(1000000) << (n_tries < 6 ? n_tries : 6));
}

/* interface.c: the number of a network interface, above 0; or an error. */
int rondo__interface_index(const char *name);
/* And its name, of at most IF_NAMESIZE bytes with its end. Returns 0 or an error. */
int rondo__interface_name(uint32_t index, char *name);

/* A verb that returned error: make it worth trying again. -EAGAIN comes from descriptors that are
 * O_NONBLOCK, on older kernels (KN-20): wait for events. Returns 0 to try again, or the error to
 * return. */
static inline int io_mend(int error, int fd, unsigned events)
{
	int ret;

	if (error == -EINTR)
		return 0;
	if (error != -EAGAIN)
		return error;
	ret = io_wait_ready(fd, events);
	return ret < 0 ? ret : 0;
}
#endif
