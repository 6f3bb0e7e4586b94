/* SPDX-License-Identifier: MIT */
/* test_xchannel.c - goal: S9: values go between loops and threads in any direction, each is received
 * once, in order, whoever is cancelled at whatever moment. Method: the matrix and orders of events on
 * one loop; then threads that run loops or none, and sums. TSan sees the same programs. */
#include <pthread.h>

#include "rondo/wait.h"
#include "rondo/xchannel.h"
#include "support/matrix.h"
#include "support/step.h"

RONDO_XCHANNEL(int, ints);

static struct ints c;

static int receive_now(void)
{
	int value, ret = ints_receive_nowait(&c, &value);

	return ret < 0 ? ret : value;
}

/* --- one loop -------------------------------------------------------------------------------- */

static int sends(void *value)
{
	int ret = ints_send(&c, (int)(intptr_t)value);

	note("%d:%d", (int)(intptr_t)value, ret);
	return ret;
}

static rondo_task *sender(int value)
{
	return rondo_create_task(sends, (void *)(intptr_t)value);
}

static int order_main(void *arg)
{
	rondo_task *t[3];

	(void)arg;
	CHECK_EQUAL(ints_init(&c, 1), 0);
	for (int i = 0; i < 3; i++)
		t[i] = sender(i);
	CHECK_EQUAL(turns(3), 0);
	CHECK_EQUAL(ints_send_nowait(&c, 9), -EAGAIN);
	note("|");
	for (int i = 0; i < 3; i++)
		CHECK_EQUAL(receive_now(), i);
	CHECK_EQUAL(receive_now(), -EAGAIN);
	CHECK_EQUAL(rondo_gather(3, t, NULL, 0), 0);
	ints_free(&c);
	return 0;
}

static void test_values_come_in_the_order_in_which_their_senders_came(void **state)
{
	(void)state;
	assert_run(order_main, NULL, 0);
	assert_log("0:0 | 1:0 2:0");
}

static int receives_twice(void *arg)
{
	int value = 0;

	note("%d", ints_receive(&c, &value));
	note("%d", value);
	note("%d", ints_receive(&c, &value));
	return *(int *)arg = value;
}

static int met_main(void *arg)
{
	int value = 0;
	rondo_task *t;

	(void)arg;
	CHECK_EQUAL(ints_init(&c, 4), 0);
	t = rondo_create_task(receives_twice, &value);
	CHECK_EQUAL(turns(3), 0);
	CHECK_EQUAL(ints_send_nowait(&c, 5), 0);
	CHECK(rondo_cancel(t));
	CHECK_EQUAL(rondo_await(t), 5);
	ints_free(&c);
	return 0;
}

/* D1. */
static void test_who_was_handed_a_value_has_it_though_cancelled(void **state)
{
	(void)state;
	assert_run(met_main, NULL, 0);
	assert_log("0 5 -125");
}

static int closed_main(void *arg)
{
	rondo_task *t;
	int value;

	(void)arg;
	CHECK_EQUAL(ints_init(&c, 1), 0);
	CHECK_EQUAL(ints_send(&c, 1), 0);
	t = sender(2);
	CHECK_EQUAL(turns(3), 0);
	ints_close(&c);
	CHECK_EQUAL(rondo_await(t), -RONDO_EQSHUTDOWN);
	CHECK_EQUAL(ints_receive(&c, &value), 0);
	CHECK_EQUAL(ints_receive(&c, &value), -RONDO_EQSHUTDOWN);
	CHECK_EQUAL(ints_send_nowait(&c, 1), -RONDO_EQSHUTDOWN);
	ints_free(&c);
	ints_free(NULL);
	return 0;
}

static void test_a_closed_channel_is_emptied_first(void **state)
{
	struct rondo_xchannel bad;

	(void)state;
	assert_run(closed_main, NULL, 0);
	step_log[0] = '\0';
	assert_int_equal(rondo_xchannel_init(&bad, 0, 1), -EINVAL);
	assert_int_equal(rondo_xchannel_init(&bad, SIZE_MAX, 2), -ENOMEM);
	assert_int_equal(rondo_xchannel_init(&bad, 1, SIZE_MAX), -ENOMEM);
}

static int prepare(void *ctx)
{
	return ints_init(&c, *(size_t *)ctx);
}

static void clean(void *ctx)
{
	(void)ctx;
	ints_free(&c);
}

static int send_here(void *ctx)
{
	(void)ctx;
	return ints_send(&c, 7);
}

static int receive_here(void *ctx)
{
	int value = 0, ret = ints_receive(&c, &value);

	(void)ctx;
	return ret < 0 ? ret : value;
}

static int let_send(void *ctx)
{
	rondo_detach(rondo_create_task(send_here, ctx));
	return 0;
}

static int let_receive(void *ctx)
{
	rondo_detach(rondo_create_task(receive_here, ctx));
	return 0;
}

static void test_sending_and_receiving_in_the_matrix(void **state)
{
	size_t none = 0, one = 1;
	struct matrix_verb v = {
		.start = receive_here, .finish = let_send, .prepare = prepare, .clean = clean,
		.ctx = &one, .result = 7,
	};

	(void)state;
	matrix_check("receive, room for one", &v);
	v.ctx = &none;
	matrix_check("receive, room for none", &v);
	v = (struct matrix_verb){
		.start = send_here, .finish = let_receive, .prepare = prepare, .clean = clean,
		.ctx = &none,
	};
	matrix_check("send, room for none", &v);
}

static int freed_main(void *arg)
{
	(void)arg;
	if (ints_init(&c, 0) < 0 || !sender(1) || turns(3) < 0)
		return -1;
	ints_free(&c);
	return 0;
}

static int freed_under_a_sender(void)
{
	return rondo_run(freed_main, NULL);
}

static void test_misuse_stops_the_program(void **state)
{
	(void)state;
	assert_bug(freed_under_a_sender, "freed under a task");
}

/* --- threads ---------------------------------------------------------------------------------- */

enum { N_SENDERS = 4, N_RECEIVERS = 4, N_VALUES = 80000 };

struct part {
	pthread_t thread;
	bool in_loop;			/* else a thread without one */
	unsigned n, number;		/* values a sender sends */
	uint64_t n_received, sum;
	int last[N_SENDERS];		/* of each sender */
	int ret;
};

static int send_part(void *arg)
{
	struct part *p = arg;
	int ret = 0;

	for (unsigned i = 0; i < p->n && ret == 0; i++)
		ret = ints_send(&c, (int)(i * N_SENDERS + p->number));
	return ret;
}

/* From each sender, in order. */
static int receive_part(void *arg)
{
	struct part *p = arg;
	int value, ret;

	for (unsigned i = 0; i < N_SENDERS; i++)
		p->last[i] = -1;
	while ((ret = ints_receive(&c, &value)) == 0) {
		CHECK(value > p->last[value % N_SENDERS]);
		p->last[value % N_SENDERS] = value;
		p->n_received++;
		p->sum += (unsigned)value;
	}
	return ret == -RONDO_EQSHUTDOWN ? 0 : ret;
}

static void *sender_thread(void *arg)
{
	struct part *p = arg;

	p->ret = p->in_loop ? rondo_run(send_part, p) : send_part(p);
	return NULL;
}

static void *receiver_thread(void *arg)
{
	struct part *p = arg;

	p->ret = p->in_loop ? rondo_run(receive_part, p) : receive_part(p);
	return NULL;
}

static void start(struct part *p, unsigned n, void *(*fn)(void *))
{
	for (unsigned i = 0; i < n; i++) {
		p[i] = (struct part){ .in_loop = i % 2, .n = (unsigned)STEP_SIZE(N_VALUES, 4000) /
				      N_SENDERS, .number = i };
		assert_int_equal(pthread_create(&p[i].thread, NULL, fn, &p[i]), 0);
	}
}

static void join(struct part *p, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		pthread_join(p[i].thread, NULL);
		assert_int_equal(p[i].ret, 0);
	}
}

static void test_loops_and_threads_lose_nothing(void **state)
{
	static const size_t rooms[] = { 0, 1, 64 };
	struct part senders[N_SENDERS], receivers[N_RECEIVERS];

	(void)state;
	skip_threads_under_valgrind();
	for (int i = 0; i < 3; i++) {
		uint64_t n = 0, sum = 0, all = STEP_SIZE(N_VALUES, 4000);

		assert_int_equal(ints_init(&c, rooms[i]), 0);
		start(receivers, N_RECEIVERS, receiver_thread);
		start(senders, N_SENDERS, sender_thread);
		join(senders, N_SENDERS);
		ints_close(&c);
		join(receivers, N_RECEIVERS);
		assert_checks_passed();
		for (int j = 0; j < N_RECEIVERS; j++) {
			n += receivers[j].n_received;
			sum += receivers[j].sum;
		}
		assert_int_equal(n, all);
		assert_int_equal(sum, all * (all - 1) / 2);
		ints_free(&c);
	}
}

/* --- cancelled while another thread hands over --------------------------------------------- */

static uint64_t n_taken, sum_taken;

static int takes(void *arg)
{
	int value, ret = 0;

	(void)arg;
	while (ret == 0) {
		ret = ints_receive(&c, &value);
		if (ret == 0) {
			n_taken++;
			sum_taken += (unsigned)value;
		}
	}
	return ret;
}

/* At random moments of the senders' time, which are not ours to choose. */
static int cancels_main(void *arg)
{
	unsigned n_cancels = 0, i = 0;
	uint64_t all = *(uint64_t *)arg;

	n_taken = sum_taken = 0;
	while (n_taken < all) {
		rondo_task *t = rondo_create_task(takes, NULL);

		CHECK_EQUAL(turns((int)(i++ % 7)), 0);
		rondo_cancel(t);
		CHECK_EQUAL(rondo_await(t), -ECANCELED);
		n_cancels++;
	}
	CHECK(n_cancels > 10);
	return 0;
}

static void test_receivers_that_are_cancelled_lose_nothing(void **state)
{
	struct part senders[N_SENDERS];
	uint64_t all = STEP_SIZE(N_VALUES, 4000);
	int ret;

	(void)state;
	skip_threads_under_valgrind();
	assert_int_equal(ints_init(&c, 0), 0);
	start(senders, N_SENDERS, sender_thread);
	ret = rondo_run(cancels_main, &all);
	join(senders, N_SENDERS);
	assert_checks_passed();
	assert_int_equal(ret, 0);
	assert_int_equal(n_taken, all);
	assert_int_equal(sum_taken, all * (all - 1) / 2);
	ints_free(&c);
}

static int waits_main(void *arg)
{
	int value;

	(void)arg;
	return ints_receive(&c, &value) == -RONDO_EQSHUTDOWN ? 0 : -1;
}

static void *waiting_thread(void *arg)
{
	return waits_main(arg) ? arg : NULL;
}

static void *waiting_loop(void *arg)
{
	return rondo_run(waits_main, arg) ? arg : NULL;
}

static void test_closing_ends_the_wait_of_threads_and_loops(void **state)
{
	pthread_t threads[2];
	void *failed;

	(void)state;
	skip_threads_under_valgrind();
	assert_int_equal(ints_init(&c, 1), 0);
	pthread_create(&threads[0], NULL, waiting_thread, &c);
	pthread_create(&threads[1], NULL, waiting_loop, &c);
	ints_close(&c);
	for (int i = 0; i < 2; i++) {
		pthread_join(threads[i], &failed);
		assert_null(failed);
	}
	ints_free(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values_come_in_the_order_in_which_their_senders_came),
		cmocka_unit_test(test_who_was_handed_a_value_has_it_though_cancelled),
		cmocka_unit_test(test_a_closed_channel_is_emptied_first),
		cmocka_unit_test(test_sending_and_receiving_in_the_matrix),
		cmocka_unit_test(test_misuse_stops_the_program),
		cmocka_unit_test(test_loops_and_threads_lose_nothing),
		cmocka_unit_test(test_receivers_that_are_cancelled_lose_nothing),
		cmocka_unit_test(test_closing_ends_the_wait_of_threads_and_loops),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
