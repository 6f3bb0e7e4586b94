/* SPDX-License-Identifier: MIT */
/* test_default.c - goal: the functions without a generator draw from the thread's own, which a fork
 * makes anew and no other thread touches.
 * Method: Python's two known streams in which many functions take turns; children and threads that
 * report what they drew. */
#include "vectors.h"

#include <math.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "random/entropy.h"

/* One draw of each kind, as in Python: random, randint(1, 6), uniform(.1, 1), choice of five,
 * sample(range(100), 5), gauss(0, 1), getrandbits(40), choices('abc', [5, 3, 2], k=3),
 * expovariate(1), random, shuffle(range(8)), gauss(0, 1), randrange(0, 10**12, 7), random. */
struct stream {
	double first;
	int64_t die;
	double uniform;
	const char *colour;
	size_t sample[5];
	double gauss;
	uint64_t bits;
	const char *letters;
	double exponential, second;
	int shuffled[8];
	double gauss_kept;
	int64_t step;
	double last;
};

static const struct stream stream_42 = {
	0.6394267984578837, 1, 0.7673954497838495, "green", { 28, 17, 94, 13, 86 },
	-0.07358145350888119, 466392613993, "aaa", 0.9213503327194812, 0.561245062938613,
	{ 7, 5, 0, 2, 4, 3, 1, 6 }, -1.253440575538742, 832738220118, 0.3402505165179919,
};

static const struct stream stream_big = {
	0.11492886097038002, 4, 0.6049079235384993, "red", { 55, 60, 66, 94, 82 },
	0.7813232570625993, 1057347375182, "aba", 0.5317633634212496, 0.13235039509106838,
	{ 6, 3, 4, 0, 7, 5, 1, 2 }, -0.3617687119534536, 464306873604, 0.8103566501673933,
};

static void assert_close(double a, double b)
{
	assert_true(fabs(a - b) <= 1e-15 * fabs(b));
}

static void assert_stream(const struct stream *s)
{
	static const char *const colours[] = { "red", "green", "blue", "cyan", "magenta" };
	static const char abc[] = { 'a', 'b', 'c' };
	static const double weights[] = { 5, 3, 2 };
	int eight[] = { 0, 1, 2, 3, 4, 5, 6, 7 };
	char letters[4] = "";
	size_t five[5];

	assert_same_double(rondo_random_random(), s->first);
	assert_int_equal(rondo_random_randint(1, 6), s->die);
	assert_same_double(rondo_random_uniform(0.1, 1.0), s->uniform);
	assert_string_equal(rondo_random_choice(colours), s->colour);
	assert_int_equal(rondo_random_sample_index(100, 5, five), 0);
	assert_memory_equal(five, s->sample, sizeof(five));
	assert_close(rondo_random_gauss(0.0, 1.0), s->gauss);
	assert_int_equal(rondo_random_getrandbits(40), s->bits);
	assert_int_equal(rondo_random_choices(abc, weights, 3, letters), 0);
	assert_string_equal(letters, s->letters);
	assert_close(rondo_random_expovariate(1.0), s->exponential);
	assert_same_double(rondo_random_random(), s->second);
	rondo_random_shuffle(eight);
	assert_memory_equal(eight, s->shuffled, sizeof(eight));
	assert_close(rondo_random_gauss(0.0, 1.0), s->gauss_kept);
	assert_int_equal(rondo_random_randrange(0, 1000000000000, 7), s->step);
	assert_same_double(rondo_random_random(), s->last);
}

static void test_functions_taking_turns_give_python_s_stream(void **state)
{
	(void)state;
	rondo_random_seed(42);
	assert_stream(&stream_42);
	assert_int_equal(rondo_random_seed_decimal(BIG_SEED), 0);
	assert_stream(&stream_big);
}

#define assert_own_draws(next_of_own, next_of_r) \
	do { \
		rondo_random_seed(42); \
		r = seeded(42); \
		assert_same_double((double)(next_of_own), (double)(next_of_r)); \
		assert_same_double(rondo_random_random(), rondo_random_random_r(&r)); \
	} while (0)

/* Each with arguments that would show if two were swapped. */
static void test_every_function_draws_as_its_twin_does(void **state)
{
	struct rondo_random r;

	(void)state;
	assert_own_draws(rondo_random_randint(-3, 900), rondo_random_randint_r(&r, -3, 900));
	assert_own_draws(rondo_random_randrange(5, 1000, 3),
			 rondo_random_randrange_r(&r, 5, 1000, 3));
	assert_own_draws(rondo_random_getrandbits(50), rondo_random_getrandbits_r(&r, 50));
	assert_own_draws(rondo_random_choice_index(77), rondo_random_choice_index_r(&r, 77));
	assert_own_draws(rondo_random_uniform(2, 5), rondo_random_uniform_r(&r, 2, 5));
	assert_own_draws(rondo_random_triangular(1, 9, 3), rondo_random_triangular_r(&r, 1, 9, 3));
	assert_own_draws(rondo_random_gauss(2, 5), rondo_random_gauss_r(&r, 2, 5));
	assert_own_draws(rondo_random_normalvariate(2, 5), rondo_random_normalvariate_r(&r, 2, 5));
	assert_own_draws(rondo_random_lognormvariate(0, 2),
			 rondo_random_lognormvariate_r(&r, 0, 2));
	assert_own_draws(rondo_random_expovariate(3), rondo_random_expovariate_r(&r, 3));
	assert_own_draws(rondo_random_vonmisesvariate(1, 4),
			 rondo_random_vonmisesvariate_r(&r, 1, 4));
	assert_own_draws(rondo_random_gammavariate(2, 5), rondo_random_gammavariate_r(&r, 2, 5));
	assert_own_draws(rondo_random_betavariate(2, 5), rondo_random_betavariate_r(&r, 2, 5));
	assert_own_draws(rondo_random_paretovariate(3), rondo_random_paretovariate_r(&r, 3));
	assert_own_draws(rondo_random_weibullvariate(2, 5),
			 rondo_random_weibullvariate_r(&r, 2, 5));
	assert_own_draws(rondo_random_binomialvariate(90, 0.3),
			 rondo_random_binomialvariate_r(&r, 90, 0.3));
}

#define assert_own_fills(call_of_own, call_of_r) \
	do { \
		memset(a, 0, sizeof(a)); \
		memset(b, 0, sizeof(b)); \
		rondo_random_seed(42); \
		r = seeded(42); \
		call_of_own; \
		call_of_r; \
		assert_memory_equal(a, b, sizeof(a)); \
		assert_same_double(rondo_random_random(), rondo_random_random_r(&r)); \
	} while (0)

static void test_every_function_that_fills_memory_does_as_its_twin(void **state)
{
	static const size_t counts[] = { 3, 1, 4 }, population[] = { 15, 92, 65 };
	static const double weights[] = { 3, 1, 4 }, sums[] = { 3, 4, 8 };
	struct rondo_random r;
	size_t a[8], b[8];
	int ret = 0;

	(void)state;
	assert_own_fills(rondo_random_randbytes(a, 9), rondo_random_randbytes_r(&r, b, 9));
	assert_own_fills(rondo_random_getrandbits_words(70, (uint32_t *)a),
			 rondo_random_getrandbits_words_r(&r, 70, (uint32_t *)b));
	assert_own_fills(ret |= rondo_random_choices_index(3, weights, 8, a),
			 ret |= rondo_random_choices_index_r(&r, 3, weights, 8, b));
	assert_own_fills(ret |= rondo_random_choices_cum_index(3, sums, 8, a),
			 ret |= rondo_random_choices_cum_index_r(&r, 3, sums, 8, b));
	assert_own_fills(ret |= rondo_random_choices_n(population, 3, 8, weights, 8, a),
			 ret |= rondo_random_choices_r(&r, population, weights, 8, b));
	assert_own_fills(ret |= rondo_random_choices_cum_n(population, 3, 8, sums, 8, a),
			 ret |= rondo_random_choices_cum_r(&r, population, sums, 8, b));
	assert_own_fills(ret |= rondo_random_choices_cum(population, sums, 8, a),
			 ret |= rondo_random_choices_cum_r(&r, population, sums, 8, b));
	assert_own_fills(ret |= rondo_random_sample_n(population, 3, 8, 2, a),
			 ret |= rondo_random_sample_r(&r, population, 2, b));
	assert_own_fills(ret |= rondo_random_sample(population, 2, a),
			 ret |= rondo_random_sample_r(&r, population, 2, b));
	assert_own_fills(ret |= rondo_random_sample_counts_index(3, counts, 8, a),
			 ret |= rondo_random_sample_counts_index_r(&r, 3, counts, 8, b));
	assert_own_fills(ret |= rondo_random_sample_counts_n(population, 3, 8, counts, 8, a),
			 ret |= rondo_random_sample_counts_r(&r, population, counts, 8, b));
	assert_own_fills(ret |= rondo_random_sample_counts(population, counts, 8, a),
			 ret |= rondo_random_sample_counts_r(&r, population, counts, 8, b));
	assert_int_equal(ret, 0);
}

static void assert_own_is(const struct rondo_random *r)
{
	assert_memory_equal(rondo_random_default()->state, r->state, sizeof(r->state));
}

static void test_every_seed_seeds_as_its_twin_does(void **state)
{
	static const uint32_t words[] = { 1, 2, 3 };
	struct rondo_random r = seeded(-5);

	(void)state;
	rondo_random_seed(-5);
	assert_own_is(&r);
	rondo_random_seed_u64(UINT64_MAX);
	rondo_random_seed_u64_r(&r, UINT64_MAX);
	assert_own_is(&r);
	rondo_random_seed_words(words, 3);
	rondo_random_seed_words_r(&r, words, 3);
	assert_own_is(&r);
	assert_int_equal(rondo_random_seed_float(0.1), 0);
	assert_int_equal(rondo_random_seed_float_r(&r, 0.1), 0);
	assert_own_is(&r);
	rondo_random_seed_str("a");
	rondo_random_seed_str_r(&r, "a");
	assert_own_is(&r);
	rondo_random_seed_bytes("\0b", 2);
	rondo_random_seed_bytes_r(&r, "\0b", 2);
	assert_own_is(&r);
	rondo_random_seed_bytes_v1("c", 1);
	rondo_random_seed_bytes_v1_r(&r, "c", 1);
	assert_own_is(&r);
}

static void test_the_own_state_can_be_saved_and_restored(void **state)
{
	struct rondo_random_state saved;
	double x;

	(void)state;
	rondo_random_seed_entropy();
	assert_int_equal(rondo_random_getstate(&saved), 0);
	x = rondo_random_random();
	assert_int_equal(rondo_random_setstate(&saved), 0);
	assert_same_double(rondo_random_random(), x);
}

enum { N_DRAWN = 4 };

/* What a child process draws from its own generator and from r. */
static void draw_in_child(struct rondo_random *r, uint64_t *own, uint64_t *others)
{
	uint64_t drawn[2 * N_DRAWN];
	int fds[2], status;
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		for (unsigned i = 0; i < N_DRAWN; i++) {
			drawn[i] = rondo_random_getrandbits(64);
			drawn[N_DRAWN + i] = rondo_random_getrandbits_r(r, 64);
		}
		_exit(write(fds[1], drawn, sizeof(drawn)) != sizeof(drawn));
	}
	close(fds[1]);
	assert_int_equal(read(fds[0], drawn, sizeof(drawn)), sizeof(drawn));
	close(fds[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	memcpy(own, drawn, sizeof(drawn) / 2);
	memcpy(others, drawn + N_DRAWN, sizeof(drawn) / 2);
}

static void test_a_fork_reseeds_the_child_s_own_generator_only(void **state)
{
	uint64_t own[2][N_DRAWN], others[2][N_DRAWN];
	struct rondo_random r = seeded(42);

	(void)state;
	rondo_random_seed(42);
	draw_in_child(&r, own[0], others[0]);
	draw_in_child(&r, own[1], others[1]);
	assert_memory_not_equal(own[0], own[1], sizeof(own[0]));
	for (unsigned i = 0; i < N_DRAWN; i++) {
		uint64_t expected = rondo_random_getrandbits(64);

		assert_true(own[0][i] != expected);
		assert_true(own[1][i] != expected);
		assert_int_equal(others[0][i], expected);
		assert_int_equal(others[1][i], expected);
	}
}

static int zero_entropy(void *buf, size_t size)
{
	memset(buf, 0, size);
	return 0;
}

/* The gauss kept back would be the parent's number too. */
static void test_a_fork_reseeds_from_entropy_and_forgets_the_gauss(void **state)
{
	struct rondo_random r = seeded(42), fresh = RONDO_RANDOM_INIT;
	uint64_t own[N_DRAWN], others[N_DRAWN];
	pid_t pid;
	int status;

	(void)state;
	rondo_random_gauss(0.0, 1.0);
	rondo__random_entropy = zero_entropy;
	rondo_random_seed_entropy_r(&fresh);
	draw_in_child(&r, own, others);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(rondo_random_gauss(0.0, 1.0) != rondo_random_gauss_r(&fresh, 0.0, 1.0));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	for (unsigned i = 0; i < N_DRAWN; i++)
		assert_int_equal(own[i], rondo_random_getrandbits_r(&fresh, 64));
	rondo__random_entropy = rondo__entropy_kernel;
}

enum { N_THREADS = 4, N_THREAD_DRAWS = 5000 };

struct thread {
	pthread_t id;
	pthread_barrier_t *together;
	int64_t seed;
	uint64_t unseeded;
	unsigned n_wrong;
};

/* Cmocka asserts on the main thread only, so a thread counts. */
static void *draw_in_thread(void *arg)
{
	struct thread *t = arg;
	struct rondo_random r = seeded(t->seed);

	t->unseeded = rondo_random_getrandbits(64);
	pthread_barrier_wait(t->together);
	rondo_random_seed(t->seed);
	for (unsigned i = 0; i < N_THREAD_DRAWS; i++) {
		t->n_wrong += rondo_random_getrandbits(64) != rondo_random_getrandbits_r(&r, 64);
		if (i % 500 == 0)
			pthread_barrier_wait(t->together);
	}
	return NULL;
}

static void test_threads_draw_from_generators_of_their_own(void **state)
{
	struct thread threads[N_THREADS] = { 0 };
	pthread_barrier_t together;
	uint64_t expected;

	(void)state;
	rondo_random_seed(42);
	expected = rondo_random_getrandbits(64);
	rondo_random_seed(42);
	assert_int_equal(pthread_barrier_init(&together, NULL, N_THREADS), 0);
	for (unsigned i = 0; i < N_THREADS; i++) {
		threads[i].together = &together;
		threads[i].seed = i;
		assert_int_equal(pthread_create(&threads[i].id, NULL, draw_in_thread, &threads[i]),
				 0);
	}
	for (unsigned i = 0; i < N_THREADS; i++)
		assert_int_equal(pthread_join(threads[i].id, NULL), 0);
	pthread_barrier_destroy(&together);
	for (unsigned i = 0; i < N_THREADS; i++) {
		assert_int_equal(threads[i].n_wrong, 0);
		for (unsigned j = 0; j < i; j++)
			assert_true(threads[i].unseeded != threads[j].unseeded);
	}
	assert_int_equal(rondo_random_getrandbits(64), expected);
}

static pthread_key_t last_key;

static void draw_at_the_end(void *drawn)
{
	*(uint64_t *)drawn = rondo_random_getrandbits(64);
}

static void *end_with_a_draw(void *drawn)
{
	rondo_random_seed(42);
	pthread_setspecific(last_key, drawn);
	return NULL;
}

/* Its own generator is gone by then, so it gets another; a leak checker would see one left over. */
static void test_a_thread_may_draw_while_it_ends(void **state)
{
	struct rondo_random r = seeded(42);
	uint64_t drawn = 0;
	pthread_t id;

	(void)state;
	assert_int_equal(pthread_key_create(&last_key, draw_at_the_end), 0);
	assert_int_equal(pthread_create(&id, NULL, end_with_a_draw, &drawn), 0);
	assert_int_equal(pthread_join(id, NULL), 0);
	assert_int_equal(pthread_key_delete(last_key), 0);
	assert_true(drawn != 0);
	assert_true(drawn != rondo_random_getrandbits_r(&r, 64));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_functions_taking_turns_give_python_s_stream),
		cmocka_unit_test(test_every_function_draws_as_its_twin_does),
		cmocka_unit_test(test_every_function_that_fills_memory_does_as_its_twin),
		cmocka_unit_test(test_every_seed_seeds_as_its_twin_does),
		cmocka_unit_test(test_the_own_state_can_be_saved_and_restored),
		cmocka_unit_test(test_a_fork_reseeds_the_child_s_own_generator_only),
		cmocka_unit_test(test_a_fork_reseeds_from_entropy_and_forgets_the_gauss),
		cmocka_unit_test(test_threads_draw_from_generators_of_their_own),
		cmocka_unit_test(test_a_thread_may_draw_while_it_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
