/* SPDX-License-Identifier: MIT */
/*
 * raw_read.c - file read loops written straight against pread(2) and io_uring, and the file they
 * read. They are the limits that rondo's reads are held against.
 */
#define _GNU_SOURCE 1
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>

enum {
	MAX_DEPTH = 256,
	BLOCKS_PER_WRITE = 256,
};

static int write_all(int fd, const char *data, size_t n_bytes)
{
	while (n_bytes > 0) {
		ssize_t n = write(fd, data, n_bytes);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			data += n;
			n_bytes -= (size_t)n;
		}
	}
	return 0;
}

/* The rest of a block is noise: a file system that compresses must not have it easy. */
static void fill_blocks(char *blocks, uint64_t first, uint64_t n_blocks, uint64_t *random)
{
	for (uint64_t i = 0; i < n_blocks; i++) {
		uint64_t *words = (uint64_t *)(blocks + i * BENCH_BLOCK_BYTES);

		words[0] = first + i + 1;
		for (unsigned w = 1; w < BENCH_BLOCK_BYTES / sizeof(*words); w++)
			words[w] = bench_random(random);
	}
}

/* What was just written is in the page cache; the sync makes it readable from the disk as well. */
static int write_blocks(int fd, uint64_t n_blocks)
{
	char *blocks = malloc((size_t)BLOCKS_PER_WRITE * BENCH_BLOCK_BYTES);
	uint64_t random = 1;
	int ret = blocks ? 0 : -ENOMEM;

	for (uint64_t i = 0; ret == 0 && i < n_blocks; i += BLOCKS_PER_WRITE) {
		uint64_t n = n_blocks - i < BLOCKS_PER_WRITE ? n_blocks - i : BLOCKS_PER_WRITE;

		fill_blocks(blocks, i, n, &random);
		ret = write_all(fd, blocks, n * BENCH_BLOCK_BYTES);
	}
	if (ret == 0 && fsync(fd) < 0)
		ret = -errno;
	free(blocks);
	return ret;
}

static const char *describe(int fd, int direct_fd)
{
	struct statfs fs;

	if (direct_fd < 0)
		return "this file system has no O_DIRECT: nothing is read from the disk itself";
	if (fstatfs(fd, &fs) == 0 && fs.f_type == TMPFS_MAGIC)
		return "tmpfs: there is no disk, and io_uring reads go through worker threads";
	return NULL;
}

static int open_nameless(struct bench_file *file)
{
	const char *folder = getenv("TMPDIR");
	char path[4096];
	int n = snprintf(path, sizeof(path), "%s/rondo-bench-XXXXXX",
			 folder && *folder ? folder : ".");

	if (n < 0 || (size_t)n >= sizeof(path))
		return -ENAMETOOLONG;
	file->fd = mkostemp(path, O_CLOEXEC);
	if (file->fd < 0)
		return -errno;
	file->direct_fd = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);
	return unlink(path) < 0 ? -errno : 0;
}

int bench_file_create(struct bench_file *file, uint64_t size_bytes)
{
	struct bench_file f = { .fd = -1, .direct_fd = -1 };
	int ret;

	f.n_blocks = size_bytes / BENCH_BLOCK_BYTES;
	if (f.n_blocks == 0)
		return -EINVAL;
	ret = open_nameless(&f);
	if (ret == 0)
		ret = write_blocks(f.fd, f.n_blocks);
	if (ret < 0) {
		bench_file_close(&f);
		return ret;
	}
	f.note = describe(f.fd, f.direct_fd);
	*file = f;
	return 0;
}

void bench_file_close(struct bench_file *file)
{
	if (file->direct_fd >= 0)
		close(file->direct_fd);
	if (file->fd >= 0)
		close(file->fd);
	file->fd = file->direct_fd = -1;
}

/* A run: its ring, its buffers, and which block each buffer is waiting for. */
struct reads {
	const struct raw_read_options *options;
	struct io_uring ring;
	bool has_ring;
	int fd;
	char *buffers;
	uint64_t blocks[MAX_DEPTH];
	uint64_t random;
};

static char *buffer(const struct reads *r, unsigned slot)
{
	return r->buffers + (size_t)slot * BENCH_BLOCK_BYTES;
}

static uint64_t pick_block(struct reads *r)
{
	return bench_pick(&r->random, r->options->file->n_blocks);
}

static int check(const struct reads *r, unsigned slot, uint64_t block, ssize_t res)
{
	if (res < 0)
		return (int)res;
	return res == BENCH_BLOCK_BYTES && bench_block_is(buffer(r, slot), block) ? 0 : -EBADMSG;
}

static ssize_t read_now(const struct reads *r, unsigned slot, off_t offset)
{
	struct iovec one = { .iov_base = buffer(r, slot), .iov_len = BENCH_BLOCK_BYTES };

	return r->options->mode == RAW_READ_NOWAIT ?
		       preadv2(r->fd, &one, 1, offset, RWF_NOWAIT) :
		       pread(r->fd, one.iov_base, one.iov_len, offset);
}

static int loop_calls(struct reads *r)
{
	unsigned slot = 0;
	int ret = 0;

	for (uint64_t i = 0; ret == 0 && i < r->options->n_reads; i++) {
		uint64_t block = pick_block(r);
		ssize_t n = read_now(r, slot, (off_t)(block * BENCH_BLOCK_BYTES));

		ret = check(r, slot, block, n < 0 ? -errno : n);
		slot = slot + 1 == r->options->depth ? 0 : slot + 1;
	}
	return ret;
}

static void submit_read(struct reads *r, unsigned slot)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&r->ring);
	uint64_t block = pick_block(r), offset = block * BENCH_BLOCK_BYTES;

	r->blocks[slot] = block;
	if (r->options->fixed) {
		io_uring_prep_read_fixed(sqe, 0, buffer(r, slot), BENCH_BLOCK_BYTES, offset, 0);
		sqe->flags |= IOSQE_FIXED_FILE;
	} else {
		io_uring_prep_read(sqe, r->fd, buffer(r, slot), BENCH_BLOCK_BYTES, offset);
	}
	sqe->user_data = slot;
}

/* Reaps what has completed and puts a new read in each place, while there are any left to start. */
static int refill(struct reads *r, uint64_t *n_done, uint64_t *n_started)
{
	struct io_uring_cqe *cqe;
	unsigned head, n = 0;
	int ret = 0;

	io_uring_for_each_cqe(&r->ring, head, cqe) {
		unsigned slot = (unsigned)cqe->user_data;
		int checked = check(r, slot, r->blocks[slot], cqe->res);

		if (checked < 0)
			ret = checked;
		n++;
		if (*n_started < r->options->n_reads) {
			submit_read(r, slot);
			++*n_started;
		}
	}
	io_uring_cq_advance(&r->ring, n);
	*n_done += n;
	return ret;
}

/* A read that fails ends the run only when all are in: the buffers are freed after this. */
static int loop_ring(struct reads *r)
{
	uint64_t n_done = 0, n_started = 0;
	int ret = 0;

	while (n_started < r->options->depth && n_started < r->options->n_reads)
		submit_read(r, (unsigned)n_started++);
	while (n_done < r->options->n_reads) {
		int n = io_uring_submit_and_wait(&r->ring, 1);

		if (n < 0 && n != -EINTR && n != -EAGAIN) {
			/* What is in flight cannot be waited for: its buffers must stay. */
			r->buffers = NULL;
			return n;
		}
		n = refill(r, &n_done, &n_started);
		if (n < 0)
			ret = n;
	}
	return ret;
}

static int register_fixed(struct reads *r)
{
	struct iovec all = {
		.iov_base = r->buffers,
		.iov_len = (size_t)r->options->depth * BENCH_BLOCK_BYTES,
	};
	int ret = io_uring_register_buffers(&r->ring, &all, 1);

	return ret < 0 ? ret : io_uring_register_files(&r->ring, &r->fd, 1);
}

static bool has_ring(const struct raw_read_options *o)
{
	return o->mode == RAW_READ_RING || o->mode == RAW_READ_DIRECT;
}

static int set_up_ring(struct reads *r)
{
	struct io_uring_params params = {
		.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
			 IORING_SETUP_SUBMIT_ALL,
	};
	int ret = io_uring_queue_init_params(r->options->depth, &r->ring, &params);

	if (ret < 0)
		return ret;
	r->has_ring = true;
	ret = io_uring_register_ring_fd(&r->ring);
	if (ret < 0)
		return ret;
	return r->options->fixed ? register_fixed(r) : 0;
}

static int set_up(struct reads *r)
{
	const struct raw_read_options *o = r->options;
	size_t size_bytes = (size_t)o->depth * BENCH_BLOCK_BYTES;

	r->fd = o->mode == RAW_READ_DIRECT ? o->file->direct_fd : o->file->fd;
	r->random = 0x9E3779B97F4A7C15;
	if (r->fd < 0)
		return -EOPNOTSUPP;
	r->buffers = aligned_alloc(BENCH_BLOCK_BYTES, size_bytes);
	if (!r->buffers)
		return -ENOMEM;
	/* The first touch of a page costs more than a read: take it before the clock starts. */
	memset(r->buffers, 0, size_bytes);
	return has_ring(o) ? set_up_ring(r) : 0;
}

static int timed(struct reads *r, struct raw_read_result *result)
{
	double n_reads = (double)r->options->n_reads;
	uint64_t cpu_ns = bench_process_cpu_ns(), wall_ns = bench_now_ns();
	int ret = has_ring(r->options) ? loop_ring(r) : loop_calls(r);

	wall_ns = bench_now_ns() - wall_ns;
	cpu_ns = bench_process_cpu_ns() - cpu_ns;
	if (ret < 0)
		return ret;
	result->cpu_ns_per_read = (double)cpu_ns / n_reads;
	result->reads_per_s = n_reads * 1e9 / (double)wall_ns;
	return 0;
}

int raw_read_run(const struct raw_read_options *options, struct raw_read_result *result)
{
	struct reads r = { .options = options };
	int ret;

	if (options->depth == 0 || options->depth > MAX_DEPTH || options->n_reads == 0)
		return -EINVAL;
	ret = set_up(&r);
	if (ret == 0)
		ret = timed(&r, result);
	if (r.has_ring)
		io_uring_queue_exit(&r.ring);
	free(r.buffers);
	return ret;
}
