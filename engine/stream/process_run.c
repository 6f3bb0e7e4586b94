/* SPDX-License-Identifier: MIT */
/* process_run.c - feed a child and collect its output: communicate, and run on top of it. */
#include <errno.h>
#include <stdlib.h>

#include "rondo/group.h"
#include "stream/process.h"

enum {
	LIMIT_DEFAULT = 64 << 20,
	ROOM_FIRST = 4096,
};

/* --- one pipe -------------------------------------------------------------------------------- */

struct feeding {
	rondo_process *process;
	const void *input;
	size_t n;
};

/* A child may stop reading when it has enough. */
static int feed(void *arg)
{
	struct feeding *f = arg;
	rondo_stream *to = rondo_process_stdin(f->process);
	int ret, closed;

	if (!to)			/* another task was faster, and closed it */
		return f->n ? -EBADF : 0;
	ret = f->n ? rondo_stream_write(to, f->input, f->n) : 0;
	if (ret == -ECANCELED)
		return ret;
	closed = rondo_process_close_stdin(f->process);
	if (closed == -ECANCELED)
		return closed;
	return ret == -EPIPE || ret == -ECONNRESET ? 0 : ret;
}

struct collecting {
	rondo_stream *from;
	char *data;
	size_t n, room, limit;
};

/* There is always one byte of room more, for the '\0'. */
static int grow(struct collecting *c)
{
	size_t room = c->room ? c->room * 2 : ROOM_FIRST;
	char *data = realloc(c->data, room);

	if (!data)
		return -ENOMEM;
	c->data = data;
	c->room = room;
	return 0;
}

static int collect(void *arg)
{
	struct collecting *c = arg;

	for (;;) {
		int ret = c->n + 1 < c->room ? 0 : grow(c);
		ssize_t n;

		if (ret < 0)
			return ret;
		n = rondo_stream_read(c->from, c->data + c->n, c->room - c->n - 1);
		if (n < 0)
			return (int)n;
		if (n == 0)
			break;
		c->n += (size_t)n;
		if (c->n > c->limit)
			return -RONDO_ELIMIT;
	}
	c->data[c->n] = '\0';
	return 0;
}

/* --- all of them ----------------------------------------------------------------------------- */

struct talk {
	struct feeding feeding;
	struct collecting out, err;
};

static int start_all(struct rondo_task_group *g, struct talk *t)
{
	int ret = 0;

	if (rondo_process_stdin(t->feeding.process))
		ret = rondo_task_group_spawn(g, feed, &t->feeding);
	if (ret == 0 && t->out.from)
		ret = rondo_task_group_spawn(g, collect, &t->out);
	if (ret == 0 && t->err.from)
		ret = rondo_task_group_spawn(g, collect, &t->err);
	return ret;
}

static int talk(struct talk *t)
{
	struct rondo_task_group g;
	int ret = rondo_task_group_begin(&g);

	if (ret < 0)
		return ret;
	ret = rondo_task_group_end(&g, start_all(&g, t));
	return ret == -RONDO_EGROUP ? rondo_task_group_error(&g, 0)->error : ret;
}

int rondo_process_communicate(rondo_process *p, const void *input, size_t n_input,
			      const struct rondo_process_limits *limits,
			      struct rondo_process_result *result)
{
	struct talk t = {
		.feeding = { p, input, n_input },
		.out = { .from = p->pipes[1], .limit = limits ? limits->out : 0 },
		.err = { .from = p->pipes[2], .limit = limits ? limits->err : 0 },
	};
	int returncode, ret;

	if (n_input && !p->pipes[0])
		return -EINVAL;
	t.out.limit = t.out.limit ? t.out.limit : LIMIT_DEFAULT;
	t.err.limit = t.err.limit ? t.err.limit : LIMIT_DEFAULT;
	ret = talk(&t);
	if (ret >= 0)
		ret = rondo_process_wait(p, &returncode);
	if (ret < 0) {
		free(t.out.data);
		free(t.err.data);
		return ret;
	}
	*result = (struct rondo_process_result){
		.returncode = returncode, .out = t.out.data, .n_out = t.out.n,
		.err = t.err.data, .n_err = t.err.n,
	};
	return 0;
}

void rondo_process_result_free(struct rondo_process_result *result)
{
	free(result->out);
	free(result->err);
	*result = (struct rondo_process_result){ .returncode = result->returncode };
}

/* --- a whole run ----------------------------------------------------------------------------- */

static void set_default(struct rondo_stdio *io, enum rondo_stdio_kind kind)
{
	if (io->kind == RONDO_STDIO_DEFAULT)
		io->kind = kind;
}

int rondo_process_run(const struct rondo_process_options *options, const void *input,
		      size_t n_input, struct rondo_process_result *result)
{
	struct rondo_process_options o = *options;
	rondo_process *p;
	int ret;

	set_default(&o.in, input ? RONDO_STDIO_PIPE : RONDO_STDIO_DEVNULL);
	set_default(&o.out, RONDO_STDIO_PIPE);
	set_default(&o.err, RONDO_STDIO_PIPE);
	if (o.group == RONDO_GROUP_DEFAULT)
		o.group = RONDO_GROUP_OWN;
	o.on_close = RONDO_CLOSE_KILLS;
	ret = rondo_process_spawn(&o, &p);
	if (ret < 0)
		return ret;
	ret = rondo_process_communicate(p, input, n_input, &o.limits, result);
	if (ret < 0)		/* the grandchildren too, and before our child is reaped */
		rondo__process_kill_all(p);
	(void)rondo_process_close(p);
	return ret;
}
