/* SPDX-License-Identifier: MIT */
/* test_poll.c - readiness of descriptors that others use, and epoll loops inside this one. Goal:
 * the matrix for both verbs, with the ring's own operation and without it; no event of a foreign
 * loop is lost. Method: pipes, and a kernel that denies having EPOLL_WAIT. */
#include "net.h"

#include "rondo/file.h"
#include "rondo/poll.h"

static int p[2] = { -1, -1 };
static int epoll_fd = -1;

static int pipe_prepare(void *ctx)
{
	struct epoll_event e = { .events = EPOLLIN, .data.u32 = 7 };

	(void)ctx;
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (epoll_fd < 0 || pipe2(p, O_CLOEXEC) < 0)
		return -errno;
	return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, p[0], &e);
}

static void pipe_clean(void *ctx)
{
	(void)ctx;
	net_close_pair(p);
	net_close(epoll_fd);
	epoll_fd = -1;
}

static int pipe_finish(void *ctx)
{
	(void)ctx;
	return write(p[1], "x", 1) == 1 ? 0 : -errno;
}

/* --- poll ------------------------------------------------------------------------------------- */

static int poll_start(void *ctx)
{
	(void)ctx;
	return rondo_poll(p[0], POLLIN);
}

static void test_poll(void **state)
{
	const struct matrix_verb v = {
		.start = poll_start, .finish = pipe_finish, .prepare = pipe_prepare,
		.clean = pipe_clean, .result = POLLIN,
	};

	(void)state;
	matrix_check("poll", &v);
}

static int poll_results(void *arg)
{
	FILE *file = tmpfile();

	(void)arg;
	CHECK_EQUAL(rondo_poll(p[1], POLLOUT), POLLOUT);
	CHECK_EQUAL(rondo_poll(fileno(file), POLLIN | POLLOUT), POLLIN | POLLOUT);
	fclose(file);
	CHECK_EQUAL(rondo_poll(-1, POLLIN), -EBADF);
	CHECK_EQUAL(close(p[1]), 0);
	p[1] = -1;
	CHECK_EQUAL(rondo_poll(p[0], POLLIN), POLLHUP);
	CHECK_EQUAL(rondo_poll(p[0], 0), POLLHUP);
	return 0;
}

static void test_poll_tells_which_events_hold(void **state)
{
	(void)state;
	assert_int_equal(pipe_prepare(NULL), 0);
	assert_int_equal(rondo_run(poll_results, NULL), 0);
	assert_checks_passed();
	pipe_clean(NULL);
}

static int close_under(void *arg)
{
	int *fd = arg;
	rondo_task *task = rondo_create_task(poll_start, NULL);

	CHECK_EQUAL(turns(3), 0);
	CHECK_EQUAL(rondo_close(*fd), 0);
	*fd = -1;
	CHECK_EQUAL(rondo_await(task), -EBADF);
	return 0;
}

static void test_closing_ends_a_poll(void **state)
{
	(void)state;
	assert_int_equal(pipe_prepare(NULL), 0);
	assert_int_equal(rondo_run(close_under, &p[0]), 0);
	assert_checks_passed();
	pipe_clean(NULL);
}

/* --- epoll_wait ------------------------------------------------------------------------------- */

/* The event is the pipe's; taking its byte makes the descriptor unready again. */
static int epoll_start(void *ctx)
{
	struct epoll_event e[4];
	int ret = rondo_epoll_wait(epoll_fd, e, 4);
	char byte;

	(void)ctx;
	if (ret > 0 && (e[0].data.u32 != 7 || e[0].events != EPOLLIN || read(p[0], &byte, 1) != 1))
		return -EILSEQ;
	return ret;
}

static struct matrix_verb epoll_verb = {
	.start = epoll_start, .finish = pipe_finish, .prepare = pipe_prepare,
	.clean = pipe_clean, .result = 1,
};

static void test_epoll_wait(void **state)
{
	(void)state;
	epoll_verb.kernel = NULL;
	matrix_check("epoll_wait", &epoll_verb);
}

static void test_epoll_wait_without_the_operation(void **state)
{
	struct test_kernel t;

	(void)state;
	epoll_verb.kernel = kernel_without(&t, RONDO_OP_EPOLL_WAIT);
	matrix_check("epoll_wait", &epoll_verb);
}

static int epoll_results(void *arg)
{
	struct epoll_event e[2] = { { .events = EPOLLOUT, .data.u32 = 8 } };

	(void)arg;
	CHECK_EQUAL(rondo_epoll_wait(epoll_fd, e, 0), -EINVAL);
	CHECK_EQUAL(rondo_epoll_wait(epoll_fd, e, -1), -EINVAL);
	CHECK_EQUAL(rondo_epoll_wait(-1, e, 1), -EBADF);
	CHECK(rondo_epoll_wait(p[1], e, 1) < 0);	/* EINVAL, or EOPNOTSUPP by the ring */
	CHECK_EQUAL(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, p[1], e), 0);
	CHECK_EQUAL(pipe_finish(NULL), 0);
	rondo_cancel(rondo_current_task());
	CHECK_EQUAL(rondo_epoll_wait(epoll_fd, e, 2), -ECANCELED);	/* though there are some */
	CHECK_EQUAL(rondo_epoll_wait(epoll_fd, e, 1), 1);	/* no more than there is room for */
	CHECK_EQUAL(rondo_epoll_wait(epoll_fd, e, 2), 2);
	CHECK_EQUAL(e[0].data.u32 + e[1].data.u32, 15);
	return 0;
}

static void check_epoll_results(const struct kernel *kernel)
{
	assert_int_equal(pipe_prepare(NULL), 0);
	net_run_on(kernel, epoll_results, NULL);
	pipe_clean(NULL);
}

static void test_epoll_wait_takes_at_most_what_it_is_given_room_for(void **state)
{
	struct test_kernel t;

	(void)state;
	check_epoll_results(&rondo__kernel_linux);
	check_epoll_results(kernel_without(&t, RONDO_OP_EPOLL_WAIT));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_poll),
		cmocka_unit_test(test_poll_tells_which_events_hold),
		cmocka_unit_test(test_closing_ends_a_poll),
		cmocka_unit_test(test_epoll_wait),
		cmocka_unit_test(test_epoll_wait_without_the_operation),
		cmocka_unit_test(test_epoll_wait_takes_at_most_what_it_is_given_room_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
