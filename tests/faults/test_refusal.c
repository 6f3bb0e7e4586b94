/* SPDX-License-Identifier: MIT */
/* test_refusal.c - goal: whatever really keeps a process from having a ring, the library refuses
 * with the true error, says cause and remedy, and leaves nothing behind; and it works under the
 * limits an ordinary user has. Method: the real causes, each in a child: seccomp filters, the
 * sysctl, RLIMIT_MEMLOCK, RLIMIT_NOFILE.
 * RUN_SERIAL: for some microseconds it switches io_uring off for the whole system. */
#include "child.h"

#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>

#include "ring/probe.h"
#include "ring/ring.h"
#include "rondo/probe.h"
#include "rondo/task.h"

static const char sysctl_path[] = "/proc/sys/kernel/io_uring_disabled";

static int return_seven(void *arg)
{
	(void)arg;
	return 7;
}

static void ring_size(void *ctx, const struct rondo_probe_item *item)
{
	struct finding *f = ctx;

	if (!strcmp(item->name, "ring size"))
		snprintf(f->value, sizeof(f->value), "%s", item->value);
}

/* Run a program, and explain if it would not. 7: it ran. */
static void find(struct finding *f)
{
	int before = count_descriptors(), ret = rondo_run(return_seven, NULL);

	rondo_probe_explain(ret, f->why, sizeof(f->why));
	f->ret = count_descriptors() == before ? ret : 20000;
}

static void assert_refused(const struct finding *f, int error, const char *word)
{
	if (f->ret != error || !strstr(f->why, word))
		print_error("%d, \"%s\"\n", f->ret, f->why);
	assert_int_equal(f->ret, error);
	assert_non_null(strstr(f->why, word));
}

/* --- F1: seccomp ----------------------------------------------------------------------------- */

static void find_under_seccomp(struct finding *f)
{
	f->ret = child_deny(SYS_io_uring_setup, f->argument);
	if (f->ret == 0)
		find(f);
	if (rondo_probe(ring_size, f) != f->ret || f->value[0])
		_exit(1);
}

static void test_f1_a_seccomp_filter_is_recognised(void **state)
{
	struct finding *f = in_child(find_under_seccomp, EPERM);

	(void)state;
	assert_refused(f, -EPERM, "seccomp");
	assert_refused(f, -EPERM, "io_uring_setup");
	finding_free(f);
	f = in_child(find_under_seccomp, ENOSYS);
	assert_refused(f, -ENOSYS, "seccomp");
	finding_free(f);
}

/* --- F2: the sysctl -------------------------------------------------------------------------- */

static int sysctl_fd;

static bool sysctl_restore(void)
{
	return pwrite(sysctl_fd, "0", 1, 0) == 1;
}

/* Restores it too, as soon as it has seen enough: so it is done even if the test is killed. */
static void wait_and_find(struct finding *f)
{
	if (f->argument == 1 && child_be_ordinary() < 0)
		_exit(1);
	atomic_store(&f->ready, 1);
	while (!atomic_load(&f->go))
		sched_yield();
	f->ret = rondo_run(return_seven, NULL);
	rondo_probe_explain(f->ret, f->why, sizeof(f->why));
	sysctl_restore();
	atomic_store(&f->done, 1);
}

/* Switch io_uring off for the whole system while the child makes one attempt: some microseconds,
 * with signals held back, and whatever happens to the child it is switched on again. */
static void find_with_sysctl(struct finding *f, const char *value)
{
	pid_t pid = child_start(wait_and_find, f);
	struct timespec start, now;
	sigset_t all, old;
	ssize_t written;

	while (!atomic_load(&f->ready))
		usleep(100);
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &old);
	clock_gettime(CLOCK_MONOTONIC, &start);
	written = pwrite(sysctl_fd, value, 1, 0);
	atomic_store(&f->go, 1);
	do {
		sched_yield();
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (!atomic_load(&f->done) && now.tv_sec - start.tv_sec < 2);
	if (!sysctl_restore())
		abort();
	sigprocmask(SIG_SETMASK, &old, NULL);
	print_message("io_uring was off for %ld us\n",
		      (now.tv_sec - start.tv_sec) * 1000000 +
		      (now.tv_nsec - start.tv_nsec) / 1000);
	assert_int_equal(written, 1);
	assert_int_equal(child_end(pid), 0);
}

static void test_f2_the_sysctl_is_recognised(void **state)
{
	char before = 0, after = 0;
	struct finding *f;

	(void)state;
	sysctl_fd = open(sysctl_path, O_RDWR | O_CLOEXEC);
	if (sysctl_fd < 0 || pread(sysctl_fd, &before, 1, 0) != 1 || before != '0' ||
	    !sysctl_restore()) {
		print_message("%s cannot be changed and restored here (not root, or set already)\n",
			      sysctl_path);
		skip();
	}
	f = finding_new(2);
	find_with_sysctl(f, "2");
	assert_refused(f, -EPERM, "kernel.io_uring_disabled is 2");
	finding_free(f);
	f = finding_new(1);
	find_with_sysctl(f, "1");
	assert_refused(f, -EPERM, "kernel.io_uring_disabled is 1");
	finding_free(f);
	assert_int_equal(pread(sysctl_fd, &after, 1, 0), 1);
	assert_int_equal(after, '0');
	close(sysctl_fd);
}

/* --- F4: RLIMIT_MEMLOCK ---------------------------------------------------------------------- */

static void find_with_memlock(struct finding *f)
{
	f->ret = child_limit(RLIMIT_MEMLOCK, (rlim_t)f->argument << 10);
	if (f->ret == 0)
		f->ret = child_be_ordinary();
	if (f->ret == 0)
		find(f);
}

/* In a process of its own: what a closed ring locked is given back only some time later (KN-27). */
static void probe_with_memlock(struct finding *f)
{
	f->ret = child_limit(RLIMIT_MEMLOCK, (rlim_t)f->argument << 10);
	if (f->ret == 0)
		f->ret = child_be_ordinary();
	if (f->ret == 0)
		f->ret = rondo_probe(ring_size, f);
}

/* Only root can become a user without other rings; anybody else waits for theirs to go. */
static struct finding *in_child_with_memory(void (*f)(struct finding *), int kib)
{
	struct finding *found = in_child(f, kib);

	for (int i = 0; getuid() != 0 && found->ret == -ENOMEM; i++) {
		finding_free(found);
		if (i == 50) {
			print_message("this user's other rings leave no room in %d KiB\n", kib);
			skip();
		}
		usleep(100000);
		found = in_child(f, kib);
	}
	return found;
}

static void assert_works_with_memlock(int kib)
{
	struct finding *f = in_child_with_memory(find_with_memlock, kib);

	assert_int_equal(f->ret, 7);
	finding_free(f);
	f = in_child_with_memory(probe_with_memlock, kib);
	assert_int_equal(f->ret, 0);
	print_message("RLIMIT_MEMLOCK %d KiB: %s\n", kib, f->value);
	finding_free(f);
}

static void test_f4_an_ordinary_user_has_a_ring_with_usual_limits(void **state)
{
	(void)state;
	assert_works_with_memlock(8192);
	assert_works_with_memlock(64);
}

static void test_f4_with_little_memlock_the_ring_is_smaller(void **state)
{
	(void)state;
	assert_works_with_memlock(16);
}

static void test_f4_without_memlock_the_limit_is_named(void **state)
{
	struct finding *f = in_child(find_with_memlock, 0);

	(void)state;
	if (f->ret == 7) {
		print_message("this kernel does not charge rings to RLIMIT_MEMLOCK\n");
		finding_free(f);
		skip();
	}
	assert_refused(f, -ENOMEM, "RLIMIT_MEMLOCK is 0 KiB");
	assert_refused(f, -ENOMEM, "ulimit -l");
	finding_free(f);
}

static void no_cqe(void *owner, const struct io_uring_cqe *cqe)
{
	(void)owner, (void)cqe;
}

enum { MAX_RINGS = 500 };

/* Rings until there are no more: how many were of full size, and how many smaller. */
static void exhaust_memlock(struct finding *f)
{
	static struct ring rings[MAX_RINGS];
	int n = 0, n_full = 0, ret = 0;

	if (child_limit(RLIMIT_MEMLOCK, (rlim_t)f->argument << 10) < 0 || child_be_ordinary() < 0)
		_exit(1);
	while (n < MAX_RINGS) {
		ret = rondo__ring_open(&rings[n], &rondo__kernel_linux,
				       &(struct ring_options){ 0 }, no_cqe, NULL);
		if (ret < 0)
			break;
		n_full += !(rings[n++].downgrades & RING_SMALLER);
	}
	f->ret = ret;
	snprintf(f->value, sizeof(f->value), "%d rings of full size, %d smaller ones", n_full,
		 n - n_full);
	rondo_probe_explain(ret, f->why, sizeof(f->why));
	while (n-- > 0)
		rondo__ring_close(&rings[n]);
}

static void test_f4_rings_shrink_before_they_are_refused(void **state)
{
	struct finding *f = in_child(exhaust_memlock, 1024);

	(void)state;
	print_message("RLIMIT_MEMLOCK 1024 KiB: %s\n", f->value);
	if (f->ret >= 0) {
		print_message("this kernel does not charge rings to RLIMIT_MEMLOCK\n");
		finding_free(f);
		skip();
	}
	assert_refused(f, -ENOMEM, "RLIMIT_MEMLOCK is 1024 KiB");
	assert_null(strstr(f->value, " 0 smaller"));
	finding_free(f);
}

/* --- what the report says of such a process ------------------------------------------------------- */

struct wanted {
	const char *group, *name;
	bool with_why;
	char *value;
	size_t size;
};

static void keep_wanted(void *ctx, const struct rondo_probe_item *item)
{
	const struct wanted *w = ctx;

	if (!strcmp(item->group, w->group) && !strcmp(item->name, w->name))
		snprintf(w->value, w->size, "%s%s", item->value, w->with_why ? item->why : "");
}

static void find_fact(struct finding *f, const char *group, const char *name, bool with_why)
{
	struct wanted w = { group, name, with_why, f->value, sizeof(f->value) };

	f->ret = rondo_probe(keep_wanted, &w);
}

/* 1: not the best guards there are; 2: and none for a slab of stacks. */
static void find_guards(struct finding *f)
{
	f->ret = child_deny(SYS_madvise, EINVAL);
	if (f->ret == 0 && f->argument > 1)
		f->ret = child_deny(SYS_mprotect, ENOMEM);
	if (f->ret == 0)
		find_fact(f, "fallback", "stack guards", true);
}

static void test_the_guards_that_stacks_get_are_told(void **state)
{
	struct finding *f = in_child(find_guards, 1);

	(void)state;
	assert_int_equal(f->ret, 0);
	assert_non_null(strstr(f->value, "mprotect"));
	finding_free(f);
	f = in_child(find_guards, 2);
	assert_int_equal(f->ret, 0);
	assert_string_equal(f->value, "no stack can be made");
	finding_free(f);
}

static void find_memlock(struct finding *f)
{
	const rlim_t kib = f->argument ? (rlim_t)f->argument << 10 : RLIM_INFINITY;

	f->ret = child_limit(RLIMIT_MEMLOCK, kib);
	if (f->ret == 0)
		find_fact(f, "limits", "RLIMIT_MEMLOCK", false);
}

static void test_the_limit_of_locked_memory_is_told(void **state)
{
	struct finding *f = in_child(find_memlock, 4096);

	(void)state;
	assert_int_equal(f->ret, 0);
	assert_string_equal(f->value, "4096 KiB");
	finding_free(f);
	f = in_child(find_memlock, 0);
	if (f->ret == -EPERM) {
		print_message("only root may lift the limit\n");
		finding_free(f);
		skip();
	}
	assert_int_equal(f->ret, 0);
	assert_string_equal(f->value, "unlimited");
	finding_free(f);
}

/* --- the group that kernel.io_uring_group names ---------------------------------------------------- */

enum { SOME_GROUP = 60123 };

/* 1: by its first group, 2: by a further one, 0: not at all. */
static void find_membership(struct finding *f)
{
	gid_t group = SOME_GROUP, other = SOME_GROUP + 1;
	struct limits l;

	if (setgroups(1, f->argument == 2 ? &group : &other) < 0 ||
	    setgid(f->argument == 1 ? group : other) < 0 || setuid(60000) < 0)
		_exit(1);
	rondo__limits_look(&l);
	f->ret = l.is_admin;
	snprintf(f->value, sizeof(f->value), "%d", l.group);
}

/* The group means nothing as long as anybody may use io_uring, so it may be set for a moment. */
static void test_f2_who_is_in_the_group_may_use_io_uring(void **state)
{
	static const char path[] = "/proc/sys/kernel/io_uring_group";
	int fd = open(path, O_RDWR | O_CLOEXEC);
	bool written = fd >= 0 && pwrite(fd, "60123", 5, 0) == 5;

	(void)state;
	for (int by = 0; written && by < 3; by++) {
		struct finding *f = in_child(find_membership, by);

		if (f->ret != (by != 0) || strcmp(f->value, "60123"))
			print_error("by %d: %d, group %s\n", by, f->ret, f->value);
		written = f->ret == (by != 0) && !strcmp(f->value, "60123");
		finding_free(f);
		if (!written && pwrite(fd, "-1", 2, 0) == 2)
			fail();
	}
	if (fd >= 0 && (pwrite(fd, "-1", 2, 0) != 2 || close(fd) < 0))
		fail();
	if (fd < 0)
		skip();
}

/* --- F5: descriptors ------------------------------------------------------------------------- */

static void find_without_descriptors(struct finding *f)
{
	struct rlimit old, none;
	int lowest_free = dup(0), before;

	close(lowest_free);
	before = count_descriptors();
	getrlimit(RLIMIT_NOFILE, &old);
	none = (struct rlimit){ (rlim_t)(lowest_free + f->argument), old.rlim_max };
	if (setrlimit(RLIMIT_NOFILE, &none) < 0)
		_exit(1);
	f->ret = rondo_run(return_seven, NULL);
	rondo_probe_explain(f->ret, f->why, sizeof(f->why));
	setrlimit(RLIMIT_NOFILE, &old);
	if (count_descriptors() != before || rondo_run(return_seven, NULL) != 7)
		_exit(2);
}

static void test_f5_no_descriptor_left_is_said_and_leaves_nothing(void **state)
{
	int ret = -EMFILE;

	(void)state;
	/* None left, then one, and so on, until there are enough. */
	for (int n_left = 0; ret == -EMFILE && n_left < 10; n_left++) {
		struct finding *f = in_child(find_without_descriptors, n_left);

		ret = f->ret;
		if (ret != 7)
			assert_refused(f, -EMFILE, "ulimit -n");
		assert_true(n_left > 0 || ret == -EMFILE);
		finding_free(f);
	}
	assert_int_equal(ret, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_f1_a_seccomp_filter_is_recognised),
		cmocka_unit_test(test_f2_the_sysctl_is_recognised),
		cmocka_unit_test(test_f4_an_ordinary_user_has_a_ring_with_usual_limits),
		cmocka_unit_test(test_f4_with_little_memlock_the_ring_is_smaller),
		cmocka_unit_test(test_f4_without_memlock_the_limit_is_named),
		cmocka_unit_test(test_f4_rings_shrink_before_they_are_refused),
		cmocka_unit_test(test_the_guards_that_stacks_get_are_told),
		cmocka_unit_test(test_the_limit_of_locked_memory_is_told),
		cmocka_unit_test(test_f2_who_is_in_the_group_may_use_io_uring),
		cmocka_unit_test(test_f5_no_descriptor_left_is_said_and_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
