/* SPDX-License-Identifier: MIT */
/* bufring.c - see bufring.h. */
#include "ring/bufring.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

static void *map(size_t size_bytes)
{
	void *p = mmap(NULL, size_bytes, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

static void unmap(void *p, size_t size_bytes)
{
	if (p)
		munmap(p, size_bytes);
}

/* Room for all the buffers there may ever be; what is not used is never touched and costs
 * nothing. */
static bool map_all(struct bufring *b)
{
	b->shared = map(b->n_buffers_max * sizeof(struct io_uring_buf));
	b->memory = map((size_t)b->n_buffers_max * BUFRING_STRIDE_BYTES);
	b->notes = malloc(b->n_buffers_max * sizeof(*b->notes));
	return b->shared && b->memory && b->notes;
}

static void unmap_all(struct bufring *b)
{
	unmap(b->shared, b->n_buffers_max * sizeof(struct io_uring_buf));
	unmap(b->memory, (size_t)b->n_buffers_max * BUFRING_STRIDE_BYTES);
	free(b->notes);
	b->shared = NULL;
}

static void give_range(struct bufring *b, unsigned first, unsigned end)
{
	b->n_buffers = end;
	b->n_ours += end - first;
	for (unsigned id = first; id < end; id++)
		rondo__bufring_give(b, id);
}

int rondo__bufring_open(struct bufring *b, struct ring *r)
{
	struct io_uring_buf_reg reg = { .bgid = BUFRING_GROUP };
	int ret = -ENOMEM;

	if (!b->n_buffers_max)
		*b = (struct bufring){ .n_buffers = BUFRING_BUFFERS,
				       .n_buffers_max = BUFRING_BUFFERS_MAX };
	if (map_all(b)) {
		reg.ring_addr = (uintptr_t)b->shared;
		reg.ring_entries = b->n_buffers_max;
		ret = r->kernel->register_(r->kernel, (unsigned)r->uring.ring_fd,
					   IORING_REGISTER_PBUF_RING, &reg, 1);
	}
	if (ret < 0) {
		unmap_all(b);
		return ret;
	}
	b->n_ours = 0;
	give_range(b, 0, b->n_buffers);
	return 0;
}

void rondo__bufring_close(struct bufring *b, struct ring *r)
{
	struct io_uring_buf_reg reg = { .bgid = BUFRING_GROUP };

	if (!b->shared)
		return;
	r->kernel->register_(r->kernel, (unsigned)r->uring.ring_fd, IORING_UNREGISTER_PBUF_RING,
			     &reg, 1);
	unmap_all(b);
}

void rondo__bufring_abandon(struct bufring *b)
{
	if (b->shared)
		unmap_all(b);
}

bool rondo__bufring_grow(struct bufring *b)
{
	if (b->n_buffers * 2 > b->n_buffers_max)
		return false;
	give_range(b, b->n_buffers, b->n_buffers * 2);
	return true;
}

void rondo__bufring_give(struct bufring *b, unsigned id)
{
	io_uring_buf_ring_add(b->shared, bufring_at(b, id), BUFRING_BUFFER_BYTES,
			      (unsigned short)id, io_uring_buf_ring_mask(b->n_buffers_max), 0);
	io_uring_buf_ring_advance(b->shared, 1);
	b->n_ours--;
}
