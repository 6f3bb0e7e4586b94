/* SPDX-License-Identifier: MIT */
/* test_files_random.c - the simulated file system against the real one, at random. Goal: whatever
 * the order of operations on a few names and open files, results, errors and contents are those of
 * ext4. Method: the same random walk, from a seed of its own, goes through rondo_run() in a fresh
 * folder and through rondo_sim_run(), and the first step that ends differently is told. */
#include "support/check.h"
#include "support/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <rondo.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "rondo_sim.h"

enum { N_WALKS = 60, N_STEPS = 400, N_FILES = 6, SPAN = 20000 };

struct result {
	int op;
	char what[80];
	long ret;
	uint64_t hash;			/* of what was read */
};

struct walk {
	uint64_t state;
	int fds[N_FILES];
	int op;
	char what[80];
	unsigned char buf[SPAN];
	size_t n_read;			/* of buf, by the last step */
	struct result results[N_STEPS];
};

static struct walk real, simulated;

/* --- chance ---------------------------------------------------------------------------------- */

static uint64_t draw(struct walk *w, uint64_t n)
{
	w->state = w->state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (w->state >> 33) % n;
}

/* None leads upwards: by a link to a folder that would be out of the temporary one. */
static const char *draw_name(struct walk *w)
{
	static const char *const names[] = {
		"a", "b", "c", "d", "e", "d/a", "d/b", "d/e", "e/a", "e/d", "d/e/a", "e/d/b", "l",
		"d/l", "l/a", "a/", "d/", "./b", "d/.",
	};

	return names[draw(w, sizeof(names) / sizeof(names[0]))];
}

static int draw_fd(struct walk *w)
{
	return w->fds[draw(w, N_FILES)];
}

static void say(struct walk *w, const char *verb, const char *a, const char *b, long long x,
		long long y)
{
	snprintf(w->what, sizeof(w->what), "%s %s %s %lld %lld", verb, a, b, x, y);
}

/* --- steps ----------------------------------------------------------------------------------- */

static long step_open(struct walk *w)
{
	static const int flags[] = {
		O_RDONLY, O_RDWR, O_RDWR | O_CREAT, O_RDWR | O_CREAT, O_RDWR | O_CREAT | O_EXCL,
		O_WRONLY | O_CREAT | O_TRUNC, O_RDWR | O_APPEND, O_RDONLY | O_DIRECTORY,
		O_RDONLY | O_NOFOLLOW, O_PATH, O_PATH | O_NOFOLLOW, O_RDONLY | O_TRUNC,
	};
	size_t slot = draw(w, N_FILES);
	const char *name = draw_name(w);
	int flag = flags[draw(w, sizeof(flags) / sizeof(flags[0]))], fd;

	say(w, "open", name, "", flag, 0);
	fd = rondo_open(name, flag, 0640);
	if (fd < 0)
		return fd;
	if (w->fds[slot] >= 0)
		CHECK_EQUAL(rondo_close(w->fds[slot]), 0);
	w->fds[slot] = fd;
	return 0;
}

static long step_read(struct walk *w)
{
	int fd = draw_fd(w);
	int64_t offset = (int64_t)draw(w, SPAN);
	size_t n = draw(w, SPAN / 2);
	bool here = draw(w, 3) == 0;
	ssize_t ret;

	say(w, here ? "read" : "pread", "", "", (long long)n, offset);
	ret = here ? rondo_read(fd, w->buf, n) : rondo_pread(fd, w->buf, n, offset);
	w->n_read = ret > 0 ? (size_t)ret : 0;
	return ret;
}

static long step_write(struct walk *w)
{
	int fd = draw_fd(w);
	int64_t offset = (int64_t)draw(w, SPAN);
	size_t n = draw(w, SPAN / 4);
	bool here = draw(w, 3) == 0;

	memset(w->buf, (int)draw(w, 256), n);
	say(w, here ? "write" : "pwrite", "", "", (long long)n, offset);
	return here ? rondo_write(fd, w->buf, n) : rondo_pwrite(fd, w->buf, n, offset);
}

static long step_resize(struct walk *w)
{
	static const int modes[] = {
		0, FALLOC_FL_KEEP_SIZE, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE,
		FALLOC_FL_ZERO_RANGE, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE,
	};
	int fd = draw_fd(w);
	int64_t offset = (int64_t)draw(w, SPAN), len = (int64_t)draw(w, SPAN / 2);
	int mode = modes[draw(w, sizeof(modes) / sizeof(modes[0]))];

	if (draw(w, 2)) {
		say(w, "ftruncate", "", "", offset, 0);
		return rondo_ftruncate(fd, offset);
	}
	say(w, "fallocate", "", "", offset, len);
	return rondo_fallocate(fd, mode, offset, len);
}

static long step_make(struct walk *w)
{
	const char *a = draw_name(w), *b = draw_name(w);
	int follow = draw(w, 2) ? AT_SYMLINK_FOLLOW : 0;

	switch (draw(w, 4)) {
	case 0:
	case 1:
		say(w, "mkdir", a, "", 0, 0);
		return rondo_mkdir(a, 0750);
	case 2:
		say(w, "link", a, b, follow, 0);
		return rondo_linkat(AT_FDCWD, a, AT_FDCWD, b, follow);
	default:
		a = draw(w, 2) ? a : "l";
		say(w, "symlink", b, a, 0, 0);
		return rondo_symlink(b, a);
	}
}

static long step_remove(struct walk *w)
{
	const char *name = draw_name(w);
	bool folder = draw(w, 2);

	say(w, folder ? "rmdir" : "unlink", name, "", 0, 0);
	return folder ? rondo_rmdir(name) : rondo_unlink(name);
}

static long step_rename(struct walk *w)
{
	static const unsigned flags[] = { 0, 0, RENAME_NOREPLACE, RENAME_EXCHANGE };
	const char *a = draw_name(w), *b = draw_name(w);
	unsigned flag = flags[draw(w, 4)];

	say(w, "rename", a, b, flag, 0);
	return rondo_renameat2(AT_FDCWD, a, AT_FDCWD, b, flag);
}

static long step_stat(struct walk *w)
{
	const char *name = draw(w, 3) ? draw_name(w) : "";
	int fd = *name ? AT_FDCWD : draw_fd(w);
	int flags = (*name ? 0 : AT_EMPTY_PATH) | (draw(w, 2) ? AT_SYMLINK_NOFOLLOW : 0);
	struct statx st;
	int ret;

	say(w, "stat", name, "", flags, 0);
	if (!*name && fd < 0)
		return 0;
	ret = rondo_statx(fd, name, flags, STATX_BASIC_STATS, &st);
	if (ret < 0)
		return ret;
	/* The root's mode is the temporary folder's, and a folder's size is no promise. */
	return S_ISDIR(st.stx_mode) ? st.stx_nlink
				    : (long)(st.stx_mode + st.stx_size * 100000 + st.stx_nlink * 7);
}

static long step_attribute(struct walk *w)
{
	static const char *const names[] = { "user.a", "user.b", "user.", "b" };
	const char *path = draw_name(w), *name = names[draw(w, 4)];
	size_t n = draw(w, 40);
	int flags = (int)draw(w, 3);
	ssize_t ret;

	if (draw(w, 2)) {
		memset(w->buf, 'x', n);
		say(w, "setxattr", path, name, flags, (long long)n);
		return rondo_setxattr(path, name, w->buf, n, flags);
	}
	say(w, "getxattr", path, name, 0, (long long)n);
	ret = rondo_getxattr(path, name, w->buf, n);
	w->n_read = ret > 0 && n ? (size_t)ret : 0;
	return ret;
}

static long (*const steps[])(struct walk *) = {
	step_open, step_open, step_open, step_read, step_read, step_write, step_write, step_write,
	step_resize, step_make, step_make, step_remove, step_rename, step_rename, step_stat,
	step_stat, step_attribute,
};

/* --- the walk -------------------------------------------------------------------------------- */

static uint64_t hash_of(const unsigned char *p, size_t n)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < n; i++)
		hash = (hash ^ p[i]) * UINT64_C(0x100000001b3);
	return hash;
}

static int run_walk(void *arg)
{
	struct walk *w = arg;

	if (rondo_ftruncate(-1, 0) == -EOPNOTSUPP)
		return -EOPNOTSUPP;
	for (int i = 0; i < N_STEPS; i++) {
		struct result *r = &w->results[i];

		w->n_read = 0;
		r->ret = steps[draw(w, sizeof(steps) / sizeof(steps[0]))](w);
		r->hash = hash_of(w->buf, w->n_read);
		memcpy(r->what, w->what, sizeof(r->what));
	}
	for (int i = 0; i < N_FILES; i++)
		if (w->fds[i] >= 0)
			CHECK_EQUAL(rondo_close(w->fds[i]), 0);
	return 0;
}

static void begin(struct walk *w, uint64_t number)
{
	memset(w, 0, sizeof(*w));
	w->state = number;
	memset(w->fds, 0xff, sizeof(w->fds));
}

static bool compare(uint64_t number)
{
	for (int i = 0; i < N_STEPS; i++) {
		const struct result *a = &real.results[i], *b = &simulated.results[i];

		if (a->ret == b->ret && a->hash == b->hash && !strcmp(a->what, b->what))
			continue;
		print_error("walk %llu, step %d, \"%s\": Linux %ld, simulated %ld\n",
			    (unsigned long long)number, i, a->what, a->ret, b->ret);
		for (int k = i > 12 ? i - 12 : 0; k < i; k++)
			print_error("  before: %s = %ld\n", real.results[k].what,
				    real.results[k].ret);
		return false;
	}
	return true;
}

static bool is_ext4(void)
{
	struct statfs fs;

	return statfs(".", &fs) == 0 && fs.f_type == EXT4_SUPER_MAGIC;
}

/* Returns 1 if it was compared. */
static int walk_twice(uint64_t number)
{
	const struct rondo_sim_options o = {
		.seed = number, .no_faults = true, .on_failure = rondo_sim_print_failure,
	};
	int ret;

	begin(&simulated, number);
	ret = rondo_sim_run(&o, run_walk, &simulated);
	assert_checks_passed();
	if (ret == -EOPNOTSUPP)
		return 0;		/* this seed's kernel is too old */
	assert_int_equal(ret, 0);
	assert_int_equal(enter_folder(NULL), 0);
	begin(&real, number);
	ret = rondo_run(run_walk, &real);
	assert_int_equal(leave_folder(NULL), 0);
	assert_checks_passed();
	assert_int_equal(ret, 0);
	assert_true(compare(number));
	return 1;
}

static int no_ftruncate(void *arg)
{
	(void)arg;
	return rondo_ftruncate(-1, 0) == -EOPNOTSUPP;
}

static void test_random_walks_end_as_on_ext4(void **state)
{
	bool can = enter_folder(state) == 0 && is_ext4();
	int n_compared = 0;

	assert_int_equal(leave_folder(state), 0);
	if (!can || rondo_run(no_ftruncate, NULL) != 0) {
		print_message("the folder is not on ext4, or FTRUNCATE is missing\n");
		skip();
	}
	for (uint64_t number = 1; number <= N_WALKS; number++)
		n_compared += walk_twice(number);
	assert_true(n_compared > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_walks_end_as_on_ext4),
	};

	umask(022);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
