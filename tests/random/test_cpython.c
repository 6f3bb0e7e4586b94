/* SPDX-License-Identifier: MIT */
/* test_cpython.c - goal: the same draws as the Python of this system, bit for bit.
 * Method: write a plan of functions, arguments and seeds, let cpython.py draw by it, draw the same
 * here and compare every number. At least 100,000 draws of each function, from several seeds and
 * arguments, and one stream in which all functions take turns. Skipped where there is no python3 of
 * version 3.11 or later; RONDO_PYTHON names another one to use. */
#include "rows.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "random/entropy.h"

enum {
	N_DRAWS = 100000,	/* of each function, over its rows and seeds */
	N_SUPPORT = 3000,	/* of each row that is not a draw */
	N_MIXED = 15000,
	N_SYSTEM = 300,		/* of each row */
};

static void seed_int(struct rondo_random *r, const char *text)
{
	assert_int_equal(rondo_random_seed_decimal_r(r, text), 0);
}

static void seed_float(struct rondo_random *r, const char *text)
{
	assert_int_equal(rondo_random_seed_float_r(r, strtod(text, NULL)), 0);
}

static size_t from_hex(const char *text, uint8_t *bytes)
{
	size_t n = strlen(text) / 2;

	for (size_t i = 0; i < n; i++)
		assert_int_equal(sscanf(text + 2 * i, "%2hhx", &bytes[i]), 1);
	return n;
}

static void seed_str(struct rondo_random *r, const char *text)
{
	uint8_t bytes[64];

	bytes[from_hex(text, bytes)] = '\0';
	rondo_random_seed_str_r(r, (const char *)bytes);
}

static void seed_bytes(struct rondo_random *r, const char *text)
{
	uint8_t bytes[64];

	rondo_random_seed_bytes_r(r, bytes, from_hex(text, bytes));
}

static void seed_v1(struct rondo_random *r, const char *text)
{
	uint8_t bytes[64];

	rondo_random_seed_bytes_v1_r(r, bytes, from_hex(text, bytes));
}

static uint64_t fake_state;

/* What Entropy does in cpython.py. */
static int fake_entropy(void *buf, size_t size)
{
	for (uint8_t *p = buf; size--; p++) {
		fake_state = fake_state * 6364136223846793005u + 1442695040888963407u;
		*p = (uint8_t)(fake_state >> 56);
	}
	return 0;
}

static void seed_system(struct rondo_random *r, const char *text)
{
	(void)text;
	rondo__random_entropy = fake_entropy;
	assert_int_equal(rondo_random_init_system(r), 0);
	fake_state = 1;
}

static void seed_state(struct rondo_random *r, const char *text)
{
	struct rondo_random_state state;

	assert_int_equal(rondo_random_state_from_text(&state, text), 0);
	assert_int_equal(rondo_random_setstate_r(r, &state), 0);
}

static const struct {
	const char *kind;
	void (*seed)(struct rondo_random *r, const char *text);
} seeders[] = {
	{ "int:", seed_int }, { "float:", seed_float }, { "str:", seed_str },
	{ "bytes:", seed_bytes }, { "v1:", seed_v1 }, { "system:", seed_system },
	{ "state:", seed_state },
};

static void seed_by_text(struct rondo_random *r, const char *text)
{
	rondo_random_init(r);
	for (size_t i = 0; i < N_OF(seeders); i++) {
		size_t n = strlen(seeders[i].kind);

		if (strncmp(text, seeders[i].kind, n) == 0) {
			seeders[i].seed(r, text + n);
			return;
		}
	}
	fail_msg("no such seed: %s", text);
}

/* A plan being written, then the answers to it being read. */
struct python {
	char path[64];
	FILE *plan, *answers;
	char version[32], lent[64];
};

static void begin_plan(struct python *p)
{
	int fd;

	strcpy(p->path, "/tmp/rondo-random-XXXXXX");
	fd = mkstemp(p->path);
	assert_true(fd >= 0);
	p->plan = fdopen(fd, "w");
	assert_non_null(p->plan);
}

static void plan_row(struct python *p, const struct row *row)
{
	fprintf(p->plan, "row\t%s", row->name);
	for (unsigned i = 0; i < row->n_ints; i++)
		fprintf(p->plan, "\t%" PRId64, row->i[i]);
	for (unsigned i = 0; i < row->n_doubles; i++)
		fprintf(p->plan, "\t%a", row->d[i]);
	fprintf(p->plan, "\n");
}

static void plan_rows(struct python *p)
{
	for (size_t i = 0; i < N_OF(rows); i++)
		plan_row(p, &rows[i]);
}

/* The script lies beside this file. */
static void script_path(char *path, size_t size)
{
	const char *slash = strrchr(__FILE__, '/');

	snprintf(path, size, "%.*s/cpython.py", slash ? (int)(slash - __FILE__) : 1,
		 slash ? __FILE__ : ".");
	if (access(path, R_OK) != 0)
		fail_msg("cannot read %s", path);
}

static const char *python_name(void)
{
	const char *name = getenv("RONDO_PYTHON");

	return name ? name : "python3";
}

static void read_line(struct python *p, char *line, size_t size)
{
	if (!fgets(line, (int)size, p->answers))
		fail_msg("%s wrote nothing", python_name());
	line[strcspn(line, "\n")] = '\0';
}

static void run_plan(struct python *p)
{
	char script[4096], command[8192];

	assert_int_equal(fclose(p->plan), 0);
	script_path(script, sizeof(script));
	snprintf(command, sizeof(command), "'%s' '%s' '%s'", python_name(), script, p->path);
	p->answers = popen(command, "r");
	assert_non_null(p->answers);
	/* The plan is read before the first line is written, and must not outlive a failure. */
	read_line(p, p->version, sizeof(p->version));
	assert_int_equal(unlink(p->path), 0);
	read_line(p, p->lent, sizeof(p->lent));
}

static void end_plan(struct python *p)
{
	assert_int_equal(fgetc(p->answers), EOF);
	assert_int_equal(pclose(p->answers), 0);
}

static void read_numbers(struct python *p, union number *numbers, size_t n)
{
	assert_int_equal(fread(numbers, sizeof(*numbers), n, p->answers), n);
}

static void compare_draw(struct python *p, struct rondo_random *r, const struct row *row,
			 const char *seed, size_t at)
{
	union number ours[MAX_NUMBERS], theirs[MAX_NUMBERS];
	size_t n = row->draw(r, row, ours);

	assert_true(n <= MAX_NUMBERS);
	read_numbers(p, theirs, n);
	for (size_t i = 0; i < n; i++)
		if (ours[i].u != theirs[i].u)
			fail_msg("%s (%" PRId64 " %" PRId64 " %g %g) seed %.60s draw %zu[%zu]: "
				 "ours %#" PRIx64 " %a, Python's %#" PRIx64 " %a",
				 row->name, row->i[0], row->i[1], row->d[0], row->d[1], seed, at, i,
				 ours[i].u, ours[i].d, theirs[i].u, theirs[i].d);
}

static void compare_run(struct python *p, const struct row *row, const char *seed, size_t n)
{
	struct rondo_random r;

	seed_by_text(&r, seed);
	for (size_t i = 0; i < n; i++)
		compare_draw(p, &r, row, seed, i);
}

static void compare_mix(struct python *p, const char *seed, size_t n)
{
	struct rondo_random r;

	seed_by_text(&r, seed);
	for (size_t i = 0; i < n; i++)
		compare_draw(p, &r, &rows[i % N_OF(rows)], seed, i);
}

static int find_python(void)
{
	char command[512];

	snprintf(command, sizeof(command), "'%s' -c 'import sys; sys.exit(sys.version_info < "
		 "(3, 11))' 2>/dev/null", python_name());
	return system(command) == 0;
}

static void skip_without_python(void)
{
	static int found = -1;

	if (found < 0)
		found = find_python();
	if (found)
		return;
	print_message("skipped: no %s of version 3.11 or later to compare with\n", python_name());
	skip();
}

static const char *const seeds[] = { "int:42", ("int:" BIG_SEED), "str:68656c6c6f" };

/* So many draws of each row from each seed that its function gets N_DRAWS. */
static size_t n_draws(const struct row *row)
{
	size_t n_rows = 0;

	if (row->draw == draw_lgamma || row->draw == draw_sha512)
		return N_SUPPORT;
	for (size_t i = 0; i < N_OF(rows); i++)
		n_rows += strcmp(rows[i].name, row->name) == 0;
	return (N_DRAWS - 1) / (n_rows * N_OF(seeds)) + 1;
}

static void test_every_function_draws_what_python_draws(void **state)
{
	struct python p;

	(void)state;
	skip_without_python();
	begin_plan(&p);
	plan_rows(&p);
	for (size_t i = 0; i < N_OF(rows); i++)
		for (size_t j = 0; j < N_OF(seeds); j++)
			fprintf(p.plan, "run\t%zu\t%s\t%zu\n", i, seeds[j], n_draws(&rows[i]));
	run_plan(&p);
	print_message("compared with Python %s", p.version);
	print_message(p.lent[0] ? ", which was lent %s\n" : "%s\n", p.lent);
	for (size_t i = 0; i < N_OF(rows); i++)
		for (size_t j = 0; j < N_OF(seeds); j++)
			compare_run(&p, &rows[i], seeds[j], n_draws(&rows[i]));
	end_plan(&p);
}

static void test_functions_taking_turns_on_one_generator_draw_what_python_draws(void **state)
{
	struct python p;

	(void)state;
	skip_without_python();
	begin_plan(&p);
	plan_rows(&p);
	for (size_t j = 0; j < N_OF(seeds); j++)
		fprintf(p.plan, "mix\t%s\t%d\n", seeds[j], N_MIXED);
	run_plan(&p);
	for (size_t j = 0; j < N_OF(seeds); j++)
		compare_mix(&p, seeds[j], N_MIXED);
	end_plan(&p);
}

static const char *const seeds_of_every_kind[] = {
	"int:0", "int:1", "int:-42", "int:4294967295", "int:4294967296", "int:18446744073709551615",
	"int:18446744073709551616", "int:123456789012345678901234567890",
	"float:0x0p+0", "float:-0x0p+0", "float:0x1p+0", "float:-0x1p+0", "float:0x1.cp+1",
	"float:-0x1.cp+1", "float:0x1p+61", "float:0x1p-1", "float:0x1.999999999999ap-4",
	"float:0x1.fffffffffffffp+1023", "float:0x0.0000000000001p-1022", "float:inf", "float:-inf",
	"str:", "str:61", "str:c3a9e282ac", "str:74686520717569636b2062726f776e20666f78",
	"bytes:", "bytes:00", "bytes:0000000001", "bytes:ff00ff00", "bytes:80c0e0f0f8fcfeff80c0e0",
	"v1:", "v1:6e6f666172", "v1:72616368656c", "v1:0020406080a0c0e0f0", "v1:ff",
};

static void test_seeds_of_every_kind_start_python_s_sequence(void **state)
{
	struct python p;

	(void)state;
	skip_without_python();
	begin_plan(&p);
	plan_rows(&p);
	for (size_t j = 0; j < N_OF(seeds_of_every_kind); j++)
		fprintf(p.plan, "run\t0\t%s\t1000\n", seeds_of_every_kind[j]);
	run_plan(&p);
	for (size_t j = 0; j < N_OF(seeds_of_every_kind); j++)
		compare_run(&p, &rows[0], seeds_of_every_kind[j], 1000);
	end_plan(&p);
}

static void test_system_generators_make_of_entropy_what_python_makes(void **state)
{
	struct python p;

	(void)state;
	skip_without_python();
	begin_plan(&p);
	plan_rows(&p);
	for (size_t i = 0; i < N_OF(rows); i++)
		fprintf(p.plan, "run\t%zu\tsystem:\t%d\n", i, N_SYSTEM);
	fprintf(p.plan, "mix\tsystem:\t%d\n", N_SYSTEM);
	run_plan(&p);
	for (size_t i = 0; i < N_OF(rows); i++)
		compare_run(&p, &rows[i], "system:", N_SYSTEM);
	compare_mix(&p, "system:", N_SYSTEM);
	end_plan(&p);
	rondo__random_entropy = rondo__entropy_kernel;
}

static void test_python_continues_from_our_state(void **state)
{
	char seed[RONDO_RANDOM_TEXT_SIZE + 16] = "state:";
	struct rondo_random_state saved;
	struct rondo_random r = seeded(7);
	struct python p;

	(void)state;
	skip_without_python();
	for (unsigned i = 0; i < 700; i++)
		rondo_random_random_r(&r);
	rondo_random_gauss_r(&r, 0.0, 1.0);
	assert_int_equal(rondo_random_getstate_r(&r, &saved), 0);
	assert_true(rondo_random_state_to_text(&saved, seed + 6, sizeof(seed) - 6) > 6000);
	begin_plan(&p);
	plan_rows(&p);
	fprintf(p.plan, "mix\t%s\t%d\nrun\t0\t%s\t1000\n", seed, N_MIXED, seed);
	run_plan(&p);
	for (size_t i = 0; i < N_MIXED; i++)
		compare_draw(&p, &r, &rows[i % N_OF(rows)], "saved", i);
	compare_run(&p, &rows[0], seed, 1000);
	end_plan(&p);
}

static void compare_continuation(struct python *p)
{
	union number size, text[RONDO_RANDOM_TEXT_SIZE / 8], next[1000];
	struct rondo_random_state saved;
	struct rondo_random r = RONDO_RANDOM_INIT;

	read_numbers(p, &size, 1);
	assert_in_range(size.u, 6000, sizeof(text) - 1);
	read_numbers(p, text, (size.u + 7) / 8);
	((char *)text)[size.u] = '\0';
	assert_int_equal(rondo_random_state_from_text(&saved, (char *)text), 0);
	assert_int_equal(rondo_random_setstate_r(&r, &saved), 0);
	read_numbers(p, next, N_OF(next));
	assert_same_double(rondo_random_gauss_r(&r, 0.0, 1.0), next[0].d);
	for (size_t i = 1; i < N_OF(next); i++)
		assert_same_double(rondo_random_random_r(&r), next[i].d);
}

static void test_we_continue_from_python_s_state(void **state)
{
	struct python p;

	(void)state;
	skip_without_python();
	begin_plan(&p);
	for (size_t j = 0; j < N_OF(seeds); j++)
		fprintf(p.plan, "getstate\t%s\n", seeds[j]);
	run_plan(&p);
	for (size_t j = 0; j < N_OF(seeds); j++)
		compare_continuation(&p);
	end_plan(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_function_draws_what_python_draws),
		cmocka_unit_test(
			test_functions_taking_turns_on_one_generator_draw_what_python_draws),
		cmocka_unit_test(test_seeds_of_every_kind_start_python_s_sequence),
		cmocka_unit_test(test_system_generators_make_of_entropy_what_python_makes),
		cmocka_unit_test(test_python_continues_from_our_state),
		cmocka_unit_test(test_we_continue_from_python_s_state),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
