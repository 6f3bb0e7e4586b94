/* SPDX-License-Identifier: MIT */
/* locks_sync.c - the workload `locks`: locks, rwlocks, semaphores, events, condition, barrier. */
#include "sim/locks.h"

static void open_semaphores(struct scene *s)
{
	for (int i = 0; i < N_SEMAPHORES; i++) {
		unsigned n = 1 + locks_below(3);

		s->semaphores[i].line.what = "a permit";
		s->semaphores[i].n_max = n;
		s->semaphores[i].semaphore = i ?
			(struct rondo_semaphore)RONDO_SEMAPHORE_INIT(n) :
			(struct rondo_semaphore)RONDO_BOUNDED_SEMAPHORE_INIT(n);
	}
}

static void open_condition(struct condition_model *m)
{
	m->condition = (struct rondo_condition)RONDO_CONDITION_INIT(&m->lock.lock);
	m->lock.others = &m->line;
	m->lock.line.what = "a condition's lock";
	m->line = (struct line){ .what = "a condition", .any_order = true, .slow = true };
}

static void open_barrier(struct barrier_model *m)
{
	m->n_parties = 1 + locks_below(4);
	m->barrier = (struct rondo_barrier)RONDO_BARRIER_INIT(m->n_parties);
	m->line = (struct line){ .what = "a barrier", .any_order = true, .slow = true };
}

void locks_sync_open(struct scene *s)
{
	for (int i = 0; i < N_LOCKS; i++)
		s->locks[i].line.what = "a lock";
	for (int i = 0; i < N_RWLOCKS; i++)
		s->rwlocks[i].line.what = "a rwlock";
	for (int i = 0; i < N_EVENTS; i++)
		s->events[i].line = (struct line){ .what = "an event", .any_order = true };
	open_semaphores(s);
	open_condition(&s->condition);
	open_barrier(&s->barrier);
}

/* --- locks ----------------------------------------------------------------------------------- */

static bool nobody_else_waits(const struct lock_model *m)
{
	return !m->line.first && !m->n_beside && !(m->others && m->others->first);
}

static void take(struct actor *a, struct lock_model *m)
{
	if (m->holder)
		rondo_sim_fail("two tasks hold a lock");
	if (!rondo_lock_locked(&m->lock))
		rondo_sim_fail("a lock that is held says it is not");
	m->holder = a;
}

static void let_go(struct actor *a, struct lock_model *m)
{
	if (m->holder != a)
		rondo_sim_fail("a lock was lost");
	m->holder = NULL;
	if (rondo_lock_release(&m->lock) < 0)
		rondo_sim_fail("a lock that was held was free");
}

static int release(struct actor *a, struct lock_model *m)
{
	let_go(a, m);
	return m->n_beside || (m->others && m->others->first) ? 0 : locks_hand_on(a, &m->line);
}

static void take_permit(struct semaphore_model *m)
{
	if (++m->n_held > m->n_max)
		rondo_sim_fail("%u permits of %u are taken", m->n_held, m->n_max);
}

static void let_go_of_permit(struct semaphore_model *m)
{
	m->n_held--;
	if (rondo_semaphore_release(&m->semaphore) < 0)
		rondo_sim_fail("a permit could not be given back");
}

/* What is wanted, or a lock, a permit or an event beside it; or nothing in time. Returns 0, -EAGAIN if
 * something else won, and was given back, or an error. */
static int get_by_select(struct actor *a, struct rondo_select_case wanted)
{
	struct lock_model *lock = &a->scene->locks[locks_below(N_LOCKS)];
	struct semaphore_model *permits = &a->scene->semaphores[locks_below(N_SEMAPHORES)];
	struct rondo_select_case cases[] = {
		wanted, rondo_select_lock(&lock->lock), rondo_select_semaphore(&permits->semaphore),
		rondo_select_event(locks_below(2) ? &a->scene->events[0].event : NULL),
	};
	int ret;

	lock->n_beside++;
	permits->n_beside++;
	ret = rondo_select(cases, 1 + locks_below(4), locks_below(3) ? RONDO_FOREVER :
								       locks_below(50) / 1e6);
	lock->n_beside--;
	permits->n_beside--;
	if (ret >= 0 && cases[ret].result < 0)
		rondo_sim_fail("a select ended with %d", cases[ret].result);
	if (ret == 1) {
		take(a, lock);
		let_go(a, lock);
	} else if (ret == 2) {
		take_permit(permits);
		let_go_of_permit(permits);
	}
	return ret > 0 || ret == -ETIMEDOUT ? -EAGAIN : ret;
}

static int acquire(struct actor *a, struct lock_model *m)
{
	bool at_once = !m->holder && nobody_else_waits(m);
	int ret;

	if (rondo_lock_locked(&m->lock) != !!m->holder)
		rondo_sim_fail("a lock says it is %s", m->holder ? "free" : "held");
	locks_enter(a, &m->line);
	ret = locks_leave(a, at_once, rondo_lock_acquire(&m->lock));
	if (ret == 0)
		take(a, m);
	return ret;
}

static int acquire_by_select(struct actor *a, struct lock_model *m)
{
	bool at_once = !m->holder && nobody_else_waits(m);
	int ret;

	locks_enter(a, &m->line);
	ret = locks_leave(a, at_once, get_by_select(a, rondo_select_lock(&m->lock)));
	if (ret == 0)
		take(a, m);
	return ret;
}

/* The first error counts. */
static int both(int first, int second)
{
	return first < 0 ? first : second;
}

int locks_use_lock(struct actor *a)
{
	struct lock_model *m = &a->scene->locks[locks_below(N_LOCKS)];
	int ret = locks_below(3) ? acquire(a, m) : acquire_by_select(a, m);

	if (ret < 0)
		return ret == -EAGAIN ? 0 : ret;
	ret = locks_pause(a);
	return both(ret, release(a, m));
}

/* In one order only, so that they cannot wait for each other. */
int locks_use_two(struct actor *a)
{
	unsigned i = locks_below(N_LOCKS - 1);
	struct lock_model *m = &a->scene->locks[i];
	struct lock_model *inner = m + 1 + locks_below(N_LOCKS - 1 - i);
	int ret = acquire(a, m);

	if (ret < 0)
		return ret;
	ret = acquire(a, inner);
	if (ret == 0) {
		ret = locks_pause(a);
		ret = both(ret, release(a, inner));
	}
	return both(ret, release(a, m));
}

/* --- rwlocks --------------------------------------------------------------------------------- */

static void check_rwlock(const struct rwlock_model *m)
{
	if (m->writer && m->n_readers)
		rondo_sim_fail("a writer holds a lock beside %u readers", m->n_readers);
}

static int rw_release(struct actor *a, struct rwlock_model *m)
{
	if (m->writer == a)
		m->writer = NULL;
	else
		m->n_readers--;
	if (rondo_rwlock_release(&m->lock) < 0)
		rondo_sim_fail("a rwlock that was held was free");
	return m->writer || m->n_readers ? 0 : locks_hand_on(a, &m->line);
}

static int use_to_read(struct actor *a, struct rwlock_model *m)
{
	bool at_once = !m->line.first && !m->writer;
	int ret;

	locks_enter(a, &m->line);
	a->class = 1;
	a->may_pass = 1u << a->class;	/* other readers, who have it and did not run yet */
	ret = locks_leave(a, at_once, rondo_rwlock_acquire_read(&m->lock));
	if (ret < 0)
		return ret;
	m->n_readers++;
	check_rwlock(m);
	ret = locks_pause(a);
	return both(ret, rw_release(a, m));
}

static int use_to_write(struct actor *a, struct rwlock_model *m)
{
	bool at_once = !m->line.first && !m->writer && !m->n_readers;
	int ret;

	locks_enter(a, &m->line);
	ret = locks_leave(a, at_once, rondo_rwlock_acquire_write(&m->lock));
	if (ret < 0)
		return ret;
	if (m->writer)
		rondo_sim_fail("two tasks write under a rwlock");
	m->writer = a;
	check_rwlock(m);
	ret = locks_pause(a);
	return both(ret, rw_release(a, m));
}

int locks_use_rwlock(struct actor *a)
{
	struct rwlock_model *m = &a->scene->rwlocks[locks_below(N_RWLOCKS)];

	return locks_below(3) ? use_to_read(a, m) : use_to_write(a, m);
}

/* --- semaphores ------------------------------------------------------------------------------ */

static int give_back(struct actor *a, struct semaphore_model *m)
{
	let_go_of_permit(m);
	return m->n_beside ? 0 : locks_hand_on(a, &m->line);
}

int locks_use_semaphore(struct actor *a)
{
	struct semaphore_model *m = &a->scene->semaphores[locks_below(N_SEMAPHORES)];
	bool alone = !m->line.first && !m->n_beside, at_once = alone && m->n_held < m->n_max;
	int ret;

	if (alone && rondo_semaphore_locked(&m->semaphore) == at_once)
		rondo_sim_fail("a semaphore of %u with %u taken is wrong about it", m->n_max,
			       m->n_held);
	locks_enter(a, &m->line);
	ret = locks_below(3) ? rondo_semaphore_acquire(&m->semaphore) :
			       get_by_select(a, rondo_select_semaphore(&m->semaphore));
	ret = locks_leave(a, at_once, ret);
	if (ret < 0)
		return ret == -EAGAIN ? 0 : ret;
	take_permit(m);
	ret = locks_pause(a);
	return both(ret, give_back(a, m));
}

/* --- events ---------------------------------------------------------------------------------- */

int locks_wait_event(struct actor *a)
{
	struct event_model *m = &a->scene->events[locks_below(N_EVENTS)];
	unsigned n_sets = m->n_sets;
	bool at_once = m->is_set;
	int ret;

	locks_enter(a, &m->line);
	ret = locks_leave(a, at_once, rondo_event_wait(&m->event));
	if (ret == 0 && !at_once && m->n_sets == n_sets)
		rondo_sim_fail("a wait for an event ended, but nobody has set it");
	return ret;
}

static int set_event(struct actor *a, struct event_model *m)
{
	m->n_sets++;
	rondo_event_set(&m->event);
	m->is_set = locks_below(2);
	if (!m->is_set)
		rondo_event_clear(&m->event);
	return locks_release_all(a, &m->line);
}

int locks_set_event(struct actor *a)
{
	struct event_model *m = &a->scene->events[locks_below(N_EVENTS)];

	if (rondo_event_is_set(&m->event) != m->is_set)
		rondo_sim_fail("an event is wrong about itself");
	if (locks_below(3) == 0)
		return set_event(a, m);
	m->is_set = false;
	rondo_event_clear(&m->event);
	return 0;
}

/* --- a condition: tokens --------------------------------------------------------------------- */

/* Called with the lock taken, which will be let go if there is no token. */
static int there_is_a_token(void *arg)
{
	struct actor *a = arg;
	struct condition_model *m = &a->scene->condition;

	if (m->lock.holder && m->lock.holder != a)
		rondo_sim_fail("a condition's lock is held by two");
	m->lock.holder = m->n_tokens ? a : NULL;
	return m->n_tokens > 0;
}

static int wait_for_token(struct actor *a, struct condition_model *m)
{
	bool at_once = m->n_tokens > 0;
	int ret;

	if (at_once)
		return 0;
	locks_enter(a, &m->line);
	if (locks_below(2)) {
		ret = rondo_condition_wait_for(&m->condition, there_is_a_token, a);
		ret = ret > 0 ? 0 : ret;
	} else {
		m->lock.holder = NULL;
		ret = rondo_condition_wait(&m->condition);
	}
	ret = locks_leave(a, false, ret);
	if (m->lock.holder == a)
		m->lock.holder = NULL;
	take(a, &m->lock);		/* also if it was cancelled */
	return ret;
}

static int take_token(struct actor *a, struct condition_model *m)
{
	int ret = 0;

	while (ret == 0 && !m->n_tokens)
		ret = wait_for_token(a, m);
	if (ret == 0)
		m->n_tokens--;
	return ret;
}

static int post_tokens(struct actor *a, struct condition_model *m, unsigned n)
{
	int ret = acquire(a, &m->lock);

	if (ret < 0)
		return ret;
	m->n_tokens += n;
	if (rondo_condition_notify(&m->condition, n) < 0)
		rondo_sim_fail("a condition whose lock is held was not to be notified");
	locks_be_cruel(&m->line);
	return release(a, &m->lock);
}

int locks_use_condition(struct actor *a)
{
	struct condition_model *m = &a->scene->condition;
	int ret;

	if (locks_below(6) == 0)
		return post_tokens(a, m, 1);
	ret = acquire(a, &m->lock);
	if (ret < 0)
		return ret;
	ret = take_token(a, m);
	if (ret == 0 && locks_below(2))
		ret = locks_pause(a);
	return both(ret, release(a, &m->lock));
}

/* --- a barrier ------------------------------------------------------------------------------- */

/* The last one to come is the first one to go, and begins a round for us. As in asyncio a number is
 * given out again if who had it was cancelled, though others came after him. */
static void pass_barrier(struct barrier_model *m, unsigned index, unsigned n_there)
{
	if (index >= m->n_parties)
		rondo_sim_fail("number %u of %u at a barrier", index, m->n_parties);
	if (index == m->n_parties - 1) {
		if (n_there < m->n_parties)
			rondo_sim_fail("a barrier of %u opened for %u", m->n_parties, n_there);
		m->seen = 0;
		m->n_passed = 0;
		m->some_twice = m->next_twice;
		m->next_twice = false;
	}
	if (m->n_passed++ >= m->n_parties)
		rondo_sim_fail("a barrier let more than %u through", m->n_parties);
	if (m->seen >> index & 1 && !m->some_twice)
		rondo_sim_fail("two were number %u at a barrier", index);
	m->seen |= UINT64_C(1) << index;
}

int locks_use_barrier(struct actor *a)
{
	struct barrier_model *m = &a->scene->barrier;
	unsigned n_there, n_breaks = m->n_breaks;
	bool was_broken = m->broken;
	int ret;

	locks_enter(a, &m->line);
	ret = rondo_barrier_wait(&m->barrier);
	n_there = m->line.n;
	locks_leave(a, false, ret < 0 ? ret : 0);
	if (ret == -EPIPE && !was_broken && m->n_breaks == n_breaks)
		rondo_sim_fail("a barrier is broken that nobody broke");
	if (ret >= 0)
		pass_barrier(m, (unsigned)ret, n_there);
	m->next_twice |= ret == -ECANCELED;
	return ret == -ECANCELED ? ret : 0;
}

/* --- the keeper ------------------------------------------------------------------------------ */

static int helper(void *arg)
{
	struct actor a = { .scene = arg };

	a.task = rondo_current_task();
	(void)locks_use_barrier(&a);
	a.scene->barrier.n_helpers--;
	return 0;
}

static int break_barrier(struct scene *s)
{
	struct barrier_model *m = &s->barrier;
	int ret;

	m->n_breaks++;
	m->broken = true;
	ret = rondo_barrier_abort(&m->barrier);
	locks_ran(s);
	if (ret == 0 && !rondo_barrier_broken(&m->barrier))
		rondo_sim_fail("a barrier was broken and is not");
	if (ret == 0)
		ret = rondo_sleep_ns(locks_below(100000));
	if (ret == 0)
		ret = rondo_barrier_reset(&m->barrier);
	locks_ran(s);
	m->n_breaks++;
	m->broken = false;
	return ret;
}

/* Send as many as are missing. While it should let tasks out nobody is missing, so that it cannot be
 * helped to forget one. */
static int fill_barrier(struct scene *s)
{
	struct barrier_model *m = &s->barrier;
	unsigned n = rondo_barrier_n_waiting(&m->barrier);

	if (locks_below(20) == 0)
		return break_barrier(s);
	if (!n)
		return 0;
	for (; n < m->n_parties; n++) {
		rondo_task *t = rondo_create_task(helper, s);

		if (!t)
			return -ENOMEM;
		m->n_helpers++;
		rondo_detach(t);
	}
	return 0;
}

/* Readers who wait behind nobody, and beside no writer, wait for nothing. */
static int look_at_readers(struct actor *keeper, const struct rwlock_model *m)
{
	const struct actor *first = m->line.first;

	return first && first->class == 1 && !m->writer ? locks_hand_on(keeper, &m->line) : 0;
}

/* When nobody is about to do anything all in a barrier wait for more to come, and nobody waits for a
 * token that is there. */
static void look_at_sleepers(struct actor *keeper)
{
	struct scene *s = keeper->scene;
	struct condition_model *m = &s->condition;
	unsigned n = 2 * (m->line.n + s->barrier.line.n);

	if (!n || !locks_is_quiet(keeper, n + 4))
		return;
	if (!s->barrier.broken && rondo_barrier_n_waiting(&s->barrier.barrier) != s->barrier.line.n)
		rondo_sim_fail("%u tasks are in a barrier, and %u wait for more", s->barrier.line.n,
			       rondo_barrier_n_waiting(&s->barrier.barrier));
	if (m->n_tokens && m->line.n && !m->lock.holder)
		rondo_sim_fail("nobody knows of a token that some wait for");
}

int locks_sync_keep(struct actor *keeper)
{
	struct scene *s = keeper->scene;
	struct condition_model *m = &s->condition;
	int ret;

	look_at_sleepers(keeper);
	ret = fill_barrier(s);
	for (int i = 0; i < N_EVENTS && ret == 0; i++)
		if (s->events[i].line.first)
			ret = set_event(keeper, &s->events[i]);
	for (int i = 0; i < N_RWLOCKS && ret == 0; i++)
		ret = look_at_readers(keeper, &s->rwlocks[i]);
	if (ret == 0 && m->n_tokens < m->line.n)
		ret = post_tokens(keeper, m, m->line.n - m->n_tokens);
	return ret;
}

/* --- the end --------------------------------------------------------------------------------- */

int locks_sync_end(struct scene *s)
{
	int ret;

	s->barrier.n_breaks++;
	s->barrier.broken = true;
	ret = rondo_barrier_abort(&s->barrier.barrier);
	while (ret == 0 && s->barrier.n_helpers)
		ret = rondo_sleep(0.001);
	return ret;
}

void locks_sync_close(struct scene *s)
{
	for (int i = 0; i < N_LOCKS; i++)
		if (rondo_lock_locked(&s->locks[i].lock))
			rondo_sim_fail("a lock is held by nobody");
	for (int i = 0; i < N_RWLOCKS; i++)
		if (s->rwlocks[i].lock.writer_ || s->rwlocks[i].lock.n_readers_)
			rondo_sim_fail("a rwlock is held by nobody");
	for (int i = 0; i < N_SEMAPHORES; i++)
		if (s->semaphores[i].semaphore.value_ != (int64_t)s->semaphores[i].n_max)
			rondo_sim_fail("a permit is lost");
	if (rondo_lock_locked(&s->condition.lock.lock))
		rondo_sim_fail("a condition's lock is held by nobody");
	if (s->barrier.barrier.n_inside_)
		rondo_sim_fail("nobody is inside a barrier that counts %u",
			       s->barrier.barrier.n_inside_);
}
