/* SPDX-License-Identifier: MIT */
/* watch.c - calls when a descriptor is ready (row L8): add_reader() and add_writer().
 *
 *   armed: a POLL_ADD is in flight --> queued: the call is in the ready queue --> the call runs
 *      ^                                                                              |
 *      +------------------------------------------------------------------------------+
 *
 * One poll per call, and not a multishot: what is still ready when the call has returned makes the
 * next poll complete at once, in the next turn. That is level-triggered, as asyncio's are, where a
 * multishot tells of changes. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "loop/op.h"
#include "rondo/call.h"
#include "task/context.h"

struct watch {
	struct op op;
	struct ready_call call;
	struct list link;		/* in run->watches_left, until freed */
	struct loop *loop;
	struct vars *vars;
	void (*fn)(void *);
	void *arg;
	int fd;
	int error;			/* why the poll ended for good */
	bool writer;
	bool armed, queued, calling;
	bool removed;			/* the program's part is over */
	bool replaced;			/* while queued: that was for the old call */
};

static size_t index_of(int fd, bool writer)
{
	return 2 * (size_t)fd + writer;
}

static struct watch **find(struct run *run, int fd, bool writer)
{
	size_t i = fd < 0 ? SIZE_MAX : index_of(fd, writer);

	return i < run->n_watches ? &run->watches[i] : NULL;
}

static void free_watch(struct watch *w)
{
	rondo__run_release_slots(w->loop, 1);
	list_remove(&w->link);
	vars_put(w->vars);
	free(w);
}

/* Only what was removed: else somebody still finds it. */
static void free_unless_used(struct watch *w)
{
	if (!w->armed && !w->queued && !w->calling)
		free_watch(w);
}

static void on_ready(struct op *op, const struct io_uring_cqe *cqe)
{
	struct watch *w = container_of(op, struct watch, op);

	w->armed = false;
	if (w->removed) {
		free_unless_used(w);
		return;
	}
	if (cqe->res < 0 && !(op_interrupted(cqe->res) && !op->closing))
		w->error = cqe->res;
	w->replaced |= cqe->res < 0 && !w->error;	/* interrupted for nothing: arm again */
	w->queued = true;
	ready_push_call(&w->loop->ready, &w->call);
}

static void arm(struct watch *w)
{
	struct io_uring_sqe *sqe = rondo__op_begin_owned(w->loop, &w->op, on_ready);

	io_uring_prep_poll_add(sqe, w->fd, w->writer ? POLLOUT : POLLIN);
	rondo__op_start(w->loop, &w->op);
	w->armed = true;
}

static void remove_watch(struct watch **at)
{
	struct watch *w = *at;

	*at = NULL;
	w->removed = true;
	if (w->armed)
		rondo__op_cancel(w->loop, &w->op);
	free_unless_used(w);
}

/* rondo_close() took the descriptor away, or it is none to be polled. */
static void end_by_error(struct watch *w)
{
	w->calling = true;
	rondo__task_report(w->loop, NULL, "a descriptor was closed while it was watched", w->error);
	w->calling = false;
	if (w->removed)
		free_unless_used(w);
	else
		remove_watch(find(run_of(w->loop), w->fd, w->writer));
}

static void call_user(struct watch *w)
{
	struct vars *vars = vars_get(w->vars);

	w->calling = true;
	context_call(w->loop, &vars, w->fn, w->arg);
	w->calling = false;
	vars_put(vars);
}

static void run_watch(struct ready_call *call)
{
	struct watch *w = container_of(call, struct watch, call);

	w->queued = false;
	if (!w->removed && w->error) {
		end_by_error(w);
		return;
	}
	if (!w->removed && !w->replaced)
		call_user(w);
	w->replaced = false;
	if (w->removed)
		free_unless_used(w);
	else
		arm(w);
}

/* --- the table of watches, by descriptor ----------------------------------------------------- */

static int reserve(struct run *run, size_t n)
{
	size_t size = run->n_watches ? run->n_watches : 64;
	struct watch **all;

	if (n <= run->n_watches)
		return 0;
	while (size < n)
		size *= 2;
	all = realloc(run->watches, size * sizeof(*all));
	if (!all)
		return -ENOMEM;
	memset(all + run->n_watches, 0, (size - run->n_watches) * sizeof(*all));
	run->watches = all;
	run->n_watches = size;
	return 0;
}

static int make(struct loop *l, int fd, bool writer, struct watch **at)
{
	struct run *run = run_of(l);
	int ret = (int)kernel_call3(l->ring.kernel, SYS_fcntl, fd, F_GETFD, 0);
	struct watch *w;

	if (ret < 0)
		return ret;
	ret = reserve(run, index_of(fd, writer) + 1);
	if (ret == 0)
		ret = rondo__run_keep_slots(l, 1);
	if (ret < 0)
		return ret;
	w = calloc(1, sizeof(*w));
	if (!w) {
		rondo__run_release_slots(l, 1);
		return -ENOMEM;
	}
	*w = (struct watch){ .call.run = run_watch, .loop = l, .fd = fd, .writer = writer };
	list_push(&run->watches_left, &w->link);
	*at = *find(run, fd, writer) = w;
	arm(w);
	return 0;
}

static int add(int fd, bool writer, void (*call)(void *), void *arg)
{
	struct loop *l = rondo__loop;
	struct watch **there, *w;
	int ret = 0;

	if (unlikely(!l))
		BUG("a descriptor was to be watched outside a loop");
	there = find(run_of(l), fd, writer);
	w = there ? *there : NULL;
	if (w)
		w->replaced = w->queued;
	else
		ret = make(l, fd, writer, &w);
	if (ret < 0)
		return ret;
	vars_put(w->vars);
	w->vars = vars_get(rondo__context_now(l));
	w->fn = call;
	w->arg = arg;
	return 0;
}

static bool take_back(int fd, bool writer)
{
	struct watch **at = rondo__loop ? find(run_of(rondo__loop), fd, writer) : NULL;

	if (!at || !*at)
		return false;
	remove_watch(at);
	return true;
}

int rondo_add_reader(int fd, void (*call)(void *arg), void *arg)
{
	return add(fd, false, call, arg);
}

int rondo_add_writer(int fd, void (*call)(void *arg), void *arg)
{
	return add(fd, true, call, arg);
}

bool rondo_remove_reader(int fd)
{
	return take_back(fd, false);
}

bool rondo_remove_writer(int fd)
{
	return take_back(fd, true);
}

void rondo__watches_remove(struct run *run)
{
	for (size_t i = 0; i < run->n_watches; i++)
		if (run->watches[i])
			remove_watch(&run->watches[i]);
}

void rondo__watches_free(struct run *run)
{
	while (!list_empty(&run->watches_left))
		free_watch(container_of(run->watches_left.next, struct watch, link));
	free(run->watches);
}
