/* SPDX-License-Identifier: MIT */
/* test_limits.c - goal: what a process is not given, a loop does without or says so: memory for it
 * to start (F6), threads for the kernel to work in (F8). Nothing hangs, nothing is left behind, and
 * when the limit is lifted all is well again. Method: the real limits, each in a child: RLIMIT_AS,
 * RLIMIT_NPROC, a cgroup's pids.max. (F5, descriptors, is in test_refusal.c.) */
#include "child.h"

#include <sys/socket.h>
#include <sys/stat.h>

#include "rondo/file.h"
#include "rondo/probe.h"
#include "rondo/socket.h"
#include "rondo/task.h"
#include "rondo/time.h"
#include "switch/sanitizer.h"

enum { KIB = 1024, N_TASKS = 20 };

/* Lower or raise what may be raised again. */
static int limit_softly(int resource, rlim_t n)
{
	struct rlimit limit;

	if (getrlimit((__rlimit_resource_t)resource, &limit) < 0)
		return -errno;
	limit.rlim_cur = n < limit.rlim_max ? n : limit.rlim_max;
	return setrlimit((__rlimit_resource_t)resource, &limit) < 0 ? -errno : 0;
}

/* --- F6: memory ------------------------------------------------------------------------------ */

static int sleep_and_return_seven(void *arg)
{
	(void)arg;
	return rondo_sleep(0.0001) < 0 ? -1 : 7;
}

/* What the process has mapped. */
static size_t address_space(void)
{
	FILE *statm = fopen("/proc/self/statm", "r");
	unsigned long n_pages = 0;

	if (!statm || fscanf(statm, "%lu", &n_pages) != 1)
		_exit(3);
	fclose(statm);
	return n_pages * 4096;
}

/* With so much more address space than it has by now: what rondo_run() says. */
static int run_with_room(struct finding *f, size_t bytes)
{
	int ret;

	if (limit_softly(RLIMIT_AS, address_space() + bytes) < 0)
		_exit(4);
	ret = rondo_run(sleep_and_return_seven, NULL);
	if (ret != 7)
		rondo_probe_explain(ret, f->why, sizeof(f->why));
	if (limit_softly(RLIMIT_AS, RLIM_INFINITY) < 0)
		_exit(5);
	return ret;
}

/* Every mapping of the set-up is at some time the first for which there is no room. */
static void find_with_little_space(struct finding *f)
{
	int before = count_descriptors(), ret = -ENOMEM;
	size_t mapped = 0, room = 0;

	for (; ret == -ENOMEM && room < (size_t)f->argument * KIB; room += 4 * KIB) {
		ret = run_with_room(f, room);
		if (count_descriptors() != before)
			_exit(6);
		/* What malloc keeps, it keeps at the first time. */
		if (mapped && address_space() > mapped)
			_exit(7);
		mapped = address_space();
	}
	f->ret = ret;
	snprintf(f->value, sizeof(f->value), "%zu", room / KIB);
	if (rondo_run(sleep_and_return_seven, NULL) != 7)
		_exit(8);
}

static void test_f6_no_memory_to_start_is_said_and_leaves_nothing(void **state)
{
	struct finding *f;

	(void)state;
	if (SAN_ADDRESS || SAN_THREAD || RUNNING_ON_VALGRIND) {
		print_message("a checker's shadow memory leaves no room for RLIMIT_AS\n");
		skip();
	}
	f = in_child(find_with_little_space, 64 * KIB);
	print_message("with %s KiB of address space it starts; before: %s\n", f->value, f->why);
	assert_int_equal(f->ret, 7);
	/* Who may not lock memory freely is told of that limit first. */
	assert_non_null(strstr(f->why, getuid() == 0 ? "RLIMIT_AS" : "RLIMIT_"));
	assert_true(atoi(f->value) > 4);	/* it was refused at least once */
	finding_free(f);
}

/* --- F8: threads of the kernel --------------------------------------------------------------- */

static int memory_file;

/* The kernel does this in a worker thread, always (KN-24). */
static int sync_it(void *arg)
{
	(void)arg;
	return rondo_fsync(memory_file);
}

/* Many at once: how many of them had which result? 1000 if they differ. */
static int sync_many(void)
{
	rondo_task *tasks[N_TASKS];
	int result = 0;

	for (int i = 0; i < N_TASKS; i++)
		tasks[i] = rondo_create_task(sync_it, NULL);
	for (int i = 0; i < N_TASKS; i++) {
		int ret = rondo_await(tasks[i]);

		result = i == 0 || result == ret ? ret : 1000;
	}
	return result;
}

/* What needs no worker goes on as ever. (Writing to a pipe does need one on 6.1.) */
static int use_a_socket(void)
{
	int fds[2];
	char c = 0;

	CHECK_EQUAL(rondo_socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	CHECK_EQUAL(rondo_send(fds[1], "x", 1, 0), 1);
	CHECK_EQUAL(rondo_recv(fds[0], &c, 1, 0), 1);
	CHECK_EQUAL(c, 'x');
	CHECK_EQUAL(rondo_close(fds[0]), 0);
	return rondo_close(fds[1]);
}

/* Takes the limit away, however it was set. */
static int (*lift)(void);

static int work_without_workers(void *arg)
{
	int *result = arg;

	*result = sync_it(NULL);
	CHECK_EQUAL(sync_many(), *result);
	CHECK_EQUAL(rondo_sleep(0.001), 0);
	CHECK_EQUAL(use_a_socket(), 0);
	CHECK_EQUAL(lift(), 0);
	CHECK_EQUAL(sync_it(NULL), 0);
	CHECK_EQUAL(sync_many(), 0);
	return 7;
}

static void find_without_workers(struct finding *f)
{
	int ret = rondo_run(work_without_workers, &f->ret);

	snprintf(f->why, sizeof(f->why), "%s", check_failure);
	if (ret != 7)
		_exit(9);
}

static int lift_the_users_limit(void)
{
	return limit_softly(RLIMIT_NPROC, RLIM_INFINITY);
}

/* A user of its own, so that nobody else's processes count; without root it has too many anyway. */
static void find_with_limited_user(struct finding *f)
{
	lift = lift_the_users_limit;
	memory_file = memfd_create("rondo-test", MFD_CLOEXEC);
	if (limit_softly(RLIMIT_NPROC, (rlim_t)f->argument) < 0 || child_be_ordinary() < 0)
		_exit(4);
	find_without_workers(f);
}

static struct finding *assert_found(void (*find)(struct finding *), int argument)
{
	struct finding *f = finding_new(argument);
	int code = child_end(child_start(find, f));

	if (code)
		print_error("exit code %d, %d, \"%s\"\n", code, f->ret, f->why);
	assert_int_equal(code, 0);
	return f;
}

/* The kernel ends what no thread could be had for as if it had been cancelled (KN-41); but nobody
 * cancelled the task, so it is an error. */
static void test_f8_without_worker_threads_file_work_fails_and_all_else_goes_on(void **state)
{
	struct finding *f = assert_found(find_with_limited_user, 1);

	(void)state;
	print_message("without worker threads, fsync returns %d\n", f->ret);
	assert_int_equal(f->ret, -EIO);
	finding_free(f);
}

static int sync_with_few(void *result)
{
	*(int *)result = sync_many();
	return 7;
}

static rlim_t count_threads(void)
{
	struct stat st;

	return stat("/proc/self/task", &st) == 0 && st.st_nlink > 2 ? st.st_nlink - 2 : 1;
}

/* Room for so many threads besides those there are: a checker may have one of its own. */
static void find_with_few_workers(struct finding *f)
{
	rlim_t n = count_threads() + (rlim_t)f->argument;

	memory_file = memfd_create("rondo-test", MFD_CLOEXEC);
	if (limit_softly(RLIMIT_NPROC, n) < 0 || child_be_ordinary() < 0)
		_exit(4);
	if (rondo_run(sync_with_few, &f->ret) != 7)
		_exit(9);
}

static void test_f8_with_one_worker_thread_all_work_is_done(void **state)
{
	struct finding *f;

	(void)state;
	if (getuid() != 0) {
		print_message("only root can become a user without other processes\n");
		skip();
	}
	f = assert_found(find_with_few_workers, 1);
	assert_int_equal(f->ret, 0);
	finding_free(f);
}

/* --- the same by a cgroup, as containers have it --------------------------------------------- */

static char cgroup[128];

static int cgroup_write(const char *file, const char *text)
{
	char path[192];
	int fd;
	ssize_t n;

	snprintf(path, sizeof(path), "%s/%s", cgroup, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = write(fd, text, strlen(text));
	close(fd);
	return n < 0 ? -errno : 0;
}

/* Only below the root group: any other belongs to whoever manages this machine's processes. */
static bool cgroup_make(void)
{
	FILE *mine = fopen("/proc/self/cgroup", "r");
	char line[256] = "";
	bool at_root = false;

	while (mine && !at_root && fgets(line, sizeof(line), mine))
		at_root = strstr(line, ":pids:/\n");
	if (mine)
		fclose(mine);
	snprintf(cgroup, sizeof(cgroup), "/sys/fs/cgroup/pids/rondo-test-%d", (int)getpid());
	return at_root && mkdir(cgroup, 0755) == 0;
}

/* The child's threads may be a moment behind. */
static void cgroup_remove(void)
{
	for (int i = 0; rmdir(cgroup) < 0 && errno == EBUSY && i < 1000; i++)
		usleep(1000);
}

static int lift_the_groups_limit(void)
{
	return cgroup_write("pids.max", "max");
}

static void find_in_cgroup(struct finding *f)
{
	lift = lift_the_groups_limit;
	memory_file = memfd_create("rondo-test", MFD_CLOEXEC);
	if (cgroup_write("cgroup.procs", "0") < 0 || cgroup_write("pids.max", "1") < 0)
		_exit(77);
	find_without_workers(f);
}

static void test_f8_a_containers_limit_is_the_same(void **state)
{
	struct finding *f;
	int code;

	(void)state;
	if (!cgroup_make()) {
		print_message("no group can be made below the root of a pids cgroup (version 1)\n");
		skip();
	}
	f = finding_new(0);
	code = child_end(child_start(find_in_cgroup, f));
	cgroup_remove();
	if (code)
		print_error("exit code %d, \"%s\"\n", code, f->why);
	assert_int_equal(code, 0);
	assert_int_equal(f->ret, -EIO);
	finding_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_f6_no_memory_to_start_is_said_and_leaves_nothing),
		cmocka_unit_test(
			test_f8_without_worker_threads_file_work_fails_and_all_else_goes_on),
		cmocka_unit_test(test_f8_with_one_worker_thread_all_work_is_done),
		cmocka_unit_test(test_f8_a_containers_limit_is_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
