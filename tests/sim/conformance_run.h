/* SPDX-License-Identifier: MIT */
/* conformance_run.h - runs scripts on either kernel, and judges outcomes by patterns. */
#ifndef RONDO_TESTS_CONFORMANCE_RUN_H
#define RONDO_TESTS_CONFORMANCE_RUN_H

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "sim/conformance.h"

/* --- outcomes as text ------------------------------------------------------------------------ */

static size_t write_value(char *to, size_t size, const struct line *l)
{
	const char *name = l->value < 0 && l->value > -512 ? strerrorname_np((int)-l->value) : NULL;

	if (l->is_fd)
		return (size_t)snprintf(to, size, "%llu=fd", (unsigned long long)l->id);
	if (l->value == -512)
		name = "ERESTARTSYS";
	if (name)
		return (size_t)snprintf(to, size, "%llu=-%s", (unsigned long long)l->id, name);
	return (size_t)snprintf(to, size, "%llu=%lld", (unsigned long long)l->id, l->value);
}

static size_t write_line(char *to, size_t size, const struct conf *c, const struct line *l)
{
	size_t n = write_value(to, size, l);

	n += (size_t)snprintf(to + n, size - n, "%s%s%s%s",
			      l->flags & IORING_CQE_F_BUFFER ? "+buffer" : "",
			      l->flags & IORING_CQE_F_MORE ? "+more" : "",
			      l->flags & IORING_CQE_F_NOTIF ? "+notif" : "",
			      c->shows_nonempty && l->flags & IORING_CQE_F_SOCK_NONEMPTY ?
				      "+nonempty" : "");
	return n;
}

/* Stable, so that the CQEs of one request keep their order. */
static void sort_lines(struct conf *c)
{
	for (unsigned i = 1; i < c->n_lines; i++) {
		struct line l = c->lines[i];
		unsigned k;

		for (k = i; k && c->lines[k - 1].id > l.id; k--)
			c->lines[k] = c->lines[k - 1];
		c->lines[k] = l;
	}
}

static void write_outcome(struct conf *c)
{
	size_t n = 0;

	if (!c->script->in_order)
		sort_lines(c);
	c->outcome[0] = '\0';
	for (unsigned i = 0; i < c->n_lines && n + 64 < sizeof(c->outcome); i++) {
		n += (size_t)snprintf(c->outcome + n, sizeof(c->outcome) - n, "%s", i ? " " : "");
		n += write_line(c->outcome + n, sizeof(c->outcome) - n, c, &c->lines[i]);
	}
}

/* --- patterns -------------------------------------------------------------------------------- */

static size_t item_length(const char *p)
{
	return strcspn(p, " |");
}

/* Does one value of "a/b/1..5" fit a value of n bytes? */
static bool value_fits(const char *p, size_t n_p, const char *value, size_t n)
{
	for (size_t part; n_p; p += part, n_p -= part) {
		long low, high, got;

		part = strcspn(p, "/");
		part = part < n_p ? part : n_p;
		if ((part == n && !memcmp(p, value, n)) || (part == 3 && !memcmp(p, "any", 3)))
			return true;
		if (sscanf(p, "%ld..%ld", &low, &high) == 2 && part > 2 &&
		    sscanf(value, "%ld", &got) == 1 && got >= low && got <= high)
			return true;
		part += part < n_p;
	}
	return false;
}

/* Does one item of a pattern fit one of an outcome? */
static bool item_fits(const char *p, size_t n_p, const char *item, size_t n)
{
	size_t id = strcspn(p, "=") + 1, id_item = strcspn(item, "=") + 1;
	size_t flags = strcspn(p, "+ |"), flags_item = strcspn(item, "+ ");

	flags = flags < n_p ? flags : n_p;
	if (id != id_item || memcmp(p, item, id) || n_p - flags != n - flags_item ||
	    memcmp(p + flags, item + flags_item, n - flags_item))
		return false;
	return value_fits(p + id, flags - id, item + id, flags_item - id);
}

static const char *next_item(const char *p, size_t n)
{
	p += n;
	return p + strspn(p, " ");
}

/* Does one alternative fit a whole outcome? */
static bool outcome_fits(const char *p, const char *outcome)
{
	size_t n_p, n = item_length(outcome);
	bool repeats, may_lack;

	p += strspn(p, " ");
	n_p = item_length(p);
	if (!n_p)
		return !n;
	repeats = p[n_p - 1] == '*';
	may_lack = repeats || p[n_p - 1] == '?';
	if (may_lack && outcome_fits(next_item(p, n_p), outcome))
		return true;
	if (!n || !item_fits(p, n_p - may_lack, outcome, n))
		return false;
	return outcome_fits(repeats ? p : next_item(p, n_p), next_item(outcome, n));
}

static bool fits(const char *pattern, const char *outcome)
{
	for (; pattern; pattern++) {
		if (outcome_fits(pattern, outcome))
			return true;
		pattern = strchr(pattern, '|');
		if (!pattern)
			return false;
	}
	return false;
}

/* --- a run ----------------------------------------------------------------------------------- */

static void open_root(struct conf *c)
{
	const char *path = c->in_sim ? "/" : c->root_path;

	ADD(c, SETUP, openat, AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	c->root = keep_fd(c, setup_wait(c));
}

/* A script may have waited for its child, or not. */
static void end_children(struct conf *c)
{
	siginfo_t info;

	for (unsigned i = 0; i < c->n_children; i++)
		if (waitid(P_PID, (id_t)c->children[i], &info, WEXITED | WNOWAIT | WNOHANG) == 0) {
			kill(c->children[i], SIGKILL);
			waitpid(c->children[i], NULL, 0);
		}
}

/* Cancel what is in flight, and give everything back. */
static void end_run(struct conf *c)
{
	struct io_uring_buf_reg reg = { .bgid = 0 };

	c->over = true;
	drain(c);
	if (c->group)
		c->kernel->register_(c->kernel, (unsigned)c->ring.uring.ring_fd,
				     IORING_UNREGISTER_PBUF_RING, &reg, 1);
	for (unsigned i = 0; i < c->n_fds; i++)
		if (c->fds[i] >= 0)
			kernel_call2(c->kernel, SYS_close, c->fds[i], 0);
	rondo__ring_close(&c->ring);
	end_children(c);
}

static bool knows_what(struct conf *c)
{
	return c->script->what >= CALL || has_op(c, c->script->what);
}

/* Run c->script on c->kernel: notes lines in c. */
static int run_script(struct conf *c)
{
	unsigned entries = c->script->entries ? c->script->entries : ENTRIES;
	struct ring_options o = { .sq_entries = entries,
				  .cq_entries = c->script->entries ? entries : 4 * entries };
	int ret = rondo__ring_open(&c->ring, c->kernel, &o, conf_complete, c);

	if (needs(c, ret) < 0)
		return ret;
	open_root(c);
	if (!c->broken && knows_what(c))
		c->script->run(c);
	end_run(c);
	return 0;
}

static void begin(struct conf *c, const struct script *script)
{
	static char buf[ROOM], other[ROOM];

	memset(buf, 0, ROOM);
	memset(other, 0, ROOM);
	*c = (struct conf){ .script = script, .buf = buf, .other = other };
}

static int run_real(struct conf *c, const struct script *script, const char *root_path)
{
	int ret;

	begin(c, script);
	c->kernel = &rondo__kernel_linux;
	c->root_path = root_path;
	ret = run_script(c);
	write_outcome(c);
	return ret;
}

static int in_task(void *arg)
{
	struct conf *c = arg;

	c->kernel = rondo__self()->loop->ring.kernel;
	return run_script(c);
}

/* Of a run that is of no use, nothing matters. */
static void tell_failure(const struct rondo_sim_failure *failure, void *arg)
{
	const struct conf *c = arg;

	if (!c->broken)
		rondo_sim_print_failure(failure, NULL);
}

static int run_simulated(struct conf *c, const struct script *script, struct rondo_sim_options *o)
{
	int ret;

	begin(c, script);
	c->in_sim = true;
	o->on_failure = tell_failure;
	o->arg = c;
	o->may_leave_files_open = true;	/* a script that gives some has failed in other ways */
	ret = rondo_sim_run(o, in_task, c);
	write_outcome(c);
	return ret;
}
#endif
