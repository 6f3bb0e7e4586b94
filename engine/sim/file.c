/* SPDX-License-Identifier: MIT */
/* file.c - descriptors, open files, who waits for them, and copying. See file.h. */
#include "sim/file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sim/request.h"
#include "sim/transfer.h"
#include "switch/sanitizer.h"

void rondo__sim_file_init(struct sim_file *f, const struct sim_file_class *class,
			  struct sim_host *h, int flags)
{
	*f = (struct sim_file){
		.class = class, .host = h, .n_refs = 1, .flags = flags, .position = -1,
		.serial = ++h->sim->n_files,
	};
	list_init(&f->waiters);
}

void rondo__sim_file_ref(struct sim_file *f)
{
	f->n_refs++;
}

void rondo__sim_file_unref(struct sim_file *f)
{
	BUG_ON(!f->n_refs);
	if (--f->n_refs == 0)
		f->class->release(f);
}

/* Who is served first is not said (KN-13): each tries again after a time of its own. */
void rondo__sim_file_notify(struct sim_file *f, unsigned events)
{
	for (struct list *next, *p = f->waiters.next; p != &f->waiters; p = next) {
		struct sim_request *rq = container_of(p, struct sim_request, waiting);

		next = p->next;
		if (rq->wants & events || events & (POLLERR | POLLHUP))
			rondo__sim_retry(rq);
	}
}

unsigned rondo__sim_file_poll(struct sim_file *f)
{
	return f->class->poll ? f->class->poll(f) : POLLIN | POLLOUT;
}

/* --- descriptors ----------------------------------------------------------------------------- */

/* A number that an op in flight still names must not come to mean another file (P12): the op could be
 * cancelled, or its completion taken, for the wrong one. What only a worker runs ends by itself, so
 * that a close does not wait for it (KN-11). */
static void check_reuse(struct sim_host *h, int fd)
{
	for (struct list *p = h->rings.next; p != &h->rings; p = p->next) {
		struct list *requests = &container_of(p, struct sim_ring, link)->requests;

		for (struct list *q = requests->next; q != requests; q = q->next) {
			const struct sim_request *rq = container_of(q, struct sim_request, link);

			if (rq->file && rq->sqe.fd == fd && rq->state != SIM_COMPLETING &&
			    rq->op->needs_file && rq->op->path != SIM_WORKER)
				rondo__sim_fail(h->sim, "P12", "descriptor %d is given out again while "
						"%s is in flight on it", fd, rq->op->name);
		}
	}
}

int rondo__sim_fd_install(struct sim_host *h, struct sim_file *f)
{
	for (unsigned i = 0; i < SIM_FDS_MAX; i++) {
		if (h->fds[i].file)
			continue;
		check_reuse(h, SIM_FD_FIRST + (int)i);
		h->fds[i].file = f;
		h->fds[i].n_opened++;
		return SIM_FD_FIRST + (int)i;
	}
	return -EMFILE;
}

struct sim_file *rondo__sim_fd_file(struct sim_host *h, int fd)
{
	unsigned i = (unsigned)(fd - SIM_FD_FIRST);

	if (fd >= 0 && fd <= 2)
		return rondo__sim_console(h, fd);
	return fd >= SIM_FD_FIRST && i < SIM_FDS_MAX ? h->fds[i].file : NULL;
}

int rondo__sim_fd_close(struct sim_host *h, int fd)
{
	struct sim_file *f = rondo__sim_fd_file(h, fd);

	if (!f || fd < SIM_FD_FIRST)
		return -EBADF;
	h->fds[fd - SIM_FD_FIRST].file = NULL;
	rondo__sim_file_unref(f);
	return 0;
}

void rondo__sim_fd_close_all(struct sim_host *h)
{
	for (int i = 0; i < SIM_FDS_MAX; i++)
		if (h->fds[i].file)
			rondo__sim_fd_close(h, SIM_FD_FIRST + i);
	rondo__sim_console_close(h);
}

unsigned rondo__sim_fd_count(const struct sim_host *h)
{
	unsigned n = 0;

	for (unsigned i = 0; i < SIM_FDS_MAX; i++)
		n += h->fds[i].file != NULL;
	return n;
}

/* --- copying --------------------------------------------------------------------------------- */

size_t rondo__sim_iov_bytes(const struct iovec *iov, unsigned n_iov)
{
	size_t n = 0;

	for (unsigned i = 0; i < n_iov; i++)
		n += iov[i].iov_len;
	return n;
}

/* Where byte number skip of io is, and how many follow it there. */
static char *find(const struct sim_io *io, size_t skip, size_t *n)
{
	for (unsigned i = 0; i < io->n_iov; i++) {
		if (skip < io->iov[i].iov_len) {
			*n = io->iov[i].iov_len - skip;
			return (char *)io->iov[i].iov_base + skip;
		}
		skip -= io->iov[i].iov_len;
	}
	return NULL;
}

size_t rondo__sim_copy_out(struct sim_io *io, size_t skip, const void *from, size_t n)
{
	size_t done = 0, part;
	char *to;

	while (done < n && (to = find(io, skip + done, &part))) {
		part = part < n - done ? part : n - done;
		memcpy(to, (const char *)from + done, part);
		done += part;
	}
	return done;
}

size_t rondo__sim_copy_in(const struct sim_io *io, size_t skip, void *to, size_t n)
{
	size_t done = 0, part;
	const char *from;

	while (done < n && (from = find(io, skip + done, &part))) {
		part = part < n - done ? part : n - done;
		memcpy((char *)to + done, from, part);
		done += part;
	}
	return done;
}

size_t rondo__sim_shorten(struct sim *s, enum sim_fault fault, size_t n)
{
	if (n < 2 || !rondo__sim_fault(s, fault))
		return n;
	return 1 + rondo__sim_below(s, SIM_LENGTH, n - 1);
}
