/* SPDX-License-Identifier: MIT */
/* test_setup.c - goal: a ring opens on every kernel from 5.19 on with the best that kernel has,
 * says what it went without, and is refused with a true error below. Method: a kernel that wraps
 * the real one and refuses flags, sizes, register ops or features, as older ones do. */
#include "raw.h"

#include <sys/resource.h>


#include <sys/syscall.h>

#include "base/list.h"

enum { MAX_WORKERS = IORING_REGISTER_IOWQ_MAX_WORKERS };

struct refusing {
	struct kernel kernel;
	unsigned flags;			/* set-up flags it does not know */
	unsigned sq_max, cq_max;	/* larger rings are ENOMEM; 0: any size */
	int error;			/* what set-up fails with in any case */
	unsigned n_poor;		/* so many set-ups are ENOMEM, and then no more */
	uint64_t register_ops;		/* register ops it does not know */
	unsigned features;		/* feature bits it does not have */
	long number;			/* a system call it does not have */
	unsigned n_setups, n_closes;
	uint64_t slept_ns;
};

static struct refusing *refusing_of(const struct kernel *k)
{
	return (struct refusing *)container_of(k, struct refusing, kernel);
}

static int refusing_setup(const struct kernel *k, unsigned entries, struct io_uring *ring,
			  struct io_uring_params *params)
{
	struct refusing *r = refusing_of(k);
	int ret;

	r->n_setups++;
	if (r->error)
		return r->error;
	if (r->n_poor && r->n_poor--)
		return -ENOMEM;
	if (params->flags & r->flags)
		return -EINVAL;
	if ((r->sq_max && entries > r->sq_max) || (r->cq_max && params->cq_entries > r->cq_max))
		return -ENOMEM;
	ret = rondo__kernel_linux.setup(k, entries, ring, params);
	ring->features &= ~r->features;
	return ret;
}

static void refusing_close(const struct kernel *k, struct io_uring *ring)
{
	refusing_of(k)->n_closes++;
	rondo__kernel_linux.close(k, ring);
}

static void refusing_sleep(const struct kernel *k, uint64_t ns)
{
	refusing_of(k)->slept_ns += ns;
}

static int refusing_register(const struct kernel *k, unsigned fd, unsigned opcode, const void *arg,
			     unsigned n)
{
	if (opcode < 64 && refusing_of(k)->register_ops >> opcode & 1)
		return -EINVAL;
	return rondo__kernel_linux.register_(k, fd, opcode, arg, n);
}

static long refusing_call(const struct kernel *k, long number, long a, long b, long c, long d,
			  long e, long f)
{
	if (number == refusing_of(k)->number)
		return -EOPNOTSUPP;
	return rondo__kernel_linux.call(k, number, a, b, c, d, e, f);
}

/* A kernel with more opcodes than were asked about, which says how many. */
static int boasting_register(const struct kernel *k, unsigned fd, unsigned opcode, const void *arg,
			     unsigned n)
{
	int ret = refusing_register(k, fd, opcode, arg, n);

	if (opcode == IORING_REGISTER_PROBE && ret == 0)
		((struct io_uring_probe *)(uintptr_t)arg)->ops_len = UINT8_MAX;
	return ret;
}

static void refusing_init(struct refusing *r)
{
	*r = (struct refusing){ .kernel = rondo__kernel_linux, .number = -1 };
	r->kernel.setup = refusing_setup;
	r->kernel.close = refusing_close;
	r->kernel.sleep = refusing_sleep;
	r->kernel.register_ = refusing_register;
	r->kernel.call = refusing_call;
}

/* Open, check that it works, hand it to the caller open. */
static void open_working(struct refusing *k, struct raw *r)
{
	assert_int_equal(raw_try_open(r, &k->kernel, &(struct ring_options){ 0 }), 0);
	for (unsigned i = 0; i < 3; i++)
		raw_nop(r, i);
	raw_wait(r, 3);
}

static void test_a_ring_leaves_no_descriptor_behind(void **state)
{
	int before = raw_count_entries("/proc/self/fd");
	struct refusing k;
	struct raw r;

	(void)state;
	refusing_init(&k);
	open_working(&k, &r);
	raw_close(&r);
	k.register_ops = UINT64_C(1) << IORING_REGISTER_ENABLE_RINGS;
	assert_int_equal(raw_try_open(&r, &k.kernel, &(struct ring_options){ 0 }), -EINVAL);
	assert_int_equal(k.n_closes, 2);
	assert_int_equal(raw_count_entries("/proc/self/fd"), before);
}

static void test_the_whole_flag_set_is_asked_for(void **state)
{
	struct refusing k;
	struct raw r;

	(void)state;
	refusing_init(&k);
	open_working(&k, &r);
	if (!(r.ring.downgrades & RING_NO_DEFER_TASKRUN))
		assert_int_equal(r.ring.uring.flags & ~(unsigned)IORING_SETUP_R_DISABLED,
				 IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
				 IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_SUBMIT_ALL |
				 IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP);
	assert_int_equal(r.ring.uring.sq.ring_entries, RING_SQ_ENTRIES);
	assert_int_equal(r.ring.uring.cq.ring_entries, RING_SQ_ENTRIES * RING_CQ_RATIO);
	raw_close(&r);
}

static void test_without_defer_taskrun_it_is_coop_taskrun(void **state)
{
	struct refusing k;
	struct raw r;

	(void)state;
	refusing_init(&k);
	k.flags = IORING_SETUP_DEFER_TASKRUN;
	open_working(&k, &r);
	assert_true(r.ring.uring.flags & IORING_SETUP_COOP_TASKRUN);
	assert_true(r.ring.uring.flags & IORING_SETUP_SINGLE_ISSUER);
	assert_true(r.ring.downgrades & RING_NO_DEFER_TASKRUN);
	assert_false(r.ring.downgrades & RING_NO_SINGLE_ISSUER);
	raw_close(&r);
}

static void test_without_single_issuer_it_goes_on(void **state)
{
	struct refusing k;
	struct raw r;

	(void)state;
	refusing_init(&k);
	k.flags = IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SINGLE_ISSUER;
	open_working(&k, &r);
	assert_true(r.ring.uring.flags & IORING_SETUP_COOP_TASKRUN);
	assert_true(r.ring.downgrades & RING_NO_DEFER_TASKRUN);
	assert_true(r.ring.downgrades & RING_NO_SINGLE_ISSUER);
	raw_close(&r);
}

static void test_a_kernel_below_5_19_is_enosys(void **state)
{
	struct refusing k;
	struct raw r;

	(void)state;
	refusing_init(&k);
	k.flags = IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_COOP_TASKRUN;
	assert_int_equal(raw_try_open(&r, &k.kernel, &(struct ring_options){ 0 }), -ENOSYS);
	assert_int_equal(k.n_setups, 3);
}

static void test_a_bad_request_is_einval_and_not_an_old_kernel(void **state)
{
	struct ring_options o = { .extra_setup_flags = 1u << 31 };
	struct refusing k;
	struct raw r;

	(void)state;
	refusing_init(&k);
	assert_int_equal(raw_try_open(&r, &k.kernel, &o), -EINVAL);
}

static void test_a_refusal_is_not_argued_with(void **state)
{
	static const int errors[] = { -EPERM, -ENOSYS, -EMFILE, -ENFILE, -EACCES };
	struct ring_options o = { 0 };
	struct refusing k;
	struct raw r;

	(void)state;
	for (unsigned i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		refusing_init(&k);
		k.error = errors[i];
		assert_int_equal(raw_try_open(&r, &k.kernel, &o), errors[i]);
		assert_int_equal(k.n_setups, 1);
	}
}

static void test_too_large_a_ring_is_halved_until_it_fits(void **state)
{
	struct refusing k;
	struct raw r;

	(void)state;
	refusing_init(&k);
	k.sq_max = 32;
	open_working(&k, &r);
	assert_int_equal(r.ring.uring.sq.ring_entries, 32);
	assert_int_equal(r.ring.uring.cq.ring_entries, 32 * RING_CQ_RATIO);
	assert_true(r.ring.downgrades & RING_SMALLER);
	raw_close(&r);
}

static void test_a_cq_of_a_chosen_size_is_halved_too(void **state)
{
	struct ring_options o = { .sq_entries = RING_SQ_ENTRIES_MIN, .cq_entries = 32768 };
	struct refusing k;
	struct raw r;

	(void)state;
	refusing_init(&k);
	k.cq_max = 1024;
	assert_int_equal(raw_try_open(&r, &k.kernel, &o), 0);
	assert_int_equal(r.ring.uring.cq.ring_entries, 1024);
	assert_true(r.ring.downgrades & RING_SMALLER);
	raw_close(&r);
}

/* KN-27 */
static void test_memory_that_comes_back_soon_is_waited_for(void **state)
{
	struct refusing k;
	struct raw r;

	(void)state;
	refusing_init(&k);
	k.n_poor = 4;
	open_working(&k, &r);
	assert_int_equal(r.ring.uring.sq.ring_entries, RING_SQ_ENTRIES);
	assert_false(r.ring.downgrades & RING_SMALLER);
	assert_int_equal(k.n_setups, 5);
	assert_int_equal(k.slept_ns, 15000000);
	raw_close(&r);
}

static void test_halving_and_waiting_end(void **state)
{
	struct refusing k;
	struct raw r;

	(void)state;
	refusing_init(&k);
	k.error = -ENOMEM;
	assert_int_equal(raw_try_open(&r, &k.kernel, &(struct ring_options){ 0 }), -ENOMEM);
	assert_true(k.n_setups < 20);
	assert_in_range(k.slept_ns, 1, 70000000);
}

static void test_a_size_is_clamped_not_refused(void **state)
{
	struct ring_options o = { .sq_entries = 1 << 20, .cq_entries = 1 << 25 };
	struct raw r;
	int ret = raw_try_open(&r, &rondo__kernel_linux, &o);

	(void)state;
	assert_int_equal(ret, 0);
	assert_true(r.ring.uring.sq.ring_entries <= 32768);
	raw_close(&r);
}

static void test_without_a_registered_descriptor_the_plain_one_serves(void **state)
{
	struct refusing k;
	struct raw r;

	(void)state;
	refusing_init(&k);
	k.register_ops = UINT64_C(1) << IORING_REGISTER_RING_FDS;
	open_working(&k, &r);
	assert_true(r.ring.downgrades & RING_NO_REGISTERED_FD);
	assert_int_equal(r.ring.enter_fd, r.ring.uring.ring_fd);
	assert_false(r.ring.enter_flags & IORING_ENTER_REGISTERED_RING);
	raw_close(&r);
}

static void test_worker_threads_are_capped(void **state)
{
	unsigned now[2] = { 0, 0 };	/* zeros ask */
	struct refusing k;
	struct raw r;

	(void)state;
	refusing_init(&k);
	open_working(&k, &r);
	assert_int_equal(rondo__kernel_linux.register_(&k.kernel, (unsigned)r.ring.uring.ring_fd,
						       MAX_WORKERS, now, 2), 0);
	assert_int_equal(now[0], RING_IOWQ_BOUNDED);
	assert_int_equal(now[1], RING_IOWQ_UNBOUNDED);
	assert_false(r.ring.downgrades & RING_NO_IOWQ_LIMIT);
	raw_close(&r);
	k.register_ops = UINT64_C(1) << MAX_WORKERS;
	open_working(&k, &r);
	assert_true(r.ring.downgrades & RING_NO_IOWQ_LIMIT);
	raw_close(&r);
}

static void assert_workers(unsigned bounded, unsigned unbounded, unsigned n_bounded, unsigned n_unbounded)
{
	const struct ring_options o = { .iowq_bounded = bounded, .iowq_unbounded = unbounded };
	unsigned now[2] = { 0, 0 };
	struct raw r;

	assert_int_equal(raw_try_open(&r, &rondo__kernel_linux, &o), 0);
	assert_int_equal(rondo__kernel_linux.register_(&rondo__kernel_linux,
						       (unsigned)r.ring.uring.ring_fd, MAX_WORKERS,
						       now, 2), 0);
	assert_int_equal(now[0], n_bounded);
	assert_int_equal(now[1], n_unbounded);
	raw_close(&r);
}

static void test_each_cap_of_workers_can_be_chosen(void **state)
{
	(void)state;
	assert_workers(3, 0, 3, RING_IOWQ_UNBOUNDED);
	assert_workers(0, 5, RING_IOWQ_BOUNDED, 5);
	assert_workers(2, 7, 2, 7);
}

static void test_features_decide_how_to_wait(void **state)
{
	struct refusing k;
	struct raw r;

	(void)state;
	refusing_init(&k);
	k.features = RONDO_FEAT_NO_IOWAIT | RONDO_FEAT_MIN_TIMEOUT;
	open_working(&k, &r);
	assert_int_equal(r.ring.wait_flags, 0);
	assert_false(r.ring.has_abs_timer);
	assert_true(r.ring.downgrades & RING_NO_IOWAIT_FLAG);
	assert_true(r.ring.downgrades & RING_NO_ABS_TIMER);
	raw_close(&r);
}

static void test_opcodes_are_known_by_probing(void **state)
{
	struct refusing k;
	struct raw r;

	(void)state;
	refusing_init(&k);
	open_working(&k, &r);
	assert_true(ring_has_op(&r.ring, IORING_OP_READ));
	assert_false(ring_has_op(&r.ring, 64));
	raw_close(&r);
	k.register_ops = UINT64_C(1) << IORING_REGISTER_PROBE;
	open_working(&k, &r);
	assert_false(ring_has_op(&r.ring, IORING_OP_READ));
	raw_close(&r);
}

static void test_no_more_opcodes_are_read_than_were_asked_about(void **state)
{
	struct refusing k;
	struct raw plain, r;

	(void)state;
	raw_open(&plain);
	refusing_init(&k);
	k.kernel.register_ = boasting_register;
	open_working(&k, &r);
	assert_true(r.ring.ops == plain.ring.ops);
	raw_close(&r);
	raw_close(&plain);
}

static void test_a_write_that_raises_no_sigpipe_is_found_by_trying(void **state)
{
	int before = raw_count_entries("/proc/self/fd");
	struct refusing k;
	struct raw r;

	(void)state;
	refusing_init(&k);
	k.number = SYS_pwritev2;
	open_working(&k, &r);
	assert_false(r.ring.has_nosignal);
	raw_close(&r);
	k.number = SYS_pipe2;
	open_working(&k, &r);
	assert_false(r.ring.has_nosignal);
	raw_close(&r);
	assert_int_equal(raw_count_entries("/proc/self/fd"), before);
}

static void test_without_a_descriptor_there_is_no_ring(void **state)
{
	int next = dup(0);
	struct rlimit old, low;
	struct raw r;

	(void)state;
	assert_true(next >= 0);
	close(next);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	low = (struct rlimit){ .rlim_cur = (rlim_t)next, .rlim_max = old.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	assert_int_equal(raw_try_open(&r, &rondo__kernel_linux, &(struct ring_options){ 0 }), -EMFILE);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_ring_leaves_no_descriptor_behind),
		cmocka_unit_test(test_the_whole_flag_set_is_asked_for),
		cmocka_unit_test(test_without_defer_taskrun_it_is_coop_taskrun),
		cmocka_unit_test(test_without_single_issuer_it_goes_on),
		cmocka_unit_test(test_a_kernel_below_5_19_is_enosys),
		cmocka_unit_test(test_a_bad_request_is_einval_and_not_an_old_kernel),
		cmocka_unit_test(test_a_refusal_is_not_argued_with),
		cmocka_unit_test(test_too_large_a_ring_is_halved_until_it_fits),
		cmocka_unit_test(test_a_cq_of_a_chosen_size_is_halved_too),
		cmocka_unit_test(test_memory_that_comes_back_soon_is_waited_for),
		cmocka_unit_test(test_halving_and_waiting_end),
		cmocka_unit_test(test_a_size_is_clamped_not_refused),
		cmocka_unit_test(test_without_a_registered_descriptor_the_plain_one_serves),
		cmocka_unit_test(test_worker_threads_are_capped),
		cmocka_unit_test(test_each_cap_of_workers_can_be_chosen),
		cmocka_unit_test(test_features_decide_how_to_wait),
		cmocka_unit_test(test_opcodes_are_known_by_probing),
		cmocka_unit_test(test_no_more_opcodes_are_read_than_were_asked_about),
		cmocka_unit_test(test_a_write_that_raises_no_sigpipe_is_found_by_trying),
		cmocka_unit_test(test_without_a_descriptor_there_is_no_ring),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
