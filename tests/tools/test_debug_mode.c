/* SPDX-License-Identifier: MIT */
/* test_debug_mode.c - goal: RONDO_DEBUG=1 turns on debug mode in the rondo program and in the examples, as
 * PYTHONASYNCIODEBUG does in asyncio, and nothing else does (I1). Method: debug mode has a handler of
 * SIGURG, which /proc shows. */
#include "command.h"

static const char *debug;

static int set_debug(void)
{
	return debug ? setenv("RONDO_DEBUG", debug, 1) : unsetenv("RONDO_DEBUG");
}

/* Does the process catch SIGURG? Negative: it has ended. */
static int is_in_debug_mode(pid_t pid)
{
	char path[64], line[128];
	unsigned long long caught = 0;
	bool found = false;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%ld/status", (long)pid);
	f = fopen(path, "r");
	if (!f)
		return -1;
	while (!found && fgets(line, sizeof(line), f))
		found = sscanf(line, "SigCgt: %llx", &caught) == 1;
	fclose(f);
	return found ? (int)(caught >> (SIGURG - 1) & 1) : -1;
}

/* Start it, and look when it has said something; then end it. */
static bool starts_in_debug_mode(struct command *c)
{
	int ret;

	c->prepare = set_debug;
	command_start(c);
	while (!strchr(c->out, '\n'))
		assert_true(command_read_some(c->from_out, c->out, sizeof(c->out)));
	ret = is_in_debug_mode(c->pid);
	assert_int_equal(kill(c->pid, SIGINT), 0);
	command_end(c);
	assert_true(ret >= 0);
	return ret;
}

static bool echoes_in_debug_mode(const char *value)
{
	struct command c = { .arguments = { "echo", "--port", "0", "--workers", "2" } };
	bool ret;

	debug = value;
	ret = starts_in_debug_mode(&c);
	assert_status(&c, OK);
	return ret;
}

static void test_the_echo_server(void **state)
{
	(void)state;
	assert_true(echoes_in_debug_mode("1"));
	assert_true(echoes_in_debug_mode("yes"));
	assert_false(echoes_in_debug_mode("0"));
	assert_false(echoes_in_debug_mode(""));
	assert_false(echoes_in_debug_mode(NULL));
}

static bool serves_in_debug_mode(const char *name, const char *value)
{
	char path[PATH_MAX];
	const char *build = getenv("RONDO_BUILD");
	struct command c = { .program = path, .arguments = { "0" } };

	snprintf(path, sizeof(path), "%s/example_%s", build ? build : ".", name);
	debug = value;
	return starts_in_debug_mode(&c);
}

static void test_examples(void **state)
{
	static const char *const names[] = { "chat", "graceful", "udp_time" };

	(void)state;
	for (int i = 0; i < 3; i++) {
		assert_true(serves_in_debug_mode(names[i], "1"));
		assert_false(serves_in_debug_mode(names[i], NULL));
	}
}

/* Its first program sleeps for a second, in debug mode. */
static void test_the_demo(void **state)
{
	struct command c = { .arguments = { "demo" }, .prepare = set_debug };
	const struct timespec pause = { .tv_nsec = 1000000 };
	int ret;

	(void)state;
	debug = "1";
	command_start(&c);
	while ((ret = is_in_debug_mode(c.pid)) == 0)
		nanosleep(&pause, NULL);
	assert_int_equal(ret, 1);
	assert_int_equal(kill(c.pid, SIGKILL), 0);
	command_end(&c);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_the_echo_server),
	cmocka_unit_test(test_examples),
	cmocka_unit_test(test_the_demo),
};

COMMAND_MAIN(tests, command_enter)
