/* SPDX-License-Identifier: MIT */
/* test_cp.c - goal: `rondo cp` makes true copies, replaces what was there at once, refuses in one
 * line what it cannot copy, and draws its bar only for people. Method: run it on files whose bytes
 * are known by their place, and compare. That it never tears is in test_cp_faults.c. */
#include "files.h"

#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

enum { KIB = 1 << 10, MIB = 1 << 20, BLOCK = 512 * KIB };

static void copy(struct command *c, const char *from, const char *to)
{
	c->arguments[0] = "cp";
	c->arguments[1] = from;
	c->arguments[2] = to;
	command_run(c);
}

static void assert_copied(const char *from, const char *to)
{
	struct command c = { .out = "" };

	copy(&c, from, to);
	assert_succeeds(&c);
	assert_string_equal(c.out, "");
	assert_no_temporary(".");
}

static void assert_not_copied(const char *from, const char *to, const char *about)
{
	struct command c = { .out = "" };

	copy(&c, from, to);
	assert_refuses(&c, FAILED, about);
	assert_no_temporary(".");
}

/* --- what is copied -------------------------------------------------------------------------- */

static int private_umask(void)
{
	umask(077);
	return 0;
}

static void test_files_of_any_size_are_copied_with_their_mode(void **state)
{
	static const size_t sizes[] = { 0, 1, 4095, 4096, 511 * KIB, BLOCK - 1, BLOCK, BLOCK + 1,
					4 * BLOCK, 4 * BLOCK + 1, 5 * MIB + 123, 16 * BLOCK };
	static const mode_t modes[] = { 0600, 0644, 0755, 0400, 0666 };

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct command c = { .prepare = private_umask };
		mode_t mode = modes[i % 5];

		files_make("a", sizes[i], i, mode);
		copy(&c, "a", "b");
		assert_succeeds(&c);
		assert_true(files_is("b", sizes[i], i));
		assert_int_equal(files_mode("b"), mode);
		assert_int_equal(unlink("b"), 0);
		assert_no_temporary(".");
	}
}

/* The copy belongs to who copies: with them, his rights would go to whoever wrote the program. */
static void test_set_id_bits_are_not_copied(void **state)
{
	(void)state;
	files_make("a", 100, 1, 07755);
	assert_copied("a", "set-id");
	assert_int_equal(files_mode("set-id"), 0755);
}

static void test_holes_are_copied_as_zeros(void **state)
{
	int fd = open("holes", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644), copied;
	static char a[MIB], b[MIB];

	(void)state;
	assert_int_equal(ftruncate(fd, 4 * MIB + 7), 0);
	assert_int_equal(pwrite(fd, "one", 3, MIB + 100), 3);
	assert_int_equal(pwrite(fd, "two", 3, 3 * MIB), 3);
	assert_copied("holes", "copied holes");
	copied = open("copied holes", O_RDONLY | O_CLOEXEC);
	for (off_t at = 0; at < 5 * MIB; at += MIB) {
		ssize_t n = pread(fd, a, MIB, at);

		assert_int_equal(pread(copied, b, MIB, at), n);
		assert_memory_equal(a, b, (size_t)n);
	}
	assert_int_equal(lseek(copied, 0, SEEK_END), 4 * MIB + 7);
	close(copied);
	close(fd);
}

static size_t read_whole(const char *name, char *text, size_t size)
{
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	size_t n = 0;
	ssize_t got;

	assert_true(fd >= 0);
	while ((got = read(fd, text + n, size - n)) > 0)
		n += (size_t)got;
	close(fd);
	return n;
}

/* /proc says 0 bytes whatever there is; kallsyms is several blocks long. */
static void test_files_that_hide_their_size_are_copied(void **state)
{
	static const char *const names[] = { "/proc/version", "/proc/filesystems",
					     "/proc/kallsyms" };
	static char a[32 * MIB], b[32 * MIB];

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct stat st;
		size_t n;

		if (stat(names[i], &st) < 0)
			continue;
		assert_int_equal(st.st_size, 0);
		assert_copied(names[i], "from proc");
		n = read_whole(names[i], a, sizeof(a));
		assert_true(n > 0);
		assert_int_equal(read_whole("from proc", b, sizeof(b)), n);
		assert_memory_equal(a, b, n);
	}
}

static void test_names_may_have_spaces_and_more(void **state)
{
	static const char *const names[] = { "two  words", " ", "./-dash", "quote'\"", "new\nline",
					     "gr\xc3\xbc\xc3\x9f", "\xff\xfe", "$(x)*?" };

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char to[64];

		snprintf(to, sizeof(to), "%s to", names[i]);
		files_make(names[i], 10, i, 0644);
		assert_copied(names[i], to);
		assert_true(files_is(to, 10, i));
	}
}

/* --- where it goes --------------------------------------------------------------------------- */

static void test_into_a_folder_it_keeps_its_name(void **state)
{
	(void)state;
	assert_int_equal(mkdir("folder", 0755), 0);
	assert_int_equal(symlink("folder", "link to folder"), 0);
	files_make("a", 1000, 1, 0644);
	assert_copied("a", "folder");
	assert_true(files_is("folder/a", 1000, 1));
	files_make("a", 1001, 2, 0644);
	assert_copied("./a", "folder/");
	assert_true(files_is("folder/a", 1001, 2));
	files_make("a", 1002, 3, 0644);
	assert_copied("folder/../a", "link to folder");
	assert_true(files_is("folder/a", 1002, 3));
	assert_no_temporary("folder");
}

/* Who has the old file open keeps it whole: the new one takes its name, not its place. */
static void test_an_existing_file_is_replaced_at_once(void **state)
{
	int old;

	(void)state;
	files_make("new", 3 * BLOCK, 1, 0640);
	files_make("there", 2 * BLOCK, 2, 0400);
	old = open("there", O_RDONLY | O_CLOEXEC);
	assert_copied("new", "there");
	assert_true(files_is("there", 3 * BLOCK, 1));
	assert_int_equal(files_mode("there"), 0640);
	assert_true(files_content_is(old, 2 * BLOCK, 2));
	close(old);
}

static void test_through_a_link_the_file_it_leads_to_is_replaced(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(mkdir("elsewhere", 0755), 0);
	files_make("elsewhere/target", 5, 1, 0644);
	assert_int_equal(symlink("elsewhere/target", "link"), 0);
	files_make("a", 50, 2, 0644);
	assert_copied("a", "link");
	assert_int_equal(lstat("link", &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_true(files_is("elsewhere/target", 50, 2));
	assert_no_temporary("elsewhere");
	assert_int_equal(symlink("elsewhere/nobody", "dangling"), 0);
	assert_copied("a", "dangling");
	assert_true(files_is("dangling", 50, 2));
}

static void test_a_file_is_not_copied_onto_itself(void **state)
{
	static const char *const names[] = { "self", "./self", "hard link", "soft link", "." };

	(void)state;
	files_make("self", 100, 1, 0644);
	assert_int_equal(link("self", "hard link"), 0);
	assert_int_equal(symlink("self", "soft link"), 0);
	for (int i = 0; i < 5; i++)
		assert_not_copied("self", names[i], ": is the same file as the source");
	assert_true(files_is("self", 100, 1));
}

/* --- what is refused ------------------------------------------------------------------------- */

static void test_only_regular_files_are_copied(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "socket" };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	assert_int_equal(mkdir("a folder", 0755), 0);
	assert_int_equal(mkfifo("fifo", 0644), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_not_copied("a folder", "never", "a folder: Is a directory");
	assert_not_copied("a folder/", "never", "a folder/: Is a directory");
	assert_not_copied("fifo", "never", "fifo: not a regular file");
	assert_not_copied("/dev/zero", "never", "/dev/zero: not a regular file");
	assert_not_copied("socket", "never", "socket: ");
	assert_int_not_equal(access("never", F_OK), 0);
	close(fd);
}

/* `rondo cp a /dev/null` by root must not leave a file there. */
static void test_only_regular_files_are_replaced(void **state)
{
	struct stat st;

	(void)state;
	files_make("a", 10, 1, 0644);
	assert_int_equal(mkfifo("pipe", 0644), 0);
	assert_not_copied("a", "pipe", "pipe: not a regular file");
	assert_int_equal(stat("pipe", &st), 0);
	assert_true(S_ISFIFO(st.st_mode));
	if (mknod("null", S_IFCHR | 0666, makedev(1, 3)) == 0)
		assert_not_copied("a", "null", "null: not a regular file");
}

static void test_a_missing_folder_is_not_made(void **state)
{
	(void)state;
	files_make("a", 10, 1, 0644);
	assert_not_copied("a", "none/b", "none/b: No such file or directory");
	assert_not_copied("a", "none/", "none/: No such file or directory");
	assert_not_copied("a", "a/b", "a/b: Not a directory");
	assert_int_not_equal(access("none", F_OK), 0);
}

static int as_ordinary_user(void)
{
	return child_be_ordinary();
}

static void test_what_the_user_may_not_do_is_refused(void **state)
{
	struct command c = { .prepare = as_ordinary_user };

	(void)state;
	assert_int_equal(mkdir("mine", 0555), 0);
	files_make("readable", 10, 1, 0644);
	files_make("secret", 10, 1, 0000);
	assert_int_equal(mkdir("drop", 0777), 0);
	assert_int_equal(chmod("drop", 01777), 0);
	copy(&c, "readable", "mine/b");
	assert_refuses(&c, FAILED, "mine/b: Permission denied");
	copy(&c, "secret", "drop/b");
	assert_refuses(&c, FAILED, "secret: Permission denied");
	assert_no_temporary("drop");
	assert_no_temporary("mine");
}

/* Into a drop box one may put things without seeing what is there; so it cannot be put on the disk
 * as a folder. That must not turn a finished copy into a failure. */
static void test_a_folder_that_cannot_be_read_can_be_copied_to(void **state)
{
	struct command c = { .prepare = as_ordinary_user };

	(void)state;
	files_make("readable", 10, 1, 0644);
	assert_int_equal(mkdir("drop box", 0777), 0);
	assert_int_equal(chmod("drop box", 0333), 0);
	copy(&c, "readable", "drop box/b");
	assert_succeeds(&c);
	assert_int_equal(chmod("drop box", 0755), 0);
	assert_true(files_is("drop box/b", 10, 1));
	assert_no_temporary("drop box");
}

/* --- the bar --------------------------------------------------------------------------------- */

/* A terminal of the usual size; returns the end to read from, *tty is what a program gets. */
static int open_terminal(int *tty)
{
	const struct winsize size = { .ws_row = 24, .ws_col = 80 };
	int fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);

	*tty = -1;
	if (fd >= 0 && grantpt(fd) == 0 && unlockpt(fd) == 0)
		*tty = open(ptsname(fd), O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (*tty < 0) {
		print_message("no pseudo-terminal can be had here\n");
		close(fd);
		skip();
	}
	assert_int_equal(ioctl(*tty, TIOCSWINSZ, &size), 0);
	return fd;
}

/* What a copy shows on a terminal; the exit code goes to *c. */
static void watch_copy(struct command *c, const char *from, const char *to, char *shown,
		       size_t size)
{
	int tty, fd = open_terminal(&tty);

	*c = (struct command){ .arguments = { "cp", from, to }, .err_fd = tty };
	command_start(c);
	close(tty);
	shown[0] = '\0';
	while (command_read_some(fd, shown, size))	/* ends with EIO when nobody has it open */
		;
	close(fd);
	command_end(c);
}

static void test_on_a_terminal_a_bar_is_drawn_to_its_end(void **state)
{
	char shown[16384], *last;
	struct command c;

	(void)state;
	files_make("a", 8 * MIB, 1, 0644);
	watch_copy(&c, "a", "a name so long that with a bar it would not fit into one line of 80",
		   shown, sizeof(shown));
	assert_succeeds(&c);
	assert_string_equal(c.out, "");
	assert_int_equal(shown[0], '\r');
	last = strrchr(shown, '[');
	assert_non_null(last);
	assert_string_equal(last, "[################################] 100% 8.0 MiB\r\n");
	for (char *rest = shown, *line; (line = strsep(&rest, "\r"));)
		assert_true(strlen(line) < 80);
}

static void test_an_error_has_a_line_of_its_own_below_the_bar(void **state)
{
	static const char expected[] = "\r\nrondo: none/b: No such file or directory\r\n";
	char shown[4096];
	struct command c;

	(void)state;
	files_make("a", 10, 1, 0644);
	watch_copy(&c, "a", "none/b", shown, sizeof(shown));
	assert_status(&c, FAILED);
	assert_string_equal(shown, expected + 2);	/* no bar, nothing was copied */
	watch_copy(&c, "a", "b", shown, sizeof(shown));
	assert_status(&c, OK);
	assert_null(strstr(shown, "rondo"));
}

static void test_without_a_terminal_no_bar_is_drawn(void **state)
{
	int fd = open("stderr", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	struct command c = { .err_fd = fd };

	(void)state;
	files_make("a", 8 * MIB, 1, 0644);
	copy(&c, "a", "b");
	assert_succeeds(&c);
	assert_int_equal(lseek(fd, 0, SEEK_END), 0);
	close(fd);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_files_of_any_size_are_copied_with_their_mode),
	cmocka_unit_test(test_set_id_bits_are_not_copied),
	cmocka_unit_test(test_holes_are_copied_as_zeros),
	cmocka_unit_test(test_files_that_hide_their_size_are_copied),
	cmocka_unit_test(test_names_may_have_spaces_and_more),
	cmocka_unit_test(test_into_a_folder_it_keeps_its_name),
	cmocka_unit_test(test_an_existing_file_is_replaced_at_once),
	cmocka_unit_test(test_through_a_link_the_file_it_leads_to_is_replaced),
	cmocka_unit_test(test_a_file_is_not_copied_onto_itself),
	cmocka_unit_test(test_only_regular_files_are_copied),
	cmocka_unit_test(test_only_regular_files_are_replaced),
	cmocka_unit_test(test_a_missing_folder_is_not_made),
	cmocka_unit_test(test_what_the_user_may_not_do_is_refused),
	cmocka_unit_test(test_a_folder_that_cannot_be_read_can_be_copied_to),
	cmocka_unit_test(test_on_a_terminal_a_bar_is_drawn_to_its_end),
	cmocka_unit_test(test_an_error_has_a_line_of_its_own_below_the_bar),
	cmocka_unit_test(test_without_a_terminal_no_bar_is_drawn),
};

COMMAND_MAIN(tests, command_enter)
