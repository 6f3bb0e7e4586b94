/* SPDX-License-Identifier: MIT */
/* test_at_once.c - reads that need no ring because the page cache has it all. Goal: they are done
 * by one system call, and are in everything else what they are in the ring: results, ends of files,
 * cancels; what does not suit goes to the ring, and is not tried for ever; and no task starves
 * because another one only reads or sends. Method: files that were just written, counted calls, and
 * a kernel that answers as told. */
#include "net.h"
#include "support/folder.h"

#include <sys/syscall.h>

#include "loop/loop.h"
#include "rondo/file.h"
#include "rondo/socket.h"

enum { BLOCK = 4096, N_BLOCKS = 16, SIZE = BLOCK * N_BLOCKS + 100, REFUSED = 1023, ASK_AFTER = 255 };

static char buf[SIZE + 1], contents[SIZE];
static int fd = -1;

/* --- a kernel that counts, and may answer by itself ------------------------------------------- */

enum { BY_LINUX = 1 };

static struct {
	struct kernel kernel;
	unsigned n_tries, n_asked;
	long answer;			/* of preadv2, or BY_LINUX */
	long flags;			/* of the descriptor, besides its own */
} counting;

static long counting_call(const struct kernel *k, long number, long a, long b, long c, long d, long e,
			  long f)
{
	long ret;

	counting.n_tries += number == SYS_preadv2;
	counting.n_asked += number == SYS_fcntl;
	if (number == SYS_preadv2 && counting.answer != BY_LINUX)
		return counting.answer;
	ret = rondo__kernel_linux.call(k, number, a, b, c, d, e, f);
	return number == SYS_fcntl && ret >= 0 ? ret | counting.flags : ret;
}

static void run_passes(rondo_fn *main_fn, long answer, long flags)
{
	counting.kernel = rondo__kernel_linux;
	counting.kernel.call = counting_call;
	counting.n_tries = counting.n_asked = 0;
	counting.answer = answer;
	counting.flags = flags;
	assert_int_equal(rondo__run_on(&counting.kernel, NULL, main_fn, NULL), 0);
	assert_checks_passed();
}

/* What is written is cached, where a file system can tell. */
static int make_file(void **state)
{
	struct iovec all = { buf, SIZE };

	(void)state;
	for (int i = 0; i < SIZE; i++)
		contents[i] = (char)(i * 7 + i / BLOCK);
	fd = open("file", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, contents, SIZE) != SIZE)
		return -1;
	if (preadv2(fd, &all, 1, 0, RWF_NOWAIT) == SIZE)
		return 0;
	print_message("skipped: this file system does not know RWF_NOWAIT\n");
	return 1;
}

static int drop_file(void **state)
{
	(void)state;
	close(fd);
	fd = -1;
	return 0;
}

#define NEEDS_FILE()                                                                               \
	do {                                                                                       \
		int ret_ = make_file(state);                                                       \
                                                                                                   \
		assert_true(ret_ >= 0);                                                            \
		if (ret_)                                                                          \
			skip();                                                                    \
	} while (0)

/* How many were ever put into the ring. */
static uint64_t n_sqes(void)
{
	const struct ring *r = &rondo_current_task()->loop->ring;

	return r->n_submitted + ring_n_queued(r);
}

static int reads_block(int i)
{
	memset(buf, 0, BLOCK);
	CHECK_EQUAL(rondo_pread(fd, buf, BLOCK, i * BLOCK), BLOCK);
	CHECK_EQUAL(memcmp(buf, contents + i * BLOCK, BLOCK), 0);
	return 0;
}

/* --- what is cached --------------------------------------------------------------------------- */

static int every_way_of_reading(void *arg)
{
	const struct iovec halves[2] = { { buf, 10 }, { buf + 10, BLOCK } };
	uint64_t n = n_sqes();

	(void)arg;
	CHECK_EQUAL(reads_block(3), 0);
	CHECK_EQUAL(rondo_preadv(fd, halves, 2, 5), BLOCK + 10);
	CHECK_EQUAL(memcmp(buf, contents + 5, BLOCK + 10), 0);
	CHECK_EQUAL(rondo_pread_exactly(fd, buf, SIZE, 0, NULL), 0);
	CHECK_EQUAL(memcmp(buf, contents, SIZE), 0);
	CHECK_EQUAL(lseek(fd, BLOCK, SEEK_SET), BLOCK);
	CHECK_EQUAL(rondo_read(fd, buf, BLOCK), BLOCK);
	CHECK_EQUAL(memcmp(buf, contents + BLOCK, BLOCK), 0);
	CHECK_EQUAL(rondo_readv(fd, halves, 1), 10);
	CHECK_EQUAL(lseek(fd, 0, SEEK_CUR), 2 * BLOCK + 10);
	CHECK_EQUAL(rondo_pread(fd, buf, SIZE, SIZE), 0);	/* the end needs no ring either */
	CHECK_EQUAL(n_sqes(), n);
	CHECK_EQUAL(counting.n_tries, 6);
	CHECK_EQUAL(counting.n_asked, 1);
	return 0;
}

static void test_what_is_cached_is_read_without_the_ring(void **state)
{
	NEEDS_FILE();
	run_passes(every_way_of_reading, BY_LINUX, 0);
}

static int beyond_the_end(void *arg)
{
	(void)arg;
	memset(buf, 0, sizeof(buf));
	CHECK_EQUAL(rondo_pread(fd, buf, BLOCK, SIZE - 100), 100);
	CHECK_EQUAL(memcmp(buf, contents + SIZE - 100, 100), 0);
	CHECK_EQUAL(buf[100], 0);
	CHECK_EQUAL(rondo_pread(fd, buf, 0, 0), 0);
	CHECK_EQUAL(rondo_pread(fd, buf, 1, -1), -EINVAL);
	CHECK_EQUAL(rondo_pread(-1, buf, 1, 0), -EBADF);
	return 0;
}

static void test_a_short_count_is_the_end_of_the_file(void **state)
{
	NEEDS_FILE();
	run_passes(beyond_the_end, BY_LINUX, 0);
}

/* --- what is not ------------------------------------------------------------------------------ */

static int hundred_reads(void *arg)
{
	(void)arg;
	for (int i = 0; i < 100; i++)
		CHECK_EQUAL(reads_block(i % N_BLOCKS), 0);
	return 0;
}

/* 1 read to the ring, then 3, 7, 15, 31, 63. */
static void test_what_is_not_cached_is_the_rings_and_tried_ever_less(void **state)
{
	static const long answers[] = { -EAGAIN, BLOCK - 1, BLOCK / 2 };

	for (int i = 0; i < 3; i++) {
		NEEDS_FILE();
		run_passes(hundred_reads, answers[i], 0);
		assert_int_equal(counting.n_tries, 6);
		assert_int_equal(counting.n_asked, 1);
		drop_file(state);
	}
}

static int becomes_cached(void *arg)
{
	CHECK_EQUAL(hundred_reads(arg), 0);
	counting.answer = BY_LINUX;
	for (int i = 0; i < 64; i++)
		CHECK_EQUAL(reads_block(0), 0);
	counting.n_tries = 0;
	CHECK_EQUAL(hundred_reads(arg), 0);
	CHECK_EQUAL(counting.n_tries, 100);
	counting.answer = -EAGAIN;		/* a miss among hits is forgiven at once */
	CHECK_EQUAL(reads_block(0), 0);
	counting.answer = BY_LINUX;
	CHECK_EQUAL(reads_block(0), 0);
	counting.n_tries = 0;
	CHECK_EQUAL(hundred_reads(arg), 0);
	CHECK_EQUAL(counting.n_tries, 100);
	return 0;
}

static void test_what_becomes_cached_is_found_to_be(void **state)
{
	NEEDS_FILE();
	run_passes(becomes_cached, -EAGAIN, 0);
}

/* As tmpfs and overlayfs of older kernels, or in a sandbox. */
static void test_where_the_call_is_refused_it_is_not_repeated(void **state)
{
	static const int errors[] = { EOPNOTSUPP, EPERM, ENOSYS, EINVAL, EIO };

	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		NEEDS_FILE();
		run_passes(hundred_reads, -errors[i], 0);
		assert_int_equal(counting.n_tries, 1);
		drop_file(state);
	}
}

/* Such a read may wait for the disk, and all tasks with it. */
static void test_a_descriptor_that_is_o_direct_is_not_tried(void **state)
{
	NEEDS_FILE();
	run_passes(hundred_reads, BY_LINUX, O_DIRECT);
	assert_int_equal(counting.n_tries, 0);
	assert_int_equal(counting.n_asked, 1);
}

/* Why: it does wait, and its bytes can have come only from there. */
static void test_kn48_rwf_nowait_waits_for_the_disk_with_o_direct(void **state)
{
	static char block[BLOCK] __attribute__((aligned(BLOCK)));
	struct iovec one = { block, BLOCK };
	ssize_t n = -1;
	int direct;

	NEEDS_FILE();
	assert_int_equal(fsync(fd), 0);
	direct = open("file", O_RDONLY | O_DIRECT | O_CLOEXEC);
	/* -EAGAIN: where there is no request to be had at once, it does not wait for that. */
	for (int i = 0; direct >= 0 && i < 100 && n < 0; i++)
		n = preadv2(direct, &one, 1, BLOCK, RWF_NOWAIT);
	net_close(direct);
	if (direct < 0 || n < 0) {
		print_message("skipped: no O_DIRECT here, or it does not know RWF_NOWAIT\n");
		skip();
	}
	assert_int_equal(n, BLOCK);
	assert_memory_equal(block, contents + BLOCK, BLOCK);
}

static int becomes_direct(void *arg)
{
	CHECK_EQUAL(hundred_reads(arg), 0);
	counting.flags = O_DIRECT;
	for (int i = 0; i < 10; i++)
		CHECK_EQUAL(hundred_reads(arg), 0);
	CHECK_EQUAL(counting.n_tries, ASK_AFTER + 1);
	counting.flags = 0;
	for (int i = 0; i < 11; i++)
		CHECK_EQUAL(hundred_reads(arg), 0);
	CHECK(counting.n_tries > ASK_AFTER + 1);
	return 0;
}

/* fcntl(F_SETFL), or close(2) and another file of that number. */
static void test_what_is_changed_behind_our_back_is_noticed(void **state)
{
	NEEDS_FILE();
	run_passes(becomes_direct, BY_LINUX, 0);
}

static int close_and_open_again(void *arg)
{
	int old = fd;

	CHECK_EQUAL(hundred_reads(arg), 0);
	CHECK_EQUAL(counting.n_tries, 1);
	CHECK_EQUAL(rondo_close(fd), 0);
	fd = open("file", O_RDONLY | O_CLOEXEC);
	CHECK_EQUAL(fd, old);
	counting.answer = BY_LINUX;
	CHECK_EQUAL(reads_block(0), 0);
	CHECK_EQUAL(counting.n_tries, 2);
	return 0;
}

static void test_a_close_forgets_what_was_learned(void **state)
{
	NEEDS_FILE();
	run_passes(close_and_open_again, -EOPNOTSUPP, 0);
}

static int reads_a_pipe(void *arg)
{
	int p[2];

	(void)arg;
	CHECK_EQUAL(pipe2(p, O_CLOEXEC), 0);
	for (int i = 0; i < 10; i++) {
		CHECK_EQUAL(write(p[1], "hello", 5), 5);
		CHECK_EQUAL(rondo_pread(p[0], buf, BLOCK, 0), 5);
		CHECK_EQUAL(memcmp(buf, "hello", 5), 0);
	}
	CHECK_EQUAL(counting.n_tries, 1);
	CHECK_EQUAL(rondo_close(p[0]), 0);
	return rondo_close(p[1]);
}

static void test_pipes_are_tried_once(void **state)
{
	(void)state;
	run_passes(reads_a_pipe, BY_LINUX, 0);
}

/* Descriptors that share a place in the table. */
static int reads_two_files(void *arg)
{
	int other = fcntl(fd, F_DUPFD_CLOEXEC, fd + READ_GUESSES), first = fd;

	(void)arg;
	CHECK_EQUAL(other, fd + READ_GUESSES);
	for (int i = 0; i < 20; i++) {
		fd = i % 2 ? other : first;
		CHECK_EQUAL(reads_block(i % N_BLOCKS), 0);
	}
	fd = first;
	CHECK_EQUAL(counting.n_tries, 20);
	CHECK_EQUAL(counting.n_asked, 20);
	return rondo_close(other);
}

static void test_descriptors_that_share_a_place_do_not_share_a_guess(void **state)
{
	NEEDS_FILE();
	run_passes(reads_two_files, BY_LINUX, 0);
}

/* --- others ----------------------------------------------------------------------------------- */

enum { FAR_TOO_MANY = 2000000 };

static uint64_t n_done;
static int p[2] = { -1, -1 };

/* Both end by themselves, with an error, if nobody else ever gets a turn. */
static int read_for_ever(void *arg)
{
	ssize_t ret;

	(void)arg;
	n_done = 0;
	do {
		ret = rondo_pread(fd, buf, 1, 0);
	} while (ret == 1 && ++n_done < FAR_TOO_MANY);
	return ret < 0 ? (int)ret : -ELOOP;
}

/* A datagram to a full receiver is dropped, so this never has to wait. */
static int send_for_ever(void *arg)
{
	ssize_t ret;

	(void)arg;
	n_done = 0;
	do {
		ret = rondo_send(p[0], "hello", 5, 0);
	} while (ret == 5 && ++n_done < FAR_TOO_MANY);
	return ret < 0 ? (int)ret : -ELOOP;
}

static rondo_fn *busy;

static void datagram_pair(void)
{
	union net_address a;

	p[0] = net_bound(SOCK_DGRAM, &a);
	p[1] = net_bound(SOCK_DGRAM, &a);
	assert_int_equal(connect(p[0], &a.any, sizeof(a.v4)), 0);
}

static int count_turns(void *arg)
{
	for (int i = 0; i < 100; i++)
		CHECK_EQUAL(rondo_yield(), 0);
	*(bool *)arg = true;
	return 0;
}

/* Others that are ready, that sleep and that wait for the kernel all get their turn. */
static int beside_others(void *arg)
{
	rondo_task *task = rondo_create_task(busy, NULL), *counter;
	bool counted = false;

	(void)arg;
	CHECK_EQUAL(turns(2), 0);
	CHECK_EQUAL(rondo_sleep(0.001), 0);	/* alone: the busy one must bring this to the kernel */
	counter = rondo_create_task(count_turns, &counted);
	CHECK_EQUAL(rondo_sleep(0.001), 0);
	CHECK_EQUAL(rondo_await(counter), 0);
	CHECK(counted);
	CHECK(rondo_cancel(task));
	CHECK_EQUAL(rondo_await(task), -ECANCELED);
	return 0;
}

static void others_get_their_turns(rondo_fn *fn)
{
	static const enum rondo_timers timers[] = { RONDO_TIMERS_COALESCED, RONDO_TIMERS_WAIT,
						    RONDO_TIMERS_SQE };

	busy = fn;
	for (int i = 0; i < 3; i++) {
		const struct rondo_options o = { .timers = timers[i] };

		assert_int_equal(rondo_run_with(&o, beside_others, NULL), 0);
		assert_checks_passed();
	}
}

static void test_a_task_that_only_reads_does_not_starve_the_others(void **state)
{
	NEEDS_FILE();
	others_get_their_turns(read_for_ever);
}

static void test_a_task_that_only_sends_does_not_starve_the_others(void **state)
{
	(void)state;
	datagram_pair();
	others_get_their_turns(send_for_ever);
	net_close_pair(p);
}

static int leaves_a_busy_task(void *arg)
{
	(void)arg;
	rondo_detach(rondo_create_task(busy, NULL));
	return turns(3);
}

static void test_a_loop_ends_although_a_task_only_reads(void **state)
{
	NEEDS_FILE();
	busy = read_for_ever;
	run_passes(leaves_a_busy_task, BY_LINUX, 0);
	assert_true(n_done < FAR_TOO_MANY);
}

static void test_a_loop_ends_although_a_task_only_sends(void **state)
{
	(void)state;
	datagram_pair();
	busy = send_for_ever;
	run_passes(leaves_a_busy_task, BY_LINUX, 0);
	assert_true(n_done < FAR_TOO_MANY);
	net_close_pair(p);
}

static int too_slow(void *arg)
{
	struct rondo_timeout limit;

	CHECK_EQUAL(rondo_timeout_begin(&limit, 0.001), 0);
	CHECK_EQUAL(rondo_timeout_end(&limit, read_for_ever(arg)), -ETIMEDOUT);
	return 0;
}

static void test_a_deadline_ends_a_loop_of_reads(void **state)
{
	NEEDS_FILE();
	run_passes(too_slow, BY_LINUX, 0);
}

static char order[8 * 3 + 1];

static int note_reads(void *arg)
{
	for (int i = 0; i < 3; i++) {
		CHECK_EQUAL(rondo_pread(fd, buf, BLOCK, 0), BLOCK);
		strncat(order, arg, 1);
	}
	return 0;
}

/* In turns, as in the ring, and yet not through it. */
static int eight_read(void *arg)
{
	static char names[] = "abcdefgh";
	rondo_task *tasks[8];
	uint64_t n = n_sqes();

	(void)arg;
	order[0] = '\0';
	for (int i = 0; i < 8; i++)
		tasks[i] = rondo_create_task(note_reads, &names[i]);
	CHECK_EQUAL(rondo_gather(8, tasks, NULL, 0), 0);
	CHECK_EQUAL(n_sqes(), n);
	CHECK_EQUAL(strcmp(order, "abcdefghabcdefghabcdefgh"), 0);
	return 0;
}

static void test_tasks_that_read_take_turns(void **state)
{
	NEEDS_FILE();
	run_passes(eight_read, BY_LINUX, 0);
}

/* --- cancels ---------------------------------------------------------------------------------- */

static int cancelled_before(void *arg)
{
	(void)arg;
	memset(buf, 0, sizeof(buf));
	rondo_cancel(rondo_current_task());
	CHECK_EQUAL(rondo_pread(fd, buf, BLOCK, 0), -ECANCELED);
	CHECK_EQUAL(buf[1], 0);
	CHECK_EQUAL(counting.n_tries, 0);
	CHECK_EQUAL(lseek(fd, 0, SEEK_SET), 0);
	rondo_cancel(rondo_current_task());
	CHECK_EQUAL(rondo_read(fd, buf, BLOCK), -ECANCELED);
	CHECK_EQUAL(lseek(fd, 0, SEEK_CUR), 0);
	return reads_block(0);
}

static void test_a_cancelled_task_does_not_read(void **state)
{
	NEEDS_FILE();
	run_passes(cancelled_before, BY_LINUX, 0);
}

static int read_then_wait(void *arg)
{
	(void)arg;
	CHECK_EQUAL(rondo_pread(fd, buf, BLOCK, 0), BLOCK);
	CHECK_EQUAL(rondo_sleep(3600), -ECANCELED);
	return 7;
}

/* It has read, and lets others run: one of them cancels it. */
static int cancelled_after(void *arg)
{
	rondo_task *reader = rondo_create_task(read_then_wait, NULL);

	(void)arg;
	CHECK_EQUAL(rondo_yield(), 0);
	CHECK_EQUAL(counting.n_tries, 1);
	CHECK(rondo_cancel(reader));
	CHECK_EQUAL(rondo_await(reader), 7);
	return 0;
}

static void test_bytes_that_were_read_beat_a_cancel(void **state)
{
	NEEDS_FILE();
	run_passes(cancelled_after, BY_LINUX, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_what_is_cached_is_read_without_the_ring, drop_file),
		cmocka_unit_test_teardown(test_a_short_count_is_the_end_of_the_file, drop_file),
		cmocka_unit_test_teardown(test_what_is_not_cached_is_the_rings_and_tried_ever_less,
					  drop_file),
		cmocka_unit_test_teardown(test_what_becomes_cached_is_found_to_be, drop_file),
		cmocka_unit_test_teardown(test_where_the_call_is_refused_it_is_not_repeated, drop_file),
		cmocka_unit_test_teardown(test_a_descriptor_that_is_o_direct_is_not_tried, drop_file),
		cmocka_unit_test_teardown(test_kn48_rwf_nowait_waits_for_the_disk_with_o_direct,
					  drop_file),
		cmocka_unit_test_teardown(test_what_is_changed_behind_our_back_is_noticed, drop_file),
		cmocka_unit_test_teardown(test_a_close_forgets_what_was_learned, drop_file),
		cmocka_unit_test(test_pipes_are_tried_once),
		cmocka_unit_test_teardown(test_descriptors_that_share_a_place_do_not_share_a_guess,
					  drop_file),
		cmocka_unit_test_teardown(test_a_task_that_only_reads_does_not_starve_the_others,
					  drop_file),
		cmocka_unit_test(test_a_task_that_only_sends_does_not_starve_the_others),
		cmocka_unit_test_teardown(test_a_loop_ends_although_a_task_only_reads, drop_file),
		cmocka_unit_test(test_a_loop_ends_although_a_task_only_sends),
		cmocka_unit_test_teardown(test_a_deadline_ends_a_loop_of_reads, drop_file),
		cmocka_unit_test_teardown(test_tasks_that_read_take_turns, drop_file),
		cmocka_unit_test_teardown(test_a_cancelled_task_does_not_read, drop_file),
		cmocka_unit_test_teardown(test_bytes_that_were_read_beat_a_cancel, drop_file),
	};

	return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
