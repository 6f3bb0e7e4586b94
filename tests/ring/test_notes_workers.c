/* SPDX-License-Identifier: MIT */
/* test_notes_workers.c - goal: what kernel-notes.md says of the kernel's worker threads, of its
 * timers and of liburing is so here. Method: one test per note, named after it; threads are
 * counted in a child of their own, times are compared within one run.
 * RUN_SERIAL: it counts the system's blocked tasks and compares CPU times. */
#include "raw.h"

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

enum { N_SPLICES = 8, N_TIMERS = 10000, N_SAMPLES = 400, BAD = 200 };

/* --- KN-6, KN-24, KN-25: worker threads; in children, whose results are exit codes ------------ */

static int max_workers(int fd, unsigned values[2])
{
	return rondo__kernel_linux.register_(&rondo__kernel_linux, (unsigned)fd,
					     IORING_REGISTER_IOWQ_MAX_WORKERS, values, 2);
}

/* 0: the default is what the note says; 1: it is something else, but far above our cap. */
static int read_default_workers(void *arg)
{
	unsigned values[2] = { 0, 0 };
	struct rlimit processes;
	struct io_uring ring;

	(void)arg;
	if (io_uring_queue_init(8, &ring, 0) < 0 || max_workers(ring.ring_fd, values) < 0 ||
	    getrlimit(RLIMIT_NPROC, &processes) < 0)
		return BAD;
	if (values[1] <= RING_IOWQ_UNBOUNDED)
		return BAD + 1;
	return values[1] != processes.rlim_cur;
}

static void test_kn6_unbounded_workers_are_unbounded_by_default(void **state)
{
	int ret = child_code(read_default_workers, NULL);

	(void)state;
	assert_true(ret == 0 || ret == 1);
	print_message("by default as many workers as %s\n",
		      ret == 0 ? "RLIMIT_NPROC says" : "something other than RLIMIT_NPROC says");
}

static int threads_now(void)
{
	struct stat st;

	return stat("/proc/self/task", &st) < 0 ? -1 : (int)st.st_nlink - 2;
}

/* Splice from empty pipes, and count the threads that come to wait there. */
static int count_blocked_splices(void *unbounded)
{
	struct ring_options o = { .iowq_unbounded = *(unsigned *)unbounded };
	uint64_t end = raw_now() + RAW_PATIENCE_S * RAW_SECOND;
	int sink[2], n = 0, before, n_after = 0;
	struct raw r;

	if (raw_try_open(&r, &rondo__kernel_linux, &o) < 0 || pipe(sink) < 0)
		return BAD;
	before = threads_now();
	for (int i = 0; i < N_SPLICES; i++) {
		struct io_uring_sqe *sqe = rondo__ring_sqe(&r.ring);
		int fds[2];

		if (pipe(fds) < 0)
			return BAD;
		io_uring_prep_splice(sqe, fds[0], -1, sink[1], -1, 10, 0);
	}
	/* Enters give new workers their chance; with a cap no more come, however long one waits. */
	while (n < N_SPLICES && n_after < 50 && raw_now() < end) {
		if (rondo__ring_enter(&r.ring, 1, raw_now() + RAW_SECOND / 100) < 0)
			return BAD;
		n = threads_now() - before;
		n_after += n >= (int)o.iowq_unbounded;
	}
	return n;
}

static void test_kn25_every_blocked_splice_holds_a_worker(void **state)
{
	unsigned many = 100, few = 2;

	(void)state;
	assert_int_equal(child_code(count_blocked_splices, &many), N_SPLICES);
	assert_int_equal(child_code(count_blocked_splices, &few), 2);
}

/* 1: done by a worker; 0: done inline or by poll, without a thread. */
static int needs_worker(struct raw *r)
{
	int before = threads_now();
	unsigned n = r->n;

	while (r->n == n)
		if (rondo__ring_enter(&r->ring, 1, UINT64_MAX) < 0 || !rondo__ring_reap(&r->ring))
			return BAD;
	if (r->log[n].res < 0)
		return BAD;
	return threads_now() > before;	/* idle ones stay for seconds */
}

enum { NOP, RECV, STATX, FSYNC, SHUTDOWN };

static int where_does_it_run(void *which)
{
	struct io_uring_sqe *sqe;
	struct statx stx;
	struct raw r;
	int fds[2], fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	char c;

	if (raw_try_open(&r, &rondo__kernel_linux, &(struct ring_options){ 0 }) < 0 ||
	    socketpair(AF_UNIX, SOCK_STREAM, 0, fds) < 0 || write(fds[0], "x", 1) != 1 || fd < 0)
		return BAD;
	sqe = rondo__ring_sqe(&r.ring);
	switch (*(int *)which) {
	case NOP:
		io_uring_prep_nop(sqe);
		break;
	case RECV:
		io_uring_prep_recv(sqe, fds[1], &c, 1, 0);
		break;
	case STATX:
		io_uring_prep_statx(sqe, fd, "", AT_EMPTY_PATH, STATX_SIZE, &stx);
		break;
	case FSYNC:
		io_uring_prep_fsync(sqe, fd, 0);
		break;
	default:
		io_uring_prep_shutdown(sqe, fds[0], SHUT_WR);
	}
	return needs_worker(&r);
}

static int place_of(int which)
{
	return child_code(where_does_it_run, &which);
}

static void test_kn24_metadata_and_shutdown_always_cost_a_worker(void **state)
{
	(void)state;
	assert_int_equal(place_of(NOP), 0);
	assert_int_equal(place_of(RECV), 0);
	assert_int_equal(place_of(STATX), 1);
	assert_int_equal(place_of(FSYNC), 1);
	assert_int_equal(place_of(SHUTDOWN), 1);
}

/* --- KN-14: timers ---------------------------------------------------------------------------- */

static uint64_t cpu_ns(void)
{
	return rondo__kernel_linux.now(&rondo__kernel_linux, CLOCK_THREAD_CPUTIME_ID);
}

static void remove_timeout(struct raw *r, uint64_t user_data)
{
	struct io_uring_sqe *sqe = rondo__ring_sqe(&r->ring);
	uint64_t before = r->ring.n_reaped;

	io_uring_prep_timeout_remove(sqe, user_data, 0);
	sqe->user_data = RAW_FENCE;
	while (r->ring.n_reaped < before + 2) {		/* its own CQE and the timeout's */
		assert_int_equal(rondo__ring_enter(&r->ring, 1, UINT64_MAX), 0);
		rondo__ring_reap(&r->ring);
	}
}

static void arm_timeout(struct raw *r, uint64_t user_data)
{
	static struct __kernel_timespec hour = { .tv_sec = 3600 };
	struct io_uring_sqe *sqe = rondo__ring_sqe(&r->ring);

	io_uring_prep_timeout(sqe, &hour, 0, 0);
	sqe->user_data = user_data;
}

/* The CPU time of arming one more timeout and removing it, best of a few. */
static uint64_t cost_of_one(struct raw *r)
{
	uint64_t best = UINT64_MAX;

	for (int i = 0; i < 15; i++) {
		uint64_t start = cpu_ns();

		arm_timeout(r, N_TIMERS + 1);
		remove_timeout(r, N_TIMERS + 1);
		start = cpu_ns() - start;
		if (start < best)
			best = start;
	}
	return best;
}

static void test_kn14_removing_a_timeout_walks_past_all_others(void **state)
{
	uint64_t alone, among;
	struct raw r;

	(void)state;
	raw_open(&r);
	alone = cost_of_one(&r);
	for (uint64_t i = 1; i <= N_TIMERS; i++)
		arm_timeout(&r, i);
	raw_fence(&r);
	among = cost_of_one(&r);
	print_message("arm and remove a timeout: %llu ns alone, %llu ns among %d\n",
		      (unsigned long long)alone, (unsigned long long)among, N_TIMERS);
	assert_true(among > 5 * alone);
	for (uint64_t i = 1; i <= N_TIMERS; i++)	/* the first is soon found */
		remove_timeout(&r, i);
	raw_close(&r);
}

/* --- KN-18: iowait ---------------------------------------------------------------------------- */

struct idler {
	pthread_t thread;
	int event;
	atomic_int tid;
	bool no_iowait;
	int ret;
};

static void *idle(void *arg)
{
	struct idler *i = arg;
	uint64_t count;
	struct raw r;

	i->ret = raw_try_open(&r, &rondo__kernel_linux, &(struct ring_options){ 0 });
	if (!i->no_iowait)
		r.ring.wait_flags = 0;
	i->tid = (int)syscall(SYS_gettid);
	if (i->ret < 0)
		return NULL;
	raw_read(&r, i->event, &count, sizeof(count), 1);
	while (!r.n && i->ret == 0) {
		i->ret = rondo__ring_enter(&r.ring, 1, UINT64_MAX);
		rondo__ring_reap(&r.ring);
	}
	rondo__ring_close(&r.ring);
	return NULL;
}

static int number_after(const char *path, const char *name)
{
	char buf[16384], *p;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof(buf) - 1);

	close(fd);
	assert_true(n > 0);
	buf[n] = '\0';
	p = strstr(buf, name);
	assert_non_null(p);
	return atoi(p + strlen(name));
}

/* Is the thread blocked in io_uring_enter, and not on its way there? */
static bool waits(int tid)
{
	char path[64], buf[256] = "";
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/self/task/%d/syscall", tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, buf, sizeof(buf) - 1);
	if (fd >= 0)
		close(fd);
	return n > 0 && atoi(buf) == SYS_io_uring_enter;
}

/* The fewest tasks the system calls blocked while one of our threads waits for an event. Looking
 * ends at none: then ours is surely not among them. */
static int least_blocked(bool no_iowait, int n_samples)
{
	struct idler i = { .event = eventfd(0, EFD_CLOEXEC), .no_iowait = no_iowait };
	uint64_t end = raw_now() + RAW_PATIENCE_S * RAW_SECOND;
	int least = 1000000;

	assert_int_equal(pthread_create(&i.thread, NULL, idle, &i), 0);
	while (!i.tid || !waits(i.tid))
		assert_true(raw_now() < end);
	end = raw_now() + RAW_SECOND * 5;
	while (least > 0 && n_samples-- > 0 && raw_now() < end) {
		bool waited = waits(i.tid);
		int blocked = number_after("/proc/stat", "procs_blocked ");

		if (waited && waits(i.tid) && blocked < least)
			least = blocked;
		sched_yield();
	}
	assert_int_equal(eventfd_write(i.event, 1), 0);
	assert_int_equal(pthread_join(i.thread, NULL), 0);
	assert_int_equal(i.ret, 0);
	close(i.event);
	return least;
}

static void test_kn18_an_idle_loop_is_not_shown_as_waiting_for_io(void **state)
{
	int counted, uncounted;
	struct raw r;

	(void)state;
	raw_open(&r);
	if (r.ring.downgrades & RING_NO_IOWAIT_FLAG) {
		print_message("this kernel has no NO_IOWAIT\n");
		skip();
	}
	assert_true(r.ring.wait_flags & RONDO_ENTER_NO_IOWAIT);
	raw_close(&r);
	counted = least_blocked(false, N_SAMPLES);
	uncounted = least_blocked(true, INT_MAX);
	print_message("tasks blocked: at least %d, with NO_IOWAIT at least %d\n", counted,
		      uncounted);
	if (uncounted > 0) {
		print_message("others wait for I/O all the time: nothing to see\n");
		skip();
	}
	assert_true(counted >= 1);
}

/* --- KN-21: liburing 2.3 ---------------------------------------------------------------------- */

static void test_kn21_the_traps_of_liburing_are_not_stepped_into(void **state)
{
	struct io_uring_sqe *sqe;
	struct io_uring_sqe helper;
	struct raw r;
	int slot;

	(void)state;
	raw_open(&r);
	assert_false(r.ring.uring.flags & RONDO_SETUP_NO_SQARRAY);
	memset(&helper, 0, sizeof(helper));
	io_uring_prep_openat_direct(&helper, AT_FDCWD, "/dev/null", O_RDONLY, 0, ~0u);
	print_message("this liburing's FILE_INDEX_ALLOC becomes %u\n", helper.file_index);
	assert_true(helper.file_index == ~0u || helper.file_index == 0);
	/* By hand it is what the kernel wants: any free slot, and no descriptor. */
	assert_int_equal(io_uring_register_files_sparse(&r.ring.uring, 4), 0);
	sqe = rondo__ring_sqe(&r.ring);
	io_uring_prep_openat(sqe, AT_FDCWD, "/dev/null", O_RDONLY, 0);
	sqe->file_index = ~0u;
	slot = raw_do(&r, sqe);
	assert_in_range(slot, 0, 3);
	raw_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kn6_unbounded_workers_are_unbounded_by_default),
		cmocka_unit_test(test_kn25_every_blocked_splice_holds_a_worker),
		cmocka_unit_test(test_kn24_metadata_and_shutdown_always_cost_a_worker),
		cmocka_unit_test(test_kn14_removing_a_timeout_walks_past_all_others),
		cmocka_unit_test(test_kn18_an_idle_loop_is_not_shown_as_waiting_for_io),
		cmocka_unit_test(test_kn21_the_traps_of_liburing_are_not_stepped_into),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
