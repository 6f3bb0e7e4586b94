/* SPDX-License-Identifier: MIT */
/* program.c - children that run a program: spawn. See process.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "ring/spawn.h"
#include "sim/ops.h"
#include "sim/process.h"
#include "sim/world.h"

enum { SPAWN_NS = 60000 };		/* about what a vfork and an exec take */

/* --- which program --------------------------------------------------------------------------- */

int rondo_sim_set_program(const char *name, rondo_sim_program *main)
{
	struct sim *s = rondo__sim;
	struct sim_program *p;

	if (!s)
		return -EINVAL;
	if (s->n_programs == SIM_PROGRAMS_MAX || strlen(name) >= sizeof(p->name))
		return -ENOSPC;
	p = &s->programs[s->n_programs++];
	strcpy(p->name, name);
	p->main = main;
	return 0;
}

static rondo_sim_program *find(const struct sim *s, const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;

	for (unsigned i = s->n_programs; i-- > 0;)
		if (!strcmp(s->programs[i].name, name))
			return s->programs[i].main;
	return NULL;
}

/* --- /dev/null ------------------------------------------------------------------------------- */

static long read_null(struct sim_file *f, struct sim_io *io)
{
	(void)f, (void)io;
	return 0;
}

static long write_null(struct sim_file *f, struct sim_io *io)
{
	(void)f;
	return (long)io->n_bytes;
}

static void release_null(struct sim_file *f)
{
	free(f);
}

static const struct sim_file_class null_class = {
	.name = "null", .read = read_null, .write = write_null, .release = release_null,
};

static struct sim_file *make_null(struct sim_host *h)
{
	struct sim_file *f = rondo__sim_alloc(sizeof(*f));

	rondo__sim_file_init(f, &null_class, h, O_RDWR);
	return f;
}

/* --- what it is given ------------------------------------------------------------------------ */

/* A reference, or NULL. */
static struct sim_file *given(struct sim_host *parent, const struct spawn *s, int i)
{
	int fd = s->fds[i] == SPAWN_STDOUT ? s->fds[1] : s->fds[i];
	struct sim_file *f;

	if (fd == SPAWN_NULL)
		return make_null(parent);
	if (fd == SPAWN_INHERIT)
		fd = s->fds[i] == SPAWN_STDOUT ? 1 : i;
	f = rondo__sim_fd_file(parent, fd);
	if (f)
		rondo__sim_file_ref(f);
	return f;
}

static int give(struct sim_host *parent, const struct spawn *s, struct sim_host *child)
{
	for (int i = 0; i < 3; i++) {
		child->console[i] = given(parent, s, i);
		if (!child->console[i])
			return -EBADF;
	}
	for (size_t i = 0; i < s->n_pass_fds; i++) {
		struct sim_file *f = rondo__sim_fd_file(parent, s->pass_fds[i]);

		if (!f)
			return -EBADF;
		if (s->pass_fds[i] < SIM_FD_FIRST)
			continue;
		rondo__sim_file_ref(f);
		child->fds[s->pass_fds[i] - SIM_FD_FIRST].file = f;
	}
	return 0;
}

static char **copy_argv(const char *const *argv)
{
	size_t n = 0;
	char **copy;

	while (argv[n])
		n++;
	copy = rondo__sim_alloc((n + 1) * sizeof(*copy));
	for (size_t i = 0; i < n; i++) {
		copy[i] = strdup(argv[i]);
		BUG_ON(!copy[i]);
	}
	return copy;
}

/* --- its life -------------------------------------------------------------------------------- */

static int run_program(void *arg)
{
	const struct sim_child *c = arg;
	const char *const *argv = (const char *const *)c->argv;
	int argc = 0;

	while (argv[argc])
		argc++;
	return find(c->self->sim, argv[0])(argc, argv);
}

/* Off, and all that it held open is closed. Not while it runs. */
void rondo__sim_program_over(struct sim_child *c)
{
	struct sim_host *h = c->self;

	c->self = NULL;
	h->child = NULL;
	rondo__sim_host_off(h);
	h->spare = true;
}

static int start(struct sim_host *parent, const struct spawn *s, struct sim_host *h, int *pidfd)
{
	struct sim_child *c;
	int ret = give(parent, s, h);

	if (ret < 0)
		return ret;
	c = rondo__sim_child_make(parent);
	ret = rondo__sim_pidfd_make(parent, c, 0);
	if (ret < 0) {
		rondo__sim_child_forget(c);
		return ret;
	}
	*pidfd = ret;
	c->self = h;
	c->argv = copy_argv(s->argv);
	h->child = c;
	h->pid = c->pid;
	h->group = c->group = s->new_group || s->new_session ? c->pid : parent->group;
	rondo__sim_host_start(h, run_program, c);
	rondo__sim_trace(parent->sim, "%s: child %d runs %s", parent->name, c->pid, s->argv[0]);
	return c->pid;
}

int rondo__sim_spawn(const struct kernel *k, const struct spawn *s, int *pidfd)
{
	struct sim_host *parent = container_of(k, struct sim_host, kernel), *h;
	int ret;

	rondo__sim_spend(parent, SPAWN_NS);
	if (s->cwd)
		rondo__sim_fail(parent->sim, "Z4", "a child in a folder of its own");
	if (!find(parent->sim, s->argv[0]))
		return -ENOENT;
	h = rondo__sim_host_make(parent->sim, s->argv[0]);
	if (!h)
		return -EAGAIN;
	ret = start(parent, s, h, pidfd);
	if (ret < 0) {
		rondo__sim_host_off(h);
		h->spare = true;
	}
	rondo__sim_note(parent->sim, "spawn", h->id, (uint64_t)(int64_t)ret);
	rondo__sim_signals_deliver(parent);
	return ret;
}
