/* SPDX-License-Identifier: MIT */
/* copy.c - workload: a host copies a file over another, again and again, and loses its power at any
 * moment; after each boot the destination is one whole version of the source, never torn, and never
 * older than what a copy that said it was done has left.
 *
 * The copy is made the only way that holds: a temporary file, fsync, rename, fsync of the folder. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "sim/sim.h"

enum { BLOCK = 4096, BLOCKS_MAX = 24, BOOTS_MAX = 40, IN_FLIGHT = 3 };

/* Versions are told apart by every byte. */
struct world {
	const struct workload_run *run;
	unsigned n_blocks;
	unsigned begun;			/* the last version that a copy began to write */
	unsigned done;			/* the last one that a copy said it was done with */
	unsigned n_boots;
	bool failed_once;		/* an I/O error was seen, which a disk may remember */
};

static unsigned below(unsigned n)
{
	return (unsigned)(rondo_sim_random() % n);
}

static void fill(unsigned char *block, unsigned version, unsigned number)
{
	for (unsigned i = 0; i < BLOCK; i++)
		block[i] = (unsigned char)(version * 7 + number * 13 + i);
	memcpy(block, &version, sizeof(version));
}

/* --- one copy -------------------------------------------------------------------------------- */

struct copy {
	struct world *world;
	unsigned version;
	int fd;
	unsigned next;			/* block */
};

static int write_blocks(void *arg)
{
	struct copy *c = arg;
	unsigned char block[BLOCK];
	int ret = 0;

	while (ret == 0 && c->next < c->world->n_blocks) {
		unsigned number = c->next++;

		fill(block, c->version, number);
		ret = rondo_pwrite_all(c->fd, block, BLOCK, (int64_t)number * BLOCK, NULL);
	}
	return ret;
}

/* One after the other, where the file position is. */
static int write_in_order(struct copy *c)
{
	unsigned char block[BLOCK];
	int ret = 0;

	while (ret == 0 && c->next < c->world->n_blocks) {
		fill(block, c->version, c->next++);
		ret = rondo_write_all(c->fd, block, BLOCK, NULL);
	}
	return ret;
}

static int write_all(struct copy *c)
{
	rondo_task *writers[IN_FLIGHT];

	if (below(3) == 0)
		return write_in_order(c);
	for (int i = 0; i < IN_FLIGHT; i++)
		writers[i] = rondo_create_task(write_blocks, c);
	return rondo_gather(IN_FLIGHT, writers, NULL, RONDO_GATHER_CANCEL_REST);
}

static int sync_folder(void)
{
	int ret, fd = rondo_open("/", O_RDONLY | O_DIRECTORY, 0);

	if (fd < 0)
		return fd;
	ret = rondo_fsync(fd);
	(void)rondo_close(fd);
	return ret;
}

static int make_copy(struct world *w, unsigned version)
{
	struct copy c = { .world = w, .version = version };
	int ret;

	c.fd = rondo_open("/temporary", O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (c.fd < 0)
		return c.fd;
	ret = write_all(&c);
	if (ret == 0)
		ret = rondo_fsync(c.fd);
	if (rondo_close(c.fd) < 0 && ret == 0)
		ret = -EIO;
	if (ret == 0)
		ret = rondo_rename("/temporary", "/destination");
	if (ret == 0)
		ret = sync_folder();
	if (ret < 0 && rondo_unlink("/temporary") == -ECANCELED)
		return -ECANCELED;
	return ret;
}

/* --- what a boot finds ----------------------------------------------------------------------- */

static int check_block(struct world *w, const unsigned char *got, unsigned number, unsigned *version)
{
	unsigned char expected[BLOCK];
	unsigned v;

	memcpy(&v, got, sizeof(v));
	fill(expected, v, number);
	if (memcmp(got, expected, BLOCK) || (number && v != *version))
		return rondo_sim_fail("block %u of the destination is torn", number);
	*version = v;
	if (v < w->done || v > w->begun)
		return rondo_sim_fail("version %u is there; %u was done and %u begun", v, w->done,
				      w->begun);
	return 0;
}

/* A disk may refuse to be read; then there is nothing to check. */
static int check_destination(struct world *w)
{
	unsigned char block[BLOCK];
	unsigned version = 0, number = 0;
	size_t n = 0;
	bool in_order = below(2);
	int ret = 0, fd = rondo_open("/destination", O_RDONLY, 0);

	if (fd == -ENOENT && w->done)
		return rondo_sim_fail("the destination is gone, though version %u was done", w->done);
	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	for (; ret == 0 && number < w->n_blocks; number++) {
		ret = in_order ? rondo_read_exactly(fd, block, BLOCK, &n) :
				 rondo_pread_exactly(fd, block, BLOCK, (int64_t)number * BLOCK, &n);
		if (ret == -RONDO_EINCOMPLETE)
			rondo_sim_fail("the destination ends in block %u", number);
		if (ret == 0)
			ret = check_block(w, block, number, &version);
	}
	(void)rondo_close(fd);
	return ret;
}

static int machine(void *arg)
{
	struct world *w = arg;
	int ret = check_destination(w);

	while (w->begun < w->run->n_tasks) {
		unsigned version = ++w->begun;

		ret = make_copy(w, version);
		if (ret == -ECANCELED)
			return ret;
		if (ret == 0)
			w->done = version;
		ret = check_destination(w);
		if (rondo_sleep(below(1000) / 1e3) < 0)
			return -ECANCELED;
	}
	return ret < 0 && ret != -EIO && ret != -ENOMEM ? ret : 0;
}

static int copy_main(void *arg)
{
	struct world w = { .run = arg, .n_blocks = 1 + below(BLOCKS_MAX) };
	int ret = 0, result = 0, host = rondo_sim_start_host("machine", machine, &w);

	if (host < 0)
		return host;
	while (ret == 0 && !rondo_sim_host_result(host, &result)) {
		double pause = below(2) ? below(1000) / 1e6 : below(1000) / 1e3;

		ret = rondo_sleep(pause);
		if (ret < 0 || w.n_boots >= BOOTS_MAX || below(3) || rondo_sim_cut_power(host) < 0)
			continue;
		w.n_boots++;
		ret = rondo_sim_restart_host(host, machine, &w);
	}
	return ret < 0 ? ret : result;
}

const struct workload workload_copy = {
	.name = "copy", .what = "a file copied over and over, with power cuts in between",
	.main = copy_main, .n_tasks = 12,
};
