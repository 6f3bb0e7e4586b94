/* SPDX-License-Identifier: MIT */
/* test_examples.c - goal: each program of tools/examples/ prints what the Python it mirrors prints,
 * byte for byte, and `rondo demo` is all of them in order. Method: the text is written down here,
 * and where there is python3, the Python twins below python/ have the last word; a twin contains
 * the Python that its example shows. What sleeps is started at once by the group's setup. */
#include "command.h"

#define HELLO "Hello, Async World!\nAsync function completed!\n"
#define TASKS "Task 1 started\nTask 2 started\nTask 2 completed\nTask 1 completed\n"
#define NUMBERS_42 "0.6394267984578837\n1\n0.7673954497838495\napple\n['banana', 'apple']\n"
#define WOKE_UP "Woke up!\nWoke up!\nWoke up!\nWoke up!\nWoke up!\n"
#define SLEEPERS_42                                                                                \
	"Sleeping for 0.68 seconds\nSleeping for 0.12 seconds\nSleeping for 0.35 seconds\n"        \
	"Sleeping for 0.30 seconds\nSleeping for 0.76 seconds\n" WOKE_UP

static const struct {
	const char *name, *twin, *seed, *output;
} examples[] = {
	{ "hello", "hello.py", NULL, HELLO },
	{ "run", "run.py", NULL, HELLO },
	{ "gather", "gather.py", NULL, TASKS },
	{ "create_task", "create_task.py", NULL, TASKS },
	{ "random", "random_numbers.py", "42", NUMBERS_42 },
	{ "random", "random_numbers.py", "-2024", NULL },
	{ "random_sleep", "random_sleep.py", "42", SLEEPERS_42 },
	{ "random_sleep", "random_sleep.py", "7", NULL },
};

enum { N_EXAMPLES = sizeof(examples) / sizeof(examples[0]) };

static struct command started[N_EXAMPLES], twins[N_EXAMPLES], demo = { .arguments = { "demo" } };
static const char *source, *build;
static bool python;

static const char *path_of(const char *folder, const char *below, const char *name, const char *end)
{
	static char paths[2 * N_EXAMPLES + 8][PATH_MAX];
	static size_t n;
	char *path = paths[n++ % (sizeof(paths) / sizeof(paths[0]))];

	snprintf(path, PATH_MAX, "%s/%s%s%s", folder, below, name, end);
	return path;
}

static int start_all(void **state)
{
	source = getenv("RONDO_SOURCE");
	build = getenv("RONDO_BUILD");
	if (!source || !build || command_enter(state))
		return -1;
	command_start(&demo);
	python = system("python3 -c pass 2>/dev/null") == 0;
	for (int i = 0; i < N_EXAMPLES; i++) {
		started[i].program = path_of(build, "example_", examples[i].name, "");
		started[i].arguments[0] = examples[i].seed;
		command_start(&started[i]);
		twins[i].program = "python3";
		twins[i].arguments[0] =
			path_of(source, "tests/tools/python/", examples[i].twin, "");
		twins[i].arguments[1] = examples[i].seed;
		if (python)
			command_start(&twins[i]);
	}
	return 0;
}

static void test_examples_print_what_is_written_here(void **state)
{
	(void)state;
	for (int i = 0; i < N_EXAMPLES; i++) {
		command_end(&started[i]);
		assert_succeeds(&started[i]);
		if (examples[i].output)
			assert_string_equal(started[i].out, examples[i].output);
	}
}

static void test_examples_print_what_python_prints(void **state)
{
	(void)state;
	if (!python) {
		print_message("python3 is not there to be compared with\n");
		skip();
	}
	for (int i = 0; i < N_EXAMPLES; i++) {
		command_end(&twins[i]);
		assert_succeeds(&twins[i]);
		assert_string_equal(started[i].out, twins[i].out);
	}
}

static void read_text(const char *path, char *text, size_t size)
{
	FILE *f = fopen(path, "r");
	size_t n;

	assert_non_null(f);
	n = fread(text, 1, size - 1, f);
	assert_true(n < size - 1);
	text[n] = '\0';
	fclose(f);
}

/* Each line of Python in the example's first comment is one of the twin's, in the same order. */
static void assert_shows(const char *example, const char *twin)
{
	static char c_text[8192], py_text[8192];
	char *line, *rest = c_text, *at = py_text;
	int n_lines = 0;

	read_text(example, c_text, sizeof(c_text));
	read_text(twin, py_text, sizeof(py_text));
	strstr(c_text, "#include")[0] = '\0';
	while ((line = strsep(&rest, "\n"))) {
		char wanted[128], *end = strstr(line, " */");

		if (strncmp(line, " *     ", 7))
			continue;
		if (end)
			*end = '\0';
		snprintf(wanted, sizeof(wanted), "\n%s\n", line + 7);
		at = strstr(at, wanted);
		if (!at)
			print_error("%s has no \"%s\" there\n", twin, line + 7);
		assert_non_null(at);
		at++;
		n_lines++;
	}
	assert_true(n_lines > 0);
}

static void test_the_python_in_the_examples_is_the_twins(void **state)
{
	(void)state;
	for (int i = 0; i < N_EXAMPLES; i++)
		assert_shows(path_of(source, "tools/examples/", examples[i].name, ".c"),
			     path_of(source, "tests/tools/python/", examples[i].twin, ""));
}

/* Skip what is expected at the start of a text. */
static const char *after(const char *text, const char *expected)
{
	size_t n = strlen(expected);

	if (strncmp(text, expected, n))
		print_error("expected: %s\nfound: %s\n", expected, text);
	assert_int_equal(strncmp(text, expected, n), 0);
	return text + n;
}

static void test_random_numbers_differ_without_a_seed(void **state)
{
	struct command runs[2] = { { .out = "" } };

	(void)state;
	for (int i = 0; i < 2; i++) {
		runs[i].program = path_of(build, "example_", "random", "");
		command_run(&runs[i]);
		assert_succeeds(&runs[i]);
	}
	assert_string_not_equal(runs[0].out, runs[1].out);
}

static void test_random_sleepers_stay_in_their_bounds_without_a_seed(void **state)
{
	struct command c = { .program = path_of(build, "example_", "random_sleep", "") };
	const char *text = c.out;
	char *end;

	(void)state;
	command_run(&c);
	assert_succeeds(&c);
	for (int i = 0; i < 5; i++) {
		double seconds = strtod(after(text, "Sleeping for "), &end);

		assert_true(seconds >= 0.10 && seconds <= 1.00);
		text = after(end, " seconds\n");
	}
	assert_string_equal(text, WOKE_UP);
}

/* All that is left is overlap's line: each part did something, and the time was the longest's. */
/* Returns how long it says it took, which a busy machine may draw out. */
static double assert_overlapped(const char *text)
{
	int n_blocks, n_echoes, end = 0;
	double seconds;

	assert_int_equal(sscanf(text,
				"slept 1.0 s, copied %d blocks of a file in 0.8 s, "
				"got %d echoes over TCP in 0.6 s: all in %lf s\n%n",
				&n_blocks, &n_echoes, &seconds, &end), 3);
	assert_int_equal(end, strlen(text));
	assert_true(n_blocks > 0 && n_echoes > 0);
	assert_true(seconds >= 1.0);
	return seconds;
}

static void test_demo_is_all_programs_in_order(void **state)
{
	const char *text;

	(void)state;
	command_end(&demo);
	assert_succeeds(&demo);
	text = after(demo.out, "--- hello: define an asynchronous function\n" HELLO);
	text = after(text, "\n--- run: await it\n" HELLO);
	text = after(text, "\n--- gather: run two at once\n" TASKS);
	text = after(text, "\n--- create_task: start two, await each\n" TASKS);
	text = after(text, "\n--- random: seed(42), then the numbers Python gives\n" NUMBERS_42);
	text = after(text, "\n--- random_sleep: five random sleepers, seed(42)\n" SLEEPERS_42);
	text = after(text, "\n--- overlap: sleep, file and socket on one loop\n");
	assert_overlapped(text);
}

/* The parts are 1.0, 0.8 and 0.6 s long: one after the other they would never be so fast. */
static void test_overlap_takes_as_long_as_its_longest_part(void **state)
{
	double took = 10, said = 10;

	(void)state;
	for (int i = 0; i < 20 && (took >= 1.9 || said >= 1.9); i++) {
		struct command c = { .program = path_of(build, "example_", "overlap", "") };
		double start = command_now();

		command_run(&c);
		took = command_now() - start;
		assert_succeeds(&c);
		said = assert_overlapped(c.out);
		assert_true(took >= 1.0);
	}
	assert_true(took < 1.9 && said < 1.9);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_examples_print_what_is_written_here),
	cmocka_unit_test(test_examples_print_what_python_prints),
	cmocka_unit_test(test_the_python_in_the_examples_is_the_twins),
	cmocka_unit_test(test_random_numbers_differ_without_a_seed),
	cmocka_unit_test(test_random_sleepers_stay_in_their_bounds_without_a_seed),
	cmocka_unit_test(test_demo_is_all_programs_in_order),
	cmocka_unit_test(test_overlap_takes_as_long_as_its_longest_part),
};

COMMAND_MAIN(tests, start_all)
