/* SPDX-License-Identifier: MIT */
/* test_signal.c - receivers of signals. Goal: the matrix; every receiver gets every signal with its
 * siginfo; nothing of the process stays changed. Method: signals to ourselves, which are delivered
 * before kill(2) returns. */
#include "support/matrix.h"

#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "rondo/signal.h"
#include "support/step.h"

/* TSan and valgrind hold signals back until their next chance, keep one of each, and sort them. */
static void need_prompt_signals(void)
{
	if (SAN_THREAD || RUNNING_ON_VALGRIND) {
		print_message("this checker delivers signals in its own way\n");
		skip();
	}
}

/* --- the matrix ------------------------------------------------------------------------------ */

static rondo_signal *receiver;

/* Opened in the task, since it belongs to a loop; closed when main has its result. */
static int receives(void *ctx)
{
	int ret;

	(void)ctx;
	if (!receiver && (ret = rondo_signal_open_one(SIGUSR1, &receiver)) < 0)
		return ret;
	return rondo_signal_next(receiver, NULL);
}

static int raises(void *ctx)
{
	(void)ctx;
	return kill(getpid(), SIGUSR1);
}

static int before_all(void *ctx)
{
	(void)ctx;
	receiver = NULL;
	return 0;
}

static bool is_default(int signal)
{
	struct sigaction now;

	return sigaction(signal, NULL, &now) == 0 && now.sa_handler == SIG_DFL;
}

/* N2: the loop has put back what its receiver had changed, though that was not closed. */
static void after_all(void *ctx)
{
	(void)ctx;
	assert_true(is_default(SIGUSR1));
	receiver = NULL;
}

/* N1 */
static void test_a_signal_is_awaited(void **state)
{
	const struct matrix_verb v = {
		.start = receives, .finish = raises, .prepare = before_all, .clean = after_all,
		.result = SIGUSR1,
	};

	(void)state;
	matrix_check("signal_next", &v);
}

/* --- what is told ---------------------------------------------------------------------------- */

static int takes_siginfo(void *arg)
{
	rondo_signal *s;
	siginfo_t info;

	(void)arg;
	CHECK_EQUAL(rondo_signal_open_one(SIGTERM, &s), 0);
	CHECK_EQUAL(kill(getpid(), SIGTERM), 0);
	CHECK_EQUAL(rondo_signal_next(s, &info), SIGTERM);
	CHECK_EQUAL(info.si_signo, SIGTERM);
	CHECK_EQUAL(info.si_code, SI_USER);
	CHECK_EQUAL(info.si_pid, getpid());
	return rondo_signal_close(s);
}

static void run_ok(rondo_fn *main_fn, void *arg)
{
	int n_fds = count_fds(), ret = rondo_run(main_fn, arg);

	assert_checks_passed();
	assert_int_equal(ret, 0);
	assert_int_equal(count_fds(), n_fds);
}

static void test_sigterm_to_self_says_who_sent_it(void **state)
{
	(void)state;
	run_ok(takes_siginfo, NULL);
	assert_true(is_default(SIGTERM));
}

static int queues(int signal, int value)
{
	return sigqueue(getpid(), signal, (union sigval){ .sival_int = value });
}

/* q16: two SIGUSR1, two callbacks: delivered one by one they do not coalesce here either. */
static int takes_each(void *arg)
{
	rondo_signal *s;
	siginfo_t info;
	sigset_t set;

	(void)arg;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGRTMIN);
	CHECK_EQUAL(rondo_signal_open(&set, &s), 0);
	CHECK_EQUAL(queues(SIGUSR1, 1), 0);
	CHECK_EQUAL(queues(SIGUSR1, 2), 0);
	CHECK_EQUAL(queues(SIGRTMIN, 3), 0);
	CHECK_EQUAL(queues(SIGRTMIN, 4), 0);
	for (int i = 1; i <= 4; i++) {
		CHECK_EQUAL(rondo_signal_next(s, &info), i <= 2 ? SIGUSR1 : SIGRTMIN);
		CHECK_EQUAL(info.si_code, SI_QUEUE);
		CHECK_EQUAL(info.si_value.sival_int, i);
	}
	CHECK_EQUAL(rondo_wait_for((rondo_fn *)receives, NULL, 0.001), -ETIMEDOUT);
	CHECK_EQUAL(rondo_signal_close(receiver), 0);
	receiver = NULL;
	return rondo_signal_close(s);
}

static void test_signals_come_in_order_with_their_values(void **state)
{
	(void)state;
	need_prompt_signals();
	run_ok(takes_each, NULL);
}

/* More than the pipe holds: one of each number is kept. */
static int overflows(void *arg)
{
	int n_usr1 = 0, n_usr2 = 0;
	rondo_signal *s;
	sigset_t set;

	(void)arg;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	CHECK_EQUAL(rondo_signal_open(&set, &s), 0);
	for (int i = 0; i < 1000; i++)
		CHECK_EQUAL(kill(getpid(), SIGUSR1), 0);
	CHECK_EQUAL(kill(getpid(), SIGUSR2), 0);
	CHECK_EQUAL(kill(getpid(), SIGUSR2), 0);
	while (n_usr1 + n_usr2 < 514) {
		siginfo_t info;
		int signal = rondo_signal_next(s, &info);

		CHECK(signal == SIGUSR1 || signal == SIGUSR2);
		CHECK_EQUAL(info.si_signo, signal);
		n_usr1 += signal == SIGUSR1;
		n_usr2 += signal == SIGUSR2;
	}
	CHECK_EQUAL(n_usr2, 1);
	CHECK_EQUAL(n_usr1, 513);
	CHECK_EQUAL(kill(getpid(), SIGUSR2), 0);
	CHECK_EQUAL(rondo_signal_next(s, NULL), SIGUSR2);
	return rondo_signal_close(s);
}

static void test_a_flood_keeps_one_of_each_number(void **state)
{
	(void)state;
	need_prompt_signals();
	run_ok(overflows, NULL);
}

/* --- several receivers ----------------------------------------------------------------------- */

static int takes_one(void *arg)
{
	return rondo_signal_next(arg, NULL);
}

static int both_see_it(void *arg)
{
	rondo_signal *a, *b;
	rondo_task *waits;

	(void)arg;
	CHECK_EQUAL(rondo_signal_open_one(SIGUSR1, &a), 0);
	CHECK_EQUAL(rondo_signal_open_one(SIGUSR1, &b), 0);
	waits = rondo_create_task(takes_one, a);
	CHECK_EQUAL(turns(MATRIX_TURNS), 0);
	CHECK_EQUAL(kill(getpid(), SIGUSR1), 0);
	CHECK_EQUAL(rondo_signal_next(b, NULL), SIGUSR1);
	CHECK_EQUAL(rondo_await(waits), SIGUSR1);
	/* The first to close does not take it from the other. */
	CHECK_EQUAL(rondo_signal_close(a), 0);
	CHECK_EQUAL(kill(getpid(), SIGUSR1), 0);
	CHECK_EQUAL(rondo_signal_next(b, NULL), SIGUSR1);
	/* Whoever waits when it is closed is told. */
	waits = rondo_create_task(takes_one, b);
	CHECK_EQUAL(turns(MATRIX_TURNS), 0);
	CHECK_EQUAL(rondo_signal_close(b), 0);
	CHECK_EQUAL(rondo_await(waits), -EBADF);
	return is_default(SIGUSR1) ? 0 : -1;
}

static void test_every_receiver_gets_every_signal(void **state)
{
	(void)state;
	run_ok(both_see_it, NULL);
}

/* --- what is the process's ------------------------------------------------------------------- */

static int n_handled;

static void counts(int signal)
{
	(void)signal;
	n_handled++;
}

static bool is_blocked(int signal)
{
	sigset_t now;

	return pthread_sigmask(SIG_SETMASK, NULL, &now) == 0 && sigismember(&now, signal) == 1;
}

static int changes_and_puts_back(void *arg)
{
	rondo_signal *a, *b;

	(void)arg;
	CHECK_EQUAL(rondo_signal_open_one(SIGUSR1, &a), 0);
	CHECK(!is_blocked(SIGUSR1));
	CHECK_EQUAL(rondo_signal_open_one(SIGUSR1, &b), 0);
	CHECK_EQUAL(rondo_signal_close(a), 0);
	CHECK(!is_blocked(SIGUSR1));		/* b has it still */
	CHECK_EQUAL(kill(getpid(), SIGUSR1), 0);
	CHECK_EQUAL(rondo_signal_next(b, NULL), SIGUSR1);
	CHECK_EQUAL(rondo_signal_close(b), 0);
	CHECK(is_blocked(SIGUSR1));
	return 0;
}

static void test_disposition_and_mask_are_put_back(void **state)
{
	struct sigaction mine = { .sa_handler = counts }, now;
	sigset_t set;

	(void)state;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaction(SIGUSR1, &mine, NULL);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	run_ok(changes_and_puts_back, NULL);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	assert_int_equal(n_handled, 0);
	sigaction(SIGUSR1, NULL, &now);
	assert_true(now.sa_handler == counts);
	signal(SIGUSR1, SIG_DFL);
}

static int is_taken_over(void *arg)
{
	struct sigaction theirs = { .sa_handler = counts }, now;
	rondo_signal *s;

	(void)arg;
	CHECK_EQUAL(rondo_signal_open_one(SIGUSR2, &s), 0);
	CHECK_EQUAL(sigaction(SIGUSR2, &theirs, NULL), 0);
	CHECK_EQUAL(rondo_signal_close(s), 0);
	CHECK_EQUAL(sigaction(SIGUSR2, NULL, &now), 0);
	CHECK(now.sa_handler == counts);
	return 0;
}

static void test_a_handler_that_came_later_is_left_alone(void **state)
{
	(void)state;
	run_ok(is_taken_over, NULL);
	signal(SIGUSR2, SIG_DFL);
}

static int refuses(void *arg)
{
	const int bad[] = { 0, -1, 65, SIGKILL, SIGSTOP, SIGSEGV, SIGFPE };
	rondo_signal *s = NULL;
	sigset_t set;

	(void)arg;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK_EQUAL(rondo_signal_open_one(bad[i], &s), -EINVAL);
	sigemptyset(&set);
	CHECK_EQUAL(rondo_signal_open(&set, &s), -EINVAL);
	/* All or nothing. */
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGSTOP);
	CHECK_EQUAL(rondo_signal_open(&set, &s), -EINVAL);
	CHECK(is_default(SIGUSR1));
	CHECK(!s);
	CHECK_EQUAL(rondo_add_signal_handler(SIGKILL, NULL, NULL), -EINVAL);
	return rondo_signal_close(NULL);
}

/* In a set, too; and one that is closed has no more signals, whoever still asks. */
static int refuses_in_sets(void *arg)
{
	static const int faults[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL };
	rondo_signal *s;
	sigset_t set;

	(void)arg;
	for (size_t i = 0; i < 4; i++) {
		CHECK_EQUAL(rondo_signal_open_one(faults[i], &s), -EINVAL);
		sigemptyset(&set);
		sigaddset(&set, SIGUSR1);
		sigaddset(&set, faults[i]);
		CHECK_EQUAL(rondo_signal_open(&set, &s), -EINVAL);
	}
	return 0;
}

static int asks_next(void *arg)
{
	return rondo_signal_next(arg, NULL);
}

static int asks_when_closed(void *arg)
{
	rondo_signal *s;
	rondo_task *first, *second;

	(void)arg;
	CHECK_EQUAL(rondo_signal_open_one(SIGUSR1, &s), 0);
	first = rondo_create_task(asks_next, s);
	second = rondo_create_task(asks_next, s);
	CHECK_EQUAL(turns(4), 0);
	CHECK_EQUAL(rondo_signal_close(s), 0);
	CHECK_EQUAL(rondo_await(first), -EBADF);
	CHECK_EQUAL(rondo_await(second), -EBADF);
	return 0;
}

static void test_faults_are_refused_in_sets_and_a_closed_receiver_says_so(void **state)
{
	(void)state;
	run_ok(refuses_in_sets, NULL);
	run_ok(asks_when_closed, NULL);
}

static void test_what_cannot_be_received_is_refused(void **state)
{
	(void)state;
	run_ok(refuses, NULL);
}

/* A forked child has the handler, and the parent's pipe: it must die of SIGTERM, in silence. */
static int forks(void *arg)
{
	rondo_signal *s;
	int status;
	pid_t pid;

	(void)arg;
	CHECK_EQUAL(rondo_signal_open_one(SIGTERM, &s), 0);
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		raise(SIGTERM);
		_exit(0);
	}
	CHECK(pid > 0);
	CHECK_EQUAL(waitpid(pid, &status, 0), pid);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	CHECK_EQUAL(rondo_wait_for(takes_one, s, 0.001), -ETIMEDOUT);
	return rondo_signal_close(s);
}

static void test_a_forked_child_keeps_its_signals_to_itself(void **state)
{
	(void)state;
	need_prompt_signals();
	run_ok(forks, NULL);
}

static int is_asked(void *arg)
{
	rondo_signal *s;

	(void)arg;
	CHECK_EQUAL(rondo_signal_open_one(SIGINT, &s), 0);
	CHECK_EQUAL(raise(SIGINT), 0);
	CHECK_EQUAL(rondo_signal_next(s, NULL), SIGINT);
	CHECK_EQUAL(raise(SIGINT), 0);		/* the second kills only who did not take it over */
	CHECK_EQUAL(rondo_signal_next(s, NULL), SIGINT);
	if (arg)
		return 0;			/* not closed: the loop does */
	CHECK_EQUAL(rondo_signal_close(s), 0);
	/* And now it is the loop's again: R3. */
	CHECK_EQUAL(raise(SIGINT), 0);
	return rondo_sleep(60);
}

static void test_sigint_is_the_programs_while_it_wants_it(void **state)
{
	void (*before)(int) = signal(SIGINT, SIG_DFL);	/* a shell ignores it for what runs behind */

	(void)state;
	assert_int_equal(rondo_run(is_asked, NULL), -EINTR);
	assert_checks_passed();
	assert_true(is_default(SIGINT));
	run_ok(is_asked, word("left open"));
	assert_true(is_default(SIGINT));
	signal(SIGINT, before);
}

/* --- other threads --------------------------------------------------------------------------- */

static pthread_barrier_t both;

static void *receives_it(void *arg)
{
	(void)arg;
	pthread_barrier_wait(&both);
	pthread_barrier_wait(&both);
	return NULL;
}

/* Nothing is blocked anywhere: a thread that knows nothing of us is interrupted, and we are told. */
static int another_thread_is_hit(void *arg)
{
	rondo_signal *s;
	pthread_t thread;

	(void)arg;
	pthread_barrier_init(&both, NULL, 2);
	CHECK_EQUAL(pthread_create(&thread, NULL, receives_it, NULL), 0);
	CHECK_EQUAL(rondo_signal_open_one(SIGUSR1, &s), 0);
	pthread_barrier_wait(&both);
	CHECK_EQUAL(pthread_kill(thread, SIGUSR1), 0);
	CHECK_EQUAL(rondo_signal_next(s, NULL), SIGUSR1);
	pthread_barrier_wait(&both);
	CHECK_EQUAL(pthread_join(thread, NULL), 0);
	return rondo_signal_close(s);
}

static void test_a_signal_of_another_thread_is_received(void **state)
{
	(void)state;
	skip_threads_under_valgrind();
	run_ok(another_thread_is_hit, NULL);
}

/* --- handlers -------------------------------------------------------------------------------- */

static void tells(void *arg)
{
	note("%s", (const char *)arg);
}

static void removes(void *arg)
{
	note("removed:%d", rondo_remove_signal_handler(*(int *)arg));
}

/* Turn until the log is that. On 6.1 it takes many: there a worker reads what comes by a pipe. */
static int until_logged(const char *log)
{
	uint64_t end_ns = rondo_now_ns() + UINT64_C(30000000000);
	int ret = 0;

	while (ret == 0 && strcmp(step_log, log) && rondo_now_ns() < end_ns)
		ret = rondo_yield();
	return ret;
}

static int has_handlers(void *arg)
{
	int usr2 = SIGUSR2;

	(void)arg;
	CHECK_EQUAL(rondo_add_signal_handler(SIGUSR1, tells, word("a")), 0);
	CHECK_EQUAL(kill(getpid(), SIGUSR1), 0);
	CHECK_EQUAL(kill(getpid(), SIGUSR1), 0);
	CHECK_EQUAL(until_logged("a a"), 0);
	/* N1: replaces silently */
	CHECK_EQUAL(rondo_add_signal_handler(SIGUSR1, tells, word("b")), 0);
	CHECK_EQUAL(kill(getpid(), SIGUSR1), 0);
	CHECK_EQUAL(until_logged("a a b"), 0);
	CHECK_EQUAL(rondo_remove_signal_handler(SIGUSR1), 1);
	CHECK(is_default(SIGUSR1));
	CHECK_EQUAL(rondo_remove_signal_handler(SIGUSR1), 0);
	/* One that removes itself. */
	CHECK_EQUAL(rondo_add_signal_handler(SIGUSR2, removes, &usr2), 0);
	CHECK_EQUAL(kill(getpid(), SIGUSR2), 0);
	CHECK_EQUAL(until_logged("a a b removed:1"), 0);
	CHECK(is_default(SIGUSR2));
	/* One that is removed before it began, and one that is left to the loop. */
	CHECK_EQUAL(rondo_add_signal_handler(SIGUSR1, tells, word("never")), 0);
	CHECK_EQUAL(rondo_add_signal_handler(SIGUSR2, tells, word("never")), 0);
	CHECK_EQUAL(rondo_remove_signal_handler(SIGUSR2), 1);
	CHECK_EQUAL(rondo_remove_signal_handler(SIGUSR1), 1);
	CHECK_EQUAL(rondo_add_signal_handler(SIGUSR1, tells, word("never")), 0);
	return 0;
}

static void test_handlers_are_called_and_removed(void **state)
{
	(void)state;
	run_ok(has_handlers, NULL);
	assert_log("a a b removed:1");
	assert_true(is_default(SIGUSR1) && is_default(SIGUSR2));
}

/* N2: a signal that the program took over meanwhile stays with it. */
static void theirs(int signal, siginfo_t *info, void *context)
{
	(void)signal, (void)info, (void)context;
}

static int takes_over(void *arg)
{
	struct sigaction now, own = { .sa_flags = arg ? SA_SIGINFO : 0 };
	rondo_signal *s;

	if (arg)
		own.sa_sigaction = theirs;
	else
		own.sa_handler = SIG_IGN;
	CHECK_EQUAL(rondo_signal_open_one(SIGUSR1, &s), 0);
	CHECK_EQUAL(sigaction(SIGUSR1, &own, NULL), 0);
	CHECK_EQUAL(rondo_signal_close(s), 0);
	CHECK_EQUAL(sigaction(SIGUSR1, NULL, &now), 0);
	CHECK(arg ? now.sa_sigaction == theirs : now.sa_handler == SIG_IGN);
	signal(SIGUSR1, SIG_DFL);
	return 0;
}

static void test_a_handler_of_the_program_stays(void **state)
{
	(void)state;
	run_ok(takes_over, NULL);
	run_ok(takes_over, word("SA_SIGINFO"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_signal_is_awaited),
		cmocka_unit_test(test_sigterm_to_self_says_who_sent_it),
		cmocka_unit_test(test_signals_come_in_order_with_their_values),
		cmocka_unit_test(test_a_flood_keeps_one_of_each_number),
		cmocka_unit_test(test_every_receiver_gets_every_signal),
		cmocka_unit_test(test_disposition_and_mask_are_put_back),
		cmocka_unit_test(test_a_handler_that_came_later_is_left_alone),
		cmocka_unit_test(test_what_cannot_be_received_is_refused),
		cmocka_unit_test(test_faults_are_refused_in_sets_and_a_closed_receiver_says_so),
		cmocka_unit_test(test_a_forked_child_keeps_its_signals_to_itself),
		cmocka_unit_test(test_sigint_is_the_programs_while_it_wants_it),
		cmocka_unit_test(test_a_signal_of_another_thread_is_received),
		cmocka_unit_test(test_handlers_are_called_and_removed),
		cmocka_unit_test(test_a_handler_of_the_program_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
