/* SPDX-License-Identifier: MIT */
/* test_notes_memory.c - goal: what kernel-notes.md says of memory is so on this kernel: guards,
 * the memory a ring locks, what the kernel still writes, and what a child of fork shares. Method:
 * one test per note, named after it; where kernels differ the test tells which kind this one is. */
#include "raw.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/uio.h>

enum {
	MADV_GUARD_INSTALL_ = 102,
	PAGE = 4096,
	N_GUARDS = 1000,
	FIRST_TEST_UID = 60000,		/* RLIMIT_MEMLOCK is per user: one that nobody else is */
};

static unsigned lines_of(const char *path)
{
	char buf[65536];
	unsigned n = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got;

	assert_true(fd >= 0);
	while ((got = read(fd, buf, sizeof(buf))) > 0)
		for (ssize_t i = 0; i < got; i++)
			n += buf[i] == '\n';
	close(fd);
	return n;
}

static char *map_pages(size_t n)
{
	char *p = mmap(NULL, n * PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	assert_true(p != MAP_FAILED);
	return p;
}

static int touch(void *p)
{
	signal(SIGSEGV, SIG_DFL);	/* a sanitizer's handler would make it an exit */
	*(volatile char *)p = 1;
	return 0;
}

static void test_kn1_a_thousand_guards_cost_no_mapping(void **state)
{
	char *p = map_pages(2 * N_GUARDS);
	int zero = open("/dev/zero", O_RDONLY | O_CLOEXEC), ret;
	unsigned before = lines_of("/proc/self/maps");
	struct raw r;

	(void)state;
	if (madvise(p, PAGE, MADV_GUARD_INSTALL_) < 0) {
		print_message("this kernel has no MADV_GUARD_INSTALL: %s\n", strerror(errno));
		skip();
	}
	for (unsigned i = 0; i < N_GUARDS; i++)
		assert_int_equal(madvise(p + (size_t)2 * i * PAGE, PAGE, MADV_GUARD_INSTALL_), 0);
	assert_int_equal(lines_of("/proc/self/maps"), before);
	assert_int_equal(child_code(touch, p), CHILD_KILLED + SIGSEGV);
	assert_int_equal(child_code(touch, p + PAGE), 0);
	/* To the kernel a guard is a bad address and not a signal. */
	raw_open(&r);
	raw_read(&r, zero, p, 1, 1);
	raw_read(&r, zero, p + PAGE, 2 * PAGE, 2);
	raw_wait(&r, 2);
	assert_int_equal(raw_res(&r, 1), -EFAULT);
	ret = raw_res(&r, 2);
	assert_true(ret == PAGE || ret == -EFAULT);
	raw_close(&r);
	munmap(p, (size_t)2 * N_GUARDS * PAGE);
	close(zero);
}

/* Guard every second page until the kernel will not; the count goes into a shared word. */
static int exhaust_maps(void *shared)
{
	unsigned *n = shared;
	size_t n_pages = 2 * (n[1] + 10);
	char *p = mmap(NULL, n_pages * PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		return 1;
	for (size_t i = 0; i < n_pages; i += 2) {
		if (mprotect(p + i * PAGE, PAGE, PROT_NONE) < 0)
			return errno == ENOMEM ? 0 : 2;
		n[0]++;
	}
	return 3;
}

static void test_kn2_mprotect_guards_stop_at_half_the_map_limit(void **state)
{
	unsigned *n = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	FILE *f = fopen("/proc/sys/vm/max_map_count", "r");

	(void)state;
	assert_true(n != MAP_FAILED);
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%u", &n[1]), 1);
	fclose(f);
	if (n[1] > 200000) {
		print_message("vm.max_map_count is %u: reaching it would take long\n", n[1]);
		skip();
	}
	assert_int_equal(child_code(exhaust_maps, n), 0);
	print_message("%u guards with vm.max_map_count %u\n", n[0], n[1]);
	assert_true(n[0] <= n[1] / 2);
	assert_true(n[0] > n[1] / 2 - 1000);
	munmap(n, PAGE);
}

enum { N_PIECES = 512, PIECE = 1 << 20, N_ATTEMPTS = 50 };

/* Start a long read, close the ring, and look what happens to the last byte. The attempt is void if
 * the read was too fast. It takes far longer than a scheduler lets it run while we wait for our
 * turn, so that we see it half done on a busy machine, too. */
static bool written_after_close(int memory, char *piece)
{
	static struct iovec iov[N_PIECES + 2];
	static volatile char first, last;
	uint64_t end = raw_now() + RAW_PATIENCE_S * RAW_SECOND;
	struct io_uring_sqe *sqe;
	struct io_uring ring;
	bool untouched;

	first = last = 1;
	iov[0] = (struct iovec){ (void *)(uintptr_t)&first, 1 };
	for (int i = 1; i <= N_PIECES; i++)
		iov[i] = (struct iovec){ piece, PIECE };
	iov[N_PIECES + 1] = (struct iovec){ (void *)(uintptr_t)&last, 1 };
	assert_int_equal(io_uring_queue_init(8, &ring, 0), 0);
	sqe = io_uring_get_sqe(&ring);
	io_uring_prep_readv(sqe, memory, iov, N_PIECES + 2, 0);
	sqe->flags |= IOSQE_ASYNC;
	assert_int_equal(io_uring_submit(&ring), 1);
	while (first && raw_now() < end)
		;
	assert_int_equal(first, 0);
	io_uring_queue_exit(&ring);
	untouched = last == 1;
	while (last)			/* nor may the test reuse the buffer before */
		assert_true(raw_now() < end);
	return untouched;
}

static void test_kn3_the_kernel_writes_after_a_ring_is_closed(void **state)
{
	int memory = memfd_create("rondo-test", MFD_CLOEXEC), i;
	char *piece = map_pages(PIECE / PAGE);

	(void)state;
	assert_int_equal(ftruncate(memory, (off_t)(N_PIECES + 1) * PIECE), 0);
	for (i = 0; i < N_ATTEMPTS && !written_after_close(memory, piece); i++)
		;
	assert_true(i < N_ATTEMPTS);
	munmap(piece, PIECE);
	close(memory);
}

enum { NO_ROOM = 13 };

/* As an ordinary user with room for a few pages. 0: rings are charged, 1: they are not. */
static int open_with_little_memlock(void *arg)
{
	struct rlimit limit = { 16 << 10, 16 << 10 };
	struct io_uring plain;
	struct raw r;
	int ret;

	(void)arg;
	if (setrlimit(RLIMIT_MEMLOCK, &limit) < 0)
		return 10;
	if (getuid() == 0 && setuid(FIRST_TEST_UID + (uid_t)getpid() % 5000) < 0)
		return 11;
	ret = io_uring_queue_init(RING_SQ_ENTRIES * RING_CQ_RATIO, &plain, 0);
	if (ret != 0 && ret != -ENOMEM)
		return 12;
	if (raw_try_open(&r, &rondo__kernel_linux, &(struct ring_options){ 0 }) < 0)
		return NO_ROOM;
	if (!(r.ring.downgrades & RING_SMALLER) != (ret == 0))
		return 14;
	rondo__ring_close(&r.ring);
	return ret == 0;
}

static void test_kn5_a_ring_shrinks_to_an_ordinary_users_memlock(void **state)
{
	int ret = child_code(open_with_little_memlock, NULL);

	(void)state;
	if (ret == NO_ROOM && getuid() != 0) {
		print_message("this user's other rings leave no room\n");
		skip();
	}
	assert_true(ret == 0 || ret == 1);
	print_message("this kernel %s rings to RLIMIT_MEMLOCK\n",
		      ret == 0 ? "charges" : "does not charge");
}

enum { N_IN_A_ROW = 1000, N_SMALLER_MAX = 250 };

/* As an ordinary user with the usual limit, one ring after another. Returns how many were smaller than
 * asked for, in tens; or 200 if one was refused. */
static int open_many_in_a_row(void *arg)
{
	struct rlimit limit = { 8 << 20, 8 << 20 };
	unsigned n_smaller = 0;
	struct raw r;

	(void)arg;
	if (setrlimit(RLIMIT_MEMLOCK, &limit) < 0)
		return 201;
	if (getuid() == 0 && setuid(FIRST_TEST_UID + 5000 + (uid_t)getpid() % 5000) < 0)
		return 202;
	for (unsigned i = 0; i < N_IN_A_ROW; i++) {
		if (raw_try_open(&r, &rondo__kernel_linux, &(struct ring_options){ 0 }) < 0)
			return 200;
		n_smaller += !!(r.ring.downgrades & RING_SMALLER);
		rondo__ring_close(&r.ring);
	}
	return (int)(n_smaller + 9) / 10;
}

/* What a closed ring had is charged for some time. On a busy machine it may be too long for our
 * patience, once in a while. */
static void test_kn27_rings_in_a_row_wait_for_the_memory_of_those_before(void **state)
{
	int tens = child_code(open_many_in_a_row, NULL);

	(void)state;
	print_message("of %d rings in a row about %d were smaller than asked for\n", N_IN_A_ROW,
		      tens * 10);
	if (tens * 10 > N_SMALLER_MAX && getuid() != 0) {
		print_message("this user's other rings may be why\n");
		skip();
	}
	assert_true(tens * 10 <= N_SMALLER_MAX);
}

static int submit_in_child(void *ring)
{
	io_uring_prep_nop(io_uring_get_sqe(ring));
	return io_uring_submit(ring) == 1 ? 0 : 1;
}

static int enter_in_child(void *arg)
{
	struct raw *r = arg;
	int ret;

	raw_nop(r, 66);
	ret = rondo__ring_enter(&r->ring, 0, UINT64_MAX);
	return ret == -EEXIST ? 0 : -ret;
}

static void test_kn17_a_forked_child_shares_the_ring(void **state)
{
	struct io_uring plain;
	struct raw r;

	(void)state;
	assert_int_equal(io_uring_queue_init(8, &plain, 0), 0);
	assert_int_equal(child_code(submit_in_child, &plain), 0);
	assert_int_equal(io_uring_cq_ready(&plain), 1);	/* the child's, in our queue */
	io_uring_queue_exit(&plain);
	raw_open(&r);
	if (r.ring.downgrades & RING_NO_SINGLE_ISSUER) {
		print_message("this kernel has no SINGLE_ISSUER\n");
		skip();
	}
	assert_int_equal(child_code(enter_in_child, &r), 0);
	raw_nop(&r, 1);
	raw_wait(&r, 1);
	raw_fence(&r);
	assert_int_equal(r.n, 1);
	assert_int_equal(r.log[0].user_data, 1);
	raw_close(&r);
}

static void test_kn26_what_an_sqe_points_to_is_copied_but_buffers_are_not(void **state)
{
	struct __kernel_timespec ts = { .tv_nsec = 10000000 };
	char buf[8] = "";
	struct iovec part = { buf, sizeof(buf) };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
	struct io_uring_sqe *sqe;
	struct raw r;
	int fds[2];

	(void)state;
	raw_open(&r);
	raw_tcp_pair(fds);
	sqe = rondo__ring_sqe(&r.ring);
	io_uring_prep_recvmsg(sqe, fds[1], &message, 0);
	sqe->user_data = 1;
	sqe = rondo__ring_sqe(&r.ring);
	io_uring_prep_timeout(sqe, &ts, 0, 0);
	sqe->user_data = 2;
	raw_fence(&r);
	part = (struct iovec){ NULL, 0 };
	ts.tv_sec = 100000;
	assert_int_equal(write(fds[0], "hello", 5), 5);
	raw_wait(&r, 2);
	assert_int_equal(raw_res(&r, 1), 5);
	assert_string_equal(buf, "hello");
	assert_int_equal(raw_res(&r, 2), -ETIME);
	raw_close_pair(fds);
	raw_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kn1_a_thousand_guards_cost_no_mapping),
		cmocka_unit_test(test_kn2_mprotect_guards_stop_at_half_the_map_limit),
		cmocka_unit_test(test_kn3_the_kernel_writes_after_a_ring_is_closed),
		cmocka_unit_test(test_kn5_a_ring_shrinks_to_an_ordinary_users_memlock),
		cmocka_unit_test(test_kn27_rings_in_a_row_wait_for_the_memory_of_those_before),
		cmocka_unit_test(test_kn17_a_forked_child_shares_the_ring),
		cmocka_unit_test(test_kn26_what_an_sqe_points_to_is_copied_but_buffers_are_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
