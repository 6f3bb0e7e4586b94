/* SPDX-License-Identifier: MIT */
/* spin.c - workload: tasks that only yield, or only read what is cached, must neither starve I/O and
 * timers nor each other, and a crowd of them must each get every turn. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "sim/sim.h"

enum {
	WORKERS_MAX = 16,
	CROWD_MAX = 700,		/* more than the ready queue has room for at first */
	PATIENCE_NS = 60000000,		/* of a spinner, after faults */
};

struct world {
	unsigned n_working;		/* tasks that sleep or move bytes */
	unsigned n_turns, n_begun;	/* of the crowd */
	int fd;				/* of a file with a byte in it; or an error: no file */
};

static unsigned below(unsigned n)
{
	return (unsigned)(rondo_sim_random() % n);
}

/* Reading the clock lets virtual time pass, as it does for a real program that spins. */
static int spins(void *arg)
{
	const struct world *w = arg;
	uint64_t n_turns = 0;

	while (w->n_working) {
		if (++n_turns * 30 > PATIENCE_NS)
			return rondo_sim_fail("%u tasks starve beside one that yields", w->n_working);
		(void)rondo_now_ns();
		if (rondo_yield() < 0)
			return -ECANCELED;
	}
	return 0;
}

static int open_a_byte(void)
{
	int fd = rondo_open("a byte", O_RDWR | O_CREAT, 0600);
	int ret = fd < 0 ? fd : rondo_pwrite_all(fd, "x", 1, 0, NULL);

	if (ret < 0 && fd >= 0)
		(void)rondo_close(fd);
	return ret < 0 ? ret : fd;
}

/* Where it is cached this awaits nothing, and yet must let others run. */
static int reads_all_the_time(void *arg)
{
	const struct world *w = arg;
	uint64_t n_turns = 0;
	ssize_t ret = w->fd;
	char c;

	while (ret >= 0 && w->n_working) {
		if (++n_turns * 300 > PATIENCE_NS)
			return rondo_sim_fail("%u tasks starve beside one that reads", w->n_working);
		ret = rondo_pread(w->fd, &c, 1, 0);
	}
	return ret < 0 ? (int)ret : 0;
}

static int sleeps(void *arg)
{
	struct world *w = arg;
	int ret = 0;

	for (unsigned n = 1 + below(4); n && ret == 0; n--)
		ret = rondo_sleep_ns(1 + below(100000));
	w->n_working--;
	return ret;
}

static int passes_bytes(void *arg)
{
	struct world *w = arg;
	int fds[2], ret = rondo_pipe(fds, 0);
	char c;

	for (unsigned char i = 0; ret == 0 && i < 5; i++) {
		ret = rondo_write_all(fds[1], &i, 1, NULL);
		if (ret == 0)
			ret = rondo_read_exactly(fds[0], &c, 1, NULL);
		if (ret == 0 && c != (char)i)
			rondo_sim_fail("byte %d came out of the pipe as %d", i, c);
	}
	if (ret != -ENFILE && ret != -EMFILE) {
		(void)rondo_close(fds[0]);
		(void)rondo_close(fds[1]);
	}
	w->n_working--;
	return ret == -EMFILE || ret == -ENOMEM ? 0 : ret;
}

static int work_beside_spinners(struct world *w, unsigned n)
{
	rondo_task *tasks[WORKERS_MAX + 2];
	unsigned n_tasks = 0;

	w->n_working = n;
	for (; n_tasks < n; n_tasks++)
		tasks[n_tasks] = rondo_create_task(below(2) ? sleeps : passes_bytes, w);
	for (unsigned i = below(2); i < 2; i++)
		tasks[n_tasks++] = rondo_create_task(w->fd < 0 || below(3) ? spins :
							       reads_all_the_time, w);
	return rondo_gather(n_tasks, tasks, NULL, 0);
}

/* --- a crowd --------------------------------------------------------------------------------- */

struct person {
	struct world *world;
	unsigned number;
};

/* They begin in the order in which they were created. */
static int takes_turns(void *arg)
{
	const struct person *p = arg;
	struct world *w = p->world;

	if (p->number != w->n_begun++)
		return rondo_sim_fail("number %u begins as number %u", p->number, w->n_begun - 1);
	for (int i = 0; i < 3; i++) {
		w->n_turns++;
		if (rondo_yield() < 0)
			return -ECANCELED;
	}
	return 0;
}

static int crowd(struct world *w)
{
	static rondo_task *tasks[CROWD_MAX];
	static struct person people[CROWD_MAX];
	unsigned n = 1 + below(CROWD_MAX);
	bool yields = below(2);		/* or the queue of those that are ready has to grow */
	int ret = 0;

	w->n_turns = w->n_begun = 0;
	for (unsigned i = 0; i < n; i++) {
		people[i] = (struct person){ .world = w, .number = i };
		tasks[i] = rondo_create_task(takes_turns, &people[i]);
		if (yields && below(8) == 0)
			ret = rondo_yield();
	}
	if (rondo_gather(n, tasks, NULL, 0) < 0 || ret < 0)
		return -ECANCELED;
	if (w->n_turns != 3 * n)
		return rondo_sim_fail("%u tasks had %u turns of 3 each", n, w->n_turns);
	return 0;
}

static int spin_main(void *arg)
{
	const struct workload_run *run = arg;
	struct world w = { .fd = below(2) ? open_a_byte() : -ENOENT };
	int ret = 0;

	if (below(8) == 0)
		ret = crowd(&w);
	for (unsigned i = 0; i < 3 && ret == 0; i++)
		ret = work_beside_spinners(&w, 1 + below(run->n_tasks < WORKERS_MAX ? run->n_tasks :
										    WORKERS_MAX));
	if (w.fd >= 0)
		(void)rondo_close(w.fd);
	return ret;
}

static void configure(struct rondo_sim_options *o)
{
	o->exact_taskrun = o->seed % 2;
	if (o->seed % 4 == 1)
		o->run.sq_entries = 1;
	/* A completion that comes seconds late is no starvation. */
	o->only_faults = "enter_eagain,enter_ebusy,enter_eintr,submit_partly,cqe_held,short_read,"
			 "short_write,cancel_late";
}

const struct workload workload_spin = {
	.name = "spin", .what = "tasks that yield or read all the time beside sleepers and pipes",
	.main = spin_main, .n_tasks = 8, .configure = configure,
};
