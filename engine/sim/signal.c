/* SPDX-License-Identifier: MIT */
/* signal.c - signals of simulated processes: which are pending, what they do, who is asked to look. As
 * in Linux, of a standard signal one is kept, and those from SIGRTMIN on queue; the lowest number
 * comes first; a handler runs where its process returns from the kernel. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "sim/ops.h"
#include "sim/process.h"
#include "sim/world.h"

enum { FIRST_QUEUED = 32, SIGSET_SIZE = 8, SIGNAL_GROUP = 1 << 2 };

static uint64_t bit_of(int signal)
{
	return UINT64_C(1) << (signal - 1);
}

static bool is_signal(long signal)
{
	return signal >= 1 && signal < SIM_SIGNALS;
}

/* --- what one would do ----------------------------------------------------------------------- */

enum effect { IGNORE, HANDLE, KILL };

static enum effect effect_of(const struct sim_host *h, int signal)
{
	const struct sigaction *a = &h->signals.actions[signal];

	if (signal == SIGKILL)
		return KILL;
	if (a->sa_handler == SIG_IGN)
		return IGNORE;
	if (a->sa_handler != SIG_DFL)
		return HANDLE;
	if (signal == SIGCHLD || signal == SIGURG || signal == SIGWINCH || signal == SIGCONT)
		return IGNORE;
	if (signal == SIGSTOP || signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU)
		rondo__sim_fail(h->sim, "Z4", "a process that stops");
	return KILL;
}

static bool is_open(const struct sim_host *h, int signal)
{
	return signal == SIGKILL || !(h->signals.blocked & bit_of(signal));
}

/* --- sending --------------------------------------------------------------------------------- */

static bool is_pending(const struct sim_signals *s, int signal)
{
	for (unsigned i = 0; i < s->n_pending; i++)
		if (s->pending[i].si_signo == signal)
			return true;
	return false;
}

/* Not running, so it can end here and now. */
static void dies(struct sim_host *h, int signal)
{
	if (h->child)
		rondo__sim_child_ends(h->child, 0, signal, 1000);
	rondo__sim_unschedule(h->sim, &h->wait_end);
	rondo__sim_host_dies(h);
}

/* A wait of the host ends. */
static void interrupt(struct sim_host *h)
{
	if (h->state != SIM_HOST_WAITING)
		return;
	rondo__sim_unschedule(h->sim, &h->wait_end);
	h->state = SIM_HOST_READY;
}

int rondo__sim_signal(struct sim_host *h, const siginfo_t *info)
{
	struct sim_signals *s = &h->signals;
	int signal = info->si_signo;
	enum effect effect = effect_of(h, signal);

	if (h->state == SIM_HOST_OFF || (effect == IGNORE && is_open(h, signal)))
		return 0;
	if (effect == KILL && is_open(h, signal) && h != h->sim->running) {
		dies(h, signal);
		return 0;
	}
	if (signal < FIRST_QUEUED && is_pending(s, signal))
		return 0;
	if (s->n_pending == SIM_PENDING_MAX)
		return -EAGAIN;
	rondo__sim_note(h->sim, "signal", h->id, (uint64_t)signal);
	s->pending[s->n_pending++] = *info;
	if (is_open(h, signal))
		interrupt(h);
	return 0;
}

int rondo__sim_signal_child(struct sim_child *c, const siginfo_t *info)
{
	if (c->exited)
		return 0;		/* a zombie takes them */
	if (c->self)
		return rondo__sim_signal(c->self, info);
	if (info->si_signo != SIGCHLD && info->si_signo != SIGURG && info->si_signo != SIGCONT &&
	    info->si_signo != SIGWINCH)
		rondo__sim_child_ends(c, 0, info->si_signo, 1000);
	return 0;
}

/* --- delivering ------------------------------------------------------------------------------ */

/* The lowest that is not blocked; SIM_PENDING_MAX if there is none. */
static unsigned first_pending(const struct sim_host *h)
{
	const struct sim_signals *s = &h->signals;
	unsigned first = SIM_PENDING_MAX;

	for (unsigned i = 0; i < s->n_pending; i++)
		if (is_open(h, s->pending[i].si_signo) &&
		    (first == SIM_PENDING_MAX || s->pending[i].si_signo < s->pending[first].si_signo))
			first = i;
	return first;
}

bool rondo__sim_signals_wake(const struct sim_host *h)
{
	return h->signals.n_pending && first_pending(h) != SIM_PENDING_MAX;
}

static siginfo_t take(struct sim_signals *s, unsigned i)
{
	siginfo_t info = s->pending[i];

	s->n_pending--;
	memmove(&s->pending[i], &s->pending[i + 1], (s->n_pending - i) * sizeof(info));
	return info;
}

static void deliver(struct sim_host *h, siginfo_t *info)
{
	const struct sigaction *a = &h->signals.actions[info->si_signo];

	switch (effect_of(h, info->si_signo)) {
	case IGNORE:
		return;
	case KILL:
		if (h->child)
			rondo__sim_child_ends(h->child, 0, info->si_signo, 1000);
		h->killed = true;
		rondo__sim_world_leave(h->sim);
	case HANDLE:
		if (!(a->sa_flags & SA_SIGINFO))
			rondo__sim_fail(h->sim, "Z4", "a handler without SA_SIGINFO");
		a->sa_sigaction(info->si_signo, info, NULL);
	}
}

/* A handler makes calls, too: what comes meanwhile is for after it. */
void rondo__sim_signals_deliver(struct sim_host *h)
{
	struct sim_signals *s = &h->signals;
	unsigned first;

	if (!s->n_pending || s->in_handler)
		return;
	s->in_handler = true;
	while ((first = first_pending(h)) != SIM_PENDING_MAX) {
		siginfo_t info = take(s, first);

		rondo__sim_note(h->sim, "deliver", h->id, (uint64_t)info.si_signo);
		deliver(h, &info);
	}
	s->in_handler = false;
}

/* --- calls ----------------------------------------------------------------------------------- */

int rondo__sim_sigaction(const struct kernel *k, int signal, const struct sigaction *action,
			 struct sigaction *old)
{
	struct sim_host *h = container_of(k, struct sim_host, kernel);

	if (!is_signal(signal) || (action && (signal == SIGKILL || signal == SIGSTOP)))
		return -EINVAL;
	if (old)
		*old = h->signals.actions[signal];
	if (action)
		h->signals.actions[signal] = *action;
	return 0;
}

long rondo__sim_call_rt_sigprocmask(struct sim_host *h, long how, long set, long old, long size,
				    long e, long f)
{
	uint64_t *blocked = &h->signals.blocked, bits = set ? *(uint64_t *)set : 0;

	(void)e, (void)f;
	if (size != SIGSET_SIZE)
		return -EINVAL;
	if (old)
		*(uint64_t *)old = *blocked;
	if (!set)
		return 0;
	bits &= ~(bit_of(SIGKILL) | bit_of(SIGSTOP));
	switch (how) {
	case SIG_BLOCK:
		*blocked |= bits;
		return 0;
	case SIG_UNBLOCK:
		*blocked &= ~bits;
		return 0;
	case SIG_SETMASK:
		*blocked = bits;
		return 0;
	default:
		return -EINVAL;
	}
}

static siginfo_t sent_by(const struct sim_host *h, int signal)
{
	siginfo_t info = { .si_signo = signal, .si_code = SI_USER };

	info.si_pid = h->pid;
	info.si_uid = getuid();
	return info;
}

static int signal_list(struct list *children, int group, const siginfo_t *info)
{
	int n = 0;

	for (struct list *next, *p = children->next; p != children; p = next) {
		struct sim_child *c = container_of(p, struct sim_child, link);

		next = p->next;
		if (c->group != group || (c->orphaned && c->exited))
			continue;
		n++;
		if (info->si_signo)
			(void)rondo__sim_signal_child(c, info);
	}
	return n;
}

/* Pids are not given twice, so a group is found by its number wherever its members run. */
static long signal_group(struct sim_host *h, int group, const siginfo_t *info)
{
	struct sim *s = h->sim;
	int n = 0;

	for (unsigned i = 0; i < s->n_hosts; i++) {
		n += signal_list(&s->hosts[i]->children, group, info);
		n += signal_list(&s->hosts[i]->orphans, group, info);
	}
	return n ? 0 : -ESRCH;
}

static struct sim_child *child_by_pid(struct sim_host *h, long pid)
{
	for (struct list *p = h->children.next; p != &h->children; p = p->next)
		if (container_of(p, struct sim_child, link)->pid == pid)
			return container_of(p, struct sim_child, link);
	return NULL;
}

/* To oneself, to a child, to a group of children: others are not known by number. */
static long send_to(struct sim_host *h, long pid, const siginfo_t *info)
{
	struct sim_child *c = child_by_pid(h, pid);

	if (info->si_signo && !is_signal(info->si_signo))
		return -EINVAL;
	if (pid < -1)
		return signal_group(h, (int)-pid, info);
	if (pid != h->pid && !c)
		return -ESRCH;
	if (!info->si_signo)
		return 0;
	return c ? rondo__sim_signal_child(c, info) : rondo__sim_signal(h, info);
}

long rondo__sim_call_kill(struct sim_host *h, long pid, long signal, long c, long d, long e, long f)
{
	siginfo_t info = sent_by(h, (int)signal);

	(void)c, (void)d, (void)e, (void)f;
	return send_to(h, pid, &info);
}

long rondo__sim_call_rt_sigqueueinfo(struct sim_host *h, long pid, long signal, long info, long d,
				     long e, long f)
{
	siginfo_t copy = *(siginfo_t *)info;

	(void)d, (void)e, (void)f;
	copy.si_signo = (int)signal;
	return send_to(h, pid, &copy);
}

long rondo__sim_call_pidfd_send_signal(struct sim_host *h, long fd, long signal, long info, long flags,
				       long e, long f)
{
	struct sim_child *c = rondo__sim_pidfd_child(h, (int)fd);
	siginfo_t sent = sent_by(h, (int)signal);

	(void)e, (void)f;
	if (info)
		rondo__sim_fail(h->sim, "Z4", "pidfd_send_signal with a siginfo");
	if (flags & ~(h->sim->profile.has_nosignal ? SIGNAL_GROUP : 0))	/* as young as that */
		return -EINVAL;
	if (!c)
		return -EBADF;
	if (signal && !is_signal(signal))
		return -EINVAL;
	if (flags)
		return signal_group(h, c->pid, &sent);
	if (rondo__sim_child_is_reaped(c))
		return -ESRCH;
	return signal ? rondo__sim_signal_child(c, &sent) : 0;
}

int rondo_sim_send_signal(int host, int signal)
{
	struct sim *s = rondo__sim;
	siginfo_t info = { .si_signo = signal, .si_code = SI_USER };

	if (!s || host < 1 || (unsigned)host > s->n_hosts || !is_signal(signal))
		return -EINVAL;
	return rondo__sim_signal(s->hosts[host - 1], &info);
}
