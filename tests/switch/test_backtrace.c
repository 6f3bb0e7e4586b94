/* SPDX-License-Identifier: MIT */
/* test_backtrace.c - goal: a debugger sees whole backtraces on a switched-to stack, and at
 * every single instruction of a switch. Method: gdb runs this same program with the argument
 * "target", which does nothing but switch; the test reads what gdb prints. */
#include "support/check.h"

#include <sys/mman.h>
#include <unistd.h>

#include "switch/switch.h"

enum { STACK_BYTES = 64 << 10, N_STEPS = 160 };

/* The target. */

static struct context main_context, task_context;
static volatile int n_switches;

/* The frame address makes the compiler use a frame pointer here, as the engine is built with one
 * throughout: between loading rsp and jumping, frames are found through rbp alone. */
static __attribute__((noinline)) void switch_to_main(void)
{
	n_switches += __builtin_frame_address(0) != NULL;
	rondo__switch(&task_context, &main_context);
	n_switches++;
}

static __attribute__((noinline)) void switch_to_task(void)
{
	n_switches += __builtin_frame_address(0) != NULL;
	rondo__switch(&main_context, &task_context);
	n_switches++;
}

static __attribute__((noinline)) void task_bottom(int rounds)
{
	for (int i = 0; i < rounds; i++)
		switch_to_main();
	n_switches++;
}

static __attribute__((noinline)) void task_middle(int rounds)
{
	task_bottom(rounds);
	n_switches++;
}

static void task_entry(void *arg)
{
	rondo__switch_entered(&task_context);
	task_middle(*(int *)arg);
	rondo__switch_last(&task_context, &main_context);
}

static int be_the_target(void)
{
	char *base = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0);
	struct san_stack san;
	int rounds = 5;

	if (base == MAP_FAILED)
		return 1;
	san_stack_made(&san, base, base + STACK_BYTES);
	rondo__context_of_thread(&main_context);
	rondo__context_init(&task_context, base, base + STACK_BYTES, task_entry, &rounds);
	san_context_on_stack(&task_context.san, &san);
	for (int i = 0; i <= rounds; i++)
		switch_to_task();
	return n_switches == 0;
}

/* The test. */

static char printed[1 << 20];

/* gdb wants its commands in a file with a name. */
static void write_script(char *path, const char *commands)
{
	const char *dir = getenv("TMPDIR");
	int fd, ret;

	snprintf(path, 256, "%s/rondo-gdb.XXXXXX", dir ? dir : "/tmp");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	ret = dprintf(fd, "set pagination off\nset width 0\nset debuginfod enabled off\n"
			  "set print frame-arguments none\n%s\n", commands);
	assert_true(ret > 0);
	close(fd);
}

/* What gdb says to `commands`, or NULL and why it cannot be asked here. */
static const char *gdb_says(const char *commands, const char **why)
{
	char self[1024], script[256], line[2048];
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
	FILE *gdb;

	assert_true(length > 0);
	self[length] = '\0';
	write_script(script, commands);
	snprintf(line, sizeof(line), "gdb -nx -q -batch -x '%s' --args '%s' target 2>&1", script,
		 self);
	fflush(stdout);
	gdb = popen(line, "r");
	assert_non_null(gdb);
	printed[fread(printed, 1, sizeof(printed) - 1, gdb)] = '\0';
	pclose(gdb);
	unlink(script);
	*why = NULL;
	if (strstr(printed, "gdb: not found"))
		*why = "gdb is not installed";
	else if (strstr(printed, "Could not trace the inferior process"))
		*why = "gdb may not trace here";
	return *why ? NULL : printed;
}

static const char *why_not_here(void)
{
#ifdef RONDO_MINIMOCK
	return "this machine is emulated";
#endif
	if (SAN_ADDRESS || SAN_THREAD)
		return "stepping would lead through the checker's code";
	return NULL;
}

static void test_a_backtrace_goes_through_the_entry_and_ends(void **state)
{
	const char *why = why_not_here(), *said = NULL;

	(void)state;
	if (!why)
		said = gdb_says("break task_bottom\nrun\necho @bt\\n\nbt", &why);
	if (!said) {
		print_message("%s\n", why);
		skip();
		return;
	}
	said = strstr(said, "@bt\n");
	assert_non_null(said);
	print_message("%s", said);
	assert_null(strstr(said, "Backtrace stopped"));
	assert_null(strstr(said, "??"));
	said = strstr(said, "#0  task_bottom");
	assert_non_null(said);
	said = strstr(said, "task_middle");
	assert_non_null(said);
	said = strstr(said, "task_entry");
	assert_non_null(said);
	said = strstr(said, "switch_entry");
	assert_non_null(said);
	assert_null(strstr(said, "\n#"));
}

/* The name of the function in the last frame line of a backtrace, up to `end`. */
static const char *last_frame(const char *bt, const char *end)
{
	const char *last = NULL;

	for (; bt && bt < end; bt = strchr(bt, '\n') ? strchr(bt, '\n') + 1 : NULL)
		if (*bt == '#')
			last = bt;
	return last;
}

static bool line_has(const char *line, const char *word)
{
	const char *found = strstr(line, word);

	return found && found < strchr(line, '\n');
}

/* Check every backtrace in said: whole, and ended by main() or by a context's beginning. */
static unsigned n_whole_backtraces(const char *said, unsigned *n_on_main, unsigned *n_on_task)
{
	unsigned n = 0;

	*n_on_main = *n_on_task = 0;
	for (const char *bt = strstr(said, "@step"), *next; bt; bt = next, n++) {
		const char *last;
		bool on_main, on_task;

		next = strstr(bt + 1, "@step");
		last = last_frame(bt, next ? next : bt + strlen(bt));
		on_main = last && line_has(last, " main ");
		on_task = last && line_has(last, "switch_entry ");
		if (!on_main && !on_task) {
			print_error("after %u steps:\n%.*s\n", n + 1,
				    (int)(next ? next - bt : (long)strlen(bt)), bt);
			return n;
		}
		*n_on_main += on_main;
		*n_on_task += on_task;
	}
	return n;
}

/* From the first switch on: into a new context, out of it, and back into it. */
static void test_backtraces_are_whole_at_every_instruction(void **state)
{
	const char *why = why_not_here(), *said = NULL;
	unsigned n_on_main, n_on_task;
	char script[256];

	(void)state;
	snprintf(script, sizeof(script),
		 "break switch_to_task\nrun\nset $i = 0\nwhile $i < %d\nstepi\necho @step\\n\n"
		 "x/i $pc\nbt\nset $i = $i + 1\nend", N_STEPS);
	if (!why)
		said = gdb_says(script, &why);
	if (!said) {
		print_message("%s\n", why);
		skip();
		return;
	}
	assert_null(strstr(said, "Backtrace stopped"));
	assert_int_equal(n_whole_backtraces(said, &n_on_main, &n_on_task), N_STEPS);
	assert_in_range(n_on_main, 20, N_STEPS);
	assert_in_range(n_on_task, 20, N_STEPS);
	assert_non_null(strstr(said, "switch_entry+"));	/* in the lines of x/i: where gdb stepped */
	assert_non_null(strstr(said, "<switch_to_main+"));
	assert_non_null(strstr(said, "<task_entry"));
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_backtrace_goes_through_the_entry_and_ends),
		cmocka_unit_test(test_backtraces_are_whole_at_every_instruction),
	};

	if (argc > 1 && strcmp(argv[1], "target") == 0)
		return be_the_target();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
