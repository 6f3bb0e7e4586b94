/* SPDX-License-Identifier: MIT */
/* test_select_crowd.c - goal: whatever is put is got, once, by tasks that select among getting from
 * and putting into channels with and without room, and are cancelled at any moment. Method: a crowd,
 * random cases in random order, and sums. */
#include "rondo/channel.h"
#include "rondo/select.h"
#include "rondo/wait.h"
#include "support/matrix.h"
#include "support/step.h"

RONDO_CHANNEL(uint64_t, numbers);

enum { N_CHANNELS = 4, N_TASKS = 12, N_SELECTS = 1000000, CASES_MAX = 6 };

static struct numbers channels[N_CHANNELS];
static uint64_t n_put[N_CHANNELS], n_got[N_CHANNELS], sum_put[N_CHANNELS], sum_got[N_CHANNELS];
static uint64_t n_selects, next_number, seed;

static unsigned below(unsigned n)
{
	seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return (unsigned)(seed >> 33) % n;
}

/* Cases of one select. */
struct choice {
	struct rondo_select_case cases[CASES_MAX];
	uint64_t values[CASES_MAX];
	unsigned channel[CASES_MAX];
	bool puts[CASES_MAX];
};

static void choose(struct choice *c, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct rondo_queue *q;

		c->channel[i] = below(N_CHANNELS);
		c->puts[i] = below(2);
		c->values[i] = ++next_number;
		q = &channels[c->channel[i]].queue;
		c->cases[i] = c->puts[i] ? rondo_select_put(q, &c->values[i]) :
					   rondo_select_get(q, &c->values[i]);
	}
}

static int won(struct choice *c, int i)
{
	unsigned ch = c->channel[i];

	if (c->cases[i].result < 0)
		return c->cases[i].result;
	n_selects++;
	n_put[ch] += c->puts[i];
	sum_put[ch] += c->puts[i] ? c->values[i] : 0;
	n_got[ch] += !c->puts[i];
	sum_got[ch] += !c->puts[i] ? c->values[i] : 0;
	return 0;
}

static int selects(void *arg)
{
	struct choice c;
	int ret = 0;

	(void)arg;
	while (ret >= 0) {
		unsigned n = 1 + below(CASES_MAX);

		choose(&c, n);
		ret = rondo_select(c.cases, n, below(16) ? RONDO_FOREVER : below(3) * 1e-6);
		ret = ret == -ETIMEDOUT ? 0 : ret < 0 ? ret : won(&c, ret);
		if (ret == 0 && below(8) == 0)
			ret = rondo_yield();
	}
	return ret;
}

/* Who all want to put, or all to get, need somebody who does the other. */
static int helps(void)
{
	for (unsigned i = 0; i < N_CHANNELS; i++) {
		uint64_t value = ++next_number;

		if (numbers_send_nowait(&channels[i], value) == 0) {
			n_put[i]++;
			sum_put[i] += value;
		}
		if (below(2) && numbers_receive_nowait(&channels[i], &value) == 0) {
			n_got[i]++;
			sum_got[i] += value;
		}
	}
	return rondo_yield();
}

/* What was put and not got: in the end nobody waits, so it is there. */
static int empty_all(void)
{
	for (unsigned i = 0; i < N_CHANNELS; i++) {
		uint64_t value;

		while (numbers_receive_nowait(&channels[i], &value) == 0) {
			n_got[i]++;
			sum_got[i] += value;
		}
		CHECK(!channels[i].queue.sides_[0].waiters_.first_);
		CHECK(!channels[i].queue.sides_[1].waiters_.first_);
		CHECK_EQUAL(n_put[i], n_got[i]);
		CHECK_EQUAL(sum_put[i], sum_got[i]);
		numbers_free(&channels[i]);
	}
	return 0;
}

static int crowd_main(void *arg)
{
	rondo_task *tasks[N_TASKS];

	(void)arg;
	for (unsigned i = 0; i < N_CHANNELS; i++)
		CHECK_EQUAL(numbers_init(&channels[i], i / 2), 0);
	for (unsigned i = 0; i < N_TASKS; i++)
		tasks[i] = rondo_create_task(selects, NULL);
	while (n_selects < STEP_SIZE(N_SELECTS, N_SELECTS / 50)) {
		unsigned i = below(N_TASKS);

		CHECK_EQUAL(helps(), 0);
		if (below(4))
			continue;
		rondo_cancel(tasks[i]);
		CHECK_EQUAL(rondo_await(tasks[i]), -ECANCELED);
		tasks[i] = rondo_create_task(selects, NULL);
	}
	for (unsigned i = 0; i < N_TASKS; i++)
		rondo_cancel(tasks[i]);
	CHECK_EQUAL(rondo_gather(N_TASKS, tasks, NULL, RONDO_GATHER_ALL), 0);
	return empty_all();
}

/* Q3, K8. */
static void test_a_million_selects_lose_nothing(void **state)
{
	(void)state;
	assert_run(crowd_main, NULL, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_million_selects_lose_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
