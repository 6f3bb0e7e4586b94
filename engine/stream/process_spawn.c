/* SPDX-License-Identifier: MIT */
/* process_spawn.c - start a child: where its program is, what its descriptors are, the pipes to it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ring/spawn.h"
#include "stream/process.h"
#include "stream/stream.h"

/* --- where the program may be ---------------------------------------------------------------- */

/* One allocation: the pointers, and the text they point to. */
struct paths {
	const char **list;
	char *text;
};

static const char *path_of(const char *const *env)
{
	for (; *env; env++)
		if (!strncmp(*env, "PATH=", 5))
			return *env + 5;
	return "/bin:/usr/bin";
}

static size_t count_folders(const char *path)
{
	size_t n = 1;

	for (; *path; path++)
		n += *path == ':';
	return n;
}

/* An empty name in PATH is the current folder. */
static const char *add_path(struct paths *p, const char *folder, size_t len, const char *program)
{
	char *start = p->text;

	memcpy(p->text, folder, len);
	p->text += len;
	if (len)
		*p->text++ = '/';
	p->text = stpcpy(p->text, program) + 1;
	return start;
}

static int find_program(struct paths *p, const char *program, const char *const *env)
{
	const char *path = strchr(program, '/') ? "" : path_of(env);
	size_t n = count_folders(path), i = 0;
	size_t n_text = strlen(path) + n * (strlen(program) + 2);

	p->list = malloc((n + 1) * sizeof(*p->list) + n_text);
	if (!p->list)
		return -ENOMEM;
	p->text = (char *)(p->list + n + 1);
	for (;; path++) {
		size_t len = strcspn(path, ":");

		p->list[i++] = add_path(p, path, len, program);
		path += len;
		if (!*path)
			break;
	}
	p->list[i] = NULL;
	return 0;
}

/* --- descriptors ----------------------------------------------------------------------------- */

struct ends {
	int child[3], ours[3];		/* -1: none */
};

static void close_ends(const struct kernel *k, int *ends)
{
	for (int i = 0; i < 3; i++)
		if (ends[i] >= 0)
			kernel_call2(k, SYS_close, ends[i], 0);
}

static int make_pipe(const struct kernel *k, struct ends *e, int i)
{
	int fds[2];
	long ret = kernel_call2(k, SYS_pipe2, fds, O_CLOEXEC);

	if (ret < 0)
		return (int)ret;
	e->child[i] = fds[i == 0 ? 0 : 1];
	e->ours[i] = fds[i == 0 ? 1 : 0];
	return e->child[i];
}

/* What the child's descriptor i is to be, or an error. */
static int choose_fd(const struct kernel *k, const struct rondo_stdio *io, struct ends *e, int i,
		     int *fd)
{
	int ret = 0;

	switch (io->kind) {
	case RONDO_STDIO_DEFAULT:
	case RONDO_STDIO_INHERIT:
		*fd = SPAWN_INHERIT;
		return 0;
	case RONDO_STDIO_DEVNULL:
		*fd = SPAWN_NULL;
		return 0;
	case RONDO_STDIO_STDOUT:
		*fd = SPAWN_STDOUT;
		return i == 2 ? 0 : -EINVAL;
	case RONDO_STDIO_FD:
		*fd = io->fd;
		return io->fd >= 0 ? 0 : -EBADF;
	case RONDO_STDIO_PIPE:
		ret = *fd = make_pipe(k, e, i);
		return ret < 0 ? ret : 0;
	}
	return -EINVAL;
}

static int choose_fds(const struct kernel *k, const struct rondo_process_options *o,
		      struct spawn *s, struct ends *e)
{
	int ret = choose_fd(k, &o->in, e, 0, &s->fds[0]);

	if (ret == 0)
		ret = choose_fd(k, &o->out, e, 1, &s->fds[1]);
	if (ret == 0)
		ret = choose_fd(k, &o->err, e, 2, &s->fds[2]);
	return ret;
}

/* Streams for our ends, which they take over: nobody else knows them. */
static int open_streams(const struct rondo_process_options *o, struct ends *e, rondo_process *p)
{
	struct rondo_stream_options options = o->stream;

	options.keep_fd = false;
	for (int i = 0; i < 3; i++) {
		int ret = e->ours[i] < 0 ? 0 : rondo_stream_from_fd(e->ours[i], &options, &p->pipes[i]);

		if (ret < 0)
			return ret;
		e->ours[i] = -1;
	}
	return 0;
}

/* --- all of it ------------------------------------------------------------------------------- */

static int start(rondo_process *p, struct spawn *s, const struct rondo_process_options *o)
{
	struct paths paths;
	int ret = find_program(&paths, s->argv[0], s->envp);

	if (ret < 0)
		return ret;
	s->paths = paths.list;
	s->cwd = o->cwd;
	s->pass_fds = o->pass_fds;
	s->n_pass_fds = o->n_pass_fds;
	s->new_group = o->group == RONDO_GROUP_OWN;
	s->new_session = o->group == RONDO_GROUP_SESSION;
	p->own_group = s->new_group || s->new_session;
	p->on_close = o->on_close;
	ret = p->kernel->spawn(p->kernel, s, &p->pidfd);
	free(paths.list);
	if (ret < 0)
		return ret;
	p->pid = ret;
	return 0;
}

/* The streams come first: once there is a child, nothing can fail any more. */
static int spawn_with_pipes(rondo_process *p, struct spawn *s,
			    const struct rondo_process_options *o)
{
	struct ends e = { { -1, -1, -1 }, { -1, -1, -1 } };
	int ret = choose_fds(p->kernel, o, s, &e);

	if (ret == 0)
		ret = open_streams(o, &e, p);
	if (ret == 0)
		ret = start(p, s, o);
	close_ends(p->kernel, e.child);
	close_ends(p->kernel, e.ours);
	for (int i = 0; ret < 0 && i < 3; i++)
		if (p->pipes[i])
			rondo_stream_abort(p->pipes[i]);
	return ret;
}

static void describe(const struct resource *r, char *buf, size_t size)
{
	snprintf(buf, size, "child process %d", container_of(r, rondo_process, resource)->pid);
}

static void drop(struct resource *r)
{
	(void)rondo_process_close(container_of(r, rondo_process, resource));
}

static const struct resource_class leaked = { .describe = describe, .drop = drop };

/* The loop knows of one thing to be closed, which closes its pipes. */
static void own(rondo_process *p)
{
	resource_add(rondo__self()->loop, &p->resource, &leaked);
	for (int i = 0; i < 3; i++)
		if (p->pipes[i])
			resource_remove(&p->pipes[i]->resource);
}

int rondo_process_spawn(const struct rondo_process_options *o, rondo_process **process)
{
	const char *const shell[] = { "/bin/sh", "-c", o->shell, NULL };
	struct spawn s = { .argv = o->argv ? o->argv : shell, .envp = o->env };
	rondo_process *p;
	int ret;

	if (!o->argv == !o->shell || !s.argv[0] || !s.argv[0][0])
		return -EINVAL;
	if (!s.envp)
		s.envp = (const char *const *)environ;
	rondo__orphans_look();
	p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->kernel = rondo__self()->loop->ring.kernel;
	p->n_refs = 1;
	ret = spawn_with_pipes(p, &s, o);
	if (ret < 0) {
		free(p);
		return ret;
	}
	own(p);
	*process = p;
	return 0;
}
