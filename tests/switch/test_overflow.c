/* SPDX-License-Identifier: MIT */
/* test_overflow.c - goal: an overflowing stack is named in one line and kills by SIGSEGV, and
 * nothing else about SIGSEGV changes. Method: overflow in a forked child; read its stderr and
 * its wait status. Compile with -fstack-clash-protection, like everything that runs on a
 * guarded stack. */
#include "support/child.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/list.h"
#include "switch/overflow.h"
#include "switch/switch.h"

enum { KIB = 1024 };

/* SIGSEGV before cmocka changed it. */
static struct sigaction action_at_start;

static void assert_segv(int status)
{
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGSEGV);
}

/* The emulator and Valgrind say more about a signal on the same stderr. */
static void assert_silent(void)
{
	assert_null(strstr(child_stderr, "rondo:"));
}

/* One loop's worth of tasks, on whatever thread. */
struct worker {
	struct overflow_watch watch;
	struct stack_pool pool;
	struct context here, task;
	struct stack *stack;
	size_t stack_size;
	const char *name;
	void (*body)(void);
};

static void name_of_task(const struct overflow_watch *w, void *stack_base, char *buf, size_t size)
{
	const struct worker *worker = container_of(w, struct worker, watch);
	const char *name = stack_base == worker->stack->base ? worker->name : "of another stack";

	while (size-- > 1 && *name)
		*buf++ = *name++;
	*buf = '\0';
}

static void task_entry(void *arg)
{
	struct worker *w = arg;

	rondo__switch_entered(&w->task);
	w->body();
	rondo__switch_last(&w->task, &w->here);
}

static int watch(struct worker *w)
{
	rondo__stack_pool_init(&w->pool);
#ifdef RONDO_MINIMOCK
	w->pool.guard = STACK_GUARD_MPROTECT;	/* qemu-user takes MADV_GUARD_INSTALL for a hint */
#endif
	w->watch.pool = &w->pool;
	w->watch.name = name_of_task;
	return rondo__overflow_watch(&w->watch);
}

/* The third stack of the slab, so that it is not the only one that can be named. */
static void run_task(struct worker *w)
{
	rondo__context_of_thread(&w->here);
	for (int i = 0; i < 3; i++)
		w->stack = rondo__stack_get(&w->pool, w->stack_size);
	rondo__context_init(&w->task, w->stack->base, w->stack, task_entry, w);
	san_context_on_stack(&w->task.san, &w->stack->san);
	rondo__switch(&w->here, &w->task);
}

static void watch_and_run(const char *name, size_t stack_size, void (*body)(void))
{
	static __thread struct worker w;

	w.name = name;
	w.stack_size = stack_size;
	w.body = body;
	if (watch(&w) != 1)
		_exit(9);
	run_task(&w);
	rondo__overflow_unwatch(&w.watch);
}

/* Why no overflow can be reported here, if so. */
static const char *why_not_here(void)
{
	return SAN_ADDRESS ? "ASan reports SIGSEGV itself" : NULL;
}

#define skip_where_overflows_are_not_seen()                                                        \
	do {                                                                                       \
		if (why_not_here()) {                                                              \
			print_message("%s\n", why_not_here());                                     \
			skip();                                                                    \
		}                                                                                  \
	} while (0)

static volatile char sink;

static __attribute__((noinline)) void recurse(int depth)
{
	volatile char frame[200];

	frame[depth % 200] = (char)depth;
	if (depth >= 0)
		recurse(depth + 1);
	sink = frame[7];
}

static void overflow(void)
{
	recurse(0);
}

static void overflow_a_default_stack(void)
{
	watch_and_run("client-7", 0, overflow);
}

/* The child said one line of ours: `start`, a hexadecimal address, a newline. */
static void assert_reported(const char *start)
{
	const char *line = strstr(child_stderr, "rondo:");

	assert_non_null(line);
	assert_memory_equal(line, start, strlen(start));
	line += strlen(start);
	assert_in_range(strspn(line, "0123456789abcdef"), 6, 16);
	assert_int_equal(line[strspn(line, "0123456789abcdef")], '\n');
	assert_null(strstr(line, "rondo:"));
}

static void test_an_overflow_names_its_task_and_kills(void **state)
{
	(void)state;
	skip_where_overflows_are_not_seen();
	assert_segv(child_status(overflow_a_default_stack));
	assert_reported("rondo: stack overflow in task 'client-7' (stack 64 KiB) at 0x");
}

static const char long_name[] = "a name longer than the sixty-three bytes that it has room for";

static void overflow_a_small_stack(void)
{
	watch_and_run(long_name, 1, overflow);
}

static void test_an_overflow_names_the_size_and_cuts_the_name(void **state)
{
	char expected[256];

	(void)state;
	skip_where_overflows_are_not_seen();
	assert_segv(child_status(overflow_a_small_stack));
	snprintf(expected, sizeof(expected),
		 "rondo: stack overflow in task '%.63s' (stack 16 KiB) at 0x", long_name);
	assert_reported(expected);
}

static void overflow_with_an_odd_name(void)
{
	watch_and_run("two\nlines\033[2J", 0, overflow);
}

static void test_the_report_is_one_line_whatever_the_name_is(void **state)
{
	(void)state;
	skip_where_overflows_are_not_seen();
	assert_segv(child_status(overflow_with_an_odd_name));
	assert_reported("rondo: stack overflow in task 'two?lines?[2J' (stack 64 KiB) at 0x");
}

static __attribute__((noinline)) void use_big_frame(void)
{
	char frame[200 * KIB];
	char *volatile p = frame;

	p[0] = 1;
	sink = p[0];
}

static void overflow_by_one_frame(void)
{
	watch_and_run("big", 0, use_big_frame);
	if (write(STDERR_FILENO, "the frame jumped over the guard", 31) < 0)
		_exit(8);
}

/* Lands three stacks further down if the compiler does not touch the pages on the way. */
static void test_a_big_frame_cannot_jump_over_the_guard(void **state)
{
	(void)state;
	skip_where_overflows_are_not_seen();
	assert_segv(child_status(overflow_by_one_frame));
	assert_reported("rondo: stack overflow in task 'big' (stack 64 KiB) at 0x");
}

static void *overflow_on_this_thread(void *unused)
{
	watch_and_run("of thread two", 32 * KIB, overflow);
	return unused;
}

static struct worker first_worker;

static void overflow_on_a_second_thread(void)
{
	pthread_t thread;

	first_worker.name = "of thread one";
	if (watch(&first_worker) != 1)
		_exit(7);
	if (pthread_create(&thread, NULL, overflow_on_this_thread, NULL))
		_exit(7);
	pthread_join(thread, NULL);
}

static pthread_barrier_t both_watch;

static void wait_for_ever(void)
{
	pthread_barrier_wait(&both_watch);
	for (;;)
		pause();
}

static void *watch_on_this_thread(void *unused)
{
	watch_and_run("of thread two", 32 * KIB, wait_for_ever);
	return unused;
}

static void overflow_on_the_first_thread(void)
{
	pthread_t thread;

	first_worker.name = "of thread one";
	first_worker.body = overflow;
	pthread_barrier_init(&both_watch, NULL, 2);
	if (watch(&first_worker) != 1)
		_exit(7);
	if (pthread_create(&thread, NULL, watch_on_this_thread, NULL))
		_exit(7);
	pthread_barrier_wait(&both_watch);
	run_task(&first_worker);
}

static void test_each_thread_names_its_own_tasks(void **state)
{
	(void)state;
	skip_where_overflows_are_not_seen();
	assert_segv(child_status(overflow_on_a_second_thread));
	assert_reported("rondo: stack overflow in task 'of thread two' (stack 32 KiB) at 0x");
	assert_segv(child_status(overflow_on_the_first_thread));
	assert_reported("rondo: stack overflow in task 'of thread one' (stack 64 KiB) at 0x");
}

/* Everything else about SIGSEGV. */

static volatile char *volatile nowhere = (volatile char *)16;

static void touch_nothing_mapped(void)
{
	*nowhere = 1;
}

static void fault_elsewhere(void)
{
	watch_and_run("innocent", 0, touch_nothing_mapped);
}

static void send_segv(void)
{
	kill(getpid(), SIGSEGV);
}

static void be_sent_a_segv(void)
{
	watch_and_run("innocent", 0, send_segv);
}

static void *fault_on_this_thread(void *unused)
{
	touch_nothing_mapped();
	return unused;
}

static void fault_on_a_thread_that_does_not_watch(void)
{
	pthread_t thread;

	if (watch(&first_worker) != 1 || pthread_create(&thread, NULL, fault_on_this_thread, NULL))
		_exit(7);
	pthread_join(thread, NULL);
}

static void test_other_faults_kill_in_silence(void **state)
{
	(void)state;
	skip_where_overflows_are_not_seen();
	assert_segv(child_status(fault_elsewhere));
	assert_silent();
	assert_segv(child_status(fault_on_a_thread_that_does_not_watch));
	assert_silent();
}

/* Whoever sends a signal may put anything where a fault has its address. */
static void send_segv_with_an_address(void)
{
	siginfo_t info = { .si_signo = SIGSEGV, .si_code = SI_QUEUE };

	info.si_addr = (char *)first_worker.stack->base - 8;
	syscall(SYS_rt_tgsigqueueinfo, getpid(), syscall(SYS_gettid), SIGSEGV, &info);
}

static void be_sent_a_segv_with_an_address(void)
{
	first_worker.name = "innocent";
	first_worker.body = send_segv_with_an_address;
	if (watch(&first_worker) != 1)
		_exit(7);
	run_task(&first_worker);
}

static void test_a_segv_that_was_sent_kills_in_silence(void **state)
{
	(void)state;
	skip_where_overflows_are_not_seen();
	assert_segv(child_status(be_sent_a_segv));
	assert_silent();
	if (RUNNING_ON_VALGRIND) {
		print_message("Valgrind writes the sender's fields itself\n");
		skip();
	}
	assert_segv(child_status(be_sent_a_segv_with_an_address));
	assert_silent();
}

static void users_handler(int signal)
{
	static const char line[] = "the user's handler ran\n";

	(void)signal;
	_exit(write(STDERR_FILENO, line, sizeof(line) - 1) < 0);
}

static void watch_after_a_users_handler(void)
{
	struct sigaction theirs = { .sa_handler = users_handler }, after;
	struct worker w = { .name = "not reported" };
	stack_t before, there;

	sigaltstack(NULL, &before);
	sigaction(SIGSEGV, &theirs, NULL);
	if (watch(&w) != 0)
		_exit(1);
	sigaction(SIGSEGV, NULL, &after);
	sigaltstack(NULL, &there);
	if (after.sa_handler != users_handler || there.ss_flags != before.ss_flags)
		_exit(2);
	rondo__overflow_unwatch(&w.watch);
	touch_nothing_mapped();
}

static void install_a_handler_while_watching(void)
{
	struct sigaction theirs = { .sa_handler = users_handler };
	struct worker w = { .name = "not reported" };

	if (watch(&w) != 1)
		_exit(1);
	sigaction(SIGSEGV, &theirs, NULL);
	rondo__overflow_unwatch(&w.watch);
	touch_nothing_mapped();
}

static void test_a_users_handler_is_left_alone(void **state)
{
	(void)state;
	skip_where_overflows_are_not_seen();
	assert_true(WIFEXITED(child_status(watch_after_a_users_handler)));
	assert_non_null(strstr(child_stderr, "the user's handler ran"));
	assert_silent();
	assert_true(WIFEXITED(child_status(install_a_handler_while_watching)));
	assert_non_null(strstr(child_stderr, "the user's handler ran"));
	assert_silent();
}

static char users_stack[64 * KIB];

static void watch_after_a_users_signal_stack(void)
{
	stack_t theirs = { .ss_sp = users_stack, .ss_size = sizeof(users_stack) }, there;
	struct worker w = { .name = "on their stack", .body = overflow };

	sigaltstack(&theirs, NULL);
	if (watch(&w) != 1)
		_exit(1);
	sigaltstack(NULL, &there);
	if (there.ss_sp != users_stack)
		_exit(2);
	rondo__overflow_unwatch(&w.watch);
	sigaltstack(NULL, &there);
	if (there.ss_sp != users_stack || there.ss_flags & SS_DISABLE)
		_exit(3);
	watch(&w);
	run_task(&w);
}

static void test_a_users_signal_stack_is_used_and_kept(void **state)
{
	(void)state;
	skip_where_overflows_are_not_seen();
	assert_segv(child_status(watch_after_a_users_signal_stack));
	assert_reported("rondo: stack overflow in task 'on their stack' (stack 64 KiB) at 0x");
}

static bool is_default(void)
{
	struct sigaction a;

	sigaction(SIGSEGV, NULL, &a);
	return !(a.sa_flags & SA_SIGINFO) && a.sa_handler == SIG_DFL;
}

static bool has_signal_stack(void)
{
	stack_t there;

	sigaltstack(NULL, &there);
	return !(there.ss_flags & SS_DISABLE);
}

/* Each failed expectation is an exit status of its own. */
static void watch_twice_and_stop(void)
{
	struct worker a = { .name = "a" }, b = { .name = "b" };
	bool had_signal_stack = has_signal_stack();	/* TSan gives one to every thread */

	if (!is_default())
		_exit(1);
	if (watch(&a) != 1 || is_default() || !has_signal_stack())
		_exit(2);
	if (watch(&b) != 1 || b.watch.next != &a.watch)
		_exit(3);
	rondo__overflow_unwatch(&b.watch);
	if (is_default() || !has_signal_stack())
		_exit(4);
	rondo__overflow_unwatch(&a.watch);
	if (!is_default() || has_signal_stack() != had_signal_stack)
		_exit(5);
	rondo__overflow_unwatch(&a.watch);	/* again: harmless */
	if (watch(&a) != 1 || is_default())
		_exit(6);
	rondo__overflow_unwatch(&a.watch);
	if (!is_default() || has_signal_stack() != had_signal_stack)
		_exit(7);
}

static void test_the_last_unwatch_restores_everything(void **state)
{
	(void)state;
	skip_where_overflows_are_not_seen();
	assert_int_equal(child_status(watch_twice_and_stop), 0);
}

static void overflow_after_unwatching(void)
{
	struct worker w = { .name = "unwatched", .body = overflow };

	watch(&w);
	rondo__overflow_unwatch(&w.watch);
	run_task(&w);
}

static void overflow_after_an_inner_watch(void)
{
	struct worker outer = { .name = "outer", .body = overflow }, inner = { .name = "inner" };

	watch(&outer);
	watch(&inner);
	rondo__overflow_unwatch(&inner.watch);
	run_task(&outer);
}

static void test_unwatching_gives_back_to_the_watch_before(void **state)
{
	(void)state;
	skip_where_overflows_are_not_seen();
	assert_segv(child_status(overflow_after_unwatching));
	assert_silent();
	assert_segv(child_status(overflow_after_an_inner_watch));
	assert_reported("rondo: stack overflow in task 'outer' (stack 64 KiB) at 0x");
}

static void overflow_beside_another_watch(void)
{
	struct worker older = { .name = "older", .body = overflow }, younger = { .name = "younger" };

	watch(&older);
	watch(&younger);
	run_task(&older);
}

static void overflow_after_an_older_watch(void)
{
	struct worker older = { .name = "older" }, younger = { .name = "younger", .body = overflow };

	watch(&older);
	watch(&younger);
	rondo__overflow_unwatch(&older.watch);
	memset(&older, 0xa5, sizeof(older));		/* it is gone */
	run_task(&younger);
}

static void unwatch_the_older_first(void)
{
	struct worker older = { .name = "older" }, younger = { .name = "younger" };
	bool had_signal_stack = has_signal_stack();

	watch(&older);
	watch(&younger);
	rondo__overflow_unwatch(&older.watch);
	if (is_default() || !has_signal_stack())
		_exit(1);
	rondo__overflow_unwatch(&younger.watch);
	if (!is_default() || has_signal_stack() != had_signal_stack)
		_exit(2);
}

/* A thread may have several loops, of which one runs, and end them in any order. */
static void test_several_watches_of_a_thread_are_equal(void **state)
{
	(void)state;
	skip_where_overflows_are_not_seen();
	assert_segv(child_status(overflow_beside_another_watch));
	assert_reported("rondo: stack overflow in task 'older' (stack 64 KiB) at 0x");
	assert_segv(child_status(overflow_after_an_older_watch));
	assert_reported("rondo: stack overflow in task 'younger' (stack 64 KiB) at 0x");
	assert_int_equal(child_status(unwatch_the_older_first), 0);
}

static void watch_as_at_start(void)
{
	struct worker w = { .name = "checked" };

	sigaction(SIGSEGV, &action_at_start, NULL);
	if (watch(&w) != 0)
		_exit(1);
	overflow();
}

/* ASan's handler is there before main(), and its report is better than ours. */
static void test_the_watch_stands_back_for_a_checker(void **state)
{
	(void)state;
	if (!SAN_ADDRESS) {
		print_message("no checker handles SIGSEGV here\n");
		skip();
	}
	assert_int_not_equal(child_status(watch_as_at_start), 0);
	assert_silent();
	assert_non_null(strstr(child_stderr, "ERROR: AddressSanitizer: stack-overflow"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_overflow_names_its_task_and_kills),
		cmocka_unit_test(test_an_overflow_names_the_size_and_cuts_the_name),
		cmocka_unit_test(test_the_report_is_one_line_whatever_the_name_is),
		cmocka_unit_test(test_a_big_frame_cannot_jump_over_the_guard),
		cmocka_unit_test(test_each_thread_names_its_own_tasks),
		cmocka_unit_test(test_other_faults_kill_in_silence),
		cmocka_unit_test(test_a_segv_that_was_sent_kills_in_silence),
		cmocka_unit_test(test_a_users_handler_is_left_alone),
		cmocka_unit_test(test_a_users_signal_stack_is_used_and_kept),
		cmocka_unit_test(test_the_last_unwatch_restores_everything),
		cmocka_unit_test(test_unwatching_gives_back_to_the_watch_before),
		cmocka_unit_test(test_several_watches_of_a_thread_are_equal),
		cmocka_unit_test(test_the_watch_stands_back_for_a_checker),
	};

	sigaction(SIGSEGV, NULL, &action_at_start);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
