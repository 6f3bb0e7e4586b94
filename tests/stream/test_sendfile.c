/* SPDX-License-Identifier: MIT */
/* test_sendfile.c - files to streams: row U3. Goal: the bytes, the counts and the errors by both
 * ways, by the kernel and by copying; the loop is never held up. Method: the matrix against a peer
 * that does not read; a kernel that counts calls of sendfile(2). */
#include "streams.h"

#include <pthread.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>

#include "rondo/net.h"
#include "support/step.h"

enum { BIG = 3 << 20 };
static int file = -1;

static int make_file(void **state)
{
	static char bytes[BIG];

	(void)state;
	file = memfd_create("file", MFD_CLOEXEC);
	net_fill_pattern(bytes, BIG, 0);
	return file >= 0 && write(file, bytes, BIG) == BIG ? 0 : -1;
}

static int close_file(void **state)
{
	(void)state;
	return close(file);
}

/* --- which way ------------------------------------------------------------------------------- */

static unsigned n_sendfiles;

static long count_call(const struct kernel *k, long number, long a, long b, long c, long d, long e,
		       long f)
{
	n_sendfiles += number == SYS_sendfile;
	return rondo__kernel_linux.call(k, number, a, b, c, d, e, f);
}

static const struct kernel *counting_kernel(void)
{
	static struct test_kernel k;

	test_kernel_init(&k);
	k.kernel.call = count_call;
	n_sendfiles = 0;
	return &k.kernel;
}

/* --- the peer -------------------------------------------------------------------------------- */

static size_t n_taken;
static size_t taken_offset;		/* of the pattern */

static void *take_all(void *arg)
{
	char block[4096];
	ssize_t n;

	(void)arg;
	while ((n = read(pair[1], block, sizeof(block))) > 0) {
		if (!net_is_pattern(block, (size_t)n, taken_offset + n_taken))
			break;
		n_taken += (size_t)n;
	}
	return NULL;
}

/* --- the matrix ------------------------------------------------------------------------------ */

struct way {
	enum pair_kind kind;
	struct rondo_stream_options o;
};

static const struct way ways[] = {
	{ PAIR_TCP, { .exclusive = true } }, { PAIR_UNIX, { .exclusive = true } },
	{ PAIR_TCP, { .limit = 0 } }, { PAIR_UNIX, { .limit = 0 } }, { PAIR_PIPE, { .limit = 0 } },
};

static int64_t n_sent;
static bool begun, has_taker;
static pthread_t taker;

static int prepare(void *ctx)
{
	const struct way *w = ctx;
	const int small = 64 << 10;
	int ret = pair_open(w->kind), reader = pair[0];

	begun = false;
	n_sent = 0;
	n_taken = taken_offset = 0;
	setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	setsockopt(pair[1], SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	if (w->kind == PAIR_PIPE) {
		pair[0] = pair[1];
		pair[1] = reader;
	}
	return ret;
}

static int start(void *ctx)
{
	int64_t n = -1;
	int ret = begun ? 0 : stream_begin(&((const struct way *)ctx)->o);

	begun = true;
	if (ret == 0)
		ret = rondo_stream_sendfile(stream, file, n_sent, -1, &n);
	n_sent += n;
	if (ret == -ECANCELED)
		return ret;
	begun = false;
	return rondo_stream_close(stream) < 0 ? -EIO : ret;
}

static int finish(void *ctx)
{
	(void)ctx;
	if (has_taker)
		return 0;
	has_taker = true;
	return pthread_create(&taker, NULL, take_all, NULL);
}

static void clean(void *ctx)
{
	(void)ctx;
	if (has_taker) {
		shutdown(pair[0], SHUT_WR);
		pthread_join(taker, NULL);
		assert_int_equal(n_taken, BIG);
		assert_int_equal(n_sent, BIG);	/* told rightly by all that were cancelled */
	}
	has_taker = false;
	pair_clean(NULL);
}

static void test_sendfile_in_the_matrix(void **state)
{
	(void)state;
	skip_threads_under_valgrind();
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		const struct matrix_verb v = {
			.start = start, .finish = finish, .prepare = prepare, .clean = clean,
			.ctx = (void *)(uintptr_t)&ways[i], .kernel = counting_kernel(),
		};
		char name[64];

		snprintf(name, sizeof(name), "sendfile to %s%s", pair_names[ways[i].kind],
			 ways[i].o.exclusive ? ", exclusive" : "");
		matrix_check(name, &v);
		assert_int_equal(n_sendfiles > 0, ways[i].o.exclusive);
	}
}

/* --- parts, positions, errors ---------------------------------------------------------------- */

static int parts(void *arg)
{
	const struct rondo_stream_options o = { .exclusive = arg, .write_buffer = 10 };
	char got[16];
	int64_t n = 9;

	CHECK_EQUAL(stream_begin(&o), 0);
	CHECK_EQUAL(rondo_stream_write(stream, "head", 4), 0);
	CHECK_EQUAL(rondo_stream_sendfile(stream, file, 5, 3, &n), 0);
	CHECK_EQUAL(n, 3);
	CHECK_EQUAL(read(pair[1], got, sizeof(got)), 7);	/* what was buffered goes first */
	CHECK(!memcmp(got, "head", 4) && net_is_pattern(got + 4, 3, 5));
	CHECK_EQUAL(lseek(file, 0, SEEK_CUR), BIG);		/* the file's own stays */
	CHECK_EQUAL(rondo_stream_sendfile(stream, file, BIG - 2, 100, &n), 0);
	CHECK_EQUAL(n, 2);					/* it ended first */
	CHECK_EQUAL(rondo_stream_sendfile(stream, file, BIG + 5, -1, &n), 0);
	CHECK_EQUAL(n, 0);
	CHECK_EQUAL(rondo_stream_sendfile(stream, file, 0, 0, NULL), 0);
	CHECK_EQUAL(rondo_stream_sendfile(stream, file, -1, 5, &n), -EINVAL);
	CHECK_EQUAL(rondo_stream_sendfile(stream, file, -1, -1, &n), -EINVAL);
	CHECK_EQUAL(rondo_stream_sendfile(stream, -1, 0, 5, &n), -EBADF);
	CHECK_EQUAL(fcntl(rondo_stream_fd(stream), F_GETFL) & O_NONBLOCK, 0);
	CHECK_EQUAL(rondo_stream_shutdown_write(stream), 0);
	CHECK_EQUAL(rondo_stream_sendfile(stream, file, 0, 5, &n), -EPIPE);
	CHECK_EQUAL(n, 0);
	CHECK_EQUAL(rondo_stream_close(stream), 0);
	return 0;
}

static void test_parts_and_errors(void **state)
{
	(void)state;
	run_with(PAIR_UNIX, parts, NULL);
	run_with(PAIR_UNIX, parts, word("exclusive"));
}

/* Not killed by SIGPIPE, and none is left pending. */
static int peer_is_gone(void *arg)
{
	const struct rondo_stream_options o = { .exclusive = arg };
	sigset_t pending;
	int64_t n;
	int ret;

	CHECK_EQUAL(stream_begin(&o), 0);
	net_reset(pair[1]);
	pair[1] = -1;
	CHECK_EQUAL(turns(3), 0);
	do {
		ret = rondo_stream_sendfile(stream, file, 0, -1, &n);
	} while (ret == 0);
	CHECK(ret == -EPIPE || ret == -ECONNRESET);
	CHECK_EQUAL(rondo_stream_sendfile(stream, file, 0, -1, &n), -EPIPE);
	CHECK_EQUAL(sigpending(&pending), 0);
	CHECK(!sigismember(&pending, SIGPIPE));
	CHECK_EQUAL(rondo_stream_close(stream), 0);
	return 0;
}

static void test_a_peer_that_is_gone(void **state)
{
	(void)state;
	assert_true(signal(SIGPIPE, SIG_DFL) != SIG_ERR);
	run_with(PAIR_TCP, peer_is_gone, NULL);
	run_with(PAIR_TCP, peer_is_gone, word("exclusive"));
	run_with(PAIR_UNIX, peer_is_gone, word("exclusive"));
}

static union net_address listener_address;

/* Nobody else has a socket that the library has made. */
static int to_a_connection(void *arg)
{
	int listener = *(const int *)arg, fd;
	char got[16];
	int64_t n;

	CHECK_EQUAL(rondo_open_connection("127.0.0.1", ntohs(listener_address.v4.sin_port), NULL,
					  &stream), 0);
	fd = net_accept_soon(listener);
	CHECK_EQUAL(rondo_stream_sendfile(stream, file, 5, 10, &n), 0);
	CHECK_EQUAL(n, 10);
	CHECK_EQUAL(recv(fd, got, 10, MSG_WAITALL), 10);
	CHECK(net_is_pattern(got, 10, 5));
	CHECK_EQUAL(rondo_stream_close(stream), 0);
	net_close(fd);
	return 0;
}

static void test_a_connection_of_ours_is_sent_to_by_the_kernel(void **state)
{
	int listener = net_listen(1, &listener_address);

	(void)state;
	assert_true(listener >= 0);
	net_run_on(counting_kernel(), to_a_connection, &listener);
	assert_int_equal(n_sendfiles, 1);
	net_close(listener);
}

static int sendfile_to_nobody(void)
{
	int fds[2];
	off_t at = 0;

	signal(SIGPIPE, SIG_DFL);
	if (net_unix_pair(fds) < 0)
		return 1;
	close(fds[1]);
	return sendfile(fds[0], file, &at, 5) < 0 ? 0 : 2;
}

static void test_kn46_sendfile_raises_sigpipe(void **state)
{
	int status = run_in_child(sendfile_to_nobody);

	(void)state;
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGPIPE);
}

/* A peer that takes all at once hardly makes the sender wait, where a close would find it. */
static int send_all_of_it(void *arg)
{
	(void)arg;
	return rondo_stream_sendfile(stream, file, 0, -1, &n_sent);
}

static int take_what_comes(void *arg)
{
	const void *bytes;
	ssize_t n;

	while ((n = rondo_stream_lend(arg, &bytes)) > 0)
		n_taken += (size_t)n;
	return (int)n;
}

static int abort_in_the_middle(void *arg)
{
	const struct rondo_stream_options ours = { .exclusive = arg }, theirs = { .keep_fd = true };
	rondo_task *sender, *reading;
	rondo_stream *peer;

	n_taken = 0;
	CHECK_EQUAL(stream_begin(&ours), 0);
	CHECK_EQUAL(rondo_stream_from_fd(pair[1], &theirs, &peer), 0);
	sender = rondo_create_task(send_all_of_it, NULL);
	reading = rondo_create_task(take_what_comes, peer);
	while (!n_taken && rondo_task_state(sender) == RONDO_PENDING)
		CHECK_EQUAL(turns(1), 0);
	rondo_stream_abort(stream);
	CHECK_EQUAL(rondo_await(sender), -EBADF);
	CHECK(n_sent < BIG);
	CHECK_EQUAL(rondo_await(reading), 0);
	CHECK_EQUAL(rondo_stream_close(peer), 0);
	return 0;
}

static void test_an_abort_does_not_wait_for_the_rest(void **state)
{
	(void)state;
	run_with(PAIR_UNIX, abort_in_the_middle, NULL);
	run_with(PAIR_UNIX, abort_in_the_middle, word("exclusive"));
}

/* What is no file to sendfile(2) is read all the same. */
static int from_a_pipe(void *arg)
{
	const struct rondo_stream_options o = { .exclusive = true };
	char got[16];
	int fds[2];
	int64_t n;

	(void)arg;
	CHECK_EQUAL(rondo_pipe(fds, 0), 0);
	CHECK_EQUAL(write(fds[1], "piped", 5), 5);
	close(fds[1]);
	CHECK_EQUAL(stream_begin(&o), 0);
	CHECK_EQUAL(rondo_stream_sendfile(stream, fds[0], 0, -1, &n), 0);
	CHECK_EQUAL(n, 5);
	CHECK_EQUAL(read(pair[1], got, sizeof(got)), 5);
	CHECK_EQUAL(rondo_close(fds[0]), 0);
	CHECK_EQUAL(rondo_stream_close(stream), 0);
	return 0;
}

static void test_from_a_pipe(void **state)
{
	(void)state;
	run_with(PAIR_UNIX, from_a_pipe, NULL);
}

static int send_the_pipe(void *pipe)
{
	CHECK_EQUAL(rondo_stream_sendfile(stream, *(int *)pipe, 0, -1, NULL), -EBADF);
	return 0;
}

/* Who sends waits for the pipe and not for the stream. */
static int closed_while_the_pipe_is_empty(void *arg)
{
	const struct rondo_stream_options o = { .exclusive = true };
	rondo_task *sender;
	int fds[2];

	(void)arg;
	CHECK_EQUAL(pipe2(fds, O_CLOEXEC), 0);
	CHECK_EQUAL(stream_begin(&o), 0);
	sender = rondo_create_task(send_the_pipe, &fds[0]);
	CHECK_EQUAL(turns(5), 0);
	rondo_stream_abort(stream);
	CHECK_EQUAL(rondo_await(sender), 0);
	CHECK_EQUAL(rondo_close(fds[0]), 0);
	return rondo_close(fds[1]);
}

static void test_an_abort_does_not_wait_for_a_pipe(void **state)
{
	(void)state;
	run_with(PAIR_UNIX, closed_while_the_pipe_is_empty, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sendfile_in_the_matrix),
		cmocka_unit_test(test_parts_and_errors),
		cmocka_unit_test(test_a_connection_of_ours_is_sent_to_by_the_kernel),
		cmocka_unit_test(test_kn46_sendfile_raises_sigpipe),
		cmocka_unit_test(test_a_peer_that_is_gone),
		cmocka_unit_test(test_an_abort_does_not_wait_for_the_rest),
		cmocka_unit_test(test_from_a_pipe),
		cmocka_unit_test(test_an_abort_does_not_wait_for_a_pipe),
	};

	return cmocka_run_group_tests(tests, make_file, close_file);
}
