/* SPDX-License-Identifier: MIT */
/* process.c - children of a simulated host: waiting for them, pidfds, their ends. */
#include <errno.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sim/process.h"
#include "sim/transfer.h"
#include "sim/world.h"
#include "switch/sanitizer.h"

enum { PID_FIRST = 1000 };

struct pidfd {
	struct sim_file file;		/* first */
	struct list link;		/* in child->pidfds */
	struct sim_child *child;
};

static void unref(struct sim_child *c)
{
	if (--c->n_refs)
		return;
	for (char **p = c->argv; p && *p; p++)
		free(*p);
	free(c->argv);
	free(c);
}

static void reap(struct sim_child *c)
{
	rondo__sim_unschedule(rondo__sim, &c->exit);
	list_remove(&c->link);
	unref(c);
}

bool rondo__sim_child_is_reaped(const struct sim_child *c)
{
	return list_empty(&c->link);
}

/* --- what a waiter asks for ------------------------------------------------------------------ */

struct question {
	struct sim_host *host;
	int type;			/* P_* */
	int id;
	int options;
};

static bool is_meant(const struct question *q, const struct sim_child *c)
{
	return q->type != P_PID || c->pid == q->id;
}

/* A child that is meant and has exited, else one that is meant, or NULL. */
static struct sim_child *find(const struct question *q)
{
	struct list *children = &q->host->children;
	struct sim_child *found = NULL;

	for (struct list *p = children->next; p != children; p = p->next) {
		struct sim_child *c = container_of(p, struct sim_child, link);

		if (is_meant(q, c) && (!found || (c->exited && !found->exited)))
			found = c;
	}
	return found;
}

static const struct sim_file_class pidfd_class;

/* Ask for the process instead, as Linux does: the descriptor may be closed during the wait. */
static int look_up_pidfd(struct question *q)
{
	struct sim_file *f = rondo__sim_fd_file(q->host, q->id);

	if (q->id < 0)
		return -EINVAL;
	if (!f || f->class != &pidfd_class)
		return -EBADF;
	q->options |= f->flags & O_NONBLOCK ? WNOHANG : 0;
	q->type = P_PID;
	q->id = container_of(f, struct pidfd, file)->child->pid;
	return 0;
}

static int look_up(struct question *q)
{
	switch (q->type) {
	case P_ALL:
		return 0;
	case P_PID:
		return q->id > 0 ? 0 : -EINVAL;
	case P_PIDFD:
		return look_up_pidfd(q);
	case P_PGID:
		if (q->id <= 0)
			return q->id < 0 ? -EINVAL : 0;	/* all are in our group */
		rondo__sim_fail(q->host->sim, "Z4", "waitid for process group %d", q->id);
		return -EINVAL;
	default:
		return -EINVAL;
	}
}

static int check_question(struct question *q)
{
	enum {
		EVENTS = WEXITED | WSTOPPED | WCONTINUED,
		KNOWN = EVENTS | WNOHANG | WNOWAIT | __WALL,	/* all kinds: there is one */
		FOR_THREADS = __WNOTHREAD | (int)__WCLONE,
	};

	if (q->options & FOR_THREADS) {
		rondo__sim_fail(q->host->sim, "Z4", "waitid with options %#x",
				(unsigned)q->options);
		return -EINVAL;
	}
	if (q->options & ~KNOWN || !(q->options & EVENTS))
		return -EINVAL;
	return look_up(q);
}

/* The kernel fills in these fields and no others. */
static void tell(siginfo_t *info, const struct sim_child *c)
{
	if (!info)
		return;
	info->si_signo = c ? SIGCHLD : 0;
	info->si_errno = 0;
	info->si_code = !c ? 0 : c->signal ? CLD_KILLED : CLD_EXITED;
	info->si_pid = c ? c->pid : 0;
	info->si_uid = c ? getuid() : 0;
	info->si_status = !c ? 0 : c->signal ? c->signal : c->status;
}

/* 0, or -ECHILD; SIM_WAIT if the child that is meant goes on. Children never stop, so only WEXITED
 * has anything to tell of. */
static long answer(const struct question *q, siginfo_t *info)
{
	struct sim_child *c = find(q);
	bool tells = c && c->exited && q->options & WEXITED;

	if (c && !tells && !(q->options & WNOHANG))
		return SIM_WAIT;
	tell(info, tells ? c : NULL);
	if (tells && !(q->options & WNOWAIT)) {
		rondo__sim_note(q->host->sim, "reaped", (uint64_t)c->pid, q->host->id);
		reap(c);
	}
	return c ? 0 : -ECHILD;
}

/* --- WAITID ---------------------------------------------------------------------------------- */

static struct question asked_by(const struct sim_request *rq)
{
	return (struct question){
		.host = sim_host_of(rq), .type = (int)rq->sqe.len, .id = rq->sqe.fd,
		.options = (int)rq->sqe.file_index,
	};
}

static siginfo_t *info_of(const struct sim_request *rq)
{
	return (siginfo_t *)(uintptr_t)rq->sqe.addr2;
}

static int prepare(struct sim_request *rq)
{
	const struct io_uring_sqe *sqe = &rq->sqe;

	if (sqe->addr || sqe->buf_index || sqe->addr3 || sqe->rw_flags)
		return -EINVAL;
	if (!sqe->addr2)
		return 0;
	if (sim_is_bad_address(sqe->addr2))
		return -EFAULT;
	rq->iov = rondo__sim_alloc(sizeof(*rq->iov));
	*rq->iov = (struct iovec){ .iov_base = info_of(rq), .iov_len = sizeof(siginfo_t) };
	rq->n_iov = 1;
	rq->kernel_writes = true;
	return 0;
}

static long run(struct sim_request *rq)
{
	struct question q = asked_by(rq);
	int ret = check_question(&q);

	if (ret < 0)
		return ret;
	rq->sqe.len = (uint32_t)q.type;
	rq->sqe.fd = q.id;
	rq->sqe.file_index = (uint32_t)q.options;
	return answer(&q, info_of(rq));
}

/* Its last word is an empty one, although the CQE says that it was cancelled. */
static void forget(struct sim_request *rq)
{
	if (!rq->n_iov)
		return;
	san_kernel_gives(rq->iov->iov_base, rq->iov->iov_len);
	rq->n_iov = 0;
	tell(info_of(rq), NULL);
}

const struct sim_op rondo__sim_op_waitid = {
	.name = "WAITID", .prepare = prepare, .run = run, .forget = forget, .cancel_counts = true,
};

/* A plain call must not block, so it says WNOHANG. */
long rondo__sim_call_waitid(struct sim_host *h, long type, long id, long info, long options,
			    long usage, long f)
{
	struct question q = { h, (int)type, (int)id, (int)options };
	long ret = check_question(&q);

	(void)f;
	if (usage)
		rondo__sim_fail(h->sim, "Z4", "resource usage of a child");
	if (ret == 0)
		ret = answer(&q, (siginfo_t *)info);
	if (ret != SIM_WAIT)
		return ret;
	rondo__sim_fail(h->sim, "Z4", "waitid(2) that blocks");
	return -EAGAIN;
}

/* --- life and death -------------------------------------------------------------------------- */

/* All who wait for children look again: one gets this one, others may learn that theirs is gone. */
static void wake_waiters(struct sim_host *h)
{
	for (struct list *p = h->rings.next; p != &h->rings; p = p->next) {
		struct list *requests = &container_of(p, struct sim_ring, link)->requests;

		for (struct list *q = requests->next; q != requests; q = q->next) {
			struct sim_request *rq = container_of(q, struct sim_request, link);

			if (rq->op == &rondo__sim_op_waitid && rq->state == SIM_WAITING)
				rondo__sim_retry(rq);
		}
	}
}

/* Of a host that is no child: where children go whose parents have ended. They are reaped there. */
static struct sim_host *machine_of(struct sim_host *h)
{
	while (h->child && h->child->host)
		h = h->child->host;
	return h;
}

static void leave_children(struct sim_host *h)
{
	struct sim_host *machine = machine_of(h);

	while (h != machine && !list_empty(&h->children)) {
		struct sim_child *c = container_of(list_pop(&h->children), struct sim_child, link);

		c->host = machine;
		list_push(&machine->orphans, &c->link);
		if (c->exited)
			reap(c);
		else
			c->orphaned = true;
	}
}

static void tell_parent(struct sim_child *c)
{
	siginfo_t info = { .si_signo = 0 };

	for (struct list *p = c->pidfds.next; p != &c->pidfds; p = p->next)
		rondo__sim_file_notify(&container_of(p, struct pidfd, link)->file, POLLIN);
	if (c->orphaned) {
		reap(c);
		return;
	}
	tell(&info, c);
	(void)rondo__sim_signal(c->host, &info);
	wake_waiters(c->host);
}

static void exits(struct sim *s, struct sim_event *e)
{
	struct sim_child *c = container_of(e, struct sim_child, exit);

	if (c->self && c->self == s->running) {		/* it is in the kernel just now: a little later */
		rondo__sim_schedule(s, e, 1000);
		return;
	}
	c->exited = true;
	rondo__sim_note(s, "exit", (uint64_t)c->pid, (uint64_t)c->status);
	rondo__sim_trace(s, "%s: child %d ends: status %d, signal %d", c->host->name, c->pid, c->status,
			 c->signal);
	if (c->self) {
		leave_children(c->self);
		rondo__sim_program_over(c);
	}
	tell_parent(c);
}

struct sim_child *rondo__sim_child_make(struct sim_host *h)
{
	struct sim_child *c = rondo__sim_alloc(sizeof(*c));

	c->host = h;
	c->n_refs = 1;
	c->pid = PID_FIRST + (int)h->sim->n_pids++;
	c->group = h->group;
	list_init(&c->pidfds);
	list_push(&h->children, &c->link);
	rondo__sim_event_init(&c->exit, exits);
	return c;
}

void rondo__sim_child_forget(struct sim_child *c)
{
	reap(c);
}

void rondo__sim_child_ends(struct sim_child *c, int status, int signal, uint64_t delay_ns)
{
	c->status = status & 0xff;
	c->signal = signal;
	rondo__sim_schedule(rondo__sim, &c->exit, delay_ns);
}

int rondo__sim_process_start(struct sim_host *h, int exit_status, uint64_t delay_ns)
{
	struct sim_child *c = rondo__sim_child_make(h);

	rondo__sim_child_ends(c, exit_status, 0, delay_ns);
	return c->pid;
}

static void forget_all(struct list *children)
{
	while (!list_empty(children)) {
		struct sim_child *c = container_of(children->next, struct sim_child, link);

		if (c->self)
			rondo__sim_program_over(c);
		c->host = NULL;
		reap(c);
	}
}

void rondo__sim_process_host_off(struct sim_host *h)
{
	forget_all(&h->children);
	forget_all(&h->orphans);
}

/* --- pidfds ---------------------------------------------------------------------------------- */

static unsigned poll_pidfd(struct sim_file *f)
{
	const struct sim_child *c = container_of(f, struct pidfd, file)->child;

	return (c->exited ? POLLIN : 0) | (rondo__sim_child_is_reaped(c) ? POLLHUP : 0);
}

static void release_pidfd(struct sim_file *f)
{
	struct pidfd *p = container_of(f, struct pidfd, file);

	list_remove(&p->link);
	unref(p->child);
	free(p);
}

static const struct sim_file_class pidfd_class = {
	.name = "pidfd", .poll = poll_pidfd, .release = release_pidfd,
};

struct sim_child *rondo__sim_pidfd_child(struct sim_host *h, int fd)
{
	struct sim_file *f = rondo__sim_fd_file(h, fd);

	return f && f->class == &pidfd_class ? container_of(f, struct pidfd, file)->child : NULL;
}

int rondo__sim_pidfd_make(struct sim_host *h, struct sim_child *c, int flags)
{
	struct pidfd *p = rondo__sim_alloc(sizeof(*p));
	int fd;

	rondo__sim_file_init(&p->file, &pidfd_class, h, O_RDWR | flags);
	p->file.position = -1;
	p->child = c;
	c->n_refs++;
	list_push(&c->pidfds, &p->link);
	fd = rondo__sim_fd_install(h, &p->file);
	if (fd < 0)
		rondo__sim_file_unref(&p->file);
	return fd;
}

long rondo__sim_call_pidfd_open(struct sim_host *h, long pid, long flags, long c, long d, long e,
				long f)
{
	const struct question q = { .host = h, .type = P_PID, .id = (int)pid };
	struct sim_child *found;

	(void)c, (void)d, (void)e, (void)f;
	if (flags & ~O_NONBLOCK || pid <= 0)
		return -EINVAL;
	found = find(&q);
	return found ? rondo__sim_pidfd_make(h, found, (int)flags) : -ESRCH;
}
