/* SPDX-License-Identifier: MIT */
/* test_server_unix.c - servers on AF_UNIX sockets (row V9). Goal: the socket file is there while the
 * server is, and nobody else's file is ever touched. Method: files that a server may find, in a folder
 * of its own. */
#include "stream/servers.h"
#include "support/folder.h"

#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>

static char path[128];

static int start(const struct rondo_server_options *o, rondo_server **server)
{
	return rondo_start_unix_server(servers_echo, NULL, path, o, server);
}

static bool is_socket(void)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISSOCK(st.st_mode);
}

static int echo_once(const char *where)
{
	rondo_stream *s;
	int ret = rondo_open_unix_connection(where, NULL, &s);

	if (ret < 0)
		return ret;
	ret = servers_say(s, "hello");
	(void)rondo_stream_close(s);
	return ret;
}

/* q18: the path is there, and gone at close. */
static int a_file_that_comes_and_goes(void *arg)
{
	const struct rondo_server_options o = { .mode = 0620 };
	rondo_server *server;
	struct stat st;

	(void)arg;
	CHECK_EQUAL(start(&o, &server), 0);
	CHECK_EQUAL(lstat(path, &st), 0);
	CHECK_EQUAL(st.st_mode & 07777, 0620);
	CHECK_EQUAL(rondo_server_port(server), -EAFNOSUPPORT);
	CHECK_EQUAL(echo_once(path), 0);
	rondo_server_close(server);
	CHECK_EQUAL(rondo_server_wait_closed(server), 0);
	CHECK(!is_socket());
	rondo_server_free(server);
	return 0;
}

SERVERS_RUN(test_the_file_comes_and_goes, a_file_that_comes_and_goes)

static int left_behind(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(a.sun_path, path);
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(fd, 1) < 0)
		return -1;
	return close(fd);
}

/* What a crashed server left is replaced. */
static int a_stale_socket(void *arg)
{
	rondo_server *server;

	(void)arg;
	CHECK_EQUAL(left_behind(), 0);
	CHECK_EQUAL(start(NULL, &server), 0);
	CHECK_EQUAL(echo_once(path), 0);
	rondo_server_free(server);
	CHECK(!is_socket());
	return 0;
}

SERVERS_RUN(test_a_stale_socket_is_replaced, a_stale_socket)

/* Here asyncio would take the path from the server that is there. */
static int a_live_server(void *arg)
{
	rondo_server *server, *other = NULL;

	(void)arg;
	CHECK_EQUAL(start(NULL, &server), 0);
	CHECK_EQUAL(start(NULL, &other), -EADDRINUSE);
	CHECK(!other);
	CHECK_EQUAL(echo_once(path), 0);
	rondo_server_free(server);
	return 0;
}

SERVERS_RUN(test_a_live_server_keeps_its_path, a_live_server)

/* A file, a folder, a link to a stale socket: never removed. */
static int other_files(void *arg)
{
	char target[140];
	rondo_server *server;
	struct stat st;
	FILE *f = fopen(path, "w");

	(void)arg;
	CHECK(f && fclose(f) == 0);
	CHECK_EQUAL(start(NULL, &server), -EADDRINUSE);
	CHECK(lstat(path, &st) == 0 && S_ISREG(st.st_mode));
	CHECK_EQUAL(unlink(path), 0);
	CHECK_EQUAL(mkdir(path, 0700), 0);
	CHECK_EQUAL(start(NULL, &server), -EADDRINUSE);
	CHECK_EQUAL(rmdir(path), 0);
	CHECK_EQUAL(left_behind(), 0);
	snprintf(target, sizeof(target), "%s.target", path);
	CHECK_EQUAL(rename(path, target), 0);
	CHECK_EQUAL(symlink(target, path), 0);
	CHECK_EQUAL(start(NULL, &server), -EADDRINUSE);
	CHECK(lstat(path, &st) == 0 && S_ISLNK(st.st_mode));
	CHECK_EQUAL(unlink(path), 0);
	return unlink(target);
}

SERVERS_RUN(test_other_files_are_left_alone, other_files)

/* V9: only unlinked if the inode is still ours; keep_path: not at all. */
static int replaced_meanwhile(void *arg)
{
	const struct rondo_server_options keep = { .keep_path = true };
	rondo_server *server;

	(void)arg;
	CHECK_EQUAL(start(NULL, &server), 0);
	CHECK_EQUAL(unlink(path), 0);
	CHECK_EQUAL(left_behind(), 0);	/* as a new server would, while the old one ends */
	rondo_server_free(server);
	CHECK(is_socket());
	CHECK_EQUAL(unlink(path), 0);
	CHECK_EQUAL(start(&keep, &server), 0);
	rondo_server_free(server);
	CHECK(is_socket());
	return unlink(path);
}

SERVERS_RUN(test_a_file_that_was_replaced_stays, replaced_meanwhile)

static int abstract_name(void *arg)
{
	char name[64];
	rondo_server *server, *other;

	(void)arg;
	snprintf(name, sizeof(name), "@rondo-server-%d", getpid());
	CHECK_EQUAL(rondo_start_unix_server(servers_echo, NULL, name, NULL, &server), 0);
	CHECK_EQUAL(echo_once(name), 0);
	CHECK_EQUAL(rondo_start_unix_server(servers_echo, NULL, name, NULL, &other), -EADDRINUSE);
	CHECK(access(name, F_OK) < 0);
	rondo_server_free(server);
	CHECK_EQUAL(echo_once(name), -ECONNREFUSED);
	CHECK_EQUAL(rondo_start_unix_server(servers_echo, NULL, "", NULL, &other), -EINVAL);
	CHECK_EQUAL(rondo_start_unix_server(servers_echo, NULL, "/nowhere/at/all", NULL, &other),
		    -ENOENT);
	return 0;
}

SERVERS_RUN(test_abstract_names, abstract_name)

static void test_kn45_what_waits_at_an_af_unix_listener_outlives_its_shutdown(void **state)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fds[3];

	(void)state;
	strcpy(a.sun_path, path);
	for (int i = 0; i < 3; i++)
		fds[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fds[0], (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(fds[0], 4), 0);
	assert_int_equal(connect(fds[1], (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(shutdown(fds[0], SHUT_RDWR), 0);
	assert_int_equal(connect(fds[2], (struct sockaddr *)&a, sizeof(a)), -1);
	assert_int_equal(errno, ECONNREFUSED);
	close(fds[2]);
	fds[2] = accept(fds[0], NULL, NULL);
	assert_true(fds[2] >= 0);
	assert_int_equal(accept(fds[0], NULL, NULL), -1);
	assert_int_equal(errno, EINVAL);
	for (int i = 0; i < 3; i++)
		close(fds[i]);
	unlink(path);
}

/* A graceful shutdown of AF_UNIX loses nobody: who has connected is served. */
static int backlog_is_served(void *arg)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	rondo_server *server;
	int fds[8];

	(void)arg;
	strcpy(a.sun_path, path);
	CHECK_EQUAL(start(NULL, &server), 0);
	for (int i = 0; i < 8; i++) {
		fds[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		CHECK_EQUAL(connect(fds[i], (struct sockaddr *)&a, sizeof(a)), 0);
		CHECK_EQUAL(send(fds[i], "x", 1, 0), 1);
		CHECK_EQUAL(rondo_shutdown(fds[i], SHUT_WR), 0);
	}
	CHECK_EQUAL(rondo_server_shutdown(server, 10), 0);
	for (int i = 0; i < 8; i++) {
		char bytes[2];

		CHECK_EQUAL(recv(fds[i], bytes, 2, MSG_WAITALL), 1);
		close(fds[i]);
	}
	rondo_server_free(server);
	return 0;
}

SERVERS_RUN(test_shutdown_serves_the_backlog, backlog_is_served)

/* A kernel that does not let a socket listen, and where the task has just been cancelled. */
static long no_listening(const struct kernel *k, long number, long a, long b, long c, long d,
			 long e, long f)
{
	if (number != SYS_listen)
		return rondo__kernel_linux.call(k, number, a, b, c, d, e, f);
	rondo_cancel(rondo_current_task());
	return -ENOBUFS;
}

static int failing_server(void *arg)
{
	rondo_server *server;

	(void)arg;
	CHECK_EQUAL(start(NULL, &server), -ENOBUFS);
	CHECK(!is_socket());
	CHECK_EQUAL(rondo_yield(), -ECANCELED);
	return 0;
}

/* The cancel is for the next await of the program's, not for the tidying up. */
static void test_a_server_that_fails_leaves_no_file(void **state)
{
	struct kernel k = rondo__kernel_linux;
	int n_fds = count_fds();

	(void)state;
	k.call = no_listening;
	assert_int_equal(rondo__run_on(&k, NULL, failing_server, NULL), 0);
	assert_checks_passed();
	assert_int_equal(count_fds(), n_fds);
}

static int set_up(void **state)
{
	(void)state;
	snprintf(path, sizeof(path), "rondo-server-%d.sock", getpid());
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_file_comes_and_goes),
		cmocka_unit_test(test_a_stale_socket_is_replaced),
		cmocka_unit_test(test_a_live_server_keeps_its_path),
		cmocka_unit_test(test_other_files_are_left_alone),
		cmocka_unit_test(test_a_file_that_was_replaced_stays),
		cmocka_unit_test(test_abstract_names),
		cmocka_unit_test(test_kn45_what_waits_at_an_af_unix_listener_outlives_its_shutdown),
		cmocka_unit_test(test_shutdown_serves_the_backlog),
		cmocka_unit_test(test_a_server_that_fails_leaves_no_file),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
