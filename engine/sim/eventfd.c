/* SPDX-License-Identifier: MIT */
/* eventfd.c - counters that can be waited for, and the console: descriptors 0, 1 and 2. */
#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "sim/transfer.h"

struct counter {
	struct sim_file file;		/* first */
	uint64_t value;
	bool semaphore;
};

static struct counter *counter_of(struct sim_file *f)
{
	return container_of(f, struct counter, file);
}

static long read_counter(struct sim_file *f, struct sim_io *io)
{
	struct counter *c = counter_of(f);
	uint64_t value = c->semaphore ? 1 : c->value;

	if (io->n_bytes < sizeof(value))
		return -EINVAL;
	if (!c->value)
		return SIM_WAIT;
	c->value -= value;
	rondo__sim_copy_out(io, 0, &value, sizeof(value));
	rondo__sim_file_notify(f, POLLOUT);
	return sizeof(value);
}

/* The greatest value is kept for what only the kernel does to one. */
static long write_counter(struct sim_file *f, struct sim_io *io)
{
	struct counter *c = counter_of(f);
	uint64_t value;

	if (io->n_bytes != sizeof(value))
		return -EINVAL;
	rondo__sim_copy_in(io, 0, &value, sizeof(value));
	if (value == UINT64_MAX)
		return -EINVAL;
	if (value >= UINT64_MAX - c->value)
		return SIM_WAIT;
	c->value += value;
	rondo__sim_file_notify(f, POLLIN);
	return sizeof(value);
}

static unsigned poll_counter(struct sim_file *f)
{
	const struct counter *c = counter_of(f);

	return (c->value ? POLLIN : 0) | (c->value < UINT64_MAX - 1 ? POLLOUT : 0);
}

static void release_counter(struct sim_file *f)
{
	free(counter_of(f));
}

static const struct sim_file_class counter_class = {
	.name = "eventfd", .read = read_counter, .write = write_counter, .poll = poll_counter,
	.release = release_counter,
};

long rondo__sim_call_eventfd2(struct sim_host *h, long value, long flags, long c, long d, long e,
			      long f)
{
	struct counter *counter;
	int fd;

	(void)c, (void)d, (void)e, (void)f;
	if (flags & ~(EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE))
		return -EINVAL;
	counter = rondo__sim_alloc(sizeof(*counter));
	rondo__sim_file_init(&counter->file, &counter_class, h,
			     O_RDWR | (flags & EFD_NONBLOCK ? O_NONBLOCK : 0));
	counter->file.position = -1;
	counter->value = (unsigned)value;
	counter->semaphore = flags & EFD_SEMAPHORE;
	fd = rondo__sim_fd_install(h, &counter->file);
	if (fd < 0)
		rondo__sim_file_unref(&counter->file);
	return fd;
}

/* --- the console ----------------------------------------------------------------------------- */

struct console {
	struct sim_file file;		/* first */
	int fd;				/* of this process */
};

/* Nobody types: the end, which is the same in every run. */
static long read_console(struct sim_file *f, struct sim_io *io)
{
	(void)f, (void)io;
	return 0;
}

/* What a simulated program prints is to be seen. Whether it was does not matter to the run (Z1). */
static long write_console(struct sim_file *f, struct sim_io *io)
{
	int fd = container_of(f, struct console, file)->fd;

	for (unsigned i = 0; i < io->n_iov; i++) {
		const char *p = io->iov[i].iov_base;
		ssize_t n = 1;

		for (size_t left = io->iov[i].iov_len; left && n > 0; left -= (size_t)n, p += n)
			n = write(fd, p, left);
	}
	return (long)io->n_bytes;
}

static unsigned poll_console(struct sim_file *f)
{
	return sim_may_write(f) ? POLLOUT : POLLIN;
}

static void release_console(struct sim_file *f)
{
	free(container_of(f, struct console, file));
}

static const struct sim_file_class console_class = {
	.name = "console", .read = read_console, .write = write_console, .poll = poll_console,
	.release = release_console,
};

struct sim_file *rondo__sim_console(struct sim_host *h, int fd)
{
	struct console *c;

	if (h->console[fd])
		return h->console[fd];
	c = rondo__sim_alloc(sizeof(*c));
	rondo__sim_file_init(&c->file, &console_class, h, fd == 0 ? O_RDONLY : O_WRONLY);
	c->file.position = -1;
	c->fd = fd;
	return h->console[fd] = &c->file;
}

/* They cost no descriptor, and nobody need close them. */
void rondo__sim_console_close(struct sim_host *h)
{
	for (int fd = 0; fd < 3; fd++) {
		if (h->console[fd])
			rondo__sim_file_unref(h->console[fd]);
		h->console[fd] = NULL;
	}
}
