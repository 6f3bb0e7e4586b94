/* SPDX-License-Identifier: MIT */
/* test_example_errors.c - goal: what people copy from tools/examples/ looks at every error: each program
 * says what is wrong, with its own name in front, and exits with 2 if it was called wrongly, else with 1.
 * Method: wrong arguments, ports that are taken, too few descriptors, ^C at work. */
#include "command.h"

#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>

static const char *path_of(const char *name)
{
	static char path[PATH_MAX];
	const char *build = getenv("RONDO_BUILD");

	snprintf(path, sizeof(path), "%s/example_%s", build ? build : ".", name);
	return path;
}

static bool is_built(const char *name)
{
	return access(path_of(name), X_OK) == 0;
}

/* One line on standard error that begins with the program's name. */
static void assert_says(struct command *c, const char *name, int status, const char *about)
{
	char start[64];

	c->program = path_of(name);
	command_run(c);
	snprintf(start, sizeof(start), "%s%s", status == USAGE ? "usage: " : "", name);
	if (strncmp(c->err, start, strlen(start)) || !strstr(c->err, about))
		print_error("%s: exit %d, it said \"%s\"\n", name, c->status, c->err);
	assert_int_equal(strncmp(c->err, start, strlen(start)), 0);
	assert_non_null(strstr(c->err, about));
	assert_status(c, status);
}

/* --- called wrongly -------------------------------------------------------------------------- */

static void test_wrong_arguments_are_told(void **state)
{
	static const struct {
		const char *name, *arguments[4];
	} wrong[] = {
		{ "proxy", { "0" } },
		{ "scanner", { "127.0.0.1", "1" } }, { "scanner", { "127.0.0.1", "0", "5" } },
		{ "scanner", { "127.0.0.1", "1", "65536" } }, { "scanner", { "127.0.0.1", "a", "b" } },
		{ "ticker", { "1" } }, { "ticker", { "0.0000000001", "true" } },
		{ "ticker", { "1", "true", "2" } }, { "ticker", { "often", "true" } },
		{ "ticker", { "nan", "true" } }, { "ticker", { "inf", "true" } },
		{ "ticker", { "1e300", "true" } }, { "tls_echo", { "cert" } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct command c = { .out = "" };

		if (!is_built(wrong[i].name))
			continue;
		memcpy(c.arguments, wrong[i].arguments, sizeof(wrong[i].arguments));
		assert_says(&c, wrong[i].name, USAGE, wrong[i].name);
		assert_string_equal(c.out, "");
	}
}

/* --- what cannot be had ---------------------------------------------------------------------- */

static unsigned taken_port(int *fd, int type)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(at);

	*fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(*fd, (struct sockaddr *)&at, size), 0);
	assert_true(type == SOCK_DGRAM || listen(*fd, 100) == 0);
	assert_int_equal(getsockname(*fd, (struct sockaddr *)&at, &size), 0);
	return ntohs(at.sin_port);
}

static void test_a_port_that_is_taken_is_told(void **state)
{
	static const char *const names[] = { "chat", "graceful", "proxy", "udp_time" };

	(void)state;
	for (int i = 0; i < 4; i++) {
		char port[16];
		int fd;
		struct command c = { .arguments = { port } };

		if (i == 2) {
			c.arguments[1] = "127.0.0.1";
			c.arguments[2] = "1";
		}
		snprintf(port, sizeof(port), "%u", taken_port(&fd, i == 3 ? SOCK_DGRAM : SOCK_STREAM));
		assert_says(&c, names[i], FAILED, "Address already in use");
		close(fd);
	}
}

static void test_a_host_that_cannot_be_scanned_is_told(void **state)
{
	struct command c = { .arguments = { "no-number.test", "1", "3" } };

	(void)state;
	assert_says(&c, "scanner", FAILED, "Invalid argument");
}

static rlim_t n_descriptors_max;

static int few_descriptors(void)
{
	const struct rlimit few = { n_descriptors_max, n_descriptors_max };

	return setrlimit(RLIMIT_NOFILE, &few);
}

/* Not to be told from "closed" would be a wrong answer. */
static void test_a_scan_without_descriptors_is_no_scan(void **state)
{
	struct command c = { .prepare = few_descriptors };
	char first[16], last[16];
	unsigned port;
	int fd;

	(void)state;
	port = taken_port(&fd, SOCK_STREAM);
	n_descriptors_max = 12;
	snprintf(first, sizeof(first), "%u", port - 40);
	snprintf(last, sizeof(last), "%u", port);
	c.arguments[0] = "127.0.0.1";
	c.arguments[1] = first;
	c.arguments[2] = last;
	assert_says(&c, "scanner", FAILED, "Too many open files");
	assert_string_equal(c.out, "");
	close(fd);
}

static int from_nothing(void)
{
	int fd = open("/dev/null", O_RDONLY);

	return fd < 0 || dup2(fd, STDIN_FILENO) < 0 || close(fd) < 0 ? -1 : few_descriptors();
}

static void test_a_pipeline_that_cannot_be_laid_says_why(void **state)
{
	unsigned n_told = 0;

	(void)state;
	for (n_descriptors_max = 6; n_descriptors_max < 24; n_descriptors_max++) {
		struct command c = { .program = path_of("pipeline"), .prepare = from_nothing };

		command_run(&c);
		assert_null(strstr(c.err, "not permitted"));
		assert_true(c.status == OK || strstr(c.err, "Too many open files"));
		n_told += c.status == FAILED;
	}
	assert_true(n_told > 0);
}

static void test_as_many_files_are_hashed_as_there_are(void **state)
{
	enum { N = 5000 };
	static char files[N * sizeof("/dev/null") + 1];
	struct command c = { .program = "sh" };

	(void)state;
	for (int i = 0; i < N; i++)
		strcat(files + (size_t)i * sizeof("/dev/null"), "/dev/null ");
	c.arguments[0] = "-c";
	c.arguments[1] = "\"$0\" $1 | { n=0; while read -r line; do n=$((n + 1)); done; echo $n; }";
	c.arguments[2] = path_of("hasher");
	c.arguments[3] = files;
	command_run(&c);
	assert_succeeds(&c);
	assert_int_equal(atoi(c.out), N);
}

/* --- ^C -------------------------------------------------------------------------------------- */

/* What the workers use is main's. */
static void test_a_pool_that_is_interrupted_ends_its_workers_first(void **state)
{
	struct command c = { .program = path_of("worker_pool"), .arguments = { "1000000" } };
	const char *end;

	(void)state;
	command_start(&c);
	while (!strchr(c.out, '\n'))
		assert_true(command_read_some(c.from_out, c.out, sizeof(c.out)));
	assert_int_equal(kill(c.pid, SIGINT), 0);
	command_end(&c);
	assert_status(&c, FAILED);
	end = strstr(c.out, "jobs done\n");
	assert_non_null(end);
	assert_string_equal(end, "jobs done\n");	/* nobody works on after that */
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_wrong_arguments_are_told),
	cmocka_unit_test(test_a_port_that_is_taken_is_told),
	cmocka_unit_test(test_a_host_that_cannot_be_scanned_is_told),
	cmocka_unit_test(test_a_scan_without_descriptors_is_no_scan),
	cmocka_unit_test(test_a_pipeline_that_cannot_be_laid_says_why),
	cmocka_unit_test(test_as_many_files_are_hashed_as_there_are),
	cmocka_unit_test(test_a_pool_that_is_interrupted_ends_its_workers_first),
};

COMMAND_MAIN(tests, command_enter)
