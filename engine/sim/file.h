/* SPDX-License-Identifier: MIT */
/* file.h - open files of the simulated hosts, and who waits for them. Layer 9. */
#ifndef RONDO_SIM_FILE_H
#define RONDO_SIM_FILE_H

#include <poll.h>
#include <sys/uio.h>

#include "sim/sim.h"

struct sim_request;

/* Would block: the request waits for rq->wants on its file; a plain call answers -EAGAIN. */
enum { SIM_WAIT = INT32_MIN };

/* What is to be moved: by a request or by a plain call. */
struct sim_io {
	const struct iovec *iov;	/* the host's memory */
	unsigned n_iov;
	size_t n_bytes;			/* in all */
	int64_t offset;			/* -1: the file position */
	int flags;			/* RWF_* or MSG_*, by who moves */
	struct sim_request *rq;		/* NULL: a plain call */
};

/* A kind of file. Functions return bytes, 0, -errno or SIM_WAIT; a missing one is -EINVAL. */
struct sim_file_class {
	const char *name;
	long (*read)(struct sim_file *f, struct sim_io *io);
	long (*write)(struct sim_file *f, struct sim_io *io);
	/* What holds now, of POLLIN, POLLOUT, POLLHUP, POLLERR, POLLRDHUP, POLLPRI. */
	unsigned (*poll)(struct sim_file *f);
	/* The last reference is gone: free it, with whatever contains it. */
	void (*release)(struct sim_file *f);
	bool on_disk;			/* reads and writes take a disk's time and cannot be cancelled */
};

/* An open file description. First member of what the class makes of it. */
struct sim_file {
	const struct sim_file_class *class;
	struct sim_host *host;
	uint32_t n_refs;		/* descriptors, requests, messages in flight that carry it */
	int flags;			/* O_* */
	int64_t position;		/* -1: it has none (-ESPIPE) */
	struct list waiters;		/* requests, oldest first */
	uint64_t serial;
};

void rondo__sim_file_init(struct sim_file *f, const struct sim_file_class *class,
			  struct sim_host *h, int flags);
void rondo__sim_file_ref(struct sim_file *f);
void rondo__sim_file_unref(struct sim_file *f);
/* Something changed: let requests that wait for any of these events try again. */
void rondo__sim_file_notify(struct sim_file *f, unsigned events);
unsigned rondo__sim_file_poll(struct sim_file *f);

/* Give the file a descriptor of its host (it takes over the caller's reference), the lowest free one
 * as in Linux. Returns it or -EMFILE, and then the reference is still the caller's. */
int rondo__sim_fd_install(struct sim_host *h, struct sim_file *f);
/* Borrowed; NULL if there is none (-EBADF). */
struct sim_file *rondo__sim_fd_file(struct sim_host *h, int fd);
/* 0 or -EBADF. Requests in flight keep the file open (KN-11). */
int rondo__sim_fd_close(struct sim_host *h, int fd);
void rondo__sim_fd_close_all(struct sim_host *h);
unsigned rondo__sim_fd_count(const struct sim_host *h);

/* Copy between the kernel's memory and io's, from where io->n_bytes stood at skip. Return bytes. */
size_t rondo__sim_copy_out(struct sim_io *io, size_t skip, const void *from, size_t n);
size_t rondo__sim_copy_in(const struct sim_io *io, size_t skip, void *to, size_t n);
size_t rondo__sim_iov_bytes(const struct iovec *iov, unsigned n_iov);
/* How many of n bytes to move: all, or fewer if the fault happens; never 0 of more. */
size_t rondo__sim_shorten(struct sim *s, enum sim_fault fault, size_t n);
#endif
