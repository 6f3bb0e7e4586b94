/* SPDX-License-Identifier: MIT */
/* test_probe.c - goal: the report of a kernel is complete, in order, true, and the same whether the
 * kernel was asked or tried. Method: the real kernel, and wrapped ones that lack what older kernels
 * lack; where the real one answers a query, that answer checks what trying finds. */
#include "raw.h"

#include <sys/syscall.h>

#include "base/list.h"
#include "ring/probe.h"

enum { MAX_ITEMS = 512 };

struct fact {
	char group[24], name[40], value[96], why[256];
	enum rondo_probe_state state;
};

struct facts {
	struct fact list[MAX_ITEMS];
	unsigned n;
	int ret;
};

static void keep(char *to, size_t size, const char *from)
{
	assert_non_null(from);
	assert_true(strlen(from) < size);
	strcpy(to, from);
}

static void collect(void *ctx, const struct rondo_probe_item *item)
{
	struct facts *f = ctx;
	struct fact *fact = &f->list[f->n++];

	assert_true(f->n <= MAX_ITEMS);
	keep(fact->group, sizeof(fact->group), item->group);
	keep(fact->name, sizeof(fact->name), item->name);
	keep(fact->value, sizeof(fact->value), item->value);
	keep(fact->why, sizeof(fact->why), item->why);
	fact->state = item->state;
}

static struct facts *facts_of(const struct kernel *k)
{
	struct facts *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->ret = rondo__probe(k, collect, f);
	return f;
}

static const struct fact *find(const struct facts *f, const char *group, const char *name)
{
	for (unsigned i = 0; i < f->n; i++)
		if (!strcmp(f->list[i].group, group) && !strcmp(f->list[i].name, name))
			return &f->list[i];
	print_error("no fact %s/%s\n", group, name);
	fail();
	return NULL;
}

static enum rondo_probe_state state_of(const struct facts *f, const char *group, const char *name)
{
	return find(f, group, name)->state;
}

/* An older kernel: the real one without... */
struct older {
	struct kernel kernel;
	unsigned setup_flags;
	unsigned enter_flags;
	unsigned features;
	unsigned first_op;		/* ... ops from this one on */
	unsigned first_register_op, no_register_op;
	int setup_error;		/* ... any ring at all */
	bool has_nosignal;
	unsigned sq_max;		/* ... larger rings, for want of memory */
	unsigned denied_flags;		/* ... the right to these set-up flags */
	long no_call;			/* ... this system call */
	int enter_error;		/* ... any enter at all */
	bool no_recv_multishot;
	int query_result;		/* of a query that is known and fails */
	bool is_younger;		/* or with more than this library has heard of */
	struct io_uring *ring;
};

enum { YOUNGER_BIT = 40, YOUNGER_OP = 200, YOUNGER_REGISTER_OP = 100 };

static struct older *older_of(const struct kernel *k)
{
	return (struct older *)container_of(k, struct older, kernel);
}

static int older_setup(const struct kernel *k, unsigned entries, struct io_uring *ring,
		       struct io_uring_params *params)
{
	struct older *o = older_of(k);
	int ret;

	o->ring = ring;
	if (o->setup_error || (params->flags & o->setup_flags))
		return o->setup_error ? o->setup_error : -EINVAL;
	if (o->sq_max && entries > o->sq_max)
		return -ENOMEM;
	ret = rondo__kernel_linux.setup(k, entries, ring, params);
	ring->features &= ~o->features;
	return ret;
}

static int older_enter(const struct kernel *k, unsigned fd, unsigned to_submit,
		       unsigned min_complete, unsigned flags, const void *arg, size_t arg_size)
{
	const struct older *o = older_of(k);
	struct io_uring_sq *sq = &o->ring->sq;

	if (flags & o->enter_flags)
		return -EINVAL;
	if (o->enter_error)
		return o->enter_error;
	for (unsigned i = 0; o->no_recv_multishot && i < to_submit; i++) {
		struct io_uring_sqe *sqe = &sq->sqes[(*sq->khead + i) & sq->ring_mask];

		if (sqe->opcode == IORING_OP_RECV)
			sqe->ioprio |= 1u << 15;	/* a flag that nobody knows */
	}
	return rondo__kernel_linux.enter(k, fd, to_submit, min_complete, flags, arg, arg_size);
}

/* What is said by a kernel younger than this library. */
static void look_younger(unsigned opcode, void *answer, unsigned n)
{
	struct rondo_query *q = answer;
	struct io_uring_probe *p = answer;

	if (opcode == RONDO_REGISTER_QUERY) {
		struct rondo_query_ops *ops = (void *)(uintptr_t)q->data;

		ops->setup_flags |= UINT64_C(1) << YOUNGER_BIT;
		ops->enter_flags |= UINT64_C(1) << YOUNGER_BIT;
		ops->n_register_ops = YOUNGER_REGISTER_OP + 1;
	} else if (opcode == IORING_REGISTER_PROBE && n > RONDO_OP_END) {
		p->last_op = YOUNGER_OP;
		p->ops[p->ops_len].op = YOUNGER_OP;
		p->ops[p->ops_len++].flags = IO_URING_OP_SUPPORTED;
	}
}

static int older_register(const struct kernel *k, unsigned fd, unsigned opcode, const void *arg,
			  unsigned n)
{
	struct older *o = older_of(k);
	int ret;

	if (opcode >= o->first_register_op || opcode == o->no_register_op)
		return -EINVAL;
	ret = rondo__kernel_linux.register_(k, fd, opcode, arg, n);
	if (opcode == IORING_REGISTER_PROBE && ret == 0) {
		struct io_uring_probe *p = (struct io_uring_probe *)(uintptr_t)arg;

		for (unsigned i = o->first_op; i < p->ops_len; i++)
			p->ops[i].flags = 0;
	}
	if (opcode == RONDO_REGISTER_QUERY && ret == 0 && arg && o->query_result)
		((struct rondo_query *)(uintptr_t)arg)->result = o->query_result;
	if (o->is_younger && ret == 0)
		look_younger(opcode, (void *)(uintptr_t)arg, n);
	return ret;
}

static long older_call(const struct kernel *k, long number, long a, long b, long c, long d, long e,
		       long f)
{
	struct older *o = older_of(k);
	const struct io_uring_params *params = (const void *)b;

	if (number == SYS_io_uring_setup && (params->flags & o->setup_flags))
		return -EINVAL;
	if (number == SYS_io_uring_setup && (params->flags & o->denied_flags))
		return -EPERM;
	if (number == o->no_call)
		return -EMFILE;
	if (number == SYS_pwritev2 && !o->has_nosignal)
		return -EOPNOTSUPP;
	return rondo__kernel_linux.call(k, number, a, b, c, d, e, f);
}

static void older_init(struct older *o)
{
	*o = (struct older){ .kernel = rondo__kernel_linux, .first_op = 256,
			     .first_register_op = 64, .no_register_op = 64,
			     .has_nosignal = true, .no_call = -1 };
	o->kernel.setup = older_setup;
	o->kernel.enter = older_enter;
	o->kernel.register_ = older_register;
	o->kernel.call = older_call;
}

/* Linux 6.1, Debian 12's. */
static void older_6_1(struct older *o)
{
	older_init(o);
	o->setup_flags = ~0u << 14;
	o->enter_flags = ~0u << 5;
	o->features = ~0u << 13;
	o->first_op = RONDO_OP_READ_MULTISHOT;
	o->first_register_op = 26;
	o->has_nosignal = false;
}

static void test_facts_come_in_the_promised_order_and_once(void **state)
{
	static const char *const groups[] = { "kernel", "limits", "setup flag", "enter flag",
					      "feature", "opcode", "register", "fallback" };
	struct facts *f = facts_of(&rondo__kernel_linux);
	unsigned group = 0;

	(void)state;
	assert_int_equal(f->ret, 0);
	for (unsigned i = 0; i < f->n; i++) {
		if (strcmp(f->list[i].group, groups[group]))
			group++;
		assert_true(group < 8);
		assert_string_equal(f->list[i].group, groups[group]);
		assert_ptr_equal(find(f, f->list[i].group, f->list[i].name), &f->list[i]);
	}
	assert_int_equal(group, 7);
	free(f);
}

static void test_the_report_agrees_with_the_ring(void **state)
{
	struct facts *f = facts_of(&rondo__kernel_linux);
	unsigned n_ops = 0, n_listed = 0;
	struct raw r;

	(void)state;
	raw_open(&r);
	for (unsigned i = 0; i < 63; i++)
		n_ops += ring_has_op(&r.ring, i);
	for (unsigned i = 0; i < f->n; i++)
		if (!strcmp(f->list[i].group, "opcode") && f->list[i].state != RONDO_PROBE_ABSENT)
			n_listed++;
	assert_true(n_listed >= n_ops);
	assert_int_equal(state_of(f, "opcode", "READ"), RONDO_PROBE_USED);
	assert_int_equal(state_of(f, "opcode", "PIPE") != RONDO_PROBE_ABSENT,
			 ring_has_op(&r.ring, RONDO_OP_PIPE));
	assert_int_equal(state_of(f, "feature", "EXT_ARG"), RONDO_PROBE_USED);
	assert_int_equal(state_of(f, "setup flag", "DEFER_TASKRUN") == RONDO_PROBE_USED,
			 !(r.ring.downgrades & RING_NO_DEFER_TASKRUN));
	assert_int_equal(state_of(f, "setup flag", "SUBMIT_ALL"), RONDO_PROBE_USED);
	assert_int_equal(state_of(f, "fallback", "SIGPIPE") == RONDO_PROBE_USED,
			 r.ring.has_nosignal);
	assert_int_equal(state_of(f, "kernel", "io_uring"), RONDO_PROBE_USED);
	raw_close(&r);
	free(f);
}

static void test_what_is_not_there_says_which_kernel_has_it(void **state)
{
	struct older o;
	struct facts *f;

	(void)state;
	older_6_1(&o);
	f = facts_of(&o.kernel);
	for (unsigned i = 0; i < f->n; i++)
		if (f->list[i].state == RONDO_PROBE_ABSENT && strcmp(f->list[i].group, "limits"))
			assert_non_null(strstr(f->list[i].why, "needs kernel"));
	free(f);
}

static void test_asking_and_trying_find_the_same(void **state)
{
	struct facts *asked = facts_of(&rondo__kernel_linux), *tried;
	struct older o;

	(void)state;
	if (state_of(asked, "register", "REGISTER_QUERY") == RONDO_PROBE_ABSENT) {
		print_message("this kernel cannot be asked (REGISTER_QUERY, 6.18)\n");
		free(asked);
		skip();
	}
	older_init(&o);
	o.first_register_op = RONDO_REGISTER_QUERY;
	tried = facts_of(&o.kernel);
	for (unsigned i = 0; i < asked->n; i++) {
		const struct fact *a = &asked->list[i], *t;

		/* What came with the query or after it is not tried where there is no query. */
		if (!strcmp(a->group, "register") && (!strcmp(a->name, "REGISTER_QUERY") ||
						      !strcmp(a->name, "REGISTER_ZCRX_CTRL") ||
						      !strcmp(a->name, "REGISTER_BPF_FILTER")))
			continue;
		if (strstr(a->why, "younger than this library"))
			continue;
		t = find(tried, a->group, a->name);
		if (t->state != a->state)
			print_error("%s/%s: asked %d, tried %d\n", a->group, a->name, a->state,
				    t->state);
		assert_int_equal(t->state, a->state);
		assert_string_equal(t->value, a->value);
	}
	free(asked);
	free(tried);
}

/* What such a query has filled in is not believed. */
static void test_a_query_that_fails_tells_nothing(void **state)
{
	struct older failing, without;
	struct facts *f, *g;

	(void)state;
	older_init(&failing);
	failing.query_result = -EPERM;
	f = facts_of(&failing.kernel);
	older_init(&without);
	without.no_register_op = RONDO_REGISTER_QUERY;
	g = facts_of(&without.kernel);
	assert_int_equal(f->n, g->n);
	for (unsigned i = 0; i < f->n; i++) {
		assert_string_equal(f->list[i].name, g->list[i].name);
		if (strcmp(f->list[i].group, "register"))	/* the query itself is one */
			assert_int_equal(f->list[i].state, g->list[i].state);
	}
	free(f);
	free(g);
}

static void assert_instead(const struct facts *f, const char *name, const char *value)
{
	assert_int_equal(state_of(f, "fallback", name), RONDO_PROBE_ABSENT);
	assert_string_equal(find(f, "fallback", name)->value, value);
}

static void test_on_linux_6_1_the_fall_backs_are_named(void **state)
{
	struct older o;
	struct facts *f;

	(void)state;
	older_6_1(&o);
	f = facts_of(&o.kernel);
	assert_int_equal(f->ret, 0);
	assert_int_equal(state_of(f, "fallback", "task work"), RONDO_PROBE_USED);
	assert_int_equal(state_of(f, "fallback", "ring size"), RONDO_PROBE_USED);
	assert_instead(f, "deadlines", "relative timeout");
	assert_instead(f, "idle waits", "shown as iowait");
	assert_instead(f, "futex_wait", "-EOPNOTSUPP");
	assert_instead(f, "pipe", "pipe2(2)");
	assert_int_equal(state_of(f, "fallback", "SIGPIPE"), RONDO_PROBE_ABSENT);
	assert_int_equal(state_of(f, "opcode", "FUTEX_WAIT"), RONDO_PROBE_ABSENT);
	assert_int_equal(state_of(f, "opcode", "SENDMSG_ZC"), RONDO_PROBE_PRESENT);
	assert_int_equal(state_of(f, "setup flag", "NO_SQARRAY"), RONDO_PROBE_ABSENT);
	assert_int_equal(state_of(f, "setup flag", "COOP_TASKRUN"), RONDO_PROBE_PRESENT);
	assert_int_equal(state_of(f, "enter flag", "ABS_TIMER"), RONDO_PROBE_ABSENT);
	assert_int_equal(state_of(f, "enter flag", "EXT_ARG"), RONDO_PROBE_USED);
	assert_int_equal(state_of(f, "register", "REGISTER_FILE_ALLOC_RANGE"), RONDO_PROBE_PRESENT);
	assert_int_equal(state_of(f, "register", "REGISTER_NAPI"), RONDO_PROBE_ABSENT);
	free(f);
}

static void test_on_linux_5_19_the_ring_is_downgraded(void **state)
{
	struct older o;
	struct facts *f;

	(void)state;
	older_6_1(&o);
	o.setup_flags = ~0u << 12;
	o.first_op = IORING_OP_SEND_ZC;
	f = facts_of(&o.kernel);
	assert_int_equal(f->ret, 0);
	assert_instead(f, "task work", "COOP_TASKRUN");
	assert_instead(f, "locking", "locked ring");
	assert_instead(f, "send_zc", "send");
	assert_int_equal(state_of(f, "setup flag", "COOP_TASKRUN"), RONDO_PROBE_USED);
	assert_int_equal(state_of(f, "setup flag", "SINGLE_ISSUER"), RONDO_PROBE_ABSENT);
	free(f);
}

static void test_a_refused_ring_still_reports_kernel_and_limits(void **state)
{
	struct older o;
	struct facts *f;

	(void)state;
	older_init(&o);
	o.setup_error = -EMFILE;
	f = facts_of(&o.kernel);
	assert_int_equal(f->ret, -EMFILE);
	assert_int_equal(state_of(f, "kernel", "io_uring"), RONDO_PROBE_REFUSED);
	assert_non_null(strstr(find(f, "kernel", "io_uring")->why, "ulimit -n"));
	assert_int_equal(state_of(f, "limits", "RLIMIT_NOFILE"), RONDO_PROBE_VALUE);
	assert_true(atoi(find(f, "limits", "RLIMIT_NOFILE")->value) > 0);
	for (unsigned i = 0; i < f->n; i++)
		assert_true(!strcmp(f->list[i].group, "kernel") ||
			    !strcmp(f->list[i].group, "limits"));
	free(f);
}

static void test_what_is_younger_than_the_library_is_told_by_number(void **state)
{
	struct older o;
	struct facts *f;

	(void)state;
	older_init(&o);
	o.is_younger = true;
	f = facts_of(&o.kernel);
	assert_int_equal(f->ret, 0);
	assert_int_equal(state_of(f, "opcode", "READ"), RONDO_PROBE_USED);
	assert_string_equal(find(f, "opcode", "operation 200")->why, "younger than this library");
	if (state_of(f, "register", "REGISTER_QUERY") != RONDO_PROBE_ABSENT) {
		assert_int_equal(state_of(f, "setup flag", "bit 40"), RONDO_PROBE_PRESENT);
		assert_int_equal(state_of(f, "enter flag", "bit 40"), RONDO_PROBE_PRESENT);
		assert_int_equal(state_of(f, "register", "operation 100"), RONDO_PROBE_PRESENT);
	}
	free(f);
}

static void test_a_set_up_flag_that_is_denied_is_not_called_absent(void **state)
{
	struct older o;
	struct facts *f;

	(void)state;
	older_6_1(&o);
	o.denied_flags = IORING_SETUP_SQPOLL;
	f = facts_of(&o.kernel);
	assert_int_equal(state_of(f, "setup flag", "SQPOLL"), RONDO_PROBE_REFUSED);
	assert_string_equal(find(f, "setup flag", "SQPOLL")->why, rondo_strerror(-EPERM));
	free(f);
}

static void test_a_kernel_that_tells_no_opcodes_has_none(void **state)
{
	struct older o;
	struct facts *f;

	(void)state;
	older_6_1(&o);
	o.no_register_op = IORING_REGISTER_PROBE;
	f = facts_of(&o.kernel);
	assert_int_equal(f->ret, 0);
	for (unsigned i = 0; i < f->n; i++)
		if (!strcmp(f->list[i].group, "opcode"))
			assert_int_equal(f->list[i].state, RONDO_PROBE_ABSENT);
	assert_instead(f, "send_zc", "send");
	free(f);
}

static void test_a_ring_that_had_to_be_smaller_says_so(void **state)
{
	struct older o;
	struct facts *f;

	(void)state;
	older_init(&o);
	o.sq_max = RING_SQ_ENTRIES / 2;
	f = facts_of(&o.kernel);
	assert_int_equal(state_of(f, "fallback", "ring size"), RONDO_PROBE_REFUSED);
	assert_non_null(strstr(find(f, "fallback", "ring size")->why, "ulimit -l"));
	free(f);
}

static void test_without_a_shared_receive_each_connection_has_buffers(void **state)
{
	int before = raw_count_entries("/proc/self/fd");
	struct older o;
	struct facts *f;

	(void)state;
	older_init(&o);
	o.no_recv_multishot = true;
	f = facts_of(&o.kernel);
	assert_instead(f, "receive buffers", "one per connection");
	free(f);
	older_init(&o);
	o.no_call = SYS_socketpair;
	f = facts_of(&o.kernel);
	assert_instead(f, "receive buffers", "one per connection");
	free(f);
	/* Where nothing can be submitted, the report goes on, and the ring can be closed. */
	older_init(&o);
	o.enter_error = -EPERM;
	f = facts_of(&o.kernel);
	assert_int_equal(f->ret, 0);
	assert_instead(f, "receive buffers", "one per connection");
	free(f);
	assert_int_equal(raw_count_entries("/proc/self/fd"), before);
}

static void test_probing_leaves_no_descriptor_behind(void **state)
{
	int before = raw_count_entries("/proc/self/fd");
	struct older o;

	(void)state;
	free(facts_of(&rondo__kernel_linux));
	older_6_1(&o);
	free(facts_of(&o.kernel));
	assert_int_equal(raw_count_entries("/proc/self/fd"), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_facts_come_in_the_promised_order_and_once),
		cmocka_unit_test(test_the_report_agrees_with_the_ring),
		cmocka_unit_test(test_what_is_not_there_says_which_kernel_has_it),
		cmocka_unit_test(test_asking_and_trying_find_the_same),
		cmocka_unit_test(test_a_query_that_fails_tells_nothing),
		cmocka_unit_test(test_on_linux_6_1_the_fall_backs_are_named),
		cmocka_unit_test(test_on_linux_5_19_the_ring_is_downgraded),
		cmocka_unit_test(test_a_refused_ring_still_reports_kernel_and_limits),
		cmocka_unit_test(test_what_is_younger_than_the_library_is_told_by_number),
		cmocka_unit_test(test_a_set_up_flag_that_is_denied_is_not_called_absent),
		cmocka_unit_test(test_a_kernel_that_tells_no_opcodes_has_none),
		cmocka_unit_test(test_a_ring_that_had_to_be_smaller_says_so),
		cmocka_unit_test(test_without_a_shared_receive_each_connection_has_buffers),
		cmocka_unit_test(test_probing_leaves_no_descriptor_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
