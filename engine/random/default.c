/* SPDX-License-Identifier: MIT */
/* default.c - the thread's own generator and the functions that draw from it, as those of Python's
 * module draw from a hidden instance. One per thread is one per loop: no lock, and no thread's
 * numbers depend on another's. */
#include <pthread.h>
#include <stdlib.h>

#include "rondo/random.h"

/* Its 2.5 KB in thread-local storage would keep the library from being dlopened: the loader has
 * less to spare. So only a pointer is there, and the thread's first draw allocates. */
static _Thread_local struct rondo_random *own;
static pthread_key_t key = (pthread_key_t)-1;

static void free_own(void *r)
{
	own = NULL; /* destructors that run later may draw, and get another */
	free(r);
}

/* The child of a fork would repeat its parent's numbers. Only the thread that forked lives on
 * there, and this runs on it; the next draw finds an unseeded generator. */
static void forget_own(void)
{
	if (own)
		rondo_random_init(own);
}

/* At load time rather than at the first seeding, so that drawing has nothing to check. Without a
 * key left, a thread that ends leaks its generator. */
__attribute__((constructor)) static void watch_forks_and_threads(void)
{
	pthread_atfork(NULL, NULL, forget_own);
	pthread_key_create(&key, free_own);
}

/* Who draws a number cannot be told of an error. Thread-local storage itself, when there is no
 * memory for it, aborts as well. */
static __attribute__((noinline)) struct rondo_random *make_own(void)
{
	own = calloc(1, sizeof(*own));
	if (!own)
		abort();
	pthread_setspecific(key, own);
	return own;
}

static inline struct rondo_random *mine(void)
{
	return __builtin_expect(own != NULL, 1) ? own : make_own();
}

struct rondo_random *rondo_random_default(void)
{
	return mine();
}

void rondo_random_seed(int64_t seed)
{
	rondo_random_seed_r(mine(), seed);
}

void rondo_random_seed_u64(uint64_t seed)
{
	rondo_random_seed_u64_r(mine(), seed);
}

void rondo_random_seed_words(const uint32_t *words, size_t n_words)
{
	rondo_random_seed_words_r(mine(), words, n_words);
}

int rondo_random_seed_decimal(const char *digits)
{
	return rondo_random_seed_decimal_r(mine(), digits);
}

int rondo_random_seed_float(double seed)
{
	return rondo_random_seed_float_r(mine(), seed);
}

void rondo_random_seed_str(const char *seed)
{
	rondo_random_seed_str_r(mine(), seed);
}

void rondo_random_seed_bytes(const void *seed, size_t size)
{
	rondo_random_seed_bytes_r(mine(), seed, size);
}

void rondo_random_seed_bytes_v1(const void *seed, size_t size)
{
	rondo_random_seed_bytes_v1_r(mine(), seed, size);
}

void rondo_random_seed_entropy(void)
{
	rondo_random_seed_entropy_r(mine());
}

int rondo_random_getstate(struct rondo_random_state *state)
{
	return rondo_random_getstate_r(mine(), state);
}

int rondo_random_setstate(const struct rondo_random_state *state)
{
	return rondo_random_setstate_r(mine(), state);
}

double rondo_random_random(void)
{
	return rondo_random_random_r(mine());
}

uint64_t rondo_random_getrandbits(unsigned k)
{
	return rondo_random_getrandbits_r(mine(), k);
}

void rondo_random_getrandbits_words(size_t k, uint32_t *words)
{
	rondo_random_getrandbits_words_r(mine(), k, words);
}

void rondo_random_randbytes(void *bytes, size_t size)
{
	rondo_random_randbytes_r(mine(), bytes, size);
}

int64_t rondo_random_randint(int64_t a, int64_t b)
{
	return rondo_random_randint_r(mine(), a, b);
}

int64_t rondo_random_randrange(int64_t start, int64_t stop, int64_t step)
{
	return rondo_random_randrange_r(mine(), start, stop, step);
}

ssize_t rondo_random_choice_index(size_t n)
{
	return rondo_random_choice_index_r(mine(), n);
}

int rondo_random_choices_index(size_t n, const double *weights, size_t k, size_t *result)
{
	return rondo_random_choices_index_r(mine(), n, weights, k, result);
}

int rondo_random_choices_cum_index(size_t n, const double *cum_weights, size_t k, size_t *result)
{
	return rondo_random_choices_cum_index_r(mine(), n, cum_weights, k, result);
}

int rondo_random_choices_n(const void *base, size_t n, size_t size, const double *weights,
			   size_t k, void *result)
{
	return rondo_random_choices_n_r(mine(), base, n, size, weights, k, result);
}

int rondo_random_choices_cum_n(const void *base, size_t n, size_t size, const double *cum_weights,
			       size_t k, void *result)
{
	return rondo_random_choices_cum_n_r(mine(), base, n, size, cum_weights, k, result);
}

int rondo_random_sample_index(size_t n, size_t k, size_t *result)
{
	return rondo_random_sample_index_r(mine(), n, k, result);
}

int rondo_random_sample_counts_index(size_t n, const size_t *counts, size_t k, size_t *result)
{
	return rondo_random_sample_counts_index_r(mine(), n, counts, k, result);
}

int rondo_random_sample_n(const void *base, size_t n, size_t size, size_t k, void *result)
{
	return rondo_random_sample_n_r(mine(), base, n, size, k, result);
}

int rondo_random_sample_counts_n(const void *base, size_t n, size_t size, const size_t *counts,
				 size_t k, void *result)
{
	return rondo_random_sample_counts_n_r(mine(), base, n, size, counts, k, result);
}

void rondo_random_shuffle_n(void *base, size_t n, size_t size)
{
	rondo_random_shuffle_n_r(mine(), base, n, size);
}

double rondo_random_uniform(double a, double b)
{
	return rondo_random_uniform_r(mine(), a, b);
}

double rondo_random_triangular(double low, double high, double mode)
{
	return rondo_random_triangular_r(mine(), low, high, mode);
}

double rondo_random_gauss(double mu, double sigma)
{
	return rondo_random_gauss_r(mine(), mu, sigma);
}

double rondo_random_normalvariate(double mu, double sigma)
{
	return rondo_random_normalvariate_r(mine(), mu, sigma);
}

double rondo_random_lognormvariate(double mu, double sigma)
{
	return rondo_random_lognormvariate_r(mine(), mu, sigma);
}

double rondo_random_expovariate(double lambd)
{
	return rondo_random_expovariate_r(mine(), lambd);
}

double rondo_random_vonmisesvariate(double mu, double kappa)
{
	return rondo_random_vonmisesvariate_r(mine(), mu, kappa);
}

double rondo_random_gammavariate(double alpha, double beta)
{
	return rondo_random_gammavariate_r(mine(), alpha, beta);
}

double rondo_random_betavariate(double alpha, double beta)
{
	return rondo_random_betavariate_r(mine(), alpha, beta);
}

double rondo_random_paretovariate(double alpha)
{
	return rondo_random_paretovariate_r(mine(), alpha);
}

double rondo_random_weibullvariate(double alpha, double beta)
{
	return rondo_random_weibullvariate_r(mine(), alpha, beta);
}

int64_t rondo_random_binomialvariate(int64_t n, double p)
{
	return rondo_random_binomialvariate_r(mine(), n, p);
}
