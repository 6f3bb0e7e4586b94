/* SPDX-License-Identifier: MIT */
/* random.h - Python's random module: the same seed gives the same numbers, bit for bit.
 *
 * Every function exists twice. rondo_random_randint(1, 6) draws from the calling thread's own
 * generator, as random.randint(1, 6) draws from the module's. rondo_random_randint_r(r, 1, 6)
 * draws from r, as r.randint(1, 6) does for an instance of random.Random.
 *
 *	rondo_random_seed(42);
 *	double x = rondo_random_random();			// 0.6394267984578837
 *
 *	const char *fruit[] = { "apple", "banana", "cherry", "date" };
 *	const char *one = rondo_random_choice(fruit), *two[2];
 *	if (rondo_random_sample(fruit, 2, two) < 0)
 *		...
 *
 * A generator that was never seeded seeds itself from the kernel's entropy at its first draw. The
 * thread's generator does so again in the child of a fork, seeded or not, as Python's does.
 * Generators take no lock and never suspend the task: one thread at a time may use one.
 *
 * Where Python raises ValueError, IndexError or ZeroDivisionError, integer functions return -EINVAL
 * and floating functions NaN. Where it raises OverflowError, floating functions return infinity.
 *
 * The integer functions, random, uniform, triangular, choice, choices, sample and shuffle depend on
 * nothing but the seed. The other distributions call the C library's log, exp, sin, cos, acos, pow
 * and log2. They equal a Python that runs on the same libm and the same kind of machine: glibc
 * rounds a few last bits otherwise on a CPU without fused multiply-add. */
#ifndef RONDO_RANDOM_H
#define RONDO_RANDOM_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "rondo/base.h"

/* A generator: random.Random. All fields are private. Zeroed memory is a generator not yet seeded;
 * a copy made by assignment continues with the same numbers. */
struct rondo_random {
	uint32_t kind;
	uint32_t n_left;
	uint32_t has_gauss_next;
	double gauss_next;
	uint32_t state[624];
};

#define RONDO_RANDOM_INIT { 0, 0, 0, 0.0, { 0 } }

/* What random.getstate() returns: (3, words, gauss_next). */
struct rondo_random_state {
	uint32_t words[625];		/* the 624 words of the twister, then the index, 0 to 624 */
	uint32_t has_gauss_next;	/* 0 stands for gauss_next being None */
	double gauss_next;		/* the value gauss() keeps back, when there is one */
};

/* Room enough for any state as text, terminating NUL included. */
#define RONDO_RANDOM_TEXT_SIZE 7600

/* The mode of rondo_random_triangular() when Python's would be None: the midpoint. */
#define RONDO_RANDOM_NO_MODE __builtin_nan("")

RONDO_BEGIN_DECLS

/* Make r a generator that is not seeded yet: random.Random().
 *
 * Owns:    r is the caller's; there is nothing to free.
 * Awaits:  no. */
RONDO_API void rondo_random_init(struct rondo_random *r);

/* Make r a source of entropy rather than of a sequence: random.SystemRandom(). Every function with
 * _r takes it; seeding it does nothing and it has no state to get or set. Should the kernel refuse
 * entropy later, after granting it here, the process is aborted: any number would be a lie.
 *
 * Awaits:  no.
 * Returns: 0, -errno of getrandom(2).
 * Kernel:  getrandom(2), here and for each draw. */
RONDO_API RONDO_MUST_CHECK int rondo_random_init_system(struct rondo_random *r);

/* Find the calling thread's own generator, the one behind the functions without _r. It is allocated
 * when the thread first needs it; without memory for its 2.5 KB the process is aborted.
 *
 * Owns:    the thread, and ends with it; use it on this thread only.
 * Awaits:  no.
 * Returns: the generator, never NULL. */
RONDO_API struct rondo_random *rondo_random_default(void);

/* Seed from an integer: random.seed(seed). The sign is ignored, as in Python.
 *
 * Awaits:  no. */
RONDO_API void rondo_random_seed(int64_t seed);
RONDO_API void rondo_random_seed_r(struct rondo_random *r, int64_t seed);

/* Seed from an integer of up to 64 bits without a sign.
 *
 * Awaits:  no. */
RONDO_API void rondo_random_seed_u64(uint64_t seed);
RONDO_API void rondo_random_seed_u64_r(struct rondo_random *r, uint64_t seed);

/* Seed from an integer of any size, given as 32-bit words, least significant first.
 *
 * Awaits:  no. */
RONDO_API void rondo_random_seed_words(const uint32_t *words, size_t n_words);
RONDO_API void rondo_random_seed_words_r(struct rondo_random *r, const uint32_t *words,
					 size_t n_words);

/* Seed from an integer of any size, given as decimal digits with an optional sign.
 *
 * Awaits:  no.
 * Returns: 0, -EINVAL when digits is anything else, -ENOMEM. */
RONDO_API RONDO_MUST_CHECK int rondo_random_seed_decimal(const char *digits);
RONDO_API RONDO_MUST_CHECK int rondo_random_seed_decimal_r(struct rondo_random *r,
							   const char *digits);

/* Seed from a float: random.seed(3.5), which uses Python's hash of it.
 *
 * Awaits:  no.
 * Returns: 0, -EINVAL for NaN, whose hash is another one in each run of Python. */
RONDO_API int rondo_random_seed_float(double seed);
RONDO_API int rondo_random_seed_float_r(struct rondo_random *r, double seed);

/* Seed from a string, which is UTF-8: random.seed('hello').
 *
 * Awaits:  no. */
RONDO_API void rondo_random_seed_str(const char *seed);
RONDO_API void rondo_random_seed_str_r(struct rondo_random *r, const char *seed);

/* Seed from bytes: random.seed(b'hello'), the same as the string of those bytes.
 *
 * Awaits:  no. */
RONDO_API void rondo_random_seed_bytes(const void *seed, size_t size);
RONDO_API void rondo_random_seed_bytes_r(struct rondo_random *r, const void *seed, size_t size);

/* Seed from bytes the way Python 2 did: random.seed(b'hello', version=1). A string gives the same
 * numbers when it is encoded as Latin-1.
 *
 * Awaits:  no. */
RONDO_API void rondo_random_seed_bytes_v1(const void *seed, size_t size);
RONDO_API void rondo_random_seed_bytes_v1_r(struct rondo_random *r, const void *seed, size_t size);

/* Seed from the kernel's entropy: random.seed(). Falls back on clocks and the process id when the
 * kernel refuses.
 *
 * Awaits:  no.
 * Kernel:  getrandom(2). */
RONDO_API void rondo_random_seed_entropy(void);
RONDO_API void rondo_random_seed_entropy_r(struct rondo_random *r);

/* Copy the state out: random.getstate().
 *
 * Awaits:  no.
 * Returns: 0, -EOPNOTSUPP for a system generator. */
RONDO_API int rondo_random_getstate(struct rondo_random_state *state);
RONDO_API int rondo_random_getstate_r(struct rondo_random *r, struct rondo_random_state *state);

/* Continue from a state: random.setstate(state).
 *
 * Awaits:  no.
 * Returns: 0, -EINVAL when the index is above 624, -EOPNOTSUPP for a system generator. */
RONDO_API RONDO_MUST_CHECK int rondo_random_setstate(const struct rondo_random_state *state);
RONDO_API RONDO_MUST_CHECK int rondo_random_setstate_r(struct rondo_random *r,
						       const struct rondo_random_state *state);

/* Write a state as Python does, "(3, (words...), None)", for ast.literal_eval() and setstate().
 *
 * Awaits:  no.
 * Returns: the length without the NUL, -ENOSPC when size is below RONDO_RANDOM_TEXT_SIZE,
 *          -ENOMEM. */
RONDO_API RONDO_MUST_CHECK ssize_t rondo_random_state_to_text(
	const struct rondo_random_state *state, char *text, size_t size);

/* Read a state from Python's repr(random.getstate()).
 *
 * Awaits:  no.
 * Returns: 0, -EINVAL when text is anything else, -ENOMEM. */
RONDO_API RONDO_MUST_CHECK int rondo_random_state_from_text(struct rondo_random_state *state,
							    const char *text);

/* Draw a float, 0.0 <= x < 1.0.
 *
 * Awaits:  no.
 * Returns: the number. */
RONDO_API double rondo_random_random(void);
RONDO_API double rondo_random_random_r(struct rondo_random *r);

/* Draw an integer of k random bits; more than 64 count as 64.
 *
 * Awaits:  no.
 * Returns: the number; 0 when k is 0. */
RONDO_API uint64_t rondo_random_getrandbits(unsigned k);
RONDO_API uint64_t rondo_random_getrandbits_r(struct rondo_random *r, unsigned k);

/* Draw an integer of k random bits into ceil(k / 32) words, least significant first.
 *
 * Awaits:  no. */
RONDO_API void rondo_random_getrandbits_words(size_t k, uint32_t *words);
RONDO_API void rondo_random_getrandbits_words_r(struct rondo_random *r, size_t k, uint32_t *words);

/* Fill memory with random bytes.
 *
 * Awaits:  no. */
RONDO_API void rondo_random_randbytes(void *bytes, size_t size);
RONDO_API void rondo_random_randbytes_r(struct rondo_random *r, void *bytes, size_t size);

/* Draw an integer, a <= x <= b.
 *
 * Awaits:  no.
 * Returns: the number, -EINVAL when b < a. */
RONDO_API int64_t rondo_random_randint(int64_t a, int64_t b);
RONDO_API int64_t rondo_random_randint_r(struct rondo_random *r, int64_t a, int64_t b);

/* Draw an element of range(start, stop, step). randrange(n) is range(0, n, 1).
 *
 * Awaits:  no.
 * Returns: the number, -EINVAL when the range is empty or step is 0. */
RONDO_API int64_t rondo_random_randrange(int64_t start, int64_t stop, int64_t step);
RONDO_API int64_t rondo_random_randrange_r(struct rondo_random *r, int64_t start, int64_t stop,
					   int64_t step);

/* Draw an index below n: what rondo_random_choice() uses, for sequences that are not arrays.
 *
 * Awaits:  no.
 * Returns: the index, -EINVAL when n is 0 or above SSIZE_MAX. */
RONDO_API ssize_t rondo_random_choice_index(size_t n);
RONDO_API ssize_t rondo_random_choice_index_r(struct rondo_random *r, size_t n);

/* Draw k indexes below n with replacement; weights has n entries, or is NULL for equal chances.
 *
 * Awaits:  no.
 * Returns: 0, -EINVAL when n is 0 (and k is not), n is above 2^53 without weights, or the weights'
 *          sum is not finite and above 0, -ENOMEM. */
RONDO_API RONDO_MUST_CHECK int rondo_random_choices_index(size_t n, const double *weights,
							  size_t k, size_t *result);
RONDO_API RONDO_MUST_CHECK int rondo_random_choices_index_r(
	struct rondo_random *r, size_t n, const double *weights, size_t k, size_t *result);

/* Draw k indexes below n with replacement; each entry of cum_weights is the sum of the weights up
 * to and including its own.
 *
 * Awaits:  no.
 * Returns: 0, -EINVAL when n is 0 or the last entry is not finite and above 0. */
RONDO_API RONDO_MUST_CHECK int rondo_random_choices_cum_index(
	size_t n, const double *cum_weights, size_t k, size_t *result);
RONDO_API RONDO_MUST_CHECK int rondo_random_choices_cum_index_r(
	struct rondo_random *r, size_t n, const double *cum_weights, size_t k, size_t *result);

/* Copy k elements out of n with replacement; see rondo_random_choices_index().
 *
 * Awaits:  no.
 * Returns: 0, -EINVAL, -ENOMEM. */
RONDO_API RONDO_MUST_CHECK int rondo_random_choices_n(
	const void *base, size_t n, size_t size, const double *weights, size_t k, void *result);
RONDO_API RONDO_MUST_CHECK int rondo_random_choices_n_r(
	struct rondo_random *r, const void *base, size_t n, size_t size, const double *weights,
	size_t k, void *result);

/* Copy k elements out of n with replacement; see rondo_random_choices_cum_index().
 *
 * Awaits:  no.
 * Returns: 0, -EINVAL. */
RONDO_API RONDO_MUST_CHECK int rondo_random_choices_cum_n(
	const void *base, size_t n, size_t size, const double *cum_weights, size_t k, void *result);
RONDO_API RONDO_MUST_CHECK int rondo_random_choices_cum_n_r(
	struct rondo_random *r, const void *base, size_t n, size_t size, const double *cum_weights,
	size_t k, void *result);

/* Draw k different indexes below n, in the order drawn: random.sample(range(n), k).
 *
 * Awaits:  no.
 * Returns: 0, -EINVAL when k > n, -ENOMEM. */
RONDO_API RONDO_MUST_CHECK int rondo_random_sample_index(size_t n, size_t k, size_t *result);
RONDO_API RONDO_MUST_CHECK int rondo_random_sample_index_r(struct rondo_random *r, size_t n,
							   size_t k, size_t *result);

/* Draw k indexes below n without replacement, from a population that holds index i counts[i] times.
 *
 * Awaits:  no.
 * Returns: 0, -EINVAL when the sum of counts is 0, below k or beyond size_t, -ENOMEM. */
RONDO_API RONDO_MUST_CHECK int rondo_random_sample_counts_index(size_t n, const size_t *counts,
								size_t k, size_t *result);
RONDO_API RONDO_MUST_CHECK int rondo_random_sample_counts_index_r(
	struct rondo_random *r, size_t n, const size_t *counts, size_t k, size_t *result);

/* Copy k different elements out of n, in the order drawn; see rondo_random_sample_index().
 *
 * Awaits:  no.
 * Returns: 0, -EINVAL, -ENOMEM. */
RONDO_API RONDO_MUST_CHECK int rondo_random_sample_n(const void *base, size_t n, size_t size,
						     size_t k, void *result);
RONDO_API RONDO_MUST_CHECK int rondo_random_sample_n_r(struct rondo_random *r, const void *base,
						       size_t n, size_t size, size_t k,
						       void *result);

/* Copy k elements out of n that each occur counts[i] times; see rondo_random_sample_counts_index().
 *
 * Awaits:  no.
 * Returns: 0, -EINVAL, -ENOMEM. */
RONDO_API RONDO_MUST_CHECK int rondo_random_sample_counts_n(
	const void *base, size_t n, size_t size, const size_t *counts, size_t k, void *result);
RONDO_API RONDO_MUST_CHECK int rondo_random_sample_counts_n_r(
	struct rondo_random *r, const void *base, size_t n, size_t size, const size_t *counts,
	size_t k, void *result);

/* Shuffle n elements of size bytes in place.
 *
 * Awaits:  no. */
RONDO_API void rondo_random_shuffle_n(void *base, size_t n, size_t size);
RONDO_API void rondo_random_shuffle_n_r(struct rondo_random *r, void *base, size_t n, size_t size);

/* Draw from a + (b - a) * random(); b may or may not be included, depending on rounding.
 *
 * Awaits:  no.
 * Returns: the number. */
RONDO_API double rondo_random_uniform(double a, double b);
RONDO_API double rondo_random_uniform_r(struct rondo_random *r, double a, double b);

/* Draw from the triangular distribution; mode may be RONDO_RANDOM_NO_MODE. Python's defaults are
 * (0, 1, RONDO_RANDOM_NO_MODE).
 *
 * Awaits:  no.
 * Returns: the number; low when low equals high. */
RONDO_API double rondo_random_triangular(double low, double high, double mode);
RONDO_API double rondo_random_triangular_r(struct rondo_random *r, double low, double high,
					   double mode);

/* Draw from the normal distribution, two draws at a time: the second waits for the next call.
 *
 * Awaits:  no.
 * Returns: the number. */
RONDO_API double rondo_random_gauss(double mu, double sigma);
RONDO_API double rondo_random_gauss_r(struct rondo_random *r, double mu, double sigma);

/* Draw from the normal distribution, by another method and so with other numbers than gauss.
 *
 * Awaits:  no.
 * Returns: the number. */
RONDO_API double rondo_random_normalvariate(double mu, double sigma);
RONDO_API double rondo_random_normalvariate_r(struct rondo_random *r, double mu, double sigma);

/* Draw a number whose logarithm is normally distributed.
 *
 * Awaits:  no.
 * Returns: the number. */
RONDO_API double rondo_random_lognormvariate(double mu, double sigma);
RONDO_API double rondo_random_lognormvariate_r(struct rondo_random *r, double mu, double sigma);

/* Draw from the exponential distribution with mean 1 / lambd.
 *
 * Awaits:  no.
 * Returns: the number, NaN when lambd is 0. */
RONDO_API double rondo_random_expovariate(double lambd);
RONDO_API double rondo_random_expovariate_r(struct rondo_random *r, double lambd);

/* Draw an angle from the von Mises distribution around mu, 0 <= x <= 2 pi.
 *
 * Awaits:  no.
 * Returns: the angle in radians, NaN when kappa is NaN. */
RONDO_API double rondo_random_vonmisesvariate(double mu, double kappa);
RONDO_API double rondo_random_vonmisesvariate_r(struct rondo_random *r, double mu, double kappa);

/* Draw from the gamma distribution of shape alpha and scale beta.
 *
 * Awaits:  no.
 * Returns: the number, NaN unless both are above 0. */
RONDO_API double rondo_random_gammavariate(double alpha, double beta);
RONDO_API double rondo_random_gammavariate_r(struct rondo_random *r, double alpha, double beta);

/* Draw from the beta distribution.
 *
 * Awaits:  no.
 * Returns: the number, 0 to 1; NaN unless both parameters are above 0. */
RONDO_API double rondo_random_betavariate(double alpha, double beta);
RONDO_API double rondo_random_betavariate_r(struct rondo_random *r, double alpha, double beta);

/* Draw from the Pareto distribution of shape alpha.
 *
 * Awaits:  no.
 * Returns: the number, NaN when alpha is 0. */
RONDO_API double rondo_random_paretovariate(double alpha);
RONDO_API double rondo_random_paretovariate_r(struct rondo_random *r, double alpha);

/* Draw from the Weibull distribution of scale alpha and shape beta.
 *
 * Awaits:  no.
 * Returns: the number, NaN when beta is 0. */
RONDO_API double rondo_random_weibullvariate(double alpha, double beta);
RONDO_API double rondo_random_weibullvariate_r(struct rondo_random *r, double alpha, double beta);

/* Count the successes of n trials that each succeed with probability p.
 *
 * Awaits:  no.
 * Returns: the count, -EINVAL when n < 0 or p is not within 0 to 1. */
RONDO_API int64_t rondo_random_binomialvariate(int64_t n, double p);
RONDO_API int64_t rondo_random_binomialvariate_r(struct rondo_random *r, int64_t n, double p);

RONDO_END_DECLS

/* The length of an array; a pointer, whose length nobody knows, does not compile. */
#ifdef __cplusplus
template <typename T, size_t N> constexpr size_t rondo__array_length(T (&)[N])
{
	return N;
}
#else
#define rondo__array_length(array) \
	(sizeof(array) / sizeof((array)[0]) + 0 * sizeof(char[1 - 2 * \
	__builtin_types_compatible_p(__typeof__(array), __typeof__(&(array)[0]))]))
#endif

/* The size of an element; result must point to elements of the same type. */
#define rondo__element_size(array, result) \
	(sizeof((result) == &(array)[0]) ? sizeof((array)[0]) : 0)

/* The functions above for whole arrays, typed. rondo_random_choice(array) is the element itself;
 * the others take what their _n forms take, without the length and the element's size:
 *	rondo_random_shuffle(array)
 *	rondo_random_sample(array, k, result)
 *	rondo_random_sample_counts(array, counts, k, result)
 *	rondo_random_choices(array, weights, k, result)
 *	rondo_random_choices_cum(array, cum_weights, k, result) */
#define rondo_random_choice(array) \
	((array)[rondo_random_choice_index(rondo__array_length(array))])
#define rondo_random_choice_r(r, array) \
	((array)[rondo_random_choice_index_r((r), rondo__array_length(array))])

#define rondo_random_shuffle(array) \
	rondo_random_shuffle_n((array), rondo__array_length(array), sizeof((array)[0]))
#define rondo_random_shuffle_r(r, array) \
	rondo_random_shuffle_n_r((r), (array), rondo__array_length(array), sizeof((array)[0]))

#define rondo_random_sample(array, k, result) \
	rondo_random_sample_r(rondo_random_default(), array, k, result)
#define rondo_random_sample_r(r, array, k, result) \
	rondo_random_sample_n_r((r), (array), rondo__array_length(array), \
		rondo__element_size(array, result), (k), (result))

#define rondo_random_sample_counts(array, counts, k, result) \
	rondo_random_sample_counts_r(rondo_random_default(), array, counts, k, result)
#define rondo_random_sample_counts_r(r, array, counts, k, result) \
	rondo_random_sample_counts_n_r((r), (array), rondo__array_length(array), \
		rondo__element_size(array, result), (counts), (k), (result))

#define rondo_random_choices(array, weights, k, result) \
	rondo_random_choices_r(rondo_random_default(), array, weights, k, result)
#define rondo_random_choices_r(r, array, weights, k, result) \
	rondo_random_choices_n_r((r), (array), rondo__array_length(array), \
		rondo__element_size(array, result), (weights), (k), (result))

#define rondo_random_choices_cum(array, cum_weights, k, result) \
	rondo_random_choices_cum_r(rondo_random_default(), array, cum_weights, k, result)
#define rondo_random_choices_cum_r(r, array, cum_weights, k, result) \
	rondo_random_choices_cum_n_r((r), (array), rondo__array_length(array), \
		rondo__element_size(array, result), (cum_weights), (k), (result))
#endif
